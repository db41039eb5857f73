/* SPDX-License-Identifier: ISC */
#include "lib/mail/hdr.h"

#include <string.h>

static bool
is_wsp(char c)
{
	return c == ' ' || c == '\t';
}

/* Length of the first line with its LF; all when there is none. */
static size_t
line_length(struct slice s)
{
	size_t n = slice_find(s, '\n');

	return n < s.n ? n + 1 : s.n;
}

static bool
is_blank(struct slice s)
{
	return s.n > 0 && (s.p[0] == '\n' ||
	    (s.n > 1 && s.p[0] == '\r' && s.p[1] == '\n'));
}

void
hdr_iter_init(struct hdr_iter *it, struct slice header)
{
	it->rest = header;
}

/* A line with what is folded into it (RFC 5322 s2.2.3). */
static struct slice
take_field(struct slice *rest)
{
	size_t n = line_length(*rest);
	struct slice raw;

	while (n < rest->n && is_wsp(rest->p[n]))
		n += line_length(slice_from(*rest, n));
	raw = slice_head(*rest, n);
	*rest = slice_from(*rest, n);
	return raw;
}

/* RFC 5322 s2.2; s4.5 allows white space before the colon. */
static bool
split_field(struct slice raw, struct hdr_field *f)
{
	size_t colon = slice_find(raw, ':');
	size_t n;

	if (colon == raw.n)
		return false;
	for (n = colon; n > 0 && is_wsp(raw.p[n - 1]); n--)
		continue;
	if (n == 0)
		return false;
	for (size_t i = 0; i < n; i++)
		if (raw.p[i] <= ' ' || raw.p[i] > '~')
			return false;
	f->raw = raw;
	f->name = slice_head(raw, n);
	f->value = slice_trim(slice_from(raw, colon + 1));
	return true;
}

bool
hdr_next(struct hdr_iter *it, struct hdr_field *f)
{
	while (it->rest.n > 0 && !is_blank(it->rest)) {
		if (split_field(take_field(&it->rest), f))
			return true;
	}
	return false;
}

bool
hdr_find(struct slice header, const char *name, struct hdr_field *f)
{
	struct hdr_iter it;

	hdr_iter_init(&it, header);
	while (hdr_next(&it, f))
		if (slice_ieq_str(f->name, name))
			return true;
	return false;
}

size_t
hdr_length(struct slice message)
{
	size_t off = 0;

	while (off < message.n) {
		struct slice rest = slice_from(message, off);

		off += line_length(rest);
		if (is_blank(rest))
			break;
	}
	return off;
}

void
hdr_unfold(struct buf *b, struct slice v)
{
	size_t start = 0;

	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] != '\r' && v.p[i] != '\n' && v.p[i] != '\0')
			continue;
		buf_put(b, v.p + start, i - start);
		if (v.p[i] == '\0')
			buf_put_char(b, '?');
		start = i + 1;
	}
	if (start < v.n)
		buf_put(b, v.p + start, v.n - start);
}

bool
hdr_next_msgid(struct slice *rest, struct slice *id)
{
	for (;;) {
		size_t open = slice_find(*rest, '<');
		size_t close;

		if (open == rest->n) {
			*rest = SLICE_NONE;
			return false;
		}
		*rest = slice_from(*rest, open + 1);
		close = slice_find(*rest, '>');
		if (close == rest->n) {
			*rest = SLICE_NONE;
			return false;
		}
		*id = slice_head(*rest, close);
		/* "<broken <good@id>": the innermost counts. */
		open = slice_rfind(*id, '<');
		if (open < id->n)
			*id = slice_from(*id, open + 1);
		*id = slice_trim(*id);
		*rest = slice_from(*rest, close + 1);
		if (id->n > 0)
			return true;
	}
}

/* rest is at '(': RFC 5322 s3.2.2, depth only counted. */
static void
skip_comment(struct slice *rest, struct buf *text)
{
	size_t depth = 0;
	size_t i;

	for (i = 0; i < rest->n; i++) {
		char c = rest->p[i];

		if (c == '\r' || c == '\n')
			continue;
		if (c == '\\' && i + 1 < rest->n) {
			c = rest->p[++i];
		} else if (c == '(') {
			if (depth++ == 0)
				continue;
		} else if (c == ')' && --depth == 0) {
			i++;
			break;
		}
		if (text != NULL)
			buf_put_char(text, c == '\0' ? '?' : c);
	}
	*rest = slice_from(*rest, i);
}

void
hdr_skip_cfws_keep(struct slice *rest, struct buf *comment)
{
	size_t keep = comment == NULL ? 0 : comment->n;

	while (rest->n > 0) {
		char c = rest->p[0];

		if (c == '(') {
			if (comment != NULL)
				buf_truncate(comment, keep);
			skip_comment(rest, comment);
		} else if (is_wsp(c) || c == '\r' || c == '\n') {
			*rest = slice_from(*rest, 1);
		} else {
			break;
		}
	}
}

void
hdr_skip_cfws(struct slice *rest)
{
	hdr_skip_cfws_keep(rest, NULL);
}

/* RFC 5322 s3.2.4; an unclosed string ends with the input. */
void
hdr_get_quoted(struct slice *rest, struct buf *b)
{
	size_t i;

	for (i = 1; i < rest->n; i++) {
		char c = rest->p[i];

		if (c == '"') {
			i++;
			break;
		}
		if (c == '\r' || c == '\n')
			continue;
		if (c == '\\' && i + 1 < rest->n) {
			c = rest->p[++i];
			if (c == '\r' || c == '\n')
				continue;
		}
		buf_put_char(b, c == '\0' ? '?' : c);
	}
	*rest = slice_from(*rest, i);
}

/* RFC 5322 s3.2.3; RFC 6532 s3.2 adds what is not ASCII. */
bool
hdr_is_atext(char c)
{
	switch (c) {
	case '(': case ')': case '<': case '>': case '[': case ']': case ':': case ';':
	case '@': case '\\': case ',': case '.': case '"': case 0x7f:
		return false;
	default:
		return (unsigned char)c > ' ';
	}
}

/* RFC 2045 s5.1 */
bool
hdr_is_token(char c)
{
	switch (c) {
	case '(': case ')': case '<': case '>': case '@': case ',': case ';': case ':':
	case '\\': case '"': case '/': case '[': case ']': case '?': case '=': case 0x7f:
		return false;
	default:
		return (unsigned char)c > ' ';
	}
}
