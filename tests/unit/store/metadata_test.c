/* SPDX-License-Identifier: ISC */
/*
 * Metadata (RFC 5464): what is set is got, by depth and size, page by page;
 * limits at limit + 1; names that cannot be; and that it goes with its mailbox.
 * Also what sessions hear that watch all of an account.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/ipc/store_proto.h"
#include "store/store_metadata.h"
#include "store/store_news.h"
#include "tests/unit/store/store_world.h"
#include "tests/unit/test.h"

static struct bed_reply *
set(const char *mailbox, const char *name, struct slice value, bool present)
{
	struct ipc_entry e = { present, slice_str(name), value };
	struct ipc_store_set_metadata m = { .handle = h1, .mailbox = slice_str(mailbox) };
	struct bed_reply *r;
	struct buf b;

	buf_init(&b, 50000);
	ipc_entry_put(&b, &e);
	m.entries = buf_slice(&b);
	r = bed_call(&bed, imapd, IPC_MSG_store_set_metadata, &m);
	buf_fini(&b);
	return r;
}

/* "name=value " of the answer, values beyond ten bytes by their length. */
static char said[60000];

static const char *
get(const char *mailbox, struct slice names, uint8_t depth, uint32_t max_bytes)
{
	struct ipc_store_metadata m = { h1, depth, max_bytes, slice_str(mailbox), SLICE_NONE,
	    names };
	static char after[300];
	struct bed_reply *r;
	struct ipc_reader rd;
	struct ipc_entry e;
	size_t n = 0;

	said[0] = '\0';
	for (;;) {
		r = bed_call(&bed, imapd, IPC_MSG_store_metadata, &m);
		assert_reply(r, store_metadata_reply);
		rd = ipc_reader_of(r->m.store_metadata_reply.entries);
		while (ipc_reader_more(&rd)) {
			ipc_entry_get(&rd, &e);
			assert_true(e.present);
			n += (size_t)snprintf(said + n, sizeof(said) - n, "%.*s=", (int)e.name.n,
			    e.name.p);
			if (e.value.n > 10)
				n += (size_t)snprintf(said + n, sizeof(said) - n, "#%zu ", e.value.n);
			else
				n += (size_t)snprintf(said + n, sizeof(said) - n, "%.*s ",
				    (int)e.value.n, e.value.p);
			assert_true(slice_to_cstr(e.name, after, sizeof(after)));
		}
		assert_int_equal(ipc_reader_done(&rd), ERR_OK);
		if (!r->m.store_metadata_reply.more)
			break;
		m.after = slice_str(after);
	}
	return said;
}

#define NAMES(s)	slice_of(s, sizeof(s))

static void
test_depths(void **state)
{
	(void)state;
	assert_reply(set("INBOX", "/shared/comment", SLICE_LIT("hello"), true), store_ok);
	assert_reply(set("INBOX", "/private/comment", SLICE_LIT("mine"), true), store_ok);
	assert_reply(set("INBOX", "/shared/vendor/x/a", SLICE_LIT("1"), true), store_ok);
	assert_reply(set("INBOX", "/shared/vendor/x", SLICE_LIT("0"), true), store_ok);
	assert_reply(set("INBOX", "/shared/vendor/xy", SLICE_LIT("9"), true), store_ok);
	assert_reply(set("", "/shared/admin", SLICE_LIT("x@y"), true), store_ok);
	assert_string_equal(get("INBOX", NAMES("/shared/comment"), 0, 0), "/shared/comment=hello ");
	assert_string_equal(get("INBOX", NAMES("/shared/vendor"), 0, 0), "");
	assert_string_equal(get("INBOX", NAMES("/shared/vendor"), 1, 0),
	    "/shared/vendor/x=0 /shared/vendor/xy=9 ");
	assert_string_equal(get("INBOX", NAMES("/shared/vendor"), 2, 0),
	    "/shared/vendor/x=0 /shared/vendor/x/a=1 /shared/vendor/xy=9 ");
	assert_string_equal(get("INBOX", NAMES("/private/comment\0/shared/vendor/x"), 0, 0),
	    "/private/comment=mine /shared/vendor/x=0 ");
	assert_string_equal(get("", NAMES("/shared"), 2, 0), "/shared/admin=x@y ");
	assert_string_equal(get("Drafts", NAMES("/shared"), 2, 0), "");
	/* Changed, emptied, removed; gone already is no error (RFC 5464 s4.3). */
	assert_reply(set("INBOX", "/shared/comment", SLICE_LIT("bye"), true), store_ok);
	assert_reply(set("INBOX", "/shared/vendor/x", SLICE_NONE, true), store_ok);
	assert_reply(set("INBOX", "/shared/vendor/xy", SLICE_NONE, false), store_ok);
	assert_reply(set("INBOX", "/shared/vendor/xy", SLICE_NONE, false), store_ok);
	world_reopen(true);
	assert_string_equal(get("INBOX", NAMES("/shared"), 2, 0),
	    "/shared/comment=bye /shared/vendor/x= /shared/vendor/x/a=1 ");
	assert_fail(set("Nowhere", "/shared/comment", SLICE_LIT("x"), true), ERR_NOTFOUND);
}

static void
test_sizes(void **state)
{
	static char big[STORE_METADATA_VALUE_MAX];
	struct ipc_store_metadata m = { h1, 2, 1600, SLICE_LIT("INBOX"), SLICE_NONE,
	    NAMES("/shared") };
	static const unsigned sizes[] = { 1600, 1601, 3500, 3501, STORE_METADATA_VALUE_MAX };
	char name[40];
	struct bed_reply *r;

	(void)state;
	memset(big, 'v', sizeof(big));
	for (unsigned i = 0; i < lengthof(sizes); i++) {
		snprintf(name, sizeof(name), "/shared/v%u", i);
		assert_reply(set("INBOX", name, slice_of(big, sizes[i]), true), store_ok);
	}
	/* More than one answer holds. */
	for (unsigned i = 0; i < 5; i++) {
		snprintf(name, sizeof(name), "/private/w%u", i);
		assert_reply(set("INBOX", name, slice_of(big, sizeof(big)), true), store_ok);
	}
	world_reopen(true);
	assert_string_equal(get("INBOX", NAMES("/shared"), 2, 0),
	    "/shared/v0=#1600 /shared/v1=#1601 /shared/v2=#3500 /shared/v3=#3501 "
	    "/shared/v4=#16000 ");
	assert_string_equal(get("INBOX", NAMES("/private"), 1, 0),
	    "/private/w0=#16000 /private/w1=#16000 /private/w2=#16000 /private/w3=#16000 "
	    "/private/w4=#16000 ");
	/* RFC 5464 s4.2.1: MAXSIZE. */
	r = bed_call(&bed, imapd, IPC_MSG_store_metadata, &m);
	assert_reply(r, store_metadata_reply);
	assert_int_equal(r->m.store_metadata_reply.longest, STORE_METADATA_VALUE_MAX);
	/* A shorter value leaves nothing of the longer one. */
	assert_reply(set("INBOX", "/shared/v4", SLICE_LIT("s"), true), store_ok);
	assert_string_equal(get("INBOX", NAMES("/shared/v4"), 0, 0), "/shared/v4=s ");
}

static void
test_limits(void **state)
{
	static char big[STORE_METADATA_VALUE_MAX];
	char name[40];
	unsigned n = 0;

	(void)state;
	for (; n < STORE_METADATA_MAX; n++) {
		snprintf(name, sizeof(name), "/%s/n%u", n % 2 ? "shared" : "private", n);
		assert_reply(set("INBOX", name, SLICE_LIT("x"), true), store_ok);
	}
	assert_fail(set("INBOX", "/shared/onemore", SLICE_LIT("x"), true), ERR_LIMIT);
	assert_slice(bed.reply.m.store_fail.code, "METADATA TOOMANY");
	assert_reply(set("INBOX", "/shared/n1", SLICE_LIT("changed"), true), store_ok);
	assert_reply(set("INBOX", "/shared/n3", SLICE_NONE, false), store_ok);
	assert_reply(set("INBOX", "/shared/onemore", SLICE_LIT("x"), true), store_ok);
	/* All of an account, in bytes. */
	for (n = 0;; n++) {
		snprintf(name, sizeof(name), "/shared/big%u", n);
		if (set("Drafts", name, slice_of(big, sizeof(big)), true)->type != IPC_MSG_store_ok)
			break;
	}
	assert_fail(&bed.reply, ERR_QUOTA);
	assert_int_equal(n, METADATA_BYTES_MAX / STORE_METADATA_VALUE_MAX);
}

/* Entries that users have in one mailbox, one more than all may have together. */
static void
test_all(void **state)
{
	static unsigned char pub[32] = { 1 };
	struct ipc_store_set_acl acl = { h1, STORE_REPLACE, STORE_RIGHT_L | STORE_RIGHT_R,
	    SLICE_LIT("INBOX"), SLICE_LIT("anyone") };
	struct ipc_fact_account f = { 0, SLICE_NONE, slice_of(pub, 32), 1, 1, true, 0 };
	struct ipc_store_open open = { 0, SLICE_LIT("user1@example.test") };
	struct ipc_store_set_metadata m = { .mailbox = SLICE_LIT("INBOX") };
	struct bed_reply *r = NULL;
	char text[40];
	struct buf b;

	(void)state;
	assert_reply(bed_call(&bed, imapd, IPC_MSG_store_set_acl, &acl), store_ok);
	for (unsigned i = 0; i <= METADATA_ALL_MAX / STORE_METADATA_MAX; i++) {
		snprintf(text, sizeof(text), "guest%u@example.test", i);
		f.account = 100 + i;
		f.address = slice_str(text);
		bed_send(&bed, keyd, IPC_MSG_fact_account, &f);
		bed_settle(&bed);
		open.handle = bed_login(&bed, imapd, f.account);
		r = bed_call(&bed, imapd, IPC_MSG_store_open, &open);
		assert_reply(r, store_session);
		m.handle = r->m.store_session.handle;
		buf_init(&b, 50000);
		for (unsigned n = 0; n < STORE_METADATA_MAX; n++) {
			snprintf(text, sizeof(text), "/private/n%u", n);
			ipc_entry_put(&b, &(struct ipc_entry){ true, slice_str(text),
			    SLICE_LIT("x") });
			/* Of the one too many a single entry. */
			if (i * STORE_METADATA_MAX + n >= METADATA_ALL_MAX)
				break;
		}
		m.entries = buf_slice(&b);
		r = bed_call(&bed, imapd, IPC_MSG_store_set_metadata, &m);
		buf_fini(&b);
		if (i < METADATA_ALL_MAX / STORE_METADATA_MAX)
			assert_reply(r, store_ok);
	}
	assert_fail(r, ERR_LIMIT);
	assert_slice(r->m.store_fail.code, "METADATA TOOMANY");
}

static void
test_names(void **state)
{
	static const char *const bad[] = { "", "comment", "/shared", "/shared/", "/public/x",
	    "/shared/a*", "/shared/a%b", "/shared//a", "/shared/a/", "/shared/\1", "/shared/\303\251" };

	(void)state;
	for (unsigned i = 0; i < lengthof(bad); i++)
		assert_fail(set("INBOX", bad[i], SLICE_LIT("x"), true), ERR_SYNTAX);
}

/* It goes with its mailbox, and follows it over a rename. */
static void
test_mailbox_gone(void **state)
{
	static char big[5000];
	struct ipc_store_rename rn = { h1, SLICE_LIT("Junk"), SLICE_LIT("Spam") };
	struct ipc_store_delete d = { h1, SLICE_LIT("Spam") };
	struct ipc_store_create c = { h1, 0, SLICE_LIT("Spam") };

	(void)state;
	assert_reply(set("Junk", "/shared/a", slice_of(big, sizeof(big)), true), store_ok);
	assert_reply(bed_call(&bed, imapd, IPC_MSG_store_rename, &rn), store_ok);
	assert_string_equal(get("Spam", NAMES("/shared"), 2, 0), "/shared/a=#5000 ");
	assert_reply(bed_call(&bed, imapd, IPC_MSG_store_delete, &d), store_ok);
	assert_reply(bed_call(&bed, imapd, IPC_MSG_store_create, &c), store_ok);
	assert_string_equal(get("Spam", NAMES("/shared"), 2, 0), "");
}

/* ---- all of an account ---- */

static void
test_watch_all(void **state)
{
	struct ipc_store_watch w = { .handle = h1, .account = true };
	struct ipc_store_create c = { 0, 0, SLICE_LIT("New") };
	uint64_t junk = world_selected(imapd, h1, "Junk").mailbox;
	uint32_t second = bed_login(&bed, imapd, 1);
	struct ipc_store_copy copy = { .to = SLICE_LIT("Archive") };
	struct ipc_store_selected s;
	unsigned char set_[8];

	(void)state;
	bed_send(&bed, imapd, IPC_MSG_store_watch, &w);
	world_fill("Junk", 0, 1);
	bed_turn(&bed);
	assert_int_equal(bed.notified, 1);
	assert_true(bed.last_notify.mailbox == junk && bed.last_notify.modseq > 0);
	/* Names: told as mailbox 0; not to who did it. */
	c.handle = second;
	assert_reply(bed_call(&bed, imapd, IPC_MSG_store_create, &c), store_ok);
	bed_turn(&bed);
	assert_int_equal(bed.notified, 2);
	assert_true(bed.last_notify.mailbox == 0);
	c.handle = h1;
	c.name = SLICE_LIT("Newer");
	assert_reply(bed_call(&bed, imapd, IPC_MSG_store_create, &c), store_ok);
	bed_turn(&bed);
	assert_int_equal(bed.notified, 2);
	/* A move changes two. */
	s = world_selected(imapd, second, "Junk");
	copy.handle = second;
	copy.mailbox = s.mailbox;
	copy.v = s.modseq;
	copy.uidnext = s.uidnext;
	copy.move = true;
	copy.set = world_pair(set_, 1, 1);
	assert_reply(bed_call(&bed, imapd, IPC_MSG_store_copy, &copy), store_copied);
	bed_turn(&bed);
	assert_int_equal(bed.notified, 4);
	w.account = false;
	bed_send(&bed, imapd, IPC_MSG_store_watch, &w);
	world_fill("Junk", 0, 1);
	bed_turn(&bed);
	assert_int_equal(bed.notified, 4);
}

/* Entries by name, at once; not to who set them, nor to who watches one mailbox. */
static void
test_watch_entries(void **state)
{
	uint32_t second = bed_login(&bed, imapd, 1), third = bed_login(&bed, imapd, 1);
	struct ipc_store_watch w = { .handle = second, .account = true };
	struct ipc_store_watch one = { .handle = third };
	char want[100];

	(void)state;
	one.mailbox = world_selected(imapd, third, "Junk").mailbox;
	bed_send(&bed, imapd, IPC_MSG_store_watch, &one);
	bed_send(&bed, imapd, IPC_MSG_store_watch, &w);
	assert_reply(set("Junk", "/shared/a", SLICE_LIT("x"), true), store_ok);
	assert_reply(set("Junk", "/private/b", SLICE_LIT("x"), true), store_ok);
	assert_reply(set("Junk", "/shared/a", SLICE_NONE, false), store_ok);
	assert_reply(set("", "/private/c", SLICE_LIT("x"), true), store_ok);
	bed_turn(&bed);
	(void)snprintf(want, sizeof(want), "%llu /shared/a;%llu /private/b;%llu /shared/a;0 /private/c;",
	    (unsigned long long)one.mailbox, (unsigned long long)one.mailbox,
	    (unsigned long long)one.mailbox);
	assert_string_equal(bed.entries, want);
	assert_int_equal(bed.notified, 0);
}

/* More mailboxes at once than are kept: look at all. */
static void
test_watch_many(void **state)
{
	struct ipc_store_watch w = { .handle = h1, .account = true };
	struct store_reply r = { .store = &bed.store, .account = 1, .modseq = 5 };

	(void)state;
	bed_send(&bed, imapd, IPC_MSG_store_watch, &w);
	for (uint32_t i = 1; i <= NEWS_BOXES_MAX + 1; i++) {
		r.boxes[0] = 100 + i;
		news_mark(&r);
	}
	store_tell(&bed.store);
	bed_turn(&bed);
	assert_int_equal(bed.notified, NEWS_BOXES_MAX + 1);
	assert_true(bed.last_notify.mailbox == STORE_NOTIFY_ALL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_depths), WORLD_TEST(test_sizes), WORLD_TEST(test_limits),
		WORLD_TEST(test_all), WORLD_TEST(test_names), WORLD_TEST(test_mailbox_gone), WORLD_TEST(test_watch_all),
		WORLD_TEST(test_watch_entries),
		WORLD_TEST(test_watch_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
