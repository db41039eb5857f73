/* SPDX-License-Identifier: ISC */
#include "cmtpd/cmtp_conn2.h"

#include <stdlib.h>
#include <string.h>

#include "cmtpd/cmtp_conn_priv.h"
#include "lib/base/must.h"
#include "lib/cmtp/cmtp2_keys.h"
#include "lib/cmtp/cmtp_pin.h"

#define FIELDS_MAX	50000	/* as in cmtp2_sign */

static enum err
call(struct cmtp_conn *c, uint16_t type, const void *msg, ipc_reply_fn *on_reply)
{
	return cmtp_conn_call(c, IPC_KEYD, CMTP_CONN_KEYD_MS, type, msg, on_reply);
}

/* ---- records */

/* Records have their domain in lower case. */
static struct slice
lower_domain(struct slice domain, char lower[CMTP_PARAM_MAX])
{
	for (size_t i = 0; i < domain.n; i++)
		lower[i] = ascii_lower(domain.p[i]);
	return slice_of(lower, domain.n);
}

static void
on_keys(void *arg, enum err e, uint16_t type, const void *msg, struct ipc_in *in)
{
	struct cmtp_conn *c = arg;
	const struct ipc_cmtp2_keys_reply *m = msg;
	struct cmtp_keys k;

	(void)in;
	if (!cmtp_conn_is_answered(c))
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

static void
on_far_keys(void *arg, enum err e, uint16_t type, const void *msg, struct ipc_in *in)
{
	struct cmtp_conn *c = arg;
	const struct ipc_cmtp_asked *m = msg;
	struct cmtp_keys k = { .status = CMTP2_LATER };

	(void)in;
	if (!cmtp_conn_is_answered(c))
		return;
	if (e == ERR_OK && type == IPC_MSG_cmtp_asked && m->status <= CMTP2_KEYS_STATUS_MAX)
		k = (struct cmtp_keys){ m->status, m->count, m->records };
	cmtp_session_on_keys(&c->session, ERR_OK, &k);
	cmtp_conn_go_on(c);
}

enum err
cmtp_conn2_far_keys(void *arg, struct slice user, struct slice domain, uint64_t known)
{
	char lower[CMTP_PARAM_MAX];
	const struct ipc_cmtp_ask m = { .user = user, .domain = lower_domain(domain, lower),
		.known = known };

	return cmtp_conn_call(arg, IPC_RELAY, CMTP_CONN_RELAY_MS, IPC_MSG_cmtp_ask, &m, on_far_keys);
}

/* ---- signatures */

static void
on_signature(void *arg, enum err e, uint16_t type, const void *msg, struct ipc_in *in)
{
	struct cmtp_conn *c = arg;
	const struct ipc_cmtp2_signature *m = msg;

	(void)in;
	if (!cmtp_conn_is_answered(c))
		return;
	if (e == ERR_OK && (type != IPC_MSG_cmtp2_signature || m->sig.n != CMTP_SIG_BYTES))
		e = ERR_AGAIN;
	if (e != ERR_OK)
		c->sign_serial = 0;
	else if (c->sign_serial == 0)
		c->sign_serial = m->serial;
	cmtp_session_on_signed(&c->session, e,
	    e == ERR_OK ? (const unsigned char *)m->sig.p : NULL);
	cmtp_conn_go_on(c);
}

enum err
cmtp_conn2_sign(void *arg, enum cmtp2_purpose purpose, const struct cmtp_sign *s)
{
	struct cmtp_conn *c = arg;
	struct ipc_cmtp2_sign m = { .purpose = (uint8_t)purpose, };
	struct buf fields;
	enum err e;

	/* Who was told this key in the session goes by it, whatever key came meanwhile. */
	if (purpose == CMTP2_MAIL_REPLY)
		m.serial = c->sign_serial;
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
judge(const struct cmtp_conn *c, struct slice bytes, struct cmtp_sender *sender)
{
	struct cmtp_pin pin;
	enum err e = cmtp_pin_get(&pin, bytes);

	if (e != ERR_OK)
		return e;
	if (pin.is_broken)
		return ERR_CORRUPT;
	if (pin.newest.serial != c->session.parser.mail2.serial ||
	    pin.newest.kind != CMTP_KEY_LIVE ||
	    pin.newest.expires_s <= loop_real_ms(c->server->loop) / 1000)
		return ERR_NOTFOUND;
	memcpy(sender->sign, pin.newest.sign, sizeof(sender->sign));
	sender->first_s = pin.first_s;
	sender->ends_s = pin.newest.expires_s;
	return ERR_OK;
}

static void
found(struct cmtp_conn *c, enum err e, const struct cmtp_sender *sender)
{
	cmtp_session_on_found(&c->session, e, sender);
	cmtp_conn_go_on(c);
}

static void
on_found(void *arg, enum err e, uint16_t type, const void *msg, struct ipc_in *in)
{
	struct cmtp_conn *c = arg;
	const struct ipc_cmtp_found *m = msg;
	struct cmtp_sender sender;

	(void)in;
	if (!cmtp_conn_is_answered(c))
		return;
	if (e == ERR_OK)
		e = type != IPC_MSG_cmtp_found ? ERR_AGAIN : m->error;
	if (e == ERR_OK)
		e = judge(c, m->pin, &sender);
	found(c, e, &sender);
}

static enum err
ask_relay(struct cmtp_conn *c)
{
	const struct cmtp2_mail *mail = &c->session.parser.mail2;
	char lower[CMTP_PARAM_MAX];
	const struct ipc_cmtp_find m = { .domain = lower_domain(mail->source_domain, lower),
	    .serial = mail->serial };

	return cmtp_conn_call(c, IPC_RELAY, CMTP_CONN_RELAY_MS, IPC_MSG_cmtp_find, &m, on_found);
}

/* What is not pinned, or not that record, relay looks for. */
static void
on_pin(void *arg, enum err e, uint16_t type, const void *msg, struct ipc_in *in)
{
	struct cmtp_conn *c = arg;
	const struct ipc_pin *m = msg;
	struct cmtp_sender sender;

	(void)in;
	if (!cmtp_conn_is_answered(c))
		return;
	if (e == ERR_OK && (type != IPC_MSG_pin || !m->found))
		e = ERR_NOTFOUND;
	if (e == ERR_OK)
		e = judge(c, m->pin, &sender);
	if (e == ERR_NOTFOUND && c->session.mode == CMTP_WAIT_SENDER && (e = ask_relay(c)) == ERR_OK)
		return;
	found(c, e, &sender);
}

enum err
cmtp_conn2_find(void *arg, struct slice domain, uint64_t serial)
{
	char lower[CMTP_PARAM_MAX];
	const struct ipc_pin_get m = { .domain = lower_domain(domain, lower) };

	(void)serial;
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

	if (cmtp_conn_is_answered(c)) {
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
