/* SPDX-License-Identifier: ISC */
/*
 * gwkey: secrets of routes, and the server's keys of CMTP 2.  Like gwuser it
 * only takes the password and hands the request to keyd over the control
 * socket.
 */
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "keyd/password_pipe.h"
#include "lib/base/cc.h"
#include "lib/daemon/tool.h"

static const struct command {
	const char	*group;
	const char	*name;
	const char	*verb;
	int		 arguments;
	bool		 has_password;
} commands[] = {
	{ "secret", "set",    "secret.set",  1, true },
	{ "secret", "del",    "secret.del",  1, false },
	{ "secret", "list",   "secret.list", 0, false },
	{ "cmtp",   "list",   "cmtp.list",   0, false },
	{ "cmtp",   "dns",    "cmtp.dns",    0, false },
	{ "cmtp",   "rotate", "cmtp.rotate", 0, false },
	{ "cmtp",   "forget", "cmtp.forget", 1, false },
	{ "cmtp",   "opt-in", "cmtp.optin",  1, true },
	{ "cmtp",   "opt-out", "cmtp.optout", 1, false },
	{ "cmtp",   "logins", "cmtp.logins", 0, false },
};

static int
usage(void)
{
	(void)fputs("usage: gwkey [-c config_dir] secret set ROUTE [--password-stdin]\n"
	    "       gwkey [-c config_dir] secret del ROUTE\n"
	    "       gwkey [-c config_dir] secret list\n"
	    "       gwkey [-c config_dir] cmtp list | dns | rotate\n"
	    "       gwkey [-c config_dir] cmtp forget DOMAIN | USER@DOMAIN\n"
	    "       gwkey [-c config_dir] cmtp opt-in USER [--password-stdin]\n"
	    "       gwkey [-c config_dir] cmtp opt-out USER\n"
	    "       gwkey [-c config_dir] cmtp logins\n", stderr);
	return EX_USAGE;
}

static int
run(const struct command *c, const char *config_dir, char *argv[], int argc, bool from_stdin)
{
	struct buf args;
	int fd = -1, code = EX_OK;

	if (argc != c->arguments || (from_stdin && !c->has_password))
		return usage();
	buf_init(&args, TOOL_ARGS_MAX);
	if (argc > 0)
		tool_arg(&args, argv[0]);
	if (c->has_password)
		code = password_pipe("gwkey", ASK_NEW, from_stdin, &fd);
	if (code == EX_OK)
		code = tool_run("gwkey", config_dir, IPC_KEYD, c->verb, &args, fd);
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
	bool from_stdin = false;
	int opt;

	(void)signal(SIGPIPE, SIG_IGN);
	while ((opt = getopt_long(argc, argv, "c:", options, NULL)) != -1) {
		switch (opt) {
		case 'c':
			config_dir = optarg;
			break;
		case 'p':
			from_stdin = true;
			break;
		case 'V':
			(void)puts("gwkey " GODWIT_VERSION);
			return EX_OK;
		default:
			return usage();
		}
	}
	argv += optind;
	argc -= optind;
	for (size_t i = 0; argc >= 2 && i < lengthof(commands); i++)
		if (strcmp(argv[0], commands[i].group) == 0 &&
		    strcmp(argv[1], commands[i].name) == 0)
			return run(&commands[i], config_dir, argv + 2, argc - 2, from_stdin);
	return usage();
}
