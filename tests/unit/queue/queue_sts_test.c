/* SPDX-License-Identifier: ISC */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/crypto/cry.h"
#include "lib/ipc/ipc_codec.h"
#include "queue/queue_sts.h"
#include "tests/unit/queue/spool_dir.h"

#define SLACK_MS	30000u
#define FILE_ROOM	(6u << 20)

struct world {
	struct loop		*loop;
	struct spool_dir	 dir;
	struct queue_keys	 keys;
	struct queue_sts	*s;
};

static void
add_key(struct world *w, uint32_t id)
{
	unsigned char key[CRY_KEY_BYTES];

	memset(key, (int)id, sizeof(key));
	assert_int_equal(queue_seal_add_key(&w->keys, id, slice_of(key, sizeof(key))), ERR_OK);
	w->keys.current = id;
}

static int
setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	cry_init();
	w->loop = loop_new();
	spool_dir_make(&w->dir);
	add_key(w, 1);
	w->s = queue_sts_new(w->loop, w->dir.fd, &w->keys);
	*state = w;
	return 0;
}

static void
on_limit(void *arg)
{
	(void)arg;
	fail_msg("it took too long");
}

static void
on_tick(void *arg)
{
	loop_stop(arg);
}

/*
 * Until what the timer began is on disk.  It may begin some turns from now:
 * the loop's time and ours differ by what passed since its last turn.
 */
static void
run_write(struct world *w)
{
	struct timer limit, tick;
	unsigned turns = 0;

	timer_init(&limit, w->loop, on_limit, NULL);
	timer_init(&tick, w->loop, on_tick, w->loop);
	timer_set(&limit, loop_now(w->loop) + QUEUE_KEEP_RETRY_MS + 20000);
	do {
		timer_set(&tick, loop_now(w->loop) + 1);
		loop_run(w->loop);
	} while (++turns < 20 || queue_keep_is_writing(queue_sts_keep(w->s)));
	timer_stop(&limit);
}

static int
teardown(void **state)
{
	struct world *w = *state;

	if (queue_keep_is_writing(queue_sts_keep(w->s)))
		run_write(w);
	queue_sts_free(&w->s);
	spool_dir_remove(&w->dir);
	loop_free(&w->loop);
	free(w);
	return 0;
}

static uint64_t
now_s(const struct world *w)
{
	return loop_real_ms(w->loop) / 1000;
}

static struct queue_sts_policy
policy(const struct world *w, const char *domain, const char *id)
{
	return (struct queue_sts_policy){ .domain = slice_str(domain), .id = slice_str(id),
	    .body = SLICE_LIT("version: STSv1\nmode: enforce\n"), .fetched_s = now_s(w),
	    .max_age_s = 86400 };
}

static void
put(struct world *w, const char *domain, const char *id)
{
	struct queue_sts_policy p = policy(w, domain, id);

	assert_int_equal(queue_sts_put(w->s, &p), ERR_OK);
}

static bool
has(struct world *w, const char *domain, const char *id)
{
	struct queue_sts_policy p;

	if (!queue_sts_find(w->s, slice_str(domain), &p))
		return false;
	assert_slice(p.domain, domain);
	assert_slice(p.id, id);
	assert_slice(p.body, "version: STSv1\nmode: enforce\n");
	return true;
}

static void
again(struct world *w)
{
	if (queue_keep_is_writing(queue_sts_keep(w->s)))
		run_write(w);
	queue_sts_free(&w->s);
	w->s = queue_sts_new(w->loop, w->dir.fd, &w->keys);
}

/* ---- */

static void
test_table(void **state)
{
	struct world *w = *state;

	assert_false(has(w, "a.example", "1"));
	put(w, "a.example", "1");
	put(w, "b.example", "2");
	assert_true(has(w, "a.example", "1"));
	put(w, "a.example", "3");
	assert_true(has(w, "a.example", "3"));
	assert_true(has(w, "b.example", "2"));
	assert_int_equal(queue_sts_count(w->s), 2);
}

static void
test_expires(void **state)
{
	struct world *w = *state;

	put(w, "a.example", "1");
	/* The real clock goes on meanwhile, and ages are of whole seconds. */
	loop_advance(w->loop, 86400000 - SLACK_MS);
	assert_true(has(w, "a.example", "1"));
	loop_advance(w->loop, SLACK_MS);
	assert_false(has(w, "a.example", "1"));
	assert_int_equal(queue_sts_count(w->s), 0);
}

/* From a clock that was ahead: not for ever. */
static void
test_future(void **state)
{
	struct world *w = *state;
	struct queue_sts_policy p = policy(w, "a.example", "1");

	p.fetched_s += 1000000000;
	assert_int_equal(queue_sts_put(w->s, &p), ERR_OK);
	loop_advance(w->loop, 86401000);
	assert_false(has(w, "a.example", "1"));
}

static void
test_survives(void **state)
{
	struct world *w = *state;

	put(w, "a.example", "1");
	put(w, "b.example", "2");
	loop_advance(w->loop, QUEUE_STS_SAVE_MS);
	run_write(w);
	again(w);
	assert_int_equal(queue_sts_count(w->s), 2);
	assert_true(has(w, "a.example", "1"));
	assert_true(has(w, "b.example", "2"));
	/* At the end of the daemon: at once. */
	put(w, "b.example", "4");
	queue_keep_save(queue_sts_keep(w->s));
	again(w);
	assert_true(has(w, "b.example", "4"));
	assert_int_equal(spool_dir_count(&w->dir, "sts-policies"), 1);
	/* What expired meanwhile does not come back. */
	loop_advance(w->loop, 86401000);
	again(w);
	assert_int_equal(queue_sts_count(w->s), 0);
}

/* Changes during a write are written after it. */
static void
test_change_while_writing(void **state)
{
	struct world *w = *state;
	struct timer tick;

	put(w, "a.example", "1");
	loop_advance(w->loop, QUEUE_STS_SAVE_MS);
	timer_init(&tick, w->loop, on_tick, w->loop);
	while (!queue_keep_is_writing(queue_sts_keep(w->s))) {
		timer_set(&tick, loop_now(w->loop));
		loop_run(w->loop);
	}
	put(w, "b.example", "2");
	queue_keep_save(queue_sts_keep(w->s));		/* leaves it alone */
	run_write(w);
	queue_keep_save(queue_sts_keep(w->s));
	again(w);
	assert_int_equal(queue_sts_count(w->s), 2);
}

static void
test_not_sound(void **state)
{
	struct world *w = *state;
	char domain[QUEUE_STS_DOMAIN_MAX + 2], id[QUEUE_STS_ID_MAX + 2];
	char *body = calloc(1, QUEUE_STS_BODY_MAX + 2);
	struct queue_sts_policy p = policy(w, "a.example", "1");

	memset(domain, 'a', sizeof(domain));
	memset(id, 'b', sizeof(id));
	memset(body, 'c', QUEUE_STS_BODY_MAX + 1);
	p.domain = slice_of(domain, QUEUE_STS_DOMAIN_MAX);
	p.id = slice_of(id, QUEUE_STS_ID_MAX);
	p.body = slice_of(body, QUEUE_STS_BODY_MAX);
	p.max_age_s = QUEUE_STS_AGE_MAX_S;
	assert_int_equal(queue_sts_put(w->s, &p), ERR_OK);
	queue_keep_save(queue_sts_keep(w->s));
	again(w);
	assert_int_equal(queue_sts_count(w->s), 1);
	p.domain.n++;
	assert_int_equal(queue_sts_put(w->s, &p), ERR_VIOLATION);
	p.domain.n = 0;
	assert_int_equal(queue_sts_put(w->s, &p), ERR_VIOLATION);
	p.domain.n = 1;
	p.id.n++;
	assert_int_equal(queue_sts_put(w->s, &p), ERR_VIOLATION);
	p.id.n = 0;
	assert_int_equal(queue_sts_put(w->s, &p), ERR_VIOLATION);
	p.id.n = 1;
	p.body.n++;
	assert_int_equal(queue_sts_put(w->s, &p), ERR_VIOLATION);
	p.body.n = 0;
	assert_int_equal(queue_sts_put(w->s, &p), ERR_VIOLATION);
	p.body.n = 1;
	p.max_age_s++;
	assert_int_equal(queue_sts_put(w->s, &p), ERR_VIOLATION);
	assert_int_equal(queue_sts_count(w->s), 1);
	free(body);
}

static void
put_number(struct world *w, unsigned i)
{
	char domain[40];

	(void)snprintf(domain, sizeof(domain), "d%u.example", i);
	put(w, domain, "1");
}

static void
test_domains_limit(void **state)
{
	struct world *w = *state;

	for (unsigned i = 0; i < QUEUE_STS_DOMAINS_MAX; i++)
		put_number(w, i);
	assert_int_equal(queue_sts_count(w->s), QUEUE_STS_DOMAINS_MAX);
	/* Asked for: not the next to go. */
	assert_true(has(w, "d0.example", "1"));
	put_number(w, QUEUE_STS_DOMAINS_MAX);
	assert_int_equal(queue_sts_count(w->s), QUEUE_STS_DOMAINS_MAX);
	assert_true(has(w, "d0.example", "1"));
	assert_false(has(w, "d1.example", "1"));
	queue_keep_save(queue_sts_keep(w->s));
	again(w);
	assert_int_equal(queue_sts_count(w->s), QUEUE_STS_DOMAINS_MAX);
}

static void
test_bytes_limit(void **state)
{
	struct world *w = *state;
	char *body = malloc(QUEUE_STS_BODY_MAX), domain[40];
	unsigned most = QUEUE_STS_BYTES_MAX / QUEUE_STS_BODY_MAX;

	memset(body, 'c', QUEUE_STS_BODY_MAX);
	for (unsigned i = 0; i < most + 10; i++) {
		struct queue_sts_policy p = policy(w, domain, "1");

		(void)snprintf(domain, sizeof(domain), "d%u.example", i);
		p.domain = slice_str(domain);
		p.body = slice_of(body, QUEUE_STS_BODY_MAX);
		assert_int_equal(queue_sts_put(w->s, &p), ERR_OK);
	}
	assert_in_range(queue_sts_count(w->s), most - 5, most);
	queue_keep_save(queue_sts_keep(w->s));
	again(w);
	assert_in_range(queue_sts_count(w->s), most - 5, most);
	free(body);
}

static void
check_damage(struct world *w, const struct buf *b)
{
	struct queue_keep *k;

	spool_dir_write(&w->dir, QUEUE_STS_FILE, buf_data(b), b->n);
	again(w);
	k = queue_sts_keep(w->s);
	/* It names a key that there never was. */
	queue_keep_on_refused(k, queue_keep_wants(k));
	assert_int_equal(queue_sts_count(w->s), 0);
	assert_int_equal(spool_dir_count(&w->dir, QUEUE_STS_FILE), 0);
	assert_int_equal(spool_dir_count(&w->dir, "corrupt-" QUEUE_STS_FILE), 1);
	/* It goes on. */
	put(w, "c.example", "1");
	queue_keep_save(queue_sts_keep(w->s));
	again(w);
	assert_true(has(w, "c.example", "1"));
}

/* Each byte changed, and each length. */
static void
test_damaged(void **state)
{
	struct world *w = *state;
	struct buf b;

	buf_init(&b, FILE_ROOM);
	put(w, "a.example", "1");
	put(w, "b.example", "2");
	queue_keep_save(queue_sts_keep(w->s));
	spool_dir_read(&w->dir, QUEUE_STS_FILE, &b);
	for (size_t i = 0; i < b.n; i++) {
		buf_data(&b)[i] ^= 0x41;
		check_damage(w, &b);
		buf_data(&b)[i] ^= 0x41;
	}
	while (b.n > 0) {
		buf_truncate(&b, b.n - 1);
		check_damage(w, &b);
	}
	buf_fini(&b);
}

/* Nobody can read in it with whom mail is exchanged. */
static void
test_sealed(void **state)
{
	struct world *w = *state;
	struct buf b;

	buf_init(&b, FILE_ROOM);
	put(w, "secret.example", "1");
	queue_keep_save(queue_sts_keep(w->s));
	spool_dir_read(&w->dir, QUEUE_STS_FILE, &b);
	assert_int_equal(slice_search(buf_slice(&b), SLICE_LIT("secret")), b.n);
	assert_int_equal(slice_search(buf_slice(&b), SLICE_LIT("enforce")), b.n);
	buf_fini(&b);
}

/* As it was written before it was sealed. */
static void
test_old_form(void **state)
{
	struct world *w = *state;
	struct queue_sts_policy p = policy(w, "a.example", "7");
	unsigned char sum[32];
	struct buf b, body;

	buf_init(&b, FILE_ROOM);
	buf_init(&body, FILE_ROOM);
	ipc_put_u64(&body, p.fetched_s);
	ipc_put_u32(&body, p.max_age_s);
	ipc_put_var(&body, p.domain, QUEUE_STS_DOMAIN_MAX);
	ipc_put_var(&body, p.id, QUEUE_STS_ID_MAX);
	ipc_put_var(&body, p.body, QUEUE_STS_BODY_MAX);
	buf_put(&b, "GODWITST", 8);
	ipc_put_u32(&b, 1);
	ipc_put_u32(&b, 1);
	ipc_put_u64(&b, body.n);
	buf_put_slice(&b, buf_slice(&body));
	cry_hash(sum, sizeof(sum), buf_slice(&b));
	buf_put(&b, sum, sizeof(sum));
	spool_dir_write(&w->dir, QUEUE_STS_FILE, buf_data(&b), b.n);
	again(w);
	assert_true(has(w, "a.example", "7"));
	/* Sealed with the next write, though nothing changed. */
	queue_keep_save(queue_sts_keep(w->s));
	buf_reset(&body);
	spool_dir_read(&w->dir, QUEUE_STS_FILE, &body);
	assert_int_equal(slice_search(buf_slice(&body), SLICE_LIT("a.example")), body.n);
	again(w);
	assert_true(has(w, "a.example", "7"));
	/* A damaged one of these goes the same way. */
	buf_data(&b)[30] ^= 1;
	check_damage(w, &b);
	buf_fini(&b);
	buf_fini(&body);
}

/* Read before keyd gave the key; under an older key than that of today. */
static void
test_key_comes_later(void **state)
{
	struct world *w = *state;
	struct queue_keys none = { .current = 0 };
	struct buf before, after;

	buf_init(&before, FILE_ROOM);
	buf_init(&after, FILE_ROOM);
	put(w, "a.example", "1");
	queue_keep_save(queue_sts_keep(w->s));
	w->keys = none;
	again(w);
	assert_false(has(w, "a.example", "1"));
	assert_int_equal(queue_keep_wants(queue_sts_keep(w->s)), 1);
	/* Meanwhile it is not written over. */
	put(w, "b.example", "2");
	queue_keep_save(queue_sts_keep(w->s));
	add_key(w, 2);
	queue_keep_on_key(queue_sts_keep(w->s));
	assert_int_equal(queue_keep_wants(queue_sts_keep(w->s)), 1);
	queue_keep_save(queue_sts_keep(w->s));
	queue_keep_on_refused(queue_sts_keep(w->s), 2);
	spool_dir_read(&w->dir, QUEUE_STS_FILE, &before);
	add_key(w, 1);
	add_key(w, 2);
	queue_keep_on_key(queue_sts_keep(w->s));
	assert_int_equal(queue_keep_wants(queue_sts_keep(w->s)), 0);
	assert_true(has(w, "a.example", "1"));
	assert_true(has(w, "b.example", "2"));
	queue_keep_save(queue_sts_keep(w->s));
	spool_dir_read(&w->dir, QUEUE_STS_FILE, &after);
	assert_false(slice_eq(buf_slice(&before), buf_slice(&after)));
	again(w);
	assert_int_equal(queue_sts_count(w->s), 2);
	/* keyd has no such key any more. */
	w->keys = none;
	add_key(w, 3);
	again(w);
	queue_keep_on_refused(queue_sts_keep(w->s), 2);
	assert_int_equal(spool_dir_count(&w->dir, "corrupt-" QUEUE_STS_FILE), 1);
	buf_fini(&before);
	buf_fini(&after);
}

static void
test_too_large(void **state)
{
	struct world *w = *state;
	struct buf b;

	buf_init(&b, FILE_ROOM);
	while (b.n < QUEUE_STS_BYTES_MAX + 200000)
		buf_put_str(&b, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
	check_damage(w, &b);
	buf_fini(&b);
}

/* What cannot be written stays in memory and is tried again. */
static void
test_cannot_write(void **state)
{
	struct world *w = *state;

	assert_int_equal(mkdirat(w->dir.fd, QUEUE_STS_FILE ".new", 0700), 0);
	put(w, "a.example", "1");
	loop_advance(w->loop, QUEUE_STS_SAVE_MS);
	run_write(w);
	assert_true(has(w, "a.example", "1"));
	assert_int_equal(unlinkat(w->dir.fd, QUEUE_STS_FILE ".new", AT_REMOVEDIR), 0);
	loop_advance(w->loop, QUEUE_KEEP_RETRY_MS);
	run_write(w);
	again(w);
	assert_true(has(w, "a.example", "1"));
}

int
main(void)
{
#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)
	static const struct CMUnitTest tests[] = {
		TEST(test_table), TEST(test_expires), TEST(test_future), TEST(test_survives),
		TEST(test_change_while_writing), TEST(test_not_sound), TEST(test_domains_limit),
		TEST(test_bytes_limit), TEST(test_damaged), TEST(test_too_large),
		TEST(test_cannot_write), TEST(test_sealed), TEST(test_old_form),
		TEST(test_key_comes_later),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
