/* SPDX-License-Identifier: ISC */
/*
 * mime_feed cuts the input into lines.  A line that starts with "--" while a
 * multipart is open is collected and compared with the boundaries, innermost
 * first (take_delimiter); everything else goes to the header or body that is
 * being read (take_text).  end_header has the fields of a finished header read
 * (mime_fields.c) and decides what the part is; close_parts ends parts.
 */
#include "lib/mail/mime.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/must.h"
#include "lib/mail/hdr.h"
#include "lib/mail/mime_fields.h"

/*
 * One rendering may pass MIME_TEXT_MAX: the most that one header can give,
 * 10,000 two-byte addresses in a From that stands for Sender and Reply-To too.
 */
#define TEXT_HARD_MAX	(MIME_TEXT_MAX + (16u << 20))
#define TEXT_KEEP	(256u << 10)
#define OPEN_MAX	(2 * MIME_DEPTH_MAX + 4)
#define LINE_MAX_BYTES	(MIME_BOUNDARY_MAX + 32)
#define MESSAGE_MAX	0xfffffff0u	/* offsets are 32 bits */

struct mime_open {
	uint32_t	part;
	uint32_t	lf_at_body;
	uint32_t	children;
	struct mime_ref	boundary;	/* of an open multipart */
	bool		digest;
	bool		closed;		/* its close-delimiter was seen */
};

static const struct mime_ref absent = MIME_ABSENT;

void
mime_init(struct mime *m)
{
	memset(m, 0, sizeof(*m));
	mime_map_init(&m->map);
	buf_init(&m->text, TEXT_HARD_MAX);
	buf_init(&m->top, HDR_BYTES_MAX);
	buf_init(&m->header, HDR_BYTES_MAX);
	buf_init(&m->line, LINE_MAX_BYTES);
	buf_init(&m->plain.bytes, MIME_SAMPLE_BYTES);
	buf_init(&m->html.bytes, MIME_SAMPLE_BYTES);
	hdr_param_init(&m->params);
	m->open = must_alloc(OPEN_MAX, sizeof(*m->open));
}

void
mime_fini(struct mime *m)
{
	mime_map_fini(&m->map);
	free(m->meta);
	free(m->open);
	buf_fini(&m->text);
	buf_fini(&m->top);
	buf_fini(&m->header);
	buf_fini(&m->line);
	buf_fini(&m->plain.bytes);
	buf_fini(&m->html.bytes);
	hdr_param_fini(&m->params);
	memset(m, 0, sizeof(*m));
}

bool
mime_has(struct mime_ref r)
{
	return r.n != MIME_NONE;
}

struct slice
mime_text(const struct mime *m, struct mime_ref r)
{
	if (!mime_has(r))
		return SLICE_NONE;
	return slice_head(slice_from(buf_slice(&m->text), r.off), r.n);
}

struct slice
mime_top_header(const struct mime *m)
{
	return buf_slice(&m->top);
}

/* ---- parts */

static struct mime_open *
top(struct mime *m)
{
	return &m->open[m->open_count - 1];
}

static struct mime_span *
span_of(struct mime *m, const struct mime_open *o)
{
	return &m->map.spans[o->part];
}

static void
start_header(struct mime *m)
{
	m->in_header = true;
	m->header_full = false;
	m->fields = 0;
	m->sample = NULL;
	buf_reset(&m->header);
}

/* A part of the current top; false when there are too many. */
static bool
add_part(struct mime *m, uint32_t header_off)
{
	struct mime_open *parent = m->open_count > 0 ? top(m) : NULL;
	struct mime_span *s = m->open_count < OPEN_MAX ? mime_map_add(&m->map) : NULL;
	struct mime_meta *meta;
	uint32_t idx;

	if (s == NULL)
		return false;
	idx = m->map.count - 1;
	if (m->map.cap > m->meta_cap) {
		m->meta = must_realloc(m->meta, m->map.cap, sizeof(*m->meta));
		m->meta_cap = m->map.cap;
	}
	meta = &m->meta[idx];
	memset(meta, 0, sizeof(*meta));
	meta->type = meta->subtype = meta->params = meta->charset = absent;
	meta->id = meta->description = meta->encoding = meta->md5 = absent;
	meta->disposition = meta->language = meta->location = absent;
	meta->envelope = absent;
	s->parent = parent == NULL ? MIME_NONE : parent->part;
	s->number = parent == NULL ? 1 : ++parent->children;
	s->depth = (uint8_t)m->open_count;
	s->header_off = header_off;
	if (parent != NULL)
		m->meta[parent->part].has_children = true;
	m->open[m->open_count++] = (struct mime_open){ .part = idx, .boundary = absent };
	/* The one behind the limit takes the rest. */
	m->opaque |= m->map.count > MIME_PARTS_MAX;
	start_header(m);
	return true;
}

/* Parts that hold parts, around and including the top. */
static unsigned
container_depth(struct mime *m)
{
	unsigned n = 0;

	for (unsigned i = 0; i < m->open_count; i++)
		if (span_of(m, &m->open[i])->kind != MIME_LEAF)
			n++;
	return n;
}

static void
pick_sample(struct mime *m, uint32_t part)
{
	const struct mime_meta *meta = &m->meta[part];
	struct mime_sample *s = NULL;

	if (slice_ieq_str(mime_text(m, meta->type), "text")) {
		if (slice_ieq_str(mime_text(m, meta->subtype), "plain"))
			s = &m->plain;
		else if (slice_ieq_str(mime_text(m, meta->subtype), "html"))
			s = &m->html;
	}
	if (slice_istarts(mime_text(m, meta->disposition), "(\"attachment\""))
		return;
	if (s != NULL && s->part == MIME_NONE) {
		s->part = part;
		m->sample = s;
	}
}

static void
make_opaque(struct mime *m, struct mime_open *o)
{
	span_of(m, o)->kind = MIME_LEAF;
	m->meta[o->part].opaque = true;
	o->boundary = absent;
	m->limited = true;
}

/* The header of the top ended at end (behind its blank line, if it had one). */
static void
end_header(struct mime *m, uint32_t end)
{
	struct mime_open *o = top(m);
	struct mime_span *s = span_of(m, o);
	struct mime_meta *meta = &m->meta[o->part];
	bool is_message = o->part == 0 ||
	    m->map.spans[s->parent].kind == MIME_MESSAGE;
	bool in_digest = m->open_count > 1 && o[-1].digest && !is_message;
	struct slice header = o->part == 0 ? buf_slice(&m->top) : buf_slice(&m->header);

	m->in_header = false;
	s->header_bytes = end - s->header_off;
	s->body_off = end;
	o->lf_at_body = m->lf_count;
	mime_fields_read(m, o->part, header, in_digest, &o->boundary);
	if (is_message)
		mime_fields_envelope(m, o->part, header);
	/* The parameter means nothing to other types. */
	if (!slice_ieq_str(mime_text(m, meta->type), "multipart"))
		o->boundary = absent;
	if (m->opaque) {
		make_opaque(m, o);
	} else if (slice_ieq_str(mime_text(m, meta->type), "multipart")) {
		if (!mime_has(o->boundary))
			mime_fields_make_text(m, o->part);
		else if (container_depth(m) >= MIME_DEPTH_MAX)
			make_opaque(m, o);
		else
			s->kind = MIME_MULTIPART;
		o->digest = slice_ieq_str(mime_text(m, meta->subtype), "digest");
	} else if (slice_ieq_str(mime_text(m, meta->type), "message") &&
	    slice_ieq_str(mime_text(m, meta->subtype), "rfc822")) {
		if (container_depth(m) >= MIME_DEPTH_MAX) {
			make_opaque(m, o);
			return;
		}
		s->kind = MIME_MESSAGE;
		/* May move the spans and metas. */
		if (!add_part(m, end))
			make_opaque(m, top(m));
		return;
	}
	if (s->kind == MIME_LEAF)
		pick_sample(m, o->part);
}

/* ---- ends */

/*
 * Body of o ends at end, before which lf LFs were counted and whose last line
 * starts at line_off.
 */
static void
close_part(struct mime *m, const struct mime_open *o, uint32_t end, uint32_t lf,
    uint32_t line_off)
{
	struct mime_span *s = span_of(m, o);

	if (end <= s->body_off) {
		s->body_bytes = s->lines = 0;
	} else {
		s->body_bytes = end - s->body_off;
		s->lines = lf - o->lf_at_body;
		if (end > line_off)
			s->lines++;
	}
	if (s->kind == MIME_MULTIPART && o->children == 0)
		mime_fields_make_text(m, o->part);
}

/* A header that has no blank line ends where the part does. */
static void
end_headers(struct mime *m, uint32_t end)
{
	while (m->in_header)
		end_header(m, end);
}

/*
 * When the line end before the delimiter was the blank line of a header, it
 * belongs to that header: those around it end behind it, too.
 */
static void
close_parts(struct mime *m, unsigned keep, uint32_t end, uint32_t lf, uint32_t line_off)
{
	while (m->open_count > keep) {
		const struct mime_span *s = span_of(m, top(m));

		close_part(m, top(m), end, lf, line_off);
		if (s->body_off + s->body_bytes > end) {
			end = line_off = s->body_off + s->body_bytes;
			lf = m->lf_count;
		}
		m->open_count--;
	}
	m->sample = NULL;
}

/* The index of the open multipart that the line delimits; false: none. */
static bool
find_boundary(struct mime *m, struct slice line, unsigned *idx, bool *final)
{
	struct slice text = slice_from(line, 2);

	/* RFC 2046 s5.1.1: transport padding */
	while (text.n > 0 && strchr(" \t\r\n", text.p[text.n - 1]) != NULL &&
	    text.p[text.n - 1] != '\0')
		text.n--;
	for (unsigned i = m->open_count; i-- > 0;) {
		struct slice b = mime_text(m, m->open[i].boundary);

		if (!mime_has(m->open[i].boundary) || m->open[i].closed ||
		    b.n > text.n || memcmp(b.p, text.p, b.n) != 0)
			continue;
		*idx = i;
		*final = text.n == b.n + 2 && text.p[b.n] == '-' &&
		    text.p[b.n + 1] == '-';
		if (*final || text.n == b.n)
			return true;
	}
	return false;
}

/* The line that starts at m->line_off; true when it was a delimiter. */
static bool
take_delimiter(struct mime *m, struct slice line, uint32_t next_off)
{
	unsigned idx;
	bool final;

	if (line.n < 3 || line.p[1] != '-' || !find_boundary(m, line, &idx, &final))
		return false;
	end_headers(m, m->line_off);
	/* The line end before the delimiter belongs to it. */
	close_parts(m, idx + 1, m->prev_end, m->lf_count > 0 ? m->lf_count - 1 : 0,
	    m->prev_off);
	if (final) {
		top(m)->closed = true;
		return true;
	}
	if (!add_part(m, next_off))
		top(m)->closed = true;
	return true;
}

/* ---- lines */

static void
take_header(struct mime *m, struct slice s, bool line_start, bool complete)
{
	struct buf *b = top(m)->part == 0 ? &m->top : &m->header;
	uint32_t line_bytes = m->bytes + (uint32_t)s.n - m->line_off;

	if (line_start && strchr(" \t\r\n", s.p[0]) == NULL)
		m->fields++;
	if (m->fields > HDR_FIELDS_MAX)
		m->header_full = true;
	if (!m->header_full && b->n + s.n > HDR_BYTES_MAX) {
		/* The same bytes are kept however the input is cut. */
		buf_put_slice(b, slice_head(s, HDR_BYTES_MAX - b->n));
		m->header_full = true;
	} else if (!m->header_full) {
		buf_put_slice(b, s);
	}
	m->limited |= m->header_full;
	/* RFC 5322 s2.1: an empty line ends it. */
	if (complete && (line_bytes == 1 || (line_bytes == 2 &&
	    (s.n == 2 ? s.p[0] == '\r' : m->last_cr)))) {
		m->lf_count++;
		end_header(m, m->bytes + (uint32_t)s.n);
		m->lf_count--;
	}
}

static void
take_text(struct mime *m, struct slice s, bool line_start, bool complete)
{
	if (m->in_header) {
		take_header(m, s, line_start, complete);
	} else if (m->sample != NULL) {
		struct buf *b = &m->sample->bytes;
		size_t room = MIME_SAMPLE_BYTES - b->n;

		buf_put_slice(b, slice_head(s, room));
		if (s.n >= room)
			m->sample = NULL;
	}
}

/* Counts what was taken; a line end closes the line. */
static void
advance(struct mime *m, struct slice s, bool complete)
{
	bool cr = s.n > 1 ? s.p[s.n - 2] == '\r' : m->last_cr;

	m->bytes += (uint32_t)s.n;
	m->last_cr = !complete && s.p[s.n - 1] == '\r';
	m->at_start = complete;
	if (!complete)
		return;
	m->lf_count++;
	m->prev_off = m->line_off;
	m->prev_end = m->bytes - (cr ? 2 : 1);
	m->line_off = m->bytes;
}

/* A collected line was no delimiter: it is text from its start. */
static void
release_line(struct mime *m, bool complete)
{
	uint32_t bytes = m->bytes;

	/* take_text sees the line as if it came now. */
	m->bytes = m->line_off;
	take_text(m, buf_slice(&m->line), true, complete);
	m->bytes = bytes;
	buf_reset(&m->line);
	m->in_line = false;
}

static bool
wants_boundary(const struct mime *m)
{
	return !m->opaque && (m->open_count > 1 || mime_has(m->open[0].boundary));
}

static void
take_piece(struct mime *m, struct slice s, bool complete)
{
	bool line_start = m->at_start;

	if (line_start && s.p[0] == '-' && wants_boundary(m))
		m->in_line = true;
	if (!m->in_line) {
		take_text(m, s, line_start, complete);
		advance(m, s, complete);
		return;
	}
	if (m->line.n + s.n > MIME_BOUNDARY_MAX + 16) {
		/* Too long for a delimiter. */
		if (m->line.n > 0)
			release_line(m, false);
		m->in_line = false;
		take_text(m, s, line_start, complete);
		advance(m, s, complete);
		return;
	}
	if (!complete) {
		buf_put_slice(&m->line, s);
		advance(m, s, false);
		return;
	}
	buf_put_slice(&m->line, s);
	if (take_delimiter(m, buf_slice(&m->line), m->bytes + (uint32_t)s.n)) {
		buf_reset(&m->line);
		m->in_line = false;
	} else {
		release_line(m, true);
	}
	advance(m, s, true);
}

void
mime_start(struct mime *m)
{
	mime_map_reset(&m->map);
	/* What one hostile message made it grow to is given back. */
	if (m->text.cap > TEXT_KEEP)
		buf_release(&m->text);
	buf_reset(&m->text);
	buf_reset(&m->top);
	buf_reset(&m->header);
	buf_reset(&m->line);
	buf_reset(&m->plain.bytes);
	buf_reset(&m->html.bytes);
	m->plain.part = m->html.part = MIME_NONE;
	m->bytes = m->line_off = m->prev_off = m->prev_end = m->lf_count = 0;
	m->open_count = 0;
	m->limited = m->in_line = m->last_cr = m->opaque = false;
	m->at_start = true;
	must(add_part(m, 0));
}

void
mime_feed(struct mime *m, struct slice s)
{
	/* Offsets are 32 bits; larger messages end before they come here. */
	s = slice_head(s, MESSAGE_MAX - m->bytes);
	while (s.n > 0) {
		size_t n = slice_find(s, '\n');
		bool complete = n < s.n;

		n += complete ? 1 : 0;
		take_piece(m, slice_head(s, n), complete);
		s = slice_from(s, n);
	}
}

void
mime_end(struct mime *m)
{
	if (m->in_line) {
		/* The last line has no line end. */
		if (take_delimiter(m, buf_slice(&m->line), m->bytes))
			buf_reset(&m->line);
		else
			release_line(m, false);
		m->in_line = false;
	}
	end_headers(m, m->bytes);
	close_parts(m, 0, m->bytes, m->lf_count, m->line_off);
}
