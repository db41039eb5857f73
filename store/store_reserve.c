/* SPDX-License-Identifier: ISC */
#include "store/store_reserve.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/must.h"
#include "lib/ipc/key_proto.h"
#include "lib/sys/fd.h"
#include "store/store_note.h"

/* May this peer act for this account?  Answers or ends the peer when not. */
bool
reserve_may(struct ipc_peer *peer, struct ipc_in *in, uint32_t handle, uint64_t account)
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

	if (p == NULL || !reserve_may(peer, in, m->handle, m->account))
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

struct store_reservation *
reserve_find(struct store_peer *p, uint64_t account, uint64_t epoch)
{
	struct store_reservation *r;
	struct list *l;

	for (l = list_first(&p->reservations); l != NULL; l = list_next(&p->reservations, l)) {
		r = obj_of(l, struct store_reservation, of_peer);
		if (r->account->id == account && r->epoch == epoch)
			return r;
	}
	return NULL;
}

enum err
reserve_check(const struct store_reservation *r, uint64_t content)
{
	uint64_t i = content - r->first;

	if (content < r->first || i >= STORE_RESERVED || r->used[i / 8] & 1u << i % 8)
		return ERR_VIOLATION;
	return ERR_OK;
}

void
reserve_claim(struct store_reservation *r, uint64_t content)
{
	uint64_t i = content - r->first;

	r->used[i / 8] |= (unsigned char)(1u << i % 8);
}

void
reserve_count(struct op *op, uint64_t content_end)
{
	if (op->acc.next_content < content_end)
		op->acc.next_content = content_end;
	op->is_dirty = true;
}

enum err
reserve_epoch_blob(struct op *op, uint64_t epoch, struct record_epoch *rec)
{
	const struct note_epoch n = { rec->generation, rec->form, rec->data,
	    slice_of(op->acc.salt, sizeof(op->acc.salt)) };
	struct buf b;
	enum err e;

	buf_init(&b, NOTE_EPOCH_BYTES_MAX);
	note_epoch_put(&n, &b);
	e = blob_put(op->store->blob, op->account, epoch, BLOB_EPOCH, buf_slice(&b), SLICE_NONE,
	    &rec->place);
	buf_fini(&b);
	/* Should the transaction fail, a few bytes count as alive until they are walked. */
	if (e == ERR_OK)
		blob_use(op->store->blob, &rec->place);
	return e;
}

enum err
reserve_epoch(struct op *op, uint64_t epoch, uint32_t generation, struct slice data)
{
	struct kv_key k = record_key_u64(op->account, 'E', epoch);
	struct record_epoch rec;
	char mem[RECORD_MEM_BYTES];
	struct slice v;
	struct buf b;
	enum err e;

	e = kv_get(op->txn, &k, &v);
	if (e == ERR_OK && data.n > 0 && (e = record_epoch_read(&rec, v)) == ERR_OK &&
	    rec.form == EPOCH_SEALED && !slice_eq(rec.data, data))
		return ERR_AGAIN;	/* of a reservation before our restart: another key */
	if (e != ERR_NOTFOUND)
		return e;
	/* Its first append got lost with its epoch_data: begin a new epoch. */
	if (data.n == 0)
		return ERR_AGAIN;
	rec = (struct record_epoch){ .generation = generation, .form = EPOCH_SEALED, .data = data };
	if ((e = reserve_epoch_blob(op, epoch, &rec)) != ERR_OK)
		return e;
	buf_lend(&b, mem, sizeof(mem));
	record_epoch_put(&rec, &b);
	op_put(op, &k, &b);
	if (op->acc.next_epoch <= epoch)
		op->acc.next_epoch = epoch + 1;
	op->is_dirty = true;
	return ERR_OK;
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
enum err
reserve_check_fd(struct store_peer *p, int fd, uint64_t *bytes)
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
