/* SPDX-License-Identifier: ISC */
#include "imapd/imap_scram.h"

#include "imapd/imap_login.h"
#include "lib/base/secret.h"
#include "lib/sasl/scram_server.h"

enum step { FIRST, FINAL, LAST };

struct imap_scram {
	struct imap_cmd		*c;
	imap_scram_ask_fn	*ask;
	struct imap_login	*login;
	struct scram_server	 server;
	enum step		 step;
	uint64_t		 exchange;
};

static const char *
mechanism(const struct imap_scram *x)
{
	return x->server.is_plus ? "SCRAM-SHA-256-PLUS" : "SCRAM-SHA-256";
}

struct imap_scram *
imap_scram_new(struct imap_cmd *c, bool is_plus, imap_scram_ask_fn *ask)
{
	struct imap_scram *x = imap_cmd_alloc(c, sizeof(*x));

	if (x == NULL)
		return NULL;
	x->c = c;
	x->ask = ask;
	scram_server_init(&x->server, is_plus, c->s->tls && c->s->host->binding != NULL);
	return x;
}

void
imap_scram_free(struct imap_scram *x)
{
	scram_server_fini(&x->server);
}

static void
malformed(struct imap_scram *x, enum err e)
{
	if (x->login == NULL)
		x->login = imap_login_new(x->c, mechanism(x), x->server.user);
	if (x->login == NULL)
		return;
	if (e == ERR_SYNTAX)
		imap_cmd_bad(x->c, "Invalid SCRAM message");
	else
		imap_login_refuse(x->c, x->login, "malformed");
}

static void
on_challenge(struct imap_session *s, void *arg, const struct imap_reply *r)
{
	struct imap_scram *x = arg;
	const struct ipc_scram_challenge *m = imap_login_expect(s->cmd, x->login, r,
	    IPC_MSG_scram_challenge);

	if (m == NULL)
		return;
	if (scram_server_challenge(&x->server, m->server_first) != ERR_OK) {
		imap_cmd_no(s->cmd, "UNAVAILABLE", "Try again");
		return;
	}
	x->exchange = m->exchange;
	x->step = FINAL;
	x->ask(x->c, m->server_first);
}

static void
take_first(struct imap_scram *x, struct slice message)
{
	struct imap_session *s = x->c->s;
	struct scram_binding binding = { .n = 0 };
	struct slice name = scram_server_binding(message);
	enum err e;

	if (name.n > 0 && s->host->binding != NULL)
		(void)s->host->binding(s->host_arg, name, &binding);
	e = scram_server_first(&x->server, message, &binding);
	if (e != ERR_OK) {
		malformed(x, e);
		return;
	}
	x->login = imap_login_new(x->c, mechanism(x), x->server.user);
	if (x->login == NULL)
		return;
	const struct ipc_scram_start m = {
		.session = s->sid, .scope = TOKEN_MAIL, .tls = s->tls,
		.session_max = s->shared->user_limit, .client = slice_str(s->client),
		.mechanism = slice_str(mechanism(x)), .user = x->server.user,
		.nonce = x->server.nonce, .bare = x->server.bare,
	};
	(void)imap_cmd_call(x->c, IPC_KEYD, IPC_MSG_scram_start, &m, on_challenge, x);
}

static void
on_proof(struct imap_session *s, void *arg, const struct imap_reply *r)
{
	struct imap_scram *x = arg;
	const struct ipc_login_ok *m = imap_login_expect(s->cmd, x->login, r, IPC_MSG_login_ok);
	struct buf last;

	if (m == NULL)
		return;
	imap_login_take(s, m);
	buf_init(&last, 64);
	scram_server_put_last(&last, m->signature);
	x->step = LAST;
	x->ask(x->c, buf_slice(&last));
	buf_fini(&last);
}

static void
take_final(struct imap_scram *x, struct slice message)
{
	struct scram_final f = { .without_proof = SLICE_NONE };
	enum err e = scram_server_final(&x->server, message, &f);

	if (e != ERR_OK) {
		malformed(x, e);
	} else {
		const struct ipc_scram_finish m = {
			.exchange = x->exchange, .without_proof = f.without_proof,
			.proof = slice_of(f.proof, sizeof(f.proof)),
		};

		(void)imap_cmd_call(x->c, IPC_KEYD, IPC_MSG_scram_finish, &m, on_proof, x);
	}
	secret_wipe(&f, sizeof(f));
}

void
imap_scram_take(struct imap_scram *x, struct slice message)
{
	switch (x->step) {
	case FIRST:
		take_first(x, message);
		break;
	case FINAL:
		take_final(x, message);
		break;
	case LAST:
		/* The client is content with the signature, whatever it says to it. */
		imap_login_finish(x->c, x->login);
		break;
	}
}
