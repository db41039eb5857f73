/* SPDX-License-Identifier: ISC */
/*
 * The MIME parser on broken and hostile messages; the sample messages of
 * tests/golden/mime say what ordinary ones give.
 */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cc.h"
#include "lib/mail/hdr.h"
#include "lib/mail/imap_text.h"
#include "lib/mail/mime.h"
#include "lib/mail/mime_code.h"

static void
parse(struct mime *m, struct slice text)
{
	mime_start(m);
	mime_feed(m, text);
	mime_end(m);
}

/* Every fact of the parse as one text. */
static void
describe(struct buf *b, const struct mime *m)
{
	struct buf cuts;

	buf_init(&cuts, 1u << 20);
	for (uint32_t i = 0; i < m->map.count; i++) {
		const struct mime_span *s = &m->map.spans[i];

		buf_printf(b, "%d.%u k%u c%u %u+%u %u+%u l%u\n", (int)s->parent, s->number,
		    s->kind, s->code, s->header_off, s->header_bytes, s->body_off,
		    s->body_bytes, s->lines);
	}
	buf_put_slice(b, mime_text(m, m->meta[0].envelope));
	imap_text_put_structure(b, m, &cuts);
	buf_put_slice(b, buf_slice(&cuts));
	buf_printf(b, "%u %zu %zu %d", m->bytes, m->plain.bytes.n, m->html.bytes.n, m->limited);
	buf_fini(&cuts);
}

/* Ranges lie inside each other and describe the input. */
static void
check_spans(const struct mime *m, size_t bytes)
{
	const struct mime_span *root = &m->map.spans[0];

	assert_int_equal(root->header_off, 0);
	assert_int_equal(root->header_bytes + root->body_bytes, bytes);
	for (uint32_t i = 1; i < m->map.count; i++) {
		const struct mime_span *s = &m->map.spans[i];
		const struct mime_span *p = &m->map.spans[s->parent];

		assert_true(s->parent < i);
		assert_int_not_equal(p->kind, MIME_LEAF);
		assert_true(s->header_off >= p->body_off);
		assert_int_equal(s->body_off, s->header_off + s->header_bytes);
		assert_true((uint64_t)s->body_off + s->body_bytes <=
		    (uint64_t)p->body_off + p->body_bytes);
	}
}

/* The record gives the same spans back. */
static void
check_record(const struct mime *m, uint32_t bytes)
{
	struct mime_map map;
	struct buf b;

	mime_map_init(&map);
	buf_init(&b, 1u << 20);
	mime_map_put(&m->map, 0, &b);
	assert_int_equal(buf_err(&b), ERR_OK);
	assert_int_equal(mime_map_get(&map, buf_slice(&b), bytes), ERR_OK);
	assert_int_equal(map.count, m->map.count);
	for (uint32_t i = 0; i < map.count; i++)
		assert_memory_equal(&map.spans[i], &m->map.spans[i], sizeof(map.spans[i]));
	mime_map_fini(&map);
	buf_fini(&b);
}

static const char *const samples[] = {
	"",
	"\r\n",
	"\n",
	"-",
	"--",
	"Subject: x",
	"Subject: x\r\n\r\nbody",
	"A: b\r\r\n\r\nx\r\n",
	"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b",
	"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n",
	"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b--",
	"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n--b\r\n--b--\r\n--b\r\nx",
	"Content-Type: multipart/mixed; boundary=b\r\n\r\npre\r\n--b\r\n\r\none\r\n\r\n--b \t\r\n"
	    "Content-Type: text/html\r\n\r\n--bb\r\n-b\r\n--\r\n---b\r\n--b-\r\n--b--x\r\n--b--  \r\nepi",
	"Content-Type: multipart/mixed; boundary=\"a b\"\r\n\r\n--a b\r\n\r\n1\r\n--a b--\r\n",
	"Content-Type: multipart/digest; boundary=d\n\n--d\n\nSubject: in\n\nx\n--d\n\n--d--\n",
	"Content-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\nContent-Type: message/rfc822\r\n\r\n"
	    "Content-Type: multipart/alternative; boundary=i\r\n\r\n--i\r\n\r\nin\r\n--o\r\n\r\nout\r\n--i--\r\n--o--\r\n",
	"Content-Type: message/rfc822\r\n\r\nContent-Type: message/rfc822\r\n\r\nSubject: deep\r\n\r\nx",
	"Content-Type: multipart/mixed; boundary=b\r\nX: y\r\n--b\r\n\r\nhead boundary",
	"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n"
	    "Subject: x\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n--b--",
	"Content-Type: text/plain; boundary=b\r\n\r\n--b\r\n\r\nno part\r\n--b--\r\n",
	"Content-Type: message/rfc822; boundary=b\r\n\r\nX: y\r\n\r\n--b\r\n\r\nno part\r\n",
	"Content-Type: MULTIPART/mixed; boundary=--\r\n\r\n----\r\n\r\nx\r\n------\r\n",
};

static void
test_split(void **state)
{
	struct buf whole, part;
	struct mime m;

	(void)state;
	mime_init(&m);
	buf_init(&whole, 1u << 20);
	buf_init(&part, 1u << 20);
	for (size_t i = 0; i < lengthof(samples); i++) {
		struct slice text = slice_str(samples[i]);

		parse(&m, text);
		check_spans(&m, text.n);
		check_record(&m, (uint32_t)text.n);
		buf_reset(&whole);
		describe(&whole, &m);
		mime_start(&m);
		for (size_t j = 0; j < text.n; j++)
			mime_feed(&m, slice_of(text.p + j, 1));
		mime_end(&m);
		buf_reset(&part);
		describe(&part, &m);
		assert_true(slice_eq(buf_slice(&whole), buf_slice(&part)));
		for (size_t j = 0; j <= text.n; j++) {
			mime_start(&m);
			mime_feed(&m, slice_head(text, j));
			mime_feed(&m, SLICE_NONE);
			mime_feed(&m, slice_from(text, j));
			mime_end(&m);
			buf_reset(&part);
			describe(&part, &m);
			assert_true(slice_eq(buf_slice(&whole), buf_slice(&part)));
		}
	}
	mime_fini(&m);
	buf_fini(&whole);
	buf_fini(&part);
}

static void
put_nested(struct buf *b, unsigned levels)
{
	for (unsigned i = 0; i < levels; i++)
		buf_printf(b, "Content-Type: multipart/mixed; boundary=b%u\r\n\r\n--b%u\r\n", i, i);
	buf_put_str(b, "\r\ninnermost\r\n");
	for (unsigned i = levels; i-- > 0;)
		buf_printf(b, "--b%u--\r\n", i);
}

static void
test_depth_limit(void **state)
{
	struct buf b, out;
	struct mime m;

	(void)state;
	mime_init(&m);
	buf_init(&b, 1u << 20);
	buf_init(&out, 1u << 20);
	put_nested(&b, MIME_DEPTH_MAX);
	parse(&m, buf_slice(&b));
	assert_int_equal(m.map.count, MIME_DEPTH_MAX + 1);
	assert_false(m.limited);
	check_spans(&m, b.n);
	check_record(&m, (uint32_t)b.n);
	/* One more level: it is one opaque leaf. */
	buf_reset(&b);
	put_nested(&b, MIME_DEPTH_MAX + 1);
	parse(&m, buf_slice(&b));
	assert_int_equal(m.map.count, MIME_DEPTH_MAX + 1);
	assert_true(m.limited);
	assert_true(m.meta[MIME_DEPTH_MAX].opaque);
	check_spans(&m, b.n);
	describe(&out, &m);
	assert_int_not_equal(slice_search(buf_slice(&out),
	    SLICE_LIT("(\"application\" \"octet-stream\" NIL")), out.n);
	buf_reset(&b);
	put_nested(&b, 3000);
	parse(&m, buf_slice(&b));
	assert_int_equal(m.map.count, MIME_DEPTH_MAX + 1);
	mime_fini(&m);
	buf_fini(&b);
	buf_fini(&out);
}

/* Messages in messages, no boundary at all. */
static void
test_message_depth(void **state)
{
	struct buf b;
	struct mime m;

	(void)state;
	mime_init(&m);
	buf_init(&b, 4u << 20);
	for (unsigned i = 0; i < 5000; i++)
		buf_put_str(&b, "Content-Type: message/rfc822\r\n\r\n");
	buf_put_str(&b, "Subject: x\r\n\r\nx");
	parse(&m, buf_slice(&b));
	assert_int_equal(m.map.count, MIME_DEPTH_MAX + 1);
	assert_true(m.limited);
	check_spans(&m, b.n);
	check_record(&m, (uint32_t)b.n);
	mime_fini(&m);
	buf_fini(&b);
}

static void
test_part_limit(void **state)
{
	struct buf b;
	struct mime m;
	uint32_t last;

	(void)state;
	mime_init(&m);
	buf_init(&b, 8u << 20);
	buf_put_str(&b, "Content-Type: multipart/mixed; boundary=b\r\n\r\n");
	for (unsigned i = 1; i < MIME_PARTS_MAX; i++)
		buf_printf(&b, "--b\r\n\r\n%u\r\n", i);
	buf_put_str(&b, "--b--\r\n");
	parse(&m, buf_slice(&b));
	assert_int_equal(m.map.count, MIME_PARTS_MAX);
	assert_false(m.limited);
	check_spans(&m, b.n);
	check_record(&m, (uint32_t)b.n);
	/* The one behind the limit takes all that follows. */
	buf_truncate(&b, b.n - 7);
	for (unsigned i = 0; i < 3; i++)
		buf_printf(&b, "--b\r\n\r\nmore %u\r\n", i);
	buf_put_str(&b, "--b--\r\n");
	parse(&m, buf_slice(&b));
	assert_int_equal(m.map.count, MIME_PARTS_MAX + 1);
	assert_true(m.limited);
	last = m.map.count - 1;
	assert_true(m.meta[last].opaque);
	assert_slice(slice_from(buf_slice(&b), m.map.spans[last].body_off),
	    "more 0\r\n--b\r\n\r\nmore 1\r\n--b\r\n\r\nmore 2\r\n--b--\r\n");
	assert_int_equal(m.map.spans[last].body_off + m.map.spans[last].body_bytes, b.n);
	check_record(&m, (uint32_t)b.n);
	mime_fini(&m);
	buf_fini(&b);
}

static void
test_header_limits(void **state)
{
	struct buf b;
	struct mime m;

	(void)state;
	mime_init(&m);
	buf_init(&b, 2u << 20);
	for (unsigned i = 1; i < HDR_FIELDS_MAX; i++)
		buf_put_str(&b, "X: y\r\n");
	buf_put_str(&b, "Subject: last\r\n\r\nbody");
	parse(&m, buf_slice(&b));
	assert_false(m.limited);
	assert_int_not_equal(slice_search(mime_text(&m, m.meta[0].envelope),
	    SLICE_LIT("last")), mime_text(&m, m.meta[0].envelope).n);
	/* One more, in front: the last is not looked at; offsets stay true. */
	buf_reset(&b);
	for (unsigned i = 0; i < HDR_FIELDS_MAX; i++)
		buf_put_str(&b, "X: y\r\n");
	buf_put_str(&b, "Subject: last\r\n\r\nbody");
	parse(&m, buf_slice(&b));
	assert_true(m.limited);
	assert_slice(slice_from(buf_slice(&b), m.map.spans[0].body_off), "body");
	assert_int_equal(slice_search(mime_text(&m, m.meta[0].envelope),
	    SLICE_LIT("last")), mime_text(&m, m.meta[0].envelope).n);
	/* A header of a megabyte in one field, byte by byte. */
	buf_reset(&b);
	buf_put_str(&b, "Subject: ");
	for (unsigned i = 0; i < 1u << 20; i++)
		buf_put_char(&b, 's');
	buf_put_str(&b, "\r\n\r\nbody");
	mime_start(&m);
	for (size_t i = 0; i < b.n; i++)
		mime_feed(&m, slice_of(buf_data(&b) + i, 1));
	mime_end(&m);
	assert_true(m.limited);
	assert_int_equal(mime_top_header(&m).n, HDR_BYTES_MAX);
	assert_slice(slice_from(buf_slice(&b), m.map.spans[0].body_off), "body");
	mime_fini(&m);
	buf_fini(&b);
}

static void
test_hundred_thousand_addresses(void **state)
{
	struct buf b;
	struct mime m;

	(void)state;
	mime_init(&m);
	buf_init(&b, 2u << 20);
	buf_put_str(&b, "From: ");
	for (unsigned i = 0; i < 100000; i++)
		buf_put_str(&b, "a,");
	buf_put_str(&b, "\r\nSubject: x\r\n\r\nbody");
	parse(&m, buf_slice(&b));
	assert_true(mime_has(m.meta[0].envelope));
	/* From, Sender and Reply-To: 10,000 each. */
	assert_true(mime_text(&m, m.meta[0].envelope).n < 4u << 20);
	mime_fini(&m);
	buf_fini(&b);
}

/* All text of all parts together is bounded; what is too much is absent. */
static void
test_text_limit(void **state)
{
	struct buf b, out, cuts;
	struct mime m;

	(void)state;
	mime_init(&m);
	buf_init(&b, 64u << 20);
	buf_put_str(&b, "Content-Type: multipart/mixed; boundary=b\r\n\r\n");
	for (unsigned i = 0; i < 60; i++) {
		buf_put_str(&b, "--b\r\nContent-Description: ");
		for (unsigned j = 0; j < 200000; j++)
			buf_put_char(&b, 'd');
		buf_put_str(&b, "\r\n\r\nx\r\n");
	}
	parse(&m, buf_slice(&b));
	assert_int_equal(m.map.count, 61);
	assert_true(m.limited);
	assert_true(m.text.n < MIME_TEXT_MAX + (1u << 20));
	buf_init(&out, 64u << 20);
	buf_init(&cuts, 1u << 20);
	imap_text_put_structure(&out, &m, &cuts);
	assert_int_equal(buf_err(&out), ERR_OK);
	/* The next message finds the memory given back. */
	mime_start(&m);
	assert_true(m.text.cap < 1u << 20);
	mime_end(&m);
	buf_fini(&out);
	buf_fini(&cuts);
	mime_fini(&m);
	buf_fini(&b);
}

/* RFC 2231: in pieces, encoded; the plain form comes first. */
static void
test_boundary_forms(void **state)
{
	static const struct { const char *params; const char *mark; } rows[] = {
		{ "boundary*=''b", "b" }, { "boundary*=us-ascii'en'a%62", "ab" }, { "boundary*=''b; boundary=x", "x" },
		{ "boundary=x; boundary*=''b", "x" }, { "boundary*0=a; boundary*1=b", "ab" },
		{ "boundary*1=b; boundary*0=a", "ab" }, { "boundary*0*=us-ascii''a; boundary*1*=%62", "ab" },
		{ "boundary*0*=''%61; boundary*1=\"%62\"", "a%62" }, { "boundary*0=\"a b\"; boundary*1=c", "a bc" },
		{ "boundary*=''a%20b%20", "a b" }, { "boundary*0=a; boundary*1=b; boundary*3=c", "ab" },
		/* these say none */
		{ "boundary*=b", NULL }, { "boundary*=''", NULL }, { "boundary*1=a; boundary*2=b", NULL },
		{ "boundary*=", NULL },
	};
	struct buf b;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *mark = rows[i].mark != NULL ? rows[i].mark : "b";
		struct mime m;

		buf_init(&b, 4096);
		buf_printf(&b, "Content-Type: multipart/mixed; %s\r\n\r\n--%s\r\n\r\none\r\n--%s\r\n\r\ntwo\r\n--%s--\r\n",
		    rows[i].params, mark, mark, mark);
		mime_init(&m);
		mime_start(&m);
		mime_feed(&m, buf_slice(&b));
		mime_end(&m);
		if (m.map.count != (rows[i].mark != NULL ? 3 : 1))
			fail_msg("%s: %u parts", rows[i].params, m.map.count);
		mime_fini(&m);
		buf_fini(&b);
	}
}

static void
test_boundary_limit(void **state)
{
	struct buf b;
	struct mime m;

	(void)state;
	mime_init(&m);
	buf_init(&b, 1u << 20);
	for (size_t n = MIME_BOUNDARY_MAX; n <= MIME_BOUNDARY_MAX + 1; n++) {
		char boundary[MIME_BOUNDARY_MAX + 2];

		memset(boundary, 'x', n);
		boundary[n] = '\0';
		buf_reset(&b);
		buf_printf(&b, "Content-Type: multipart/mixed; boundary=%s\r\n\r\n--%s\r\n\r\n1\r\n--%s--\r\n",
		    boundary, boundary, boundary);
		parse(&m, buf_slice(&b));
		assert_int_equal(m.map.count, n <= MIME_BOUNDARY_MAX ? 2 : 1);
	}
	mime_fini(&m);
	buf_fini(&b);
}

static uint64_t
next_random(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x;
}

/* Garbage of bytes, and of pieces that parsers love. */
static void
test_garbage(void **state)
{
	static const char *const words[] = { "--b", "--b--", "\r\n", "\n", "\r", " ",
		"Content-Type: ", "multipart/mixed", "; boundary=b", "message/rfc822",
		"text/plain", "\r\n\r\n", "--", "From: ", "(", ")", "\"", "\\", "<", ">", "@",
		",", ";", ":", "=?utf-8?q?", "?=", "x", "*0*=", "\xff", "Content-Disposition: " };
	uint64_t x = 42;
	struct buf b, out, two;
	struct mime m;

	(void)state;
	mime_init(&m);
	buf_init(&b, 1u << 20);
	buf_init(&out, 1u << 22);
	buf_init(&two, 1u << 22);
	for (unsigned round = 0; round < 3000; round++) {
		size_t cut;

		buf_reset(&b);
		if (round % 2 == 0)
			buf_put_str(&b, "Content-Type: multipart/mixed; boundary=b\r\n\r\n");
		for (unsigned i = 0; i < 60; i++) {
			if (next_random(&x) % 8 == 0)
				buf_put_char(&b, (char)next_random(&x));
			else
				buf_put_str(&b, words[next_random(&x) % lengthof(words)]);
		}
		parse(&m, buf_slice(&b));
		check_spans(&m, b.n);
		check_record(&m, (uint32_t)b.n);
		buf_reset(&out);
		describe(&out, &m);
		cut = next_random(&x) % (b.n + 1);
		mime_start(&m);
		mime_feed(&m, slice_head(buf_slice(&b), cut));
		mime_feed(&m, slice_from(buf_slice(&b), cut));
		mime_end(&m);
		buf_reset(&two);
		describe(&two, &m);
		assert_true(slice_eq(buf_slice(&out), buf_slice(&two)));
	}
	mime_fini(&m);
	buf_fini(&b);
	buf_fini(&out);
	buf_fini(&two);
}

/* ---- sections */

static void
test_locate(void **state)
{
	static const char text[] =
	    "Subject: top\r\nContent-Type: multipart/mixed; boundary=o\r\n\r\n"
	    "--o\r\nContent-ID: <1>\r\n\r\none\r\n"
	    "--o\r\nContent-Type: message/rfc822\r\n\r\n"
	    "Subject: in\r\nContent-Type: multipart/mixed; boundary=i\r\n\r\n"
	    "--i\r\n\r\nin one\r\n--i\r\nX: y\r\n\r\nin two\r\n--i--\r\n"
	    "--o\r\nContent-Type: message/rfc822\r\n\r\nSubject: leaf\r\n\r\nleaf body\r\n"
	    "--o--\r\n";
	static const struct {
		uint32_t		 path[4];
		size_t			 n;
		enum mime_section	 what;
		const char		*want;		/* NULL: not found */
	} rows[] = {
		{ { 0 }, 0, MIME_SECTION_ALL, text },
		{ { 0 }, 0, MIME_SECTION_HEADER,
		    "Subject: top\r\nContent-Type: multipart/mixed; boundary=o\r\n\r\n" },
		{ { 0 }, 0, MIME_SECTION_MIME, NULL },
		{ { 1 }, 1, MIME_SECTION_ALL, "one" },
		{ { 1 }, 1, MIME_SECTION_MIME, "Content-ID: <1>\r\n\r\n" },
		{ { 1 }, 1, MIME_SECTION_HEADER, NULL },
		{ { 1 }, 1, MIME_SECTION_TEXT, NULL },
		{ { 1, 1 }, 2, MIME_SECTION_ALL, NULL },
		{ { 2 }, 1, MIME_SECTION_MIME, "Content-Type: message/rfc822\r\n\r\n" },
		{ { 2 }, 1, MIME_SECTION_HEADER,
		    "Subject: in\r\nContent-Type: multipart/mixed; boundary=i\r\n\r\n" },
		{ { 2 }, 1, MIME_SECTION_TEXT,
		    "--i\r\n\r\nin one\r\n--i\r\nX: y\r\n\r\nin two\r\n--i--" },
		{ { 2, 1 }, 2, MIME_SECTION_ALL, "in one" },
		{ { 2, 2 }, 2, MIME_SECTION_MIME, "X: y\r\n\r\n" },
		{ { 2, 2 }, 2, MIME_SECTION_ALL, "in two" },
		{ { 2, 3 }, 2, MIME_SECTION_ALL, NULL },
		{ { 3 }, 1, MIME_SECTION_ALL, "Subject: leaf\r\n\r\nleaf body" },
		{ { 3, 1 }, 2, MIME_SECTION_ALL, "leaf body" },
		{ { 3, 1 }, 2, MIME_SECTION_MIME, "Subject: leaf\r\n\r\n" },
		{ { 3, 1, 1 }, 3, MIME_SECTION_ALL, NULL },
		{ { 3, 2 }, 2, MIME_SECTION_ALL, NULL },
		{ { 4 }, 1, MIME_SECTION_ALL, NULL },
		{ { 0 }, 1, MIME_SECTION_ALL, NULL },
		{ { 0xffffffff }, 1, MIME_SECTION_ALL, NULL },
	};
	struct mime m;

	(void)state;
	mime_init(&m);
	parse(&m, slice_str(text));
	for (size_t i = 0; i < lengthof(rows); i++) {
		uint32_t off = 0, n = 0;
		enum err e = mime_map_locate(&m.map, rows[i].path, rows[i].n, rows[i].what,
		    &off, &n, NULL);

		assert_int_equal(e, rows[i].want == NULL ? ERR_NOTFOUND : ERR_OK);
		if (e == ERR_OK)
			assert_slice(slice_of(text + off, n), rows[i].want);
	}
	mime_fini(&m);
}

/* A message that is no multipart has part 1, itself. */
static void
test_locate_plain(void **state)
{
	static const char text[] = "Subject: x\r\n\r\nbody\r\n";
	uint32_t path[2] = { 1, 1 };
	uint32_t off, n, part;
	struct mime m;

	(void)state;
	mime_init(&m);
	parse(&m, slice_str(text));
	assert_int_equal(mime_map_locate(&m.map, path, 1, MIME_SECTION_ALL, &off, &n, &part), ERR_OK);
	assert_slice(slice_of(text + off, n), "body\r\n");
	assert_int_equal(part, 0);
	assert_int_equal(mime_map_locate(&m.map, path, 2, MIME_SECTION_ALL, &off, &n, &part), ERR_NOTFOUND);
	path[0] = 2;
	assert_int_equal(mime_map_locate(&m.map, path, 1, MIME_SECTION_ALL, &off, &n, &part), ERR_NOTFOUND);
	mime_fini(&m);
}

static void
test_record_hostile(void **state)
{
	uint64_t x = 7;
	struct mime_map map;
	struct mime m;
	struct buf b;

	(void)state;
	mime_init(&m);
	mime_map_init(&map);
	buf_init(&b, 1u << 16);
	parse(&m, slice_str(samples[15]));
	mime_map_put(&m.map, 0, &b);
	assert_int_equal(mime_map_get(&map, buf_slice(&b), m.bytes), ERR_OK);
	assert_int_equal(mime_map_get(&map, buf_slice(&b), m.bytes - 1), ERR_CORRUPT);
	for (size_t i = 0; i < b.n; i++)
		assert_int_equal(mime_map_get(&map, slice_head(buf_slice(&b), i), m.bytes), ERR_CORRUPT);
	buf_put_char(&b, 0);
	assert_int_equal(mime_map_get(&map, buf_slice(&b), m.bytes), ERR_CORRUPT);
	buf_truncate(&b, b.n - 1);
	/* Any change is refused or gives spans that hold together. */
	for (unsigned i = 0; i < 20000; i++) {
		size_t at = next_random(&x) % b.n;
		char old = buf_data(&b)[at];

		buf_data(&b)[at] = (char)next_random(&x);
		if (mime_map_get(&map, buf_slice(&b), m.bytes) == ERR_OK)
			for (uint32_t j = 0; j < map.count; j++)
				assert_true((uint64_t)map.spans[j].body_off +
				    map.spans[j].body_bytes <= m.bytes);
		buf_data(&b)[at] = old;
	}
	mime_map_fini(&map);
	mime_fini(&m);
	buf_fini(&b);
}

/* ---- encodings */

static void
test_decoders(void **state)
{
	static const struct {
		enum mime_code	 code;
		const char	*text, *want;
	} rows[] = {
		{ MIME_CODE_7BIT, "a=3D\r\n", "a=3D\r\n" },
		{ MIME_CODE_BASE64, "aGVsbG8=", "hello" },
		{ MIME_CODE_BASE64, "aGVs\r\nbG8h\r\n", "hello!" },
		{ MIME_CODE_BASE64, "aGVsbG8", "hello" },
		{ MIME_CODE_BASE64, "aGVsbA==aGVsbG8=", "hellhello" },
		{ MIME_CODE_BASE64, "*a G-V_sbG8=%", "hello" },
		{ MIME_CODE_BASE64, "a", "" }, { MIME_CODE_BASE64, "====", "" },
		{ MIME_CODE_QP, "a=3Db=C3=BC", "a=b\xc3\xbc" },
		{ MIME_CODE_QP, "soft=\r\nbreak =  \t\r\nhere", "softbreak here" },
		{ MIME_CODE_QP, "trail  \t\r\nnext ", "trail\r\nnext" },
		{ MIME_CODE_QP, "lf=\nx \ny", "lfx\ny" },
		{ MIME_CODE_QP, "bad =ZZ =4 =4Z ==41 =", "bad =ZZ =4 =4Z =A " },
		{ MIME_CODE_QP, "low =c3=bc", "low \xc3\xbc" },
		{ MIME_CODE_QP, "cr\rx", "cr\rx" },
		{ MIME_CODE_QP, "=4", "=4" },
	};
	struct mime_decoder d;
	struct buf b;

	(void)state;
	buf_init(&b, 1000);
	for (size_t i = 0; i < lengthof(rows); i++) {
		struct slice text = slice_str(rows[i].text);

		for (size_t cut = 0; cut <= text.n; cut++) {
			buf_reset(&b);
			mime_decoder_init(&d, rows[i].code);
			mime_decoder_put(&d, slice_head(text, cut), &b);
			mime_decoder_put(&d, slice_from(text, cut), &b);
			mime_decoder_end(&d, &b);
			mime_decoder_fini(&d);
			assert_slice(buf_slice(&b), rows[i].want);
		}
	}
	assert_int_equal(mime_code_find(SLICE_LIT("Quoted-Printable")), MIME_CODE_QP);
	assert_int_equal(mime_code_find(SLICE_LIT("x-uuencode")), MIME_CODE_UNKNOWN);
	assert_int_equal(mime_code_find(SLICE_NONE), MIME_CODE_7BIT);
	buf_fini(&b);
}

static void
test_decoder_holds_little(void **state)
{
	struct mime_decoder d;
	struct buf b;

	(void)state;
	buf_init(&b, 1u << 20);
	mime_decoder_init(&d, MIME_CODE_QP);
	for (unsigned i = 0; i < 100000; i++)
		mime_decoder_put(&d, SLICE_LIT(" "), &b);
	mime_decoder_put(&d, SLICE_LIT("="), &b);
	for (unsigned i = 0; i < 100000; i++)
		mime_decoder_put(&d, SLICE_LIT("\t"), &b);
	mime_decoder_put(&d, SLICE_LIT("x"), &b);
	mime_decoder_end(&d, &b);
	assert_int_equal(b.n, 200002);
	mime_decoder_fini(&d);
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_split),
		cmocka_unit_test(test_depth_limit),
		cmocka_unit_test(test_message_depth),
		cmocka_unit_test(test_part_limit),
		cmocka_unit_test(test_header_limits),
		cmocka_unit_test(test_hundred_thousand_addresses),
		cmocka_unit_test(test_text_limit),
		cmocka_unit_test(test_boundary_limit),
		cmocka_unit_test(test_boundary_forms),
		cmocka_unit_test(test_garbage),
		cmocka_unit_test(test_locate),
		cmocka_unit_test(test_locate_plain),
		cmocka_unit_test(test_record_hostile),
		cmocka_unit_test(test_decoders),
		cmocka_unit_test(test_decoder_holds_little),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
