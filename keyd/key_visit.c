/* SPDX-License-Identifier: ISC */
#include "keyd/key_visit.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "keyd/key_account.h"
#include "keyd/key_made.h"
#include "lib/base/must.h"
#include "lib/base/secret.h"

struct visit {
	uint64_t	 account;	/* 0: none */
	uint64_t	 until_ms;
	struct key_made	 ticket;
};

struct key_visits {
	struct visit	 v[KEY_VISITS_MAX];
	unsigned	 next;
};

struct key_visits *
key_visits_new(void)
{
	return must_alloc(1, sizeof(struct key_visits));
}

void
key_visits_free(struct key_visits **vp)
{
	if (*vp == NULL)
		return;
	secret_wipe(*vp, sizeof(**vp));
	free(*vp);
	*vp = NULL;
}

bool
key_visit_take(struct keyd *k, const struct key_account *a, struct slice password)
{
	struct key_made made;
	bool found = false;

	if (a == NULL || key_made_parse(&made, KEY_SLOT_APP, password) != ERR_OK)
		return false;
	for (unsigned i = 0; i < KEY_VISITS_MAX && !found; i++) {
		struct visit *v = &k->visits->v[i];

		found = v->account == a->id && v->until_ms > loop_now(k->loop) &&
		    v->ticket.n == made.n &&
		    secret_eq(v->ticket.digits, made.digits, made.n);
		if (found)
			secret_wipe(v, sizeof(*v));
	}
	secret_wipe(&made, sizeof(made));
	if (found)
		key_tool_audit("visited", a->address, a->id, err_text(ERR_OK));
	return found;
}

void
key_visit_make(const struct key_tool_request *q)
{
	const struct key_account *a = key_tool_account_of(q, q->argv[0]);
	struct key_visits *all = q->k->visits;
	char text[KEY_MADE_TEXT_MAX];
	struct visit *v;
	struct buf b;

	if (a == NULL)
		return;
	if (!a->enabled || a->sealing == SEALING_PASSWORD) {
		key_tool_audit("visit", a->address, a->id, err_text(ERR_DENIED));
		key_tool_reply(q->k, q->id, EX_NOPERM, !a->enabled ? "account is disabled" :
		    "its mail is sealed to its password: --password or --password-stdin",
		    a->address);
		return;
	}
	v = &all->v[all->next++ % KEY_VISITS_MAX];
	v->account = a->id;
	v->until_ms = loop_now(q->k->loop) + KEY_VISIT_MS;
	key_made_new(&v->ticket, KEY_SLOT_APP);
	key_made_text(text, &v->ticket);
	key_tool_audit("visit", a->address, a->id, err_text(ERR_OK));
	buf_init(&b, KEY_ADDRESS_MAX + sizeof(text) + 2);
	b.secret = true;
	buf_put_slice(&b, a->address);
	buf_printf(&b, "\n%s\n", text);
	daemon_tool_reply(q->k->app, q->id, EX_OK, false, buf_slice(&b));
	buf_fini(&b);
	secret_wipe(text, sizeof(text));
}
