/* SPDX-License-Identifier: ISC */
#include "lib/mail/hdr_word.h"

#include <stdint.h>
#include <string.h>

#include "lib/base/buf_small.h"
#include "lib/mail/hdr.h"
#include "lib/mail/mime_code.h"

#define WORD_MAX	1000	/* RFC 2047 s2 says 75; writers exceed it */

struct word {
	struct slice	charset;
	char		encoding;	/* 'q' or 'b' */
	struct slice	text;
};

/* At "=?": its parts, and its length; 0 when it is no encoded word. */
static size_t
parse_word(struct slice s, struct word *w)
{
	struct slice rest = slice_head(s, WORD_MAX);
	size_t n;

	rest = slice_from(rest, 2);
	n = slice_find(rest, '?');
	if (n == rest.n || n == 0)
		return 0;
	w->charset = slice_head(rest, n);
	/* RFC 2231 s5: charset*language */
	w->charset = slice_head(w->charset, slice_find(w->charset, '*'));
	rest = slice_from(rest, n + 1);
	if (rest.n < 2 || rest.p[1] != '?')
		return 0;
	w->encoding = ascii_lower(rest.p[0]);
	if (w->encoding != 'q' && w->encoding != 'b')
		return 0;
	rest = slice_from(rest, 2);
	n = slice_find(rest, '?');
	if (n + 1 >= rest.n || rest.p[n + 1] != '=')
		return 0;
	w->text = slice_head(rest, n);
	for (size_t i = 0; i < w->charset.n; i++)
		if (!hdr_is_token(w->charset.p[i]))
			return 0;
	return (size_t)(rest.p - s.p) + n + 2;
}

static int
hex_value(char c)
{
	c = ascii_lower(c);
	if (ascii_is_digit(c))
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* RFC 2047 s4.2 */
static void
put_q(struct slice s, struct buf *out)
{
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '=' && i + 2 < s.n && hex_value(s.p[i + 1]) >= 0 &&
		    hex_value(s.p[i + 2]) >= 0) {
			buf_put_char(out, (char)(hex_value(s.p[i + 1]) << 4 |
			    hex_value(s.p[i + 2])));
			i += 2;
		} else {
			buf_put_char(out, s.p[i] == '_' ? ' ' : s.p[i]);
		}
	}
}

static void
put_raw(const struct word *w, struct buf *raw)
{
	struct mime_decoder d;

	if (w->encoding == 'q') {
		put_q(w->text, raw);
		return;
	}
	mime_decoder_init(&d, MIME_CODE_BASE64);
	mime_decoder_put(&d, w->text, raw);
	mime_decoder_end(&d, raw);
	mime_decoder_fini(&d);
}

static bool
is_space(struct slice s)
{
	return slice_trim(s).n == 0;
}

/* Text between encoded words. */
static void
put_text(struct charset_set *set, struct slice s, struct buf *out)
{
	struct buf_small flat;
	struct slice text;

	if (s.n == 0)
		return;
	hdr_unfold(buf_small_init(&flat, s.n), s);
	text = buf_slice(&flat.b);
	if (utf8_ok(text))
		charset_put_clean(text, out);
	else
		(void)charset_put_utf8(set, SLICE_LIT("windows-1252"), text, out);
	buf_small_fini(&flat);
}

static size_t
find_mark(struct slice s, size_t from)
{
	struct slice rest = slice_from(s, from);

	return from + slice_search(rest, SLICE_LIT("=?"));
}

static void
flush_raw(struct charset_set *set, const struct word *w, struct buf *raw,
    struct buf *out)
{
	if (raw->n > 0)
		(void)charset_put_utf8(set, w->charset, buf_slice(raw), out);
	buf_reset(raw);
}

static void
clean_controls(struct buf *out, size_t from)
{
	char *p = buf_data(out);

	for (size_t i = from; i < out->n; i++)
		if ((unsigned char)p[i] < ' ' || p[i] == 0x7f)
			p[i] = ' ';
}

/* Nothing but visible ASCII and blanks, and no encoded word: most fields. */
static bool
is_plain(struct slice s)
{
	const uint64_t ones = 0x0101010101010101u, high = 0x8080808080808080u;
	uint64_t w;
	size_t i = 0;

	for (; i + 8 <= s.n; i += 8) {
		memcpy(&w, s.p + i, 8);
		/* below a blank, above 127, or 127 itself */
		if (((w - ones * ' ') | w | (w + ones)) & high)
			return false;
	}
	for (; i < s.n; i++)
		if (s.p[i] < ' ' || s.p[i] == 0x7f)
			return false;
	return slice_find(s, '=') == s.n || find_mark(s, 0) == s.n;
}

/*
 * Bytes of adjacent words of one charset are converted together, because
 * writers do split characters between words.
 */
void
hdr_word_decode(struct charset_set *set, struct slice value, struct buf *out)
{
	struct slice s = value;
	struct word last = { 0 };
	struct buf raw;
	size_t from = 0;
	size_t start = out->n;
	bool after_word = false;

	if (is_plain(value)) {
		buf_put_slice(out, value);
		return;
	}
	buf_init(&raw, value.n + 1);
	for (;;) {
		struct word w;
		size_t at = find_mark(s, from);
		size_t n = at < s.n ? parse_word(slice_from(s, at), &w) : 0;
		struct slice gap = slice_head(s, at);

		if (at < s.n && n == 0) {
			from = at + 2;
			continue;
		}
		if (!after_word || at >= s.n || !is_space(gap)) {
			flush_raw(set, &last, &raw, out);
			put_text(set, gap, out);
		} else if (!slice_ieq(w.charset, last.charset)) {
			flush_raw(set, &last, &raw, out);
		}
		if (at >= s.n)
			break;
		put_raw(&w, &raw);
		last = w;
		after_word = true;
		s = slice_from(s, at + n);
		from = 0;
	}
	buf_fini(&raw);
	clean_controls(out, start);
}
