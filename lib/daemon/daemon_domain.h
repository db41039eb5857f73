/* SPDX-License-Identifier: ISC */
/*
 * What the sections godwit and domain say of the domains of this host; for
 * daemons that are given both.
 */
#ifndef DAEMON_DOMAIN_H
#define DAEMON_DOMAIN_H

#include <stdbool.h>

#include "lib/base/slice.h"
#include "lib/daemon/daemon.h"

/*
 * For a name without one: default_domain, which master sets to the first domain with
 * mailboxes when the configuration does not; the host, where there is none.
 */
const char	*daemon_domain_default(struct daemon_app *);
/* A section domain, or the hostname. */
bool		 daemon_domain_is_ours(struct daemon_app *, struct slice domain);

#endif
