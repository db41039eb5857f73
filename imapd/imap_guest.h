/* SPDX-License-Identifier: ISC */
/*
 * The session as a guest in accounts of others (RFC 4314): store handles that
 * hang on its own, with what is needed to seal to the owner and to open his
 * mail.  The owners that a command names are opened before it runs; then
 * imap_place.h finds them.
 *
 * A guest lives as long as the login, or until it makes room for another; the
 * one whose mailbox is selected never does.  When the store goes, the handles
 * are lost: the selected one is opened again (imap_call.c), others when they
 * are named.
 */
#ifndef IMAP_GUEST_H
#define IMAP_GUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "imapd/imap_session.h"
#include "lib/base/list.h"
#include "lib/base/slice.h"

struct imap_cmd;

#define IMAP_GUESTS_MAX		12	/* of a session; the store allows some more */
#define IMAP_GRANT_BYTES	96

struct imap_guest {
	struct list		 link;		/* of the session, longest unused first */
	uint64_t		 account;
	uint32_t		 handle;	/* 0: lost */
	uint32_t		 key_generation;
	uint8_t			 sealing;
	unsigned char		 public_key[32];
	unsigned char		 thread_salt[16];
	uint64_t		 renew_s;	/* the grant, from then on */
	size_t			 grant_bytes;
	unsigned char		 grant[IMAP_GRANT_BYTES];
	size_t			 address_n;
	char			 address[];
};

/* One whose handle is good, or NULL. */
struct imap_guest *imap_guest_find(struct imap_session *, struct slice address);
/* The request to open one; room is made for it. */
struct ipc_store_open imap_guest_request(struct imap_session *, struct slice address);
/* Its answer; ERR_NOTFOUND: that owner shares nothing with this user. */
enum err	 imap_guest_take(struct imap_session *, const struct imap_reply *,
		    struct imap_guest **) MUST_USE;
/* Runs the command when the owners that it names are open, and the grant is fresh. */
void		 imap_guest_prepare(struct imap_cmd *);
/* The grant is not good any more: the next command asks for another. */
void		 imap_guest_stale(struct imap_guest *);
static inline struct slice
imap_guest_grant(const struct imap_guest *g)
{
	return slice_of(g->grant, g->grant_bytes);
}

/* The store is gone. */
void		 imap_guests_lost(struct imap_session *);
/* The session logs out or ends. */
void		 imap_guests_free(struct imap_session *);

#endif
