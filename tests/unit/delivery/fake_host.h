/* SPDX-License-Identifier: ISC */
/*
 * A mail host on a loopback address, in the loop of the test:
 * answers by a table, counts what it sees, keeps what it gets.
 */
#ifndef FAKE_HOST_H
#define FAKE_HOST_H

#include "lib/base/buf.h"
#include "lib/io/conn.h"

#define FAKE_MESSAGES	50

/* Where it misbehaves. */
enum fake_step { FAKE_NOWHERE, FAKE_GREETING, FAKE_EHLO, FAKE_MAIL, FAKE_RCPT, FAKE_DATA,
	FAKE_DOT, FAKE_STEPS };
enum fake_fault {
	FAKE_SILENT,		/* says nothing any more */
	FAKE_CLOSE,		/* closes instead of answering */
	FAKE_ENDLESS,		/* a reply whose lines never end */
	FAKE_LONG_LINE,		/* a line that never ends */
	FAKE_BINARY		/* bytes that are no reply */
};

struct fake_host {
	/* set by the test; NULL: what everybody says */
	const char	*greeting, *ehlo, *mail, *data, *dot, *rset;
	const char	*(*rcpt)(struct slice address);
	enum fake_step	 step;
	enum fake_fault	 fault;
	bool		 is_lmtp;
	unsigned	 close_after;	/* messages of a connection; 0: never */
	bool		 ignores_quit;
	bool		 by_bytes;	/* replies go byte by byte */
	struct tls_ctx	*tls;		/* NULL: no STARTTLS */
	const char	*ehlo_in_tls;
	/* Behind OHAI in place of MAIL: what of the bytes is used. */
	size_t		(*raw)(void *arg, struct conn *, struct slice);
	void		*raw_arg;
	unsigned	 octet;		/* 127.0.0.OCTET; 0: 1 */
	uint16_t	 port;		/* 0: a free one, then it stands here */
	/* for the test to read */
	unsigned	 connects, ends, quits, rsets;
	unsigned	 open, open_max;
	struct buf	 seen;		/* all commands, with LF behind each */
	unsigned	 message_count;
	struct buf	 messages[FAKE_MESSAGES];	/* dots unstuffed */

	struct loop	*loop;
	int		 fd;
	struct loop_poll *poll;
	struct list	 clients;
};

void		 fake_host_open(struct fake_host *, struct loop *);	/* zeroed before */
/* Ends what idle connections there are. */
void		 fake_host_hang_up(struct fake_host *);
void		 fake_host_fini(struct fake_host *);	/* run the loop before free */

#endif
