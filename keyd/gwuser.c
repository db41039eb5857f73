/* SPDX-License-Identifier: ISC */
/*
 * gwuser: accounts and aliases of a running suite.  It knows nothing of them:
 * it takes a password from a person or a pipe, hands everything to keyd over
 * the control socket and prints the answer.  Who may use whose mailboxes is the
 * store's matter, which knows accounts by the number that keyd gives them.
 * Mail is moved by another program (gwuser_mail.c).
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "keyd/gwuser_mail.h"
#include "keyd/password_pipe.h"
#include "lib/base/cc.h"
#include "lib/daemon/tool.h"

/*
 * PASSWORD_IF: keyd says when it needs one, then --password or -stdin is given.
 * OF_STORE: its first argument is an account there.
 */
enum { PASSWORD_IF = 16, OF_STORE = 32, KEY_FILE_MAX = 900 };

static const struct command {
	const char	*name;
	const char	*sub;		/* second word, or NULL */
	const char	*verb;
	int		 least, most;	/* arguments */
	unsigned	 asks;		/* enum password_ask, and what stands above */
} commands[] = {
	{ "add",      NULL,   "user.add",      1, 1,   ASK_NEW },
	{ "del",      NULL,   "user.del",      1, 1,   0 },
	{ "list",     NULL,   "user.list",     0, 0,   0 },
	{ "passwd",   NULL,   "user.passwd",   1, 1,   ASK_NEW },
	{ "disable",  NULL,   "user.disable",  1, 1,   0 },
	{ "enable",   NULL,   "user.enable",   1, 1,   0 },
	{ "sealing",  NULL,   "user.sealing",  2, 2,   ASK_PRESENT | PASSWORD_IF },
	{ "key",      "new",  "user.renew",    1, 1,   ASK_PRESENT | PASSWORD_IF },
	{ "key",      NULL,   "user.key",      1, 1,   0 },
	{ "recovery", NULL,   "user.recovery", 1, 1,   ASK_PRESENT },
	{ "recover",  NULL,   "user.recover",  1, 1,   ASK_PRESENT | ASK_CODE },
	{ "app",      "add",  "app.add",       2, 2,   ASK_PRESENT | PASSWORD_IF },
	{ "app",      "del",  "app.del",       2, 2,   0 },
	{ "app",      "list", "app.list",      1, 1,   0 },
	{ "cert",     "add",  "cert.add",      2, 3,   0 },
	{ "cert",     "del",  "cert.del",      2, 2,   0 },
	{ "cert",     "list", "cert.list",     1, 1,   0 },
	{ "quota",    NULL,   "user.quota",    1, 2,   0 },
	{ "alias",    "add",  "alias.add",     2, 101, 0 },
	{ "alias",    "del",  "alias.del",     1, 101, 0 },
	{ "alias",    "list", "alias.list",    0, 0,   0 },
	{ "acl",      "list", "acl.list",      2, 2,   OF_STORE },
	{ "acl",      "set",  "acl.set",       4, 4,   OF_STORE },
	{ "acl",      "del",  "acl.del",       3, 3,   OF_STORE },
};

/* What stands on the command line beside the words. */
struct flags {
	bool		 from_stdin;
	bool		 password;	/* ask for it */
	const char	*form;		/* of passwd: "old", "reset" or NULL */
	const char	*sealing;	/* of add: the mode, or NULL */
	const char	*key_file;	/* of add and sealing: or NULL */
	struct gwuser_mail mail;	/* options of export and import */
};

static int
usage(void)
{
	(void)fputs("usage: gwuser [-c config_dir] command\n"
	    "  add USER [--sealing MODE] [--key FILE]\n"
	    "                                  make an account\n"
	    "  del USER                        delete it with all its mail\n"
	    "  list                            all accounts\n"
	    "  passwd USER [--old | --reset]   new password; ends its sessions\n"
	    "  disable USER                    no login, mail is still taken\n"
	    "  enable USER\n"
	    "  sealing USER MODE [--password] [--key FILE]\n"
	    "                                  who can open its mail: escrow, password, client,\n"
	    "                                  server\n"
	    "  key USER                        its public keys, the present one first\n"
	    "  key new USER [--password]       a new key pair for mail from now on\n"
	    "  recovery USER                   a new recovery code\n"
	    "  recover USER                    open earlier mail with a recovery code\n"
	    "  app add USER NAME [--password]  a password for one program\n"
	    "  app del USER NAME\n"
	    "  app list USER\n"
	    "  cert add USER FINGERPRINT [NAME]\n"
	    "                                  who shows this certificate logs in\n"
	    "  cert del USER FINGERPRINT\n"
	    "  cert list USER\n"
	    "  quota USER [SIZE]               how much mail it may have; 0: as its domain says\n"
	    "  alias add ADDRESS TARGET ...\n"
	    "  alias del ADDRESS [TARGET ...]\n"
	    "  alias list\n"
	    "  acl list USER MAILBOX           who may do what in it\n"
	    "  acl set USER MAILBOX WHO RIGHTS\n"
	    "  acl del USER MAILBOX WHO\n"
	    "  export USER DIR [--format maildir | mbox] [-n] [--password]\n"
	    "  import USER PATH | imaps://[LOGIN@]HOST[:PORT] [--into FOLDER] [--new-uids]\n"
	    "         [--user LOGIN] [--ca FILE] [--skip-large] [-n] [--password]\n"
	    "passwords are asked for, or with --password-stdin read, a line each\n", stderr);
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

static unsigned
asks_of(const struct command *c, const struct flags *f)
{
	unsigned asks = c->asks & ~(unsigned)(PASSWORD_IF | OF_STORE);

	if ((c->asks & PASSWORD_IF) && !f->from_stdin && !f->password)
		return 0;
	return f->form != NULL && strcmp(f->form, "old") == 0 ? asks | ASK_PRESENT : asks;
}

static bool
flags_fit(const struct command *c, const struct flags *f)
{
	if (f->mail.option_count > 0 ||
	    (f->form != NULL && strcmp(c->name, "passwd") != 0))
		return false;
	if (f->password && (c->asks & PASSWORD_IF) == 0)
		return false;
	if (f->sealing != NULL && strcmp(c->verb, "user.add") != 0)
		return false;
	if (f->key_file != NULL && strcmp(c->verb, "user.add") != 0 &&
	    strcmp(c->verb, "user.sealing") != 0)
		return false;
	return !f->from_stdin || (c->asks & ~(unsigned)OF_STORE) != 0;
}

/* The public key that a file holds, as keyd reads it; an exit code. */
static int
arg_key(struct buf *args, const char *path)
{
	char text[KEY_FILE_MAX + 1];
	FILE *f = fopen(path, "re");
	size_t n;

	if (f == NULL) {
		(void)fprintf(stderr, "gwuser: %s: %s\n", path, strerror(errno));
		return EX_NOINPUT;
	}
	n = fread(text, 1, sizeof(text), f);
	(void)fclose(f);
	if (n == sizeof(text) || memchr(text, '\0', n) != NULL) {
		(void)fprintf(stderr, "gwuser: %s: not a public key\n", path);
		return EX_DATAERR;
	}
	text[n] = '\0';
	tool_arg(args, text);
	return EX_OK;
}

/* What flags add to the words. */
static int
arg_flags(struct buf *args, const struct command *c, const struct flags *f)
{
	if (f->form != NULL)
		tool_arg(args, f->form);
	if (f->sealing != NULL)
		tool_arg(args, f->sealing);
	if (f->key_file == NULL)
		return EX_OK;
	/* Only client has a key. */
	if (f->sealing == NULL && strcmp(c->verb, "user.add") == 0)
		tool_arg(args, "client");
	return arg_key(args, f->key_file);
}

static void
on_number(void *arg, struct slice text, uint8_t code, bool more)
{
	struct buf *args = arg;

	(void)more;
	if (code != EX_OK) {
		(void)fprintf(stderr, "gwuser: %.*s\n", SLICE_FMT(slice_trim(text)));
		return;
	}
	buf_put_slice(args, slice_trim(text));
	buf_put_char(args, '\0');
}

/* The account's number in place of its user; an exit code. */
static int
arg_account(struct buf *args, const char *config_dir, const char *user)
{
	struct buf ask;
	int code;

	buf_init(&ask, TOOL_ARGS_MAX);
	tool_arg(&ask, user);
	code = tool_ask("gwuser", config_dir, IPC_KEYD, "user.account", &ask, -1, on_number, args);
	buf_fini(&ask);
	return code;
}

static int
run(const struct command *c, const char *config_dir, char *argv[], int argc,
    const struct flags *f)
{
	enum ipc_role owner = c->asks & OF_STORE ? IPC_STORE : IPC_KEYD;
	int fd = -1, code = EX_OK, i = 0;
	struct buf args;
	unsigned asks;

	if (argc < c->least || argc > c->most || !flags_fit(c, f))
		return usage();
	buf_init(&args, TOOL_ARGS_MAX);
	if (owner == IPC_STORE)
		code = arg_account(&args, config_dir, argv[i++]);
	for (; i < argc; i++)
		tool_arg(&args, argv[i]);
	if (code == EX_OK)
		code = arg_flags(&args, c, f);
	asks = asks_of(c, f);
	if (code == EX_OK && asks != 0)
		code = password_pipe("gwuser", asks, f->from_stdin, &fd);
	if (code == EX_OK)
		code = tool_run("gwuser", config_dir, owner, c->verb, &args, fd);
	if (fd >= 0)
		(void)close(fd);
	buf_fini(&args);
	return code;
}

/* export and import; false: it is another command, or one of them used wrongly. */
static bool
is_mail(int argc, char *argv[], const struct flags *f)
{
	bool is_import = argc > 0 && strcmp(argv[0], "import") == 0;

	if (argc != 3 || f->form != NULL || f->sealing != NULL || f->key_file != NULL ||
	    (!is_import && strcmp(argv[0], "export") != 0))
		return false;
	/* A password to be read must be wanted by somebody. */
	return !f->from_stdin || f->password || (is_import && strstr(argv[2], "://") != NULL);
}

static int
run_mail(const char *config_dir, char *argv[], struct flags *f)
{
	f->mail.config_dir = config_dir;
	f->mail.verb = argv[0];
	f->mail.user = argv[1];
	f->mail.where = argv[2];
	f->mail.password = f->password;
	f->mail.from_stdin = f->from_stdin;
	return gwuser_mail(&f->mail);
}

/* For transfer, as it was given. */
static bool
keep_option(struct flags *f, const char *name)
{
	char *text;
	size_t n = strlen(name) + 4 + (optarg != NULL ? strlen(optarg) : 0);

	if (f->mail.option_count == GWUSER_MAIL_OPTIONS_MAX || (text = malloc(n)) == NULL)
		return false;
	(void)snprintf(text, n, optarg != NULL ? "--%s=%s" : "--%s", name, optarg);
	f->mail.options[f->mail.option_count++] = text;
	return true;
}

enum { KEPT = 256 };

static int
serve(int argc, char *argv[], struct flags *f)
{
	static const struct option options[] = {
		{ "dry-run", no_argument, NULL, KEPT },
		{ "format", required_argument, NULL, KEPT },
		{ "ca", required_argument, NULL, KEPT },
		{ "user", required_argument, NULL, KEPT },
		{ "into", required_argument, NULL, KEPT },
		{ "new-uids", no_argument, NULL, KEPT },
		{ "skip-large", no_argument, NULL, KEPT },
		{ "password-stdin", no_argument, NULL, 'p' },
		{ "password", no_argument, NULL, 'P' },
		{ "old", no_argument, NULL, 'o' },
		{ "reset", no_argument, NULL, 'r' },
		{ "sealing", required_argument, NULL, 's' },
		{ "key", required_argument, NULL, 'k' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 }
	};
	const char *config_dir = NULL;
	const struct command *c;
	int opt, at = 0, used = 0;

	/* Options may stand behind the command: getopt_long sorts them out. */
	while ((opt = getopt_long(argc, argv, "c:n", options, &at)) != -1) {
		switch (opt) {
		case KEPT:
			if (!keep_option(f, options[at].name))
				return usage();
			break;
		case 'n':
			if (!keep_option(f, "dry-run"))
				return usage();
			break;
		case 'c':
			config_dir = optarg;
			break;
		case 'p':
			f->from_stdin = true;
			break;
		case 'P':
			f->password = true;
			break;
		case 'o':
			f->form = "old";
			break;
		case 'r':
			f->form = "reset";
			break;
		case 's':
			f->sealing = optarg;
			break;
		case 'k':
			f->key_file = optarg;
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
	if (is_mail(argc, argv, f))
		return run_mail(config_dir, argv, f);
	c = command_find(argc, argv, &used);
	if (c == NULL)
		return usage();
	return run(c, config_dir, argv + used, argc - used, f);
}

int
main(int argc, char *argv[])
{
	struct flags f = { .form = NULL };
	int code;

	(void)signal(SIGPIPE, SIG_IGN);
	code = serve(argc, argv, &f);
	while (f.mail.option_count > 0)
		free(f.mail.options[--f.mail.option_count]);
	return code;
}
