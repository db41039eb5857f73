/* SPDX-License-Identifier: ISC */
/*
 * A command MAIL that is opened and made mail; the first byte says how the rest is
 * cut.  All keys are the same, so what opens is of version 0 or was sealed to them:
 * then the mail is as long as was told, and the same when it comes byte by byte.
 */
#include <string.h>

#include "lib/base/must.h"
#include "lib/cmtp/letter_open.h"

#define INPUT_MAX	(200u << 10)

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static enum err
pass(struct letter_open *o, struct slice in, size_t cut, struct buf *out)
{
	static const unsigned char key[CRY_KEY_BYTES];
	enum err e = ERR_OK;

	while (in.n > 0 && (e == ERR_OK || e == ERR_AGAIN)) {
		struct slice piece = slice_head(in, cut);

		in = slice_from(in, piece.n);
		do {
			e = letter_open_feed(o, &piece, out);
			if (e == ERR_AGAIN)
				letter_open_key(o, key, key);
		} while (e == ERR_AGAIN || (e == ERR_OK && piece.n > 0));
	}
	return e == ERR_OK ? letter_open_end(o) : e;
}

static enum err
make(struct slice in, size_t cut, size_t cut_again, struct buf *out)
{
	const struct letter_open_facts facts = { .bytes = INPUT_MAX, .domain = SLICE_LIT("x.example"),
		.trace = SLICE_LIT("Received: x\r\n") };
	struct letter_open o;
	enum err e;

	letter_open_init(&o, &facts);
	e = pass(&o, in, cut, NULL);
	if (e == ERR_OK) {
		uint64_t bytes = letter_open_bytes(&o);

		letter_open_again(&o);
		e = pass(&o, in, cut_again, out);
		must(e == ERR_OK && out->n == bytes);
	}
	letter_open_fini(&o);
	return e;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in;
	struct buf one, two;
	size_t cut;

	if (size < 1 || size > INPUT_MAX)
		return 0;
	cut = 1 + data[0];
	in = slice_of(data + 1, size - 1);
	buf_init(&one, 16u << 20);
	buf_init(&two, 16u << 20);
	if (make(in, in.n + 1, cut, &one) == ERR_OK)
		must(make(in, 1, in.n + 1, &two) == ERR_OK &&
		    slice_eq(buf_slice(&one), buf_slice(&two)));
	else
		must(make(in, cut, cut, &two) != ERR_OK);
	buf_fini(&one);
	buf_fini(&two);
	return 0;
}
