/* SPDX-License-Identifier: ISC */
/*
 * A command under way: what parse read, what run has done so far, how it is
 * answered.  Each command is a row of imap_cmds.def and a file cmd_*.c with
 *
 *	void cmd_x_parse(struct imap_cmd *, struct imap_parser *);
 *	void cmd_x_run(struct imap_cmd *);
 *
 * parse reads arguments into c->priv (in the arena).  run starts; a command
 * that waits returns without an answer and goes on in c->resume, which is
 * called after every reply, when output drains, and on a new loop turn.  It
 * ends by one of the answers imap_cmd_ok, _no, _bad; the session then tells
 * the client of changes (imap_sync) and sends the tagged response.
 */
#ifndef IMAP_CMD_H
#define IMAP_CMD_H

/* With NOPERM (RFC 5530 s3): what needs a key has none, after EXTERNAL. */
#define IMAP_OPENS_NOTHING	"This login opens no mail: log in by password"

#include <stdbool.h>
#include <stdint.h>

#include "imapd/imap_parser.h"
#include "imapd/imap_session.h"
#include "lib/base/arena.h"

#define IMAP_CMD_ARENA_MAX	(8u << 20)

enum imap_cmd_flag {
	IMAP_CMD_NO_EXPUNGE = 1,	/* RFC 3501 s7.4.1: but for the UID form */
	IMAP_CMD_CHANGES_MAILBOX = 2,	/* no report on the old view afterwards */
	IMAP_CMD_HAS_UID = 4,		/* UID x is a command too */
	IMAP_CMD_LINES = 8,		/* more lines or literals follow: on_line */
	IMAP_CMD_NUMBERS = 32,		/* but for the UID form, about sequence numbers */
	IMAP_CMD_SYNC = 16,		/* report changes even when none are known of */
	IMAP_CMD_OPERATOR = 64,		/* for the operator's tools only */
	IMAP_CMD_POLL = 128		/* its report is all that it does (NOTIFY, RFC 5465) */
};

struct imap_limit;

struct imap_verb {
	const char	*name;		/* lower case */
	unsigned	 states;
	unsigned	 flags;
	const char	*cite;
	void		(*parse)(struct imap_cmd *, struct imap_parser *);
	void		(*run)(struct imap_cmd *);
};

enum imap_answer { IMAP_ANSWER_NONE, IMAP_ANSWER_OK, IMAP_ANSWER_NO, IMAP_ANSWER_BAD };

/* Rows that this command reported, so that sync does not repeat them. */
struct imap_told {
	uint32_t	 first, last;	/* UIDs */
	uint32_t	 last_seq;
	uint64_t	 modseq;
};
#define IMAP_TOLD_MAX	8192
#define IMAP_TOLD_ALL_MAX	16

struct imap_cmd {
	struct imap_session	*s;
	const struct imap_verb	*verb;
	struct arena		 arena;
	struct slice		 tag;
	bool			 uid;
	bool			 by_uid;	/* what its set means: UIDs; also "$" */
	struct slice		 owners[IMAP_PARSER_OWNERS];	/* whose mailboxes it names */
	unsigned		 owner_count, owners_done;
	void			*priv;
	void			(*resume)(struct imap_cmd *);
	/* A line or a piece of a literal (IMAP_CMD_LINES). */
	void			(*on_line)(struct imap_cmd *, struct slice);
	void			(*on_literal)(struct imap_cmd *, struct slice, bool last);
	/* A line that ends in another literal; NULL: a mistake. */
	void			(*on_announced)(struct imap_cmd *, struct slice);
	bool			 wants_input;	/* on_line, on_literal may be called */
	bool			 lets_notify;	/* it idles: news may be told meanwhile */
	void			(*on_notify)(struct imap_cmd *);	/* the mailbox changed */
	void			(*on_deadline)(struct imap_cmd *);
	void			(*fini)(struct imap_cmd *);
	enum imap_answer	 answer;
	const char		*code;		/* without brackets; NULL: none */
	const char		*text;
	const char		*bye;		/* after the answer: BYE and close */
	uint64_t		 modseq;	/* newest S that a reply brought */
	struct imap_told	*told;
	size_t			 told_count, told_cap;
	uint64_t		 told_all[IMAP_TOLD_ALL_MAX];	/* modseqs */
	size_t			 told_all_count;
	bool			 synced;
	bool			 mid_response;	/* a line is begun and not ended */
	uint64_t		 moved_ms;	/* when it last did something */
	bool			 no_expunge;	/* sequence numbers are in use */
	bool			 tells_highest;	/* HIGHESTMODSEQ goes with the OK */
	bool			 compress;	/* when it is answered */
	bool			 start_tls;	/* when it is answered */
	bool			 logout;
	/* An inner command (imap_session_push): */
	struct imap_cmd		*outer;		/* goes on behind it; NULL: none was running */
	void			(*ended)(struct imap_session *);
	struct imap_limit	*limit;		/* see imap_limit.h; NULL: none was looked at */
};

/* table */
const struct imap_verb	*imap_cmd_find(struct slice name);
extern const struct imap_verb	imap_verbs[];
extern const size_t		imap_verbs_count;

/* life: the session's */
struct imap_cmd	*imap_cmd_new(struct imap_session *);
void		 imap_cmd_free(struct imap_cmd **);	/* and those around it */
/* Goes on, if there is one that has no answer; NULL: none. */
void		 imap_cmd_resume(struct imap_cmd *);
/* It runs and waits for nothing from the client. */
bool		 imap_cmd_is_at_work(const struct imap_cmd *);

/* answers */
void		 imap_cmd_ok(struct imap_cmd *, const char *text);
void		 imap_cmd_ok_code(struct imap_cmd *, const char *code, const char *text);
void		 imap_cmd_no(struct imap_cmd *, const char *code, const char *text);
void		 imap_cmd_bad(struct imap_cmd *, const char *text);
void		 imap_cmd_error(struct imap_cmd *, enum err);	/* NO with what fits */
/* "BYE text" behind the tagged answer. */
void		 imap_cmd_then_bye(struct imap_cmd *, const char *text);

/* requests */
/* false: the command was answered with NO. */
bool		 imap_cmd_call(struct imap_cmd *, enum ipc_role, enum ipc_type,
		    const void *m, imap_reply_fn *, void *arg);
/* The message when it is of this type, else NULL and the command is answered. */
const void	*imap_cmd_expect(struct imap_cmd *, const struct imap_reply *, enum ipc_type);
/* A reply function for requests that store_ok answers: OK and its text in arg. */
void		 imap_cmd_on_ok(struct imap_session *, void *text, const struct imap_reply *);

/* memory and text of the command */
void		*imap_cmd_alloc(struct imap_cmd *, size_t bytes);	/* NULL: answered */
const char	*imap_cmd_text(struct imap_cmd *, const struct buf *);	/* copy in the arena */

void		 imap_cmd_told(struct imap_cmd *, uint32_t seq, uint32_t uid, uint64_t modseq);
/* Nothing with this modseq need be told.  As above, beyond a cap it is. */
void		 imap_cmd_told_all(struct imap_cmd *, uint64_t modseq);
bool		 imap_cmd_was_told(const struct imap_cmd *, uint32_t uid, uint64_t modseq);

#define CMD(fn, states, flags, cite)					\
	void	 cmd_##fn##_parse(struct imap_cmd *, struct imap_parser *);	\
	void	 cmd_##fn##_run(struct imap_cmd *);
#include "imapd/imap_cmds.def"
#undef CMD

#endif
