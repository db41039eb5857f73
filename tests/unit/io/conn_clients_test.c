/* SPDX-License-Identifier: ISC */
#include "tests/unit/test.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "lib/io/conn_clients.h"

static struct conn_addr
v6(const char *text, uint16_t port)
{
	struct sockaddr_in6 sa = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	struct conn_addr a;

	assert_int_equal(inet_pton(AF_INET6, text, &sa.sin6_addr), 1);
	conn_addr_from(&a, (const struct sockaddr *)(const void *)&sa);
	return a;
}

static void
test_counts(void **state)
{
	struct conn_addr a = v6("2001:db8::1", 1), b = v6("2001:db8::2", 2),
	    far = v6("2001:db8:0:1::1", 1), again = v6("2001:db8::1", 9);
	struct conn_clients c;

	(void)state;
	conn_clients_init(&c);
	conn_clients_enter(&c, &a);
	conn_clients_enter(&c, &again);
	conn_clients_enter(&c, &b);
	conn_clients_enter(&c, &far);
	assert_int_equal(conn_clients_of_ip(&c, &a), 2);
	assert_int_equal(conn_clients_of_ip(&c, &b), 1);
	assert_int_equal(conn_clients_of_net(&c, &a), 3);
	assert_int_equal(conn_clients_of_net(&c, &far), 1);
	conn_clients_leave(&c, &a);
	conn_clients_leave(&c, &a);
	assert_int_equal(conn_clients_of_ip(&c, &a), 0);
	assert_int_equal(conn_clients_of_net(&c, &b), 1);
	conn_clients_leave(&c, &b);
	conn_clients_leave(&c, &far);
	conn_clients_fini(&c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
