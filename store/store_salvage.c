/* SPDX-License-Identifier: ISC */
#include "store/store_salvage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/enc.h"
#include "lib/base/must.h"
#include "lib/db/db.h"
#include "lib/db/db_salvage.h"
#include "store/kv_lmdb.h"
#include "store/store_check.h"
#include "store/store_journal.h"
#include "store/store_record.h"

#define NAME_BYTES	48
#define KEPT_MAX	1000	/* damaged files of one shard */
#define TXN_ENTRIES	20000

/* What an index file turned out to be. */
struct index {
	bool			 is_there;
	bool			 is_whole;
	bool			 has_version;
	unsigned		 number;	/* as it says */
	unsigned		 shards;
	uint64_t		 batch;		/* the last one in it */
	bool			 has_batch;
	uint64_t		 strange;	/* entries that are none of ours */
	struct db_salvage	 found;
	/* copying */
	struct db		*db;
	struct db_txn		*txn;
	unsigned		 in_txn;
	uint64_t		 copied;
	enum err		 e;
};

/* ---- looking ---- */

static bool
is_system(struct slice key, char type)
{
	return key.n == 9 && dec_be64(key.p) == 0 && key.p[8] == type;
}

/* Keys as ours are, of an account of this file; which it is stands before them. */
static bool
is_ours(const struct index *x, struct slice key, struct slice value)
{
	uint64_t account;

	if (key.n < 9 || key.n > KV_KEY_MAX || value.n > KV_VALUE_MAX)
		return false;
	account = dec_be64(key.p);
	return account == 0 || !x->has_version ||
	    kv_shard_hash(account, x->shards) == x->number;
}

static void
on_entry(void *arg, struct slice key, struct slice value)
{
	struct index *x = arg;

	if (!is_ours(x, key, value))
		x->strange++;
	else if (is_system(key, 'V'))
		x->has_version = kv_version_read(value, &x->number, &x->shards);
	else if (is_system(key, 'J') && value.n == 8) {
		x->batch = dec_le64(value.p);
		x->has_batch = true;
	}
}

static void
look(struct index *x, unsigned i)
{
	char path[NAME_BYTES];
	enum err e;

	snprintf(path, sizeof(path), "index.%u", i);
	x->is_there = access(path, F_OK) == 0;
	if (!x->is_there)
		return;
	e = db_salvage(path, on_entry, x, &x->found);
	x->found.faults += x->strange;
	x->is_whole = e == ERR_OK && x->found.faults == 0 && x->has_version && x->number == i;
}

/* ---- the journal ---- */

struct chain {
	uint64_t	 first;		/* 0: nothing whole */
	uint64_t	 last;
};

static struct chain
chain_of(unsigned i)
{
	struct chain c = { 0, 0 };
	struct journal_batch b;
	char path[NAME_BYTES];
	unsigned char *bytes = must_alloc(1, JOURNAL_BYTES);
	size_t offset = 0, got = 0;
	ssize_t n = 1;
	int fd;

	snprintf(path, sizeof(path), "journal.%u", i);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && got < JOURNAL_BYTES && n > 0)
		if ((n = pread(fd, bytes + got, JOURNAL_BYTES - got, (off_t)got)) > 0)
			got += (size_t)n;
	while (journal_next(slice_of(bytes, got), &offset, c.last, &b) == ERR_OK) {
		c.first = c.first == 0 ? b.number : c.first;
		c.last = b.number;
	}
	if (fd >= 0)
		close(fd);
	free(bytes);
	return c;
}

/* The batch in front of those that the journal can play again. */
static uint64_t
batch_before(const struct index *x)
{
	struct chain a = chain_of(0), b = chain_of(1), older, newer;

	newer = a.first > b.first ? a : b;
	older = a.first > b.first ? b : a;
	if (newer.first == 0 || (x->has_batch && newer.last < x->batch))
		return x->has_batch ? x->batch : 0;
	if (older.first != 0 && older.last + 1 == newer.first)
		newer.first = older.first;
	return x->has_batch && x->batch < newer.first - 1 ? x->batch : newer.first - 1;
}

/* ---- making one again ---- */

static void
copy(void *arg, struct slice key, struct slice value)
{
	struct index *x = arg;

	if (!is_ours(x, key, value) || x->e != ERR_OK || is_system(key, 'V') ||
	    is_system(key, 'J'))
		return;
	if (x->txn == NULL && (x->e = db_begin(x->db, true, &x->txn)) != ERR_OK)
		return;
	x->e = db_put(x->txn, key, value);
	x->copied++;
	if (x->e == ERR_OK && ++x->in_txn == TXN_ENTRIES) {
		x->e = db_commit(&x->txn);
		x->in_txn = 0;
	}
}

/* Version, batch and mark: the last of it, in one transaction. */
static enum err
seal(struct index *x, unsigned i, unsigned shards, uint64_t batch)
{
	struct kv_key vk = record_key(0, 'V'), jk = record_key(0, 'J'), mk;
	struct timespec now = { 0, 0 };
	unsigned char version[KV_VERSION_BYTES], number[8];
	enum err e = ERR_OK;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	mk = check_repair_key((uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec);
	kv_version_put(version, i, shards);
	enc_le64(number, batch);
	if (x->txn == NULL && (e = db_begin(x->db, true, &x->txn)) != ERR_OK)
		return e;
	e = db_put(x->txn, slice_of(vk.b, vk.n), slice_of(version, sizeof(version)));
	if (e != ERR_OK ||
	    (e = db_put(x->txn, slice_of(jk.b, jk.n), slice_of(number, 8))) != ERR_OK ||
	    (e = db_put(x->txn, slice_of(mk.b, mk.n), SLICE_LIT("\1"))) != ERR_OK)
		return e;
	return db_commit(&x->txn);
}

/* The old one keeps a name, and the new one takes its place in one step. */
static enum err
swap(const char *path, const char *fresh)
{
	char kept[2 * NAME_BYTES], lock[2 * NAME_BYTES];
	int fd, rc;

	for (unsigned k = 1; access(path, F_OK) == 0; k++) {
		if (k > KEPT_MAX)
			return ERR_LIMIT;
		snprintf(kept, sizeof(kept), "%s.damaged-%u", path, k);
		if (link(path, kept) == 0)
			break;
		if (errno != EEXIST)
			return err_from_errno(errno);
	}
	if (rename(fresh, path) != 0)
		return err_from_errno(errno);
	snprintf(lock, sizeof(lock), "%s-lock", fresh);
	(void)unlink(lock);
	snprintf(lock, sizeof(lock), "%s-lock", path);
	(void)unlink(lock);
	if ((fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
		return err_from_errno(errno);
	rc = fsync(fd);
	close(fd);
	return rc == 0 ? ERR_OK : ERR_IO;
}

static enum err
make_again(struct index *x, unsigned i, unsigned shards)
{
	char path[NAME_BYTES], fresh[NAME_BYTES];
	struct db_salvage again;
	enum err e;

	snprintf(path, sizeof(path), "index.%u", i);
	snprintf(fresh, sizeof(fresh), "index.%u.repair", i);
	(void)unlink(fresh);		/* of a repair that was cut short */
	if ((x->e = db_open(&x->db, fresh, 0)) != ERR_OK)
		return x->e;
	x->has_version = true;
	x->number = i;
	x->shards = shards;
	if (x->is_there && db_salvage(path, copy, x, &again) == ERR_IO)
		x->e = ERR_IO;
	e = x->e == ERR_OK ? seal(x, i, shards, batch_before(x)) : x->e;
	db_abort(&x->txn);
	db_close(&x->db);
	return e == ERR_OK ? swap(path, fresh) : e;
}

/* ---- all ---- */

static unsigned
count_shards(const struct index *v, unsigned fallback)
{
	unsigned highest = 0;

	for (unsigned i = 0; i < KV_SHARDS_MAX; i++) {
		if (v[i].is_whole || (v[i].has_version && v[i].number == i))
			return v[i].shards;
		if (v[i].is_there)
			highest = i + 1;
	}
	return highest > fallback ? highest : fallback;
}

static void
tell(struct salvage *s, const struct index *x, unsigned i)
{
	if (!x->is_there)
		buf_printf(s->out, "index.%u was missing and is made again\n", i);
	else
		buf_printf(s->out, "index.%u was damaged (%llu faults) and is made again with "
		    "%llu entries of it\n", i, (unsigned long long)x->found.faults,
		    (unsigned long long)x->copied);
}

enum err
salvage_run(struct salvage *s, struct buf *why)
{
	struct index *v = must_alloc(KV_SHARDS_MAX, sizeof(*v));
	enum err e = ERR_OK;
	bool any = false;

	for (unsigned i = 0; i < KV_SHARDS_MAX; i++) {
		look(&v[i], i);
		any |= v[i].is_there;
	}
	if (!any && access("journal.0", F_OK) != 0) {
		buf_put_str(why, "there is no store");
		free(v);
		return ERR_NOTFOUND;
	}
	s->shards = count_shards(v, s->default_shards);
	for (unsigned i = 0; i < s->shards && e == ERR_OK; i++) {
		if (v[i].is_whole)
			continue;
		if ((e = make_again(&v[i], i, s->shards)) != ERR_OK) {
			buf_printf(why, "index.%u: %s", i, err_text(e));
			break;
		}
		s->made++;
		s->entries += v[i].copied;
		tell(s, &v[i], i);
	}
	free(v);
	return e;
}
