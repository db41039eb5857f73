/* SPDX-License-Identifier: ISC */
/*
 * gwuser: accounts and aliases of a running suite.  It knows nothing of them:
 * it takes a password from a person or a pipe, hands everything to keyd over
 * the control socket and prints the answer.
 */
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "keyd/password_pipe.h"
#include "lib/base/cc.h"
#include "lib/daemon/tool.h"

static const struct command {
	const char	*name;
	const char	*sub;		/* second word, or NULL */
	const char	*verb;
	int		 least, most;	/* arguments */
	bool		 has_password;
} commands[] = {
	{ "add",     NULL,   "user.add",     1, 1,   true },
	{ "del",     NULL,   "user.del",     1, 1,   false },
	{ "list",    NULL,   "user.list",    0, 0,   false },
	{ "passwd",  NULL,   "user.passwd",  1, 1,   true },
	{ "disable", NULL,   "user.disable", 1, 1,   false },
	{ "enable",  NULL,   "user.enable",  1, 1,   false },
	{ "alias",   "add",  "alias.add",    2, 101, false },
	{ "alias",   "del",  "alias.del",    1, 101, false },
	{ "alias",   "list", "alias.list",   0, 0,   false },
};

static int
usage(void)
{
	(void)fputs("usage: gwuser [-c config_dir] command\n"
	    "  add USER [--password-stdin]     make an account\n"
	    "  del USER                        delete it with all its mail\n"
	    "  list                            all accounts\n"
	    "  passwd USER [--password-stdin]  new password; ends its sessions\n"
	    "  disable USER                    no login, mail is still taken\n"
	    "  enable USER\n"
	    "  alias add ADDRESS TARGET ...\n"
	    "  alias del ADDRESS [TARGET ...]\n"
	    "  alias list\n", stderr);
	return EX_USAGE;
}

static const struct command *
command_find(int argc, char *argv[], int *used)
{
	size_t i;

	for (i = 0; argc > 0 && i < lengthof(commands); i++) {
		const struct command *c = &commands[i];

		if (strcmp(argv[0], c->name) != 0)
			continue;
		*used = c->sub == NULL ? 1 : 2;
		if (c->sub == NULL || (argc > 1 && strcmp(argv[1], c->sub) == 0))
			return c;
	}
	return NULL;
}

static int
run(const struct command *c, const char *config_dir, char *argv[], int argc, bool from_stdin)
{
	struct buf args;
	int fd = -1, code = EX_OK, i;

	if (argc < c->least || argc > c->most || (from_stdin && !c->has_password))
		return usage();
	buf_init(&args, TOOL_ARGS_MAX);
	for (i = 0; i < argc; i++)
		tool_arg(&args, argv[i]);
	if (c->has_password)
		code = password_pipe("gwuser", from_stdin, &fd);
	if (code == EX_OK)
		code = tool_run("gwuser", config_dir, IPC_KEYD, c->verb, &args, fd);
	if (fd >= 0)
		(void)close(fd);
	buf_fini(&args);
	return code;
}

int
main(int argc, char *argv[])
{
	static const struct option options[] = {
		{ "password-stdin", no_argument, NULL, 'p' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 }
	};
	const char *config_dir = NULL;
	const struct command *c;
	bool from_stdin = false;
	int opt, used = 0;

	(void)signal(SIGPIPE, SIG_IGN);
	/* Options may stand behind the command: getopt_long sorts them out. */
	while ((opt = getopt_long(argc, argv, "c:", options, NULL)) != -1) {
		switch (opt) {
		case 'c':
			config_dir = optarg;
			break;
		case 'p':
			from_stdin = true;
			break;
		case 'V':
			(void)puts("gwuser " GODWIT_VERSION);
			return EX_OK;
		default:
			return usage();
		}
	}
	argv += optind;
	argc -= optind;
	c = command_find(argc, argv, &used);
	if (c == NULL)
		return usage();
	return run(c, config_dir, argv + used, argc - used, from_stdin);
}
