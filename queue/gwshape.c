/* SPDX-License-Identifier: ISC */
#include <stdio.h>
#include <sysexits.h>
#include <unistd.h>

#include "lib/daemon/tool.h"

static int
usage(void)
{
	(void)fprintf(stderr, "usage: gwshape [-c config_dir]\n");
	return EX_USAGE;
}

int
main(int argc, char *argv[])
{
	const char *config_dir = NULL;
	struct buf args;
	int c, status;

	while ((c = getopt(argc, argv, "c:")) != -1) {
		if (c != 'c')
			return usage();
		config_dir = optarg;
	}
	if (optind != argc)
		return usage();
	buf_init(&args, TOOL_ARGS_MAX);
	status = tool_run("gwshape", config_dir, IPC_QUEUE, "queue.shape", &args, -1);
	buf_fini(&args);
	return status;
}
