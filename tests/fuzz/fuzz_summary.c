/* SPDX-License-Identifier: ISC */
/*
 * Stored summaries and part tables: whatever the bytes, decoding ends and
 * what it gives lies within bounds.
 */
#include <stdint.h>

#include "lib/base/must.h"
#include "lib/mail/hdr.h"
#include "lib/mail/imap_structure.h"
#include "lib/mail/summary.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
parts(struct slice rec, uint32_t bytes)
{
	uint32_t path[3] = { 2, 1, 1 };
	struct mime_map map;
	uint32_t off, n;

	mime_map_init(&map);
	if (mime_map_get(&map, rec, bytes) == ERR_OK)
		for (size_t depth = 0; depth <= 3; depth++)
			for (int what = MIME_SECTION_ALL; what <= MIME_SECTION_MIME; what++)
				if (mime_map_locate(&map, path, depth,
				    (enum mime_section)what, &off, &n, NULL) == ERR_OK)
					must((uint64_t)off + n <= bytes);
	mime_map_fini(&map);
}

static void
structure(struct slice text)
{
	static const uint32_t path[] = { 2, 1, 1 };
	struct imap_decoded d = { .bytes = 1, .lines = 1 };
	struct slice part;
	struct buf b;

	for (uint32_t depth = 0; depth <= 3; depth++) {
		if (!imap_structure_part(text, path, depth, &part))
			continue;
		must(part.p >= text.p && part.p + part.n <= text.p + text.n);
		buf_init(&b, 2 * text.n + 64);
		imap_structure_put_decoded(&b, part, &d);
		must(buf_err(&b) == ERR_OK);
		buf_fini(&b);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct slice s = slice_of(p, n);
	struct summary sum;
	struct hdr_iter it;
	struct hdr_field f;
	struct buf b;

	parts(s, 1000000);
	structure(s);
	if (summary_get(&sum, s) != ERR_OK)
		return 0;
	must(sum.header_bytes <= sum.size && sum.envelope.n + sum.fields.n <= n * 2);
	parts(sum.parts, sum.size);
	structure(sum.structure);
	hdr_iter_init(&it, sum.fields);
	while (hdr_next(&it, &f))
		(void)summary_keeps(f.name);
	buf_init(&b, n + 16);
	summary_put_body(&b, &sum);
	must(b.n <= n);
	buf_fini(&b);
	return 0;
}
