/* SPDX-License-Identifier: ISC */
/*
 * Each row runs in a child that confines itself and then tries one thing.
 */
#include "lib/sys/sandbox_seccomp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/sys/fd.h"
#include "lib/sys/jail.h"
#include "lib/sys/sandbox_landlock.h"
#include "tests/unit/test.h"

static int pair[2];
static char dir[] = "/tmp/godwit-box-XXXXXX";
static int dir_fd;

/* What a child ends with: 0 worked, an errno, or 256 + signal. */
#define KILLED	(256 + SIGSYS)

static int
run(unsigned may, bool landlock, int (*try)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (jail_limits() != ERR_OK || jail_no_new_privs() != ERR_OK ||
		    (landlock && sandbox_landlock((may & SANDBOX_FILES) != 0 ?
		    dir_fd : -1, (may & SANDBOX_CONNECT) != 0) != ERR_OK) ||
		    sandbox_seccomp(may, false) != ERR_OK)
			_exit(255);
		errno = 0;
		_exit(try() < 0 ? errno : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? 256 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int try_open(void) { return open("/etc/passwd", O_RDONLY); }
static int try_create(void) { return openat(dir_fd, "made", O_WRONLY | O_CREAT, 0600); }
static int try_tmpfile(void) { int fd; return fd_tmpfile(dir_fd, &fd) == ERR_OK ? 0 : -1; }
static int try_unlink(void) { return unlinkat(dir_fd, "made", 0); }
static int try_mknod(void) { return mknodat(dir_fd, "fifo", S_IFIFO | 0600, 0); }
static int try_unix(void) { return socket(AF_UNIX, SOCK_STREAM, 0); }
static int try_pair(void) { int fds[2]; return socketpair(AF_UNIX, SOCK_STREAM, 0, fds); }
static int try_inet(void) { return socket(AF_INET, SOCK_STREAM, 0); }
static int try_packet(void) { return socket(AF_PACKET, SOCK_RAW, 0); }
static int try_kill(void) { return kill(getppid(), 0); }
static int try_setuid(void) { return setuid(1); }
static int try_memfd(void) { return memfd_create("x", 0); }
static int try_mlock(void) { static char b[4096]; return mlock(b, sizeof(b)); }
static int try_accept(void) { return accept4(pair[0], NULL, NULL, 0); }
static int try_send(void) { return (int)send(pair[0], "x", 1, MSG_NOSIGNAL); }
static int try_name(void) { return prctl(PR_SET_NAME, "x", 0, 0, 0); }
static int try_prctl(void) { return prctl(PR_SET_DUMPABLE, 1, 0, 0, 0); }
static int try_tty(void) { return ioctl(0, TIOCSTI, "x"); }
static int try_unshare(void) { return unshare(CLONE_NEWUSER); }
static int try_io_uring(void) { return (int)syscall(SYS_io_uring_setup, 1, NULL); }
static int try_bpf(void) { return (int)syscall(SYS_bpf, 0, NULL, 0); }
static int try_malloc(void) { free(calloc(64, 1 << 20)); return 0; }
static int try_abort(void) { abort(); }

static int
try_filter(void)
{
	return setsockopt(pair[0], SOL_SOCKET, SO_ATTACH_FILTER, "", 0);
}

static int
try_nodelay(void)
{
	int on = 1, rc = setsockopt(pair[0], IPPROTO_TCP, 1, &on, sizeof(on));

	return rc < 0 && errno == EOPNOTSUPP ? 0 : rc;
}

static int
try_exec(void)
{
	char *argv[] = { NULL };

	return execve("/bin/true", argv, argv);
}

static int
try_sendto(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET };

	return (int)sendto(pair[0], "x", 1, 0, (void *)&to, sizeof(to));
}

static int
try_exec_memory(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_EXEC,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0;
}

static int
try_make_exec(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return mprotect(p, 4096, PROT_READ | PROT_EXEC);
}

static void *
nothing(void *arg)
{
	return arg;
}

static int
try_thread(void)
{
	pthread_t t;

	return pthread_create(&t, NULL, nothing, NULL) == 0 ? 0 : -1;
}

static int
bind_to(uint16_t port)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return bind(fd, (void *)&sa, sizeof(sa));
}

/* An address to connect from. */
static int
try_bind(void)
{
	return bind_to(0);
}

/* A place to listen at. */
static int
try_bind_port(void)
{
	return bind_to(61987);
}

static void
calls(void **state)
{
	static const struct {
		const char	*name;
		unsigned	 may;
		int		(*try)(void);
		int		 want;
	} rows[] = {
		{ "malloc", SANDBOX_IPC, try_malloc, 0 },
		{ "send", SANDBOX_IPC, try_send, 0 },
		{ "set_name", SANDBOX_IPC, try_name, 0 },
		{ "nodelay", SANDBOX_IPC, try_nodelay, 0 },
		{ "abort", SANDBOX_IPC, try_abort, 256 + SIGABRT },
		{ "open", SANDBOX_IPC, try_open, EACCES },
		{ "create", SANDBOX_IPC, try_create, EACCES },
		{ "unix", SANDBOX_IPC, try_unix, EPERM },
		{ "inet", SANDBOX_IPC, try_inet, EPERM },
		{ "inet", SANDBOX_CONNECT, try_inet, 0 },
		{ "unix", SANDBOX_CONNECT, try_unix, KILLED },
		{ "pair", SANDBOX_IPC, try_pair, EPERM },
		{ "pair", SANDBOX_PAIR, try_pair, 0 },
		{ "unix", SANDBOX_PAIR, try_unix, EPERM },
		{ "packet", SANDBOX_CONNECT, try_packet, KILLED },
		{ "sendto", SANDBOX_IPC, try_sendto, KILLED },
		{ "kill", SANDBOX_IPC, try_kill, EPERM },
		{ "setuid", SANDBOX_IPC, try_setuid, KILLED },
		{ "exec", SANDBOX_IPC, try_exec, KILLED },
		{ "exec", SANDBOX_FILES, try_exec, KILLED },
		{ "thread", SANDBOX_THREADS, try_thread, KILLED },
		{ "memfd", SANDBOX_IPC, try_memfd, KILLED },
		{ "memfd", SANDBOX_MEMFD, try_memfd, 0 },
		{ "mlock", SANDBOX_IPC, try_mlock, EPERM },
		{ "mlock", SANDBOX_SECRETS, try_mlock, 0 },
		{ "accept", SANDBOX_IPC, try_accept, KILLED },
		{ "accept", SANDBOX_ACCEPT, try_accept, EINVAL },
		{ "prctl", SANDBOX_IPC, try_prctl, EPERM },
		{ "tty", SANDBOX_IPC, try_tty, ENOTTY },
		{ "unshare", SANDBOX_IPC, try_unshare, KILLED },
		{ "io_uring", SANDBOX_IPC, try_io_uring, KILLED },
		{ "bpf", SANDBOX_IPC, try_bpf, KILLED },
		{ "filter", SANDBOX_IPC, try_filter, KILLED },
		{ "exec_memory", SANDBOX_IPC, try_exec_memory, KILLED },
		{ "make_exec", SANDBOX_IPC, try_make_exec, KILLED },
		{ "mknod", SANDBOX_FILES, try_mknod, KILLED },
		{ "create", SANDBOX_FILES, try_create, 0 },
		{ "tmpfile", SANDBOX_FILES, try_tmpfile, 0 },
		{ "unlink", SANDBOX_FILES, try_unlink, 0 },
	};
	size_t i;
	int got;

	(void)state;
	for (i = 0; i < lengthof(rows); i++) {
		got = run(rows[i].may | SANDBOX_IPC, false, rows[i].try);
		if (got == rows[i].want)
			continue;
		/* A container may refuse before the filter is asked. */
		fail_msg("%s with %x: %d instead of %d", rows[i].name,
		    rows[i].may, got, rows[i].want);
	}
}

static void
files_by_landlock(void **state)
{
	(void)state;
	if (sandbox_landlock_abi() == 0)
		skip();
	assert_int_equal(run(SANDBOX_FILES, true, try_open), EACCES);
	assert_int_equal(run(SANDBOX_FILES, true, try_create), 0);
	assert_int_equal(run(SANDBOX_FILES, true, try_tmpfile), 0);
	assert_int_equal(run(SANDBOX_FILES, true, try_unlink), 0);
	if (sandbox_landlock_abi() >= 4) {
		assert_int_equal(run(SANDBOX_CONNECT, true, try_bind_port), EACCES);
		assert_int_equal(run(SANDBOX_CONNECT, true, try_bind), 0);
	}
}

/* Threads that ran before are confined as well. */
static void *
tries_later(void *arg)
{
	char c;

	(void)!read(*(int *)arg, &c, 1);
	(void)syscall(SYS_unshare, 0);
	_exit(0);
}

static void
other_threads(void **state)
{
	int status, fds[2];
	pthread_t t;
	pid_t pid;

	(void)state;
	assert_int_equal(fd_pair(fds), ERR_OK);
	pid = fork();
	if (pid == 0) {
		if (pthread_create(&t, NULL, tries_later, &fds[1]) != 0 ||
		    jail_limits() != ERR_OK || jail_no_new_privs() != ERR_OK ||
		    sandbox_seccomp(SANDBOX_IPC, false) != ERR_OK ||
		    write(fds[0], "x", 1) != 1)
			_exit(1);
		for (;;)
			(void)pause();
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
	close(fds[0]);
	close(fds[1]);
}

static void
only_logging(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	pid = fork();
	if (pid == 0) {
		if (jail_no_new_privs() != ERR_OK ||
		    sandbox_seccomp(SANDBOX_IPC, true) != ERR_OK)
			_exit(1);
		_exit(try_open() >= 0 && try_unix() >= 0 ? 0 : 2);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* All of it, as root; what comes back is checked by the steps themselves. */
static void
identity(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	assert_int_equal(jail_ids(0, 0), ERR_DENIED);
	if (geteuid() != 0)
		skip();
	pid = fork();
	if (pid == 0) {
		if (jail_bounds() != ERR_OK)
			_exit(77);
		if (jail_chroot(dir_fd) != ERR_OK ||
		    access("/etc/passwd", F_OK) == 0)
			_exit(1);
		if (jail_ids(58001, 58001) != ERR_OK || geteuid() != 58001)
			_exit(2);
		if (jail_caps() != ERR_OK || jail_limits() != ERR_OK ||
		    jail_no_new_privs() != ERR_OK ||
		    jail_not_dumpable() != ERR_OK)
			_exit(3);
		_exit(prctl(PR_CAPBSET_READ, 0, 0, 0, 0) == 0 ? 0 : 4);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(status, 0);
}

static int
setup(void **state)
{
	(void)state;
	if (mkdtemp(dir) == NULL || fd_pair(pair) != ERR_OK)
		return -1;
	dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return dir_fd >= 0 ? 0 : -1;
}

static int
teardown(void **state)
{
	(void)state;
	(void)unlinkat(dir_fd, "made", 0);
	return rmdir(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#ifndef GODWIT_SAN	/* the sanitizers' own calls are not on the list */
		cmocka_unit_test(calls),
		cmocka_unit_test(files_by_landlock),
		cmocka_unit_test(other_threads),
#endif
		cmocka_unit_test(only_logging),
		cmocka_unit_test(identity),
	};

#ifdef GODWIT_SAN
	(void)calls;
	(void)files_by_landlock;
	(void)other_threads;
#endif
	return cmocka_run_group_tests_name("sys/sandbox", tests, setup, teardown);
}
