/* SPDX-License-Identifier: ISC */
#include "cmtpd/gwcmtp_ring.h"

#include <string.h>

#include "lib/base/enc.h"
#include "lib/base/must.h"

enum {
	AT_VERSION = 4, AT_COUNT = 5, AT_ZERO = 6, AT_PASSES = 8, AT_KIB = 12, AT_SALT = 16,
	AT_PUBLIC = 32, VERSION = 1, AD_MAX = GWCMTP_RING_HEAD_BYTES + 1024,
	KEYS_BYTES = GWCMTP_RING_KEYS_MAX * GWCMTP_RING_KEY_BYTES
};

static const char magic[] = "GWRK";

void
gwcmtp_ring_init(struct gwcmtp_ring *r)
{
	*r = (struct gwcmtp_ring){ .arena = secret_arena_new(4096),
	    .passes = GWCMTP_RING_PASSES, .kib = GWCMTP_RING_KIB };
	r->keys = secret_arena_alloc(r->arena, KEYS_BYTES);
	must(r->keys != NULL);
}

void
gwcmtp_ring_fini(struct gwcmtp_ring *r)
{
	if (r->arena == NULL)
		return;
	secret_arena_release(r->arena, r->keys, KEYS_BYTES);
	secret_arena_free(&r->arena);
	r->count = 0;
}

enum err
gwcmtp_ring_add(struct gwcmtp_ring *r, const unsigned char *secret, uint64_t now_s)
{
	if (r->count == GWCMTP_RING_KEYS_MAX)
		return ERR_LIMIT;
	memmove(r->keys + GWCMTP_RING_KEY_BYTES, r->keys, r->count * GWCMTP_RING_KEY_BYTES);
	enc_be64(r->keys, now_s);
	if (secret != NULL)
		memcpy(r->keys + 8, secret, CRY_KEY_BYTES);
	else
		cry_random(r->keys + 8, CRY_KEY_BYTES);
	r->count++;
	return ERR_OK;
}

const unsigned char *
gwcmtp_ring_secret(const struct gwcmtp_ring *r, unsigned i)
{
	must(i < r->count);
	return r->keys + i * GWCMTP_RING_KEY_BYTES + 8;
}

/* The aead with the key that head and password give, and what it binds. */
static enum err
begin(struct cry_aead *a, const struct gwcmtp_ring *r, const unsigned char *head,
    struct slice address, struct slice password, struct buf *ad)
{
	unsigned char *key = secret_arena_alloc(r->arena, CRY_KEY_BYTES);
	enum err e;

	must(key != NULL);
	e = cry_argon2id(key, password, head + AT_SALT, dec_be32(head + AT_PASSES),
	    dec_be32(head + AT_KIB));
	if (e == ERR_OK)
		cry_aead_key(a, CRY_AES256_GCM, key);
	secret_arena_release(r->arena, key, CRY_KEY_BYTES);
	buf_put(ad, head, GWCMTP_RING_HEAD_BYTES);
	for (size_t i = 0; i < address.n; i++)
		buf_put_char(ad, ascii_lower(address.p[i]));
	return e == ERR_OK && buf_err(ad) != ERR_OK ? ERR_TOOBIG : e;
}

enum err
gwcmtp_ring_put(struct buf *out, const struct gwcmtp_ring *r, struct slice address,
    struct slice password)
{
	unsigned char head[GWCMTP_RING_HEAD_BYTES] = { 0 }, nonce[CRY_NONCE_BYTES];
	size_t n = r->count * GWCMTP_RING_KEY_BYTES;
	struct cry_aead *a = cry_aead_new();
	struct buf ad;
	enum err e;
	char *at;

	must(r->count > 0);
	memcpy(head, magic, 4);
	head[AT_VERSION] = VERSION;
	head[AT_COUNT] = (unsigned char)r->count;
	enc_be32(head + AT_PASSES, r->passes);
	enc_be32(head + AT_KIB, r->kib);
	cry_random(head + AT_SALT, CRY_SALT_BYTES);
	cry_box_public(head + AT_PUBLIC, gwcmtp_ring_secret(r, 0));
	cry_random(nonce, sizeof(nonce));
	buf_init(&ad, AD_MAX);
	e = begin(a, r, head, address, password, &ad);
	buf_put(out, head, sizeof(head));
	buf_put(out, nonce, sizeof(nonce));
	if (e == ERR_OK && (at = buf_reserve(out, n + CRY_TAG_BYTES)) != NULL) {
		cry_aead_seal(a, (unsigned char *)at, slice_of(r->keys, n), nonce,
		    buf_slice(&ad));
		buf_commit(out, n + CRY_TAG_BYTES);
	}
	buf_fini(&ad);
	cry_aead_free(&a);
	return e == ERR_OK ? buf_err(out) : e;
}

/* Before a curve point or a memory-hard hash is made of it. */
static enum err
check(struct slice bytes)
{
	const unsigned char *b = (const unsigned char *)bytes.p;
	uint32_t passes, kib;

	if (bytes.n < GWCMTP_RING_HEAD_BYTES || memcmp(b, magic, 4) != 0)
		return ERR_SYNTAX;
	if (b[AT_VERSION] != VERSION)
		return ERR_VERSION;
	if (b[AT_COUNT] == 0 || b[AT_COUNT] > GWCMTP_RING_KEYS_MAX || b[AT_ZERO] != 0 ||
	    b[AT_ZERO + 1] != 0 || bytes.n != GWCMTP_RING_HEAD_BYTES + CRY_NONCE_BYTES +
	    b[AT_COUNT] * GWCMTP_RING_KEY_BYTES + CRY_TAG_BYTES)
		return ERR_SYNTAX;
	passes = dec_be32(b + AT_PASSES);
	kib = dec_be32(b + AT_KIB);
	if (passes == 0 || passes > GWCMTP_RING_PASSES_MAX || kib < 8 || kib > GWCMTP_RING_KIB_MAX)
		return ERR_LIMIT;
	return ERR_OK;
}

enum err
gwcmtp_ring_get(struct gwcmtp_ring *r, struct slice bytes, struct slice address,
    struct slice password)
{
	const unsigned char *head = (const unsigned char *)bytes.p;
	struct cry_aead *a;
	struct buf ad;
	enum err e;

	must(r->count == 0);
	if ((e = check(bytes)) != ERR_OK)
		return e;
	a = cry_aead_new();
	buf_init(&ad, AD_MAX);
	if ((e = begin(a, r, head, address, password, &ad)) == ERR_OK)
		e = cry_aead_open(a, r->keys, slice_from(bytes, GWCMTP_RING_HEAD_BYTES +
		    CRY_NONCE_BYTES), head + GWCMTP_RING_HEAD_BYTES, buf_slice(&ad));
	if (e == ERR_OK)
		r->count = head[AT_COUNT];
	buf_fini(&ad);
	cry_aead_free(&a);
	return e;
}

enum err
gwcmtp_ring_public(unsigned char out[CRY_KEY_BYTES], struct slice bytes)
{
	enum err e = check(bytes);

	if (e == ERR_OK)
		memcpy(out, bytes.p + AT_PUBLIC, CRY_KEY_BYTES);
	return e;
}

void
gwcmtp_ring_put_bare(struct buf *out, const struct gwcmtp_ring *r)
{
	buf_put_char(out, VERSION);
	buf_put_char(out, (char)r->count);
	buf_put(out, r->keys, r->count * GWCMTP_RING_KEY_BYTES);
}

enum err
gwcmtp_ring_get_bare(struct gwcmtp_ring *r, struct slice s)
{
	const unsigned char *b = (const unsigned char *)s.p;

	must(r->count == 0);
	if (s.n < 2)
		return ERR_SYNTAX;
	if (b[0] != VERSION)
		return ERR_VERSION;
	if (b[1] == 0 || b[1] > GWCMTP_RING_KEYS_MAX || s.n != 2 + b[1] * GWCMTP_RING_KEY_BYTES)
		return ERR_SYNTAX;
	r->count = b[1];
	memcpy(r->keys, b + 2, s.n - 2);
	return ERR_OK;
}
