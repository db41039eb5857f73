/* SPDX-License-Identifier: ISC */
#include "lib/conf/conf_edit.h"

#include <string.h>

#include "lib/conf/conf_text.h"

enum err
conf_name_parse(const struct opt_section *defs, struct slice text, struct conf_name *n)
{
	size_t first = slice_find(text, '.'), last = slice_rfind(text, '.');

	memset(n, 0, sizeof(*n));
	if (first == text.n) {
		n->def = opt_section_find(defs, SLICE_LIT("godwit"));
		n->opt = opt_find(n->def, text);
		if (n->opt != NULL)
			return ERR_OK;
		n->def = opt_section_find(defs, text);
		return n->def != NULL ? ERR_OK : ERR_NOTFOUND;
	}
	n->def = opt_section_find(defs, slice_head(text, first));
	if (n->def == NULL)
		return ERR_NOTFOUND;
	if (n->def->titled && first < last)
		n->title = slice_of(text.p + first + 1, last - first - 1);
	else if (first != last)
		return ERR_NOTFOUND;
	n->opt = opt_find(n->def, slice_from(text, last + 1));
	return n->opt != NULL ? ERR_OK : ERR_NOTFOUND;
}

static void
put_quoted(struct buf *b, struct slice s)
{
	buf_put_char(b, '"');
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '"' || s.p[i] == '\\')
			buf_put_char(b, '\\');
		buf_put_char(b, s.p[i]);
	}
	buf_put_char(b, '"');
}

static void
put_value(struct buf *b, const struct opt *o, struct slice value)
{
	struct slice one;
	bool first = true;

	if (o->type == OPT_TYPE_NUM || o->type == OPT_TYPE_BOOL || o->type == OPT_TYPE_ENUM) {
		bool bare = value.n > 0;

		for (size_t i = 0; i < value.n; i++)
			bare = bare && (ascii_is_alnum(value.p[i]) || value.p[i] == '.');
		if (bare) {
			buf_put_slice(b, value);
			return;
		}
	}
	if (!opt_is_list(o->type)) {
		put_quoted(b, value);
		return;
	}
	buf_put_char(b, '{');
	while (value.n > 0) {
		value = slice_cut(value, ',', &one);
		one = slice_trim(one);
		if (one.n == 0)
			continue;
		if (!first)
			buf_put_str(b, ", ");
		first = false;
		put_quoted(b, one);
	}
	buf_put_char(b, '}');
}

static void
put_assign(struct buf *b, const struct opt *o, struct slice value)
{
	buf_printf(b, "%s = ", o->name);
	put_value(b, o, value);
}

static int
find_block(const struct conf_text *t, const struct conf_name *n)
{
	for (size_t i = 0; i < t->block_count; i++) {
		const struct conf_block *b = &t->blocks[i];

		if (slice_eq_str(b->name, n->def->name) && slice_eq(b->title, n->title))
			return (int)i;
	}
	return -1;
}

static const struct conf_assign *
find_assign(const struct conf_text *t, int block, const char *name)
{
	for (size_t i = 0; i < t->assign_count; i++) {
		if (t->assigns[i].block == block && slice_eq_str(t->assigns[i].name, name))
			return &t->assigns[i];
	}
	return NULL;
}

/* Behind the last top-level assignment that comes before any section. */
static size_t
top_place(const struct conf_text *t, struct slice text)
{
	size_t at = 0;

	for (size_t i = 0; i < t->assign_count; i++) {
		if (t->assigns[i].block == -1)
			at = t->assigns[i].value_end;
	}
	if (at == 0 && t->block_count > 0)
		return t->blocks[0].name_at;
	if (at == 0)
		return text.n;
	while (at < text.n && text.p[at] != '\n')
		at++;
	return at < text.n ? at + 1 : at;
}

static void
insert_top(const struct conf_text *t, struct slice text, const struct conf_name *n,
    struct slice value, struct buf *out)
{
	size_t at = top_place(t, text);

	buf_put(out, text.p, at);
	if (at > 0 && text.p[at - 1] != '\n')
		buf_put_char(out, '\n');
	put_assign(out, n->opt, value);
	buf_put_char(out, '\n');
	buf_put_slice(out, slice_from(text, at));
}

/* Before the closing brace, in the block's own way: one line or many. */
static void
insert_in_block(const struct conf_block *b, struct slice text, const struct conf_name *n,
    struct slice value, struct buf *out)
{
	struct slice body = slice_of(text.p + b->body_at, b->end_at - b->body_at);
	bool lines = slice_find(body, '\n') < body.n;
	size_t at = b->end_at;

	if (lines) {
		while (at > b->body_at && (text.p[at - 1] == ' ' || text.p[at - 1] == '\t'))
			at--;
	}
	buf_put(out, text.p, at);
	if (lines) {
		if (at > 0 && text.p[at - 1] != '\n')
			buf_put_char(out, '\n');
		buf_put_str(out, "    ");
		put_assign(out, n->opt, value);
		buf_put_char(out, '\n');
	} else {
		if (at > 0 && text.p[at - 1] != ' ')
			buf_put_char(out, ' ');
		put_assign(out, n->opt, value);
		buf_put_char(out, ' ');
	}
	buf_put_slice(out, slice_from(text, at));
}

static void
append_block(struct slice text, const struct conf_name *n, struct slice value, struct buf *out)
{
	buf_put_slice(out, text);
	if (text.n > 0 && text.p[text.n - 1] != '\n')
		buf_put_char(out, '\n');
	buf_put_str(out, n->def->name);
	if (n->title.p != NULL) {
		buf_put_char(out, ' ');
		put_quoted(out, n->title);
	}
	buf_put_str(out, " { ");
	put_assign(out, n->opt, value);
	buf_put_str(out, " }\n");
}

enum err
conf_edit(struct slice text, const struct conf_name *n, struct slice value, struct buf *out)
{
	bool top = strcmp(n->def->name, "godwit") == 0;
	const struct conf_assign *a;
	struct conf_text t;
	int block;
	enum err e;

	e = conf_text_parse(&t, text);
	if (e == ERR_OK) {
		block = top ? -1 : find_block(&t, n);
		a = top || block >= 0 ? find_assign(&t, block, n->opt->name) : NULL;
		if (a != NULL) {
			buf_put(out, text.p, a->value_at);
			put_value(out, n->opt, value);
			buf_put_slice(out, slice_from(text, a->value_end));
		} else if (top)
			insert_top(&t, text, n, value, out);
		else if (block >= 0)
			insert_in_block(&t.blocks[block], text, n, value, out);
		else
			append_block(text, n, value, out);
		e = buf_err(out);
	}
	conf_text_fini(&t);
	return e;
}
