/* SPDX-License-Identifier: ISC */
#include "imapd/imap_search.h"

#include <string.h>

#include "imapd/imap_flags.h"
#include "imapd/imap_seqset.h"
#include "lib/base/cc.h"
#include "lib/base/enc.h"
#include "lib/ipc/store_proto.h"
#include "lib/mail/hdr.h"

#define DAY	86400

/* ---- the keys ---- */

enum arg { NONE, FLAG_BIT, ATOM, DATE, NUMBER, STRING, FIELD, NAME_STRING, UID_SET, OPERATOR };

static const struct key {
	const char		*name;
	enum imap_search_kind	 kind;
	enum arg		 arg;
	uint32_t		 flag;
	const char		*field;
} keys[] = {
	{ "ALL",	IMAP_SEARCH_ALL,	NONE, 0, NULL },
	{ "ANSWERED",	IMAP_SEARCH_FLAG,	FLAG_BIT, STORE_ANSWERED, NULL },
	{ "BCC",	IMAP_SEARCH_HEADER,	FIELD, 0, "Bcc" },
	{ "BEFORE",	IMAP_SEARCH_BEFORE,	DATE, 0, NULL },
	{ "BODY",	IMAP_SEARCH_BODY,	STRING, 0, NULL },
	{ "CC",		IMAP_SEARCH_HEADER,	FIELD, 0, "Cc" },
	{ "DELETED",	IMAP_SEARCH_FLAG,	FLAG_BIT, STORE_DELETED, NULL },
	{ "DRAFT",	IMAP_SEARCH_FLAG,	FLAG_BIT, STORE_DRAFT, NULL },
	{ "FLAGGED",	IMAP_SEARCH_FLAG,	FLAG_BIT, STORE_FLAGGED, NULL },
	{ "FROM",	IMAP_SEARCH_HEADER,	FIELD, 0, "From" },
	{ "HEADER",	IMAP_SEARCH_HEADER,	NAME_STRING, 0, NULL },
	{ "KEYWORD",	IMAP_SEARCH_KEYWORD,	ATOM, 0, NULL },
	{ "LARGER",	IMAP_SEARCH_LARGER,	NUMBER, 0, NULL },
	{ "NEW",	IMAP_SEARCH_NEW,	NONE, 0, NULL },
	{ "NOT",	IMAP_SEARCH_NOT,	OPERATOR, 0, NULL },
	{ "OLD",	IMAP_SEARCH_OLD,	NONE, 0, NULL },
	{ "ON",		IMAP_SEARCH_ON,		DATE, 0, NULL },
	{ "OR",		IMAP_SEARCH_OR,		OPERATOR, 0, NULL },
	{ "RECENT",	IMAP_SEARCH_RECENT,	NONE, 0, NULL },
	{ "SEEN",	IMAP_SEARCH_FLAG,	FLAG_BIT, STORE_SEEN, NULL },
	{ "SENTBEFORE",	IMAP_SEARCH_SENTBEFORE,	DATE, 0, NULL },
	{ "SENTON",	IMAP_SEARCH_SENTON,	DATE, 0, NULL },
	{ "SENTSINCE",	IMAP_SEARCH_SENTSINCE,	DATE, 0, NULL },
	{ "SINCE",	IMAP_SEARCH_SINCE,	DATE, 0, NULL },
	{ "SMALLER",	IMAP_SEARCH_SMALLER,	NUMBER, 0, NULL },
	{ "SUBJECT",	IMAP_SEARCH_HEADER,	FIELD, 0, "Subject" },
	{ "TEXT",	IMAP_SEARCH_TEXT,	STRING, 0, NULL },
	{ "TO",		IMAP_SEARCH_HEADER,	FIELD, 0, "To" },
	{ "UID",	IMAP_SEARCH_UID,	UID_SET, 0, NULL },
	{ "UNANSWERED",	IMAP_SEARCH_UNFLAG,	FLAG_BIT, STORE_ANSWERED, NULL },
	{ "UNDELETED",	IMAP_SEARCH_UNFLAG,	FLAG_BIT, STORE_DELETED, NULL },
	{ "UNDRAFT",	IMAP_SEARCH_UNFLAG,	FLAG_BIT, STORE_DRAFT, NULL },
	{ "UNFLAGGED",	IMAP_SEARCH_UNFLAG,	FLAG_BIT, STORE_FLAGGED, NULL },
	{ "UNKEYWORD",	IMAP_SEARCH_UNKEYWORD,	ATOM, 0, NULL },
	{ "UNSEEN",	IMAP_SEARCH_UNFLAG,	FLAG_BIT, STORE_SEEN, NULL },
};

static const struct key *
find_key(struct slice name)
{
	for (size_t i = 0; i < lengthof(keys); i++)
		if (slice_ieq_str(name, keys[i].name))
			return &keys[i];
	return NULL;
}

/* ---- parse ---- */

struct frame { uint32_t node; unsigned left; };	/* left 0: until ")" or the end */

struct state {
	struct imap_parser	*p;
	struct imap_search	*s;
	struct frame		 frames[IMAP_NEST_MAX + 1];
	unsigned		 depth;
};

static struct imap_search_node *
add(struct state *st, enum imap_search_kind kind)
{
	struct imap_search_node *n;

	if (st->s->count == IMAP_SEARCH_NODES) {
		imap_parser_fail(st->p, "Too many search keys");
		return NULL;
	}
	n = &st->s->v[st->s->count++];
	memset(n, 0, sizeof(*n));
	n->kind = kind;
	n->parent = st->depth > 0 ? st->frames[st->depth - 1].node : 0;
	return n;
}

static void
open_frame(struct state *st, enum imap_search_kind kind, unsigned operands)
{
	if (st->depth > IMAP_NEST_MAX) {
		imap_parser_fail(st->p, "Search nests too deep");
		return;
	}
	if (add(st, kind) == NULL)
		return;
	st->frames[st->depth].node = st->s->count - 1;
	st->frames[st->depth].left = operands;
	st->depth++;
}

static struct slice
parse_text(struct imap_parser *p)
{
	struct slice raw = imap_parser_astring(p), folded;
	struct buf b;

	if (!imap_parser_ok(p))
		return SLICE_NONE;
	if (!utf8_ok(raw)) {
		imap_parser_fail(p, "Not valid UTF-8");
		return SLICE_NONE;
	}
	buf_init(&b, 16 * raw.n + 64);
	imap_match_fold(&b, raw);
	folded = arena_dup(p->arena, buf_slice(&b));
	if (b.n > 0 && folded.p == NULL)
		imap_parser_fail(p, "Command too large");
	buf_fini(&b);
	return folded;
}

static void
parse_arg(struct state *st, struct imap_search_node *n, const struct key *k)
{
	struct imap_parser *p = st->p;

	if (k->arg != NONE && k->arg != FLAG_BIT)
		imap_parser_sp(p);
	switch (k->arg) {
	case NONE:
	case OPERATOR:
		break;
	case FLAG_BIT:
		n->number = k->flag;
		break;
	case ATOM:
		n->name = imap_parser_atom(p);
		break;
	case DATE:
		n->day = imap_parser_date(p) / DAY;
		break;
	case NUMBER:
		n->number = imap_parser_number(p);
		break;
	case FIELD:
		n->name = slice_str(k->field);
		n->text = parse_text(p);
		break;
	case NAME_STRING:
		n->name = imap_parser_astring(p);
		imap_parser_sp(p);
		n->text = parse_text(p);
		break;
	case STRING:
		n->text = parse_text(p);
		break;
	case UID_SET:
		imap_seqset_read(p, &n->set);
		if (imap_seqset_max(n->set) == STORE_STAR)
			st->s->wants_top = true;
		break;
	}
	if (n->kind >= IMAP_SEARCH_SENTBEFORE)
		st->s->wants_header = true;
	if (n->kind >= IMAP_SEARCH_BODY)
		st->s->wants_text = true;
}

/* One key or the start of an operator or list; true when a key is complete. */
static bool
parse_key(struct state *st)
{
	struct imap_parser *p = st->p;
	char c = imap_parser_peek(p);
	struct imap_search_node *n;
	const struct key *k;

	if (imap_parser_take(p, '(')) {
		open_frame(st, IMAP_SEARCH_AND, 0);
		return false;
	}
	if (ascii_is_digit(c) || c == '*') {
		n = add(st, IMAP_SEARCH_SEQ);
		if (n != NULL)
			imap_seqset_read(p, &n->set);
		return true;
	}
	k = find_key(imap_parser_atom(p));
	if (k == NULL) {
		imap_parser_fail(p, "Unknown search key");
		return true;
	}
	if (k->arg == OPERATOR) {
		open_frame(st, k->kind, k->kind == IMAP_SEARCH_NOT ? 1 : 2);
		imap_parser_sp(p);
		return false;
	}
	n = add(st, k->kind);
	if (n != NULL)
		parse_arg(st, n, k);
	return true;
}

/* A key is complete: so may be the operators and lists around it. */
static void
close_frames(struct state *st)
{
	while (imap_parser_ok(st->p) && st->depth > 1) {
		struct frame *f = &st->frames[st->depth - 1];

		if (f->left == 0 && !imap_parser_take(st->p, ')'))
			return;
		if (f->left > 0 && --f->left > 0)
			return;
		st->depth--;
	}
}

void
imap_search_parse(struct imap_parser *p, struct imap_search *s)
{
	struct state st = { .p = p, .s = s };

	memset(s, 0, sizeof(*s));
	s->v = arena_alloc(p->arena, IMAP_SEARCH_NODES, sizeof(*s->v));
	s->values = arena_alloc(p->arena, IMAP_SEARCH_NODES, 1);
	if (s->v == NULL || s->values == NULL) {
		imap_parser_fail(p, "Command too large");
		return;
	}
	imap_parser_sp(p);
	if (imap_parser_take_word(p, "CHARSET ")) {
		struct slice charset = imap_parser_astring(p);

		imap_parser_sp(p);
		s->bad_charset = !slice_ieq_str(charset, "UTF-8") &&
		    !slice_ieq_str(charset, "US-ASCII");
	}
	open_frame(&st, IMAP_SEARCH_AND, 0);
	/* What is in an unknown charset cannot be judged, but must be read. */
	if (s->bad_charset && imap_parser_ok(p)) {
		p->p = p->end;
		return;
	}
	while (imap_parser_ok(p)) {
		if (!parse_key(&st))
			continue;
		close_frames(&st);
		if (imap_parser_at_end(p))
			break;
		imap_parser_sp(p);
	}
	if (imap_parser_ok(p) && st.depth > 1)
		imap_parser_fail(p, "Missing closing parenthesis or key");
}

bool
imap_search_set(const struct imap_search *s, struct slice *set, bool *by_uid)
{
	for (uint32_t i = 1; i < s->count; i++) {
		if (s->v[i].parent != 0 || (s->v[i].kind != IMAP_SEARCH_SEQ &&
		    s->v[i].kind != IMAP_SEARCH_UID))
			continue;
		*set = s->v[i].set;
		*by_uid = s->v[i].kind == IMAP_SEARCH_UID;
		return true;
	}
	return false;
}

/* ---- judge ---- */

static enum imap_verdict
yes_if(bool b)
{
	return b ? IMAP_YES : IMAP_NO;
}

static int64_t
day_of(int64_t s)
{
	return s >= 0 ? s / DAY : -((-s + DAY - 1) / DAY);
}

static bool
has_keyword(const struct imap_search_facts *f, struct slice name)
{
	int at = imap_flags_keyword(f->keywords, name);

	return at >= 0 && at < STORE_KEYWORD_COUNT &&
	    f->flags >> (STORE_KEYWORD_SHIFT + at) & 1;
}

static enum imap_verdict
judge_header(const struct imap_search_node *n, const struct imap_search_facts *f)
{
	struct slice fields;
	struct hdr_iter it;
	struct hdr_field field;
	struct buf folded;
	bool found = false;

	if (f->header == NULL || !f->header(f->arg, n->name, &fields))
		return IMAP_MAYBE;
	buf_init(&folded, 16u * IMAP_MATCH_HEADER);
	hdr_iter_init(&it, fields);
	while (!found && hdr_next(&it, &field)) {
		if (!slice_ieq(field.name, n->name))
			continue;
		buf_reset(&folded);
		imap_match_fold_field(&folded, f->charsets, field.value);
		/* RFC 3501 s6.4.4: the empty string matches any such field. */
		found = n->text.n == 0 ||
		    slice_search(buf_slice(&folded), n->text) < folded.n;
	}
	buf_fini(&folded);
	return yes_if(found);
}

static enum imap_verdict
judge_sent(const struct imap_search_node *n, const struct imap_search_facts *f)
{
	int64_t local_s;
	bool has;

	if (f->sent == NULL || !f->sent(f->arg, &has, &local_s))
		return IMAP_MAYBE;
	if (!has)
		return IMAP_NO;
	return yes_if(n->kind == IMAP_SEARCH_SENTBEFORE ? day_of(local_s) < n->day :
	    n->kind == IMAP_SEARCH_SENTON ? day_of(local_s) == n->day :
	    day_of(local_s) >= n->day);
}

static enum imap_verdict
judge_key(const struct imap_search_node *n, const struct imap_search_facts *f)
{
	bool seen = f->flags & STORE_SEEN;

	switch (n->kind) {
	case IMAP_SEARCH_AND:
	case IMAP_SEARCH_OR:
	case IMAP_SEARCH_NOT:
		return IMAP_MAYBE;	/* not a key: judged by its operands */
	case IMAP_SEARCH_ALL:
		return IMAP_YES;
	case IMAP_SEARCH_FLAG:
		return yes_if(f->flags & n->number);
	case IMAP_SEARCH_UNFLAG:
		return yes_if(!(f->flags & n->number));
	case IMAP_SEARCH_KEYWORD:
		return yes_if(has_keyword(f, n->name));
	case IMAP_SEARCH_UNKEYWORD:
		return yes_if(!has_keyword(f, n->name));
	case IMAP_SEARCH_RECENT:
		return yes_if(f->recent);
	case IMAP_SEARCH_OLD:
		return yes_if(!f->recent);
	case IMAP_SEARCH_NEW:
		return yes_if(f->recent && !seen);
	case IMAP_SEARCH_BEFORE:
		return yes_if(day_of(f->internal_s) < n->day);
	case IMAP_SEARCH_ON:
		return yes_if(day_of(f->internal_s) == n->day);
	case IMAP_SEARCH_SINCE:
		return yes_if(day_of(f->internal_s) >= n->day);
	case IMAP_SEARCH_LARGER:
		return yes_if(f->size > n->number);
	case IMAP_SEARCH_SMALLER:
		return yes_if(f->size < n->number);
	case IMAP_SEARCH_SEQ:
		return yes_if(imap_seqset_has(n->set, f->seq, f->top_seq));
	case IMAP_SEARCH_UID:
		return yes_if(imap_seqset_has(n->set, f->uid, f->top_uid));
	case IMAP_SEARCH_SENTBEFORE:
	case IMAP_SEARCH_SENTON:
	case IMAP_SEARCH_SENTSINCE:
		return judge_sent(n, f);
	case IMAP_SEARCH_HEADER:
		return judge_header(n, f);
	case IMAP_SEARCH_BODY:
	case IMAP_SEARCH_TEXT:
		return f->match == NULL ? IMAP_MAYBE :
		    yes_if(f->match->needles[n->number].found);
	}
	return IMAP_NO;
}

static uint8_t
combine(enum imap_search_kind op, uint8_t so_far, uint8_t v)
{
	if (op == IMAP_SEARCH_NOT)
		return v == IMAP_MAYBE ? IMAP_MAYBE : v == IMAP_YES ? IMAP_NO : IMAP_YES;
	if (op == IMAP_SEARCH_AND)
		return so_far == IMAP_NO || v == IMAP_NO ? IMAP_NO :
		    so_far == IMAP_MAYBE || v == IMAP_MAYBE ? IMAP_MAYBE : IMAP_YES;
	return so_far == IMAP_YES || v == IMAP_YES ? IMAP_YES :
	    so_far == IMAP_MAYBE || v == IMAP_MAYBE ? IMAP_MAYBE : IMAP_NO;
}

/* From the last to the first: operands stand behind their operator. */
enum imap_verdict
imap_search_judge(const struct imap_search *s, const struct imap_search_facts *f)
{
	for (uint32_t i = 0; i < s->count; i++)
		s->values[i] = s->v[i].kind == IMAP_SEARCH_OR ? IMAP_NO : IMAP_YES;
	for (uint32_t i = s->count; i-- > 0; ) {
		const struct imap_search_node *n = &s->v[i];
		uint8_t *up = &s->values[n->parent];
		enum imap_search_kind op = s->v[n->parent].kind;

		if (n->kind > IMAP_SEARCH_NOT)
			s->values[i] = (uint8_t)judge_key(n, f);
		if (i > 0)
			*up = combine(op, *up, s->values[i]);
	}
	return (enum imap_verdict)s->values[0];
}
