/* SPDX-License-Identifier: ISC */
/*
 * Names, resolv.conf, the cache and the choice of server: all without a clock.
 */
#include <stdio.h>
#include <string.h>

#include "tests/unit/test.h"

#include "lib/dns/dns_answer_priv.h"
#include "lib/dns/dns_cache.h"
#include "lib/dns/dns_name.h"
#include "lib/dns/dns_resolv_conf.h"
#include "lib/dns/dns_server.h"

#define LABEL_63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

/* ---- names ---- */

static void
names(void **state)
{
	static const struct { const char *name, *normal; } rows[] = {
		{ "Example.ORG", "example.org" }, { "example.org.", "example.org" },
		{ "_25._tcp.mx-1.example", "_25._tcp.mx-1.example" },
		{ "localhost", "localhost" }, { "1.example", "1.example" },
		{ LABEL_63 ".example", LABEL_63 ".example" },
		{ "xn--bcher-kva.example", "xn--bcher-kva.example" },
		{ "", NULL }, { ".", NULL }, { "a..b", NULL }, { ".a", NULL },
		{ "a..", NULL }, { LABEL_63 "a.example", NULL },
		{ "a b.example", NULL }, { "a\\032b.example", NULL },
		{ "b\xc3\xbc" "cher.example", NULL },
		{ "192.0.2.1", NULL }, { "192.0.2.1.", NULL }, { "1", NULL },
		{ "[192.0.2.1]", NULL }, { "2001:db8::1", NULL },
		{ "example.1", NULL },
	};
	struct dns_name d;

	(void)state;
	for (size_t i = 0; i < lengthof(rows); i++) {
		enum err e = dns_name_read(&d, slice_str(rows[i].name));

		assert_int_equal(e, rows[i].normal != NULL ? ERR_OK : ERR_SYNTAX);
		if (e == ERR_OK)
			assert_slice(dns_name_slice(&d), rows[i].normal);
	}
	assert_int_equal(dns_name_read(&d, slice_of("a\0b", 3)), ERR_SYNTAX);
}

static void
longest_name(void **state)
{
	static const char label[] = LABEL_63 ".";
	uint8_t wire[DNS_NAME_WIRE_MAX];
	char text[300];
	struct dns_name d;

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = label[i % 64];
	assert_int_equal(dns_name_read(&d, slice_of(text, 253)), ERR_OK);
	assert_int_equal(dns_name_wire(&d, wire), 255);
	assert_int_equal(wire[0], 63);
	assert_int_equal(wire[254], 0);
	assert_int_equal(dns_name_read(&d, slice_of(text, 254)), ERR_SYNTAX);
}

static void
names_from_the_wire(void **state)
{
	static const uint8_t odd[] = "\3A.b\2\xff\\\1c";
	uint8_t wire[DNS_NAME_WIRE_MAX + 1] = { 0 };
	struct buf b;

	(void)state;
	buf_init(&b, DNS_NAME_PUT_MAX);
	assert_int_equal(dns_name_put(&b, odd, sizeof(odd)), ERR_OK);
	assert_slice(buf_slice(&b), "a\\046b.\\255\\092.c");
	/* cut anywhere it is no name */
	for (size_t n = 0; n < sizeof(odd); n++) {
		buf_reset(&b);
		assert_int_equal(dns_name_put(&b, odd, n), ERR_SYNTAX);
	}
	buf_reset(&b);
	assert_int_equal(dns_name_put(&b, (const uint8_t *)"", 1), ERR_OK);
	assert_int_equal(b.n, 0);
	for (size_t at = 0; at < 254; at += 64) {
		wire[at] = at < 192 ? 63 : 61;
		memset(wire + at + 1, 0xff, wire[at]);
	}
	assert_int_equal(dns_name_put(&b, wire, 255), ERR_OK);
	assert_true(b.n <= DNS_NAME_PUT_MAX);
	assert_int_equal(dns_name_put(&b, wire, 256), ERR_SYNTAX);
	wire[0] = 64;
	assert_int_equal(dns_name_put(&b, wire, 255), ERR_SYNTAX);
	buf_fini(&b);
}

/* ---- resolv.conf ---- */

static void
assert_server(const struct dns_config *c, unsigned idx, const char *text)
{
	char got[CONN_ADDR_TEXT_BYTES];

	assert_true(idx < c->server_count);
	conn_addr_str(got, &c->servers[idx]);
	assert_string_equal(got, text);
}

static void
resolv_conf(void **state)
{
	static const char text[] =
	    "# comment\n; another\nsearch example.org\n"
	    "nameserver 192.0.2.1\nnameserver\t2001:db8::1  \r\n"
	    " nameserver 192.0.2.2 # trailing\n"
	    "nameserver nonsense\nnameserver\nnameserver fe80::1%eth0\n"
	    "nameservers 192.0.2.3\n"
	    "options rotate timeout:2 attempts:4 ndots:1 timeout:x\n"
	    "options edns0 timeout:\nnameserver 192.0.2.4";
	struct dns_config c = { .timeout_ms = 5000, .attempts = 3,
		.server_count = 7 };

	(void)state;
	dns_resolv_conf_parse(slice_str(text), &c);
	assert_int_equal(c.server_count, 4);
	assert_server(&c, 0, "[192.0.2.1]:53");
	assert_server(&c, 1, "[2001:db8::1]:53");
	assert_server(&c, 2, "[192.0.2.2]:53");
	assert_server(&c, 3, "[192.0.2.4]:53");
	assert_int_equal(c.timeout_ms, 2000);
	assert_int_equal(c.attempts, 4);
	/* what says nothing changes nothing, and means this host */
	dns_resolv_conf_parse(SLICE_NONE, &c);
	assert_int_equal(c.server_count, 1);
	assert_server(&c, 0, "[127.0.0.1]:53");
	assert_int_equal(c.timeout_ms, 2000);
	dns_resolv_conf_parse(slice_str("options timeout:99 attempts:99"), &c);
	assert_int_equal(c.timeout_ms, 30000);
	assert_int_equal(c.attempts, 5);
	dns_resolv_conf_parse(slice_str("options timeout:0 attempts:0"), &c);
	assert_int_equal(c.timeout_ms, 30000);
	assert_int_equal(c.attempts, 5);
}

static void
resolv_conf_limits(void **state)
{
	struct dns_config c = { .timeout_ms = 1 };
	struct buf b;

	(void)state;
	buf_init(&b, 1u << 20);
	for (unsigned i = 1; i <= DNS_SERVERS_MAX + 1; i++)
		buf_printf(&b, "nameserver 192.0.2.%u\n", i);
	dns_resolv_conf_parse(buf_slice(&b), &c);
	assert_int_equal(c.server_count, DNS_SERVERS_MAX);
	assert_server(&c, 7, "[192.0.2.8]:53");
	buf_reset(&b);
	while (b.n < DNS_RESOLV_CONF_BYTES_MAX)
		buf_put_char(&b, '\n');
	buf_put_str(&b, "nameserver 192.0.2.1\n");
	dns_resolv_conf_parse(buf_slice(&b), &c);
	assert_server(&c, 0, "[127.0.0.1]:53");
	/* cut anywhere it is read without harm */
	buf_reset(&b);
	buf_put_str(&b, "nameserver 192.0.2.1\noptions timeout:3 attempts:2\n");
	for (size_t n = 0; n <= b.n; n++)
		dns_resolv_conf_parse(slice_head(buf_slice(&b), n), &c);
	assert_int_equal(c.timeout_ms, 3000);
	buf_fini(&b);
}

/* ---- cache ---- */

static void
put(struct dns_cache *c, const char *name, enum dns_type type,
    enum dns_status status, uint64_t until_ms)
{
	struct dns_answer *a = dns_answer_new(status, slice_str(name), NULL, 0);

	dns_cache_put(c, slice_str(name), type, a, until_ms);
	dns_answer_unref(&a);
}

static bool
has(struct dns_cache *c, const char *name, enum dns_type type, uint64_t now_ms)
{
	return dns_cache_find(c, slice_str(name), type, now_ms) != NULL;
}

static void
cache_by_time(void **state)
{
	struct dns_cache c;
	struct dns_answer *kept;

	(void)state;
	dns_cache_init(&c, 10, 1u << 20);
	put(&c, "a.example", DNS_A, DNS_NXDOMAIN, 100);
	assert_true(has(&c, "a.example", DNS_A, 99));
	assert_false(has(&c, "a.example", DNS_AAAA, 99));
	assert_false(has(&c, "b.example", DNS_A, 99));
	put(&c, "a.example", DNS_A, DNS_NODATA, 200);	/* replaces */
	assert_int_equal(dns_cache_find(&c, slice_str("a.example"), DNS_A,
	    199)->status, DNS_NODATA);
	kept = dns_answer_ref(dns_cache_find(&c, slice_str("a.example"),
	    DNS_A, 199));
	assert_false(has(&c, "a.example", DNS_A, 200));
	assert_int_equal(c.map.count, 0);
	assert_int_equal(c.bytes, 0);
	assert_slice(kept->name, "a.example");	/* outlives the cache's own */
	dns_answer_unref(&kept);
	dns_cache_fini(&c);
}

static void
cache_by_use(void **state)
{
	struct dns_cache c;
	char name[32];
	size_t each;

	(void)state;
	dns_cache_init(&c, 3, 1u << 20);
	put(&c, "a", DNS_A, DNS_NODATA, 100);
	each = c.bytes;
	put(&c, "b", DNS_A, DNS_NODATA, 100);
	put(&c, "c", DNS_A, DNS_NODATA, 100);
	assert_true(has(&c, "a", DNS_A, 1));	/* now b is the oldest */
	put(&c, "d", DNS_A, DNS_NODATA, 100);
	assert_int_equal(c.map.count, 3);
	assert_false(has(&c, "b", DNS_A, 1));
	assert_true(has(&c, "a", DNS_A, 1) && has(&c, "c", DNS_A, 1) &&
	    has(&c, "d", DNS_A, 1));
	dns_cache_set_limit(&c, 1);
	assert_int_equal(c.map.count, 1);
	assert_true(has(&c, "d", DNS_A, 1));
	dns_cache_set_limit(&c, 0);
	put(&c, "a", DNS_A, DNS_NODATA, 100);
	assert_int_equal(c.map.count, 0);
	dns_cache_fini(&c);
	/* bytes count as well */
	dns_cache_init(&c, 1000, 10 * each);
	for (unsigned i = 0; i < 100; i++) {
		(void)snprintf(name, sizeof(name), "%c", 'a' + (char)(i % 26));
		put(&c, name, DNS_A, DNS_NODATA, 100);
		assert_true(c.bytes <= 10 * each);
	}
	assert_int_equal(c.map.count, 10);
	dns_cache_clear(&c);
	assert_int_equal(c.bytes, 0);
	dns_cache_fini(&c);
}

/* ---- servers ---- */

static void
servers_take_turns(void **state)
{
	struct conn_addr addrs[3] = {
		{ .is_inet = true, .port = 1 }, { .is_inet = true, .port = 2 },
		{ .is_inet = true, .port = 3 },
	};
	uint8_t tries[DNS_SERVERS_MAX] = { 0 };
	struct dns_servers s;

	(void)state;
	dns_server_init(&s, addrs, 3);
	assert_int_equal(dns_server_pick(&s, tries, 1, 0), 0);
	assert_int_equal(dns_server_pick(&s, tries, 1, 0), 1);
	assert_int_equal(dns_server_pick(&s, tries, 1, 0), 2);
	assert_int_equal(dns_server_pick(&s, tries, 1, 0), 0);
	/* one that was not tried comes before one that was */
	tries[1] = 1;
	assert_int_equal(dns_server_pick(&s, tries, 2, 0), 2);
	assert_int_equal(dns_server_pick(&s, tries, 2, 0), 0);
	tries[0] = tries[2] = 2;
	assert_int_equal(dns_server_pick(&s, tries, 2, 0), 1);
	tries[1] = 2;
	assert_int_equal(dns_server_pick(&s, tries, 2, 0), -1);
	assert_true(dns_server_same(&s, addrs, 3));
	assert_false(dns_server_same(&s, addrs, 2));
	addrs[2].port = 4;
	assert_false(dns_server_same(&s, addrs, 3));
	dns_server_init(&s, addrs, 0);
	assert_int_equal(dns_server_pick(&s, tries, 9, 0), -1);
}

static void
silent_servers_stand_back(void **state)
{
	const struct conn_addr addrs[2] = { { .port = 1 }, { .port = 2 } };
	uint8_t tries[DNS_SERVERS_MAX] = { 0 };
	struct dns_servers s;
	uint64_t now = 1000, span = DNS_SERVER_BACK_MS;

	(void)state;
	dns_server_init(&s, addrs, 2);
	assert_false(dns_server_failed(&s, 0, now));	/* once is nothing */
	assert_int_equal(dns_server_pick(&s, tries, 1, now), 0);
	assert_false(dns_server_answered(&s, 0));
	assert_false(dns_server_failed(&s, 0, now));
	assert_true(dns_server_failed(&s, 0, now));
	assert_false(dns_server_failed(&s, 0, now));	/* under way already */
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(dns_server_pick(&s, tries, 1, now), 1);
	tries[1] = 1;		/* it did not help */
	assert_int_equal(dns_server_pick(&s, tries, 1, now), 0);
	tries[1] = 0;
	/* twice as long each time, up to a limit */
	for (unsigned i = 0; i < 20; i++) {
		now += span;
		assert_int_equal(dns_server_pick(&s, tries, 1, now), i % 2 == 0 ? 1 : 0);
		(void)dns_server_pick(&s, tries, 1, now);
		(void)dns_server_pick(&s, tries, 1, now);
		assert_false(dns_server_failed(&s, 0, now));
		span = span * 2 < DNS_SERVER_BACK_MAX_MS ? span * 2 :
		    DNS_SERVER_BACK_MAX_MS;
		assert_int_equal(s.v[0].back_at_ms, now + span);
	}
	assert_true(dns_server_answered(&s, 0));
	assert_int_equal(s.v[0].back_at_ms, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(longest_name),
		cmocka_unit_test(names_from_the_wire),
		cmocka_unit_test(resolv_conf),
		cmocka_unit_test(resolv_conf_limits),
		cmocka_unit_test(cache_by_time),
		cmocka_unit_test(cache_by_use),
		cmocka_unit_test(servers_take_turns),
		cmocka_unit_test(silent_servers_stand_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
