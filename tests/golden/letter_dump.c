/* SPDX-License-Identifier: ISC */
/* Messages as letters of CMTP 1, and these as messages again: for tests/golden/letter.sh. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/base/must.h"
#include "lib/cmtp/letter_mail.h"
#include "lib/cmtp/mail_letter.h"

#define FILE_MAX	(1u << 20)
#define BOXES_MAX	20u

static enum err
read_from(void *arg, uint64_t off, void *dst, size_t n)
{
	struct slice all = buf_slice(arg);

	if (off > all.n || all.n - off < n)
		return ERR_IO;
	memcpy(dst, all.p + off, n);
	return ERR_OK;
}

static void
read_file(struct buf *b, const char *path)
{
	int fd = open(path, O_RDONLY);
	ssize_t n;
	char *at;

	buf_init(b, FILE_MAX);
	must(fd >= 0 && (at = buf_reserve(b, FILE_MAX / 2)) != NULL);
	while ((n = read(fd, at, FILE_MAX / 2)) > 0) {
		buf_commit(b, (size_t)n);
		must((at = buf_reserve(b, FILE_MAX / 2)) != NULL);
	}
	close(fd);
}

/* Printable, a line each. */
static void
show(const char *what, struct slice s)
{
	printf("%s:", what);
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c == '\n' && i + 1 < s.n)
			printf("\\n\n ");
		else if (c == '\\' || c < ' ' || c == 0x7f)
			printf("\\x%02x", c);
		else
			putchar(c);
	}
	putchar('\n');
}

static void
show_box(struct slice box, bool is_letter)
{
	struct slice name, data;
	struct cmtp_letter l;

	if (!is_letter) {
		must(cmtp_attachment_read(box, &name, &data) == ERR_OK);
		show("name", name);
		show("data", data);
		return;
	}
	cmtp_letter_read(&l, box);
	must(!l.is_bare);
	printf("time:%u\n", (unsigned)l.time_s);
	show("subject", l.subject);
	show("reply-to", l.reply_to);
	for (unsigned i = 0; i < l.cc_count; i++)
		show("cc", l.cc[i]);
	show("text", l.text);
}

static void
feed(struct letter_mail *m, const struct buf *boxes, struct buf *out)
{
	for (uint32_t i = 0; i <= m->facts.attachments; i++) {
		letter_mail_box(m, out);
		letter_mail_feed(m, buf_slice(&boxes[i]), out);
		letter_mail_box_end(m, out);
	}
	letter_mail_end(m, out);
}

static void
show_mail(const struct buf *boxes, uint32_t attachments)
{
	const struct letter_mail_facts facts = {
		.from_user = SLICE_LIT("from"), .from_domain = SLICE_LIT("a.example"),
		.to_user = SLICE_LIT("to"), .to_domain = SLICE_LIT("b.example"),
		.log = SLICE_LIT("by a.example with CMTP id 1; Tue, 14 Nov 2023 22:13:20 +0000\0"),
		.attachments = attachments };
	struct letter_mail m;
	struct buf out;

	letter_mail_init(&m, &facts);
	feed(&m, boxes, NULL);
	letter_mail_again(&m);
	buf_init(&out, 8 * FILE_MAX);
	feed(&m, boxes, &out);
	show("mail", buf_slice(&out));
	buf_fini(&out);
	letter_mail_fini(&m);
}

static void
dump(const char *path)
{
	struct buf file, boxes[BOXES_MAX];
	struct mail_letter_source src = { .read = read_from, .arg = &file, .now_s = 1600000000 };
	struct mail_letter *m;
	enum err e;

	read_file(&file, path);
	src.bytes = file.n;
	m = mail_letter_new(&src);
	while ((e = mail_letter_scan(m)) == ERR_SHORT)
		;
	must(e == ERR_OK && mail_letter_attachments(m) < BOXES_MAX);
	printf("== %s\n", path);
	for (uint32_t i = 0; i <= mail_letter_attachments(m); i++) {
		buf_init(&boxes[i], 4 * FILE_MAX);
		mail_letter_box(m, i);
		while ((e = mail_letter_next(m, &boxes[i])) == ERR_OK)
			;
		must(e == ERR_END);
		show_box(buf_slice(&boxes[i]), i == 0);
	}
	show_mail(boxes, mail_letter_attachments(m));
	for (uint32_t i = 0; i <= mail_letter_attachments(m); i++)
		buf_fini(&boxes[i]);
	mail_letter_free(&m);
	buf_fini(&file);
}

int
main(int argc, char *argv[])
{
	for (int i = 1; i < argc; i++)
		dump(argv[i]);
	return 0;
}
