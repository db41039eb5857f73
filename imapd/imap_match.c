/* SPDX-License-Identifier: ISC */
#include "imapd/imap_match.h"

#include <string.h>

#include "imapd/imap_casemap.h"
#include "lib/mail/hdr.h"
#include "lib/mail/hdr_param.h"
#include "lib/mail/hdr_word.h"

#define MAPPED_MAX	(IMAP_CASEMAP_GROWTH * 4u * IMAP_MATCH_LINE)

void
imap_match_map_field(struct buf *b, struct charset_set *charsets, struct slice value)
{
	struct buf text;

	buf_init(&text, 4 * IMAP_MATCH_HEADER);
	hdr_word_decode(charsets, value, &text);
	imap_casemap(b, buf_slice(&text));
	buf_fini(&text);
}

void
imap_match_init(struct imap_match *m, struct imap_needle *needles, uint32_t count,
    struct charset_set *charsets)
{
	memset(m, 0, sizeof(*m));
	m->needles = needles;
	m->count = count;
	m->charsets = charsets;
	buf_init(&m->header, IMAP_MATCH_HEADER);
	buf_init(&m->decoded, 4 * IMAP_MATCH_LINE);
	buf_init(&m->mapped, MAPPED_MAX);
	mime_decoder_init(&m->decoder, MIME_CODE_7BIT);
}

void
imap_match_fini(struct imap_match *m)
{
	buf_wipe(&m->header);
	buf_fini(&m->header);
	buf_wipe(&m->decoded);
	buf_fini(&m->decoded);
	buf_wipe(&m->mapped);
	buf_fini(&m->mapped);
	mime_decoder_fini(&m->decoder);
}

void
imap_match_start(struct imap_match *m, const struct mime_map *map)
{
	m->map = map;
	m->part = 0;
	m->pos = 0;
	m->missing = m->count;
	for (uint32_t i = 0; i < m->count; i++)
		m->needles[i].found = false;
	buf_reset(&m->header);
	buf_reset(&m->decoded);
	m->in_text = false;
}

static void
look(struct imap_match *m, bool is_header)
{
	struct slice hay = buf_slice(&m->mapped);

	for (uint32_t i = 0; i < m->count; i++) {
		struct imap_needle *n = &m->needles[i];

		if (n->found || (is_header && !n->in_headers))
			continue;
		if (n->text.n > 0 && slice_search(hay, n->text) == hay.n)
			continue;
		n->found = true;
		m->missing--;
	}
	buf_reset(&m->mapped);
}

/* ---- headers ---- */

static void
search_header(struct imap_match *m)
{
	struct hdr_iter it;
	struct hdr_field f;

	hdr_iter_init(&it, buf_slice(&m->header));
	while (hdr_next(&it, &f)) {
		imap_casemap(&m->mapped, f.name);
		buf_put_str(&m->mapped, ": ");
		imap_match_map_field(&m->mapped, m->charsets, f.value);
		look(m, true);
	}
}

/*
 * Is the part searched, and in which charset?  RFC 9051 s6.4.4: other types
 * than TEXT and MESSAGE may be left out.  RFC 2045 s5.2: text is the default.
 */
static void
read_type(struct imap_match *m)
{
	struct hdr_field f;
	struct hdr_params params;
	const struct hdr_param *charset;

	m->in_text = m->has_ascii = true;
	m->charset = SLICE_LIT("us-ascii");
	if (!hdr_find(buf_slice(&m->header), "Content-Type", &f))
		return;
	hdr_param_init(&params);
	hdr_param_parse(&params, f.value);
	m->in_text = params.main.n == 0 || slice_ieq_str(params.main, "text") ||
	    slice_ieq_str(params.main, "message");
	charset = hdr_param_find(&params, "charset");
	if (charset != NULL && slice_to_cstr(charset->value, m->charset_text,
	    sizeof(m->charset_text)))
		m->charset = slice_str(m->charset_text);
	m->has_ascii = charset_has_ascii(m->charset);
	hdr_param_fini(&params);
}

/* ---- bodies ---- */

static void
search_text(struct imap_match *m, struct slice text)
{
	struct buf utf8;

	if (m->has_ascii && ascii_length(text) == text.n) {
		imap_casemap(&m->mapped, text);
	} else {
		buf_init(&utf8, 16 * IMAP_MATCH_LINE);
		(void)charset_put_utf8(m->charsets, m->charset, text, &utf8);
		imap_casemap(&m->mapped, buf_slice(&utf8));
		buf_wipe(&utf8);
		buf_fini(&utf8);
	}
	look(m, false);
}

/* What is complete up to a line's end, or a very long line in pieces. */
static void
search_decoded(struct imap_match *m, bool all)
{
	struct slice text = buf_slice(&m->decoded);
	size_t n = slice_rfind(text, '\n');

	n = n < text.n ? n + 1 : 0;
	if (all || (n == 0 && text.n >= IMAP_MATCH_LINE))
		n = text.n;
	if (n == 0)
		return;
	search_text(m, slice_head(text, n));
	buf_consume(&m->decoded, n);
}

/* Whole lines that need no decoding are not copied first. */
static struct slice
search_plain(struct imap_match *m, struct slice part)
{
	size_t n = slice_rfind(part, '\n');

	if (m->decoded.n > 0 || n == part.n || m->decoder.code == MIME_CODE_BASE64 ||
	    m->decoder.code == MIME_CODE_QP)
		return part;
	search_text(m, slice_head(part, n + 1));
	return slice_from(part, n + 1);
}

static void
feed_body(struct imap_match *m, struct slice piece)
{
	while (piece.n > 0) {
		struct slice part = slice_head(piece, IMAP_MATCH_LINE / 2);

		piece = slice_from(piece, part.n);
		mime_decoder_put(&m->decoder, search_plain(m, part), &m->decoded);
		search_decoded(m, false);
	}
}

static void
end_body(struct imap_match *m)
{
	if (m->in_text) {
		mime_decoder_end(&m->decoder, &m->decoded);
		search_decoded(m, true);
	}
	m->in_text = false;
	buf_reset(&m->decoded);
}

static void
begin_body(struct imap_match *m, const struct mime_span *sp)
{
	search_header(m);
	if (sp->kind == MIME_LEAF)
		read_type(m);
	buf_reset(&m->header);
	buf_reset(&m->decoded);
	mime_decoder_fini(&m->decoder);
	mime_decoder_init(&m->decoder, (enum mime_code)sp->code);
}

/*
 * Parts stand in the order of the message, a part before its children, so
 * one pass over both is enough: skip to the part's header, collect it, then
 * search the body of a leaf that is text; a container's body is its children.
 */
void
imap_match_feed(struct imap_match *m, struct slice in)
{
	while (in.n > 0 && m->part < m->map->count && m->missing > 0) {
		const struct mime_span *sp = &m->map->spans[m->part];
		uint64_t head_end = (uint64_t)sp->header_off + sp->header_bytes;
		uint64_t body_end = sp->kind == MIME_LEAF ?
		    (uint64_t)sp->body_off + sp->body_bytes : head_end;
		uint64_t stop = m->pos < sp->header_off ? sp->header_off :
		    m->pos < head_end ? head_end : m->pos < sp->body_off ? sp->body_off : body_end;
		uint64_t n = stop > m->pos ? stop - m->pos : 0;
		struct slice piece = slice_head(in, n < in.n ? (size_t)n : in.n);

		if (m->pos >= sp->header_off && m->pos < head_end)
			buf_put_slice(&m->header, slice_head(piece,
			    IMAP_MATCH_HEADER - m->header.n));
		else if (m->pos >= sp->body_off && m->in_text)
			feed_body(m, piece);
		m->pos += piece.n;
		in = slice_from(in, piece.n);
		if (m->pos == head_end && piece.n > 0 && head_end > sp->header_off)
			begin_body(m, sp);
		if (m->pos >= body_end) {
			/* A part without any header: its type is the default. */
			end_body(m);
			m->part++;
		}
	}
	m->pos += in.n;
}

void
imap_match_end(struct imap_match *m)
{
	if (m->part < m->map->count)
		end_body(m);
	buf_reset(&m->header);
}
