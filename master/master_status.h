/* SPDX-License-Identifier: ISC */
/*
 * godwit status: asks every process, waits at most MASTER_STATUS_MS for the
 * slow ones, and answers with a table or JSON.  A process that has answered
 * has also done what it was told before.
 */
#ifndef MASTER_STATUS_H
#define MASTER_STATUS_H

#include <stdbool.h>
#include <stdint.h>

#define MASTER_STATUS_MS	2000

struct control_wait;
struct master;

/* Asks the processes of these roles that serve; done is called once, behind
 * their answers, maybe before this returns. */
#define MASTER_STATUS_ALL	UINT32_MAX
typedef void master_status_fn(void *arg);
void	 master_status_ask(struct master *, uint32_t roles, master_status_fn *done, void *arg);

void	 master_status(struct master *, bool json, struct control_wait *);

#endif
