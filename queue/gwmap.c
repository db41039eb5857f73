/* SPDX-License-Identifier: ISC */
/*
 * Lookup tables for operators: reads the text that a table is built from and
 * sends it to the queue in pages; asks, lists and changes tables.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "lib/base/cc.h"
#include "lib/base/num.h"
#include "lib/conf/conf_map.h"
#include "lib/daemon/tool.h"
#include "lib/ipc/ipc_peer.h"
#include "queue/gwmap_source.h"
#include "queue/queue_map_file.h"

#define PAGE_ROWS	2000u
#define READ_BYTES	65536u

enum mode { MODE_BUILD, MODE_QUERY, MODE_DUMP, MODE_DELETE, MODE_INSERT, MODE_ALL };

struct gwmap {
	const char	*config_dir;
	enum mode	 mode;
	const char	*key;
	char		 syntax;	/* 'a', 't'; 0: by use */
	bool		 keeps_case;
	bool		 replaces;
	int		 fd;		/* control socket */
	/* the table at work */
	struct slice	 name;
	const char	*path;		/* of its source, for faults */
	bool		 is_aliases, has_lists, is_used;
	char		 number[24];	/* of the new one */
	struct buf	 page;
	unsigned	 lines[PAGE_ROWS];
	unsigned	 n;
	struct buf	 reply;
};

static int
usage(void)
{
	(void)fprintf(stderr, "usage: gwmap [-c config_dir] [-a | -t] [-fior] table ...\n"
	    "       gwmap [-c config_dir] [-f] -d key | -q key table ...\n"
	    "       gwmap [-c config_dir] -s table ...\n"
	    "       gwmap [-c config_dir] -A\n");
	return EX_USAGE;
}

static int
fault(int code, struct slice text)
{
	(void)fprintf(stderr, "gwmap: %.*s\n", SLICE_FMT(text));
	return code;
}

/* ---- asking ---- */

/* The reply's text in g->reply; says nothing. */
static int
call(struct gwmap *g, const char *verb, const struct buf *args)
{
	uint8_t code = EX_OSERR;
	bool more;
	enum err e = tool_call(g->fd, IPC_QUEUE, verb, args, -1, &g->reply, &code, &more);

	if (e == ERR_OK)
		return code;
	buf_reset(&g->reply);
	buf_printf(&g->reply, "no answer from godwit: %s", err_text(e));
	return e == ERR_LIMIT ? EX_DATAERR : EX_TEMPFAIL;
}

static int
refused(struct gwmap *g, int code)
{
	(void)fprintf(stderr, "gwmap: lmdb:%.*s: %.*s\n", SLICE_FMT(g->name),
	    SLICE_FMT(buf_slice(&g->reply)));
	return code;
}

static void
arg_slice(struct buf *b, struct slice s)
{
	buf_put_slice(b, s);
	buf_put_char(b, '\0');
}

/* ---- what is in use ---- */

struct known {
	struct gwmap	*g;
	bool		 builds;	/* all that aliases need */
	struct buf	 names;		/* NUL behind each */
};

static void
see(struct gwmap *g, struct slice uses, struct slice kind)
{
	bool for_aliases = slice_starts(uses, "aliases");

	g->is_used = true;
	g->has_lists = for_aliases;
	g->is_aliases = for_aliases && !slice_eq_str(kind, "table");
}

static void
on_known(void *arg, struct slice text, uint8_t exit_code, bool more)
{
	struct known *k = arg;
	struct slice line, uses, name, state, kind;

	(void)more;
	while (exit_code == EX_OK && text.n > 0) {
		text = slice_cut(text, '\n', &line);
		line = slice_cut(line, '\t', &uses);
		line = slice_cut(line, '\t', &name);
		line = slice_cut(line, '\t', &state);
		(void)slice_cut(line, '\t', &kind);
		if (k->builds && slice_starts(uses, "aliases"))
			arg_slice(&k->names, name);
		else if (!k->builds && slice_eq(name, k->g->name))
			see(k->g, uses, kind);
	}
}

static int
ask_known(struct gwmap *g, struct known *k)
{
	struct buf args;
	int code;

	buf_init(&args, TOOL_ARGS_MAX);
	code = tool_ask("gwmap", g->config_dir, IPC_QUEUE, "map.list", &args, -1, on_known, k);
	buf_fini(&args);
	return code;
}

/* How is the source to be read? */
static int
choose_syntax(struct gwmap *g)
{
	struct known k = { .g = g };
	int code;

	g->is_aliases = g->has_lists = g->is_used = false;
	code = ask_known(g, &k);
	if (g->syntax == 'a')
		g->is_aliases = true;
	else if (g->syntax == 't')
		g->is_aliases = false;
	return code;
}

/* ---- sending ---- */

static void
warn_dups(struct gwmap *g)
{
	struct slice rest = buf_slice(&g->reply), one;
	uint32_t i;

	while (rest.n > 0) {
		rest = slice_cut(rest, ' ', &one);
		if (num_parse_u32(one, g->n, &i) == ERR_OK && i < g->n)
			(void)fprintf(stderr, "gwmap: %s:%u: warning: the key stands there "
			    "already; its first value stays\n", g->path, g->lines[i]);
	}
}

static void
new_page(struct gwmap *g)
{
	buf_reset(&g->page);
	g->n = 0;
	tool_arg(&g->page, g->number);
	if (g->mode != MODE_DELETE)
		tool_arg(&g->page, g->replaces ? "yes" : "no");
}

static int
send_page(struct gwmap *g)
{
	int code = g->n > 0 ? call(g, "map.put", &g->page) : EX_OK;

	if (code != EX_OK)
		return refused(g, code);
	if (g->n > 0)
		warn_dups(g);
	new_page(g);
	return EX_OK;
}

static enum err
on_row(void *arg, const struct gwmap_row *row)
{
	struct gwmap *g = arg;

	if ((g->n == PAGE_ROWS || g->page.n + row->key.n + row->value.n + 2 > TOOL_ARGS_MAX) &&
	    send_page(g) != EX_OK)
		return ERR_IO;
	arg_slice(&g->page, row->key);
	arg_slice(&g->page, row->value);
	g->lines[g->n++] = row->line;
	return ERR_OK;
}

static int
begin(struct gwmap *g, bool copies)
{
	struct buf args;
	int code;

	buf_init(&args, TOOL_ARGS_MAX);
	arg_slice(&args, g->name);
	tool_arg(&args, g->is_aliases ? "aliases" : "table");
	tool_arg(&args, copies ? "yes" : "no");
	code = call(g, "map.begin", &args);
	buf_fini(&args);
	if (code != EX_OK)
		return refused(g, code);
	if (!slice_to_cstr(buf_slice(&g->reply), g->number, sizeof(g->number)))
		return fault(EX_PROTOCOL, SLICE_LIT("not an answer of queue"));
	new_page(g);
	return EX_OK;
}

static int
finish(struct gwmap *g, int code)
{
	struct buf args;

	buf_init(&args, TOOL_ARGS_MAX);
	tool_arg(&args, g->number);
	if (code != EX_OK)
		(void)call(g, "map.abort", &args);
	else if ((code = call(g, "map.commit", &args)) != EX_OK)
		(void)refused(g, code);
	else if (!g->is_used)
		(void)fprintf(stderr, "gwmap: lmdb:%.*s: built; no domain uses it\n",
		    SLICE_FMT(g->name));
	buf_fini(&args);
	return code;
}

/* ---- reading ---- */

static int
read_source(struct gwmap *g, int fd)
{
	struct gwmap_source s;
	char mem[READ_BYTES];
	enum err e = ERR_OK;
	ssize_t n;

	gwmap_source_init(&s);
	s.is_aliases = g->is_aliases;
	s.has_lists = g->has_lists;
	s.keeps_case = g->keeps_case;
	s.fn = on_row;
	s.arg = g;
	while (e == ERR_OK &&
	    ((n = read(fd, mem, sizeof(mem))) > 0 || (n < 0 && errno == EINTR)))
		if (n > 0)
			e = gwmap_source_feed(&s, slice_of(mem, (size_t)n));
	if (e == ERR_OK && n < 0) {
		(void)fprintf(stderr, "gwmap: %s: %s\n", g->path, strerror(errno));
		e = ERR_IO;
	} else if (e == ERR_OK)
		e = gwmap_source_end(&s);
	if (s.fault[0] != '\0')
		(void)fprintf(stderr, "gwmap: %s:%u: %s\n", g->path, s.fault_line, s.fault);
	gwmap_source_fini(&s);
	if (e == ERR_OK)
		return send_page(g);
	return e == ERR_IO ? EX_IOERR : EX_DATAERR;
}

static int
build(struct gwmap *g)
{
	char path[PATH_MAX];
	int fd, code;

	(void)snprintf(path, sizeof(path), "%s%s%.*s", g->name.p[0] == '/' ? "" :
	    g->config_dir != NULL ? g->config_dir : GODWIT_SYSCONFDIR,
	    g->name.p[0] == '/' ? "" : "/", SLICE_FMT(g->name));
	g->path = path;
	if ((code = choose_syntax(g)) != EX_OK)
		return code;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		(void)fprintf(stderr, "gwmap: %s: %s\n", path, strerror(errno));
		return errno == EACCES ? EX_NOPERM : EX_NOINPUT;
	}
	if ((code = begin(g, false)) == EX_OK)
		code = finish(g, read_source(g, fd));
	(void)close(fd);
	return code;
}

static int
insert(struct gwmap *g)
{
	int code;

	g->path = "(standard input)";
	if ((code = choose_syntax(g)) == EX_OK && (code = begin(g, true)) == EX_OK)
		code = finish(g, read_source(g, STDIN_FILENO));
	return code;
}

/* ---- keys ---- */

typedef int key_fn(struct gwmap *, struct slice key, bool shows_key);

/* The key given, or those of standard input; 0 when one at least was there. */
static int
each_key(struct gwmap *g, key_fn *fn)
{
	char line[QUEUE_MAP_KEY_MAX + 2];
	struct buf key;
	int code = 1, got;
	bool is_list = strcmp(g->key, "-") == 0;

	buf_init(&key, QUEUE_MAP_KEY_MAX);
	for (;;) {
		if (!is_list)
			(void)!gwmap_source_key(&key, slice_str(g->key), g->keeps_case);
		else if (fgets(line, sizeof(line), stdin) == NULL)
			break;
		else
			(void)!gwmap_source_key(&key, slice_trim(slice_str(line)), g->keeps_case);
		got = key.n > 0 ? fn(g, buf_slice(&key), is_list) : 1;
		if (got == EX_OK && code == 1)
			code = EX_OK;
		else if (got > 1)
			code = got;
		if (!is_list || got > 1)
			break;
	}
	buf_fini(&key);
	return code;
}

static int
query_key(struct gwmap *g, struct slice key, bool shows_key)
{
	struct buf args;
	int code;

	buf_init(&args, TOOL_ARGS_MAX);
	arg_slice(&args, g->name);
	arg_slice(&args, key);
	code = call(g, "map.get", &args);
	buf_fini(&args);
	if (code > 1)
		return refused(g, code);
	if (code == EX_OK && shows_key)
		(void)printf("%.*s\t", SLICE_FMT(key));
	if (code == EX_OK)
		(void)printf("%.*s\n", SLICE_FMT(buf_slice(&g->reply)));
	return code;
}

static int
delete_key(struct gwmap *g, struct slice key, bool shows_key)
{
	int code;

	(void)shows_key;
	new_page(g);
	arg_slice(&g->page, key);
	if ((code = call(g, "map.del", &g->page)) != EX_OK)
		return refused(g, code);
	return slice_eq_str(buf_slice(&g->reply), "0") ? 1 : EX_OK;
}

static int
delete(struct gwmap *g)
{
	int code, ended;

	if ((code = choose_syntax(g)) != EX_OK || (code = begin(g, true)) != EX_OK)
		return code;
	g->is_used = true;	/* nothing to be said of it */
	code = each_key(g, delete_key);
	ended = finish(g, code > 1 ? code : EX_OK);
	return ended != EX_OK ? ended : code;
}

static int
dump(struct gwmap *g)
{
	struct buf args;
	int code;

	buf_init(&args, TOOL_ARGS_MAX);
	arg_slice(&args, g->name);
	code = tool_run("gwmap", g->config_dir, IPC_QUEUE, "map.dump", &args, -1);
	buf_fini(&args);
	return code;
}

/* ---- the command ---- */

static int
run_one(struct gwmap *g, const char *text)
{
	char typed[PATH_MAX + sizeof("lmdb:")];
	enum err e;

	(void)snprintf(typed, sizeof(typed), "%s%s", strchr(text, ':') == NULL ? "lmdb:" : "",
	    text);
	if ((e = conf_map_parse(slice_str(typed), &g->name)) != ERR_OK) {
		(void)fprintf(stderr, "gwmap: %s: %s; allowed: " CONF_MAP_ALLOWED "\n", text,
		    err_text(e));
		return EX_USAGE;
	}
	switch (g->mode) {
	case MODE_QUERY:
		return each_key(g, query_key);
	case MODE_DUMP:
		return dump(g);
	case MODE_DELETE:
		return delete(g);
	case MODE_INSERT:
		return insert(g);
	case MODE_BUILD:
	case MODE_ALL:
		break;
	}
	return build(g);
}

/* A query asks one table after the other, until one knows. */
static int
run_all(struct gwmap *g, int argc, char *argv[])
{
	int code = EX_OK, got;

	for (int i = 0; i < argc; i++) {
		got = run_one(g, argv[i]);
		if (g->mode == MODE_QUERY && got != 1)
			return got;
		if (got > code)
			code = got;
	}
	return code;
}

static int
run_aliases(struct gwmap *g)
{
	struct known k = { .g = g, .builds = true };
	struct slice rest, one;
	int code, got;

	buf_init(&k.names, 1u << 20);
	code = ask_known(g, &k);
	rest = code == EX_OK ? buf_slice(&k.names) : SLICE_NONE;
	if (code == EX_OK && rest.n == 0)
		(void)fprintf(stderr, "gwmap: no domain names a table of aliases\n");
	while (rest.n > 0) {
		rest = slice_cut(rest, '\0', &one);
		g->name = one;
		got = build(g);
		code = got > code ? got : code;
	}
	buf_fini(&k.names);
	return code;
}

static bool
set_mode(struct gwmap *g, enum mode mode, const char *key)
{
	if (g->mode != MODE_BUILD)
		return false;
	g->mode = mode;
	g->key = key;
	return true;
}

static bool
set_option(struct gwmap *g, int c)
{
	switch (c) {
	case 'a':
	case 't':
		g->syntax = (char)c;
		return true;
	case 'A':
		return set_mode(g, MODE_ALL, NULL);
	case 'c':
		g->config_dir = optarg;
		return true;
	case 'd':
		return set_mode(g, MODE_DELETE, optarg);
	case 'f':
		g->keeps_case = true;
		return true;
	case 'i':
		return set_mode(g, MODE_INSERT, NULL);
	case 'q':
		return set_mode(g, MODE_QUERY, optarg);
	case 'r':
		g->replaces = true;
		return true;
	case 's':
		return set_mode(g, MODE_DUMP, NULL);
	case 'N': case 'n': case 'o': case 'p': case 'u': case 'v': case 'w':
		return true;	/* of postmap, without meaning here */
	default:
		return false;
	}
}

static int
run(struct gwmap *g, int argc, char *argv[])
{
	enum err e = tool_connect(g->config_dir, &g->fd);
	int code;

	if (e == ERR_DENIED)
		return fault(EX_NOPERM, SLICE_LIT("the control socket is not for this user"));
	if (e != ERR_OK)
		return fault(EX_UNAVAILABLE, SLICE_LIT("godwit is not running"));
	code = g->mode == MODE_ALL ? run_aliases(g) : run_all(g, argc, argv);
	(void)close(g->fd);
	return code;
}

int
main(int argc, char *argv[])
{
	struct gwmap g = { .mode = MODE_BUILD };
	bool is_good = true;
	int c, code;

	while (is_good && (c = getopt(argc, argv, "aAc:d:fiNnopq:rstuvw")) != -1)
		is_good = set_option(&g, c);
	if (!is_good || (g.mode == MODE_ALL) != (optind == argc))
		return usage();
	buf_init(&g.page, TOOL_ARGS_MAX);
	buf_init(&g.reply, IPC_FRAME_MAX);
	code = run(&g, argc - optind, argv + optind);
	buf_fini(&g.page);
	buf_fini(&g.reply);
	if (fflush(stdout) != 0)
		code = EX_IOERR;
	return code;
}
