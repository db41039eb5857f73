/* SPDX-License-Identifier: ISC */
#include "transfer/mbox_sink.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/must.h"
#include "lib/sys/fd.h"
#include "lib/sys/path.h"
#include "transfer/mail_name.h"
#include "transfer/mbox_lines.h"

#define PATH_BYTES	4096
#define OUT_BYTES	(1u << 18)

struct mbox_sink {
	struct mail_sink	 base;
	int			 top;
	bool			 dry;
	bool			 is_there;	/* the file, whole */
	struct buf		 path, part;
	int			 fd;
	const struct mail_message *m;
	struct mbox_quote	 quote;
	struct buf		 out;
};

static struct mbox_sink *
sink_of(struct mail_sink *s)
{
	return obj_of(s, struct mbox_sink, base);
}

static enum err
fault(struct mbox_sink *s, enum err e)
{
	return mail_report_fault(s->base.report, e, "%.*s: %s", SLICE_FMT(buf_slice(&s->path)),
	    err_text(e));
}

/* "Work/2026.mbox", and the directories on the way there. */
static enum err
make_path(struct mbox_sink *s, struct slice name)
{
	struct slice level;
	enum err e = ERR_OK;

	buf_reset(&s->path);
	while (name.n > 0 && e == ERR_OK) {
		name = slice_cut(name, '/', &level);
		mail_name_put_file(&s->path, level);
		if (name.n == 0)
			break;
		if (buf_cstr(&s->path) == NULL)
			return ERR_LIMIT;
		if (!s->dry)
			e = path_make_dir(s->top, buf_cstr(&s->path), 0700);
		buf_put_char(&s->path, '/');
	}
	buf_reset(&s->part);
	buf_put_slice(&s->part, buf_slice(&s->path));
	buf_put_str(&s->part, ".part");
	buf_put_str(&s->path, ".mbox");
	return e == ERR_OK && (buf_cstr(&s->path) == NULL || buf_cstr(&s->part) == NULL) ?
	    ERR_LIMIT : e;
}

static enum err
open_folder(struct mail_sink *base, const struct mail_folder *f, bool *keys)
{
	struct mbox_sink *s = sink_of(base);
	struct stat st;
	enum err e;

	*keys = false;
	fd_close(&s->fd);
	if ((e = make_path(s, f->name)) != ERR_OK)
		return fault(s, e);
	s->is_there = fstatat(s->top, buf_cstr(&s->path), &st, AT_SYMLINK_NOFOLLOW) == 0;
	if (s->is_there) {
		mail_report_warn(base->report, "%.*s is there already and is left as it is",
		    SLICE_FMT(buf_slice(&s->path)));
		return ERR_OK;
	}
	if (s->dry)
		return ERR_OK;
	e = path_open(s->top, buf_cstr(&s->part), O_WRONLY | O_CREAT | O_TRUNC, 0600, &s->fd);
	return e == ERR_OK ? ERR_OK : fault(s, e);
}

static enum err
begin(struct mail_sink *base, const struct mail_folder *f)
{
	(void)base;
	(void)f;
	return ERR_OK;
}

static bool
has(struct mail_sink *base, const struct mail_message *m)
{
	(void)m;
	return sink_of(base)->is_there;
}

static enum err
flush(struct mbox_sink *s)
{
	enum err e = buf_err(&s->out);

	if (e == ERR_OK)
		e = fd_write_all(s->fd, buf_data(&s->out), s->out.n);
	buf_reset(&s->out);
	return e == ERR_OK ? ERR_OK : fault(s, e);
}

static enum err
on_size(void *arg, uint64_t bytes)
{
	struct mbox_sink *s = arg;

	(void)bytes;
	mbox_quote_begin(&s->quote, &s->out, s->m->internal_s, &s->m->flags);
	return flush(s);
}

static enum err
on_data(void *arg, struct slice data)
{
	struct mbox_sink *s = arg;
	enum err e = ERR_OK;

	while (data.n > 0 && e == ERR_OK) {
		/* Each byte may get one more. */
		struct slice piece = slice_head(data, OUT_BYTES / 4);

		mbox_quote_put(&s->quote, &s->out, piece);
		e = flush(s);
		data = slice_from(data, piece.n);
	}
	return e;
}

static enum err
take(struct mail_sink *base, const struct mail_message *m, struct mail_taker *t)
{
	struct mbox_sink *s = sink_of(base);

	s->m = m;
	*t = (struct mail_taker){ s, on_size, on_data };
	return ERR_OK;
}

static enum err
end(struct mail_sink *base)
{
	struct mbox_sink *s = sink_of(base);

	mbox_quote_end(&s->quote, &s->out);
	return flush(s);
}

static enum err
done(struct mail_sink *base)
{
	struct mbox_sink *s = sink_of(base);
	enum err e = ERR_OK;

	if (s->dry || s->is_there)
		return ERR_OK;
	if (fdatasync(s->fd) != 0 ||
	    renameat(s->top, buf_cstr(&s->part), s->top, buf_cstr(&s->path)) != 0)
		e = err_from_errno(errno);
	fd_close(&s->fd);
	if (e == ERR_OK)
		e = path_sync_dir(s->top);
	return e == ERR_OK ? ERR_OK : fault(s, e);
}

static void
free_sink(struct mail_sink *base)
{
	struct mbox_sink *s = sink_of(base);

	fd_close(&s->fd);
	buf_fini(&s->path);
	buf_fini(&s->part);
	buf_fini(&s->out);
	free(s);
}

static const struct mail_sink_ops ops = {
	open_folder, begin, has, take, end, done, free_sink, NULL,
};

struct mail_sink *
mbox_sink_new(struct mail_report *r, int dir, bool dry)
{
	struct mbox_sink *s = must_alloc(1, sizeof(*s));

	s->base.ops = &ops;
	s->base.report = r;
	s->top = dir;
	s->dry = dry;
	s->fd = -1;
	buf_init(&s->path, PATH_BYTES);
	buf_init(&s->part, PATH_BYTES);
	buf_init(&s->out, OUT_BYTES);
	return &s->base;
}
