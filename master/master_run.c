/* SPDX-License-Identifier: ISC */
#include "master/master_run.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/must.h"
#include "lib/base/num.h"
#include "lib/conf/conf_sections.h"
#include "lib/sys/fd.h"
#include "lib/sys/path.h"
#include "master/master_control.h"
#include "master/master_drop.h"
#include "master/master_notify.h"
#include "master/master_priv.h"
#include "master/master_wire.h"

enum { FILES_WANTED = 65536 };

/* An error of the start, on standard error: there is no log yet. */
static int
complain(struct buf *text, int code)
{
	struct slice s = buf_slice(text);

	if (s.n > 0)
		(void)!fwrite(s.p, 1, s.n, stderr);
	return code;
}

static int
read_config(struct master *m)
{
	struct buf errors, warnings;
	int code = 0;

	buf_init(&errors, CONF_ERRORS_MAX);
	buf_init(&warnings, CONF_ERRORS_MAX);
	if (master_config_read(m->config_dir, &m->paths, &m->boot_conf, &errors,
	    &warnings) != ERR_OK)
		code = complain(&errors, EX_CONFIG);
	else
		(void)complain(&warnings, 0);
	buf_fini(&errors);
	buf_fini(&warnings);
	/* A second reading is the one that reloads replace. */
	buf_init(&errors, CONF_ERRORS_MAX);
	buf_init(&warnings, CONF_ERRORS_MAX);
	if (code == 0 && master_config_read(m->config_dir, &m->paths, &m->conf, &errors,
	    &warnings) != ERR_OK)
		code = complain(&errors, EX_CONFIG);
	buf_fini(&errors);
	buf_fini(&warnings);
	return code;
}

static unsigned
processors(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) != 0)
		return 1;
	return (unsigned)CPU_COUNT(&set);
}

static bool
has_listener(const struct master *m, const struct plan_role *role)
{
	const struct conf_section *s;

	for (size_t i = 0; (s = conf_find(m->conf, "listen", i)) != NULL; i++) {
		const struct listen_options *o = s->values;

		if ((role->services & 1u << o->service) != 0 ||
		    (role->role == IPC_CMTPD && o->cmtp == CONF_CMTP_YES))
			return true;
	}
	return false;
}

/* "processes" of the role's own section, the last of its list. */
static unsigned
count_of(const struct master *m, const struct plan_role *role)
{
	const struct conf_section *s;
	const struct opt *o;
	struct buf text;
	uint64_t n = 0;
	size_t last = 0;

	if (role->is_on_demand && !has_listener(m, role))
		return 0;
	if (!role->is_many)
		return 1;
	while (last + 1 < PLAN_SECTIONS_MAX && role->sections[last + 1] != NULL)
		last++;
	s = conf_find(m->conf, role->sections[last], 0);
	o = opt_find(s->def, SLICE_LIT("processes"));
	buf_init(&text, 64);
	opt_print(o, s->values, &text);
	if (num_parse_u64(buf_slice(&text), PLAN_PROCESSES_MAX, &n) != ERR_OK || n == 0)
		n = processors();
	buf_fini(&text);
	return n > PLAN_PROCESSES_MAX ? PLAN_PROCESSES_MAX : (unsigned)n;
}

/* ERR_NOTFOUND: there is no such user. */
static enum err
ids_of(const struct master *m, const struct plan_role *role, uint32_t *uid, uint32_t *gid,
    struct buf *why)
{
	const struct godwit_options *o = conf_values(m->conf, "godwit");
	const struct passwd *pw;
	char name[64];

	*uid = *gid = 0;
	if (geteuid() != 0)
		return ERR_OK;
	*uid = *gid = (uint32_t)o->uid_base + role->uid_offset;
	if (o->uid_base != 0)
		return ERR_OK;
	snprintf(name, sizeof(name), "_godwit-%s", role->name);
	pw = getpwnam(name);
	if (pw == NULL) {
		buf_printf(why, "user %s does not exist; allowed: make it, or set uid_base\n",
		    name);
		return ERR_NOTFOUND;
	}
	*uid = pw->pw_uid;
	*gid = pw->pw_gid;
	return ERR_OK;
}

static void on_restart(void *arg);

static enum err
make_procs(struct master *m, struct buf *why)
{
	size_t n = 0, at = 0;

	for (const struct plan_role *r = plan_roles; r->role != IPC_NOBODY; r++)
		n += count_of(m, r);
	m->procs = must_alloc(n, sizeof(*m->procs));
	m->proc_count = n;
	for (const struct plan_role *r = plan_roles; r->role != IPC_NOBODY; r++) {
		for (unsigned i = count_of(m, r); i > 0; i--) {
			struct master_proc *p = &m->procs[at++];

			p->m = m;
			p->role = r;
			p->idx = i - 1;
			timer_init(&p->restart, m->loop, on_restart, p);
			if (ids_of(m, r, &p->uid, &p->gid, why) != ERR_OK)
				return ERR_NOTFOUND;
		}
	}
	master_wire_init(m);
	return ERR_OK;
}

static void
on_restart(void *arg)
{
	master_spawn_again(arg);
}

/* The owner's alone, and only made here when it is missing. */
static enum err
make_data_dir(const struct master_proc *p, struct buf *why)
{
	const char *dir = master_spawn_dir(p);
	struct stat st;
	uid_t owner = p->uid != 0 ? p->uid : geteuid();

	if (stat(dir, &st) != 0) {
		if (path_make_all(dir, 0700) != ERR_OK ||
		    (p->uid != 0 && lchown(dir, p->uid, p->gid) != 0) || stat(dir, &st) != 0) {
			buf_printf(why, "%s: %s\n", dir, strerror(errno));
			return ERR_IO;
		}
	}
	if (st.st_uid != owner) {
		buf_printf(why, "%s: belongs to uid %u; allowed: uid %u\n", dir,
		    (unsigned)st.st_uid, (unsigned)owner);
		return ERR_DENIED;
	}
	/* Who can write there can put files of his own in the place of ours. */
	if ((st.st_mode & 022) != 0) {
		buf_printf(why, "%s: mode %04o; allowed: writable by its owner only\n", dir,
		    (unsigned)(st.st_mode & 07777));
		return ERR_DENIED;
	}
	return ERR_OK;
}

static enum err
make_dirs(struct master *m, struct buf *why)
{
	if (path_make_all(m->paths.run, 0755) != ERR_OK ||
	    path_make_all(m->paths.empty, 0555) != ERR_OK) {
		buf_printf(why, "%s: %s\n", m->paths.run, strerror(errno));
		return ERR_IO;
	}
	for (size_t i = 0; i < m->proc_count; i++) {
		if (m->procs[i].role->dir != PLAN_DIR_NONE &&
		    make_data_dir(&m->procs[i], why) != ERR_OK)
			return ERR_IO;
	}
	return ERR_OK;
}

/*
 * One master for an instance: it holds the lock as long as it lives.  Not
 * flock(2): a child that is not a daemon yet would go on holding that.
 */
static enum err
lock(struct master *m, struct buf *why)
{
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char text[32];
	int n;

	m->pid_fd = open(m->paths.pid, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (m->pid_fd < 0) {
		buf_printf(why, "%s: %s\n", m->paths.pid, strerror(errno));
		return ERR_IO;
	}
	if (fcntl(m->pid_fd, F_SETLK, &whole) != 0) {
		buf_put_str(why, "godwit is running already\n");
		return ERR_EXISTS;
	}
	n = snprintf(text, sizeof(text), "%d\n", (int)getpid());
	if (ftruncate(m->pid_fd, 0) != 0 || n < 0 ||
	    fd_pwrite_all(m->pid_fd, text, (size_t)n, 0) != ERR_OK) {
		buf_printf(why, "%s: %s\n", m->paths.pid, strerror(errno));
		return ERR_IO;
	}
	return ERR_OK;
}

static void
harden(void)
{
	struct rlimit files, core = { 0, 0 };

	/* Daemons inherit this, and only lose by it what they must not have. */
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	(void)setrlimit(RLIMIT_CORE, &core);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		if (files.rlim_max < FILES_WANTED && geteuid() == 0)
			files.rlim_max = FILES_WANTED;
		files.rlim_cur = files.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &files) != 0 &&
		    getrlimit(RLIMIT_NOFILE, &files) == 0) {
			files.rlim_cur = files.rlim_max;
			(void)setrlimit(RLIMIT_NOFILE, &files);
		}
	}
}

enum err
master_run_reload(struct master *m, struct buf *text)
{
	struct master_paths paths;
	struct conf *fresh;
	struct buf warnings;
	enum err e;

	if (m->phase == MASTER_STOPPING) {
		buf_put_str(text, "godwit is stopping\n");
		return ERR_STATE;
	}
	buf_init(&warnings, CONF_ERRORS_MAX);
	e = master_config_read(m->config_dir, &paths, &fresh, text, &warnings);
	log_event(LOG_config, log_str("file", m->paths.config),
	    log_str("result", e == ERR_OK ? "reloaded" : "refused"));
	if (e == ERR_OK) {
		master_config_keep(m->conf, fresh, &warnings);
		conf_free(&m->conf);
		m->conf = fresh;
		m->generation++;
		m->config_ms = loop_now(m->loop);
		for (size_t i = 0; i < m->proc_count; i++) {
			if (m->procs[i].ctl != NULL)
				master_spawn_reload(&m->procs[i]);
		}
		buf_put_slice(text, buf_slice(&warnings));
	}
	buf_fini(&warnings);
	return e;
}

static void
log_lines(struct slice text)
{
	struct slice line;

	while (text.n > 0) {
		text = slice_cut(text, '\n', &line);
		if (line.n > 0)
			log_event(LOG_config, log_str("file", CONF_FILE_NAME),
			    log_text("result", line));
	}
}

static void
on_hangup(struct master *m)
{
	struct buf text;

	master_notify("RELOADING=1");
	buf_init(&text, CONF_ERRORS_MAX);
	(void)!master_run_reload(m, &text);
	log_lines(buf_slice(&text));
	buf_fini(&text);
	master_notify("READY=1");
}

static void
on_signal(void *arg, int events)
{
	struct master *m = arg;
	struct signalfd_siginfo si;

	if (events < 0)
		return;
	while (read(m->signal_fd, &si, sizeof(si)) == (ssize_t)sizeof(si)) {
		switch (si.ssi_signo) {
		case SIGCHLD:
			master_watch_reap(m);
			break;
		case SIGTERM:
		case SIGINT:
			master_watch_stop(m);
			break;
		case SIGHUP:
			on_hangup(m);
			break;
		case SIGUSR1:
			(void)!master_log_reopen(m->log);
			break;
		}
	}
}

static bool
watch_signals(struct master *m)
{
	static const int signals[] = { SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGUSR1 };
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < lengthof(signals); i++) {
		sigaddset(&set, signals[i]);
		/* A shell that starts us in the background ignores some. */
		signal(signals[i], SIG_DFL);
	}
	signal(SIGPIPE, SIG_IGN);
	if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
		return false;
	m->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (m->signal_fd < 0)
		return false;
	m->signals = loop_poll_new(m->loop, m->signal_fd, on_signal, m);
	loop_poll_set(m->signals, LOOP_READ);
	return true;
}

static int
exit_code_of(enum err e)
{
	switch (err_class(e)) {
	case ERR_CLASS_NONE:
		return EX_OK;
	case ERR_CLASS_PERM:
		return e == ERR_DENIED ? EX_NOPERM : e == ERR_EXISTS ? EX_CANTCREAT : EX_CONFIG;
	case ERR_CLASS_TEMP:
		break;
	}
	return e == ERR_IO ? EX_IOERR : EX_TEMPFAIL;
}

/* Everything that can fail, and say so to the person who started us. */
static enum err
prepare(struct master *m, const char *log_path, struct buf *why)
{
	enum err e = make_procs(m, why);

	if (e == ERR_OK)
		e = make_dirs(m, why);
	if (e == ERR_OK)
		e = lock(m, why);
	if (e == ERR_OK) {
		if (m->paths.log[0] != '\0')
			log_path = m->paths.log;
		e = master_log_new(m->loop, log_path != NULL ? log_path : "", &m->log);
		if (e != ERR_OK)
			buf_printf(why, "%s: %s\n", log_path, strerror(errno));
		else
			master_log_own(m->log);
	}
	if (e == ERR_OK)
		e = master_listen_bind(&m->listeners, m->boot_conf, why);
	if (e == ERR_OK)
		e = master_listen_local(&m->listeners, m->paths.run, why);
	if (e == ERR_OK)
		e = master_control_new(m, &m->control, why);
	if (e == ERR_OK)
		e = master_drop_new(m, &m->drop, why);
	if (e == ERR_OK && !watch_signals(m))
		e = ERR_SYS;
	return e;
}

static void
fini(struct master *m)
{
	for (size_t i = 0; i < m->proc_count; i++)
		master_spawn_fini(&m->procs[i]);
	master_wire_fini(m);
	master_control_free(&m->control);
	master_drop_free(&m->drop);
	master_listen_close(&m->listeners);
	loop_poll_free(&m->signals);
	if (m->signal_fd >= 0)
		close(m->signal_fd);
	master_log_free(&m->log);
	if (m->pid_fd >= 0) {
		(void)unlink(m->paths.pid);
		close(m->pid_fd);
	}
	conf_free(&m->conf);
	conf_free(&m->boot_conf);
	free(m->procs);
	loop_free(&m->loop);
}

int
master_run(const char *config_dir, const char *log_path, void (*on_ready)(void *), void *arg)
{
	struct master m = { .config_dir = config_dir, .on_ready = on_ready,
	    .on_ready_arg = arg, .pid_fd = -1, .signal_fd = -1, .generation = 1 };
	struct buf why;
	enum err e;
	int code = read_config(&m);

	if (code != 0) {
		conf_free(&m.boot_conf);
		return code;
	}
	/* Instances of two starts must differ: tokens name them. */
	if (getrandom(&m.next_instance, sizeof(m.next_instance), 0) < 0)
		return EX_TEMPFAIL;
	m.next_instance &= 0x3fffffff;
	harden();
	m.loop = loop_new();
	m.started_ms = m.config_ms = loop_now(m.loop);
	buf_init(&why, 65536);
	e = prepare(&m, log_path, &why);
	if (e != ERR_OK) {
		if (e == ERR_EXISTS && m.pid_fd >= 0 && m.listeners.n == 0) {
			close(m.pid_fd);	/* not ours to remove */
			m.pid_fd = -1;
		}
		code = complain(&why, exit_code_of(e));
	} else {
		log_event(LOG_start, log_str("version", GODWIT_VERSION));
		master_spawn_all(&m);
		loop_run(m.loop);
	}
	buf_fini(&why);
	fini(&m);
	return code;
}
