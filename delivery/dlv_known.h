/* SPDX-License-Identifier: ISC */
/*
 * What CMTP 2 needs for each message, and what was found out a short while ago:
 * the keys of recipients that were verified and judged by what is pinned
 * (dlv_mail2_keys.c), and under which serial our own server signs, by which key.
 * So that mail to who got mail lately asks neither keyd nor the other host.
 *
 * With a key goes a seed that is sealed to it once (lib/seal/epoch.h): a message then
 * takes no curve operation for its recipients.
 *
 * Only a key that may be sealed to stands here, together with the server that
 * vouched for it: when its domain has another server key, it is none.  It ends
 * with its record, or after DLV_KNOWN_MS; the other host tells of a key that
 * changed meanwhile (man/cmtp.7, MAIL2), and then it is dropped.  A pin that the
 * operator lets go of was a break, which never stands here.
 *
 * DLV_KNOWN_MAX keys and as many of our own; the least lately used goes first.
 */
#ifndef DLV_KNOWN_H
#define DLV_KNOWN_H

#include <stdint.h>

#include "lib/base/slice.h"
#include "lib/cmtp/cmtp_key.h"
#include "lib/crypto/cry.h"
#include "lib/seal/epoch.h"

#define DLV_KNOWN_MAX	10000u
#define DLV_KNOWN_MS	120000u

struct dlv_known;

struct dlv_known_now {
	uint64_t	 ms;		/* of the loop */
	uint64_t	 real_s;
};

/* Borrowed until the next call. */
struct dlv_known_key {
	uint8_t		 generation;
	unsigned char	 seal[CRY_KEY_BYTES];
	struct epoch_seed seed;		/* for all that is sealed to it meanwhile */
};

/* What mail from a domain of ours is signed by. */
struct dlv_known_own {
	uint64_t		 serial;
	unsigned char		 sign[CRY_KEY_BYTES];
};

/* Whose: names in lower case, or as they are always given. */
struct dlv_known_whose {
	struct slice		 user, domain;
	const unsigned char	*server_sign;	/* CRY_KEY_BYTES */
};

struct dlv_known *dlv_known_new(void);
void		 dlv_known_free(struct dlv_known **);

/* ERR_LIMIT: a name over CMTP_PARAM_MAX; or nothing can be sealed to the key. */
enum err	 dlv_known_put(struct dlv_known *, const struct dlv_known_whose *,
		    const struct cmtp_key *, const struct dlv_known_now *) MUST_USE;
/* NULL: ask. */
const struct dlv_known_key *dlv_known_find(struct dlv_known *, const struct dlv_known_whose *,
		    const struct dlv_known_now *);
void		 dlv_known_drop(struct dlv_known *, const struct dlv_known_whose *);

/* Of our own domain (empty: the server's). */
void		 dlv_known_put_own(struct dlv_known *, struct slice domain,
		    const struct dlv_known_own *, const struct dlv_known_now *);
void		 dlv_known_drop_own(struct dlv_known *, struct slice domain);
/* NULL: ask. */
const struct dlv_known_own *dlv_known_own(struct dlv_known *, struct slice domain,
		    const struct dlv_known_now *);

#endif
