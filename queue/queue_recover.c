/* SPDX-License-Identifier: ISC */
/*
 * Segments are read in the order of their numbers, records in the order they
 * were written.  So a later copy of a message (of a compaction that a crash
 * cut short) replaces the earlier, the last RESULT counts, and a DONE comes
 * behind every copy of its message.
 */
#include "queue/queue_recover.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/base/log.h"
#include "lib/daemon/daemon.h"
#include "queue/queue_forget.h"
#include "queue/queue_scan.h"

struct recovery {
	struct queue		*q;
	struct queue_seg	*seg;
	uint64_t		 records;
	uint64_t		 bytes;
	uint64_t		 corrupt;
};

static struct queue_spot
spot_of(const struct recovery *rec, const struct queue_entry *e)
{
	return (struct queue_spot){ .number = rec->seg->number, .off = e->off,
	    .meta_bytes = e->record.meta_bytes, .body_bytes = e->record.body_bytes };
}

static void
take_message(struct recovery *rec, const struct queue_entry *e)
{
	struct queue *q = rec->q;
	struct queue_spot spot = spot_of(rec, e);
	struct queue_item *it = queue_table_find(&q->table, e->record.id);

	if (it == NULL) {
		it = queue_table_add(&q->table, e->record.id);
		it->state = QUEUE_S5_STORED;
		it->is_recovered = true;
	}
	it->size = e->record.aux;
	it->key_id = e->record.key_id;
	/* A copy that a compaction made comes behind the RESULT. */
	it->flags = (uint8_t)((e->record.flags & ~QUEUE_RESULT_FLAGS) |
	    (it->flags & QUEUE_RESULT_FLAGS));
	queue_table_put_message(&q->table, it, &spot);
}

static void
take_result(struct recovery *rec, const struct queue_entry *e)
{
	struct queue *q = rec->q;
	struct queue_spot spot = spot_of(rec, e);
	struct queue_item *it = queue_table_find(&q->table, e->record.id);

	if (it == NULL) {
		queue_table_put_dead(&q->table, &spot);
		return;
	}
	it->state = QUEUE_S6_TRIED;
	it->attempts = e->record.attempts;
	it->next_ms = e->record.next_ms;
	it->flags = (uint8_t)((it->flags & ~QUEUE_RESULT_FLAGS) |
	    (e->record.flags & QUEUE_RESULT_FLAGS));
	it->is_doomed = it->flags & QUEUE_DOOMED;
	if (it->is_doomed)
		it->next_ms = 0;
	queue_table_put_result(&q->table, it, &spot);
}

static void
take_done(struct recovery *rec, const struct queue_entry *e)
{
	struct queue *q = rec->q;
	struct queue_spot spot = spot_of(rec, e);
	struct queue_item *it = queue_table_find(&q->table, e->record.id);

	queue_table_put_done(&q->table, &spot, e->record.aux);
	if (it != NULL)
		queue_table_drop(&q->table, &it);
	/* The crash may have come before the store was told. */
	queue_forget_add(q, e->record.id, true);
}

static void
on_record(void *arg, const struct queue_entry *e)
{
	struct recovery *rec = arg;

	rec->records++;
	switch (e->record.type) {
	case QUEUE_MESSAGE:
		take_message(rec, e);
		break;
	case QUEUE_RESULT:
		take_result(rec, e);
		break;
	case QUEUE_DONE:
		take_done(rec, e);
		break;
	default:		/* a byte of the file; a scan passes known ones only */
		break;
	}
}

static void
on_corrupt(void *arg, uint64_t off, uint64_t bytes)
{
	struct recovery *rec = arg;
	char where[64];

	(void)snprintf(where, sizeof(where), "segment-%016llx+%llu",
	    (unsigned long long)rec->seg->number, (unsigned long long)off);
	log_event(LOG_corrupt, log_str("what", "spool"), log_str("where", where),
	    log_str("reason", "checksum; set aside"));
	rec->corrupt += bytes;
}

/*
 * A file that was made just before a crash is empty.  Anything else without a
 * head is kept under another name for the operator.
 */
static void
drop_headless(struct queue *q, uint64_t number)
{
	char name[QUEUE_SEGMENT_NAME];
	bool kept = false;

	queue_segment_name(name, number);
	if (queue_segment_discard(q->dir, number, &kept) != ERR_OK)
		log_fatal("spool: cannot set %s aside", name);
	if (kept)
		log_event(LOG_corrupt, log_str("what", "segment"), log_str("where", name),
		    log_str("reason", "no segment header; set aside"));
}

static void
read_segment(struct recovery *rec, uint64_t number)
{
	struct queue *q = rec->q;
	struct queue_scan scan = { .record = on_record, .corrupt = on_corrupt, .arg = rec };
	struct queue_segment_reader s;
	enum err e;

	e = queue_segment_open(&s, q->dir, number, true);
	if (e == ERR_VERSION)
		log_fatal("spool: segment %016llx was written by a later version",
		    (unsigned long long)number);
	if (e == ERR_CORRUPT) {
		drop_headless(q, number);
		if (number > q->table.last_number)
			q->table.last_number = number;
		return;
	}
	if (e != ERR_OK)
		log_fatal("spool: cannot read segment %016llx: %s",
		    (unsigned long long)number, err_text(e));
	rec->seg = queue_table_add_seg(&q->table, number, s.head.created_ms,
	    s.head.flags & QUEUE_SEGMENT_SINGLE);
	queue_table_floor(&q->table, s.head.created_ms);
	if ((e = queue_scan_segment(&s, q->dir, &scan)) != ERR_OK)
		log_fatal("spool: cannot read segment %016llx: %s",
		    (unsigned long long)number, err_text(e));
	if (s.bytes > rec->seg->bytes)
		rec->seg->bytes = s.bytes;
	rec->bytes += s.bytes;
	if (scan.cut_bytes > 0)
		log_event(LOG_recover, log_str("what", "torn end"),
		    log_num("bytes", scan.cut_bytes));
	queue_segment_close(&s);
}

/*
 * When each is tried next: by its RESULT, else at once.  What has remote
 * recipients only is loaded soon, to be sorted into the lines of its sites.
 */
static void
schedule_all(struct queue *q)
{
	struct queue_item *it;
	struct list *l;

	for (l = q->table.order.next; l != &q->table.order; l = l->next) {
		it = obj_of(l, struct queue_item, order);
		if (queue_table_all_remote(it))
			it->next_ms = 0;
		queue_sched_put(&q->sched, it, it->next_ms);
		/* What was deferred for a helper that is back by now is due at once. */
		if (!queue_table_all_remote(it))
			queue_sched_wait(&q->sched, it);
	}
}

void
queue_recover_run(struct queue *q)
{
	struct recovery rec = { .q = q };
	uint64_t *numbers;
	size_t i, count;
	enum err e;

	if ((e = queue_segment_list(q->dir, &numbers, &count)) != ERR_OK)
		log_fatal("spool: cannot list the directory: %s", err_text(e));
	for (i = 0; i < count; i++)
		read_segment(&rec, numbers[i]);
	free(numbers);
	schedule_all(q);
	daemon_crash_at("queue.recover");
	log_event(LOG_recover, log_str("what", "spool"), log_num("count", q->table.count),
	    log_num("bytes", rec.bytes));
}
