/* SPDX-License-Identifier: ISC */
#include "lib/imap/mail_place.h"

#include "lib/base/enc.h"
#include "lib/base/num.h"

bool
mail_place_is_url(const char *text)
{
	size_t at = slice_search(slice_str(text), SLICE_LIT("://"));

	return at < slice_str(text).n;
}

static enum err
unescape(struct slice s, struct buf *b)
{
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] != '%') {
			buf_put_char(b, s.p[i]);
			continue;
		}
		if (i + 2 >= s.n || enc_get_hex(b, slice_of(s.p + i + 1, 2)) != ERR_OK)
			return ERR_SYNTAX;
		i += 2;
	}
	return ERR_OK;
}

static enum err
parse_user(struct mail_place *p, struct slice s)
{
	struct buf b;
	enum err e;

	buf_init(&b, sizeof(p->user) - 1);
	e = unescape(s, &b);
	if (e == ERR_OK && (buf_err(&b) != ERR_OK || b.n == 0 ||
	    !slice_to_cstr(buf_slice(&b), p->user, sizeof(p->user))))
		e = ERR_SYNTAX;
	buf_fini(&b);
	return e;
}

/* "host", "host:port", "[::1]:port" */
static enum err
parse_host(struct mail_place *p, struct slice s)
{
	struct slice host = s, port = SLICE_NONE;
	uint32_t n;
	size_t end;

	if (slice_starts(s, "[")) {
		end = slice_find(s, ']');
		host = slice_from(slice_head(s, end), 1);
		port = slice_from(s, end + 1);
		if (end == s.n || (port.n > 0 && port.p[0] != ':'))
			return ERR_SYNTAX;
		port = slice_from(port, 1);
	} else {
		port = slice_cut(s, ':', &host);
	}
	if (port.n > 0 && (num_parse_u32(port, 65535, &n) != ERR_OK || n == 0 ||
	    !slice_to_cstr(port, p->port, sizeof(p->port))))
		return ERR_SYNTAX;
	for (size_t i = 0; i < host.n; i++)
		if (!ascii_is_alnum(host.p[i]) && slice_find(SLICE_LIT(".-_:"), host.p[i]) == 4)
			return ERR_SYNTAX;
	return host.n > 0 && slice_to_cstr(host, p->host, sizeof(p->host)) ? ERR_OK : ERR_SYNTAX;
}

enum err
mail_place_parse(struct mail_place *p, const char *text)
{
	struct slice s = slice_str(text);
	size_t at;
	enum err e;

	*p = (struct mail_place){ .is_url = mail_place_is_url(text) };
	if (!p->is_url)
		return s.n > 0 ? ERR_OK : ERR_SYNTAX;
	p->is_implicit = slice_istarts(s, "imaps://");
	if (!p->is_implicit && !slice_istarts(s, "imap://"))
		return ERR_SYNTAX;
	s = slice_from(s, p->is_implicit ? 8 : 7);
	if (slice_ends(s, "/"))
		s.n--;
	(void)slice_to_cstr(slice_str(p->is_implicit ? "993" : "143"), p->port, sizeof(p->port));
	at = slice_rfind(s, '@');
	if (at < s.n) {
		if ((e = parse_user(p, slice_head(s, at))) != ERR_OK)
			return e;
		s = slice_from(s, at + 1);
	}
	return parse_host(p, s);
}
