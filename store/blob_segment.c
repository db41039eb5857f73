/* SPDX-License-Identifier: ISC */
/*
 * Three parts: placing (main thread: struct blob, counters), writing (journal
 * thread: struct blob_batch only), reading (main thread, a small cache of
 * descriptors).
 */
#include "store/blob_segment.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/enc.h"
#include "lib/base/log.h"
#include "lib/base/must.h"
#include "lib/daemon/daemon.h"
#include "store/blob_priv.h"
#include "store/blob_sum.h"

#define MAGIC		0x31425747u	/* "GWB1" */
#define MAGIC_NOTE	0x32425747u	/* "GWB2" */
#define ALIGN		8
#define FDS_PENDING_MAX	128		/* descriptors in one batch */
#define COPY_BYTES	(256u << 10)
#define REDO_HEAD_BYTES	16
#define COUNTER_BYTES	40
#define NAME_BYTES	16

struct blob_batch {
	int		 dir_fd;
	struct buf	 bytes;
	struct run	*runs;
	size_t		 run_n;
	size_t		 run_cap;
};

static void
segment_name(char name[NAME_BYTES], uint32_t number)
{
	static const char hex[] = "0123456789abcdef";

	memcpy(name, "body.", 5);
	for (unsigned i = 0; i < 8; i++)
		name[5 + i] = hex[number >> (28 - 4 * i) & 15];
	name[13] = '\0';
}

int
blob_seg_open(int dir_fd, uint32_t number, int flags)
{
	char name[NAME_BYTES];

	segment_name(name, number);
	return openat(dir_fd, name, flags | O_CLOEXEC, 0600);
}

/* ---- records ---- */

uint64_t
blob_padded(uint64_t bytes)
{
	return (BLOB_HEAD_BYTES + bytes + ALIGN - 1) / ALIGN * ALIGN;
}

uint64_t
blob_ref_padded(const struct blob_ref *ref)
{
	return blob_padded(ref->bytes + ref->note);
}

static void
head_put(unsigned char p[BLOB_HEAD_BYTES], const struct blob_head *h)
{
	memset(p, 0, BLOB_HEAD_BYTES);
	enc_le32(p, h->note > 0 ? MAGIC_NOTE : MAGIC);
	p[4] = (unsigned char)h->kind;
	enc_le16(p + 6, h->note);
	enc_le64(p + 8, h->account);
	enc_le64(p + 16, h->content);
	enc_le64(p + 24, h->bytes);
	enc_le64(p + 32, h->sum);
}

enum err
blob_head_read(struct blob_head *h, struct slice s)
{
	uint32_t magic = s.n < BLOB_HEAD_BYTES ? 0 : dec_le32(s.p);

	if ((magic != MAGIC && magic != MAGIC_NOTE) ||
	    s.p[4] < BLOB_BODY || s.p[4] > BLOB_EPOCH || s.p[5] != 0)
		return ERR_CORRUPT;
	h->note = dec_le16(s.p + 6);
	if ((h->note > 0) != (magic == MAGIC_NOTE) || h->note > BLOB_NOTE_MAX)
		return ERR_CORRUPT;
	h->kind = (enum blob_kind)s.p[4];
	h->account = dec_le64(s.p + 8);
	h->content = dec_le64(s.p + 16);
	h->bytes = dec_le64(s.p + 24);
	h->sum = dec_le64(s.p + 32);
	return ERR_OK;
}

/* Ready to take the data: the sum covers the fields before itself. */
static void
head_sum(struct blob_sum *s, const struct blob_head *h)
{
	unsigned char p[BLOB_HEAD_BYTES];

	head_put(p, h);
	blob_sum_init(s);
	blob_sum_add(s, p, 32);
}

/* ---- counters ---- */

static struct kv_key
counter_key(uint32_t number)
{
	struct kv_key k = { 13, { 0 } };

	k.b[8] = 'G';
	enc_be32(k.b + 9, number);
	return k;
}

struct seg *
blob_seg_find(const struct blob *b, uint32_t number)
{
	size_t lo = 0, hi = b->seg_n, mid;

	while (lo < hi) {
		mid = (lo + hi) / 2;
		if (b->segs[mid].number < number)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < b->seg_n && b->segs[lo].number == number ? &b->segs[lo] : NULL;
}

struct seg *
blob_seg_add(struct blob *b, uint32_t number)
{
	if (b->seg_n == b->seg_cap) {
		b->seg_cap = b->seg_cap == 0 ? 16 : b->seg_cap * 2;
		b->segs = must_realloc(b->segs, b->seg_cap, sizeof(*b->segs));
	}
	memset(&b->segs[b->seg_n], 0, sizeof(*b->segs));
	b->segs[b->seg_n].number = number;
	return &b->segs[b->seg_n++];
}

static enum err
load_counters(struct blob *b)
{
	struct kv_key k = counter_key(0), found;
	struct kv_txn *t;
	struct slice v;
	struct seg *s;
	enum err e;

	if ((e = kv_begin_shard(b->kv, 0, KV_READ, &t)) != ERR_OK)
		return e;
	while ((e = kv_find(t, KV_GT, &k, 9, &found, &v)) == ERR_OK) {
		k = found;
		if (found.n != 13 || v.n < COUNTER_BYTES)
			continue;
		s = blob_seg_add(b, dec_be32(found.b + 9));
		s->bytes = dec_le64(v.p);
		s->live_bytes = dec_le64(v.p + 8);
		s->records = dec_le64(v.p + 16);
		s->dead_since_s = dec_le32(v.p + 24);
		s->is_empty = v.p[28] == 1;
		s->punched_bytes = dec_le64(v.p + 32);
		if (s->number >= b->next_number)
			b->next_number = s->number + 1;
	}
	k = counter_key(0);
	k.n = 9;
	k.b[8] = 'S';
	if (e == ERR_NOTFOUND && (e = kv_get(t, &k, &v)) == ERR_OK && v.n == 4 &&
	    dec_le32(v.p) > b->next_number)
		b->next_number = dec_le32(v.p);
	kv_end(&t);
	return e == ERR_NOTFOUND ? ERR_OK : e;
}

enum err
blob_save_counters(struct blob *b)
{
	unsigned char v[COUNTER_BYTES];
	struct kv_key k;
	struct kv_txn *t = NULL;
	enum err e;

	for (size_t i = 0; i < b->seg_n; i++) {
		if (!b->segs[i].is_dirty)
			continue;
		if (t == NULL && (e = kv_begin_shard(b->kv, 0, KV_WRITE, &t)) != ERR_OK)
			return e == ERR_BUSY ? ERR_OK : e;
		memset(v, 0, sizeof(v));
		enc_le64(v, b->segs[i].bytes);
		enc_le64(v + 8, b->segs[i].live_bytes);
		enc_le64(v + 16, b->segs[i].records);
		enc_le32(v + 24, b->segs[i].dead_since_s);
		v[28] = b->segs[i].is_empty;
		enc_le64(v + 32, b->segs[i].punched_bytes);
		k = counter_key(b->segs[i].number);
		kv_put(t, &k, slice_of(v, sizeof(v)));
		b->segs[i].is_dirty = false;
	}
	if (t == NULL)
		return ERR_OK;
	k.n = 9;
	k.b[8] = 'S';
	enc_le32(v, b->next_number);
	kv_put(t, &k, slice_of(v, 4));
	return kv_submit(&t, KV_LAZY, NULL, NULL);
}

void
blob_use(struct blob *b, const struct blob_ref *ref)
{
	struct seg *s = blob_seg_find(b, ref->segment);

	if (s == NULL)
		return;
	s->live_bytes += blob_ref_padded(ref);
	s->records++;
	s->is_dirty = true;
}

void
blob_count_freed(struct blob *b, const struct blob_ref *ref)
{
	struct seg *s = blob_seg_find(b, ref->segment);
	uint64_t n = blob_ref_padded(ref);

	if (s == NULL)
		return;
	s->live_bytes -= n < s->live_bytes ? n : s->live_bytes;
	s->records -= s->records > 0;
	s->is_dirty = true;
}

void
blob_free(struct blob *b, const struct blob_ref *ref)
{
	blob_count_freed(b, ref);
	blob_freed_add(b, ref);
}

void
blob_hold(struct blob *b, const struct blob_ref *ref)
{
	struct seg *s = blob_seg_find(b, ref->segment);

	if (s != NULL)
		s->held++;
}

void
blob_release(struct blob *b, const struct blob_ref *ref)
{
	struct seg *s = blob_seg_find(b, ref->segment);

	if (s != NULL && s->held > 0)
		s->held--;
}

void
blob_stat(const struct blob *b, struct blob_stat *st)
{
	memset(st, 0, sizeof(*st));
	st->segments = b->seg_n;
	for (size_t i = 0; i < b->seg_n; i++) {
		st->bytes += b->segs[i].bytes;
		st->live_bytes += b->segs[i].live_bytes;
		st->punched_bytes += b->segs[i].punched_bytes;
		st->records += b->segs[i].records;
		if (b->segs[i].dead_since_s != 0 && (st->dead_since_s == 0 ||
		    b->segs[i].dead_since_s < st->dead_since_s))
			st->dead_since_s = b->segs[i].dead_since_s;
	}
}

/* ---- opening ---- */

/* A number that stands in the directory is used, whatever the index says. */
static enum err
scan_directory(struct blob *b)
{
	struct dirent *d;
	uint32_t n;
	DIR *dir;
	int fd;

	if ((fd = openat(b->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
		return err_from_errno(errno);
	if ((dir = fdopendir(fd)) == NULL) {
		close(fd);
		return ERR_IO;
	}
	while ((d = readdir(dir)) != NULL) {
		if (strncmp(d->d_name, "body.", 5) != 0 || strlen(d->d_name) != 13)
			continue;
		n = (uint32_t)strtoul(d->d_name + 5, NULL, 16);
		if (n >= b->next_number && n < UINT32_MAX)
			b->next_number = n + 1;
	}
	closedir(dir);
	return ERR_OK;
}

static struct blob_batch *
batch_new(int dir_fd)
{
	struct blob_batch *p = must_alloc(1, sizeof(*p));

	p->dir_fd = dir_fd;
	buf_init(&p->bytes, BLOB_PENDING_BYTES_MAX + 2 * BLOB_INLINE_MAX);
	return p;
}

enum err
blob_open(struct blob **out, struct kv *kv, int dir_fd, uint64_t segment_bytes)
{
	struct blob *b = must_alloc(1, sizeof(*b));
	enum err e;

	b->kv = kv;
	b->dir_fd = dir_fd;
	b->segment_bytes = segment_bytes;
	b->next_number = 1;
	b->serial = 1;
	b->pending = batch_new(dir_fd);
	for (unsigned i = 0; i < BLOB_CACHE_MAX; i++)
		b->cache[i].fd = -1;
	if ((e = load_counters(b)) != ERR_OK || (e = scan_directory(b)) != ERR_OK)
		blob_close(&b);
	*out = b;
	return e;
}

void
blob_close(struct blob **pb)
{
	struct blob *b = *pb;

	*pb = NULL;
	if (b == NULL)
		return;
	blob_batch_free(&b->pending);
	for (unsigned i = 0; i < BLOB_CACHE_MAX; i++)
		if (b->cache[i].fd >= 0)
			close(b->cache[i].fd);
	free(b->segs);
	free(b->unsynced);
	free(b);
}

/* ---- placing ---- */

static struct run *
run_add(struct blob_batch *p)
{
	if (p->run_n == p->run_cap) {
		p->run_cap = p->run_cap == 0 ? 8 : p->run_cap * 2;
		p->runs = must_realloc(p->runs, p->run_cap, sizeof(*p->runs));
	}
	memset(&p->runs[p->run_n], 0, sizeof(*p->runs));
	p->runs[p->run_n].fd = -1;
	return &p->runs[p->run_n++];
}

/* Room for a record of this size in the current segment, or a new one. */
static struct seg *
place(struct blob *b, uint64_t bytes, bool *is_new)
{
	struct seg *s = b->has_current ? &b->segs[b->seg_n - 1] : NULL;

	*is_new = s == NULL || (s->bytes > 0 && s->bytes + blob_padded(bytes) > b->segment_bytes);
	if (*is_new) {
		s = blob_seg_add(b, b->next_number++);
		b->has_current = true;
	}
	s->is_dirty = true;
	s->placed_in = b->serial;
	return s;
}

static void
set_ref(struct blob_ref *ref, struct seg *s, const struct blob_head *h)
{
	*ref = (struct blob_ref){ s->number, s->bytes, h->bytes, h->note };
	s->bytes += blob_ref_padded(ref);
}

enum err
blob_put_again(struct blob *b, const struct blob_head *h, struct slice data,
    struct slice note, struct blob_ref *ref)
{
	static const char zeros[ALIGN];
	struct blob_batch *p = b->pending;
	unsigned char head[BLOB_HEAD_BYTES];
	struct seg *s;
	struct run *r;
	bool is_new;

	must(note.n == h->note);
	if (data.n > BLOB_INLINE_MAX)
		return ERR_TOOBIG;
	if (p->bytes.n + data.n > BLOB_PENDING_BYTES_MAX)
		return ERR_BUSY;
	head_put(head, h);
	s = place(b, data.n + note.n, &is_new);
	r = p->run_n > 0 ? &p->runs[p->run_n - 1] : NULL;
	if (r == NULL || r->fd >= 0 || r->segment != s->number) {
		r = run_add(p);
		r->segment = s->number;
		r->is_new = is_new;
		r->offset = s->bytes;
		r->start = p->bytes.n;
	}
	set_ref(ref, s, h);
	buf_put(&p->bytes, head, sizeof(head));
	buf_put_slice(&p->bytes, data);
	buf_put_slice(&p->bytes, note);
	buf_put(&p->bytes, zeros, blob_ref_padded(ref) - sizeof(head) - data.n - note.n);
	must(!p->bytes.full);
	r->n = p->bytes.n - r->start;
	return ERR_OK;
}

enum err
blob_put(struct blob *b, uint64_t account, uint64_t content, enum blob_kind kind,
    struct slice data, struct slice note, struct blob_ref *ref)
{
	struct blob_head h = { kind, account, content, data.n, 0, (uint16_t)note.n };
	struct blob_sum sum;

	must(note.n <= BLOB_NOTE_MAX);
	if (data.n > BLOB_INLINE_MAX)
		return ERR_TOOBIG;
	head_sum(&sum, &h);
	blob_sum_add(&sum, data.p, data.n);
	blob_sum_add(&sum, note.p, note.n);
	h.sum = blob_sum_end(&sum);
	return blob_put_again(b, &h, data, note, ref);
}

/* A record whose data come from a descriptor; its run, or NULL when there are too many. */
static struct run *
put_file(struct blob *b, const struct blob_head *h, int take_fd, struct slice note,
    struct blob_ref *ref)
{
	struct seg *s;
	struct run *r;
	bool is_new;

	must(note.n == h->note);
	if (b->fd_count >= FDS_PENDING_MAX ||
	    b->pending->bytes.n + note.n > BLOB_PENDING_BYTES_MAX) {
		close(take_fd);
		return NULL;
	}
	s = place(b, h->bytes + note.n, &is_new);
	r = run_add(b->pending);
	r->segment = s->number;
	r->is_new = is_new;
	r->offset = s->bytes;
	r->fd = take_fd;
	r->head = *h;
	r->start = b->pending->bytes.n;
	r->n = note.n;
	buf_put_slice(&b->pending->bytes, note);
	set_ref(ref, s, h);
	b->fd_count++;
	return r;
}

enum err
blob_put_fd(struct blob *b, uint64_t account, uint64_t content, enum blob_kind kind,
    int take_fd, uint64_t bytes, struct slice note, struct blob_ref *ref)
{
	const struct blob_head h = { kind, account, content, bytes, 0, (uint16_t)note.n };

	must(note.n <= BLOB_NOTE_MAX);
	return put_file(b, &h, take_fd, note, ref) != NULL ? ERR_OK : ERR_BUSY;
}

enum err
blob_put_fd_again(struct blob *b, const struct blob_head *h, int take_fd, uint64_t from,
    struct slice note, struct blob_ref *ref)
{
	struct run *r = put_file(b, h, take_fd, note, ref);

	if (r == NULL)
		return ERR_BUSY;
	r->from = from;
	r->is_copy = true;
	return ERR_OK;
}

/* ---- batches ---- */

bool
blob_has_work(const struct blob *b)
{
	return b->pending->run_n > 0;
}

struct blob_batch *
blob_cut(struct blob *b)
{
	struct blob_batch *p = b->pending;

	if (p->run_n == 0)
		return NULL;
	b->pending = batch_new(b->dir_fd);
	b->fd_count = 0;
	b->serial++;
	return p;
}

void
blob_batch_redo(const struct blob_batch *p, struct buf *redo)
{
	unsigned char head[REDO_HEAD_BYTES];
	const struct run *r;

	for (size_t i = 0; p != NULL && i < p->run_n; i++) {
		r = &p->runs[i];
		if (r->fd >= 0)
			continue;
		enc_le32(head, r->segment);
		enc_le64(head + 4, r->offset);
		enc_le32(head + 12, (uint32_t)r->n);
		buf_put(redo, head, sizeof(head));
		buf_put(redo, buf_data(&p->bytes) + r->start, r->n);
	}
}

static enum err
write_all(int fd, const void *data, size_t n, uint64_t offset)
{
	const char *p = data;
	ssize_t done;

	while (n > 0) {
		done = pwrite(fd, p, n, (off_t)offset);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return err_from_errno(errno);
		p += done;
		n -= (size_t)done;
		offset += (uint64_t)done;
	}
	return ERR_OK;
}

/* The index may name a segment only when its directory entry is durable. */
static enum err
run_open(const struct blob_batch *p, const struct run *r, int *fd)
{
	*fd = blob_seg_open(p->dir_fd, r->segment,
	    r->is_new ? O_RDWR | O_CREAT | O_EXCL : O_RDWR);
	if (*fd < 0)
		return err_from_errno(errno);
	if (!r->is_new)
		return ERR_OK;
	daemon_crash_at("store.segment-made");
	/* The directory is an O_PATH descriptor: syncing needs a real one. */
	int dir = openat(p->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0 || fsync(dir) != 0) {
		if (dir >= 0)
			close(dir);
		close(*fd);
		return ERR_IO;
	}
	close(dir);
	return ERR_OK;
}

/* A file that shrank meanwhile reads as zeros: its owner spoilt its own mail. */
static enum err
copy_fd(int to, struct run *r, struct slice note)
{
	unsigned char head[BLOB_HEAD_BYTES], *chunk = must_alloc(1, COPY_BYTES);
	uint64_t done = 0, want;
	struct blob_sum sum;
	enum err e = ERR_OK;
	ssize_t n;

	head_sum(&sum, &r->head);
	while (done < r->head.bytes && e == ERR_OK) {
		want = r->head.bytes - done < COPY_BYTES ? r->head.bytes - done : COPY_BYTES;
		n = pread(r->fd, chunk, want, (off_t)(r->from + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			e = err_from_errno(errno);
			break;
		}
		if (n == 0) {
			memset(chunk, 0, want);
			n = (ssize_t)want;
		}
		blob_sum_add(&sum, chunk, (size_t)n);
		e = write_all(to, chunk, (size_t)n, r->offset + BLOB_HEAD_BYTES + done);
		done += (uint64_t)n;
	}
	free(chunk);
	if (e == ERR_OK)
		e = write_all(to, note.p, note.n, r->offset + BLOB_HEAD_BYTES + done);
	if (e != ERR_OK)
		return e;
	blob_sum_add(&sum, note.p, note.n);
	/* What was damaged must not look whole because it was moved. */
	if (!r->is_copy)
		r->head.sum = blob_sum_end(&sum);
	head_put(head, &r->head);
	return write_all(to, head, sizeof(head), r->offset);
}

static enum err
write_runs(struct blob_batch *p, bool files)
{
	struct run *r;
	enum err e;
	int fd;

	for (size_t i = 0; i < p->run_n; i++) {
		r = &p->runs[i];
		if (files && r->fd < 0 && r->is_new) {
			/* Later large runs may need the file that this one makes. */
			if ((e = run_open(p, r, &fd)) != ERR_OK)
				return e;
			r->is_new = false;
			close(fd);
			continue;
		}
		if (files != (r->fd >= 0))
			continue;
		if ((e = run_open(p, r, &fd)) != ERR_OK)
			return e;
		r->is_new = false;
		if (r->fd >= 0) {
			e = copy_fd(fd, r, slice_of(buf_data(&p->bytes) + r->start, r->n));
			if (e == ERR_OK && fdatasync(fd) != 0)
				e = ERR_IO;
		} else {
			e = write_all(fd, buf_data(&p->bytes) + r->start, r->n, r->offset);
		}
		close(fd);
		if (e != ERR_OK)
			return e;
	}
	return ERR_OK;
}

enum err
blob_batch_write_files(struct blob_batch *p)
{
	return p == NULL ? ERR_OK : write_runs(p, true);
}

enum err
blob_batch_write(struct blob_batch *p)
{
	return p == NULL ? ERR_OK : write_runs(p, false);
}

void
blob_batch_free(struct blob_batch **pp)
{
	struct blob_batch *p = *pp;

	*pp = NULL;
	if (p == NULL)
		return;
	for (size_t i = 0; i < p->run_n; i++)
		if (p->runs[i].fd >= 0)
			close(p->runs[i].fd);
	free(p->runs);
	buf_fini(&p->bytes);
	free(p);
}

static void
unsynced_add(struct blob *b, uint32_t segment)
{
	for (size_t i = 0; i < b->unsynced_n; i++)
		if (b->unsynced[i] == segment)
			return;
	if (b->unsynced_n == b->unsynced_cap) {
		b->unsynced_cap = b->unsynced_cap == 0 ? 8 : b->unsynced_cap * 2;
		b->unsynced = must_realloc(b->unsynced, b->unsynced_cap, sizeof(*b->unsynced));
	}
	b->unsynced[b->unsynced_n++] = segment;
}

void
blob_batch_done(struct blob *b, struct blob_batch **pp)
{
	if (*pp != NULL)
		b->written = b->serial - 1;
	for (size_t i = 0; *pp != NULL && i < (*pp)->run_n; i++)
		if ((*pp)->runs[i].fd < 0)
			unsynced_add(b, (*pp)->runs[i].segment);
	blob_batch_free(pp);
}

void
blob_unsynced_take(struct blob *b, struct blob_unsynced *u)
{
	u->dir_fd = b->dir_fd;
	u->n = b->unsynced_n;
	u->segments = b->unsynced;
	b->unsynced = NULL;
	b->unsynced_n = b->unsynced_cap = 0;
}

enum err
blob_unsynced_sync(struct blob_unsynced *u)
{
	int fd, rc;

	for (size_t i = 0; i < u->n; i++) {
		if ((fd = blob_seg_open(u->dir_fd, u->segments[i], O_RDWR)) < 0)
			return err_from_errno(errno);
		rc = fdatasync(fd);
		close(fd);
		if (rc != 0)
			return ERR_IO;
	}
	return ERR_OK;
}

void
blob_unsynced_fini(struct blob_unsynced *u)
{
	free(u->segments);
	u->segments = NULL;
	u->n = 0;
}

/* ---- reading ---- */

static int
cached_fd(struct blob *b, uint32_t segment)
{
	struct cached *c, *oldest = &b->cache[0];

	for (unsigned i = 0; i < BLOB_CACHE_MAX; i++) {
		c = &b->cache[i];
		if (c->fd >= 0 && c->segment == segment) {
			c->used = ++b->tick;
			return c->fd;
		}
		if (c->used < oldest->used)
			oldest = c;
	}
	if (oldest->fd >= 0)
		close(oldest->fd);
	oldest->fd = blob_seg_open(b->dir_fd, segment, O_RDONLY);
	oldest->segment = segment;
	oldest->used = oldest->fd >= 0 ? ++b->tick : 0;
	return oldest->fd;
}

/* Whole, or an error. */
static enum err
read_at(struct blob *b, uint32_t segment, uint64_t offset, size_t n, struct buf *out)
{
	size_t got = 0;
	ssize_t r;
	char *p;
	int fd;

	if ((fd = cached_fd(b, segment)) < 0)
		return err_from_errno(errno);
	if ((p = buf_reserve(out, n)) == NULL)
		return ERR_FULL;
	while (got < n) {
		r = pread(fd, p + got, n - got, (off_t)(offset + got));
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return err_from_errno(errno);
		if (r == 0)
			return ERR_CORRUPT;
		got += (size_t)r;
	}
	buf_commit(out, n);
	return ERR_OK;
}

enum err
blob_read(struct blob *b, const struct blob_ref *ref, uint64_t offset, size_t n,
    struct buf *out)
{
	if (offset >= ref->bytes || n == 0)
		return ERR_OK;
	if (n > ref->bytes - offset)
		n = (size_t)(ref->bytes - offset);
	return read_at(b, ref->segment, ref->offset + BLOB_HEAD_BYTES + offset, n, out);
}

enum err
blob_note(struct blob *b, const struct blob_ref *ref, struct buf *out)
{
	if (ref->note == 0)
		return ERR_OK;
	return read_at(b, ref->segment, ref->offset + BLOB_HEAD_BYTES + ref->bytes, ref->note,
	    out);
}

enum err
blob_head_at(struct blob *b, uint32_t segment, uint64_t offset, struct blob_head *h)
{
	unsigned char head[BLOB_HEAD_BYTES];
	int fd = cached_fd(b, segment);

	if (fd < 0)
		return err_from_errno(errno);
	if (pread(fd, head, sizeof(head), (off_t)offset) != (ssize_t)sizeof(head))
		return ERR_CORRUPT;
	return blob_head_read(h, slice_of(head, sizeof(head)));
}

enum err
blob_check(struct blob *b, const struct blob_ref *ref, uint64_t account, uint64_t content,
    enum blob_kind kind)
{
	uint64_t offset = 0, want_sum;
	struct blob_head h;
	struct blob_sum sum;
	struct buf chunk;
	enum err e;

	if ((e = blob_head_at(b, ref->segment, ref->offset, &h)) != ERR_OK)
		return e;
	if (h.kind != kind || h.account != account || h.content != content ||
	    h.bytes != ref->bytes || h.note != ref->note)
		return ERR_CORRUPT;
	want_sum = h.sum;
	head_sum(&sum, &h);
	buf_init(&chunk, COPY_BYTES);
	while (offset < ref->bytes && e == ERR_OK) {
		buf_reset(&chunk);
		e = blob_read(b, ref, offset, COPY_BYTES, &chunk);
		blob_sum_add(&sum, buf_data(&chunk), chunk.n);
		offset += chunk.n;
	}
	buf_reset(&chunk);
	if (e == ERR_OK && (e = blob_note(b, ref, &chunk)) == ERR_OK)
		blob_sum_add(&sum, buf_data(&chunk), chunk.n);
	buf_fini(&chunk);
	if (e == ERR_OK && blob_sum_end(&sum) != want_sum)
		e = ERR_CORRUPT;
	return e;
}

static void
forget_fd(struct blob *b, uint32_t segment)
{
	for (unsigned i = 0; i < BLOB_CACHE_MAX; i++) {
		if (b->cache[i].fd < 0 || b->cache[i].segment != segment)
			continue;
		close(b->cache[i].fd);
		b->cache[i].fd = -1;
		b->cache[i].used = 0;
	}
}

/*
 * Empty is said in the batch of what emptied it, or a later one: is that
 * durable?  What the journal still has of it would come back in a replay.
 */
static bool
is_known_empty(const struct blob *b, struct kv_txn *durable, const struct seg *s)
{
	struct kv_key k = counter_key(s->number);
	struct slice v;

	for (size_t i = 0; i < b->unsynced_n; i++)
		if (b->unsynced[i] == s->number)
			return false;
	return s->is_empty && kv_get(durable, &k, &v) == ERR_OK && v.n >= COUNTER_BYTES &&
	    v.p[28] == 1;
}

static void
remove_segment(struct blob *b, const struct seg *s)
{
	char name[NAME_BYTES];

	segment_name(name, s->number);
	forget_fd(b, s->number);
	(void)unlinkat(b->dir_fd, name, 0);
	daemon_crash_at("store.compact-unlinked");
	log_event(LOG_compact, log_num("segment", s->number), log_num("freed", s->bytes));
}

void
blob_remove_empty(struct blob *b)
{
	struct kv_txn *durable, *t = NULL;
	struct kv_key k;
	struct seg *s;
	size_t kept = 0;

	if (kv_begin_shard(b->kv, 0, KV_READ, &durable) != ERR_OK)
		return;
	for (size_t i = 0; i < b->seg_n; i++) {
		s = &b->segs[i];
		if (!is_known_empty(b, durable, s) ||
		    (t == NULL && kv_begin_shard(b->kv, 0, KV_WRITE, &t) != ERR_OK)) {
			b->segs[kept++] = *s;
			continue;
		}
		k = counter_key(s->number);
		kv_del(t, &k);
		remove_segment(b, s);
	}
	b->seg_n = kept;
	kv_end(&durable);
	if (t != NULL && kv_submit(&t, KV_LAZY, NULL, NULL) != ERR_OK)
		log_event(LOG_disk, log_str("what", "segment counters"));
}

/* ---- replay ---- */

void
blob_replay_init(struct blob_replay *r, int dir_fd)
{
	r->dir_fd = dir_fd;
	r->fd = -1;
	r->segment = 0;
}

enum err
blob_replay_fini(struct blob_replay *r)
{
	enum err e = ERR_OK;

	if (r->fd >= 0) {
		if (fdatasync(r->fd) != 0)
			e = ERR_IO;
		close(r->fd);
		r->fd = -1;
	}
	return e;
}

enum err
blob_replay_next(struct blob_replay *r, struct slice *redo)
{
	uint64_t offset;
	uint32_t segment;
	size_t n;
	enum err e;

	if (redo->n == 0)
		return ERR_END;
	if (redo->n < REDO_HEAD_BYTES)
		return ERR_CORRUPT;
	segment = dec_le32(redo->p);
	offset = dec_le64(redo->p + 4);
	n = dec_le32(redo->p + 12);
	if (segment == 0 || n > redo->n - REDO_HEAD_BYTES || offset > INT64_MAX - n)
		return ERR_CORRUPT;
	if (r->fd < 0 || r->segment != segment) {
		if ((e = blob_replay_fini(r)) != ERR_OK)
			return e;
		if ((r->fd = blob_seg_open(r->dir_fd, segment, O_RDWR | O_CREAT)) < 0)
			return err_from_errno(errno);
		r->segment = segment;
	}
	if ((e = write_all(r->fd, redo->p + REDO_HEAD_BYTES, n, offset)) != ERR_OK)
		return e;
	*redo = slice_from(*redo, REDO_HEAD_BYTES + n);
	return ERR_OK;
}
