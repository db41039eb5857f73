/* SPDX-License-Identifier: ISC */
/*
 * From the bottom: bytes become lines, lines logical lines, those a key and a
 * value (split), which are then checked and brought into their form.
 */
#include "queue/gwmap_source.h"

#include <stdio.h>
#include <string.h>

#include "lib/mail/addr.h"
#include "queue/queue_lookup.h"
#include "queue/queue_map_file.h"

/* Completes a local part while it is checked. */
#define SOME_DOMAIN	"x.invalid"

void
gwmap_source_init(struct gwmap_source *s)
{
	memset(s, 0, sizeof(*s));
	buf_init(&s->physical, GWMAP_LINE_MAX);
	buf_init(&s->logical, GWMAP_LINE_MAX);
	buf_init(&s->key, GWMAP_LINE_MAX);
	buf_init(&s->value, GWMAP_LINE_MAX);
}

void
gwmap_source_fini(struct gwmap_source *s)
{
	buf_fini(&s->physical);
	buf_fini(&s->logical);
	buf_fini(&s->key);
	buf_fini(&s->value);
}

static enum err
fault(struct gwmap_source *s, enum err e, unsigned line, const char *text)
{
	s->error = e;
	s->fault_line = line;
	(void)snprintf(s->fault, sizeof(s->fault), "%s", text);
	return e;
}

/* ---- keys ---- */

static enum err
put_domain_key(struct buf *b, struct slice domain)
{
	char text[ADDR_DOMAIN_MAX + 1];
	enum err e = addr_canon_domain(domain, text, &domain);

	buf_put_char(b, '@');
	buf_put_slice(b, domain);
	return e;
}

static enum err
put_local_key(struct buf *b, struct slice local)
{
	char written[ADDR_TEXT_MAX + 1], text[ADDR_TEXT_MAX + 1];
	struct slice out;
	int n = snprintf(written, sizeof(written), "%.*s@" SOME_DOMAIN, SLICE_FMT(local));
	enum err e = ERR_LIMIT;

	if (n < (int)sizeof(written))
		e = addr_canon_text(slice_of(written, (size_t)n), text, &out);
	if (e == ERR_OK)
		buf_put_slice(b, slice_head(out, slice_rfind(out, '@')));
	return e;
}

static enum err
put_address_key(struct buf *b, struct slice address)
{
	char text[ADDR_TEXT_MAX + 1];
	enum err e = addr_canon_text(address, text, &address);

	if (e == ERR_OK)
		buf_put_slice(b, address);
	return e;
}

static enum err
put_mail_key(struct buf *b, struct slice key)
{
	if (key.n > ADDR_TEXT_MAX)
		return ERR_LIMIT;
	if (key.n > 1 && key.p[0] == '@')
		return put_domain_key(b, slice_from(key, 1));
	if (put_address_key(b, key) == ERR_OK)
		return ERR_OK;
	return put_local_key(b, key);
}

enum err
gwmap_source_key(struct buf *b, struct slice key, bool keeps_case)
{
	size_t i;

	buf_reset(b);
	if (keeps_case)
		buf_put_slice(b, key);
	else if (put_mail_key(b, key) != ERR_OK) {
		buf_reset(b);
		for (i = 0; i < key.n; i++)
			buf_put_char(b, ascii_lower(key.p[i]));
	}
	return buf_err(b) == ERR_OK && b->n <= QUEUE_MAP_KEY_MAX ? ERR_OK : ERR_LIMIT;
}

/* ---- values ---- */

static const char *
forbidden(struct slice one)
{
	struct slice bare = one.n > 0 && one.p[0] == '"' ? slice_from(one, 1) : one;

	if (slice_istarts(bare, ":include:"))
		return "lists of other files (:include:) are not read";
	if (slice_starts(bare, "|"))
		return "commands (|) are not run";
	if (slice_starts(bare, "/"))
		return "files (/) are not written";
	return NULL;
}

static enum err
put_list(struct gwmap_source *s, struct slice list)
{
	static const struct addr rcpt = { .local_n = 1, .domain_n = sizeof(SOME_DOMAIN) - 1,
	    .local = "x", .domain = SOME_DOMAIN };
	struct addr addr, canon;
	const char *why;
	struct slice one;
	char text[GWMAP_FAULT_MAX];

	while (queue_lookup_next(&list, &one)) {
		if ((why = forbidden(one)) != NULL)
			return fault(s, ERR_SYNTAX, s->first_line, why);
		if (queue_lookup_target(one, &rcpt, &addr) != ERR_OK ||
		    addr_canon(&addr, &canon) != ERR_OK) {
			(void)snprintf(text, sizeof(text), "%.*s: not a mail address",
			    SLICE_FMT(slice_head(one, 100)));
			return fault(s, ERR_SYNTAX, s->first_line, text);
		}
		if (s->value.n > 0)
			buf_put_str(&s->value, ", ");
		buf_put_slice(&s->value, one);
	}
	return s->value.n > 0 ? ERR_OK :
	    fault(s, ERR_SYNTAX, s->first_line, "no value");
}

/* ---- a logical line ---- */

/* Where an unquoted byte of the set is; n when there is none. */
static size_t
find_unquoted(struct slice s, const char *set)
{
	bool is_quoted = false;
	size_t i;

	for (i = 0; i < s.n; i++) {
		if (s.p[i] == '"')
			is_quoted = !is_quoted;
		else if (s.p[i] == '\\' && is_quoted && i + 1 < s.n)
			i++;
		else if (!is_quoted && strchr(set, s.p[i]) != NULL)
			return i;
	}
	return s.n;
}

static enum err
split(struct gwmap_source *s, struct slice line, struct slice *key, struct slice *value)
{
	size_t at = find_unquoted(line, s->is_aliases ? ":" : " \t");

	*key = slice_trim(slice_head(line, at));
	*value = slice_trim(slice_from(line, at + 1));
	if (s->is_aliases && at == line.n)
		return fault(s, ERR_SYNTAX, s->first_line, "no colon behind the name");
	if (!s->is_aliases && slice_ends(*key, ":"))
		return fault(s, ERR_SYNTAX, s->first_line,
		    "a line of aliases(5): option -a reads these");
	if (key->n == 0 || value->n == 0)
		return fault(s, ERR_SYNTAX, s->first_line, "not a key and a value");
	return ERR_OK;
}

static enum err
check_key(struct gwmap_source *s, struct slice key)
{
	bool is_mail = s->is_aliases || s->has_lists;

	if (is_mail && !s->keeps_case) {
		buf_reset(&s->key);
		if (put_mail_key(&s->key, key) != ERR_OK)
			return fault(s, ERR_SYNTAX, s->first_line,
			    "the name is neither a local part nor a mail address nor @domain");
	}
	if (gwmap_source_key(&s->key, key, s->keeps_case) != ERR_OK)
		return fault(s, ERR_LIMIT, s->first_line, "key too long");
	return ERR_OK;
}

static enum err
end_logical(struct gwmap_source *s)
{
	struct gwmap_row row = { .line = s->first_line };
	struct slice key, value;
	enum err e;

	if (!s->has_logical)
		return ERR_OK;
	s->has_logical = false;
	buf_reset(&s->value);
	if ((e = split(s, buf_slice(&s->logical), &key, &value)) != ERR_OK ||
	    (e = check_key(s, key)) != ERR_OK)
		return e;
	if (s->is_aliases || s->has_lists) {
		if ((e = put_list(s, value)) != ERR_OK)
			return e;
	} else
		buf_put_slice(&s->value, value);
	if (buf_err(&s->value) != ERR_OK || s->value.n > QUEUE_MAP_VALUE_MAX)
		return fault(s, ERR_LIMIT, s->first_line, "value too long");
	row.key = buf_slice(&s->key);
	row.value = buf_slice(&s->value);
	return s->error = s->fn(s->arg, &row);
}

/* ---- lines ---- */

/* Tabs inside of values are spaces; other control bytes are no text. */
static enum err
append(struct gwmap_source *s, struct slice text)
{
	size_t i;

	for (i = 0; i < text.n; i++) {
		unsigned char c = (unsigned char)text.p[i];

		if (c == '\t')
			c = ' ';
		if (c < 0x20 || c == 0x7f)
			return fault(s, ERR_SYNTAX, s->line, "control byte");
		buf_put_char(&s->logical, (char)c);
	}
	return buf_err(&s->logical) == ERR_OK ? ERR_OK :
	    fault(s, ERR_LIMIT, s->line, "line too long");
}

static enum err
end_physical(struct gwmap_source *s)
{
	struct slice line = buf_slice(&s->physical), text = slice_trim(line);
	bool goes_on = line.n > 0 && (line.p[0] == ' ' || line.p[0] == '\t');
	enum err e = ERR_OK;

	if (++s->line > GWMAP_LINES_MAX)
		return fault(s, ERR_LIMIT, s->line, "too many lines");
	if (text.n > 0 && text.p[0] != '#') {
		if (goes_on && !s->has_logical)
			return fault(s, ERR_SYNTAX, s->line,
			    "begins with white space, but continues nothing");
		if (!goes_on) {
			if ((e = end_logical(s)) != ERR_OK)
				return e;
			buf_reset(&s->logical);
			s->has_logical = true;
			s->first_line = s->line;
		} else
			buf_put_char(&s->logical, ' ');
		e = append(s, text);
	}
	buf_reset(&s->physical);
	return e;
}

enum err
gwmap_source_feed(struct gwmap_source *s, struct slice in)
{
	size_t n;

	while (in.n > 0 && s->error == ERR_OK) {
		n = slice_find(in, '\n');
		buf_put_slice(&s->physical, slice_head(in, n));
		if (buf_err(&s->physical) != ERR_OK)
			return fault(s, ERR_LIMIT, s->line + 1, "line too long");
		if (n < in.n && end_physical(s) != ERR_OK)
			break;
		in = slice_from(in, n + 1);
	}
	return s->error;
}

enum err
gwmap_source_end(struct gwmap_source *s)
{
	if (s->error == ERR_OK && s->physical.n > 0 && end_physical(s) != ERR_OK)
		return s->error;
	return s->error == ERR_OK ? end_logical(s) : s->error;
}
