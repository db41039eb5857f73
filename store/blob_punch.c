/* SPDX-License-Identifier: ISC */
/*
 * What is freed stays in its segment until that is compacted; a large blob is
 * worth a hole at once.  Whether it is free is asked of the index again, since
 * the transaction that freed it may have come to nothing.  The record's
 * header stays, so that the segment can still be walked.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/base/must.h"
#include "lib/daemon/daemon.h"
#include "store/blob_priv.h"
#include "store/store_record.h"

#define BLOCK		4096u	/* what a hole frees is counted in these */
#define TRIES_MAX	3	/* checkpoints that may find it still in use */

void
blob_freed_add(struct blob *b, const struct blob_ref *ref)
{
	/* More than that wait for compaction. */
	if (ref->bytes < BLOB_PUNCH_MIN || b->freed_n == BLOB_FREED_MAX)
		return;
	b->freed[b->freed_n++] = (struct freed){ *ref, 0 };
}

/* ERR_BUSY and the like: not known. */
static enum err
is_named(struct blob *b, const struct blob_head *h, const struct blob_ref *ref,
    enum kv_mode mode, bool *named)
{
	struct kv_key k = record_key_u64(h->account, 'X', h->content);
	struct record_content c;
	struct kv_txn *t;
	struct slice v;
	enum err e;

	if ((e = kv_begin(b->kv, h->account, mode, &t)) != ERR_OK)
		return e;
	*named = false;
	if ((e = kv_get(t, &k, &v)) == ERR_OK &&
	    (e = record_content_read(&c, v)) == ERR_OK)
		*named = c.body.segment == ref->segment && c.body.offset == ref->offset;
	kv_end(&t);
	return e == ERR_NOTFOUND ? ERR_OK : e;
}

enum verdict { PUNCH, WAIT, FORGET };

static enum verdict
judge(struct blob *b, struct freed *f)
{
	bool submitted = true, durable = true;
	const struct seg *s = blob_seg_find(b, f->ref.segment);
	struct blob_head h;

	if (s == NULL || s->is_empty ||
	    blob_head_at(b, f->ref.segment, f->ref.offset, &h) != ERR_OK ||
	    h.kind != BLOB_BODY || h.bytes != f->ref.bytes)
		return FORGET;
	if (is_named(b, &h, &f->ref, KV_WRITE, &submitted) == ERR_OK &&
	    is_named(b, &h, &f->ref, KV_READ, &durable) == ERR_OK && !submitted && !durable)
		return PUNCH;
	return ++f->tries < TRIES_MAX ? WAIT : FORGET;
}

void
blob_punch_take(struct blob *b, struct blob_punches *p)
{
	unsigned kept = 0, n = b->freed_n;

	p->dir_fd = b->dir_fd;
	p->n = 0;
	p->v = n > 0 ? must_alloc(n, sizeof(*p->v)) : NULL;
	for (unsigned i = 0; i < n; i++) {
		struct freed f = b->freed[i];
		enum verdict verdict = judge(b, &f);

		if (verdict == PUNCH)
			p->v[p->n++].ref = f.ref;
		else if (verdict == WAIT)
			b->freed[kept++] = f;
	}
	b->freed_n = kept;
}

/* A filesystem that has no holes keeps the bytes until compaction. */
void
blob_punch_run(struct blob_punches *p)
{
	uint32_t segment = 0;
	int fd = -1;

	for (size_t i = 0; i < p->n; i++) {
		struct blob_punch *x = &p->v[i];

		if (x->ref.segment != segment) {
			if (fd >= 0)
				close(fd);
			segment = x->ref.segment;
			fd = blob_seg_open(p->dir_fd, segment, O_RDWR);
		}
		x->is_done = fd >= 0 && fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		    (off_t)(x->ref.offset + BLOB_HEAD_BYTES), (off_t)x->ref.bytes) == 0;
		if (x->is_done)
			daemon_crash_at("store.punched");
	}
	if (fd >= 0)
		close(fd);
}

static uint64_t
whole_blocks(const struct blob_ref *ref)
{
	uint64_t begin = (ref->offset + BLOB_HEAD_BYTES + BLOCK - 1) / BLOCK * BLOCK;
	uint64_t end = (ref->offset + BLOB_HEAD_BYTES + ref->bytes) / BLOCK * BLOCK;

	return end > begin ? end - begin : 0;
}

void
blob_punch_done(struct blob *b, struct blob_punches *p)
{
	struct seg *s;

	for (size_t i = 0; i < p->n; i++) {
		s = blob_seg_find(b, p->v[i].ref.segment);
		if (!p->v[i].is_done || s == NULL)
			continue;
		s->punched_bytes += whole_blocks(&p->v[i].ref);
		s->is_dirty = true;
	}
	blob_punch_fini(p);
}

void
blob_punch_fini(struct blob_punches *p)
{
	free(p->v);
	p->v = NULL;
	p->n = 0;
}
