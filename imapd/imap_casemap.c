/* SPDX-License-Identifier: ISC */
#include "imapd/imap_casemap.h"

#include <stdint.h>
#include <string.h>
#include <unicase.h>
#include <uninorm.h>

#include "lib/mail/charset.h"

#define HANGUL_FIRST	0xac00u
#define HANGUL_LAST	0xd7a3u

/* Eight at a time: a byte from a to z gets its high bit, which is then its 0x20. */
static void
put_ascii(struct buf *b, struct slice s)
{
	const uint64_t ones = 0x0101010101010101u, high = 0x8080808080808080u;
	char *dst = s.n > 0 ? buf_reserve(b, s.n) : NULL;
	uint64_t w;
	size_t i = 0;

	if (dst == NULL)
		return;
	for (; i + 8 <= s.n; i += 8) {
		memcpy(&w, s.p + i, 8);
		w ^= ((w + ones * (0x80 - 'a')) & ~(w + ones * (0x7f - 'z')) & high) >> 2;
		memcpy(dst + i, &w, 8);
	}
	for (; i < s.n; i++)
		dst[i] = ascii_upper(s.p[i]);
	buf_commit(b, s.n);
}

static uint32_t
get_utf8(const char *p, size_t n)
{
	static const uint8_t masks[5] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
	uint32_t c = (uint8_t)p[0] & masks[n];

	for (size_t i = 1; i < n; i++)
		c = c << 6 | ((uint8_t)p[i] & 0x3f);
	return c;
}

static void
put_utf8(struct buf *b, uint32_t c)
{
	if (c < 0x80) {
		buf_put_char(b, (char)c);
		return;
	}
	if (c < 0x800) {
		buf_put_char(b, (char)(0xc0 | c >> 6));
	} else {
		if (c < 0x10000) {
			buf_put_char(b, (char)(0xe0 | c >> 12));
		} else {
			buf_put_char(b, (char)(0xf0 | c >> 18));
			buf_put_char(b, (char)(0x80 | (c >> 12 & 0x3f)));
		}
		buf_put_char(b, (char)(0x80 | (c >> 6 & 0x3f)));
	}
	buf_put_char(b, (char)(0x80 | (c & 0x3f)));
}

/* RFC 5051 s2: by UnicodeData.txt, where Hangul syllables have no decomposition. */
static int
decompose(uint32_t c, ucs4_t *parts)
{
	int tag;

	if (c < 0xa0 || (c >= HANGUL_FIRST && c <= HANGUL_LAST))
		return -1;
	return uc_decomposition(c, &tag, parts);
}

/*
 * The parts of a character may have parts again.  The stack holds what is
 * still to be looked at, the next on top: nesting is a few levels.
 */
static void
put_mapped(struct buf *b, uint32_t c)
{
	ucs4_t stack[4 * UC_DECOMPOSITION_MAX_LENGTH], parts[UC_DECOMPOSITION_MAX_LENGTH];
	unsigned n = 0;

	stack[n++] = uc_totitle(c);
	while (n > 0) {
		uint32_t at = stack[--n];
		int count = n + UC_DECOMPOSITION_MAX_LENGTH <= sizeof(stack) / sizeof(stack[0]) ?
		    decompose(at, parts) : -1;

		if (count < 0)
			put_utf8(b, at);
		while (count > 0)
			stack[n++] = parts[--count];
	}
}

void
imap_casemap(struct buf *b, struct slice utf8)
{
	while (utf8.n > 0) {
		size_t n = ascii_length(utf8);

		put_ascii(b, slice_head(utf8, n));
		utf8 = slice_from(utf8, n);
		if (utf8.n == 0)
			return;
		n = charset_utf8_len(utf8.p, utf8.n);
		if (n < 2)
			buf_put_char(b, utf8.p[0]);
		else
			put_mapped(b, get_utf8(utf8.p, n));
		utf8 = slice_from(utf8, n > 0 ? n : 1);
	}
}
