/* SPDX-License-Identifier: ISC */
/*
 * gwstore rekey: every epoch of an earlier pair is asked for and replaced, in
 * index and segments, whatever is appended, read, compacted, repaired or
 * removed meanwhile; what keyd cannot open stays; a keyd that goes, is slow or
 * answers wrongly; and two of them at once.  keyd is the test.
 */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "lib/base/enc.h"
#include "lib/ipc/key_proto.h"
#include "store/store_note.h"
#include "store/store_record.h"
#include "store/store_rekey.h"
#include "tests/unit/store/store_world.h"
#include "tests/unit/test.h"

#define EPOCHS	150	/* more than two questions */

static unsigned	asked, questions;
static uint8_t	results[EPOCHS + 1];	/* 0: REKEY_DONE */

/* What the tool got. */
static struct {
	bool	 came;
	uint8_t	 exit;
	bool	 more;
	char	 text[2000];
} told;

static void
on_told(void *arg, uint8_t code, bool more, struct slice text)
{
	(void)arg;
	assert_false(told.came);
	told.came = true;
	told.exit = code;
	told.more = more;
	assert_true(slice_to_cstr(text, told.text, sizeof(told.text)));
}

static void
request(const char *address, const char *cursor)
{
	struct buf args;

	told.came = false;
	buf_init(&args, 1000);
	buf_put(&args, address, strlen(address) + 1);
	if (cursor[0] != '\0')
		buf_put(&args, cursor, strlen(cursor) + 1);
	rekey_tool(&bed.store, buf_slice(&args), on_told, NULL);
	buf_fini(&args);
}

static void
wait_told(void)
{
	for (unsigned i = 0; i < 5000 && !told.came; i++)
		bed_turn(&bed);
	assert_true(told.came);
}

/* To its end, over all cursors. */
static void
run(const char *address)
{
	char cursor[200] = "";

	do {
		request(address, cursor);
		wait_told();
		if (told.more) {
			told.text[strlen(told.text) - 1] = '\0';
			snprintf(cursor, sizeof(cursor), "%s", strrchr(told.text, '\n') + 1);
		}
	} while (told.more);
	bed_settle(&bed);
}

/* ---- keyd ---- */

static void
new_bytes(char bytes[60], uint64_t account, uint64_t epoch)
{
	memset(bytes, 0, 60);
	snprintf(bytes, 60, "new %llu %llu", (unsigned long long)account,
	    (unsigned long long)epoch);
}

static void
put_row(struct buf *b, uint64_t account, const struct ipc_epoch *m)
{
	struct ipc_rekeyed row = { .epoch = m->epoch, .result = results[m->epoch % (EPOCHS + 1)] };
	char bytes[60];

	if (row.result == 0)
		row.result = REKEY_DONE;
	if (row.result == REKEY_DONE) {
		new_bytes(bytes, account, m->epoch);
		row.generation = 2;
		row.form = EPOCH_WRAPPED;
		row.data = slice_of(bytes, sizeof(bytes));
	}
	ipc_rekeyed_put(b, &row);
}

static void
refuse(struct ipc_peer *p, const struct ipc_epoch_rekey *m, struct ipc_in *in)
{
	const struct ipc_key_fail fail = { ERR_NOTFOUND, SLICE_LIT("no such account") };

	asked += m->account == 1;
	ipc_reply(p, in->id, IPC_MSG_key_fail, &fail);
}

/* What a request begins with, so that all that was said before has come. */
static bool
is_first(struct ipc_peer *p, const struct ipc_epoch_rekey *m, struct ipc_in *in)
{
	if (m->account != 0)
		return false;
	assert_int_equal(m->epochs.n, 0);
	refuse(p, m, in);
	return true;
}

static void
answer(struct ipc_peer *p, const struct ipc_epoch_rekey *m, struct ipc_in *in)
{
	struct ipc_reader r = ipc_reader_of(m->epochs);
	struct ipc_epoch_rekey_reply reply;
	struct ipc_epoch epoch;
	struct buf b;

	if (is_first(p, m, in))
		return;
	buf_init(&b, 8000);
	questions++;
	while (ipc_reader_more(&r)) {
		ipc_epoch_get(&r, &epoch);
		assert_int_equal(epoch.generation, 1);
		asked++;
		put_row(&b, m->account, &epoch);
	}
	assert_int_equal(ipc_reader_done(&r), ERR_OK);
	reply.epochs = buf_slice(&b);
	ipc_reply(p, in->id, IPC_MSG_epoch_rekey_reply, &reply);
	buf_fini(&b);
}

static void
tell_generation(uint64_t account, uint32_t generation)
{
	static const unsigned char pub[32] = { 2 };
	char address[40];
	struct ipc_fact_account f = { account, { address, 0 }, slice_of(pub, 32), generation, 1,
		true, 0 };

	f.address.n = (size_t)snprintf(address, sizeof(address), "user%u@example.test",
	    (unsigned)account);
	bed_send(&bed, keyd, IPC_MSG_fact_account, &f);
}

/* ---- mail ---- */

static void
fill(uint64_t account, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		bed.epoch[account] = 0;		/* each message an epoch of its own */
		assert_reply(bed_append(&bed, deliver, 0, account, "INBOX", 0,
		    SLICE_LIT("body")), store_appended);
	}
}

static int
setup(void **state)
{
	int rc = world_setup(state);

	memset(results, 0, sizeof(results));
	asked = questions = 0;
	bed.on_rekey = answer;
	return rc;
}

/* How many epochs of the account are of this generation, as they should be. */
static unsigned
count(uint64_t account, uint32_t generation)
{
	struct kv_key at = record_key(account, 'E'), found;
	struct record_epoch rec;
	struct note_epoch note;
	struct kv_txn *t;
	struct slice v;
	struct buf b;
	char bytes[60];
	unsigned n = 0;

	assert_int_equal(kv_begin(bed.store.kv, account, KV_READ, &t), ERR_OK);
	buf_init(&b, 1000);
	for (; kv_find(t, KV_GT, &at, 9, &found, &v) == ERR_OK; at = found) {
		assert_int_equal(record_epoch_read(&rec, v), ERR_OK);
		n += rec.generation == generation;
		/* Beside the bodies it is the same; a first reader leaves that as it was. */
		buf_reset(&b);
		assert_int_equal(blob_read(bed.store.blob, &rec.place, 0, 200, &b), ERR_OK);
		assert_int_equal(note_epoch_read(&note, buf_slice(&b)), ERR_OK);
		assert_int_equal(note.generation, rec.generation);
		if (rec.generation == 2) {
			assert_true(slice_eq(note.data, rec.data));
			new_bytes(bytes, account, dec_be64(found.b + 9));
			assert_int_equal(rec.form, EPOCH_WRAPPED);
			assert_true(slice_eq(rec.data, slice_of(bytes, 60)));
		}
	}
	buf_fini(&b);
	kv_end(&t);
	return n;
}

static void
test_all(void **state)
{
	struct blob_stat before, after;

	(void)state;
	fill(1, EPOCHS);
	fill(2, 3);
	fill(3, 2);
	bed_checkpoint(&bed);
	run("");
	assert_string_equal(told.text, "0 epoch keys rewrapped\n");
	assert_int_equal(asked, 0);	/* each is of the newest pair */
	tell_generation(1, 2);
	tell_generation(2, 2);
	blob_stat(bed.store.blob, &before);
	run("");
	assert_int_equal(told.exit, EX_OK);
	assert_string_equal(told.text, "153 epoch keys rewrapped\n");
	assert_int_equal(asked, EPOCHS + 3);
	assert_int_equal(questions, 4);
	assert_int_equal(count(1, 2), EPOCHS);
	assert_int_equal(count(2, 2), 3);
	assert_int_equal(count(3, 1), 2);
	/* A record for a record. */
	blob_stat(bed.store.blob, &after);
	assert_true(after.records == before.records);
	run("");
	assert_string_equal(told.text, "0 epoch keys rewrapped\n");
	assert_int_equal(asked, EPOCHS + 3);
	world_reopen(true);
	assert_int_equal(count(1, 2), EPOCHS);
	bed_checkpoint(&bed);
	world_reopen(false);
	assert_int_equal(count(1, 2), EPOCHS);
}

/* keyd is slow: the tool hears how far it is, and goes on from there. */
static void
answer_slowly(struct ipc_peer *p, const struct ipc_epoch_rekey *m, struct ipc_in *in)
{
	answer(p, m, in);
	loop_advance(bed.loop, REKEY_TURN_MS);
}

static void
test_progress(void **state)
{
	static const char head[] = "64 epoch keys rewrapped so far\n";

	(void)state;
	fill(1, EPOCHS);
	tell_generation(1, 2);
	bed.on_rekey = answer_slowly;
	request("", "");
	wait_told();
	assert_true(told.more);
	assert_int_equal(told.exit, EX_OK);
	assert_memory_equal(told.text, head, sizeof(head) - 1);
	assert_int_equal(count(1, 2), 64);
	/* The tool is ended there, and another begins anew. */
	run("");
	assert_string_equal(told.text, "86 epoch keys rewrapped\n");
	assert_int_equal(asked, EPOCHS);
}

static void
test_one(void **state)
{
	(void)state;
	fill(1, 2);
	fill(2, 2);
	tell_generation(1, 2);
	tell_generation(2, 2);
	run("USER2@example.test");
	assert_string_equal(told.text, "2 epoch keys rewrapped\n");
	assert_int_equal(count(1, 1), 2);
	assert_int_equal(count(2, 2), 2);
	run("nobody@example.test");
	assert_int_equal(told.exit, EX_DATAERR);
	assert_string_equal(told.text, "nobody@example.test: not found\n");
	/* An address is as long as one can be, or none. */
	request("aaaaaaaaaabbbbbbbbbbaaaaaaaaaabbbbbbbbbbaaaaaaaaaabbbbbbbbbbaaaaaaaaaabbbbbbbbbb"
	    "aaaaaaaaaabbbbbbbbbbaaaaaaaaaabbbbbbbbbbaaaaaaaaaabbbbbbbbbbaaaaaaaaaabbbbbbbbbb"
	    "aaaaaaaaaabbbbbbbbbbaaaaaaaaaabbbbbbbbbbaaaaaaaaaabbbbbbbbbbaaaaaaaaaabbbbbbbbbb"
	    "aaaaaaaaaabbbbbbbbbbaaaaaaaaaabbbbbbbbbbaaaaaaaaaabbbbbbbbbbaaaaaaaaaabbbbbbbbbb"
	    "c", "");
	assert_true(told.came);
	assert_int_equal(told.exit, EX_DATAERR);
}

/* What does not open stays as it is, is counted, and is asked for again. */
static void
test_closed(void **state)
{
	(void)state;
	fill(1, 6);
	tell_generation(1, 2);
	results[2] = REKEY_CLOSED;
	results[3] = REKEY_DAMAGED;
	results[5] = REKEY_CLOSED;
	results[6] = REKEY_CURRENT;
	run("");
	assert_int_equal(told.exit, 1);
	assert_string_equal(told.text, "2 epoch keys rewrapped\n"
	    "2 can only be opened by their owners, and stay\n"
	    "1 open with no key of their account\n");
	assert_int_equal(count(1, 2), 2);
	memset(results, 0, sizeof(results));
	run("");
	assert_int_equal(told.exit, EX_OK);
	assert_string_equal(told.text, "4 epoch keys rewrapped\n");
}

/* ---- while keyd works on it ---- */

static struct ipc_in	late_in;
static struct ipc_peer	*late_peer;
static struct ipc_epoch_rekey late;
static char		late_bytes[8000];

/* Keeps the question. */
static void
answer_later(struct ipc_peer *p, const struct ipc_epoch_rekey *m, struct ipc_in *in)
{
	if (is_first(p, m, in))
		return;
	late = *m;
	memcpy(late_bytes, m->epochs.p, m->epochs.n);
	late.epochs.p = late_bytes;
	late_in = *in;
	late_peer = p;
}

static void
wait_question(void)
{
	late_peer = NULL;
	request("", "");
	for (unsigned i = 0; i < 5000 && late_peer == NULL; i++)
		bed_turn(&bed);
	assert_non_null(late_peer);
}

static void
answer_now(void)
{
	bed.on_rekey = answer;
	answer(late_peer, &late, &late_in);
}

/* A first reader has one put under the account key of before: asked for again. */
static void
test_read_meanwhile(void **state)
{
	static const char ours[60] = "of a reader";
	struct ipc_epoch_rewrap w = { .account = 1, .epoch = 3, .generation = 1,
		.data = slice_of(ours, 60) };
	struct ipc_store_append m;

	(void)state;
	fill(1, 5);
	bed_append_fill(&bed, deliver, 0, 1, &m);
	w.sealed = m.epoch_data;
	tell_generation(1, 2);
	bed.on_rekey = answer_later;
	wait_question();
	bed_send(&bed, keyd, IPC_MSG_epoch_rewrap, &w);
	bed_settle(&bed);
	assert_int_equal(count(1, 1), 5);
	answer_now();
	wait_told();
	assert_string_equal(told.text, "5 epoch keys rewrapped\n");
	assert_int_equal(asked, 5 + 3);
	bed_settle(&bed);
	assert_int_equal(count(1, 2), 5);
	/* And one that comes after it changes nothing. */
	bed_send(&bed, keyd, IPC_MSG_epoch_rewrap, &w);
	bed_settle(&bed);
	assert_int_equal(count(1, 2), 5);
}

/* keyd told an operator of a new pair, and the store has yet to read of it. */
static void
answer_with_fact(struct ipc_peer *p, const struct ipc_epoch_rekey *m, struct ipc_in *in)
{
	static const unsigned char pub[32] = { 2 };
	const struct ipc_fact_account f = { 1, SLICE_LIT("user1@example.test"),
		slice_of(pub, 32), 2, 1, true, 0 };

	if (m->account == 0)
		assert_int_equal(ipc_send(p, IPC_MSG_fact_account, &f, NULL, 0), ERR_OK);
	answer(p, m, in);
}

static void
test_new_pair_meanwhile(void **state)
{
	(void)state;
	fill(1, 2);
	bed.on_rekey = answer_with_fact;
	run("");
	assert_string_equal(told.text, "2 epoch keys rewrapped\n");
}

/* deliver, which has not heard of the new pair, goes on with its epoch. */
static void
test_append_meanwhile(void **state)
{
	(void)state;
	fill(1, 2);
	tell_generation(1, 2);
	bed.on_rekey = answer_later;
	wait_question();
	assert_reply(bed_append(&bed, deliver, 0, 1, "INBOX", 0, SLICE_LIT("more")), store_appended);
	answer_now();
	wait_told();
	assert_string_equal(told.text, "2 epoch keys rewrapped\n");
	assert_reply(bed_append(&bed, deliver, 0, 1, "INBOX", 0, SLICE_LIT("more")), store_appended);
	bed_settle(&bed);
	assert_int_equal(count(1, 2), 2);
}

static void
test_removed_meanwhile(void **state)
{
	struct ipc_fact_account_gone gone;

	(void)state;
	fill(1, 1);
	fill(2, 1);
	tell_generation(1, 2);
	tell_generation(2, 2);
	bed.on_rekey = answer_later;
	wait_question();
	gone.account = late.account;
	bed_send(&bed, keyd, IPC_MSG_fact_account_gone, &gone);
	answer_now();
	wait_told();
	assert_string_equal(told.text, "1 epoch keys rewrapped\n");
	bed_settle(&bed);
	assert_int_equal(count(3 - gone.account, 2), 1);
}

/* ---- keyd goes, or is another ---- */

static void
test_unknown_account(void **state)
{
	(void)state;
	fill(1, EPOCHS);
	tell_generation(1, 2);
	bed.on_rekey = refuse;
	run("");
	assert_int_equal(told.exit, EX_OK);
	assert_string_equal(told.text, "0 epoch keys rewrapped\n"
	    "150 can only be opened by their owners, and stay\n");
	assert_int_equal(asked, 3);
}

static void
test_keyd_goes(void **state)
{
	(void)state;
	fill(1, 3);
	tell_generation(1, 2);
	bed.on_rekey = answer_later;
	wait_question();
	/* Another one is told to come again. */
	request("", "");
	assert_true(told.came);
	assert_int_equal(told.exit, EX_TEMPFAIL);
	assert_string_equal(told.text, "a rekey is under way\n");
	told.came = false;
	bed_leave(&bed, keyd);
	wait_told();
	assert_int_equal(told.exit, EX_TEMPFAIL);
	assert_string_equal(told.text,
	    "keyd did not answer: run it again, it goes on where it was\n");
	run("");
	assert_int_equal(told.exit, EX_TEMPFAIL);
	assert_string_equal(told.text, "keyd is away: run it again, it goes on where it was\n");
	keyd = bed_peer(&bed, IPC_KEYD, 9);
	bed.on_rekey = answer;
	run("");
	assert_string_equal(told.text, "3 epoch keys rewrapped\n");
}

static void
test_store_stops(void **state)
{
	(void)state;
	fill(1, 3);
	tell_generation(1, 2);
	bed.on_rekey = answer_later;
	wait_question();
	rekey_stop(&bed.store);
	assert_true(told.came);
	assert_int_equal(told.exit, EX_TEMPFAIL);
	answer_now();		/* nobody waits for it */
	bed_settle(&bed);
	assert_int_equal(count(1, 1), 3);
}

/* ---- wrong answers end that keyd, and nothing is written ---- */

static unsigned	wrong;

static void
answer_wrong(struct ipc_peer *p, const struct ipc_epoch_rekey *m, struct ipc_in *in)
{
	static const char bytes[60] = "x";
	struct ipc_rekeyed row[] = {
		{ .epoch = 1, .result = REKEY_CLOSED },
		{ .epoch = 2, .result = REKEY_DONE, .generation = 2, .form = 2,
		  .data = slice_of(bytes, 60) },
		{ .epoch = 3, .result = REKEY_CLOSED },
	};
	struct ipc_epoch_rekey_reply reply;
	unsigned n = 2;
	struct buf b;

	if (is_first(p, m, in))
		return;
	if (wrong == 0)
		n = 1;
	if (wrong == 1)
		n = 3;
	if (wrong == 2)
		row[1].epoch = 7;
	if (wrong == 3)
		row[1].result = REKEY_DAMAGED + 1;
	if (wrong == 4)
		row[0].result = 0;
	if (wrong == 5)
		row[1].data.n = 0;
	if (wrong == 6)
		row[1].generation = 1;
	buf_init(&b, 8000);
	for (unsigned i = 0; i < n; i++)
		ipc_rekeyed_put(&b, &row[i]);
	if (wrong == 7)
		buf_put_char(&b, 'x');
	reply.epochs = buf_slice(&b);
	ipc_reply(p, in->id, IPC_MSG_epoch_rekey_reply, &reply);
	buf_fini(&b);
}

static void
test_wrong_answers(void **state)
{
	(void)state;
	fill(1, 2);
	tell_generation(1, 2);
	bed.on_rekey = answer_wrong;
	for (wrong = 0; wrong < 8; wrong++) {
		run("");
		assert_int_equal(told.exit, EX_TEMPFAIL);
		assert_string_equal(told.text,
		    "keyd gave a wrong answer: run it again, it goes on where it was\n");
		while (!keyd->is_gone)
			bed_turn(&bed);
		assert_int_equal(count(1, 1), 2);
		keyd = bed_peer(&bed, IPC_KEYD, 10 + wrong);
	}
	run("");		/* 8: a good one */
	assert_string_equal(told.text, "1 epoch keys rewrapped\n"
	    "1 can only be opened by their owners, and stay\n");
}

/* A cursor of nonsense, or of another store, does no harm. */
static void
test_cursors(void **state)
{
	static const char *const cursors[] = { "x", "99 1 0 0 0 0 0", "0 77 1 5 0 0 0", "1 2 3",
		"18446744073709551615 18446744073709551615 18446744073709551615 "
		"18446744073709551615 5 5 5", "0 1 0 18446744073709551615 0 0 0" };

	(void)state;
	fill(1, 3);
	tell_generation(1, 2);
	for (size_t i = 0; i < lengthof(cursors); i++) {
		request("", cursors[i]);
		wait_told();
		assert_false(told.more);
	}
	bed_settle(&bed);
}

#define T(fn)	cmocka_unit_test_setup_teardown(fn, setup, world_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_all), T(test_progress), T(test_one), T(test_closed), T(test_read_meanwhile),
		T(test_new_pair_meanwhile), T(test_append_meanwhile), T(test_removed_meanwhile), T(test_unknown_account),
		T(test_keyd_goes), T(test_store_stops), T(test_wrong_answers), T(test_cursors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
