/* SPDX-License-Identifier: ISC */
/*
 * Readiness, deaths, restarts with growing delay, and the ordered stop.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/conf/conf_sections.h"
#include "master/master_drop.h"
#include "master/master_notify.h"
#include "master/master_priv.h"

static bool
all_in_state(const struct master *m, enum proc_state state)
{
	for (size_t i = 0; i < m->proc_count; i++) {
		if (m->procs[i].state != state)
			return false;
	}
	return true;
}

void
master_watch_ready(struct master_proc *p, uint8_t layers)
{
	struct master *m = p->m;

	if (p->state != PROC_STARTING)
		return;
	p->state = PROC_READY;
	p->layers = layers;
	if (m->phase != MASTER_STARTING || !all_in_state(m, PROC_READY))
		return;
	m->phase = MASTER_SERVING;
	log_event(LOG_ready, log_num("daemons", m->proc_count));
	master_notify("READY=1\nSTATUS=all daemons serve");
	master_drop_start(m->drop);
	if (m->on_ready != NULL)
		m->on_ready(m->on_ready_arg);
}

static void next_stage(struct master *m);

/* The first time at once, then 1 s doubling to 30 s. */
static void
schedule(struct master_proc *p)
{
	uint64_t now = loop_now(p->m->loop);

	if (now - p->started_ms >= MASTER_HEALTHY_MS)
		p->delay_s = 0;
	p->restarts++;
	log_event(LOG_restart, log_str("daemon", p->role->name), log_num("delay", p->delay_s));
	timer_set(&p->restart, now + p->delay_s * 1000);
	p->delay_s = p->delay_s == 0 ? 1 : p->delay_s * 2;
	if (p->delay_s > MASTER_DELAY_MAX_S)
		p->delay_s = MASTER_DELAY_MAX_S;
}

/* glibc's sigabbrev_np is not everywhere. */
static void
put_signal(char *dst, size_t n, int sig)
{
	static const struct {
		int		 sig;
		const char	*name;
	} names[] = {
		{ SIGABRT, "SIGABRT" }, { SIGBUS, "SIGBUS" }, { SIGFPE, "SIGFPE" },
		{ SIGILL, "SIGILL" }, { SIGKILL, "SIGKILL" }, { SIGSEGV, "SIGSEGV" },
		{ SIGSYS, "SIGSYS" }, { SIGTERM, "SIGTERM" }, { SIGPIPE, "SIGPIPE" },
		{ SIGXCPU, "SIGXCPU" }, { SIGTRAP, "SIGTRAP" }
	};

	snprintf(dst, n, "signal %d", sig);
	for (size_t i = 0; i < lengthof(names); i++) {
		if (names[i].sig == sig)
			snprintf(dst, n, "%s", names[i].name);
	}
}

static void
put_last_exit(struct master_proc *p, int status)
{
	if (WIFSIGNALED(status))
		put_signal(p->last_exit, sizeof(p->last_exit), WTERMSIG(status));
	else
		snprintf(p->last_exit, sizeof(p->last_exit), "exit %d", WEXITSTATUS(status));
	p->last_exit_ms = loop_now(p->m->loop);
}

static void
on_exit_of(struct master_proc *p, int status)
{
	struct master *m = p->m;
	bool asked = p->state == PROC_DRAINING && WIFEXITED(status) && WEXITSTATUS(status) == 0;

	put_last_exit(p, status);
	/* What it wrote before it died comes before the news of its death. */
	master_log_source_free(&p->log);
	if (!asked)
		log_event(LOG_exit, log_str("daemon", p->role->name), log_num("pid", p->pid),
		    log_num("status", WIFEXITED(status) ? WEXITSTATUS(status) : 0),
		    log_str("signal", WIFSIGNALED(status) ? p->last_exit : "none"));
	master_spawn_fini(p);
	if (m->phase == MASTER_STOPPING)
		next_stage(m);
	else
		schedule(p);
}

/* As process 1 we also inherit strangers. */
void
master_watch_reap(struct master *m)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (master_drop_reaped(m->drop, pid, status))
			continue;
		for (size_t i = 0; i < m->proc_count; i++) {
			if (m->procs[i].pid == pid)
				on_exit_of(&m->procs[i], status);
		}
	}
}

static bool
is_stage_over(const struct master *m)
{
	for (size_t i = 0; i < m->proc_count; i++) {
		if (m->procs[i].role->stop_stage == m->stop_stage && m->procs[i].pid > 0)
			return false;
	}
	return true;
}

static void
drain_stage(struct master *m)
{
	const struct godwit_options *o = conf_values(m->conf, "godwit");
	uint64_t ms = m->stop_stage == 0 ? o->stop_timeout : MASTER_STAGE_MS;
	struct ipc_ctl_drain drain = { .until_ms = loop_now(m->loop) + ms };

	for (size_t i = 0; i < m->proc_count; i++) {
		struct master_proc *p = &m->procs[i];

		if (p->role->stop_stage != m->stop_stage || p->pid == 0)
			continue;
		p->state = PROC_DRAINING;
		if (p->ctl == NULL || ipc_send(p->ctl, IPC_MSG_ctl_drain, &drain, NULL, 0) != ERR_OK)
			kill(p->pid, SIGKILL);
	}
	timer_set(&m->stop_timer, drain.until_ms + 1000);
}

static void
kill_stage(struct master *m)
{
	for (size_t i = 0; i < m->proc_count; i++) {
		if (m->procs[i].role->stop_stage == m->stop_stage && m->procs[i].pid > 0)
			kill(m->procs[i].pid, SIGKILL);
	}
}

static void
on_stage_late(void *arg)
{
	kill_stage(arg);
}

static void
next_stage(struct master *m)
{
	while (is_stage_over(m)) {
		if (++m->stop_stage >= PLAN_STOP_STAGES) {
			timer_stop(&m->stop_timer);
			loop_stop(m->loop);
			return;
		}
		drain_stage(m);
	}
}

void
master_watch_stop(struct master *m)
{
	if (m->phase == MASTER_STOPPING) {
		kill_stage(m);
		return;
	}
	m->phase = MASTER_STOPPING;
	master_drop_stop(m->drop);
	m->stop_stage = 0;
	master_notify("STOPPING=1");
	log_event(LOG_stop, log_str("reason", "asked"));
	for (size_t i = 0; i < m->proc_count; i++)
		timer_stop(&m->procs[i].restart);
	timer_init(&m->stop_timer, m->loop, on_stage_late, m);
	drain_stage(m);
	next_stage(m);
}
