/* SPDX-License-Identifier: ISC */
#include "transfer/maildir_sink.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/map.h"
#include "lib/base/must.h"
#include "lib/sys/fd.h"
#include "lib/sys/path.h"
#include "transfer/file_read.h"
#include "transfer/mail_crlf.h"
#include "transfer/mail_name.h"
#include "transfer/maildir_files.h"

#define PATH_BYTES	4096
#define OUT_BYTES	(1u << 17)

struct file {
	struct map_node	 node;
	uint32_t	 uid;
	char		 name[64];	/* without flags */
};

struct maildir_sink {
	struct mail_sink	 base;
	int			 top;
	bool			 dry;
	int			 dir;		/* of the folder, or -1: not there */
	const struct mail_folder *folder;
	struct map		 files;		/* by UID */
	struct arena		 arena;
	struct buf		 keywords_text;
	struct maildir_keywords	 keywords;
	unsigned		 keyword_count;
	bool			 warned;	/* of a keyword too many */
	/* the message */
	const struct mail_message *m;
	int			 fd;
	char			 name[64];
	struct mail_crlf	 crlf;
	struct buf		 out;
};

static struct maildir_sink *
sink_of(struct mail_sink *s)
{
	return obj_of(s, struct maildir_sink, base);
}

static enum err
fault(struct maildir_sink *s, enum err e, const char *what)
{
	return mail_report_fault(s->base.report, e, "%.*s: %s: %s", SLICE_FMT(s->folder->name),
	    what, err_text(e));
}

/* ---- the folder ---- */

static enum err
make_sub(int dir, const char *name)
{
	return path_make_dir(dir, name, 0700);
}

static enum err
open_maildir(struct maildir_sink *s, const char *path)
{
	enum err e;

	if (s->top < 0)
		return ERR_OK;		/* a dry run before there is anything */
	if (!s->dry && (e = path_make_dir(s->top, path, 0700)) != ERR_OK)
		return e;
	e = path_open(s->top, path, O_RDONLY | O_DIRECTORY, 0, &s->dir);
	if (e == ERR_NOTFOUND && s->dry)
		return ERR_OK;
	if (e != ERR_OK || s->dry)
		return e;
	if ((e = make_sub(s->dir, "cur")) != ERR_OK || (e = make_sub(s->dir, "new")) != ERR_OK)
		return e;
	return make_sub(s->dir, "tmp");
}

static enum err
mark_folder(struct maildir_sink *s)
{
	int fd;
	enum err e = path_open(s->dir, "maildirfolder", O_WRONLY | O_CREAT, 0600, &fd);

	if (e == ERR_OK)
		fd_close(&fd);
	return e;
}

static enum err
open_folder(struct mail_sink *base, const struct mail_folder *f, bool *keys)
{
	struct maildir_sink *s = sink_of(base);
	struct buf path;
	enum err e;

	*keys = false;
	s->folder = f;
	fd_close(&s->dir);
	buf_init(&path, PATH_BYTES);
	if (slice_eq_str(f->name, "INBOX"))
		buf_put_char(&path, '.');
	else
		mail_name_put_maildir(&path, f->name);
	e = buf_cstr(&path) == NULL ? ERR_LIMIT : open_maildir(s, buf_cstr(&path));
	if (e == ERR_OK && !s->dry && path.n > 1)
		e = mark_folder(s);
	buf_fini(&path);
	return e == ERR_OK ? ERR_OK : fault(s, e, "making the folder");
}

/* ---- what is there ---- */

static enum err
keep_file(struct maildir_sink *s, uint32_t uid, struct slice name)
{
	struct file *f = arena_alloc(&s->arena, 1, sizeof(*f));

	if (f == NULL || !slice_to_cstr(name, f->name, sizeof(f->name)))
		return ERR_LIMIT;
	f->uid = uid;
	map_insert(&s->files, &f->node, hash_u64(uid));
	return ERR_OK;
}

static enum err
on_file(void *arg, const char *entry)
{
	struct maildir_sink *s = arg;
	unsigned validity, uid;
	struct slice base, letters;
	int n = 0;

	/* As put_name writes it. */
	if (sscanf(entry, "%*d.V%uU%u.godwit%n", &validity, &uid, &n) != 2 || n == 0 ||
	    validity != s->folder->uidvalidity || uid == 0)
		return ERR_OK;
	maildir_name_split(slice_str(entry), &base, &letters);
	return base.n < sizeof(s->name) ? keep_file(s, uid, base) : ERR_OK;
}

static void
forget(struct maildir_sink *s)
{
	map_fini(&s->files);
	arena_fini(&s->arena);
	map_init(&s->files);
	arena_init(&s->arena, 1u << 30);
}

static enum err
begin(struct mail_sink *base, const struct mail_folder *f)
{
	struct maildir_sink *s = sink_of(base);
	enum err e;

	(void)f;
	forget(s);
	buf_reset(&s->keywords_text);
	s->warned = false;
	s->keyword_count = 0;
	if (s->dir < 0)
		return ERR_OK;
	e = file_read_all(s->dir, "dovecot-keywords", &s->keywords_text);
	maildir_keywords_parse(&s->keywords, buf_slice(&s->keywords_text));
	while (s->keyword_count < MAILDIR_LETTERS && s->keywords.name[s->keyword_count].n > 0)
		s->keyword_count++;
	if (e == ERR_OK || e == ERR_NOTFOUND)
		e = file_read_names(s->dir, "cur", on_file, s);
	return e == ERR_OK || (e == ERR_NOTFOUND && s->dry) ? ERR_OK :
	    fault(s, e, "looking at what is there");
}

static bool
has(struct mail_sink *base, const struct mail_message *m)
{
	const struct maildir_sink *s = sink_of(base);
	const struct map_node *n;

	for (n = map_first(&s->files, hash_u64(m->uid)); n != NULL; n = map_next(n))
		if (obj_of(n, const struct file, node)->uid == m->uid)
			return true;
	return false;
}

/* ---- keywords ---- */

/* The letter of a word; NUL: there are no more letters. */
static char
letter_of(struct maildir_sink *s, struct slice word)
{
	size_t at;

	for (unsigned i = 0; i < s->keyword_count; i++)
		if (slice_ieq(s->keywords.name[i], word))
			return (char)('a' + i);
	if (s->keyword_count == MAILDIR_LETTERS)
		return '\0';
	buf_printf(&s->keywords_text, "%u ", s->keyword_count);
	at = s->keywords_text.n;
	buf_put_slice(&s->keywords_text, word);
	buf_put_char(&s->keywords_text, '\n');
	if (buf_err(&s->keywords_text) != ERR_OK || at >= s->keywords_text.n)
		return '\0';
	/* The text may have moved. */
	maildir_keywords_parse(&s->keywords, buf_slice(&s->keywords_text));
	return (char)('a' + s->keyword_count++);
}

static void
put_letters(struct maildir_sink *s, struct buf *b)
{
	struct slice rest = s->m->flags.keywords, word;
	bool used[MAILDIR_LETTERS] = { false };
	char c;

	mail_flags_put_maildir(b, s->m->flags.bits);
	while (rest.n > 0) {
		rest = slice_cut(rest, ' ', &word);
		c = letter_of(s, word);
		if (c != '\0')
			used[c - 'a'] = true;
		else if (!s->warned) {
			s->warned = true;
			mail_report_warn(s->base.report, "%.*s: a Maildir has 26 keywords, the others "
			    "are left out", SLICE_FMT(s->folder->name));
		}
	}
	for (unsigned i = 0; i < MAILDIR_LETTERS; i++)
		if (used[i])
			buf_put_char(b, (char)('a' + i));
}

/* ---- a message ---- */

static enum err
in_sub(struct buf *b, const char *sub, const char *name)
{
	buf_reset(b);
	buf_printf(b, "%s/%s", sub, name);
	return buf_cstr(b) != NULL ? ERR_OK : ERR_LIMIT;
}

static enum err
on_size(void *arg, uint64_t bytes)
{
	struct maildir_sink *s = arg;
	struct buf path;
	enum err e;

	(void)bytes;
	(void)snprintf(s->name, sizeof(s->name), "%lld.V%uU%u.godwit",
	    (long long)(s->m->internal_s > 0 ? s->m->internal_s : 0),
	    (unsigned)s->folder->uidvalidity, (unsigned)s->m->uid);
	buf_init(&path, PATH_BYTES);
	e = in_sub(&path, "tmp", s->name);
	if (e == ERR_OK)
		e = path_open(s->dir, buf_cstr(&path), O_WRONLY | O_CREAT | O_TRUNC, 0600, &s->fd);
	buf_fini(&path);
	return e == ERR_OK ? ERR_OK : fault(s, e, s->name);
}

static enum err
on_data(void *arg, struct slice data)
{
	struct maildir_sink *s = arg;
	struct slice piece;
	enum err e = ERR_OK;

	while (data.n > 0 && e == ERR_OK) {
		piece = slice_head(data, OUT_BYTES / 2);
		buf_reset(&s->out);
		mail_lf_put(&s->crlf, &s->out, piece);
		e = fd_write_all(s->fd, buf_data(&s->out), s->out.n);
		data = slice_from(data, piece.n);
	}
	return e == ERR_OK ? ERR_OK : fault(s, e, s->name);
}

static enum err
take(struct mail_sink *base, const struct mail_message *m, struct mail_taker *t)
{
	struct maildir_sink *s = sink_of(base);

	s->m = m;
	s->crlf = (struct mail_crlf){ false };
	fd_close(&s->fd);
	*t = (struct mail_taker){ s, on_size, on_data };
	return ERR_OK;
}

static enum err
finish_file(struct maildir_sink *s, struct buf *from, struct buf *to)
{
	const struct timespec times[2] = {
		{ .tv_sec = s->m->internal_s > 0 ? s->m->internal_s : 0 },
		{ .tv_sec = s->m->internal_s > 0 ? s->m->internal_s : 0 },
	};
	enum err e;

	if (futimens(s->fd, times) != 0 || fdatasync(s->fd) != 0)
		return err_from_errno(errno);
	if ((e = in_sub(from, "tmp", s->name)) != ERR_OK || (e = in_sub(to, "cur", s->name)) != ERR_OK)
		return e;
	buf_put_str(to, ":2,");
	put_letters(s, to);
	if (buf_cstr(to) == NULL)
		return ERR_LIMIT;
	if (renameat(s->dir, buf_cstr(from), s->dir, buf_cstr(to)) != 0)
		return err_from_errno(errno);
	return keep_file(s, s->m->uid, slice_str(s->name));
}

static enum err
end(struct mail_sink *base)
{
	struct maildir_sink *s = sink_of(base);
	struct buf from, to;
	enum err e;

	buf_reset(&s->out);
	mail_lf_end(&s->crlf, &s->out);
	e = fd_write_all(s->fd, buf_data(&s->out), s->out.n);
	buf_init(&from, PATH_BYTES);
	buf_init(&to, PATH_BYTES);
	if (e == ERR_OK)
		e = finish_file(s, &from, &to);
	buf_fini(&from);
	buf_fini(&to);
	fd_close(&s->fd);
	return e == ERR_OK ? ERR_OK : fault(s, e, s->name);
}

/* ---- the end of a folder ---- */

static enum err
write_file(struct maildir_sink *s, const char *name, const struct buf *text)
{
	char tmp[64];
	int fd;
	enum err e;

	(void)snprintf(tmp, sizeof(tmp), "%s.tmp", name);
	if ((e = path_open(s->dir, tmp, O_WRONLY | O_CREAT | O_TRUNC, 0600, &fd)) != ERR_OK)
		return e;
	e = fd_write_all(fd, buf_data(text), text->n);
	if (e == ERR_OK && fdatasync(fd) != 0)
		e = err_from_errno(errno);
	fd_close(&fd);
	if (e == ERR_OK && renameat(s->dir, tmp, s->dir, name) != 0)
		e = err_from_errno(errno);
	return e;
}

static int
by_uid(const void *a, const void *b)
{
	const struct file *x = *(const struct file *const *)a, *y = *(const struct file *const *)b;

	return (x->uid > y->uid) - (x->uid < y->uid);
}

static void
put_uidlist(const struct maildir_sink *s, struct buf *b)
{
	const struct file **all = must_alloc(s->files.count + 1, sizeof(*all));
	struct map_node *n = NULL;
	size_t slot = 0, count = 0;

	while ((n = map_walk(&s->files, &slot, n)) != NULL)
		all[count++] = obj_of(n, const struct file, node);
	if (count > 1)
		qsort(all, count, sizeof(*all), by_uid);
	buf_printf(b, "3 V%u N%u\n", (unsigned)s->folder->uidvalidity,
	    (unsigned)s->folder->uidnext);
	for (size_t i = 0; i < count; i++)
		buf_printf(b, "%u :%s\n", (unsigned)all[i]->uid, all[i]->name);
	free(all);
}

static enum err
done(struct mail_sink *base)
{
	struct maildir_sink *s = sink_of(base);
	struct buf list;
	enum err e = ERR_OK;
	int cur;

	if (s->dry)
		return ERR_OK;
	buf_init(&list, MAILDIR_LIST_MAX);
	put_uidlist(s, &list);
	if (s->keyword_count > 0)
		e = write_file(s, "dovecot-keywords", &s->keywords_text);
	if (e == ERR_OK && s->folder->uidvalidity != 0)
		e = buf_err(&list) != ERR_OK ? ERR_LIMIT : write_file(s, "dovecot-uidlist", &list);
	buf_fini(&list);
	if (e == ERR_OK && (e = path_open_dir(s->dir, "cur", &cur)) == ERR_OK) {
		e = path_sync_dir(cur);
		fd_close(&cur);
	}
	if (e == ERR_OK)
		e = path_sync_dir(s->dir);
	return e == ERR_OK ? ERR_OK : fault(s, e, "making it last");
}

static void
free_sink(struct mail_sink *base)
{
	struct maildir_sink *s = sink_of(base);

	fd_close(&s->fd);
	fd_close(&s->dir);
	map_fini(&s->files);
	arena_fini(&s->arena);
	buf_fini(&s->keywords_text);
	buf_fini(&s->out);
	free(s);
}

static const struct mail_sink_ops ops = {
	open_folder, begin, has, take, end, done, free_sink, NULL,
};

struct mail_sink *
maildir_sink_new(struct mail_report *r, int dir, bool dry)
{
	struct maildir_sink *s = must_alloc(1, sizeof(*s));

	s->base.ops = &ops;
	s->base.report = r;
	s->top = dir;
	s->dry = dry;
	s->dir = s->fd = -1;
	map_init(&s->files);
	arena_init(&s->arena, 1u << 30);
	buf_init(&s->keywords_text, MAILDIR_KEYWORDS_MAX);
	buf_init(&s->out, OUT_BYTES);
	return &s->base;
}
