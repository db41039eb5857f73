/* SPDX-License-Identifier: ISC */
#include "lib/mail/mime_put.h"

#include <string.h>

#include "lib/base/enc.h"
#include "lib/mail/mime_encode.h"

#define WORD_BYTES	39u	/* in one encoded word: with "Subject: " below 76 */
#define PARAM_LINE	50u	/* of a section of a parameter */
#define LINE_MAX	900u	/* with the name of its field below MIME_LINE_MAX */

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

/* What looks like an encoded word would be read as one. */
static bool
must_encode(struct slice s)
{
	return s.n > LINE_MAX || !mime_is_ascii(s) ||
	    slice_search(s, SLICE_LIT("=?")) < s.n;
}

void
mime_put_words(struct buf *b, struct slice s)
{
	if (must_encode(s))
		put_encoded(b, s);
	else
		buf_put_slice(b, s);
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
mime_put_quoted(struct buf *b, struct slice s)
{
	buf_put_char(b, '"');
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '"' || s.p[i] == '\\')
			buf_put_char(b, '\\');
		buf_put_char(b, s.p[i]);
	}
	buf_put_char(b, '"');
}

void
mime_put_phrase(struct buf *b, struct slice s)
{
	if (must_encode(s)) {
		put_encoded(b, s);
		return;
	}
	if (is_atoms(s)) {
		buf_put_slice(b, s);
		return;
	}
	mime_put_quoted(b, s);
}

/* RFC 2231 s7: attribute-char, the narrow way. */
static bool
is_attribute(char c)
{
	return ascii_is_alnum(c) || c == '-' || c == '.' || c == '_';
}

static bool
is_printable(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!ascii_is_print(s.p[i]))
			return false;
	return true;
}

void
mime_put_param(struct buf *b, const char *name, struct slice s)
{
	unsigned section = 0;
	size_t column;

	if (is_printable(s) && s.n <= LINE_MAX / 2) {
		buf_printf(b, ";\r\n\t%s=", name);
		mime_put_quoted(b, s);
		return;
	}
	do {
		buf_printf(b, ";\r\n\t%s*%u*=%s", name, section, section == 0 ? "utf-8''" : "");
		for (column = 0; s.n > 0 && column < PARAM_LINE; s = slice_from(s, 1)) {
			if (is_attribute(s.p[0])) {
				buf_put_char(b, s.p[0]);
				column++;
			} else {
				buf_printf(b, "%%%02X", (unsigned)(unsigned char)s.p[0]);
				column += 3;
			}
		}
		section++;
	} while (s.n > 0);
}

void
mime_put_quoted_printable(struct buf *b, struct slice s)
{
	struct mime_encode e;

	mime_encode_init(&e, MIME_CODE_QP, true);
	mime_encode_put(&e, s, b);
	mime_encode_end(&e, b);
}
