/* SPDX-License-Identifier: ISC */
#include "lib/daemon/offline.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/sys/jail.h"
#include "lib/sys/sandbox_landlock.h"
#include "lib/sys/sandbox_seccomp.h"

#ifdef GODWIT_SAN
#define ONLY_LOG	true	/* sanitizers read /proc */
#else
#define ONLY_LOG	false
#endif

/* What the host does not let us do is no fault. */
static enum err
allowed(enum err e)
{
	return e == ERR_DENIED || e == ERR_UNSUPPORTED ? ERR_OK : e;
}

enum err
offline_open(const char *path, int *dir)
{
	struct stat st;

	if ((*dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC)) < 0)
		return err_from_errno(errno);
	if (fstat(*dir, &st) == 0 && (geteuid() == 0 ? st.st_uid != 0 : st.st_uid == geteuid()))
		return ERR_OK;
	close(*dir);
	return ERR_DENIED;
}

enum err
offline_confine(int dir)
{
	bool is_root = geteuid() == 0;
	struct stat st;
	enum err e;

	if (fstat(dir, &st) != 0)
		return ERR_SYS;
	if (is_root) {
		if ((e = allowed(jail_netns())) != ERR_OK || (e = allowed(jail_bounds())) != ERR_OK ||
		    (e = allowed(jail_chroot(dir))) != ERR_OK)
			return e;
	}
	if (fchdir(dir) != 0)
		return ERR_SYS;
	/* Never as root: its files would no longer be the daemon's. */
	if (is_root && (e = jail_ids(st.st_uid, st.st_gid)) != ERR_OK)
		return e;
	if ((e = jail_caps()) != ERR_OK || (e = jail_limits()) != ERR_OK ||
	    (e = jail_no_new_privs()) != ERR_OK || (e = jail_not_dumpable()) != ERR_OK)
		return e;
	return ONLY_LOG ? ERR_OK : allowed(sandbox_landlock(dir, false));
}

enum err
offline_confine_calls(void)
{
	return sandbox_seccomp(SANDBOX_IPC | SANDBOX_FILES | SANDBOX_THREADS, ONLY_LOG);
}
