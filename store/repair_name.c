/* SPDX-License-Identifier: ISC */
/* The names of mailboxes: those that can be read, else what notes say. */
#include "store/repair_priv.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/must.h"
#include "store/store_names.h"

static bool
is_taken(const struct rebuild *rb, size_t upto, const char *name, size_t n)
{
	for (size_t i = 0; i < upto; i++)
		if (slice_ieq(slice_of(rb->names[i].bytes, rb->names[i].n), slice_of(name, n)))
			return true;
	return false;
}

/* The name that the last message put there knows. */
static void
name_from_notes(struct rebuild *rb, uint32_t mailbox, struct repair_name *out)
{
	struct note_body n;
	struct slice name;
	struct buf b;

	buf_init(&b, BLOB_NOTE_MAX);
	for (size_t i = rb->content_n; i > 0 && out->n == 0; i--) {
		if (repair_note(rb->r, rb->contents[i - 1].body, &b, &n) != ERR_OK ||
		    n.mailbox != mailbox)
			continue;
		name = n.name;
		if (names_check(&name) == ERR_OK && !is_taken(rb, rb->name_n, name.p, name.n)) {
			memcpy(out->bytes, name.p, name.n);
			out->n = name.n;
		}
		break;
	}
	buf_fini(&b);
}

/* Each mailbox one name, each name one mailbox. */
static void
settle_names(struct rebuild *rb)
{
	struct repair_name fresh;
	struct repair_box *box;
	bool has;

	for (size_t i = 0; i < rb->name_n; i++) {
		for (size_t j = 0; j < i; j++)
			if (rb->names[j].mailbox == rb->names[i].mailbox)
				rb->names[i].mailbox = 0;
		if ((rb->names[i].mailbox == 0 && !rb->names[i].is_subscribed) ||
		    is_taken(rb, i, rb->names[i].bytes, rb->names[i].n)) {
			rb->names[i] = rb->names[--rb->name_n];
			i--;
		}
	}
	for (size_t i = 0; i < rb->box_n; i++) {
		box = &rb->boxes[i];
		has = box->is_leaving;
		for (size_t j = 0; j < rb->name_n && !has; j++)
			has = rb->names[j].mailbox == box->id;
		if (has)
			continue;
		memset(&fresh, 0, sizeof(fresh));
		name_from_notes(rb, box->id, &fresh);
		if (fresh.n == 0)
			fresh.n = (size_t)snprintf(fresh.bytes, sizeof(fresh.bytes),
			    "Recovered-%u", (unsigned)box->id);
		fresh.mailbox = box->id;
		fresh.is_subscribed = true;
		if (rb->name_n == rb->name_cap) {
			rb->name_cap = rb->name_cap == 0 ? 32 : rb->name_cap * 2;
			rb->names = must_realloc(rb->names, rb->name_cap, sizeof(*rb->names));
		}
		rb->names[rb->name_n++] = fresh;
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
