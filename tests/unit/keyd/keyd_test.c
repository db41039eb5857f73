/* SPDX-License-Identifier: ISC */
/*
 * keyd as its peers see it.  Much of it is the takeover drill: what such a
 * peer asks for that is not its.
 */
#include "tests/unit/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "keyd/key_srs.h"
#include "lib/conf/conf_quota.h"
#include "lib/crypto/grant.h"
#include "tests/unit/keyd/keyd_stage.h"
#include "tests/unit/keyd/tls_pair.h"

/* ---- accounts and their facts */

static void
test_accounts(void **state)
{
	char long_password[1026];

	(void)state;
	assert_int_equal(told.begins, 2);
	assert_int_equal(told.ends, 2);
	assert_int_equal(told.token_keys, 2);
	assert_int_equal(TOOL("user.add", "Alice@Example.TEST", "godwit"), 0);
	stage_settle();
	assert_int_equal(told.accounts, 2);
	assert_int_equal(told.sealing, SEALING_ESCROW);
	assert_int_equal(told.quota, 5u << 20);
	assert_int_equal(TOOL("user.add", "alice", "x"), 73);
	assert_int_equal(TOOL("user.add", "alice@alias.test", "x"), 73);
	assert_int_equal(TOOL("user.add", "bob@relay.test", "x"), 65);
	assert_int_equal(TOOL("user.add", "bob@nowhere.test", "x"), 65);
	assert_int_equal(TOOL("user.add", "a b", "x"), 65);
	assert_int_equal(TOOL("user.add", "bob", ""), 65);
	assert_int_equal(TOOL("user.add", "bob", "two\nlines"), 65);
	assert_int_equal(TOOL("user.add", "bob", NULL), 65);
	memset(long_password, 'x', sizeof(long_password) - 1);
	long_password[1025] = '\0';
	assert_int_equal(TOOL("user.add", "bob", long_password), 65);
	long_password[1024] = '\0';
	assert_int_equal(TOOL("user.add", "bob", long_password), 0);
	assert_int_equal(TOOL("user.add", "carl@server.test", "x"), 0);
	stage_settle();
	assert_int_equal(told.sealing, SEALING_SERVER);
	assert_int_equal(TOOL0("user.list"), 0);
	assert_non_null(strstr(answer.text, "alice@example.test escrow enabled "));
	assert_non_null(strstr(answer.text, "carl@server.test server enabled "));
	assert_int_equal(TOOL("user.del", "nobody", NULL), 67);
	assert_int_equal(TOOL("user.del", "bob", NULL), 0);
	stage_settle();
	assert_int_equal(told.gone, 2);
	assert_int_equal(TOOL("user.del", "bob", NULL), 67);
	assert_int_equal(TOOL("user.frobnicate", "bob", NULL), 64);
	assert_int_equal(TOOL0("user.del"), 64);
	assert_int_equal(TOOL("user.del", "a\0b", NULL), 64);
}

/* A tool's request whose answer does not come yet. */
static void
ask_tool(const char *verb, const char *args, size_t args_n)
{
	const struct ipc_ctl_tool m = { .verb = slice_str(verb), .args = slice_of(args, args_n) };
	struct ipc_in in = { .id = 1 };

	memset(&answer, 0, sizeof(answer));
	key_tool(&app, 1, &m, &in);
}

/* The answer waits for queue and for store; who is gone is not waited for. */
static void
test_answer_when_all_know(void **state)
{
	(void)state;
	stage_add_alice();
	told.heard = 0;
	assert_int_equal(TOOL("user.enable", "alice", NULL), 0);
	assert_int_equal(told.heard, 2);
	assert_int_equal(TOOL("cert.del", "alice\0no print", NULL), 65);
	assert_int_equal(told.heard, 2);
	told.holds_heard = true;
	ask_tool("user.disable", "alice", 6);
	assert_false(answer.came);
	while (told.heard < 4)
		stage_settle();
	assert_false(answer.came);
	assert_int_equal(told.revokes, 2);
	assert_false(told.enabled);
	stage_leave(QUEUE);
	stage_settle();
	assert_false(answer.came);
	stage_leave(STORE);
	while (!answer.came)
		loop_run(loop);
	assert_int_equal(answer.exit, 0);
	assert_string_equal(answer.text, "");
	/* nobody is there to be told */
	assert_int_equal(TOOL("user.enable", "alice", NULL), 0);
}

/* It holds up no tool for good, and what is to be printed is. */
static void
test_answer_when_one_is_silent(void **state)
{
	(void)state;
	stage_add_alice();
	told.holds_heard = true;
	ask_tool("user.disable", "alice", 6);
	loop_advance(loop, KEY_HEARD_MS);
	while (!answer.came)
		loop_run(loop);
	assert_int_equal(answer.exit, 75);
	assert_non_null(strstr(answer.text, "has not yet taken notice"));
	key_heard_reply(&app.k, 1, SLICE_LIT("what was made"));
	answer.came = false;
	loop_advance(loop, KEY_HEARD_MS);
	while (!answer.came)
		loop_run(loop);
	assert_int_equal(answer.exit, 0);
	assert_string_equal(answer.text, "what was made");
}

/* A pipe whose other end is open and silent must not hold up keyd. */
static void
test_password_that_does_not_come(void **state)
{
	const struct ipc_ctl_tool m = { .verb = SLICE_LIT("user.add"), .args = SLICE_LIT("bob\0") };
	struct ipc_in in = { .id = 1, .fd_count = 1 };
	int ends[2];

	(void)state;
	memset(&answer, 0, sizeof(answer));
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	in.fds[0] = ends[0];
	key_tool(&app, 1, &m, &in);
	assert_true(answer.came);
	assert_int_equal(answer.exit, 65);
	(void)close(ends[0]);
	(void)close(ends[1]);
}

static void
test_list_pages(void **state)
{
	struct key_account a = { .enabled = true, .sealing = SEALING_ESCROW,
		.form = KEY_FORM_ROOT, .generation = 1 };
	char name[64], cursor[64];
	unsigned i, lines = 0, pages = 0;
	const char *p;

	(void)state;
	for (i = 0; i < 2000; i++) {
		(void)snprintf(name, sizeof(name), "user%04u@example.test", i);
		a.address = slice_str(name);
		assert_int_equal(key_ring_put(app.k.ring, &a, NULL), ERR_OK);
	}
	cursor[0] = '\0';
	do {
		assert_int_equal(stage_tool("user.list", cursor, cursor[0] ? strlen(cursor) + 1 : 0,
		    NULL), 0);
		for (p = answer.text; (p = strchr(p, '\n')) != NULL; p++)
			lines++;
		pages++;
		if (answer.more) {
			(void)snprintf(cursor, sizeof(cursor), "%s",
			    strrchr(answer.text, '\n') + 1);
			/* The one the cursor stands on goes. */
			assert_int_equal(key_ring_remove(app.k.ring, strtoull(cursor, NULL, 10)),
			    ERR_OK);
		}
	} while (answer.more);
	assert_int_equal(lines, 2000);
	assert_true(pages > 1);
	assert_int_equal(TOOL("user.list", "x", NULL), 64);
	/* All of them to a store that comes anew. */
	memset(&told, 0, sizeof(told));
	stage_leave(STORE);
	stage_join(STORE);
	while (told.ends == 0)
		stage_settle();
	assert_int_equal(told.accounts, 2000 - (pages - 1));
}

static void
test_aliases(void **state)
{
	(void)state;
	stage_add_alice();
	assert_int_equal(TOOL("alias.add", "info\0alice\0Bob@Else.Where", NULL), 0);
	assert_int_equal(TOOL("alias.add", "info\0alice", NULL), 0);
	assert_int_equal(TOOL("alias.add", "alice\0bob", NULL), 73);
	assert_int_equal(TOOL("alias.add", "x@nowhere.test\0bob", NULL), 65);
	assert_int_equal(TOOL("alias.add", "info\0bad address", NULL), 65);
	assert_int_equal(TOOL("user.add", "info", "x"), 73);
	assert_int_equal(TOOL0("alias.list"), 0);
	assert_string_equal(answer.text, "info@example.test: alice@example.test bob@else.where\n");
	assert_int_equal(TOOL("alias.del", "info\0alice", NULL), 0);
	assert_int_equal(TOOL0("alias.list"), 0);
	assert_null(strstr(answer.text, "alice"));
	stage_settle();
	assert_true(told.aliases > 0 && told.aliases_gone == 0);
	assert_int_equal(TOOL("alias.del", "info", NULL), 0);
	assert_int_equal(TOOL("alias.del", "info", NULL), 67);
	stage_settle();
	assert_int_equal(told.aliases_gone, 2);
}

/* ---- logins */

static void
test_login(void **state)
{
	uint64_t account;

	(void)state;
	stage_add_alice();
	assert_int_equal(stage_login(SMTPD, TOKEN_SUBMIT, "ALICE", "godwit"), ERR_OK);
	assert_string_equal(answer.address, "alice@example.test");
	account = answer.account;
	assert_int_equal(stage_login(IMAPD, TOKEN_MAIL, "alice@alias.test", "godwit"), ERR_OK);
	assert_int_equal(answer.account, account);
	assert_int_equal(stage_login(IMAPD, TOKEN_MAIL, "alice", "Godwit"), ERR_AUTH);
	assert_int_equal(stage_login(IMAPD, TOKEN_MAIL, "alice", ""), ERR_AUTH);
	assert_int_equal(stage_login(IMAPD, TOKEN_MAIL, "nobody", "godwit"), ERR_AUTH);
	assert_int_equal(stage_login(IMAPD, TOKEN_MAIL, "no such@@name", "godwit"), ERR_AUTH);
	assert_int_equal(stage_login(IMAPD, TOKEN_MAIL, "", "godwit"), ERR_AUTH);
	/* Wrong is remembered as wrong, right as right, and neither when it changed. */
	assert_int_equal(stage_login(IMAPD, TOKEN_MAIL, "alice", "Godwit"), ERR_AUTH);
	assert_int_equal(TOOL("user.passwd", "alice", "Godwit"), 0);
	assert_int_equal(stage_login(IMAPD, TOKEN_MAIL, "alice", "godwit"), ERR_AUTH);
	assert_int_equal(stage_login(IMAPD, TOKEN_MAIL, "alice", "Godwit"), ERR_OK);
	assert_int_equal(TOOL("user.disable", "alice", NULL), 0);
	stage_settle();
	assert_false(told.enabled);
	assert_int_equal(stage_login(IMAPD, TOKEN_MAIL, "alice", "Godwit"), ERR_DISABLED);
	assert_int_equal(stage_login(IMAPD, TOKEN_MAIL, "alice", "wrong"), ERR_AUTH);
	assert_int_equal(TOOL("user.enable", "alice", NULL), 0);
	assert_int_equal(stage_login(IMAPD, TOKEN_MAIL, "alice", "Godwit"), ERR_OK);
}

static unsigned crowd_answers, crowd_busy;

static void
on_crowd(void *arg, enum err e, uint16_t type, const void *m, struct ipc_in *in)
{
	(void)arg;
	(void)in;
	crowd_answers++;
	if (e == ERR_OK && type == IPC_MSG_key_fail)
		crowd_busy += ((const struct ipc_key_fail *)m)->error == ERR_BUSY;
	loop_stop(loop);
}

/* More at once than may wait: some are told to try again, none "wrong". */
static void
test_login_crowd(void **state)
{
	char user[32], client[32];
	unsigned i;

	(void)state;
	app.options.password_queue_limit = 20;
	crowd_answers = crowd_busy = 0;
	for (i = 0; i < 50; i++) {
		const struct ipc_login m = { .scope = TOKEN_MAIL, .tls = true,
			.client = slice_of(client, (size_t)snprintf(client, sizeof(client),
			    "192.0.2.%u", i)),
			.user = slice_of(user, (size_t)snprintf(user, sizeof(user), "u%u", i)),
			.password = SLICE_LIT("x") };

		assert_int_equal(ipc_call(app.client[IMAPD], IPC_MSG_login, &m, NULL, 0,
		    loop_now(loop) + 20000, on_crowd, NULL, NULL), ERR_OK);
	}
	while (crowd_answers < 50)
		loop_run(loop);
	assert_int_equal(crowd_busy, 30);
	/* One client address gets a tenth of the room. */
	crowd_answers = crowd_busy = 0;
	for (i = 0; i < 10; i++) {
		const struct ipc_login m = { .scope = TOKEN_MAIL, .tls = true,
			.client = SLICE_LIT("192.0.2.1"),
			.user = slice_of(user, (size_t)snprintf(user, sizeof(user), "v%u", i)),
			.password = SLICE_LIT("x") };

		assert_int_equal(ipc_call(app.client[IMAPD], IPC_MSG_login, &m, NULL, 0,
		    loop_now(loop) + 20000, on_crowd, NULL, NULL), ERR_OK);
	}
	while (crowd_answers < 10)
		loop_run(loop);
	assert_int_equal(crowd_busy, 7);
}

static void
test_login_drills(void **state)
{
	struct ipc_login m = { .scope = TOKEN_MAIL, .tls = false, .user = SLICE_LIT("alice"),
		.password = SLICE_LIT("godwit") };

	(void)state;
	stage_add_alice();
	assert_int_equal(stage_ask(IMAPD, IPC_MSG_login, &m), ERR_DENIED);
	app.godwit.auth_cleartext = CONF_AUTH_CLEARTEXT_LOCAL;
	assert_int_equal(stage_ask(IMAPD, IPC_MSG_login, &m), ERR_OK);
	app.godwit.auth_cleartext = CONF_AUTH_CLEARTEXT_NO;
	/* smtpd asks for a token that opens mail: it loses its wire. */
	assert_int_equal(stage_login(SMTPD, TOKEN_MAIL, "alice", "godwit"), ERR_GONE);
	assert_null(app.server[SMTPD]);
	assert_int_equal(stage_login(IMAPD, TOKEN_SUBMIT, "alice", "godwit"), ERR_GONE);
	assert_int_equal(stage_login(IMAPD, 0, "alice", "godwit"), ERR_GONE);
	/* queue may not log in at all, and nobody else suffers. */
	assert_int_equal(stage_login(QUEUE, TOKEN_SUBMIT, "alice", "godwit"), ERR_GONE);
	assert_int_equal(stage_login(IMAPD_2, TOKEN_MAIL, "alice", "godwit"), ERR_OK);
	app.k.is_draining = true;
	assert_int_equal(stage_login(IMAPD_2, TOKEN_MAIL, "alice", "godwit"), ERR_AGAIN);
}

static void
test_session_limit(void **state)
{
	struct ipc_logout out;
	unsigned char token[TOKEN_BYTES];
	unsigned i;

	(void)state;
	stage_add_alice();
	app.options.user_session_limit = 3;
	/* The smaller of keyd's limit and the asker's counts. */
	session_max = 1;
	assert_int_equal(stage_login(IMAPD, TOKEN_MAIL, "alice", "godwit"), ERR_OK);
	assert_int_equal(stage_login(IMAPD_2, TOKEN_MAIL, "alice", "godwit"), ERR_LIMIT);
	key_token_drop(&app.k, 0, 0);
	session_max = 0;
	for (i = 0; i < 3; i++)
		assert_int_equal(stage_login(IMAPD, TOKEN_MAIL, "alice", "godwit"), ERR_OK);
	memcpy(token, answer.token, TOKEN_BYTES);
	assert_int_equal(stage_login(IMAPD_2, TOKEN_MAIL, "alice", "godwit"), ERR_LIMIT);
	assert_int_equal(stage_login(SMTPD, TOKEN_SUBMIT, "alice", "godwit"), ERR_OK);
	out.token = slice_of(token, TOKEN_BYTES);
	/* Another process cannot end the session. */
	assert_int_equal(ipc_send(app.client[IMAPD_2], IPC_MSG_logout, &out, NULL, 0), ERR_OK);
	stage_settle();
	assert_int_equal(key_tokens_sessions(app.k.tokens), 3);
	assert_int_equal(ipc_send(app.client[IMAPD], IPC_MSG_logout, &out, NULL, 0), ERR_OK);
	stage_settle();
	assert_int_equal(stage_login(IMAPD_2, TOKEN_MAIL, "alice", "godwit"), ERR_OK);
	stage_leave(IMAPD);
	assert_int_equal(key_tokens_sessions(app.k.tokens), 1);
}

/* ---- opening */

static void
test_open(void **state)
{
	struct cry_aead *aead = cry_aead_new();
	unsigned char token[TOKEN_BYTES];
	uint64_t alice;
	struct stage_mail a, b;
	struct ipc_wrap wraps[4];
	struct ipc_epoch epochs[2];

	(void)state;
	stage_add_alice();
	assert_int_equal(stage_login(IMAPD, TOKEN_MAIL, "alice", "godwit"), ERR_OK);
	memcpy(token, answer.token, TOKEN_BYTES);
	alice = answer.account;
	stage_mail(&a, aead, alice, 100, 1);
	stage_mail(&b, aead, alice, 101, 2);
	epochs[0] = a.e;
	epochs[1] = b.e;
	wraps[0] = a.w;
	wraps[1] = b.w;
	wraps[2] = a.w;
	wraps[2].content = 101;			/* moved to another slot */
	wraps[3] = a.w;
	wraps[3].epoch = 3;			/* an epoch that was not sent */
	assert_int_equal(stage_open(IMAPD, token, wraps, 4, epochs, 2), ERR_OK);
	assert_int_equal(answer.n, 4 * KEY_OPEN_REPLY_BYTES);
	assert_int_equal(answer.bytes[0], 1);
	assert_memory_equal(answer.bytes + 1, a.content_key, 32);
	assert_int_equal(answer.bytes[33], 1);
	assert_memory_equal(answer.bytes + 34, b.content_key, 32);
	assert_int_equal(answer.bytes[66], 0);
	assert_int_equal(answer.bytes[99], 0);
	stage_settle();
	assert_int_equal(told.rewraps, 2);
	assert_memory_equal(told.sealed, b.e.data.p, sizeof(told.sealed));
	/* What the store was told opens as form 2; once is enough. */
	b.e.form = EPOCH_WRAPPED;
	b.e.data = slice_of(told.rewrapped, sizeof(told.rewrapped));
	epochs[1] = b.e;
	assert_int_equal(stage_open(IMAPD, token, wraps, 2, epochs, 2), ERR_OK);
	assert_int_equal(answer.bytes[0], 1);
	assert_int_equal(answer.bytes[33], 1);
	assert_memory_equal(answer.bytes + 34, b.content_key, 32);
	stage_settle();
	assert_int_equal(told.rewraps, 2);
	cry_aead_free(&aead);
}

static void
test_open_drills(void **state)
{
	struct cry_aead *aead = cry_aead_new();
	unsigned char token[TOKEN_BYTES], bobs[TOKEN_BYTES], submit[TOKEN_BYTES];
	struct stage_mail a, fake;
	size_t i;

	(void)state;
	assert_int_equal(TOOL("user.add", "bob", "godwit"), 0);
	stage_add_alice();
	assert_int_equal(stage_login(IMAPD, TOKEN_MAIL, "bob", "godwit"), ERR_OK);
	memcpy(bobs, answer.token, TOKEN_BYTES);
	assert_int_equal(stage_login(SMTPD, TOKEN_SUBMIT, "alice", "godwit"), ERR_OK);
	memcpy(submit, answer.token, TOKEN_BYTES);
	assert_int_equal(stage_login(IMAPD, TOKEN_MAIL, "alice", "godwit"), ERR_OK);
	memcpy(token, answer.token, TOKEN_BYTES);
	stage_mail(&a, aead, answer.account, 100, 1);
	assert_int_equal(stage_open(IMAPD, token, &a.w, 1, &a.e, 1), ERR_OK);
	assert_int_equal(answer.bytes[0], 1);

	/* alice's mail with bob's token. */
	assert_int_equal(stage_open(IMAPD, bobs, &a.w, 1, &a.e, 1), ERR_OK);
	assert_int_equal(answer.bytes[0], 0);
	/* The token in another process; a token of smtpd; altered; too short. */
	assert_int_equal(stage_open(IMAPD_2, token, &a.w, 1, &a.e, 1), ERR_AUTH);
	assert_int_equal(stage_open(IMAPD, submit, &a.w, 1, &a.e, 1), ERR_AUTH);
	for (i = 0; i < TOKEN_BYTES; i++) {
		token[i] ^= 1;
		assert_int_equal(stage_open(IMAPD, token, &a.w, 1, &a.e, 1), ERR_AUTH);
		token[i] ^= 1;
	}
	/* An epoch of our own making in the name of a real one: no effect on it. */
	stage_settle();
	told.rewraps = 0;
	stage_mail(&fake, aead, 1, 100, 1);
	assert_int_equal(stage_open(IMAPD, token, &a.w, 1, &fake.e, 1), ERR_OK);
	assert_int_equal(answer.bytes[0], 0);
	assert_int_equal(stage_open(IMAPD, token, &a.w, 1, &a.e, 1), ERR_OK);
	assert_int_equal(answer.bytes[0], 1);
	stage_settle();
	assert_int_equal(told.rewraps, 0);
	/* smtpd asks to open. */
	assert_int_equal(stage_open(SMTPD, submit, &a.w, 1, &a.e, 1), ERR_GONE);
	/* Expired; revoked by a new password; an account that is gone. */
	loop_advance(loop, app.options.token_lifetime);
	assert_int_equal(stage_open(IMAPD, token, &a.w, 1, &a.e, 1), ERR_AUTH);
	assert_int_equal(stage_login(IMAPD, TOKEN_MAIL, "alice", "godwit"), ERR_OK);
	memcpy(token, answer.token, TOKEN_BYTES);
	told.revokes = 0;
	assert_int_equal(TOOL("user.passwd", "alice", "other"), 0);
	stage_settle();
	assert_int_equal(told.revokes, 2);
	assert_int_equal(stage_open(IMAPD, token, &a.w, 1, &a.e, 1), ERR_AUTH);
	/* In the very second of the revocation a new one is good. */
	assert_int_equal(stage_login(IMAPD, TOKEN_MAIL, "alice", "other"), ERR_OK);
	memcpy(token, answer.token, TOKEN_BYTES);
	assert_int_equal(stage_open(IMAPD, token, &a.w, 1, &a.e, 1), ERR_OK);
	assert_int_equal(answer.bytes[0], 1);
	assert_int_equal(TOOL("user.del", "alice", NULL), 0);
	assert_int_equal(stage_open(IMAPD, token, &a.w, 1, &a.e, 1), ERR_AUTH);
	cry_aead_free(&aead);
}

/* A token of this second ends with a revocation of this second. */
static void
test_revoked_twice_in_a_second(void **state)
{
	struct cry_aead *aead = cry_aead_new();
	unsigned char token[TOKEN_BYTES];
	uint64_t before = 0;
	struct stage_mail a;

	(void)state;
	stage_add_alice();
	stage_settle();
	stage_mail(&a, aead, 1, 0, 1);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(stage_login(IMAPD, TOKEN_MAIL, "alice", "godwit"), ERR_OK);
		memcpy(token, answer.token, TOKEN_BYTES);
		assert_int_equal(stage_open(IMAPD, token, &a.w, 1, &a.e, 1), ERR_OK);
		assert_int_equal(TOOL("user.disable", "alice", NULL), 0);
		assert_int_equal(TOOL("user.enable", "alice", NULL), 0);
		stage_settle();
		assert_true(told.revoked_before > before);
		before = told.revoked_before;
		assert_int_equal(stage_open(IMAPD, token, &a.w, 1, &a.e, 1), ERR_AUTH);
	}
	cry_aead_free(&aead);
}

/* ---- another's mail */

static unsigned char	shared_token[TOKEN_BYTES];

static void
show_grant(unsigned char bytes[GRANT_BYTES], const struct grant *g)
{
	grant_make(bytes, g, told.grant_key);
	stage_grant = slice_of(bytes, GRANT_BYTES);
}

/* The message opens for bob with the grant that is shown. */
static enum err
open_shared(const struct stage_mail *a)
{
	enum err e = stage_open(IMAPD, shared_token, &a->w, 1, &a->e, 1);

	if (e == ERR_OK)
		assert_int_equal(answer.bytes[0], 1);
	return e;
}

static void
test_open_shared(void **state)
{
	struct cry_aead *aead = cry_aead_new();
	unsigned char bytes[GRANT_BYTES], token[TOKEN_BYTES];
	struct grant g = { .instance = whos[IMAPD].instance,
		.expires_s = key_now_s(&app.k) + GRANT_LIFE_S };
	struct stage_mail a;

	(void)state;
	/* The store alone is told the secret. */
	assert_int_equal(told.grant_keys, 1);
	assert_int_equal(TOOL("user.add", "bob", "godwit"), 0);
	stage_add_alice();
	assert_int_equal(stage_login(IMAPD, TOKEN_MAIL, "bob", "godwit"), ERR_OK);
	memcpy(shared_token, answer.token, TOKEN_BYTES);
	g.guest = answer.account;
	assert_int_equal(stage_login(IMAPD, TOKEN_MAIL, "alice", "godwit"), ERR_OK);
	g.owner = answer.account;
	g.generation = told.key_generation;
	stage_mail(&a, aead, g.owner, 100, 1);
	show_grant(bytes, &g);
	assert_int_equal(open_shared(&a), ERR_OK);
	assert_memory_equal(answer.bytes + 1, a.content_key, 32);
	stage_settle();
	assert_int_equal(told.rewraps, 1);
	/* Not with a token of a third, nor from another process. */
	assert_int_equal(stage_login(IMAPD_2, TOKEN_MAIL, "bob", "godwit"), ERR_OK);
	memcpy(token, answer.token, TOKEN_BYTES);
	assert_int_equal(stage_open(IMAPD_2, token, &a.w, 1, &a.e, 1), ERR_STATE);
	assert_int_equal(stage_login(IMAPD, TOKEN_MAIL, "alice", "godwit"), ERR_OK);
	memcpy(token, answer.token, TOKEN_BYTES);
	assert_int_equal(stage_open(IMAPD, token, &a.w, 1, &a.e, 1), ERR_STATE);
	/* Altered, cut short, of another key, of nobody, expired. */
	bytes[GRANT_BYTES - 1] ^= 1;
	assert_int_equal(open_shared(&a), ERR_STATE);
	bytes[GRANT_BYTES - 1] ^= 1;
	stage_grant.n--;
	assert_int_equal(open_shared(&a), ERR_STATE);
	g.generation++;
	show_grant(bytes, &g);
	assert_int_equal(open_shared(&a), ERR_STATE);
	g.generation--;
	g.owner += 100;
	show_grant(bytes, &g);
	assert_int_equal(open_shared(&a), ERR_STATE);
	g.owner -= 100;
	g.expires_s = key_now_s(&app.k);
	show_grant(bytes, &g);
	assert_int_equal(open_shared(&a), ERR_STATE);
	/* An owner whose mail only he opens. */
	g.expires_s += GRANT_LIFE_S;
	show_grant(bytes, &g);
	assert_int_equal(open_shared(&a), ERR_OK);
	assert_int_equal(TOOL("user.sealing", "alice\0password", "godwit"), 0);
	stage_settle();
	assert_int_equal(open_shared(&a), ERR_STATE);
	g.generation = told.key_generation;
	show_grant(bytes, &g);
	assert_int_equal(open_shared(&a), ERR_STATE);
	stage_grant = SLICE_NONE;
	cry_aead_free(&aead);
}

/* ---- quotas that users set */

static enum err
ask_quota(const unsigned char *token, bool set, uint64_t bytes, const char *address)
{
	struct ipc_set_quota m = { .token = slice_of(token, TOKEN_BYTES), .set = set,
		.bytes = bytes, .address = slice_str(address) };

	return stage_ask(IMAPD, IPC_MSG_set_quota, &m);
}

static void
test_set_quota(void **state)
{
	char name[] = "Bob@example.test", *admins[] = { name };
	unsigned char bob[TOKEN_BYTES], alice[TOKEN_BYTES];

	(void)state;
	assert_int_equal(TOOL("user.add", "bob", "godwit"), 0);
	stage_add_alice();
	assert_int_equal(stage_login(IMAPD, TOKEN_MAIL, "bob", "godwit"), ERR_OK);
	memcpy(bob, answer.token, TOKEN_BYTES);
	assert_int_equal(stage_login(IMAPD, TOKEN_MAIL, "alice", "godwit"), ERR_OK);
	memcpy(alice, answer.token, TOKEN_BYTES);
	/* Nobody is named: not even for who is not there. */
	assert_int_equal(ask_quota(bob, true, 7000, "alice@example.test"), ERR_DENIED);
	assert_int_equal(ask_quota(bob, false, 0, "nobody@example.test"), ERR_DENIED);
	app.domains[0].quota_admins = (struct opt_list){ admins, 1 };
	assert_int_equal(ask_quota(bob, true, 7000, "alice@example.test"), ERR_OK);
	stage_settle();
	assert_int_equal(told.quota, 7000);
	assert_int_equal(ask_quota(alice, true, 9000, "alice@example.test"), ERR_DENIED);
	assert_int_equal(ask_quota(bob, true, 7000, "nobody@example.test"), ERR_NOTFOUND);
	assert_int_equal(ask_quota(bob, true, 7000, "carl@server.test"), ERR_DENIED);
	assert_int_equal(ask_quota(bob, true, CONF_QUOTA_MAX + 1, "alice@example.test"), ERR_LIMIT);
	assert_int_equal(ask_quota(bob, true, CONF_QUOTA_MAX, "alice@example.test"), ERR_OK);
	/* 0: what the domain says; looking changes nothing. */
	assert_int_equal(ask_quota(bob, true, 0, "alice@example.test"), ERR_OK);
	stage_settle();
	assert_int_equal(told.quota, 5u << 20);
	assert_int_equal(ask_quota(bob, false, 7000, "alice@example.test"), ERR_OK);
	stage_settle();
	assert_int_equal(told.quota, 5u << 20);
	bob[0] ^= 1;
	assert_int_equal(ask_quota(bob, true, 7000, "alice@example.test"), ERR_AUTH);
	app.domains[0].quota_admins = (struct opt_list){ NULL, 0 };
}

static void
test_open_limits(void **state)
{
	struct cry_aead *aead = cry_aead_new();
	struct ipc_wrap *wraps = calloc(OPEN_KEYS_MAX + 1, sizeof(*wraps));
	struct ipc_epoch *epochs = calloc(KEY_OPEN_EPOCHS_MAX, sizeof(*epochs));
	unsigned char token[TOKEN_BYTES];
	static struct stage_mail mails[200];
	uint64_t alice;
	size_t i, round;

	(void)state;
	stage_add_alice();
	assert_int_equal(stage_login(IMAPD, TOKEN_MAIL, "alice", "godwit"), ERR_OK);
	memcpy(token, answer.token, TOKEN_BYTES);
	alice = answer.account;
	/* More epochs than the cache holds, in three requests, twice. */
	for (round = 0; round < 6; round++) {
		for (i = 0; i < 200; i++) {
			stage_mail(&mails[i], aead, alice, i, round * 200 + i);
			wraps[i] = mails[i].w;
			epochs[i] = mails[i].e;
		}
		assert_int_equal(stage_open(IMAPD, token, wraps, 200, epochs, 200), ERR_OK);
		for (i = 0; i < 200; i++)
			assert_memory_equal(answer.bytes + i * 33 + 1, mails[i].content_key, 32);
	}
	for (i = 0; i <= OPEN_KEYS_MAX; i++)
		wraps[i] = mails[0].w;
	assert_int_equal(stage_open(IMAPD, token, wraps, OPEN_KEYS_MAX, epochs, 1), ERR_OK);
	app.options.user_open_rate.count = 300;
	app.options.user_open_rate.per_ms = 60000;
	assert_int_equal(stage_open(IMAPD, token, wraps, 200, epochs, 1), ERR_OK);
	assert_int_equal(stage_open(IMAPD, token, wraps, 200, epochs, 1), ERR_BUSY);
	loop_advance(loop, 30000);
	assert_int_equal(stage_open(IMAPD, token, wraps, 200, epochs, 1), ERR_OK);
	loop_advance(loop, 60000);
	assert_int_equal(stage_open(IMAPD, token, wraps, OPEN_KEYS_MAX + 1, epochs, 1), ERR_GONE);
	free(wraps);
	free(epochs);
	cry_aead_free(&aead);
}

/* A crash of keyd ends no session; a new start of the suite ends all. */
static void
test_restart(void **state)
{
	struct cry_aead *aead = cry_aead_new();
	unsigned char token[TOKEN_BYTES];
	struct stage_mail a;

	(void)state;
	stage_add_alice();
	assert_int_equal(stage_login(IMAPD, TOKEN_MAIL, "alice", "godwit"), ERR_OK);
	memcpy(token, answer.token, TOKEN_BYTES);
	stage_mail(&a, aead, answer.account, 100, 1);
	stage_stop();
	stage_start(60);
	stage_join(IMAPD);
	assert_int_equal(stage_open(IMAPD, token, &a.w, 1, &a.e, 1), ERR_OK);
	assert_int_equal(answer.bytes[0], 1);
	stage_stop();
	stage_start(7);
	stage_join(IMAPD);
	assert_int_equal(stage_open(IMAPD, token, &a.w, 1, &a.e, 1), ERR_AUTH);
	assert_int_equal(stage_login(IMAPD, TOKEN_MAIL, "alice", "godwit"), ERR_OK);
	memcpy(token, answer.token, TOKEN_BYTES);
	assert_int_equal(stage_open(IMAPD, token, &a.w, 1, &a.e, 1), ERR_OK);
	assert_int_equal(answer.bytes[0], 1);
	cry_aead_free(&aead);
}

/* ---- spool key */

static void
test_spool_key(void **state)
{
	struct ipc_spool_key m = { .id = 0 };
	unsigned char first[32];

	(void)state;
	assert_int_equal(stage_ask(QUEUE, IPC_MSG_spool_key, &m), ERR_OK);
	assert_int_equal(answer.number, 1);
	memcpy(first, answer.bytes, 32);
	stage_stop();
	stage_start(8);
	stage_join(QUEUE);
	m.id = 1;
	assert_int_equal(stage_ask(QUEUE, IPC_MSG_spool_key, &m), ERR_OK);
	assert_memory_equal(answer.bytes, first, 32);
	m.id = 2;
	assert_int_equal(stage_ask(QUEUE, IPC_MSG_spool_key, &m), ERR_NOTFOUND);
	stage_join(STORE);
	assert_int_equal(stage_ask(STORE, IPC_MSG_spool_key, &m), ERR_GONE);
}

/* Of this period and the one before; the same after a restart. */
static void
test_srs_keys(void **state)
{
	const struct ipc_srs_keys m = { .unused = 0 };
	unsigned char first[64];
	uint64_t until_s;

	(void)state;
	assert_int_equal(stage_ask(QUEUE, IPC_MSG_srs_keys, &m), ERR_OK);
	assert_int_equal(answer.n, 64);
	until_s = answer.until_s;
	assert_true(until_s > key_now_s(&app.k) && until_s <= key_now_s(&app.k) + KEY_SRS_PERIOD_S);
	memcpy(first, answer.bytes, sizeof(first));
	assert_memory_not_equal(first, first + 32, 32);
	stage_stop();
	stage_start(8);
	stage_join(QUEUE);
	assert_int_equal(stage_ask(QUEUE, IPC_MSG_srs_keys, &m), ERR_OK);
	assert_memory_equal(answer.bytes, first, sizeof(first));
	loop_advance(loop, (until_s - key_now_s(&app.k)) * 1000);
	assert_int_equal(stage_ask(QUEUE, IPC_MSG_srs_keys, &m), ERR_OK);
	assert_int_equal(answer.until_s, until_s + KEY_SRS_PERIOD_S);
	assert_memory_equal(answer.bytes + 32, first, 32);
	assert_memory_not_equal(answer.bytes, first, 32);
	stage_join(STORE);
	assert_int_equal(stage_ask(STORE, IPC_MSG_srs_keys, &m), ERR_GONE);
}

/* ---- secrets of routes */

static void
test_secrets(void **state)
{
	struct ipc_route_secret m = { .route = SLICE_LIT("news") };
	char big[KEY_SECRET_MAX + 2], name[32];
	unsigned i;

	(void)state;
	assert_int_equal(stage_ask(RELAY, IPC_MSG_route_secret, &m), ERR_NOTFOUND);
	assert_int_equal(TOOL("secret.set", "news", "one"), 0);
	assert_int_equal(TOOL("secret.set", "news", "two"), 0);
	assert_int_equal(stage_ask(RELAY, IPC_MSG_route_secret, &m), ERR_OK);
	assert_int_equal(answer.n, 3);
	assert_memory_equal(answer.bytes, "two", 3);
	/* the largest, one more, none, no name */
	memset(big, 'x', sizeof(big));
	big[KEY_SECRET_MAX + 1] = '\0';
	assert_int_equal(TOOL("secret.set", "news", big), 65);
	big[KEY_SECRET_MAX] = '\0';
	assert_int_equal(TOOL("secret.set", "big", big), 0);
	assert_int_equal(TOOL("secret.set", "news", ""), 65);
	assert_int_equal(TOOL("secret.set", "news", NULL), 65);
	assert_int_equal(TOOL("secret.set", "", "x"), 65);
	assert_int_equal(TOOL("secret.set", "a\nb", "x"), 65);
	/* they outlive the process */
	stage_stop();
	stage_start(8);
	stage_join(RELAY);
	assert_int_equal(stage_ask(RELAY, IPC_MSG_route_secret, &m), ERR_OK);
	assert_memory_equal(answer.bytes, "two", 3);
	m.route = SLICE_LIT("big");
	assert_int_equal(stage_ask(RELAY, IPC_MSG_route_secret, &m), ERR_OK);
	assert_int_equal(answer.n, KEY_SECRET_MAX);
	assert_int_equal(TOOL0("secret.list"), 0);
	assert_string_equal(answer.text, "news\nbig\n");
	assert_int_equal(TOOL("secret.del", "news", NULL), 0);
	assert_int_equal(TOOL("secret.del", "news", NULL), 67);
	m.route = SLICE_LIT("news");
	assert_int_equal(stage_ask(RELAY, IPC_MSG_route_secret, &m), ERR_NOTFOUND);
	/* limit + 1 */
	for (i = 1; i < KEY_SECRETS_MAX; i++) {
		(void)snprintf(name, sizeof(name), "route%u", i);
		assert_int_equal(key_ring_put_secret(app.k.ring, slice_str(name),
		    SLICE_LIT("sealed")), ERR_OK);
	}
	assert_int_equal(TOOL("secret.set", "more", "x"), 65);
	assert_int_equal(TOOL("secret.set", "big", "x"), 0);
	/* one that was moved to another name does not open */
	m.route = SLICE_LIT("route1");
	assert_int_equal(stage_ask(RELAY, IPC_MSG_route_secret, &m), ERR_CORRUPT);
	/* and only relay is told */
	assert_int_equal(stage_ask(SMTPD, IPC_MSG_route_secret, &m), ERR_GONE);
}

/* ---- TLS */

static struct slice
tbs_1_3(char dst[130])
{
	memset(dst, ' ', 64);
	memcpy(dst + 64, "TLS 1.3, server CertificateVerify", 34);
	memset(dst + 98, 0x5a, 32);
	return slice_of(dst, 130);
}

static void
test_sign(void **state)
{
	const struct ipc_tls_get get = { .unused = 0 };
	struct ipc_tls_sign m = { .scheme = 0x0403 };
	struct buf note;
	char tbs[130];

	(void)state;
	/* Not before it asked for the certificate. */
	m.tbs = tbs_1_3(tbs);
	m.key = 1;
	assert_int_equal(stage_ask(RELAY, IPC_MSG_tls_sign, &m), ERR_GONE);
	assert_int_equal(stage_ask(SMTPD, IPC_MSG_tls_get, &get), ERR_OK);
	m.key = answer.number;
	assert_int_equal(stage_ask(SMTPD, IPC_MSG_tls_sign, &m), ERR_OK);
	assert_in_range(answer.n, 64, 72);
	/* Anything else, another scheme's key, another key. */
	tbs[70] ^= 1;
	assert_int_equal(stage_ask(SMTPD, IPC_MSG_tls_sign, &m), ERR_DENIED);
	tbs[70] ^= 1;
	m.tbs = SLICE_LIT("v=DKIM1; sign this");
	assert_int_equal(stage_ask(SMTPD, IPC_MSG_tls_sign, &m), ERR_DENIED);
	m.tbs = tbs_1_3(tbs);
	m.scheme = 0x0804;
	assert_int_equal(stage_ask(SMTPD, IPC_MSG_tls_sign, &m), ERR_UNSUPPORTED);
	m.scheme = 0x0201;
	assert_int_equal(stage_ask(SMTPD, IPC_MSG_tls_sign, &m), ERR_UNSUPPORTED);
	m.scheme = 0x0403;
	m.key++;
	assert_int_equal(stage_ask(SMTPD, IPC_MSG_tls_sign, &m), ERR_DENIED);
	/* store has no business with TLS. */
	assert_int_equal(stage_ask(STORE, IPC_MSG_tls_get, &get), ERR_GONE);
	buf_init(&note, 255);
	key_tls_note(&app.k, &note);
	assert_true(slice_starts(buf_slice(&note), "certificate "));
	assert_true(slice_ends(buf_slice(&note), " days (mx1.example.test)"));
	buf_fini(&note);
}

static void
files_set(const char *cert, const char *key)
{
	(void)close(app.cert_fd);
	(void)close(app.key_fd);
	app.cert_fd = stage_memfd(cert);
	app.key_fd = stage_memfd(key);
	told.certs = 0;
	key_tls_reload(&app.k);
	stage_settle();
}

static void
test_tls_reload(void **state)
{
	const struct ipc_tls_get get = { .unused = 0 };
	struct ipc_tls_sign m = { .scheme = 0x0403 };
	char tbs[130];
	uint32_t first;

	(void)state;
	m.tbs = tbs_1_3(tbs);
	assert_int_equal(stage_ask(SMTPD, IPC_MSG_tls_get, &get), ERR_OK);
	m.key = first = answer.number;
	/* A pair that does not belong together, and rubbish: the old stays. */
	files_set(tls_pair_cert, tls_pair_rsa_key);
	assert_int_equal(told.certs, 0);
	files_set("rubbish", tls_pair_key);
	assert_int_equal(told.certs, 0);
	files_set(tls_pair_cert, "");
	assert_int_equal(told.certs, 0);
	assert_int_equal(stage_ask(SMTPD, IPC_MSG_tls_sign, &m), ERR_OK);
	/* A new one is pushed, to who asked for the last one and to nobody else;
	 * handshakes under way end with the old. */
	files_set(tls_pair_rsa_cert, tls_pair_rsa_key);
	assert_int_equal(told.certs, 1);
	assert_int_equal(stage_ask(SMTPD, IPC_MSG_tls_sign, &m), ERR_OK);
	m.key = first + 1;
	m.scheme = 0x0804;
	assert_int_equal(stage_ask(SMTPD, IPC_MSG_tls_sign, &m), ERR_OK);
	assert_int_equal(answer.n, 256);
	m.scheme = 0x0401;	/* PKCS 1 under TLS 1.3 */
	assert_int_equal(stage_ask(SMTPD, IPC_MSG_tls_sign, &m), ERR_DENIED);
	files_set(tls_pair_cert, tls_pair_key);
	m.key = first;
	assert_int_equal(stage_ask(SMTPD, IPC_MSG_tls_sign, &m), ERR_DENIED);
}

static void
test_tickets(void **state)
{
	const struct ipc_tls_get get = { .unused = 0 };
	unsigned char smtpd_key[80];

	(void)state;
	assert_int_equal(stage_ask(SMTPD, IPC_MSG_tls_get, &get), ERR_OK);
	memcpy(smtpd_key, told.ticket, 80);
	assert_int_equal(stage_ask(IMAPD, IPC_MSG_tls_get, &get), ERR_OK);
	assert_memory_not_equal(told.ticket, smtpd_key, 80);
	stage_leave(IMAPD);
	stage_leave(IMAPD_2);
	stage_leave(RELAY);
	loop_advance(loop, app.options.ticket_key_time);
	stage_settle();
	assert_memory_not_equal(told.ticket, smtpd_key, 80);
	assert_memory_equal(told.ticket_old, smtpd_key, 80);
}

static void
test_gate_table(void **state)
{
	static const struct {
		uint16_t	 type;
		uint32_t	 roles;		/* that may, when ready */
	} rows[] = {
		{ IPC_MSG_tls_get, IPC_SMTPD | IPC_CMTPD | IPC_IMAPD },
		{ IPC_MSG_tls_sign, IPC_SMTPD | IPC_CMTPD | IPC_IMAPD },
		{ IPC_MSG_login, IPC_SMTPD | IPC_CMTPD | IPC_IMAPD },
		{ IPC_MSG_cmtp_self, IPC_CMTPD },
		{ IPC_MSG_cmtp_user, IPC_CMTPD },
		{ IPC_MSG_scram_start, IPC_SMTPD | IPC_CMTPD | IPC_IMAPD },
		{ IPC_MSG_scram_finish, IPC_SMTPD | IPC_CMTPD | IPC_IMAPD },
		{ IPC_MSG_login_external, IPC_SMTPD | IPC_IMAPD },
		{ IPC_MSG_logout, IPC_SMTPD | IPC_CMTPD | IPC_IMAPD },
		{ IPC_MSG_open_keys, IPC_IMAPD }, { IPC_MSG_epoch_rekey, IPC_STORE }, { IPC_MSG_spool_key, IPC_QUEUE },
		{ IPC_MSG_srs_keys, IPC_QUEUE }, { IPC_MSG_set_quota, IPC_IMAPD },
		{ IPC_MSG_route_secret, IPC_RELAY },
		{ IPC_MSG_ctl_tool, 0 }, { IPC_MSG_store_read, 0 }, { 0xffff, 0 },
	};
	size_t i;
	uint32_t bit;

	(void)state;
	for (i = 0; i < lengthof(rows); i++)
		for (bit = 1; bit <= IPC_TOOL; bit <<= 1)
			assert_int_equal(key_gate_verdict(rows[i].type, (enum ipc_role)bit, true,
			    false), rows[i].roles & bit ? KEY_PERMIT : KEY_VIOLATION);
	assert_int_equal(key_gate_verdict(IPC_MSG_tls_sign, IPC_SMTPD, false, false), KEY_VIOLATION);
	assert_int_equal(key_gate_verdict(IPC_MSG_login, IPC_SMTPD, true, true), KEY_REFUSE_DRAINING);
	assert_int_equal(key_gate_verdict(IPC_MSG_tls_sign, IPC_SMTPD, true, true), KEY_PERMIT);
}

static void
test_root_key_forms(void **state)
{
	static const char hex[] =
	    " 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n";
	unsigned char root[32];

	(void)state;
	assert_int_equal(key_unlock_parse(root, slice_str(hex)), ERR_OK);
	assert_int_equal(root[31], 0x1f);
	assert_int_equal(key_unlock_parse(root, slice_of(hex, 32)), ERR_OK);
	assert_int_equal(root[0], ' ');
	assert_int_equal(key_unlock_parse(root, slice_of(hex, 64)), ERR_SYNTAX);
	assert_int_equal(key_unlock_parse(root, slice_of(hex, 33)), ERR_SYNTAX);
	assert_int_equal(key_unlock_parse(root, SLICE_NONE), ERR_SYNTAX);
	assert_int_equal(key_login_threads(0, 1), 1);
	assert_int_equal(key_login_threads(0, 2), 1);
	assert_int_equal(key_login_threads(0, 8), 4);
	assert_int_equal(key_login_threads(3, 1), 3);
}

int
main(void)
{
#define KEYD(t)	cmocka_unit_test_setup_teardown(t, stage_setup, stage_teardown)
	const struct CMUnitTest tests[] = {
		KEYD(test_accounts), KEYD(test_answer_when_all_know), KEYD(test_answer_when_one_is_silent),
		KEYD(test_password_that_does_not_come), KEYD(test_list_pages),
		KEYD(test_aliases), KEYD(test_login), KEYD(test_login_crowd),
		KEYD(test_login_drills), KEYD(test_session_limit), KEYD(test_open),
		KEYD(test_open_drills),
		KEYD(test_revoked_twice_in_a_second), KEYD(test_open_shared), KEYD(test_set_quota), KEYD(test_open_limits), KEYD(test_restart),
		KEYD(test_spool_key), KEYD(test_srs_keys), KEYD(test_secrets), KEYD(test_sign), KEYD(test_tls_reload), KEYD(test_tickets),
		cmocka_unit_test(test_gate_table), cmocka_unit_test(test_root_key_forms),
	};
#undef KEYD

	return cmocka_run_group_tests(tests, NULL, NULL);
}
