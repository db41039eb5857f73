/* SPDX-License-Identifier: ISC */
#include "lib/smtp/smtp_reply_parser.h"

#include <string.h>

void
smtp_reply_parser_init(struct smtp_reply_parser *p)
{
	memset(p, 0, sizeof(*p));
	buf_init(&p->line, SMTP_REPLY_LINE_MAX);
}

void
smtp_reply_parser_fini(struct smtp_reply_parser *p)
{
	buf_fini(&p->line);
}

bool
smtp_reply_parser_is_inside(const struct smtp_reply_parser *p)
{
	return !p->is_done && p->total_bytes > 0;
}

static enum smtp_reply_event
bad(struct smtp_reply_parser *p, const char *why)
{
	p->bad = why;
	return SMTP_REPLY_BAD;
}

/* ---- the pieces of a line ---- */

/* RFC 2034 s4: class "." subject "." detail; the length, 0 when there is none. */
static size_t
dsn_length(struct slice s)
{
	size_t at = 1, digits;

	if (s.n < 5 || (s.p[0] != '2' && s.p[0] != '4' && s.p[0] != '5'))
		return 0;
	for (int part = 0; part < 2; part++) {
		if (at >= s.n || s.p[at] != '.')
			return 0;
		for (digits = 0, at++; at < s.n && ascii_is_digit(s.p[at]); at++)
			digits++;
		if (digits < 1 || digits > 3)
			return 0;
	}
	return at == s.n || s.p[at] == ' ' ? at : 0;
}

static void
put_reply(struct smtp_reply_parser *p, struct slice s)
{
	for (size_t i = 0; i < s.n && p->reply_n < SMTP_RESULT_REPLY_MAX; i++)
		p->reply[p->reply_n++] = ascii_is_print(s.p[i]) ? s.p[i] : '?';
	p->reply[p->reply_n] = '\0';
}

/* All lines become one; a status code that each line repeats stands once. */
static void
take_text(struct smtp_reply_parser *p, struct slice line)
{
	struct slice text = slice_trim(p->text);
	size_t n = dsn_length(text);

	if (p->line_count == 1) {
		put_reply(p, slice_head(line, 3));
		if (n > 0 && text.p[0] == line.p[0])
			memcpy(p->dsn, text.p, n);
	} else if (n > 0 && slice_eq_str(slice_head(text, n), p->dsn)) {
		text = slice_trim(slice_from(text, n));
	}
	if (text.n > 0) {
		put_reply(p, SLICE_LIT(" "));
		put_reply(p, text);
	}
}

static enum smtp_reply_event
take_line(struct smtp_reply_parser *p, struct slice line)
{
	unsigned code;
	char sep;

	if (line.n > 0 && line.p[line.n - 1] == '\r')
		line.n--;
	/* RFC 5321 s4.2: the first digit is 2 to 5.  s4.2.1: a code alone is a reply. */
	if (line.n < 3 || line.p[0] < '2' || line.p[0] > '5' || !ascii_is_digit(line.p[1]) ||
	    !ascii_is_digit(line.p[2]))
		return bad(p, "no reply code");
	sep = line.n > 3 ? line.p[3] : ' ';
	if (sep != ' ' && sep != '-')
		return bad(p, "no reply code");
	code = (unsigned)(line.p[0] - '0') * 100 + (unsigned)(line.p[1] - '0') * 10 +
	    (unsigned)(line.p[2] - '0');
	if (p->line_count > 0 && code != p->code)
		return bad(p, "reply code changes between lines");
	p->code = code;
	p->line_count++;
	p->text = slice_from(line, 4);
	take_text(p, line);
	return sep == '-' ? SMTP_REPLY_LINE : SMTP_REPLY_END;
}

/* ---- input ---- */

static void
begin(struct smtp_reply_parser *p)
{
	buf_release(&p->line);
	p->is_cut = false;
	if (!p->is_done)
		return;
	p->is_done = false;
	p->code = 0;
	p->line_count = 0;
	p->total_bytes = 0;
	p->dsn[0] = '\0';
	memset(p->dsn, 0, sizeof(p->dsn));
	p->reply_n = 0;
	p->reply[0] = '\0';
}

static void
keep(struct smtp_reply_parser *p, struct slice part)
{
	size_t room = SMTP_REPLY_LINE_MAX - p->line.n;

	p->is_cut = p->is_cut || part.n > room;
	buf_put_slice(&p->line, slice_head(part, room));
}

enum smtp_reply_event
smtp_reply_parser_feed(struct smtp_reply_parser *p, struct slice *in)
{
	size_t room, lf, nul;
	enum smtp_reply_event event;
	struct slice part;

	if (p->bad != NULL)
		return SMTP_REPLY_BAD;
	if (in->n == 0)
		return SMTP_REPLY_MORE;
	/* What the last event showed is the owner's no longer. */
	if (p->text.p != NULL)
		begin(p);
	p->text = SLICE_NONE;
	room = SMTP_REPLY_BYTES_MAX - p->total_bytes;
	lf = slice_find(*in, '\n');
	part = slice_head(*in, lf < in->n ? lf + 1 : lf);
	nul = slice_find(part, '\0');
	if (nul < part.n && nul < room)
		return bad(p, "NUL in a reply");
	if (part.n > room)
		return bad(p, "reply too long");
	p->total_bytes += part.n;
	*in = slice_from(*in, part.n);
	if (lf >= part.n) {
		keep(p, part);
		return SMTP_REPLY_MORE;
	}
	part.n = lf;
	if (p->line.n > 0 || part.n > SMTP_REPLY_LINE_MAX) {
		keep(p, part);
		part = buf_slice(&p->line);
	}
	event = take_line(p, part);
	p->is_done = event == SMTP_REPLY_END;
	return event;
}
