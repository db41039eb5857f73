/* SPDX-License-Identifier: ISC */
/*
 * sealing = client: keyd has public keys only.  What it could open before goes
 * to the owner's device, sealed, and stays in no record and no cache.
 */
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

#include "keyd/key_made.h"
#include "keyd/key_more.h"
#include "keyd/key_public.h"
#include "lib/base/enc.h"
#include "lib/base/secret.h"
#include "tests/unit/keyd/keyd_stage.h"

static struct stage_mail mails[4];
static struct cry_aead *aead;
static unsigned char device_public[2][32], device_secret[2][32];
static char device_text[2][50];
static unsigned char token[TOKEN_BYTES];

static int
setup(void **state)
{
	struct buf b;

	(void)stage_setup(state);
	aead = cry_aead_new();
	for (unsigned i = 0; i < 2; i++) {
		cry_box_pair(device_public[i], device_secret[i]);
		buf_init(&b, 50);
		enc_put_base64(&b, slice_of(device_public[i], 32));
		(void)snprintf(device_text[i], sizeof(device_text[i]), "%s", buf_cstr(&b));
		buf_fini(&b);
	}
	return 0;
}

static int
teardown(void **state)
{
	cry_aead_free(&aead);
	return stage_teardown(state);
}

static uint8_t
tool(const char *verb, const char *user, const char *mode, const char *key, const char *password)
{
	char args[200];
	int n = snprintf(args, sizeof(args), "%s%c%s%c%s", user, 0, mode, 0, key) + 1;

	return stage_tool(verb, args, (size_t)n - (key[0] == '\0'), password);
}

static const struct key_account *
account(const char *address)
{
	const struct key_account *a = key_ring_find_address(app.k.ring, slice_str(address));

	assert_non_null(a);
	return a;
}

static void
receive(unsigned i, const char *address)
{
	stage_settle();
	assert_int_equal(told.key_generation, account(address)->generation);
	stage_mail(&mails[i], aead, account(address)->id, 100 + i, 10 + i);
}

/* What becomes of mails[i] with the token of the last login. */
static unsigned
result(unsigned i)
{
	if (stage_open(IMAPD, token, &mails[i].w, 1, &mails[i].e, 1) != ERR_OK)
		return 99;
	if (answer.bytes[0] != OPEN_KEY)
		for (unsigned k = 1; k <= 32; k++)
			assert_int_equal(answer.bytes[k], 0);
	return answer.bytes[0];
}

static void
log_in(const char *user, const char *password)
{
	assert_int_equal(stage_login(IMAPD, TOKEN_MAIL, user, password), ERR_OK);
	memcpy(token, answer.token, sizeof(token));
}

static unsigned
after_login(unsigned i, const char *user, const char *password)
{
	log_in(user, password);
	return result(i);
}

static void
test_new_account(void **state)
{
	(void)state;
	assert_int_equal(tool("user.add", "carol@seal.test", "client", device_text[0], "first"), 0);
	stage_settle();
	assert_int_equal(told.sealing, SEALING_CLIENT);
	assert_memory_equal(told.public_key, device_public[0], 32);
	assert_int_equal(account("carol@seal.test")->form, KEY_FORM_NONE);
	receive(0, "carol@seal.test");
	assert_int_equal(after_login(0, "carol@seal.test", "first"), OPEN_CLIENT);
	assert_int_equal(answer.device_count, 0);
	/* A password changes who logs in, and nothing else. */
	assert_int_equal(TOOL("user.passwd", "carol@seal.test", "second"), 0);
	assert_int_equal(after_login(0, "carol@seal.test", "second"), OPEN_CLIENT);
	assert_int_equal(TOOL("app.add", "carol@seal.test\0phone", NULL), 0);
	assert_int_equal(TOOL("user.recovery", "carol@seal.test", "second"), 65);
	stage_stop();
	stage_start(8);
	assert_int_equal(after_login(0, "carol@seal.test", "second"), OPEN_CLIENT);
	assert_int_equal(TOOL("user.key", "carol@seal.test", NULL), 0);
	assert_int_equal(strncmp(answer.text, "1 client ", 9), 0);
}

/* The device gets the secret of before: with it the old mail opens. */
static void
check_device(unsigned i, unsigned device)
{
	unsigned char secret[32], public_key[32], epoch[32], content[32];
	const struct epoch_slot slot = { mails[i].w.content ? account("bob@seal.test")->id : 0,
		mails[i].w.content, mails[i].w.generation, mails[i].commitment };

	assert_int_equal(result(i), OPEN_CLIENT);
	assert_int_equal(answer.device_count, 1);
	assert_int_equal(answer.device.generation, 1);
	assert_int_equal(answer.device.sealed_to, 2);
	assert_int_equal(cry_box_open(secret, slice_of(answer.device_key, 80), device_public[device],
	    device_secret[device]), ERR_OK);
	cry_box_public(public_key, secret);
	assert_int_equal(epoch_unseal(epoch, slice_of(mails[i].sealed, EPOCH_SEALED_BYTES),
	    public_key, secret), ERR_OK);
	assert_int_equal(epoch_unwrap_content(aead, content, mails[i].w.wrapped, epoch, &slot),
	    ERR_OK);
	assert_memory_equal(content, mails[i].content_key, 32);
}

static void
change_of(const char *mode, const char *password)
{
	assert_int_equal(tool("user.add", "bob@seal.test", mode, "", "first"), 0);
	receive(0, "bob@seal.test");
	/* Opened, so that its epoch is in the cache. */
	assert_int_equal(after_login(0, "bob@seal.test", "first"), OPEN_KEY);
	receive(1, "bob@seal.test");
	assert_int_equal(tool("user.sealing", "bob@seal.test", "client", device_text[0], password), 0);
	stage_settle();
	assert_int_equal(told.key_generation, 2);
	log_in("bob@seal.test", "first");
	check_device(0, 0);
	check_device(1, 0);
	receive(2, "bob@seal.test");
	assert_int_equal(result(2), OPEN_CLIENT);
	stage_stop();
	stage_start(9);
	stage_join(STORE);
	log_in("bob@seal.test", "first");
	check_device(0, 0);
	/* A second device: what was sealed to the first one stays so. */
	assert_int_equal(tool("user.sealing", "bob@seal.test", "client", device_text[1], password), 0);
	log_in("bob@seal.test", "first");
	check_device(0, 0);
	assert_int_equal(account("bob@seal.test")->generation, 3);
	/* The same key again is no change. */
	assert_int_equal(tool("user.sealing", "bob@seal.test", "client", device_text[1], password), 0);
	assert_int_equal(account("bob@seal.test")->generation, 3);
	/* Back: a new pair of the server's; nothing sealed to a device opens. */
	assert_int_equal(tool("user.sealing", "bob@seal.test", mode, "", "first"), 0);
	receive(3, "bob@seal.test");
	assert_int_equal(after_login(3, "bob@seal.test", "first"), OPEN_KEY);
	assert_int_equal(result(2), OPEN_CLIENT);
	check_device(0, 0);
}

static void
test_change_from_escrow(void **state)
{
	(void)state;
	change_of("escrow", NULL);
}

static void
test_change_from_password(void **state)
{
	(void)state;
	change_of("password", "first");
}

/* The password is wanted where keyd has none of the secret. */
static void
test_closed_vault(void **state)
{
	(void)state;
	assert_int_equal(tool("user.add", "bob@seal.test", "password", "", "first"), 0);
	assert_int_equal(tool("user.sealing", "bob@seal.test", "client", device_text[0], NULL), 65);
	assert_int_equal(tool("user.sealing", "bob@seal.test", "client", device_text[0], "wrong"), 77);
	assert_int_equal(account("bob@seal.test")->generation, 1);
}

/* A code of before goes on: what it opens goes to the device too. */
static void
test_recovery_to_the_device(void **state)
{
	char code[KEY_MADE_TEXT_MAX], both[100];
	const char *at;

	(void)state;
	assert_int_equal(tool("user.add", "bob@seal.test", "password", "", "first"), 0);
	at = strstr(answer.text, ": ");
	assert_non_null(at);
	(void)snprintf(code, sizeof(code), "%.*s", (int)strcspn(at + 2, "\n"), at + 2);
	receive(0, "bob@seal.test");
	assert_int_equal(TOOL("user.passwd", "bob@seal.test\0reset", "second"), 0);
	assert_int_equal(tool("user.sealing", "bob@seal.test", "client", device_text[0], "second"), 0);
	assert_int_equal(after_login(0, "bob@seal.test", "second"), OPEN_NONE);
	(void)snprintf(both, sizeof(both), "second\n%s", code);
	assert_int_equal(TOOL("user.recover", "bob@seal.test", both), 0);
	assert_string_equal(answer.text, "1 earlier key opened\n");
	assert_int_equal(after_login(0, "bob@seal.test", "second"), OPEN_CLIENT);
	assert_int_equal(answer.device.sealed_to, 3);
}

/* As many as there is room for, and one more. */
static void
test_keys_limit(void **state)
{
	(void)state;
	assert_int_equal(tool("user.add", "bob@seal.test", "client", device_text[0], "first"), 0);
	for (unsigned i = 1; i <= KEY_GENERATIONS_MAX; i++)
		assert_int_equal(tool("user.sealing", "bob@seal.test", "client", device_text[i % 2], NULL),
		    0);
	assert_int_equal(tool("user.sealing", "bob@seal.test", "client", device_text[1], NULL), 65);
	assert_int_equal(account("bob@seal.test")->generation, KEY_GENERATIONS_MAX + 1);
}

static void
test_arguments(void **state)
{
	static const char zero[] = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

	(void)state;
	assert_int_equal(tool("user.add", "bob@seal.test", "client", "", "first"), 64);
	assert_int_equal(tool("user.add", "bob@seal.test", "escrow", device_text[0], "first"), 64);
	assert_int_equal(tool("user.add", "bob@seal.test", "other", "", "first"), 64);
	assert_int_equal(tool("user.add", "bob@seal.test", "client", "AAAA", "first"), 65);
	assert_int_equal(tool("user.add", "bob@seal.test", "client", zero, "first"), 65);
	assert_null(key_ring_find_address(app.k.ring, SLICE_LIT("bob@seal.test")));
	stage_add_alice();
	assert_int_equal(tool("user.sealing", "alice", "client", "", NULL), 64);
	assert_int_equal(tool("user.sealing", "alice", "escrow", device_text[0], NULL), 64);
	assert_int_equal(tool("user.sealing", "alice", "client", zero, NULL), 65);
}

static void
test_public_key_forms(void **state)
{
	static const char der[] = "MCowBQYDK2VuAyEA";	/* 12 bytes: a multiple of three */
	static const char *const bad[] = {
		"", "-", "AAAA", "-----BEGIN PUBLIC KEY-----", "-----BEGIN PUBLIC KEY----------END",
		"-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----",
	};
	unsigned char key[32];
	char text[KEY_PUBLIC_TEXT_MAX + 2];

	(void)state;
	assert_int_equal(key_public_parse(key, slice_str(device_text[0])), ERR_OK);
	assert_memory_equal(key, device_public[0], 32);
	(void)snprintf(text, sizeof(text), "-----BEGIN PUBLIC KEY-----\r\n%s%s\r\n"
	    "-----END PUBLIC KEY-----\r\n", der, device_text[1]);
	assert_int_equal(key_public_parse(key, slice_str(text)), ERR_OK);
	assert_memory_equal(key, device_public[1], 32);
	/* Cut anywhere it is none, but for the line end behind it. */
	for (size_t n = 0; n + 2 < strlen(text); n++)
		assert_int_equal(key_public_parse(key, slice_of(text, n)), ERR_SYNTAX);
	for (size_t i = 0; i < lengthof(bad); i++)
		assert_int_equal(key_public_parse(key, slice_str(bad[i])), ERR_SYNTAX);
	/* Of another algorithm: Ed25519 */
	(void)snprintf(text, sizeof(text), "MCowBQYDK2VwAyEA%s", device_text[1]);
	assert_int_equal(key_public_parse(key, slice_str(text)), ERR_SYNTAX);
	memset(text, 'A', sizeof(text));
	assert_int_equal(key_public_parse(key, slice_of(text, KEY_PUBLIC_TEXT_MAX)), ERR_SYNTAX);
	assert_int_equal(key_public_parse(key, slice_of(text, KEY_PUBLIC_TEXT_MAX + 1)), ERR_SYNTAX);
}

/* The record of a secret that went away, whole and cut. */
static void
test_record(void **state)
{
	static struct key_more m, got;
	struct key_generation g = { .number = 1, .form = KEY_FORM_SEALED, .sealed_to = 2 };
	struct buf b;

	(void)state;
	memset(&m, 0, sizeof(m));
	memset(g.sealed_secret, 7, sizeof(g.sealed_secret));
	assert_int_equal(key_more_add_generation(&m, &g), ERR_OK);
	buf_init(&b, KEY_MORE_MAX);
	key_more_put(&b, &m);
	assert_int_equal(key_more_get(&got, buf_slice(&b)), ERR_OK);
	assert_memory_equal(&m, &got, sizeof(m));
	for (size_t n = 1; n < b.n; n++)
		assert_int_equal(key_more_get(&got, slice_head(buf_slice(&b), n)), ERR_CORRUPT);
	buf_fini(&b);
}

int
main(void)
{
#define KEYD(t)	cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
		KEYD(test_new_account), KEYD(test_change_from_escrow),
		KEYD(test_change_from_password), KEYD(test_closed_vault),
		KEYD(test_recovery_to_the_device), KEYD(test_keys_limit), KEYD(test_arguments),
		KEYD(test_public_key_forms), cmocka_unit_test(test_record),
	};
#undef KEYD

	return cmocka_run_group_tests(tests, NULL, NULL);
}
