/* SPDX-License-Identifier: ISC */
/*
 * The lookup tables of the spool (queue_map_file.h) that the configuration
 * names: opened and checked when they come into use, asked by the resolver,
 * replaced as a whole when gwmap made a new one.  A table that was not built,
 * or is damaged, is an answer too: it cannot tell.  That is logged when it is
 * noticed, not at each question.
 *
 * A handle lives until the configuration is read again.
 */
#ifndef QUEUE_MAP_H
#define QUEUE_MAP_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "queue/queue_map_file.h"

struct queue_map;
struct queue_maps;

enum queue_map_use { QUEUE_MAP_FOR_ALIASES = 1, QUEUE_MAP_FOR_RECIPIENTS = 2 };

/* make: dir is the spool, path the same for LMDB; removes what a crash left. */
struct queue_maps *queue_maps_new(int dir, const char *path);
void		 queue_maps_free(struct queue_maps **);

/* configuration: begin, use for each option, end closes what is not used any more */
void		 queue_maps_begin(struct queue_maps *);
/* NULL for an empty text. */
struct queue_map *queue_maps_use(struct queue_maps *, const char *text,
		    enum queue_map_use);
void		 queue_maps_end(struct queue_maps *);

/* use: a queue_lookup_fn; ERR_AGAIN when the table cannot tell */
enum err	 queue_map_find(struct queue_map *, struct slice key,
		    struct slice *value) MUST_USE;

/* upkeep */
/* The directory is made with the first table. */
enum err	 queue_maps_need_dir(struct queue_maps *) MUST_USE;
const struct queue_map_dir *queue_maps_dir(const struct queue_maps *);
/* By idx in the order of the configuration; NULL at the end. */
const struct queue_map *queue_maps_at(const struct queue_maps *, unsigned idx);
struct queue_map *queue_maps_named(const struct queue_maps *, struct slice name);
/*
 * Also one that is not in use, until it is released; it stays open meanwhile,
 * whatever is configured.  checks: as for queue_map_file_open.
 */
struct queue_map *queue_maps_hold(struct queue_maps *, struct slice name, bool checks);
void		 queue_map_release(struct queue_map **);
struct slice	 queue_map_name(const struct queue_map *);
unsigned	 queue_map_uses(const struct queue_map *);	/* enum queue_map_use, or-ed */
/* NULL: it cannot tell, *why has the reason. */
const struct queue_map_head *queue_map_head(const struct queue_map *, enum err *why);
struct db	*queue_map_db(const struct queue_map *);
/* A new file is complete: give it its name and use it. */
enum err	 queue_maps_replace(struct queue_maps *, struct slice name,
		    struct queue_map_new *) MUST_USE;

#endif
