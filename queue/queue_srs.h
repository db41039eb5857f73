/* SPDX-License-Identifier: ISC */
/*
 * SRS, the sender rewriting scheme: the envelope sender of mail that an alias
 * of ours sends to another host, so that hosts which ask who may send for a
 * domain (SPF) ask about ours, and what bounces comes back to us and from us
 * to the sender.  Pure.
 *
 *	SRS0=HASH=TT=domain=local@ours		a sender of domain
 *	SRS1=HASH=host=rest@ours		one that host rewrote: SRS0rest@host
 *
 * HASH is 30 bits of a keyed BLAKE2b over the lower-case rest, in base32, TT
 * the day modulo 1024 in base32: hosts on the way may change the case of it
 * all.  SRS1 has no day: host knows whether it takes its address back.  A
 * local part has 64 octets (RFC 5321 s4.5.3.1.1): a sender for which that is
 * too short cannot be rewritten (ERR_LIMIT).
 *
 * The keys are keyd's, of this period and the one before (key_srs.h).
 */
#ifndef QUEUE_SRS_H
#define QUEUE_SRS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "lib/crypto/cry.h"
#include "lib/mail/addr.h"

#define QUEUE_SRS_HASH		6u
#define QUEUE_SRS_DAYS		1024u	/* after which TT comes again */

struct queue_srs {
	unsigned char	 keys[2][CRY_KEY_BYTES];	/* the first one is used to make */
	bool		 has_keys;
	char		 separator;		/* behind SRS0 and SRS1 */
	uint32_t	 max_age_days;
};

/*
 * The sender as domain rewrites it.  ERR_SYNTAX: not an address; ERR_LIMIT;
 * ERR_AGAIN: no keys.
 */
enum err	 queue_srs_forward(const struct queue_srs *, struct slice sender,
		    struct slice domain, uint64_t now_s, char dst[ADDR_TEXT_MAX + 1],
		    struct slice *out) MUST_USE;
/*
 * Whom a rewritten address stands for; its domain is not looked at.
 * ERR_NOTFOUND: it has not the form of one; ERR_DENIED: we did not make it;
 * ERR_TIMEOUT: it is too old; ERR_AGAIN: no keys.
 */
enum err	 queue_srs_reverse(const struct queue_srs *, const struct addr *,
		    uint64_t now_s, struct addr *out) MUST_USE;

#endif
