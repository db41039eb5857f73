/* SPDX-License-Identifier: ISC */
#include "lib/cmtp/cmtp2_postage.h"

#include <string.h>

#include "lib/base/enc.h"
#include "lib/base/must.h"
#include "lib/base/secret.h"

#define ALGORITHM	1
#define MAC_BYTES	(CMTP2_NONCE_BYTES - 8)
#define TERMS_BYTES	(1 + 4 + 4)

static void
put_terms(unsigned char out[TERMS_BYTES], const struct cmtp2_price *p)
{
	out[0] = p->bits;
	enc_be32(out + 1, p->kib);
	enc_be32(out + 5, p->passes);
}

/* ---- the one who asks for it */

void
cmtp2_postage_ask(struct cmtp2_price *p, const unsigned char digest[CMTP_DIGEST_BYTES],
    const unsigned char secret[CRY_KEY_BYTES])
{
	unsigned char key[CRY_KEY_BYTES], terms[TERMS_BYTES + 8 + CMTP_DIGEST_BYTES];

	put_terms(terms, p);
	enc_be64(terms + TERMS_BYTES, p->expires_s);
	memcpy(terms + TERMS_BYTES + 8, digest, CMTP_DIGEST_BYTES);
	cry_subkey(key, secret, "cmtp 2 postage");
	cry_mac(p->nonce, MAC_BYTES, key, slice_of(terms, sizeof(terms)));
	secret_wipe(key, sizeof(key));
	enc_be64(p->nonce + MAC_BYTES, p->expires_s);
}

void
cmtp2_postage_put(struct buf *b, const struct cmtp2_price *p)
{
	unsigned char terms[TERMS_BYTES], expires[8];

	put_terms(terms, p);
	enc_be64(expires, p->expires_s);
	buf_put_char(b, ALGORITHM);
	buf_put(b, terms, sizeof(terms));
	buf_put(b, p->nonce, sizeof(p->nonce));
	buf_put(b, expires, sizeof(expires));
}

enum err
cmtp2_postage_check(struct cmtp2_price *p, struct slice solution,
    const unsigned char digest[CMTP_DIGEST_BYTES], const unsigned char secret[CRY_KEY_BYTES],
    uint64_t now_s)
{
	if (solution.n != CMTP2_POSTAGE_BYTES)
		return ERR_AUTH;
	p->expires_s = dec_be64(solution.p + MAC_BYTES);
	cmtp2_postage_ask(p, digest, secret);
	if (!secret_eq(p->nonce, solution.p, CMTP2_NONCE_BYTES) || p->expires_s <= now_s)
		return ERR_AUTH;
	return ERR_OK;
}

/* ---- the one who pays */

enum err
cmtp2_postage_read(struct cmtp2_price *p, struct slice s)
{
	const unsigned char *b = (const unsigned char *)s.p;

	memset(p, 0, sizeof(*p));
	if (s.n != CMTP2_PRICE_BYTES)
		return ERR_SYNTAX;
	if (b[0] != ALGORITHM)
		return ERR_UNSUPPORTED;
	p->bits = b[1];
	p->kib = dec_be32(b + 2);
	p->passes = dec_be32(b + 6);
	memcpy(p->nonce, b + 10, sizeof(p->nonce));
	p->expires_s = dec_be64(b + 42);
	if (p->bits > CMTP2_PRICE_BITS_MAX || p->kib > CMTP2_PRICE_KIB_MAX ||
	    p->passes > CMTP2_PRICE_PASSES_MAX)
		return ERR_LIMIT;
	return p->kib < CMTP2_PRICE_KIB_MIN || p->passes == 0 ? ERR_SYNTAX : ERR_OK;
}

void
cmtp2_postage_solution(unsigned char out[CMTP2_POSTAGE_BYTES], const struct cmtp2_price *p,
    uint64_t counter)
{
	memcpy(out, p->nonce, CMTP2_NONCE_BYTES);
	enc_be64(out + CMTP2_NONCE_BYTES, counter);
}

uint64_t
cmtp2_postage_counter(struct slice solution)
{
	must(solution.n == CMTP2_POSTAGE_BYTES);
	return dec_be64(solution.p + CMTP2_NONCE_BYTES);
}

/* ---- both */

static bool
has_zero_bits(const unsigned char hash[CRY_KEY_BYTES], unsigned bits)
{
	for (unsigned i = 0; i < bits; i++)
		if ((hash[i / 8] & (0x80 >> i % 8)) != 0)
			return false;
	return true;
}

enum err
cmtp2_postage_try(const struct cmtp2_price *p, const unsigned char digest[CMTP_DIGEST_BYTES],
    uint64_t counter)
{
	unsigned char work[CMTP_DIGEST_BYTES + 8], hash[CRY_KEY_BYTES];
	enum err e;

	memcpy(work, digest, CMTP_DIGEST_BYTES);
	enc_be64(work + CMTP_DIGEST_BYTES, counter);
	e = cry_argon2id(hash, slice_of(work, sizeof(work)), p->nonce, p->passes, p->kib);
	if (e != ERR_OK)
		return e;
	return has_zero_bits(hash, p->bits) ? ERR_OK : ERR_NOTFOUND;
}
