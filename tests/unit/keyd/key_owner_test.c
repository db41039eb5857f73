/* SPDX-License-Identifier: ISC */
/*
 * Who can open an account's mail: sealing by password, resets, recovery
 * codes, app passwords, and the change from one mode to another.
 */
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "keyd/key_made.h"
#include "keyd/key_more.h"
#include "keyd/key_pair.h"
#include "tests/unit/keyd/keyd_stage.h"

static struct stage_mail mails[4];
static struct cry_aead *aead;
static char code[KEY_MADE_TEXT_MAX];

static int
setup(void **state)
{
	aead = NULL;
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

/* What was told behind "label", up to the line's end. */
static void
keep_code(const char *label)
{
	const char *at = strstr(answer.text, label);

	assert_non_null(at);
	(void)snprintf(code, sizeof(code), "%.*s", (int)strcspn(at + strlen(label), "\n"),
	    at + strlen(label));
}

static void
add_bob(void)
{
	assert_int_equal(TOOL("user.add", "bob@seal.test", "first"), 0);
	keep_code("recovery code: ");
	stage_settle();
	assert_int_equal(told.sealing, SEALING_PASSWORD);
}

static const struct key_account *
bob(void)
{
	const struct key_account *a = key_ring_find_address(app.k.ring,
	    SLICE_LIT("bob@seal.test"));

	assert_non_null(a);
	return a;
}

/* Mail of now, in mails[i]. */
static void
receive(unsigned i)
{
	stage_mail(&mails[i], aead, bob()->id, 100 + i, 10 + i);
}

/* How many of the first n mails open with what is in answer.token. */
static unsigned
opened(unsigned n)
{
	unsigned char token[TOKEN_BYTES];
	struct ipc_wrap w[4];
	struct ipc_epoch e[4];
	unsigned good = 0;

	memcpy(token, answer.token, sizeof(token));
	for (unsigned i = 0; i < n; i++) {
		w[i] = mails[i].w;
		e[i] = mails[i].e;
	}
	if (stage_open(IMAPD, token, w, n, e, n) != ERR_OK)
		return 99;
	for (unsigned i = 0; i < n; i++) {
		const unsigned char *r = answer.bytes + (size_t)i * KEY_OPEN_REPLY_BYTES;

		if (r[0] == 1) {
			assert_memory_equal(r + 1, mails[i].content_key, 32);
			good++;
		}
	}
	return good;
}

static enum err
log_in(const char *password)
{
	return stage_login(IMAPD, TOKEN_MAIL, "bob@seal.test", password);
}

static void
test_by_password(void **state)
{
	const struct key_opener root = { .root = app.k.roots.account };
	struct key_pair pair;

	(void)state;
	add_bob();
	receive(0);
	/* keyd alone cannot, whatever it derives from its root key. */
	assert_int_equal(bob()->form, KEY_FORM_VAULT);
	assert_int_equal(key_pair_open(&pair, bob(), 1, aead, &root), ERR_STATE);
	assert_int_equal(log_in("wrong"), ERR_AUTH);
	assert_int_equal(log_in("first"), ERR_OK);
	assert_int_equal(opened(1), 1);
	/* From the cache of logins too. */
	assert_int_equal(log_in("first"), ERR_OK);
	assert_int_equal(opened(1), 1);
	/* A login to send mail opens nothing and leaves nothing open. */
	stage_leave(IMAPD);
	assert_false(key_vault_is_open(&app.k, bob()->id));
	assert_int_equal(stage_login(SMTPD, TOKEN_SUBMIT, "bob@seal.test", "first"), ERR_OK);
	assert_false(key_vault_is_open(&app.k, bob()->id));
}

/* What keyd knew is gone with it: the session must log in again. */
static void
test_restart(void **state)
{
	struct answer a;

	(void)state;
	add_bob();
	receive(0);
	assert_int_equal(log_in("first"), ERR_OK);
	a = answer;
	stage_stop();
	stage_start(8);
	answer = a;
	assert_int_equal(opened(1), 99);
	assert_int_equal(answer.e, ERR_AUTH);
	assert_int_equal(log_in("first"), ERR_OK);
	assert_int_equal(opened(1), 1);
}

/* A new password wraps the master key anew: mail of before and after opens. */
static void
test_new_password(void **state)
{
	(void)state;
	add_bob();
	receive(0);
	assert_int_equal(TOOL("user.passwd", "bob@seal.test", "second"), 65);
	assert_non_null(strstr(answer.text, "--old"));
	assert_int_equal(TOOL("user.passwd", "bob@seal.test\0old", "wrong\nsecond"), 77);
	assert_int_equal(TOOL("user.passwd", "bob@seal.test\0old", "only one"), 65);
	assert_int_equal(TOOL("user.passwd", "bob@seal.test\0old", "first\n"), 65);
	assert_int_equal(log_in("first"), ERR_OK);
	assert_int_equal(TOOL("user.passwd", "bob@seal.test\0old", "first\nsecond"), 0);
	assert_int_equal(log_in("first"), ERR_AUTH);
	assert_int_equal(log_in("second"), ERR_OK);
	assert_int_equal(bob()->generation, 1);
	assert_int_equal(opened(1), 1);
}

static void
test_reset_and_recover(void **state)
{
	char both[100];

	(void)state;
	add_bob();
	receive(0);
	assert_int_equal(TOOL("user.passwd", "bob@seal.test\0reset", "second"), 0);
	stage_settle();
	assert_int_equal(told.key_generation, 2);
	receive(1);
	assert_int_equal(log_in("second"), ERR_OK);
	assert_int_equal(opened(2), 1);
	/* The code of before the reset, not the one it gave. */
	(void)snprintf(both, sizeof(both), "second\n%s", "0000-0000-0000-0000-0000-0000-0000-0000");
	assert_int_equal(TOOL("user.recover", "bob@seal.test", both), 77);
	(void)snprintf(both, sizeof(both), "second\nnonsense");
	assert_int_equal(TOOL("user.recover", "bob@seal.test", both), 77);
	(void)snprintf(both, sizeof(both), "wrong\n%s", code);
	assert_int_equal(TOOL("user.recover", "bob@seal.test", both), 77);
	(void)snprintf(both, sizeof(both), "second\n%s", code);
	assert_int_equal(TOOL("user.recover", "bob@seal.test", both), 0);
	assert_string_equal(answer.text, "1 earlier key opened\n");
	assert_int_equal(log_in("second"), ERR_OK);
	assert_int_equal(opened(2), 2);
	/* A code serves once. */
	assert_int_equal(TOOL("user.recover", "bob@seal.test", both), 77);
	stage_stop();
	stage_start(9);
	assert_int_equal(log_in("second"), ERR_OK);
	assert_int_equal(opened(2), 2);
}

/* Earlier key pairs: their limit and one more. */
static void
test_resets_limit(void **state)
{
	unsigned i;

	(void)state;
	add_bob();
	for (i = 0; i < KEY_GENERATIONS_MAX; i++)
		assert_int_equal(TOOL("user.passwd", "bob@seal.test\0reset", "again"), 0);
	assert_int_equal(TOOL("user.passwd", "bob@seal.test\0reset", "again"), 65);
	assert_int_equal(bob()->generation, KEY_GENERATIONS_MAX + 1);
	assert_int_equal(log_in("again"), ERR_OK);
}

static void
test_recovery_code(void **state)
{
	char both[100], old[KEY_MADE_TEXT_MAX];

	(void)state;
	add_bob();
	receive(0);
	memcpy(old, code, sizeof(old));
	assert_int_equal(TOOL("user.recovery", "bob@seal.test", "wrong"), 77);
	assert_int_equal(TOOL("user.recovery", "bob@seal.test", "first"), 0);
	keep_code("recovery code: ");
	assert_string_not_equal(old, code);
	assert_int_equal(TOOL("user.passwd", "bob@seal.test\0reset", "second"), 0);
	(void)snprintf(both, sizeof(both), "second\n%s", old);
	assert_int_equal(TOOL("user.recover", "bob@seal.test", both), 77);
	/* As people type: capitals, spaces. */
	for (char *c = code; *c != '\0'; c++)
		*c = *c == '-' ? ' ' : *c >= 'a' ? (char)(*c - 'a' + 'A') : *c;
	(void)snprintf(both, sizeof(both), "second\n%s", code);
	assert_int_equal(TOOL("user.recover", "bob@seal.test", both), 0);
	stage_add_alice();
	assert_int_equal(TOOL("user.recovery", "alice", "godwit"), 65);
}

static void
test_modes(void **state)
{
	static const char *const modes[] = { "escrow", "password", "server", "escrow", "password" };
	char args[100];

	(void)state;
	add_bob();
	receive(0);
	assert_int_equal(TOOL("user.sealing", "bob@seal.test\0escrow", NULL), 65);
	assert_int_equal(TOOL("user.sealing", "bob@seal.test\0escrow", "wrong"), 77);
	assert_int_equal(TOOL("user.sealing", "bob@seal.test\0nothing", NULL), 64);
	for (size_t i = 0; i < lengthof(modes); i++) {
		int n = snprintf(args, sizeof(args), "bob@seal.test%c%s", '\0', modes[i]);

		assert_int_equal(stage_tool("user.sealing", args, (size_t)n + 1, "first"), 0);
		assert_int_equal(log_in("first"), ERR_OK);
		assert_int_equal(opened(1), 1);
		assert_int_equal(bob()->form, strcmp(modes[i], "password") == 0 ?
		    KEY_FORM_VAULT : KEY_FORM_ROOT);
		assert_int_equal(bob()->generation, 1);
	}
	/* Mail that waits for a code goes on waiting. */
	assert_int_equal(TOOL("user.passwd", "bob@seal.test\0reset", "second"), 0);
	assert_int_equal(TOOL("user.sealing", "bob@seal.test\0escrow", "second"), 0);
	assert_int_equal(log_in("second"), ERR_OK);
	assert_int_equal(opened(1), 0);
}

static ino_t
ring_file(void)
{
	struct stat st;

	assert_int_equal(fstatat(dir_fd, "ring", &st, 0), 0);
	return st.st_ino;
}

/* The wraps under the root key do not stay behind in the journal. */
static void
test_root_wraps_go(void **state)
{
	ino_t file;

	(void)state;
	stage_add_alice();
	file = ring_file();
	assert_int_equal(TOOL("user.passwd", "alice", "second"), 0);
	assert_int_equal(ring_file(), file);
	assert_int_equal(TOOL("user.sealing", "alice\0password", "second"), 0);
	assert_int_not_equal(ring_file(), file);
	/* Nor what a password of before, a code or a phone's password opens. */
	file = ring_file();
	assert_int_equal(TOOL("user.passwd", "alice\0old", "second\nthird"), 0);
	assert_int_not_equal(ring_file(), file);
	file = ring_file();
	assert_int_equal(TOOL("user.recovery", "alice", "third"), 0);
	assert_int_not_equal(ring_file(), file);
	assert_int_equal(TOOL("app.add", "alice\0phone", "third"), 0);
	file = ring_file();
	assert_int_equal(TOOL("app.del", "alice\0phone", NULL), 0);
	assert_int_not_equal(ring_file(), file);
	file = ring_file();
	assert_int_equal(TOOL("user.passwd", "alice\0reset", "second"), 0);
	assert_int_not_equal(ring_file(), file);
	stage_stop();
	stage_start(9);
	assert_int_equal(stage_login(IMAPD, TOKEN_MAIL, "alice", "second"), ERR_OK);
}

/* The operator's way in: once, soon, for imapd only, never past a password. */
static void
test_visit(void **state)
{
	char ticket[64], *line;

	(void)state;
	stage_add_alice();
	assert_int_equal(TOOL("user.visit", "nobody", NULL), 67);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(TOOL("user.visit", "alice", NULL), 0);
		line = strchr(answer.text, '\n');
		assert_non_null(line);
		assert_int_equal(strncmp(answer.text, "alice@", 6), 0);
		(void)snprintf(ticket, sizeof(ticket), "%.*s", (int)strcspn(line + 1, "\n"),
		    line + 1);
		assert_int_equal(stage_login(SMTPD, TOKEN_SUBMIT, "alice", ticket), ERR_AUTH);
		if (i == 1)
			loop_advance(loop, KEY_VISIT_MS + 1);
		if (i == 2) {
			for (unsigned n = 0; n < KEY_VISITS_MAX; n++)
				assert_int_equal(TOOL("user.visit", "alice", NULL), 0);
		}
		assert_int_equal(stage_login(IMAPD, TOKEN_MAIL, "alice", ticket),
		    i == 0 ? ERR_OK : ERR_AUTH);
		assert_int_equal(stage_login(IMAPD, TOKEN_MAIL, "alice", ticket), ERR_AUTH);
	}
	assert_int_equal(TOOL("user.disable", "alice", NULL), 0);
	assert_int_equal(TOOL("user.visit", "alice", NULL), 77);
	add_bob();
	assert_int_equal(TOOL("user.visit", "bob@seal.test", NULL), 77);
}

static void
test_app_passwords(void **state)
{
	char name[80], args[120];
	unsigned i;
	int n;

	(void)state;
	add_bob();
	receive(0);
	assert_int_equal(TOOL("app.add", "bob@seal.test\0phone", NULL), 65);
	assert_int_equal(TOOL("app.add", "bob@seal.test\0phone", "wrong"), 77);
	assert_int_equal(TOOL("app.add", "bob@seal.test\0phone", "first"), 0);
	keep_code("");
	assert_int_equal(log_in(code), ERR_OK);
	assert_int_equal(opened(1), 1);
	assert_int_equal(stage_login(SMTPD, TOKEN_SUBMIT, "bob@seal.test", code), ERR_OK);
	assert_int_equal(TOOL("app.add", "bob@seal.test\0phone", "first"), 73);
	/* The password changes, the phone need not know. */
	assert_int_equal(TOOL("user.passwd", "bob@seal.test\0old", "first\nsecond"), 0);
	assert_int_equal(log_in(code), ERR_OK);
	assert_int_equal(opened(1), 1);
	assert_int_equal(TOOL("app.list", "bob@seal.test", NULL), 0);
	assert_non_null(strstr(answer.text, " phone\n"));
	assert_int_equal(TOOL("app.del", "bob@seal.test\0tablet", NULL), 67);
	assert_int_equal(TOOL("app.del", "bob@seal.test\0phone", NULL), 0);
	assert_int_equal(log_in(code), ERR_AUTH);
	/* The limit and one more. */
	for (i = 0; i <= KEY_APPS_MAX; i++) {
		(void)snprintf(name, sizeof(name), "app%u", i);
		n = snprintf(args, sizeof(args), "bob@seal.test%c%s", '\0', name);
		assert_int_equal(stage_tool("app.add", args, (size_t)n + 1, "second"),
		    i < KEY_APPS_MAX ? 0 : 65);
	}
	n = snprintf(args, sizeof(args), "bob@seal.test%c%065d", '\0', 0);
	assert_int_equal(stage_tool("app.add", args, (size_t)n + 1, "second"), 65);
	/* In escrow nobody needs to be asked. */
	stage_add_alice();
	assert_int_equal(TOOL("app.add", "alice\0phone", NULL), 0);
	keep_code("");
	assert_int_equal(stage_login(IMAPD, TOKEN_MAIL, "alice", code), ERR_OK);
}

/* A record that is cut or has anything else in it is refused, not misread. */
static void
test_more_damaged(void **state)
{
	static struct key_more m, got;
	struct key_made_slot s = { .kind = KEY_SLOT_APP, .name_n = 5, .name = "phone",
		.wrap = { .vault = 1 } };
	struct key_generation g = { .number = 1, .form = KEY_FORM_VAULT, .vault = 1 };
	struct buf b;

	(void)state;
	memset(&m, 0, sizeof(m));
	m.last_vault = 1;
	m.by_password.vault = 1;
	assert_int_equal(key_more_add_slot(&m, &s), ERR_OK);
	assert_int_equal(key_more_add_generation(&m, &g), ERR_OK);
	buf_init(&b, KEY_MORE_MAX);
	key_more_put(&b, &m);
	assert_int_equal(key_more_get(&got, buf_slice(&b)), ERR_OK);
	assert_memory_equal(&m, &got, sizeof(m));
	for (size_t n = 1; n < b.n; n++)
		/* Between two items it reads as less, which the journal's checksum rules out. */
		if (key_more_get(&got, slice_head(buf_slice(&b), n)) == ERR_OK)
			assert_true(got.slot_n + got.generation_n + (got.last_vault != 0) +
			    (got.by_password.vault != 0) < 4);
	buf_put_char(&b, '\x63');
	assert_int_equal(key_more_get(&got, buf_slice(&b)), ERR_CORRUPT);
	buf_fini(&b);
}

int
main(void)
{
#define KEYD(t)	cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
		KEYD(test_by_password), KEYD(test_restart), KEYD(test_new_password),
		KEYD(test_reset_and_recover), KEYD(test_resets_limit), KEYD(test_recovery_code),
		KEYD(test_modes), KEYD(test_root_wraps_go), KEYD(test_visit),
		KEYD(test_app_passwords), cmocka_unit_test(test_more_damaged),
	};
#undef KEYD

	return cmocka_run_group_tests(tests, NULL, NULL);
}
