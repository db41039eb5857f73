/* SPDX-License-Identifier: ISC */
#include "tests/unit/test.h"

#include <string.h>

#include "delivery/dlv_route.h"

/* ---- next hops */

static const struct {
	const char	*text;
	const char	*host;		/* NULL: refused */
	const char	*addr;		/* of an address */
	uint16_t	 port;
	bool		 has_mx;
} hops[] = {
	{ "example.com", "example.com", NULL, 25, true },
	{ "Example.COM.", "example.com", NULL, 25, true },
	{ "mx.example:587", "mx.example", NULL, 587, true },
	{ "b\xc3\xbc" "cher.example", "xn--bcher-kva.example", NULL, 25, true },
	{ "[mx.example]", "mx.example", NULL, 25, false },
	{ "[mx.example]:587", "mx.example", NULL, 587, false },
	{ "[192.0.2.1]", "", "[192.0.2.1]:25", 25, false },
	{ "[192.0.2.1]:65535", "", "[192.0.2.1]:65535", 65535, false },
	{ "[2001:db8::1]:2525", "", "[2001:db8::1]:2525", 2525, false },
	{ "[IPv6:2001:db8::1]", "", "[2001:db8::1]:25", 25, false },
	{ "[ipv6:2001:DB8::1]", "", "[2001:db8::1]:25", 25, false },
	{ "", NULL, NULL, 0, false },
	{ ".", NULL, NULL, 0, false },
	{ ":25", NULL, NULL, 0, false },
	{ "[]", NULL, NULL, 0, false },
	{ "[", NULL, NULL, 0, false },
	{ "[192.0.2.1", NULL, NULL, 0, false },
	{ "[192.0.2.1]25", NULL, NULL, 0, false },
	{ "[192.0.2.1]:", NULL, NULL, 0, false },
	{ "[192.0.2.1]:0", NULL, NULL, 0, false },
	{ "[192.0.2.1]:65536", NULL, NULL, 0, false },
	{ "[[192.0.2.1]]", NULL, NULL, 0, false },
	{ "mx.example:", NULL, NULL, 0, false },
	{ "mx.example:25:25", NULL, NULL, 0, false },
	{ "2001:db8::1", NULL, NULL, 0, false },
	{ "a b", NULL, NULL, 0, false },
	{ "-", NULL, NULL, 0, false },
};

static void
hop_texts(void **state)
{
	(void)state;
	for (size_t i = 0; i < lengthof(hops); i++) {
		char text[CONN_ADDR_TEXT_BYTES];
		struct dlv_hop h;
		enum err e = dlv_hop_parse(slice_str(hops[i].text), 25, &h);

		if (hops[i].host == NULL) {
			assert_int_not_equal(e, ERR_OK);
			continue;
		}
		assert_int_equal(e, ERR_OK);
		assert_string_equal(h.host, hops[i].host);
		assert_int_equal(h.port, hops[i].port);
		assert_int_equal(h.has_mx, hops[i].has_mx);
		assert_int_equal(h.is_address, hops[i].addr != NULL);
		if (hops[i].addr == NULL)
			continue;
		conn_addr_str(text, &h.addr);
		assert_string_equal(text, hops[i].addr);
	}
}

static void
hop_of_any_bytes(void **state)
{
	char text[8];
	struct dlv_hop h;

	(void)state;
	/* No byte at any place of a short text does harm. */
	for (unsigned at = 0; at < sizeof(text); at++)
		for (unsigned c = 0; c < 256; c++) {
			memcpy(text, "[a.b]:25", sizeof(text));
			text[at] = (char)c;
			if (dlv_hop_parse(slice_of(text, sizeof(text)), 25, &h) == ERR_OK)
				assert_in_range(h.port, 1, 65535);
		}
}

/* A name of DNS's length, and of one more byte. */
static void
hop_name_limit(void **state)
{
	char text[300];
	struct dlv_hop h;

	(void)state;
	memset(text, 'a', sizeof(text));
	for (size_t i = 50; i < sizeof(text); i += 50)
		text[i] = '.';
	assert_int_equal(dlv_hop_parse(slice_of(text, 255), 25, &h), ERR_OK);
	assert_int_not_equal(dlv_hop_parse(slice_of(text, 256), 25, &h), ERR_OK);
}

/* ---- routes */

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
		cmocka_unit_test(hop_texts),
		cmocka_unit_test(hop_of_any_bytes),
		cmocka_unit_test(hop_name_limit),
		cmocka_unit_test(no_route),
		cmocka_unit_test(route_values),
		cmocka_unit_test(route_faults),
		cmocka_unit_test(no_fingerprint),
		cmocka_unit_test(list_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
