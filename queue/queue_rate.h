/* SPDX-License-Identifier: ISC */
/*
 * How much mail one account and one client address may bring: here all
 * processes of smtpd meet, so that here it is counted (but for connections,
 * handshakes and logins, of which queue knows nothing).  Counted is what is
 * asked, as Postfix' anvil does, whatever the answer is.  A client in IPv6 is
 * its /64.  Clients of mynetworks and local programs are not counted.
 *
 * When QUEUE_RATE_CLIENTS addresses are busy, further ones are not counted:
 * strangers could make that happen.  When QUEUE_RATE_USERS accounts are, a
 * further one must wait: strangers cannot.
 */
#ifndef QUEUE_RATE_H
#define QUEUE_RATE_H

#include "queue/queue_core.h"

#define QUEUE_RATE_CLIENTS	200000u
#define QUEUE_RATE_USERS	1000000u

void	 queue_rate_init(struct queue *);
void	 queue_rate_fini(struct queue *);

/*
 * A message, a recipient: NULL, or the name of the limit that is reached.
 * client: its address; empty: do not count it.  account 0: no login.
 */
const char *queue_rate_message(struct queue *, struct slice client);
const char *queue_rate_rcpt(struct queue *, struct slice client, uint64_t account);

#endif
