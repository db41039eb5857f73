/* SPDX-License-Identifier: ISC */
/*
 * ID (RFC 2971 s3.1): id_params_list = "(" #(string SP nstring) ")" / nil.
 * The client's words are read and forgotten.
 */
#include "imapd/imap_cmd.h"

#define ID_PAIRS_MAX	30	/* RFC 2971 s3.3 */

void
cmd_id_parse(struct imap_cmd *c, struct imap_parser *p)
{
	unsigned pairs = 0;
	bool nil;

	(void)c;
	imap_parser_sp(p);
	if (!imap_parser_take(p, '(')) {
		(void)imap_parser_nstring(p, &nil);
		if (!nil)
			imap_parser_fail(p, "Expected a list or NIL");
		return;
	}
	if (imap_parser_take(p, ')'))
		return;
	do {
		if (++pairs > ID_PAIRS_MAX)
			imap_parser_fail(p, "Too many fields");
		(void)imap_parser_string(p);
		imap_parser_sp(p);
		(void)imap_parser_nstring(p, &nil);
	} while (imap_parser_take(p, ' '));
	imap_parser_want(p, ')');
}

void
cmd_id_run(struct imap_cmd *c)
{
	buf_put_str(imap_session_out(c->s), "* ID (\"name\" \"Godwit\")\r\n");
	imap_cmd_ok(c, "Id completed");
}
