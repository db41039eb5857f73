/* SPDX-License-Identifier: ISC */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "lib/daemon/tool.h"

static int
usage(void)
{
	(void)fprintf(stderr, "usage: gwqueue [-c config_dir] -p | -j | -f\n");
	return EX_USAGE;
}

int
main(int argc, char *argv[])
{
	const char *config_dir = NULL;
	struct buf args;
	int c, mode = 0, status;

	/* sendmail's name for the listing */
	if (argc > 0 && strlen(argv[0]) >= 5 &&
	    strcmp(argv[0] + strlen(argv[0]) - 5, "mailq") == 0)
		mode = 'p';
	while ((c = getopt(argc, argv, "c:pjf")) != -1) {
		switch (c) {
		case 'c':
			config_dir = optarg;
			break;
		case 'p':
		case 'j':
		case 'f':
			if (mode != 0 && mode != c)
				return usage();
			mode = c;
			break;
		default:
			return usage();
		}
	}
	if (mode == 0 || optind != argc)
		return usage();
	buf_init(&args, TOOL_ARGS_MAX);
	if (mode != 'f')
		tool_arg(&args, mode == 'j' ? "j" : "p");
	status = tool_run("gwqueue", config_dir, IPC_QUEUE,
	    mode == 'f' ? "queue.flush" : "queue.list", &args, -1);
	buf_fini(&args);
	return status;
}
