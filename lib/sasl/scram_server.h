/* SPDX-License-Identifier: ISC */
/*
 * The server's side of SCRAM (RFC 5802, 7677) without its secrets: reads what
 * the client says and hands on what keyd needs to judge it.  Pure; messages
 * come and go without base64.
 *
 *	scram_server_first	client-first-message
 *	scram_server_challenge	server-first-message, made by keyd
 *	scram_server_final	client-final-message
 *
 * The channel binding (RFC 5802 s6) is checked here, since who ends the TLS
 * connection knows it; that the client meant it is covered by its proof.
 * An authorization identity must be the user's own name.
 */
#ifndef SCRAM_SERVER_H
#define SCRAM_SERVER_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"

#define SCRAM_USER_MAX		320
#define SCRAM_NONCE_MAX		128	/* of the client */
#define SCRAM_NONCE_MIN		8
#define SCRAM_MESSAGE_MAX	2048
#define SCRAM_PROOF_BYTES	32

/* The bytes of the kind of binding that the client named; n 0: there are none. */
#define SCRAM_BINDING_MAX	64
struct scram_binding {
	size_t		 n;
	unsigned char	 bytes[SCRAM_BINDING_MAX];
};

struct scram_server {
	bool		 is_plus;	/* the mechanism that was asked for */
	bool		 offers_plus;	/* it was announced */
	struct scram_binding binding;
	struct slice	 user;		/* of mem, unescaped */
	struct slice	 nonce;		/* of mem: the client's */
	struct slice	 bare;		/* of mem: client-first-message-bare */
	struct buf	 header;	/* gs2-header */
	struct buf	 mem;
	struct buf	 name;
	struct buf	 full_nonce;	/* client's and server's */
};

struct scram_final {
	struct slice	 without_proof;	/* of the message */
	unsigned char	 proof[SCRAM_PROOF_BYTES];
};

void		 scram_server_init(struct scram_server *, bool is_plus, bool offers_plus);
void		 scram_server_fini(struct scram_server *);

/* The kind that a client-first-message names, as "tls-exporter"; empty: none. */
struct slice	 scram_server_binding(struct slice first);
/* ERR_SYNTAX; ERR_AUTH: somebody else's name, or a binding that was taken away. */
enum err	 scram_server_first(struct scram_server *, struct slice message,
		    const struct scram_binding *) MUST_USE;
/* What keyd answered; ERR_VIOLATION when it does not begin as it must. */
enum err	 scram_server_challenge(struct scram_server *, struct slice server_first) MUST_USE;
enum err	 scram_server_final(const struct scram_server *, struct slice message,
		    struct scram_final *) MUST_USE;
/* The message behind success: "v=" and the signature. */
void		 scram_server_put_last(struct buf *, struct slice signature);

#endif
