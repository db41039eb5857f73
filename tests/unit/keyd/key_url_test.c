/* SPDX-License-Identifier: ISC */
/*
 * URLs that carry authorization: for whom keyd makes a MAC, who may use what
 * it says, what RESETKEY ends, and grants for one content.
 */
#include <stdlib.h>
#include <string.h>

#include "keyd/key_more.h"
#include "lib/crypto/grant.h"
#include "lib/crypto/pass.h"
#include "tests/unit/keyd/keyd_stage.h"
#include "tests/unit/test.h"

static const unsigned char	text[32] = { 5 };
static unsigned char		alice[TOKEN_BYTES], bob[TOKEN_BYTES];
static uint64_t			alice_id, bob_id;
static char			mac[URL_MAC_BYTES];

static void
start(void)
{
	stage_add_alice();
	assert_int_equal(TOOL("user.add", "bob", "godwit"), 0);
	assert_int_equal(stage_login(IMAPD, TOKEN_MAIL, "alice", "godwit"), ERR_OK);
	memcpy(alice, answer.token, TOKEN_BYTES);
	alice_id = answer.account;
	assert_int_equal(stage_login(IMAPD, TOKEN_MAIL, "bob", "godwit"), ERR_OK);
	memcpy(bob, answer.token, TOKEN_BYTES);
	bob_id = answer.account;
}

static struct ipc_url_terms
terms(uint8_t access, const char *user)
{
	return (struct ipc_url_terms){ .access = access, .mailbox = 3, .uid = 7,
	    .user = slice_str(user), .text = slice_of(text, sizeof(text)) };
}

static enum err
make(const unsigned char *token, const struct ipc_url_terms *t)
{
	struct ipc_url_make m = { .token = slice_of(token, TOKEN_BYTES) };
	struct buf b;
	enum err e;

	buf_init(&b, 512);
	ipc_url_terms_put(&b, t);
	m.terms = buf_slice(&b);
	e = stage_ask(IMAPD, IPC_MSG_url_make, &m);
	if (e == ERR_OK)
		memcpy(mac, answer.bytes, sizeof(mac));
	buf_fini(&b);
	return e;
}

/* With the MAC that was made last. */
static enum err
check(enum who w, const unsigned char *token, const char *owner, const struct ipc_url_terms *t)
{
	struct ipc_url_check m = { .token = slice_of(token, TOKEN_BYTES),
		.owner = slice_str(owner), .mac = slice_of(mac, sizeof(mac)) };
	struct buf b;
	enum err e;

	buf_init(&b, 512);
	ipc_url_terms_put(&b, t);
	m.terms = buf_slice(&b);
	e = stage_ask(w, IPC_MSG_url_check, &m);
	buf_fini(&b);
	return e;
}

static enum err
reset(const unsigned char *token, uint64_t mailbox)
{
	struct ipc_url_reset m = { .token = slice_of(token, TOKEN_BYTES), .mailbox = mailbox };

	return stage_ask(IMAPD, IPC_MSG_url_reset, &m);
}

#define ALICE	"alice@example.test"
#define BOB	"bob@example.test"

static void
test_pass(void **state)
{
	struct ipc_url_terms t = terms(URL_AUTHUSER, "");
	uint64_t now = key_now_s(&app.k);
	struct pass a;

	(void)state;
	start();
	assert_int_equal(make(alice, &t), ERR_OK);
	/* His own needs none. */
	assert_int_equal(check(IMAPD, alice, ALICE, &t), ERR_OK);
	assert_int_equal(answer.n, 0);
	assert_int_equal(check(IMAPD, bob, ALICE, &t), ERR_OK);
	assert_int_equal(pass_verify(&a, slice_of(answer.bytes, answer.n), told.grant_key,
	    whos[IMAPD].instance, bob_id, now), ERR_OK);
	assert_true(a.owner == alice_id && a.mailbox == 3 && a.uid == 7 && a.uidvalidity == 0);
	assert_true(a.expires_s >= now + PASS_LIFE_S && a.expires_s < now + 2 * PASS_LIFE_S);
	/* Whatever else is asked for is not what was authorized. */
	t.uid++;
	assert_int_equal(check(IMAPD, bob, ALICE, &t), ERR_NOTFOUND);
	t = terms(URL_ANONYMOUS, "");
	assert_int_equal(check(IMAPD, bob, ALICE, &t), ERR_NOTFOUND);
	t = terms(URL_AUTHUSER, "");
	t.mailbox++;
	assert_int_equal(check(IMAPD, bob, ALICE, &t), ERR_NOTFOUND);
	t.mailbox--;
	assert_int_equal(check(IMAPD, bob, BOB, &t), ERR_NOTFOUND);
	assert_int_equal(check(IMAPD, bob, "none@example.test", &t), ERR_NOTFOUND);
	for (size_t i = 0; i < sizeof(mac); i++) {
		mac[i] ^= 1;
		assert_int_equal(check(IMAPD, bob, ALICE, &t), ERR_NOTFOUND);
		mac[i] ^= 1;
	}
	/* With the token of another process. */
	assert_int_equal(check(IMAPD_2, bob, ALICE, &t), ERR_AUTH);
	assert_int_equal(TOOL("user.disable", "alice", NULL), 0);
	assert_int_equal(check(IMAPD, bob, ALICE, &t), ERR_NOTFOUND);
}

static void
test_access(void **state)
{
	struct ipc_url_terms t = terms(URL_USER, "Bob@EXAMPLE.test");
	char *submitters[] = { "x", "bob@example.test" };

	(void)state;
	start();
	assert_int_equal(make(alice, &t), ERR_OK);
	assert_int_equal(check(IMAPD, bob, ALICE, &t), ERR_OK);
	assert_int_equal(check(IMAPD, alice, ALICE, &t), ERR_NOTFOUND);
	t = terms(URL_ANONYMOUS, "");
	assert_int_equal(make(alice, &t), ERR_OK);
	assert_int_equal(check(IMAPD, bob, ALICE, &t), ERR_OK);
	/* For submission: those whom the operator names. */
	t = terms(URL_SUBMIT, ALICE);
	assert_int_equal(make(alice, &t), ERR_OK);
	assert_int_equal(check(IMAPD, bob, ALICE, &t), ERR_NOTFOUND);
	app.options.url_submitters = (struct opt_list){ submitters, 2 };
	assert_int_equal(check(IMAPD, bob, ALICE, &t), ERR_OK);
	assert_int_equal(check(IMAPD, alice, ALICE, &t), ERR_NOTFOUND);
	app.options.url_submitters = (struct opt_list){ NULL, 0 };
	/* Until it expires. */
	t = terms(URL_AUTHUSER, "");
	t.expires_s = key_now_s(&app.k) + 100;
	assert_int_equal(make(alice, &t), ERR_OK);
	assert_int_equal(check(IMAPD, bob, ALICE, &t), ERR_OK);
	t.expires_s = 1;
	assert_int_equal(make(alice, &t), ERR_OK);
	assert_int_equal(check(IMAPD, bob, ALICE, &t), ERR_NOTFOUND);
	assert_int_equal(check(IMAPD, alice, ALICE, &t), ERR_NOTFOUND);
}

static void
test_reset(void **state)
{
	struct ipc_url_terms t = terms(URL_AUTHUSER, ""), other = t;
	char of_other[URL_MAC_BYTES], of_bob[URL_MAC_BYTES];

	(void)state;
	start();
	other.mailbox = 4;
	assert_int_equal(make(bob, &t), ERR_OK);
	memcpy(of_bob, mac, sizeof(mac));
	assert_int_equal(make(alice, &other), ERR_OK);
	memcpy(of_other, mac, sizeof(mac));
	assert_int_equal(make(alice, &t), ERR_OK);
	assert_memory_not_equal(mac, of_bob, sizeof(mac));
	assert_int_equal(reset(alice, 3), ERR_OK);
	assert_int_equal(check(IMAPD, bob, ALICE, &t), ERR_NOTFOUND);
	assert_int_equal(make(alice, &t), ERR_OK);
	assert_int_equal(check(IMAPD, bob, ALICE, &t), ERR_OK);
	/* It is durable, and of this mailbox alone. */
	stage_stop();
	stage_start(8);
	assert_int_equal(stage_login(IMAPD, TOKEN_MAIL, "bob", "godwit"), ERR_OK);
	memcpy(bob, answer.token, TOKEN_BYTES);
	assert_int_equal(stage_login(IMAPD, TOKEN_MAIL, "alice", "godwit"), ERR_OK);
	memcpy(alice, answer.token, TOKEN_BYTES);
	assert_int_equal(check(IMAPD, bob, ALICE, &t), ERR_OK);
	memcpy(mac, of_other, sizeof(mac));
	assert_int_equal(check(IMAPD, bob, ALICE, &other), ERR_OK);
	/* Of all of hers. */
	assert_int_equal(reset(alice, 0), ERR_OK);
	assert_int_equal(check(IMAPD, bob, ALICE, &other), ERR_NOTFOUND);
	memcpy(mac, of_bob, sizeof(mac));
	assert_int_equal(check(IMAPD, alice, BOB, &t), ERR_OK);
}

/* Too many with a number of their own: all get a new one. */
static void
test_numbers(void **state)
{
	struct key_more *m = calloc(1, sizeof(*m)), *got = calloc(1, sizeof(*got));
	struct buf b;

	(void)state;
	for (uint64_t i = 1; i <= KEY_URL_RESETS_MAX; i++)
		key_more_url_reset(m, i);
	key_more_url_reset(m, 1);
	assert_int_equal(m->urls.n, KEY_URL_RESETS_MAX);
	assert_int_equal(key_more_url_number(m, 1), KEY_URL_RESETS_MAX + 1);
	assert_int_equal(key_more_url_number(m, 2), 2);
	assert_int_equal(key_more_url_number(m, 1000), 0);
	buf_init(&b, KEY_MORE_MAX);
	key_more_put(&b, m);
	assert_int_equal(key_more_get(got, buf_slice(&b)), ERR_OK);
	assert_memory_equal(m, got, sizeof(*m));
	for (size_t n = 1; n < b.n; n++)
		assert_int_equal(key_more_get(got, slice_head(buf_slice(&b), n)), ERR_CORRUPT);
	key_more_url_reset(m, KEY_URL_RESETS_MAX + 1);
	assert_int_equal(m->urls.n, 0);
	for (uint64_t i = 1; i <= KEY_URL_RESETS_MAX + 2; i++)
		assert_int_equal(key_more_url_number(m, i), KEY_URL_RESETS_MAX + 2);
	buf_fini(&b);
	free(m);
	free(got);
}

/* Nobody's mail whom only he himself can open for. */
static void
test_sealed(void **state)
{
	struct ipc_url_terms t = terms(URL_ANONYMOUS, "");

	(void)state;
	start();
	assert_int_equal(make(alice, &t), ERR_OK);
	assert_int_equal(check(IMAPD, bob, ALICE, &t), ERR_OK);
	assert_int_equal(TOOL("user.sealing", "alice\0password", "godwit"), 0);
	stage_settle();
	assert_int_equal(check(IMAPD, bob, ALICE, &t), ERR_NOTFOUND);
}

/* The store's grant for one content opens no other. */
static void
test_one_content(void **state)
{
	struct cry_aead *aead = cry_aead_new();
	unsigned char bytes[GRANT_BYTES];
	struct grant g = { .instance = whos[IMAPD].instance, .content = 100,
		.expires_s = key_now_s(&app.k) + GRANT_LIFE_S };
	struct stage_mail a, b;
	struct ipc_wrap both[2];
	struct ipc_epoch epochs[2];

	(void)state;
	start();
	g.guest = bob_id;
	g.owner = alice_id;
	/* The account that was told of last is the one that mail is sealed to. */
	assert_int_equal(TOOL("user.quota", "alice\0""5M", NULL), 0);
	stage_settle();
	g.generation = told.key_generation;
	stage_mail(&a, aead, alice_id, 100, 1);
	stage_mail(&b, aead, alice_id, 101, 2);
	grant_make(bytes, &g, told.grant_key);
	stage_grant = slice_of(bytes, sizeof(bytes));
	assert_int_equal(stage_open(IMAPD, bob, &a.w, 1, &a.e, 1), ERR_OK);
	assert_int_equal(answer.bytes[0], 1);
	assert_memory_equal(answer.bytes + 1, a.content_key, 32);
	assert_int_equal(stage_open(IMAPD, bob, &b.w, 1, &b.e, 1), ERR_STATE);
	both[0] = a.w;
	both[1] = b.w;
	epochs[0] = a.e;
	epochs[1] = b.e;
	assert_int_equal(stage_open(IMAPD, bob, both, 2, epochs, 2), ERR_STATE);
	stage_grant = SLICE_NONE;
	cry_aead_free(&aead);
}

/* What imapd would never say ends its wire. */
static void
test_drills(void **state)
{
	static const struct ipc_url_terms rows[] = {
		{ .access = 0, .mailbox = 1, .uid = 1, .text = { (const char *)text, 32 } },
		{ .access = 5, .mailbox = 1, .uid = 1, .text = { (const char *)text, 32 } },
		{ .access = 3, .mailbox = 0, .uid = 1, .text = { (const char *)text, 32 } },
		{ .access = 3, .mailbox = 1, .uid = 0, .text = { (const char *)text, 32 } },
		{ .access = 3, .mailbox = 1, .uid = 1, .text = { (const char *)text, 31 } },
	};

	(void)state;
	start();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(make(alice, &rows[i]), ERR_GONE);
		stage_leave(IMAPD);
		assert_int_equal(check(IMAPD, alice, ALICE, &rows[i]), ERR_GONE);
		stage_leave(IMAPD);
	}
}

int
main(void)
{
#define KEYD(t)	cmocka_unit_test_setup_teardown(t, stage_setup, stage_teardown)
	const struct CMUnitTest tests[] = {
		KEYD(test_pass), KEYD(test_access), KEYD(test_reset), cmocka_unit_test(test_numbers),
		KEYD(test_sealed), KEYD(test_one_content), KEYD(test_drills),
	};
#undef KEYD

	return cmocka_run_group_tests(tests, NULL, NULL);
}
