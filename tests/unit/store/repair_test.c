/* SPDX-License-Identifier: ISC */
/*
 * gwstore repair without its process: index files that are lost, cut or
 * flipped are made again, and every message that was acknowledged is read
 * again with equal bytes; a sound store is left as it is; what is kept, where
 * strays go, what stays gone; a repair that is cut short.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/enc.h"
#include "lib/ipc/store_proto.h"
#include "store/store_box.h"
#include "store/store_check.h"
#include "store/store_names.h"
#include "store/store_op.h"
#include "store/store_repair.h"
#include "store/store_salvage.h"
#include "tests/unit/store/store_world.h"
#include "tests/unit/test.h"

#define MESSAGES	260

static uint64_t seed = 88172645463325252u;
static struct buf out;

static uint32_t
rnd(uint32_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)((seed >> 16) % below);
}

/* ---- messages that know themselves ---- */

static const char *const	mailboxes[] = { "INBOX", "Archive", "Work/Deep" };

static size_t
body_of(unsigned i, char *to)
{
	size_t n = 20 + i * 37 % 3000;

	memset(to, 'a' + (int)(i % 26), n);
	snprintf(to, 20, "message %u of it", i);
	return n;
}

static void
make_mailbox(const char *name)
{
	struct ipc_store_create m = { h1, 0, slice_str(name) };

	assert_reply(bed_call(&bed, imapd, IPC_MSG_store_create, &m), store_ok);
}

/* To account 1, in three mailboxes; some to account 2. */
static void
append(unsigned i, uint64_t account)
{
	char body[4000];
	size_t n = body_of(i, body);

	assert_reply(bed_append(&bed, deliver, 0, account,
	    account == 1 ? mailboxes[i % 3] : "INBOX", i % 5 == 0 ? STORE_SEEN : 0,
	    slice_of(body, n)), store_appended);
}

static void
fill(void)
{
	make_mailbox("Work/Deep");
	for (unsigned i = 0; i < MESSAGES; i++) {
		append(i, 1);
		if (i % 4 == 0)
			append(i, 2);
		if (i == MESSAGES / 2)
			bed_checkpoint(&bed);
	}
}

/* ---- reading them all, as the index has it ---- */

struct census {
	unsigned	 messages;	/* rows */
	unsigned	 strange;	/* whose bytes are not theirs */
	unsigned	 flagged;
	unsigned	 mailboxes;
	unsigned	 times[MESSAGES];	/* each was found */
	uint64_t	 modseq;
};

static void
count_body(struct op *op, uint64_t content, struct census *c)
{
	struct kv_key k = record_key_u64(op->account, 'X', content);
	struct record_content rec;
	char body[4000];
	struct slice v;
	unsigned i = 0;
	struct buf b;

	buf_init(&b, 8000);
	if (kv_get(op->txn, &k, &v) != ERR_OK || record_content_read(&rec, v) != ERR_OK ||
	    rec.epoch == 0 || rec.wrapped.n != 60 || rec.commitment.n != 32 ||
	    blob_check(bed.store.blob, &rec.body, op->account, content, BLOB_BODY) != ERR_OK ||
	    blob_read(bed.store.blob, &rec.body, 0, 4000, &b) != ERR_OK ||
	    sscanf(buf_cstr(&b), "message %u", &i) != 1 || i >= MESSAGES ||
	    !slice_eq(buf_slice(&b), slice_of(body, body_of(i, body))))
		c->strange++;
	else
		c->times[i]++;
	buf_fini(&b);
}

static struct census
census(uint64_t account)
{
	struct census c = { 0 };
	struct names_list names;
	struct page_cold_row cold;
	struct box_pos p;
	struct op op;
	struct box *b = malloc(sizeof(*b));

	bed_settle(&bed);
	assert_int_equal(op_begin(&op, &bed.store, account, KV_READ), ERR_OK);
	c.modseq = op.acc.modseq;
	assert_int_equal(names_load(&op, &names), ERR_OK);
	for (size_t i = 0; i < names.n; i++) {
		if (names.v[i].mailbox == 0)
			continue;
		c.mailboxes++;
		assert_int_equal(box_open(b, op.txn, account, names.v[i].mailbox), ERR_OK);
		enum err e = box_seek_uid(b, 1, &p);

		for (; e == ERR_OK && !p.is_end; e = box_next(b, &p)) {
			assert_int_equal(box_cold(b, p.hot.uid, &cold), ERR_OK);
			count_body(&op, cold.content, &c);
			c.messages++;
			c.flagged += (p.hot.flags & STORE_FLAGGED) != 0;
		}
		assert_int_equal(e, ERR_OK);
		box_close(b);
	}
	names_free(&names);
	op_end(&op);
	free(b);
	return c;
}

/* Each at least once, with its own bytes. */
static void
assert_all(uint64_t account, unsigned step)
{
	struct census c = census(account);

	assert_int_equal(c.strange, 0);
	for (unsigned i = 0; i < MESSAGES; i += step)
		if (c.times[i] == 0)
			fail_msg("message %u of account %u is gone\n%s", i, (unsigned)account,
			    buf_cstr(&out));
}

/* ---- repairing ---- */

static void
settle(void *arg)
{
	(void)arg;
	bed_settle(&bed);
}

static struct repair
repair_open(void)
{
	struct repair r = { .store = &bed.store, .settle = settle, .out = &out };

	return r;
}

static struct repair
run(void)
{
	struct salvage s = { .default_shards = 2, .out = &out };
	struct repair r;
	struct buf why;

	buf_reset(&out);
	buf_init(&why, 200);
	assert_int_equal(chdir(bed.dir), 0);
	if (salvage_run(&s, &why) != ERR_OK)
		fail_msg("%s", buf_cstr(&why));
	buf_fini(&why);
	assert_int_equal(s.shards, 2);
	bed_open(&bed);
	r = repair_open();
	assert_int_equal(repair_run(&r), ERR_OK);
	repair_fini(&r);
	assert_false(check_is_repairing(bed.store.kv));
	bed_check(&bed);
	return r;
}

/* Closed as well (all in the files), or as a crash leaves it. */
static void
stop(bool crash)
{
	bed_settle(&bed);
	if (crash)
		bed_crash(&bed);
	else
		bed_close(&bed);
}

static void
begin_again(void)
{
	keyd = bed_peer(&bed, IPC_KEYD, 1);
	bed_accounts(&bed, keyd);
	deliver = bed_peer(&bed, IPC_DELIVER, 2);
	imapd = bed_peer(&bed, IPC_IMAPD, 3);
	h1 = bed_login(&bed, imapd, 1);
}

static void
path_of(char *path, size_t n, const char *name)
{
	snprintf(path, n, "%s/%s", bed.dir, name);
}

static void
lose(const char *name)
{
	char path[200];

	path_of(path, sizeof(path), name);
	assert_int_equal(unlink(path), 0);
}

static uint64_t
size_of(const char *name)
{
	char path[200];
	struct stat st;

	path_of(path, sizeof(path), name);
	assert_int_equal(stat(path, &st), 0);
	return (uint64_t)st.st_size;
}

static void
spoil(const char *name, uint64_t at, const void *bytes, size_t n)
{
	char path[200];
	int fd;

	path_of(path, sizeof(path), name);
	fd = open(path, O_RDWR);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, n, (off_t)at), n);
	close(fd);
}

/* All of it was played long ago: nothing to play again. */
static void
wipe_journal(void)
{
	static const unsigned char nothing[1u << 20];

	for (uint64_t at = 0; at < size_of("journal.0"); at += sizeof(nothing)) {
		spoil("journal.0", at, nothing, sizeof(nothing));
		spoil("journal.1", at, nothing, sizeof(nothing));
	}
}

static int
setup(void **state)
{
	buf_init(&out, 60000);
	return world_setup(state);
}

static int
teardown(void **state)
{
	buf_fini(&out);
	return world_teardown(state);
}

/* ---- the tests ---- */

/* Bytes of all files but locks and journals: what a repair may not change. */
static uint64_t
fingerprint(void)
{
	struct dirent *d;
	char path[400], chunk[4096];
	uint64_t sum = 0, one;
	ssize_t n;
	DIR *dir = opendir(bed.dir);
	int fd;

	while ((d = readdir(dir)) != NULL) {
		if (strncmp(d->d_name, "index.", 6) != 0 && strncmp(d->d_name, "body.", 5) != 0)
			continue;
		if (strstr(d->d_name, "lock") != NULL)
			continue;
		snprintf(path, sizeof(path), "%s/%s", bed.dir, d->d_name);
		fd = open(path, O_RDONLY);
		one = (unsigned char)d->d_name[strlen(d->d_name) - 1];
		while ((n = read(fd, chunk, sizeof(chunk))) > 0)
			for (ssize_t i = 0; i < n; i++)
				one = one * 1099511628211u + (unsigned char)chunk[i];
		close(fd);
		sum += one;
	}
	closedir(dir);
	return sum;
}

static void
test_sound(void **state)
{
	struct census before;
	struct repair r;
	uint64_t print;

	(void)state;
	fill();
	world_flag("INBOX", 1, 20, STORE_ADD, STORE_FLAGGED);
	world_expunge("Archive", 3, 30);
	before = census(1);
	stop(false);
	print = fingerprint();
	r = run();
	assert_int_equal(r.made, 0);
	assert_int_equal(r.messages + r.lost + r.damaged, 0);
	assert_false(r.has_changed);
	assert_int_equal(out.n, 0);
	stop(false);
	assert_true(fingerprint() == print);
	/* The same behind a crash. */
	bed_open(&bed);
	begin_again();
	append(1, 1);
	stop(true);
	r = run();
	assert_int_equal(r.made, 0);
	assert_false(r.has_changed);
	assert_int_equal(census(1).messages, before.messages + 1);
	assert_int_equal(census(1).flagged, 20);
}

/* One, or all, of the index files; after a clean end, after a crash. */
static void
lost_index(bool all, bool crash)
{
	struct repair r;

	fill();
	stop(crash);
	if (!crash)
		wipe_journal();
	lose("index.0");
	if (all)
		lose("index.1");
	r = run();
	assert_true(r.made > 0);
	assert_int_equal(r.lost, 0);
	assert_all(1, 1);
	assert_all(2, 4);
	if (all || kv_shard_of(bed.store.kv, 1) == 0)
		assert_int_equal(census(1).messages, MESSAGES);
	/* And it is a store like any: mail comes, and a second repair finds nothing. */
	begin_again();
	append(5, 1);
	append(6, 1);
	assert_all(1, 1);
	stop(crash);
	r = run();
	assert_int_equal(r.made, 0);
	assert_false(r.has_changed);
}

static void
test_lost_one(void **state)
{
	(void)state;
	lost_index(false, false);
}

static void
test_lost_all(void **state)
{
	(void)state;
	lost_index(true, false);
}

static void
test_lost_in_crash(void **state)
{
	(void)state;
	lost_index(true, true);
}

/* Mailboxes of before are there, by the names that the notes know. */
static void
test_places(void **state)
{
	struct names_list names;
	unsigned found = 0;
	struct op op;

	(void)state;
	fill();
	stop(false);
	wipe_journal();
	lose("index.0");
	lose("index.1");
	(void)run();
	assert_int_equal(op_begin(&op, &bed.store, 1, KV_READ), ERR_OK);
	assert_int_equal(names_load(&op, &names), ERR_OK);
	for (size_t i = 0; i < names.n; i++)
		for (unsigned j = 0; j < 3; j++)
			found += names.v[i].mailbox != 0 && slice_eq_str(names.v[i].name, mailboxes[j]);
	assert_int_equal(found, 3);
	names_free(&names);
	op_end(&op);
	/* keyd tells who it is, and mail is taken and threads join as before. */
	begin_again();
	assert_true(world_selected(imapd, h1, "Work/Deep").exists == MESSAGES / 3);
	assert_true(world_selected(imapd, h1, "INBOX").exists == MESSAGES / 3 + 1);
	append(0, 1);
	assert_true(world_selected(imapd, h1, "INBOX").exists == MESSAGES / 3 + 2);
}

/* What waited to be made readable waits again, and where no client sees it. */
static void
test_arrivals(void **state)
{
	struct ipc_store_arrivals ask = { .handle = 0 };
	struct bed_reply *r;

	(void)state;
	assert_reply(bed_append(&bed, deliver, 0, 1, STORE_ARRIVALS, 0,
	    SLICE_LIT("message 0 of it")), store_appended);
	fill();
	for (unsigned round = 0; round < 2; round++) {
		stop(false);
		wipe_journal();
		lose("index.0");
		lose("index.1");
		(void)run();
		begin_again();
		ask.handle = h1;
		r = bed_call(&bed, imapd, IPC_MSG_store_arrivals, &ask);
		assert_reply(r, store_arrivals_reply);
		assert_int_equal(r->m.store_arrivals_reply.exists, 1);
		append(round, 1);
	}
	assert_int_equal(world_selected(imapd, h1, "INBOX").exists, MESSAGES / 3 + 2);
}

/* The store does not begin with an empty file in place of one that had mail. */
static void
test_refused(void **state)
{
	struct commit *c;
	struct buf why;

	(void)state;
	fill();
	stop(false);
	wipe_journal();
	lose("index.1");
	bed.loop = loop_new();
	bed.dir_fd = open(bed.dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	buf_init(&why, 200);
	assert_int_equal(commit_open(&c, bed.loop, bed.dir_fd, 2, 1u << 20, &why), ERR_CORRUPT);
	assert_string_equal(buf_cstr(&why), "index.1 is missing: see gwstore repair");
	buf_fini(&why);
	loop_free(&bed.loop);
	close(bed.dir_fd);
	(void)run();
	assert_all(1, 1);
}

/* The power went while the first files were made: nothing was kept, nothing is lost. */
static void
test_first_start_cut_short(void **state)
{
	char path[200];
	struct commit *c;
	struct buf why;
	int fd;

	(void)state;
	stop(false);
	lose("index.0");
	bed.loop = loop_new();
	bed.dir_fd = open(bed.dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	buf_init(&why, 200);
	assert_int_equal(commit_open(&c, bed.loop, bed.dir_fd, 2, 1u << 20, &why), ERR_OK);
	commit_close(&c);
	/* A segment is made after all indexes are there. */
	lose("index.0");
	path_of(path, sizeof(path), "body.00000001");
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(commit_open(&c, bed.loop, bed.dir_fd, 2, 1u << 20, &why), ERR_CORRUPT);
	assert_string_equal(buf_cstr(&why), "index.0 is missing: see gwstore repair");
	buf_fini(&why);
	lose("body.00000001");
	loop_free(&bed.loop);
	close(bed.dir_fd);
	(void)run();
}

/* Flags and expunges of a part that can be read stay; what was there is kept beside. */
static void
test_cut(void **state)
{
	char path[200];
	uint64_t n;
	struct census c;

	(void)state;
	fill();
	world_flag("INBOX", 1, 20, STORE_ADD, STORE_FLAGGED);
	stop(false);
	wipe_journal();
	for (unsigned shard = 0; shard < 2; shard++) {
		char name[20];

		snprintf(name, sizeof(name), "index.%u", shard);
		n = size_of(name);
		path_of(path, sizeof(path), name);
		assert_int_equal(truncate(path, (off_t)(n - 3 * 4096)), 0);
	}
	(void)run();
	assert_all(1, 1);
	assert_all(2, 4);
	c = census(1);
	assert_true(c.messages >= MESSAGES);
	assert_true(size_of("index.0.damaged-1") > 0 && size_of("index.1.damaged-1") > 0);
}

/* One sound file says nothing of what was expunged: it stays gone. */
static void
test_expunged(void **state)
{
	struct repair r;
	struct kv_key k;
	struct kv_txn *t;
	struct page_cold page;
	struct page_bytes bytes;
	struct slice v;
	unsigned before;

	(void)state;
	fill();
	world_expunge("INBOX", 10, 60);
	world_sweep();
	before = census(1).messages;
	/* A row that names another's content, as a flipped bit would make it. */
	k = record_key_page(1, 'C', 1, 1);
	assert_int_equal(kv_begin(bed.store.kv, 1, KV_WRITE, &t), ERR_OK);
	assert_int_equal(kv_get(t, &k, &v), ERR_OK);
	assert_int_equal(page_cold_read(&page, v), ERR_OK);
	page.rows[2].content = page.rows[1].content;
	page.rows[4].content = 1ull << 40;
	page_cold_put(&page, &bytes);
	kv_put(t, &k, page_slice(&bytes));
	assert_int_equal(kv_submit(&t, KV_NOW, NULL, NULL), ERR_OK);
	stop(false);
	r = run();
	assert_int_equal(r.made, 1);
	/* Two rows got their message again, under new UIDs; the double stays. */
	assert_int_equal(r.messages, 2);
	assert_int_equal(r.lost, 1);
	assert_int_equal(census(1).messages, before + 1);
	stop(false);
	r = run();
	assert_int_equal(r.made, 0);
}

/* A damaged segment costs what was there, and is told; the rest is read. */
static void
test_segment(void **state)
{
	static const unsigned char nothing[300];
	struct repair r;
	struct census c;

	(void)state;
	fill();
	stop(false);
	wipe_journal();
	spoil("body.00000001", 50000, nothing, sizeof(nothing));
	lose("index.0");
	lose("index.1");
	r = run();
	assert_in_range(r.damaged, 0, 1);
	c = census(1);
	assert_int_equal(c.strange, 0);
	assert_in_range(c.messages, MESSAGES - 2, MESSAGES);
	stop(false);
	r = run();
	assert_int_equal(r.made, 0);
}

/* Cut short anywhere, the next one does the rest. */
static void
test_again(void **state)
{
	struct salvage s = { .default_shards = 2, .out = &out };
	struct repair r;
	struct buf why;

	(void)state;
	fill();
	stop(false);
	wipe_journal();
	lose("index.0");
	lose("index.1");
	assert_int_equal(chdir(bed.dir), 0);
	buf_init(&why, 200);
	assert_int_equal(salvage_run(&s, &why), ERR_OK);
	assert_int_equal(s.made, 2);
	buf_fini(&why);
	bed_open(&bed);
	assert_true(check_is_repairing(bed.store.kv));
	stop(true);
	r = run();
	assert_true(r.made >= 2);
	assert_all(1, 1);
	assert_all(2, 4);
}

/* ---- names ---- */

static uint32_t
id_of(const char *name)
{
	return (uint32_t)world_selected(imapd, h1, name).mailbox;
}

/* As damage leaves it: no such name, or a subscribed one without a mailbox. */
static void
spoil_name(const char *name, bool is_subscribed)
{
	struct record_name rec = { .is_subscribed = is_subscribed, .name = slice_str(name) };
	struct op op;

	assert_int_equal(op_begin(&op, &bed.store, 1, KV_WRITE), ERR_OK);
	if (is_subscribed)
		names_put(&op, &rec);
	else
		names_del(&op, rec.name);
	op.acc.message_count++;		/* so that all is made again */
	op.is_dirty = true;
	assert_int_equal(op_submit(&op, KV_NOW, NULL), ERR_OK);
}

static bool
has_name(const char *name, uint32_t mailbox)
{
	struct names_list names;
	bool has = false;
	struct op op;

	assert_int_equal(op_begin(&op, &bed.store, 1, KV_READ), ERR_OK);
	assert_int_equal(names_load(&op, &names), ERR_OK);
	for (size_t i = 0; i < names.n; i++)
		has |= slice_eq_str(names.v[i].name, name) && names.v[i].mailbox == mailbox;
	names_free(&names);
	op_end(&op);
	return has;
}

/* What a mailbox without a name would be called is another's already. */
static void
test_names_taken(void **state)
{
	char taken[40], other_case[40], third[40];
	uint32_t lost, other;

	(void)state;
	fill();
	make_mailbox("Lost");
	lost = id_of("Lost");
	snprintf(taken, sizeof(taken), "Recovered-%u", lost);
	snprintf(other_case, sizeof(other_case), "recovered-%u-2", lost);
	snprintf(third, sizeof(third), "Recovered-%u-3", lost);
	make_mailbox(taken);
	make_mailbox(other_case);
	other = id_of(taken);
	spoil_name("Lost", false);
	stop(false);
	assert_int_equal(run().made, 1);
	assert_true(has_name(taken, other));
	assert_true(has_name(third, lost));
	assert_all(1, 1);
}

/* Its own name is there, subscribed, and does not say whose it is. */
static void
test_names_subscribed(void **state)
{
	uint32_t lost, deep;
	char name[40];

	(void)state;
	fill();
	make_mailbox("Lost");
	lost = id_of("Lost");
	deep = id_of("Work/Deep");
	snprintf(name, sizeof(name), "Recovered-%u", lost);
	spoil_name("Lost", false);
	spoil_name(name, true);
	spoil_name("Work/Deep", true);
	stop(true);
	assert_int_equal(run().made, 1);
	assert_true(has_name(name, lost));
	assert_true(has_name("Work/Deep", deep));
	assert_all(1, 1);
}

/* ---- counters ---- */

enum counter { USED, COUNT, BOXES, NEXT_CONTENT, NEXT_EPOCH, NEXT_BOX, NEXT_VALIDITY, METADATA,
	EXISTS, UNSEEN, MARKED, BYTES, UIDNEXT, UIDNEXT_GONE, COUNTERS };

/* One that is wrong, in the records of account 1 and its INBOX. */
static void
put_wrong(enum counter which)
{
	struct kv_key b = record_key_u32(1, 'B', 1);
	struct record_account *acc;
	struct record_mailbox box;
	struct kv_txn *t;
	struct slice v;
	struct buf out_box;
	struct op op;

	assert_int_equal(op_begin(&op, &bed.store, 1, KV_WRITE), ERR_OK);
	acc = &op.acc;
	acc->used_bytes -= which == USED;
	acc->message_count += which == COUNT;
	acc->mailbox_count += which == BOXES;
	acc->metadata_bytes += which == METADATA ? 9 : 0;
	if (which == NEXT_CONTENT)
		acc->next_content = 5;
	if (which == NEXT_EPOCH)
		acc->next_epoch = 1;
	if (which == NEXT_BOX)
		acc->next_mailbox = 2;
	if (which == NEXT_VALIDITY)
		acc->next_uidvalidity = 7;
	op.is_dirty = true;
	assert_int_equal(op_submit(&op, KV_NOW, NULL), ERR_OK);
	assert_int_equal(kv_begin(bed.store.kv, 1, KV_WRITE, &t), ERR_OK);
	assert_int_equal(kv_get(t, &b, &v), ERR_OK);
	assert_int_equal(record_mailbox_read(&box, v), ERR_OK);
	box.exists -= which == EXISTS;
	box.unseen += which == UNSEEN;
	box.deleted += which == MARKED;
	box.bytes += which == BYTES;
	if (which == UIDNEXT)
		box.uidnext = 3;
	if (which == UIDNEXT_GONE)
		box.uidnext--;		/* the last one was expunged */
	buf_init(&out_box, RECORD_BYTES_MAX);
	record_mailbox_put(&box, &out_box);
	kv_put(t, &b, buf_slice(&out_box));
	buf_fini(&out_box);
	assert_int_equal(kv_submit(&t, KV_NOW, NULL, NULL), ERR_OK);
	bed_settle(&bed);
}

static void
read_counters(struct record_account *acc, struct record_mailbox *box)
{
	struct kv_key b = record_key_u32(1, 'B', 1);
	struct slice v;
	struct op op;

	assert_int_equal(op_begin(&op, &bed.store, 1, KV_READ), ERR_OK);
	*acc = op.acc;
	assert_int_equal(kv_get(op.txn, &b, &v), ERR_OK);
	assert_int_equal(record_mailbox_read(box, v), ERR_OK);
	op_end(&op);
}

static unsigned
faults(void)
{
	struct check c = { .store = &bed.store, .out = &out };

	buf_reset(&out);
	check_account(&c, 1);
	return (unsigned)c.faults;
}

/* What check finds wrong is counted again; UIDs and flags are what they were. */
static void
test_counters(void **state)
{
	struct record_account acc, acc_after;
	struct record_mailbox box, box_after;
	struct census before, after;
	uint32_t last;

	(void)state;
	bed.store.undelete_s = 1u << 30;
	fill();
	last = world_selected(imapd, h1, "INBOX").uidnext - 1;
	world_flag("INBOX", last, last, STORE_ADD, STORE_DELETED);
	world_expunge("INBOX", last, last);
	bed_settle(&bed);
	read_counters(&acc, &box);
	before = census(1);
	for (unsigned which = 0; which < COUNTERS; which++) {
		assert_int_equal(faults(), 0);
		put_wrong(which);
		if (faults() == 0)
			fail_msg("counter %u is wrong, and check does not see it", which);
		stop(which % 2 == 0);
		assert_int_equal(run().made, 1);
		read_counters(&acc_after, &box_after);
		assert_true(acc_after.used_bytes == acc.used_bytes);
		assert_true(acc_after.message_count == acc.message_count);
		assert_int_equal(acc_after.mailbox_count, acc.mailbox_count);
		assert_true(acc_after.metadata_bytes == acc.metadata_bytes);
		assert_true(acc_after.next_content > 5 && acc_after.next_epoch > 1);
		assert_true(acc_after.next_mailbox >= acc.next_mailbox);
		assert_true(acc_after.next_uidvalidity > box.uidvalidity);
		assert_int_equal(box_after.uidvalidity, box.uidvalidity);
		assert_int_equal(box_after.uidnext, box.uidnext);
		assert_int_equal(box_after.exists, box.exists);
		assert_int_equal(box_after.unseen, box.unseen);
		assert_int_equal(box_after.deleted, box.deleted);
		assert_true(box_after.bytes == box.bytes);
		after = census(1);
		assert_int_equal(after.messages, before.messages);
		assert_int_equal(after.flagged, before.flagged);
	}
}

/* Bits at random in the index files: what was acknowledged is read again. */
static void
test_flips(void **state)
{
	const char *more = getenv("GODWIT_CHECK_LONG");
	unsigned rounds = more != NULL ? 300 : 6;
	char name[20];

	(void)state;
	print_message("seed %llu\n", (unsigned long long)seed);
	fill();
	for (unsigned round = 0; round < rounds; round++) {
		stop(round % 2 == 0);
		if (round % 2 == 1)
			wipe_journal();
		for (unsigned n = 1 + rnd(12); n > 0; n--) {
			unsigned char byte = (unsigned char)rnd(256);

			snprintf(name, sizeof(name), "index.%u", rnd(2));
			spoil(name, rnd((uint32_t)size_of(name)), &byte, 1);
		}
		(void)run();
		assert_all(1, 1);
		assert_all(2, 4);
	}
}

int
main(void)
{
#define T(name)	cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_sound), T(test_lost_one), T(test_lost_all), T(test_lost_in_crash),
		T(test_places), T(test_arrivals), T(test_refused), T(test_first_start_cut_short), T(test_cut), T(test_expunged), T(test_segment),
		T(test_again), T(test_names_taken), T(test_names_subscribed), T(test_counters), T(test_flips),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
