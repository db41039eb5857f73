/* SPDX-License-Identifier: ISC */
#include "smtpd/sendmail_report.h"

void
sendmail_report_init(struct sendmail_report *r)
{
	buf_init(&r->text, SENDMAIL_REPORT_MAX);
	r->more = 0;
}

void
sendmail_report_fini(struct sendmail_report *r)
{
	buf_fini(&r->text);
}

void
sendmail_report_add(struct sendmail_report *r, struct slice address, struct slice reply)
{
	static const size_t around = sizeof("<>: \r\n") - 1;

	/* Behind the first that has no room nothing is told, short or not. */
	if (r->more > 0 || address.n + reply.n + around > SENDMAIL_REPORT_MAX - r->text.n)
		r->more++;
	else
		buf_printf(&r->text, "<%.*s>: %.*s\r\n", SLICE_FMT(address), SLICE_FMT(reply));
}

void
sendmail_report_put(const struct sendmail_report *r, struct slice domain, struct slice sender,
    struct buf *out)
{
	buf_printf(out, "From: Mail system <MAILER-DAEMON@%.*s>\r\nTo: <%.*s>\r\n"
	    "Subject: Mail that could not be sent\r\nAuto-Submitted: auto-replied\r\n\r\n"
	    "A message that a program of yours left could not be sent to:\r\n\r\n",
	    SLICE_FMT(domain), SLICE_FMT(sender));
	buf_put_slice(out, buf_slice(&r->text));
	if (r->more > 0)
		buf_printf(out, "and to %u more\r\n", (unsigned)r->more);
}
