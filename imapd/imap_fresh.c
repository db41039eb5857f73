/* SPDX-License-Identifier: ISC */
#include "imapd/imap_fresh.h"

#include <stdlib.h>

#include "imapd/imap_entry.h"
#include "lib/base/enc.h"
#include "lib/base/must.h"
#include "lib/ipc/key_proto.h"

#define ENTRY_HEAD	4u

struct imap_fresh {
	struct imap_entry_maker	 maker;
	struct buf		 entries;	/* u32 length, bytes, of each */
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
	if (f == NULL)
		return;
	s->shared->fresh_bytes -= f->counted;
	imap_entry_maker_fini(&f->maker);
	buf_wipe(&f->entries);
	buf_fini(&f->entries);
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
	buf_init(&f->entries, IMAP_FRESH_BYTES + ENTRY_HEAD + IMAP_ENTRY_MAX);
	return f;
}

/* The sum of all sessions follows what this one holds. */
static void
count_bytes(struct imap_session *s)
{
	struct imap_fresh *f = s->fresh;

	s->shared->fresh_bytes += f->entries.n;
	s->shared->fresh_bytes -= f->counted;
	f->counted = f->entries.n;
}

/* The first of what is left. */
static struct slice
cut_entry(struct slice *rest)
{
	size_t n = dec_le32(rest->p);
	struct slice entry = slice_of(rest->p + ENTRY_HEAD, n);

	*rest = slice_from(*rest, ENTRY_HEAD + n);
	return entry;
}

/* The first ones go; they have UIDs. */
static void
drop(struct imap_fresh *f, unsigned count)
{
	struct slice rest = buf_slice(&f->entries);

	for (unsigned i = 0; i < count; i++)
		(void)cut_entry(&rest);
	buf_consume(&f->entries, f->entries.n - rest.n);
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

void
imap_fresh_add(struct imap_session *s, const struct mime *m)
{
	unsigned char head[ENTRY_HEAD] = { 0 };
	struct imap_fresh *f;
	size_t before;

	/* Blocks of columns would be sealed too, to a key that is not here. */
	if (s->sealing == SEALING_CLIENT || s->opens_nothing)
		return;
	f = fresh_of(s);
	if (f->is_short || !has_whole_header(m) ||
	    s->shared->fresh_bytes >= IMAP_FRESH_SHARED_MAX ||
	    f->entries.n >= IMAP_FRESH_BYTES) {
		f->is_short = true;
		return;
	}
	before = f->entries.n;
	buf_put(&f->entries, head, sizeof(head));
	imap_entry_put(&f->maker, &f->entries, mime_top_header(m));
	if (buf_err(&f->entries) != ERR_OK) {
		f->is_short = true;
		return;
	}
	enc_le32(buf_data(&f->entries) + before, (uint32_t)(f->entries.n - before - ENTRY_HEAD));
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
put_block(struct imap_fresh *f, struct imap_column_writer *w)
{
	struct slice rest = buf_slice(&f->entries);
	unsigned count = block_count(f);

	imap_column_writer_lacks(w, f->first, SLICE_NONE);
	for (unsigned i = 0; i < count; i++)
		imap_column_writer_add(w, f->first + i, cut_entry(&rest));
	drop(f, count);
}

/* What is not handed over when the command ends is not: its client waits. */
static void
put_blocks(struct imap_cmd *c, struct imap_fresh *f, uint32_t uidnext,
    struct imap_column_writer *w)
{
	struct imap_walk_at at = {
		.handle = c->s->handle, .mailbox = f->mailbox, .uidnext = uidnext,
	};

	if (f->known == 0 || f->known < block_count(f))
		return;
	imap_column_writer_init(w, c, &at, IMAP_COLUMN_ENTRIES);
	while (f->known > 0 && f->known >= block_count(f))
		put_block(f, w);
	(void)imap_column_writer_end(w);
}

void
imap_fresh_appended(struct imap_cmd *c, const struct ipc_store_appended *m,
    struct imap_column_writer *w)
{
	struct imap_session *s = c->s;
	struct imap_fresh *f = s->fresh;

	if (f == NULL)
		return;
	if (f->is_short || m->box == 0 || m->count != f->count - f->known) {
		imap_fresh_free(s);
		return;
	}
	drop_old(f, m, s->host->now_ms(s->host_arg));
	f->known = f->count;
	drop(f, before_block(f));
	put_blocks(c, f, m->uid + m->count, w);
	if (f->count == 0)
		imap_fresh_free(s);
	else
		count_bytes(s);
}

void
imap_fresh_failed(struct imap_session *s)
{
	struct imap_fresh *f = s->fresh;

	if (f != NULL && (f->is_short || f->count > f->known))
		imap_fresh_free(s);
}
