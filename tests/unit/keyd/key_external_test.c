/* SPDX-License-Identifier: ISC */
/*
 * EXTERNAL: the token sends mail or reads the index; whatever the sealing, and
 * whatever other sessions opened, it opens nothing.
 */
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "keyd/key_external.h"
#include "lib/base/enc.h"
#include "lib/base/secret.h"
#include "tests/unit/keyd/tls_pair.h"
#include "tests/unit/keyd/keyd_stage.h"

#define ALICE	"alice@example.test"

static struct cry_aead *aead;
static unsigned char token[TOKEN_BYTES];

static int
setup(void **state)
{
	(void)stage_setup(state);
	aead = cry_aead_new();
	app.client_ca_fd = stage_memfd(tls_pair_cert);
	key_tls_reload(&app.k);
	return 0;
}

static int
teardown(void **state)
{
	cry_aead_free(&aead);
	if (app.client_ca_fd >= 0)
		(void)close(app.client_ca_fd);
	return stage_teardown(state);
}

static enum err
external_by(enum who w, struct slice names, struct slice prints, const char *user, bool tls)
{
	const struct ipc_login_external m = { .session = 1, .tls = tls, .session_max = 2,
		.client = SLICE_LIT("192.0.2.1"), .user = slice_str(user), .names = names,
		.prints = prints };
	enum err e = stage_ask(w, IPC_MSG_login_external, &m);

	if (e == ERR_OK)
		memcpy(token, answer.token, sizeof(token));
	return e;
}

static enum err
external_of(enum who w, struct slice names, const char *user, bool tls)
{
	return external_by(w, names, SLICE_NONE, user, tls);
}

static enum err
external(enum who w, const char *name, const char *user)
{
	return external_of(w, slice_of(name, strlen(name) + 1), user, true);
}

static void
test_names(void **state)
{
	static const char two[] = "bob@example.test\0alice@EXAMPLE.test";
	static const char junk[] = "alice\0\0@\0alice@\0@example.test\0alice@example.test@x";

	(void)state;
	stage_add_alice();
	assert_int_equal(external(IMAPD, ALICE, ""), ERR_OK);
	assert_string_equal(answer.address, ALICE);
	assert_int_equal(external(IMAPD, ALICE, "alice"), ERR_OK);
	stage_leave(IMAPD);
	assert_int_equal(external(IMAPD, ALICE, "bob@example.test"), ERR_AUTH);
	assert_int_equal(external(IMAPD, ALICE, "a b"), ERR_AUTH);
	assert_int_equal(external(IMAPD, "bob@example.test", ""), ERR_AUTH);
	assert_int_equal(external(IMAPD, "bob@example.test", "alice"), ERR_AUTH);
	assert_int_equal(external_of(IMAPD, slice_of(two, sizeof(two)), "", true), ERR_OK);
	assert_int_equal(external_of(SMTPD, slice_of(two, sizeof(two)), "alice", true), ERR_OK);
	/* A name is an address whole, or nobody's. */
	assert_int_equal(external_of(IMAPD, slice_of(junk, sizeof(junk)), "", true), ERR_AUTH);
	assert_int_equal(external_of(IMAPD, SLICE_NONE, "alice", true), ERR_AUTH);
	assert_int_equal(external_of(IMAPD, slice_of(two, sizeof(two)), "", false), ERR_DENIED);
	assert_int_equal(TOOL("user.disable", "alice", NULL), 0);
	assert_int_equal(external(IMAPD, ALICE, ""), ERR_DISABLED);
}

static void
test_opens_nothing(void **state)
{
	static struct stage_mail mail;
	unsigned char by_password[TOKEN_BYTES];
	struct token t;
	struct key_account *a;

	(void)state;
	assert_int_equal(TOOL("user.add", "bob@seal.test", "first"), 0);
	stage_settle();
	a = key_ring_find_address(app.k.ring, SLICE_LIT("bob@seal.test"));
	assert_non_null(a);
	stage_mail(&mail, aead, a->id, 100, 10);
	assert_int_equal(stage_login(IMAPD, TOKEN_MAIL, "bob@seal.test", "first"), ERR_OK);
	memcpy(by_password, answer.token, sizeof(by_password));
	assert_int_equal(stage_open(IMAPD, by_password, &mail.w, 1, &mail.e, 1), ERR_OK);
	assert_int_equal(answer.bytes[0], OPEN_KEY);
	/* The vault is open and the epoch's key in the cache. */
	assert_int_equal(external(IMAPD, "bob@seal.test", ""), ERR_OK);
	assert_int_equal(token_verify(&t, slice_of(token, TOKEN_BYTES), (const unsigned char *)
	    key_tokens_key(app.k.tokens).p, whos[IMAPD].instance, TOKEN_INDEX, key_now_s(&app.k)),
	    ERR_OK);
	assert_int_equal(stage_open(IMAPD, token, &mail.w, 1, &mail.e, 1), ERR_OK);
	assert_int_equal(answer.bytes[0], OPEN_NONE);
	for (unsigned i = 1; i <= 32; i++)
		assert_int_equal(answer.bytes[i], 0);
	/* In escrow neither. */
	assert_int_equal(TOOL("user.sealing", "bob@seal.test\0escrow", "first"), 0);
	assert_int_equal(external(IMAPD, "bob@seal.test", ""), ERR_OK);
	assert_int_equal(stage_open(IMAPD, token, &mail.w, 1, &mail.e, 1), ERR_OK);
	assert_int_equal(answer.bytes[0], OPEN_NONE);
	/* smtpd's is for sending. */
	assert_int_equal(external(SMTPD, "bob@seal.test", ""), ERR_OK);
	assert_int_equal(token_verify(&t, slice_of(token, TOKEN_BYTES), (const unsigned char *)
	    key_tokens_key(app.k.tokens).p, whos[SMTPD].instance, TOKEN_SUBMIT, key_now_s(&app.k)),
	    ERR_OK);
}

/* They count among the sessions of their user. */
static void
test_limit(void **state)
{
	(void)state;
	stage_add_alice();
	assert_int_equal(external(IMAPD, ALICE, ""), ERR_OK);
	assert_int_equal(external(IMAPD, ALICE, ""), ERR_OK);
	assert_int_equal(external(IMAPD, ALICE, ""), ERR_LIMIT);
	assert_int_equal(external(SMTPD, ALICE, ""), ERR_OK);
}

/* Without authorities nobody comes in; a change is told to who asked for TLS. */
static void
test_authorities(void **state)
{
	const struct ipc_tls_get get = { .unused = 0 };

	(void)state;
	stage_add_alice();
	assert_int_equal(stage_ask(SMTPD, IPC_MSG_tls_get, &get), ERR_OK);
	stage_settle();
	assert_int_equal(told.client_cas, 1);
	assert_int_equal(told.client_ca_n, strlen(tls_pair_cert));
	(void)close(app.client_ca_fd);
	app.client_ca_fd = stage_memfd("rubbish");
	key_tls_reload(&app.k);
	stage_settle();
	assert_int_equal(told.client_ca_n, 0);
	assert_int_equal(external(IMAPD, ALICE, ""), ERR_DENIED);
	(void)close(app.client_ca_fd);
	app.client_ca_fd = -1;
	key_tls_reload(&app.k);
	assert_int_equal(external(IMAPD, ALICE, ""), ERR_DENIED);
}

#define AA	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define AA_HEX	"61616161616161616161616161616161:61616161616161616161616161616161"
#define BB	"BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB"
#define BB_HEX	"4242424242424242424242424242424242424242424242424242424242424242"

static enum err
by_print(enum who w, struct slice prints, const char *user)
{
	return external_by(w, SLICE_NONE, prints, user, true);
}

/* No authority is needed; the list of the account is. */
static void
test_prints(void **state)
{
	(void)state;
	stage_add_alice();
	assert_int_equal(TOOL("user.add", "bob@example.test", "first"), 0);
	stage_settle();
	(void)close(app.client_ca_fd);
	app.client_ca_fd = -1;
	key_tls_reload(&app.k);
	assert_int_equal(by_print(IMAPD, SLICE_LIT(AA BB), ""), ERR_AUTH);
	assert_int_equal(TOOL("cert.add", "alice\0" BB_HEX "\0my phone", NULL), 0);
	assert_int_equal(by_print(IMAPD, SLICE_LIT(AA BB), ""), ERR_OK);
	assert_string_equal(answer.address, ALICE);
	assert_int_equal(by_print(SMTPD, SLICE_LIT(BB AA), "alice"), ERR_OK);
	assert_int_equal(by_print(IMAPD, SLICE_LIT(AA BB), "bob"), ERR_AUTH);
	assert_int_equal(by_print(IMAPD, SLICE_LIT(AA AA), "alice"), ERR_AUTH);
	assert_int_equal(by_print(IMAPD, SLICE_LIT("B"), "alice"), ERR_AUTH);
	assert_int_equal(by_print(IMAPD, SLICE_NONE, "alice"), ERR_DENIED);
	assert_int_equal(external_by(IMAPD, SLICE_NONE, SLICE_LIT(AA BB), "", false), ERR_DENIED);
	/* Names that nobody verified are none. */
	assert_int_equal(external_by(IMAPD, SLICE_LIT(ALICE "\0"), SLICE_LIT(AA AA), "", true),
	    ERR_AUTH);
	/* It is one account's, and the certificate's own may be another's than its key's. */
	assert_int_equal(TOOL("cert.add", "bob\0" BB_HEX, NULL), 73);
	assert_int_equal(TOOL("cert.add", "bob\0" AA_HEX, NULL), 0);
	assert_int_equal(by_print(IMAPD, SLICE_LIT(AA BB), "alice"), ERR_OK);
	stage_leave(IMAPD);
	stage_join(IMAPD);
	assert_int_equal(by_print(IMAPD, SLICE_LIT(AA BB), ""), ERR_OK);
	assert_string_equal(answer.address, "bob@example.test");
	assert_int_equal(TOOL("user.disable", "bob", NULL), 0);
	assert_int_equal(by_print(IMAPD, SLICE_LIT(AA BB), ""), ERR_DISABLED);
}

static void
test_list(void **state)
{
	char args[100];
	int n;

	(void)state;
	stage_add_alice();
	assert_int_equal(TOOL("cert.add", "alice\0" AA_HEX "\0my phone", NULL), 0);
	assert_int_equal(TOOL("cert.list", "alice", NULL), 0);
	assert_non_null(strstr(answer.text, " 61:61:61:61:61:61:61:61:61:61:61:61:61:61:61:61:"
	    "61:61:61:61:61:61:61:61:61:61:61:61:61:61:61:61 my phone\n"));
	assert_int_equal(TOOL("cert.add", "alice\0" AA_HEX "62", NULL), 65);
	assert_int_equal(TOOL("cert.add", "alice\0" "6161", NULL), 65);
	assert_int_equal(TOOL("cert.add", "alice\0" BB_HEX "\0a\tb", NULL), 65);
	assert_int_equal(TOOL("cert.add", "nobody\0" BB_HEX, NULL), 67);
	assert_int_equal(TOOL("cert.del", "alice\0" BB_HEX, NULL), 65);
	assert_int_equal(TOOL("cert.del", "alice\0" "junk", NULL), 65);
	for (unsigned i = 1; i < KEY_PRINTS_MAX; i++) {
		n = snprintf(args, sizeof(args), "alice%c%064x", 0, i);
		assert_int_equal(stage_tool("cert.add", args, (size_t)n + 1, NULL), 0);
	}
	assert_int_equal(TOOL("cert.add", "alice\0" BB_HEX, NULL), 65);
	assert_non_null(strstr(answer.text, "too many"));
	/* Its end takes what came by it along. */
	assert_int_equal(by_print(IMAPD, SLICE_LIT(AA), ""), ERR_OK);
	told.revokes = 0;
	assert_int_equal(TOOL("cert.del", "alice\0" AA_HEX, NULL), 0);
	stage_settle();
	assert_true(told.revokes > 0);
	assert_int_equal(by_print(IMAPD, SLICE_LIT(AA), ""), ERR_AUTH);
	assert_int_equal(TOOL("cert.add", "alice\0" BB_HEX, NULL), 0);
	/* With its account it goes for good. */
	assert_int_equal(TOOL("user.del", "alice", NULL), 0);
	stage_add_alice();
	assert_int_equal(by_print(IMAPD, SLICE_LIT(BB), ""), ERR_AUTH);
	assert_int_equal(TOOL("cert.list", "alice", NULL), 0);
	assert_string_equal(answer.text, "");
}

int
main(void)
{
#define KEYD(t)	cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
		KEYD(test_names), KEYD(test_opens_nothing), KEYD(test_limit), KEYD(test_authorities),
		KEYD(test_prints), KEYD(test_list),
	};
#undef KEYD

	return cmocka_run_group_tests(tests, NULL, NULL);
}
