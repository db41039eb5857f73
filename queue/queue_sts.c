/* SPDX-License-Identifier: ISC */
/*
 * The table at the top, what stands in the file at the bottom: u32 count, the
 * policies.  Format 1 was not sealed: magic of 8, u32 format, u32 count, u64
 * bytes of what follows; the policies; BLAKE2b-256 of all before it.
 */
#include "queue/queue_sts.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/list.h"
#include "lib/base/map.h"
#include "lib/base/must.h"
#include "lib/crypto/cry.h"
#include "lib/ipc/ipc_codec.h"

#define FORMAT		2u
#define OLD_HEAD_BYTES	24u
#define OLD_SUM_BYTES	32u
/* Lengths and numbers of a policy in the file. */
#define FIXED_BYTES	(8u + 4u + 3u * 2u)
#define CONTENT_MAX	(4u + QUEUE_STS_BYTES_MAX)

struct entry {
	struct map_node		 node;
	struct list		 by_use;
	struct queue_sts_policy	 p;		/* of text */
	char			 text[];
};

struct queue_sts {
	struct loop	*loop;
	struct map	 entries;
	struct list	 by_use;	/* the least used first */
	size_t		 bytes;		/* in the file */
	struct queue_keep keep;
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

enum err
queue_sts_put(struct queue_sts *s, const struct queue_sts_policy *p)
{
	if (!is_sound(p))
		return ERR_VIOLATION;
	add(s, p);
	queue_keep_changed(&s->keep);
	return ERR_OK;
}

unsigned
queue_sts_count(const struct queue_sts *s)
{
	return (unsigned)s->entries.count;
}

struct queue_keep *
queue_sts_keep(struct queue_sts *s)
{
	return &s->keep;
}

/* ---- file ---- */

static void
put_content(void *arg, struct buf *b)
{
	struct queue_sts *s = arg;
	const struct list *n;

	drop_expired(s);
	ipc_put_u32(b, (uint32_t)s->entries.count);
	for (n = list_first(&s->by_use); n != NULL; n = list_next(&s->by_use, n)) {
		const struct entry *e = obj_of(n, struct entry, by_use);

		ipc_put_u64(b, e->p.fetched_s);
		ipc_put_u32(b, e->p.max_age_s);
		ipc_put_var(b, e->p.domain, QUEUE_STS_DOMAIN_MAX);
		ipc_put_var(b, e->p.id, QUEUE_STS_ID_MAX);
		ipc_put_var(b, e->p.body, QUEUE_STS_BODY_MAX);
	}
}

static enum err
get_policies(struct queue_sts *s, struct ipc_reader *r, uint32_t count)
{
	if (count > QUEUE_STS_DOMAINS_MAX)
		return ERR_CORRUPT;
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

static enum err
get_content(void *arg, struct slice content)
{
	struct ipc_reader r = ipc_reader_of(content);
	uint32_t count = ipc_get_u32(&r);

	return r.bad ? ERR_CORRUPT : get_policies(arg, &r, count);
}

static enum err
get_old(void *arg, struct slice file)
{
	unsigned char sum[OLD_SUM_BYTES];
	struct ipc_reader r;
	uint32_t count;

	if (file.n < OLD_HEAD_BYTES + OLD_SUM_BYTES)
		return ERR_CORRUPT;
	r = ipc_reader_of(slice_from(slice_head(file, file.n - OLD_SUM_BYTES), 12));
	count = ipc_get_u32(&r);
	cry_hash(sum, sizeof(sum), slice_head(file, file.n - OLD_SUM_BYTES));
	if (memcmp(sum, file.p + file.n - OLD_SUM_BYTES, sizeof(sum)) != 0 ||
	    ipc_get_u64(&r) != file.n - OLD_HEAD_BYTES - OLD_SUM_BYTES)
		return ERR_CORRUPT;
	return get_policies(arg, &r, count);
}

static void
clear(void *arg)
{
	struct queue_sts *s = arg;
	struct list *n;

	while ((n = list_first(&s->by_use)) != NULL)
		drop(s, obj_of(n, struct entry, by_use));
}

static const struct queue_keep_kind kind = {
	.file = QUEUE_STS_FILE, .what = "policies", .magic = "GODWITST", .format = FORMAT,
	.id = QUEUE_STS_SEAL_ID, .content_max = CONTENT_MAX, .delay_ms = QUEUE_STS_SAVE_MS,
	.put = put_content, .get = get_content, .get_old = get_old, .clear = clear
};

/* ---- life ---- */

struct queue_sts *
queue_sts_new(struct loop *loop, int dir, const struct queue_keys *keys)
{
	struct queue_sts *s = must_alloc(1, sizeof(*s));

	s->loop = loop;
	map_init(&s->entries);
	list_init(&s->by_use);
	queue_keep_init(&s->keep, &kind, s, loop, dir, keys);
	return s;
}

void
queue_sts_free(struct queue_sts **sp)
{
	struct queue_sts *s = *sp;

	*sp = NULL;
	if (s == NULL)
		return;
	queue_keep_fini(&s->keep);
	clear(s);
	map_fini(&s->entries);
	free(s);
}
