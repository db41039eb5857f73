/* SPDX-License-Identifier: ISC */
#include "queue/queue_local.h"

#include <stdio.h>

#include "lib/base/clock.h"
#include "lib/ipc/queue_proto.h"
#include "queue/queue_job.h"
#include "queue/queue_log.h"
#include "queue/queue_msg.h"
#include "queue/queue_run.h"

static void
expire_local(struct queue_msg *m)
{
	uint32_t i;

	for (i = 0; i < m->env.rcpt_count; i++)
		if (m->env.rcpts[i].class == QUEUE_LOCAL)
			queue_msg_expire(m, &m->env.rcpts[i]);
}

void
queue_local_start(struct queue_msg *m)
{
	m->wants_local = m->fd < 0;
	if (m->wants_local)
		queue_run_fetch(m);
	else if (queue_job_start(m) != ERR_OK && m->q->deliver_count == 0)
		m->is_away = true;	/* what is not in a job stays pending */
}

void
queue_local_try(struct queue_msg *m)
{
	m->was_tried = false;
	m->lost_jobs = 0;
	m->is_away = false;
	m->retry_ms = 0;
	if (loop_real_ms(m->q->loop) >= queue_msg_expiry(m) || m->item->is_doomed)
		expire_local(m);
	else {
		m->is_round = true;
		queue_local_start(m);
	}
}

/* 10:07:11Z */
static struct slice
time_of_day(char dst[16], uint64_t real_ms)
{
	struct clock_date d;

	clock_to_date((int64_t)(real_ms / 1000), &d);
	(void)snprintf(dst, 16, "%02d:%02d:%02dZ", d.hour % 24, d.minute % 60, d.second % 61);
	return slice_str(dst);
}

static void
log_waiting(struct queue_msg *m)
{
	char next[16];
	const char *lost = m->lost_jobs > 0 ? "the delivery process was lost" :
	    "no delivery process";
	struct queue_rcpt *r;
	uint32_t i;

	for (i = 0; i < m->env.rcpt_count; i++) {
		r = &m->env.rcpts[i];
		if (r->status != QUEUE_RCPT_PENDING || r->class != QUEUE_LOCAL)
			continue;
		if (r->reason.n == 0)
			queue_envelope_note(&m->env, r, SLICE_LIT("4.3.0"), slice_str(lost));
		queue_log_rcpt(&m->env, r, &(const struct queue_tale){ .event = LOG_deferred,
		    .relay = SLICE_LIT("local"), .dsn = queue_envelope_dsn(r),
		    .reason = queue_envelope_reason(r),
		    .next = time_of_day(next, m->retry_ms) });
	}
}

/*
 * Store and deliver come and go as each process sees it, so there is no
 * moment at which both are known to be back: it is tried again soon.
 */
static uint64_t
next_local(struct queue_msg *m, uint64_t now)
{
	struct queue_item *it = m->item;
	uint64_t expiry = queue_msg_expiry(m), soon = 0;

	it->lost += m->lost_jobs > 0;
	it->away = m->is_away ? it->away + 1 : 0;
	if (it->lost < QUEUE_SCHED_LOST_MAX)
		soon = queue_sched_away(now, it->away);
	if (soon != 0)
		return soon < expiry ? soon : expiry;
	it->attempts += m->was_tried || it->attempts == 0;
	return queue_sched_next(&m->q->sched, now, it->attempts, expiry);
}

void
queue_local_end(struct queue_msg *m)
{
	if (!m->is_round)
		return;
	m->is_round = false;
	m->retry_ms = 0;
	if (queue_msg_pending(m, QUEUE_LOCAL) == 0)
		return;
	m->retry_ms = next_local(m, loop_real_ms(m->q->loop));
	m->has_changed = true;
	log_waiting(m);
}
