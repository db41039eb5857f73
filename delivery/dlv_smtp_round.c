/* SPDX-License-Identifier: ISC */
/*
 * A transaction: where SMTPUTF8 is not offered the header is read first, to
 * know whether the message needs it; then the link has the envelope, asks for
 * the body, and tells of each recipient.
 */
#include "delivery/dlv_smtp_priv.h"

#include "lib/base/must.h"

#define SCAN_BYTES	(256u << 10)	/* of a header, before the loop runs again */

/* ---- body ---- */

static void
fail_source(struct dlv_smtp *s)
{
	struct dlv_verdict v;

	s->source_failed = true;
	dlv_verdict_set(&v, ERR_IO, RELAY_UNKNOWN, "4.3.0", "The message cannot be read");
	dlv_smtp_note_verdict(s, &v);
}

static enum err
read_piece(struct dlv_smtp *s, size_t *n)
{
	uint64_t rest = s->mail->source.bytes - s->off;
	enum err e;

	*n = rest < DLV_PIECE_BYTES ? (size_t)rest : DLV_PIECE_BYTES;
	if (s->piece == NULL)
		s->piece = must_alloc(1, DLV_PIECE_BYTES);
	e = dlv_source_read(&s->mail->source, s->off, s->piece, *n);
	s->off += *n;
	return e;
}

void
dlv_smtp_round_on_want_body(void *arg)
{
	struct dlv_smtp *s = arg;
	size_t n;

	if (read_piece(s, &n) != ERR_OK) {
		fail_source(s);
		dlv_link_body_failed(s->link);
		return;
	}
	dlv_link_body(s->link, slice_of(s->piece, n), s->off == s->mail->source.bytes);
}

/* Whether the header, which ends at an empty line, has bytes over 127. */
static void
scan_piece(struct dlv_smtp *s, struct slice piece)
{
	for (size_t i = 0; i < piece.n && !s->is_scanned; i++) {
		unsigned char c = (unsigned char)piece.p[i];

		s->head_8bit |= c >= 0x80;
		s->is_scanned = s->head_8bit || (c == '\n' && s->scan_bol);
		if (c != '\r')
			s->scan_bol = c == '\n';
	}
}

void
dlv_smtp_round_scan(struct dlv_smtp *s)
{
	size_t n, done = 0;

	while (done < SCAN_BYTES && !s->is_scanned && s->off < s->mail->source.bytes) {
		if (read_piece(s, &n) != ERR_OK) {
			fail_source(s);
			dlv_smtp_finish(s);
			return;
		}
		scan_piece(s, slice_of(s->piece, n));
		done += n;
	}
	if (!s->is_scanned && s->off < s->mail->source.bytes) {
		loop_defer(s->env.loop, &s->turn);
		return;
	}
	s->is_scanning = false;
	s->is_scanned = true;
	dlv_smtp_round_start(s);
}

/* ---- round: one transaction ---- */

static bool
must_scan(const struct dlv_smtp *s)
{
	return !s->is_scanned && (s->mail->flags & QUEUE_SMTPUTF8) != 0 &&
	    !smtp_caps_has(dlv_link_caps(s->link), SMTP_CAP_SMTPUTF8);
}

static unsigned
client_flags(const struct dlv_smtp *s)
{
	unsigned flags = s->mail->flags, out = 0;

	if ((flags & QUEUE_8BITMIME) != 0)
		out |= SMTP_CLIENT_8BIT;
	if ((flags & QUEUE_SMTPUTF8) != 0 && (!s->is_scanned || s->head_8bit))
		out |= SMTP_CLIENT_UTF8_HEADER;
	if ((flags & QUEUE_BINARYMIME) != 0)
		out |= SMTP_CLIENT_BINARY;
	if ((flags & QUEUE_REQUIRETLS) != 0)
		out |= SMTP_CLIENT_REQUIRETLS;
	if ((flags & QUEUE_RET_FULL) != 0)
		out |= SMTP_CLIENT_RET_FULL;
	if ((flags & QUEUE_RET_HDRS) != 0)
		out |= SMTP_CLIENT_RET_HDRS;
	return out;
}

/* Those who did not fit before, or everybody who is left. */
static unsigned
gather(struct dlv_smtp *s)
{
	unsigned n = 0;
	bool only_again = false;

	for (unsigned i = 0; i < s->mail->count; i++)
		only_again |= s->mail->rcpts[i].is_again;
	for (unsigned i = 0; i < s->mail->count; i++) {
		struct dlv_rcpt_to *r = &s->mail->rcpts[i];

		if (r->is_settled || (only_again && !r->is_again))
			continue;
		r->is_again = false;
		s->round[n] = (struct smtp_client_rcpt){ .address = r->address,
		    .orcpt = r->orcpt, .notify = r->notify };
		s->round_idx[n++] = i;
	}
	return n;
}

void
dlv_smtp_round_start(struct dlv_smtp *s)
{
	struct smtp_client_message m = { .sender = s->mail->sender, .envid = s->mail->envid,
		.size = s->mail->source.bytes, .rcpts = s->round };
	struct dlv_verdict v;
	enum err e;

	if (must_scan(s)) {
		s->off = 0;
		s->scan_bol = true;
		s->is_scanning = true;
		loop_defer(s->env.loop, &s->turn);
		return;
	}
	s->off = 0;
	s->was_stale = false;
	m.flags = client_flags(s);
	m.rcpt_count = gather(s);
	e = dlv_link_next(s->link, &m);
	if (e == ERR_OK)
		return;
	/* It ended in this very turn; the next address may do. */
	dlv_verdict_set(&v, ERR_GONE, RELAY_THROTTLED, "4.4.2", "The connection to %.150s ended",
	    dlv_link_host(s->link));
	dlv_smtp_note_verdict(s, &v);
	dlv_smtp_end_of_session(s);
}

/* A connection that waited too long for us, not a host that has something against us. */
static bool
is_stale(const struct dlv_smtp *s, const struct smtp_result *r)
{
	return dlv_link_was_used(s->link) && !s->is_fresh && r->stage <= SMTP_STAGE_MAIL &&
	    (r->code == 0 || r->code == 421) && err_class(r->error) == ERR_CLASS_TEMP;
}

void
dlv_smtp_round_on_rcpt(void *arg, uint32_t idx, const struct smtp_result *r)
{
	struct dlv_smtp *s = arg;
	struct dlv_rcpt_to *to = &s->mail->rcpts[s->round_idx[idx]];
	struct dlv_outcome *o;

	if (to->is_settled || s->source_failed)
		return;
	if (r->is_again) {
		to->is_again = true;
		return;
	}
	if (is_stale(s, r)) {
		s->was_stale = true;
		return;
	}
	s->feedback = dlv_feedback_join(s->feedback, dlv_smtp_feedback_of(r));
	o = dlv_smtp_outcome(s, r);
	/* What we decided by the host's offer; another one may offer more. */
	if (err_class(r->error) == ERR_CLASS_TEMP || (r->error != ERR_OK && r->code == 0)) {
		dlv_smtp_note(to, o);
		/* It may have been taken: who tries elsewhere makes a second one. */
		if (r->stage == SMTP_STAGE_END && r->code == 0)
			dlv_smtp_settle(s, to);
	} else {
		dlv_outcome_unref(&to->outcome);
		to->outcome = dlv_outcome_ref(o);
		dlv_smtp_settle(s, to);
	}
	dlv_outcome_unref(&o);
}

static bool
has_again(const struct dlv_smtp *s)
{
	for (unsigned i = 0; i < s->mail->count; i++)
		if (s->mail->rcpts[i].is_again)
			return true;
	return false;
}

void
dlv_smtp_round_on_done(void *arg)
{
	struct dlv_smtp *s = arg;

	if (s->source_failed) {
		dlv_smtp_finish(s);
	} else if (s->left == 0) {
		dlv_smtp_give_back(s);
		dlv_smtp_finish(s);
	} else if (s->was_stale) {
		/* As if there had been no connection. */
		dlv_smtp_give_back(s);
		s->is_fresh = true;
		dlv_smtp_try_address(s);
	} else if (!has_again(s)) {
		dlv_smtp_end_of_session(s);
	} else if (dlv_link_can_next(s->link)) {
		dlv_smtp_round_start(s);
	} else {
		/* The host went on with some of them: so may another connection. */
		dlv_smtp_give_back(s);
		dlv_smtp_try_address(s);
	}
}
