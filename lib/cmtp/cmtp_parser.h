/* SPDX-License-Identifier: ISC */
/*
 * The server's side of CMTP 1 and 2, read restartably: bytes in any pieces
 * give one event after another.  What a client says of lengths is held against
 * the limits before a byte of it is taken; a body, its attachments and a sealed
 * object are passed on as they come, never kept.  The parser keeps at most
 * CMTP_TEXT_MAX bytes.  Of version 2 it knows only when speaks_2 is set.
 *
 * A fault is final: the stream cannot be found again (man/cmtp.7).
 */
#ifndef CMTP_PARSER_H
#define CMTP_PARSER_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/slice.h"
#include "lib/cmtp/cmtp2_mail.h"
#include "lib/cmtp/cmtp_wire.h"
#include "lib/crypto/cry_hasher.h"

#define CMTP_LOG_MAX		(16u << 10)	/* the log of one message */
#define CMTP_ATTACHMENTS_MAX	1000
#define CMTP_TEXT_MAX		CMTP2_ENVELOPE_MAX
_Static_assert(CMTP_LOG_MAX + CMTP_PARAMS_MAX * (CMTP_PARAM_MAX + 1) <= CMTP_TEXT_MAX,
    "MAIL's text fits too");

struct cmtp_limits {
	uint64_t	 message_bytes;	/* log, body and attachments together; an object */
	bool		 takes_plaintext;	/* MAIL of version 0 */
};

enum cmtp_event {
	CMTP_EV_MORE,		/* all input is used: give more */
	CMTP_EV_COMMAND,	/* verb, param: all but MAIL and MAIL2 */
	CMTP_EV_MAIL,		/* mail, param, log; body and attachments follow */
	CMTP_EV_PART,		/* part_bytes: the body, then each attachment, begins */
	CMTP_EV_DATA,		/* piece: of the part */
	CMTP_EV_END,		/* of the message */
	CMTP_EV_MAIL2,		/* mail2, envelope, postage; the object follows as DATA */
	CMTP_EV_END2,		/* of the object: envelope, object_hash, proof */
	CMTP_EV_FAULT		/* fault */
};

struct cmtp_mail {
	bool		 is_plaintext;	/* version 0 */
	uint32_t	 attachments;
	uint32_t	 log_bytes;
	uint64_t	 body_bytes;
};

struct cmtp_parser {
	const struct cmtp_limits	*limits;
	bool				 speaks_2;	/* set by the owner, after init */

	/* of the event; borrowed until the next call */
	enum cmtp_verb			 verb;
	struct slice			 param[CMTP_PARAMS_MAX];
	struct cmtp_mail		 mail;
	struct slice			 log;
	struct slice			 nonce;		/* KEYREQUEST2 */
	uint64_t			 known;
	struct slice			 fixed;		/* LOGIN2 and its like: OPAQUE's message */
	struct slice			 bundle;	/* RECORD2 */
	struct cmtp2_mail		 mail2;		/* MAIL2, to its end */
	struct slice			 envelope;	/* what is signed of it, to its end */
	struct slice			 postage;	/* empty, or a solution */
	struct cmtp2_proof		 proof;
	unsigned char			 object_hash[CRY_HASH_BYTES];
	uint64_t			 part_bytes;
	struct slice			 piece;		/* within the input */
	const char			*fault;		/* a word for the log */

	/* the machine */
	int				 state;
	bool				 is_lent;	/* text, to the owner */
	unsigned			 params;	/* read of this command */
	uint32_t			 parts;		/* to come */
	uint64_t			 left;		/* of what is being read */
	uint64_t			 total;		/* of the message, told so far */
	size_t				 word_from;	/* in text: the parameter being read */
	size_t				 tail_n;
	char				 tail[CMTP2_PROOF_MAX];	/* bytes behind the names, or the object */
	struct cry_hasher		*hasher;	/* of an object */
	struct buf			 text;
};

/* MAIL's four */
enum cmtp_mail_param { CMTP_TO_USER, CMTP_TO_DOMAIN, CMTP_FROM_USER, CMTP_FROM_DOMAIN };

void		 cmtp_parser_init(struct cmtp_parser *, const struct cmtp_limits *);
void		 cmtp_parser_fini(struct cmtp_parser *);
/* Takes from the front of the input what the event needs. */
enum cmtp_event	 cmtp_parser_next(struct cmtp_parser *, struct slice *in);
/* The owner is done with the command that came last, which had a password. */
void		 cmtp_parser_forget(struct cmtp_parser *);
/* Nothing of a command has been read. */
bool		 cmtp_parser_is_idle(const struct cmtp_parser *);

const char	*cmtp_verb_name(enum cmtp_verb);
unsigned	 cmtp_verb_version(enum cmtp_verb);

#endif
