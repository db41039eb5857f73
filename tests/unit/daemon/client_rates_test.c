/* SPDX-License-Identifier: ISC */
#include "tests/unit/test.h"

#include "lib/daemon/client_rates.h"

#include "lib/base/enc.h"

#define START	5000u

static struct conn_addr
client(const char *ip)
{
	struct conn_addr a;

	assert_int_equal(conn_addr_parse(&a, slice_str(ip), 1), ERR_OK);
	return a;
}

/* To the limit, one more, and again when its time came; each rate for itself. */
static void
test_limit(void **state)
{
	const struct conn_addr a = client("192.0.2.1"), other = client("192.0.2.2");
	struct client_rates r = { .limits = { [CLIENT_RATE_CONNECT] = { 2, 60000 },
	    [CLIENT_RATE_TLS] = { 1, 60000 } } };

	(void)state;
	client_rates_init(&r);
	for (int i = 0; i < 2; i++) {
		assert_false(client_rates_is_spent(&r, CLIENT_RATE_CONNECT, &a, START));
		assert_true(client_rates_take(&r, CLIENT_RATE_CONNECT, &a, START));
	}
	assert_true(client_rates_is_spent(&r, CLIENT_RATE_CONNECT, &a, START));
	assert_false(client_rates_take(&r, CLIENT_RATE_CONNECT, &a, START));
	assert_false(client_rates_is_spent(&r, CLIENT_RATE_TLS, &a, START));
	assert_true(client_rates_take(&r, CLIENT_RATE_TLS, &a, START));
	assert_false(client_rates_take(&r, CLIENT_RATE_TLS, &a, START));
	assert_true(client_rates_take(&r, CLIENT_RATE_CONNECT, &other, START));
	for (int i = 0; i < 1000; i++)
		assert_true(client_rates_take(&r, CLIENT_RATE_AUTH, &a, START));
	assert_true(client_rates_take(&r, CLIENT_RATE_CONNECT, &a, START + 30000));
	assert_false(client_rates_take(&r, CLIENT_RATE_CONNECT, &a, START + 30000));
	client_rates_fini(&r);
}

static void
test_ipv6_is_its_64(void **state)
{
	const struct conn_addr a = client("2001:db8::1"), near = client("2001:db8::ffff:2"),
	    far = client("2001:db8:0:1::1");
	struct client_rates r = { .limits = { [CLIENT_RATE_CONNECT] = { 1, 60000 } } };

	(void)state;
	client_rates_init(&r);
	assert_true(client_rates_take(&r, CLIENT_RATE_CONNECT, &a, START));
	assert_false(client_rates_take(&r, CLIENT_RATE_CONNECT, &near, START));
	assert_true(client_rates_take(&r, CLIENT_RATE_CONNECT, &far, START));
	client_rates_fini(&r);
}

/* One client more than are counted may come as often as it likes; the others may not. */
static void
test_bounded(void **state)
{
	struct conn_addr a = client("10.0.0.0"), first = a;
	struct client_rates r = { .limits = { [CLIENT_RATE_CONNECT] = { 1, 60000 } } };

	(void)state;
	client_rates_init(&r);
	for (uint32_t i = 0; i < CLIENT_RATES_MAX; i++) {
		enc_be32(a.ip + 12, 0x0a000000u + i);
		assert_true(client_rates_take(&r, CLIENT_RATE_CONNECT, &a, START));
	}
	enc_be32(a.ip + 12, 0x0a000000u + CLIENT_RATES_MAX);
	for (int i = 0; i < 3; i++)
		assert_true(client_rates_take(&r, CLIENT_RATE_CONNECT, &a, START));
	assert_int_equal(r.tables[CLIENT_RATE_CONNECT].keys.count, CLIENT_RATES_MAX);
	assert_false(client_rates_take(&r, CLIENT_RATE_CONNECT, &first, START));
	client_rates_fini(&r);
}

static void
test_names(void **state)
{
	(void)state;
	assert_string_equal(client_rates_name(CLIENT_RATE_CONNECT), "client_connection_rate_limit");
	assert_string_equal(client_rates_name(CLIENT_RATE_TLS), "client_new_tls_session_rate_limit");
	assert_string_equal(client_rates_name(CLIENT_RATE_AUTH), "client_auth_rate_limit");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_ipv6_is_its_64),
		cmocka_unit_test(test_bounded),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
