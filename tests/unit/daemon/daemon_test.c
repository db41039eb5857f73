/* SPDX-License-Identifier: ISC */
/*
 * A daemon of its own in a child process; this process is its master.
 */
#include "lib/daemon/daemon.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/conf/opt.h"
#include "lib/sys/fd.h"
#include "tests/unit/test.h"

#define UID	58123
#define WAIT_MS	10000

struct fake_options {
	uint64_t	 answer;
};
static const struct opt fake_rows[] = {
	{ "answer", "1", "0", "1000", "A number.", OPT_TYPE_NUM, OPT_RELOAD,
	  offsetof(struct fake_options, answer) },
	OPT_ROWS_END
};
static const struct opt_section fake_sections[] = {
	OPT_SECTION("fake", fake_rows, struct fake_options),
	OPT_SECTIONS_END
};

struct fake_state {
	uint64_t	 answer;
	unsigned	 joined;
	unsigned	 left;
	unsigned	 worked;
	uint64_t	 started_ms;
};

/* ---- the daemon ---- */

static void
nothing(void *arg)
{
	(void)arg;
}

static void
worked(void *arg)
{
	struct fake_state *s = arg;

	s->worked++;
}

static void
fake_start(struct daemon_app *app)
{
	struct fake_state *s = daemon_state(app);
	const struct fake_options *o = daemon_options(app, "fake", NULL);

	s->answer = o->answer;
	s->started_ms = loop_now(daemon_loop(app));
	/* The pool and memory still work behind the filter. */
	if (loop_work(daemon_loop(app), nothing, worked, s) != ERR_OK)
		s->answer = 0;
	free(calloc(1, 10 << 20));
}

static void
fake_reload(struct daemon_app *app)
{
	struct fake_state *s = daemon_state(app);
	const struct fake_options *o = daemon_options(app, "fake", NULL);

	s->answer = o->answer;
}

static void
fake_status(struct daemon_app *app, uint32_t *sessions, struct buf *note)
{
	struct fake_state *s = daemon_state(app);

	*sessions = s->joined - s->left;
	buf_printf(note, "answer %u worked %u advanced %d", (unsigned)s->answer,
	    s->worked, loop_now(daemon_loop(app)) - s->started_ms >= 3600000);
}

static void
fake_joined(struct daemon_app *app, struct ipc_peer *p)
{
	struct fake_state *s = daemon_state(app);

	if (ipc_peer_arg(p) == app && daemon_peer(app, IPC_STORE, 0) == p)
		s->joined++;
}

static void
fake_left(struct daemon_app *app, struct ipc_peer *p)
{
	struct fake_state *s = daemon_state(app);

	(void)p;
	s->left++;
}

/* "file": makes a file in its own directory. */
static void
fake_tool(struct daemon_app *app, uint64_t id, const struct ipc_ctl_tool *m,
    struct ipc_in *in)
{
	int fd;

	(void)in;
	if (!slice_eq_str(m->verb, "file")) {
		daemon_crash_at("tool");
		daemon_tool_reply(app, id, 64, false, SLICE_LIT("what?"));
		return;
	}
	fd = open("made", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	daemon_tool_reply(app, id, fd >= 0 ? 0 : 1, false, SLICE_NONE);
	fd_close(&fd);
}

static const struct ipc_handler no_handlers[] = { { 0, NULL } };
static const struct daemon_peer fake_peers[] = {
	{ IPC_STORE, no_handlers, fake_joined, fake_left },
	{ IPC_NOBODY, NULL, NULL, NULL },
};

static const struct daemon fake = {
	.name = "fake",
	.role = IPC_QUEUE,
	.options = fake_sections,
	.state_bytes = sizeof(struct fake_state),
	.peers = fake_peers,
	.may = MAY_IPC | MAY_MEMFD,
	.pool_threads = 2,
	.start = fake_start,
	.reload = fake_reload,
	.status = fake_status,
	.tool = fake_tool,
};
static struct daemon fake_with_files;

/* ---- its master ---- */

struct master {
	pid_t		 pid;
	int		 control;
	struct buf	 store;
	union ipc_any	 m;
	struct ipc_in	 in;
	uint16_t	 type;
	char		 dir[64];
	uint8_t		 layers;
	uint64_t	 next_id;
};

static void
run_daemon(const struct daemon *d, int control)
{
	static char name[64] = "fake-daemon";
	char *argv[] = { name, NULL };

	if (control != 3)
		(void)dup2(control, 3);
	exit(daemon_main(d, 1, argv));
}

static void
tell(struct master *t, enum ipc_type type, const void *m, int fd)
{
	assert_int_equal(ipc_write_blocking(t->control, type, 0, m, &fd,
	    fd >= 0 ? 1 : 0), ERR_OK);
}

/* False at the end of the daemon. */
static bool
hear(struct master *t)
{
	struct pollfd p = { .fd = t->control, .events = POLLIN };
	enum err e;

	assert_int_equal(poll(&p, 1, WAIT_MS), 1);
	e = ipc_read_blocking(t->control, IPC_QUEUE, &t->store, &t->type,
	    &t->m, &t->in);
	return e == ERR_OK;
}

static void
send_options(struct master *t, uint64_t answer)
{
	struct fake_options o = { answer };
	struct ipc_ctl_options m = { .section = SLICE_LIT("fake") };
	struct buf b;

	buf_init(&b, 1000);
	opt_encode(&fake_sections[0], &o, &b);
	m.values = buf_slice(&b);
	tell(t, IPC_MSG_ctl_options, &m, -1);
	m.section = SLICE_LIT("unknown");
	tell(t, IPC_MSG_ctl_options, &m, -1);
	buf_fini(&b);
}

/* Returns the other end. */
static int
send_wire(struct master *t, enum ipc_role role, uint32_t instance)
{
	struct ipc_ctl_wire m = { .role = role, .instance = instance };
	int fds[2];

	assert_int_equal(fd_pair(fds), ERR_OK);
	tell(t, IPC_MSG_ctl_wire, &m, fds[0]);
	close(fds[0]);
	return fds[1];
}

static void
start(struct master *t, const struct daemon *d, uint8_t mode)
{
	struct ipc_ctl_jail jail = {
		.instance = 7, .uid = UID, .gid = UID, .mode = mode,
		.hostname = SLICE_LIT("mx.example"),
	};
	struct ipc_ctl_start go = { 1 };
	int fds[2];

	memset(t, 0, sizeof(*t));
	buf_init(&t->store, IPC_FRAME_MAX + 4);
	memcpy(t->dir, "/tmp/godwit-daemon-XXXXXX", 26);
	assert_non_null(mkdtemp(t->dir));
	if (geteuid() == 0)
		assert_int_equal(chown(t->dir, UID, UID), 0);
#ifdef GODWIT_SAN
	jail.mode = 2;
#endif
	assert_int_equal(fd_pair(fds), ERR_OK);
	fflush(NULL);
	t->pid = fork();
	if (t->pid == 0)
		run_daemon(d, fds[1]);
	close(fds[1]);
	t->control = fds[0];
	jail.root = slice_str(t->dir);
	tell(t, IPC_MSG_ctl_jail, &jail, -1);
	send_options(t, 42);
	tell(t, IPC_MSG_ctl_start, &go, -1);
}

static void
start_ready(struct master *t, const struct daemon *d, uint8_t mode)
{
	start(t, d, mode);
	assert_true(hear(t));
	assert_int_equal(t->type, IPC_MSG_ctl_ready);
	t->layers = t->m.ctl_ready.layers;
}

/* The wait status. */
static int
end(struct master *t)
{
	char path[96];
	int status = 0;

	close(t->control);
	assert_int_equal(waitpid(t->pid, &status, 0), t->pid);
	(void)snprintf(path, sizeof(path), "%s/made", t->dir);
	(void)unlink(path);
	(void)rmdir(t->dir);
	buf_fini(&t->store);
	return status;
}

static void
call(struct master *t, enum ipc_type type, const void *m)
{
	assert_int_equal(ipc_write_blocking(t->control, type, ++t->next_id, m,
	    NULL, 0), ERR_OK);
}

static bool
status_is(struct master *t, uint32_t sessions, const char *note)
{
	struct ipc_ctl_status ask = { 0 };

	call(t, IPC_MSG_ctl_status, &ask);
	if (!hear(t) || t->type != IPC_MSG_ctl_status_reply)
		return false;
	return t->m.ctl_status_reply.sessions == sessions &&
	    slice_eq_str(t->m.ctl_status_reply.note, note);
}

/* Ends of wires and threads are noticed soon, not at once. */
static void
await_status(struct master *t, uint32_t sessions, const char *note)
{
	int i;

	for (i = 0; i < 1000; i++) {
		if (status_is(t, sessions, note))
			return;
		(void)poll(NULL, 0, 5);
	}
	print_message("%.*s\n", SLICE_FMT(t->m.ctl_status_reply.note));
	fail_msg("status never became: %s", note);
}

/* ---- tests ---- */

static void
serves_and_ends_with_its_master(void **state)
{
	struct master t;
	int store, other;

	(void)state;
	start_ready(&t, &fake, 0);
	await_status(&t, 0, "answer 42 worked 1 advanced 0");
	store = send_wire(&t, IPC_STORE, 9);
	await_status(&t, 1, "answer 42 worked 1 advanced 0");
	other = send_wire(&t, IPC_STORE, 10);
	await_status(&t, 2, "answer 42 worked 1 advanced 0");
	close(store);
	await_status(&t, 1, "answer 42 worked 1 advanced 0");
	/* A role it has no business with. */
	close(send_wire(&t, IPC_IMAPD, 11));
	await_status(&t, 1, "answer 42 worked 1 advanced 0");
	close(other);
	assert_int_equal(end(&t), 0);
}

static void
reloads(void **state)
{
	struct ipc_ctl_reload reload = { 2 };
	struct master t;

	(void)state;
	start_ready(&t, &fake, 0);
	send_options(&t, 43);
	await_status(&t, 0, "answer 42 worked 1 advanced 0");
	tell(&t, IPC_MSG_ctl_reload, &reload, -1);
	await_status(&t, 0, "answer 43 worked 1 advanced 0");
	assert_int_equal(end(&t), 0);
}

static void
drains(void **state)
{
	struct ipc_ctl_drain drain = { clock_mono_ms() + 60000 };
	struct master t;

	(void)state;
	start_ready(&t, &fake, 0);
	tell(&t, IPC_MSG_ctl_drain, &drain, -1);
	assert_false(hear(&t));
	assert_int_equal(end(&t), 0);
}

#ifdef GODWIT_TEST
static void
clock_moves(void **state)
{
	struct ipc_ctl_clock clock = { 3600000 };
	struct master t;

	(void)state;
	start_ready(&t, &fake, 0);
	tell(&t, IPC_MSG_ctl_clock, &clock, -1);
	await_status(&t, 0, "answer 42 worked 1 advanced 1");
	assert_int_equal(end(&t), 0);
}

static void
crash_point(void **state)
{
	struct ipc_ctl_tool ask = { .verb = SLICE_LIT("x") };
	struct master t;
	int status;

	(void)state;
	assert_int_equal(setenv("GODWIT_CRASH_AT", "tool:2", 1), 0);
	start_ready(&t, &fake, 0);
	assert_int_equal(unsetenv("GODWIT_CRASH_AT"), 0);
	call(&t, IPC_MSG_ctl_tool, &ask);
	assert_true(hear(&t));
	assert_int_equal(t.m.ctl_tool_reply.exit, 64);
	call(&t, IPC_MSG_ctl_tool, &ask);
	assert_false(hear(&t));
	status = end(&t);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}
#endif

#ifndef GODWIT_SAN	/* there the kernel only logs */
/* One line of /proc/pid/status of every thread. */
static unsigned
threads_with(pid_t pid, const char *line)
{
	char cmd[160];
	FILE *f;
	unsigned n = 0;

	(void)snprintf(cmd, sizeof(cmd),
	    "cat /proc/%d/task/*/status | grep -cE '^%s$'", (int)pid, line);
	f = popen(cmd, "r");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%u", &n), 1);
	(void)pclose(f);
	return n;
}

static void
all_threads_are_confined(void **state)
{
	struct master t;
	unsigned n;

	(void)state;
	start_ready(&t, &fake, 0);
	assert_true((t.layers & LAYER_SECCOMP) != 0);
	n = threads_with(t.pid, "Name:.*");
	assert_int_equal(n, 3);
	assert_int_equal(threads_with(t.pid, "Seccomp:.2"), n);
	assert_int_equal(threads_with(t.pid, "NoNewPrivs:.1"), n);
	assert_int_equal(threads_with(t.pid, "CapEff:.0+"), n);
	assert_int_equal(threads_with(t.pid, "CapPrm:.0+"), n);
	if ((t.layers & LAYER_UID) != 0) {
		assert_int_equal(threads_with(t.pid,
		    "Uid:.58123.58123.58123.58123"), n);
		assert_int_equal(threads_with(t.pid, "CapBnd:.0+"), n);
		assert_int_equal(threads_with(t.pid, "Groups:. ?"), n);
	}
	assert_int_equal(end(&t), 0);
}

static void
strict_has_all_layers_or_ends(void **state)
{
	struct master t;
	int status;

	(void)state;
	start(&t, &fake, 1);
	if (hear(&t))
		assert_int_equal(t.m.ctl_ready.layers, LAYER_UID |
		    LAYER_CHROOT | LAYER_NETNS | LAYER_LANDLOCK |
		    LAYER_SECCOMP);
	status = end(&t);
	assert_true(WIFEXITED(status) &&
	    (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 75));
}

#endif

static void
files_only_where_allowed(void **state)
{
	struct ipc_ctl_tool ask = { .verb = SLICE_LIT("file") };
	struct master t;

	(void)state;
	fake_with_files = fake;
	fake_with_files.may |= MAY_FILES;
	start_ready(&t, &fake_with_files, 0);
	call(&t, IPC_MSG_ctl_tool, &ask);
	assert_true(hear(&t));
	assert_int_equal(t.m.ctl_tool_reply.exit, 0);
	assert_int_equal(end(&t), 0);
#ifdef GODWIT_SAN
	return;
#endif
	start_ready(&t, &fake, 0);
	call(&t, IPC_MSG_ctl_tool, &ask);
	assert_true(hear(&t));
	assert_int_equal(t.m.ctl_tool_reply.exit, 1);
	assert_int_equal(end(&t), 0);
}

#if defined(GODWIT_TEST) && !defined(GODWIT_SAN)
/* Each an error or SIGSYS, with files and without. */
static void
probes_fail(void **state)
{
	static const char *const verbs[] = {
		"probe.open", "probe.create", "probe.socket", "probe.connect",
		"probe.sendto", "probe.exec", "probe.ptrace", "probe.kill",
		"probe.fork", "probe.mmap_exec",
	};
	struct ipc_ctl_tool ask = { 0 };
	struct master t;
	int status;
	bool answered;
	size_t i;

	(void)state;
	fake_with_files = fake;
	fake_with_files.may |= MAY_FILES;
	for (i = 0; i < 2 * lengthof(verbs); i++) {
		start_ready(&t, i % 2 == 0 ? &fake : &fake_with_files, 0);
		ask.verb = slice_str(verbs[i / 2]);
		call(&t, IPC_MSG_ctl_tool, &ask);
		answered = hear(&t);
		if (answered && !slice_starts(t.m.ctl_tool_reply.text, "E"))
			fail_msg("%s: %.*s", verbs[i / 2],
			    SLICE_FMT(t.m.ctl_tool_reply.text));
		status = end(&t);
		if (answered)
			assert_int_equal(status, 0);
		else
			assert_true(WIFSIGNALED(status) &&
			    WTERMSIG(status) == SIGSYS);
	}
}
#endif

/* Master may end before it has said everything. */
static void
master_lost_at_start(void **state)
{
	struct master t;
	int fds[2];

	(void)state;
	memset(&t, 0, sizeof(t));
	assert_int_equal(fd_pair(fds), ERR_OK);
	fflush(NULL);
	t.pid = fork();
	if (t.pid == 0)
		run_daemon(&fake, fds[1]);
	close(fds[1]);
	t.control = fds[0];
	assert_int_equal(end(&t), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(serves_and_ends_with_its_master),
		cmocka_unit_test(reloads),
		cmocka_unit_test(drains),
		cmocka_unit_test(files_only_where_allowed),
		cmocka_unit_test(master_lost_at_start),
#ifdef GODWIT_TEST
		cmocka_unit_test(clock_moves),
		cmocka_unit_test(crash_point),
#endif
#ifndef GODWIT_SAN
		cmocka_unit_test(all_threads_are_confined),
		cmocka_unit_test(strict_has_all_layers_or_ends),
#ifdef GODWIT_TEST
		cmocka_unit_test(probes_fail),
#endif
#endif
	};

	return cmocka_run_group_tests_name("daemon", tests, NULL, NULL);
}
