/* SPDX-License-Identifier: ISC */
/*
 * Rules of expiry: "Trash 30d" removes what has been in a mailbox of that name,
 * or "\Junk 7d" in one of that special use (RFC 6154), for longer.  The sweep
 * runs them account by account, in slices of a transaction each; what they
 * remove may be undeleted like anything else.  At most EXPIRE_RULES_MAX rules.
 */
#ifndef STORE_EXPIRE_H
#define STORE_EXPIRE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "store/store_core.h"

#define EXPIRE_RULES_MAX	100
#define EXPIRE_NAME_MAX		255
#define EXPIRE_MIN_S		3600

struct expire_rule {
	uint32_t	 special;	/* 0: by name */
	uint64_t	 age_s;
	size_t		 name_n;
	char		 name[EXPIRE_NAME_MAX];
};

/* "name age", the age with a unit of time.  ERR_SYNTAX. */
enum err	 expire_parse(struct slice text, struct expire_rule *) MUST_USE;
/* Replaces all; those that cannot be read are left out and logged. */
void		 expire_set(struct store *, char *const *texts, unsigned n);

/*
 * One slice of one account.  *more: the account has more to remove.  ERR_BUSY
 * and damage end it until the next round.
 */
enum err	 expire_step(struct store *, uint64_t account, bool *more) MUST_USE;

#endif
