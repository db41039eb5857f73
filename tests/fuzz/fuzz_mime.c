/* SPDX-License-Identifier: ISC */
/*
 * The MIME parser: the first byte says where the message is cut in two.  Both
 * ways must give the same parts, ranges must lie inside each other, and the
 * summary must read back.
 */
#include <stdint.h>
#include <string.h>

#include "lib/base/must.h"
#include "lib/mail/imap_text.h"
#include "lib/mail/mime.h"
#include "lib/mail/summary.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
parse(struct mime *m, struct slice a, struct slice b)
{
	mime_start(m);
	mime_feed(m, a);
	mime_feed(m, b);
	mime_end(m);
}

static void
check_spans(const struct mime *m)
{
	for (uint32_t i = 1; i < m->map.count; i++) {
		const struct mime_span *s = &m->map.spans[i];
		const struct mime_span *p = &m->map.spans[s->parent];

		must(s->parent < i && s->header_off >= p->body_off);
		must((uint64_t)s->body_off + s->body_bytes <=
		    (uint64_t)p->body_off + p->body_bytes);
	}
}

static void
check_summary(const struct mime *m)
{
	struct buf b, body;
	struct summary sum;
	struct mime_map map;

	buf_init(&b, SUMMARY_MAX);
	buf_init(&body, 64u << 20);
	mime_map_init(&map);
	must(summary_put(&b, m, SLICE_LIT("Return-Path: <>\r\n"), NULL) == ERR_OK);
	must(summary_get(&sum, buf_slice(&b)) == ERR_OK);
	if (sum.has_parts)
		must(mime_map_get(&map, sum.parts, sum.size) == ERR_OK);
	if (sum.has_structure)
		summary_put_body(&body, &sum);
	mime_map_fini(&map);
	buf_fini(&b);
	buf_fini(&body);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct mime one, two;
	struct slice text;
	size_t cut;

	if (n == 0)
		return 0;
	text = slice_of(p + 1, n - 1);
	cut = text.n * p[0] / 255;
	mime_init(&one);
	mime_init(&two);
	parse(&one, text, SLICE_NONE);
	parse(&two, slice_head(text, cut), slice_from(text, cut));
	must(one.map.count == two.map.count && one.text.n == two.text.n);
	must(one.map.spans[0].header_bytes + one.map.spans[0].body_bytes == text.n);
	must(memcmp(one.map.spans, two.map.spans,
	    one.map.count * sizeof(*one.map.spans)) == 0);
	check_spans(&one);
	check_summary(&one);
	mime_fini(&one);
	mime_fini(&two);
	return 0;
}
