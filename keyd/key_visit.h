/* SPDX-License-Identifier: ISC */
/*
 * The operator's way into an account without its password, for gwuser export
 * and import: user.visit makes a ticket of 120 bits that imapd shows in the
 * place of a password, once and within KEY_VISIT_MS.  Each one is in the audit
 * log when it is made and when it is used.  An account sealed to its password
 * has none: nobody but its owner could read the mail.
 */
#ifndef KEY_VISIT_H
#define KEY_VISIT_H

#include <stdbool.h>

#include "keyd/key_tool.h"

#define KEY_VISIT_MS	60000
#define KEY_VISITS_MAX	16	/* not yet used; one more pushes out the oldest */

struct key_visits;
struct key_visits *key_visits_new(void);
void		 key_visits_free(struct key_visits **);

/* Is this the ticket of a visit to the account?  Then it is used up. */
bool		 key_visit_take(struct keyd *, const struct key_account *,
		    struct slice password);

/* user.visit: the answer is the address and the ticket, a line each. */
void		 key_visit_make(const struct key_tool_request *);

#endif
