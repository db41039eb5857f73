/* SPDX-License-Identifier: ISC */
#include "tests/unit/test.h"

#include <string.h>

#include "imapd/imap_flags.h"
#include "imapd/imap_items.h"
#include "imapd/imap_parser.h"
#include "lib/base/cc.h"
#include "lib/ipc/store_proto.h"

static struct arena arena;
static struct imap_parser p;

static void
set(const char *text)
{
	arena_fini(&arena);
	arena_init(&arena, 1u << 20);
	imap_parser_init(&p, slice_str(text), &arena);
}

static void
test_strings(void **state)
{
	static const struct { const char *in, *want; } good[] = {
		{ "abc", "abc" }, { "a]b", "a]b" }, { "\"\"", "" }, { "\"a b\"", "a b" },
		{ "\"a\\\"b\\\\c\"", "a\"b\\c" }, { "{3}\r\na b", "a b" },
		{ "{3+}\r\na\"b", "a\"b" }, { "{0}\r\n", "" },
	};
	static const char *const bad[] = {
		"", " ", "(", "\"abc", "\"a\\bc\"", "\"a\rb\"", "\"a\\", "{3}\r\nab", "{3}ab",
		"{x}\r\nabc", "{3\r\nabc", "{9999999999}\r\na", "a\"b\"c", "%", "{3+\r\nabc",
	};

	(void)state;
	for (size_t i = 0; i < lengthof(good); i++) {
		set(good[i].in);
		assert_slice(imap_parser_astring(&p), good[i].want);
		assert_true(imap_parser_end(&p));
	}
	for (size_t i = 0; i < lengthof(bad); i++) {
		set(bad[i]);
		(void)imap_parser_astring(&p);
		assert_false(imap_parser_end(&p));
	}
	/* NUL is in no string */
	arena_fini(&arena);
	arena_init(&arena, 1000);
	imap_parser_init(&p, slice_of("{2}\r\na\0", 7), &arena);
	(void)imap_parser_astring(&p);
	assert_false(imap_parser_ok(&p));
}

static void
test_numbers(void **state)
{
	bool nil;

	(void)state;
	set("4294967295");
	assert_int_equal(imap_parser_number(&p), UINT32_MAX);
	assert_true(imap_parser_end(&p));
	set("4294967296");
	(void)imap_parser_number(&p);
	assert_false(imap_parser_ok(&p));
	set("0");
	(void)imap_parser_nz_number(&p);
	assert_false(imap_parser_ok(&p));
	set("nil");
	(void)imap_parser_nstring(&p, &nil);
	assert_true(imap_parser_end(&p) && nil);
}

static void
test_tag_limit(void **state)
{
	char tag[IMAP_TAG_MAX + 2];

	(void)state;
	memset(tag, 'a', sizeof(tag));
	tag[IMAP_TAG_MAX] = '\0';
	set(tag);
	assert_int_equal(imap_parser_tag(&p).n, IMAP_TAG_MAX);
	tag[IMAP_TAG_MAX] = 'a';
	tag[IMAP_TAG_MAX + 1] = '\0';
	set(tag);
	(void)imap_parser_tag(&p);
	assert_false(imap_parser_ok(&p));
	set("a+b");
	assert_slice(imap_parser_tag(&p), "a");
}

static void
test_dates(void **state)
{
	static const struct { const char *in; int64_t want; } good[] = {
		{ "1-Jan-1970", 0 }, { "\"2-Jan-1970\"", 86400 }, { "02-jan-1970", 86400 },
		{ "29-Feb-2024", 1709164800 },
	};
	static const char *const bad[] = { "32-Jan-1970", "0-Jan-1970", "30-Feb-1970",
		"1-Foo-1970", "1-Jan-70", "1 Jan 1970", "\"1-Jan-1970", "1-Jan-19700" };

	(void)state;
	for (size_t i = 0; i < lengthof(good); i++) {
		set(good[i].in);
		assert_int_equal(imap_parser_date(&p), good[i].want);
		assert_true(imap_parser_end(&p));
	}
	for (size_t i = 0; i < lengthof(bad); i++) {
		set(bad[i]);
		(void)imap_parser_date(&p);
		assert_false(imap_parser_end(&p));
	}
	set("\"17-Jul-1996 02:44:25 -0700\"");
	assert_int_equal(imap_parser_datetime(&p), 837596665);
	assert_true(imap_parser_end(&p));
	set("\" 1-Jan-1970 00:00:00 +0100\"");
	assert_int_equal(imap_parser_datetime(&p), -3600);
	set("\"17-Jul-1996 24:44:25 -0700\"");
	(void)imap_parser_datetime(&p);
	assert_false(imap_parser_ok(&p));
}

static void
test_flags(void **state)
{
	struct imap_flags f;
	char names[4 * 26];
	struct buf b;

	(void)state;
	set("(\\seen \\Deleted $Forwarded Junk $forwarded)");
	imap_flags_parse(&p, false, &f);
	assert_true(imap_parser_end(&p));
	assert_int_equal(f.system, STORE_SEEN | STORE_DELETED);
	assert_int_equal(f.keywords.n, 16);
	assert_memory_equal(f.keywords.p, "$Forwarded\0Junk", 16);
	set("()");
	imap_flags_parse(&p, false, &f);
	assert_true(imap_parser_end(&p) && f.system == 0 && f.keywords.n == 0);
	set("\\Seen \\Draft");
	imap_flags_parse(&p, true, &f);
	assert_true(imap_parser_end(&p));
	set("\\Seen");
	imap_flags_parse(&p, false, &f);
	assert_false(imap_parser_ok(&p));
	set("(\\Recent)");
	imap_flags_parse(&p, false, &f);
	assert_false(imap_parser_ok(&p));
	set("(\\Foo)");
	imap_flags_parse(&p, false, &f);
	assert_false(imap_parser_ok(&p));

	buf_init(&b, 1000);
	imap_flags_put(&b, STORE_SEEN | 1u << 9, SLICE_NONE, slice_of("a\0b", 4), true);
	assert_slice(buf_slice(&b), "\\Seen b \\Recent");
	/* Keywords from 24 on are in the row's more. */
	buf_reset(&b);
	for (unsigned i = 0; i < 26; i++)
		memcpy(names + 4 * i, (const char[]){ 'w', (char)('a' + i), 'x', '\0' }, 4);
	imap_flags_put(&b, 1u << 31, SLICE_LIT("\2"), slice_of(names, sizeof(names)), false);
	assert_slice(buf_slice(&b), "wxx wzx");
	assert_true(imap_flags_are_named(slice_of(names, sizeof(names)), 1u << 31, SLICE_LIT("\2")));
	assert_false(imap_flags_are_named(slice_of(names, sizeof(names)), 0, SLICE_LIT("\4")));
	assert_false(imap_flags_are_named(slice_of(names, 4), 1u << 9, SLICE_NONE));
	buf_fini(&b);
	assert_true(imap_flags_known(slice_of("a\0b", 4), slice_of("B", 2)));
	assert_false(imap_flags_known(slice_of("a\0b", 4), slice_of("c", 2)));
}

static void
test_items(void **state)
{
	static const struct { const char *in; uint32_t count; bool seen; const char *label; } good[] = {
		{ "ALL", 4, false, NULL }, { "fast", 3, false, NULL }, { "FULL", 5, false, NULL },
		{ "UID", 1, false, NULL }, { "(UID FLAGS UID)", 2, false, NULL },
		{ "BODY", 1, false, NULL }, { "BODY[]", 1, true, "BODY[]" },
		{ "BODY.PEEK[]", 1, false, "BODY[]" },
		{ "body[1.2.mime]<0.10>", 1, true, "BODY[1.2.MIME]<0>" },
		{ "BODY[1]", 1, true, "BODY[1]" },
		{ "BODY[text]", 1, true, "BODY[TEXT]" },
		{ "BODY.PEEK[HEADER.FIELDS (Date \"From\" {2}\r\nTo)]", 1, false,
		  "BODY[HEADER.FIELDS (Date From To)]" },
		{ "BODY.PEEK[3.HEADER.FIELDS.NOT (x)]<7.1>", 1, false,
		  "BODY[3.HEADER.FIELDS.NOT (x)]<7>" },
		{ "RFC822.HEADER", 1, false, "RFC822.HEADER" },
		{ "RFC822", 1, true, "RFC822" },
		{ "(RFC822.SIZE ENVELOPE BODYSTRUCTURE INTERNALDATE)", 4, false, NULL },
	};
	static const char *const bad[] = {
		"", "()", "(ALL)", "(UID", "FOO", "BODY[", "BODY[MIME]", "BODY[0]", "BODY[1.]",
		"BODY[1.0]", "BODY[HEADER.FIELDS]", "BODY[HEADER.FIELDS ()]", "BODY[]<1>",
		"BODY[]<1.0>", "BODY[]<-1.2>", "BODY.PEEK", "(UID  FLAGS)", "BODY[HEADERX]",
		"BODY[4294967296]", "UID FLAGS",
	};
	struct imap_items items;

	(void)state;
	for (size_t i = 0; i < lengthof(good); i++) {
		set(good[i].in);
		imap_items_parse(&p, false, &items);
		assert_true(imap_parser_end(&p));
		assert_int_equal(items.count, good[i].count);
		assert_int_equal(items.sets_seen, good[i].seen);
		if (good[i].label != NULL)
			assert_slice(items.v[0].label, good[i].label);
	}
	for (size_t i = 0; i < lengthof(bad); i++) {
		set(bad[i]);
		imap_items_parse(&p, false, &items);
		assert_false(imap_parser_end(&p));
	}
	set("FLAGS");
	imap_items_parse(&p, true, &items);
	assert_true(imap_items_has(&items, IMAP_ITEM_UID));
}

/* limit and limit + 1 of items in one FETCH */
static void
test_items_limit(void **state)
{
	struct imap_items items;
	struct buf b;

	(void)state;
	for (unsigned n = IMAP_ITEMS_MAX; n <= IMAP_ITEMS_MAX + 1; n++) {
		buf_init(&b, 1u << 16);
		for (unsigned i = 0; i < n; i++)
			buf_printf(&b, "%cBODY.PEEK[1]", i == 0 ? '(' : ' ');
		buf_put_char(&b, ')');
		set(buf_cstr(&b));
		imap_items_parse(&p, false, &items);
		assert_int_equal(imap_parser_end(&p), n == IMAP_ITEMS_MAX);
		buf_fini(&b);
	}
}

static void
test_fields(void **state)
{
	static const char header[] = "From: a\r\nTo: b,\r\n c\r\nX-Y: z\r\nfrom: d\r\n\r\n";
	struct imap_items items;
	struct buf b;

	(void)state;
	buf_init(&b, 1000);
	set("BODY[HEADER.FIELDS (to FROM)]");
	imap_items_parse(&p, false, &items);
	imap_items_put_fields(&b, &items.v[0], slice_str(header), false);
	assert_slice(buf_slice(&b), "From: a\r\nTo: b,\r\n c\r\nfrom: d\r\n\r\n");
	buf_reset(&b);
	set("BODY[HEADER.FIELDS.NOT (to FROM)]");
	imap_items_parse(&p, false, &items);
	imap_items_put_fields(&b, &items.v[0], slice_str(header), false);
	assert_slice(buf_slice(&b), "X-Y: z\r\n\r\n");
	/* a message that ends in its header */
	buf_reset(&b);
	imap_items_put_fields(&b, &items.v[0], SLICE_LIT("a: b\r\nTo: c\r\n"), false);
	assert_slice(buf_slice(&b), "a: b\r\n");
	imap_items_put_fields(&b, &items.v[0], SLICE_LIT("c: d\r\n"), true);
	assert_slice(buf_slice(&b), "a: b\r\nc: d\r\n\r\n");
	buf_fini(&b);
}

/* No prefix of a valid command is read beyond its end or crashes. */
static void
test_prefixes(void **state)
{
	static const char text[] = "(UID BODY.PEEK[1.HEADER.FIELDS (a \"b\\\"\" {1}\r\nc)]<0.5>)";
	struct imap_items items;

	(void)state;
	for (size_t n = 0; n < sizeof(text) - 1; n++) {
		char *copy = test_malloc(n + 1);

		memcpy(copy, text, n);
		arena_fini(&arena);
		arena_init(&arena, 1u << 20);
		imap_parser_init(&p, slice_of(copy, n), &arena);
		imap_items_parse(&p, false, &items);
		assert_false(imap_parser_end(&p));
		test_free(copy);
	}
}

static int
end(void **state)
{
	(void)state;
	arena_fini(&arena);
	return 0;
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_strings), cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_tag_limit), cmocka_unit_test(test_dates),
		cmocka_unit_test(test_flags), cmocka_unit_test(test_items),
		cmocka_unit_test(test_items_limit), cmocka_unit_test(test_fields),
		cmocka_unit_test(test_prefixes),
	};

	return cmocka_run_group_tests(tests, NULL, end);
}
