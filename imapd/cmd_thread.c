/* SPDX-License-Identifier: ISC */
/*
 * THREAD (RFC 5256 s3): "THREAD" SP algorithm SP charset SP search-key
 * *(SP search-key).
 */
#include "imapd/imap_cmd.h"
#include "imapd/imap_scan.h"
#include "imapd/imap_thread.h"

struct args {
	struct imap_scan_run	 run;		/* first */
	struct imap_search	 program;
	struct imap_threader	 threader;
};

static void
fini(struct imap_cmd *c)
{
	struct args *a = c->priv;

	imap_scan_free(&a->run.scan);
	imap_threader_fini(&a->threader);
}

void
cmd_thread_parse(struct imap_cmd *c, struct imap_parser *p)
{
	struct args *a = imap_cmd_alloc(c, sizeof(*a));

	if (a == NULL)
		return;
	c->priv = a;
	c->fini = fini;
	imap_parser_sp(p);
	imap_threader_init(&a->threader, imap_thread_parse(p), IMAP_THREAD_NODES_MAX);
	imap_parser_sp(p);
	imap_search_parse_sort(p, &a->program);
}

static void
on_match(void *arg, const struct imap_search_facts *f)
{
	struct imap_cmd *c = arg;
	struct args *a = c->priv;

	imap_threader_add(&a->threader, f, f->entry, c->uid ? f->uid : f->seq);
}

static void
answer(struct imap_cmd *c)
{
	struct args *a = c->priv;
	struct buf *out = imap_session_out(c->s);

	if (a->threader.is_full) {
		imap_cmd_no(c, "LIMIT", "Too many messages to thread");
		return;
	}
	buf_put_str(out, "* THREAD");
	if (a->threader.count > 0)
		buf_put_char(out, ' ');
	imap_threader_put(&a->threader, out);
	buf_put_str(out, "\r\n");
	imap_cmd_ok(c, "Thread completed");
}

void
cmd_thread_run(struct imap_cmd *c)
{
	struct args *a = c->priv;
	struct imap_scan_want want = {
		.program = &a->program, .cold = true, .entry = true,
		.on_match = on_match, .arg = c, .limit = IMAP_SCAN_REFUSED,
	};

	imap_scan_run(c, &want, answer);
}
