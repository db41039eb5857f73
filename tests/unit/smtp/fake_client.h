/* SPDX-License-Identifier: ISC */
/*
 * A client with surroundings that answer at once: messages are given one
 * after the other when it is ready, with QUIT behind the last; the body comes
 * in pieces; TLS comes up when the input at hand was taken.  Effects are
 * noted one a line.
 */
#ifndef FAKE_CLIENT_H
#define FAKE_CLIENT_H

#include "lib/base/buf.h"
#include "lib/smtp/smtp_client.h"

#define FAKE_CLIENT_HOST	"mx.example[192.0.2.1]:25"
#define FAKE_CLIENT_MESSAGES	4

struct fake_client {
	/* to be set behind init */
	struct smtp_client_config	 config;
	struct smtp_client_message	 messages[FAKE_CLIENT_MESSAGES];
	unsigned			 message_count;
	struct slice			 body;
	size_t				 piece;		/* of body at once */
	bool				 body_fails;
	bool				 body_later;	/* not from inside want_body */
	bool				 tls_fails;	/* the handshake */
	bool				 tls_refuses;	/* start_tls */
	const char			*secret;	/* NULL: there is none */
	const char			*binding;	/* NULL: the connection has none */
	bool				 is_clogged;
	bool				 stays;		/* no QUIT */

	struct smtp_client		 c;
	struct buf			 out;		/* since the owner took it */
	struct buf			 log;
	struct buf			 phases;
	unsigned			 given;		/* messages */
	size_t				 body_at;
	size_t				 out_most;
	bool				 wants_tls;
	bool				 wants_body;
	bool				 is_closed;
	bool				 is_told[SMTP_CLIENT_RCPTS_MAX];	/* each once, all before done */
};

void	 fake_client_init(struct fake_client *);
void	 fake_client_fini(struct fake_client *);
/* In pieces of at most step bytes; stops when it closed. */
void	 fake_client_feed(struct fake_client *, struct slice, size_t step);
/* What was put off: TLS, body. */
void	 fake_client_turn(struct fake_client *);

#endif
