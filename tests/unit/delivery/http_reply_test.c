/* SPDX-License-Identifier: ISC */
#include "tests/unit/test.h"

#include <string.h>

#include "delivery/http_reply.h"

#define BODY_MAX	100u
#define OK_HEAD		"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"

/* Each reply whole, byte by byte and split at every place. */
static enum err
run_split(struct http_reply *r, struct slice s, size_t at, bool by_byte, bool ends)
{
	enum err e = ERR_SHORT;

	http_reply_init(r, BODY_MAX);
	if (by_byte) {
		for (size_t i = 0; i < s.n && e == ERR_SHORT; i++)
			e = http_reply_feed(r, slice_of(s.p + i, 1));
	} else {
		e = http_reply_feed(r, slice_head(s, at));
		if (e == ERR_SHORT)
			e = http_reply_feed(r, slice_from(s, at));
	}
	if (e == ERR_SHORT && ends)
		e = http_reply_end(r);
	return e;
}

static void
check(const char *text, enum err want, const char *body)
{
	struct slice s = slice_str(text);
	struct http_reply r;

	for (size_t at = 0; at <= s.n + 1; at++) {
		bool by_byte = at == s.n + 1;

		assert_int_equal(run_split(&r, s, at, by_byte, true), want);
		if (want == ERR_OK)
			assert_slice(http_reply_body(&r), body);
		else
			assert_string_not_equal(r.why, "");
		/* It stays so. */
		assert_int_equal(http_reply_feed(&r, SLICE_LIT("x")), want);
		assert_int_equal(http_reply_end(&r), want);
		http_reply_fini(&r);
	}
}

static void
test_bodies(void **state)
{
	(void)state;
	check(OK_HEAD "Content-Length: 5\r\n\r\nhello", ERR_OK, "hello");
	check(OK_HEAD "Content-Length: 5\r\n\r\nhello and more", ERR_OK, "hello");
	check(OK_HEAD "content-length: 0\r\n\r\n", ERR_OK, "");
	check(OK_HEAD "\r\nuntil the end", ERR_OK, "until the end");
	check(OK_HEAD "\r\n", ERR_OK, "");
	check(OK_HEAD "Transfer-Encoding: chunked\r\n\r\n"
	    "5\r\nhello\r\n1;a=b\r\n \r\n00A\r\nchunkchunk\r\n0\r\nTrailer: x\r\n\r\n", ERR_OK,
	    "hello chunkchunk");
	check("HTTP/1.0 200 OK\nContent-Type: TEXT/Plain; charset=utf-8\n\nx", ERR_OK, "x");
	check("HTTP/1.1 200\r\nContent-Type:text/plain\r\nContent-Encoding: identity\r\n\r\nx",
	    ERR_OK, "x");
	check("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" OK_HEAD
	    "Content-Length: 1\r\n\r\nx", ERR_OK, "x");
}

static void
test_refused(void **state)
{
	static const char *const unsupported[] = {
		"HTTP/1.1 301 Moved\r\nLocation: https://a.example/\r\n\r\n",
		"HTTP/1.1 302 Found\r\n\r\n", "HTTP/1.1 308 Permanent\r\n\r\n",
		"HTTP/1.1 404 Not Found\r\n\r\n", "HTTP/1.1 500 No\r\n\r\n",
		"HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 101 Switching\r\n\r\n",
		"HTTP/1.1 200 OK\r\n\r\nx",
		"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\nx",
		"HTTP/1.1 200 OK\r\nContent-Type: text/plainer\r\n\r\nx",
		OK_HEAD "Content-Encoding: gzip\r\n\r\nx",
		OK_HEAD "Transfer-Encoding: gzip, chunked\r\n\r\nx",
		OK_HEAD "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	};
	static const char *const syntax[] = {
		"220 mx.example ESMTP\r\n", "\r\n", "HTTP/2.0 200 OK\r\n", "HTTP/1.1 20\r\n",
		"HTTP/1.1 2000 OK\r\n", "HTTP/1.1 099 OK\r\n", "HTTP/1.1 600 OK\r\n",
		"HTTP/1.1  200 OK\r\n",
		OK_HEAD "no field\r\n\r\n", OK_HEAD ": x\r\n\r\n", OK_HEAD "a : x\r\n\r\n",
		OK_HEAD " folded\r\n\r\n", OK_HEAD "a: x\ry\r\n\r\n",
		OK_HEAD "Content-Length: 1\r\nContent-Length: 2\r\n\r\nx",
		OK_HEAD "Content-Length: -1\r\n\r\n", OK_HEAD "Content-Length: 1, 1\r\n\r\n",
		OK_HEAD "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
		"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n",
		OK_HEAD "Transfer-Encoding: chunked\r\n\r\n\r\n",
		OK_HEAD "Transfer-Encoding: chunked\r\n\r\n-1\r\n",
		OK_HEAD "Transfer-Encoding: chunked\r\n\r\n0x1\r\n",
		OK_HEAD "Transfer-Encoding: chunked\r\n\r\n1\r\nxy\r\n",
	};
	static const char *const early[] = {
		"", "HTTP/1.1 200 OK\r\n", OK_HEAD, OK_HEAD "Content-Length: 5\r\n\r\nhell",
		OK_HEAD "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
		OK_HEAD "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(unsupported) / sizeof(unsupported[0]); i++)
		check(unsupported[i], ERR_UNSUPPORTED, NULL);
	for (size_t i = 0; i < sizeof(syntax) / sizeof(syntax[0]); i++)
		check(syntax[i], ERR_SYNTAX, NULL);
	for (size_t i = 0; i < sizeof(early) / sizeof(early[0]); i++)
		check(early[i], ERR_END, NULL);
}

static void
put_many(struct buf *b, char c, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_put_char(b, c);
}

static enum err
feed_all(const struct buf *b, bool ends)
{
	struct http_reply r;
	enum err e;

	http_reply_init(&r, BODY_MAX);
	e = http_reply_feed(&r, buf_slice(b));
	if (e == ERR_SHORT && ends)
		e = http_reply_end(&r);
	http_reply_fini(&r);
	return e;
}

/* Each limit, and one more. */
static void
test_body_limit(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 1u << 20);
	for (size_t more = 0; more <= 1; more++) {
		enum err want = more == 0 ? ERR_OK : ERR_TOOBIG;

		buf_reset(&b);
		buf_put_str(&b, OK_HEAD "\r\n");
		put_many(&b, 'x', BODY_MAX + more);
		assert_int_equal(feed_all(&b, true), want);

		buf_reset(&b);
		buf_printf(&b, OK_HEAD "Content-Length: %u\r\n\r\n", BODY_MAX + (unsigned)more);
		put_many(&b, 'x', BODY_MAX + more);
		assert_int_equal(feed_all(&b, false), want);

		buf_reset(&b);
		buf_printf(&b, OK_HEAD "Transfer-Encoding: chunked\r\n\r\n%x\r\n", BODY_MAX);
		put_many(&b, 'x', BODY_MAX);
		buf_put_str(&b, "\r\n");
		if (more)
			buf_put_str(&b, "1\r\nx\r\n");
		buf_put_str(&b, "0\r\n\r\n");
		assert_int_equal(feed_all(&b, false), want);
	}
	buf_reset(&b);
	buf_put_str(&b, OK_HEAD "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n");
	assert_int_equal(feed_all(&b, false), ERR_TOOBIG);
	buf_fini(&b);
}

static void
test_head_limits(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 1u << 20);
	/* A line: with its CR. */
	for (size_t more = 0; more <= 1; more++) {
		buf_reset(&b);
		buf_put_str(&b, OK_HEAD "Content-Length: 0\r\na: ");
		put_many(&b, 'x', HTTP_LINE_MAX - 4 + more);
		buf_put_str(&b, "\r\n\r\n");
		assert_int_equal(feed_all(&b, false), more == 0 ? ERR_OK : ERR_LIMIT);
	}
	/* Fields. */
	for (unsigned more = 0; more <= 1; more++) {
		buf_reset(&b);
		buf_put_str(&b, OK_HEAD "Content-Length: 0\r\n");
		for (unsigned i = 2; i < HTTP_FIELDS_MAX + more; i++)
			buf_put_str(&b, "a: b\r\n");
		buf_put_str(&b, "\r\n");
		assert_int_equal(feed_all(&b, false), more == 0 ? ERR_OK : ERR_LIMIT);
	}
	/* All of it. */
	for (size_t more = 0; more <= 1; more++) {
		buf_reset(&b);
		buf_put_str(&b, OK_HEAD "Content-Length: 0\r\n");
		while (b.n + 4000 < HTTP_HEAD_MAX - 2) {
			buf_put_str(&b, "a: ");
			put_many(&b, 'x', 3000 - 5);
			buf_put_str(&b, "\r\n");
		}
		buf_put_str(&b, "a: ");
		put_many(&b, 'x', HTTP_HEAD_MAX - 4 - b.n + more);
		buf_put_str(&b, "\r\n\r\n");
		assert_int_equal(b.n, HTTP_HEAD_MAX + more);
		assert_int_equal(feed_all(&b, false), more == 0 ? ERR_OK : ERR_LIMIT);
	}
	/* Interim replies without end, and chunks of one byte. */
	buf_reset(&b);
	while (b.n <= HTTP_HEAD_MAX)
		buf_put_str(&b, "HTTP/1.1 100 Continue\r\n\r\n");
	assert_int_equal(feed_all(&b, false), ERR_LIMIT);
	buf_fini(&b);
}

static void
test_nul(void **state)
{
	struct http_reply r;

	(void)state;
	http_reply_init(&r, BODY_MAX);
	assert_int_equal(http_reply_feed(&r, SLICE_LIT(OK_HEAD "a: \0\r\n")), ERR_SYNTAX);
	http_reply_fini(&r);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bodies), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_body_limit), cmocka_unit_test(test_head_limits),
		cmocka_unit_test(test_nul),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
