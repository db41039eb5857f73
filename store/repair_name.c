/* SPDX-License-Identifier: ISC */
/* The names of mailboxes: those that can be read, else what notes say. */
#include "store/repair_priv.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/must.h"
#include "lib/ipc/store_proto.h"
#include "store/store_names.h"

/* The entry of that name; NULL: it is free. */
static struct repair_name *
find_name(const struct rebuild *rb, size_t upto, struct slice name)
{
	for (size_t i = 0; i < upto; i++)
		if (slice_ieq(slice_of(rb->names[i].bytes, rb->names[i].n), name))
			return &rb->names[i];
	return NULL;
}

/* Free, or subscribed without a mailbox: then it is that mailbox's again. */
static bool
take_name(struct rebuild *rb, uint32_t mailbox, struct slice name)
{
	struct repair_name *n = find_name(rb, rb->name_n, name);

	if (n != NULL && n->mailbox != 0)
		return false;
	if (n == NULL) {
		if (rb->name_n == rb->name_cap) {
			rb->name_cap = rb->name_cap == 0 ? 32 : rb->name_cap * 2;
			rb->names = must_realloc(rb->names, rb->name_cap, sizeof(*rb->names));
		}
		n = &rb->names[rb->name_n++];
		memset(n, 0, sizeof(*n));
		memcpy(n->bytes, name.p, name.n);
		n->n = name.n;
		n->is_subscribed = !names_is_hidden(name);
		n->special = names_is_hidden(name) ? STORE_HIDDEN : 0;
	}
	n->mailbox = mailbox;
	return true;
}

/* The name that the last message put there knows. */
static bool
take_name_of_notes(struct rebuild *rb, uint32_t mailbox)
{
	struct note_body n;
	struct slice name;
	bool is_taken = false;
	struct buf b;

	buf_init(&b, BLOB_NOTE_MAX);
	for (size_t i = rb->content_n; i > 0; i--) {
		if (repair_note(rb->r, rb->contents[i - 1].body, &b, &n) != ERR_OK ||
		    n.mailbox != mailbox)
			continue;
		name = n.name;
		is_taken = names_check_kept(&name) == ERR_OK && take_name(rb, mailbox, name);
		break;
	}
	buf_fini(&b);
	return is_taken;
}

/* One more name than there are is free. */
static void
take_any_name(struct rebuild *rb, uint32_t mailbox)
{
	char name[40];
	int n = snprintf(name, sizeof(name), "Recovered-%u", (unsigned)mailbox);

	for (unsigned i = 2; !take_name(rb, mailbox, slice_of(name, (size_t)n)); i++)
		n = snprintf(name, sizeof(name), "Recovered-%u-%u", (unsigned)mailbox, i);
}

/* Each mailbox one name, each name one mailbox. */
static void
settle_names(struct rebuild *rb)
{
	struct repair_box *box;
	bool has;

	for (size_t i = 0; i < rb->name_n; i++) {
		for (size_t j = 0; j < i; j++)
			if (rb->names[j].mailbox == rb->names[i].mailbox)
				rb->names[i].mailbox = 0;
		if ((rb->names[i].mailbox == 0 && !rb->names[i].is_subscribed) ||
		    find_name(rb, i, slice_of(rb->names[i].bytes, rb->names[i].n)) != NULL) {
			rb->names[i] = rb->names[--rb->name_n];
			i--;
		}
	}
	for (size_t i = 0; i < rb->box_n; i++) {
		box = &rb->boxes[i];
		has = box->is_leaving;
		for (size_t j = 0; j < rb->name_n && !has; j++)
			has = rb->names[j].mailbox == box->id;
		if (!has && !take_name_of_notes(rb, box->id))
			take_any_name(rb, box->id);
	}
}

enum err
repair_names(struct rebuild *rb)
{
	struct kv_key prefix = record_key(rb->account, 'N');
	enum err e;

	settle_names(rb);
	if ((e = repair_drop(rb, &prefix)) != ERR_OK || (e = repair_begin(rb)) != ERR_OK)
		return e;
	for (size_t i = 0; i < rb->name_n && e == ERR_OK; i++) {
		const struct repair_name *n = &rb->names[i];
		const struct record_name rec = { n->mailbox, n->is_subscribed, n->special,
		    slice_of(n->bytes, n->n) };

		names_put(&rb->op, &rec);
		rb->op.acc.mailbox_count++;
		e = repair_count(rb);
	}
	return e == ERR_OK ? repair_submit(rb) : e;
}
