/* SPDX-License-Identifier: ISC */
/*
 * What the files of one message by CMTP 2 share.  dlv_mail2.c: its life, the
 * server's key and its own; dlv_mail2_pin.c: what keyd remembers;
 * dlv_mail2_keys.c: the recipients' keys; dlv_mail2_object.c: the object and what
 * proves it; dlv_mail2_answer.c: what became of it.
 *
 * One thing is awaited at a time: keyd, the lookup, or the host.
 */
#ifndef DLV_MAIL2_PRIV_H
#define DLV_MAIL2_PRIV_H

#include "delivery/dlv_cmtp.h"
#include "delivery/dlv_known.h"
#include "delivery/dlv_mail2.h"
#include "delivery/dlv_pin.h"
#include "delivery/dlv_postage.h"
#include "lib/cmtp/cmtp2_mail.h"
#include "lib/cmtp/cmtp_pin.h"
#include "lib/crypto/cry_hasher.h"
#include "lib/ipc/key_proto.h"
#include "lib/seal/seal.h"
#include "lib/seal/seal_arrival.h"

#define DLV_MAIL2_HELD		(256u << 10)	/* of text: its object is held */
#define DLV_MAIL2_HELD_MAX	(4u << 20)	/* the same, where there is room and zstd helps */
#define DLV_MAIL2_ENTRY_BYTES	(12 + SEAL_ENTRY_SEED_BYTES)

/* The message is read from its begin in each; the object is the same bytes. */
enum dlv_mail2_pass {
	DLV_MAIL2_MEASURE,	/* how long will it be? */
	DLV_MAIL2_SEND,
	DLV_MAIL2_REPEAT	/* with postage */
};

struct dlv_mail2_rcpt {
	bool		 is_told;
	bool		 has_key;
	uint8_t		 generation;
	unsigned char	 seal[CRY_KEY_BYTES];
	unsigned char	 wrapped[SEAL_ENTRY_SEED_BYTES];	/* the content key */
};

struct dlv_mail2 {
	struct dlv_mail2_params	 p;
	struct slice		*users;
	const struct dlv_mail2_owner *owner;
	void			*arg;
	struct loop_idle	 turn;		/* begin, or seal, or done */
	bool			 is_sealing;
	bool			 is_over;
	struct dlv_keyd_call	 call;
	struct dlv_lookup_asker	*asker;
	struct dlv_cmtp		*cmtp;
	bool			 is_again;	/* on a kept link, of which nothing was heard yet */
	bool			 is_known;	/* server_sign is the server's */
	char			 host[DLV_HOST_BYTES];
	struct buf		 pin;		/* of whom is asked for; empty: none */
	bool			 asked_all;
	bool			 is_anew;	/* a key had changed: all are asked for once more */
	unsigned char		 server_sign[CRY_KEY_BYTES];
	struct dlv_known_own	 own;
	struct cmtp2_pact	 pact;		/* of the connection */
	unsigned		 at;		/* the recipient whose key is asked for */
	struct dlv_mail2_rcpt	*rcpts;
	unsigned		 keys;		/* recipients that have one */
	struct buf		 envelope;
	unsigned char		 content_key[SEAL_KEY_BYTES];
	struct buf		 entries;
	unsigned		 entry_count;
	enum dlv_mail2_pass	 pass;
	bool			 is_zstd;	/* the object, once its first frame is sealed */
	bool			 is_held;
	size_t			 room_bytes;	/* taken from the room */
	uint64_t		 object_bytes;
	struct buf		 held;		/* the object, where is_held */
	struct seal_writer	*writer;
	struct cry_hasher	*hasher;
	uint64_t		 off;
	char			*piece;
	struct buf		 out;
	unsigned char		 object_hash[CRY_HASH_BYTES];
	unsigned char		 digest[CMTP_DIGEST_BYTES];
	struct cmtp2_proof	 proof;
	struct cmtp2_half	 half;		/* of a pact, when it is signed */
	struct dlv_payer	*payer;
	struct cmtp2_price	 price;
	bool			 has_paid;
	bool			 is_sent;
};

struct dlv_known_now dlv_mail2_now(const struct dlv_mail2 *);
struct slice	 dlv_mail2_own_domain(const struct dlv_mail2 *);

/* the end */
void		 dlv_mail2_tell(struct dlv_mail2 *, unsigned i, enum dlv_mail2_fate,
		    const struct smtp_result *);
void		 dlv_mail2_finish(struct dlv_mail2 *);
/* The host had no chance yet to say that a kept link is of no use; then it is told. */
bool		 dlv_mail2_was_stale(struct dlv_mail2 *);
/* All that were not told of: deferred. */
void		 dlv_mail2_hold(struct dlv_mail2 *, const char *dsn, const char *why);
/* The same, since the server's key is not the one that was known. */
void		 dlv_mail2_hold_broken(struct dlv_mail2 *, const char *why);
/* It goes by SMTP, or where CMTP is required nowhere. */
void		 dlv_mail2_without_key(struct dlv_mail2 *, unsigned i, const char *why);
void		 dlv_mail2_without_keys(struct dlv_mail2 *, const char *why);

/* keyd: when it is not there all are held */
void		 dlv_mail2_call_keyd(struct dlv_mail2 *, enum ipc_type, const void *msg,
		    ipc_reply_fn *);

/* pins: m->pin is that of whom is asked for; when keyd is not there all are held */
void		 dlv_mail2_pin_ask(struct dlv_mail2 *, struct slice user, ipc_reply_fn *);
/* The answer comes into m->pin; after an error all are held. */
enum err	 dlv_mail2_pin_take(struct dlv_mail2 *, enum err, uint16_t type, const void *msg);
bool		 dlv_mail2_pin_known(const struct dlv_mail2 *, struct cmtp_pin *);
bool		 dlv_mail2_pin_is_in_force(const struct dlv_mail2 *);
/* Records by what is pinned; what is new is kept.  server_sign NULL: of the server. */
enum err	 dlv_mail2_pin_judge(struct dlv_mail2 *, const struct cmtp2_keys_request *,
		    struct slice records, const unsigned char *server_sign, struct cmtp_pin *fresh,
		    enum cmtp_chain *verdict);

/* recipients' keys, from m->at on; then the object */
void		 dlv_mail2_keys_next(struct dlv_mail2 *);
/* From the first on, and nothing that was known before counts. */
void		 dlv_mail2_keys_anew(struct dlv_mail2 *);
void		 dlv_mail2_keys_take(struct dlv_mail2 *, const struct cmtp2_keys_request *,
		    const struct cmtp2_keys_reply *);

/* the object */
void		 dlv_mail2_object_begin(struct dlv_mail2 *);
/* Whether so much text may be held; the caller gives it back. */
bool		 dlv_mail2_room_take(struct dlv_mail2_room *, uint64_t bytes) MUST_USE;
/* The room is others' again.  Legal at any time. */
void		 dlv_mail2_object_leave(struct dlv_mail2 *);
/* What was begun is of no use. */
void		 dlv_mail2_object_anew(struct dlv_mail2 *);
void		 dlv_mail2_object_go_on(struct dlv_mail2 *);
void		 dlv_mail2_object_on_drained(void *arg);
/* The same request with this solution. */
void		 dlv_mail2_object_repeat(struct dlv_mail2 *,
		    const unsigned char postage[CMTP2_POSTAGE_BYTES]);

void		 dlv_mail2_answer_take(void *arg, const struct cmtp2_answer *);

#endif
