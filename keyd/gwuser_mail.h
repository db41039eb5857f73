/* SPDX-License-Identifier: ISC */
/*
 * gwuser export and import: asks for passwords, gets a way into the account
 * from keyd and a session from imapd, and becomes transfer, which does the
 * work in a sandbox and never sees the control socket.
 */
#ifndef GWUSER_MAIL_H
#define GWUSER_MAIL_H

#include <stdbool.h>

#define GWUSER_MAIL_OPTIONS_MAX	20

struct gwuser_mail {
	const char	*config_dir;
	const char	*verb;			/* "export", "import" */
	const char	*user;
	const char	*where;			/* path or URL */
	bool		 password;		/* log in with the account's own */
	bool		 from_stdin;
	char		*options[GWUSER_MAIL_OPTIONS_MAX];	/* for transfer, as given */
	unsigned	 option_count;
};

/* Returns only when it failed: the exit code; said why. */
int		 gwuser_mail(const struct gwuser_mail *);

#endif
