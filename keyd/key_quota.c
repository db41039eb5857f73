/* SPDX-License-Identifier: ISC */
#include "keyd/key_quota.h"

#include "keyd/key_facts.h"
#include "keyd/key_gate.h"
#include "keyd/key_login.h"
#include "keyd/key_token.h"
#include "keyd/key_tool.h"
#include "lib/base/log.h"
#include "lib/conf/conf_quota.h"

static enum err
find_target(struct keyd *k, struct ipc_peer *p, const struct ipc_set_quota *m,
    struct key_account **user, struct key_account **target)
{
	const struct domain_options *d = key_login_domain(k, m->address);
	struct key_session *session;
	enum err e = key_token_check(k, m->token, TOKEN_MAIL, ipc_peer_role(p),
	    ipc_peer_instance(p), &session, user);

	if (e != ERR_OK)
		return e;
	if (d == NULL || !conf_is_quota_admin(&d->quota_admins, (*user)->address))
		return ERR_DENIED;
	*target = key_ring_find_address(k->ring, m->address);
	if (*target == NULL)
		return ERR_NOTFOUND;
	return m->bytes > CONF_QUOTA_MAX ? ERR_LIMIT : ERR_OK;
}

static enum err
set_quota(struct keyd *k, uint64_t bytes, const struct key_account *user,
    struct key_account **target)
{
	struct key_account changed = **target;
	enum err e;

	changed.quota_bytes = bytes;
	e = key_ring_put(k->ring, &changed, target);
	log_event(LOG_account, log_str("action", "quota"), log_text("user", changed.address),
	    log_num("account", changed.id), log_text("by", user->address),
	    log_str("result", err_text(e)));
	if (e == ERR_OK)
		key_facts_account(k, *target);
	return e;
}

void
key_quota_on_set(struct keyd *k, struct ipc_peer *p, const void *msg, struct ipc_in *in)
{
	const struct ipc_set_quota *m = msg;
	struct key_account *user, *target;
	struct ipc_quota_set reply;
	enum err e = find_target(k, p, m, &user, &target);

	if (e == ERR_OK && m->set)
		e = set_quota(k, m->bytes, user, &target);
	if (e != ERR_OK) {
		key_gate_refuse(p, in->id, e, err_text(e));
		return;
	}
	reply = (struct ipc_quota_set){ .account = target->id,
	    .quota_bytes = key_facts_quota(k, target) };
	ipc_reply(p, in->id, IPC_MSG_quota_set, &reply);
}
