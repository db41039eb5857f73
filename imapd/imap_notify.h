/* SPDX-License-Identifier: ISC */
/*
 * NOTIFY (RFC 5465) of one session: what its client asked for, and what is not
 * told yet.  The store's notices only mark what to look at; an inner command then
 * looks and tells, between the client's commands and while it idles.  A session
 * that never said NOTIFY has none (NULL) and costs nothing; after NOTIFY NONE
 * there is one that asks for nothing.
 *
 * What cannot be kept (more mailboxes than imapd.notify_mailboxes, more than
 * IMAP_NOTIFY_ENTRIES_MAX of metadata) ends in NOTIFICATIONOVERFLOW, and then
 * nothing is watched any more (s5.8).  Other accounts' mailboxes are watched
 * only while one is selected.
 */
#ifndef IMAP_NOTIFY_H
#define IMAP_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

#include "imapd/imap_boxes.h"
#include "imapd/imap_cmd.h"
#include "imapd/imap_notify_spec.h"

#define IMAP_NOTIFY_ENTRIES_MAX	8000	/* bytes of metadata names that wait */
#define IMAP_NOTIFY_OWN_MAX	2000	/* bytes of names that the client changed itself */

struct imap_notify {
	struct imap_notify_spec	 spec;
	struct imap_boxes	 boxes;
	struct buf		 entries;	/* u64 mailbox, name, NUL */
	struct buf		 own;		/* NUL-terminated names */
	uint64_t		 watched;	/* mailbox that the store was told of */
	uint32_t		 watching;	/* handle_serial then; 0: not told */
	uint64_t		 guest_watched;	/* the same, of a mailbox of somebody else */
	uint32_t		 guest_handle;
	uint32_t		 new_from;	/* UIDs from here are to be told; 0: none */
	uint32_t		 own_first, own_last;	/* UIDs that the client brought itself */
	bool			 listed;	/* boxes is filled */
	bool			 names_dirty;
	bool			 boxes_dirty;	/* some box is */
	bool			 selected_dirty;
	bool			 overflow;	/* to be told, and the end of all */
	bool			 failed;	/* the store did not answer: not at once again */
};

/* life */
struct imap_notify	*imap_notify_new(size_t mailboxes_max);
void			 imap_notify_free(struct imap_notify **);

/* what the session tells; all may be called without a NOTIFY */
void	 imap_notify_on_news(struct imap_session *, uint32_t handle, uint64_t mailbox);
void	 imap_notify_on_entries(struct imap_session *, uint64_t mailbox, struct slice names);
/* Messages came into the view from this UID on. */
void	 imap_notify_arrived(struct imap_session *, uint32_t uid);
/* The client itself changed a name; brought messages: s5, it need not hear of them. */
void	 imap_notify_own(struct imap_session *, struct slice name);
void	 imap_notify_own_uids(struct imap_session *, uint32_t uidvalidity, uint32_t first,
	    uint32_t last);
void	 imap_notify_unselected(struct imap_session *);
/* The client begins to wait: what was kept back is told. */
void	 imap_notify_idles(struct imap_session *);

/* what the session asks */
/* Is the client told of this event of the selected mailbox now? */
bool	 imap_notify_tells(const struct imap_session *, enum imap_notify_event);
/* Tell the store what to watch, when that changed; true: something is to be told. */
bool	 imap_notify_is_due(struct imap_session *);

/* The machine (imap_notify_run.c): the internal command. */
void	 imap_notify_run(struct imap_cmd *);
/* NOTIFY: looks at all, then it holds; else what was before. */
void	 imap_notify_start(struct imap_cmd *, struct imap_notify *take_new);

#endif
