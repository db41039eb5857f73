/* SPDX-License-Identifier: ISC */
/*
 * REFERENCES works on an array of nodes, one for each message and one for each
 * message id that no message here has (a dummy).  Steps 1 to 3 only need to
 * know each node's parent; imap_tree.c sorts (steps 4, 6) and answers.
 */
#include "imapd/imap_thread.h"

#include <stdlib.h>
#include <string.h>

#include "imapd/imap_tree.h"
#include "lib/base/enc.h"
#include "lib/base/map.h"
#include "lib/base/must.h"

#define NONE	UINT32_MAX

/* ---- collecting ---- */

enum imap_threading
imap_thread_parse(struct imap_parser *p)
{
	struct slice name = imap_parser_atom(p);

	if (slice_ieq_str(name, "ORDEREDSUBJECT"))
		return IMAP_THREAD_ORDEREDSUBJECT;
	if (slice_ieq_str(name, "REFERENCES"))
		return IMAP_THREAD_REFERENCES;
	if (!slice_ieq_str(name, "REFS"))
		imap_parser_fail(p, "Unknown threading algorithm");
	return IMAP_THREAD_REFS;
}

void
imap_threader_init(struct imap_threader *t, enum imap_threading how, uint32_t max_nodes)
{
	memset(t, 0, sizeof(*t));
	t->how = how;
	t->max = max_nodes;
}

void
imap_threader_fini(struct imap_threader *t)
{
	free(t->v);
	free(t->refs);
	imap_threader_init(t, t->how, t->max);
}

static void
add_refs(struct imap_threader *t, struct slice refs)
{
	while (t->ref_count + refs.n / 8 > t->ref_cap) {
		t->ref_cap = t->ref_cap > 0 ? 2 * t->ref_cap : 256;
		t->refs = must_realloc(t->refs, t->ref_cap, sizeof(*t->refs));
	}
	for (size_t i = 0; i + 8 <= refs.n; i += 8)
		t->refs[t->ref_count++] = dec_le64(refs.p + i);
}

void
imap_threader_add(struct imap_threader *t, const struct imap_search_facts *f,
    const struct imap_entry *e, uint32_t number)
{
	struct slice base = e->text[IMAP_TEXT_BASE];
	struct slice refs = t->how == IMAP_THREAD_ORDEREDSUBJECT ? SLICE_NONE : e->refs;

	if (refs.n / 8 + 1 > t->max - t->count - t->ref_count)
		t->is_full = true;
	if (t->is_full)
		return;
	if (t->count == t->cap) {
		t->cap = t->cap > 0 ? 2 * t->cap : 64;
		t->v = must_realloc(t->v, t->cap, sizeof(*t->v));
	}
	t->v[t->count++] = (struct imap_thread_message){
		.id = e->id, .has_id = e->has_id, .is_reply = e->is_reply,
		.subject = base.n > 0 ? hash_slice(base) | 1 : 0,
		/* RFC 5256 s2.2 */
		.date = e->has_sent && t->how != IMAP_THREAD_REFS ? e->sent_s : f->internal_s,
		.uid = f->uid, .number = number,
		.first_ref = t->ref_count, .ref_count = (uint32_t)(refs.n / 8),
	};
	add_refs(t, refs);
}

/* ---- nodes by message id ---- */

struct linker {
	struct imap_threader	*t;
	struct imap_tree_node	*v;
	bool			*has_child;
	uint64_t		*ids;
	uint32_t		 count;
	uint32_t		*slots;		/* open addressing; NONE: free */
	uint32_t		 mask;
};

/* The slot of this id, or the free one where it belongs.  Ids are hashes
 * already, under a key that strangers do not have. */
static uint32_t *
find_slot(const struct linker *l, uint64_t id)
{
	uint32_t at = (uint32_t)(id ^ id >> 32) & l->mask;

	while (l->slots[at] != NONE && l->ids[l->slots[at]] != id)
		at = (at + 1) & l->mask;
	return &l->slots[at];
}

static uint32_t
add_node(struct linker *l, uint64_t id)
{
	l->ids[l->count] = id;
	l->v[l->count] = (struct imap_tree_node){ .parent = IMAP_TREE_TOP };
	return l->count++;
}

static uint32_t
node_of_id(struct linker *l, uint64_t id)
{
	uint32_t *slot = find_slot(l, id);

	if (*slot == NONE)
		*slot = add_node(l, id);
	return *slot;
}

/* A message whose id another one has already stands for itself: s3, step 1. */
static uint32_t
node_of_message(struct linker *l, const struct imap_thread_message *m)
{
	uint32_t i = m->has_id ? node_of_id(l, m->id) : add_node(l, 0);

	if (l->v[i].number != 0)
		i = add_node(l, 0);
	l->v[i].number = m->number;
	l->v[i].uid = m->uid;
	l->v[i].date = m->date;
	return i;
}

/* ---- step 1: links ---- */

/* Would parent below child close a circle?  Nothing is below a childless one. */
static bool
may_link(const struct linker *l, uint32_t parent, uint32_t child)
{
	uint32_t steps = 0;

	if (parent == child)
		return false;
	if (!l->has_child[child])
		return true;
	for (; parent != IMAP_TREE_TOP; parent = l->v[parent].parent)
		if (parent == child || ++steps > IMAP_THREAD_WALK)
			return false;
	return true;
}

static void
link_nodes(struct linker *l, uint32_t parent, uint32_t child)
{
	if (!may_link(l, parent, child))
		return;
	l->v[child].parent = parent;
	l->has_child[parent] = true;
}

static void
link_message(struct linker *l, const struct imap_thread_message *m, uint32_t node)
{
	uint32_t last = IMAP_TREE_TOP;

	/* (A): what is linked already stays so */
	for (uint32_t i = 0; i < m->ref_count; i++) {
		uint32_t ref = node_of_id(l, l->t->refs[m->first_ref + i]);

		if (last != IMAP_TREE_TOP && l->v[ref].parent == IMAP_TREE_TOP)
			link_nodes(l, last, ref);
		last = ref;
	}
	/* (B): the message's own parent is the one it names */
	l->v[node].parent = IMAP_TREE_TOP;
	if (last != IMAP_TREE_TOP)
		link_nodes(l, last, node);
}

static void
link_all(struct linker *l)
{
	struct imap_threader *t = l->t;
	uint32_t *nodes = must_alloc((size_t)t->count + 1, sizeof(*nodes));

	/* All messages first, so that of several with one id the oldest has it. */
	for (uint32_t i = 0; i < t->count; i++)
		nodes[i] = node_of_message(l, &t->v[i]);
	for (uint32_t i = 0; i < t->count; i++)
		link_message(l, &t->v[i], nodes[i]);
	free(nodes);
}

/* ---- step 3: dummies ---- */

/*
 * The nearest message above a dummy, or the topmost dummy when there is none;
 * dummies on the way are pointed at it, so that each is walked over once.
 */
static uint32_t
find_real(struct linker *l, uint32_t i)
{
	struct imap_tree_node *v = l->v;
	uint32_t end = i, next;

	while (v[end].number == 0 && v[end].parent != IMAP_TREE_TOP)
		end = v[end].parent;
	for (; i != end && v[i].number == 0; i = next) {
		next = v[i].parent;
		v[i].parent = end;
	}
	return end;
}

/* Children of dummies move up; only a top with several stays. */
static void
prune(struct linker *l)
{
	uint32_t *kids = must_alloc((size_t)l->count + 1, sizeof(*kids));
	struct imap_tree_node *v = l->v;

	for (uint32_t i = 0; i < l->count; i++) {
		if (v[i].number == 0 || v[i].parent == IMAP_TREE_TOP)
			continue;
		v[i].parent = find_real(l, v[i].parent);
		if (v[v[i].parent].number == 0)
			kids[v[i].parent]++;
	}
	for (uint32_t i = 0; i < l->count; i++)
		if (v[i].number != 0 && v[i].parent != IMAP_TREE_TOP &&
		    v[v[i].parent].number == 0 && kids[v[i].parent] == 1)
			v[i].parent = IMAP_TREE_TOP;
	for (uint32_t i = 0; i < l->count; i++)
		if (v[i].number == 0 && kids[i] < 2)
			v[i].parent = IMAP_TREE_GONE;
	free(kids);
}

/* ---- step 5: subjects ---- */

struct merger {
	struct linker	*l;
	uint32_t	*message;	/* of each node; of a dummy its first child's */
	uint32_t	*into;		/* a dummy that was merged: with which */
	uint32_t	*slots;		/* subject table: nodes; NONE: free */
	uint32_t	 mask;
};

static const struct imap_thread_message *
message_of(const struct merger *g, uint32_t node)
{
	return &g->l->t->v[g->message[node]];
}

static uint32_t *
find_subject(const struct merger *g, uint64_t subject)
{
	uint32_t at = (uint32_t)(subject >> 1 ^ subject >> 33) & g->mask;

	while (g->slots[at] != NONE && message_of(g, g->slots[at])->subject != subject)
		at = (at + 1) & g->mask;
	return &g->slots[at];
}

/* (B) */
static void
enter_subject(struct merger *g, uint32_t node)
{
	uint32_t *slot = find_subject(g, message_of(g, node)->subject);
	const struct imap_tree_node *v = g->l->v;

	if (*slot == NONE || (v[*slot].number != 0 && (v[node].number == 0 ||
	    (message_of(g, *slot)->is_reply && !message_of(g, node)->is_reply))))
		*slot = node;
}

/* (C) */
static void
merge_subject(struct merger *g, uint32_t node)
{
	uint32_t *slot = find_subject(g, message_of(g, node)->subject);
	struct imap_tree_node *v = g->l->v;
	uint32_t other = *slot;

	if (other == node)
		return;
	if (v[node].number == 0) {
		g->into[node] = other;
		v[node].parent = IMAP_TREE_GONE;
	} else if (v[other].number == 0 ||
	    (message_of(g, node)->is_reply && !message_of(g, other)->is_reply)) {
		v[node].parent = other;
	} else {
		uint32_t dummy = add_node(g->l, 0);

		v[node].parent = v[other].parent = dummy;
		g->message[dummy] = g->message[other];
		g->into[dummy] = NONE;
		*slot = dummy;
	}
}

static int
by_date(const void *a, const void *b, void *arg)
{
	const struct imap_tree_node *v = arg;
	const struct imap_tree_node *x = &v[*(const uint32_t *)a], *y = &v[*(const uint32_t *)b];

	if (x->date != y->date)
		return x->date < y->date ? -1 : 1;
	return x->uid < y->uid ? -1 : x->uid > y->uid;
}

/* Which message speaks for a node; dummies have the uid of their first child. */
static void
find_messages(struct merger *g)
{
	struct imap_tree_node *v = g->l->v;

	for (uint32_t i = 0, at = 0; i < g->l->count; i++) {
		g->into[i] = NONE;
		/* Nodes of messages come first, in their order. */
		if (v[i].number != 0)
			g->message[i] = at++;
	}
	imap_tree_date_dummies(v, g->l->count);
	for (uint32_t i = 0; i < g->l->count; i++) {
		uint32_t up = v[i].parent;

		if (v[i].number != 0 && up < IMAP_TREE_GONE && v[up].number == 0 &&
		    v[up].uid == v[i].uid)
			g->message[up] = g->message[i];
	}
}

static void
merge_all(struct merger *g, const uint32_t *tops, uint32_t count)
{
	struct imap_tree_node *v = g->l->v;

	/* Step 5 (B) ii: without a subject nothing is gathered. */
	for (uint32_t i = 0; i < count; i++)
		if (message_of(g, tops[i])->subject != 0)
			enter_subject(g, tops[i]);
	for (uint32_t i = 0; i < count; i++)
		if (message_of(g, tops[i])->subject != 0)
			merge_subject(g, tops[i]);
	for (uint32_t i = 0; i < g->l->count; i++)
		if (v[i].parent < IMAP_TREE_GONE && g->into[v[i].parent] != NONE)
			v[i].parent = g->into[v[i].parent];
}

/* Power of two, at most half full. */
static uint32_t *
make_slots(uint32_t count, uint32_t *mask)
{
	uint32_t size = 16, *slots;

	while (size < 2 * count)
		size *= 2;
	slots = must_alloc(size, sizeof(*slots));
	memset(slots, 0xff, size * sizeof(*slots));
	*mask = size - 1;
	return slots;
}

static void
gather_subjects(struct linker *l, uint32_t node_max)
{
	struct merger g = { .l = l };
	uint32_t *tops = must_alloc((size_t)l->count + 1, sizeof(*tops));
	uint32_t count = 0;

	g.message = must_alloc((size_t)node_max + 1, sizeof(*g.message));
	g.into = must_alloc((size_t)node_max + 1, sizeof(*g.into));
	find_messages(&g);
	for (uint32_t i = 0; i < l->count; i++)
		if (l->v[i].parent == IMAP_TREE_TOP)
			tops[count++] = i;
	/* Step 4 */
	qsort_r(tops, count, sizeof(*tops), by_date, l->v);
	g.slots = make_slots(count, &g.mask);
	merge_all(&g, tops, count);
	free(g.slots);
	free(g.into);
	free(g.message);
	free(tops);
}

/* ---- algorithms ---- */

static void
put_references(struct imap_threader *t, struct buf *b)
{
	/* Step 5 makes a dummy of two tops at most. */
	uint32_t node_max = 2 * t->count + t->ref_count;
	struct linker l = { .t = t };

	l.v = must_alloc((size_t)node_max + 1, sizeof(*l.v));
	l.ids = must_alloc((size_t)node_max + 1, sizeof(*l.ids));
	l.has_child = must_alloc((size_t)node_max + 1, sizeof(*l.has_child));
	l.slots = make_slots(t->count + t->ref_count, &l.mask);
	link_all(&l);
	prune(&l);
	if (t->how == IMAP_THREAD_REFERENCES)
		gather_subjects(&l, node_max);
	imap_tree_put(b, l.v, l.count, t->how == IMAP_THREAD_REFS);
	free(l.slots);
	free(l.has_child);
	free(l.ids);
	free(l.v);
}

static int
by_subject(const void *a, const void *b)
{
	const struct imap_thread_message *x = a, *y = b;

	if (x->subject != y->subject)
		return x->subject < y->subject ? -1 : 1;
	if (x->date != y->date)
		return x->date < y->date ? -1 : 1;
	return x->uid < y->uid ? -1 : x->uid > y->uid;
}

/* The first message of a subject, and all others of it as its children. */
static void
put_ordered_subject(struct imap_threader *t, struct buf *b)
{
	struct imap_tree_node *v = must_alloc((size_t)t->count + 1, sizeof(*v));
	uint32_t first = 0;

	if (t->count > 0)
		qsort(t->v, t->count, sizeof(*t->v), by_subject);
	for (uint32_t i = 0; i < t->count; i++) {
		const struct imap_thread_message *m = &t->v[i];

		if (m->subject != t->v[first].subject)
			first = i;
		v[i] = (struct imap_tree_node){
			.parent = i == first ? IMAP_TREE_TOP : first,
			.number = m->number, .uid = m->uid, .date = m->date,
		};
	}
	imap_tree_put(b, v, t->count, false);
	free(v);
}

void
imap_threader_put(struct imap_threader *t, struct buf *b)
{
	if (t->how == IMAP_THREAD_ORDEREDSUBJECT)
		put_ordered_subject(t, b);
	else
		put_references(t, b);
	imap_threader_fini(t);
}
