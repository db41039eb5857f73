/* SPDX-License-Identifier: ISC */
/*
 * Column blocks: put, replaced, read in pages, over restarts; what is refused;
 * and when they end: with their mailbox, and with the undelete window of one of
 * their messages.
 */
#include <string.h>

#include "lib/ipc/key_proto.h"
#include "lib/ipc/store_proto.h"
#include "store/store_columns.h"
#include "tests/unit/store/store_world.h"
#include "tests/unit/test.h"

static const char	commitment[33] = "commitment of thirty-two bytes..", wrapped[60];
static const char	epoch_data[81] = "sealed";

struct reserved { uint64_t epoch, next; bool is_known; };

static struct reserved
reserve(uint64_t account, uint32_t handle)
{
	struct ipc_store_epoch m = { handle, account };
	struct bed_reply *r = bed_call(&bed, imapd, IPC_MSG_store_epoch, &m);

	assert_reply(r, store_epoch_ok);
	return (struct reserved){ r->m.store_epoch_ok.epoch, r->m.store_epoch_ok.first_content,
	    false };
}

static struct ipc_store_put_columns
block_of(struct reserved *res, const char *mailbox, uint32_t block, struct slice data)
{
	struct ipc_store_put_columns m = {
		.handle = h1, .mailbox = world_selected(imapd, h1, mailbox).mailbox, .kind = 1,
		.block = block, .content = res->next++, .epoch = res->epoch, .generation = 1,
		.epoch_data = res->is_known ? SLICE_NONE : slice_of(epoch_data, 80),
		.commitment = slice_of(commitment, 32), .wrapped = slice_of(wrapped, 60),
		.data = data,
	};

	res->is_known = true;
	return m;
}

static void
put(struct reserved *res, const char *mailbox, uint32_t block, struct slice data)
{
	struct ipc_store_put_columns m = block_of(res, mailbox, block, data);

	assert_reply(bed_call(&bed, imapd, IPC_MSG_store_put_columns, &m), store_ok);
}

static uint64_t
batches(void)
{
	struct commit_stat st;

	commit_stat(bed.store.commit, &st);
	return st.batches;
}

/* The blocks first to last: their numbers, each with the same data. */
static unsigned
read_blocks(const char *mailbox, uint32_t first, uint32_t last, struct slice data, bool *more,
    uint32_t *resume)
{
	struct ipc_store_columns m = { .handle = h1, .kind = 1, .first = first, .last = last,
	    .mailbox = world_selected(imapd, h1, mailbox).mailbox };
	struct bed_reply *r = bed_call(&bed, imapd, IPC_MSG_store_columns, &m);
	const struct ipc_store_columns_reply *a = &r->m.store_columns_reply;
	struct ipc_reader rd;
	struct ipc_columns block;
	struct ipc_epoch epoch;
	uint32_t before = 0;
	unsigned n = 0;

	assert_reply(r, store_columns_reply);
	for (rd = ipc_reader_of(a->blocks); ipc_reader_more(&rd); n++) {
		ipc_columns_get(&rd, &block);
		assert_true(block.block >= first && block.block <= last);
		assert_true(n == 0 || block.block > before);
		before = block.block;
		assert_true(slice_eq(block.data, data));
		assert_true(slice_eq(block.commitment, slice_of(commitment, 32)));
	}
	assert_int_equal(ipc_reader_done(&rd), ERR_OK);
	rd = ipc_reader_of(a->epochs);
	for (unsigned i = 0; n > 0 && i == 0; i++) {
		ipc_epoch_get(&rd, &epoch);
		assert_true(slice_eq(epoch.data, slice_of(epoch_data, 80)));
	}
	assert_int_equal(ipc_reader_done(&rd), ERR_OK);
	*more = a->more;
	*resume = a->resume;
	return n;
}

static unsigned
count_blocks(const char *mailbox, struct slice data)
{
	uint32_t resume;
	bool more;
	unsigned n = read_blocks(mailbox, 0, UINT32_MAX, data, &more, &resume);

	assert_false(more);
	return n;
}

static void
test_blocks(void **state)
{
	static char big[40960];
	struct slice data = slice_of(big, 12000);
	struct reserved res;
	uint32_t first = 0, resume;
	unsigned n = 0, answers = 0;
	uint64_t before;
	bool more = true;

	(void)state;
	world_fill("INBOX", 0, 640);
	res = reserve(1, h1);
	assert_int_equal(count_blocks("INBOX", data), 0);
	bed_settle(&bed);
	before = batches();
	for (uint32_t i = 0; i <= 10; i++)
		put(&res, "INBOX", i, data);
	/* a cache: nobody waits for the disk, and it is not flushed for each block */
	bed_settle(&bed);
	assert_true(batches() < before + 11);
	for (; more; first = resume, answers++)
		n += read_blocks("INBOX", first, UINT32_MAX, data, &more, &resume);
	assert_int_equal(n, 11);
	assert_int_equal(answers, 4);
	assert_int_equal(read_blocks("INBOX", 3, 4, data, &more, &resume), 2);
	assert_false(more);
	assert_int_equal(count_blocks("Archive", data), 0);
	/* the last put wins, and the largest that there is goes through */
	data = slice_of(big, sizeof(big));
	put(&res, "INBOX", 0, data);
	bed_settle(&bed);
	assert_int_equal(read_blocks("INBOX", 0, 0, data, &more, &resume), 1);
	bed_check(&bed);
	world_reopen(true);
	assert_int_equal(read_blocks("INBOX", 0, 0, data, &more, &resume), 1);
}

static void
refused(struct ipc_store_put_columns m, enum err want)
{
	assert_fail(bed_call(&bed, imapd, IPC_MSG_store_put_columns, &m), want);
}

static void
test_refused(void **state)
{
	struct slice data = SLICE_LIT("data");
	struct ipc_store_put_columns m;
	struct reserved res;

	(void)state;
	world_fill("INBOX", 0, 63);
	res = reserve(1, h1);
	/* UID 64 does not exist yet, UID 63 does: block 1 is one too many */
	put(&res, "INBOX", 0, data);
	m = block_of(&res, "INBOX", 1, data);
	refused(m, ERR_LIMIT);
	world_fill("INBOX", 0, 1);
	put(&res, "INBOX", 1, data);
	m = block_of(&res, "INBOX", 0, data);
	m.mailbox += 1000;
	refused(m, ERR_NOTFOUND);
	m = block_of(&res, "INBOX", 0, data);
	m.epoch += 1000;
	refused(m, ERR_AGAIN);
	/* a content id twice */
	m = block_of(&res, "INBOX", 0, data);
	m.content = res.next - 6;
	assert_violation(bed_call(&bed, imapd, IPC_MSG_store_put_columns, &m), imapd);
}

static void
test_kind(void **state)
{
	struct reserved res = reserve(1, h1);
	struct ipc_store_put_columns m;

	(void)state;
	world_fill("INBOX", 0, 1);
	m = block_of(&res, "INBOX", 0, SLICE_LIT("data"));
	m.kind = STORE_COLUMN_KINDS;
	assert_violation(bed_call(&bed, imapd, IPC_MSG_store_put_columns, &m), imapd);
}

static void
test_foreign_handle(void **state)
{
	struct ipc_store_columns m = { .handle = h2, .mailbox = 1, .last = 9 };

	(void)state;
	assert_violation(bed_call(&bed, imapd, IPC_MSG_store_columns, &m), imapd);
}

/* A session of another account asks for this one's mailbox by its number. */
static void
test_other_account(void **state)
{
	struct slice data = SLICE_LIT("data");
	struct reserved res = reserve(1, h1);
	struct ipc_store_columns m = { .handle = h2, .kind = 1, .last = 9 };
	struct bed_reply *r;

	(void)state;
	world_fill("INBOX", 0, 1);
	put(&res, "INBOX", 0, data);
	bed_settle(&bed);
	m.mailbox = world_selected(imapd, h1, "INBOX").mailbox;
	r = bed_call(&bed, other_imapd, IPC_MSG_store_columns, &m);
	assert_reply(r, store_columns_reply);
	assert_int_equal(r->m.store_columns_reply.blocks.n, 0);
}

static uint64_t
blobs(void)
{
	struct blob_stat st;

	blob_stat(bed.store.blob, &st);
	return st.records;
}

static void
test_ends(void **state)
{
	struct slice data = SLICE_LIT("data");
	struct reserved res = reserve(1, h1);
	struct ipc_store_delete d = { h1, SLICE_LIT("Archive") };
	uint64_t bodies;
	bool more;
	uint32_t resume;

	(void)state;
	world_fill("INBOX", 0, 200);
	world_fill("Archive", 0, 10);
	bodies = blobs();
	for (uint32_t i = 0; i < 3; i++)
		put(&res, "INBOX", i, data);
	put(&res, "Archive", 0, data);
	/* replaced: the old one's bytes are given up */
	put(&res, "INBOX", 2, data);
	bed_settle(&bed);
	assert_int_equal(blobs(), bodies + 4 + 1);	/* and their epoch */
	/* the window of a message of block 1 ends */
	world_expunge("INBOX", 70, 70);
	world_sweep();
	assert_int_equal(count_blocks("INBOX", data), 2);
	assert_int_equal(read_blocks("INBOX", 1, 1, data, &more, &resume), 0);
	assert_int_equal(blobs(), bodies - 1 + 3 + 1);
	bed_check(&bed);
	/* the mailbox goes */
	assert_reply(bed_call(&bed, imapd, IPC_MSG_store_delete, &d), store_ok);
	world_sweep();
	assert_int_equal(blobs(), bodies - 1 - 10 + 2 + 1);
	/* the epoch is named by blocks alone, and stays */
	assert_int_equal(count_blocks("INBOX", data), 2);
}

int
main(void)
{
#define T(name)	WORLD_TEST(name)
	const struct CMUnitTest tests[] = {
		T(test_blocks), T(test_refused), T(test_kind), T(test_foreign_handle),
		T(test_other_account), T(test_ends),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
