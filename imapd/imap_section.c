/* SPDX-License-Identifier: ISC */
#include "imapd/imap_section.h"

#include <string.h>

#include "imapd/imap_needs.h"

/* COLLECT and MEASURE come before the length is known, the others behind. */
enum stage { COLLECT, MEASURE, FIELDS, STREAM, DECODE };

void
imap_section_init(struct imap_section *x)
{
	memset(x, 0, sizeof(*x));
	imap_binary_init(&x->binary);
	buf_init(&x->piece, IMAP_SECTION_HEADER_MAX + SEAL_FRAME_BYTES);
	buf_init(&x->fields, IMAP_SECTION_HEADER_MAX + 2);
}

void
imap_section_fini(struct imap_section *x)
{
	imap_binary_fini(&x->binary);
	buf_wipe(&x->piece);
	buf_fini(&x->piece);
	buf_wipe(&x->fields);
	buf_fini(&x->fields);
}

/* ---- header fields ---- */

/* RFC 3501 s6.4.5: a partial is of the text that is told. */
static enum err
take_fields(struct imap_section *x, struct slice header, bool more)
{
	const struct imap_item *i = x->item;

	buf_reset(&x->fields);
	imap_items_put_fields(&x->fields, i, header, more);
	if (i->is_partial) {
		buf_consume(&x->fields, i->from < x->fields.n ? i->from : x->fields.n);
		if (x->fields.n > i->count)
			buf_truncate(&x->fields, i->count);
	}
	x->bytes = x->fields.n;
	x->stage = FIELDS;
	return ERR_OK;
}

static enum err
collect(struct imap_section *x)
{
	enum err e;

	while ((e = imap_object_read(&x->message->object, &x->piece)) == ERR_OK)
		;
	return e != ERR_END ? e : take_fields(x, buf_slice(&x->piece),
	    x->piece.n == IMAP_SECTION_HEADER_MAX);
}

/* ---- decoded parts: measured, then told (RFC 3516 s4.3) ---- */

static enum err
begin_pass(struct imap_section *x, enum stage stage)
{
	const struct imap_item *i = x->item;

	x->stage = (uint8_t)stage;
	imap_binary_begin(&x->binary, x->part.code, i->is_partial ? i->from : 0,
	    i->is_partial ? i->count : UINT64_MAX);
	return x->part.bytes == 0 ? ERR_OK : imap_object_range(&x->message->object,
	    x->part.off, x->part.off + x->part.bytes);
}

/* out: NULL to measure */
static enum err
decode(struct imap_section *x, struct buf *out)
{
	enum err e = ERR_END;

	buf_reset(&x->piece);
	if (x->part.bytes > 0)
		e = imap_object_read(&x->message->object, &x->piece);
	if (e == ERR_OK)
		imap_binary_put(&x->binary, buf_slice(&x->piece), out);
	else if (e == ERR_END)
		imap_binary_end(&x->binary, out);
	return e;
}

static enum err
measure(struct imap_section *x)
{
	enum err e;

	while ((e = decode(x, NULL)) == ERR_OK)
		;
	if (e != ERR_END)
		return e;
	x->bytes = x->binary.bytes;
	x->lines = x->binary.lines + x->binary.in_line;
	x->has_nul = x->binary.has_nul;
	return x->item->kind == IMAP_ITEM_BINARY_SIZE ? ERR_OK : begin_pass(x, DECODE);
}

/* ---- use ---- */

static enum err
begin_text(struct imap_section *x)
{
	const struct imap_item *i = x->item;
	uint64_t off = x->part.off, bytes = x->part.bytes;
	bool collects = i->fields != IMAP_FIELDS_ALL;
	enum err e = ERR_OK;

	if (collects && bytes > IMAP_SECTION_HEADER_MAX) {
		bytes = IMAP_SECTION_HEADER_MAX;
	} else if (!collects && i->is_partial) {
		uint64_t skip = i->from < bytes ? i->from : bytes;

		off += skip;
		bytes -= skip;
		if (bytes > i->count)
			bytes = i->count;
	}
	x->bytes = bytes;
	x->stage = collects ? COLLECT : STREAM;
	buf_reset(&x->piece);
	if (bytes > 0)
		e = imap_object_range(&x->message->object, off, off + bytes);
	else if (collects)
		e = take_fields(x, SLICE_NONE, false);
	return e;
}

enum err
imap_section_begin(struct imap_section *x, struct imap_message *m, const struct imap_item *i)
{
	struct slice header;
	enum err e;

	x->message = m;
	x->item = i;
	x->bytes = 0;
	x->has_nul = false;
	if (i->kind == IMAP_ITEM_SECTION && imap_needs_fields(m, i, &header))
		return take_fields(x, header, true);
	e = imap_message_locate(m, i->path, i->path_count, i->what, &x->part);
	if (e == ERR_OK)
		e = i->kind == IMAP_ITEM_SECTION ? begin_text(x) : begin_pass(x, MEASURE);
	return e == ERR_OK ? imap_section_ready(x) : e;
}

enum err
imap_section_ready(struct imap_section *x)
{
	if (x->stage == COLLECT)
		return collect(x);
	return x->stage == MEASURE ? measure(x) : ERR_OK;
}

enum err
imap_section_read(struct imap_section *x, struct buf *out)
{
	enum err e;

	if (x->bytes == 0)
		return ERR_END;
	if (x->stage == STREAM)
		return imap_object_read(&x->message->object, out);
	if (x->stage == FIELDS) {
		if (x->fields.n == 0)
			return ERR_END;
		buf_put_slice(out, buf_slice(&x->fields));
		buf_reset(&x->fields);
		return ERR_OK;
	}
	e = decode(x, out);
	return e == ERR_END && x->binary.bytes != x->bytes ? ERR_CORRUPT : e;
}

enum err
imap_section_tell(struct imap_section *x, struct buf *out)
{
	size_t before = out->n;
	enum err e = imap_section_read(x, out);
	char *p;

	if (e != ERR_OK || x->item->kind != IMAP_ITEM_SECTION)
		return e;
	while (before < out->n &&
	    (p = memchr(buf_data(out) + before, '\0', out->n - before)) != NULL) {
		*p = '\x80';
		before = (size_t)(p - buf_data(out)) + 1;
	}
	return ERR_OK;
}
