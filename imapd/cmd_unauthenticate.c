/* SPDX-License-Identifier: ISC */
/*
 * UNAUTHENTICATE (RFC 8437 s3): no arguments.  Nothing is expunged; only TLS
 * and the counts of mistakes outlive it.  NO is not permitted.
 */
#include "imapd/imap_cmd.h"
#include "lib/base/log.h"

void
cmd_unauthenticate_parse(struct imap_cmd *c, struct imap_parser *p)
{
	if (!c->s->shared->unauthenticate)
		imap_parser_fail(p, "Unknown command");
}

void
cmd_unauthenticate_run(struct imap_cmd *c)
{
	struct imap_session *s = c->s;

	log_event(LOG_unauthenticate, log_session(s->sid), log_str("sasl_username", s->user));
	imap_session_log_out(s);
	imap_cmd_ok(c, "Not logged in any more");
}
