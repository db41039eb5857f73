/* SPDX-License-Identifier: ISC */
/*
 * A stream connection, accepted or dialled: reading, a capped write queue,
 * deadlines, TLS on either side, orderly close.
 *
 * Reading: on_data gets what has arrived and returns how much of it was used.
 * conn keeps the rest (at most in_max) and gives it again with what follows;
 * when in_max bytes lie unused it stops reading until conn_resume.  A session
 * with its own buffer returns bytes.n.
 * Writing: replies are collected and sent with one system call at the end of
 * the loop turn.  Over out_high reading pauses by itself; on_drained tells
 * when the queue fell below out_low; over out_max the connection ends.
 *
 * The connection belongs to itself from conn_new on: on_closed is the last
 * call, comes exactly once and never from inside a conn_ function that the
 * session called; after it the pointer is gone.  No memory is held for
 * buffers while idle.
 */
#ifndef CONN_H
#define CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "lib/io/conn_addr.h"
#include "lib/io/conn_listener.h"
#include "lib/io/loop.h"
#include "lib/io/tls.h"
#include "lib/io/tls_binding.h"
#include "lib/io/tls_client.h"
#include "lib/io/zip.h"

#define CONN_LINGER_MS		2000	/* wait for the peer's end after ours */
#define CONN_FLUSH_MS		30000	/* to get the last replies out */
#define CONN_HANDSHAKE_MS	30000

struct conn;

struct conn_ops {
	/* Bytes used, 0 to bytes.n.  Not called while paused or closing. */
	size_t	(*on_data)(void *arg, struct slice bytes);
	/* NULL: close in order, reason "eof". All data was handed over before. */
	void	(*on_eof)(void *arg);
	/* The write queue fell below out_low after it was above out_high.  May be NULL. */
	void	(*on_drained)(void *arg);
	/* The handshake ended; on an error the connection closes by itself. A client
	   hears of it whatever happened once it has begun, unless it closed or aborted
	   the connection itself. May be NULL. */
	void	(*on_tls)(void *arg, enum err);
	/* conn_set_deadline passed.  NULL: close, reason "timeout". */
	void	(*on_deadline)(void *arg);
	/* The end. reason: what conn_close or conn_abort was told, or "eof" "timeout"
	   "reset" "write" "tls" "compression" "output limit". */
	void	(*on_closed)(void *arg, const char *reason);
};

struct conn_limits {
	size_t	 in_max;	/* unused input kept */
	size_t	 out_low;
	size_t	 out_high;
	size_t	 out_max;
};

/* make: takes fd (a connected stream socket); listener may be NULL */
struct conn	*conn_new(struct loop *, int take_fd, const struct conn_addr *peer,
		    const struct conn_ops *, void *arg, const struct conn_limits *,
		    struct conn_listener *);	/* ops and limits are borrowed */

/* write: bytes are copied; or append to conn_out, which is flushed this turn */
void		 conn_write(struct conn *, struct slice);
void		 conn_write_str(struct conn *, const char *);
struct buf	*conn_out(struct conn *);
size_t		 conn_out_bytes(const struct conn *);	/* not yet taken by the kernel */
bool		 conn_is_clogged(struct conn *);	/* above out_high, until on_drained */

/* read: what was kept is given again soon after conn_resume, not within it */
void		 conn_pause(struct conn *);
void		 conn_resume(struct conn *);

void		 conn_set_deadline(struct conn *, uint64_t at_ms);	/* 0: none */

/*
 * Begin TLS as the server, at once (implicit) or after what was written so
 * far has been sent (STARTTLS; call it inside on_data or later).  Unused
 * plaintext input is discarded and counted in conn_tls_injected: RFC 3207
 * s4.2, RFC 2595 s2.1.  ERR_BUSY: too many handshakes, ERR_STATE: no
 * certificate yet or TLS already; the connection is as it was.
 */
enum err	 conn_start_tls(struct conn *, struct tls_ctx *) MUST_USE;
/* The same, and the client may be asked for a certificate. */
enum err	 conn_start_tls_asking(struct conn *, struct tls_ctx *, enum tls_ask) MUST_USE;
/*
 * The same as the client, with what is demanded of the server.  ERR_SYNTAX: a
 * name or SNI that cannot be one, or too many of something; ERR_UNSUPPORTED:
 * chain without names, DANE without a usable record, fingerprint without one.
 */
enum err	 conn_start_tls_client(struct conn *, struct tls_client_ctx *,
		    const struct tls_demand *) MUST_USE;
/*
 * Compression (RFC 4978) under what the session reads and writes: on, what was
 * written so far still goes plain, and what was read and not used is taken for
 * compressed.  off: the other way round.  ERR_STATE: it is so already.
 */
enum err	 conn_start_zip(struct conn *, struct zip_shared *) MUST_USE;
enum err	 conn_stop_zip(struct conn *) MUST_USE;
/*
 * The descriptor, to be passed on while it stays the connection's until
 * conn_abort, which says nothing to the peer then.  -1: there is TLS or
 * compression, or something is still to be sent.
 */
int		 conn_plain_fd(const struct conn *);
/* Input that was read elsewhere, at most in_max: on_data gets it first, soon. */
void		 conn_preload(struct conn *, struct slice);
/* NULL before the handshake has ended well. */
const struct tls_facts *conn_tls(const struct conn *);
/* What the client's certificate says; borrowed. */
struct tls_proof conn_tls_proof(const struct conn *);
/* Of a client, from on_tls on, also when it failed; else NULL. */
const struct tls_peer *conn_tls_peer(const struct conn *);
/*
 * The channel binding of either side, once the handshake has ended well.
 * ERR_STATE: it has not; ERR_UNSUPPORTED: this connection has none of the type
 * (TLS 1.2 without extended master secret, a certificate signed by Ed25519).
 */
enum err	 conn_tls_binding(const struct conn *, enum tls_binding_type,
		    struct tls_binding *) MUST_USE;
/* Of the type that peers expect: exporter with TLS 1.3 (RFC 9266 s3), else end point. */
enum err	 conn_tls_binding_usual(const struct conn *, struct tls_binding *) MUST_USE;
size_t		 conn_tls_injected(const struct conn *);
/* Why the handshake failed: for the log, inside on_tls. */
const char	*conn_tls_reason(const struct conn *);

/* facts */
const struct conn_addr *conn_peer(const struct conn *);
const char	*conn_peer_text(const struct conn *);	/* "[192.0.2.44]:50214" */
uint64_t	 conn_in_total(const struct conn *);	/* bytes on the wire */
uint64_t	 conn_out_total(const struct conn *);
bool		 conn_is_closing(const struct conn *);

/* end: reason is a literal.  close sends what is queued first; abort drops it */
void		 conn_close(struct conn *, const char *reason);
void		 conn_abort(struct conn *, const char *reason);

#endif
