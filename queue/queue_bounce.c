/* SPDX-License-Identifier: ISC */
#include "queue/queue_bounce.h"

#include "lib/base/clock.h"
#include "lib/base/enc.h"

/*
 * RFC 3461 s4.1: NEVER is honoured, and a list without FAILURE; RFC 5321
 * s4.5.5: a null sender is never told.
 */
bool
queue_bounce_is_wanted(const struct queue_envelope *e, const struct queue_rcpt *r)
{
	if (r->status != QUEUE_RCPT_BOUNCED && r->status != QUEUE_RCPT_EXPIRED)
		return false;
	if (r->notified || e->sender.n == 0)
		return false;
	return r->notify == 0 || (r->notify & QUEUE_NOTIFY_FAILURE);
}

static bool
is_ascii(struct slice s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] >= 0x80)
			return false;
	return true;
}

static bool
needs_utf8(const struct queue_bounce *b)
{
	uint32_t i;

	if (!is_ascii(b->env->sender))
		return true;
	for (i = 0; i < b->env->rcpt_count; i++)
		if (!is_ascii(b->env->rcpts[i].address) ||
		    !is_ascii(b->env->rcpts[i].original))
			return true;
	return false;
}

struct slice
queue_bounce_header(struct slice start, size_t max)
{
	struct slice rest = slice_head(start, max), line;
	size_t n = 0, at;

	while (rest.n > 0) {
		at = slice_search(rest, SLICE_LIT("\r\n"));
		if (at == rest.n || at == 0)
			break;		/* cut off, or the end of the header */
		line = slice_head(rest, at + 2);
		rest = slice_from(rest, line.n);
		n += line.n;
	}
	return slice_head(start, n);
}

static void
put_boundary(struct buf *out, const struct queue_bounce *b)
{
	buf_printf(out, "=_%016llx", (unsigned long long)b->random);
}

static void
put_start(struct buf *out, const struct queue_bounce *b)
{
	char id[ENC_ID_BYTES + 1];

	enc_id_str(id, b->id);
	buf_put_str(out, "Date: ");
	clock_put_rfc5322(out, b->now_ms / 1000);
	buf_printf(out, "\r\nFrom: Mail Delivery System <MAILER-DAEMON@%s>\r\nTo: <", b->hostname);
	buf_put_slice(out, b->env->sender);
	buf_printf(out, ">\r\nSubject: Undelivered Mail Returned to Sender\r\n"
	    "Message-ID: <%s@%s>\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"
	    "Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary=\"",
	    id, b->hostname);
	put_boundary(out, b);
	buf_printf(out, "\"\r\nContent-Transfer-Encoding: %s\r\n\r\n",
	    needs_utf8(b) || !is_ascii(b->header) ? "8bit" : "7bit");
	buf_put_str(out, "This is a MIME-encapsulated message.\r\n");
}

static void
put_part(struct buf *out, const struct queue_bounce *b, const char *type)
{
	buf_put_str(out, "\r\n--");
	put_boundary(out, b);
	buf_printf(out, "\r\nContent-Type: %s\r\n", type);
}

static void
put_text(struct buf *out, const struct queue_bounce *b)
{
	const struct queue_rcpt *r;
	uint32_t i, n = 0;

	put_part(out, b, "text/plain; charset=utf-8");
	buf_put_str(out, needs_utf8(b) ? "Content-Transfer-Encoding: 8bit\r\n\r\n" : "\r\n");
	buf_printf(out, "This is the mail system at host %s.\r\n\r\n"
	    "Your message could not be delivered to one or more recipients.\r\n"
	    "Its header is attached.\r\n\r\n", b->hostname);
	for (i = 0; i < b->env->rcpt_count && n < QUEUE_BOUNCE_RCPTS_MAX; i++) {
		r = &b->env->rcpts[i];
		if (!queue_bounce_is_wanted(b->env, r))
			continue;
		n++;
		buf_put_str(out, "<");
		buf_put_slice(out, r->original);
		buf_put_str(out, ">: ");
		buf_put_slice(out, queue_envelope_reason(r));
		buf_put_str(out, "\r\n");
	}
}

/* RFC 3464 s2.3: what was given, what was tried, what came of it. */
static void
put_rcpt(struct buf *out, const struct queue_rcpt *r, bool utf8)
{
	const char *type = utf8 ? "utf-8" : "rfc822";

	buf_put_str(out, "\r\n");
	if (r->orcpt.n > 0 && is_ascii(r->orcpt)) {
		buf_put_str(out, "Original-Recipient: ");
		buf_put_slice(out, r->orcpt);
		buf_put_str(out, "\r\n");
	} else {
		buf_printf(out, "Original-Recipient: %s; ", type);
		buf_put_slice(out, r->original);
		buf_put_str(out, "\r\n");
	}
	buf_printf(out, "Final-Recipient: %s; ", type);
	buf_put_slice(out, r->address);
	buf_put_str(out, "\r\nAction: failed\r\nStatus: ");
	if (r->dsn_n > 0)
		buf_put_slice(out, queue_envelope_dsn(r));
	else
		buf_put_str(out, "5.0.0");
	buf_put_str(out, "\r\n");
	if (r->reason_n > 0) {
		buf_put_str(out, "Diagnostic-Code: x-godwit; ");
		buf_put_slice(out, queue_envelope_reason(r));
		buf_put_str(out, "\r\n");
	}
}

static void
put_status(struct buf *out, const struct queue_bounce *b)
{
	bool utf8 = needs_utf8(b);
	uint32_t i, n = 0;

	if (utf8)
		put_part(out, b, "message/global-delivery-status\r\n"
		    "Content-Transfer-Encoding: 8bit");
	else
		put_part(out, b, "message/delivery-status");
	buf_printf(out, "\r\nReporting-MTA: dns; %s\r\n", b->hostname);
	if (b->env->envid.n > 0) {
		buf_put_str(out, "Original-Envelope-Id: ");
		buf_put_slice(out, b->env->envid);
		buf_put_str(out, "\r\n");
	}
	buf_put_str(out, "Arrival-Date: ");
	clock_put_rfc5322(out, b->env->arrival_ms / 1000);
	buf_put_str(out, "\r\n");
	for (i = 0; i < b->env->rcpt_count && n < QUEUE_BOUNCE_RCPTS_MAX; i++) {
		if (!queue_bounce_is_wanted(b->env, &b->env->rcpts[i]))
			continue;
		n++;
		put_rcpt(out, &b->env->rcpts[i], utf8);
	}
}

void
queue_bounce_put(struct buf *out, const struct queue_bounce *b)
{
	put_start(out, b);
	put_text(out, b);
	put_status(out, b);
	put_part(out, b, is_ascii(b->header) ? "text/rfc822-headers" :
	    "message/global-headers\r\nContent-Transfer-Encoding: 8bit");
	buf_put_str(out, "\r\n");
	buf_put_slice(out, b->header);
	buf_put_str(out, "\r\n--");
	put_boundary(out, b);
	buf_put_str(out, "--\r\n");
}

void
queue_bounce_told(struct queue_envelope *e)
{
	uint32_t i, n = 0;

	for (i = 0; i < e->rcpt_count && n < QUEUE_BOUNCE_RCPTS_MAX; i++) {
		if (!queue_bounce_is_wanted(e, &e->rcpts[i]))
			continue;
		n++;
		e->rcpts[i].notified = true;
	}
}
