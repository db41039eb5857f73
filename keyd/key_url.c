/* SPDX-License-Identifier: ISC */
#include "keyd/key_url.h"

#include <stdlib.h>
#include <string.h>

#include "keyd/key_gate.h"
#include "keyd/key_more.h"
#include "keyd/key_owner.h"
#include "keyd/key_token.h"
#include "lib/base/enc.h"
#include "lib/base/log.h"
#include "lib/base/must.h"
#include "lib/base/secret.h"
#include "lib/crypto/pass.h"
#include "lib/mail/addr.h"

/* ---- the MAC ---- */

static enum err
url_number(const struct key_account *a, uint64_t mailbox, uint64_t *number)
{
	struct key_more *more = must_alloc(1, sizeof(*more));
	enum err e = key_more_get(more, a->more);

	*number = key_more_url_number(more, mailbox);
	secret_wipe(more, sizeof(*more));
	free(more);
	return e;
}

static enum err
url_mac(const struct keyd *k, const struct key_account *a, uint64_t mailbox, struct slice terms,
    unsigned char mac[URL_MAC_BYTES])
{
	unsigned char subject[24], key[CRY_KEY_BYTES];
	uint64_t number;
	enum err e = url_number(a, mailbox, &number);

	if (e != ERR_OK)
		return e;
	enc_le64(subject, a->id);
	enc_le64(subject + 8, mailbox);
	enc_le64(subject + 16, number);
	cry_mac(key, sizeof(key), k->roots.url, slice_of(subject, sizeof(subject)));
	cry_mac(mac, URL_MAC_BYTES, key, terms);
	secret_wipe(key, sizeof(key));
	return ERR_OK;
}

/* false: it broke the protocol, and was told. */
static bool
terms_read(struct ipc_peer *p, struct slice bytes, struct ipc_url_terms *t)
{
	struct ipc_reader r = ipc_reader_of(bytes);

	ipc_url_terms_get(&r, t);
	if (ipc_reader_done(&r) == ERR_OK && t->access >= URL_SUBMIT &&
	    t->access <= URL_ANONYMOUS && t->mailbox != 0 && t->uid != 0 && t->text.n == 32)
		return true;
	ipc_peer_violation(p, "malformed terms of a URL");
	return false;
}

/* The session's account; NULL: refused. */
static struct key_account *
session_account(struct keyd *k, struct ipc_peer *p, struct slice token, uint64_t id)
{
	struct key_session *session;
	struct key_account *a = NULL;
	enum err e = key_token_check(k, token, TOKEN_MAIL, ipc_peer_role(p),
	    ipc_peer_instance(p), &session, &a);

	if (e == ERR_OK)
		return a;
	key_gate_refuse(p, id, e, "this session has ended");
	return NULL;
}

void
key_url_on_make(struct keyd *k, struct ipc_peer *p, const void *msg, struct ipc_in *in)
{
	const struct ipc_url_make *m = msg;
	const struct key_account *a = session_account(k, p, m->token, in->id);
	unsigned char mac[URL_MAC_BYTES];
	const struct ipc_url_made reply = { .mac = slice_of(mac, sizeof(mac)) };
	struct ipc_url_terms t;
	enum err e;

	if (a == NULL || !terms_read(p, m->terms, &t))
		return;
	e = url_mac(k, a, t.mailbox, m->terms, mac);
	if (e != ERR_OK)
		key_gate_refuse(p, in->id, e, "the account's record is damaged");
	else
		ipc_reply(p, in->id, IPC_MSG_url_made, &reply);
}

/* ---- who may use it ---- */

static bool
is_submitter(const struct keyd *k, const struct key_account *user)
{
	const struct opt_list *l = &key_options(k)->url_submitters;
	char text[ADDR_TEXT_MAX + 1];
	struct slice canon;

	for (uint32_t i = 0; i < l->n; i++)
		if (addr_canon_text(slice_str(l->v[i]), text, &canon) == ERR_OK &&
		    slice_eq(canon, user->address))
			return true;
	return false;
}

/* RFC 4467 s3: the access identifier. */
static bool
is_allowed(const struct keyd *k, const struct ipc_url_terms *t, const struct key_account *user)
{
	char text[ADDR_TEXT_MAX + 1];
	struct slice canon;

	switch (t->access) {
	case URL_SUBMIT:
		return is_submitter(k, user);
	case URL_USER:
		return addr_canon_text(t->user, text, &canon) == ERR_OK &&
		    slice_eq(canon, user->address);
	default:	/* all who come here are logged in */
		return t->access == URL_AUTHUSER || t->access == URL_ANONYMOUS;
	}
}

/* NULL: he may. */
static const char *
why_not(const struct keyd *k, const struct ipc_url_check *m, const struct ipc_url_terms *t,
    const struct key_account *user, const struct key_account *owner)
{
	unsigned char mac[URL_MAC_BYTES];

	if (owner == NULL || !owner->enabled)
		return "no such owner";
	if (m->mac.n != sizeof(mac) || url_mac(k, owner, t->mailbox, m->terms, mac) != ERR_OK ||
	    !secret_eq(mac, m->mac.p, sizeof(mac)))
		return "not authorized";
	if (t->expires_s != 0 && t->expires_s <= key_now_s(k))
		return "expired";
	if (!is_allowed(k, t, user))
		return "for others";
	/* His own he opens as ever; that of another must be open to keyd alone. */
	if (owner != user && ((owner->sealing != SEALING_ESCROW &&
	    owner->sealing != SEALING_SERVER) || owner->form != KEY_FORM_ROOT))
		return "only the owner opens this mail";
	return NULL;
}

void
key_url_on_check(struct keyd *k, struct ipc_peer *p, const void *msg, struct ipc_in *in)
{
	const struct ipc_url_check *m = msg;
	const struct key_account *user = session_account(k, p, m->token, in->id);
	const struct key_account *owner;
	unsigned char pass[PASS_BYTES];
	struct ipc_url_pass reply = { 0 };
	struct ipc_url_terms t;
	const char *why;

	if (user == NULL || !terms_read(p, m->terms, &t))
		return;
	owner = key_ring_find_address(k->ring, m->owner);
	why = why_not(k, m, &t, user, owner);
	if (why != NULL) {
		log_event(LOG_open, log_text("user", user->address),
		    log_num("account", user->id), log_text("owner", m->owner),
		    log_str("result", "URL refused"));
		key_gate_refuse(p, in->id, ERR_NOTFOUND, why);
		return;
	}
	if (owner != user) {
		const struct pass a = { .instance = ipc_peer_instance(p), .guest = user->id,
			.owner = owner->id, .mailbox = t.mailbox,
			.uidvalidity = t.uidvalidity, .uid = t.uid,
			.expires_s = key_now_s(k) + PASS_LIFE_S };

		pass_make(pass, &a, k->roots.grant);
		reply.pass = slice_of(pass, sizeof(pass));
	}
	ipc_reply(p, in->id, IPC_MSG_url_pass, &reply);
}

/* ---- new keys ---- */

void
key_url_on_reset(struct keyd *k, struct ipc_peer *p, const void *msg, struct ipc_in *in)
{
	const struct ipc_url_reset *m = msg;
	const struct key_account *a = session_account(k, p, m->token, in->id);
	const struct ipc_url_reset_ok reply = { 0 };
	struct key_owner *o;
	enum err e;

	if (a == NULL)
		return;
	o = must_alloc(1, sizeof(*o));
	e = key_owner_init(o, k, a);
	if (e == ERR_OK) {
		key_more_url_reset(&o->more, m->mailbox);
		e = key_owner_put(o, NULL);
	}
	key_owner_fini(o);
	free(o);
	if (e != ERR_OK)
		key_gate_refuse(p, in->id, e, "the keys could not be changed");
	else
		ipc_reply(p, in->id, IPC_MSG_url_reset_ok, &reply);
}
