/* SPDX-License-Identifier: ISC */
#include "lib/mail/mime_put.h"

#include <string.h>

#include "lib/base/enc.h"

#define WORD_BYTES	39u	/* in one encoded word: with "Subject: " below 76 */
#define QP_LINE_MAX	76u

bool
mime_is_ascii(struct slice s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] >= 0x80)
			return false;
	return true;
}

bool
mime_is_plain(struct slice text)
{
	size_t n;

	if (!mime_is_ascii(text))
		return false;
	while (text.n > 0) {
		n = slice_find(text, '\n');
		if (n > MIME_LINE_MAX + 1)
			return false;
		text = slice_from(text, n + 1);
	}
	return true;
}

/* As much as fits into one word, whole characters: RFC 2047 s5. */
static size_t
fit(struct slice s)
{
	size_t n = WORD_BYTES;

	if (s.n <= n)
		return s.n;
	while (n > 1 && ((unsigned char)s.p[n] & 0xc0) == 0x80)
		n--;
	return n;
}

static void
put_encoded(struct buf *b, struct slice s)
{
	size_t n;

	while (s.n > 0) {
		n = fit(s);
		buf_put_str(b, "=?utf-8?B?");
		enc_put_base64(b, slice_head(s, n));
		buf_put_str(b, "?=");
		s = slice_from(s, n);
		if (s.n > 0)
			buf_put_str(b, "\r\n ");
	}
}

void
mime_put_words(struct buf *b, struct slice s)
{
	/* What looks like an encoded word would be read as one. */
	if (mime_is_ascii(s) && slice_search(s, SLICE_LIT("=?")) == s.n)
		buf_put_slice(b, s);
	else
		put_encoded(b, s);
}

static bool
is_atoms(struct slice s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if (!ascii_is_alnum(s.p[i]) && (s.p[i] == '\0' || strchr(" -_'!#$%&*+/", s.p[i]) == NULL))
			return false;
	return true;
}

void
mime_put_phrase(struct buf *b, struct slice s)
{
	size_t i;

	if (!mime_is_ascii(s) || slice_search(s, SLICE_LIT("=?")) < s.n) {
		put_encoded(b, s);
		return;
	}
	if (is_atoms(s)) {
		buf_put_slice(b, s);
		return;
	}
	buf_put_char(b, '"');
	for (i = 0; i < s.n; i++) {
		if (s.p[i] == '"' || s.p[i] == '\\')
			buf_put_char(b, '\\');
		buf_put_char(b, s.p[i]);
	}
	buf_put_char(b, '"');
}

/* White space at the end of a line does not survive every host. */
static bool
is_literal(struct slice s, size_t i)
{
	char c = s.p[i];

	if (c == ' ' || c == '\t')
		return i + 1 < s.n && s.p[i + 1] != '\r';
	return c > ' ' && c <= '~' && c != '=';
}

void
mime_put_quoted_printable(struct buf *b, struct slice s)
{
	size_t i, column = 0, wide;
	bool literal;

	for (i = 0; i < s.n; i++) {
		if (s.p[i] == '\r' && i + 1 < s.n && s.p[i + 1] == '\n') {
			buf_put_str(b, "\r\n");
			column = 0;
			i++;
			continue;
		}
		literal = is_literal(s, i);
		wide = literal ? 1 : 3;
		if (column + wide > QP_LINE_MAX - 1) {
			buf_put_str(b, "=\r\n");
			column = 0;
		}
		if (literal)
			buf_put_char(b, s.p[i]);
		else
			buf_printf(b, "=%02X", (unsigned)(unsigned char)s.p[i]);
		column += wide;
	}
}
