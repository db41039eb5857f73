/* SPDX-License-Identifier: ISC */
#include "lib/dns/dns_name.h"

#include <string.h>

static bool
is_plain(char c)
{
	return ascii_is_alnum(c) || c == '-' || c == '_';
}

static bool
is_number(struct slice label)
{
	for (size_t i = 0; i < label.n; i++)
		if (!ascii_is_digit(label.p[i]))
			return false;
	return true;
}

enum err
dns_name_read(struct dns_name *d, struct slice name)
{
	size_t label = 0;	/* where it begins */

	d->n = 0;
	if (name.n > 0 && name.p[name.n - 1] == '.')
		name.n--;
	if (name.n == 0 || name.n > DNS_NAME_MAX)
		return ERR_SYNTAX;
	for (size_t i = 0; i <= name.n; i++) {
		if (i == name.n || name.p[i] == '.') {
			if (i == label || i - label > DNS_NAME_LABEL_MAX)
				return ERR_SYNTAX;
			if (i < name.n)
				label = i + 1;
		} else if (!is_plain(name.p[i])) {
			return ERR_SYNTAX;
		}
	}
	if (is_number(slice_from(name, label)))
		return ERR_SYNTAX;
	for (size_t i = 0; i < name.n; i++)
		d->text[i] = ascii_lower(name.p[i]);
	d->n = name.n;
	return ERR_OK;
}

size_t
dns_name_wire(const struct dns_name *d, uint8_t dst[DNS_NAME_WIRE_MAX])
{
	struct slice rest = dns_name_slice(d), label;
	size_t n = 0;

	while (rest.n > 0) {
		rest = slice_cut(rest, '.', &label);
		dst[n++] = (uint8_t)label.n;
		memcpy(dst + n, label.p, label.n);
		n += label.n;
	}
	dst[n++] = 0;
	return n;
}

static void
put_label(struct buf *b, const uint8_t *label, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (is_plain((char)label[i]))
			buf_put_char(b, ascii_lower((char)label[i]));
		else
			buf_printf(b, "\\%03u", label[i]);
	}
}

enum err
dns_name_put(struct buf *b, const uint8_t *wire, size_t n)
{
	size_t at = 0;

	if (n > DNS_NAME_WIRE_MAX)
		return ERR_SYNTAX;
	while (at < n && wire[at] != 0) {
		if (wire[at] > DNS_NAME_LABEL_MAX || n - at - 1 < wire[at])
			return ERR_SYNTAX;
		if (at > 0)
			buf_put_char(b, '.');
		put_label(b, wire + at + 1, wire[at]);
		at += 1u + wire[at];
	}
	return at + 1 == n ? buf_err(b) : ERR_SYNTAX;
}
