/* SPDX-License-Identifier: ISC */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/crypto/cry.h"
#include "lib/sys/fd.h"
#include "queue/queue_tlsrpt.h"
#include "tests/unit/queue/spool_dir.h"

#define DAY_S		86400u
#define FILE_ROOM	(16u << 20)
#define ANSWERS		32u

/* What was asked of the world outside. */
struct world {
	struct loop		*loop;
	struct spool_dir	 dir;
	struct queue_keys	 keys;
	struct queue_tlsrpt	*t;
	bool			 is_ready;
	bool			 is_mute;	/* what is sent stays under way */
	enum err		 mail_says, post_says;
	unsigned		 mails, posts;
	char			 to[400], uri[400];
	uint64_t		 day;
	char			 ids[2][20];	/* the last and the one before */
	struct queue_tlsrpt_entry *entry;	/* under way */
	unsigned		 place;
	unsigned		 kept, not_kept;
	uint64_t		 request;	/* answered last */
};

static bool
is_ready(void *arg)
{
	return ((struct world *)arg)->is_ready;
}

static void
mail(void *arg, struct slice to, const struct tls_report *r, struct slice gzip,
    struct queue_tlsrpt_entry *e, unsigned place)
{
	struct world *w = arg;

	assert_true(gzip.n > 20);
	w->mails++;
	assert_true(slice_to_cstr(to, w->to, sizeof(w->to)));
	w->day = r->day;
	memcpy(w->ids[1], w->ids[0], sizeof(w->ids[0]));
	(void)snprintf(w->ids[0], sizeof(w->ids[0]), "%s", r->id);
	w->entry = e;
	w->place = place;
	if (!w->is_mute)
		queue_tlsrpt_sent(e, place, w->mail_says, "x");
}

static void
post(void *arg, struct slice uri, struct slice gzip, struct queue_tlsrpt_entry *e,
    unsigned place)
{
	struct world *w = arg;

	assert_true(gzip.n > 20);
	w->posts++;
	assert_true(slice_to_cstr(uri, w->uri, sizeof(w->uri)));
	queue_tlsrpt_sent(e, place, w->post_says, "x");
}

static void
kept(void *arg, void *whose, uint64_t request, bool is_kept)
{
	struct world *w = arg;

	assert_ptr_equal(whose, w);
	w->kept += is_kept;
	w->not_kept += !is_kept;
	w->request = request;
}

static const struct queue_tlsrpt_ops ops = { is_ready, mail, post, kept };

static void
open_table(struct world *w)
{
	static const struct queue_tlsrpt_names names = { "mx.example", "Example", "tls@mx.example" };

	w->t = queue_tlsrpt_new(w->loop, w->dir.fd, &w->keys, &ops, w);
	queue_tlsrpt_set(w->t, &names);
}

static uint64_t
now_s(const struct world *w)
{
	return loop_real_ms(w->loop) / 1000;
}

static int
setup(void **state)
{
	static const unsigned char key[CRY_KEY_BYTES] = { 1 };
	struct world *w = calloc(1, sizeof(*w));

	cry_init();
	w->loop = loop_new();
	/* In the middle of a day. */
	loop_advance(w->loop, (DAY_S + DAY_S / 2 - now_s(w) % DAY_S) * 1000);
	spool_dir_make(&w->dir);
	assert_int_equal(queue_seal_add_key(&w->keys, 1, slice_of(key, sizeof(key))), ERR_OK);
	w->keys.current = 1;
	w->is_ready = true;
	open_table(w);
	*state = w;
	return 0;
}

static void
on_tick(void *arg)
{
	loop_stop(arg);
}

/* What is due runs, and a write comes to its end. */
static void
run(struct world *w)
{
	struct timer tick;
	unsigned turns = 0;

	timer_init(&tick, w->loop, on_tick, w->loop);
	do {
		timer_set(&tick, loop_now(w->loop) + 1);
		loop_run(w->loop);
	} while (++turns < 10 || queue_keep_is_writing(queue_tlsrpt_keep(w->t)));
}

static void
advance(struct world *w, uint64_t s)
{
	loop_advance(w->loop, s * 1000);
	run(w);
}

static int
teardown(void **state)
{
	struct world *w = *state;

	run(w);
	queue_tlsrpt_free(&w->t);
	spool_dir_remove(&w->dir);
	loop_free(&w->loop);
	free(w);
	return 0;
}

static void
again(struct world *w)
{
	run(w);
	queue_tlsrpt_free(&w->t);
	open_table(w);
}

static uint32_t
today(const struct world *w)
{
	return (uint32_t)(now_s(w) / DAY_S);
}

static enum err
put_as(struct world *w, uint32_t day, const char *domain, const char *rua,
    enum tls_failure failure, const char *mx, uint64_t request)
{
	struct tls_tally_session s = { .type = TLS_POLICY_STS, .domain = slice_str(domain),
	    .text = SLICE_LIT("version: STSv1\n"), .failure = failure, .count = 1,
	    .mx_host = slice_str(mx) };
	struct ipc_tlsrpt_put m = { .day = day, .domain = slice_str(domain),
	    .rua = slice_str(rua) };
	struct tls_tally t;
	struct buf rows;
	enum err e;

	tls_tally_init(&t);
	buf_init(&rows, TLS_TALLY_PUT_MAX);
	(void)tls_tally_add(&t, &s);
	tls_tally_put(&rows, &t);
	m.policies = buf_slice(&rows);
	e = queue_tlsrpt_put(w->t, &m, w, request);
	tls_tally_fini(&t);
	buf_fini(&rows);
	return e;
}

static void
put(struct world *w, const char *domain, const char *rua)
{
	assert_int_equal(put_as(w, today(w), domain, rua, TLS_FAILURE_EXPIRED, "mx", 7), ERR_OK);
}

/* To where the day's report of the domain is due. */
static void
to_due(struct world *w, const char *domain, uint32_t day)
{
	uint64_t due = queue_tlsrpt_due_s(slice_str(domain), day);

	assert_in_range(due, (day + 1) * (uint64_t)DAY_S,
	    (day + 1) * (uint64_t)DAY_S + DAY_S / 2);
	if (due > now_s(w))
		advance(w, due - now_s(w) + 61);
}

/* ---- */

static void
test_a_day(void **state)
{
	struct world *w = *state;
	uint32_t day = today(w);

	put(w, "a.example", "mailto:r@a.example\n");
	put(w, "a.example", "mailto:r2@a.example\n");
	assert_int_equal(queue_tlsrpt_count(w->t), 1);
	advance(w, 3600);
	assert_int_equal(w->mails, 0);
	to_due(w, "a.example", day);
	/* One, of the day that was, to where the record said last. */
	assert_int_equal(w->mails, 1);
	assert_string_equal(w->to, "r2@a.example");
	assert_int_equal(w->day, day);
	assert_int_equal(queue_tlsrpt_count(w->t), 0);
	advance(w, DAY_S);
	assert_int_equal(w->mails, 1);
}

/* What was acknowledged is there again; what is reported is not. */
static void
test_survives(void **state)
{
	struct world *w = *state;
	uint32_t day = today(w);
	struct buf b;

	put(w, "a.example", "mailto:r@a.example\n");
	put(w, "b.example", "mailto:r@b.example\n");
	assert_int_equal(w->kept, 0);
	advance(w, 2);
	assert_int_equal(w->kept, 2);
	assert_int_equal(w->request, 7);
	buf_init(&b, FILE_ROOM);
	spool_dir_read(&w->dir, QUEUE_TLSRPT_FILE, &b);
	assert_int_equal(slice_search(buf_slice(&b), SLICE_LIT("example")), b.n);
	buf_fini(&b);
	again(w);
	assert_int_equal(queue_tlsrpt_count(w->t), 2);
	to_due(w, "a.example", day);
	to_due(w, "b.example", day);
	assert_int_equal(w->mails, 2);
	advance(w, 2);
	again(w);
	assert_int_equal(queue_tlsrpt_count(w->t), 0);
}

static void
test_tries_again(void **state)
{
	struct world *w = *state;
	uint32_t day = today(w);

	put(w, "a.example", "mailto:r@a.example\nhttps://a.example/x\n");
	w->post_says = ERR_AGAIN;
	to_due(w, "a.example", day);
	assert_int_equal(w->mails, 1);
	assert_int_equal(w->posts, 1);
	assert_string_equal(w->uri, "https://a.example/x");
	/* The one that has it does not get it again, nor after a restart. */
	advance(w, 2);
	again(w);
	advance(w, QUEUE_TLSRPT_RETRY_S + 61);
	assert_int_equal(w->mails, 1);
	assert_int_equal(w->posts, 2);
	advance(w, QUEUE_TLSRPT_RETRY_S + 61);
	assert_int_equal(w->posts, 2);		/* twice as long */
	w->post_says = ERR_OK;
	advance(w, QUEUE_TLSRPT_RETRY_S + 61);
	assert_int_equal(w->posts, 3);
	assert_int_equal(queue_tlsrpt_count(w->t), 0);
}

static void
test_gives_up(void **state)
{
	struct world *w = *state;
	uint32_t day = today(w);

	put(w, "a.example", "mailto:r@a.example\n");
	put(w, "b.example", "https://b.example/\n");
	w->mail_says = ERR_AGAIN;
	to_due(w, "a.example", day);
	to_due(w, "b.example", day);
	for (unsigned i = 0; i < 50; i++)
		advance(w, 3600);
	assert_in_range(w->mails, 5, 10);
	assert_string_equal(w->ids[0], w->ids[1]);	/* each time the same report */
	assert_int_equal(w->posts, 1);
	assert_int_equal(queue_tlsrpt_count(w->t), 0);
	/* Refused for good: not again. */
	w->mail_says = ERR_DENIED;
	w->mails = 0;
	day = today(w);
	put(w, "c.example", "mailto:r@c.example\n");
	to_due(w, "c.example", day);
	assert_int_equal(w->mails, 1);
	assert_int_equal(queue_tlsrpt_count(w->t), 0);
}

static void
test_waits(void **state)
{
	struct world *w = *state;
	uint32_t day = today(w);

	put(w, "a.example", "mailto:r@a.example\n");
	w->is_ready = false;
	to_due(w, "a.example", day);
	assert_int_equal(w->mails, 0);
	w->is_ready = true;
	w->is_mute = true;
	advance(w, 61);
	assert_int_equal(w->mails, 1);
	/* Still under way: nothing is begun again. */
	advance(w, 2 * QUEUE_TLSRPT_RETRY_S);
	assert_int_equal(w->mails, 1);
	/* Sums of the day that come late are a report of their own. */
	assert_int_equal(put_as(w, day, "a.example", "mailto:r@a.example\n",
	    TLS_FAILURE_NONE, "", 8), ERR_OK);
	assert_int_equal(queue_tlsrpt_count(w->t), 2);
	queue_tlsrpt_sent(w->entry, w->place, ERR_OK, "");
	w->is_mute = false;
	advance(w, 61);
	assert_int_equal(w->mails, 2);
	assert_string_not_equal(w->ids[0], w->ids[1]);
	assert_int_equal(queue_tlsrpt_count(w->t), 0);
}

static void
test_not_sound(void **state)
{
	static const char *const domains[] = { "", "a b", "a\r\nX: y", "a/b" };
	static const char *const ruas[] = { "", "mailto:a@b", "\n", "ftp://a\n", "mailto:a b@c\n",
	    "mailto:a@b>\n", "mailto:a@b\r\n",
	    "mailto:1@a\nmailto:2@a\nmailto:3@a\nmailto:4@a\nmailto:5@a\nmailto:6@a\n" };
	struct world *w = *state;
	struct ipc_tlsrpt_put m = { .day = today(w), .domain = SLICE_LIT("a.example"),
	    .rua = SLICE_LIT("mailto:a@b\n"), .policies = SLICE_LIT("xx") };
	uint32_t day = today(w);

	for (size_t i = 0; i < lengthof(domains); i++)
		assert_int_equal(put_as(w, day, domains[i], "mailto:a@b\n", TLS_FAILURE_NONE, "",
		    1), ERR_VIOLATION);
	for (size_t i = 0; i < lengthof(ruas); i++)
		assert_int_equal(put_as(w, day, "a.example", ruas[i], TLS_FAILURE_NONE, "", 1),
		    ERR_VIOLATION);
	assert_int_equal(queue_tlsrpt_put(w->t, &m, w, 1), ERR_VIOLATION);
	assert_int_equal(queue_tlsrpt_count(w->t), 0);
	/* Of a day that is long gone: taken, and not kept. */
	assert_int_equal(put_as(w, day - 3, "a.example", "mailto:a@b\n", TLS_FAILURE_NONE, "", 1),
	    ERR_OK);
	assert_int_equal(queue_tlsrpt_count(w->t), 0);
	/* Of a clock that is ahead: as of today. */
	assert_int_equal(put_as(w, day + 9, "a.example", "mailto:a@b\n", TLS_FAILURE_NONE, "", 1),
	    ERR_OK);
	to_due(w, "a.example", day);
	assert_int_equal(w->day, day);
	advance(w, 2);
	assert_int_equal(w->kept, 2);
}

static void
test_domains_limit(void **state)
{
	struct world *w = *state;
	char domain[40];

	for (unsigned i = 0; i <= QUEUE_TLSRPT_DOMAINS_MAX; i++) {
		(void)snprintf(domain, sizeof(domain), "d%u.example", i);
		put(w, domain, "mailto:a@b\n");
	}
	assert_int_equal(queue_tlsrpt_count(w->t), QUEUE_TLSRPT_DOMAINS_MAX);
	advance(w, 2);
	assert_int_equal(w->kept, QUEUE_TLSRPT_DOMAINS_MAX + 1);
	again(w);
	assert_int_equal(queue_tlsrpt_count(w->t), QUEUE_TLSRPT_DOMAINS_MAX);
}

/* Full of details; what is above is lost, the file has room for the rest. */
static void
test_bytes_limit(void **state)
{
	struct world *w = *state;
	char domain[40], mx[TLS_TALLY_NAME_MAX + 1];

	memset(mx, 'x', sizeof(mx) - 1);
	mx[sizeof(mx) - 1] = '\0';
	for (unsigned i = 0; i < 200; i++) {
		(void)snprintf(domain, sizeof(domain), "d%u.example", i);
		for (unsigned k = 0; k < TLS_TALLY_DETAILS_MAX + 10; k++) {
			mx[0] = (char)('a' + k % 26);
			mx[1] = (char)('a' + k / 26);
			assert_int_equal(put_as(w, today(w), domain, "mailto:a@b\n",
			    TLS_FAILURE_EXPIRED, mx, 1), ERR_OK);
		}
	}
	assert_in_range(queue_tlsrpt_count(w->t), 100, 130);
	advance(w, 2);
	again(w);
	assert_in_range(queue_tlsrpt_count(w->t), 100, 130);
}

static void
test_damaged(void **state)
{
	struct world *w = *state;
	struct buf b;

	buf_init(&b, FILE_ROOM);
	put(w, "a.example", "mailto:a@b\n");
	advance(w, 2);
	spool_dir_read(&w->dir, QUEUE_TLSRPT_FILE, &b);
	for (size_t i = 0; i < b.n; i++) {
		struct queue_keep *k;

		buf_data(&b)[i] ^= 0x41;
		spool_dir_write(&w->dir, QUEUE_TLSRPT_FILE, buf_data(&b), b.n);
		buf_data(&b)[i] ^= 0x41;
		queue_tlsrpt_free(&w->t);
		open_table(w);
		k = queue_tlsrpt_keep(w->t);
		queue_keep_on_refused(k, queue_keep_wants(k));
		assert_int_equal(queue_tlsrpt_count(w->t), 0);
		assert_int_equal(spool_dir_count(&w->dir, QUEUE_TLSRPT_FILE), 0);
	}
	assert_int_equal(spool_dir_count(&w->dir, "corrupt-" QUEUE_TLSRPT_FILE), 1);
	buf_fini(&b);
}

/* The log says "counted" of what is in the file, and of that alone. */
static void
test_tells_what_is_kept(void **state)
{
	struct world *w = *state;
	int fd;
	char log[2000] = "";
	struct timer tick;

	assert_int_equal(fd_memfd_make("log", &fd), ERR_OK);
	log_to_fd(fd);
	put(w, "a.example", "mailto:a@b\n");
	loop_advance(w->loop, 2000);
	timer_init(&tick, w->loop, on_tick, w->loop);
	for (unsigned i = 0; i < 1000 && !queue_keep_is_writing(queue_tlsrpt_keep(w->t)); i++) {
		timer_set(&tick, loop_now(w->loop));
		loop_run(w->loop);
	}
	assert_true(queue_keep_is_writing(queue_tlsrpt_keep(w->t)));
	put(w, "b.example", "mailto:a@b\n");
	run(w);
	assert_true(pread(fd, log, sizeof(log) - 1, 0) > 0);
	assert_non_null(strstr(log, "domain=a.example"));
	assert_null(strstr(log, "domain=b.example"));
	advance(w, 2);
	log_to_fd(STDERR_FILENO);
	assert_true(pread(fd, log, sizeof(log) - 1, 0) > 0);
	assert_non_null(strstr(log, "domain=b.example"));
	close(fd);
}

/* A relay process that went is not answered. */
static void
test_left(void **state)
{
	struct world *w = *state;

	put(w, "a.example", "mailto:a@b\n");
	queue_tlsrpt_left(w->t, w);
	advance(w, 2);
	assert_int_equal(w->kept, 0);
	assert_int_equal(queue_tlsrpt_count(w->t), 1);
}

int
main(void)
{
#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)
	static const struct CMUnitTest tests[] = {
		TEST(test_a_day), TEST(test_survives), TEST(test_tries_again),
		TEST(test_gives_up), TEST(test_waits), TEST(test_not_sound),
		TEST(test_domains_limit), TEST(test_bytes_limit), TEST(test_damaged),
		TEST(test_tells_what_is_kept), TEST(test_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
