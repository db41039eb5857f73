/* SPDX-License-Identifier: ISC */
/*
 * A message as imapd serves it, on its way to a device.  The corpus is sealed to
 * the key below.  Whole or split in two, it opens to the same or does not.
 */
#include <stddef.h>
#include <stdint.h>

#include "lib/base/must.h"
#include "lib/seal/seal_device.h"

int	 LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PLAIN_MAX = 1 << 20 };

static enum err
open_it(struct slice message, size_t at, struct buf *out)
{
	static const unsigned char secret[CRY_KEY_BYTES] = "a device";
	const struct seal_device d = { .secrets = { secret }, .count = 1 };
	struct mime m;
	enum err e;

	mime_init(&m);
	mime_start(&m);
	mime_feed(&m, slice_head(message, at));
	mime_feed(&m, slice_from(message, at));
	mime_end(&m);
	e = seal_device_open(&d, &m, message, PLAIN_MAX, out);
	mime_fini(&m);
	return e;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice message = slice_of(data, size);
	struct buf whole, split;
	enum err e;

	cry_init();
	buf_init(&whole, 2 * PLAIN_MAX);
	buf_init(&split, 2 * PLAIN_MAX);
	e = open_it(message, size, &whole);
	must(e == open_it(message, size / 2, &split));
	must(slice_eq(buf_slice(&whole), buf_slice(&split)));
	must(e == ERR_OK || whole.n == 0);
	buf_fini(&split);
	buf_fini(&whole);
	return 0;
}
