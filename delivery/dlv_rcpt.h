/* SPDX-License-Identifier: ISC */
/*
 * A recipient of a local delivery: whose mailbox, what is put before the
 * message for it, and what became of it.  Pure.
 */
#ifndef DLV_RCPT_H
#define DLV_RCPT_H

#include <stdbool.h>
#include <stdint.h>

#include "delivery/dlv_line.h"
#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "lib/ipc/ipc_codec.h"
#include "lib/seal/sealer.h"

#define DLV_PREFIX_MAX	1024

struct dlv_job;

struct dlv_rcpt {
	struct dlv_job		*job;
	uint32_t		 idx;		/* queue's number */
	uint8_t			 sealing;
	struct sealer_owner	 owner;
	struct slice		 address;	/* final */
	struct slice		 original;
	struct slice		 mailbox;
	uint64_t		 epoch;		/* of the append */
	uint64_t		 started_ms;
	uint64_t		 call;		/* of the append, while sent */
	bool			 sent;		/* the store has the append */
	bool			 again;		/* sealed a second time */
	bool			 done;		/* the result stands */
	bool			 duplicate;
	enum err		 error;
	const char		*dsn;
	const char		*text;
};

/* From the wire; slices borrow it.  ERR_VIOLATION when it cannot be. */
enum err	 dlv_rcpt_read(struct dlv_rcpt *, const struct ipc_deliver_rcpt *) MUST_USE;

/* "Return-Path: <sender>" and "Delivered-To: address", CRLF after each. */
void		 dlv_rcpt_put_prefix(struct buf *, struct slice sender, struct slice address);
/* Whether the message went through this address before. */
bool		 dlv_rcpt_is_loop(struct slice header, struct slice address);

/* Results. */
void		 dlv_rcpt_succeed(struct dlv_rcpt *, bool duplicate);
/*
 * Only what is surely the fault of mailbox or message is permanent; any other
 * error of class PERM is our own trouble and a deferral.
 */
void		 dlv_rcpt_fail(struct dlv_rcpt *, enum err);
/* There may be room later. */
void		 dlv_rcpt_fail_full(struct dlv_rcpt *);
void		 dlv_rcpt_fail_loop(struct dlv_rcpt *);
/* It came sealed: ERR_NOTFOUND, but not to this mailbox; ERR_SYNTAX, or so it said. */
void		 dlv_rcpt_fail_sealed(struct dlv_rcpt *, enum err);
void		 dlv_rcpt_put_result(struct buf *, const struct dlv_rcpt *);

/* One line: sent, deferred or bounced.  where: mailbox of the store's answer. */
void		 dlv_rcpt_log(const struct dlv_rcpt *, uint64_t session, uint64_t msg,
		    struct slice where, const struct dlv_delays *);

#endif
