/* SPDX-License-Identifier: ISC */
#include "imapd/imap_fresh.h"

#include <stdlib.h>

#include "imapd/imap_card.h"
#include "imapd/imap_entry.h"
#include "lib/base/enc.h"
#include "lib/base/map.h"
#include "lib/base/must.h"
#include "lib/ipc/key_proto.h"
#include "lib/mail/imap_text.h"

#define HEAD_BYTES	4u

/* What waits for its block: of each message, in the order of their UIDs. */
static const enum imap_column_kind kinds[IMAP_FRESH_KINDS] = { IMAP_COLUMN_ENTRIES,
    IMAP_COLUMN_CARDS };

struct imap_fresh {
	struct imap_entry_maker	 maker;
	struct buf		 kept[IMAP_FRESH_KINDS];	/* u32 length, bytes, of each */
	struct buf		 structure, cuts;
	unsigned		 count;
	unsigned		 known;		/* of them have UIDs, from first on */
	uint32_t		 first;
	uint64_t		 mailbox;
	uint64_t		 last_ms;	/* when the last of them came */
	size_t			 counted;	/* of shared->fresh_bytes */
	bool			 is_short;	/* one of those without UID is not here */
};

void
imap_fresh_free(struct imap_session *s)
{
	struct imap_fresh *f = s->fresh;

	s->fresh = NULL;
	s->fresh_next = 0;
	if (f == NULL)
		return;
	s->shared->fresh_bytes -= f->counted;
	imap_entry_maker_fini(&f->maker);
	for (unsigned k = 0; k < IMAP_FRESH_KINDS; k++) {
		buf_wipe(&f->kept[k]);
		buf_fini(&f->kept[k]);
	}
	buf_wipe(&f->structure);
	buf_fini(&f->structure);
	buf_fini(&f->cuts);
	free(f);
}

static struct imap_fresh *
fresh_of(struct imap_session *s)
{
	struct imap_fresh *f = s->fresh;

	if (f != NULL)
		return f;
	f = s->fresh = must_alloc(1, sizeof(*f));
	imap_entry_maker_init(&f->maker, s->shared->charsets, s->thread_salt);
	for (unsigned k = 0; k < IMAP_FRESH_KINDS; k++)
		buf_init(&f->kept[k], IMAP_FRESH_BYTES + HEAD_BYTES + IMAP_ENTRY_MAX);
	buf_init(&f->structure, IMAP_ENTRY_MAX);
	buf_init(&f->cuts, IMAP_ENTRY_MAX);
	return f;
}

/* The sum of all sessions follows what this one holds. */
static void
count_bytes(struct imap_session *s)
{
	struct imap_fresh *f = s->fresh;
	size_t n = 0;

	for (unsigned k = 0; k < IMAP_FRESH_KINDS; k++)
		n += f->kept[k].n;
	s->shared->fresh_bytes += n;
	s->shared->fresh_bytes -= f->counted;
	f->counted = n;
}

/* The first of what is left. */
static struct slice
cut_first(struct slice *rest)
{
	size_t n = dec_le32(rest->p);
	struct slice bytes = slice_of(rest->p + HEAD_BYTES, n);

	*rest = slice_from(*rest, HEAD_BYTES + n);
	return bytes;
}

/* The first ones go; they have UIDs. */
static void
drop(struct imap_fresh *f, unsigned count)
{
	for (unsigned k = 0; k < IMAP_FRESH_KINDS; k++) {
		struct slice rest = buf_slice(&f->kept[k]);

		for (unsigned i = 0; i < count; i++)
			(void)cut_first(&rest);
		buf_consume(&f->kept[k], f->kept[k].n - rest.n);
	}
	f->count -= count;
	f->known -= count;
	f->first += count;
}

/* ---- add ---- */

/* As SEARCH makes it of the message: see imap_message_fields(). */
static bool
has_whole_header(const struct mime *m)
{
	return m->map.count > 0 && !m->limited && m->bytes > m->map.spans[0].header_bytes;
}

/* As FETCH has it of the summary; false: it is too large, and nothing is put. */
static bool
put_card(struct imap_fresh *f, struct buf *b, const struct mime *m)
{
	struct imap_memo_text t = { .envelope = mime_text(m, m->meta[0].envelope) };

	buf_reset(&f->structure);
	buf_reset(&f->cuts);
	imap_text_put_structure(&f->structure, m, &f->cuts);
	t.structure = buf_slice(&f->structure);
	t.cuts = buf_slice(&f->cuts);
	return mime_has(m->meta[0].envelope) && buf_err(&f->structure) == ERR_OK &&
	    buf_err(&f->cuts) == ERR_OK && imap_card_put(b, &t) == ERR_OK;
}

static bool
put(struct imap_fresh *f, unsigned k, const struct mime *m)
{
	struct buf *b = &f->kept[k];
	unsigned char head[HEAD_BYTES] = { 0 };
	size_t before = b->n;

	buf_put(b, head, sizeof(head));
	if (kinds[k] == IMAP_COLUMN_ENTRIES)
		imap_entry_put(&f->maker, b, mime_top_header(m));
	else if (!put_card(f, b, m))
		buf_truncate(b, before + sizeof(head));
	if (buf_err(b) != ERR_OK)
		return false;
	enc_le32(buf_data(b) + before, (uint32_t)(b->n - before - HEAD_BYTES));
	return true;
}

/*
 * Messages before a block that can be had whole are not kept.  It is the next
 * of its mailbox, as a rule; what that loses is a block that is made of the
 * messages.
 */
static bool
goes_before_block(struct imap_session *s, struct slice mailbox)
{
	uint64_t name = mailbox.n > 0 ? hash_slice(mailbox) : 0;
	bool known = name != 0 && name == s->fresh_name && s->fresh == NULL;

	s->fresh_name = name;
	return known && s->fresh_next != 0 && s->fresh_next % IMAP_COLUMN_UIDS != 0;
}

void
imap_fresh_add(struct imap_session *s, const struct mime *m, struct slice alone)
{
	struct imap_fresh *f;

	/* Blocks of columns would be sealed too, to a key that is not here. */
	if (s->sealing == SEALING_CLIENT || s->opens_nothing || goes_before_block(s, alone))
		return;
	f = fresh_of(s);
	f->is_short = f->is_short || !has_whole_header(m) ||
	    s->shared->fresh_bytes >= IMAP_FRESH_SHARED_MAX;
	for (unsigned k = 0; k < IMAP_FRESH_KINDS && !f->is_short; k++)
		f->is_short = f->kept[k].n >= IMAP_FRESH_BYTES || !put(f, k, m);
	if (f->is_short)
		return;
	f->count++;
	count_bytes(s);
}

/* ---- they are there ---- */

/* Those behind which another message came, or too much time, wait for nothing. */
static void
drop_old(struct imap_fresh *f, const struct ipc_store_appended *m, uint64_t now_ms)
{
	if (f->known > 0 && (m->box != f->mailbox || m->uid != f->first + f->known ||
	    now_ms - f->last_ms > IMAP_FRESH_MS))
		drop(f, f->known);
	if (f->known == 0) {
		f->first = m->uid;
		f->mailbox = m->box;
	}
	f->last_ms = now_ms;
}

/* How many before the first whose block can be had whole: there is no UID 0. */
static unsigned
before_block(const struct imap_fresh *f)
{
	unsigned n = f->first == 1 ? 0 : (0u - f->first) % IMAP_COLUMN_UIDS;

	return n < f->known ? n : f->known;
}

static unsigned
block_count(const struct imap_fresh *f)
{
	return IMAP_COLUMN_UIDS - f->first % IMAP_COLUMN_UIDS;
}

static void
put_block(struct imap_fresh *f, unsigned k, struct imap_column_writer *w)
{
	struct slice rest = buf_slice(&f->kept[k]), bytes;
	unsigned count = block_count(f);

	imap_column_writer_lacks(w, f->first, SLICE_NONE);
	for (unsigned i = 0; i < count; i++) {
		bytes = cut_first(&rest);
		if (bytes.n > 0)
			imap_column_writer_add(w, f->first + i, bytes);
	}
}

/* What is not handed over when the command ends is not: its client waits. */
static struct imap_column_writer *
put_blocks(struct imap_cmd *c, struct imap_fresh *f, uint32_t uidnext)
{
	struct imap_walk_at at = {
		.handle = c->s->handle, .mailbox = f->mailbox, .uidnext = uidnext,
	};
	struct imap_column_writer *w;

	if (f->known == 0 || f->known < block_count(f))
		return NULL;
	/* No room: the blocks will be made of the messages. */
	if ((w = arena_alloc(&c->arena, IMAP_FRESH_KINDS, sizeof(*w))) == NULL)
		return NULL;
	for (unsigned k = 0; k < IMAP_FRESH_KINDS; k++)
		imap_column_writer_init(&w[k], c, &at, kinds[k]);
	while (f->known > 0 && f->known >= block_count(f)) {
		for (unsigned k = 0; k < IMAP_FRESH_KINDS; k++)
			put_block(f, k, &w[k]);
		drop(f, block_count(f));
	}
	for (unsigned k = 0; k < IMAP_FRESH_KINDS; k++)
		(void)imap_column_writer_end(&w[k]);
	return w;
}

struct imap_column_writer *
imap_fresh_appended(struct imap_cmd *c, const struct ipc_store_appended *m)
{
	struct imap_session *s = c->s;
	struct imap_fresh *f = s->fresh;
	struct imap_column_writer *w;

	if (f == NULL) {
		s->fresh_next = m->uid + m->count;
		return NULL;
	}
	if (f->is_short || m->box == 0 || m->count != f->count - f->known) {
		imap_fresh_free(s);
		return NULL;
	}
	drop_old(f, m, s->host->now_ms(s->host_arg));
	f->known = f->count;
	drop(f, before_block(f));
	w = put_blocks(c, f, m->uid + m->count);
	if (f->count == 0)
		imap_fresh_free(s);
	else
		count_bytes(s);
	s->fresh_next = m->uid + m->count;
	return w;
}

void
imap_fresh_failed(struct imap_session *s)
{
	struct imap_fresh *f = s->fresh;

	if (f != NULL && (f->is_short || f->count > f->known))
		imap_fresh_free(s);
}
