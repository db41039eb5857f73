/* SPDX-License-Identifier: ISC */
#include "lib/smtp/smtp_put.h"

bool
smtp_put_is_safe(struct slice s)
{
	if (s.n > SMTP_PUT_ADDRESS_MAX)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
			return false;
	return true;
}

/* RFC 3461 s4: xtext, all but "!" to "~" without "+" and "=" as +XX. */
static void
put_xtext(struct buf *b, struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (ascii_is_print(s.p[i]) && s.p[i] != ' ' && s.p[i] != '+' && s.p[i] != '=')
			buf_put_char(b, s.p[i]);
		else
			buf_printf(b, "+%02X", (unsigned char)s.p[i]);
	}
}

/* One character of well-formed UTF-8 off the front. */
static uint32_t
next_char(struct slice *s, struct slice *raw)
{
	unsigned char c = (unsigned char)s->p[0];
	size_t n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
	uint32_t v = n == 1 ? c : c & (0xffu >> (n + 1));

	*raw = slice_head(*s, n);
	for (size_t i = 1; i < raw->n; i++)
		v = v << 6 | ((unsigned char)raw->p[i] & 0x3f);
	*s = slice_from(*s, n);
	return v;
}

/* RFC 6533 s3: utf-8-addr-unitext in an SMTPUTF8 transaction, else -xtext. */
static void
put_utf8_addr(struct buf *b, struct slice s, bool uses_utf8)
{
	struct slice raw;
	uint32_t v;

	while (s.n > 0) {
		v = next_char(&s, &raw);
		if (v > ' ' && v != '+' && v != '=' && v != '\\' && v != 0x7f &&
		    (v < 0x80 || uses_utf8))
			buf_put_slice(b, raw);
		else
			buf_printf(b, "\\x{%02X}", (unsigned)v);
	}
}

void
smtp_put_mail(struct buf *b, const struct smtp_client_message *m,
    const struct smtp_caps *c, bool uses_utf8)
{
	buf_put_str(b, "MAIL FROM:<");
	buf_put_slice(b, m->sender);
	buf_put_char(b, '>');
	if (smtp_caps_has(c, SMTP_CAP_SIZE) && m->size > 0)
		buf_printf(b, " SIZE=%llu", (unsigned long long)m->size);
	/* RFC 3030 s3, RFC 6152 s3 */
	if ((m->flags & SMTP_CLIENT_BINARY) != 0)
		buf_put_str(b, " BODY=BINARYMIME");
	else if ((m->flags & SMTP_CLIENT_8BIT) != 0 && smtp_caps_has(c, SMTP_CAP_8BITMIME))
		buf_put_str(b, " BODY=8BITMIME");
	if (uses_utf8)
		buf_put_str(b, " SMTPUTF8");
	if ((m->flags & SMTP_CLIENT_REQUIRETLS) != 0)
		buf_put_str(b, " REQUIRETLS");
	if (smtp_caps_has(c, SMTP_CAP_DSN)) {
		if ((m->flags & SMTP_CLIENT_RET_FULL) != 0)
			buf_put_str(b, " RET=FULL");
		else if ((m->flags & SMTP_CLIENT_RET_HDRS) != 0)
			buf_put_str(b, " RET=HDRS");
		if (m->envid.n > 0 && m->envid.n <= SMTP_PUT_ENVID_MAX) {
			buf_put_str(b, " ENVID=");
			put_xtext(b, m->envid);
		}
	}
	buf_put_str(b, "\r\n");
}

static void
put_notify(struct buf *b, uint8_t notify)
{
	static const struct {
		enum smtp_client_notify	 bit;
		const char		*name;
	} names[] = {
		{ SMTP_CLIENT_NEVER, "NEVER" }, { SMTP_CLIENT_SUCCESS, "SUCCESS" },
		{ SMTP_CLIENT_FAILURE, "FAILURE" }, { SMTP_CLIENT_DELAY, "DELAY" }
	};
	const char *sep = " NOTIFY=";

	for (size_t i = 0; i < lengthof(names); i++) {
		if ((notify & names[i].bit) == 0)
			continue;
		buf_put_str(b, sep);
		buf_put_str(b, names[i].name);
		sep = ",";
		/* RFC 3461 s4.1: NEVER stands alone. */
		if (names[i].bit == SMTP_CLIENT_NEVER)
			return;
	}
}

static void
put_orcpt(struct buf *b, struct slice orcpt, bool uses_utf8)
{
	struct slice type, addr = slice_cut(orcpt, ';', &type);

	if (addr.n == 0 || orcpt.n > SMTP_PUT_ORCPT_MAX)
		return;
	buf_put_str(b, " ORCPT=");
	put_xtext(b, type);
	buf_put_char(b, ';');
	if (slice_ieq_str(type, "utf-8") && utf8_ok(addr))
		put_utf8_addr(b, addr, uses_utf8);
	else
		put_xtext(b, addr);
}

void
smtp_put_rcpt(struct buf *b, const struct smtp_client_rcpt *r, const struct smtp_caps *c,
    bool uses_utf8)
{
	buf_put_str(b, "RCPT TO:<");
	buf_put_slice(b, r->address);
	buf_put_char(b, '>');
	if (smtp_caps_has(c, SMTP_CAP_DSN)) {
		put_notify(b, r->notify);
		put_orcpt(b, r->orcpt, uses_utf8);
	}
	buf_put_str(b, "\r\n");
}
