/* SPDX-License-Identifier: ISC */
#include "lib/cmtp/letter_text.h"

#include <string.h>

#include "lib/mail/mime_put.h"

#define PIECE_MAX	4096u

void
letter_text_init(struct letter_text *t)
{
	memset(t, 0, sizeof(*t));
	t->is_utf8 = true;
	mime_encode_init(&t->plain, MIME_CODE_8BIT, true);
	mime_encode_init(&t->qp, MIME_CODE_QP, true);
	mime_encode_init(&t->base64, MIME_CODE_BASE64, true);
	buf_init(&t->scratch, PIECE_MAX * 4 + MIME_ENCODE_EXTRA);
}

void
letter_text_fini(struct letter_text *t)
{
	buf_fini(&t->scratch);
}

static uint64_t
count(struct letter_text *t, struct mime_encode *e, struct slice s)
{
	buf_reset(&t->scratch);
	mime_encode_put(e, s, &t->scratch);
	return t->scratch.n;
}

static uint64_t
count_end(struct letter_text *t, struct mime_encode *e)
{
	buf_reset(&t->scratch);
	mime_encode_end(e, &t->scratch);
	return t->scratch.n;
}

/* RFC 3629 s4: how many bytes follow, and what the next of them may be. */
static bool
lead(struct letter_text *t, unsigned char c)
{
	t->low = 0x80;
	t->high = 0xbf;
	if (c >= 0xc2 && c <= 0xdf) {
		t->follow = 1;
	} else if (c >= 0xe0 && c <= 0xef) {
		t->follow = 2;
		t->low = c == 0xe0 ? 0xa0 : 0x80;
		t->high = c == 0xed ? 0x9f : 0xbf;
	} else if (c >= 0xf0 && c <= 0xf4) {
		t->follow = 3;
		t->low = c == 0xf0 ? 0x90 : 0x80;
		t->high = c == 0xf4 ? 0x8f : 0xbf;
	} else {
		return c < 0x80;
	}
	return true;
}

static void
look_charset(struct letter_text *t, unsigned char c)
{
	if (c >= 0x80)
		t->has_8bit = true;
	if (t->follow > 0) {
		t->is_utf8 = t->is_utf8 && c >= t->low && c <= t->high;
		t->low = 0x80;
		t->high = 0xbf;
		t->follow--;
	} else if (!lead(t, c)) {
		t->is_utf8 = false;
	}
}

static void
look_line(struct letter_text *t, char c)
{
	static const char dashes[] = "--" LETTER_TEXT_BOUNDARY;

	if (c == '\n') {
		t->line = 0;
		t->dashes = 0;
	} else if (c != '\r') {
		if (t->line == t->dashes && c == dashes[t->dashes])
			t->dashes++;
		t->line++;
	}
	if (c == '\0' || (t->has_cr && c != '\n') || t->line > MIME_LINE_MAX ||
	    t->dashes == sizeof(dashes) - 1) {
		t->is_odd = true;
		t->dashes = 0;
	}
	t->has_cr = c == '\r';
}

void
letter_text_feed(struct letter_text *t, struct slice s)
{
	struct slice piece;

	while (s.n > 0) {
		piece = slice_head(s, PIECE_MAX);
		s = slice_from(s, PIECE_MAX);
		for (size_t i = 0; i < piece.n; i++) {
			look_charset(t, (unsigned char)piece.p[i]);
			look_line(t, piece.p[i]);
		}
		t->plain_bytes += count(t, &t->plain, piece);
		t->qp_bytes += count(t, &t->qp, piece);
		t->base64_bytes += count(t, &t->base64, piece);
	}
}

void
letter_text_end(struct letter_text *t)
{
	t->plain_bytes += count_end(t, &t->plain);
	t->qp_bytes += count_end(t, &t->qp);
	t->base64_bytes += count_end(t, &t->base64);
	if (t->has_cr)
		t->is_odd = true;
	if (t->follow > 0)
		t->is_utf8 = false;
	/* Raw 8-bit text that is no UTF-8: as hdr_word takes it. */
	t->charset = t->is_utf8 ? "utf-8" : "windows-1252";
	if (!t->is_odd) {
		t->code = t->has_8bit ? MIME_CODE_8BIT : MIME_CODE_7BIT;
		t->bytes = t->plain_bytes;
	} else if (t->qp_bytes <= t->base64_bytes) {
		t->code = MIME_CODE_QP;
		t->bytes = t->qp_bytes;
	} else {
		t->code = MIME_CODE_BASE64;
		t->bytes = t->base64_bytes;
	}
	t->ends_line = t->code == MIME_CODE_BASE64 || (t->line == 0 && !t->has_cr);
}
