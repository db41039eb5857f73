/* SPDX-License-Identifier: ISC */
/*
 * The text is cut from the left: server, path, then the ";NAME=value" pieces,
 * each at most once and in the order of the grammar.
 */
#include "lib/mail/imap_url.h"

#include <string.h>

#include "lib/base/cc.h"
#include "lib/base/clock.h"
#include "lib/base/num.h"

/* ---- characters: RFC 5092 s11 ---- */

static bool
is_uchar(char c)
{
	return ascii_is_alnum(c) || (c != '\0' && strchr("-._~!$'()*+,%", c) != NULL);
}

static bool
is_achar(char c)
{
	return is_uchar(c) || c == '&' || c == '=';
}

static bool
is_bchar(char c)
{
	return is_achar(c) || c == ':' || c == '@' || c == '/';
}

static bool
is_host_char(char c)
{
	return ascii_is_alnum(c) || (c != '\0' && strchr("-._~%", c) != NULL);
}

static struct slice
take_run(struct slice *s, bool (*is)(char))
{
	size_t n = 0;
	struct slice run;

	while (n < s->n && is(s->p[n]))
		n++;
	run = slice_head(*s, n);
	*s = slice_from(*s, n);
	return run;
}

static bool
take_word(struct slice *s, const char *word)
{
	if (!slice_istarts(*s, word))
		return false;
	*s = slice_from(*s, strlen(word));
	return true;
}

static int
hex_value(char c)
{
	return ascii_is_digit(c) ? c - '0' : ascii_lower(c) - 'a' + 10;
}

/* Percent-decoded UTF-8 without NUL. */
static enum err
decode(struct slice s, struct arena *a, struct slice *out)
{
	char *dst;
	size_t n = 0;

	*out = s;
	if (slice_find(s, '%') == s.n)
		return ERR_OK;
	dst = arena_alloc(a, 1, s.n);
	if (dst == NULL)
		return ERR_LIMIT;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] != '%') {
			dst[n++] = s.p[i];
			continue;
		}
		if (i + 2 >= s.n || !ascii_is_xdigit(s.p[i + 1]) || !ascii_is_xdigit(s.p[i + 2]))
			return ERR_SYNTAX;
		dst[n++] = (char)(hex_value(s.p[i + 1]) << 4 | hex_value(s.p[i + 2]));
		i += 2;
	}
	*out = slice_of(dst, n);
	return slice_find(*out, '\0') < n || !utf8_ok(*out) ? ERR_SYNTAX : ERR_OK;
}

/* ---- the server ---- */

/* [user] [";AUTH=" ("*" / type)] "@" */
static enum err
parse_user(struct imap_url *u, struct slice *s, struct arena *a)
{
	struct slice rest = *s, user = take_run(&rest, is_achar), type = SLICE_NONE;
	bool auth = take_word(&rest, ";AUTH=");

	if (auth)
		type = take_run(&rest, is_achar);
	if (rest.n == 0 || *rest.p != '@')
		return auth ? ERR_SYNTAX : ERR_OK;	/* it was the host */
	if (auth ? type.n == 0 : user.n == 0)
		return ERR_SYNTAX;
	u->has_auth = auth;
	*s = slice_from(rest, 1);
	return decode(user, a, &u->user);
}

static enum err
parse_server(struct imap_url *u, struct slice *s, struct arena *a)
{
	enum err e = parse_user(u, s, a);
	uint64_t port = 1;
	size_t close;

	if (e != ERR_OK)
		return e;
	if (s->n > 0 && *s->p == '[') {
		close = slice_find(*s, ']');
		if (close == s->n)
			return ERR_SYNTAX;
		u->host = slice_head(*s, close + 1);
		*s = slice_from(*s, close + 1);
	} else {
		u->host = take_run(s, is_host_char);
	}
	if (take_word(s, ":"))
		e = num_read_u64(s, 65535, &port);
	if (e != ERR_OK || port == 0 || u->host.n == 0 || (s->n > 0 && *s->p != '/'))
		return ERR_SYNTAX;
	return ERR_OK;
}

/* ---- pieces ---- */

static enum err
parse_nz(struct slice *s, uint32_t *out)
{
	uint64_t n = 0;
	enum err e = num_read_u64(s, UINT32_MAX, &n);

	*out = (uint32_t)n;
	return e != ERR_OK || n == 0 ? ERR_SYNTAX : ERR_OK;
}

static enum err
parse_uidvalidity(struct imap_url *u, struct slice *s, struct arena *a)
{
	(void)a;
	return parse_nz(s, &u->uidvalidity);
}

static enum err
parse_uid(struct imap_url *u, struct slice *s, struct arena *a)
{
	(void)a;
	return parse_nz(s, &u->uid);
}

/* The slash before the next piece is a legal character of a section. */
static enum err
parse_section(struct imap_url *u, struct slice *s, struct arena *a)
{
	struct slice text = take_run(s, is_bchar);
	enum err e;

	if (s->n > 0 && slice_ends(text, "/"))
		text.n--;
	e = decode(text, a, &u->section);
	if (e == ERR_OK && (text.n == 0 || ascii_length(u->section) < u->section.n))
		e = ERR_SYNTAX;
	return e;
}

static enum err
parse_partial(struct imap_url *u, struct slice *s, struct arena *a)
{
	uint64_t from;

	(void)a;
	if (num_read_u64(s, UINT32_MAX, &from) != ERR_OK)
		return ERR_SYNTAX;
	u->has_partial = true;
	u->from = (uint32_t)from;
	return take_word(s, ".") ? parse_nz(s, &u->count) : ERR_OK;
}

static bool
take_number(struct slice *s, size_t digits, int *out)
{
	uint32_t n;

	if (s->n < digits || num_parse_u32(slice_head(*s, digits), 9999, &n) != ERR_OK)
		return false;
	*s = slice_from(*s, digits);
	*out = (int)n;
	return true;
}

/* time-offset of RFC 3339 s5.6 */
static bool
take_zone(struct slice *s, int *seconds)
{
	int sign = *s->p == '-' ? -1 : 1, hours, minutes;

	*seconds = 0;
	if (take_word(s, "Z"))
		return true;
	if (!take_word(s, "+") && !take_word(s, "-"))
		return false;
	if (!take_number(s, 2, &hours) || !take_word(s, ":") || !take_number(s, 2, &minutes) ||
	    hours > 23 || minutes > 59)
		return false;
	*seconds = sign * (hours * 3600 + minutes * 60);
	return true;
}

/* date-time of RFC 3339 s5.6 */
static enum err
parse_expire(struct imap_url *u, struct slice *s, struct arena *a)
{
	struct clock_date d = { 0 }, real;
	int zone;

	(void)a;
	if (!take_number(s, 4, &d.year) || !take_word(s, "-") || !take_number(s, 2, &d.month) ||
	    !take_word(s, "-") || !take_number(s, 2, &d.day) || !take_word(s, "T") ||
	    !take_number(s, 2, &d.hour) || !take_word(s, ":") ||
	    !take_number(s, 2, &d.minute) || !take_word(s, ":") ||
	    !take_number(s, 2, &d.second))
		return ERR_SYNTAX;
	if (take_word(s, ".") && take_run(s, ascii_is_digit).n == 0)
		return ERR_SYNTAX;
	if (d.month < 1 || d.month > 12 || d.day < 1 || d.day > 31 || d.hour > 23 ||
	    d.minute > 59 || d.second > 60 || s->n == 0 || !take_zone(s, &zone))
		return ERR_SYNTAX;
	u->expire_s = clock_from_date(&d);
	/* 30 February is no day; a leap second is the next. */
	clock_to_date(u->expire_s - (d.second == 60), &real);
	u->expire_s -= zone;
	u->has_expire = true;
	return real.day == d.day ? ERR_OK : ERR_SYNTAX;
}

static enum err
parse_access(struct imap_url *u, struct slice *s, struct arena *a)
{
	struct slice user;
	enum err e;

	if (take_word(s, "authuser")) {
		u->access = IMAP_URL_AUTHUSER;
		return ERR_OK;
	}
	if (take_word(s, "anonymous")) {
		u->access = IMAP_URL_ANONYMOUS;
		return ERR_OK;
	}
	u->access = take_word(s, "submit+") ? IMAP_URL_SUBMIT :
	    take_word(s, "user+") ? IMAP_URL_USER : IMAP_URL_NO_ACCESS;
	user = take_run(s, is_achar);
	e = decode(user, a, &u->access_user);
	return u->access == IMAP_URL_NO_ACCESS || user.n == 0 ? ERR_SYNTAX : e;
}

/* iua-verifier: ":" mechanism ":" token */
static enum err
parse_verifier(struct imap_url *u, struct slice *s)
{
	struct slice rest = *s;

	if (rest.n == 0)
		return ERR_OK;
	if (!take_word(&rest, ":"))
		return ERR_SYNTAX;
	while (rest.n > 0 && (ascii_is_alnum(*rest.p) || *rest.p == '-' || *rest.p == '.')) {
		u->mechanism = slice_of(s->p + 1, u->mechanism.n + 1);
		rest = slice_from(rest, 1);
	}
	if (u->mechanism.n == 0 || !take_word(&rest, ":"))
		return ERR_SYNTAX;
	u->token = take_run(&rest, ascii_is_xdigit);
	/* RFC 4467 s3: 32*HEXDIG */
	return rest.n > 0 || u->token.n < 32 ? ERR_SYNTAX : ERR_OK;
}

static const struct piece {
	const char	*name;
	enum err	 (*parse)(struct imap_url *, struct slice *, struct arena *);
	bool		 of_message;	/* only behind a UID */
} pieces[] = {
	{ ";UIDVALIDITY=", parse_uidvalidity, false },
	{ ";UID=", parse_uid, false },
	{ ";SECTION=", parse_section, true },
	{ ";PARTIAL=", parse_partial, true },
	{ ";EXPIRE=", parse_expire, true },
	{ ";URLAUTH=", parse_access, true },
};

static enum err
parse_pieces(struct imap_url *u, struct slice *s, struct arena *a)
{
	enum err e;

	for (size_t i = 0; i < lengthof(pieces); i++) {
		struct slice at = *s;

		(void)take_word(&at, "/");
		if (!take_word(&at, pieces[i].name))
			continue;
		/* A section alone names that of the base's message, and there is none. */
		if (pieces[i].of_message && u->uid == 0)
			return ERR_SYNTAX;
		*s = at;
		e = pieces[i].parse(u, s, a);
		if (e != ERR_OK)
			return e;
	}
	return ERR_OK;
}

/* ---- the whole ---- */

/* Up to the first ";"; the slash before it is none of the name. */
static enum err
parse_mailbox(struct imap_url *u, struct slice *s, struct arena *a)
{
	struct slice text = take_run(s, is_bchar);

	if (!u->is_rooted && !u->has_server &&
	    slice_find(slice_head(text, slice_find(text, '/')), ':') <
	    slice_find(text, '/'))
		return ERR_UNSUPPORTED;		/* another scheme */
	if (slice_ends(text, "/"))
		text.n--;
	return decode(text, a, &u->mailbox);
}

enum err
imap_url_parse(struct imap_url *u, struct slice text, struct arena *a)
{
	struct slice s = text;
	enum err e = ERR_OK;

	memset(u, 0, sizeof(*u));
	if (text.n > IMAP_URL_MAX)
		return ERR_LIMIT;
	u->has_scheme = take_word(&s, "imap:");
	u->has_server = take_word(&s, "//");
	if (u->has_scheme && !u->has_server)
		return ERR_SYNTAX;
	if (u->has_server)
		e = parse_server(u, &s, a);
	if (e != ERR_OK)
		return e;
	u->is_rooted = take_word(&s, "/") || u->has_server;
	e = parse_mailbox(u, &s, a);
	if (e == ERR_OK)
		e = parse_pieces(u, &s, a);
	u->rump = slice_head(text, (size_t)(text.n - s.n));
	if (e == ERR_OK && u->access != IMAP_URL_NO_ACCESS)
		return parse_verifier(u, &s);
	if (e == ERR_OK && s.n > 0)
		e = *s.p == '?' ? ERR_UNSUPPORTED : ERR_SYNTAX;
	return e;
}

enum err
imap_url_mailbox(const struct imap_url *u, struct slice base, struct arena *a,
    struct slice *name)
{
	struct slice levels[IMAP_URL_LEVELS_MAX], one, rest, dir;
	size_t count = 0, n = 0, slash = slice_rfind(base, '/');
	char *dst;

	*name = u->is_rooted || u->mailbox.n > 0 ? u->mailbox : base;
	/* RFC 3986 s5.2.3: beside the base, in its directory. */
	dir = u->is_rooted || slash == base.n ? SLICE_NONE : slice_head(base, slash);
	if (u->mailbox.n == 0)
		dir = SLICE_NONE;
	for (int k = 0; k < 2; k++) {
		rest = k == 0 ? dir : *name;
		while (rest.n > 0) {
			rest = slice_cut(rest, '/', &one);
			if (slice_eq_str(one, "..")) {
				count -= count > 0;
			} else if (!slice_eq_str(one, ".")) {
				if (count == IMAP_URL_LEVELS_MAX)
					return ERR_LIMIT;
				levels[count++] = one;
			}
		}
	}
	dst = arena_alloc(a, 1, dir.n + name->n + 2);
	if (dst == NULL)
		return ERR_LIMIT;
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			dst[n++] = '/';
		memcpy(dst + n, levels[i].p, levels[i].n);
		n += levels[i].n;
	}
	*name = slice_of(dst, n);
	return n > 0 ? ERR_OK : ERR_SYNTAX;
}
