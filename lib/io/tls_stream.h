/* SPDX-License-Identifier: ISC */
/*
 * TLS on one connected socket, for conn.c.  Records are read from the socket
 * straight into OpenSSL's own buffer, which exists only while it holds
 * something (SSL_MODE_RELEASE_BUFFERS), so an idle stream has no buffer at
 * all; what is to be sent is put in tls_stream_wire for the owner to send.
 *
 * While a stream is paused (its signature is being made) the owner may call
 * tls_stream_free only.
 */
#ifndef TLS_STREAM_H
#define TLS_STREAM_H

#include "lib/io/tls.h"
#include "lib/io/tls_binding.h"
#include "lib/io/tls_client.h"

struct tls_stream;

/*
 * asks: for the client's certificate, if the context has authorities.  wake
 * runs when a paused handshake can go on; call tls_stream_handshake from the
 * loop then, not from inside wake.  ERR_BUSY: too many handshakes; ERR_STATE:
 * no certificate.
 */
enum err	 tls_stream_new(struct tls_stream **, struct tls_ctx *, enum tls_ask, int fd,
		    timer_fn *wake, void *arg) MUST_USE;
/*
 * As the client; it never pauses.  Also ERR_SYNTAX, ERR_UNSUPPORTED: the
 * demand, as conn_start_tls_client tells.
 */
enum err	 tls_stream_new_client(struct tls_stream **, struct tls_client_ctx *,
		    const struct tls_demand *, int fd, timer_fn *wake, void *arg) MUST_USE;
/*
 * Takes the descriptor, so that nothing reads from a number that has been
 * given to somebody else: closed now, or when a pending signature is there.
 */
void		 tls_stream_free(struct tls_stream **, int take_fd);

/* The socket became readable. */
void		 tls_stream_readable(struct tls_stream *);
/* OK: established; AGAIN: wants input or is paused; else failed. */
enum err	 tls_stream_handshake(struct tls_stream *) MUST_USE;
bool		 tls_stream_is_paused(const struct tls_stream *);
bool		 tls_stream_is_up(const struct tls_stream *);
const struct tls_facts *tls_stream_facts(const struct tls_stream *);
/* Of the client's certificate; borrowed. */
struct tls_proof tls_stream_proof(const struct tls_stream *);
/* ERR_STATE: not up. */
enum err	 tls_stream_binding(const struct tls_stream *, enum tls_binding_type,
		    struct tls_binding *) MUST_USE;
enum tls_binding_type tls_stream_binding_type(const struct tls_stream *);
/* Of a client, however the handshake ended; else NULL. */
const struct tls_peer *tls_stream_peer(const struct tls_stream *);
/* A client's handshake ends outside: with that reason, a static text. */
void		 tls_stream_give_up(struct tls_stream *, const char *reason);
/* Why it failed, for the log: a static text. */
const char	*tls_stream_reason(const struct tls_stream *);

/* AGAIN: nothing now; END: the peer ended; else broken. */
enum err	 tls_stream_read(struct tls_stream *, char *, size_t, size_t *got) MUST_USE;
/* Input waits inside the library, where the descriptor does not show it. */
bool		 tls_stream_has_input(const struct tls_stream *);
enum err	 tls_stream_write(struct tls_stream *, struct slice) MUST_USE;
void		 tls_stream_end(struct tls_stream *);	/* close_notify */
struct buf	*tls_stream_wire(struct tls_stream *);
uint64_t	 tls_stream_in_total(const struct tls_stream *);

/* For tls.c: how OpenSSL reaches a stream's socket. */
void		*tls_stream_bio_method(void);

#endif
