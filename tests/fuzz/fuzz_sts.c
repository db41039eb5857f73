/* SPDX-License-Identifier: ISC */
/*
 * What strangers' web servers and zones say of MTA-STS: a first byte chooses
 * policy, TXT record or HTTP reply.  A policy that was read is put and read
 * again, the same; a reply gives the same result in whatever pieces it comes.
 */
#include <string.h>

#include "delivery/http_reply.h"
#include "delivery/sts_policy.h"
#include "lib/base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
try_policy(struct slice s)
{
	struct sts_policy *p, *again;
	const char *why;
	struct buf b;
	enum err e = sts_policy_parse(&p, s, &why);

	must((e == ERR_OK) == (p != NULL) && (e == ERR_OK) == (why[0] == '\0'));
	if (p == NULL)
		return;
	(void)sts_policy_has_host(p, s);
	buf_init(&b, STS_TEXT_MAX);
	sts_policy_put(&b, p);
	must(buf_err(&b) == ERR_OK);
	must(sts_policy_parse(&again, buf_slice(&b), &why) == ERR_OK);
	must(again->mx_count == p->mx_count && again->mode == p->mode &&
	    again->max_age_s == p->max_age_s && again->bytes == p->bytes);
	for (unsigned i = 0; i < p->mx_count; i++) {
		must(strcmp(p->patterns[i], again->patterns[i]) == 0);
		must(p->patterns[i][0] == '*' ||
		    sts_policy_has_host(p, slice_str(p->patterns[i])));
	}
	buf_fini(&b);
	sts_policy_unref(&again);
	sts_policy_unref(&p);
}

static void
try_txt(struct slice s)
{
	struct dns_record r[2] = { { .data = s }, { .data = SLICE_LIT("v=spf1 -all") } };
	struct dns_answer a = { .status = DNS_OK, .records = r, .count = 2 };
	char id[STS_ID_MAX + 1];

	if (sts_policy_read_id(id, &a) == ERR_OK)
		must(id[0] != '\0' && strlen(id) <= STS_ID_MAX);
}

static enum err
feed(struct http_reply *r, struct slice s, size_t piece)
{
	enum err e = ERR_SHORT;

	http_reply_init(r, STS_BODY_MAX);
	while (s.n > 0 && e == ERR_SHORT) {
		e = http_reply_feed(r, slice_head(s, piece));
		s = slice_from(s, piece);
	}
	return e == ERR_SHORT ? http_reply_end(r) : e;
}

static void
try_reply(struct slice s)
{
	struct http_reply whole, bytes;
	enum err e = feed(&whole, s, s.n > 0 ? s.n : 1);

	must(feed(&bytes, s, 1) == e);
	must(strcmp(whole.why, bytes.why) == 0);
	if (e == ERR_OK) {
		must(slice_eq(http_reply_body(&whole), http_reply_body(&bytes)));
		try_policy(http_reply_body(&whole));
	}
	http_reply_fini(&bytes);
	http_reply_fini(&whole);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct slice s = slice_of(data, n);

	if (n == 0)
		return 0;
	s = slice_from(s, 1);
	if (data[0] % 3 == 0)
		try_policy(s);
	else if (data[0] % 3 == 1)
		try_txt(s);
	else
		try_reply(s);
	return 0;
}
