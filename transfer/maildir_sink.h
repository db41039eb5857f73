/* SPDX-License-Identifier: ISC */
/*
 * A Maildir++ as the sink: INBOX is the directory itself, "Work/2026" is
 * ".Work.2026".  A file's name tells UIDVALIDITY and UID, so that an export
 * that begins again leaves what is there; its time is the arrival.  Keywords
 * and UIDs go to dovecot-keywords and dovecot-uidlist.
 */
#ifndef MAILDIR_SINK_H
#define MAILDIR_SINK_H

#include "transfer/mail_source.h"

/* dir stays the caller's.  dry: nothing is written. */
struct mail_sink *maildir_sink_new(struct mail_report *, int dir, bool dry);

#endif
