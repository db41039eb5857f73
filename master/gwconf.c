/* SPDX-License-Identifier: ISC */
/*
 * Shows, explains and edits options.  Names are hostname, smtpd.timeout,
 * listen.mx.tls; a section's name alone is all of it.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "lib/conf/conf_edit.h"
#include "lib/conf/opt_man.h"
#include "lib/sys/fd.h"
#include "master/master_config.h"
#include "master/master_sections.h"

enum { OUT_MAX = 8 << 20 };

struct want {
	bool		 defaults;	/* -d */
	bool		 changed;	/* -n */
	bool		 no_name;	/* -h */
	bool		 no_value;	/* -H */
	bool		 json;		/* -j */
	bool		 explain;	/* -x */
	bool		 edit;		/* -e */
	unsigned	 printed;
};

static int
usage(void)
{
	fputs("usage: gwconf [-c config_dir] [-dnhHj] [name ...]\n"
	    "       gwconf [-c config_dir] -e name=value ...\n"
	    "       gwconf -x name ...\n"
	    "       gwconf -m\n", stderr);
	return EX_USAGE;
}

static void
put_name(struct buf *b, const struct conf_section *s, const struct opt *o)
{
	if (strcmp(s->def->name, "godwit") != 0)
		buf_printf(b, "%s.", s->def->name);
	if (s->title != NULL)
		buf_printf(b, "%s.", s->title);
	buf_put_str(b, o->name);
}

static void
put_json(struct buf *b, const char *s)
{
	buf_put_char(b, '"');
	for (; *s != '\0'; s++) {
		if (*s == '"' || *s == '\\')
			buf_put_char(b, '\\');
		buf_put_char(b, *s);
	}
	buf_put_char(b, '"');
}

static void
print_option(struct want *w, const struct conf_section *s, const struct opt *o, struct buf *out)
{
	struct buf name, value;

	if (w->changed && !conf_is_set(s, o))
		return;
	buf_init(&name, 4096);
	buf_init(&value, OUT_MAX);
	put_name(&name, s, o);
	if (w->defaults)
		opt_print_default(o, &value);
	else
		opt_print(o, s->values, &value);
	if (w->json) {
		buf_put_str(out, w->printed == 0 ? "{\n  " : ",\n  ");
		put_json(out, buf_cstr(&name));
		buf_put_str(out, ": ");
		put_json(out, buf_cstr(&value));
	} else {
		if (!w->no_name)
			buf_put_slice(out, buf_slice(&name));
		if (!w->no_name && !w->no_value)
			buf_put_str(out, " = ");
		if (!w->no_value)
			buf_put_slice(out, buf_slice(&value));
		buf_put_char(out, '\n');
	}
	w->printed++;
	buf_fini(&name);
	buf_fini(&value);
}

/* Does it match?  n->opt NULL: every option of the section. */
static void
print_matching(struct want *w, const struct conf *c, const struct conf_name *n, struct buf *out)
{
	for (size_t i = 0; i < c->section_count; i++) {
		const struct conf_section *s = &c->sections[i];

		if (n != NULL && (s->def != n->def || (n->title.p != NULL &&
		    !slice_eq_str(n->title, s->title))))
			continue;
		for (const struct opt *o = s->def->rows; o->name != NULL; o++) {
			if (n == NULL || n->opt == NULL || n->opt == o)
				print_option(w, s, o, out);
		}
	}
}

static int
flush(struct buf *out)
{
	struct slice s = buf_slice(out);

	if (s.n > 0 && fwrite(s.p, 1, s.n, stdout) != s.n)
		return EX_IOERR;
	return fflush(stdout) == 0 ? EX_OK : EX_IOERR;
}

static int
not_found(const char *name)
{
	fprintf(stderr, "gwconf: %s: no such option\n", name);
	return 1;
}

static int
cmd_print(const char *dir, struct want *w, int argc, char *argv[])
{
	struct buf errors, warnings, out;
	struct master_paths paths;
	struct conf_name name;
	struct conf *c;
	int code = EX_OK;

	buf_init(&errors, CONF_ERRORS_MAX);
	buf_init(&warnings, CONF_ERRORS_MAX);
	buf_init(&out, OUT_MAX);
	if (master_config_read(dir, &paths, &c, &errors, &warnings) != ERR_OK) {
		fputs(buf_cstr(&errors), stderr);
		code = EX_CONFIG;
	}
	if (code == EX_OK && argc == 0)
		print_matching(w, c, NULL, &out);
	for (int i = 0; i < argc && code == EX_OK; i++) {
		unsigned before = w->printed;

		if (conf_name_parse(master_sections, slice_str(argv[i]), &name) == ERR_OK)
			print_matching(w, c, &name, &out);
		if (w->printed == before && !w->changed)
			code = not_found(argv[i]);
	}
	if (w->json && code == EX_OK)
		buf_put_str(&out, w->printed == 0 ? "{}\n" : "\n}\n");
	if (code == EX_OK)
		code = flush(&out);
	conf_free(&c);
	buf_fini(&errors);
	buf_fini(&warnings);
	buf_fini(&out);
	return code;
}

static int
cmd_explain(int argc, char *argv[])
{
	struct conf_name name;
	struct buf out;
	int code = EX_OK;

	buf_init(&out, OUT_MAX);
	for (int i = 0; i < argc && code == EX_OK; i++) {
		if (conf_name_parse(master_sections, slice_str(argv[i]), &name) != ERR_OK) {
			code = not_found(argv[i]);
			continue;
		}
		for (const struct opt *o = name.def->rows; o->name != NULL; o++) {
			if (name.opt == NULL || name.opt == o)
				opt_man_explain(name.def, o, &out);
		}
	}
	if (code == EX_OK)
		code = flush(&out);
	buf_fini(&out);
	return code;
}

/* The edited text stands in for the file until it is known to be good. */
struct edited {
	const char	*path;
	struct slice	 text;
};

static enum err
load_edited(void *arg, const char *path, struct buf *b)
{
	const struct edited *e = arg;

	if (strcmp(path, e->path) != 0)
		return conf_load_file(NULL, path, b);
	buf_put_slice(b, e->text);
	return buf_err(b);
}

static int
check_edited(const char *dir, struct edited *e)
{
	struct buf errors, warnings;
	struct master_paths paths;
	struct conf *c;
	int code = EX_OK;

	buf_init(&errors, CONF_ERRORS_MAX);
	buf_init(&warnings, CONF_ERRORS_MAX);
	if (master_config_read_from(dir, load_edited, e, &paths, &c, &errors,
	    &warnings) != ERR_OK) {
		fputs(buf_cstr(&errors), stderr);
		code = EX_CONFIG;
	}
	conf_free(&c);
	buf_fini(&errors);
	buf_fini(&warnings);
	return code;
}

/* Beside the file and over it, with the same owner and mode. */
static int
replace_file(const char *path, struct slice text)
{
	char fresh[PATH_MAX];
	struct stat st;
	int fd;

	if (snprintf(fresh, sizeof(fresh), "%s.new", path) >= (int)sizeof(fresh) ||
	    stat(path, &st) != 0) {
		fprintf(stderr, "gwconf: %s: %s\n", path, strerror(errno));
		return EX_IOERR;
	}
	fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		fprintf(stderr, "gwconf: %s: %s\n", fresh, strerror(errno));
		return errno == EACCES ? EX_NOPERM : EX_IOERR;
	}
	if (fchown(fd, st.st_uid, st.st_gid) != 0 || fchmod(fd, st.st_mode & 07777) != 0 ||
	    fd_write_all(fd, text.p, text.n) != ERR_OK || fsync(fd) != 0 ||
	    rename(fresh, path) != 0) {
		fprintf(stderr, "gwconf: %s: %s\n", path, strerror(errno));
		close(fd);
		(void)unlink(fresh);
		return EX_IOERR;
	}
	close(fd);
	return EX_OK;
}

static int
edit_one(struct buf *text, const char *arg)
{
	struct slice name, value = slice_cut(slice_str(arg), '=', &name);
	struct conf_name n;
	struct buf out;
	enum err e;

	name = slice_trim(name);
	value = slice_trim(value);
	if (strchr(arg, '=') == NULL)
		return usage();
	if (conf_name_parse(master_sections, name, &n) != ERR_OK || n.opt == NULL ||
	    (n.def->titled && n.title.p == NULL))
		return not_found(arg);
	buf_init(&out, OUT_MAX);
	e = conf_edit(buf_slice(text), &n, value, &out);
	if (e == ERR_OK) {
		buf_reset(text);
		buf_put_slice(text, buf_slice(&out));
	} else
		fprintf(stderr, "gwconf: %s is not a configuration; godwit check says why\n",
		    CONF_FILE_NAME);
	buf_fini(&out);
	return e == ERR_OK ? EX_OK : EX_CONFIG;
}

static int
cmd_edit(const char *dir, int argc, char *argv[])
{
	struct master_paths paths;
	char path[PATH_MAX + sizeof("/" CONF_FILE_NAME)];
	struct edited e = { .path = path };
	struct buf text;
	int code = EX_OK;

	if (argc == 0)
		return usage();
	if (master_paths_init(&paths, dir) != ERR_OK) {
		fprintf(stderr, "gwconf: no such directory\n");
		return EX_CONFIG;
	}
	snprintf(path, sizeof(path), "%s/" CONF_FILE_NAME, paths.config);
	buf_init(&text, OUT_MAX);
	if (conf_load_file(NULL, path, &text) != ERR_OK) {
		fprintf(stderr, "gwconf: %s: %s\n", path, strerror(errno));
		code = EX_CONFIG;
	}
	for (int i = 0; i < argc && code == EX_OK; i++)
		code = edit_one(&text, argv[i]);
	e.text = buf_slice(&text);
	if (code == EX_OK)
		code = check_edited(dir, &e);
	if (code == EX_OK)
		code = replace_file(path, e.text);
	buf_fini(&text);
	return code;
}

static int
cmd_mdoc(void)
{
	struct buf out;
	int code;

	buf_init(&out, OUT_MAX);
	opt_man_mdoc(master_sections, &out);
	code = flush(&out);
	buf_fini(&out);
	return code;
}

int
main(int argc, char *argv[])
{
	struct want w = { .printed = 0 };
	const char *dir = NULL;
	bool mdoc = false;
	int c;

	while ((c = getopt(argc, argv, "c:dnhHjxem")) != -1) {
		switch (c) {
		case 'c':
			dir = optarg;
			break;
		case 'd':
			w.defaults = true;
			break;
		case 'n':
			w.changed = true;
			break;
		case 'h':
			w.no_name = true;
			break;
		case 'H':
			w.no_value = true;
			break;
		case 'j':
			w.json = true;
			break;
		case 'x':
			w.explain = true;
			break;
		case 'e':
			w.edit = true;
			break;
		case 'm':
			mdoc = true;
			break;
		default:
			return usage();
		}
	}
	if (mdoc)
		return cmd_mdoc();
	if (w.explain)
		return optind < argc ? cmd_explain(argc - optind, argv + optind) : usage();
	if (w.edit)
		return cmd_edit(dir, argc - optind, argv + optind);
	return cmd_print(dir, &w, argc - optind, argv + optind);
}
