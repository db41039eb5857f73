/* SPDX-License-Identifier: ISC */
/*
 * What a response says (RFC 3501 s7, s9), as far as moving mail needs it.
 * Pure.  Everything borrows from the line but what is put into a buf.  What
 * is not understood is passed over; ERR_SYNTAX: it is no IMAP.
 */
#ifndef IMAP_ANSWER_H
#define IMAP_ANSWER_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "lib/imap/mail_flags.h"

enum imap_status { IMAP_NONE, IMAP_OK, IMAP_NO, IMAP_BAD, IMAP_BYE, IMAP_PREAUTH };

struct imap_answer {
	struct slice	 tag;		/* "*", "+" or a command's */
	enum imap_status status;	/* NONE: data */
	struct slice	 code;		/* "UIDNEXT 7", without brackets */
	struct slice	 text;
	bool		 has_number;
	uint32_t	 number;
	struct slice	 word;		/* of data: "FETCH", "LIST", ... */
	struct slice	 rest;		/* what follows it */
};

enum err	 imap_answer_parse(struct slice line, struct imap_answer *) MUST_USE;
/* A number in data or a code behind this word: "APPENDUID 1 2", "UIDNEXT 4". */
bool		 imap_answer_number(struct slice text, const char *word, unsigned which,
		    uint32_t *);
/* One of the words, any case. */
bool		 imap_answer_has_word(struct slice text, const char *word);
/* What follows the prefix in the first word that begins with it. */
bool		 imap_answer_word_value(struct slice text, const char *prefix, struct slice *);

struct imap_listed {
	bool		 is_noselect;	/* no messages can be in it */
	char		 delimiter;	/* NUL: none */
};
/* The rest of LIST; name: as it is on the wire, unquoted. */
enum err	 imap_answer_list(struct slice rest, struct imap_listed *, struct buf *name) MUST_USE;

/*
 * The rest of NAMESPACE (RFC 2342 s5): prefixes of other users' and of shared
 * mailboxes, each with a NUL behind it.
 */
enum err	 imap_answer_namespace(struct slice rest, struct buf *others) MUST_USE;

struct imap_fetched {
	uint32_t	 uid;		/* 0: not told */
	uint64_t	 size;
	bool		 has_size;
	int64_t		 internal_s;
	struct mail_flags flags;	/* keywords borrow from the buf */
	bool		 has_flags;
	struct slice	 header;	/* of BODY[HEADER.FIELDS ...], in the buf */
	struct slice	 body;		/* of BODY[], when it was no literal */
	bool		 has_body;
};
enum err	 imap_answer_fetch(struct slice rest, struct imap_fetched *, struct buf *) MUST_USE;

/* date-time without its quotes: "17-Jul-1996 02:44:25 -0700". */
enum err	 imap_answer_date(struct slice, int64_t *unix_s) MUST_USE;

#endif
