/* SPDX-License-Identifier: ISC */
#include "cmtpd/gwcmtp_show.h"

#include "lib/base/num.h"
#include "lib/mail/hdr.h"
#include "lib/mail/hdr_param.h"
#include "lib/mail/hdr_word.h"
#include "lib/mail/html_text.h"

enum { FIELD_MAX = 4096, VALUE_MAX = 1 << 20 };

/* ---- text ---- */

/* C1 controls, marks and embeddings of direction (UAX #9), line separators. */
static bool
is_harmful(struct slice c)
{
	const unsigned char *b = (const unsigned char *)c.p;

	if (c.n == 1)
		return (b[0] < ' ' && b[0] != '\n' && b[0] != '\t') || b[0] == 0x7f;
	if (c.n == 2)
		return b[0] == 0xc2 && b[1] < 0xa0;
	return c.n == 3 && b[0] == 0xe2 && ((b[1] == 0x80 &&
	    ((b[2] >= 0xa8 && b[2] <= 0xae) || b[2] == 0x8e || b[2] == 0x8f)) ||
	    (b[1] == 0x81 && b[2] >= 0xa6 && b[2] <= 0xa9));
}

void
gwcmtp_show_text(struct buf *out, struct slice s, bool is_line)
{
	while (s.n > 0) {
		size_t n = charset_utf8_len(s.p, s.n);
		struct slice c = slice_head(s, n > 0 ? n : 1);

		if (n == 0 || (is_harmful(c) && c.p[0] != '\r'))
			buf_put_char(out, '?');
		else if (is_line && (c.p[0] == '\n' || c.p[0] == '\t'))
			buf_put_char(out, ' ');
		else if (c.p[0] != '\r')
			buf_put_slice(out, c);
		s = slice_from(s, c.n);
	}
}

/* As far as FIELD_MAX, to the end of a character: half of one is no UTF-8. */
static struct slice
shown_part(struct slice s)
{
	size_t n = FIELD_MAX;

	if (s.n <= n)
		return s;
	while (n > FIELD_MAX - 4 && ((unsigned char)s.p[n] & 0xc0) == 0x80)
		n--;
	return slice_head(s, n);
}

void
gwcmtp_show_field(struct buf *out, struct charset_set *set, struct slice header, const char *name)
{
	struct hdr_field f;
	struct buf line, text;

	if (!hdr_find(header, name, &f))
		return;
	buf_init(&line, VALUE_MAX);
	buf_init(&text, VALUE_MAX);
	hdr_unfold(&line, shown_part(f.value));
	hdr_word_decode(set, buf_slice(&line), &text);
	gwcmtp_show_text(out, buf_slice(&text), true);
	buf_fini(&text);
	buf_fini(&line);
}

/* ---- parts ---- */

static bool
is_text(const struct mime *m, uint32_t part, const char *subtype)
{
	return slice_ieq_str(mime_text(m, m->meta[part].type), "text") &&
	    slice_ieq_str(mime_text(m, m->meta[part].subtype), subtype);
}

/* "attachment" as BODYSTRUCTURE has it. */
static bool
is_attachment(const struct mime *m, uint32_t part)
{
	return slice_istarts(mime_text(m, m->meta[part].disposition), "(\"attachment\"");
}

/* The message in a message, which goes with it. */
static bool
is_inside(const struct mime *m, uint32_t part)
{
	uint32_t up = m->map.spans[part].parent;

	for (unsigned depth = 0; up != MIME_NONE && depth <= MIME_DEPTH_MAX; depth++) {
		if (up != 0 && m->map.spans[up].kind == MIME_MESSAGE)
			return true;
		up = m->map.spans[up].parent;
	}
	return false;
}

bool
gwcmtp_show_next_part(const struct mime *m, uint32_t *part, bool *is_shown)
{
	uint32_t i = *part == MIME_NONE ? 0 : *part + 1;

	while (i < m->map.count && (m->map.spans[i].kind == MIME_MULTIPART || is_inside(m, i)))
		i++;
	if (i >= m->map.count)
		return false;
	*part = i;
	*is_shown = is_text(m, i, "plain") && !is_attachment(m, i);
	return true;
}

void
gwcmtp_show_bytes(struct buf *out, const struct mime *m, struct slice message, uint32_t part)
{
	const struct mime_span *s = &m->map.spans[part];
	struct mime_decoder d;

	mime_decoder_init(&d, (enum mime_code)s->code);
	mime_decoder_put(&d, slice_head(slice_from(message, s->body_off), s->body_bytes), out);
	mime_decoder_end(&d, out);
	mime_decoder_fini(&d);
}

/* ---- file names ---- */

static void
raw_name(struct buf *out, struct charset_set *set, struct slice header)
{
	static const struct {
		const char	*field, *param;
	} places[] = { { "Content-Disposition", "filename" }, { "Content-Type", "name" } };
	const struct hdr_param *found;
	struct hdr_params p;
	struct hdr_field f;
	struct buf text;

	hdr_param_init(&p);
	buf_init(&text, VALUE_MAX);
	for (size_t i = 0; i < lengthof(places) && out->n == 0; i++) {
		if (!hdr_find(header, places[i].field, &f))
			continue;
		hdr_param_parse(&p, f.value);
		if ((found = hdr_param_find(&p, places[i].param)) == NULL)
			continue;
		buf_reset(&text);
		hdr_param_decode(set, found, &text);
		/* Encoded words do not belong here, and many write them. */
		hdr_word_decode(set, buf_slice(&text), out);
	}
	buf_fini(&text);
	hdr_param_fini(&p);
}

/* Behind the last slash of either kind, and not hidden. */
static struct slice
base_name(struct slice s)
{
	for (size_t i = s.n; i > 0; i--)
		if (s.p[i - 1] == '/' || s.p[i - 1] == '\\') {
			s = slice_from(s, i);
			break;
		}
	while (s.n > 0 && (s.p[0] == '.' || s.p[0] == ' ' || s.p[0] == '-'))
		s = slice_from(s, 1);
	return s;
}

/* Not within a character. */
static struct slice
shortened(struct slice s)
{
	size_t n = GWCMTP_SHOW_NAME_MAX;

	if (s.n <= n)
		return s;
	while (n > 0 && ((unsigned char)s.p[n] & 0xc0) == 0x80)
		n--;
	return slice_head(s, n);
}

void
gwcmtp_show_name(struct buf *out, struct charset_set *set, const struct mime *m,
    struct slice message, uint32_t part)
{
	const struct mime_span *s = &m->map.spans[part];
	struct buf raw, clean;
	struct slice name;

	buf_init(&raw, VALUE_MAX);
	buf_init(&clean, VALUE_MAX);
	/* The fields of the message are those of its body, if that is all. */
	raw_name(&raw, set, slice_head(slice_from(message, s->header_off), s->header_bytes));
	gwcmtp_show_text(&clean, buf_slice(&raw), true);
	name = shortened(base_name(slice_trim(buf_slice(&clean))));
	if (name.n > 0)
		buf_put_slice(out, name);
	else
		buf_printf(out, "part-%u%s", part + 1, s->kind == MIME_MESSAGE ? ".eml" :
		    is_text(m, part, "plain") ? ".txt" : ".bin");
	buf_fini(&clean);
	buf_fini(&raw);
}

/* ---- a message ---- */

static void
put_fields(struct buf *out, struct charset_set *set, struct slice header)
{
	static const char *const names[] = { "From", "To", "Cc", "Date", "Subject" };
	struct hdr_field f;

	for (size_t i = 0; i < lengthof(names); i++) {
		if (!hdr_find(header, names[i], &f))
			continue;
		buf_printf(out, "%s: ", names[i]);
		gwcmtp_show_field(out, set, header, names[i]);
		buf_put_char(out, '\n');
	}
	buf_put_char(out, '\n');
}

static void
put_text(struct buf *out, struct charset_set *set, const struct mime *m, struct slice message,
    uint32_t part)
{
	const struct mime_meta *meta = &m->meta[part];
	size_t n = m->map.spans[part].body_bytes;
	struct buf raw, text;

	/* Of markup, too: two bytes of text for a tag of one. */
	buf_init(&raw, 6 * (n + 16));
	/* A byte of another charset gives three of UTF-8 at most. */
	buf_init(&text, 3 * (n + 16));
	gwcmtp_show_bytes(&raw, m, message, part);
	if (mime_has(meta->charset))
		(void)charset_put_utf8(set, mime_text(m, meta->charset), buf_slice(&raw), &text);
	else
		charset_put_clean(buf_slice(&raw), &text);
	if (is_text(m, part, "html")) {
		buf_reset(&raw);
		html_text_put(&raw, buf_slice(&text));
		gwcmtp_show_text(out, buf_slice(&raw), false);
	} else {
		gwcmtp_show_text(out, buf_slice(&text), false);
	}
	if (!slice_ends(buf_slice(out), "\n"))
		buf_put_char(out, '\n');
	buf_fini(&text);
	buf_fini(&raw);
}

static void
put_part_line(struct buf *out, struct charset_set *set, const struct mime *m,
    struct slice message, uint32_t part)
{
	const struct mime_meta *meta = &m->meta[part];

	buf_put_char(out, '[');
	gwcmtp_show_name(out, set, m, message, part);
	buf_put_str(out, ": ");
	gwcmtp_show_text(out, slice_head(mime_text(m, meta->type), 100), true);
	buf_put_char(out, '/');
	gwcmtp_show_text(out, slice_head(mime_text(m, meta->subtype), 100), true);
	buf_put_str(out, "]\n");
}

/* The first text of markup, where there is no plain one; else none. */
static uint32_t
only_html(const struct mime *m)
{
	uint32_t part = MIME_NONE, html = MIME_NONE;
	bool is_shown;

	while (gwcmtp_show_next_part(m, &part, &is_shown)) {
		if (is_shown)
			return MIME_NONE;
		if (html == MIME_NONE && is_text(m, part, "html") && !is_attachment(m, part))
			html = part;
	}
	return html;
}

void
gwcmtp_show_message(struct buf *out, struct charset_set *set, const struct mime *m,
    struct slice message)
{
	uint32_t part = MIME_NONE, html = only_html(m);
	bool is_shown;

	put_fields(out, set, mime_top_header(m));
	while (gwcmtp_show_next_part(m, &part, &is_shown)) {
		if (is_shown || part == html)
			put_text(out, set, m, message, part);
		else
			put_part_line(out, set, m, message, part);
	}
}
