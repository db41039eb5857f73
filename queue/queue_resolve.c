/* SPDX-License-Identifier: ISC */
/*
 * The walk: a list of addresses to look at, each with its depth.  An address
 * becomes an account, a remote recipient, or more addresses.
 */
#include "queue/queue_resolve.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/arena.h"
#include "lib/conf/conf_sections.h"
#include "lib/ipc/queue_proto.h"
#include "queue/queue_facts.h"

#define WALK_BYTES	(8u << 20)

struct step {
	struct step	*next;
	struct addr	 addr;		/* canonical */
	struct addr	 written;	/* by the client or in the alias */
	unsigned	 depth;
	bool		 skip_alias;	/* it came from the alias of its own name */
};

struct seen {
	struct map_node	 node;
	struct slice	 address;
};

struct walk {
	struct queue_resolver	*r;
	struct queue_refusal	*why;
	queue_resolve_fn	*fn;
	void			*arg;
	bool			 may_relay;
	struct step		*first;
	struct step		**last;
	struct map		 seen;		/* final addresses */
	struct arena		 mem;
	unsigned		 found;
	unsigned		 steps;
	struct slice		 rcpt;
};

void
queue_resolve_refuse(struct queue_refusal *why, enum err e, const char *dsn,
    struct slice address, const char *text)
{
	size_t i, n;

	why->error = e;
	why->dsn = dsn;
	if (address.n > 0)
		(void)snprintf(why->text, sizeof(why->text), "<%.*s>: %s",
		    SLICE_FMT(slice_head(address, 160)), text);
	else
		(void)snprintf(why->text, sizeof(why->text), "%s", text);
	/* It goes into a reply line. */
	for (i = 0, n = strlen(why->text); i < n; i++)
		if ((unsigned char)why->text[i] < 0x20 || why->text[i] == 0x7f)
			why->text[i] = '?';
}

static enum err
refuse(struct walk *w, enum err e, const char *dsn, const char *text)
{
	queue_resolve_refuse(w->why, e, dsn, w->rcpt, text);
	return e;
}

static enum err
unknown(struct walk *w)
{
	return refuse(w, ERR_NOTFOUND, "5.1.1", "Recipient address rejected: User unknown");
}

static enum err
no_lookup(struct walk *w)
{
	return refuse(w, ERR_AGAIN, "4.3.0", "Temporary lookup failure");
}

static enum err
too_many(struct walk *w)
{
	return refuse(w, ERR_BUSY, "4.3.5", "Recipient address rejected: alias nesting or size");
}

/* ---- what comes out ---- */

static enum err
emit(struct walk *w, struct slice address, uint8_t class, const struct queue_account *a,
    bool forwarded)
{
	uint64_t hash = hash_slice(address);
	struct seen *s;
	struct map_node *n;

	for (n = map_first(&w->seen, hash); n != NULL; n = map_next(n))
		if (slice_eq(obj_of(n, struct seen, node)->address, address))
			return ERR_OK;
	/* A single recipient, the usual case, needs no memory. */
	if (w->first != NULL || w->found > 0) {
		if (w->found >= QUEUE_EXPANSION_MAX ||
		    (s = arena_alloc(&w->mem, 1, sizeof(*s))) == NULL)
			return too_many(w);
		s->address = arena_dup(&w->mem, address);
		if (s->address.p == NULL)
			return too_many(w);
		map_insert(&w->seen, &s->node, hash);
	}
	w->found++;
	return w->fn(w->arg, address, class, a, forwarded);
}

static enum err
emit_account(struct walk *w, const struct step *s, const struct queue_account *a)
{
	if (!a->enabled) {
		if (s->depth > 0)
			return ERR_OK;
		return refuse(w, ERR_DISABLED, "5.2.1",
		    "Recipient address rejected: Mailbox is disabled");
	}
	return emit(w, slice_of(a->address, a->address_n), QUEUE_LOCAL, a, false);
}

/* RFC 5321 s2.4: only the other host knows what case means in its local parts. */
static enum err
emit_remote(struct walk *w, const struct step *s, bool is_relay_domain)
{
	char text[ADDR_TEXT_MAX + 1];
	struct addr a = s->written;

	if (s->depth == 0 && !is_relay_domain && !w->may_relay)
		return refuse(w, ERR_DENIED, "5.7.1", "Relay access denied");
	a.domain_n = s->addr.domain_n;
	memcpy(a.domain, s->addr.domain, sizeof(a.domain));
	return emit(w, addr_text(&a, text), QUEUE_REMOTE, NULL,
	    s->depth > 0 && !is_relay_domain);
}

/* ---- one address ---- */

static enum err
push(struct walk *w, const struct addr *a, const struct addr *written, unsigned depth,
    bool skip_alias)
{
	struct step *s;

	if (depth > QUEUE_ALIAS_DEPTH || ++w->steps > QUEUE_EXPANSION_MAX ||
	    (s = arena_alloc(&w->mem, 1, sizeof(*s))) == NULL)
		return too_many(w);
	s->addr = *a;
	s->written = *written;
	s->depth = depth;
	s->skip_alias = skip_alias;
	*w->last = s;
	w->last = &s->next;
	return ERR_OK;
}

static enum err
expand(struct walk *w, const struct step *from, const struct queue_alias *a)
{
	struct slice list = slice_of(a->bytes + a->address_n, a->targets_n), one, key;
	struct addr addr, canon;
	char text[ADDR_TEXT_MAX + 1];
	enum err e;

	key = slice_of(a->bytes, a->address_n);
	while (list.n > 0) {
		list = slice_cut(list, '\0', &one);
		if (addr_parse(one, ADDR_UTF8, &addr) != ERR_OK ||
		    addr_canon(&addr, &canon) != ERR_OK)
			continue;	/* keyd took it, so it is not ours to judge */
		e = push(w, &canon, &addr, from->depth + 1,
		    slice_eq(addr_text(&canon, text), key));
		if (e != ERR_OK)
			return e;
	}
	return ERR_OK;
}

/* What stands in a table: it was read before it was built, mostly. */
static enum err
expand_list(struct walk *w, const struct step *from, const struct addr *stripped,
    struct slice list)
{
	char self[ADDR_TEXT_MAX + 1], base[ADDR_TEXT_MAX + 1], text[ADDR_TEXT_MAX + 1];
	struct slice own = addr_text(&from->addr, self), own_base = addr_text(stripped, base);
	struct addr addr, canon;
	struct slice one, to;
	enum err e;

	while (queue_lookup_next(&list, &one)) {
		if (queue_lookup_target(one, &from->written, &addr) != ERR_OK ||
		    addr_canon(&addr, &canon) != ERR_OK)
			return no_lookup(w);
		to = addr_text(&canon, text);
		e = push(w, &canon, &addr, from->depth + 1,
		    slice_eq(to, own) || slice_eq(to, own_base));
		if (e != ERR_OK)
			return e;
	}
	return ERR_OK;
}

/* ERR_NOTFOUND: the table does not know it. */
static enum err
expand_table(struct walk *w, const struct step *s, const struct addr *stripped,
    const struct queue_domain *d, bool rest)
{
	struct slice list;
	enum err e;

	if (d->aliases == NULL || s->skip_alias)
		return ERR_NOTFOUND;
	e = rest ? queue_lookup_rest(w->r->lookup, d->aliases, &s->addr, &list) :
	    queue_lookup_address(w->r->lookup, d->aliases, &s->addr, stripped, &list);
	if (e == ERR_OK)
		return expand_list(w, s, stripped, list);
	return e == ERR_NOTFOUND ? e : no_lookup(w);
}

static bool
is_special(struct slice local)
{
	return slice_eq_str(local, "postmaster") || slice_eq_str(local, "abuse") ||
	    slice_eq_str(local, "root");
}

/* RFC 5321 s4.5.1: postmaster is always accepted. */
static enum err
to_postmaster(struct walk *w, const struct step *s)
{
	const struct queue_account *a;
	struct addr addr, canon;

	if (w->r->postmaster[0] == '\0') {
		if ((a = queue_facts_first(w->r)) == NULL)
			return unknown(w);
		return emit(w, slice_of(a->address, a->address_n), QUEUE_LOCAL, a, false);
	}
	if (addr_parse(slice_str(w->r->postmaster), ADDR_UTF8, &addr) != ERR_OK ||
	    addr_canon(&addr, &canon) != ERR_OK)
		return unknown(w);
	return push(w, &canon, &addr, s->depth + 1, false);
}

/* An alias may name somebody who left: the others still get it. */
static enum err
nobody(struct walk *w, const struct step *s)
{
	return s->depth > 0 ? ERR_OK : unknown(w);
}

static enum err
look_in_domain(struct walk *w, const struct step *s, const struct addr *stripped,
    const struct queue_domain *d)
{
	char full_text[ADDR_TEXT_MAX + 1], base_text[ADDR_TEXT_MAX + 1];
	struct slice full = addr_text(&s->addr, full_text);
	struct slice base = addr_text(stripped, base_text);
	const struct queue_account *a;
	const struct queue_alias *l;
	struct addr moved;
	enum err e;

	if (!s->skip_alias && ((l = queue_facts_alias(w->r, full)) != NULL ||
	    (l = queue_facts_alias(w->r, base)) != NULL))
		return expand(w, s, l);
	if ((e = expand_table(w, s, stripped, d, false)) != ERR_NOTFOUND)
		return e;
	if (d->class == CONF_CLASS_ALIAS && d->target[0] != '\0') {
		moved = s->addr;
		moved.domain_n = (unsigned char)strlen(d->target);
		memcpy(moved.domain, d->target, moved.domain_n + 1u);
		return push(w, &moved, &moved, s->depth + 1, false);
	}
	if ((a = queue_resolve_find(w->r, full)) != NULL ||
	    (a = queue_resolve_find(w->r, base)) != NULL)
		return emit_account(w, s, a);
	if (is_special(addr_local(stripped)))
		return to_postmaster(w, s);
	e = expand_table(w, s, stripped, d, true);
	return e == ERR_NOTFOUND ? nobody(w, s) : e;
}

/* Without a table of recipients all may exist. */
static enum err
look_in_relay(struct walk *w, const struct step *s, const struct addr *stripped,
    const struct queue_domain *d)
{
	struct slice value;
	enum err e = expand_table(w, s, stripped, d, false);

	if (e != ERR_NOTFOUND)
		return e;
	if (d->recipients != NULL) {
		e = queue_lookup_address(w->r->lookup, d->recipients, &s->addr, stripped,
		    &value);
		if (e == ERR_NOTFOUND)
			e = queue_lookup_rest(w->r->lookup, d->recipients, &s->addr, &value);
		/* RFC 5321 s4.5.1 */
		if (e == ERR_NOTFOUND && slice_eq_str(addr_local(stripped), "postmaster"))
			e = ERR_OK;
		if (e == ERR_OK)
			return emit_remote(w, s, true);
		if (e != ERR_NOTFOUND)
			return no_lookup(w);
	}
	if ((e = expand_table(w, s, stripped, d, true)) != ERR_NOTFOUND)
		return e;
	return d->recipients == NULL ? emit_remote(w, s, true) : nobody(w, s);
}

static void
note_limit(struct walk *w, const struct queue_domain *d)
{
	uint64_t *limit = &w->why->size_limit;

	if (d->size_limit > 0 && (*limit == 0 || d->size_limit < *limit))
		*limit = d->size_limit;
}

static enum err
look_at(struct walk *w, const struct step *s)
{
	struct slice name = addr_domain(&s->addr);
	const struct queue_domain *d;
	struct addr stripped;

	if (name.n == 0)
		return to_postmaster(w, s);
	if ((d = queue_facts_domain(w->r, name)) == NULL) {
		if (is_special(addr_local(&s->addr)) && slice_ieq_str(name, w->r->hostname))
			return to_postmaster(w, s);
		return emit_remote(w, s, false);
	}
	note_limit(w, d);
	addr_strip(&s->addr, w->r->delimiters, &stripped);
	if (d->class == CONF_CLASS_RELAY)
		return look_in_relay(w, s, &stripped, d);
	return look_in_domain(w, s, &stripped, d);
}

static enum err
walk_all(struct walk *w, struct step *start)
{
	enum err e = look_at(w, start);
	struct step *s;

	for (s = w->first; s != NULL && e == ERR_OK; s = s->next)
		e = look_at(w, s);
	if (e == ERR_OK && w->found == 0)
		e = unknown(w);
	return e;
}

/* As written, and as it is compared. */
static enum err
read_rcpt(const struct queue_resolver *r, struct slice rcpt, struct addr *written,
    struct addr *canon, struct queue_refusal *why)
{
	*why = (struct queue_refusal){ .error = ERR_OK, .dsn = "" };
	if (!r->is_ready) {
		queue_resolve_refuse(why, ERR_AGAIN, "4.3.0", SLICE_NONE,
		    "Temporary lookup failure");
		return ERR_AGAIN;
	}
	if (addr_parse(rcpt, ADDR_UTF8 | ADDR_POSTMASTER_OK, written) != ERR_OK ||
	    addr_canon(written, canon) != ERR_OK) {
		queue_resolve_refuse(why, ERR_SYNTAX, "5.1.3", rcpt,
		    "Recipient address rejected: bad address syntax");
		return ERR_SYNTAX;
	}
	return ERR_OK;
}

enum err
queue_resolve_rcpt(struct queue_resolver *r, struct slice rcpt, bool may_relay,
    queue_resolve_fn *fn, void *arg, struct queue_refusal *why)
{
	struct walk w = { .r = r, .why = why, .fn = fn, .arg = arg,
	    .may_relay = may_relay, .rcpt = rcpt };
	struct step start = { 0 };
	enum err e;

	if ((e = read_rcpt(r, rcpt, &start.written, &start.addr, why)) != ERR_OK)
		return e;
	w.last = &w.first;
	arena_init(&w.mem, WALK_BYTES);
	map_init(&w.seen);
	e = walk_all(&w, &start);
	map_fini(&w.seen);
	arena_fini(&w.mem);
	if (e != ERR_OK && why->error == ERR_OK)	/* it was fn's */
		queue_resolve_refuse(why, e, "4.3.0", rcpt, err_text(e));
	return e;
}

/* ---- sealed mail ---- */

struct sole {
	unsigned			 count;
	const struct queue_account	*account;
};

static enum err
note_sole(void *arg, struct slice address, uint8_t class, const struct queue_account *a,
    bool forwarded)
{
	struct sole *o = arg;

	(void)address;
	(void)class;
	(void)forwarded;
	o->count++;
	o->account = a;
	return ERR_OK;
}

static const struct queue_account *
postmaster(struct queue_resolver *r, struct slice rcpt, struct queue_refusal *why)
{
	struct sole o = { .count = 0 };

	if (queue_resolve_rcpt(r, rcpt, false, note_sole, &o, why) != ERR_OK)
		return NULL;
	return o.count == 1 ? o.account : NULL;
}

static const struct queue_account *
account_of(struct queue_resolver *r, const struct addr *canon, struct queue_refusal *why)
{
	char text[ADDR_TEXT_MAX + 1];
	const struct queue_domain *d = queue_facts_domain(r, addr_domain(canon));
	struct addr a = *canon;

	if (d == NULL)
		return NULL;
	why->size_limit = d->size_limit;
	if (d->class == CONF_CLASS_ALIAS && d->target[0] != '\0') {
		a.domain_n = (unsigned char)strlen(d->target);
		memcpy(a.domain, d->target, a.domain_n + 1u);
	}
	return queue_resolve_find(r, addr_text(&a, text));
}

enum err
queue_resolve_sealed(struct queue_resolver *r, struct slice rcpt, queue_resolve_fn *fn,
    void *arg, struct queue_refusal *why)
{
	const struct queue_account *a;
	struct addr written, canon;
	enum err e;

	if ((e = read_rcpt(r, rcpt, &written, &canon, why)) != ERR_OK)
		return e;
	a = addr_domain(&canon).n == 0 ? postmaster(r, rcpt, why) : account_of(r, &canon, why);
	if (a == NULL && why->error == ERR_OK)
		queue_resolve_refuse(why, ERR_NOTFOUND, "5.1.1", rcpt,
		    "Recipient address rejected: User unknown");
	else if (a != NULL && !a->enabled)
		queue_resolve_refuse(why, ERR_DISABLED, "5.2.1", rcpt,
		    "Recipient address rejected: Mailbox is disabled");
	if (why->error != ERR_OK)
		return why->error;
	e = fn(arg, slice_of(a->address, a->address_n), QUEUE_LOCAL, a, false);
	if (e != ERR_OK)
		queue_resolve_refuse(why, e, "4.3.0", rcpt, err_text(e));
	return e;
}

/* ---- who may send as whom ---- */

struct owner {
	uint64_t	 account;
	bool		 is_owner;
};

static enum err
compare(void *arg, struct slice address, uint8_t class, const struct queue_account *a,
    bool forwarded)
{
	struct owner *o = arg;

	(void)forwarded;
	(void)address;
	(void)class;
	if (a != NULL && a->id == o->account)
		o->is_owner = true;
	return ERR_OK;
}

enum err
queue_resolve_owns(struct queue_resolver *r, uint64_t account, struct slice sender)
{
	struct owner o = { .account = account };
	struct queue_refusal why;
	enum err e;

	if (sender.n == 0)
		return ERR_OK;
	e = queue_resolve_rcpt(r, sender, false, compare, &o, &why);
	if (e == ERR_AGAIN)
		return e;
	return e == ERR_OK && o.is_owner ? ERR_OK : ERR_DENIED;
}

bool
queue_resolve_is_ours(struct queue_resolver *r, struct slice domain)
{
	char text[ADDR_DOMAIN_MAX + 1];
	struct slice name;

	return addr_canon_domain(domain, text, &name) == ERR_OK &&
	    (queue_facts_domain(r, name) != NULL || slice_ieq_str(name, r->hostname));
}
