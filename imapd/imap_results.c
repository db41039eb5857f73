/* SPDX-License-Identifier: ISC */
#include "imapd/imap_results.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/must.h"

void
imap_results_init(struct imap_results *r, bool sorted)
{
	*r = (struct imap_results){ .sorted = sorted };
}

void
imap_results_fini(struct imap_results *r)
{
	free(r->v);
	imap_results_init(r, r->sorted);
}

size_t
imap_results_bytes(const struct imap_results *r)
{
	return 2 * sizeof(*r->v) * (size_t)r->cap;
}

/* ---- runs ---- */

static void
resize(struct imap_results *r, uint32_t cap)
{
	r->cap = cap;
	r->v = must_realloc(r->v, cap, 2 * sizeof(*r->v));
}

/* A run of this UID alone before run i. */
static void
insert(struct imap_results *r, uint32_t i, uint32_t first, uint32_t last)
{
	if (r->count == r->cap)
		resize(r, r->cap + r->cap / 4 + 4);
	memmove(r->v + 2 * (i + 1), r->v + 2 * i, 2 * sizeof(*r->v) * (r->count - i));
	r->v[2 * i] = first;
	r->v[2 * i + 1] = last;
	r->count++;
}

static void
drop(struct imap_results *r, uint32_t i)
{
	r->count--;
	memmove(r->v + 2 * i, r->v + 2 * (i + 1), 2 * sizeof(*r->v) * (r->count - i));
}

static bool
run_has(const uint32_t *run, uint32_t uid)
{
	return run[0] <= run[1] ? uid >= run[0] && uid <= run[1] :
	    uid <= run[0] && uid >= run[1];
}

/* How many steps into the run; how many UIDs it has, less one. */
static uint32_t
run_steps(const uint32_t *run, uint32_t uid)
{
	return uid > run[0] ? uid - run[0] : run[0] - uid;
}

/* The run that has it, or where one would stand; *place: UIDs before it. */
static uint32_t
find(const struct imap_results *r, uint32_t uid, uint32_t *place)
{
	uint32_t low = 0, high = r->count;

	*place = 0;
	for (; r->sorted && low < high && !run_has(r->v + 2 * low, uid); low++)
		*place += run_steps(r->v + 2 * low, r->v[2 * low + 1]) + 1;
	while (!r->sorted && low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (r->v[2 * mid + 1] < uid)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* ---- make ---- */

/* Behind all others: a step up or down makes a run longer. */
void
imap_results_append(struct imap_results *r, uint32_t uid)
{
	uint32_t *run = r->count > 0 ? r->v + 2 * (r->count - 1) : NULL;
	bool up = run != NULL && uid == run[1] + 1 && run[0] <= run[1];
	bool down = run != NULL && uid + 1 == run[1] && run[0] >= run[1];

	if (up || down)
		run[1] = uid;
	else
		insert(r, r->count, uid, uid);
}

void
imap_results_fill(struct imap_results *r, const struct imap_found *f)
{
	imap_results_fini(r);
	for (uint32_t i = 0; i < f->count; i++) {
		/* Neighbours in the view, whatever UIDs are missing between. */
		if (!r->sorted && i > 0 && f->v[i].seq == f->v[i - 1].seq + 1)
			r->v[2 * r->count - 1] = f->v[i].uid;
		else
			imap_results_append(r, f->v[i].uid);
	}
	if (r->count > 0)
		resize(r, r->count);
}

/* ---- use ---- */

bool
imap_results_has(const struct imap_results *r, uint32_t uid)
{
	uint32_t place, i = find(r, uid, &place);

	return i < r->count && run_has(r->v + 2 * i, uid);
}

void
imap_results_add(struct imap_results *r, uint32_t uid)
{
	uint32_t place, i = find(r, uid, &place);
	bool joins_left = i > 0 && r->v[2 * i - 1] + 1 == uid;
	bool joins_right = i < r->count && r->v[2 * i] == uid + 1;

	if (i < r->count && run_has(r->v + 2 * i, uid))
		return;
	if (joins_left && joins_right) {
		r->v[2 * i - 1] = r->v[2 * i + 1];
		drop(r, i);
	} else if (joins_left) {
		r->v[2 * i - 1] = uid;
	} else if (joins_right) {
		r->v[2 * i] = uid;
	} else {
		insert(r, i, uid, uid);
	}
}

bool
imap_results_take(struct imap_results *r, uint32_t uid, uint32_t *place)
{
	uint32_t before, i = find(r, uid, &before), first, last, step;

	if (i == r->count || !run_has(r->v + 2 * i, uid))
		return false;
	first = r->v[2 * i];
	last = r->v[2 * i + 1];
	step = first <= last ? 1 : UINT32_MAX;		/* or one down */
	*place = r->sorted ? before + run_steps(r->v + 2 * i, uid) + 1 : 0;
	if (first == last) {
		drop(r, i);
	} else if (uid == first) {
		r->v[2 * i] = uid + step;
	} else {
		r->v[2 * i + 1] = uid - step;
		if (uid != last)
			insert(r, i + 1, uid + step, last);
	}
	return true;
}

uint32_t
imap_results_next(const struct imap_results *r, struct imap_results_at *at)
{
	const uint32_t *run = r->v + 2 * (size_t)at->run;
	uint32_t uid;

	if (at->run == r->count)
		return 0;
	uid = run[0] <= run[1] ? run[0] + at->step : run[0] - at->step;
	at->step++;
	if (uid == run[1])
		*at = (struct imap_results_at){ .run = at->run + 1 };
	return uid;
}
