/* SPDX-License-Identifier: ISC */
/*
 * What an operator's tool uses to reach a running suite: master's control
 * socket, which passes the request on unread to the daemon that owns the
 * matter (verb and arguments as in that daemon's .tool).  Blocking; no loop.
 *
 * A reply with more set ends with one line that is the cursor; the next
 * request is the same one with the cursor as last argument.
 */
#ifndef TOOL_H
#define TOOL_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/ipc/ipc_role.h"

#define TOOL_ARGS_MAX	60000

/*
 * Where a socket is: DIR/run/name for an instance (config_dir DIR/etc), the
 * compiled-in run directory for NULL or the default config_dir.  "control" is
 * the operator's, "submit" that of sendmail.
 */
enum err	 tool_socket_path(const char *config_dir, const char *name,
		    struct buf *path) MUST_USE;
/* The drop directory in the same way: DIR/drop, or below the state directory. */
enum err	 tool_drop_path(const char *config_dir, struct buf *path) MUST_USE;
/* And that of the mail, for tools that work when nothing runs (offline.h). */
enum err	 tool_mail_path(const char *config_dir, struct buf *path) MUST_USE;
/* ERR_GONE: not running.  ERR_DENIED: not for this user. */
enum err	 tool_connect(const char *config_dir, int *fd) MUST_USE;
enum err	 tool_connect_to(const char *config_dir, const char *name, int *fd) MUST_USE;

/* Arguments are NUL-terminated strings. */
void		 tool_arg(struct buf *args, const char *);

/*
 * One request and its reply.  pass_fd: a descriptor to go with it, or -1.
 * text holds the reply's text, *exit the code for exit(3).
 */
enum err	 tool_call(int fd, enum ipc_role owner, const char *verb,
		    const struct buf *args, int pass_fd, struct buf *text,
		    uint8_t *exit, bool *more) MUST_USE;

/*
 * The whole dialogue: follow the cursor and hand each page to fn, without its
 * cursor line.  Returns the exit code; what went wrong on the way to the
 * suite is told on standard error.
 */
typedef void tool_page_fn(void *arg, struct slice text, uint8_t exit, bool more);
int		 tool_ask(const char *name, const char *config_dir, enum ipc_role owner,
		    const char *verb, struct buf *args, int pass_fd, tool_page_fn *, void *arg);
/*
 * The same, and print text (to standard output, or
 * standard error behind "name: " when it failed).  Returns the exit code.
 */
int		 tool_run(const char *name, const char *config_dir, enum ipc_role owner,
		    const char *verb, struct buf *args, int pass_fd);

#endif
