/* SPDX-License-Identifier: ISC */
/*
 * Prints man/godwit-log.7 from the event table.
 */
#include <stdio.h>

#include "lib/base/log.h"

static const char head[] =
    ".\\\" SPDX-License-Identifier: ISC\n"
    ".\\\" Made from lib/base/log_events.def by build/test/testbin/log_man.\n"
    ".Dd November 20, 2026\n"
    ".Dt GODWIT-LOG 7\n"
    ".Os\n"
    ".Sh NAME\n"
    ".Nm godwit-log\n"
    ".Nd the events that Godwit logs\n"
    ".Sh DESCRIPTION\n"
    "Each line of the log is one event: the time in UTC (left out where the\n"
    "journal stamps it), the daemon and its process id, the name of the event, and\n"
    ".Ar key Ns = Ns Ar value\n"
    "pairs.\n"
    ".Cm s\n"
    "is the session,\n"
    ".Cm m\n"
    "the queue id.\n"
    "A value with a space, an equals sign or a quote in it is quoted; control bytes\n"
    "and bytes that are not UTF-8 are written\n"
    ".Li \\ex Ns Ar NN .\n"
    "Subjects, bodies, passwords and tokens are never logged.\n"
    ".Pp\n"
    "What became of a recipient is one of\n"
    ".Cm sent , deferred , bounced\n"
    "and\n"
    ".Cm expired ;\n"
    "what was refused is\n"
    ".Cm reject .\n"
    ".Pp\n"
    ".Dv SIGUSR1\n"
    "to the master process reopens the log file.\n"
    ".Sh EVENTS\n"
    "An event carries those of its keys that apply;\n"
    ".Cm error\n"
    "may stand in any.\n"
    ".Bl -tag -width Ds\n";
static const char tail[] =
    ".El\n"
    ".Sh SEE ALSO\n"
    ".Xr godwit.conf 5 ,\n"
    ".Xr godwit 8\n";

int
main(void)
{
	(void)fputs(head, stdout);
	for (int i = 0; i < LOG_EVENT_COUNT; i++)
		(void)printf(".It Cm %s\n%s\n.br\nKeys: %s.\n",
		    log_rows[i].name, log_rows[i].sentence, log_rows[i].keys);
	(void)fputs(tail, stdout);
	return 0;
}
