/* SPDX-License-Identifier: ISC */
/*
 * Asks much of an IMAP server, so cheaply that the server is what is measured.
 *
 *	imap_load PORT plain|tls|resumed DOMAIN SCENARIO ...
 *
 *	login SESSIONS COUNT USERS	connect, LOGIN, LOGOUT, COUNT times in all
 *	run USER			commands from the standard input; for each a
 *					line: milliseconds, bytes received, its end
 *	fill USER MAILBOX COUNT BYTES FROM text|noise
 *					mail of BYTES in the mean, 50 at a time
 *	append SESSIONS COUNT BYTES USERS	one by one to INBOX, each answered
 *	mix SESSIONS COUNT PER_LOGIN USERS	a random mix; 0: one login for ever
 *	idle SESSIONS USERS BIG		IDLE; every other one as u0 on BIG, the rest
 *					on INBOX; says "ready", stays until the end
 *					of its standard input
 *
 * Session i is u<i mod USERS>@DOMAIN with the password "secret".  Prints how
 * many connections resumed a TLS session, seconds and rate.  Any answer that is
 * not OK (in mix: nor NO) ends it with status 1.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/num.h"
#include "tests/bench/load_conn.h"
#include "tests/bench/load_mail.h"

enum step { GREETING, LOGIN, SELECT, WORK, FLAGGED, LOGOUT, RESTING };
enum {
	SESSIONS_MAX = 20000,
	OPENING_MAX = 50,		/* at once */
	FILL_BATCH = 50,
	MIX_APPEND_BYTES = 4096,
};

struct scenario {
	const char	*name;
	int		 args;		/* after the name */
	void		(*setup)(char **args);
	void		(*work)(struct load_conn *c);	/* logged in, or answered */
	bool		 selects, logs_out, with_stdin, may_no;
};

static const struct scenario	*sc;
static const char		*domain, *big, *mailbox;
static struct load_conn		*conns;
static int			 sessions = 1, opened, users = 1, only_user = -1;
static uint32_t			 left, total, started, finished, per_login, serial, ready;
static size_t			 bytes;
static enum load_kind		 kind;
static char			*message;
static bool			 is_done;
static double			 asked_at;

static uint32_t
number(const char *text, uint32_t max)
{
	uint32_t v;

	if (num_parse_u32(slice_str(text), max, &v) != ERR_OK)
		load_die("number", text);
	return v;
}

static void
say(struct load_conn *c, const char *text)
{
	load_say(c, text, strlen(text));
}

static int
user_of(const struct load_conn *c)
{
	if (big != NULL && c->idx % 2 == 0)
		return 0;
	return only_user >= 0 ? only_user : c->idx % users;
}

static void
say_login(struct load_conn *c)
{
	char line[300];

	(void)snprintf(line, sizeof(line), "x LOGIN u%d@%s secret\r\n", user_of(c), domain);
	c->step = LOGIN;
	say(c, line);
}

static void
start_session(struct load_conn *c)
{
	started++;
	c->step = GREETING;
	load_open(c);
}

static void
open_next(void)
{
	if (opened < sessions) {
		conns[opened].idx = opened;
		start_session(&conns[opened++]);
	}
}

/* One of the total is done; true: that was all. */
static bool
count_one(void)
{
	is_done = ++finished >= total;
	return is_done;
}

/* ---- login ---- */

static void
setup_login(char **args)
{
	sessions = (int)number(args[0], SESSIONS_MAX);
	total = number(args[1], 10000000);
	users = (int)number(args[2], 100000);
}

static void
work_login(struct load_conn *c)
{
	c->step = LOGOUT;
	say(c, "x LOGOUT\r\n");
}

/* ---- run ---- */

static void
setup_run(char **args)
{
	only_user = (int)number(args[0], 100000);
}

static void
work_run(struct load_conn *c)
{
	char text[8192], line[sizeof(text) + 4];

	if (c->step == LOGIN) {
		printf("ready\n");
		(void)fflush(stdout);
	}
	c->step = WORK;
	if (fgets(text, (int)sizeof(text), stdin) == NULL) {
		is_done = true;
		return;
	}
	/* In one write, as clients do it: not a packet and a record for each piece. */
	(void)snprintf(line, sizeof(line), "x %.*s\r\n", (int)strcspn(text, "\n"), text);
	c->received = 0;
	asked_at = load_now();
	say(c, line);
}

static void
told_run(const struct load_conn *c, const char *line)
{
	if (c->step != WORK)
		return;
	printf("%.3f %llu %s\n", (load_now() - asked_at) * 1000,
	    (unsigned long long)c->received, line + 2);
	(void)fflush(stdout);
}

/* ---- fill, append ---- */

static void
setup_fill(char **args)
{
	only_user = (int)number(args[0], 100000);
	mailbox = args[1];
	left = number(args[2], 10000000);
	total = (left + FILL_BATCH - 1) / FILL_BATCH;
	bytes = number(args[3], 1 << 20);
	serial = number(args[4], 1u << 30);
	kind = strcmp(args[5], "noise") == 0 ? LOAD_NOISE : LOAD_TEXT;
}

static void
say_message(struct load_conn *c, size_t size)
{
	char line[64];
	size_t n = load_mail(message, serial++, size, kind);

	(void)snprintf(line, sizeof(line), " {%zu+}\r\n", n);
	say(c, line);
	load_say(c, message, n);
}

/* One message to INBOX, in one write as other commands. */
static void
say_append(struct load_conn *c)
{
	static char *command;
	static size_t room;
	size_t n, mail;

	if (room == 0) {
		room = 2 * bytes + LOAD_HEAD_BYTES_MAX + 64;
		if ((command = malloc(room)) == NULL)
			load_die("memory", "command");
	}
	mail = load_mail(message, serial++, bytes, kind);
	n = (size_t)snprintf(command, 64, "x APPEND INBOX {%zu+}\r\n", mail);
	memcpy(command + n, message, mail);
	memcpy(command + n + mail, "\r\n", 2);
	load_say(c, command, n + mail + 2);
}

static void
work_fill(struct load_conn *c)
{
	if (c->step == WORK && count_one())
		return;
	c->step = WORK;
	say(c, "x APPEND ");
	say(c, mailbox);
	for (int i = 0; i < FILL_BATCH && left > 0; i++, left--)
		say_message(c, load_mail_size(serial, bytes));
	say(c, "\r\n");
}

static void
setup_append(char **args)
{
	sessions = (int)number(args[0], SESSIONS_MAX);
	total = left = number(args[1], 10000000);
	bytes = number(args[2], 1 << 20);
	users = (int)number(args[3], 100000);
	serial = 1u << 28;
}

static void
work_append(struct load_conn *c)
{
	if ((c->step == WORK && count_one()) || left == 0)
		return;
	left--;
	c->step = WORK;
	say_append(c);
}

/* ---- mix ---- */

static void
setup_mix(char **args)
{
	sessions = (int)number(args[0], SESSIONS_MAX);
	total = number(args[1], 10000000);
	per_login = number(args[2], 1000000);
	users = (int)number(args[3], 100000);
	bytes = MIX_APPEND_BYTES;
	serial = 1u << 29;
}

/* %u: a message, %u:%u: up to 20 of them. */
static const struct { unsigned share; const char *text; } mixed[] = {
	{ 20, "x FETCH %u:%u (UID FLAGS)\r\n" },
	{ 12, "x FETCH %u:%u (UID ENVELOPE INTERNALDATE RFC822.SIZE)\r\n" },
	{ 12, "x FETCH %u (BODY.PEEK[HEADER])\r\n" },
	{ 12, "x FETCH %u (BODYSTRUCTURE BODY.PEEK[])\r\n" },
	{ 8, "x STORE %u +FLAGS (\\Seen)\r\n" },
	{ 4, "x STORE %u -FLAGS (\\Seen)\r\n" },
	{ 2, "x STORE %u +FLAGS (\\Deleted)\r\n" },
	{ 1, "x EXPUNGE\r\n" },
	{ 8, "x NOOP\r\n" },
	{ 6, "x STATUS INBOX (MESSAGES UNSEEN UIDNEXT)\r\n" },
	{ 4, "x SEARCH UNSEEN\r\n" },
	{ 3, "x SEARCH SUBJECT qua\r\n" },
	{ 3, "x LIST \"\" *\r\n" },
	{ 2, "x SELECT INBOX\r\n" },
};
enum { MIX_APPEND_SHARE = 3 };

/* NULL: an APPEND */
static const char *
mix_pick(uint32_t draw)
{
	unsigned all = MIX_APPEND_SHARE;

	for (size_t i = 0; i < sizeof(mixed) / sizeof(mixed[0]); i++)
		all += mixed[i].share;
	draw %= all;
	for (size_t i = 0; i < sizeof(mixed) / sizeof(mixed[0]); i++) {
		if (draw < mixed[i].share)
			return mixed[i].text;
		draw -= mixed[i].share;
	}
	return NULL;
}

static void
say_mixed(struct load_conn *c)
{
	static uint32_t draws;
	const char *text = mix_pick(load_mix(draws += 2)), *arg;
	uint32_t from = 1, to;
	char line[200];

	if (text == NULL || (c->exists == 0 && strchr(text, '%') != NULL)) {
		say_append(c);
		return;
	}
	if (c->exists > 0)
		from = 1 + load_mix(draws + 1) % c->exists;
	to = from + 19 < c->exists ? from + 19 : c->exists;
	arg = strchr(text, '%');
	if (arg == NULL)
		(void)snprintf(line, sizeof(line), "%s", text);
	else if (strncmp(arg, "%u:%u", 5) == 0)
		(void)snprintf(line, sizeof(line), "%.*s%u:%u%s", (int)(arg - text), text,
		    from, to, arg + 5);
	else
		(void)snprintf(line, sizeof(line), "%.*s%u%s", (int)(arg - text), text,
		    from, arg + 2);
	say(c, line);
}

static void
work_mix(struct load_conn *c)
{
	if (c->step == WORK && count_one())
		return;
	if (c->step != WORK)
		c->left = per_login;
	c->step = WORK;
	if (per_login > 0 && c->left-- == 0) {
		c->step = LOGOUT;
		say(c, "x LOGOUT\r\n");
		return;
	}
	say_mixed(c);
}

/* ---- idle ---- */

static void
setup_idle(char **args)
{
	sessions = (int)number(args[0], SESSIONS_MAX);
	users = (int)number(args[1], 100000);
	big = args[2];
}

static void
work_idle(struct load_conn *c)
{
	c->step = RESTING;
	say(c, "x IDLE\r\n");
}

static const struct scenario scenarios[] = {
	{ .name = "login", .args = 3, .setup = setup_login, .work = work_login,
	  .logs_out = true },
	{ .name = "run", .args = 1, .setup = setup_run, .work = work_run, .may_no = true },
	{ .name = "fill", .args = 6, .setup = setup_fill, .work = work_fill },
	{ .name = "append", .args = 4, .setup = setup_append, .work = work_append },
	{ .name = "mix", .args = 4, .setup = setup_mix, .work = work_mix, .selects = true,
	  .logs_out = true, .may_no = true },
	{ .name = "idle", .args = 3, .setup = setup_idle, .work = work_idle,
	  .selects = true, .with_stdin = true },
};

/* ---- what all have in common ---- */

static void
say_select(struct load_conn *c)
{
	char line[300];

	(void)snprintf(line, sizeof(line), "x SELECT %s\r\n",
	    big != NULL && c->idx % 2 == 0 ? big : "INBOX");
	c->step = SELECT;
	say(c, line);
}

static void
on_untagged(struct load_conn *c, const char *line)
{
	unsigned n;
	char word[12];

	if (sscanf(line, "* %u %11s", &n, word) != 2)
		return;
	if (strcmp(word, "EXISTS") == 0)
		c->exists = n;
	else if (strcmp(word, "EXPUNGE") == 0 && c->exists > 0)
		c->exists--;
}

static void
on_tagged(struct load_conn *c, const char *line)
{
	bool is_ok = strncmp(line, "x OK", 4) == 0;

	if (!is_ok && !(sc->may_no && c->step == WORK && strncmp(line, "x NO", 4) == 0))
		load_die("answer", line);
	if (sc->work == work_run)
		told_run(c, line);
	if (c->step == LOGOUT) {
		load_close(c);
		if (sc->work == work_login && (count_one() || started >= total))
			return;
		start_session(c);
	} else if (c->step == LOGIN && sc->selects) {
		say_select(c);
	} else {
		if (c->step == LOGIN || c->step == SELECT)
			open_next();
		sc->work(c);
	}
}

static void
on_line(struct load_conn *c, const char *line, size_t n)
{
	if (c->step == GREETING && strncmp(line, "* ", 2) == 0)
		say_login(c);
	else if (n > 2 && memcmp(line, "x ", 2) == 0)
		on_tagged(c, line);
	else if (sc->selects && line[0] == '*')
		on_untagged(c, line);
	else if (c->step == RESTING && line[0] == '+' && ++ready == (uint32_t)sessions) {
		printf("ready\n");
		(void)fflush(stdout);
	}
}

static const struct scenario *
find_scenario(const char *name, int args)
{
	for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++)
		if (strcmp(scenarios[i].name, name) == 0 && scenarios[i].args == args)
			return &scenarios[i];
	load_die("usage", "imap_load PORT plain|tls|resumed DOMAIN SCENARIO ...");
}

static enum load_wire
wire_of(const char *name)
{
	return strcmp(name, "tls") == 0 ? LOAD_TLS :
	    strcmp(name, "resumed") == 0 ? LOAD_RESUMED : LOAD_PLAIN;
}

int
main(int argc, char *argv[])
{
	double start;

	sc = argc < 5 ? find_scenario("", 0) : find_scenario(argv[4], argc - 5);
	domain = argv[3];
	sc->setup(argv + 5);
	message = malloc(2 * bytes + LOAD_HEAD_BYTES_MAX);
	conns = calloc((size_t)sessions, sizeof(*conns));
	if (conns == NULL || message == NULL || users == 0)
		load_die("memory", "sessions");
	load_init((int)number(argv[1], 65535), wire_of(argv[2]), on_line);
	start = load_now();
	for (int i = 0; i < OPENING_MAX; i++)
		open_next();
	load_run(&is_done, sc->with_stdin);
	if (total > 0)
		printf("%u %.3f %.0f\n", load_resumed(), load_now() - start,
		    (double)total / (load_now() - start));
	free(message);
	free(conns);
	return 0;
}
