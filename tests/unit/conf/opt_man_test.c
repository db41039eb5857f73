/* SPDX-License-Identifier: ISC */
/*
 * Every row is sound, and a changed default or bound shows up as a changed
 * golden file: build/unit/conf_opt_man_test -p > tests/golden/options.txt
 */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/must.h"
#include "lib/conf/conf_file.h"
#include "lib/conf/opt_man.h"
#include "master/master_sections.h"

static void
test_rows(void **state)
{
	(void)state;
	for (const struct opt_section *s = master_sections; s->name != NULL; s++) {
		void *v = must_alloc(1, s->struct_bytes);
		struct buf why;

		opt_defaults(s, v);
		buf_init(&why, 4096);
		for (const struct opt *o = s->rows; o->name != NULL; o++) {
			size_t n = strlen(o->help);

			assert_ptr_equal(opt_find(s, slice_str(o->name)), o);
			assert_true(n > 10 && o->help[n - 1] == '.' && strchr(o->help, '\n') == NULL);
			if (o->type == OPT_TYPE_TIME || o->type == OPT_TYPE_SIZE ||
			    o->type == OPT_TYPE_NUM || o->type == OPT_TYPE_RATE) {
				assert_int_equal(opt_set(o, v, &o->min, 1, NULL, &why), ERR_OK);
				assert_int_equal(opt_set(o, v, &o->max, 1, NULL, &why), ERR_OK);
				assert_int_equal(opt_set(o, v, &o->def, 1, NULL, &why), ERR_OK);
			}
		}
		buf_fini(&why);
		opt_free(s, v);
		free(v);
	}
}

static void
test_golden(void **state)
{
	struct buf want, got;

	(void)state;
	buf_init(&want, 1u << 20);
	buf_init(&got, 1u << 20);
	assert_int_equal(conf_load_file(NULL, "tests/golden/options.txt", &want), ERR_OK);
	opt_man_golden(master_sections, &got);
	assert_string_equal(buf_cstr(&got), buf_cstr(&want));
	buf_fini(&want);
	buf_fini(&got);
}

/* The committed page holds what the table generates. */
static void
test_man_page(void **state)
{
	struct buf page, got;

	(void)state;
	buf_init(&page, 4u << 20);
	buf_init(&got, 4u << 20);
	assert_int_equal(conf_load_file(NULL, "man/godwit.conf.5", &page), ERR_OK);
	opt_man_mdoc(master_sections, &got);
	assert_true(slice_search(buf_slice(&page), buf_slice(&got)) < buf_slice(&page).n);
	buf_fini(&page);
	buf_fini(&got);
}

int
main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_man_page),
	};
	struct buf b;

	if (argc == 2 && strcmp(argv[1], "-p") == 0) {
		buf_init(&b, 1u << 20);
		opt_man_golden(master_sections, &b);
		fputs(buf_cstr(&b), stdout);
		buf_fini(&b);
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
