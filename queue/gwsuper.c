/* SPDX-License-Identifier: ISC */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "lib/daemon/tool.h"

#define LINE_BYTES	128

static int
usage(void)
{
	(void)fprintf(stderr,
	    "usage: gwsuper [-c config_dir] -d | -e | -h | -H | -r queue_id | ALL | -\n");
	return EX_USAGE;
}

static int
run(const char *config_dir, int op, const char *which)
{
	const char name[2] = { (char)op, '\0' };
	struct buf args;
	int status;

	buf_init(&args, TOOL_ARGS_MAX);
	tool_arg(&args, name);
	tool_arg(&args, which);
	status = tool_run("gwsuper", config_dir, IPC_QUEUE, "queue.super", &args, -1);
	buf_fini(&args);
	return status;
}

/* "-": queue ids from standard input, one in a line. */
static int
run_lines(const char *config_dir, int op)
{
	char line[LINE_BYTES];
	int status = EX_OK, one;

	while (fgets(line, sizeof(line), stdin) != NULL) {
		line[strcspn(line, "\r\n")] = '\0';
		if (line[0] == '\0')
			continue;
		if ((one = run(config_dir, op, line)) != EX_OK)
			status = one;
	}
	return status;
}

int
main(int argc, char *argv[])
{
	const char *config_dir = NULL, *which = NULL;
	int c, op = 0;

	while ((c = getopt(argc, argv, "c:d:e:h:H:r:")) != -1) {
		switch (c) {
		case 'c':
			config_dir = optarg;
			break;
		case 'd':
		case 'e':
		case 'h':
		case 'H':
		case 'r':
			if (op != 0)
				return usage();
			op = c;
			which = optarg;
			break;
		default:
			return usage();
		}
	}
	if (op == 0 || optind != argc)
		return usage();
	return strcmp(which, "-") == 0 ? run_lines(config_dir, op) :
	    run(config_dir, op, which);
}
