/* SPDX-License-Identifier: ISC */
/*
 * The device's side of sealing = client: opens a message as imapd serves it
 * (seal_mime.h, godwit-sealed(7)).  The device has one secret key or several;
 * which of them a message takes shows in that it opens.  Pure, and whoever
 * wrote the message may be hostile: at most the message's own length is
 * allocated, and what comes out is bounded by the caller.
 */
#ifndef SEAL_DEVICE_H
#define SEAL_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "lib/crypto/cry.h"
#include "lib/mail/mime.h"

#define SEAL_DEVICE_KEYS_MAX	16

struct seal_device {
	const unsigned char	*secrets[SEAL_DEVICE_KEYS_MAX];	/* of X25519 */
	unsigned		 count;
};

/* Has the message, which was fed to the mime, the form? */
bool		 seal_device_is(const struct mime *, struct slice message);
/*
 * Appends the message that is sealed in it; of one that came sealed, the trace
 * goes before.  ERR_SYNTAX, ERR_VERSION: it has not the form; ERR_DENIED: none of the
 * keys is its; ERR_CORRUPT: key or object are not what they were; ERR_TOOBIG:
 * more than plain_max.  Then nothing of it is in out.
 */
enum err	 seal_device_open(const struct seal_device *, const struct mime *,
		    struct slice message, uint64_t plain_max, struct buf *out) MUST_USE;

#endif
