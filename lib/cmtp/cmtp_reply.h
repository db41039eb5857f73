/* SPDX-License-Identifier: ISC */
/*
 * The client's side of CMTP 1: one reply at a time, in the form that its
 * command has.  Nothing here is verified: signatures are given out as they
 * came, with what they are over.
 */
#ifndef CMTP_REPLY_H
#define CMTP_REPLY_H

#include <stdbool.h>

#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "lib/cmtp/cmtp_wire.h"

#define CMTP_REPLY_WORDS_MAX	1000	/* banner, version, help: bytes without the NUL */

enum cmtp_reply_form {
	CMTP_REPLY_WORDS,	/* text and a NUL */
	CMTP_REPLY_STATUS,	/* SUCCESS or FAILURE */
	CMTP_REPLY_KEY,		/* a key, or FAILURE */
	CMTP_REPLY_LOGIN	/* an xzibit, or FAILURE */
};

struct cmtp_reply {
	bool		 is_failure;
	struct slice	 words;		/* WORDS, without the NUL */
	struct slice	 signed_bytes;	/* the word, key or xzibit */
	struct slice	 sig;
};

/*
 * Takes the reply from the front of the input; the slices lie in it.
 * ERR_SHORT: give more, nothing was taken.  ERR_SYNTAX.
 */
enum err	 cmtp_reply_read(struct cmtp_reply *, enum cmtp_reply_form, struct slice *in) MUST_USE;
/* OHAI's answer, or NOOP's: is this version among those it names? */
bool		 cmtp_reply_has_version(struct slice words, struct slice version);

#endif
