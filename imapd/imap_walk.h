/* SPDX-License-Identifier: ISC */
/*
 * Walks the messages of a set for FETCH and SEARCH: pages of rows from the
 * store, their content keys from keyd, and the first piece of each body,
 * all asked for ahead so that both peers work while earlier messages are
 * being told.  Bounded: IMAP_WALK_PAGES pages, and of bodies as imap_firsts.h says.
 * Keys live as long as their page and are wiped.
 *
 * A request that fails is told only when its message's turn comes: until then
 * the client may be in the middle of another one.
 *
 * Level-triggered: call imap_walk_next() from the command's resume until it
 * says something else than ERR_AGAIN.
 *
 * A message that only a device of its owner opens (sealing = client) has no
 * key: imap_walk_facts says what the device needs.
 *
 * With a memo, rows are asked for without contents as long as it knows all of
 * them; from the first page on with another message as without it.
 */
#ifndef IMAP_WALK_H
#define IMAP_WALK_H

#include <stdbool.h>
#include <stdint.h>

#include "imapd/imap_cmd.h"
#include "imapd/imap_memo.h"
#include "imapd/imap_opening.h"
#include "lib/base/list.h"
#include "lib/ipc/ipc_codec.h"
#include "lib/seal/seal_mime.h"

#define IMAP_WALK_PAGES		4
#define IMAP_WALK_FIRSTS	32
#define IMAP_WALK_FIRST_BYTES	(512u << 10)	/* of all, and one message */
#define IMAP_WALK_OPENINGS	2
#define IMAP_READ_BYTES		49152u
#define IMAP_WALK_KEY_BYTES	33u		/* u8 enum open_result, key */

struct imap_walk_page {
	struct list		 link;
	struct imap_walk	*walk;
	struct buf		 rows;
	struct ipc_reader	 rd;		/* of the walk */
	struct ipc_reader	 ahead;		/* of the reading ahead */
	unsigned char		*keys;		/* IMAP_WALK_KEY_BYTES each */
	unsigned char		*arrival_keys;	/* the same, for rows that have an arrival */
	uint32_t		 arrival_count, arrival_idx;
	struct buf		 epochs;	/* REC epoch, as the store told them */
	struct buf		 devices;	/* REC device_key */
	uint32_t		 count;		/* rows */
	uint32_t		 idx;
	uint32_t		 ahead_idx;	/* of the row that ahead is at */
	unsigned		 asked;		/* answers of keyd to come */
	bool			 keys_ready;
	bool			 is_kept;	/* all of it: rows without contents */
};

enum imap_first_state {
	IMAP_FIRST_FREE, IMAP_FIRST_ASKED, IMAP_FIRST_READY, IMAP_FIRST_FAILED,
	IMAP_FIRST_OPENING,	/* in a thread */
	IMAP_FIRST_OPEN		/* text is the message */
};
struct imap_walk_first {
	struct imap_walk	*walk;
	enum imap_first_state	 state;
	unsigned		 stale;		/* answers to come that nobody wants */
	uint64_t		 number;	/* of the message */
	uint64_t		 cost;		/* of the walk's bytes */
	uint64_t		 text_bytes;	/* as its row says */
	bool			 may_open;	/* data will be all of it, and it is small */
	const struct imap_walk_page *page;	/* that has its key */
	uint32_t		 page_idx;
	struct slice		 commitment;	/* of the page */
	struct buf		 data;
	struct buf		 text;
};

/* Where the messages are, and the view that numbers them. */
struct imap_walk_at {
	uint32_t		 handle;	/* the store's */
	uint64_t		 mailbox;
	uint64_t		 v;
	uint32_t		 uidnext;
	struct slice		 grant;		/* of a guest's handle, for keyd; borrowed */
	bool			 is_closed;	/* a guest without one: only the owner opens */
	/* A message that a URL authorizes (store_url); else empty.  Borrowed. */
	struct slice		 pass, name;
};

struct imap_walk {
	struct imap_cmd		*c;
	/* imap_walk_start sets the selected mailbox: others are set behind it. */
	struct imap_walk_at	 at;
	/* what is wanted: set before imap_walk_start */
	struct slice		 set;		/* of UIDs it may be of any length */
	bool			 by_uid;
	uint64_t		 changed_since;	/* only modseq above; 0: all */
	uint8_t			 want;		/* enum store_want bits */
	bool			 wants_keys;
	uint32_t		 first_bytes;	/* of each body ahead; 0: none */
	bool			 opens_ahead;	/* all of a body will be wanted */
	/* With wants_keys: what is kept here needs none.  Else NULL. */
	const struct imap_memo	*memo;
	/* Rows came, to be walked later: for who reads something else ahead. */
	void			(*on_rows)(struct imap_walk *, struct ipc_reader, void *arg);
	void			*arg;

	/* the current message */
	struct ipc_row		 row;
	struct ipc_cold		 cold;		/* with STORE_WANT_COLD */
	struct ipc_content	 content;	/* with STORE_WANT_CONTENT */
	const unsigned char	*key;		/* NULL: it does not open */
	const unsigned char	*arrival_key;	/* of what stands where the summary will
						   (seal_arrival.h); NULL: none */
	bool			 is_sealed;	/* only a device of the owner opens it */
	const struct imap_memo_text *kept;	/* of memo: there is no content, nor key */
	struct imap_walk_first	*first;		/* with first_bytes */

	char			 url_grant[96];	/* what came for the pass */
	struct list		 pages;
	unsigned		 page_count;
	uint32_t		 resume;
	size_t			 window;	/* where in set the request under way begins */
	bool			 asked;		/* a page is on its way */
	bool			 ended;		/* the last page came */
	struct imap_walk_first	 firsts[IMAP_WALK_FIRSTS];
	uint64_t		 first_head;	/* number of the current message */
	uint64_t		 first_tail;	/* number of the next to ask for */
	uint64_t		 first_cost;	/* bytes of all that are held */
	struct imap_opening	*openings[IMAP_WALK_OPENINGS];	/* or NULL */
	enum err		 error;		/* of a request; told at the next call */
	bool			 key_refused;	/* the token is no longer good */
	bool			 grant_refused;	/* the grant, maybe */
	bool			 started;
};

struct imap_walk_at imap_walk_at(const struct imap_session *, const struct imap_view *);
void		 imap_walk_start(struct imap_walk *, struct imap_cmd *);
void		 imap_walk_fini(struct imap_walk *);
/*
 * ERR_OK: row, content, key and first are the next message's, valid until the
 * next call.  ERR_AGAIN: wait.  ERR_END: no more.  Else: answered.
 */
enum err	 imap_walk_next(struct imap_walk *) MUST_USE;
/* Of the current message, when it is sealed; borrowed until the next call. */
void		 imap_walk_facts(const struct imap_walk *, struct seal_mime_facts *);
/* For imap_firsts.c: a request of the walk; false: the walk has failed. */
bool		 imap_walk_ask(struct imap_walk *, enum ipc_role, enum ipc_type, const void *m,
		    imap_reply_fn *, void *arg);
/* What store_read needs beside the handle. */
struct slice	 imap_walk_read_grant(const struct imap_walk *);
/* One message of the rows; false at their end. */
bool		 imap_walk_read(const struct imap_walk *, struct ipc_reader *, struct ipc_row *,
		    struct ipc_cold *, struct ipc_content *);

#endif
