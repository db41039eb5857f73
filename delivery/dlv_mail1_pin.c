/* SPDX-License-Identifier: ISC */
/*
 * Pins of version 1 are kept beside those of version 2, under the user's name
 * with a byte in front that no address has.
 */
#include "delivery/dlv_mail1_priv.h"

#include "delivery/dlv_pin.h"
#include "lib/base/enc.h"
#include "lib/cmtp/cmtp_pin.h"

#define SEEN_STEP_S	86400u	/* how exactly it is remembered when it was seen */

static uint64_t
now_s(const struct dlv_mail1 *m)
{
	return loop_real_ms(m->p.loop) / 1000;
}

static struct slice
name_of(char dst[CMTP_PARAM_MAX], struct slice user)
{
	user = slice_head(user, CMTP_PARAM_MAX - 1);
	dst[0] = CMTP_PIN_MARK_1;
	for (size_t i = 0; i < user.n; i++)
		dst[i + 1] = ascii_lower(user.p[i]);
	return slice_of(dst, user.n + 1);
}

bool
dlv_mail1_pin_ask(struct dlv_mail1 *m, struct slice user, ipc_reply_fn *fn)
{
	char name[CMTP_PARAM_MAX];

	return dlv_pin_get(m->p.pool, m->p.domain, name_of(name, user), &m->call, fn, m) == ERR_OK;
}

enum err
dlv_mail1_pin_take(struct dlv_mail1 *m, enum err e, uint16_t type, const void *msg)
{
	const struct ipc_pin *r = msg;

	m->call.id = 0;
	m->pin.is_known = false;
	buf_reset(&m->pin_bytes);
	if (e != ERR_OK || type != IPC_MSG_pin)
		return ERR_AGAIN;
	if (!r->found)
		return ERR_OK;
	if (r->pin.n != DLV_MAIL1_PIN_BYTES || r->pin.p[0] != CMTP_VERSION)
		return ERR_VERSION;
	buf_put_slice(&m->pin_bytes, r->pin);
	m->pin.is_known = true;
	m->pin.first_s = dec_be64(r->pin.p + 1);
	m->pin.last_s = dec_be64(r->pin.p + 9);
	memcpy(m->pin.key, r->pin.p + 17, sizeof(m->pin.key));
	return ERR_OK;
}

bool
dlv_mail1_pin_is_in_force(const struct dlv_mail1 *m)
{
	return m->pin.is_known && m->pin.last_s + DLV_MAIL1_REMEMBERED_S > now_s(m);
}

static void
keep(struct dlv_mail1 *m, struct slice user)
{
	char name[CMTP_PARAM_MAX], bytes[DLV_MAIL1_PIN_BYTES];
	struct dlv_pin pin = { .domain = m->p.domain, .user = name_of(name, user),
		.before = buf_slice(&m->pin_bytes), .bytes = slice_of(bytes, sizeof(bytes)) };

	bytes[0] = CMTP_VERSION;
	enc_be64(bytes + 1, m->pin.first_s);
	enc_be64(bytes + 9, m->pin.last_s);
	memcpy(bytes + 17, m->pin.key, sizeof(m->pin.key));
	if (user.n == 0)
		pin.keep_until_s = m->pin.last_s + DLV_MAIL1_REMEMBERED_S;
	dlv_pin_leave(m->p.pool, &pin);
}

bool
dlv_mail1_pin_judge(struct dlv_mail1 *m, struct slice user, const unsigned char key[CRY_KEY_BYTES])
{
	if (m->pin.is_known && memcmp(m->pin.key, key, CRY_KEY_BYTES) != 0)
		return false;
	if (m->pin.is_known && now_s(m) < m->pin.last_s + SEEN_STEP_S)
		return true;
	if (!m->pin.is_known)
		m->pin.first_s = now_s(m);
	m->pin.is_known = true;
	m->pin.last_s = now_s(m);
	memcpy(m->pin.key, key, CRY_KEY_BYTES);
	keep(m, user);
	return true;
}
