/* SPDX-License-Identifier: ISC */
#include "smtpd/smtp_message.h"

#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/enc.h"

void
smtp_message_init(struct smtp_message *m, const struct smtp_message_limits *limits,
    bool is_submission, smtp_message_sink *sink, void *arg)
{
	memset(m, 0, sizeof(*m));
	m->limits = *limits;
	m->is_submission = is_submission;
	m->sink = sink;
	m->arg = arg;
	smtp_header_init(&m->header);
	buf_init(&m->line, limits->text_line_bytes + 2);
	buf_init(&m->added, TRACE_MAX);
}

void
smtp_message_fini(struct smtp_message *m)
{
	smtp_header_fini(&m->header);
	buf_fini(&m->line);
	buf_fini(&m->added);
}

void
smtp_message_fail(struct smtp_message *m, enum smtp_reply_id why)
{
	if (m->failed == REPLY_NONE)
		m->failed = why;
}

static void
put_out(struct smtp_message *m, struct slice s)
{
	if (s.n == 0 || m->failed != REPLY_NONE)
		return;
	m->out_bytes += s.n;
	m->sink(m->arg, s);
}

/* RFC 6409 s8.2 and s8.3. */
static void
put_added(struct smtp_message *m, const struct trace *t)
{
	char id[ENC_ID_BYTES + 1];

	enc_id_str(id, t->msg);
	buf_put_str(&m->added, "Date: ");
	clock_put_rfc5322(&m->added, t->real_s);
	buf_put_str(&m->added, "\r\n");
	m->date_bytes = (uint32_t)m->added.n;
	buf_printf(&m->added, "Message-ID: <%s@%.*s>\r\n", id, SLICE_FMT(t->hostname));
}

void
smtp_message_begin(struct smtp_message *m, const struct trace *t)
{
	struct buf b;

	buf_init(&b, TRACE_MAX);
	trace_put_received(&b, t);
	put_out(m, buf_slice(&b));
	buf_fini(&b);
	if (m->is_submission)
		put_added(m, t);
}

/* The header is complete: what a submission lacks goes behind its last field. */
static void
end_header(struct smtp_message *m)
{
	struct slice added = buf_slice(&m->added);
	static const char id_name[] = "Message-ID: ";
	struct slice id;

	m->in_body = true;
	if (!m->is_submission)
		return;
	if (!m->header.has_date)
		put_out(m, slice_head(added, m->date_bytes));
	if (m->header.has_message_id)
		return;
	id = slice_from(added, m->date_bytes);
	put_out(m, id);
	buf_reset(&m->header.message_id);
	buf_put_slice(&m->header.message_id, slice_trim(slice_from(id, sizeof(id_name) - 1)));
}

static void
check_header(struct smtp_message *m)
{
	if (m->header.field_count > m->limits.header_fields)
		smtp_message_fail(m, REPLY_HEADER_FIELDS);
	else if (m->header.bytes > m->limits.header_bytes)
		smtp_message_fail(m, REPLY_HEADER_BYTES);
	/* RFC 5321 s6.3 */
	else if (m->header.received_count > m->limits.received)
		smtp_message_fail(m, REPLY_LOOP);
}

static void
take_header_line(struct smtp_message *m, struct slice line)
{
	switch (smtp_header_take(&m->header, line)) {
	case HEADER_FIELD:
		check_header(m);
		break;
	case HEADER_END:
		end_header(m);
		break;
	case HEADER_BODY:
		/* Without this empty line our fields would swallow the body. */
		end_header(m);
		put_out(m, SLICE_LIT("\r\n"));
		break;
	}
	put_out(m, line);
}

/* One line or a part of it off the front of s. */
static void
put_header(struct smtp_message *m, struct slice *s)
{
	size_t n = slice_find(*s, '\n');
	struct slice part = slice_head(*s, n < s->n ? n + 1 : n);
	bool is_whole = n < s->n;

	*s = slice_from(*s, part.n);
	if (m->line.n + part.n > m->line.max) {
		smtp_message_fail(m, REPLY_LONG_TEXT);
		return;
	}
	if (m->line.n == 0 && is_whole) {
		take_header_line(m, part);
		return;
	}
	buf_put_slice(&m->line, part);
	if (is_whole) {
		take_header_line(m, buf_slice(&m->line));
		buf_release(&m->line);
	}
}

void
smtp_message_put(struct smtp_message *m, struct slice s)
{
	m->text_bytes += s.n;
	if (m->text_bytes > m->limits.message_bytes)
		smtp_message_fail(m, REPLY_TOO_BIG);
	while (s.n > 0 && !m->in_body && m->failed == REPLY_NONE)
		put_header(m, &s);
	put_out(m, s);
}

void
smtp_message_end(struct smtp_message *m)
{
	if (!m->in_body && m->failed == REPLY_NONE)
		end_header(m);
}
