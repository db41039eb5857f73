/* SPDX-License-Identifier: ISC */
/*
 * LOGIN2 of CMTP 2 (man/cmtp.7, lib/cmtp/opaque_server.h): who knows the
 * password gets the bundle, a secret of the user's own that keyd cannot open.
 * All of the server's side follows from the root key; of each user that
 * registered (key_enrol.h) there are a record and the bundle in keys/login.
 *
 * A user without one is answered as one with one would be, always the same
 * way.  Between the two steps keyd keeps nothing: what it must know then it
 * seals and gives to cmtpd, good for KEY_ENTER_MS in this process.  Tries are
 * counted by client address and by user, whether there is such a user or not.
 */
#ifndef KEY_ENTER_H
#define KEY_ENTER_H

#include <stdbool.h>

#include "keyd/key_book.h"
#include "keyd/key_state.h"
#include "lib/base/rate.h"
#include "lib/cmtp/opaque_server.h"
#include "lib/crypto/xzibit.h"

#define KEY_ENTER_MS		60000u	/* from the first step to the second */
#define KEY_ENTER_COUNTED_MAX	50000u	/* clients, and users, at a time; one more is refused */
#define KEY_ENTER_MAX		200000u	/* entries in keys/login */
#define KEY_ENTER_STATE_BYTES	(12 + KEY_ENTER_PLAIN_BYTES + 16)
#define KEY_ENTER_PLAIN_BYTES	(1 + 8 + 4 + 8 + 8 + OPAQUE_HASH_BYTES)
#define KEY_ENTER_NAME_MAX	511	/* as it was sent: user, @, domain */

struct key_enter *key_enter_new(struct keyd *);
void		 key_enter_free(struct key_enter **);
void		 key_enter_on_login(struct keyd *, struct ipc_peer *, const void *, struct ipc_in *);
void		 key_enter_on_prove(struct keyd *, struct ipc_peer *, const void *, struct ipc_in *);
/* The account is gone, or its logins are not wanted any more. */
enum err	 key_enter_forget(struct keyd *, struct slice address) MUST_USE;

/* ---- for key_enrol.c and key_xzibit.c */

/* Who is meant; credential: what stands for the user, be there one or not. */
struct key_enter_who {
	char			 mem[KEY_ADDRESS_MAX + 1];
	struct slice		 credential;
	const struct key_account *account;	/* NULL: nobody, or disabled */
};
/* "user@domain" as they were sent, or "user"; the buf has room for KEY_ENTER_NAME_MAX. */
struct slice	 key_enter_join(struct buf *, struct slice user, struct slice domain);
void		 key_enter_who(const struct keyd *, struct key_enter_who *, struct slice name);
/* ERR_LIMIT, ERR_FULL: not now. */
enum err	 key_enter_take_turn(struct keyd *, struct slice client,
		    const struct key_enter_who *) MUST_USE;
const struct opaque_server *key_enter_server(const struct keyd *);

enum key_enter_purpose { KEY_ENTER_PROVE = 1, KEY_ENTER_RECORD = 2 };
struct key_enter_state {
	enum key_enter_purpose	 purpose;
	uint64_t		 account;	/* 0: nobody */
	uint32_t		 serial;
	uint64_t		 entry;		/* the registration's number */
	unsigned char		 mac[OPAQUE_HASH_BYTES];	/* what is to come, or must not */
};
void		 key_enter_seal(struct keyd *, unsigned char out[KEY_ENTER_STATE_BYTES],
		    const struct key_enter_state *);
/* ERR_AUTH: it is too old, or for another purpose. */
enum err	 key_enter_open(struct keyd *, struct key_enter_state *, struct slice sealed,
		    enum key_enter_purpose) MUST_USE;

/* What keys/login has of an account. */
enum key_entry_kind { KEY_ENTRY_XZIBIT = 1, KEY_ENTRY_RECORD = 2 };
struct key_entry {
	enum key_entry_kind	 kind;
	uint64_t		 account;
	uint64_t		 created_s;
	uint64_t		 number;	/* of a record: random; of an xzibit: key generation */
	struct slice		 bytes;		/* the record and the bundle, or the xzibit */
};
/* The live account's own; else false. */
bool		 key_enter_find(const struct keyd *, struct key_entry *, enum key_entry_kind,
		    const struct key_account *);
enum err	 key_enter_put(struct keyd *, const struct key_entry *,
		    const struct key_account *) MUST_USE;
/* After NULL the first; the address it belongs to. */
const struct key_book_entry *key_enter_next(const struct keyd *, const struct key_book_entry *,
		    struct key_entry *, struct slice *address);

#endif
