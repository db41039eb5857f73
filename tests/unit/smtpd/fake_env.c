/* SPDX-License-Identifier: ISC */
#include "tests/unit/smtpd/fake_env.h"

#include <string.h>

#include "lib/base/must.h"

#define MSG_ID	0x0123456789abcdull

static void
ask(struct fake *f, enum fake_question q, struct slice what)
{
	must(f->question == FAKE_NONE);
	f->question = q;
	must(slice_to_cstr(what, f->asked, sizeof(f->asked)));
}

static enum err
env_open(void *arg, const struct smtp_open *o)
{
	struct fake *f = arg;

	buf_printf(&f->log, "open <%.*s> size=%llu flags=%u", SLICE_FMT(o->sender),
	    (unsigned long long)o->size, o->flags);
	if (o->envid.n > 0)
		buf_printf(&f->log, " envid=%.*s", SLICE_FMT(o->envid));
	buf_put_char(&f->log, '\n');
	f->first_rcpt[0] = '\0';
	buf_reset(&f->body);
	if (slice_starts(o->sender, "gone@"))
		return ERR_GONE;
	ask(f, FAKE_OPEN, o->sender);
	return ERR_OK;
}

static enum err
env_rcpt(void *arg, const struct smtp_rcpt_to *to)
{
	struct fake *f = arg;

	must(to->msg == MSG_ID);
	buf_printf(&f->log, "rcpt <%.*s>", SLICE_FMT(to->rcpt));
	if (to->notify != 0 || to->orcpt.n > 0)
		buf_printf(&f->log, " notify=%u orcpt=%.*s", to->notify, SLICE_FMT(to->orcpt));
	buf_put_char(&f->log, '\n');
	if (slice_starts(to->rcpt, "gone@"))
		return ERR_GONE;
	ask(f, FAKE_RCPT, to->rcpt);
	return ERR_OK;
}

static enum err
env_body(void *arg, struct slice s)
{
	struct fake *f = arg;

	if (f->body_fails)
		return ERR_FULL;
	buf_put_slice(&f->body, s);
	f->body_count++;
	return f->pause_every > 0 && f->body_count % f->pause_every == 0 ? ERR_AGAIN : ERR_OK;
}

static enum err
env_commit(void *arg, const struct smtp_commit *c)
{
	struct fake *f = arg;

	must(c->msg == MSG_ID && c->bytes == f->body.n);
	buf_printf(&f->log, "commit id=%.*s%s\n", SLICE_FMT(c->message_id),
	    c->flags != 0 ? " tls-optional" : "");
	ask(f, FAKE_COMMIT, SLICE_NONE);
	return ERR_OK;
}

static void
env_abort(void *arg, uint64_t msg)
{
	struct fake *f = arg;

	must(msg == MSG_ID);
	buf_put_str(&f->log, "abort\n");
}

static enum err
env_login(void *arg, const struct smtp_login *l)
{
	struct fake *f = arg;

	buf_printf(&f->log, "login %s %.*s\n", l->mechanism, SLICE_FMT(l->user));
	f->login_ok = slice_eq_str(l->user, "alice") && slice_eq_str(l->password, "secret");
	f->login_temp = slice_eq_str(l->user, "later");
	ask(f, FAKE_LOGIN, l->user);
	return ERR_OK;
}

/* The challenge that follows has the client's nonce and "server". */
static enum err
env_scram_start(void *arg, const char *mechanism, const struct scram_server *x)
{
	struct fake *f = arg;

	buf_printf(&f->log, "scram %s %.*s\n", mechanism, SLICE_FMT(x->user));
	f->login_temp = slice_eq_str(x->user, "later");
	ask(f, FAKE_SCRAM, x->nonce);
	return ERR_OK;
}

/* A proof of zeros is right. */
static enum err
env_scram_finish(void *arg, uint64_t exchange, const struct scram_final *p)
{
	static const unsigned char right[SCRAM_PROOF_BYTES];
	struct fake *f = arg;

	must(exchange == 77);
	buf_printf(&f->log, "proof %.*s\n", SLICE_FMT(p->without_proof));
	f->login_ok = memcmp(p->proof, right, sizeof(right)) == 0;
	ask(f, FAKE_PROOF, SLICE_NONE);
	return ERR_OK;
}

static enum err
env_start_tls(void *arg)
{
	struct fake *f = arg;

	buf_put_str(&f->log, "tls\n");
	ask(f, FAKE_TLS, SLICE_NONE);
	return ERR_OK;
}

static uint64_t
env_real_s(void *arg)
{
	(void)arg;
	return 1795168930;	/* Fri, 20 Nov 2026 10:02:10 +0000 */
}

static const struct smtp_env env = {
	.open = env_open, .rcpt = env_rcpt, .body = env_body, .commit = env_commit,
	.abort = env_abort, .login = env_login, .scram_start = env_scram_start,
	.scram_finish = env_scram_finish, .start_tls = env_start_tls,
	.real_s = env_real_s,
};

void
fake_init(struct fake *f, bool is_submission, enum smtp_tls tls)
{
	memset(f, 0, sizeof(*f));
	f->limits = (struct smtp_limits){
		.message = { .message_bytes = 4096, .header_bytes = 200, .header_fields = 5,
		    .received = 2, .text_line_bytes = 60 },
		.command_bytes = 512, .recipients = 4, .errors = 6,
		.prelogin_commands = 12, .junk_commands = 10, .offers_scram = true,
	};
	f->service = (struct smtp_service){ .limits = &f->limits, .hostname = "mx.example",
	    .is_submission = is_submission, .tls = tls };
	buf_init(&f->out, 1u << 20);
	buf_init(&f->body, 1u << 20);
	buf_init(&f->log, 1u << 20);
	f->s.id = 1;
	f->s.service = &f->service;
	f->s.env = &env;
	f->s.arg = f;
	f->s.can_tls = true;
	must(slice_to_cstr(slice_str("[192.0.2.1]"), f->s.client, sizeof(f->s.client)));
	must(slice_to_cstr(slice_str("[192.0.2.1]:4000"), f->s.peer, sizeof(f->s.peer)));
	smtp_session_start(&f->s);
	if (tls == SMTP_TLS_IMPLICIT)
		smtp_session_on_tls(&f->s, "TLSv1.3", "TLS_AES_256_GCM_SHA384");
}

void
fake_fini(struct fake *f)
{
	smtp_session_fini(&f->s);
	buf_fini(&f->out);
	buf_fini(&f->body);
	buf_fini(&f->log);
}

static bool
refuse(struct fake *f, const char *what)
{
	struct smtp_refusal r;

	if (strncmp(what, "refuse@", 7) == 0)
		r = (struct smtp_refusal){ ERR_NOTFOUND, SLICE_LIT("5.1.1"), SLICE_LIT("No such user") };
	else if (strncmp(what, "defer@", 6) == 0)
		r = (struct smtp_refusal){ ERR_AGAIN, SLICE_LIT("4.2.1"), SLICE_LIT("Not\r\nnow") };
	else if (strncmp(what, "relay@", 6) == 0)
		r = (struct smtp_refusal){ ERR_DENIED, SLICE_LIT("5.7.1"), SLICE_LIT("Relay access denied") };
	else
		return false;
	smtp_session_on_refused(&f->s, &r);
	return true;
}

static void
answer_commit(struct fake *f)
{
	struct smtp_refusal full = { ERR_FULL, SLICE_NONE, SLICE_NONE };
	struct smtp_refusal gone = { ERR_GONE, SLICE_NONE, SLICE_NONE };

	if (strncmp(f->first_rcpt, "full@", 5) == 0)
		smtp_session_on_refused(&f->s, &full);
	else if (strncmp(f->first_rcpt, "badcommit@", 10) == 0)
		smtp_session_on_refused(&f->s, &gone);
	else
		smtp_session_on_committed(&f->s);
}

static void
answer_scram(struct fake *f)
{
	struct buf b;

	if (f->login_temp) {
		smtp_session_on_login(&f->s, ERR_BUSY, SLICE_NONE);
		return;
	}
	buf_init(&b, 1000);
	buf_printf(&b, "r=%sserver,s=c2FsdA==,i=4096", f->asked);
	smtp_session_on_challenge(&f->s, 77, buf_slice(&b));
	buf_fini(&b);
}

void
fake_answer(struct fake *f)
{
	enum fake_question q = f->question;

	f->question = FAKE_NONE;
	switch (q) {
	case FAKE_NONE:
		break;
	case FAKE_OPEN:
		if (!refuse(f, f->asked))
			smtp_session_on_opened(&f->s, MSG_ID);
		break;
	case FAKE_RCPT:
		if (refuse(f, f->asked))
			break;
		if (f->first_rcpt[0] == '\0')
			memcpy(f->first_rcpt, f->asked, sizeof(f->first_rcpt));
		smtp_session_on_rcpt_ok(&f->s);
		break;
	case FAKE_COMMIT:
		answer_commit(f);
		break;
	case FAKE_LOGIN:
		smtp_session_on_login(&f->s, f->login_ok ? ERR_OK :
		    f->login_temp ? ERR_BUSY : ERR_AUTH,
		    f->login_ok ? SLICE_LIT("alice@mx.example") : SLICE_NONE);
		break;
	case FAKE_SCRAM:
		answer_scram(f);
		break;
	case FAKE_PROOF:
		if (f->login_ok)
			smtp_session_on_proof(&f->s, SLICE_LIT("alice@mx.example"),
			    SLICE_LIT("signature"));
		else
			smtp_session_on_login(&f->s, ERR_AUTH, SLICE_NONE);
		break;
	case FAKE_TLS:
		smtp_session_on_tls(&f->s, "TLSv1.3", "TLS_AES_256_GCM_SHA384");
		break;
	}
}

static void
drain_out(struct fake *f)
{
	buf_put_slice(&f->out, buf_slice(&f->s.out));
	buf_reset(&f->s.out);
}

void
fake_run(struct fake *f, struct slice in, size_t step)
{
	size_t used, have = 0, gone = 0;

	drain_out(f);
	while (gone < in.n && f->s.mode != SMTP_CLOSED) {
		if (have == gone || smtp_session_can_read(&f->s))
			have = have + step < in.n ? have + step : in.n;
		used = smtp_session_feed(&f->s, slice_of(in.p + gone, have - gone));
		gone += used;
		drain_out(f);
		if (f->lost_on_data && f->s.mode == SMTP_TEXT)
			smtp_session_lost_queue(&f->s);
		if (f->question != FAKE_NONE)
			fake_answer(f);
		else if (f->s.is_paused)
			smtp_session_resume(&f->s);
		(void)smtp_session_feed(&f->s, SLICE_NONE);
		drain_out(f);
	}
	/* What the last input asked. */
	for (int i = 0; i < 3 && f->question != FAKE_NONE; i++) {
		fake_answer(f);
		(void)smtp_session_feed(&f->s, SLICE_NONE);
	}
	drain_out(f);
}
