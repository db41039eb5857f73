/* SPDX-License-Identifier: ISC */
/*
 * From what a program gave sendmail to a message that can be submitted: line
 * ends, the end at a lone dot, recipients out of the header (-t), fields that
 * must not leave the host, a From field where there is none.  Date and
 * Message-ID are left to smtpd, but for the date of mail that waited.  Pure.
 *
 * Fields dropped: Bcc, Resent-Bcc, Return-Path, Content-Length.  With any
 * Resent- field the recipients are those of the Resent- fields (RFC 5322
 * s3.6.6).  A first line "From ..." of a mailbox file is dropped.
 */
#ifndef SENDMAIL_COMPOSE_H
#define SENDMAIL_COMPOSE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"

#define SENDMAIL_MESSAGE_MAX	(1u << 30)
#define SENDMAIL_RCPTS_MAX	100000u
#define SENDMAIL_RCPTS_BYTES	(32u << 20)

/* What the options and the user say; slices are borrowed. */
struct sendmail_wish {
	struct slice	 sender;	/* -f or -r; with has_sender empty: <> */
	bool		 has_sender;
	struct slice	 name;		/* -F, or that of the user; may be empty */
	struct slice	 login;		/* name of the user */
	bool		 reads_rcpts;	/* -t */
	bool		 ignores_dots;	/* -i */
	uint8_t		 notify;	/* -N, as enum queue_notify; 0: not given */
	uint8_t		 ret;		/* -R: 'F', 'H' or 0 */
	struct slice	 envid;		/* -V */
	struct slice	 rcpts;		/* of the command line, NUL-terminated each */
	uint64_t	 date_s;	/* of a message without Date; 0: smtpd's time */
};

/*
 * Appends the message to text, the recipients to rcpts (NUL-terminated each)
 * and the sender's address to sender; domain completes bare names.
 * ERR_SYNTAX with the address in *wrong (borrowed): it is none; ERR_NOTFOUND:
 * no recipient at all; ERR_LIMIT, ERR_FULL.
 */
enum err	 sendmail_compose(const struct sendmail_wish *, struct slice raw,
		    struct slice domain, struct buf *text, struct buf *rcpts,
		    struct buf *sender, struct slice *wrong) MUST_USE;

#endif
