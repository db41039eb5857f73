/* SPDX-License-Identifier: ISC */
#include "imapd/imap_boxes.h"

#include <stdlib.h>
#include <string.h>

#include "imapd/imap_mailbox.h"
#include "lib/base/must.h"
#include "lib/ipc/ipc_codec.h"
#include "lib/ipc/store_proto.h"

#define READABLE	(STORE_RIGHT_L | STORE_RIGHT_R)

void
imap_boxes_init(struct imap_boxes *b, size_t max)
{
	memset(b, 0, sizeof(*b));
	b->max = max;
	buf_init(&b->names, max * IMAP_MAILBOX_MAX);
}

void
imap_boxes_fini(struct imap_boxes *b)
{
	free(b->v);
	b->v = NULL;
	b->count = b->cap = 0;
	buf_fini(&b->names);
}

enum err
imap_boxes_add(struct imap_boxes *b, const struct ipc_mailbox *m)
{
	if (b->count == b->max)
		return ERR_LIMIT;
	if (b->count == b->cap) {
		b->cap = b->cap > 0 ? 2 * b->cap : 16;
		b->v = must_realloc(b->v, b->cap, sizeof(*b->v));
	}
	b->v[b->count++] = (struct imap_box){
		.mailbox = m->mailbox, .special = m->special, .exists = !m->noselect,
		.children = m->children, .subscribed = m->subscribed,
		.readable = (m->rights & READABLE) == READABLE,
		.name_at = (uint32_t)b->names.n, .name_n = (uint32_t)m->name.n,
	};
	buf_put_slice(&b->names, m->name);
	return buf_err(&b->names) == ERR_OK ? ERR_OK : ERR_LIMIT;
}

struct slice
imap_boxes_name(const struct imap_boxes *b, const struct imap_box *box)
{
	return slice_of(buf_data(&b->names) + box->name_at, box->name_n);
}

/* Names are compared as bytes; qsort knows no argument, so by insertion: the
 * store lists them nearly in this order. */
void
imap_boxes_end(struct imap_boxes *b)
{
	for (size_t i = 1; i < b->count; i++) {
		struct imap_box one = b->v[i];
		size_t k = i;

		while (k > 0 && slice_cmp(imap_boxes_name(b, &b->v[k - 1]),
		    imap_boxes_name(b, &one)) > 0) {
			b->v[k] = b->v[k - 1];
			k--;
		}
		b->v[k] = one;
	}
}

struct imap_box *
imap_boxes_find(const struct imap_boxes *b, struct slice name)
{
	size_t low = 0, high = b->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int order = slice_cmp(imap_boxes_name(b, &b->v[mid]), name);

		if (order == 0)
			return &b->v[mid];
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

struct imap_box *
imap_boxes_find_id(const struct imap_boxes *b, uint64_t mailbox)
{
	for (size_t i = 0; i < b->count && mailbox != 0; i++)
		if (b->v[i].mailbox == mailbox)
			return &b->v[i];
	return NULL;
}
