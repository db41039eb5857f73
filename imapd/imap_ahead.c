/* SPDX-License-Identifier: ISC */
#include "imapd/imap_ahead.h"

#include "imapd/imap_cmd.h"
#include "imapd/imap_column.h"
#include "imapd/imap_scan.h"
#include "imapd/imap_search.h"
#include "lib/base/enc.h"
#include "lib/ipc/key_proto.h"

struct turn {
	struct imap_scan_run	 run;
	struct imap_search	 program;
	struct imap_search_node	 nodes[2];
	uint8_t			 values[2];
	unsigned char		 set[8];
};

/* The first UID of the block that is not full yet. */
static uint32_t
open_block(const struct imap_session *s)
{
	return s->view.uidnext - s->view.uidnext % IMAP_COLUMN_UIDS;
}

void
imap_ahead_select(struct imap_session *s)
{
	s->view.ahead = open_block(s);
}

bool
imap_ahead_is_due(const struct imap_session *s)
{
	const struct imap_cmd *c = s->cmd;

	if (s->state != IMAP_SELECTED || open_block(s) <= s->view.ahead ||
	    s->shared->ahead_count > 0 || s->view.guest != NULL || s->handle == 0 ||
	    s->sealing == SEALING_CLIENT || s->opens_nothing || s->relogin || s->handshake ||
	    s->sync.done != NULL)
		return false;
	/* It idles. */
	return c != NULL && c->outer == NULL && c->on_notify != NULL && c->wants_input &&
	    c->answer == IMAP_ANSWER_NONE;
}

static void
fini(struct imap_cmd *c)
{
	struct turn *t = c->priv;

	imap_scan_free(&t->run.scan);
	c->s->shared->ahead_count--;
}

static void
on_message(void *arg, const struct imap_search_facts *f)
{
	(void)arg;
	(void)f;
}

static void
done(struct imap_cmd *c)
{
	imap_cmd_ok(c, "Made");
}

static void
on_ended(struct imap_session *s)
{
	(void)s;
}

/* All of those UIDs, each with its entry. */
static void
start(struct imap_cmd *c, struct turn *t, uint32_t first, uint32_t last)
{
	struct imap_scan_want want = {
		.program = &t->program, .entry = true, .limit = IMAP_SCAN_ALL,
		.on_match = on_message,
	};

	enc_le32(t->set, first);
	enc_le32(t->set + 4, last);
	t->nodes[0].kind = IMAP_SEARCH_AND;
	t->nodes[1] = (struct imap_search_node){ .kind = IMAP_SEARCH_UID,
	    .set = slice_of(t->set, sizeof(t->set)) };
	t->program = (struct imap_search){ .v = t->nodes, .values = t->values, .count = 2 };
	c->priv = t;
	c->fini = fini;
	c->s->shared->ahead_count++;
	imap_scan_run(c, &want, done);
}

void
imap_ahead_turn(struct imap_session *s)
{
	uint32_t first = s->view.ahead, end = open_block(s);
	struct imap_cmd *c;
	struct turn *t;

	if (!imap_ahead_is_due(s))
		return;
	first -= first < IMAP_AHEAD_BEFORE ? first : IMAP_AHEAD_BEFORE;
	if (end - first > IMAP_AHEAD_UIDS)
		first = end - IMAP_AHEAD_UIDS;
	s->view.ahead = end;
	c = imap_session_push(s, NULL, on_ended);
	t = imap_cmd_alloc(c, sizeof(*t));
	if (t != NULL)
		start(c, t, first > 0 ? first : 1, end - 1);
}
