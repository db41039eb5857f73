/* SPDX-License-Identifier: ISC */
/*
 * Answers of name servers.  The first byte chooses the type asked for; the
 * rest is what follows the question, after flags and the three counts, so
 * that the fuzzer need not find id and question.  The whole is also read as
 * it stands, as a name and as a resolv.conf.
 */
#include <stdint.h>
#include <string.h>

#include "lib/base/must.h"
#include "lib/dns/dns_answer_priv.h"
#include "lib/dns/dns_name.h"
#include "lib/dns/dns_resolv_conf.h"
#include "lib/dns/dns_wire.h"

#define FLAGS_AND_COUNTS	8

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
check(enum dns_wire_result result, const struct dns_wire_reply *r)
{
	const struct dns_answer *a = r->answer;

	must((result == DNS_WIRE_ANSWER || result == DNS_WIRE_ALIAS) == (a != NULL));
	must((result == DNS_WIRE_REFUSED || result == DNS_WIRE_MALFORMED) ==
	    (r->reason != NULL));
	if (a == NULL)
		return;
	must(a->count <= DNS_RECORDS_MAX && a->status != DNS_SERVFAIL);
	must((a->count > 0) == (a->status == DNS_OK));
	must(a->name.n <= DNS_NAME_PUT_MAX && r->aliases <= DNS_ALIASES_MAX);
	for (size_t i = 0; i < a->count; i++)
		must(a->records[i].data.n <= DNS_WIRE_MAX);
	for (size_t i = 1; i < a->count; i++)
		must(a->records[i - 1].preference <= a->records[i].preference);
}

static void
read_message(struct slice m, const struct dns_wire_query *q)
{
	struct dns_wire_reply r;

	check(dns_wire_read(m, q, &r), &r);
	dns_answer_unref(&r.answer);
}

static void
with_question(struct slice data, const struct dns_wire_query *q)
{
	struct buf m, query;

	buf_init(&m, DNS_WIRE_QUERY_MAX + data.n);
	buf_init(&query, DNS_WIRE_QUERY_MAX);
	must(dns_wire_put_query(&query, q) == ERR_OK);
	buf_put(&m, buf_data(&query), 2);
	buf_put(&m, data.p, 2);
	buf_put(&m, "\0\1", 2);
	buf_put(&m, data.p + 2, FLAGS_AND_COUNTS - 2);
	buf_put(&m, buf_data(&query) + 12, query.n - 12);
	buf_put_slice(&m, slice_from(data, FLAGS_AND_COUNTS));
	must(buf_err(&m) == ERR_OK);
	read_message(buf_slice(&m), q);
	buf_fini(&m);
	buf_fini(&query);
}

static void
other_readers(struct slice s)
{
	struct dns_config config = { 0 };
	uint8_t wire[DNS_NAME_WIRE_MAX];
	struct dns_name name;
	struct buf text;

	dns_resolv_conf_parse(s, &config);
	must(config.server_count >= 1 && config.server_count <= DNS_SERVERS_MAX);
	buf_init(&text, DNS_NAME_PUT_MAX);
	if (dns_name_put(&text, (const uint8_t *)s.p, s.n) == ERR_OK)
		must(text.n <= DNS_NAME_PUT_MAX);
	if (dns_name_read(&name, s) == ERR_OK) {
		buf_reset(&text);
		must(dns_name_put(&text, wire, dns_name_wire(&name, wire)) == ERR_OK);
		must(slice_eq(buf_slice(&text), dns_name_slice(&name)));
	}
	buf_fini(&text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const enum dns_type types[] = {
		DNS_A, DNS_CNAME, DNS_MX, DNS_TXT, DNS_AAAA, DNS_TLSA
	};
	struct dns_wire_query q = { .id = 0x4142, .has_edns = true };
	struct slice s = slice_of(data, n);

	if (n < 1)
		return 0;
	q.type = types[data[0] % lengthof(types)];
	q.has_edns = (data[0] & 0x80) == 0;
	must(dns_name_read(&q.name, SLICE_LIT("a.example")) == ERR_OK);
	s = slice_from(s, 1);
	if (s.n <= DNS_WIRE_MAX) {
		read_message(s, &q);
		if (s.n >= FLAGS_AND_COUNTS)
			with_question(s, &q);
	}
	other_readers(s);
	return 0;
}
