/* SPDX-License-Identifier: ISC */
/* Mailbox names, modified UTF-7, patterns, sequence sets. */
#include "tests/unit/test.h"

#include <string.h>

#include "imapd/imap_mailbox.h"
#include "imapd/imap_recent.h"
#include "imapd/imap_seqset.h"
#include "lib/mail/imap_utf7.h"
#include "lib/base/cc.h"
#include "lib/base/enc.h"
#include "lib/ipc/store_proto.h"

static void
test_utf7(void **state)
{
	static const struct { const char *wire, *utf8; } good[] = {
		{ "INBOX", "INBOX" }, { "a&-b", "a&b" }, { "&-", "&" },
		/* the example of RFC 3501 s5.1.3 */
		{ "~peter/mail/&U,BTFw-/&ZeVnLIqe-",
		  "~peter/mail/\xe5\x8f\xb0\xe5\x8c\x97/\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e" },
		{ "Entw&APw-rfe", "Entw\xc3\xbcrfe" }, { "&2D3eAA-", "\xf0\x9f\x98\x80" },
	};
	static const char *const bad[] = {
		"&", "&AP", "&U,BTFw", "\xc3\xbc", "a\tb", "&AGE-", "&AP-", "&APx-", "&2D0-",
		"&3gA-", "&APw-&APw-", "&A!w-", "&AAA-",
	};
	struct buf b;

	(void)state;
	buf_init(&b, 1000);
	for (size_t i = 0; i < lengthof(good); i++) {
		buf_reset(&b);
		assert_int_equal(imap_utf7_decode(slice_str(good[i].wire), &b), ERR_OK);
		assert_slice(buf_slice(&b), good[i].utf8);
		buf_reset(&b);
		imap_utf7_encode(slice_str(good[i].utf8), &b);
		assert_slice(buf_slice(&b), good[i].wire);
	}
	for (size_t i = 0; i < lengthof(bad); i++) {
		buf_reset(&b);
		assert_int_equal(imap_utf7_decode(slice_str(bad[i]), &b), ERR_SYNTAX);
	}
	buf_fini(&b);
}

static void
test_names(void **state)
{
	static const struct { const char *wire, *name; } good[] = {
		{ "inbox", "INBOX" }, { "iNbOx/a", "INBOX/a" }, { "inboxes", "inboxes" },
		{ "a/b c", "a/b c" }, { "a&AMQ-", "a\xc3\x84" },
		/* A + combining diaeresis is the same name */
		{ "aA&Awg-", "a\xc3\x84" },
	};
	static const char *const bad[] = { "", "/a", "a/", "a//b", "a*", "a%b", "a&AAE-",
		"a&AJU-", "&" };
	struct arena a;
	struct slice name;
	char longest[IMAP_MAILBOX_MAX + 2];

	(void)state;
	arena_init(&a, 100000);
	for (size_t i = 0; i < lengthof(good); i++) {
		assert_int_equal(imap_mailbox_name(slice_str(good[i].wire), false, &a, &name), ERR_OK);
		assert_slice(name, good[i].name);
	}
	for (size_t i = 0; i < lengthof(bad); i++)
		assert_int_equal(imap_mailbox_name(slice_str(bad[i]), false, &a, &name), ERR_SYNTAX);
	memset(longest, 'x', sizeof(longest));
	assert_int_equal(imap_mailbox_name(slice_of(longest, IMAP_MAILBOX_MAX), false, &a, &name),
	    ERR_OK);
	assert_int_equal(imap_mailbox_name(slice_of(longest, IMAP_MAILBOX_MAX + 1), false, &a, &name),
	    ERR_LIMIT);
	arena_fini(&a);
}

static void
test_match(void **state)
{
	static const struct { const char *pattern, *name; bool want; } rows[] = {
		{ "*", "INBOX", true }, { "*", "a/b/c", true }, { "%", "a", true },
		{ "%", "a/b", false }, { "%/%", "a/b", true }, { "a/%", "a/b", true },
		{ "a/%", "a/b/c", false }, { "a/*", "a/b/c", true }, { "a*c", "a/b/c", true },
		{ "a%c", "abc", true }, { "a%c", "a/c", false }, { "inbox", "INBOX", true },
		{ "InB%", "INBOX", true }, { "inbox/x", "INBOX/x", true },
		{ "inbox/X", "INBOX/x", false }, { "inboxes", "INBOXES", false },
		{ "", "a", false }, { "**", "a", true }, { "a", "ab", false },
		{ "*%*%*%*%*%*%*%*%*%*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false },
	};

	(void)state;
	for (size_t i = 0; i < lengthof(rows); i++)
		assert_int_equal(imap_mailbox_match(slice_str(rows[i].pattern),
		    slice_str(rows[i].name)), rows[i].want);
}

static void
test_sets(void **state)
{
	static const struct { const char *in, *want; } good[] = {
		{ "1", "1" }, { "1,2,3", "1:3" }, { "3:1", "1:3" }, { "5,1:3,2:4", "1:5" },
		{ "1,3,5", "1,3,5" }, { "4294967294", "4294967294" },
	};
	static const char *const bad[] = { "", "0", "1:", ":1", "1,,2", "1,", "a", "1:2:3",
		"4294967295", "-1", "1:0", "**" };
	struct arena a;
	struct slice pairs;
	struct buf b;

	(void)state;
	arena_init(&a, 1u << 20);
	buf_init(&b, 1u << 16);
	for (size_t i = 0; i < lengthof(good); i++) {
		assert_int_equal(imap_seqset_parse(slice_str(good[i].in), &a, &pairs), ERR_OK);
		buf_reset(&b);
		imap_seqset_put(&b, pairs);
		assert_slice(buf_slice(&b), good[i].want);
	}
	for (size_t i = 0; i < lengthof(bad); i++)
		assert_int_equal(imap_seqset_parse(slice_str(bad[i]), &a, &pairs), ERR_SYNTAX);
	assert_int_equal(imap_seqset_parse(slice_str("5:*"), &a, &pairs), ERR_OK);
	assert_int_equal(imap_seqset_max(pairs), STORE_STAR);
	assert_true(imap_seqset_has(pairs, 7, 9));
	assert_false(imap_seqset_has(pairs, 4, 9));
	/* 5:* on a mailbox whose last is 3 is 3:5 */
	assert_true(imap_seqset_has(pairs, 3, 3));
	assert_true(imap_seqset_fits(pairs, 5));
	assert_false(imap_seqset_fits(pairs, 4));
	assert_false(imap_seqset_fits(pairs, 0));
	buf_fini(&b);
	arena_fini(&a);
}

static void
test_set_limit(void **state)
{
	struct arena a;
	struct slice pairs;
	struct buf b;

	(void)state;
	arena_init(&a, 1u << 20);
	buf_init(&b, 1u << 20);
	for (uint32_t i = 0; i < STORE_SET_MAX; i++)
		buf_printf(&b, "%s%u", i > 0 ? "," : "", 2 * i + 1);
	assert_int_equal(imap_seqset_parse(buf_slice(&b), &a, &pairs), ERR_OK);
	assert_int_equal(pairs.n, 8 * STORE_SET_MAX);
	buf_printf(&b, ",%u", 2 * STORE_SET_MAX + 1);
	assert_int_equal(imap_seqset_parse(buf_slice(&b), &a, &pairs), ERR_LIMIT);
	buf_fini(&b);
	arena_fini(&a);
}

static void
test_recent(void **state)
{
	struct imap_recent r = { 0 };

	(void)state;
	imap_recent_add(&r, 1, 3);
	imap_recent_add(&r, 4, 4);
	assert_int_equal(r.pair_count, 1);
	imap_recent_add(&r, 8, 7);
	imap_recent_add(&r, 10, 12);
	assert_true(imap_recent_has(&r, 4) && imap_recent_has(&r, 10));
	assert_false(imap_recent_has(&r, 5) || imap_recent_has(&r, 13));
	for (uint32_t i = 0; i < 2 * IMAP_RECENT_MAX; i++)
		imap_recent_add(&r, 100 + 10 * i, 100 + 10 * i);
	assert_int_equal(r.pair_count, IMAP_RECENT_MAX);
	assert_true(imap_recent_has(&r, 100 + 10 * (2 * IMAP_RECENT_MAX - 1)));
	imap_recent_fini(&r);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_utf7), cmocka_unit_test(test_names),
		cmocka_unit_test(test_match), cmocka_unit_test(test_sets),
		cmocka_unit_test(test_set_limit), cmocka_unit_test(test_recent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
