/* SPDX-License-Identifier: ISC */
#include "lib/cmtp/cmtp2_enter.h"

#include <string.h>

#include "lib/base/secret.h"
#include "lib/cmtp/cmtp2_login.h"
#include "lib/crypto/cry.h"

#define BUNDLE_VERSION	1

_Static_assert(CMTP2_BUNDLE_EXTRA == 1 + CRY_TAG_BYTES, "a bundle");

/* ---- what is kept */

/* One key seals one secret: each registration has another export key. */
static struct cry_aead *
bundle_aead(const unsigned char export_key[OPAQUE_HASH_BYTES])
{
	struct cry_aead *a = cry_aead_new();
	unsigned char key[CRY_KEY_BYTES];

	opaque_expand(key, sizeof(key), export_key, SLICE_NONE, "CMTP2 bundle");
	cry_aead_key(a, CRY_CHACHA20_POLY1305, key);
	secret_wipe(key, sizeof(key));
	return a;
}

static const unsigned char nonce[CRY_NONCE_BYTES];

enum err
cmtp2_bundle_seal(struct buf *out, struct slice secret,
    const unsigned char export_key[OPAQUE_HASH_BYTES])
{
	struct cry_aead *a;
	char *room;

	if (secret.n > CMTP2_SECRET_MAX)
		return ERR_TOOBIG;
	buf_put_char(out, BUNDLE_VERSION);
	room = buf_reserve(out, secret.n + CRY_TAG_BYTES);
	if (room == NULL)
		return ERR_FULL;
	a = bundle_aead(export_key);
	cry_aead_seal(a, (unsigned char *)room, secret, nonce, SLICE_NONE);
	buf_commit(out, secret.n + CRY_TAG_BYTES);
	cry_aead_free(&a);
	return ERR_OK;
}

enum err
cmtp2_bundle_open(struct buf *out, struct slice bundle,
    const unsigned char export_key[OPAQUE_HASH_BYTES])
{
	struct slice sealed = slice_from(bundle, 1);
	struct cry_aead *a;
	char *room;
	enum err e;

	if (bundle.n < CMTP2_BUNDLE_EXTRA)
		return ERR_CORRUPT;
	if (bundle.p[0] != BUNDLE_VERSION)
		return ERR_VERSION;
	room = buf_reserve(out, bundle.n);	/* one more than it needs: never none */
	if (room == NULL)
		return ERR_FULL;
	a = bundle_aead(export_key);
	e = cry_aead_open(a, (unsigned char *)room, sealed, nonce, SLICE_NONE);
	if (e == ERR_OK)
		buf_commit(out, sealed.n - CRY_TAG_BYTES);
	cry_aead_free(&a);
	return e;
}

/* ---- the exchange */

static void
init(struct cmtp2_enter *c, const struct cmtp2_who *who)
{
	memset(c, 0, sizeof(*c));
	c->who = *who;
	c->step = CMTP2_ENTER_OVER;
	buf_init(&c->secret, CMTP2_BUNDLE_MAX);
	c->secret.secret = true;
	opaque_client_random(&c->random);
}

void
cmtp2_enter_fini(struct cmtp2_enter *c)
{
	buf_fini(&c->secret);
	secret_wipe(c, sizeof(*c));
}

enum err
cmtp2_enter_login(struct cmtp2_enter *c, const struct cmtp2_who *who, struct buf *out)
{
	enum err e;

	init(c, who);
	if (who->password.n > CMTP2_PASSWORD_MAX)
		return ERR_TOOBIG;
	e = opaque_client_start(&c->opaque, who->password, &c->random);
	if (e == ERR_OK)
		e = cmtp2_login_ask(out, who->user, who->domain, c->opaque.ke1);
	if (e == ERR_OK)
		c->step = CMTP2_ENTER_KE2;
	return e;
}

enum err
cmtp2_enter_register(struct cmtp2_enter *c, const struct cmtp2_who *who,
    struct slice mail_password, struct slice secret, struct buf *out)
{
	unsigned char request[OPAQUE_REGISTER_BYTES];
	enum err e;

	init(c, who);
	if (who->password.n > CMTP2_PASSWORD_MAX || secret.n > CMTP2_SECRET_MAX)
		return ERR_TOOBIG;
	buf_put_slice(&c->secret, secret);
	e = opaque_client_register(request, who->password, &c->random);
	if (e == ERR_OK)
		e = cmtp2_login_register(out, who->user, who->domain, mail_password, request);
	if (e == ERR_OK)
		c->step = CMTP2_ENTER_OFFER;
	return e;
}

static enum err
take_ke2(struct cmtp2_enter *c, struct slice ke2, struct buf *out)
{
	struct opaque_suite suite = { .stretch = opaque_argon };
	struct opaque_client_done done;
	struct buf context;
	enum err e;

	if (ke2.n != OPAQUE_KE2_BYTES)
		return ERR_SYNTAX;
	buf_init(&context, OPAQUE_CONTEXT_MAX);
	cmtp2_login_context(&context, c->who.user, c->who.domain);
	suite.context = buf_slice(&context);
	e = opaque_client_finish(&done, &c->opaque, &suite, c->who.password,
	    (const unsigned char *)ke2.p);
	if (e == ERR_OK) {
		memcpy(c->export_key, done.export_key, sizeof(c->export_key));
		cmtp2_login_prove(out, done.ke3);
		c->step = CMTP2_ENTER_BUNDLE;
	}
	buf_fini(&context);
	secret_wipe(&done, sizeof(done));
	return e;
}

static enum err
take_offer(struct cmtp2_enter *c, struct slice offer, struct buf *out)
{
	const struct opaque_suite suite = { .stretch = opaque_argon };
	unsigned char record[OPAQUE_RECORD_BYTES];
	struct buf bundle;
	enum err e;

	if (offer.n != OPAQUE_OFFER_BYTES)
		return ERR_SYNTAX;
	buf_init(&bundle, CMTP2_BUNDLE_MAX);
	e = opaque_client_enrol(record, c->export_key, &suite, c->who.password, &c->random,
	    (const unsigned char *)offer.p);
	if (e == ERR_OK)
		e = cmtp2_bundle_seal(&bundle, buf_slice(&c->secret), c->export_key);
	if (e == ERR_OK) {
		cmtp2_login_record(out, record, buf_slice(&bundle));
		c->step = CMTP2_ENTER_KEPT;
	}
	buf_fini(&bundle);
	secret_wipe(record, sizeof(record));
	return e;
}

static enum err
take_bundle(struct cmtp2_enter *c, struct slice bundle)
{
	enum err e = cmtp2_bundle_open(&c->secret, bundle, c->export_key);

	return e == ERR_OK ? ERR_END : e;
}

static enum err
take(struct cmtp2_enter *c, struct slice content, struct buf *out)
{
	switch (c->step) {
	case CMTP2_ENTER_KE2:
		return take_ke2(c, content, out);
	case CMTP2_ENTER_BUNDLE:
		return take_bundle(c, content);
	case CMTP2_ENTER_OFFER:
		return take_offer(c, content, out);
	case CMTP2_ENTER_KEPT:
		return content.n == 0 ? ERR_END : ERR_SYNTAX;
	case CMTP2_ENTER_OVER:
		break;
	}
	return ERR_STATE;
}

static enum err
refusal(uint8_t status)
{
	switch ((enum cmtp2_login_status)status) {
	case CMTP2_LOGIN_OK:
		return ERR_OK;
	case CMTP2_LOGIN_NO:
		return ERR_AUTH;
	case CMTP2_LOGIN_MAIL:
		return ERR_DENIED;
	case CMTP2_LOGIN_LATER:
		break;
	}
	return ERR_AGAIN;
}

enum err
cmtp2_enter_next(struct cmtp2_enter *c, struct slice *in, struct buf *out)
{
	struct cmtp2_login_reply r;
	enum err e = c->step == CMTP2_ENTER_OVER ? ERR_STATE : cmtp2_login_read(&r, in);

	if (e == ERR_SHORT)
		return e;
	if (e == ERR_OK)
		e = r.is_failure ? ERR_AGAIN : refusal(r.status);
	if (e == ERR_OK)
		e = take(c, r.content, out);
	if (e != ERR_OK)
		c->step = CMTP2_ENTER_OVER;
	return e;
}
