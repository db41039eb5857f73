/* SPDX-License-Identifier: ISC */
/* Envelopes, their sealing, bounces and the listing: text and bytes only. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/ipc/queue_proto.h"
#include "queue/queue_bounce.h"
#include "queue/queue_envelope.h"
#include "queue/queue_list.h"
#include "queue/queue_seal.h"

static void
fill(struct queue_envelope *e, unsigned rcpts)
{
	struct queue_rcpt r = { .class = QUEUE_LOCAL, .notify = QUEUE_NOTIFY_FAILURE };
	char address[64];
	unsigned i;

	queue_envelope_init(e);
	e->id = 0x1a2b3c4d5e6full << 8;
	e->session = 42;
	e->arrival_ms = 1795183331911ull;
	e->size = 4312;
	e->flags = QUEUE_SUBMISSION;
	e->form = QUEUE_FORM_FILE;
	memset(e->file_key, 'k', sizeof(e->file_key));
	assert_int_equal(queue_envelope_dup(e, &e->sender, SLICE_LIT("alice@example.net")), ERR_OK);
	assert_int_equal(queue_envelope_dup(e, &e->helo, SLICE_LIT("helo.example")), ERR_OK);
	for (i = 0; i < rcpts; i++) {
		snprintf(address, sizeof(address), "rcpt%u@bank.example", i);
		r.address = slice_str(address);
		r.original = i % 2 == 0 ? r.address : SLICE_LIT("list@example.net");
		assert_int_equal(queue_envelope_add(e, &r), ERR_OK);
	}
}

static void
test_round_trip(void **state)
{
	struct queue_envelope a, b;
	struct buf bytes;
	size_t n;

	(void)state;
	fill(&a, 5);
	buf_init(&bytes, 1u << 20);
	queue_envelope_put(&bytes, &a);
	assert_int_equal(buf_err(&bytes), ERR_OK);
	queue_envelope_init(&b);
	assert_int_equal(queue_envelope_get(buf_slice(&bytes), &b), ERR_OK);
	assert_int_equal(b.session, 42);
	assert_int_equal(b.arrival_ms, a.arrival_ms);
	assert_int_equal(b.size, 4312);
	assert_memory_equal(b.file_key, a.file_key, sizeof(a.file_key));
	assert_slice(b.sender, "alice@example.net");
	assert_slice(b.helo, "helo.example");
	assert_int_equal(b.rcpt_count, 5);
	assert_slice(b.rcpts[4].address, "rcpt4@bank.example");
	assert_slice(b.rcpts[3].original, "list@example.net");
	queue_envelope_fini(&b);
	for (n = 0; n < bytes.n; n++) {
		queue_envelope_init(&b);
		assert_int_equal(queue_envelope_get(slice_head(buf_slice(&bytes), n), &b),
		    ERR_CORRUPT);
		queue_envelope_fini(&b);
	}
	buf_put_char(&bytes, 0);
	queue_envelope_init(&b);
	assert_int_equal(queue_envelope_get(buf_slice(&bytes), &b), ERR_CORRUPT);
	queue_envelope_fini(&b);
	queue_envelope_fini(&a);
	buf_fini(&bytes);
}

/* The same as version 2 wrote it: without the kind, behind the flags. */
static void
test_kind(void **state)
{
	const size_t at = 1 + 3 * 8 + 1;
	struct queue_envelope a, b;
	struct buf bytes, old;

	(void)state;
	fill(&a, 2);
	a.kind = QUEUE_KIND_CMTP2;
	buf_init(&bytes, 10000);
	queue_envelope_put(&bytes, &a);
	queue_envelope_init(&b);
	assert_int_equal(queue_envelope_get(buf_slice(&bytes), &b), ERR_OK);
	assert_int_equal(b.kind, QUEUE_KIND_CMTP2);
	assert_slice(queue_envelope_kind(&b), "CMTP 2");
	queue_envelope_fini(&b);
	buf_data(&bytes)[at] = QUEUE_KINDS;
	queue_envelope_init(&b);
	assert_int_equal(queue_envelope_get(buf_slice(&bytes), &b), ERR_CORRUPT);
	queue_envelope_fini(&b);
	buf_init(&old, 10000);
	buf_put(&old, "\x02", 1);
	buf_put(&old, buf_data(&bytes) + 1, at - 1);
	buf_put(&old, buf_data(&bytes) + at + 1, bytes.n - at - 1);
	queue_envelope_init(&b);
	assert_int_equal(queue_envelope_get(buf_slice(&old), &b), ERR_OK);
	assert_int_equal(b.kind, QUEUE_KIND_MAIL);
	assert_slice(b.rcpts[1].original, "list@example.net");
	queue_envelope_fini(&b);
	buf_fini(&old);
	queue_envelope_fini(&a);
	buf_fini(&bytes);
}

/* Who is forwarded has the other sender. */
static void
test_forwarded(void **state)
{
	struct queue_envelope a, b;
	struct buf bytes;
	size_t n;

	(void)state;
	fill(&a, 3);
	assert_int_equal(queue_envelope_dup(&a, &a.forward_sender,
	    SLICE_LIT("SRS0=AAAAAA=7I=example.net=alice@ours.example")), ERR_OK);
	a.rcpts[1].is_forwarded = true;
	buf_init(&bytes, 1u << 20);
	queue_envelope_put(&bytes, &a);
	queue_envelope_init(&b);
	assert_int_equal(queue_envelope_get(buf_slice(&bytes), &b), ERR_OK);
	assert_slice(queue_envelope_sender(&b, &b.rcpts[0]), "alice@example.net");
	assert_slice(queue_envelope_sender(&b, &b.rcpts[1]),
	    "SRS0=AAAAAA=7I=example.net=alice@ours.example");
	assert_slice(queue_envelope_sender(&b, &b.rcpts[2]), "alice@example.net");
	queue_envelope_fini(&b);
	for (n = 0; n < bytes.n; n++) {
		queue_envelope_init(&b);
		assert_int_equal(queue_envelope_get(slice_head(buf_slice(&bytes), n), &b),
		    ERR_CORRUPT);
		queue_envelope_fini(&b);
	}
	/* Forwarded as nobody: not what we write. */
	a.forward_sender = SLICE_NONE;
	buf_reset(&bytes);
	queue_envelope_put(&bytes, &a);
	queue_envelope_init(&b);
	assert_int_equal(queue_envelope_get(buf_slice(&bytes), &b), ERR_CORRUPT);
	queue_envelope_fini(&b);
	queue_envelope_fini(&a);
	buf_fini(&bytes);
}

static void
test_rcpt_limit(void **state)
{
	const struct queue_rcpt r = { .address = SLICE_LIT("x@y"), .original = SLICE_LIT("x@y") };
	struct queue_envelope e;
	uint32_t i;

	(void)state;
	queue_envelope_init(&e);
	for (i = 0; i < QUEUE_RCPTS_MAX; i++)
		assert_int_equal(queue_envelope_add(&e, &r), ERR_OK);
	assert_int_equal(queue_envelope_add(&e, &r), ERR_LIMIT);
	assert_int_equal(e.rcpt_count, QUEUE_RCPTS_MAX);
	queue_envelope_fini(&e);
}

static void
test_progress(void **state)
{
	const struct queue_progress p = { .attempts = 3, .next_ms = 99, .lost = 1,
	    .was_warned = true };
	struct queue_progress got;
	struct queue_envelope a, b;
	struct buf bytes;
	uint32_t pending;
	size_t n, k;

	(void)state;
	fill(&a, 4);
	a.rcpts[1].status = QUEUE_RCPT_SENT;
	a.rcpts[2].status = QUEUE_RCPT_BOUNCED;
	a.rcpts[2].notified = true;
	queue_envelope_note(&a, &a.rcpts[0], SLICE_LIT("4.4.1"), SLICE_LIT("Connection\nrefused"));
	queue_envelope_note_host(&a, &a.rcpts[0], SLICE_LIT("mx.bank.example[192.0.2.1]:25"),
	    SLICE_LIT("450 4.2.0 greylisted"));
	a.rcpts[0].last_ms = 1795183400000ull;
	a.rcpts[1].dsn_taken = true;
	a.rcpts[0].is_broken = a.rcpts[3].told_broken = true;
	buf_init(&bytes, 1u << 20);
	queue_envelope_put_progress(&bytes, &a, &p);
	assert_int_equal(queue_envelope_peek_progress(buf_slice(&bytes), &got, &pending), ERR_OK);
	assert_int_equal(pending, 2);
	fill(&b, 4);
	assert_int_equal(queue_envelope_get_progress(buf_slice(&bytes), &b, &got), ERR_OK);
	assert_int_equal(got.attempts, 3);
	assert_int_equal(got.next_ms, 99);
	assert_int_equal(got.lost, 1);
	assert_int_equal(b.rcpts[1].status, QUEUE_RCPT_SENT);
	assert_true(b.rcpts[2].notified);
	assert_slice(queue_envelope_dsn(&b.rcpts[0]), "4.4.1");
	assert_slice(queue_envelope_reason(&b.rcpts[0]), "Connection?refused");
	assert_slice(queue_envelope_text(&b.rcpts[0].host), "mx.bank.example[192.0.2.1]:25");
	assert_slice(queue_envelope_text(&b.rcpts[0].reply), "450 4.2.0 greylisted");
	assert_int_equal(b.rcpts[0].last_ms, 1795183400000ull);
	assert_true(b.rcpts[1].dsn_taken);
	assert_false(b.rcpts[1].notified);
	assert_true(b.rcpts[0].is_broken && !b.rcpts[0].told_broken);
	assert_true(b.rcpts[3].told_broken && !b.rcpts[3].is_broken);
	assert_true(got.was_warned);
	queue_envelope_fini(&b);
	/* Cut anywhere, it changes nobody's state. */
	for (n = 0; n < bytes.n; n++) {
		fill(&b, 4);
		assert_int_equal(queue_envelope_get_progress(slice_head(buf_slice(&bytes), n), &b,
		    &got), ERR_CORRUPT);
		for (k = 0; k < 4; k++)
			assert_int_equal(b.rcpts[k].status, QUEUE_RCPT_PENDING);
		queue_envelope_fini(&b);
	}
	fill(&b, 3);
	assert_int_equal(queue_envelope_get_progress(buf_slice(&bytes), &b, &got), ERR_CORRUPT);
	queue_envelope_fini(&b);
	queue_envelope_fini(&a);
	buf_fini(&bytes);
}

/* Recipients that came later stand in the RESULT; version 2 knew none. */
static void
test_added_progress(void **state)
{
	const struct queue_progress p = { .attempts = 1 };
	const struct queue_rcpt more = { .address = SLICE_LIT("new@far.example"),
	    .original = SLICE_LIT("team@example.test"), .orcpt = SLICE_LIT("rfc822;x"),
	    .notify = 4, .class = QUEUE_REMOTE };
	struct queue_progress got;
	struct queue_envelope a, b;
	struct buf bytes;
	uint32_t pending;
	size_t n;

	(void)state;
	fill(&a, 2);
	a.rcpts[0].status = QUEUE_RCPT_MOVED;
	buf_init(&bytes, 1u << 20);
	queue_envelope_put_progress(&bytes, &a, &p);
	fill(&b, 2);
	buf_data(&bytes)[0] = 2;
	assert_int_equal(queue_envelope_get_progress(slice_head(buf_slice(&bytes), bytes.n - 4),
	    &b, &got), ERR_OK);
	assert_int_equal(b.rcpts[0].status, QUEUE_RCPT_MOVED);
	queue_envelope_fini(&b);
	assert_int_equal(queue_envelope_add(&a, &more), ERR_OK);
	a.added_count = 1;
	a.rcpts[2].status = QUEUE_RCPT_SENT;
	buf_reset(&bytes);
	queue_envelope_put_progress(&bytes, &a, &p);
	assert_int_equal(queue_envelope_peek_progress(buf_slice(&bytes), &got, &pending), ERR_OK);
	assert_int_equal(pending, 1);
	fill(&b, 2);
	assert_int_equal(queue_envelope_get_progress(buf_slice(&bytes), &b, &got), ERR_OK);
	assert_int_equal(b.rcpt_count, 3);
	assert_int_equal(b.added_count, 1);
	assert_slice(b.rcpts[2].address, "new@far.example");
	assert_slice(b.rcpts[2].original, "team@example.test");
	assert_int_equal(b.rcpts[2].status, QUEUE_RCPT_SENT);
	queue_envelope_fini(&b);
	for (n = 0; n < bytes.n; n++) {
		fill(&b, 2);
		assert_int_equal(queue_envelope_get_progress(slice_head(buf_slice(&bytes), n), &b,
		    &got), ERR_CORRUPT);
		assert_int_equal(b.rcpt_count, 2);
		assert_int_equal(b.added_count, 0);
		queue_envelope_fini(&b);
	}
	queue_envelope_fini(&a);
	buf_fini(&bytes);
}

/* A RESULT as version 1 of the format wrote it: it is on disks. */
static void
test_old_progress(void **state)
{
	static const char old[] =
	    "\x01" "\x03\0\0\0" "\x01\0\0\0" "\x63\0\0\0\0\0\0\0" "\x01\0\0\0"
	    "\x03\0\0\0"
	    "\0" "\0" "\x05\0" "4.4.1" "\x12\0" "Connection refused"
	    "\x01" "\0" "\x05\0" "2.0.0" "\0\0"
	    "\x02" "\x01" "\x05\0" "5.2.2" "\x0c\0" "Mailbox full";
	const struct slice bytes = slice_of(old, sizeof(old) - 1);
	struct queue_progress got;
	struct queue_envelope e;
	uint32_t pending;

	(void)state;
	assert_int_equal(queue_envelope_peek_progress(bytes, &got, &pending), ERR_OK);
	assert_int_equal(pending, 1);
	fill(&e, 3);
	assert_int_equal(queue_envelope_get_progress(bytes, &e, &got), ERR_OK);
	assert_int_equal(got.attempts, 3);
	assert_int_equal(got.lost, 1);
	assert_int_equal(got.next_ms, 99);
	assert_false(got.was_warned);
	assert_int_equal(e.rcpts[0].status, QUEUE_RCPT_PENDING);
	assert_slice(queue_envelope_reason(&e.rcpts[0]), "Connection refused");
	assert_int_equal(e.rcpts[1].status, QUEUE_RCPT_SENT);
	assert_false(e.rcpts[1].notified);
	assert_int_equal(e.rcpts[2].status, QUEUE_RCPT_BOUNCED);
	assert_true(e.rcpts[2].notified);
	assert_slice(queue_envelope_dsn(&e.rcpts[2]), "5.2.2");
	assert_int_equal(e.rcpts[2].host.n, 0);
	assert_int_equal(e.rcpts[2].last_ms, 0);
	queue_envelope_fini(&e);
}

/* An envelope as version 1 wrote it. */
static void
test_old_envelope(void **state)
{
	static const char old[] =
	    "\x01" "\x2a\0\0\0\0\0\0\0" "\x07\0\0\0\0\0\0\0" "\x09\0\0\0\0\0\0\0" "\x01" "\x01"
	    "\x03\0" "a@b" "\x09\0" "192.0.2.1" "\x04\0" "helo" "\0\0"
	    "\x05\0" "<1@b>" "\x01\0\0\0"
	    "\x06" "\x02" "\x03\0" "c@d" "\x03\0" "c@d" "\x0a\0" "rfc822;c@d";
	struct queue_envelope e;

	(void)state;
	queue_envelope_init(&e);
	assert_int_equal(queue_envelope_get(slice_of(old, sizeof(old) - 1), &e), ERR_OK);
	assert_int_equal(e.session, 42);
	assert_int_equal(e.arrival_ms, 7);
	assert_int_equal(e.size, 9);
	assert_slice(e.sender, "a@b");
	assert_slice(e.client, "192.0.2.1");
	assert_slice(e.message_id, "<1@b>");
	assert_int_equal(e.rcpt_count, 1);
	assert_int_equal(e.rcpts[0].notify, QUEUE_NOTIFY_SUCCESS | QUEUE_NOTIFY_FAILURE);
	assert_int_equal(e.rcpts[0].class, QUEUE_REMOTE);
	assert_slice(e.rcpts[0].address, "c@d");
	assert_slice(e.rcpts[0].orcpt, "rfc822;c@d");
	assert_slice(queue_envelope_sender(&e, &e.rcpts[0]), "a@b");
	queue_envelope_fini(&e);
}

/* ---- sealing ---- */

static void
test_seals(void **state)
{
	struct queue_keys keys = { 0 };
	unsigned char wrapped[QUEUE_WRAP_BYTES], out[64], got[CRY_KEY_BYTES];
	unsigned char key[CRY_KEY_BYTES] = "the key of one message..........";
	struct cry_aead *a;
	struct buf sealed, plain;

	(void)state;
	cry_init();
	a = cry_aead_new();
	assert_int_equal(queue_seal_add_key(&keys, 0, slice_of(key, 32)), ERR_VIOLATION);
	assert_int_equal(queue_seal_add_key(&keys, 1, slice_of(key, 31)), ERR_VIOLATION);
	assert_int_equal(queue_seal_add_key(&keys, 1, slice_of(key, 32)), ERR_OK);
	assert_int_equal(queue_seal_add_key(&keys, 2, slice_of(key, 32)), ERR_OK);
	queue_seal_wrap(a, wrapped, key, &keys.all[0], 7);
	assert_int_equal(queue_seal_unwrap(a, got, slice_of(wrapped, 60), &keys.all[0], 7), ERR_OK);
	assert_memory_equal(got, key, 32);
	/* another message, another key's number, damaged */
	assert_int_equal(queue_seal_unwrap(a, got, slice_of(wrapped, 60), &keys.all[0], 8),
	    ERR_CORRUPT);
	assert_int_equal(queue_seal_unwrap(a, got, slice_of(wrapped, 60), &keys.all[1], 7),
	    ERR_CORRUPT);
	assert_int_equal(queue_seal_unwrap(a, got, slice_of(wrapped, 59), &keys.all[0], 7),
	    ERR_CORRUPT);
	wrapped[20] ^= 1;
	assert_int_equal(queue_seal_unwrap(a, got, slice_of(wrapped, 60), &keys.all[0], 7),
	    ERR_CORRUPT);
	/* an envelope is no body */
	queue_seal_use(a, key);
	queue_seal_part(a, QUEUE_PART_ENVELOPE, 7, out, SLICE_LIT("envelope"));
	assert_int_equal(queue_seal_open_part(a, QUEUE_PART_BODY, 7, got, slice_of(out, 24)),
	    ERR_CORRUPT);
	assert_int_equal(queue_seal_open_part(a, QUEUE_PART_ENVELOPE, 8, got, slice_of(out, 24)),
	    ERR_CORRUPT);
	assert_int_equal(queue_seal_open_part(a, QUEUE_PART_ENVELOPE, 7, got, slice_of(out, 24)),
	    ERR_OK);
	assert_memory_equal(got, "envelope", 8);
	buf_init(&sealed, 1000);
	buf_init(&plain, 1000);
	queue_seal_progress(a, 7, &sealed, SLICE_LIT("progress"));
	assert_int_equal(queue_seal_open_progress(a, 8, &plain, buf_slice(&sealed)), ERR_CORRUPT);
	assert_int_equal(queue_seal_open_progress(a, 7, &plain, buf_slice(&sealed)), ERR_OK);
	assert_slice(buf_slice(&plain), "progress");
	assert_int_equal(queue_seal_open_progress(a, 7, &plain, slice_head(buf_slice(&sealed), 23)),
	    ERR_CORRUPT);
	buf_fini(&sealed);
	buf_fini(&plain);
	cry_aead_free(&a);
}

/* ---- bounces ---- */

#define NOBODY	99

static void
test_who_is_told(void **state)
{
	static const struct { uint8_t status, notify; enum queue_notice kind; } cases[] = {
		{ QUEUE_RCPT_PENDING, 0, QUEUE_NOTICE_DELAY },
		{ QUEUE_RCPT_PENDING, QUEUE_NOTIFY_DELAY, QUEUE_NOTICE_DELAY },
		{ QUEUE_RCPT_PENDING, QUEUE_NOTIFY_FAILURE | QUEUE_NOTIFY_SUCCESS, NOBODY },
		{ QUEUE_RCPT_PENDING, QUEUE_NOTIFY_NEVER, NOBODY },
		{ QUEUE_RCPT_BOUNCED, 0, QUEUE_NOTICE_FAILURE },
		{ QUEUE_RCPT_BOUNCED, QUEUE_NOTIFY_FAILURE, QUEUE_NOTICE_FAILURE },
		{ QUEUE_RCPT_BOUNCED, QUEUE_NOTIFY_NEVER, NOBODY },
		{ QUEUE_RCPT_BOUNCED, QUEUE_NOTIFY_SUCCESS | QUEUE_NOTIFY_DELAY, NOBODY },
		{ QUEUE_RCPT_EXPIRED, 0, QUEUE_NOTICE_FAILURE },
		{ QUEUE_RCPT_SENT, 0, NOBODY },
		{ QUEUE_RCPT_SENT, QUEUE_NOTIFY_FAILURE | QUEUE_NOTIFY_DELAY, NOBODY },
		{ QUEUE_RCPT_SENT, QUEUE_NOTIFY_SUCCESS, QUEUE_NOTICE_SUCCESS },
	};
	struct queue_envelope e;
	struct queue_rcpt *r;
	enum queue_notice kind;
	size_t i;

	(void)state;
	fill(&e, 1);
	r = &e.rcpts[0];
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		r->status = cases[i].status;
		r->notify = cases[i].notify;
		r->notified = r->dsn_taken = false;
		for (kind = QUEUE_NOTICE_FAILURE; kind <= QUEUE_NOTICE_SUCCESS; kind++)
			assert_int_equal(queue_bounce_is_wanted(&e, r, kind),
			    kind == cases[i].kind);
		if (cases[i].kind == NOBODY)
			continue;
		/* Chosen, and told or not. */
		kind = cases[i].kind;
		assert_int_equal(queue_bounce_choose(&e, kind), 1);
		queue_bounce_told(&e, kind, false);
		assert_true(queue_bounce_is_wanted(&e, r, kind));
		assert_int_equal(queue_bounce_choose(&e, kind), 1);
		queue_bounce_told(&e, kind, true);
		assert_int_equal(queue_bounce_is_wanted(&e, r, kind), kind == QUEUE_NOTICE_DELAY);
		r->notified = false;
		e.sender = SLICE_NONE;		/* nobody is told of a notification */
		assert_false(queue_bounce_is_wanted(&e, r, kind));
		e.sender = SLICE_LIT("alice@example.net");
	}
	/* A key that changed: told once, also in place of the delay. */
	r->status = QUEUE_RCPT_PENDING;
	r->notify = 0;
	assert_false(queue_bounce_is_wanted(&e, r, QUEUE_NOTICE_BROKEN));
	r->is_broken = true;
	r->notify = QUEUE_NOTIFY_NEVER;
	assert_false(queue_bounce_is_wanted(&e, r, QUEUE_NOTICE_BROKEN));
	r->notify = 0;
	assert_int_equal(queue_bounce_choose(&e, QUEUE_NOTICE_BROKEN), 1);
	queue_bounce_told(&e, QUEUE_NOTICE_BROKEN, false);
	assert_true(queue_bounce_is_wanted(&e, r, QUEUE_NOTICE_BROKEN));
	assert_int_equal(queue_bounce_choose(&e, QUEUE_NOTICE_BROKEN), 1);
	queue_bounce_told(&e, QUEUE_NOTICE_BROKEN, true);
	assert_false(queue_bounce_is_wanted(&e, r, QUEUE_NOTICE_BROKEN));
	assert_false(queue_bounce_is_wanted(&e, r, QUEUE_NOTICE_DELAY));
	r->status = QUEUE_RCPT_EXPIRED;
	assert_true(queue_bounce_is_wanted(&e, r, QUEUE_NOTICE_FAILURE));
	/* The next host does DSN: success is its to tell. */
	r->status = QUEUE_RCPT_SENT;
	r->notify = QUEUE_NOTIFY_SUCCESS;
	r->dsn_taken = true;
	assert_false(queue_bounce_is_wanted(&e, r, QUEUE_NOTICE_SUCCESS));
	queue_envelope_fini(&e);
}

static void
test_bounce_text(void **state)
{
	struct queue_envelope e;
	struct queue_bounce b = { .env = &e, .hostname = "mx.example.net",
	    .now_ms = 1795183331911ull, .id = 1, .random = 0xabc,
	    .header = SLICE_LIT("Subject: hello\r\nFrom: a\r\n") };
	struct buf out;
	const char *s;

	(void)state;
	fill(&e, 2);
	e.rcpts[0].status = QUEUE_RCPT_BOUNCED;
	queue_envelope_note(&e, &e.rcpts[0], SLICE_LIT("5.2.2"), SLICE_LIT("Mailbox full"));
	assert_int_equal(queue_bounce_choose(&e, b.kind), 1);
	buf_init(&out, QUEUE_BOUNCE_MAX);
	queue_bounce_put(&out, &b);
	assert_int_equal(buf_err(&out), ERR_OK);
	s = buf_cstr(&out);
	assert_non_null(strstr(s, "From: Mail Delivery System <MAILER-DAEMON@mx.example.net>\r\n"));
	assert_non_null(strstr(s, "Content-Type: multipart/report; report-type=delivery-status;"
	    "\r\n\tboundary=\"=_0000000000000abc\"\r\n"));
	assert_non_null(strstr(s, "\r\n--=_0000000000000abc\r\nContent-Type: "
	    "message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example.net\r\nArrival-Date: "));
	assert_non_null(strstr(s, "\r\n\r\n"
	    "Final-Recipient: rfc822; rcpt0@bank.example\r\nAction: failed\r\nStatus: 5.2.2\r\n"
	    "Diagnostic-Code: x-godwit; Mailbox full\r\n"));
	assert_non_null(strstr(s, "Content-Type: text/rfc822-headers\r\n\r\nSubject: hello\r\n"));
	assert_non_null(strstr(s, "\r\n--=_0000000000000abc--\r\n"));
	assert_null(strstr(s, "rcpt1@"));
	buf_fini(&out);
	queue_envelope_fini(&e);
}

static const char *
put_bounce(struct buf *out, struct queue_envelope *e, const struct queue_bounce *b)
{
	assert_true(queue_bounce_choose(e, b->kind) > 0);
	buf_init(out, QUEUE_BOUNCE_MAX);
	queue_bounce_put(out, b);
	assert_int_equal(buf_err(out), ERR_OK);
	return buf_cstr(out);
}

/* All that RFC 3464 and 3461 s6.3 know of a recipient. */
static void
test_bounce_fields(void **state)
{
	struct queue_envelope e;
	struct queue_bounce b = { .env = &e, .hostname = "mx.example.net",
	    .now_ms = 1795183331911ull, .expiry_ms = 1795615331911ull,
	    .header = SLICE_LIT("Subject: hello\r\n"),
	    .full = SLICE_LIT("Subject: hello\r\n\r\n\xc3\xa4\r\n") };
	struct buf out;
	const char *s;

	(void)state;
	fill(&e, 3);
	e.envid = SLICE_LIT("QQ314159");
	e.rcpts[0].status = QUEUE_RCPT_BOUNCED;
	e.rcpts[0].orcpt = SLICE_LIT("rfc822;first@bank.example");
	e.rcpts[0].last_ms = 1795183331911ull;
	queue_envelope_note(&e, &e.rcpts[0], SLICE_LIT("5.1.1"), SLICE_LIT("host said: no"));
	queue_envelope_note_host(&e, &e.rcpts[0], SLICE_LIT("mx.bank.example[192.0.2.1]:25"),
	    SLICE_LIT("550 5.1.1 no such user"));
	s = put_bounce(&out, &e, &b);
	assert_non_null(strstr(s, "\r\nOriginal-Envelope-Id: QQ314159\r\nArrival-Date: "));
	assert_non_null(strstr(s, "\r\nOriginal-Recipient: rfc822;first@bank.example\r\n"
	    "Final-Recipient: rfc822; rcpt0@bank.example\r\nAction: failed\r\nStatus: 5.1.1\r\n"
	    "Remote-MTA: dns; mx.bank.example\r\n"
	    "Diagnostic-Code: smtp; 550 5.1.1 no such user\r\n"
	    "Last-Attempt-Date: Fri, 20 Nov 2026 14:02:11 +0000\r\n"));
	assert_non_null(strstr(s, "Content-Type: message/rfc822\r\n"
	    "Content-Transfer-Encoding: 8bit\r\n\r\nSubject: hello\r\n\r\n\xc3\xa4\r\n"));
	assert_non_null(strstr(s, "\r\nContent-Transfer-Encoding: 8bit\r\n\r\nThis is a MIME"));
	buf_fini(&out);
	queue_bounce_told(&e, b.kind, true);

	b.kind = QUEUE_NOTICE_DELAY;
	b.full = SLICE_NONE;
	e.rcpts[1].notify = e.rcpts[2].notify = QUEUE_NOTIFY_DELAY;
	s = put_bounce(&out, &e, &b);
	assert_non_null(strstr(s, "Action: delayed\r\nStatus: 4.0.0\r\n"
	    "Will-Retry-Until: Wed, 25 Nov 2026 14:02:11 +0000\r\n"));
	assert_null(strstr(s, "rcpt0@"));
	buf_fini(&out);
	queue_bounce_told(&e, b.kind, true);

	b.kind = QUEUE_NOTICE_SUCCESS;
	e.rcpts[1].status = e.rcpts[2].status = QUEUE_RCPT_SENT;
	e.rcpts[1].notify = e.rcpts[2].notify = QUEUE_NOTIFY_SUCCESS;
	e.rcpts[1].class = QUEUE_LOCAL;
	e.rcpts[2].class = QUEUE_REMOTE;
	s = put_bounce(&out, &e, &b);
	assert_non_null(strstr(s, "rcpt1@bank.example\r\nAction: delivered\r\nStatus: 2.0.0\r\n"));
	assert_non_null(strstr(s, "rcpt2@bank.example\r\nAction: relayed\r\nStatus: 2.0.0\r\n"));
	buf_fini(&out);
	queue_envelope_fini(&e);
}

/* RFC 6533: addresses and headers that are not ASCII. */
static void
test_bounce_utf8(void **state)
{
	struct queue_envelope e;
	struct queue_bounce b = { .env = &e, .hostname = "mx.example.net",
	    .header = SLICE_LIT("Subject: gr\xc3\xbc\xc3\x9f\r\n") };
	struct buf out;
	const char *s;

	(void)state;
	fill(&e, 1);
	e.rcpts[0].status = QUEUE_RCPT_BOUNCED;
	s = put_bounce(&out, &e, &b);
	assert_true(queue_bounce_is_utf8(&b));
	assert_non_null(strstr(s, "Content-Type: message/delivery-status\r\n"));
	assert_non_null(strstr(s, "Content-Type: message/global-headers\r\n"));
	buf_fini(&out);
	e.rcpts[0].address = SLICE_LIT("j\xc3\xb6rg@bank.example");
	s = put_bounce(&out, &e, &b);
	assert_non_null(strstr(s, "Content-Type: message/global-delivery-status\r\n"));
	assert_non_null(strstr(s, "Final-Recipient: utf-8; j\xc3\xb6rg@bank.example\r\n"));
	buf_fini(&out);
	b.header = SLICE_NONE;
	e.rcpts[0].in_notice = false;	/* another recipient's address is of no matter */
	assert_false(queue_bounce_is_utf8(&b));
	queue_envelope_fini(&e);
}

static void
test_returned_whole(void **state)
{
	static const struct { uint8_t flags; uint64_t size; enum queue_notice kind; bool full; }
	cases[] = {
		{ QUEUE_RET_FULL, 1000, QUEUE_NOTICE_FAILURE, true },
		{ QUEUE_RET_FULL, QUEUE_BOUNCE_FULL_MAX, QUEUE_NOTICE_FAILURE, true },
		{ QUEUE_RET_FULL, QUEUE_BOUNCE_FULL_MAX + 1, QUEUE_NOTICE_FAILURE, false },
		{ QUEUE_RET_FULL | QUEUE_BINARYMIME, 1000, QUEUE_NOTICE_FAILURE, false },
		{ QUEUE_RET_FULL, 1000, QUEUE_NOTICE_DELAY, false },
		{ QUEUE_RET_HDRS, 1000, QUEUE_NOTICE_FAILURE, false },
		{ 0, 1000, QUEUE_NOTICE_FAILURE, false },
	};
	struct queue_envelope e = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		e.flags = cases[i].flags;
		e.size = cases[i].size;
		assert_int_equal(queue_bounce_wants_full(&e, cases[i].kind), cases[i].full);
	}
	e.flags = QUEUE_RET_FULL;
	e.kind = QUEUE_KIND_CMTP1;
	assert_false(queue_bounce_wants_full(&e, QUEUE_NOTICE_FAILURE));
}

/* The largest notification that can be: within one memfd. */
static void
test_bounce_limit(void **state)
{
	struct queue_envelope e;
	static char body[QUEUE_BOUNCE_FULL_MAX], reason[QUEUE_REASON_MAX];
	static char host[QUEUE_HOST_MAX], reply[QUEUE_REPLY_MAX];
	static char address[321];
	struct queue_rcpt r = { .class = QUEUE_LOCAL, .address = slice_of(address, 320),
	    .original = slice_of(address, 319), .orcpt = slice_of(address, 318) };
	struct queue_bounce b = { .env = &e, .hostname = "mx.example.net",
	    .full = slice_of(body, sizeof(body)) };
	struct buf out;
	unsigned i;

	(void)state;
	memset(address, 'a', sizeof(address));
	memset(body, 'h', sizeof(body));
	memset(host, 'o', sizeof(host));
	memset(reply, 'p', sizeof(reply));
	memset(reason, 'r', sizeof(reason));
	fill(&e, 0);
	for (i = 0; i < QUEUE_BOUNCE_RCPTS_MAX + 1; i++) {
		assert_int_equal(queue_envelope_add(&e, &r), ERR_OK);
		e.rcpts[i].status = QUEUE_RCPT_BOUNCED;
		queue_envelope_note(&e, &e.rcpts[i], SLICE_LIT("5.0.0"),
		    slice_of(reason, sizeof(reason)));
		queue_envelope_note_host(&e, &e.rcpts[i], slice_of(host, sizeof(host)),
		    slice_of(reply, sizeof(reply)));
	}
	assert_int_equal(queue_bounce_choose(&e, b.kind), QUEUE_BOUNCE_RCPTS_MAX);
	buf_init(&out, QUEUE_MEMFD_MAX);
	queue_bounce_put(&out, &b);
	assert_int_equal(buf_err(&out), ERR_OK);
	/* The one too many is for the next notification. */
	queue_bounce_told(&e, b.kind, true);
	assert_true(queue_bounce_is_wanted(&e, &e.rcpts[QUEUE_BOUNCE_RCPTS_MAX], b.kind));
	assert_int_equal(queue_bounce_choose(&e, b.kind), 1);
	buf_fini(&out);
	queue_envelope_fini(&e);
}

static void
test_bounce_header(void **state)
{
	static const struct { const char *start, *header; size_t max; } cases[] = {
		{ "A: b\r\nC: d\r\n\r\nbody\r\n", "A: b\r\nC: d\r\n", 1000 },
		{ "A: b\r\nC: d\r\n\r\nbody\r\n", "A: b\r\n", 11 },
		{ "A: b\r\nC: d", "A: b\r\n", 1000 },
		{ "\r\nbody", "", 1000 },
		{ "", "", 1000 },
		{ "no line end", "", 1000 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_slice(queue_bounce_header(slice_str(cases[i].start), cases[i].max),
		    cases[i].header);
}

/* ---- the listing ---- */

static void
test_list_text(void **state)
{
	struct queue_envelope e;
	struct queue_list_row row = { .env = &e, .size = 4312, .is_active = true };
	struct buf out;

	(void)state;
	fill(&e, 3);
	row.id = 1795183331911ull << 22 | 5;
	queue_envelope_note(&e, &e.rcpts[0], SLICE_NONE, SLICE_LIT("connect to mx: refused"));
	queue_envelope_note(&e, &e.rcpts[2], SLICE_NONE, SLICE_LIT("connect to mx: refused"));
	e.rcpts[1].status = QUEUE_RCPT_SENT;
	buf_init(&out, 10000);
	queue_list_put_text(&out, &row, 1000);
	assert_string_equal(buf_cstr(&out) + 13,
	    "*     4312 Fri Nov 20 14:02:11  alice@example.net\n"
	    "    (connect to mx: refused)\n"
	    "                                             rcpt0@bank.example\n"
	    "                                             rcpt2@bank.example\n");
	buf_reset(&out);
	e.kind = QUEUE_KIND_CMTP1;
	queue_list_put_text(&out, &row, 1000);
	assert_non_null(strstr(buf_cstr(&out), "  alice@example.net  (CMTP 1)\n"));
	buf_reset(&out);
	queue_list_put_json(&out, &row, 1000);
	assert_non_null(strstr(buf_cstr(&out), ", \"kind\": \"CMTP 1\", \"recipients\": ["));
	buf_reset(&out);
	e.kind = QUEUE_KIND_MAIL;
	row.is_active = false;
	queue_list_put_text(&out, &row, 10);
	assert_non_null(strstr(buf_cstr(&out), "(2 more recipients)\n"));
	buf_reset(&out);
	e.sender = SLICE_LIT("we\"ird\\\x01@x");
	queue_list_put_json(&out, &row, 1000);
	assert_non_null(strstr(buf_cstr(&out), "\"sender\": \"we\\\"ird\\\\\\u0001@x\", "
	    "\"recipients\": [{\"address\": \"rcpt0@bank.example\", \"delay_reason\": "
	    "\"connect to mx: refused\"}, {\"address\": \"rcpt2@bank.example\", "));
	buf_fini(&out);
	queue_envelope_fini(&e);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_kind),
		cmocka_unit_test(test_forwarded),
		cmocka_unit_test(test_rcpt_limit),
		cmocka_unit_test(test_progress),
		cmocka_unit_test(test_added_progress),
		cmocka_unit_test(test_old_progress),
		cmocka_unit_test(test_old_envelope),
		cmocka_unit_test(test_seals),
		cmocka_unit_test(test_who_is_told),
		cmocka_unit_test(test_bounce_text),
		cmocka_unit_test(test_bounce_fields),
		cmocka_unit_test(test_bounce_utf8),
		cmocka_unit_test(test_returned_whole),
		cmocka_unit_test(test_bounce_limit),
		cmocka_unit_test(test_bounce_header),
		cmocka_unit_test(test_list_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
