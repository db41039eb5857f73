/* SPDX-License-Identifier: ISC */
#include "imapd/imap_parser.h"

#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/num.h"

void
imap_parser_init(struct imap_parser *p, struct slice text, struct arena *a)
{
	p->p = text.n > 0 ? text.p : "";
	p->end = p->p + text.n;
	p->arena = a;
	p->what = NULL;
	p->utf8_names = p->uid_only = p->took_numbers = false;
	p->saved = SLICE_NONE;
	p->took_saved = false;
	p->owner_count = 0;
}

void
imap_parser_fail(struct imap_parser *p, const char *what)
{
	if (p->what == NULL)
		p->what = what;
	p->p = p->end;
}

bool
imap_parser_ok(const struct imap_parser *p)
{
	return p->what == NULL;
}

bool
imap_parser_end(struct imap_parser *p)
{
	if (p->what == NULL && p->p < p->end)
		imap_parser_fail(p, "Unexpected text at the end of the command");
	return p->what == NULL;
}

bool
imap_parser_at_end(const struct imap_parser *p)
{
	return p->p == p->end;
}

char
imap_parser_peek(const struct imap_parser *p)
{
	return p->p < p->end ? *p->p : '\0';
}

bool
imap_parser_take(struct imap_parser *p, char c)
{
	if (p->p == p->end || *p->p != c)
		return false;
	p->p++;
	return true;
}

bool
imap_parser_take_word(struct imap_parser *p, const char *word)
{
	size_t n = strlen(word);
	struct slice rest = slice_of(p->p, (size_t)(p->end - p->p));

	if (!slice_istarts(rest, word))
		return false;
	p->p += n;
	return true;
}

void
imap_parser_numbers(struct imap_parser *p)
{
	p->took_numbers = true;
	if (p->uid_only)
		imap_parser_fail(p, IMAP_UIDREQUIRED);
}

void
imap_parser_want(struct imap_parser *p, char c)
{
	if (!imap_parser_take(p, c))
		imap_parser_fail(p, c == '(' ? "Expected a parenthesis" :
		    c == ')' ? "Expected a closing parenthesis" : "Syntax error");
}

void
imap_parser_sp(struct imap_parser *p)
{
	if (!imap_parser_take(p, ' '))
		imap_parser_fail(p, "Missing argument");
}

/* RFC 3501 s9: ATOM-CHAR is any CHAR but atom-specials. */
bool
imap_parser_is_atom_char(char c)
{
	return c > 0x20 && c < 0x7f && strchr("(){%*\"\\]", c) == NULL;
}

bool
imap_parser_is_astring_char(char c)
{
	return imap_parser_is_atom_char(c) || c == ']';
}

static bool
is_tag_char(char c)
{
	return imap_parser_is_astring_char(c) && c != '+';
}

static bool
is_item_char(char c)
{
	return imap_parser_is_atom_char(c) && c != '[' && c != '<';
}

/* Mailbox names with wildcards; 8-bit is let through for the name check. */
static bool
is_list_char(char c)
{
	return imap_parser_is_astring_char(c) || c == '%' || c == '*';
}

static bool
is_set_char(char c)
{
	return ascii_is_digit(c) || c == ':' || c == ',' || c == '*';
}

static struct slice
take_run(struct imap_parser *p, bool (*is)(char), const char *what)
{
	const char *start = p->p;

	while (p->p < p->end && is(*p->p))
		p->p++;
	if (p->p == start) {
		imap_parser_fail(p, what);
		return SLICE_NONE;
	}
	return slice_of(start, (size_t)(p->p - start));
}

struct slice
imap_parser_tag(struct imap_parser *p)
{
	struct slice tag = take_run(p, is_tag_char, "Missing tag");

	if (tag.n > IMAP_TAG_MAX) {
		imap_parser_fail(p, "Tag too long");
		return SLICE_NONE;
	}
	return tag;
}

struct slice
imap_parser_atom(struct imap_parser *p)
{
	return take_run(p, imap_parser_is_atom_char, "Expected an atom");
}

struct slice
imap_parser_item(struct imap_parser *p)
{
	return take_run(p, is_item_char, "Expected a data item name");
}

struct slice
imap_parser_set_text(struct imap_parser *p)
{
	return take_run(p, is_set_char, "Expected a sequence set");
}

static struct slice
unescape(struct imap_parser *p, struct slice raw)
{
	char *dst = arena_alloc(p->arena, 1, raw.n + 1);
	size_t n = 0;

	if (dst == NULL) {
		imap_parser_fail(p, "Command too large");
		return SLICE_NONE;
	}
	for (size_t i = 0; i < raw.n; i++) {
		if (raw.p[i] == '\\')
			i++;
		dst[n++] = raw.p[i];
	}
	return slice_of(dst, n);
}

/* quoted: QUOTED-CHAR is any TEXT-CHAR but " and \, which are escaped. */
static struct slice
take_quoted(struct imap_parser *p)
{
	const char *start = ++p->p;
	bool escapes = false;
	struct slice raw;

	for (; p->p < p->end && *p->p != '"'; p->p++) {
		if (*p->p == '\0' || *p->p == '\r' || *p->p == '\n')
			break;
		if (*p->p != '\\')
			continue;
		escapes = true;
		p->p++;
		if (p->p == p->end || (*p->p != '"' && *p->p != '\\'))
			break;
	}
	if (p->p >= p->end || *p->p != '"') {
		imap_parser_fail(p, "Invalid quoted string");
		return SLICE_NONE;
	}
	raw = slice_of(start, (size_t)(p->p - start));
	p->p++;
	/* RFC 9051 s9, RFC 6855 s3: QUOTED-CHAR is UTF-8 then, and nothing else. */
	if (p->utf8_names && !utf8_ok(raw)) {
		imap_parser_fail(p, "Not UTF-8");
		return SLICE_NONE;
	}
	return escapes ? unescape(p, raw) : raw;
}

/* literal: {n} CRLF n bytes; CHAR8 excludes NUL, literal8 does not. */
static struct slice
take_literal(struct imap_parser *p, bool nul_ok)
{
	struct slice rest = slice_of(p->p + 1, (size_t)(p->end - p->p) - 1);
	struct slice data;
	uint64_t n;

	if (num_read_u64(&rest, IMAP_TAG_MAX * 65536u, &n) != ERR_OK)
		goto bad;
	if (rest.n > 0 && rest.p[0] == '+')
		rest = slice_from(rest, 1);
	if (!slice_starts(rest, "}\r\n") || rest.n - 3 < n)
		goto bad;
	data = slice_head(slice_from(rest, 3), (size_t)n);
	if (!nul_ok && slice_find(data, '\0') < data.n)
		goto bad;
	p->p = rest.p + 3 + n;
	return data;
bad:
	imap_parser_fail(p, "Invalid literal");
	return SLICE_NONE;
}

struct slice
imap_parser_literal8(struct imap_parser *p)
{
	imap_parser_want(p, '~');
	if (imap_parser_peek(p) == '{')
		return take_literal(p, true);
	imap_parser_fail(p, "Expected a literal");
	return SLICE_NONE;
}

struct slice
imap_parser_string(struct imap_parser *p)
{
	char c = imap_parser_peek(p);

	if (c == '"')
		return take_quoted(p);
	if (c == '{')
		return take_literal(p, false);
	imap_parser_fail(p, "Expected a string");
	return SLICE_NONE;
}

struct slice
imap_parser_astring(struct imap_parser *p)
{
	char c = imap_parser_peek(p);

	if (c == '"' || c == '{')
		return imap_parser_string(p);
	return take_run(p, imap_parser_is_astring_char, "Expected a string");
}

struct slice
imap_parser_nstring(struct imap_parser *p, bool *is_nil)
{
	char c = imap_parser_peek(p);

	*is_nil = false;
	if (c == '"' || c == '{')
		return imap_parser_string(p);
	if (slice_ieq_str(imap_parser_atom(p), "NIL"))
		*is_nil = true;
	else
		imap_parser_fail(p, "Expected a string or NIL");
	return SLICE_NONE;
}

struct slice
imap_parser_list_mailbox(struct imap_parser *p)
{
	char c = imap_parser_peek(p);

	if (c == '"' || c == '{')
		return imap_parser_string(p);
	return take_run(p, is_list_char, "Expected a mailbox pattern");
}

static uint64_t
take_number(struct imap_parser *p, uint64_t max)
{
	struct slice rest = slice_of(p->p, (size_t)(p->end - p->p));
	uint64_t v;

	if (num_read_u64(&rest, max, &v) != ERR_OK) {
		imap_parser_fail(p, "Expected a number");
		return 0;
	}
	p->p = rest.n > 0 ? rest.p : p->end;
	return v;
}

uint32_t
imap_parser_number(struct imap_parser *p)
{
	return (uint32_t)take_number(p, UINT32_MAX);
}

uint64_t
imap_parser_modseq(struct imap_parser *p)
{
	return take_number(p, INT64_MAX);
}

uint32_t
imap_parser_nz_number(struct imap_parser *p)
{
	uint32_t v = imap_parser_number(p);

	if (v == 0)
		imap_parser_fail(p, "Expected a number above 0");
	return v;
}

/* ---- dates ---- */

static int
take_digits(struct imap_parser *p, unsigned min, unsigned max)
{
	int v = 0;
	unsigned n = 0;

	while (n < max && ascii_is_digit(imap_parser_peek(p))) {
		v = v * 10 + (*p->p++ - '0');
		n++;
	}
	if (n < min)
		imap_parser_fail(p, "Invalid date");
	return v;
}

static int
take_month(struct imap_parser *p)
{
	static const char *const months[12] = { "Jan", "Feb", "Mar", "Apr", "May",
		"Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };

	for (int i = 0; i < 12; i++)
		if (imap_parser_take_word(p, months[i]))
			return i + 1;
	imap_parser_fail(p, "Invalid date");
	return 1;
}

static void
take_day(struct imap_parser *p, struct clock_date *d)
{
	static const int days[12] = { 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	d->day = take_digits(p, 1, 2);
	imap_parser_want(p, '-');
	d->month = take_month(p);
	imap_parser_want(p, '-');
	d->year = take_digits(p, 4, 4);
	if (d->day < 1 || d->day > days[d->month - 1])
		imap_parser_fail(p, "Invalid date");
}

int64_t
imap_parser_date(struct imap_parser *p)
{
	struct clock_date d = { 0 };
	bool quoted = imap_parser_take(p, '"');

	take_day(p, &d);
	if (quoted)
		imap_parser_want(p, '"');
	return imap_parser_ok(p) ? clock_from_date(&d) : 0;
}

int64_t
imap_parser_datetime(struct imap_parser *p)
{
	struct clock_date d = { 0 };
	int64_t zone;
	bool west;

	imap_parser_want(p, '"');
	(void)imap_parser_take(p, ' ');		/* date-day-fixed: SP DIGIT */
	take_day(p, &d);
	imap_parser_want(p, ' ');
	d.hour = take_digits(p, 2, 2);
	imap_parser_want(p, ':');
	d.minute = take_digits(p, 2, 2);
	imap_parser_want(p, ':');
	d.second = take_digits(p, 2, 2);
	imap_parser_want(p, ' ');
	west = imap_parser_take(p, '-');
	if (!west)
		imap_parser_want(p, '+');
	zone = take_digits(p, 2, 2) * 3600;
	zone += take_digits(p, 2, 2) * 60;
	imap_parser_want(p, '"');
	if (d.hour > 23 || d.minute > 59 || d.second > 60)
		imap_parser_fail(p, "Invalid date");
	if (!imap_parser_ok(p))
		return 0;
	return clock_from_date(&d) - (west ? -zone : zone);
}
