/* SPDX-License-Identifier: ISC */
#include "queue/queue_srs.h"

#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/secret.h"

#define TAG_BYTES	4u	/* SRS0 */
#define DAY_S		86400u
#define STAMP_BYTES	2u
#define INPUT_MAX	1024u	/* more than two addresses have */

static const char base32[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/* A local part in pieces. */
struct parts {
	struct slice	 hash;
	struct slice	 stamp;		/* SRS0 only */
	struct slice	 domain;	/* or the host of SRS1 */
	struct slice	 rest;		/* local part, or what follows SRS0 at host */
};

static bool
is_separator(char c)
{
	return c == '=' || c == '+' || c == '-';
}

static bool
is_tagged(struct slice local, const char *tag)
{
	return local.n > TAG_BYTES + 1 && slice_istarts(local, tag) &&
	    is_separator(local.p[TAG_BYTES]);
}

/* The next piece up to a "=". */
static bool
take(struct slice *s, struct slice *piece)
{
	size_t n = slice_find(*s, '=');

	if (n == 0 || n == s->n)
		return false;
	*piece = slice_head(*s, n);
	*s = slice_from(*s, n + 1);
	return true;
}

static bool
split_0(struct slice local, struct parts *p)
{
	struct slice s = slice_from(local, TAG_BYTES + 1);

	*p = (struct parts){ .hash = SLICE_NONE };
	if (!is_tagged(local, "SRS0") || !take(&s, &p->hash) || !take(&s, &p->stamp) ||
	    !take(&s, &p->domain))
		return false;
	p->rest = s;
	return s.n > 0;
}

static bool
split_1(struct slice local, struct parts *p)
{
	struct slice s = slice_from(local, TAG_BYTES + 1);

	*p = (struct parts){ .hash = SLICE_NONE };
	if (!is_tagged(local, "SRS1") || !take(&s, &p->hash) || !take(&s, &p->domain))
		return false;
	p->rest = s;
	return s.n > 1 && is_separator(s.p[0]);
}

/* No part but the last has a "=", so that the input says what the parts are. */
static void
make_hash(char out[QUEUE_SRS_HASH], const unsigned char key[CRY_KEY_BYTES], char kind,
    const struct parts *p)
{
	const struct slice all[] = { p->stamp, p->domain, p->rest };
	unsigned char mac[16];
	struct buf b;
	uint32_t bits;
	size_t i, k;

	buf_init(&b, INPUT_MAX);
	buf_put_char(&b, kind);
	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		buf_put_char(&b, '=');
		for (k = 0; k < all[i].n; k++)
			buf_put_char(&b, ascii_lower(all[i].p[k]));
	}
	cry_mac(mac, sizeof(mac), key, buf_slice(&b));
	buf_fini(&b);
	bits = (uint32_t)mac[0] << 24 | (uint32_t)mac[1] << 16 | (uint32_t)mac[2] << 8 | mac[3];
	for (i = 0; i < QUEUE_SRS_HASH; i++)
		out[i] = base32[bits >> (27 - 5 * i) & 31];
}

static bool
is_ours(const struct queue_srs *s, char kind, const struct parts *p)
{
	char want[QUEUE_SRS_HASH], got[QUEUE_SRS_HASH];
	bool is_good = false;
	size_t i;

	if (p->hash.n != QUEUE_SRS_HASH)
		return false;
	for (i = 0; i < QUEUE_SRS_HASH; i++)
		got[i] = ascii_upper(p->hash.p[i]);
	for (i = 0; i < sizeof(s->keys) / sizeof(s->keys[0]); i++) {
		make_hash(want, s->keys[i], kind, p);
		is_good |= secret_eq(want, got, sizeof(want));
	}
	return is_good;
}

/* ---- days ---- */

static uint32_t
today(uint64_t now_s)
{
	return (uint32_t)(now_s / DAY_S % QUEUE_SRS_DAYS);
}

/* How many days ago; QUEUE_SRS_DAYS: not a day. */
static uint32_t
age_of(struct slice stamp, uint64_t now_s)
{
	uint32_t then = 0;
	const char *at;
	size_t i;

	if (stamp.n != STAMP_BYTES)
		return QUEUE_SRS_DAYS;
	for (i = 0; i < STAMP_BYTES; i++) {
		at = memchr(base32, ascii_upper(stamp.p[i]), sizeof(base32) - 1);
		if (at == NULL)
			return QUEUE_SRS_DAYS;
		then = then << 5 | (uint32_t)(at - base32);
	}
	return (today(now_s) + QUEUE_SRS_DAYS - then) % QUEUE_SRS_DAYS;
}

/* ---- forward ---- */

/* What was rewritten elsewhere keeps the host that did it first. */
static void
choose(const struct addr *sender, const char stamp[STAMP_BYTES], struct parts *p, char *kind)
{
	struct slice local = addr_local(sender);

	*kind = '1';
	if (split_1(local, p))
		return;
	*p = (struct parts){ .domain = addr_domain(sender) };
	if (is_tagged(local, "SRS0")) {
		p->rest = slice_from(local, TAG_BYTES);
		return;
	}
	*kind = '0';
	p->stamp = slice_of(stamp, STAMP_BYTES);
	p->rest = local;
}

static enum err
set_local(struct addr *a, const struct queue_srs *s, char kind, const struct parts *p)
{
	char hash[QUEUE_SRS_HASH];
	struct buf b;
	enum err e;

	make_hash(hash, s->keys[0], kind, p);
	buf_init(&b, ADDR_LOCAL_MAX);
	buf_put_str(&b, "SRS");
	buf_put_char(&b, kind);
	buf_put_char(&b, s->separator);
	buf_put(&b, hash, sizeof(hash));
	buf_put_char(&b, '=');
	if (p->stamp.n > 0) {
		buf_put_slice(&b, p->stamp);
		buf_put_char(&b, '=');
	}
	buf_put_slice(&b, p->domain);
	buf_put_char(&b, '=');
	buf_put_slice(&b, p->rest);
	e = buf_err(&b);
	if (e == ERR_OK) {
		a->local_n = (unsigned char)b.n;
		memcpy(a->local, buf_data(&b), b.n);
	}
	buf_fini(&b);
	return e == ERR_OK ? ERR_OK : ERR_LIMIT;
}

enum err
queue_srs_forward(const struct queue_srs *s, struct slice sender, struct slice domain,
    uint64_t now_s, char dst[ADDR_TEXT_MAX + 1], struct slice *out)
{
	const uint32_t day = today(now_s);
	const char stamp[STAMP_BYTES] = { base32[day >> 5], base32[day & 31] };
	struct addr from, a = { .local_n = 0 };
	struct parts p;
	char kind;
	enum err e;

	if (!s->has_keys)
		return ERR_AGAIN;
	if (addr_parse(sender, ADDR_UTF8, &from) != ERR_OK || domain.n == 0 ||
	    domain.n > ADDR_DOMAIN_MAX)
		return ERR_SYNTAX;
	choose(&from, stamp, &p, &kind);
	if ((e = set_local(&a, s, kind, &p)) != ERR_OK)
		return e;
	a.domain_n = (unsigned char)domain.n;
	memcpy(a.domain, domain.p, domain.n);
	*out = addr_text(&a, dst);
	return ERR_OK;
}

/* ---- back ---- */

/* The text is read again: no wrong address comes out, whatever we once made. */
static enum err
join(struct addr *out, struct slice tag, struct slice local, struct slice domain)
{
	char text[ADDR_TEXT_MAX + 1];
	struct addr a = { .local_n = 0 };

	if (tag.n + local.n > ADDR_LOCAL_MAX || domain.n > ADDR_DOMAIN_MAX)
		return ERR_DENIED;
	a.local_n = (unsigned char)(tag.n + local.n);
	if (tag.n > 0)
		memcpy(a.local, tag.p, tag.n);
	memcpy(a.local + tag.n, local.p, local.n);
	a.domain_n = (unsigned char)domain.n;
	memcpy(a.domain, domain.p, domain.n);
	return addr_parse(addr_text(&a, text), ADDR_UTF8, out) == ERR_OK ? ERR_OK : ERR_DENIED;
}

enum err
queue_srs_reverse(const struct queue_srs *s, const struct addr *a, uint64_t now_s,
    struct addr *out)
{
	struct slice local = addr_local(a);
	struct parts p;
	bool is_0 = split_0(local, &p);

	if (!is_0 && !split_1(local, &p))
		return ERR_NOTFOUND;
	if (!s->has_keys)
		return ERR_AGAIN;
	if (!is_ours(s, is_0 ? '0' : '1', &p))
		return ERR_DENIED;
	if (is_0 && age_of(p.stamp, now_s) > s->max_age_days)
		return ERR_TIMEOUT;
	return join(out, is_0 ? SLICE_NONE : SLICE_LIT("SRS0"), p.rest, p.domain);
}
