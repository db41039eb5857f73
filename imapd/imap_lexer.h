/* SPDX-License-Identifier: ISC */
/*
 * Cuts a client's byte stream into commands: text up to CRLF with embedded
 * literals (RFC 3501 s4.3, RFC 7888), restartable at every byte.  Bytes of a
 * command are kept in text exactly as sent, without the last CRLF, so that
 * the parser sees "{5}" CR LF and five bytes.  A large literal can be
 * streamed instead: it never enters text.
 *
 * Limits: line_max bytes of text outside literals; the caller judges the
 * size of each literal.  An over-long line is dropped up to its end.  Bare LF
 * ends a line too (deviates: telnet); bare CR and NUL are kept for the parser
 * to refuse.  The lexer owns text; it is empty between commands and then
 * holds no memory.
 */
#ifndef IMAP_LEXER_H
#define IMAP_LEXER_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/slice.h"

#define IMAP_LINE_MAX		65536u		/* default of line_max */
#define IMAP_LITERAL_MAX	65536u		/* but in APPEND */
#define IMAP_LITERAL_LOGIN_MAX	4096u		/* before login */
#define IMAP_STREAM_MAX		65536u		/* one piece of a streamed literal */
#define IMAP_COMMAND_MAX	(4u << 20)	/* text and literals together, any line_max */

enum imap_lex {
	IMAP_LEX_MORE,		/* all input was taken, nothing complete */
	IMAP_LEX_COMMAND,	/* text is a whole command (or line, in line mode) */
	IMAP_LEX_LITERAL,	/* text ends in {n}: call accept, stream or refuse */
	IMAP_LEX_DATA,		/* bytes of a streamed literal: see data, is_last */
	IMAP_LEX_TOOLONG	/* the line is over the limit; its rest is dropped */
};

enum imap_lex_state {
	IMAP_LEX_TEXT, IMAP_LEX_WAIT, IMAP_LEX_BUFFER, IMAP_LEX_STREAM,
	IMAP_LEX_SKIP, IMAP_LEX_DONE
};

struct imap_lexer {
	struct buf	 text;
	uint64_t	 literal_bytes;	/* announced by the last IMAP_LEX_LITERAL */
	uint64_t	 left;		/* of the literal under way */
	struct slice	 data;		/* of IMAP_LEX_DATA, borrowed from the input */
	size_t		 line_bytes;	/* of text, literals not counted */
	size_t		 line_max;
	uint8_t		 state;		/* enum imap_lex_state */
	bool		 nonsync;	/* {n+} */
	bool		 is_last;	/* data ends the literal */
	bool		 line_mode;	/* no literals, no quotes: AUTHENTICATE, IDLE */
	bool		 discard;
	bool		 quoted;
	bool		 escaped;
};

void		 imap_lexer_init(struct imap_lexer *);
void		 imap_lexer_fini(struct imap_lexer *);

/* Returns how much of in was taken, up to and including the event. */
size_t		 imap_lexer_feed(struct imap_lexer *, struct slice in, enum imap_lex *event);
/* After COMMAND: forget the text, begin anew. */
void		 imap_lexer_next(struct imap_lexer *);
/* The next command is a bare line. */
void		 imap_lexer_line_mode(struct imap_lexer *, bool on);

/* Answers to IMAP_LEX_LITERAL. */
void		 imap_lexer_accept(struct imap_lexer *);	/* into text */
void		 imap_lexer_stream(struct imap_lexer *);	/* as DATA; text is cleared */
/*
 * Drop the command.  A client that waits for "+" sends nothing more of it; a
 * non-synchronizing literal and what follows are swallowed without an event.
 */
void		 imap_lexer_refuse(struct imap_lexer *);
/* In the middle of a streamed literal: swallow the rest of the command. */
void		 imap_lexer_abandon(struct imap_lexer *);
/* Nothing of a command was received yet. */
bool		 imap_lexer_is_idle(const struct imap_lexer *);

#endif
