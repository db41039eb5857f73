/* SPDX-License-Identifier: ISC */
#include "tests/unit/test.h"

#include <string.h>

#include "delivery/dlv_postage.h"
#include "lib/base/log.h"

static const unsigned char digest[CMTP_DIGEST_BYTES] = { 7 };

static struct world {
	struct loop		*loop;
	struct dlv_postage	*postage;
	unsigned		 left;		/* answers that are waited for */
	char			 order[20];
	enum err		 error;
	uint64_t		 counter;
} w;

static int
setup(void **state)
{
	(void)state;
	cry_init();
	memset(&w, 0, sizeof(w));
	w.loop = loop_new();
	loop_start_threads(w.loop, 1);
	w.postage = dlv_postage_new(w.loop);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	dlv_postage_free(&w.postage);
	loop_free(&w.loop);
	return 0;
}

static void
on_paid(void *arg, enum err e, uint64_t counter)
{
	const char *name = arg;

	strncat(w.order, name, 1);
	w.error = e;
	w.counter = counter;
	if (--w.left == 0)
		loop_stop(w.loop);
}

static struct cmtp2_price
price_of(uint8_t bits, uint32_t kib)
{
	return (struct cmtp2_price){ .bits = bits, .kib = kib, .passes = 1,
		.expires_s = loop_real_ms(w.loop) / 1000 + 100 };
}

static struct dlv_payer *
pay(const struct cmtp2_price *p, const char *name)
{
	w.left++;
	return dlv_postage_pay(w.postage, p, digest, on_paid, (void *)(uintptr_t)name);
}

static void
test_solves(void **state)
{
	const struct cmtp2_price p = price_of(6, 64);

	(void)state;
	assert_non_null(pay(&p, "a"));
	loop_run(w.loop);
	assert_int_equal(w.error, ERR_OK);
	assert_int_equal(cmtp2_postage_try(&p, digest, w.counter), ERR_OK);
}

/* Who has much to do does not keep the others from their turn. */
static void
test_turns(void **state)
{
	const struct cmtp2_price dear = price_of(11, 1024), cheap = price_of(0, 64);

	(void)state;
	assert_non_null(pay(&dear, "a"));
	assert_non_null(pay(&cheap, "b"));
	assert_non_null(pay(&cheap, "c"));
	loop_run(w.loop);
	assert_string_equal(w.order, "bca");
}

static void
test_line(void **state)
{
	const struct cmtp2_price p = price_of(0, 64);
	struct dlv_payer *first = NULL;

	(void)state;
	for (unsigned i = 0; i < DLV_POSTAGE_LINE_MAX; i++) {
		struct dlv_payer *a = pay(&p, "x");

		assert_non_null(a);
		first = first == NULL ? a : first;
	}
	assert_null(dlv_postage_pay(w.postage, &p, digest, on_paid, NULL));
	dlv_postage_cancel(&first);
	w.left--;
	assert_non_null(pay(&p, "y"));
	loop_run(w.loop);
	assert_string_equal(w.order, "xxxxxxxy");
}

static void
cancel(void *arg)
{
	dlv_postage_cancel(arg);
}

/* One that leaves while the pool works for it. */
static void
test_leaves_at_work(void **state)
{
	const struct cmtp2_price dear = price_of(16, 1024), cheap = price_of(0, 64);
	struct dlv_payer *a = pay(&dear, "a");
	struct loop_idle later;

	(void)state;
	w.left--;
	loop_idle_init(&later, cancel, &a);
	loop_defer(w.loop, &later);	/* behind the turn that gave it to the pool */
	assert_non_null(pay(&cheap, "b"));
	loop_run(w.loop);
	assert_null(a);
	assert_string_equal(w.order, "b");
}

static void
test_too_late(void **state)
{
	struct cmtp2_price p = price_of(16, 1024);

	(void)state;
	p.expires_s += DLV_POSTAGE_MS;
	assert_non_null(pay(&p, "a"));
	loop_advance(w.loop, DLV_POSTAGE_MS);
	loop_run(w.loop);
	assert_int_equal(w.error, ERR_TIMEOUT);
	p = price_of(16, 1024);
	assert_non_null(pay(&p, "b"));
	loop_advance(w.loop, 100000);
	loop_run(w.loop);
	assert_int_equal(w.error, ERR_TIMEOUT);
}

static void
test_judge(void **state)
{
	struct cmtp2_price p = price_of(6, 1u << 20);	/* DLV_POSTAGE_WORK_MAX */

	(void)state;
	assert_int_equal(dlv_postage_judge(&p, p.expires_s - 1), ERR_OK);
	assert_int_equal(dlv_postage_judge(&p, p.expires_s), ERR_TIMEOUT);
	p.kib++;
	assert_int_equal(dlv_postage_judge(&p, 0), ERR_LIMIT);
	p.kib--;
	p.bits++;
	assert_int_equal(dlv_postage_judge(&p, 0), ERR_LIMIT);
}

#define TEST(fn)	cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_solves), TEST(test_turns), TEST(test_line), TEST(test_leaves_at_work),
		TEST(test_too_late), TEST(test_judge),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
