/* SPDX-License-Identifier: ISC */
/*
 * The message of CMTP 1: what it holds is found, then each box is made twice,
 * first to know its length and its tag, which stand in front of it, then to be
 * sent.  The steps stand from the bottom up.
 */
#include "delivery/dlv_mail1_priv.h"

#include "lib/base/clock.h"
#include "lib/base/enc.h"
#include "lib/base/must.h"
#include "lib/base/secret.h"
#include "lib/cmtp/cmtp_parser.h"
#include "lib/cmtp/cmtp_put.h"

#define TURN_PIECES	8u	/* made before the loop runs again */
#define TRACE_LINE_MAX	1000u
#define HEAD_MAX	(CMTP_HEAD_BYTES + CMTP_PARAMS_MAX * (CMTP_PARAM_MAX + 1) + TRACE_LINE_MAX + 8)

static enum err
source_read(void *arg, uint64_t off, void *dst, size_t n)
{
	return dlv_source_read(arg, off, dst, n);
}

void
dlv_mail1_box_free(struct dlv_mail1 *m)
{
	struct dlv_mail1_boxes *b = &m->boxes;

	cry_box_free(&b->box);
	mail_letter_free(&b->letter);
	buf_fini(&b->plain);
	buf_fini(&b->out);
	secret_wipe(&b->key, sizeof(b->key));
}

static void
send_out(struct dlv_mail1 *m)
{
	dlv_cmtp1_write(m->cmtp, buf_slice(&m->boxes.out));
	buf_reset(&m->boxes.out);
}

/* ---- one box */

static enum err
begin_box(struct dlv_mail1 *m)
{
	struct dlv_mail1_boxes *b = &m->boxes;
	enum err e = cry_box_key_new(&b->key, m->owner_box);

	if (e != ERR_OK)
		return e;
	cry_box_free(&b->box);
	b->box = cry_box_new(&b->key);
	b->is_second = false;
	b->bytes = 0;
	mail_letter_box(b->letter, b->at);
	return ERR_OK;
}

/* RFC 5321 s4.4 in CMTP's words: the line that each server adds. */
static void
put_log(const struct dlv_mail1 *m, struct buf *log)
{
	char id[ENC_ID_BYTES + 1];

	enc_id_str(id, m->p.msg);
	buf_printf(log, "by %s with CMTP id %s; ", m->p.hostname, id);
	clock_put_rfc5322(log, loop_real_ms(m->p.loop) / 1000);
	buf_put_char(log, '\0');
}

static enum err
put_head(struct dlv_mail1 *m, struct buf *out)
{
	size_t at = slice_rfind(m->p.sender, '@');
	struct cmtp_mail head = { .attachments = mail_letter_attachments(m->boxes.letter),
		.body_bytes = m->boxes.bytes + CRY_SEAL_BYTES };
	const struct slice params[CMTP_PARAMS_MAX] = {
		[CMTP_TO_USER] = m->p.users[m->at], [CMTP_TO_DOMAIN] = m->p.domain,
		[CMTP_FROM_USER] = slice_head(m->p.sender, at),
		[CMTP_FROM_DOMAIN] = m->p.sender.n > 0 ? slice_from(m->p.sender, at + 1) :
		    slice_str(m->p.hostname) };
	struct buf log;
	enum err e;

	buf_init(&log, TRACE_LINE_MAX);
	put_log(m, &log);
	head.log_bytes = (uint32_t)log.n;
	e = cmtp_put_mail(out, &head, params, buf_slice(&log));
	buf_fini(&log);
	return e;
}

/* What stands in front of a box, now that its length and tag are known. */
static enum err
put_front(struct dlv_mail1 *m)
{
	struct dlv_mail1_boxes *b = &m->boxes;
	unsigned char tag[CRY_BOX_TAG_BYTES];
	enum err e = ERR_OK;

	cry_box_tag(b->box, tag);
	cry_box_again(b->box);
	if (b->at == 0)
		e = put_head(m, &b->out);
	else
		cmtp_put_length(&b->out, b->bytes + CRY_SEAL_BYTES);
	if (e != ERR_OK)
		return e;
	buf_put(&b->out, b->key.ephemeral, sizeof(b->key.ephemeral));
	buf_put(&b->out, tag, sizeof(tag));
	send_out(m);
	b->is_second = true;
	mail_letter_box(b->letter, b->at);
	return ERR_OK;
}

/* A piece, either time; ERR_END behind the last of the box. */
static enum err
next_piece(struct dlv_mail1 *m)
{
	struct dlv_mail1_boxes *b = &m->boxes;
	enum err e;
	char *at;

	buf_reset(&b->plain);
	e = mail_letter_next(b->letter, &b->plain);
	if ((e != ERR_OK && e != ERR_END) || b->plain.n == 0)
		return e;
	at = buf_reserve(&b->out, b->plain.n);
	must(at != NULL);
	cry_box_stream(b->box, (unsigned char *)at, buf_slice(&b->plain));
	if (b->is_second) {
		buf_commit(&b->out, b->plain.n);
		send_out(m);
	} else {
		cry_box_add(b->box, slice_of(at, b->plain.n));
		b->bytes += b->plain.n;
	}
	return e;
}

/* ---- all of them */

static enum err
end_box(struct dlv_mail1 *m)
{
	struct dlv_mail1_boxes *b = &m->boxes;

	if (!b->is_second)
		return put_front(m);
	if (b->at++ == mail_letter_attachments(b->letter))
		return ERR_END;
	return begin_box(m);
}

static enum err
step(struct dlv_mail1 *m)
{
	struct dlv_mail1_boxes *b = &m->boxes;
	enum err e;

	if (!b->is_scanned) {
		e = mail_letter_scan(b->letter);
		b->is_scanned = e == ERR_OK;
		if (e != ERR_OK)
			return e == ERR_SHORT ? ERR_OK : e;
		b->at = 0;
		return begin_box(m);
	}
	e = next_piece(m);
	return e == ERR_END ? end_box(m) : e;
}

/* Nothing of a message of another kind was written: the connection is as it was. */
static void
refuse(struct dlv_mail1 *m, enum err e)
{
	m->is_sending = false;
	if (e == ERR_LIMIT && !m->boxes.is_scanned) {
		for (unsigned i = m->at; i < m->p.count; i++)
			dlv_mail1_without_key(m, i, "the message has too many parts for it");
		dlv_mail1_finish(m);
	} else {
		dlv_mail1_hold(m, "4.3.0", "the message cannot be read");
	}
}

void
dlv_mail1_box_go_on(struct dlv_mail1 *m)
{
	enum err e = ERR_OK;

	for (unsigned i = 0; i < TURN_PIECES && e == ERR_OK; i++) {
		if (dlv_cmtp1_is_clogged(m->cmtp))
			return;		/* drained goes on */
		e = step(m);
	}
	if (e == ERR_OK) {
		loop_defer(m->p.loop, &m->turn);
	} else if (e == ERR_END) {
		m->is_sending = false;
		dlv_cmtp1_sent(m->cmtp);
	} else {
		refuse(m, e);
	}
}

static void
first_time(struct dlv_mail1 *m)
{
	const struct mail_letter_source src = { .bytes = m->p.source->bytes, .read = source_read,
		.arg = m->p.source, .charsets = m->p.charsets,
		.now_s = loop_real_ms(m->p.loop) / 1000 };

	m->boxes.letter = mail_letter_new(&src);
	buf_init(&m->boxes.plain, MAIL_LETTER_NEXT_MAX);
	buf_init(&m->boxes.out, MAIL_LETTER_NEXT_MAX + HEAD_MAX);
	m->boxes.plain.secret = true;
}

/* What the message holds is found once for all recipients. */
void
dlv_mail1_box_begin(struct dlv_mail1 *m)
{
	enum err e = ERR_OK;

	if (m->boxes.letter == NULL)
		first_time(m);
	m->boxes.at = 0;
	if (m->boxes.is_scanned)
		e = begin_box(m);
	m->is_sending = true;
	if (e == ERR_OK)
		loop_defer(m->p.loop, &m->turn);
	else
		refuse(m, e);
}
