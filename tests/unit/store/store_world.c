/* SPDX-License-Identifier: ISC */
#include "tests/unit/store/store_world.h"

#include "lib/base/enc.h"
#include "lib/ipc/store_proto.h"
#include "store/store_sweep.h"
#include "tests/unit/test.h"

struct bed	 bed;
struct bed_peer	*keyd, *deliver, *imapd, *other_imapd, *queue;
uint32_t	 h1, h2;

static void
join(void)
{
	keyd = bed_peer(&bed, IPC_KEYD, 1);
	bed_accounts(&bed, keyd);
	deliver = bed_peer(&bed, IPC_DELIVER, 2);
	imapd = bed_peer(&bed, IPC_IMAPD, 3);
	other_imapd = bed_peer(&bed, IPC_IMAPD, 4);
	queue = bed_peer(&bed, IPC_QUEUE, 5);
	h1 = bed_login(&bed, imapd, 1);
	h2 = bed_login(&bed, other_imapd, 2);
}

int
world_setup(void **state)
{
	(void)state;
	bed_init(&bed, 2);
	join();
	return 0;
}

int
world_teardown(void **state)
{
	(void)state;
	bed_check(&bed);
	bed_fini(&bed);
	return 0;
}

void
world_reopen(bool crash)
{
	bed_settle(&bed);
	if (crash)
		bed_crash(&bed);
	else
		bed_close(&bed);
	bed_open(&bed);
	join();
}

struct slice
world_pair(unsigned char p[8], uint32_t first, uint32_t last)
{
	enc_le32(p, first);
	enc_le32(p + 4, last);
	return slice_of(p, 8);
}

struct ipc_store_selected
world_selected(struct bed_peer *p, uint32_t handle, const char *name)
{
	struct ipc_store_select m = { handle, false, slice_str(name) };
	struct bed_reply *r = bed_call(&bed, p, IPC_MSG_store_select, &m);

	assert_reply(r, store_selected);
	return r->m.store_selected;
}

void
world_fill(const char *mailbox, uint32_t flags, unsigned n)
{
	while (n-- > 0)
		assert_reply(bed_append(&bed, deliver, 0, 1, mailbox, flags, SLICE_LIT("body")),
		    store_appended);
}

void
world_fill_archive(uint32_t n)
{
	struct ipc_store_copy m = { .handle = h1, .to = SLICE_LIT("Archive") };
	struct ipc_store_selected s;
	unsigned char set[8];

	world_fill("Archive", 0, 100);
	while ((s = world_selected(imapd, h1, "Archive")).exists < n) {
		m.mailbox = s.mailbox;
		m.v = s.modseq;
		m.uidnext = s.uidnext;
		m.set = world_pair(set, 1, n - s.exists < 5000 ? n - s.exists : 5000);
		assert_reply(bed_call(&bed, imapd, IPC_MSG_store_copy, &m), store_copied);
	}
}

void
world_flag(const char *mailbox, uint32_t first, uint32_t last, uint8_t op, uint32_t flags)
{
	struct ipc_store_selected s = world_selected(imapd, h1, mailbox);
	unsigned char set[8];
	struct ipc_store_flags m = { .handle = h1, .mailbox = s.mailbox, .v = s.modseq,
	    .uidnext = s.uidnext, .by_uid = true, .op = op, .flags = flags,
	    .unchanged_since = UINT64_MAX, .set = world_pair(set, first, last) };
	struct bed_reply *r;

	do {
		r = bed_call(&bed, imapd, IPC_MSG_store_flags, &m);
		assert_reply(r, store_rows);
		m.resume = r->m.store_rows.resume;
	} while (r->m.store_rows.more);
}

void
world_expunge(const char *mailbox, uint32_t first, uint32_t last)
{
	struct ipc_store_selected s;
	unsigned char set[8];
	struct ipc_store_expunge m = { .handle = h1, .uid_set = world_pair(set, first, last) };
	struct bed_reply *r;

	world_flag(mailbox, first, last, STORE_ADD, STORE_DELETED);
	s = world_selected(imapd, h1, mailbox);
	m.mailbox = s.mailbox;
	m.v = s.modseq;
	m.uidnext = s.uidnext;
	do {
		r = bed_call(&bed, imapd, IPC_MSG_store_expunge, &m);
		assert_reply(r, store_expunged);
		m.resume = r->m.store_expunged.resume;
	} while (r->m.store_expunged.more);
}

void
world_sweep(void)
{
	sweep_start(&bed.store);
	sweep_wanted(&bed.store);
	for (unsigned i = 0; i < 5000 && !sweep_is_through(&bed.store); i++)
		bed_turn(&bed);
	assert_true(sweep_is_through(&bed.store));
	sweep_stop(&bed.store);
	bed_settle(&bed);
}
