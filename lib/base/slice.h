/* SPDX-License-Identifier: ISC */
/*
 * A borrowed run of bytes.  Network data and strings that came from it are
 * slices, never NUL-terminated.  A slice owns nothing; its memory must
 * outlive it.  p may be NULL when n is 0.
 */
#ifndef SLICE_H
#define SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct slice {
	const char	*p;
	size_t		 n;
};

#define SLICE_NONE	((struct slice){ NULL, 0 })
#define SLICE_LIT(s)	((struct slice){ (s), sizeof(s) - 1 })
/* For printf("%.*s"): only for text known to be short. */
#define SLICE_FMT(s)	(int)(s).n, (s).n > 0 ? (s).p : ""

static inline struct slice
slice_of(const void *p, size_t n)
{
	return (struct slice){ p, n };
}

struct slice	 slice_str(const char *);		/* NULL gives empty */

bool		 slice_eq(struct slice, struct slice);
bool		 slice_eq_str(struct slice, const char *);
bool		 slice_ieq(struct slice, struct slice);	/* ASCII case */
/* Inline for what mostly differs: the length of a constant. */
static inline bool
slice_ieq_str(struct slice a, const char *b)
{
	size_t n = b != NULL ? strlen(b) : 0;

	return a.n == n && slice_ieq(a, slice_of(b, n));
}
bool		 slice_starts(struct slice, const char *);
bool		 slice_istarts(struct slice, const char *);
bool		 slice_ends(struct slice, const char *);
int		 slice_cmp(struct slice, struct slice);	/* memcmp order */

/* Index of the byte, or n when absent. */
size_t		 slice_find(struct slice, char);
size_t		 slice_rfind(struct slice, char);
/* Index of the first occurrence of the needle, or n. */
size_t		 slice_search(struct slice, struct slice needle);

static inline struct slice
slice_from(struct slice s, size_t start)	/* clamped */
{
	if (start >= s.n)
		return (struct slice){ s.n > 0 ? s.p + s.n : s.p, 0 };
	return (struct slice){ s.p + start, s.n - start };
}

static inline struct slice
slice_head(struct slice s, size_t n)		/* clamped */
{
	return (struct slice){ s.p, n < s.n ? n : s.n };
}

struct slice	 slice_trim(struct slice);		/* SP HT CR LF, both ends */

/*
 * Cut at the first byte c: *head gets what is before, the result is what
 * follows c (empty when c is absent, then *head is all of s).
 */
struct slice	 slice_cut(struct slice s, char c, struct slice *head);

/* Copy with a NUL, false when it does not fit or holds a NUL. */
bool		 slice_to_cstr(struct slice, char *dst, size_t dst_bytes);

static inline char
ascii_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static inline char
ascii_upper(char c)
{
	return c >= 'a' && c <= 'z' ? (char)(c - ('a' - 'A')) : c;
}

static inline bool
ascii_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline bool
ascii_is_print(char c)		/* 0x20..0x7e */
{
	return c >= 0x20 && c <= 0x7e;
}

bool		 ascii_is_alpha(char);
bool		 ascii_is_alnum(char);
bool		 ascii_is_xdigit(char);

/* How many of the first bytes are 0x01 to 0x7f. */
size_t		 ascii_length(struct slice);
/* Well-formed UTF-8 without surrogates (RFC 3629 s4). */
bool		 utf8_ok(struct slice);

#endif
