/* SPDX-License-Identifier: ISC */
/* The server keys of other domains, as cmtpd asks for them. */
#include "tests/unit/test.h"

#include <stdio.h>

#include "lib/base/enc.h"
#include "tests/unit/delivery/fake_cmtp.h"
#include "tests/unit/delivery/fake_dns.h"

static uint64_t
serial_of_answer(void)
{
	struct cmtp_pin p;

	assert_int_equal(cmtp_pin_get(&p, slice_of(w->last->pin, w->last->pin_n)), ERR_OK);
	assert_false(p.is_broken);
	return p.newest.serial;
}

static bool
is_broken(void)
{
	struct cmtp_pin p;

	assert_int_equal(cmtp_pin_get(&p, slice_of(fake_cmtp_server_pin()->pin, fake_cmtp_server_pin()->n)), ERR_OK);
	return p.is_broken;
}

static void
test_found(void **state)
{
	(void)state;
	assert_int_equal(fake_cmtp_find("there.example", 0), ERR_OK);
	assert_int_equal(serial_of_answer(), 1);
	assert_int_equal(w->known, 0);
	assert_int_equal(w->puts, 1);
	assert_int_equal(w->keep_until_s, w->chain[0].expires_s);
	assert_int_equal(fake_cmtp_server_pin()->n, w->last->pin_n);
	assert_memory_equal(fake_cmtp_server_pin()->pin, w->last->pin, w->last->pin_n);
	/* From the pin. */
	assert_int_equal(fake_cmtp_find("There.EXAMPLE", 1), ERR_OK);
	assert_int_equal(w->requests, 1);
	assert_int_equal(w->host.connects, 1);
	/* A record that is not known: the host is asked again, from there. */
	fake_cmtp_add_record(2, true);
	assert_int_equal(fake_cmtp_find("there.example", 2), ERR_OK);
	assert_int_equal(serial_of_answer(), 2);
	assert_int_equal(w->known, 1);
	assert_int_equal(w->requests, 2);
	assert_int_equal(w->puts, 2);
}

/* Equal questions are one; who went away gets nothing. */
static void
test_together(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++)
		fake_cmtp_ask("there.example", 0);
	fake_cmtp_run();
	assert_int_equal(w->count, 3);
	assert_int_equal(w->requests, 1);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(w->answers[i].error, ERR_OK);
	fake_cmtp_server_pin()->n = 0;
	fake_cmtp_ask("there.example", 0);
	fake_cmtp_run_for(1);
	dlv_relay_cmtpd_left(w->relay, w->at_cmtpd);
	w->count++;
	assert_int_equal(fake_cmtp_find("there.example", 0), ERR_OK);
}

static void
test_break(void **state)
{
	(void)state;
	assert_int_equal(fake_cmtp_find("there.example", 0), ERR_OK);
	fake_cmtp_add_record(2, false);
	assert_int_equal(fake_cmtp_find("there.example", 2), ERR_CORRUPT);
	assert_int_equal(w->last->pin_n, 0);
	assert_non_null(strstr(w->last->reason, "do not go on"));
	assert_true(is_broken());
	assert_int_equal(w->known, 0);	/* asked for all once more */
	assert_int_equal(w->requests, 3);
	/* Remembered; then it is seen anew, and the break stays. */
	loop_advance(w->loop, DLV_LOOKUP_SOON_MS);
	assert_int_equal(fake_cmtp_find("there.example", 0), ERR_CORRUPT);
	assert_int_equal(w->requests, 3);
	loop_advance(w->loop, DLV_LOOKUP_AGAIN_MS);
	assert_int_equal(fake_cmtp_find("there.example", 0), ERR_CORRUPT);
	assert_int_equal(w->requests, 5);
	/* The old chain is back. */
	w->chain_n = 1;
	loop_advance(w->loop, DLV_LOOKUP_AGAIN_MS);
	assert_int_equal(fake_cmtp_find("there.example", 0), ERR_OK);
	assert_false(is_broken());
}

static void
test_not_offered(void **state)
{
	(void)state;
	w->host.ehlo_in_tls = "250-fake\r\n250 CMTP 1";
	assert_int_equal(fake_cmtp_find("there.example", 0), ERR_NOTFOUND);
	assert_non_null(strstr(w->last->reason, "no host"));
	assert_int_equal(fake_cmtp_find("there.example", 0), ERR_NOTFOUND);
	assert_int_equal(w->host.connects, 1);
	loop_advance(w->loop, DLV_LOOKUP_AGAIN_MS);
	w->host.ehlo_in_tls = EHLO_IN_TLS;
	assert_int_equal(fake_cmtp_find("there.example", 0), ERR_OK);
}

/* Whatever it lists in the clear. */
static void
test_without_tls(void **state)
{
	(void)state;
	w->host.tls = NULL;
	w->host.ehlo = EHLO_IN_TLS;
	assert_int_equal(fake_cmtp_find("there.example", 0), ERR_NOTFOUND);
	assert_int_equal(w->requests, 0);
	assert_int_equal(fake_cmtp_server_pin()->n, 0);
}

static void
test_bad_replies(void **state)
{
	unsigned requests;

	(void)state;
	w->bad_signature = true;
	assert_int_equal(fake_cmtp_find("there.example", 0), ERR_CORRUPT);
	w->bad_signature = false;
	loop_advance(w->loop, DLV_LOOKUP_AGAIN_MS);
	w->chain[0].server[0] ^= 1;
	assert_int_equal(fake_cmtp_find("there.example", 0), ERR_CORRUPT);
	w->chain[0].server[0] ^= 1;
	loop_advance(w->loop, DLV_LOOKUP_AGAIN_MS);
	w->status = CMTP2_NONE;
	assert_int_equal(fake_cmtp_find("there.example", 0), ERR_NOTFOUND);
	loop_advance(w->loop, DLV_LOOKUP_AGAIN_MS);
	w->status = CMTP2_LATER;
	assert_int_equal(fake_cmtp_find("there.example", 0), ERR_AGAIN);
	/* What is for now is forgotten soon. */
	requests = w->requests;
	assert_int_equal(fake_cmtp_find("there.example", 0), ERR_AGAIN);
	assert_int_equal(w->requests, requests);
	loop_advance(w->loop, DLV_LOOKUP_SOON_MS);
	assert_int_equal(fake_cmtp_find("there.example", 0), ERR_AGAIN);
	assert_int_equal(w->requests, requests + 1);
	loop_advance(w->loop, DLV_LOOKUP_SOON_MS);
	w->garbage = "220 what is this\r\n";
	assert_int_equal(fake_cmtp_find("there.example", 0), ERR_AGAIN);
	assert_non_null(strstr(w->last->reason, "cannot be read"));
	loop_advance(w->loop, DLV_LOOKUP_AGAIN_MS);
	w->garbage = NULL;
	w->ohai = "OHAI 1";
	assert_int_equal(fake_cmtp_find("there.example", 0), ERR_AGAIN);
	assert_non_null(strstr(w->last->reason, "version 2"));
	loop_advance(w->loop, DLV_LOOKUP_AGAIN_MS);
	w->ohai = "OHAI 1 2\r\n and what nobody asked for, and more of it, and more, and more";
	assert_int_equal(fake_cmtp_find("there.example", 0), ERR_AGAIN);
	assert_int_equal(fake_cmtp_server_pin()->n, 0);
}

static void
test_other_domain(void **state)
{
	(void)state;
	fake_dns_mx("other.example", 10, "mx.there.example", false);
	fake_dns_status("_cmtp.other.example", DNS_TXT, DNS_NXDOMAIN, false);
	assert_int_equal(fake_cmtp_find("other.example", 0), ERR_CORRUPT);
	assert_int_equal(fake_cmtp_server_pin()->n, 0);
	assert_int_equal(fake_cmtp_find("nowhere.example", 0), ERR_NOTFOUND);
	assert_int_equal(fake_cmtp_find("[127.0.0.1]", 0), ERR_NOTFOUND);
	assert_int_equal(fake_cmtp_find("", 0), ERR_NOTFOUND);
	assert_int_equal(fake_cmtp_find("a b", 0), ERR_NOTFOUND);
	assert_int_equal(w->host.connects, 1);
}

static void
txt_of(unsigned record, bool is_secure)
{
	struct buf b;

	buf_init(&b, 200);
	buf_put_str(&b, "v=CMTP2; p=");
	enc_put_base64(&b, slice_of(w->chain[record].sign, 32));
	fake_dns_txt("_cmtp.there.example", buf_cstr(&b));
	fake_dns_status("_cmtp.there.example", DNS_TXT, DNS_OK, is_secure);
	buf_fini(&b);
}

static void
test_dns(void **state)
{
	(void)state;
	fake_cmtp_add_record(2, true);
	fake_dns_status("_cmtp.there.example", DNS_TXT, DNS_SERVFAIL, false);
	assert_int_equal(fake_cmtp_find("there.example", 0), ERR_AGAIN);
	loop_advance(w->loop, DLV_LOOKUP_AGAIN_MS);
	w->chain_n = 3;
	fake_cmtp_add_record(9, false);
	w->chain_n = 2;
	txt_of(3, true);
	assert_int_equal(fake_cmtp_find("there.example", 0), ERR_CORRUPT);
	assert_non_null(strstr(w->last->reason, "_cmtp"));
	assert_int_equal(fake_cmtp_server_pin()->n, 0);
	/* Nobody has signed it: it says nothing. */
	loop_advance(w->loop, DLV_LOOKUP_AGAIN_MS);
	fake_dns_status("_cmtp.there.example", DNS_TXT, DNS_OK, false);
	assert_int_equal(fake_cmtp_find("there.example", 0), ERR_OK);
	/* One of the records, which need not be the newest, is named. */
	fake_cmtp_server_pin()->n = 0;
	txt_of(0, true);
	assert_int_equal(fake_cmtp_find("there.example", 0), ERR_OK);
}

static void
test_silence(void **state)
{
	(void)state;
	w->tick_ms = 500;
	w->garbage = "";
	assert_int_equal(fake_cmtp_find("there.example", 0), ERR_TIMEOUT);
	loop_advance(w->loop, DLV_LOOKUP_AGAIN_MS);
	w->garbage = NULL;
	w->keyd_is_silent = true;
	assert_int_equal(fake_cmtp_find("there.example", 0), ERR_AGAIN);
	dlv_relay_set_keyd(w->relay, NULL);
	loop_advance(w->loop, DLV_LOOKUP_AGAIN_MS);
	assert_int_equal(fake_cmtp_find("there.example", 0), ERR_AGAIN);
}

/* The oldest memory gives way; too many askers are told so. */
static void
test_limits(void **state)
{
	char name[40];

	(void)state;
	w->host.tls = NULL;
	assert_int_equal(fake_cmtp_find("there.example", 0), ERR_NOTFOUND);
	dlv_relay_set_keyd(w->relay, NULL);
	for (unsigned i = 0; i < DLV_LOOKUP_DOMAINS_MAX; i++) {
		(void)snprintf(name, sizeof(name), "n%u.example", i);
		assert_int_equal(fake_cmtp_find(name, 0), ERR_AGAIN);
		if (i + 2 == DLV_LOOKUP_DOMAINS_MAX)
			assert_int_equal(fake_cmtp_find("there.example", 0), ERR_NOTFOUND);
	}
	dlv_relay_set_keyd(w->relay, w->at_keyd);
	assert_int_equal(w->host.connects, 1);
	assert_int_equal(fake_cmtp_find("there.example", 0), ERR_NOTFOUND);
	assert_int_equal(w->host.connects, 2);
	w->keyd_is_silent = true;
	for (unsigned i = 0; i < DLV_LOOKUP_ASKERS_MAX; i++)
		fake_cmtp_ask("late.example", 0);
	w->want = w->count;	/* only the next one is waited for */
	assert_int_equal(fake_cmtp_find("late.example", 0), ERR_BUSY);
	w->want = w->count + DLV_LOOKUP_ASKERS_MAX;
	w->tick_ms = 500;
	fake_cmtp_run();
	assert_int_equal(w->last->error, ERR_AGAIN);
}

/* ---- requests that are passed on */

static uint64_t
newest_passed(void)
{
	struct slice rest = slice_of(w->last->pin, w->last->pin_n);
	struct cmtp_key k = { .serial = 0 };
	unsigned n = 0;

	for (; rest.n > 0; n++)
		assert_int_equal(cmtp_key_read(&k, &rest), ERR_OK);
	assert_int_equal(n, w->passed_count);
	return k.serial;
}

static void
test_passed(void **state)
{
	(void)state;
	fake_cmtp_add_user("bob");
	fake_cmtp_add_key(0, 6, false);
	assert_int_equal(fake_cmtp_pass("bob", "There.example", 0), CMTP2_FOUND);
	assert_int_equal(newest_passed(), 1);
	assert_int_equal(w->puts, 1);		/* the server's */
	assert_int_equal(w->user_requests, 1);
	/* The same answer for a while, and for who knows it the newest. */
	fake_cmtp_add_key(0, 7, true);
	assert_int_equal(fake_cmtp_pass("bob", "there.example", 5), CMTP2_FOUND);
	assert_int_equal(newest_passed(), 1);
	assert_int_equal(w->user_requests, 1);
	loop_advance(w->loop, DLV_LOOKUP_AGAIN_MS);
	assert_int_equal(fake_cmtp_pass("bob", "there.example", 0), CMTP2_FOUND);
	assert_int_equal(w->passed_count, 2);
	assert_int_equal(newest_passed(), 2);
	assert_int_equal(fake_cmtp_pass("bob", "there.example", 1), CMTP2_FOUND);
	assert_int_equal(w->passed_count, 1);
	assert_int_equal(newest_passed(), 2);
	assert_int_equal(w->user_requests, 2);
	/* Nobody, which is remembered too; and the server itself. */
	assert_int_equal(fake_cmtp_pass("eve", "there.example", 0), CMTP2_NONE);
	assert_int_equal(fake_cmtp_pass("eve", "there.example", 0), CMTP2_NONE);
	assert_int_equal(w->user_requests, 3);
	assert_int_equal(fake_cmtp_pass("", "there.example", 0), CMTP2_FOUND);
	assert_int_equal(newest_passed(), 1);
	assert_int_equal(w->user_requests, 3);
	assert_int_equal(w->requests, 2);
}

static void
test_passed_badly(void **state)
{
	(void)state;
	fake_cmtp_add_user("bob");
	fake_cmtp_add_key(0, 6, false);
	assert_int_equal(fake_cmtp_pass("bob", "", 0), CMTP2_NOT_SERVED);
	assert_int_equal(fake_cmtp_pass("bob", "nowhere.example", 0), CMTP2_NOT_SERVED);
	/* The server has a new key, and the one that was known has signed it. */
	assert_int_equal(fake_cmtp_find("there.example", 0), ERR_OK);
	fake_cmtp_add_record(2, true);
	assert_int_equal(fake_cmtp_pass("bob", "there.example", 0), CMTP2_FOUND);
	assert_int_equal(newest_passed(), 1);
	/* One that it has not. */
	loop_advance(w->loop, DLV_LOOKUP_AGAIN_MS);
	fake_cmtp_add_record(3, false);
	assert_int_equal(fake_cmtp_pass("bob", "there.example", 0), CMTP2_NOT_SERVED);
	assert_int_equal(w->last->pin_n, 0);
	w->chain_n = 2;
	loop_advance(w->loop, DLV_LOOKUP_AGAIN_MS);
	w->bad_signature = true;
	assert_int_equal(fake_cmtp_pass("bob", "there.example", 0), CMTP2_NOT_SERVED);
	loop_advance(w->loop, DLV_LOOKUP_AGAIN_MS);
	w->bad_signature = false;
	w->status = CMTP2_LATER;
	assert_int_equal(fake_cmtp_pass("bob", "there.example", 0), CMTP2_LATER);
	w->status = CMTP2_FOUND;
	assert_int_equal(fake_cmtp_pass("bob", "there.example", 0), CMTP2_LATER);
	loop_advance(w->loop, DLV_LOOKUP_AGAIN_MS);
	assert_int_equal(fake_cmtp_pass("bob", "there.example", 0), CMTP2_FOUND);
	/* Nobody who could ask. */
	loop_advance(w->loop, DLV_LOOKUP_AGAIN_MS);
	dlv_relay_set_keyd(w->relay, NULL);
	assert_int_equal(fake_cmtp_pass("bob", "there.example", 0), CMTP2_LATER);
}

#define TEST(fn)	cmocka_unit_test_setup_teardown(fn, fake_cmtp_setup, \
			fake_cmtp_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_found), TEST(test_together), TEST(test_break), TEST(test_not_offered),
		TEST(test_without_tls), TEST(test_bad_replies), TEST(test_other_domain),
		TEST(test_dns), TEST(test_silence), TEST(test_limits),
		TEST(test_passed), TEST(test_passed_badly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
