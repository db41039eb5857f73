/* SPDX-License-Identifier: ISC */
#include "lib/dns/dns_answer.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/must.h"
#include "lib/dns/dns_answer_priv.h"

struct block {
	struct dns_answer	 answer;
	size_t			 refs;
	size_t			 bytes;
	struct dns_record	 records[];
};

const char *
dns_status_name(enum dns_status status)
{
	switch (status) {
	case DNS_OK:
		return "OK";
	case DNS_NODATA:
		return "NODATA";
	case DNS_NXDOMAIN:
		return "NXDOMAIN";
	case DNS_SERVFAIL:
		break;
	}
	return "SERVFAIL";
}

static struct slice
keep(char **at, struct slice s)
{
	struct slice kept = slice_of(*at, s.n);

	if (s.n > 0)
		memcpy(*at, s.p, s.n);
	*at += s.n;
	return kept;
}

struct dns_answer *
dns_answer_new(enum dns_status status, struct slice name,
    const struct dns_record *records, size_t count)
{
	size_t text = name.n, bytes;
	struct block *b;
	char *at;

	must(count <= DNS_RECORDS_MAX && (count > 0) == (status == DNS_OK));
	for (size_t i = 0; i < count; i++)
		text += records[i].data.n;
	bytes = sizeof(*b) + count * sizeof(b->records[0]) + text;
	b = must_alloc(1, bytes);
	b->refs = 1;
	b->bytes = bytes;
	at = (char *)&b->records[count];
	b->answer.status = status;
	b->answer.name = keep(&at, name);
	b->answer.records = b->records;
	b->answer.count = count;
	for (size_t i = 0; i < count; i++) {
		b->records[i] = records[i];
		b->records[i].data = keep(&at, records[i].data);
	}
	return &b->answer;
}

struct dns_answer *
dns_answer_failure(struct slice name, const char *reason)
{
	struct dns_answer *a = dns_answer_new(DNS_SERVFAIL, name, NULL, 0);

	a->reason = reason;
	return a;
}

size_t
dns_answer_bytes(const struct dns_answer *a)
{
	return obj_of(a, struct block, answer)->bytes;
}

/* The count is not part of the value that const protects. */
struct dns_answer *
dns_answer_ref(const struct dns_answer *a)
{
	struct block *b = obj_of(a, struct block, answer);

	b->refs++;
	return &b->answer;
}

void
dns_answer_unref(struct dns_answer **ap)
{
	struct block *b;

	if (*ap == NULL)
		return;
	b = obj_of(*ap, struct block, answer);
	*ap = NULL;
	must(b->refs > 0);
	if (--b->refs == 0)
		free(b);
}
