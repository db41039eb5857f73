/* SPDX-License-Identifier: ISC */
#include "keyd/key_enrol.h"

#include <stdlib.h>
#include <string.h>

#include "keyd/key_enter.h"
#include "keyd/key_gate.h"
#include "keyd/key_login.h"
#include "lib/base/log.h"
#include "lib/base/must.h"
#include "lib/base/secret.h"

#define PASSWORD_MAX	255	/* as in cmtp2_register */

struct enrol {
	struct key_hash_job	 job;		/* the second run */
	struct keyd		*k;
	enum ipc_role		 role;
	uint32_t		 instance;
	uint64_t		 id;
	uint64_t		 account;	/* 0: nobody */
	uint32_t		 serial;
	unsigned char		 verifier[32];
	unsigned char		 request[OPAQUE_REGISTER_BYTES];
	unsigned char		 oprf[OPAQUE_OPRF_OUT_BYTES];	/* of the mailbox's password */
	char			 password[PASSWORD_MAX];
	size_t			 password_n;
	char			 credential[KEY_ADDRESS_MAX];
	size_t			 credential_n;
};

static struct slice
credential(const struct enrol *r)
{
	return slice_of(r->credential, r->credential_n);
}

static void
end(struct enrol *r)
{
	secret_wipe(r, sizeof(*r));
	free(r);
}

/* Who asked may be gone. */
static struct ipc_peer *
peer_of(const struct enrol *r)
{
	return key_gate_peer(r->k, r->role, r->instance);
}

static void
refuse(struct enrol *r, enum err e)
{
	struct ipc_peer *p = peer_of(r);

	if (p != NULL)
		key_gate_refuse(p, r->id, e, e == ERR_AUTH ? "wrong user name or password" :
		    "too many logins at once; try again");
	end(r);
}

/* ---- the second run: the masking key of the mailbox's password */

static void
offer(struct enrol *r, struct ipc_peer *p)
{
	struct key_enter_state s = { KEY_ENTER_RECORD, r->account, r->serial, 0, { 0 } };
	unsigned char randomized[OPAQUE_HASH_BYTES], state[KEY_ENTER_STATE_BYTES];
	unsigned char bytes[OPAQUE_OFFER_BYTES];
	const struct ipc_cmtp2_entering reply = { .content = slice_of(bytes, sizeof(bytes)),
		.state = slice_of(state, sizeof(state)) };

	opaque_randomized(randomized, r->oprf, slice_of(r->job.out, OPAQUE_ARGON_BYTES));
	opaque_masking_key(s.mac, randomized);
	key_enter_seal(r->k, state, &s);
	if (opaque_server_offer(bytes, key_enter_server(r->k), credential(r), r->request) == ERR_OK)
		ipc_reply(p, r->id, IPC_MSG_cmtp2_entering, &reply);
	else
		key_gate_refuse(p, r->id, ERR_AUTH, "that is no request");
	secret_wipe(randomized, sizeof(randomized));
	secret_wipe(&s, sizeof(s));
}

static void
on_stretched(struct key_hash_job *job)
{
	struct enrol *r = obj_of(job, struct enrol, job);
	struct ipc_peer *p = peer_of(r);

	if (job->result != ERR_OK) {
		refuse(r, ERR_BUSY);
		return;
	}
	if (p != NULL)
		offer(r, p);
	end(r);
}

static void
stretch(struct enrol *r)
{
	unsigned char key[OPAQUE_OPRF_BYTES];
	struct keyd *k = r->k;
	enum err e;

	opaque_server_key(key, key_enter_server(k), credential(r));
	e = opaque_oprf_direct(r->oprf, slice_of(r->password, r->password_n), key);
	secret_wipe(key, sizeof(key));
	if (e != ERR_OK) {
		refuse(r, ERR_AUTH);
		return;
	}
	memcpy(r->job.password, r->oprf, sizeof(r->oprf));
	r->job.password_n = sizeof(r->oprf);
	r->job.passes = OPAQUE_ARGON_PASSES;
	r->job.memory_kib = OPAQUE_ARGON_KIB;
	r->job.deadline_ms = loop_now(k->loop) + key_options(k)->password_wait;
	r->job.done = on_stretched;
	key_hash_submit(k->hash, &r->job);
}

/* ---- the first run: is it the mailbox's password? */

static void
on_checked(void *arg, const struct key_hashed *h)
{
	struct enrol *r = arg;
	const struct key_account *a = key_ring_find(r->k->ring, r->account);
	/* The comparison comes first: it is made for unknown users too. */
	bool is_right = secret_eq(h->slot.verifier, r->verifier, sizeof(r->verifier)) && a != NULL;

	if (h->error != ERR_OK)
		refuse(r, ERR_BUSY);
	else if (!is_right || !a->enabled)
		refuse(r, ERR_AUTH);
	else if (a->serial != r->serial)
		refuse(r, ERR_BUSY);
	else
		stretch(r);
}

/* For users that are none: the work of one that is. */
static struct key_slot
nobody(const struct keyd *k)
{
	const struct keyd_options *o = key_options(k);
	struct key_slot s = { .passes = (uint32_t)o->password_passes,
		.memory_kib = (uint32_t)(o->password_memory / 1024) };

	cry_random(s.salt, sizeof(s.salt));
	cry_random(s.verifier, sizeof(s.verifier));
	return s;
}

/* Nothing of what does not fit. */
static size_t
copy(char *dst, size_t max, struct slice s)
{
	if (s.n == 0 || s.n > max)
		return 0;
	memcpy(dst, s.p, s.n);
	return s.n;
}

static void
check(struct keyd *k, struct ipc_peer *p, const struct ipc_cmtp2_register *m, uint64_t id,
    const struct key_enter_who *w)
{
	struct key_slot slot = w->account != NULL ? w->account->password : nobody(k);
	struct enrol *r = must_alloc(1, sizeof(*r));
	enum err e;

	r->k = k;
	r->role = ipc_peer_role(p);
	r->instance = ipc_peer_instance(p);
	r->id = id;
	r->account = w->account != NULL ? w->account->id : 0;
	r->serial = w->account != NULL ? w->account->serial : 0;
	memcpy(r->verifier, slot.verifier, sizeof(r->verifier));
	memcpy(r->request, m->request.p, sizeof(r->request));
	r->password_n = copy(r->password, sizeof(r->password), m->password);
	/* Longer ones are nobody's. */
	r->credential_n = copy(r->credential, sizeof(r->credential), w->credential);
	/* SCRAM's rounds beside it serve nothing here. */
	slot.scram.rounds = 0;
	if ((e = key_login_try_slot(k, &slot, m->password, on_checked, r)) != ERR_OK)
		refuse(r, e);
}

void
key_enrol_on_register(struct keyd *k, struct ipc_peer *p, const void *msg, struct ipc_in *in)
{
	const struct ipc_cmtp2_register *m = msg;
	struct key_enter_who who;
	struct buf name;

	if (m->request.n != OPAQUE_REGISTER_BYTES || m->password.n > PASSWORD_MAX) {
		ipc_peer_violation(p, "cmtp2_register: no request");
		return;
	}
	buf_init(&name, KEY_ENTER_NAME_MAX);
	key_enter_who(k, &who, key_enter_join(&name, m->user, m->domain));
	if (key_enter_take_turn(k, m->client, &who) == ERR_OK)
		check(k, p, m, in->id, &who);
	else
		key_gate_refuse(p, in->id, ERR_LIMIT, "too many logins");
	buf_fini(&name);
}

/* ---- RECORD2 */

static enum err
keep(struct keyd *k, const struct ipc_cmtp2_record *m, const struct key_account *a)
{
	struct key_entry entry = { .kind = KEY_ENTRY_RECORD, .number = cry_random_u64() };
	struct buf b;
	enum err e;

	buf_init(&b, KEY_BOOK_BYTES_MAX);
	buf_put_slice(&b, m->record);
	buf_put_slice(&b, m->bundle);
	entry.bytes = buf_slice(&b);
	e = key_enter_put(k, &entry, a);
	buf_fini(&b);
	log_event(LOG_key, log_str("action", "register"), log_text("key", a->address),
	    log_num("account", a->id), log_str("result", err_text(e)));
	return e;
}

/* Does the record belong to the mailbox's password? */
static bool
is_mail_password(const struct key_enter_state *s, struct slice record)
{
	return secret_eq(s->mac, record.p + OPAQUE_KEY_BYTES, sizeof(s->mac));
}

static enum err
record(struct keyd *k, const struct ipc_cmtp2_record *m)
{
	const struct key_account *a;
	struct key_enter_state s;
	enum err e = key_enter_open(k, &s, m->state, KEY_ENTER_RECORD);

	if (e != ERR_OK)
		return e;
	a = key_ring_find(k->ring, s.account);
	if (!opaque_server_is_record((const unsigned char *)m->record.p))
		e = ERR_AUTH;
	else if (is_mail_password(&s, m->record))
		e = ERR_DENIED;
	else if (a == NULL || !a->enabled || a->serial != s.serial)
		e = ERR_AGAIN;
	else
		e = keep(k, m, a);
	secret_wipe(&s, sizeof(s));
	return e;
}

void
key_enrol_on_record(struct keyd *k, struct ipc_peer *p, const void *msg, struct ipc_in *in)
{
	const struct ipc_cmtp2_record *m = msg;
	const struct ipc_cmtp2_entered reply = { .bundle = SLICE_NONE };
	enum err e;

	if (m->record.n != OPAQUE_RECORD_BYTES) {
		ipc_peer_violation(p, "cmtp2_record: no record");
		return;
	}
	e = record(k, m);
	if (e == ERR_OK)
		ipc_reply(p, in->id, IPC_MSG_cmtp2_entered, &reply);
	else
		key_gate_refuse(p, in->id, e, "it is not kept");
}
