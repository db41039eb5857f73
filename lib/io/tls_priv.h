/* SPDX-License-Identifier: ISC */
/*
 * What tls.c (the server's identity) and tls_client.c share with tls_stream.c
 * (one connection of either).  A context is counted: one for its owner, one
 * for each stream.
 */
#ifndef TLS_PRIV_H
#define TLS_PRIV_H

#include "lib/io/openssl.h"
#include "lib/io/tls.h"
#include "lib/io/tls_binding.h"
#include "lib/io/tls_provider.h"

/* What a stream needs of its context, whichever side it is. */
struct tls_base {
	struct loop		*loop;
	SSL_CTX			*ssl;		/* NULL: no certificate yet */
	BIO_METHOD		*bio;
	void			(*destroy)(struct tls_base *);	/* nobody has it any more */
	unsigned		 refs;
	unsigned		 handshakes;
	unsigned		 max_handshakes;
	bool			 use_threads;
};

struct tls_ctx {
	struct tls_base		 base;
	struct tls_signer	*signer;
	X509_STORE		*client_ca;	/* NULL: nobody's certificate is verified */
	STACK_OF(X509_NAME)	*client_ca_names;
	EVP_CIPHER		*ticket_cipher;
	unsigned		 ticket_key_count;
	unsigned char		 ticket_keys[2][TLS_TICKET_KEYS_BYTES];
};

void		 tls_base_init(struct tls_base *, struct loop *,
		    void (*destroy)(struct tls_base *), unsigned max_handshakes);
void		 tls_base_unref(struct tls_base *);	/* the last one destroys */
void		 tls_base_fini(struct tls_base *);	/* for destroy */
void		 tls_base_policy(SSL_CTX *);	/* what holds on either side */
int		 tls_no_password(char *, int, int, void *);	/* for PEM_read_ */
/* ---- tls_ask.c: the client's certificate */
struct tls_asked;
/* Before the handshake.  Whatever it shows, or nothing, the handshake goes on.
 * NULL: it is not asked. */
struct tls_asked *tls_ask(SSL *, const struct tls_ctx *, enum tls_ask);
void		 tls_asked_free(struct tls_asked **);
/* Behind it. */
void		 tls_asked_read(struct tls_asked *, SSL *);
struct tls_proof tls_asked_proof(const struct tls_asked *);	/* NULL: empty */

/* Behind a handshake that ended well. ERR_UNSUPPORTED: not on this connection. */
enum err	 tls_binding_read(struct tls_binding *, SSL *, enum tls_binding_type) MUST_USE;

#endif
