/* SPDX-License-Identifier: ISC */
#include "delivery/dlv_carrier.h"

#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/enc.h"

#define EMPTY_LINE	4u	/* the end of the last field, and itself */
#define HEAD_MAX	(DLV_CARRIER_TRACE_MAX + 4096u)
#define LINE_BYTES	57u
#define LINE_CHARS	78u	/* with its end */
#define GROUP_LINES	512u	/* encoded at a time */

static const char part_line[] = "--=_cmtp1\r\n";
static const char tail_text[] = "--=_cmtp1--\r\n";

enum { TAIL_BYTES = sizeof(tail_text) - 1 };

void
dlv_carrier_init(struct dlv_carrier *c)
{
	memset(c, 0, sizeof(*c));
	buf_init(&c->head, HEAD_MAX);
}

void
dlv_carrier_fini(struct dlv_carrier *c)
{
	buf_fini(&c->head);
}

/* ---- the head */

/* Nothing of it begins a line. */
static void
put_clean(struct buf *b, struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] >= ' ' && s.p[i] != 0x7f)
			buf_put_char(b, s.p[i]);
}

static void
put_fields(struct buf *b, const struct dlv_carrier_facts *f)
{
	char id[ENC_ID_BYTES + 1];

	enc_id_str(id, f->msg);
	buf_put_str(b, "Date: ");
	clock_put_rfc5322(b, f->arrival_s);
	/* As of all mail that is not opened: lib/seal/seal_mime.c. */
	buf_printf(b, "\r\nFrom: \"...\" <sealed@godwit.invalid>\r\n"
	    "To: undisclosed-recipients:;\r\n"
	    "Subject: [...]\r\n"
	    "Message-ID: <%s.cmtp1@sealed.godwit.invalid>\r\n"
	    "MIME-Version: 1.0\r\n"
	    "Content-Type: multipart/mixed; boundary=\"=_cmtp1\"\r\n\r\n", id);
}

static void
put_text(struct buf *b, const struct dlv_carrier_facts *f)
{
	buf_printf(b, "%sContent-Type: text/plain; charset=utf-8\r\n"
	    "Content-Transfer-Encoding: 8bit\r\n\r\n"
	    "This message came by CMTP 1, sealed to a key of your account, and this\r\n"
	    "server could not open it: the key may be another one now, or the message\r\n"
	    "was damaged before it came.  It is attached as it came.\r\n", part_line);
	if (f->sender.n > 0) {
		buf_put_str(b, "\r\nIt says that it is from <");
		put_clean(b, f->sender);
		buf_put_str(b, ">; nobody has proved it.\r\n");
	}
	buf_printf(b, "%sContent-Type: application/vnd.godwit.cmtp1\r\n"
	    "Content-Disposition: attachment; filename=\"message.cmtp1\"\r\n"
	    "Content-Transfer-Encoding: base64\r\n\r\n", part_line);
}

enum err
dlv_carrier_begin(struct dlv_carrier *c, struct dlv_source *s, const struct dlv_carrier_facts *f)
{
	char first[DLV_CARRIER_TRACE_MAX];
	size_t n = s->bytes < sizeof(first) ? (size_t)s->bytes : sizeof(first), end;
	enum err e = dlv_source_read(s, 0, first, n);

	if (e != ERR_OK)
		return e;
	end = slice_search(slice_of(first, n), SLICE_LIT("\r\n\r\n"));
	if (end + EMPTY_LINE > n)
		return ERR_CORRUPT;
	c->raw_off = end + EMPTY_LINE;
	c->raw_bytes = s->bytes - c->raw_off;
	buf_reset(&c->head);
	buf_put(&c->head, first, end + 2);
	put_fields(&c->head, f);
	put_text(&c->head, f);
	return buf_err(&c->head);
}

/* ---- the whole */

static uint64_t
lines_bytes(uint64_t raw_bytes)
{
	uint64_t rest = raw_bytes % LINE_BYTES;

	return raw_bytes / LINE_BYTES * LINE_CHARS + (rest > 0 ? (rest + 2) / 3 * 4 + 2 : 0);
}

uint64_t
dlv_carrier_bytes(const struct dlv_carrier *c)
{
	return c->head.n + lines_bytes(c->raw_bytes) + TAIL_BYTES;
}

/* Copies what of the text lies behind off; the rest is for the next. */
static void
take(struct slice text, uint64_t *off, char **dst, size_t *n)
{
	size_t k;

	if (*off >= text.n) {
		*off -= text.n;
		return;
	}
	text = slice_head(slice_from(text, (size_t)*off), *n);
	k = text.n;
	if (k > 0)
		memcpy(*dst, text.p, k);
	*dst += k;
	*n -= k;
	*off = 0;
}

/* From a line on, as much as is asked for; off is into that line. */
static enum err
take_lines(const struct dlv_carrier *c, struct dlv_source *s, uint64_t line, uint64_t *off,
    char **dst, size_t *n)
{
	char raw[GROUP_LINES * LINE_BYTES];
	struct buf text;
	enum err e = ERR_OK;

	buf_init(&text, GROUP_LINES * LINE_CHARS);
	for (; *n > 0 && line * LINE_BYTES < c->raw_bytes; line += GROUP_LINES) {
		uint64_t left = c->raw_bytes - line * LINE_BYTES;
		struct slice rest = slice_of(raw, left < sizeof(raw) ? (size_t)left : sizeof(raw));

		e = dlv_source_read(s, c->raw_off + line * LINE_BYTES, raw, rest.n);
		if (e != ERR_OK)
			break;
		buf_reset(&text);
		for (; rest.n > 0; rest = slice_from(rest, slice_head(rest, LINE_BYTES).n)) {
			enc_put_base64(&text, slice_head(rest, LINE_BYTES));
			buf_put_str(&text, "\r\n");
		}
		take(buf_slice(&text), off, dst, n);
	}
	buf_fini(&text);
	return e;
}

enum err
dlv_carrier_read(const struct dlv_carrier *c, struct dlv_source *s, uint64_t off, void *dst,
    size_t n)
{
	uint64_t lines = lines_bytes(c->raw_bytes), line, skip;
	char *p = dst;
	enum err e;

	if (n > dlv_carrier_bytes(c) || off > dlv_carrier_bytes(c) - n)
		return ERR_END;
	take(buf_slice(&c->head), &off, &p, &n);
	if (n == 0)
		return ERR_OK;
	if (off < lines) {
		line = off / LINE_CHARS;
		skip = off % LINE_CHARS;
		if ((e = take_lines(c, s, line, &skip, &p, &n)) != ERR_OK)
			return e;
		off = 0;
	} else {
		off -= lines;
	}
	take(slice_of(tail_text, TAIL_BYTES), &off, &p, &n);
	return n == 0 ? ERR_OK : ERR_CORRUPT;
}
