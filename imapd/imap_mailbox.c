/* SPDX-License-Identifier: ISC */
#include "imapd/imap_mailbox.h"

#include <stdlib.h>
#include <string.h>
#include <uninorm.h>

#include "lib/mail/imap_utf7.h"

#define PATTERN_MAX	1024

static enum err
decode(struct slice wire, bool utf8, struct arena *a, struct slice *out)
{
	struct buf b;
	enum err e;

	if (utf8) {
		*out = wire;
		return !utf8_ok(wire) ? ERR_SYNTAX : wire.n > PATTERN_MAX ? ERR_LIMIT : ERR_OK;
	}
	buf_init(&b, PATTERN_MAX);
	e = imap_utf7_decode(wire, &b);
	if (e == ERR_FULL)
		e = ERR_LIMIT;
	if (e == ERR_OK) {
		*out = arena_dup(a, buf_slice(&b));
		if (b.n > 0 && out->p == NULL)
			e = ERR_LIMIT;
	}
	buf_fini(&b);
	return e;
}

static enum err
normalize(struct slice in, struct arena *a, struct slice *out)
{
	uint8_t *p;
	size_t n = 0;

	/* Most names, and composed already. */
	if (ascii_length(in) == in.n) {
		*out = arena_dup(a, in);
		return in.n == 0 || out->p != NULL ? ERR_OK : ERR_LIMIT;
	}
	p = u8_normalize(UNINORM_NFC, (const uint8_t *)in.p, in.n, NULL, &n);

	if (p == NULL)
		return ERR_SYNTAX;
	*out = arena_dup(a, slice_of(p, n));
	free(p);
	return out->p != NULL ? ERR_OK : ERR_LIMIT;
}

enum err
imap_mailbox_pattern(struct slice wire, bool utf8, struct arena *a, struct slice *out)
{
	struct slice decoded;
	enum err e = decode(wire, utf8, a, &decoded);

	return e == ERR_OK ? normalize(decoded, a, out) : e;
}

bool
imap_mailbox_owner(struct slice name, struct slice *address, struct slice *rest)
{
	if (!slice_starts(name, IMAP_OTHERS_PREFIX))
		return false;
	*rest = slice_cut(slice_from(name, strlen(IMAP_OTHERS_PREFIX)), '/', address);
	return slice_find(*address, '@') < address->n;
}

static bool
fits(struct slice name)
{
	struct slice address, rest;

	if (imap_mailbox_owner(name, &address, &rest))
		return address.n <= IMAP_OWNER_MAX && rest.n <= IMAP_MAILBOX_MAX;
	return name.n <= IMAP_MAILBOX_MAX;
}

static enum err
check(struct slice s)
{
	char before = '/';

	if (s.n == 0 || !utf8_ok(s))
		return ERR_SYNTAX;
	if (!fits(s))
		return ERR_LIMIT;
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c < 0x20 || c == 0x7f || c == '%' || c == '*' || (c == '/' && before == '/'))
			return ERR_SYNTAX;
		/* C1 controls: U+0080 to U+009F */
		if (c == 0xc2 && i + 1 < s.n && (unsigned char)s.p[i + 1] < 0xa0)
			return ERR_SYNTAX;
		before = (char)c;
	}
	return before == '/' ? ERR_SYNTAX : ERR_OK;
}

/* RFC 3501 s5.1: INBOX in any case, also as the first level. */
static void
capitalize_inbox(char *p, size_t n)
{
	struct slice first;

	(void)slice_cut(slice_of(p, n), '/', &first);
	if (slice_ieq_str(first, "INBOX"))
		memcpy(p, "INBOX", 5);
}

enum err
imap_mailbox_name(struct slice wire, bool utf8, struct arena *a, struct slice *name)
{
	struct slice decoded, address, rest;
	enum err e = decode(wire, utf8, a, &decoded);
	char *p;

	if (e != ERR_OK)
		return e;
	e = check(decoded);
	if (e == ERR_OK)
		e = normalize(decoded, a, name);
	if (e != ERR_OK)
		return e;
	if (!fits(*name))
		return ERR_LIMIT;
	p = arena_str(a, *name);
	if (p == NULL)
		return ERR_LIMIT;
	name->p = p;
	if (!imap_mailbox_owner(*name, &address, &rest)) {
		capitalize_inbox(p, name->n);
		return ERR_OK;
	}
	for (size_t i = 0; i < name->n - rest.n; i++)
		p[i] = ascii_lower(p[i]);
	capitalize_inbox(p + name->n - rest.n, rest.n);
	return ERR_OK;
}

/* The command is about a mailbox of theirs, too. */
static void
note_owner(struct imap_parser *p, struct slice name)
{
	struct slice address, rest;

	if (!imap_mailbox_owner(name, &address, &rest))
		return;
	for (unsigned i = 0; i < p->owner_count; i++)
		if (slice_eq(p->owners[i], address))
			return;
	if (p->owner_count < IMAP_PARSER_OWNERS)
		p->owners[p->owner_count++] = address;
}

struct slice
imap_mailbox_take(struct imap_parser *p, struct slice wire, enum err *e)
{
	struct slice name = SLICE_NONE;

	if (!imap_parser_ok(p))
		return SLICE_NONE;
	*e = imap_mailbox_name(wire, p->utf8_names, p->arena, &name);
	if (*e != ERR_OK)
		return SLICE_NONE;
	note_owner(p, name);
	return name;
}

struct slice
imap_mailbox_parse(struct imap_parser *p, enum err *e)
{
	return imap_mailbox_take(p, imap_parser_astring(p), e);
}

/* Which first bytes of a name the pattern so far matches. */
struct reach {
	struct slice	 name;
	bool		 inbox;		/* its first level, in any case */
	bool		 at[IMAP_NAME_MAX + 2];
};

static bool
reach_init(struct reach *r, struct slice name)
{
	if (name.n > IMAP_NAME_MAX)
		return false;
	r->name = name;
	r->inbox = name.n >= 5 && memcmp(name.p, "INBOX", 5) == 0 &&
	    (name.n == 5 || name.p[5] == '/');
	memset(r->at, 0, name.n + 1);
	r->at[0] = true;
	return true;
}

/* Where one wildcard takes more and more: linear for any pattern with one. */
static void
reach_take(struct reach *r, char c)
{
	bool wild = c == '*' || c == '%';
	bool before = r->at[0];

	if (!wild)
		r->at[0] = false;
	for (size_t j = 1; j <= r->name.n; j++) {
		bool now = r->at[j];
		char d = r->name.p[j - 1];

		if (wild)
			r->at[j] = now || (r->at[j - 1] && (c == '*' || d != '/'));
		else
			r->at[j] = before && (c == d ||
			    (r->inbox && j <= 5 && ascii_upper(c) == d));
		before = now;
	}
}

bool
imap_mailbox_match(struct slice pattern, struct slice name)
{
	struct reach r;

	if (!reach_init(&r, name))
		return false;
	for (size_t i = 0; i < pattern.n; i++)
		reach_take(&r, pattern.p[i]);
	return r.at[name.n];
}

bool
imap_mailbox_reaches(struct slice pattern, struct slice level)
{
	struct reach r;

	if (!reach_init(&r, level))
		return false;
	for (size_t i = 0; i < pattern.n; i++) {
		char c = pattern.p[i];

		/* Here the level ends, and the pattern goes on below it. */
		if (r.at[level.n] && (c == '/' || c == '*' || c == '%'))
			return true;
		reach_take(&r, c);
		if (r.at[level.n] && c == '*')
			return true;
	}
	return r.at[level.n];
}

void
imap_mailbox_put(const struct imap_session *s, struct buf *b, struct slice name)
{
	struct buf wire;

	buf_init(&wire, 8 * IMAP_NAME_MAX);
	if (imap_session_is(s, IMAP_EN_UTF8_NAMES))
		buf_put_slice(&wire, name);
	else
		imap_utf7_encode(name, &wire);
	buf_put_char(b, '"');
	for (size_t i = 0; i < wire.n; i++) {
		char c = buf_data(&wire)[i];

		if (c == '"' || c == '\\')
			buf_put_char(b, '\\');
		buf_put_char(b, c);
	}
	buf_put_char(b, '"');
	buf_fini(&wire);
}

void
imap_mailbox_put_renamed(const struct imap_session *s, struct buf *b, struct slice name,
    struct slice old)
{
	buf_put_str(b, "* LIST () \"/\" ");
	imap_mailbox_put(s, b, name);
	if (!slice_eq(name, old)) {
		buf_put_str(b, " (\"OLDNAME\" (");
		imap_mailbox_put(s, b, old);
		buf_put_str(b, "))");
	}
	buf_put_str(b, "\r\n");
}
