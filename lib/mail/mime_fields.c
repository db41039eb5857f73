/* SPDX-License-Identifier: ISC */
#include "lib/mail/mime_fields.h"

#include "lib/base/buf_small.h"
#include "lib/mail/hdr.h"
#include "lib/mail/imap_text.h"

static const struct mime_ref absent = MIME_ABSENT;

/* ---- text of parts */

/* What was put since off, as a reference; absent when there was no room. */
static struct mime_ref
text_since(struct mime *m, size_t off)
{
	if (m->text.full) {
		m->limited = true;
		buf_truncate(&m->text, off);
		m->text.full = false;
		return absent;
	}
	return (struct mime_ref){ (uint32_t)off, (uint32_t)(m->text.n - off) };
}

static bool
has_room(struct mime *m)
{
	if (m->text.n < MIME_TEXT_MAX)
		return true;
	m->limited = true;
	return false;
}

static struct mime_ref
put_text(struct mime *m, struct slice s)
{
	size_t off = m->text.n;

	if (!has_room(m))
		return absent;
	buf_put_slice(&m->text, s);
	return text_since(m, off);
}

static struct mime_ref
put_unfolded(struct mime *m, struct slice s)
{
	size_t off = m->text.n;

	if (!has_room(m))
		return absent;
	hdr_unfold(&m->text, s);
	return text_since(m, off);
}

/* ---- header fields */

static void
set_default_type(struct mime *m, struct mime_meta *meta, bool digest)
{
	if (digest) {
		/* RFC 2046 s5.1.5 */
		meta->type = put_text(m, SLICE_LIT("message"));
		meta->subtype = put_text(m, SLICE_LIT("rfc822"));
		meta->params = put_text(m, SLICE_LIT("NIL"));
		return;
	}
	/* RFC 2045 s5.2 */
	meta->type = put_text(m, SLICE_LIT("text"));
	meta->subtype = put_text(m, SLICE_LIT("plain"));
	meta->params = put_text(m, SLICE_LIT("(\"charset\" \"us-ascii\")"));
}

static void
read_charset(struct mime *m, struct mime_meta *meta)
{
	const struct hdr_param *p = hdr_param_find(&m->params, "charset");
	struct buf_small b;

	if (p == NULL)
		return;
	hdr_param_bytes(p, buf_small_init(&b, p->value.n));
	meta->charset = put_text(m, buf_slice(&b.b));
	buf_small_fini(&b);
}

/*
 * The plain form, also in pieces (RFC 2231 s3), is what all readers agree on and
 * comes first; an encoded one alone has its meaning by RFC 2231 s4.
 */
static void
read_boundary(struct mime *m, struct mime_ref *ref)
{
	const struct hdr_param *p = hdr_param_find_plain(&m->params, "boundary");
	struct buf_small b;
	struct slice boundary;

	if (p == NULL)
		p = hdr_param_find(&m->params, "boundary");
	if (p == NULL)
		return;
	hdr_param_bytes(p, buf_small_init(&b, p->value.n));
	boundary = buf_slice(&b.b);
	while (boundary.n > 0 && boundary.p[boundary.n - 1] == ' ')
		boundary.n--;
	if (boundary.n > 0 && boundary.n <= MIME_BOUNDARY_MAX)
		*ref = put_text(m, boundary);
	buf_small_fini(&b);
}

static void
read_type(struct mime *m, struct mime_meta *meta, const struct hdr_field *f,
    bool in_digest, struct mime_ref *boundary_ref)
{
	size_t off;

	if (f == NULL) {
		set_default_type(m, meta, in_digest);
		return;
	}
	hdr_param_parse(&m->params, f->value);
	if (m->params.main.n == 0 || m->params.sub.n == 0) {
		set_default_type(m, meta, false);
		return;
	}
	meta->type = put_text(m, m->params.main);
	meta->subtype = put_text(m, m->params.sub);
	read_charset(m, meta);
	read_boundary(m, boundary_ref);
	if (!has_room(m))
		return;
	off = m->text.n;
	imap_text_put_params(&m->text, &m->params);
	meta->params = text_since(m, off);
}

static void
read_encoding(struct mime *m, struct mime_span *s, struct mime_meta *meta,
    struct slice value)
{
	size_t n = 0;

	hdr_skip_cfws(&value);
	while (n < value.n && hdr_is_token(value.p[n]))
		n++;
	value = slice_head(value, n);
	s->code = (uint8_t)mime_code_find(value);
	if (n > 0)
		meta->encoding = put_text(m, value);
}

static void
read_field(struct mime *m, struct mime_span *s, struct mime_meta *meta,
    const struct hdr_field *f)
{
	struct slice name = slice_from(f->name, 8);	/* behind "Content-" */
	size_t off = m->text.n;

	if (slice_ieq_str(name, "Transfer-Encoding") && !mime_has(meta->encoding)) {
		read_encoding(m, s, meta, f->value);
	} else if (slice_ieq_str(name, "ID") && !mime_has(meta->id)) {
		meta->id = put_unfolded(m, f->value);
	} else if (slice_ieq_str(name, "Description") && !mime_has(meta->description)) {
		meta->description = put_unfolded(m, f->value);
	} else if (slice_ieq_str(name, "MD5") && !mime_has(meta->md5)) {
		meta->md5 = put_unfolded(m, f->value);
	} else if (slice_ieq_str(name, "Location") && !mime_has(meta->location)) {
		meta->location = put_unfolded(m, f->value);
	} else if (slice_ieq_str(name, "Disposition") && !mime_has(meta->disposition) &&
	    has_room(m)) {
		imap_text_put_disposition(&m->text, &m->params, f->value);
		meta->disposition = text_since(m, off);
	} else if (slice_ieq_str(name, "Language") && !mime_has(meta->language) &&
	    has_room(m)) {
		imap_text_put_language(&m->text, f->value);
		meta->language = text_since(m, off);
	}
}

void
mime_fields_read(struct mime *m, uint32_t part, struct slice header, bool in_digest,
    struct mime_ref *boundary)
{
	struct mime_span *s = &m->map.spans[part];
	struct mime_meta *meta = &m->meta[part];
	struct hdr_field type;
	struct hdr_field f;
	struct hdr_iter it;
	bool has_type = false;

	hdr_iter_init(&it, header);
	while (hdr_next(&it, &f)) {
		if (!slice_istarts(f.name, "Content-"))
			continue;
		if (!slice_ieq_str(f.name, "Content-Type")) {
			read_field(m, s, meta, &f);
		} else if (!has_type) {
			type = f;
			has_type = true;
		}
	}
	read_type(m, meta, has_type ? &type : NULL, in_digest, boundary);
}

void
mime_fields_envelope(struct mime *m, uint32_t part, struct slice header)
{
	size_t off = m->text.n;

	if (!has_room(m))
		return;
	imap_text_put_envelope(&m->text, header);
	m->meta[part].envelope = text_since(m, off);
}

void
mime_fields_make_text(struct mime *m, uint32_t part)
{
	m->map.spans[part].kind = MIME_LEAF;
	set_default_type(m, &m->meta[part], false);
}
