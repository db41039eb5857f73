/* SPDX-License-Identifier: ISC */
#include "keyd/key_record.h"

#include <string.h>

#include "lib/ipc/ipc_codec.h"

enum { SLOT_PASSWORD = 1 };

void
key_record_put_account(struct buf *b, const struct key_account *a)
{
	const struct key_slot *s = &a->password;

	ipc_put_u8(b, KEY_RECORD_ACCOUNT_2);
	ipc_put_u64(b, a->id);
	ipc_put_var(b, a->address, KEY_ADDRESS_MAX);
	ipc_put_u64(b, a->created_s);
	ipc_put_u64(b, a->since_s);
	ipc_put_u64(b, a->quota_bytes);
	ipc_put_bool(b, a->enabled);
	ipc_put_u8(b, (uint8_t)a->sealing);
	ipc_put_u32(b, a->generation);
	ipc_put_u8(b, (uint8_t)a->form);
	ipc_put_u32(b, a->vault);
	ipc_put_fixed(b, a->public_key, 32);
	ipc_put_fixed(b, a->wrapped_secret, KEY_WRAPPED_BYTES);
	ipc_put_u32(b, s->passes);
	ipc_put_u32(b, s->memory_kib);
	ipc_put_fixed(b, s->salt, 16);
	ipc_put_fixed(b, s->verifier, 32);
	ipc_put_u32(b, s->scram.rounds);
	ipc_put_fixed(b, s->scram.salt, 16);
	ipc_put_fixed(b, s->scram.stored_key, 32);
	ipc_put_fixed(b, s->scram.server_key, 32);
	ipc_put_var(b, a->more, KEY_MORE_MAX);
}

void
key_record_put_gone(struct buf *b, uint64_t id)
{
	ipc_put_u8(b, KEY_RECORD_ACCOUNT_GONE);
	ipc_put_u64(b, id);
}

void
key_record_put_alias(struct buf *b, struct slice address, struct slice targets)
{
	ipc_put_u8(b, KEY_RECORD_ALIAS);
	ipc_put_var(b, address, KEY_ADDRESS_MAX);
	ipc_put_var(b, targets, KEY_TARGETS_MAX);
}

void
key_record_put_next_id(struct buf *b, uint64_t id)
{
	ipc_put_u8(b, KEY_RECORD_NEXT_ID);
	ipc_put_u64(b, id);
}

void
key_record_put_value(struct buf *b, uint32_t number, struct slice value)
{
	ipc_put_u8(b, KEY_RECORD_VALUE);
	ipc_put_u32(b, number);
	ipc_put_var(b, value, KEY_VALUE_MAX);
}

void
key_record_put_secret(struct buf *b, struct slice name, struct slice wrapped)
{
	ipc_put_u8(b, KEY_RECORD_SECRET);
	ipc_put_var(b, name, KEY_SECRET_NAME_MAX);
	ipc_put_var(b, wrapped, KEY_SECRET_WRAPPED_MAX);
}

void
key_record_put_print(struct buf *b, const struct key_print *p)
{
	ipc_put_u8(b, KEY_RECORD_PRINT);
	ipc_put_fixed(b, p->bytes, KEY_PRINT_BYTES);
	ipc_put_u64(b, p->account);
	ipc_put_u64(b, p->created_s);
	ipc_put_var(b, slice_of(p->name, p->name_n), KEY_PRINT_NAME_MAX);
}

static bool
sealing_get(struct ipc_reader *r, enum sealing *s)
{
	switch (ipc_get_u8(r)) {
	case SEALING_ESCROW:
		*s = SEALING_ESCROW;
		return true;
	case SEALING_PASSWORD:
		*s = SEALING_PASSWORD;
		return true;
	case SEALING_CLIENT:
		*s = SEALING_CLIENT;
		return true;
	case SEALING_SERVER:
		*s = SEALING_SERVER;
		return true;
	}
	return false;
}

static bool
form_get(struct ipc_reader *r, enum key_form *f)
{
	switch (ipc_get_u8(r)) {
	case KEY_FORM_ROOT:
		*f = KEY_FORM_ROOT;
		return true;
	case KEY_FORM_VAULT:
		*f = KEY_FORM_VAULT;
		return true;
	case KEY_FORM_NONE:
		*f = KEY_FORM_NONE;
		return true;
	}
	return false;
}

static void
account_begin(struct ipc_reader *r, struct key_account *a)
{
	a->id = ipc_get_u64(r);
	a->address = ipc_get_var(r, KEY_ADDRESS_MAX);
	a->created_s = ipc_get_u64(r);
	a->since_s = ipc_get_u64(r);
	a->quota_bytes = ipc_get_u64(r);
	a->enabled = ipc_get_bool(r);
	r->bad |= !sealing_get(r, &a->sealing);
	a->generation = ipc_get_u32(r);
	r->bad |= a->id == 0 || a->address.n == 0;
}

static void
password_get(struct ipc_reader *r, struct key_slot *s)
{
	s->passes = ipc_get_u32(r);
	s->memory_kib = ipc_get_u32(r);
	ipc_get_fixed(r, s->salt, 16);
	ipc_get_fixed(r, s->verifier, 32);
}

/* As it was written until November 2026. */
static void
account_get_1(struct ipc_reader *r, struct key_account *a)
{
	account_begin(r, a);
	a->form = KEY_FORM_ROOT;
	ipc_get_fixed(r, a->public_key, 32);
	ipc_get_fixed(r, a->wrapped_secret, KEY_WRAPPED_BYTES);
	r->bad |= ipc_get_u8(r) != 1 || ipc_get_u8(r) != SLOT_PASSWORD;
	password_get(r, &a->password);
}

static void
account_get(struct ipc_reader *r, struct key_account *a)
{
	struct key_scram *s = &a->password.scram;

	account_begin(r, a);
	r->bad |= !form_get(r, &a->form);
	a->vault = ipc_get_u32(r);
	ipc_get_fixed(r, a->public_key, 32);
	ipc_get_fixed(r, a->wrapped_secret, KEY_WRAPPED_BYTES);
	password_get(r, &a->password);
	s->rounds = ipc_get_u32(r);
	ipc_get_fixed(r, s->salt, 16);
	ipc_get_fixed(r, s->stored_key, 32);
	ipc_get_fixed(r, s->server_key, 32);
	a->more = ipc_get_var(r, KEY_MORE_MAX);
}

static void
print_get(struct ipc_reader *r, struct key_print *p)
{
	struct slice name;

	ipc_get_fixed(r, p->bytes, KEY_PRINT_BYTES);
	p->account = ipc_get_u64(r);
	p->created_s = ipc_get_u64(r);
	name = ipc_get_var(r, KEY_PRINT_NAME_MAX);
	p->name_n = name.n;
	if (name.n > 0)
		memcpy(p->name, name.p, name.n);
}

enum err
key_record_get(struct key_record *m, struct slice bytes)
{
	struct ipc_reader r = ipc_reader_of(bytes);
	uint8_t type = ipc_get_u8(&r);

	memset(m, 0, sizeof(*m));
	switch (type) {
	case KEY_RECORD_ACCOUNT:
		m->type = KEY_RECORD_ACCOUNT;
		account_get_1(&r, &m->account);
		break;
	case KEY_RECORD_ACCOUNT_2:
		m->type = KEY_RECORD_ACCOUNT;
		account_get(&r, &m->account);
		break;
	case KEY_RECORD_ACCOUNT_GONE:
		m->type = KEY_RECORD_ACCOUNT_GONE;
		m->id = ipc_get_u64(&r);
		break;
	case KEY_RECORD_ALIAS:
		m->type = KEY_RECORD_ALIAS;
		m->address = ipc_get_var(&r, KEY_ADDRESS_MAX);
		m->targets = ipc_get_var(&r, KEY_TARGETS_MAX);
		break;
	case KEY_RECORD_NEXT_ID:
		m->type = KEY_RECORD_NEXT_ID;
		m->id = ipc_get_u64(&r);
		break;
	case KEY_RECORD_VALUE:
		m->type = KEY_RECORD_VALUE;
		m->number = ipc_get_u32(&r);
		m->value = ipc_get_var(&r, KEY_VALUE_MAX);
		break;
	case KEY_RECORD_SECRET:
		m->type = KEY_RECORD_SECRET;
		m->name = ipc_get_var(&r, KEY_SECRET_NAME_MAX);
		m->value = ipc_get_var(&r, KEY_SECRET_WRAPPED_MAX);
		r.bad |= m->name.n == 0;
		break;
	case KEY_RECORD_PRINT:
		m->type = KEY_RECORD_PRINT;
		print_get(&r, &m->print);
		break;
	default:
		return ERR_CORRUPT;
	}
	return ipc_reader_done(&r) == ERR_OK ? ERR_OK : ERR_CORRUPT;
}
