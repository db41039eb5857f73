/* SPDX-License-Identifier: ISC */
#include "imapd/imap_append_text.h"

#include <string.h>

#include "imapd/imap_mailbox.h"
#include "imapd/imap_seqset.h"

#define WANTS_BYTES	(256u << 10)	/* of the arena for a look at a command */

enum state { AT_MESSAGE, AT_DATA, AT_PART, BEHIND_LITERAL };

/* seq-number, or a UID */
static void
parse_replaced(struct imap_append_text *t, struct imap_parser *p)
{
	struct buf pair;

	imap_parser_sp(p);
	buf_init(&pair, 8);
	imap_seqset_add(&pair, imap_parser_nz_number(p));
	t->replaced = arena_dup(p->arena, buf_slice(&pair));
	if (t->replaced.n < pair.n)
		imap_parser_fail(p, "Command too large");
	buf_fini(&pair);
}

void
imap_append_text_parse(struct imap_append_text *t, struct imap_parser *p, bool replace,
    bool announces)
{
	memset(t, 0, sizeof(*t));
	t->single = replace;
	t->announces = announces;
	t->state = AT_MESSAGE;
	if (replace)
		parse_replaced(t, p);
	imap_parser_sp(p);
	t->name = imap_mailbox_parse(p, &t->name_error);
	t->parser = *p;
}

/* The verb that takes a message, if the text begins with one. */
static bool
parse_verb(struct imap_parser *p, bool *replace)
{
	struct slice name = imap_parser_atom(p);

	if (slice_ieq_str(name, "UID")) {
		imap_parser_sp(p);
		name = imap_parser_atom(p);
	}
	*replace = slice_ieq_str(name, "REPLACE");
	return *replace || slice_ieq_str(name, "APPEND");
}

bool
imap_append_text_wants(struct slice text)
{
	struct imap_append_text t;
	bool replace, wants = false;
	struct imap_parser p;
	struct arena arena;
	const char *what;

	arena_init(&arena, WANTS_BYTES);
	imap_parser_init(&p, text, &arena);
	(void)imap_parser_tag(&p);
	imap_parser_sp(&p);
	if (parse_verb(&p, &replace)) {
		imap_append_text_parse(&t, &p, replace, true);
		t.utf8 = true;
		wants = imap_append_text_last(&t, &what) == IMAP_APPEND_LITERAL;
	}
	arena_fini(&arena);
	return wants;
}

void
imap_append_text_more(struct imap_append_text *t, struct slice text, bool announces)
{
	t->parser.p = text.n > 0 ? text.p : "";
	t->parser.end = t->parser.p + text.n;
	t->announces = announces;
}

/* "{n}" at the end of the text, and nothing else. */
static bool
is_announced(const struct imap_append_text *t)
{
	const struct imap_parser *p = &t->parser;

	return t->announces && imap_parser_peek(p) == '{' &&
	    memchr(p->p, '\n', (size_t)(p->end - p->p)) == NULL;
}

static enum imap_append_token
fail(struct imap_append_text *t, const char *what)
{
	imap_parser_fail(&t->parser, what);
	return IMAP_APPEND_BAD;
}

static enum imap_append_token
read_literal(struct imap_append_text *t)
{
	struct imap_parser *p = &t->parser;

	t->literal8 = imap_parser_take(p, '~');
	if (!is_announced(t) || (t->wrapped && !t->literal8))
		return fail(t, "Expected the message as a literal");
	if (t->wrapped && !t->utf8)
		return fail(t, "ENABLE UTF8=ACCEPT first");
	p->p = p->end;
	t->state = BEHIND_LITERAL;
	return IMAP_APPEND_LITERAL;
}

/* append-message of RFC 4466 s6, up to its data */
static enum imap_append_token
read_message(struct imap_append_text *t)
{
	struct imap_parser *p = &t->parser;

	if (t->messages > 0 && imap_parser_at_end(p))
		return IMAP_APPEND_END;
	if (t->messages > 0 && t->single)
		return fail(t, "REPLACE takes one message");
	t->messages++;
	t->flags = (struct imap_flags){ 0 };
	t->has_date = false;
	t->parts = 0;
	imap_parser_sp(p);
	if (imap_parser_peek(p) == '(') {
		imap_flags_parse(p, false, &t->flags);
		imap_parser_sp(p);
	}
	if (imap_parser_peek(p) == '"') {
		t->internal_s = imap_parser_datetime(p);
		t->has_date = true;
		imap_parser_sp(p);
	}
	t->catenates = imap_parser_take_word(p, "CATENATE (");
	t->state = t->catenates ? AT_PART : AT_DATA;
	return IMAP_APPEND_MESSAGE;
}

static enum imap_append_token
read_part(struct imap_append_text *t)
{
	struct imap_parser *p = &t->parser;

	if (t->parts > 0 && imap_parser_take(p, ')')) {
		t->state = AT_MESSAGE;
		return IMAP_APPEND_DONE;
	}
	if (t->parts > 0)
		imap_parser_sp(p);
	if (++t->parts > IMAP_CATENATE_PARTS_MAX)
		return fail(t, "Too many parts");
	t->wrapped = imap_parser_take_word(p, "UTF8 (");
	if (t->wrapped || imap_parser_take_word(p, "TEXT "))
		return read_literal(t);
	if (!imap_parser_take_word(p, "URL "))
		return fail(t, "Expected TEXT or URL");
	if (is_announced(t))
		return IMAP_APPEND_URL_LITERAL;
	t->url = imap_parser_astring(p);
	return IMAP_APPEND_URL;
}

enum imap_append_token
imap_append_text_next(struct imap_append_text *t)
{
	struct imap_parser *p = &t->parser;
	enum imap_append_token token = IMAP_APPEND_BAD;

	if (t->state == BEHIND_LITERAL) {
		if (t->wrapped)
			imap_parser_want(p, ')');
		t->state = t->catenates ? AT_PART : AT_MESSAGE;
		if (!t->catenates)
			return imap_parser_ok(p) ? IMAP_APPEND_DONE : IMAP_APPEND_BAD;
	}
	switch ((enum state)t->state) {
	case AT_MESSAGE:
		token = read_message(t);
		break;
	case AT_DATA:
		t->wrapped = imap_parser_take_word(p, "UTF8 (");
		token = read_literal(t);
		break;
	case AT_PART:
		token = read_part(t);
		break;
	case BEHIND_LITERAL:
		break;
	}
	return imap_parser_ok(p) ? token : IMAP_APPEND_BAD;
}

enum imap_append_token
imap_append_text_last(const struct imap_append_text *from, const char **what)
{
	struct imap_append_text t = *from;
	enum imap_append_token token;

	do
		token = imap_append_text_next(&t);
	while (token == IMAP_APPEND_MESSAGE || token == IMAP_APPEND_URL ||
	    token == IMAP_APPEND_DONE);
	*what = t.parser.what;
	return token;
}
