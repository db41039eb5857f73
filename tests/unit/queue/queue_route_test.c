/* SPDX-License-Identifier: ISC */
#include "tests/unit/test.h"

#include <string.h>

#include "lib/base/cc.h"
#include "lib/conf/conf_sections.h"
#include "queue/queue_route.h"

static struct opt_list
list_of(const char *const *all)
{
	static char *store[8][8];
	static unsigned next;
	struct opt_list l = { .v = store[next++ % 8] };

	for (; *all != NULL; all++)
		l.v[l.n++] = (char *)(uintptr_t)*all;
	return l;
}

#define LIST(...)	list_of((const char *const []){ __VA_ARGS__, NULL })

static void
add(struct queue_routes *r, const char *title, struct opt_list to, struct opt_list from,
    const char *relay)
{
	char host[100];
	struct route_options o = { .to = to, .from = from, .relay = host,
	    .destination_concurrency_limit = 7, .destination_rate = { 10, 60000 } };

	assert_true(slice_to_cstr(slice_str(relay), host, sizeof(host)));
	queue_route_add(r, title, &o);
}

static void
test_first_match(void **state)
{
	static const struct { const char *sender, *rcpt, *title, *hop; } cases[] = {
		{ "a@here.example", "x@bank.example", "bank", "mx.bank.example:587" },
		{ "a@here.example", "x@BANK.example", "bank", "mx.bank.example:587" },
		{ "a@here.example", "x@sub.bank.example", "below", "sub.bank.example" },
		{ "a@here.example", "x@a.b.bank.example", "below", "a.b.bank.example" },
		{ "a@here.example", "x@notbank.example", "rest", "[192.0.2.1]" },
		{ "a@here.example", "boss@far.example", "one", "boss.example" },
		{ "a@here.example", "Boss@far.example", "one", "boss.example" },
		{ "a@here.example", "other@far.example", "rest", "[192.0.2.1]" },
		{ "", "x@far.example", "null", "far.example" },
		{ "a@Partner.example", "x@far.example", "partner", "far.example" },
		{ "a@M\xc3\xbcnchen.example", "x@far.example", "idn", "far.example" },
		{ "a@xn--mnchen-3ya.example", "x@far.example", "idn", "far.example" },
		{ "a@here.example", "x@[192.0.2.9]", "rest", "[192.0.2.1]" },
	};
	const struct opt_list any = { 0 };
	const struct queue_route *found;
	struct queue_routes r;
	size_t i;

	(void)state;
	queue_route_init(&r);
	assert_null(queue_route_find(&r, SLICE_NONE, SLICE_LIT("x@y")));
	assert_slice(queue_route_hop(NULL, SLICE_LIT("x@y")), "y");
	add(&r, "bank", LIST("nothing here@", "bank.example"), any, "mx.bank.example:587");
	add(&r, "below", LIST(".bank.example"), any, "");
	add(&r, "one", LIST("boss@far.example"), any, "boss.example");
	add(&r, "null", any, LIST("<>"), "");
	add(&r, "partner", any, LIST("partner.example"), "");
	add(&r, "idn", any, LIST("m\xc3\xbcnchen.example"), "");
	add(&r, "rest", LIST("*"), LIST("*"), "[192.0.2.1]");
	for (i = 0; i < lengthof(cases); i++) {
		found = queue_route_find(&r, slice_str(cases[i].sender), slice_str(cases[i].rcpt));
		assert_non_null(found);
		assert_string_equal(found->title, cases[i].title);
		assert_slice(queue_route_hop(found, slice_str(cases[i].rcpt)), cases[i].hop);
		assert_int_equal(found->concurrency, 7);
		assert_int_equal(found->rate.count, 10);
	}
	found = queue_route_titled(&r, SLICE_LIT("null"));
	assert_string_equal(found->title, "null");
	assert_null(queue_route_titled(&r, SLICE_LIT("nul")));
	queue_route_fini(&r);
}

/* No pattern at all matches nothing; nobody's domain is inside another name. */
static void
test_no_match(void **state)
{
	static const char *const rcpts[] = { "x@bank.example.org", "x@abank.example", "x",
	    "bank.example@far.example", "x@far.example" };
	const struct opt_list any = { 0 };
	struct queue_routes r;
	size_t i;

	(void)state;
	queue_route_init(&r);
	add(&r, "a", LIST("bank.example", "@", "..", ".", "a b"), any, "");
	add(&r, "b", any, LIST("<>"), "");
	for (i = 0; i < lengthof(rcpts); i++)
		assert_null(queue_route_find(&r, SLICE_LIT("a@b.example"), slice_str(rcpts[i])));
	queue_route_fini(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_match),
		cmocka_unit_test(test_no_match),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
