/* SPDX-License-Identifier: ISC */
#include "cmtpd/cmtp_session.h"

#include "cmtpd/cmtp_ask.h"
#include "cmtpd/cmtp_ask2.h"
#include "cmtpd/cmtp_enter2.h"
#include "cmtpd/cmtp_mail.h"
#include "cmtpd/cmtp_mail2.h"
#include "lib/base/must.h"
#include "lib/cmtp/cmtp_put.h"

void
cmtp_session_start(struct cmtp_session *s)
{
	must(s->service->self->is_known);
	buf_init(&s->out, CMTP_OUT_MAX);
	cmtp_enter2_init(s);
	cmtp_parser_init(&s->parser, s->service->limits);
	s->parser.speaks_2 = s->tls_version != NULL;
	s->mode = CMTP_READING;
	if (!s->is_handed)
		buf_put(&s->out, CMTP_BANNER, sizeof(CMTP_BANNER));
}

void
cmtp_session_fini(struct cmtp_session *s)
{
	cmtp_mail_drop(s);
	cmtp_mail2_drop(s);
	cmtp_enter2_fini(s);
	cmtp2_pact_end(&s->pact);
	cmtp_parser_fini(&s->parser);
	buf_fini(&s->content);
	buf_fini(&s->out);
}

bool
cmtp_session_can_read(const struct cmtp_session *s)
{
	return (s->mode == CMTP_READING || s->mode == CMTP_DRAINING) && !s->is_paused &&
	    s->out.n < CMTP_OUT_HIGH;
}

static void
end(struct cmtp_session *s, const char *why)
{
	cmtp_mail_drop(s);
	cmtp_mail2_drop(s);
	s->mode = CMTP_CLOSED;
	s->end = why;
}

void
cmtp_session_fail(struct cmtp_session *s)
{
	cmtp_put_status(&s->out, false, s->service->self->failure);
}

/* ---- commands */

void
cmtp_session_on_key(struct cmtp_session *s, enum err e, const unsigned char *key,
    const unsigned char *sig)
{
	if (s->mode == CMTP_WAIT_KEY || s->mode == CMTP_WAIT_FAR_KEY)
		cmtp_ask_key(s, e, key, sig);
}

static void
do_login(struct cmtp_session *s)
{
	s->mode = CMTP_WAIT_XZIBIT;
	if (!s->service->gives_xzibits ||
	    s->env->xzibit(s->arg, s->parser.param[0]) != ERR_OK) {
		s->mode = CMTP_READING;
		cmtp_session_fail(s);
	}
}

void
cmtp_session_on_xzibit(struct cmtp_session *s, enum err e, struct slice xzibit,
    const unsigned char *sig)
{
	if (s->mode != CMTP_WAIT_XZIBIT)
		return;
	s->mode = CMTP_READING;
	if (e == ERR_OK)
		cmtp_put_xzibit(&s->out, xzibit, sig);
	else
		cmtp_session_fail(s);
}

static bool
is_junk(struct cmtp_session *s)
{
	return ++s->junk_count > s->service->junk_commands;
}

void
cmtp_session_answer_mail(struct cmtp_session *s, bool is_success)
{
	const struct cmtp_self *self = s->service->self;

	s->mode = CMTP_READING;
	cmtp_put_status(&s->out, is_success, is_success ? self->success : self->failure);
	cmtp_session_count_mail(s, is_success);
}

void
cmtp_session_count_mail(struct cmtp_session *s, bool is_taken)
{
	if (is_taken)
		s->junk_count = 0;
	else if (is_junk(s))
		end(s, "too many commands");
}

static void
do_command(struct cmtp_session *s)
{
	const bool is_2 = s->parser.speaks_2;
	const char *versions = is_2 ? CMTP_VERSIONS_TLS : CMTP_VERSIONS;

	s->command_count++;
	if (is_junk(s)) {
		cmtp_session_fail(s);
		end(s, "too many commands");
		return;
	}
	switch (s->parser.verb) {
	case CMTP_OHAI:
		cmtp_put_version(&s->out, "OHAI ", versions);
		break;
	case CMTP_NOOP:
		cmtp_put_version(&s->out, "", versions);
		break;
	case CMTP_HELP:
		cmtp_put_help(&s->out, is_2 ? CMTP2_VERSION : CMTP_VERSION);
		break;
	case CMTP_KEYREQUEST:
		cmtp_ask_begin(s);
		break;
	case CMTP_LOGIN:
		do_login(s);
		break;
	case CMTP_OBAI:
		end(s, "quit");
		break;
	case CMTP_KEYREQUEST2:
		cmtp_ask2_begin(s);
		break;
	case CMTP_LOGIN2:
	case CMTP_PROOF2:
	case CMTP_REGISTER2:
	case CMTP_RECORD2:
		cmtp_enter2_begin(s);
		break;
	case CMTP_MAIL:
	case CMTP_MAIL2:
	case CMTP_VERB_COUNT:
		break;
	}
}

/* ---- input */

/* False: wait for more. */
static bool
step(struct cmtp_session *s, struct slice *in)
{
	switch (cmtp_parser_next(&s->parser, in)) {
	case CMTP_EV_MORE:
		return false;
	case CMTP_EV_COMMAND:
		do_command(s);
		break;
	case CMTP_EV_MAIL:
		s->command_count++;
		cmtp_mail_begin(s);
		break;
	case CMTP_EV_PART:
		cmtp_mail_part(s);
		break;
	case CMTP_EV_DATA:
		if (s->txn2 != NULL)
			cmtp_mail2_data(s);
		else
			cmtp_mail_data(s);
		break;
	case CMTP_EV_END:
		cmtp_mail_end(s);
		break;
	case CMTP_EV_MAIL2:
		s->command_count++;
		cmtp_mail2_begin(s);
		break;
	case CMTP_EV_END2:
		cmtp_mail2_end(s);
		break;
	case CMTP_EV_FAULT:
		s->fault = s->parser.fault;
		cmtp_session_fail(s);
		end(s, "fault");
		break;
	}
	s->progress++;
	return true;
}

size_t
cmtp_session_feed(struct cmtp_session *s, struct slice in)
{
	struct slice rest = in;

	while (cmtp_session_can_read(s) && step(s, &rest))
		continue;
	if (s->is_draining && s->mode == CMTP_READING && cmtp_parser_is_idle(&s->parser))
		end(s, "drain");
	return in.n - rest.n;
}

/* ---- queue's answers; one that was not asked for is ignored */

void
cmtp_session_on_opened(struct cmtp_session *s, uint64_t msg)
{
	if (s->mode != CMTP_WAIT_OPEN)
		return;
	if (s->txn2 != NULL)
		cmtp_mail2_opened(s, msg);
	else
		cmtp_mail_opened(s, msg);
}

void
cmtp_session_on_rcpt_ok(struct cmtp_session *s, const struct cmtp_rcpt_key *k)
{
	if (s->mode != CMTP_WAIT_RCPT)
		return;
	if (s->txn2 != NULL)
		cmtp_mail2_rcpt_ok(s, k);
	else
		cmtp_mail_rcpt_ok(s);
}

void
cmtp_session_on_committed(struct cmtp_session *s)
{
	if (s->mode != CMTP_WAIT_COMMIT)
		return;
	if (s->txn2 != NULL)
		cmtp_mail2_committed(s);
	else
		cmtp_mail_committed(s);
}

void
cmtp_session_on_refused(struct cmtp_session *s, const struct cmtp_refusal *r)
{
	if (s->txn2 != NULL)
		cmtp_mail2_refused(s, r);
	else
		cmtp_mail_refused(s, r);
}

void
cmtp_session_resume(struct cmtp_session *s)
{
	s->is_paused = false;
}

/* ---- what version 2 asks */

void
cmtp_session_on_keys(struct cmtp_session *s, enum err e, const struct cmtp_keys *k)
{
	if (s->mode == CMTP_WAIT_KEYS || s->mode == CMTP_WAIT_FAR_KEYS)
		cmtp_ask2_keys(s, e, k);
}

void
cmtp_session_on_signed(struct cmtp_session *s, enum err e, const unsigned char *sig)
{
	if (s->mode != CMTP_WAIT_SIGN)
		return;
	if (s->txn2 != NULL)
		cmtp_mail2_signed(s, e, sig);
	else
		cmtp_ask2_signed(s, e, sig);
}

void
cmtp_session_on_found(struct cmtp_session *s, enum err e, const struct cmtp_sender *sender)
{
	if (s->mode == CMTP_WAIT_SENDER)
		cmtp_mail2_found(s, e, sender);
}

void
cmtp_session_on_weighed(struct cmtp_session *s, enum err e)
{
	if (s->mode == CMTP_WAIT_POSTAGE)
		cmtp_mail2_weighed(s, e);
}

void
cmtp_session_on_entered(struct cmtp_session *s, enum err e, struct slice content,
    struct slice state)
{
	if (s->mode == CMTP_WAIT_ENTER)
		cmtp_enter2_done(s, e, content, state);
}

/* ---- events */

void
cmtp_session_lost_queue(struct cmtp_session *s)
{
	cmtp_mail_lost(s);
	cmtp_mail2_lost(s);
}

void
cmtp_session_drain(struct cmtp_session *s)
{
	s->is_draining = true;
	(void)cmtp_session_feed(s, SLICE_NONE);
}

void
cmtp_session_idle(struct cmtp_session *s)
{
	if (s->mode != CMTP_CLOSED)
		end(s, "timeout");
}
