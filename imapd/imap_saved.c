/* SPDX-License-Identifier: ISC */
#include "imapd/imap_saved.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/must.h"
#include "lib/ipc/store_proto.h"

static void
clear(struct imap_session *s)
{
	free(s->view.saved);
	s->view.saved = NULL;
	s->view.saved_bytes = 0;
}

void
imap_saved_end(struct imap_cmd *c, const struct imap_return *r)
{
	if ((r->opts & IMAP_RETURN_SAVE) && c->answer == IMAP_ANSWER_NO)
		clear(c->s);
}

bool
imap_saved_keep(struct imap_cmd *c, const struct imap_return *r, const struct imap_found *f)
{
	struct imap_session *s = c->s;
	struct buf pairs;
	enum err e;

	if (!(r->opts & IMAP_RETURN_SAVE))
		return true;
	buf_init(&pairs, 8 * STORE_SET_MAX);
	imap_return_put_saved(&pairs, r, f);
	e = buf_err(&pairs);
	clear(s);
	if (e == ERR_OK && pairs.n > 0) {
		s->view.saved = must_alloc(pairs.n, 1);
		memcpy(s->view.saved, buf_data(&pairs), pairs.n);
		s->view.saved_bytes = (uint32_t)pairs.n;
	}
	buf_fini(&pairs);
	/* RFC 5182 s2.4 */
	if (e != ERR_OK)
		imap_cmd_no(c, "NOTSAVED", "Too many ranges to save");
	return e == ERR_OK;
}
