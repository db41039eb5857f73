/* SPDX-License-Identifier: ISC */
#include "lib/db/db.h"

#include <errno.h>
#include <lmdb.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/must.h"

#define DB_MAX_READERS	126
#define DB_MODE		0600

struct db {
	MDB_env		*env;
	MDB_dbi		 dbi;
	size_t		 map_bytes;
	atomic_int	 open_count;	/* transactions: a map must not grow under them */
};

struct db_txn {
	struct db	*db;
	MDB_txn		*txn;
	MDB_cursor	*cursor;
	bool		 is_write;
	bool		 is_parked;
};

static enum err
db_err(int rc)
{
	switch (rc) {
	case MDB_SUCCESS:
		return ERR_OK;
	case MDB_NOTFOUND:
		return ERR_NOTFOUND;
	case MDB_KEYEXIST:
		return ERR_EXISTS;
	case MDB_MAP_FULL:
	case MDB_TXN_FULL:
	case MDB_READERS_FULL:
	case MDB_DBS_FULL:
	case ENOSPC:
	case EDQUOT:
		return ERR_FULL;
	case MDB_CORRUPTED:
	case MDB_PAGE_NOTFOUND:
	case MDB_INVALID:
	case MDB_INCOMPATIBLE:
		return ERR_CORRUPT;
	case MDB_VERSION_MISMATCH:
		return ERR_VERSION;
	case MDB_BAD_VALSIZE:
		return ERR_LIMIT;
	case EACCES:
	case EPERM:
	case EROFS:
		return ERR_DENIED;
	case ENOENT:
		return ERR_NOTFOUND;
	default:
		return ERR_IO;
	}
}

static size_t
default_map_bytes(void)
{
	if (sizeof(size_t) < 8)
		return (size_t)256 << 20;
	return (size_t)1 << 40;
}

static int
env_open(MDB_env **env, const char *path, size_t map_bytes)
{
	int rc;

	*env = NULL;
	if ((rc = mdb_env_create(env)) != 0)
		return rc;
	if ((rc = mdb_env_set_mapsize(*env, map_bytes)) == 0 &&
	    (rc = mdb_env_set_maxreaders(*env, DB_MAX_READERS)) == 0)
		rc = mdb_env_open(*env, path, MDB_NOSUBDIR | MDB_NOTLS, DB_MODE);
	if (rc != 0) {
		mdb_env_close(*env);
		*env = NULL;
	}
	return rc;
}

/*
 * LMDB writes the first two pages of a file without a sync, and never opens
 * again a file that lost one of them with the power.  So a new file gets its
 * name when it is whole on disk.
 */
static int
make_file(const char *path, size_t map_bytes)
{
	size_t n = strlen(path) + sizeof(".new-lock");
	char *fresh = must_alloc(1, n), *lock = must_alloc(1, n);
	MDB_env *env;
	int rc;

	(void)snprintf(fresh, n, "%s.new", path);
	(void)snprintf(lock, n, "%s.new-lock", path);
	(void)unlink(fresh);		/* left by such a loss */
	if ((rc = env_open(&env, fresh, map_bytes)) == 0) {
		rc = mdb_env_sync(env, 1);
		mdb_env_close(env);
		(void)unlink(lock);
		if (rc == 0 && rename(fresh, path) != 0)
			rc = errno;
	}
	free(fresh);
	free(lock);
	return rc;
}

enum err
db_open(struct db **out, const char *path, size_t map_bytes)
{
	struct db *db = must_alloc(1, sizeof(*db));
	MDB_txn *txn = NULL;
	int rc;

	*out = NULL;
	db->map_bytes = map_bytes > 0 ? map_bytes : default_map_bytes();
	rc = access(path, F_OK) == 0 ? 0 :
	    errno != ENOENT ? errno : make_file(path, db->map_bytes);
	if (rc != 0 || (rc = env_open(&db->env, path, db->map_bytes)) != 0) {
		free(db);
		return db_err(rc);
	}
	if ((rc = mdb_txn_begin(db->env, NULL, 0, &txn)) != 0)
		goto out;
	if ((rc = mdb_dbi_open(txn, NULL, 0, &db->dbi)) != 0) {
		mdb_txn_abort(txn);
		goto out;
	}
	if ((rc = mdb_txn_commit(txn)) != 0)
		goto out;
	/* Slots of readers that were killed would keep pages for ever. */
	db_reader_check(db);
	*out = db;
	return ERR_OK;
out:
	mdb_env_close(db->env);
	free(db);
	return db_err(rc);
}

void
db_close(struct db **pdb)
{
	struct db *db = *pdb;

	*pdb = NULL;
	if (db == NULL)
		return;
	must(atomic_load(&db->open_count) == 0);
	mdb_env_close(db->env);
	free(db);
}

enum err
db_begin(struct db *db, bool write, struct db_txn **out)
{
	struct db_txn *t;
	int rc;

	*out = NULL;
	t = must_alloc(1, sizeof(*t));
	t->db = db;
	t->is_write = write;
	rc = mdb_txn_begin(db->env, NULL, write ? 0 : MDB_RDONLY, &t->txn);
	if (rc == MDB_MAP_RESIZED && atomic_load(&db->open_count) == 0) {
		(void)mdb_env_set_mapsize(db->env, 0);
		rc = mdb_txn_begin(db->env, NULL, write ? 0 : MDB_RDONLY, &t->txn);
	}
	if (rc != 0) {
		free(t);
		return db_err(rc);
	}
	atomic_fetch_add(&db->open_count, 1);
	*out = t;
	return ERR_OK;
}

static void
txn_free(struct db_txn **pt)
{
	struct db_txn *t = *pt;

	*pt = NULL;
	if (!t->is_parked)
		atomic_fetch_sub(&t->db->open_count, 1);
	free(t);
}

enum err
db_commit(struct db_txn **pt)
{
	struct db_txn *t = *pt;
	int rc;

	/* A write transaction's cursor dies with it; a reader's does not. */
	if (t->cursor != NULL)
		mdb_cursor_close(t->cursor);
	rc = mdb_txn_commit(t->txn);
	txn_free(pt);
	return db_err(rc);
}

void
db_abort(struct db_txn **pt)
{
	struct db_txn *t = *pt;

	if (t == NULL)
		return;
	if (t->cursor != NULL)
		mdb_cursor_close(t->cursor);
	mdb_txn_abort(t->txn);
	txn_free(pt);
}

void
db_park(struct db_txn *t)
{
	must(!t->is_write);
	if (t->is_parked)
		return;
	mdb_txn_reset(t->txn);
	t->is_parked = true;
	atomic_fetch_sub(&t->db->open_count, 1);
}

enum err
db_renew(struct db_txn *t)
{
	int rc;

	must(!t->is_write);
	if (!t->is_parked)
		db_park(t);
	if ((rc = mdb_txn_renew(t->txn)) != 0)
		return db_err(rc);
	if (t->cursor != NULL && (rc = mdb_cursor_renew(t->txn, t->cursor)) != 0) {
		mdb_txn_reset(t->txn);
		return db_err(rc);
	}
	t->is_parked = false;
	atomic_fetch_add(&t->db->open_count, 1);
	return ERR_OK;
}

static MDB_val
val_of(struct slice s)
{
	MDB_val v;

	v.mv_size = s.n;
	v.mv_data = (void *)(uintptr_t)s.p;
	return v;
}

static bool
is_key(struct slice key)
{
	return key.n > 0 && key.n <= DB_KEY_MAX;
}

enum err
db_get(struct db_txn *t, struct slice key, struct slice *value)
{
	MDB_val k = val_of(key), v;
	int rc;

	*value = SLICE_NONE;
	if (!is_key(key))
		return ERR_LIMIT;
	if ((rc = mdb_get(t->txn, t->db->dbi, &k, &v)) != 0)
		return db_err(rc);
	*value = slice_of(v.mv_data, v.mv_size);
	return ERR_OK;
}

enum err
db_put(struct db_txn *t, struct slice key, struct slice value)
{
	MDB_val k = val_of(key), v = val_of(value);

	if (!is_key(key))
		return ERR_LIMIT;
	return db_err(mdb_put(t->txn, t->db->dbi, &k, &v, 0));
}

enum err
db_del(struct db_txn *t, struct slice key)
{
	MDB_val k = val_of(key);
	int rc;

	if (!is_key(key))
		return ERR_LIMIT;
	rc = mdb_del(t->txn, t->db->dbi, &k, NULL);
	return rc == MDB_NOTFOUND ? ERR_OK : db_err(rc);
}

static int
need_cursor(struct db_txn *t)
{
	return t->cursor != NULL ? 0 : mdb_cursor_open(t->txn, t->db->dbi, &t->cursor);
}

enum err
db_find(struct db_txn *t, enum db_dir dir, struct slice key, struct slice *found,
    struct slice *value)
{
	MDB_val k = val_of(key), v;
	int rc;

	*found = *value = SLICE_NONE;
	if (!is_key(key))
		return ERR_LIMIT;
	if ((rc = need_cursor(t)) != 0)
		return db_err(rc);
	rc = mdb_cursor_get(t->cursor, &k, &v, MDB_SET_RANGE);
	if (dir == DB_FLOOR) {
		if (rc == MDB_NOTFOUND)
			rc = mdb_cursor_get(t->cursor, &k, &v, MDB_LAST);
		else if (rc == 0 && !slice_eq(slice_of(k.mv_data, k.mv_size), key))
			rc = mdb_cursor_get(t->cursor, &k, &v, MDB_PREV);
	}
	if (rc != 0)
		return db_err(rc);
	*found = slice_of(k.mv_data, k.mv_size);
	*value = slice_of(v.mv_data, v.mv_size);
	return ERR_OK;
}

enum err
db_step(struct db_txn *t, enum db_dir dir, struct slice *found, struct slice *value)
{
	MDB_val k, v;
	int rc;

	*found = *value = SLICE_NONE;
	if (t->cursor == NULL)
		return ERR_NOTFOUND;
	rc = mdb_cursor_get(t->cursor, &k, &v, dir == DB_CEIL ? MDB_NEXT : MDB_PREV);
	if (rc != 0)
		return db_err(rc);
	*found = slice_of(k.mv_data, k.mv_size);
	*value = slice_of(v.mv_data, v.mv_size);
	return ERR_OK;
}

enum err
db_range(struct db_txn *t, struct slice from, struct slice to, size_t max,
    db_range_fn *fn, void *arg, char *store, struct slice *resume)
{
	struct slice key, value;
	enum err e;
	size_t n;

	if (resume != NULL)
		*resume = SLICE_NONE;
	e = db_find(t, DB_CEIL, from, &key, &value);
	for (n = 0; e == ERR_OK && slice_cmp(key, to) < 0; n++) {
		if (n == max) {
			if (resume != NULL) {
				for (size_t i = 0; i < key.n; i++)
					store[i] = key.p[i];
				*resume = slice_of(store, key.n);
			}
			return ERR_OK;
		}
		if (!fn(arg, key, value))
			return ERR_OK;
		e = db_step(t, DB_CEIL, &key, &value);
	}
	return e == ERR_NOTFOUND ? ERR_OK : e;
}

void
db_reader_check(struct db *db)
{
	int dead = 0;

	(void)mdb_reader_check(db->env, &dead);
}

/* The free list is LMDB's tree 0: each value begins with how many pages it names. */
static int
count_free(struct db *db, uint64_t *pages)
{
	MDB_cursor *c = NULL;
	MDB_txn *txn = NULL;
	MDB_val key, value;
	size_t n;
	int rc;

	*pages = 0;
	if ((rc = mdb_txn_begin(db->env, NULL, MDB_RDONLY, &txn)) != 0)
		return rc;
	if ((rc = mdb_cursor_open(txn, 0, &c)) == 0) {
		while ((rc = mdb_cursor_get(c, &key, &value, MDB_NEXT)) == 0) {
			if (value.mv_size < sizeof(n))
				continue;
			memcpy(&n, value.mv_data, sizeof(n));
			*pages += n;
		}
		mdb_cursor_close(c);
	}
	mdb_txn_abort(txn);
	return rc == MDB_NOTFOUND ? 0 : rc;
}

enum err
db_stat(struct db *db, struct db_stat *st)
{
	MDB_envinfo info;
	uint64_t pages;
	MDB_stat ms;
	int rc;

	*st = (struct db_stat){ .entries = 0 };
	if ((rc = mdb_env_info(db->env, &info)) != 0 ||
	    (rc = mdb_env_stat(db->env, &ms)) != 0 || (rc = count_free(db, &pages)) != 0)
		return db_err(rc);
	st->free_bytes = pages * ms.ms_psize;
	st->entries = ms.ms_entries;
	st->used_bytes = (uint64_t)(info.me_last_pgno + 1) * ms.ms_psize;
	st->map_bytes = info.me_mapsize;
	return ERR_OK;
}

enum err
db_grow(struct db *db)
{
	int rc;

	/* mdb_env_set_mapsize does not notice active transactions itself. */
	if (atomic_load(&db->open_count) != 0)
		return ERR_STATE;
	if (db->map_bytes > SIZE_MAX / 4)
		return ERR_FULL;
	if ((rc = mdb_env_set_mapsize(db->env, db->map_bytes * 2)) != 0)
		return db_err(rc);
	db->map_bytes *= 2;
	return ERR_OK;
}
