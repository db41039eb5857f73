/* SPDX-License-Identifier: ISC */
/*
 * Expiry and undelete: rules and what they hit, in slices; what comes back, how
 * often, and what does not.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/base/enc.h"
#include "lib/ipc/store_proto.h"
#include "store/store_expire.h"
#include "store/store_undelete.h"
#include "store/store_wide.h"
#include "tests/unit/store/store_world.h"
#include "tests/unit/test.h"

#define DAY_MS	86400000ull

static void
test_rules(void **state)
{
	static const char *const good[] = { "Trash 30d", "\\Junk 1w", "a b/c  36h", "inbox 2d" };
	static const char *const bad[] = { "", "Trash", "Trash ", "30d", " 30d", "Trash 30", "Trash d",
	    "Trash 30x", "Trash 0d", "\\None 3d", "a//b 3d", "Trash 30dd", "Trash -1d" };
	char *many[EXPIRE_RULES_MAX + 1];
	struct expire_rule r;

	(void)state;
	for (unsigned i = 0; i < lengthof(good); i++)
		assert_int_equal(expire_parse(slice_str(good[i]), &r), ERR_OK);
	assert_int_equal(expire_parse(slice_str("Trash 30d"), &r), ERR_OK);
	assert_true(r.special == 0 && r.age_s == 30 * 86400 && r.name_n == 5);
	assert_int_equal(expire_parse(slice_str("\\trash 2w"), &r), ERR_OK);
	assert_true(r.special == STORE_TRASH && r.age_s == 14 * 86400);
	for (unsigned i = 0; i < lengthof(bad); i++)
		assert_int_not_equal(expire_parse(slice_str(bad[i]), &r), ERR_OK);
	for (unsigned i = 0; i <= EXPIRE_RULES_MAX; i++)
		many[i] = (char *)(uintptr_t)"Trash 30d";
	expire_set(&bed.store, many, EXPIRE_RULES_MAX + 1);
	assert_int_equal(bed.store.expire_n, EXPIRE_RULES_MAX);
	many[1] = (char *)(uintptr_t)"nonsense";
	expire_set(&bed.store, many, 3);
	assert_int_equal(bed.store.expire_n, 2);
}

static uint32_t
exists(const char *mailbox)
{
	return world_selected(imapd, h1, mailbox).exists;
}

static void
rule(const char *text)
{
	char *one = (char *)(uintptr_t)text;

	expire_set(&bed.store, &one, 1);
	assert_int_equal(bed.store.expire_n, 1);
}

static void
test_expire(void **state)
{
	struct ipc_store_watch w = { .handle = h1 };

	(void)state;
	bed.store.undelete_s = 3600 * 24 * 365;
	world_fill("Trash", STORE_SEEN, 3);
	world_fill("Junk", 0, 2);
	world_fill("INBOX", 0, 1);
	rule("\\Trash 2d");
	world_sweep();
	assert_int_equal(exists("Trash"), 3);
	loop_advance(bed.loop, DAY_MS);
	world_fill("Trash", 0, 2);
	world_sweep();
	assert_int_equal(exists("Trash"), 5);
	/* The first three are old now; who watches hears of it. */
	w.mailbox = world_selected(imapd, h1, "Trash").mailbox;
	bed_send(&bed, imapd, IPC_MSG_store_watch, &w);
	bed.notified = 0;
	loop_advance(bed.loop, DAY_MS + 5000);
	world_sweep();
	bed_turn(&bed);
	assert_int_equal(exists("Trash"), 2);
	assert_true(bed.notified > 0);
	assert_int_equal(exists("Junk"), 2);
	rule("Junk 1h");
	world_sweep();
	assert_int_equal(exists("Junk"), 0);
	assert_int_equal(exists("Trash"), 2);
	assert_int_equal(exists("INBOX"), 1);
}

/* More than one transaction removes. */
static void
test_slices(void **state)
{
	struct ipc_store_copy m = { .handle = h1, .to = SLICE_LIT("Trash") };
	struct ipc_store_selected s;
	unsigned char set[8];
	unsigned count;
	bool more;

	(void)state;
	bed.store.undelete_s = 3600 * 24 * 365;
	world_fill("Trash", 0, 300);
	while ((s = world_selected(imapd, h1, "Trash")).exists < 4000) {
		m.mailbox = s.mailbox;
		m.v = s.modseq;
		m.uidnext = s.uidnext;
		m.set = world_pair(set, 1, STORE_STAR);
		assert_reply(bed_call(&bed, imapd, IPC_MSG_store_copy, &m), store_copied);
	}
	rule("Trash 1h");
	loop_advance(bed.loop, DAY_MS);
	world_sweep();
	assert_int_equal(exists("Trash"), 0);
	/* And brought back, in steps. */
	assert_int_equal(undelete_step(&bed.store, 1, SLICE_LIT("Trash"), &count, &more), ERR_OK);
	assert_true(more && count > 0 && count <= UNDELETE_STEP_MAX);
	while (more) {
		bed_settle(&bed);
		assert_int_equal(undelete_step(&bed.store, 1, SLICE_LIT("Trash"), &count, &more),
		    ERR_OK);
	}
	bed_settle(&bed);
	assert_int_equal(exists("Trash"), s.exists);
}

/* ---- undelete ---- */

static uint32_t
flags_of(const char *mailbox, uint32_t uid)
{
	struct ipc_store_selected s = world_selected(imapd, h1, mailbox);
	unsigned char set[8];
	struct ipc_store_fetch m = { .handle = h1, .mailbox = s.mailbox, .v = s.modseq,
	    .uidnext = s.uidnext, .by_uid = true, .set = world_pair(set, uid, uid) };
	struct bed_reply *r = bed_call(&bed, imapd, IPC_MSG_store_fetch, &m);
	struct ipc_reader rd = ipc_reader_of(r->m.store_rows.rows);
	struct ipc_row row = { 0 };

	assert_reply(r, store_rows);
	ipc_row_get(&rd, &row);
	assert_int_equal(row.uid, uid);
	return row.flags;
}

static unsigned
undelete(const char *mailbox)
{
	unsigned count;
	bool more;

	assert_int_equal(undelete_step(&bed.store, 1, slice_str(mailbox), &count, &more), ERR_OK);
	assert_false(more);
	bed_settle(&bed);
	return count;
}

static void
test_undelete(void **state)
{
	struct ipc_store_selected s;
	unsigned char set[8];
	struct ipc_store_copy mv = { .handle = h1, .move = true, .to = SLICE_LIT("Archive"),
	    .by_uid = true, .set = world_pair(set, 4, 4) };
	unsigned count;
	bool more;

	(void)state;
	bed.store.undelete_s = 1000;
	world_fill("INBOX", STORE_SEEN | STORE_FLAGGED, 4);
	world_expunge("INBOX", 2, 3);
	s = world_selected(imapd, h1, "INBOX");
	mv.mailbox = s.mailbox;
	mv.v = s.modseq;
	mv.uidnext = s.uidnext;
	assert_reply(bed_call(&bed, imapd, IPC_MSG_store_copy, &mv), store_copied);
	/* The two that were expunged, not the one that is elsewhere. */
	assert_int_equal(undelete("INBOX"), 2);
	assert_int_equal(exists("INBOX"), 3);
	assert_int_equal(flags_of("INBOX", 5), STORE_SEEN | STORE_FLAGGED);
	assert_int_equal(undelete("INBOX"), 0);
	/* Removed once more, it comes back once more: and only that one. */
	world_expunge("INBOX", 6, 6);
	world_reopen(true);
	bed.store.undelete_s = 1000;
	assert_int_equal(undelete("INBOX"), 1);
	assert_int_equal(exists("INBOX"), 3);
	/* A view that still counts them sees no mark of ours. */
	assert_int_equal(flags_of("INBOX", 7) & 0xe0, 0);
	/* The window ends: nothing is left. */
	world_expunge("INBOX", 1, 7);
	bed.store.undelete_s = 0;
	loop_advance(bed.loop, DAY_MS);
	world_sweep();
	assert_int_equal(undelete("INBOX"), 0);
	assert_int_equal(undelete_step(&bed.store, 1, SLICE_LIT("None"), &count, &more), ERR_NOTFOUND);
	assert_int_equal(undelete_step(&bed.store, 99, SLICE_LIT("INBOX"), &count, &more),
	    ERR_NOTFOUND);
}

static void
test_tool(void **state)
{
	struct buf out;
	uint64_t changed;
	bool more;

	(void)state;
	bed.store.undelete_s = 1000;
	world_fill("INBOX", 0, 3);
	world_expunge("INBOX", 1, 2);
	buf_init(&out, 1000);
	assert_int_equal(undelete_tool(&bed.store, slice_of("USER1@example.test\0INBOX", 25), &out,
	    &more, &changed), 0);
	assert_true(changed != 0);
	assert_false(more);
	assert_slice(buf_slice(&out), "2 messages brought back\n");
	bed_settle(&bed);
	assert_int_equal(exists("INBOX"), 3);
	buf_reset(&out);
	assert_int_equal(undelete_tool(&bed.store, slice_of("nobody@example.test\0INBOX", 26), &out,
	    &more, &changed), 65);
	assert_true(changed == 0);
	assert_slice(buf_slice(&out), "nobody@example.test: not found\n");
	buf_reset(&out);
	assert_int_equal(undelete_tool(&bed.store, slice_of("user1@example.test", 19), &out, &more,
	    &changed), 64);
	buf_fini(&out);
}

/* A mailbox that went as a whole: until its window ends, by its name. */
static void
test_undelete_mailbox(void **state)
{
	struct ipc_store_create make = { h1, 0, SLICE_LIT("Work") };
	struct ipc_store_delete d = { h1, SLICE_LIT("Work") };
	struct ipc_store_selected before, after;
	unsigned count;
	bool more;

	(void)state;
	bed.store.undelete_s = 1000;
	assert_reply(bed_call(&bed, imapd, IPC_MSG_store_create, &make), store_ok);
	world_fill("Work", STORE_SEEN, 5);
	world_flag("Work", 2, 3, STORE_ADD, STORE_FLAGGED);
	before = world_selected(imapd, h1, "Work");
	assert_reply(bed_call(&bed, imapd, IPC_MSG_store_delete, &d), store_ok);
	/* Neither the sweep nor the compactor takes anything of it. */
	world_sweep();
	bed_check(&bed);
	world_reopen(true);
	bed.store.undelete_s = 1000;
	assert_int_equal(undelete("Work"), 5);
	after = world_selected(imapd, h1, "Work");
	assert_int_equal(after.exists, 5);
	assert_int_equal(after.uidvalidity, before.uidvalidity);
	assert_int_equal(after.uidnext, before.uidnext);
	assert_true(after.modseq > before.modseq);
	bed_check(&bed);
	/* Nothing of it twice. */
	assert_int_equal(undelete("Work"), 0);

	/* Another of that name is in the way; of two the last one comes. */
	assert_reply(bed_call(&bed, imapd, IPC_MSG_store_delete, &d), store_ok);
	make.handle = d.handle = h1;
	assert_reply(bed_call(&bed, imapd, IPC_MSG_store_create, &make), store_ok);
	assert_int_equal(undelete("Work"), 0);
	world_fill("Work", 0, 2);
	loop_advance(bed.loop, 2000);
	assert_reply(bed_call(&bed, imapd, IPC_MSG_store_delete, &d), store_ok);
	assert_int_equal(undelete("Work"), 2);
	assert_int_equal(world_selected(imapd, h1, "Work").exists, 2);

	/* The window ends: gone for good. */
	assert_reply(bed_call(&bed, imapd, IPC_MSG_store_delete, &d), store_ok);
	loop_advance(bed.loop, 1001 * 1000);
	assert_int_equal(undelete_step(&bed.store, 1, SLICE_LIT("Work"), &count, &more), ERR_NOTFOUND);
	world_sweep();
	bed_check(&bed);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_rules), WORLD_TEST(test_expire), WORLD_TEST(test_slices),
		WORLD_TEST(test_undelete), WORLD_TEST(test_undelete_mailbox), WORLD_TEST(test_tool),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
