/* SPDX-License-Identifier: ISC */
/*
 * Logins: complete the name, look in the cache, else queue for Argon2id,
 * answer with a token.  A name that does not exist costs the same work and
 * gets the same answer as a wrong password.  Attempts with the same name and
 * password share one run.
 */
#ifndef KEY_LOGIN_H
#define KEY_LOGIN_H

#include "keyd/key_state.h"

struct key_login *key_login_new(struct keyd *);
/* Drops what waits, without answers. */
void		 key_login_free(struct key_login **);
void		 key_login_on_login(struct keyd *, struct ipc_peer *, const void *,
		    struct ipc_in *);

/* The default number of threads: half the processors, at least one. */
unsigned	 key_login_threads(uint64_t option, long processors);

/*
 * The canonical address that a login name means: completed by the default
 * domain, alias domains resolved.  ERR_SYNTAX for what can be no address.
 */
enum err	 key_login_address(const struct keyd *, struct slice user,
		    char dst[KEY_ADDRESS_MAX + 1], struct slice *out) MUST_USE;
/* The section of a mailbox domain; NULL. */
const struct domain_options *key_login_domain(const struct keyd *, struct slice address);

/* A new slot for a password is hashed in the same threads. */
typedef void key_login_slot_fn(void *arg, enum err, const struct key_slot *);
enum err	 key_login_make_slot(struct keyd *, struct slice password,
		    key_login_slot_fn *, void *arg) MUST_USE;

#endif
