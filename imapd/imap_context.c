/* SPDX-License-Identifier: ISC */
#include "imapd/imap_context.h"

#include <stdlib.h>
#include <string.h>

#include "imapd/imap_delta.h"
#include "lib/base/enc.h"
#include "lib/base/must.h"
#include "lib/base/own.h"

/* ---- the list ---- */

struct imap_context *
imap_context_find(struct imap_context *x, struct slice tag)
{
	while (x != NULL && !slice_eq(imap_context_tag(x), tag))
		x = x->next;
	return x;
}

static size_t
bytes_of(const struct imap_context *x)
{
	return x->text.n + x->saved.n + x->where.n + x->fetch.n +
	    imap_results_bytes(&x->results);
}

bool
imap_context_is_over(const struct imap_context *x)
{
	size_t bytes = 0;
	unsigned count = 0;

	for (; x != NULL; x = x->next, count++)
		bytes += bytes_of(x);
	return count > IMAP_CONTEXTS_MAX || bytes > IMAP_CONTEXT_BYTES_MAX;
}

static void
free_first(struct imap_context **list)
{
	struct imap_context *x = *list;

	*list = x->next;
	own_free(&x->text);
	own_free(&x->saved);
	own_free(&x->where);
	own_free(&x->fetch);
	imap_results_fini(&x->results);
	free(x);
}

void
imap_context_free_all(struct imap_context **list)
{
	while (*list != NULL)
		free_first(list);
}

bool
imap_context_cancel(struct imap_context **list, struct slice tag)
{
	while (*list != NULL && !slice_eq(imap_context_tag(*list), tag))
		list = &(*list)->next;
	if (*list == NULL)
		return false;
	free_first(list);
	return true;
}

enum err
imap_context_add(struct imap_context **list, const struct imap_context_new *n,
    const struct imap_found *found)
{
	struct imap_context *x;

	if (n->text.n + n->saved.n + n->fetch.n > IMAP_CONTEXT_BYTES_MAX || n->tag.n > sizeof(x->tag))
		return ERR_LIMIT;
	x = must_alloc(1, sizeof(*x));
	memcpy(x->tag, n->tag.p, n->tag.n);
	x->tag_bytes = n->tag.n;
	x->uid = n->uid;
	x->seen = n->seen;
	x->text = own_slice(n->text);
	x->saved = own_slice(n->saved);
	x->where = own_slice(n->where);
	x->fetch = own_slice(n->fetch);
	x->uidnext = n->uidnext;
	imap_results_init(&x->results, n->sorted);
	imap_results_fill(&x->results, found);
	x->next = *list;
	*list = x;
	if (!imap_context_is_over(x))
		return ERR_OK;
	free_first(list);
	return ERR_LIMIT;
}

/* ---- changes ---- */

void
imap_context_put_refusal(struct buf *out, struct slice tag, const char *why)
{
	buf_printf(out, "* NO [NOUPDATE \"%.*s\"] %s\r\n", SLICE_FMT(tag), why);
}

static struct imap_delta
begin(const struct imap_context *x, struct buf *out)
{
	return (struct imap_delta){ .tag = imap_context_tag(x), .where = x->where, .uid = x->uid,
	    .out = out };
}

/* RFC 5267 s4.3.4: the numbers hold, none of the expunges is told yet. */
void
imap_context_expunged(struct imap_context *x, struct slice pairs, struct buf *out)
{
	for (; x != NULL; x = x->next) {
		struct imap_delta d = begin(x, out);
		uint32_t place;

		for (size_t i = 0; i + 8 <= pairs.n; i += 8) {
			uint32_t uid = dec_le32(pairs.p + i);
			uint32_t seq = dec_le32(pairs.p + i + 4) + (uint32_t)(i / 8);

			if (imap_results_take(&x->results, uid, &place))
				imap_delta_remove(&d, place, x->uid ? uid : seq);
		}
		imap_delta_end(&d);
	}
}

void
imap_context_change(struct imap_context *x, const struct imap_found *in,
    const struct imap_found *gone, struct buf *out)
{
	struct imap_delta d = begin(x, out);
	uint32_t place;

	for (uint32_t i = 0; i < gone->count; i++)
		if (imap_results_take(&x->results, gone->v[i].uid, &place))
			imap_delta_remove(&d, place, x->uid ? gone->v[i].uid : gone->v[i].seq);
	for (uint32_t i = 0; !x->results.sorted && i < in->count; i++) {
		imap_results_add(&x->results, in->v[i].uid);
		imap_delta_add(&d, 0, x->uid ? in->v[i].uid : in->v[i].seq);
	}
	imap_delta_end(&d);
}

/*
 * What the client has and the answer has not changed once more since it was
 * looked for: it keeps its place until its change is looked at.
 */
bool
imap_context_order(struct imap_context *x, const struct imap_found *now, struct buf *out)
{
	struct imap_delta d = begin(x, out);
	struct imap_results_at at = { 0 };
	struct imap_results set, list;
	uint32_t old = imap_results_next(&x->results, &at), place = 1;
	bool ok = true;

	imap_results_init(&set, true);
	imap_results_init(&list, true);
	imap_results_fill(&set, now);
	for (uint32_t i = 0; ok && i < now->count; i++) {
		uint32_t uid = now->v[i].uid;

		for (; old != 0 && old != uid && !imap_results_has(&set, old); place++) {
			imap_results_append(&list, old);
			old = imap_results_next(&x->results, &at);
		}
		if (old == uid)
			old = imap_results_next(&x->results, &at);
		else if (imap_results_has(&x->results, uid))
			ok = false;
		else
			imap_delta_add(&d, place, x->uid ? uid : now->v[i].seq);
		imap_results_append(&list, uid);
		place++;
	}
	for (; old != 0; old = imap_results_next(&x->results, &at))
		imap_results_append(&list, old);
	imap_delta_end(&d);
	imap_results_fini(&set);
	imap_results_fini(&x->results);
	x->results = list;
	return ok;
}
