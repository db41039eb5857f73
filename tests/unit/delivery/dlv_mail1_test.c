/* SPDX-License-Identifier: ISC */
/* Mail by CMTP 1, from queue's job to its answer, with a host of version 1. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "delivery/dlv_pin1.h"
#include "lib/cmtp/cmtp_letter.h"
#include "lib/cmtp/cmtp_put.h"
#include "lib/crypto/cry_ed.h"
#include "lib/ipc/queue_proto.h"
#include "tests/unit/delivery/fake_host1.h"

#define TEXT_MAX	FAKE_HOST1_TEXT_MAX
#define IN_CLEAR	FAKE_HOST1_EHLO

static int
setup(void **state)
{
	int rc = fake_host1_setup(state);

	fake_cmtp_add_route("one", DLV_CMTP_MAY, true);
	fake_cmtp_add_route("must", DLV_CMTP_REQUIRE, true);
	fake_cmtp_add_route("two", DLV_CMTP_REQUIRE, false);
	return rc;
}

static void
give(const char *to, const char *route)
{
	fake_cmtp_give((struct fake_cmtp_mail){ .to = to, .route = route });
}

static void
test_mail(void **state)
{
	struct cmtp_letter l;

	(void)state;
	h.carol = 3;
	give("bob@there.example carol@There.Example", "one");
	assert_int_equal(w->results[0].error, ERR_OK);
	assert_int_equal(w->results[1].error, ERR_OK);
	assert_int_equal(h.mails, 2);		/* each his own */
	assert_int_equal(h.greets, 1);
	assert_int_equal(w->host.message_count, 0);
	assert_string_equal(h.to, "carol@there.example");
	assert_string_equal(h.from, "Ann@here.example");
	assert_true(slice_starts(slice_str(h.log), "by here.example with CMTP id "));
	cmtp_letter_read(&l, buf_slice(&h.text));
	assert_false(l.is_bare);
	assert_true(slice_eq_str(l.subject, "x"));
	assert_true(slice_eq_str(l.reply_to, "a@here.example"));
	assert_true(slice_eq_str(l.text, "hello\n"));
}

/* Larger than a turn and what a connection holds; and the null sender. */
static void
test_large(void **state)
{
	static char body[TEXT_MAX];
	static const char front[] = "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n"
	    "text\r\n--b\r\nContent-Type: image/png; name=p.png\r\n\r\n";
	struct slice name, data;
	size_t n = sizeof(front) - 1;

	(void)state;
	memcpy(body, front, n);
	for (size_t i = n; i < sizeof(body); i++)
		body[i] = (char)('a' + i % 23);
	fake_cmtp_give((struct fake_cmtp_mail){ .to = "bob@there.example", .route = "one",
	    .body = body, .body_n = sizeof(body), .sender = "" });
	assert_int_equal(w->results[0].error, ERR_OK);
	assert_string_equal(h.from, "@here.example");
	assert_int_equal(h.attachments, 1);
	assert_int_equal(cmtp_attachment_read(buf_slice(&h.file), &name, &data), ERR_OK);
	assert_true(slice_eq_str(name, "p.png"));
	assert_int_equal(data.n, sizeof(body) - n);
	assert_memory_equal(data.p, body + n, data.n);
}

/* Who has no key goes by SMTP; with require nobody does. */
static void
test_no_key(void **state)
{
	(void)state;
	give("bob@there.example carol@there.example", "one");
	assert_int_equal(w->results[0].error, ERR_OK);
	assert_int_equal(w->results[1].error, ERR_OK);
	assert_int_equal(h.mails, 1);
	assert_int_equal(w->host.message_count, 1);
	assert_true(slice_search(buf_slice(&w->host.seen),
	    SLICE_LIT("RCPT TO:<carol@there.example>")) < w->host.seen.n);
	give("bob@there.example carol@there.example", "must");
	assert_int_equal(w->results[0].error, ERR_OK);
	assert_string_equal(w->results[1].dsn, "5.7.4");
	assert_non_null(strstr(w->results[1].text, "no key"));
	assert_int_equal(h.mails, 2);
	/* Where it is not said that version 1 is wanted, it is not used. */
	give("bob@there.example", NULL);
	assert_int_equal(w->results[0].error, ERR_OK);
	assert_int_equal(w->host.message_count, 2);
	give("bob@there.example", "two");
	assert_string_equal(w->results[0].dsn, "5.7.4");
	assert_int_equal(h.mails, 2);
}

static void
test_other_keys(void **state)
{
	(void)state;
	give("bob@there.example", "one");
	assert_int_equal(w->results[0].error, ERR_OK);
	h.bob = 9;
	give("bob@there.example", "one");
	fake_cmtp_is_deferred(0, "4.7.5", "another than the one that was known");
	assert_true(w->results[0].is_broken);
	give("bob@there.example", "must");
	fake_cmtp_is_deferred(0, "4.7.5", "another than the one that was known");
	h.bob = 0;
	give("bob@there.example", "one");
	fake_cmtp_is_deferred(0, "4.7.5", "none any more");
	/* The old one is still the known one. */
	h.bob = 2;
	give("bob@there.example", "one");
	assert_int_equal(w->results[0].error, ERR_OK);
	h.server = 8;
	give("bob@there.example", "one");
	fake_cmtp_is_deferred(0, "4.7.5", "its key is another");
	assert_true(w->results[0].is_broken);
	h.server = 1;
	h.bad_signature = true;
	give("bob@there.example", "one");
	fake_cmtp_is_deferred(0, "4.7.5", "does not verify");
	assert_false(w->results[0].is_broken);
	assert_int_equal(h.mails, 2);
	assert_int_equal(w->host.message_count, 0);
}

/* What had it does not fall back, as long as it is remembered. */
static void
test_downgrade(void **state)
{
	(void)state;
	w->host.ehlo = "250 fake";
	give("bob@there.example", "must");
	assert_string_equal(w->results[0].dsn, "5.7.4");
	fake_host_hang_up(&w->host);
	fake_cmtp_run_for(5);
	w->host.ehlo = IN_CLEAR;
	give("bob@there.example", "one");
	assert_int_equal(w->results[0].error, ERR_OK);
	assert_int_equal(h.mails, 1);
	w->host.ehlo = "250 fake";
	give("bob@there.example", "one");
	fake_cmtp_is_deferred(0, "4.7.5", "was reached by it before");
	assert_int_equal(w->host.message_count, 0);
	fake_host_hang_up(&w->host);
	fake_cmtp_run_for(5);
	loop_advance(w->loop, (uint64_t)DLV_PIN1_REMEMBERED_S * 1000);
	give("bob@there.example", "one");
	assert_int_equal(w->results[0].error, ERR_OK);
	assert_int_equal(w->host.message_count, 1);
}

static void
test_bad_answers(void **state)
{
	(void)state;
	h.fails = true;
	give("bob@there.example", "one");
	fake_cmtp_is_deferred(0, "4.5.0", "FAILURE");
	h.fails = false;
	h.words = "2";
	give("bob@there.example", "one");
	fake_cmtp_is_deferred(0, "4.4.2", "does not speak version 1");
	h.words = NULL;
	h.closes = true;
	h.mails = 0;
	give("bob@there.example", "one");
	fake_cmtp_is_deferred(0, "4.4.2", "closed the connection");
	h.closes = false;
	/* More parts than a letter can have. */
	static char body[100000];
	size_t n = (size_t)snprintf(body, sizeof(body),
	    "Content-Type: multipart/mixed; boundary=b\r\n\r\n");

	for (unsigned i = 0; i < CMTP_ATTACHMENTS_MAX + 1; i++)
		n += (size_t)snprintf(body + n, sizeof(body) - n,
		    "--b\r\nContent-Type: image/png\r\n\r\nx\r\n");
	fake_cmtp_give((struct fake_cmtp_mail){ .to = "bob@there.example", .route = "must",
	    .body = body, .body_n = n });
	assert_string_equal(w->results[0].dsn, "5.7.4");
	assert_non_null(strstr(w->results[0].text, "too many parts"));
	fake_cmtp_give((struct fake_cmtp_mail){ .to = "bob@there.example", .route = "one",
	    .body = body, .body_n = n });
	assert_int_equal(w->results[0].error, ERR_OK);
	assert_int_equal(w->host.message_count, 1);
	/* keyd is away: with may mail does not wait for it. */
	w->keyd_is_silent = true;
	w->tick_ms = 500;
	give("bob@there.example", "must");
	fake_cmtp_is_deferred(0, "4.3.0", "cannot be had now");
	assert_int_equal(h.mails, 1);
}

/* RFC 8689: TLS that is proved is asked for, not keys that prove less. */
static void
test_require_tls(void **state)
{
	(void)state;
	fake_cmtp_give((struct fake_cmtp_mail){ .to = "bob@there.example", .route = "one",
	    .flags = QUEUE_REQUIRETLS });
	assert_int_not_equal(w->results[0].error, ERR_OK);
	assert_int_equal(h.greets, 0);
}

/* The certificate of tls_pair.h. */
static void
add_verified_route(const char *title, enum dlv_cmtp_policy cmtp)
{
	static char print[] = "67:AF:3B:1E:BB:15:A7:42:C2:4F:9A:E9:8E:09:68:78:"
	    "35:7F:3F:03:A8:18:96:EC:04:4C:AE:C3:59:2E:7F:43";
	static const struct opt_section route = CONF_ROUTE_SECTION;
	struct route_options o = { 0 };
	char *v[] = { print };

	opt_defaults(&route, &o);
	o.tls = CONF_RELAY_TLS_FINGERPRINT;
	o.tls_fingerprints = (struct opt_list){ v, 1 };
	o.cmtp = cmtp;
	o.cmtp1 = true;
	dlv_relay_add_route(w->relay, title, &o);
	o.tls_fingerprints = (struct opt_list){ NULL, 0 };
	opt_free(&route, &o);
}

/* TLS with whom it is for proves more than a key of version 1. */
static void
test_verified_tls(void **state)
{
	(void)state;
	add_verified_route("sure", DLV_CMTP_MAY);
	add_verified_route("sealed", DLV_CMTP_REQUIRE);
	w->host.tls = w->tls_server;
	w->host.ehlo = EHLO_IN_CLEAR;
	w->host.ehlo_in_tls = IN_CLEAR;
	give("bob@there.example", "sure");
	assert_int_equal(w->results[0].error, ERR_OK);
	assert_int_equal(w->host.message_count, 1);
	assert_int_equal(h.greets, 0);
	give("bob@there.example", "sealed");
	assert_int_equal(w->results[0].error, ERR_OK);
	assert_int_equal(h.mails, 1);
	/* Not proved: the key of version 1 is more than nothing. */
	give("bob@there.example", "one");
	assert_int_equal(w->results[0].error, ERR_OK);
	assert_int_equal(h.mails, 2);
	assert_int_equal(w->host.message_count, 1);
}

#define TEST(fn)	cmocka_unit_test_setup_teardown(fn, setup, fake_host1_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_mail), TEST(test_large), TEST(test_no_key), TEST(test_other_keys),
		TEST(test_downgrade), TEST(test_bad_answers), TEST(test_require_tls),
		TEST(test_verified_tls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
