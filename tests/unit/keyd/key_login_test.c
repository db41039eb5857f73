/* SPDX-License-Identifier: ISC */
/*
 * Logins by SCRAM, against a client of another library: lib/smtp's.
 */
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/enc.h"
#include "lib/smtp/sasl_client.h"
#include "tests/unit/keyd/keyd_stage.h"

static const unsigned char nonce[SASL_NONCE_BYTES] = "fifteen octets";

/* An exchange as far as it goes; what keyd said last is in answer. */
struct scram {
	struct sasl_client	 client;
	struct buf		 first, final;
	uint64_t		 exchange;
};

static enum err
scram_begin(struct scram *x, enum who w, uint8_t scope, const char *user, const char *password)
{
	struct ipc_scram_start m = { .scope = scope, .tls = true, .client = SLICE_LIT("192.0.2.1"),
		.mechanism = SLICE_LIT("SCRAM-SHA-256"), .user = slice_str(user) };
	struct slice rest, head;

	memset(x, 0, sizeof(*x));
	buf_init(&x->first, 1000);
	buf_init(&x->final, 1000);
	assert_int_equal(sasl_client_init(&x->client, SASL_SCRAM_SHA_256, slice_str(user),
	    slice_str(password), nonce, NULL), ERR_OK);
	assert_true(sasl_client_start(&x->client, &x->first));
	m.bare = rest = slice_from(buf_slice(&x->first), 3);
	rest = slice_cut(rest, ',', &head);
	m.nonce = slice_from(rest, 2);
	return stage_ask(w, IPC_MSG_scram_start, &m);
}

/* The client's answer to the challenge, proof apart. */
static void
scram_answer(struct scram *x, struct ipc_scram_finish *m, unsigned char proof[32])
{
	struct slice all;
	struct buf b;
	size_t at;

	assert_int_equal(answer.type, IPC_MSG_scram_challenge);
	x->exchange = answer.exchange;
	assert_int_equal(sasl_client_on_challenge(&x->client, slice_of(answer.bytes, answer.n),
	    &x->final), ERR_OK);
	all = buf_slice(&x->final);
	at = slice_rfind(all, ',');
	buf_init(&b, 64);
	assert_int_equal(enc_get_base64(&b, slice_from(all, at + 3)), ERR_OK);
	assert_int_equal(b.n, 32);
	memcpy(proof, buf_data(&b), 32);
	buf_fini(&b);
	*m = (struct ipc_scram_finish){ .exchange = x->exchange,
		.without_proof = slice_head(all, at), .proof = slice_of(proof, 32) };
}

static void
scram_end(struct scram *x)
{
	sasl_client_fini(&x->client);
	buf_fini(&x->first);
	buf_fini(&x->final);
}

static enum err
scram(enum who w, uint8_t scope, const char *user, const char *password)
{
	struct ipc_scram_finish m;
	unsigned char proof[32];
	struct scram x;
	struct buf b;
	enum err e = scram_begin(&x, w, scope, user, password);

	if (e == ERR_OK) {
		scram_answer(&x, &m, proof);
		e = stage_ask(w, IPC_MSG_scram_finish, &m);
	}
	if (e == ERR_OK) {
		/* keyd knows the password too, or something made from it. */
		buf_init(&b, 100);
		buf_put_str(&b, "v=");
		enc_put_base64(&b, slice_of(answer.bytes, answer.n));
		buf_reset(&x.final);
		assert_int_equal(sasl_client_on_challenge(&x.client, buf_slice(&b), &x.final),
		    ERR_OK);
		assert_int_equal(sasl_client_on_success(&x.client), ERR_OK);
		buf_fini(&b);
	}
	scram_end(&x);
	return e;
}

static void
test_scram(void **state)
{
	(void)state;
	stage_add_alice();
	assert_int_equal(scram(IMAPD, TOKEN_MAIL, "alice@example.test", "godwit"), ERR_OK);
	assert_string_equal(answer.address, "alice@example.test");
	assert_int_equal(scram(SMTPD, TOKEN_SUBMIT, "Alice", "godwit"), ERR_OK);
	assert_int_equal(scram(SMTPD, TOKEN_SUBMIT, "alice", "Godwit"), ERR_AUTH);
	assert_int_equal(scram(SMTPD, TOKEN_SUBMIT, "nobody", "godwit"), ERR_AUTH);
	/* Another password: the old one is no good from then on. */
	assert_int_equal(TOOL("user.passwd", "alice", "second"), 0);
	assert_int_equal(scram(IMAPD, TOKEN_MAIL, "alice", "godwit"), ERR_AUTH);
	assert_int_equal(scram(IMAPD, TOKEN_MAIL, "alice", "second"), ERR_OK);
	assert_int_equal(TOOL("user.disable", "alice", NULL), 0);
	assert_int_equal(scram(IMAPD, TOKEN_MAIL, "alice", "second"), ERR_DISABLED);
}

#define COMPOSED	"gr\xc3\xbc\xc3\x9f"
#define DECOMPOSED	"gru\xcc\x88\xc3\x9f"

/* One password, however it is typed and by whatever mechanism it comes. */
static void
test_prepared(void **state)
{
	static const char *const set[] = { COMPOSED, DECOMPOSED };

	(void)state;
	stage_add_alice();
	for (unsigned i = 0; i < lengthof(set); i++) {
		assert_int_equal(TOOL("user.passwd", "alice", set[i]), 0);
		assert_int_equal(scram(IMAPD, TOKEN_MAIL, "alice", COMPOSED), ERR_OK);
		assert_int_equal(scram(IMAPD, TOKEN_MAIL, "alice", DECOMPOSED), ERR_OK);
		assert_int_equal(stage_login(IMAPD, TOKEN_MAIL, "alice", COMPOSED), ERR_OK);
		assert_int_equal(stage_login(IMAPD, TOKEN_MAIL, "alice", DECOMPOSED), ERR_OK);
		assert_int_equal(stage_login(IMAPD, TOKEN_MAIL, "alice", "gru\xc3\x9f"), ERR_AUTH);
		assert_int_equal(stage_login(IMAPD, TOKEN_MAIL, "nobody", DECOMPOSED), ERR_AUTH);
	}
	/* what cannot be prepared is taken as it is: U+E000 */
	assert_int_equal(TOOL("user.passwd", "alice", "\xee\x80\x80u\xcc\x88"), 0);
	assert_int_equal(scram(IMAPD, TOKEN_MAIL, "alice", "\xee\x80\x80u\xcc\x88"), ERR_OK);
	assert_int_equal(stage_login(IMAPD, TOKEN_MAIL, "alice", "\xee\x80\x80u\xcc\x88"), ERR_OK);
	assert_int_equal(stage_login(IMAPD, TOKEN_MAIL, "alice", "\xee\x80\x80\xc3\xbc"), ERR_AUTH);
}

/* A verifier of before, of the bytes as they came, is good for those bytes. */
static void
test_not_prepared(void **state)
{
	struct key_account *a, changed;
	unsigned char out[32];

	(void)state;
	stage_add_alice();
	a = key_ring_find_address(app.k.ring, SLICE_LIT("alice@example.test"));
	assert_non_null(a);
	changed = *a;
	assert_int_equal(cry_argon2id(out, SLICE_LIT(DECOMPOSED), a->password.salt,
	    a->password.passes, a->password.memory_kib), ERR_OK);
	key_hash_verifier(changed.password.verifier, out);
	changed.password.scram.rounds = 0;
	assert_int_equal(key_ring_put(app.k.ring, &changed, &a), ERR_OK);
	assert_int_equal(stage_login(IMAPD, TOKEN_MAIL, "alice", COMPOSED), ERR_AUTH);
	assert_int_equal(stage_login(IMAPD, TOKEN_MAIL, "alice", DECOMPOSED), ERR_OK);
	/* set anew, it is prepared */
	assert_int_equal(TOOL("user.passwd", "alice", DECOMPOSED), 0);
	assert_int_equal(stage_login(IMAPD, TOKEN_MAIL, "alice", COMPOSED), ERR_OK);
}

/* Unknown users get a challenge, and always the same salt. */
static void
test_scram_unknown(void **state)
{
	char first[200], *salt;
	struct scram x;

	(void)state;
	assert_int_equal(scram_begin(&x, IMAPD, TOKEN_MAIL, "nobody", "x"), ERR_OK);
	scram_end(&x);
	(void)snprintf(first, sizeof(first), "%.*s", (int)answer.n, (const char *)answer.bytes);
	salt = strstr(first, ",s=");
	assert_non_null(salt);
	assert_int_equal(scram_begin(&x, IMAPD, TOKEN_MAIL, "nobody", "x"), ERR_OK);
	scram_end(&x);
	assert_non_null(strstr((const char *)answer.bytes, salt));
	assert_int_equal(scram_begin(&x, IMAPD, TOKEN_MAIL, "nobody.else", "x"), ERR_OK);
	scram_end(&x);
	assert_null(strstr((const char *)answer.bytes, salt));
}

/* An exchange is for one proof, of the process that began it, within a minute. */
static void
test_scram_drills(void **state)
{
	struct ipc_scram_finish m;
	unsigned char proof[32];
	struct scram x;

	(void)state;
	stage_add_alice();
	assert_int_equal(scram_begin(&x, IMAPD, TOKEN_MAIL, "alice", "godwit"), ERR_OK);
	scram_answer(&x, &m, proof);
	assert_int_equal(stage_ask(IMAPD_2, IPC_MSG_scram_finish, &m), ERR_BUSY);
	proof[0] ^= 1;
	assert_int_equal(stage_ask(IMAPD, IPC_MSG_scram_finish, &m), ERR_AUTH);
	proof[0] ^= 1;
	assert_int_equal(stage_ask(IMAPD, IPC_MSG_scram_finish, &m), ERR_BUSY);
	scram_end(&x);

	assert_int_equal(scram_begin(&x, IMAPD, TOKEN_MAIL, "alice", "godwit"), ERR_OK);
	scram_answer(&x, &m, proof);
	m.proof = slice_head(m.proof, 31);
	assert_int_equal(stage_ask(IMAPD, IPC_MSG_scram_finish, &m), ERR_AUTH);
	scram_end(&x);

	assert_int_equal(scram_begin(&x, IMAPD, TOKEN_MAIL, "alice", "godwit"), ERR_OK);
	scram_answer(&x, &m, proof);
	loop_advance(loop, KEY_SCRAM_MS);
	assert_int_equal(stage_ask(IMAPD, IPC_MSG_scram_finish, &m), ERR_BUSY);
	scram_end(&x);

	/* A scope that is not smtpd's costs it its wire. */
	assert_int_equal(scram_begin(&x, SMTPD, TOKEN_MAIL, "alice", "godwit"), ERR_GONE);
	scram_end(&x);
	app.godwit.auth_scram = false;
	assert_int_equal(scram_begin(&x, IMAPD, TOKEN_MAIL, "alice", "godwit"), ERR_DENIED);
	scram_end(&x);
}

/* Of one client address, and of all. */
static void
test_scram_limit(void **state)
{
	struct scram x;
	unsigned i;

	(void)state;
	for (i = 0; i < KEY_SCRAM_CLIENT_MAX; i++) {
		assert_int_equal(scram_begin(&x, IMAPD, TOKEN_MAIL, "nobody", "x"), ERR_OK);
		scram_end(&x);
	}
	assert_int_equal(scram_begin(&x, IMAPD, TOKEN_MAIL, "nobody", "x"), ERR_BUSY);
	scram_end(&x);
	/* They are forgotten with the process that asked, and with time. */
	stage_leave(IMAPD);
	assert_int_equal(scram_begin(&x, IMAPD, TOKEN_MAIL, "nobody", "x"), ERR_OK);
	scram_end(&x);
}

/* A password set while SCRAM was off gets its other verifier at a login. */
static void
test_scram_later(void **state)
{
	(void)state;
	app.godwit.auth_scram = false;
	stage_add_alice();
	app.godwit.auth_scram = true;
	assert_int_equal(scram(IMAPD, TOKEN_MAIL, "alice", "godwit"), ERR_AUTH);
	assert_int_equal(stage_login(IMAPD, TOKEN_MAIL, "alice", "wrong"), ERR_AUTH);
	assert_int_equal(scram(IMAPD, TOKEN_MAIL, "alice", "godwit"), ERR_AUTH);
	assert_int_equal(stage_login(IMAPD, TOKEN_MAIL, "alice", "godwit"), ERR_OK);
	assert_int_equal(scram(IMAPD, TOKEN_MAIL, "alice", "godwit"), ERR_OK);
	/* And it is durable. */
	stage_stop();
	stage_start(8);
	assert_int_equal(scram(IMAPD, TOKEN_MAIL, "alice", "godwit"), ERR_OK);
}

int
main(void)
{
#define KEYD(t)	cmocka_unit_test_setup_teardown(t, stage_setup, stage_teardown)
	const struct CMUnitTest tests[] = {
		KEYD(test_scram), KEYD(test_prepared), KEYD(test_not_prepared), KEYD(test_scram_unknown), KEYD(test_scram_drills),
		KEYD(test_scram_limit), KEYD(test_scram_later),
	};
#undef KEYD

	return cmocka_run_group_tests(tests, NULL, NULL);
}
