/* SPDX-License-Identifier: ISC */
/*
 * Test builds only: try from inside the sandbox what a taken-over daemon
 * would try, and answer with the name of the error.  Not answering, because
 * the kernel killed the process with SIGSYS, is as good.
 */
#include "lib/daemon/daemon_priv.h"

#ifdef GODWIT_TEST

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static int
probe_open(void)
{
	return open("/etc/passwd", O_RDONLY | O_CLOEXEC);
}

static int
probe_create(void)
{
	return open("/tmp/godwit-probe", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
}

static int
probe_socket(void)
{
	return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

/* On a descriptor that is there already: needs no socket(). */
static int
probe_connect(void)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons(25),
	};

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return connect(DAEMON_CONTROL_FD, (const void *)&to, sizeof(to));
}

static int
probe_sendto(void)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };

	memcpy(to.sun_path, "/run/systemd/journal/dev-log", 29);
	return (int)sendto(DAEMON_CONTROL_FD, "x", 1, MSG_DONTWAIT,
	    (const void *)&to, sizeof(to));
}

static int
probe_exec(void)
{
	char name[] = "/bin/true";
	char *args[] = { name, NULL };

	return execve(name, args, args + 1);
}

static int
probe_ptrace(void)
{
	return (int)ptrace(PTRACE_ATTACH, getppid(), NULL, NULL);
}

static int
probe_kill(void)
{
	return kill(getppid(), 0);
}

static int
probe_fork(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return pid;
}

static int
probe_mmap_exec(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? -1 : 0;
}

static const struct {
	const char	*verb;
	int		(*try)(void);
} probes[] = {
	{ "probe.open", probe_open },
	{ "probe.create", probe_create },
	{ "probe.socket", probe_socket },
	{ "probe.connect", probe_connect },
	{ "probe.sendto", probe_sendto },
	{ "probe.exec", probe_exec },
	{ "probe.ptrace", probe_ptrace },
	{ "probe.kill", probe_kill },
	{ "probe.fork", probe_fork },
	{ "probe.mmap_exec", probe_mmap_exec },
};

static const char *
errno_name(int number)
{
	static const struct {
		int		 number;
		const char	*name;
	} rows[] = {
#define E(name)	{ name, #name }
		E(EPERM), E(EACCES), E(ENOENT), E(ENOSYS), E(EROFS), E(ESRCH),
		E(EISCONN), E(EAFNOSUPPORT), E(ENETUNREACH), E(ECONNREFUSED),
		E(EINVAL), E(EAGAIN), E(ENOTCONN), E(EOPNOTSUPP),
#undef E
	};
	size_t i;

	for (i = 0; i < lengthof(rows); i++)
		if (rows[i].number == number)
			return rows[i].name;
	return "another error";
}

bool
daemon_probe(struct daemon_app *app, uint64_t id, struct slice verb)
{
	static const char unwire[] = "probe.unwire.";
	struct ipc_peer *peer;
	const char *name;
	size_t i;

	if (slice_starts(verb, unwire)) {
		verb = slice_from(verb, sizeof(unwire) - 1);
		peer = daemon_peer(app, ipc_role_find(verb), 0);
		if (peer != NULL)
			ipc_peer_violation(peer, "as a test wants it");
		daemon_tool_reply(app, id, peer != NULL ? 0 : 1, false, SLICE_NONE);
		return true;
	}
	for (i = 0; i < lengthof(probes); i++)
		if (slice_eq_str(verb, probes[i].verb))
			break;
	if (i == lengthof(probes))
		return false;
	if (probes[i].try() >= 0)
		name = "SUCCESS";
	else
		name = errno_name(errno);
	daemon_tool_reply(app, id, 0, false, slice_str(name));
	return true;
}

#else

bool
daemon_probe(struct daemon_app *app, uint64_t id, struct slice verb)
{
	(void)app;
	(void)id;
	(void)verb;
	return false;
}

#endif
