/* SPDX-License-Identifier: ISC */
/*
 * Prints what lib/mail makes of each message named: the parts, ENVELOPE,
 * BODYSTRUCTURE, BODY, preview.  The message is parsed whole and byte by
 * byte, which must agree.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/mail/imap_text.h"
#include "lib/mail/mime.h"
#include "lib/mail/preview.h"
#include "lib/mail/summary.h"

static void
dump_map(struct buf *b, const struct mime *m)
{
	static const char *const kinds[] = { "leaf", "multipart", "message" };

	for (uint32_t i = 0; i < m->map.count; i++) {
		const struct mime_span *s = &m->map.spans[i];

		buf_printf(b, "part %u parent %d number %u %s header %u+%u body %u+%u lines %u\n",
		    i, (int)s->parent, s->number, kinds[s->kind], s->header_off,
		    s->header_bytes, s->body_off, s->body_bytes, s->lines);
	}
}

static void
dump(struct buf *b, struct slice text, size_t step, struct charset_set *set)
{
	struct buf structure, cuts;
	struct mime m;

	mime_init(&m);
	mime_start(&m);
	for (size_t i = 0; i < text.n; i += step)
		mime_feed(&m, slice_head(slice_from(text, i), step));
	mime_end(&m);
	buf_init(&structure, 1u << 20);
	buf_init(&cuts, 1u << 20);
	imap_text_put_structure(&structure, &m, &cuts);
	dump_map(b, &m);
	buf_put_str(b, "ENVELOPE ");
	buf_put_slice(b, mime_text(&m, m.meta[0].envelope));
	buf_put_str(b, "\nBODYSTRUCTURE ");
	buf_put_slice(b, buf_slice(&structure));
	buf_put_str(b, "\nBODY ");
	imap_text_put_body(b, buf_slice(&structure), buf_slice(&cuts));
	buf_put_str(b, "\nPREVIEW ");
	preview_put(b, &m, set, SUMMARY_PREVIEW_CHARS);
	buf_put_str(b, "\n");
	buf_fini(&structure);
	buf_fini(&cuts);
	mime_fini(&m);
}

static int
dump_file(const char *path, struct charset_set *set)
{
	static char mem[1 << 20];
	const char *base = strrchr(path, '/');
	FILE *f = fopen(path, "rb");
	struct buf whole, bytes;
	size_t n;
	int bad;

	if (f == NULL) {
		perror(path);
		return 1;
	}
	n = fread(mem, 1, sizeof(mem), f);
	fclose(f);
	buf_init(&whole, 8u << 20);
	buf_init(&bytes, 8u << 20);
	dump(&whole, slice_of(mem, n), n + 1, set);
	dump(&bytes, slice_of(mem, n), 1, set);
	printf("== %s\n", base == NULL ? path : base + 1);
	fwrite(buf_data(&whole), 1, whole.n, stdout);
	bad = !slice_eq(buf_slice(&whole), buf_slice(&bytes));
	if (bad)
		printf("DIFFERS byte by byte\n");
	buf_fini(&whole);
	buf_fini(&bytes);
	return bad;
}

int
main(int argc, char *argv[])
{
	struct charset_set *set = charset_new();
	int bad = 0;

	for (int i = 1; i < argc; i++)
		bad |= dump_file(argv[i], set);
	charset_free(&set);
	return bad;
}
