/* SPDX-License-Identifier: ISC */
#include "lib/mail/mime_code.h"

#define HELD_MAX	1024

enum mime_code
mime_code_find(struct slice name)
{
	static const struct {
		const char	*name;
		enum mime_code	 code;
	} rows[] = {
		{ "7bit", MIME_CODE_7BIT }, { "8bit", MIME_CODE_8BIT },
		{ "binary", MIME_CODE_BINARY }, { "base64", MIME_CODE_BASE64 },
		{ "quoted-printable", MIME_CODE_QP }
	};

	if (name.n == 0)
		return MIME_CODE_7BIT;
	for (size_t i = 0; i < lengthof(rows); i++)
		if (slice_ieq_str(name, rows[i].name))
			return rows[i].code;
	return MIME_CODE_UNKNOWN;
}

void
mime_decoder_init(struct mime_decoder *d, enum mime_code code)
{
	*d = (struct mime_decoder){ .code = code };
	buf_init(&d->held, HELD_MAX);
}

void
mime_decoder_fini(struct mime_decoder *d)
{
	buf_fini(&d->held);
}

static int
base64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* The 0 to 2 whole bytes of an unfinished group. */
static void
flush_base64(struct mime_decoder *d, struct buf *out)
{
	if (d->count == 2)
		buf_put_char(out, (char)(d->bits >> 4));
	if (d->count == 3) {
		buf_put_char(out, (char)(d->bits >> 10));
		buf_put_char(out, (char)(d->bits >> 2));
	}
	d->count = 0;
	d->bits = 0;
}

/* RFC 2045 s6.8: other characters are ignored; '=' ends a group. */
static void
put_base64(struct mime_decoder *d, struct slice s, struct buf *out)
{
	for (size_t i = 0; i < s.n; i++) {
		int v = base64_value(s.p[i]);

		if (s.p[i] == '=')
			flush_base64(d, out);
		if (v < 0)
			continue;
		d->bits = d->bits << 6 | (uint32_t)v;
		if (++d->count < 4)
			continue;
		buf_put_char(out, (char)(d->bits >> 16));
		buf_put_char(out, (char)(d->bits >> 8));
		buf_put_char(out, (char)d->bits);
		d->count = 0;
		d->bits = 0;
	}
}

static int
hex_value(char c)
{
	c = ascii_lower(c);
	if (ascii_is_digit(c))
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void
flush_held(struct mime_decoder *d, struct buf *out)
{
	buf_put_slice(out, buf_slice(&d->held));
	buf_reset(&d->held);
}

/* held starts with '=': whether c completes or continues the escape. */
static bool
put_escape(struct mime_decoder *d, char c, struct buf *out)
{
	const char *h = buf_data(&d->held);

	if (c == '\n') {
		/* A soft line break (RFC 2045 s6.7 (5)). */
		buf_reset(&d->held);
		return true;
	}
	if (c == '\r' || c == ' ' || c == '\t') {
		if (d->held.n == 2 && hex_value(h[1]) >= 0)
			return false;
		if (d->held.n >= HELD_MAX)
			return false;
		buf_put_char(&d->held, c);
		return true;
	}
	if (hex_value(c) < 0)
		return false;
	if (d->held.n == 1) {
		buf_put_char(&d->held, c);
		return true;
	}
	if (d->held.n == 2 && hex_value(h[1]) >= 0) {
		buf_put_char(out, (char)(hex_value(h[1]) << 4 | hex_value(c)));
		buf_reset(&d->held);
		return true;
	}
	return false;
}

static void
put_qp_char(struct mime_decoder *d, char c, struct buf *out)
{
	if (d->held.n > 0 && buf_data(&d->held)[0] == '=') {
		if (put_escape(d, c, out))
			return;
		/* Not an escape after all (RFC 2045 s6.7, note on robustness). */
		flush_held(d, out);
	}
	switch (c) {
	case '=':
		flush_held(d, out);
		buf_put_char(&d->held, c);
		break;
	case ' ':
	case '\t':
	case '\r':
		if (d->held.n >= HELD_MAX)
			flush_held(d, out);
		buf_put_char(&d->held, c);
		break;
	case '\n':
		/* RFC 2045 s6.7 (3): white space at the end of a line goes. */
		if (d->held.n > 0 &&
		    buf_data(&d->held)[d->held.n - 1] == '\r')
			buf_put_char(out, '\r');
		buf_reset(&d->held);
		buf_put_char(out, '\n');
		break;
	default:
		flush_held(d, out);
		buf_put_char(out, c);
	}
}

void
mime_decoder_put(struct mime_decoder *d, struct slice s, struct buf *out)
{
	switch (d->code) {
	case MIME_CODE_BASE64:
		put_base64(d, s, out);
		break;
	case MIME_CODE_QP:
		for (size_t i = 0; i < s.n; i++)
			put_qp_char(d, s.p[i], out);
		break;
	case MIME_CODE_7BIT:
	case MIME_CODE_8BIT:
	case MIME_CODE_BINARY:
	case MIME_CODE_UNKNOWN:
		buf_put_slice(out, s);
		break;
	}
}

void
mime_decoder_end(struct mime_decoder *d, struct buf *out)
{
	if (d->code == MIME_CODE_BASE64) {
		flush_base64(d, out);
	} else if (d->code == MIME_CODE_QP) {
		/* A last '=' is a soft break; white space ends a line. */
		if (d->held.n > 1 && buf_data(&d->held)[0] == '=' &&
		    hex_value(buf_data(&d->held)[1]) >= 0)
			flush_held(d, out);
		buf_reset(&d->held);
	}
}
