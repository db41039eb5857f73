/* SPDX-License-Identifier: ISC */
#include "queue/queue_map.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/base/list.h"
#include "lib/base/log.h"
#include "lib/base/must.h"
#include "lib/conf/conf_map.h"
#include "lib/daemon/daemon.h"
#include "lib/db/db.h"
#include "lib/sys/path.h"

#define PATH_BYTES	4096u

struct queue_map {
	struct list		 link;
	struct queue_maps	*maps;
	unsigned		 uses;
	unsigned		 held;	/* db stays as it is */
	struct db		*db;	/* NULL: error says why */
	enum err		 error;
	struct queue_map_head	 head;
	char			 name[CONF_MAP_NAME_MAX + 1];
	char			 file[CONF_MAP_FILE_MAX];
};

struct queue_maps {
	struct list		 all;	/* in the order of the configuration */
	struct queue_map_dir	 dir;
	struct buf		 value;	/* of the last question */
	int			 spool;
	char			 path[PATH_BYTES];
};

struct queue_maps *
queue_maps_new(int dir, const char *path)
{
	struct queue_maps *m = must_alloc(1, sizeof(*m));
	enum err e;

	list_init(&m->all);
	buf_init(&m->value, QUEUE_MAP_VALUE_MAX);
	(void)snprintf(m->path, sizeof(m->path), "%s/" CONF_MAP_DIR, path);
	m->dir.path = m->path;
	m->spool = dir;
	e = path_open_dir(dir, CONF_MAP_DIR, &m->dir.fd);
	if (e == ERR_NOTFOUND)
		m->dir.fd = -1;
	else if (e != ERR_OK)
		log_fatal("spool: " CONF_MAP_DIR ": %s", err_text(e));
	else
		queue_map_file_clean(&m->dir);
	return m;
}

enum err
queue_maps_need_dir(struct queue_maps *m)
{
	enum err e;

	if (m->dir.fd >= 0)
		return ERR_OK;
	if ((e = path_make_dir(m->spool, CONF_MAP_DIR, 0700)) != ERR_OK ||
	    (e = path_sync_dir(m->spool)) != ERR_OK)
		return e;
	e = path_open_dir(m->spool, CONF_MAP_DIR, &m->dir.fd);
	if (e != ERR_OK)
		m->dir.fd = -1;
	return e;
}

static void
close_map(struct queue_map *t)
{
	queue_map_file_close(&t->db, &t->maps->dir, t->file);
}

static void
drop_map(struct queue_map *t)
{
	close_map(t);
	list_remove(&t->link);
	free(t);
}

void
queue_maps_free(struct queue_maps **mp)
{
	struct queue_maps *m = *mp;
	struct list *l;

	*mp = NULL;
	if (m == NULL)
		return;
	while ((l = list_first(&m->all)) != NULL)
		drop_map(obj_of(l, struct queue_map, link));
	if (m->dir.fd >= 0)
		(void)close(m->dir.fd);
	buf_fini(&m->value);
	free(m);
}

/* ---- opening ---- */

static void
log_state(const struct queue_map *t)
{
	if (t->error == ERR_OK)
		log_event(LOG_table, log_str("name", t->name), log_str("state", "ready"),
		    log_num("count", t->head.rows));
	else if (t->error == ERR_NOTFOUND)
		log_event(LOG_table, log_str("name", t->name), log_str("state", "missing"),
		    log_str("reason", "not built, mail waits: gwmap builds it"));
	else
		log_event(LOG_table, log_str("name", t->name), log_str("state", "damaged"),
		    log_str("reason", err_text(t->error)));
}

static void
open_file(struct queue_map *t, bool checks)
{
	t->error = t->maps->dir.fd < 0 ? ERR_NOTFOUND :
	    queue_map_file_open(&t->db, &t->maps->dir, t->file, checks, &t->head);
}

static void
open_map(struct queue_map *t, bool checks)
{
	open_file(t, checks);
	log_state(t);
}

static void
fail(struct queue_map *t, enum err e)
{
	t->error = e;
	if (t->held == 0)
		close_map(t);
	log_state(t);
}

struct queue_map *
queue_maps_named(const struct queue_maps *m, struct slice name)
{
	struct queue_map *t;
	struct list *l;

	for (l = m->all.next; l != &m->all; l = l->next) {
		t = obj_of(l, struct queue_map, link);
		if (slice_eq_str(name, t->name))
			return t;
	}
	return NULL;
}

/* ---- configuration ---- */

void
queue_maps_begin(struct queue_maps *m)
{
	struct list *l;

	for (l = m->all.next; l != &m->all; l = l->next)
		obj_of(l, struct queue_map, link)->uses = 0;
}

static struct queue_map *
add_map(struct queue_maps *m, struct slice name)
{
	struct queue_map *t = must_alloc(1, sizeof(*t));

	t->maps = m;
	(void)!slice_to_cstr(name, t->name, sizeof(t->name));
	conf_map_file(name, t->file);
	list_push(&m->all, &t->link);
	return t;
}

struct queue_map *
queue_maps_use(struct queue_maps *m, const char *text, enum queue_map_use use)
{
	struct queue_map *t;
	struct slice name;

	/* master refused what is no name. */
	if (conf_map_parse(slice_str(text), &name) != ERR_OK)
		return NULL;
	if ((t = queue_maps_named(m, name)) == NULL) {
		t = add_map(m, name);
		open_map(t, true);
	} else if (t->uses == 0 && t->error != ERR_OK && t->held == 0) {
		/* A reload looks again. */
		close_map(t);
		open_map(t, true);
	}
	t->uses |= (unsigned)use;
	return t;
}

void
queue_maps_end(struct queue_maps *m)
{
	struct list *l, *next;

	LIST_EACH(l, next, &m->all) {
		struct queue_map *t = obj_of(l, struct queue_map, link);

		if (t->uses == 0 && t->held == 0)
			drop_map(t);
	}
}

struct queue_map *
queue_maps_hold(struct queue_maps *m, struct slice name, bool checks)
{
	struct queue_map *t = queue_maps_named(m, name);

	if (t == NULL) {
		t = add_map(m, name);
		open_file(t, checks);
	}
	t->held++;
	return t;
}

void
queue_map_release(struct queue_map **tp)
{
	struct queue_map *t = *tp;

	*tp = NULL;
	if (t == NULL || --t->held > 0)
		return;
	if (t->uses == 0)
		drop_map(t);
	else if (t->error != ERR_OK)
		close_map(t);
}

/* ---- use ---- */

enum err
queue_map_find(struct queue_map *t, struct slice key, struct slice *value)
{
	struct buf *store = &t->maps->value;
	struct db_txn *txn;
	enum err e;

	*value = SLICE_NONE;
	if (t->error != ERR_OK)
		return ERR_AGAIN;
	if (key.n == 0 || key.n > QUEUE_MAP_KEY_MAX)
		return ERR_NOTFOUND;
	if ((e = db_begin(t->db, false, &txn)) == ERR_OK) {
		e = db_get(txn, key, value);
		buf_reset(store);
		buf_put_slice(store, *value);
		*value = buf_slice(store);
		if (e == ERR_OK)
			e = buf_err(store) == ERR_OK ? ERR_OK : ERR_CORRUPT;
		db_abort(&txn);
	}
	if (e == ERR_OK || e == ERR_NOTFOUND)
		return e;
	*value = SLICE_NONE;
	fail(t, e);
	return ERR_AGAIN;
}

/* ---- upkeep ---- */

const struct queue_map_dir *
queue_maps_dir(const struct queue_maps *m)
{
	return &m->dir;
}

const struct queue_map *
queue_maps_at(const struct queue_maps *m, unsigned idx)
{
	const struct list *l;

	for (l = m->all.next; l != &m->all; l = l->next)
		if (idx-- == 0)
			return obj_of(l, struct queue_map, link);
	return NULL;
}

struct slice
queue_map_name(const struct queue_map *t)
{
	return slice_str(t->name);
}

unsigned
queue_map_uses(const struct queue_map *t)
{
	return t->uses;
}

const struct queue_map_head *
queue_map_head(const struct queue_map *t, enum err *why)
{
	*why = t->error;
	return t->error == ERR_OK ? &t->head : NULL;
}

struct db *
queue_map_db(const struct queue_map *t)
{
	return t->db;
}

/* In one turn of the loop, so nobody asks while there is none. */
enum err
queue_maps_replace(struct queue_maps *m, struct slice name, struct queue_map_new *n)
{
	struct queue_map *t = queue_maps_named(m, name);
	enum err e;

	daemon_crash_at("queue.table-made");
	if ((e = queue_map_new_name(n)) != ERR_OK)
		return e;
	daemon_crash_at("queue.table-named");
	if (t == NULL)
		return ERR_OK;
	must(t->held == 0);
	close_map(t);
	open_map(t, false);
	return t->error;
}
