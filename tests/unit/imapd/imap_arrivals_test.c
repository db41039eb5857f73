/* SPDX-License-Identifier: ISC */
/*
 * Mail in boxes: opened behind the login and when it comes, to which key it may be
 * sealed, what does not open, what waits, and who else is at it.
 */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "imapd/imap_arrivals.h"
#include "lib/base/enc.h"
#include "lib/cmtp/cmtp_put.h"
#include "lib/crypto/cry.h"
#include "lib/ipc/store_proto.h"
#include "tests/unit/imapd/imap_say.h"

#define TRACE	"Return-Path: <b@x.example>\r\nX-Way: in boxes\r\n"

static int
setup(void **state)
{
	struct fake_box *b;

	if (say_setup(state) != 0)
		return -1;
	b = &store.boxes[1];
	strcpy(b->name, STORE_ARRIVALS);
	b->used = true;
	b->uidnext = b->recent_from = 1;
	store.box_generation = 3;
	for (unsigned i = 1; i < FAKE_PAIRS; i++)
		cry_box_pair(store.box_public[i], store.box_secret[i]);
	return 0;
}

/* As deliver makes it, of a letter in a box to this key. */
static void
arrive(const char *subject, const unsigned char *key, bool damaged)
{
	static const struct slice params[] = { { "alice", 5 }, { "a.example", 9 }, { "b", 1 },
		{ "x.example", 9 } };
	unsigned char box[300];
	struct buf letter, mail, text;
	struct cmtp_mail m = { .attachments = 0 };

	buf_init(&letter, 200);
	buf_init(&mail, 2000);
	buf_init(&text, 10000);
	buf_put(&letter, "\x65\x53\xf1", 4);
	buf_put_str(&letter, subject);
	buf_put(&letter, "\0\0\0\0text\n", 9);
	m.body_bytes = letter.n + CRY_SEAL_BYTES;
	assert_int_equal(cmtp_put_mail(&mail, &m, params, SLICE_NONE), ERR_OK);
	assert_int_equal(cry_box_seal(box, buf_slice(&letter), key), ERR_OK);
	box[m.body_bytes - 1] ^= damaged;
	buf_put(&mail, box, (size_t)m.body_bytes);
	buf_printf(&text, TRACE "Date: Tue, 14 Nov 2023 22:13:20 +0000\r\nSubject: [...]\r\n"
	    "Message-ID: <0QUEUE.cmtp1@sealed.godwit.invalid>\r\nMIME-Version: 1.0\r\n"
	    "Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\nboxes\r\n--x\r\n"
	    "Content-Type: application/vnd.godwit.cmtp1\r\n"
	    "Content-Transfer-Encoding: base64\r\n\r\n");
	enc_put_base64(&text, slice_from(buf_slice(&mail), 5));
	buf_put_str(&text, "\r\n--x--\r\n");
	fake_deliver(&f, STORE_ARRIVALS, buf_slice(&text));
	buf_fini(&letter);
	buf_fini(&mail);
	buf_fini(&text);
}

static size_t
left(void)
{
	return fake_box(&store, STORE_ARRIVALS)->count;
}

static void
told(void)
{
	imap_session_on_notify(f.s, 3, STORE_NOTIFY_ARRIVALS);
	fake_run(&f);
}

/* Before the login is answered; to the present key and to an earlier one. */
static void
test_login(void **state)
{
	(void)state;
	arrive("now", store.box_public[3], false);
	arrive("before", store.box_public[1], false);
	say_login();
	assert_int_equal(left(), 0);
	EXPECT("s SELECT INBOX\r\n", "* 2 EXISTS\r\n", "s OK [READ-WRITE]");
	EXPECT("a FETCH 1:2 BODY.PEEK[]\r\n", TRACE, "From: b@x.example\r\n",
	    "Subject: now\r\n", "Message-ID: <0QUEUE@", "text\r\n", TRACE, "Subject: before\r\n",
	    "a OK");
}

/* While the session is open: behind a command, and under IDLE. */
static void
test_comes(void **state)
{
	(void)state;
	say_login();
	EXPECT("s SELECT INBOX\r\n", "* 0 EXISTS\r\n", "s OK");
	arrive("one", store.box_public[3], false);
	told();
	assert_int_equal(left(), 0);
	EXPECT("n NOOP\r\n", "* 1 EXISTS\r\n", "n OK");
	EXPECT("i IDLE\r\n", "+ idling\r\n");
	arrive("two", store.box_public[3], false);
	f.out.n = 0;
	told();
	assert_int_equal(left(), 0);
	/* The store tells of it, also the session that did it. */
	imap_session_on_notify(f.s, 3, 1);
	fake_run(&f);
	assert_true(say_has("* 2 EXISTS\r\n"));
	EXPECT("DONE\r\n", "i OK");
}

static void
test_does_not_open(void **state)
{
	unsigned char other[32], secret[32];

	(void)state;
	cry_box_pair(other, secret);
	arrive("damaged", store.box_public[3], true);
	arrive("else", other, false);
	fake_deliver(&f, STORE_ARRIVALS, SLICE_LIT("Subject: no carrier\r\n\r\ntext\r\n"));
	arrive("good", store.box_public[3], false);
	say_login();
	assert_int_equal(left(), 0);
	EXPECT("s SELECT INBOX\r\n", "* 4 EXISTS\r\n", "s OK");
	EXPECT("a FETCH 1:4 BODY.PEEK[HEADER.FIELDS (SUBJECT)]\r\n", "Subject: [...]", "Subject: [...]",
	    "Subject: no carrier", "Subject: good", "a OK");
	/* Nothing of them is changed. */
	EXPECT("a FETCH 1 BODY.PEEK[1]\r\n", "boxes", "a OK");
}

/* An earlier key that this login has not opened: it may be that one. */
static void
test_waits(void **state)
{
	(void)state;
	store.box_error[2] = ERR_STATE;
	store.box_error[1] = ERR_NOTFOUND;
	arrive("before", store.box_public[2], false);
	arrive("now", store.box_public[3], false);
	say_login();
	assert_int_equal(left(), 1);
	EXPECT("s SELECT INBOX\r\n", "* 1 EXISTS\r\n", "s OK");
	told();
	assert_int_equal(left(), 1);
	store.box_error[2] = ERR_OK;
	told();
	assert_int_equal(left(), 0);
	EXPECT("n NOOP\r\n", "* 2 EXISTS\r\n", "n OK");
}

/* What cannot be read now is not given away as what does not open. */
static void
test_not_read(void **state)
{
	(void)state;
	store.no_read = true;
	arrive("now", store.box_public[3], false);
	say_login();
	assert_int_equal(left(), 1);
	assert_int_equal(fake_box(&store, "INBOX")->count, 0);
	store.no_read = false;
	told();
	assert_int_equal(left(), 0);
	EXPECT("s SELECT INBOX\r\n", "* 1 EXISTS\r\n", "s OK");
	EXPECT("a FETCH 1 BODY.PEEK[HEADER.FIELDS (SUBJECT)]\r\n", "Subject: now", "a OK");
}

/* keyd, or the store, has other things to do: the login goes on, later again. */
static void
test_later(void **state)
{
	(void)state;
	store.box_error[3] = ERR_BUSY;
	arrive("now", store.box_public[3], false);
	say_login();
	assert_int_equal(left(), 1);
	store.box_error[3] = ERR_OK;
	/* Not at once. */
	EXPECT("n NOOP\r\n", "n OK");
	assert_int_equal(left(), 1);
	f.now_ms += IMAP_ARRIVALS_RETRY_MS;
	store.others_turn = true;
	EXPECT("n NOOP\r\n", "n OK");
	assert_int_equal(left(), 1);
	store.others_turn = false;
	told();
	assert_int_equal(left(), 0);
}

/* More than a turn, and than a login: the rest comes by itself. */
static void
test_many(void **state)
{
	unsigned n = IMAP_ARRIVALS_LOGIN + IMAP_ARRIVALS_TURN + 1;

	(void)state;
	for (unsigned i = 0; i < n; i++)
		arrive("one of them", store.box_public[3], false);
	say_login();
	assert_int_equal(left(), 0);
	assert_int_equal(fake_box(&store, "INBOX")->count, n);
	assert_int_equal(store.boxes_opened, n);
}

/* Its owner's device has the key. */
static void
test_client(void **state)
{
	(void)state;
	store.sealing = SEALING_CLIENT;
	arrive("now", store.box_public[3], false);
	arrive("then", store.box_public[3], false);
	say_login();
	assert_int_equal(left(), 0);
	assert_int_equal(fake_box(&store, "INBOX")->count, 2);
	assert_int_equal(store.boxes_opened, 0);
}

int
main(void)
{
#define T(name)	cmocka_unit_test_setup_teardown(name, setup, say_teardown)
	const struct CMUnitTest tests[] = {
		T(test_login), T(test_comes), T(test_does_not_open), T(test_waits), T(test_not_read), T(test_later),
		T(test_many), T(test_client),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
