/* SPDX-License-Identifier: ISC */
/*
 * MTA-STS, RFC 8461: the TXT record that says a policy exists (s3.1), the
 * policy (s3.2), and whether a host is one of its hosts (s4.1).  Pure.
 *
 * A policy is a value that nobody changes once it is made, counted.  Limits:
 * STS_BODY_MAX bytes are read, STS_MX_MAX patterns; max_age is cut to
 * STS_AGE_MAX_S.
 */
#ifndef STS_POLICY_H
#define STS_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "lib/dns/dns_answer.h"

#define STS_BODY_MAX	65536u
#define STS_MX_MAX	64u
#define STS_PATTERN_MAX	255u
#define STS_ID_MAX	32u
#define STS_AGE_MAX_S	31557600u	/* RFC 8461 s3.2: a year */
#define STS_TEXT_MAX	18000u		/* what sts_policy_put writes at most */

enum sts_mode { STS_NONE, STS_TESTING, STS_ENFORCE };

struct sts_policy {
	unsigned	 refs;
	enum sts_mode	 mode;
	uint32_t	 max_age_s;
	unsigned	 mx_count;
	size_t		 bytes;		/* memory, all of it */
	const char	*patterns[];	/* lower case: "mx.example", "*.example" */
};

/* make: ERR_SYNTAX, ERR_LIMIT, ERR_TOOBIG; why is a literal */
enum err	 sts_policy_parse(struct sts_policy **, struct slice body,
		    const char **why) MUST_USE;
struct sts_policy *sts_policy_ref(const struct sts_policy *);
void		 sts_policy_unref(struct sts_policy **);	/* NULL inside is legal */

/* use */
/* Host: a name without the last dot. */
bool		 sts_policy_has_host(const struct sts_policy *, struct slice host);
const char	*sts_mode_name(enum sts_mode);	/* "enforce" */
/* The policy alone, without what else the body held: at most STS_TEXT_MAX. */
void		 sts_policy_put(struct buf *, const struct sts_policy *);

/*
 * The answer to the TXT question of _mta-sts.domain.  ERR_NOTFOUND: there is
 * none, or more than one; ERR_SYNTAX: not a valid one; ERR_AGAIN: nobody could say.
 */
enum err	 sts_policy_read_id(char id[STS_ID_MAX + 1], const struct dns_answer *) MUST_USE;

#endif
