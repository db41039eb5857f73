/* SPDX-License-Identifier: ISC */
/*
 * Rights (RFC 4314) and mailboxes of others: the commands that tell and change
 * them, names in the other users' namespace, what a guest may not do, grants,
 * and a store that restarts meanwhile.
 */
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

#include "imapd/imap_acl.h"
#include "imapd/imap_guest.h"
#include "imapd/imap_mailbox.h"
#include "lib/ipc/store_proto.h"
#include "tests/unit/imapd/imap_say.h"

static struct fake_store	anns;

static int
setup(void **state)
{
	fake_store_init(&anns);
	anns.account = 100;
	return say_setup(state);
}

static int
teardown(void **state)
{
	int result = say_teardown(state);

	fake_store_fini(&anns);
	return result;
}

/* Logged in, and ann shares hers with these rights. */
static void
start(uint32_t rights)
{
	say_login();
	store.shared = &anns;
	anns.rights = rights;
}

#define ANNS	"user/ann@b.example/INBOX"
#define LR	(STORE_RIGHT_L | STORE_RIGHT_R)

/* ---- names ---- */

static void
test_names(void **state)
{
	static const struct { const char *pattern, *level; bool reaches; } rows[] = {
		{ "*", "user", true }, { "%", "user", true }, { "us*", "user", true },
		{ "u%", "user", true }, { "u%x", "user", false }, { "u*x", "user", true },
		{ "user", "user", true }, { "user/%", "user", true }, { "users", "user", false },
		{ "use", "user", false }, { "", "user", false }, { "INBOX", "user", false },
		{ "%/x", "user", true }, { "user/a@b/%", "user/a@b", true },
		{ "user/a@b", "user/a@bc", false }, { "user/%/x", "user/a@b", true },
		{ "user/%", "user/a@b", true }, { "*@b", "user/a@b", true },
		{ "user%/x", "user", true },
	};
	struct slice address, rest, name;
	char longest[IMAP_NAME_MAX + 2];
	struct arena a;

	(void)state;
	for (size_t i = 0; i < lengthof(rows); i++)
		assert_int_equal(imap_mailbox_reaches(slice_str(rows[i].pattern),
		    slice_str(rows[i].level)), rows[i].reaches);
	assert_true(imap_mailbox_owner(slice_str(ANNS), &address, &rest));
	assert_true(slice_eq_str(address, "ann@b.example") && slice_eq_str(rest, "INBOX"));
	assert_true(imap_mailbox_owner(SLICE_LIT("user/a@b"), &address, &rest));
	assert_int_equal(rest.n, 0);
	assert_false(imap_mailbox_owner(SLICE_LIT("user"), &address, &rest));
	assert_false(imap_mailbox_owner(SLICE_LIT("user/notes"), &address, &rest));
	assert_false(imap_mailbox_owner(SLICE_LIT("users/a@b"), &address, &rest));
	arena_init(&a, 1 << 16);
	assert_int_equal(imap_mailbox_name(SLICE_LIT("user/Ann@B.example/inbox/X"), true, &a,
	    &name), ERR_OK);
	assert_true(slice_eq_str(name, "user/ann@b.example/INBOX/X"));
	/* An owner's name may be as long as one's own, behind the longest address. */
	memset(longest, 'x', sizeof(longest));
	memcpy(longest, "user/a@", 7);
	longest[5 + IMAP_OWNER_MAX] = '/';
	assert_int_equal(imap_mailbox_name(slice_of(longest, IMAP_NAME_MAX), true, &a, &name),
	    ERR_OK);
	assert_true(imap_mailbox_match(SLICE_LIT("*"), name));
	assert_int_equal(imap_mailbox_name(slice_of(longest, IMAP_NAME_MAX + 1), true, &a, &name),
	    ERR_LIMIT);
	longest[5 + IMAP_OWNER_MAX] = 'x';
	longest[6 + IMAP_OWNER_MAX] = '/';
	assert_int_equal(imap_mailbox_name(slice_of(longest, IMAP_NAME_MAX), true, &a, &name),
	    ERR_LIMIT);
	arena_fini(&a);
}

/* ---- the commands of RFC 4314 ---- */

#define A16	"aaaaaaaaaaaaaaaa"
#define A64	A16 A16 A16 A16

static void
test_own(void **state)
{
	(void)state;
	say_login();
	EXPECT("a MYRIGHTS inbox\r\n", "* MYRIGHTS \"INBOX\" lrswipkxteacd\r\n", "a OK");
	EXPECT("a SETACL INBOX Bob lrs\r\nb GETACL INBOX\r\n", "a OK",
	    "* ACL \"INBOX\" \"alice@a.example\" lrswipkxteacd \"bob@a.example\" lrs\r\n", "b OK");
	EXPECT("a SETACL INBOX bob@A.example +cd\r\nb GETACL INBOX\r\n",
	    "\"bob@a.example\" lrskxtecd\r\n");
	EXPECT("a SETACL INBOX bob -ktl\r\nb GETACL INBOX\r\n", "\"bob@a.example\" rsxecd\r\n");
	EXPECT("a SETACL INBOX -anyone p\r\nb GETACL INBOX\r\n", "\"-anyone\" p\r\n");
	EXPECT("a SETACL INBOX Anyone \"\"\r\n", "a OK");
	EXPECT("a DELETEACL INBOX bob\r\nb DELETEACL INBOX -anyone\r\nc GETACL INBOX\r\n",
	    "a OK", "b OK", "* ACL \"INBOX\" \"alice@a.example\" lrswipkxteacd\r\n", "c OK");
	EXPECT("a LISTRIGHTS INBOX Bob\r\n",
	    "* LISTRIGHTS \"INBOX\" \"Bob\" \"\" l r s w i p k x t e a c d\r\n", "a OK");
	EXPECT("a LISTRIGHTS INBOX alice\r\n",
	    "* LISTRIGHTS \"INBOX\" \"alice\" lrswipkxteacd\r\n", "a OK");
	/* Rights and identifiers that cannot be; mailboxes that are not there. */
	EXPECT("a SETACL INBOX bob lQ\r\n", "a BAD No such right");
	EXPECT("a SETACL INBOX bob lq\r\n", "a BAD No such right");
	EXPECT("a SETACL INBOX bob 0\r\n", "a BAD No such right");
	EXPECT("a SETACL INBOX \"\" l\r\n", "a BAD Not an identifier");
	EXPECT("a SETACL INBOX - l\r\n", "a BAD Not an identifier");
	EXPECT("a SETACL INBOX \"a b\" l\r\n", "a BAD Not an identifier");
	EXPECT("a SETACL INBOX {64+}\r\n" A64 " l\r\n", "a OK");
	EXPECT("a SETACL INBOX {65+}\r\n" A64 "a l\r\n", "a NO [LIMIT]");
	EXPECT("a DELETEACL INBOX {64+}\r\n" A64 "\r\n", "a OK");
	EXPECT("a SETACL INBOX \"\xff\" l\r\n", "a BAD");
	EXPECT("a SETACL INBOX bob\r\n", "a BAD");
	EXPECT("a SETACL nowhere bob l\r\n", "a NO [NONEXISTENT]");
	EXPECT("a GETACL nowhere\r\n", "a NO [NONEXISTENT]");
	EXPECT("a MYRIGHTS nowhere\r\n", "a NO [NONEXISTENT]");
	EXPECT("a LIST \"\" * RETURN (MYRIGHTS)\r\n", "* LIST (\\HasNoChildren) \"/\" \"INBOX\"\r\n"
	    "* MYRIGHTS \"INBOX\" lrswipkxteacd\r\n", "a OK");
}

static void
test_rights_of_guests(void **state)
{
	(void)state;
	start(STORE_RIGHT_L | STORE_RIGHT_K);
	EXPECT("a MYRIGHTS " ANNS "\r\n", "* MYRIGHTS \"" ANNS "\" lkc\r\n", "a OK");
	EXPECT("a GETACL " ANNS "\r\n", "a NO [NOPERM]");
	EXPECT("a LISTRIGHTS " ANNS " bob\r\n", "a NO [NOPERM]");
	EXPECT("a SETACL " ANNS " bob l\r\n", "a NO [NOPERM]");
	EXPECT("a GETQUOTAROOT " ANNS "\r\n", "a NO [NOPERM]");
	anns.rights = STORE_RIGHT_R;
	EXPECT("a GETACL " ANNS "\r\n", "a NO [NONEXISTENT]");
	EXPECT("a GETQUOTAROOT " ANNS "\r\n", "* QUOTAROOT \"" ANNS "\"", "a OK");
	anns.rights = STORE_RIGHT_S;
	EXPECT("a MYRIGHTS " ANNS "\r\n", "a NO [NONEXISTENT]");
	anns.rights = STORE_RIGHT_L | STORE_RIGHT_A;
	EXPECT("a SETACL user/Ann@b.example/inbox carl@c.example lr\r\nb GETACL " ANNS "\r\n",
	    "a OK", "* ACL \"" ANNS "\" \"ann@b.example\" lrswipkxteacd \"carl@c.example\" lr\r\n");
	EXPECT("a MYRIGHTS user/eve@b.example/INBOX\r\n", "a NO [NONEXISTENT]");
	EXPECT("a MYRIGHTS user/ann@b.example\r\n", "a NO [NONEXISTENT]");
}

/* ---- mailboxes of others ---- */

static void
test_list(void **state)
{
	(void)state;
	start(LR);
	fake_say(&f, "a CREATE notes\r\n");
	EXPECT("a LIST \"\" %\r\n", "\"INBOX\"\r\n", "\"notes\"\r\n",
	    "* LIST (\\Noselect \\HasChildren) \"/\" \"user\"\r\n", "a OK");
	EXPECT("a LIST \"\" *\r\n", "\"/\" \"user\"\r\n",
	    "* LIST (\\Noselect \\HasChildren) \"/\" \"user/ann@b.example\"\r\n",
	    "* LIST (\\HasNoChildren) \"/\" \"" ANNS "\"\r\n", "a OK");
	EXPECT("a LIST user/ %/INBOX RETURN (MYRIGHTS STATUS (MESSAGES))\r\n",
	    "* LIST (\\HasNoChildren) \"/\" \"" ANNS "\"\r\n"
	    "* MYRIGHTS \"" ANNS "\" lr\r\n* STATUS \"" ANNS "\" (MESSAGES 0)\r\na OK");
	buf_reset(&f.out);
	fake_say(&f, "a LIST \"\" notes\r\n");
	assert_false(say_has("user"));
	buf_reset(&f.out);
	fake_say(&f, "a LIST \"\" i%\r\n");
	assert_false(say_has("user"));
	/* Who subscribes has it on his own list. */
	EXPECT("a LIST (SUBSCRIBED) \"\" *\r\n", "a OK");
	assert_false(say_has(ANNS));
	EXPECT("a SUBSCRIBE " ANNS "\r\nb LIST (SUBSCRIBED) \"\" *\r\n", "a OK",
	    "* LIST (\\HasNoChildren \\Subscribed) \"/\" \"" ANNS "\"\r\n", "b OK");
	EXPECT("a LSUB \"\" *\r\n", "* LSUB () \"/\" \"" ANNS "\"\r\n", "a OK");
	EXPECT("a LIST \"\" * RETURN (SUBSCRIBED)\r\n",
	    "* LIST (\\HasNoChildren \\Subscribed) \"/\" \"" ANNS "\"\r\n");
	store.shared = NULL;
	fake_say(&f, "u UNAUTHENTICATE\r\n");
	say_login();
	EXPECT("a LSUB \"\" *\r\n", "* LSUB (\\Noselect) \"/\" \"" ANNS "\"\r\n", "a OK");
	EXPECT("a LIST (SUBSCRIBED) \"\" *\r\n",
	    "* LIST (\\NonExistent \\HasNoChildren \\Subscribed) \"/\" \"" ANNS "\"\r\n");
	buf_reset(&f.out);
	fake_say(&f, "a LIST \"\" *\r\n");
	assert_false(say_has("user"));
}

static void
test_mail(void **state)
{
	(void)state;
	start(STORE_RIGHTS_ALL);
	/* It is sealed to ann, and opens with the grant alone. */
	say_append(ANNS, "", "Subject: hers\r\n\r\nanns body\r\n");
	assert_int_equal(anns.boxes[0].count, 1);
	assert_int_equal(store.boxes[0].count, 0);
	say_append("INBOX", "", "Subject: mine\r\n\r\nmy body\r\n");
	EXPECT("a SELECT " ANNS "\r\n",
	    "* OK [PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft \\*)]",
	    "* 1 EXISTS", "a OK [READ-WRITE]");
	assert_int_equal(f.guest_handle, FAKE_GUEST);
	EXPECT("a FETCH 1 (FLAGS BODY[] ENVELOPE)\r\n", "\\Seen", "anns body", "\"hers\"", "a OK");
	EXPECT("a SEARCH SUBJECT hers\r\nb SEARCH TEXT anns\r\nc SEARCH BODY mine\r\n",
	    "* SEARCH 1\r\na OK", "* SEARCH 1\r\nb OK", "* SEARCH\r\nc OK");
	EXPECT("a SORT (SUBJECT) UTF-8 ALL\r\n", "* SORT 1\r\n", "a OK");
	assert_int_equal(anns.column_count, 0);
	EXPECT("a STORE 1 +FLAGS (\\Flagged)\r\n", "\\Flagged", "a OK");
	EXPECT("a COPY 1 " ANNS "\r\n", "a OK [COPYUID");
	EXPECT("a STATUS " ANNS " (MESSAGES)\r\n", "* STATUS \"" ANNS "\" (MESSAGES 2)", "a OK");
	EXPECT("a STORE 1 +FLAGS.SILENT (\\Deleted)\r\nb EXPUNGE\r\n", "* 1 EXPUNGE", "b OK");
	EXPECT("a CREATE user/ann@b.example/new\r\nb RENAME user/ann@b.example/new "
	    "user/ann@b.example/newer\r\nc DELETE user/ann@b.example/newer\r\n", "a OK", "b OK",
	    "c OK");
	EXPECT("a CREATE x\r\nb RENAME x user/ann@b.example/x\r\n", "b NO [CANNOT]");
	EXPECT("a RENAME INBOX user/ann@b.example/INBOX\r\n", "a NO [CANNOT]");
	EXPECT("a DELETE " ANNS "\r\n", "a NO [CANNOT]");
	EXPECT("a CREATE user/ann@b.example/s (USE (\\Sent))\r\n", "a NO [USEATTR]");
	EXPECT("a CLOSE\r\n", "a OK");
	assert_int_equal(f.guest_handle, 0);
	EXPECT("a SELECT INBOX\r\nb FETCH 1 BODY[]\r\n", "my body", "b OK");
}

/* ---- from one account to another ---- */

static void
test_copy(void **state)
{
	static char big[400000];

	(void)state;
	start(STORE_RIGHTS_ALL);
	memset(big, 'x', sizeof(big) - 1);
	memcpy(big, "Subject: big\r\n\r\n", 16);
	say_append("INBOX", "(\\Flagged word) \"01-Feb-2024 03:04:05 +0000\" ",
	    "Subject: one\r\n\r\nfirst body\r\n");
	say_append("INBOX", "", big);
	say_append("INBOX", "(\\Seen) ", "Subject: three\r\n\r\nthird body\r\n");
	EXPECT("a SELECT INBOX\r\nb COPY 1:2 " ANNS "\r\n", "b OK [COPYUID 1000 1:2 1:2]");
	EXPECT("a MOVE 3 " ANNS "\r\n", "* OK [COPYUID 1000 3 3] Moved\r\n* 3 EXPUNGE\r\n", "a OK");
	EXPECT("a UID COPY 9:10 " ANNS "\r\n", "a OK No messages");
	assert_int_equal(anns.boxes[0].count, 3);
	assert_int_equal(store.boxes[0].count, 2);
	/* They are ann's now: sealed to her, with all that they were told by. */
	EXPECT("a SELECT " ANNS "\r\nb FETCH 1 (FLAGS INTERNALDATE BODY.PEEK[])\r\n",
	    "FLAGS (\\Flagged word \\Recent) INTERNALDATE \" 1-Feb-2024 03:04:05 +0000\"",
	    "first body", "b OK");
	EXPECT("a FETCH 2 BODY.PEEK[]<399990.9>\r\nb FETCH 3 (FLAGS BODY.PEEK[TEXT])\r\n",
	    "{9}\r\nxxxxxxxxx", "a OK", "FLAGS (\\Seen \\Recent)", "third body");
	/* And back. */
	EXPECT("a MOVE 1:* INBOX\r\n", "* OK [COPYUID 1000 1:3 4:6] Moved\r\n", "* 1 EXPUNGE\r\n",
	    "a OK");
	assert_int_equal(anns.boxes[0].count, 0);
	EXPECT("a SELECT INBOX\r\nb UID FETCH 4:6 (FLAGS BODY.PEEK[TEXT]<0.11>)\r\n",
	    "FLAGS (\\Flagged word \\Recent)", "first body", "{11}", "third body", "b OK");
}

static void
test_copy_refused(void **state)
{
	(void)state;
	start(STORE_RIGHTS_ALL);
	for (unsigned i = 0; i < 3; i++)
		say_append("INBOX", "", "Subject: one\r\n\r\nfirst body\r\n");
	say_append(ANNS, "", "Subject: hers\r\n\r\nanns body\r\n");
	EXPECT("a SELECT INBOX\r\nb COPY 1 user/ann@b.example/nowhere\r\n", "b NO [TRYCREATE]");
	EXPECT("a COPY 1 user/eve@b.example/INBOX\r\n", "a NO [NONEXISTENT]");
	anns.rights = LR;
	EXPECT("a COPY 1 " ANNS "\r\n", "a NO [NOPERM]");
	EXPECT("a SELECT " ANNS "\r\nb MOVE 1 INBOX\r\n", "b NO");
	EXPECT("a COPY 1 nowhere\r\n", "a NO [TRYCREATE]");
	EXPECT("a COPY 1 INBOX\r\n", "a OK [COPYUID");
	anns.rights = LR | STORE_RIGHT_I | STORE_RIGHT_T;
	EXPECT("a SELECT " ANNS "\r\nb MOVE 1 INBOX\r\n", "b NO [NOPERM]");
	assert_int_equal(anns.boxes[0].count, 1);
	/* What only the owner opens is not carried away. */
	anns.no_grant = true;
	f.s->view.guest->renew_s = 0;
	EXPECT("a COPY 1 INBOX\r\n", "a NO [NOPERM] Only its owner");
	anns.no_grant = false;
	/* All or none: the second does not open. */
	EXPECT("a SELECT INBOX\r\n", "a OK");
	fake_unheard(&f);
	store.contents[1].wrapped[0] ^= 1;
	EXPECT("a COPY 1:3 " ANNS "\r\n", "a NO [CORRUPTION]");
	assert_int_equal(anns.boxes[0].count, 1);
	assert_int_equal(anns.staged_count, 0);
	/* The store forgot the epoch; nothing is there, and the next try is good. */
	anns.no_epoch = 1;
	EXPECT("a COPY 1 " ANNS "\r\nb COPY 1 " ANNS "\r\n", "a NO [UNAVAILABLE]", "b OK");
}

/* Without a right, or with a few. */
static void
test_refused(void **state)
{
	(void)state;
	start(STORE_RIGHTS_ALL);
	say_append(ANNS, "(\\Deleted) ", "Subject: hers\r\n\r\nanns body\r\n");
	anns.rights = STORE_RIGHT_L;
	EXPECT("a SELECT " ANNS "\r\n", "a NO [NOPERM]");
	EXPECT("a STATUS " ANNS " (MESSAGES)\r\n", "a NO [NOPERM]");
	EXPECT("a APPEND " ANNS " {1}\r\n", "a NO [NOPERM]");
	EXPECT("a APPEND user/eve@b.example/INBOX {1}\r\n", "a NO");
	EXPECT("a SELECT user/eve@b.example/INBOX\r\n", "a NO [NONEXISTENT]");
	/* To insert is enough for APPEND. */
	anns.rights = STORE_RIGHT_L | STORE_RIGHT_I;
	EXPECT("a APPEND " ANNS " {2+}\r\nx\n\r\n", "a OK [APPENDUID");
	/* RFC 4314 s5.2: READ-ONLY, whatever was asked for. */
	anns.rights = LR;
	EXPECT("a SELECT " ANNS "\r\n", "* OK [PERMANENTFLAGS ()]", "a OK [READ-ONLY]");
	EXPECT("a FETCH 1 BODY[]\r\n", "anns body", "a OK");
	assert_int_equal(anns.boxes[0].m[0].flags & STORE_SEEN, 0);
	EXPECT("a STORE 1 +FLAGS (\\Seen)\r\n", "a NO [READ-ONLY]");
	/* Seen alone: FETCH sets it; CLOSE expunges nothing. */
	anns.rights = LR | STORE_RIGHT_S;
	EXPECT("a SELECT " ANNS "\r\n", "* OK [PERMANENTFLAGS (\\Seen)]", "a OK [READ-WRITE]");
	EXPECT("a FETCH 1 BODY[]\r\nb EXPUNGE\r\nc CLOSE\r\n", "\\Seen", "b NO [NOPERM]", "c OK");
	assert_int_equal(anns.boxes[0].count, 2);
	anns.rights = LR | STORE_RIGHT_W;
	EXPECT("a SELECT " ANNS "\r\n", "(\\Answered \\Flagged \\Draft \\*)]");
	EXPECT("a FETCH 1 BODY[]\r\n", "a OK");
	/* One transaction replaces: in one account. */
	anns.rights = STORE_RIGHTS_ALL;
	EXPECT("a REPLACE 1 INBOX {1}\r\n", "a NO [CANNOT]");
}

/* ---- grants ---- */

static void
test_grants(void **state)
{
	(void)state;
	start(STORE_RIGHTS_ALL);
	say_append(ANNS, "", "Subject: hers\r\n\r\nanns body\r\n");
	anns.no_grant = true;
	fake_say(&f, "u UNAUTHENTICATE\r\n");
	say_login();
	store.shared = &anns;
	/* Flags are told; what is sealed is the owner's alone. */
	EXPECT("a SELECT " ANNS "\r\nb FETCH 1 FLAGS\r\n", "a OK", "* 1 FETCH (FLAGS", "b OK");
	EXPECT("a FETCH 1 BODY.PEEK[]\r\n", "a NO [NOPERM] Only its owner");
	EXPECT("a SEARCH TEXT anns\r\n", "a NO [NOPERM] Only its owner");
	EXPECT("a SEARCH UNSEEN\r\n", "* SEARCH 1\r\n", "a OK");
	/* It is asked for again. */
	anns.no_grant = false;
	EXPECT("a FETCH 1 BODY.PEEK[]\r\n", "anns body", "a OK");
	assert_true(anns.grants > 1);
	anns.grants = 0;
	EXPECT("a FETCH 1 BODY.PEEK[]\r\n", "anns body", "a OK");
	assert_int_equal(anns.grants, 0);
	f.s->view.guest->renew_s = f.s->host->real_s(&f);
	EXPECT("a FETCH 1 BODY.PEEK[]\r\n", "anns body", "a OK");
	assert_int_equal(anns.grants, 1);
}

/* ---- notices, and the store's restart ---- */

static void
test_idle(void **state)
{
	struct fake other;

	(void)state;
	start(STORE_RIGHTS_ALL);
	EXPECT("a SELECT " ANNS "\r\ni IDLE\r\n", "+ idling");
	assert_int_equal(f.watched_handle, FAKE_GUEST);
	fake_init(&other, &shared, &store, true);
	fake_say(&other, "l LOGIN alice secret\r\na APPEND " ANNS " {2+}\r\nx\n\r\n");
	fake_fini(&other);
	/* The same number is another mailbox in one's own account. */
	buf_reset(&f.out);
	imap_session_on_notify(f.s, f.s->handle, 1);
	fake_run(&f);
	assert_int_equal(f.out.n, 0);
	imap_session_on_notify(f.s, FAKE_GUEST, 1);
	fake_run(&f);
	assert_true(say_has("* 1 EXISTS\r\n"));
	/* The store comes back: the guest's handle is had again, and watches. */
	f.watched_handle = 0;
	imap_session_on_store_left(f.s);
	assert_int_equal(f.guest_handle, 0);
	imap_session_on_store_joined(f.s);
	fake_run(&f);
	assert_int_equal(f.guest_handle, FAKE_GUEST);
	assert_int_equal(f.watched_handle, FAKE_GUEST);
	EXPECT("DONE\r\nb NOOP\r\n", "i OK", "b OK");
	EXPECT("b FETCH 1 BODY[]\r\n", "b OK");
	/* It is not shared any more when the store is back. */
	imap_session_on_store_left(f.s);
	store.shared = NULL;
	imap_session_on_store_joined(f.s);
	fake_run(&f);
	assert_true(f.closed && say_has("* BYE [UNAVAILABLE]"));
}

/* Handles end with the login: nothing of a guest stays. */
static void
test_log_out(void **state)
{
	(void)state;
	start(STORE_RIGHTS_ALL);
	EXPECT("a SELECT " ANNS "\r\nu UNAUTHENTICATE\r\n", "a OK", "u OK");
	assert_int_equal(f.guest_handle, 0);
	assert_int_equal(f.s->guest_count, 0);
	assert_true(list_is_empty(&f.s->guests));
	assert_null(f.s->view.guest);
}

static void
add_guest(const char *address, unsigned number)
{
	static const unsigned char key[32], salt[16];
	struct ipc_store_session m = { .handle = 1000 + number, .account = number,
		.address = slice_str(address), .public_key = slice_of(key, 32),
		.thread_salt = slice_of(salt, 16) };
	struct imap_reply r = { ERR_OK, IPC_MSG_store_session, &m, NULL };
	struct imap_guest *g;

	(void)imap_guest_request(f.s, m.address);
	assert_int_equal(imap_guest_take(f.s, &r, &g), ERR_OK);
	assert_int_equal(g->handle, m.handle);
}

static void
test_room(void **state)
{
	char address[32];

	(void)state;
	start(STORE_RIGHTS_ALL);
	EXPECT("a SELECT " ANNS "\r\n", "a OK");
	for (unsigned i = 0; i < IMAP_GUESTS_MAX + 1; i++) {
		snprintf(address, sizeof(address), "u%u@b.example", i);
		add_guest(address, i);
		assert_true(f.s->guest_count <= IMAP_GUESTS_MAX);
	}
	/* Not the one that is selected, but those longest unused. */
	assert_non_null(imap_guest_find(f.s, SLICE_LIT("ann@b.example")));
	assert_null(imap_guest_find(f.s, SLICE_LIT("u0@b.example")));
	assert_null(imap_guest_find(f.s, SLICE_LIT("u1@b.example")));
	assert_non_null(imap_guest_find(f.s, SLICE_LIT("u2@b.example")));
	EXPECT("a NOOP\r\n", "a OK");
}

/* RFC 4469: URLs reach the mailboxes of an owner whose account is open. */
static void
test_catenate(void **state)
{
	(void)state;
	start(STORE_RIGHTS_ALL);
	say_append("INBOX", "", "A: mine\r\n\r\nalices\r\n");
	say_append(ANNS, "", "A: hers\r\n\r\nanns\r\n");
	EXPECT("a SELECT " ANNS "\r\n", "a OK");
	EXPECT("a APPEND INBOX CATENATE (URL ;UID=1 URL INBOX/;UID=1/;SECTION=TEXT URL /INBOX/;UID=1/;SECTION=TEXT "
	    "URL /" ANNS "/;UID=1/;SECTION=TEXT)\r\n", "a OK");
	EXPECT("a EXAMINE INBOX\r\nb FETCH 2 BODY.PEEK[]\r\n",
	    "\r\nA: hers\r\n\r\nanns\r\nanns\r\nalices\r\nanns\r\n)", "b OK");
	/* without the right to read, and of somebody else */
	anns.rights = STORE_RIGHT_L | STORE_RIGHT_I;
	EXPECT("a APPEND INBOX CATENATE (URL /" ANNS "/;UID=1)\r\n", "a NO [");
	EXPECT("a APPEND INBOX CATENATE (URL /user/eve@b.example/INBOX/;UID=1)\r\n", "a NO [BADURL");
	assert_int_equal(fake_box(&store, "INBOX")->count, 2);
}

int
main(void)
{
#define SAY(t)	cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names), SAY(test_own), SAY(test_rights_of_guests),
		SAY(test_list), SAY(test_mail), SAY(test_copy),
		SAY(test_copy_refused), SAY(test_refused), SAY(test_grants),
		SAY(test_catenate), SAY(test_idle), SAY(test_log_out), SAY(test_room),
	};
#undef SAY

	return cmocka_run_group_tests(tests, NULL, NULL);
}
