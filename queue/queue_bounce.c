/* SPDX-License-Identifier: ISC */
#include "queue/queue_bounce.h"

#include "lib/base/clock.h"
#include "lib/base/enc.h"
#include "lib/ipc/queue_proto.h"
#include "lib/mail/mime_put.h"

/* What a kind of notification says. */
struct words {
	const char	*subject;
	const char	*text;
	const char	*action;	/* RFC 3464 s2.3.3 */
	const char	*status;	/* when nothing else is known */
};

static const struct words all_words[] = {
	[QUEUE_NOTICE_FAILURE] = { "Undelivered Mail Returned to Sender",
	    "Your message could not be delivered to one or more recipients.\r\n",
	    "failed", "5.0.0" },
	[QUEUE_NOTICE_DELAY] = { "Delayed Mail, Still Being Tried",
	    "Your message could not be delivered yet to one or more recipients.\r\n"
	    "It is still being tried: you need not send it again.\r\n",
	    "delayed", "4.0.0" },
	[QUEUE_NOTICE_SUCCESS] = { "Mail Delivery Report",
	    "Your message reached the recipients below, or was handed to a host that\r\n"
	    "will not tell you more.\r\n",
	    "delivered", "2.0.0" },
	[QUEUE_NOTICE_BROKEN] = { "Mail Held: a Key Has Changed",
	    "Your message is held.  The key that would protect it on its way to one or more\r\n"
	    "recipients is not the one that was known, and nothing proves that it is theirs:\r\n"
	    "it may be new, or somebody else's.  The message is tried again, goes on when the\r\n"
	    "known key is back or the new one is accepted here, and else comes back to you.\r\n",
	    "delayed", "4.7.5" },
};

/* ---- who is told what ---- */

static bool
wants(const struct queue_rcpt *r, uint8_t which, bool unless_said)
{
	return r->notify == 0 ? unless_said : (r->notify & which) != 0;
}

/*
 * RFC 3461 s4.1: NEVER is honoured, and a list without the event; RFC 5321
 * s4.5.5: a null sender is never told.
 */
bool
queue_bounce_is_wanted(const struct queue_envelope *e, const struct queue_rcpt *r,
    enum queue_notice kind)
{
	if (r->notified || e->sender.n == 0)
		return false;
	switch (kind) {
	case QUEUE_NOTICE_FAILURE:
		return (r->status == QUEUE_RCPT_BOUNCED || r->status == QUEUE_RCPT_EXPIRED) &&
		    wants(r, QUEUE_NOTIFY_FAILURE, true);
	case QUEUE_NOTICE_DELAY:
		return r->status == QUEUE_RCPT_PENDING && !r->told_broken &&
		    wants(r, QUEUE_NOTIFY_DELAY, true);
	case QUEUE_NOTICE_BROKEN:
		return r->status == QUEUE_RCPT_PENDING && r->is_broken && !r->told_broken &&
		    wants(r, QUEUE_NOTIFY_DELAY, true);
	case QUEUE_NOTICE_SUCCESS:
		return r->status == QUEUE_RCPT_SENT && !r->dsn_taken &&
		    wants(r, QUEUE_NOTIFY_SUCCESS, false);
	}
	return false;
}

/*
 * RFC 3461 s4.3: RET is about failures only; lines are needed in a part.  Of
 * what is sealed the trace is all that can be shown.
 */
bool
queue_bounce_wants_full(const struct queue_envelope *e, enum queue_notice kind)
{
	return kind == QUEUE_NOTICE_FAILURE && (e->flags & QUEUE_RET_FULL) &&
	    e->kind == QUEUE_KIND_MAIL && !(e->flags & QUEUE_BINARYMIME) && e->size <= QUEUE_BOUNCE_FULL_MAX;
}

uint32_t
queue_bounce_choose(struct queue_envelope *e, enum queue_notice kind)
{
	uint32_t i, n = 0;

	for (i = 0; i < e->rcpt_count && n < QUEUE_BOUNCE_RCPTS_MAX; i++) {
		e->rcpts[i].in_notice = queue_bounce_is_wanted(e, &e->rcpts[i], kind);
		n += e->rcpts[i].in_notice;
	}
	return n;
}

/* Of a delay they are told once for all: see queue_progress.was_warned. */
void
queue_bounce_told(struct queue_envelope *e, enum queue_notice kind, bool was_told)
{
	uint32_t i;

	for (i = 0; i < e->rcpt_count; i++) {
		if (e->rcpts[i].in_notice && was_told && kind == QUEUE_NOTICE_BROKEN)
			e->rcpts[i].told_broken = true;
		else if (e->rcpts[i].in_notice && was_told && kind != QUEUE_NOTICE_DELAY)
			e->rcpts[i].notified = true;
		e->rcpts[i].in_notice = false;
	}
}

/* ---- what must be said of the bytes ---- */

/* RFC 6533 s3: an address that is not ASCII. */
static bool
has_utf8_address(const struct queue_bounce *b)
{
	const struct queue_rcpt *r;
	uint32_t i;

	if (!mime_is_ascii(b->env->sender))
		return true;
	for (i = 0; i < b->env->rcpt_count; i++) {
		r = &b->env->rcpts[i];
		if (r->in_notice && (!mime_is_ascii(r->address) || !mime_is_ascii(r->original) ||
		    !mime_is_ascii(r->orcpt)))
			return true;
	}
	return false;
}

bool
queue_bounce_is_utf8(const struct queue_bounce *b)
{
	return has_utf8_address(b) || !mime_is_ascii(b->header);
}

bool
queue_bounce_is_8bit(const struct queue_bounce *b)
{
	return queue_bounce_is_utf8(b) || !mime_is_ascii(b->full);
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

/* ---- the words ---- */

static bool
is_relayed(const struct queue_bounce *b, const struct queue_rcpt *r)
{
	return b->kind == QUEUE_NOTICE_SUCCESS && r->class == QUEUE_REMOTE;
}

/* Relayed is what was handed on for all of them. */
static enum dsn_template_kind
words_kind(const struct queue_bounce *b)
{
	uint32_t i;

	if (b->kind == QUEUE_NOTICE_FAILURE)
		return DSN_TEMPLATE_FAILURE;
	if (b->kind == QUEUE_NOTICE_DELAY)
		return DSN_TEMPLATE_DELAY;
	for (i = 0; i < b->env->rcpt_count; i++)
		if (b->env->rcpts[i].in_notice && !is_relayed(b, &b->env->rcpts[i]))
			return DSN_TEMPLATE_SUCCESS;
	return DSN_TEMPLATE_RELAYED;
}

/* NULL: the built-in words. */
static const struct dsn_template *
template_of(const struct queue_bounce *b)
{
	enum dsn_template_kind kind = words_kind(b);
	const struct dsn_template *t;

	if (b->words == NULL || b->kind == QUEUE_NOTICE_BROKEN)
		return NULL;
	t = &b->words->all[kind];
	if (t->text.n == 0 && kind == DSN_TEMPLATE_RELAYED)
		t = &b->words->all[DSN_TEMPLATE_SUCCESS];
	return t->text.n > 0 ? t : NULL;
}

/* ---- the text ---- */

static void
put_line(struct buf *out, const char *name, struct slice value)
{
	buf_put_str(out, name);
	buf_put_slice(out, value);
	buf_put_str(out, "\r\n");
}

static void
put_date(struct buf *out, const char *name, uint64_t real_ms)
{
	buf_put_str(out, name);
	clock_put_rfc5322(out, real_ms / 1000);
	buf_put_str(out, "\r\n");
}

static void
put_boundary(struct buf *out, const struct queue_bounce *b)
{
	buf_printf(out, "=_%016llx", (unsigned long long)b->random);
}

static void
put_start(struct buf *out, const struct queue_bounce *b)
{
	const struct dsn_template *t = template_of(b);
	char id[ENC_ID_BYTES + 1];

	enc_id_str(id, b->id);
	put_date(out, "Date: ", b->now_ms);
	buf_put_str(out, "From: ");
	if (t != NULL && t->from.n > 0)
		dsn_template_put_from(out, t, b->hostname);
	else
		buf_printf(out, "Mail Delivery System <MAILER-DAEMON@%s>", b->hostname);
	buf_put_str(out, "\r\nTo: <");
	buf_put_slice(out, b->env->sender);
	buf_put_str(out, ">\r\nSubject: ");
	mime_put_words(out, t != NULL && t->subject.n > 0 ? t->subject :
	    slice_str(all_words[b->kind].subject));
	buf_printf(out, "\r\nMessage-ID: <%s@%s>\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"
	    "Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary=\"",
	    id, b->hostname);
	put_boundary(out, b);
	buf_printf(out, "\"\r\nContent-Transfer-Encoding: %s\r\n\r\n",
	    queue_bounce_is_8bit(b) ? "8bit" : "7bit");
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
put_reason(struct buf *out, const struct queue_bounce *b, const struct queue_rcpt *r)
{
	if (r->reason.n > 0)
		buf_put_slice(out, queue_envelope_reason(r));
	else
		buf_put_str(out, b->kind == QUEUE_NOTICE_SUCCESS ? "delivered" :
		    "no reason is known");
}

static void
put_reasons(struct buf *out, const struct queue_bounce *b)
{
	const struct queue_rcpt *r;
	uint32_t i;

	for (i = 0; i < b->env->rcpt_count; i++) {
		r = &b->env->rcpts[i];
		if (!r->in_notice)
			continue;
		buf_put_str(out, "<");
		buf_put_slice(out, r->original);
		buf_put_str(out, ">: ");
		put_reason(out, b, r);
		buf_put_str(out, "\r\n");
	}
}

/* RFC 6522 s3: the first part is for people. */
static void
put_text(struct buf *out, const struct queue_bounce *b)
{
	const struct dsn_template *t = template_of(b);
	struct buf text;

	put_part(out, b, "text/plain; charset=utf-8");
	if (t == NULL) {
		buf_put_str(out, has_utf8_address(b) ?
		    "Content-Transfer-Encoding: 8bit\r\n\r\n" : "\r\n");
		buf_printf(out, "This is the mail system at host %s.\r\n\r\n%s%s is attached."
		    "\r\n\r\n", b->hostname, all_words[b->kind].text,
		    b->full.n > 0 ? "It" : "Its header");
		put_reasons(out, b);
		return;
	}
	buf_init(&text, QUEUE_BOUNCE_MAX);
	dsn_template_put_text(&text, t, &b->facts);
	buf_put_str(&text, "\r\n");
	put_reasons(&text, b);
	if (mime_is_plain(buf_slice(&text))) {
		buf_put_str(out, "\r\n");
		buf_put_slice(out, buf_slice(&text));
	} else {
		buf_put_str(out, "Content-Transfer-Encoding: quoted-printable\r\n\r\n");
		mime_put_quoted_printable(out, buf_slice(&text));
	}
	buf_fini(&text);
}

/* RFC 3464 s2.3.3: a mailbox here, or a host that does not do DSN. */
static const char *
action_of(const struct queue_bounce *b, const struct queue_rcpt *r)
{
	if (is_relayed(b, r))
		return "relayed";
	return all_words[b->kind].action;
}

/* "mx.example[192.0.2.1]:25": RFC 3464 s2.3.5 wants the name. */
static void
put_host(struct buf *out, const struct queue_rcpt *r)
{
	struct slice host = queue_envelope_text(&r->host), name;

	name = slice_head(host, slice_find(host, '['));
	put_line(out, "Remote-MTA: dns; ", name.n > 0 ? name : host);
}

/* RFC 3464 s2.3: what was given, what was tried, what came of it. */
static void
put_rcpt(struct buf *out, const struct queue_bounce *b, const struct queue_rcpt *r, bool utf8)
{
	buf_put_str(out, "\r\n");
	if (r->orcpt.n > 0)	/* RFC 3461 s6.3: only what was given */
		put_line(out, "Original-Recipient: ", r->orcpt);
	put_line(out, utf8 ? "Final-Recipient: utf-8; " : "Final-Recipient: rfc822; ",
	    r->address);
	put_line(out, "Action: ", slice_str(action_of(b, r)));
	put_line(out, "Status: ", r->dsn_n > 0 ? queue_envelope_dsn(r) :
	    slice_str(all_words[b->kind].status));
	if (r->host.n > 0)
		put_host(out, r);
	if (r->reply.n > 0)
		put_line(out, "Diagnostic-Code: smtp; ", queue_envelope_text(&r->reply));
	else if (r->reason.n > 0)
		put_line(out, "Diagnostic-Code: x-godwit; ", queue_envelope_reason(r));
	if (r->last_ms > 0)
		put_date(out, "Last-Attempt-Date: ", r->last_ms);
	if (b->kind == QUEUE_NOTICE_DELAY || b->kind == QUEUE_NOTICE_BROKEN)
		put_date(out, "Will-Retry-Until: ", b->expiry_ms);
}

static void
put_status(struct buf *out, const struct queue_bounce *b)
{
	bool utf8 = has_utf8_address(b);
	uint32_t i;

	if (utf8)
		put_part(out, b, "message/global-delivery-status\r\n"
		    "Content-Transfer-Encoding: 8bit");
	else
		put_part(out, b, "message/delivery-status");
	buf_printf(out, "\r\nReporting-MTA: dns; %s\r\n", b->hostname);
	if (b->env->envid.n > 0)
		put_line(out, "Original-Envelope-Id: ", b->env->envid);
	put_date(out, "Arrival-Date: ", b->env->arrival_ms);
	for (i = 0; i < b->env->rcpt_count; i++)
		if (b->env->rcpts[i].in_notice)
			put_rcpt(out, b, &b->env->rcpts[i], utf8);
}

/* RFC 6522 s4, RFC 6533 s4: the third part. */
static void
put_returned(struct buf *out, const struct queue_bounce *b)
{
	bool header_utf8 = !mime_is_ascii(b->header);

	if (b->full.n > 0)
		put_part(out, b, header_utf8 ? "message/global" : "message/rfc822");
	else
		put_part(out, b, header_utf8 ? "message/global-headers" : "text/rfc822-headers");
	if (header_utf8 || !mime_is_ascii(b->full))
		buf_put_str(out, "Content-Transfer-Encoding: 8bit\r\n");
	buf_put_str(out, "\r\n");
	buf_put_slice(out, b->full.n > 0 ? b->full : b->header);
	buf_put_str(out, "\r\n--");
	put_boundary(out, b);
	buf_put_str(out, "--\r\n");
}

void
queue_bounce_put(struct buf *out, const struct queue_bounce *b)
{
	put_start(out, b);
	put_text(out, b);
	put_status(out, b);
	put_returned(out, b);
}
