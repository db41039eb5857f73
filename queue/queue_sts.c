/* SPDX-License-Identifier: ISC */
/*
 * The table at the top, the file's form in the middle, reading and writing it
 * at the bottom.  The file: magic of 8, u32 format, u32 count, u64 bytes of
 * what follows; the policies; BLAKE2b-256 of all before it.
 */
#include "queue/queue_sts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/list.h"
#include "lib/base/log.h"
#include "lib/base/map.h"
#include "lib/base/must.h"
#include "lib/crypto/cry.h"
#include "lib/ipc/ipc_codec.h"
#include "lib/sys/fd.h"
#include "lib/sys/path.h"

#define FORMAT		1u
#define HEAD_BYTES	24u
#define SUM_BYTES	32u
#define NEW_FILE	QUEUE_STS_FILE ".new"
#define ASIDE_FILE	"corrupt-" QUEUE_STS_FILE
/* Lengths and numbers of a policy in the file. */
#define FIXED_BYTES	(8u + 4u + 3u * 2u)
#define FILE_MAX	(HEAD_BYTES + QUEUE_STS_BYTES_MAX + SUM_BYTES)

static const char magic[8] = "GODWITST";

struct entry {
	struct map_node		 node;
	struct list		 by_use;
	struct queue_sts_policy	 p;		/* of text */
	char			 text[];
};

struct queue_sts {
	struct loop	*loop;
	int		 dir;
	struct map	 entries;
	struct list	 by_use;	/* the least used first */
	size_t		 bytes;		/* in the file */
	struct timer	 timer;
	bool		 is_dirty;
	bool		 is_writing;	/* in the pool: out and result are its */
	struct buf	 out;
	enum err	 result;
};

static uint64_t
now_s(const struct queue_sts *s)
{
	return loop_real_ms(s->loop) / 1000;
}

/* ---- table ---- */

static size_t
bytes_of(const struct queue_sts_policy *p)
{
	return FIXED_BYTES + p->domain.n + p->id.n + p->body.n;
}

static struct entry *
find(const struct queue_sts *s, struct slice domain)
{
	for (struct map_node *n = map_first(&s->entries, hash_slice(domain)); n != NULL;
	    n = map_next(n)) {
		struct entry *e = obj_of(n, struct entry, node);

		if (slice_eq(e->p.domain, domain))
			return e;
	}
	return NULL;
}

static void
drop(struct queue_sts *s, struct entry *e)
{
	map_remove(&s->entries, &e->node);
	list_remove(&e->by_use);
	s->bytes -= bytes_of(&e->p);
	free(e);
}

static bool
is_expired(const struct queue_sts *s, const struct queue_sts_policy *p)
{
	uint64_t now = now_s(s);

	return now > p->fetched_s && now - p->fetched_s >= p->max_age_s;
}

static struct slice
keep(char **at, struct slice from)
{
	struct slice kept = slice_of(*at, from.n);

	memcpy(*at, from.p, from.n);
	*at += from.n;
	return kept;
}

static void
add(struct queue_sts *s, const struct queue_sts_policy *p)
{
	struct entry *e = find(s, p->domain);
	uint64_t now = now_s(s);
	char *at;

	if (e != NULL)
		drop(s, e);
	e = must_alloc(1, sizeof(*e) + p->domain.n + p->id.n + p->body.n);
	at = e->text;
	e->p = *p;
	e->p.domain = keep(&at, p->domain);
	e->p.id = keep(&at, p->id);
	e->p.body = keep(&at, p->body);
	/* By a clock that was set back since: as if it came now. */
	if (e->p.fetched_s > now)
		e->p.fetched_s = now;
	list_init(&e->by_use);
	list_push(&s->by_use, &e->by_use);
	map_insert(&s->entries, &e->node, hash_slice(e->p.domain));
	s->bytes += bytes_of(&e->p);
	while (s->entries.count > QUEUE_STS_DOMAINS_MAX || s->bytes > QUEUE_STS_BYTES_MAX)
		drop(s, obj_of(list_first(&s->by_use), struct entry, by_use));
}

static void
drop_expired(struct queue_sts *s)
{
	struct list *n, *tmp;

	LIST_EACH(n, tmp, &s->by_use) {
		struct entry *e = obj_of(n, struct entry, by_use);

		if (is_expired(s, &e->p))
			drop(s, e);
	}
}

static bool
is_sound(const struct queue_sts_policy *p)
{
	return p->domain.n > 0 && p->domain.n <= QUEUE_STS_DOMAIN_MAX && p->id.n > 0 &&
	    p->id.n <= QUEUE_STS_ID_MAX && p->body.n > 0 && p->body.n <= QUEUE_STS_BODY_MAX &&
	    p->max_age_s <= QUEUE_STS_AGE_MAX_S;
}

bool
queue_sts_find(struct queue_sts *s, struct slice domain, struct queue_sts_policy *p)
{
	struct entry *e = find(s, domain);

	if (e == NULL)
		return false;
	if (is_expired(s, &e->p)) {
		drop(s, e);
		return false;
	}
	list_remove(&e->by_use);
	list_push(&s->by_use, &e->by_use);
	*p = e->p;
	return true;
}

static void
arm(struct queue_sts *s, uint64_t ms)
{
	if (!s->is_writing && !timer_is_set(&s->timer))
		timer_set(&s->timer, loop_now(s->loop) + ms);
}

enum err
queue_sts_put(struct queue_sts *s, const struct queue_sts_policy *p)
{
	if (!is_sound(p))
		return ERR_VIOLATION;
	add(s, p);
	s->is_dirty = true;
	arm(s, QUEUE_STS_SAVE_MS);
	return ERR_OK;
}

unsigned
queue_sts_count(const struct queue_sts *s)
{
	return (unsigned)s->entries.count;
}

/* ---- form ---- */

static void
put_file(struct buf *b, const struct queue_sts *s)
{
	unsigned char sum[SUM_BYTES];
	const struct list *n;

	buf_put(b, magic, sizeof(magic));
	ipc_put_u32(b, FORMAT);
	ipc_put_u32(b, (uint32_t)s->entries.count);
	ipc_put_u64(b, s->bytes);
	for (n = list_first(&s->by_use); n != NULL; n = list_next(&s->by_use, n)) {
		const struct entry *e = obj_of(n, struct entry, by_use);

		ipc_put_u64(b, e->p.fetched_s);
		ipc_put_u32(b, e->p.max_age_s);
		ipc_put_var(b, e->p.domain, QUEUE_STS_DOMAIN_MAX);
		ipc_put_var(b, e->p.id, QUEUE_STS_ID_MAX);
		ipc_put_var(b, e->p.body, QUEUE_STS_BODY_MAX);
	}
	cry_hash(sum, sizeof(sum), buf_slice(b));
	buf_put(b, sum, sizeof(sum));
	must(buf_err(b) == ERR_OK);
}

static enum err
get_policies(struct queue_sts *s, struct ipc_reader *r, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		struct queue_sts_policy p;

		p.fetched_s = ipc_get_u64(r);
		p.max_age_s = ipc_get_u32(r);
		p.domain = ipc_get_var(r, QUEUE_STS_DOMAIN_MAX);
		p.id = ipc_get_var(r, QUEUE_STS_ID_MAX);
		p.body = ipc_get_var(r, QUEUE_STS_BODY_MAX);
		if (r->bad || !is_sound(&p))
			return ERR_CORRUPT;
		if (!is_expired(s, &p))
			add(s, &p);
	}
	return r->p == r->end ? ERR_OK : ERR_CORRUPT;
}

/* What its sum covers is as it was written; all the same nothing is believed. */
static enum err
get_file(struct queue_sts *s, struct slice file)
{
	unsigned char sum[SUM_BYTES];
	struct ipc_reader r;
	uint32_t format, count;

	if (file.n < HEAD_BYTES + SUM_BYTES || memcmp(file.p, magic, sizeof(magic)) != 0)
		return ERR_CORRUPT;
	r = ipc_reader_of(slice_from(slice_head(file, file.n - SUM_BYTES), sizeof(magic)));
	format = ipc_get_u32(&r);
	count = ipc_get_u32(&r);
	if (format != FORMAT)
		return ERR_VERSION;
	cry_hash(sum, sizeof(sum), slice_head(file, file.n - SUM_BYTES));
	if (memcmp(sum, file.p + file.n - SUM_BYTES, sizeof(sum)) != 0 ||
	    ipc_get_u64(&r) != file.n - HEAD_BYTES - SUM_BYTES ||
	    count > QUEUE_STS_DOMAINS_MAX)
		return ERR_CORRUPT;
	return get_policies(s, &r, count);
}

/* ---- disk ---- */

static enum err
read_file(struct buf *b, int dir)
{
	int fd = openat(dir, QUEUE_STS_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	enum err e = ERR_OK;
	ssize_t n;

	if (fd == -1)
		return err_from_errno(errno);
	for (;;) {
		char *p = buf_reserve(b, 65536);

		if (p == NULL) {
			e = ERR_TOOBIG;
			break;
		}
		n = read(fd, p, 65536);
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
clear(struct queue_sts *s)
{
	struct list *n;

	while ((n = list_first(&s->by_use)) != NULL)
		drop(s, obj_of(n, struct entry, by_use));
}

static void
set_aside(struct queue_sts *s, enum err e)
{
	clear(s);
	log_event(LOG_corrupt, log_str("what", "policies"), log_str("where", QUEUE_STS_FILE),
	    log_str("reason", err_text(e)));
	if (renameat(s->dir, QUEUE_STS_FILE, s->dir, ASIDE_FILE) == -1)
		log_event(LOG_disk, log_str("what", "policies"),
		    log_str("reason", strerror(errno)));
}

static void
load(struct queue_sts *s)
{
	struct buf b;
	enum err e;

	/* Room for a whole step of reading behind the last byte. */
	buf_init(&b, FILE_MAX + 65536);
	e = read_file(&b, s->dir);
	if (e == ERR_OK)
		e = get_file(s, buf_slice(&b));
	if (e != ERR_OK && e != ERR_NOTFOUND)
		set_aside(s, e);
	buf_fini(&b);
}

/* In the pool, or at the end. */
static enum err
write_file(int dir, struct slice bytes)
{
	int fd = openat(dir, NEW_FILE, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
	    0600);
	enum err e;

	if (fd == -1)
		return err_from_errno(errno);
	e = fd_write_all(fd, bytes.p, bytes.n);
	if (e == ERR_OK && fsync(fd) == -1)
		e = err_from_errno(errno);
	(void)close(fd);
	if (e == ERR_OK && renameat(dir, NEW_FILE, dir, QUEUE_STS_FILE) == -1)
		e = err_from_errno(errno);
	return e == ERR_OK ? path_sync_dir(dir) : e;
}

static void
prepare(struct queue_sts *s)
{
	drop_expired(s);
	buf_reset(&s->out);
	put_file(&s->out, s);
	s->is_dirty = false;
}

static void
written(struct queue_sts *s)
{
	buf_release(&s->out);
	if (s->result != ERR_OK) {
		log_event(LOG_disk, log_str("what", "policies"),
		    log_str("reason", err_text(s->result)));
		s->is_dirty = true;
	}
	if (s->is_dirty)
		arm(s, s->result == ERR_OK ? QUEUE_STS_SAVE_MS : QUEUE_STS_RETRY_MS);
}

static void
work(void *arg)
{
	struct queue_sts *s = arg;

	s->result = write_file(s->dir, buf_slice(&s->out));
}

static void
done(void *arg)
{
	struct queue_sts *s = arg;

	s->is_writing = false;
	written(s);
}

static void
on_timer(void *arg)
{
	struct queue_sts *s = arg;
	enum err e;

	prepare(s);
	s->is_writing = true;
	/* From here on the result is the pool's, until done. */
	e = loop_work(s->loop, work, done, s);
	if (e != ERR_OK) {
		s->result = e;
		done(s);
	}
}

void
queue_sts_save(struct queue_sts *s)
{
	if (!s->is_dirty || s->is_writing)
		return;
	timer_stop(&s->timer);
	prepare(s);
	work(s);
	written(s);
}

bool
queue_sts_is_writing(const struct queue_sts *s)
{
	return s->is_writing;
}

/* ---- life ---- */

struct queue_sts *
queue_sts_new(struct loop *loop, int dir)
{
	struct queue_sts *s = must_alloc(1, sizeof(*s));

	s->loop = loop;
	s->dir = dir;
	map_init(&s->entries);
	list_init(&s->by_use);
	buf_init(&s->out, FILE_MAX);
	timer_init(&s->timer, loop, on_timer, s);
	load(s);
	return s;
}

void
queue_sts_free(struct queue_sts **sp)
{
	struct queue_sts *s = *sp;

	*sp = NULL;
	if (s == NULL)
		return;
	must(!s->is_writing);
	timer_stop(&s->timer);
	clear(s);
	map_fini(&s->entries);
	buf_fini(&s->out);
	free(s);
}
