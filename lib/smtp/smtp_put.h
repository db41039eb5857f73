/* SPDX-License-Identifier: ISC */
/*
 * MAIL and RCPT as a client writes them, with the parameters that the host
 * offers.
 */
#ifndef SMTP_PUT_H
#define SMTP_PUT_H

#include <stdbool.h>

#include "lib/base/buf.h"
#include "lib/base/slice.h"
#include "lib/smtp/smtp_caps.h"
#include "lib/smtp/smtp_client.h"

#define SMTP_PUT_ADDRESS_MAX	512
#define SMTP_PUT_ENVID_MAX	100	/* RFC 3461 s4.4; longer is left out */
#define SMTP_PUT_ORCPT_MAX	500	/* RFC 3461 s4.2; longer is left out */

/* Fits into a line: no control bytes, not too long. */
bool	 smtp_put_is_safe(struct slice address);
/* uses_utf8: the transaction is an SMTPUTF8 one. */
void	 smtp_put_mail(struct buf *, const struct smtp_client_message *,
	    const struct smtp_caps *, bool uses_utf8);
void	 smtp_put_rcpt(struct buf *, const struct smtp_client_rcpt *,
	    const struct smtp_caps *, bool uses_utf8);

#endif
