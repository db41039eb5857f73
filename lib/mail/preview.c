/* SPDX-License-Identifier: ISC */
#include "lib/mail/preview.h"

#include "lib/base/num.h"
#include "lib/mail/mime_code.h"

/* Decoded and converted text of a sample: each byte gives three at most. */
#define TEXT_MAX	(MIME_SAMPLE_BYTES * 4)

struct line {
	struct buf	*out;
	size_t		 start;		/* of the line in out */
	unsigned	 left;		/* characters */
	bool		 gap;		/* white space to come before the next */
};

static void
sample_text(const struct mime *m, const struct mime_sample *s,
    struct charset_set *set, struct buf *text)
{
	const struct mime_meta *meta = &m->meta[s->part];
	struct mime_decoder d;
	struct buf raw;

	buf_init(&raw, MIME_SAMPLE_BYTES + 16);
	mime_decoder_init(&d, (enum mime_code)m->map.spans[s->part].code);
	mime_decoder_put(&d, buf_slice(&s->bytes), &raw);
	mime_decoder_end(&d, &raw);
	mime_decoder_fini(&d);
	if (mime_has(meta->charset))
		(void)charset_put_utf8(set, mime_text(m, meta->charset), buf_slice(&raw), text);
	else
		charset_put_clean(buf_slice(&raw), text);
	buf_fini(&raw);
}

/* Also U+00A0, U+200B to U+200F, U+FEFF: padding in newsletters. */
static bool
is_space(struct slice c)
{
	if (c.n == 1)
		return (unsigned char)c.p[0] <= ' ' || c.p[0] == 0x7f;
	return slice_eq(c, SLICE_LIT("\xc2\xa0")) ||
	    slice_eq(c, SLICE_LIT("\xef\xbb\xbf")) ||
	    (c.n == 3 && c.p[0] == '\xe2' && c.p[1] == '\x80' &&
	    (unsigned char)c.p[2] >= 0x8b && (unsigned char)c.p[2] <= 0x8f);
}

/* One character; false when the line is full. */
static bool
put_char(struct line *l, struct slice c)
{
	if (is_space(c)) {
		l->gap = true;
		return l->left > 0;
	}
	if (l->gap && l->out->n > l->start) {
		if (l->left < 2)
			return false;
		buf_put_char(l->out, ' ');
		l->left--;
	}
	l->gap = false;
	if (l->left == 0)
		return false;
	if (c.n == 1)
		buf_put_char(l->out, c.p[0]);
	else
		buf_put_slice(l->out, c);
	l->left--;
	return true;
}

static size_t
char_length(struct slice s)
{
	size_t n = charset_utf8_len(s.p, s.n);

	/* charset_put_* gave well-formed text, but a cap may have cut it. */
	return n > 0 ? n : 1;
}

static void
put_plain(struct line *l, struct slice s)
{
	while (s.n > 0) {
		size_t n = char_length(s);

		if ((n == 1 && (unsigned char)s.p[0] >= 0x80) ||
		    !put_char(l, slice_head(s, n)))
			return;
		s = slice_from(s, n);
	}
}

/* ---- markup */

static void
put_code(struct line *l, uint32_t c)
{
	char mem[4];
	size_t n;

	if (c < 0x80) {
		mem[0] = (char)c;
		n = 1;
	} else if (c < 0x800) {
		mem[0] = (char)(0xc0 | c >> 6);
		mem[1] = (char)(0x80 | (c & 0x3f));
		n = 2;
	} else if (c < 0x10000) {
		mem[0] = (char)(0xe0 | c >> 12);
		mem[1] = (char)(0x80 | (c >> 6 & 0x3f));
		mem[2] = (char)(0x80 | (c & 0x3f));
		n = 3;
	} else {
		mem[0] = (char)(0xf0 | c >> 18);
		mem[1] = (char)(0x80 | (c >> 12 & 0x3f));
		mem[2] = (char)(0x80 | (c >> 6 & 0x3f));
		mem[3] = (char)(0x80 | (c & 0x3f));
		n = 4;
	}
	if (charset_utf8_len(mem, n) == n)
		(void)put_char(l, slice_of(mem, n));
}

static bool
parse_hex(struct slice s, uint32_t *v)
{
	*v = 0;
	for (size_t i = 0; i < s.n; i++) {
		char c = ascii_lower(s.p[i]);

		if (!ascii_is_xdigit(c) || i >= 6)
			return false;
		*v = *v << 4 | (uint32_t)(ascii_is_digit(c) ? c - '0' : c - 'a' + 10);
	}
	return s.n > 0;
}

/* s is at '&': the length of a known character reference, else 0. */
static size_t
put_reference(struct line *l, struct slice s)
{
	static const struct {
		const char	*name;
		uint32_t	 code;
	} names[] = {
		{ "amp", '&' }, { "lt", '<' }, { "gt", '>' }, { "quot", '"' },
		{ "apos", '\'' }, { "nbsp", 0xa0 }, { "zwnj", 0x200c },
		{ "shy", 0x200b }, { "copy", 0xa9 }, { "reg", 0xae },
		{ "auml", 0xe4 }, { "ouml", 0xf6 }, { "uuml", 0xfc },
		{ "szlig", 0xdf }, { "eacute", 0xe9 }, { "egrave", 0xe8 },
		{ "ndash", 0x2013 }, { "mdash", 0x2014 }, { "rsquo", 0x2019 },
		{ "lsquo", 0x2018 }, { "ldquo", 0x201c }, { "rdquo", 0x201d },
		{ "hellip", 0x2026 }, { "bull", 0x2022 }, { "euro", 0x20ac }
	};
	struct slice name = slice_from(slice_head(s, 12), 1);
	size_t n = slice_find(name, ';');
	uint32_t code = 0;

	if (n == name.n)
		return 0;
	name = slice_head(name, n);
	if (slice_istarts(name, "#x")) {
		if (!parse_hex(slice_from(name, 2), &code))
			return 0;
	} else if (slice_starts(name, "#")) {
		if (num_parse_u32(slice_from(name, 1), 0x10ffff, &code) != ERR_OK)
			return 0;
	} else {
		for (size_t i = 0; i < lengthof(names); i++)
			if (slice_eq_str(name, names[i].name))
				code = names[i].code;
	}
	if (code == 0)
		return 0;
	put_code(l, code);
	return n + 2;
}

static size_t
isearch(struct slice s, const char *needle)
{
	for (size_t i = 0; i < s.n; i++)
		if (slice_istarts(slice_from(s, i), needle))
			return i;
	return s.n;
}

/* s is at '<': the length of a tag, or of what it hides. */
static size_t
tag_length(struct slice s)
{
	static const struct {
		const char	*open;
		const char	*close;
	} hides[] = {
		{ "<!--", "-->" }, { "<style", "</style" }, { "<script", "</script" },
		{ "<title", "</title" }, { "<head>", "</head" }
	};
	size_t n = 0;

	for (size_t i = 0; i < lengthof(hides); i++) {
		if (!slice_istarts(s, hides[i].open))
			continue;
		n = isearch(s, hides[i].close);
		break;
	}
	n += slice_find(slice_from(s, n), '>');
	return n < s.n ? n + 1 : s.n;
}

static bool
is_inline_tag(struct slice s)
{
	static const char *const names[] = { "<b>", "</b>", "<i>", "</i>", "<em>",
		"</em>", "<a ", "</a>", "<span", "</span", "<strong", "</strong",
		"<font", "</font", "<u>", "</u>" };

	for (size_t i = 0; i < lengthof(names); i++)
		if (slice_istarts(s, names[i]))
			return true;
	return false;
}

static void
put_html(struct line *l, struct slice s)
{
	while (s.n > 0 && l->left > 0) {
		size_t n = 0;

		if (s.p[0] == '<' && s.n > 1 && (ascii_is_alpha(s.p[1]) ||
		    s.p[1] == '/' || s.p[1] == '!')) {
			if (!is_inline_tag(s))
				l->gap = true;
			n = tag_length(s);
		} else if (s.p[0] == '&') {
			n = put_reference(l, s);
		}
		if (n == 0) {
			n = char_length(s);
			if ((n == 1 && (unsigned char)s.p[0] >= 0x80) ||
			    !put_char(l, slice_head(s, n)))
				return;
		}
		s = slice_from(s, n);
	}
}

void
preview_put(struct buf *out, const struct mime *m, struct charset_set *set,
    unsigned max_chars)
{
	struct line l = { out, out->n, max_chars, false };
	struct buf text;

	buf_init(&text, TEXT_MAX);
	if (m->plain.part != MIME_NONE) {
		sample_text(m, &m->plain, set, &text);
		put_plain(&l, buf_slice(&text));
	}
	if (out->n == l.start && m->html.part != MIME_NONE) {
		buf_reset(&text);
		sample_text(m, &m->html, set, &text);
		put_html(&l, buf_slice(&text));
	}
	buf_fini(&text);
}
