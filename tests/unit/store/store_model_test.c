/* SPDX-License-Identifier: ISC */
/*
 * Many views of one mailbox and a second mailbox, thousands of random
 * operations, against a naive model: what a client believes after each answer
 * must be what it would see in the model.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/enc.h"
#include "lib/ipc/store_proto.h"
#include "store/store_wide.h"
#include "tests/unit/store/store_bed.h"
#include "tests/unit/test.h"

#define VIEWS		5
#define MESSAGES_MAX	6000
#define KEYWORDS	60	/* more than narrow pages have */

struct message {
	uint32_t	 uid;
	uint32_t	 flags;
	uint64_t	 words;		/* of KEYWORDS */
	bool		 is_live;
	uint64_t	 stamp;		/* of the last change, on our own clock */
};

/* One mailbox as it is. */
struct model {
	uint64_t	 id;
	const char	*name;
	struct message	*v;
	uint32_t	 n;
	uint32_t	 uidnext;
};

/* What one client was told. */
struct client {
	uint32_t	 handle;
	struct model	*box;
	uint64_t	 v;
	uint64_t	 r;
	uint32_t	 uidnext;
	uint32_t	*uids;		/* by sequence number - 1 */
	uint32_t	 n;
	struct buf	 names;		/* of keywords */
};

/* A client that went away with what it knew (QRESYNC). */
struct away {
	struct model	*box;
	uint64_t	 modseq;
	uint64_t	 stamp;
	bool		*gone;		/* by UID */
};

static struct bed bed;
static struct bed_peer *deliver, *imapd;
static struct model boxes[2];
static struct client clients[VIEWS];
static struct away away;
static uint64_t seed, now;

static uint32_t
rnd(uint32_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)((seed >> 16) % below);
}

static struct message *
message_of(struct model *m, uint32_t uid)
{
	return uid < m->uidnext ? &m->v[uid] : NULL;
}

static void
model_add(struct model *m, uint32_t uid, uint32_t flags, uint64_t words)
{
	assert_int_equal(uid, m->uidnext);
	assert_true(uid < MESSAGES_MAX);
	m->v[uid] = (struct message){ uid, flags, words, true, ++now };
	m->uidnext++;
	m->n++;
}

static void
client_select(struct client *c, struct model *m)
{
	struct ipc_store_select sm = { c->handle, false, slice_str(m->name) };
	struct bed_reply *r = bed_call(&bed, imapd, IPC_MSG_store_select, &sm);

	assert_int_equal(r->type, IPC_MSG_store_selected);
	m->id = r->m.store_selected.mailbox;
	c->box = m;
	c->v = c->r = r->m.store_selected.modseq;
	c->uidnext = r->m.store_selected.uidnext;
	assert_int_equal(c->uidnext, m->uidnext);
	assert_int_equal(r->m.store_selected.exists, m->n);
	buf_reset(&c->names);
	buf_put_slice(&c->names, r->m.store_selected.keywords);
	c->n = 0;
	for (uint32_t uid = 1; uid < m->uidnext; uid++)
		if (m->v[uid].is_live)
			c->uids[c->n++] = uid;
}

static struct slice
pair(unsigned char p[8], uint32_t first, uint32_t last)
{
	enc_le32(p, first);
	enc_le32(p + 4, last);
	return slice_of(p, 8);
}

/* ---- keywords: "w0" to "w59", numbered by the mailbox as they come ---- */

static uint32_t
count_names(struct slice names)
{
	uint32_t n = 0;

	for (size_t i = 0; i < names.n; i++)
		n += names.p[i] == '\0';
	return n;
}

static void
words_put(struct buf *b, uint64_t words)
{
	for (unsigned i = 0; i < KEYWORDS; i++) {
		if (!(words >> i & 1))
			continue;
		buf_printf(b, "w%u", i);
		buf_put_char(b, '\0');
	}
}

static uint64_t
words_of(struct slice names, const struct ipc_row *row)
{
	struct flagset f = flagset_of(row->flags, row->more);
	struct slice name;
	uint64_t words = 0;

	for (unsigned i = 0; names.n > 0; i++) {
		names = slice_cut(names, '\0', &name);
		if (flagset_has(&f, i))
			words |= 1ull << atoi(name.p + 1);
	}
	return words;
}

static void
check_row(struct slice names, const struct ipc_row *row, const struct message *msg)
{
	assert_int_equal(row->flags & 0xff, msg->flags);
	assert_true(words_of(names, row) == msg->words);
}

/* As the mailbox has them now, which no session need know yet. */
static void
names_now(struct buf *b, const struct client *c)
{
	struct ipc_store_select sm = { c->handle, true, slice_str(c->box->name) };
	struct bed_reply *r = bed_call(&bed, imapd, IPC_MSG_store_select, &sm);

	assert_int_equal(r->type, IPC_MSG_store_selected);
	buf_init(b, STORE_KEYWORD_BYTES_MAX);
	buf_put_slice(b, r->m.store_selected.keywords);
}

/* FETCH first:last (FLAGS), by number or UID: the whole answer, page by page. */
static void
check_fetch(struct client *c, bool by_uid, uint32_t first, uint32_t last, uint32_t limit)
{
	struct ipc_store_fetch m = { .handle = c->handle, .mailbox = c->box->id, .v = c->v,
	    .uidnext = c->uidnext, .by_uid = by_uid, .limit = limit };
	struct ipc_reader rd;
	struct bed_reply *r;
	unsigned char p[8];
	struct ipc_row row;
	struct message *msg;
	struct buf names;
	uint32_t i = 0;

	names_now(&names, c);
	m.set = pair(p, first, last);
	for (;;) {
		r = bed_call(&bed, imapd, IPC_MSG_store_fetch, &m);
		assert_int_equal(r->type, IPC_MSG_store_rows);
		rd = ipc_reader_of(r->m.store_rows.rows);
		while (ipc_reader_more(&rd)) {
			ipc_row_get(&rd, &row);
			while (i < c->n && (by_uid ? c->uids[i] < first : i + 1 < first))
				i++;
			assert_true(i < c->n);
			assert_int_equal(row.uid, c->uids[i]);
			assert_int_equal(row.seq, i + 1);
			msg = message_of(c->box, row.uid);
			/* Pending ones too: as they were when they went. */
			check_row(buf_slice(&names), &row, msg);
			i++;
		}
		if (!r->m.store_rows.more)
			break;
		m.resume = r->m.store_rows.resume;
	}
	buf_fini(&names);
	/* Nothing of the range is missing. */
	if (i < c->n && (by_uid ? c->uids[i] <= last : i + 1 <= last))
		assert_true(by_uid ? c->uids[i] < first : i + 1 < first);
	if (first == 1 && last == STORE_STAR)
		assert_int_equal(i, c->n);
}

static void
do_append(void)
{
	struct model *m = &boxes[rnd(4) == 0];
	uint32_t flags = rnd(3) == 0 ? STORE_SEEN : 0;
	struct bed_reply *r;

	if (m->uidnext >= MESSAGES_MAX - 200)
		return;
	r = bed_append(&bed, deliver, 0, 1, m->name, flags, SLICE_LIT("x"));
	assert_int_equal(r->type, IPC_MSG_store_appended);
	assert_false(r->m.store_appended.duplicate);
	model_add(m, r->m.store_appended.uid, flags, 0);
}

static void
do_flags(struct client *c)
{
	static const uint32_t choices[] = { STORE_SEEN, STORE_DELETED, STORE_FLAGGED,
	    STORE_SEEN | STORE_DELETED };
	struct ipc_store_flags m = { .handle = c->handle, .mailbox = c->box->id, .v = c->v,
	    .uidnext = c->uidnext, .by_uid = rnd(2), .op = (uint8_t)(1 + rnd(3)),
	    .flags = choices[rnd(4)], .unchanged_since = UINT64_MAX };
	uint32_t a, b, swap;
	struct bed_reply *r;
	unsigned char p[8];
	struct message *msg;
	uint64_t words, given = 0;
	uint32_t flags;
	struct buf names;

	if (c->n == 0)
		return;
	a = rnd(c->n);
	b = rnd(4) == 0 ? rnd(c->n) : a;
	if (a > b) {
		swap = a;
		a = b;
		b = swap;
	}
	m.set = m.by_uid ? pair(p, c->uids[a], c->uids[b]) : pair(p, a + 1, b + 1);
	for (unsigned i = rnd(4); i > 0; i--)
		given |= 1ull << rnd(KEYWORDS);
	buf_init(&names, 2000);
	words_put(&names, given);
	m.keywords = buf_slice(&names);
	do {
		r = bed_call(&bed, imapd, IPC_MSG_store_flags, &m);
		assert_int_equal(r->type, IPC_MSG_store_rows);
		m.resume = r->m.store_rows.resume;
	} while (r->m.store_rows.more);
	buf_fini(&names);
	for (uint32_t i = a; i <= b; i++) {
		msg = message_of(c->box, c->uids[i]);
		if (!msg->is_live)
			continue;
		flags = m.op == STORE_ADD ? msg->flags | m.flags :
		    m.op == STORE_REMOVE ? msg->flags & ~m.flags : m.flags;
		words = m.op == STORE_ADD ? msg->words | given :
		    m.op == STORE_REMOVE ? msg->words & ~given : given;
		if (flags != msg->flags || words != msg->words)
			msg->stamp = ++now;
		msg->flags = flags;
		msg->words = words;
	}
}

static void
do_expunge(struct client *c)
{
	struct ipc_store_expunge m = { .handle = c->handle, .mailbox = c->box->id, .v = c->v,
	    .uidnext = c->uidnext };
	uint32_t count = 0, gone = 0;
	struct bed_reply *r;

	do {
		r = bed_call(&bed, imapd, IPC_MSG_store_expunge, &m);
		assert_int_equal(r->type, IPC_MSG_store_expunged);
		count += r->m.store_expunged.count;
		m.resume = r->m.store_expunged.resume;
	} while (r->m.store_expunged.more);
	for (uint32_t uid = 1; uid < c->uidnext; uid++) {
		if (!c->box->v[uid].is_live || !(c->box->v[uid].flags & STORE_DELETED))
			continue;
		c->box->v[uid].is_live = false;
		c->box->n--;
		gone++;
	}
	assert_int_equal(count, gone);
}

static void
do_copy(struct client *c)
{
	struct model *to = &boxes[rnd(2)];
	struct ipc_store_copy m = { .handle = c->handle, .mailbox = c->box->id, .v = c->v,
	    .uidnext = c->uidnext, .move = rnd(2), .to = slice_str(to->name) };
	uint32_t a, b, uid, n = 0;
	struct message *msg;
	struct bed_reply *r;
	unsigned char p[8];

	if (c->n == 0 || to->uidnext >= MESSAGES_MAX - 200)
		return;
	a = rnd(c->n);
	b = a + rnd(20);
	b = b < c->n ? b : c->n - 1;
	m.set = pair(p, a + 1, b + 1);
	r = bed_call(&bed, imapd, IPC_MSG_store_copy, &m);
	assert_int_equal(r->type, IPC_MSG_store_copied);
	for (uint32_t i = a; i <= b; i++) {
		msg = message_of(c->box, c->uids[i]);
		if (!msg->is_live)
			continue;
		if (n == 0) {
			/* One run of new UIDs. */
			assert_int_equal(r->m.store_copied.to.n, 8);
			assert_int_equal(dec_le32(r->m.store_copied.to.p), to->uidnext);
		}
		uid = to->uidnext;
		model_add(to, uid, msg->flags, msg->words);
		if (m.move) {
			msg->is_live = false;
			c->box->n--;
		}
		n++;
	}
	if (n > 0)
		assert_int_equal(dec_le32(r->m.store_copied.to.p + 4), to->uidnext - 1);
}

static void
apply_vanished(struct client *c, struct slice pairs)
{
	uint32_t uid, seq;

	for (size_t i = 0; i < pairs.n; i += 8) {
		uid = dec_le32(pairs.p + i);
		seq = dec_le32(pairs.p + i + 4);
		assert_in_range(seq, 1, c->n);
		assert_int_equal(c->uids[seq - 1], uid);
		assert_false(message_of(c->box, uid)->is_live);
		memmove(&c->uids[seq - 1], &c->uids[seq], (c->n - seq) * sizeof(c->uids[0]));
		c->n--;
	}
}

static void
do_sync(struct client *c, bool expunges)
{
	struct ipc_store_sync m = { .handle = c->handle, .mailbox = c->box->id, .v = c->v,
	    .r = c->r, .uidnext = c->uidnext, .expunges = expunges };
	struct buf names;
	struct ipc_store_changes *ch;
	struct ipc_reader rd;
	struct ipc_row row;
	uint64_t new_r = 0;

	for (;;) {
		m.keyword_count = count_names(buf_slice(&c->names));
		ch = &bed_call(&bed, imapd, IPC_MSG_store_sync, &m)->m.store_changes;
		assert_int_equal(bed.reply.type, IPC_MSG_store_changes);
		if (m.resume == 0) {
			apply_vanished(c, ch->vanished);
			new_r = ch->modseq;
			/* EXISTS: what came since, gone again or not. */
			for (uint32_t uid = c->uidnext; uid < ch->uidnext; uid++)
				if (!expunges || message_of(c->box, uid)->is_live)
					c->uids[c->n++] = uid;
			assert_int_equal(ch->exists, c->n);
			c->uidnext = ch->uidnext;
			c->v = ch->v;
		}
		buf_put_slice(&c->names, ch->keywords);
		rd = ipc_reader_of(ch->rows);
		while (ipc_reader_more(&rd)) {
			ipc_row_get(&rd, &row);
			assert_in_range(row.seq, 1, c->n);
			assert_int_equal(c->uids[row.seq - 1], row.uid);
			check_row(buf_slice(&c->names), &row, message_of(c->box, row.uid));
		}
		m.v = ch->v;
		m.uidnext = ch->uidnext;
		if (ch->expunges_more)
			m.resume = 0;
		else if (ch->more)
			m.resume = ch->resume;
		else
			break;
	}
	c->r = new_r;
	/* The names told bit by bit are all of them. */
	names_now(&names, c);
	assert_true(slice_eq(buf_slice(&names), buf_slice(&c->names)));
	buf_fini(&names);
	if (!expunges)
		return;
	assert_int_equal(c->n, c->box->n);
	for (uint32_t i = 0; i < c->n; i++)
		assert_true(message_of(c->box, c->uids[i])->is_live);
}

/* ---- away and back (RFC 7162 s3.2.5) ---- */

static void
leave(struct model *m)
{
	struct ipc_store_select sm = { clients[0].handle, true, slice_str(m->name) };
	struct bed_reply *r = bed_call(&bed, imapd, IPC_MSG_store_select, &sm);

	assert_int_equal(r->type, IPC_MSG_store_selected);
	away.box = m;
	away.modseq = r->m.store_selected.modseq;
	away.stamp = now;
	for (uint32_t uid = 1; uid < m->uidnext; uid++)
		away.gone[uid] = !m->v[uid].is_live;
	memset(away.gone + m->uidnext, 0, (MESSAGES_MAX - m->uidnext) * sizeof(away.gone[0]));
}

/* Exactly what vanished since: no UID twice, none of before, none that is there. */
static void
back_vanished(const struct ipc_store_selected *s)
{
	struct ipc_store_vanished m = { .handle = clients[0].handle, .mailbox = s->mailbox,
	    .since = away.modseq, .v = s->modseq, .uidnext = s->uidnext };
	struct ipc_store_vanished_reply *v;
	uint32_t uid = 1;

	do {
		v = &bed_call(&bed, imapd, IPC_MSG_store_vanished, &m)->m.store_vanished_reply;
		assert_int_equal(bed.reply.type, IPC_MSG_store_vanished_reply);
		assert_true(v->exact);
		for (; v->ranges.n > 0; v->ranges = slice_from(v->ranges, 8)) {
			for (; uid < dec_le32(v->ranges.p); uid++)
				assert_true(away.box->v[uid].is_live || away.gone[uid]);
			for (; uid <= dec_le32(v->ranges.p + 4); uid++)
				assert_true(!away.box->v[uid].is_live && !away.gone[uid]);
		}
		m.resume = v->resume;
	} while (v->more);
	for (; uid < away.box->uidnext; uid++)
		assert_true(away.box->v[uid].is_live || away.gone[uid]);
}

/* Exactly the rows that changed. */
static void
back_changed(const struct ipc_store_selected *s)
{
	unsigned char p[8];
	struct ipc_store_fetch m = { .handle = clients[0].handle, .mailbox = s->mailbox,
	    .v = s->modseq, .uidnext = s->uidnext, .by_uid = true,
	    .changed_since = away.modseq, .set = pair(p, 1, STORE_STAR) };
	struct ipc_store_rows *r;
	struct ipc_reader rd;
	struct ipc_row row;
	uint32_t uid = 1;

	do {
		r = &bed_call(&bed, imapd, IPC_MSG_store_fetch, &m)->m.store_rows;
		assert_int_equal(bed.reply.type, IPC_MSG_store_rows);
		rd = ipc_reader_of(r->rows);
		while (ipc_reader_more(&rd)) {
			ipc_row_get(&rd, &row);
			for (; uid < row.uid; uid++)
				assert_true(!away.box->v[uid].is_live ||
				    away.box->v[uid].stamp <= away.stamp);
			assert_true(away.box->v[uid].is_live &&
			    away.box->v[uid].stamp > away.stamp);
			check_row(s->keywords, &row, &away.box->v[uid++]);
		}
		m.resume = r->resume;
	} while (r->more);
	for (; uid < away.box->uidnext; uid++)
		assert_true(!away.box->v[uid].is_live || away.box->v[uid].stamp <= away.stamp);
}

static void
come_back(void)
{
	struct ipc_store_select sm = { clients[0].handle, true, slice_str(away.box->name) };
	struct ipc_store_selected s;
	struct buf names;
	struct bed_reply *r = bed_call(&bed, imapd, IPC_MSG_store_select, &sm);

	assert_int_equal(r->type, IPC_MSG_store_selected);
	s = r->m.store_selected;
	buf_init(&names, STORE_KEYWORD_BYTES_MAX);
	buf_put_slice(&names, s.keywords);
	s.keywords = buf_slice(&names);
	back_vanished(&s);
	back_changed(&s);
	buf_fini(&names);
}

static void
step(void)
{
	struct client *c = &clients[rnd(VIEWS)];
	uint32_t a;

	switch (rnd(21)) {
	case 0: case 1: case 2: case 3: case 4: case 5:
		do_append();
		break;
	case 6: case 7: case 8: case 9:
		do_flags(c);
		break;
	case 10:
		do_expunge(c);
		break;
	case 11: case 12:
		do_copy(c);
		break;
	case 13: case 14:
		do_sync(c, true);
		break;
	case 15:
		do_sync(c, false);
		break;
	case 16:
		check_fetch(c, false, 1, STORE_STAR, rnd(3) == 0 ? 7 : 0);
		break;
	case 17:
		check_fetch(c, true, 1, STORE_STAR, rnd(3) == 0 ? 11 : 0);
		break;
	case 18:
		a = 1 + rnd(c->n + 1);
		check_fetch(c, rnd(2), a, a + rnd(30), 0);
		break;
	case 19:
		if (rnd(3) == 0)
			come_back();
		if (rnd(12) == 0)
			leave(&boxes[rnd(2)]);
		break;
	default:
		if (rnd(10) == 0)
			client_select(c, &boxes[rnd(2)]);
	}
}

static void
restart(bool crash)
{
	struct bed_peer *keyd;

	if (crash)
		bed_crash(&bed);
	else
		bed_close(&bed);
	bed_open(&bed);
	keyd = bed_peer(&bed, IPC_KEYD, 50);
	bed_accounts(&bed, keyd);
	deliver = bed_peer(&bed, IPC_DELIVER, 51);
	imapd = bed_peer(&bed, IPC_IMAPD, 52);
	for (unsigned i = 0; i < VIEWS; i++)
		clients[i].handle = bed_login(&bed, imapd, 1);
}

static void
run(uint64_t with_seed, unsigned steps)
{
	seed = with_seed;
	bed_init(&bed, 2);
	restart(false);
	boxes[0].name = "INBOX";
	boxes[1].name = "Archive";
	for (unsigned i = 0; i < 2; i++) {
		boxes[i].v = calloc(MESSAGES_MAX, sizeof(struct message));
		boxes[i].uidnext = 1;
		boxes[i].n = 0;
	}
	for (unsigned i = 0; i < VIEWS; i++) {
		clients[i].uids = calloc(2 * MESSAGES_MAX, sizeof(uint32_t));
		buf_init(&clients[i].names, STORE_KEYWORD_BYTES_MAX);
		client_select(&clients[i], &boxes[i % 2]);
	}
	away.gone = calloc(MESSAGES_MAX, sizeof(away.gone[0]));
	leave(&boxes[0]);
	for (unsigned i = 1; i <= steps; i++) {
		step();
		if (i % 1000 == 0)
			bed_check(&bed);
		if (i % 700 == 0)
			bed_checkpoint(&bed);
		if (i % 1500 == 0)
			/* Views outlive the store: they are the client's. */
			restart(i % 3000 == 0);
	}
	for (unsigned i = 0; i < VIEWS; i++) {
		do_sync(&clients[i], true);
		check_fetch(&clients[i], false, 1, STORE_STAR, 0);
		free(clients[i].uids);
		buf_fini(&clients[i].names);
	}
	come_back();
	free(away.gone);
	bed_check(&bed);
	bed_fini(&bed);
	for (unsigned i = 0; i < 2; i++)
		free(boxes[i].v);
}

static void
test_views(void **state)
{
	(void)state;
	run(0x1234567, 5000);
}

static void
test_views_again(void **state)
{
	(void)state;
	run(0xfeedbeef12345, 5000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_views),
		cmocka_unit_test(test_views_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
