/* SPDX-License-Identifier: ISC */
/*
 * The steps stand from the bottom up: the header's fields, the text, the plan
 * of parts, boxes.  Where a part's header is needed, it is read again: the
 * parser keeps no file names.
 */
#include "lib/cmtp/mail_letter.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/arena.h"
#include "lib/base/must.h"
#include "lib/cmtp/cmtp_letter.h"
#include "lib/cmtp/cmtp_parser.h"
#include "lib/cmtp/letter_name.h"
#include "lib/mail/hdr.h"
#include "lib/mail/hdr_addr.h"
#include "lib/mail/hdr_date.h"
#include "lib/mail/hdr_param.h"
#include "lib/mail/hdr_word.h"
#include "lib/mail/html_text.h"
#include "lib/mail/mime.h"
#include "lib/mail/mime_put.h"

#define FIELDS_MAX	(8 + (CMTP_LETTER_CC_MAX + 2) * (CMTP_FIELD_MAX + 1))
#define PART_HEADER_MAX	16384u		/* looked at for a file name */
#define WORDS_MAX	(4 * HDR_BYTES_MAX)

struct mail_letter {
	struct mail_letter_source src;
	struct mime		 mime;
	uint64_t		 scanned;
	uint32_t		 text_part;	/* MIME_NONE: there is none */
	uint32_t		 parts[CMTP_ATTACHMENTS_MAX];
	uint32_t		 count;
	struct buf		 letter;	/* the plain text of its box */
	char			 piece[MAIL_LETTER_PIECE];

	/* the box at work */
	uint32_t		 box;
	uint64_t		 off;		/* of the part, or of letter */
	uint64_t		 end;
	bool			 is_decoding;
	struct mime_decoder	 decoder;
};

/* ---- the header's fields */

static uint32_t
time_of(const struct mail_letter *m, struct slice header)
{
	struct hdr_field f;
	struct hdr_date d;

	if (!hdr_find(header, "Date", &f) || hdr_date_parse(f.value, &d) != ERR_OK)
		d.unix_s = (int64_t)m->src.now_s;
	if (d.unix_s < 0)
		return 0;
	return d.unix_s > UINT32_MAX ? UINT32_MAX : (uint32_t)d.unix_s;
}

static void
put_decoded(const struct mail_letter *m, struct buf *out, struct slice value)
{
	struct buf words;

	buf_init(&words, WORDS_MAX);
	hdr_word_decode(m->src.charsets, value, &words);
	letter_name_put_clean(out, slice_trim(buf_slice(&words)));
	buf_fini(&words);
}

/* An address with its name, or without one that would be too long. */
static bool
put_address(const struct mail_letter *m, struct buf *out, const struct hdr_addr *one)
{
	char text[ADDR_TEXT_MAX + 1];
	struct addr a;
	struct buf name;

	if (one->kind != HDR_ADDR_MAILBOX || !letter_name_join(&a, one->local, false, one->domain))
		return false;
	buf_init(&name, WORDS_MAX);
	put_decoded(m, &name, one->name);
	if (name.n > 0 && name.n <= CMTP_FIELD_MAX / 2) {
		mime_put_quoted(out, buf_slice(&name));
		buf_put_str(out, " <");
	}
	buf_put_slice(out, addr_text(&a, text));
	if (name.n > 0 && name.n <= CMTP_FIELD_MAX / 2)
		buf_put_char(out, '>');
	buf_fini(&name);
	return true;
}

/* As many of the addresses as one field takes. */
static struct slice
reply_to(const struct mail_letter *m, struct slice header, struct arena *mem)
{
	struct hdr_addr_iter it;
	struct hdr_addr one;
	struct hdr_field f;
	struct buf all;
	struct slice kept;
	size_t n = 0;

	if (!hdr_find(header, "Reply-To", &f) && !hdr_find(header, "From", &f))
		return SLICE_NONE;
	buf_init(&all, 4 * CMTP_FIELD_MAX);
	hdr_addr_init(&it, f.value);
	while (hdr_addr_next(&it, &one)) {
		if (n > 0)
			buf_put_str(&all, ", ");
		if (!put_address(m, &all, &one) || all.n > CMTP_FIELD_MAX)
			buf_truncate(&all, n);
		n = all.n;
	}
	hdr_addr_fini(&it);
	kept = arena_dup(mem, buf_slice(&all));
	buf_fini(&all);
	return kept;
}

static void
read_copies(const struct mail_letter *m, struct cmtp_letter *l, struct slice value,
    struct arena *mem)
{
	struct hdr_addr_iter it;
	struct hdr_addr one;
	struct buf text;

	buf_init(&text, 4 * CMTP_FIELD_MAX);
	hdr_addr_init(&it, value);
	while (l->cc_count < CMTP_LETTER_CC_MAX && hdr_addr_next(&it, &one)) {
		buf_reset(&text);
		if (put_address(m, &text, &one) && text.n <= CMTP_FIELD_MAX)
			l->cc[l->cc_count++] = arena_dup(mem, buf_slice(&text));
	}
	hdr_addr_fini(&it);
	buf_fini(&text);
}

static void
read_fields(const struct mail_letter *m, struct cmtp_letter *l, struct arena *mem)
{
	struct slice header = mime_top_header(&m->mime);
	struct hdr_iter it;
	struct hdr_field f;
	struct buf words;

	l->time_s = time_of(m, header);
	if (hdr_find(header, "Subject", &f)) {
		buf_init(&words, WORDS_MAX * 3);
		put_decoded(m, &words, f.value);
		l->subject = arena_dup(mem, letter_name_fit(buf_slice(&words), CMTP_FIELD_MAX));
		buf_fini(&words);
	}
	l->reply_to = reply_to(m, header, mem);
	hdr_iter_init(&it, header);
	while (hdr_next(&it, &f))
		if (slice_ieq_str(f.name, "Cc"))
			read_copies(m, l, f.value, mem);
}

/* ---- the text */

/* Lines end in LF, and the charset is UTF-8 now. */
static void
put_lines(struct buf *out, struct slice text)
{
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] != '\r' || i + 1 == text.n || text.p[i + 1] != '\n')
			buf_put_char(out, text.p[i]);
}

static enum err
read_range(struct mail_letter *m, uint64_t off, uint64_t n, struct buf *out)
{
	char *at = buf_reserve(out, n);
	enum err e;

	if (at == NULL)
		return ERR_LIMIT;
	e = n > 0 ? m->src.read(m->src.arg, off, at, n) : ERR_OK;
	if (e == ERR_OK)
		buf_commit(out, n);
	return e;
}

static bool
is_type(const struct mail_letter *m, uint32_t part, const char *type, const char *subtype)
{
	const struct mime_meta *meta = &m->mime.meta[part];

	return slice_ieq_str(mime_text(&m->mime, meta->type), type) &&
	    slice_ieq_str(mime_text(&m->mime, meta->subtype), subtype);
}

static enum err
read_text(struct mail_letter *m, struct buf *text)
{
	const struct mime_span *span = &m->mime.map.spans[m->text_part];
	struct slice charset = mime_text(&m->mime, m->mime.meta[m->text_part].charset);
	struct buf sent, raw, utf8;
	struct mime_decoder d;
	enum err e;

	buf_init(&sent, MAIL_LETTER_TEXT_MAX);
	buf_init(&raw, MAIL_LETTER_TEXT_MAX + 64);
	buf_init(&utf8, 4 * (MAIL_LETTER_TEXT_MAX + 64));
	if ((e = read_range(m, span->body_off, span->body_bytes, &sent)) == ERR_OK) {
		mime_decoder_init(&d, (enum mime_code)span->code);
		mime_decoder_put(&d, buf_slice(&sent), &raw);
		mime_decoder_end(&d, &raw);
		mime_decoder_fini(&d);
		if (charset.n == 0)
			charset_put_clean(buf_slice(&raw), &utf8);
		else
			(void)charset_put_utf8(m->src.charsets, charset, buf_slice(&raw), &utf8);
		if (is_type(m, m->text_part, "text", "html"))
			html_text_put(text, buf_slice(&utf8));
		else
			put_lines(text, buf_slice(&utf8));
	}
	buf_fini(&utf8);
	buf_fini(&raw);
	buf_fini(&sent);
	return e;
}

static enum err
write_letter(struct mail_letter *m)
{
	struct cmtp_letter l = { .is_bare = false };
	struct arena mem;
	struct buf text;
	enum err e = ERR_OK;

	arena_init(&mem, 4 * FIELDS_MAX);
	buf_init(&text, 8 * (MAIL_LETTER_TEXT_MAX + 64));
	if (m->text_part != MIME_NONE)
		e = read_text(m, &text);
	if (e == ERR_OK) {
		read_fields(m, &l, &mem);
		l.text = buf_slice(&text);
		e = cmtp_letter_put(&m->letter, &l);
	}
	buf_fini(&text);
	arena_fini(&mem);
	return e;
}

/* ---- the plan */

static enum err
read_header(struct mail_letter *m, uint32_t part, struct buf *out)
{
	const struct mime_span *span = &m->mime.map.spans[part];
	uint32_t n = span->header_bytes < PART_HEADER_MAX ? span->header_bytes : PART_HEADER_MAX;

	buf_init(out, PART_HEADER_MAX);
	return read_range(m, span->header_off, n, out);
}

static bool
has_field(struct slice header, const char *name, struct hdr_params *p)
{
	struct hdr_field f;

	if (!hdr_find(header, name, &f))
		return false;
	hdr_param_parse(p, f.value);
	return true;
}

/* May it be the text: of a size to be held, and not sent as a file. */
static enum err
is_text(struct mail_letter *m, uint32_t part, bool *yes)
{
	struct hdr_params p;
	struct buf header;
	enum err e = ERR_OK;

	*yes = m->mime.map.spans[part].body_bytes <= MAIL_LETTER_TEXT_MAX;
	if (!*yes)
		return ERR_OK;
	hdr_param_init(&p);
	e = read_header(m, part, &header);
	if (e == ERR_OK && has_field(buf_slice(&header), "Content-Disposition", &p))
		*yes = !slice_ieq_str(p.main, "attachment");
	buf_fini(&header);
	hdr_param_fini(&p);
	return e;
}

/* The part behind this one and all that is in it. */
static uint32_t
part_behind(const struct mail_letter *m, uint32_t part)
{
	const struct mime_map *map = &m->mime.map;
	uint8_t depth = map->spans[part].depth;

	do
		part++;
	while (part < map->count && map->spans[part].depth > depth);
	return part;
}

/* What is none of several, or a whole message within. */
static bool
is_leaf(const struct mail_letter *m, uint32_t part)
{
	return m->mime.map.spans[part].kind != MIME_MULTIPART;
}

static enum err
find_text(struct mail_letter *m, const char *subtype)
{
	uint32_t next;
	bool yes = false;
	enum err e = ERR_OK;

	for (uint32_t i = 0; i < m->mime.map.count && e == ERR_OK; i = next) {
		next = is_leaf(m, i) ? part_behind(m, i) : i + 1;
		if (m->mime.map.spans[i].kind != MIME_LEAF || !is_type(m, i, "text", subtype))
			continue;
		e = is_text(m, i, &yes);
		if (e == ERR_OK && yes) {
			m->text_part = i;
			return ERR_OK;
		}
	}
	return e;
}

static enum err
plan(struct mail_letter *m)
{
	enum err e = find_text(m, "plain");

	if (e == ERR_OK && m->text_part == MIME_NONE)
		e = find_text(m, "html");
	for (uint32_t i = 0; i < m->mime.map.count && e == ERR_OK;
	    i = is_leaf(m, i) ? part_behind(m, i) : i + 1) {
		if (!is_leaf(m, i) || i == m->text_part)
			continue;
		if (m->count == CMTP_ATTACHMENTS_MAX)
			return ERR_LIMIT;
		m->parts[m->count++] = i;
	}
	return e == ERR_OK ? write_letter(m) : e;
}

enum err
mail_letter_scan(struct mail_letter *m)
{
	uint64_t left = m->src.bytes - m->scanned;
	size_t n = left < sizeof(m->piece) ? (size_t)left : sizeof(m->piece);
	enum err e;

	if (n == 0) {
		mime_end(&m->mime);
		return plan(m);
	}
	if ((e = m->src.read(m->src.arg, m->scanned, m->piece, n)) != ERR_OK)
		return e;
	mime_feed(&m->mime, slice_of(m->piece, n));
	m->scanned += n;
	return ERR_SHORT;
}

/* ---- boxes */

static const char *
ending_of(const struct mail_letter *m, uint32_t part)
{
	if (m->mime.map.spans[part].kind == MIME_MESSAGE)
		return ".eml";
	if (is_type(m, part, "text", "html"))
		return ".html";
	return is_type(m, part, "text", "plain") ? ".txt" : "";
}

static void
put_name(struct mail_letter *m, uint32_t part, struct slice header, struct buf *out)
{
	const struct hdr_param *p = NULL;
	struct hdr_params params;
	struct buf value, name, clean;

	hdr_param_init(&params);
	buf_init(&value, PART_HEADER_MAX * 4);
	buf_init(&name, PART_HEADER_MAX * 16);
	buf_init(&clean, PART_HEADER_MAX * 48);
	if (has_field(header, "Content-Disposition", &params))
		p = hdr_param_find(&params, "filename");
	if (p == NULL && has_field(header, "Content-Type", &params))
		p = hdr_param_find(&params, "name");
	if (p != NULL)
		hdr_param_decode(m->src.charsets, p, &value);
	/* RFC 2047 s5 forbids words in parameters; many send them. */
	hdr_word_decode(m->src.charsets, buf_slice(&value), &name);
	letter_name_put_clean(&clean, buf_slice(&name));
	letter_name_put_file(out, buf_slice(&clean), m->box, ending_of(m, part));
	buf_fini(&clean);
	buf_fini(&name);
	buf_fini(&value);
	hdr_param_fini(&params);
}

/* An attachment's name, and its NUL. */
static enum err
begin_part(struct mail_letter *m, struct buf *out)
{
	uint32_t part = m->parts[m->box - 1];
	const struct mime_span *span = &m->mime.map.spans[part];
	struct buf header, name;
	enum err e = read_header(m, part, &header);

	if (e == ERR_OK) {
		buf_init(&name, CMTP_FILE_NAME_MAX + 32);
		put_name(m, part, buf_slice(&header), &name);
		e = cmtp_attachment_put(out, buf_slice(&name));
		buf_fini(&name);
		m->off = span->body_off;
		m->end = m->off + span->body_bytes;
		mime_decoder_init(&m->decoder, (enum mime_code)span->code);
		m->is_decoding = true;
	}
	buf_fini(&header);
	return e;
}

static enum err
next_of_part(struct mail_letter *m, struct buf *out)
{
	uint64_t left = m->end - m->off;
	size_t n = left < sizeof(m->piece) ? (size_t)left : sizeof(m->piece);
	enum err e;

	if (n == 0) {
		mime_decoder_end(&m->decoder, out);
		mime_decoder_fini(&m->decoder);
		m->is_decoding = false;
		return ERR_END;
	}
	if ((e = m->src.read(m->src.arg, m->off, m->piece, n)) != ERR_OK)
		return e;
	mime_decoder_put(&m->decoder, slice_of(m->piece, n), out);
	m->off += n;
	return ERR_OK;
}

static enum err
next_of_letter(struct mail_letter *m, struct buf *out)
{
	struct slice rest = slice_from(buf_slice(&m->letter), m->off);

	buf_put_slice(out, slice_head(rest, MAIL_LETTER_PIECE));
	m->off += slice_head(rest, MAIL_LETTER_PIECE).n;
	return rest.n > MAIL_LETTER_PIECE ? ERR_OK : ERR_END;
}

void
mail_letter_box(struct mail_letter *m, uint32_t box)
{
	must(box <= m->count);
	if (m->is_decoding)
		mime_decoder_fini(&m->decoder);
	m->is_decoding = false;
	m->box = box;
	m->off = 0;
}

enum err
mail_letter_next(struct mail_letter *m, struct buf *out)
{
	if (m->box == 0)
		return next_of_letter(m, out);
	return m->is_decoding ? next_of_part(m, out) : begin_part(m, out);
}

uint32_t
mail_letter_attachments(const struct mail_letter *m)
{
	return m->count;
}

/* ---- life */

struct mail_letter *
mail_letter_new(const struct mail_letter_source *src)
{
	struct mail_letter *m = must_alloc(1, sizeof(*m));

	m->src = *src;
	m->text_part = MIME_NONE;
	buf_init(&m->letter, FIELDS_MAX + 8 * (MAIL_LETTER_TEXT_MAX + 64));
	mime_init(&m->mime);
	mime_start(&m->mime);
	return m;
}

void
mail_letter_free(struct mail_letter **mp)
{
	struct mail_letter *m = *mp;

	*mp = NULL;
	if (m == NULL)
		return;
	if (m->is_decoding)
		mime_decoder_fini(&m->decoder);
	mime_fini(&m->mime);
	buf_fini(&m->letter);
	free(m);
}
