/* SPDX-License-Identifier: ISC */
/* MULTIAPPEND (RFC 3502) and REPLACE (RFC 8508). */
#include "tests/unit/test.h"

#include <string.h>

#include "imapd/imap_kit.h"
#include "lib/base/log.h"
#include "lib/seal/sealer.h"
#include "lib/ipc/store_proto.h"
#include "tests/unit/imapd/imap_say.h"

#define MSG "A: b\r\n\r\nhi"	/* 10 bytes */

static size_t
count(void)
{
	return fake_box(&store, "INBOX")->count;
}

static void
test_several(void **state)
{
	struct fake_box *b;

	(void)state;
	say_login();
	EXPECT("a APPEND INBOX (\\Seen) {10+}\r\n" MSG " (\\Draft $W) \"02-Jan-2024 10:00:00 +0000\" "
	    "{10+}\r\n" MSG " ~{10+}\r\n" MSG "\r\nb NOOP\r\n", "a OK [APPENDUID 1000 1:3]", "b OK");
	b = fake_box(&store, "INBOX");
	assert_int_equal(b->count, 3);
	assert_int_equal(b->m[0].flags, STORE_SEEN);
	assert_int_equal(b->m[1].flags, STORE_DRAFT | 256);
	assert_int_equal(b->m[2].flags, 0);
	assert_int_equal(b->m[1].internal_s, 1704189600);
	assert_true(b->m[2].internal_s != 1704189600);
	/* each is asked for */
	EXPECT("a APPEND INBOX {10}\r\n", "+ OK\r\n");
	EXPECT(MSG " {10}\r\n", "+ OK\r\n");
	assert_int_equal(count(), 3);
	EXPECT(MSG "\r\n", "a OK [APPENDUID 1000 4:5]");
	EXPECT("s SELECT INBOX\r\nf FETCH 4:5 RFC822.SIZE\r\n", "* 4 FETCH (RFC822.SIZE 10)",
	    "* 5 FETCH (RFC822.SIZE 10)", "f OK");
}

/* What the mailbox would have said of itself store_append says, too. */
static void
test_unchecked(void **state)
{
	char msg[SEALER_INLINE_MAX + 2];
	uint64_t epoch;

	(void)state;
	say_login();
	EXPECT("a APPEND INBOX {10}\r\n", "+ OK\r\n");
	EXPECT(MSG "\r\n", "a OK [APPENDUID 1000 1]");
	assert_int_equal(store.statuses, 1);
	epoch = store.next_epoch;
	EXPECT("a APPEND nope {10+}\r\n" MSG " {10+}\r\n" MSG "\r\nb NOOP\r\n", "a NO [TRYCREATE]", "b OK");
	EXPECT("a APPEND nope {10+}\r\n" MSG "\r\nb APPEND INBOX {10+}\r\n" MSG "\r\n",
	    "a NO [TRYCREATE]", "b OK [APPENDUID 1000 2]");
	/* the epoch is still good */
	assert_int_equal(store.next_epoch, epoch);
	assert_int_equal(store.statuses, 1);
	/* up to what a request holds */
	memset(msg, 'x', sizeof(msg));
	memcpy(msg, "A: b\r\n\r\n", 8);
	msg[SEALER_INLINE_MAX] = '\0';
	say_append("INBOX", "", msg);
	assert_int_equal(store.statuses, 1);
	msg[SEALER_INLINE_MAX] = 'x';
	msg[SEALER_INLINE_MAX + 1] = '\0';
	say_append("INBOX", "", msg);
	assert_int_equal(store.statuses, 2);
	assert_int_equal(count(), 4);
}

/* With the first message that is stored, and with those of the same command. */
static void
test_epoch_told(void **state)
{
	(void)state;
	say_login();
	EXPECT("a APPEND INBOX {10+}\r\n" MSG " {10+}\r\n" MSG "\r\n", "a OK");
	assert_int_equal(store.epochs_told, 2);
	EXPECT("a APPEND INBOX {10+}\r\n" MSG "\r\n", "a OK");
	EXPECT("a APPEND INBOX {10+}\r\n" MSG "\r\n", "a OK [APPENDUID 1000 4]");
	assert_int_equal(store.epochs_told, 2);
}

/* All or none. */
static void
test_all_or_none(void **state)
{
	(void)state;
	say_login();
	shared.message_max = 100;
	EXPECT("a APPEND INBOX {10+}\r\n" MSG " {0+}\r\n\r\nb NOOP\r\n", "a NO [CANNOT]", "b OK");
	EXPECT("a APPEND INBOX {10+}\r\n" MSG " {0}\r\n", "a NO [CANNOT]");
	EXPECT("a APPEND INBOX {10+}\r\n" MSG " {101}\r\nb NOOP\r\n", "a NO [TOOBIG]", "b OK");
	EXPECT("a APPEND INBOX {10+}\r\n" MSG " (\\Recent) {10+}\r\n" MSG "\r\nb NOOP\r\n", "a BAD", "b OK");
	EXPECT("a APPEND INBOX {10+}\r\n" MSG "{10+}\r\n" MSG "\r\nb NOOP\r\n", "a BAD", "b OK");
	EXPECT("a APPEND INBOX {10+}\r\n" MSG " {10+}\r\n" MSG " x\r\nb NOOP\r\n", "a BAD", "b OK");
	fake_say_bytes(&f, SLICE_LIT("a APPEND INBOX {10+}\r\n" MSG " {10+}\r\nA: b\r\n\r\n\0i {5+}\r\nabcde\r\n"
	    "b NOOP\r\n"));
	assert_true(say_has("a BAD NUL") && say_has("b OK"));
	assert_int_equal(count(), 0);
	assert_int_equal(store.staged_count, 0);
	/* the store refuses the second: the first goes too, and nobody waits for the third */
	EXPECT("a APPEND INBOX {10+}\r\n" MSG " {10}\r\n", "+ OK");
	store.no_epoch = 1;
	EXPECT(MSG " {10}\r\nb NOOP\r\n", "a NO", "b OK");
	assert_int_equal(count(), 0);
	sealer_forget(shared.sealer);
	/* the store's answer comes too late: what it keeps is not the next command's */
	store.late_appends = 1;
	EXPECT("a APPEND INBOX {10+}\r\n" MSG " {10}\r\nb NOOP\r\n", "a NO", "b OK");
	assert_int_equal(store.staged_count, 0);
	/* a limit of the store's: eight here */
	buf_reset(&f.out);
	fake_say(&f, "a APPEND INBOX {10+}\r\n");
	for (int i = 0; i < 8; i++)
		fake_say(&f, MSG " {10+}\r\n");
	EXPECT(MSG "\r\nb NOOP\r\n", "a NO [LIMIT]", "b OK");
	assert_int_equal(count(), 0);
	say_append("INBOX", "", MSG);
	assert_int_equal(count(), 1);
}

/* RFC 7888 s5 holds for all literals of a command. */
static void
test_literal_minus(void **state)
{
	(void)state;
	shared.literal_plus = false;
	say_login();
	EXPECT("a APPEND INBOX {10+}\r\n" MSG " {4097+}\r\n", "a BAD");
	fake_unheard(&f);
}

/* A client that leaves in the middle leaves nothing. */
static void
test_cut(void **state)
{
	(void)state;
	say_login();
	fake_say(&f, "a APPEND INBOX {10+}\r\n" MSG " {10+}\r\nA: b");
	assert_int_equal(store.staged_count, 1);
	fake_fini(&f);
	assert_int_equal(store.staged_count, 0);
	fake_init(&f, &shared, &store, true);
	assert_int_equal(count(), 0);
}

static void
test_replace(void **state)
{
	(void)state;
	say_login();
	EXPECT("a REPLACE 1 INBOX {10+}\r\n" MSG "\r\nb NOOP\r\n", "a BAD", "b OK");
	for (int i = 0; i < 3; i++)
		say_append("INBOX", "(\\Flagged) ", MSG);
	EXPECT("c CREATE Sent\r\ns SELECT INBOX\r\n", "s OK");
	EXPECT("a REPLACE 2 INBOX (\\Draft) {10}\r\n", "+ OK");
	EXPECT(MSG "\r\n", "* OK [APPENDUID 1000 4] ", "* 2 EXPUNGE\r\n", "* 3 EXISTS\r\n", "a OK Replace");
	EXPECT("f FETCH 1:* (UID FLAGS)\r\n", "* 1 FETCH (UID 1 ", "* 2 FETCH (UID 3 ",
	    "* 3 FETCH (UID 4 FLAGS (\\Draft", "f OK");
	/* into another mailbox */
	EXPECT("a UID REPLACE 4 Sent {10+}\r\n" MSG "\r\n", "* OK [APPENDUID 1000 1] ", "* 3 EXPUNGE\r\n",
	    "a OK");
	assert_int_equal(fake_box(&store, "Sent")->count, 1);
	/* what is not there */
	EXPECT("a UID REPLACE 4 INBOX {10}\r\nb NOOP\r\n", "a NO [NONEXISTENT]", "b OK");
	EXPECT("a REPLACE 9 INBOX {10}\r\nb NOOP\r\n", "a BAD", "b OK");
	EXPECT("a REPLACE 1 none {10+}\r\n" MSG "\r\nb NOOP\r\n", "a NO [TRYCREATE]", "b OK");
	EXPECT("a REPLACE 0 INBOX {10+}\r\n" MSG "\r\nb NOOP\r\n", "a BAD", "b OK");
	EXPECT("a REPLACE 1:2 INBOX {10+}\r\n" MSG "\r\nb NOOP\r\n", "a BAD", "b OK");
	EXPECT("a REPLACE 1 INBOX {10+}\r\n" MSG " {10+}\r\n" MSG "\r\nb NOOP\r\n", "a BAD", "b OK");
	EXPECT("a REPLACE 1 INBOX\r\n", "a BAD");
	/* gone while the literal came */
	EXPECT("a REPLACE 1 INBOX {10}\r\n", "+ OK");
	fake_box(&store, "INBOX")->m[0].uid = 99;
	EXPECT(MSG "\r\n", "a NO [EXPUNGEISSUED]");
	fake_box(&store, "INBOX")->m[0].uid = 1;
	assert_int_equal(count(), 2);
	EXPECT("x EXAMINE INBOX\r\na REPLACE 1 INBOX {10}\r\n", "a NO [READ-ONLY]");
}

/* As for EXPUNGE: RFC 8508 s4.5; and only UIDs for who wants only these. */
static void
test_replace_modes(void **state)
{
	(void)state;
	say_login();
	for (int i = 0; i < 3; i++)
		say_append("INBOX", "", MSG);
	EXPECT("e ENABLE QRESYNC\r\ns SELECT INBOX\r\n", "s OK");
	EXPECT("a REPLACE 1 INBOX {10+}\r\n" MSG "\r\n", "* OK [APPENDUID 1000 4]", "* VANISHED 1\r\n",
	    "a OK [HIGHESTMODSEQ ");
	EXPECT("e ENABLE UIDONLY\r\na REPLACE 1 INBOX {10}\r\n", "a BAD [UIDREQUIRED]");
	EXPECT("a UID REPLACE 2 INBOX {10+}\r\n" MSG "\r\n", "* VANISHED 2\r\n", "a OK");
}

/* RFC 9755 s4 */
static void
test_utf8(void **state)
{
	(void)state;
	say_login();
	EXPECT("a APPEND INBOX UTF8 (~{10+}\r\n" MSG ")\r\nb NOOP\r\n", "a BAD", "b OK");
	fake_unheard(&f);
	f.s->enabled |= IMAP_EN_UTF8;
	EXPECT("a APPEND INBOX UTF8 (~{10+}\r\n" MSG ")\r\n", "a OK [APPENDUID 1000 1]");
	EXPECT("a APPEND INBOX UTF8 (~{10+}\r\n" MSG ") {10+}\r\n" MSG " UTF8 (~{10+}\r\n" MSG ")\r\n",
	    "a OK [APPENDUID 1000 2:4]");
	EXPECT("a APPEND INBOX UTF8 (~{10+}\r\n" MSG "\r\nb NOOP\r\n", "a BAD", "b OK");
	EXPECT("a APPEND INBOX UTF8 (~{10+}\r\n" MSG " {10+}\r\n" MSG "\r\nb NOOP\r\n", "a BAD", "b OK");
	EXPECT("a APPEND INBOX UTF8 ({10+}\r\n" MSG ")\r\nb NOOP\r\n", "a BAD", "b OK");
	assert_int_equal(count(), 4);
}

/* One serves message after message; those of a long one, or of too many, go. */
static void
test_kits(void **state)
{
	static char msg[IMAP_KIT_BYTES + 2];
	struct imap_kit *kit, *kits[IMAP_KITS_KEPT + 1];

	(void)state;
	say_login();
	say_append("INBOX", "", MSG);
	kit = shared.kits[0];
	assert_non_null(kit);
	assert_int_equal(kit->sealed.n, 0);
	assert_true(kit->sealed.cap > 0);
	EXPECT("a APPEND INBOX {10+}\r\nA: b", "");
	assert_null(shared.kits[0]);
	EXPECT("\r\n\r\nhi\r\n", "a OK [APPENDUID 1000 2]");
	assert_ptr_equal(shared.kits[0], kit);
	EXPECT("f FETCH 2 BODY[]\r\ns SELECT INBOX\r\nf FETCH 2 BODY[]\r\n", "BODY[] {10}\r\n" MSG);
	memset(msg, 'x', sizeof(msg) - 1);
	memcpy(msg, "A: b\r\n\r\n", 8);
	msg[IMAP_KIT_BYTES] = '\0';
	say_append("INBOX", "", msg);
	assert_ptr_equal(shared.kits[0], kit);
	msg[IMAP_KIT_BYTES] = 'x';
	say_append("INBOX", "", msg);
	assert_null(shared.kits[0]);
	for (size_t i = 0; i <= IMAP_KITS_KEPT; i++)
		kits[i] = imap_kit_take(&shared);
	for (size_t i = 0; i <= IMAP_KITS_KEPT; i++)
		imap_kit_give(&shared, &kits[i]);
	for (size_t i = 0; i < IMAP_KITS_KEPT; i++)
		assert_non_null(shared.kits[i]);
}

#define T(name)	cmocka_unit_test_setup_teardown(name, say_setup, say_teardown)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		T(test_several), T(test_epoch_told), T(test_unchecked), T(test_all_or_none),
		T(test_literal_minus), T(test_cut), T(test_replace), T(test_replace_modes), T(test_utf8),
		T(test_kits),
	};

	log_to_fd(-1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
