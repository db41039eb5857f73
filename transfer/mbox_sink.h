/* SPDX-License-Identifier: ISC */
/*
 * Files of mbox as the sink: "Work/2026" is Work/2026.mbox below the
 * directory.  A folder is written to a file of another name first, so a file
 * that is there is whole, and is left alone by an export that begins again.
 */
#ifndef MBOX_SINK_H
#define MBOX_SINK_H

#include "transfer/mail_source.h"

/* dir stays the caller's.  dry: nothing is written. */
struct mail_sink *mbox_sink_new(struct mail_report *, int dir, bool dry);

#endif
