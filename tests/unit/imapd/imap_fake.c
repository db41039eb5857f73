/* SPDX-License-Identifier: ISC */
#include "tests/unit/imapd/imap_fake.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "imapd/imap_kit.h"
#include "imapd/imap_known.h"
#include "imapd/imap_seqset.h"
#include "lib/base/enc.h"
#include "lib/base/must.h"
#include "lib/base/num.h"
#include "lib/io/conn_tap.h"
#include "lib/ipc/store_proto.h"
#include "lib/seal/epoch.h"
#include "lib/seal/seal_arrival.h"
#include "lib/seal/seal_split.h"

#define ACCOUNT		7
#define UIDVALIDITY	1000

struct call {
	struct list	 link;
	struct buf	 bytes;
	uint16_t	 type;
	int		 fd;
	ipc_reply_fn	*fn;
	void		*arg;
	uint64_t	 id;
};

/* ---- the shared parts ---- */

void
fake_shared_init(struct imap_shared *sh)
{
	memset(sh, 0, sizeof(*sh));
	sh->hostname = "mx.example";
	sh->message_max = 1u << 20;
	sh->prelogin_literal_max = 4096;
	sh->line_max = IMAP_LINE_MAX;
	sh->idle_ms = 1800000;
	sh->login_ms = 60000;
	sh->keepalive_ms = 120000;
	sh->notify_mailboxes = 8;
	sh->literal_plus = sh->unauthenticate = sh->compress = true;
	cry_init();
	sh->sealer = sealer_new();
	sh->aead = cry_aead_new();
	sh->known = imap_known_new();
}

void
fake_shared_fini(struct imap_shared *sh)
{
	must(sh->memo_bytes == 0);
	free(sh->admin_contact);
	free(sh->server_comment);
	imap_kits_free(sh);
	imap_known_free(&sh->known);
	sealer_free(&sh->sealer);
	cry_aead_free(&sh->aead);
	for (size_t i = 0; i < IMAP_READERS_KEPT; i++)
		seal_reader_free(&sh->readers[i]);
}

void
fake_store_init(struct fake_store *st)
{
	memset(st, 0, sizeof(*st));
	cry_box_pair(st->public_key, st->secret_key);
	st->next_epoch = 1;
	st->page_rows = 1000;
	st->modseq = 1;
	memcpy(st->boxes[0].name, "INBOX", 6);
	st->boxes[0].used = true;
	st->account = ACCOUNT;
	st->rights = STORE_RIGHTS_ALL;
	st->boxes[0].uidnext = st->boxes[0].recent_from = 1;
}

void
fake_store_fini(struct fake_store *st)
{
	for (size_t i = 0; i < st->content_count; i++) {
		buf_fini(&st->contents[i].body);
		buf_fini(&st->contents[i].summary);
	}
	for (size_t i = 0; i < st->column_count; i++)
		buf_fini(&st->columns[i].data);
	for (size_t i = 0; i < st->entry_count; i++)
		buf_fini(&st->entries[i].value);
}

static struct fake_box *
find_box(struct fake_store *st, struct slice name)
{
	for (size_t i = 0; i < FAKE_BOXES; i++)
		if (st->boxes[i].used && !st->boxes[i].unmade && slice_eq_str(name, st->boxes[i].name))
			return &st->boxes[i];
	return NULL;
}

struct fake_box *
fake_box(struct fake_store *st, const char *name)
{
	return find_box(st, slice_str(name));
}

static struct fake_box *
box_of(struct fake_store *st, uint64_t id)
{
	return &st->boxes[(id - 1) % FAKE_BOXES];
}

/* ---- replies ---- */

static void
reply(struct call *c, uint16_t type, const void *m, int fd)
{
	const struct ipc_type_row *row = ipc_type_find(type);
	struct ipc_in in = { .fd_count = fd >= 0, .fds = { fd, -1, -1, -1 } };
	struct ipc_reader r;
	union ipc_any any;
	struct buf b;

	buf_init(&b, 65536);
	row->put(&b, m);
	must(buf_err(&b) == ERR_OK);
	r = ipc_reader_of(buf_slice(&b));
	row->get(&r, &any);
	must(ipc_reader_done(&r) == ERR_OK);
	if (c->fn != NULL)		/* not cancelled */
		c->fn(c->arg, ERR_OK, type, &any, &in);
	buf_fini(&b);
	if (in.fds[0] >= 0)
		close(in.fds[0]);
}

static void
fail(struct call *c, enum err e)
{
	struct ipc_store_fail f = { .error = e };

	reply(c, IPC_MSG_store_fail, &f, -1);
}

static void
ok_mailbox(struct call *c, struct fake_store *st, uint64_t mailbox)
{
	struct ipc_store_ok m = { st->modseq, mailbox, UIDVALIDITY };

	reply(c, IPC_MSG_store_ok, &m, -1);
}

static void
ok(struct call *c, struct fake_store *st)
{
	ok_mailbox(c, st, 0);
}

/* ---- views: live and pending messages in UID order ---- */

struct seen { struct fake_message *m; bool pending; uint32_t seq; };

static size_t
view(struct fake_box *b, uint64_t v, uint32_t uidnext, struct seen *out)
{
	size_t n = 0, g = 0, i = 0;

	/* gone[] is kept in UID order */
	while (i < b->count || g < b->gone_count) {
		if (g < b->gone_count && (i == b->count || b->gone[g].uid < b->m[i].uid)) {
			struct fake_gone *x = &b->gone[g++];

			if (x->modseq > v && x->uid < uidnext)
				out[n++] = (struct seen){ &x->was, true, 0 };
		} else {
			if (b->m[i].uid < uidnext)
				out[n++] = (struct seen){ &b->m[i], false, 0 };
			i++;
		}
	}
	for (size_t k = 0; k < n; k++)
		out[k].seq = (uint32_t)k + 1;
	return n;
}

static bool
in_set(struct slice set, uint32_t n, uint32_t top)
{
	for (size_t i = 0; i + 8 <= set.n; i += 8) {
		uint32_t a = dec_le32(set.p + i), b = dec_le32(set.p + i + 4);

		a = a == STORE_STAR ? top : a;
		b = b == STORE_STAR ? top : b;
		if (n >= (a < b ? a : b) && n <= (a < b ? b : a))
			return true;
	}
	return false;
}

static struct seen	seen[2 * FAKE_MESSAGES];

static size_t
select_set(struct fake_box *b, uint64_t v, uint32_t uidnext, bool by_uid, struct slice set,
    struct seen *out)
{
	size_t n = view(b, v, uidnext, out), k = 0;
	uint32_t top = n == 0 ? 0 : by_uid ? out[n - 1].m->uid : (uint32_t)n;

	for (size_t i = 0; i < n; i++)
		if (in_set(set, by_uid ? out[i].m->uid : out[i].seq, top))
			out[k++] = out[i];
	return k;
}

static void
put_row(struct buf *b, const struct seen *s)
{
	struct ipc_row row = {
		.seq = s->seq, .uid = s->m->uid, .flags = s->m->flags, .modseq = s->m->modseq,
	};

	ipc_row_put(b, &row);
}

static void
put_cold(struct fake_store *st, struct buf *b, const struct seen *s)
{
	struct ipc_cold cold = {
		.size = st->contents[s->m->content].size, .internal_s = s->m->internal_s,
		.saved_s = s->m->internal_s, .content = s->m->content + 1,
		.thread = s->m->content + 1,
	};

	ipc_cold_put(b, &cold);
}

static void
put_content(struct fake_store *st, struct buf *b, const struct seen *s, bool summary)
{
	struct fake_content *f = &st->contents[s->m->content];
	struct ipc_content ct = {
		.content = s->m->content + 1, .epoch = f->epoch, .generation = 1,
		.blob_bytes = f->body.n, .commitment = slice_of(f->commitment, 32),
		.wrapped = slice_of(f->wrapped, f->wrapped_bytes),
		.summary = summary || f->wrapped_bytes == EPOCH_DIRECT_BYTES ?
		    buf_slice(&f->summary) : SLICE_NONE,
	};

	ipc_content_put(b, &ct);
	st->contents_given++;
}

static void
put_epochs(struct fake_store *st, struct buf *b)
{
	for (size_t i = 0; i < st->epoch_count; i++) {
		struct ipc_epoch e = {
			.epoch = st->epochs[i].id, .generation = 1, .form = EPOCH_SEALED,
			.data = slice_of(st->epochs[i].data, st->epochs[i].n),
		};

		ipc_epoch_put(b, &e);
	}
}

/* ---- requests ---- */

static void
do_login(struct call *c, struct fake_store *st, const struct ipc_login *m)
{
	struct ipc_login_ok okay = { .account = ACCOUNT, .address = SLICE_LIT("alice@a.example"),
		.token = SLICE_LIT("token") };
	struct ipc_key_fail f = { .error = st->keyd_busy ? ERR_BUSY : ERR_AUTH };

	if (!st->keyd_busy && slice_eq_str(m->user, "alice") &&
	    slice_eq_str(m->password, "secret"))
		reply(c, IPC_MSG_login_ok, &okay, -1);
	else
		reply(c, IPC_MSG_key_fail, &f, -1);
}

static void
do_login_external(struct call *c, struct fake_store *st, const struct ipc_login_external *m)
{
	struct ipc_login_ok okay = { .account = ACCOUNT, .address = SLICE_LIT("alice@a.example"),
		.token = SLICE_LIT("token") };
	struct ipc_key_fail f = { .error = ERR_AUTH };

	(void)st;
	if ((slice_starts(m->names, "alice@a.example") || slice_eq_str(m->prints, "alice's")) &&
	    (m->user.n == 0 ||
	    slice_eq_str(m->user, "alice@a.example")))
		reply(c, IPC_MSG_login_ok, &okay, -1);
	else
		reply(c, IPC_MSG_key_fail, &f, -1);
}

/* The client's nonce and "server"; a proof of zeros is right. */
static void
do_scram_start(struct call *c, struct fake_store *st, const struct ipc_scram_start *m)
{
	struct ipc_scram_challenge okay = { .exchange = 77 };
	struct ipc_key_fail f = { .error = ERR_BUSY };
	struct buf b;

	if (st->keyd_busy) {
		reply(c, IPC_MSG_key_fail, &f, -1);
		return;
	}
	buf_init(&b, 500);
	buf_printf(&b, "r=%.*sserver,s=c2FsdA==,i=4096", SLICE_FMT(m->nonce));
	okay.server_first = buf_slice(&b);
	reply(c, IPC_MSG_scram_challenge, &okay, -1);
	buf_fini(&b);
}

static void
do_scram_finish(struct call *c, struct fake_store *st, const struct ipc_scram_finish *m)
{
	static const char right[32];
	struct ipc_login_ok okay = { .account = ACCOUNT, .address = SLICE_LIT("alice@a.example"),
		.token = SLICE_LIT("token"), .signature = SLICE_LIT("signature") };
	struct ipc_key_fail f = { .error = ERR_AUTH };

	(void)st;
	must(m->exchange == 77);
	if (slice_eq(m->proof, slice_of(right, sizeof(right))))
		reply(c, IPC_MSG_login_ok, &okay, -1);
	else
		reply(c, IPC_MSG_key_fail, &f, -1);
}

/* ---- mail in boxes ---- */

static size_t
waiting(struct fake_store *st)
{
	const struct fake_box *b = fake_box(st, STORE_ARRIVALS);

	return b != NULL ? b->count : 0;
}

static void
do_arrivals(struct call *c, struct fake_store *st, const struct ipc_store_arrivals *m)
{
	const struct fake_box *b = fake_box(st, STORE_ARRIVALS);
	struct ipc_store_arrivals_reply r = { 0 };

	if (st->others_turn) {
		fail(c, ERR_BUSY);
		return;
	}
	if (b != NULL && !m->done)
		r = (struct ipc_store_arrivals_reply){ (uint64_t)(b - st->boxes) + 1,
		    (uint32_t)b->count, b->uidnext, b->modseq };
	reply(c, IPC_MSG_store_arrivals_reply, &r, -1);
}

static void
do_box_open(struct call *c, struct fake_store *st, const struct ipc_cmtp_box_open *m)
{
	uint32_t g = m->generation != 0 ? m->generation : st->box_generation;
	unsigned char shared[32];
	const struct ipc_cmtp_boxes r = { .generation = g, .shared = slice_of(shared, 32),
		.public_key = slice_of(st->box_public[g], 32) };
	struct ipc_key_fail f = { .error = st->box_error[g] };

	must(g < FAKE_PAIRS && m->ephemeral.n == 32);
	if (f.error == ERR_OK)
		f.error = cry_box_shared(shared, (const unsigned char *)m->ephemeral.p,
		    st->box_secret[g]);
	st->boxes_opened += f.error == ERR_OK;
	if (f.error == ERR_OK)
		reply(c, IPC_MSG_cmtp_boxes, &r, -1);
	else
		reply(c, IPC_MSG_key_fail, &f, -1);
}

static void
do_session(struct call *c, struct fake_store *st, const struct ipc_store_login *asked)
{
	struct ipc_store_session m = { .handle = 3, .account = ACCOUNT,
		.sealing = st->sealing != 0 ? st->sealing : SEALING_ESCROW,
		.arrivals = waiting(st) > 0,
		.key_generation = 1, .public_key = slice_of(st->public_key, 32) };

	(void)asked;
	if (st->no_token_key > 0) {
		st->no_token_key--;
		fail(c, ERR_AGAIN);
		return;
	}
	if (st->login_error != ERR_OK) {
		fail(c, st->login_error);
		return;
	}
	reply(c, IPC_MSG_store_session, &m, -1);
}

static void
do_open_keys(struct call *c, struct fake_store *st, const struct ipc_open_keys *m)
{
	struct ipc_reader r = ipc_reader_of(m->wraps), e;
	struct cry_aead *aead = cry_aead_new();
	struct ipc_open_keys_reply out = { 0 };
	struct ipc_epoch epoch;
	struct ipc_wrap w;
	struct buf keys;

	buf_init(&keys, 16000);
	while (ipc_reader_more(&r)) {
		unsigned char ek[32], key[32] = { 0 };
		char good = 0;

		ipc_wrap_get(&r, &w);
		e = ipc_reader_of(m->epochs);
		while (!good && ipc_reader_more(&e)) {
			struct epoch_slot slot = { st->account, w.content, w.generation,
				(const unsigned char *)w.commitment.p };

			ipc_epoch_get(&e, &epoch);
			good = epoch.epoch == w.epoch &&
			    epoch_unseal(ek, epoch.data, st->public_key, st->secret_key) == ERR_OK &&
			    epoch_unwrap_content(aead, key, w.wrapped, ek, &slot) == ERR_OK;
		}
		buf_put_char(&keys, good);
		buf_put(&keys, key, 32);
	}
	out.keys = buf_slice(&keys);
	reply(c, IPC_MSG_open_keys_reply, &out, -1);
	buf_fini(&keys);
	cry_aead_free(&aead);
}

static void
do_select(struct call *c, struct fake_store *st, const struct ipc_store_select *m)
{
	struct fake_box *b = find_box(st, m->name);
	struct ipc_store_selected r = { 0 };

	if (b == NULL || !b->used) {
		fail(c, ERR_NOTFOUND);
		return;
	}
	r.mailbox = (uint64_t)(b - st->boxes) + 1;
	r.uidvalidity = UIDVALIDITY;
	r.uidnext = b->uidnext;
	r.exists = (uint32_t)b->count;
	r.recent_uid = b->recent_from < b->uidnext ? b->recent_from : 0;
	for (size_t i = 0; i < b->count; i++) {
		r.recent += b->m[i].uid >= b->recent_from;
		if (r.first_unseen == 0 && !(b->m[i].flags & STORE_SEEN))
			r.first_unseen = (uint32_t)i + 1;
	}
	if (!m->examine)
		b->recent_from = b->uidnext;
	r.modseq = b->modseq;
	r.rights = st->rights;
	r.keywords = slice_of(b->keywords, b->keywords_bytes);
	reply(c, IPC_MSG_store_selected, &r, -1);
}

static void
do_status(struct call *c, struct fake_store *st, const struct ipc_store_status *m)
{
	struct fake_box *b = m->name.n > 0 ? find_box(st, m->name) : box_of(st, m->mailbox);
	struct ipc_store_status_reply r = { .uidvalidity = UIDVALIDITY };

	st->statuses++;
	if (b == NULL || !b->used || (b->no_rights & STORE_RIGHT_R)) {
		fail(c, ERR_NOTFOUND);
		return;
	}
	r.mailbox = (uint64_t)(b - st->boxes) + 1;
	r.name = slice_str(b->name);
	r.rights = st->rights & ~b->no_rights;
	r.exists = (uint32_t)b->count;
	r.uidnext = b->uidnext;
	r.modseq = b->modseq;
	for (size_t i = 0; i < b->count; i++) {
		r.unseen += !(b->m[i].flags & STORE_SEEN);
		r.size_bytes += st->contents[b->m[i].content].size;
	}
	reply(c, IPC_MSG_store_status_reply, &r, -1);
}

/* Those behind this name; true: there may be more. */
static bool
put_more_boxes(struct buf *b, unsigned count, struct slice after)
{
	struct slice digits = slice_from(after, 2);
	uint64_t n = 0;
	char name[16];

	if (!slice_starts(after, "zz") || num_read_u64(&digits, UINT32_MAX, &n) != ERR_OK)
		n = 0;
	if (n == count)
		return false;
	(void)snprintf(name, sizeof(name), "zz%08u", (unsigned)n + 1);
	ipc_mailbox_put(b, &(struct ipc_mailbox){ .mailbox = 1000000 + n,
	    .rights = STORE_RIGHTS_ALL, .name = slice_str(name) });
	return true;
}

static void
do_list(struct call *c, struct fake_store *st, const struct ipc_store_list *m)
{
	struct ipc_store_mailboxes r = { 0 };
	struct buf b;

	/* one a page, to see the paging */
	buf_init(&b, 1000);
	for (size_t i = 0; i < FAKE_BOXES && b.n == 0; i++) {
		struct fake_box *x = NULL;

		for (size_t k = 0; k < FAKE_BOXES; k++)
			if (st->boxes[k].used && slice_cmp(slice_str(st->boxes[k].name),
			    m->after) > 0 && (x == NULL ||
			    strcmp(st->boxes[k].name, x->name) < 0))
				x = &st->boxes[k];
		if (x == NULL && put_more_boxes(&b, st->more_boxes, m->after))
			r.more = true;
		if (x == NULL)
			break;
		ipc_mailbox_put(&b, &(struct ipc_mailbox){
		    .mailbox = (uint64_t)(x - st->boxes) + 1, .noselect = x->unmade,
		    .rights = st->rights & ~x->no_rights, .special = x->special,
		    .subscribed = x->subscribed, .name = slice_str(x->name) });
		r.more = true;
	}
	r.mailboxes = buf_slice(&b);
	reply(c, IPC_MSG_store_mailboxes, &r, -1);
	buf_fini(&b);
}

/* One entry a page, in the order of names. */
/* For whom the test made an admin. */
static void
do_set_quota(struct call *c, struct fake_store *st, const struct ipc_set_quota *m)
{
	struct ipc_key_fail f = { .error = st->quota_admin ? ERR_NOTFOUND : ERR_DENIED };
	struct ipc_quota_set r = { .account = 2 };

	if (!st->quota_admin || !slice_eq_str(m->address, "carl@a.example")) {
		reply(c, IPC_MSG_key_fail, &f, -1);
		return;
	}
	if (m->set)
		st->carls_quota = m->bytes;
	r.quota_bytes = st->carls_quota;
	reply(c, IPC_MSG_quota_set, &r, -1);
}

static void
do_metadata(struct call *c, struct fake_store *st, const struct ipc_store_metadata *m)
{
	struct ipc_store_metadata_reply r = { 0 };
	struct buf b;

	if (m->mailbox.n > 0 && find_box(st, m->mailbox) == NULL) {
		fail(c, ERR_NOTFOUND);
		return;
	}
	buf_init(&b, 50000);
	for (size_t i = 0; i < st->entry_count && b.n == 0; i++) {
		struct slice name = slice_str(st->entries[i].name), asked = m->names, one;
		bool wanted = false;

		while (asked.n > 0) {
			asked = slice_cut(asked, '\0', &one);
			wanted |= slice_eq(one, name) || (m->depth > 0 && name.n > one.n &&
			    slice_eq(slice_head(name, one.n), one));
		}
		if (!wanted || !slice_eq_str(m->mailbox, st->entries[i].box) ||
		    slice_cmp(name, m->after) <= 0)
			continue;
		if (m->max_bytes != 0 && st->entries[i].value.n > m->max_bytes) {
			r.longest = (uint32_t)st->entries[i].value.n;
			continue;
		}
		ipc_entry_put(&b, &(struct ipc_entry){ .present = true, .name = name,
		    .value = buf_slice(&st->entries[i].value) });
		r.more = true;
	}
	r.entries = buf_slice(&b);
	reply(c, IPC_MSG_store_metadata_reply, &r, -1);
	buf_fini(&b);
}

/* Entries are only added; the test says them in the order of names. */
static void
do_set_metadata(struct call *c, struct fake_store *st,
    const struct ipc_store_set_metadata *m)
{
	struct ipc_reader rd = ipc_reader_of(m->entries);
	struct ipc_entry e;

	while (ipc_reader_more(&rd)) {
		ipc_entry_get(&rd, &e);
		must(!rd.bad && st->entry_count < 16);
		if (!e.present)
			continue;
		(void)slice_to_cstr(m->mailbox, st->entries[st->entry_count].box, 64);
		(void)slice_to_cstr(e.name, st->entries[st->entry_count].name, 64);
		buf_init(&st->entries[st->entry_count].value, 20000);
		buf_put_slice(&st->entries[st->entry_count++].value, e.value);
	}
	ok(c, st);
}

/* The account's root, as the test set it, and a domain's. */
static void
do_quota(struct call *c, struct fake_store *st, const struct ipc_store_quota *m)
{
	struct ipc_store_quota_reply r;
	struct buf b;

	buf_init(&b, 1000);
	if (m->account == 2)
		ipc_quota_put(&b, &(struct ipc_quota){ .used_bytes = 2048, .max_bytes = 1,
		    .root = SLICE_LIT("carl@a.example") });
	ipc_quota_put(&b, &(struct ipc_quota){ .used_bytes = 1025, .max_bytes = st->quota_bytes,
	    .used_messages = 3, .max_messages = st->quota_messages,
	    .root = SLICE_LIT("alice@example.test") });
	ipc_quota_put(&b, &(struct ipc_quota){ .used_bytes = 5000, .max_bytes = 1 << 20,
	    .root = SLICE_LIT("example.test") });
	r.quotas = buf_slice(&b);
	reply(c, IPC_MSG_store_quota_reply, &r, -1);
	buf_fini(&b);
}

static void
do_create(struct call *c, struct fake_store *st, const struct ipc_store_create *m)
{
	struct slice name = m->name;

	if (find_box(st, name) != NULL) {
		fail(c, ERR_EXISTS);
		return;
	}
	for (size_t i = 0; i < FAKE_BOXES; i++) {
		struct fake_box *b = &st->boxes[i];

		if (b->used)
			continue;
		memset(b, 0, sizeof(*b));
		b->used = true;
		b->uidnext = b->recent_from = 1;
		b->special = m->special;
		(void)slice_to_cstr(name, b->name, sizeof(b->name));
		ok_mailbox(c, st, i + 1);
		return;
	}
	fail(c, ERR_LIMIT);
}

static uint32_t
add_keywords(struct fake_box *b, struct slice names)
{
	uint32_t bits = 0;

	while (names.n > 0) {
		struct slice one, have = slice_of(b->keywords, b->keywords_bytes), x;
		unsigned at = 0;

		names = slice_cut(names, '\0', &one);
		while (have.n > 0) {
			have = slice_cut(have, '\0', &x);
			if (slice_ieq(x, one))
				break;
			at++;
			x = SLICE_NONE;
		}
		if (at == 0 || !slice_ieq(x, one)) {
			if (!(b->keywords_bytes > 0 && slice_ieq(x, one))) {
				memcpy(b->keywords + b->keywords_bytes, one.p, one.n);
				b->keywords_bytes += one.n;
				b->keywords[b->keywords_bytes++] = '\0';
			}
		}
		bits |= 1u << (8 + at);
	}
	return bits;
}

static void
add_epoch(struct fake_store *st, uint64_t id, struct slice data)
{
	if (data.n == 0 || (st->epoch_count > 0 && st->epochs[st->epoch_count - 1].id == id))
		return;
	st->epochs[st->epoch_count].id = id;
	memcpy(st->epochs[st->epoch_count].data, data.p, data.n);
	st->epochs[st->epoch_count++].n = data.n;
}

static void
do_put_columns(struct call *c, struct fake_store *st, const struct ipc_store_put_columns *m)
{
	struct fake_columns *f = st->columns;
	size_t i = 0;

	must((m->kind == 1 || m->kind == 2) && m->data.n <= 40960);
	if (st->no_columns || st->column_count == FAKE_COLUMNS) {
		fail(c, ERR_UNSUPPORTED);
		return;
	}
	while (i < st->column_count && (f[i].block < m->block || (f[i].block == m->block &&
	    (f[i].kind != m->kind || f[i].mailbox != m->mailbox))))
		i++;
	if (i == st->column_count || f[i].block != m->block) {
		memmove(&f[i + 1], &f[i], (st->column_count++ - i) * sizeof(*f));
		buf_init(&f[i].data, 40960);
	}
	f[i].mailbox = m->mailbox;
	f[i].kind = m->kind;
	f[i].block = m->block;
	f[i].content = m->content;
	f[i].epoch = m->epoch;
	memcpy(f[i].commitment, m->commitment.p, 32);
	memcpy(f[i].wrapped, m->wrapped.p, m->wrapped.n);
	f[i].wrapped_bytes = m->wrapped.n;
	buf_reset(&f[i].data);
	buf_put_slice(&f[i].data, m->data);
	add_epoch(st, m->epoch, m->epoch_data);
	ok(c, st);
}

static void
do_columns(struct call *c, struct fake_store *st, const struct ipc_store_columns *m)
{
	struct ipc_store_columns_reply out = { 0 };
	struct buf blocks, epochs;
	unsigned given = 0;

	must(m->first <= m->last);
	buf_init(&blocks, 48000);
	buf_init(&epochs, 12000);
	for (size_t i = 0; i < st->column_count && !st->no_columns; i++) {
		struct fake_columns *f = &st->columns[i];
		struct ipc_columns block = {
			.block = f->block, .content = f->content, .epoch = f->epoch,
			.generation = 1, .commitment = slice_of(f->commitment, 32),
			.wrapped = slice_of(f->wrapped, f->wrapped_bytes),
			.data = buf_slice(&f->data),
		};

		if (f->mailbox != m->mailbox || f->kind != m->kind || f->block < m->first || f->block > m->last)
			continue;
		out.more = (st->column_page > 0 && given == st->column_page) ||
		    blocks.n + f->data.n + 200 > 48000;
		out.resume = f->block;
		if (out.more)
			break;
		ipc_columns_put(&blocks, &block);
		given++;
	}
	st->columns_read += given;
	put_epochs(st, &epochs);
	out.blocks = buf_slice(&blocks);
	out.epochs = buf_slice(&epochs);
	if (st->no_columns)
		fail(c, ERR_UNSUPPORTED);
	else
		reply(c, IPC_MSG_store_columns_reply, &out, -1);
	buf_fini(&blocks);
	buf_fini(&epochs);
}

static void
vanish(struct fake_box *b, size_t i, uint64_t modseq)
{
	size_t g = b->gone_count++;

	while (g > 0 && b->gone[g - 1].uid > b->m[i].uid) {
		b->gone[g] = b->gone[g - 1];
		g--;
	}
	b->gone[g] = (struct fake_gone){ b->m[i].uid, modseq, b->m[i] };
	memmove(&b->m[i], &b->m[i + 1], (b->count - i - 1) * sizeof(b->m[0]));
	b->count--;
}

static int
find_uid(const struct fake_box *b, uint32_t uid)
{
	for (size_t i = 0; i < b->count; i++)
		if (b->m[i].uid == uid)
			return (int)i;
	return -1;
}

/* The last of a row came: all are there, and what they replace is gone. */
static void
land_staged(struct fake_store *st, struct fake_box *b, const struct ipc_store_append *m,
    struct ipc_store_appended *r)
{
	b->modseq = r->modseq = ++st->modseq;
	r->uid = b->uidnext;
	r->count = (uint32_t)st->staged_count;
	for (size_t i = 0; i < st->staged_count; i++) {
		b->m[b->count] = st->staged[i];
		b->m[b->count].uid = b->uidnext++;
		b->m[b->count++].modseq = st->modseq;
	}
	st->staged_count = 0;
	if (m->replace_uid > 0) {
		struct fake_box *from = box_of(st, m->replace_mailbox);

		vanish(from, (size_t)find_uid(from, m->replace_uid), st->modseq);
		from->modseq = st->modseq;
	}
}

static void
do_append(struct call *c, struct fake_store *st, const struct ipc_store_append *m)
{
	struct fake_box *b = find_box(st, m->mailbox);
	struct fake_content *f = &st->contents[m->content - 1];
	struct ipc_store_appended r = { .uidvalidity = UIDVALIDITY, .mailbox = m->mailbox,
	    .box = b != NULL ? (uint64_t)(b - st->boxes) + 1 : 0 };
	char piece[65536];
	ssize_t n;

	if (b == NULL) {
		fail(c, ERR_NOTFOUND);
		return;
	}
	if (st->no_epoch > 0 || st->staged_count == 8 ||
	    (m->replace_uid > 0 && find_uid(box_of(st, m->replace_mailbox), m->replace_uid) < 0)) {
		fail(c, st->no_epoch > 0 ? ERR_AGAIN : m->replace_uid > 0 ? ERR_GONE : ERR_LIMIT);
		st->no_epoch -= st->no_epoch > 0;
		st->staged_count = 0;
		return;
	}
	must(b->count < FAKE_MESSAGES && m->content <= FAKE_CONTENTS);
	buf_init(&f->body, 64u << 20);
	buf_init(&f->summary, 20000);
	buf_put_slice(&f->body, m->body);
	for (off_t off = 0; c->fd >= 0 && (n = pread(c->fd, piece, sizeof(piece), off)) > 0; off += n)
		buf_put(&f->body, piece, (size_t)n);
	buf_put_slice(&f->summary, m->summary);
	memcpy(f->commitment, m->commitment.p, 32);
	memcpy(f->wrapped, m->wrapped.p, m->wrapped.n);
	f->wrapped_bytes = m->wrapped.n;
	f->epoch = m->epoch;
	f->size = m->size;
	if (st->content_count < m->content)
		st->content_count = m->content;
	add_epoch(st, m->epoch, m->epoch_data);
	st->epochs_told += m->epoch_data.n > 0;
	st->staged[st->staged_count++] = (struct fake_message){ .flags = m->flags |
	    add_keywords(b, m->keywords), .internal_s = m->internal_s,
	    .content = m->content - 1 };
	if (!m->more)
		land_staged(st, b, m, &r);
	reply(c, IPC_MSG_store_appended, &r, -1);
}

static void
do_fetch(struct call *c, struct fake_store *st, const struct ipc_store_fetch *m)
{
	struct fake_box *b = box_of(st, m->mailbox);
	size_t n = select_set(b, m->v, m->uidnext, m->by_uid, m->set, seen), sent = 0;
	struct ipc_store_rows r = { .modseq = b->modseq };
	struct buf rows, epochs;

	buf_init(&rows, 50000);
	buf_init(&epochs, 12000);
	for (size_t i = 0; i < n; i++) {
		if (seen[i].m->uid <= m->resume || (m->changed_since > 0 &&
		    (seen[i].pending || seen[i].m->modseq <= m->changed_since)))
			continue;
		if (sent == st->page_rows || (m->limit > 0 && sent == m->limit) ||
		    rows.n > 30000) {
			r.more = true;
			break;
		}
		put_row(&rows, &seen[i]);
		if (m->want & STORE_WANT_COLD)
			put_cold(st, &rows, &seen[i]);
		if (m->want & STORE_WANT_CONTENT)
			put_content(st, &rows, &seen[i], m->want & STORE_WANT_SUMMARY);
		r.resume = seen[i].m->uid;
		sent++;
	}
	put_epochs(st, &epochs);
	r.rows = buf_slice(&rows);
	r.epochs = buf_slice(&epochs);
	reply(c, IPC_MSG_store_rows, &r, -1);
	buf_fini(&rows);
	buf_fini(&epochs);
}

static void
do_flags(struct call *c, struct fake_store *st, const struct ipc_store_flags *m)
{
	struct fake_box *b = box_of(st, m->mailbox);
	size_t n = select_set(b, m->v, m->uidnext, m->by_uid, m->set, seen), sent = 0;
	struct ipc_store_rows r = { .before = b->modseq };
	uint32_t bits = m->flags | add_keywords(b, m->keywords);
	uint64_t modseq = st->modseq + 1;
	struct buf rows;

	buf_init(&rows, 50000);
	for (size_t i = 0; i < n; i++) {
		struct fake_message *x = seen[i].m;
		uint32_t now = m->op == STORE_ADD ? x->flags | bits :
		    m->op == STORE_REMOVE ? x->flags & ~bits : bits;

		if (seen[i].pending || x->uid <= m->resume)
			continue;
		if (sent++ == st->page_rows) {
			r.more = true;
			break;
		}
		r.resume = x->uid;
		if (x->modseq > m->unchanged_since) {
			struct fake_message copy = *x;
			struct seen conflict = seen[i];

			copy.flags |= STORE_CONFLICT;
			conflict.m = &copy;
			put_row(&rows, &conflict);
			continue;
		}
		if (now != x->flags) {
			x->flags = now;
			x->modseq = b->modseq = st->modseq = modseq;
		}
		if (!m->quiet)
			put_row(&rows, &seen[i]);
	}
	r.modseq = b->modseq;
	r.rows = buf_slice(&rows);
	reply(c, IPC_MSG_store_rows, &r, -1);
	buf_fini(&rows);
}

static void
do_expunge(struct call *c, struct fake_store *st, const struct ipc_store_expunge *m)
{
	struct fake_box *b = box_of(st, m->mailbox);
	struct ipc_store_expunged r = { 0 };

	for (size_t i = 0; i < b->count; ) {
		struct fake_message *x = &b->m[i];

		if (!(x->flags & STORE_DELETED) || x->uid >= m->uidnext ||
		    (m->uid_set.n > 0 && !in_set(m->uid_set, x->uid, b->m[b->count - 1].uid))) {
			i++;
			continue;
		}
		if (r.count++ == 0)
			b->modseq = ++st->modseq;
		vanish(b, i, st->modseq);
	}
	r.modseq = b->modseq;
	reply(c, IPC_MSG_store_expunged, &r, -1);
}

static void
do_copy(struct call *c, struct fake_store *st, const struct ipc_store_copy *m)
{
	struct fake_box *b = box_of(st, m->mailbox), *to = find_box(st, m->to);
	size_t n = select_set(b, m->v, m->uidnext, m->by_uid, m->set, seen);
	struct ipc_store_copied r = { .uidvalidity = UIDVALIDITY };
	struct fake_message picked[FAKE_MESSAGES];
	unsigned char pair[8];
	struct buf from, dst;
	size_t k = 0;

	if (to == NULL) {
		fail(c, ERR_NOTFOUND);
		return;
	}
	buf_init(&from, 30000);
	buf_init(&dst, 30000);
	for (size_t i = 0; i < n; i++)
		if (!seen[i].pending)
			picked[k++] = *seen[i].m;
	if (k > 0)
		st->modseq++;
	for (size_t i = 0; i < k; i++) {
		enc_le32(pair, picked[i].uid);
		enc_le32(pair + 4, picked[i].uid);
		buf_put(&from, pair, 8);
		enc_le32(pair, to->uidnext);
		enc_le32(pair + 4, to->uidnext);
		buf_put(&dst, pair, 8);
		to->m[to->count] = picked[i];
		to->m[to->count].flags &= 0xff;
		to->m[to->count].uid = to->uidnext++;
		to->m[to->count++].modseq = to->modseq = st->modseq;
		for (size_t j = 0; m->move && j < b->count; j++) {
			if (b->m[j].uid == picked[i].uid) {
				vanish(b, j, st->modseq);
				b->modseq = st->modseq;
				break;
			}
		}
	}
	r.modseq = b->modseq;
	r.from = buf_slice(&from);
	r.to = buf_slice(&dst);
	reply(c, IPC_MSG_store_copied, &r, -1);
	buf_fini(&from);
	buf_fini(&dst);
}

static void
do_sync(struct call *c, struct fake_store *st, const struct ipc_store_sync *m)
{
	struct fake_box *b = box_of(st, m->mailbox);
	size_t n = view(b, m->v, m->uidnext, seen), pending = 0, live = 0;
	struct ipc_store_changes r = { .modseq = b->modseq, .v = m->v, .uidnext = b->uidnext };
	struct buf rows, gone;
	unsigned char pair[8];

	buf_init(&rows, 32000);
	buf_init(&gone, 16000);
	for (size_t i = 0; i < n; i++) {
		if (seen[i].pending && m->expunges && m->resume == 0) {
			enc_le32(pair, seen[i].m->uid);
			enc_le32(pair + 4, (uint32_t)live + 1);
			buf_put(&gone, pair, 8);
		} else {
			live++;
		}
		pending += seen[i].pending;
	}
	r.exists = (uint32_t)(b->count + (m->expunges ? 0 : pending));
	if (m->expunges || pending == 0)
		r.v = b->modseq;
	if (m->claims && b->recent_from < b->uidnext) {
		r.recent_uid = b->recent_from;
		b->recent_from = b->uidnext;
	}
	n = view(b, r.v, m->uidnext, seen);
	for (size_t i = 0, sent = 0; i < n; i++) {
		if (seen[i].pending || seen[i].m->modseq <= m->r || seen[i].m->uid <= m->resume)
			continue;
		if (sent++ == st->page_rows) {
			r.more = true;
			break;
		}
		put_row(&rows, &seen[i]);
		r.resume = seen[i].m->uid;
	}
	r.vanished = buf_slice(&gone);
	r.rows = buf_slice(&rows);
	r.keywords = slice_of(b->keywords, b->keywords_bytes);
	for (uint32_t known = m->keyword_count; known > 0 && r.keywords.n > 0; known--)
		r.keywords = slice_cut(r.keywords, '\0', &(struct slice){ NULL, 0 });
	reply(c, IPC_MSG_store_changes, &r, -1);
	buf_fini(&rows);
	buf_fini(&gone);
}

static void
do_vanished(struct call *c, struct fake_store *st, const struct ipc_store_vanished *m)
{
	struct fake_box *b = box_of(st, m->mailbox);
	struct ipc_store_vanished_reply r = { .exact = m->since >= st->gone_floor };
	size_t n = view(b, m->v, m->uidnext, seen);
	struct buf out;

	buf_init(&out, 50000);
	for (uint32_t uid = m->resume + 1; uid < m->uidnext; uid++) {
		bool gone = !r.exact;

		for (size_t i = 0; i < n && gone; i++)
			gone = seen[i].m->uid != uid;
		for (size_t i = 0; i < b->gone_count && r.exact && !gone; i++)
			gone = b->gone[i].uid == uid && b->gone[i].modseq > m->since &&
			    b->gone[i].modseq <= m->v;
		if (!gone || (m->uid_set.n > 0 && !in_set(m->uid_set, uid, m->uidnext - 1)))
			continue;
		if (out.n == 8 * (size_t)st->page_rows) {
			r.more = true;
			break;
		}
		imap_seqset_add(&out, uid);
		r.resume = uid;
	}
	r.ranges = buf_slice(&out);
	reply(c, IPC_MSG_store_vanished_reply, &r, -1);
	buf_fini(&out);
}

static void
do_read(struct call *c, struct fake_store *st, const struct ipc_store_read *m)
{
	struct slice all = buf_slice(&st->contents[m->content - 1].body);
	struct ipc_store_data r = { .data =
	    slice_head(slice_from(all, (size_t)m->offset), m->bytes < 49152 ? m->bytes : 49152) };

	if (st->no_read)
		fail(c, ERR_IO);
	else
		reply(c, IPC_MSG_store_data, &r, -1);
}

/* ---- URLs: a MAC is a hash of the terms, bob's messages are alice's ---- */

static void
url_mac(const struct fake_store *st, struct slice terms, unsigned char mac[URL_MAC_BYTES])
{
	struct buf b;

	buf_init(&b, 600);
	buf_put_char(&b, (char)st->url_keys);
	buf_put_slice(&b, terms);
	cry_hash(mac, URL_MAC_BYTES, buf_slice(&b));
	buf_fini(&b);
}

static void
do_url_make(struct call *c, struct fake_store *st, const struct ipc_url_make *m)
{
	unsigned char mac[URL_MAC_BYTES];
	struct ipc_url_made r = { .mac = slice_of(mac, sizeof(mac)) };

	url_mac(st, m->terms, mac);
	reply(c, IPC_MSG_url_made, &r, -1);
}

static void
do_url_check(struct call *c, struct fake_store *st, const struct ipc_url_check *m)
{
	unsigned char mac[URL_MAC_BYTES];
	struct ipc_reader rd = ipc_reader_of(m->terms);
	struct ipc_key_fail f = { .error = ERR_NOTFOUND };
	struct ipc_url_pass r = { 0 };
	struct ipc_url_terms t;

	ipc_url_terms_get(&rd, &t);
	must(ipc_reader_done(&rd) == ERR_OK);
	url_mac(st, m->terms, mac);
	if (slice_eq_str(m->owner, "bob@a.example"))
		r.pass = SLICE_LIT("pass");
	if (st->keyd_busy)
		f.error = ERR_BUSY;
	if (slice_eq(m->mac, slice_of(mac, sizeof(mac))) && !st->keyd_busy &&
	    (t.expires_s == 0 || t.expires_s > 1763632930))
		reply(c, IPC_MSG_url_pass, &r, -1);
	else
		reply(c, IPC_MSG_key_fail, &f, -1);
}

static void
do_url(struct call *c, struct fake_store *st, const struct ipc_store_url *m)
{
	struct fake_box *b = find_box(st, m->name);
	struct ipc_store_url_reply r = { .grant = SLICE_LIT("grant") };
	struct seen one = { 0 };
	struct buf rows, epochs;

	must(slice_eq_str(m->pass, "pass"));
	if (b == NULL || b->count == 0) {
		fail(c, ERR_NOTFOUND);
		return;
	}
	buf_init(&rows, 50000);
	buf_init(&epochs, 12000);
	one.m = &b->m[0];
	put_row(&rows, &one);
	put_cold(st, &rows, &one);
	put_content(st, &rows, &one, true);
	put_epochs(st, &epochs);
	r.rows = buf_slice(&rows);
	r.epochs = buf_slice(&epochs);
	st->url_passes++;
	reply(c, IPC_MSG_store_url_reply, &r, -1);
	buf_fini(&rows);
	buf_fini(&epochs);
}

static void
do_file(struct call *c, struct fake_store *st, const struct ipc_store_file *m)
{
	char name[] = "/tmp/imap_fake_XXXXXX";
	int fd = mkstemp(name);

	(void)st;
	(void)m;
	must(fd >= 0);
	(void)unlink(name);
	reply(c, IPC_MSG_store_file_ok, &(struct ipc_store_file_ok){ 0 }, fd);
}

/* ---- rights and guests ---- */

/* A name that is subscribed to, and no mailbox. */
static struct fake_box *
add_name(struct fake_store *st, struct slice name)
{
	for (size_t i = 0; i < FAKE_BOXES; i++) {
		struct fake_box *b = &st->boxes[i];

		if (b->used)
			continue;
		must(slice_to_cstr(name, b->name, sizeof(b->name)));
		b->used = b->unmade = true;
		return b;
	}
	must(false);
	return NULL;
}

static void
do_open(struct call *c, struct fake_store *st, const struct ipc_store_open *m)
{
	static const unsigned char salt[16] = { 1 };
	struct ipc_store_session r = { .handle = FAKE_GUEST, .address = SLICE_LIT(FAKE_OWNER),
		.sealing = 1, .key_generation = 1, .thread_salt = slice_of(salt, 16),
		.grant = SLICE_LIT("granted") };

	if (st->shared == NULL || !slice_eq_str(m->address, FAKE_OWNER)) {
		fail(c, ERR_NOTFOUND);
		return;
	}
	r.account = st->shared->account;
	r.public_key = slice_of(st->shared->public_key, 32);
	if (st->shared->no_grant)
		r.grant = SLICE_NONE;
	reply(c, IPC_MSG_store_session, &r, -1);
}

static void
do_grant(struct call *c, struct fake_store *st, const struct ipc_store_grant *m)
{
	struct ipc_store_granted r = { .grant = SLICE_LIT("granted") };

	(void)m;
	st->grants++;
	if (st->no_grant)
		r.grant = SLICE_NONE;
	reply(c, IPC_MSG_store_granted, &r, -1);
}

static void
do_owners(struct call *c, struct fake_store *st, const struct ipc_store_owners *m)
{
	struct ipc_store_owners_reply r = { 0 };

	if (st->shared != NULL && slice_cmp(m->after, SLICE_LIT(FAKE_OWNER)) < 0)
		r.addresses = slice_of(FAKE_OWNER, sizeof(FAKE_OWNER));
	reply(c, IPC_MSG_store_owners_reply, &r, -1);
}

static void
do_acl(struct call *c, struct fake_store *st, const struct ipc_store_acl *m)
{
	struct ipc_store_acl_reply r = { .rights = st->rights };
	struct buf b;

	if (find_box(st, m->mailbox) == NULL || st->rights == 0) {
		fail(c, ERR_NOTFOUND);
		return;
	}
	r.owner = slice_str(st->account == ACCOUNT ? "alice@a.example" : FAKE_OWNER);
	buf_init(&b, 5000);
	if (st->rights & STORE_RIGHT_A) {
		ipc_acl_put(&b, &(struct ipc_acl){ STORE_RIGHTS_ALL, r.owner });
		for (size_t i = 0; i < st->acl_count; i++)
			if (slice_eq_str(m->mailbox, st->acls[i].box))
				ipc_acl_put(&b, &(struct ipc_acl){ st->acls[i].rights,
				    slice_str(st->acls[i].who) });
	}
	r.entries = buf_slice(&b);
	reply(c, IPC_MSG_store_acl_reply, &r, -1);
	buf_fini(&b);
}

static void
do_set_acl(struct call *c, struct fake_store *st, const struct ipc_store_set_acl *m)
{
	struct fake_acl *a = NULL;

	if (find_box(st, m->mailbox) == NULL || !(st->rights & STORE_RIGHT_A)) {
		fail(c, find_box(st, m->mailbox) != NULL && (st->rights & STORE_RIGHT_L) ?
		    ERR_DENIED : ERR_NOTFOUND);
		return;
	}
	for (size_t i = 0; i < st->acl_count && a == NULL; i++)
		if (slice_eq_str(m->mailbox, st->acls[i].box) &&
		    slice_eq_str(m->identifier, st->acls[i].who))
			a = &st->acls[i];
	if (a == NULL) {
		must(st->acl_count < 8);
		a = &st->acls[st->acl_count++];
		must(slice_to_cstr(m->mailbox, a->box, sizeof(a->box)) &&
		    slice_to_cstr(m->identifier, a->who, sizeof(a->who)));
	}
	a->rights = m->op == STORE_ADD ? a->rights | m->rights : m->op == STORE_REMOVE ?
	    a->rights & ~m->rights : m->rights;
	if (a->rights == 0)
		*a = st->acls[--st->acl_count];
	ok(c, st);
}

/* One of these rights, for a guest's request; the store looks closer. */
static bool
is_allowed(const struct fake_store *st, uint16_t type)
{
	static const struct { uint16_t type; uint32_t rights; } needs[] = {
		{ IPC_MSG_store_select, STORE_RIGHT_R }, { IPC_MSG_store_status, STORE_RIGHT_R },
		{ IPC_MSG_store_fetch, STORE_RIGHT_R }, { IPC_MSG_store_copy, STORE_RIGHT_R },
		{ IPC_MSG_store_append, STORE_RIGHT_I }, { IPC_MSG_store_create, STORE_RIGHT_K },
		{ IPC_MSG_store_delete, STORE_RIGHT_X }, { IPC_MSG_store_rename, STORE_RIGHT_X },
		{ IPC_MSG_store_expunge, STORE_RIGHT_E },
		{ IPC_MSG_store_flags, STORE_RIGHT_S | STORE_RIGHT_W | STORE_RIGHT_T },
		{ IPC_MSG_store_put_summary, 0 }, { IPC_MSG_store_put_columns, 0 },
	};

	for (size_t i = 0; i < lengthof(needs); i++)
		if (needs[i].type == type)
			return (st->rights & needs[i].rights) != 0;
	return true;
}

/* Whose store a request is about: by its handle, or its grant. */
static struct fake_store *
store_for(struct fake_store *st, uint16_t type, const union ipc_any *m)
{
	bool shared = type == IPC_MSG_open_keys ? m->open_keys.grant.n > 0 :
	    m->store_logout.handle == FAKE_GUEST;

	return shared && st->shared != NULL ? st->shared : st;
}

/* Its answer is lost. */
static void
do_late_append(struct call *c, struct fake_store *st, const struct ipc_store_append *m)
{
	ipc_reply_fn *fn = c->fn;

	if (st->late_appends == 0 || fn == NULL) {
		do_append(c, st, m);
		return;
	}
	st->late_appends--;
	c->fn = NULL;
	do_append(c, st, m);
	fn(c->arg, ERR_TIMEOUT, IPC_MSG_none, NULL, NULL);
}

static void
do_late_sync(struct call *c, struct fake_store *st, const struct ipc_store_sync *m)
{
	if (st->no_sync == 0) {
		do_sync(c, st, m);
		return;
	}
	st->no_sync--;
	if (c->fn != NULL)
		c->fn(c->arg, ERR_TIMEOUT, IPC_MSG_none, NULL, NULL);
}

/* A grant goes with what came for a pass, and with nothing else. */
static void
do_granted_read(struct call *c, struct fake_store *st, const struct ipc_store_read *m)
{
	must(m->grant.n == 0 || st->url_passes > 0);
	do_read(c, st, m);
}

static void
do_url_reset(struct call *c, struct fake_store *st, const struct ipc_url_reset *m)
{
	const struct ipc_url_reset_ok okay = { 0 };

	(void)m;
	st->url_keys++;
	reply(c, IPC_MSG_url_reset_ok, &okay, -1);
}

static void
do_epoch(struct call *c, struct fake_store *st, const struct ipc_store_epoch *m)
{
	const struct ipc_store_epoch_ok okay = { .epoch = st->next_epoch++,
		.first_content = st->next_content + 1, .count = 100 };

	(void)m;
	st->next_content += 100;
	reply(c, IPC_MSG_store_epoch_ok, &okay, -1);
}

static void
do_put_summary(struct call *c, struct fake_store *st, const struct ipc_store_put_summary *m)
{
	struct fake_content *ct = &st->contents[m->content - 1];

	buf_reset(&ct->summary);
	buf_put_slice(&ct->summary, m->summary);
	ok(c, st);
}

static void
do_delete(struct call *c, struct fake_store *st, const struct ipc_store_delete *m)
{
	struct fake_box *b = find_box(st, m->name);

	if (b == NULL) {
		fail(c, ERR_NOTFOUND);
		return;
	}
	b->used = false;
	ok(c, st);
}

static void
do_rename(struct call *c, struct fake_store *st, const struct ipc_store_rename *m)
{
	struct fake_box *b = find_box(st, m->from);

	if (b == NULL || find_box(st, m->to) != NULL) {
		fail(c, b == NULL ? ERR_NOTFOUND : ERR_EXISTS);
		return;
	}
	(void)slice_to_cstr(m->to, b->name, sizeof(b->name));
	ok(c, st);
}

static void
do_subscribe(struct call *c, struct fake_store *st, const struct ipc_store_subscribe *m)
{
	struct fake_box *b = find_box(st, m->name);

	if (b == NULL)
		b = add_name(st, m->name);
	b->subscribed = m->on;
	ok(c, st);
}

static void
do_uids(struct call *c, struct fake_store *st, const struct ipc_store_uids *m)
{
	struct fake_box *b = find_box(st, m->name);

	if (b == NULL) {
		fail(c, ERR_NOTFOUND);
		return;
	}
	if (b->uidnext < m->uidnext)
		b->uidnext = m->uidnext;
	ok(c, st);
}

/* Every request to the store is a change that the pulse tells of, but for these. */
static void
beat(struct fake_store *st, uint16_t type)
{
	static const uint16_t reads[] = {
		IPC_MSG_store_login, IPC_MSG_store_select, IPC_MSG_store_status,
		IPC_MSG_store_list, IPC_MSG_store_metadata, IPC_MSG_store_sync,
		IPC_MSG_store_fetch, IPC_MSG_store_read, IPC_MSG_store_columns,
		IPC_MSG_store_vanished, IPC_MSG_store_quota, IPC_MSG_store_acl,
	};

	st->selects += type == IPC_MSG_store_select;
	st->syncs += type == IPC_MSG_store_sync;
	for (size_t i = 0; i < lengthof(reads); i++)
		if (type == reads[i])
			return;
	if (type >> 8 != IPC_MSG_store_select >> 8)
		return;		/* keyd's */
	st->pulse += st->pulse != 0;
}

static void
serve(struct fake *f, struct call *c)
{
	const struct ipc_type_row *row = ipc_type_find(c->type);
	struct ipc_reader r = ipc_reader_of(buf_slice(&c->bytes));
	struct fake_store *st = f->store;
	union ipc_any m;

	row->get(&r, &m);
	must(ipc_reader_done(&r) == ERR_OK);
	st = store_for(st, c->type, &m);
	if (st != f->store && !is_allowed(st, c->type)) {
		fail(c, ERR_DENIED);
		return;
	}
	beat(st, c->type);
	switch (c->type) {	/* the rest ends in fail() */
#define SERVE(msg, fn)	case IPC_MSG_##msg: fn(c, st, &m.msg); return;
	SERVE(login, do_login)
	SERVE(login_external, do_login_external)
	SERVE(scram_start, do_scram_start)
	SERVE(scram_finish, do_scram_finish)
	SERVE(store_login, do_session)
	SERVE(store_arrivals, do_arrivals)
	SERVE(cmtp_box_open, do_box_open)
	SERVE(open_keys, do_open_keys)
	SERVE(store_select, do_select)
	SERVE(store_status, do_status)
	SERVE(store_list, do_list)
	SERVE(store_metadata, do_metadata)
	SERVE(store_set_metadata, do_set_metadata)
	SERVE(set_quota, do_set_quota)
	SERVE(store_quota, do_quota)
	SERVE(store_open, do_open)
	SERVE(store_grant, do_grant)
	SERVE(store_owners, do_owners)
	SERVE(store_acl, do_acl)
	SERVE(store_set_acl, do_set_acl)
	SERVE(store_create, do_create)
	SERVE(store_append, do_late_append)
	SERVE(store_fetch, do_fetch)
	SERVE(store_flags, do_flags)
	SERVE(store_expunge, do_expunge)
	SERVE(store_copy, do_copy)
	SERVE(store_vanished, do_vanished)
	SERVE(store_sync, do_late_sync)
	SERVE(store_read, do_granted_read)
	SERVE(store_url, do_url)
	SERVE(url_make, do_url_make)
	SERVE(url_check, do_url_check)
	SERVE(url_reset, do_url_reset)
	SERVE(store_file, do_file)
	SERVE(store_epoch, do_epoch)
	SERVE(store_columns, do_columns)
	SERVE(store_put_columns, do_put_columns)
	SERVE(store_put_summary, do_put_summary)
	SERVE(store_delete, do_delete)
	SERVE(store_rename, do_rename)
	SERVE(store_subscribe, do_subscribe)
	SERVE(store_uids, do_uids)
#undef SERVE
	default:
		fail(c, ERR_UNSUPPORTED);
	}
}

/* ---- the host ---- */

/* Tests empty out whenever they like; each append asks for it first. */
static void
tap_out(struct fake *f)
{
	if (f->tap_waits)
		return;
	if (f->out.n < f->tapped)
		f->tapped = 0;
	conn_tap(f->tap_id, CONN_TAP_SERVER, slice_from(buf_slice(&f->out), f->tapped));
	f->tapped = f->out.n;
}

static struct buf *
host_out(void *arg)
{
	struct fake *f = arg;

	tap_out(f);
	return &f->out;
}

static bool
host_is_clogged(void *arg)
{
	struct fake *f = arg;

	return f->clog_at > 0 && f->out.n >= f->clog_at;
}

static enum err
host_call(void *arg, enum ipc_role role, enum ipc_type type, const void *m, const int *fds,
    unsigned fd_count, ipc_reply_fn *fn, void *reply_arg, struct imap_ticket *t)
{
	struct fake *f = arg;
	struct call *c;

	if (f->store->down && role == IPC_STORE)
		return ERR_GONE;
	c = must_alloc(1, sizeof(*c));
	buf_init(&c->bytes, 65536 - 16);
	ipc_type_find((uint16_t)type)->put(&c->bytes, m);
	must(buf_err(&c->bytes) == ERR_OK);
	c->type = (uint16_t)type;
	c->fd = fd_count > 0 ? dup(fds[0]) : -1;
	c->fn = fn;
	c->arg = reply_arg;
	c->id = t->id = ++f->next_id;
	t->instance = 1;
	list_push(&f->calls, &c->link);
	return ERR_OK;
}

static enum err
host_send(void *arg, enum ipc_role role, enum ipc_type type, const void *m)
{
	struct fake *f = arg;

	(void)role;
	f->tokens_back += type == IPC_MSG_logout;
	if (type == IPC_MSG_store_append_cancel)
		(((const struct ipc_store_append_cancel *)m)->handle == FAKE_GUEST ?
		    f->store->shared : f->store)->staged_count = 0;
	if (type == IPC_MSG_store_watch) {
		f->watched = ((const struct ipc_store_watch *)m)->mailbox;
		f->watched_handle = ((const struct ipc_store_watch *)m)->handle;
	}
	return ERR_OK;
}

static void
call_free(struct call *c)
{
	list_remove(&c->link);
	buf_fini(&c->bytes);
	if (c->fd >= 0)
		close(c->fd);
	free(c);
}

static bool
host_cancel(void *arg, enum ipc_role role, const struct imap_ticket *t)
{
	struct fake *f = arg;
	struct list *n, *tmp;

	(void)role;
	LIST_EACH(n, tmp, &f->calls)
		if (obj_of(n, struct call, link)->id == t->id)
			obj_of(n, struct call, link)->fn = NULL;
	return true;
}

static void host_wake(void *arg) { ((struct fake *)arg)->paused = false; }
static void host_defer(void *arg) { ((struct fake *)arg)->deferred = true; }
static void host_deadline(void *arg, uint64_t at) { ((struct fake *)arg)->deadline_ms = at; }
static void host_set_handle(void *arg, uint32_t h) { (void)arg; (void)h; }
static void host_set_guest(void *arg, uint32_t h) { ((struct fake *)arg)->guest_handle = h; }
static uint64_t host_now(void *arg) { return ((struct fake *)arg)->now_ms; }
static uint64_t host_real(void *arg) { (void)arg; return 1763632930; }

static enum err
host_start_tls(void *arg)
{
	((struct fake *)arg)->wants_tls = true;
	return ERR_OK;
}

static enum err
host_compress(void *arg, bool on)
{
	struct fake *f = arg;

	must(f->compressed != on);
	f->compressed = on;
	return ERR_OK;
}

static struct imap_proof
host_certificate(void *arg)
{
	const struct fake *f = arg;
	struct imap_proof p = { SLICE_NONE, SLICE_NONE };

	if (f->certificate != NULL)
		p.names = slice_of(f->certificate, strlen(f->certificate) + 1);
	if (f->print != NULL)
		p.prints = slice_str(f->print);
	return p;
}

static void
host_close(void *arg, const char *reason)
{
	struct fake *f = arg;

	f->closed = true;
	(void)slice_to_cstr(slice_str(reason), f->reason, sizeof(f->reason));
}

static enum err
host_file_write(void *arg, int fd, struct slice s)
{
	(void)arg;
	return write(fd, s.p, s.n) == (ssize_t)s.n ? ERR_OK : ERR_FULL;
}

static void
host_file_close(void *arg, int fd)
{
	(void)arg;
	close(fd);
}

/* Threads that take their time: nothing else is left to do when they run. */
struct job { struct list link; timer_fn *work, *done; void *arg; };

static enum err
host_work(void *arg, timer_fn *work, timer_fn *done, void *work_arg)
{
	struct fake *f = arg;
	struct job *j;

	if (f->no_threads)
		return ERR_SYS;
	j = must_alloc(1, sizeof(*j));
	*j = (struct job){ .work = work, .done = done, .arg = work_arg };
	list_push(&f->jobs, &j->link);
	f->works++;
	return ERR_OK;
}

static bool
run_job(struct fake *f)
{
	struct list *n = list_first(&f->jobs);
	struct job *j;

	if (n == NULL)
		return false;
	j = obj_of(n, struct job, link);
	list_remove(n);
	j->work(j->arg);
	j->done(j->arg);
	free(j);
	return true;
}

static uint64_t
host_pulse(void *arg, uint64_t account)
{
	const struct fake_store *st = ((struct fake *)arg)->store;

	return st->down || account != st->account ? 0 : st->pulse;
}

static const struct imap_host host = {
	host_out, host_is_clogged, host_call, host_send, host_cancel, host_wake, host_defer,
	host_deadline, host_start_tls, host_compress, host_close, host_set_handle, host_set_guest,
	host_now, host_real, host_file_write, host_file_close, host_work, NULL,
	host_certificate, host_pulse,
};

/* Sessions of a test program differ in their transcripts. */
static uint64_t
next_tap(void)
{
	static uint64_t last;

	if (last++ == 0)
		conn_tap_open("GODWIT_IMAP_TRANSCRIPT");
	return last;
}

void
fake_init(struct fake *f, struct imap_shared *sh, struct fake_store *st, bool tls)
{
	memset(f, 0, sizeof(*f));
	f->shared = sh;
	f->store = st;
	f->now_ms = 1000000;
	buf_init(&f->out, 64u << 20);
	buf_init(&f->in, 64u << 20);
	list_init(&f->calls);
	list_init(&f->jobs);
	f->tap_id = next_tap();
	f->s = imap_session_new(&host, f, sh, 1, "192.0.2.1");
	imap_session_start(f->s, tls ? "TLSv1.3" : NULL, true);
	tap_out(f);
}

void
fake_fini(struct fake *f)
{
	tap_out(f);
	conn_tap(f->tap_id, CONN_TAP_END, SLICE_NONE);
	imap_session_free(&f->s);
	while (run_job(f))
		;
	while (list_first(&f->calls) != NULL)
		call_free(obj_of(list_first(&f->calls), struct call, link));
	buf_fini(&f->out);
	buf_fini(&f->in);
}

void
fake_unheard(struct fake *f)
{
	tap_out(f);
	f->tap_id = 0;
}

size_t
fake_give(struct fake *f, struct slice s)
{
	size_t used;

	tap_out(f);
	f->tap_waits = true;	/* for what was used: that comes first */
	used = imap_session_on_data(f->s, s);
	f->tap_waits = false;
	conn_tap(f->tap_id, CONN_TAP_CLIENT, slice_head(s, used));
	tap_out(f);
	return used;
}

static void
give_input(struct fake *f)
{
	size_t used;

	if (f->in.n == 0 || f->closed || f->paused)
		return;
	used = fake_give(f, buf_slice(&f->in));
	buf_consume(&f->in, used);
	/* As imap_conn does; a wake from inside of on_data comes before it. */
	f->paused = f->in.n > 0;
}

bool
fake_step(struct fake *f)
{
	struct list *n = list_first(&f->calls);
	struct call *c;

	if (n != NULL) {
		c = obj_of(n, struct call, link);
		list_remove(n);
		serve(f, c);
		call_free(c);
	} else if (f->deferred) {
		f->deferred = false;
		imap_session_on_turn(f->s);
	} else if (!run_job(f)) {
		return false;
	}
	tap_out(f);
	give_input(f);
	return true;
}

void
fake_deliver(struct fake *f, const char *box, struct slice text)
{
	struct fake_store *st = f->store;
	struct sealer *sealer = f->shared->sealer;
	struct sealer_owner owner = { .account = ACCOUNT, .generation = 1 };
	struct ipc_store_epoch_ok epoch = { st->next_epoch, st->next_content + 1, 100 };
	struct ipc_store_append m = { .mailbox = slice_str(box) };
	struct call c = { .fd = -1 };
	struct sealer_message message;
	struct mime mime;
	struct buf body;

	beat(st, IPC_MSG_store_append);
	memcpy(owner.public_key, st->public_key, sizeof(owner.public_key));
	if (!sealer_is_ready(sealer, &owner, f->now_ms)) {
		st->next_epoch++;
		st->next_content += 100;
	}
	sealer_message_init(&message);
	mime_init(&mime);
	mime_start(&mime);
	mime_feed(&mime, text);
	mime_end(&mime);
	buf_init(&body, 1u << 20);
	must(sealer_begin(sealer, &message, &owner, text.n, f->now_ms) == ERR_OK ||
	    (sealer_grant(sealer, &owner, &epoch, f->now_ms) == ERR_OK &&
	    sealer_begin(sealer, &message, &owner, text.n, f->now_ms) == ERR_OK));
	must(sealer_put(&message, text, &body) == ERR_OK);
	must(sealer_end(sealer, &message, &mime, SLICE_NONE, NULL, &body, &m) == ERR_OK);
	m.body = buf_slice(&body);
	do_append(&c, st, &m);
	sealer_message_fini(sealer, &message);
	mime_fini(&mime);
	buf_fini(&body);
}

size_t
fake_arrive(struct fake *f, const char *box, struct slice trace, struct slice object)
{
	struct fake_store *st = f->store;
	struct sealer *sealer = f->shared->sealer;
	struct sealer_owner owner = { .account = ACCOUNT, .generation = 1, .single = true };
	struct ipc_store_epoch_ok epoch = { st->next_epoch++, ++st->next_content, 1 };
	struct ipc_store_append m = { .mailbox = slice_str(box) };
	unsigned char id[SEAL_KEY_ID_BYTES], head[SEAL_HEAD_BYTES];
	struct call c = { .fd = -1 };
	struct sealer_message message;
	struct seal_split split;
	struct seal_entry en;
	struct buf body;

	memcpy(owner.public_key, st->public_key, sizeof(owner.public_key));
	sealer_message_init(&message);
	seal_split_init(&split);
	buf_init(&body, 8u << 20);
	must(seal_split_take(&split, &object) == ERR_OK);
	seal_key_id(id, owner.public_key);
	must(seal_split_find(&split, SEAL_ENTRY_BOX, 1, id, &en) == ERR_OK);
	must(sealer_grant(sealer, &owner, &epoch, f->now_ms) == ERR_OK);
	must(sealer_arrive(sealer, &message, &owner, &split.head, &en, trace, f->now_ms,
	    &m) == ERR_OK);
	seal_split_head(&split, head);
	buf_put(&body, head, sizeof(head));
	buf_put_slice(&body, object);
	m.body = buf_slice(&body);
	do_append(&c, st, &m);
	sealer_message_fini(sealer, &message);
	seal_split_fini(&split);
	buf_fini(&body);
	return (size_t)m.content - 1;
}

void
fake_run(struct fake *f)
{
	size_t before;

	tap_out(f);
	do {
		before = f->in.n;
		give_input(f);
		while (fake_step(f))
			;
	} while (f->in.n > 0 && f->in.n < before && !f->closed);
}

void
fake_say_bytes(struct fake *f, struct slice s)
{
	buf_put_slice(&f->in, s);
	fake_run(f);
}

void
fake_say(struct fake *f, const char *text)
{
	fake_say_bytes(f, slice_str(text));
}
