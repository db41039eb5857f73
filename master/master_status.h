/* SPDX-License-Identifier: ISC */
/*
 * godwit status: asks every process, waits at most MASTER_STATUS_MS for the
 * slow ones, and answers with a table or JSON.
 */
#ifndef MASTER_STATUS_H
#define MASTER_STATUS_H

#include <stdbool.h>

#define MASTER_STATUS_MS	2000

struct control_wait;
struct master;

void	 master_status(struct master *, bool json, struct control_wait *);

#endif
