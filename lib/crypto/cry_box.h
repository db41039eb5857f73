/* SPDX-License-Identifier: ISC */
/*
 * Anonymous sealed boxes (crypto_box_seal: ephemeral key, tag, ciphertext) in
 * pieces, for what is too large to be held: once over all for the tag, and once
 * more for the bytes, with cry_box_again between.
 *
 *	to open	add the ciphertext, check; again; stream the ciphertext.
 *		Nothing of a box is to be used before its tag is checked.
 *	to seal	stream the text and add what comes out, tag; again; stream
 *		the text.  One text for one ephemeral key.
 */
#ifndef CRY_BOX_H
#define CRY_BOX_H

#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "lib/crypto/cry.h"

#define CRY_BOX_TAG_BYTES	16
_Static_assert(CRY_KEY_BYTES + CRY_BOX_TAG_BYTES == CRY_SEAL_BYTES, "what is in front");

struct cry_box;

struct cry_box_key {
	unsigned char	 shared[CRY_KEY_BYTES];		/* cry_box_shared */
	unsigned char	 ephemeral[CRY_KEY_BYTES];
	unsigned char	 owner[CRY_KEY_BYTES];		/* public, to whom it is sealed */
};

/* make: to seal, a key whose ephemeral half is new; ERR_CORRUPT: nothing can be sealed to owner */
enum err	 cry_box_key_new(struct cry_box_key *, const unsigned char owner[CRY_KEY_BYTES])
		    MUST_USE;
struct cry_box	*cry_box_new(const struct cry_box_key *);
void		 cry_box_free(struct cry_box **);	/* wiped */

/* use */
void		 cry_box_add(struct cry_box *, struct slice ciphertext);
void		 cry_box_tag(struct cry_box *, unsigned char tag[CRY_BOX_TAG_BYTES]);
enum err	 cry_box_check(struct cry_box *, const unsigned char tag[CRY_BOX_TAG_BYTES])
		    MUST_USE;		/* ERR_CORRUPT */
void		 cry_box_again(struct cry_box *);
/* The next bytes, either way; out may be in.p itself. */
void		 cry_box_stream(struct cry_box *, unsigned char *out, struct slice in);

#endif
