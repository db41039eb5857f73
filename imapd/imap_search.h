/* SPDX-License-Identifier: ISC */
/*
 * The program of a SEARCH (RFC 3501 s6.4.4, RFC 9051 s6.4.4): parsed once
 * into an array where every operator stands before its operands; imap_judge.h
 * then judges messages by it.  Pure.  At most IMAP_SEARCH_NODES keys, nesting
 * IMAP_NEST_MAX.
 */
#ifndef IMAP_SEARCH_H
#define IMAP_SEARCH_H

#include <stdbool.h>
#include <stdint.h>

#include "imapd/imap_parser.h"
#include "lib/base/slice.h"

#define IMAP_SEARCH_NODES	1000

enum imap_search_kind {
	/* operators */
	IMAP_SEARCH_AND, IMAP_SEARCH_OR, IMAP_SEARCH_NOT,
	/* answered by the row */
	IMAP_SEARCH_ALL, IMAP_SEARCH_FLAG, IMAP_SEARCH_UNFLAG, IMAP_SEARCH_KEYWORD,
	IMAP_SEARCH_UNKEYWORD, IMAP_SEARCH_RECENT, IMAP_SEARCH_OLD, IMAP_SEARCH_NEW,
	IMAP_SEARCH_MODSEQ, IMAP_SEARCH_SEQ, IMAP_SEARCH_UID,
	/* by its cold part */
	IMAP_SEARCH_BEFORE, IMAP_SEARCH_ON, IMAP_SEARCH_SINCE,
	IMAP_SEARCH_SAVEDBEFORE, IMAP_SEARCH_SAVEDON, IMAP_SEARCH_SAVEDSINCE,
	IMAP_SEARCH_YOUNGER, IMAP_SEARCH_OLDER, IMAP_SEARCH_EMAILID, IMAP_SEARCH_THREADID,
	IMAP_SEARCH_LARGER, IMAP_SEARCH_SMALLER,
	/* by the header */
	IMAP_SEARCH_SENTBEFORE, IMAP_SEARCH_SENTON, IMAP_SEARCH_SENTSINCE,
	IMAP_SEARCH_HEADER,
	/* by the whole message */
	IMAP_SEARCH_BODY, IMAP_SEARCH_TEXT
};

struct imap_search_node {
	enum imap_search_kind	 kind;
	uint32_t		 parent;
	uint32_t		 number;	/* flag, size, seconds; match index */
	int64_t			 day;		/* since 1970 */
	uint64_t		 id;		/* email, thread, modseq */
	struct slice		 set;
	struct slice		 name;		/* keyword or header field */
	bool			 is_raw;	/* HEADER: the field, not what the envelope has */
	struct slice		 text;		/* mapped, imap_casemap.h */
};

struct imap_search {
	struct imap_search_node	*v;
	uint32_t		 count;
	uint8_t			*values;	/* scratch for judging */
	bool			 has_charset;	/* CHARSET was given */
	bool			 bad_charset;
	bool			 wants_cold;
	bool			 wants_entry;	/* some key is answered by an imap_entry */
	bool			 wants_header;	/* some key needs that, or the header */
	bool			 wants_text;
	bool			 wants_top;	/* a UID set has "*" */
	bool			 is_relative;	/* what matches depends on time or other messages */
	bool			 wants_modseq;	/* MODSEQ: the answer tells the highest */
};

/* search-program behind its space: ["CHARSET" SP astring SP] search-key *(SP search-key) */
void	 imap_search_parse(struct imap_parser *, struct imap_search *);
/* The same with the charset where SORT and THREAD have it (RFC 5256 s3). */
void	 imap_search_parse_sort(struct imap_parser *, struct imap_search *);
/* A set that all matches lie in, if the program has one at its top. */
bool	 imap_search_set(const struct imap_search *, struct slice *set, bool *by_uid);
/* May a message match, by all such sets?  True where "*" leaves it open. */
bool	 imap_search_may_take(const struct imap_search *, uint32_t seq, uint32_t uid);

#endif
