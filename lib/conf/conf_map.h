/* SPDX-License-Identifier: ISC */
/*
 * Names of lookup tables as options and tools write them: "lmdb:NAME".  NAME
 * is that of the file it is built from, seen from the configuration
 * directory, and at the same time the name of the table.  Built tables are
 * files in CONF_MAP_DIR of the spool; NAME gives the file's name there.
 */
#ifndef CONF_MAP_H
#define CONF_MAP_H

#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"

#define CONF_MAP_DIR		"maps"
#define CONF_MAP_NAME_MAX	75u
#define CONF_MAP_FILE_MAX	(3u * CONF_MAP_NAME_MAX + sizeof(".lmdb"))
#define CONF_MAP_ALLOWED	"lmdb:NAME, e.g. lmdb:aliases"

/* ERR_UNSUPPORTED: another type.  ERR_LIMIT: too long.  ERR_SYNTAX: no name. */
enum err	 conf_map_parse(struct slice text, struct slice *name) MUST_USE;
/* The file of a name that conf_map_parse took; no two names have the same. */
void		 conf_map_file(struct slice name, char dst[CONF_MAP_FILE_MAX]);

#endif
