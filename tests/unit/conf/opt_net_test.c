/* SPDX-License-Identifier: ISC */
#include "tests/unit/test.h"

#include "lib/base/cc.h"
#include "lib/conf/opt_net.h"

static void
test_has(void **state)
{
	static const struct {
		const char	*net, *ip;
		bool		 has;
	} rows[] = {
		{ "10.0.0.0/8", "10.255.1.2", true }, { "10.0.0.0/8", "11.0.0.0", false },
		{ "10.0.0.0/8", "::ffff:10.1.1.1", true }, { "192.0.2.7", "192.0.2.7", true },
		{ "192.0.2.7", "192.0.2.8", false }, { "0.0.0.0/0", "255.255.255.255", true },
		{ "0.0.0.0/0", "::1", false }, { "::/0", "1.2.3.4", true },
		{ "2001:db8::/33", "2001:db8:7fff::1", true },
		{ "2001:db8::/33", "2001:db8:8000::1", false },
		{ "[2001:db8::]/32", "[2001:db8::1]", true }, { "::1", "::1", true },
		{ "10.64.0.0/10", "10.127.255.255", true }, { "10.64.0.0/10", "10.128.0.0", false },
	};

	(void)state;
	for (size_t i = 0; i < lengthof(rows); i++) {
		unsigned char ip[16];
		struct opt_net net;

		assert_int_equal(opt_net_parse(slice_str(rows[i].net), &net), ERR_OK);
		assert_int_equal(opt_net_parse_ip(slice_str(rows[i].ip), ip), ERR_OK);
		assert_int_equal(opt_net_has(&net, ip), rows[i].has);
	}
}

static void
test_refused(void **state)
{
	static const char *const nets[] = { "", "10.0.0.0/33", "10.0.0.1/8", "::1/64", "::/129",
	    "10.0.0.0/", "10.0.0.0/-1", "10.0.0/8", "x", "10.0.0.0/8/8", "1.2.3.4:25" };
	static const char *const addrs[] = { "", "25", ":25", "*", "*:", "*:0", "*:65536", "*:x",
	    "1.2.3.4", "::1:25", "[1.2.3.4]:25", "[::ffff:1.2.3.4]:25", "host:25", "[::1]", "[::1]25" };
	struct opt_net_addr a;
	struct opt_net n;

	(void)state;
	for (size_t i = 0; i < lengthof(nets); i++)
		assert_int_equal(opt_net_parse(slice_str(nets[i]), &n), ERR_SYNTAX);
	for (size_t i = 0; i < lengthof(addrs); i++)
		assert_int_equal(opt_net_parse_addr(slice_str(addrs[i]), &a), ERR_SYNTAX);
}

static void
test_addresses(void **state)
{
	struct opt_net_addr a;

	(void)state;
	assert_int_equal(opt_net_parse_addr(SLICE_LIT("*:65535"), &a), ERR_OK);
	assert_int_equal(a.host, OPT_NET_ANY);
	assert_int_equal(a.port, 65535);
	assert_int_equal(opt_net_parse_addr(SLICE_LIT("192.0.2.1:25"), &a), ERR_OK);
	assert_int_equal(a.host, OPT_NET_V4);
	assert_memory_equal(a.addr, "\xc0\0\2\1", 4);
	assert_int_equal(opt_net_parse_addr(SLICE_LIT("[::1]:1"), &a), ERR_OK);
	assert_int_equal(a.host, OPT_NET_V6);
	assert_int_equal(a.addr[15], 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_has),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_addresses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
