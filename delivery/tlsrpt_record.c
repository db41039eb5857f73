/* SPDX-License-Identifier: ISC */
#include "delivery/tlsrpt_record.h"

#include "lib/base/num.h"

#define HTTPS_PORT	443u

static bool
is_version(struct slice text)
{
	struct slice head;

	/* RFC 8460 s3: "v=TLSRPTv1" and a separator, or the end. */
	(void)slice_cut(text, ';', &head);
	return slice_eq_str(slice_trim(head), "v=TLSRPTv1");
}

/* ---- addresses ---- */

static int
hex_value(char c)
{
	if (!ascii_is_xdigit(c))
		return -1;
	return ascii_is_digit(c) ? c - '0' : ascii_lower(c) - 'a' + 10;
}

/* RFC 3986 s2.1; false: something that is no address afterwards. */
static bool
put_decoded(struct buf *out, struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		int high, low;
		char c = s.p[i];

		if (c == '%') {
			high = i + 2 < s.n ? hex_value(s.p[i + 1]) : -1;
			low = high >= 0 ? hex_value(s.p[i + 2]) : -1;
			if (low < 0)
				return false;
			c = (char)(high * 16 + low);
			i += 2;
		}
		if (!ascii_is_print(c) || c == ' ' || c == '<' || c == '>')
			return false;
		buf_put_char(out, c);
	}
	return true;
}

/* RFC 6068 s2: one address; header fields behind "?" are nobody's wish here. */
static void
put_mailto(struct buf *out, struct slice uri)
{
	size_t before = out->n;
	struct slice address, domain;

	(void)slice_cut(slice_from(uri, 7), '?', &address);
	buf_put_str(out, "mailto:");
	if (!put_decoded(out, address)) {
		buf_truncate(out, before);
		return;
	}
	address = slice_from(buf_slice(out), before + 7);
	domain = slice_from(address, slice_rfind(address, '@') + 1);
	if (slice_rfind(address, '@') == 0 || domain.n == 0)
		buf_truncate(out, before);
	else
		buf_put_char(out, '\n');
}

static void
put_https(struct buf *out, struct slice s)
{
	struct tlsrpt_uri uri;

	if (tlsrpt_record_parse_uri(&uri, s) != ERR_OK)
		return;
	buf_put_slice(out, s);
	buf_put_char(out, '\n');
}

static void
put_addresses(struct buf *out, struct slice list)
{
	struct slice one;

	for (unsigned i = 0; list.n > 0 && i < TLSRPT_RUA_MAX; i++) {
		list = slice_cut(list, ',', &one);
		one = slice_trim(one);
		if (one.n > TLSRPT_URI_MAX)
			continue;
		if (slice_istarts(one, "mailto:"))
			put_mailto(out, one);
		else if (slice_istarts(one, "https:"))
			put_https(out, one);
	}
}

enum err
tlsrpt_record_parse(struct buf *out, struct slice text)
{
	struct slice field, name, value;
	size_t before = out->n;

	if (!is_version(text))
		return ERR_SYNTAX;
	text = slice_cut(text, ';', &field);
	while (text.n > 0) {
		text = slice_cut(text, ';', &field);
		value = slice_cut(field, '=', &name);
		/* Others are extensions, and passed over. */
		if (slice_eq_str(slice_trim(name), "rua")) {
			put_addresses(out, value);
			break;
		}
	}
	return out->n > before ? ERR_OK : ERR_SYNTAX;
}

/* RFC 8460 s3: records that begin otherwise are discarded; one must be left. */
enum err
tlsrpt_record_put_rua(struct buf *out, const struct dns_answer *a)
{
	const struct dns_record *found = NULL;

	for (size_t i = 0; a->status == DNS_OK && i < a->count; i++) {
		if (!is_version(a->records[i].data))
			continue;
		if (found != NULL)
			return ERR_NOTFOUND;
		found = &a->records[i];
	}
	return found != NULL ? tlsrpt_record_parse(out, found->data) : ERR_NOTFOUND;
}

/* ---- URI ---- */

/* What stands in a request line as it is: RFC 3986 s3.3, s3.4. */
static bool
is_path(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!ascii_is_print(s.p[i]) || s.p[i] == ' ' || s.p[i] == '"' ||
		    s.p[i] == '<' || s.p[i] == '>' || s.p[i] == '#' || s.p[i] == '\\')
			return false;
	return true;
}

static bool
is_host(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!ascii_is_digit(s.p[i]) && s.p[i] != '-' && s.p[i] != '.' &&
		    !(ascii_lower(s.p[i]) >= 'a' && ascii_lower(s.p[i]) <= 'z'))
			return false;
	return s.n > 0;
}

enum err
tlsrpt_record_parse_uri(struct tlsrpt_uri *to, struct slice s)
{
	struct slice rest = slice_from(s, 8), authority, host, port, path;
	uint32_t n = HTTPS_PORT;
	size_t at;

	if (!slice_istarts(s, "https://"))
		return ERR_SYNTAX;
	for (at = 0; at < rest.n && rest.p[at] != '/' && rest.p[at] != '?'; at++)
		;
	authority = slice_head(rest, at);
	path = slice_from(rest, at);
	port = slice_cut(authority, ':', &host);
	if (host.n < authority.n &&
	    (num_parse_u32(port, 65535, &n) != ERR_OK || n == 0))
		return ERR_SYNTAX;
	if (!is_host(host) || !slice_to_cstr(host, to->host, sizeof(to->host)) || !is_path(path))
		return ERR_SYNTAX;
	to->port = (uint16_t)n;
	to->path[0] = '/';
	if (path.n > 0 && path.p[0] == '/')
		path = slice_from(path, 1);
	return slice_to_cstr(path, to->path + 1, sizeof(to->path) - 1) ? ERR_OK : ERR_SYNTAX;
}
