/* SPDX-License-Identifier: ISC */
#include "cmtpd/gwcmtp_lines.h"

#include "cmtpd/gwcmtp_file.h"

bool
gwcmtp_lines_next(struct slice *rest, struct slice *name, struct slice *value)
{
	struct slice line;

	if (rest->n == 0)
		return false;
	*rest = slice_cut(*rest, '\n', &line);
	*value = slice_cut(line, ' ', name);
	return true;
}

enum err
gwcmtp_lines_load(struct gwcmtp_lines *l, const char *dir, const char *file,
    bool (*is_value)(struct slice))
{
	struct slice rest, name, value;
	enum err e;

	*l = (struct gwcmtp_lines){ .dir = dir, .file = file };
	buf_init(&l->text, GWCMTP_LINES_BYTES_MAX + 1);
	e = gwcmtp_file_read(dir, file, &l->text);
	if (e != ERR_OK)
		return e == ERR_NOTFOUND ? ERR_OK : e;
	rest = buf_slice(&l->text);
	while (gwcmtp_lines_next(&rest, &name, &value))
		if (slice_find(name, '@') == name.n || !is_value(value))
			return ERR_SYNTAX;
	return ERR_OK;
}

void
gwcmtp_lines_fini(struct gwcmtp_lines *l)
{
	buf_fini(&l->text);
}

bool
gwcmtp_lines_find(const struct gwcmtp_lines *l, struct slice name, struct slice *value)
{
	struct slice rest = buf_slice(&l->text), known;

	while (gwcmtp_lines_next(&rest, &known, value))
		if (slice_ieq(known, name))
			return true;
	return false;
}

static void
put_line(struct buf *b, struct slice name, struct slice value)
{
	buf_put_slice(b, name);
	buf_put_char(b, ' ');
	buf_put_slice(b, value);
	buf_put_char(b, '\n');
}

enum err
gwcmtp_lines_put(struct gwcmtp_lines *l, struct slice name, struct slice value)
{
	struct slice rest = buf_slice(&l->text), known, old;
	struct buf b;

	buf_init(&b, GWCMTP_LINES_BYTES_MAX);
	while (gwcmtp_lines_next(&rest, &known, &old))
		if (!slice_ieq(known, name))
			put_line(&b, known, old);
	put_line(&b, name, value);
	if (buf_err(&b) != ERR_OK) {
		buf_fini(&b);
		return ERR_LIMIT;
	}
	buf_fini(&l->text);
	l->text = b;
	return gwcmtp_file_write(l->dir, l->file, buf_slice(&b));
}
