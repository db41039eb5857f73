/* SPDX-License-Identifier: ISC */
/*
 * Who brings mail hands it to queue through this: one transaction (queue.msg)
 * at a time, its body kept in an intake_spool until it is committed.  Each
 * question is answered once, by an op, never from inside the question; where
 * it does not return ERR_OK that is its answer and no op follows.
 *
 * Freed while questions are out it lives on until they are answered, so that a
 * transaction opened for nobody is aborted.  An op must not free it.
 */
#ifndef INTAKE_H
#define INTAKE_H

#include <stdint.h>

#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "lib/daemon/daemon.h"
#include "lib/daemon/intake_spool.h"
#include "lib/ipc/ipc_peer.h"

struct intake;

/* Why queue does not want it; dsn and text may be empty, both borrowed. */
struct intake_refusal {
	enum err	 error;
	struct slice	 dsn;
	struct slice	 text;
};

struct intake_ops {
	void	(*opened)(void *arg, uint64_t msg);
	void	(*rcpt_ok)(void *arg, const struct ipc_queue_rcpt_ok *);
	void	(*resume)(void *arg);		/* intake_body may go on */
	void	(*committed)(void *arg);	/* durable */
	void	(*refused)(void *arg, const struct intake_refusal *);
};

struct intake_commit {
	uint64_t	 msg;
	uint8_t		 flags;		/* QUEUE_TLS_OPTIONAL, or 0 */
	struct slice	 message_id;	/* for the log */
};

/* life */
struct intake	*intake_new(struct daemon_app *, struct intake_pool *,
		    const struct intake_ops *, void *arg);
void		 intake_free(struct intake **);

/* a transaction: opened, rcpt_ok for each recipient, committed; or refused */
/*
 * first, where it is known and not empty, is asked for in the same turn: the first
 * intake_rcpt has to be for it, and takes that answer.
 */
enum err	 intake_open(struct intake *, const struct ipc_queue_open *,
		    struct slice first) MUST_USE;
enum err	 intake_rcpt(struct intake *, const struct ipc_queue_rcpt *) MUST_USE;
/* At once; ERR_AGAIN: taken, but pause until resume.  ERR_FULL: no room. */
enum err	 intake_body(struct intake *, uint64_t msg, struct slice) MUST_USE;
enum err	 intake_commit(struct intake *, const struct intake_commit *) MUST_USE;
void		 intake_abort(struct intake *, uint64_t msg);	/* no answer */
/* The body alone: its memory, its file, and the question for one. */
void		 intake_forget(struct intake *);

/* This queue has left: true when the transaction was with it. */
bool		 intake_lose(struct intake *, const struct ipc_peer *);
/* Handler for queue_opened, of a question that was given up: it is aborted. */
void		 intake_on_late_open(struct ipc_peer *, const void *, struct ipc_in *);

#endif
