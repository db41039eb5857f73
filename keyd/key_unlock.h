/* SPDX-License-Identifier: ISC */
/*
 * The root key: read once from the file or credential that master opened,
 * turned into one key per use, and wiped.  The derived keys live in the
 * guarded arena.
 */
#ifndef KEY_UNLOCK_H
#define KEY_UNLOCK_H

#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "lib/crypto/cry.h"
#include "lib/crypto/secret_arena.h"

#define KEY_ROOT_FILE_MAX	4096

/* Each 32 bytes in the arena. */
struct key_roots {
	unsigned char	*ring;		/* the file keys/ring */
	unsigned char	*account;	/* wraps the secret keys of accounts */
	unsigned char	*value;		/* wraps spool and token keys */
	unsigned char	*srs;		/* makes those of rewritten senders */
	unsigned char	*cmtp;		/* the seed of the server's key of CMTP 1 */
	unsigned char	*cmtp2;		/* makes the server's keys of CMTP 2 */
	unsigned char	*chains;	/* the file keys/cmtp */
	unsigned char	*pins;		/* the file keys/pins */
	unsigned char	*enter;		/* logins of CMTP, and the file keys/login */
	unsigned char	*url;		/* makes the access keys of mailboxes */
	unsigned char	*grant;		/* what the store makes grants under */
};

/* 32 bytes as they are, or as 64 hex digits with white space around them. */
enum err	 key_unlock_parse(unsigned char root[32], struct slice file) MUST_USE;
/* fd stays the caller's. ERR_SYNTAX: not a root key; ERR_IO. */
enum err	 key_unlock(struct key_roots *, struct secret_arena *, int fd) MUST_USE;
void		 key_unlock_derive(struct key_roots *, struct secret_arena *,
		    const unsigned char root[32]);

#endif
