/* SPDX-License-Identifier: ISC */
#include "store/store_quota.h"

static bool
fits(uint64_t used, uint64_t more, uint64_t max)
{
	return max == 0 || more == 0 || (used <= max && more <= max - used);
}

enum err
quota_room(const struct op *op, uint64_t bytes, uint64_t messages)
{
	(void)messages;
	return fits(op->acc.used_bytes, bytes, op->acc.quota_bytes) ? ERR_OK : ERR_QUOTA;
}

void
quota_add(struct op *op, uint64_t bytes, uint64_t messages)
{
	op->acc.used_bytes += bytes;
	op->acc.message_count += messages;
	op->is_dirty = true;
}

void
quota_sub(struct op *op, uint64_t bytes, uint64_t messages)
{
	op->acc.used_bytes -= bytes < op->acc.used_bytes ? bytes : op->acc.used_bytes;
	op->acc.message_count -= messages < op->acc.message_count ?
	    messages : op->acc.message_count;
	op->is_dirty = true;
}
