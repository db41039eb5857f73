/* SPDX-License-Identifier: ISC */
#include "imapd/imap_source.h"

#include <string.h>

#include "imapd/imap_call.h"
#include "imapd/imap_needs.h"
#include "imapd/imap_seqset.h"
#include "lib/ipc/store_proto.h"

void
imap_source_init(struct imap_source *x, struct imap_cmd *c)
{
	memset(x, 0, sizeof(*x));
	x->c = c;
	buf_init(&x->set, 8);
	imap_section_init(&x->section);
}

static void
end(struct imap_source *x)
{
	if (!x->begun)
		return;
	x->begun = false;
	imap_call_cancel(x->c->s, false);
	imap_message_fini(&x->message);
	imap_walk_fini(&x->walk);
}

void
imap_source_fini(struct imap_source *x)
{
	end(x);
	imap_section_fini(&x->section);
	buf_fini(&x->set);
}

void
imap_source_begin(struct imap_source *x, const struct imap_walk_at *at, uint32_t uid,
    struct imap_item *items, uint32_t count)
{
	end(x);
	buf_reset(&x->set);
	imap_seqset_add(&x->set, uid);
	x->items = (struct imap_items){ .v = items, .count = count };
	for (uint32_t i = 0; i < count; i++)
		x->items.kinds |= 1u << items[i].kind;
	x->walk = (struct imap_walk){
		.set = buf_slice(&x->set), .by_uid = true, .wants_keys = true,
		.want = STORE_WANT_COLD | STORE_WANT_CONTENT | STORE_WANT_SUMMARY,
		.first_bytes = imap_needs_first_bytes(&x->items),
	};
	imap_walk_start(&x->walk, x->c);
	x->walk.at = *at;
	imap_message_init(&x->message, &x->walk);
	x->begun = true;
	x->found = x->located = false;
	x->item = 0;
}

void
imap_source_turn(struct imap_source *x, uint32_t item)
{
	x->item = item;
	x->located = false;
}

enum err
imap_source_ready(struct imap_source *x)
{
	enum err e;

	if (!x->found) {
		e = imap_walk_next(&x->walk);
		if (e != ERR_OK)
			return e == ERR_END ? ERR_NOTFOUND : e;
		imap_message_begin(&x->message);
		x->found = true;
	}
	if (x->located)
		return imap_section_ready(&x->section);
	e = imap_message_ready(&x->message, imap_needs_of(&x->message, &x->items));
	if (e != ERR_OK)
		return e;
	x->located = true;
	return imap_section_begin(&x->section, &x->message, &x->items.v[x->item]);
}

enum err
imap_source_read(struct imap_source *x, struct buf *out)
{
	return imap_section_read(&x->section, out);
}

enum err
imap_source_tell(struct imap_source *x, struct buf *out)
{
	return imap_section_tell(&x->section, out);
}
