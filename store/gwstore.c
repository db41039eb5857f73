/* SPDX-License-Identifier: ISC */
/*
 * gwstore(1): asks the running store; repair works on its files when nothing
 * runs.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/daemon/tool.h"
#include "store/gwstore_repair.h"

#define EX_USAGE	64

static int
usage(void)
{
	fputs("usage: gwstore [-c config_dir] check [-b] | compact | rekey [user] | repair |\n"
	    "	stat | undelete user mailbox\n", stderr);
	return EX_USAGE;
}

int
main(int argc, char *argv[])
{
	const char *config_dir = NULL, *verb;
	struct buf args;
	int c, rc;

	while ((c = getopt(argc, argv, "+c:")) != -1) {
		if (c != 'c')
			return usage();
		config_dir = optarg;
	}
	if (optind >= argc)
		return usage();
	verb = argv[optind++];
	if (strcmp(verb, "repair") == 0)
		return optind < argc ? usage() : gwstore_repair(config_dir);
	buf_init(&args, TOOL_ARGS_MAX);
	if (strcmp(verb, "check") == 0) {
		if (optind < argc && strcmp(argv[optind], "-b") == 0) {
			tool_arg(&args, "bodies");
			optind++;
		}
		verb = "store.check";
	} else if (strcmp(verb, "compact") == 0) {
		verb = "store.compact";
	} else if (strcmp(verb, "rekey") == 0) {
		/* All accounts without one; the cursor stands behind it. */
		tool_arg(&args, optind < argc ? argv[optind++] : "");
		verb = "store.rekey";
	} else if (strcmp(verb, "undelete") == 0 && optind + 2 == argc) {
		tool_arg(&args, argv[optind++]);
		tool_arg(&args, argv[optind++]);
		verb = "store.undelete";
	} else if (strcmp(verb, "stat") == 0) {
		verb = "store.stat";
	} else {
		buf_fini(&args);
		return usage();
	}
	rc = optind < argc ? usage() :
	    tool_run("gwstore", config_dir, IPC_STORE, verb, &args, -1);
	buf_fini(&args);
	return rc;
}
