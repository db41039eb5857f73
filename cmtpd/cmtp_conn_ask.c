/* SPDX-License-Identifier: ISC */
#include "cmtpd/cmtp_conn_ask.h"

#include "cmtpd/cmtp_conn_priv.h"

static void
answer(struct cmtp_conn *c, enum err e, struct slice key, struct slice sig)
{
	cmtp_session_on_key(&c->session, e, (const unsigned char *)key.p,
	    (const unsigned char *)sig.p);
	cmtp_conn_go_on(c);
}

/* ---- of this host: keyd */

static void
on_key(void *arg, enum err e, uint16_t type, const void *msg, struct ipc_in *in)
{
	struct cmtp_conn *c = arg;
	const struct ipc_cmtp_user_reply *m = msg;

	(void)in;
	if (!cmtp_conn_is_answered(c))
		return;
	if (e == ERR_OK && type == IPC_MSG_key_fail)
		e = ((const struct ipc_key_fail *)msg)->error;
	else if (e == ERR_OK && (type != IPC_MSG_cmtp_user_reply || m->key.n != CMTP_KEY_BYTES ||
	    m->sig.n != CMTP_SIG_BYTES))
		e = ERR_AGAIN;
	answer(c, e, e == ERR_OK ? m->key : SLICE_NONE, e == ERR_OK ? m->sig : SLICE_NONE);
}

enum err
cmtp_conn_ask_user(void *arg, struct slice user)
{
	struct cmtp_conn *c = arg;
	char client[CONN_ADDR_TEXT_BYTES];
	struct ipc_cmtp_user m = { .user = user };

	conn_addr_ip_str(client, &c->peer);
	m.client = slice_str(client);
	return cmtp_conn_call(c, IPC_KEYD, CMTP_CONN_KEYD_MS, IPC_MSG_cmtp_user, &m, on_key);
}

/* ---- of another domain: relay */

static void
on_far_key(void *arg, enum err e, uint16_t type, const void *msg, struct ipc_in *in)
{
	struct cmtp_conn *c = arg;
	const struct ipc_cmtp1_asked *m = msg;

	(void)in;
	if (!cmtp_conn_is_answered(c))
		return;
	if (e == ERR_OK && (type != IPC_MSG_cmtp1_asked || m->key.n != CMTP_KEY_BYTES ||
	    m->sig.n != CMTP_SIG_BYTES))
		e = ERR_NOTFOUND;
	answer(c, e, e == ERR_OK ? m->key : SLICE_NONE, e == ERR_OK ? m->sig : SLICE_NONE);
}

enum err
cmtp_conn_ask_far(void *arg, struct slice user, struct slice domain)
{
	const struct ipc_cmtp1_ask m = { .user = user, .domain = domain };

	return cmtp_conn_call(arg, IPC_RELAY, CMTP_CONN_RELAY_MS, IPC_MSG_cmtp1_ask, &m, on_far_key);
}
