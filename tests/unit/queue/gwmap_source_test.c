/* SPDX-License-Identifier: ISC */
/*
 * The texts of lookup tables: each read whole, byte by byte and cut at every
 * place, with the same rows or the same fault.
 */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cc.h"
#include "queue/gwmap_source.h"
#include "queue/queue_map_file.h"

enum form { ALIASES, TABLE, LISTS, KEEP };

static enum err
on_row(void *arg, const struct gwmap_row *r)
{
	struct buf *b = arg;

	buf_printf(b, "%u %.*s=%.*s\n", r->line, SLICE_FMT(r->key), SLICE_FMT(r->value));
	return buf_err(b) == ERR_OK ? ERR_OK : ERR_FULL;
}

/* In pieces of first, then of rest bytes. */
static void
read_text(enum form form, struct slice text, size_t first, size_t rest, struct buf *out)
{
	struct gwmap_source s;
	size_t n = first;
	enum err e = ERR_OK;

	gwmap_source_init(&s);
	s.is_aliases = form == ALIASES;
	s.has_lists = form == LISTS;
	s.keeps_case = form == KEEP;
	s.fn = on_row;
	s.arg = out;
	for (; text.n > 0 && e == ERR_OK; n = rest) {
		e = gwmap_source_feed(&s, slice_head(text, n));
		text = slice_from(text, n);
	}
	if (e == ERR_OK)
		e = gwmap_source_end(&s);
	assert_true((e == ERR_OK) == (s.fault[0] == '\0'));
	if (e != ERR_OK)
		buf_printf(out, "%u! %s\n", s.fault_line, s.fault);
	gwmap_source_fini(&s);
}

static void
check(enum form form, const char *text, const char *want)
{
	struct slice s = slice_str(text);
	struct buf b;
	size_t i;

	buf_init(&b, 100000);
	for (i = 0; i <= s.n + 1; i++) {
		buf_reset(&b);
		/* i 0: byte by byte; beyond: whole */
		read_text(form, s, i == 0 ? 1 : i, i == 0 ? 1 : s.n, &b);
		assert_string_equal(buf_cstr(&b) != NULL ? buf_cstr(&b) : "", want);
	}
	buf_fini(&b);
}

static void
test_aliases(void **state)
{
	(void)state;
	check(ALIASES, "", "");
	check(ALIASES, "# nothing\n\n  \n\t# more\n", "");
	check(ALIASES, "root: alice", "1 root=alice\n");
	check(ALIASES, "Root:alice,bob@far.example\n", "1 root=alice, bob@far.example\n");
	check(ALIASES, "a:\n  b,\n# between\n\n\tc\r\nd: e\n", "1 a=b, c\n6 d=e\n");
	check(ALIASES, "\"a b: c\" : \"x, y\"@far.example, z\n", "1 \"a b: c\"=\"x, y\"@far.example, z\n");
	check(ALIASES, "Bob@M\xc3\xbcNCHEN.example: @far.example\n",
	    "1 bob@xn--mnchen-3ya.example=@far.example\n");
	check(ALIASES, "@Example.TEST: all\n", "1 @example.test=all\n");
	check(ALIASES, "owner-list: bob+x\n", "1 owner-list=bob+x\n");
}

static void
test_alias_faults(void **state)
{
	(void)state;
	check(ALIASES, "a: b\nc: |/bin/prog\n", "1 a=b\n2! commands (|) are not run\n");
	check(ALIASES, "a: b,\n \"|prog -x\"\nc: d\n", "1! commands (|) are not run\n");
	check(ALIASES, "a: /var/log/x\n", "1! files (/) are not written\n");
	check(ALIASES, "\n\na: :Include:/etc/list\n",
	    "3! lists of other files (:include:) are not read\n");
	check(ALIASES, "a b\n", "1! no colon behind the name\n");
	check(ALIASES, "a:\n\n", "1! not a key and a value\n");
	check(ALIASES, ": a\n", "1! not a key and a value\n");
	check(ALIASES, "a: ,,\n", "1! no value\n");
	check(ALIASES, "a: b c\n", "1! b c: not a mail address\n");
	check(ALIASES, "a: b@\n", "1! b@: not a mail address\n");
	check(ALIASES, "a b: c\n",
	    "1! the name is neither a local part nor a mail address nor @domain\n");
	check(ALIASES, "  a: b\n", "1! begins with white space, but continues nothing\n");
	check(ALIASES, "a: b\001\n", "1! control byte\n");
}

static void
test_tables(void **state)
{
	(void)state;
	check(TABLE, "Carl@Old.example OK\nd\te  f\n", "1 carl@old.example=OK\n2 d=e  f\n");
	check(TABLE, "a\n b\n", "1 a=b\n");
	check(TABLE, "\"a b\" c\n", "1 \"a b\"=c\n");
	check(TABLE, "What, Ever |x\n", "1 what,=Ever |x\n");
	check(TABLE, "a: b\n", "1! a line of aliases(5): option -a reads these\n");
	check(TABLE, "a\n", "1! not a key and a value\n");
	check(LISTS, "a@x.example b,c@y.example\n", "1 a@x.example=b, c@y.example\n");
	check(LISTS, "a |x\n", "1! commands (|) are not run\n");
	check(KEEP, "Carl@Old.example OK\n", "1 Carl@Old.example=OK\n");
}

static void
one_sized(enum form form, size_t key_n, size_t value_n, const char *want)
{
	char *text = malloc(key_n + value_n + 3);
	struct buf b;

	memset(text, 'k', key_n);
	text[key_n] = ' ';
	memset(text + key_n + 1, 'v', value_n);
	memcpy(text + key_n + 1 + value_n, "\n", 2);
	buf_init(&b, 200000);
	read_text(form, slice_str(text), 7, 1000, &b);
	if (want != NULL)
		assert_string_equal(buf_cstr(&b), want);
	else
		assert_int_equal(b.n, 2 + key_n + 1 + value_n + 1);
	buf_fini(&b);
	free(text);
}

static void
test_limits(void **state)
{
	(void)state;
	one_sized(KEEP, QUEUE_MAP_KEY_MAX, 1, NULL);
	one_sized(KEEP, QUEUE_MAP_KEY_MAX + 1, 1, "1! key too long\n");
	one_sized(TABLE, QUEUE_MAP_KEY_MAX + 1, 1, "1! key too long\n");
	one_sized(TABLE, 1, QUEUE_MAP_VALUE_MAX, NULL);
	one_sized(TABLE, 1, QUEUE_MAP_VALUE_MAX + 1, "1! value too long\n");
	one_sized(TABLE, 1, GWMAP_LINE_MAX - 2, "1! value too long\n");
	one_sized(TABLE, 1, GWMAP_LINE_MAX - 1, "1! line too long\n");
}

/* A logical line of many is bounded too; so is the number of lines. */
static void
test_many_lines(void **state)
{
	struct gwmap_source s;
	struct buf b;
	unsigned i;

	(void)state;
	buf_init(&b, 1000);
	gwmap_source_init(&s);
	s.fn = on_row;
	s.arg = &b;
	assert_int_equal(gwmap_source_feed(&s, SLICE_LIT("a b\n")), ERR_OK);
	for (i = 0; i <= GWMAP_LINE_MAX / 10; i++)
		if (gwmap_source_feed(&s, SLICE_LIT(" 123456789\n")) != ERR_OK)
			break;
	assert_string_equal(s.fault, "line too long");
	assert_int_equal(s.fault_line, i + 2);
	gwmap_source_fini(&s);
	gwmap_source_init(&s);
	s.line = GWMAP_LINES_MAX - 1;
	assert_int_equal(gwmap_source_feed(&s, SLICE_LIT("# x\n")), ERR_OK);
	assert_int_equal(gwmap_source_feed(&s, SLICE_LIT("# x\n")), ERR_LIMIT);
	gwmap_source_fini(&s);
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_aliases),
		cmocka_unit_test(test_alias_faults),
		cmocka_unit_test(test_tables),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_many_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
