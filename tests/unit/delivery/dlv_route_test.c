/* SPDX-License-Identifier: ISC */
#include "tests/unit/test.h"

#include <string.h>

#include "delivery/dlv_route.h"

static void
add(struct opt_list *l, char **mem, const char *value)
{
	l->v = mem;
	mem[l->n++] = (char *)(uintptr_t)value;
}

struct bed {
	struct relay_options	 relay;
	struct route_options	 route;
	char			*mem[8][30];
};

static void
defaults(struct bed *b)
{
	static const struct opt_section sections[] = { RELAY_OPT_SECTION,
		CONF_ROUTE_SECTION };

	memset(b, 0, sizeof(*b));
	opt_defaults(&sections[0], &b->relay);
	opt_defaults(&sections[1], &b->route);
}

static void
bed_free(struct bed *b)
{
	static const struct opt_section sections[] = { RELAY_OPT_SECTION,
		CONF_ROUTE_SECTION };

	b->route.fallback = b->route.tls_names = (struct opt_list){ NULL, 0 };
	b->route.tls_fingerprints = b->route.source = (struct opt_list){ NULL, 0 };
	b->relay.source = b->relay.fallback = (struct opt_list){ NULL, 0 };
	opt_free(&sections[0], &b->relay);
	opt_free(&sections[1], &b->route);
}

static void
no_route(void **state)
{
	struct dlv_route *r, *same;
	struct bed b;

	(void)state;
	defaults(&b);
	add(&b.relay.fallback, b.mem[0], "[backup.example]");
	r = dlv_route_new("", NULL, &b.relay);
	assert_null(dlv_route_fault(r));
	assert_int_equal(r->tls, CONF_RELAY_TLS_DANE);
	assert_int_equal(r->protocol, CONF_ROUTE_SMTP);
	assert_int_equal(r->fallback_count, 1);
	assert_string_equal(r->fallbacks[0].host, "backup.example");
	assert_string_equal(r->login, "");
	assert_null(dlv_route_origin(r, true));
	same = dlv_route_ref(r);
	dlv_route_unref(&r);
	assert_null(r);
	assert_string_equal(same->title, "");
	dlv_route_unref(&same);
	bed_free(&b);
}

static void
route_values(void **state)
{
	static const char print[] = "00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff:"
	    "00112233445566778899AABBCCDDEEFF";
	struct dlv_route *r;
	struct bed b;

	(void)state;
	defaults(&b);
	add(&b.route.tls_names, b.mem[0], "MX.example");
	add(&b.route.tls_names, b.mem[0], ".Example.com");
	add(&b.route.tls_fingerprints, b.mem[1], print);
	add(&b.route.source, b.mem[2], "192.0.2.1=a.example");
	add(&b.route.source, b.mem[2], "[2001:db8::1]");
	add(&b.route.source, b.mem[2], "192.0.2.2");
	add(&b.relay.source, b.mem[3], "198.51.100.1");
	b.route.tls = CONF_RELAY_TLS_FINGERPRINT;
	r = dlv_route_new("news", &b.route, &b.relay);
	assert_null(dlv_route_fault(r));
	assert_string_equal(r->title, "news");
	assert_int_equal(r->name_count, 2);
	assert_string_equal(r->names[0], "mx.example");
	assert_string_equal(r->names[1], ".example.com");
	assert_int_equal(r->print_count, 1);
	assert_int_equal(r->prints[0][1], 0x11);
	assert_int_equal(r->prints[0][31], 0xff);
	/* In turn, those of the family. */
	assert_string_equal(dlv_route_origin(r, true)->helo, "a.example");
	assert_string_equal(dlv_route_origin(r, true)->helo, "");
	assert_string_equal(dlv_route_origin(r, true)->helo, "a.example");
	assert_false(dlv_route_origin(r, false)->addr.is_v4);
	dlv_route_unref(&r);
	bed_free(&b);
}

static void
route_faults(void **state)
{
	static const struct { size_t list; const char *value, *fault; } bad[] = {
		{ offsetof(struct route_options, fallback), "[", "fallback = \"[\"" },
		{ offsetof(struct route_options, tls_names), "a b", "tls_names = \"a b\"" },
		{ offsetof(struct route_options, tls_fingerprints), "00:11",
		  "tls_fingerprints = \"00:11\"" },
		{ offsetof(struct route_options, tls_fingerprints),
		  "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff00",
		  "tls_fingerprints = \"0011" },
		{ offsetof(struct route_options, source), "mx.example", "source = \"mx" },
		{ offsetof(struct route_options, source), "192.0.2.1=a b", "source = \"192" },
	};

	(void)state;
	for (size_t i = 0; i < lengthof(bad); i++) {
		struct dlv_route *r;
		struct bed b;

		defaults(&b);
		add((struct opt_list *)(void *)((char *)&b.route + bad[i].list), b.mem[0],
		    bad[i].value);
		r = dlv_route_new("bad", &b.route, &b.relay);
		assert_non_null(dlv_route_fault(r));
		assert_true(slice_starts(slice_str(dlv_route_fault(r)), bad[i].fault));
		dlv_route_unref(&r);
		bed_free(&b);
	}
}

/* fingerprint without any would take nobody, or everybody. */
static void
no_fingerprint(void **state)
{
	struct dlv_route *r;
	struct bed b;

	(void)state;
	defaults(&b);
	b.route.tls = CONF_RELAY_TLS_FINGERPRINT;
	r = dlv_route_new("bad", &b.route, &b.relay);
	assert_non_null(dlv_route_fault(r));
	dlv_route_unref(&r);
	bed_free(&b);
}

/* One element more than an option may have is not read past the end. */
static void
list_limit(void **state)
{
	struct dlv_route *r;
	struct bed b;

	(void)state;
	defaults(&b);
	for (unsigned i = 0; i < DLV_LIST_MAX + 1; i++)
		add(&b.route.fallback, b.mem[0], "a.example");
	r = dlv_route_new("many", &b.route, &b.relay);
	assert_int_equal(r->fallback_count, DLV_LIST_MAX);
	dlv_route_unref(&r);
	bed_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_route),
		cmocka_unit_test(route_values),
		cmocka_unit_test(route_faults),
		cmocka_unit_test(no_fingerprint),
		cmocka_unit_test(list_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
