/* SPDX-License-Identifier: ISC */
/*
 * Main thread: struct commit.  The two other threads see one struct job each,
 * handed over and back under a lock; they touch nothing else.
 */
#include "store/store_commit.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/must.h"
#include "lib/daemon/daemon.h"
#include "store/blob_segment.h"
#include "store/kv_lmdb.h"
#include "store/store_journal.h"

#define UPKEEP_MS	60000

enum job_state { JOB_IDLE, JOB_READY, JOB_DONE, JOB_STOP };

struct job {
	pthread_t	 thread;
	pthread_mutex_t	 lock;
	pthread_cond_t	 cond;
	enum job_state	 state;
	void		(*run)(struct commit *);
	struct commit	*commit;
};

struct commit {
	struct loop		*loop;
	int			 dir_fd;
	struct kv		*kv;
	struct blob		*blob;
	struct journal		 journal[2];
	unsigned		 current;
	uint64_t		 offset;	/* in the current journal file */
	uint64_t		 number;	/* last batch made */
	struct loop_wake	*wake;
	struct loop_idle	 idle;
	struct timer		 lazy;
	struct timer		 checkpoint_timer;
	struct timer		 upkeep;
	/* the batch in flight */
	bool			 has_batch;	/* cut; waiting for room or being written */
	bool			 is_stalled;	/* no room until the checkpoint is done */
	struct buf		 redo;
	struct blob_batch	*bodies;
	struct job		 writer;
	/* the checkpoint in flight */
	bool			 has_checkpoint;
	bool			 wants_checkpoint;
	struct kv_checkpoint	*checkpoint;
	struct blob_unsynced	 unsynced;
	struct blob_punches	 punches;
	struct job		 checkpointer;
	timer_fn		*batch_fn;
	void			*batch_arg;
	timer_fn		*drain_fn;
	void			*drain_arg;
	struct commit_stat	 stat;
};

static void	 start(struct commit *);

/* ---- threads ---- */

static void *
job_main(void *arg)
{
	struct job *j = arg;

	pthread_mutex_lock(&j->lock);
	for (;;) {
		while (j->state != JOB_READY && j->state != JOB_STOP)
			pthread_cond_wait(&j->cond, &j->lock);
		if (j->state == JOB_STOP)
			break;
		pthread_mutex_unlock(&j->lock);
		j->run(j->commit);
		pthread_mutex_lock(&j->lock);
		if (j->state == JOB_READY)
			j->state = JOB_DONE;
		/* Who is woken wants the lock at once. */
		pthread_mutex_unlock(&j->lock);
		loop_wake_send(j->commit->wake);
		pthread_mutex_lock(&j->lock);
	}
	pthread_mutex_unlock(&j->lock);
	return NULL;
}

static enum err
job_init(struct job *j, struct commit *c, void (*run)(struct commit *))
{
	sigset_t all, old;
	int rc;

	j->commit = c;
	j->run = run;
	pthread_mutex_init(&j->lock, NULL);
	pthread_cond_init(&j->cond, NULL);
	/* Signals are the loop's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&j->thread, NULL, job_main, j);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return rc == 0 ? ERR_OK : ERR_SYS;
}

static void
job_post(struct job *j, enum job_state state)
{
	pthread_mutex_lock(&j->lock);
	j->state = state;
	pthread_mutex_unlock(&j->lock);
	pthread_cond_signal(&j->cond);
}

/* True once for each finished run. */
static bool
job_take(struct job *j)
{
	bool done;

	pthread_mutex_lock(&j->lock);
	done = j->state == JOB_DONE;
	if (done)
		j->state = JOB_IDLE;
	pthread_mutex_unlock(&j->lock);
	return done;
}

static void
job_fini(struct job *j)
{
	if (j->commit == NULL)
		return;
	job_post(j, JOB_STOP);
	pthread_join(j->thread, NULL);
	pthread_mutex_destroy(&j->lock);
	pthread_cond_destroy(&j->cond);
}

/* Journal thread. */
static void
write_batch(struct commit *c)
{
	enum err e;

	if ((e = blob_batch_write_files(c->bodies)) != ERR_OK)
		log_fatal("cannot write a body: %s", err_text(e));
	daemon_crash_at("store.body-synced");
	if ((e = blob_batch_write(c->bodies)) != ERR_OK)
		log_fatal("cannot write a body: %s", err_text(e));
	daemon_crash_at("store.body-written");
	if ((e = journal_write(&c->journal[c->current], c->offset, buf_slice(&c->redo))) != ERR_OK)
		log_fatal("cannot write the journal: %s", err_text(e));
	daemon_crash_at("store.journal-synced");
}

/* Checkpoint thread. */
static void
write_checkpoint(struct commit *c)
{
	enum err e;

	/* The index must not name, without the journal, what is not on disk. */
	if ((e = blob_unsynced_sync(&c->unsynced)) != ERR_OK)
		log_fatal("cannot sync a segment: %s", err_text(e));
	daemon_crash_at("store.segments-synced");
	if (c->checkpoint != NULL && (e = kv_checkpoint_apply(c->checkpoint)) != ERR_OK)
		log_fatal("cannot commit an index: %s", err_text(e));
	blob_punch_run(&c->punches);
}

/* ---- the cycle ---- */

static void
start_checkpoint(struct commit *c)
{
	must(!c->has_checkpoint);
	c->wants_checkpoint = false;
	timer_stop(&c->checkpoint_timer);
	if (c->offset == 0)
		return;
	c->has_checkpoint = true;
	c->checkpoint = kv_checkpoint_new(c->kv, c->number);
	blob_unsynced_take(c->blob, &c->unsynced);
	blob_punch_take(c->blob, &c->punches);
	c->current ^= 1;
	c->offset = 0;
	c->stat.checkpoints++;
	job_post(&c->checkpointer, JOB_READY);
}

/* The batch is in no file yet: the other one, when it is free, may begin with it. */
static void
post_batch(struct commit *c)
{
	if (c->offset + c->redo.n > JOURNAL_BYTES && !c->has_checkpoint)
		start_checkpoint(c);
	c->is_stalled = c->offset + c->redo.n > JOURNAL_BYTES;
	if (c->is_stalled)
		return;		/* until the checkpoint is done */
	c->stat.journal_bytes += c->redo.n;
	job_post(&c->writer, JOB_READY);
}

static void
cut(struct commit *c)
{
	size_t index_bytes;

	journal_batch_begin(&c->redo);
	c->stat.transactions += kv_pending_count(c->kv);
	kv_cut(c->kv, &c->redo);
	index_bytes = c->redo.n - JOURNAL_HEAD_BYTES;
	c->bodies = blob_cut(c->blob);
	blob_batch_redo(c->bodies, &c->redo);
	journal_batch_end(&c->redo, c->number + 1, index_bytes);
	/* The limits on pending bytes keep any batch within one file. */
	must(!c->redo.full && c->redo.n <= JOURNAL_BYTES);
	c->has_batch = true;
	c->stat.batches++;
}

/* Between batches: the place where the journal may change its file. */
static void
start(struct commit *c)
{
	loop_idle_cancel(&c->idle);
	if (c->has_batch)
		return;
	if (!c->has_checkpoint && (c->wants_checkpoint || c->offset > JOURNAL_BYTES / 2))
		start_checkpoint(c);
	if (blob_save_counters(c->blob) != ERR_OK)
		log_fatal("cannot read the index");
	if (!kv_has_work(c->kv))
		return;
	timer_stop(&c->lazy);
	cut(c);
	post_batch(c);
}

static void
maybe_drained(struct commit *c)
{
	timer_fn *fn = c->drain_fn;

	if (fn == NULL || c->has_batch || c->has_checkpoint)
		return;
	if (kv_has_work(c->kv)) {
		start(c);
		return;
	}
	if (c->offset > 0) {
		start_checkpoint(c);
		return;
	}
	c->drain_fn = NULL;
	fn(c->drain_arg);
}

static void
batch_done(struct commit *c)
{
	c->number++;
	c->offset += c->redo.n;
	c->has_batch = false;
	blob_batch_done(c->blob, &c->bodies);
	kv_made_durable(c->kv);
	if (c->batch_fn != NULL)
		c->batch_fn(c->batch_arg);
	if (!timer_is_set(&c->checkpoint_timer))
		timer_set(&c->checkpoint_timer, loop_now(c->loop) + COMMIT_CHECKPOINT_MS);
	start(c);
}

static void
checkpoint_done(struct commit *c)
{
	c->has_checkpoint = false;
	if (c->checkpoint != NULL)
		kv_checkpoint_done(c->kv, &c->checkpoint);
	blob_unsynced_fini(&c->unsynced);
	blob_punch_done(c->blob, &c->punches);
	blob_remove_empty(c->blob);
	if (c->is_stalled)
		post_batch(c);
}

static void
on_wake(void *arg)
{
	struct commit *c = arg;

	if (job_take(&c->checkpointer))
		checkpoint_done(c);
	if (job_take(&c->writer))
		batch_done(c);
	maybe_drained(c);
}

static void
on_idle(void *arg)
{
	start(arg);
}

static void
on_lazy(void *arg)
{
	start(arg);
}

static void
on_checkpoint_timer(void *arg)
{
	commit_checkpoint(arg);
}

static void
on_upkeep(void *arg)
{
	struct commit *c = arg;

	kv_upkeep(c->kv);
	timer_set(&c->upkeep, loop_now(c->loop) + UPKEEP_MS);
}

static void
on_kick(void *arg, enum kv_urgency urgency)
{
	struct commit *c = arg;

	if (c->has_batch)
		return;		/* it will be in the next one */
	if (kv_pending_count(c->kv) >= COMMIT_OPS_MAX) {
		start(c);
	} else if (urgency == KV_LAZY) {
		if (!timer_is_set(&c->lazy))
			timer_set(&c->lazy, loop_now(c->loop) + COMMIT_LAZY_MS);
	} else {
		loop_defer(c->loop, &c->idle);
	}
}

/* ---- recovery ---- */

struct chain {
	struct buf	 bytes;
	uint64_t	 first;		/* 0: nothing whole in this file */
};

static enum err
chain_read(struct chain *ch, int fd)
{
	struct journal_batch b;
	size_t offset = 0, got = 0;
	ssize_t n;
	char *p;

	buf_init(&ch->bytes, JOURNAL_BYTES);
	p = buf_reserve(&ch->bytes, JOURNAL_BYTES);
	while (got < JOURNAL_BYTES) {
		n = pread(fd, p + got, JOURNAL_BYTES - got, (off_t)got);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_from_errno(errno);
		if (n == 0)
			break;
		got += (size_t)n;
	}
	buf_commit(&ch->bytes, got);
	if (journal_next(buf_slice(&ch->bytes), &offset, 0, &b) == ERR_OK)
		ch->first = b.number;
	return ERR_OK;
}

static enum err
apply_batch(struct commit *c, const struct journal_batch *b, struct blob_replay *r,
    bool with_bodies)
{
	struct slice redo = b->index, bodies = b->bodies, value;
	struct kv_key key;
	unsigned shard;
	bool is_gone;
	enum err e;

	while (with_bodies && (e = blob_replay_next(r, &bodies)) != ERR_END)
		if (e != ERR_OK)
			return e;
	while ((e = kv_redo_next(&redo, &shard, &key, &value, &is_gone)) == ERR_OK)
		if ((e = kv_replay_entry(c->kv, b->number, shard, &key, value, is_gone)) != ERR_OK)
			return e;
	return e == ERR_END ? ERR_OK : e;
}

/* Applies a file's chain; false: there is a gap in front of a batch. */
static enum err
apply_chain(struct commit *c, const struct chain *ch, uint64_t indexed,
    struct blob_replay *r, uint64_t *count)
{
	struct journal_batch b;
	uint64_t prev = 0;
	size_t offset = 0;
	enum err e;

	while (ch->first != 0 &&
	    journal_next(buf_slice(&ch->bytes), &offset, prev, &b) == ERR_OK) {
		if (b.number > c->number + 1) {
			log_event(LOG_corrupt, log_str("what", "journal"),
			    log_num("where", b.number), log_str("reason", "batches missing"));
			return ERR_OK;
		}
		prev = b.number;
		e = apply_batch(c, &b, r, b.number > indexed);
		if (e == ERR_CORRUPT) {
			/* Its checksum is right: written so, and set aside. */
			log_event(LOG_corrupt, log_str("what", "journal"),
			    log_num("where", b.number), log_str("reason", "bad entry"));
		} else if (e != ERR_OK) {
			return e;
		}
		if (b.number > c->number) {
			c->number = b.number;
			(*count)++;
		}
	}
	return ERR_OK;
}

static enum err
recover(struct commit *c)
{
	struct chain ch[2] = { { .first = 0 } };
	struct blob_replay r;
	uint64_t count = 0, begin_ms = clock_mono_ms(), indexed;
	unsigned older;
	enum err e = ERR_OK;

	indexed = c->number = kv_last_batch(c->kv);
	blob_replay_init(&r, c->dir_fd);
	kv_replay_begin(c->kv);
	for (unsigned i = 0; i < 2 && e == ERR_OK; i++)
		e = chain_read(&ch[i], c->journal[i].fd);
	older = ch[0].first <= ch[1].first ? 0 : 1;
	/* What a shard's file lacks may be below the highest number of all files. */
	for (unsigned i = 0; i < 2 && e == ERR_OK; i++)
		e = apply_chain(c, &ch[older ^ i], indexed, &r, &count);
	if (e == ERR_OK)
		e = blob_replay_fini(&r);
	else if (blob_replay_fini(&r) != ERR_OK)
		e = ERR_IO;
	daemon_crash_at("store.replay-synced");
	if (e == ERR_OK)
		e = kv_replay_end(c->kv, c->number);
	for (unsigned i = 0; i < 2; i++)
		buf_fini(&ch[i].bytes);
	if (count > 0)
		log_event(LOG_recover, log_str("what", "store"), log_num("count", count),
		    log_ms("duration", clock_mono_ms() - begin_ms));
	return e;
}

static enum err
sync_directory(int dir_fd)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc;

	if (fd < 0)
		return err_from_errno(errno);
	rc = fsync(fd);
	close(fd);
	return rc == 0 ? ERR_OK : ERR_IO;
}

static enum err
open_files(struct commit *c, unsigned shards, uint64_t segment_bytes, struct buf *why)
{
	enum err e;

	if ((e = kv_open(&c->kv, shards, on_kick, c, why)) != ERR_OK)
		return e;
	for (unsigned i = 0; i < 2; i++)
		if ((e = journal_open(&c->journal[i], c->dir_fd, i)) != ERR_OK) {
			buf_printf(why, "journal.%u: %s", i, err_text(e));
			return e;
		}
	if ((e = sync_directory(c->dir_fd)) != ERR_OK || (e = recover(c)) != ERR_OK) {
		buf_printf(why, "recovery: %s", err_text(e));
		return e;
	}
	for (unsigned i = 0; i < 2; i++)
		journal_start(&c->journal[i]);
	if ((e = blob_open(&c->blob, c->kv, c->dir_fd, segment_bytes)) != ERR_OK)
		buf_printf(why, "segments: %s", err_text(e));
	return e;
}

enum err
commit_open(struct commit **out, struct loop *loop, int dir_fd, unsigned shards,
    uint64_t segment_bytes, struct buf *why)
{
	struct commit *c = must_alloc(1, sizeof(*c));
	enum err e;

	c->loop = loop;
	c->dir_fd = dir_fd;
	c->journal[0].fd = c->journal[1].fd = -1;
	buf_init(&c->redo, JOURNAL_BYTES);
	loop_idle_init(&c->idle, on_idle, c);
	timer_init(&c->lazy, loop, on_lazy, c);
	timer_init(&c->checkpoint_timer, loop, on_checkpoint_timer, c);
	timer_init(&c->upkeep, loop, on_upkeep, c);
	c->wake = loop_wake_new(loop, on_wake, c);
	e = open_files(c, shards, segment_bytes, why);
	if (e == ERR_OK && (job_init(&c->writer, c, write_batch) != ERR_OK ||
	    job_init(&c->checkpointer, c, write_checkpoint) != ERR_OK)) {
		buf_put_str(why, "cannot start a thread");
		e = ERR_SYS;
	}
	if (e != ERR_OK)
		commit_close(&c);
	else
		timer_set(&c->upkeep, loop_now(loop) + UPKEEP_MS);
	*out = c;
	return e;
}

void
commit_close(struct commit **pc)
{
	struct commit *c = *pc;

	*pc = NULL;
	if (c == NULL)
		return;
	job_fini(&c->writer);
	job_fini(&c->checkpointer);
	loop_idle_cancel(&c->idle);
	timer_stop(&c->lazy);
	timer_stop(&c->checkpoint_timer);
	timer_stop(&c->upkeep);
	loop_wake_free(&c->wake);
	if (c->checkpoint != NULL)
		kv_checkpoint_done(c->kv, &c->checkpoint);
	blob_unsynced_fini(&c->unsynced);
	blob_punch_fini(&c->punches);
	blob_batch_free(&c->bodies);
	blob_close(&c->blob);
	kv_close(&c->kv);
	for (unsigned i = 0; i < 2; i++)
		journal_close(&c->journal[i]);
	buf_fini(&c->redo);
	free(c);
}

struct kv *
commit_kv(struct commit *c)
{
	return c->kv;
}

struct blob *
commit_blob(struct commit *c)
{
	return c->blob;
}

void
commit_on_batch(struct commit *c, timer_fn *fn, void *arg)
{
	c->batch_fn = fn;
	c->batch_arg = arg;
}

void
commit_checkpoint(struct commit *c)
{
	c->wants_checkpoint = true;
	if (!c->has_batch)
		start(c);
}

void
commit_drain(struct commit *c, timer_fn *fn, void *arg)
{
	c->drain_fn = fn;
	c->drain_arg = arg;
	start(c);
	maybe_drained(c);
}

bool
commit_is_idle(const struct commit *c)
{
	return !c->has_batch && !c->has_checkpoint && !kv_has_work(c->kv);
}

void
commit_stat(const struct commit *c, struct commit_stat *st)
{
	*st = c->stat;
}
