/* SPDX-License-Identifier: ISC */
/*
 * Addresses.  addr_parse_path and addr_parse read through one cursor; the
 * small read_ functions each take one production of RFC 5321 s4.1.2 off its
 * front.
 */
#include "lib/mail/addr.h"

#include <arpa/inet.h>
#include <idn2.h>
#include <stdlib.h>
#include <string.h>
#include <uninorm.h>

#define LABEL_MAX	63	/* RFC 1035 s2.3.4 */

static bool
is_atext(char c)
{
	return c != '\0' && (ascii_is_alnum(c) || strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

static bool
is_high(char c)
{
	return (unsigned char)c >= 0x80;
}

/* C1 controls are well-formed UTF-8 but belong in no address. */
static bool
has_c1(struct slice s)
{
	for (size_t i = 0; i + 1 < s.n; i++)
		if ((unsigned char)s.p[i] == 0xc2 && (unsigned char)s.p[i + 1] < 0xa0)
			return true;
	return false;
}

static enum err
check_utf8(struct slice s, unsigned flags, bool *is_utf8)
{
	size_t i;

	for (i = 0; i < s.n && !is_high(s.p[i]); i++)
		;
	if (i == s.n)
		return ERR_OK;
	if (!(flags & ADDR_UTF8))
		return ERR_UNSUPPORTED;
	if (!utf8_ok(s) || has_c1(s))
		return ERR_SYNTAX;
	*is_utf8 = true;
	return ERR_OK;
}

static enum err
put_local(struct addr *a, char c)
{
	if (a->local_n == ADDR_LOCAL_MAX)
		return ERR_LIMIT;
	a->local[a->local_n++] = c;
	return ERR_OK;
}

/* Quoted-string (RFC 5321 s4.1.2), the opening quote is s->p[0]. */
static enum err
read_quoted(struct slice *s, struct addr *a)
{
	size_t i = 1;
	enum err e;

	while (i < s->n && s->p[i] != '"') {
		if (s->p[i] == '\\') {
			i++;
			if (i == s->n || !ascii_is_print(s->p[i]))
				return ERR_SYNTAX;
		} else if (!ascii_is_print(s->p[i]) && !is_high(s->p[i]))
			return ERR_SYNTAX;
		if ((e = put_local(a, s->p[i])) != ERR_OK)
			return e;
		i++;
	}
	if (i == s->n || a->local_n == 0)
		return ERR_SYNTAX;
	*s = slice_from(*s, i + 1);
	return ERR_OK;
}

/* Dot-string (RFC 5321 s4.1.2): atoms with single dots between. */
static enum err
read_dot_string(struct slice *s, struct addr *a)
{
	size_t i;
	bool dot = true;
	enum err e;

	for (i = 0; i < s->n; i++) {
		if (s->p[i] == '.' ? dot : !is_atext(s->p[i]) && !is_high(s->p[i]))
			break;
		dot = s->p[i] == '.';
		if ((e = put_local(a, s->p[i])) != ERR_OK)
			return e;
	}
	if (dot)
		return ERR_SYNTAX;
	*s = slice_from(*s, i);
	return ERR_OK;
}

static enum err
read_local(struct slice *s, unsigned flags, struct addr *a)
{
	enum err e;

	if (s->n > 0 && s->p[0] == '"')
		e = read_quoted(s, a);
	else
		e = read_dot_string(s, a);
	a->local[a->local_n] = '\0';
	return e != ERR_OK ? e : check_utf8(addr_local(a), flags, &a->is_utf8);
}

/* Domain (RFC 5321 s4.1.2, RFC 6531 s3.3): labels of letters, digits, hyphens. */
static enum err
check_labels(struct slice s)
{
	struct slice label;

	if (s.n == 0 || s.p[s.n - 1] == '.')
		return ERR_SYNTAX;
	while (s.n > 0) {
		s = slice_cut(s, '.', &label);
		if (label.n == 0 || label.p[0] == '-' || label.p[label.n - 1] == '-')
			return ERR_SYNTAX;
		if (label.n > LABEL_MAX)
			return ERR_LIMIT;
		for (size_t i = 0; i < label.n; i++)
			if (!ascii_is_alnum(label.p[i]) && label.p[i] != '-' &&
			    label.p[i] != '_' && !is_high(label.p[i]))
				return ERR_SYNTAX;
	}
	return ERR_OK;
}

/* Address literals (RFC 5321 s4.1.3), put in the form of inet_ntop. */
static enum err
canon_literal(struct slice s, char dst[ADDR_DOMAIN_MAX + 1], size_t *n)
{
	char text[INET6_ADDRSTRLEN], norm[INET6_ADDRSTRLEN];
	unsigned char bytes[16];
	const char *tag = "";
	int family = AF_INET;
	struct buf b;

	if (s.n < 3 || s.p[0] != '[' || s.p[s.n - 1] != ']')
		return ERR_SYNTAX;
	s = slice_from(slice_head(s, s.n - 1), 1);
	if (slice_istarts(s, "IPv6:")) {
		s = slice_from(s, 5);
		tag = "IPv6:";
		family = AF_INET6;
	}
	if (!slice_to_cstr(s, text, sizeof(text)) || inet_pton(family, text, bytes) != 1 ||
	    inet_ntop(family, bytes, norm, sizeof(norm)) == NULL)
		return ERR_SYNTAX;
	buf_init(&b, ADDR_DOMAIN_MAX);
	buf_put_char(&b, '[');
	buf_put_str(&b, tag);
	buf_put_str(&b, norm);
	buf_put_char(&b, ']');
	*n = b.n;
	memcpy(dst, buf_data(&b), b.n);
	dst[b.n] = '\0';
	buf_fini(&b);
	return ERR_OK;
}

enum err
addr_canon_domain(struct slice s, char dst[ADDR_DOMAIN_MAX + 1], struct slice *out)
{
	char text[ADDR_DOMAIN_MAX + 1];
	uint8_t *ace = NULL;
	size_t n = 0;
	bool is_utf8 = false;
	enum err e;

	if (s.n > 0 && s.p[0] == '[') {
		if ((e = canon_literal(s, dst, &n)) == ERR_OK)
			*out = slice_of(dst, n);
		return e;
	}
	if ((e = check_utf8(s, ADDR_UTF8, &is_utf8)) != ERR_OK)
		return e;
	if (!slice_to_cstr(s, text, sizeof(text)))
		return s.n > ADDR_DOMAIN_MAX ? ERR_LIMIT : ERR_SYNTAX;
	if (is_utf8) {
		/* RFC 5891 s5: look up, with the mappings of UTS 46. */
		int rc = idn2_lookup_u8((const uint8_t *)text, &ace,
		    IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);

		if (rc != IDN2_OK)
			return rc == IDN2_TOO_BIG_DOMAIN || rc == IDN2_TOO_BIG_LABEL ?
			    ERR_LIMIT : ERR_SYNTAX;
		s = slice_str((char *)ace);
	}
	if (s.n > ADDR_DOMAIN_MAX)
		e = ERR_LIMIT;
	else if ((e = check_labels(s)) == ERR_OK) {
		for (n = 0; n < s.n; n++)
			dst[n] = ascii_lower(s.p[n]);
		dst[n] = '\0';
		*out = slice_of(dst, n);
	}
	idn2_free(ace);
	return e;
}

enum err
addr_check_domain(struct slice s, unsigned flags)
{
	char canon[ADDR_DOMAIN_MAX + 1];
	struct slice out;
	bool is_utf8 = false;
	enum err e = check_utf8(s, flags, &is_utf8);

	return e != ERR_OK ? e : addr_canon_domain(s, canon, &out);
}

/* The domain runs to ">" in a path and to the end in a bare mailbox. */
static enum err
read_domain(struct slice *s, unsigned flags, struct addr *a)
{
	struct slice d = slice_head(*s, slice_find(*s, '>'));
	enum err e;

	if (d.n > ADDR_DOMAIN_MAX)
		return ERR_LIMIT;
	if ((e = check_utf8(d, flags, &a->is_utf8)) != ERR_OK)
		return e;
	if ((e = addr_check_domain(d, flags)) != ERR_OK)
		return e;
	memcpy(a->domain, d.p, d.n);
	a->domain[d.n] = '\0';
	a->domain_n = (unsigned char)d.n;
	a->is_literal = d.p[0] == '[';
	*s = slice_from(*s, d.n);
	return ERR_OK;
}

static size_t
text_bytes(const struct addr *a)
{
	struct buf b;
	size_t n;

	buf_init(&b, 2 * ADDR_TEXT_MAX);
	addr_put(&b, a);
	n = b.n;
	buf_fini(&b);
	return n;
}

static enum err
read_mailbox(struct slice *s, unsigned flags, struct addr *a)
{
	enum err e;

	if ((e = read_local(s, flags, a)) != ERR_OK)
		return e;
	if (s->n == 0 || s->p[0] != '@')
		/* RFC 5321 s4.1.1.3: postmaster alone, in any case. */
		return (flags & ADDR_POSTMASTER_OK) && (s->n == 0 || s->p[0] == '>') &&
		    slice_ieq_str(addr_local(a), "postmaster") ? ERR_OK : ERR_SYNTAX;
	*s = slice_from(*s, 1);
	if ((e = read_domain(s, flags, a)) != ERR_OK)
		return e;
	return text_bytes(a) > ADDR_TEXT_MAX ? ERR_LIMIT : ERR_OK;
}

/* A-d-l ":" (RFC 5321 s4.1.2): checked, then forgotten (s3.6.1, appendix C). */
static enum err
skip_route(struct slice *s, unsigned flags)
{
	size_t end = slice_find(*s, ':');
	struct slice route, hop;
	enum err e;

	/* A literal with ":" in a route is legal; the list ends before a ":"
	 * that no bracket encloses. */
	for (size_t i = 0, depth = 0; i < s->n; i++) {
		depth += s->p[i] == '[';
		depth -= s->p[i] == ']' && depth > 0;
		if (s->p[i] == ':' && depth == 0) {
			end = i;
			break;
		}
	}
	if (end >= s->n)
		return ERR_SYNTAX;
	if (end > ADDR_ROUTE_MAX)
		return ERR_LIMIT;
	route = slice_head(*s, end);
	while (route.n > 0) {
		route = slice_cut(route, ',', &hop);
		if (!slice_starts(hop, "@"))
			return ERR_SYNTAX;
		if ((e = addr_check_domain(slice_from(hop, 1), flags)) != ERR_OK)
			return e;
	}
	if (s->p[end - 1] == ',')
		return ERR_SYNTAX;
	*s = slice_from(*s, end + 1);
	return ERR_OK;
}

enum err
addr_parse_path(struct slice *s, unsigned flags, struct addr *a)
{
	struct slice in = *s, start;
	enum err e;

	memset(a, 0, sizeof(*a));
	if (in.n < 2 || in.p[0] != '<')
		return ERR_SYNTAX;
	in = slice_from(in, 1);
	if (in.p[0] == '>') {
		*s = slice_from(in, 1);
		return flags & ADDR_NULL_OK ? ERR_OK : ERR_SYNTAX;
	}
	if (in.p[0] == '@' && (e = skip_route(&in, flags)) != ERR_OK)
		return e;
	start = in;
	if ((e = read_mailbox(&in, flags, a)) != ERR_OK)
		return e;
	if (in.n == 0 || in.p[0] != '>')
		return ERR_SYNTAX;
	if (start.n - in.n + 2 > ADDR_PATH_MAX)
		return ERR_LIMIT;
	*s = slice_from(in, 1);
	return ERR_OK;
}

enum err
addr_parse(struct slice s, unsigned flags, struct addr *a)
{
	enum err e;

	memset(a, 0, sizeof(*a));
	if (s.n == 0)
		return flags & ADDR_NULL_OK ? ERR_OK : ERR_SYNTAX;
	if ((e = read_mailbox(&s, flags, a)) != ERR_OK)
		return e;
	return s.n == 0 ? ERR_OK : ERR_SYNTAX;
}

bool
addr_is_null(const struct addr *a)
{
	return a->local_n == 0;
}

struct slice
addr_local(const struct addr *a)
{
	return slice_of(a->local, a->local_n);
}

struct slice
addr_domain(const struct addr *a)
{
	return slice_of(a->domain, a->domain_n);
}

static bool
is_dot_string(struct slice s)
{
	bool dot = true;

	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '.' ? dot : !is_atext(s.p[i]) && !is_high(s.p[i]))
			return false;
		dot = s.p[i] == '.';
	}
	return !dot;
}

void
addr_put(struct buf *b, const struct addr *a)
{
	if (a->local_n == 0)
		return;
	if (is_dot_string(addr_local(a)))
		buf_put(b, a->local, a->local_n);
	else {
		buf_put_char(b, '"');
		for (size_t i = 0; i < a->local_n; i++) {
			if (a->local[i] == '"' || a->local[i] == '\\')
				buf_put_char(b, '\\');
			buf_put_char(b, a->local[i]);
		}
		buf_put_char(b, '"');
	}
	if (a->domain_n > 0) {
		buf_put_char(b, '@');
		buf_put(b, a->domain, a->domain_n);
	}
}

struct slice
addr_text(const struct addr *a, char dst[ADDR_TEXT_MAX + 1])
{
	struct buf b;
	size_t n;

	buf_init(&b, ADDR_TEXT_MAX);
	addr_put(&b, a);
	n = b.n;
	if (n > 0)
		memcpy(dst, buf_data(&b), n);
	dst[n] = '\0';
	buf_fini(&b);
	return slice_of(dst, n);
}

/* NFC (RFC 6532 s3.1 asks senders for it), ASCII letters lowered. */
static enum err
canon_local(const struct addr *a, struct addr *out)
{
	uint8_t norm[ADDR_LOCAL_MAX];
	size_t n = sizeof(norm);
	uint8_t *p;
	enum err e = ERR_OK;

	p = u8_normalize(UNINORM_NFC, (const uint8_t *)a->local, a->local_n, norm, &n);
	if (p == NULL)
		return ERR_SYNTAX;
	if (n > ADDR_LOCAL_MAX)
		e = ERR_LIMIT;
	else {
		for (size_t i = 0; i < n; i++)
			out->local[i] = ascii_lower((char)p[i]);
		out->local[n] = '\0';
		out->local_n = (unsigned char)n;
	}
	if (p != norm)
		free(p);
	return e;
}

static bool
has_high(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (is_high(s.p[i]))
			return true;
	return false;
}

enum err
addr_canon(const struct addr *a, struct addr *out)
{
	struct addr c = { .is_literal = a->is_literal };
	struct slice domain = SLICE_NONE;
	enum err e;

	if (a->local_n > 0 && (e = canon_local(a, &c)) != ERR_OK)
		return e;
	if (a->domain_n > 0 && (e = addr_canon_domain(addr_domain(a), c.domain, &domain)) != ERR_OK)
		return e;
	c.domain_n = (unsigned char)domain.n;
	c.is_utf8 = has_high(addr_local(&c));
	if (text_bytes(&c) > ADDR_TEXT_MAX)
		return ERR_LIMIT;
	*out = c;
	return ERR_OK;
}

enum err
addr_canon_text(struct slice s, char dst[ADDR_TEXT_MAX + 1], struct slice *out)
{
	struct addr a;
	enum err e;

	if ((e = addr_parse(s, ADDR_UTF8 | ADDR_NULL_OK | ADDR_POSTMASTER_OK, &a)) != ERR_OK ||
	    (e = addr_canon(&a, &a)) != ERR_OK)
		return e;
	*out = addr_text(&a, dst);
	return ERR_OK;
}

bool
addr_domain_eq(struct slice a, struct slice b)
{
	char ca[ADDR_DOMAIN_MAX + 1], cb[ADDR_DOMAIN_MAX + 1];
	struct slice sa, sb;

	return addr_canon_domain(a, ca, &sa) == ERR_OK && addr_canon_domain(b, cb, &sb) == ERR_OK &&
	    slice_eq(sa, sb);
}

void
addr_split(const struct addr *a, const char *delimiters, struct slice *base, struct slice *ext)
{
	*base = addr_local(a);
	*ext = SLICE_NONE;
	for (size_t i = 1; i < a->local_n; i++) {
		if (a->local[i] == '\0' || strchr(delimiters, a->local[i]) == NULL)
			continue;
		*ext = slice_from(*base, i + 1);
		*base = slice_head(*base, i);
		return;
	}
}

void
addr_strip(const struct addr *a, const char *delimiters, struct addr *out)
{
	struct addr c = *a;
	struct slice base, ext;

	addr_split(a, delimiters, &base, &ext);
	c.local_n = (unsigned char)base.n;
	memset(c.local + base.n, 0, sizeof(c.local) - base.n);
	c.is_utf8 = has_high(base) || has_high(addr_domain(&c));
	*out = c;
}
