/* SPDX-License-Identifier: ISC */
#include "transfer/maildir_source.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/must.h"
#include "lib/mail/hdr.h"
#include "lib/sys/fd.h"
#include "transfer/file_read.h"
#include "transfer/mail_crlf.h"
#include "transfer/mail_name.h"
#include "transfer/maildir_files.h"

#define PATH_BYTES	4096
#define PIECE		65536

struct maildir_source {
	struct mail_source	 base;
	int			 dir;
	struct mail_folders	*folders;	/* while they are listed */
	/* while a folder is listed */
	struct mail_list	*list;
	const char		*sub;		/* "cur" or "new" */
	struct slice		 at;
	bool			 keys;
	unsigned		 without_uid;
	struct maildir_keywords	 keywords;
	struct maildir_uids	 uids;
};

/* A directory on the way down. */
struct place {
	struct maildir_source	*s;
	struct slice		 path;		/* from the top; "." there */
	struct slice		 name;		/* of the folder; empty at the top */
	unsigned		 depth;
};

static struct maildir_source *
source_of(struct mail_source *s)
{
	return obj_of(s, struct maildir_source, base);
}

static const char *
join(struct buf *b, struct slice dir, const char *name)
{
	buf_reset(b);
	if (dir.n > 0 && !slice_eq_str(dir, ".")) {
		buf_put_slice(b, dir);
		buf_put_char(b, '/');
	}
	buf_put_str(b, name);
	return buf_cstr(b) != NULL ? buf_cstr(b) : "";
}

bool
maildir_source_is(int dir, const char *path)
{
	struct buf b;
	bool is;

	buf_init(&b, PATH_BYTES);
	is = file_read_is_dir(dir, join(&b, slice_str(path), "cur"));
	buf_fini(&b);
	return is;
}

/* ---- folders ---- */

static enum err	 walk(struct place *);

/* What the entry is called as a folder; ERR_SYNTAX: it is none. */
static enum err
name_of(const struct place *p, const char *entry, struct buf *name)
{
	struct slice file = slice_str(entry);

	bool plus = slice_starts(file, ".");

	/* What Maildir++ has in INBOX stands beside it. */
	if (p->name.n > 0 && !(plus && slice_eq_str(p->name, "INBOX"))) {
		buf_put_slice(name, p->name);
		buf_put_char(name, '/');
	}
	return plus ? mail_name_of_maildir(file, name) : mail_name_of_file(file, name);
}

static enum err
on_folder_entry(void *arg, const char *entry)
{
	const struct place *p = arg;
	struct buf path, name;
	struct place below;
	enum err e = ERR_OK;

	if (strcmp(entry, "cur") == 0 || strcmp(entry, "new") == 0 || strcmp(entry, "tmp") == 0)
		return ERR_OK;
	buf_init(&path, PATH_BYTES);
	buf_init(&name, PATH_BYTES);
	if (file_read_is_dir(p->s->dir, join(&path, p->path, entry))) {
		if (name_of(p, entry, &name) != ERR_OK) {
			if (maildir_source_is(p->s->dir, join(&path, p->path, entry)))
				mail_report_warn(p->s->base.report, "%s: its name cannot be here, "
				    "left out", entry);
		} else {
			below = (struct place){ p->s, buf_slice(&path), buf_slice(&name),
				p->depth + 1 };
			e = walk(&below);
		}
	}
	buf_fini(&name);
	buf_fini(&path);
	return e;
}

/* Depth is bounded, so the stack is. */
static enum err
walk(struct place *p)
{
	struct buf path;
	bool is_maildir;
	enum err e = ERR_OK;

	if (p->depth > MAILDIR_DEPTH_MAX)
		return mail_report_fault(p->s->base.report, ERR_LIMIT,
		    "%.*s: folders lie too deep in each other", SLICE_FMT(p->path));
	buf_init(&path, PATH_BYTES);
	buf_put_slice(&path, p->path);
	is_maildir = buf_cstr(&path) != NULL && maildir_source_is(p->s->dir, buf_cstr(&path));
	if (is_maildir)
		e = mail_folders_add(p->s->folders, p->name.n > 0 ? p->name : SLICE_LIT("INBOX"),
		    p->path);
	if (e == ERR_OK)
		e = file_read_names(p->s->dir, buf_cstr(&path), on_folder_entry, p);
	if (e == ERR_DENIED)
		e = mail_report_fault(p->s->base.report, e, "%.*s: %s", SLICE_FMT(p->path),
		    err_text(e));
	buf_fini(&path);
	return e;
}

static enum err
folders(struct mail_source *base, struct mail_folders *f)
{
	struct maildir_source *s = source_of(base);
	struct place top = { s, SLICE_LIT("."), SLICE_NONE, 0 };
	enum err e;

	s->folders = f;
	e = walk(&top);
	mail_folders_sort(f);
	if (e != ERR_OK && base->report->fault.n == 0)
		return mail_report_fault(base->report, e, "the Maildir: %s", err_text(e));
	return e;
}

/* ---- messages ---- */

static enum err
read_key(int fd, struct mail_message *m)
{
	char *header = must_alloc(FILE_READ_HEADER_MAX, 1);
	size_t n;
	enum err e = fd_pread_file(fd, header, FILE_READ_HEADER_MAX, &n);

	if (e == ERR_OK) {
		struct slice s = slice_of(header, n);

		m->key = mail_key(slice_head(s, hdr_length(s)), m->internal_s);
	}
	free(header);
	return e;
}

static enum err
add_file(struct maildir_source *s, struct slice file, const char *path)
{
	struct mail_message m = { .at = slice_str(path) };
	struct slice stem, letters;
	struct buf keywords;
	enum err e;
	int fd;

	/* Gone, or no file: nothing that could be lost. */
	e = file_read_open(s->dir, path, &fd, &m.size, &m.internal_s);
	if (e == ERR_NOTFOUND || e == ERR_UNSUPPORTED)
		return ERR_OK;
	if (e != ERR_OK)
		return mail_report_fault(s->base.report, e, "%s: %s", path, err_text(e));
	maildir_name_split(file, &stem, &letters);
	buf_init(&keywords, MAIL_KEYWORDS_BYTES);
	maildir_keywords_put(&s->keywords, letters, &keywords);
	m.flags = (struct mail_flags){ mail_flags_of_maildir(letters), buf_slice(&keywords) };
	m.uid = maildir_uids_find(&s->uids, stem);
	s->without_uid += m.uid == 0;
	if (s->keys)
		e = read_key(fd, &m);
	if (e == ERR_OK)
		e = mail_list_add(s->list, &m);
	if (e != ERR_OK)
		e = mail_report_fault(s->base.report, e, "%s: %s", path, err_text(e));
	buf_fini(&keywords);
	fd_close(&fd);
	return e;
}

static enum err
on_message_entry(void *arg, const char *entry)
{
	struct maildir_source *s = arg;
	struct buf dir, path;
	enum err e;

	if (entry[0] == '.')
		return ERR_OK;
	buf_init(&dir, PATH_BYTES);
	buf_init(&path, PATH_BYTES);
	(void)join(&dir, s->at, s->sub);
	(void)join(&path, buf_slice(&dir), entry);
	e = buf_err(&path) == ERR_OK ? add_file(s, slice_str(entry), buf_cstr(&path)) : ERR_LIMIT;
	buf_fini(&path);
	buf_fini(&dir);
	return e;
}

static enum err
list_sub(struct maildir_source *s, const char *sub)
{
	struct buf path;
	enum err e;

	buf_init(&path, PATH_BYTES);
	s->sub = sub;
	e = file_read_names(s->dir, join(&path, s->at, sub), on_message_entry, s);
	buf_fini(&path);
	/* Some make "new" only when it is needed. */
	return e == ERR_NOTFOUND ? ERR_OK : e;
}

/* Files that need not be there. */
static void
read_beside(struct maildir_source *s, const char *name, struct buf *text)
{
	struct buf path;

	buf_init(&path, PATH_BYTES);
	if (file_read_all(s->dir, join(&path, s->at, name), text) != ERR_OK)
		buf_reset(text);
	buf_fini(&path);
}

static enum err
list(struct mail_source *base, struct mail_folder *f, bool keys, struct mail_list *l)
{
	struct maildir_source *s = source_of(base);
	struct buf uids, keywords;
	enum err e;

	buf_init(&uids, MAILDIR_LIST_MAX);
	buf_init(&keywords, MAILDIR_KEYWORDS_MAX);
	s->list = l;
	s->at = f->at;
	s->keys = keys;
	s->without_uid = 0;
	read_beside(s, "dovecot-keywords", &keywords);
	read_beside(s, "dovecot-uidlist", &uids);
	maildir_keywords_parse(&s->keywords, buf_slice(&keywords));
	maildir_uids_init(&s->uids);
	maildir_uids_parse(&s->uids, buf_slice(&uids));
	e = list_sub(s, "cur");
	if (e == ERR_OK)
		e = list_sub(s, "new");
	if (e == ERR_OK && s->uids.uidvalidity != 0 && s->without_uid == 0) {
		f->uidvalidity = s->uids.uidvalidity;
		f->uidnext = s->uids.uidnext;
	}
	maildir_uids_fini(&s->uids);
	buf_fini(&keywords);
	buf_fini(&uids);
	mail_list_sort(l);
	if (e != ERR_OK && base->report->fault.n == 0)
		return mail_report_fault(base->report, e, "%.*s: %s", SLICE_FMT(f->at), err_text(e));
	return e;
}

/* ---- a message ---- */

/* Twice over the file: how long it is with CRLF, and all of it. */
static enum err
give_file(int fd, char *piece, struct buf *out, const struct mail_taker *t)
{
	struct mail_crlf count = { false }, put = { false };
	uint64_t total = 0, at;
	size_t n;
	enum err e;

	for (at = 0; (e = fd_pread_some(fd, piece, PIECE, at, &n)) == ERR_OK && n > 0; at += n)
		total += mail_crlf_count(&count, slice_of(piece, n));
	if (e == ERR_OK)
		e = t->size(t->arg, total);
	for (at = 0; e == ERR_OK; at += n) {
		if ((e = fd_pread_some(fd, piece, PIECE, at, &n)) != ERR_OK || n == 0)
			break;
		buf_reset(out);
		mail_crlf_put(&put, out, slice_of(piece, n));
		e = t->data(t->arg, buf_slice(out));
	}
	return e;
}

static enum err
give(struct mail_source *base, const struct mail_message *m, const struct mail_taker *t)
{
	struct maildir_source *s = source_of(base);
	char *piece, path[PATH_BYTES];
	uint64_t bytes;
	int64_t mtime_s;
	struct buf out;
	enum err e;
	int fd;

	if (!slice_to_cstr(m->at, path, sizeof(path)))
		return ERR_NOTFOUND;
	if ((e = file_read_open(s->dir, path, &fd, &bytes, &mtime_s)) != ERR_OK)
		return e;
	piece = must_alloc(PIECE, 1);
	buf_init(&out, 2 * PIECE);
	e = give_file(fd, piece, &out, t);
	if (e != ERR_OK && base->report->fault.n == 0)
		e = mail_report_fault(base->report, e, "%s: %s", path, err_text(e));
	buf_fini(&out);
	free(piece);
	fd_close(&fd);
	return e;
}

static void
free_source(struct mail_source *base)
{
	free(source_of(base));
}

static const struct mail_source_ops ops = { folders, list, NULL, give, free_source };

struct mail_source *
maildir_source_new(struct mail_report *r, int dir)
{
	struct maildir_source *s = must_alloc(1, sizeof(*s));

	s->base.ops = &ops;
	s->base.report = r;
	s->dir = dir;
	return &s->base;
}
