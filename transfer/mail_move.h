/* SPDX-License-Identifier: ISC */
/*
 * All folders of a source into a sink.  It ends at the first error; what was
 * moved until then is in the sink for good, and a second run goes on there.
 */
#ifndef MAIL_MOVE_H
#define MAIL_MOVE_H

#include "lib/io/loop.h"
#include "transfer/mail_source.h"

struct mail_move {
	struct mail_source	*source;
	struct mail_sink	*sink;
	struct mail_report	*report;
	struct loop		*loop;		/* for the time, and may be NULL */
	bool			 dry;
	bool			 skip_large;	/* leave out what the sink would refuse */
	/* what came of it */
	uint64_t		 moved, there, gone, large;
};

enum err	 mail_move(struct mail_move *) MUST_USE;

#endif
