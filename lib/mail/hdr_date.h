/* SPDX-License-Identifier: ISC */
/*
 * The Date field (RFC 5322 s3.3, obsolete forms of s4.3: two-digit years,
 * named and military zones, comments anywhere, no seconds).
 */
#ifndef HDR_DATE_H
#define HDR_DATE_H

#include <stdint.h>

#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"

struct hdr_date {
	int64_t	unix_s;
	int	zone_minutes;	/* of the sender, east positive */
};

enum err	 hdr_date_parse(struct slice value, struct hdr_date *) MUST_USE;

#endif
