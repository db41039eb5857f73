/* SPDX-License-Identifier: ISC */
/*
 * sendmail: what programs of the host send their mail with.  It runs as the
 * user who calls it and has no rights of its own: the message goes over the
 * socket run/submit, or into the drop directory when the suite is down.
 * Under the name mailq it shows the queue, under the name newaliases it has
 * gwmap build the tables of aliases.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/daemon/tool.h"
#include "lib/ipc/queue_proto.h"
#include "smtpd/sendmail_drop.h"
#include "smtpd/sendmail_read.h"
#include "smtpd/sendmail_submit.h"
#include "smtpd/sendmail_verify.h"

enum { LAST_ANSWER_MS = 10000 };
enum mode { MODE_SEND, MODE_VERIFY, MODE_SMTP, MODE_QUEUE, MODE_FLUSH, MODE_DROPPED,
	MODE_ALIASES };

struct call {
	enum mode		 mode;
	const char		*config_dir;
	struct sendmail_wish	 wish;
	struct buf		 rcpts;
	struct buf		 raw;
	char			 login[64];
	char			 name[256];
	struct buf		 drop_dir;
};

static int
usage(void)
{
	(void)fputs("usage: sendmail [-itv] [-C config_dir] [-F name] [-f sender] [-N notify] "
	    "[-R return]\n"
	    "                [-V envid] [-o x] [-B type] [recipient ...]\n"
	    "       sendmail -bv recipient ...\n"
	    "       sendmail -bi | -bs | -bp | -q\n", stderr);
	return EX_USAGE;
}

static int
fault(int code, const char *text)
{
	(void)fprintf(stderr, "sendmail: %s\n", text);
	return code;
}

/* ---- who calls ---- */

static void
know_user(struct call *c)
{
	const struct passwd *pw = getpwuid(getuid());
	struct slice gecos;

	if (pw == NULL || strlen(pw->pw_name) >= sizeof(c->login))
		(void)snprintf(c->login, sizeof(c->login), "uid%u", (unsigned)getuid());
	else
		(void)snprintf(c->login, sizeof(c->login), "%s", pw->pw_name);
	if (pw != NULL && pw->pw_gecos != NULL) {
		(void)slice_cut(slice_str(pw->pw_gecos), ',', &gecos);
		if (!slice_to_cstr(gecos, c->name, sizeof(c->name)))
			c->name[0] = '\0';
	}
	c->wish.login = slice_str(c->login);
	c->wish.name = slice_str(c->name);
}

/* ---- options ---- */

static bool
parse_notify(const char *arg, uint8_t *notify)
{
	static const struct {
		const char	*word;
		uint8_t		 bit;
	} words[] = {
		{ "never", QUEUE_NOTIFY_NEVER }, { "success", QUEUE_NOTIFY_SUCCESS },
		{ "failure", QUEUE_NOTIFY_FAILURE }, { "delay", QUEUE_NOTIFY_DELAY },
	};
	struct slice rest = slice_str(arg), word;

	*notify = 0;
	while (rest.n > 0) {
		size_t i = 0;

		rest = slice_cut(rest, ',', &word);
		while (i < lengthof(words) && !slice_ieq_str(slice_trim(word), words[i].word))
			i++;
		if (i == lengthof(words))
			return false;
		*notify |= words[i].bit;
	}
	return *notify != 0 && (*notify == QUEUE_NOTIFY_NEVER || !(*notify & QUEUE_NOTIFY_NEVER));
}

static bool
set_mode(struct call *c, char what)
{
	switch (what) {
	case 'm':
		c->mode = MODE_SEND;
		return true;
	case 's':
		c->mode = MODE_SMTP;
		return true;
	case 'v':
		c->mode = MODE_VERIFY;
		return true;
	case 'p':
		c->mode = MODE_QUEUE;
		return true;
	case 'i':
		c->mode = MODE_ALIASES;
		return true;
	default:
		return false;
	}
}

/* -oi and -o i are -i; the other options of old have no meaning here. */
static void
set_old_option(struct call *c, const char *arg)
{
	c->wish.ignores_dots |= arg[0] == 'i' && arg[1] == '\0';
}

static bool
set_option(struct call *c, int option, const char *arg)
{
	struct sendmail_wish *w = &c->wish;

	switch (option) {
	case 'C':
		c->config_dir = arg;
		return true;
	case 'F':
		w->name = slice_str(arg);
		return true;
	case 'f':
	case 'r':
		w->has_sender = true;
		w->sender = slice_str(arg);
		return true;
	case 'i':
		w->ignores_dots = true;
		return true;
	case 't':
		w->reads_rcpts = true;
		return true;
	case 'N':
		return parse_notify(arg, &w->notify);
	case 'R':
		w->ret = strcasecmp(arg, "full") == 0 ? 'F' : strcasecmp(arg, "hdrs") == 0 ? 'H' : 0;
		return w->ret != 0;
	case 'V':
		w->envid = slice_str(arg);
		return strlen(arg) <= 100;
	case 'b':
		return set_mode(c, arg[0]) && arg[1] == '\0';
	case 'o':
	case 'O':
		set_old_option(c, arg);
		return true;
	case 'I':
		c->mode = MODE_ALIASES;
		return true;
	case 'Z':
		c->mode = MODE_DROPPED;
		return true;
	/* Without meaning, but given by many programs. */
	case 'A': case 'B': case 'G': case 'h': case 'L': case 'm': case 'n':
	case 'U': case 'v': case 'X': case 'E': case 'x': case 'p': case 'd':
		return true;
	default:
		return false;
	}
}

/* -q alone flushes; -q10m was for a daemon that there is not. */
static bool
take_q(struct call *c, const char *arg)
{
	if (strncmp(arg, "-q", 2) != 0)
		return false;
	if (arg[2] == '\0')
		c->mode = MODE_FLUSH;
	return true;
}

static bool
parse(struct call *c, int argc, char *argv[])
{
	int option;

	/* getopt knows no option with a value that may be missing before others. */
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--") == 0)
			break;
		if (take_q(c, argv[i])) {
			for (int k = i; k + 1 < argc; k++)
				argv[k] = argv[k + 1];
			argc--;
			i--;
		}
	}
	opterr = 0;
	while ((option = getopt(argc, argv, "+A:B:C:EF:GIL:N:O:R:UV:X:Zb:d:f:h:imno:p:r:tvx")) != -1)
		if (!set_option(c, option, optarg != NULL ? optarg : ""))
			return false;
	for (; optind < argc; optind++) {
		buf_put_str(&c->rcpts, argv[optind]);
		buf_put_char(&c->rcpts, '\0');
	}
	c->wish.rcpts = buf_slice(&c->rcpts);
	return buf_err(&c->rcpts) == ERR_OK;
}

/* ---- the message ---- */

static int
read_all(struct buf *b, int fd)
{
	enum err e = sendmail_read(b, fd);

	if (e == ERR_OK)
		return EX_OK;
	return e == ERR_TOOBIG ? fault(EX_DATAERR, "message too large") :
	    fault(EX_IOERR, err_text(e));
}

static int
drop(struct call *c, struct slice raw)
{
	enum err e;

	if (tool_drop_path(c->config_dir, &c->drop_dir) != ERR_OK)
		return fault(EX_TEMPFAIL, "the mail system is down");
	e = sendmail_drop_write(buf_cstr(&c->drop_dir), &c->wish, raw);
	if (e == ERR_OK)
		return EX_OK;
	(void)fprintf(stderr, "sendmail: the mail system is down, and %s: %s\n",
	    buf_cstr(&c->drop_dir), err_text(e));
	return EX_TEMPFAIL;
}

/* What is to be tried later waits in the drop directory. */
static int
keep(struct call *c, struct slice raw, const struct buf *again)
{
	if (again->n > 0) {
		c->wish.rcpts = buf_slice(again);
		c->wish.reads_rcpts = false;
	}
	return drop(c, raw);
}

static int
send_message(struct call *c, struct slice raw, bool is_late)
{
	struct buf again;
	int fd, code;

	if (c->wish.date_s == 0)
		c->wish.date_s = clock_real_ms() / 1000;
	if (tool_connect_to(c->config_dir, "submit", &fd) != ERR_OK)
		return is_late ? EX_TEMPFAIL : drop(c, raw);
	buf_init(&again, 2u * SENDMAIL_RCPTS_BYTES);
	code = sendmail_submit(fd, &c->wish, raw, is_late, stderr, &again);
	if (code == EX_TEMPFAIL && (again.n > 0 || !is_late))
		code = keep(c, raw, &again);
	buf_fini(&again);
	(void)close(fd);
	return code;
}

static int
do_send(struct call *c)
{
	int code;

	if (c->rcpts.n == 0 && !c->wish.reads_rcpts)
		return usage();
	code = read_all(&c->raw, STDIN_FILENO);
	return code == EX_OK ? send_message(c, buf_slice(&c->raw), false) : code;
}

/* master runs this as the owner of a file of the drop directory, on fd 0. */
static int
do_dropped(struct call *c)
{
	struct sendmail_wish w;
	struct slice raw;
	enum err e;
	int code;

	c->raw.max += SENDMAIL_DROP_HEAD_MAX;
	code = read_all(&c->raw, STDIN_FILENO);
	if (code != EX_OK)
		return code;
	e = sendmail_drop_get(buf_slice(&c->raw), &w, &c->rcpts, &raw);
	if (e != ERR_OK)
		return EX_DATAERR;
	if (w.login.n == 0 || w.login.n >= sizeof(c->login))
		w.login = c->wish.login;
	c->wish = w;
	code = send_message(c, raw, true);
	/* Its sender was told. */
	return code == EX_NOUSER || code == EX_UNAVAILABLE ? EX_OK : code;
}

/* ---- the other modes ---- */

static bool
copy(int from, int to)
{
	char mem[65536];
	ssize_t n = read(from, mem, sizeof(mem)), done = 0, part;

	while (n > 0 && done < n) {
		part = write(to, mem + done, (size_t)(n - done));
		if (part < 0 && errno != EINTR)
			return false;
		done += part > 0 ? part : 0;
	}
	return n > 0 || (n < 0 && errno == EINTR);
}

/*
 * -bs: the caller speaks SMTP itself.  Behind his last command the answers are
 * still to come; without a QUIT among them smtpd waits for more, and is told.
 */
static int
do_smtp(const struct call *c)
{
	struct pollfd p[2] = { { .fd = STDIN_FILENO, .events = POLLIN }, { .events = POLLIN } };
	int fd, n, wait_ms = -1;

	if (tool_connect_to(c->config_dir, "submit", &fd) != ERR_OK) {
		(void)puts("421 4.3.2 The mail system is down\r");
		return EX_TEMPFAIL;
	}
	p[1].fd = fd;
	while ((n = poll(p, 2, wait_ms)) >= 0 || errno == EINTR) {
		if (n == 0) {
			(void)shutdown(fd, SHUT_WR);
			wait_ms = -1;
		} else if (n > 0 && p[1].revents != 0 && !copy(fd, STDOUT_FILENO)) {
			break;
		} else if (n > 0 && p[0].revents != 0 && !copy(STDIN_FILENO, fd)) {
			p[0].fd = -1;
			p[0].revents = 0;
			wait_ms = LAST_ANSWER_MS;
		}
	}
	(void)close(fd);
	return EX_OK;
}

static int
do_verify(const struct call *c)
{
	int fd, code;

	if (c->rcpts.n == 0)
		return usage();
	if (tool_connect_to(c->config_dir, "submit", &fd) != ERR_OK)
		return fault(EX_TEMPFAIL, "the mail system is down");
	code = sendmail_verify(fd, buf_slice(&c->rcpts), stdout);
	(void)close(fd);
	return code;
}

static int
do_queue(const struct call *c, const char *verb)
{
	struct buf args;
	int code;

	buf_init(&args, TOOL_ARGS_MAX);
	if (strcmp(verb, "queue.list") == 0)
		tool_arg(&args, "p");
	code = tool_run("sendmail", c->config_dir, IPC_QUEUE, verb, &args, -1);
	buf_fini(&args);
	return code;
}

/* gwmap lies beside this program. */
static int
do_aliases(const struct call *c)
{
	char path[PATH_MAX], name[] = "gwmap", aliases[] = "-A", dir[] = "-c";
	char *argv[5] = { name, aliases, NULL };
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - sizeof(name));
	size_t slash;

	if (n <= 0)
		return fault(EX_OSERR, "cannot tell where gwmap is");
	slash = slice_rfind(slice_of(path, (size_t)n), '/');
	memcpy(path + slash + 1, name, sizeof(name));
	if (c->config_dir != NULL) {
		argv[2] = dir;
		argv[3] = strdup(c->config_dir);
	}
	(void)execv(path, argv);
	(void)fprintf(stderr, "sendmail: %s: %s\n", path, strerror(errno));
	free(argv[3]);
	return EX_OSFILE;
}

static int
run(struct call *c)
{
	switch (c->mode) {
	case MODE_SEND:
		return do_send(c);
	case MODE_VERIFY:
		return do_verify(c);
	case MODE_SMTP:
		return do_smtp(c);
	case MODE_QUEUE:
		return do_queue(c, "queue.list");
	case MODE_FLUSH:
		return do_queue(c, "queue.flush");
	case MODE_DROPPED:
		return do_dropped(c);
	case MODE_ALIASES:
		return do_aliases(c);
	}
	return EX_USAGE;
}

int
main(int argc, char *argv[])
{
	struct slice name = slice_str(argc > 0 ? argv[0] : "");
	struct call c = { .mode = MODE_SEND };
	int code;

	(void)signal(SIGPIPE, SIG_IGN);
	buf_init(&c.rcpts, SENDMAIL_RCPTS_BYTES);
	buf_init(&c.raw, SENDMAIL_MESSAGE_MAX);
	buf_init(&c.drop_dir, 8192);
	know_user(&c);
	if (slice_find(name, '/') < name.n)
		name = slice_from(name, slice_rfind(name, '/') + 1);
	if (slice_eq_str(name, "mailq"))
		c.mode = MODE_QUEUE;
	else if (slice_eq_str(name, "newaliases"))
		c.mode = MODE_ALIASES;
	code = parse(&c, argc, argv) ? run(&c) : usage();
	buf_fini(&c.rcpts);
	buf_fini(&c.raw);
	buf_fini(&c.drop_dir);
	return code;
}
