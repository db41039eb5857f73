/* SPDX-License-Identifier: ISC */
#include "keyd/key_xzibit.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "keyd/key_cmtp.h"
#include "keyd/key_enter.h"
#include "keyd/key_gate.h"
#include "keyd/key_login.h"
#include "lib/base/clock.h"
#include "lib/base/must.h"
#include "lib/base/num.h"
#include "lib/base/secret.h"
#include "lib/crypto/cry_sha512.h"

/* ---- LOGIN */

/* Nobody's: a version, a salt, a length and bytes that nothing opens. */
static void
fake(const struct keyd *k, unsigned char xzibit[XZIBIT_BYTES], struct slice user)
{
	unsigned char key[CRY_KEY_BYTES], seed[CRY_SHA512_BYTES];
	unsigned char bytes[XZIBIT_SALT_BYTES + XZIBIT_SEALED_BYTES];

	cry_subkey(key, k->roots.enter, "cmtp 1 nobody");
	cry_mac(seed, sizeof(seed), key, user);
	cry_sha512_expand(bytes, sizeof(bytes), seed, SLICE_NONE);
	xzibit_put(xzibit, bytes, bytes + XZIBIT_SALT_BYTES);
	secret_wipe(key, sizeof(key));
	secret_wipe(seed, sizeof(seed));
}

void
key_xzibit_on_login(struct keyd *k, struct ipc_peer *p, const void *msg, struct ipc_in *in)
{
	const struct ipc_cmtp_login *m = msg;
	unsigned char xzibit[XZIBIT_BYTES], sig[CRY_ED_SIG_BYTES];
	const struct ipc_cmtp_xzibit reply = { .xzibit = slice_of(xzibit, sizeof(xzibit)),
		.sig = slice_of(sig, sizeof(sig)) };
	struct key_enter_who who;
	struct key_entry e;

	key_enter_who(k, &who, m->user);
	if (key_enter_take_turn(k, m->client, &who) != ERR_OK) {
		key_gate_refuse(p, in->id, ERR_LIMIT, "too many logins");
		return;
	}
	fake(k, xzibit, who.credential);
	if (key_enter_find(k, &e, KEY_ENTRY_XZIBIT, who.account) &&
	    e.number == who.account->generation)
		memcpy(xzibit, e.bytes.p, sizeof(xzibit));
	key_cmtp_sign_xzibit(k, sig, xzibit);
	ipc_reply(p, in->id, IPC_MSG_cmtp_xzibit, &reply);
}

/* ---- gwkey */

struct make {
	struct keyd	*k;
	uint64_t	 id;		/* of the tool */
	uint64_t	 account;
	uint32_t	 serial;
	uint32_t	 generation;
	size_t		 password_n;
	char		 password[KEY_PASSWORD_MAX];
	unsigned char	 secret_key[CRY_ED_SECRET_BYTES];
	unsigned char	 xzibit[XZIBIT_BYTES];
	enum err	 result;
};

static void
make_end(struct make *j)
{
	secret_wipe(j, sizeof(*j));
	free(j);
}

static void
fail(struct make *j, enum err e, const char *why)
{
	if (why != NULL)
		key_tool_reply(j->k, j->id, EX_DATAERR, why, SLICE_NONE);
	else
		key_tool_reply_err(j->k, j->id, e, SLICE_NONE);
	make_end(j);
}

static void
wrap_work(void *arg)
{
	struct make *j = arg;

	j->result = xzibit_wrap(j->xzibit, slice_of(j->password, j->password_n), j->secret_key,
	    NULL);
}

/* The account may have changed meanwhile. */
static void
wrap_done(void *arg)
{
	struct make *j = arg;
	const struct key_account *a = key_ring_find(j->k->ring, j->account);
	const struct key_entry entry = { .kind = KEY_ENTRY_XZIBIT, .number = j->generation,
		.bytes = slice_of(j->xzibit, sizeof(j->xzibit)) };

	if (j->result == ERR_OK && (a == NULL || a->serial != j->serial))
		j->result = ERR_BUSY;
	if (j->result == ERR_OK)
		j->result = key_enter_put(j->k, &entry, a);
	if (a != NULL)
		key_tool_audit("cmtp-opt-in", a->address, a->id, err_text(j->result));
	if (j->result == ERR_OK) {
		key_tool_reply_done(j->k, j->id);
		make_end(j);
	} else {
		fail(j, j->result, NULL);
	}
}

/* It is not the mailbox's: open the pair and wrap it, in a thread. */
static void
on_compared(void *arg, const struct key_hashed *h)
{
	struct make *j = arg;
	const struct key_opener by = { .root = j->k->roots.account };
	const struct key_account *a = key_ring_find(j->k->ring, j->account);
	unsigned char public_key[CRY_KEY_BYTES];
	struct key_pair pair;
	enum err e = h->error;

	if (e == ERR_OK && (a == NULL || a->serial != j->serial))
		e = ERR_BUSY;
	if (e != ERR_OK) {
		fail(j, e, NULL);
		return;
	}
	if (secret_eq(h->slot.verifier, a->password.verifier, sizeof(a->password.verifier))) {
		fail(j, ERR_DENIED, "that is the mailbox's password: it needs one of its own");
		return;
	}
	e = key_pair_open(&pair, a, a->generation, j->k->aead, &by);
	if (e != ERR_OK) {
		fail(j, e, e == ERR_STATE || e == ERR_NOTFOUND ?
		    "only its owner can open its key" : NULL);
		return;
	}
	key_cmtp_pair(public_key, j->secret_key, &pair);
	secret_wipe(&pair, sizeof(pair));
	j->generation = a->generation;
	if ((e = loop_work(j->k->loop, wrap_work, wrap_done, j)) != ERR_OK)
		fail(j, e, NULL);
}

void
key_xzibit_make(const struct key_tool_request *q)
{
	const struct key_account *a = key_tool_account_of(q, q->argv[0]);
	char mem[KEY_PASSWORD_MAX + 1];
	struct make *j;
	size_t n = 0;
	enum err e;

	if (a == NULL || !key_tool_password(q, mem, &n))
		return;
	j = must_alloc(1, sizeof(*j));
	j->k = q->k;
	j->id = q->id;
	j->account = a->id;
	j->serial = a->serial;
	j->password_n = n;
	memcpy(j->password, mem, n);
	e = key_login_try_slot(q->k, &a->password, slice_of(mem, n), on_compared, j);
	secret_wipe(mem, sizeof(mem));
	if (e != ERR_OK)
		fail(j, e, NULL);
}

void
key_xzibit_drop(const struct key_tool_request *q)
{
	const struct key_account *a = key_tool_account_of(q, q->argv[0]);
	enum err e;

	if (a == NULL)
		return;
	e = key_enter_forget(q->k, a->address);
	key_tool_audit("cmtp-opt-out", a->address, a->id, err_text(e));
	if (e == ERR_OK)
		key_tool_reply_done(q->k, q->id);
	else if (e == ERR_NOTFOUND)
		key_tool_reply(q->k, q->id, EX_NOUSER, "it has no login of CMTP", a->address);
	else
		key_tool_reply_err(q->k, q->id, e, a->address);
}

static void
put_line(struct buf *b, const struct keyd *k, const struct key_entry *e, struct slice address)
{
	const struct key_account *a = key_ring_find_address(k->ring, address);
	bool is_xzibit = e->kind == KEY_ENTRY_XZIBIT;
	struct clock_date d;

	clock_to_date((int64_t)e->created_s, &d);
	buf_put_slice(b, address);
	buf_printf(b, " %s %04d-%02d-%02d%s\n", is_xzibit ? "1" : "2", d.year, d.month, d.day,
	    is_xzibit && a != NULL && e->number != a->generation ? " old" : "");
}

/* The cursor is how many were shown. */
void
key_xzibit_list(const struct key_tool_request *q)
{
	const struct key_book_entry *n = NULL;
	uint64_t from = 0, at = 0;
	struct slice address;
	struct key_entry e;
	struct buf b;
	bool more = false;

	if (q->argc > 0 && num_parse_u64(q->argv[0], UINT64_MAX, &from) != ERR_OK) {
		key_tool_reply(q->k, q->id, EX_USAGE, "bad cursor", SLICE_NONE);
		return;
	}
	buf_init(&b, 2 * KEY_TOOL_LIST_BYTES);
	while (!more && (n = key_enter_next(q->k, n, &e, &address)) != NULL) {
		if (at++ < from)
			continue;
		put_line(&b, q->k, &e, address);
		more = b.n > KEY_TOOL_LIST_BYTES;
	}
	if (more)
		buf_put_num(&b, at);
	daemon_tool_reply(q->k->app, q->id, EX_OK, more, buf_slice(&b));
	buf_fini(&b);
}
