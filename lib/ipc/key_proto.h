/* SPDX-License-Identifier: ISC */
/*
 * Numbers and the token that keyd.msg speaks in.
 *
 * A token is TOKEN_BYTES: u8 version 1, u8 scope, u16 0, u32 peer instance,
 * u64 account, u64 issued (unix seconds), u64 expires, u64 random, then
 * 24 bytes of keyed BLAKE2b over all before.  It is valid only when it comes
 * from the process instance that it names.
 */
#ifndef KEY_PROTO_H
#define KEY_PROTO_H

/* INDEX: mailboxes, flags, sizes, sealed messages; nothing is opened for it. */
enum token_scope { TOKEN_SUBMIT = 1, TOKEN_MAIL = 2, TOKEN_INDEX = 4 };
enum sealing { SEALING_ESCROW = 1, SEALING_PASSWORD = 2, SEALING_CLIENT = 3,
	SEALING_SERVER = 4 };
enum epoch_form { EPOCH_SEALED = 1, EPOCH_WRAPPED = 2 };
/* What becomes of a wrap in open_keys: CLIENT, only the owner's device opens it. */
enum open_result { OPEN_NONE = 0, OPEN_KEY = 1, OPEN_CLIENT = 2 };
/*
 * Of an epoch in epoch_rekey.  CURRENT: it is of the newest pair already; CLOSED:
 * only the owner opens it; DAMAGED: nobody does.
 */
enum rekey_result { REKEY_DONE = 1, REKEY_CURRENT = 2, REKEY_CLOSED = 3, REKEY_DAMAGED = 4 };
/* Who may use a URL that is authorized (RFC 4467 s3). */
enum url_access { URL_SUBMIT = 1, URL_USER = 2, URL_AUTHUSER = 3, URL_ANONYMOUS = 4 };

/* What keyd signs for whom: "key-reply", "mail", "mail-reply". */
enum cmtp2_purpose { CMTP2_KEY_REPLY = 1, CMTP2_MAIL = 2, CMTP2_MAIL_REPLY = 3 };

#define TOKEN_BYTES	64
#define URL_MAC_BYTES	24
#define OPEN_KEYS_MAX	256
#define REKEY_EPOCHS_MAX	64

#endif
