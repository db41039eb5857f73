/* SPDX-License-Identifier: ISC */
#include "master/master_drop.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/base/must.h"
#include "lib/sys/fd.h"
#include "lib/sys/path.h"
#include "master/master_priv.h"

struct master_drop {
	struct master	*m;
	struct timer	 timer;
	int		 dir;		/* O_RDONLY */
	pid_t		 pid;		/* 0: none is handed over now */
	uid_t		 uid;		/* its owner */
	char		 name[NAME_MAX + 1];
	char		 after[NAME_MAX + 1];	/* done in this round */
};

static void next_file(struct master_drop *d);

static void
on_timer(void *arg)
{
	struct master_drop *d = arg;

	d->after[0] = '\0';
	if (d->pid == 0)
		next_file(d);
}

enum err
master_drop_new(struct master *m, struct master_drop **out, struct buf *why)
{
	struct master_drop *d;
	struct stat st;
	int fd = -1;

	if (path_make_all(m->paths.drop, 0700) == ERR_OK)
		fd = open(m->paths.drop, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || fstat(fd, &st) != 0 || st.st_uid != geteuid() ||
	    fchmod(fd, 01733) != 0) {
		buf_printf(why, "%s: %s\n", m->paths.drop, fd >= 0 && st.st_uid != geteuid() ?
		    "belongs to somebody else" : strerror(errno));
		fd_close(&fd);
		return ERR_IO;
	}
	d = must_alloc(1, sizeof(*d));
	d->m = m;
	d->dir = fd;
	timer_init(&d->timer, m->loop, on_timer, d);
	*out = d;
	return ERR_OK;
}

void
master_drop_free(struct master_drop **dp)
{
	struct master_drop *d = *dp;

	*dp = NULL;
	if (d == NULL)
		return;
	timer_stop(&d->timer);
	fd_close(&d->dir);
	free(d);
}

void
master_drop_start(struct master_drop *d)
{
	on_timer(d);
}

void
master_drop_stop(struct master_drop *d)
{
	if (d != NULL)
		timer_stop(&d->timer);
}

/* ---- one file ---- */

/* Who owns it, for good. */
static bool
become(uid_t uid, gid_t gid)
{
	if (geteuid() != 0)
		return true;
	if (uid == 0)
		uid = gid = MASTER_DROP_NOBODY;
	return setgroups(0, NULL) == 0 && setresgid(gid, gid, gid) == 0 &&
	    setresuid(uid, uid, uid) == 0 && setuid(0) != 0;
}

static void NORETURN
child(const struct master_drop *d, int file, const struct stat *st)
{
	char path[PATH_MAX + 16], config[PATH_MAX];
	char name[] = "sendmail", drop[] = "-Z", c[] = "-C";
	char *argv[] = { name, c, config, drop, NULL }, *env[] = { NULL };
	sigset_t none;

	(void)snprintf(path, sizeof(path), "%s/sendmail", d->m->paths.sbin);
	(void)snprintf(config, sizeof(config), "%s", d->m->paths.config);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
	if (fd_put_null(1) != ERR_OK || fd_put_null(2) != ERR_OK || dup2(file, 0) != 0)
		_exit(EX_TEMPFAIL);
	fd_close_from(3);
	if (!become(st->st_uid, st->st_gid) || chdir("/") != 0)
		_exit(EX_TEMPFAIL);
	execve(path, argv, env);
	_exit(EX_TEMPFAIL);
}

static bool
hand_over(struct master_drop *d, const char *name)
{
	/* A pipe would make open wait. */
	int fd = openat(d->dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return false;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1) {
		d->pid = fork();
		if (d->pid == 0)
			child(d, fd, &st);
		if (d->pid < 0)
			d->pid = 0;
		d->uid = st.st_uid;
		(void)snprintf(d->name, sizeof(d->name), "%s", name);
	}
	close(fd);
	return d->pid > 0;
}

/* The lowest name above after: order of arrival, and each once in a round. */
static bool
find_next(const struct master_drop *d, char found[NAME_MAX + 1])
{
	int fd = openat(d->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *e;
	unsigned count = 0;

	found[0] = '\0';
	if (dir == NULL) {
		fd_close(&fd);
		return false;
	}
	while ((e = readdir(dir)) != NULL && count++ < MASTER_DROP_NAMES) {
		/* What is being written, and what was refused. */
		if (e->d_name[0] == '.' || strcmp(e->d_name, d->after) <= 0)
			continue;
		if (found[0] == '\0' || strcmp(e->d_name, found) < 0)
			(void)snprintf(found, NAME_MAX + 1, "%s", e->d_name);
	}
	closedir(dir);
	return found[0] != '\0';
}

static void
next_file(struct master_drop *d)
{
	char name[NAME_MAX + 1];

	while (d->m->phase == MASTER_SERVING && find_next(d, name)) {
		memcpy(d->after, name, sizeof(d->after));
		if (hand_over(d, name))
			return;
	}
	if (d->m->phase == MASTER_SERVING)
		timer_set(&d->timer, loop_now(d->m->loop) + MASTER_DROP_MS);
}

bool
master_drop_reaped(struct master_drop *d, pid_t pid, int status)
{
	char hidden[NAME_MAX + 16];
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : EX_TEMPFAIL;
	const char *result = "deferred";

	if (d == NULL || d->pid != pid)
		return false;
	d->pid = 0;
	if (code == EX_OK) {
		result = "taken";
		(void)unlinkat(d->dir, d->name, 0);
	} else if (code != EX_TEMPFAIL) {
		/* Not of ours, or not a message: left for who looks. */
		result = "refused";
		(void)snprintf(hidden, sizeof(hidden), ".refused-%s", d->name);
		(void)renameat(d->dir, d->name, d->dir, hidden);
	}
	log_event(LOG_drop, log_str("file", d->name), log_num("uid", d->uid),
	    log_str("result", result));
	next_file(d);
	return true;
}
