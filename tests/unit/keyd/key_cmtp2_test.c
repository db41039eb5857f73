/* SPDX-License-Identifier: ISC */
/*
 * CMTP 2's keys, pins and boxes as cmtpd, relay and imapd ask for them.
 */
#include "tests/unit/test.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "keyd/key_box.h"
#include "keyd/key_chain.h"
#include "lib/base/enc.h"
#include "lib/cmtp/cmtp_chain.h"
#include "lib/cmtp/cmtp_sign.h"
#include "lib/cmtp/cmtp_wire.h"
#include "tests/unit/keyd/keyd_stage.h"

#define HALF_MS		(app.options.cmtp_key_lifetime / 2 + 1000)

static struct cmtp_key server;
static struct cmtp_key got[KEY_CHAIN_RECORDS_MAX];	/* names: of answer.bytes */
static unsigned got_n;

static enum err
ask_from(enum who who, const char *client, const char *user, uint64_t known)
{
	const struct ipc_cmtp2_keys m = { .client = slice_str(client), .user = slice_str(user),
		.known = known };
	enum err e = stage_ask(who, IPC_MSG_cmtp2_keys, &m);
	struct slice rest = slice_of(answer.bytes, answer.n);

	got_n = 0;
	if (e != ERR_OK)
		return e;
	while (rest.n > 0)
		assert_int_equal(cmtp_key_read(&got[got_n++], &rest), ERR_OK);
	assert_int_equal(got_n, answer.number);
	return ERR_OK;
}

static uint8_t
ask(const char *user, uint64_t known)
{
	assert_int_equal(ask_from(RELAY, "", user, known), ERR_OK);
	return answer.status;
}

static const struct cmtp_key *
ask_server(const char *domain)
{
	assert_int_equal(ask(domain, 0), CMTP2_FOUND);
	for (unsigned i = 0; i < got_n; i++)
		assert_int_equal(cmtp_key_verify(&got[i], got[i].sign), ERR_OK);
	server = got[got_n - 1];
	return &server;
}

/* The records of a user, each verified. */
static const struct cmtp_key *
ask_user(const char *user, unsigned n)
{
	ask_server("@example.test");
	assert_int_equal(ask(user, 0), CMTP2_FOUND);
	assert_int_equal(got_n, n);
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(cmtp_key_verify(&got[i], server.sign), ERR_OK);
	return &got[n - 1];
}

static uint64_t
now_s(void)
{
	return key_now_s(&app.k);
}

static void
restart(void)
{
	stage_stop();
	stage_settle();
	stage_start(8);
	for (unsigned i = 0; i < WHO_COUNT; i++)
		stage_join((enum who)i);
	stage_settle();
}

static void
test_server(void **state)
{
	struct cmtp_key first;
	char name[64];

	(void)state;
	first = *ask_server("@example.test");
	assert_int_equal(first.serial, 1);
	assert_true(slice_eq_str(first.domain, "example.test"));
	assert_int_equal(first.user.n, 0);
	assert_int_equal(cmtp_chain_judge(NULL, &first, now_s()), CMTP_CHAIN_NEW);
	first.domain = slice_str(strcpy(name, "example.test"));
	/* Alias domains send too; capitals are no other domain. */
	assert_memory_equal(ask_server("@Alias.test")->sign, first.sign, 32);
	assert_true(slice_eq_str(server.domain, "alias.test"));
	assert_int_equal(ask("@relay.test", 0), CMTP2_NOT_SERVED);
	assert_int_equal(ask("@elsewhere.example", 0), CMTP2_NOT_SERVED);
	assert_int_equal(ask("@a@example.test", 0), CMTP2_NOT_SERVED);
	restart();
	assert_int_equal(cmtp_chain_judge(&first, ask_server("@example.test"), now_s()),
	    CMTP_CHAIN_SAME);
	assert_int_equal(TOOL0("cmtp.rotate"), 0);
	ask_server("@example.test");
	assert_int_equal(got_n, 2);
	assert_int_equal(cmtp_chain_judge(&first, &got[0], now_s()), CMTP_CHAIN_SAME);
	assert_int_equal(cmtp_chain_judge(&first, &got[1], now_s()), CMTP_CHAIN_NEXT);
	assert_int_equal(ask("@example.test", 1), CMTP2_FOUND);
	assert_int_equal(got_n, 1);
	assert_int_equal(ask("@example.test", 2), CMTP2_FOUND);
	assert_int_equal(got_n, 1);	/* always the newest */
	restart();
	ask_server("@example.test");
	assert_int_equal(got_n, 2);
	loop_advance(loop, HALF_MS);
	stage_settle();
	ask_server("@example.test");
	assert_int_equal(got_n, 3);
}

/* What gwkey shows. */
static void
test_tool(void **state)
{
	struct buf b;

	(void)state;
	ask_server("@example.test");
	buf_init(&b, 1000);
	buf_put_str(&b, "_cmtp.example.test. IN TXT \"v=CMTP2; p=");
	enc_put_base64(&b, slice_of(server.sign, 32));
	buf_put_str(&b, "\"\n_cmtp.seal.test. ");
	assert_int_equal(TOOL0("cmtp.dns"), 0);
	assert_true(slice_starts(slice_str(answer.text), buf_cstr(&b)));
	assert_null(strstr(answer.text, "relay.test"));
	assert_int_equal(TOOL0("cmtp.list"), 0);
	assert_true(slice_starts(slice_str(answer.text), "cmtp2 1 "));
	assert_int_equal(TOOL0("cmtp.rotate"), 0);
	assert_true(slice_starts(slice_str(answer.text), "cmtp2 2 "));
	for (unsigned i = 2; i < KEY_HOST_GENERATIONS_MAX; i++)
		assert_int_equal(TOOL0("cmtp.rotate"), 0);
	assert_int_not_equal(TOOL0("cmtp.rotate"), 0);
	assert_non_null(strstr(answer.text, "too often"));
	assert_int_equal(ask("@example.test", 0), CMTP2_FOUND);
	assert_int_equal(got_n, KEY_HOST_RECORDS_MAX);
	buf_fini(&b);
}

static void
test_users(void **state)
{
	struct cmtp_key first;

	(void)state;
	stage_add_alice();
	first = *ask_user("alice@example.test", 1);
	assert_int_equal(first.serial, 1);
	assert_int_equal(first.generation, 1);
	assert_true(slice_eq_str(first.user, "alice") && slice_eq_str(first.domain, "example.test"));
	assert_memory_equal(first.seal, told.public_key, 32);
	assert_int_equal(cmtp_chain_judge(NULL, &first, now_s()), CMTP_CHAIN_NEW);
	ask_user("Alice@Example.Test", 1);
	for (unsigned i = 0; i < 5; i++) {
		static const char *const none[] = { "nobody@example.test", "alice@alias.test",
			"alice@elsewhere.example", "alice", "" };

		assert_int_equal(ask(none[i], 0), CMTP2_NONE);
		assert_int_equal(got_n, 0);
	}
	/* Nothing that is not the keys' own matter makes a link. */
	assert_int_equal(TOOL("user.passwd", "alice", "other"), 0);
	assert_int_equal(TOOL("user.disable", "alice", NULL), 0);
	assert_int_equal(ask("alice@example.test", 0), CMTP2_NONE);
	assert_int_equal(TOOL("user.enable", "alice", NULL), 0);
	ask_user("alice@example.test", 1);
	/* After the server's key changed its signature is the new one's. */
	assert_int_equal(TOOL0("cmtp.rotate"), 0);
	restart();
	ask_user("alice@example.test", 1);
}

/* Half of the time is over: the next link, by the same keys. */
static void
test_renewal(void **state)
{
	(void)state;
	stage_add_alice();
	for (unsigned n = 2; n < KEY_CHAIN_RECORDS_MAX + 4; n++) {
		loop_advance(loop, HALF_MS);
		stage_settle();
		ask_user("alice@example.test", n < KEY_CHAIN_RECORDS_MAX ? n : KEY_CHAIN_RECORDS_MAX);
		assert_int_equal(got[got_n - 1].serial, n);
		assert_int_equal(cmtp_chain_judge(&got[got_n - 2], &got[got_n - 1], now_s()),
		    CMTP_CHAIN_NEXT);
	}
}

/* A tree without keys/cmtp, or an account from before there was one. */
static void
test_old_tree(void **state)
{
	(void)state;
	stage_add_alice();
	assert_int_equal(TOOL("user.add", "dora@seal.test", "x"), 0);
	stage_stop();
	stage_settle();
	assert_int_equal(unlinkat(dir_fd, "cmtp", 0), 0);
	stage_start(8);
	for (unsigned i = 0; i < WHO_COUNT; i++)
		stage_join((enum who)i);
	stage_settle();
	ask_user("alice@example.test", 1);
	/* Its secret comes with the owner. */
	assert_int_equal(ask("dora@seal.test", 0), CMTP2_NONE);
	assert_int_equal(stage_login(IMAPD, TOKEN_MAIL, "dora@seal.test", "x"), ERR_OK);
	ask_user("dora@seal.test", 1);
}

static void
test_vault(void **state)
{
	struct cmtp_key first;

	(void)state;
	assert_int_equal(TOOL("user.add", "dora@seal.test", "x"), 0);
	first = *ask_user("dora@seal.test", 1);
	restart();
	ask_user("dora@seal.test", 1);
	loop_advance(loop, HALF_MS);
	stage_settle();
	ask_user("dora@seal.test", 1);
	assert_int_equal(stage_login(IMAPD, TOKEN_MAIL, "dora@seal.test", "x"), ERR_OK);
	assert_int_equal(cmtp_chain_judge(&got[0], ask_user("dora@seal.test", 2), now_s()),
	    CMTP_CHAIN_NEXT);
	assert_memory_equal(got[1].sign, first.sign, 32);
	/* A reset shows: the owner could not sign it. */
	assert_int_equal(TOOL("user.passwd", "dora@seal.test\0reset", "y"), 0);
	assert_int_equal(ask_user("dora@seal.test", 3)->generation, 2);
	assert_int_equal(cmtp_chain_judge(&got[1], &got[2], now_s()), CMTP_CHAIN_RESET);
}

static const char device[] = "ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICA=";

/* What stands in keys/cmtp, of this form and of the one before. */
static void
test_chain_bytes(void **state)
{
	const unsigned char secret[CRY_ED_SECRET_BYTES] = { 7 };
	struct cmtp_key k = { .kind = CMTP_KEY_LIVE, .generation = 1, .created_s = 1,
		.expires_s = 2, .domain = SLICE_LIT("a.test"),
		.user = SLICE_LIT("b") };
	struct key_chain c = { .has_seed = true, .seed = { 9 } }, back;
	struct buf b;

	(void)state;
	key_chain_extend(&c, &k, secret, NULL);
	buf_init(&b, 10000);
	assert_int_equal(key_chain_put(&b, &c), ERR_OK);
	assert_int_equal(key_chain_get(&back, buf_slice(&b)), ERR_OK);
	assert_true(back.has_seed && back.has_end && back.n == 1);
	assert_memory_equal(back.seed, c.seed, sizeof(c.seed));
	for (size_t n = 1; n < b.n; n++)
		assert_int_equal(key_chain_get(&back, slice_head(buf_slice(&b), n)), ERR_CORRUPT);
	buf_data(&b)[0] = 1;
	assert_int_equal(key_chain_get(&back, buf_slice(&b)), ERR_CORRUPT);
	buf_data(&b)[0] = 3;
	assert_int_equal(key_chain_get(&back, buf_slice(&b)), ERR_CORRUPT);
	buf_reset(&b);
	c.has_seed = false;
	assert_int_equal(key_chain_put(&b, &c), ERR_OK);
	buf_data(&b)[0] = 1;
	assert_int_equal(key_chain_get(&back, buf_slice(&b)), ERR_OK);
	assert_true(!back.has_seed && back.has_end && back.n == 1);
	buf_data(&b)[1] = 4;
	assert_int_equal(key_chain_get(&back, buf_slice(&b)), ERR_CORRUPT);
	buf_fini(&b);
}

/* In the hands of the owner's device, and back: the chain goes on. */
static void
test_device(void **state)
{
	char args[128];

	(void)state;
	stage_add_alice();
	ask_user("alice@example.test", 1);
	memcpy(args, "alice\0client\0", 13);
	memcpy(args + 13, device, sizeof(device) - 1);
	assert_int_equal(stage_tool("user.sealing", args, 13 + sizeof(device) - 1, NULL), 0);
	ask_user("alice@example.test", 2);
	assert_int_equal(cmtp_chain_judge(&got[0], &got[1], now_s()), CMTP_CHAIN_NEXT);
	assert_int_equal(got[1].generation, 2);
	assert_true(slice_eq(slice_of(got[1].seal, 32), SLICE_LIT("                                ")));
	assert_memory_not_equal(got[1].sign, got[0].sign, 32);
	/* Renewed in time by keyd alone, also after a restart. */
	restart();
	ask_user("alice@example.test", 2);
	loop_advance(loop, HALF_MS);
	stage_settle();
	ask_user("alice@example.test", 3);
	assert_int_equal(cmtp_chain_judge(&got[1], &got[2], now_s()), CMTP_CHAIN_NEXT);
	assert_memory_equal(got[2].seal, got[1].seal, 32);
	assert_int_equal(TOOL("user.sealing", "alice\0escrow", NULL), 0);
	ask_user("alice@example.test", 4);
	assert_int_equal(cmtp_chain_judge(&got[2], &got[3], now_s()), CMTP_CHAIN_NEXT);
	assert_int_equal(got[3].generation, 3);
	assert_int_equal(TOOL("user.del", "alice", NULL), 0);
	ask_user("alice@example.test", 5);
	assert_int_equal(cmtp_chain_judge(&got[3], &got[4], now_s()), CMTP_CHAIN_ENDED);
}

/* Removed: the chain ends, and a new one begins. */
static void
test_end(void **state)
{
	struct cmtp_key first;

	(void)state;
	stage_add_alice();
	first = *ask_user("alice@example.test", 1);
	assert_int_equal(TOOL("user.del", "alice", NULL), 0);
	restart();
	ask_user("alice@example.test", 2);
	assert_int_equal(cmtp_chain_judge(&got[0], &got[1], now_s()), CMTP_CHAIN_ENDED);
	stage_add_alice();
	ask_user("alice@example.test", 3);
	assert_int_equal(got[2].serial, 1);
	assert_int_equal(cmtp_chain_judge(&got[1], &got[2], now_s()), CMTP_CHAIN_REUSED);
	assert_int_equal(TOOL("user.del", "alice", NULL), 0);
	ask_user("alice@example.test", 4);
	/* Nobody holds to it any more. */
	loop_advance(loop, 2 * HALF_MS);
	stage_settle();
	assert_int_equal(ask("alice@example.test", 0), CMTP2_NONE);
	assert_int_equal(key_book_count(app.k.pins), 0);
	stage_add_alice();
	assert_memory_not_equal(ask_user("alice@example.test", 1)->sign, first.sign, 32);
}

static enum err
sign(enum who who, uint8_t purpose, uint64_t serial, const char *field)
{
	struct ipc_cmtp2_field f = { .bytes = slice_str(field) };
	struct ipc_cmtp2_sign m = { .purpose = purpose, .serial = serial };
	struct buf b;
	enum err e;

	buf_init(&b, 1000);
	ipc_cmtp2_field_put(&b, &f);
	ipc_cmtp2_field_put(&b, &f);
	m.fields = buf_slice(&b);
	e = stage_ask(who, IPC_MSG_cmtp2_sign, &m);
	buf_fini(&b);
	return e;
}

static void
is_by(const struct cmtp_key *k, const char *purpose, const char *field)
{
	const struct cmtp_sign s = { .purpose = purpose,
		.fields = { slice_str(field), slice_str(field) }, .count = 2 };

	assert_int_equal(answer.number, k->serial);
	assert_int_equal(cmtp_sign_verify(answer.bytes, &s, k->sign), ERR_OK);
}

static void
test_sign(void **state)
{
	struct cmtp_key first;

	(void)state;
	first = *ask_server("@example.test");
	assert_int_equal(sign(CMTPD, CMTP2_KEY_REPLY, 0, "a"), ERR_OK);
	is_by(&first, "key-reply", "a");
	assert_int_equal(sign(CMTPD, CMTP2_MAIL_REPLY, 1, "a"), ERR_OK);
	is_by(&first, "mail-reply", "a");
	assert_int_equal(sign(RELAY, CMTP2_MAIL, 1, "b"), ERR_OK);
	is_by(&first, "mail", "b");
	assert_int_equal(sign(RELAY, CMTP2_MAIL, 2, "b"), ERR_NOTFOUND);
	assert_int_equal(TOOL0("cmtp.rotate"), 0);
	assert_int_equal(sign(RELAY, CMTP2_MAIL, 1, "b"), ERR_OK);
	is_by(&first, "mail", "b");
	assert_int_equal(sign(RELAY, CMTP2_MAIL, 0, "b"), ERR_OK);
	is_by(ask_server("@example.test") == &server && sign(RELAY, CMTP2_MAIL, 0, "b") == ERR_OK ?
	    &server : &first, "mail", "b");
	assert_int_equal(TOOL0("cmtp.rotate"), 0);
	assert_int_equal(sign(RELAY, CMTP2_MAIL, 1, "b"), ERR_NOTFOUND);
}

/* Each its own purposes: another ends the wire. */
static void
test_sign_permits(void **state)
{
	(void)state;
	assert_int_equal(sign(RELAY, CMTP2_KEY_REPLY, 0, "a"), ERR_GONE);
	assert_int_equal(sign(CMTPD, CMTP2_MAIL, 0, "a"), ERR_GONE);
	assert_int_equal(sign(IMAPD, CMTP2_MAIL, 0, "a"), ERR_GONE);
}

static void
test_rates(void **state)
{
	(void)state;
	app.options.cmtp_key_rate = (struct opt_rate){ .count = 2, .per_ms = 60000 };
	stage_add_alice();
	assert_int_equal(ask_from(CMTPD, "192.0.2.1", "alice@example.test", 0), ERR_OK);
	assert_int_equal(ask_from(CMTPD, "192.0.2.1", "nobody@example.test", 0), ERR_OK);
	assert_int_equal(ask_from(CMTPD, "192.0.2.1", "none@example.test", 0), ERR_LIMIT);
	assert_int_equal(ask_from(CMTPD, "192.0.2.1", "alice@example.test", 0), ERR_OK);
	assert_int_equal(ask_from(CMTPD, "192.0.2.2", "alice@example.test", 0), ERR_OK);
	assert_int_equal(ask_from(CMTPD, "192.0.2.1", "@example.test", 0), ERR_OK);
}

/* ---- pins */

static enum err
pin_put(const char *domain, const char *user, const char *before, const char *pin,
    uint64_t keep_until_s)
{
	unsigned char hash[32];
	struct ipc_pin_put m = { .domain = slice_str(domain), .user = slice_str(user),
		.keep_until_s = keep_until_s, .pin = slice_str(pin) };

	cry_hash(hash, sizeof(hash), slice_str(before));
	if (before[0] != '\0')
		m.before = slice_of(hash, sizeof(hash));
	return stage_ask(RELAY, IPC_MSG_pin_put, &m);
}

static void
pin_is(enum who who, const char *domain, const char *user, const char *pin)
{
	const struct ipc_pin_get m = { .domain = slice_str(domain), .user = slice_str(user) };

	assert_int_equal(stage_ask(who, IPC_MSG_pin_get, &m), ERR_OK);
	assert_int_equal(answer.n, strlen(pin));
	assert_memory_equal(answer.bytes, pin, strlen(pin));
}

static void
test_pins(void **state)
{
	(void)state;
	pin_is(RELAY, "a.example", "", "");
	assert_int_equal(pin_put("a.example", "", "", "one", 0), ERR_OK);
	assert_int_equal(pin_put("a.example", "", "", "two", 0), ERR_BUSY);
	assert_int_equal(pin_put("a.example", "", "other", "two", 0), ERR_BUSY);
	assert_int_equal(pin_put("a.example", "", "one", "two", 0), ERR_OK);
	assert_int_equal(pin_put("a.example", "bob", "", "three", 0), ERR_OK);
	assert_int_equal(pin_put("", "bob", "", "x", 0), ERR_SYNTAX);
	assert_int_equal(pin_put("a.example", "bob", "three", "", 0), ERR_SYNTAX);
	restart();
	pin_is(CMTPD, "a.example", "", "two");
	pin_is(RELAY, "a.example", "bob", "three");
	/* The operator lets them go. */
	assert_int_equal(TOOL("cmtp.forget", "bob@a.example", NULL), 0);
	pin_is(RELAY, "a.example", "bob", "");
	pin_is(RELAY, "a.example", "", "two");
	assert_int_equal(TOOL("cmtp.forget", "a.example", NULL), 0);
	assert_int_equal(TOOL("cmtp.forget", "a.example", NULL), 67);
	pin_is(RELAY, "a.example", "", "");
	/* What was seen by version 1 goes with it, or alone. */
	assert_int_equal(pin_put("a.example", "\001bob", "", "seen", 0), ERR_OK);
	assert_int_equal(TOOL("cmtp.forget", "Bob@a.example", NULL), 0);
	pin_is(RELAY, "a.example", "\001bob", "");
	assert_int_equal(TOOL("cmtp.forget", "Bob@a.example", NULL), 67);
	assert_int_equal(pin_put("a.example", "\001", "", "seen", 0), ERR_OK);
	assert_int_equal(pin_put("a.example", "", "", "two", 0), ERR_OK);
	assert_int_equal(TOOL("cmtp.forget", "a.example", NULL), 0);
	pin_is(RELAY, "a.example", "", "");
	pin_is(RELAY, "a.example", "\001", "");
	assert_int_equal(pin_put("a.example", "", "", "two", 0), ERR_OK);
	assert_int_equal(pin_put("a.example", "bob", "", "three", 0), ERR_OK);
	app.options.cmtp_pins_max = 2;
	assert_int_equal(pin_put("b.example", "", "", "four", now_s() + 100), ERR_OK);
	pin_is(RELAY, "a.example", "", "");
	assert_int_equal(pin_put("c.example", "", "", "five", now_s() + 100), ERR_OK);
	assert_int_equal(pin_put("d.example", "", "", "six", 0), ERR_FULL);
	pin_is(RELAY, "b.example", "", "four");
}

static void
test_pins_of_relay(void **state)
{
	const struct ipc_pin_put m = { .domain = SLICE_LIT("a"), .pin = SLICE_LIT("b") };

	(void)state;
	assert_int_equal(stage_ask(CMTPD, IPC_MSG_pin_put, &m), ERR_GONE);
}

/* ---- boxes of CMTP 1 */

static enum err
box_open(uint32_t generation, struct slice ephemeral)
{
	unsigned char token[TOKEN_BYTES];
	const struct ipc_cmtp_box_open m = { .token = slice_of(token, TOKEN_BYTES),
		.generation = generation, .ephemeral = ephemeral };
	enum err e;

	memcpy(token, answer.token, sizeof(token));
	e = stage_ask(IMAPD, IPC_MSG_cmtp_box_open, &m);
	memcpy(answer.token, token, sizeof(token));
	return e;
}

static void
opens(const char *user, const char *password, uint32_t generation)
{
	const struct ipc_cmtp_user m = { .client = SLICE_LIT("192.0.2.1"), .user = slice_str(user) };
	unsigned char both[2][32], secret[2][32], key[32], want[32];

	assert_int_equal(stage_ask(CMTPD, IPC_MSG_cmtp_user, &m), ERR_OK);
	assert_int_equal(cry_ed_box_public(key, answer.bytes), ERR_OK);
	cry_box_pair(both[0], secret[0]);
	cry_box_pair(both[1], secret[1]);
	assert_int_equal(stage_login(IMAPD, TOKEN_MAIL, user, password), ERR_OK);
	assert_int_equal(box_open(0, slice_of(both, sizeof(both))), ERR_OK);
	assert_int_equal(answer.number, generation);
	assert_int_equal(answer.n, 96);
	assert_memory_equal(answer.bytes, key, 32);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(cry_box_shared(want, key, secret[i]), ERR_OK);
		assert_memory_equal(answer.bytes + 32 + 32 * i, want, 32);
	}
}

static void
test_boxes(void **state)
{
	static const unsigned char nothing[32];
	unsigned char key[32], secret[32];

	(void)state;
	stage_add_alice();
	opens("alice@example.test", "godwit", 1);
	cry_box_pair(key, secret);
	assert_int_equal(box_open(1, slice_of(key, 32)), ERR_OK);
	assert_int_equal(box_open(2, slice_of(key, 32)), ERR_NOTFOUND);
	assert_int_equal(box_open(0, slice_of(nothing, 32)), ERR_CORRUPT);	/* a point of no order */
	app.options.user_open_rate = (struct opt_rate){ .count = 1, .per_ms = 1000000000 };
	assert_int_equal(stage_login(IMAPD, TOKEN_MAIL, "alice@example.test", "godwit"), ERR_OK);
	assert_int_equal(box_open(0, slice_of(key, 32)), ERR_OK);
	assert_int_equal(box_open(0, slice_of(key, 32)), ERR_BUSY);
	answer.token[40] ^= 1;
	assert_int_equal(box_open(0, slice_of(key, 32)), ERR_AUTH);
	assert_int_equal(box_open(0, slice_of(key, 31)), ERR_GONE);
}

static void
test_boxes_of_vaults(void **state)
{
	unsigned char key[32], secret[32];

	(void)state;
	assert_int_equal(TOOL("user.add", "dora@seal.test", "x"), 0);
	opens("dora@seal.test", "x", 1);
	assert_int_equal(TOOL("user.passwd", "dora@seal.test\0reset", "y"), 0);
	opens("dora@seal.test", "y", 2);
	/* What came before waits for the code. */
	cry_box_pair(key, secret);
	assert_int_equal(box_open(1, slice_of(key, 32)), ERR_STATE);
}

static void
test_boxes_limit(void **state)
{
	static unsigned char many[(KEY_BOXES_MAX + 1) * 32];
	unsigned char secret[32];

	(void)state;
	for (unsigned i = 0; i <= KEY_BOXES_MAX; i++)
		cry_box_pair(many + 32 * i, secret);
	stage_add_alice();
	assert_int_equal(stage_login(IMAPD, TOKEN_MAIL, "alice@example.test", "godwit"), ERR_OK);
	assert_int_equal(box_open(0, slice_of(many, sizeof(many) - 32)), ERR_OK);
	assert_int_equal(answer.n, sizeof(many));
}

#define TEST(fn)	cmocka_unit_test_setup_teardown(fn, stage_setup, stage_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_server), TEST(test_tool), TEST(test_users), TEST(test_renewal),
		TEST(test_old_tree), TEST(test_vault), TEST(test_device),
		cmocka_unit_test(test_chain_bytes), TEST(test_end), TEST(test_sign),
		TEST(test_sign_permits), TEST(test_rates), TEST(test_pins), TEST(test_pins_of_relay),
		TEST(test_boxes), TEST(test_boxes_of_vaults), TEST(test_boxes_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
