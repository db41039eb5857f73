/* SPDX-License-Identifier: ISC */
#include "lib/smtp/smtp_body.h"

#include <string.h>

void
smtp_body_init(struct smtp_body *b, enum smtp_body_form form)
{
	b->form = form;
	b->is_bol = true;
	b->has_cr = false;
}

static size_t
emit(struct buf *out, const char *p, size_t n)
{
	if (out != NULL && n > 0)
		buf_put(out, p, n);
	return n;
}

/*
 * The text between from and to holds no LF.  It is [CRs]text; a line end of
 * its own follows it, or not.  Writes it with every CR made a CRLF.
 */
static size_t
put_bare_crs(struct smtp_body *b, struct buf *out, const char *from, const char *to)
{
	const char *cr;
	size_t n = 0;

	while (from < to) {
		if (b->is_bol && b->form == SMTP_BODY_DATA && *from == '.')
			n += emit(out, ".", 1);
		cr = memchr(from, '\r', (size_t)(to - from));
		if (cr == NULL) {
			b->is_bol = false;
			return n + emit(out, from, (size_t)(to - from));
		}
		n += emit(out, from, (size_t)(cr - from)) + emit(out, "\r\n", 2);
		b->is_bol = true;
		from = cr + 1;
	}
	return n;
}

/* The end of the line that [p, lf) is the rest of. */
static size_t
put_line(struct smtp_body *b, struct buf *out, const char *p, const char *lf)
{
	const char *end = lf > p && lf[-1] == '\r' ? lf - 1 : lf;
	size_t n = put_bare_crs(b, out, p, end);

	b->is_bol = true;
	return n + emit(out, "\r\n", 2);
}

/* Nothing to change from p on: lines of CRLF without a dot in front. */
static const char *
skip_clean(const struct smtp_body *b, const char *p, const char *end)
{
	const char *lf;

	while (p < end && (b->form != SMTP_BODY_DATA || *p != '.')) {
		lf = memchr(p, '\n', (size_t)(end - p));
		if (lf == NULL || lf == p || lf[-1] != '\r' ||
		    memchr(p, '\r', (size_t)(lf - p)) != lf - 1)
			break;
		p = lf + 1;
	}
	return p;
}

size_t
smtp_body_put(struct smtp_body *b, struct buf *out, struct slice in)
{
	const char *p = in.p, *end, *lf, *clean;
	size_t n = 0;

	if (in.n == 0)
		return 0;
	end = in.p + in.n;
	if (b->form == SMTP_BODY_BINARY)
		return emit(out, in.p, in.n);
	if (b->has_cr) {
		b->has_cr = false;
		b->is_bol = true;
		n += emit(out, "\r\n", 2);
		if (*p == '\n')
			p++;
	}
	while (p < end) {
		if (b->is_bol) {
			clean = skip_clean(b, p, end);
			n += emit(out, p, (size_t)(clean - p));
			p = clean;
			if (p == end)
				break;
		}
		lf = memchr(p, '\n', (size_t)(end - p));
		if (lf == NULL) {
			b->has_cr = end[-1] == '\r';
			n += put_bare_crs(b, out, p, b->has_cr ? end - 1 : end);
			break;
		}
		n += put_line(b, out, p, lf);
		p = lf + 1;
	}
	return n;
}

size_t
smtp_body_end(struct smtp_body *b, struct buf *out)
{
	size_t n = 0;

	if (b->has_cr || (!b->is_bol && b->form != SMTP_BODY_BINARY))
		n += emit(out, "\r\n", 2);
	b->has_cr = false;
	b->is_bol = true;
	/* RFC 5321 s4.1.1.4 */
	if (b->form == SMTP_BODY_DATA)
		n += emit(out, ".\r\n", 3);
	return n;
}
