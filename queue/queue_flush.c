/* SPDX-License-Identifier: ISC */
#include "queue/queue_flush.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/base/must.h"
#include "lib/base/secret.h"
#include "lib/daemon/daemon.h"

struct queue_flush {
	pthread_mutex_t		 lock;		/* in, out, stop, last_number */
	pthread_cond_t		 more;
	pthread_t		 thread;
	bool			 is_running;
	bool			 stop;
	struct list		 in;
	struct list		 out;
	uint64_t		 last_number;
	void			(*wake)(void *);
	void			*wake_arg;
	/* the thread's own */
	int			 dir;
	struct queue_segment	*segment;
	struct queue_segment_reader source;	/* of copies: the last one used */
	struct cry_aead		*aead;
	struct buf		 meta;
	struct buf		 body;
	uint64_t		 syncs;
};

/* ---- writes ---- */

struct queue_write *
queue_flush_write_new(enum queue_write_kind kind, uint64_t id, queue_write_fn *done,
    void *arg)
{
	struct queue_write *w = must_alloc(1, sizeof(*w));

	list_init(&w->link);
	w->kind = kind;
	w->record.id = id;
	w->fd = -1;
	w->done = done;
	w->arg = arg;
	buf_init(&w->meta, QUEUE_META_MAX - QUEUE_WRAP_BYTES - CRY_TAG_BYTES);
	return w;
}

void
queue_flush_write_free(struct queue_write **wp)
{
	struct queue_write *w = *wp;

	if (w == NULL)
		return;
	secret_wipe(w->key, sizeof(w->key));
	secret_wipe(&w->spool_key, sizeof(w->spool_key));
	buf_wipe(&w->meta);	/* it may hold the key of a file */
	buf_fini(&w->meta);
	free(w);
	*wp = NULL;
}

/* ---- make and free ---- */

struct queue_flush *
queue_flush_new(int dir, uint64_t last_number)
{
	struct queue_flush *f = must_alloc(1, sizeof(*f));

	must(pthread_mutex_init(&f->lock, NULL) == 0);
	must(pthread_cond_init(&f->more, NULL) == 0);
	list_init(&f->in);
	list_init(&f->out);
	f->dir = dir;
	f->last_number = last_number;
	f->source.fd = -1;
	f->aead = cry_aead_new();
	buf_init(&f->meta, QUEUE_META_MAX);
	buf_init(&f->body, (512u << 10) + CRY_TAG_BYTES);
	return f;
}

void
queue_flush_free(struct queue_flush **fp)
{
	struct queue_flush *f = *fp;

	if (f == NULL)
		return;
	must(!f->is_running);
	queue_segment_abandon(&f->segment);
	queue_segment_close(&f->source);
	cry_aead_free(&f->aead);
	buf_fini(&f->meta);
	buf_fini(&f->body);
	(void)pthread_cond_destroy(&f->more);
	(void)pthread_mutex_destroy(&f->lock);
	free(f);
	*fp = NULL;
}

static uint64_t
next_number(struct queue_flush *f, uint64_t now_ms)
{
	uint64_t n;

	(void)pthread_mutex_lock(&f->lock);
	n = now_ms > f->last_number ? now_ms : f->last_number + 1;
	f->last_number = n;
	(void)pthread_mutex_unlock(&f->lock);
	return n;
}

/* ---- one write ---- */

static enum err
read_body(struct queue_flush *f, const struct queue_write *w)
{
	size_t done = 0, n = (size_t)w->size;
	ssize_t got;
	char *p;

	buf_reset(&f->body);
	if ((p = buf_reserve(&f->body, n + CRY_TAG_BYTES)) == NULL)
		return ERR_TOOBIG;
	for (; done < n; done += (size_t)got) {
		got = pread(w->fd, p + done, n - done, (off_t)done);
		if (got == -1 && errno == EINTR)
			got = 0;
		else if (got <= 0)
			return got == 0 ? ERR_CORRUPT : err_from_errno(errno);
	}
	buf_commit(&f->body, n);
	return ERR_OK;
}

/* wrapped key, sealed envelope */
static enum err
seal_meta(struct cry_aead *aead, struct queue_write *w, struct buf *meta)
{
	struct slice plain = buf_slice(&w->meta);
	char *p;

	buf_reset(meta);
	p = buf_reserve(meta, QUEUE_WRAP_BYTES + plain.n + CRY_TAG_BYTES);
	if (p == NULL || buf_err(&w->meta) != ERR_OK)
		return ERR_LIMIT;
	cry_random(w->key, sizeof(w->key));
	queue_seal_wrap(aead, (unsigned char *)p, w->key, &w->spool_key, w->record.id);
	queue_seal_use(aead, w->key);
	queue_seal_part(aead, QUEUE_PART_ENVELOPE, w->record.id,
	    (unsigned char *)p + QUEUE_WRAP_BYTES, plain);
	buf_commit(meta, QUEUE_WRAP_BYTES + plain.n + CRY_TAG_BYTES);
	w->record.type = QUEUE_MESSAGE;
	w->record.key_id = w->spool_key.id;
	return ERR_OK;
}

static enum err
write_message(struct queue_flush *f, struct queue_write *w)
{
	unsigned char *p;
	enum err e;

	if ((e = read_body(f, w)) != ERR_OK || (e = seal_meta(f->aead, w, &f->meta)) != ERR_OK)
		return e;
	p = (unsigned char *)buf_data(&f->body);
	queue_seal_part(f->aead, QUEUE_PART_BODY, w->record.id, p, buf_slice(&f->body));
	w->record.aux = w->size;
	e = queue_segment_append(f->segment, &w->record, buf_slice(&f->meta),
	    slice_of(p, w->size + CRY_TAG_BYTES), &w->spot);
	if (e == ERR_OK)
		daemon_crash_at("queue.written");
	return e;
}

static enum err
write_result(struct queue_flush *f, struct queue_write *w)
{
	if (buf_err(&w->meta) != ERR_OK)
		return ERR_LIMIT;
	buf_reset(&f->meta);
	queue_seal_use(f->aead, w->key);
	queue_seal_progress(f->aead, w->record.id, &f->meta, buf_slice(&w->meta));
	w->record.type = QUEUE_RESULT;
	return queue_segment_append(f->segment, &w->record, buf_slice(&f->meta), SLICE_NONE,
	    &w->spot);
}

static enum err
open_source(struct queue_flush *f, uint64_t number)
{
	if (f->source.fd >= 0 && f->source.head.number == number)
		return ERR_OK;
	queue_segment_close(&f->source);
	return queue_segment_open(&f->source, f->dir, number, false);
}

static enum err
write_copy(struct queue_flush *f, struct queue_write *w)
{
	uint64_t body;
	enum err e;

	buf_reset(&f->meta);
	if ((e = open_source(f, w->from.number)) != ERR_OK ||
	    (e = queue_segment_get(&f->source, &w->from, &w->record, &f->meta)) != ERR_OK)
		return e;
	body = w->from.off + QUEUE_HEAD_BYTES + w->record.meta_bytes;
	if (w->record.body_bytes == 0)
		return queue_segment_append(f->segment, &w->record, buf_slice(&f->meta),
		    SLICE_NONE, &w->spot);
	if ((e = queue_segment_check_body(&f->source, w->from.off, &w->record)) != ERR_OK)
		return e;
	return queue_segment_append_from(f->segment, &w->record, buf_slice(&f->meta),
	    f->source.fd, body, &w->spot);
}

static enum err
write_aside(struct queue_flush *f, const struct queue_write *w)
{
	enum err e = open_source(f, w->from.number);

	if (e == ERR_OK)
		e = queue_segment_set_aside(&f->source, f->dir, w->from.off,
		    QUEUE_HEAD_BYTES + w->from.meta_bytes + w->from.body_bytes);
	return e;
}

static enum err
run_write(struct queue_flush *f, struct queue_write *w)
{
	struct queue_spot *spot = &w->spot;

	switch (w->kind) {
	case QUEUE_WRITE_MESSAGE:
		return write_message(f, w);
	case QUEUE_WRITE_RESULT:
		return write_result(f, w);
	case QUEUE_WRITE_DONE:
		w->record.type = QUEUE_DONE;
		return queue_segment_append(f->segment, &w->record, SLICE_NONE, SLICE_NONE, spot);
	case QUEUE_WRITE_COPY:
		return write_copy(f, w);
	case QUEUE_WRITE_ASIDE:
		return write_aside(f, w);
	case QUEUE_WRITE_UNLINK:
		if (f->source.fd >= 0 && f->source.head.number == w->from.number)
			queue_segment_close(&f->source);
		queue_segment_unlink(f->dir, w->from.number);
		return ERR_OK;
	case QUEUE_WRITE_ROLL:
		return ERR_OK;
	}
	return ERR_OK;
}

/* The segment for the next record; a full one is finished first. */
static enum err
prepare(struct queue_flush *f, const struct queue_write *w)
{
	if (f->segment != NULL && (w->kind == QUEUE_WRITE_ROLL ||
	    queue_segment_bytes(f->segment) >= QUEUE_SEGMENT_BYTES))
		queue_segment_finish(&f->segment);
	if (f->segment != NULL || w->kind == QUEUE_WRITE_ROLL ||
	    w->kind == QUEUE_WRITE_UNLINK || w->kind == QUEUE_WRITE_ASIDE)
		return ERR_OK;
	return queue_segment_create(&f->segment, f->dir, next_number(f, w->now_ms), 0,
	    w->now_ms);
}

/* ---- groups ---- */

static void
splice(struct list *from, struct list *to)
{
	if (list_is_empty(from))
		return;
	from->next->prev = to->prev;
	to->prev->next = from->next;
	from->prev->next = to;
	to->prev = from->prev;
	list_init(from);
}

void
queue_flush_batch(struct queue_flush *f)
{
	struct list group, *l, *tmp;
	struct queue_write *w;
	bool messages = false;

	list_init(&group);
	(void)pthread_mutex_lock(&f->lock);
	splice(&f->in, &group);
	(void)pthread_mutex_unlock(&f->lock);
	if (list_is_empty(&group))
		return;
	LIST_EACH(l, tmp, &group) {
		w = obj_of(l, struct queue_write, link);
		if ((w->error = prepare(f, w)) == ERR_OK)
			w->error = run_write(f, w);
		messages |= w->kind == QUEUE_WRITE_MESSAGE && w->error == ERR_OK;
	}
	if (f->segment != NULL)
		queue_segment_sync(f->segment);
	f->syncs++;
	if (messages)
		daemon_crash_at("queue.synced");
	(void)pthread_mutex_lock(&f->lock);
	splice(&group, &f->out);
	(void)pthread_mutex_unlock(&f->lock);
}

void
queue_flush_add(struct queue_flush *f, struct queue_write *w)
{
	(void)pthread_mutex_lock(&f->lock);
	list_push(&f->in, &w->link);
	(void)pthread_cond_signal(&f->more);
	(void)pthread_mutex_unlock(&f->lock);
}

void
queue_flush_collect(struct queue_flush *f)
{
	struct queue_write *w;
	struct list ready, *l;

	list_init(&ready);
	(void)pthread_mutex_lock(&f->lock);
	splice(&f->out, &ready);
	(void)pthread_mutex_unlock(&f->lock);
	while ((l = list_first(&ready)) != NULL) {
		list_remove(l);
		w = obj_of(l, struct queue_write, link);
		w->done(w, w->arg);
	}
}

static void *
run_thread(void *arg)
{
	struct queue_flush *f = arg;
	bool stop;

	for (;;) {
		(void)pthread_mutex_lock(&f->lock);
		while (list_is_empty(&f->in) && !f->stop)
			(void)pthread_cond_wait(&f->more, &f->lock);
		stop = f->stop && list_is_empty(&f->in);
		(void)pthread_mutex_unlock(&f->lock);
		if (stop)
			return NULL;
		queue_flush_batch(f);
		f->wake(f->wake_arg);
	}
}

void
queue_flush_start(struct queue_flush *f, void (*wake)(void *), void *arg)
{
	f->wake = wake;
	f->wake_arg = arg;
	if (pthread_create(&f->thread, NULL, run_thread, f) != 0)
		log_fatal("spool: cannot start the writer thread");
	f->is_running = true;
}

void
queue_flush_stop(struct queue_flush *f)
{
	if (f->is_running) {
		(void)pthread_mutex_lock(&f->lock);
		f->stop = true;
		(void)pthread_cond_signal(&f->more);
		(void)pthread_mutex_unlock(&f->lock);
		(void)pthread_join(f->thread, NULL);
		f->is_running = false;
	}
	if (f->segment != NULL)
		queue_segment_finish(&f->segment);
}

/* ---- large messages ---- */

static enum err
single_body(struct queue_segment *s, struct cry_aead *aead, struct queue_write *w)
{
	struct buf meta;
	enum err e;

	buf_init(&meta, QUEUE_META_MAX);
	if ((e = seal_meta(aead, w, &meta)) == ERR_OK) {
		w->record.aux = w->size;
		w->record.flags |= QUEUE_BODY_CHUNKS;
		e = queue_segment_append_from(s, &w->record, buf_slice(&meta), w->fd, 0,
		    &w->spot);
	}
	buf_fini(&meta);
	return e;
}

void
queue_flush_single(struct queue_flush *f, struct queue_write *w)
{
	struct cry_aead *aead = cry_aead_new();
	struct queue_segment *s = NULL;
	uint64_t number = next_number(f, w->now_ms);

	w->error = queue_segment_create(&s, f->dir, number, QUEUE_SEGMENT_SINGLE, w->now_ms);
	if (w->error == ERR_OK) {
		w->error = single_body(s, aead, w);
		daemon_crash_at("queue.written");
		if (w->error == ERR_OK)
			queue_segment_finish(&s);
		queue_segment_abandon(&s);
		if (w->error != ERR_OK)
			queue_segment_unlink(f->dir, number);
		daemon_crash_at("queue.synced");
	}
	cry_aead_free(&aead);
}

uint64_t
queue_flush_syncs(const struct queue_flush *f)
{
	return f->syncs;
}
