/* SPDX-License-Identifier: ISC */
/*
 * The configuration as a whole: conf_read, the built-in listeners, and the
 * conflicts that show only between sections.
 */
#ifndef MASTER_CONFIG_H
#define MASTER_CONFIG_H

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/conf/conf_file.h"
#include "master/master_paths.h"

/*
 * p is filled in from config_dir and the configuration.  Anything but ERR_OK
 * comes with text in errors; warnings name what is accepted but has no effect
 * yet.
 */
enum err	 master_config_read(const char *config_dir, struct master_paths *p,
		    struct conf **, struct buf *errors, struct buf *warnings) MUST_USE;

/* The same with files from elsewhere (gwconf -e); looks at no other file. */
enum err	 master_config_read_from(const char *config_dir, conf_load_fn *, void *arg,
		    struct master_paths *p, struct conf **, struct buf *errors,
		    struct buf *warnings) MUST_USE;

/*
 * Reload: rows that cannot change while running get old's value in fresh, and
 * a line each in notes.
 */
void		 master_config_keep(const struct conf *old, struct conf *fresh,
		    struct buf *notes);

/* hostname of the configuration, else of the host; "" when neither has a dot. */
void		 master_config_hostname(const struct conf *, char dst[256]);

#endif
