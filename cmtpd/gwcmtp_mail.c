/* SPDX-License-Identifier: ISC */
#include "cmtpd/gwcmtp_mail.h"

#include "lib/cmtp/cmtp_put.h"
#include "lib/crypto/cry_ed.h"

#define FIELDS_MAX	((CMTP_LETTER_CC_MAX + 2) * (CMTP_FIELD_MAX + 1) + 8)

static enum err
seal(struct buf *out, struct slice plain, const unsigned char key[CMTP_KEY_BYTES])
{
	unsigned char box[CRY_KEY_BYTES];
	enum err e = cry_ed_box_public(box, key);
	char *at;

	if (e != ERR_OK)
		return e;
	if ((at = buf_reserve(out, plain.n + CRY_SEAL_BYTES)) == NULL)
		return ERR_TOOBIG;
	if ((e = cry_box_seal((unsigned char *)at, plain, box)) == ERR_OK)
		buf_commit(out, plain.n + CRY_SEAL_BYTES);
	return e;
}

enum err
gwcmtp_mail_put(struct buf *out, const struct slice params[CMTP_PARAMS_MAX],
    const unsigned char key[CMTP_KEY_BYTES], const struct cmtp_letter *letter,
    uint32_t attachments)
{
	struct cmtp_mail m = { .attachments = attachments };
	struct buf plain;
	enum err e;

	if (letter->text.n > GWCMTP_MAIL_MAX)
		return ERR_TOOBIG;
	buf_init(&plain, letter->text.n + FIELDS_MAX);
	plain.secret = true;
	if ((e = cmtp_letter_put(&plain, letter)) == ERR_OK) {
		m.body_bytes = plain.n + CMTP_BOX_EXTRA;
		e = cmtp_put_mail(out, &m, params, SLICE_NONE);
	}
	if (e == ERR_OK)
		e = seal(out, buf_slice(&plain), key);
	buf_fini(&plain);
	return e;
}

enum err
gwcmtp_mail_put_attachment(struct buf *out, const unsigned char key[CMTP_KEY_BYTES],
    struct slice name, struct slice data)
{
	struct buf plain;
	enum err e;

	if (data.n > GWCMTP_MAIL_MAX)
		return ERR_TOOBIG;
	buf_init(&plain, data.n + CMTP_FILE_NAME_MAX + 1);
	plain.secret = true;
	if ((e = cmtp_attachment_put(&plain, name)) == ERR_OK) {
		buf_put_slice(&plain, data);
		cmtp_put_length(out, plain.n + CMTP_BOX_EXTRA);
		e = seal(out, buf_slice(&plain), key);
	}
	buf_fini(&plain);
	return e;
}
