/* SPDX-License-Identifier: ISC */
/*
 * The operator's program: setup, check, run (becomes master), start, stop,
 * reload, status.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/daemon/tool.h"
#include "master/godwit_setup.h"
#include "master/master_config.h"
#include "master/master_run.h"

enum { START_WAIT_MS = 60000, STOP_WAIT_MS = 700000, STEP_MS = 20 };

static const char ready_line[] = "godwit: ready\n";

static int
usage(void)
{
	fputs("usage: godwit [-c config_dir] run | start | stop | reload | status [-j] | check\n"
	    "       godwit setup --domain DOMAIN [--instance DIR] [--hostname NAME]\n"
	    "                    [--local BASE] [--uid-base N]\n", stderr);
	return EX_USAGE;
}

static void
say_ready(void *unused)
{
	(void)unused;
	fputs(ready_line, stdout);
	fflush(stdout);
}

static int
cmd_run(const char *dir, int argc, char *argv[])
{
	(void)argv;
	return argc == 1 ? master_run(dir, NULL, say_ready, NULL) : usage();
}

static int
cmd_check(const char *dir, int argc, char *argv[])
{
	struct buf errors, warnings;
	struct master_paths paths;
	struct conf *conf;
	int code = EX_OK;

	(void)argv;
	if (argc != 1)
		return usage();
	buf_init(&errors, CONF_ERRORS_MAX);
	buf_init(&warnings, CONF_ERRORS_MAX);
	if (master_config_read(dir, &paths, &conf, &errors, &warnings) != ERR_OK) {
		fputs(buf_cstr(&errors), stderr);
		code = EX_CONFIG;
	}
	if (buf_cstr(&warnings) != NULL)
		fputs(buf_cstr(&warnings), stderr);
	conf_free(&conf);
	buf_fini(&errors);
	buf_fini(&warnings);
	return code;
}

/* The parent has seen it; from here on the terminal is not ours. */
static void
detach(void *unused)
{
	int fd;

	(void)unused;
	say_ready(NULL);
	fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return;
	(void)!dup2(fd, 1);
	(void)!dup2(fd, 2);
	close(fd);
}

static void
start_child(const char *dir, int out)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	setsid();
	if (null < 0 || dup2(null, 0) != 0 || dup2(out, 1) != 1 || dup2(out, 2) != 2)
		_exit(EX_OSERR);
	close(out);
	/* Standard error ends with the terminal, so a log must be a file. */
	exit(master_run(dir, GODWIT_LOCALSTATEDIR "/log/godwit.log", detach, NULL));
}

/* What the child says until it is ready, ends, or the time is over. */
static bool
wait_ready(int fd, struct buf *said)
{
	uint64_t until = clock_mono_ms() + START_WAIT_MS, now;
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char chunk[4096];
	ssize_t n;

	while ((now = clock_mono_ms()) < until) {
		if (poll(&p, 1, (int)(until - now)) <= 0)
			continue;
		n = read(fd, chunk, sizeof(chunk));
		if (n <= 0)
			return false;
		buf_put(said, chunk, (size_t)n);
		if (slice_ends(buf_slice(said), ready_line))
			return true;
	}
	return false;
}

static int
cmd_start(const char *dir, int argc, char *argv[])
{
	struct buf said;
	int fds[2], status, code = EX_OK;
	bool ready;
	pid_t pid;

	(void)argv;
	if (argc != 1)
		return usage();
	if (pipe2(fds, O_CLOEXEC) != 0 || (pid = fork()) < 0) {
		perror("godwit start");
		return EX_OSERR;
	}
	if (pid == 0) {
		close(fds[0]);
		start_child(dir, fds[1]);
	}
	close(fds[1]);
	buf_init(&said, 1u << 20);
	ready = wait_ready(fds[0], &said);
	if (ready)
		buf_truncate(&said, buf_slice(&said).n - strlen(ready_line));
	(void)!fwrite(buf_data(&said), 1, buf_slice(&said).n, stderr);
	buf_fini(&said);
	if (!ready) {
		fputs("godwit start: not all daemons became ready; the log says why\n", stderr);
		kill(pid, SIGTERM);
		code = waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
		    WEXITSTATUS(status) != 0 ? WEXITSTATUS(status) : EX_TEMPFAIL;
	}
	close(fds[0]);
	return code;
}

/* It holds the lock on its pid file until it is gone. */
static int
wait_gone(int pid_fd)
{
	const struct timespec step = { 0, STEP_MS * 1000000L };
	struct flock whole = { .l_type = F_RDLCK, .l_whence = SEEK_SET };
	uint64_t until = clock_mono_ms() + STOP_WAIT_MS;

	while (fcntl(pid_fd, F_SETLK, &whole) != 0) {
		if (clock_mono_ms() > until) {
			fputs("godwit stop: still running\n", stderr);
			return EX_TEMPFAIL;
		}
		nanosleep(&step, NULL);
	}
	return EX_OK;
}

static int
simple_request(const char *dir, const char *verb, const char *arg)
{
	struct buf args;
	int code;

	buf_init(&args, 256);
	if (arg != NULL)
		tool_arg(&args, arg);
	code = tool_run("godwit", dir, IPC_MASTER, verb, &args, -1);
	buf_fini(&args);
	return code;
}

static int
cmd_stop(const char *dir, int argc, char *argv[])
{
	struct master_paths paths;
	int pid_fd, code;

	(void)argv;
	if (argc != 1)
		return usage();
	if (master_paths_init(&paths, dir) != ERR_OK) {
		fprintf(stderr, "godwit stop: %s: no such directory\n",
		    dir != NULL ? dir : GODWIT_SYSCONFDIR);
		return EX_UNAVAILABLE;
	}
	pid_fd = open(paths.pid, O_RDONLY | O_CLOEXEC);
	code = simple_request(dir, "stop", NULL);
	if (code == EX_OK && pid_fd >= 0)
		code = wait_gone(pid_fd);
	if (pid_fd >= 0)
		close(pid_fd);
	return code;
}

static int
cmd_reload(const char *dir, int argc, char *argv[])
{
	(void)argv;
	return argc == 1 ? simple_request(dir, "reload", NULL) : usage();
}

static int
cmd_status(const char *dir, int argc, char *argv[])
{
	if (argc > 2 || (argc == 2 && strcmp(argv[1], "-j") != 0))
		return usage();
	return simple_request(dir, "status", argc == 2 ? "-j" : NULL);
}

static int
cmd_setup(const char *dir, int argc, char *argv[])
{
	return dir == NULL ? godwit_setup(argc, argv) : usage();
}

#ifdef GODWIT_TEST
/* godwit test VERB ARG...: the control socket's verbs of test builds. */
static int
cmd_test(const char *dir, int argc, char *argv[])
{
	enum ipc_role role = argc > 1 ? ipc_role_find(slice_str(argv[1])) : IPC_NOBODY;
	struct buf args;
	int code;

	if (argc < 3 || role == IPC_NOBODY)
		return usage();
	buf_init(&args, TOOL_ARGS_MAX);
	for (int i = 3; i < argc; i++)
		tool_arg(&args, argv[i]);
	code = tool_run("godwit", dir, role, argv[2], &args, -1);
	buf_fini(&args);
	return code;
}
#endif

static const struct {
	const char	*name;
	int		(*fn)(const char *dir, int argc, char *argv[]);
} commands[] = {
	{ "run",	cmd_run },
	{ "start",	cmd_start },
	{ "stop",	cmd_stop },
	{ "reload",	cmd_reload },
	{ "status",	cmd_status },
	{ "check",	cmd_check },
	{ "setup",	cmd_setup },
#ifdef GODWIT_TEST
	{ "test",	cmd_test },
#endif
};

int
main(int argc, char *argv[])
{
	const char *dir = NULL;
	int c;

	while ((c = getopt(argc, argv, "+c:")) != -1) {
		if (c != 'c')
			return usage();
		dir = optarg;
	}
	argc -= optind;
	argv += optind;
	for (size_t i = 0; argc > 0 && i < lengthof(commands); i++) {
		if (strcmp(argv[0], commands[i].name) == 0)
			return commands[i].fn(dir, argc, argv);
	}
	return usage();
}
