/* SPDX-License-Identifier: ISC */
#include "smtpd/smtp_scram.h"

#include <stdlib.h>

#include "lib/base/enc.h"
#include "lib/base/must.h"
#include "lib/base/secret.h"
#include "lib/sasl/scram_server.h"
#include "smtpd/smtp_verbs.h"

enum scram_step { SCRAM_FIRST, SCRAM_FINAL, SCRAM_LAST };

struct smtp_scram {
	struct scram_server	 server;
	enum scram_step		 step;
	uint64_t		 exchange;
	struct buf		 address;	/* whose proof it was */
};

bool
smtp_scram_may_bind(const struct smtp_session *s)
{
	return s->tls_version != NULL && s->env->binding != NULL;
}

void
smtp_scram_begin(struct smtp_session *s, bool is_plus)
{
	struct smtp_scram *x;

	smtp_scram_end(s);
	x = must_alloc(1, sizeof(*x));
	scram_server_init(&x->server, is_plus, smtp_scram_may_bind(s));
	buf_init(&x->address, ADDR_TEXT_MAX);
	s->scram = x;
}

void
smtp_scram_end(struct smtp_session *s)
{
	if (s->scram == NULL)
		return;
	scram_server_fini(&s->scram->server);
	buf_fini(&s->scram->address);
	free(s->scram);
	s->scram = NULL;
}

static struct smtp_step
ask(struct smtp_session *s, struct slice challenge)
{
	buf_put_str(&s->out, "334 ");
	enc_put_base64(&s->out, challenge);
	buf_put_str(&s->out, "\r\n");
	return (struct smtp_step){ SMTP_AUTH_LINE, s->state };
}

static struct smtp_step
malformed(struct smtp_session *s, enum err e)
{
	smtp_scram_end(s);
	if (e != ERR_SYNTAX)
		return smtp_auth_done(s, ERR_AUTH, SLICE_NONE);
	smtp_reply(s, REPLY_BAD_BASE64);
	return smtp_session_stay(s);
}

static struct smtp_step
asked(struct smtp_session *s, enum err e)
{
	if (e == ERR_OK)
		return (struct smtp_step){ SMTP_WAIT_LOGIN, s->state };
	smtp_scram_end(s);
	return smtp_auth_done(s, e, SLICE_NONE);
}

static struct smtp_step
take_first(struct smtp_session *s, struct slice message)
{
	struct smtp_scram *x = s->scram;
	struct scram_binding binding = { .n = 0 };
	struct slice name = scram_server_binding(message);
	enum err e;

	if (name.n > 0 && s->env->binding != NULL)
		(void)s->env->binding(s->arg, name, &binding);
	e = scram_server_first(&x->server, message, &binding);
	return e != ERR_OK ? malformed(s, e) :
	    asked(s, s->env->scram_start(s->arg, s->mechanism, &x->server));
}

static struct smtp_step
take_final(struct smtp_session *s, struct slice message)
{
	struct scram_final f = { .without_proof = SLICE_NONE };
	enum err e = scram_server_final(&s->scram->server, message, &f);
	struct smtp_step step = e != ERR_OK ? malformed(s, e) :
	    asked(s, s->env->scram_finish(s->arg, s->scram->exchange, &f));

	secret_wipe(&f, sizeof(f));
	return step;
}

/* The client is content with the signature, whatever it says to it. */
static struct smtp_step
take_last(struct smtp_session *s)
{
	struct smtp_step step = smtp_auth_done(s, ERR_OK, buf_slice(&s->scram->address));

	smtp_scram_end(s);
	return step;
}

struct smtp_step
smtp_scram_take(struct smtp_session *s, struct slice message)
{
	switch (s->scram->step) {
	case SCRAM_FIRST:
		return take_first(s, message);
	case SCRAM_FINAL:
		return take_final(s, message);
	case SCRAM_LAST:
		return take_last(s);
	}
	return smtp_session_stay(s);
}

struct smtp_step
smtp_scram_on_challenge(struct smtp_session *s, uint64_t exchange, struct slice server_first)
{
	struct smtp_scram *x = s->scram;

	if (scram_server_challenge(&x->server, server_first) != ERR_OK)
		return asked(s, ERR_GONE);
	x->exchange = exchange;
	x->step = SCRAM_FINAL;
	return ask(s, server_first);
}

struct smtp_step
smtp_scram_on_proof(struct smtp_session *s, struct slice address, struct slice signature)
{
	struct smtp_scram *x = s->scram;
	struct smtp_step step;
	struct buf last;

	buf_put_slice(&x->address, address);
	x->step = SCRAM_LAST;
	buf_init(&last, 64);
	scram_server_put_last(&last, signature);
	step = ask(s, buf_slice(&last));
	buf_fini(&last);
	return step;
}
