/* SPDX-License-Identifier: ISC */
/*
 * What the store daemon keeps in memory: peers with their sessions,
 * reservations and unanswered requests, and for accounts in use the counters
 * that are ahead of the disk.  A handle belongs to the peer that opened it
 * and to one account.  A reply to a change goes out when the change is
 * durable, then those who watch the mailbox are told, once for each batch.
 */
#ifndef STORE_CORE_H
#define STORE_CORE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/base/list.h"
#include "lib/base/map.h"
#include "lib/crypto/token.h"
#include "lib/io/loop.h"
#include "lib/ipc/ipc_peer.h"
#include "store/store_commit.h"

#define STORE_FILES_MAX		64	/* unclaimed files of one peer */
#define STORE_SESSIONS_MAX	65536	/* of one peer */
#define STORE_RESERVED		1000	/* content ids in one reservation */
#define STORE_RESERVATIONS_MAX	64	/* for one account */
#define STORE_RESERVATION_MS	3600000	/* an epoch lasts ten minutes */
#define STORE_BODY_MAX		(4ull << 30)	/* sealed: longer than the message */
#define STORE_MINFREE_BYTES	(64ull << 20)	/* below it nothing is taken */
#define STORE_ROOM_MS		1000		/* the disk is looked at so often */

struct store {
	struct loop		*loop;
	struct commit		*commit;
	struct kv		*kv;
	struct blob		*blob;
	int			 dir_fd;
	uint64_t		 mailbox_limit;
	uint64_t		 undelete_s;
	uint64_t		 minfree_bytes;
	uint64_t		 room_until_ms;	/* has_room is that new */
	bool			 has_room;
	struct token_gate	 gate;
	unsigned char		 grant_key[32];
	bool			 has_grant_key;
	struct map		 accounts;	/* struct store_account */
	struct map		 sessions;	/* struct store_session by handle */
	struct list		 peers;
	struct list		 told;		/* sessions to notify after this batch */
	struct list		 late_facts;	/* of keyd, until there is room for them */
	struct timer		 late_timer;
	uint32_t		 last_handle;
	uint32_t		 session_count;
	unsigned		 compact_percent;
	struct store_sweep	*sweep;
	struct store_compact	*compact;
	struct store_rekey	*rekey;
	struct store_quota	*quota;
	struct expire_rule	*expire;
	unsigned		 expire_n;
	size_t			 staged_bytes;	/* of all sessions */
	unsigned char		*pulse;		/* store_pulse.h, or NULL */
	int			 pulse_fd;
};

struct store_account {
	struct map_node		 node;
	uint64_t		 id;
	struct list		 sessions;
	struct list		 reservations;
	uint64_t		 next_content;	/* 0: as on disk */
	uint64_t		 next_epoch;
	uint32_t		 turner;	/* handle whose turn the arrivals are; 0: nobody's */
};

struct store_file {
	dev_t			 dev;
	ino_t			 ino;
};

struct store_peer {
	struct list		 link;
	struct store		*store;
	struct ipc_peer		*peer;
	struct list		 sessions;
	struct list		 reservations;
	struct list		 replies;
	uint32_t		 session_count;
	unsigned char		*window;	/* an imapd's (store_proto.h), or NULL */
	unsigned		 file_n;
	struct store_file	 files[STORE_FILES_MAX];
};

#define NEWS_BOXES_MAX	8

/* What a session has to hear (store_news.h). */
struct store_news {
	unsigned		 n;
	uint32_t		 boxes[NEWS_BOXES_MAX];
	uint64_t		 modseqs[NEWS_BOXES_MAX];
	bool			 names;
	bool			 arrivals;
	bool			 is_full;	/* and more */
};

/* Messages of a MULTIAPPEND that waits for its last one (store_stage.h). */
struct store_stage {
	struct list		 items;
	uint32_t		 n;
	size_t			 bytes;		/* that they take in memory */
	uint64_t		 size_sum;	/* of the plain messages */
};

/* Whose session a guest's is (store_guest.h). */
struct store_guest {
	uint32_t		 parent;	/* handle */
	size_t			 address_n;
	char			 address[];
};

struct store_session {
	struct map_node		 node;
	uint32_t		 handle;
	struct store_peer	*peer;
	struct store_account	*account;
	struct list		 of_peer;
	struct list		 of_account;
	struct list		 told;
	uint64_t		 issued_s;	/* of its token */
	uint32_t		 watched;	/* mailbox */
	bool			 watches_all;	/* of its account */
	struct store_news	 news;		/* to tell */
	uint64_t		 user;		/* whose session it is */
	struct store_guest	*guest;		/* NULL: in his own account */
	unsigned		 guests;	/* handles that hang on this one */
	struct store_stage	 stage;
};

struct store_reservation {
	struct list		 of_peer;
	struct list		 of_account;
	struct store_account	*account;
	uint64_t		 made_ms;
	uint64_t		 epoch;
	uint64_t		 first;
	unsigned char		 used[(STORE_RESERVED + 7) / 8];
};

/* A change on its way to disk, and its answer. */
struct store_reply {
	struct list		 link;		/* of its peer */
	struct store		*store;
	struct ipc_peer		*peer;		/* NULL: gone, or nobody asked */
	uint64_t		 id;
	enum ipc_type		 type;
	union {
		struct ipc_store_ok		 ok;
		struct ipc_store_session	 session;
		struct ipc_store_appended	 appended;
		struct ipc_store_rows		 rows;
		struct ipc_store_expunged	 expunged;
		struct ipc_store_copied		 copied;
	} m;
	struct buf		 a;		/* bytes that m's slices point to */
	struct buf		 b;
	uint64_t		 account;
	uint32_t		 boxes[2];	/* changed mailboxes; 0: none */
	bool			 names;		/* names, subscriptions or rights changed */
	bool			 arrivals;	/* something waits to be made readable */
	bool			 entries;	/* those in b were set or removed: */
	uint32_t		 entries_box;	/* of this mailbox; 0: the account's */
	uint64_t		 entries_user;	/* who may hear of private ones */
	uint64_t		 modseq;
	uint32_t		 origin;	/* handle that need not be told */
};

/* The store of a peer; main.c (or a test) says where it is. */
struct store	*store_of(struct ipc_peer *);

void		 store_init(struct store *, struct loop *);
void		 store_fini(struct store *);
void		 store_joined(struct store *, struct ipc_peer *);
void		 store_left(struct store *, struct ipc_peer *);
struct store_peer *store_peer_find(struct store *, const struct ipc_peer *);

uint64_t	 store_now_s(const struct store *);
/* Room for more mail; checked before the disk is full, which ends the process. */
bool		 store_has_room(struct store *);

/* The memory of an account, made when missing. */
struct store_account *store_account_need(struct store *, uint64_t id);
struct store_account *store_account_find(struct store *, uint64_t id);
void		 store_account_release(struct store *, struct store_account *);	/* freed when unused */

/* The session of a handle; NULL when there is none or it is another peer's. */
struct store_session *store_session_find(struct ipc_peer *, uint32_t handle);
/* The same for a request: else the peer was answered or ended, and NULL. */
struct store_session *store_session_need(struct ipc_peer *, struct ipc_in *, uint32_t handle);
struct store_session *store_session_new(struct store *, struct store_peer *, uint64_t account);
void		 store_session_free(struct store_session **);

void		 store_fail(struct ipc_peer *, const struct ipc_in *, enum err,
		    const char *code, const char *text);
/* The usual code and text of an error. */
void		 store_fail_err(struct ipc_peer *, const struct ipc_in *, enum err);

struct store_reply *store_reply_new(struct ipc_peer *, const struct ipc_in *, enum ipc_type);
void		 store_reply_free(struct store_reply **);
/* kv_done_fn: sends it, marks who is to be told, frees it. */
void		 store_reply_done(void *arg, enum err);

#endif
