/* SPDX-License-Identifier: ISC */
#include "keyd/key_rekey.h"

#include <string.h>

#include "keyd/key_epoch.h"
#include "keyd/key_gate.h"
#include "keyd/key_more.h"
#include "keyd/key_vault.h"
#include "lib/base/log.h"
#include "lib/base/secret.h"
#include "lib/seal/epoch.h"

#define OUT_BYTES	8000	/* as in keyd.msg */

/* The pair of the epoch at hand: mostly all of a request are of one generation. */
struct work {
	const struct key_rekey_job	*job;
	struct cry_aead			*aead;
	struct key_pair			 newest;
	bool				 has_newest;
	struct key_pair			 pair;
	uint32_t			 pair_of;	/* generation; 0: none yet */
	bool				 has_pair;
};

static bool
pair_ready(struct work *w, uint32_t generation)
{
	struct key_generation earlier;

	if (w->pair_of == generation && generation != 0)
		return w->has_pair;
	w->pair_of = generation;
	w->has_pair = !key_pair_is_away(w->job->account, generation, &earlier) &&
	    key_pair_open(&w->pair, w->job->account, generation, w->aead,
	    &w->job->opener) == ERR_OK;
	secret_wipe(&earlier, sizeof(earlier));
	return w->has_pair;
}

/* Where the newest secret is not at hand its public half is enough. */
static enum err
seal(struct work *w, const unsigned char key[32], struct ipc_rekeyed *r,
    unsigned char bytes[EPOCH_SEALED_BYTES])
{
	const struct key_account *a = w->job->account;
	const struct epoch_id id = { a->id, r->epoch, a->generation };

	r->generation = a->generation;
	if (w->has_newest) {
		epoch_wrap(w->aead, bytes, key, w->newest.epoch_wrap, &id);
		r->form = EPOCH_WRAPPED;
		r->data = slice_of(bytes, EPOCH_WRAPPED_BYTES);
		return ERR_OK;
	}
	r->form = EPOCH_SEALED;
	r->data = slice_of(bytes, EPOCH_SEALED_BYTES);
	return epoch_seal(bytes, key, a->public_key);
}

static enum rekey_result
rekey(struct work *w, const struct ipc_epoch *m, struct ipc_rekeyed *r,
    unsigned char bytes[EPOCH_SEALED_BYTES])
{
	enum rekey_result result = REKEY_DONE;
	unsigned char key[32];

	if (m->generation == w->job->account->generation)
		return REKEY_CURRENT;
	if (!pair_ready(w, m->generation))
		return REKEY_CLOSED;
	if (key_epoch_open(key, w->job->account, &w->pair, m, w->aead) != ERR_OK)
		return REKEY_DAMAGED;
	if (seal(w, key, r, bytes) != ERR_OK)
		result = REKEY_CLOSED;
	secret_wipe(key, sizeof(key));
	return result;
}

static void
rekey_all(struct work *w, struct ipc_reader *in, struct buf *out, unsigned *done)
{
	while (ipc_reader_more(in)) {
		unsigned char bytes[EPOCH_SEALED_BYTES];
		struct ipc_rekeyed r;
		struct ipc_epoch m;

		ipc_epoch_get(in, &m);
		r = (struct ipc_rekeyed){ .epoch = m.epoch };
		r.result = (uint8_t)rekey(w, &m, &r, bytes);
		if (r.result != REKEY_DONE)
			r = (struct ipc_rekeyed){ .epoch = m.epoch, .result = r.result };
		*done += r.result == REKEY_DONE;
		ipc_rekeyed_put(out, &r);
	}
}

static enum err
epochs_check(struct slice epochs)
{
	struct ipc_reader r = ipc_reader_of(epochs);
	struct ipc_epoch m;
	unsigned n = 0;

	while (ipc_reader_more(&r)) {
		ipc_epoch_get(&r, &m);
		if (++n > REKEY_EPOCHS_MAX)
			return ERR_VIOLATION;
	}
	return ipc_reader_done(&r) == ERR_OK ? ERR_OK : ERR_VIOLATION;
}

enum err
key_rekey_run(const struct key_rekey_job *job, struct cry_aead *aead, struct buf *out,
    unsigned *done)
{
	struct ipc_reader in = ipc_reader_of(job->epochs);
	struct work w = { .job = job, .aead = aead };
	enum err e = epochs_check(job->epochs);

	*done = 0;
	if (e != ERR_OK)
		return e;
	w.has_newest = key_pair_open(&w.newest, job->account, job->account->generation, aead,
	    &job->opener) == ERR_OK;
	rekey_all(&w, &in, out, done);
	secret_wipe(&w, sizeof(w));
	return ERR_OK;
}

void
key_rekey_on_epochs(struct keyd *k, struct ipc_peer *p, const void *msg, struct ipc_in *in)
{
	const struct ipc_epoch_rekey *m = msg;
	struct key_rekey_job job = { .account = key_ring_find(k->ring, m->account),
		.opener = { .root = k->roots.account }, .epochs = m->epochs };
	struct ipc_epoch_rekey_reply reply;
	unsigned char master[32];
	struct buf out;
	unsigned done;

	if (job.account == NULL) {
		key_gate_refuse(p, in->id, ERR_NOTFOUND, "no such account");
		return;
	}
	if (key_vault_get(k, m->account, &job.opener.vault, master) == ERR_OK)
		job.opener.master = master;
	buf_init(&out, OUT_BYTES);
	if (key_rekey_run(&job, k->aead, &out, &done) != ERR_OK) {
		ipc_peer_violation(p, "malformed epochs");
	} else {
		log_event(LOG_key, log_str("action", "rekey"), log_str("key", "epochs"),
		    log_num("account", m->account), log_num("count", done),
		    log_str("peer", ipc_role_name(ipc_peer_role(p))));
		reply.epochs = buf_slice(&out);
		ipc_reply(p, in->id, IPC_MSG_epoch_rekey_reply, &reply);
	}
	secret_wipe(master, sizeof(master));
	buf_fini(&out);
}
