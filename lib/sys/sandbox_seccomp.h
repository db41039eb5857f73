/* SPDX-License-Identifier: ISC */
/*
 * The system calls a daemon may make, listed by purpose.  Everything else
 * kills the process, except a few that libraries try and can do without,
 * which fail (socket with EPERM, openat with EACCES, clone3 with ENOSYS).
 * Applies to all threads; no thread can be started afterwards.
 *
 * Calls are named, with their variants (64-bit time, at-forms, musl, arm):
 * a name that libseccomp or the architecture does not know is skipped.
 */
#ifndef SANDBOX_SECCOMP_H
#define SANDBOX_SECCOMP_H

#include <stdbool.h>

#include "lib/base/cc.h"
#include "lib/base/err.h"

enum sandbox_may {			/* the same bits as enum daemon_may */
	SANDBOX_IPC = 1 << 0,
	SANDBOX_ACCEPT = 1 << 1,
	SANDBOX_CONNECT = 1 << 2,
	SANDBOX_FILES = 1 << 3,
	SANDBOX_MEMFD = 1 << 4,
	SANDBOX_THREADS = 1 << 5,
	SANDBOX_SECRETS = 1 << 6,
	SANDBOX_PAIR = 1 << 7
};

/*
 * only_log: let everything happen and have the kernel log what is not on the
 * list (sanitizer builds).
 */
enum err	 sandbox_seccomp(unsigned may, bool only_log) MUST_USE;

#endif
