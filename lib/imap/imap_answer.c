/* SPDX-License-Identifier: ISC */
/*
 * struct scan walks a line; its error is sticky, and after one it stands at
 * the end.  Values that are passed over may nest: counted, not recursed.
 */
#include "lib/imap/imap_answer.h"

#include "lib/base/num.h"
#include "lib/mail/hdr_date.h"

struct scan {
	struct slice	 s;
	bool		 bad;
};

static void
fail(struct scan *c)
{
	c->bad = true;
	c->s = SLICE_NONE;
}

static bool
take(struct scan *c, char want)
{
	if (c->s.n == 0 || c->s.p[0] != want)
		return false;
	c->s = slice_from(c->s, 1);
	return true;
}

static void
spaces(struct scan *c)
{
	while (take(c, ' '))
		;
}

/* Up to a space or parenthesis; what stands in brackets belongs to it. */
static struct slice
atom(struct scan *c)
{
	struct slice a = { c->s.p, 0 };
	unsigned depth = 0;

	for (; a.n < c->s.n; a.n++) {
		char x = c->s.p[a.n];

		if (depth == 0 && (x == ' ' || x == '(' || x == ')' || x == '"'))
			break;
		depth += x == '[';
		depth -= x == ']' && depth > 0;
	}
	c->s = slice_from(c->s, a.n);
	return a;
}

static void
quoted(struct scan *c, struct buf *b)
{
	for (size_t i = 1; i < c->s.n; i++) {
		if (c->s.p[i] == '"') {
			c->s = slice_from(c->s, i + 1);
			return;
		}
		if (c->s.p[i] == '\\' && i + 1 < c->s.n)
			i++;
		if (b != NULL)
			buf_put_char(b, c->s.p[i]);
	}
	fail(c);
}

static void
literal(struct scan *c, struct buf *b)
{
	size_t close = slice_find(c->s, '}');
	struct slice digits = slice_from(slice_head(c->s, close), 1);
	uint64_t n;

	if (num_parse_u64(digits, c->s.n, &n) != ERR_OK || c->s.n < close + 3 + n) {
		fail(c);
		return;
	}
	if (b != NULL)
		buf_put(b, c->s.p + close + 3, (size_t)n);
	c->s = slice_from(c->s, close + 3 + (size_t)n);
}

/* Of nstring or astring; NIL is empty. */
static void
string(struct scan *c, struct buf *b)
{
	struct slice a;

	(void)take(c, '~');
	if (c->s.n > 0 && c->s.p[0] == '"') {
		quoted(c, b);
	} else if (c->s.n > 0 && c->s.p[0] == '{') {
		literal(c, b);
	} else {
		a = atom(c);
		if (a.n == 0)
			fail(c);
		else if (b != NULL && !slice_ieq_str(a, "NIL"))
			buf_put_slice(b, a);
	}
}

/* Any value, lists with all that is in them. */
static void
pass(struct scan *c)
{
	unsigned depth = 0;

	do {
		spaces(c);
		if (take(c, '('))
			depth++;
		else if (depth > 0 && take(c, ')'))
			depth--;
		else
			string(c, NULL);
	} while (depth > 0 && !c->bad);
}

/* ---- the whole ---- */

static enum imap_status
status_of(struct slice word)
{
	static const struct { const char *name; enum imap_status s; } all[] = {
		{ "OK", IMAP_OK }, { "NO", IMAP_NO }, { "BAD", IMAP_BAD }, { "BYE", IMAP_BYE },
		{ "PREAUTH", IMAP_PREAUTH },
	};

	for (size_t i = 0; i < lengthof(all); i++)
		if (slice_ieq_str(word, all[i].name))
			return all[i].s;
	return IMAP_NONE;
}

static void
read_text(struct imap_answer *a, struct scan *c)
{
	size_t close = slice_find(c->s, ']');

	if (take(c, '[') && close < c->s.n + 1) {
		a->code = slice_head(c->s, close - 1);
		c->s = slice_from(c->s, close);
		spaces(c);
	}
	a->text = c->s;
}

enum err
imap_answer_parse(struct slice line, struct imap_answer *a)
{
	struct scan c = { line, false };

	*a = (struct imap_answer){ .status = IMAP_NONE };
	a->tag = atom(&c);
	spaces(&c);
	if (slice_eq_str(a->tag, "+")) {
		a->text = c.s;
		return ERR_OK;
	}
	a->word = atom(&c);
	if (num_parse_u32(a->word, UINT32_MAX, &a->number) == ERR_OK) {
		a->has_number = true;
		spaces(&c);
		a->word = atom(&c);
	} else {
		a->status = status_of(a->word);
	}
	spaces(&c);
	if (a->tag.n == 0 || a->word.n == 0 ||
	    (!slice_eq_str(a->tag, "*") && a->status == IMAP_NONE))
		return ERR_SYNTAX;
	if (a->status != IMAP_NONE)
		read_text(a, &c);
	else
		a->rest = c.s;
	return ERR_OK;
}

/* ---- words and numbers ---- */

static bool
next_word(struct slice *text, struct slice *word)
{
	while (text->n > 0 && (text->p[0] == ' ' || text->p[0] == '(' || text->p[0] == ')'))
		*text = slice_from(*text, 1);
	for (word->p = text->p, word->n = 0; word->n < text->n; word->n++)
		if (text->p[word->n] == ' ' || text->p[word->n] == ')')
			break;
	*text = slice_from(*text, word->n);
	return word->n > 0;
}

bool
imap_answer_number(struct slice text, const char *word, unsigned which, uint32_t *v)
{
	struct slice w;

	while (next_word(&text, &w)) {
		if (!slice_ieq_str(w, word))
			continue;
		for (unsigned i = 0; i <= which; i++)
			if (!next_word(&text, &w))
				return false;
		return num_parse_u32(w, UINT32_MAX, v) == ERR_OK;
	}
	return false;
}

bool
imap_answer_has_word(struct slice text, const char *word)
{
	struct slice w;

	while (next_word(&text, &w))
		if (slice_ieq_str(w, word))
			return true;
	return false;
}

bool
imap_answer_word_value(struct slice text, const char *prefix, struct slice *value)
{
	struct slice w;

	while (next_word(&text, &w)) {
		if (!slice_istarts(w, prefix))
			continue;
		*value = slice_from(w, slice_str(prefix).n);
		return true;
	}
	return false;
}

/* ---- LIST ---- */

enum err
imap_answer_list(struct slice rest, struct imap_listed *l, struct buf *name)
{
	struct scan c = { rest, false };
	struct buf delimiter;
	size_t end = slice_find(rest, ')');
	struct slice attributes = slice_head(rest, end);

	if (!take(&c, '(') || end == rest.n)
		return ERR_SYNTAX;
	l->is_noselect = imap_answer_has_word(attributes, "\\Noselect") ||
	    imap_answer_has_word(attributes, "\\NonExistent");
	c.s = slice_from(rest, end + 1);
	spaces(&c);
	buf_init(&delimiter, 8);
	string(&c, &delimiter);
	l->delimiter = delimiter.n == 1 ? buf_data(&delimiter)[0] : '\0';
	buf_fini(&delimiter);
	spaces(&c);
	/* A mailbox may be called NIL: then it is quoted, or is meant all the same. */
	if (slice_ieq_str(c.s, "NIL"))
		buf_put_slice(name, c.s);
	else
		string(&c, name);
	return c.bad || buf_err(name) != ERR_OK ? ERR_SYNTAX : ERR_OK;
}

/* ---- NAMESPACE ---- */

/* "(("user/" "/") (...))" or NIL */
static void
read_namespaces(struct scan *c, struct buf *prefixes)
{
	spaces(c);
	if (!take(c, '(')) {
		pass(c);
		return;
	}
	for (spaces(c); !c->bad && !take(c, ')'); spaces(c)) {
		if (!take(c, '(')) {
			fail(c);
			return;
		}
		string(c, prefixes);
		buf_put_char(prefixes, '\0');
		for (spaces(c); !c->bad && !take(c, ')'); spaces(c))
			pass(c);
	}
}

enum err
imap_answer_namespace(struct slice rest, struct buf *others)
{
	struct scan c = { rest, false };

	pass(&c);
	read_namespaces(&c, others);
	read_namespaces(&c, others);
	return c.bad || buf_err(others) != ERR_OK ? ERR_SYNTAX : ERR_OK;
}

/* ---- FETCH ---- */

enum err
imap_answer_date(struct slice s, int64_t *unix_s)
{
	struct hdr_date d;
	char mem[40];
	size_t seen = 0;

	s = slice_trim(s);
	if (!slice_to_cstr(s, mem, sizeof(mem)))
		return ERR_SYNTAX;
	/* As the Date field has it: spaces round the month. */
	for (size_t i = 0; i < s.n && seen < 2; i++) {
		if (mem[i] != '-')
			continue;
		mem[i] = ' ';
		seen++;
	}
	if (seen < 2 || hdr_date_parse(slice_of(mem, s.n), &d) != ERR_OK)
		return ERR_SYNTAX;
	*unix_s = d.unix_s;
	return ERR_OK;
}

static void
read_flags(struct scan *c, struct imap_fetched *f, struct buf *b)
{
	struct buf words;

	if (!take(c, '(')) {
		fail(c);
		return;
	}
	buf_init(&words, MAIL_KEYWORDS_BYTES);
	for (spaces(c); !c->bad && !take(c, ')'); spaces(c)) {
		struct slice word = atom(c);

		if (word.n == 0)
			fail(c);
		mail_flags_word(&f->flags.bits, &words, word);
	}
	f->has_flags = true;
	f->flags.keywords.n = words.n;
	buf_put_slice(b, buf_slice(&words));
	buf_fini(&words);
}

static uint64_t
number(struct scan *c)
{
	uint64_t v = 0;

	if (num_parse_u64(atom(c), UINT64_MAX, &v) != ERR_OK)
		fail(c);
	return v;
}

static void
read_date(struct scan *c, struct imap_fetched *f)
{
	struct buf date;

	buf_init(&date, 64);
	string(c, &date);
	/* One that cannot be is told apart by nobody: then it is 1970. */
	if (imap_answer_date(buf_slice(&date), &f->internal_s) != ERR_OK)
		f->internal_s = 0;
	buf_fini(&date);
}

/* Where strings begin in the buf, which may move. */
struct places { size_t flags, header, body; };

static void
read_string(struct scan *c, struct buf *b, size_t *at, struct slice *s)
{
	*at = b->n;
	string(c, b);
	s->n = b->n - *at;
}

static void
read_item(struct scan *c, struct imap_fetched *f, struct buf *b, struct places *at)
{
	struct slice name = atom(c);

	spaces(c);
	if (name.n == 0) {
		fail(c);
	} else if (slice_ieq_str(name, "UID")) {
		uint64_t uid = number(c);

		f->uid = uid <= UINT32_MAX ? (uint32_t)uid : 0;
	} else if (slice_ieq_str(name, "RFC822.SIZE")) {
		f->size = number(c);
		f->has_size = true;
	} else if (slice_ieq_str(name, "INTERNALDATE")) {
		read_date(c, f);
	} else if (slice_ieq_str(name, "FLAGS") && !f->has_flags) {
		at->flags = b->n;
		read_flags(c, f, b);
	} else if (slice_istarts(name, "BODY[HEADER") && f->header.n == 0) {
		read_string(c, b, &at->header, &f->header);
	} else if (slice_ieq_str(name, "BODY[]") && !f->has_body) {
		/* RFC 9051 s9: NIL is no message. */
		f->has_body = c->s.n > 0 && c->s.p[0] == '"';
		read_string(c, b, &at->body, &f->body);
	} else {
		pass(c);
	}
}

enum err
imap_answer_fetch(struct slice rest, struct imap_fetched *f, struct buf *b)
{
	struct scan c = { rest, false };
	struct places at = { 0, 0, 0 };

	*f = (struct imap_fetched){ .uid = 0 };
	if (!take(&c, '('))
		return ERR_SYNTAX;
	for (spaces(&c); !c.bad && !take(&c, ')'); spaces(&c))
		read_item(&c, f, b, &at);
	if (c.bad || buf_err(b) != ERR_OK)
		return ERR_SYNTAX;
	f->flags.keywords.p = f->flags.keywords.n > 0 ? buf_data(b) + at.flags : NULL;
	f->header.p = f->header.n > 0 ? buf_data(b) + at.header : NULL;
	f->body.p = f->body.n > 0 ? buf_data(b) + at.body : NULL;
	return ERR_OK;
}
