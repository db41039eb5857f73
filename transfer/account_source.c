/* SPDX-License-Identifier: ISC */
#include "transfer/account_source.h"

#include <stdlib.h>

#include "lib/base/must.h"
#include "transfer/mail_name.h"

#define AHEAD_BYTES	(4u << 20)	/* asked for and not read, about */
#define LINE_MAX	(1u << 20)
#define OTHERS_MAX	65536

struct account_source {
	struct mail_source	 base;
	struct imap_client	*c;
	struct mail_folders	*folders;	/* while they are listed */
	struct mail_list	*list;		/* while it is made */
	struct buf		 others;	/* prefixes of mailboxes that are not his */
	bool			 keys;
	uint32_t		 exists;
	/* asked for ahead, oldest first */
	struct { uint32_t uid; uint64_t size; } asked[IMAP_AHEAD_MAX];
	unsigned		 first, count;
	uint64_t		 bytes;
};

static struct account_source *
source_of(struct mail_source *s)
{
	return obj_of(s, struct account_source, base);
}

enum err
account_source_fault(struct mail_report *r, const struct imap_client *c, enum err e,
    const char *what)
{
	struct slice text = buf_slice(&c->text);

	if (e == ERR_SYNTAX)
		return mail_report_fault(r, e, "%s: the server's answer is no IMAP", what);
	return mail_report_fault(r, e, "%s: %s%.*s", what,
	    e == ERR_GONE ? "the connection ended: " : e == ERR_STATE ? "the server says: " : "",
	    SLICE_FMT(slice_head(text, 500)));
}

/* ---- folders ---- */

static enum err
on_namespace(void *arg, const struct imap_answer *a)
{
	struct account_source *s = arg;

	return slice_ieq_str(a->word, "NAMESPACE") ?
	    imap_answer_namespace(a->rest, &s->others) : ERR_OK;
}

/* A mailbox that somebody shares: it is not this account's mail. */
static bool
is_others(const struct account_source *s, struct slice wire)
{
	struct slice rest = buf_slice(&s->others), prefix;

	while (rest.n > 0) {
		rest = slice_cut(rest, '\0', &prefix);
		if (prefix.n > 0 && wire.n >= prefix.n &&
		    slice_eq(slice_head(wire, prefix.n), prefix))
			return true;
	}
	return false;
}

static enum err
on_list(void *arg, const struct imap_answer *a)
{
	struct account_source *s = arg;
	struct imap_listed l;
	struct buf wire, name;
	enum err e;

	if (!slice_ieq_str(a->word, "LIST"))
		return ERR_OK;
	buf_init(&wire, 4096);
	buf_init(&name, 4096);
	e = imap_answer_list(a->rest, &l, &wire);
	if (e == ERR_OK && !l.is_noselect && !is_others(s, buf_slice(&wire))) {
		if (mail_name_of_imap(buf_slice(&wire), l.delimiter, &name) == ERR_OK)
			e = mail_folders_add(s->folders, buf_slice(&name), buf_slice(&wire));
		else
			mail_report_warn(s->base.report, "a folder has a name that cannot be "
			    "here, left out: %.*s", SLICE_FMT(buf_slice(&wire)));
	}
	buf_fini(&name);
	buf_fini(&wire);
	return e;
}

static enum err
folders(struct mail_source *base, struct mail_folders *f)
{
	struct account_source *s = source_of(base);
	enum err e;

	s->folders = f;
	buf_reset(&s->others);
	if (imap_client_can(s->c, "NAMESPACE")) {
		buf_put_str(&s->c->say, "NAMESPACE");
		if ((e = imap_client_run(s->c, on_namespace, s)) != ERR_OK)
			return account_source_fault(base->report, s->c, e, "NAMESPACE");
	}
	buf_put_str(&s->c->say, "LIST \"\" \"*\"");
	e = imap_client_run(s->c, on_list, s);
	if (e != ERR_OK)
		return account_source_fault(base->report, s->c, e, "LIST");
	mail_folders_sort(f);
	return ERR_OK;
}

/* ---- messages ---- */

struct examined { struct account_source *s; struct mail_folder *f; };

static enum err
on_examine(void *arg, const struct imap_answer *a)
{
	const struct examined *x = arg;

	if (a->status == IMAP_OK) {
		(void)imap_answer_number(a->code, "UIDVALIDITY", 0, &x->f->uidvalidity);
		(void)imap_answer_number(a->code, "UIDNEXT", 0, &x->f->uidnext);
	}
	if (a->has_number && slice_ieq_str(a->word, "EXISTS"))
		x->s->exists = a->number;
	return ERR_OK;
}

static enum err
on_fetch(void *arg, const struct imap_answer *a)
{
	struct account_source *s = arg;
	struct mail_message m = { .uid = 0 };
	struct imap_fetched f;
	struct buf b;
	enum err e;

	if (!a->has_number || !slice_ieq_str(a->word, "FETCH"))
		return ERR_OK;
	buf_init(&b, LINE_MAX);
	e = imap_answer_fetch(a->rest, &f, &b);
	/* News of a message, not an answer to the question. */
	if (e == ERR_OK && f.uid != 0 && f.has_flags && f.has_size) {
		m.uid = f.uid;
		m.flags = f.flags;
		m.internal_s = f.internal_s;
		m.size = f.size;
		m.key = s->keys ? mail_key(f.header, f.internal_s) : 0;
		e = mail_list_add(s->list, &m);
	}
	buf_fini(&b);
	return e;
}

/* Twice in the answers: the last one counts. */
static void
drop_doubles(struct mail_list *l)
{
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++)
		if (i + 1 == l->n || l->v[i].uid != l->v[i + 1].uid)
			l->v[n++] = l->v[i];
	l->n = n;
}

static enum err
list(struct mail_source *base, struct mail_folder *f, bool keys, struct mail_list *l)
{
	struct account_source *s = source_of(base);
	struct examined x = { s, f };
	enum err e;

	s->list = l;
	s->keys = keys;
	s->exists = 0;
	buf_put_str(&s->c->say, "EXAMINE ");
	imap_client_put_string(s->c, f->at);
	e = imap_client_run(s->c, on_examine, &x);
	if (e == ERR_OK && s->exists > 0) {
		buf_printf(&s->c->say, "UID FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE%s)",
		    keys ? " " ACCOUNT_SOURCE_KEYS : "");
		e = imap_client_run(s->c, on_fetch, s);
	}
	if (e == ERR_LIMIT)
		return mail_report_fault(base->report, e, "%.*s: more messages than can be moved",
		    SLICE_FMT(f->name));
	if (e != ERR_OK)
		return account_source_fault(base->report, s->c, e, "listing");
	mail_list_sort(l);
	drop_doubles(l);
	return ERR_OK;
}

static enum err
ahead(struct mail_source *base, const struct mail_message *m)
{
	struct account_source *s = source_of(base);
	enum err e;

	/* ERR_FULL: not yet. */
	if (s->count == IMAP_AHEAD_MAX || (s->count > 0 && s->bytes + m->size > AHEAD_BYTES))
		return ERR_FULL;
	if ((e = imap_client_ask(s->c, m->uid)) != ERR_OK)
		return account_source_fault(base->report, s->c, e, "UID FETCH");
	s->asked[(s->first + s->count) % IMAP_AHEAD_MAX].uid = m->uid;
	s->asked[(s->first + s->count) % IMAP_AHEAD_MAX].size = m->size;
	s->count++;
	s->bytes += m->size;
	return ERR_OK;
}

static enum err
give(struct mail_source *base, const struct mail_message *m, const struct mail_taker *t)
{
	struct account_source *s = source_of(base);
	enum err e;

	must(s->count > 0 && s->asked[s->first].uid == m->uid);
	s->bytes -= s->asked[s->first].size;
	s->first = (s->first + 1) % IMAP_AHEAD_MAX;
	s->count--;
	e = imap_client_read(s->c, t);
	if (e == ERR_OK || e == ERR_NOTFOUND || base->report->fault.n > 0)
		return e;
	return account_source_fault(base->report, s->c, e, "UID FETCH");
}

static void
free_source(struct mail_source *base)
{
	struct account_source *s = source_of(base);

	buf_fini(&s->others);
	free(s);
}

static const struct mail_source_ops ops = { folders, list, ahead, give, free_source };

struct mail_source *
account_source_new(struct mail_report *r, struct imap_client *c)
{
	struct account_source *s = must_alloc(1, sizeof(*s));

	s->base.ops = &ops;
	s->base.report = r;
	s->c = c;
	buf_init(&s->others, OTHERS_MAX);
	return &s->base;
}
