/* SPDX-License-Identifier: ISC */
#include "lib/mail/charset.h"

#include <errno.h>
#include <iconv.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cc.h"
#include "lib/base/must.h"

#define NAME_MAX_BYTES	24
#define BAD		"\xef\xbf\xbd"		/* U+FFFD */

/*
 * What mail uses.  iso-2022-cn and the like are left out: rare, and a source
 * of trouble in C libraries.  name is folded: lower case, only letters and
 * digits; more names for one row follow it with the same iconv name.
 */
static const struct {
	const char	*name;
	const char	*iconv;
} rows[] = {
	{ "big5", "BIG5" }, { "big5hkscs", "BIG5-HKSCS" }, { "cp866", "CP866" },
	{ "ibm866", "CP866" }, { "eucjp", "EUC-JP" }, { "euckr", "EUC-KR" },
	{ "ksc56011987", "EUC-KR" }, { "cp949", "CP949" },
	{ "windows949", "CP949" }, { "gb18030", "GB18030" }, { "gbk", "GB18030" },
	{ "gb2312", "GB18030" }, { "cp936", "GB18030" },
	{ "iso2022jp", "ISO-2022-JP" }, { "iso2022kr", "ISO-2022-KR" },
	{ "iso88592", "ISO-8859-2" }, { "iso88593", "ISO-8859-3" },
	{ "iso88594", "ISO-8859-4" }, { "iso88595", "ISO-8859-5" },
	{ "iso88596", "ISO-8859-6" }, { "iso88597", "ISO-8859-7" },
	{ "iso88598", "ISO-8859-8" }, { "iso88598i", "ISO-8859-8" },
	{ "iso88599", "ISO-8859-9" }, { "iso885910", "ISO-8859-10" },
	{ "iso885911", "ISO-8859-11" }, { "tis620", "ISO-8859-11" },
	{ "iso885913", "ISO-8859-13" }, { "iso885914", "ISO-8859-14" },
	{ "iso885916", "ISO-8859-16" }, { "koi8r", "KOI8-R" },
	{ "koi8u", "KOI8-U" }, { "macintosh", "MACINTOSH" },
	{ "shiftjis", "CP932" }, { "sjis", "CP932" }, { "cp932", "CP932" },
	{ "windows31j", "CP932" }, { "utf7", "UTF-7" }, { "utf16", "UTF-16" },
	{ "utf16le", "UTF-16LE" }, { "utf16be", "UTF-16BE" },
	{ "windows1250", "CP1250" }, { "cp1250", "CP1250" },
	{ "windows1251", "CP1251" }, { "cp1251", "CP1251" },
	{ "windows1253", "CP1253" }, { "windows1254", "CP1254" },
	{ "windows1255", "CP1255" }, { "windows1256", "CP1256" },
	{ "windows1257", "CP1257" }, { "windows1258", "CP1258" },
	{ "windows874", "CP874" }
};

struct charset_set {
	iconv_t	cds[lengthof(rows)];	/* (iconv_t)-1: not to be had */
};

enum own { OWN_NONE, OWN_UTF8, OWN_1252, OWN_LATIN9 };

/* us-ascii and iso-8859-1 are read as their superset, as browsers do. */
static const struct {
	const char	*name;
	enum own	 own;
} owns[] = {
	{ "utf8", OWN_UTF8 }, { "usascii", OWN_UTF8 }, { "ascii", OWN_UTF8 },
	{ "iso88591", OWN_1252 }, { "latin1", OWN_1252 },
	{ "windows1252", OWN_1252 }, { "cp1252", OWN_1252 },
	{ "iso885915", OWN_LATIN9 }, { "latin9", OWN_LATIN9 },
	{ "ansix341968", OWN_UTF8 }, { "unknown8bit", OWN_UTF8 }
};

static const uint16_t cp1252_high[32] = {
	0x20ac, 0xfffd, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021,
	0x02c6, 0x2030, 0x0160, 0x2039, 0x0152, 0xfffd, 0x017d, 0xfffd,
	0xfffd, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014,
	0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0xfffd, 0x017e, 0x0178
};

struct charset_set *
charset_new(void)
{
	struct charset_set *set = must_alloc(1, sizeof(*set));

	for (size_t i = 0; i < lengthof(rows); i++) {
		set->cds[i] = (iconv_t)-1;
		for (size_t j = 0; j < i; j++)
			if (strcmp(rows[j].iconv, rows[i].iconv) == 0)
				set->cds[i] = set->cds[j];
		if (set->cds[i] == (iconv_t)-1)
			set->cds[i] = iconv_open("UTF-8", rows[i].iconv);
	}
	return set;
}

void
charset_free(struct charset_set **setp)
{
	struct charset_set *set = *setp;

	*setp = NULL;
	if (set == NULL)
		return;
	for (size_t i = 0; i < lengthof(rows); i++) {
		bool shared = false;

		for (size_t j = 0; j < i; j++)
			shared |= set->cds[j] == set->cds[i];
		if (!shared && set->cds[i] != (iconv_t)-1)
			iconv_close(set->cds[i]);
	}
	free(set);
}

static bool
fold_name(struct slice name, char dst[NAME_MAX_BYTES])
{
	size_t n = 0;

	for (size_t i = 0; i < name.n; i++) {
		if (!ascii_is_alnum(name.p[i]))
			continue;
		if (n + 1 >= NAME_MAX_BYTES)
			return false;
		dst[n++] = ascii_lower(name.p[i]);
	}
	dst[n] = '\0';
	return n > 0;
}

static enum own
find_own(const char *name)
{
	for (size_t i = 0; i < lengthof(owns); i++)
		if (strcmp(owns[i].name, name) == 0)
			return owns[i].own;
	return OWN_NONE;
}

static iconv_t
find_cd(const struct charset_set *set, const char *name)
{
	if (set != NULL)
		for (size_t i = 0; i < lengthof(rows); i++)
			if (strcmp(rows[i].name, name) == 0)
				return set->cds[i];
	return (iconv_t)-1;
}

bool
charset_is_known(const struct charset_set *set, struct slice name)
{
	char folded[NAME_MAX_BYTES];

	return fold_name(name, folded) && (find_own(folded) != OWN_NONE ||
	    find_cd(set, folded) != (iconv_t)-1);
}

/* RFC 3629 s4, without surrogates and overlong forms. */
size_t
charset_utf8_len(const char *p, size_t n)
{
	const unsigned char *u = (const unsigned char *)p;
	size_t len;

	if (n == 0)
		return 0;
	if (u[0] < 0x80)
		return 1;
	if (u[0] < 0xc2 || u[0] > 0xf4)
		return 0;
	len = u[0] < 0xe0 ? 2 : u[0] < 0xf0 ? 3 : 4;
	if (n < len)
		return 0;
	for (size_t i = 1; i < len; i++)
		if ((u[i] & 0xc0) != 0x80)
			return 0;
	if ((u[0] == 0xe0 && u[1] < 0xa0) || (u[0] == 0xed && u[1] > 0x9f) ||
	    (u[0] == 0xf0 && u[1] < 0x90) || (u[0] == 0xf4 && u[1] > 0x8f))
		return 0;
	return len;
}

/* How many of the first bytes are well-formed and not NUL. */
static size_t
clean_length(struct slice text)
{
	size_t i = 0;
	size_t len;

	for (;;) {
		i += ascii_length(slice_from(text, i));
		if (i == text.n || text.p[i] == '\0')
			return i;
		len = charset_utf8_len(text.p + i, text.n - i);
		if (len == 0)
			return i;
		i += len;
	}
}

void
charset_put_clean(struct slice text, struct buf *out)
{
	size_t i = 0;

	while (i < text.n) {
		size_t n = clean_length(slice_from(text, i));

		buf_put(out, text.p + i, n);
		i += n;
		if (i < text.n) {
			buf_put_str(out, BAD);
			i++;
		}
	}
}

static void
put_code(struct buf *out, uint32_t c)
{
	char s[3];
	size_t n = 0;

	if (c < 0x80) {
		s[n++] = (char)c;
	} else if (c < 0x800) {
		s[n++] = (char)(0xc0 | c >> 6);
		s[n++] = (char)(0x80 | (c & 0x3f));
	} else {
		s[n++] = (char)(0xe0 | c >> 12);
		s[n++] = (char)(0x80 | (c >> 6 & 0x3f));
		s[n++] = (char)(0x80 | (c & 0x3f));
	}
	buf_put(out, s, n);
}

static uint32_t
latin9_code(unsigned char c)
{
	switch (c) {
	case 0xa4: return 0x20ac;
	case 0xa6: return 0x160;
	case 0xa8: return 0x161;
	case 0xb4: return 0x17d;
	case 0xb8: return 0x17e;
	case 0xbc: return 0x152;
	case 0xbd: return 0x153;
	case 0xbe: return 0x178;
	default: return c;
	}
}

static void
put_single(struct slice text, enum own own, struct buf *out)
{
	for (size_t i = 0; i < text.n; i++) {
		unsigned char c = (unsigned char)text.p[i];

		if (c == '\0')
			put_code(out, 0xfffd);
		else if (own == OWN_LATIN9)
			put_code(out, latin9_code(c));
		else if (c >= 0x80 && c < 0xa0)
			put_code(out, cp1252_high[c - 0x80]);
		else
			put_code(out, c);
	}
}

static void
put_iconv(iconv_t cd, struct slice text, struct buf *out)
{
	char mem[1024];
	char *in = (char *)(uintptr_t)text.p;
	size_t left = text.n;

	(void)iconv(cd, NULL, NULL, NULL, NULL);
	while (left > 0 && !out->full) {
		char *to = mem;
		size_t room = sizeof(mem);
		size_t r = iconv(cd, &in, &left, &to, &room);
		int e = errno;

		charset_put_clean(slice_of(mem, sizeof(mem) - room), out);
		if (r != (size_t)-1)
			break;
		if (e == E2BIG && room < sizeof(mem))
			continue;
		/* Malformed, or cut short: one byte is lost. */
		buf_put_str(out, BAD);
		in++;
		left--;
	}
}

bool
charset_has_ascii(struct slice name)
{
	static const char *const others[] = { "utf16", "utf7", "iso2022" };
	char folded[NAME_MAX_BYTES];

	if (!fold_name(name, folded))
		return false;
	for (size_t i = 0; i < lengthof(others); i++)
		if (slice_starts(slice_str(folded), others[i]))
			return false;
	return true;
}

bool
charset_put_utf8(struct charset_set *set, struct slice name, struct slice text,
    struct buf *out)
{
	char folded[NAME_MAX_BYTES];
	enum own own;
	iconv_t cd;

	if (!fold_name(name, folded)) {
		charset_put_clean(text, out);
		return false;
	}
	own = find_own(folded);
	if (own == OWN_UTF8) {
		charset_put_clean(text, out);
		return true;
	}
	if (own != OWN_NONE) {
		put_single(text, own, out);
		return true;
	}
	cd = find_cd(set, folded);
	if (cd == (iconv_t)-1) {
		charset_put_clean(text, out);
		return false;
	}
	put_iconv(cd, text, out);
	return true;
}
