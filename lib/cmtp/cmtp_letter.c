/* SPDX-License-Identifier: ISC */
#include "lib/cmtp/cmtp_letter.h"

#include <string.h>

#include "lib/base/enc.h"

/* A field and its NUL from the front; false: there is none. */
static bool
take_field(struct slice *in, size_t max, struct slice *field)
{
	size_t n = slice_find(slice_head(*in, max + 1), '\0');

	if (n == in->n || n > max)
		return false;
	*field = slice_head(*in, n);
	*in = slice_from(*in, n + 1);
	return utf8_ok(*field);
}

static bool
read_fields(struct cmtp_letter *l, struct slice in)
{
	struct slice cc;

	if (in.n < 4)
		return false;
	l->time_s = dec_be32(in.p);
	in = slice_from(in, 4);
	if (!take_field(&in, CMTP_FIELD_MAX, &l->subject) ||
	    !take_field(&in, CMTP_FIELD_MAX, &l->reply_to))
		return false;
	for (;;) {
		if (!take_field(&in, CMTP_FIELD_MAX, &cc))
			return false;
		if (cc.n == 0)
			break;
		if (l->cc_count == CMTP_LETTER_CC_MAX)
			return false;
		l->cc[l->cc_count++] = cc;
	}
	/* No copies are told as an empty one, and the end behind it. */
	if (l->cc_count == 0 && in.n > 0 && in.p[0] == '\0')
		in = slice_from(in, 1);
	l->text = in;
	return true;
}

void
cmtp_letter_read(struct cmtp_letter *l, struct slice in)
{
	memset(l, 0, sizeof(*l));
	if (read_fields(l, in))
		return;
	memset(l, 0, sizeof(*l));
	l->is_bare = true;
	l->text = in;
}

static enum err
put_field(struct buf *b, struct slice s, size_t max)
{
	if (s.n > max || slice_find(s, '\0') < s.n || !utf8_ok(s))
		return ERR_SYNTAX;
	buf_put_slice(b, s);
	buf_put_char(b, '\0');
	return ERR_OK;
}

enum err
cmtp_letter_put(struct buf *b, const struct cmtp_letter *l)
{
	unsigned char time[4];
	enum err e;

	if (l->is_bare) {
		buf_put_slice(b, l->text);
		return ERR_OK;
	}
	enc_be32(time, l->time_s);
	buf_put(b, time, sizeof(time));
	if ((e = put_field(b, l->subject, CMTP_FIELD_MAX)) == ERR_OK)
		e = put_field(b, l->reply_to, CMTP_FIELD_MAX);
	for (unsigned i = 0; i < l->cc_count && e == ERR_OK; i++)
		e = l->cc[i].n > 0 ? put_field(b, l->cc[i], CMTP_FIELD_MAX) : ERR_SYNTAX;
	if (e != ERR_OK)
		return e;
	if (l->cc_count == 0)
		buf_put_char(b, '\0');
	buf_put_char(b, '\0');
	buf_put_slice(b, l->text);
	return ERR_OK;
}

enum err
cmtp_attachment_read(struct slice plain, struct slice *name, struct slice *data)
{
	if (!take_field(&plain, CMTP_FILE_NAME_MAX, name))
		return ERR_SYNTAX;
	*data = plain;
	return ERR_OK;
}

enum err
cmtp_attachment_put(struct buf *b, struct slice name)
{
	return put_field(b, name, CMTP_FILE_NAME_MAX);
}
