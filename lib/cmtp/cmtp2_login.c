/* SPDX-License-Identifier: ISC */
#include "lib/cmtp/cmtp2_login.h"

#include <string.h>

#include "lib/base/enc.h"
#include "lib/base/must.h"
#include "lib/cmtp/cmtp_put.h"
#include "lib/cmtp/cmtp_reply.h"

#define HEAD_BYTES	7	/* of a reply: version, status, length */
#define CONTENT_MAX	CMTP2_BUNDLE_MAX

_Static_assert(CMTP2_KE1_BYTES == OPAQUE_KE1_BYTES && CMTP2_KE3_BYTES == OPAQUE_KE3_BYTES &&
    CMTP2_REQUEST_BYTES == OPAQUE_REGISTER_BYTES &&
    CMTP2_RECORD_HEAD == OPAQUE_RECORD_BYTES + 2 && OPAQUE_KE2_BYTES <= CONTENT_MAX,
    "messages of OPAQUE");

static void
put_u16(struct buf *b, size_t v)
{
	buf_put_char(b, (char)(v >> 8));
	buf_put_char(b, (char)v);
}

static size_t
get_u16(const char *p)
{
	return (size_t)(unsigned char)p[0] << 8 | (unsigned char)p[1];
}

void
cmtp2_login_context(struct buf *b, struct slice user, struct slice domain)
{
	const struct slice label = SLICE_LIT("CMTP2\0LOGIN2\0");

	buf_put_slice(b, label);
	buf_put_slice(b, user);
	buf_put_char(b, '\0');
	buf_put_slice(b, domain);
}

/* ---- the client */

enum err
cmtp2_login_ask(struct buf *b, struct slice user, struct slice domain,
    const unsigned char ke1[OPAQUE_KE1_BYTES])
{
	const struct slice params[2] = { user, domain };
	enum err e = cmtp_put_command(b, CMTP_LOGIN2, params, 2);

	buf_put(b, ke1, OPAQUE_KE1_BYTES);
	return e;
}

void
cmtp2_login_prove(struct buf *b, const unsigned char ke3[OPAQUE_KE3_BYTES])
{
	must(cmtp_put_command(b, CMTP_PROOF2, NULL, 0) == ERR_OK);
	buf_put(b, ke3, OPAQUE_KE3_BYTES);
}

enum err
cmtp2_login_register(struct buf *b, struct slice user, struct slice domain,
    struct slice password, const unsigned char request[OPAQUE_REGISTER_BYTES])
{
	const struct slice params[3] = { user, domain, password };
	enum err e = cmtp_put_command(b, CMTP_REGISTER2, params, 3);

	buf_put(b, request, OPAQUE_REGISTER_BYTES);
	return e;
}

void
cmtp2_login_record(struct buf *b, const unsigned char record[OPAQUE_RECORD_BYTES],
    struct slice bundle)
{
	must(bundle.n <= CMTP2_BUNDLE_MAX);
	must(cmtp_put_command(b, CMTP_RECORD2, NULL, 0) == ERR_OK);
	buf_put(b, record, OPAQUE_RECORD_BYTES);
	put_u16(b, bundle.n);
	buf_put_slice(b, bundle);
}

enum err
cmtp2_login_read(struct cmtp2_login_reply *r, struct slice *in)
{
	struct cmtp_reply failure;
	size_t n;
	enum err e;

	memset(r, 0, sizeof(*r));
	if (in->n > 0 && in->p[0] != '\0') {
		r->is_failure = true;
		e = cmtp_reply_read(&failure, CMTP_REPLY_STATUS, in);
		return e == ERR_OK && !failure.is_failure ? ERR_SYNTAX : e;
	}
	if (in->n < HEAD_BYTES)
		return ERR_SHORT;
	if (dec_be32(in->p) != CMTP2_VERSION)
		return ERR_VERSION;
	r->status = (uint8_t)in->p[4];
	n = get_u16(in->p + 5);
	if (r->status > CMTP2_LOGIN_STATUS_MAX || n > CONTENT_MAX)
		return ERR_SYNTAX;
	if (in->n < HEAD_BYTES + n)
		return ERR_SHORT;
	r->content = slice_of(in->p + HEAD_BYTES, n);
	*in = slice_from(*in, HEAD_BYTES + n);
	return ERR_OK;
}

/* ---- the server */

void
cmtp2_login_put(struct buf *b, enum cmtp2_login_status status, struct slice content)
{
	unsigned char version[4];

	must(content.n <= CONTENT_MAX);
	enc_be32(version, CMTP2_VERSION);
	buf_put(b, version, sizeof(version));
	buf_put_char(b, (char)status);
	put_u16(b, content.n);
	buf_put_slice(b, content);
}
