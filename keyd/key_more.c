/* SPDX-License-Identifier: ISC */
#include "keyd/key_more.h"

#include <string.h>

#include "lib/ipc/ipc_codec.h"

enum item { ITEM_GENERATION = 1, ITEM_SLOT = 2, ITEM_BY_PASSWORD = 3, ITEM_BY_SCRAM = 4,
	ITEM_LAST_VAULT = 5, ITEM_SEALED = 6, ITEM_CMTP = 16, ITEM_URLS = 17 };

static void
put_wrap(struct buf *b, const struct key_wrap *w)
{
	ipc_put_u32(b, w->vault);
	if (w->vault != 0)
		ipc_put_fixed(b, w->bytes, sizeof(w->bytes));
}

static void
get_wrap(struct ipc_reader *r, struct key_wrap *w)
{
	w->vault = ipc_get_u32(r);
	if (w->vault != 0)
		ipc_get_fixed(r, w->bytes, sizeof(w->bytes));
}

/* A generation whose secret went to the owner's device. */
static void
put_sealed(struct buf *b, const struct key_generation *g)
{
	ipc_put_u8(b, ITEM_SEALED);
	ipc_put_u32(b, g->number);
	ipc_put_fixed(b, g->public_key, 32);
	ipc_put_u32(b, g->sealed_to);
	ipc_put_fixed(b, g->sealed_secret, KEY_SEALED_BYTES);
}

static void
get_sealed(struct ipc_reader *r, struct key_more *m)
{
	struct key_generation g = { .number = ipc_get_u32(r), .form = KEY_FORM_SEALED };

	ipc_get_fixed(r, g.public_key, 32);
	g.sealed_to = ipc_get_u32(r);
	ipc_get_fixed(r, g.sealed_secret, KEY_SEALED_BYTES);
	if (!r->bad)
		r->bad = key_more_add_generation(m, &g) != ERR_OK;
}

static void
put_generation(struct buf *b, const struct key_generation *g)
{
	if (g->form == KEY_FORM_SEALED) {
		put_sealed(b, g);
		return;
	}
	ipc_put_u8(b, ITEM_GENERATION);
	ipc_put_u32(b, g->number);
	ipc_put_u8(b, (uint8_t)g->form);
	ipc_put_u32(b, g->vault);
	ipc_put_fixed(b, g->public_key, 32);
	ipc_put_fixed(b, g->wrapped_secret, KEY_WRAPPED_BYTES);
}

static void
get_generation(struct ipc_reader *r, struct key_more *m)
{
	struct key_generation g = { .number = ipc_get_u32(r) };
	uint8_t form = ipc_get_u8(r);

	r->bad |= form < KEY_FORM_ROOT || form > KEY_FORM_NONE;
	g.form = form == KEY_FORM_ROOT ? KEY_FORM_ROOT :
	    form == KEY_FORM_VAULT ? KEY_FORM_VAULT : KEY_FORM_NONE;
	g.vault = ipc_get_u32(r);
	ipc_get_fixed(r, g.public_key, 32);
	ipc_get_fixed(r, g.wrapped_secret, KEY_WRAPPED_BYTES);
	if (!r->bad)
		r->bad = key_more_add_generation(m, &g) != ERR_OK;
}

static void
put_slot(struct buf *b, const struct key_made_slot *s)
{
	ipc_put_u8(b, ITEM_SLOT);
	ipc_put_u8(b, (uint8_t)s->kind);
	ipc_put_u8(b, s->scopes);
	ipc_put_u64(b, s->created_s);
	ipc_put_fixed(b, s->salt, sizeof(s->salt));
	ipc_put_fixed(b, s->verifier, sizeof(s->verifier));
	put_wrap(b, &s->wrap);
	ipc_put_var(b, slice_of(s->name, s->name_n), KEY_SLOT_NAME_MAX);
}

static void
get_slot(struct ipc_reader *r, struct key_more *m)
{
	struct key_made_slot s = { 0 };
	uint8_t kind = ipc_get_u8(r);
	struct slice name;

	r->bad |= kind != KEY_SLOT_APP && kind != KEY_SLOT_RECOVERY;
	s.kind = kind == KEY_SLOT_APP ? KEY_SLOT_APP : KEY_SLOT_RECOVERY;
	s.scopes = ipc_get_u8(r);
	s.created_s = ipc_get_u64(r);
	ipc_get_fixed(r, s.salt, sizeof(s.salt));
	ipc_get_fixed(r, s.verifier, sizeof(s.verifier));
	get_wrap(r, &s.wrap);
	name = ipc_get_var(r, KEY_SLOT_NAME_MAX);
	s.name_n = name.n;
	if (name.n > 0)
		memcpy(s.name, name.p, name.n);
	if (!r->bad)
		r->bad = key_more_add_slot(m, &s) != ERR_OK;
}

static void
put_urls(struct buf *b, const struct key_url_resets *u)
{
	ipc_put_u8(b, ITEM_URLS);
	ipc_put_u64(b, u->last);
	ipc_put_u64(b, u->base);
	ipc_put_u8(b, (uint8_t)u->n);
	for (unsigned i = 0; i < u->n; i++) {
		ipc_put_u64(b, u->v[i].mailbox);
		ipc_put_u64(b, u->v[i].number);
	}
}

static void
get_urls(struct ipc_reader *r, struct key_url_resets *u)
{
	u->last = ipc_get_u64(r);
	u->base = ipc_get_u64(r);
	u->n = ipc_get_u8(r);
	r->bad |= u->n > KEY_URL_RESETS_MAX || u->base > u->last || u->last == 0;
	for (unsigned i = 0; i < u->n && !r->bad; i++) {
		u->v[i].mailbox = ipc_get_u64(r);
		u->v[i].number = ipc_get_u64(r);
		r->bad |= u->v[i].mailbox == 0 || u->v[i].number > u->last;
	}
}

void
key_more_put(struct buf *b, const struct key_more *m)
{
	for (unsigned i = 0; i < m->generation_n; i++)
		put_generation(b, &m->generations[i]);
	for (unsigned i = 0; i < m->slot_n; i++)
		put_slot(b, &m->slots[i]);
	if (m->by_password.vault != 0) {
		ipc_put_u8(b, ITEM_BY_PASSWORD);
		put_wrap(b, &m->by_password);
	}
	if (m->by_scram.vault != 0) {
		ipc_put_u8(b, ITEM_BY_SCRAM);
		put_wrap(b, &m->by_scram);
	}
	if (m->last_vault != 0) {
		ipc_put_u8(b, ITEM_LAST_VAULT);
		ipc_put_u32(b, m->last_vault);
	}
	if (m->urls.last != 0)
		put_urls(b, &m->urls);
	if (m->cmtp_generation != 0) {
		ipc_put_u8(b, ITEM_CMTP);
		ipc_put_u32(b, m->cmtp_generation);
		ipc_put_fixed(b, m->cmtp_public, sizeof(m->cmtp_public));
	}
}

enum err
key_more_get(struct key_more *m, struct slice bytes)
{
	struct ipc_reader r = ipc_reader_of(bytes);

	memset(m, 0, sizeof(*m));
	while (ipc_reader_more(&r)) {
		switch (ipc_get_u8(&r)) {
		case ITEM_GENERATION:
			get_generation(&r, m);
			break;
		case ITEM_URLS:
			get_urls(&r, &m->urls);
			break;
		case ITEM_CMTP:
			m->cmtp_generation = ipc_get_u32(&r);
			ipc_get_fixed(&r, m->cmtp_public, sizeof(m->cmtp_public));
			break;
		case ITEM_SEALED:
			get_sealed(&r, m);
			break;
		case ITEM_SLOT:
			get_slot(&r, m);
			break;
		case ITEM_BY_PASSWORD:
			get_wrap(&r, &m->by_password);
			break;
		case ITEM_BY_SCRAM:
			get_wrap(&r, &m->by_scram);
			break;
		case ITEM_LAST_VAULT:
			m->last_vault = ipc_get_u32(&r);
			break;
		default:
			return ERR_CORRUPT;
		}
		if (r.bad)
			return ERR_CORRUPT;
	}
	return ipc_reader_done(&r) == ERR_OK ? ERR_OK : ERR_CORRUPT;
}

uint64_t
key_more_url_number(const struct key_more *m, uint64_t mailbox)
{
	const struct key_url_resets *u = &m->urls;

	for (unsigned i = 0; i < u->n; i++)
		if (u->v[i].mailbox == mailbox)
			return u->v[i].number;
	return u->base;
}

void
key_more_url_reset(struct key_more *m, uint64_t mailbox)
{
	struct key_url_resets *u = &m->urls;
	unsigned i = 0;

	u->last++;
	while (i < u->n && u->v[i].mailbox != mailbox)
		i++;
	if (mailbox == 0 || i == KEY_URL_RESETS_MAX) {
		u->base = u->last;
		u->n = 0;
		return;
	}
	u->n += i == u->n;
	u->v[i].mailbox = mailbox;
	u->v[i].number = u->last;
}

struct key_made_slot *
key_more_find(struct key_more *m, enum key_slot_kind kind, struct slice name)
{
	for (unsigned i = 0; i < m->slot_n; i++)
		if (m->slots[i].kind == kind &&
		    slice_eq(slice_of(m->slots[i].name, m->slots[i].name_n), name))
			return &m->slots[i];
	return NULL;
}

const struct key_generation *
key_more_generation(const struct key_more *m, uint32_t number)
{
	for (unsigned i = 0; i < m->generation_n; i++)
		if (m->generations[i].number == number)
			return &m->generations[i];
	return NULL;
}

enum err
key_more_add_slot(struct key_more *m, const struct key_made_slot *s)
{
	unsigned same = 0;

	for (unsigned i = 0; i < m->slot_n; i++)
		same += m->slots[i].kind == s->kind;
	if (same >= (s->kind == KEY_SLOT_APP ? KEY_APPS_MAX : KEY_SLOTS_MAX - KEY_APPS_MAX))
		return ERR_LIMIT;
	m->slots[m->slot_n++] = *s;
	return ERR_OK;
}

void
key_more_drop_slot(struct key_more *m, struct key_made_slot *s)
{
	*s = m->slots[--m->slot_n];
}

enum err
key_more_add_generation(struct key_more *m, const struct key_generation *g)
{
	if (m->generation_n >= KEY_GENERATIONS_MAX)
		return ERR_LIMIT;
	m->generations[m->generation_n++] = *g;
	return ERR_OK;
}
