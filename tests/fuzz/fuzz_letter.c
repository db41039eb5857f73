/* SPDX-License-Identifier: ISC */
/*
 * A letter of CMTP 1 as mail.  The input, cut at each FF FE: sender's user and
 * domain, the log, the letter, attachments.  The mail is as long as was told,
 * the same when the input comes byte by byte, has as many parts as there are
 * attachments, and each of them has the attachment's bytes.
 */
#include <stdlib.h>

#include "lib/base/must.h"
#include "lib/cmtp/letter_mail.h"
#include "lib/mail/mime.h"
#include "lib/mail/mime_code.h"

#define PARTS_MAX	8
#define INPUT_MAX	(200u << 10)

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
feed(struct letter_mail *m, const struct slice *boxes, size_t cut, struct buf *out)
{
	for (uint32_t i = 0; i <= m->facts.attachments; i++) {
		letter_mail_box(m, out);
		for (size_t at = 0; at < boxes[i].n; at += cut)
			letter_mail_feed(m, slice_head(slice_from(boxes[i], at), cut), out);
		letter_mail_box_end(m, out);
	}
	letter_mail_end(m, out);
}

static void
make(struct buf *out, const struct letter_mail_facts *facts, const struct slice *boxes, size_t cut)
{
	struct letter_mail m;
	uint64_t size;

	letter_mail_init(&m, facts);
	feed(&m, boxes, cut, NULL);
	size = letter_mail_size(&m);
	letter_mail_again(&m);
	feed(&m, boxes, cut, out);
	must(buf_err(out) == ERR_OK && out->n == size && letter_mail_size(&m) == size);
	letter_mail_fini(&m);
}

static void
check_part(const struct mime_span *span, struct slice mail, struct slice box)
{
	struct mime_decoder d;
	struct slice name, data;
	struct buf plain;

	if (cmtp_attachment_read(box, &name, &data) != ERR_OK)
		data = box;
	buf_init(&plain, mail.n);
	mime_decoder_init(&d, (enum mime_code)span->code);
	mime_decoder_put(&d, slice_head(slice_from(mail, span->body_off), span->body_bytes), &plain);
	mime_decoder_end(&d, &plain);
	must(slice_eq(buf_slice(&plain), data));
	mime_decoder_fini(&d);
	buf_fini(&plain);
}

static void
check(struct slice mail, const struct slice *boxes, uint32_t attachments)
{
	struct mime m;

	mime_init(&m);
	mime_start(&m);
	mime_feed(&m, mail);
	mime_end(&m);
	must(m.map.count == (attachments > 0 ? attachments + 2 : 1));
	for (uint32_t i = 0; i < attachments; i++)
		check_part(&m.map.spans[i + 2], mail, boxes[i + 1]);
	mime_fini(&m);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct slice rest = slice_of(p, n), part[PARTS_MAX] = { SLICE_NONE };
	struct letter_mail_facts facts = { .to_user = SLICE_LIT("to"),
		.to_domain = SLICE_LIT("b.example"), .trace = SLICE_LIT("Received: by b.example\r\n") };
	struct buf whole, cut;
	unsigned count = 0;

	if (n > INPUT_MAX)
		return 0;
	while (count < PARTS_MAX && rest.n > 0) {
		size_t at = slice_search(rest, SLICE_LIT("\xff\xfe"));

		part[count++] = slice_head(rest, at);
		rest = slice_from(rest, at + 2);
	}
	facts.from_user = part[0];
	facts.from_domain = part[1];
	facts.log = part[2];
	facts.attachments = count > 4 ? count - 4 : 0;
	buf_init(&whole, 8u << 20);
	buf_init(&cut, 8u << 20);
	make(&whole, &facts, part + 3, SIZE_MAX / 2);
	make(&cut, &facts, part + 3, 1 + n % 7);
	must(slice_eq(buf_slice(&whole), buf_slice(&cut)));
	check(buf_slice(&whole), part + 3, facts.attachments);
	buf_fini(&cut);
	buf_fini(&whole);
	return 0;
}
