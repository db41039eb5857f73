/* SPDX-License-Identifier: ISC */
/*
 * One message after the other: found by its UID, opened (imap_arrival_open.c), and
 * handed over or moved.
 *
 * advance() does what can be done now; step() is called again when an answer came.
 */
#include "imapd/imap_arrivals.h"

#include <string.h>

#include "imapd/imap_arrival_priv.h"
#include "imapd/imap_seqset.h"
#include "lib/base/log.h"
#include "lib/ipc/store_proto.h"

#define HEADER_MAX	(32u << 10)	/* of a carrier */
#define LOGIN_MS	2000		/* that a login waits at most */

static void
fini(struct imap_cmd *c)
{
	struct imap_session *s = c->s;
	struct imap_arrival *t = c->priv;

	/* It was not all done: later. */
	if (c->answer != IMAP_ANSWER_OK) {
		s->arrivals_due = true;
		s->arrivals_at_ms = s->host->now_ms(s->host_arg) + IMAP_ARRIVALS_RETRY_MS;
	}
	imap_arrival_close(t);
	imap_source_fini(&t->source);
	imap_deposit_fini(&t->deposit);
	buf_wipe(&t->piece);
	buf_fini(&t->piece);
	buf_wipe(&t->out);
	buf_fini(&t->out);
	buf_fini(&t->header);
}

void
imap_arrival_give_up(struct imap_cmd *c)
{
	imap_cmd_no(c, NULL, "");
}

void
imap_arrival_ask(struct imap_cmd *c, enum ipc_role role, enum ipc_type type, const void *m,
    imap_reply_fn *fn)
{
	struct imap_arrival *t = c->priv;

	t->waiting = imap_cmd_call(c, role, type, m, fn, t);
}
/* ---- what is there ---- */

static void
on_asked(struct imap_session *s, void *arg, const struct imap_reply *r)
{
	const struct ipc_store_arrivals_reply *m = r->m;
	struct imap_arrival *t = arg;

	t->waiting = false;
	if (r->error != ERR_OK) {
		imap_arrival_give_up(s->cmd);
	} else if (r->type != IPC_MSG_store_arrivals_reply || m->exists == 0) {
		/* None, or another session sees to it. */
		imap_cmd_ok(s->cmd, "");
	} else {
		t->at = (struct imap_walk_at){ .handle = s->handle, .mailbox = m->mailbox,
		    .v = m->modseq, .uidnext = m->uidnext };
		t->stage = ARRIVAL_FINDING;
		t->is_found = false;
	}
}

static void
look(struct imap_cmd *c, bool done)
{
	const struct ipc_store_arrivals m = { .handle = c->s->handle, .done = done };

	imap_arrival_ask(c, IPC_STORE, IPC_MSG_store_arrivals, &m, on_asked);
}

static struct slice
pair(char p[8], uint32_t first, uint32_t last)
{
	struct buf b;

	buf_init(&b, 8);
	imap_seqset_put_pair(&b, first, last);
	memcpy(p, buf_data(&b), 8);
	buf_fini(&b);
	return slice_of(p, 8);
}

/* ---- what does not open ---- */

static void
tell(struct imap_cmd *c, const char *what)
{
	const struct imap_arrival *t = c->priv;

	log_event(LOG_arrival, log_session(c->s->sid), log_num("number", t->uid),
	    log_str("state", what));
}

static void
next(struct imap_cmd *c)
{
	struct imap_arrival *t = c->priv;
	struct imap_session *s = c->s;

	imap_arrival_close(t);
	t->stage = ARRIVAL_FINDING;
	t->left--;
	if (t->left > 0 && (t->until_ms == 0 || s->host->now_ms(s->host_arg) < t->until_ms))
		return;
	s->arrivals_due = true;
	imap_cmd_ok(c, "");
}

static void
on_moved(struct imap_session *s, void *arg, const struct imap_reply *r)
{
	struct imap_arrival *t = arg;

	t->waiting = false;
	if (r->error != ERR_OK || r->type != IPC_MSG_store_copied) {
		imap_arrival_give_up(s->cmd);
		return;
	}
	tell(s->cmd, "sealed");
	next(s->cmd);
}

void
imap_arrival_move(struct imap_cmd *c)
{
	struct imap_arrival *t = c->priv;
	char set[8];
	const struct ipc_store_copy m = { .handle = t->at.handle, .mailbox = t->at.mailbox,
		.v = t->at.v, .uidnext = t->at.uidnext, .by_uid = true, .move = true,
		.to = SLICE_LIT("INBOX"), .set = pair(set, t->uid, t->uid) };

	t->stage = ARRIVAL_MOVING;
	imap_arrival_ask(c, IPC_STORE, IPC_MSG_store_copy, &m, on_moved);
}

void
imap_arrival_wait(struct imap_cmd *c)
{
	struct imap_arrival *t = c->priv;

	tell(c, "waits");
	t->skipped++;
	next(c);
}

/* ---- the next one ---- */

static void
on_found(struct imap_session *s, void *arg, const struct imap_reply *r)
{
	const struct ipc_store_rows *m = r->m;
	struct imap_cmd *c = s->cmd;
	struct imap_arrival *t = arg;
	struct ipc_reader rd;
	struct ipc_row row;

	t->waiting = false;
	if (r->error != ERR_OK || r->type != IPC_MSG_store_rows) {
		imap_arrival_give_up(c);
		return;
	}
	rd = ipc_reader_of(m->rows);
	if (!ipc_reader_more(&rd)) {
		/* The end of those that were there: others may have come. */
		t->stage = ARRIVAL_ASKING;
		t->skipped += !t->is_found;
		return;
	}
	t->is_found = true;
	ipc_row_get(&rd, &row);
	t->uid = row.uid;
	t->newest = t->generation = 0;
	t->tries = 0;
	t->is_closed = false;
	if (s->sealing == SEALING_CLIENT) {
		imap_arrival_move(c);
		return;
	}
	t->stage = ARRIVAL_READING;
	buf_reset(&t->header);
	imap_source_begin(&t->source, &t->at, t->uid, t->items, ARRIVAL_ITEMS);
}

static void
find(struct imap_cmd *c)
{
	struct imap_arrival *t = c->priv;
	char set[8];
	const struct ipc_store_fetch m = { .handle = t->at.handle, .mailbox = t->at.mailbox,
		.v = t->at.v, .uidnext = t->at.uidnext, .by_uid = true, .limit = 1,
		.resume = t->uid, .set = pair(set, 1, STORE_STAR) };

	imap_arrival_ask(c, IPC_STORE, IPC_MSG_store_fetch, &m, on_found);
}

static void
on_appended(struct imap_session *s, void *arg, const struct imap_reply *r)
{
	struct imap_arrival *t = arg;
	struct imap_cmd *c = s->cmd;

	t->waiting = false;
	if (imap_deposit_result(&t->deposit, r) != NULL) {
		tell(c, "opened");
		next(c);
	} else if (r->error == ERR_OK && r->type == IPC_MSG_store_fail &&
	    ((const struct ipc_store_fail *)r->m)->error == ERR_GONE) {
		next(c);		/* somebody else was faster */
	} else {
		imap_arrival_give_up(c);
	}
}

static void
hand_over(struct imap_cmd *c)
{
	struct imap_arrival *t = c->priv;
	struct ipc_store_append *m = &t->deposit.append;

	m->mailbox = SLICE_LIT("INBOX");
	m->internal_s = t->internal_s;
	m->replace_mailbox = t->at.mailbox;
	m->replace_uid = t->uid;
	t->stage = ARRIVAL_APPENDING;
	if (imap_deposit_send(&t->deposit, on_appended, t) == ERR_OK)
		t->waiting = true;
	else
		imap_arrival_give_up(c);
}

/* ---- the machine ---- */

/* false: nothing more can be done now */
static bool
advance(struct imap_cmd *c)
{
	struct imap_arrival *t = c->priv;

	switch (t->stage) {
	case ARRIVAL_ASKING:
		look(c, t->skipped > 0);
		return true;
	case ARRIVAL_FINDING:
		find(c);
		return true;
	case ARRIVAL_READING:
		return imap_arrival_read(c);
	case ARRIVAL_OPENING:
		return imap_arrival_open(c);
	case ARRIVAL_GRANTING:
		return imap_arrival_grant(c);
	case ARRIVAL_FEEDING:
		return imap_arrival_feed(c);
	case ARRIVAL_MAKING_FILE:
		t->stage = t->after;
		return true;
	case ARRIVAL_SEALED:
		if (imap_deposit_needs_file(&t->deposit))
			imap_arrival_file(c, ARRIVAL_SEALED);
		else
			hand_over(c);
		return true;
	case ARRIVAL_APPENDING:
	case ARRIVAL_MOVING:
		break;
	}
	return false;
}

static void
step(struct imap_cmd *c)
{
	const struct imap_arrival *t = c->priv;

	while (c->answer == IMAP_ANSWER_NONE && !t->waiting && advance(c))
		;
}

void
imap_arrivals_run(struct imap_cmd *c, unsigned max)
{
	struct imap_session *s = c->s;
	struct imap_arrival *t = imap_cmd_alloc(c, sizeof(*t));

	if (t == NULL)
		return;
	c->priv = t;
	t->left = max;
	if (max == IMAP_ARRIVALS_LOGIN)
		t->until_ms = s->host->now_ms(s->host_arg) + LOGIN_MS;
	t->path[0] = 2;
	t->items[ARRIVAL_HEADER] = (struct imap_item){ .kind = IMAP_ITEM_SECTION,
		.what = MIME_SECTION_HEADER };
	t->items[ARRIVAL_BOXES] = (struct imap_item){ .kind = IMAP_ITEM_BINARY, .path = t->path,
		.path_count = 1 };
	imap_source_init(&t->source, c);
	imap_deposit_init(&t->deposit, c);
	buf_init(&t->header, HEADER_MAX);
	buf_init(&t->piece, 2 * SEAL_FRAME_BYTES);
	buf_init(&t->out, LETTER_OPEN_OUT_MAX);
	s->arrivals_due = false;
	c->fini = fini;
	c->resume = step;
	step(c);
}

/* ---- when ---- */

bool
imap_arrivals_is_due(const struct imap_session *s)
{
	const struct imap_cmd *c = s->cmd;

	if (!s->arrivals_due || s->opens_nothing || s->handle == 0 || s->relogin || s->handshake ||
	    s->sync.done != NULL || (s->state != IMAP_AUTH && s->state != IMAP_SELECTED) ||
	    s->host->now_ms(s->host_arg) < s->arrivals_at_ms)
		return false;
	/* Nothing runs, or IDLE. */
	return c == NULL || (c->outer == NULL && c->on_notify != NULL && c->wants_input &&
	    c->answer == IMAP_ANSWER_NONE);
}

static void
on_ended(struct imap_session *s)
{
	/* The store tells of what is new in INBOX. */
	(void)s;
}

void
imap_arrivals_turn(struct imap_session *s)
{
	if (imap_arrivals_is_due(s))
		imap_arrivals_run(imap_session_push(s, NULL, on_ended), IMAP_ARRIVALS_TURN);
}

void
imap_arrivals_on_news(struct imap_session *s)
{
	s->arrivals_due = true;
}
