/* SPDX-License-Identifier: ISC */
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

#include "delivery/dlv_mx.h"

#define RECORDS	200

struct fake {
	struct dns_answer	a;
	struct dns_record	r[RECORDS];
	char			names[RECORDS][40];
};

static void
start(struct fake *f, enum dns_status s)
{
	memset(f, 0, sizeof(*f));
	f->a = (struct dns_answer){ .status = s, .records = f->r };
	if (s == DNS_SERVFAIL)
		f->a.reason = "validation failed";
}

static void
add_mx(struct fake *f, unsigned preference, const char *name)
{
	struct dns_record *r = &f->r[f->a.count];

	(void)snprintf(f->names[f->a.count], sizeof(f->names[0]), "%s", name);
	r->preference = (uint16_t)preference;
	r->data = slice_str(f->names[f->a.count]);
	f->a.count++;
}

static void
add_addr(struct fake *f, const char *ip)
{
	assert_int_equal(conf_hop_parse_ip(slice_str(ip), &f->r[f->a.count].addr), ERR_OK);
	f->a.count++;
}

static enum err
read_mx(struct dlv_mx *mx, struct fake *f, uint64_t seed, struct dlv_verdict *v)
{
	return dlv_mx_read(mx, SLICE_LIT("example.com"), &f->a, seed, v);
}

static void
mx_in_order(void **state)
{
	unsigned first_b = 0, first_c = 0;
	struct dlv_verdict v;
	struct dlv_mx mx;
	struct fake f;

	(void)state;
	dlv_mx_init(&mx);
	for (uint64_t seed = 0; seed < 100; seed++) {
		start(&f, DNS_OK);
		add_mx(&f, 0, "a.example");
		add_mx(&f, 10, "b.example");
		add_mx(&f, 10, "c.example");
		add_mx(&f, 65535, "d.example");
		f.a.is_secure = seed % 2 == 0;
		assert_int_equal(read_mx(&mx, &f, seed, &v), ERR_OK);
		assert_int_equal(mx.count, 4);
		assert_int_equal(mx.is_secure, seed % 2 == 0);
		assert_string_equal(mx.hosts[0].name, "a.example");
		assert_string_equal(mx.hosts[3].name, "d.example");
		first_b += strcmp(mx.hosts[1].name, "b.example") == 0;
		first_c += strcmp(mx.hosts[1].name, "c.example") == 0;
		assert_int_equal(dlv_mx_group_end(&mx, 0), 1);
		assert_int_equal(dlv_mx_group_end(&mx, 1), 3);
		assert_int_equal(dlv_mx_group_end(&mx, 3), 4);
	}
	assert_int_equal(first_b + first_c, 100);
	assert_true(first_b > 20 && first_c > 20);
	dlv_mx_fini(&mx);
}

/* The same seed gives the same order, so that a run can be done again. */
static void
mx_seeded(void **state)
{
	struct dlv_mx one, two;
	struct dlv_verdict v;
	struct fake f;

	(void)state;
	dlv_mx_init(&one);
	dlv_mx_init(&two);
	start(&f, DNS_OK);
	for (unsigned i = 0; i < 10; i++) {
		char name[20];

		(void)snprintf(name, sizeof(name), "mx%u.example", i);
		add_mx(&f, 5, name);
	}
	assert_int_equal(read_mx(&one, &f, 77, &v), ERR_OK);
	assert_int_equal(read_mx(&two, &f, 77, &v), ERR_OK);
	for (unsigned i = 0; i < 10; i++)
		assert_string_equal(one.hosts[i].name, two.hosts[i].name);
	dlv_mx_fini(&one);
	dlv_mx_fini(&two);
}

static void
mx_limit(void **state)
{
	struct dlv_verdict v;
	struct dlv_mx mx;
	struct fake f;

	(void)state;
	dlv_mx_init(&mx);
	start(&f, DNS_OK);
	for (unsigned i = 0; i < DLV_MX_MAX + 1; i++) {
		char name[20];

		(void)snprintf(name, sizeof(name), "mx%u.example", i);
		add_mx(&f, i, name);
	}
	assert_int_equal(read_mx(&mx, &f, 1, &v), ERR_OK);
	assert_int_equal(mx.count, DLV_MX_MAX);
	/* The same host twice, and the root among others, count for nothing. */
	start(&f, DNS_OK);
	add_mx(&f, 1, "a.example");
	add_mx(&f, 2, "A.example");
	add_mx(&f, 3, "");
	assert_int_equal(read_mx(&mx, &f, 1, &v), ERR_OK);
	assert_int_equal(mx.count, 1);
	dlv_mx_fini(&mx);
}

static void
mx_absent(void **state)
{
	struct dlv_verdict v;
	struct dlv_mx mx;
	struct fake f;

	(void)state;
	dlv_mx_init(&mx);
	/* RFC 7505: null MX */
	start(&f, DNS_OK);
	add_mx(&f, 0, "");
	assert_int_not_equal(read_mx(&mx, &f, 1, &v), ERR_OK);
	assert_int_equal(err_class(v.error), ERR_CLASS_PERM);
	assert_string_equal(v.dsn, "5.1.10");
	/* no MX: the domain itself; not so when nobody could say */
	start(&f, DNS_NODATA);
	f.a.is_secure = true;
	assert_int_equal(read_mx(&mx, &f, 1, &v), ERR_OK);
	assert_int_equal(mx.count, 1);
	assert_string_equal(mx.hosts[0].name, "example.com");
	assert_true(mx.is_secure);
	f.a.is_secure = false;
	assert_int_equal(read_mx(&mx, &f, 1, &v), ERR_OK);
	assert_false(mx.is_secure);
	start(&f, DNS_SERVFAIL);
	assert_int_not_equal(read_mx(&mx, &f, 1, &v), ERR_OK);
	assert_int_equal(err_class(v.error), ERR_CLASS_TEMP);
	assert_string_equal(v.dsn, "4.4.3");
	assert_string_equal(v.text, "MX lookup of example.com failed: validation failed");
	start(&f, DNS_NXDOMAIN);
	assert_int_not_equal(read_mx(&mx, &f, 1, &v), ERR_OK);
	assert_int_equal(err_class(v.error), ERR_CLASS_PERM);
	assert_string_equal(v.dsn, "5.1.2");
	dlv_mx_fini(&mx);
}

/* ---- loops */

static struct dlv_self *
self_of(const char *listener)
{
	struct dlv_self *self = dlv_self_new("mx.here.example");
	struct conn_addr a;

	assert_int_equal(conf_hop_parse_ip(SLICE_LIT("192.0.2.7"), &a), ERR_OK);
	dlv_self_add_interface(self, &a);
	assert_int_equal(dlv_self_add_listener(self, slice_str(listener)), ERR_OK);
	return self;
}

static void
loop_by_name(void **state)
{
	struct dlv_self *self = self_of("*:25");
	struct dlv_verdict v;
	struct dlv_mx mx;
	struct fake f;

	(void)state;
	dlv_mx_init(&mx);
	start(&f, DNS_OK);
	add_mx(&f, 5, "a.example");
	add_mx(&f, 10, "b.example");
	add_mx(&f, 10, "MX.here.example");
	add_mx(&f, 20, "c.example");
	assert_int_equal(read_mx(&mx, &f, 1, &v), ERR_OK);
	assert_int_equal(dlv_mx_cut_self(&mx, self, 2525, SLICE_LIT("example.com"), &v), ERR_OK);
	assert_int_equal(mx.count, 4);
	assert_int_equal(dlv_mx_cut_self(&mx, self, 25, SLICE_LIT("example.com"), &v), ERR_OK);
	/* the equals and the worse went with it */
	assert_int_equal(mx.count, 1);
	assert_true(mx.was_cut);
	assert_string_equal(mx.hosts[0].name, "a.example");
	start(&f, DNS_OK);
	add_mx(&f, 10, "mx.here.example");
	add_mx(&f, 20, "c.example");
	assert_int_equal(read_mx(&mx, &f, 1, &v), ERR_OK);
	assert_int_not_equal(dlv_mx_cut_self(&mx, self, 25, SLICE_LIT("example.com"), &v),
	    ERR_OK);
	assert_int_equal(err_class(v.error), ERR_CLASS_PERM);
	assert_string_equal(v.dsn, "5.4.6");
	assert_string_equal(v.text, "Mail for example.com loops back to myself");
	dlv_mx_fini(&mx);
	dlv_self_free(&self);
}

static void
self_addresses(void **state)
{
	static const struct { const char *listener, *ip; uint16_t port; bool is_self; } rows[] = {
		{ "*:25", "192.0.2.7", 25, true },
		{ "*:25", "127.0.0.1", 25, true },
		{ "*:25", "::1", 25, true },
		{ "*:25", "0.0.0.0", 25, true },
		{ "0.0.0.0:25", "192.0.2.7", 25, true },
		{ "*:25", "192.0.2.7", 26, false },
		{ "*:25", "192.0.2.8", 25, false },
		{ "192.0.2.9:25", "192.0.2.9", 25, true },
		{ "192.0.2.9:25", "192.0.2.7", 25, false },
		{ "[2001:db8::1]:25", "2001:db8::1", 25, true },
		{ "[2001:db8::1]:25", "2001:db8::2", 25, false },
		{ "127.0.0.1:2525", "127.0.0.1", 25, false },
	};

	(void)state;
	for (size_t i = 0; i < lengthof(rows); i++) {
		struct dlv_self *self = self_of(rows[i].listener);
		struct conn_addr a;

		assert_int_equal(conf_hop_parse_ip(slice_str(rows[i].ip), &a), ERR_OK);
		a.port = rows[i].port;
		assert_int_equal(dlv_self_is_addr(self, &a), rows[i].is_self);
		dlv_self_free(&self);
		assert_null(self);
	}
}

/* ---- addresses */

static void
check_addrs(enum relay_preference preference, const char *want)
{
	static const char *const v4[] = { "192.0.2.1", "0.0.0.0", "224.0.0.1" };
	static const char *const v6[] = { "2001:db8::1", "2001:db8::2", "2001:db8::3", "ff02::1" };
	struct dlv_addrs got;
	struct dlv_verdict v;
	struct fake a, aaaa;
	char text[400] = "", one[CONN_ADDR_TEXT_BYTES];
	/* A seed that begins with the first of each. */
	uint64_t seed = 0;

	start(&a, DNS_OK);
	start(&aaaa, DNS_OK);
	for (size_t i = 0; i < lengthof(v4); i++)
		add_addr(&a, v4[i]);
	for (size_t i = 0; i < lengthof(v6); i++)
		add_addr(&aaaa, v6[i]);
	do {
		assert_int_equal(dlv_addrs_read(&got, "mx.example", 25, &a.a, &aaaa.a,
		    preference, seed++, &v), ERR_OK);
		assert_int_equal(got.count, 4);
		text[0] = '\0';
		for (unsigned i = 0; i < got.count; i++) {
			size_t n = strlen(text);

			conn_addr_ip_str(one, &got.v[i]);
			assert_int_equal(got.v[i].port, 25);
			(void)snprintf(text + n, sizeof(text) - n, "%s ", one);
		}
	} while (strcmp(text, want) != 0 && seed < 1000);
	assert_string_equal(text, want);
}

static void
addrs_in_order(void **state)
{
	(void)state;
	check_addrs(RELAY_PREFER_ANY, "2001:db8::1 192.0.2.1 2001:db8::2 2001:db8::3 ");
	check_addrs(RELAY_PREFER_IPV6, "2001:db8::1 2001:db8::2 2001:db8::3 192.0.2.1 ");
	check_addrs(RELAY_PREFER_IPV4, "192.0.2.1 2001:db8::1 2001:db8::2 2001:db8::3 ");
}

static void
addrs_limit(void **state)
{
	struct dlv_addrs got;
	struct dlv_verdict v;
	struct fake a, aaaa;

	(void)state;
	start(&a, DNS_OK);
	start(&aaaa, DNS_NODATA);
	for (unsigned i = 0; i < DLV_ADDRS_MAX + 1; i++)
		add_addr(&a, "192.0.2.1");
	assert_int_equal(dlv_addrs_read(&got, "mx.example", 25, &a.a, &aaaa.a,
	    RELAY_PREFER_ANY, 1, &v), ERR_OK);
	assert_int_equal(got.count, DLV_ADDRS_MAX);
}

static void
addrs_secure(void **state)
{
	struct dlv_addrs got;
	struct dlv_verdict v;
	struct fake a, aaaa;

	(void)state;
	start(&a, DNS_OK);
	add_addr(&a, "192.0.2.1");
	start(&aaaa, DNS_NODATA);
	a.a.is_secure = true;
	assert_int_equal(dlv_addrs_read(&got, "mx.example", 25, &a.a, &aaaa.a,
	    RELAY_PREFER_ANY, 1, &v), ERR_OK);
	assert_true(got.is_secure);
	start(&aaaa, DNS_OK);
	add_addr(&aaaa, "2001:db8::1");
	assert_int_equal(dlv_addrs_read(&got, "mx.example", 25, &a.a, &aaaa.a,
	    RELAY_PREFER_ANY, 1, &v), ERR_OK);
	assert_false(got.is_secure);
}

static void
addrs_absent(void **state)
{
	static const struct { enum dns_status a, aaaa; enum err_class class; const char *dsn; } rows[] = {
		{ DNS_SERVFAIL, DNS_NODATA, ERR_CLASS_TEMP, "4.4.3" },
		{ DNS_NODATA, DNS_SERVFAIL, ERR_CLASS_TEMP, "4.4.3" },
		{ DNS_NODATA, DNS_NODATA, ERR_CLASS_PERM, "5.1.2" },
		{ DNS_NXDOMAIN, DNS_NXDOMAIN, ERR_CLASS_PERM, "5.1.2" },
	};

	(void)state;
	for (size_t i = 0; i < lengthof(rows); i++) {
		struct dlv_addrs got;
		struct dlv_verdict v;
		struct fake a, aaaa;

		start(&a, rows[i].a);
		start(&aaaa, rows[i].aaaa);
		assert_int_not_equal(dlv_addrs_read(&got, "mx.example", 25, &a.a, &aaaa.a,
		    RELAY_PREFER_ANY, 1, &v), ERR_OK);
		assert_int_equal(err_class(v.error), rows[i].class);
		assert_string_equal(v.dsn, rows[i].dsn);
	}
	/* One family that is there is enough, whatever became of the other. */
	for (enum dns_status s = DNS_NODATA; s <= DNS_SERVFAIL; s++) {
		struct dlv_addrs got;
		struct dlv_verdict v;
		struct fake a, aaaa;

		start(&a, DNS_OK);
		add_addr(&a, "192.0.2.1");
		start(&aaaa, s);
		assert_int_equal(dlv_addrs_read(&got, "mx.example", 25, &a.a, &aaaa.a,
		    RELAY_PREFER_ANY, 1, &v), ERR_OK);
		assert_int_equal(got.count, 1);
	}
}

/* ---- verdicts */

static void
verdict_text(void **state)
{
	char text[400];
	struct dlv_verdict v;

	(void)state;
	memset(text, 'x', sizeof(text));
	memcpy(text + DLV_REASON_BYTES - 2, "\xc3\xa4", 2);
	text[sizeof(text) - 1] = '\0';
	dlv_verdict_set(&v, ERR_GONE, RELAY_DEAD, "4.4.1", "%s", text);
	/* cut before the letter of two bytes, not in it */
	assert_int_equal(strlen(v.text), DLV_REASON_BYTES - 2);
	assert_int_equal(dlv_feedback_join((enum relay_feedback)0, RELAY_DEAD), RELAY_DEAD);
	assert_int_equal(dlv_feedback_join(RELAY_DEAD, RELAY_TAKEN), RELAY_TAKEN);
	assert_int_equal(dlv_feedback_join(RELAY_REFUSED, RELAY_UNKNOWN), RELAY_REFUSED);
	assert_int_equal(dlv_feedback_join(RELAY_THROTTLED, (enum relay_feedback)0),
	    RELAY_THROTTLED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mx_in_order),
		cmocka_unit_test(mx_seeded),
		cmocka_unit_test(mx_limit),
		cmocka_unit_test(mx_absent),
		cmocka_unit_test(loop_by_name),
		cmocka_unit_test(self_addresses),
		cmocka_unit_test(addrs_in_order),
		cmocka_unit_test(addrs_limit),
		cmocka_unit_test(addrs_secure),
		cmocka_unit_test(addrs_absent),
		cmocka_unit_test(verdict_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
