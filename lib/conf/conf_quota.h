/* SPDX-License-Identifier: ISC */
/* Who sets quotas of a domain's accounts by IMAP, and how large they may be. */
#ifndef CONF_QUOTA_H
#define CONF_QUOTA_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/slice.h"
#include "lib/conf/opt.h"

#define CONF_QUOTA_MAX	(UINT64_C(1024) << 40)	/* the option quota has it, too */

/* The list is the domain's quota_admins. */
bool	 conf_is_quota_admin(const struct opt_list *, struct slice address);

#endif
