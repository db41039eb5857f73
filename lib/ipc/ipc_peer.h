/* SPDX-License-Identifier: ISC */
/*
 * One end of a wire between two processes: a UNIX stream socket that carries
 * frames of u32 length (of all that follows), u16 type, u16 descriptor
 * count, u64 request id, body; at most IPC_FRAME_MAX bytes and IPC_FDS_MAX
 * descriptors.  Replies carry the request's id with the top bit set.
 *
 * A request has an absolute monotonic deadline (ms), sent as the first eight
 * bytes of its body.  The reply callback runs exactly once: with the reply,
 * ERR_TIMEOUT, or ERR_GONE when the peer is lost; never after ipc_cancel.
 * Late and unknown replies are an ordinary case: one that hands something
 * over which must be given back (a token, a handle) goes to the handler for
 * its type, if there is one; others are dropped silently.
 *
 * What breaks the rules (unknown type, sender not permitted, malformed body,
 * too many descriptors) is logged as a violation and ends this peer only.
 *
 * Received descriptors are closed after the handler unless taken.  Sent
 * descriptors stay the caller's (they are duplicated by the kernel at once or
 * by ipc when it must queue the frame).
 */
#ifndef IPC_PEER_H
#define IPC_PEER_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/io/loop.h"
#include "lib/ipc/ipc_codec.h"

#define IPC_FRAME_MAX	65536
#define IPC_FDS_MAX	4
#define IPC_OUT_MAX	(16u << 20)	/* bytes queued towards one peer */
#define IPC_PENDING_MAX	65536		/* unanswered requests to one peer */
#define IPC_LATE_MS	20
#define IPC_GATHER_MAX	8		/* frames of one turn that wait for its end */

struct ipc_peer;

/* What came with a message.  Valid during the handler only. */
struct ipc_in {
	uint64_t	 id;		/* hand to ipc_reply; 0 for one way */
	uint64_t	 deadline_ms;	/* of a request */
	unsigned	 fd_count;
	int		 fds[IPC_FDS_MAX];
};
/* The caller owns it from now on; -1 when there is no such descriptor. */
int		 ipc_take_fd(struct ipc_in *, unsigned idx);

/* m points to the struct ipc_<name> of the type the handler is for. */
typedef void ipc_handler_fn(struct ipc_peer *, const void *m, struct ipc_in *);
struct ipc_handler {
	uint16_t	 type;		/* IPC_MSG_... ; 0 ends the table */
	ipc_handler_fn	*fn;
};
/* type is IPC_MSG_none and m NULL when e is not ERR_OK. */
typedef void ipc_reply_fn(void *arg, enum err e, uint16_t type, const void *m,
    struct ipc_in *);
/* The peer closed or was closed for a violation; free it here or later. */
typedef void ipc_gone_fn(struct ipc_peer *, void *arg);

/* make: takes fd; handlers must outlive the peer */
struct ipc_peer	*ipc_peer_new(struct loop *, int take_fd, enum ipc_role role,
		    uint32_t instance, const struct ipc_handler *,
		    ipc_gone_fn *, void *arg);
void		 ipc_peer_free(struct ipc_peer **);	/* pending calls end with GONE */

enum ipc_role	 ipc_peer_role(const struct ipc_peer *);
uint32_t	 ipc_peer_instance(const struct ipc_peer *);	/* unique per process start */
void		*ipc_peer_arg(const struct ipc_peer *);
size_t		 ipc_peer_queued_bytes(const struct ipc_peer *);
unsigned	 ipc_peer_pending(const struct ipc_peer *);
/* Has the other end not closed yet?  Asks the kernel: the loop may know it later. */
bool		 ipc_peer_is_up(const struct ipc_peer *);

/* use */
enum err	 ipc_send(struct ipc_peer *, enum ipc_type, const void *m,
		    const int *fds, unsigned fd_count) MUST_USE;
/*
 * The same for what nobody waits for: it leaves with the next frame to this
 * peer, after IPC_LATE_MS at the latest, and wakes it no more often than that.
 */
enum err	 ipc_send_late(struct ipc_peer *, enum ipc_type, const void *m) MUST_USE;
/* *id may be NULL; on an error the callback does not run. */
enum err	 ipc_call(struct ipc_peer *, enum ipc_type, const void *m,
		    const int *fds, unsigned fd_count, uint64_t deadline_ms,
		    ipc_reply_fn *, void *arg, uint64_t *id) MUST_USE;
void		 ipc_cancel(struct ipc_peer *, uint64_t id);
/* Answer the request that came with id; failing means the peer is going. */
void		 ipc_reply(struct ipc_peer *, uint64_t id, enum ipc_type,
		    const void *m);
void		 ipc_reply_fds(struct ipc_peer *, uint64_t id, enum ipc_type,
		    const void *m, const int *fds, unsigned fd_count);
/* Log a violation and end the peer (after the handler returns); nothing when
 * the peer is being lost already. */
void		 ipc_peer_violation(struct ipc_peer *, const char *reason);

/* Blocking forms for start-up and tools only (no loop). */
enum err	 ipc_write_blocking(int fd, enum ipc_type, uint64_t id, const void *m,
		    const int *fds, unsigned fd_count) MUST_USE;
/* Fills in; *store keeps the bytes that m's slices borrow. */
enum err	 ipc_read_blocking(int fd, enum ipc_role from, struct buf *store,
		    uint16_t *type, union ipc_any *m, struct ipc_in *in) MUST_USE;

#endif
