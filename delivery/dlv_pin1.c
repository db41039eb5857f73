/* SPDX-License-Identifier: ISC */
#include "delivery/dlv_pin1.h"

#include <string.h>

#include "delivery/dlv_pin.h"
#include "lib/base/enc.h"
#include "lib/cmtp/cmtp_pin.h"
#include "lib/cmtp/cmtp_wire.h"

#define SEEN_STEP_S	86400u	/* how exactly it is remembered when it was seen */

static uint64_t
now_s(const struct dlv_pin1 *p)
{
	return loop_real_ms(p->loop) / 1000;
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

enum err
dlv_pin1_ask(struct dlv_pin1 *p, struct slice user, ipc_reply_fn *fn, void *arg)
{
	char name[CMTP_PARAM_MAX];

	return dlv_pin_get(p->pool, p->domain, name_of(name, user), &p->call, fn, arg);
}

enum err
dlv_pin1_take(struct dlv_pin1 *p, enum err e, uint16_t type, const void *msg)
{
	const struct ipc_pin *r = msg;

	p->call.id = 0;
	p->is_known = false;
	p->before_n = 0;
	if (e != ERR_OK || type != IPC_MSG_pin)
		return ERR_AGAIN;
	if (!r->found)
		return ERR_OK;
	if (r->pin.n != DLV_PIN1_BYTES || r->pin.p[0] != CMTP_VERSION)
		return ERR_VERSION;
	memcpy(p->before, r->pin.p, DLV_PIN1_BYTES);
	p->before_n = DLV_PIN1_BYTES;
	p->is_known = true;
	p->first_s = dec_be64(r->pin.p + 1);
	p->last_s = dec_be64(r->pin.p + 9);
	memcpy(p->key, r->pin.p + 17, sizeof(p->key));
	return ERR_OK;
}

bool
dlv_pin1_is_in_force(const struct dlv_pin1 *p)
{
	return p->is_known && p->last_s + DLV_PIN1_REMEMBERED_S > now_s(p);
}

static void
keep(struct dlv_pin1 *p, struct slice user)
{
	char name[CMTP_PARAM_MAX], bytes[DLV_PIN1_BYTES];
	struct dlv_pin pin = { .domain = p->domain, .user = name_of(name, user),
		.before = slice_of(p->before, p->before_n), .bytes = slice_of(bytes, sizeof(bytes)) };

	bytes[0] = CMTP_VERSION;
	enc_be64(bytes + 1, p->first_s);
	enc_be64(bytes + 9, p->last_s);
	memcpy(bytes + 17, p->key, sizeof(p->key));
	if (user.n == 0)
		pin.keep_until_s = p->last_s + DLV_PIN1_REMEMBERED_S;
	dlv_pin_leave(p->pool, &pin);
}

bool
dlv_pin1_judge(struct dlv_pin1 *p, struct slice user, const unsigned char key[CRY_KEY_BYTES])
{
	if (p->is_known && memcmp(p->key, key, CRY_KEY_BYTES) != 0)
		return false;
	if (p->is_known && now_s(p) < p->last_s + SEEN_STEP_S)
		return true;
	if (!p->is_known)
		p->first_s = now_s(p);
	p->is_known = true;
	p->last_s = now_s(p);
	memcpy(p->key, key, CRY_KEY_BYTES);
	keep(p, user);
	return true;
}

void
dlv_pin1_cancel(struct dlv_pin1 *p)
{
	dlv_pool_cancel_keyd(&p->call);
}
