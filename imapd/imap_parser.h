/* SPDX-License-Identifier: ISC */
/*
 * Reads the grammar's terminals (RFC 3501 s9) from one complete command as
 * imap_lexer keeps it.  The error is sticky: after the first mistake every
 * read gives an empty result, so command code checks once with
 * imap_parser_end().  Strings that need unescaping are copied to the arena;
 * all others borrow the text.  Nothing here recurses; lists that nest
 * (SEARCH) are bounded by IMAP_NEST_MAX where they are parsed.
 */
#ifndef IMAP_PARSER_H
#define IMAP_PARSER_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/arena.h"
#include "lib/base/slice.h"

#define IMAP_NEST_MAX	50
#define IMAP_TAG_MAX	64
#define IMAP_PARSER_OWNERS	2	/* as many mailboxes as a command names at most */

struct imap_parser {
	const char	*p;
	const char	*end;
	struct arena	*arena;
	bool		 utf8_names;	/* quoted strings are UTF-8, mailboxes not UTF-7 */
	bool		 uid_only;	/* RFC 9586: sequence numbers are a mistake */
	bool		 took_numbers;	/* some set was of sequence numbers */
	const char	*what;		/* first mistake, for the BAD text; NULL: none */
	struct slice	 saved;		/* what "$" stands for, as imap_seqset_read gives it */
	bool		 took_saved;	/* some set was "$" */
	struct slice	 owners[IMAP_PARSER_OWNERS];	/* addresses whose mailboxes were named */
	unsigned	 owner_count;
};

void		 imap_parser_init(struct imap_parser *, struct slice text, struct arena *);
void		 imap_parser_fail(struct imap_parser *, const char *what);
bool		 imap_parser_ok(const struct imap_parser *);
/* Everything was read and nothing was wrong. */
bool		 imap_parser_end(struct imap_parser *);

/* look */
char		 imap_parser_peek(const struct imap_parser *);	/* NUL at the end */
bool		 imap_parser_at_end(const struct imap_parser *);
bool		 imap_parser_take(struct imap_parser *, char);	/* if it is there */
bool		 imap_parser_take_word(struct imap_parser *, const char *);	/* any case */

/* A set of sequence numbers comes, in a command that is not about them. */
void		 imap_parser_numbers(struct imap_parser *);
#define IMAP_UIDREQUIRED	"[UIDREQUIRED] Only UIDs after ENABLE UIDONLY"

/* terminals */
void		 imap_parser_sp(struct imap_parser *);
void		 imap_parser_want(struct imap_parser *, char);
struct slice	 imap_parser_tag(struct imap_parser *);
struct slice	 imap_parser_atom(struct imap_parser *);
/* An atom that may end at [ or <: names of FETCH items. */
struct slice	 imap_parser_item(struct imap_parser *);
struct slice	 imap_parser_string(struct imap_parser *);	/* quoted or literal */
struct slice	 imap_parser_literal8(struct imap_parser *);	/* "~" literal, with NUL */
struct slice	 imap_parser_astring(struct imap_parser *);
struct slice	 imap_parser_nstring(struct imap_parser *, bool *is_nil);
struct slice	 imap_parser_list_mailbox(struct imap_parser *);	/* with % and * */
struct slice	 imap_parser_set_text(struct imap_parser *);	/* sequence-set, unchecked */
uint32_t	 imap_parser_number(struct imap_parser *);
uint32_t	 imap_parser_nz_number(struct imap_parser *);
/* mod-sequence-valzer: up to 63 bits (RFC 7162 s7). */
uint64_t	 imap_parser_modseq(struct imap_parser *);
/* date: 1-Feb-1994, quoted or not; seconds of that day's start, UTC. */
int64_t		 imap_parser_date(struct imap_parser *);
/* date-time: "17-Jul-1996 02:44:25 -0700". */
int64_t		 imap_parser_datetime(struct imap_parser *);

/* character classes */
bool		 imap_parser_is_atom_char(char);
bool		 imap_parser_is_astring_char(char);

#endif
