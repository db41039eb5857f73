/* SPDX-License-Identifier: ISC */
#include "tests/unit/delivery/fake_dns.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/must.h"

#define ENTRIES	100
#define RECORDS	20

struct entry {
	char			name[300];
	enum dns_type		type;
	struct dns_answer	a;
	struct dns_record	r[RECORDS];
	char			data[RECORDS][100];
	char			alias[300];
	unsigned		asked;
};

static struct entry	entries[ENTRIES];
static unsigned		entry_count;

struct dns {
	struct loop	*loop;
};

struct dns_ticket {
	struct loop_idle	 turn;
	struct dns_ticket	**holder;
	struct entry		*entry;
	dns_fn			*fn;
	void			*arg;
};

struct dns_pair {
	struct loop_idle	 turn;
	struct dns_pair		**holder;
	struct entry		*a, *aaaa;
	dns_pair_fn		*fn;
	void			*arg;
};

/* ---- the table */

void
fake_dns_clear(void)
{
	entry_count = 0;
}

static struct entry *
find(struct slice name, enum dns_type type)
{
	struct entry *e;

	for (unsigned i = 0; i < entry_count; i++)
		if (entries[i].type == type && slice_ieq_str(name, entries[i].name))
			return &entries[i];
	must(entry_count < ENTRIES);
	e = &entries[entry_count++];
	memset(e, 0, sizeof(*e));
	must(slice_to_cstr(name, e->name, sizeof(e->name)));
	e->type = type;
	e->a = (struct dns_answer){ .status = DNS_NXDOMAIN, .records = e->r,
	    .name = slice_str(e->name) };
	return e;
}

static struct dns_record *
add(const char *name, enum dns_type type, bool secure)
{
	struct entry *e = find(slice_str(name), type);

	must(e->a.count < RECORDS);
	e->a.status = DNS_OK;
	e->a.is_secure = secure;
	return &e->r[e->a.count++];
}

static struct slice
keep(const char *name, enum dns_type type, struct slice data)
{
	struct entry *e = find(slice_str(name), type);
	char *to = e->data[e->a.count - 1];

	must(data.n <= sizeof(e->data[0]));
	memcpy(to, data.p, data.n);
	return slice_of(to, data.n);
}

void
fake_dns_mx(const char *name, unsigned preference, const char *host, bool secure)
{
	struct dns_record *r = add(name, DNS_MX, secure);

	r->preference = (uint16_t)preference;
	r->data = keep(name, DNS_MX, slice_str(host));
}

void
fake_dns_addr(const char *name, const char *ip, bool secure)
{
	struct conn_addr a;

	must(conn_addr_parse(&a, slice_str(ip), 0) == ERR_OK);
	add(name, a.is_v4 ? DNS_A : DNS_AAAA, secure)->addr = a;
	if (find(slice_str(name), a.is_v4 ? DNS_AAAA : DNS_A)->a.count == 0)
		fake_dns_status(name, a.is_v4 ? DNS_AAAA : DNS_A, DNS_NODATA, secure);
}

void
fake_dns_tlsa(const char *name, unsigned usage, struct slice data, bool secure)
{
	struct dns_record *r = add(name, DNS_TLSA, secure);

	r->usage = (uint8_t)usage;
	r->selector = r->matching = 1;
	r->data = keep(name, DNS_TLSA, data);
}

void
fake_dns_txt(const char *name, const char *text)
{
	struct dns_record *r = add(name, DNS_TXT, false);

	r->data = keep(name, DNS_TXT, slice_str(text));
}

void
fake_dns_status(const char *name, enum dns_type type, enum dns_status status, bool secure)
{
	struct entry *e = find(slice_str(name), type);

	e->a.status = status;
	e->a.is_secure = secure;
	e->a.reason = status == DNS_SERVFAIL ? "timed out" : NULL;
}

void
fake_dns_alias(const char *name, const char *target)
{
	static const enum dns_type types[] = { DNS_A, DNS_AAAA };

	for (size_t i = 0; i < lengthof(types); i++) {
		struct entry *e = find(slice_str(name), types[i]);
		const struct entry *to = find(slice_str(target), types[i]);

		(void)snprintf(e->alias, sizeof(e->alias), "%s", target);
		e->a = to->a;
		e->a.is_alias = true;
		e->a.name = slice_str(e->alias);
	}
}

unsigned
fake_dns_asked(const char *name, enum dns_type type)
{
	return find(slice_str(name), type)->asked;
}

/* ---- dns.h */

struct dns *
dns_new(struct loop *loop, const struct dns_config *c)
{
	struct dns *d = must_alloc(1, sizeof(*d));

	(void)c;
	d->loop = loop;
	return d;
}

void
dns_free(struct dns **dp)
{
	free(*dp);
	*dp = NULL;
}

static void
on_ticket(void *arg)
{
	struct dns_ticket t = *(struct dns_ticket *)arg;

	*t.holder = NULL;
	free(arg);
	t.fn(t.arg, &t.entry->a);
}

enum err
dns_ask(struct dns *d, struct slice name, enum dns_type type, uint64_t deadline_ms,
    dns_fn *fn, void *arg, struct dns_ticket **holder)
{
	struct dns_ticket *t;

	(void)deadline_ms;
	if (name.n > 253 || slice_find(name, ' ') < name.n)
		return ERR_SYNTAX;
	t = must_alloc(1, sizeof(*t));
	t->entry = find(name, type);
	t->entry->asked++;
	t->holder = holder;
	t->fn = fn;
	t->arg = arg;
	*holder = t;
	loop_idle_init(&t->turn, on_ticket, t);
	loop_defer(d->loop, &t->turn);
	return ERR_OK;
}

void
dns_cancel(struct dns_ticket **holder)
{
	if (*holder != NULL)
		loop_idle_cancel(&(*holder)->turn);
	free(*holder);
	*holder = NULL;
}

static void
on_both(void *arg)
{
	struct dns_pair t = *(struct dns_pair *)arg;

	*t.holder = NULL;
	free(arg);
	t.fn(t.arg, &t.a->a, &t.aaaa->a);
}

enum err
dns_pair_ask(struct dns *d, struct slice name, uint64_t deadline_ms, dns_pair_fn *fn,
    void *arg, struct dns_pair **holder)
{
	struct dns_pair *t;

	(void)deadline_ms;
	if (name.n > 253 || slice_find(name, ' ') < name.n)
		return ERR_SYNTAX;
	t = must_alloc(1, sizeof(*t));
	t->a = find(name, DNS_A);
	t->aaaa = find(name, DNS_AAAA);
	t->a->asked++;
	t->aaaa->asked++;
	t->holder = holder;
	t->fn = fn;
	t->arg = arg;
	*holder = t;
	loop_idle_init(&t->turn, on_both, t);
	loop_defer(d->loop, &t->turn);
	return ERR_OK;
}

void
dns_pair_cancel(struct dns_pair **holder)
{
	if (*holder != NULL)
		loop_idle_cancel(&(*holder)->turn);
	free(*holder);
	*holder = NULL;
}
