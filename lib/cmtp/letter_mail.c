/* SPDX-License-Identifier: ISC */
#include "lib/cmtp/letter_mail.h"

#include <string.h>

#include "lib/base/must.h"
#include "lib/cmtp/letter_head.h"

#define PIECE_MAX	4096u	/* encoded at a time, when only counted */

void
letter_mail_init(struct letter_mail *m, const struct letter_mail_facts *facts)
{
	memset(m, 0, sizeof(*m));
	m->facts = *facts;
	m->is_first = true;
	buf_init(&m->fields, LETTER_MAIL_FIELDS_MAX);
	m->fields.secret = true;
	buf_init(&m->name, CMTP_FILE_NAME_MAX + 1);
	buf_init(&m->scratch, LETTER_MAIL_HEAD_MAX + facts->trace.n);
	m->scratch.secret = true;
	letter_text_init(&m->text);
}

void
letter_mail_fini(struct letter_mail *m)
{
	buf_fini(&m->fields);
	buf_fini(&m->name);
	buf_fini(&m->scratch);
	letter_text_fini(&m->text);
}

void
letter_mail_again(struct letter_mail *m)
{
	must(m->is_first && m->is_read);
	m->is_first = false;
	m->size = 0;
	m->box = 0;
	m->seen = 0;
}

uint64_t
letter_mail_size(const struct letter_mail *m)
{
	return m->size;
}

/* Where output goes; counted by letter_mail_done. */
static struct buf *
sink(struct letter_mail *m, struct buf *out, size_t *before)
{
	if (m->is_first) {
		buf_reset(&m->scratch);
		out = &m->scratch;
	}
	*before = out->n;
	return out;
}

/* ---- the letter */

static void
read_fields(struct letter_mail *m)
{
	struct slice all = buf_slice(&m->fields);

	m->is_read = true;
	cmtp_letter_read(&m->letter, all);
	m->skip = m->letter.is_bare ? 0 : all.n - m->letter.text.n;
	letter_text_feed(&m->text, slice_from(all, m->skip));
	m->letter.text = SLICE_NONE;
}

static void
look(struct letter_mail *m, struct slice s)
{
	size_t n = LETTER_MAIL_FIELDS_MAX - m->fields.n;

	if (!m->is_read) {
		buf_put_slice(&m->fields, slice_head(s, n));
		s = slice_from(s, n);
		if (m->fields.n == LETTER_MAIL_FIELDS_MAX)
			read_fields(m);
	}
	if (s.n > 0)
		letter_text_feed(&m->text, s);
}

static void
put_head(struct letter_mail *m, struct buf *out)
{
	size_t before;

	out = sink(m, out, &before);
	letter_head_put(out, &m->facts, &m->letter, &m->text);
	m->size += out->n - before;
}

static void
end_look(struct letter_mail *m)
{
	if (!m->is_read)
		read_fields(m);
	letter_text_end(&m->text);
	put_head(m, NULL);
	m->size += m->text.bytes;
}

/* The fields are not of the text. */
static struct slice
text_of(struct letter_mail *m, struct slice s)
{
	size_t n = m->seen < m->skip ? m->skip - m->seen : 0;

	m->seen += s.n;
	return slice_from(s, n);
}

/* ---- attachments */

static void
encode(struct letter_mail *m, struct slice s, struct buf *out)
{
	struct slice piece;
	size_t before;

	while (s.n > 0) {
		piece = slice_head(s, PIECE_MAX);
		s = slice_from(s, PIECE_MAX);
		out = sink(m, out, &before);
		mime_encode_put(&m->encode, piece, out);
		m->size += out->n - before;
	}
}

/* Its name is known, or that it has none. */
static void
begin_part(struct letter_mail *m, struct buf *out)
{
	struct slice name, data;
	size_t before;

	if (cmtp_attachment_read(buf_slice(&m->name), &name, &data) != ERR_OK) {
		name = SLICE_NONE;
		data = buf_slice(&m->name);
	}
	m->has_name = true;
	out = sink(m, out, &before);
	letter_head_put_part(out, name, m->box - 1);
	m->size += out->n - before;
	encode(m, data, out);
}

static void
feed_part(struct letter_mail *m, struct slice s, struct buf *out)
{
	size_t n = CMTP_FILE_NAME_MAX + 1 - m->name.n;

	if (!m->has_name) {
		buf_put_slice(&m->name, slice_head(s, n));
		s = slice_from(s, n);
		if (m->name.n <= CMTP_FILE_NAME_MAX &&
		    slice_find(buf_slice(&m->name), '\0') == m->name.n)
			return;
		begin_part(m, out);
	}
	encode(m, s, out);
}

/* ---- all boxes */

void
letter_mail_box(struct letter_mail *m, struct buf *out)
{
	m->box++;
	if (m->box > 1) {
		buf_reset(&m->name);
		m->has_name = false;
		mime_encode_init(&m->encode, MIME_CODE_BASE64, false);
	} else if (!m->is_first) {
		mime_encode_init(&m->encode, m->text.code, true);
		put_head(m, out);
	}
}

void
letter_mail_feed(struct letter_mail *m, struct slice s, struct buf *out)
{
	if (m->box > 1)
		feed_part(m, s, out);
	else if (m->is_first)
		look(m, s);
	else
		encode(m, text_of(m, s), out);
}

void
letter_mail_box_end(struct letter_mail *m, struct buf *out)
{
	size_t before;

	if (m->box == 1 && m->is_first) {
		end_look(m);
		return;
	}
	if (m->box > 1 && !m->has_name)
		begin_part(m, out);
	out = sink(m, out, &before);
	mime_encode_end(&m->encode, out);
	m->size += out->n - before;
}

void
letter_mail_end(struct letter_mail *m, struct buf *out)
{
	size_t before;

	out = sink(m, out, &before);
	if (m->facts.attachments > 0)
		letter_head_put_end(out);
	else if (!m->text.ends_line)
		buf_put_str(out, "\r\n");
	m->size += out->n - before;
}
