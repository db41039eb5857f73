/* SPDX-License-Identifier: ISC */
#include "imapd/imap_carry.h"

#include "imapd/imap_copy.h"
#include "imapd/imap_deposit.h"
#include "imapd/imap_expunge.h"
#include "imapd/imap_flags.h"
#include "imapd/imap_seqset.h"
#include "imapd/imap_source.h"
#include "imapd/imap_sync.h"
#include "lib/base/enc.h"
#include "lib/base/log.h"

#define FEED_BYTES	(1u << 20)	/* of a message, in one turn of the loop */
#define FEED_MESSAGES	32u		/* begun in one turn */

enum stage {
	CHECKING,	/* the mailbox that they go to */
	LISTING,	/* which there are */
	OPENING,	/* the next of them */
	GRANTING,	/* an epoch to seal it under */
	FEEDING,	/* its bytes to the sealer */
	FILING,		/* a file of the store's; then after */
	SENDING,
	SENT,
	FLAGGING,	/* those that were moved */
	EXPUNGING
};

struct carry {
	struct imap_cmd		*c;
	struct imap_place	 to;
	struct slice		 set;
	bool			 move;
	bool			 waiting;
	bool			 ended;		/* of the message under way all was read */
	enum stage		 stage, after;
	struct imap_walk_at	 at;
	struct imap_walk	 walk;		/* LISTING */
	struct buf		 uids;		/* u32 each */
	struct buf		 pairs;		/* the same as a set */
	size_t			 next;		/* in uids */
	struct imap_item	 item;		/* BODY[] */
	struct imap_source	 source;
	struct imap_deposit	 deposit;
	struct buf		 piece;
	struct buf		 keywords;
	uint32_t		 resume;
	uint64_t		 size_sum;
	uint32_t		 uidvalidity, uid;	/* where they came to be */
};

static void
fini(struct imap_cmd *c)
{
	struct carry *k = c->priv;

	imap_walk_fini(&k->walk);
	imap_source_fini(&k->source);
	imap_deposit_fini(&k->deposit);
	buf_fini(&k->uids);
	buf_fini(&k->pairs);
	buf_wipe(&k->piece);
	buf_fini(&k->piece);
	buf_fini(&k->keywords);
}

static void
fail(struct carry *k, enum err e)
{
	if (k->c->answer == IMAP_ANSWER_NONE)
		imap_cmd_error(k->c, e);
}

static void
put_u32(struct buf *b, uint32_t v)
{
	unsigned char bytes[4];

	enc_le32(bytes, v);
	buf_put(b, bytes, sizeof(bytes));
}

/* ---- which ---- */

static void
on_checked(struct imap_session *s, void *arg, const struct imap_reply *r)
{
	struct carry *k = arg;

	k->waiting = false;
	imap_place_checked(s->cmd, &k->to, r);
	k->stage = LISTING;
}

static bool
list(struct carry *k)
{
	enum err e = imap_walk_next(&k->walk);

	while (e == ERR_OK) {
		put_u32(&k->uids, k->walk.row.uid);
		imap_seqset_add(&k->pairs, k->walk.row.uid);
		e = imap_walk_next(&k->walk);
	}
	if (e == ERR_AGAIN)
		return false;
	if (e != ERR_END)
		fail(k, e);
	else if (buf_err(&k->uids) != ERR_OK)
		imap_cmd_no(k->c, "LIMIT", "Too many messages for another's mailbox at once");
	else if (k->uids.n == 0)
		imap_cmd_ok(k->c, "No messages");
	k->at = k->walk.at;
	k->stage = OPENING;
	return true;
}

/* ---- one message ---- */

static bool
open_next(struct carry *k)
{
	enum err e;

	if (!k->source.begun || k->ended) {
		imap_source_begin(&k->source, &k->at,
		    dec_le32(buf_data(&k->uids) + 4 * k->next), &k->item, 1);
		imap_deposit_next(&k->deposit);
		k->ended = false;
	}
	e = imap_source_ready(&k->source);
	if (e == ERR_AGAIN)
		return false;
	if (e != ERR_OK)
		fail(k, e);
	k->stage = GRANTING;
	return true;
}

static bool
grant(struct carry *k)
{
	enum err e = imap_deposit_begin(&k->deposit, k->source.section.bytes);

	if (e == ERR_AGAIN)
		return false;
	if (e != ERR_OK)
		fail(k, e);
	k->stage = FEEDING;
	return true;
}

static void
on_file(struct imap_session *s, void *arg, const struct imap_reply *r)
{
	struct carry *k = arg;
	int fd;

	k->waiting = false;
	if (imap_cmd_expect(s->cmd, r, IPC_MSG_store_file_ok) == NULL)
		return;
	fd = ipc_take_fd(r->in, 0);
	if (fd < 0)
		fail(k, ERR_GONE);
	else if (imap_deposit_take_file(&k->deposit, fd) != ERR_OK)
		fail(k, ERR_FULL);
	k->stage = k->after;
}

/* What no longer fits in a request. */
static bool
wants_file(struct carry *k, enum stage after)
{
	struct ipc_store_file m = { 0 };

	if (!imap_deposit_needs_file(&k->deposit))
		return false;
	k->after = after;
	k->stage = FILING;
	k->waiting = imap_cmd_call(k->c, IPC_STORE, IPC_MSG_store_file, &m, on_file, k);
	return true;
}

static bool
end_message(struct carry *k)
{
	enum err e = imap_deposit_end(&k->deposit);

	k->ended = true;
	if (e != ERR_OK)
		fail(k, e);
	else if (!wants_file(k, SENDING))
		k->stage = SENDING;
	return true;
}

static bool
feed(struct carry *k)
{
	enum err e;

	for (size_t fed = 0; fed < FEED_BYTES; fed += k->piece.n) {
		buf_reset(&k->piece);
		e = imap_source_read(&k->source, &k->piece);
		if (e == ERR_AGAIN)
			return false;
		if (e == ERR_END)
			return end_message(k);
		if (e == ERR_OK)
			e = imap_deposit_put(&k->deposit, buf_slice(&k->piece));
		if (e != ERR_OK) {
			fail(k, e);
			return true;
		}
		if (wants_file(k, FEEDING))
			return true;
	}
	k->c->s->host->defer(k->c->s->host_arg);
	return false;
}

static void
on_appended(struct imap_session *s, void *arg, const struct imap_reply *r)
{
	struct carry *k = arg;
	const struct ipc_store_appended *m = imap_deposit_result(&k->deposit, r);

	k->waiting = false;
	if (m == NULL) {
		(void)imap_cmd_expect(s->cmd, r, IPC_MSG_store_appended);
		return;
	}
	k->next++;
	k->uidvalidity = m->uidvalidity;
	k->uid = m->uid;
	k->stage = SENT;
}

static bool
hand_over(struct carry *k)
{
	const struct imap_walk *w = &k->source.walk;
	struct ipc_store_append *m = &k->deposit.append;
	enum err e;

	buf_reset(&k->keywords);
	imap_flags_put_names(&k->keywords, w->row.flags, w->row.more,
	    imap_sync_names(k->c->s));
	m->mailbox = k->to.name;
	m->flags = w->row.flags & STORE_SYSTEM;
	m->keywords = buf_slice(&k->keywords);
	m->internal_s = w->cold.internal_s;
	m->more = 4 * (k->next + 1) < k->uids.n;
	k->size_sum += w->cold.size;
	e = imap_deposit_send(&k->deposit, on_appended, k);
	k->waiting = e == ERR_OK;
	if (e != ERR_OK)
		fail(k, e);
	return true;
}

/* ---- all are there ---- */

static void
done(struct imap_cmd *c)
{
	struct carry *k = c->priv;
	uint32_t last = k->uid + (uint32_t)(k->uids.n / 4) - 1;
	struct buf to;

	log_event(LOG_append, log_session(c->s->sid), log_text("mailbox", k->to.name),
	    log_num("uid", k->uid), log_num("size", k->size_sum));
	buf_init(&to, 8);
	put_u32(&to, k->uid);
	put_u32(&to, last);
	imap_copy_answer(c, k->move, k->uidvalidity, buf_slice(&k->pairs), buf_slice(&to));
	buf_fini(&to);
}

static void
on_flagged(struct imap_session *s, void *arg, const struct imap_reply *r)
{
	struct carry *k = arg;
	const struct ipc_store_rows *m = imap_cmd_expect(s->cmd, r, IPC_MSG_store_rows);

	k->waiting = false;
	if (m == NULL)
		return;
	s->cmd->modseq = m->modseq;
	k->resume = m->resume;
	if (!m->more)
		k->stage = EXPUNGING;
}

/* RFC 6851 s3.3: the same as STORE +FLAGS.SILENT \Deleted and UID EXPUNGE. */
static bool
flag(struct carry *k)
{
	struct ipc_store_flags m = {
		.handle = k->at.handle, .mailbox = k->at.mailbox, .v = k->at.v,
		.uidnext = k->at.uidnext, .by_uid = true, .op = STORE_ADD,
		.flags = STORE_DELETED, .unchanged_since = UINT64_MAX, .resume = k->resume,
		.quiet = true,
		.set = buf_slice(&k->pairs),
	};

	k->waiting = imap_cmd_call(k->c, IPC_STORE, IPC_MSG_store_flags, &m, on_flagged, k);
	return true;
}

static bool
expunge(struct carry *k)
{
	k->waiting = true;	/* until done */
	imap_expunge_start(k->c, buf_slice(&k->pairs), done);
	return false;
}

static bool
next(struct carry *k)
{
	if (4 * k->next < k->uids.n) {
		k->stage = OPENING;
		/* Small ones, too, let others have their turn. */
		if (k->next % FEED_MESSAGES != 0)
			return true;
		k->c->s->host->defer(k->c->s->host_arg);
		return false;
	}
	if (k->move)
		k->stage = FLAGGING;
	else
		done(k->c);
	return true;
}

/* ---- the machine ---- */

/* false: nothing more can be done now */
static bool
advance(struct carry *k)
{
	switch (k->stage) {
	case LISTING:
		return list(k);
	case OPENING:
		return open_next(k);
	case GRANTING:
		return grant(k);
	case FEEDING:
		return feed(k);
	case SENDING:
		return hand_over(k);
	case SENT:
		return next(k);
	case FLAGGING:
		return flag(k);
	case EXPUNGING:
		return expunge(k);
	case CHECKING:
	case FILING:
		break;
	}
	return false;
}

static void
step(struct imap_cmd *c)
{
	struct carry *k = c->priv;

	while (c->answer == IMAP_ANSWER_NONE && !k->waiting && advance(k))
		;
}

static void
start(struct carry *k, struct imap_cmd *c)
{
	k->c = c;
	buf_init(&k->uids, 4 * IMAP_CARRY_MAX);
	buf_init(&k->pairs, 8 * IMAP_CARRY_MAX);
	buf_init(&k->piece, 2u << 20);
	buf_init(&k->keywords, STORE_KEYWORD_BYTES_MAX);
	imap_source_init(&k->source, c);
	imap_deposit_init(&k->deposit, c);
	k->deposit.handle = k->to.handle;
	k->deposit.owner = imap_place_owner(c->s, &k->to);
	k->walk.set = k->set;
	k->walk.by_uid = c->by_uid;
	imap_walk_start(&k->walk, c);
	c->priv = k;
	c->fini = fini;
	c->resume = step;
}

void
imap_carry_start(struct imap_cmd *c, const struct imap_place *to, struct slice set, bool move)
{
	uint32_t needs = STORE_RIGHT_R | (move ? STORE_RIGHT_T | STORE_RIGHT_E : 0);
	struct carry *k;

	if ((c->s->view.rights & needs) != needs) {
		imap_cmd_error(c, ERR_DENIED);
		return;
	}
	k = imap_cmd_alloc(c, sizeof(*k));
	if (k == NULL)
		return;
	k->to = *to;
	k->set = set;
	k->move = move;
	if (!imap_items_parse_section(&k->item, SLICE_NONE, &c->arena)) {
		imap_cmd_error(c, ERR_LIMIT);
		return;
	}
	start(k, c);
	k->waiting = imap_place_check(c, to, on_checked, k);
}
