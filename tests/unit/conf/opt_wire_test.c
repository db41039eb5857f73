/* SPDX-License-Identifier: ISC */
#include "tests/unit/test.h"

#include <stdlib.h>

#include "lib/base/cc.h"
#include "lib/base/must.h"
#include "lib/conf/conf_sections.h"

static const struct opt_section sections[] = {
	CONF_GODWIT_SECTION, CONF_TLS_SECTION, CONF_LISTEN_SECTION, CONF_DOMAIN_SECTION,
	CONF_ROUTE_SECTION, OPT_SECTIONS_END
};

/* Not the defaults everywhere. */
static void
fill(struct listen_options *l)
{
	static const char *const addrs[] = { "*:25", "[::1]:26" };
	struct buf why;

	buf_init(&why, 1024);
	opt_defaults(&sections[2], l);
	assert_int_equal(opt_set(opt_find(&sections[2], SLICE_LIT("address")), l, addrs, 2, NULL,
	    &why), ERR_OK);
	l->tls = CONF_TLS_IMPLICIT;
	l->cmtp = true;
	buf_fini(&why);
}

static void
test_round_trip(void **state)
{
	(void)state;
	for (const struct opt_section *s = sections; s->name != NULL; s++) {
		void *a = must_alloc(1, s->struct_bytes), *b = must_alloc(1, s->struct_bytes);
		struct buf wire;

		buf_init(&wire, 60000);
		opt_defaults(s, a);
		opt_encode(s, a, &wire);
		assert_int_equal(opt_decode(s, buf_slice(&wire), b), ERR_OK);
		for (const struct opt *o = s->rows; o->name != NULL; o++)
			assert_true(opt_is_equal(o, a, b));
		opt_free(s, a);
		opt_free(s, b);
		buf_fini(&wire);
		free(a);
		free(b);
	}
}

/* Cut anywhere, longer by a byte, or from rows of another shape: refused. */
static void
test_damaged(void **state)
{
	struct listen_options a, b;
	struct godwit_options g;
	struct buf wire;

	(void)state;
	fill(&a);
	buf_init(&wire, 60000);
	opt_encode(&sections[2], &a, &wire);
	for (size_t n = 0; n < wire.n; n++) {
		assert_int_equal(opt_decode(&sections[2], slice_head(buf_slice(&wire), n), &b),
		    ERR_VIOLATION);
		assert_null(b.address.v);
	}
	assert_int_equal(opt_decode(&sections[0], buf_slice(&wire), &g), ERR_VIOLATION);
	buf_put_char(&wire, 0);
	assert_int_equal(opt_decode(&sections[2], buf_slice(&wire), &b), ERR_VIOLATION);
	buf_truncate(&wire, wire.n - 1);
	assert_int_equal(opt_decode(&sections[2], buf_slice(&wire), &b), ERR_OK);
	assert_int_equal(b.address.n, 2);
	assert_string_equal(b.address.v[1], "[::1]:26");
	assert_true(b.cmtp);
	opt_free(&sections[2], &b);
	buf_fini(&wire);
	opt_free(&sections[2], &a);
}

/* Every byte to every of a few values: an error or a sound struct. */
static void
test_changed_bytes(void **state)
{
	static const unsigned char values[] = { 0, 1, 2, 0x7f, 0x80, 0xff };
	struct listen_options a, b;
	struct buf wire;

	(void)state;
	fill(&a);
	buf_init(&wire, 60000);
	opt_encode(&sections[2], &a, &wire);
	for (size_t i = 0; i < wire.n; i++) {
		char old = buf_data(&wire)[i];

		for (size_t v = 0; v < lengthof(values); v++) {
			buf_data(&wire)[i] = (char)values[v];
			if (opt_decode(&sections[2], buf_slice(&wire), &b) == ERR_OK) {
				assert_true(b.service <= CONF_SERVICE_CMTP);
				assert_true(b.tls <= CONF_TLS_IMPLICIT);
				opt_free(&sections[2], &b);
			}
		}
		buf_data(&wire)[i] = old;
	}
	buf_fini(&wire);
	opt_free(&sections[2], &a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_changed_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
