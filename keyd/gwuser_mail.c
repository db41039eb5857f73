/* SPDX-License-Identifier: ISC */
#include "keyd/gwuser_mail.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include "keyd/password_pipe.h"
#include "lib/base/slice.h"
#include "lib/daemon/tool.h"

enum { SESSION_FD = 3, SECRETS_FD = 4, SECRETS_MAX = 4000, ARGS_FIXED = 6 };

static int
fault(int code, const char *what)
{
	(void)fprintf(stderr, "gwuser: %s: %s\n", what, strerror(errno));
	return code;
}

static bool
is_url(const char *where)
{
	return strstr(where, "://") != NULL;
}

/* ---- from the daemons */

struct told {
	struct buf	*text;
};

static void
on_text(void *arg, struct slice text, uint8_t code, bool more)
{
	const struct told *t = arg;

	(void)more;
	if (code == EX_OK)
		buf_put_slice(t->text, text);
	else
		(void)fprintf(stderr, "gwuser: %.*s\n", SLICE_FMT(slice_trim(text)));
}

/* The address and a ticket, a line each. */
static int
visit(const struct gwuser_mail *m, struct buf *secrets)
{
	struct told t = { secrets };
	struct buf args;
	int code;

	buf_init(&args, TOOL_ARGS_MAX);
	tool_arg(&args, m->user);
	code = tool_ask("gwuser", m->config_dir, IPC_KEYD, "user.visit", &args, -1, on_text, &t);
	buf_fini(&args);
	if (code == EX_OK && secrets->n > 0 && buf_data(secrets)[secrets->n - 1] != '\n')
		buf_put_char(secrets, '\n');
	return code;
}

static int
open_session(const struct gwuser_mail *m, int *ours)
{
	struct buf args, text;
	struct told t = { &text };
	int ends[2], code;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
		return fault(EX_OSERR, "socketpair");
	buf_init(&args, TOOL_ARGS_MAX);
	buf_init(&text, TOOL_ARGS_MAX);
	code = tool_ask("gwuser", m->config_dir, IPC_IMAPD, "imap.session", &args, ends[1],
	    on_text, &t);
	buf_fini(&text);
	buf_fini(&args);
	(void)close(ends[1]);
	if (code != EX_OK)
		(void)close(ends[0]);
	*ours = ends[0];
	return code;
}

/* ---- passwords */

static int
read_all(int fd, struct buf *b)
{
	ssize_t n;
	char *at;

	while ((at = buf_reserve(b, 256)) != NULL) {
		n = read(fd, at, 256);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		buf_commit(b, (size_t)n);
	}
	(void)close(fd);
	return buf_err(b) == ERR_OK ? EX_OK : EX_DATAERR;
}

/* Login and password here, then the one of the other server, a line each. */
static int
gather(const struct gwuser_mail *m, struct buf *secrets)
{
	unsigned asks = (m->password ? ASK_PRESENT : 0u) | (is_url(m->where) ? ASK_THERE : 0u);
	struct buf typed;
	int fd, code = EX_OK;

	buf_init(&typed, SECRETS_MAX);
	typed.secret = true;
	if (asks != 0)
		code = password_pipe("gwuser", asks, m->from_stdin, &fd);
	if (asks != 0 && code == EX_OK)
		code = read_all(fd, &typed);
	if (m->password) {
		buf_put_str(secrets, m->user);
		buf_put_char(secrets, '\n');
	} else if (code == EX_OK) {
		code = visit(m, secrets);
	}
	buf_put_slice(secrets, buf_slice(&typed));
	buf_fini(&typed);
	return code == EX_OK && buf_err(secrets) != ERR_OK ? EX_DATAERR : code;
}

static int
secrets_pipe(const struct buf *secrets, int *fd)
{
	int ends[2];

	if (pipe(ends) != 0)
		return fault(EX_OSERR, "pipe");
	/* It fits into any pipe. */
	if (write(ends[1], buf_data(secrets), secrets->n) != (ssize_t)secrets->n) {
		(void)close(ends[0]);
		(void)close(ends[1]);
		return fault(EX_OSERR, "pipe");
	}
	(void)close(ends[1]);
	*fd = ends[0];
	return EX_OK;
}

/* ---- transfer */

/* In a build tree it lies beside us, else with the daemons. */
static void
find_program(char path[PATH_MAX])
{
	ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - 1);
	char *slash;

	if (n > 0) {
		path[n] = '\0';
		slash = strrchr(path, '/');
		if (slash != NULL && (size_t)(slash - path) + sizeof("/transfer") <= PATH_MAX) {
			memcpy(slash, "/transfer", sizeof("/transfer"));
			if (access(path, X_OK) == 0)
				return;
		}
	}
	(void)snprintf(path, PATH_MAX, "%s/transfer", GODWIT_LIBEXECDIR);
}

/* By way of higher numbers: either may have the other's place, or its own. */
static bool
place(int session, int secrets)
{
	int a = fcntl(session, F_DUPFD_CLOEXEC, 10), b = fcntl(secrets, F_DUPFD_CLOEXEC, 10);

	return a >= 0 && b >= 0 && dup2(a, SESSION_FD) >= 0 && dup2(b, SECRETS_FD) >= 0;
}

static int
become(const struct gwuser_mail *m, int session, int secrets)
{
	char *argv[GWUSER_MAIL_OPTIONS_MAX + ARGS_FIXED], path[PATH_MAX];
	unsigned n = 0;

	find_program(path);
	argv[n++] = path;
	for (unsigned i = 0; i < m->option_count; i++)
		argv[n++] = m->options[i];
	argv[n++] = strdup("--");
	argv[n++] = strdup(m->verb);
	argv[n++] = strdup(m->where);
	argv[n] = NULL;
	if (!place(session, secrets))
		return fault(EX_OSERR, "dup2");
	(void)execv(path, argv);
	return fault(EX_OSERR, path);
}

int
gwuser_mail(const struct gwuser_mail *m)
{
	struct buf secrets;
	int session = -1, fd = -1, code;

	buf_init(&secrets, SECRETS_MAX);
	secrets.secret = true;
	code = gather(m, &secrets);
	if (code == EX_OK)
		code = open_session(m, &session);
	if (code == EX_OK)
		code = secrets_pipe(&secrets, &fd);
	buf_fini(&secrets);
	return code == EX_OK ? become(m, session, fd) : code;
}
