/* SPDX-License-Identifier: ISC */
/*
 * CMTP 1's keys as cmtpd asks for them.
 */
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

#include "lib/crypto/cry_ed.h"
#include "tests/unit/keyd/keyd_stage.h"

static unsigned char server[32];

static enum err
ask_from(const char *client, const char *user)
{
	const struct ipc_cmtp_user m = { .client = slice_str(client), .user = slice_str(user) };

	return stage_ask(CMTPD, IPC_MSG_cmtp_user, &m);
}

static enum err
ask(const char *user)
{
	return ask_from("192.0.2.1", user);
}

static void
ask_self(void)
{
	const struct ipc_cmtp_self m = { .unused = 0 };

	assert_int_equal(stage_ask(CMTPD, IPC_MSG_cmtp_self, &m), ERR_OK);
	assert_int_equal(answer.n, 32 + 3 * 64);
	memcpy(server, answer.bytes, 32);
}

static void
is_signed(const unsigned char *sig, struct slice s)
{
	assert_int_equal(cry_ed_verify(sig, s, server), ERR_OK);
}

static void
test_self(void **state)
{
	unsigned char before[32];

	(void)state;
	ask_self();
	is_signed(answer.bytes + 32, slice_of(answer.bytes, 32));
	is_signed(answer.bytes + 96, SLICE_LIT("SUCCESS"));
	is_signed(answer.bytes + 160, SLICE_LIT("FAILURE"));
	/* The same after a restart. */
	memcpy(before, server, 32);
	stage_stop();
	stage_settle();
	stage_start(8);
	ask_self();
	assert_memory_equal(server, before, 32);
}

/* The key of a user, signed. */
static void
key_of(const char *user, unsigned char key[32])
{
	assert_int_equal(ask(user), ERR_OK);
	assert_int_equal(answer.n, 96);
	memcpy(key, answer.bytes, 32);
	is_signed(answer.bytes + 32, slice_of(key, 32));
}

static void
test_users(void **state)
{
	unsigned char key[32], again[32], other[32];

	(void)state;
	ask_self();
	stage_add_alice();
	assert_int_equal(TOOL("user.add", "bob@server.test", "x"), 0);
	key_of("alice@example.test", key);
	key_of("Alice@Example.TEST", again);
	assert_memory_equal(key, again, 32);
	key_of("alice@alias.test", again);	/* an alias domain */
	assert_memory_equal(key, again, 32);
	key_of("bob@server.test", other);
	assert_memory_not_equal(key, other, 32);
	assert_memory_not_equal(key, server, 32);
	assert_memory_not_equal(key, told.public_key, 32);
	assert_int_equal(ask("nobody@example.test"), ERR_NOTFOUND);
	assert_int_equal(ask("alice@relay.test"), ERR_NOTFOUND);
	assert_int_equal(ask("alice@elsewhere.example"), ERR_NOTFOUND);
	assert_int_equal(ask("@"), ERR_NOTFOUND);
	assert_int_equal(ask(""), ERR_NOTFOUND);
	assert_int_equal(TOOL("user.disable", "alice", NULL), 0);
	assert_int_equal(ask("alice@example.test"), ERR_NOTFOUND);
	assert_int_equal(TOOL("user.enable", "alice", NULL), 0);
	stage_stop();
	stage_settle();
	stage_start(8);
	key_of("alice@example.test", again);
	assert_memory_equal(key, again, 32);
}

/* Only its owner opens the secret: the public half was noted. */
static void
test_vault(void **state)
{
	unsigned char key[32], again[32];

	(void)state;
	ask_self();
	assert_int_equal(TOOL("user.add", "dora@seal.test", "x"), 0);
	key_of("dora@seal.test", key);
	stage_stop();
	stage_settle();
	stage_start(8);
	key_of("dora@seal.test", again);
	assert_memory_equal(key, again, 32);
	/* A reset begins a new generation. */
	assert_int_equal(TOOL("user.passwd", "dora@seal.test\0reset", "y"), 0);
	key_of("dora@seal.test", again);
	assert_memory_not_equal(key, again, 32);
}

static void
test_limit(void **state)
{
	(void)state;
	app.options.cmtp_key_rate = (struct opt_rate){ .count = 3, .per_ms = 60000 };
	stage_add_alice();
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(ask("alice"), ERR_OK);
		assert_int_equal(ask("nobody"), ERR_NOTFOUND);
	}
	assert_int_equal(ask("none"), ERR_NOTFOUND);
	assert_int_equal(ask("bob"), ERR_LIMIT);
	assert_int_equal(ask("bob"), ERR_LIMIT);
	assert_int_equal(ask("alice"), ERR_OK);		/* counted once */
	assert_int_equal(ask_from("192.0.2.2", "bob"), ERR_NOTFOUND);
}

/* What relay was told by another domain's host; of nothing else there is a signature. */
static void
test_far(void **state)
{
	const char key[CRY_KEY_BYTES] = { 5 };
	struct ipc_cmtp_far_sign m = { .key = slice_of(key, sizeof(key)) };

	(void)state;
	ask_self();
	assert_int_equal(stage_ask(RELAY, IPC_MSG_cmtp_far_sign, &m), ERR_OK);
	assert_int_equal(answer.n, 64);
	is_signed(answer.bytes, m.key);
	for (size_t n = 0; n < sizeof(key); n++) {
		m.key = slice_of(key, n);
		assert_int_equal(stage_ask(RELAY, IPC_MSG_cmtp_far_sign, &m), ERR_NOTFOUND);
		assert_int_equal(answer.n, 0);
	}
	m.key = SLICE_LIT("FAILURE");
	assert_int_equal(stage_ask(RELAY, IPC_MSG_cmtp_far_sign, &m), ERR_NOTFOUND);
	m.key = slice_of(key, sizeof(key));
	for (enum who w = SMTPD; w < WHO_COUNT; w++)
		if (w != RELAY)
			assert_int_equal(stage_ask(w, IPC_MSG_cmtp_far_sign, &m), ERR_GONE);
}

static void
test_others(void **state)
{
	const struct ipc_cmtp_self self = { .unused = 0 };
	const struct ipc_cmtp_user user = { .client = SLICE_LIT("192.0.2.1"),
		.user = SLICE_LIT("alice@example.test") };

	(void)state;
	stage_add_alice();
	for (enum who w = SMTPD; w < WHO_COUNT; w++) {
		if (w == CMTPD)
			continue;
		assert_int_equal(stage_ask(w, IPC_MSG_cmtp_self, &self), ERR_GONE);
		assert_int_equal(stage_ask(w, IPC_MSG_cmtp_user, &user), ERR_GONE);
	}
}

#define TEST(fn)	cmocka_unit_test_setup_teardown(fn, stage_setup, stage_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_self), TEST(test_users), TEST(test_vault), TEST(test_limit), TEST(test_others),
		TEST(test_far),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
