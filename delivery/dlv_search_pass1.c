/* SPDX-License-Identifier: ISC */
/* The steps stand from the bottom up: answers, the signature, the host. */
#include "delivery/dlv_search.h"

#include <string.h>

#include "lib/base/must.h"

/* ---- answers */

void
dlv_search_pass1_refuse(struct ipc_peer *p, uint64_t id)
{
	const struct ipc_cmtp1_asked m = { .key = SLICE_NONE };

	ipc_reply(p, id, IPC_MSG_cmtp1_asked, &m);
}

void
dlv_search_pass1_reply(const struct dlv_search *s, struct ipc_peer *p, uint64_t id)
{
	const struct ipc_cmtp1_asked m = { .key = slice_of(s->key1, sizeof(s->key1)),
		.sig = slice_of(s->sig1, sizeof(s->sig1)) };

	if (s->error == ERR_OK)
		ipc_reply(p, id, IPC_MSG_cmtp1_asked, &m);
	else
		dlv_search_pass1_refuse(p, id);
}

/* ---- keyd signs */

static void
on_signed(void *arg, enum err e, uint16_t type, const void *msg, struct ipc_in *in)
{
	struct dlv_search *s = arg;
	const struct ipc_cmtp_far_signed *m = msg;

	(void)in;
	s->call.id = 0;
	if (s->outcome != ERR_OK) {
		dlv_search_finish(s, s->outcome, s->outcome_text, SLICE_NONE);
	} else if (e != ERR_OK || type != IPC_MSG_cmtp_far_signed || m->sig.n != sizeof(s->sig1)) {
		dlv_search_finish(s, ERR_AGAIN, "its key cannot be signed now", SLICE_NONE);
	} else {
		memcpy(s->sig1, m->sig.p, sizeof(s->sig1));
		dlv_search_finish(s, ERR_OK, "", SLICE_NONE);
	}
}

/* Also when there is no key, which so takes as long. */
static void
sign(struct dlv_search *s, struct slice key, enum err outcome, const char *text)
{
	const struct ipc_cmtp_far_sign m = { .key = key };

	s->outcome = outcome;
	s->outcome_text = text;
	if (dlv_pool_call_keyd(s->lookup->env->pool, IPC_MSG_cmtp_far_sign, &m, &s->call, on_signed,
	    s) != ERR_OK)
		on_signed(s, ERR_GONE, 0, NULL, NULL);
}

/* ---- the host */

static void
on_key(void *arg, const struct dlv_cmtp1_key *k)
{
	struct dlv_search *s = arg;
	enum dlv_cmtp1_verdict verdict = k->verdict;

	if (verdict == DLV_CMTP1_GOOD)
		memcpy(s->key1, k->sign, sizeof(s->key1));
	dlv_cmtp1_free(&s->cmtp1);
	switch (verdict) {
	case DLV_CMTP1_GOOD:
		sign(s, slice_of(s->key1, sizeof(s->key1)), ERR_OK, "");
		break;
	case DLV_CMTP1_NONE:
		sign(s, SLICE_NONE, ERR_NOTFOUND, "there is no such user");
		break;
	case DLV_CMTP1_USELESS:
		sign(s, SLICE_NONE, ERR_NOTFOUND, "nothing can be sealed to the user's key");
		break;
	case DLV_CMTP1_GONE:
		sign(s, SLICE_NONE, ERR_CORRUPT, "the user had a key, and there is none any more");
		break;
	case DLV_CMTP1_OTHER:
		sign(s, SLICE_NONE, ERR_CORRUPT,
		    "the user's key is another than the one that was known");
		break;
	}
}

static void
on_ready(void *arg)
{
	struct dlv_search *s = arg;
	enum err e = dlv_cmtp1_ask(s->cmtp1, slice_of(s->user, s->user_n));

	if (e == ERR_SYNTAX)
		dlv_search_finish(s, ERR_NOTFOUND, "the address is none of CMTP", SLICE_NONE);
	else if (e != ERR_OK)
		dlv_search_finish(s, ERR_AGAIN, "what is known of it cannot be had now", SLICE_NONE);
}

/* The next host of the domain is not asked in place of one whose key is another. */
static void
on_failed(void *arg, const struct dlv_cmtp1_failure *f)
{
	struct dlv_search *s = arg;

	dlv_cmtp1_free(&s->cmtp1);
	if (f->is_broken)
		dlv_search_finish(s, ERR_CORRUPT, f->why, SLICE_NONE);
	else
		dlv_search_next_host(s, f->why);
}

static void
on_known(void *arg, enum err e)
{
	struct dlv_search *s = arg;
	struct dlv_link *link = s->link_up;

	if (e != ERR_OK) {
		dlv_search_finish(s, ERR_AGAIN, "what is known of it cannot be had now", SLICE_NONE);
		return;
	}
	s->link_up = NULL;
	dlv_cmtp1_take(s->cmtp1, link);
}

static const struct dlv_cmtp1_owner owner = { .known = on_known, .ready = on_ready,
	.key = on_key, .failed = on_failed };

void
dlv_search_pass1_up(struct dlv_search *s)
{
	s->cmtp1 = dlv_cmtp1_new(s->lookup->env->loop, s->lookup->env->pool, dlv_search_domain(s),
	    &owner, s);
	if (dlv_cmtp1_begin(s->cmtp1) != ERR_OK)
		on_known(s, ERR_GONE);
}
