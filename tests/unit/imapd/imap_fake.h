/* SPDX-License-Identifier: ISC */
/*
 * A host for imap_session without a loop: output in a buffer, a clock that
 * stands still, and one account in memory behind the real messages of keyd
 * and store, encoded and decoded on the way.  Replies come in order when
 * fake_run() is called.  User alice, password "secret".
 */
#ifndef IMAP_FAKE_H
#define IMAP_FAKE_H

#include <stdbool.h>

#include "imapd/imap_session.h"

#define FAKE_BOXES	16
#define FAKE_MESSAGES	600
#define FAKE_CONTENTS	1000
#define FAKE_COLUMNS	64
#define FAKE_PAIRS	4

struct fake_message { uint32_t uid, flags; uint64_t modseq, internal_s; size_t content; };
struct fake_gone { uint32_t uid; uint64_t modseq; struct fake_message was; };
struct fake_box {
	char			 name[64];
	bool			 used, subscribed, unmade;	/* unmade: a subscribed name alone */
	uint32_t		 no_rights;	/* enum store_right bits that alice lacks */
	uint32_t		 uidnext, recent_from, special;
	uint64_t		 modseq;
	struct fake_message	 m[FAKE_MESSAGES];
	size_t			 count;
	struct fake_gone	 gone[FAKE_MESSAGES];
	size_t			 gone_count;
	char			 keywords[256];
	size_t			 keywords_bytes;
};
struct fake_content {
	struct buf	 body, summary;
	unsigned char	 commitment[32], wrapped[64];
	size_t		 wrapped_bytes;
	uint64_t	 epoch;
	uint32_t	 size;
};

struct fake_columns {
	uint64_t	 mailbox, content, epoch;
	uint32_t	 block;
	uint8_t		 kind;
	unsigned char	 commitment[32], wrapped[64];
	size_t		 wrapped_bytes;
	struct buf	 data;
};

/* A store may be of another account, where the user is a guest. */
#define FAKE_OWNER	"ann@b.example"
#define FAKE_GUEST	77u		/* its handle there */
struct fake_acl { char box[64], who[128]; uint32_t rights; };

struct fake_store {			/* shared by all sessions of a test */
	struct fake_store	*shared;	/* FAKE_OWNER's; NULL: nobody shares */
	uint64_t		 account;
	uint32_t		 rights;	/* of who asks */
	bool			 no_grant;	/* only the owner opens it */
	unsigned		 grants;	/* given */
	struct fake_acl		 acls[8];
	size_t			 acl_count;
	struct fake_box		 boxes[FAKE_BOXES];
	struct fake_content	 contents[FAKE_CONTENTS];
	size_t			 content_count;
	struct fake_columns	 columns[FAKE_COLUMNS];	/* by rising block */
	size_t			 column_count;
	unsigned		 more_boxes;	/* names in the list without anything behind */
	unsigned		 column_page;	/* blocks in one answer; 0: all */
	unsigned		 columns_read;	/* blocks given */
	unsigned		 contents_given;	/* rows with content */
	bool			 no_columns;	/* they fail */
	uint64_t		 modseq;
	unsigned char		 public_key[32], secret_key[32];
	struct { uint64_t id; unsigned char data[96]; size_t n; } epochs[64];
	size_t			 epoch_count;
	uint64_t		 next_epoch, next_content;
	unsigned		 page_rows;	/* rows in one answer */
	bool			 down;		/* calls fail */
	bool			 keyd_busy;
	enum err		 login_error;	/* every login is told so */
	unsigned		 no_token_key;	/* so many logins are told to try again */
	struct { char box[64], name[64]; struct buf value; } entries[16];	/* in order */
	size_t			 entry_count;
	uint64_t		 quota_bytes, quota_messages;
	bool			 quota_admin;	/* of carl@a.example, account 2 */
	uint64_t		 carls_quota;
	uint64_t		 gone_floor;	/* what vanished up to here is forgotten */
	unsigned		 no_sync;	/* so many reports come too late */
	unsigned		 no_epoch;	/* so many appends have an unknown epoch */
	unsigned		 statuses, selects, syncs;	/* asked for */
	uint64_t		 pulse;		/* of the account; 0: it has none */
	unsigned		 epochs_told;	/* appends that told their epoch's key */
	unsigned		 late_appends;	/* so many are done, and answered too late */
	unsigned char		 url_keys;	/* how often they were reset */
	unsigned		 url_passes;	/* messages given for one */
	uint8_t			 sealing;	/* 0: escrow */
	/* Of mail in boxes (CMTP 1): the pair of each generation, and what it is refused with. */
	uint32_t		 box_generation;	/* the present one */
	unsigned char		 box_public[FAKE_PAIRS][32], box_secret[FAKE_PAIRS][32];
	enum err		 box_error[FAKE_PAIRS];
	unsigned		 boxes_opened;
	bool			 no_read;	/* bodies cannot be read now */
	bool			 others_turn;	/* another session is at the arrivals */
	struct fake_message	 staged[8];	/* wait for the last of their row */
	size_t			 staged_count;
};

struct fake {
	struct imap_session	*s;
	struct imap_shared	*shared;
	struct fake_store	*store;
	struct buf		 out;
	struct buf		 in;		/* kept input */
	struct list		 calls;
	struct list		 jobs;		/* of threads */
	unsigned		 works;		/* given to threads so far */
	bool			 no_threads;
	uint64_t		 now_ms, deadline_ms, next_id;
	uint64_t		 watched;
	uint32_t		 watched_handle;
	uint32_t		 guest_handle;	/* of the mailbox that is selected */
	unsigned		 tokens_back;	/* logouts at keyd */
	size_t			 clog_at;	/* output that counts as clogged; 0: never */
	bool			 deferred, wants_tls, compressed, closed, in_use;
	bool			 paused;	/* input was left: none is given before a wake */
	char			 reason[64];
	const char		*certificate;	/* whom it names, with its NUL; NULL: none */
	const char		*print;		/* its fingerprints; NULL: none */
	uint64_t		 tap_id;	/* lib/io/conn_tap.h */
	size_t			 tapped;	/* of out */
	bool			 tap_waits;
};

void		 fake_shared_init(struct imap_shared *);
void		 fake_shared_fini(struct imap_shared *);
void		 fake_store_init(struct fake_store *);
void		 fake_store_fini(struct fake_store *);
struct fake_box	*fake_box(struct fake_store *, const char *name);

void		 fake_init(struct fake *, struct imap_shared *, struct fake_store *, bool tls);
void		 fake_fini(struct fake *);
/* A message that came another way than by APPEND: any bytes. */
void		 fake_deliver(struct fake *, const char *box, struct slice text);
/* One that came sealed: an object as it travelled, for our key.  Its content. */
size_t		 fake_arrive(struct fake *, const char *box, struct slice trace,
		    struct slice object);
/* Input, then everything until nothing moves; output stays in out. */
void		 fake_say(struct fake *, const char *);
void		 fake_say_bytes(struct fake *, struct slice);
void		 fake_run(struct fake *);
/* Input alone, and nothing moves: what the session used. */
size_t		 fake_give(struct fake *, struct slice);
/* From here on the test sets what no client can: nobody checks the answers
   against the session (tests/imapwatch.py). */
void		 fake_unheard(struct fake *);
/* Only requests and deferred work, one step; false: nothing to do. */
bool		 fake_step(struct fake *);

#endif
