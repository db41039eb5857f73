/* SPDX-License-Identifier: ISC */
#include "cmtpd/cmtp_conn_enter.h"

#include "cmtpd/cmtp_conn_priv.h"

static enum err
call(struct cmtp_conn *c, uint16_t type, const void *msg, ipc_reply_fn *on_reply)
{
	return cmtp_conn_call(c, IPC_KEYD, CMTP_CONN_KEYD_MS, type, msg, on_reply);
}

/* ---- version 1 */

static void
on_xzibit(void *arg, enum err e, uint16_t type, const void *msg, struct ipc_in *in)
{
	struct cmtp_conn *c = arg;
	const struct ipc_cmtp_xzibit *m = msg;

	(void)in;
	if (!cmtp_conn_is_answered(c))
		return;
	if (e == ERR_OK && (type != IPC_MSG_cmtp_xzibit || m->xzibit.n != CMTP_XZIBIT_BYTES ||
	    m->sig.n != CMTP_SIG_BYTES))
		e = ERR_AGAIN;
	if (e == ERR_OK)
		cmtp_session_on_xzibit(&c->session, ERR_OK, m->xzibit,
		    (const unsigned char *)m->sig.p);
	else
		cmtp_session_on_xzibit(&c->session, e, SLICE_NONE, NULL);
	cmtp_conn_go_on(c);
}

enum err
cmtp_conn_enter_xzibit(void *arg, struct slice user)
{
	struct cmtp_conn *c = arg;
	char client[CONN_ADDR_TEXT_BYTES];
	struct ipc_cmtp_login m = { .user = user };

	conn_addr_ip_str(client, &c->peer);
	m.client = slice_str(client);
	return call(c, IPC_MSG_cmtp_login, &m, on_xzibit);
}

/* ---- version 2 */

static void
on_entering(void *arg, enum err e, uint16_t type, const void *msg, struct ipc_in *in)
{
	struct cmtp_conn *c = arg;
	const struct ipc_cmtp2_entering *m = msg;
	struct slice content = SLICE_NONE, state = SLICE_NONE;

	(void)in;
	if (!cmtp_conn_is_answered(c))
		return;
	if (e == ERR_OK && type == IPC_MSG_key_fail)
		e = ((const struct ipc_key_fail *)msg)->error;
	else if (e == ERR_OK && type != IPC_MSG_cmtp2_entering)
		e = ERR_AGAIN;
	if (e == ERR_OK) {
		content = m->content;
		state = m->state;
	}
	cmtp_session_on_entered(&c->session, e, content, state);
	cmtp_conn_go_on(c);
}

static void
on_entered(void *arg, enum err e, uint16_t type, const void *msg, struct ipc_in *in)
{
	struct cmtp_conn *c = arg;
	const struct ipc_cmtp2_entered *m = msg;

	(void)in;
	if (!cmtp_conn_is_answered(c))
		return;
	if (e == ERR_OK && type == IPC_MSG_key_fail)
		e = ((const struct ipc_key_fail *)msg)->error;
	else if (e == ERR_OK && type != IPC_MSG_cmtp2_entered)
		e = ERR_AGAIN;
	cmtp_session_on_entered(&c->session, e, e == ERR_OK ? m->bundle : SLICE_NONE, SLICE_NONE);
	cmtp_conn_go_on(c);
}

static enum err
begin(struct cmtp_conn *c, const struct cmtp_enter *q)
{
	char client[CONN_ADDR_TEXT_BYTES];

	conn_addr_ip_str(client, &c->peer);
	if (q->verb == CMTP_LOGIN2) {
		const struct ipc_cmtp2_login m = { .client = slice_str(client), .user = q->user,
		    .domain = q->domain, .ke1 = q->fixed };

		return call(c, IPC_MSG_cmtp2_login, &m, on_entering);
	} else {
		const struct ipc_cmtp2_register m = { .client = slice_str(client),
		    .user = q->user, .domain = q->domain, .password = q->password,
		    .request = q->fixed };

		return call(c, IPC_MSG_cmtp2_register, &m, on_entering);
	}
}

enum err
cmtp_conn_enter(void *arg, const struct cmtp_enter *q)
{
	struct cmtp_conn *c = arg;

	if (q->verb == CMTP_PROOF2) {
		const struct ipc_cmtp2_prove m = { .ke3 = q->fixed, .state = q->state };

		return call(c, IPC_MSG_cmtp2_prove, &m, on_entered);
	}
	if (q->verb == CMTP_RECORD2) {
		const struct ipc_cmtp2_record m = { .record = q->fixed, .bundle = q->bundle,
		    .state = q->state };

		return call(c, IPC_MSG_cmtp2_record, &m, on_entered);
	}
	return begin(c, q);
}
