/* SPDX-License-Identifier: ISC */
#include "queue/queue_keep.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/base/must.h"
#include "lib/base/secret.h"
#include "lib/ipc/ipc_codec.h"
#include "lib/sys/fd.h"
#include "lib/sys/path.h"

#define NAME_BYTES	64u
#define STEP_BYTES	65536u

static size_t
file_max(const struct queue_keep *k)
{
	return QUEUE_KEEP_HEAD_BYTES + k->kind->content_max + CRY_TAG_BYTES;
}

/* ---- sealing ---- */

static void
seal(struct queue_keep *k, struct slice content, const struct queue_spool_key *spool)
{
	unsigned char key[CRY_KEY_BYTES], wrap[QUEUE_WRAP_BYTES];
	struct cry_aead *a = cry_aead_new();
	char *p;

	cry_random(key, sizeof(key));
	queue_seal_wrap(a, wrap, key, spool, k->kind->id);
	buf_put(&k->out, k->kind->magic, 8);
	ipc_put_u32(&k->out, k->kind->format);
	ipc_put_u32(&k->out, spool->id);
	buf_put(&k->out, wrap, sizeof(wrap));
	p = buf_reserve(&k->out, content.n + CRY_TAG_BYTES);
	must(p != NULL);
	queue_seal_use(a, key);
	queue_seal_part(a, QUEUE_PART_BODY, k->kind->id, (unsigned char *)p, content);
	buf_commit(&k->out, content.n + CRY_TAG_BYTES);
	cry_aead_free(&a);
	secret_wipe(key, sizeof(key));
}

static enum err
open_file(struct queue_keep *k, struct slice file, const struct queue_spool_key *spool)
{
	struct slice sealed = slice_from(file, QUEUE_KEEP_HEAD_BYTES);
	struct slice wrap = slice_head(slice_from(file, 16), QUEUE_WRAP_BYTES);
	unsigned char key[CRY_KEY_BYTES];
	struct cry_aead *a;
	struct buf content;
	enum err e;
	char *p;

	if (sealed.n < CRY_TAG_BYTES)
		return ERR_CORRUPT;
	a = cry_aead_new();
	buf_init(&content, file_max(k));
	p = buf_reserve(&content, sealed.n);
	e = p != NULL ? queue_seal_unwrap(a, key, wrap, spool, k->kind->id) : ERR_CORRUPT;
	if (e == ERR_OK) {
		queue_seal_use(a, key);
		e = queue_seal_open_part(a, QUEUE_PART_BODY, k->kind->id, (unsigned char *)p,
		    sealed);
	}
	if (e == ERR_OK) {
		buf_commit(&content, sealed.n - CRY_TAG_BYTES);
		e = k->kind->get(k->arg, buf_slice(&content));
	}
	buf_fini(&content);
	cry_aead_free(&a);
	secret_wipe(key, sizeof(key));
	return e == ERR_OK ? ERR_OK : ERR_CORRUPT;
}

/* ---- reading ---- */

static void
set_aside(struct queue_keep *k, enum err e)
{
	char aside[NAME_BYTES];

	k->kind->clear(k->arg);
	log_event(LOG_corrupt, log_str("what", k->kind->what), log_str("where", k->kind->file),
	    log_str("reason", err_text(e)));
	must(snprintf(aside, sizeof(aside), "corrupt-%s", k->kind->file) < (int)sizeof(aside));
	if (renameat(k->dir, k->kind->file, k->dir, aside) == -1)
		log_event(LOG_disk, log_str("what", k->kind->what),
		    log_str("reason", strerror(errno)));
}

static enum err
read_file(struct buf *b, int dir, const char *name)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	enum err e = ERR_OK;
	ssize_t n;

	if (fd == -1)
		return err_from_errno(errno);
	for (;;) {
		char *p = buf_reserve(b, STEP_BYTES);

		if (p == NULL) {
			e = ERR_TOOBIG;
			break;
		}
		n = read(fd, p, STEP_BYTES);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			e = n < 0 ? err_from_errno(errno) : ERR_OK;
			break;
		}
		buf_commit(b, (size_t)n);
	}
	(void)close(fd);
	return e;
}

static void
forget_waiting(struct queue_keep *k)
{
	k->key_id = 0;
	buf_release(&k->waiting);
}

/* ERR_AGAIN: its key is not there. */
static enum err
take_file(struct queue_keep *k, struct slice file)
{
	const struct queue_spool_key *spool;
	struct ipc_reader r;
	uint32_t format;
	enum err e;

	if (file.n < 16 || memcmp(file.p, k->kind->magic, 8) != 0)
		return ERR_CORRUPT;
	r = ipc_reader_of(slice_from(file, 8));
	format = ipc_get_u32(&r);
	if (format < k->kind->format && k->kind->get_old != NULL) {
		e = k->kind->get_old(k->arg, file);
		if (e == ERR_OK)
			queue_keep_changed(k);	/* into the form of today */
		return e;
	}
	if (format != k->kind->format)
		return ERR_VERSION;
	k->key_id = ipc_get_u32(&r);
	if (file.n < QUEUE_KEEP_HEAD_BYTES || k->key_id == 0)
		return ERR_CORRUPT;
	spool = queue_seal_find_key(k->keys, k->key_id);
	if (spool == NULL)
		return ERR_AGAIN;
	e = open_file(k, file, spool);
	if (e == ERR_OK && k->key_id != k->keys->current)
		queue_keep_changed(k);		/* under the key of today */
	return e;
}

static void
load(struct queue_keep *k)
{
	enum err e = take_file(k, buf_slice(&k->waiting));

	if (e == ERR_AGAIN)
		return;
	forget_waiting(k);
	if (e != ERR_OK)
		set_aside(k, e);
}

uint32_t
queue_keep_wants(const struct queue_keep *k)
{
	return k->key_id;
}

void
queue_keep_on_key(struct queue_keep *k)
{
	if (k->key_id != 0 && queue_seal_find_key(k->keys, k->key_id) != NULL)
		load(k);
}

void
queue_keep_on_refused(struct queue_keep *k, uint32_t id)
{
	if (k->key_id != id || id == 0)
		return;
	forget_waiting(k);
	set_aside(k, ERR_NOTFOUND);
}

/* ---- writing ---- */

static void
arm(struct queue_keep *k, uint64_t ms)
{
	if (!k->is_writing && !timer_is_set(&k->timer))
		timer_set(&k->timer, loop_now(k->loop) + ms);
}

void
queue_keep_changed(struct queue_keep *k)
{
	k->is_dirty = true;
	arm(k, k->kind->delay_ms);
}

/* In the pool, or at the end. */
static enum err
write_file(const struct queue_keep *k)
{
	char name[NAME_BYTES];
	enum err e;
	int fd;

	must(snprintf(name, sizeof(name), "%s.new", k->kind->file) < (int)sizeof(name));
	fd = openat(k->dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd == -1)
		return err_from_errno(errno);
	e = fd_write_all(fd, buf_data(&k->out), k->out.n);
	if (e == ERR_OK && fsync(fd) == -1)
		e = err_from_errno(errno);
	(void)close(fd);
	if (e == ERR_OK && renameat(k->dir, name, k->dir, k->kind->file) == -1)
		e = err_from_errno(errno);
	return e == ERR_OK ? path_sync_dir(k->dir) : e;
}

/* False: there is no key to seal with, or the old file is not read yet. */
static bool
prepare(struct queue_keep *k)
{
	const struct queue_spool_key *spool = queue_seal_find_key(k->keys, k->keys->current);
	struct buf content;

	if (spool == NULL || k->key_id != 0)
		return false;
	buf_init(&content, k->kind->content_max);
	k->kind->put(k->arg, &content);
	must(buf_err(&content) == ERR_OK);
	buf_reset(&k->out);
	seal(k, buf_slice(&content), spool);
	buf_fini(&content);
	k->is_dirty = false;
	return true;
}

static void
written(struct queue_keep *k)
{
	buf_release(&k->out);
	if (k->result != ERR_OK) {
		log_event(LOG_disk, log_str("what", k->kind->what),
		    log_str("reason", err_text(k->result)));
		k->is_dirty = true;
	}
	if (k->is_dirty)
		arm(k, k->result == ERR_OK ? k->kind->delay_ms : QUEUE_KEEP_RETRY_MS);
	if (k->kind->written != NULL)
		k->kind->written(k->arg, k->result);
}

static void
work(void *arg)
{
	struct queue_keep *k = arg;

	k->result = write_file(k);
}

static void
done(void *arg)
{
	struct queue_keep *k = arg;

	k->is_writing = false;
	written(k);
}

static void
on_timer(void *arg)
{
	struct queue_keep *k = arg;
	enum err e;

	if (!prepare(k)) {
		arm(k, k->kind->delay_ms);
		return;
	}
	k->is_writing = true;
	/* From here on the result is the pool's, until done. */
	e = loop_work(k->loop, work, done, k);
	if (e != ERR_OK) {
		k->result = e;
		done(k);
	}
}

void
queue_keep_save(struct queue_keep *k)
{
	if (!k->is_dirty || k->is_writing || !prepare(k))
		return;
	timer_stop(&k->timer);
	work(k);
	written(k);
}

bool
queue_keep_is_writing(const struct queue_keep *k)
{
	return k->is_writing;
}

/* ---- life ---- */

void
queue_keep_init(struct queue_keep *k, const struct queue_keep_kind *kind, void *arg,
    struct loop *loop, int dir, const struct queue_keys *keys)
{
	enum err e;

	*k = (struct queue_keep){ .kind = kind, .arg = arg, .loop = loop, .dir = dir,
	    .keys = keys };
	list_init(&k->link);
	timer_init(&k->timer, loop, on_timer, k);
	buf_init(&k->out, file_max(k));
	/* Room for a whole step of reading behind the last byte, and for old forms. */
	buf_init(&k->waiting, file_max(k) + STEP_BYTES + 256);
	e = read_file(&k->waiting, dir, kind->file);
	if (e == ERR_OK) {
		load(k);
		return;
	}
	forget_waiting(k);
	if (e != ERR_NOTFOUND)
		set_aside(k, e);
}

void
queue_keep_fini(struct queue_keep *k)
{
	must(!k->is_writing);
	timer_stop(&k->timer);
	list_remove(&k->link);
	buf_fini(&k->out);
	buf_fini(&k->waiting);
}
