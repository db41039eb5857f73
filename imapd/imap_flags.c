/* SPDX-License-Identifier: ISC */
#include "imapd/imap_flags.h"

#include <string.h>

#include "lib/base/cc.h"
#include "lib/ipc/store_proto.h"

static const struct {
	uint32_t	 bit;
	const char	*name;
} system_flags[] = {
	{ STORE_ANSWERED, "\\Answered" },
	{ STORE_FLAGGED,  "\\Flagged" },
	{ STORE_DELETED,  "\\Deleted" },
	{ STORE_SEEN,	  "\\Seen" },
	{ STORE_DRAFT,	  "\\Draft" },
};

uint32_t
imap_flags_system(struct slice name)
{
	for (size_t i = 0; i < lengthof(system_flags); i++)
		if (slice_ieq_str(name, system_flags[i].name))
			return system_flags[i].bit;
	return 0;
}

bool
imap_flags_is_keyword(struct slice s)
{
	if (s.n == 0 || s.n > IMAP_KEYWORD_MAX)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (!imap_parser_is_atom_char(s.p[i]))
			return false;
	return true;
}

/* The names one after the other; false at the end. */
static bool
next_name(struct slice *rest, struct slice *name)
{
	if (rest->n == 0)
		return false;
	*rest = slice_cut(*rest, '\0', name);
	return true;
}

int
imap_flags_keyword(struct slice keywords, struct slice name)
{
	struct slice one;

	for (int i = 0; next_name(&keywords, &one); i++)
		if (slice_ieq(one, name))
			return i;
	return -1;
}

static bool
has_number(uint32_t flags, struct slice more, size_t number)
{
	size_t beyond = number - STORE_KEYWORD_COUNT;

	if (number < STORE_KEYWORD_COUNT)
		return flags >> (STORE_KEYWORD_SHIFT + number) & 1;
	return beyond / 8 < more.n && ((unsigned char)more.p[beyond / 8] >> beyond % 8 & 1);
}

bool
imap_flags_are_named(struct slice keywords, uint32_t flags, struct slice more)
{
	struct slice name;
	size_t number = 0;

	while (next_name(&keywords, &name))
		number++;
	for (; number < STORE_KEYWORD_COUNT + 8 * more.n || number < STORE_KEYWORD_COUNT; number++)
		if (has_number(flags, more, number))
			return false;
	return true;
}

bool
imap_flags_known(struct slice known, struct slice wanted)
{
	struct slice one;

	while (next_name(&wanted, &one))
		if (imap_flags_keyword(known, one) < 0)
			return false;
	return true;
}

static void
parse_one(struct imap_parser *p, struct imap_flags *f, struct buf *keywords)
{
	bool is_system = imap_parser_take(p, '\\');
	struct slice name = imap_parser_atom(p);
	uint32_t bit;

	if (!imap_parser_ok(p))
		return;
	if (!is_system) {
		if (!imap_flags_is_keyword(name)) {
			imap_parser_fail(p, "Keyword too long");
		} else if (imap_flags_keyword(buf_slice(keywords), name) < 0) {
			buf_put_slice(keywords, name);
			buf_put_char(keywords, '\0');
		}
		return;
	}
	bit = imap_flags_system(slice_of(name.p - 1, name.n + 1));
	if (bit == 0)
		/* RFC 3501 s2.3.2: \Recent cannot be altered by the client. */
		imap_parser_fail(p, "That system flag cannot be set");
	f->system |= bit;
}

void
imap_flags_parse(struct imap_parser *p, bool bare_allowed, struct imap_flags *f)
{
	bool parens = imap_parser_take(p, '(');
	struct buf keywords;

	memset(f, 0, sizeof(*f));
	if (!parens && !bare_allowed)
		imap_parser_fail(p, "Expected a list of flags");
	buf_init(&keywords, IMAP_KEYWORDS_MAX);
	if (!(parens && imap_parser_peek(p) == ')')) {
		do
			parse_one(p, f, &keywords);
		while (imap_parser_take(p, ' '));
	}
	if (parens)
		imap_parser_want(p, ')');
	if (buf_err(&keywords) != ERR_OK)
		imap_parser_fail(p, "Too many keywords");
	f->keywords = arena_dup(p->arena, buf_slice(&keywords));
	if (keywords.n > 0 && f->keywords.p == NULL)
		imap_parser_fail(p, "Command too large");
	buf_fini(&keywords);
}

static void
put_word(struct buf *b, size_t start, struct slice word)
{
	buf_put_str(b, b->n > start ? " " : "");
	buf_put_slice(b, word);
}

static void
put_system(struct buf *b, size_t start, uint32_t flags)
{
	for (size_t i = 0; i < lengthof(system_flags); i++)
		if (flags & system_flags[i].bit)
			put_word(b, start, slice_str(system_flags[i].name));
}

void
imap_flags_put(struct buf *b, uint32_t flags, struct slice more, struct slice keywords,
    bool recent)
{
	size_t start = b->n;
	struct slice name;

	put_system(b, start, flags);
	/* Most rows have none: the names need not be walked. */
	if (flags >> STORE_KEYWORD_SHIFT == 0 && more.n == 0)
		keywords = SLICE_NONE;
	for (size_t number = 0; next_name(&keywords, &name); number++)
		if (has_number(flags, more, number))
			put_word(b, start, name);
	if (recent)
		put_word(b, start, SLICE_LIT("\\Recent"));
}

void
imap_flags_put_names(struct buf *b, uint32_t flags, struct slice more, struct slice keywords)
{
	struct slice name;

	for (size_t number = 0; next_name(&keywords, &name); number++) {
		if (!has_number(flags, more, number))
			continue;
		buf_put_slice(b, name);
		buf_put_char(b, '\0');
	}
}

void
imap_flags_put_all(struct buf *b, struct slice keywords)
{
	size_t start = b->n;
	struct slice name;

	put_system(b, start, STORE_SYSTEM);
	while (next_name(&keywords, &name))
		put_word(b, start, name);
}

/* RFC 4314 s4: \Seen goes with "s", \Deleted with "t", all others with "w". */
void
imap_flags_put_permanent(struct buf *b, struct slice keywords, uint32_t rights)
{
	uint32_t others = rights & STORE_RIGHT_W ? STORE_SYSTEM & ~(STORE_SEEN | STORE_DELETED) : 0;
	size_t start = b->n;
	struct slice name;

	put_system(b, start, others | (rights & STORE_RIGHT_S ? STORE_SEEN : 0) |
	    (rights & STORE_RIGHT_T ? STORE_DELETED : 0));
	if (!(rights & STORE_RIGHT_W))
		return;
	while (next_name(&keywords, &name))
		put_word(b, start, name);
	put_word(b, start, SLICE_LIT("\\*"));
}

void
imap_flags_put_list(struct buf *b, struct slice keywords)
{
	buf_put_str(b, "* FLAGS (");
	imap_flags_put_all(b, keywords);
	buf_put_str(b, ")\r\n");
}
