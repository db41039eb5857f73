/* SPDX-License-Identifier: ISC */
/*
 * One IMAP session: a pure state machine between a client's bytes and the
 * effects of struct imap_host (replies, requests to keyd and store, TLS,
 * timers).  No descriptor, no clock, no loop in here.
 *
 * Commands run one at a time, in order; input that arrives meanwhile stays
 * with the host, which gives it again after host->wake.  What a command needs
 * lives in its struct imap_cmd; between commands the session keeps only what
 * stands below: an idle session is under 5 KiB on any mailbox.
 *
 * The session is told of everything through the imap_session_on_* functions;
 * each may produce output and end the session (host->close).
 */
#ifndef IMAP_SESSION_H
#define IMAP_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "imapd/imap_lexer.h"
#include "imapd/imap_recent.h"
#include "lib/base/buf.h"
#include "lib/base/list.h"
#include "lib/ipc/ipc_codec.h"
#include "lib/ipc/ipc_peer.h"
#include "lib/ipc/key_proto.h"
#include "lib/mail/charset.h"
#include "lib/sasl/scram_server.h"
#include "lib/seal/sealer.h"

struct imap_cmd;
struct imap_context;
struct imap_fresh;
struct imap_guest;
struct imap_notify;
struct imap_session;
struct imap_verb;

/* States are bits: a command names those that it is legal in. */
enum imap_state { IMAP_NOAUTH = 1, IMAP_AUTH = 2, IMAP_SELECTED = 4, IMAP_LOGOUT = 8 };

/* What the client switched on: ENABLE (RFC 5161), or by using it. */
enum imap_enabled {
	IMAP_EN_REV2 = 1,	/* IMAP4rev2, RFC 9051 */
	IMAP_EN_CONDSTORE = 2,	/* MODSEQ is told, RFC 7162 s3.1 */
	IMAP_EN_QRESYNC = 4,	/* VANISHED is told, RFC 7162 s3.2 */
	IMAP_EN_UTF8 = 8,	/* UTF8=ACCEPT, RFC 9755 */
	IMAP_EN_UIDONLY = 16,	/* no sequence numbers, RFC 9586 */
	IMAP_EN_UTF8_NAMES = IMAP_EN_REV2 | IMAP_EN_UTF8	/* mailboxes are not in UTF-7 */
};

/* A request under way: which process it went to, and its number there. */
struct imap_ticket {
	uint64_t	 id;
	uint32_t	 instance;
	unsigned	 slot;		/* of the read window; 0: none */
};

/* What the client's certificate says of it (RFC 4422 app. A); empty: nothing. */
struct imap_proof {
	struct slice	 names;		/* rfc822Names, NUL-terminated */
	struct slice	 prints;	/* SHA-256 of it, and of its public key */
};

/* Effects; arg is the host's. */
struct imap_host {
	struct buf	*(*out)(void *arg);		/* append replies */
	bool		 (*is_clogged)(void *arg);	/* wait for imap_session_on_drained */
	enum err	 (*call)(void *arg, enum ipc_role, enum ipc_type, const void *m,
			    const int *fds, unsigned fd_count, ipc_reply_fn *,
			    void *reply_arg, struct imap_ticket *);
	enum err	 (*send)(void *arg, enum ipc_role, enum ipc_type, const void *m);
	/* false: that process is being lost, the reply (ERR_GONE) comes all the same. */
	bool		 (*cancel)(void *arg, enum ipc_role, const struct imap_ticket *);
	void		 (*wake)(void *arg);		/* give kept input again */
	void		 (*defer)(void *arg);		/* imap_session_on_turn next loop turn */
	void		 (*deadline)(void *arg, uint64_t at_ms);
	enum err	 (*start_tls)(void *arg);
	/* What follows is compressed, or no longer, in both directions. */
	enum err	 (*compress)(void *arg, bool on);
	void		 (*close)(void *arg, const char *reason);
	/* By which the store will notify; 0: none. */
	void		 (*set_handle)(void *arg, uint32_t handle);
	/* The same of the mailbox of another account that is selected. */
	void		 (*set_guest)(void *arg, uint32_t handle);
	uint64_t	 (*now_ms)(void *arg);
	uint64_t	 (*real_s)(void *arg);
	enum err	 (*file_write)(void *arg, int fd, struct slice);
	void		 (*file_close)(void *arg, int fd);
	/* work in a thread, then done in the loop, whatever becomes of the session.
	   NULL: there are no threads. */
	enum err	 (*work)(void *arg, timer_fn *work, timer_fn *done, void *work_arg);
	/* Of this kind (RFC 5802 s6); false: there is none. */
	bool		 (*binding)(void *arg, struct slice name, struct scram_binding *);
	/* NULL: there is never one. */
	struct imap_proof (*certificate)(void *arg);
	/* The pulse of an account (store_proto.h); 0, or no function: the store is to be
	   asked. */
	uint64_t	 (*pulse)(void *arg, uint64_t account);
};

#define IMAP_READERS_KEPT	4
#define IMAP_KITS_KEPT		4

/* What sessions of a process share; owned by imap_server. */
struct imap_shared {
	const char		*hostname;
	uint64_t		 message_max;	/* APPEND */
	uint64_t		 prelogin_literal_max;
	uint32_t		 user_limit;	/* sessions of one user, counted by keyd */
	size_t			 notify_mailboxes;	/* that NOTIFY may watch */
	uint32_t		 message_limit, save_limit;	/* RFC 9738; 0: none */
	/* Metadata of the server (RFC 5464 s3.2.1.1); NULL or empty: as if not set. */
	char			*admin_contact, *server_comment;
	bool			 scram;		/* offered */
	size_t			 line_max;
	uint64_t		 idle_ms;
	uint64_t		 login_ms;	/* to log in */
	uint64_t		 keepalive_ms;
	bool			 literal_plus;	/* LITERAL+, else LITERAL- */
	bool			 unauthenticate;
	bool			 compress;	/* COMPRESS=DEFLATE */
	struct sealer		*sealer;
	struct charset_set	*charsets;
	struct cry_aead		*aead;		/* summaries */
	struct seal_reader	*readers[IMAP_READERS_KEPT];	/* that nobody uses, or NULL */
	struct imap_kit		*kits[IMAP_KITS_KEPT];		/* the same */
	struct imap_known	*known;		/* what SELECT was told, or NULL */
	size_t			 memo_bytes;	/* of all imap_memo */
	size_t			 fresh_bytes;	/* of all imap_fresh */
	unsigned		 ahead_count;	/* imap_ahead at work */
};

/* What the client was told of the selected mailbox: see lib/ipc/store.msg. */
struct imap_view {
	uint64_t		 mailbox;
	struct imap_guest	*guest;		/* NULL: it is the user's own */
	unsigned		 rights;	/* enum store_right bits, as of SELECT */
	uint64_t		 v;
	uint64_t		 r;
	uint64_t		 told;		/* highest MODSEQ that this command told */
	uint64_t		 pulse;		/* as it was when all this was so; 0: not known */
	uint32_t		 uidvalidity;
	uint32_t		 uidnext;
	uint32_t		 ahead;		/* UIDs from here on: imap_ahead.h */
	uint32_t		 exists;
	struct imap_recent	 recent;
	char			*keywords;	/* NUL-terminated names */
	uint32_t		 keywords_bytes;
	uint32_t		 saved_bytes;
	char			*saved;		/* "$" (RFC 5182): pairs of UIDs */
	struct imap_context	*contexts;	/* searches that it follows, or NULL */
	bool			 readonly;
	bool			 behind;	/* a report was due and could not be made */
	uint32_t		 unflagged;	/* UIDs from here came while NOTIFY kept flags
						   back; 0: none */
};

struct imap_reply {
	enum err	 error;		/* of the call itself */
	uint16_t	 type;		/* IPC_MSG_none when error */
	const void	*m;
	struct ipc_in	*in;
};
typedef void imap_reply_fn(struct imap_session *, void *arg, const struct imap_reply *);
typedef void imap_done_fn(struct imap_session *, enum err);

/* An exchange with the store outside a command's own (imap_sync.c). */
struct imap_sync {
	imap_done_fn	*done;		/* NULL: none under way */
	uint32_t	 resume;
	uint64_t	 modseq;	/* the new R */
	uint64_t	 pulse;		/* before the store was asked */
	bool		 expunges;
	bool		 flags;		/* changed ones are told */
	bool		 again;		/* notified meanwhile */
	const char	*first;		/* static; said before what the store answers, or NULL */
};

struct imap_session {
	const struct imap_host	*host;
	void			*host_arg;
	struct imap_shared	*shared;
	uint64_t		 sid;
	struct imap_lexer	 lexer;
	enum imap_state		 state;
	unsigned		 enabled;	/* enum imap_enabled bits */
	struct imap_cmd		*cmd;		/* running, or NULL */
	struct imap_notify	*notify;	/* NULL: NOTIFY was never said */
	struct list		 calls;		/* unanswered requests */
	struct imap_sync	 sync;
	struct imap_view	 view;		/* IMAP_SELECTED */
	struct imap_memo	*memo;		/* of its messages, or NULL */
	bool			 memo_is_stale;	/* the store has a successor */
	struct imap_fresh	*fresh;		/* of what it appended, or NULL */
	uint32_t		 fresh_next;	/* UID behind the last one appended, or 0 */
	uint64_t		 fresh_name;	/* its mailbox, hashed */
	uint64_t		 account;
	uint32_t		 handle;	/* the store's; 0: not logged in there */
	uint32_t		 handle_serial;	/* how many handles there were */
	uint64_t		 pulse;		/* as it was when the store last let it in; 0: not known */
	struct list		 guests;	/* struct imap_guest */
	unsigned		 guest_count;
	uint32_t		 key_generation;
	uint8_t			 sealing;
	bool			 opens_nothing;	/* EXTERNAL: no key comes for this login */
	bool			 arrivals_due;	/* imap_arrivals.h */
	uint64_t		 arrivals_at_ms;	/* not before */
	unsigned char		 public_key[32];
	unsigned char		 thread_salt[16];	/* the store's, of the account */
	unsigned char		 token[TOKEN_BYTES];
	size_t			 token_bytes;
	char			*user;		/* address; NULL before login */
	char			*client;	/* its address, for keyd and the log */
	uint64_t		 started_ms;
	uint64_t		 commands;
	unsigned		 prelogin;	/* of them since the last login */
	unsigned		 errors;	/* BAD so far */
	unsigned		 login_failures;
	const char		*tls_version;	/* for the log; NULL: no TLS */
	bool			 tls;
	bool			 may_tls;	/* STARTTLS is offered */
	bool			 takes_cleartext;	/* logins without TLS; set before start */
	bool			 is_operator;	/* came through the control socket */
	bool			 closing;
	bool			 busy;		/* inside a session function */
	bool			 relogin;	/* store came back, session not yet */
	bool			 retry_due;	/* it could not check tokens yet */
	uint8_t			 retries;
	bool			 handshake;	/* TLS is being agreed */
	bool			 compressed;
	bool			 cut;		/* what else was received is not text yet */
};

#define IMAP_ERRORS_MAX		20	/* BAD replies, then BYE */
#define IMAP_LOGIN_TRIES	3
#define IMAP_RETRY_MS		50
#define IMAP_RETRIES_MAX	200
#define IMAP_PROGRESS_MS	10000	/* "still at it" this often, RFC 9585 s3 */
#define IMAP_PRELOGIN_MAX	30	/* commands before login */
#define IMAP_LITERAL_MINUS_MAX	4096	/* non-synchronizing, RFC 7888 s5 */

/* make */
struct imap_session	*imap_session_new(const struct imap_host *, void *host_arg,
			    struct imap_shared *, uint64_t sid, const char *client);
/* tls_version: NULL without TLS; lives as long as the session. */
void			 imap_session_start(struct imap_session *, const char *tls_version,
			    bool may_tls);
/* Cancels what is under way and frees; nothing is called any more. */
void			 imap_session_free(struct imap_session **);

/* events */
/* Returns how much was taken; the rest is to be given again after wake. */
size_t			 imap_session_on_data(struct imap_session *, struct slice);
void			 imap_session_on_tls(struct imap_session *, const char *tls_version);
void			 imap_session_on_drained(struct imap_session *);
void			 imap_session_on_turn(struct imap_session *);
void			 imap_session_on_deadline(struct imap_session *);
void			 imap_session_on_notify(struct imap_session *, uint32_t handle,
			    uint64_t mailbox);
/* Metadata of a mailbox, or of the account (0): NUL-terminated names. */
void			 imap_session_on_entries(struct imap_session *, uint64_t mailbox,
			    struct slice names);
void			 imap_session_on_store_left(struct imap_session *);
void			 imap_session_on_store_joined(struct imap_session *);
/* Every IMAP_RETRY_MS while one returns true: asks the store again. */
bool			 imap_session_retry(struct imap_session *);
/* The service stops: BYE. */
void			 imap_session_on_shutdown(struct imap_session *);

/* for commands */
struct buf		*imap_session_out(struct imap_session *);
enum err		 imap_session_call(struct imap_session *, enum ipc_role, enum ipc_type,
			    const void *m, const int *fds, unsigned fd_count,
			    imap_reply_fn *, void *arg) MUST_USE;
/*
 * Begins an inner command in place of the running one, which goes on when this
 * one has its answer; nobody is told that.  Then ended is called.
 */
struct imap_cmd		*imap_session_push(struct imap_session *, const struct imap_verb *,
			    void (*ended)(struct imap_session *));
/* A reply came: the command goes on, or the session does. */
void			 imap_session_go_on(struct imap_session *);
void			 imap_session_bye(struct imap_session *, const char *text,
			    const char *reason);
/* It opened nothing, or no longer does: keyd counts sessions by their tokens. */
void			 imap_session_drop_token(struct imap_session *);
/* Back to the state before login; nothing of it remains. */
void			 imap_session_log_out(struct imap_session *);
/* Leave the selected mailbox. */
void			 imap_session_unselect(struct imap_session *);
/* The store's handle for the selected mailbox; 0: lost, to come again. */
uint32_t		 imap_view_handle(const struct imap_session *);
/* Of the user's own account, now; 0: the store is to be asked. */
uint64_t		 imap_session_pulse(const struct imap_session *);
/* Of the account that the selected mailbox is in, for hashes of Message-IDs. */
const unsigned char	*imap_view_salt(const struct imap_session *, const struct imap_view *);
/* For keyd: the grant that opens its messages; empty in the user's own. */
struct slice		 imap_view_grant(const struct imap_session *);
/* The capabilities that hold now, without the word CAPABILITY. */
void			 imap_session_put_capabilities(const struct imap_session *, struct buf *);
/* Any of the bits. */
static inline bool
imap_session_is(const struct imap_session *s, enum imap_enabled bits)
{
	return (s->enabled & bits) != 0;
}
/* Does it take passwords as it is now? */
static inline bool
imap_session_takes_logins(const struct imap_session *s)
{
	return s->tls || s->takes_cleartext;
}
static inline bool
imap_session_has_certificate(const struct imap_session *s)
{
	struct imap_proof p = { SLICE_NONE, SLICE_NONE };

	if (s->host->certificate != NULL)
		p = s->host->certificate(s->host_arg);
	return p.names.n > 0 || p.prints.n > 0;
}
/* May there be mail that only a device of the owner opens?  (sealing = client,
 * or once so: a generation of keys is new then.) */
static inline bool
imap_session_may_be_sealed(const struct imap_session *s)
{
	return s->sealing == SEALING_CLIENT || s->key_generation > 1;
}
/* These bits and what they imply; call it before the command reports anything. */
void			 imap_session_enable(struct imap_session *, unsigned bits);
void			 imap_session_set_deadline(struct imap_session *);

#endif
