/* SPDX-License-Identifier: ISC */
#include "lib/base/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/must.h"
#include "lib/base/secret.h"

void
buf_init(struct buf *b, size_t max)
{
	*b = (struct buf){ .max = max };
}

void
buf_lend(struct buf *b, void *mem, size_t cap)
{
	must(cap > 0);
	*b = (struct buf){ .mem = mem, .cap = cap, .max = cap - 1 };
}

void
buf_fini(struct buf *b)
{
	if (b->secret && b->mem != NULL)
		secret_wipe(b->mem, b->cap);
	free(b->mem);
	b->mem = NULL;
	b->off = b->n = b->cap = 0;
}

void
buf_reset(struct buf *b)
{
	b->off = b->n = 0;
	b->full = false;
}

void
buf_release(struct buf *b)
{
	buf_fini(b);
	b->full = false;
}

#define DOUBLES_TO	4096u	/* a short text should not move ten times */

/* One byte more than asked for, so that buf_cstr always has room. */
static void
buf_grow(struct buf *b, size_t want)
{
	size_t cap = b->cap > 0 ? b->cap : 64;
	char *fresh;

	while (cap < want + 1)
		cap += cap < DOUBLES_TO ? cap : cap / 2;
	if (cap > b->max + 1 && want <= b->max)
		cap = b->max + 1;
	if (b->secret && b->mem != NULL) {
		fresh = must_alloc(cap, 1);
		memcpy(fresh, b->mem, b->off + b->n);
		secret_wipe(b->mem, b->cap);
		free(b->mem);
		b->mem = fresh;
	} else {
		b->mem = must_realloc(b->mem, cap, 1);
	}
	b->cap = cap;
}

char *
buf_reserve(struct buf *b, size_t n)
{
	if (b->full || n > b->max - b->n || b->n > b->max) {
		b->full = true;
		return NULL;
	}
	if (b->off + b->n + n + 1 > b->cap) {
		/* Sliding pays when at least half of the memory is dead. */
		if (b->off > 0 && (b->n + n + 1 <= b->cap) && b->off >= b->n) {
			memmove(b->mem, b->mem + b->off, b->n);
			b->off = 0;
		} else if (b->off > 0) {
			if (b->n > 0)
				memmove(b->mem, b->mem + b->off, b->n);
			b->off = 0;
		}
		if (b->n + n + 1 > b->cap)
			buf_grow(b, b->n + n);
	}
	return b->mem + b->off + b->n;
}

void
buf_commit(struct buf *b, size_t n)
{
	must(b->off + b->n + n <= b->cap);
	b->n += n;
}

/* The buffer must grow or slide, or is full. */
void
buf_put_slow(struct buf *b, const void *p, size_t n)
{
	char *at;

	if (n == 0)
		return;
	at = buf_reserve(b, n);
	if (at == NULL)
		return;
	memcpy(at, p, n);
	b->n += n;
}

void
buf_put_char_slow(struct buf *b, char c)
{
	buf_put(b, &c, 1);
}

void
buf_put_num(struct buf *b, uint64_t v)
{
	char digits[20];
	size_t i = sizeof(digits);

	/* Most numbers need no wide division. */
	for (; v > UINT32_MAX; v /= 10)
		digits[--i] = (char)('0' + v % 10);
	for (uint32_t small = (uint32_t)v; i == sizeof(digits) || small > 0; small /= 10)
		digits[--i] = (char)('0' + small % 10);
	buf_put(b, digits + i, sizeof(digits) - i);
}

void
buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
	va_list again;
	char small[256];
	char *at;
	int n;

	va_copy(again, ap);
	n = vsnprintf(small, sizeof(small), fmt, ap);
	must(n >= 0);
	if ((size_t)n < sizeof(small)) {
		buf_put(b, small, (size_t)n);
	} else {
		at = buf_reserve(b, (size_t)n);
		if (at != NULL) {
			/* buf_reserve keeps a spare byte for the NUL. */
			(void)vsnprintf(at, (size_t)n + 1, fmt, again);
			b->n += (size_t)n;
		}
	}
	va_end(again);
}

void
buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(b, fmt, ap);
	va_end(ap);
}

char *
buf_data(const struct buf *b)
{
	return b->mem != NULL ? b->mem + b->off : NULL;
}

struct slice
buf_slice(const struct buf *b)
{
	return (struct slice){ buf_data(b), b->n };
}

enum err
buf_err(const struct buf *b)
{
	return b->full ? ERR_FULL : ERR_OK;
}

void
buf_consume(struct buf *b, size_t n)
{
	must(n <= b->n);
	b->off += n;
	b->n -= n;
	if (b->n == 0)
		b->off = 0;
}

void
buf_truncate(struct buf *b, size_t n)
{
	must(n <= b->n);
	b->n = n;
	if (n == 0)
		b->off = 0;
}

const char *
buf_cstr(struct buf *b)
{
	if (b->full)
		return NULL;
	if (b->off + b->n + 1 > b->cap) {
		if (b->off > 0 && b->n > 0)
			memmove(b->mem, b->mem + b->off, b->n);
		b->off = 0;
		buf_grow(b, b->n);
	}
	b->mem[b->off + b->n] = '\0';
	return b->mem + b->off;
}

void
buf_wipe(struct buf *b)
{
	if (b->mem != NULL)
		secret_wipe(b->mem, b->cap);
	buf_reset(b);
}
