/* SPDX-License-Identifier: ISC */
#include "transfer/mbox_source.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/must.h"
#include "lib/mail/hdr.h"
#include "lib/mail/hdr_date.h"
#include "lib/sys/fd.h"
#include "transfer/file_read.h"
#include "transfer/mail_name.h"
#include "transfer/mbox_lines.h"

#define PATH_BYTES	4096
#define PIECE		65536
#define SUFFIX		".mbox"

struct mbox_source {
	struct mail_source	 base;
	int			 dir;		/* -1: one file */
	int			 file;		/* given, or of the folder */
	struct mail_folders	*folders;
	char			*piece;
	struct buf		 out;
};

static struct mbox_source *
source_of(struct mail_source *s)
{
	return obj_of(s, struct mbox_source, base);
}

/* ---- folders ---- */

struct place {
	struct mbox_source	*s;
	struct slice		 path, name;
	unsigned		 depth;
};

static enum err	 walk(struct place *);

static enum err
on_entry(void *arg, const char *entry)
{
	struct place *p = arg, below;
	struct slice file = slice_str(entry);
	bool is_mbox = slice_ends(file, SUFFIX) && file.n > sizeof(SUFFIX) - 1;
	struct buf path, name;
	enum err e = ERR_OK;

	if (entry[0] == '.')
		return ERR_OK;
	buf_init(&path, PATH_BYTES);
	buf_init(&name, PATH_BYTES);
	if (p->depth > 0) {
		buf_put_slice(&path, p->path);
		buf_put_char(&path, '/');
		buf_put_slice(&name, p->name);
		buf_put_char(&name, '/');
	}
	buf_put_str(&path, entry);
	if (is_mbox)
		file.n -= sizeof(SUFFIX) - 1;
	if (mail_name_of_file(file, &name) != ERR_OK || buf_cstr(&path) == NULL) {
		mail_report_warn(p->s->base.report, "%s: its name cannot be here, left out", entry);
	} else if (file_read_is_dir(p->s->dir, buf_cstr(&path))) {
		below = (struct place){ p->s, buf_slice(&path), buf_slice(&name), p->depth + 1 };
		e = walk(&below);
	} else if (is_mbox) {
		e = mail_folders_add(p->s->folders, buf_slice(&name), buf_slice(&path));
	}
	buf_fini(&name);
	buf_fini(&path);
	return e;
}

static enum err
walk(struct place *p)
{
	struct buf path;
	enum err e;

	if (p->depth > MBOX_DEPTH_MAX)
		return mail_report_fault(p->s->base.report, ERR_LIMIT,
		    "%.*s: folders lie too deep in each other", SLICE_FMT(p->path));
	buf_init(&path, PATH_BYTES);
	buf_put_slice(&path, p->path);
	e = buf_cstr(&path) == NULL ? ERR_LIMIT :
	    file_read_names(p->s->dir, buf_cstr(&path), on_entry, p);
	buf_fini(&path);
	return e;
}

static enum err
folders(struct mail_source *base, struct mail_folders *f)
{
	struct mbox_source *s = source_of(base);
	struct place top = { s, SLICE_LIT("."), SLICE_NONE, 0 };
	enum err e;

	if (s->dir < 0)
		return mail_folders_add(f, SLICE_LIT("INBOX"), SLICE_NONE);
	s->folders = f;
	e = walk(&top);
	mail_folders_sort(f);
	if (e != ERR_OK && base->report->fault.n == 0)
		return mail_report_fault(base->report, e, "the directory: %s", err_text(e));
	return e;
}

/* ---- lines of a file ---- */

/* offset: of the piece.  ends: its line end was cut off. */
typedef enum err piece_fn(void *arg, struct slice piece, uint64_t offset, bool starts,
    bool ends);

/* Pieces of [at, end); a line that fits in one piece comes in one. */
static enum err
each_piece(struct mbox_source *s, uint64_t at, uint64_t end, piece_fn *fn, void *arg)
{
	bool starts = true;
	enum err e = ERR_OK;

	while (at < end && e == ERR_OK) {
		size_t want = end - at < PIECE ? (size_t)(end - at) : PIECE, n;
		struct slice rest, line;

		if ((e = fd_pread_some(s->file, s->piece, want, at, &n)) != ERR_OK)
			break;
		if (n == 0)
			return ERR_OK;
		for (rest = slice_of(s->piece, n); rest.n > 0 && e == ERR_OK;) {
			size_t eol = slice_find(rest, '\n');
			bool ends = eol < rest.n;

			/* The rest of the piece is read again with what follows. */
			if (!ends && rest.n < n && at + rest.n < end)
				break;
			line = slice_head(rest, eol);
			e = fn(arg, line, at, starts, ends);
			starts = ends;
			at += line.n + ends;
			rest = slice_from(rest, line.n + ends);
		}
	}
	return e;
}

/* ---- messages ---- */

struct scan {
	struct mbox_source	*s;
	struct mail_list	*list;
	struct mail_message	 m;
	bool			 in_message;
	bool			 after_empty;	/* and at the start */
	uint64_t		 empty_at;	/* where the last line, an empty one, began */
	bool			 keys;
};

static enum err
end_message(struct scan *x, uint64_t end)
{
	struct slice header;
	struct buf keywords;
	struct hdr_field f;
	struct hdr_date d;
	size_t want = FILE_READ_HEADER_MAX, n;
	char *mem;
	enum err e;

	if (!x->in_message)
		return ERR_OK;
	/* The empty line before the next one belongs to the mbox. */
	x->m.end = x->after_empty && x->empty_at >= x->m.offset ? x->empty_at : end;
	x->m.size = x->m.end - x->m.offset;
	if (x->m.size < want)
		want = (size_t)x->m.size;
	mem = must_alloc(FILE_READ_HEADER_MAX, 1);
	buf_init(&keywords, MAIL_KEYWORDS_BYTES);
	e = fd_pread_some(x->s->file, mem, want, x->m.offset, &n);
	header = slice_of(mem, n);
	header = slice_head(header, hdr_length(header));
	mbox_flags(header, &x->m.flags, &keywords);
	if (x->m.internal_s == 0 && hdr_find(header, "Date", &f) &&
	    hdr_date_parse(f.value, &d) == ERR_OK)
		x->m.internal_s = d.unix_s;
	x->m.key = x->keys ? mail_key(header, x->m.internal_s) : 0;
	if (e == ERR_OK)
		e = mail_list_add(x->list, &x->m);
	buf_fini(&keywords);
	free(mem);
	return e;
}

static enum err
on_scan(void *arg, struct slice piece, uint64_t offset, bool starts, bool ends)
{
	struct scan *x = arg;
	bool empty = starts && ends && (piece.n == 0 || slice_eq_str(piece, "\r"));
	struct slice line = piece;
	int64_t unix_s;
	enum err e;

	if (slice_ends(line, "\r"))
		line.n--;
	if (starts && x->after_empty && mbox_is_from(line, &unix_s)) {
		if ((e = end_message(x, offset)) != ERR_OK)
			return e;
		x->m = (struct mail_message){ .internal_s = unix_s,
			.offset = offset + piece.n + ends };
		x->in_message = true;
		empty = false;
	} else if (!x->in_message && !empty) {
		return ERR_SYNTAX;
	}
	x->after_empty = empty || (!x->in_message && starts);
	x->empty_at = offset;
	return ERR_OK;
}

static enum err
open_file(struct mbox_source *s, struct slice at)
{
	uint64_t bytes;
	int64_t mtime_s;
	struct buf path;
	enum err e;

	if (s->dir < 0)
		return ERR_OK;
	fd_close(&s->file);
	buf_init(&path, PATH_BYTES);
	buf_put_slice(&path, at);
	e = buf_cstr(&path) == NULL ? ERR_LIMIT :
	    file_read_open(s->dir, buf_cstr(&path), &s->file, &bytes, &mtime_s);
	buf_fini(&path);
	return e;
}

static enum err
list(struct mail_source *base, struct mail_folder *f, bool keys, struct mail_list *l)
{
	struct mbox_source *s = source_of(base);
	struct scan x = { .s = s, .list = l, .after_empty = true, .keys = keys };
	uint64_t bytes = 0;
	enum err e = open_file(s, f->at);

	if (e == ERR_OK)
		e = file_read_bytes(s->file, &bytes);
	if (e == ERR_OK)
		e = each_piece(s, 0, bytes, on_scan, &x);
	if (e == ERR_OK)
		e = end_message(&x, bytes);
	if (e == ERR_SYNTAX)
		return mail_report_fault(base->report, e, "%.*s: no mbox: it does not begin with "
		    "\"From \" and a date", SLICE_FMT(f->at.n > 0 ? f->at : SLICE_LIT("the file")));
	if (e != ERR_OK)
		return mail_report_fault(base->report, e, "%.*s: %s", SLICE_FMT(f->at), err_text(e));
	return ERR_OK;
}

/* ---- a message ---- */

struct giving {
	struct mbox_source	*s;
	struct mbox_unquote	 quote;
	const struct mail_taker	*taker;		/* NULL: only counted */
	uint64_t		 total;
};

static enum err
on_give(void *arg, struct slice piece, uint64_t offset, bool starts, bool ends)
{
	struct giving *g = arg;

	(void)offset;
	buf_reset(&g->s->out);
	mbox_unquote_piece(&g->quote, piece, starts, ends, &g->s->out);
	g->total += g->s->out.n;
	if (g->taker == NULL || g->s->out.n == 0)
		return ERR_OK;
	return g->taker->data(g->taker->arg, buf_slice(&g->s->out));
}

static enum err
give(struct mail_source *base, const struct mail_message *m, const struct mail_taker *t)
{
	struct mbox_source *s = source_of(base);
	struct giving g = { .s = s };
	enum err e;

	mbox_unquote_init(&g.quote);
	e = each_piece(s, m->offset, m->end, on_give, &g);
	if (e == ERR_OK)
		e = t->size(t->arg, g.total);
	mbox_unquote_init(&g.quote);
	g.taker = t;
	if (e == ERR_OK)
		e = each_piece(s, m->offset, m->end, on_give, &g);
	if (e != ERR_OK && base->report->fault.n == 0)
		return mail_report_fault(base->report, e, "the mbox: %s", err_text(e));
	return e;
}

static void
free_source(struct mail_source *base)
{
	struct mbox_source *s = source_of(base);

	if (s->dir >= 0)
		fd_close(&s->file);
	buf_fini(&s->out);
	free(s->piece);
	free(s);
}

static const struct mail_source_ops ops = { folders, list, NULL, give, free_source };

static struct mail_source *
source_new(struct mail_report *r, int dir, int file)
{
	struct mbox_source *s = must_alloc(1, sizeof(*s));

	s->base.ops = &ops;
	s->base.report = r;
	s->dir = dir;
	s->file = file;
	s->piece = must_alloc(PIECE, 1);
	buf_init(&s->out, PIECE + 16);
	return &s->base;
}

static enum err
on_look(void *arg, const char *entry)
{
	unsigned *seen = arg;

	*seen |= slice_ends(slice_str(entry), SUFFIX) ? 1 : 0;
	*seen |= strcmp(entry, "cur") == 0 ? 2 : 0;
	return ERR_OK;
}

bool
mbox_source_has(int dir)
{
	unsigned seen = 0;

	return file_read_names(dir, ".", on_look, &seen) == ERR_OK && seen == 1;
}

struct mail_source *
mbox_source_new(struct mail_report *r, int file)
{
	return source_new(r, -1, file);
}

struct mail_source *
mbox_source_new_dir(struct mail_report *r, int dir)
{
	return source_new(r, dir, -1);
}
