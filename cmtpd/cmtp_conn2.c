/* SPDX-License-Identifier: ISC */
#include "cmtpd/cmtp_conn2.h"

#include <stdlib.h>
#include <string.h>

#include "cmtpd/cmtp_conn_priv.h"
#include "lib/base/must.h"
#include "lib/cmtp/cmtp_pin.h"

#define FIELDS_MAX	50000	/* as in cmtp2_sign */

static enum err
call(struct cmtp_conn *c, uint16_t type, const void *msg, ipc_reply_fn *on_reply)
{
	struct ipc_peer *p = daemon_peer(c->server->app, IPC_KEYD, 0);
	enum err e = ERR_GONE;

	if (p != NULL)
		e = ipc_call(p, type, msg, NULL, 0,
		    loop_now(c->server->loop) + CMTP_CONN_KEYD_MS, on_reply, c, NULL);
	c->is_asking = e == ERR_OK;
	return e;
}

/* False: nobody is there any more for the answer. */
static bool
is_answered(struct cmtp_conn *c)
{
	c->is_asking = false;
	if (c->conn != NULL)
		return true;
	cmtp_conn_check_gone(c);
	return false;
}

/* ---- records */

static void
on_keys(void *arg, enum err e, uint16_t type, const void *msg, struct ipc_in *in)
{
	struct cmtp_conn *c = arg;
	const struct ipc_cmtp2_keys_reply *m = msg;
	struct cmtp_keys k;

	(void)in;
	if (!is_answered(c))
		return;
	if (e == ERR_OK && type != IPC_MSG_cmtp2_keys_reply)
		e = ERR_AGAIN;
	if (e == ERR_OK)
		k = (struct cmtp_keys){ m->status, m->count, m->records };
	cmtp_session_on_keys(&c->session, e, e == ERR_OK ? &k : NULL);
	cmtp_conn_go_on(c);
}

enum err
cmtp_conn2_keys(void *arg, struct slice user, uint64_t known)
{
	struct cmtp_conn *c = arg;
	char client[CONN_ADDR_TEXT_BYTES];
	struct ipc_cmtp2_keys m = { .user = user, .known = known };

	conn_addr_ip_str(client, &c->peer);
	m.client = slice_str(client);
	return call(c, IPC_MSG_cmtp2_keys, &m, on_keys);
}

/* ---- signatures */

static void
on_signature(void *arg, enum err e, uint16_t type, const void *msg, struct ipc_in *in)
{
	struct cmtp_conn *c = arg;
	const struct ipc_cmtp2_signature *m = msg;

	(void)in;
	if (!is_answered(c))
		return;
	if (e == ERR_OK && (type != IPC_MSG_cmtp2_signature || m->sig.n != CMTP_SIG_BYTES))
		e = ERR_AGAIN;
	cmtp_session_on_signed(&c->session, e,
	    e == ERR_OK ? (const unsigned char *)m->sig.p : NULL);
	cmtp_conn_go_on(c);
}

enum err
cmtp_conn2_sign(void *arg, enum cmtp2_purpose purpose, const struct cmtp_sign *s)
{
	struct ipc_cmtp2_sign m = { .purpose = (uint8_t)purpose };
	struct buf fields;
	enum err e;

	buf_init(&fields, FIELDS_MAX);
	for (unsigned i = 0; i < s->count; i++) {
		const struct ipc_cmtp2_field f = { .bytes = s->fields[i] };

		ipc_cmtp2_field_put(&fields, &f);
	}
	m.fields = buf_slice(&fields);
	e = buf_err(&fields);
	if (e == ERR_OK)
		e = call(arg, IPC_MSG_cmtp2_sign, &m, on_signature);
	buf_fini(&fields);
	return e;
}

/* ---- who sends */

/* What a pin says of the record that signs. */
static enum err
judge(const struct cmtp_pin *pin, uint64_t serial, uint64_t now_s)
{
	if (pin->is_broken)
		return ERR_CORRUPT;
	if (pin->newest.serial != serial || pin->newest.kind != CMTP_KEY_LIVE ||
	    pin->newest.expires_s <= now_s)
		return ERR_NOTFOUND;
	return ERR_OK;
}

static void
on_pin(void *arg, enum err e, uint16_t type, const void *msg, struct ipc_in *in)
{
	struct cmtp_conn *c = arg;
	const struct ipc_pin *m = msg;
	struct cmtp_sender sender;
	struct cmtp_pin pin;

	(void)in;
	if (!is_answered(c))
		return;
	if (e == ERR_OK && (type != IPC_MSG_pin || !m->found))
		e = ERR_NOTFOUND;
	if (e == ERR_OK)
		e = cmtp_pin_get(&pin, m->pin);
	if (e == ERR_OK)
		e = judge(&pin, c->session.parser.mail2.serial,
		    loop_real_ms(c->server->loop) / 1000);
	if (e == ERR_OK) {
		memcpy(sender.sign, pin.newest.sign, sizeof(sender.sign));
		sender.first_s = pin.first_s;
	}
	cmtp_session_on_found(&c->session, e, &sender);
	cmtp_conn_go_on(c);
}

/* Records have their domain in lower case. */
enum err
cmtp_conn2_find(void *arg, struct slice domain, uint64_t serial)
{
	char lower[CMTP_PARAM_MAX];
	const struct ipc_pin_get m = { .domain = slice_of(lower, domain.n) };

	(void)serial;
	for (size_t i = 0; i < domain.n; i++)
		lower[i] = ascii_lower(domain.p[i]);
	return call(arg, IPC_MSG_pin_get, &m, on_pin);
}

/* ---- postage */

struct weigh_job {
	struct cmtp_conn	*conn;
	struct cmtp2_price	 price;
	unsigned char		 digest[CMTP_DIGEST_BYTES];
	uint64_t		 counter;
	enum err		 result;
};

static void
weigh_work(void *arg)
{
	struct weigh_job *j = arg;

	j->result = cmtp2_postage_try(&j->price, j->digest, j->counter);
}

static void
weigh_done(void *arg)
{
	struct weigh_job *j = arg;
	struct cmtp_conn *c = j->conn;

	if (is_answered(c)) {
		cmtp_session_on_weighed(&c->session, j->result);
		cmtp_conn_go_on(c);
	}
	free(j);
}

enum err
cmtp_conn2_weigh(void *arg, const struct cmtp2_price *price,
    const unsigned char digest[CMTP_DIGEST_BYTES], uint64_t counter)
{
	struct cmtp_conn *c = arg;
	struct weigh_job *j = must_alloc(1, sizeof(*j));
	enum err e;

	*j = (struct weigh_job){ .conn = c, .price = *price, .counter = counter };
	memcpy(j->digest, digest, sizeof(j->digest));
	e = loop_work(c->server->loop, weigh_work, weigh_done, j);
	c->is_asking = e == ERR_OK;
	if (e != ERR_OK)
		free(j);
	return e;
}
