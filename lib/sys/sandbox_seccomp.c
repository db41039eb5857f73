/* SPDX-License-Identifier: ISC */
#include "lib/sys/sandbox_seccomp.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- the lists ---- */

static const char *const always[] = {
	/* descriptors that are open */
	"read", "readv", "write", "writev", "close", "recvmsg", "recvfrom",
	"recv", "sendmsg", "send", "shutdown", "getsockopt",
	"getsockname", "getpeername", "dup", "eventfd2",
	/* waiting */
	"epoll_wait", "epoll_pwait", "epoll_pwait2", "epoll_ctl",
	"epoll_create1", "poll", "ppoll", "ppoll_time64",
	/* memory; mmap and mprotect have rules of their own */
	"brk", "munmap", "madvise", "mremap",
	/* files that are open */
	"pread64", "preadv", "preadv2", "pwrite64", "pwritev", "pwritev2",
	"lseek", "_llseek", "fdatasync", "fsync", "msync", "ftruncate",
	"ftruncate64", "fstat", "fstat64", "newfstatat", "fstatat64", "statx",
	"sendfile", "sendfile64", "fadvise64", "fadvise64_64",
	"arm_fadvise64_64",
	/* threads that run already, time, identity */
	"futex", "futex_time64", "futex_waitv", "membarrier", "rseq",
	"set_robust_list", "get_robust_list", "set_tid_address", "sched_yield",
	"sched_getaffinity", "getcpu", "getpid", "gettid", "getppid",
	"getuid", "getuid32", "geteuid", "geteuid32", "getgid", "getgid32",
	"getegid", "getegid32", "getrandom", "clock_gettime",
	"clock_gettime64", "clock_getres", "clock_getres_time64",
	"clock_nanosleep", "clock_nanosleep_time64", "nanosleep",
	"gettimeofday", "time", "times", "getrusage", "sysinfo", "uname",
	"getrlimit", "ugetrlimit",
	/* signals and the end */
	"rt_sigreturn", "sigreturn", "rt_sigprocmask", "rt_sigaction",
	"sigaltstack", "restart_syscall", "exit", "exit_group",
	NULL
};

static const char *const to_accept[] = { "accept4", "accept", NULL };

static const char *const to_connect[] = {
	"connect", "bind", "sendto", "sendmmsg", "recvmmsg",
	"recvmmsg_time64", NULL
};

/*
 * Names below its directory: Landlock and the chroot say where.  fallocate:
 * store makes its journal with it, and punches holes for large freed bodies.
 */
static const char *const for_files[] = {
	"open", "openat", "openat2", "creat", "unlink", "unlinkat", "rmdir",
	"rename", "renameat", "renameat2", "link", "linkat", "mkdir",
	"mkdirat", "getdents", "getdents64", "stat", "stat64", "lstat",
	"lstat64", "access", "faccessat", "faccessat2", "readlink",
	"readlinkat", "getcwd", "statfs", "statfs64", "fstatfs", "fstatfs64",
	"fallocate", "copy_file_range", "flock", "fchmod", "fchmodat",
	"sync_file_range", "sync_file_range2", "arm_sync_file_range",
	"syncfs", "truncate", "truncate64", "utimensat", "chdir", "fchdir",
	NULL
};

static const char *const for_memfd[] = { "memfd_create", NULL };

static const char *const for_secrets[] = {
	"mlock", "mlock2", "munlock", "mlockall", "memfd_secret", NULL
};

/* Tried by libraries; they can live with this answer. */
static const struct {
	const char	*name;
	int		 error;
	unsigned	 unless;	/* allowed already */
} refused[] = {
	{ "socket",	  EPERM,  SANDBOX_CONNECT },
	{ "socketpair",	  EPERM,  SANDBOX_PAIR },
	{ "connect",	  EPERM,  SANDBOX_CONNECT },
	{ "open",	  EACCES, SANDBOX_FILES },
	{ "openat",	  EACCES, SANDBOX_FILES },
	{ "openat2",	  EACCES, SANDBOX_FILES },
	{ "access",	  EACCES, SANDBOX_FILES },
	{ "faccessat",	  EACCES, SANDBOX_FILES },
	{ "faccessat2",	  EACCES, SANDBOX_FILES },
	{ "stat",	  EACCES, SANDBOX_FILES },
	{ "stat64",	  EACCES, SANDBOX_FILES },
	{ "lstat",	  EACCES, SANDBOX_FILES },
	{ "lstat64",	  EACCES, SANDBOX_FILES },
	{ "readlink",	  EACCES, SANDBOX_FILES },
	{ "readlinkat",	  EACCES, SANDBOX_FILES },
	{ "getcwd",	  EACCES, SANDBOX_FILES },
	{ "mlock",	  EPERM,  SANDBOX_SECRETS },
	{ "mlock2",	  EPERM,  SANDBOX_SECRETS },
	{ "munlock",	  EPERM,  SANDBOX_SECRETS },
	{ "memfd_secret", EPERM,  SANDBOX_SECRETS },
	{ "clone3",	  ENOSYS, 0 },
	{ "kill",	  EPERM,  0 },
	{ "sched_setaffinity", EPERM, 0 },
	{ "setrlimit",	  EPERM,  0 },
};

/* ---- building the filter ---- */

struct filter {
	scmp_filter_ctx	 ctx;
	bool		 failed;
};

static struct scmp_arg_cmp
when(unsigned arg, enum scmp_compare op, scmp_datum_t value)
{
	return (struct scmp_arg_cmp){
		.arg = arg, .op = op, .datum_a = value, .datum_b = 0,
	};
}

/* n is the number of argument conditions. */
static void
rule(struct filter *f, uint32_t action, const char *name, unsigned n,
    const struct scmp_arg_cmp *args)
{
	int nr = seccomp_syscall_resolve_name(name);
	int rc;

	if (nr == __NR_SCMP_ERROR)
		return;			/* unknown to this libseccomp */
	rc = seccomp_rule_add_array(f->ctx, action, nr, n, args);
	if (rc != 0 && rc != -EDOM)	/* unknown to this architecture */
		f->failed = true;
}

static void
allow(struct filter *f, const char *name)
{
	rule(f, SCMP_ACT_ALLOW, name, 0, NULL);
}

static void
allow_all(struct filter *f, const char *const *names)
{
	while (*names != NULL)
		allow(f, *names++);
}

static void
allow_if(struct filter *f, const char *name, struct scmp_arg_cmp arg)
{
	rule(f, SCMP_ACT_ALLOW, name, 1, &arg);
}

/* Never memory that is both written and run, nor run at all. */
static void
allow_memory(struct filter *f)
{
	const struct scmp_arg_cmp not_exec = {
		.arg = 2, .op = SCMP_CMP_MASKED_EQ, .datum_a = PROT_EXEC,
		.datum_b = 0,
	};

	allow_if(f, "mmap", not_exec);
	allow_if(f, "mmap2", not_exec);
	allow_if(f, "mprotect", not_exec);
}

static void
allow_fcntl(struct filter *f)
{
	static const int commands[] = {
		F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD_CLOEXEC,
		F_SETLK, F_SETLKW, F_GETLK, F_OFD_SETLK, F_OFD_GETLK,
		F_GET_SEALS, F_ADD_SEALS,
#if F_SETLK64 != F_SETLK
		F_SETLK64, F_SETLKW64, F_GETLK64,
#endif
	};
	size_t i;

	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		const struct scmp_arg_cmp is_it = when(1, SCMP_CMP_EQ,
		    (scmp_datum_t)(unsigned)commands[i]);

		allow_if(f, "fcntl", is_it);
		allow_if(f, "fcntl64", is_it);
	}
}

/* Attaching programs to sockets is what setsockopt must not do. */
static void
allow_setsockopt(struct filter *f)
{
	static const int names[] = {
		SO_KEEPALIVE, SO_LINGER, SO_SNDBUF, SO_RCVBUF, SO_REUSEADDR,
	};
	size_t i;

	allow_if(f, "setsockopt", when(1, SCMP_CMP_EQ, IPPROTO_TCP));
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		rule(f, SCMP_ACT_ALLOW, "setsockopt", 2, (struct scmp_arg_cmp[]){
		    when(1, SCMP_CMP_EQ, SOL_SOCKET),
		    when(2, SCMP_CMP_EQ, (scmp_datum_t)names[i]) });
}

static void
allow_narrow(struct filter *f, unsigned may)
{
	const struct scmp_arg_cmp to_self =
	    when(0, SCMP_CMP_EQ, (scmp_datum_t)getpid());

	allow_memory(f);
	allow_fcntl(f);
	allow_setsockopt(f);
	allow_if(f, "ioctl", when(1, SCMP_CMP_EQ, FIONBIO));
	allow_if(f, "tgkill", to_self);		/* abort() */
	allow_if(f, "prctl", when(0, SCMP_CMP_EQ, PR_SET_NAME));
	allow_if(f, "prlimit64", when(2, SCMP_CMP_EQ, 0));	/* to read */
	if ((may & SANDBOX_PAIR) != 0)
		allow_if(f, "socketpair", when(0, SCMP_CMP_EQ, AF_UNIX));
	if ((may & SANDBOX_CONNECT) != 0) {
		allow_if(f, "socket", when(0, SCMP_CMP_EQ, AF_INET));
		allow_if(f, "socket", when(0, SCMP_CMP_EQ, AF_INET6));
		/* With a source address: the port is chosen by connect. */
		rule(f, SCMP_ACT_ALLOW, "setsockopt", 2, (struct scmp_arg_cmp[]){
		    when(1, SCMP_CMP_EQ, IPPROTO_IP),
		    when(2, SCMP_CMP_EQ, IP_BIND_ADDRESS_NO_PORT) });
	} else {
		/* send() on what is connected; no address of its own. */
		allow_if(f, "sendto", when(4, SCMP_CMP_EQ, 0));
	}
}

static void
refuse(struct filter *f, unsigned may)
{
	size_t i;

	for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if ((may & refused[i].unless) == 0)
			rule(f, SCMP_ACT_ERRNO((unsigned)refused[i].error),
			    refused[i].name, 0, NULL);
	/* What the narrow rules did not let through. */
	rule(f, SCMP_ACT_ERRNO(ENOTTY), "ioctl", 1, (struct scmp_arg_cmp[]){
	    when(1, SCMP_CMP_NE, FIONBIO) });
	rule(f, SCMP_ACT_ERRNO(EPERM), "prctl", 1, (struct scmp_arg_cmp[]){
	    when(0, SCMP_CMP_NE, PR_SET_NAME) });
	rule(f, SCMP_ACT_ERRNO(EPERM), "prlimit64", 1, (struct scmp_arg_cmp[]){
	    when(2, SCMP_CMP_NE, 0) });
}

static void
fill(struct filter *f, unsigned may, bool only_log)
{
	allow_all(f, always);
	if ((may & SANDBOX_ACCEPT) != 0)
		allow_all(f, to_accept);
	if ((may & SANDBOX_CONNECT) != 0)
		allow_all(f, to_connect);
	if ((may & SANDBOX_FILES) != 0)
		allow_all(f, for_files);
	if ((may & SANDBOX_MEMFD) != 0)
		allow_all(f, for_memfd);
	if ((may & SANDBOX_SECRETS) != 0)
		allow_all(f, for_secrets);
	allow_narrow(f, may);
	if (!only_log)
		refuse(f, may);
}

enum err
sandbox_seccomp(unsigned may, bool only_log)
{
	struct filter f = {
		.ctx = seccomp_init(only_log ? SCMP_ACT_LOG :
		    SCMP_ACT_KILL_PROCESS),
	};
	enum err e = ERR_SYS;

	if (f.ctx == NULL)
		return ERR_SYS;
	fill(&f, may, only_log);
	/* Sorted, so that a call costs a few comparisons; older ones cannot. */
	(void)seccomp_attr_set(f.ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (!f.failed &&
	    seccomp_attr_set(f.ctx, SCMP_FLTATR_CTL_TSYNC, 1) == 0 &&
	    seccomp_load(f.ctx) == 0)
		e = ERR_OK;
	seccomp_release(f.ctx);
	return e;
}
