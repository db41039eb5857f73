/* SPDX-License-Identifier: ISC */
/*
 * What strangers send: commands in any pieces, and what is none.
 */
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/enc.h"
#include "lib/base/must.h"
#include "lib/cmtp/cmtp_letter.h"
#include "lib/cmtp/cmtp_parser.h"
#include "lib/cmtp/cmtp_put.h"
#include "lib/cmtp/cmtp_reply.h"

#define MESSAGE_MAX	1000

static const struct cmtp_limits limits = { .message_bytes = MESSAGE_MAX };

/* All events in words, the input given in pieces of so many bytes. */
static void
tell(struct slice in, size_t step, const struct cmtp_limits *l, struct buf *out)
{
	struct slice piece = SLICE_NONE;
	struct cmtp_parser p;
	enum cmtp_event ev;
	uint64_t data = 0;

	cmtp_parser_init(&p, l);
	for (;;) {
		ev = cmtp_parser_next(&p, &piece);
		assert_true(p.text.n <= CMTP_TEXT_MAX);
		if (ev == CMTP_EV_MORE) {
			assert_int_equal(piece.n, 0);
			if (in.n == 0)
				break;
			piece = slice_head(in, step);
			in = slice_from(in, piece.n);
		} else if (ev == CMTP_EV_COMMAND || ev == CMTP_EV_MAIL) {
			buf_put_str(out, cmtp_verb_name(p.verb));
			for (unsigned i = 0; i < p.params; i++)
				buf_printf(out, "(%.*s)", SLICE_FMT(p.param[i]));
			if (ev == CMTP_EV_MAIL)
				buf_printf(out, "log=%zu", p.log.n);
			buf_put_char(out, ' ');
		} else if (ev == CMTP_EV_PART) {
			buf_printf(out, "part=%llu ", (unsigned long long)p.part_bytes);
		} else if (ev == CMTP_EV_DATA) {
			data += p.piece.n;
		} else if (ev == CMTP_EV_END) {
			buf_printf(out, "end=%llu ", (unsigned long long)data);
			data = 0;
		} else {
			buf_printf(out, "fault=%s", p.fault);
			/* It stays one. */
			assert_int_equal(cmtp_parser_next(&p, &piece), CMTP_EV_FAULT);
			break;
		}
	}
	cmtp_parser_fini(&p);
}

static void
expect_limits(struct slice in, const struct cmtp_limits *l, const char *want)
{
	struct buf got;

	for (size_t step = 1; step <= in.n; step += step < 40 ? 1 : in.n) {
		buf_init(&got, 2000);
		tell(in, step, l, &got);
		assert_slice(buf_slice(&got), want);
		buf_fini(&got);
	}
}

static void
expect(struct slice in, const char *want)
{
	expect_limits(in, &limits, want);
}

static void
test_commands(void **state)
{
	(void)state;
	expect(SLICE_LIT("OHAI\0"), "OHAI ");
	expect(SLICE_LIT("\0\0NOOP\0\0HELP\0OBAI\0"), "NOOP HELP OBAI ");
	expect(SLICE_LIT("KEYREQUEST\0alice\0example.test\0"), "KEYREQUEST(alice)(example.test) ");
	expect(SLICE_LIT("KEYREQUEST\0alice\0\0"), "KEYREQUEST(alice)() ");
	/* With and without the domain that nobody needs. */
	expect(SLICE_LIT("KEYREQUEST\0\0NOOP\0"), "KEYREQUEST()() NOOP ");
	expect(SLICE_LIT("KEYREQUEST\0\0\0NOOP\0"), "KEYREQUEST()() NOOP ");
	expect(SLICE_LIT("LOGIN\0alice\0NOOP\0"), "LOGIN(alice) NOOP ");
	expect(SLICE_LIT("KEYREQ"), "");
	expect(SLICE_LIT("KEYREQUEST\0ali"), "");
}

static void
test_faults(void **state)
{
	char text[400], want[500];

	(void)state;
	expect(SLICE_LIT("EHLO\0"), "fault=unknown_command");
	expect(SLICE_LIT("ohai\0"), "fault=unknown_command");
	expect(SLICE_LIT("KEYREQUESTS"), "fault=unknown_command");
	expect(SLICE_LIT("EHLO host.example\r\n"), "fault=unknown_command");
	expect(SLICE_LIT("NOOP\0QUIT\r\n\0"), "NOOP fault=unknown_command");
	expect(SLICE_LIT("LOGIN\0al\xff\0"), "fault=utf8");
	expect(SLICE_LIT("LOGIN\0\xc3\0"), "fault=utf8");
	memset(text, 'a', sizeof(text));
	memcpy(text, "LOGIN", 6);
	text[6 + CMTP_PARAM_MAX] = '\0';
	snprintf(want, sizeof(want), "LOGIN(%s) ", text + 6);
	expect(slice_of(text, 6 + CMTP_PARAM_MAX + 1), want);
	text[6 + CMTP_PARAM_MAX] = 'a';
	text[6 + CMTP_PARAM_MAX + 1] = '\0';
	expect(slice_of(text, 6 + CMTP_PARAM_MAX + 2), "fault=parameter_length");
}

/* A MAIL command up to its log; the numbers may lie. */
static void
put_mail(struct buf *b, uint32_t version, uint32_t attachments, uint64_t log, uint64_t body)
{
	unsigned char head[CMTP_HEAD_BYTES];

	buf_init(b, 40000);
	enc_be32(head, version);
	enc_be32(head + 4, attachments);
	enc_be64(head + 8, log);
	enc_be64(head + 16, body);
	buf_put(b, "MAIL", 5);
	buf_put(b, head, sizeof(head));
	buf_put(b, "a\0d\0b\0e", 8);
}

static void
put_bytes(struct buf *b, size_t n)
{
	while (n-- > 0)
		buf_put_char(b, 'x');
}

static void
expect_mail(struct buf *b, const struct cmtp_limits *l, const char *want)
{
	expect_limits(buf_slice(b), l, want);
	buf_fini(b);
}

static void
test_mail(void **state)
{
	const struct cmtp_limits plain = { .message_bytes = MESSAGE_MAX, .takes_plaintext = true };
	struct buf b;

	(void)state;
	put_mail(&b, 1, 0, 0, 48);
	put_bytes(&b, 48);
	buf_put(&b, "NOOP", 5);
	expect_mail(&b, &limits, "MAIL(a)(d)(b)(e)log=0 part=48 end=48 NOOP ");
	put_mail(&b, 1, 2, 4, 60);
	buf_put(&b, "one", 4);
	put_bytes(&b, 60);
	cmtp_put_length(&b, 50);
	put_bytes(&b, 50);
	cmtp_put_length(&b, 48);
	put_bytes(&b, 48);
	expect_mail(&b, &limits, "MAIL(a)(d)(b)(e)log=4 part=60 part=50 part=48 end=158 ");
	put_mail(&b, 0, 1, 0, 0);
	cmtp_put_length(&b, 0);
	expect_mail(&b, &plain, "MAIL(a)(d)(b)(e)log=0 part=0 part=0 end=0 ");
	/* Exactly the limit. */
	put_mail(&b, 1, 1, 0, MESSAGE_MAX - 100);
	put_bytes(&b, MESSAGE_MAX - 100);
	cmtp_put_length(&b, 100);
	put_bytes(&b, 100);
	expect_mail(&b, &limits, "MAIL(a)(d)(b)(e)log=0 part=900 part=100 end=1000 ");
}

static void
test_mail_that_lies(void **state)
{
	static const uint64_t wraps[] = { UINT64_MAX, UINT64_MAX - 900, (uint64_t)1 << 63, 101 };
	const struct cmtp_limits large = { .message_bytes = UINT64_MAX };
	struct buf b;

	(void)state;
	put_mail(&b, 2, 0, 0, 48);
	expect_mail(&b, &limits, "fault=version");
	put_mail(&b, 0, 0, 0, 48);
	expect_mail(&b, &limits, "fault=plaintext");
	put_mail(&b, 1, UINT32_MAX, 0, 48);
	expect_mail(&b, &limits, "fault=attachments");
	put_mail(&b, 1, CMTP_ATTACHMENTS_MAX + 1, 0, 48);
	expect_mail(&b, &limits, "fault=attachments");
	put_mail(&b, 1, 0, UINT64_MAX, 48);
	expect_mail(&b, &limits, "fault=log_length");
	put_mail(&b, 1, 0, CMTP_LOG_MAX + 1, 48);
	expect_mail(&b, &large, "fault=log_length");
	put_mail(&b, 1, 0, 0, UINT64_MAX);
	expect_mail(&b, &limits, "fault=size");
	put_mail(&b, 1, 0, 1, MESSAGE_MAX);
	expect_mail(&b, &limits, "fault=size");
	put_mail(&b, 1, 0, 1, UINT64_MAX);
	expect_mail(&b, &large, "fault=size");
	put_mail(&b, 1, 0, 0, 47);
	expect_mail(&b, &limits, "fault=body_length");
	for (unsigned i = 0; i < lengthof(wraps); i++) {
		put_mail(&b, 1, 1, 0, 900);
		put_bytes(&b, 900);
		cmtp_put_length(&b, wraps[i]);
		expect_mail(&b, &limits, "MAIL(a)(d)(b)(e)log=0 part=900 fault=size");
	}
	put_mail(&b, 1, 1, 0, 48);
	put_bytes(&b, 48);
	cmtp_put_length(&b, 47);
	expect_mail(&b, &limits, "MAIL(a)(d)(b)(e)log=0 part=48 fault=attachment_length");
	/* A log whose last line does not end, or is no text. */
	put_mail(&b, 1, 0, 3, 48);
	buf_put(&b, "one", 3);
	expect_mail(&b, &limits, "fault=log");
	put_mail(&b, 1, 0, 3, 48);
	buf_put(&b, "\xff\xff", 3);
	expect_mail(&b, &limits, "fault=log");
	/* The NUL of a name is missing. */
	put_mail(&b, 1, 0, 0, 48);
	b.n -= 1;
	put_bytes(&b, 300);
	expect_mail(&b, &limits, "fault=parameter_length");
	/* What comes after a whole message is a command again. */
	put_mail(&b, 1, 0, 0, 48);
	put_bytes(&b, 49 + 11);
	expect_mail(&b, &limits, "MAIL(a)(d)(b)(e)log=0 part=48 end=48 fault=unknown_command");
}

static void
test_largest_log(void **state)
{
	const struct cmtp_limits large = { .message_bytes = 100000 };
	struct buf b;

	(void)state;
	put_mail(&b, 1, 0, CMTP_LOG_MAX, 48);
	put_bytes(&b, CMTP_LOG_MAX - 1);
	buf_put_char(&b, '\0');
	put_bytes(&b, 48);
	expect_mail(&b, &large, "MAIL(a)(d)(b)(e)log=16384 part=48 end=48 ");
}

static void
test_put(void **state)
{
	struct slice params[2] = { SLICE_LIT("alice"), SLICE_LIT("example.test") };
	char name[CMTP_PARAM_MAX + 1];
	struct buf b;

	(void)state;
	buf_init(&b, 2000);
	assert_int_equal(cmtp_put_command(&b, CMTP_KEYREQUEST, params, 2), ERR_OK);
	expect(buf_slice(&b), "KEYREQUEST(alice)(example.test) ");
	memset(name, 'a', sizeof(name));
	params[0] = slice_of(name, sizeof(name));
	assert_int_equal(cmtp_put_command(&b, CMTP_LOGIN, params, 1), ERR_SYNTAX);
	params[0] = slice_of("a\0b", 3);
	assert_int_equal(cmtp_put_command(&b, CMTP_LOGIN, params, 1), ERR_SYNTAX);
	params[0] = SLICE_LIT("\xff");
	assert_int_equal(cmtp_put_command(&b, CMTP_LOGIN, params, 1), ERR_SYNTAX);
	buf_reset(&b);
	cmtp_put_help(&b, CMTP_VERSION);
	assert_slice(slice_head(buf_slice(&b), b.n - 1), "OHAI NOOP HELP KEYREQUEST LOGIN MAIL OBAI");
	assert_int_equal(buf_data(&b)[b.n - 1], '\0');
	buf_reset(&b);
	cmtp_put_version(&b, "OHAI ", "1 2");
	assert_true(slice_eq(buf_slice(&b), slice_of("OHAI 1 2", 9)));
	buf_fini(&b);
}

static enum err
reply(struct slice in, enum cmtp_reply_form form, struct cmtp_reply *r)
{
	return cmtp_reply_read(r, form, &in);
}

static void
test_reply(void **state)
{
	char text[CMTP_REPLY_WORDS_MAX + 2];
	struct cmtp_reply r;

	(void)state;
	assert_int_equal(reply(slice_of("OHAI 1 2", 9), CMTP_REPLY_WORDS, &r), ERR_OK);
	assert_true(cmtp_reply_has_version(r.words, SLICE_LIT("2")));
	assert_true(cmtp_reply_has_version(r.words, SLICE_LIT("1")));
	assert_false(cmtp_reply_has_version(r.words, SLICE_LIT("3")));
	assert_false(cmtp_reply_has_version(SLICE_LIT("OHAI 12"), SLICE_LIT("1")));
	memset(text, 'a', sizeof(text));
	assert_int_equal(reply(slice_of(text, CMTP_REPLY_WORDS_MAX), CMTP_REPLY_WORDS, &r), ERR_SHORT);
	assert_int_equal(reply(slice_of(text, CMTP_REPLY_WORDS_MAX + 1), CMTP_REPLY_WORDS, &r),
	    ERR_SYNTAX);
	assert_int_equal(reply(slice_of("\xff", 2), CMTP_REPLY_WORDS, &r), ERR_SYNTAX);
	assert_int_equal(reply(SLICE_LIT("FAIL"), CMTP_REPLY_STATUS, &r), ERR_SHORT);
	assert_int_equal(reply(SLICE_LIT("FAIT"), CMTP_REPLY_STATUS, &r), ERR_SYNTAX);
	assert_int_equal(reply(SLICE_LIT("SUCC"), CMTP_REPLY_STATUS, &r), ERR_SHORT);
	assert_int_equal(reply(SLICE_LIT("SUCC"), CMTP_REPLY_KEY, &r), ERR_SYNTAX);
	memset(text, 0, sizeof(text));
	text[3] = 2;
	assert_int_equal(reply(slice_of(text, 102), CMTP_REPLY_KEY, &r), ERR_VERSION);
	assert_int_equal(reply(slice_of(text, 220), CMTP_REPLY_LOGIN, &r), ERR_VERSION);
	text[3] = 1;
	text[36] = 1;
	assert_int_equal(reply(slice_of(text, 102), CMTP_REPLY_KEY, &r), ERR_SYNTAX);
	memcpy(text, "SUCCESS", 7);
	text[71] = 1;
	assert_int_equal(reply(slice_of(text, 72), CMTP_REPLY_STATUS, &r), ERR_SYNTAX);
}

/* Letters without the fields are text; none is refused. */
static void
test_letter_bare(void **state)
{
	static const char *const bare[] = { "", "a", "Hello, this is text.",
	    "\x57\x75\xb2\x80subject" };
	char many[4 + 3 + 2 * (CMTP_LETTER_CC_MAX + 1) + 2];
	struct cmtp_letter l;
	struct slice name, data;
	struct buf b;

	(void)state;
	for (unsigned i = 0; i < lengthof(bare); i++) {
		cmtp_letter_read(&l, slice_str(bare[i]));
		assert_true(l.is_bare);
		assert_slice(l.text, bare[i]);
	}
	memset(many, 'c', sizeof(many));
	memcpy(many + 4, "s\0", 3);		/* subject, no reply-to */
	for (unsigned i = 0; i <= CMTP_LETTER_CC_MAX; i++)
		many[7 + 2 * i + 1] = '\0';
	many[7 + 2 * (CMTP_LETTER_CC_MAX + 1)] = '\0';
	cmtp_letter_read(&l, slice_of(many, sizeof(many)));
	assert_true(l.is_bare);			/* a copy too many */
	memmove(many + 7, many + 9, sizeof(many) - 9);
	cmtp_letter_read(&l, slice_of(many, sizeof(many) - 2));
	assert_false(l.is_bare);
	assert_int_equal(l.cc_count, CMTP_LETTER_CC_MAX);
	assert_slice(l.text, "c");
	buf_init(&b, 1000);
	l.subject = slice_of("a\0b", 3);
	assert_int_equal(cmtp_letter_put(&b, &l), ERR_SYNTAX);
	buf_fini(&b);
	assert_int_equal(cmtp_attachment_read(slice_of("name\0data", 9), &name, &data), ERR_OK);
	assert_slice(name, "name");
	assert_slice(data, "data");
	assert_int_equal(cmtp_attachment_read(SLICE_LIT("name"), &name, &data), ERR_SYNTAX);
	assert_int_equal(cmtp_attachment_read(slice_of("\xff\0d", 3), &name, &data), ERR_SYNTAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_commands),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_mail),
		cmocka_unit_test(test_mail_that_lies),
		cmocka_unit_test(test_largest_log),
		cmocka_unit_test(test_put),
		cmocka_unit_test(test_reply),
		cmocka_unit_test(test_letter_bare),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
