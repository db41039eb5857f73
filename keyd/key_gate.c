/* SPDX-License-Identifier: ISC */
#include "keyd/key_gate.h"

#include <stdlib.h>

#include "keyd/key_box.h"
#include "keyd/key_cmtp.h"
#include "keyd/key_cmtp2.h"
#include "keyd/key_enrol.h"
#include "keyd/key_enter.h"
#include "keyd/key_external.h"
#include "keyd/key_facts.h"
#include "keyd/key_login.h"
#include "keyd/key_open.h"
#include "keyd/key_pin.h"
#include "keyd/key_quota.h"
#include "keyd/key_rekey.h"
#include "keyd/key_scram.h"
#include "keyd/key_secret.h"
#include "keyd/key_spool.h"
#include "keyd/key_srs.h"
#include "keyd/key_tls.h"
#include "keyd/key_token.h"
#include "keyd/key_url.h"
#include "keyd/key_xzibit.h"
#include "lib/base/log.h"
#include "lib/base/must.h"

#define TLS_ROLES	(IPC_SMTPD | IPC_CMTPD | IPC_IMAPD)
#define LOGIN_ROLES	(IPC_SMTPD | IPC_CMTPD | IPC_IMAPD)

enum gate_flag {
	GATE_MAKES_READY = 1,	/* the peer knows our certificate from now on */
	GATE_NEEDS_READY = 2,
	GATE_NOT_DRAINING = 4	/* begins something new */
};

/*	  message    who		     when			 handler */
#define KEY_PERMITS(P)								\
	P(tls_get,   TLS_ROLES,		     GATE_MAKES_READY,		 key_tls_on_get) \
	P(tls_sign,  TLS_ROLES,		     GATE_NEEDS_READY,		 key_tls_on_sign) \
	P(login,     LOGIN_ROLES,	     GATE_NOT_DRAINING,		 key_login_on_login) \
	P(scram_start, LOGIN_ROLES,	     GATE_NOT_DRAINING,		 key_scram_on_start) \
	P(scram_finish, LOGIN_ROLES,	     0,				 key_scram_on_finish) \
	P(login_external, IPC_SMTPD | IPC_IMAPD, GATE_NOT_DRAINING,	 key_external_on_login) \
	P(logout,    LOGIN_ROLES,	     0,				 key_token_on_logout) \
	P(set_quota, IPC_IMAPD,		     0,				 key_quota_on_set) \
	P(open_keys, IPC_IMAPD,		     0,				 key_open_on_keys) \
	P(epoch_rekey, IPC_STORE,	     0,				 key_rekey_on_epochs) \
	P(url_make,  IPC_IMAPD,		     0,				 key_url_on_make) \
	P(url_check, IPC_IMAPD,		     0,				 key_url_on_check) \
	P(url_reset, IPC_IMAPD,		     0,				 key_url_on_reset) \
	P(spool_key, IPC_QUEUE,		     0,				 key_spool_on_key) \
	P(srs_keys,  IPC_QUEUE,		     0,				 key_srs_on_keys) \
	P(cmtp_self, IPC_CMTPD,		     0,				 key_cmtp_on_self) \
	P(cmtp_user, IPC_CMTPD,		     0,				 key_cmtp_on_user) \
	P(cmtp_far_sign, IPC_RELAY,	     0,				 key_cmtp_on_far_sign) \
	P(cmtp2_keys, IPC_CMTPD | IPC_RELAY, 0,			 key_cmtp2_on_keys) \
	P(cmtp2_sign, IPC_CMTPD | IPC_RELAY, 0,			 key_cmtp2_on_sign) \
	P(cmtp_login, IPC_CMTPD,	     0,				 key_xzibit_on_login) \
	P(cmtp2_login, IPC_CMTPD,	     0,				 key_enter_on_login) \
	P(cmtp2_prove, IPC_CMTPD,	     0,				 key_enter_on_prove) \
	P(cmtp2_register, IPC_CMTPD,	     GATE_NOT_DRAINING,		 key_enrol_on_register) \
	P(cmtp2_record, IPC_CMTPD,	     0,				 key_enrol_on_record) \
	P(cmtp_box_open, IPC_IMAPD,	     0,				 key_box_on_open) \
	P(pin_get,   IPC_CMTPD | IPC_RELAY,  0,				 key_pin_on_get) \
	P(pin_put,   IPC_RELAY,		     0,				 key_pin_on_put) \
	P(route_secret, IPC_RELAY,	     0,				 key_secret_on_route)

struct permit {
	uint16_t	 type;
	uint32_t	 roles;
	unsigned	 flags;
};

static const struct permit permits[] = {
#define P(name, roles, flags, fn)	{ IPC_MSG_##name, (roles), (flags) },
	KEY_PERMITS(P)
#undef P
};

/* What is known of a peer beyond its wire. */
struct gate_peer {
	struct list		 link;
	const struct ipc_peer	*peer;
	bool			 is_ready;
};

struct key_gate {
	struct list	 peers;
};

struct key_gate *
key_gate_new(struct keyd *k)
{
	struct key_gate *g = must_alloc(1, sizeof(*g));

	(void)k;
	list_init(&g->peers);
	return g;
}

void
key_gate_free(struct key_gate **gp)
{
	if (*gp != NULL)
		must(list_is_empty(&(*gp)->peers));
	free(*gp);
	*gp = NULL;
}

static const struct permit *
permit_find(uint16_t type)
{
	size_t i;

	for (i = 0; i < lengthof(permits); i++)
		if (permits[i].type == type)
			return &permits[i];
	return NULL;
}

enum key_verdict
key_gate_verdict(uint16_t type, enum ipc_role role, bool is_ready, bool is_draining)
{
	const struct permit *p = permit_find(type);

	if (p == NULL || (p->roles & (uint32_t)role) == 0)
		return KEY_VIOLATION;
	if ((p->flags & GATE_NEEDS_READY) && !is_ready)
		return KEY_VIOLATION;
	if ((p->flags & GATE_NOT_DRAINING) && is_draining)
		return KEY_REFUSE_DRAINING;
	return KEY_PERMIT;
}

static struct gate_peer *
gate_peer_find(const struct key_gate *g, const struct ipc_peer *p)
{
	struct list *l;

	for (l = list_first(&g->peers); l != NULL; l = list_next(&g->peers, l))
		if (obj_of(l, struct gate_peer, link)->peer == p)
			return obj_of(l, struct gate_peer, link);
	return NULL;
}

bool
key_gate_is_ready(const struct keyd *k, const struct ipc_peer *p)
{
	const struct gate_peer *g = gate_peer_find(k->gate, p);

	return g != NULL && g->is_ready;
}

static bool
gate_passes(struct keyd *k, struct ipc_peer *p, uint16_t type, struct ipc_in *in)
{
	struct gate_peer *g = gate_peer_find(k->gate, p);

	switch (key_gate_verdict(type, ipc_peer_role(p), g != NULL && g->is_ready,
	    k->is_draining)) {
	case KEY_PERMIT:
		if (g != NULL && (permit_find(type)->flags & GATE_MAKES_READY))
			g->is_ready = true;
		return true;
	case KEY_REFUSE_DRAINING:
		key_gate_refuse(p, in->id, ERR_AGAIN, "going down; try again");
		return false;
	case KEY_VIOLATION:
		ipc_peer_violation(p, "not permitted");
		return false;
	}
	return false;
}

#define P(name, roles, flags, fn)						\
static void									\
gate_##name(struct ipc_peer *p, const void *m, struct ipc_in *in)		\
{										\
	struct keyd *k = daemon_state(ipc_peer_arg(p));				\
										\
	if (gate_passes(k, p, IPC_MSG_##name, in))				\
		fn(k, p, m, in);						\
}
KEY_PERMITS(P)
#undef P

const struct ipc_handler key_gate_handlers[] = {
#define P(name, roles, flags, fn)	{ IPC_MSG_##name, gate_##name },
	KEY_PERMITS(P)
#undef P
	{ 0, NULL }
};

void
key_gate_joined(struct daemon_app *app, struct ipc_peer *p)
{
	struct keyd *k = daemon_state(app);
	struct gate_peer *g = must_alloc(1, sizeof(*g));

	g->peer = p;
	list_push(&k->gate->peers, &g->link);
	if (ipc_peer_role(p) == IPC_QUEUE || ipc_peer_role(p) == IPC_STORE)
		key_facts_joined(k, p);
}

void
key_gate_left(struct daemon_app *app, struct ipc_peer *p)
{
	struct keyd *k = daemon_state(app);
	struct gate_peer *g = gate_peer_find(k->gate, p);

	key_facts_left(k, p);
	/* Its tokens are good from no other instance. */
	key_token_drop(k, 0, ipc_peer_instance(p));
	key_scram_left(k, ipc_peer_instance(p));
	if (g == NULL)
		return;
	list_remove(&g->link);
	free(g);
}

struct ipc_peer *
key_gate_peer(const struct keyd *k, enum ipc_role role, uint32_t instance)
{
	struct ipc_peer *p;
	unsigned i;

	for (i = 0; (p = daemon_peer(k->app, role, i)) != NULL; i++)
		if (ipc_peer_instance(p) == instance)
			return p;
	return NULL;
}

void
key_gate_refuse(struct ipc_peer *p, uint64_t id, enum err e, const char *text)
{
	const struct ipc_key_fail m = { .error = e, .text = slice_str(text) };

	ipc_reply(p, id, IPC_MSG_key_fail, &m);
}
