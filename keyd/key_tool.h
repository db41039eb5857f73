/* SPDX-License-Identifier: ISC */
/*
 * What gwuser and gwkey ask for: the table of verbs is in key_tool.c, those
 * of credentials are in key_account.c.  A password comes as a
 * descriptor (pipe or memfd, read to its end), never among the arguments.
 * Exit codes: OPERATOR.md.
 */
#ifndef KEY_TOOL_H
#define KEY_TOOL_H

#include "keyd/key_hash.h"
#include "keyd/key_state.h"

#define KEY_TOOL_ARGS_MAX	128
#define KEY_TOOL_TARGETS_MAX	100
#define KEY_TOOL_LIST_BYTES	30000	/* of one page */
#define KEY_TOOL_EXISTS		73	/* EX_CANTCREAT: exists already */

void		 key_tool(struct daemon_app *, uint64_t id, const struct ipc_ctl_tool *,
		    struct ipc_in *);

/* ---- for the files of the verbs */
struct key_tool_request {
	struct keyd	*k;
	uint64_t	 id;
	unsigned	 argc;
	struct slice	 argv[KEY_TOOL_ARGS_MAX];
	int		 fd;		/* of the password, or -1 */
};
void		 key_tool_reply(struct keyd *, uint64_t id, int exit_code, const char *text,
		    struct slice name);
void		 key_tool_reply_done(struct keyd *, uint64_t id);
void		 key_tool_reply_err(struct keyd *, uint64_t id, enum err, struct slice name);
void		 key_tool_audit(const char *action, struct slice user, uint64_t account,
		    const char *result);
/* Its password into dst, to be wiped; else false and the tool has its answer. */
bool		 key_tool_password(const struct key_tool_request *,
		    char dst[KEY_PASSWORD_MAX + 1], size_t *n);
/* The same with two, a line each. */
bool		 key_tool_two_passwords(const struct key_tool_request *,
		    char dst[2 * KEY_PASSWORD_MAX + 2], struct slice *first,
		    struct slice *second);
/* What a credential is called: 1 to KEY_TOOL_NAME_MAX printable characters; else as above. */
#define KEY_TOOL_NAME_MAX	64
bool		 key_tool_is_name(const struct key_tool_request *, struct slice);
/* The account that an argument names, whatever became of its domain; else as above. */
struct key_account *key_tool_account_of(const struct key_tool_request *, struct slice arg);
/*
 * The canonical address of an argument, which must belong to a mailbox domain
 * of the configuration; else false and the tool has its answer.
 */
bool		 key_tool_address_of(const struct key_tool_request *, struct slice arg,
		    char dst[KEY_ADDRESS_MAX + 1], struct slice *address);

#endif
