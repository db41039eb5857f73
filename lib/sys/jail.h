/* SPDX-License-Identifier: ISC */
/*
 * Steps by which a process gives up what it does not need, for good.  Each
 * verifies its effect; ERR_DENIED means that the host does not let this
 * process do it (no root, no such namespace), and nothing has changed.  Call
 * them in the order below, while the process has one thread.
 */
#ifndef JAIL_H
#define JAIL_H

#include <sys/types.h>

#include "lib/base/cc.h"
#include "lib/base/err.h"

/* A network namespace of its own, with nothing in it. */
enum err	 jail_netns(void) MUST_USE;
/* The capability bounding set empty, securebits locked: before jail_ids. */
enum err	 jail_bounds(void) MUST_USE;
/* The directory becomes root and the current directory. */
enum err	 jail_chroot(int dir) MUST_USE;
/* Not 0.  ERR_SYS when the identity could come back. */
enum err	 jail_ids(uid_t, gid_t) MUST_USE;
/* No capability in any set. */
enum err	 jail_caps(void) MUST_USE;
enum err	 jail_limits(void) MUST_USE;	/* no core files */
/* no_new_privs and, where the kernel knows it, no new executable memory. */
enum err	 jail_no_new_privs(void) MUST_USE;
enum err	 jail_not_dumpable(void) MUST_USE;

#endif
