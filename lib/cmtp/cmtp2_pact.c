/* SPDX-License-Identifier: ISC */
#include "lib/cmtp/cmtp2_pact.h"

#include <string.h>

#include "lib/base/enc.h"
#include "lib/base/must.h"
#include "lib/base/secret.h"

/* ---- wire */

size_t
cmtp2_proof_bytes(unsigned char kind)
{
	if (kind == CMTP2_SIGNED)
		return CMTP2_SIGNED_BYTES;
	return kind == CMTP2_MAC ? CMTP2_MAC_BYTES : 0;
}

void
cmtp2_proof_put(struct buf *b, const struct cmtp2_proof *p)
{
	buf_put_char(b, (char)p->kind);
	if (p->kind == CMTP2_SIGNED) {
		buf_put(b, p->share, sizeof(p->share));
		buf_put(b, p->sig, sizeof(p->sig));
	} else {
		buf_put(b, p->mac, sizeof(p->mac));
	}
}

enum err
cmtp2_proof_read(struct cmtp2_proof *p, struct slice *in)
{
	size_t n;

	memset(p, 0, sizeof(*p));
	if (in->n == 0)
		return ERR_SHORT;
	n = cmtp2_proof_bytes((unsigned char)in->p[0]);
	if (n == 0)
		return ERR_SYNTAX;
	if (in->n < n)
		return ERR_SHORT;
	p->kind = (enum cmtp2_proof_kind)in->p[0];
	if (p->kind == CMTP2_SIGNED) {
		memcpy(p->share, in->p + 1, sizeof(p->share));
		memcpy(p->sig, in->p + 1 + sizeof(p->share), sizeof(p->sig));
	} else {
		memcpy(p->mac, in->p + 1, sizeof(p->mac));
	}
	*in = slice_from(*in, n);
	return ERR_OK;
}

bool
cmtp2_proof_has_share(const struct cmtp2_proof *p)
{
	static const unsigned char none[CRY_KEY_BYTES];

	return memcmp(p->share, none, sizeof(none)) != 0;
}

/* ---- make */

void
cmtp2_half_make(struct cmtp2_half *h)
{
	cry_box_pair(h->share, h->secret);
}

enum err
cmtp2_pact_make(struct cmtp2_pact *p, const struct cmtp2_half *own,
    const unsigned char digest[CMTP_DIGEST_BYTES], const struct cmtp2_proof *request,
    const struct cmtp2_proof *answer)
{
	bool is_client = memcmp(own->share, request->share, sizeof(own->share)) == 0;
	const struct cmtp_sign s = { .purpose = "pact", .fields = {
	    slice_of(digest, CMTP_DIGEST_BYTES),
	    slice_of(request->share, sizeof(request->share)), slice_of(request->sig, sizeof(request->sig)),
	    slice_of(answer->share, sizeof(answer->share)), slice_of(answer->sig, sizeof(answer->sig)) },
	    .count = 5 };
	unsigned char shared[CRY_KEY_BYTES];
	enum err e = cry_box_shared(shared, is_client ? answer->share : request->share, own->secret);

	cmtp2_pact_end(p);
	if (e == ERR_OK) {
		cmtp_sign_mac(p->key, &s, shared);
		p->stands = true;
	}
	secret_wipe(shared, sizeof(shared));
	return e;
}

/* ---- use */

void
cmtp2_pact_prove_mail(struct cmtp2_proof *out, const struct cmtp2_pact *p,
    const unsigned char digest[CMTP_DIGEST_BYTES])
{
	unsigned char number[8];
	const struct cmtp_sign s = { .purpose = "mail-mac", .fields = {
	    slice_of(number, sizeof(number)), slice_of(digest, CMTP_DIGEST_BYTES) }, .count = 2 };

	must(p->stands);
	enc_be64(number, p->number);
	*out = (struct cmtp2_proof){ .kind = CMTP2_MAC };
	cmtp_sign_mac(out->mac, &s, p->key);
}

void
cmtp2_pact_prove_answer(struct cmtp2_proof *out, const struct cmtp2_pact *p,
    const unsigned char digest[CMTP_DIGEST_BYTES], unsigned char what, struct slice content)
{
	unsigned char number[8];
	const struct cmtp_sign s = { .purpose = "mail-reply-mac", .fields = {
	    slice_of(number, sizeof(number)), slice_of(digest, CMTP_DIGEST_BYTES),
	    slice_of(&what, 1), content }, .count = 4 };

	must(p->stands);
	enc_be64(number, p->number);
	*out = (struct cmtp2_proof){ .kind = CMTP2_MAC };
	cmtp_sign_mac(out->mac, &s, p->key);
}

bool
cmtp2_proof_is_mac(const struct cmtp2_proof *got, const struct cmtp2_proof *made)
{
	return got->kind == CMTP2_MAC && secret_eq(got->mac, made->mac, sizeof(made->mac));
}

void
cmtp2_pact_end(struct cmtp2_pact *p)
{
	secret_wipe(p->key, sizeof(p->key));
	p->stands = false;
	p->number = 0;
}
