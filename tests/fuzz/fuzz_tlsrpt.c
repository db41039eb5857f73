/* SPDX-License-Identifier: ISC */
/*
 * What strangers' zones say of TLS reports, a reply to a post, and rows of
 * sums as they come over a wire or from a disk: a first byte chooses.  Each
 * address of a record is one of its own; rows that were read are put and read
 * again, the same, and always make a report.
 */
#include <string.h>

#include "delivery/http_reply.h"
#include "delivery/tlsrpt_record.h"
#include "lib/base/must.h"
#include "lib/report/tls_report.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
try_uri(struct slice s)
{
	struct tlsrpt_uri u;

	if (tlsrpt_record_parse_uri(&u, s) != ERR_OK)
		return;
	must(u.host[0] != '\0' && u.port > 0 && u.path[0] == '/');
	for (const char *p = u.path; *p != '\0'; p++)
		must((unsigned char)*p > ' ' && *p != 0x7f);
}

static void
try_record(struct slice s)
{
	struct dns_record r[2] = { { .data = s }, { .data = SLICE_LIT("v=spf1 -all") } };
	struct dns_answer a = { .status = DNS_OK, .records = r, .count = 2 };
	struct slice rest, line;
	unsigned lines = 0;
	struct buf b;

	buf_init(&b, TLSRPT_LIST_MAX);
	if (tlsrpt_record_put_rua(&b, &a) == ERR_OK) {
		must(buf_err(&b) == ERR_OK && b.n > 0);
		for (rest = buf_slice(&b); rest.n > 0; lines++) {
			rest = slice_cut(rest, '\n', &line);
			must(line.n > 0 && line.n <= TLSRPT_URI_MAX);
			must(slice_starts(line, "mailto:") || slice_istarts(line, "https:"));
			for (size_t i = 0; i < line.n; i++)
				must(line.p[i] > ' ' && line.p[i] < 0x7f);
		}
		must(lines <= TLSRPT_RUA_MAX);
	}
	buf_fini(&b);
}

static void
try_rows(struct slice s)
{
	static const struct tls_report report = { .domain = { "a.example", 9 }, .hostname = "b",
	    .organization = "c", .contact = "d@e", .id = "f", .day = 20000, .made_s = 1 };
	struct tls_tally t, u;
	struct buf b, c;

	tls_tally_init(&t);
	tls_tally_init(&u);
	buf_init(&b, TLS_TALLY_PUT_MAX);
	buf_init(&c, TLS_TALLY_PUT_MAX);
	if (tls_tally_merge(&t, s) == ERR_OK) {
		tls_tally_put(&b, &t);
		must(buf_err(&b) == ERR_OK);
		must(tls_tally_merge(&u, buf_slice(&b)) == ERR_OK);
		tls_tally_put(&c, &u);
		must(slice_eq(buf_slice(&b), buf_slice(&c)));
		buf_fini(&c);
		buf_init(&c, TLS_REPORT_JSON_MAX);
		tls_report_put_json(&c, &report, &t);
		must(buf_err(&c) == ERR_OK);
	}
	tls_tally_fini(&t);
	tls_tally_fini(&u);
	buf_fini(&b);
	buf_fini(&c);
}

static void
try_reply(struct slice s)
{
	struct http_reply whole, bytes;
	enum err e = ERR_SHORT;

	http_reply_init_post(&whole);
	http_reply_init_post(&bytes);
	for (size_t i = 0; i < s.n && e == ERR_SHORT; i++)
		e = http_reply_feed(&bytes, slice_of(s.p + i, 1));
	must(http_reply_feed(&whole, s) == e);
	http_reply_fini(&whole);
	http_reply_fini(&bytes);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct slice s = slice_from(slice_of(data, n), 1);

	if (n == 0)
		return 0;
	if (data[0] % 4 == 0)
		try_record(s);
	else if (data[0] % 4 == 1)
		try_uri(s);
	else if (data[0] % 4 == 2)
		try_rows(s);
	else
		try_reply(s);
	return 0;
}
