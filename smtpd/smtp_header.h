/* SPDX-License-Identifier: ISC */
/*
 * The header of a message as it streams by, line by line: how many fields,
 * which of those that smtpd must know, and where the body begins.  Limits are
 * those of RFC 5322 s2.2 in form and of the options in number.
 */
#ifndef SMTP_HEADER_H
#define SMTP_HEADER_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/slice.h"

#define SMTP_MESSAGE_ID_MAX	998	/* RFC 5322 s2.1.1 */

struct smtp_header {
	uint32_t	 field_count;
	uint32_t	 received_count;
	uint64_t	 bytes;
	bool		 has_date;
	bool		 has_message_id;
	bool		 is_tls_optional;	/* TLS-Required: No (RFC 8689 s3) */
	bool		 in_message_id;	/* the last field is the first Message-ID */
	struct buf	 message_id;	/* unfolded, trimmed; empty when too long */
};

enum smtp_header_line {
	HEADER_FIELD,		/* a field or its continuation */
	HEADER_END,		/* the empty line */
	HEADER_BODY		/* no header line: the body begins unannounced */
};

void			 smtp_header_init(struct smtp_header *);
void			 smtp_header_fini(struct smtp_header *);
/* One line with its CRLF. */
enum smtp_header_line	 smtp_header_take(struct smtp_header *, struct slice line);
struct slice		 smtp_header_message_id(const struct smtp_header *);

#endif
