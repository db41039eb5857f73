/* SPDX-License-Identifier: ISC */
/*
 * The program of a SEARCH (RFC 3501 s6.4.4): parsed once into an array where
 * every operator stands before its operands, then judged per message with
 * what is known of it so far; what is not known yet makes the answer "maybe",
 * and the caller brings more.  Pure.  At most IMAP_SEARCH_NODES keys, nesting
 * IMAP_NEST_MAX.
 */
#ifndef IMAP_SEARCH_H
#define IMAP_SEARCH_H

#include <stdbool.h>
#include <stdint.h>

#include "imapd/imap_match.h"
#include "imapd/imap_parser.h"
#include "lib/base/slice.h"

#define IMAP_SEARCH_NODES	1000

enum imap_search_kind {
	/* operators */
	IMAP_SEARCH_AND, IMAP_SEARCH_OR, IMAP_SEARCH_NOT,
	/* answered by the row */
	IMAP_SEARCH_ALL, IMAP_SEARCH_FLAG, IMAP_SEARCH_UNFLAG, IMAP_SEARCH_KEYWORD,
	IMAP_SEARCH_UNKEYWORD, IMAP_SEARCH_RECENT, IMAP_SEARCH_OLD, IMAP_SEARCH_NEW,
	IMAP_SEARCH_BEFORE, IMAP_SEARCH_ON, IMAP_SEARCH_SINCE,
	IMAP_SEARCH_LARGER, IMAP_SEARCH_SMALLER, IMAP_SEARCH_SEQ, IMAP_SEARCH_UID,
	/* by the header */
	IMAP_SEARCH_SENTBEFORE, IMAP_SEARCH_SENTON, IMAP_SEARCH_SENTSINCE,
	IMAP_SEARCH_HEADER,
	/* by the whole message */
	IMAP_SEARCH_BODY, IMAP_SEARCH_TEXT
};

struct imap_search_node {
	enum imap_search_kind	 kind;
	uint32_t		 parent;
	uint32_t		 number;	/* flag, size; match index */
	int64_t			 day;		/* since 1970 */
	struct slice		 set;
	struct slice		 name;		/* keyword or header field */
	struct slice		 text;		/* folded */
};

struct imap_search {
	struct imap_search_node	*v;
	uint32_t		 count;
	uint8_t			*values;	/* scratch for judging */
	bool			 bad_charset;
	bool			 wants_header;	/* some key needs it */
	bool			 wants_text;
	bool			 wants_top;	/* a UID set has "*" */
};

enum imap_verdict { IMAP_NO, IMAP_YES, IMAP_MAYBE };

/* What is known of a message. */
struct imap_search_facts {
	uint32_t	 seq, uid, flags, size;
	int64_t		 internal_s;
	bool		 recent;
	struct slice	 keywords;	/* names of the mailbox */
	uint32_t	 top_seq, top_uid;
	/* NULL: not known yet; gives the fields that hold those of this name */
	bool		(*header)(void *arg, struct slice name, struct slice *fields);
	/* false: not known yet; *has false: there is none */
	bool		(*sent)(void *arg, bool *has, int64_t *local_s);
	void		*arg;
	struct charset_set *charsets;
	const struct imap_match *match;	/* NULL: text not read yet */
};

/* Behind "SEARCH": [SP "CHARSET" SP astring] 1*(SP search-key). */
void			 imap_search_parse(struct imap_parser *, struct imap_search *);
enum imap_verdict	 imap_search_judge(const struct imap_search *,
			    const struct imap_search_facts *);
/* A set that all matches lie in, if the program has one at its top. */
bool			 imap_search_set(const struct imap_search *, struct slice *set,
			    bool *by_uid);

#endif
