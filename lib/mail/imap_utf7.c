/* SPDX-License-Identifier: ISC */
#include "lib/mail/imap_utf7.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* RFC 3501 s5.1.3: "," stands in for "/". */
static const char alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

static void
put_utf8(struct buf *b, uint32_t c)
{
	if (c < 0x80) {
		buf_put_char(b, (char)c);
	} else if (c < 0x800) {
		buf_put_char(b, (char)(0xc0 | c >> 6));
		buf_put_char(b, (char)(0x80 | (c & 0x3f)));
	} else if (c < 0x10000) {
		buf_put_char(b, (char)(0xe0 | c >> 12));
		buf_put_char(b, (char)(0x80 | (c >> 6 & 0x3f)));
		buf_put_char(b, (char)(0x80 | (c & 0x3f)));
	} else {
		buf_put_char(b, (char)(0xf0 | c >> 18));
		buf_put_char(b, (char)(0x80 | (c >> 12 & 0x3f)));
		buf_put_char(b, (char)(0x80 | (c >> 6 & 0x3f)));
		buf_put_char(b, (char)(0x80 | (c & 0x3f)));
	}
}

/* One UTF-16 unit of a shifted run; *high is a pending high surrogate. */
static enum err
take_unit(struct buf *b, uint32_t unit, uint32_t *high)
{
	if (*high != 0) {
		if (unit < 0xdc00 || unit > 0xdfff)
			return ERR_SYNTAX;
		put_utf8(b, 0x10000 + ((*high - 0xd800) << 10) + (unit - 0xdc00));
		*high = 0;
	} else if (unit >= 0xd800 && unit <= 0xdbff) {
		*high = unit;
	} else if ((unit >= 0xdc00 && unit <= 0xdfff) || (unit >= 0x20 && unit <= 0x7e) ||
	    unit == 0) {
		return ERR_SYNTAX;
	} else {
		put_utf8(b, unit);
	}
	return ERR_OK;
}

/* The base64 between "&" and "-". */
static enum err
decode_run(struct slice run, struct buf *b)
{
	uint32_t acc = 0, high = 0;
	unsigned bits = 0;
	enum err e;

	for (size_t i = 0; i < run.n; i++) {
		const char *at = memchr(alphabet, run.p[i], 64);

		if (at == NULL)
			return ERR_SYNTAX;
		acc = acc << 6 | (uint32_t)(at - alphabet);
		bits += 6;
		if (bits < 16)
			continue;
		bits -= 16;
		e = take_unit(b, acc >> bits & 0xffff, &high);
		if (e != ERR_OK)
			return e;
		acc &= (1u << bits) - 1;
	}
	return high != 0 || bits >= 6 || acc != 0 ? ERR_SYNTAX : ERR_OK;
}

enum err
imap_utf7_decode(struct slice wire, struct buf *utf8)
{
	bool after_run = false;

	while (wire.n > 0) {
		struct slice run;
		size_t dash;
		enum err e;

		if (*wire.p < 0x20 || *wire.p > 0x7e)
			return ERR_SYNTAX;
		if (*wire.p != '&') {
			buf_put_char(utf8, *wire.p);
			wire = slice_from(wire, 1);
			after_run = false;
			continue;
		}
		dash = slice_find(wire, '-');
		if (dash == wire.n)
			return ERR_SYNTAX;
		run = slice_head(slice_from(wire, 1), dash - 1);
		wire = slice_from(wire, dash + 1);
		if (run.n == 0) {
			buf_put_char(utf8, '&');
			after_run = false;
			continue;
		}
		/* "&..-&..-" is a superfluous shift. */
		if (after_run)
			return ERR_SYNTAX;
		e = decode_run(run, utf8);
		if (e != ERR_OK)
			return e;
		after_run = true;
	}
	return buf_err(utf8);
}

/* The next character of well-formed UTF-8. */
static uint32_t
next_char(struct slice *s)
{
	unsigned char c = (unsigned char)s->p[0];
	size_t n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
	uint32_t v = n == 1 ? c : c & (0xffu >> (n + 1));

	for (size_t i = 1; i < n && i < s->n; i++)
		v = v << 6 | ((unsigned char)s->p[i] & 0x3f);
	*s = slice_from(*s, n);
	return v;
}

struct run { uint32_t acc; unsigned bits; bool open; };

static void
put_unit(struct buf *b, struct run *r, uint32_t unit)
{
	r->acc = r->acc << 16 | unit;
	r->bits += 16;
	while (r->bits >= 6) {
		r->bits -= 6;
		buf_put_char(b, alphabet[r->acc >> r->bits & 0x3f]);
	}
	r->acc &= (1u << r->bits) - 1;
}

static void
close_run(struct buf *b, struct run *r)
{
	if (!r->open)
		return;
	if (r->bits > 0)
		buf_put_char(b, alphabet[r->acc << (6 - r->bits) & 0x3f]);
	buf_put_char(b, '-');
	*r = (struct run){ 0, 0, false };
}

void
imap_utf7_encode(struct slice utf8, struct buf *wire)
{
	struct run r = { 0, 0, false };

	while (utf8.n > 0) {
		uint32_t c = next_char(&utf8);

		if (c >= 0x20 && c <= 0x7e) {
			close_run(wire, &r);
			buf_put_char(wire, (char)c);
			if (c == '&')
				buf_put_char(wire, '-');
			continue;
		}
		if (!r.open) {
			buf_put_char(wire, '&');
			r.open = true;
		}
		if (c >= 0x10000) {
			put_unit(wire, &r, 0xd800 + ((c - 0x10000) >> 10));
			put_unit(wire, &r, 0xdc00 + ((c - 0x10000) & 0x3ff));
		} else {
			put_unit(wire, &r, c);
		}
	}
	close_run(wire, &r);
}
