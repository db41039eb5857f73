/* SPDX-License-Identifier: ISC */
#include "cmtpd/gwcmtp_pins.h"

#include "lib/base/enc.h"

static bool
is_key(struct slice value)
{
	struct buf b;
	bool is;

	buf_init(&b, CMTP_KEY_BYTES + 3);
	is = enc_get_base64(&b, value) == ERR_OK && b.n == CMTP_KEY_BYTES;
	buf_fini(&b);
	return is;
}

enum err
gwcmtp_pins_load(struct gwcmtp_pins *p, const char *dir)
{
	return gwcmtp_lines_load(&p->lines, dir, "keys", is_key);
}

void
gwcmtp_pins_fini(struct gwcmtp_pins *p)
{
	gwcmtp_lines_fini(&p->lines);
}

enum gwcmtp_pin
gwcmtp_pins_judge(const struct gwcmtp_pins *p, struct slice name,
    const unsigned char key[CMTP_KEY_BYTES])
{
	enum gwcmtp_pin is = GWCMTP_PIN_NEW;
	struct slice known;
	struct buf b;

	buf_init(&b, 64);
	enc_put_base64(&b, slice_of(key, CMTP_KEY_BYTES));
	if (gwcmtp_lines_find(&p->lines, name, &known))
		is = slice_eq(known, buf_slice(&b)) ? GWCMTP_PIN_SAME : GWCMTP_PIN_OTHER;
	buf_fini(&b);
	return is;
}

enum err
gwcmtp_pins_put(struct gwcmtp_pins *p, struct slice name, const unsigned char key[CMTP_KEY_BYTES])
{
	struct buf b;
	enum err e;

	buf_init(&b, 64);
	enc_put_base64(&b, slice_of(key, CMTP_KEY_BYTES));
	e = gwcmtp_lines_put(&p->lines, name, buf_slice(&b));
	buf_fini(&b);
	return e;
}
