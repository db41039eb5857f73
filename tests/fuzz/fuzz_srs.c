/* SPDX-License-Identifier: ISC */
/*
 * Addresses that strangers write to: none without our hash comes back as
 * anything, and what we make of a sender comes back as that sender.
 */
#include <string.h>

#include "lib/base/must.h"
#include "queue/queue_srs.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define NOW_S	1795000000u

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct queue_srs s = { .has_keys = true, .separator = '=', .max_age_days = 21 };
	char text[ADDR_TEXT_MAX + 1], again[ADDR_TEXT_MAX + 1], back[ADDR_TEXT_MAX + 1];
	struct slice in = slice_of(data, n), out;
	struct addr a, b;
	enum err e;

	memset(s.keys[0], 1, CRY_KEY_BYTES);
	memset(s.keys[1], 2, CRY_KEY_BYTES);
	if (addr_parse(in, ADDR_UTF8, &a) != ERR_OK)
		return 0;
	e = queue_srs_reverse(&s, &a, NOW_S, &b);
	must(e == ERR_NOTFOUND || e == ERR_DENIED || e == ERR_TIMEOUT || e == ERR_OK);
	e = queue_srs_forward(&s, in, SLICE_LIT("ours.example"), NOW_S, text, &out);
	must(e == ERR_OK || e == ERR_LIMIT);
	if (e != ERR_OK)
		return 0;
	must(addr_parse(out, ADDR_UTF8, &b) == ERR_OK);
	e = queue_srs_reverse(&s, &b, NOW_S, &b);
	must(e == ERR_OK || e == ERR_DENIED);	/* SRS0rest may be longer than a local part */
	if (e != ERR_OK)
		return 0;
	/* Of an address that was SRS1 the first host is left, else the sender itself. */
	if (!slice_istarts(addr_local(&a), "SRS1"))
		must(slice_ieq(addr_text(&b, back), addr_text(&a, again)));
	return 0;
}
