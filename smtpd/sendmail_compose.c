/* SPDX-License-Identifier: ISC */
#include "smtpd/sendmail_compose.h"

#include <string.h>

#include "lib/base/cc.h"
#include "lib/base/clock.h"
#include "lib/mail/addr.h"
#include "lib/mail/hdr_addr.h"

struct composing {
	const struct sendmail_wish *wish;
	struct slice	 domain;
	struct buf	*text;
	struct buf	*rcpts;
	uint32_t	 rcpt_count;
	struct buf	 plain;		/* recipient fields, one a line */
	struct buf	 resent;
	bool		 has_from, has_date, has_rcpt_field;
	bool		 is_resent;
	struct slice	*wrong;
};

/* ---- addresses ---- */

/* The wire form of a mailbox, completed. */
static enum err
mailbox_text(const struct composing *c, const struct hdr_addr *h, char dst[ADDR_TEXT_MAX + 1],
    struct slice *out)
{
	struct slice domain = h->domain.n > 0 ? h->domain : c->domain;
	struct addr a = { 0 }, check;

	if (h->local.n == 0 || h->local.n > ADDR_LOCAL_MAX || domain.n == 0 ||
	    domain.n > ADDR_DOMAIN_MAX)
		return ERR_SYNTAX;
	memcpy(a.local, h->local.p, h->local.n);
	memcpy(a.domain, domain.p, domain.n);
	a.local_n = (unsigned char)h->local.n;
	a.domain_n = (unsigned char)domain.n;
	*out = addr_text(&a, dst);
	return addr_parse(*out, ADDR_UTF8, &check);
}

/* Every address of a list to out, NUL-terminated each. */
static enum err
put_list(struct composing *c, struct slice list, struct buf *out, uint32_t *count)
{
	char mem[ADDR_TEXT_MAX + 1];
	struct hdr_addr_iter it;
	struct hdr_addr h;
	struct slice text;
	enum err e = ERR_OK;

	hdr_addr_init(&it, list);
	while (e == ERR_OK && hdr_addr_next(&it, &h)) {
		if (h.kind != HDR_ADDR_MAILBOX)
			continue;
		if (++*count > SENDMAIL_RCPTS_MAX) {
			e = ERR_LIMIT;
			break;
		}
		e = mailbox_text(c, &h, mem, &text);
		if (e != ERR_OK)
			break;
		buf_put_slice(out, text);
		buf_put_char(out, '\0');
	}
	hdr_addr_fini(&it);
	if (e != ERR_OK && c->wrong != NULL)
		*c->wrong = list;
	return e;
}

static enum err
put_lists(struct composing *c, struct slice lists, char end)
{
	struct slice one;
	enum err e = ERR_OK;

	while (e == ERR_OK && lists.n > 0) {
		lists = slice_cut(lists, end, &one);
		e = put_list(c, one, c->rcpts, &c->rcpt_count);
	}
	return e;
}

static enum err
put_sender(struct composing *c, struct buf *sender)
{
	const struct sendmail_wish *w = c->wish;
	uint32_t count = 0;
	enum err e;

	if (w->has_sender && (w->sender.n == 0 || slice_eq_str(w->sender, "<>")))
		return ERR_OK;
	e = put_list(c, w->has_sender ? w->sender : w->login, sender, &count);
	if (e != ERR_OK || count != 1)
		return ERR_SYNTAX;
	buf_truncate(sender, sender->n - 1);
	return ERR_OK;
}

/* ---- the header ---- */

static void
put_line(struct buf *b, struct slice line)
{
	buf_put_slice(b, line);
	buf_put_str(b, "\r\n");
}

/* RFC 5322 s3.2.3: plain words stand as they are. */
static void
put_phrase(struct buf *b, struct slice s)
{
	bool is_plain = true;

	for (size_t i = 0; i < s.n; i++)
		is_plain &= ascii_is_alnum(s.p[i]) || s.p[i] == ' ' || s.p[i] == '-' ||
		    (unsigned char)s.p[i] >= 0x80;
	if (!is_plain)
		buf_put_char(b, '"');
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '"' || s.p[i] == '\\')
			buf_put_char(b, '\\');
		if ((unsigned char)s.p[i] >= ' ' && s.p[i] != 0x7f)
			buf_put_char(b, s.p[i]);
	}
	if (!is_plain)
		buf_put_char(b, '"');
}

static void
put_missing(struct composing *c, struct slice sender)
{
	struct buf *b = c->text;

	if (!c->has_from) {
		buf_put_str(b, "From: ");
		if (c->wish->name.n > 0) {
			put_phrase(b, c->wish->name);
			buf_put_char(b, ' ');
		}
		if (sender.n > 0)
			buf_printf(b, "<%.*s>\r\n", SLICE_FMT(sender));
		else
			buf_printf(b, "<%.*s@%.*s>\r\n", SLICE_FMT(c->wish->login),
			    SLICE_FMT(c->domain));
	}
	/* RFC 5322 s3.6.3: no recipient field is legal, but many refuse it. */
	if (!c->has_rcpt_field)
		buf_put_str(b, "To: undisclosed-recipients:;\r\n");
	if (!c->has_date && c->wish->date_s > 0) {
		buf_put_str(b, "Date: ");
		clock_put_rfc5322(b, c->wish->date_s);
		buf_put_str(b, "\r\n");
	}
}

enum { FIELD_DROP = 1, FIELD_RCPT = 2, FIELD_RESENT = 4, FIELD_FROM = 8, FIELD_DATE = 16,
	FIELD_SHOWS = 32 };

static const struct {
	const char	*name;
	unsigned	 what;
} fields[] = {
	{ "To", FIELD_RCPT | FIELD_SHOWS }, { "Cc", FIELD_RCPT | FIELD_SHOWS },
	{ "Bcc", FIELD_RCPT | FIELD_DROP }, { "From", FIELD_FROM }, { "Date", FIELD_DATE },
	{ "Resent-To", FIELD_RCPT | FIELD_RESENT | FIELD_SHOWS },
	{ "Resent-Cc", FIELD_RCPT | FIELD_RESENT | FIELD_SHOWS },
	{ "Resent-Bcc", FIELD_RCPT | FIELD_RESENT | FIELD_DROP },
	{ "Resent-From", FIELD_RESENT }, { "Resent-Date", FIELD_RESENT },
	{ "Return-Path", FIELD_DROP }, { "Content-Length", FIELD_DROP },
};

/* What the field is; 0 for any other. */
static unsigned
field_of(struct slice name)
{
	for (size_t i = 0; i < lengthof(fields); i++)
		if (slice_ieq_str(name, fields[i].name))
			return fields[i].what;
	return 0;
}

static bool
is_wsp(char ch)
{
	return ch == ' ' || ch == '\t';
}

/* The field name of a line, white space before the colon cut; empty: none. */
static struct slice
name_of(struct slice line, size_t *value_at)
{
	size_t n = 0, end;

	while (n < line.n && line.p[n] > ' ' && line.p[n] < 0x7f && line.p[n] != ':')
		n++;
	for (end = n; end < line.n && is_wsp(line.p[end]); end++)
		;
	*value_at = end + 1;
	return n > 0 && end < line.n && line.p[end] == ':' ? slice_head(line, n) : SLICE_NONE;
}

static void
take_line(struct composing *c, struct slice line, size_t value_at, unsigned what)
{
	struct buf *lists = what & FIELD_RESENT ? &c->resent : &c->plain;

	if (what & FIELD_RCPT) {
		/* A continued field is one list. */
		if (value_at == 0 && lists->n > 0)
			buf_truncate(lists, lists->n - 1);
		buf_put_slice(lists, slice_from(line, value_at));
		buf_put_char(lists, '\n');
	}
	if (!(what & FIELD_DROP))
		put_line(c->text, line);
}

static void
note_field(struct composing *c, unsigned what)
{
	c->is_resent |= (what & FIELD_RESENT) != 0;
	c->has_from |= (what & FIELD_FROM) != 0;
	c->has_date |= (what & FIELD_DATE) != 0;
	c->has_rcpt_field |= (what & FIELD_SHOWS) != 0;
}

/* ---- lines ---- */

/* The next line without its end, CRLF, LF or CR alone; false at the end. */
static bool
next_line(const struct composing *c, struct slice *rest, struct slice *line)
{
	size_t n = 0;

	if (rest->n == 0)
		return false;
	while (n < rest->n && rest->p[n] != '\n' && rest->p[n] != '\r')
		n++;
	*line = slice_head(*rest, n);
	n += n + 1 < rest->n && rest->p[n] == '\r' && rest->p[n + 1] == '\n';
	*rest = slice_from(*rest, n + 1);
	return c->wish->ignores_dots || !slice_eq_str(*line, ".");
}

/* Up to the empty line, which is taken; else *body begins with *line. */
static bool
put_header(struct composing *c, struct slice *rest, struct slice *line)
{
	unsigned what = 0;
	bool is_first = true, has_field = false;
	struct slice name;
	size_t value_at;

	while (next_line(c, rest, line)) {
		if (is_first && slice_starts(*line, "From ")) {
			is_first = false;
			continue;
		}
		is_first = false;
		if (line->n == 0)
			return false;
		if (has_field && is_wsp(line->p[0])) {
			take_line(c, *line, 0, what);
			continue;
		}
		name = name_of(*line, &value_at);
		if (name.n == 0)
			return true;
		has_field = true;
		what = field_of(name);
		note_field(c, what);
		take_line(c, *line, value_at, what);
	}
	*rest = SLICE_NONE;
	return false;
}

enum err
sendmail_compose(const struct sendmail_wish *w, struct slice raw, struct slice domain,
    struct buf *text, struct buf *rcpts, struct buf *sender, struct slice *wrong)
{
	struct composing c = { .wish = w, .domain = domain, .text = text, .rcpts = rcpts,
	    .wrong = wrong };
	struct slice line = SLICE_NONE;
	bool has_line;
	enum err e;

	*wrong = w->has_sender ? w->sender : w->login;
	buf_init(&c.plain, SENDMAIL_RCPTS_BYTES);
	buf_init(&c.resent, SENDMAIL_RCPTS_BYTES);
	e = put_sender(&c, sender);
	if (e == ERR_OK) {
		has_line = put_header(&c, &raw, &line);
		put_missing(&c, buf_slice(sender));
		buf_put_str(text, "\r\n");
		if (has_line)
			put_line(text, line);
		while (next_line(&c, &raw, &line))
			put_line(text, line);
		e = put_lists(&c, w->rcpts, '\0');
	}
	if (e == ERR_OK && w->reads_rcpts) {
		e = put_lists(&c, buf_slice(c.is_resent ? &c.resent : &c.plain), '\n');
		if (e == ERR_SYNTAX)	/* their memory goes now */
			*wrong = SLICE_LIT("a recipient field");
	}
	if (e == ERR_OK && (buf_err(&c.plain) != ERR_OK || buf_err(&c.resent) != ERR_OK))
		e = ERR_LIMIT;
	buf_fini(&c.plain);
	buf_fini(&c.resent);
	if (e == ERR_OK && c.rcpt_count == 0)
		e = ERR_NOTFOUND;
	if (e == ERR_OK)
		e = buf_err(text) != ERR_OK ? ERR_TOOBIG : buf_err(rcpts);
	return e;
}
