/* SPDX-License-Identifier: ISC */
/*
 * A reader goes line by line: between templates, in the header lines of one,
 * in its text.
 */
#include "lib/mail/dsn_template.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/must.h"
#include "lib/mail/mime_put.h"

#define END_MAX		32u	/* the word that ends a template */
#define NAME_MAX_BYTES	64u	/* of a parameter */
#define MINUTE_MS	60000u
#define HOUR_MS		(60u * MINUTE_MS)
#define DAY_MS		(24u * HOUR_MS)
#define WEEK_MS		(7u * DAY_MS)

/* ---- parameters ---- */

static void
put_hostname(struct buf *b, const struct dsn_template_facts *f, uint64_t unit)
{
	(void)unit;
	buf_put_str(b, f->hostname);
}

static void
put_domain(struct buf *b, const struct dsn_template_facts *f, uint64_t unit)
{
	struct slice host = slice_str(f->hostname), first, rest;

	(void)unit;
	rest = slice_cut(host, '.', &first);
	buf_put_slice(b, rest.n > 0 ? rest : host);
}

static void
put_lifetime(struct buf *b, const struct dsn_template_facts *f, uint64_t unit)
{
	buf_put_num(b, f->lifetime_ms / unit);
}

static void
put_warning(struct buf *b, const struct dsn_template_facts *f, uint64_t unit)
{
	buf_put_num(b, f->warning_ms / unit);
}

#define UNITS(name, fn)							\
	{ name "_seconds", fn, 1000 }, { name "_minutes", fn, MINUTE_MS },	\
	{ name "_hours", fn, HOUR_MS }, { name "_days", fn, DAY_MS },	\
	{ name "_weeks", fn, WEEK_MS }

static const struct parameter {
	const char	*name;
	void		(*put)(struct buf *, const struct dsn_template_facts *, uint64_t unit);
	uint64_t	 unit;
} parameters[] = {
	{ "myhostname", put_hostname, 0 },
	{ "mydomain", put_domain, 0 },
	UNITS("maximal_queue_lifetime", put_lifetime),
	UNITS("delay_warning_time", put_warning),
};

static bool
is_name_byte(char c)
{
	return ascii_is_alnum(c) || c == '_';
}

static const struct parameter *
find_parameter(struct slice name)
{
	for (size_t i = 0; i < lengthof(parameters); i++)
		if (slice_eq_str(name, parameters[i].name))
			return &parameters[i];
	return NULL;
}

/*
 * Behind a "$": how many bytes belong to it; 0 when it is none.  *name is
 * empty for "$$".
 */
static size_t
take_parameter(struct slice s, struct slice *name)
{
	char close = s.n == 0 ? '\0' : s.p[0] == '{' ? '}' : s.p[0] == '(' ? ')' : '\0';
	size_t n = close != '\0';

	*name = SLICE_NONE;
	if (s.n > 0 && s.p[0] == '$')
		return 1;
	while (n < s.n && n < NAME_MAX_BYTES && is_name_byte(s.p[n]))
		n++;
	*name = slice_head(slice_from(s, close != '\0'), n - (close != '\0'));
	if (name->n == 0)
		return 0;
	if (close == '\0')
		return n;
	return n < s.n && s.p[n] == close ? n + 1 : 0;
}

/* ---- reading ---- */

struct reader {
	struct dsn_template_set	*set;
	struct dsn_template_fault	*fault;
	struct slice			 rest;
	unsigned			 line;
	struct dsn_template		*now;	/* NULL: between templates */
	struct slice			 end;	/* the line that ends it */
	unsigned			 begun;	/* its first line */
	bool				 is_text;
	bool				 is_utf8;
	bool				 has_8bit;	/* in a header line */
	unsigned			 names;
};

static enum err
fault(struct reader *r, const char *text)
{
	r->fault->line = r->line;
	(void)snprintf(r->fault->text, sizeof(r->fault->text), "%s", text);
	return ERR_SYNTAX;
}

static enum err
fault_of(struct reader *r, struct slice what, const char *text)
{
	r->fault->line = r->line;
	(void)snprintf(r->fault->text, sizeof(r->fault->text), "%.*s: %s",
	    SLICE_FMT(slice_head(what, 40)), text);
	return ERR_SYNTAX;
}

static bool
is_clean(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (((unsigned char)s.p[i] < 0x20 && s.p[i] != '\t') || s.p[i] == 0x7f)
			return false;
	return utf8_ok(s);
}

static enum err
check_parameters(struct reader *r, struct slice s)
{
	struct slice name;
	size_t n;

	for (n = slice_find(s, '$'); n < s.n; n = slice_find(s, '$')) {
		s = slice_from(s, n + 1);
		n = take_parameter(s, &name);
		if (n == 0)
			return fault(r, "a $ alone; allowed: $name, ${name}, $(name), $$");
		if (name.n > 0 && find_parameter(name) == NULL)
			return fault_of(r, name, "unknown parameter; allowed: myhostname, "
			    "mydomain, maximal_queue_lifetime_hours and the like");
		if (++r->names > DSN_TEMPLATE_NAMES_MAX)
			return fault(r, "too many parameters; allowed: 32 in a template");
		s = slice_from(s, n);
	}
	return ERR_OK;
}

static const struct {
	const char	*name;
	int		 kind;		/* -1: not used here */
} kinds[] = {
	{ "failure_template", DSN_TEMPLATE_FAILURE },
	{ "delay_template", DSN_TEMPLATE_DELAY },
	{ "success_template", DSN_TEMPLATE_SUCCESS },
	{ "relayed_template", DSN_TEMPLATE_RELAYED },
	{ "verify_template", -1 },
};

/* "name = <<END" */
static enum err
begin_template(struct reader *r, struct slice line, struct dsn_template *unused)
{
	struct slice name, value = slice_trim(slice_cut(line, '=', &name));
	size_t i;

	name = slice_trim(name);
	for (i = 0; i < lengthof(kinds) && !slice_eq_str(name, kinds[i].name); i++)
		;
	if (i == lengthof(kinds))
		return fault_of(r, name, "unknown template; allowed: failure_template, "
		    "delay_template, success_template, relayed_template");
	r->end = slice_trim(slice_from(value, 2));
	if (!slice_starts(value, "<<") || r->end.n == 0 || r->end.n > END_MAX)
		return fault(r, "no text follows; allowed: <<EOF, and EOF alone in its last line");
	r->now = kinds[i].kind < 0 ? unused : &r->set->all[kinds[i].kind];
	if (r->now->text.n > 0)
		return fault_of(r, name, "given twice; allowed: once");
	*r->now = (struct dsn_template){ .text = SLICE_NONE };
	r->begun = r->line;
	r->is_text = r->is_utf8 = r->has_8bit = false;
	r->names = 0;
	return ERR_OK;
}

/* "Name <address>", "address (Name)" or "address". */
static enum err
take_from(struct reader *r, struct slice value)
{
	struct dsn_template *t = r->now;
	char text[ADDR_TEXT_MAX + 1];
	struct slice inner, outer;
	struct addr a;
	int n;

	outer = slice_cut(value, slice_ends(value, ">") ? '<' : '(', &inner);
	if (slice_ends(value, ">")) {
		t->from_name = slice_trim(inner);
		t->from = slice_head(outer, outer.n - 1);
	} else {
		t->from = slice_trim(inner);
		t->from_name = slice_head(outer, outer.n - (slice_ends(outer, ")") ? 1 : 0));
	}
	if (t->from_name.n >= 2 && t->from_name.p[0] == '"' && slice_ends(t->from_name, "\""))
		t->from_name = slice_head(slice_from(t->from_name, 1), t->from_name.n - 2);
	n = snprintf(text, sizeof(text), "%.*s%s", SLICE_FMT(t->from),
	    slice_find(t->from, '@') < t->from.n ? "" : "@a.example");
	if (n < 0 || (size_t)n >= sizeof(text) || addr_parse(slice_str(text), 0, &a) != ERR_OK)
		return fault(r, "From: not an address; allowed: MAILER-DAEMON (Name), "
		    "Name <local@domain>");
	return ERR_OK;
}

static enum err
take_charset(struct reader *r, struct slice value)
{
	r->is_utf8 = slice_ieq_str(value, "utf-8");
	if (!r->is_utf8 && !slice_ieq_str(value, "us-ascii"))
		return fault_of(r, value, "unknown charset; allowed: us-ascii, utf-8");
	return ERR_OK;
}

static enum err
take_header(struct reader *r, struct slice line)
{
	struct slice name, value = slice_trim(slice_cut(line, ':', &name));

	if (value.n == 0 || value.n > DSN_TEMPLATE_VALUE_MAX)
		return fault_of(r, name, "no value, or too long; allowed: 1 to 250 bytes");
	r->has_8bit |= !mime_is_ascii(value);
	if (slice_ieq_str(name, "Charset"))
		return take_charset(r, value);
	if (slice_ieq_str(name, "From"))
		return take_from(r, value);
	if (slice_ieq_str(name, "Subject"))
		r->now->subject = value;
	else if (!slice_ieq_str(name, "Postmaster-Subject"))
		return fault_of(r, name, "unknown header line; allowed: Charset, From, "
		    "Subject, Postmaster-Subject, then an empty line");
	return ERR_OK;
}

static enum err
take_text(struct reader *r, struct slice raw)
{
	struct dsn_template *t = r->now;

	if (t->text.p == NULL)
		t->text.p = raw.p;
	t->text.n = (size_t)(raw.p + raw.n - t->text.p);
	if (t->text.n > DSN_TEMPLATE_TEXT_MAX)
		return fault(r, "text too long; allowed: 8192 bytes");
	return check_parameters(r, raw);
}

static enum err
end_template(struct reader *r)
{
	bool is_ascii = !r->has_8bit && mime_is_ascii(r->now->text);

	if (r->now->text.n == 0)
		return fault(r, "no text; allowed: header lines, an empty line, text");
	if (!is_ascii && !r->is_utf8) {
		r->line = r->begun;
		return fault(r, "bytes that are not us-ascii; allowed with Charset: utf-8");
	}
	r->now = NULL;
	return ERR_OK;
}

/* raw has the LF, line has not. */
static enum err
take_line(struct reader *r, struct slice raw, struct slice line, struct dsn_template *unused)
{
	struct slice bare = slice_trim(line);

	if (!is_clean(line))
		return fault(r, "control bytes, or not UTF-8; allowed: text in UTF-8");
	if (r->now == NULL)
		return bare.n == 0 || bare.p[0] == '#' ? ERR_OK :
		    begin_template(r, line, unused);
	if (slice_eq(line, r->end))
		return end_template(r);
	if (r->is_text)
		return take_text(r, raw);
	if (bare.n > 0)
		return take_header(r, line);
	r->is_text = true;
	return ERR_OK;
}

static enum err
read_all(struct reader *r)
{
	struct dsn_template unused = { .text = SLICE_NONE };
	struct slice raw, line;
	enum err e = ERR_OK;

	while (r->rest.n > 0 && e == ERR_OK) {
		raw = slice_head(r->rest, slice_find(r->rest, '\n') + 1);
		r->rest = slice_from(r->rest, raw.n);
		line = slice_ends(raw, "\n") ? slice_head(raw, raw.n - 1) : raw;
		if (slice_ends(line, "\r"))
			line = slice_head(line, line.n - 1);
		r->line++;
		e = take_line(r, raw, line, &unused);
		if (r->now == NULL)
			unused.text = SLICE_NONE;	/* it may come again */
	}
	if (e == ERR_OK && r->now != NULL) {
		r->line = r->begun;
		e = fault_of(r, r->end, "the line that ends the template is missing");
	}
	return e;
}

enum err
dsn_template_parse(struct dsn_template_set **out, struct slice file,
    struct dsn_template_fault *why)
{
	struct reader r = { .fault = why };
	enum err e;

	*out = NULL;
	*why = (struct dsn_template_fault){ .line = 0 };
	if (file.n > DSN_TEMPLATE_FILE_MAX) {
		(void)fault(&r, "file too large; allowed: 64K");
		return ERR_TOOBIG;
	}
	r.set = must_alloc(1, sizeof(*r.set) + file.n + 1);
	if (file.n > 0)
		memcpy(r.set->bytes, file.p, file.n);
	r.rest = slice_of(r.set->bytes, file.n);
	e = read_all(&r);
	if (e == ERR_OK)
		*out = r.set;
	else
		free(r.set);
	return e;
}

void
dsn_template_free(struct dsn_template_set **sp)
{
	free(*sp);
	*sp = NULL;
}

/* ---- writing ---- */

void
dsn_template_put_text(struct buf *b, const struct dsn_template *t,
    const struct dsn_template_facts *f)
{
	const struct parameter *p;
	struct slice s = t->text, name;
	size_t i, n;

	for (i = 0; i < s.n; i++) {
		if (s.p[i] == '\n')
			buf_put_str(b, "\r\n");
		else if (s.p[i] == '$') {
			n = take_parameter(slice_from(s, i + 1), &name);
			if (name.n == 0 || (p = find_parameter(name)) == NULL)
				buf_put_char(b, '$');
			else
				p->put(b, f, p->unit);
			i += n;
		} else if (s.p[i] != '\r')
			buf_put_char(b, s.p[i]);
	}
}

void
dsn_template_put_from(struct buf *b, const struct dsn_template *t, const char *hostname)
{
	if (t->from_name.n > 0) {
		mime_put_phrase(b, t->from_name);
		buf_put_str(b, " <");
	}
	buf_put_slice(b, t->from);
	if (slice_find(t->from, '@') == t->from.n)
		buf_printf(b, "@%s", hostname);
	if (t->from_name.n > 0)
		buf_put_char(b, '>');
}
