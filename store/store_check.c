/* SPDX-License-Identifier: ISC */
#include "store/store_check.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/enc.h"
#include "lib/base/must.h"
#include "lib/ipc/store_proto.h"
#include "store/store_acl.h"
#include "store/store_box.h"
#include "store/store_keywords.h"
#include "store/store_metadata.h"
#include "store/store_names.h"
#include "store/store_note.h"
#include "store/store_op.h"

#define LINE_MAX_BYTES	400
#define SHARDS_TEXT_BYTES	20000
#define STAT_ACCOUNTS_MAX	20000	/* of a shard */

static void
fault(struct check *c, uint64_t account, uint32_t mailbox, const char *what, uint64_t where)
{
	c->faults++;
	if (c->out->n + LINE_MAX_BYTES > c->out->max)
		return;		/* counted all the same */
	buf_printf(c->out, "account %llu", (unsigned long long)account);
	if (mailbox != 0)
		buf_printf(c->out, " mailbox %u", mailbox);
	buf_printf(c->out, ": %s %llu\n", what, (unsigned long long)where);
}

/* ---- contents ---- */

static void
check_epoch(struct check *c, struct op *op, uint32_t mailbox, uint64_t epoch, uint64_t id)
{
	struct kv_key k = record_key_u64(op->account, 'E', epoch);
	struct record_epoch rec;
	struct slice v;

	if (kv_get(op->txn, &k, &v) != ERR_OK)
		fault(c, op->account, mailbox, "no epoch for content", id);
	else if (record_epoch_read(&rec, v) != ERR_OK)
		fault(c, op->account, mailbox, "bad epoch record", epoch);
	else if (c->with_bodies && rec.place.segment != 0 && epoch != c->last_epoch &&
	    blob_check(c->store->blob, &rec.place, op->account, epoch, BLOB_EPOCH) != ERR_OK)
		fault(c, op->account, mailbox, "bad key in the segments, epoch", epoch);
	c->last_epoch = epoch;
	if (epoch > c->top_epoch)
		c->top_epoch = epoch;
}

/* What repair would make of it is what the index says. */
static void
check_note(struct check *c, struct op *op, uint32_t mailbox, const struct record_content *rec,
    uint64_t id)
{
	struct note_body n;
	struct buf b;

	if (rec->body.note == 0)
		return;		/* of before there were notes */
	buf_init(&b, BLOB_NOTE_MAX);
	if (blob_note(c->store->blob, &rec->body, &b) != ERR_OK ||
	    note_body_read(&n, buf_slice(&b)) != ERR_OK || !note_agrees(&n, rec))
		fault(c, op->account, mailbox, "key or note is not that of content", id);
	buf_fini(&b);
}

static void
check_content(struct check *c, struct op *op, uint32_t mailbox, uint64_t id)
{
	struct kv_key k = record_key_u64(op->account, 'X', id);
	struct record_content rec;
	struct slice v;

	if (kv_get(op->txn, &k, &v) != ERR_OK) {
		fault(c, op->account, mailbox, "no content", id);
		return;
	}
	if (record_content_read(&rec, v) != ERR_OK) {
		fault(c, op->account, mailbox, "bad content record", id);
		return;
	}
	c->contents++;
	if (id > c->top_content)
		c->top_content = id;
	check_epoch(c, op, mailbox, rec.epoch, id);
	if (!c->with_bodies)
		return;
	if (blob_check(c->store->blob, &rec.body, op->account, id, BLOB_BODY) != ERR_OK)
		fault(c, op->account, mailbox, "bad body of content", id);
	else
		check_note(c, op, mailbox, &rec, id);
	if (rec.summary_ref.segment != 0 && blob_check(c->store->blob, &rec.summary_ref,
	    op->account, id, BLOB_SUMMARY) != ERR_OK)
		fault(c, op->account, mailbox, "bad summary of content", id);
}

/* ---- a mailbox ---- */

struct sums {
	uint64_t	 metadata;
	struct flagset	 used;
	uint32_t	 exists;
	uint32_t	 unseen;
	uint32_t	 deleted;
	uint64_t	 bytes;
	uint64_t	 modseq;
};

static void
see_flags(const struct box *b, const struct box_pos *p, struct flagset *used)
{
	unsigned char more[STORE_MORE_BYTES];
	struct flagset f = flagset_of(p->hot.flags, slice_of(more, box_more(b, p, more)));

	flagset_join(used, &f);
}

static enum err
walk_messages(struct check *c, struct op *op, struct box *b, struct sums *s)
{
	struct page_cold_row cold;
	struct box_pos p;
	uint32_t prev = 0;
	enum err e;

	for (e = box_seek_uid(b, 1, &p); e == ERR_OK && !p.is_end; e = box_next(b, &p)) {
		if (p.hot.uid <= prev || p.before != s->exists)
			fault(c, op->account, b->id, "order at uid", p.hot.uid);
		prev = p.hot.uid;
		s->exists++;
		s->unseen += !(p.hot.flags & STORE_SEEN);
		s->deleted += (p.hot.flags & STORE_DELETED) != 0;
		see_flags(b, &p, &s->used);
		if (p.hot.modseq > s->modseq)
			s->modseq = p.hot.modseq;
		if ((e = box_cold(b, p.hot.uid, &cold)) != ERR_OK)
			break;
		s->bytes += cold.size;
		check_content(c, op, b->id, cold.content);
	}
	if (prev >= b->rec.uidnext)
		fault(c, op->account, b->id, "uidnext below uid", prev);
	return e;
}

/* Rows that no directory names. */
static uint32_t
count_cold_rows(struct op *op, uint32_t mailbox)
{
	struct kv_key at = record_key_u32(op->account, 'C', mailbox), found;
	struct page_cold page;
	uint32_t n = 0;
	struct slice v;

	while (kv_find(op->txn, KV_GT, &at, 13, &found, &v) == ERR_OK) {
		at = found;
		if (page_cold_read(&page, v) == ERR_OK)
			n += page.n;
	}
	return n;
}

static uint32_t
count_pages(struct op *op, uint32_t mailbox, char type)
{
	struct kv_key at = record_key_u32(op->account, type, mailbox), found;
	uint32_t n = 0;
	struct slice v;

	for (; kv_find(op->txn, KV_GT, &at, 13, &found, &v) == ERR_OK; n++)
		at = found;
	return n;
}

/* Records that the wide pages must have beside them. */
static uint32_t
count_wide_parts(struct op *op, uint32_t mailbox)
{
	struct kv_key at = record_key_u32(op->account, 'H', mailbox), found;
	struct page_hot *h = must_alloc(1, sizeof(*h));
	uint32_t n = 0;
	struct slice v;

	while (kv_find(op->txn, KV_GT, &at, 13, &found, &v) == ERR_OK) {
		at = found;
		if (page_hot_read(h, v) == ERR_OK)
			n += wide_part_count(h->wide);
	}
	free(h);
	return n;
}

/* Every flag has a name. */
static void
check_keywords(struct check *c, struct op *op, uint32_t mailbox, const struct flagset *used)
{
	struct keywords k;
	enum err e = keywords_open(op, mailbox, &k);

	if (e != ERR_OK)
		fault(c, op->account, mailbox, "bad keyword names behind", k.count);
	for (unsigned i = k.count; e == ERR_OK && i < STORE_KEYWORDS_MAX; i++) {
		if (!flagset_has(used, i))
			continue;
		fault(c, op->account, mailbox, "keyword without a name", i);
		break;
	}
	keywords_close(&k);
}

static uint32_t
count_dir_rows(struct op *op, uint32_t mailbox)
{
	struct kv_key at = record_key_u32(op->account, 'D', mailbox), found;
	struct page_dir *d = must_alloc(1, sizeof(*d));
	uint32_t n = 0;
	struct slice v;

	while (kv_find(op->txn, KV_GT, &at, 13, &found, &v) == ERR_OK) {
		at = found;
		if (page_dir_read(d, v) == ERR_OK)
			n += d->n;
	}
	free(d);
	return n;
}

static void
check_gone(struct check *c, struct op *op, const struct box *b)
{
	struct kv_key at = record_key_u32(op->account, 'Z', b->id), found;
	struct page_gone g;
	struct slice v;

	while (kv_find(op->txn, KV_GT, &at, 13, &found, &v) == ERR_OK) {
		at = found;
		if (found.n != 23 || page_gone_read(&g, v) != ERR_OK) {
			fault(c, op->account, b->id, "bad vanished record, rows", v.n);
			continue;
		}
		if (dec_be64(found.b + 13) > b->rec.modseq)
			fault(c, op->account, b->id, "vanished after modseq", b->rec.modseq);
		for (unsigned i = 0; i < g.n; i++) {
			if (g.rows[i].cold.uid >= b->rec.uidnext)
				fault(c, op->account, b->id, "uidnext below vanished uid",
				    g.rows[i].cold.uid);
			check_content(c, op, b->id, g.rows[i].cold.content);
		}
	}
}

static void
check_columns(struct check *c, struct op *op, const struct box *b)
{
	struct kv_key at = record_key_u32(op->account, 'O', b->id), found, epoch;
	struct record_columns rec;
	struct slice v;

	while (kv_find(op->txn, KV_GT, &at, 13, &found, &v) == ERR_OK) {
		at = found;
		if (found.n != 18 || record_columns_read(&rec, v) != ERR_OK) {
			fault(c, op->account, b->id, "bad columns record, bytes", v.n);
			continue;
		}
		epoch = record_key_u64(op->account, 'E', rec.epoch);
		if (kv_get(op->txn, &epoch, &v) != ERR_OK)
			fault(c, op->account, b->id, "no epoch for columns", rec.content);
		if (c->with_bodies && blob_check(c->store->blob, &rec.data, op->account,
		    rec.content, BLOB_COLUMNS) != ERR_OK)
			fault(c, op->account, b->id, "bad data of columns", rec.content);
	}
}

static void
check_metadata(struct check *c, struct op *op, uint32_t mailbox, struct sums *total)
{
	uint64_t bytes;

	if (metadata_sum(op, mailbox, &bytes) != ERR_OK)
		fault(c, op->account, mailbox, "bad metadata behind byte", bytes);
	total->metadata += bytes;
}

static void
check_mailbox(struct check *c, struct op *op, uint32_t id, struct sums *total)
{
	struct box *b = must_alloc(1, sizeof(*b));
	struct sums s = { 0 };
	unsigned entries;
	enum err e;

	c->mailboxes++;
	if ((e = box_open(b, op->txn, op->account, id)) != ERR_OK) {
		fault(c, op->account, id, "no mailbox record, error", (uint64_t)-(int)e);
	} else {
		if ((e = walk_messages(c, op, b, &s)) != ERR_OK)
			fault(c, op->account, id, "broken index behind message", s.exists);
		if (b->rec.uidvalidity > c->top_uidvalidity)
			c->top_uidvalidity = b->rec.uidvalidity;
		if (s.exists != b->rec.exists)
			fault(c, op->account, id, "exists is", b->rec.exists);
		if (s.unseen != b->rec.unseen)
			fault(c, op->account, id, "unseen is", b->rec.unseen);
		if (s.deleted != b->rec.deleted)
			fault(c, op->account, id, "deleted is", b->rec.deleted);
		if (s.bytes != b->rec.bytes)
			fault(c, op->account, id, "bytes is", b->rec.bytes);
		if (s.modseq > b->rec.modseq || b->rec.modseq > op->acc.modseq)
			fault(c, op->account, id, "modseq is", b->rec.modseq);
		if (count_cold_rows(op, id) != s.exists)
			fault(c, op->account, id, "cold rows", count_cold_rows(op, id));
		if (count_pages(op, id, 'H') != count_dir_rows(op, id))
			fault(c, op->account, id, "hot pages", count_pages(op, id, 'H'));
		if (count_pages(op, id, 'I') != count_wide_parts(op, id))
			fault(c, op->account, id, "wide parts", count_pages(op, id, 'I'));
		check_keywords(c, op, id, &s.used);
		check_gone(c, op, b);
		check_columns(c, op, b);
	}
	check_metadata(c, op, id, total);
	if (acl_check(op, id, &entries) != ERR_OK)
		fault(c, op->account, id, "bad rights behind entry", entries);
	c->messages += s.exists;
	total->exists += s.exists;
	total->bytes += s.bytes;
	box_close(b);
	free(b);
}

/* What is given next was not given before; sums are of what is there. */
static void
check_counters(struct check *c, const struct op *op, const struct names_list *names,
    const struct sums *total)
{
	const struct record_account *a = &op->acc;
	uint32_t count = 0;

	for (size_t i = 0; i < names->n; i++) {
		/* The list has parents too that nothing is recorded of. */
		count += names->v[i].mailbox != 0 || names->v[i].is_subscribed;
		if (names->v[i].mailbox >= a->next_mailbox)
			fault(c, op->account, names->v[i].mailbox, "next mailbox is",
			    a->next_mailbox);
	}
	if (c->top_uidvalidity >= a->next_uidvalidity)
		fault(c, op->account, 0, "next uidvalidity is", a->next_uidvalidity);
	if (c->top_content >= a->next_content)
		fault(c, op->account, 0, "next content is", a->next_content);
	if (c->top_epoch >= a->next_epoch)
		fault(c, op->account, 0, "next epoch is", a->next_epoch);
	if (count != a->mailbox_count)
		fault(c, op->account, 0, "mailbox count is", a->mailbox_count);
	if (total->metadata != a->metadata_bytes)
		fault(c, op->account, 0, "metadata bytes is", a->metadata_bytes);
	if (total->exists != a->message_count)
		fault(c, op->account, 0, "message count is", a->message_count);
	if (total->bytes != a->used_bytes)
		fault(c, op->account, 0, "used bytes is", a->used_bytes);
}

/* Its record goes first, the rest in slices: no fault while that lasts. */
bool
check_is_being_removed(struct store *s, uint64_t account)
{
	struct kv_key k = record_key_removal(account, 0);
	struct kv_txn *t;
	struct slice v;
	bool is;

	if (kv_begin(s->kv, account, KV_READ, &t) != ERR_OK)
		return false;
	is = kv_get(t, &k, &v) == ERR_OK;
	kv_end(&t);
	return is;
}

void
check_account(struct check *c, uint64_t account)
{
	struct sums total = { 0 };
	struct names_list names;
	struct op op;
	enum err e;

	e = op_begin(&op, c->store, account, KV_READ);
	if (e == ERR_NOTFOUND && check_is_being_removed(c->store, account))
		return;
	c->accounts++;
	c->last_epoch = c->top_epoch = c->top_content = 0;
	c->top_uidvalidity = 0;
	if (e != ERR_OK) {
		fault(c, account, 0, "account record, error", (uint64_t)-(int)e);
		return;
	}
	if (names_load(&op, &names) != ERR_OK)
		fault(c, account, 0, "bad name record behind", names.n);
	for (size_t i = 0; i < names.n; i++)
		if (names.v[i].mailbox != 0)
			check_mailbox(c, &op, names.v[i].mailbox, &total);
	check_metadata(c, &op, 0, &total);
	check_counters(c, &op, &names, &total);
	names_free(&names);
	op_end(&op);
}

struct kv_key
check_repair_key(uint64_t when)
{
	return record_key_u64(0, 'Y', when);
}

enum err
check_repair_find(struct kv_txn *t, struct kv_key *key)
{
	struct kv_key prefix = record_key(0, 'Y');
	struct slice v;

	return kv_find(t, KV_GE, &prefix, prefix.n, key, &v);
}

bool
check_is_repairing(struct kv *kv)
{
	struct kv_key k;
	struct kv_txn *t;
	bool is = false;

	for (unsigned i = 0; i < kv_shard_count(kv) && !is; i++) {
		if (kv_begin_shard(kv, i, KV_READ, &t) != ERR_OK)
			continue;
		is = check_repair_find(t, &k) == ERR_OK;
		kv_end(&t);
	}
	return is;
}

enum err
check_next_account(struct store *s, unsigned shard, uint64_t after, uint64_t *account)
{
	struct kv_key at = record_key(after, '\xff'), found;
	struct kv_txn *t;
	struct slice v;
	enum err e;

	if ((e = kv_begin_shard(s->kv, shard, KV_READ, &t)) != ERR_OK)
		return e;
	e = kv_find(t, KV_GT, &at, 0, &found, &v);
	if (e == ERR_OK)
		*account = dec_be64(found.b);
	kv_end(&t);
	return e;
}

/* Accounts are counted one by one: as many as a turn allows. */
static unsigned
count_accounts(struct store *s, unsigned shard)
{
	uint64_t account = 0;
	unsigned n = 0;

	while (n < STAT_ACCOUNTS_MAX && check_next_account(s, shard, account, &account) == ERR_OK)
		n++;
	return n;
}

/* Mailboxes and accounts whose pages are still there. */
static unsigned
count_removals(struct store *s, unsigned shard)
{
	struct kv_key at = record_key(0, 'R'), found;
	unsigned n = 0;
	struct kv_txn *t;
	struct slice v;

	if (kv_begin_shard(s->kv, shard, KV_READ, &t) != ERR_OK)
		return 0;
	for (; n < STAT_ACCOUNTS_MAX && kv_find(t, KV_GT, &at, 9, &found, &v) == ERR_OK; n++)
		at = found;
	kv_end(&t);
	return n;
}

static void
stat_shard(struct store *s, unsigned shard, uint64_t *entries, uint64_t *bytes, struct buf *b)
{
	struct kv_stat st;

	if (kv_stat(s->kv, shard, &st) != ERR_OK) {
		buf_printf(b, "shard %u: unreadable\n", shard);
		return;
	}
	*entries += st.entries;
	*bytes += st.bytes;
	buf_printf(b, "shard %u entries %llu\nshard %u bytes %llu\nshard %u free bytes %llu\n"
	    "shard %u accounts %u\nshard %u removals %u\n", shard,
	    (unsigned long long)st.entries, shard, (unsigned long long)st.bytes, shard,
	    (unsigned long long)st.free_bytes, shard, count_accounts(s, shard), shard,
	    count_removals(s, shard));
}

void
check_stat(struct store *s, struct buf *b)
{
	uint64_t entries = 0, bytes = 0;
	struct commit_stat cs;
	struct buf shards;
	struct blob_stat bs;

	blob_stat(s->blob, &bs);
	commit_stat(s->commit, &cs);
	buf_init(&shards, SHARDS_TEXT_BYTES);
	for (unsigned i = 0; i < kv_shard_count(s->kv); i++)
		stat_shard(s, i, &entries, &bytes, &shards);
	buf_printf(b, "shards %u\n", kv_shard_count(s->kv));
	buf_printf(b, "index entries %llu\nindex bytes %llu\n",
	    (unsigned long long)entries, (unsigned long long)bytes);
	buf_printf(b, "segments %llu\nbody bytes %llu\nlive bytes %llu\npunched bytes %llu\n"
	    "records %llu\n",
	    (unsigned long long)bs.segments, (unsigned long long)bs.bytes,
	    (unsigned long long)bs.live_bytes, (unsigned long long)bs.punched_bytes,
	    (unsigned long long)bs.records);
	buf_printf(b, "transactions %llu\nbatches %llu\ncheckpoints %llu\njournal bytes %llu\n",
	    (unsigned long long)cs.transactions, (unsigned long long)cs.batches,
	    (unsigned long long)cs.checkpoints, (unsigned long long)cs.journal_bytes);
	buf_printf(b, "sessions %u\n", s->session_count);
	if (bs.dead_since_s != 0)
		buf_printf(b, "dead since seconds %llu\n",
		    (unsigned long long)(store_now_s(s) - bs.dead_since_s));
	buf_put_slice(b, buf_slice(&shards));
	buf_fini(&shards);
}
