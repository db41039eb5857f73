/* SPDX-License-Identifier: ISC */
/*
 * A tool that works on the files of a daemon while nothing runs: it becomes
 * their owner, and goes into the sandbox that the daemon would have (see
 * daemon.h; as with sandbox = auto, what the host cannot give is left out, but
 * never no_new_privs and seccomp).  Standard output and error stay.
 */
#ifndef OFFLINE_H
#define OFFLINE_H

#include "lib/base/cc.h"
#include "lib/base/err.h"

/* The directory, for offline_confine.  ERR_DENIED: it is another's. */
enum err	 offline_open(const char *path, int *dir) MUST_USE;
/*
 * Its owner, in it (chroot or not: name files relative to it), for good.
 * Before any thread and any file of it.
 */
enum err	 offline_confine(int dir) MUST_USE;
/* With all threads there: system calls as of a daemon with files. */
enum err	 offline_confine_calls(void) MUST_USE;

#endif
