/* SPDX-License-Identifier: ISC */
/*
 * The saved result, "$" (RFC 5182): ranges of UIDs kept in the session's view
 * as imap_seqset has them, so that whatever takes a set takes it.  UIDs never
 * come again: those expunged since are simply not found.  At most
 * STORE_SET_MAX ranges; neighbours in the view share one.
 */
#ifndef IMAP_SAVED_H
#define IMAP_SAVED_H

#include <stdbool.h>

#include "imapd/imap_cmd.h"
#include "imapd/imap_return.h"

/* At the end of a command with these options: after NO, "$" is empty (s2.1). */
void	 imap_saved_end(struct imap_cmd *, const struct imap_return *);
/* When the options say SAVE; false: answered with NO. */
bool	 imap_saved_keep(struct imap_cmd *, const struct imap_return *,
	    const struct imap_found *);

#endif
