/* SPDX-License-Identifier: ISC */
/*
 * COMPRESS (RFC 4978 s3): "COMPRESS" SP "DEFLATE".  The answer goes plain, what
 * follows it is compressed in both directions.
 */
#include "imapd/imap_cmd.h"

void
cmd_compress_parse(struct imap_cmd *c, struct imap_parser *p)
{
	imap_parser_sp(p);
	if (!slice_ieq_str(imap_parser_atom(p), "DEFLATE") || !c->s->shared->compress)
		imap_parser_fail(p, "That compression is not supported");
}

void
cmd_compress_run(struct imap_cmd *c)
{
	if (c->s->compressed) {
		imap_cmd_no(c, "COMPRESSIONACTIVE", "It is on already");
		return;
	}
	c->compress = true;
	imap_cmd_ok(c, "Compression begins");
}
