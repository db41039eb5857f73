/* SPDX-License-Identifier: ISC */
/*
 * The start of a command: from what the lexer found to a command that runs, or
 * to the one under way that waits for more lines.  Literals that are too large
 * are refused here.  Of imap_session.c alone.
 */
#ifndef IMAP_BEGIN_H
#define IMAP_BEGIN_H

#include "imapd/imap_lexer.h"
#include "imapd/imap_session.h"

void	 imap_begin_take(struct imap_session *, enum imap_lex event);

#endif
