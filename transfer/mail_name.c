/* SPDX-License-Identifier: ISC */
#include "transfer/mail_name.h"

#include "lib/base/enc.h"
#include "lib/mail/imap_utf7.h"
#include "transfer/mail_list.h"

#define WIRE_MAX	4096

/* One character of a level. */
static void
put_clean(struct buf *b, char c)
{
	bool bad = (unsigned char)c < ' ' || c == 0x7f || c == '%' || c == '*' || c == '/';

	buf_put_char(b, bad ? '_' : c);
}

static void
put_text(struct buf *b, struct slice s, char delimiter)
{
	for (size_t i = 0; i < s.n; i++) {
		if (delimiter != '\0' && s.p[i] == delimiter)
			buf_put_char(b, '/');
		else
			put_clean(b, s.p[i]);
	}
}

/* INBOX and what is below it, however it was written (RFC 3501 s5.1). */
static void
inbox(struct buf *b, size_t start)
{
	struct slice name = slice_from(buf_slice(b), start);
	char *p = buf_data(b) + start;

	if (!slice_istarts(name, "INBOX") || (name.n > 5 && name.p[5] != '/'))
		return;
	for (size_t i = 0; i < 5; i++)
		p[i] = ascii_upper(p[i]);
}

enum err
mail_name_check(struct slice name)
{
	if (name.n > MAIL_NAME_MAX)
		return ERR_LIMIT;
	if (name.n == 0 || name.p[0] == '/' || name.p[name.n - 1] == '/' ||
	    slice_search(name, SLICE_LIT("//")) < name.n || !utf8_ok(name))
		return ERR_SYNTAX;
	return ERR_OK;
}

static enum err
finish(struct buf *b, size_t start)
{
	if (buf_err(b) != ERR_OK)
		return ERR_LIMIT;
	inbox(b, start);
	return mail_name_check(slice_from(buf_slice(b), start));
}

enum err
mail_name_of_imap(struct slice wire, char delimiter, struct buf *b)
{
	size_t start = b->n;
	struct buf utf8;

	buf_init(&utf8, WIRE_MAX);
	if (imap_utf7_decode(wire, &utf8) != ERR_OK) {
		buf_reset(&utf8);
		buf_put_slice(&utf8, wire);
	}
	/* An empty level at the end: the name of a place where folders are. */
	while (utf8.n > 1 && delimiter != '\0' && buf_data(&utf8)[utf8.n - 1] == delimiter)
		buf_truncate(&utf8, utf8.n - 1);
	put_text(b, buf_slice(&utf8), delimiter);
	buf_fini(&utf8);
	return finish(b, start);
}

/* ---- Maildir++ ---- */

/* A level: "\2e" is a dot. */
static void
put_level(struct buf *b, struct slice s)
{
	struct buf text, c;

	buf_init(&text, WIRE_MAX);
	buf_init(&c, 4);
	for (size_t i = 0; i < s.n; i++) {
		buf_reset(&c);
		if (s.p[i] == '\\' && i + 2 < s.n &&
		    enc_get_hex(&c, slice_of(s.p + i + 1, 2)) == ERR_OK) {
			buf_put_slice(&text, buf_slice(&c));
			i += 2;
		} else {
			buf_put_char(&text, s.p[i]);
		}
	}
	put_text(b, buf_slice(&text), '\0');
	buf_fini(&c);
	buf_fini(&text);
}

enum err
mail_name_of_maildir(struct slice file, struct buf *b)
{
	size_t start = b->n;
	struct slice level, rest;
	struct buf utf8;

	if (!slice_starts(file, ".") || file.n < 2)
		return ERR_SYNTAX;
	file = slice_from(file, 1);
	buf_init(&utf8, WIRE_MAX);
	if (imap_utf7_decode(file, &utf8) != ERR_OK) {
		buf_reset(&utf8);
		buf_put_slice(&utf8, file);
	}
	rest = slice_cut(buf_slice(&utf8), '.', &level);
	put_level(b, level);
	while (rest.n > 0) {
		rest = slice_cut(rest, '.', &level);
		buf_put_char(b, '/');
		put_level(b, level);
	}
	buf_fini(&utf8);
	return finish(b, start);
}

void
mail_name_put_maildir(struct buf *b, struct slice name)
{
	struct buf text;

	buf_init(&text, WIRE_MAX);
	buf_put_char(&text, '.');
	for (size_t i = 0; i < name.n; i++) {
		if (name.p[i] == '/')
			buf_put_char(&text, '.');
		else if (name.p[i] == '.' || name.p[i] == '\\')
			buf_printf(&text, "\\%02x", (unsigned)name.p[i]);
		else
			buf_put_char(&text, name.p[i]);
	}
	imap_utf7_encode(buf_slice(&text), b);
	buf_fini(&text);
}

/* ---- files ---- */

enum err
mail_name_of_file(struct slice file, struct buf *b)
{
	size_t start = b->n;
	struct buf text;

	buf_init(&text, WIRE_MAX);
	for (size_t i = 0; i < file.n; i++) {
		if (slice_istarts(slice_from(file, i), "%2E")) {
			buf_put_char(&text, '.');
			i += 2;
		} else if (slice_starts(slice_from(file, i), "%25")) {
			buf_put_char(&text, '%');
			i += 2;
		} else {
			buf_put_char(&text, file.p[i]);
		}
	}
	put_text(b, buf_slice(&text), '\0');
	buf_fini(&text);
	return finish(b, start);
}

void
mail_name_put_file(struct buf *b, struct slice level)
{
	for (size_t i = 0; i < level.n; i++) {
		if (level.p[i] == '%')
			buf_put_str(b, "%25");
		else if (level.p[i] == '.' && i == 0)
			buf_put_str(b, "%2E");
		else
			buf_put_char(b, level.p[i]);
	}
}
