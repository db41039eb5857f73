/* SPDX-License-Identifier: ISC */
#include "lib/seal/seal.h"

#include <string.h>

#include "lib/base/secret.h"
#include "lib/seal/seal_priv.h"

/*
 * A version of the summary can be made again (a session fills it in after
 * another was lost), so unlike the body its subkey may seal more than once:
 * hence a random nonce, not a counter.
 */
static void
summary_key(struct cry_aead *a, const unsigned char key[SEAL_KEY_BYTES], uint8_t version)
{
	unsigned char label[sizeof(SEAL_LABEL_SUMMARY)], sub[CRY_KEY_BYTES];

	memcpy(label, SEAL_LABEL_SUMMARY, sizeof(label) - 1);
	label[sizeof(label) - 1] = version;
	cry_mac(sub, sizeof(sub), key, slice_of(label, sizeof(label)));
	cry_aead_key(a, CRY_AES256_GCM, sub);
	secret_wipe(sub, sizeof(sub));
}

void
seal_summary_put(struct buf *out, struct cry_aead *a,
    const unsigned char key[SEAL_KEY_BYTES], uint8_t version, struct slice plain)
{
	unsigned char *dst = (unsigned char *)buf_reserve(out, plain.n + SEAL_SUMMARY_EXTRA);

	if (dst == NULL)
		return;
	dst[0] = version;
	cry_random(dst + 1, CRY_NONCE_BYTES);
	summary_key(a, key, version);
	cry_aead_seal(a, dst + 1 + CRY_NONCE_BYTES, plain, dst + 1, slice_of(dst, 1));
	buf_commit(out, plain.n + SEAL_SUMMARY_EXTRA);
}

enum err
seal_summary_open(struct buf *out, struct cry_aead *a,
    const unsigned char key[SEAL_KEY_BYTES], struct slice sealed, uint8_t *version)
{
	const unsigned char *p = (const unsigned char *)sealed.p;
	unsigned char *dst;
	size_t n;
	enum err e;

	if (sealed.n < SEAL_SUMMARY_EXTRA)
		return ERR_CORRUPT;
	n = sealed.n - SEAL_SUMMARY_EXTRA;
	/* One more, so that there is a place even for nothing. */
	dst = (unsigned char *)buf_reserve(out, n + 1);
	if (dst == NULL)
		return ERR_FULL;
	summary_key(a, key, p[0]);
	e = cry_aead_open(a, dst, slice_from(sealed, 1 + CRY_NONCE_BYTES), p + 1,
	    slice_of(p, 1));
	if (e != ERR_OK)
		return e;
	*version = p[0];
	buf_commit(out, n);
	return ERR_OK;
}
