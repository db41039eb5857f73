/* SPDX-License-Identifier: ISC */
#include "queue/queue_again.h"

#include <stdlib.h>

#include "lib/base/must.h"
#include "lib/ipc/queue_proto.h"
#include "queue/queue_forward.h"

struct again {
	struct queue_msg	*m;
	struct queue_envelope	*e;
	uint32_t		 before;	/* recipients when it began */
	uint64_t		*hashes;	/* of the addresses of these */
	bool			*seen;		/* looked up, or not to be */
	bool			*found;		/* his name leads there today */
	const struct queue_rcpt	*model;		/* of the name that is looked up */
};

/* One of the waiting recipients that the name led to before. */
static bool
is_of(const struct again *a, uint32_t i, struct slice name)
{
	return !a->seen[i] && slice_eq(a->e->rcpts[i].original, name);
}

static bool
has(struct again *a, struct slice address, uint64_t hash)
{
	uint32_t i;

	for (i = 0; i < a->before; i++)
		if (a->hashes[i] == hash && slice_eq(a->e->rcpts[i].address, address) &&
		    a->e->rcpts[i].status != QUEUE_RCPT_MOVED) {
			a->found[i] = true;
			return true;
		}
	for (; i < a->e->rcpt_count; i++)
		if (slice_eq(a->e->rcpts[i].address, address))
			return true;
	return false;
}

static enum err
on_address(void *arg, struct slice address, uint8_t class,
    const struct queue_account *account, bool forwarded)
{
	struct again *a = arg;
	struct queue_rcpt r = { .address = address, .original = a->model->original,
	    .orcpt = a->model->orcpt, .notify = a->model->notify, .class = class };
	enum err e;

	(void)account;
	if (has(a, address, hash_slice(address)))
		return ERR_OK;
	if (forwarded && a->e->forward_sender.n == 0 &&
	    (e = queue_forward_rewrite(a->m->q, a->e)) != ERR_OK)
		return e;
	r.is_forwarded = forwarded && a->e->forward_sender.n > 0;
	return queue_envelope_add(a->e, &r);
}

/* All waiting recipients that the name of recipient i led to. */
static void
look_up(struct again *a, uint32_t i)
{
	struct queue_rcpt model = a->e->rcpts[i];	/* they may move */
	uint32_t count = a->e->rcpt_count, k;
	struct queue_refusal why;
	bool is_good;

	a->model = &model;
	for (k = 0; k < a->before; k++)
		a->found[k] = false;
	is_good = queue_forward_resolve(a->m->q, model.original, true, on_address, a,
	    &why) == ERR_OK;
	if (!is_good)
		a->e->rcpt_count = count;
	for (k = i; k < a->before; k++) {
		if (!is_of(a, k, model.original))
			continue;
		a->seen[k] = true;
		if (is_good && !a->found[k]) {
			a->e->rcpts[k].status = QUEUE_RCPT_MOVED;
			a->e->rcpts[k].notified = true;
		}
	}
}

static void
note_classes(struct queue_msg *m)
{
	uint32_t i;

	for (i = m->env.rcpt_count - m->env.added_count; i < m->env.rcpt_count; i++)
		if (m->env.rcpts[i].class == QUEUE_LOCAL)
			m->item->flags |= QUEUE_HAS_LOCAL;
}

void
queue_again_look(struct queue_msg *m)
{
	struct again a = { .m = m, .e = &m->env, .before = m->env.rcpt_count };
	const struct queue_rcpt *r;
	uint32_t i;

	/* Sealed to a mailbox: no other name could take it. */
	if (m->env.kind != QUEUE_KIND_MAIL || a.before == 0 || m->jobs > 0 || m->is_notifying)
		return;
	a.hashes = must_alloc(a.before, sizeof(*a.hashes));
	a.seen = must_alloc(a.before, sizeof(*a.seen));
	a.found = must_alloc(a.before, sizeof(*a.found));
	for (i = 0; i < a.before; i++) {
		r = &m->env.rcpts[i];
		a.hashes[i] = hash_slice(r->address);
		a.seen[i] = r->status != QUEUE_RCPT_PENDING || r->in_job || r->in_line;
	}
	for (i = 0; i < a.before; i++)
		if (!a.seen[i])
			look_up(&a, i);
	m->env.added_count += m->env.rcpt_count - a.before;
	note_classes(m);
	m->has_changed = true;
	free(a.hashes);
	free(a.seen);
	free(a.found);
}
