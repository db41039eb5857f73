/* SPDX-License-Identifier: ISC */
#include "queue/queue_alarm.h"

#include "lib/base/clock.h"
#include "queue/queue_shape.h"

#define DAY_MS	86400000u

struct alarm {
	struct slice	 name;
	uint64_t	 since_ms;
	uint64_t	 waiting;
};

/* Sorted by what waits; the last falls off. */
static void
insert(struct alarm all[QUEUE_ALARM_SITES], unsigned *n, const struct alarm *a)
{
	unsigned at = *n;

	while (at > 0 && all[at - 1].waiting < a->waiting) {
		if (at < QUEUE_ALARM_SITES)
			all[at] = all[at - 1];
		at--;
	}
	if (at == QUEUE_ALARM_SITES)
		return;
	all[at] = *a;
	if (*n < QUEUE_ALARM_SITES)
		++*n;
}

/* "09:14", or with the day when that was not in the last 24 hours. */
static void
put_since(struct buf *b, uint64_t since_ms, uint64_t now_ms)
{
	struct clock_date d;

	clock_to_date((int64_t)(since_ms / 1000), &d);
	if (now_ms - since_ms >= DAY_MS)
		buf_printf(b, "%04d-%02d-%02d ", d.year, d.month, d.day);
	buf_printf(b, "%02d:%02d", d.hour, d.minute);
}

static void
put_line(struct buf *b, const struct alarm *a, uint64_t now_ms)
{
	buf_printf(b, "%.*s refuses since ", SLICE_FMT(a->name));
	put_since(b, a->since_ms < now_ms ? a->since_ms : now_ms, now_ms);
	buf_printf(b, ", %llu message%s (gwqueue -s %.*s)\n", (unsigned long long)a->waiting,
	    a->waiting == 1 ? " waits" : "s wait", SLICE_FMT(a->name));
}

uint32_t
queue_alarm_put(struct queue_sites *s, uint64_t now_ms, struct buf *lines)
{
	struct alarm all[QUEUE_ALARM_SITES];
	struct queue_site_counts c;
	uint32_t dead = 0, alarms = 0;
	struct queue_site *site;
	struct queue_walk w;
	struct alarm a;
	unsigned n = 0;

	queue_walk_start(s, &w);
	while ((site = queue_walk_step(s, &w)) != NULL) {
		if (!queue_site_is_dead(site))
			continue;
		dead++;
		queue_site_count(s, site, &c);
		a = (struct alarm){ .name = queue_site_name(site), .since_ms = c.dead_since_ms,
		    .waiting = (uint64_t)c.ready + c.deferred + c.busy };
		alarms += a.waiting > 0;
		if (a.waiting > 0)
			insert(all, &n, &a);
	}
	queue_walk_stop(&w);
	for (unsigned i = 0; i < n; i++)
		put_line(lines, &all[i], now_ms);
	if (alarms > n)
		buf_printf(lines, "%u more destinations refuse (gwshape deferred)\n",
		    (unsigned)(alarms - n));
	return dead;
}
