/* SPDX-License-Identifier: ISC */
/*
 * Addresses: what parses prints, the print parses to the same, and the
 * canonical form is its own canonical form.
 */
#include <stdint.h>
#include <stdlib.h>

#include "lib/mail/addr.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
check(bool ok)
{
	if (!ok)
		abort();
}

static void
check_canon(const struct addr *a)
{
	char one[ADDR_TEXT_MAX + 1], two[ADDR_TEXT_MAX + 1];
	struct slice first, second;
	struct addr c;

	if (addr_canon(a, &c) != ERR_OK)
		return;
	first = addr_text(&c, one);
	check(addr_canon_text(first, two, &second) == ERR_OK);
	check(slice_eq(first, second));
	addr_strip(&c, "+", &c);
	check(c.local_n <= a->local_n || a->is_utf8);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const unsigned all = ADDR_UTF8 | ADDR_NULL_OK | ADDR_POSTMASTER_OK;
	char text[ADDR_TEXT_MAX + 1], again[ADDR_TEXT_MAX + 1];
	struct slice in, s;
	struct addr a, b;

	if (n == 0)
		return 0;
	in = slice_of(data + 1, n - 1);
	s = in;
	if (addr_parse_path(&s, data[0], &a) == ERR_OK) {
		check(s.n < in.n);
		s = addr_text(&a, text);
		check(addr_parse(s, all, &b) == ERR_OK);
		check(slice_eq(addr_text(&b, again), s));
		check_canon(&a);
	}
	if (addr_parse(in, data[0], &a) == ERR_OK)
		check_canon(&a);
	return 0;
}
