/* SPDX-License-Identifier: ISC */
#include "lib/mail/preview.h"

#include "lib/mail/html_text.h"
#include "lib/mail/mime_code.h"

/* Decoded and converted text of a sample: each byte gives three at most. */
#define TEXT_MAX	(MIME_SAMPLE_BYTES * 4)

struct line {
	struct buf	*out;
	size_t		 start;		/* of the line in out */
	unsigned	 left;		/* characters */
	bool		 gap;		/* white space to come before the next */
};

static void
sample_text(const struct mime *m, const struct mime_sample *s,
    struct charset_set *set, struct buf *text)
{
	const struct mime_meta *meta = &m->meta[s->part];
	struct mime_decoder d;
	struct buf raw;

	buf_init(&raw, MIME_SAMPLE_BYTES + 16);
	mime_decoder_init(&d, (enum mime_code)m->map.spans[s->part].code);
	mime_decoder_put(&d, buf_slice(&s->bytes), &raw);
	mime_decoder_end(&d, &raw);
	mime_decoder_fini(&d);
	if (mime_has(meta->charset))
		(void)charset_put_utf8(set, mime_text(m, meta->charset), buf_slice(&raw), text);
	else
		charset_put_clean(buf_slice(&raw), text);
	buf_fini(&raw);
}

/* Also U+00A0, U+200B to U+200F, U+FEFF: padding in newsletters. */
static bool
is_space(struct slice c)
{
	if (c.n == 1)
		return (unsigned char)c.p[0] <= ' ' || c.p[0] == 0x7f;
	return slice_eq(c, SLICE_LIT("\xc2\xa0")) ||
	    slice_eq(c, SLICE_LIT("\xef\xbb\xbf")) ||
	    (c.n == 3 && c.p[0] == '\xe2' && c.p[1] == '\x80' &&
	    (unsigned char)c.p[2] >= 0x8b && (unsigned char)c.p[2] <= 0x8f);
}

/* One character; false when the line is full. */
static bool
put_char(struct line *l, struct slice c)
{
	if (is_space(c)) {
		l->gap = true;
		return l->left > 0;
	}
	if (l->gap && l->out->n > l->start) {
		if (l->left < 2)
			return false;
		buf_put_char(l->out, ' ');
		l->left--;
	}
	l->gap = false;
	if (l->left == 0)
		return false;
	if (c.n == 1)
		buf_put_char(l->out, c.p[0]);
	else
		buf_put_slice(l->out, c);
	l->left--;
	return true;
}

static size_t
char_length(struct slice s)
{
	size_t n = charset_utf8_len(s.p, s.n);

	/* charset_put_* gave well-formed text, but a cap may have cut it. */
	return n > 0 ? n : 1;
}

/* Of printable ASCII, no spaces, max at the most. */
static size_t
word_length(struct slice s, size_t max)
{
	size_t n = 0;

	while (n < s.n && n < max && s.p[n] > ' ' && s.p[n] < 0x7f)
		n++;
	return n;
}

static void
put_plain(struct line *l, struct slice s)
{
	while (s.n > 0) {
		size_t n = l->gap ? 0 : word_length(s, l->left);

		if (n > 0) {
			buf_put(l->out, s.p, n);
			l->left -= (unsigned)n;
			s = slice_from(s, n);
			continue;
		}
		n = char_length(s);
		if ((n == 1 && (unsigned char)s.p[0] >= 0x80) ||
		    !put_char(l, slice_head(s, n)))
			return;
		s = slice_from(s, n);
	}
}

static void
put_html(struct line *l, struct slice s)
{
	struct html_token t;

	while (l->left > 0 && html_text_next(&s, &t)) {
		if (t.kind != HTML_CHAR)
			l->gap = true;
		else if (!put_char(l, t.text))
			return;
	}
}

void
preview_put(struct buf *out, const struct mime *m, struct charset_set *set,
    unsigned max_chars)
{
	struct line l = { out, out->n, max_chars, false };
	struct buf text;

	buf_init(&text, TEXT_MAX);
	if (m->plain.part != MIME_NONE) {
		sample_text(m, &m->plain, set, &text);
		put_plain(&l, buf_slice(&text));
	}
	if (out->n == l.start && m->html.part != MIME_NONE) {
		buf_reset(&text);
		sample_text(m, &m->html, set, &text);
		put_html(&l, buf_slice(&text));
	}
	buf_fini(&text);
}
