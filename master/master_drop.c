/* SPDX-License-Identifier: ISC */
#include "master/master_drop.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/base/must.h"
#include "lib/sys/fd.h"
#include "lib/sys/path.h"
#include "master/master_drop_scan.h"
#include "master/master_drop_share.h"
#include "master/master_priv.h"

struct master_drop {
	struct master			*m;
	struct timer			 timer;		/* go on, or the next round */
	struct timer			 late;		/* what runs takes too long */
	struct master_drop_scan		 scan;
	struct master_drop_share	 share;
	int				 dir;		/* O_RDONLY */
	pid_t				 pid;		/* 0: none is handed over now */
	uid_t				 uid;		/* its owner */
	char				 name[NAME_MAX + 1];
};

static void go_on(struct master_drop *d);

static void
on_timer(void *arg)
{
	struct master_drop *d = arg;

	if (d->pid == 0)
		go_on(d);
}

static void
on_late(void *arg)
{
	struct master_drop *d = arg;

	/* Its user may have stopped it, to keep the others waiting. */
	if (d->pid > 0)
		(void)kill(d->pid, SIGKILL);
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
	timer_init(&d->late, m->loop, on_late, d);
	master_drop_scan_init(&d->scan);
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
	timer_stop(&d->late);
	master_drop_scan_fini(&d->scan);
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

/* Not of ours, or not a message: left for who looks, under a name of its own. */
static void
refuse(struct master_drop *d, const char *name, uid_t uid, const char *reason)
{
	char hidden[NAME_MAX + 1];
	uint64_t random = 0;

	if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
		random = loop_now(d->m->loop);
	(void)snprintf(hidden, sizeof(hidden), ".refused-%.200s-%016llx", name,
	    (unsigned long long)random);
	if (renameat(d->dir, name, d->dir, hidden) != 0)
		return;		/* gone */
	log_event(LOG_drop, log_str("file", name), log_num("uid", uid),
	    log_str("result", "refused"), log_str("reason", reason));
}

static void
run(struct master_drop *d, const char *name, int fd, const struct stat *st)
{
	d->pid = fork();
	if (d->pid == 0)
		child(d, fd, st);
	if (d->pid < 0) {
		d->pid = 0;
		master_drop_share_defer(&d->share, st->st_uid, true);
		return;
	}
	d->uid = st->st_uid;
	(void)snprintf(d->name, sizeof(d->name), "%s", name);
	timer_set(&d->late, loop_now(d->m->loop) + MASTER_DROP_RUN_MS);
}

/* Is one running now? */
static bool
hand_over(struct master_drop *d, const char *name)
{
	struct stat st;
	int fd;

	if (fstatat(d->dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return false;
	if (!S_ISREG(st.st_mode) || st.st_nlink > 1) {
		refuse(d, name, st.st_uid, "not a file with one name");
		return false;
	}
	/* It may be another by now: a pipe would make open wait. */
	fd = openat(d->dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return false;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1 &&
	    master_drop_share_take(&d->share, st.st_uid, (uint64_t)st.st_size))
		run(d, name, fd, &st);
	close(fd);
	return d->pid > 0;
}

/* ---- rounds ---- */

static bool
begin_round(struct master_drop *d)
{
	master_drop_share_begin(&d->share);
	return master_drop_scan_begin(&d->scan, d->dir) == ERR_OK &&
	    master_drop_scan_more(&d->scan);
}

/* As far as a file to wait for, or a piece of the directory. */
static void
go_on(struct master_drop *d)
{
	uint64_t wait_ms = 0;
	const char *name;

	if (d->m->phase != MASTER_SERVING)
		return;
	if (d->scan.dir != NULL || begin_round(d)) {
		while ((name = master_drop_scan_next(&d->scan)) != NULL)
			if (hand_over(d, name))
				return;
		if (!master_drop_scan_more(&d->scan) && !d->share.has_left)
			wait_ms = MASTER_DROP_MS;
	} else {
		wait_ms = MASTER_DROP_MS;
	}
	timer_set(&d->timer, loop_now(d->m->loop) + wait_ms);
}

static void
on_ended(struct master_drop *d, int status)
{
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : EX_TEMPFAIL;
	bool is_taken = code == EX_OK && unlinkat(d->dir, d->name, 0) == 0;

	if (code != EX_OK && code != EX_TEMPFAIL) {
		refuse(d, d->name, d->uid, "not a message of sendmail's");
		return;
	}
	if (!is_taken)
		master_drop_share_defer(&d->share, d->uid, WIFSIGNALED(status));
	log_event(LOG_drop, log_str("file", d->name), log_num("uid", d->uid),
	    log_str("result", is_taken ? "taken" : "deferred"));
}

bool
master_drop_reaped(struct master_drop *d, pid_t pid, int status)
{
	if (d == NULL || d->pid != pid)
		return false;
	d->pid = 0;
	timer_stop(&d->late);
	on_ended(d, status);
	go_on(d);
	return true;
}
