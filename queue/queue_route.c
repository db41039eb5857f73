/* SPDX-License-Identifier: ISC */
#include "queue/queue_route.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/must.h"
#include "lib/conf/conf_sections.h"
#include "lib/mail/addr.h"

enum kind { KIND_NOTHING, KIND_ALL, KIND_NULL, KIND_DOMAIN, KIND_BELOW, KIND_ADDRESS };

/* An address to be compared, looked at once. */
struct subject {
	struct slice	 address;	/* canonical; empty: null sender */
	struct slice	 domain;
	char		 text[ADDR_TEXT_MAX + 1];
};

static char *
copy(struct slice s)
{
	char *p = must_alloc(1, s.n + 1);

	if (s.n > 0)
		memcpy(p, s.p, s.n);
	return p;
}

/* ---- patterns ---- */

static enum kind
kind_of(struct slice s)
{
	if (slice_eq_str(s, "*"))
		return KIND_ALL;
	if (slice_eq_str(s, "<>"))
		return KIND_NULL;
	if (slice_find(s, '@') < s.n)
		return KIND_ADDRESS;
	return slice_starts(s, ".") ? KIND_BELOW : KIND_DOMAIN;
}

/* ".example.com" keeps its dot: it is compared with the end of a name. */
static void
make_pattern(struct queue_pattern *p, struct slice s)
{
	char address[ADDR_TEXT_MAX + 1], domain[ADDR_DOMAIN_MAX + 1], below[ADDR_DOMAIN_MAX + 2];
	struct slice text = s;
	enum err e = ERR_OK;

	p->kind = (uint8_t)kind_of(s);
	if (p->kind == KIND_ADDRESS)
		e = addr_canon_text(s, address, &text);
	else if (p->kind == KIND_DOMAIN)
		e = addr_canon_domain(s, domain, &text);
	else if (p->kind == KIND_BELOW) {
		e = addr_canon_domain(slice_from(s, 1), domain, &text);
		below[0] = '.';
		if (e == ERR_OK) {
			memcpy(below + 1, text.p, text.n);
			text = slice_of(below, text.n + 1);
		}
	}
	if (e != ERR_OK) {
		p->kind = KIND_NOTHING;
		text = SLICE_NONE;
	}
	p->text = copy(text);
	p->n = text.n;
}

static struct queue_pattern *
make_patterns(const struct opt_list *l)
{
	struct queue_pattern *all = must_alloc(l->n > 0 ? l->n : 1, sizeof(*all));
	uint32_t i;

	for (i = 0; i < l->n; i++)
		make_pattern(&all[i], slice_str(l->v[i]));
	return all;
}

static void
free_patterns(struct queue_pattern *all, uint32_t n)
{
	uint32_t i;

	for (i = 0; i < n; i++)
		free(all[i].text);
	free(all);
}

static bool
matches(const struct queue_pattern *p, const struct subject *s)
{
	struct slice text = slice_of(p->text, p->n);

	switch ((enum kind)p->kind) {
	case KIND_ALL:
		return true;
	case KIND_NULL:
		return s->address.n == 0;
	case KIND_ADDRESS:
		return s->address.n > 0 && slice_eq(s->address, text);
	case KIND_DOMAIN:
		return s->address.n > 0 && slice_eq(s->domain, text);
	case KIND_BELOW:
		return s->domain.n > p->n &&
		    memcmp(s->domain.p + s->domain.n - p->n, p->text, p->n) == 0;
	case KIND_NOTHING:
		break;
	}
	return false;
}

static bool
matches_any(const struct queue_pattern *all, uint32_t n, const struct subject *s)
{
	uint32_t i;

	for (i = 0; i < n; i++)
		if (matches(&all[i], s))
			return true;
	return n == 0;
}

/* ---- routes ---- */

void
queue_route_init(struct queue_routes *r)
{
	*r = (struct queue_routes){ 0 };
}

void
queue_route_fini(struct queue_routes *r)
{
	struct queue_route *one;
	uint32_t i;

	for (i = 0; i < r->count; i++) {
		one = &r->all[i];
		free_patterns(one->to, one->to_count);
		free_patterns(one->from, one->from_count);
		free(one->title);
		free(one->relay);
	}
	free(r->all);
	queue_route_init(r);
}

void
queue_route_add(struct queue_routes *r, const char *title, const struct route_options *o)
{
	struct queue_route *one;

	if (r->count == r->cap) {
		r->cap = r->cap == 0 ? 8 : r->cap * 2;
		r->all = must_realloc(r->all, r->cap, sizeof(*r->all));
	}
	one = &r->all[r->count++];
	*one = (struct queue_route){
		.title = copy(slice_str(title)), .relay = copy(slice_str(o->relay)),
		.to = make_patterns(&o->to), .to_count = o->to.n,
		.from = make_patterns(&o->from), .from_count = o->from.n,
		.concurrency = (uint32_t)o->destination_concurrency_limit,
		.rate = o->destination_rate
	};
}

/* Recipients are canonical already, senders are as the client wrote them. */
static void
look(struct subject *s, struct slice address)
{
	if (address.n == 0 || addr_canon_text(address, s->text, &s->address) != ERR_OK)
		s->address = address;
	s->domain = queue_route_domain(s->address);
}

const struct queue_route *
queue_route_find(const struct queue_routes *r, struct slice sender, struct slice rcpt)
{
	struct subject from, to;
	uint32_t i;

	if (r->count == 0)
		return NULL;
	look(&from, sender);
	look(&to, rcpt);
	for (i = 0; i < r->count; i++)
		if (matches_any(r->all[i].to, r->all[i].to_count, &to) &&
		    matches_any(r->all[i].from, r->all[i].from_count, &from))
			return &r->all[i];
	return NULL;
}

const struct queue_route *
queue_route_titled(const struct queue_routes *r, struct slice title)
{
	uint32_t i;

	for (i = 0; i < r->count; i++)
		if (slice_eq_str(title, r->all[i].title))
			return &r->all[i];
	return NULL;
}

struct slice
queue_route_domain(struct slice address)
{
	size_t at = slice_rfind(address, '@');

	return at < address.n ? slice_from(address, at + 1) : SLICE_NONE;
}

struct slice
queue_route_hop(const struct queue_route *r, struct slice rcpt)
{
	if (r != NULL && r->relay[0] != '\0')
		return slice_str(r->relay);
	return queue_route_domain(rcpt);
}
