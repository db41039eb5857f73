/* SPDX-License-Identifier: ISC */
#include "lib/cmtp/cmtp_sign.h"

#include "lib/base/enc.h"
#include "lib/base/must.h"

#define PREFIX	"CMTP2"

void
cmtp_sign_put(struct buf *b, const struct cmtp_sign *s)
{
	unsigned char length[4];

	must(s->count <= CMTP_SIGN_FIELDS_MAX);
	buf_put(b, PREFIX, sizeof(PREFIX));
	buf_put_str(b, s->purpose);
	buf_put_char(b, '\0');
	for (unsigned i = 0; i < s->count; i++) {
		must(s->fields[i].n <= UINT32_MAX);
		enc_be32(length, (uint32_t)s->fields[i].n);
		buf_put(b, length, sizeof(length));
		buf_put_slice(b, s->fields[i]);
	}
}

static void
collect(struct buf *b, const struct cmtp_sign *s)
{
	size_t n = sizeof(PREFIX) + slice_str(s->purpose).n + 1;

	for (unsigned i = 0; i < s->count; i++)
		n += 4 + s->fields[i].n;
	buf_init(b, n);
	cmtp_sign_put(b, s);
	must(buf_err(b) == ERR_OK);
}

void
cmtp_sign_make(unsigned char sig[CRY_ED_SIG_BYTES], const struct cmtp_sign *s,
    const unsigned char secret_key[CRY_ED_SECRET_BYTES])
{
	struct buf b;

	collect(&b, s);
	cry_ed_sign(sig, buf_slice(&b), secret_key);
	buf_fini(&b);
}

enum err
cmtp_sign_verify(const unsigned char sig[CRY_ED_SIG_BYTES], const struct cmtp_sign *s,
    const unsigned char public_key[CRY_KEY_BYTES])
{
	struct buf b;
	enum err e;

	collect(&b, s);
	e = cry_ed_verify(sig, buf_slice(&b), public_key);
	buf_fini(&b);
	return e;
}

void
cmtp_sign_digest(unsigned char out[CMTP_DIGEST_BYTES], const struct cmtp_sign *s)
{
	struct buf b;

	collect(&b, s);
	cry_hash(out, CMTP_DIGEST_BYTES, buf_slice(&b));
	buf_fini(&b);
}

void
cmtp_sign_mac(unsigned char out[CRY_KEY_BYTES], const struct cmtp_sign *s,
    const unsigned char key[CRY_KEY_BYTES])
{
	struct buf b;

	collect(&b, s);
	cry_mac(out, CRY_KEY_BYTES, key, buf_slice(&b));
	buf_fini(&b);
}
