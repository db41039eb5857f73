/* SPDX-License-Identifier: ISC */
/*
 * Mail as a letter of CMTP 1: whatever it is, its boxes are the same each time
 * they are asked for, and each can be read back for what it is.
 */
#include "lib/base/must.h"
#include "lib/cmtp/cmtp_letter.h"
#include "lib/cmtp/mail_letter.h"

#define OUT_MAX		(32u << 20)
#define BOXES_LOOKED_AT	20u

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static enum err
read_from(void *arg, uint64_t off, void *dst, size_t n)
{
	const struct slice *all = arg;

	must(off <= all->n && n <= all->n - off);
	memcpy(dst, all->p + off, n);
	return ERR_OK;
}

static void
read_box(struct mail_letter *m, uint32_t i, struct buf *out)
{
	size_t before;
	enum err e;

	buf_init(out, OUT_MAX);
	mail_letter_box(m, i);
	do {
		before = out->n;
		e = mail_letter_next(m, out);
		must(out->n - before <= MAIL_LETTER_NEXT_MAX);
	} while (e == ERR_OK);
	must(e == ERR_END && buf_err(out) == ERR_OK);
}

static void
check_box(struct mail_letter *m, uint32_t i)
{
	struct cmtp_letter l;
	struct slice name, data;
	struct buf a, b;

	read_box(m, i, &a);
	read_box(m, i, &b);
	must(slice_eq(buf_slice(&a), buf_slice(&b)));
	if (i == 0) {
		cmtp_letter_read(&l, buf_slice(&a));
		must(!l.is_bare);
	} else {
		must(cmtp_attachment_read(buf_slice(&a), &name, &data) == ERR_OK && name.n > 0);
		must(slice_find(name, '/') == name.n);
	}
	buf_fini(&b);
	buf_fini(&a);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct slice all = slice_of(p, n);
	struct mail_letter_source src = { .bytes = n, .read = read_from, .arg = &all };
	struct mail_letter *m = mail_letter_new(&src);
	enum err e;

	while ((e = mail_letter_scan(m)) == ERR_SHORT)
		;
	must(e == ERR_OK || e == ERR_LIMIT);
	for (uint32_t i = 0; e == ERR_OK && i <= mail_letter_attachments(m) && i < BOXES_LOOKED_AT; i++)
		check_box(m, i);
	mail_letter_free(&m);
	return 0;
}
