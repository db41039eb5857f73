/* SPDX-License-Identifier: ISC */
#include "imapd/imap_search.h"

#include <string.h>

#include "imapd/imap_casemap.h"
#include "imapd/imap_entry.h"
#include "imapd/imap_objectid.h"
#include "imapd/imap_seqset.h"
#include "lib/base/cc.h"
#include "lib/ipc/store_proto.h"

#define DAY	86400		/* seconds */

/* ---- the keys ---- */

enum arg {
	NONE, FLAG_BIT, ATOM, DATE, NUMBER, SECONDS, STRING, FIELD, NAME_STRING, UID_SET,
	UID_ABOVE, UID_BELOW, OBJECT, MODSEQ, OPERATOR
};

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
	{ "EMAILID",	IMAP_SEARCH_EMAILID,	OBJECT, IMAP_EMAILID, NULL },
	{ "FLAGGED",	IMAP_SEARCH_FLAG,	FLAG_BIT, STORE_FLAGGED, NULL },
	{ "FROM",	IMAP_SEARCH_HEADER,	FIELD, 0, "From" },
	{ "HEADER",	IMAP_SEARCH_HEADER,	NAME_STRING, 0, NULL },
	{ "KEYWORD",	IMAP_SEARCH_KEYWORD,	ATOM, 0, NULL },
	{ "LARGER",	IMAP_SEARCH_LARGER,	NUMBER, 0, NULL },
	{ "MODSEQ",	IMAP_SEARCH_MODSEQ,	MODSEQ, 0, NULL },
	{ "NEW",	IMAP_SEARCH_NEW,	NONE, 0, NULL },
	{ "NOT",	IMAP_SEARCH_NOT,	OPERATOR, 0, NULL },
	{ "OLD",	IMAP_SEARCH_OLD,	NONE, 0, NULL },
	{ "OLDER",	IMAP_SEARCH_OLDER,	SECONDS, 0, NULL },
	{ "ON",		IMAP_SEARCH_ON,		DATE, 0, NULL },
	{ "OR",		IMAP_SEARCH_OR,		OPERATOR, 0, NULL },
	{ "RECENT",	IMAP_SEARCH_RECENT,	NONE, 0, NULL },
	{ "SAVEDATESUPPORTED", IMAP_SEARCH_ALL,	NONE, 0, NULL },	/* RFC 8514 s4.3 */
	{ "SAVEDBEFORE", IMAP_SEARCH_SAVEDBEFORE, DATE, 0, NULL },
	{ "SAVEDON",	IMAP_SEARCH_SAVEDON,	DATE, 0, NULL },
	{ "SAVEDSINCE",	IMAP_SEARCH_SAVEDSINCE,	DATE, 0, NULL },
	{ "SEEN",	IMAP_SEARCH_FLAG,	FLAG_BIT, STORE_SEEN, NULL },
	{ "SENTBEFORE",	IMAP_SEARCH_SENTBEFORE,	DATE, 0, NULL },
	{ "SENTON",	IMAP_SEARCH_SENTON,	DATE, 0, NULL },
	{ "SENTSINCE",	IMAP_SEARCH_SENTSINCE,	DATE, 0, NULL },
	{ "SINCE",	IMAP_SEARCH_SINCE,	DATE, 0, NULL },
	{ "SMALLER",	IMAP_SEARCH_SMALLER,	NUMBER, 0, NULL },
	{ "SUBJECT",	IMAP_SEARCH_HEADER,	FIELD, 0, "Subject" },
	{ "TEXT",	IMAP_SEARCH_TEXT,	STRING, 0, NULL },
	{ "THREADID",	IMAP_SEARCH_THREADID,	OBJECT, IMAP_THREADID, NULL },
	{ "TO",		IMAP_SEARCH_HEADER,	FIELD, 0, "To" },
	{ "UID",	IMAP_SEARCH_UID,	UID_SET, 0, NULL },
	/* RFC 9738 s3.2 */
	{ "UIDAFTER",	IMAP_SEARCH_UID,	UID_ABOVE, 0, NULL },
	{ "UIDBEFORE",	IMAP_SEARCH_UID,	UID_BELOW, 0, NULL },
	{ "UNANSWERED",	IMAP_SEARCH_UNFLAG,	FLAG_BIT, STORE_ANSWERED, NULL },
	{ "UNDELETED",	IMAP_SEARCH_UNFLAG,	FLAG_BIT, STORE_DELETED, NULL },
	{ "UNDRAFT",	IMAP_SEARCH_UNFLAG,	FLAG_BIT, STORE_DRAFT, NULL },
	{ "UNFLAGGED",	IMAP_SEARCH_UNFLAG,	FLAG_BIT, STORE_FLAGGED, NULL },
	{ "UNKEYWORD",	IMAP_SEARCH_UNKEYWORD,	ATOM, 0, NULL },
	{ "UNSEEN",	IMAP_SEARCH_UNFLAG,	FLAG_BIT, STORE_SEEN, NULL },
	{ "YOUNGER",	IMAP_SEARCH_YOUNGER,	SECONDS, 0, NULL },
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
	buf_init(&b, IMAP_CASEMAP_GROWTH * raw.n + 64);
	imap_casemap(&b, raw);
	folded = arena_dup(p->arena, buf_slice(&b));
	if (b.n > 0 && folded.p == NULL)
		imap_parser_fail(p, "Command too large");
	buf_fini(&b);
	return folded;
}

/* RFC 8474 s5.2: what is no identifier of ours matches nothing. */
static void
parse_object(struct imap_parser *p, struct imap_search_node *n, enum imap_objectid kind)
{
	struct slice id = imap_parser_atom(p);

	if (!imap_parser_ok(p))
		return;
	if (!imap_objectid_is_legal(id))
		imap_parser_fail(p, "Invalid object identifier");
	else if (!imap_objectid_get(id, kind, &n->id))
		n->id = 0;
}

/*
 * RFC 7162 s3.1.5: ["entry" SP "priv"/"shared"/"all" SP] mod-sequence-valzer.
 * There is one mod-sequence for all flags of a message, whichever is named.
 */
static void
parse_modseq(struct state *st, struct imap_search_node *n)
{
	struct imap_parser *p = st->p;

	if (imap_parser_peek(p) == '"') {
		(void)imap_parser_string(p);
		imap_parser_sp(p);
		if (!imap_parser_take_word(p, "priv") && !imap_parser_take_word(p, "shared") &&
		    !imap_parser_take_word(p, "all"))
			imap_parser_fail(p, "Expected priv, shared or all");
		imap_parser_sp(p);
	}
	n->id = imap_parser_modseq(p);
	st->s->wants_modseq = true;
}

/* Unlike "9:*", UIDAFTER 8 is nothing where no UID is above. */
static void
parse_side(struct imap_parser *p, struct imap_search_node *n, bool above)
{
	uint32_t uid = imap_parser_nz_number(p);

	if (imap_parser_ok(p))
		n->set = above ? imap_seqset_range(p, uid < STORE_STAR ? uid + 1 : uid,
		    STORE_STAR - 1) : imap_seqset_range(p, 1, uid - 1);
}

static void
parse_arg(struct state *st, struct imap_search_node *n, const struct key *k)
{
	struct imap_parser *p = st->p;
	enum imap_text which;

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
	case SECONDS:
		n->number = imap_parser_nz_number(p);
		st->s->is_relative = true;
		break;
	case OBJECT:
		parse_object(p, n, (enum imap_objectid)k->flag);
		break;
	case MODSEQ:
		parse_modseq(st, n);
		break;
	case FIELD:
		n->name = slice_str(k->field);
		n->text = parse_text(p);
		break;
	case NAME_STRING:
		n->name = imap_parser_astring(p);
		n->is_raw = true;
		imap_parser_sp(p);
		n->text = parse_text(p);
		break;
	case STRING:
		n->text = parse_text(p);
		break;
	case UID_ABOVE:
	case UID_BELOW:
		parse_side(p, n, k->arg == UID_ABOVE);
		break;
	case UID_SET:
		imap_seqset_read(p, &n->set);
		if (imap_seqset_max(n->set) == STORE_STAR)
			st->s->wants_top = st->s->is_relative = true;
		break;
	}
	if (n->kind >= IMAP_SEARCH_BEFORE && n->kind < IMAP_SEARCH_SENTBEFORE)
		st->s->wants_cold = true;
	if (n->kind >= IMAP_SEARCH_SENTBEFORE && (n->kind != IMAP_SEARCH_HEADER ||
	    imap_entry_find(n->name, n->is_raw, &which)) && n->kind < IMAP_SEARCH_BODY)
		st->s->wants_entry = true;
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
	if (ascii_is_digit(c) || c == '*' || c == '$') {
		/* RFC 5182 s2.1: "$" is a set of messages, kept as UIDs */
		n = add(st, c == '$' ? IMAP_SEARCH_UID : IMAP_SEARCH_SEQ);
		if (c != '$')
			imap_parser_numbers(p);
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

static void
parse_charset(struct imap_parser *p, struct imap_search *s)
{
	struct slice charset = imap_parser_astring(p);

	imap_parser_sp(p);
	s->bad_charset = !slice_ieq_str(charset, "UTF-8") &&
	    !slice_ieq_str(charset, "US-ASCII");
}

static void
parse_keys(struct imap_parser *p, struct imap_search *s)
{
	struct state st = { .p = p, .s = s };

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

static bool
init(struct imap_parser *p, struct imap_search *s)
{
	memset(s, 0, sizeof(*s));
	s->v = arena_alloc(p->arena, IMAP_SEARCH_NODES, sizeof(*s->v));
	s->values = arena_alloc(p->arena, IMAP_SEARCH_NODES, 1);
	if (s->v == NULL || s->values == NULL)
		imap_parser_fail(p, "Command too large");
	return imap_parser_ok(p);
}

void
imap_search_parse(struct imap_parser *p, struct imap_search *s)
{
	if (!init(p, s))
		return;
	s->has_charset = imap_parser_take_word(p, "CHARSET ");
	if (s->has_charset)
		parse_charset(p, s);
	parse_keys(p, s);
}

void
imap_search_parse_sort(struct imap_parser *p, struct imap_search *s)
{
	if (!init(p, s))
		return;
	parse_charset(p, s);
	parse_keys(p, s);
}

/* All that matches lies in it: a set with nothing but AND around it. */
static bool
is_bound(const struct imap_search *s, uint32_t i)
{
	if (s->v[i].kind != IMAP_SEARCH_SEQ && s->v[i].kind != IMAP_SEARCH_UID)
		return false;
	for (i = s->v[i].parent; i != 0; i = s->v[i].parent)
		if (s->v[i].kind != IMAP_SEARCH_AND)
			return false;
	return true;
}

bool
imap_search_set(const struct imap_search *s, struct slice *set, bool *by_uid)
{
	for (uint32_t i = 1; i < s->count; i++) {
		if (!is_bound(s, i))
			continue;
		*set = s->v[i].set;
		*by_uid = s->v[i].kind == IMAP_SEARCH_UID;
		return true;
	}
	return false;
}

bool
imap_search_may_take(const struct imap_search *s, uint32_t seq, uint32_t uid)
{
	for (uint32_t i = 1; i < s->count; i++) {
		const struct imap_search_node *n = &s->v[i];

		if (is_bound(s, i) && imap_seqset_max(n->set) != STORE_STAR &&
		    !imap_seqset_has(n->set, n->kind == IMAP_SEARCH_UID ? uid : seq, 0))
			return false;
	}
	return true;
}
