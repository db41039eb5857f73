/* SPDX-License-Identifier: ISC */
#include "imapd/imap_partial.h"

void
imap_partial_start(struct imap_partial *p, struct imap_cmd *c, struct slice set,
    const struct imap_window *w)
{
	p->window = *w;
	p->walk.set = set;
	p->walk.by_uid = c->by_uid;
	imap_walk_start(&p->walk, c);
	imap_found_init(&p->found, IMAP_FOUND_MAX);
	buf_init(&p->pairs, 8 * (size_t)IMAP_FOUND_MAX);
}

void
imap_partial_fini(struct imap_partial *p)
{
	if (!p->walk.started)
		return;
	imap_walk_fini(&p->walk);
	imap_found_fini(&p->found);
	buf_fini(&p->pairs);
}

enum err
imap_partial_next(struct imap_partial *p)
{
	uint32_t from, to;
	enum err e;

	while ((e = imap_walk_next(&p->walk)) == ERR_OK)
		imap_found_add(&p->found, p->walk.row.uid, p->walk.row.seq,
		    p->walk.row.modseq);
	if (e != ERR_END)
		return e;
	if (p->found.is_full) {
		imap_cmd_no(p->walk.c, "LIMIT", "Too many messages to count");
		return ERR_LIMIT;
	}
	imap_window_cut(&p->window, p->found.count, &from, &to);
	imap_found_put_pairs(&p->found, from, to, &p->pairs);
	return ERR_OK;
}
