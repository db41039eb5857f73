/* SPDX-License-Identifier: ISC */
#include "store/store_append.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/enc.h"
#include "lib/base/must.h"
#include "lib/ipc/key_proto.h"
#include "lib/ipc/store_proto.h"
#include "lib/sys/fd.h"
#include "store/store_box.h"
#include "store/store_keywords.h"
#include "store/store_names.h"
#include "store/store_op.h"
#include "store/store_sweep.h"

#define THREAD_WRITES_MAX	8	/* references that get a record from one message */

struct append {
	struct op			 op;
	const struct ipc_store_append	*m;
	struct store_peer		*peer;
	struct ipc_in			*in;
	uint32_t			 mailbox;
	struct name			 name;
	struct record_content		 content;
	struct store_reservation	*reservation;
	uint64_t			 thread;
	struct flagset			 flags;
	uint64_t			 fd_bytes;
	struct box			 box;
};

/* May this peer act for this account?  Answers or ends the peer when not. */
static bool
may_append(struct ipc_peer *peer, struct ipc_in *in, uint32_t handle, uint64_t account)
{
	struct store_session *ss;

	if (ipc_peer_role(peer) == IPC_DELIVER) {
		if (handle == 0 && account != 0)
			return true;
		ipc_peer_violation(peer, "handle from deliver");
		return false;
	}
	if ((ss = store_session_need(peer, in, handle)) == NULL)
		return false;
	if (ss->account->id == account)
		return true;
	ipc_peer_violation(peer, "account of another session");
	return false;
}

/* ---- store_epoch ---- */

static unsigned
reservation_count(const struct store_account *a)
{
	struct list *l;
	unsigned n = 0;

	for (l = list_first(&a->reservations); l != NULL; l = list_next(&a->reservations, l))
		n++;
	return n;
}

/* The oldest of this account goes: its epoch is over or its peer forgot it. */
static void
drop_oldest(struct store_account *a)
{
	struct store_reservation *r;
	struct list *l = list_first(&a->reservations);

	if (l == NULL)
		return;
	r = obj_of(l, struct store_reservation, of_account);
	list_remove(&r->of_peer);
	list_remove(&r->of_account);
	free(r);
}

void
store_on_epoch(struct ipc_peer *peer, const void *msg, struct ipc_in *in)
{
	const struct ipc_store_epoch *m = msg;
	struct store *s = store_of(peer);
	struct store_peer *p = store_peer_find(s, peer);
	struct ipc_store_epoch_ok reply;
	struct store_reservation *r;
	struct store_account *a;
	struct op op;
	enum err e;

	if (p == NULL || !may_append(peer, in, m->handle, m->account))
		return;
	/* KV_WRITE: an account that came a moment ago is seen. */
	if ((e = op_begin(&op, s, m->account, KV_WRITE)) != ERR_OK) {
		store_fail_err(peer, in, e);
		return;
	}
	op_end(&op);
	a = store_account_need(s, m->account);
	if (reservation_count(a) >= STORE_RESERVATIONS_MAX)
		drop_oldest(a);
	if (a->next_content < op.acc.next_content)
		a->next_content = op.acc.next_content;
	if (a->next_epoch < op.acc.next_epoch)
		a->next_epoch = op.acc.next_epoch;
	r = must_alloc(1, sizeof(*r));
	r->account = a;
	r->made_ms = loop_now(s->loop);
	r->epoch = a->next_epoch++;
	r->first = a->next_content;
	a->next_content += STORE_RESERVED;
	list_init(&r->of_peer);
	list_init(&r->of_account);
	list_push(&p->reservations, &r->of_peer);
	list_push(&a->reservations, &r->of_account);
	reply = (struct ipc_store_epoch_ok){ r->epoch, r->first, STORE_RESERVED };
	ipc_reply(peer, in->id, IPC_MSG_store_epoch_ok, &reply);
}

static struct store_reservation *
reservation_find(struct store_peer *p, const struct ipc_store_append *m)
{
	struct store_reservation *r;
	struct list *l;

	for (l = list_first(&p->reservations); l != NULL; l = list_next(&p->reservations, l)) {
		r = obj_of(l, struct store_reservation, of_peer);
		if (r->account->id == m->account && r->epoch == m->epoch)
			return r;
	}
	return NULL;
}

/* Each content id once.  ERR_AGAIN: the reservation is gone, get another. */
static enum err
check_content(struct append *a)
{
	struct store_reservation *r = reservation_find(a->peer, a->m);
	uint64_t i;

	if (r == NULL)
		return ERR_AGAIN;
	if (a->m->content < r->first || a->m->content >= r->first + STORE_RESERVED)
		return ERR_VIOLATION;
	i = a->m->content - r->first;
	if (r->used[i / 8] & 1u << i % 8)
		return ERR_VIOLATION;
	a->reservation = r;
	return ERR_OK;
}

/* It is in a submitted transaction now. */
static void
claim_content(struct append *a)
{
	uint64_t i = a->m->content - a->reservation->first;

	a->reservation->used[i / 8] |= (unsigned char)(1u << i % 8);
}

/* ---- store_file ---- */

void
store_on_file(struct ipc_peer *peer, const void *msg, struct ipc_in *in)
{
	const struct ipc_store_file_ok ok = { 0 };
	struct store *s = store_of(peer);
	struct store_peer *p = store_peer_find(s, peer);
	struct stat st;
	enum err e;
	int fd;

	(void)msg;
	if (p == NULL)
		return;
	if (p->file_n >= STORE_FILES_MAX) {
		/* The oldest was given up without a word. */
		p->file_n--;
		memmove(&p->files[0], &p->files[1], p->file_n * sizeof(p->files[0]));
	}
	if ((e = fd_tmpfile(s->dir_fd, &fd)) != ERR_OK) {
		store_fail_err(peer, in, e);
		return;
	}
	if (fstat(fd, &st) == 0) {
		p->files[p->file_n].dev = st.st_dev;
		p->files[p->file_n++].ino = st.st_ino;
		ipc_reply_fds(peer, in->id, IPC_MSG_store_file_ok, &ok, &fd, 1);
	} else {
		store_fail_err(peer, in, ERR_IO);
	}
	fd_close(&fd);
}

/* A sealed memfd, or a file that we made for this peer; anything else is foreign. */
static enum err
check_fd(struct store_peer *p, int fd, uint64_t *bytes)
{
	int flags = fcntl(fd, F_GETFL);
	struct stat st;
	enum err e;

	/* What can be read: later an error is the disk's, not the peer's. */
	if (flags < 0 || (flags & O_ACCMODE) == O_WRONLY || (flags & O_PATH) != 0 ||
	    fstat(fd, &st) != 0)
		return ERR_VIOLATION;
	for (unsigned i = 0; i < p->file_n; i++) {
		if (p->files[i].dev != st.st_dev || p->files[i].ino != st.st_ino)
			continue;
		p->files[i] = p->files[--p->file_n];
		if (!S_ISREG(st.st_mode) || st.st_nlink != 0 || st.st_size < 0)
			return ERR_VIOLATION;
		*bytes = (uint64_t)st.st_size;
		return *bytes > STORE_BODY_MAX ? ERR_TOOBIG : ERR_OK;
	}
	e = fd_memfd_check(fd, STORE_BODY_MAX, bytes);
	return e;
}

/* ---- store_append ---- */

static enum err
check_form(struct append *a)
{
	const struct ipc_store_append *m = a->m;
	bool is_deliver = ipc_peer_role(a->peer->peer) == IPC_DELIVER;
	enum err e;

	if (m->commitment.n != 32 || m->wrapped.n == 0 || m->content == 0 || m->epoch == 0 ||
	    (m->message_id.n != 0 && m->message_id.n != 8) || m->references.n % 8 != 0 ||
	    (m->flags & ~(uint32_t)STORE_SYSTEM) != 0 || (!is_deliver && m->msg != 0) ||
	    (m->body.n > 0) == (a->in->fd_count > 0))
		return ERR_VIOLATION;
	if ((e = keywords_check(m->keywords)) != ERR_OK)
		return e;
	if (!store_has_room(a->op.store))
		return ERR_FULL;
	if (a->in->fd_count == 0)
		return ERR_OK;
	if ((e = check_fd(a->peer, a->in->fds[0], &a->fd_bytes)) != ERR_OK)
		return e;
	return a->fd_bytes > 0 ? ERR_OK : ERR_VIOLATION;
}

/* Delivered before?  The first answer counts, whatever the copy looks like. */
static enum err
find_delivered(struct append *a, struct record_delivered *d)
{
	struct kv_key k = record_key_delivered(a->m->msg, a->m->account, a->m->rcpt);
	struct slice v;
	enum err e;

	if (a->m->msg == 0)
		return ERR_NOTFOUND;
	if ((e = kv_get(a->op.txn, &k, &v)) != ERR_OK ||
	    (e = record_delivered_read(d, v)) != ERR_OK)
		return e;
	return d->account == a->m->account && d->rcpt == a->m->rcpt ? ERR_OK : ERR_CONFLICT;
}

static void
put_delivered(struct append *a, uint32_t uid, uint64_t modseq)
{
	struct kv_key k = record_key_delivered(a->m->msg, a->m->account, a->m->rcpt);
	struct record_delivered d = { a->m->account, a->m->rcpt, a->mailbox,
	    a->box.rec.uidvalidity, uid, modseq };
	struct buf b;

	if (a->m->msg == 0)
		return;
	buf_init(&b, RECORD_BYTES_MAX);
	record_delivered_put(&d, &b);
	kv_expect_absent(a->op.txn, &k);
	op_put(&a->op, &k, &b);
	buf_fini(&b);
}

static enum err
find_mailbox(struct append *a)
{
	struct slice name = a->m->mailbox;
	bool is_deliver = ipc_peer_role(a->peer->peer) == IPC_DELIVER;
	enum err e;

	if ((e = names_defaults(&a->op)) != ERR_OK)
		return e;
	if ((e = names_check(&name)) == ERR_OK)
		e = names_find(&a->op, name, &a->name);
	if (e == ERR_OK && a->name.rec.mailbox == 0)
		e = ERR_NOTFOUND;
	if (e != ERR_OK && is_deliver)
		e = names_find(&a->op, SLICE_LIT("INBOX"), &a->name);
	if (e == ERR_OK)
		a->mailbox = a->name.rec.mailbox;
	return e;
}

static enum err
need_epoch(struct append *a)
{
	struct kv_key k = record_key_u64(a->m->account, 'E', a->m->epoch);
	struct record_epoch rec;
	struct slice v;
	struct buf b;
	enum err e;

	e = kv_get(a->op.txn, &k, &v);
	if (e == ERR_OK && a->m->epoch_data.n > 0 && (e = record_epoch_read(&rec, v)) == ERR_OK &&
	    rec.form == EPOCH_SEALED && !slice_eq(rec.data, a->m->epoch_data))
		return ERR_AGAIN;	/* of a reservation before our restart: another key */
	if (e != ERR_NOTFOUND)
		return e;
	/* Its first append got lost with its epoch_data: begin a new epoch. */
	if (a->m->epoch_data.n == 0)
		return ERR_AGAIN;
	rec = (struct record_epoch){ a->m->generation, EPOCH_SEALED, a->m->epoch_data };
	buf_init(&b, RECORD_BYTES_MAX);
	record_epoch_put(&rec, &b);
	op_put(&a->op, &k, &b);
	buf_fini(&b);
	if (a->op.acc.next_epoch <= a->m->epoch)
		a->op.acc.next_epoch = a->m->epoch + 1;
	return ERR_OK;
}

/* ---- threads ---- */

static enum err
thread_find(struct append *a, const char *hash, uint64_t *thread)
{
	struct kv_key k = record_key_u64(a->m->account, 'T', dec_be64(hash));
	struct slice v;
	enum err e = kv_get(a->op.txn, &k, &v);

	if (e != ERR_OK)
		return e;
	if (v.n != 9 || v.p[0] != 1)
		return ERR_CORRUPT;
	*thread = dec_le64(v.p + 1);
	return ERR_OK;
}

static void
thread_put(struct append *a, const char *hash)
{
	struct kv_key k = record_key_u64(a->m->account, 'T', dec_be64(hash));
	unsigned char v[9] = { 1 };

	enc_le64(v + 1, a->thread);
	kv_put(a->op.txn, &k, slice_of(v, sizeof(v)));
}

/*
 * A message joins the thread of its nearest known reference; the references
 * that are not known yet join with it, so that a parent that comes late is
 * found.  A new thread has the id of its first content.
 */
static enum err
find_thread(struct append *a)
{
	struct slice refs = a->m->references;
	unsigned writes = 0;
	uint64_t other;
	enum err e = ERR_NOTFOUND;
	size_t i;

	if (a->m->message_id.n > 0)
		e = thread_find(a, a->m->message_id.p, &a->thread);
	for (i = refs.n; i >= 8 && e == ERR_NOTFOUND; i -= 8)
		e = thread_find(a, refs.p + i - 8, &a->thread);
	if (e != ERR_OK && e != ERR_NOTFOUND)
		return e;
	if (e == ERR_NOTFOUND)
		a->thread = a->m->content;
	if (a->m->message_id.n > 0)
		thread_put(a, a->m->message_id.p);
	for (i = refs.n; i >= 8 && writes < THREAD_WRITES_MAX; i -= 8) {
		e = thread_find(a, refs.p + i - 8, &other);
		if (e == ERR_NOTFOUND) {
			thread_put(a, refs.p + i - 8);
			writes++;
		} else if (e != ERR_OK) {
			return e;
		}
	}
	return ERR_OK;
}

/* ---- the content and its rows ---- */

static enum err
put_blobs(struct append *a)
{
	const struct ipc_store_append *m = a->m;
	struct blob *blob = a->op.store->blob;
	enum err e;

	if (m->summary.n > RECORD_SUMMARY_INLINE &&
	    (e = blob_put(blob, m->account, m->content, BLOB_SUMMARY, m->summary,
	    &a->content.summary_ref)) != ERR_OK)
		return e;
	if (m->body.n > 0)
		return blob_put(blob, m->account, m->content, BLOB_BODY, m->body,
		    &a->content.body);
	return blob_put_fd(blob, m->account, m->content, BLOB_BODY, ipc_take_fd(a->in, 0),
	    a->fd_bytes, &a->content.body);
}

static enum err
put_content(struct append *a)
{
	const struct ipc_store_append *m = a->m;
	struct kv_key k = record_key_u64(m->account, 'X', m->content);
	struct record_content *c = &a->content;
	struct buf b;
	enum err e;

	memset(c, 0, sizeof(*c));
	if ((e = put_blobs(a)) != ERR_OK)
		return e;
	c->epoch = m->epoch;
	c->generation = m->generation;
	c->message_id = m->message_id.n > 0 ? dec_be64(m->message_id.p) : 0;
	c->created_s = store_now_s(a->op.store);
	c->commitment = m->commitment;
	c->wrapped = m->wrapped;
	c->summary = m->summary.n <= RECORD_SUMMARY_INLINE ? m->summary : SLICE_NONE;
	buf_init(&b, RECORD_BYTES_MAX);
	record_content_put(c, &b);
	kv_expect_absent(a->op.txn, &k);
	op_put(&a->op, &k, &b);
	buf_fini(&b);
	sweep_saw(a->op.store, m->account, m->content);
	if (a->op.acc.next_content < a->reservation->first + STORE_RESERVED)
		a->op.acc.next_content = a->reservation->first + STORE_RESERVED;
	return ERR_OK;
}

static enum err
put_rows(struct append *a, uint32_t *uid, uint64_t *modseq)
{
	const struct ipc_store_append *m = a->m;
	struct record_mailbox *rec = &a->box.rec;
	struct page_hot_row hot;
	struct page_cold_row cold;
	enum err e;

	if (rec->uidnext >= UINT32_MAX - 1)
		return ERR_LIMIT;
	*uid = rec->uidnext;
	*modseq = op_modseq(&a->op);
	hot = (struct page_hot_row){ *uid, a->flags.bits, *modseq };
	cold = (struct page_cold_row){ *uid, m->size, m->content, a->thread, m->internal_s,
	    store_now_s(a->op.store), *modseq };
	if ((e = box_append(&a->box, &hot, flagset_more(&a->flags), &cold)) != ERR_OK)
		return e;
	rec->uidnext++;
	rec->modseq = *modseq;
	a->op.acc.used_bytes += m->size;
	a->op.acc.message_count++;
	return box_flush(&a->box);
}

static enum err
append_new(struct append *a, struct store_reply *r)
{
	uint64_t modseq;
	uint32_t uid;
	enum err e;

	if ((e = check_content(a)) != ERR_OK ||
	    (e = find_mailbox(a)) != ERR_OK)
		return e;
	if (a->op.acc.quota_bytes != 0 &&
	    a->op.acc.used_bytes + a->m->size > a->op.acc.quota_bytes)
		return ERR_QUOTA;
	if ((e = box_open(&a->box, a->op.txn, a->m->account, a->mailbox)) != ERR_OK)
		return e == ERR_NOTFOUND ? ERR_CORRUPT : e;
	a->flags = flagset_of(a->m->flags, SLICE_NONE);
	if ((e = keywords_flags(&a->op, a->mailbox, a->m->keywords, true, &a->flags)) != ERR_OK)
		return e;
	if ((e = need_epoch(a)) != ERR_OK || (e = find_thread(a)) != ERR_OK ||
	    (e = put_content(a)) != ERR_OK || (e = put_rows(a, &uid, &modseq)) != ERR_OK)
		return e;
	put_delivered(a, uid, modseq);
	buf_put_slice(&r->a, a->name.rec.name);
	r->m.appended = (struct ipc_store_appended){ a->box.rec.uidvalidity, uid, 1, modseq,
	    false, buf_slice(&r->a) };
	r->boxes[0] = a->mailbox;
	return ERR_OK;
}

/* The answer waits like that of any other: the first copy may be in flight. */
static void
append_again(struct append *a, const struct record_delivered *d, struct store_reply *r)
{
	(void)a;
	r->m.appended = (struct ipc_store_appended){ d->uidvalidity, d->uid, 1, d->modseq,
	    true, SLICE_NONE };
}

static enum err
append(struct append *a, struct store_reply *r)
{
	struct record_delivered d;
	enum err e;

	if ((e = op_begin(&a->op, a->peer->store, a->m->account, KV_WRITE)) != ERR_OK)
		return e;
	box_make(&a->box, a->op.txn, 0, 0);
	e = find_delivered(a, &d);
	if (e == ERR_OK)
		append_again(a, &d, r);
	else if (e == ERR_NOTFOUND)
		e = append_new(a, r);
	box_close(&a->box);
	return e;
}

void
store_on_append(struct ipc_peer *peer, const void *msg, struct ipc_in *in)
{
	struct store *s = store_of(peer);
	struct store_reply *r;
	struct append *a;
	enum err e;

	a = must_alloc(1, sizeof(*a));
	a->m = msg;
	a->in = in;
	a->op.store = s;
	a->peer = store_peer_find(s, peer);
	if (a->peer == NULL || !may_append(peer, in, a->m->handle, a->m->account))
		goto out;
	if ((e = check_form(a)) != ERR_OK) {
		store_fail_err(peer, in, e);
		goto out;
	}
	r = store_reply_new(peer, in, IPC_MSG_store_appended);
	r->origin = a->m->handle;
	if ((e = append(a, r)) != ERR_OK) {
		op_end(&a->op);
		store_reply_free(&r);
	} else if ((e = op_submit(&a->op, KV_NOW, r)) == ERR_OK && a->content.body.segment != 0) {
		claim_content(a);
		blob_use(s->blob, &a->content.body);
		if (a->content.summary_ref.segment != 0)
			blob_use(s->blob, &a->content.summary_ref);
	}
	if (e == ERR_NOTFOUND && a->m->handle != 0)
		/* RFC 9051 s6.3.12 */
		store_fail(peer, in, e, "TRYCREATE", "no such mailbox");
	else if (e != ERR_OK)
		store_fail_err(peer, in, e);
out:
	free(a);
}

/* ---- store_forget ---- */

static enum err
forget_in_shard(struct store *s, unsigned shard, struct slice msgs)
{
	struct kv_key at, found;
	struct kv_txn *t;
	struct slice v;
	bool any = false;
	enum err e;

	if ((e = kv_begin_shard(s->kv, shard, KV_WRITE, &t)) != ERR_OK)
		return e;
	for (size_t i = 0; i < msgs.n && e == ERR_OK; i += 8) {
		at = record_key_u64(0, 'Q', dec_le64(msgs.p + i));
		while ((e = kv_find(t, KV_GT, &at, at.n, &found, &v)) == ERR_OK) {
			kv_del(t, &found);
			any = true;
		}
		e = e == ERR_NOTFOUND ? ERR_OK : e;
	}
	if (e == ERR_OK && any)
		return kv_submit(&t, KV_LAZY, NULL, NULL);
	kv_end(&t);
	return e;
}

void
store_on_forget(struct ipc_peer *peer, const void *msg, struct ipc_in *in)
{
	const struct ipc_store_forget *m = msg;
	struct store *s = store_of(peer);

	(void)in;
	if (m->msgs.n % 8 != 0) {
		ipc_peer_violation(peer, "half a queue id");
		return;
	}
	/* What fails here is found by age later (store_sweep.c). */
	for (unsigned i = 0; i < kv_shard_count(s->kv); i++)
		if (forget_in_shard(s, i, m->msgs) != ERR_OK)
			return;
}
