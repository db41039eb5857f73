/* SPDX-License-Identifier: ISC */
#include "tests/unit/dns/dns_msg.h"

#include <string.h>

#include "lib/base/must.h"

void
dns_msg_put16(struct buf *b, unsigned v)
{
	buf_put_char(b, (char)(v >> 8));
	buf_put_char(b, (char)v);
}

void
dns_msg_put32(struct buf *b, uint32_t v)
{
	dns_msg_put16(b, v >> 16);
	dns_msg_put16(b, v & 0xffff);
}

void
dns_msg_put_name(struct buf *b, const char *name)
{
	struct slice rest = slice_str(name), label;

	while (rest.n > 0) {
		rest = slice_cut(rest, '.', &label);
		buf_put_char(b, (char)label.n);
		buf_put_slice(b, label);
	}
	buf_put_char(b, 0);
}

size_t
dns_msg_question_end(struct slice m)
{
	size_t at = 12;

	while (at < m.n && m.p[at] != 0)
		at += 1u + (unsigned char)m.p[at];
	return at + 5 <= m.n ? at + 5 : 0;
}

unsigned
dns_msg_asked(struct slice q, char name[256])
{
	size_t at = 12, n = 0;

	while (q.p[at] != 0) {
		if (n > 0)
			name[n++] = '.';
		memcpy(name + n, q.p + at + 1, (size_t)q.p[at]);
		n += (size_t)q.p[at];
		at += 1u + (size_t)q.p[at];
	}
	name[n] = '\0';
	return (unsigned)((unsigned char)q.p[at + 1] << 8 |
	    (unsigned char)q.p[at + 2]);
}

void
dns_msg_begin(struct buf *b, struct slice query, unsigned flags)
{
	size_t end = dns_msg_question_end(query);

	must(end > 0);
	buf_put(b, query.p, 2);
	dns_msg_put16(b, flags);
	dns_msg_put16(b, 1);
	buf_put(b, "\0\0\0\0\0\0", 6);
	buf_put(b, query.p + 12, end - 12);
}

void
dns_msg_rr(struct buf *b, unsigned section, const char *owner, unsigned type,
    uint32_t ttl, struct slice rdata)
{
	unsigned char *count = (unsigned char *)buf_data(b) + section;
	unsigned n = (unsigned)(count[0] << 8 | count[1]) + 1;

	count[0] = (unsigned char)(n >> 8);
	count[1] = (unsigned char)n;
	dns_msg_put_name(b, owner);
	dns_msg_put16(b, type);
	dns_msg_put16(b, 1);
	dns_msg_put32(b, ttl);
	dns_msg_put16(b, (unsigned)rdata.n);
	buf_put_slice(b, rdata);
}

void
dns_msg_a(struct buf *b, const char *owner, uint32_t ttl, unsigned last_byte)
{
	char ip[4] = { (char)192, 0, 2, (char)last_byte };

	dns_msg_rr(b, MSG_AN, owner, 1, ttl, slice_of(ip, 4));
}

void
dns_msg_cname(struct buf *b, const char *owner, uint32_t ttl, const char *target)
{
	struct buf name;

	buf_init(&name, 256);
	dns_msg_put_name(&name, target);
	dns_msg_rr(b, MSG_AN, owner, 5, ttl, buf_slice(&name));
	buf_fini(&name);
}

void
dns_msg_soa(struct buf *b, const char *owner, uint32_t ttl, uint32_t minimum)
{
	struct buf data;

	buf_init(&data, 512);
	dns_msg_put_name(&data, "ns.example");
	dns_msg_put_name(&data, "hostmaster.example");
	for (uint32_t i = 1; i <= 4; i++)
		dns_msg_put32(&data, i);
	dns_msg_put32(&data, minimum);
	dns_msg_rr(b, MSG_NS, owner, 6, ttl, buf_slice(&data));
	buf_fini(&data);
}
