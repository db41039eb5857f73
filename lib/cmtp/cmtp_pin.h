/* SPDX-License-Identifier: ISC */
/*
 * What is remembered of a user's or a server's chain of key records, and what
 * records that came now mean to it.  Bytes of a pin:
 *
 *	u8 1, u8 break, u64 first, u64 last, u64 broken (unix seconds), record
 *
 * break is 0, or the enum cmtp_chain + 1 that stopped the chain, since broken.  A pin
 * keeps its record through a break, until the chain goes on from there.  Pure.
 */
#ifndef CMTP_PIN_H
#define CMTP_PIN_H

#include "lib/cmtp/cmtp_chain.h"

#define CMTP_PIN_RECORDS_MAX	16
#define CMTP_PIN_BYTES_MAX	(2 + 3 * 8 + CMTP_KEY_RECORD_MAX)

/*
 * In front of a user's name (in lower case; empty: the server): what was seen by
 * version 1, which is no pin of this form (delivery/dlv_pin1.h).
 */
#define CMTP_PIN_MARK_1		'\001'

struct cmtp_pin {
	bool		 is_broken;
	enum cmtp_chain	 why;		/* when it is broken */
	uint64_t	 first_s;	/* seen */
	uint64_t	 last_s;	/* seen and good */
	uint64_t	 broken_s;
	struct cmtp_key	 newest;	/* its names are borrowed */
};

/* ERR_SYNTAX, ERR_VERSION, ERR_SHORT. */
enum err	 cmtp_pin_get(struct cmtp_pin *, struct slice) MUST_USE;
void		 cmtp_pin_put(struct buf *, const struct cmtp_pin *);

/* Whose records were asked for. */
struct cmtp_pin_asked {
	struct slice		 domain;	/* in lower case */
	struct slice		 user;		/* ASCII case is no matter; empty: the server */
	const unsigned char	*server_sign;	/* who signs a user's; NULL: the server itself */
	uint64_t		 now_s;
};
/*
 * Records as they came, the oldest first.  fresh is what is to be kept from
 * now on, its names borrowed from the records or from known; known is NULL
 * when nothing was.  The verdict is that of the last record reached: only
 * CMTP_CHAIN_NEW, _SAME, _NEXT and _REUSED may be sealed to (cmtp_pin_is_good).
 * ERR_CORRUPT: a signature; ERR_SYNTAX, ERR_LIMIT, ERR_NOTFOUND: there is none.
 */
enum err	 cmtp_pin_take(struct cmtp_pin *fresh, const struct cmtp_pin *known,
		    const struct cmtp_pin_asked *, struct slice records,
		    enum cmtp_chain *verdict) MUST_USE;
bool		 cmtp_pin_is_good(enum cmtp_chain);
/* The chain broke: nobody may go on as if there had been none. */
bool		 cmtp_pin_is_break(enum cmtp_chain);

/*
 * Does a _cmtp TXT record name the signing key of one of the records?
 * ERR_NOTFOUND: it is none of CMTP 2; ERR_CORRUPT: it names another.
 */
enum err	 cmtp_pin_fits_txt(struct slice records, struct slice txt) MUST_USE;

#endif
