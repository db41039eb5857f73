/* SPDX-License-Identifier: ISC */
#include "queue/queue_ages.h"

#include <stdio.h>

#define NAME_WIDTH	40
#define MINUTE_MS	60000u

bool
queue_ages_ok(const struct queue_ages *a)
{
	return a->count >= 2 && a->count <= QUEUE_AGES_MAX && a->minutes >= 1 &&
	    a->minutes <= QUEUE_AGES_MINUTES;
}

/* Under how many minutes the column is; the last has no such bound. */
static uint64_t
bound(const struct queue_ages *a, unsigned i)
{
	return a->is_linear ? (uint64_t)a->minutes * (i + 1) : (uint64_t)a->minutes << i;
}

unsigned
queue_ages_of(const struct queue_ages *a, uint64_t age_ms)
{
	unsigned i = 0;

	while (i < a->count - 1 && age_ms >= bound(a, i) * MINUTE_MS)
		i++;
	return i;
}

void
queue_ages_put_head(struct buf *b, const struct queue_ages *a)
{
	char last[24];
	unsigned i;

	buf_printf(b, "%*s %7s", NAME_WIDTH, "", "T");
	for (i = 0; i + 1 < a->count; i++)
		buf_printf(b, " %5llu", (unsigned long long)bound(a, i));
	(void)snprintf(last, sizeof(last), "%llu+", (unsigned long long)bound(a, i - 1));
	buf_printf(b, " %5s\n", last);
}

void
queue_ages_put_row(struct buf *b, const struct queue_ages *a, struct slice name,
    const uint64_t *columns)
{
	uint64_t total = 0;
	unsigned i;

	for (i = 0; i < a->count; i++)
		total += columns[i];
	buf_printf(b, "%*.*s %7llu", NAME_WIDTH, SLICE_FMT(slice_head(name, NAME_WIDTH)),
	    (unsigned long long)total);
	for (i = 0; i < a->count; i++)
		buf_printf(b, " %5llu", (unsigned long long)columns[i]);
	buf_put_char(b, '\n');
}
