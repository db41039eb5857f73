/* SPDX-License-Identifier: ISC */
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

#include "delivery/tlsrpt_record.h"

static void
test_records(void **state)
{
	static const struct {
		const char	*text;
		const char	*rua;	/* NULL: not one */
	} rows[] = {
		{ "v=TLSRPTv1;rua=mailto:reports@example.com", "mailto:reports@example.com\n" },
		{ "v=TLSRPTv1; rua=https://reporting.example.com/v1/tlsrpt",
		    "https://reporting.example.com/v1/tlsrpt\n" },
		{ "v=TLSRPTv1; rua=mailto:a@b,https://c/d;", "mailto:a@b\nhttps://c/d\n" },
		{ "v=TLSRPTv1; rua = mailto:a@b , https://c:8443 ; x=y",
		    "mailto:a@b\nhttps://c:8443\n" },
		{ "v=TLSRPTv1; ext=1; rua=MAILTO:a@b", "mailto:a@b\n" },
		{ "v=TLSRPTv1; rua=mailto:a%2Cb%21@c?subject=x", "mailto:a,b!@c\n" },
		/* other schemes, and what is no address, are left out */
		{ "v=TLSRPTv1; rua=ftp://a/b,mailto:a@b,mailto:a,mailto:@b,mailto:a@", "mailto:a@b\n" },
		{ "v=TLSRPTv1; rua=mailto:a%0d%0aBcc:x@y,mailto:a b@c,mailto:a%3cx@y", NULL },
		{ "v=TLSRPTv1; rua=mailto:a%@b", NULL },
		{ "v=TLSRPTv1; rua=https://", NULL },
		{ "v=TLSRPTv1; rua=https://a b/", NULL },
		{ "v=TLSRPTv1; rua=", NULL },
		{ "v=TLSRPTv1", NULL },
		{ "v=TLSRPTv2; rua=mailto:a@b", NULL },
		{ "v=tlsrptv1; rua=mailto:a@b", NULL },
		{ "rua=mailto:a@b; v=TLSRPTv1", NULL },
		{ "", NULL },
	};
	struct buf b;

	(void)state;
	buf_init(&b, TLSRPT_LIST_MAX);
	for (size_t i = 0; i < lengthof(rows); i++) {
		buf_reset(&b);
		assert_int_equal(tlsrpt_record_parse(&b, slice_str(rows[i].text)),
		    rows[i].rua != NULL ? ERR_OK : ERR_SYNTAX);
		assert_slice(buf_slice(&b), rows[i].rua != NULL ? rows[i].rua : "");
		/* Cut anywhere it is one or it is none. */
		for (size_t n = 0; n < strlen(rows[i].text); n++) {
			buf_reset(&b);
			(void)!tlsrpt_record_parse(&b, slice_of(rows[i].text, n));
			assert_int_equal(buf_err(&b), ERR_OK);
		}
	}
	buf_fini(&b);
}

static void
test_limits(void **state)
{
	char text[TLSRPT_URI_MAX + 100];
	struct buf b, in;

	(void)state;
	buf_init(&b, TLSRPT_LIST_MAX);
	buf_init(&in, 8192);
	buf_put_str(&in, "v=TLSRPTv1; rua=mailto:0@a");
	for (unsigned i = 1; i <= TLSRPT_RUA_MAX; i++)
		buf_printf(&in, ",mailto:%u@a", i);
	assert_int_equal(tlsrpt_record_parse(&b, buf_slice(&in)), ERR_OK);
	assert_slice(buf_slice(&b), "mailto:0@a\nmailto:1@a\nmailto:2@a\nmailto:3@a\nmailto:4@a\n");
	for (unsigned over = 0; over < 2; over++) {
		memset(text, 'x', sizeof(text));
		buf_reset(&in);
		buf_reset(&b);
		buf_put_str(&in, "v=TLSRPTv1; rua=mailto:");
		buf_put(&in, text, TLSRPT_URI_MAX - 9 + over);
		buf_put_str(&in, "@a");
		assert_int_equal(tlsrpt_record_parse(&b, buf_slice(&in)),
		    over ? ERR_SYNTAX : ERR_OK);
	}
	/* As long as they may be, all have room. */
	buf_reset(&in);
	buf_reset(&b);
	buf_put_str(&in, "v=TLSRPTv1; rua=");
	for (unsigned i = 0; i < TLSRPT_RUA_MAX; i++) {
		buf_put_str(&in, "mailto:");
		buf_put(&in, text, TLSRPT_URI_MAX - 9);
		buf_put_str(&in, "@a,");
	}
	assert_int_equal(tlsrpt_record_parse(&b, buf_slice(&in)), ERR_OK);
	assert_int_equal(b.n, TLSRPT_RUA_MAX * (TLSRPT_URI_MAX + 1));
	buf_fini(&b);
	buf_fini(&in);
}

/* RFC 8460 s3: several records; those that are others' do not count. */
static void
test_answers(void **state)
{
	struct dns_record r[3] = { { .data = SLICE_LIT("v=spf1 -all") },
	    { .data = SLICE_LIT("v=TLSRPTv1; rua=mailto:a@b") },
	    { .data = SLICE_LIT("v=TLSRPTv1; rua=mailto:c@d") } };
	struct dns_answer a = { .status = DNS_OK, .count = 2, .records = r };
	struct buf b;

	(void)state;
	buf_init(&b, TLSRPT_LIST_MAX);
	assert_int_equal(tlsrpt_record_put_rua(&b, &a), ERR_OK);
	assert_slice(buf_slice(&b), "mailto:a@b\n");
	a.count = 3;
	assert_int_equal(tlsrpt_record_put_rua(&b, &a), ERR_NOTFOUND);
	a.count = 1;
	assert_int_equal(tlsrpt_record_put_rua(&b, &a), ERR_NOTFOUND);
	a = (struct dns_answer){ .status = DNS_SERVFAIL };
	assert_int_equal(tlsrpt_record_put_rua(&b, &a), ERR_NOTFOUND);
	buf_fini(&b);
}

static void
test_uris(void **state)
{
	static const struct {
		const char	*text, *host, *path;
		uint16_t	 port;
	} rows[] = {
		{ "https://a.example", "a.example", "/", 443 },
		{ "HTTPS://a.example/", "a.example", "/", 443 },
		{ "https://a.example:8443/b/c?d=e&f", "a.example", "/b/c?d=e&f", 8443 },
		{ "https://a.example?q", "a.example", "/?q", 443 },
		{ "https://a.example:0/", NULL, NULL, 0 },
		{ "https://a.example:65536/", NULL, NULL, 0 },
		{ "https://a.example:/", NULL, NULL, 0 },
		{ "https://user@a.example/", NULL, NULL, 0 },
		{ "https://[::1]/", NULL, NULL, 0 },
		{ "https:///b", NULL, NULL, 0 },
		{ "https://a.example/#f", NULL, NULL, 0 },
		{ "https://a.example/b c", NULL, NULL, 0 },
		{ "https://a.example/b\r\nX: y", NULL, NULL, 0 },
		{ "http://a.example/", NULL, NULL, 0 },
		{ "https:/a", NULL, NULL, 0 },
	};
	char text[TLSRPT_PATH_MAX + 40];
	struct tlsrpt_uri u;

	(void)state;
	for (size_t i = 0; i < lengthof(rows); i++) {
		bool is_one = rows[i].host != NULL;

		assert_int_equal(tlsrpt_record_parse_uri(&u, slice_str(rows[i].text)),
		    is_one ? ERR_OK : ERR_SYNTAX);
		if (!is_one)
			continue;
		assert_string_equal(u.host, rows[i].host);
		assert_string_equal(u.path, rows[i].path);
		assert_int_equal(u.port, rows[i].port);
	}
	(void)snprintf(text, sizeof(text), "https://a/%0*d", (int)TLSRPT_PATH_MAX - 1, 7);
	assert_int_equal(tlsrpt_record_parse_uri(&u, slice_str(text)), ERR_OK);
	(void)snprintf(text, sizeof(text), "https://a/%0*d", (int)TLSRPT_PATH_MAX, 7);
	assert_int_equal(tlsrpt_record_parse_uri(&u, slice_str(text)), ERR_SYNTAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_records),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_uris),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
