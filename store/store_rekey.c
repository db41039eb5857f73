/* SPDX-License-Identifier: ISC */
#include "store/store_rekey.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "lib/base/enc.h"
#include "lib/base/must.h"
#include "lib/daemon/daemon.h"
#include "lib/ipc/key_proto.h"
#include "store/store_args.h"
#include "store/store_check.h"
#include "store/store_op.h"
#include "store/store_record.h"
#include "store/store_reserve.h"

#define TEXT_BYTES	1000
#define ASK_BYTES	8000	/* as in keyd.msg */
#define ASK_MS		10000
#define WAIT_MS		20	/* too much is on its way to the disk */
#define PREFIX_BYTES	9
#define FAULTS_FOUND	1

enum { AT_SHARD, AT_ACCOUNT, AT_FOUND, AT_EPOCH, AT_DONE, AT_CLOSED, AT_DAMAGED, AT_N };

/* What keyd is asked to put under the newest pair, as it was. */
struct asked {
	uint64_t	 epoch;
	uint32_t	 generation;
	uint8_t		 form;
	size_t		 n;
	char		 bytes[96];
};

/* A record that is put, but not yet named: places to count and to free. */
struct moved {
	struct blob_ref	 from;		/* segment 0: there was none */
	struct blob_ref	 to;
};

struct store_rekey {
	struct store		*store;
	struct timer		 timer;
	rekey_answer_fn		*answer;	/* NULL: nobody waits */
	void			*arg;
	uint64_t		 call;		/* at keyd; 0: none */
	uint64_t		 begin_ms;
	bool			 is_committing;
	bool			 has_heard;	/* what keyd said before the request came */
	bool			 is_one;	/* account, by address */
	size_t			 address_n;
	char			 address[RECORD_ADDRESS_MAX];
	uint64_t		 at[AT_N];	/* the cursor */
	unsigned		 asked_n;
	struct asked		 asked[REKEY_EPOCHS_MAX];
	unsigned		 moved_n;
	struct moved		 moved[REKEY_EPOCHS_MAX];
};

/* ---- answers ---- */

static void
answer(struct store_rekey *r, uint8_t code, bool more, struct slice text)
{
	rekey_answer_fn *fn = r->answer;

	timer_stop(&r->timer);
	r->answer = NULL;
	fn(r->arg, code, more, text);
}

static void
fail(struct store_rekey *r, const char *why)
{
	struct buf b;

	buf_init(&b, TEXT_BYTES);
	buf_printf(&b, "%s: run it again, it goes on where it was\n", why);
	answer(r, EX_TEMPFAIL, false, buf_slice(&b));
	buf_fini(&b);
}

static void
tell(struct store_rekey *r, bool more)
{
	struct buf b;

	buf_init(&b, TEXT_BYTES);
	buf_printf(&b, "%llu epoch keys rewrapped%s\n", (unsigned long long)r->at[AT_DONE],
	    more ? " so far" : "");
	if (!more && r->at[AT_CLOSED] > 0)
		buf_printf(&b, "%llu can only be opened by their owners, and stay\n",
		    (unsigned long long)r->at[AT_CLOSED]);
	if (!more && r->at[AT_DAMAGED] > 0)
		buf_printf(&b, "%llu open with no key of their account\n",
		    (unsigned long long)r->at[AT_DAMAGED]);
	for (unsigned i = 0; more && i < AT_N; i++)
		buf_printf(&b, "%llu%c", (unsigned long long)r->at[i], i < AT_N - 1 ? ' ' : '\n');
	answer(r, !more && r->at[AT_DAMAGED] > 0 ? FAULTS_FOUND : EX_OK, more, buf_slice(&b));
	buf_fini(&b);
}

static void
later(struct store_rekey *r, uint64_t ms)
{
	timer_set(&r->timer, loop_now(r->store->loop) + ms);
}

/* ---- what keyd made of them ---- */

static void
give_back(struct store_rekey *r)
{
	for (unsigned i = 0; i < r->moved_n; i++)
		blob_free(r->store->blob, &r->moved[i].to);
	r->moved_n = 0;
}

/* ERR_CONFLICT: the record is not what keyd was shown. */
static enum err
replace(struct store_rekey *r, struct op *op, const struct asked *a, const struct ipc_rekeyed *row)
{
	struct kv_key k = record_key_u64(op->account, 'E', a->epoch);
	struct moved *m = &r->moved[r->moved_n];
	struct record_epoch rec;
	struct slice v;
	struct buf b;
	enum err e;

	if ((e = kv_get(op->txn, &k, &v)) == ERR_NOTFOUND)
		return ERR_OK;		/* no mail is under it any more */
	if (e != ERR_OK || (e = record_epoch_read(&rec, v)) != ERR_OK)
		return e;
	if (rec.generation != a->generation || rec.form != a->form ||
	    !slice_eq(rec.data, slice_of(a->bytes, a->n)))
		return ERR_CONFLICT;
	m->from = rec.place;
	rec = (struct record_epoch){ .generation = row->generation, .form = row->form,
		.data = row->data };
	if ((e = reserve_epoch_blob(op, a->epoch, &rec)) != ERR_OK)
		return e;
	m->to = rec.place;
	r->moved_n++;
	buf_init(&b, RECORD_BYTES_MAX);
	record_epoch_put(&rec, &b);
	op_put(op, &k, &b);
	buf_fini(&b);
	return ERR_OK;
}

static void
on_durable(void *arg, enum err e)
{
	struct store_rekey *r = arg;

	must(e == ERR_OK);	/* a commit that fails ends the process */
	daemon_crash_at("store.rekey-durable");
	r->is_committing = false;
	if (r->answer != NULL)
		later(r, 0);
}

static enum err
submit(struct store_rekey *r, struct op *op)
{
	enum err e;

	if (r->moved_n == 0)
		return ERR_OK;
	daemon_crash_at("store.rekey-put");
	if ((e = kv_submit(&op->txn, KV_NOW, on_durable, r)) != ERR_OK)
		return e;
	r->is_committing = true;
	for (unsigned i = 0; i < r->moved_n; i++)
		if (r->moved[i].from.segment != 0)
			blob_free(r->store->blob, &r->moved[i].from);
	daemon_crash_at("store.rekey-submitted");
	return ERR_OK;
}

/* All rows up to one that has to be asked for again. */
static enum err
apply(struct store_rekey *r, const struct ipc_rekeyed *rows)
{
	uint64_t count[REKEY_DAMAGED + 1] = { 0 };
	uint64_t epoch = r->at[AT_EPOCH];
	struct op op;
	enum err e;

	r->moved_n = 0;
	if ((e = op_begin(&op, r->store, r->at[AT_ACCOUNT], KV_WRITE)) != ERR_OK)
		return e;
	for (unsigned i = 0; i < r->asked_n && e == ERR_OK; i++) {
		if (rows[i].result == REKEY_DONE)
			e = replace(r, &op, &r->asked[i], &rows[i]);
		if (e == ERR_OK) {
			count[rows[i].result]++;
			epoch = rows[i].epoch;
		}
	}
	if (e == ERR_OK || e == ERR_CONFLICT)
		e = submit(r, &op);
	op_end(&op);
	if (e != ERR_OK) {
		give_back(r);
		return e;
	}
	r->at[AT_EPOCH] = epoch;
	r->at[AT_DONE] += r->moved_n;
	r->at[AT_CLOSED] += count[REKEY_CLOSED];
	r->at[AT_DAMAGED] += count[REKEY_DAMAGED];
	return ERR_OK;
}

/* A row for each that was asked for, in order. */
static bool
read_rows(const struct store_rekey *r, struct slice bytes, struct ipc_rekeyed *rows)
{
	struct ipc_reader rd = ipc_reader_of(bytes);
	unsigned n = 0;

	for (; n < r->asked_n && ipc_reader_more(&rd); n++) {
		struct ipc_rekeyed *row = &rows[n];

		ipc_rekeyed_get(&rd, row);
		if (row->epoch != r->asked[n].epoch || row->result < REKEY_DONE ||
		    row->result > REKEY_DAMAGED)
			return false;
		if (row->result == REKEY_DONE &&
		    (row->data.n == 0 || row->generation == r->asked[n].generation))
			return false;
	}
	return ipc_reader_done(&rd) == ERR_OK && n == r->asked_n;
}

static struct ipc_peer *
keyd_of(const struct store *s)
{
	struct list *l;

	for (l = list_first(&s->peers); l != NULL; l = list_next(&s->peers, l)) {
		struct ipc_peer *p = obj_of(l, struct store_peer, link)->peer;

		if (ipc_peer_role(p) == IPC_KEYD)
			return p;
	}
	return NULL;
}

static void
take_rows(struct store_rekey *r, const struct ipc_epoch_rekey_reply *m)
{
	struct ipc_rekeyed rows[REKEY_EPOCHS_MAX];
	enum err e;

	if (!read_rows(r, m->epochs, rows)) {
		ipc_peer_violation(keyd_of(r->store), "rekeyed epochs that were not asked for");
		fail(r, "keyd gave a wrong answer");
		return;
	}
	e = apply(r, rows);
	/* Gone meanwhile: the next slice finds no epochs either. */
	if (e == ERR_BUSY)
		later(r, WAIT_MS);
	else if (e != ERR_OK && e != ERR_NOTFOUND)
		fail(r, err_text(e));
	else if (!r->is_committing)
		later(r, 0);
}

static void
on_rows(void *arg, enum err e, uint16_t type, const void *m, struct ipc_in *in)
{
	struct store_rekey *r = arg;
	const struct ipc_key_fail *refused = m;

	(void)in;
	r->call = 0;
	if (r->answer == NULL)
		return;
	if (e == ERR_OK && r->asked_n == 0) {
		r->has_heard = true;
		r->begin_ms = loop_now(r->store->loop);	/* something gets done in each turn */
		later(r, 0);
	} else if (e == ERR_OK && type == IPC_MSG_epoch_rekey_reply) {
		take_rows(r, m);
	} else if (e == ERR_OK && type == IPC_MSG_key_fail && refused->error == ERR_NOTFOUND) {
		/* A store whose keyd is another one's: nothing of it opens. */
		r->at[AT_CLOSED] += r->asked_n;
		r->at[AT_EPOCH] = r->asked[r->asked_n - 1].epoch;
		later(r, 0);
	} else {
		fail(r, "keyd did not answer");
	}
}

/* ---- what is to be done ---- */

static void
ask(struct store_rekey *r)
{
	struct ipc_epoch_rekey m = { .account = r->asked_n > 0 ? r->at[AT_ACCOUNT] : 0 };
	struct ipc_peer *keyd = keyd_of(r->store);
	enum err e = ERR_GONE;
	struct buf b;

	buf_init(&b, ASK_BYTES);
	for (unsigned i = 0; i < r->asked_n; i++) {
		const struct asked *a = &r->asked[i];
		const struct ipc_epoch row = { a->epoch, a->generation, a->form,
			slice_of(a->bytes, a->n) };

		ipc_epoch_put(&b, &row);
	}
	m.epochs = buf_slice(&b);
	if (keyd != NULL)
		e = ipc_call(keyd, IPC_MSG_epoch_rekey, &m, NULL, 0,
		    loop_now(r->store->loop) + ASK_MS, on_rows, r, &r->call);
	buf_fini(&b);
	if (e != ERR_OK)
		fail(r, "keyd is away");
}

static bool
want(struct store_rekey *r, const struct kv_key *key, struct slice v, uint32_t newest)
{
	struct asked *a = &r->asked[r->asked_n];
	struct record_epoch rec;

	if (key->n != 17 || record_epoch_read(&rec, v) != ERR_OK) {
		r->at[AT_DAMAGED]++;
		return false;
	}
	if (rec.generation == newest || rec.data.n > sizeof(a->bytes))
		return false;
	*a = (struct asked){ .epoch = dec_be64(key->b + 9), .generation = rec.generation,
		.form = rec.form, .n = rec.data.n };
	if (a->n > 0)
		memcpy(a->bytes, rec.data.p, a->n);
	return true;
}

/* The next epochs of the account; ERR_NOTFOUND: there are no more. */
static enum err
collect(struct store_rekey *r)
{
	struct kv_key at = record_key_u64(r->at[AT_ACCOUNT], 'E', r->at[AT_EPOCH]), found;
	struct op op;
	struct slice v;
	enum err e;

	r->asked_n = 0;
	/* KV_WRITE: what a reader made of them a moment ago is seen. */
	if ((e = op_begin(&op, r->store, r->at[AT_ACCOUNT], KV_WRITE)) != ERR_OK)
		return e;
	for (unsigned looked = 0; e == ERR_OK && looked < REKEY_LOOK &&
	    r->asked_n < REKEY_EPOCHS_MAX; looked++) {
		e = kv_find(op.txn, KV_GT, &at, PREFIX_BYTES, &found, &v);
		if (e != ERR_OK)
			break;
		at = found;
		if (want(r, &found, v, op.acc.key_generation))
			r->asked_n++;
		else if (r->asked_n == 0 && found.n == 17)
			r->at[AT_EPOCH] = dec_be64(found.b + 9);
	}
	op_end(&op);
	return r->asked_n > 0 ? ERR_OK : e;
}

static void
next_account(struct store_rekey *r)
{
	r->at[AT_EPOCH] = 0;
	if (r->is_one) {
		tell(r, false);
		return;
	}
	while (r->at[AT_SHARD] < kv_shard_count(r->store->kv)) {
		if (check_next_account(r->store, (unsigned)r->at[AT_SHARD], r->at[AT_ACCOUNT],
		    &r->at[AT_ACCOUNT]) == ERR_OK) {
			later(r, 0);
			return;
		}
		r->at[AT_SHARD]++;
		r->at[AT_ACCOUNT] = 0;
	}
	tell(r, false);
}

static void
find_one(struct store_rekey *r)
{
	struct slice address = slice_of(r->address, r->address_n);
	enum err e = args_account(r->store, address, &r->at[AT_SHARD], &r->at[AT_ACCOUNT]);
	struct buf b;

	r->at[AT_FOUND] = e == ERR_OK;
	if (e != ERR_NOTFOUND) {
		later(r, 0);
		return;
	}
	buf_init(&b, TEXT_BYTES);
	buf_put_slice(&b, address);
	buf_put_str(&b, ": not found\n");
	answer(r, EX_DATAERR, false, buf_slice(&b));
	buf_fini(&b);
}

static void
step(void *arg)
{
	struct store_rekey *r = arg;
	enum err e;

	if (loop_now(r->store->loop) - r->begin_ms >= REKEY_TURN_MS) {
		tell(r, true);
		return;
	}
	if (r->is_one && !r->at[AT_FOUND]) {
		find_one(r);
		return;
	}
	if (!store_has_room(r->store)) {
		fail(r, "the disk is full");
		return;
	}
	/*
	 * A question about nothing: a new pair that keyd told an operator of
	 * stands before the answer in what keyd says, and is known then.
	 */
	if (!r->has_heard) {
		r->asked_n = 0;
		ask(r);
		return;
	}
	if (!list_is_empty(&r->store->late_facts)) {
		later(r, WAIT_MS);
		return;
	}
	e = r->at[AT_ACCOUNT] == 0 ? ERR_NOTFOUND : collect(r);
	if (e == ERR_BUSY)
		later(r, WAIT_MS);
	else if (e == ERR_NOTFOUND || e == ERR_CORRUPT)
		next_account(r);	/* one that is damaged is for gwstore check */
	else if (e != ERR_OK)
		fail(r, err_text(e));
	else if (r->asked_n == 0)
		later(r, 0);
	else
		ask(r);
}

/* ---- requests ---- */

void
rekey_tool(struct store *s, struct slice args, rekey_answer_fn *fn, void *arg)
{
	struct store_rekey *r = s->rekey;
	struct slice address = SLICE_NONE, cursor;

	if (r == NULL) {
		r = s->rekey = must_alloc(1, sizeof(*r));
		r->store = s;
		timer_init(&r->timer, s->loop, step, r);
	}
	(void)args_next(&args, &address);
	if (address.n > sizeof(r->address)) {
		fn(arg, EX_DATAERR, false, SLICE_LIT("no such address\n"));
		return;
	}
	if (r->answer != NULL || r->is_committing) {
		fn(arg, EX_TEMPFAIL, false, SLICE_LIT("a rekey is under way\n"));
		return;
	}
	r->answer = fn;
	r->arg = arg;
	r->is_one = address.n > 0;
	r->address_n = address.n;
	if (address.n > 0)
		memcpy(r->address, address.p, address.n);
	memset(r->at, 0, sizeof(r->at));
	if (args_next(&args, &cursor))
		args_numbers(cursor, r->at, AT_N);
	r->begin_ms = loop_now(s->loop);
	r->has_heard = false;
	later(r, 0);
}

void
rekey_stop(struct store *s)
{
	struct store_rekey *r = s->rekey;
	struct ipc_peer *keyd;

	if (r == NULL || r->answer == NULL)
		return;
	if (r->call != 0 && (keyd = keyd_of(s)) != NULL)
		ipc_cancel(keyd, r->call);
	r->call = 0;
	fail(r, "the store goes down");
}

void
rekey_fini(struct store *s)
{
	if (s->rekey != NULL)
		timer_stop(&s->rekey->timer);
	free(s->rekey);
	s->rekey = NULL;
}
