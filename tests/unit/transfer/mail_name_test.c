/* SPDX-License-Identifier: ISC */
/* Names of folders, places, flags, and what Dovecot keeps beside a Maildir. */
#include "tests/unit/test.h"

#include <string.h>

#include "lib/base/cc.h"
#include "transfer/mail_list.h"
#include "transfer/mail_name.h"
#include "lib/imap/mail_place.h"
#include "transfer/maildir_files.h"

struct row { const char *from, *to; };	/* to NULL: refused */

static void
check(const struct row *rows, size_t n, enum err (*fn)(struct slice, struct buf *))
{
	struct buf b;

	buf_init(&b, 4096);
	for (size_t i = 0; i < n; i++) {
		enum err e;

		buf_reset(&b);
		e = fn(slice_str(rows[i].from), &b);
		assert_int_equal(e == ERR_OK, rows[i].to != NULL);
		if (rows[i].to != NULL)
			assert_slice(buf_slice(&b), rows[i].to);
	}
	buf_fini(&b);
}

static enum err
dotted(struct slice s, struct buf *b)
{
	return mail_name_of_imap(s, '.', b);
}

static void
test_names(void **state)
{
	static const struct row imap[] = {
		{ "INBOX", "INBOX" }, { "inbox.Work", "INBOX/Work" }, { "inboxes", "inboxes" },
		{ "a.b/c.d%*e", "a/b_c/d__e" }, { "B&APw-ro", "Büro" }, { "Büro", "Büro" },
		{ "R&D", "R&D" }, { "R&-D", "R&D" }, { "trailing.", "trailing" }, { "", NULL },
		{ ".x", NULL }, { "a..b", NULL }, { "\xff", NULL }, { "a\tb", "a_b" },
	};
	static const struct row maildir[] = {
		{ ".Work.2026", "Work/2026" }, { ".B&APw-ro", "Büro" }, { ".a\\2eb\\5cc", "a.b\\c" },
		{ ".a\\2", "a\\2" }, { ".a\\2fb", "a_b" }, { ".", NULL }, { "cur", NULL },
		{ "..x", NULL }, { ".INBOX.x", "INBOX/x" },
	};
	static const struct row files[] = {
		{ "Work", "Work" }, { "%2Ehidden", ".hidden" }, { "100%25", "100_" }, { "%2", "_2" },
	};
	char big[MAIL_NAME_MAX + 2];
	struct buf b;

	(void)state;
	check(imap, lengthof(imap), dotted);
	check(maildir, lengthof(maildir), mail_name_of_maildir);
	check(files, lengthof(files), mail_name_of_file);
	memset(big, 'x', sizeof(big));
	assert_int_equal(mail_name_check(slice_of(big, MAIL_NAME_MAX)), ERR_OK);
	assert_int_equal(mail_name_check(slice_of(big, MAIL_NAME_MAX + 1)), ERR_LIMIT);
	/* There and back. */
	buf_init(&b, 4096);
	mail_name_put_maildir(&b, SLICE_LIT("Büro/a.b\\c/&"));
	assert_slice(buf_slice(&b), ".B&APw-ro.a\\2eb\\5cc.&-");
	buf_reset(&b);
	mail_name_put_file(&b, SLICE_LIT(".a.%"));
	assert_slice(buf_slice(&b), "%2Ea.%25");
	buf_fini(&b);
}

static void
test_places(void **state)
{
	static const char *const bad[] = { "", "pop3://x", "imaps://", "imaps://a@", "imaps://@x",
		"imaps://x:0", "imaps://x:65536", "imaps://[::1", "imaps://[::1]x", "imaps://a%4@x",
		"imaps://a b", "imaps://a%00@x" };
	struct mail_place p;

	(void)state;
	assert_int_equal(mail_place_parse(&p, "/var/mail"), ERR_OK);
	assert_false(p.is_url);
	assert_int_equal(mail_place_parse(&p, "imaps://mail.example/"), ERR_OK);
	assert_true(p.is_url && p.is_implicit);
	assert_string_equal(p.host, "mail.example");
	assert_string_equal(p.port, "993");
	assert_string_equal(p.user, "");
	assert_int_equal(mail_place_parse(&p, "IMAP://ann@x.y:me%40z@[::1]:144"), ERR_OK);
	assert_false(p.is_implicit);
	assert_string_equal(p.host, "::1");
	assert_string_equal(p.port, "144");
	assert_string_equal(p.user, "ann@x.y:me@z");
	for (size_t i = 0; i < lengthof(bad); i++)
		assert_int_equal(mail_place_parse(&p, bad[i]), ERR_SYNTAX);
}

static void
test_flags(void **state)
{
	static const char *const refused[] = { "", "\\Recent", "a b", "x)", "x]", "ü", "a\\b", "*" };
	char big[MAIL_KEYWORDS_BYTES];
	struct mail_flags f = { MAIL_SEEN | MAIL_DRAFT, SLICE_LIT("$Junk") };
	unsigned bits = 0;
	struct buf b;

	(void)state;
	buf_init(&b, MAIL_KEYWORDS_BYTES);
	for (size_t i = 0; i < lengthof(refused); i++)
		mail_flags_word(&bits, &b, slice_str(refused[i]));
	assert_true(bits == 0 && b.n == 0);
	mail_flags_put(&b, &f);
	assert_slice(buf_slice(&b), "(\\Draft \\Seen $Junk)");
	buf_reset(&b);
	f = (struct mail_flags){ 0, SLICE_NONE };
	mail_flags_put(&b, &f);
	assert_slice(buf_slice(&b), "()");
	buf_reset(&b);
	/* As many as fit, not one more. */
	memset(big, 'k', sizeof(big));
	for (size_t n = 1; n < 100; n++)
		mail_flags_word(&bits, &b, slice_of(big, n));
	assert_true(b.n <= MAIL_KEYWORDS_BYTES && b.n > MAIL_KEYWORDS_BYTES - 100);
	assert_int_equal(buf_err(&b), ERR_OK);
	buf_fini(&b);
}

static void
test_maildir_files(void **state)
{
	static const struct { const char *file, *base, *letters; } names[] = {
		{ "1.M2.host,S=5:2,FS", "1.M2.host,S=5", "FS" }, { "1.x", "1.x", "" },
		{ "1.x;2,S", "1.x", "S" }, { "1.x!2,a", "1.x", "a" }, { "1.x:1,F", "1.x", "" },
	};
	struct slice base, letters;
	struct maildir_keywords k;
	struct maildir_uids u;
	struct buf b;

	(void)state;
	for (size_t i = 0; i < lengthof(names); i++) {
		maildir_name_split(slice_str(names[i].file), &base, &letters);
		assert_slice(base, names[i].base);
		assert_slice(letters, names[i].letters);
	}
	buf_init(&b, 1000);
	maildir_keywords_parse(&k, SLICE_LIT("0 $Junk\nx y\n25 last\n26 none\n1  \n"));
	maildir_keywords_put(&k, SLICE_LIT("SazbA"), &b);
	assert_slice(buf_slice(&b), "$Junk last");
	buf_fini(&b);
	maildir_uids_init(&u);
	maildir_uids_parse(&u, SLICE_LIT("1 77 5\n3 a:2,S\n9 b\n0 c\nx d\n4294967295 e\n"));
	assert_true(u.uidvalidity == 77 && u.uidnext == 10);
	assert_int_equal(maildir_uids_find(&u, SLICE_LIT("a")), 3);
	assert_int_equal(maildir_uids_find(&u, SLICE_LIT("c")), 0);
	assert_int_equal(maildir_uids_find(&u, SLICE_LIT("e")), 0);
	maildir_uids_fini(&u);
	maildir_uids_init(&u);
	maildir_uids_parse(&u, SLICE_LIT("4 V77 N5\n3 :a\n"));
	assert_int_equal(u.uidvalidity, 0);
	maildir_uids_parse(&u, SLICE_LIT("3 V4294967296 N5\n"));
	assert_int_equal(u.uidvalidity, 0);
	maildir_uids_fini(&u);
}

static void
test_lists(void **state)
{
	struct mail_message m = { .flags = { MAIL_SEEN, SLICE_LIT("a b") }, .at = SLICE_LIT("x") };
	struct mail_folders f;
	struct mail_list l;

	(void)state;
	mail_list_init(&l);
	for (unsigned i = 0; i < 200; i++) {
		m.uid = i == 7 ? 0 : 1000 - i;
		m.internal_s = i;
		assert_int_equal(mail_list_add(&l, &m), ERR_OK);
	}
	mail_list_sort(&l);
	assert_int_equal(l.v[0].internal_s, 0);		/* by date: one has no UID */
	assert_ptr_equal(l.v[0].flags.keywords.p, l.v[199].flags.keywords.p);
	for (unsigned i = 0; i < 200; i++)
		l.v[i].uid += l.v[i].uid == 0 ? 1 : 0;
	mail_list_sort(&l);
	assert_int_equal(l.v[0].uid, 1);
	mail_list_fini(&l);
	mail_folders_init(&f);
	for (unsigned i = 0; i < MAIL_FOLDERS_MAX; i++)
		assert_int_equal(mail_folders_add(&f, SLICE_LIT("b"), SLICE_NONE), ERR_OK);
	assert_int_equal(mail_folders_add(&f, SLICE_LIT("a"), SLICE_NONE), ERR_LIMIT);
	mail_folders_fini(&f);
}

static void
test_keys(void **state)
{
	static const char crlf[] = "Date: d\r\nSubject: a\r\n b\r\nFrom: x\r\n\r\n";
	static const char lf[] = "From: x\nSubject: a\n b\nDate: d\n\n";

	(void)state;
	assert_true(mail_key(SLICE_LIT(crlf), 7) == mail_key(SLICE_LIT(lf), 7));
	assert_true(mail_key(SLICE_LIT(crlf), 7) != mail_key(SLICE_LIT(lf), 8));
	assert_true(mail_key(SLICE_LIT("Message-ID: <a>\r\n\r\n"), -5) ==
	    mail_key(SLICE_LIT("Subject: x\nMessage-Id:\n <a>\n"), 0));
	assert_true(mail_key(SLICE_LIT("Message-ID: <a>\n"), 0) !=
	    mail_key(SLICE_LIT("Message-ID: <b>\n"), 0));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names), cmocka_unit_test(test_places),
		cmocka_unit_test(test_flags), cmocka_unit_test(test_maildir_files),
		cmocka_unit_test(test_lists), cmocka_unit_test(test_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
