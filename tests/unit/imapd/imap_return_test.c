/* SPDX-License-Identifier: ISC */
/* Result options, the responses made by them, what SAVE keeps, object ids. */
#include "tests/unit/test.h"

#include <string.h>

#include "imapd/imap_objectid.h"
#include "imapd/imap_return.h"
#include "imapd/imap_seqset.h"
#include "lib/base/cc.h"

/* UIDs 10 20 21 30 40, of which seq 3 is missing */
static void
fill(struct imap_found *f)
{
	imap_found_init(f, 100);
	imap_found_add(f, 30, 5, 7);
	imap_found_add(f, 40, 6, 3);
	imap_found_add(f, 10, 1, 5);
	imap_found_add(f, 20, 2, 9);
	imap_found_add(f, 21, 4, 1);
	imap_found_order(f);
}

static bool
parse(const char *text, struct imap_return *r, struct arena *a)
{
	struct imap_parser p;

	imap_parser_init(&p, slice_str(text), a);
	imap_return_parse(&p, r);
	return imap_parser_end(&p);
}

static void
test_answers(void **state)
{
	static const struct {
		const char *in; bool uid, modseq, extended; const char *want, *saved;
	} rows[] = {
		{ "", false, false, false, "* SEARCH 1 2 4 5 6\r\n", "10:20,21:40" },
		{ "", true, true, false, "* SEARCH 10 20 21 30 40 (MODSEQ 9)\r\n", "10:20,21:40" },
		{ "", false, false, true, "* ESEARCH (TAG \"t\") ALL 1:2,4:6\r\n", "10:20,21:40" },
		{ "RETURN () ", true, false, false, "* ESEARCH (TAG \"t\") UID ALL 10,20:21,30,40\r\n",
		    "10:20,21:40" },
		{ "RETURN (MIN) ", false, true, false, "* ESEARCH (TAG \"t\") MIN 1 MODSEQ 5\r\n", "10" },
		{ "RETURN (MAX) ", true, true, false, "* ESEARCH (TAG \"t\") UID MAX 40 MODSEQ 3\r\n", "40" },
		{ "RETURN (MIN MAX) ", false, true, false,
		    "* ESEARCH (TAG \"t\") MIN 1 MAX 6 MODSEQ 5\r\n", "10,40" },
		{ "RETURN (max count min) ", false, true, false,
		    "* ESEARCH (TAG \"t\") MIN 1 MAX 6 COUNT 5 MODSEQ 9\r\n", "10:20,21:40" },
		{ "RETURN (SAVE) ", false, false, false, "", "10:20,21:40" },
		{ "RETURN (SAVE MIN) ", false, true, false, "* ESEARCH (TAG \"t\") MIN 1 MODSEQ 5\r\n", "10" },
		{ "RETURN (SAVE COUNT) ", false, false, false, "* ESEARCH (TAG \"t\") COUNT 5\r\n",
		    "10:20,21:40" },
		{ "RETURN (PARTIAL 2:3) ", false, false, false,
		    "* ESEARCH (TAG \"t\") PARTIAL (2:3 2,4)\r\n", "20,21" },
		{ "RETURN (PARTIAL 3:2) ", false, false, false,
		    "* ESEARCH (TAG \"t\") PARTIAL (2:3 2,4)\r\n", "20,21" },
		{ "RETURN (PARTIAL -1:-2 COUNT) ", false, false, false,
		    "* ESEARCH (TAG \"t\") COUNT 5 PARTIAL (-1:-2 5:6)\r\n", "10:20,21:40" },
		{ "RETURN (PARTIAL -1:-100) ", true, false, false,
		    "* ESEARCH (TAG \"t\") UID PARTIAL (-1:-100 10,20:21,30,40)\r\n", "10:20,21:40" },
		{ "RETURN (PARTIAL 6:9) ", false, false, false,
		    "* ESEARCH (TAG \"t\") PARTIAL (6:9 NIL)\r\n", "" },
		{ "RETURN (PARTIAL -6:-9) ", false, false, false,
		    "* ESEARCH (TAG \"t\") PARTIAL (-6:-9 NIL)\r\n", "" },
		/* RFC 9394 s3.2: the window and the ends */
		{ "RETURN (SAVE PARTIAL 2:3 MIN MAX) ", false, false, false,
		    "* ESEARCH (TAG \"t\") MIN 1 MAX 6 PARTIAL (2:3 2,4)\r\n", "10:20,21,40" },
		{ "RETURN (SAVE PARTIAL 1:2 MIN) ", false, false, false,
		    "* ESEARCH (TAG \"t\") MIN 1 PARTIAL (1:2 1:2)\r\n", "10:20" },
	};
	struct imap_found f;
	struct arena a;
	struct buf b;

	(void)state;
	fill(&f);
	arena_init(&a, 1u << 20);
	for (size_t i = 0; i < lengthof(rows); i++) {
		struct imap_asked asked = { .tag = slice_str("t"), .uid = rows[i].uid,
			.has_modseq = rows[i].modseq, .extended = rows[i].extended };
		struct imap_return r;
		struct buf pairs;

		assert_true(parse(rows[i].in, &r, &a));
		buf_init(&b, 1u << 16);
		imap_return_put(&b, &r, &asked, &f);
		assert_string_equal(buf_cstr(&b), rows[i].want);
		buf_reset(&b);
		buf_init(&pairs, 1u << 16);
		imap_return_put_saved(&pairs, &r, &f);
		imap_seqset_put(&b, buf_slice(&pairs));
		assert_string_equal(buf_cstr(&b), rows[i].saved);
		buf_fini(&pairs);
		buf_fini(&b);
	}
	arena_fini(&a);
	imap_found_fini(&f);
}

static void
test_nothing_found(void **state)
{
	struct imap_asked asked = { .tag = slice_str("t"), .uid = true, .has_modseq = true };
	struct imap_found f;
	struct imap_return r;
	struct arena a;
	struct buf b;

	(void)state;
	imap_found_init(&f, 10);
	arena_init(&a, 4096);
	buf_init(&b, 4096);
	assert_true(parse("RETURN (MIN MAX ALL COUNT) ", &r, &a));
	imap_return_put(&b, &r, &asked, &f);
	assert_string_equal(buf_cstr(&b), "* ESEARCH (TAG \"t\") UID COUNT 0\r\n");
	buf_reset(&b);
	imap_return_put_saved(&b, &r, &f);
	assert_int_equal(b.n, 0);
	assert_true(parse("", &r, &a));
	imap_return_put(&b, &r, &asked, &f);
	assert_string_equal(buf_cstr(&b), "* SEARCH\r\n");
	buf_fini(&b);
	arena_fini(&a);
}

/* RFC 5267 s3.1: results of SORT stay in their order; saved are sets. */
static void
test_sorted(void **state)
{
	static const uint32_t order[] = { 5, 3, 2, 1, 4 };
	struct imap_asked asked = { .tag = slice_str("t"), .sorted = true };
	struct imap_found f;
	struct imap_return r;
	struct arena a;
	struct buf b, pairs;

	(void)state;
	imap_found_init(&f, 10);
	arena_init(&a, 4096);
	buf_init(&b, 4096);
	buf_init(&pairs, 4096);
	for (size_t i = 0; i < lengthof(order); i++)
		imap_found_add(&f, order[i] * 10, order[i], 1);
	assert_true(parse("RETURN (MIN MAX ALL SAVE) ", &r, &a));
	imap_return_put(&b, &r, &asked, &f);
	assert_string_equal(buf_cstr(&b), "* ESEARCH (TAG \"t\") MIN 5 MAX 4 ALL 5,3,2,1,4\r\n");
	imap_return_put_saved(&pairs, &r, &f);
	buf_reset(&b);
	imap_seqset_put(&b, buf_slice(&pairs));
	assert_string_equal(buf_cstr(&b), "10:50");
	buf_reset(&b);
	assert_true(parse("", &r, &a));
	imap_return_put(&b, &r, &asked, &f);
	assert_string_equal(buf_cstr(&b), "* SORT 5 3 2 1 4\r\n");
	buf_fini(&b);
	buf_fini(&pairs);
	arena_fini(&a);
	imap_found_fini(&f);
}

static void
test_bad(void **state)
{
	static const char *const bad[] = { "RETURN (", "RETURN (MIN", "RETURN (MIN)",
		"RETURN (NONE) ", "RETURN (MIN  MAX) ", "RETURN ( MIN) ", "RETURN (PARTIAL) ",
		"RETURN (PARTIAL 1) ", "RETURN (PARTIAL 0:1) ", "RETURN (PARTIAL 1:-2) ",
		"RETURN (PARTIAL -1:2) ", "RETURN (PARTIAL 1:2 ALL) ",
		"RETURN (ALL PARTIAL 1:2) ", "RETURN (PARTIAL 1:2 PARTIAL 3:4) ",
		"RETURN (PARTIAL 1:4294967296) " };
	struct imap_return r;
	struct arena a;

	(void)state;
	arena_init(&a, 4096);
	for (size_t i = 0; i < lengthof(bad); i++)
		assert_false(parse(bad[i], &r, &a));
	arena_fini(&a);
}

static void
test_limit(void **state)
{
	struct imap_found f;

	(void)state;
	imap_found_init(&f, 3);
	for (uint32_t i = 1; i <= 3; i++)
		imap_found_add(&f, i, i, i);
	assert_false(f.is_full);
	imap_found_add(&f, 4, 4, 4);
	assert_true(f.is_full);
	assert_int_equal(f.count, 3);
	imap_found_fini(&f);
}

static void
test_objectid(void **state)
{
	uint64_t id = 0;
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	imap_objectid_put(&b, IMAP_EMAILID, 0x1234567890abcdefu);
	assert_int_equal(b.n, 14);
	assert_true(imap_objectid_is_legal(buf_slice(&b)));
	assert_true(imap_objectid_get(buf_slice(&b), IMAP_EMAILID, &id));
	assert_true(id == 0x1234567890abcdefu);
	assert_false(imap_objectid_get(buf_slice(&b), IMAP_THREADID, &id));
	assert_false(imap_objectid_get(slice_head(buf_slice(&b), 13), IMAP_EMAILID, &id));
	buf_data(&b)[9] = 'l';
	assert_false(imap_objectid_get(buf_slice(&b), IMAP_EMAILID, &id));
	assert_false(imap_objectid_is_legal(slice_str("a.b")));
	assert_false(imap_objectid_is_legal(SLICE_NONE));
	buf_fini(&b);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers), cmocka_unit_test(test_nothing_found),
		cmocka_unit_test(test_sorted), cmocka_unit_test(test_bad),
		cmocka_unit_test(test_limit), cmocka_unit_test(test_objectid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
