/* SPDX-License-Identifier: ISC */
/*
 * What a client says around the messages that it brings, in the order in
 * which it is to be done:
 *
 *	("APPEND" / ["UID" SP] "REPLACE" SP number) SP mailbox
 *	1*(SP [flag-list SP] [date-time SP] data)
 *	data = literal / literal8 / "UTF8" SP "(" literal8 ")"	RFC 3502, 3516, 9755
 *	     / "CATENATE" SP "(" part *(SP part) ")"		RFC 4469
 *	part = "TEXT" SP literal / "UTF8" SP "(" literal8 ")" / "URL" SP astring
 *
 * The messages themselves are streamed past: a text ends where one is
 * announced, and the next begins behind it.  Pure; of the arena.
 */
#ifndef IMAP_APPEND_TEXT_H
#define IMAP_APPEND_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "imapd/imap_flags.h"
#include "imapd/imap_parser.h"

#define IMAP_CATENATE_PARTS_MAX	1000	/* of one message */

enum imap_append_token {
	IMAP_APPEND_BAD,	/* see parser.what */
	IMAP_APPEND_MESSAGE,	/* another begins: flags, date and catenates are its */
	IMAP_APPEND_LITERAL,	/* its text, or a part of it, is announced here */
	IMAP_APPEND_URL,	/* a part: see url */
	IMAP_APPEND_URL_LITERAL, /* a URL is announced: give the text again with it */
	IMAP_APPEND_DONE,	/* all of the message is said */
	IMAP_APPEND_END		/* and no other follows */
};

struct imap_append_text {
	struct imap_parser parser;
	uint8_t		 state;
	bool		 single;	/* RFC 8508: only one message */
	bool		 utf8;		/* RFC 9755: UTF8 (literal8) is allowed */
	bool		 announces;	/* the text ends in a literal's announcement */
	struct slice	 name;		/* the mailbox's */
	enum err	 name_error;
	struct slice	 replaced;	/* pair of the message that goes, RFC 8508; or none */
	uint32_t	 messages;
	uint32_t	 parts;		/* of this one */
	struct imap_flags flags;
	int64_t		 internal_s;
	bool		 has_date;
	bool		 catenates;
	bool		 literal8;	/* of the last literal */
	bool		 wrapped;	/* it was UTF8 (literal8) */
	struct slice	 url;
};

/* A command up to "{n}": is the literal a message, to be streamed? */
bool		 imap_append_text_wants(struct slice text);
/* Behind the verb, with a message number for REPLACE; the text is borrowed. */
void		 imap_append_text_parse(struct imap_append_text *, struct imap_parser *,
		    bool replace, bool announces);
/* Behind a literal the text goes on. */
void		 imap_append_text_more(struct imap_append_text *, struct slice, bool announces);
enum imap_append_token	imap_append_text_next(struct imap_append_text *);
/* What the rest of the text ends with: LITERAL, URL_LITERAL, END, or BAD and why. */
enum imap_append_token	imap_append_text_last(const struct imap_append_text *, const char **what);

#endif
