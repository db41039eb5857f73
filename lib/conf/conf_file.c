/* SPDX-License-Identifier: ISC */
/*
 * From text to sections: check_names looks for the first unknown name,
 * make_sections and mark_assigns blank what was given twice (so that
 * libconfuse, where the last one silently wins, never sees it), and
 * bind_values moves libconfuse's strings into the rows' structs.
 */
#include "lib/conf/conf_file.h"

#include <confuse.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/must.h"
#include "lib/conf/conf_grammar.h"
#include "lib/conf/conf_source.h"
#include "lib/conf/opt_priv.h"

#define VALUE_SHOWN_MAX	100

struct reading {
	struct conf			*conf;
	const struct opt_section	*defs;
	struct buf			*errors;
	struct conf_source		 source;
	bool				*skip_block;	/* duplicates */
	bool				*skip_assign;
	struct conf_section		**of_block;
};

static void
put_section_name(struct buf *b, const struct opt_section *def, const char *title)
{
	if (strcmp(def->name, "godwit") == 0)
		return;
	buf_put_str(b, def->name);
	if (title != NULL)
		buf_printf(b, " \"%s\"", title);
	buf_put_str(b, ": ");
}

static void
put_place(struct buf *b, struct conf_place p)
{
	if (p.file != NULL)
		buf_printf(b, "%s:%u: ", p.file, p.line);
	else
		buf_put_str(b, CONF_FILE_NAME ": ");
}

static size_t
row_idx(const struct opt_section *def, const char *name)
{
	size_t i = 0;

	while (def->rows[i].name != NULL && strcmp(def->rows[i].name, name) != 0)
		i++;
	return i;
}

static bool
is_told(const struct conf_section *s, const char *option)
{
	for (size_t i = 0; s->def->rows[i].name != NULL; i++) {
		if (s->wrong[i] && (s->title != NULL ||
		    (option != NULL && strcmp(option, s->def->rows[i].name) == 0)))
			return true;
	}
	return false;
}

void
conf_fault(struct buf *errors, const struct conf_section *s, const char *option,
    const char *fmt, ...)
{
	struct conf_place p = s->place;
	va_list ap;
	size_t row;

	if (is_told(s, option))
		return;
	if (option != NULL) {
		row = row_idx(s->def, option);
		if (s->def->rows[row].name != NULL && s->places[row].file != NULL)
			p = s->places[row];
	}
	put_place(errors, p);
	put_section_name(errors, s->def, s->title);
	if (option != NULL) {
		row = row_idx(s->def, option);
		buf_put_str(errors, option);
		if (s->def->rows[row].name != NULL && s->places[row].file != NULL) {
			buf_put_str(errors, " = ");
			opt_print(&s->def->rows[row], s->values, errors);
		}
		buf_put_str(errors, ": ");
	}
	va_start(ap, fmt);
	buf_vprintf(errors, fmt, ap);
	va_end(ap);
	buf_put_char(errors, '\n');
}

static void
put_names(struct buf *b, const struct opt_section *def)
{
	for (const struct opt *o = def->rows; o->name != NULL; o++)
		buf_printf(b, "%s%s", o == def->rows ? "" : ", ", o->name);
}

static enum err
check_block_names(struct reading *r, const struct conf_block *b)
{
	const struct opt_section *def = opt_section_find(r->defs, b->name);
	const char *sep = "";

	if (def != NULL && strcmp(def->name, "godwit") != 0) {
		if (def->titled == (b->title.p != NULL))
			return ERR_OK;
		put_place(r->errors, conf_source_place(&r->source, b->line));
		buf_printf(r->errors, "%s: %s\n", def->name, def->titled ?
		    "title missing; allowed: " "a name in quotes" : "takes no title");
		return ERR_SYNTAX;
	}
	put_place(r->errors, conf_source_place(&r->source, b->line));
	buf_printf(r->errors, "%.*s: unknown section; allowed: ", SLICE_FMT(b->name));
	for (def = r->defs; def->name != NULL; def++) {
		if (strcmp(def->name, "godwit") == 0)
			continue;
		buf_printf(r->errors, "%s%s", sep, def->name);
		sep = ", ";
	}
	buf_put_char(r->errors, '\n');
	return ERR_SYNTAX;
}

static const struct opt_section *
section_of(const struct reading *r, const struct conf_assign *a)
{
	if (a->block < 0)
		return opt_section_find(r->defs, SLICE_LIT("godwit"));
	return opt_section_find(r->defs, r->source.parsed.blocks[a->block].name);
}

/* In the order of the file: a section's name comes before its options. */
static enum err
check_names(struct reading *r)
{
	const struct conf_text *t = &r->source.parsed;
	size_t block = 0;

	for (size_t i = 0; i <= t->assign_count; i++) {
		const struct conf_assign *a = &t->assigns[i];
		const struct opt_section *def;
		size_t until = i < t->assign_count ? a->name_at : SIZE_MAX;

		for (; block < t->block_count && t->blocks[block].name_at < until; block++) {
			if (check_block_names(r, &t->blocks[block]) != ERR_OK)
				return ERR_SYNTAX;
		}
		if (i == t->assign_count)
			break;
		def = section_of(r, a);
		if (opt_find(def, a->name) != NULL)
			continue;
		put_place(r->errors, conf_source_place(&r->source, a->line));
		put_section_name(r->errors, def, NULL);
		buf_printf(r->errors, "%.*s: unknown option; allowed: ", SLICE_FMT(a->name));
		put_names(r->errors, def);
		buf_put_char(r->errors, '\n');
		return ERR_SYNTAX;
	}
	return ERR_OK;
}

static void
blank_out(struct reading *r, size_t from, size_t to)
{
	char *p = buf_data(&r->source.parsed.plain);

	for (size_t i = from; i < to; i++) {
		if (p[i] != '\n')
			p[i] = ' ';
	}
}

static struct conf_section *
add_section(struct conf *c, const struct opt_section *def, struct slice title)
{
	struct conf_section *s;
	size_t rows = 0;

	c->sections = must_realloc(c->sections, c->section_count + 1, sizeof(*s));
	s = &c->sections[c->section_count++];
	*s = (struct conf_section){ .def = def };
	while (def->rows[rows].name != NULL)
		rows++;
	if (def->titled)
		s->title = opt_strdup(title.p, title.n);
	s->places = must_alloc(rows + 1, sizeof(*s->places));
	s->wrong = must_alloc(rows + 1, sizeof(*s->wrong));
	s->values = must_alloc(1, def->struct_bytes);
	opt_defaults(def, s->values);
	for (const struct opt *o = def->rows; o->name != NULL; o++) {
		struct buf why;

		if (o->type != OPT_TYPE_PATH)
			continue;
		buf_init(&why, 1024);
		if (opt_set(o, s->values, &o->def, 1, c->dir, &why) != ERR_OK)
			opt_free(def, s->values);	/* a directory longer than any path */
		buf_fini(&why);
	}
	return s;
}

static struct conf_section *
find_titled(const struct conf *c, const struct opt_section *def, struct slice title)
{
	for (size_t i = 0; i < c->section_count; i++) {
		struct conf_section *s = &c->sections[i];

		if (s->def == def && (!def->titled || slice_eq_str(title, s->title)))
			return s;
	}
	return NULL;
}

/* Makes the sections; a second one of a kind, and a second assignment, go. */
static void
make_sections(struct reading *r)
{
	struct conf_text *t = &r->source.parsed;
	size_t *idx = must_alloc(t->block_count + 1, sizeof(*idx));

	for (const struct opt_section *def = r->defs; def->name != NULL; def++) {
		if (!def->titled)
			(void)add_section(r->conf, def, SLICE_NONE);
	}
	for (size_t i = 0; i < t->block_count; i++) {
		const struct conf_block *b = &t->blocks[i];
		const struct opt_section *def = opt_section_find(r->defs, b->name);
		struct conf_section *s = find_titled(r->conf, def, b->title);
		struct conf_place p = conf_source_place(&r->source, b->line);

		if (s != NULL && s->place.file != NULL) {
			put_place(r->errors, p);
			put_section_name(r->errors, def, s->title);
			buf_printf(r->errors, "section given twice; first at %s:%u\n",
			    s->place.file, s->place.line);
			r->skip_block[i] = true;
			blank_out(r, b->name_at, b->end_at + 1);
			continue;
		}
		if (s == NULL)
			s = add_section(r->conf, def, b->title);
		s->place = p;
		idx[i] = (size_t)(s - r->conf->sections);
	}
	/* Only now: add_section moves them. */
	for (size_t i = 0; i < t->block_count; i++)
		r->of_block[i] = &r->conf->sections[idx[i]];
	free(idx);
}

static void
put_value(const struct reading *r, const struct conf_assign *a)
{
	struct slice v = slice_of(buf_data(&r->source.text) + a->value_at, a->value_end - a->value_at);
	size_t n = v.n;

	if (n > VALUE_SHOWN_MAX) {
		n = VALUE_SHOWN_MAX;
		while (n > 0 && ((unsigned char)v.p[n] & 0xc0) == 0x80)
			n--;
	}
	for (size_t i = 0; i < n; i++)
		buf_put_char(r->errors, (unsigned char)v.p[i] < ' ' ? ' ' : v.p[i]);
	if (n < v.n)
		buf_put_str(r->errors, "...");
}

static void
value_fault(const struct reading *r, const struct conf_assign *a, struct conf_section *s,
    struct slice why)
{
	s->wrong[opt_find(s->def, a->name) - s->def->rows] = true;
	put_place(r->errors, conf_source_place(&r->source, a->line));
	put_section_name(r->errors, s->def, s->title);
	buf_printf(r->errors, "%.*s = ", SLICE_FMT(a->name));
	put_value(r, a);
	buf_put_str(r->errors, ": ");
	buf_put_slice(r->errors, why);
	buf_put_char(r->errors, '\n');
}

static struct conf_section *
assign_section(const struct reading *r, const struct conf_assign *a)
{
	return a->block < 0 ? conf_find(r->conf, "godwit", 0) : r->of_block[a->block];
}

static void
mark_assigns(struct reading *r)
{
	struct conf_text *t = &r->source.parsed;

	for (size_t i = 0; i < t->assign_count; i++) {
		const struct conf_assign *a = &t->assigns[i];
		struct conf_section *s;
		const struct opt *o;
		struct conf_place *p;
		struct buf why;

		if (a->block >= 0 && r->skip_block[a->block]) {
			r->skip_assign[i] = true;
			continue;
		}
		s = assign_section(r, a);
		o = opt_find(s->def, a->name);
		p = &s->places[o - s->def->rows];
		buf_init(&why, 4096);
		if (p->file != NULL)
			buf_printf(&why, "option given twice; first at %s:%u", p->file, p->line);
		else if (a->is_list && !opt_is_list(o->type)) {
			buf_put_str(&why, "a list; allowed: ");
			opt_print_allowed(o, &why);
		}
		if (buf_slice(&why).n > 0) {
			value_fault(r, a, s, buf_slice(&why));
			r->skip_assign[i] = true;
			blank_out(r, a->name_at, a->value_end);
		}
		if (p->file == NULL)
			*p = conf_source_place(&r->source, a->line);
		buf_fini(&why);
	}
}

static cfg_t *
cfg_section_of(const struct reading *r, cfg_t *cfg, int block)
{
	const struct conf_block *b;
	unsigned n = 0;

	if (block < 0)
		return cfg;
	b = &r->source.parsed.blocks[block];
	for (int i = 0; i < block; i++)
		n += !r->skip_block[i] && slice_eq(r->source.parsed.blocks[i].name, b->name);
	return cfg_getnsec(cfg, r->of_block[block]->def->name, n);
}

static void
bind_values(struct reading *r, cfg_t *cfg)
{
	for (size_t i = 0; i < r->source.parsed.assign_count; i++) {
		const struct conf_assign *a = &r->source.parsed.assigns[i];
		const char **values;
		struct conf_section *s;
		const struct opt *o;
		struct buf why;
		cfg_t *sec;

		if (r->skip_assign[i])
			continue;
		s = assign_section(r, a);
		o = opt_find(s->def, a->name);
		sec = cfg_section_of(r, cfg, a->block);
		if (sec == NULL || cfg_size(sec, o->name) != a->value_count) {
			value_fault(r, a, s, SLICE_LIT("not understood by libconfuse"));
			continue;
		}
		values = must_alloc(a->value_count + 1, sizeof(*values));
		for (unsigned v = 0; v < a->value_count; v++)
			values[v] = cfg_getnstr(sec, o->name, v);
		buf_init(&why, 4096);
		if (opt_set(o, s->values, values, a->value_count, r->conf->dir, &why) != ERR_OK)
			value_fault(r, a, s, buf_slice(&why));
		buf_fini(&why);
		free(values);
	}
}

static void
check_missing(struct reading *r)
{
	struct conf *c = r->conf;

	for (size_t i = 0; i < c->section_count; i++) {
		struct conf_section *s = &c->sections[i];
		struct buf b;

		for (const struct opt *o = s->def->rows; o->name != NULL; o++) {
			if (!opt_is_list(o->type) || strcmp(o->min, "0") == 0 || conf_is_set(s, o))
				continue;
			buf_init(&b, 4096);
			opt_print_allowed(o, &b);
			conf_fault(r->errors, s, o->name, "missing; allowed: %s", buf_cstr(&b));
			buf_fini(&b);
		}
		buf_init(&b, CONF_SECTION_BYTES);
		opt_encode(s->def, s->values, &b);
		if (buf_err(&b) != ERR_OK)
			conf_fault(r->errors, s, NULL, "section too large; allowed: %u bytes",
			    CONF_SECTION_BYTES);
		buf_fini(&b);
	}
}

static void
no_message(cfg_t *cfg, const char *fmt, va_list ap)
{
	(void)cfg;
	(void)fmt;
	(void)ap;
}

static enum err
read_values(struct reading *r)
{
	cfg_opt_t *grammar = conf_grammar_new(r->defs);
	cfg_t *cfg = cfg_init(grammar, CFGF_NONE);
	const char *plain = buf_cstr(&r->source.parsed.plain);

	must(cfg != NULL && plain != NULL);
	cfg_set_error_function(cfg, no_message);
	if (cfg_parse_buf(cfg, plain) == CFG_SUCCESS) {
		bind_values(r, cfg);
		check_missing(r);
	} else
		buf_put_str(r->errors, CONF_FILE_NAME ":1: not understood by libconfuse\n");
	cfg_free(cfg);
	conf_grammar_free(&grammar);
	return buf_slice(r->errors).n == 0 ? ERR_OK : ERR_SYNTAX;
}

enum err
conf_read(const char *dir, const struct opt_section *defs, conf_load_fn *load, void *arg,
    struct conf **out, struct buf *errors)
{
	struct reading r = { .defs = defs, .errors = errors };
	bool is_whole = false;
	enum err e;

	*out = NULL;
	r.conf = must_alloc(1, sizeof(*r.conf));
	r.conf->dir = opt_strdup(dir, strlen(dir));
	r.source = (struct conf_source){ .dir = r.conf->dir, .load = load, .arg = arg,
	    .files = &r.conf->files, .errors = errors };
	e = conf_source_read(&r.source);
	if (e == ERR_OK)
		e = check_names(&r);
	if (e == ERR_OK) {
		r.skip_block = must_alloc(r.source.parsed.block_count + 1, sizeof(bool));
		r.skip_assign = must_alloc(r.source.parsed.assign_count + 1, sizeof(bool));
		r.of_block = must_alloc(r.source.parsed.block_count + 1, sizeof(*r.of_block));
		make_sections(&r);
		mark_assigns(&r);
		e = read_values(&r);
		is_whole = true;
	}
	free(r.skip_block);
	free(r.skip_assign);
	free(r.of_block);
	conf_source_fini(&r.source);
	if (is_whole)
		*out = r.conf;
	else
		conf_free(&r.conf);
	return e;
}

void
conf_free(struct conf **pc)
{
	struct conf *c = *pc;

	if (c == NULL)
		return;
	*pc = NULL;
	for (size_t i = 0; i < c->section_count; i++) {
		struct conf_section *s = &c->sections[i];

		opt_free(s->def, s->values);
		free(s->values);
		free(s->places);
		free(s->wrong);
		free(s->title);
	}
	opt_list_free(&c->files);
	free(c->sections);
	free(c->dir);
	free(c);
}

struct conf_section *
conf_find(const struct conf *c, const char *name, size_t idx)
{
	for (size_t i = 0; i < c->section_count; i++) {
		if (strcmp(c->sections[i].def->name, name) == 0 && idx-- == 0)
			return &c->sections[i];
	}
	return NULL;
}

struct conf_section *
conf_find_titled(const struct conf *c, const char *name, const char *title)
{
	struct conf_section *s;

	for (size_t i = 0; (s = conf_find(c, name, i)) != NULL; i++) {
		if (s->title != NULL && strcmp(s->title, title) == 0)
			return s;
	}
	return NULL;
}

size_t
conf_count(const struct conf *c, const char *name)
{
	size_t n = 0;

	while (conf_find(c, name, n) != NULL)
		n++;
	return n;
}

const void *
conf_values(const struct conf *c, const char *name)
{
	const struct conf_section *s = conf_find(c, name, 0);

	must(s != NULL && !s->def->titled);
	return s->values;
}

struct conf_section *
conf_add(struct conf *c, const struct opt_section *def, const char *title)
{
	return add_section(c, def, slice_str(title));
}

bool
conf_is_set(const struct conf_section *s, const struct opt *o)
{
	return s->places[o - s->def->rows].file != NULL;
}
