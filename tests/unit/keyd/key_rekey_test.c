/* SPDX-License-Identifier: ISC */
/*
 * Epoch keys under the account's newest pair: what the store gets back opens
 * the same mail, with the pair of before it does not; what only the owner
 * opens stays as it is; and keyd gives no key away for it.
 */
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

#include "keyd/key_more.h"
#include "keyd/key_pair.h"
#include "keyd/key_rekey.h"
#include "tests/unit/keyd/keyd_stage.h"

#define MAILS	4

static struct stage_mail mails[MAILS];
static struct ipc_rekeyed rows[REKEY_EPOCHS_MAX];
static unsigned char kept[REKEY_EPOCHS_MAX][96];
static unsigned row_n;
static struct cry_aead *aead;
static uint64_t account;

static int
setup(void **state)
{
	(void)stage_setup(state);
	aead = cry_aead_new();
	return 0;
}

static int
teardown(void **state)
{
	cry_aead_free(&aead);
	return stage_teardown(state);
}

/* As the store asks; rows, with their bytes in kept. */
static enum err
rekey(uint64_t of, const struct ipc_epoch *epochs, unsigned n)
{
	struct ipc_epoch_rekey m = { .account = of };
	struct ipc_reader r;
	struct buf b;
	enum err e;

	buf_init(&b, 20000);
	for (unsigned i = 0; i < n; i++)
		ipc_epoch_put(&b, &epochs[i]);
	m.epochs = buf_slice(&b);
	e = stage_ask(STORE, IPC_MSG_epoch_rekey, &m);
	buf_fini(&b);
	row_n = 0;
	if (e != ERR_OK)
		return e;
	assert_int_equal(answer.type, IPC_MSG_epoch_rekey_reply);
	r = ipc_reader_of(slice_of(answer.bytes, answer.n));
	for (; ipc_reader_more(&r); row_n++) {
		ipc_rekeyed_get(&r, &rows[row_n]);
		if (rows[row_n].data.n > 0)
			memcpy(kept[row_n], rows[row_n].data.p, rows[row_n].data.n);
		rows[row_n].data.p = (const char *)kept[row_n];
	}
	assert_int_equal(ipc_reader_done(&r), ERR_OK);
	assert_int_equal(row_n, n);
	return ERR_OK;
}

/* Takes row i for the epoch of a mail, as the store does. */
static void
take(struct stage_mail *m, unsigned i)
{
	assert_int_equal(rows[i].result, REKEY_DONE);
	assert_true(rows[i].epoch == m->e.epoch);
	m->e.generation = rows[i].generation;
	m->e.form = rows[i].form;
	m->e.data = rows[i].data;
}

static bool
opens(const unsigned char *token, const struct stage_mail *m)
{
	assert_int_equal(stage_open(IMAPD, token, &m->w, 1, &m->e, 1), ERR_OK);
	if (answer.bytes[0] != OPEN_KEY)
		return false;
	assert_memory_equal(answer.bytes + 1, m->content_key, 32);
	return true;
}

static const struct key_account *
find(const char *address)
{
	const struct key_account *a = key_ring_find_address(app.k.ring, slice_str(address));

	assert_non_null(a);
	return a;
}

/* Neither pair but the newest opens the record. */
static void
test_escrow(void **state)
{
	const struct key_opener root = { .root = app.k.roots.account };
	unsigned char token[TOKEN_BYTES], key[32], read[EPOCH_WRAPPED_BYTES];
	struct epoch_id id;
	struct key_pair old, new;

	(void)state;
	stage_add_alice();
	account = find("alice@example.test")->id;
	stage_mail(&mails[0], aead, account, 100, 1);
	stage_mail(&mails[1], aead, account, 101, 2);
	/* One is read before: under the account key of then. */
	assert_int_equal(stage_login(IMAPD, TOKEN_MAIL, "alice", "godwit"), ERR_OK);
	memcpy(token, answer.token, sizeof(token));
	assert_true(opens(token, &mails[0]));
	stage_settle();
	memcpy(read, told.rewrapped, sizeof(read));
	mails[0].e.form = EPOCH_WRAPPED;
	mails[0].e.data = slice_of(read, sizeof(read));
	assert_int_equal(TOOL("user.renew", "alice", NULL), 0);
	stage_settle();
	assert_int_equal(told.key_generation, 2);
	/* Sessions of before have ended, and what they would append to. */
	assert_int_equal(stage_open(IMAPD, token, &mails[0].w, 1, &mails[0].e, 1), ERR_AUTH);
	assert_int_equal(stage_login(IMAPD, TOKEN_MAIL, "alice", "godwit"), ERR_OK);
	memcpy(token, answer.token, sizeof(token));
	assert_true(opens(token, &mails[0]) && opens(token, &mails[1]));
	stage_mail(&mails[2], aead, account, 102, 3);

	told.rewraps = 0;
	assert_int_equal(rekey(account, (struct ipc_epoch[]){ mails[0].e, mails[1].e, mails[2].e },
	    3), ERR_OK);
	assert_int_equal(rows[2].result, REKEY_CURRENT);
	assert_int_equal(rows[2].data.n, 0);
	for (unsigned i = 0; i < 2; i++) {
		take(&mails[i], i);
		assert_int_equal(rows[i].generation, 2);
		assert_int_equal(rows[i].form, EPOCH_WRAPPED);
	}
	assert_true(opens(token, &mails[0]) && opens(token, &mails[1]) && opens(token, &mails[2]));
	stage_settle();
	assert_int_equal(told.rewraps, 1);	/* of the third alone */
	/* The slot of a content is that of the pair it was sealed to. */
	mails[0].w.generation = 2;
	assert_false(opens(token, &mails[0]));
	mails[0].w.generation = 1;

	id = (struct epoch_id){ account, 1, 2 };
	assert_int_equal(key_pair_open(&old, find("alice@example.test"), 1, aead, &root), ERR_OK);
	assert_int_equal(key_pair_open(&new, find("alice@example.test"), 2, aead, &root), ERR_OK);
	assert_int_equal(epoch_unwrap(aead, key, mails[0].e.data, old.epoch_wrap, &id), ERR_CORRUPT);
	id.generation = 1;
	assert_int_equal(epoch_unwrap(aead, key, mails[0].e.data, old.epoch_wrap, &id), ERR_CORRUPT);
	id.generation = 2;
	assert_int_equal(epoch_unwrap(aead, key, mails[0].e.data, new.epoch_wrap, &id), ERR_OK);
	assert_memory_equal(key, mails[0].epoch_key, 32);
}

/* In a vault only while its owner has a session. */
static void
test_vault(void **state)
{
	unsigned char token[TOKEN_BYTES];

	(void)state;
	assert_int_equal(TOOL("user.add", "bob@seal.test", "first"), 0);
	stage_settle();
	account = find("bob@seal.test")->id;
	stage_mail(&mails[0], aead, account, 100, 1);
	assert_int_equal(TOOL("user.renew", "bob@seal.test", NULL), 65);
	assert_int_equal(TOOL("user.renew", "bob@seal.test", "wrong"), 77);
	assert_int_equal(TOOL("user.renew", "bob@seal.test", "first"), 0);
	stage_settle();
	assert_int_equal(told.key_generation, 2);
	assert_int_equal(find("bob@seal.test")->form, KEY_FORM_VAULT);
	assert_false(key_vault_is_open(&app.k, account));
	assert_int_equal(rekey(account, &mails[0].e, 1), ERR_OK);
	assert_int_equal(rows[0].result, REKEY_CLOSED);
	assert_int_equal(rows[0].data.n, 0);
	assert_int_equal(stage_login(IMAPD, TOKEN_MAIL, "bob@seal.test", "first"), ERR_OK);
	memcpy(token, answer.token, sizeof(token));
	assert_int_equal(rekey(account, &mails[0].e, 1), ERR_OK);
	take(&mails[0], 0);
	assert_true(opens(token, &mails[0]));
	/* Reset: what is in the vault of before waits for its code. */
	assert_int_equal(TOOL("user.passwd", "bob@seal.test\0reset", "second"), 0);
	stage_settle();
	assert_int_equal(stage_login(IMAPD, TOKEN_MAIL, "bob@seal.test", "second"), ERR_OK);
	assert_int_equal(rekey(account, &mails[0].e, 1), ERR_OK);
	assert_int_equal(rows[0].result, REKEY_CLOSED);
}

/* A device has the secrets: nothing is opened, and nothing taken from it. */
static void
test_client(void **state)
{
	static const char base64[] = "carol@seal.test\0client\0"
	    "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=";

	(void)state;
	assert_int_equal(TOOL("user.add", "carol@seal.test\0escrow", "first"), 0);
	stage_settle();
	account = find("carol@seal.test")->id;
	stage_mail(&mails[0], aead, account, 100, 1);
	assert_int_equal(TOOL("user.sealing", base64, NULL), 0);
	stage_settle();
	assert_int_equal(told.key_generation, 2);
	assert_int_equal(rekey(account, &mails[0].e, 1), ERR_OK);
	assert_int_equal(rows[0].result, REKEY_CLOSED);
	assert_int_equal(TOOL("user.renew", "carol@seal.test", NULL), 65);
	/* Back: the pair is the server's, but those of before stay with the device. */
	assert_int_equal(TOOL("user.sealing", "carol@seal.test\0escrow", NULL), 0);
	assert_int_equal(rekey(account, &mails[0].e, 1), ERR_OK);
	assert_int_equal(rows[0].result, REKEY_CLOSED);
}

/* Mail that was put under a later pair goes to the device with that one. */
static void
test_then_client(void **state)
{
	static const char base64[] = "alice\0client\0"
	    "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=";
	unsigned char token[TOKEN_BYTES];

	(void)state;
	stage_add_alice();
	account = find("alice@example.test")->id;
	stage_mail(&mails[0], aead, account, 100, 1);
	assert_int_equal(TOOL("user.renew", "alice", NULL), 0);
	assert_int_equal(rekey(account, &mails[0].e, 1), ERR_OK);
	take(&mails[0], 0);
	assert_int_equal(TOOL("user.sealing", base64, NULL), 0);
	stage_settle();
	assert_int_equal(stage_login(IMAPD, TOKEN_MAIL, "alice", "godwit"), ERR_OK);
	memcpy(token, answer.token, sizeof(token));
	assert_int_equal(stage_open(IMAPD, token, &mails[0].w, 1, &mails[0].e, 1), ERR_OK);
	assert_int_equal(answer.bytes[0], OPEN_CLIENT);
	assert_int_equal(answer.device_count, 1);
	assert_int_equal(answer.device.generation, 2);
	assert_int_equal(answer.device.sealed_to, 3);
}

static void
test_drills(void **state)
{
	struct ipc_epoch many[REKEY_EPOCHS_MAX + 1];
	struct ipc_epoch_rekey bad = { .epochs = SLICE_LIT("x") };

	(void)state;
	stage_add_alice();
	account = bad.account = find("alice@example.test")->id;
	stage_mail(&mails[0], aead, account, 100, 1);
	stage_mail(&mails[1], aead, account, 101, 2);
	assert_int_equal(TOOL("user.renew", "alice", NULL), 0);
	/* Of nobody; of a pair that never was; damaged; of an unknown form. */
	assert_int_equal(rekey(account + 1, &mails[0].e, 1), ERR_NOTFOUND);
	many[0] = many[1] = many[2] = mails[0].e;
	many[0].generation = 7;
	many[1].data = mails[1].e.data;
	mails[1].sealed[40] ^= 1;
	many[2].form = 9;
	assert_int_equal(rekey(account, many, 3), ERR_OK);
	assert_int_equal(rows[0].result, REKEY_CLOSED);
	assert_int_equal(rows[1].result, REKEY_DAMAGED);
	assert_int_equal(rows[2].result, REKEY_DAMAGED);
	/* As many as fit, and one more. */
	for (unsigned i = 0; i <= REKEY_EPOCHS_MAX; i++)
		many[i] = mails[0].e;
	assert_int_equal(rekey(account, many, REKEY_EPOCHS_MAX), ERR_OK);
	assert_int_equal(rows[REKEY_EPOCHS_MAX - 1].result, REKEY_DONE);
	assert_int_equal(rekey(account, many, REKEY_EPOCHS_MAX + 1), ERR_GONE);
	assert_int_equal(stage_ask(STORE, IPC_MSG_epoch_rekey, &bad), ERR_GONE);
	/* Who reads mail does not ask for this. */
	assert_int_equal(stage_ask(IMAPD, IPC_MSG_epoch_rekey, &bad), ERR_GONE);
}

/* Eight of before are kept, and one more is refused with nothing changed. */
static void
test_many(void **state)
{
	(void)state;
	stage_add_alice();
	for (unsigned i = 0; i < KEY_GENERATIONS_MAX; i++)
		assert_int_equal(TOOL("user.renew", "alice", NULL), 0);
	assert_int_equal(TOOL("user.renew", "alice", NULL), 65);
	assert_int_equal(find("alice@example.test")->generation, KEY_GENERATIONS_MAX + 1);
	assert_int_equal(TOOL("user.renew", "nobody", NULL), 67);
}

#define T(fn)	cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_escrow), T(test_vault), T(test_client), T(test_then_client),
		T(test_drills), T(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
