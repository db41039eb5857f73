/* SPDX-License-Identifier: ISC */
#include "delivery/dlv_postage.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/list.h"
#include "lib/base/must.h"

struct dlv_payer {
	struct list		 link;
	struct dlv_postage	*postage;
	struct cmtp2_price	 price;
	unsigned char		 digest[CMTP_DIGEST_BYTES];
	uint64_t		 counter;	/* the next to try */
	uint64_t		 until_ms;
	dlv_paid_fn		*fn;
	void			*arg;
};

/* What the pool has: a copy, since the payer may leave meanwhile. */
struct slice_of_work {
	struct dlv_postage	*postage;	/* NULL: freed */
	struct dlv_payer	*payer;		/* NULL: it left */
	struct cmtp2_price	 price;
	unsigned char		 digest[CMTP_DIGEST_BYTES];
	uint64_t		 counter;
	uint64_t		 end;
	enum err		 result;
};

struct dlv_postage {
	struct loop		*loop;
	struct list		 line;
	unsigned		 count;
	struct slice_of_work	*work;		/* in the pool; NULL: none */
	struct loop_idle	 turn;
};

static uint64_t
work_of(const struct cmtp2_price *p)
{
	return (uint64_t)p->kib * p->passes;
}

enum err
dlv_postage_judge(const struct cmtp2_price *p, uint64_t now_s)
{
	if (work_of(p) << p->bits > DLV_POSTAGE_WORK_MAX)
		return ERR_LIMIT;
	return p->expires_s <= now_s ? ERR_TIMEOUT : ERR_OK;
}

static void
leave(struct dlv_payer *a)
{
	struct dlv_postage *p = a->postage;

	list_remove(&a->link);
	p->count--;
	if (p->work != NULL && p->work->payer == a)
		p->work->payer = NULL;
	free(a);
}

static void
settle(struct dlv_payer *a, enum err e, uint64_t counter)
{
	dlv_paid_fn *fn = a->fn;
	void *arg = a->arg;

	leave(a);
	fn(arg, e, counter);
}

/* ---- in the pool */

static void
try_some(void *arg)
{
	struct slice_of_work *w = arg;

	for (w->result = ERR_NOTFOUND; w->counter != w->end; w->counter++) {
		w->result = cmtp2_postage_try(&w->price, w->digest, w->counter);
		if (w->result != ERR_NOTFOUND)
			return;
	}
}

/* ---- in the loop */

static bool
is_late(const struct dlv_payer *a)
{
	return loop_now(a->postage->loop) >= a->until_ms ||
	    loop_real_ms(a->postage->loop) / 1000 >= a->price.expires_s;
}

static void
tried(void *arg)
{
	struct slice_of_work *w = arg;
	struct dlv_postage *p = w->postage;
	struct dlv_payer *a = w->payer;
	enum err e = w->result;
	uint64_t counter = w->counter;

	free(w);
	if (p == NULL)
		return;
	p->work = NULL;
	loop_defer(p->loop, &p->turn);
	if (a == NULL)
		return;
	if (e == ERR_NOTFOUND && !is_late(a)) {
		a->counter = counter;
		list_remove(&a->link);
		list_push(&p->line, &a->link);
		return;
	}
	settle(a, e == ERR_NOTFOUND ? ERR_TIMEOUT : e, counter);
}

/* The first of the line has the next slice. */
static void
on_turn(void *arg)
{
	struct dlv_postage *p = arg;
	struct list *first = list_first(&p->line);
	struct slice_of_work *w;
	struct dlv_payer *a;
	uint64_t n;

	if (first == NULL || p->work != NULL)
		return;
	a = obj_of(first, struct dlv_payer, link);
	n = DLV_POSTAGE_SLICE / work_of(&a->price);
	w = must_alloc(1, sizeof(*w));
	*w = (struct slice_of_work){ .postage = p, .payer = a, .price = a->price,
		.counter = a->counter, .end = a->counter + (n > 0 ? n : 1) };
	memcpy(w->digest, a->digest, sizeof(w->digest));
	p->work = w;
	if (loop_work(p->loop, try_some, tried, w) == ERR_OK)
		return;
	p->work = NULL;
	free(w);
	loop_defer(p->loop, &p->turn);
	settle(a, ERR_BUSY, 0);
}

struct dlv_payer *
dlv_postage_pay(struct dlv_postage *p, const struct cmtp2_price *price,
    const unsigned char digest[CMTP_DIGEST_BYTES], dlv_paid_fn *fn, void *arg)
{
	struct dlv_payer *a;

	must(price->kib > 0 && price->passes > 0);
	if (p->count >= DLV_POSTAGE_LINE_MAX)
		return NULL;
	a = must_alloc(1, sizeof(*a));
	*a = (struct dlv_payer){ .postage = p, .price = *price, .fn = fn, .arg = arg,
		.until_ms = loop_now(p->loop) + DLV_POSTAGE_MS };
	memcpy(a->digest, digest, sizeof(a->digest));
	list_push(&p->line, &a->link);
	p->count++;
	loop_defer(p->loop, &p->turn);
	return a;
}

void
dlv_postage_cancel(struct dlv_payer **ap)
{
	struct dlv_payer *a = *ap;

	*ap = NULL;
	if (a != NULL)
		leave(a);
}

/* ---- life */

struct dlv_postage *
dlv_postage_new(struct loop *loop)
{
	struct dlv_postage *p = must_alloc(1, sizeof(*p));

	p->loop = loop;
	list_init(&p->line);
	loop_idle_init(&p->turn, on_turn, p);
	return p;
}

void
dlv_postage_free(struct dlv_postage **pp)
{
	struct dlv_postage *p = *pp;
	struct list *n;

	*pp = NULL;
	if (p == NULL)
		return;
	while ((n = list_first(&p->line)) != NULL)
		leave(obj_of(n, struct dlv_payer, link));
	if (p->work != NULL)
		p->work->postage = NULL;
	loop_idle_cancel(&p->turn);
	free(p);
}
