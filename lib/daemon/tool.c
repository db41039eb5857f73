/* SPDX-License-Identifier: ISC */
#include "lib/daemon/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

#include "lib/ipc/ipc_peer.h"

enum { PATH_BYTES_MAX = 4096, REPLY_WAIT_S = 120, PAGES_MAX = 1000000 };

/* An instance keeps its configuration in DIR/etc: what is DIR? */
static bool
instance_of(const char *config_dir, struct buf *dir)
{
	char *real = config_dir != NULL ? realpath(config_dir, NULL) : NULL;
	struct slice s = slice_str(real);
	bool found = slice_ends(s, "/etc") && s.n > strlen("/etc");

	if (found)
		buf_put_slice(dir, slice_head(s, s.n - strlen("/etc")));
	free(real);
	return found;
}

enum err
tool_socket_path(const char *config_dir, const char *name, struct buf *path)
{
	buf_put_str(path, instance_of(config_dir, path) ? "/run/" : GODWIT_RUNSTATEDIR "/");
	buf_put_str(path, name);
	return buf_cstr(path) != NULL ? ERR_OK : ERR_LIMIT;
}

enum err
tool_drop_path(const char *config_dir, struct buf *path)
{
	buf_put_str(path, instance_of(config_dir, path) ? "/drop" :
	    GODWIT_LOCALSTATEDIR "/spool/godwit-drop");
	return buf_cstr(path) != NULL ? ERR_OK : ERR_LIMIT;
}

enum err
tool_mail_path(const char *config_dir, struct buf *path)
{
	buf_put_str(path, instance_of(config_dir, path) ? "/mail" :
	    GODWIT_LOCALSTATEDIR "/lib/godwit/mail");
	return buf_cstr(path) != NULL ? ERR_OK : ERR_LIMIT;
}

/* A path too long for a socket address is reached through its directory. */
static enum err
address_of(const char *path, struct sockaddr_un *sa, int *dir_fd)
{
	const char *slash = strrchr(path, '/');
	char dir[PATH_BYTES_MAX];

	*dir_fd = -1;
	memset(sa, 0, sizeof(*sa));
	sa->sun_family = AF_UNIX;
	if (slice_to_cstr(slice_str(path), sa->sun_path, sizeof(sa->sun_path)))
		return ERR_OK;
	if (slash == NULL || !slice_to_cstr(slice_of(path, (size_t)(slash - path)), dir,
	    sizeof(dir)))
		return ERR_LIMIT;
	*dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (*dir_fd < 0)
		return err_from_errno(errno);
	if (snprintf(sa->sun_path, sizeof(sa->sun_path), "/proc/self/fd/%d%s", *dir_fd,
	    slash) >= (int)sizeof(sa->sun_path))
		return ERR_LIMIT;
	return ERR_OK;
}

static enum err
connect_to(const char *path, int *fd)
{
	const struct timeval wait = { REPLY_WAIT_S, 0 };
	struct sockaddr_un sa;
	int dir_fd;
	enum err e = address_of(path, &sa, &dir_fd);

	*fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (e == ERR_OK && *fd < 0)
		e = ERR_SYS;
	if (e == ERR_OK && connect(*fd, (const struct sockaddr *)&sa, sizeof(sa)) != 0)
		e = errno == EACCES || errno == EPERM ? ERR_DENIED : ERR_GONE;
	if (e == ERR_NOTFOUND)
		e = ERR_GONE;
	if (dir_fd >= 0)
		(void)close(dir_fd);
	if (e == ERR_OK)
		(void)setsockopt(*fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	else if (*fd >= 0) {
		(void)close(*fd);
		*fd = -1;
	}
	return e;
}

enum err
tool_connect(const char *config_dir, int *fd)
{
	return tool_connect_to(config_dir, "control", fd);
}

enum err
tool_connect_to(const char *config_dir, const char *name, int *fd)
{
	struct buf path;
	enum err e;

	*fd = -1;
	buf_init(&path, PATH_BYTES_MAX);
	e = tool_socket_path(config_dir, name, &path);
	if (e == ERR_OK)
		e = connect_to(buf_cstr(&path), fd);
	buf_fini(&path);
	return e;
}

void
tool_arg(struct buf *args, const char *arg)
{
	buf_put(args, arg, strlen(arg) + 1);
}

enum err
tool_call(int fd, enum ipc_role owner, const char *verb, const struct buf *args,
    int pass_fd, struct buf *text, uint8_t *exit_code, bool *more)
{
	struct ipc_tool_request m = { .role = (uint32_t)owner, .verb = slice_str(verb),
		.args = buf_slice(args) };
	union ipc_any reply;
	struct ipc_in in = { 0 };
	struct buf store;
	uint16_t type;
	enum err e = buf_err(args);

	if (e != ERR_OK)
		return ERR_LIMIT;
	e = ipc_write_blocking(fd, IPC_MSG_tool_request, 1, &m, &pass_fd, pass_fd >= 0);
	if (e != ERR_OK)
		return e;
	buf_init(&store, IPC_FRAME_MAX);
	e = ipc_read_blocking(fd, IPC_MASTER, &store, &type, &reply, &in);
	if (e == ERR_OK && (type != IPC_MSG_tool_reply || in.fd_count > 0))
		e = ERR_VIOLATION;
	if (e == ERR_OK) {
		buf_reset(text);
		buf_put_slice(text, reply.tool_reply.text);
		*exit_code = reply.tool_reply.exit;
		*more = reply.tool_reply.more;
		e = buf_err(text);
	}
	buf_fini(&store);
	return e;
}

/* With more to come, the last line is the cursor and not for the reader. */
static struct slice
cursor_cut(struct slice text, struct slice *cursor)
{
	size_t end;

	if (text.n > 0 && text.p[text.n - 1] == '\n')
		text.n--;
	end = slice_rfind(text, '\n');

	*cursor = end < text.n ? slice_from(text, end + 1) : text;
	return end < text.n ? slice_head(text, end + 1) : SLICE_NONE;
}

static void
print(void *arg, struct slice text, uint8_t exit_code, bool more)
{
	const char *const *name = arg;
	FILE *to = exit_code == 0 ? stdout : stderr;

	(void)more;
	if (exit_code != 0 && text.n > 0)
		(void)fprintf(to, "%s: ", *name);
	(void)fwrite(text.p != NULL ? text.p : "", 1, text.n, to);
	if (text.n > 0 && text.p[text.n - 1] != '\n')
		(void)fputc('\n', to);
}

static int
run_on(int fd, const char *name, enum ipc_role owner, const char *verb, struct buf *args,
    int pass_fd, tool_page_fn *fn, void *arg)
{
	size_t args_n = args->n;
	uint8_t exit_code = EX_OSERR;
	bool more = true;
	struct buf text;
	unsigned page;
	enum err e = ERR_OK;

	buf_init(&text, IPC_FRAME_MAX);
	for (page = 0; more && page < PAGES_MAX; page++) {
		struct slice cursor, show;

		e = tool_call(fd, owner, verb, args, pass_fd, &text, &exit_code, &more);
		if (e != ERR_OK)
			break;
		show = more ? cursor_cut(buf_slice(&text), &cursor) : buf_slice(&text);
		fn(arg, show, exit_code, more);
		if (!more)
			break;
		buf_truncate(args, args_n);
		buf_put_slice(args, cursor);
		buf_put_char(args, '\0');
	}
	buf_fini(&text);
	if (e != ERR_OK) {
		(void)fprintf(stderr, "%s: no answer from godwit: %s\n", name, err_text(e));
		return e == ERR_LIMIT ? EX_DATAERR : EX_TEMPFAIL;
	}
	if (fflush(stdout) != 0)
		return EX_IOERR;
	return exit_code;
}

int
tool_ask(const char *name, const char *config_dir, enum ipc_role owner, const char *verb,
    struct buf *args, int pass_fd, tool_page_fn *fn, void *arg)
{
	int fd, code;
	enum err e = tool_connect(config_dir, &fd);

	if (e != ERR_OK) {
		(void)fprintf(stderr, e == ERR_DENIED ?
		    "%s: the control socket is not for this user\n" :
		    "%s: godwit is not running\n", name);
		return e == ERR_DENIED ? EX_NOPERM : EX_UNAVAILABLE;
	}
	code = run_on(fd, name, owner, verb, args, pass_fd, fn, arg);
	(void)close(fd);
	return code;
}

int
tool_run(const char *name, const char *config_dir, enum ipc_role owner, const char *verb,
    struct buf *args, int pass_fd)
{
	return tool_ask(name, config_dir, owner, verb, args, pass_fd, print, &name);
}
