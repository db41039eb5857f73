/* SPDX-License-Identifier: ISC */
/*
 * The text of a lookup table: the first byte chooses how it is read, the
 * second in which pieces.  Rows are the same in any pieces and within their
 * limits; each address of a list can be reached.
 */
#include <stdint.h>

#include "lib/base/map.h"
#include "lib/base/must.h"
#include "queue/gwmap_source.h"
#include "queue/queue_lookup.h"
#include "queue/queue_map_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

struct seen {
	unsigned	 rows;
	uint64_t	 sum;
	bool		 is_list;
};

static enum err
on_row(void *arg, const struct gwmap_row *r)
{
	static const struct addr rcpt = { .local_n = 1, .domain_n = 1, .local = "x",
	    .domain = "y" };
	struct slice list = r->value, one;
	struct seen *s = arg;
	struct addr a;

	must(r->key.n > 0 && r->key.n <= QUEUE_MAP_KEY_MAX && r->value.n > 0 &&
	    r->value.n <= QUEUE_MAP_VALUE_MAX && r->line > 0);
	while (s->is_list && queue_lookup_next(&list, &one))
		must(queue_lookup_target(one, &rcpt, &a) == ERR_OK);
	s->rows++;
	s->sum = s->sum * 31 + hash_slice(r->key) + 7 * hash_slice(r->value) + r->line;
	return ERR_OK;
}

static struct seen
read_all(struct slice text, unsigned form, size_t piece, enum err *e)
{
	struct gwmap_source s;
	struct seen seen = { .is_list = form & 3 };

	gwmap_source_init(&s);
	s.is_aliases = form & 1;
	s.has_lists = form & 2;
	s.keeps_case = form & 4;
	s.fn = on_row;
	s.arg = &seen;
	for (*e = ERR_OK; text.n > 0 && *e == ERR_OK; text = slice_from(text, piece))
		*e = gwmap_source_feed(&s, slice_head(text, piece));
	if (*e == ERR_OK)
		*e = gwmap_source_end(&s);
	gwmap_source_fini(&s);
	return seen;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct seen whole, parts;
	enum err a, b;
	struct slice text;

	if (n < 2)
		return 0;
	text = slice_of(data + 2, n - 2);
	whole = read_all(text, data[0], n, &a);
	parts = read_all(text, data[0], data[1] % 16u + 1u, &b);
	must(a == b && whole.rows == parts.rows && whole.sum == parts.sum);
	return 0;
}
