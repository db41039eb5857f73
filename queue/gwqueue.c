/* SPDX-License-Identifier: ISC */
#include <stdio.h>
#include <sysexits.h>
#include <unistd.h>

#include "lib/daemon/tool.h"

struct asked {
	const char	*config_dir;
	const char	*site;
	const char	*id;
	int		 mode;		/* p, j, f; 0: by site or id alone */
};

static int
usage(void)
{
	(void)fprintf(stderr, "usage: gwqueue [-c config_dir] -p | -j | -f\n"
	    "       gwqueue [-c config_dir] [-p | -j] -s site | -i queue_id\n");
	return EX_USAGE;
}

static bool
read_options(int argc, char *argv[], struct asked *a)
{
	int c;

	while ((c = getopt(argc, argv, "c:pjfs:i:")) != -1) {
		switch (c) {
		case 'c':
			a->config_dir = optarg;
			break;
		case 's':
			a->site = optarg;
			break;
		case 'i':
			a->id = optarg;
			break;
		case 'p':
		case 'j':
		case 'f':
			if (a->mode != 0 && a->mode != c)
				return false;
			a->mode = c;
			break;
		default:
			return false;
		}
	}
	if (optind != argc || (a->site != NULL && a->id != NULL))
		return false;
	if (a->site != NULL || a->id != NULL)
		return a->mode != 'f';
	return a->mode != 0;
}

static void
put_filter(struct buf *args, const struct asked *a)
{
	if (a->site == NULL && a->id == NULL)
		return;
	buf_put_str(args, a->site != NULL ? "s:" : "i:");
	tool_arg(args, a->site != NULL ? a->site : a->id);
}

int
main(int argc, char *argv[])
{
	struct asked a = { 0 };
	struct buf args;
	int status;

	if (!read_options(argc, argv, &a))
		return usage();
	buf_init(&args, TOOL_ARGS_MAX);
	if (a.mode == 'p' || a.mode == 'j') {
		tool_arg(&args, a.mode == 'j' ? "j" : "p");
		put_filter(&args, &a);
	} else if (a.mode == 0) {
		tool_arg(&args, a.site != NULL ? "s" : "i");
		tool_arg(&args, a.site != NULL ? a.site : a.id);
	}
	status = tool_run("gwqueue", a.config_dir, IPC_QUEUE,
	    a.mode == 'p' || a.mode == 'j' ? "queue.list" : "queue.flush", &args, -1);
	buf_fini(&args);
	return status;
}
