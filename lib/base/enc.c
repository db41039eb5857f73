/* SPDX-License-Identifier: ISC */
#include "lib/base/enc.h"

#include <string.h>

static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char crockford_digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
static const char hex_digits[] = "0123456789abcdef";

void
enc_put_base64(struct buf *b, struct slice s)
{
	const unsigned char *p = (const unsigned char *)s.p;
	unsigned v;
	char *at;
	size_t i;

	at = buf_reserve(b, (s.n + 2) / 3 * 4);
	if (at == NULL)
		return;
	for (i = 0; i < s.n; i += 3) {
		v = (unsigned)p[i] << 16;
		if (i + 1 < s.n)
			v |= (unsigned)p[i + 1] << 8;
		if (i + 2 < s.n)
			v |= p[i + 2];
		*at++ = base64_digits[v >> 18];
		*at++ = base64_digits[v >> 12 & 63];
		*at++ = i + 1 < s.n ? base64_digits[v >> 6 & 63] : '=';
		*at++ = i + 2 < s.n ? base64_digits[v & 63] : '=';
	}
	buf_commit(b, (s.n + 2) / 3 * 4);
}

static int
base64_value(char c)
{
	const char *at;

	if (c == '\0')
		return -1;
	at = strchr(base64_digits, c);
	return at != NULL ? (int)(at - base64_digits) : -1;
}

enum err
enc_get_base64(struct buf *b, struct slice s)
{
	unsigned v;
	size_t pad;
	int d;

	if (s.n % 4 != 0)
		return ERR_SYNTAX;
	for (size_t i = 0; i < s.n; i += 4) {
		v = 0;
		pad = 0;
		for (size_t j = 0; j < 4; j++) {
			d = base64_value(s.p[i + j]);
			if (s.p[i + j] == '=' && j >= 2 && i + 4 == s.n)
				pad++;
			else if (d < 0 || pad > 0)
				return ERR_SYNTAX;
			v = v << 6 | (d < 0 ? 0 : (unsigned)d);
		}
		/* The bits that padding cuts off must be zero. */
		if ((pad == 1 && (v & 0xff) != 0) ||
		    (pad == 2 && (v & 0xffff) != 0))
			return ERR_SYNTAX;
		buf_put_char(b, (char)(v >> 16));
		if (pad < 2)
			buf_put_char(b, (char)(v >> 8));
		if (pad < 1)
			buf_put_char(b, (char)v);
	}
	return buf_err(b);
}

void
enc_put_hex(struct buf *b, struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		buf_put_char(b, hex_digits[(unsigned char)s.p[i] >> 4]);
		buf_put_char(b, hex_digits[(unsigned char)s.p[i] & 15]);
	}
}

enum err
enc_get_hex(struct buf *b, struct slice s)
{
	const char *hi, *lo;

	if (s.n % 2 != 0)
		return ERR_SYNTAX;
	for (size_t i = 0; i < s.n; i += 2) {
		if (!ascii_is_xdigit(s.p[i]) || !ascii_is_xdigit(s.p[i + 1]))
			return ERR_SYNTAX;
		hi = strchr(hex_digits, ascii_lower(s.p[i]));
		lo = strchr(hex_digits, ascii_lower(s.p[i + 1]));
		buf_put_char(b, (char)((hi - hex_digits) << 4 | (lo - hex_digits)));
	}
	return buf_err(b);
}

/* 13 digits hold 65 bits: the first digit is 0 to F. */
void
enc_id_str(char dst[ENC_ID_BYTES + 1], uint64_t id)
{
	for (int i = ENC_ID_BYTES - 1; i >= 0; i--) {
		dst[i] = crockford_digits[id & 31];
		id >>= 5;
	}
	dst[ENC_ID_BYTES] = '\0';
}

void
enc_put_id(struct buf *b, uint64_t id)
{
	char text[ENC_ID_BYTES + 1];

	enc_id_str(text, id);
	buf_put(b, text, ENC_ID_BYTES);
}

static int
crockford_value(char c)
{
	const char *at;

	c = ascii_upper(c);
	if (c == 'I' || c == 'L')
		c = '1';
	else if (c == 'O')
		c = '0';
	if (c == '\0')
		return -1;
	at = strchr(crockford_digits, c);
	return at != NULL ? (int)(at - crockford_digits) : -1;
}

enum err
enc_get_id(struct slice s, uint64_t *out)
{
	uint64_t v = 0;
	int d;

	if (s.n != ENC_ID_BYTES)
		return ERR_SYNTAX;
	for (size_t i = 0; i < s.n; i++) {
		d = crockford_value(s.p[i]);
		if (d < 0 || (i == 0 && d > 15))
			return ERR_SYNTAX;
		v = v << 5 | (uint64_t)d;
	}
	*out = v;
	return ERR_OK;
}

uint64_t
enc_session_id(uint32_t instance, uint64_t serial)
{
	uint64_t n = (uint64_t)(instance & 0x3f) << 24 | (serial & 0xffffff);

	/* Odd, so a bijection on 30 bits. */
	return n * 0x2545f491u & 0x3fffffff;
}

void
enc_session_str(char dst[ENC_SESSION_BYTES + 1], uint64_t v)
{
	for (int i = ENC_SESSION_BYTES - 1; i >= 0; i--) {
		dst[i] = crockford_digits[v & 31];
		v >>= 5;
	}
	dst[ENC_SESSION_BYTES] = '\0';
}
