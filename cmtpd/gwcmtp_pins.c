/* SPDX-License-Identifier: ISC */
#include "cmtpd/gwcmtp_pins.h"

#include "cmtpd/gwcmtp_file.h"
#include "lib/base/enc.h"

#define FILE_NAME	"keys"

/* The next line; false: there is none. */
static bool
next_line(struct slice *rest, struct slice *name, struct slice *key)
{
	struct slice line;

	if (rest->n == 0)
		return false;
	*rest = slice_cut(*rest, '\n', &line);
	*key = slice_cut(line, ' ', name);
	return true;
}

static bool
is_line(struct slice name, struct slice key)
{
	struct buf b;
	bool is;

	buf_init(&b, CMTP_KEY_BYTES + 3);
	is = slice_find(name, '@') < name.n && enc_get_base64(&b, key) == ERR_OK &&
	    b.n == CMTP_KEY_BYTES;
	buf_fini(&b);
	return is;
}

static enum err
check(const struct gwcmtp_pins *p)
{
	struct slice rest = buf_slice(&p->text), name, key;

	while (next_line(&rest, &name, &key))
		if (!is_line(name, key))
			return ERR_SYNTAX;
	return ERR_OK;
}

enum err
gwcmtp_pins_load(struct gwcmtp_pins *p, const char *dir)
{
	enum err e;

	p->dir = dir;
	buf_init(&p->text, GWCMTP_PINS_BYTES_MAX + 1);
	e = gwcmtp_file_read(dir, FILE_NAME, &p->text);
	return e == ERR_OK ? check(p) : e == ERR_NOTFOUND ? ERR_OK : e;
}

void
gwcmtp_pins_fini(struct gwcmtp_pins *p)
{
	buf_fini(&p->text);
}

enum gwcmtp_pin
gwcmtp_pins_judge(const struct gwcmtp_pins *p, struct slice name,
    const unsigned char key[CMTP_KEY_BYTES])
{
	struct slice rest = buf_slice(&p->text), known, text;
	enum gwcmtp_pin is = GWCMTP_PIN_NEW;
	struct buf b;

	buf_init(&b, 64);
	enc_put_base64(&b, slice_of(key, CMTP_KEY_BYTES));
	while (is == GWCMTP_PIN_NEW && next_line(&rest, &known, &text))
		if (slice_ieq(known, name))
			is = slice_eq(text, buf_slice(&b)) ? GWCMTP_PIN_SAME : GWCMTP_PIN_OTHER;
	buf_fini(&b);
	return is;
}

enum err
gwcmtp_pins_put(struct gwcmtp_pins *p, struct slice name, const unsigned char key[CMTP_KEY_BYTES])
{
	struct slice rest = buf_slice(&p->text), known, text;
	struct buf b;

	buf_init(&b, GWCMTP_PINS_BYTES_MAX);
	while (next_line(&rest, &known, &text)) {
		if (slice_ieq(known, name))
			continue;
		buf_put_slice(&b, known);
		buf_put_char(&b, ' ');
		buf_put_slice(&b, text);
		buf_put_char(&b, '\n');
	}
	buf_put_slice(&b, name);
	buf_put_char(&b, ' ');
	enc_put_base64(&b, slice_of(key, CMTP_KEY_BYTES));
	buf_put_char(&b, '\n');
	if (buf_err(&b) != ERR_OK) {
		buf_fini(&b);
		return ERR_LIMIT;
	}
	buf_fini(&p->text);
	p->text = b;
	return gwcmtp_file_write(p->dir, FILE_NAME, buf_slice(&p->text));
}
