/* SPDX-License-Identifier: ISC */
#include "lib/cmtp/cmtp_key.h"

#include <string.h>

#include "lib/base/enc.h"
#include "lib/base/must.h"
#include "lib/cmtp/cmtp_sign.h"

#define FORMAT		1

/* ---- bytes */

static bool
is_name(struct slice s)
{
	return s.n <= CMTP_KEY_NAME_MAX && slice_find(s, '\0') == s.n && utf8_ok(s);
}

static bool
is_domain(struct slice s)
{
	if (s.n == 0 || !is_name(s))
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (ascii_lower(s.p[i]) != s.p[i] || s.p[i] == '@')
			return false;
	return true;
}

/* What holds for every record, whoever made it. */
static bool
is_sound(const struct cmtp_key *k)
{
	static const unsigned char zero[CMTP_KEY_HASH_BYTES];
	bool is_first = memcmp(k->before, zero, sizeof(zero)) == 0;

	return (k->kind == CMTP_KEY_LIVE || k->kind == CMTP_KEY_END) && k->serial > 0 &&
	    is_first == (k->serial == 1) && !(is_first && k->has_previous) &&
	    k->expires_s > k->created_s && k->expires_s - k->created_s <= CMTP_KEY_LIFE_MAX_S &&
	    is_domain(k->domain) && is_name(k->user);
}

static void
put_body(struct buf *b, const struct cmtp_key *k)
{
	unsigned char head[32];

	head[0] = FORMAT;
	head[1] = (unsigned char)k->kind;
	head[2] = head[3] = 0;
	enc_be32(head + 4, k->generation);
	enc_be64(head + 8, k->serial);
	enc_be64(head + 16, k->created_s);
	enc_be64(head + 24, k->expires_s);
	buf_put(b, head, sizeof(head));
	buf_put(b, k->sign, sizeof(k->sign));
	buf_put(b, k->seal, sizeof(k->seal));
	buf_put(b, k->before, sizeof(k->before));
	buf_put_char(b, (char)k->domain.n);
	buf_put_slice(b, k->domain);
	buf_put_char(b, (char)k->user.n);
	buf_put_slice(b, k->user);
}

enum err
cmtp_key_put(struct buf *b, const struct cmtp_key *k)
{
	if (!is_sound(k))
		return ERR_SYNTAX;
	put_body(b, k);
	buf_put(b, k->own, sizeof(k->own));
	buf_put_char(b, k->has_previous ? 1 : 0);
	if (k->has_previous)
		buf_put(b, k->previous, sizeof(k->previous));
	buf_put(b, k->server, sizeof(k->server));
	return buf_err(b);
}

struct reader {
	struct slice	 rest;
	bool		 is_short;
};

static const char *
take(struct reader *r, size_t n)
{
	const char *p = r->rest.p;

	if (r->rest.n < n) {
		r->is_short = true;
		return NULL;
	}
	r->rest = slice_from(r->rest, n);
	return p;
}

static void
take_fixed(struct reader *r, unsigned char *dst, size_t n)
{
	const char *p = take(r, n);

	if (p != NULL)
		memcpy(dst, p, n);
}

static unsigned
take_u8(struct reader *r)
{
	const char *p = take(r, 1);

	return p != NULL ? (unsigned char)*p : 0;
}

static struct slice
take_name(struct reader *r)
{
	unsigned n = take_u8(r);
	const char *p = take(r, n);

	return p != NULL ? slice_of(p, n) : SLICE_NONE;
}

static enum err
read_head(struct cmtp_key *k, struct reader *r)
{
	const char *head = take(r, 32);

	if (head == NULL)
		return ERR_SHORT;
	if (head[0] != FORMAT)
		return ERR_VERSION;
	if ((head[1] != CMTP_KEY_LIVE && head[1] != CMTP_KEY_END) || head[2] != 0 || head[3] != 0)
		return ERR_SYNTAX;
	k->kind = head[1] == CMTP_KEY_LIVE ? CMTP_KEY_LIVE : CMTP_KEY_END;
	k->generation = dec_be32(head + 4);
	k->serial = dec_be64(head + 8);
	k->created_s = dec_be64(head + 16);
	k->expires_s = dec_be64(head + 24);
	return ERR_OK;
}

enum err
cmtp_key_read(struct cmtp_key *k, struct slice *in)
{
	struct reader r = { *in, false };
	unsigned has;
	enum err e;

	memset(k, 0, sizeof(*k));
	if (in->n > 0 && in->p[0] != FORMAT)
		return ERR_VERSION;
	if ((e = read_head(k, &r)) != ERR_OK)
		return e;
	take_fixed(&r, k->sign, sizeof(k->sign));
	take_fixed(&r, k->seal, sizeof(k->seal));
	take_fixed(&r, k->before, sizeof(k->before));
	k->domain = take_name(&r);
	k->user = take_name(&r);
	take_fixed(&r, k->own, sizeof(k->own));
	has = take_u8(&r);
	k->has_previous = has == 1;
	if (has == 1)
		take_fixed(&r, k->previous, sizeof(k->previous));
	take_fixed(&r, k->server, sizeof(k->server));
	if (r.is_short)
		return ERR_SHORT;
	if (has > 1 || !is_sound(k))
		return ERR_SYNTAX;
	*in = r.rest;
	return ERR_OK;
}

/* ---- what is signed */

static struct slice
body_of(struct buf *x, const struct cmtp_key *k)
{
	buf_init(x, CMTP_KEY_RECORD_MAX);
	put_body(x, k);
	must(buf_err(x) == ERR_OK);
	return buf_slice(x);
}

void
cmtp_key_hash(unsigned char out[CMTP_KEY_HASH_BYTES], const struct cmtp_key *k)
{
	struct buf x;

	cry_hash(out, CMTP_KEY_HASH_BYTES, body_of(&x, k));
	buf_fini(&x);
}

static struct cmtp_sign
over_body(struct buf *x, const struct cmtp_key *k, const char *purpose)
{
	return (struct cmtp_sign){ .purpose = purpose, .fields = { body_of(x, k) }, .count = 1 };
}

static struct cmtp_sign
over_all(struct buf *x, const struct cmtp_key *k)
{
	return (struct cmtp_sign){ .purpose = "key-server", .fields = { body_of(x, k),
	    slice_of(k->own, sizeof(k->own)),
	    slice_of(k->previous, k->has_previous ? sizeof(k->previous) : 0) }, .count = 3 };
}

void
cmtp_key_sign_own(struct cmtp_key *k, const unsigned char secret_key[CRY_ED_SECRET_BYTES])
{
	struct buf x;
	const struct cmtp_sign s = over_body(&x, k, "key");

	cmtp_sign_make(k->own, &s, secret_key);
	buf_fini(&x);
}

void
cmtp_key_sign_previous(struct cmtp_key *k, const unsigned char secret_key[CRY_ED_SECRET_BYTES])
{
	struct buf x;
	const struct cmtp_sign s = over_body(&x, k, "key-previous");

	cmtp_sign_make(k->previous, &s, secret_key);
	k->has_previous = true;
	buf_fini(&x);
}

void
cmtp_key_sign_server(struct cmtp_key *k, const unsigned char secret_key[CRY_ED_SECRET_BYTES])
{
	struct buf x;
	const struct cmtp_sign s = over_all(&x, k);

	cmtp_sign_make(k->server, &s, secret_key);
	buf_fini(&x);
}

enum err
cmtp_key_verify(const struct cmtp_key *k, const unsigned char server_sign[CRY_KEY_BYTES])
{
	struct buf x;
	struct cmtp_sign s = over_body(&x, k, "key");
	enum err e = cmtp_sign_verify(k->own, &s, k->sign);

	buf_fini(&x);
	if (e != ERR_OK)
		return e;
	s = over_all(&x, k);
	e = cmtp_sign_verify(k->server, &s, server_sign);
	buf_fini(&x);
	return e;
}

enum err
cmtp_key_verify_previous(const struct cmtp_key *k, const unsigned char before_sign[CRY_KEY_BYTES])
{
	struct buf x;
	const struct cmtp_sign s = over_body(&x, k, "key-previous");
	enum err e = k->has_previous ? cmtp_sign_verify(k->previous, &s, before_sign) : ERR_CORRUPT;

	buf_fini(&x);
	return e;
}
