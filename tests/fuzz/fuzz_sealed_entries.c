/* SPDX-License-Identifier: ISC */
/*
 * An object that travels, in a stranger's hands.  The input as an object: the
 * splitter says in pieces what the parser says of the whole.  The input as
 * edits (flip, cut, exchange, insert) of two good objects: what is left without
 * the entries is the same bytes as before, or does not open.
 */
#include <string.h>

#include "lib/base/must.h"
#include "lib/seal/seal_split.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define OBJECT_MAX	(200u << 10)
#define TEXT_BYTES	40000u
#define EDITS_MAX	20

static const unsigned char key[SEAL_KEY_BYTES] = { 7 };

struct good {
	struct buf	 object;	/* with entries */
	struct buf	 at_rest;
};

/* True: this is an object, and rest is what remains of it. */
static bool
split(struct slice object, size_t step, struct buf *rest)
{
	unsigned char head[SEAL_HEAD_BYTES];
	struct slice piece = SLICE_NONE;
	struct seal_split s;
	enum err e = ERR_SHORT;

	buf_init(rest, OBJECT_MAX);
	seal_split_init(&s);
	while (e == ERR_SHORT && object.n > 0) {
		piece = slice_head(object, step);
		object = slice_from(object, piece.n);
		e = seal_split_take(&s, &piece);
	}
	must(s.bytes.n <= SEAL_HEAD_BYTES + SEAL_ENTRIES_BYTES_MAX && !s.bytes.full);
	if (e == ERR_OK) {
		seal_split_head(&s, head);
		buf_put(rest, head, sizeof(head));
		buf_put_slice(rest, piece);
		buf_put_slice(rest, object);
	}
	seal_split_fini(&s);
	return e == ERR_OK;
}

static void
as_object(struct slice in, size_t step)
{
	struct seal_head h;
	struct buf rest;
	bool is_split = split(in, step, &rest);

	must(is_split == (seal_head_parse(&h, in) == ERR_OK));
	must(!is_split || rest.n + h.entries.n == in.n);
	buf_fini(&rest);
}

static void
make_good(struct good *g, bool compress)
{
	struct seal_press *press = seal_press_new();
	struct seal_writer *w = seal_writer_new(press);
	struct seal_entry en = { .algorithm = 1, .wrapped = SLICE_LIT("wrapped") };
	char text[TEXT_BYTES];
	struct buf entries;

	for (unsigned i = 0; i < TEXT_BYTES; i++)
		text[i] = (char)(i % 251 ^ i >> 9);
	buf_init(&entries, 1000);
	seal_entry_put(&entries, &en);
	seal_entry_put(&entries, &en);
	buf_init(&g->object, OBJECT_MAX);
	if (seal_writer_begin(w, CRY_AES256_GCM, key, TEXT_BYTES,
	    compress ? SEAL_ZSTD : SEAL_STORED) != ERR_OK ||
	    seal_writer_entries(w, 2, buf_slice(&entries)) != ERR_OK ||
	    seal_writer_put(w, slice_of(text, TEXT_BYTES), &g->object) != ERR_OK ||
	    seal_writer_end(w, &g->object) != ERR_OK)
		must(false);
	must(split(buf_slice(&g->object), 1000, &g->at_rest));
	buf_fini(&entries);
	seal_writer_free(&w);
	seal_press_free(&press);
}

/* One edit: what, where (u24), how much. */
static void
edit(struct buf *b, const uint8_t e[5])
{
	size_t at = ((size_t)e[1] << 16 | (size_t)e[2] << 8 | e[3]) % b->n;
	size_t n = b->n - at < 64u * e[4] ? b->n - at : 64u * e[4];
	size_t other = (at * 7 + e[4]) % b->n;
	char *p = buf_data(b);

	if (e[0] % 4 == 0) {
		p[at] = (char)(p[at] ^ e[4]);
	} else if (e[0] % 4 == 1) {		/* a hole, or an end */
		memmove(p + at, p + at + n, b->n - at - n);
		buf_truncate(b, b->n - n);
	} else if (e[0] % 4 == 2) {		/* two pieces change places */
		for (size_t i = 0; at + i < b->n && other + i < b->n && i < n; i++) {
			char c = p[at + i];

			p[at + i] = p[other + i];
			p[other + i] = c;
		}
	} else {				/* more at the end */
		buf_put(b, e, 5);
	}
}

static void
as_edits(struct slice in, const struct good *g, size_t step)
{
	struct seal_reader *r = seal_reader_new();
	struct buf b, rest, plain;

	buf_init(&b, OBJECT_MAX);
	buf_put_slice(&b, buf_slice(&g->object));
	for (unsigned i = 0; i < EDITS_MAX && in.n >= 5 && b.n > 0; i++, in = slice_from(in, 5))
		edit(&b, (const uint8_t *)in.p);
	buf_init(&plain, OBJECT_MAX);
	if (split(buf_slice(&b), step, &rest) &&
	    seal_open(r, key, buf_slice(&rest), NULL, OBJECT_MAX, &plain) == ERR_OK)
		must(slice_eq(buf_slice(&rest), buf_slice(&g->at_rest)) && plain.n == TEXT_BYTES);
	buf_fini(&plain);
	buf_fini(&rest);
	buf_fini(&b);
	seal_reader_free(&r);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct good good[2];
	struct slice in;

	if (n < 1 || n > OBJECT_MAX)
		return 0;
	if (good[0].object.n == 0) {
		cry_init();
		make_good(&good[0], false);
		make_good(&good[1], true);
	}
	in = slice_of(data + 1, n - 1);
	as_object(in, data[0] + 1u);
	as_edits(in, &good[data[0] & 1], 1 + data[0] * 50u);
	return 0;
}
