/* SPDX-License-Identifier: ISC */
/*
 * Secrets that the server makes and tells once: app passwords (120 bits) and
 * recovery codes (160 bits), written in groups as "k3m7qa-..." of Crockford's
 * base32.  They are typed by people: case, hyphens and spaces do not matter,
 * I and L read as 1, O as 0.
 *
 * So much randomness needs no Argon2id: a keyed hash makes the verifier and
 * the key that wraps a vault's master key.
 */
#ifndef KEY_MADE_H
#define KEY_MADE_H

#include "keyd/key_more.h"
#include "lib/base/cc.h"

#define KEY_MADE_TEXT_MAX	64	/* with the NUL */
#define KEY_MADE_DIGITS_MAX	32

/* As it is compared: digits only. */
struct key_made {
	size_t	 n;
	char	 digits[KEY_MADE_DIGITS_MAX];
};

void		 key_made_new(struct key_made *, enum key_slot_kind);
void		 key_made_text(char text[KEY_MADE_TEXT_MAX], const struct key_made *);
/* ERR_SYNTAX: it cannot be one of that kind. */
enum err	 key_made_parse(struct key_made *, enum key_slot_kind, struct slice) MUST_USE;

/* A new salt and verifier into the slot, and the key to wrap with. */
void		 key_made_slot(struct key_made_slot *, const struct key_made *,
		    unsigned char under[32]);
/* Is it the slot's?  Then under is the key that it wrapped with. */
bool		 key_made_fits(const struct key_made_slot *, const struct key_made *,
		    unsigned char under[32]);

#endif
