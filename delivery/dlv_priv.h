/* SPDX-License-Identifier: ISC */
/*
 * What the files of local delivery share.  dlv_job.c: a job from request to
 * answer; dlv_epoch.c: asking the store for epochs; dlv_lane.c: the work on
 * one message; dlv_local.c: who works when.
 *
 * A job is in exactly one place: in a lane's ready list, current in a lane,
 * in the list of an epoch it waits for, or only waiting for its appends.
 */
#ifndef DLV_PRIV_H
#define DLV_PRIV_H

#include "delivery/dlv_carrier.h"
#include "delivery/dlv_local.h"
#include "delivery/dlv_rcpt.h"
#include "delivery/dlv_sealed.h"
#include "delivery/dlv_source.h"
#include "lib/base/list.h"
#include "lib/mail/mime.h"
#include "lib/seal/sealer.h"

#define DLV_SLICE_BYTES	(256u << 10)
/* Sealed, and with its prefix, it still fits into SEALER_MEMFD_MAX. */
#define DLV_SMALL_MAX	(240u << 10)

struct dlv_job {
	struct list		 link;		/* of dlv->jobs */
	struct list		 place;		/* ready list or epoch's list */
	struct dlv_local	*dlv;
	struct dlv_lane		*lane;		/* where it belongs */
	struct ipc_peer		*queue;		/* NULL: gone */
	uint64_t		 request;
	uint64_t		 deadline_ms;
	uint64_t		 msg;
	uint64_t		 session;
	uint64_t		 arrival_ms;
	uint64_t		 before_ms;	/* from arrival to here */
	uint64_t		 taken_ms;
	struct dlv_source	 source;
	struct dlv_carrier	*carrier;	/* it came in boxes; else NULL */
	uint64_t		 bytes;		/* of the message, or of its carrier */
	bool			 is_sealed;	/* it came so: dlv_sealed.h */
	char			*text;		/* what sender and rcpts borrow */
	struct slice		 sender;
	struct dlv_rcpt		*rcpts;
	unsigned		 count;
	unsigned		 left;		/* without a result */
};

enum dlv_step {
	DLV_IDLE,		/* no job */
	DLV_PARSE,
	DLV_NEXT,		/* choose a recipient */
	DLV_FILE,		/* wait for a file of the store's */
	DLV_SEAL
};

struct dlv_lane {
	struct dlv_local	*dlv;
	struct list		 ready;
	enum dlv_step		 step;
	bool			 large;		/* bodies go to files */
	struct dlv_job		*job;
	struct dlv_rcpt		*rcpt;
	struct mime		 mime;
	struct dlv_sealed	 sealed;	/* of a job that came so, in place of mime */
	struct ipc_store_append	 append;	/* and what begin made of it */
	struct sealer_message	 message;
	struct buf		 prefix;
	struct buf		 out;		/* sealed bytes */
	char			*slice;		/* DLV_SLICE_BYTES of the message */
	uint64_t		 slice_off;
	size_t			 slice_n;
	uint64_t		 off;
	int			 file;		/* -1: none */
	uint64_t		 file_off;
	uint64_t		 file_call;
};

struct dlv_local {
	struct loop		*loop;
	struct charset_set	*charsets;
	struct dlv_limits	 limits;
	struct sealer		*sealer;
	struct ipc_peer		*store;
	struct list		 jobs;
	struct list		 waits;		/* struct dlv_wait */
	unsigned		 job_count;
	struct dlv_lane		 small, large;
	struct loop_idle	 pump;
	timer_fn		*drained;
	void			*drained_arg;
};

/* jobs */
/* NULL: it was answered, or was a violation. */
struct dlv_job	*dlv_job_new(struct dlv_local *, struct ipc_peer *queue,
		    const struct ipc_deliver_job *, struct ipc_in *);
/* The result of a recipient stands: log and count it. */
void		 dlv_job_settle(struct dlv_job *, struct dlv_rcpt *, struct slice where);
/* All recipients without result and append fail so. */
void		 dlv_job_fail_rest(struct dlv_job *, enum err);
/* Answers and frees the job when every result stands. */
void		 dlv_job_check(struct dlv_job *);
void		 dlv_job_free(struct dlv_job *);
/* Exactly n bytes of its message from off. */
enum err	 dlv_job_read(struct dlv_job *, uint64_t off, void *dst, size_t n) MUST_USE;
/* Deadline of a call for this job. */
uint64_t	 dlv_job_deadline(const struct dlv_job *);

/* epochs */
/* Asks for an epoch of this owner unless that is under way. */
void		 dlv_epoch_ask(struct dlv_job *, const struct sealer_owner *);
/* The same, and puts the job there; it goes back to its lane with the answer. */
void		 dlv_epoch_wait(struct dlv_job *, const struct sealer_owner *);
void		 dlv_epoch_fini(struct dlv_local *);

/* lanes */
void		 dlv_lane_init(struct dlv_lane *, struct dlv_local *, bool large);
void		 dlv_lane_fini(struct dlv_lane *);
/* One step; about how many bytes were handled, 0: nothing to do now. */
size_t		 dlv_lane_step(struct dlv_lane *);
/* The store went: the current job's rest fails. */
void		 dlv_lane_lost(struct dlv_lane *);

/* pump */
void		 dlv_local_wake(struct dlv_local *);

#endif
