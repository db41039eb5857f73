/* SPDX-License-Identifier: ISC */
/*
 * Whole notifications, with built-in words and with an operator's.  The texts
 * are golden: build/test/unit/queue_notice_test -p > tests/golden/notices.txt
 */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/conf/conf_file.h"
#include "lib/ipc/queue_proto.h"
#include "lib/mail/mime_put.h"
#include "queue/queue_bounce.h"
#include "queue/queue_texts.h"

static const char ascii_words[] =
    "failure_template = <<EOF\n"
    "From: MAILER-DAEMON (Postal Service)\n"
    "Subject: It came back\n"
    "Postmaster-Subject: Copy\n"
    "\n"
    "Sorry.  This is $myhostname; we gave up after $maximal_queue_lifetime_days days.\n"
    "EOF\n"
    "success_template = <<EOF\n"
    "\n"
    "It is there.\n"
    "EOF\n";

static const char utf8_words[] =
    "failure_template = <<EOF\n"
    "Charset: utf-8\n"
    "From: Postb\xc3\xbcro <post@$>\n";

static const char german_words[] =
    "failure_template = <<EOF\n"
    "Charset: utf-8\n"
    "From: Postb\xc3\xbcro <post@example.net>\n"
    "Subject: Unzustellbar: zur\xc3\xbc" "ck an den Absender, weil niemand sie wollte\n"
    "\n"
    "Ihre Nachricht konnte nicht zugestellt werden, weder gleich noch sp\xc3\xa4ter, = nie.\n"
    "EOF\n"
    "delay_template = <<EOF\n"
    "Charset: utf-8\n"
    "Subject: Versp\xc3\xa4tet\n"
    "\n"
    "Seit $delay_warning_time_hours Stunden unterwegs.\n"
    "EOF\n"
    "success_template = <<EOF\n"
    "Subject: Zugestellt\n"
    "\n"
    "Angekommen.\n"
    "EOF\n"
    "relayed_template = <<EOF\n"
    "Subject: Weitergereicht\n"
    "\n"
    "Weitergereicht.\n"
    "EOF\n";

static struct dsn_template_set *
parse(const char *file)
{
	struct dsn_template_fault why;
	struct dsn_template_set *set;

	assert_int_equal(dsn_template_parse(&set, slice_str(file), &why), ERR_OK);
	return set;
}

static void
add(struct queue_envelope *e, const char *address, uint8_t class, uint8_t status)
{
	const struct queue_rcpt r = { .address = slice_str(address), .original = slice_str(address),
	    .class = class, .notify = QUEUE_NOTIFY_FAILURE | QUEUE_NOTIFY_SUCCESS | QUEUE_NOTIFY_DELAY };
	struct queue_rcpt *added;

	assert_int_equal(queue_envelope_add(e, &r), ERR_OK);
	added = &e->rcpts[e->rcpt_count - 1];
	added->status = status;
	if (status == QUEUE_RCPT_BOUNCED) {
		queue_envelope_note(e, added, SLICE_LIT("5.1.1"), SLICE_LIT("no such user"));
		queue_envelope_note_host(e, added, SLICE_LIT("mx.far.example[192.0.2.1]:25"),
		    SLICE_LIT("550 5.1.1 no such user"));
	}
}

static void
fill(struct queue_envelope *e)
{
	queue_envelope_init(e);
	e->arrival_ms = 1795183331911ull;
	assert_int_equal(queue_envelope_dup(e, &e->sender, SLICE_LIT("alice@example.net")), ERR_OK);
	add(e, "bob@far.example", QUEUE_REMOTE, QUEUE_RCPT_BOUNCED);
	add(e, "carol@far.example", QUEUE_REMOTE, QUEUE_RCPT_PENDING);
	add(e, "dan@far.example", QUEUE_REMOTE, QUEUE_RCPT_SENT);
}

static void
put(struct buf *out, struct queue_envelope *e, enum queue_notice kind,
    const struct dsn_template_set *words)
{
	const struct queue_bounce b = { .env = e, .kind = kind, .hostname = "mx.example.net",
	    .now_ms = 1795183391911ull, .expiry_ms = 1795615331911ull, .id = 1, .random = 0xabc,
	    .header = SLICE_LIT("Subject: hello\r\nFrom: a\r\n"), .words = words,
	    .facts = { "mx.example.net", 432000000, 14400000 } };

	(void)queue_bounce_choose(e, kind);
	queue_bounce_put(out, &b);
	assert_int_equal(buf_err(out), ERR_OK);
}

static void
put_all(struct buf *out)
{
	static const struct { const char *title, *words; enum queue_notice kind; } cases[] = {
		{ "failure, built in", "", QUEUE_NOTICE_FAILURE },
		{ "delay, built in", "", QUEUE_NOTICE_DELAY },
		{ "relayed, built in", "", QUEUE_NOTICE_SUCCESS },
		{ "failure, ASCII", ascii_words, QUEUE_NOTICE_FAILURE },
		{ "delay, not in the file", ascii_words, QUEUE_NOTICE_DELAY },
		{ "relayed as success", ascii_words, QUEUE_NOTICE_SUCCESS },
		{ "failure, UTF-8", german_words, QUEUE_NOTICE_FAILURE },
		{ "delay, UTF-8 in the header only", german_words, QUEUE_NOTICE_DELAY },
		{ "relayed", german_words, QUEUE_NOTICE_SUCCESS },
	};
	struct dsn_template_set *set;
	struct queue_envelope e;
	size_t i;

	fill(&e);
	for (i = 0; i < lengthof(cases); i++) {
		set = parse(cases[i].words);
		buf_printf(out, "%s==== %s\r\n", i > 0 ? "\r\n" : "", cases[i].title);
		put(out, &e, cases[i].kind, set);
		dsn_template_free(&set);
	}
	/* held since a key changed: words of our own */
	e.rcpts[1].is_broken = true;
	set = parse(german_words);
	buf_put_str(out, "\r\n==== a key changed\r\n");
	put(out, &e, QUEUE_NOTICE_BROKEN, set);
	dsn_template_free(&set);
	e.rcpts[1].is_broken = false;
	/* one in a mailbox here: delivered, not only relayed */
	add(&e, "eve@example.net", QUEUE_LOCAL, QUEUE_RCPT_SENT);
	set = parse(german_words);
	buf_put_str(out, "\r\n==== delivered and relayed\r\n");
	put(out, &e, QUEUE_NOTICE_SUCCESS, set);
	dsn_template_free(&set);
	/* addresses in UTF-8: RFC 6533 */
	add(&e, "j\xc3\xbcrg@far.example", QUEUE_REMOTE, QUEUE_RCPT_BOUNCED);
	set = parse(german_words);
	buf_put_str(out, "\r\n==== failure, UTF-8, addresses too\r\n");
	put(out, &e, QUEUE_NOTICE_FAILURE, set);
	dsn_template_free(&set);
	queue_envelope_fini(&e);
}

/* In the file lines end in LF. */
static void
drop_cr(struct buf *b, struct buf *out)
{
	struct slice s = buf_slice(b);

	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] != '\r')
			buf_put_char(out, s.p[i]);
}

static void
test_golden(void **state)
{
	struct buf text, got, want;

	(void)state;
	buf_init(&text, 1u << 20);
	buf_init(&got, 1u << 20);
	buf_init(&want, 1u << 20);
	put_all(&text);
	drop_cr(&text, &got);
	assert_int_equal(conf_load_file(NULL, "tests/golden/notices.txt", &want), ERR_OK);
	assert_string_equal(buf_cstr(&got), buf_cstr(&want));
	buf_fini(&text);
	buf_fini(&got);
	buf_fini(&want);
}

/* Words that are not ASCII need no host that takes 8 bits. */
static void
test_7bit(void **state)
{
	struct dsn_template_set *set = parse(german_words);
	struct queue_envelope e;
	struct buf out;

	(void)state;
	fill(&e);
	buf_init(&out, QUEUE_BOUNCE_MAX);
	put(&out, &e, QUEUE_NOTICE_FAILURE, set);
	assert_true(mime_is_plain(buf_slice(&out)));
	buf_fini(&out);
	queue_envelope_fini(&e);
	dsn_template_free(&set);
}

/* ---- which words ---- */

static void
use_file(struct queue_texts *t, const char *path, const char *text)
{
	int fd = memfd_create("words", MFD_CLOEXEC);
	size_t n = strlen(text);

	assert_true(fd >= 0 && write(fd, text, n) == (ssize_t)n);
	queue_texts_add(t, path, fd);
	close(fd);
}

static struct slice
subject(const struct queue_texts *t, const char *sender)
{
	const struct dsn_template_set *set = queue_texts_find(t, slice_str(sender));

	return set != NULL ? set->all[DSN_TEMPLATE_FAILURE].subject : SLICE_LIT("none");
}

static void
test_choice(void **state)
{
	struct queue_texts *t = queue_texts_new();

	(void)state;
	assert_null(queue_texts_find(NULL, SLICE_LIT("a@example.net")));
	use_file(t, "/ascii", ascii_words);
	use_file(t, "/german", german_words);
	use_file(t, "/broken", utf8_words);
	queue_texts_use(t, "m\xc3\xbcnchen.example", "/german");
	assert_slice(subject(t, "a@example.net"), "none");
	queue_texts_use(t, NULL, "/ascii");
	queue_texts_use(t, "broken.example", "/broken");
	queue_texts_use(t, "gone.example", "/gone");
	queue_texts_use(t, "none.example", "");
	assert_slice(subject(t, "a@example.net"), "It came back");
	assert_slice(subject(t, "a@none.example"), "It came back");
	assert_slice(subject(t, "a@broken.example"), "It came back");
	assert_slice(subject(t, "a@gone.example"), "It came back");
	assert_int_equal(strncmp(subject(t, "a@M\xc3\xbcnchen.example").p, "Unzustellbar", 12), 0);
	assert_int_equal(strncmp(subject(t, "a@xn--mnchen-3ya.example").p, "Unzustellbar", 12), 0);
	queue_texts_free(&t);
	/* broken for all: built in */
	t = queue_texts_new();
	use_file(t, "/broken", utf8_words);
	queue_texts_use(t, NULL, "/broken");
	assert_slice(subject(t, "a@example.net"), "none");
	queue_texts_free(&t);
}

static void
test_file_limits(void **state)
{
	static char large[DSN_TEMPLATE_FILE_MAX + 2];
	struct queue_texts *t = queue_texts_new();
	char path[16];
	unsigned i;

	(void)state;
	memset(large, '\n', sizeof(large) - 1);
	use_file(t, "/large", large);
	queue_texts_use(t, "large.example", "/large");
	assert_null(queue_texts_find(t, SLICE_LIT("a@large.example")));
	for (i = 1; i <= DSN_TEMPLATE_FILES_MAX; i++) {
		(void)snprintf(path, sizeof(path), "/%u", i);
		use_file(t, path, ascii_words);
	}
	queue_texts_use(t, "last.example", "/99");
	queue_texts_use(t, "over.example", "/100");
	assert_non_null(queue_texts_find(t, SLICE_LIT("a@last.example")));
	assert_null(queue_texts_find(t, SLICE_LIT("a@over.example")));
	queue_texts_free(&t);
}

int
main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_7bit),
		cmocka_unit_test(test_choice),
		cmocka_unit_test(test_file_limits),
	};
	struct buf b, lf;

	if (argc == 2 && strcmp(argv[1], "-p") == 0) {
		buf_init(&b, 1u << 20);
		buf_init(&lf, 1u << 20);
		put_all(&b);
		drop_cr(&b, &lf);
		fwrite(buf_data(&lf), 1, lf.n, stdout);
		buf_fini(&b);
		buf_fini(&lf);
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
