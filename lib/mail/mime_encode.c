/* SPDX-License-Identifier: ISC */
#include "lib/mail/mime_encode.h"

#include <string.h>

#include "lib/base/enc.h"

#define QP_LINE_MAX	76u

void
mime_encode_init(struct mime_encode *e, enum mime_code code, bool is_text)
{
	memset(e, 0, sizeof(*e));
	e->code = code;
	e->is_text = is_text;
}

static void
put_base64(struct mime_encode *e, struct slice s, struct buf *out)
{
	size_t n;

	while (s.n > 0) {
		n = sizeof(e->held) - e->held_n;
		n = s.n < n ? s.n : n;
		memcpy(e->held + e->held_n, s.p, n);
		e->held_n += (unsigned)n;
		s = slice_from(s, n);
		if (e->held_n < sizeof(e->held))
			return;
		enc_put_base64(out, slice_of(e->held, e->held_n));
		buf_put_str(out, "\r\n");
		e->held_n = 0;
	}
}

static void
put_qp(struct mime_encode *e, char c, bool is_literal, struct buf *out)
{
	static const char digits[] = "0123456789ABCDEF";
	unsigned wide = is_literal ? 1 : 3;
	unsigned char b = (unsigned char)c;

	if (e->column + wide > QP_LINE_MAX - 1) {
		buf_put_str(out, "=\r\n");
		e->column = 0;
	}
	e->column += wide;
	if (is_literal) {
		buf_put_char(out, c);
		return;
	}
	buf_put_char(out, '=');
	buf_put_char(out, digits[b >> 4]);
	buf_put_char(out, digits[b & 15]);
}

static void
put_char(struct mime_encode *e, char c, struct buf *out)
{
	if (e->code == MIME_CODE_BASE64) {
		put_base64(e, slice_of(&c, 1), out);
		return;
	}
	if (e->code != MIME_CODE_QP) {
		buf_put_char(out, c);
		return;
	}
	if (e->white != '\0')
		put_qp(e, e->white, true, out);
	e->white = '\0';
	if (c == ' ' || c == '\t')
		e->white = c;
	else
		put_qp(e, c, c > ' ' && c <= '~' && c != '=', out);
}

/* White space at the end of a line does not survive every host. */
static void
end_white(struct mime_encode *e, struct buf *out)
{
	if (e->white != '\0')
		put_qp(e, e->white, false, out);
	e->white = '\0';
}

static void
put_newline(struct mime_encode *e, struct buf *out)
{
	if (e->code == MIME_CODE_BASE64) {
		put_base64(e, SLICE_LIT("\r\n"), out);
		return;
	}
	end_white(e, out);
	buf_put_str(out, "\r\n");
	e->column = 0;
}

static void
put_text_byte(struct mime_encode *e, char c, struct buf *out)
{
	if (e->has_cr && c != '\n')
		put_char(e, '\r', out);
	e->has_cr = c == '\r';
	if (c == '\n')
		put_newline(e, out);
	else if (c != '\r')
		put_char(e, c, out);
}

void
mime_encode_put(struct mime_encode *e, struct slice s, struct buf *out)
{
	if (e->is_text) {
		for (size_t i = 0; i < s.n; i++)
			put_text_byte(e, s.p[i], out);
	} else if (e->code == MIME_CODE_BASE64) {
		put_base64(e, s, out);
	} else {
		buf_put_slice(out, s);
	}
}

void
mime_encode_end(struct mime_encode *e, struct buf *out)
{
	if (e->has_cr)
		put_char(e, '\r', out);
	e->has_cr = false;
	end_white(e, out);
	if (e->held_n > 0) {
		enc_put_base64(out, slice_of(e->held, e->held_n));
		buf_put_str(out, "\r\n");
	}
	e->held_n = 0;
}
