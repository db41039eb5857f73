/* SPDX-License-Identifier: ISC */
#include "lib/crypto/cry_box.h"

#include <stdlib.h>

#include <sodium.h>

#include "lib/base/must.h"
#include "lib/base/secret.h"

#define BLOCK	64u	/* of the key stream */
#define TEXT_AT	32u	/* in the key stream, behind the key of the tag */

struct cry_box {
	unsigned char	 key[CRY_KEY_BYTES];
	unsigned char	 nonce[crypto_stream_xsalsa20_NONCEBYTES];
	uint64_t	 off;		/* in the key stream */
	crypto_onetimeauth_state auth;
};

_Static_assert(CRY_BOX_TAG_BYTES == crypto_onetimeauth_BYTES, "Poly1305");
_Static_assert(CRY_KEY_BYTES == crypto_stream_xsalsa20_KEYBYTES, "XSalsa20");

enum err
cry_box_key_new(struct cry_box_key *k, const unsigned char owner[CRY_KEY_BYTES])
{
	unsigned char secret[CRY_KEY_BYTES];
	enum err e;

	memcpy(k->owner, owner, CRY_KEY_BYTES);
	cry_box_pair(k->ephemeral, secret);
	e = cry_box_shared(k->shared, owner, secret);
	secret_wipe(secret, sizeof(secret));
	return e;
}

struct cry_box *
cry_box_new(const struct cry_box_key *k)
{
	struct cry_box *b = must_alloc(1, sizeof(*b));
	crypto_generichash_state hash;

	memcpy(b->key, k->shared, sizeof(b->key));
	must(crypto_generichash_init(&hash, NULL, 0, sizeof(b->nonce)) == 0);
	must(crypto_generichash_update(&hash, k->ephemeral, CRY_KEY_BYTES) == 0);
	must(crypto_generichash_update(&hash, k->owner, CRY_KEY_BYTES) == 0);
	must(crypto_generichash_final(&hash, b->nonce, sizeof(b->nonce)) == 0);
	cry_box_again(b);
	return b;
}

void
cry_box_free(struct cry_box **bp)
{
	if (*bp != NULL)
		secret_wipe(*bp, sizeof(**bp));
	free(*bp);
	*bp = NULL;
}

void
cry_box_again(struct cry_box *b)
{
	unsigned char key[crypto_onetimeauth_KEYBYTES];

	must(crypto_stream_xsalsa20(key, sizeof(key), b->nonce, b->key) == 0);
	must(crypto_onetimeauth_init(&b->auth, key) == 0);
	secret_wipe(key, sizeof(key));
	b->off = TEXT_AT;
}

void
cry_box_add(struct cry_box *b, struct slice s)
{
	if (s.n > 0)
		must(crypto_onetimeauth_update(&b->auth, (const unsigned char *)s.p, s.n) == 0);
}

void
cry_box_tag(struct cry_box *b, unsigned char tag[CRY_BOX_TAG_BYTES])
{
	must(crypto_onetimeauth_final(&b->auth, tag) == 0);
}

enum err
cry_box_check(struct cry_box *b, const unsigned char tag[CRY_BOX_TAG_BYTES])
{
	unsigned char want[CRY_BOX_TAG_BYTES];

	cry_box_tag(b, want);
	return crypto_verify_16(want, tag) == 0 ? ERR_OK : ERR_CORRUPT;
}

/* To the next block of the key stream, or to the end. */
static size_t
finish_block(struct cry_box *b, unsigned char *out, struct slice in)
{
	unsigned char block[BLOCK] = { 0 };
	size_t at = b->off % BLOCK, n = BLOCK - at < in.n ? BLOCK - at : in.n;

	if (at == 0)
		return 0;
	memcpy(block + at, in.p, n);
	must(crypto_stream_xsalsa20_xor_ic(block, block, sizeof(block), b->nonce,
	    b->off / BLOCK, b->key) == 0);
	memcpy(out, block + at, n);
	secret_wipe(block, sizeof(block));
	return n;
}

void
cry_box_stream(struct cry_box *b, unsigned char *out, struct slice in)
{
	size_t n;

	if (in.n == 0)
		return;
	n = finish_block(b, out, in);
	b->off += n;
	in = slice_from(in, n);
	if (in.n == 0)
		return;
	must(crypto_stream_xsalsa20_xor_ic(out + n, (const unsigned char *)in.p, in.n, b->nonce,
	    b->off / BLOCK, b->key) == 0);
	b->off += in.n;
}
