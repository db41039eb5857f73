/* SPDX-License-Identifier: ISC */
/*
 * Where an installation or instance keeps its things.  A configuration
 * directory that ends in /etc is that of an instance (DIR/etc beside DIR/run
 * and so on); any other belongs to the installation (FHS paths).  Pure but
 * for realpath(3).
 */
#ifndef MASTER_PATHS_H
#define MASTER_PATHS_H

#include <limits.h>
#include <stdbool.h>

#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/conf/conf_file.h"

struct master_paths {
	bool	 is_instance;
	char	 config[PATH_MAX];
	char	 spool[PATH_MAX];
	char	 mail[PATH_MAX];
	char	 keys[PATH_MAX];
	char	 run[PATH_MAX];
	char	 empty[PATH_MAX];	/* the chroot of who owns no files */
	char	 control[PATH_MAX];
	char	 drop[PATH_MAX];	/* where sendmail leaves mail while we are down */
	char	 pid[PATH_MAX];
	char	 log[PATH_MAX];		/* empty: standard error */
	char	 libexec[PATH_MAX];	/* the daemons */
	char	 sbin[PATH_MAX];	/* the tools */
};

/* config_dir NULL: the compiled-in one.  ERR_NOTFOUND: it does not exist. */
enum err	 master_paths_init(struct master_paths *, const char *config_dir) MUST_USE;
/* What the configuration says about directories and the log. */
enum err	 master_paths_apply(struct master_paths *, const struct conf *) MUST_USE;

#endif
