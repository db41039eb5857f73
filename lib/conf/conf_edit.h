/* SPDX-License-Identifier: ISC */
/*
 * Change one option in the text of godwit.conf and leave everything else,
 * comments and order included, as it is.  Pure.
 *
 * A name is "hostname", "smtpd.timeout" or "listen.mx.tls" (the title is
 * what stands between the first and the last dot).
 */
#ifndef CONF_EDIT_H
#define CONF_EDIT_H

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "lib/conf/opt.h"

struct conf_name {
	const struct opt_section	*def;
	struct slice			 title;		/* p NULL: none */
	const struct opt		*opt;		/* NULL: the whole section */
};

/* ERR_NOTFOUND: no such section or option. */
enum err	 conf_name_parse(const struct opt_section *defs, struct slice text,
		    struct conf_name *) MUST_USE;

/*
 * Appends the changed text to out.  value is "5m" or, for a list, "a, b, c".
 * ERR_SYNTAX: text is not a configuration.
 */
enum err	 conf_edit(struct slice text, const struct conf_name *, struct slice value,
		    struct buf *out) MUST_USE;

#endif
