/* SPDX-License-Identifier: ISC */
#include "lib/conf/conf_source.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/must.h"
#include "lib/conf/opt_priv.h"

enum err
conf_load_file(void *unused, const char *path, struct buf *b)
{
	char chunk[8192];
	struct stat st;
	ssize_t n = -1;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	(void)unused;
	if (fd < 0)
		return err_from_errno(errno);
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return ERR_DENIED;
	}
	while ((n = read(fd, chunk, sizeof(chunk))) > 0 && buf_err(b) == ERR_OK)
		buf_put(b, chunk, (size_t)n);
	close(fd);
	if (n < 0)
		return ERR_IO;
	return buf_err(b) == ERR_OK ? ERR_OK : ERR_LIMIT;
}

struct conf_place
conf_source_place(const struct conf_source *s, unsigned line)
{
	struct conf_place p = { s->files->v[0], line };

	for (size_t i = 0; i < s->segment_count; i++) {
		const struct conf_segment *g = &s->segments[i];

		if (line >= g->first)
			p = (struct conf_place){ s->files->v[g->file],
			    g->base + line - g->first };
	}
	return p;
}

static enum err
load(struct conf_source *s, const char *name, struct buf *b)
{
	char path[PATH_MAX];
	int n;
	enum err e;

	if (name[0] == '/')
		n = snprintf(path, sizeof(path), "%s", name);
	else
		n = snprintf(path, sizeof(path), "%s/%s", s->dir, name);
	if (n < 0 || (size_t)n >= sizeof(path)) {
		buf_printf(s->errors, "%.100s...: path too long\n", name);
		return ERR_LIMIT;
	}
	e = s->load(s->arg, path, b);
	if (e != ERR_OK)
		buf_printf(s->errors, "%s: cannot be read: %s\n", path, err_text(e));
	return e;
}

static size_t
add_file(struct opt_list *files, struct slice name)
{
	opt_list_add(files, name.p, name.n);
	return files->n - 1;
}

static void
add_segment(struct conf_source *s, unsigned first, unsigned base, size_t file)
{
	must(s->segment_count < lengthof(s->segments));
	s->segments[s->segment_count++] = (struct conf_segment){ first, base, file };
}

static enum err
syntax_error(struct conf_source *s, const char *file, const struct conf_text *t)
{
	buf_printf(s->errors, "%s:%u: %s\n", file, t->error_line, t->error);
	return ERR_SYNTAX;
}

static unsigned
line_ends(struct slice text)
{
	unsigned n = 0;

	for (size_t i = 0; i < text.n; i++)
		n += text.p[i] == '\n';
	return n;
}

/* Appends the file between two line ends; *lines gets what that adds. */
static enum err
splice_file(struct conf_source *s, struct slice path, unsigned line, unsigned *lines)
{
	size_t file = add_file(s->files, path);
	const char *name = s->files->v[file];
	struct conf_text t;
	struct buf b;
	enum err e;

	buf_init(&b, CONF_TEXT_MAX);
	memset(&t, 0, sizeof(t));
	e = load(s, name, &b);
	if (e == ERR_OK && conf_text_parse(&t, buf_slice(&b)) != ERR_OK)
		e = syntax_error(s, name, &t);
	if (e == ERR_OK && t.include_count > 0) {
		buf_printf(s->errors, "%s:%u: include inside an included file\n", name,
		    t.includes[0].line);
		e = ERR_SYNTAX;
	}
	if (e == ERR_OK) {
		buf_put_char(&s->text, '\n');
		buf_put_slice(&s->text, buf_slice(&b));
		buf_put_char(&s->text, '\n');
		add_segment(s, line + 1, 1, file);
		*lines = line_ends(buf_slice(&b)) + 2;
	}
	conf_text_fini(&t);
	buf_fini(&b);
	return e;
}

static enum err
splice_all(struct conf_source *s, struct slice text, const struct conf_text *t)
{
	unsigned line = 1, base = 1, added = 0;	/* in the whole, in the file */
	size_t at = 0;

	if (t->include_count > CONF_INCLUDES_MAX) {
		buf_printf(s->errors, "%s:%u: more than %u includes\n", CONF_FILE_NAME,
		    t->includes[CONF_INCLUDES_MAX].line, CONF_INCLUDES_MAX);
		return ERR_SYNTAX;
	}
	for (size_t i = 0; i < t->include_count; i++) {
		const struct conf_include *inc = &t->includes[i];
		struct slice before = slice_of(text.p + at, inc->at - at);
		enum err e;

		buf_put_slice(&s->text, before);
		line += line_ends(before);
		base += line_ends(before);
		e = splice_file(s, inc->path, line, &added);
		if (e != ERR_OK)
			return e;
		line += added;
		base += line_ends(slice_of(text.p + inc->at, inc->end - inc->at));
		add_segment(s, line, base, 0);
		at = inc->end;
	}
	buf_put(&s->text, text.p + at, text.n - at);
	return ERR_OK;
}

enum err
conf_source_read(struct conf_source *s)
{
	struct conf_text t;
	struct buf b;
	enum err e;

	buf_init(&s->text, CONF_TEXT_MAX);
	buf_init(&b, CONF_TEXT_MAX);
	memset(&t, 0, sizeof(t));
	(void)add_file(s->files, SLICE_LIT(CONF_FILE_NAME));
	add_segment(s, 1, 1, 0);
	e = load(s, CONF_FILE_NAME, &b);
	if (e == ERR_OK && conf_text_parse(&t, buf_slice(&b)) != ERR_OK)
		e = syntax_error(s, CONF_FILE_NAME, &t);
	if (e == ERR_OK)
		e = splice_all(s, buf_slice(&b), &t);
	if (e == ERR_OK && (buf_err(&s->text) != ERR_OK ||
	    conf_text_parse(&s->parsed, buf_slice(&s->text)) != ERR_OK)) {
		buf_put_str(s->errors, CONF_FILE_NAME ":1: too large with what it includes\n");
		e = ERR_SYNTAX;
	}
	conf_text_fini(&t);
	buf_fini(&b);
	return e;
}

void
conf_source_fini(struct conf_source *s)
{
	conf_text_fini(&s->parsed);
	buf_fini(&s->text);
}
