/* SPDX-License-Identifier: ISC */
/* Parts of a BODYSTRUCTURE by their numbers, and as they are when decoded. */
#include "tests/unit/test.h"


#include "lib/base/cc.h"
#include "lib/mail/imap_structure.h"

#define PLAIN	"(\"TEXT\" \"PLAIN\" (\"CHARSET\" \"a b\") NIL NIL \"BASE64\" 12 1 NIL NIL NIL NIL)"
#define QUOTED	"(\"image\" \"x\" (\"name\" \")\\\"(\") NIL {2}\r\n)( \"QUOTED-PRINTABLE\" 7)"
#define ENVELOPE "(NIL {2}\r\n\") NIL NIL NIL NIL NIL NIL NIL NIL)"
#define MULTI(x) "(" x " \"MIXED\" (\"BOUNDARY\" \"b\") NIL NIL NIL)"
#define MESSAGE(x) "(\"MESSAGE\" \"RFC822\" NIL NIL NIL \"7BIT\" 300 " ENVELOPE " " x " 9 NIL (\"attachment\" NIL))"
/* not a message, but with a disposition where that has its body */
#define ATTACHED "(\"APPLICATION\" \"X\" NIL NIL NIL \"7BIT\" 3 NIL (\"attachment\" NIL))"
#define DEEP	MULTI(PLAIN MESSAGE(MULTI(QUOTED MESSAGE(PLAIN))) MULTI(ATTACHED) ATTACHED)

static const struct { const char *structure; uint32_t path[6], count; const char *part; } rows[] = {
	{ PLAIN, { 0 }, 0, PLAIN }, { PLAIN, { 1 }, 1, PLAIN }, { PLAIN, { 2 }, 1, NULL },
	{ PLAIN, { 0 }, 1, NULL }, { PLAIN, { 1, 1 }, 2, NULL },
	{ DEEP, { 0 }, 0, DEEP }, { DEEP, { 1 }, 1, PLAIN }, { DEEP, { 1, 1 }, 2, NULL },
	{ DEEP, { 2 }, 1, MESSAGE(MULTI(QUOTED MESSAGE(PLAIN))) }, { DEEP, { 2, 1 }, 2, QUOTED },
	{ DEEP, { 2, 2 }, 2, MESSAGE(PLAIN) }, { DEEP, { 2, 2, 1 }, 3, PLAIN },
	{ DEEP, { 2, 2, 2 }, 3, NULL }, { DEEP, { 2, 3 }, 2, NULL }, { DEEP, { 3 }, 1, MULTI(ATTACHED) },
	{ DEEP, { 3, 1 }, 2, ATTACHED }, { DEEP, { 3, 1, 1 }, 3, NULL }, { DEEP, { 4 }, 1, ATTACHED },
	{ DEEP, { 4, 1 }, 2, NULL }, { DEEP, { 5 }, 1, NULL }, { DEEP, { 0 }, 1, NULL },
	{ MESSAGE(PLAIN), { 1 }, 1, MESSAGE(PLAIN) }, { MESSAGE(PLAIN), { 1, 1 }, 2, PLAIN },
	{ "", { 0 }, 0, NULL }, { "x", { 0 }, 0, NULL }, { "()", { 1 }, 1, "()" }, { "(", { 0 }, 0, NULL },
	{ "(\"a", { 0 }, 0, NULL }, { "({9}\r\na)", { 0 }, 0, NULL }, { "({1\r\na)", { 0 }, 0, NULL },
	{ "({18446744073709551615}\r\na)", { 0 }, 0, NULL }, { ")", { 0 }, 0, NULL }, { "((", { 1 }, 1, NULL },
};

static void
test_parts(void **state)
{
	(void)state;
	for (size_t i = 0; i < lengthof(rows); i++) {
		struct slice part = SLICE_NONE;
		bool ok = imap_structure_part(slice_str(rows[i].structure), rows[i].path,
		    rows[i].count, &part);

		if (ok != (rows[i].part != NULL))
			fail_msg("row %zu", i);
		if (ok)
			assert_slice(part, rows[i].part);
	}
}

/* Whatever is left of it. */
static void
test_damaged(void **state)
{
	static const uint32_t path[] = { 2, 2, 1 };
	struct slice whole = SLICE_LIT(DEEP), part;
	struct imap_decoded d = { .bytes = 1, .lines = 1 };
	struct buf b;

	(void)state;
	for (size_t n = 0; n < whole.n; n++) {
		buf_init(&b, 2 * whole.n + 64);
		assert_false(imap_structure_part(slice_head(whole, n), path, 3, &part));
		imap_structure_put_decoded(&b, slice_from(whole, n), &d);
		imap_structure_put_decoded(&b, slice_head(whole, n), &d);
		assert_int_equal(buf_err(&b), ERR_OK);
		buf_fini(&b);
	}
}

static void
test_decoded(void **state)
{
	static const struct { const char *part; struct imap_decoded d; const char *want; } forms[] = {
		{ PLAIN, { false, 9, 2 },
		    "(\"TEXT\" \"PLAIN\" (\"CHARSET\" \"a b\") NIL NIL \"8BIT\" 9 2 NIL NIL NIL NIL)" },
		{ QUOTED, { true, 5, 2 },
		    "(\"image\" \"x\" (\"name\" \")\\\"(\") NIL {2}\r\n)( \"BINARY\" 5)" },
		{ MULTI(PLAIN), { false, 9, 2 }, MULTI(PLAIN) }, { "x", { false, 9, 2 }, "x" },
	};

	(void)state;
	for (size_t i = 0; i < lengthof(forms); i++) {
		struct buf b;

		buf_init(&b, 500);
		imap_structure_put_decoded(&b, slice_str(forms[i].part), &forms[i].d);
		assert_slice(buf_slice(&b), forms[i].want);
		buf_fini(&b);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parts), cmocka_unit_test(test_damaged), cmocka_unit_test(test_decoded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
