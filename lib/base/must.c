/* SPDX-License-Identifier: ISC */
#include "lib/base/must.h"

#include <stdint.h>
#include <stdlib.h>

#include "lib/base/log.h"

void
must_fail(const char *expr, const char *file, int line)
{
	log_event(LOG_bug, log_str("expr", expr), log_str("file", file),
	    log_num("line", line));
	abort();
}

void *
must_alloc(size_t count, size_t size)
{
	void *p;

	p = calloc(count > 0 ? count : 1, size > 0 ? size : 1);
	if (p == NULL)
		log_fatal("out of memory (%zu x %zu bytes)", count, size);
	return p;
}

void *
must_realloc(void *p, size_t count, size_t size)
{
	if (size > 0 && count > SIZE_MAX / size)
		log_fatal("out of memory (%zu x %zu bytes)", count, size);
	p = realloc(p, count * size > 0 ? count * size : 1);
	if (p == NULL)
		log_fatal("out of memory (%zu x %zu bytes)", count, size);
	return p;
}
