/* SPDX-License-Identifier: ISC */
#include "lib/smtp/smtp_client_check.h"

#include "lib/smtp/smtp_put.h"

bool
smtp_client_check_is_ascii(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] >= 0x80)
			return false;
	return true;
}

static bool
refuse(struct smtp_result *r, const char *dsn, const char *what, const char *host)
{
	smtp_result_own(r, SMTP_STAGE_MAIL, dsn, "%s host %.150s", what, host);
	return false;
}

bool
smtp_client_check_message(const struct smtp_client *c, const struct smtp_client_message *m,
    struct smtp_result *r)
{
	const struct smtp_caps *caps = &c->caps;
	const char *host = c->config->host;

	if (!smtp_put_is_safe(m->sender))
		return refuse(r, "5.1.7", "sender address cannot be sent to", host);
	/* RFC 1870 s6.3 */
	if (caps->size_max > 0 && m->size > caps->size_max) {
		smtp_result_own(r, SMTP_STAGE_MAIL, "5.3.4",
		    "message size %llu exceeds size limit %llu of host %.150s",
		    (unsigned long long)m->size, (unsigned long long)caps->size_max, host);
		return false;
	}
	/* RFC 8689 s4.2.1: not without TLS, nor to a host that would not heed it. */
	if ((m->flags & SMTP_CLIENT_REQUIRETLS) != 0 &&
	    (!c->is_tls || !smtp_caps_has(caps, SMTP_CAP_REQUIRETLS)))
		return refuse(r, "5.7.30", "REQUIRETLS is demanded, but not offered by", host);
	/* RFC 3030 s3 */
	if ((m->flags & SMTP_CLIENT_BINARY) != 0 && (!smtp_caps_has(caps, SMTP_CAP_CHUNKING) ||
	    !smtp_caps_has(caps, SMTP_CAP_BINARYMIME)))
		return refuse(r, "5.6.1", "the message is binary, which is not offered by", host);
	/* RFC 6531 s3.2 */
	if (!smtp_caps_has(caps, SMTP_CAP_SMTPUTF8) &&
	    ((m->flags & SMTP_CLIENT_UTF8_HEADER) != 0 || !smtp_client_check_is_ascii(m->sender)))
		return refuse(r, "5.6.7", "SMTPUTF8 is required, but was not offered by", host);
	return true;
}

bool
smtp_client_check_rcpt(const struct smtp_client *c, const struct smtp_client_rcpt *rcpt,
    struct smtp_result *r)
{
	if (!smtp_put_is_safe(rcpt->address) || rcpt->address.n == 0)
		return refuse(r, "5.1.3", "recipient address cannot be sent to", c->config->host);
	if (!smtp_client_check_is_ascii(rcpt->address) && !smtp_caps_has(&c->caps, SMTP_CAP_SMTPUTF8))
		return refuse(r, "5.6.7", "SMTPUTF8 is required, but was not offered by",
		    c->config->host);
	return true;
}
