/* SPDX-License-Identifier: ISC */
/*
 * ldns takes one record at a time out of the message and gives it back at
 * once, so a message cannot make it hold more than one.  What an answer may
 * use is collected (collect_answer), then the alias chain is followed through
 * it (follow), then the records at its end become the value (finish).
 */
#include "lib/dns/dns_wire.h"

#include <stdlib.h>
#include <string.h>

/* ldns.h would bring all of OpenSSL; rbtree.h is missing in host2wire.h. */
#include <ldns/rbtree.h>
#include <ldns/host2wire.h>
#include <ldns/packet.h>
#include <ldns/wire2host.h>

#include "lib/base/must.h"
#include "lib/dns/dns.h"
#include "lib/dns/dns_answer_priv.h"

#define HEADER_BYTES	12
#define QUESTION_MAX	(DNS_NAME_WIRE_MAX + 4)
#define SOA_MINIMUM	6		/* rdata field (RFC 1035 s3.3.13) */
#define TTL_MAX		0x7fffffffu	/* more is 0 (RFC 2181 s8) */
#define TEXT_MAX	(DNS_RECORDS_MAX * 2 * DNS_NAME_PUT_MAX + DNS_WIRE_MAX)

enum {				/* rcodes (RFC 6895 s2.3) */
	RCODE_NOERROR, RCODE_FORMERR, RCODE_SERVFAIL, RCODE_NXDOMAIN,
	RCODE_NOTIMP, RCODE_REFUSED, RCODE_BADVERS = 16,
};

enum { FLAG_QR = 0x8000, FLAG_OPCODE = 0x7800, FLAG_AA = 0x0400,
	FLAG_TC = 0x0200, FLAG_RA = 0x0080, FLAG_AD = 0x0020, FLAG_RCODE = 15 };

/* A record of the answer section; owner and data are offsets into text. */
struct found {
	struct dns_record r;
	bool		 is_alias;
	uint32_t	 ttl_s;
	size_t		 owner_at;
	size_t		 owner_n;
	size_t		 data_at;
	size_t		 data_n;
};

struct reading {
	const struct dns_wire_query *q;
	const uint8_t	*p;
	size_t		 n;
	size_t		 at;
	unsigned	 flags;
	unsigned	 rcode;		/* with the upper bits of EDNS */
	struct found	*found;
	size_t		 found_count;
	struct buf	 text;
	bool		 has_soa;
	uint32_t	 soa_ttl_s;
};

static unsigned
get16(const uint8_t *p)
{
	return (unsigned)(p[0] << 8 | p[1]);
}

/* ---- queries ---- */

static enum err
put_packet(struct buf *b, const ldns_pkt *pkt)
{
	uint8_t *bytes = NULL;
	size_t n = 0;

	if (ldns_pkt2wire(&bytes, pkt, &n) != LDNS_STATUS_OK)
		return ERR_SYNTAX;
	buf_put(b, bytes, n);
	free(bytes);
	return buf_err(b);
}

enum err
dns_wire_put_query(struct buf *b, const struct dns_wire_query *q)
{
	uint8_t wire[DNS_NAME_WIRE_MAX];
	ldns_rdf *name = ldns_rdf_new_frm_data(LDNS_RDF_TYPE_DNAME,
	    dns_name_wire(&q->name, wire), wire);
	ldns_pkt *pkt;
	enum err e;

	if (name == NULL)
		return ERR_FULL;
	pkt = ldns_pkt_query_new(name, (ldns_rr_type)q->type, LDNS_RR_CLASS_IN,
	    LDNS_RD | LDNS_AD);		/* name is the packet's now */
	if (pkt == NULL) {
		ldns_rdf_deep_free(name);
		return ERR_FULL;
	}
	ldns_pkt_set_id(pkt, q->id);
	if (q->has_edns)
		ldns_pkt_set_edns_udp_size(pkt, DNS_WIRE_UDP_BYTES);
	e = put_packet(b, pkt);
	ldns_pkt_free(pkt);
	return e;
}

/* ---- is it an answer to this question? ---- */

static size_t
put_question(const struct dns_wire_query *q, uint8_t dst[QUESTION_MAX])
{
	size_t n = dns_name_wire(&q->name, dst);

	dst[n++] = (uint8_t)((unsigned)q->type >> 8);
	dst[n++] = (uint8_t)q->type;
	dst[n++] = 0;
	dst[n++] = LDNS_RR_CLASS_IN;
	return n;
}

static bool
is_header_ours(struct reading *r)
{
	if (r->n < HEADER_BYTES || get16(r->p) != r->q->id)
		return false;
	r->flags = get16(r->p + 2);
	r->rcode = r->flags & FLAG_RCODE;
	return (r->flags & FLAG_QR) != 0 && (r->flags & FLAG_OPCODE) == 0;
}

/* Exactly the bytes that were asked (RFC 5452 s4.2). */
static bool
is_question_ours(struct reading *r)
{
	uint8_t question[QUESTION_MAX];
	size_t n = put_question(r->q, question);

	if (get16(r->p + 4) != 1 || r->n - HEADER_BYTES < n ||
	    memcmp(r->p + HEADER_BYTES, question, n) != 0)
		return false;
	r->at = HEADER_BYTES + n;
	return true;
}

/* A server that does not know EDNS may not even repeat the question. */
static bool
is_bare_refusal(const struct reading *r)
{
	return get16(r->p + 4) == 0 && r->n == HEADER_BYTES &&
	    (r->rcode == RCODE_FORMERR || r->rcode == RCODE_NOTIMP);
}

/* ---- the sections ---- */

static enum err
put_rdf_name(struct buf *b, const ldns_rdf *name)
{
	if (name == NULL || ldns_rdf_get_type(name) != LDNS_RDF_TYPE_DNAME)
		return ERR_SYNTAX;
	return dns_name_put(b, ldns_rdf_data(name), ldns_rdf_size(name));
}

static enum err
read_address(struct conn_addr *a, const ldns_rdf *rdf, bool is_v4)
{
	static const uint8_t v4_prefix[12] = { [10] = 0xff, [11] = 0xff };
	size_t n = is_v4 ? 4 : 16;

	if (rdf == NULL || ldns_rdf_size(rdf) != n)
		return ERR_SYNTAX;
	*a = (struct conn_addr){ .is_inet = true, .is_v4 = is_v4 };
	if (is_v4)
		memcpy(a->ip, v4_prefix, sizeof(v4_prefix));
	memcpy(a->ip + 16 - n, ldns_rdf_data(rdf), n);
	/* An IPv4 host that came in the IPv6 form is an IPv4 host. */
	a->is_v4 = memcmp(a->ip, v4_prefix, sizeof(v4_prefix)) == 0;
	return ERR_OK;
}

/* Each string has its length before it (RFC 1035 s3.3.14). */
static enum err
read_text(struct buf *b, const ldns_rr *rr)
{
	const ldns_rdf *s;

	for (size_t i = 0; i < ldns_rr_rd_count(rr); i++) {
		s = ldns_rr_rdf(rr, i);
		if (ldns_rdf_size(s) == 0 ||
		    ldns_rdf_data(s)[0] != ldns_rdf_size(s) - 1)
			return ERR_SYNTAX;
		buf_put(b, ldns_rdf_data(s) + 1, ldns_rdf_size(s) - 1);
	}
	return buf_err(b);
}

static enum err
read_tlsa(struct dns_record *r, struct buf *b, const ldns_rr *rr)
{
	if (ldns_rr_rd_count(rr) < 3)
		return ERR_SYNTAX;
	for (size_t i = 0; i < 3; i++)
		if (ldns_rdf_size(ldns_rr_rdf(rr, i)) != 1)
			return ERR_SYNTAX;
	r->usage = ldns_rdf_data(ldns_rr_rdf(rr, 0))[0];
	r->selector = ldns_rdf_data(ldns_rr_rdf(rr, 1))[0];
	r->matching = ldns_rdf_data(ldns_rr_rdf(rr, 2))[0];
	if (ldns_rr_rd_count(rr) > 3)	/* else: no data, which matches nothing */
		buf_put(b, ldns_rdf_data(ldns_rr_rdf(rr, 3)),
		    ldns_rdf_size(ldns_rr_rdf(rr, 3)));
	return buf_err(b);
}

static enum err
read_mx(struct dns_record *r, struct buf *b, const ldns_rr *rr)
{
	const ldns_rdf *preference = ldns_rr_rdf(rr, 0);

	if (preference == NULL || ldns_rdf_size(preference) != 2)
		return ERR_SYNTAX;
	r->preference = (uint16_t)get16(ldns_rdf_data(preference));
	return put_rdf_name(b, ldns_rr_rdf(rr, 1));
}

static enum err
read_data(struct found *f, struct buf *b, const ldns_rr *rr, enum dns_type type)
{
	switch (type) {
	case DNS_A:
	case DNS_AAAA:
		return read_address(&f->r.addr, ldns_rr_rdf(rr, 0), type == DNS_A);
	case DNS_CNAME:
		return put_rdf_name(b, ldns_rr_rdf(rr, 0));
	case DNS_MX:
		return read_mx(&f->r, b, rr);
	case DNS_TXT:
		return read_text(b, rr);
	case DNS_TLSA:
		return read_tlsa(&f->r, b, rr);
	}
	return ERR_SYNTAX;
}

static uint32_t
ttl_of(const ldns_rr *rr)
{
	return ldns_rr_ttl(rr) > TTL_MAX ? 0 : ldns_rr_ttl(rr);
}

/* Keeps what is of the type asked for, and aliases. */
static enum err
collect_answer(struct reading *r, const ldns_rr *rr)
{
	bool is_wanted = (unsigned)ldns_rr_get_type(rr) == (unsigned)r->q->type;
	struct found *f = &r->found[r->found_count];
	struct buf *b = &r->text;
	enum err e;

	if (ldns_rr_get_class(rr) != LDNS_RR_CLASS_IN ||
	    (!is_wanted && ldns_rr_get_type(rr) != LDNS_RR_TYPE_CNAME))
		return ERR_OK;
	*f = (struct found){ .is_alias = !is_wanted, .ttl_s = ttl_of(rr) };
	f->owner_at = b->n;
	if ((e = put_rdf_name(b, ldns_rr_owner(rr))) != ERR_OK)
		return e;
	f->data_at = b->n;
	f->owner_n = f->data_at - f->owner_at;
	e = read_data(f, b, rr, is_wanted ? r->q->type : DNS_CNAME);
	f->data_n = b->n - f->data_at;
	r->found_count++;
	return e;
}

/* RFC 2308 s5: the lesser of the SOA's own TTL and its last field. */
static enum err
collect_authority(struct reading *r, const ldns_rr *rr)
{
	const ldns_rdf *minimum;
	uint32_t ttl_s;

	if (ldns_rr_get_type(rr) != LDNS_RR_TYPE_SOA ||
	    ldns_rr_get_class(rr) != LDNS_RR_CLASS_IN)
		return ERR_OK;
	minimum = ldns_rr_rdf(rr, SOA_MINIMUM);
	if (minimum == NULL || ldns_rdf_size(minimum) != 4)
		return ERR_SYNTAX;
	ttl_s = get16(ldns_rdf_data(minimum)) << 16 |
	    get16(ldns_rdf_data(minimum) + 2);
	if (ttl_s > TTL_MAX)
		ttl_s = 0;
	r->soa_ttl_s = ttl_s < ttl_of(rr) ? ttl_s : ttl_of(rr);
	r->has_soa = true;
	return ERR_OK;
}

/* RFC 6891 s6.1.3: the upper eight bits of the rcode stand in its TTL. */
static enum err
collect_additional(struct reading *r, const ldns_rr *rr)
{
	if (ldns_rr_get_type(rr) == LDNS_RR_TYPE_OPT)
		r->rcode = (r->flags & FLAG_RCODE) | ldns_rr_ttl(rr) >> 24 << 4;
	return ERR_OK;
}

static enum err
read_section(struct reading *r, unsigned count, ldns_pkt_section section,
    enum err (*collect)(struct reading *, const ldns_rr *))
{
	enum err e = ERR_OK;
	ldns_rr *rr;

	while (e == ERR_OK && count-- > 0) {
		rr = NULL;
		if (ldns_wire2rr(&rr, r->p, r->n, &r->at, section) !=
		    LDNS_STATUS_OK)
			return ERR_SYNTAX;
		e = collect(r, rr);
		ldns_rr_free(rr);
	}
	return e;
}

static enum err
read_sections(struct reading *r)
{
	unsigned an = get16(r->p + 6), ns = get16(r->p + 8), ar = get16(r->p + 10);
	enum err e;

	if (an + ns + ar > DNS_RECORDS_MAX)
		return ERR_LIMIT;
	r->found = must_alloc(an + 1u, sizeof(*r->found));
	e = read_section(r, an, LDNS_SECTION_ANSWER, collect_answer);
	if (e == ERR_OK)
		e = read_section(r, ns, LDNS_SECTION_AUTHORITY, collect_authority);
	if (e == ERR_OK)
		e = read_section(r, ar, LDNS_SECTION_ADDITIONAL, collect_additional);
	return e;
}

/* ---- from records to an answer ---- */

static struct slice
text_at(const struct reading *r, size_t at, size_t n)
{
	return slice_from(slice_head(buf_slice(&r->text), at + n), at);
}

static const struct found *
find(const struct reading *r, struct slice owner, bool is_alias)
{
	for (size_t i = 0; i < r->found_count; i++) {
		const struct found *f = &r->found[i];

		if (f->is_alias == is_alias &&
		    slice_eq(text_at(r, f->owner_at, f->owner_n), owner))
			return f;
	}
	return NULL;
}

/* The name at the end of the chain; ERR_LIMIT for a loop, or too long a one. */
static enum err
follow(const struct reading *r, struct slice *name, unsigned *aliases,
    uint32_t *ttl_s)
{
	const struct found *f;

	*name = dns_name_slice(&r->q->name);
	*aliases = 0;
	*ttl_s = TTL_MAX;
	while (find(r, *name, false) == NULL &&
	    (f = find(r, *name, true)) != NULL) {
		if (++*aliases > DNS_ALIASES_MAX)
			return ERR_LIMIT;
		if (f->ttl_s < *ttl_s)
			*ttl_s = f->ttl_s;
		*name = text_at(r, f->data_at, f->data_n);
	}
	return ERR_OK;
}

static int
by_preference(const void *a, const void *b)
{
	const struct dns_record *x = a, *y = b;

	return (int)x->preference - (int)y->preference;
}

static struct dns_answer *
make_positive(const struct reading *r, struct slice name, uint32_t ttl_s)
{
	struct dns_record *records = must_alloc(r->found_count, sizeof(*records));
	struct dns_answer *a;
	size_t n = 0;

	for (size_t i = 0; i < r->found_count; i++) {
		const struct found *f = &r->found[i];

		if (f->is_alias ||
		    !slice_eq(text_at(r, f->owner_at, f->owner_n), name))
			continue;
		records[n] = f->r;
		records[n++].data = text_at(r, f->data_at, f->data_n);
		if (f->ttl_s < ttl_s)
			ttl_s = f->ttl_s;
	}
	if (r->q->type == DNS_MX)
		qsort(records, n, sizeof(*records), by_preference);
	a = dns_answer_new(DNS_OK, name, records, n);
	a->ttl_s = ttl_s;
	free(records);
	return a;
}

/* Absence, or an alias to what this server did not look at. */
static enum dns_wire_result
finish_negative(const struct reading *r, struct slice name, uint32_t ttl_s,
    struct dns_wire_reply *out)
{
	bool is_lame = (r->flags & (FLAG_AA | FLAG_RA)) == 0;
	enum dns_wire_result result = DNS_WIRE_ANSWER;

	if (r->rcode == RCODE_NOERROR && !r->has_soa) {
		if (out->aliases > 0) {
			result = DNS_WIRE_ALIAS;
		} else if (is_lame) {
			out->reason = "the server does not recurse";
			return DNS_WIRE_REFUSED;
		}
	}
	if (r->has_soa && r->soa_ttl_s < ttl_s)
		ttl_s = r->soa_ttl_s;
	out->has_ttl = r->has_soa || result == DNS_WIRE_ALIAS;
	out->answer = dns_answer_new(r->rcode == RCODE_NXDOMAIN ?
	    DNS_NXDOMAIN : DNS_NODATA, name, NULL, 0);
	out->answer->ttl_s = out->has_ttl ? ttl_s : 0;
	return result;
}

static enum dns_wire_result
finish(const struct reading *r, struct dns_wire_reply *out)
{
	enum dns_wire_result result = DNS_WIRE_ANSWER;
	struct slice name;
	uint32_t ttl_s;

	if (follow(r, &name, &out->aliases, &ttl_s) != ERR_OK) {
		out->reason = "too many aliases";
		return DNS_WIRE_REFUSED;
	}
	if (r->rcode == RCODE_NOERROR && find(r, name, false) != NULL) {
		out->has_ttl = true;
		out->answer = make_positive(r, name, ttl_s);
	} else {
		result = finish_negative(r, name, ttl_s, out);
	}
	if (out->answer != NULL) {
		out->answer->is_alias = out->aliases > 0;
		out->answer->is_secure = (r->flags & FLAG_AD) != 0;
	}
	return result;
}

static enum dns_wire_result
refusal(const struct reading *r, struct dns_wire_reply *out)
{
	switch (r->rcode) {
	case RCODE_FORMERR:
	case RCODE_NOTIMP:
	case RCODE_BADVERS:
		if (r->q->has_edns)
			return DNS_WIRE_NO_EDNS;
		out->reason = "the server does not understand";
		break;
	case RCODE_SERVFAIL:
		out->reason = "the server failed";
		break;
	case RCODE_REFUSED:
		out->reason = "the server refused";
		break;
	default:
		out->reason = "the server gave an error";
		break;
	}
	return DNS_WIRE_REFUSED;
}

static enum dns_wire_result
read_reply(struct reading *r, struct dns_wire_reply *out)
{
	enum err e;

	if (!is_header_ours(r))
		return DNS_WIRE_STRAY;
	if (is_bare_refusal(r))
		return refusal(r, out);
	if (!is_question_ours(r))
		return DNS_WIRE_STRAY;
	if ((r->flags & FLAG_TC) != 0)
		return DNS_WIRE_TRUNCATED;
	if ((e = read_sections(r)) != ERR_OK) {
		out->reason = e == ERR_LIMIT ? "too many records" :
		    "malformed answer";
		return DNS_WIRE_MALFORMED;
	}
	if (r->rcode != RCODE_NOERROR && r->rcode != RCODE_NXDOMAIN)
		return refusal(r, out);
	return finish(r, out);
}

enum dns_wire_result
dns_wire_read(struct slice message, const struct dns_wire_query *q,
    struct dns_wire_reply *out)
{
	struct reading r = {
		.q = q, .p = (const uint8_t *)message.p, .n = message.n
	};
	enum dns_wire_result result;

	*out = (struct dns_wire_reply){ 0 };
	buf_init(&r.text, TEXT_MAX);
	result = read_reply(&r, out);
	buf_fini(&r.text);
	free(r.found);
	return result;
}
