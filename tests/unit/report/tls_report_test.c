/* SPDX-License-Identifier: ISC */
#include "tests/unit/test.h"

#include <string.h>

#include "lib/report/gzip.h"
#include "lib/report/json_writer.h"
#include "lib/report/tls_report.h"

/* RFC 8460 s4.4, in its appendix's spirit. */
#define JSON								\
	"{\"organization-name\":\"Example \\\"Mail\\\"\","		\
	"\"date-range\":{\"start-datetime\":\"2026-11-20T00:00:00Z\","	\
	"\"end-datetime\":\"2026-11-20T23:59:59Z\"},"			\
	"\"contact-info\":\"tls@sender.example\","			\
	"\"report-id\":\"0123456789ABC@mail.sender.example\","		\
	"\"policies\":["						\
	"{\"policy\":{\"policy-type\":\"sts\",\"policy-string\":["	\
	"\"version: STSv1\",\"mode: testing\",\"mx: *.mail.example\",\"max_age: 86400\"]," \
	"\"policy-domain\":\"company.example\",\"mx-host\":[\"*.mail.example\"]}," \
	"\"summary\":{\"total-successful-session-count\":5326,"		\
	"\"total-failure-session-count\":303},\"failure-details\":["	\
	"{\"result-type\":\"certificate-expired\",\"sending-mta-ip\":\"2001:db8::1\"," \
	"\"receiving-mx-hostname\":\"mx1.mail.example\",\"receiving-ip\":\"203.0.113.58\"," \
	"\"failed-session-count\":100,\"failure-reason-code\":\"certificate has expired\"}," \
	"{\"result-type\":\"starttls-not-supported\",\"failed-session-count\":203}]}," \
	"{\"policy\":{\"policy-type\":\"tlsa\",\"policy-string\":[\"3 1 1 00ff\"]," \
	"\"policy-domain\":\"mx1.mail.example\"},"			\
	"\"summary\":{\"total-successful-session-count\":1,"		\
	"\"total-failure-session-count\":0}},"				\
	"{\"policy\":{\"policy-type\":\"no-policy-found\","		\
	"\"policy-domain\":\"company.example\"},"			\
	"\"summary\":{\"total-successful-session-count\":2,"		\
	"\"total-failure-session-count\":0}}]}"

#define MAIL								\
	"Date: Sat, 21 Nov 2026 01:02:03 +0000\r\n"			\
	"From: <tls@sender.example>\r\n"				\
	"To: <reports@company.example>\r\n"				\
	"Subject: Report Domain: company.example\r\n"			\
	" Submitter: mail.sender.example\r\n"				\
	" Report-ID: <0123456789ABC@mail.sender.example>\r\n"		\
	"TLS-Report-Domain: company.example\r\n"			\
	"TLS-Report-Submitter: mail.sender.example\r\n"			\
	"TLS-Required: No\r\n"						\
	"Message-ID: <0123456789ABC@mail.sender.example>\r\n"		\
	"Auto-Submitted: auto-generated\r\n"				\
	"MIME-Version: 1.0\r\n"						\
	"Content-Type: multipart/report; report-type=\"tlsrpt\";\r\n"	\
	"\tboundary=\"=_tlsrpt_0123456789ABC\"\r\n"			\
	"\r\n"								\
	"This is a MIME-encapsulated message.\r\n"			\
	"\r\n--=_tlsrpt_0123456789ABC\r\n"				\
	"Content-Type: text/plain; charset=us-ascii\r\n"		\
	"\r\n"								\
	"This is an aggregate TLS report from mail.sender.example.\r\n" \
	"\r\n--=_tlsrpt_0123456789ABC\r\n"				\
	"Content-Type: application/tlsrpt+gzip\r\n"			\
	"Content-Transfer-Encoding: base64\r\n"				\
	"Content-Disposition: attachment;\r\n"				\
	"\tfilename=\"sender.example!company.example!1795132800!1795219199!0123456789ABC.json.gz\"\r\n" \
	"\r\n"								\
	"eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4\r\n" \
	"eHh4\r\n"							\
	"\r\n--=_tlsrpt_0123456789ABC--\r\n"

static const struct tls_report report = { .domain = { "company.example", 15 },
    .hostname = "mail.sender.example", .organization = "Example \"Mail\"",
    .contact = "tls@sender.example", .id = "0123456789ABC", .day = 20777,
    .made_s = 20778ull * 86400 + 3723 };

static void
fill(struct tls_tally *t)
{
	struct tls_tally_session s = { .type = TLS_POLICY_STS,
	    .domain = SLICE_LIT("company.example"), .text = SLICE_LIT("version: STSv1\n"
	    "mode: testing\nmx: *.mail.example\nmax_age: 86400\n"), .count = 5326 };

	tls_tally_init(t);
	assert_true(tls_tally_add(t, &s));
	s.failure = TLS_FAILURE_EXPIRED;
	s.from_ip = SLICE_LIT("2001:db8::1");
	s.to_ip = SLICE_LIT("203.0.113.58");
	s.mx_host = SLICE_LIT("mx1.mail.example");
	s.reason = SLICE_LIT("certificate has expired");
	s.count = 100;
	assert_true(tls_tally_add(t, &s));
	s.failure = TLS_FAILURE_STARTTLS_NOT_SUPPORTED;
	s.from_ip = s.to_ip = s.mx_host = s.reason = SLICE_NONE;
	s.count = 203;
	assert_true(tls_tally_add(t, &s));
	s = (struct tls_tally_session){ .type = TLS_POLICY_TLSA, .count = 1,
	    .domain = SLICE_LIT("mx1.mail.example"), .text = SLICE_LIT("3 1 1 00ff\n") };
	assert_true(tls_tally_add(t, &s));
	s = (struct tls_tally_session){ .type = TLS_POLICY_NONE, .count = 2,
	    .domain = SLICE_LIT("company.example") };
	assert_true(tls_tally_add(t, &s));
}

static void
test_json(void **state)
{
	struct tls_tally t;
	struct buf b;

	(void)state;
	buf_init(&b, TLS_REPORT_JSON_MAX);
	fill(&t);
	tls_report_put_json(&b, &report, &t);
	assert_slice(buf_slice(&b), JSON);
	tls_tally_fini(&t);
	buf_fini(&b);
}

static void
test_mail(void **state)
{
	static char most[TLS_REPORT_GZIP_MAX];
	char gzip[60];
	struct buf b;

	(void)state;
	memset(gzip, 'x', sizeof(gzip));
	buf_init(&b, TLS_REPORT_MAIL_MAX);
	tls_report_put_mail(&b, &report, SLICE_LIT("reports@company.example"),
	    slice_of(gzip, sizeof(gzip)));
	assert_slice(buf_slice(&b), MAIL);
	/* The largest report has room. */
	buf_reset(&b);
	tls_report_put_mail(&b, &report, SLICE_LIT("reports@company.example"),
	    slice_of(most, sizeof(most)));
	assert_int_equal(buf_err(&b), ERR_OK);
	buf_fini(&b);
}

/* RFC 8259 s7, RFC 7493 s2.1: what a peer said may be any bytes. */
static void
test_strings(void **state)
{
	static const struct {
		struct slice	 in;
		const char	*out;
	} rows[] = {
		{ { "", 0 }, "\"\"" },
		{ { "a\"b\\c", 5 }, "\"a\\\"b\\\\c\"" },
		{ { "\0\n\x1f\x7f", 4 }, "\"\\u0000\\u000a\\u001f\\u007f\"" },
		{ { "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 9 }, "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"" },
		{ { "\xff" "a", 2 }, "\"\xef\xbf\xbd" "a\"" },
		{ { "\xc3", 1 }, "\"\xef\xbf\xbd\"" },
		{ { "\xc0\x80", 2 }, "\"\xef\xbf\xbd\xef\xbf\xbd\"" },
		{ { "\xed\xa0\x80", 3 }, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
		{ { "\xf4\x90\x80\x80", 4 }, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
	};
	struct json_writer w;
	struct buf b;

	(void)state;
	buf_init(&b, 4096);
	for (size_t i = 0; i < lengthof(rows); i++) {
		buf_reset(&b);
		json_writer_init(&w, &b);
		json_writer_str(&w, NULL, rows[i].in);
		assert_slice(buf_slice(&b), rows[i].out);
	}
	buf_reset(&b);
	json_writer_init(&w, &b);
	for (unsigned i = 0; i < JSON_WRITER_DEPTH_MAX; i++)
		json_writer_open(&w, NULL, '[');
	json_writer_num(&w, NULL, 1);
	json_writer_num(&w, NULL, 2);
	for (unsigned i = 0; i < JSON_WRITER_DEPTH_MAX; i++)
		json_writer_close(&w);
	assert_slice(buf_slice(&b), "[[[[[[[[[[[[[[[[1,2]]]]]]]]]]]]]]]]");
	buf_fini(&b);
}

static void
test_gzip(void **state)
{
	struct buf a, b, small;
	char text[100000];

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)(i * i >> 3);
	buf_init(&a, 200000);
	buf_init(&b, 200000);
	buf_init(&small, 100);
	assert_int_equal(gzip_put(&a, slice_of(text, sizeof(text))), ERR_OK);
	assert_int_equal(gzip_put(&b, slice_of(text, sizeof(text))), ERR_OK);
	assert_true(slice_eq(buf_slice(&a), buf_slice(&b)));
	/* RFC 1952 s2.3: magic, deflate, no flags, no time; length at the end. */
	assert_memory_equal(buf_data(&a), "\x1f\x8b\x08\0\0\0\0\0", 8);
	assert_memory_equal(buf_data(&a) + a.n - 4, "\xa0\x86\x01\0", 4);
	assert_int_equal(gzip_put(&small, slice_of(text, sizeof(text))), ERR_TOOBIG);
	buf_fini(&a);
	buf_fini(&b);
	buf_fini(&small);
}

/* What hostile hosts can put there at most still goes over one wire. */
static void
test_fullest(void **state)
{
	struct tls_tally_session s = { .type = TLS_POLICY_NONE, .count = 1,
	    .domain = SLICE_LIT("company.example") };
	char name[TLS_TALLY_NAME_MAX];
	struct buf json, gzip;
	struct tls_tally t;
	uint32_t x = 1;

	(void)state;
	tls_tally_init(&t);
	for (unsigned i = 0; i < 3000; i++) {
		for (size_t k = 0; k < sizeof(name); k++) {
			x = x * 1664525 + 1013904223;
			name[k] = (char)(x >> 24);
		}
		s.mx_host = s.helo = s.reason = slice_of(name, 1 + x % sizeof(name));
		s.failure = (enum tls_failure)(1 + i % TLS_FAILURE_STS_WEBPKI);
		(void)tls_tally_add(&t, &s);
	}
	buf_init(&json, TLS_REPORT_JSON_MAX);
	buf_init(&gzip, 2 * TLS_REPORT_GZIP_MAX);
	tls_report_put_json(&json, &report, &t);
	assert_int_equal(buf_err(&json), ERR_OK);
	assert_int_equal(gzip_put(&gzip, buf_slice(&json)), ERR_OK);
	assert_in_range(gzip.n, 1000, TLS_REPORT_GZIP_MAX);
	tls_tally_fini(&t);
	buf_fini(&json);
	buf_fini(&gzip);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_mail),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_gzip),
		cmocka_unit_test(test_fullest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
