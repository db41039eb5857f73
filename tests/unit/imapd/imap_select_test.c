/* SPDX-License-Identifier: ISC */
/*
 * SELECT and the report at a command's end without a turn to the store, by the
 * account's pulse: what is asked, what is not, and that the client sees the same.
 */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "lib/ipc/store_proto.h"
#include "tests/unit/imapd/imap_say.h"

#define MSG "Subject: x\r\n\r\nbody\r\n"

static struct fake	other;		/* another session of the same user */

/* Two messages that nobody sees as \Recent any more. */
static int
setup(void **state)
{
	int result = say_setup(state);

	store.pulse = 1;
	fake_init(&other, &shared, &store, true);
	fake_say(&other, "l LOGIN alice secret\r\n");
	say_login();
	say_append("INBOX", "", MSG);
	say_append("INBOX", "(custom) ", MSG);
	EXPECT("s SELECT INBOX\r\n", "* 2 RECENT", "s OK [READ-WRITE]");
	EXPECT("s SELECT INBOX\r\n", "* 0 RECENT", "s OK [READ-WRITE]");
	store.selects = store.syncs = 0;
	return result;
}

static int
teardown(void **state)
{
	fake_fini(&other);
	return say_teardown(state);
}

static char *
answer_to(const char *say)
{
	char *text;

	buf_reset(&f.out);
	fake_say(&f, say);
	text = strndup(buf_cstr(&f.out), f.out.n);
	assert_non_null(text);
	return text;
}

/* ---- SELECT ---- */

static void
test_known(void **state)
{
	static const char *const says[] = {
		"s SELECT INBOX\r\n", "s EXAMINE INBOX\r\n",
		"s SELECT inbox (CONDSTORE)\r\n",
		"e ENABLE QRESYNC\r\ns SELECT INBOX (QRESYNC (1000 1))\r\n",
		"e ENABLE IMAP4rev2\r\ns SELECT InBox\r\n",
	};
	char *known, *asked;

	(void)state;
	for (size_t i = 0; i < lengthof(says); i++) {
		store.selects = 0;
		free(answer_to(says[i]));	/* what it switches on is on */
		known = answer_to(says[i]);
		assert_int_equal(store.selects, 0);
		store.pulse++;
		asked = answer_to(says[i]);
		assert_int_equal(store.selects, 1);
		assert_string_equal(known, asked);
		assert_non_null(strstr(known, "* 2 EXISTS\r\n"));
		assert_non_null(strstr(known, "custom"));
		free(known);
		free(asked);
	}
	EXPECT("s EXAMINE INBOX\r\n", "[PERMANENTFLAGS ()]", "s OK [READ-ONLY]");
	/* Any session of the user, also a new one; a name that is not there is asked for. */
	store.selects = 0;
	fake_say(&other, "x LOGOUT\r\n");
	fake_fini(&other);
	fake_init(&other, &shared, &store, true);
	fake_say(&other, "l LOGIN alice secret\r\ns SELECT INBOX\r\nn SELECT Nowhere\r\n"
	    "n SELECT Nowhere\r\n");
	assert_true(slice_search(buf_slice(&other.out), SLICE_LIT("* 2 EXISTS")) < other.out.n);
	assert_int_equal(store.selects, 2);
}

static void
test_changed(void **state)
{
	static const struct { const char *say, *want; } rows[] = {
		{ "a APPEND INBOX {4+}\r\nx: y\r\n", "* 3 EXISTS" },
		{ "a UID STORE 1 +FLAGS (\\Seen \\Deleted)\r\n", "[UNSEEN 2]" },
		{ "a EXPUNGE\r\n", "* 2 EXISTS" },
		{ "a UID STORE 2 +FLAGS (another)\r\n", "custom another" },
		{ "a RENAME INBOX Old\r\n", "s NO" },
	};

	(void)state;
	fake_say(&other, "s SELECT INBOX\r\n");
	for (size_t i = 0; i < lengthof(rows); i++) {
		fake_say(&other, rows[i].say);
		store.selects = 0;
		say_expect("s SELECT INBOX\r\n", &rows[i].want, 1);
		assert_int_equal(store.selects, 1);
	}
}

/* Whom the store would no longer let in asks, although others know the answer. */
static void
test_revoked(void **state)
{
	(void)state;
	store.pulse++;
	fake_say(&other, "s SELECT INBOX\r\n");
	assert_int_equal(store.selects, 1);
	fake_say(&other, "s SELECT INBOX\r\n");
	assert_int_equal(store.selects, 1);
	EXPECT("s SELECT INBOX\r\n", "s OK");
	assert_int_equal(store.selects, 2);
	EXPECT("s SELECT INBOX\r\n", "s OK");
	assert_int_equal(store.selects, 2);
}

/* \Recent goes to one session: such an answer is nobody else's. */
static void
test_recent(void **state)
{
	(void)state;
	fake_deliver(&other, "INBOX", SLICE_LIT(MSG));
	EXPECT("s EXAMINE INBOX\r\n", "* 1 RECENT");
	EXPECT("s EXAMINE INBOX\r\n", "* 1 RECENT");
	assert_int_equal(store.selects, 2);
	EXPECT("s SELECT INBOX\r\n", "* 1 RECENT");
	assert_int_equal(store.selects, 3);
	EXPECT("s SELECT INBOX\r\n", "* 0 RECENT");
	assert_int_equal(store.selects, 4);
	EXPECT("s EXAMINE INBOX\r\n", "* 0 RECENT");
	assert_int_equal(store.selects, 4);
}

/* Who is logged out, or waits for the store, is told nothing. */
static void
test_store_gone(void **state)
{
	(void)state;
	imap_session_on_store_left(f.s);
	EXPECT("s SELECT INBOX\r\n", "s NO");
	imap_session_on_store_joined(f.s);
	fake_run(&f);
	assert_int_equal(store.selects, 0);
	EXPECT("s SELECT INBOX\r\n", "s OK");
	assert_int_equal(store.selects, 1);
	EXPECT("s SELECT INBOX\r\n", "s OK");
	assert_int_equal(store.selects, 1);
	/* The wire is lost and nobody has said so yet. */
	store.down = true;
	EXPECT("s SELECT INBOX\r\n", "s NO");
	store.down = false;
}

static void
test_no_pulse(void **state)
{
	(void)state;
	store.pulse = 0;
	for (unsigned i = 1; i < 4; i++) {
		EXPECT("s SELECT INBOX\r\n", "s OK");
		EXPECT("s NOOP\r\n", "s OK");
		assert_int_equal(store.selects, i);
		assert_int_equal(store.syncs, i);
	}
}

/* ---- the report at the end of a command ---- */

static void
test_nothing_new(void **state)
{
	(void)state;
	EXPECT("s SELECT INBOX\r\n", "s OK");
	EXPECT("a NOOP\r\n", "a OK");
	EXPECT("a CHECK\r\n", "a OK");
	assert_int_equal(store.syncs, 0);
	fake_deliver(&other, "INBOX", SLICE_LIT(MSG));
	EXPECT("a NOOP\r\n", "* 3 EXISTS\r\n* 1 RECENT\r\n", "a OK");
	assert_int_equal(store.syncs, 1);
	EXPECT("a NOOP\r\n", "a OK");
	EXPECT("a SEARCH ALL\r\n", "* SEARCH 1 2 3\r\n", "a OK");
	assert_int_equal(store.syncs, 1);
	/* One's own change. */
	EXPECT("a STORE 1 +FLAGS (\\Seen)\r\n", "* 1 FETCH (FLAGS (\\Seen))\r\na OK");
	EXPECT("a NOOP\r\n", "a OK");
	assert_false(say_has("FETCH"));
}

/* An EXPUNGE that STORE may not tell: the next command does, though nothing moved since. */
static void
test_kept_back(void **state)
{
	unsigned before;
	uint64_t pulse;

	(void)state;
	fake_say(&other, "s SELECT INBOX\r\na STORE 1 +FLAGS.SILENT (\\Deleted)\r\na EXPUNGE\r\n");
	before = store.syncs;
	EXPECT("a STORE 2 +FLAGS.SILENT (\\Seen)\r\n", "a OK");
	assert_false(say_has("EXPUNGE"));
	assert_int_equal(store.syncs, before + 1);
	pulse = store.pulse;
	EXPECT("a NOOP\r\n", "* 1 EXPUNGE\r\n", "a OK");
	EXPECT("a NOOP\r\n", "a OK");
	assert_int_equal(store.syncs, before + 2);
	assert_int_equal(store.pulse, pulse);
}

/* A report that failed is made by the next command, though nothing has changed. */
static void
test_failed(void **state)
{
	(void)state;
	fake_deliver(&other, "INBOX", SLICE_LIT(MSG));
	store.no_sync = 1;
	EXPECT("a NOOP\r\n", "a OK");
	assert_false(say_has("EXISTS"));
	EXPECT("a NOOP\r\n", "* 3 EXISTS\r\n", "a OK");
}

/* IDLE asks always: between the report and its watch there is room for a change. */
static void
test_idle(void **state)
{
	unsigned before = store.syncs;

	(void)state;
	EXPECT("i IDLE\r\n", "+ idling");
	assert_int_equal(store.syncs, before + 1);
	EXPECT("DONE\r\n", "i OK");
}

/* Who may not change a mailbox leaves \Recent to the next. */
static void
test_claims(void **state)
{
	(void)state;
	EXPECT("s EXAMINE INBOX\r\n", "s OK");
	fake_deliver(&other, "INBOX", SLICE_LIT(MSG));
	EXPECT("a NOOP\r\n", "* 3 EXISTS\r\n* 0 RECENT\r\n", "a OK");
	fake_say(&other, "s SELECT INBOX\r\n");
	assert_true(slice_search(buf_slice(&other.out), SLICE_LIT("* 1 RECENT")) < other.out.n);
}

int
main(void)
{
#define T(name)	cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_known), T(test_changed), T(test_revoked), T(test_recent),
		T(test_store_gone), T(test_no_pulse), T(test_nothing_new), T(test_kept_back),
		T(test_failed), T(test_idle), T(test_claims),
	};
#undef T

	return cmocka_run_group_tests_name("imapd/imap_select", tests, NULL, NULL);
}
