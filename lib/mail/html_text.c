/* SPDX-License-Identifier: ISC */
#include "lib/mail/html_text.h"

#include <stdint.h>

#include "lib/base/cc.h"
#include "lib/base/num.h"
#include "lib/mail/charset.h"

/* False: a code that is no character. */
static bool
set_code(struct html_token *t, uint32_t c)
{
	char *mem = t->mem;
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
	t->kind = HTML_CHAR;
	t->text = slice_of(mem, n);
	return charset_utf8_len(mem, n) == n;
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
read_reference(struct slice s, uint32_t *code_out)
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
	*code_out = code;
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

/* What a tag does to the words around it; false: nothing. */
static bool
tag_kind(struct slice s, enum html_kind *kind)
{
	static const struct {
		const char	*name;
		enum html_kind	 kind;
	} tags[] = {
		{ "br", HTML_LINE }, { "hr", HTML_BLOCK }, { "li", HTML_ITEM }, { "p", HTML_BLOCK },
		{ "div", HTML_LINE }, { "tr", HTML_LINE }, { "dt", HTML_LINE }, { "dd", HTML_LINE },
		{ "ul", HTML_BLOCK }, { "ol", HTML_BLOCK }, { "dl", HTML_BLOCK },
		{ "table", HTML_BLOCK }, { "pre", HTML_BLOCK }, { "blockquote", HTML_BLOCK },
		{ "h1", HTML_BLOCK }, { "h2", HTML_BLOCK }, { "h3", HTML_BLOCK },
		{ "h4", HTML_BLOCK }, { "h5", HTML_BLOCK }, { "h6", HTML_BLOCK }
	};
	static const char *const none[] = { "b", "i", "em", "a", "span", "strong", "font", "u" };
	bool is_end = s.n > 1 && s.p[1] == '/';
	struct slice name = slice_head(slice_from(s, is_end ? 2 : 1), 12);
	size_t n = 0;

	while (n < name.n && ascii_is_alnum(name.p[n]))
		n++;
	name = slice_head(name, n);
	*kind = HTML_GAP;
	for (size_t i = 0; i < lengthof(none); i++)
		if (slice_ieq_str(name, none[i]))
			return false;
	for (size_t i = 0; i < lengthof(tags); i++)
		if (slice_ieq_str(name, tags[i].name))
			*kind = tags[i].kind == HTML_ITEM && is_end ? HTML_LINE : tags[i].kind;
	return true;
}

static size_t
read_char(struct slice s, struct html_token *t)
{
	size_t n = charset_utf8_len(s.p, s.n);

	/* The end of the sample may have cut it. */
	t->kind = HTML_CHAR;
	t->text = slice_head(s, n > 0 ? n : 1);
	return n > 0 || (unsigned char)s.p[0] < 0x80 ? t->text.n : 0;
}

bool
html_text_next(struct slice *html, struct html_token *t)
{
	struct slice s = *html;
	bool found = false;
	uint32_t code;
	size_t n;

	while (s.n > 0 && !found) {
		n = 0;
		if (s.p[0] == '<' && s.n > 1 && (ascii_is_alpha(s.p[1]) ||
		    s.p[1] == '/' || s.p[1] == '!')) {
			found = tag_kind(s, &t->kind);
			n = tag_length(s);
		} else if (s.p[0] == '&' && (n = read_reference(s, &code)) > 0) {
			found = set_code(t, code);
		}
		if (n == 0) {
			n = read_char(s, t);
			found = n > 0;
			if (n == 0)
				n = s.n;
		}
		s = slice_from(s, n);
	}
	*html = s;
	return found;
}

/* ---- whole texts */

struct lines {
	struct buf	*out;
	size_t		 start;
	unsigned	 breaks;	/* to come before the next character */
	bool		 gap, item;
};

static void
put_breaks(struct lines *l)
{
	for (; l->out->n > l->start && l->breaks > 0; l->breaks--) {
		buf_put_char(l->out, '\n');
		l->gap = false;
	}
	l->breaks = 0;
	if (l->item)
		buf_put_str(l->out, "* ");
	else if (l->gap && l->out->n > l->start)
		buf_put_char(l->out, ' ');
	l->gap = l->item = false;
}

static void
take(struct lines *l, const struct html_token *t)
{
	unsigned breaks = t->kind == HTML_BLOCK ? 2 : t->kind == HTML_LINE || t->kind == HTML_ITEM;

	if (t->kind == HTML_CHAR && t->text.n == 1 &&
	    ((unsigned char)t->text.p[0] <= ' ' || t->text.p[0] == 0x7f)) {
		l->gap = true;
	} else if (t->kind == HTML_CHAR) {
		put_breaks(l);
		buf_put_slice(l->out, t->text);
	} else {
		l->gap = true;
		l->item = t->kind == HTML_ITEM || (l->item && t->kind == HTML_GAP);
		if (breaks > l->breaks)
			l->breaks = breaks;
	}
}

void
html_text_put(struct buf *out, struct slice html)
{
	struct lines l = { .out = out, .start = out->n };
	struct html_token t;

	while (html_text_next(&html, &t))
		take(&l, &t);
	if (out->n > l.start)
		buf_put_char(out, '\n');
}
