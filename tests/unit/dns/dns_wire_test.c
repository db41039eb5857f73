/* SPDX-License-Identifier: ISC */
#include "lib/dns/dns_wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/dns/dns_msg.h"
#include "tests/unit/test.h"

#include "lib/base/enc.h"
#include "lib/base/must.h"
#include "lib/dns/dns.h"
#include "lib/dns/dns_answer_priv.h"

struct bed {
	struct dns_wire_query q;
	struct buf	 query;
	struct buf	 m;
	struct dns_wire_reply r;
};

static void
bed_init(struct bed *b, enum dns_type type, const char *name)
{
	memset(b, 0, sizeof(*b));
	b->q = (struct dns_wire_query){
		.id = 0x1234, .has_edns = true, .type = type,
	};
	assert_int_equal(dns_name_read(&b->q.name, slice_str(name)), ERR_OK);
	buf_init(&b->query, DNS_WIRE_QUERY_MAX);
	buf_init(&b->m, 1u << 20);
	assert_int_equal(dns_wire_put_query(&b->query, &b->q), ERR_OK);
}

static void
bed_begin(struct bed *b, unsigned flags)
{
	buf_reset(&b->m);
	dns_msg_begin(&b->m, buf_slice(&b->query), flags);
}

static void
bed_fini(struct bed *b)
{
	dns_answer_unref(&b->r.answer);
	buf_fini(&b->query);
	buf_fini(&b->m);
}

/* From memory of exactly that size, so that a sanitizer sees one byte too far. */
static enum dns_wire_result
read_exact(struct slice m, const struct dns_wire_query *q, struct dns_wire_reply *r)
{
	char *p = must_alloc(m.n + 1, 1);
	enum dns_wire_result result;

	p = must_realloc(p, m.n > 0 ? m.n : 1, 1);
	memcpy(p, m.p, m.n);
	result = dns_wire_read(slice_of(p, m.n), q, r);
	free(p);
	return result;
}

static enum dns_wire_result
bed_read(struct bed *b)
{
	dns_answer_unref(&b->r.answer);
	return read_exact(buf_slice(&b->m), &b->q, &b->r);
}

static void
query_bytes(void **state)
{
	struct bed b;
	struct buf hex;

	(void)state;
	buf_init(&hex, 1024);
	bed_init(&b, DNS_TLSA, "_25._tcp.Mx.Example.");
	enc_put_hex(&hex, buf_slice(&b.query));
	/* RD and AD; an OPT of 1232 bytes, version 0, DO not set */
	assert_slice(buf_slice(&hex), "1234" "0120" "0001" "0000" "0000" "0001"
	    "035f3235" "045f746370" "026d78" "076578616d706c65" "00" "0034" "0001"
	    "00" "0029" "04d0" "00000000" "0000");
	buf_reset(&hex);
	buf_reset(&b.query);
	b.q.has_edns = false;
	b.q.type = DNS_MX;
	assert_int_equal(dns_wire_put_query(&b.query, &b.q), ERR_OK);
	enc_put_hex(&hex, buf_slice(&b.query));
	assert_slice(buf_slice(&hex), "1234" "0120" "0001" "0000" "0000" "0000"
	    "035f3235" "045f746370" "026d78" "076578616d706c65" "00" "000f" "0001");
	buf_fini(&hex);
	bed_fini(&b);
}

static void
put_mx(struct bed *b, unsigned preference, const char *host)
{
	struct buf data;

	buf_init(&data, 512);
	dns_msg_put16(&data, preference);
	dns_msg_put_name(&data, host);
	dns_msg_rr(&b->m, MSG_AN, "example", 15, 300, buf_slice(&data));
	buf_fini(&data);
}

static void
mx_in_order(void **state)
{
	struct bed b;

	(void)state;
	bed_init(&b, DNS_MX, "example");
	bed_begin(&b, MSG_OK | MSG_AD);
	put_mx(&b, 20, "second.example");
	put_mx(&b, 10, "First.Example");
	put_mx(&b, 30, "b c.example");
	assert_int_equal(bed_read(&b), DNS_WIRE_ANSWER);
	assert_int_equal(b.r.answer->status, DNS_OK);
	assert_true(b.r.answer->is_secure);
	assert_false(b.r.answer->is_alias);
	assert_slice(b.r.answer->name, "example");
	assert_int_equal(b.r.answer->ttl_s, 300);
	assert_int_equal(b.r.answer->count, 3);
	assert_int_equal(b.r.answer->records[0].preference, 10);
	assert_slice(b.r.answer->records[0].data, "first.example");
	assert_slice(b.r.answer->records[1].data, "second.example");
	/* RFC 1035 s5.1; no such host can be asked for */
	assert_slice(b.r.answer->records[2].data, "b\\032c.example");
	/* the null MX */
	bed_begin(&b, MSG_OK);
	put_mx(&b, 0, "");
	assert_int_equal(bed_read(&b), DNS_WIRE_ANSWER);
	assert_int_equal(b.r.answer->count, 1);
	assert_int_equal(b.r.answer->records[0].data.n, 0);
	assert_false(b.r.answer->is_secure);
	bed_fini(&b);
}

static void
other_types(void **state)
{
	static const char v6[16] = { 0x20, 1, 0x0d, (char)0xb8, [15] = 7 };
	char ip[CONN_ADDR_TEXT_BYTES];
	struct bed b;

	(void)state;
	bed_init(&b, DNS_TXT, "t.example");
	bed_begin(&b, MSG_OK);
	dns_msg_rr(&b.m, MSG_AN, "t.example", 16, 60, SLICE_LIT("\3v=1\0\4; x="));
	assert_int_equal(bed_read(&b), DNS_WIRE_ANSWER);
	assert_slice(b.r.answer->records[0].data, "v=1; x=");
	bed_fini(&b);

	bed_init(&b, DNS_TLSA, "_25._tcp.mx.example");
	bed_begin(&b, MSG_OK);
	dns_msg_rr(&b.m, MSG_AN, "_25._tcp.mx.example", 52, 60,
	    SLICE_LIT("\3\1\1data"));
	assert_int_equal(bed_read(&b), DNS_WIRE_ANSWER);
	assert_int_equal(b.r.answer->records[0].usage, 3);
	assert_int_equal(b.r.answer->records[0].selector, 1);
	assert_int_equal(b.r.answer->records[0].matching, 1);
	assert_slice(b.r.answer->records[0].data, "data");
	bed_fini(&b);

	bed_init(&b, DNS_AAAA, "h.example");
	bed_begin(&b, MSG_OK);
	dns_msg_rr(&b.m, MSG_AN, "h.example", 28, 60, slice_of(v6, 16));
	assert_int_equal(bed_read(&b), DNS_WIRE_ANSWER);
	conn_addr_ip_str(ip, &b.r.answer->records[0].addr);
	assert_string_equal(ip, "2001:db8::7");
	assert_false(b.r.answer->records[0].addr.is_v4);
	bed_fini(&b);

	bed_init(&b, DNS_A, "h.example");
	bed_begin(&b, MSG_OK);
	dns_msg_a(&b.m, "H.example", 60, 44);
	dns_msg_a(&b.m, "other.example", 1, 45);	/* nobody asked */
	assert_int_equal(bed_read(&b), DNS_WIRE_ANSWER);
	assert_int_equal(b.r.answer->count, 1);
	conn_addr_str(ip, &b.r.answer->records[0].addr);
	assert_string_equal(ip, "[192.0.2.44]:0");
	assert_int_equal(b.r.answer->ttl_s, 60);
	/* of another class it is another thing */
	bed_begin(&b, MSG_OK);
	dns_msg_a(&b.m, "h.example", 60, 44);
	dns_msg_a(&b.m, "h.example", 60, 45);
	buf_data(&b.m)[b.m.n - 11] = 3;
	assert_int_equal(bed_read(&b), DNS_WIRE_ANSWER);
	assert_int_equal(b.r.answer->count, 1);
	/* with its top bit a TTL is 0 (RFC 2181 s8) */
	bed_begin(&b, MSG_OK);
	dns_msg_a(&b.m, "h.example", 0x80000000, 44);
	assert_int_equal(bed_read(&b), DNS_WIRE_ANSWER);
	assert_int_equal(b.r.answer->ttl_s, 0);
	bed_fini(&b);
}

static void
aliases(void **state)
{
	char from[32], to[32];
	struct bed b;

	(void)state;
	bed_init(&b, DNS_A, "a0.example");
	bed_begin(&b, MSG_OK);
	dns_msg_a(&b.m, "a2.example", 100, 9);	/* in any order */
	dns_msg_cname(&b.m, "a1.example", 30, "A2.example");
	dns_msg_cname(&b.m, "a0.example", 200, "a1.example");
	assert_int_equal(bed_read(&b), DNS_WIRE_ANSWER);
	assert_int_equal(b.r.aliases, 2);
	assert_true(b.r.answer->is_alias);
	assert_slice(b.r.answer->name, "a2.example");
	assert_int_equal(b.r.answer->ttl_s, 30);
	/* the alias alone, from a server that looks no further */
	bed_begin(&b, MSG_QR | MSG_AA);
	dns_msg_cname(&b.m, "a0.example", 200, "elsewhere.test");
	assert_int_equal(bed_read(&b), DNS_WIRE_ALIAS);
	assert_slice(b.r.answer->name, "elsewhere.test");
	/* an alias to what does not exist */
	bed_begin(&b, MSG_OK | 3);
	dns_msg_cname(&b.m, "a0.example", 200, "a1.example");
	dns_msg_soa(&b.m, "example", 100, 50);
	assert_int_equal(bed_read(&b), DNS_WIRE_ANSWER);
	assert_int_equal(b.r.answer->status, DNS_NXDOMAIN);
	assert_slice(b.r.answer->name, "a1.example");
	assert_int_equal(b.r.answer->ttl_s, 50);
	bed_begin(&b, MSG_OK | 3);
	dns_msg_cname(&b.m, "a0.example", 10, "a1.example");
	dns_msg_soa(&b.m, "example", 100, 50);
	assert_int_equal(bed_read(&b), DNS_WIRE_ANSWER);
	assert_int_equal(b.r.answer->ttl_s, 10);
	/* what is there goes before an alias of the same name */
	bed_begin(&b, MSG_OK);
	dns_msg_cname(&b.m, "a0.example", 10, "a1.example");
	dns_msg_a(&b.m, "a0.example", 100, 9);
	assert_int_equal(bed_read(&b), DNS_WIRE_ANSWER);
	assert_int_equal(b.r.answer->count, 1);
	assert_false(b.r.answer->is_alias);
	/* a circle, and one more than the limit */
	bed_begin(&b, MSG_OK);
	dns_msg_cname(&b.m, "a0.example", 200, "a1.example");
	dns_msg_cname(&b.m, "a1.example", 200, "a0.example");
	assert_int_equal(bed_read(&b), DNS_WIRE_REFUSED);
	assert_string_equal(b.r.reason, "too many aliases");
	for (unsigned limit = DNS_ALIASES_MAX; limit <= DNS_ALIASES_MAX + 1; limit++) {
		bed_begin(&b, MSG_OK);
		for (unsigned i = 0; i < limit; i++) {
			(void)snprintf(from, sizeof(from), "a%u.example", i);
			(void)snprintf(to, sizeof(to), "a%u.example", i + 1);
			dns_msg_cname(&b.m, from, 200, to);
		}
		dns_msg_a(&b.m, to, 100, 9);
		assert_int_equal(bed_read(&b), limit == DNS_ALIASES_MAX ?
		    DNS_WIRE_ANSWER : DNS_WIRE_REFUSED);
	}
	bed_fini(&b);
	/* asked for itself it is not followed */
	bed_init(&b, DNS_CNAME, "a0.example");
	bed_begin(&b, MSG_OK);
	dns_msg_cname(&b.m, "a0.example", 200, "a1.example");
	dns_msg_cname(&b.m, "a1.example", 200, "a2.example");
	assert_int_equal(bed_read(&b), DNS_WIRE_ANSWER);
	assert_int_equal(b.r.answer->count, 1);
	assert_slice(b.r.answer->records[0].data, "a1.example");
	assert_slice(b.r.answer->name, "a0.example");
	bed_fini(&b);
}

static void
absence(void **state)
{
	struct bed b;

	(void)state;
	bed_init(&b, DNS_A, "no.example");
	bed_begin(&b, MSG_OK | MSG_AD | 3);
	dns_msg_soa(&b.m, "example", 100, 900);
	assert_int_equal(bed_read(&b), DNS_WIRE_ANSWER);
	assert_int_equal(b.r.answer->status, DNS_NXDOMAIN);
	assert_true(b.r.answer->is_secure && b.r.has_ttl);
	assert_int_equal(b.r.answer->ttl_s, 100);
	bed_begin(&b, MSG_OK);
	dns_msg_soa(&b.m, "example", 100, 20);
	assert_int_equal(bed_read(&b), DNS_WIRE_ANSWER);
	assert_int_equal(b.r.answer->status, DNS_NODATA);
	assert_int_equal(b.r.answer->ttl_s, 20);
	/* without an SOA it is not kept (RFC 2308 s5) */
	bed_begin(&b, MSG_OK);
	assert_int_equal(bed_read(&b), DNS_WIRE_ANSWER);
	assert_int_equal(b.r.answer->status, DNS_NODATA);
	assert_false(b.r.has_ttl);
	/* neither recursion nor authority: it says nothing */
	bed_begin(&b, MSG_QR);
	assert_int_equal(bed_read(&b), DNS_WIRE_REFUSED);
	bed_fini(&b);
}

static void
refusals(void **state)
{
	static const char opt_badvers[] = "\0\0\x29\x04\xd0\1\0\0\0\0";
	struct bed b;

	(void)state;
	bed_init(&b, DNS_A, "h.example");
	for (unsigned rcode = 1; rcode < 16; rcode++) {
		bed_begin(&b, MSG_OK | rcode);
		if (rcode == 3)
			continue;
		assert_int_equal(bed_read(&b), rcode == 1 || rcode == 4 ?
		    DNS_WIRE_NO_EDNS : DNS_WIRE_REFUSED);
		assert_null(b.r.answer);
	}
	/* BADVERS is 16: the upper bits stand in the OPT record */
	bed_begin(&b, MSG_OK);
	buf_data(&b.m)[MSG_AR + 1] = 1;
	buf_put(&b.m, opt_badvers, 11);
	assert_int_equal(bed_read(&b), DNS_WIRE_NO_EDNS);
	/* no more than a header, from what knows no EDNS */
	bed_begin(&b, MSG_OK | 1);
	buf_truncate(&b.m, 12);
	buf_data(&b.m)[5] = 0;
	assert_int_equal(bed_read(&b), DNS_WIRE_NO_EDNS);
	b.q.has_edns = false;
	assert_int_equal(bed_read(&b), DNS_WIRE_REFUSED);
	bed_fini(&b);
}

static void
strays(void **state)
{
	struct bed b;
	size_t end;

	(void)state;
	bed_init(&b, DNS_A, "h.example");
	bed_begin(&b, MSG_OK);
	dns_msg_a(&b.m, "h.example", 60, 44);
	end = dns_msg_question_end(buf_slice(&b.m));
	assert_int_equal(bed_read(&b), DNS_WIRE_ANSWER);
	/* each byte of the question counts, and of the id */
	for (size_t i = 0; i < end; i++) {
		if (i >= 2 && i < 12)
			continue;
		buf_data(&b.m)[i] ^= 0x20;
		assert_int_equal(bed_read(&b), DNS_WIRE_STRAY);
		buf_data(&b.m)[i] ^= 0x20;
	}
	buf_data(&b.m)[2] ^= (char)0x80;	/* a query is no answer */
	assert_int_equal(bed_read(&b), DNS_WIRE_STRAY);
	buf_data(&b.m)[2] ^= (char)0x80;
	buf_data(&b.m)[2] ^= 0x28;		/* opcode */
	assert_int_equal(bed_read(&b), DNS_WIRE_STRAY);
	buf_data(&b.m)[2] ^= 0x28;
	buf_data(&b.m)[5] = 2;			/* two questions */
	assert_int_equal(bed_read(&b), DNS_WIRE_STRAY);
	bed_begin(&b, MSG_OK | MSG_TC);
	assert_int_equal(bed_read(&b), DNS_WIRE_TRUNCATED);
	bed_fini(&b);
}

/* Cut anywhere, or with any byte changed, it ends in a result. */
static void
damaged(void **state)
{
	struct bed b;
	size_t whole;

	(void)state;
	bed_init(&b, DNS_MX, "example");
	bed_begin(&b, MSG_OK);
	dns_msg_cname(&b.m, "example", 60, "x.example");
	put_mx(&b, 10, "a.example");
	dns_msg_soa(&b.m, "example", 100, 50);
	whole = b.m.n;
	for (size_t n = 0; n < whole; n++) {
		enum dns_wire_result r = read_exact(
		    slice_head(buf_slice(&b.m), n), &b.q, &b.r);

		assert_true(r == DNS_WIRE_STRAY || r == DNS_WIRE_MALFORMED);
		assert_null(b.r.answer);
	}
	for (size_t i = 0; i < whole; i++)
		for (unsigned v = 0; v < 256; v++) {
			char was = buf_data(&b.m)[i];

			buf_data(&b.m)[i] = (char)v;
			(void)bed_read(&b);
			buf_data(&b.m)[i] = was;
		}
	bed_fini(&b);
}

static void
too_many_records(void **state)
{
	struct bed b;

	(void)state;
	bed_init(&b, DNS_A, "h.example");
	bed_begin(&b, MSG_OK);
	for (unsigned i = 0; i < DNS_RECORDS_MAX; i++)
		dns_msg_a(&b.m, "h.example", 60, i);
	assert_int_equal(bed_read(&b), DNS_WIRE_ANSWER);
	assert_int_equal(b.r.answer->count, DNS_RECORDS_MAX);
	dns_msg_a(&b.m, "h.example", 60, 1);
	assert_int_equal(bed_read(&b), DNS_WIRE_MALFORMED);
	assert_string_equal(b.r.reason, "too many records");
	bed_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(query_bytes),
		cmocka_unit_test(mx_in_order),
		cmocka_unit_test(other_types),
		cmocka_unit_test(aliases),
		cmocka_unit_test(absence),
		cmocka_unit_test(refusals),
		cmocka_unit_test(strays),
		cmocka_unit_test(damaged),
		cmocka_unit_test(too_many_records),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
