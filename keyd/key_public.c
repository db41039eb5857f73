/* SPDX-License-Identifier: ISC */
#include "keyd/key_public.h"

#include <string.h>
#include <sysexits.h>

#include "keyd/key_more.h"
#include "lib/base/enc.h"

enum { SHOWN_MAX = 4000 };

/* RFC 8410 s4, in DER: up to the 32 bytes of the key. */
static const unsigned char spki[] = {
	0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x6e, 0x03, 0x21, 0x00
};

/* The text between the lines of a PEM (RFC 7468 s2), or all of it. */
static struct slice
armoured(struct slice s)
{
	static const char begin[] = "-----BEGIN PUBLIC KEY-----",
	    end[] = "-----END PUBLIC KEY-----";
	size_t at;

	s = slice_trim(s);
	if (!slice_starts(s, begin))
		return s;
	s = slice_from(s, sizeof(begin) - 1);
	at = slice_find(s, '-');
	return slice_eq_str(slice_from(s, at), end) ? slice_head(s, at) : SLICE_NONE;
}

enum err
key_public_parse(unsigned char key[32], struct slice text)
{
	struct slice s = armoured(text), got;
	struct buf b, bytes;
	enum err e = ERR_SYNTAX;

	if (s.n > KEY_PUBLIC_TEXT_MAX)
		return ERR_SYNTAX;
	buf_init(&b, KEY_PUBLIC_TEXT_MAX);
	buf_init(&bytes, KEY_PUBLIC_TEXT_MAX);
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] != '\n' && s.p[i] != '\r')
			buf_put_char(&b, s.p[i]);
	if (enc_get_base64(&bytes, buf_slice(&b)) == ERR_OK) {
		got = buf_slice(&bytes);
		if (got.n == sizeof(spki) + 32 && memcmp(got.p, spki, sizeof(spki)) == 0)
			got = slice_from(got, sizeof(spki));
		if (got.n == 32) {
			memcpy(key, got.p, 32);
			e = ERR_OK;
		}
	}
	buf_fini(&b);
	buf_fini(&bytes);
	return e;
}

static void
put_line(struct buf *b, uint32_t number, enum key_form form, const unsigned char key[32])
{
	const char *where = "";

	switch (form) {
	case KEY_FORM_ROOT:
		where = "server";
		break;
	case KEY_FORM_VAULT:
		where = "password";
		break;
	case KEY_FORM_NONE:
		where = "client";
		break;
	case KEY_FORM_SEALED:
		where = "client-sealed";
		break;
	}
	buf_printf(b, "%u %s ", number, where);
	enc_put_base64(b, slice_of(key, 32));
	buf_put_char(b, '\n');
}

void
key_public_show(const struct key_tool_request *q)
{
	const struct key_account *a = key_tool_account_of(q, q->argv[0]);
	struct key_more more;
	struct buf b;

	if (a == NULL)
		return;
	if (key_more_get(&more, a->more) != ERR_OK) {
		key_tool_reply_err(q->k, q->id, ERR_CORRUPT, a->address);
		return;
	}
	buf_init(&b, SHOWN_MAX);
	put_line(&b, a->generation, a->form, a->public_key);
	for (unsigned i = more.generation_n; i-- > 0;)
		put_line(&b, more.generations[i].number, more.generations[i].form,
		    more.generations[i].public_key);
	daemon_tool_reply(q->k->app, q->id, EX_OK, false, buf_slice(&b));
	buf_fini(&b);
}
