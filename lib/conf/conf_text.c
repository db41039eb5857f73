/* SPDX-License-Identifier: ISC */
#include "lib/conf/conf_text.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/must.h"

enum token { TOK_END, TOK_STRING, TOK_MARK, TOK_BAD };

struct lexer {
	struct conf_text	*t;
	struct slice		 text;
	size_t			 at;
	unsigned		 line;
	/* the token */
	enum token		 kind;
	char			 mark;		/* of TOK_MARK */
	bool			 quoted;
	size_t			 start, end;
	unsigned		 start_line;
};

static enum token
bad(struct lexer *l, unsigned line, const char *what)
{
	l->t->error = what;
	l->t->error_line = line;
	l->kind = TOK_BAD;
	return TOK_BAD;
}

static char
peek(const struct lexer *l, size_t ahead)
{
	return l->at + ahead < l->text.n ? l->text.p[l->at + ahead] : '\0';
}

static void
blank(struct lexer *l)
{
	if (l->text.p[l->at] == '\n')
		l->line++;
	else
		buf_data(&l->t->plain)[l->at] = ' ';
	l->at++;
}

static bool
skip_comment(struct lexer *l)
{
	unsigned line = l->line;

	if (peek(l, 0) == '#' || (peek(l, 0) == '/' && peek(l, 1) == '/')) {
		while (l->at < l->text.n && l->text.p[l->at] != '\n')
			blank(l);
		return true;
	}
	blank(l);
	blank(l);	/* so that the star of its begin does not end it */
	while (l->at < l->text.n && !(peek(l, 0) == '*' && peek(l, 1) == '/'))
		blank(l);
	if (l->at == l->text.n) {
		(void)bad(l, line, "unfinished comment");
		return false;
	}
	blank(l);
	blank(l);
	return true;
}

static bool
skip_space(struct lexer *l)
{
	for (;;) {
		char c = peek(l, 0);

		if (l->at == l->text.n)
			return true;
		if (c == '#' || (c == '/' && (peek(l, 1) == '/' || peek(l, 1) == '*'))) {
			if (!skip_comment(l))
				return false;
			continue;
		}
		if (c == '\n')
			l->line++;
		else if (c != ' ' && c != '\t' && c != '\r')
			return true;
		l->at++;
	}
}

static enum token
quoted(struct lexer *l, char quote)
{
	for (l->at++; l->at < l->text.n; l->at++) {
		char c = l->text.p[l->at];

		if (c == quote) {
			l->end = ++l->at;
			l->quoted = true;
			return TOK_STRING;
		}
		if (quote == '"' && c == '$' && peek(l, 1) == '{')
			return bad(l, l->line, "${} is not expanded here; write the value");
		if (c == '\\' && l->at + 1 < l->text.n) {
			c = l->text.p[++l->at];
			if (quote == '"' && (ascii_is_digit(c) || c == 'x'))
				return bad(l, l->line, "numeric escape in a string");
		}
		if (c == '\n')
			l->line++;
	}
	return bad(l, l->start_line, "unfinished string");
}

static bool
is_bare(char c)
{
	return ascii_is_alnum(c) || (c != '\0' && strchr("_-.:@%~/", c) != NULL);
}

static enum token
bare(struct lexer *l)
{
	while (is_bare(peek(l, 0)) &&
	    !(peek(l, 0) == '/' && (peek(l, 1) == '/' || peek(l, 1) == '*')))
		l->at++;
	l->end = l->at;
	if (l->end == l->start) {
		if (peek(l, 0) == '$' && peek(l, 1) == '{')
			return bad(l, l->line, "${} is not expanded here; write the value");
		if (peek(l, 0) == '+' && peek(l, 1) == '=')
			return bad(l, l->line, "+= does not exist here; write the whole list");
		return bad(l, l->line, "character out of place; strings with it stand in quotes");
	}
	return TOK_STRING;
}

static enum token
next(struct lexer *l)
{
	char c;

	if (!skip_space(l))
		return TOK_BAD;
	l->start = l->end = l->at;
	l->start_line = l->line;
	l->quoted = false;
	if (l->at == l->text.n)
		return l->kind = TOK_END;
	c = peek(l, 0);
	if (strchr("{}()=,", c) != NULL) {
		l->mark = c;
		l->end = ++l->at;
		return l->kind = TOK_MARK;
	}
	return l->kind = c == '"' || c == '\'' ? quoted(l, c) : bare(l);
}

static bool
is_mark(const struct lexer *l, char c)
{
	return l->kind == TOK_MARK && l->mark == c;
}

static struct slice
token_text(const struct lexer *l)
{
	return slice_of(l->text.p + l->start, l->end - l->start);
}

static struct slice
unquoted(const struct lexer *l)
{
	struct slice s = token_text(l);

	return l->quoted ? slice_of(s.p + 1, s.n - 2) : s;
}

static enum err
unexpected(struct lexer *l, const char *what)
{
	if (l->kind != TOK_BAD)
		(void)bad(l, l->start_line, what);
	return ERR_SYNTAX;
}

/* Behind "=". */
static enum err
parse_value(struct lexer *l, struct conf_assign *a)
{
	(void)next(l);
	a->value_at = l->start;
	a->value_end = l->end;
	if (l->kind == TOK_STRING) {
		a->value_count = 1;
		return ERR_OK;
	}
	if (!is_mark(l, '{'))
		return unexpected(l, "value missing");
	a->is_list = true;
	for (;;) {
		(void)next(l);
		a->value_end = l->end;
		if (is_mark(l, '}'))
			return ERR_OK;
		if (l->kind != TOK_STRING)
			return unexpected(l, "string or } missing in a list");
		a->value_count++;
		(void)next(l);
		a->value_end = l->end;
		if (is_mark(l, '}'))
			return ERR_OK;
		if (!is_mark(l, ','))
			return unexpected(l, "comma or } missing in a list");
	}
}

static enum err
parse_assign(struct lexer *l, int block, struct slice name, size_t name_at, unsigned line)
{
	struct conf_text *t = l->t;
	struct conf_assign a = { .block = block, .name = name, .line = line, .name_at = name_at };
	enum err e;

	if (t->assign_count == CONF_ITEMS_MAX)
		return unexpected(l, "too many options");
	e = parse_value(l, &a);
	if (e != ERR_OK)
		return e;
	t->assigns = must_realloc(t->assigns, t->assign_count + 1, sizeof(a));
	t->assigns[t->assign_count++] = a;
	return ERR_OK;
}

/* Behind "{" up to "}". */
static enum err
parse_body(struct lexer *l, size_t block)
{
	struct conf_text *t = l->t;

	for (;;) {
		struct slice name;
		size_t name_at;
		unsigned line;
		enum err e;

		(void)next(l);
		if (is_mark(l, '}')) {
			t->blocks[block].end_at = l->start;
			return ERR_OK;
		}
		if (l->kind == TOK_END)
			return unexpected(l, "} missing at the end of the file");
		if (l->kind != TOK_STRING || l->quoted)
			return unexpected(l, "name of an option missing");
		name = token_text(l);
		name_at = l->start;
		line = l->start_line;
		(void)next(l);
		if (!is_mark(l, '='))
			return unexpected(l, "= missing behind the name of an option");
		e = parse_assign(l, (int)block, name, name_at, line);
		if (e != ERR_OK)
			return e;
	}
}

static enum err
parse_block(struct lexer *l, struct conf_block b)
{
	struct conf_text *t = l->t;

	if (l->kind == TOK_STRING) {
		b.title = unquoted(l);
		if (slice_find(b.title, '\\') < b.title.n ||
		    slice_find(b.title, '\n') < b.title.n)
			return unexpected(l, "title with a backslash or line end");
		(void)next(l);
	}
	if (!is_mark(l, '{'))
		return unexpected(l, "= or { missing");
	if (t->block_count == CONF_ITEMS_MAX)
		return unexpected(l, "too many sections");
	b.body_at = l->end;
	t->blocks = must_realloc(t->blocks, t->block_count + 1, sizeof(b));
	t->blocks[t->block_count++] = b;
	return parse_body(l, t->block_count - 1);
}

/* Behind "include (". */
static enum err
parse_include(struct lexer *l, size_t at, unsigned line)
{
	struct conf_text *t = l->t;
	struct conf_include inc = { .line = line, .at = at };

	if (next(l) != TOK_STRING)
		return unexpected(l, "file name missing in include");
	inc.path = unquoted(l);
	if (slice_find(inc.path, '\\') < inc.path.n || inc.path.n == 0)
		return unexpected(l, "file name of include is empty or has a backslash");
	(void)next(l);
	if (!is_mark(l, ')'))
		return unexpected(l, ") missing behind include");
	inc.end = l->end;
	if (t->include_count == CONF_ITEMS_MAX)
		return unexpected(l, "too many includes");
	t->includes = must_realloc(t->includes, t->include_count + 1, sizeof(inc));
	t->includes[t->include_count++] = inc;
	return ERR_OK;
}

static enum err
parse_file(struct lexer *l)
{
	for (;;) {
		struct slice name;
		size_t at;
		unsigned line;
		enum err e;

		(void)next(l);
		if (l->kind == TOK_END)
			return ERR_OK;
		if (is_mark(l, '}'))
			return unexpected(l, "} without {");
		if (l->kind != TOK_STRING || l->quoted)
			return unexpected(l, "name of an option or section missing");
		name = token_text(l);
		at = l->start;
		line = l->start_line;
		(void)next(l);
		if (is_mark(l, '='))
			e = parse_assign(l, -1, name, at, line);
		else if (is_mark(l, '(') && slice_eq_str(name, "include"))
			e = parse_include(l, at, line);
		else
			e = parse_block(l, (struct conf_block){ .name = name, .line = line,
			    .name_at = at });
		if (e != ERR_OK)
			return e;
	}
}

static enum err
check_bytes(struct conf_text *t, struct slice text)
{
	t->error_line = 1;
	if (text.n > CONF_TEXT_MAX) {
		t->error = "file larger than 1 MiB";
		return ERR_LIMIT;
	}
	for (size_t i = 0; i < text.n; i++) {
		unsigned char c = (unsigned char)text.p[i];

		if (c == '\n')
			t->error_line++;
		if ((c < ' ' && c != '\n' && c != '\t' && c != '\r') || c == 0x7f) {
			t->error = "control character";
			return ERR_SYNTAX;
		}
	}
	if (!utf8_ok(text)) {
		t->error = "not UTF-8";
		t->error_line = 1;
		return ERR_SYNTAX;
	}
	return ERR_OK;
}

enum err
conf_text_parse(struct conf_text *t, struct slice text)
{
	struct lexer l = { .t = t, .text = text, .line = 1 };
	enum err e;

	memset(t, 0, sizeof(*t));
	buf_init(&t->plain, CONF_TEXT_MAX + 1);
	e = check_bytes(t, text);
	if (e != ERR_OK)
		return e;
	buf_put_slice(&t->plain, text);
	e = parse_file(&l);
	t->lines = l.line;
	if (e == ERR_OK)
		t->error_line = 0;
	return e;
}

void
conf_text_fini(struct conf_text *t)
{
	buf_fini(&t->plain);
	free(t->blocks);
	free(t->assigns);
	free(t->includes);
	memset(t, 0, sizeof(*t));
}
