/* SPDX-License-Identifier: ISC */
/*
 * What goes ahead of sealed objects: reservations of an epoch and content ids
 * (store_epoch), kept in memory until one of them is used, and files for large
 * bodies (store_file), known again when they come back.
 */
#ifndef STORE_RESERVE_H
#define STORE_RESERVE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "lib/ipc/ipc_peer.h"
#include "store/store_op.h"

void	 store_on_epoch(struct ipc_peer *, const void *, struct ipc_in *);
void	 store_on_file(struct ipc_peer *, const void *, struct ipc_in *);

/* May this peer act for this account?  Answers or ends the peer when not. */
bool	 reserve_may(struct ipc_peer *, struct ipc_in *, uint32_t handle, uint64_t account);
/* NULL: gone; the peer gets another (ERR_AGAIN). */
struct store_reservation *reserve_find(struct store_peer *, uint64_t account, uint64_t epoch);
/* Is the content id one of these, and the first time?  ERR_VIOLATION. */
enum err reserve_check(const struct store_reservation *, uint64_t content) MUST_USE;
void	 reserve_claim(struct store_reservation *, uint64_t content);
/* The account's counter goes past the reservation, of which something is used now. */
void	 reserve_count(struct op *, uint64_t content_end);
/*
 * The epoch's record, made from data when this is its first use.  ERR_AGAIN:
 * begin a new epoch.
 */
enum err reserve_epoch(struct op *, uint64_t epoch, uint32_t generation,
	    struct slice data) MUST_USE;
/* The key as it is in rec, in the segments too: sets its place. */
enum err reserve_epoch_blob(struct op *, uint64_t epoch, struct record_epoch *rec) MUST_USE;
/* A sealed memfd, or a file that we made for this peer; anything else is foreign. */
enum err reserve_check_fd(struct store_peer *, int fd, uint64_t *bytes) MUST_USE;

#endif
