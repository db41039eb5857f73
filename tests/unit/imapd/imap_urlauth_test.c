/* SPDX-License-Identifier: ISC */
/* GENURLAUTH, RESETKEY, URLFETCH (RFC 4467). */
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

#include "imapd/imap_urlauth.h"
#include "lib/base/log.h"
#include "tests/unit/imapd/imap_say.h"

#define TEXT "Subject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\none\r\n--b--\r\n"
#define SERVER "imap://alice%40a.example@mx.example"
#define RUMP SERVER "/INBOX/;UID=1/;SECTION=1;URLAUTH=authuser"

static char url[600];

static void
start(void)
{
	say_login();
	say_append("INBOX", "", TEXT);
}

/* The URL that the last GENURLAUTH gave. */
static void
keep_url(void)
{
	struct slice out = buf_slice(&f.out), mark = SLICE_LIT("* GENURLAUTH \"");
	size_t at = slice_search(out, mark);

	assert_true(at < out.n);
	out = slice_from(out, at + mark.n);
	assert_true(slice_to_cstr(slice_head(out, slice_find(out, '"')), url, sizeof(url)));
}

static void
make_url(const char *rump)
{
	char say[700];
	static const char *const wants[] = { "* GENURLAUTH \"imap:", ":INTERNAL:01", "\"\r\na OK" };

	(void)snprintf(say, sizeof(say), "a GENURLAUTH \"%s\" INTERNAL\r\n", rump);
	say_expect(say, wants, 3);
	keep_url();
}

static void
read_url(const char *text)
{
	char say[700], want[1200];
	const char *const wants[] = { want };

	(void)snprintf(say, sizeof(say), "u URLFETCH \"%s\"\r\n", url);
	if (text == NULL)
		(void)snprintf(want, sizeof(want), "* URLFETCH \"%s\" NIL\r\nu OK", url);
	else
		(void)snprintf(want, sizeof(want), "* URLFETCH \"%s\" {%zu}\r\n%s\r\nu OK", url, strlen(text), text);
	say_expect(say, wants, 1);
}

static void
test_read(void **state)
{
	(void)state;
	start();
	make_url(RUMP);
	read_url("one");
	make_url(SERVER "/inbox/;UID=1;URLAUTH=anonymous");
	read_url(TEXT);
	make_url(SERVER "/INBOX/;UID=1/;SECTION=HEADER.FIELDS%20(Subject)/;PARTIAL=9.3;URLAUTH=user+alice%40a.example");
	read_url("x\r\n");
	make_url("imap://alice@a.example/INBOX;UIDVALIDITY=1000/;UID=1/;SECTION=1/;PARTIAL=1;URLAUTH=authuser");
	read_url("ne");
	/* neither is \Seen set, nor is anything selected */
	assert_int_equal(fake_box(&store, "INBOX")->m[0].flags, 0);
	/* what is not there, at the time */
	make_url(SERVER "/INBOX/;UID=2;URLAUTH=authuser");
	read_url(NULL);
	make_url(SERVER "/INBOX/;UID=1/;SECTION=2;URLAUTH=authuser");
	read_url(NULL);
	make_url(SERVER "/INBOX/;UID=1;EXPIRE=2020-01-01T00:00:00Z;URLAUTH=authuser");
	read_url(NULL);
	make_url(SERVER "/INBOX/;UID=1;EXPIRE=1960-01-01T00:00:00Z;URLAUTH=authuser");
	read_url(NULL);
	make_url(RUMP);
	EXPECT("r RENAME INBOX y\r\n", "r ");
	fake_box(&store, "y")->name[0] = 'z';
	read_url(NULL);
	/* several, each by itself */
	EXPECT("u URLFETCH x \"\" {1+}\r\n]\r\n", "* URLFETCH \"x\" NIL\r\n* URLFETCH \"\" NIL\r\n* URLFETCH \"]\" NIL\r\nu OK");
}

#define PARTS "Content-Type: multipart/mixed; boundary=b\r\n\r\n" \
	"--b\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\na=\r\n=3D\r\nb\r\n" \
	"--b\r\nContent-Type: image/x\r\nContent-Transfer-Encoding: base64\r\n\r\nAAEK\r\n" \
	"--b\r\nContent-Type: image/y\r\nContent-Transfer-Encoding: x-odd\r\n\r\nodd\r\n--b--\r\n"

/* What is said of the URL behind it, and what must come. */
static void
read_parts(const char *params, const char *want)
{
	char say[900], text[1200];
	const char *const wants[] = { text };

	(void)snprintf(say, sizeof(say), "u URLFETCH (\"%s\"%s)\r\n", url, params);
	(void)snprintf(text, sizeof(text), "* URLFETCH \"%s\" %s\r\nu OK", url, want);
	say_expect(say, wants, 1);
}

/* RFC 5524 */
static void
test_binary(void **state)
{
	static const unsigned char octets[] = "(BINARY ~{3}\r\n\0\1\n)\r\nu OK";

	(void)state;
	say_login();
	say_append("INBOX", "", PARTS);
	make_url(SERVER "/INBOX/;UID=1/;SECTION=1;URLAUTH=authuser");
	read_parts("", "{10}\r\na=\r\n=3D\r\nb");
	read_parts(" BODY", "(BODY {10}\r\na=\r\n=3D\r\nb)");
	read_parts(" binary", "(BINARY {5}\r\na=\r\nb)");
	read_parts(" BODYPARTSTRUCTURE",
	    "(BODYPARTSTRUCTURE (\"text\" \"plain\" NIL NIL NIL \"quoted-printable\" 10 3 NIL NIL NIL NIL))");
	read_parts(" BODY BODYPARTSTRUCTURE", "(BODYPARTSTRUCTURE (\"text\" \"plain\" NIL NIL NIL "
	    "\"quoted-printable\" 10 3 NIL NIL NIL NIL)) (BODY {10}\r\na=\r\n=3D\r\nb)");
	/* it says of the text what that is here */
	read_parts(" BINARY BODYPARTSTRUCTURE", "(BODYPARTSTRUCTURE (\"text\" \"plain\" NIL NIL NIL "
	    "\"8BIT\" 5 2 NIL NIL NIL NIL)) (BINARY {5}\r\na=\r\nb)");
	make_url(SERVER "/INBOX/;UID=1/;SECTION=2;URLAUTH=authuser");
	buf_reset(&f.out);
	fake_say(&f, "u URLFETCH (\"");
	fake_say(&f, url);
	fake_say(&f, "\" BODYPARTSTRUCTURE BINARY)\r\n");
	assert_true(say_has(" (BODYPARTSTRUCTURE (\"image\" \"x\" NIL NIL NIL \"BINARY\" 3 NIL "));
	assert_true(slice_search(buf_slice(&f.out), slice_of(octets, sizeof(octets) - 1)) < f.out.n);
	/* an encoding that nobody knows; a body that may be encoded */
	make_url(SERVER "/INBOX/;UID=1/;SECTION=3;URLAUTH=authuser");
	read_parts(" BINARY", "(BINARY NIL)");
	read_parts(" BODY", "(BODY {3}\r\nodd)");
	make_url(SERVER "/INBOX/;UID=1/;SECTION=TEXT;URLAUTH=authuser");
	read_parts(" BINARY", "(BINARY NIL)");
	make_url(SERVER "/INBOX/;UID=1/;SECTION=1.MIME/;PARTIAL=0.7;URLAUTH=authuser");
	read_parts(" BINARY", "(BINARY {7}\r\nContent)");
	make_url(SERVER "/INBOX/;UID=1/;SECTION=1/;PARTIAL=1.2;URLAUTH=authuser");
	read_parts(" BINARY", "(BINARY {2}\r\n=\r)");
	make_url(SERVER "/INBOX/;UID=1/;SECTION=4;URLAUTH=authuser");
	read_parts(" BINARY BODYPARTSTRUCTURE", "NIL");
	EXPECT("u URLFETCH x (y BODY) z\r\n", "* URLFETCH \"x\" NIL\r\n* URLFETCH \"y\" NIL\r\n"
	    "* URLFETCH \"z\" NIL\r\nu OK");
	EXPECT("u URLFETCH (x BODY BINARY)\r\n", "u BAD");
	EXPECT("u URLFETCH (x BODY BODY)\r\n", "u BAD");
	EXPECT("u URLFETCH (x BODYPARTSTRUCTURE NONE)\r\n", "u BAD");
	EXPECT("u URLFETCH (x BODY\r\n", "u BAD");
	EXPECT("u URLFETCH (x )\r\n", "u BAD");
	EXPECT("u URLFETCH ()\r\n", "u BAD");
}

/* Another's, by a pass: the same text, and no summary is put beside it. */
static void
test_pass(void **state)
{
	static const char rump[] = "imap://bob@a.example/INBOX/;UID=1/;SECTION=1;URLAUTH=authuser";
	struct imap_urlauth u;
	unsigned char mac[URL_MAC_BYTES];
	struct arena a;
	struct buf b;

	(void)state;
	start();
	/* bob's own session had it made: keyd's MAC is as the fake makes it */
	arena_init(&a, 1u << 16);
	buf_init(&b, 1000);
	assert_int_equal(imap_urlauth_parse(&u, SLICE_LIT(rump), "mx.example", &a), ERR_OK);
	buf_put_char(&b, '\0');
	imap_urlauth_terms(&u, 1, &b);
	cry_hash(mac, sizeof(mac), buf_slice(&b));
	buf_reset(&b);
	imap_urlauth_put(&u, 1, slice_of(mac, sizeof(mac)), &b);
	assert_true(slice_to_cstr(buf_slice(&b), url, sizeof(url)));
	buf_reset(&store.contents[0].summary);
	read_url("one");
	assert_int_equal(store.url_passes, 1);
	assert_int_equal(store.contents[0].summary.n, 0);
	fake_box(&store, "INBOX")->count = 0;
	read_url(NULL);
	buf_fini(&b);
	arena_fini(&a);
}

static void
test_bad_rumps(void **state)
{
	static const struct { const char *rump, *want; } rows[] = {
		{ "imap://bob@a.example/INBOX/;UID=1;URLAUTH=authuser", "a NO [NOPERM]" },
		{ "imap://alice%40a.example@other.example/INBOX/;UID=1;URLAUTH=authuser", "a BAD" },
		{ "imap://mx.example/INBOX/;UID=1;URLAUTH=authuser", "a BAD" },
		{ "//alice%40a.example@mx.example/INBOX/;UID=1;URLAUTH=authuser", "a BAD" },
		{ "/INBOX/;UID=1;URLAUTH=authuser", "a BAD" },
		{ SERVER "/INBOX/;UID=1", "a BAD" },
		{ SERVER "/INBOX;URLAUTH=authuser", "a BAD" },
		{ SERVER "/INBOX/;UID=1/;SECTION=HEAD;URLAUTH=authuser", "a BAD" },
		{ SERVER "/a%2A/;UID=1;URLAUTH=authuser", "a BAD" },
		{ SERVER "/None/;UID=1;URLAUTH=authuser", "a NO [NONEXISTENT]" },
		{ SERVER "/INBOX;UIDVALIDITY=9/;UID=1;URLAUTH=authuser", "a NO [NONEXISTENT]" },
		{ RUMP ":INTERNAL:00000000000000000000000000000000", "a BAD" },
	};
	char say[700];

	(void)state;
	start();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		f.s->errors = 0;
		(void)snprintf(say, sizeof(say), "a GENURLAUTH \"%s\" INTERNAL\r\n", rows[i].rump);
		say_expect(say, &rows[i].want, 1);
		assert_false(say_has("* GENURLAUTH"));
	}
	f.s->errors = 0;
	/* all or none */
	EXPECT("a GENURLAUTH \"" RUMP "\" INTERNAL \"" SERVER "/None/;UID=1;URLAUTH=authuser\" INTERNAL\r\n", "a NO");
	assert_false(say_has("* GENURLAUTH"));
	EXPECT("a GENURLAUTH \"" RUMP "\" INTERNAL \"" RUMP "\" internal\r\n", "* GENURLAUTH \"imap:", "\" \"imap:", "a OK");
	EXPECT("a GENURLAUTH \"" RUMP "\" XSAMPLE\r\n", "a NO [CANNOT]");
	EXPECT("a GENURLAUTH \"" RUMP "\"\r\n", "a BAD");
	EXPECT("a GENURLAUTH\r\n", "a BAD");
	EXPECT("a URLFETCH\r\n", "a BAD");
}

static void
test_bad_tokens(void **state)
{
	size_t n;

	(void)state;
	start();
	make_url(RUMP);
	n = strlen(url);
	/* each of its digits counts */
	for (size_t i = n - 2 * (9 + URL_MAC_BYTES); i < n; i++) {
		char was = url[i];

		url[i] = was == '0' ? '1' : '0';
		read_url(NULL);
		url[i] = was;
	}
	read_url("one");
	(void)strcpy(url + n, "00");
	read_url(NULL);
	url[n - 2] = '\0';
	read_url(NULL);
	(void)strcpy(url, RUMP);
	read_url(NULL);
	(void)strcpy(url, RUMP ":XSAMPLE:00000000000000000000000000000000");
	read_url(NULL);
	/* keyd has no time: that is told of the command */
	make_url(RUMP);
	store.keyd_busy = true;
	n = strlen(url);
	fake_say(&f, "u URLFETCH \"");
	fake_say(&f, url);
	EXPECT("\"\r\n", "u NO [UNAVAILABLE]");
}

static void
test_reset(void **state)
{
	(void)state;
	start();
	make_url(RUMP);
	EXPECT("a RESETKEY INBOX\r\n", "a OK [URLMECH INTERNAL]");
	read_url(NULL);
	make_url(RUMP);
	read_url("one");
	EXPECT("a RESETKEY\r\n", "a OK [URLMECH INTERNAL]");
	read_url(NULL);
	EXPECT("a RESETKEY INBOX INTERNAL\r\n", "a OK");
	assert_int_equal(store.url_keys, 3);
	EXPECT("a RESETKEY INBOX INTERNAL OTHER\r\n", "a NO [CANNOT]");
	EXPECT("a RESETKEY None\r\n", "a NO [NONEXISTENT]");
	EXPECT("a RESETKEY \"a*\"\r\n", "a NO [CANNOT]");
	EXPECT("a RESETKEY INBOX A B C D E F G H I J K L M N O P Q R S T U\r\n", "a BAD");
	assert_int_equal(store.url_keys, 3);
}

static void
test_limits(void **state)
{
	(void)state;
	start();
	for (int over = 0; over < 2; over++) {
		buf_reset(&f.out);
		fake_say(&f, "u URLFETCH");
		for (int i = 0; i < IMAP_URLS_MAX + over; i++)
			fake_say(&f, " x");
		fake_say(&f, "\r\n");
		assert_true(say_has(over ? "u BAD Too many URLs" : "u OK"));
		buf_reset(&f.out);
		fake_say(&f, "a GENURLAUTH");
		for (int i = 0; i < IMAP_URLS_MAX + over; i++)
			fake_say(&f, " \"" RUMP "\" INTERNAL");
		fake_say(&f, "\r\n");
		assert_true(say_has(over ? "a BAD Too many URLs" : "a OK"));
	}
}

/* To a client that reads slowly, and to one that leaves. */
static void
test_clogged(void **state)
{
	(void)state;
	start();
	make_url(RUMP);
	f.clog_at = 1;
	buf_reset(&f.out);
	fake_say(&f, "b NOOP\r\n");
	fake_say(&f, "u URLFETCH \"");
	fake_say(&f, url);
	fake_say(&f, "\"\r\n");
	assert_false(say_has("u OK"));
	for (int i = 0; i < 20 && !say_has("u OK"); i++) {
		f.clog_at = f.out.n + 1;
		imap_session_on_drained(f.s);
		fake_run(&f);
	}
	assert_true(say_has("{3}\r\none\r\nu OK"));
	f.clog_at = f.out.n + 1;
	fake_say(&f, "u URLFETCH \"");
	fake_say(&f, url);
	fake_say(&f, "\"\r\n");
}

#define T(name)	cmocka_unit_test_setup_teardown(name, say_setup, say_teardown)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		T(test_read), T(test_binary), T(test_pass), T(test_bad_rumps), T(test_bad_tokens), T(test_reset), T(test_limits),
		T(test_clogged),
	};

	log_to_fd(-1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
