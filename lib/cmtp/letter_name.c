/* SPDX-License-Identifier: ISC */
#include "lib/cmtp/letter_name.h"

#include "lib/cmtp/cmtp_letter.h"
#include "lib/mail/charset.h"
#include "lib/mail/mime_put.h"

#define NAMES_MAX	3300u	/* a field, all of it quoted, and a domain */

void
letter_name_put_clean(struct buf *b, struct slice s)
{
	struct buf text;

	buf_init(&text, 3 * s.n + 4);
	charset_put_clean(s, &text);
	for (size_t i = 0; i < text.n; i++) {
		char c = buf_data(&text)[i];

		buf_put_char(b, (unsigned char)c < ' ' || c == 0x7f ? ' ' : c);
	}
	buf_fini(&text);
}

bool
letter_name_join(struct addr *out, struct slice local, bool is_written, struct slice domain)
{
	struct buf text;
	bool ok;

	buf_init(&text, NAMES_MAX);
	if (is_written)
		buf_put_slice(&text, local);
	else
		mime_put_quoted(&text, local);
	buf_put_char(&text, '@');
	buf_put_slice(&text, domain);
	ok = buf_err(&text) == ERR_OK && addr_parse(buf_slice(&text), ADDR_UTF8, out) == ERR_OK;
	buf_fini(&text);
	return ok;
}

struct slice
letter_name_fit(struct slice s, size_t max)
{
	size_t n = max;

	if (s.n <= max)
		return s;
	while (n > 0 && ((unsigned char)s.p[n] & 0xc0) == 0x80)
		n--;
	return slice_head(s, n);
}

/* Characters that turn the direction of what stands behind them: a false ending. */
static bool
is_turn(struct slice s)
{
	return s.n >= 3 && s.p[0] == '\xe2' &&
	    ((s.p[1] == '\x80' && (unsigned char)s.p[2] >= 0xaa && (unsigned char)s.p[2] <= 0xae) ||
	    (s.p[1] == '\x81' && (unsigned char)s.p[2] >= 0xa6 && (unsigned char)s.p[2] <= 0xa9));
}

static struct slice
last_component(struct slice name)
{
	for (size_t i = name.n; i > 0; i--)
		if (name.p[i - 1] == '/' || name.p[i - 1] == '\\')
			return slice_trim(slice_from(name, i));
	return slice_trim(name);
}

void
letter_name_put_file(struct buf *b, struct slice name, uint32_t number, const char *ending)
{
	name = letter_name_fit(last_component(name), CMTP_FILE_NAME_MAX);
	if (name.n == 0 || slice_eq_str(name, ".") || slice_eq_str(name, "..")) {
		buf_printf(b, "attachment-%u%s", (unsigned)number, ending);
		return;
	}
	for (size_t i = 0; i < name.n; i++) {
		if ((unsigned char)name.p[i] < ' ' || name.p[i] == 0x7f) {
			buf_put_char(b, '_');
		} else if (is_turn(slice_from(name, i))) {
			buf_put_str(b, "___");
			i += 2;
		} else {
			buf_put_char(b, name.p[i]);
		}
	}
}

