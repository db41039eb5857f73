/* SPDX-License-Identifier: ISC */
/*
 * gwcmtp: a client of CMTP.  It asks servers for keys, remembers them, says so
 * when one is another than it was, and sends mail that only its recipient
 * opens; it keeps the keys of its user's device under a password, and reads
 * the mail that was sealed to them.  Nothing of it needs a privilege, nor this
 * host's Godwit.  Each command is in a file of its own (gwcmtp_tool.h).
 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "cmtpd/gwcmtp_tool.h"
#include "lib/base/num.h"
#include "lib/sys/jail.h"

enum { PATH_BYTES = 4096, NEWEST = 20, NEWEST_MAX = 100000 };

static const struct command {
	const char	*name;
	int		 least, most;	/* words, with the name */
	int		(*run)(struct gwcmtp *, int argc, char *argv[]);
	bool		 has_2;		/* takes -2 */
} commands[] = {
	{ "key", 2, 2, gwcmtp_key, true },
	{ "send", 2, 2, gwcmtp_send, true },
	{ "list", 1, 1, gwcmtp_list, true },
	{ "keygen", 2, 2, gwcmtp_keygen, false },
	{ "passwd", 2, 2, gwcmtp_passwd, false },
	{ "public", 2, 2, gwcmtp_public, false },
	{ "register", 2, 2, gwcmtp_register, true },
	{ "login", 2, 2, gwcmtp_login, true },
	{ "read", 2, 3, gwcmtp_read, false },
};

int
gwcmtp_tool_usage(void)
{
	(void)fputs("usage: gwcmtp [-2] [-d dir] [-s server] [--ca file] [--accept] key USER@DOMAIN\n"
	    "       gwcmtp [-d dir] [-s server] [--accept] -f FROM [-S subject] [-a file ...] "
	    "send USER@DOMAIN\n"
	    "       gwcmtp -2 [-d dir] -s submissions://host[:port] [-u login] [--ca file] "
	    "[--accept]\n"
	    "           -f FROM [-S subject] [-a file ...] [--password-stdin] send USER@DOMAIN\n"
	    "       gwcmtp [-2] [-d dir] list\n"
	    "       gwcmtp [-d dir] [--password-stdin] [--next] [--import file] "
	    "keygen USER@DOMAIN\n"
	    "       gwcmtp [-d dir] [--password-stdin] passwd USER@DOMAIN\n"
	    "       gwcmtp [-d dir] public USER@DOMAIN\n"
	    "       gwcmtp [-d dir] [-s server] [--ca file] [--accept] [--password-stdin]\n"
	    "           register | login USER@DOMAIN\n"
	    "       gwcmtp [-d dir] -s imaps://host[:port] [-u login] [--ca file] [--accept]\n"
	    "           [-m mailbox] [-n count] [-o dir] [--raw] [--password-stdin] "
	    "read USER@DOMAIN [UID]\n", stderr);
	return EX_USAGE;
}

static int
run(struct gwcmtp *g, const struct command *c, int argc, char *argv[])
{
	enum err e = gwcmtp_pins_load(&g->pins, g->dir);
	int code;

	if (e != ERR_OK) {
		gwcmtp_pins_fini(&g->pins);
		return gwcmtp_tool_fault(EX_CONFIG, g->dir, err_text(e));
	}
	gwcmtp_net_init(&g->net);
	code = c->run(g, argc, argv);
	gwcmtp_net_fini(&g->net);
	gwcmtp_pins_fini(&g->pins);
	if (fflush(stdout) != 0 && code == EX_OK)
		code = gwcmtp_tool_fault(EX_IOERR, "standard output", "it cannot be written");
	return code;
}

static int
find(struct gwcmtp *g, int argc, char *argv[])
{
	for (size_t i = 0; i < lengthof(commands) && argc > 0; i++)
		if (strcmp(argv[0], commands[i].name) == 0)
			return argc < commands[i].least || argc > commands[i].most ||
			    (g->is_2 && !commands[i].has_2) ?
			    gwcmtp_tool_usage() : run(g, &commands[i], argc, argv);
	return gwcmtp_tool_usage();
}

/* ---- options ---- */

enum { OPT_ACCEPT = 256, OPT_HELP, OPT_VERSION, OPT_STDIN, OPT_RAW, OPT_NEXT, OPT_IMPORT, OPT_CA };

static const struct option options[] = {
	{ "accept", no_argument, NULL, OPT_ACCEPT }, { "help", no_argument, NULL, OPT_HELP },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ "password-stdin", no_argument, NULL, OPT_STDIN }, { "raw", no_argument, NULL, OPT_RAW },
	{ "next", no_argument, NULL, OPT_NEXT }, { "import", required_argument, NULL, OPT_IMPORT },
	{ "ca", required_argument, NULL, OPT_CA }, { NULL, 0, NULL, 0 }
};

/* Those that are a word, or nothing but themselves. */
static bool
take_simple(struct gwcmtp *g, int opt)
{
	const struct {
		int		  opt;
		const char	**word;
		bool		 *flag;
	} map[] = {
		{ 'd', &g->dir, NULL }, { 's', &g->server, NULL }, { 'f', &g->from, NULL },
		{ 'S', &g->subject, NULL }, { 'u', &g->login, NULL }, { 'm', &g->mailbox, NULL },
		{ 'o', &g->into, NULL }, { OPT_IMPORT, &g->import, NULL }, { OPT_CA, &g->ca, NULL },
		{ '2', NULL, &g->is_2 }, { OPT_ACCEPT, NULL, &g->accepts },
		{ OPT_STDIN, NULL, &g->from_stdin },
		{ OPT_RAW, NULL, &g->raw }, { OPT_NEXT, NULL, &g->next },
	};

	for (size_t i = 0; i < lengthof(map); i++) {
		if (map[i].opt != opt)
			continue;
		if (map[i].word != NULL)
			*map[i].word = optarg;
		else
			*map[i].flag = true;
		return true;
	}
	return false;
}

/* EX_OK, or what to exit with; is_done: with this code though it is no fault. */
static int
take_option(struct gwcmtp *g, int opt, bool *is_done)
{
	uint32_t n;

	if (take_simple(g, opt))
		return EX_OK;
	if (opt == 'a') {
		if (g->file_count == GWCMTP_ATTACHMENTS_MAX)
			return gwcmtp_tool_fault(EX_USAGE, optarg, "too many files");
		g->files[g->file_count++] = optarg;
		return EX_OK;
	}
	if (opt == 'n') {
		if (num_parse_u32(slice_str(optarg), NEWEST_MAX, &n) != ERR_OK || n == 0)
			return gwcmtp_tool_usage();
		g->newest = n;
		return EX_OK;
	}
	if (opt == OPT_VERSION) {
		(void)puts("gwcmtp " GODWIT_VERSION);
		*is_done = true;
		return EX_OK;
	}
	return gwcmtp_tool_usage();
}

/* Keys are in the memory of this process: neither core files nor debuggers. */
static enum err
close_up(void)
{
	enum err e = jail_limits();

#ifndef GODWIT_SAN
	if (e == ERR_OK)
		e = jail_not_dumpable();
#endif
	return e;
}

int
main(int argc, char *argv[])
{
	static struct gwcmtp g = { .subject = "", .mailbox = "INBOX", .newest = NEWEST };
	static char dir[PATH_BYTES];
	const char *home = getenv("HOME");
	bool is_done = false;
	int opt, code;

	(void)signal(SIGPIPE, SIG_IGN);
	while ((opt = getopt_long(argc, argv, "2d:s:f:S:a:u:m:n:o:", options, NULL)) != -1)
		if ((code = take_option(&g, opt, &is_done)) != EX_OK || is_done)
			return code;
	if (g.dir == NULL) {
		(void)snprintf(dir, sizeof(dir), "%s/.gwcmtp", home != NULL ? home : ".");
		g.dir = dir;
	}
	if (close_up() != ERR_OK)
		return gwcmtp_tool_fault(EX_OSERR, "core files", "they cannot be switched off");
	cry_init();
	return find(&g, argc - optind, argv + optind);
}
