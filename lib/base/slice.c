/* SPDX-License-Identifier: ISC */
#include "lib/base/slice.h"

#include <stdint.h>
#include <string.h>

struct slice
slice_str(const char *s)
{
	return (struct slice){ s, s != NULL ? strlen(s) : 0 };
}

bool
slice_eq(struct slice a, struct slice b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool
slice_eq_str(struct slice a, const char *b)
{
	return slice_eq(a, slice_str(b));
}

bool
slice_ieq(struct slice a, struct slice b)
{
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		if (ascii_lower(a.p[i]) != ascii_lower(b.p[i]))
			return false;
	return true;
}

bool
slice_starts(struct slice s, const char *prefix)
{
	struct slice p = slice_str(prefix);

	return s.n >= p.n && slice_eq(slice_head(s, p.n), p);
}

bool
slice_istarts(struct slice s, const char *prefix)
{
	struct slice p = slice_str(prefix);

	return s.n >= p.n && slice_ieq(slice_head(s, p.n), p);
}

bool
slice_ends(struct slice s, const char *suffix)
{
	struct slice p = slice_str(suffix);

	return s.n >= p.n && slice_eq(slice_from(s, s.n - p.n), p);
}

int
slice_cmp(struct slice a, struct slice b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int c = n > 0 ? memcmp(a.p, b.p, n) : 0;

	if (c != 0)
		return c;
	return a.n < b.n ? -1 : a.n > b.n;
}

size_t
slice_find(struct slice s, char c)
{
	const char *at = s.n > 0 ? memchr(s.p, c, s.n) : NULL;

	return at != NULL ? (size_t)(at - s.p) : s.n;
}

size_t
slice_rfind(struct slice s, char c)
{
	const char *at = s.n > 0 ? memrchr(s.p, c, s.n) : NULL;

	return at != NULL ? (size_t)(at - s.p) : s.n;
}

size_t
slice_search(struct slice s, struct slice needle)
{
	const char *at;

	if (needle.n == 0)
		return 0;
	if (s.n == 0)
		return s.n;
	at = memmem(s.p, s.n, needle.p, needle.n);
	return at != NULL ? (size_t)(at - s.p) : s.n;
}

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct slice
slice_trim(struct slice s)
{
	while (s.n > 0 && is_space(s.p[0]))
		s = slice_from(s, 1);
	while (s.n > 0 && is_space(s.p[s.n - 1]))
		s.n--;
	return s;
}

struct slice
slice_cut(struct slice s, char c, struct slice *head)
{
	size_t at = slice_find(s, c);

	*head = slice_head(s, at);
	return slice_from(s, at + 1);
}

bool
slice_to_cstr(struct slice s, char *dst, size_t dst_bytes)
{
	if (s.n >= dst_bytes || slice_find(s, '\0') != s.n)
		return false;
	if (s.n > 0)
		memcpy(dst, s.p, s.n);
	dst[s.n] = '\0';
	return true;
}

bool
ascii_is_alpha(char c)
{
	c = ascii_lower(c);
	return c >= 'a' && c <= 'z';
}

bool
ascii_is_alnum(char c)
{
	return ascii_is_digit(c) || ascii_is_alpha(c);
}

bool
ascii_is_xdigit(char c)
{
	c = ascii_lower(c);
	return ascii_is_digit(c) || (c >= 'a' && c <= 'f');
}

/* Eight at a time: no high bit, and none that borrows when 1 is taken away. */
size_t
ascii_length(struct slice s)
{
	const uint64_t ones = 0x0101010101010101u, high = 0x8080808080808080u;
	uint64_t w;
	size_t i = 0;

	for (; i + 8 <= s.n; i += 8) {
		memcpy(&w, s.p + i, 8);
		if ((w | (w - ones)) & high)
			break;
	}
	while (i < s.n && (signed char)s.p[i] > 0)
		i++;
	return i;
}

/* How many continuation bytes follow lead, and the bounds of the first. */
static int
utf8_lead(unsigned char lead, unsigned char *lo, unsigned char *hi)
{
	*lo = 0x80;
	*hi = 0xbf;
	if (lead >= 0xc2 && lead <= 0xdf)
		return 1;
	if (lead >= 0xe0 && lead <= 0xef) {
		if (lead == 0xe0)
			*lo = 0xa0;
		if (lead == 0xed)	/* no surrogates */
			*hi = 0x9f;
		return 2;
	}
	if (lead >= 0xf0 && lead <= 0xf4) {
		if (lead == 0xf0)
			*lo = 0x90;
		if (lead == 0xf4)
			*hi = 0x8f;
		return 3;
	}
	return -1;
}

/* How many bytes from p, an ASCII character, are known to be ASCII too: most texts are. */
static size_t
ascii_run(const unsigned char *p, size_t n)
{
	uint64_t word;
	size_t i = 0;

	while (n - i >= sizeof(word)) {
		memcpy(&word, p + i, sizeof(word));
		if ((word & UINT64_C(0x8080808080808080)) != 0)
			break;
		i += sizeof(word);
	}
	return i > 0 ? i : 1;
}

bool
utf8_ok(struct slice s)
{
	const unsigned char *p = (const unsigned char *)s.p;
	unsigned char lo, hi;
	size_t i = 0;
	int more;

	while (i < s.n) {
		if (p[i] < 0x80) {
			i += ascii_run(p + i, s.n - i);
			continue;
		}
		more = utf8_lead(p[i], &lo, &hi);
		if (more < 0 || s.n - i <= (size_t)more)
			return false;
		for (i++; more > 0; more--, i++) {
			if (p[i] < lo || p[i] > hi)
				return false;
			lo = 0x80;
			hi = 0xbf;
		}
	}
	return true;
}
