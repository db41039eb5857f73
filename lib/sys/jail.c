/* SPDX-License-Identifier: ISC */
#include "lib/sys/jail.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CAP_MAX		63
#define PRCTL_MDWE	65	/* PR_SET_MDWE, Linux 6.3 */
#define MDWE_REFUSE	1

enum err
jail_netns(void)
{
	if (unshare(CLONE_NEWNET) != 0)
		return errno == EPERM || errno == EINVAL || errno == ENOSYS ||
		    errno == ENOSPC || errno == EUSERS ? ERR_DENIED : ERR_SYS;
	return ERR_OK;
}

enum err
jail_bounds(void)
{
	unsigned long cap;

	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0 &&
	    errno != EINVAL)
		return ERR_DENIED;
	for (cap = 0; cap <= CAP_MAX; cap++) {
		if (prctl(PR_CAPBSET_READ, cap, 0, 0, 0) <= 0)
			continue;
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) != 0)
			return ERR_DENIED;
	}
	if (prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED |
	    SECBIT_KEEP_CAPS_LOCKED | SECBIT_NO_SETUID_FIXUP_LOCKED |
	    SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED,
	    0, 0, 0) != 0)
		return ERR_DENIED;
	return ERR_OK;
}

enum err
jail_chroot(int dir)
{
	if (fchdir(dir) != 0)
		return err_from_errno(errno);
	if (chroot(".") != 0)
		return errno == EPERM ? ERR_DENIED : ERR_SYS;
	if (chdir("/") != 0)
		return ERR_SYS;
	return ERR_OK;
}

enum err
jail_ids(uid_t uid, gid_t gid)
{
	uid_t r, e, s;
	gid_t rg, eg, sg;

	if (uid == 0 || gid == 0 || geteuid() != 0)
		return ERR_DENIED;
	if (setgroups(0, NULL) != 0 || setresgid(gid, gid, gid) != 0 ||
	    setresuid(uid, uid, uid) != 0)
		return errno == EPERM || errno == EINVAL ? ERR_DENIED : ERR_SYS;
	if (getresuid(&r, &e, &s) != 0 || r != uid || e != uid || s != uid ||
	    getresgid(&rg, &eg, &sg) != 0 || rg != gid || eg != gid ||
	    sg != gid || getgroups(0, NULL) != 0)
		return ERR_SYS;
	if (setuid(0) == 0 || setgid(0) == 0 || seteuid(0) == 0)
		return ERR_SYS;
	return ERR_OK;
}

enum err
jail_caps(void)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3
	};
	struct __user_cap_data_struct sets[2];
	unsigned i;

	memset(sets, 0, sizeof(sets));
	if (syscall(SYS_capset, &head, sets) != 0 ||
	    syscall(SYS_capget, &head, sets) != 0)
		return ERR_SYS;
	for (i = 0; i < 2; i++)
		if (sets[i].effective != 0 || sets[i].permitted != 0 ||
		    sets[i].inheritable != 0)
			return ERR_SYS;
	return ERR_OK;
}

enum err
jail_limits(void)
{
	struct rlimit none = { 0, 0 };

	return setrlimit(RLIMIT_CORE, &none) == 0 ? ERR_OK : ERR_SYS;
}

enum err
jail_no_new_privs(void)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		return ERR_SYS;
#ifndef GODWIT_SAN
	(void)prctl(PRCTL_MDWE, MDWE_REFUSE, 0, 0, 0);
#endif
	return ERR_OK;
}

enum err
jail_not_dumpable(void)
{
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 ||
	    prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0)
		return ERR_SYS;
	return ERR_OK;
}
