/* SPDX-License-Identifier: ISC */
#include "tests/unit/test.h"

#include <string.h>

#include "lib/base/enc.h"
#include "lib/cmtp/cmtp_pin.h"

#define DAY	86400ull
#define NOW	(1000 * DAY)

static struct pair { unsigned char pub[32], sec[64]; } server, users[4];
static struct cmtp_key chain[CMTP_PIN_RECORDS_MAX + 1];
static unsigned n;
static struct buf bytes;

static void
pair_make(struct pair *p, unsigned char seed)
{
	unsigned char s[32] = { seed };

	cry_ed_pair(p->pub, p->sec, s);
}

static int
setup(void **state)
{
	(void)state;
	cry_init();
	pair_make(&server, 1);
	for (unsigned i = 0; i < lengthof(users); i++)
		pair_make(&users[i], (unsigned char)(10 + i));
	n = 0;
	buf_init(&bytes, 20000);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	buf_fini(&bytes);
	return 0;
}

/* The next of the chain, or with serial 1 the first of another one. */
static struct cmtp_key *
add(unsigned who, uint64_t serial, uint64_t created_s, const struct pair *previous)
{
	struct cmtp_key *k = &chain[n++];

	*k = (struct cmtp_key){ .kind = CMTP_KEY_LIVE, .generation = 1, .serial = serial,
		.created_s = created_s, .expires_s = created_s + 100 * DAY,
		.domain = SLICE_LIT("example.test"), .user = SLICE_LIT("alice") };
	memcpy(k->sign, users[who].pub, 32);
	if (serial > 1)
		cmtp_key_hash(k->before, k - 1);
	cmtp_key_sign_own(k, users[who].sec);
	if (previous != NULL)
		cmtp_key_sign_previous(k, previous->sec);
	cmtp_key_sign_server(k, server.sec);
	return k;
}

static void
end(struct cmtp_key *k, unsigned who)
{
	k->kind = CMTP_KEY_END;
	cmtp_key_sign_own(k, users[who].sec);
	cmtp_key_sign_previous(k, users[who].sec);
	cmtp_key_sign_server(k, server.sec);
}

static struct slice
records(unsigned from, unsigned to)
{
	buf_reset(&bytes);
	for (unsigned i = from; i < to; i++)
		assert_int_equal(cmtp_key_put(&bytes, &chain[i]), ERR_OK);
	return buf_slice(&bytes);
}

static struct cmtp_pin fresh;

static enum cmtp_chain
take(const struct cmtp_pin *known, unsigned from, unsigned to)
{
	const struct cmtp_pin_asked a = { .domain = SLICE_LIT("example.test"),
		.user = SLICE_LIT("Alice"), .server_sign = server.pub, .now_s = NOW };
	enum cmtp_chain c;

	assert_int_equal(cmtp_pin_take(&fresh, known, &a, records(from, to), &c), ERR_OK);
	return c;
}

static struct cmtp_pin
pinned(unsigned i)
{
	return (struct cmtp_pin){ .first_s = 5, .last_s = 6, .newest = chain[i] };
}

static void
test_goes_on(void **state)
{
	struct cmtp_pin p;

	(void)state;
	add(0, 1, NOW - 250 * DAY, NULL);	/* over, as of now */
	add(1, 2, NOW - 160 * DAY, &users[0]);
	add(1, 3, NOW - 60 * DAY, &users[1]);
	assert_int_equal(take(NULL, 0, 3), CMTP_CHAIN_NEXT);
	assert_true(cmtp_pin_is_good(CMTP_CHAIN_NEXT));
	assert_int_equal(fresh.newest.serial, 3);
	assert_int_equal(fresh.first_s, NOW);
	assert_int_equal(take(NULL, 2, 3), CMTP_CHAIN_NEW);
	p = pinned(0);
	assert_int_equal(take(&p, 0, 3), CMTP_CHAIN_NEXT);
	assert_int_equal(take(&p, 1, 3), CMTP_CHAIN_NEXT);
	assert_int_equal(fresh.first_s, 5);
	assert_int_equal(fresh.last_s, NOW);
	p = pinned(2);
	assert_int_equal(take(&p, 0, 3), CMTP_CHAIN_SAME);
	assert_int_equal(take(&p, 2, 3), CMTP_CHAIN_SAME);
	/* Only what has expired is there. */
	assert_int_equal(take(NULL, 0, 1), CMTP_CHAIN_EXPIRED);
	assert_false(cmtp_pin_is_good(CMTP_CHAIN_EXPIRED) || cmtp_pin_is_break(CMTP_CHAIN_EXPIRED));
}

static void
test_breaks(void **state)
{
	struct cmtp_pin p;

	(void)state;
	add(0, 1, NOW - 50 * DAY, NULL);
	add(1, 2, NOW - 40 * DAY, NULL);	/* the owner could not sign it */
	add(1, 3, NOW - 30 * DAY, &users[1]);
	p = pinned(0);
	assert_int_equal(take(&p, 0, 3), CMTP_CHAIN_RESET);
	assert_true(fresh.is_broken && cmtp_pin_is_break(fresh.why));
	assert_int_equal(fresh.broken_s, NOW);
	assert_int_equal(fresh.newest.serial, 1);
	assert_int_equal(take(&p, 2, 3), CMTP_CHAIN_GAP);
	/* The first time stays; and the chain may go on all the same. */
	p = fresh;
	p.broken_s = 77;
	assert_int_equal(take(&p, 0, 3), CMTP_CHAIN_RESET);
	assert_int_equal(fresh.broken_s, 77);
	assert_int_equal(take(&p, 0, 1), CMTP_CHAIN_SAME);
	assert_false(fresh.is_broken);
	p = pinned(2);
	assert_int_equal(take(&p, 0, 2), CMTP_CHAIN_OLD);
	assert_true(fresh.is_broken);
	n = 0;
	add(2, 1, NOW - 50 * DAY, NULL);
	add(2, 2, NOW - 40 * DAY, &users[2]);
	add(2, 3, NOW - 30 * DAY, &users[2]);
	assert_int_equal(take(&p, 0, 3), CMTP_CHAIN_FORK);
}

/* Nothing is known: what befell the chain before is no matter, what is not sound is. */
static void
test_first_seen(void **state)
{
	const struct cmtp_pin_asked a = { .domain = SLICE_LIT("example.test"),
		.user = SLICE_LIT("alice"), .server_sign = server.pub, .now_s = NOW };
	enum cmtp_chain c;

	(void)state;
	add(0, 1, NOW - 50 * DAY, NULL);
	add(1, 2, NOW - 40 * DAY, NULL);	/* a reset */
	assert_int_equal(take(NULL, 0, 2), CMTP_CHAIN_NEW);
	assert_int_equal(fresh.newest.serial, 2);
	assert_false(fresh.is_broken);
	add(0, 3, NOW - 30 * DAY, &users[1]);
	assert_int_equal(take(NULL, 0, 3), CMTP_CHAIN_NEXT);
	assert_int_equal(fresh.newest.serial, 3);
	/* The last is of a day that is far ahead, or is another's. */
	add(1, 4, NOW + 3 * DAY, &users[0]);
	assert_int_equal(cmtp_pin_take(&fresh, NULL, &a, records(0, 4), &c), ERR_CORRUPT);
	assert_int_equal(cmtp_pin_take(&fresh, NULL, &a, records(3, 4), &c), ERR_CORRUPT);
	chain[2].user = SLICE_LIT("bob");
	cmtp_key_sign_own(&chain[2], users[0].sec);
	cmtp_key_sign_previous(&chain[2], users[1].sec);
	cmtp_key_sign_server(&chain[2], server.sec);
	assert_int_equal(cmtp_pin_take(&fresh, NULL, &a, records(0, 3), &c), ERR_CORRUPT);
}

static void
test_end_and_again(void **state)
{
	struct cmtp_pin p;

	(void)state;
	add(0, 1, NOW - 50 * DAY, NULL);
	end(add(0, 2, NOW - 50 * DAY, &users[0]), 0);
	add(1, 1, NOW - 30 * DAY, NULL);
	add(1, 2, NOW - 20 * DAY, &users[1]);
	p = pinned(0);
	assert_int_equal(take(&p, 0, 2), CMTP_CHAIN_ENDED);
	assert_false(fresh.is_broken);
	assert_int_equal(fresh.newest.kind, CMTP_KEY_END);
	p = fresh;
	p.newest = chain[1];
	assert_int_equal(take(&p, 0, 4), CMTP_CHAIN_NEXT);
	assert_int_equal(fresh.newest.serial, 2);
	assert_int_equal(take(NULL, 0, 4), CMTP_CHAIN_NEXT);
	p = pinned(0);
	assert_int_equal(take(&p, 1, 3), CMTP_CHAIN_REUSED);
	assert_int_equal(take(&p, 2, 4), CMTP_CHAIN_FORK);	/* its end was not shown */
}

static void
test_refused(void **state)
{
	struct cmtp_pin_asked a = { .domain = SLICE_LIT("example.test"), .user = SLICE_LIT("alice"),
		.server_sign = users[3].pub, .now_s = NOW };
	enum cmtp_chain c;

	(void)state;
	for (unsigned i = 0; i <= CMTP_PIN_RECORDS_MAX; i++)
		add(0, i + 1, NOW - 50 * DAY + i, i > 0 ? &users[0] : NULL);
	assert_int_equal(cmtp_pin_take(&fresh, NULL, &a, records(0, 1), &c), ERR_CORRUPT);
	a.server_sign = server.pub;
	assert_int_equal(cmtp_pin_take(&fresh, NULL, &a, SLICE_NONE, &c), ERR_NOTFOUND);
	assert_int_equal(cmtp_pin_take(&fresh, NULL, &a, records(0, CMTP_PIN_RECORDS_MAX), &c), ERR_OK);
	assert_int_equal(cmtp_pin_take(&fresh, NULL, &a, records(0, CMTP_PIN_RECORDS_MAX + 1), &c),
	    ERR_LIMIT);
	assert_int_equal(cmtp_pin_take(&fresh, NULL, &a, slice_head(records(0, 1), 20), &c),
	    ERR_SYNTAX);
	a.user = SLICE_LIT("bob");
	assert_int_equal(cmtp_pin_take(&fresh, NULL, &a, records(0, 1), &c), ERR_CORRUPT);
}

static void
test_bytes(void **state)
{
	struct cmtp_pin p, q;
	struct buf b, again;
	struct slice s;

	(void)state;
	add(0, 1, NOW - 50 * DAY, NULL);
	p = pinned(0);
	p.is_broken = true;
	p.why = CMTP_CHAIN_FORK;
	p.broken_s = 9;
	buf_init(&b, CMTP_PIN_BYTES_MAX);
	buf_init(&again, CMTP_PIN_BYTES_MAX);
	cmtp_pin_put(&b, &p);
	s = buf_slice(&b);
	assert_int_equal(cmtp_pin_get(&q, s), ERR_OK);
	assert_true(q.is_broken && q.why == CMTP_CHAIN_FORK && q.broken_s == 9 && q.first_s == 5);
	cmtp_pin_put(&again, &q);
	assert_true(slice_eq(s, buf_slice(&again)));
	for (size_t i = 0; i < s.n; i++)
		assert_int_equal(cmtp_pin_get(&q, slice_head(s, i)), ERR_SHORT);
	buf_put_char(&again, 'x');
	assert_int_equal(cmtp_pin_get(&q, buf_slice(&again)), ERR_SYNTAX);
	buf_reset(&again);
	buf_put_slice(&again, s);
	again.mem[again.off + 1] = CMTP_CHAIN_EARLY + 2;
	assert_int_equal(cmtp_pin_get(&q, buf_slice(&again)), ERR_SYNTAX);
	again.mem[again.off] = 2;
	assert_int_equal(cmtp_pin_get(&q, buf_slice(&again)), ERR_VERSION);
	buf_fini(&b);
	buf_fini(&again);
}

static void
test_txt(void **state)
{
	struct buf b;
	struct slice s;

	(void)state;
	add(0, 1, NOW - 50 * DAY, NULL);
	add(1, 2, NOW - 40 * DAY, &users[0]);
	s = records(0, 2);
	buf_init(&b, 200);
	buf_put_str(&b, "v=CMTP2; p=");
	enc_put_base64(&b, slice_of(users[0].pub, 32));
	assert_int_equal(cmtp_pin_fits_txt(s, buf_slice(&b)), ERR_OK);
	assert_int_equal(cmtp_pin_fits_txt(s, slice_head(buf_slice(&b), b.n - 4)), ERR_CORRUPT);
	assert_int_equal(cmtp_pin_fits_txt(s, SLICE_LIT("v=CMTP2; p=")), ERR_CORRUPT);
	assert_int_equal(cmtp_pin_fits_txt(s, SLICE_LIT("v=CMTP2;")), ERR_CORRUPT);
	assert_int_equal(cmtp_pin_fits_txt(s, SLICE_LIT("v=spf1 -all")), ERR_NOTFOUND);
	assert_int_equal(cmtp_pin_fits_txt(s, SLICE_NONE), ERR_NOTFOUND);
	buf_reset(&b);
	buf_put_str(&b, " v=cmtp2;p=");
	enc_put_base64(&b, slice_of(users[2].pub, 32));
	assert_int_equal(cmtp_pin_fits_txt(s, buf_slice(&b)), ERR_CORRUPT);
	buf_fini(&b);
}

#define TEST(fn)	cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_goes_on), TEST(test_breaks), TEST(test_first_seen), TEST(test_end_and_again), TEST(test_refused),
		TEST(test_bytes), TEST(test_txt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
