/* SPDX-License-Identifier: ISC */
/*
 * An IMAP client that does one thing at a time, but asks for messages ahead.
 * Commands are written into client->say and run; every untagged response goes
 * to a function.  ERR_GONE: the connection; ERR_SYNTAX: that is no IMAP;
 * ERR_STATE: the server said NO or BAD.  client->text says what it said.
 */
#ifndef IMAP_CLIENT_H
#define IMAP_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/io/link.h"
#include "lib/imap/imap_answer.h"
#include "lib/imap/imap_reader.h"
#include "lib/imap/mail_taker.h"

#define IMAP_AHEAD_MAX	32		/* messages asked for and not read */

struct imap_client {
	struct link		*link;
	struct imap_reader	 reader;
	struct buf		 say;		/* the command without its tag and end */
	struct buf		 code;		/* of the last tagged answer */
	struct buf		 text;
	struct buf		 caps;		/* words of CAPABILITY */
	unsigned		 said, heard;	/* tags */
	bool			 is_utf8;	/* mailboxes are not in UTF-7 */
	bool			 is_preauth;
	bool			 has_caps;
};

typedef enum err imap_client_fn(void *arg, const struct imap_answer *);

/* The link stays the caller's. */
void		 imap_client_init(struct imap_client *, struct link *);
void		 imap_client_fini(struct imap_client *);
/* The greeting; CAPABILITY is asked for when it was not told. */
enum err	 imap_client_greet(struct imap_client *) MUST_USE;
enum err	 imap_client_starttls(struct imap_client *, struct tls_client_ctx *,
		    const struct tls_demand *) MUST_USE;
enum err	 imap_client_login(struct imap_client *, struct slice user,
		    struct slice password) MUST_USE;
bool		 imap_client_can(const struct imap_client *, const char *capability);

/* for say: a string, a mailbox of UTF-8 */
void		 imap_client_put_string(struct imap_client *, struct slice);
void		 imap_client_put_mailbox(struct imap_client *, struct slice name);
/* Says it and waits for its end.  fn may be NULL. */
enum err	 imap_client_run(struct imap_client *, imap_client_fn *, void *arg) MUST_USE;
/* Says it and no more; literal: the line ends in one (with its number). */
enum err	 imap_client_say(struct imap_client *) MUST_USE;
/* Until "+" (true) or the command's end. */
enum err	 imap_client_wait_plus(struct imap_client *, bool *plus) MUST_USE;
/* Until the end of the oldest command that has none yet. */
enum err	 imap_client_wait(struct imap_client *, imap_client_fn *, void *arg) MUST_USE;

/*
 * The message with this UID, which was asked for by imap_client_ask as the
 * oldest that was not read.  ERR_NOTFOUND: it is not there any more.
 */
enum err	 imap_client_ask(struct imap_client *, uint32_t uid) MUST_USE;
enum err	 imap_client_read(struct imap_client *, const struct mail_taker *) MUST_USE;

#endif
