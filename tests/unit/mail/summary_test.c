/* SPDX-License-Identifier: ISC */
#include "tests/unit/test.h"

#include <string.h>

#include "lib/base/cc.h"
#include "lib/base/enc.h"
#include "lib/mail/preview.h"
#include "lib/mail/rcpt_hash.h"
#include "lib/mail/summary.h"
#include "lib/mail/thread_hash.h"

static void
parse(struct mime *m, struct slice text)
{
	mime_start(m);
	mime_feed(m, text);
	mime_end(m);
}

static const char message[] =
    "Received: from a by b; Fri, 20 Nov 2026 10:02:10 +0000\r\n"
    "Date: Fri, 20 Nov 2026 11:02:10 +0100\r\n"
    "From: Alice <alice@x.example>\r\nTo: bob@y.example\r\n"
    "Subject: Lunch\r\nMessage-ID: <1@x.example>\r\n"
    "X-Private: not kept\r\nList-Id: L <l.x.example>\r\n"
    "Content-Type: multipart/mixed; boundary=b\r\n\r\n"
    "--b\r\n\r\nHello\r\n  Bob.\r\n--b\r\nContent-Type: image/png\r\n"
    "Content-Transfer-Encoding: base64\r\n\r\nAAAA\r\n--b--\r\n";

static void
test_round_trip(void **state)
{
	struct slice prefix = SLICE_LIT("Return-Path: <a@x>\r\nDelivered-To: b@y\r\n");
	uint32_t path = 2, off, n;
	struct mime_map map;
	struct summary sum;
	struct mime m;
	struct buf b, body, all;

	(void)state;
	mime_init(&m);
	mime_map_init(&map);
	buf_init(&b, SUMMARY_MAX);
	buf_init(&body, 4000);
	buf_init(&all, 4000);
	buf_put_slice(&all, prefix);
	buf_put_str(&all, message);
	parse(&m, slice_str(message));
	assert_int_equal(summary_put(&b, &m, prefix, NULL), ERR_OK);
	assert_int_equal(summary_get(&sum, buf_slice(&b)), ERR_OK);
	assert_int_equal(sum.size, all.n);
	assert_true(sum.has_sent);
	assert_int_equal(sum.sent_s, 1795168930);
	assert_int_equal(sum.sent_zone, 60);
	assert_slice(sum.preview, "Hello Bob.");
	assert_true(slice_starts(sum.envelope, "(\"Fri, 20 Nov 2026 11:02:10 +0100\" \"Lunch\" (("));
	assert_slice(sum.fields, "Return-Path: <a@x>\r\nDelivered-To: b@y\r\n"
	    "Date: Fri, 20 Nov 2026 11:02:10 +0100\r\nFrom: Alice <alice@x.example>\r\n"
	    "To: bob@y.example\r\nSubject: Lunch\r\nMessage-ID: <1@x.example>\r\n"
	    "List-Id: L <l.x.example>\r\nContent-Type: multipart/mixed; boundary=b\r\n");
	assert_slice(slice_from(buf_slice(&all), sum.header_bytes),
	    strstr(message, "--b\r\n\r\nHello"));
	assert_int_equal(mime_map_get(&map, sum.parts, sum.size), ERR_OK);
	assert_int_equal(mime_map_locate(&map, &path, 1, MIME_SECTION_ALL, &off, &n, NULL), ERR_OK);
	assert_slice(slice_of(buf_data(&all) + off, n), "AAAA");
	summary_put_body(&body, &sum);
	assert_slice(buf_slice(&body),
	    "((\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 13 2)"
	    "(\"image\" \"png\" NIL NIL NIL \"base64\" 4) \"mixed\")");
	/* The size that the store was planned with. */
	assert_true(b.n < 1200);
	mime_map_fini(&map);
	mime_fini(&m);
	buf_fini(&b);
	buf_fini(&body);
	buf_fini(&all);
}

static void
test_kept_names(void **state)
{
	(void)state;
	assert_true(summary_keeps(SLICE_LIT("SUBJECT")));
	assert_true(summary_keeps(SLICE_LIT("chat-version")));
	assert_true(summary_keeps(SLICE_LIT("Content-Type")));
	assert_false(summary_keeps(SLICE_LIT("Received")));
	assert_false(summary_keeps(SLICE_NONE));
}

static void
put_filler(struct buf *b, const char *name, size_t n)
{
	buf_printf(b, "%s: ", name);
	for (size_t i = 0; i < n; i++)
		buf_put_char(b, 'f');
	buf_put_str(b, "\r\n");
}

static void
summarize(struct mime *m, struct slice text, struct buf *b, struct summary *sum)
{
	parse(m, text);
	buf_reset(b);
	assert_int_equal(summary_put(b, m, SLICE_NONE, NULL), ERR_OK);
	assert_true(b->n <= SUMMARY_MAX);
	assert_int_equal(summary_get(sum, buf_slice(b)), ERR_OK);
}

/* What does not fit goes in the written order. */
static void
test_items_dropped(void **state)
{
	struct summary sum;
	struct mime m;
	struct buf in, b;

	(void)state;
	mime_init(&m);
	buf_init(&in, 4u << 20);
	buf_init(&b, 1u << 20);
	/* Preview goes first ... */
	put_filler(&in, "References", 11750);
	buf_put_str(&in, "\r\n");
	for (unsigned i = 0; i < 300; i++)
		buf_put_str(&in, "\xc3\xbc preview ");
	summarize(&m, buf_slice(&in), &b, &sum);
	assert_true(!sum.has_preview && sum.has_fields && sum.has_structure &&
	    sum.has_parts && sum.has_envelope);
	/* ... then the fields ... */
	buf_reset(&in);
	put_filler(&in, "Subject", 6500);
	buf_put_str(&in, "\r\n");
	summarize(&m, buf_slice(&in), &b, &sum);
	assert_true(!sum.has_preview && !sum.has_fields && sum.has_structure &&
	    sum.has_parts && sum.has_envelope);
	/* ... then the structure ... */
	buf_reset(&in);
	put_filler(&in, "Content-Description", 12000);
	buf_put_str(&in, "\r\n");
	summarize(&m, buf_slice(&in), &b, &sum);
	assert_true(!sum.has_structure && sum.has_parts && sum.has_envelope);
	/* ... then the parts ... */
	buf_reset(&in);
	buf_put_str(&in, "Subject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n");
	for (unsigned i = 0; i < 5000; i++)
		buf_put_str(&in, "--b\r\n\r\nx\r\n");
	summarize(&m, buf_slice(&in), &b, &sum);
	assert_true(!sum.has_structure && !sum.has_parts && sum.has_envelope);
	/* ... and last the envelope. */
	buf_reset(&in);
	put_filler(&in, "Subject", 13000);
	buf_put_str(&in, "\r\n");
	summarize(&m, buf_slice(&in), &b, &sum);
	assert_true(!sum.has_envelope && sum.header_bytes > 13000);
	/* Fields that were not all read are not offered as all. */
	buf_reset(&in);
	for (unsigned i = 0; i < 1001; i++)
		buf_put_str(&in, "X: y\r\n");
	buf_put_str(&in, "Subject: x\r\n\r\n");
	summarize(&m, buf_slice(&in), &b, &sum);
	assert_false(sum.has_fields);
	mime_fini(&m);
	buf_fini(&in);
	buf_fini(&b);
}

static void
test_hostile_records(void **state)
{
	static const struct {
		const char	*hex;
		enum err	 e;
	} rows[] = {
		{ "", ERR_CORRUPT }, { "02", ERR_VERSION }, { "01", ERR_CORRUPT },
		{ "0102", ERR_CORRUPT }, { "010205", ERR_CORRUPT }, { "0102ffffffffff", ERR_CORRUPT },
		{ "01020161", ERR_CORRUPT },			/* no basics */
		{ "010100", ERR_CORRUPT },			/* basics of no length */
		{ "01011305000000020000000000000000000000000000", ERR_OK },
		{ "01011305000000060000000000000000000000000000", ERR_CORRUPT },
		{ "01011305000000020000000200000000000000000000", ERR_CORRUPT },
		{ "0101130500000002000000010000000000000000a005", ERR_CORRUPT },	/* zone */
		{ "01011305000000020000000000000000000000000000" "630161", ERR_OK }, /* unknown tag */
		{ "01011305000000020000000000000000000000000000" "0701ff", ERR_CORRUPT },
	};
	struct summary sum;
	struct buf b;

	(void)state;
	buf_init(&b, 1000);
	for (size_t i = 0; i < lengthof(rows); i++) {
		buf_reset(&b);
		assert_int_equal(enc_get_hex(&b, slice_str(rows[i].hex)), ERR_OK);
		assert_int_equal(summary_get(&sum, buf_slice(&b)), rows[i].e);
	}
	buf_fini(&b);
}

static void
test_previews(void **state)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{ "\r\n  a \t b\r\n\r\nc ", "a b c" },
		{ "\r\n", "" },
		{ "Content-Type: image/png\r\n\r\nxx", "" },
		{ "Content-Type: text/plain; charset=iso-8859-1\r\n\r\n\xe9t\xe9", "\xc3\xa9t\xc3\xa9" },
		{ "Content-Transfer-Encoding: base64\r\n\r\naGVsbG8=\r\n", "hello" },
		{ "Content-Type: text/html\r\n\r\n<p>a</p><p>b <i>c</i>d", "a b cd" },
		{ "Content-Type: text/html\r\n\r\n<style>x{}</style><!-- <b> -->y &lt;z&#x41;&#66;&bogus;",
		    "y <zAB&bogus;" },
		{ "Content-Type: text/html\r\n\r\n<script>never ends", "" },
		{ "Content-Type: text/html\r\n\r\na < b & c", "a < b & c" },
		{ "Content-Type: text/html\r\n\r\n&#0;&#xd800;&#x110000;&#99999999999;x",
		    "&#0;&#99999999999;x" },
		{ "Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n"
		    "Content-Type: text/html\r\n\r\n<p>html</p>\r\n--b\r\n\r\nplain\r\n--b--", "plain" },
		{ "Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n\r\n \r\n--b\r\n"
		    "Content-Type: text/html\r\n\r\n<p>html</p>\r\n--b--", "html" },
		{ "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Disposition: attachment\r\n"
		    "\r\nfile\r\n--b\r\n\r\ntext\r\n--b--", "text" },
		{ "\r\nzero\xe2\x80\x8b\xe2\x80\x8bwidth\xc2\xa0" "end", "zero width end" },
	};
	struct mime m;
	struct buf b;

	(void)state;
	mime_init(&m);
	buf_init(&b, 1000);
	for (size_t i = 0; i < lengthof(rows); i++) {
		buf_reset(&b);
		parse(&m, slice_str(rows[i].text));
		preview_put(&b, &m, NULL, SUMMARY_PREVIEW_CHARS);
		assert_slice(buf_slice(&b), rows[i].want);
	}
	mime_fini(&m);
	buf_fini(&b);
}

/* RFC 8970 s3: characters, not bytes; never a cut one. */
static void
test_preview_limit(void **state)
{
	struct mime m;
	struct buf in, b;
	size_t n = 0;

	(void)state;
	mime_init(&m);
	buf_init(&in, 1u << 20);
	buf_init(&b, 4000);
	buf_put_str(&in, "Content-Type: text/plain; charset=utf-8\r\n\r\n");
	for (unsigned i = 0; i < 5000; i++)
		buf_put_str(&in, "\xf0\x9f\x90\xa6");
	parse(&m, buf_slice(&in));
	preview_put(&b, &m, NULL, SUMMARY_PREVIEW_CHARS);
	assert_true(utf8_ok(buf_slice(&b)));
	for (size_t i = 0; i < b.n; i++)
		n += (buf_data(&b)[i] & 0xc0) != 0x80;
	assert_int_equal(n, SUMMARY_PREVIEW_CHARS);
	mime_fini(&m);
	buf_fini(&in);
	buf_fini(&b);
}

/* A shorter one is the beginning of a longer, but for a space at its end. */
static void
test_preview_every_limit(void **state)
{
	static const char text[] = "\r\n  Words, of ASCII \t and \xc3\xa9t\xc3\xa9; one~word "
	    "a\x7f" "b \xc2\xa0 end.  ";
	static const char want[] = "Words, of ASCII and \xc3\xa9t\xc3\xa9; one~word a b end.";
	unsigned chars = 0;
	struct mime m;
	struct buf b;

	(void)state;
	mime_init(&m);
	buf_init(&b, 1000);
	parse(&m, slice_str(text));
	for (size_t n = 0; n < sizeof(want); n++) {
		struct slice part = slice_of(want, n);

		if (n > 0 && ((unsigned char)want[n] & 0xc0) == 0x80)
			continue;
		buf_reset(&b);
		preview_put(&b, &m, NULL, chars++);
		if (n > 0 && want[n - 1] == ' ')
			part.n--;
		assert_true(slice_eq(buf_slice(&b), part));
	}
	buf_reset(&b);
	preview_put(&b, &m, NULL, chars);
	assert_slice(buf_slice(&b), want);
	mime_fini(&m);
	buf_fini(&b);
}

static void
test_thread_hashes(void **state)
{
	static const unsigned char key[16] = { 1, 2, 3 };
	static const unsigned char other[16] = { 1, 2, 4 };
	unsigned char id[8], folded[8], elsewhere[8];
	struct thread_hashes h;
	struct buf b;

	(void)state;
	thread_hash_id(key, SLICE_LIT("a@x.example"), id);
	thread_hash_id(key, SLICE_LIT("a@x.\r\n example"), folded);
	thread_hash_id(other, SLICE_LIT("a@x.example"), elsewhere);
	assert_memory_equal(id, folded, 8);
	assert_memory_not_equal(id, elsewhere, 8);
	thread_hash_header(key, SLICE_LIT("message-id: <a@x.example>\r\n"
	    "In-Reply-To: <z@x>\r\nReferences: <b@x>\r\n <a@x.example>\r\n\r\n"), &h);
	assert_int_equal(h.id_bytes, 8);
	assert_memory_equal(h.id, id, 8);
	assert_int_equal(h.refs_bytes, 16);
	assert_memory_equal(h.refs + 8, id, 8);
	/* RFC 5256 s3: only the first of In-Reply-To, and only without References. */
	thread_hash_header(key, SLICE_LIT("In-Reply-To: x ( < a@x.example > <c@x>\r\n"
	    "References: none\r\n\r\n"), &h);
	assert_int_equal(h.id_bytes, 0);
	assert_int_equal(h.refs_bytes, 8);
	assert_memory_equal(h.refs, id, 8);
	/* The newest THREAD_REFS_MAX. */
	buf_init(&b, 1u << 16);
	buf_put_str(&b, "References: ");
	for (unsigned i = 0; i < THREAD_REFS_MAX; i++)
		buf_printf(&b, "<%u@x> ", i);
	buf_put_str(&b, "<a@x.example>\r\n\r\n");
	thread_hash_header(key, buf_slice(&b), &h);
	assert_int_equal(h.refs_bytes, 8 * THREAD_REFS_MAX);
	assert_memory_equal(h.refs + h.refs_bytes - 8, id, 8);
	thread_hash_id(key, SLICE_LIT("1@x"), id);
	assert_memory_equal(h.refs, id, 8);
	buf_fini(&b);
}

static void
test_rcpt_hash(void **state)
{
	(void)state;
	assert_true(rcpt_hash(SLICE_LIT("a"), SLICE_LIT("bc")) !=
	    rcpt_hash(SLICE_LIT("ab"), SLICE_LIT("c")));
	assert_true(rcpt_hash(SLICE_LIT("a@x"), SLICE_LIT("INBOX")) ==
	    rcpt_hash(SLICE_LIT("a@x"), SLICE_LIT("INBOX")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_kept_names),
		cmocka_unit_test(test_items_dropped),
		cmocka_unit_test(test_hostile_records),
		cmocka_unit_test(test_previews),
		cmocka_unit_test(test_preview_limit),
		cmocka_unit_test(test_preview_every_limit),
		cmocka_unit_test(test_thread_hashes),
		cmocka_unit_test(test_rcpt_hash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
