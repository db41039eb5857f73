/* SPDX-License-Identifier: ISC */
#include "delivery/dlv_mail2_priv.h"

bool
dlv_mail2_pin_known(const struct dlv_mail2 *m, struct cmtp_pin *p)
{
	return m->pin.n > 0 && cmtp_pin_get(p, buf_slice(&m->pin)) == ERR_OK;
}

static void
keep_pin(struct dlv_mail2 *m, struct slice user, const struct cmtp_pin *fresh)
{
	struct dlv_pin pin = { .domain = m->p.domain, .user = user, .before = buf_slice(&m->pin) };
	struct buf b;

	buf_init(&b, CMTP_PIN_BYTES_MAX);
	cmtp_pin_put(&b, fresh);
	pin.bytes = buf_slice(&b);
	if (user.n == 0)
		pin.keep_until_s = fresh->newest.expires_s;
	dlv_pin_leave(m->p.pool, &pin);
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

	m->call.id = 0;
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
	if (dlv_pin_get(m->p.pool, m->p.domain, user, &m->call, fn, m) != ERR_OK)
		dlv_mail2_hold(m, "4.3.0", "the keys cannot be had now");
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
