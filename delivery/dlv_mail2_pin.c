/* SPDX-License-Identifier: ISC */
#include "delivery/dlv_mail2_priv.h"

#include "lib/base/must.h"

/* What another relay put meanwhile stands. */
static void
on_kept(void *arg, enum err e, uint16_t type, const void *msg, struct ipc_in *in)
{
	(void)arg, (void)e, (void)type, (void)msg, (void)in;
}

bool
dlv_mail2_pin_known(const struct dlv_mail2 *m, struct cmtp_pin *p)
{
	return m->pin.n > 0 && cmtp_pin_get(p, buf_slice(&m->pin)) == ERR_OK;
}

static void
keep_pin(struct dlv_mail2 *m, struct slice user, const struct cmtp_pin *fresh)
{
	unsigned char hash[CMTP_KEY_HASH_BYTES];
	struct ipc_pin_put put = { .domain = m->p.domain, .user = user };
	struct ipc_peer *keyd = dlv_pool_keyd(m->p.pool);
	struct buf b;
	enum err e = ERR_GONE;

	buf_init(&b, CMTP_PIN_BYTES_MAX);
	cmtp_pin_put(&b, fresh);
	put.pin = buf_slice(&b);
	put.keep_until_s = user.n == 0 ? fresh->newest.expires_s : 0;
	cry_hash(hash, sizeof(hash), buf_slice(&m->pin));
	if (m->pin.n > 0)
		put.before = slice_of(hash, sizeof(hash));
	if (keyd != NULL)
		e = ipc_call(keyd, IPC_MSG_pin_put, &put, NULL, 0,
		    loop_now(m->p.loop) + DLV_MAIL2_KEYD_MS, on_kept, NULL, NULL);
	(void)e;	/* then it is seen anew next time */
	buf_fini(&b);
}

bool
dlv_mail2_pin_is_in_force(const struct dlv_mail2 *m)
{
	struct cmtp_pin p;

	return dlv_mail2_pin_known(m, &p) && p.newest.kind == CMTP_KEY_LIVE &&
	    p.newest.expires_s > loop_real_ms(m->p.loop) / 1000;
}

/* What is remembered of m->domain's server or user comes into m->pin. */
enum err
dlv_mail2_pin_take(struct dlv_mail2 *m, enum err e, uint16_t type, const void *msg)
{
	const struct ipc_pin *pin = msg;

	m->call = 0;
	buf_reset(&m->pin);
	if (e != ERR_OK || type != IPC_MSG_pin) {
		dlv_mail2_hold(m, "4.3.0", "the keys cannot be had now");
		return ERR_AGAIN;
	}
	if (pin->found)
		buf_put_slice(&m->pin, pin->pin);
	return ERR_OK;
}

void
dlv_mail2_pin_ask(struct dlv_mail2 *m, struct slice user, ipc_reply_fn *fn)
{
	const struct ipc_pin_get get = { .domain = m->p.domain, .user = user };

	(void)dlv_mail2_call_keyd(m, IPC_MSG_pin_get, &get, fn);
}

enum err
dlv_mail2_pin_judge(struct dlv_mail2 *m, const struct cmtp2_keys_request *q,
    struct slice records, const unsigned char *server_sign, struct cmtp_pin *fresh,
    enum cmtp_chain *verdict)
{
	const struct cmtp_pin_asked a = { .domain = m->p.domain, .user = q->user,
		.server_sign = server_sign, .now_s = loop_real_ms(m->p.loop) / 1000 };
	struct cmtp_pin known;
	bool has = dlv_mail2_pin_known(m, &known);
	enum err e = cmtp_pin_take(fresh, has ? &known : NULL, &a, records, verdict);

	if (e == ERR_OK && (!has || known.newest.serial != fresh->newest.serial ||
	    known.is_broken != fresh->is_broken || *verdict == CMTP_CHAIN_REUSED) &&
	    (m->asked_all || !cmtp_pin_is_break(*verdict)))
		keep_pin(m, q->user, fresh);
	return e;
}
