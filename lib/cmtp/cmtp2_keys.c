/* SPDX-License-Identifier: ISC */
#include "lib/cmtp/cmtp2_keys.h"

#include <string.h>

#include "lib/base/enc.h"
#include "lib/base/must.h"
#include "lib/cmtp/cmtp_put.h"
#include "lib/cmtp/cmtp_reply.h"

enum { VERSION_BYTES = 4, CONTENT_HEAD_BYTES = 2 };

/* ---- the one who asks */

enum err
cmtp2_keys_ask(struct buf *b, const struct cmtp2_keys_request *r)
{
	const struct slice params[2] = { r->user, r->domain };
	enum err e = cmtp_put_command(b, CMTP_KEYREQUEST2, params, 2);

	must(r->nonce.n == CMTP2_NONCE_BYTES);
	buf_put_slice(b, r->nonce);
	cmtp_put_length(b, r->known);
	return e;
}

/* Where the records end; what is none is the answering server's fault. */
static enum err
skip_records(struct slice *rest, unsigned count)
{
	struct cmtp_key k;
	enum err e;

	for (unsigned i = 0; i < count; i++)
		if ((e = cmtp_key_read(&k, rest)) != ERR_OK)
			return e;
	return ERR_OK;
}

enum err
cmtp2_keys_read(struct cmtp2_keys_reply *r, struct slice *in)
{
	struct slice content = slice_from(*in, VERSION_BYTES), rest;
	struct cmtp_reply failure;
	enum err e;

	memset(r, 0, sizeof(*r));
	if (in->n > 0 && in->p[0] != '\0') {
		r->is_failure = true;
		e = cmtp_reply_read(&failure, CMTP_REPLY_STATUS, in);
		return e == ERR_OK && !failure.is_failure ? ERR_SYNTAX : e;
	}
	if (in->n < VERSION_BYTES + CONTENT_HEAD_BYTES)
		return ERR_SHORT;
	if (dec_be32(in->p) != CMTP2_VERSION)
		return ERR_VERSION;
	r->status = (uint8_t)content.p[0];
	r->count = (unsigned char)content.p[1];
	if (r->status > CMTP2_KEYS_STATUS_MAX || r->count > CMTP2_RECORDS_MAX)
		return ERR_SYNTAX;
	rest = slice_from(content, CONTENT_HEAD_BYTES);
	if ((e = skip_records(&rest, r->count)) != ERR_OK)
		return e;
	if (rest.n < CMTP_SIG_BYTES)
		return ERR_SHORT;
	r->content = slice_head(content, content.n - rest.n);
	r->records = slice_from(r->content, CONTENT_HEAD_BYTES);
	r->sig = slice_head(rest, CMTP_SIG_BYTES);
	*in = slice_from(rest, CMTP_SIG_BYTES);
	return ERR_OK;
}

enum err
cmtp2_keys_verify(const struct cmtp2_keys_reply *r, const struct cmtp2_keys_request *q,
    const unsigned char server_sign[CRY_KEY_BYTES])
{
	struct cmtp_sign s;

	if (r->is_failure)
		return ERR_CORRUPT;
	s = cmtp2_keys_sign(q, r->content);
	return cmtp_sign_verify((const unsigned char *)r->sig.p, &s, server_sign);
}

/* ---- the one who answers */

void
cmtp2_keys_content(struct buf *b, uint8_t status, unsigned count, struct slice records)
{
	must(count <= CMTP2_RECORDS_MAX);
	buf_put_char(b, (char)status);
	buf_put_char(b, (char)count);
	buf_put_slice(b, records);
}

struct cmtp_sign
cmtp2_keys_sign(const struct cmtp2_keys_request *q, struct slice content)
{
	return (struct cmtp_sign){ .purpose = "key-reply",
	    .fields = { q->nonce, q->user, q->domain, content }, .count = 4 };
}

void
cmtp2_keys_put(struct buf *b, struct slice content, const unsigned char sig[CMTP_SIG_BYTES])
{
	unsigned char version[VERSION_BYTES];

	enc_be32(version, CMTP2_VERSION);
	buf_put(b, version, sizeof(version));
	buf_put_slice(b, content);
	buf_put(b, sig, CMTP_SIG_BYTES);
}
