/* SPDX-License-Identifier: ISC */
/*
 * Raw system calls and numbers of our own: the headers of Debian 12 know ABI
 * 2 only, kernels are ahead of them.
 */
#include "lib/sys/sandbox_landlock.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The same on every architecture. */
#define NR_CREATE_RULESET	444
#define NR_ADD_RULE		445
#define NR_RESTRICT_SELF	446
#define CREATE_VERSION		1u
#define RULE_PATH_BENEATH	1
#define RULE_NET_PORT		2

enum fs_right {
	FS_EXECUTE = 1 << 0, FS_WRITE_FILE = 1 << 1, FS_READ_FILE = 1 << 2,
	FS_READ_DIR = 1 << 3, FS_REMOVE_DIR = 1 << 4, FS_REMOVE_FILE = 1 << 5,
	FS_MAKE_CHAR = 1 << 6, FS_MAKE_DIR = 1 << 7, FS_MAKE_REG = 1 << 8,
	FS_MAKE_SOCK = 1 << 9, FS_MAKE_FIFO = 1 << 10, FS_MAKE_BLOCK = 1 << 11,
	FS_MAKE_SYM = 1 << 12, FS_REFER = 1 << 13, FS_TRUNCATE = 1 << 14,
	FS_IOCTL_DEV = 1 << 15
};
enum net_right { NET_BIND_TCP = 1, NET_CONNECT_TCP = 2 };
enum scope { SCOPE_ABSTRACT_SOCKET = 1, SCOPE_SIGNAL = 2 };

struct ruleset {
	uint64_t	 fs;
	uint64_t	 net;		/* ABI 4 */
	uint64_t	 scoped;	/* ABI 6 */
};

struct path_rule {
	uint64_t	 rights;
	int32_t		 dir;
} __attribute__((packed));

struct port_rule {
	uint64_t	 rights;
	uint64_t	 port;
};

#define OWNER_RIGHTS							\
	(FS_WRITE_FILE | FS_READ_FILE | FS_READ_DIR | FS_REMOVE_DIR |	\
	FS_REMOVE_FILE | FS_MAKE_DIR | FS_MAKE_REG | FS_REFER | FS_TRUNCATE)

int
sandbox_landlock_abi(void)
{
	long abi = syscall(NR_CREATE_RULESET, NULL, 0, CREATE_VERSION);

	return abi > 0 ? (int)abi : 0;
}

static uint64_t
fs_rights_of(int abi)
{
	uint64_t rights = (1u << 13) - 1;	/* ABI 1 */

	if (abi >= 2)
		rights |= FS_REFER;
	if (abi >= 3)
		rights |= FS_TRUNCATE;
	if (abi >= 5)
		rights |= FS_IOCTL_DEV;
	return rights;
}

static size_t
ruleset_bytes(int abi)
{
	if (abi >= 6)
		return sizeof(struct ruleset);
	return abi >= 4 ? offsetof(struct ruleset, scoped) :
	    offsetof(struct ruleset, net);
}

static enum err
restrict_self(int ruleset, int dir, uint64_t handled, bool may_leave)
{
	struct path_rule rule = {
		.rights = OWNER_RIGHTS & handled,
		.dir = dir,
	};
	/* An own address to connect from: bound with no port of its own. */
	struct port_rule source = { .rights = NET_BIND_TCP, .port = 0 };

	if (dir >= 0 && syscall(NR_ADD_RULE, ruleset, RULE_PATH_BENEATH,
	    &rule, 0u) != 0)
		return ERR_SYS;
	if (may_leave && syscall(NR_ADD_RULE, ruleset, RULE_NET_PORT, &source, 0u) != 0)
		return ERR_SYS;
	return syscall(NR_RESTRICT_SELF, ruleset, 0u) == 0 ? ERR_OK : ERR_SYS;
}

enum err
sandbox_landlock(int dir, bool may_connect)
{
	int abi = sandbox_landlock_abi();
	struct ruleset want = {
		.fs = fs_rights_of(abi),
		.net = NET_BIND_TCP |
		    (may_connect ? 0u : (unsigned)NET_CONNECT_TCP),
		.scoped = SCOPE_ABSTRACT_SOCKET | SCOPE_SIGNAL,
	};
	enum err e;
	long ruleset;

	if (abi == 0)
		return ERR_UNSUPPORTED;
	ruleset = syscall(NR_CREATE_RULESET, &want, ruleset_bytes(abi), 0u);
	if (ruleset < 0)
		return errno == ENOMSG || errno == EOPNOTSUPP ?
		    ERR_UNSUPPORTED : ERR_SYS;
	e = restrict_self((int)ruleset, dir, want.fs, may_connect && abi >= 4);
	(void)close((int)ruleset);
	return e;
}
