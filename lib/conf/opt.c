/* SPDX-License-Identifier: ISC */
#include "lib/conf/opt.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/must.h"
#include "lib/conf/opt_priv.h"

bool
opt_is_list(enum opt_type type)
{
	static const bool is_list[] = {
#define T(type, ctype, list)	list,
		OPT_TYPES(T)
#undef T
	};
	return is_list[type];
}

bool
opt_is_string(enum opt_type type)
{
	return type == OPT_TYPE_STRING || type == OPT_TYPE_PATH || type == OPT_TYPE_DOMAIN;
}

const char *
opt_type_name(enum opt_type type)
{
	static const char *const names[] = {
#define T(type, ctype, list)	#type,
		OPT_TYPES(T)
#undef T
	};
	return names[type];
}

void *
opt_field(const struct opt *o, void *base)
{
	return (char *)base + o->offset;
}

const void *
opt_field_const(const struct opt *o, const void *base)
{
	return (const char *)base + o->offset;
}

char *
opt_strdup(const char *s, size_t n)
{
	char *copy = must_alloc(n + 1, 1);

	if (n > 0)
		memcpy(copy, s, n);
	return copy;
}

void
opt_list_free(struct opt_list *l)
{
	for (uint32_t i = 0; i < l->n; i++)
		free(l->v[i]);
	free(l->v);
	l->v = NULL;
	l->n = 0;
}

void
opt_list_add(struct opt_list *l, const char *s, size_t n)
{
	l->v = must_realloc(l->v, (size_t)l->n + 1, sizeof(*l->v));
	l->v[l->n++] = opt_strdup(s, n);
}

void
opt_list_split(struct opt_list *l, const char *text)
{
	struct slice rest = slice_str(text);

	while (rest.n > 0) {
		struct slice one;

		rest = slice_cut(rest, ',', &one);
		one = slice_trim(one);
		if (one.n > 0)
			opt_list_add(l, one.p, one.n);
	}
}

void
opt_defaults(const struct opt_section *s, void *base)
{
	memset(base, 0, s->struct_bytes);
	for (const struct opt *o = s->rows; o->name != NULL; o++) {
		struct buf why;

		if (opt_is_list(o->type)) {
			opt_list_split(opt_field(o, base), o->def);
			continue;
		}
		buf_init(&why, 256);
		must(opt_set(o, base, &o->def, 1, NULL, &why) == ERR_OK);
		buf_fini(&why);
	}
}

void
opt_free(const struct opt_section *s, void *base)
{
	for (const struct opt *o = s->rows; o->name != NULL; o++) {
		if (opt_is_list(o->type))
			opt_list_free(opt_field(o, base));
		else if (opt_is_string(o->type))
			free(*(char **)opt_field(o, base));
	}
	memset(base, 0, s->struct_bytes);
}

static bool
list_is_equal(const struct opt_list *a, const struct opt_list *b)
{
	if (a->n != b->n)
		return false;
	for (uint32_t i = 0; i < a->n; i++) {
		if (strcmp(a->v[i], b->v[i]) != 0)
			return false;
	}
	return true;
}

bool
opt_is_equal(const struct opt *o, const void *base_a, const void *base_b)
{
	const void *a = opt_field_const(o, base_a);
	const void *b = opt_field_const(o, base_b);

	switch (o->type) {
	case OPT_TYPE_TIME:
	case OPT_TYPE_SIZE:
	case OPT_TYPE_NUM:
		return *(const uint64_t *)a == *(const uint64_t *)b;
	case OPT_TYPE_RATE:
		return ((const struct opt_rate *)a)->count == ((const struct opt_rate *)b)->count &&
		    ((const struct opt_rate *)a)->per_ms == ((const struct opt_rate *)b)->per_ms;
	case OPT_TYPE_BOOL:
		return *(const bool *)a == *(const bool *)b;
	case OPT_TYPE_ENUM:
		return *(const uint32_t *)a == *(const uint32_t *)b;
	case OPT_TYPE_STRING:
	case OPT_TYPE_PATH:
	case OPT_TYPE_DOMAIN:
		return strcmp(*(char *const *)a, *(char *const *)b) == 0;
	case OPT_TYPE_LIST:
	case OPT_TYPE_NETS:
	case OPT_TYPE_ADDRS:
		return list_is_equal(a, b);
	}
	return false;
}

void
opt_copy(const struct opt *o, const void *base_from, void *base_to)
{
	const void *from = opt_field_const(o, base_from);
	const struct opt_list *l = from;
	void *to = opt_field(o, base_to);

	switch (o->type) {
	case OPT_TYPE_TIME:
	case OPT_TYPE_SIZE:
	case OPT_TYPE_NUM:
		memcpy(to, from, sizeof(uint64_t));
		return;
	case OPT_TYPE_RATE:
		memcpy(to, from, sizeof(struct opt_rate));
		return;
	case OPT_TYPE_BOOL:
		memcpy(to, from, sizeof(bool));
		return;
	case OPT_TYPE_ENUM:
		memcpy(to, from, sizeof(uint32_t));
		return;
	case OPT_TYPE_STRING:
	case OPT_TYPE_PATH:
	case OPT_TYPE_DOMAIN:
		free(*(char **)to);
		*(char **)to = opt_strdup(*(char *const *)from, strlen(*(char *const *)from));
		return;
	case OPT_TYPE_LIST:
	case OPT_TYPE_NETS:
	case OPT_TYPE_ADDRS:
		opt_list_free(to);
		for (uint32_t i = 0; i < l->n; i++)
			opt_list_add(to, l->v[i], strlen(l->v[i]));
		return;
	}
}

const struct opt *
opt_find(const struct opt_section *s, struct slice name)
{
	for (const struct opt *o = s->rows; o->name != NULL; o++) {
		if (slice_eq_str(name, o->name))
			return o;
	}
	return NULL;
}

const struct opt_section *
opt_section_find(const struct opt_section *s, struct slice name)
{
	for (; s->name != NULL; s++) {
		if (slice_eq_str(name, s->name))
			return s;
	}
	return NULL;
}
