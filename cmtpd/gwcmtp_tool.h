/* SPDX-License-Identifier: ISC */
/*
 * What the commands of gwcmtp share: the command line, what is said when
 * something fails, and the exit codes (sysexits.h).  A command is one file,
 * gwcmtp_NAME.c or one that it shares with its like, and a row in gwcmtp.c.
 */
#ifndef GWCMTP_TOOL_H
#define GWCMTP_TOOL_H

#include <stdbool.h>

#include "cmtpd/gwcmtp_net.h"
#include "cmtpd/gwcmtp_pins.h"
#include "cmtpd/gwcmtp_ring.h"
#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "lib/cmtp/cmtp_wire.h"
#include "lib/sys/password.h"

#define GWCMTP_ATTACHMENTS_MAX	100

struct gwcmtp {
	/* the command line */
	const char		*dir, *server, *from, *subject, *import;
	const char		*ca, *login, *mailbox, *into;
	bool			 accepts, from_stdin, next, raw, is_2;
	unsigned		 newest;	/* how many of them to list */
	const char		*files[GWCMTP_ATTACHMENTS_MAX];
	unsigned		 file_count;
	/* what a command works with */
	struct gwcmtp_pins	 pins;
	struct gwcmtp_net	 net;
	unsigned char		 server_key[CMTP_KEY_BYTES];
	unsigned char		 user_key[CMTP_KEY_BYTES];
};

/* One address as it stands on the command line. */
struct gwcmtp_address {
	char	 user[CMTP_PARAM_MAX + 1];
	char	 domain[CMTP_PARAM_MAX + 1];
};

/* A password as it was typed; in the arena of a ring. */
struct gwcmtp_password {
	char	 bytes[PASSWORD_MAX + 1];
	size_t	 n;
};

/* Says why, and returns the code. */
int	 gwcmtp_tool_fault(int code, const char *what, const char *why);
int	 gwcmtp_tool_usage(void);
int	 gwcmtp_tool_exit_of(enum err);
int	 gwcmtp_tool_net_fault(const struct gwcmtp *, enum err);
bool	 gwcmtp_tool_address(struct gwcmtp_address *, const char *text);
/* To its end, or the buf's cap: ERR_TOOBIG. */
enum err gwcmtp_tool_read(int fd, struct buf *) MUST_USE;

/* EX_OK, or said why.  The password lies in the arena until it is released. */
int	 gwcmtp_tool_ask(const struct gwcmtp *, struct gwcmtp_ring *, const char *prompt, bool twice,
	    struct gwcmtp_password **) MUST_USE;
void	 gwcmtp_tool_forget(struct gwcmtp_ring *, struct gwcmtp_password **);
struct slice gwcmtp_tool_word(const struct gwcmtp_password *);

/* ---- the commands */
int	 gwcmtp_key(struct gwcmtp *, int argc, char *argv[]);
int	 gwcmtp_list(struct gwcmtp *, int argc, char *argv[]);
int	 gwcmtp_send(struct gwcmtp *, int argc, char *argv[]);
int	 gwcmtp_keygen(struct gwcmtp *, int argc, char *argv[]);
int	 gwcmtp_passwd(struct gwcmtp *, int argc, char *argv[]);
int	 gwcmtp_public(struct gwcmtp *, int argc, char *argv[]);
int	 gwcmtp_read(struct gwcmtp *, int argc, char *argv[]);
int	 gwcmtp_register(struct gwcmtp *, int argc, char *argv[]);
int	 gwcmtp_login(struct gwcmtp *, int argc, char *argv[]);

/* key, list and send with -2. */
int	 gwcmtp_send2(struct gwcmtp *, const struct gwcmtp_address *from, const char *to);
int	 gwcmtp_key2(struct gwcmtp *, const char *address);
int	 gwcmtp_list2(struct gwcmtp *);
/* No message of version 1 may go there; or the file of records is damaged, which it says. */
bool	 gwcmtp_key2_is_due(struct gwcmtp *, const char *domain);
/* For send: the recipient's keys, judged. */
int	 gwcmtp_key_get(struct gwcmtp *, const char *text, struct gwcmtp_address *, bool shows);

#endif
