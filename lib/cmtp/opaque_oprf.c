/* SPDX-License-Identifier: ISC */
#include "lib/cmtp/opaque_oprf.h"

#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/must.h"
#include "lib/base/secret.h"
#include "lib/crypto/cry_group.h"
#include "lib/crypto/cry_sha512.h"

/* contextString, RFC 9497 s3.1: mode 0 */
#define SUITE	"OPRFV1-\0-ristretto255-SHA512"
#define BLOCK_BYTES	128	/* of SHA-512 */
#define INFO_MAX	64
#define COUNTER_MAX	255

static void
put_u16(struct buf *b, size_t v)
{
	buf_put_char(b, (char)(v >> 8));
	buf_put_char(b, (char)v);
}

/* expand_message_xmd (RFC 9380 s5.3.1) to the one length that the suite needs: a hash's. */
static void
expand(unsigned char out[CRY_GROUP_WIDE_BYTES], struct slice input, struct slice tag)
{
	static const unsigned char zeros[BLOCK_BYTES];
	unsigned char b0[CRY_SHA512_BYTES];
	struct buf b;

	must(tag.n <= 255);
	buf_init(&b, BLOCK_BYTES + OPAQUE_OPRF_INPUT_MAX + CRY_SHA512_BYTES + 4 + 256);
	b.secret = true;
	buf_put(&b, zeros, sizeof(zeros));
	buf_put_slice(&b, input);
	put_u16(&b, CRY_GROUP_WIDE_BYTES);
	buf_put_char(&b, 0);
	buf_put_slice(&b, tag);
	buf_put_char(&b, (char)tag.n);
	must(buf_err(&b) == ERR_OK);
	cry_sha512(b0, buf_slice(&b));
	buf_wipe(&b);
	buf_put(&b, b0, sizeof(b0));
	buf_put_char(&b, 1);
	buf_put_slice(&b, tag);
	buf_put_char(&b, (char)tag.n);
	cry_sha512(out, buf_slice(&b));
	buf_fini(&b);
	secret_wipe(b0, sizeof(b0));
}

void
opaque_oprf_pair(unsigned char secret_key[OPAQUE_OPRF_BYTES],
    unsigned char public_key[OPAQUE_OPRF_BYTES], const unsigned char seed[OPAQUE_OPRF_BYTES],
    const char *info)
{
	const struct slice tag = SLICE_LIT("DeriveKeyPair" SUITE);
	unsigned char wide[CRY_GROUP_WIDE_BYTES];
	struct buf b;
	enum err e = ERR_CORRUPT;

	buf_init(&b, OPAQUE_OPRF_BYTES + 3 + INFO_MAX);
	b.secret = true;
	buf_put(&b, seed, OPAQUE_OPRF_BYTES);
	put_u16(&b, strlen(info));
	buf_put_str(&b, info);
	must(buf_err(&b) == ERR_OK);
	for (unsigned i = 0; i <= COUNTER_MAX && e != ERR_OK; i++) {
		buf_put_char(&b, (char)i);
		expand(wide, buf_slice(&b), tag);
		cry_group_reduce(secret_key, wide);
		e = cry_group_base(public_key, secret_key);	/* but for zero */
		buf_truncate(&b, b.n - 1);
	}
	must(e == ERR_OK);	/* 256 times zero: a hash that is none */
	buf_fini(&b);
	secret_wipe(wide, sizeof(wide));
}

static void
element_of(unsigned char element[OPAQUE_OPRF_BYTES], struct slice input)
{
	unsigned char wide[CRY_GROUP_WIDE_BYTES];

	expand(wide, input, SLICE_LIT("HashToGroup-" SUITE));
	cry_group_hash(element, wide);
	secret_wipe(wide, sizeof(wide));
}

enum err
opaque_oprf_blind(unsigned char blinded[OPAQUE_OPRF_BYTES], struct slice input,
    const unsigned char blind[OPAQUE_OPRF_BYTES])
{
	unsigned char element[OPAQUE_OPRF_BYTES];
	enum err e;

	if (input.n > OPAQUE_OPRF_INPUT_MAX)
		return ERR_TOOBIG;
	element_of(element, input);
	e = cry_group_multiply(blinded, blind, element);
	secret_wipe(element, sizeof(element));
	return e;
}

/* Finalize's hash, s3.3.1 */
static void
finish(unsigned char out[OPAQUE_OPRF_OUT_BYTES], struct slice input,
    const unsigned char element[OPAQUE_OPRF_BYTES])
{
	struct buf b;

	buf_init(&b, 4 + OPAQUE_OPRF_INPUT_MAX + OPAQUE_OPRF_BYTES + 8);
	b.secret = true;
	put_u16(&b, input.n);
	buf_put_slice(&b, input);
	put_u16(&b, OPAQUE_OPRF_BYTES);
	buf_put(&b, element, OPAQUE_OPRF_BYTES);
	buf_put_str(&b, "Finalize");
	must(buf_err(&b) == ERR_OK);
	cry_sha512(out, buf_slice(&b));
	buf_fini(&b);
}

enum err
opaque_oprf_finish(unsigned char out[OPAQUE_OPRF_OUT_BYTES], struct slice input,
    const unsigned char blind[OPAQUE_OPRF_BYTES],
    const unsigned char evaluated[OPAQUE_OPRF_BYTES])
{
	unsigned char inverse[OPAQUE_OPRF_BYTES], element[OPAQUE_OPRF_BYTES];
	enum err e;

	if (input.n > OPAQUE_OPRF_INPUT_MAX)
		return ERR_TOOBIG;
	e = cry_group_invert(inverse, blind);
	if (e == ERR_OK)
		e = cry_group_multiply(element, inverse, evaluated);
	if (e == ERR_OK)
		finish(out, input, element);
	secret_wipe(inverse, sizeof(inverse));
	secret_wipe(element, sizeof(element));
	return e;
}

enum err
opaque_oprf_evaluate(unsigned char evaluated[OPAQUE_OPRF_BYTES],
    const unsigned char secret_key[OPAQUE_OPRF_BYTES],
    const unsigned char blinded[OPAQUE_OPRF_BYTES])
{
	return cry_group_multiply(evaluated, secret_key, blinded);
}

enum err
opaque_oprf_direct(unsigned char out[OPAQUE_OPRF_OUT_BYTES], struct slice input,
    const unsigned char secret_key[OPAQUE_OPRF_BYTES])
{
	unsigned char element[OPAQUE_OPRF_BYTES];
	enum err e;

	if (input.n > OPAQUE_OPRF_INPUT_MAX)
		return ERR_TOOBIG;
	element_of(element, input);
	e = cry_group_multiply(element, secret_key, element);
	if (e == ERR_OK)
		finish(out, input, element);
	secret_wipe(element, sizeof(element));
	return e;
}
