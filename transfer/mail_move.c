/* SPDX-License-Identifier: ISC */
#include "transfer/mail_move.h"

#include <stdlib.h>

#include "lib/base/must.h"

/* The messages of a folder that are to be moved, in order. */
struct wanted_list {
	const struct mail_message **v;
	size_t	 n;
	size_t	 asked;		/* of them ahead */
};

/* The sink's taker, and the bar. */
struct watched {
	struct mail_move	*w;
	struct mail_taker	 taker;
};

static uint64_t
now(const struct mail_move *w)
{
	return w->loop != NULL ? loop_now(w->loop) : 0;
}

static enum err
on_size(void *arg, uint64_t bytes)
{
	struct watched *x = arg;

	return x->taker.size(x->taker.arg, bytes);
}

static enum err
on_data(void *arg, struct slice data)
{
	struct watched *x = arg;

	mail_report_bytes(x->w->report, data.n, now(x->w));
	return x->taker.data(x->taker.arg, data);
}

static enum err
move_one(struct mail_move *w, const struct mail_message *m)
{
	struct watched x = { .w = w };
	const struct mail_taker t = { &x, on_size, on_data };
	enum err e = w->sink->ops->take(w->sink, m, &x.taker);

	if (e == ERR_OK)
		e = w->source->ops->give(w->source, m, &t);
	if (e == ERR_NOTFOUND) {
		w->gone++;
		return ERR_OK;
	}
	if (e == ERR_OK)
		e = w->sink->ops->end(w->sink);
	if (e == ERR_OK)
		w->moved++;
	return e;
}

static enum err
ask_ahead(struct mail_move *w, struct wanted_list *l)
{
	enum err e = ERR_OK;

	if (w->source->ops->ahead == NULL)
		return ERR_OK;
	while (l->asked < l->n && e == ERR_OK) {
		e = w->source->ops->ahead(w->source, l->v[l->asked]);
		l->asked += e == ERR_OK;
	}
	return e == ERR_FULL ? ERR_OK : e;
}

/* Refused before anything is sent: an operator can raise the limit. */
static enum err
check_size(struct mail_move *w, const struct mail_folder *f, const struct mail_message *m,
    uint64_t max, bool *leave)
{
	*leave = max > 0 && m->size > max;
	if (!*leave)
		return ERR_OK;
	if (!w->skip_large)
		return mail_report_fault(w->report, ERR_TOOBIG, "%.*s: a message of %llu bytes is "
		    "over append_size_limit, %llu: raise it, or leave such out with --skip-large",
		    SLICE_FMT(f->name), (unsigned long long)m->size, (unsigned long long)max);
	w->large++;
	return ERR_OK;
}

static enum err
choose(struct mail_move *w, const struct mail_folder *f, const struct mail_list *list,
    struct wanted_list *l)
{
	uint64_t max = w->sink->ops->message_max != NULL ?
	    w->sink->ops->message_max(w->sink) : 0;
	bool leave;
	enum err e;

	l->v = must_alloc(list->n + 1, sizeof(*l->v));
	for (size_t i = 0; i < list->n; i++) {
		const struct mail_message *m = &list->v[i];

		if (w->sink->ops->has(w->sink, m)) {
			w->there++;
			continue;
		}
		if ((e = check_size(w, f, m, max, &leave)) != ERR_OK)
			return e;
		if (!leave)
			l->v[l->n++] = m;
	}
	return ERR_OK;
}

static enum err
move_all(struct mail_move *w, struct wanted_list *l)
{
	enum err e = ERR_OK;

	for (size_t i = 0; i < l->n && e == ERR_OK; i++) {
		if ((e = ask_ahead(w, l)) == ERR_OK)
			e = move_one(w, l->v[i]);
		if (e == ERR_OK)
			mail_report_message(w->report, now(w));
	}
	return e;
}

static enum err
move_folder(struct mail_move *w, struct mail_folder *f, struct mail_list *list)
{
	uint64_t moved = w->moved, there = w->there;
	struct wanted_list l = { .n = 0 };
	bool keys = false;
	enum err e;

	if ((e = w->sink->ops->open(w->sink, f, &keys)) != ERR_OK ||
	    (e = w->source->ops->list(w->source, f, keys, list)) != ERR_OK ||
	    (e = w->sink->ops->begin(w->sink, f)) != ERR_OK)
		return e;
	e = choose(w, f, list, &l);
	mail_report_folder(w->report, f->name, l.n);
	if (e == ERR_OK && w->dry)
		w->moved += l.n;
	else if (e == ERR_OK)
		e = move_all(w, &l);
	if (e == ERR_OK)
		e = w->sink->ops->done(w->sink);
	mail_report_line(w->report, "%.*s: %llu %s, %llu there already", SLICE_FMT(f->name),
	    (unsigned long long)(w->moved - moved), w->dry ? "to be moved" : "moved",
	    (unsigned long long)(w->there - there));
	free(l.v);
	return e;
}

enum err
mail_move(struct mail_move *w)
{
	struct mail_folders folders;
	struct mail_list list;
	enum err e;

	mail_folders_init(&folders);
	mail_list_init(&list);
	e = w->source->ops->folders(w->source, &folders);
	for (size_t i = 0; i < folders.n && e == ERR_OK; i++) {
		mail_list_reset(&list);
		e = move_folder(w, &folders.v[i], &list);
	}
	mail_list_fini(&list);
	mail_folders_fini(&folders);
	return e;
}
