/* SPDX-License-Identifier: ISC */
#include "lib/mail/imap_text.h"

#include "lib/base/buf_small.h"
#include "lib/mail/hdr.h"
#include "lib/mail/hdr_addr.h"
#include "lib/mail/hdr_param.h"
#include "lib/mail/mime.h"

#define QUOTED_MAX	1000

/* ---- strings */

static bool
can_quote(struct slice s)
{
	if (s.n > QUOTED_MAX)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] >= 0x80 || s.p[i] == '\0' ||
		    s.p[i] == '\r' || s.p[i] == '\n')
			return false;
	return true;
}

static void
put_quoted(struct buf *b, struct slice s)
{
	size_t start = 0;

	buf_put_char(b, '"');
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] != '"' && s.p[i] != '\\')
			continue;
		buf_put(b, s.p + start, i - start);
		buf_put_char(b, '\\');
		start = i;
	}
	if (s.n > 0)
		buf_put(b, s.p + start, s.n - start);
	buf_put_char(b, '"');
}

/* RFC 3501 s4.3: no NUL in a literal either. */
static void
put_literal(struct buf *b, struct slice s)
{
	size_t start = 0;

	buf_printf(b, "{%zu}\r\n", s.n);
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] != '\0')
			continue;
		buf_put(b, s.p + start, i - start);
		buf_put_char(b, '?');
		start = i + 1;
	}
	if (start < s.n)
		buf_put(b, s.p + start, s.n - start);
}

void
imap_text_put_string(struct buf *b, struct slice s)
{
	if (can_quote(s))
		put_quoted(b, s);
	else
		put_literal(b, s);
}

void
imap_text_put_nstring(struct buf *b, bool present, struct slice s)
{
	if (present)
		imap_text_put_string(b, s);
	else
		buf_put_str(b, "NIL");
}

void
imap_text_put_params(struct buf *b, const struct hdr_params *p)
{
	if (p->count == 0) {
		buf_put_str(b, "NIL");
		return;
	}
	for (unsigned i = 0; i < p->count; i++) {
		buf_put_char(b, i == 0 ? '(' : ' ');
		imap_text_put_string(b, p->v[i].name);
		buf_put_char(b, ' ');
		imap_text_put_string(b, p->v[i].value);
	}
	buf_put_char(b, ')');
}

/* RFC 3501 s7.4.2: ("attachment" ("filename" "x")) */
void
imap_text_put_disposition(struct buf *b, struct hdr_params *scratch, struct slice value)
{
	hdr_param_parse(scratch, value);
	if (scratch->main.n == 0) {
		buf_put_str(b, "NIL");
		return;
	}
	buf_put_char(b, '(');
	imap_text_put_string(b, scratch->main);
	buf_put_char(b, ' ');
	imap_text_put_params(b, scratch);
	buf_put_char(b, ')');
}

/* RFC 3282: a list of tags; one is a string, more a list. */
void
imap_text_put_language(struct buf *b, struct slice value)
{
	size_t off = b->n;
	unsigned count = 0;

	buf_put_char(b, '(');
	while (value.n > 0) {
		size_t n = 0;

		hdr_skip_cfws(&value);
		while (n < value.n && hdr_is_token(value.p[n]))
			n++;
		if (n > 0) {
			if (count++ > 0)
				buf_put_char(b, ' ');
			imap_text_put_string(b, slice_head(value, n));
		}
		value = slice_from(value, n);
		/* The comma, or what does not belong here. */
		if (n == 0 || (value.n > 0 && value.p[0] == ','))
			value = slice_from(value, 1);
	}
	if (count == 0) {
		buf_truncate(b, off);
		buf_put_str(b, "NIL");
		return;
	}
	buf_put_char(b, ')');
}

/* ---- ENVELOPE */

enum env { ENV_DATE, ENV_SUBJECT, ENV_FROM, ENV_SENDER, ENV_REPLY_TO, ENV_TO,
	ENV_CC, ENV_BCC, ENV_IN_REPLY_TO, ENV_MESSAGE_ID, ENV_COUNT };

#define NAME(s)	{ (s), sizeof(s) - 1 }
static const struct slice env_names[ENV_COUNT] = {
	[ENV_DATE] = NAME("Date"), [ENV_SUBJECT] = NAME("Subject"),
	[ENV_FROM] = NAME("From"), [ENV_SENDER] = NAME("Sender"),
	[ENV_REPLY_TO] = NAME("Reply-To"), [ENV_TO] = NAME("To"),
	[ENV_CC] = NAME("Cc"), [ENV_BCC] = NAME("Bcc"),
	[ENV_IN_REPLY_TO] = NAME("In-Reply-To"), [ENV_MESSAGE_ID] = NAME("Message-ID")
};

struct env_field {
	struct slice	value;		/* of the first */
	unsigned	count;
};

/* RFC 3501 s7.4.2: (name route mailbox host); group start and end. */
static void
put_address(struct buf *b, const struct hdr_addr *a)
{
	switch (a->kind) {
	case HDR_ADDR_GROUP:
		buf_put_str(b, "(NIL NIL ");
		imap_text_put_string(b, a->name);
		buf_put_str(b, " NIL)");
		return;
	case HDR_ADDR_GROUP_END:
		buf_put_str(b, "(NIL NIL NIL NIL)");
		return;
	case HDR_ADDR_MAILBOX:
		break;
	}
	buf_put_char(b, '(');
	imap_text_put_nstring(b, a->has_name, a->name);
	buf_put_char(b, ' ');
	imap_text_put_nstring(b, a->route.n > 0, a->route);
	buf_put_char(b, ' ');
	/* NIL would mean a group here, so an absent one is empty. */
	imap_text_put_string(b, a->local);
	buf_put_char(b, ' ');
	imap_text_put_string(b, a->domain);
	buf_put_char(b, ')');
}

/* Appends the addresses of one field; how many. */
static unsigned
put_addresses(struct buf *b, struct slice value)
{
	struct hdr_addr_iter it;
	struct hdr_addr a;
	unsigned n = 0;

	hdr_addr_init(&it, value);
	while (hdr_addr_next(&it, &a)) {
		put_address(b, &a);
		n++;
	}
	hdr_addr_fini(&it);
	return n;
}

/* The list of all fields of that name (RFC 5322 s4.5: may come repeated). */
static bool
put_address_list(struct buf *b, struct slice header, enum env which,
    const struct env_field *f)
{
	size_t off = b->n;
	unsigned n = 0;
	struct hdr_iter it;
	struct hdr_field field;

	if (f->count == 0)
		return false;
	buf_put_char(b, '(');
	if (f->count == 1) {
		n = put_addresses(b, f->value);
	} else {
		hdr_iter_init(&it, header);
		while (n < HDR_ADDR_MAX && hdr_next(&it, &field))
			if (slice_ieq(field.name, env_names[which]))
				n += put_addresses(b, field.value);
	}
	if (n == 0) {
		buf_truncate(b, off);
		return false;
	}
	buf_put_char(b, ')');
	return true;
}

static void
collect(struct slice header, struct env_field f[ENV_COUNT])
{
	struct hdr_iter it;
	struct hdr_field field;

	hdr_iter_init(&it, header);
	while (hdr_next(&it, &field)) {
		for (unsigned i = 0; i < ENV_COUNT; i++) {
			if (field.name.n != env_names[i].n ||
			    !slice_ieq(field.name, env_names[i]))
				continue;
			if (f[i].count++ == 0)
				f[i].value = field.value;
			break;
		}
	}
}

static void
put_text_field(struct buf *b, const struct env_field *f)
{
	struct buf_small flat;

	if (f->count == 0) {
		buf_put_str(b, "NIL");
		return;
	}
	hdr_unfold(buf_small_init(&flat, f->value.n + 1), f->value);
	imap_text_put_string(b, buf_slice(&flat.b));
	buf_small_fini(&flat);
}

void
imap_text_put_envelope(struct buf *b, struct slice header)
{
	struct env_field f[ENV_COUNT] = { { { NULL, 0 }, 0 } };

	collect(header, f);
	buf_put_char(b, '(');
	for (unsigned i = 0; i < ENV_COUNT; i++) {
		if (i > 0)
			buf_put_char(b, ' ');
		if (i < ENV_FROM || i > ENV_BCC) {
			put_text_field(b, &f[i]);
			continue;
		}
		if (put_address_list(b, header, (enum env)i, &f[i]))
			continue;
		/* RFC 3501 s7.4.2: absent or empty, they are as From. */
		if ((i == ENV_SENDER || i == ENV_REPLY_TO) &&
		    put_address_list(b, header, ENV_FROM, &f[ENV_FROM]))
			continue;
		buf_put_str(b, "NIL");
	}
	buf_put_char(b, ')');
}

/* ---- BODYSTRUCTURE */

struct writer {
	struct buf		*b;
	struct buf		*cuts;
	const struct mime	*m;
	size_t			 last;	/* end of what cuts tell of */
};

static void
put_number(struct buf *b, size_t v)
{
	while (v >= 0x80) {
		buf_put_char(b, (char)(v | 0x80));
		v >>= 7;
	}
	buf_put_char(b, (char)v);
}

/* What was put since start is extension data. */
static void
cut_since(struct writer *w, size_t start)
{
	put_number(w->cuts, start - w->last);
	put_number(w->cuts, w->b->n - start);
	w->last = w->b->n;
}

/* A rendered piece, or NIL. */
static void
put_piece(struct writer *w, struct mime_ref r)
{
	if (mime_has(r))
		buf_put_slice(w->b, mime_text(w->m, r));
	else
		buf_put_str(w->b, "NIL");
}

static void
put_nstring(struct writer *w, struct mime_ref r)
{
	imap_text_put_nstring(w->b, mime_has(r), mime_text(w->m, r));
}

/* body-fld-dsp, -lang, -loc behind md5 or params. */
static void
put_extension(struct writer *w, const struct mime_meta *meta)
{
	buf_put_char(w->b, ' ');
	put_piece(w, meta->disposition);
	buf_put_char(w->b, ' ');
	put_piece(w, meta->language);
	buf_put_char(w->b, ' ');
	put_nstring(w, meta->location);
}

static void
put_md5_extension(struct writer *w, const struct mime_meta *meta)
{
	size_t start = w->b->n;

	buf_put_char(w->b, ' ');
	put_nstring(w, meta->md5);
	put_extension(w, meta);
	cut_since(w, start);
}

/* type, subtype and body-fields */
static void
put_fields(struct writer *w, const struct mime_span *s, const struct mime_meta *meta)
{
	bool opaque = meta->opaque || !mime_has(meta->type) ||
	    !mime_has(meta->subtype);
	struct slice enc = mime_text(w->m, meta->encoding);

	buf_put_char(w->b, '(');
	if (opaque) {
		buf_put_str(w->b, "\"application\" \"octet-stream\" NIL");
	} else {
		imap_text_put_string(w->b, mime_text(w->m, meta->type));
		buf_put_char(w->b, ' ');
		imap_text_put_string(w->b, mime_text(w->m, meta->subtype));
		buf_put_char(w->b, ' ');
		put_piece(w, meta->params);
	}
	buf_put_char(w->b, ' ');
	put_nstring(w, meta->id);
	buf_put_char(w->b, ' ');
	put_nstring(w, meta->description);
	buf_put_char(w->b, ' ');
	imap_text_put_string(w->b, enc.n > 0 ? enc : SLICE_LIT("7bit"));
	buf_put_char(w->b, ' ');
	buf_put_num(w->b, s->body_bytes);
}

static void
put_leaf(struct writer *w, const struct mime_span *s, const struct mime_meta *meta)
{
	put_fields(w, s, meta);
	if (!meta->opaque && slice_ieq_str(mime_text(w->m, meta->type), "text")) {
		buf_put_char(w->b, ' ');
		buf_put_num(w->b, s->lines);
	}
	put_md5_extension(w, meta);
	buf_put_char(w->b, ')');
}

static void
open_part(struct writer *w, uint32_t i)
{
	const struct mime_span *s = &w->m->map.spans[i];
	const struct mime_meta *meta = &w->m->meta[i];

	switch ((enum mime_kind)s->kind) {
	case MIME_LEAF:
		put_leaf(w, s, meta);
		break;
	case MIME_MULTIPART:
		buf_put_char(w->b, '(');
		break;
	case MIME_MESSAGE:
		/* The message in it is the next part. */
		put_fields(w, s, meta);
		buf_put_char(w->b, ' ');
		put_piece(w, w->m->meta[i + 1].envelope);
		buf_put_char(w->b, ' ');
		break;
	}
}

static void
close_part(struct writer *w, uint32_t i)
{
	const struct mime_span *s = &w->m->map.spans[i];
	const struct mime_meta *meta = &w->m->meta[i];
	size_t start;

	switch ((enum mime_kind)s->kind) {
	case MIME_LEAF:
		break;
	case MIME_MULTIPART:
		buf_put_char(w->b, ' ');
		imap_text_put_string(w->b, mime_text(w->m, meta->subtype));
		start = w->b->n;
		buf_put_char(w->b, ' ');
		put_piece(w, meta->params);
		put_extension(w, meta);
		cut_since(w, start);
		buf_put_char(w->b, ')');
		break;
	case MIME_MESSAGE:
		buf_put_char(w->b, ' ');
		buf_put_num(w->b, s->lines);
		put_md5_extension(w, meta);
		buf_put_char(w->b, ')');
		break;
	}
}

/*
 * Parts stand before their children, so one walk does: when the next part is
 * not below the current one, all up to the next one's parent are closed.
 */
void
imap_text_put_structure(struct buf *b, const struct mime *m, struct buf *cuts)
{
	struct writer w = { b, cuts, m, b->n };
	const struct mime_map *map = &m->map;

	for (uint32_t i = 0; i < map->count; i++) {
		uint32_t next = i + 1 < map->count ? map->spans[i + 1].parent : MIME_NONE;
		uint32_t cur = i;

		open_part(&w, i);
		while (cur != MIME_NONE && cur != next) {
			close_part(&w, cur);
			cur = map->spans[cur].parent;
		}
	}
}

static bool
get_number(struct slice *s, size_t *v)
{
	*v = 0;
	for (unsigned shift = 0; s->n > 0 && shift < 35; shift += 7) {
		unsigned char c = (unsigned char)s->p[0];

		*s = slice_from(*s, 1);
		*v |= (size_t)(c & 0x7f) << shift;
		if (c < 0x80)
			return true;
	}
	return false;
}

void
imap_text_put_body(struct buf *b, struct slice structure, struct slice cuts)
{
	size_t keep, cut;

	while (get_number(&cuts, &keep) && get_number(&cuts, &cut)) {
		buf_put_slice(b, slice_head(structure, keep));
		structure = slice_from(structure, keep);
		structure = slice_from(structure, cut);
	}
	buf_put_slice(b, structure);
}
