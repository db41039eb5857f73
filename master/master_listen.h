/* SPDX-License-Identifier: ISC */
/*
 * Listening sockets, bound once by master and handed to every worker of the
 * service.  "*" is two sockets, IPv6 only where the host has it.
 */
#ifndef MASTER_LISTEN_H
#define MASTER_LISTEN_H

#include <stddef.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/conf/conf_file.h"

#define MASTER_BACKLOG	1024

struct master_listener {
	int		 fd;
	unsigned	 service;	/* enum conf_service */
	char		*title;
	char		 address[64];	/* "[::]:25" */
};

struct master_listeners {
	struct master_listener	*v;
	size_t			 n;
};

/* Binds all, or none and says why (DENIED, EXISTS for an address in use). */
enum err	 master_listen_bind(struct master_listeners *, const struct conf *,
		    struct buf *why) MUST_USE;
/*
 * The socket of local programs (sendmail), run/submit, open to every user of
 * the host: smtpd asks the kernel who they are.
 */
#define MASTER_LISTEN_LOCAL	"local"	/* its title and address */
enum err	 master_listen_local(struct master_listeners *, const char *run_dir,
		    struct buf *why) MUST_USE;
void		 master_listen_close(struct master_listeners *);

#endif
