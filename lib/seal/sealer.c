/* SPDX-License-Identifier: ISC */
#include "lib/seal/sealer.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/list.h"
#include "lib/base/map.h"
#include "lib/base/must.h"
#include "lib/base/secret.h"
#include "lib/mail/summary.h"
#include "lib/seal/seal_arrival.h"

#define SUMMARY_VERSION		1
#define WRITERS_KEPT		32	/* idle ones; each holds a chunk and up to a frame */

struct entry {
	struct map_node		node;
	struct list		used;		/* most recently used last */
	struct sealer_owner	owner;
	uint64_t		epoch;
	uint64_t		next_content;
	uint32_t		left;		/* content ids */
	uint64_t		ends_ms;
	bool			stored;
	unsigned char		key[CRY_KEY_BYTES];
	unsigned char		data[EPOCH_SEALED_BYTES];
	unsigned char		thread_key[16];
};

struct sealer {
	struct map		 epochs;
	struct list		 used;
	struct cry_aead		*aead;
	struct seal_press	*press;
	enum seal_method	 method;
	struct seal_writer	*writers[WRITERS_KEPT];
	unsigned		 writer_count;
	struct buf		 plain;		/* a summary before sealing */
};

struct sealer *
sealer_new(void)
{
	struct sealer *s = must_alloc(1, sizeof(*s));

	map_init(&s->epochs);
	list_init(&s->used);
	s->aead = cry_aead_new();
	s->press = seal_press_new();
	s->method = SEAL_ZSTD;
	buf_init(&s->plain, SUMMARY_MAX + 64);
	return s;
}

void
sealer_set_method(struct sealer *s, enum seal_method method)
{
	s->method = method;
}

static void
drop_entry(struct sealer *s, struct entry *e)
{
	map_remove(&s->epochs, &e->node);
	list_remove(&e->used);
	secret_wipe(e, sizeof(*e));
	free(e);
}

void
sealer_forget(struct sealer *s)
{
	struct list *n, *tmp;

	LIST_EACH(n, tmp, &s->used)
		drop_entry(s, obj_of(n, struct entry, used));
}

void
sealer_free(struct sealer **sp)
{
	struct sealer *s = *sp;

	*sp = NULL;
	if (s == NULL)
		return;
	sealer_forget(s);
	map_fini(&s->epochs);
	cry_aead_free(&s->aead);
	while (s->writer_count > 0)
		seal_writer_free(&s->writers[--s->writer_count]);
	seal_press_free(&s->press);
	buf_wipe(&s->plain);
	buf_fini(&s->plain);
	free(s);
}

/* ---- epochs */

static uint64_t
owner_hash(const struct sealer_owner *o)
{
	uint64_t seed;

	memcpy(&seed, o->seed_id, sizeof(seed));
	return hash_u64(o->account ^ (uint64_t)o->generation << 48 ^ (uint64_t)o->single << 47 ^
	    seed);
}

/* Its epoch is of one message. */
static bool
is_only_one(const struct sealer_owner *o)
{
	static const unsigned char none[sizeof(o->seed_id)];

	return o->single && memcmp(o->seed_id, none, sizeof(none)) == 0;
}

static struct entry *
find_entry(const struct sealer *s, const struct sealer_owner *o)
{
	struct map_node *n;

	for (n = map_first(&s->epochs, owner_hash(o)); n != NULL; n = map_next(n)) {
		struct entry *e = obj_of(n, struct entry, node);

		if (e->owner.account == o->account &&
		    e->owner.generation == o->generation && e->owner.single == o->single &&
		    memcmp(e->owner.seed_id, o->seed_id, sizeof(o->seed_id)) == 0)
			return e;
	}
	return NULL;
}

void
sealer_drop(struct sealer *s, const struct sealer_owner *o, uint64_t epoch)
{
	struct entry *e = find_entry(s, o);

	if (e != NULL && e->epoch == epoch)
		drop_entry(s, e);
}

static bool
is_usable(const struct entry *e, const struct sealer_owner *o, uint64_t now_ms)
{
	return e->left > 0 && now_ms < e->ends_ms &&
	    memcmp(e->owner.public_key, o->public_key, CRY_KEY_BYTES) == 0;
}

bool
sealer_is_ready(const struct sealer *s, const struct sealer_owner *o, uint64_t now_ms)
{
	const struct entry *e = find_entry(s, o);

	return e != NULL && is_usable(e, o, now_ms);
}

enum err
sealer_grant(struct sealer *s, const struct sealer_owner *o,
    const struct ipc_store_epoch_ok *ok, uint64_t now_ms)
{
	struct entry *e = find_entry(s, o);
	enum err r;

	if (ok->count == 0)
		return ERR_FULL;
	if (e != NULL)
		drop_entry(s, e);
	if (s->epochs.count >= SEALER_ACCOUNTS)
		drop_entry(s, obj_of(list_first(&s->used), struct entry, used));
	e = must_alloc(1, sizeof(*e));
	e->owner = *o;
	e->epoch = ok->epoch;
	e->next_content = ok->first_content;
	e->left = is_only_one(o) ? 1 : ok->count < EPOCH_MESSAGES ? ok->count : EPOCH_MESSAGES;
	e->ends_ms = now_ms + EPOCH_MS;
	epoch_make(e->key);
	/* A single message's key is its sender's.  A seed has another beside, for traces. */
	r = is_only_one(o) ? ERR_OK : epoch_seal(e->data, e->key, o->public_key);
	if (r != ERR_OK) {
		secret_wipe(e, sizeof(*e));
		free(e);
		return r;
	}
	sealer_thread_key(e->thread_key, o->public_key);
	list_init(&e->used);
	list_push(&s->used, &e->used);
	map_insert(&s->epochs, &e->node, owner_hash(o));
	return ERR_OK;
}

void
sealer_stored(struct sealer *s, const struct sealer_owner *o, uint64_t epoch)
{
	struct entry *e = find_entry(s, o);

	if (e != NULL && e->epoch == epoch)
		e->stored = true;
}

void
sealer_thread_key(unsigned char key[16], const unsigned char public_key[CRY_KEY_BYTES])
{
	cry_mac(key, 16, public_key, SLICE_LIT("godwit thread hash"));
}

/* ---- messages */

void
sealer_message_init(struct sealer_message *m)
{
	memset(m, 0, sizeof(*m));
	buf_init(&m->summary, SUMMARY_MAX + SEAL_SUMMARY_EXTRA + 64);
}

static void
give_back(struct sealer *s, struct sealer_message *m)
{
	if (m->writer == NULL)
		return;
	if (s->writer_count < WRITERS_KEPT)
		s->writers[s->writer_count++] = m->writer;
	else
		seal_writer_free(&m->writer);
	m->writer = NULL;
	m->begun = false;
}

static void
wipe_keys(struct sealer_message *m)
{
	secret_wipe(m->key, sizeof(m->key));
	secret_wipe(m->epoch_key, sizeof(m->epoch_key));
}

void
sealer_message_reset(struct sealer *s, struct sealer_message *m)
{
	struct buf summary = m->summary;

	give_back(s, m);
	wipe_keys(m);
	buf_reset(&summary);
	memset(m, 0, sizeof(*m));
	m->summary = summary;
}

void
sealer_message_fini(struct sealer *s, struct sealer_message *m)
{
	sealer_message_reset(s, m);
	buf_fini(&m->summary);
	memset(m, 0, sizeof(*m));
}

static void
take_writer(struct sealer *s, struct sealer_message *m)
{
	if (m->writer == NULL)
		m->writer = s->writer_count > 0 ? s->writers[--s->writer_count] :
		    seal_writer_new(s->press);
}

/* Moved behind the others; NULL: the owner has none that is good now. */
static struct entry *
use_entry(struct sealer *s, const struct sealer_owner *o, uint64_t now_ms)
{
	struct entry *e = find_entry(s, o);

	if (e != NULL && !is_usable(e, o, now_ms)) {
		drop_entry(s, e);
		return NULL;
	}
	if (e == NULL)
		return NULL;
	list_remove(&e->used);
	list_push(&s->used, &e->used);
	return e;
}

enum err
sealer_begin(struct sealer *s, struct sealer_message *m, const struct sealer_owner *o,
    uint64_t plain_bytes, uint64_t now_ms)
{
	struct entry *e;
	enum err r;

	if (plain_bytes > UINT32_MAX)
		return ERR_TOOBIG;
	if ((e = use_entry(s, o, now_ms)) == NULL)
		return ERR_AGAIN;
	take_writer(s, m);
	seal_make_key(m->key);
	r = seal_writer_begin(m->writer, CRY_AES256_GCM, m->key, plain_bytes,
	    plain_bytes >= SEAL_PRESS_MIN ? s->method : SEAL_STORED);
	if (r != ERR_OK) {
		give_back(s, m);
		wipe_keys(m);
		return r;
	}
	m->owner = *o;
	m->epoch = e->epoch;
	m->content = e->next_content++;
	e->left--;
	m->with_epoch = !e->stored;
	m->plain_bytes = plain_bytes;
	memcpy(m->epoch_key, e->key, sizeof(m->epoch_key));
	memcpy(m->epoch_data, e->data, sizeof(m->epoch_data));
	memcpy(m->thread_key, e->thread_key, sizeof(m->thread_key));
	m->begun = true;
	return ERR_OK;
}

enum err
sealer_put(struct sealer_message *m, struct slice plain, struct buf *out)
{
	if (!m->begun)
		return ERR_STATE;
	return seal_writer_put(m->writer, plain, out);
}

static enum err
seal_summary(struct sealer *s, struct sealer_message *m, const struct mime *mime,
    struct slice prefix, struct charset_set *set)
{
	enum err r;

	buf_reset(&s->plain);
	r = summary_put(&s->plain, mime, prefix, set);
	if (r == ERR_OK) {
		buf_reset(&m->summary);
		seal_summary_put(&m->summary, s->aead, m->key, SUMMARY_VERSION,
		    buf_slice(&s->plain));
		r = buf_err(&m->summary);
	}
	buf_wipe(&s->plain);
	return r;
}

static void
fill_append(const struct sealer_message *m, struct ipc_store_append *a)
{
	a->account = m->owner.account;
	a->size = (uint32_t)m->plain_bytes;
	a->content = m->content;
	a->epoch = m->epoch;
	a->generation = m->owner.generation;
	a->epoch_data = m->with_epoch ?
	    slice_of(m->epoch_data, sizeof(m->epoch_data)) : SLICE_NONE;
	a->commitment = slice_of(m->commitment, sizeof(m->commitment));
	a->wrapped = slice_of(m->wrapped, m->wrapped_n);
	a->message_id = slice_of(m->hashes.id, m->hashes.id_bytes);
	a->references = slice_of(m->hashes.refs, m->hashes.refs_bytes);
	a->summary = buf_slice(&m->summary);
}

/* The rest of the object and its key's wrap. */
static enum err
seal_rest(struct sealer *s, struct sealer_message *m, struct buf *out)
{
	struct epoch_slot slot;
	enum err r = seal_writer_end(m->writer, out);

	if (r != ERR_OK)
		return r;
	memcpy(m->commitment, seal_writer_commitment(m->writer), sizeof(m->commitment));
	slot = (struct epoch_slot){ m->owner.account, m->content, m->owner.generation,
	    m->commitment };
	epoch_wrap_content(s->aead, m->wrapped, m->key, m->epoch_key, &slot);
	m->wrapped_n = EPOCH_CONTENT_BYTES;
	return ERR_OK;
}

enum err
sealer_end(struct sealer *s, struct sealer_message *m, const struct mime *mime,
    struct slice prefix, struct charset_set *set, struct buf *out,
    struct ipc_store_append *a)
{
	enum err r;

	if (!m->begun)
		return ERR_STATE;
	r = seal_rest(s, m, out);
	if (r == ERR_OK)
		r = seal_summary(s, m, mime, prefix, set);
	give_back(s, m);
	wipe_keys(m);
	if (r != ERR_OK)
		return r;
	thread_hash_header(m->thread_key, mime_top_header(mime), &m->hashes);
	fill_append(m, a);
	return ERR_OK;
}

/* ---- what came sealed */

enum err
sealer_came_sealed(struct sealer_owner *o, const struct seal_entry *en)
{
	struct slice sealed, carry;
	enum err e = seal_entry_parts(en, &sealed, &carry);

	o->single = true;
	memset(o->seed_id, 0, sizeof(o->seed_id));
	if (e == ERR_OK && carry.n > 0)
		cry_hash(o->seed_id, sizeof(o->seed_id), sealed);
	return e;
}

static enum err
seal_trace(struct sealer *s, struct sealer_message *m, const struct sealer_owner *o,
    const struct entry *e, struct slice trace)
{
	struct epoch_seed seed;
	enum err r;

	memcpy(seed.key, e->key, sizeof(seed.key));
	memcpy(seed.sealed, e->data, sizeof(seed.sealed));
	take_writer(s, m);
	buf_reset(&m->summary);
	r = seal_arrival_put(&m->summary, m->writer, is_only_one(o) ? NULL : &seed, o->public_key,
	    o->generation, trace);
	give_back(s, m);
	secret_wipe(&seed, sizeof(seed));
	return r;
}

/* As the store has it: the object's fixed header, and what carries its key. */
static void
take_entry(struct sealer_message *m, const struct seal_head *h, struct slice sealed,
    struct slice carry)
{
	memcpy(m->epoch_data, sealed.p, EPOCH_SEALED_BYTES);
	memcpy(m->commitment, h->commitment, sizeof(m->commitment));
	memcpy(m->wrapped, h->fixed, EPOCH_DIRECT_BYTES);
	if (carry.n > 0)
		memcpy(m->wrapped + EPOCH_DIRECT_BYTES, carry.p, carry.n);
	m->wrapped_n = EPOCH_DIRECT_BYTES + carry.n;
}

enum err
sealer_arrive(struct sealer *s, struct sealer_message *m, const struct sealer_owner *o,
    const struct seal_head *h, const struct seal_entry *en, struct slice trace,
    uint64_t now_ms, struct ipc_store_append *a)
{
	struct slice sealed, carry;
	struct entry *e;
	enum err r;

	if (trace.n > SEAL_TRACE_MAX || h->plain_bytes > UINT32_MAX - trace.n)
		return ERR_TOOBIG;
	if (seal_entry_parts(en, &sealed, &carry) != ERR_OK || is_only_one(o) != (carry.n == 0))
		return ERR_CORRUPT;
	if ((e = use_entry(s, o, now_ms)) == NULL)
		return ERR_AGAIN;
	if ((r = seal_trace(s, m, o, e, trace)) != ERR_OK)
		return r;
	m->owner = *o;
	m->epoch = e->epoch;
	m->content = e->next_content++;
	m->with_epoch = !e->stored;
	m->plain_bytes = trace.n + h->plain_bytes;
	m->hashes = (struct thread_hashes){ 0 };
	take_entry(m, h, sealed, carry);
	if (--e->left == 0)
		drop_entry(s, e);
	fill_append(m, a);
	return ERR_OK;
}

/* ---- columns */

enum err
sealer_columns(struct sealer *s, struct sealer_message *m, const struct sealer_owner *o,
    struct slice plain, uint64_t now_ms, struct buf *out, struct ipc_store_put_columns *p)
{
	enum err r = sealer_begin(s, m, o, plain.n, now_ms);

	if (r != ERR_OK)
		return r;
	r = sealer_put(m, plain, out);
	if (r == ERR_OK)
		r = seal_rest(s, m, out);
	give_back(s, m);
	wipe_keys(m);
	if (r != ERR_OK)
		return r;
	p->content = m->content;
	p->epoch = m->epoch;
	p->generation = m->owner.generation;
	p->epoch_data = m->with_epoch ? slice_of(m->epoch_data, sizeof(m->epoch_data)) :
	    SLICE_NONE;
	p->commitment = slice_of(m->commitment, sizeof(m->commitment));
	p->wrapped = slice_of(m->wrapped, m->wrapped_n);
	p->data = buf_slice(out);
	return ERR_OK;
}
