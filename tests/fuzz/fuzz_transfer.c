/* SPDX-License-Identifier: ISC */
/*
 * What gwuser import reads: another server's responses, lines of an mbox,
 * names of folders, and what lies beside a Maildir.
 */
#include <stddef.h>
#include <stdint.h>

#include "lib/base/must.h"
#include "lib/imap/imap_answer.h"
#include "lib/imap/imap_reader.h"
#include "transfer/mail_list.h"
#include "transfer/mail_name.h"
#include "transfer/maildir_files.h"
#include "transfer/mbox_lines.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
understand(struct slice line)
{
	struct imap_answer a;
	struct imap_fetched f;
	struct imap_listed l;
	struct buf b;

	buf_init(&b, IMAP_READER_LINE_MAX);
	if (imap_answer_parse(line, &a) == ERR_OK) {
		if (imap_answer_fetch(a.rest, &f, &b) == ERR_OK)
			(void)mail_key(f.header, f.internal_s);
		buf_reset(&b);
		if (imap_answer_namespace(a.rest, &b) == ERR_OK)
			must(b.n == 0 || buf_data(&b)[b.n - 1] == '\0');
		buf_reset(&b);
		if (imap_answer_list(a.rest, &l, &b) == ERR_OK) {
			struct slice wire = buf_slice(&b);
			struct buf name;

			buf_init(&name, 4096);
			if (mail_name_of_imap(wire, l.delimiter, &name) == ERR_OK)
				must(mail_name_check(buf_slice(&name)) == ERR_OK);
			buf_fini(&name);
		}
	}
	buf_fini(&b);
}

static void
responses(struct slice s)
{
	struct imap_reader r;
	enum imap_reader_event ev;
	struct slice data;

	imap_reader_init(&r);
	do {
		size_t before = s.n;

		ev = imap_reader_next(&r, &s, &data);
		if (ev == IMAP_READ_LINE)
			understand(buf_slice(&r.line));
		must(s.n < before || ev == IMAP_READ_MORE || ev == IMAP_READ_BAD);
	} while (ev != IMAP_READ_MORE && ev != IMAP_READ_BAD);
	imap_reader_fini(&r);
}

/* There and back is what it was, but for a line end at the end. */
static void
lines(struct slice s)
{
	const struct mail_flags none = { 0, SLICE_NONE };
	struct mail_flags f;
	struct mbox_quote q;
	struct slice line;
	struct buf out, keywords;
	int64_t at;

	buf_init(&out, 3 * s.n + 1000);
	buf_init(&keywords, MAIL_KEYWORDS_BYTES);
	mbox_quote_begin(&q, &out, 0, &none);
	mbox_quote_put(&q, &out, s);
	mbox_quote_end(&q, &out);
	must(buf_err(&out) == ERR_OK);
	for (struct slice rest = slice_from(buf_slice(&out), slice_find(buf_slice(&out), '\n') + 1);
	    rest.n > 0;) {
		rest = slice_cut(rest, '\n', &line);
		must(!mbox_is_from(line, &at));
	}
	mbox_flags(s, &f, &keywords);
	buf_fini(&keywords);
	buf_fini(&out);
}

static void
names(struct slice s)
{
	struct maildir_keywords k;
	struct maildir_uids u;
	struct buf b;

	buf_init(&b, 4 * s.n + 1000);
	if (mail_name_of_maildir(s, &b) == ERR_OK)
		must(mail_name_check(buf_slice(&b)) == ERR_OK);
	buf_reset(&b);
	if (mail_name_of_file(s, &b) == ERR_OK)
		must(mail_name_check(buf_slice(&b)) == ERR_OK);
	buf_reset(&b);
	maildir_keywords_parse(&k, s);
	maildir_keywords_put(&k, SLICE_LIT("abcdefghijklmnopqrstuvwxyz"), &b);
	maildir_uids_init(&u);
	maildir_uids_parse(&u, s);
	(void)maildir_uids_find(&u, s);
	maildir_uids_fini(&u);
	buf_fini(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct slice s = slice_of(p, n);

	if (n > 65536)
		return 0;
	responses(s);
	lines(s);
	names(s);
	return 0;
}
