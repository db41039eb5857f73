/* SPDX-License-Identifier: ISC */
#include "lib/conf/conf_quota.h"

bool
conf_is_quota_admin(const struct opt_list *admins, struct slice address)
{
	for (uint32_t i = 0; i < admins->n; i++)
		if (slice_ieq_str(address, admins->v[i]))
			return true;
	return false;
}
