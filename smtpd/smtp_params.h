/* SPDX-License-Identifier: ISC */
/*
 * The parameters behind the path of MAIL and RCPT (RFC 5321 s4.1.2:
 * Mail-parameters), one at a time.
 */
#ifndef SMTP_PARAMS_H
#define SMTP_PARAMS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"

struct smtp_param {
	struct slice	 keyword;
	struct slice	 value;
	bool		 has_value;
};

/* The next of *s: ERR_END when none is left, ERR_SYNTAX. */
enum err	 smtp_params_next(struct slice *s, struct smtp_param *) MUST_USE;
/* xtext (RFC 3461 s4), decoded into at most dst_bytes; control bytes are ERR_SYNTAX. */
enum err	 smtp_params_xtext(struct slice, char *dst, size_t dst_bytes, size_t *n) MUST_USE;

/* enum queue_notify by value: "NEVER" or any of "SUCCESS,FAILURE,DELAY" (RFC 3461 s4.1). */
enum err	 smtp_params_notify(struct slice, uint8_t *notify) MUST_USE;
/* addr-type ";" xtext (RFC 3461 s4.2), decoded; may_utf8: RFC 6533 s3 as well. */
#define SMTP_ORCPT_MAX	500u
enum err	 smtp_params_orcpt(struct slice, bool may_utf8, char dst[SMTP_ORCPT_MAX],
		    size_t *n) MUST_USE;

#endif
