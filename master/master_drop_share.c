/* SPDX-License-Identifier: ISC */
#include "master/master_drop_share.h"

void
master_drop_share_begin(struct master_drop_share *s)
{
	s->count = 0;
	s->has_left = false;
	s->others = (struct master_drop_owner){ 0 };
}

static struct master_drop_owner *
owner_of(struct master_drop_share *s, uid_t uid)
{
	for (size_t i = 0; i < s->count; i++)
		if (s->owners[i].uid == uid)
			return &s->owners[i];
	if (s->count == MASTER_DROP_OWNERS)
		return &s->others;
	s->owners[s->count] = (struct master_drop_owner){ .uid = uid };
	return &s->owners[s->count++];
}

bool
master_drop_share_take(struct master_drop_share *s, uid_t uid, uint64_t bytes)
{
	struct master_drop_owner *o = owner_of(s, uid);
	uint64_t left = MASTER_DROP_OWNER_BYTES - o->bytes;

	if (o->files >= MASTER_DROP_OWNER_FILES || (o->files > 0 && bytes > left))
		o->is_over = true;
	if (o->is_over) {
		s->has_left |= !o->has_deferred;
		return false;
	}
	o->files++;
	o->bytes += bytes < left ? bytes : left;
	return true;
}

void
master_drop_share_defer(struct master_drop_share *s, uid_t uid, bool is_over)
{
	struct master_drop_owner *o = owner_of(s, uid);

	o->has_deferred = true;
	o->is_over |= is_over;
}
