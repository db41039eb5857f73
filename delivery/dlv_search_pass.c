/* SPDX-License-Identifier: ISC */
#include "delivery/dlv_search.h"

#include "lib/base/err_passes.h"
#include "lib/base/must.h"

/* ---- answers */

void
dlv_search_pass_refuse(struct ipc_peer *p, uint64_t id, enum err e)
{
	const struct ipc_cmtp_asked m = {
		.status = err_passes(e) ? CMTP2_LATER : CMTP2_NOT_SERVED };

	ipc_reply(p, id, IPC_MSG_cmtp_asked, &m);
}

/* Those behind the known one, and always the newest. */
void
dlv_search_pass_reply(const struct dlv_search *s, struct ipc_peer *p, uint64_t id, uint64_t known)
{
	struct ipc_cmtp_asked m = { .status = s->status };
	struct slice rest = buf_slice(&s->records), from = rest;
	struct cmtp_key k;

	while (rest.n > 0 && cmtp_key_read(&k, &rest) == ERR_OK) {
		m.count++;
		if (k.serial <= known && rest.n > 0) {
			m.count = 0;
			from = rest;
		}
	}
	m.records = from;
	ipc_reply(p, id, IPC_MSG_cmtp_asked, &m);
}

/* ---- the server's key */

static void
on_server(void *arg, enum err e, const char *reason, struct slice bytes)
{
	struct dlv_search *s = arg;
	struct cmtp_pin pin;

	s->server = NULL;
	if (e == ERR_OK && (e = cmtp_pin_get(&pin, bytes)) != ERR_OK)
		reason = "what is known of it cannot be read";
	if (e == ERR_OK && s->is_again && pin.newest.serial == s->server_serial) {
		e = ERR_CORRUPT;
		reason = "its host's answer does not verify";
	}
	if (e != ERR_OK) {
		dlv_search_finish(s, e, reason, SLICE_NONE);
		return;
	}
	memcpy(s->server_sign, pin.newest.sign, sizeof(s->server_sign));
	s->server_serial = pin.newest.serial;
	dlv_search_hosts(s);
}

static void
find_server(struct dlv_search *s, uint64_t serial)
{
	const char *reason = "too many keys are looked for";
	struct slice domain = dlv_search_domain(s);
	enum err e = ERR_BUSY;

	if (!dlv_lookup_peek(s->lookup, domain, &e, &reason))
		s->server = dlv_lookup_ask(s->lookup, domain, serial, on_server, s);
	if (s->server == NULL)
		dlv_search_finish(s, e, reason, SLICE_NONE);
}

void
dlv_search_pass(struct dlv_search *s)
{
	find_server(s, 0);
}

/* ---- the host */

/* From the first record on: the answer is for all. */
void
dlv_search_pass_ask(struct dlv_search *s)
{
	if (dlv_cmtp_ask(s->cmtp, slice_of(s->user, s->user_n), dlv_search_domain(s), 0) != ERR_OK)
		dlv_search_finish(s, ERR_NOTFOUND, "the address is none of CMTP", SLICE_NONE);
}

void
dlv_search_pass_take(struct dlv_search *s, const struct cmtp2_keys_request *q,
    const struct cmtp2_keys_reply *r)
{
	bool is_good = cmtp2_keys_verify(r, q, s->server_sign) == ERR_OK;

	if (is_good && r->status == CMTP2_LATER) {
		dlv_search_finish(s, ERR_AGAIN, "its host has no answer now", SLICE_NONE);
	} else if (is_good) {
		s->status = r->status;
		buf_put_slice(&s->records, r->records);
		dlv_search_finish(s, ERR_OK, "", SLICE_NONE);
	} else if (s->is_again) {
		dlv_search_finish(s, ERR_CORRUPT, "its host's answer does not verify", SLICE_NONE);
	} else {
		/* It may have another key now, which goes on from the one that is known. */
		s->is_again = true;
		dlv_cmtp_free(&s->cmtp);
		dlv_find_free(&s->find);
		find_server(s, s->server_serial + 1);
	}
}
