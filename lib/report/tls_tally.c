/* SPDX-License-Identifier: ISC */
#include "lib/report/tls_tally.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/must.h"
#include "lib/ipc/ipc_codec.h"

static const char *const policy_names[] = {
#define P(name, num, text)	[num] = (text),
	TLS_POLICY_MAP(P)
#undef P
};

/* Known failures: what else came over a wire or from a disk is not one. */
static const bool is_failure[] = {
#define F(name, text)	[TLS_FAILURE_##name] = true,
	TLS_FAILURE_MAP(F)
#undef F
};

const char *
tls_tally_policy_name(enum tls_policy_type type)
{
	return policy_names[type];
}

void
tls_tally_init(struct tls_tally *t)
{
	*t = (struct tls_tally){ .bytes = 0 };
	list_init(&t->policies);
}

static void
free_policy(struct tls_tally_policy *p)
{
	struct list *n;

	while ((n = list_first(&p->details)) != NULL) {
		list_remove(n);
		free(obj_of(n, struct tls_tally_detail, link));
	}
	list_remove(&p->link);
	free(p);
}

void
tls_tally_fini(struct tls_tally *t)
{
	struct list *n;

	while ((n = list_first(&t->policies)) != NULL)
		free_policy(obj_of(n, struct tls_tally_policy, link));
	tls_tally_init(t);
}

bool
tls_tally_is_empty(const struct tls_tally *t)
{
	return list_is_empty(&t->policies);
}

static struct slice
keep(char **at, struct slice from)
{
	struct slice kept = slice_of(*at, from.n);

	if (from.n > 0)
		memcpy(*at, from.p, from.n);
	*at += from.n;
	return kept;
}

static uint64_t
sum_of(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

/* ---- policies ---- */

static struct tls_tally_policy *
find_policy(const struct tls_tally *t, const struct tls_tally_session *s)
{
	for (const struct list *n = list_first(&t->policies); n != NULL;
	    n = list_next(&t->policies, n)) {
		struct tls_tally_policy *p = obj_of((struct list *)(uintptr_t)n,
		    struct tls_tally_policy, link);

		if (p->type == s->type && slice_eq(p->domain, s->domain) &&
		    slice_eq(p->text, s->text))
			return p;
	}
	return NULL;
}

/* NULL: there are too many. */
static struct tls_tally_policy *
get_policy(struct tls_tally *t, const struct tls_tally_session *s)
{
	struct tls_tally_policy *p = find_policy(t, s);
	size_t bytes = sizeof(*p) + s->domain.n + s->text.n;
	char *at;

	if (p != NULL)
		return p;
	if (t->policy_count >= TLS_TALLY_POLICIES_MAX || t->bytes + bytes > TLS_TALLY_BYTES_MAX)
		return NULL;
	p = must_alloc(1, bytes);
	at = p->mem;
	p->type = s->type;
	p->domain = keep(&at, s->domain);
	p->text = keep(&at, s->text);
	list_init(&p->link);
	list_init(&p->details);
	list_push(&t->policies, &p->link);
	t->policy_count++;
	t->bytes += bytes;
	return p;
}

/* ---- details ---- */

static bool
is_same(const struct tls_tally_detail *d, const struct tls_tally_session *s)
{
	return d->failure == s->failure && slice_eq(d->from_ip, s->from_ip) &&
	    slice_eq(d->to_ip, s->to_ip) && slice_eq(d->mx_host, s->mx_host) &&
	    slice_eq(d->helo, s->helo) && slice_eq(d->reason, s->reason);
}

static struct tls_tally_detail *
find_detail(struct tls_tally_policy *p, const struct tls_tally_session *s)
{
	for (struct list *n = list_first(&p->details); n != NULL;
	    n = list_next(&p->details, n)) {
		struct tls_tally_detail *d = obj_of(n, struct tls_tally_detail, link);

		if (is_same(d, s))
			return d;
	}
	return NULL;
}

static size_t
text_bytes(const struct tls_tally_session *s)
{
	return s->from_ip.n + s->to_ip.n + s->mx_host.n + s->helo.n + s->reason.n;
}

static struct tls_tally_detail *
new_detail(struct tls_tally_policy *p, const struct tls_tally_session *s)
{
	struct tls_tally_detail *d = must_alloc(1, sizeof(*d) + text_bytes(s));
	char *at = d->mem;

	d->failure = s->failure;
	d->from_ip = keep(&at, s->from_ip);
	d->to_ip = keep(&at, s->to_ip);
	d->mx_host = keep(&at, s->mx_host);
	d->helo = keep(&at, s->helo);
	d->reason = keep(&at, s->reason);
	list_init(&d->link);
	list_push(&p->details, &d->link);
	return d;
}

/* One that names nothing but the failure always finds its place. */
static struct tls_tally_detail *
get_detail(struct tls_tally *t, struct tls_tally_policy *p, const struct tls_tally_session *s)
{
	struct tls_tally_session bare = { .failure = s->failure };
	struct tls_tally_detail *d = find_detail(p, s);
	size_t bytes = sizeof(*d) + text_bytes(s);

	if (d != NULL)
		return d;
	if (t->detail_count < TLS_TALLY_DETAILS_MAX && t->bytes + bytes <= TLS_TALLY_BYTES_MAX) {
		t->detail_count++;
		t->bytes += bytes;
		return new_detail(p, s);
	}
	d = find_detail(p, &bare);
	return d != NULL ? d : new_detail(p, &bare);
}

/* Whole lines only. */
static struct slice
cut_text(struct slice s)
{
	size_t n;

	if (s.n <= TLS_TALLY_TEXT_MAX)
		return s;
	s = slice_head(s, TLS_TALLY_TEXT_MAX);
	n = slice_rfind(s, '\n');
	return slice_head(s, n < s.n ? n + 1 : 0);
}

bool
tls_tally_add(struct tls_tally *t, const struct tls_tally_session *given)
{
	struct tls_tally_session s = *given;
	struct tls_tally_policy *p;
	struct tls_tally_detail *d;

	s.domain = slice_head(s.domain, TLS_TALLY_NAME_MAX);
	s.text = cut_text(s.text);
	s.from_ip = slice_head(s.from_ip, TLS_TALLY_IP_MAX);
	s.to_ip = slice_head(s.to_ip, TLS_TALLY_IP_MAX);
	s.mx_host = slice_head(s.mx_host, TLS_TALLY_NAME_MAX);
	s.helo = slice_head(s.helo, TLS_TALLY_NAME_MAX);
	s.reason = slice_head(s.reason, TLS_TALLY_REASON_MAX);
	p = get_policy(t, &s);
	if (p == NULL)
		return false;
	if (s.failure == TLS_FAILURE_NONE) {
		p->good = sum_of(p->good, s.count);
		return true;
	}
	d = get_detail(t, p, &s);
	d->count = sum_of(d->count, s.count);
	p->bad = sum_of(p->bad, s.count);
	return true;
}

/* ---- rows ---- */

static void
put_details(struct buf *b, const struct tls_tally_policy *p)
{
	for (const struct list *n = list_first(&p->details); n != NULL;
	    n = list_next(&p->details, n)) {
		const struct tls_tally_detail *d = obj_of(n, struct tls_tally_detail, link);
		const struct ipc_tls_detail row = { .failure = (uint8_t)d->failure,
		    .count = d->count, .from_ip = d->from_ip, .to_ip = d->to_ip,
		    .mx_host = d->mx_host, .helo = d->helo, .reason = d->reason };

		ipc_tls_detail_put(b, &row);
	}
}

void
tls_tally_put(struct buf *b, const struct tls_tally *t)
{
	struct buf details;

	buf_init(&details, TLS_TALLY_PUT_MAX);
	for (const struct list *n = list_first(&t->policies); n != NULL;
	    n = list_next(&t->policies, n)) {
		const struct tls_tally_policy *p = obj_of(n, struct tls_tally_policy, link);
		struct ipc_tls_policy row = { .type = (uint8_t)p->type, .domain = p->domain,
		    .text = p->text, .good = p->good };

		buf_reset(&details);
		put_details(&details, p);
		row.details = buf_slice(&details);
		ipc_tls_policy_put(b, &row);
	}
	buf_fini(&details);
}

static enum err
merge_details(struct tls_tally *t, struct tls_tally_session *s, struct slice rows)
{
	struct ipc_reader r = ipc_reader_of(rows);

	while (ipc_reader_more(&r)) {
		struct ipc_tls_detail d;

		ipc_tls_detail_get(&r, &d);
		if (r.bad || d.failure >= lengthof(is_failure) || !is_failure[d.failure] ||
		    d.failure == TLS_FAILURE_NONE)
			return ERR_VIOLATION;
		s->failure = (enum tls_failure)d.failure;
		s->from_ip = d.from_ip;
		s->to_ip = d.to_ip;
		s->mx_host = d.mx_host;
		s->helo = d.helo;
		s->reason = d.reason;
		s->count = d.count;
		(void)tls_tally_add(t, s);
	}
	return ipc_reader_done(&r);
}

enum err
tls_tally_merge(struct tls_tally *t, struct slice rows)
{
	struct ipc_reader r = ipc_reader_of(rows);

	while (ipc_reader_more(&r)) {
		struct tls_tally_session s = { .failure = TLS_FAILURE_NONE };
		struct ipc_tls_policy p;
		enum err e;

		ipc_tls_policy_get(&r, &p);
		if (r.bad || p.type >= lengthof(policy_names))
			return ERR_VIOLATION;
		s.type = (enum tls_policy_type)p.type;
		s.domain = p.domain;
		s.text = p.text;
		s.count = p.good;
		if (tls_tally_add(t, &s) && (e = merge_details(t, &s, p.details)) != ERR_OK)
			return e;
	}
	return ipc_reader_done(&r);
}
