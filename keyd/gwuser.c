/* SPDX-License-Identifier: ISC */
/*
 * gwuser: accounts and aliases of a running suite.  It knows nothing of them:
 * it takes a password from a person or a pipe, hands everything to keyd over
 * the control socket and prints the answer.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <termios.h>
#include <unistd.h>

#include "lib/base/cc.h"
#include "lib/base/secret.h"
#include "lib/daemon/tool.h"

enum { PASSWORD_MAX = 1024 };

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

static int
fault(int code, const char *text)
{
	(void)fprintf(stderr, "gwuser: %s\n", text);
	return code;
}

/* One line without its end; what is too long is passed on and refused by keyd. */
static bool
line_read(FILE *f, char *dst, size_t size, size_t *n)
{
	int c;

	*n = 0;
	while ((c = fgetc(f)) != EOF && c != '\n')
		if (*n < size)
			dst[(*n)++] = (char)c;
	if (*n > 0 && dst[*n - 1] == '\r')
		--*n;
	return !ferror(f) && (c != EOF || *n > 0);
}

static bool
prompt(FILE *tty, const char *text, char *dst, size_t size, size_t *n)
{
	struct termios old, quiet;
	bool got;

	if (tcgetattr(fileno(tty), &old) != 0)
		return false;
	quiet = old;
	quiet.c_lflag &= ~(tcflag_t)ECHO;
	/* Before the prompt: what is typed at sight of it is neither shown nor
	 * thrown away. */
	if (tcsetattr(fileno(tty), TCSAFLUSH, &quiet) != 0)
		return false;
	(void)fputs(text, tty);
	(void)fflush(tty);
	got = line_read(tty, dst, size, n);
	(void)tcsetattr(fileno(tty), TCSAFLUSH, &old);
	(void)fputc('\n', tty);
	return got;
}

/* No echo, asked twice. */
static int
password_ask(char *dst, size_t size, size_t *n)
{
	char again[PASSWORD_MAX + 1];
	FILE *tty = fopen("/dev/tty", "r+");
	size_t again_n = 0;
	int code = EX_OK;

	if (tty == NULL)
		return fault(EX_USAGE, "no terminal to ask for the password; "
		    "use --password-stdin");
	setvbuf(tty, NULL, _IONBF, 0);
	if (!prompt(tty, "Password: ", dst, size, n) ||
	    !prompt(tty, "Again: ", again, sizeof(again), &again_n))
		code = fault(EX_DATAERR, "no password");
	else if (*n != again_n || !secret_eq(dst, again, *n))
		code = fault(EX_DATAERR, "the passwords differ");
	secret_wipe(again, sizeof(again));
	(void)fclose(tty);
	return code;
}

static int
password_get(bool from_stdin, char *dst, size_t size, size_t *n)
{
	if (!from_stdin)
		return password_ask(dst, size, n);
	/* Unbuffered: no copy stays in the memory of stdio. */
	setvbuf(stdin, NULL, _IONBF, 0);
	if (!line_read(stdin, dst, size, n))
		return fault(EX_DATAERR, "no password on standard input");
	return EX_OK;
}

/*
 * A pipe that holds the whole password: it is small enough to fit, and keyd,
 * which cannot wait, finds it complete.
 */
static int
password_fd(bool from_stdin, int *fd)
{
	char mem[PASSWORD_MAX + 1];
	int ends[2], code;
	size_t n = 0;

	*fd = -1;
	code = password_get(from_stdin, mem, sizeof(mem), &n);
	if (code == EX_OK && pipe2(ends, O_CLOEXEC) != 0)
		code = fault(EX_OSERR, strerror(errno));
	else if (code == EX_OK) {
		if (write(ends[1], mem, n) != (ssize_t)n)
			code = fault(EX_OSERR, "the password cannot be passed on");
		(void)close(ends[1]);
		*fd = ends[0];
	}
	secret_wipe(mem, sizeof(mem));
	return code;
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
		code = password_fd(from_stdin, &fd);
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
