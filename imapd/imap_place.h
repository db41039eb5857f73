/* SPDX-License-Identifier: ISC */
/*
 * Where a mailbox is, by its name: in the user's own account, or in that of
 * another user whom imap_guest_prepare opened (imap_mailbox.h has the form of
 * such names).
 */
#ifndef IMAP_PLACE_H
#define IMAP_PLACE_H

#include <stdbool.h>
#include <stdint.h>

#include "imapd/imap_cmd.h"
#include "lib/base/arena.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"

struct imap_place {
	struct imap_guest	*guest;		/* NULL: the user's own account */
	uint32_t		 handle;	/* the store's */
	struct slice		 name;		/* as the store has it, borrowed */
};

/* Of a name that the parser noted.  ERR_NOTFOUND: nobody there shares anything. */
enum err	 imap_place_of(struct imap_session *, struct slice name,
		    struct imap_place *) MUST_USE;
/* Whom a message that goes there is sealed to. */
struct sealer_owner	 imap_place_owner(const struct imap_session *, const struct imap_place *);
/* Asks whether a mailbox is there that takes messages; false: answered. */
bool		 imap_place_check(struct imap_cmd *, const struct imap_place *, imap_reply_fn *,
		    void *arg);
/* What came: the command is answered when it is not. */
void		 imap_place_checked(struct imap_cmd *, const struct imap_place *,
		    const struct imap_reply *);
/* "user/address/name" of another's mailbox; ERR_LIMIT. */
enum err	 imap_place_join(struct arena *, struct slice address, struct slice name,
		    struct slice *out) MUST_USE;

#endif
