/* SPDX-License-Identifier: ISC */
#include "lib/mail/saslprep.h"

#include <stdlib.h>
#include <string.h>
#include <unictype.h>
#include <uninorm.h>
#include <unistr.h>

#include "lib/base/secret.h"

struct range { ucs4_t first, last; };

/* RFC 3454 C.1.2: mapped to SPACE. */
static const struct range spaces[] = {
	{ 0xa0, 0xa0 }, { 0x1680, 0x1680 }, { 0x2000, 0x200b }, { 0x202f, 0x202f },
	{ 0x205f, 0x205f }, { 0x3000, 0x3000 },
};

/* B.1: mapped to nothing. */
static const struct range nothing[] = {
	{ 0xad, 0xad }, { 0x34f, 0x34f }, { 0x1806, 0x1806 }, { 0x180b, 0x180d },
	{ 0x200c, 0x200d }, { 0x2060, 0x2060 }, { 0xfe00, 0xfe0f }, { 0xfeff, 0xfeff },
};

/* C.2.1, C.2.2, C.3 to C.9, as far as the mappings leave them. */
static const struct range prohibited[] = {
	{ 0x0, 0x1f }, { 0x7f, 0x9f }, { 0x340, 0x341 }, { 0x6dd, 0x6dd }, { 0x70f, 0x70f },
	{ 0x180e, 0x180e }, { 0x200e, 0x200f }, { 0x2028, 0x202e }, { 0x2061, 0x2063 },
	{ 0x206a, 0x206f }, { 0x2ff0, 0x2ffb }, { 0xd800, 0xf8ff }, { 0xfdd0, 0xfdef },
	{ 0xfff9, 0xffff }, { 0x1d173, 0x1d17a }, { 0xe0001, 0xe0001 }, { 0xe0020, 0xe007f },
	{ 0xf0000, 0x10ffff },
};

static bool
is_in(const struct range *v, size_t n, ucs4_t c)
{
	for (size_t i = 0; i < n; i++)
		if (c >= v[i].first && c <= v[i].last)
			return true;
	return false;
}

static bool
is_prohibited(ucs4_t c)
{
	/* The last two of each plane are no characters (C.4). */
	return (c & 0xfffe) == 0xfffe || is_in(prohibited, lengthof(prohibited), c);
}

/* RFC 4013 s2.1 */
static enum err
map(struct slice in, struct buf *out)
{
	const uint8_t *p = (const uint8_t *)in.p;
	uint8_t one[4];
	ucs4_t c;
	int n;

	for (size_t at = 0; at < in.n; at += (size_t)n) {
		n = u8_mbtoucr(&c, p + at, in.n - at);
		if (n <= 0)
			return ERR_SYNTAX;
		if (is_in(spaces, lengthof(spaces), c))
			buf_put_char(out, ' ');
		else if (!is_in(nothing, lengthof(nothing), c))
			buf_put(out, one, (size_t)u8_uctomb(one, c, sizeof(one)));
	}
	return buf_err(out);
}

/* RFC 4013 s2.3, s2.4 */
static enum err
check(struct slice s)
{
	const uint8_t *p = (const uint8_t *)s.p;
	bool first = true, begins_right = false, ends_right = false, right = false, left = false;
	ucs4_t c;
	int n;

	for (size_t at = 0; at < s.n; at += (size_t)n, first = false) {
		n = u8_mbtoucr(&c, p + at, s.n - at);
		if (n <= 0 || is_prohibited(c))
			return ERR_SYNTAX;
		ends_right = uc_bidi_category(c) == UC_BIDI_R || uc_bidi_category(c) == UC_BIDI_AL;
		right |= ends_right;
		left |= uc_bidi_category(c) == UC_BIDI_L;
		if (first)
			begins_right = ends_right;
	}
	return right && (left || !begins_right || !ends_right) ? ERR_SYNTAX : ERR_OK;
}

static enum err
normalize(uninorm_t form, struct slice in, struct buf *out)
{
	size_t n = 0;
	uint8_t *p = u8_normalize(form, (const uint8_t *)in.p, in.n, NULL, &n);

	if (p == NULL)
		return ERR_SYNTAX;
	buf_put(out, p, n);
	secret_wipe(p, n);
	free(p);
	return buf_err(out);
}

/* ERR_CONFLICT: it is another text than the one that was written. */
static enum err
is_same(struct slice text, struct slice made)
{
	struct buf same;
	enum err e;

	buf_init(&same, 4 * SASLPREP_MAX);
	e = normalize(UNINORM_NFC, text, &same);
	if (e == ERR_OK && !slice_eq(buf_slice(&same), made))
		e = ERR_CONFLICT;
	buf_fini(&same);
	return e;
}

static enum err
prepare(struct slice in, bool may_differ, struct buf *out)
{
	struct buf text, made;
	enum err e;

	if (in.n > SASLPREP_MAX)
		return ERR_LIMIT;
	buf_init(&text, SASLPREP_MAX);
	/* The longest decomposition is eighteen times as long (U+FDFA). */
	buf_init(&made, SASLPREP_OUT_MAX);
	text.secret = made.secret = may_differ;
	e = map(in, &text);
	if (e == ERR_OK && text.n > 0 &&
	    (e = normalize(UNINORM_NFKC, buf_slice(&text), &made)) == ERR_OK &&
	    (e = check(buf_slice(&made))) == ERR_OK && !may_differ)
		e = is_same(buf_slice(&text), buf_slice(&made));
	if (e == ERR_OK)
		buf_put_slice(out, buf_slice(&made));
	buf_fini(&text);
	buf_fini(&made);
	return e != ERR_OK ? e : buf_err(out);
}

enum err
saslprep(struct slice in, struct buf *out)
{
	return prepare(in, false, out);
}

static bool
is_ascii(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] >= 0x80)
			return false;
	return true;
}

enum err
saslprep_password(struct slice in, struct buf *out)
{
	if (is_ascii(in) || prepare(in, true, out) != ERR_OK || out->n == 0)
		return ERR_NOTFOUND;
	return ERR_OK;
}
