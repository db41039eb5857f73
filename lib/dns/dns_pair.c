/* SPDX-License-Identifier: ISC */
#include <stdlib.h>

#include "lib/base/must.h"
#include "lib/dns/dns.h"

enum { V4, V6, FAMILIES };

struct dns_pair {
	struct dns_ticket *tickets[FAMILIES];
	struct dns_answer *answers[FAMILIES];
	dns_pair_fn	*fn;
	void		*arg;
	struct dns_pair	**self;
};

static void
on_answer(struct dns_pair *p, const struct dns_answer *answer, unsigned family)
{
	struct dns_answer *a, *aaaa;
	dns_pair_fn *fn = p->fn;
	void *arg = p->arg;

	p->answers[family] = dns_answer_ref(answer);
	if (p->answers[V4] == NULL || p->answers[V6] == NULL)
		return;
	a = dns_answer_ref(p->answers[V4]);
	aaaa = dns_answer_ref(p->answers[V6]);
	dns_pair_cancel(p->self);
	fn(arg, a, aaaa);
	dns_answer_unref(&a);
	dns_answer_unref(&aaaa);
}

static void
on_v4(void *arg, const struct dns_answer *answer)
{
	on_answer(arg, answer, V4);
}

static void
on_v6(void *arg, const struct dns_answer *answer)
{
	on_answer(arg, answer, V6);
}

enum err
dns_pair_ask(struct dns *d, struct slice host, uint64_t deadline_ms,
    dns_pair_fn *fn, void *arg, struct dns_pair **pair)
{
	struct dns_pair *p = must_alloc(1, sizeof(*p));
	enum err e;

	*p = (struct dns_pair){ .fn = fn, .arg = arg, .self = pair };
	*pair = p;
	e = dns_ask(d, host, DNS_A, deadline_ms, on_v4, p, &p->tickets[V4]);
	if (e == ERR_OK)
		e = dns_ask(d, host, DNS_AAAA, deadline_ms, on_v6, p,
		    &p->tickets[V6]);
	if (e != ERR_OK)
		dns_pair_cancel(pair);
	return e;
}

void
dns_pair_cancel(struct dns_pair **pair)
{
	struct dns_pair *p = *pair;

	if (p == NULL)
		return;
	*pair = NULL;
	dns_cancel(&p->tickets[V4]);
	dns_cancel(&p->tickets[V6]);
	dns_answer_unref(&p->answers[V4]);
	dns_answer_unref(&p->answers[V6]);
	free(p);
}
