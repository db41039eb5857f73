/* SPDX-License-Identifier: ISC */
/*
 * The report of a day's TLS sessions to its domain: JSON (RFC 8460 s4.4) and
 * the message that carries it compressed (s5.3).  Pure; the time is given.
 */
#ifndef TLS_REPORT_H
#define TLS_REPORT_H

#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/report/tls_tally.h"

#define TLS_REPORT_JSON_MAX	(1u << 20)	/* more than a full tally makes */
#define TLS_REPORT_GZIP_MAX	61440u		/* goes over one wire */
#define TLS_REPORT_MAIL_MAX	(128u << 10)

/* All is borrowed. */
struct tls_report {
	struct slice	 domain;	/* it is about, and goes to */
	const char	*hostname;	/* that it is from */
	const char	*organization;
	const char	*contact;	/* an address */
	const char	*id;		/* letters and digits: names this report alone */
	uint64_t	 day;		/* since 1970, UTC */
	uint64_t	 made_s;	/* real time */
};

void		 tls_report_put_json(struct buf *, const struct tls_report *,
		    const struct tls_tally *);
/* The message to one address. */
void		 tls_report_put_mail(struct buf *, const struct tls_report *, struct slice to,
		    struct slice gzip);

#endif
