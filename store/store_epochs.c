/* SPDX-License-Identifier: ISC */
#include "store/store_epochs.h"

#include "lib/ipc/ipc_codec.h"
#include "store/store_record.h"

#define LIST_BYTES	11900
#define EPOCH_BYTES	128

void
epochs_init(struct epochs *x)
{
	x->last_n = 0;
	buf_init(&x->list, LIST_BYTES);
}

void
epochs_fini(struct epochs *x)
{
	buf_fini(&x->list);
}

static bool
is_named(const struct epochs *x, uint64_t epoch)
{
	struct ipc_reader r = ipc_reader_of(buf_slice(&x->list));
	struct ipc_epoch e;

	for (unsigned i = 0; i < x->last_n; i++)
		if (x->last[i] == epoch)
			return true;
	while (ipc_reader_more(&r)) {
		ipc_epoch_get(&r, &e);
		if (e.epoch == epoch)
			return true;
	}
	return false;
}

enum err
epochs_put(struct epochs *x, struct op *op, uint64_t epoch)
{
	struct kv_key k = record_key_u64(op->account, 'E', epoch);
	struct record_epoch rec;
	struct ipc_epoch m;
	struct slice v;
	enum err e;

	if (is_named(x, epoch))
		return ERR_OK;
	if (x->list.n + EPOCH_BYTES > LIST_BYTES)
		return ERR_FULL;
	e = kv_get(op->txn, &k, &v);
	if (e == ERR_OK)
		e = record_epoch_read(&rec, v);
	/* Without its epoch a content cannot be opened; its row still counts. */
	if (e == ERR_NOTFOUND || e == ERR_CORRUPT)
		return ERR_OK;
	if (e != ERR_OK)
		return e;
	m = (struct ipc_epoch){ epoch, rec.generation, rec.form, rec.data };
	ipc_epoch_put(&x->list, &m);
	x->last[x->last_n++ % lengthof(x->last)] = epoch;
	if (x->last_n > lengthof(x->last))
		x->last_n = lengthof(x->last);
	return ERR_OK;
}
