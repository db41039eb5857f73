/* SPDX-License-Identifier: ISC */
#include "lib/conf/opt_man.h"

#include <string.h>

enum { MDOC_COLUMNS = 72 };

const char *
opt_man_when(enum opt_when when)
{
	switch (when) {
	case OPT_RELOAD:
		return "godwit reload";
	case OPT_RESTART:
		return "godwit stop and start";
	case OPT_SETUP:
		return "only before the first start";
	}
	return "";
}

static void
put_escaped(struct buf *b, struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '\\')
			buf_put_str(b, "\\e");
		else if (s.p[i] == '"')
			buf_put_str(b, "\\(dq");
		else
			buf_put_char(b, s.p[i]);
	}
}

/* Lines of MDOC_COLUMNS, a new one for each sentence, none a macro. */
static void
put_words(struct buf *b, const char *text)
{
	struct slice rest = slice_str(text), word;
	size_t column = 0;

	while (rest.n > 0) {
		rest = slice_cut(rest, ' ', &word);
		if (column > 0 && column + 1 + word.n > MDOC_COLUMNS) {
			buf_put_char(b, '\n');
			column = 0;
		} else if (column > 0) {
			buf_put_char(b, ' ');
			column++;
		}
		if (column == 0 && word.n > 0 && (word.p[0] == '.' || word.p[0] == '\''))
			buf_put_str(b, "\\&");
		put_escaped(b, word);
		column += word.n;
		if (slice_ends(word, ".") && !slice_eq_str(word, "e.g."))
			column = MDOC_COLUMNS;
	}
	buf_put_char(b, '\n');
}

static void
put_option(struct buf *b, const struct opt *o)
{
	struct buf t;

	buf_printf(b, ".It Ic %s\n", o->name);
	put_words(b, o->help);
	buf_init(&t, 4096);
	opt_print_default(o, &t);
	buf_put_str(b, "Default:\n.Ql ");
	put_escaped(b, buf_slice(&t));
	buf_put_str(b, " .\n");
	buf_reset(&t);
	buf_put_str(&t, "Allowed: ");
	opt_print_allowed(o, &t);
	buf_put_char(&t, '.');
	put_words(b, buf_cstr(&t));
	buf_fini(&t);
	if (o->when == OPT_RESTART)
		buf_put_str(b, "A change needs a stop and a start.\n");
	else if (o->when == OPT_SETUP)
		buf_put_str(b, "Fixed once the instance has started.\n");
}

void
opt_man_mdoc(const struct opt_section *defs, struct buf *b)
{
	for (const struct opt_section *s = defs; s->name != NULL; s++) {
		if (strcmp(s->name, "godwit") == 0)
			buf_put_str(b, ".Ss Top level\n");
		else if (s->titled)
			buf_printf(b, ".Ss %s \\(dqtitle\\(dq { }\n", s->name);
		else
			buf_printf(b, ".Ss %s { }\n", s->name);
		buf_put_str(b, ".Bl -tag -width Ds\n");
		for (const struct opt *o = s->rows; o->name != NULL; o++)
			put_option(b, o);
		buf_put_str(b, ".El\n");
	}
}

void
opt_man_golden(const struct opt_section *defs, struct buf *b)
{
	static const char *const when[] = { "reload", "restart", "setup" };

	for (const struct opt_section *s = defs; s->name != NULL; s++) {
		for (const struct opt *o = s->rows; o->name != NULL; o++) {
			buf_printf(b, "%s%s.%s\t%s\t", s->name, s->titled ? ".*" : "", o->name,
			    opt_type_name(o->type));
			opt_print_default(o, b);
			buf_put_char(b, '\t');
			opt_print_allowed(o, b);
			buf_printf(b, "\t%s\n", when[o->when]);
		}
	}
}

void
opt_man_explain(const struct opt_section *s, const struct opt *o, struct buf *b)
{
	if (strcmp(s->name, "godwit") != 0)
		buf_printf(b, "%s%s.", s->name, s->titled ? ".TITLE" : "");
	buf_printf(b, "%s\n    %s\n    default: ", o->name, o->help);
	opt_print_default(o, b);
	buf_put_str(b, "\n    allowed: ");
	opt_print_allowed(o, b);
	buf_printf(b, "\n    applies: %s\n", opt_man_when(o->when));
}
