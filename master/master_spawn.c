/* SPDX-License-Identifier: ISC */
/*
 * One daemon from fork to ctl_start.  At the first start all are forked, then
 * wired pairwise, then started; a single one that comes back is wired to the
 * neighbours that are there.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/conf/conf_sections.h"
#include "lib/sys/fd.h"
#include "master/master_priv.h"
#include "master/master_sections.h"
#include "master/master_wire.h"
#include "queue/queue_opt.h"

enum { CTL_FD = 3, ENV_MAX = 8, ENV_BYTES = 512 };

static void
on_ctl_ready(struct ipc_peer *peer, const void *m, struct ipc_in *in)
{
	const struct ipc_ctl_ready *ready = m;

	(void)in;
	master_watch_ready(ipc_peer_arg(peer), ready->layers);
}

static void
on_ctl_unwired(struct ipc_peer *peer, const void *m, struct ipc_in *in)
{
	(void)in;
	master_wire_lost(ipc_peer_arg(peer), m);
}

const struct ipc_handler	master_spawn_handlers[] = {
	{ IPC_MSG_ctl_ready, on_ctl_ready },
	{ IPC_MSG_ctl_unwired, on_ctl_unwired },
	{ IPC_MSG_none, NULL }
};

/* The process broke the control protocol or is about to be reaped. */
static void
on_ctl_gone(struct ipc_peer *peer, void *arg)
{
	struct master_proc *p = arg;

	(void)peer;
	ipc_peer_free(&p->ctl);
	if (p->pid > 0 && p->state != PROC_DRAINING)
		kill(p->pid, SIGKILL);
}

const char *
master_spawn_dir(const struct master_proc *p)
{
	const struct master_paths *paths = &p->m->paths;

	switch (p->role->dir) {
	case PLAN_DIR_KEYS:
		return paths->keys;
	case PLAN_DIR_SPOOL:
		return paths->spool;
	case PLAN_DIR_MAIL:
		return paths->mail;
	case PLAN_DIR_NONE:
		break;
	}
	return paths->empty;
}

/* Nothing of ours but what a sanitizer, a crash test or tests/power needs. */
static void
make_env(const struct master_proc *p, char text[ENV_BYTES], char *env[ENV_MAX])
{
	size_t n = 0;

	env[n] = NULL;
#ifdef GODWIT_TEST
	static const char *const kept[] = { "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS",
	    "LD_PRELOAD", "GODWIT_RECORD", "GODWIT_IMAP_TRANSCRIPT" };
	size_t at = 0;

	for (size_t i = 0; i < lengthof(kept); i++) {
		const char *value = getenv(kept[i]);

		if (value == NULL || at + strlen(kept[i]) + strlen(value) + 2 > ENV_BYTES)
			continue;
		env[n++] = text + at;
		at += (size_t)snprintf(text + at, ENV_BYTES - at, "%s=%s", kept[i], value) + 1;
	}
	if (p->crash_at[0] != '\0' && at + sizeof(p->crash_at) + 20 < ENV_BYTES) {
		env[n++] = text + at;
		snprintf(text + at, ENV_BYTES - at, "GODWIT_CRASH_AT=%.*s",
		    (int)strcspn(p->crash_at, ","), p->crash_at);
	}
	env[n] = NULL;
#else
	(void)p;
	(void)text;
#endif
}

/* The steps are one for each start. */
static void
next_crash(struct master_proc *p)
{
	size_t n = strcspn(p->crash_at, ",");

	n += p->crash_at[n] == ',';
	memmove(p->crash_at, p->crash_at + n, sizeof(p->crash_at) - n);
}

static void NORETURN
child(const char *path, const char *name, char *env[], int ctl, int log)
{
	char title[64];		/* long enough for the daemon to write it again */
	char *argv[] = { title, NULL };
	sigset_t none;

	snprintf(title, sizeof(title), "godwit: %s", name);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGABRT, SIG_DFL);
	signal(SIGPIPE, SIG_DFL);
	/* Ctrl-C is for master, who stops the others in order. */
	setsid();
	if (dup2(log, 1) != 1 || dup2(log, 2) != 2 || fd_put_null(0) != ERR_OK)
		_exit(75);
	if (ctl == CTL_FD ? fd_set_cloexec(ctl, false) != ERR_OK : dup2(ctl, CTL_FD) != CTL_FD)
		_exit(75);
	fd_close_from(CTL_FD + 1);
	execve(path, argv, env);
	dprintf(2, "fatal reason=\"%s: %s\"\n", path, strerror(errno));
	_exit(75);
}

/* False: no process; the log says why. */
static bool
fork_one(struct master_proc *p)
{
	char path[PATH_MAX + 64], text[ENV_BYTES];
	char *env[ENV_MAX];
	int ctl[2], log_fd;

	snprintf(path, sizeof(path), "%s/%s", p->m->paths.libexec, p->role->name);
	if (master_log_source_new(p->m->log, p->role->name, &log_fd, &p->log) != ERR_OK)
		return false;
	if (fd_pair(ctl) != ERR_OK) {
		close(log_fd);
		return false;
	}
	make_env(p, text, env);
	p->pid = fork();
	if (p->pid == 0)
		child(path, p->role->name, env, ctl[1], log_fd);
	close(log_fd);
	close(ctl[1]);
	if (p->pid < 0) {
		p->pid = 0;
		close(ctl[0]);
		return false;
	}
	next_crash(p);
	master_log_source_pid(p->log, p->pid);
	p->instance = ++p->m->next_instance;
	p->state = PROC_STARTING;
	p->started_ms = loop_now(p->m->loop);
	p->ctl = ipc_peer_new(p->m->loop, ctl[0], p->role->role, p->instance,
	    master_spawn_handlers, on_ctl_gone, p);
	log_event(LOG_spawn, log_str("daemon", p->role->name), log_num("pid", p->pid),
	    log_num("instance", p->instance));
	return true;
}

/* Failing to send means the peer is going, and then it is reaped. */
static void
send_ctl(struct master_proc *p, enum ipc_type type, const void *m, int fd)
{
	if (p->ctl != NULL)
		(void)!ipc_send(p->ctl, type, m, &fd, fd >= 0);
}

static void
send_jail(struct master_proc *p)
{
	const struct godwit_options *o = conf_values(p->m->conf, "godwit");
	struct ipc_ctl_jail m = { .instance = p->instance, .mode = (uint8_t)o->sandbox,
	    .uid = p->uid, .gid = p->gid, .root = slice_str(master_spawn_dir(p)),
	    .hostname = slice_str(o->hostname) };

#ifdef GODWIT_SAN
	m.mode = 2;
#endif
	send_ctl(p, IPC_MSG_ctl_jail, &m, -1);
}

static void
send_section(struct master_proc *p, const struct conf_section *s)
{
	struct ipc_ctl_options m = { .section = slice_str(s->def->name),
	    .title = slice_str(s->title) };
	struct buf b;

	buf_init(&b, CONF_SECTION_BYTES);
	opt_encode(s->def, s->values, &b);
	m.values = buf_slice(&b);
	send_ctl(p, IPC_MSG_ctl_options, &m, -1);
	buf_fini(&b);
}

/* Listeners stay as they were bound, whatever a reload brought. */
static void
send_options(struct master_proc *p)
{
	for (size_t i = 0; i < PLAN_SECTIONS_MAX && p->role->sections[i] != NULL; i++) {
		const char *name = p->role->sections[i];
		const struct conf *c = strcmp(name, "listen") == 0 ? p->m->boot_conf : p->m->conf;
		const struct conf_section *s;

		for (size_t j = 0; (s = conf_find(c, name, j)) != NULL; j++)
			send_section(p, s);
	}
}

static void
send_listeners(struct master_proc *p)
{
	const struct master_listeners *l = &p->m->listeners;

	for (size_t i = 0; i < l->n; i++) {
		struct ipc_ctl_listener m = { .title = slice_str(l->v[i].title),
		    .address = slice_str(l->v[i].address) };

		if ((p->role->services & 1u << l->v[i].service) != 0)
			send_ctl(p, IPC_MSG_ctl_listener, &m, l->v[i].fd);
	}
}

/* Opened here, read by its process only. */
static void
send_file(struct master_proc *p, const char *purpose, const char *path)
{
	struct ipc_ctl_file m = { .purpose = slice_str(purpose), .name = slice_str(path) };
	int fd;

	if (path[0] == '\0')
		return;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0) {
		log_event(LOG_config, log_str("file", path), log_str("result", strerror(errno)));
		return;
	}
	send_ctl(p, IPC_MSG_ctl_file, &m, fd);
	close(fd);
}

static void
send_tls_files(struct master_proc *p)
{
	const struct tls_options *tls = conf_values(p->m->conf, "tls");

	send_file(p, "certificate", tls->certificate);
	send_file(p, "key", tls->key);
	send_file(p, "client_ca", tls->client_ca);
}

/* Each file once; queue has its own limit of them. */
static void
send_templates(struct master_proc *p)
{
	const struct queue_options *q = conf_values(p->m->conf, "queue");
	const struct conf_section *s, *t;
	const char *path;
	size_t i, j;

	send_file(p, "bounce_template", q->bounce_template);
	for (i = 0; (s = conf_find(p->m->conf, "domain", i)) != NULL; i++) {
		path = ((const struct domain_options *)s->values)->bounce_template;
		for (j = 0; j < i; j++) {
			t = conf_find(p->m->conf, "domain", j);
			if (strcmp(((const struct domain_options *)t->values)->bounce_template,
			    path) == 0)
				break;
		}
		if (j == i && strcmp(path, q->bounce_template) != 0)
			send_file(p, "bounce_template", path);
	}
}

static void
send_key_files(struct master_proc *p)
{
	const struct godwit_options *o = conf_values(p->m->conf, "godwit");
	const char *dir = getenv("CREDENTIALS_DIRECTORY");
	char path[PATH_MAX];

	if (o->key_root == CONF_KEY_ROOT_FILE)
		snprintf(path, sizeof(path), "%s", o->key_root_file);
	else if (snprintf(path, sizeof(path), "%s/godwit-root-key", dir != NULL ? dir : "") >=
	    (int)sizeof(path))
		return;
	send_file(p, "root_key", path);
	send_tls_files(p);
}

static void
send_start(struct master_proc *p)
{
	struct ipc_ctl_start m = { .generation = p->m->generation };

	send_listeners(p);
	if (p->role->has_keys)
		send_key_files(p);
	if (p->role->has_templates)
		send_templates(p);
	send_ctl(p, IPC_MSG_ctl_start, &m, -1);
#ifdef GODWIT_TEST
	/* One that comes back lives in the time of the others. */
	p->moved_ms = 0;
	master_spawn_clock(p);
#endif
}

#ifdef GODWIT_TEST
void
master_spawn_clock(struct master_proc *p)
{
	struct ipc_ctl_clock clock = { .advance_ms = p->m->advanced_ms - p->moved_ms };

	if (clock.advance_ms > 0)
		send_ctl(p, IPC_MSG_ctl_clock, &clock, -1);
	p->moved_ms = p->m->advanced_ms;
}
#endif

void
master_spawn_all(struct master *m)
{
	for (size_t i = 0; i < m->proc_count; i++) {
		struct master_proc *p = &m->procs[i];

		if (!fork_one(p))
			log_fatal("no process for %s: %s", p->role->name, strerror(errno));
		send_jail(p);
		send_options(p);
	}
	for (size_t i = 0; i < m->proc_count; i++) {
		for (size_t j = i + 1; j < m->proc_count; j++)
			master_wire(&m->procs[i], &m->procs[j]);
	}
	for (size_t i = 0; i < m->proc_count; i++)
		send_start(&m->procs[i]);
}

void
master_spawn_again(struct master_proc *p)
{
	struct master *m = p->m;

	if (!fork_one(p)) {
		master_spawn_fini(p);
		timer_set(&p->restart, loop_now(m->loop) + MASTER_DELAY_MAX_S * 1000);
		return;
	}
	send_jail(p);
	send_options(p);
	for (size_t i = 0; i < m->proc_count; i++) {
		if (&m->procs[i] != p && m->procs[i].pid > 0)
			master_wire(p, &m->procs[i]);
	}
	send_start(p);
}

void
master_spawn_reload(struct master_proc *p)
{
	struct ipc_ctl_reload m = { .generation = p->m->generation };

	send_options(p);
	if (p->role->has_keys)
		send_tls_files(p);
	if (p->role->has_templates)
		send_templates(p);
	send_ctl(p, IPC_MSG_ctl_reload, &m, -1);
}

void
master_spawn_fini(struct master_proc *p)
{
	ipc_peer_free(&p->ctl);
	master_log_source_free(&p->log);
	p->pid = 0;
	p->state = PROC_DOWN;
	p->sessions = 0;
	p->note[0] = '\0';
	p->warnings[0] = '\0';
	p->dead = 0;
}
