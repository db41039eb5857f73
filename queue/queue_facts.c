/* SPDX-License-Identifier: ISC */
/*
 * What the resolver knows: configuration and facts.  How it is used stands in
 * queue_resolve.c.
 */
#include "queue/queue_facts.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/must.h"
#include "lib/conf/conf_sections.h"

static char *
copy_string(const char *s)
{
	size_t n = strlen(s) + 1;
	char *p = must_alloc(1, n);

	memcpy(p, s, n);
	return p;
}

void
queue_resolve_init(struct queue_resolver *r)
{
	*r = (struct queue_resolver){ 0 };
	map_init(&r->accounts);
	map_init(&r->addresses);
	map_init(&r->aliases);
	map_init(&r->domains);
	queue_resolve_set(r, "", "", "+");
}

static void
drop_account(struct queue_resolver *r, struct queue_account *a)
{
	if (r->first == a)
		r->first = NULL;
	map_remove(&r->accounts, &a->by_id);
	map_remove(&r->addresses, &a->by_address);
	free(a);
}

static void
drop_alias(struct queue_resolver *r, struct queue_alias *a)
{
	map_remove(&r->aliases, &a->node);
	free(a);
}

/* Aliases and accounts that the last replay (generation) did not name. */
static void
drop_stale(struct queue_resolver *r, bool all)
{
	struct map_node *n, *next;
	struct queue_account *a;
	struct queue_alias *l;
	size_t slot = 0;

	for (n = map_walk(&r->accounts, &slot, NULL); n != NULL; n = next) {
		next = map_walk(&r->accounts, &slot, n);
		a = obj_of(n, struct queue_account, by_id);
		if (all || a->generation != r->generation)
			drop_account(r, a);
	}
	slot = 0;
	for (n = map_walk(&r->aliases, &slot, NULL); n != NULL; n = next) {
		next = map_walk(&r->aliases, &slot, n);
		l = obj_of(n, struct queue_alias, node);
		if (all || l->generation != r->generation)
			drop_alias(r, l);
	}
}

void
queue_resolve_fini(struct queue_resolver *r)
{
	drop_stale(r, true);
	queue_resolve_clear_domains(r);
	map_fini(&r->accounts);
	map_fini(&r->addresses);
	map_fini(&r->aliases);
	map_fini(&r->domains);
	free(r->delimiters);
	free(r->postmaster);
	free(r->hostname);
}

/* ---- configuration ---- */

void
queue_resolve_set(struct queue_resolver *r, const char *hostname, const char *postmaster,
    const char *delimiters)
{
	free(r->hostname);
	free(r->postmaster);
	free(r->delimiters);
	r->hostname = copy_string(hostname);
	r->postmaster = copy_string(postmaster);
	r->delimiters = copy_string(delimiters);
}

void
queue_resolve_clear_domains(struct queue_resolver *r)
{
	struct map_node *n, *next;
	size_t slot = 0;

	for (n = map_walk(&r->domains, &slot, NULL); n != NULL; n = next) {
		next = map_walk(&r->domains, &slot, n);
		map_remove(&r->domains, n);
		free(obj_of(n, struct queue_domain, node));
	}
}

void
queue_resolve_add_domain(struct queue_resolver *r, const struct queue_domain_conf *c)
{
	struct queue_domain *d = must_alloc(1, sizeof(*d));
	struct slice text;

	if (addr_canon_domain(slice_str(c->name), d->name, &text) != ERR_OK ||
	    queue_facts_domain(r, text) != NULL) {
		free(d);
		return;
	}
	d->class = c->class;
	d->name_n = text.n;
	d->size_limit = c->size_limit;
	d->aliases = c->aliases;
	d->recipients = c->recipients;
	if (c->class == CONF_CLASS_ALIAS &&
	    addr_canon_domain(slice_str(c->target), d->target, &text) != ERR_OK)
		d->target[0] = '\0';
	map_insert(&r->domains, &d->node, hash_slice(slice_of(d->name, d->name_n)));
}

void
queue_resolve_set_lookup(struct queue_resolver *r, queue_lookup_fn *fn)
{
	r->lookup = fn;
}

const struct queue_domain *
queue_facts_domain(const struct queue_resolver *r, struct slice name)
{
	const struct queue_domain *d;
	struct map_node *n;

	for (n = map_first(&r->domains, hash_slice(name)); n != NULL; n = map_next(n)) {
		d = obj_of(n, struct queue_domain, node);
		if (slice_eq(slice_of(d->name, d->name_n), name))
			return d;
	}
	return NULL;
}

/* ---- facts ---- */

void
queue_resolve_begin(struct queue_resolver *r, uint32_t generation)
{
	/* A keyd that was restarted may use the number of the last one again. */
	r->generation++;
	r->replay = generation;
}

void
queue_resolve_end(struct queue_resolver *r, uint32_t generation)
{
	if (generation != r->replay)
		return;		/* overtaken by a newer replay */
	drop_stale(r, false);
	r->is_ready = true;
}

static struct queue_account *
find_id(const struct queue_resolver *r, uint64_t id)
{
	struct queue_account *a;
	struct map_node *n;

	for (n = map_first(&r->accounts, hash_u64(id)); n != NULL; n = map_next(n)) {
		a = obj_of(n, struct queue_account, by_id);
		if (a->id == id)
			return a;
	}
	return NULL;
}

static struct queue_account *
find_address(const struct queue_resolver *r, struct slice address)
{
	struct queue_account *a;
	struct map_node *n;

	for (n = map_first(&r->addresses, hash_slice(address)); n != NULL; n = map_next(n)) {
		a = obj_of(n, struct queue_account, by_address);
		if (slice_eq(slice_of(a->address, a->address_n), address))
			return a;
	}
	return NULL;
}

enum err
queue_resolve_account(struct queue_resolver *r, const struct ipc_fact_account *f)
{
	struct queue_account *a, *other;
	char text[ADDR_TEXT_MAX + 1];
	struct slice address;

	if (f->account == 0 || f->public_key.n != sizeof(a->public_key) ||
	    addr_canon_text(f->address, text, &address) != ERR_OK)
		return ERR_VIOLATION;
	if ((a = find_id(r, f->account)) == NULL) {
		a = must_alloc(1, sizeof(*a));
		a->id = f->account;
		map_insert(&r->accounts, &a->by_id, hash_u64(a->id));
	} else
		map_remove(&r->addresses, &a->by_address);
	/* The address of a deleted account may have a new owner. */
	if ((other = find_address(r, address)) != NULL)
		drop_account(r, other);
	memcpy(a->address, address.p, address.n);
	a->address[address.n] = '\0';
	a->address_n = address.n;
	map_insert(&r->addresses, &a->by_address, hash_slice(address));
	memcpy(a->public_key, f->public_key.p, sizeof(a->public_key));
	a->key_generation = f->key_generation;
	a->sealing = f->sealing;
	a->enabled = f->enabled;
	a->generation = r->generation;
	if (r->first != NULL && a->id < r->first->id)
		r->first = a;
	return ERR_OK;
}

void
queue_resolve_gone(struct queue_resolver *r, uint64_t account)
{
	struct queue_account *a = find_id(r, account);

	if (a != NULL)
		drop_account(r, a);
}

struct queue_alias *
queue_facts_alias(const struct queue_resolver *r, struct slice address)
{
	struct queue_alias *a;
	struct map_node *n;

	for (n = map_first(&r->aliases, hash_slice(address)); n != NULL; n = map_next(n)) {
		a = obj_of(n, struct queue_alias, node);
		if (slice_eq(slice_of(a->bytes, a->address_n), address))
			return a;
	}
	return NULL;
}

enum err
queue_resolve_alias(struct queue_resolver *r, const struct ipc_fact_alias *f)
{
	char text[ADDR_TEXT_MAX + 1];
	struct slice address;
	struct queue_alias *a;

	if (addr_canon_text(f->address, text, &address) != ERR_OK ||
	    (f->targets.n > 0 && f->targets.p[f->targets.n - 1] != '\0'))
		return ERR_VIOLATION;
	if ((a = queue_facts_alias(r, address)) != NULL)
		drop_alias(r, a);
	if (f->targets.n == 0)
		return ERR_OK;
	a = must_alloc(1, sizeof(*a) + address.n + f->targets.n);
	a->address_n = address.n;
	a->targets_n = f->targets.n;
	memcpy(a->bytes, address.p, address.n);
	memcpy(a->bytes + address.n, f->targets.p, f->targets.n);
	a->generation = r->generation;
	map_insert(&r->aliases, &a->node, hash_slice(address));
	return ERR_OK;
}

/* ---- look ---- */

const struct queue_account *
queue_resolve_find(const struct queue_resolver *r, struct slice address)
{
	return find_address(r, address);
}

const struct queue_account *
queue_resolve_find_id(const struct queue_resolver *r, uint64_t id)
{
	return find_id(r, id);
}

const struct queue_account *
queue_facts_first(struct queue_resolver *r)
{
	struct queue_account *a;
	struct map_node *n;
	size_t slot = 0;

	if (r->first != NULL)
		return r->first;
	for (n = map_walk(&r->accounts, &slot, NULL); n != NULL;
	    n = map_walk(&r->accounts, &slot, n)) {
		a = obj_of(n, struct queue_account, by_id);
		if (r->first == NULL || a->id < r->first->id)
			r->first = a;
	}
	return r->first;
}
