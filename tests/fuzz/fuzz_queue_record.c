/* SPDX-License-Identifier: ISC */
/*
 * Bytes of the spool: segment heads, records, index, envelopes and the state
 * of recipients.  The first byte says which parser; the bytes need no valid
 * sums or seals, which a parser must not rely on.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "queue/queue_envelope.h"
#include "queue/queue_record.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static const unsigned char salt[QUEUE_SALT_BYTES];

/* With good sums, so that what lies behind them is reached. */
static void
record(struct slice s)
{
	unsigned char head[QUEUE_HEAD_BYTES];
	struct queue_record r = { 0 }, again;
	struct queue_segment_head h;
	uint64_t off;

	(void)!queue_record_get_segment(s, &h);
	(void)!queue_record_get_tail(s, &off, salt);
	(void)!queue_record_get(s, &r, salt);
	(void)queue_record_resync(s);
	if (s.n < sizeof(r))
		return;
	memcpy(&r, s.p, sizeof(r));
	queue_record_put(head, &r, salt);
	if (queue_record_get(slice_of(head, sizeof(head)), &again, salt) == ERR_OK &&
	    queue_record_bytes(&again) < QUEUE_HEAD_BYTES)
		abort();
}

static void
entries(struct slice s)
{
	struct queue_entry e;

	while (queue_record_get_entry(&s, &e) == ERR_OK)
		continue;
}

static void
envelope(struct slice s)
{
	struct queue_envelope e, again;
	struct queue_progress p;
	struct buf b;

	queue_envelope_init(&e);
	if (queue_envelope_get(s, &e) == ERR_OK) {
		buf_init(&b, QUEUE_ENVELOPE_MAX);
		queue_envelope_put(&b, &e);
		queue_envelope_init(&again);
		if (queue_envelope_get(buf_slice(&b), &again) != ERR_OK ||
		    again.rcpt_count != e.rcpt_count)
			abort();
		queue_envelope_fini(&again);
		buf_fini(&b);
		(void)!queue_envelope_get_progress(s, &e, &p);
	}
	queue_envelope_fini(&e);
}

static void
progress(struct slice s)
{
	const struct queue_rcpt r = { .address = SLICE_LIT("a@b"), .original = SLICE_LIT("a@b") };
	struct queue_envelope e;
	struct queue_progress p;
	uint32_t pending;

	queue_envelope_init(&e);
	if (queue_envelope_add(&e, &r) != ERR_OK || queue_envelope_add(&e, &r) != ERR_OK)
		abort();
	(void)!queue_envelope_peek_progress(s, &p, &pending);
	(void)!queue_envelope_get_progress(s, &e, &p);
	queue_envelope_fini(&e);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct slice s;

	if (n == 0)
		return 0;
	s = slice_of(data + 1, n - 1);
	switch (data[0] % 4) {
	case 0:
		record(s);
		break;
	case 1:
		entries(s);
		break;
	case 2:
		envelope(s);
		break;
	case 3:
		progress(s);
		break;
	}
	return 0;
}
