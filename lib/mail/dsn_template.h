/* SPDX-License-Identifier: ISC */
/*
 * The words of notifications as an operator writes them: a file of templates
 * in the form of Postfix' bounce(5), for failure, delay, success and relayed.
 *
 *	failure_template = <<EOF
 *	Charset: utf-8
 *	From: Postal Service <MAILER-DAEMON>
 *	Subject: Undelivered mail
 *
 *	Text with $myhostname.
 *	EOF
 *
 * Pure.  Read whole; a fault names the line.  The limits: a file of
 * DSN_TEMPLATE_FILE_MAX, a text of DSN_TEMPLATE_TEXT_MAX bytes, of
 * DSN_TEMPLATE_NAMES_MAX parameters.
 */
#ifndef DSN_TEMPLATE_H
#define DSN_TEMPLATE_H

#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "lib/mail/addr.h"

#define DSN_TEMPLATE_FILE_MAX		(64u << 10)
#define DSN_TEMPLATE_TEXT_MAX		8192u
#define DSN_TEMPLATE_NAMES_MAX	32u
#define DSN_TEMPLATE_VALUE_MAX	250u	/* of a header line */
#define DSN_TEMPLATE_FILES_MAX	100u	/* of all domains */

enum dsn_template_kind { DSN_TEMPLATE_FAILURE, DSN_TEMPLATE_DELAY,
	DSN_TEMPLATE_SUCCESS, DSN_TEMPLATE_RELAYED, DSN_TEMPLATES };

struct dsn_template {
	struct slice	 from_name;	/* empty: none */
	struct slice	 from;		/* address, maybe without domain; empty: the built-in one */
	struct slice	 subject;	/* empty: the built-in one */
	struct slice	 text;		/* lines end in LF; empty: there is no such template */
};

/* Owns the bytes of its templates. */
struct dsn_template_set {
	struct dsn_template	 all[DSN_TEMPLATES];
	char			 bytes[];
};

struct dsn_template_fault {
	unsigned	 line;
	char		 text[160];	/* "what is wrong; allowed: what" */
};

/* ERR_SYNTAX, ERR_TOOBIG. */
enum err	 dsn_template_parse(struct dsn_template_set **, struct slice file,
		    struct dsn_template_fault *) MUST_USE;
void		 dsn_template_free(struct dsn_template_set **);

/* What the parameters stand for. */
struct dsn_template_facts {
	const char	*hostname;
	uint64_t	 lifetime_ms;	/* maximal_queue_lifetime */
	uint64_t	 warning_ms;	/* delay_warning_time */
};
/* The text, parameters replaced, lines with CRLF; not encoded. */
void		 dsn_template_put_text(struct buf *, const struct dsn_template *,
		    const struct dsn_template_facts *);
/* The value of From. */
void		 dsn_template_put_from(struct buf *, const struct dsn_template *,
		    const char *hostname);

#endif
