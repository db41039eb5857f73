/* SPDX-License-Identifier: ISC */
/*
 * Who a message is from and to, and how far its delivery has got: the values
 * and their encoding in the spool.  Pure.  An envelope owns its strings in
 * one arena.
 *
 * The envelope is written once with the message; the state of all its
 * recipients is written again after each attempt that changed it (a RESULT
 * record), the newest one counts.  Both are sealed under the message's key,
 * bound to the queue id.  Both are written in format 3, and
 * older ones are read: the envelope's format 1 knew no rewritten senders, 2 no
 * kinds; the state's format 1 no hosts, replies and times, 2 no recipients that
 * were added when a message was looked up again.
 */
#ifndef QUEUE_ENVELOPE_H
#define QUEUE_ENVELOPE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "lib/crypto/cry.h"
#include "lib/ipc/queue_proto.h"

#define QUEUE_RCPTS_MAX		10000u	/* of one message, aliases expanded */
#define QUEUE_ENVELOPE_MAX	(20u << 20)
#define QUEUE_REASON_MAX	255u
#define QUEUE_DSN_MAX		9u
#define QUEUE_HOST_MAX		300u
#define QUEUE_REPLY_MAX		512u

enum queue_rcpt_status {
	QUEUE_RCPT_PENDING = 0, QUEUE_RCPT_SENT = 1, QUEUE_RCPT_BOUNCED = 2,
	QUEUE_RCPT_EXPIRED = 3,
	QUEUE_RCPT_MOVED = 4	/* looked up again: what named it leads elsewhere */
};

/* Printable text in the arena; its room is used again. */
struct queue_text {
	char		*p;
	uint16_t	 n;
	uint16_t	 room;
};

struct queue_rcpt {
	struct slice	 address;	/* final, canonical */
	struct slice	 original;	/* as given in RCPT */
	struct slice	 orcpt;
	uint8_t		 notify;
	uint8_t		 class;		/* enum queue_class */
	uint8_t		 status;	/* enum queue_rcpt_status */
	bool		 in_job;
	bool		 in_line;	/* in an entry of a site */
	bool		 in_notice;	/* of the notification on its way */
	bool		 notified;	/* somebody was told of its end, or need not be */
	bool		 dsn_taken;	/* the next host does DSN */
	bool		 is_broken;	/* the last attempt met a key that changed */
	bool		 told_broken;	/* and the sender was told of one */
	bool		 is_forwarded;	/* goes out with forward_sender */
	uint8_t		 dsn_n;
	char		 dsn[QUEUE_DSN_MAX];
	uint64_t	 last_ms;	/* real time of the last attempt; 0: none */
	struct queue_text reason;
	struct queue_text host;		/* of the last attempt; empty: none was reached */
	struct queue_text reply;	/* its own words */
};

struct queue_envelope {
	uint64_t	 id;
	uint64_t	 session;
	uint64_t	 arrival_ms;	/* real time */
	uint64_t	 size;		/* plain bytes */
	uint8_t		 flags;		/* enum queue_flag */
	uint8_t		 kind;		/* enum queue_kind */
	uint8_t		 form;		/* enum queue_form */
	unsigned char	 file_key[CRY_KEY_BYTES];	/* form 2 */
	struct slice	 sender;
	struct slice	 forward_sender;	/* rewritten (SRS); empty: nobody is forwarded */
	struct slice	 client;
	struct slice	 helo;
	struct slice	 envid;
	struct slice	 message_id;
	struct queue_rcpt *rcpts;
	uint32_t	 rcpt_count;
	uint32_t	 added_count;	/* the last ones: not in the MESSAGE record */
	uint32_t	 rcpt_cap;
	struct arena	 mem;
};

void		 queue_envelope_init(struct queue_envelope *);
void		 queue_envelope_fini(struct queue_envelope *);	/* wipes the key */
/* Copies; ERR_LIMIT. */
enum err	 queue_envelope_dup(struct queue_envelope *, struct slice *dst,
		    struct slice) MUST_USE;
/* A new recipient with copies of the strings; ERR_LIMIT. */
enum err	 queue_envelope_add(struct queue_envelope *,
		    const struct queue_rcpt *) MUST_USE;
/* dsn and reason are cut at their maximum; reason as printable text. */
void		 queue_envelope_note(struct queue_envelope *, struct queue_rcpt *,
		    struct slice dsn, struct slice reason);
/* The words of a host: kept until the next ones. */
void		 queue_envelope_note_host(struct queue_envelope *, struct queue_rcpt *,
		    struct slice host, struct slice reply);
/* As given in RCPT where the final address is another, else empty. */
struct slice	 queue_envelope_orig_to(const struct queue_rcpt *);
/* "mail", "CMTP 1", "CMTP 2" */
struct slice	 queue_envelope_kind(const struct queue_envelope *);
struct slice	 queue_envelope_text(const struct queue_text *);
/* With what sender this recipient's copy goes out. */
struct slice	 queue_envelope_sender(const struct queue_envelope *,
		    const struct queue_rcpt *);
struct slice	 queue_envelope_dsn(const struct queue_rcpt *);
struct slice	 queue_envelope_reason(const struct queue_rcpt *);
uint32_t	 queue_envelope_pending(const struct queue_envelope *);

/* encode and decode: ERR_CORRUPT for anything that is not exactly one */
void		 queue_envelope_put(struct buf *, const struct queue_envelope *);
enum err	 queue_envelope_get(struct slice, struct queue_envelope *) MUST_USE;

/* The state of all recipients. */
struct queue_progress {
	uint32_t	 attempts;
	uint64_t	 next_ms;	/* real time of the next attempt */
	uint32_t	 lost;		/* attempts that ended with the death of a peer */
	bool		 was_warned;	/* the sender was told of the delay */
};
void		 queue_envelope_put_progress(struct buf *, const struct queue_envelope *,
		    const struct queue_progress *);
enum err	 queue_envelope_get_progress(struct slice, struct queue_envelope *,
		    struct queue_progress *) MUST_USE;
/* The front of it alone, for the start: no envelope needed. */
enum err	 queue_envelope_peek_progress(struct slice, struct queue_progress *,
		    uint32_t *pending) MUST_USE;

#endif
