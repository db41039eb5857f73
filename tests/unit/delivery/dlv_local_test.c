/* SPDX-License-Identifier: ISC */
/*
 * Local delivery between a queue and a store that the test plays over socket
 * pairs.  The fake store has the owners' secret keys: it opens what it gets.
 */
#include "tests/unit/test.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "delivery/dlv_local.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/ipc/key_proto.h"
#include "lib/ipc/queue_proto.h"
#include "lib/ipc/store_proto.h"
#include "lib/mail/rcpt_hash.h"
#include "lib/mail/summary.h"
#include "lib/seal/chunkfile.h"
#include "lib/seal/seal_arrival.h"
#include "lib/seal/sealer.h"
#include "tests/unit/seal/travelling.h"

#define OWNERS		8
#define RESULTS_MAX	1000

struct owner {
	unsigned char	public_key[32], secret_key[32];
	unsigned char	epoch_key[32];
	uint64_t	epoch;
	uint64_t	next_content;
	unsigned	epochs, appends, with_data;
};

enum form { FORM_INLINE, FORM_MEMFD, FORM_FILE };

struct world {
	struct loop		*loop;
	struct dlv_local	*dlv;
	struct ipc_peer		*queue, *store;		/* the test's ends */
	struct ipc_peer		*dqueue, *dstore;	/* deliver's ends */
	struct timer		 limit;
	struct owner		 owners[OWNERS];
	/* the store's behaviour */
	bool			 silent, duplicate, cut_on_append;
	enum err		 epoch_error, append_error;
	unsigned		 again;		/* appends to answer with AGAIN */
	uint32_t		 epoch_count;
	uint8_t			 kind;		/* of the jobs */
	uint8_t			 sealing;	/* of their recipients */
	char			 mailbox[64];	/* of the last append */
	/* what came */
	unsigned		 appends, files, answers, want, gone, drained;
	enum form		 form;
	struct buf		 plain, summary;
	uint64_t		 internal_s, rcpt;
	size_t			 refs_bytes, id_bytes;
	enum err		 last_call;
	unsigned		 result_count;
	struct {
		uint32_t	idx;
		enum err	error;
		bool		duplicate;
		char		dsn[10];
	} results[RESULTS_MAX];
};

static void
check_stop(struct world *w)
{
	if (w->answers >= w->want)
		loop_stop(w->loop);
}

/* ---- the store */

static void
on_epoch(struct ipc_peer *p, const void *msg, struct ipc_in *in)
{
	struct world *w = ipc_peer_arg(p);
	const struct ipc_store_epoch *m = msg;
	struct ipc_store_epoch_ok ok = { .count = w->epoch_count };
	struct ipc_store_fail fail = { .error = w->epoch_error };
	struct owner *o = &w->owners[m->account % OWNERS];

	if (w->silent)
		return;
	if (w->epoch_error != ERR_OK) {
		ipc_reply(p, in->id, IPC_MSG_store_fail, &fail);
		return;
	}
	ok.epoch = o->epoch = m->account * 1000 + ++o->epochs;
	ok.first_content = o->next_content + 1;
	o->next_content += w->epoch_count;
	ipc_reply(p, in->id, IPC_MSG_store_epoch_ok, &ok);
}

static void
on_file(struct ipc_peer *p, const void *msg, struct ipc_in *in)
{
	struct world *w = ipc_peer_arg(p);
	struct ipc_store_file_ok ok = { 0 };
	int fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	(void)msg;
	assert_true(fd >= 0);
	w->files++;
	ipc_reply_fds(p, in->id, IPC_MSG_store_file_ok, &ok, &fd, 1);
	(void)close(fd);
}

static struct slice
body_of(struct world *w, const struct ipc_store_append *m, struct ipc_in *in,
    struct buf *mem)
{
	struct stat st;
	char *p;

	if (in->fd_count == 0) {
		w->form = FORM_INLINE;
		assert_true(m->body.n > 0);
		return m->body;
	}
	assert_int_equal(m->body.n, 0);
	assert_int_equal(fstat(in->fds[0], &st), 0);
	w->form = fcntl(in->fds[0], F_GET_SEALS) == (F_SEAL_SHRINK | F_SEAL_GROW |
	    F_SEAL_WRITE | F_SEAL_SEAL) ? FORM_MEMFD : FORM_FILE;
	p = buf_reserve(mem, (size_t)st.st_size);
	assert_non_null(p);
	assert_int_equal(pread(in->fds[0], p, (size_t)st.st_size, 0), st.st_size);
	buf_commit(mem, (size_t)st.st_size);
	return buf_slice(mem);
}

/* Of what came sealed: the trace. */
static void
open_arrival(struct world *w, struct owner *o, const struct ipc_store_append *m,
    struct seal_reader *reader)
{
	struct seal_arrival a;
	unsigned char key[32];

	assert_int_equal(m->wrapped.n, EPOCH_DIRECT_BYTES);
	assert_int_equal(seal_arrival_parse(&a, m->summary), ERR_OK);
	assert_int_equal(epoch_unseal(key, a.sealed_key, o->public_key, o->secret_key), ERR_OK);
	assert_int_equal(seal_arrival_open(&w->summary, reader, key, m->summary), ERR_OK);
}

/* Opens everything as the owner would. */
static void
open_append(struct world *w, struct owner *o, const struct ipc_store_append *m,
    struct slice body)
{
	const unsigned char *commitment = (const unsigned char *)m->commitment.p;
	struct epoch_slot slot = { m->account, m->content, m->generation, commitment };
	struct cry_aead *aead = cry_aead_new();
	struct seal_reader *reader = seal_reader_new();
	unsigned char key[32];
	uint8_t version;

	if (m->epoch_data.n > 0) {
		o->with_data++;
		assert_int_equal(epoch_unseal(o->epoch_key, m->epoch_data, o->public_key,
		    o->secret_key), ERR_OK);
	}
	assert_int_equal(m->commitment.n, 32);
	assert_int_equal(epoch_unwrap_content(aead, key, m->wrapped, o->epoch_key, &slot),
	    ERR_OK);
	buf_reset(&w->plain);
	buf_reset(&w->summary);
	assert_int_equal(seal_open(reader, key, body, commitment, 64u << 20, &w->plain),
	    ERR_OK);
	if (seal_arrival_is(m->summary)) {
		open_arrival(w, o, m, reader);
		assert_int_equal(m->size, w->summary.n + w->plain.n);
	} else {
		assert_int_equal(seal_summary_open(&w->summary, aead, key, m->summary, &version),
		    ERR_OK);
		assert_int_equal(m->size, w->plain.n);
	}
	seal_reader_free(&reader);
	cry_aead_free(&aead);
}

static void
on_append(struct ipc_peer *p, const void *msg, struct ipc_in *in)
{
	struct world *w = ipc_peer_arg(p);
	const struct ipc_store_append *m = msg;
	struct ipc_store_appended ok = { .uid = 1, .duplicate = w->duplicate,
		.mailbox = m->mailbox };
	struct ipc_store_fail fail = { .error = w->append_error };
	struct owner *o = &w->owners[m->account % OWNERS];
	struct buf mem;

	w->appends++;
	if (w->silent)
		return;
	if (w->cut_on_append) {
		ipc_peer_violation(p, "test: the store dies");
		return;
	}
	if (w->again > 0) {
		w->again--;
		fail.error = ERR_AGAIN;
		ipc_reply(p, in->id, IPC_MSG_store_fail, &fail);
		return;
	}
	if (w->append_error != ERR_OK) {
		ipc_reply(p, in->id, IPC_MSG_store_fail, &fail);
		return;
	}
	o->appends++;
	w->internal_s = m->internal_s;
	w->rcpt = m->rcpt;
	assert_true(m->mailbox.n < sizeof(w->mailbox));
	memcpy(w->mailbox, m->mailbox.p, m->mailbox.n);
	w->mailbox[m->mailbox.n] = '\0';
	w->refs_bytes = m->references.n;
	w->id_bytes = m->message_id.n;
	buf_init(&mem, 128u << 20);
	open_append(w, o, m, body_of(w, m, in, &mem));
	buf_fini(&mem);
	ipc_reply(p, in->id, IPC_MSG_store_appended, &ok);
}

static const struct ipc_handler store_handlers[] = {
	{ IPC_MSG_store_epoch, on_epoch },
	{ IPC_MSG_store_file, on_file },
	{ IPC_MSG_store_append, on_append },
	{ 0, NULL }
};
static const struct ipc_handler none[] = { { 0, NULL } };

/* ---- deliver's ends */

static void
on_job(struct ipc_peer *p, const void *m, struct ipc_in *in)
{
	struct world *w = ipc_peer_arg(p);

	dlv_local_take(w->dlv, p, m, in);
}

static const struct ipc_handler job_handlers[] = {
	{ IPC_MSG_deliver_job, on_job },
	{ 0, NULL }
};

static void
on_gone(struct ipc_peer *p, void *arg)
{
	struct world *w = arg;

	w->gone++;
	if (p == w->dstore) {
		dlv_local_set_store(w->dlv, NULL);
		ipc_peer_free(&w->dstore);
	} else if (p == w->dqueue) {
		dlv_local_queue_left(w->dlv, p);
		ipc_peer_free(&w->dqueue);
	} else if (p == w->store) {
		ipc_peer_free(&w->store);
	} else {
		ipc_peer_free(&w->queue);
	}
	check_stop(w);
}

static void
on_limit(void *arg)
{
	struct world *w = arg;

	loop_stop(w->loop);
}

static void
add_store(struct world *w)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	w->dstore = ipc_peer_new(w->loop, fds[0], IPC_STORE, 1, none, on_gone, w);
	w->store = ipc_peer_new(w->loop, fds[1], IPC_DELIVER, 2, store_handlers, on_gone, w);
	dlv_local_set_store(w->dlv, w->dstore);
}

static int
setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct dlv_limits limits = { .job_limit = 200, .store_timeout_ms = 30000,
		.method = SEAL_ZSTD };
	int fds[2];

	cry_init();
	w->loop = loop_new();
	w->dlv = dlv_local_new(w->loop, NULL, &limits);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	w->dqueue = ipc_peer_new(w->loop, fds[0], IPC_QUEUE, 3, job_handlers, on_gone, w);
	w->queue = ipc_peer_new(w->loop, fds[1], IPC_DELIVER, 4, none, on_gone, w);
	add_store(w);
	timer_init(&w->limit, w->loop, on_limit, w);
	w->epoch_count = 1000;
	w->sealing = SEALING_ESCROW;
	for (unsigned i = 0; i < OWNERS; i++)
		cry_box_pair(w->owners[i].public_key, w->owners[i].secret_key);
	buf_init(&w->plain, 64u << 20);
	buf_init(&w->summary, 1u << 20);
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;

	timer_stop(&w->limit);
	w->want = UINT_MAX;	/* no loop_stop from here on */
	dlv_local_free(&w->dlv);
	ipc_peer_free(&w->queue);
	ipc_peer_free(&w->dqueue);
	ipc_peer_free(&w->store);
	ipc_peer_free(&w->dstore);
	loop_free(&w->loop);
	buf_fini(&w->plain);
	buf_fini(&w->summary);
	free(w);
	return 0;
}

/* ---- the queue */

static void
on_done(void *arg, enum err e, uint16_t type, const void *msg, struct ipc_in *in)
{
	struct world *w = arg;
	const struct ipc_deliver_done *m = msg;
	struct ipc_deliver_result result;
	struct ipc_reader r;

	(void)in;
	w->last_call = e;
	w->answers++;
	if (e == ERR_OK) {
		assert_int_equal(type, IPC_MSG_deliver_done);
		r = ipc_reader_of(m->results);
		while (ipc_reader_more(&r) && w->result_count < RESULTS_MAX) {
			ipc_deliver_result_get(&r, &result);
			w->results[w->result_count].idx = result.idx;
			w->results[w->result_count].error = result.error;
			w->results[w->result_count].duplicate = result.duplicate;
			assert_true(slice_to_cstr(result.dsn,
			    w->results[w->result_count].dsn, 10));
			w->result_count++;
		}
		assert_int_equal(ipc_reader_done(&r), ERR_OK);
	}
	check_stop(w);
}

static void
put_rcpt(struct world *w, struct buf *b, uint32_t idx, uint64_t account, const char *address)
{
	struct ipc_deliver_rcpt r = { .idx = idx, .account = account, .generation = 1,
		.sealing = w->sealing, .address = slice_str(address), .original = slice_str(address),
		.mailbox = SLICE_LIT("INBOX"),
		.public_key = slice_of(w->owners[account % OWNERS].public_key, 32) };

	ipc_deliver_rcpt_put(b, &r);
}

static void
send_job(struct world *w, int fd, uint8_t form, uint64_t size, struct slice key,
    struct slice rcpts, uint64_t deadline)
{
	struct ipc_deliver_job m = { .msg = 77, .arrival_ms = 1700000000123,
		.form = form, .kind = w->kind, .size = size, .key = key,
		.sender = SLICE_LIT("s@x.example"), .rcpts = rcpts };

	assert_int_equal(ipc_call(w->queue, IPC_MSG_deliver_job, &m, &fd, 1, deadline,
	    on_done, w, NULL), ERR_OK);
	(void)close(fd);
}

static void
send_text(struct world *w, struct slice text, struct slice rcpts, uint64_t deadline)
{
	int fd = memfd_create("message", MFD_CLOEXEC);

	assert_int_equal(write(fd, text.p, text.n), text.n);
	send_job(w, fd, QUEUE_FORM_MEMFD, text.n, SLICE_NONE, rcpts, deadline);
}

static void
run(struct world *w, unsigned answers)
{
	w->want = answers;
	timer_set(&w->limit, loop_now(w->loop) + 20000);
	loop_run(w->loop);
	timer_stop(&w->limit);
	assert_int_equal(w->answers, answers);
}

/* Lets what is under way arrive. */
static void
settle(struct world *w)
{
	w->want = w->answers + 1000;
	timer_set(&w->limit, loop_now(w->loop) + 50);
	loop_run(w->loop);
}

static uint64_t
later(struct world *w)
{
	return loop_now(w->loop) + 60000;
}

static const char hello[] =
    "From: Alice <a@x.example>\r\nSubject: hi\r\nMessage-ID: <1@x.example>\r\n"
    "References: <r1@x.example> <r2@x.example>\r\n\r\nHello Bob.\r\n";

static void
test_two_recipients(void **state)
{
	struct world *w = *state;
	struct summary sum;
	struct buf b, want;

	buf_init(&b, 60000);
	put_rcpt(w, &b, 10, 1, "b@y.example");
	put_rcpt(w, &b, 11, 2, "c@y.example");
	send_text(w, slice_str(hello), buf_slice(&b), later(w));
	run(w, 1);
	assert_int_equal(w->result_count, 2);
	assert_int_equal(w->results[0].idx, 10);
	assert_int_equal(w->results[1].idx, 11);
	assert_int_equal(w->results[1].error, ERR_OK);
	assert_string_equal(w->results[1].dsn, "2.0.0");
	assert_int_equal(w->form, FORM_INLINE);
	assert_int_equal(w->internal_s, 1700000000);
	assert_int_equal(w->id_bytes, 8);
	assert_int_equal(w->refs_bytes, 16);
	assert_true(w->rcpt == rcpt_hash(SLICE_LIT("c@y.example"), SLICE_LIT("INBOX")));
	/* The last append was for the second. */
	buf_init(&want, 2000);
	buf_put_str(&want, "Return-Path: <s@x.example>\r\nDelivered-To: c@y.example\r\n");
	buf_put_str(&want, hello);
	assert_true(slice_eq(buf_slice(&w->plain), buf_slice(&want)));
	assert_int_equal(summary_get(&sum, buf_slice(&w->summary)), ERR_OK);
	assert_int_equal(sum.size, want.n);
	assert_int_equal(sum.header_bytes, want.n - strlen("Hello Bob.\r\n"));
	assert_slice(sum.preview, "Hello Bob.");
	assert_true(slice_starts(sum.fields, "Return-Path: <s@x.example>\r\nDelivered-To: c@y"));
	buf_fini(&want);
	buf_fini(&b);
}

/* The epoch key travels until the store has taken an append with it. */
static void
test_epoch_reuse(void **state)
{
	struct world *w = *state;
	struct buf b;

	buf_init(&b, 60000);
	put_rcpt(w, &b, 1, 1, "b@y.example");
	for (unsigned i = 1; i <= 5; i++) {
		send_text(w, slice_str(hello), buf_slice(&b), later(w));
		run(w, i);
	}
	assert_int_equal(w->owners[1].epochs, 1);
	assert_int_equal(w->owners[1].appends, 5);
	assert_int_equal(w->owners[1].with_data, 1);
	/* An epoch ends after EPOCH_MS. */
	loop_advance(w->loop, EPOCH_MS + 1);
	send_text(w, slice_str(hello), buf_slice(&b), later(w));
	run(w, 6);
	assert_int_equal(w->owners[1].epochs, 2);
	buf_fini(&b);
}

static void
test_content_ids_run_out(void **state)
{
	struct world *w = *state;
	struct buf b;

	w->epoch_count = 2;
	buf_init(&b, 60000);
	for (unsigned i = 0; i < 7; i++)
		put_rcpt(w, &b, i, 1, "b@y.example");
	send_text(w, slice_str(hello), buf_slice(&b), later(w));
	run(w, 1);
	assert_int_equal(w->result_count, 7);
	for (unsigned i = 0; i < 7; i++)
		assert_int_equal(w->results[i].error, ERR_OK);
	assert_int_equal(w->appends, 7);
	assert_int_equal(w->owners[1].epochs, 4);
	buf_fini(&b);
}

static void
test_store_errors(void **state)
{
	static const struct {
		enum err	 epoch, append;
		enum err	 result;
		const char	*dsn;
	} rows[] = {
		{ ERR_OK, ERR_QUOTA, ERR_QUOTA, "5.2.2" },
		{ ERR_OK, ERR_FULL, ERR_FULL, "4.3.1" },
		{ ERR_OK, ERR_STATE, ERR_SYS, "4.3.0" },
		{ ERR_BUSY, ERR_OK, ERR_BUSY, "4.3.2" },
	};
	struct world *w = *state;
	struct buf b;

	buf_init(&b, 60000);
	put_rcpt(w, &b, 1, 1, "b@y.example");
	for (unsigned i = 0; i < lengthof(rows); i++) {
		w->epoch_error = rows[i].epoch;
		w->append_error = rows[i].append;
		send_text(w, slice_str(hello), buf_slice(&b), later(w));
		run(w, i + 1);
		assert_int_equal(w->results[i].error, rows[i].result);
		assert_string_equal(w->results[i].dsn, rows[i].dsn);
	}
	/* A refused append makes the next message ask for another epoch. */
	assert_int_equal(w->owners[1].epochs, 3);
	buf_fini(&b);
}

/* The store lost the reservation: sealed again under another epoch, once. */
static void
test_epoch_lost(void **state)
{
	struct world *w = *state;
	struct buf b;

	buf_init(&b, 60000);
	for (unsigned i = 0; i < 3; i++)
		put_rcpt(w, &b, i, 1, "b@y.example");
	w->again = 3;
	send_text(w, slice_str(hello), buf_slice(&b), later(w));
	run(w, 1);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(w->results[i].error, ERR_OK);
	assert_int_equal(w->appends, 6);
	assert_int_equal(w->owners[1].epochs, 2);
	w->again = 100;
	send_text(w, slice_str(hello), buf_slice(&b), later(w));
	run(w, 2);
	assert_int_equal(w->results[3].error, ERR_AGAIN);
	assert_int_equal(w->appends, 12);
	assert_int_equal(dlv_local_job_count(w->dlv), 0);
	buf_fini(&b);
}

static void
test_duplicate(void **state)
{
	struct world *w = *state;
	struct buf b;

	w->duplicate = true;
	buf_init(&b, 60000);
	put_rcpt(w, &b, 1, 1, "b@y.example");
	send_text(w, slice_str(hello), buf_slice(&b), later(w));
	run(w, 1);
	assert_int_equal(w->results[0].error, ERR_OK);
	assert_true(w->results[0].duplicate);
	/* The store kept nothing, so the epoch key comes again. */
	w->duplicate = false;
	send_text(w, slice_str(hello), buf_slice(&b), later(w));
	run(w, 2);
	assert_int_equal(w->owners[1].with_data, 2);
	buf_fini(&b);
}

static void
test_loop_is_bounced(void **state)
{
	struct world *w = *state;
	struct buf b;

	buf_init(&b, 60000);
	put_rcpt(w, &b, 1, 1, "b@y.example");
	put_rcpt(w, &b, 2, 2, "c@y.example");
	send_text(w, SLICE_LIT("Delivered-To: B@y.example\r\nSubject: x\r\n\r\ny\r\n"),
	    buf_slice(&b), later(w));
	run(w, 1);
	assert_int_equal(w->results[0].error, ERR_LIMIT);
	assert_string_equal(w->results[0].dsn, "5.4.6");
	assert_int_equal(w->results[1].error, ERR_OK);
	assert_int_equal(w->appends, 1);
	buf_fini(&b);
}

static void
fill(struct buf *b, size_t n, bool noise)
{
	uint64_t x = 88172645463325252u;

	buf_put_str(b, "Subject: large\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n");
	while (b->n + 76 < n) {
		for (unsigned i = 0; i < 70; i++) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			buf_put_char(b, noise ? (char)(33 + x % 90) : 'a');
		}
		buf_put_str(b, "\r\n");
	}
	buf_put_str(b, "--b--\r\n");
}

static void
test_memfd_body(void **state)
{
	struct world *w = *state;
	struct buf b, text;

	buf_init(&b, 60000);
	buf_init(&text, 1u << 20);
	/* Incompressible, the largest of its lane. */
	fill(&text, (240u << 10) - 20, true);
	put_rcpt(w, &b, 1, 1, "b@y.example");
	send_text(w, buf_slice(&text), buf_slice(&b), later(w));
	run(w, 1);
	assert_int_equal(w->results[0].error, ERR_OK);
	assert_int_equal(w->form, FORM_MEMFD);
	assert_int_equal(w->files, 0);
	assert_true(slice_ends(buf_slice(&w->plain), buf_cstr(&text)));
	buf_fini(&text);
	buf_fini(&b);
}

static enum err
keep(void *arg, const void *p, size_t n, uint64_t off)
{
	return chunkfile_write_fd(arg, p, n, off);
}

static int
make_chunkfile(struct slice text, unsigned char key[32])
{
	int fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	struct chunkfile_writer *cw = chunkfile_writer_new(keep, &fd);

	assert_int_equal(chunkfile_writer_put(cw, text), ERR_OK);
	assert_int_equal(chunkfile_writer_end(cw), ERR_OK);
	memcpy(key, chunkfile_writer_key(cw), 32);
	chunkfile_writer_free(&cw);
	return fd;
}

/* 1 MiB in a chunked file, three recipients, small mail between. */
static void
test_large(void **state)
{
	struct world *w = *state;
	unsigned char key[32];
	struct summary sum;
	struct mime_map map;
	struct buf b, text;
	uint32_t path = 1, off, n;

	buf_init(&b, 60000);
	buf_init(&text, 4u << 20);
	fill(&text, 1u << 20, true);
	for (unsigned i = 1; i <= 3; i++)
		put_rcpt(w, &b, i, i, "b@y.example");
	send_job(w, make_chunkfile(buf_slice(&text), key), QUEUE_FORM_FILE, text.n,
	    slice_of(key, 32), buf_slice(&b), later(w));
	run(w, 1);
	assert_int_equal(w->result_count, 3);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(w->results[i].error, ERR_OK);
	assert_int_equal(w->files, 3);
	assert_int_equal(w->form, FORM_FILE);
	assert_true(slice_ends(buf_slice(&w->plain), buf_cstr(&text)));
	assert_int_equal(summary_get(&sum, buf_slice(&w->summary)), ERR_OK);
	mime_map_init(&map);
	assert_int_equal(mime_map_get(&map, sum.parts, sum.size), ERR_OK);
	assert_int_equal(mime_map_locate(&map, &path, 1, MIME_SECTION_ALL, &off, &n, NULL), ERR_OK);
	/* The part starts behind "--b CRLF CRLF" of the shifted message. */
	assert_memory_equal(buf_data(&w->plain) + off - 7, "--b\r\n\r\n", 7);
	assert_memory_equal(buf_data(&w->plain) + off + n, "\r\n--b--", 7);
	mime_map_fini(&map);
	buf_fini(&text);
	buf_fini(&b);
}

/* A large one does not hold up the small ones behind it. */
static void
test_lanes(void **state)
{
	struct world *w = *state;
	unsigned char key[32];
	struct buf b, text;

	buf_init(&b, 60000);
	buf_init(&text, 32u << 20);
	fill(&text, 20u << 20, true);
	put_rcpt(w, &b, 99, 1, "b@y.example");
	send_job(w, make_chunkfile(buf_slice(&text), key), QUEUE_FORM_FILE, text.n,
	    slice_of(key, 32), buf_slice(&b), later(w));
	buf_reset(&b);
	put_rcpt(w, &b, 1, 2, "c@y.example");
	for (unsigned i = 0; i < 20; i++)
		send_text(w, slice_str(hello), buf_slice(&b), later(w));
	run(w, 21);
	assert_int_equal(w->result_count, 21);
	assert_int_equal(w->results[20].idx, 99);
	buf_fini(&text);
	buf_fini(&b);
}

static void
test_wrong_key(void **state)
{
	struct world *w = *state;
	unsigned char key[32];
	struct buf b, text;
	int fd;

	buf_init(&b, 60000);
	buf_init(&text, 4u << 20);
	fill(&text, 1u << 20, false);
	put_rcpt(w, &b, 1, 1, "b@y.example");
	fd = make_chunkfile(buf_slice(&text), key);
	key[0] ^= 1;
	send_job(w, fd, QUEUE_FORM_FILE, text.n, slice_of(key, 32), buf_slice(&b), later(w));
	run(w, 1);
	assert_int_equal(err_class(w->results[0].error), ERR_CLASS_TEMP);
	assert_int_equal(w->appends, 0);
	/* A descriptor shorter than announced. */
	fd = memfd_create("short", MFD_CLOEXEC);
	send_job(w, fd, QUEUE_FORM_MEMFD, 10, SLICE_NONE, buf_slice(&b), later(w));
	run(w, 2);
	assert_int_equal(err_class(w->results[1].error), ERR_CLASS_TEMP);
	/* A form that does not exist. */
	fd = memfd_create("form", MFD_CLOEXEC);
	send_job(w, fd, 9, 0, SLICE_NONE, buf_slice(&b), later(w));
	run(w, 3);
	assert_int_equal(err_class(w->results[2].error), ERR_CLASS_TEMP);
	buf_fini(&text);
	buf_fini(&b);
}

static void
test_store_dies(void **state)
{
	struct world *w = *state;
	struct buf b;

	w->cut_on_append = true;
	buf_init(&b, 60000);
	for (unsigned i = 1; i <= 5; i++)
		put_rcpt(w, &b, i, i, "b@y.example");
	for (unsigned i = 0; i < 10; i++)
		send_text(w, slice_str(hello), buf_slice(&b), later(w));
	run(w, 10);
	assert_int_equal(w->result_count, 50);
	for (unsigned i = 0; i < 50; i++)
		assert_int_equal(w->results[i].error, ERR_GONE);
	settle(w);
	assert_int_equal(dlv_local_job_count(w->dlv), 0);
	/* Without a store, and with a new one. */
	send_text(w, slice_str(hello), buf_slice(&b), later(w));
	run(w, 11);
	assert_int_equal(w->results[50].error, ERR_GONE);
	w->cut_on_append = false;
	add_store(w);
	send_text(w, slice_str(hello), buf_slice(&b), later(w));
	run(w, 12);
	assert_int_equal(w->results[55].error, ERR_OK);
	/* The new store does not know the old epochs. */
	assert_int_equal(w->owners[1].epochs, 2);
	buf_fini(&b);
}

static void
test_timeouts(void **state)
{
	struct world *w = *state;
	struct dlv_limits limits = { .job_limit = 200, .store_timeout_ms = 80,
		.method = SEAL_ZSTD };
	struct buf b;

	buf_init(&b, 60000);
	put_rcpt(w, &b, 1, 1, "b@y.example");
	send_text(w, slice_str(hello), buf_slice(&b), later(w));
	run(w, 1);
	/* An append without answer. */
	w->silent = true;
	dlv_local_set_limits(w->dlv, &limits);
	send_text(w, slice_str(hello), buf_slice(&b), later(w));
	run(w, 2);
	assert_int_equal(w->results[1].error, ERR_TIMEOUT);
	/* An epoch without answer. */
	send_text(w, slice_str(hello), buf_slice(&b), later(w));
	run(w, 3);
	assert_int_equal(w->results[2].error, ERR_TIMEOUT);
	/* The job's own deadline ends before ours: queue hears it from ipc. */
	limits.store_timeout_ms = 30000;
	dlv_local_set_limits(w->dlv, &limits);
	send_text(w, slice_str(hello), buf_slice(&b), loop_now(w->loop) + 60);
	run(w, 4);
	assert_int_equal(w->last_call, ERR_TIMEOUT);
	settle(w);
	assert_int_equal(dlv_local_job_count(w->dlv), 0);
	buf_fini(&b);
}

static void
test_queue_dies(void **state)
{
	struct world *w = *state;
	struct buf b;

	w->silent = true;
	buf_init(&b, 60000);
	put_rcpt(w, &b, 1, 1, "b@y.example");
	for (unsigned i = 0; i < 10; i++)
		send_text(w, slice_str(hello), buf_slice(&b), later(w));
	settle(w);
	assert_int_equal(dlv_local_job_count(w->dlv), 10);
	w->silent = false;
	ipc_peer_free(&w->queue);
	settle(w);
	/* The epoch's answer never comes; the timeout ends the jobs. */
	loop_advance(w->loop, 31000);
	settle(w);
	assert_int_equal(dlv_local_job_count(w->dlv), 0);
	buf_fini(&b);
}

static void
test_job_limit(void **state)
{
	struct world *w = *state;
	struct dlv_limits limits = { .job_limit = 5, .store_timeout_ms = 30000,
		.method = SEAL_ZSTD };
	unsigned busy = 0;
	struct buf b;

	dlv_local_set_limits(w->dlv, &limits);
	buf_init(&b, 60000);
	put_rcpt(w, &b, 1, 1, "b@y.example");
	w->silent = true;
	for (unsigned i = 0; i < 6; i++)
		send_text(w, slice_str(hello), buf_slice(&b), later(w));
	run(w, 1);
	assert_int_equal(w->results[0].error, ERR_BUSY);
	assert_int_equal(dlv_local_job_count(w->dlv), 5);
	(void)busy;
	buf_fini(&b);
}

static void
test_many(void **state)
{
	struct world *w = *state;
	struct buf b;

	buf_init(&b, 60000);
	for (unsigned i = 1; i <= 4; i++)
		put_rcpt(w, &b, i, i, "b@y.example");
	for (unsigned i = 0; i < 200; i++)
		send_text(w, slice_str(hello), buf_slice(&b), later(w));
	run(w, 200);
	assert_int_equal(w->result_count, 800);
	for (unsigned i = 0; i < 800; i++)
		assert_int_equal(w->results[i].error, ERR_OK);
	assert_int_equal(w->owners[1].epochs, 1);
	buf_fini(&b);
}

static void
test_recipient_limit(void **state)
{
	struct world *w = *state;
	struct buf b;

	buf_init(&b, 60000);
	for (unsigned i = 0; i < DELIVER_JOB_RCPTS; i++)
		put_rcpt(w, &b, i, i + 1, "b@y.example");
	send_text(w, slice_str(hello), buf_slice(&b), later(w));
	run(w, 1);
	assert_int_equal(w->result_count, DELIVER_JOB_RCPTS);
	/* One more, none, or a torn list: queue broke the protocol. */
	put_rcpt(w, &b, 100, 101, "b@y.example");
	send_text(w, slice_str(hello), buf_slice(&b), later(w));
	run(w, 2);
	assert_int_equal(w->last_call, ERR_GONE);
	assert_int_equal(dlv_local_job_count(w->dlv), 0);
	buf_fini(&b);
}

static void
test_torn_list(void **state)
{
	struct world *w = *state;
	struct buf b;

	buf_init(&b, 60000);
	put_rcpt(w, &b, 1, 1, "b@y.example");
	send_text(w, slice_str(hello), slice_head(buf_slice(&b), b.n - 1), later(w));
	run(w, 1);
	assert_int_equal(w->last_call, ERR_GONE);
	buf_fini(&b);
}

/* A recipient without a key is deferred, never stored in the clear. */
static void
test_no_key(void **state)
{
	struct world *w = *state;
	struct ipc_deliver_rcpt r = { .idx = 5, .account = 3, .generation = 1,
		.address = SLICE_LIT("k@y.example") };
	struct buf b;

	buf_init(&b, 60000);
	ipc_deliver_rcpt_put(&b, &r);
	put_rcpt(w, &b, 6, 1, "b@y.example");
	send_text(w, slice_str(hello), buf_slice(&b), later(w));
	run(w, 1);
	assert_int_equal(w->results[0].error, ERR_CRYPTO);
	assert_int_equal(w->results[1].error, ERR_OK);
	assert_int_equal(w->appends, 1);
	buf_fini(&b);
}

static void
on_drained(void *arg)
{
	struct world *w = arg;

	w->drained++;
}

static void
test_drain(void **state)
{
	struct world *w = *state;
	struct buf b;

	buf_init(&b, 60000);
	put_rcpt(w, &b, 1, 1, "b@y.example");
	w->silent = true;
	send_text(w, slice_str(hello), buf_slice(&b), later(w));
	settle(w);
	dlv_local_drain(w->dlv, on_drained, w);
	settle(w);
	assert_int_equal(w->drained, 0);
	loop_advance(w->loop, 31000);
	settle(w);
	assert_int_equal(w->drained, 1);
	buf_fini(&b);
}

static void
test_empty_message(void **state)
{
	struct world *w = *state;
	struct buf b;

	buf_init(&b, 60000);
	put_rcpt(w, &b, 1, 1, "b@y.example");
	send_text(w, SLICE_LIT(""), buf_slice(&b), later(w));
	run(w, 1);
	assert_int_equal(w->results[0].error, ERR_OK);
	assert_slice(buf_slice(&w->plain),
	    "Return-Path: <s@x.example>\r\nDelivered-To: b@y.example\r\n");
	buf_fini(&b);
}

/* ---- what came sealed */

static void
send_sealed(struct world *w, struct slice message, uint64_t account)
{
	struct buf rcpts;

	w->kind = QUEUE_KIND_CMTP2;
	w->answers = 0;
	buf_init(&rcpts, 60000);
	put_rcpt(w, &rcpts, 10, account, "b@y.example");
	send_text(w, message, buf_slice(&rcpts), later(w));
	run(w, 1);
	buf_fini(&rcpts);
}

#define PREFIX	"Return-Path: <s@x.example>\r\nDelivered-To: b@y.example\r\n"

static void
test_sealed_goes_as_it_is(void **state)
{
	struct world *w = *state;
	struct buf b;

	buf_init(&b, 1u << 20);
	travelling_message(&b, w->owners[1].public_key, 1, slice_str(hello));
	for (unsigned i = 0; i < 3; i++) {
		send_sealed(w, buf_slice(&b), 1);
		assert_int_equal(w->results[i].error, ERR_OK);
		assert_slice(buf_slice(&w->plain), hello);
		assert_slice(buf_slice(&w->summary), PREFIX TRAVELLING_TRACE);
		assert_int_equal(w->form, FORM_INLINE);
		/* Nobody here knows what it answers to. */
		assert_int_equal(w->id_bytes + w->refs_bytes, 0);
	}
	/* Each has an epoch of its own, with its key. */
	assert_int_equal(w->owners[1].epochs, 3);
	assert_int_equal(w->owners[1].with_data, 3);
	buf_fini(&b);
}

static void
test_sealed_large(void **state)
{
	struct world *w = *state;
	struct buf b, text;

	buf_init(&b, 8u << 20);
	buf_init(&text, 8u << 20);
	for (unsigned n = 0; text.n < 3u << 20; n++)
		buf_printf(&text, "%u %u\r\n", n * 2654435761u, n);
	travelling_message(&b, w->owners[1].public_key, 1, buf_slice(&text));
	assert_true(b.n > 512u << 10);
	send_sealed(w, buf_slice(&b), 1);
	assert_int_equal(w->results[0].error, ERR_OK);
	assert_int_equal(w->form, FORM_FILE);
	assert_true(slice_eq(buf_slice(&w->plain), buf_slice(&text)));
	/* Between the two: a memfd. */
	buf_reset(&b);
	travelling_message(&b, w->owners[1].public_key, 1,
	    slice_head(buf_slice(&text), 200u << 10));
	send_sealed(w, buf_slice(&b), 1);
	assert_int_equal(w->results[1].error, ERR_OK);
	assert_int_equal(w->form, FORM_MEMFD);
	buf_fini(&b);
	buf_fini(&text);
}

/* Two addresses of one account need an epoch each; the store may say "again". */
static void
test_sealed_twice_to_one(void **state)
{
	struct world *w = *state;
	struct buf b, rcpts;

	buf_init(&b, 1u << 20);
	buf_init(&rcpts, 60000);
	travelling_message(&b, w->owners[1].public_key, 1, slice_str(hello));
	put_rcpt(w, &rcpts, 10, 1, "b@y.example");
	put_rcpt(w, &rcpts, 11, 1, "c@y.example");
	w->kind = QUEUE_KIND_CMTP2;
	w->again = 1;
	send_text(w, buf_slice(&b), buf_slice(&rcpts), later(w));
	run(w, 1);
	assert_int_equal(w->results[0].error, ERR_OK);
	assert_int_equal(w->results[1].error, ERR_OK);
	assert_int_equal(w->owners[1].appends, 2);
	assert_int_equal(w->owners[1].epochs, 3);
	buf_fini(&b);
	buf_fini(&rcpts);
}

/* ---- what came in boxes */

static void
send_boxes(struct world *w, size_t bytes, uint8_t sealing)
{
	struct buf b, rcpts;

	buf_init(&b, 1u << 20);
	buf_init(&rcpts, 60000);
	buf_put_str(&b, TRAVELLING_TRACE "\r\n");
	for (size_t i = 0; i < bytes; i++)
		buf_put_char(&b, i < 57 ? 'x' : (char)(i * i * 2654435761u >> 13));
	w->kind = QUEUE_KIND_CMTP1;
	w->sealing = sealing;
	w->answers = w->result_count = 0;
	put_rcpt(w, &rcpts, 10, 1, "b@y.example");
	send_text(w, buf_slice(&b), buf_slice(&rcpts), later(w));
	run(w, 1);
	assert_int_equal(w->results[0].error, ERR_OK);
	buf_fini(&b);
	buf_fini(&rcpts);
}

/* Where no client looks, until a login opens it; or where the device does. */
static void
test_boxes(void **state)
{
	static const uint8_t opened[] = { SEALING_ESCROW, SEALING_PASSWORD, SEALING_SERVER };
	struct world *w = *state;
	struct slice text;

	for (size_t i = 0; i < lengthof(opened); i++) {
		send_boxes(w, 57, opened[i]);
		assert_string_equal(w->mailbox, STORE_ARRIVALS);
		assert_true(w->rcpt == rcpt_hash(SLICE_LIT("b@y.example"), SLICE_LIT(STORE_ARRIVALS)));
	}
	text = buf_slice(&w->plain);
	assert_true(slice_starts(text, PREFIX TRAVELLING_TRACE "Date: "));
	assert_true(slice_search(text, SLICE_LIT("from <s@x.example>")) < text.n);
	assert_true(slice_search(text, SLICE_LIT("\r\n\r\neHh4")) < text.n);
	/* A summary of it: the session finds the attachment without a look at all of it. */
	assert_true(w->summary.n > 100);
	send_boxes(w, 57, SEALING_CLIENT);
	assert_string_equal(w->mailbox, "INBOX");
}

/* It is larger than what came: sent as what it is. */
static void
test_boxes_large(void **state)
{
	struct world *w = *state;

	send_boxes(w, 1000, SEALING_ESCROW);
	assert_int_equal(w->form, FORM_INLINE);
	send_boxes(w, 170u << 10, SEALING_ESCROW);
	assert_int_equal(w->form, FORM_MEMFD);
	send_boxes(w, 200u << 10, SEALING_ESCROW);
	assert_int_equal(w->form, FORM_FILE);
	assert_true(w->plain.n > (270u << 10));
	assert_true(slice_ends(buf_slice(&w->plain), "\r\n--=_cmtp1--\r\n"));
}

static void
expect_bounce(struct world *w, struct slice message, const char *dsn)
{
	w->result_count = w->appends = 0;
	send_sealed(w, message, 1);
	assert_int_equal(w->result_count, 1);
	assert_int_equal(err_class(w->results[0].error), ERR_CLASS_PERM);
	assert_string_equal(w->results[0].dsn, dsn);
	assert_int_equal(w->appends, 0);
}

static void
test_sealed_to_others(void **state)
{
	struct world *w = *state;
	struct buf b;

	buf_init(&b, 1u << 20);
	travelling_message(&b, w->owners[2].public_key, 1, slice_str(hello));
	expect_bounce(w, buf_slice(&b), "5.7.5");
	/* Of a generation before, or after. */
	buf_reset(&b);
	travelling_message(&b, w->owners[1].public_key, 2, slice_str(hello));
	expect_bounce(w, buf_slice(&b), "5.7.5");
	buf_reset(&b);
	buf_put_str(&b, TRAVELLING_TRACE "\r\n");
	travelling_put(&b, w->owners[1].public_key, 1, 0, slice_str(hello));
	expect_bounce(w, buf_slice(&b), "5.7.5");
	buf_fini(&b);
}

/*
 * Cut anywhere before its end it is no object, and nothing goes to the store:
 * where the length in the header says it all.  What zstd made is seen by the owner.
 */
static void
test_sealed_cut(void **state)
{
	struct world *w = *state;
	struct buf b;

	buf_init(&b, 1u << 20);
	travelling_message(&b, w->owners[1].public_key, 1, SLICE_LIT("Subject: x\r\n\r\n\0y"));
	for (size_t n = 1; n < b.n; n += n < 400 ? 7 : 1)
		expect_bounce(w, slice_head(buf_slice(&b), n), "5.6.0");
	expect_bounce(w, slice_str(hello), "5.6.0");
	buf_fini(&b);
}

/* Lines of the trace up to the limit, and one byte more. */
static void
test_sealed_trace_limit(void **state)
{
	struct world *w = *state;

	for (unsigned more = 0; more < 2; more++) {
		size_t trace = SEAL_TRACE_MAX - strlen(PREFIX) + more;
		struct buf b;

		buf_init(&b, 1u << 20);
		buf_put_str(&b, "X: ");
		while (b.n < trace - 2)
			buf_put_char(&b, 'x');
		buf_put_str(&b, "\r\n\r\n");
		travelling_put(&b, w->owners[1].public_key, 1, 1, slice_str(hello));
		if (more > 0) {
			expect_bounce(w, buf_slice(&b), "5.6.0");
		} else {
			send_sealed(w, buf_slice(&b), 1);
			assert_int_equal(w->results[0].error, ERR_OK);
			assert_int_equal(w->summary.n, SEAL_TRACE_MAX);
		}
		buf_fini(&b);
	}
}

int
main(void)
{
#define T(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_two_recipients),
		T(test_epoch_reuse),
		T(test_content_ids_run_out),
		T(test_store_errors),
		T(test_epoch_lost),
		T(test_duplicate),
		T(test_loop_is_bounced),
		T(test_memfd_body),
		T(test_large),
		T(test_lanes),
		T(test_wrong_key),
		T(test_store_dies),
		T(test_timeouts),
		T(test_queue_dies),
		T(test_job_limit),
		T(test_many),
		T(test_recipient_limit),
		T(test_torn_list),
		T(test_no_key),
		T(test_drain),
		T(test_empty_message),
		T(test_sealed_goes_as_it_is),
		T(test_sealed_large),
		T(test_sealed_twice_to_one), T(test_boxes), T(test_boxes_large),
		T(test_sealed_to_others),
		T(test_sealed_cut),
		T(test_sealed_trace_limit),
	};

	log_to_fd(open("/dev/null", O_WRONLY | O_CLOEXEC));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
