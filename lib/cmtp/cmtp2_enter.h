/* SPDX-License-Identifier: ISC */
/*
 * A client that has its secret kept by a server, sealed so that only who
 * knows the password opens it (LOGIN2, man/cmtp.7): what to send, and what
 * becomes of the replies.  Pure: whoever owns the connection, which is inside
 * TLS, moves the bytes.
 *
 *	e = cmtp2_enter_login(&c, &who, out);	or cmtp2_enter_register
 *	while (e == ERR_OK) {
 *		send out and reset it; receive into in
 *		while ((e = cmtp2_enter_next(&c, &in, out)) == ERR_SHORT)
 *			receive more
 *	}
 *	ERR_END: done; after a login c.secret has it
 *
 * The slices of who are borrowed until fini.  A step may take tenths of a
 * second and 64 MiB.
 */
#ifndef CMTP2_ENTER_H
#define CMTP2_ENTER_H

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "lib/cmtp/cmtp_wire.h"
#include "lib/cmtp/opaque_client.h"

#define CMTP2_BUNDLE_EXTRA	17		/* version and tag */
#define CMTP2_SECRET_MAX	(CMTP2_BUNDLE_MAX - CMTP2_BUNDLE_EXTRA)
#define CMTP2_PASSWORD_MAX	1024

struct cmtp2_who {
	struct slice	 user;		/* as in KEYREQUEST2 */
	struct slice	 domain;	/* empty: the server's */
	struct slice	 password;	/* of CMTP, not that of the mailbox */
};

enum cmtp2_enter_step {
	CMTP2_ENTER_KE2,	/* what is waited for */
	CMTP2_ENTER_BUNDLE,
	CMTP2_ENTER_OFFER,
	CMTP2_ENTER_KEPT,
	CMTP2_ENTER_OVER
};

struct cmtp2_enter {
	struct cmtp2_who		 who;
	enum cmtp2_enter_step		 step;
	struct opaque_client		 opaque;
	struct opaque_client_random	 random;
	unsigned char			 export_key[OPAQUE_HASH_BYTES];
	struct buf			 secret;	/* to be kept, or that came */
};

/* ERR_SYNTAX: a name cannot be sent; ERR_TOOBIG: the password. */
enum err	 cmtp2_enter_login(struct cmtp2_enter *, const struct cmtp2_who *,
		    struct buf *out) MUST_USE;
/*
 * Keeps the secret under that password, in place of any before.  It is the
 * mailbox's own password that proves who asks (at most CMTP_PARAM_MAX bytes, no
 * NUL); the server refuses it as the password of CMTP.
 */
enum err	 cmtp2_enter_register(struct cmtp2_enter *, const struct cmtp2_who *,
		    struct slice mail_password, struct slice secret, struct buf *out) MUST_USE;
/*
 * A reply from the front of the input, and the next command.  ERR_OK, ERR_SHORT,
 * ERR_END as above.  ERR_AUTH: the wrong password, or there is nothing kept;
 * ERR_DENIED: it is the mailbox's password; ERR_AGAIN: later; ERR_CORRUPT: what
 * is kept does not open; ERR_SYNTAX, ERR_VERSION: that is no reply; ERR_BUSY.
 */
enum err	 cmtp2_enter_next(struct cmtp2_enter *, struct slice *in, struct buf *out) MUST_USE;
void		 cmtp2_enter_fini(struct cmtp2_enter *);

/* What is kept: the secret under the export key. */
enum err	 cmtp2_bundle_seal(struct buf *out, struct slice secret,
		    const unsigned char export_key[OPAQUE_HASH_BYTES]) MUST_USE;
/* ERR_VERSION, ERR_CORRUPT */
enum err	 cmtp2_bundle_open(struct buf *out, struct slice bundle,
		    const unsigned char export_key[OPAQUE_HASH_BYTES]) MUST_USE;

#endif
