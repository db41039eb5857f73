/* SPDX-License-Identifier: ISC */
/*
 * Telling sessions what changed (store_watch, store_notify): of the mailbox
 * that they watch, or of all of the account (NOTIFY, RFC 5465).  News are
 * gathered while a batch becomes durable and told once behind its replies;
 * of more than NEWS_BOXES_MAX mailboxes a session hears that it is to look at
 * all of them.
 */
#ifndef STORE_NEWS_H
#define STORE_NEWS_H

#include "lib/ipc/ipc_peer.h"
#include "store/store_core.h"

void	 store_on_watch(struct ipc_peer *, const void *, struct ipc_in *);

/* Entries of this mailbox are changed (REC entry): for who watches the account. */
void	 news_of_entries(struct store_reply *, uint32_t mailbox, uint64_t user,
	    struct slice entries);
/* Sessions of the owner hear that arrivals wait for one of them. */
void	 news_arrivals(struct store_account *);
/* This change is durable. */
void	 news_mark(const struct store_reply *);
/* Tell those who watch; runs after each batch. */
void	 store_tell(void *arg);

#endif
