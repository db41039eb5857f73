/* SPDX-License-Identifier: ISC */
#include "imapd/imap_binary.h"

#define DECODED_MAX	(IMAP_BINARY_PIECE_MAX + 4096)	/* and what a decoder held */

void
imap_binary_init(struct imap_binary *b)
{
	*b = (struct imap_binary){ 0 };
	mime_decoder_init(&b->decoder, MIME_CODE_BINARY);
	buf_init(&b->decoded, DECODED_MAX);
}

void
imap_binary_fini(struct imap_binary *b)
{
	mime_decoder_fini(&b->decoder);
	buf_wipe(&b->decoded);
	buf_fini(&b->decoded);
}

void
imap_binary_begin(struct imap_binary *b, enum mime_code code, uint64_t from, uint64_t count)
{
	mime_decoder_fini(&b->decoder);
	mime_decoder_init(&b->decoder, code);
	b->skip = from;
	b->left = count;
	b->bytes = b->lines = 0;
	b->has_nul = b->in_line = false;
}

static void
take(struct imap_binary *b, struct buf *out)
{
	struct slice s = buf_slice(&b->decoded);
	uint64_t skip = b->skip < s.n ? b->skip : s.n;

	b->skip -= skip;
	s = slice_from(s, (size_t)skip);
	if (s.n > b->left)
		s = slice_head(s, (size_t)b->left);
	b->left -= s.n;
	b->bytes += s.n;
	b->has_nul = b->has_nul || slice_find(s, '\0') < s.n;
	for (size_t at = 0; (at += slice_find(slice_from(s, at), '\n')) < s.n; at++)
		b->lines++;
	if (s.n > 0)
		b->in_line = s.p[s.n - 1] != '\n';
	if (out != NULL)
		buf_put_slice(out, s);
	buf_reset(&b->decoded);
}

void
imap_binary_put(struct imap_binary *b, struct slice s, struct buf *out)
{
	while (s.n > 0 && b->left > 0) {
		struct slice piece = slice_head(s, IMAP_BINARY_PIECE_MAX);

		mime_decoder_put(&b->decoder, piece, &b->decoded);
		take(b, out);
		s = slice_from(s, piece.n);
	}
}

void
imap_binary_end(struct imap_binary *b, struct buf *out)
{
	mime_decoder_end(&b->decoder, &b->decoded);
	take(b, out);
}
