/* SPDX-License-Identifier: ISC */
/*
 * What conn.c (life, reading, TLS) and conn_out.c (writing) share.
 */
#ifndef CONN_PRIV_H
#define CONN_PRIV_H

#include "lib/io/conn.h"

struct tls_stream;
struct zip;

enum conn_state {
	CONN_OPEN,
	CONN_TLS_WAIT,		/* the last plaintext is being sent */
	CONN_HANDSHAKE,
	CONN_FLUSH,		/* closing: replies are being sent */
	CONN_LINGER,		/* we ended, waiting for the peer's end */
	CONN_DEAD		/* closed; on_closed is due */
};

struct conn {
	struct loop			*loop;
	struct loop_poll		*poll;
	struct tls_stream		*tls;
	struct tls_stream		*tls_next;	/* from CONN_TLS_WAIT on */
	struct zip			*zip;		/* compression, or NULL */
	struct buf			 zipped;	/* compressed, not yet encrypted or sent */
	struct conn_listener		*listener;
	const struct conn_ops		*ops;
	const struct conn_limits	*limits;
	void				*arg;
	const char			*reason;
	struct buf			 in;	/* unused input */
	struct buf			 out;	/* not yet encrypted or sent */
	struct timer			 timer;
	struct loop_idle		 turn;
	uint64_t			 deadline_ms;	/* the session's; 0 none */
	uint64_t			 tls_deadline_ms;	/* 0: the usual one */
	uint64_t			 in_total;
	uint64_t			 out_total;
	size_t				 injected;
	size_t				 linger_bytes;
	int				 fd;
	int				 mask;
	enum conn_state			 state;
	bool				 is_paused;
	bool				 is_clogged;
	bool				 is_eof;
	bool				 is_pumping;
	bool				 wants_pump;	/* in on_turn */
	bool				 zips_out;	/* out is to be compressed */
	bool				 zip_starts;	/* for input, after on_data */
	bool				 zip_stops;
	struct conn_addr		 peer;
	char				 peer_text[CONN_ADDR_TEXT_BYTES];
#ifdef GODWIT_TEST
	uint64_t			 tap_id;	/* 0: no conn_tap */
	size_t				 tapped;	/* of out, from its beginning */
#endif
};

/* conn_abort, when it was not the session's wish. */
void		 conn_break(struct conn *, const char *reason);
void		 conn_set_mask(struct conn *, int mask);
/* conn_tap, of input that was used and of output that is new or has been sent. */
#ifdef GODWIT_TEST
void		 conn_tap_in(struct conn *, struct slice);
void		 conn_tap_out(struct conn *);
void		 conn_tap_sent(struct conn *);
#else
#define conn_tap_in(conn, bytes)	((void)0)
#define conn_tap_out(conn)		((void)0)
#define conn_tap_sent(conn)		((void)0)
#endif
/* What out holds goes as it is, before anything compressed; or ends that. */
void		 conn_zip_begin_out(struct conn *);
void		 conn_zip_end_out(struct conn *);
/* Sends until the kernel has had enough; false when the connection broke. */
bool		 conn_send(struct conn *, struct buf *wire);
/* Encrypts and sends what is due; false when the connection is dead afterwards. */
bool		 conn_flush(struct conn *);

#endif
