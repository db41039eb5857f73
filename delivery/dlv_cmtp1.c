/* SPDX-License-Identifier: ISC */
/* The steps stand from the bottom up: the end, what goes, what comes, the beginning. */
#include "delivery/dlv_cmtp1.h"

#include <stdlib.h>
#include <string.h>

#include "delivery/dlv_cmtp.h"
#include "delivery/dlv_pin1.h"
#include "lib/base/must.h"
#include "lib/cmtp/cmtp_put.h"
#include "lib/cmtp/cmtp_reply.h"
#include "lib/crypto/cry_ed.h"

#define IN_MAX		2048u	/* of replies */
#define REQUEST_MAX	(2 * CMTP_PARAM_MAX + 32)

enum state {
	STATE_QUIET,	/* nothing is awaited of the host */
	STATE_OHAI,
	STATE_SERVER,
	STATE_KEY,
	STATE_STATUS,
	STATE_FAILED
};

struct dlv_cmtp1 {
	struct loop			*loop;
	const struct dlv_cmtp1_owner	*owner;
	void				*arg;
	struct dlv_pin1			 pin;		/* of whom is asked for */
	struct dlv_link			*link;		/* taken */
	enum state			 state;
	struct buf			 in;
	struct buf			 request;	/* that waits for the pin */
	unsigned char			 server[CRY_KEY_BYTES];
	unsigned char			 box[CRY_KEY_BYTES];
	size_t				 user_n;
	char				 user[CMTP_PARAM_MAX];
};

/* ---- the end */

static void
fail_as(struct dlv_cmtp1 *c, const struct dlv_cmtp1_failure *f)
{
	if (c->state == STATE_FAILED)
		return;
	c->state = STATE_FAILED;
	dlv_pin1_cancel(&c->pin);
	if (c->link != NULL)
		dlv_link_leave(&c->link);
	c->owner->failed(c->arg, f);
}

static void
fail(struct dlv_cmtp1 *c, const char *dsn, const char *why)
{
	fail_as(c, &(struct dlv_cmtp1_failure){ .dsn = dsn, .why = why });
}

/* ---- what goes */

/* The reply before is done with. */
static void
await(struct dlv_cmtp1 *c, enum state state, uint64_t ms)
{
	buf_reset(&c->in);
	c->state = state;
	dlv_link_set_deadline(c->link, loop_now(c->loop) + ms);
}

static enum err
put_request(struct dlv_cmtp1 *c, struct slice user, struct slice domain)
{
	const struct slice params[] = { user, domain };

	buf_reset(&c->request);
	return cmtp_put_command(&c->request, CMTP_KEYREQUEST, params, lengthof(params));
}

static void
send_request(struct dlv_cmtp1 *c, enum state state)
{
	await(c, state, DLV_CMTP_STEP_MS);
	dlv_link_write(c->link, buf_slice(&c->request));
}

static void
on_user_pin(void *arg, enum err e, uint16_t type, const void *msg, struct ipc_in *in)
{
	struct dlv_cmtp1 *c = arg;

	(void)in;
	if (dlv_pin1_take(&c->pin, e, type, msg) == ERR_OK)
		send_request(c, STATE_KEY);
	else
		fail(c, "4.3.0", "the keys cannot be had now");
}

enum err
dlv_cmtp1_ask(struct dlv_cmtp1 *c, struct slice user)
{
	must(c->link != NULL && c->state == STATE_QUIET);
	if (user.n == 0 || put_request(c, user, c->pin.domain) != ERR_OK)
		return ERR_SYNTAX;
	memcpy(c->user, user.p, user.n);
	c->user_n = user.n;
	return dlv_pin1_ask(&c->pin, user, on_user_pin, c);
}

void
dlv_cmtp1_write(struct dlv_cmtp1 *c, struct slice bytes)
{
	dlv_link_set_deadline(c->link, loop_now(c->loop) + DLV_CMTP_STEP_MS);
	dlv_link_write(c->link, bytes);
}

bool
dlv_cmtp1_is_clogged(const struct dlv_cmtp1 *c)
{
	return dlv_link_is_clogged(c->link);
}

void
dlv_cmtp1_sent(struct dlv_cmtp1 *c)
{
	await(c, STATE_STATUS, DLV_CMTP_ANSWER_MS);
}

/* ---- what comes */

static void
take_ohai(struct dlv_cmtp1 *c, const struct cmtp_reply *r)
{
	if (!slice_starts(r->words, "OHAI ") ||
	    !cmtp_reply_has_version(slice_from(r->words, 5), SLICE_LIT("1"))) {
		fail(c, "4.4.2", "it does not speak version 1");
		return;
	}
	must(put_request(c, SLICE_NONE, SLICE_NONE) == ERR_OK);
	send_request(c, STATE_SERVER);
}

static void
take_server(struct dlv_cmtp1 *c, const struct cmtp_reply *r)
{
	const unsigned char *key = (const unsigned char *)r->signed_bytes.p;

	if (r->is_failure) {
		fail(c, "4.7.5", "it does not tell its key");
	} else if (!dlv_pin1_judge(&c->pin, SLICE_NONE, key)) {
		fail_as(c, &(struct dlv_cmtp1_failure){ .is_broken = true, .dsn = "4.7.5",
		    .why = "its key is another than the one that was known" });
	} else {
		memcpy(c->server, key, sizeof(c->server));
		c->owner->ready(c->arg);
	}
}

static void
take_key(struct dlv_cmtp1 *c, const struct cmtp_reply *r)
{
	struct dlv_cmtp1_key k = { .sign = (const unsigned char *)r->signed_bytes.p, .box = c->box };

	if (r->is_failure)
		k.verdict = dlv_pin1_is_in_force(&c->pin) ? DLV_CMTP1_GONE : DLV_CMTP1_NONE;
	else if (cry_ed_box_public(c->box, k.sign) != ERR_OK)
		k.verdict = DLV_CMTP1_USELESS;
	else if (!dlv_pin1_judge(&c->pin, slice_of(c->user, c->user_n), k.sign))
		k.verdict = DLV_CMTP1_OTHER;
	else
		k.verdict = DLV_CMTP1_GOOD;
	c->owner->key(c->arg, &k);
}

/* Its own key it signs by this key. */
static bool
is_signed(const struct dlv_cmtp1 *c, enum state state, const struct cmtp_reply *r)
{
	const unsigned char *key = c->server;

	if (state == STATE_OHAI || (state == STATE_SERVER && r->is_failure))
		return true;	/* by whom is not known */
	if (state == STATE_SERVER)
		key = (const unsigned char *)r->signed_bytes.p;
	return cry_ed_verify((const unsigned char *)r->sig.p, r->signed_bytes, key) == ERR_OK;
}

static void
take_reply(struct dlv_cmtp1 *c, const struct cmtp_reply *r)
{
	enum state state = c->state;

	c->state = STATE_QUIET;
	dlv_link_set_deadline(c->link, 0);
	if (!is_signed(c, state, r))
		fail(c, "4.7.5", "its reply does not verify");
	else if (state == STATE_OHAI)
		take_ohai(c, r);
	else if (state == STATE_SERVER)
		take_server(c, r);
	else if (state == STATE_KEY)
		take_key(c, r);
	else
		c->owner->status(c->arg, !r->is_failure);
}

static enum cmtp_reply_form
form_of(enum state state)
{
	if (state == STATE_OHAI)
		return CMTP_REPLY_WORDS;
	return state == STATE_STATUS ? CMTP_REPLY_STATUS : CMTP_REPLY_KEY;
}

static void
on_data(void *arg, struct slice bytes)
{
	struct dlv_cmtp1 *c = arg;
	struct cmtp_reply r;
	struct slice rest;
	enum err e;

	if (c->state == STATE_FAILED)
		return;
	if (c->state == STATE_QUIET || c->in.n + bytes.n > IN_MAX) {
		fail(c, "4.4.2", "it speaks unasked");
		return;
	}
	buf_put_slice(&c->in, bytes);
	rest = buf_slice(&c->in);
	e = cmtp_reply_read(&r, form_of(c->state), &rest);
	if (e == ERR_SHORT)
		return;
	if (e != ERR_OK || rest.n > 0)
		fail(c, "4.4.2", "its reply cannot be read");
	else
		take_reply(c, &r);
}

static void
on_drained(void *arg)
{
	struct dlv_cmtp1 *c = arg;

	if (c->state == STATE_QUIET && c->owner->drained != NULL)
		c->owner->drained(c->arg);
}

/* The link goes by itself. */
static void
on_end(void *arg, const char *why)
{
	struct dlv_cmtp1 *c = arg;

	c->link = NULL;
	fail(c, "4.4.2", why);
}

static const struct dlv_link_raw raw = { .data = on_data, .drained = on_drained,
	.end = on_end };

/* ---- the beginning, and life */

bool
dlv_cmtp1_is_offered(const struct dlv_link *l)
{
	return smtp_caps_has(dlv_link_caps(l), SMTP_CAP_CMTP1) && dlv_link_can_next(l);
}

static void
on_server_pin(void *arg, enum err e, uint16_t type, const void *msg, struct ipc_in *in)
{
	struct dlv_cmtp1 *c = arg;

	(void)in;
	c->owner->known(c->arg, dlv_pin1_take(&c->pin, e, type, msg));
}

enum err
dlv_cmtp1_begin(struct dlv_cmtp1 *c)
{
	return dlv_pin1_ask(&c->pin, SLICE_NONE, on_server_pin, c);
}

bool
dlv_cmtp1_was_seen(const struct dlv_cmtp1 *c)
{
	return dlv_pin1_is_in_force(&c->pin);
}

void
dlv_cmtp1_take(struct dlv_cmtp1 *c, struct dlv_link *take)
{
	must(c->link == NULL && c->state == STATE_QUIET);
	c->link = take;
	dlv_link_take_over(take, &raw, c);
	await(c, STATE_OHAI, DLV_CMTP_STEP_MS);
	dlv_link_write(take, slice_of("OHAI", 5));
}

bool
dlv_cmtp1_is_finishing(const struct dlv_cmtp1 *c)
{
	return c->state == STATE_STATUS;
}

struct dlv_cmtp1 *
dlv_cmtp1_new(struct loop *loop, struct dlv_pool *pool, struct slice domain,
    const struct dlv_cmtp1_owner *owner, void *arg)
{
	struct dlv_cmtp1 *c = must_alloc(1, sizeof(*c));

	c->loop = loop;
	c->owner = owner;
	c->arg = arg;
	c->pin = (struct dlv_pin1){ .loop = loop, .pool = pool, .domain = domain };
	buf_init(&c->in, IN_MAX);
	buf_init(&c->request, REQUEST_MAX);
	return c;
}

void
dlv_cmtp1_free(struct dlv_cmtp1 **cp)
{
	struct dlv_cmtp1 *c = *cp;

	*cp = NULL;
	if (c == NULL)
		return;
	dlv_pin1_cancel(&c->pin);
	if (c->link != NULL)
		dlv_link_leave(&c->link);
	buf_fini(&c->in);
	buf_fini(&c->request);
	free(c);
}
