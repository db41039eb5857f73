/* SPDX-License-Identifier: ISC */
#include "lib/report/json_writer.h"

#include "lib/base/must.h"

#define REPLACEMENT	"\xef\xbf\xbd"		/* U+FFFD */

void
json_writer_init(struct json_writer *w, struct buf *out)
{
	*w = (struct json_writer){ .out = out };
}

/* Bytes of the UTF-8 character at the front (RFC 3629 s4); 0: it is none. */
static size_t
utf8_length(struct slice s)
{
	unsigned char c = (unsigned char)s.p[0], second = s.n > 1 ? (unsigned char)s.p[1] : 0;
	size_t n = c < 0x80 ? 1 : c >= 0xc2 && c < 0xe0 ? 2 : c >= 0xe0 && c < 0xf0 ? 3 :
	    c >= 0xf0 && c < 0xf5 ? 4 : 0;

	if (n == 0 || n > s.n)
		return 0;
	/* Overlong forms, surrogates, and what is beyond U+10FFFF. */
	if ((c == 0xe0 && second < 0xa0) || (c == 0xed && second > 0x9f) ||
	    (c == 0xf0 && second < 0x90) || (c == 0xf4 && second > 0x8f))
		return 0;
	for (size_t i = 1; i < n; i++)
		if (((unsigned char)s.p[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

static void
put_string(struct buf *out, struct slice s)
{
	buf_put_char(out, '"');
	while (s.n > 0) {
		size_t n = utf8_length(s);

		if (n == 0)
			buf_put_str(out, REPLACEMENT);
		else if (s.p[0] == '"' || s.p[0] == '\\')
			buf_printf(out, "\\%c", s.p[0]);
		else if ((unsigned char)s.p[0] < 0x20 || s.p[0] == 0x7f)
			buf_printf(out, "\\u%04x", (unsigned)(unsigned char)s.p[0]);
		else
			buf_put(out, s.p, n);
		s = slice_from(s, n > 0 ? n : 1);
	}
	buf_put_char(out, '"');
}

static void
put_key(struct json_writer *w, const char *key)
{
	if (w->has_items[w->depth])
		buf_put_char(w->out, ',');
	w->has_items[w->depth] = true;
	if (key == NULL)
		return;
	put_string(w->out, slice_str(key));
	buf_put_char(w->out, ':');
}

void
json_writer_open(struct json_writer *w, const char *key, char kind)
{
	must(w->depth < JSON_WRITER_DEPTH_MAX);
	put_key(w, key);
	buf_put_char(w->out, kind);
	w->ends[w->depth++] = kind == '{' ? '}' : ']';
	w->has_items[w->depth] = false;
}

void
json_writer_close(struct json_writer *w)
{
	must(w->depth > 0);
	buf_put_char(w->out, w->ends[--w->depth]);
}

void
json_writer_str(struct json_writer *w, const char *key, struct slice s)
{
	put_key(w, key);
	put_string(w->out, s);
}

void
json_writer_num(struct json_writer *w, const char *key, uint64_t n)
{
	put_key(w, key);
	buf_put_num(w->out, n);
}
