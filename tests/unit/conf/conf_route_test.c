/* SPDX-License-Identifier: ISC */
#include "tests/unit/test.h"

#include <string.h>

#include "lib/base/cc.h"
#include "lib/conf/conf_route.h"

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
		struct conf_hop h;
		enum err e = conf_hop_parse(slice_str(hops[i].text), 25, &h);

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
	struct conf_hop h;

	(void)state;
	/* No byte at any place of a short text does harm. */
	for (unsigned at = 0; at < sizeof(text); at++)
		for (unsigned c = 0; c < 256; c++) {
			memcpy(text, "[a.b]:25", sizeof(text));
			text[at] = (char)c;
			if (conf_hop_parse(slice_of(text, sizeof(text)), 25, &h) == ERR_OK)
				assert_in_range(h.port, 1, 65535);
		}
}

/* A name of DNS's length, and of one more byte. */
static void
hop_name_limit(void **state)
{
	char text[300];
	struct conf_hop h;

	(void)state;
	memset(text, 'a', sizeof(text));
	for (size_t i = 50; i < sizeof(text); i += 50)
		text[i] = '.';
	assert_int_equal(conf_hop_parse(slice_of(text, 255), 25, &h), ERR_OK);
	assert_int_not_equal(conf_hop_parse(slice_of(text, 256), 25, &h), ERR_OK);
}

/* ---- names, digests, own addresses */

static void
name_texts(void **state)
{
	static const struct {
		const char	*text, *name;	/* NULL: refused */
	} names[] = {
		{ "mx.Example", "mx.example" }, { ".Example.com", ".example.com" },
		{ "b\xc3\xbc" "cher.example", "xn--bcher-kva.example" },
		{ "", NULL }, { ".", NULL }, { "..example", NULL }, { "*.example", NULL },
		{ "a b", NULL },
	};
	char mem[CONF_HOP_NAME_MAX + 2];

	(void)state;
	for (size_t i = 0; i < lengthof(names); i++) {
		enum err e = conf_route_name(slice_str(names[i].text), mem);

		assert_int_equal(e == ERR_OK, names[i].name != NULL);
		if (e == ERR_OK)
			assert_string_equal(mem, names[i].name);
	}
}

/* A digest's digits, one less, one more, and each byte at each place. */
static void
print_texts(void **state)
{
	unsigned char mem[CONF_PRINT_BYTES];
	char text[CONF_PRINT_BYTES * 2 + 1];

	(void)state;
	memset(text, 'a', sizeof(text));
	assert_int_equal(conf_route_print(slice_of(text, 64), mem), ERR_OK);
	assert_int_equal(mem[31], 0xaa);
	assert_int_not_equal(conf_route_print(slice_of(text, 63), mem), ERR_OK);
	assert_int_not_equal(conf_route_print(slice_of(text, 62), mem), ERR_OK);
	assert_int_not_equal(conf_route_print(slice_of(text, 65), mem), ERR_OK);
	text[2] = ':';
	assert_int_equal(conf_route_print(slice_of(text, 65), mem), ERR_OK);
	text[3] = 'g';
	assert_int_not_equal(conf_route_print(slice_of(text, 65), mem), ERR_OK);
	assert_int_not_equal(conf_route_print(SLICE_NONE, mem), ERR_OK);
}

static void
origin_texts(void **state)
{
	static const struct {
		const char	*text, *addr, *helo;	/* addr NULL: refused */
	} origins[] = {
		{ "192.0.2.1", "192.0.2.1", "" }, { "[192.0.2.1]", "192.0.2.1", "" },
		{ "2001:db8::1=MX.example", "2001:db8::1", "mx.example" },
		{ "[IPv6:2001:db8::1]=mx.example", "2001:db8::1", "mx.example" },
		{ "192.0.2.1=", "192.0.2.1", "" },
		{ "", NULL, NULL }, { "=mx.example", NULL, NULL }, { "mx.example", NULL, NULL },
		{ "192.0.2.1:25", NULL, NULL }, { "192.0.2.1=a b", NULL, NULL },
		{ "[192.0.2.1", NULL, NULL }, { "[]", NULL, NULL }, { "192.0.2.1=a=b", NULL, NULL },
	};
	char text[CONN_ADDR_TEXT_BYTES];
	struct conf_origin o;

	(void)state;
	for (size_t i = 0; i < lengthof(origins); i++) {
		enum err e = conf_route_origin(slice_str(origins[i].text), &o);

		assert_int_equal(e == ERR_OK, origins[i].addr != NULL);
		if (e != ERR_OK)
			continue;
		conn_addr_ip_str(text, &o.addr);
		assert_string_equal(text, origins[i].addr);
		assert_string_equal(o.helo, origins[i].helo);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hop_texts), cmocka_unit_test(hop_of_any_bytes),
		cmocka_unit_test(hop_name_limit), cmocka_unit_test(name_texts),
		cmocka_unit_test(print_texts), cmocka_unit_test(origin_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
