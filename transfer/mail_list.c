/* SPDX-License-Identifier: ISC */
#include "transfer/mail_list.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/must.h"
#include "lib/mail/hdr.h"

#define ARENA_MAX	(1u << 30)

struct word {
	struct map_node	 node;
	struct slice	 text;
};

/* Room for one more of these. */
static void *
grow(void *v, size_t n, size_t *cap, size_t bytes)
{
	if (n < *cap)
		return v;
	*cap = *cap > 0 ? *cap * 2 : 64;
	return must_realloc(v, *cap, bytes);
}

static enum err
dup(struct arena *a, struct slice *s)
{
	struct slice copy = arena_dup(a, *s);

	if (s->n > 0 && copy.p == NULL)
		return ERR_LIMIT;
	*s = copy;
	return ERR_OK;
}

/* ---- folders ---- */

void
mail_folders_init(struct mail_folders *f)
{
	*f = (struct mail_folders){ .n = 0 };
	arena_init(&f->arena, ARENA_MAX);
}

void
mail_folders_fini(struct mail_folders *f)
{
	free(f->v);
	arena_fini(&f->arena);
	f->v = NULL;
	f->n = f->cap = 0;
}

enum err
mail_folders_add(struct mail_folders *f, struct slice name, struct slice at)
{
	struct mail_folder m = { .name = name, .at = at };

	if (f->n >= MAIL_FOLDERS_MAX || dup(&f->arena, &m.name) != ERR_OK ||
	    dup(&f->arena, &m.at) != ERR_OK)
		return ERR_LIMIT;
	f->v = grow(f->v, f->n, &f->cap, sizeof(*f->v));
	f->v[f->n++] = m;
	return ERR_OK;
}

static int
by_name(const void *a, const void *b)
{
	return slice_cmp(((const struct mail_folder *)a)->name,
	    ((const struct mail_folder *)b)->name);
}

void
mail_folders_sort(struct mail_folders *f)
{
	if (f->n > 1)
		qsort(f->v, f->n, sizeof(*f->v), by_name);
}

/* ---- messages ---- */

void
mail_list_init(struct mail_list *l)
{
	*l = (struct mail_list){ .n = 0 };
	arena_init(&l->arena, ARENA_MAX);
	map_init(&l->words);
}

void
mail_list_fini(struct mail_list *l)
{
	free(l->v);
	map_fini(&l->words);
	arena_fini(&l->arena);
	l->v = NULL;
	l->n = l->cap = 0;
}

void
mail_list_reset(struct mail_list *l)
{
	mail_list_fini(l);
	mail_list_init(l);
}

static enum err
intern(struct mail_list *l, struct slice *text)
{
	uint64_t hash = hash_slice(*text);
	struct map_node *n;
	struct word *w;

	if (text->n == 0)
		return ERR_OK;
	for (n = map_first(&l->words, hash); n != NULL; n = map_next(n)) {
		w = obj_of(n, struct word, node);
		if (slice_eq(w->text, *text)) {
			*text = w->text;
			return ERR_OK;
		}
	}
	w = arena_alloc(&l->arena, 1, sizeof(*w));
	if (w == NULL || dup(&l->arena, text) != ERR_OK)
		return ERR_LIMIT;
	w->text = *text;
	map_insert(&l->words, &w->node, hash);
	return ERR_OK;
}

enum err
mail_list_add(struct mail_list *l, const struct mail_message *message)
{
	struct mail_message m = *message;

	if (l->n >= MAIL_MESSAGES_MAX || intern(l, &m.flags.keywords) != ERR_OK ||
	    dup(&l->arena, &m.at) != ERR_OK)
		return ERR_LIMIT;
	l->v = grow(l->v, l->n, &l->cap, sizeof(*l->v));
	l->v[l->n++] = m;
	l->size += m.size;
	return ERR_OK;
}

static int
by_uid(const void *a, const void *b)
{
	const struct mail_message *x = a, *y = b;

	return (x->uid > y->uid) - (x->uid < y->uid);
}

static int
by_date(const void *a, const void *b)
{
	const struct mail_message *x = a, *y = b;

	if (x->internal_s != y->internal_s)
		return x->internal_s < y->internal_s ? -1 : 1;
	return slice_cmp(x->at, y->at);
}

void
mail_list_sort(struct mail_list *l)
{
	bool all = true;

	for (size_t i = 0; i < l->n; i++)
		all = all && l->v[i].uid != 0;
	if (l->n > 1)
		qsort(l->v, l->n, sizeof(*l->v), all ? by_uid : by_date);
}

static void
put_field(struct buf *b, struct slice header, const char *name)
{
	struct hdr_field f;

	if (hdr_find(header, name, &f))
		hdr_unfold(b, f.value);
	buf_put_char(b, '\0');
}

uint64_t
mail_key(struct slice header, int64_t internal_s)
{
	/* IMAP knows no time before 1970. */
	int64_t at = internal_s > 0 ? internal_s : 0;
	struct slice id = SLICE_NONE, rest;
	struct hdr_field f;
	struct buf b;
	uint64_t key;

	if (hdr_find(header, "Message-ID", &f)) {
		rest = f.value;
		if (!hdr_next_msgid(&rest, &id))
			id = SLICE_NONE;
	}
	buf_init(&b, HDR_BYTES_MAX);
	buf_put(&b, &at, sizeof(at));
	buf_put_slice(&b, id);
	if (id.n == 0) {
		put_field(&b, header, "Date");
		put_field(&b, header, "From");
		put_field(&b, header, "Subject");
	}
	key = hash_slice(buf_slice(&b));
	buf_fini(&b);
	return key;
}
