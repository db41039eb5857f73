/* SPDX-License-Identifier: ISC */
#include "transfer/mbox_lines.h"

#include "lib/base/cc.h"
#include "lib/base/clock.h"
#include "lib/base/num.h"
#include "lib/mail/hdr.h"

static const char *const months[] = {
	"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
};
static const char *const days[] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };

static int
index_of(const char *const *names, size_t n, struct slice s)
{
	for (size_t i = 0; i < n; i++)
		if (slice_ieq_str(s, names[i]))
			return (int)i;
	return -1;
}

static struct slice
word(struct slice *s)
{
	struct slice w;

	while (s->n > 0 && (s->p[0] == ' ' || s->p[0] == '\t'))
		*s = slice_from(*s, 1);
	w = slice_head(*s, slice_find(*s, ' '));
	*s = slice_from(*s, w.n);
	return w;
}

/* "10:02" or "10:02:10" */
static bool
clock_of(struct slice s, struct clock_date *d)
{
	struct slice h, m;
	uint32_t v[3] = { 0, 0, 0 };

	s = slice_cut(s, ':', &h);
	s = slice_cut(s, ':', &m);
	if (num_parse_u32(h, 23, &v[0]) != ERR_OK || num_parse_u32(m, 59, &v[1]) != ERR_OK ||
	    (s.n > 0 && num_parse_u32(s, 60, &v[2]) != ERR_OK))
		return false;
	d->hour = (int)v[0];
	d->minute = (int)v[1];
	d->second = (int)v[2];
	return true;
}

/* "+0200" moves the time; names of zones are many, and are taken for UTC. */
static int64_t
zone_of(struct slice s)
{
	uint32_t v;

	if (s.n != 5 || (s.p[0] != '+' && s.p[0] != '-') ||
	    num_parse_u32(slice_from(s, 1), 2400, &v) != ERR_OK)
		return 0;
	return (int64_t)(v / 100 * 3600 + v % 100 * 60) * (s.p[0] == '+' ? -1 : 1);
}

/* The year stands behind the time, before or after zones. */
static bool
date_of(struct slice rest, int64_t *unix_s)
{
	struct clock_date d = { .year = 0 };
	int64_t zone = 0;
	struct slice w;
	uint32_t v;
	int month;

	w = word(&rest);
	month = index_of(months, lengthof(months), w);
	if (month < 0 || num_parse_u32(word(&rest), 31, &v) != ERR_OK || v == 0 ||
	    !clock_of(word(&rest), &d))
		return false;
	d.month = month + 1;
	d.day = (int)v;
	for (unsigned i = 0; i < 4; i++) {
		w = word(&rest);
		if (w.n == 4 && num_parse_u32(w, 9999, &v) == ERR_OK && v >= 1970)
			d.year = (int)v;
		else if (zone == 0)
			zone = zone_of(w);
	}
	*unix_s = clock_from_date(&d) + zone;
	return d.year != 0;
}

bool
mbox_is_from(struct slice line, int64_t *unix_s)
{
	struct slice rest;

	if (!slice_starts(line, "From "))
		return false;
	/* A sender may have spaces: the first day of the week is where it ends. */
	for (rest = slice_from(line, 5); rest.n > 0;) {
		struct slice after = rest;

		if (index_of(days, lengthof(days), word(&after)) >= 0 &&
		    date_of(after, unix_s))
			return true;
		rest = after;
	}
	return false;
}

/* ---- reading ---- */

static bool
is_added(struct slice line)
{
	static const char *const names[] = {
		"Status:", "X-Status:", "X-Keywords:", "X-UID:", "X-IMAP:", "X-IMAPbase:",
	};

	for (size_t i = 0; i < lengthof(names); i++)
		if (slice_istarts(line, names[i]))
			return true;
	return false;
}

void
mbox_unquote_init(struct mbox_unquote *q)
{
	*q = (struct mbox_unquote){ .in_header = true };
}

static bool
is_quoted(struct slice line)
{
	size_t i = 0;

	while (i < line.n && line.p[i] == '>')
		i++;
	return i > 0 && slice_starts(slice_from(line, i), "From ");
}

void
mbox_unquote_piece(struct mbox_unquote *q, struct slice piece, bool starts, bool ends,
    struct buf *b)
{
	bool held = q->after_cr && !(ends && piece.n == 0);

	q->after_cr = slice_ends(piece, "\r");
	if (q->after_cr)
		piece.n--;
	q->after_cr = q->after_cr && !ends;
	if (starts) {
		bool folded = piece.n > 0 && (piece.p[0] == ' ' || piece.p[0] == '\t');

		if (piece.n == 0 && ends)
			q->in_header = false;
		q->dropping = q->in_header && (folded ? q->dropping : is_added(piece));
		if (is_quoted(piece))
			piece = slice_from(piece, 1);
	}
	if (q->dropping)
		return;
	if (held)
		buf_put_char(b, '\r');
	buf_put_slice(b, piece);
	if (ends)
		buf_put_str(b, "\r\n");
}

void
mbox_flags(struct slice header, struct mail_flags *f, struct buf *keywords)
{
	struct slice rest, one;
	struct hdr_field field;
	struct hdr_iter it;

	f->bits = 0;
	hdr_iter_init(&it, header);
	while (hdr_next(&it, &field)) {
		if (slice_ieq_str(field.name, "Status"))
			f->bits |= mail_flags_of_mbox(field.value) & MAIL_SEEN;
		else if (slice_ieq_str(field.name, "X-Status"))
			f->bits |= mail_flags_of_mbox(field.value);
		else if (slice_ieq_str(field.name, "X-Keywords"))
			for (rest = field.value; rest.n > 0;) {
				rest = slice_cut(rest, ' ', &one);
				mail_flags_word(&f->bits, keywords, slice_trim(one));
			}
	}
	f->keywords = buf_slice(keywords);
}

/* ---- writing ---- */

void
mbox_quote_begin(struct mbox_quote *q, struct buf *b, int64_t internal_s,
    const struct mail_flags *f)
{
	struct clock_date d;

	*q = (struct mbox_quote){ .last = '\n' };
	clock_to_date(internal_s > 0 ? internal_s : 0, &d);
	buf_printf(b, "From MAILER-DAEMON %s %s %2d %02d:%02d:%02d %04d\n", days[d.weekday],
	    months[d.month - 1], d.day, d.hour, d.minute, d.second, d.year);
	buf_printf(b, "Status: %sO\n", f->bits & MAIL_SEEN ? "R" : "");
	buf_printf(b, "X-Status: %s%s%s%s\n", f->bits & MAIL_ANSWERED ? "A" : "",
	    f->bits & MAIL_FLAGGED ? "F" : "", f->bits & MAIL_DELETED ? "D" : "",
	    f->bits & MAIL_DRAFT ? "T" : "");
	buf_put_str(b, "X-Keywords: ");
	buf_put_slice(b, f->keywords);
	buf_put_char(b, '\n');
}

static const char from[] = "From ";

/* What was held back is no "From ", or is. */
static void
let_go(struct mbox_quote *q, struct buf *b)
{
	if (q->matched == sizeof(from) - 1)
		buf_put_char(b, '>');
	buf_put(b, from, q->matched);
	if (q->matched > 0)
		q->last = from[q->matched - 1];
	q->matched = 0;
	q->in_line = true;
}

static void
put_byte(struct mbox_quote *q, struct buf *b, char c)
{
	if (!q->in_line && c != '\n') {
		if (c == from[q->matched]) {
			if (++q->matched == sizeof(from) - 1)
				let_go(q, b);
			return;
		}
		/* ">" before it may be many: one more of them anywhere is the same. */
		if (c != '>' || q->matched > 0)
			let_go(q, b);
	} else if (q->matched > 0) {
		let_go(q, b);
	}
	buf_put_char(b, c);
	q->last = c;
	if (c == '\n')
		q->in_line = false;
}

void
mbox_quote_put(struct mbox_quote *q, struct buf *b, struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (q->after_cr && s.p[i] != '\n')
			put_byte(q, b, '\r');
		q->after_cr = s.p[i] == '\r';
		if (!q->after_cr)
			put_byte(q, b, s.p[i]);
	}
}

void
mbox_quote_end(struct mbox_quote *q, struct buf *b)
{
	if (q->after_cr)
		put_byte(q, b, '\r');
	q->after_cr = false;
	if (q->matched > 0)
		let_go(q, b);
	if (q->last != '\n')
		buf_put_char(b, '\n');
	buf_put_char(b, '\n');
}
