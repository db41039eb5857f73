/* SPDX-License-Identifier: ISC */
/* Keys of other domains' users by CMTP 1, as cmtpd asks for them, with a host of version 1. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "delivery/dlv_pin1.h"
#include "tests/unit/delivery/fake_dns.h"
#include "tests/unit/delivery/fake_host1.h"

#define MARGIN_MS	100000u		/* for what a slow machine takes */

/* There is one: of this seed, and signed here. */
static void
is_key_of(unsigned char seed)
{
	unsigned char key[CRY_KEY_BYTES], secret[CRY_ED_SECRET_BYTES];

	assert_true(w->passed1);
	fake_host1_pair(seed, key, secret);
	assert_memory_equal(w->key1, key, sizeof(key));
	fake_host1_pair(FAKE_CMTP_SEED_1, key, secret);
	assert_int_equal(cry_ed_verify(w->sig1, slice_of(w->key1, sizeof(w->key1)), key), ERR_OK);
}

static void
has_key(const char *user, unsigned char seed)
{
	(void)fake_cmtp_pass1(user, "there.example");
	is_key_of(seed);
}

/* None; the log says why, in its last line. */
static void
has_none(const char *user, const char *why)
{
	char log[20000];
	ssize_t n;
	const char *last;

	assert_int_equal(ftruncate(w->log, 0), 0);
	assert_int_equal(lseek(w->log, 0, SEEK_SET), 0);
	assert_false(fake_cmtp_pass1(user, "there.example"));
	n = pread(w->log, log, sizeof(log) - 1, 0);
	assert_true(n >= 0);
	log[n] = '\0';
	last = strstr(log, "key action=cmtp1-ask key=there.example ");
	assert_non_null(last);
	if (strstr(last, why) == NULL)
		fail_msg("%s", last);
}

static void
test_found(void **state)
{
	(void)state;
	assert_true(fake_cmtp_pass1("bob", "There.EXAMPLE"));
	is_key_of(2);
	assert_int_equal(w->puts, 2);		/* of the server, and of bob */
	assert_int_equal(w->far_signs, 1);
	assert_int_equal(w->host.connects, 1);
	/* The same answer for a while, whoever asks. */
	h.bob = 9;
	loop_advance(w->loop, DLV_LOOKUP_AGAIN_MS - MARGIN_MS);
	has_key("bob", 2);
	assert_int_equal(w->host.connects, 1);
	assert_int_equal(w->far_signs, 1);
	h.bob = 2;
	loop_advance(w->loop, MARGIN_MS);
	has_key("bob", 2);
	assert_int_equal(w->host.connects, 2);
	assert_int_equal(h.greets, 2);
	assert_int_equal(w->puts, 2);
	/* In version 2 he has none: another question. */
	assert_int_equal(fake_cmtp_pass("bob", "there.example", 0), CMTP2_NOT_SERVED);
	has_key("bob", 2);
	assert_int_equal(h.greets, 2);
}

static void
test_nobody(void **state)
{
	(void)state;
	has_none("carol", "there is no such user");
	assert_int_equal(w->far_none, 1);	/* it takes as long */
	h.carol = 3;
	loop_advance(w->loop, DLV_LOOKUP_AGAIN_MS - MARGIN_MS);
	assert_false(fake_cmtp_pass1("carol", "there.example"));
	assert_int_equal(h.greets, 1);
	loop_advance(w->loop, MARGIN_MS);
	has_key("carol", 3);
	assert_int_equal(h.greets, 2);
}

/* Equal questions are one; who went away gets nothing. */
static void
test_together(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++)
		fake_cmtp_ask1("bob", "there.example");
	fake_cmtp_run();
	assert_int_equal(w->count, 3);
	is_key_of(2);
	assert_int_equal(h.greets, 1);
	w->keyd_is_silent = true;
	fake_cmtp_ask1("carol", "there.example");
	fake_cmtp_run_for(1);
	dlv_relay_cmtpd_left(w->relay, w->at_cmtpd);
	w->count++;
	has_key("bob", 2);
}

/* The first one stays the known one. */
static void
test_other_keys(void **state)
{
	(void)state;
	has_key("bob", 2);
	h.bob = 9;
	loop_advance(w->loop, DLV_LOOKUP_AGAIN_MS);
	has_none("bob", "the user's key is another");
	assert_int_equal(w->far_none, 1);
	h.bob = 0;
	loop_advance(w->loop, DLV_LOOKUP_AGAIN_MS);
	has_none("bob", "there is none any more");
	h.server = 8;
	h.bob = 2;
	loop_advance(w->loop, DLV_LOOKUP_AGAIN_MS);
	has_none("bob", "its key is another");
	/* A break is remembered as long as any answer. */
	h.server = 1;
	loop_advance(w->loop, DLV_LOOKUP_AGAIN_MS - MARGIN_MS);
	assert_false(fake_cmtp_pass1("bob", "there.example"));
	loop_advance(w->loop, MARGIN_MS);
	has_key("bob", 2);
	/* Long ago: that it is gone is no break, but another key is. */
	h.bob = 0;
	loop_advance(w->loop, (uint64_t)DLV_PIN1_REMEMBERED_S * 1000);
	has_none("bob", "there is no such user");
}

static void
test_bad_hosts(void **state)
{
	(void)state;
	h.bad_signature = true;
	has_none("bob", "does not verify");
	/* What may pass is asked again soon. */
	h.bad_signature = false;
	assert_false(fake_cmtp_pass1("bob", "there.example"));
	loop_advance(w->loop, DLV_LOOKUP_SOON_MS);
	h.words = "2";
	has_none("bob", "does not speak version 1");
	loop_advance(w->loop, DLV_LOOKUP_SOON_MS);
	h.words = NULL;
	h.server = 0;
	has_none("bob", "does not tell its key");
	loop_advance(w->loop, DLV_LOOKUP_SOON_MS);
	h.server = 1;
	w->host.ehlo = "250 fake";
	has_none("bob", "no host of the domain speaks CMTP 1");
	assert_int_equal(h.greets, 3);
	w->host.ehlo = FAKE_HOST1_EHLO;
	loop_advance(w->loop, DLV_LOOKUP_AGAIN_MS);
	has_key("bob", 2);
	assert_false(fake_cmtp_pass1("bob", "nowhere.example"));
	assert_false(fake_cmtp_pass1("bob", "a b"));
	assert_false(fake_cmtp_pass1("bob", ""));
	assert_false(fake_cmtp_pass1("", "there.example"));
	assert_false(fake_cmtp_pass1("b\377b", "there.example"));	/* no UTF-8 */
	assert_int_equal(w->far_none, 0);
}

/* The next host of the domain, when the first one does not speak; TLS where it is offered. */
static void
test_hosts(void **state)
{
	(void)state;
	fake_dns_mx("there.example", 5, "first.there.example", false);
	fake_dns_addr("first.there.example", "127.0.0.9", false);
	w->host.tls = w->tls_server;
	w->host.ehlo = EHLO_IN_CLEAR;
	w->host.ehlo_in_tls = FAKE_HOST1_EHLO;
	has_key("bob", 2);
	assert_int_equal(w->host.connects, 1);
}

static void
test_keyd(void **state)
{
	(void)state;
	w->tick_ms = 500;
	w->keyd_is_silent = true;
	has_none("bob", "what is known of it cannot be had now");
	assert_int_equal(h.greets, 0);
	w->keyd_is_silent = false;
	w->signs_nothing = true;
	loop_advance(w->loop, DLV_LOOKUP_SOON_MS);
	has_none("bob", "its key cannot be signed now");
	loop_advance(w->loop, DLV_LOOKUP_SOON_MS);
	dlv_relay_set_keyd(w->relay, NULL);
	has_none("bob", "what is known of it cannot be had now");
	assert_int_equal(h.greets, 1);
}

/* One more than may wait, and one more than is remembered. */
static void
test_limits(void **state)
{
	char name[40];

	(void)state;
	has_key("bob", 2);
	for (unsigned i = 0; i < DLV_LOOKUP_DOMAINS_MAX; i++) {
		(void)snprintf(name, sizeof(name), "no domain %u", i);
		assert_false(fake_cmtp_pass1("bob", name));
		if (i + 2 == DLV_LOOKUP_DOMAINS_MAX)
			has_key("bob", 2);
	}
	assert_int_equal(h.greets, 1);
	has_key("bob", 2);
	assert_int_equal(h.greets, 2);
	w->keyd_is_silent = true;
	for (unsigned i = 0; i < DLV_LOOKUP_ASKERS_MAX; i++)
		fake_cmtp_ask1("carol", "there.example");
	w->want = w->count;	/* only the next one is waited for */
	w->passed1 = true;
	assert_false(fake_cmtp_pass1("carol", "there.example"));
	assert_int_equal(w->count, w->want);
	w->want = w->count + DLV_LOOKUP_ASKERS_MAX;
	w->tick_ms = 500;
	fake_cmtp_run();
	assert_false(w->passed1);
}

#define TEST(fn)	cmocka_unit_test_setup_teardown(fn, fake_host1_setup, fake_host1_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_found), TEST(test_nobody), TEST(test_together), TEST(test_other_keys),
		TEST(test_bad_hosts), TEST(test_hosts), TEST(test_keyd), TEST(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
