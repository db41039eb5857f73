/* SPDX-License-Identifier: ISC */
#include "lib/base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/must.h"
#include "lib/base/secret.h"

#define BLOCK_BYTES	1008		/* a small command fits one block */

struct arena_block {
	struct arena_block	*next;
	size_t			 bytes;
	alignas(max_align_t) char data[];
};

void
arena_init(struct arena *a, size_t max_bytes)
{
	*a = (struct arena){ .max_bytes = max_bytes };
}

void
arena_fini(struct arena *a)
{
	struct arena_block *b, *next;

	for (b = a->blocks; b != NULL; b = next) {
		next = b->next;
		free(b);
	}
	a->blocks = NULL;
	a->used = a->total_bytes = 0;
}

void
arena_wipe(struct arena *a)
{
	struct arena_block *b;

	for (b = a->blocks; b != NULL; b = b->next)
		secret_wipe(b->data, b->bytes);
}

void
arena_reset(struct arena *a)
{
	arena_fini(a);
}

void *
arena_alloc(struct arena *a, size_t count, size_t size)
{
	const size_t align = alignof(max_align_t);
	struct arena_block *b;
	size_t n, bytes;
	char *p;

	if (size > 0 && count > a->max_bytes / size)
		return NULL;
	n = count * size;
	if (n > a->max_bytes)
		return NULL;
	n = n > 0 ? (n + align - 1) / align * align : align;
	if (n > a->max_bytes - a->total_bytes)
		return NULL;
	if (a->blocks == NULL || n > a->blocks->bytes - a->used) {
		bytes = n > BLOCK_BYTES ? n : BLOCK_BYTES;
		b = must_alloc(1, sizeof(*b) + bytes);
		b->bytes = bytes;
		b->next = a->blocks;
		a->blocks = b;
		a->used = 0;
	}
	p = a->blocks->data + a->used;
	a->used += n;
	a->total_bytes += n;
	return p;
}

char *
arena_str(struct arena *a, struct slice s)
{
	char *p;

	if (s.n == SIZE_MAX)
		return NULL;
	p = arena_alloc(a, s.n + 1, 1);
	if (p != NULL && s.n > 0)
		memcpy(p, s.p, s.n);
	return p;
}

struct slice
arena_dup(struct arena *a, struct slice s)
{
	char *p = arena_str(a, s);

	return (struct slice){ p, p != NULL ? s.n : 0 };
}
