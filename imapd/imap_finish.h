/* SPDX-License-Identifier: ISC */
/*
 * The end of a command: what changed in the mailbox is told, then the tagged
 * response, then what it led to (TLS, compression, logout).  Of imap_session.c
 * alone.
 */
#ifndef IMAP_FINISH_H
#define IMAP_FINISH_H

#include <stdbool.h>

#include "imapd/imap_session.h"

/* The running one, which has its answer.  false: changes are being told first. */
bool	 imap_finish_cmd(struct imap_session *);

#endif
