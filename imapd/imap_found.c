/* SPDX-License-Identifier: ISC */
#include "imapd/imap_found.h"

#include <stdlib.h>

#include "lib/base/enc.h"
#include "lib/base/must.h"

void
imap_found_init(struct imap_found *f, uint32_t max)
{
	*f = (struct imap_found){ .max = max, .is_ordered = true };
}

void
imap_found_fini(struct imap_found *f)
{
	free(f->v);
	imap_found_init(f, f->max);
}

static void
note_modseq(struct imap_found *f, uint32_t uid, uint64_t modseq)
{
	if (modseq > f->modseq)
		f->modseq = modseq;
	if (f->count == 0 || uid < f->first_uid) {
		f->first_uid = uid;
		f->first_modseq = modseq;
	}
	if (f->count == 0 || uid > f->last_uid) {
		f->last_uid = uid;
		f->last_modseq = modseq;
	}
}

void
imap_found_add(struct imap_found *f, uint32_t uid, uint32_t seq, uint64_t modseq)
{
	if (f->count == f->max)
		f->is_full = true;
	if (f->is_full)
		return;
	if (f->count == f->cap) {
		f->cap = f->cap > 0 ? 2 * f->cap : 64;
		f->v = must_realloc(f->v, f->cap, sizeof(*f->v));
	}
	note_modseq(f, uid, modseq);
	if (f->count > 0 && uid < f->v[f->count - 1].uid)
		f->is_ordered = false;
	f->v[f->count++] = (struct imap_hit){ uid, seq };
}

static int
by_uid(const void *a, const void *b)
{
	const struct imap_hit *x = a, *y = b;

	return x->uid < y->uid ? -1 : x->uid > y->uid;
}

void
imap_found_order(struct imap_found *f)
{
	if (!f->is_ordered)
		qsort(f->v, f->count, sizeof(*f->v), by_uid);
	f->is_ordered = true;
}

void
imap_found_put_pairs(const struct imap_found *f, uint32_t from, uint32_t to, struct buf *b)
{
	unsigned char pair[8];

	for (uint32_t i = from; i < to; ) {
		uint32_t end = i + 1;

		while (end < to && f->v[end].seq == f->v[end - 1].seq + 1)
			end++;
		enc_le32(pair, f->v[i].uid);
		enc_le32(pair + 4, f->v[end - 1].uid);
		buf_put(b, pair, sizeof(pair));
		i = end;
	}
}
