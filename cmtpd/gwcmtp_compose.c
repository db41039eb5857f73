/* SPDX-License-Identifier: ISC */
#include "cmtpd/gwcmtp_compose.h"

static void
feed_all(struct letter_mail *m, const struct buf *boxes, unsigned count, struct buf *out)
{
	for (unsigned i = 0; i < count; i++) {
		letter_mail_box(m, out);
		letter_mail_feed(m, buf_slice(&boxes[i]), out);
		letter_mail_box_end(m, out);
	}
	letter_mail_end(m, out);
}

enum err
gwcmtp_compose(struct buf *out, const struct letter_mail_facts *f, const struct buf *boxes,
    unsigned count, uint64_t most)
{
	struct letter_mail m;
	enum err e = ERR_TOOBIG;

	letter_mail_init(&m, f);
	feed_all(&m, boxes, count, NULL);
	if (letter_mail_size(&m) <= most) {
		buf_init(out, (size_t)letter_mail_size(&m) + 1);
		letter_mail_again(&m);
		feed_all(&m, boxes, count, out);
		e = buf_err(out) == ERR_OK ? ERR_OK : ERR_TOOBIG;
	} else {
		buf_init(out, 1);
	}
	letter_mail_fini(&m);
	return e;
}
