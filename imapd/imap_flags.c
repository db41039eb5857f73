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

uint32_t
imap_flags_mask(struct slice keywords)
{
	uint32_t mask = (1u << STORE_KEYWORD_SHIFT) - 1;
	struct slice name;

	for (unsigned bit = STORE_KEYWORD_SHIFT; bit < 32 && next_name(&keywords, &name); bit++)
		mask |= 1u << bit;
	return mask;
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

void
imap_flags_put(struct buf *b, uint32_t flags, struct slice keywords, bool recent)
{
	size_t start = b->n;
	struct slice name;

	for (size_t i = 0; i < lengthof(system_flags); i++) {
		if (!(flags & system_flags[i].bit))
			continue;
		buf_put_str(b, b->n > start ? " " : "");
		buf_put_str(b, system_flags[i].name);
	}
	for (unsigned bit = STORE_KEYWORD_SHIFT; bit < 32 && next_name(&keywords, &name); bit++) {
		if (!(flags >> bit & 1))
			continue;
		buf_put_str(b, b->n > start ? " " : "");
		buf_put_slice(b, name);
	}
	if (recent) {
		buf_put_str(b, b->n > start ? " " : "");
		buf_put_str(b, "\\Recent");
	}
}

void
imap_flags_put_list(struct buf *b, struct slice keywords)
{
	buf_put_str(b, "* FLAGS (");
	imap_flags_put(b, UINT32_MAX, keywords, false);
	buf_put_str(b, ")\r\n");
}
