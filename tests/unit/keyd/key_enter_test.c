/* SPDX-License-Identifier: ISC */
/*
 * LOGIN2 and REGISTER2 of CMTP 2 and LOGIN of CMTP 1 as cmtpd asks for them,
 * with lib/cmtp's client at the other end.
 */
#include "tests/unit/test.h"

#include <string.h>

#include "lib/cmtp/cmtp2_enter.h"
#include "lib/cmtp/cmtp2_login.h"
#include "lib/crypto/cry_ed.h"
#include "lib/crypto/xzibit.h"
#include "tests/unit/keyd/keyd_stage.h"

#define SECRET	"a key that only its owner has"

static const char *client = "192.0.2.1";
static unsigned char state_bytes[KEY_ENTER_STATE_BYTES];

/* As opaque_argon, but once for a user and password: the function under it is the same each time. */
static enum err
stretch(struct buf *out, struct slice in)
{
	static struct { unsigned char in[OPAQUE_OPRF_OUT_BYTES], out[OPAQUE_ARGON_BYTES]; } known[32];
	static unsigned count;
	unsigned i = 0;

	while (i < count && memcmp(known[i].in, in.p, in.n) != 0)
		i++;
	if (i == count) {
		assert_true(count < lengthof(known));
		assert_int_equal(opaque_argon(out, in), ERR_OK);
		memcpy(known[i].in, in.p, in.n);
		memcpy(known[i].out, buf_data(out), sizeof(known[i].out));
		count++;
		return ERR_OK;
	}
	buf_put(out, known[i].out, sizeof(known[i].out));
	return ERR_OK;
}

/* What of an answer goes back with the next request. */
static void
keep_state(size_t content_n)
{
	assert_int_equal(answer.n, content_n + sizeof(state_bytes));
	memcpy(state_bytes, answer.bytes + content_n, sizeof(state_bytes));
}

static struct slice
state_of(void)
{
	return slice_of(state_bytes, sizeof(state_bytes));
}

/* ---- registering */

struct registration {
	unsigned char		 record[OPAQUE_RECORD_BYTES];
	struct buf		 bundle;
};

static enum err
ask_register(const char *user, const char *domain, const char *mail_password,
    const unsigned char request[OPAQUE_REGISTER_BYTES])
{
	const struct ipc_cmtp2_register m = { .client = slice_str(client),
		.user = slice_str(user), .domain = slice_str(domain),
		.password = slice_str(mail_password),
		.request = slice_of(request, OPAQUE_REGISTER_BYTES) };
	enum err e = stage_ask(CMTPD, IPC_MSG_cmtp2_register, &m);

	if (e == ERR_OK)
		keep_state(OPAQUE_OFFER_BYTES);
	return e;
}

static enum err
ask_record(struct slice record, struct slice bundle)
{
	const struct ipc_cmtp2_record m = { .record = record, .bundle = bundle,
		.state = state_of() };

	return stage_ask(CMTPD, IPC_MSG_cmtp2_record, &m);
}

/* As far as the record, which is not sent yet. */
static enum err
begin_registration(struct registration *g, const char *user, const char *mail_password,
    const char *password)
{
	const struct opaque_suite suite = { .stretch = stretch };
	unsigned char request[OPAQUE_REGISTER_BYTES], key[OPAQUE_HASH_BYTES];
	struct opaque_client_random r;
	enum err e;

	opaque_client_random(&r);
	assert_int_equal(opaque_client_register(request, slice_str(password), &r), ERR_OK);
	e = ask_register(user, "example.test", mail_password, request);
	if (e != ERR_OK)
		return e;
	assert_int_equal(opaque_client_enrol(g->record, key, &suite, slice_str(password), &r,
	    answer.bytes), ERR_OK);
	buf_init(&g->bundle, CMTP2_BUNDLE_MAX);
	assert_int_equal(cmtp2_bundle_seal(&g->bundle, SLICE_LIT(SECRET), key), ERR_OK);
	return ERR_OK;
}

static enum err
do_register(const char *user, const char *mail_password, const char *password)
{
	struct registration g;
	enum err e = begin_registration(&g, user, mail_password, password);

	if (e != ERR_OK)
		return e;
	e = ask_record(slice_of(g.record, sizeof(g.record)), buf_slice(&g.bundle));
	buf_fini(&g.bundle);
	return e;
}

/* ---- login */

static enum err
ask_login(const char *user, const char *domain, const unsigned char ke1[OPAQUE_KE1_BYTES])
{
	const struct ipc_cmtp2_login m = { .client = slice_str(client), .user = slice_str(user),
		.domain = slice_str(domain), .ke1 = slice_of(ke1, OPAQUE_KE1_BYTES) };
	enum err e = stage_ask(CMTPD, IPC_MSG_cmtp2_login, &m);

	if (e == ERR_OK)
		keep_state(OPAQUE_KE2_BYTES);
	return e;
}

static enum err
ask_prove(const unsigned char ke3[OPAQUE_KE3_BYTES])
{
	const struct ipc_cmtp2_prove m = { .ke3 = slice_of(ke3, OPAQUE_KE3_BYTES),
		.state = state_of() };

	return stage_ask(CMTPD, IPC_MSG_cmtp2_prove, &m);
}

/* As far as KE3, which is not sent yet. */
static enum err
begin_login(struct opaque_client_done *done, const char *user, const char *domain,
    const char *password)
{
	struct opaque_suite suite = { .stretch = stretch };
	struct opaque_client_random r;
	struct opaque_client c;
	struct buf context;
	enum err e;

	opaque_client_random(&r);
	assert_int_equal(opaque_client_start(&c, slice_str(password), &r), ERR_OK);
	if ((e = ask_login(user, domain, c.ke1)) != ERR_OK)
		return e;
	buf_init(&context, OPAQUE_CONTEXT_MAX);
	cmtp2_login_context(&context, slice_str(user), slice_str(domain));
	suite.context = buf_slice(&context);
	e = opaque_client_finish(done, &c, &suite, slice_str(password), answer.bytes);
	buf_fini(&context);
	return e;
}

static enum err
login(const char *user, const char *domain, const char *password)
{
	struct opaque_client_done done;
	struct buf secret;
	enum err e = begin_login(&done, user, domain, password);

	if (e == ERR_OK)
		e = ask_prove(done.ke3);
	if (e != ERR_OK)
		return e;
	buf_init(&secret, CMTP2_BUNDLE_MAX);
	assert_int_equal(cmtp2_bundle_open(&secret, slice_of(answer.bytes, answer.n),
	    done.export_key), ERR_OK);
	assert_true(slice_eq(buf_slice(&secret), SLICE_LIT(SECRET)));
	buf_fini(&secret);
	return ERR_OK;
}

static void
test_register_and_login(void **state)
{
	(void)state;
	stage_add_alice();
	assert_int_equal(login("alice", "example.test", "own password"), ERR_AUTH);
	assert_int_equal(do_register("alice", "wrong", "own password"), ERR_AUTH);
	assert_int_equal(do_register("nobody", "godwit", "own password"), ERR_AUTH);
	assert_int_equal(do_register("", "", "own password"), ERR_AUTH);
	assert_int_equal(do_register("alice", "godwit", "own password"), ERR_OK);
	assert_int_equal(login("alice", "example.test", "own password"), ERR_OK);
	assert_int_equal(login("Alice", "Example.TEST", "own password"), ERR_OK);
	assert_int_equal(login("alice", "", "own password"), ERR_OK);
	assert_int_equal(login("alice", "alias.test", "own password"), ERR_OK);
	assert_int_equal(login("alice", "example.test", "godwit"), ERR_AUTH);
	assert_int_equal(login("bob", "example.test", "own password"), ERR_AUTH);
	/* After a restart too; and a new one takes its place. */
	stage_stop();
	stage_settle();
	stage_start(8);
	assert_int_equal(login("alice", "example.test", "own password"), ERR_OK);
	assert_int_equal(do_register("alice", "godwit", "another"), ERR_OK);
	assert_int_equal(login("alice", "example.test", "own password"), ERR_AUTH);
	assert_int_equal(login("alice", "example.test", "another"), ERR_OK);
	/* The mailbox's password may change: this one is another. */
	assert_int_equal(TOOL("user.passwd", "alice", "changed"), 0);
	assert_int_equal(login("alice", "example.test", "another"), ERR_OK);
	assert_int_equal(do_register("alice", "godwit", "third"), ERR_AUTH);
}

static void
test_the_mailbox_password_is_refused(void **state)
{
	(void)state;
	stage_add_alice();
	assert_int_equal(do_register("alice", "godwit", "godwit"), ERR_DENIED);
	assert_int_equal(login("alice", "example.test", "godwit"), ERR_AUTH);
	assert_int_equal(do_register("alice", "godwit", "godwit "), ERR_OK);
}

static void
test_disabled_and_gone(void **state)
{
	(void)state;
	stage_add_alice();
	assert_int_equal(do_register("alice", "godwit", "own password"), ERR_OK);
	assert_int_equal(TOOL("user.disable", "alice", NULL), 0);
	assert_int_equal(login("alice", "example.test", "own password"), ERR_AUTH);
	assert_int_equal(do_register("alice", "godwit", "other"), ERR_AUTH);
	assert_int_equal(TOOL("user.enable", "alice", NULL), 0);
	assert_int_equal(login("alice", "example.test", "own password"), ERR_OK);
	assert_int_equal(TOOL0("cmtp.logins"), 0);
	assert_non_null(strstr(answer.text, "alice@example.test 2 "));
	assert_int_equal(TOOL("user.del", "alice", NULL), 0);
	assert_int_equal(TOOL0("cmtp.logins"), 0);
	assert_string_equal(answer.text, "");
	/* The next one of that name does not inherit it. */
	stage_add_alice();
	assert_int_equal(login("alice", "example.test", "own password"), ERR_AUTH);
	assert_int_equal(do_register("alice", "godwit", "own password"), ERR_OK);
	assert_int_equal(TOOL("cmtp.optout", "alice", NULL), 0);
	assert_int_equal(login("alice", "example.test", "own password"), ERR_AUTH);
	assert_int_not_equal(TOOL("cmtp.optout", "alice", NULL), 0);
}

/* Of an account that went when the file could not be written. */
static void
test_what_is_left_of_another_goes_at_the_start(void **state)
{
	struct key_entry e = { .kind = KEY_ENTRY_RECORD };
	unsigned char record[OPAQUE_RECORD_BYTES] = { 1 };
	struct key_account a;

	(void)state;
	stage_add_alice();
	a = *key_ring_find_address(app.k.ring, SLICE_LIT("alice@example.test"));
	e.bytes = slice_of(record, sizeof(record));
	a.id++;
	assert_int_equal(key_enter_put(&app.k, &e, &a), ERR_OK);
	assert_int_equal(login("alice", "example.test", "own password"), ERR_AUTH);
	stage_stop();
	stage_settle();
	stage_start(8);
	assert_int_equal(TOOL0("cmtp.logins"), 0);
	assert_string_equal(answer.text, "");
}

/* What is the same for a user at each asking, whether it is there or not. */
static void
masked(const char *user, unsigned char evaluated[32])
{
	struct opaque_client_random r = { { 5 }, { 6 }, { 7 } };
	struct opaque_client c;

	assert_int_equal(opaque_client_start(&c, SLICE_LIT("guess"), &r), ERR_OK);
	assert_int_equal(ask_login(user, "example.test", c.ke1), ERR_OK);
	memcpy(evaluated, answer.bytes, 32);
}

static void
test_no_answer_tells_who_is_there(void **state)
{
	unsigned char before[32], after[32];

	(void)state;
	masked("alice", before);
	masked("alice", after);
	assert_memory_equal(before, after, 32);
	stage_add_alice();
	masked("alice", after);
	assert_memory_equal(before, after, 32);
	assert_int_equal(do_register("alice", "godwit", "own password"), ERR_OK);
	masked("alice", after);
	assert_memory_equal(before, after, 32);
	masked("bob", after);
	assert_memory_not_equal(before, after, 32);
	/* What can be no address is answered too. */
	masked("", after);
	masked("a@b@c", after);
}

static void
test_states(void **state)
{
	unsigned char other[KEY_ENTER_STATE_BYTES], ke3[OPAQUE_KE3_BYTES] = { 0 };
	unsigned char zeros[OPAQUE_KE1_BYTES] = { 0 };
	struct opaque_client_done done;
	struct registration g = { { 0 }, { 0 } };

	(void)state;
	stage_add_alice();
	assert_int_equal(do_register("alice", "godwit", "own password"), ERR_OK);
	assert_int_equal(begin_login(&done, "alice", "example.test", "own password"), ERR_OK);
	assert_int_equal(ask_prove(ke3), ERR_AUTH);
	/* Turned bits, the other purpose, and a registration meanwhile. */
	memcpy(other, state_bytes, sizeof(other));
	for (size_t i = 0; i < sizeof(other); i += 5) {
		state_bytes[i] ^= 1;
		assert_int_equal(ask_prove(done.ke3), ERR_AUTH);
		state_bytes[i] ^= 1;
	}
	assert_int_equal(ask_record(slice_of(g.record, sizeof(g.record)), SLICE_NONE), ERR_AUTH);
	assert_int_equal(begin_registration(&g, "alice", "godwit", "next"), ERR_OK);
	assert_int_equal(ask_prove(done.ke3), ERR_AUTH);
	assert_int_equal(ask_record(slice_of(g.record, sizeof(g.record)), buf_slice(&g.bundle)),
	    ERR_OK);
	memcpy(state_bytes, other, sizeof(other));
	assert_int_equal(ask_prove(done.ke3), ERR_AUTH);
	/* A key in a record that is none. */
	buf_fini(&g.bundle);
	assert_int_equal(begin_registration(&g, "alice", "godwit", "next"), ERR_OK);
	memset(g.record, 0xff, 32);
	assert_int_equal(ask_record(slice_of(g.record, sizeof(g.record)), buf_slice(&g.bundle)),
	    ERR_AUTH);
	buf_fini(&g.bundle);
	assert_int_equal(login("alice", "example.test", "next"), ERR_OK);
	/* Too late. */
	assert_int_equal(begin_login(&done, "alice", "example.test", "next"), ERR_OK);
	loop_advance(loop, KEY_ENTER_MS / 2);
	assert_int_equal(ask_prove(done.ke3), ERR_OK);
	loop_advance(loop, KEY_ENTER_MS / 2);
	assert_int_equal(ask_prove(done.ke3), ERR_AUTH);
	/* And requests that are none. */
	assert_int_equal(ask_login("alice", "example.test", zeros), ERR_AUTH);
	assert_int_equal(ask_register("alice", "example.test", "godwit", zeros), ERR_AUTH);
}

static void
test_limits(void **state)
{
	unsigned char out[32];
	const struct ipc_cmtp_login m = { .client = SLICE_LIT("192.0.2.9"),
		.user = SLICE_LIT("alice@example.test") };

	(void)state;
	stage_add_alice();
	app.options.cmtp_login_user_rate = (struct opt_rate){ .count = 2, .per_ms = 3600000 };
	masked("alice", out);
	client = "192.0.2.2";
	masked("alice", out);
	client = "192.0.2.3";
	assert_int_equal(login("alice", "example.test", "x"), ERR_LIMIT);
	assert_int_equal(do_register("alice", "godwit", "x"), ERR_LIMIT);
	assert_int_equal(stage_ask(CMTPD, IPC_MSG_cmtp_login, &m), ERR_LIMIT);
	/* Of a user that is none it is the same. */
	masked("nobody", out);
	masked("nobody", out);
	assert_int_equal(login("nobody", "example.test", "x"), ERR_LIMIT);
	app.options.cmtp_login_rate = (struct opt_rate){ .count = 3, .per_ms = 3600000 };
	client = "192.0.2.4";
	masked("a", out);
	masked("b", out);
	masked("c", out);
	assert_int_equal(login("d", "example.test", "x"), ERR_LIMIT);
	client = "192.0.2.1";
}

/* ---- CMTP 1 */

static void
xzibit_of(const char *user, unsigned char xzibit[XZIBIT_BYTES])
{
	const struct ipc_cmtp_login m = { .client = slice_str(client), .user = slice_str(user) };
	const struct ipc_cmtp_self self = { .unused = 0 };
	unsigned char server[32], sig[64];

	assert_int_equal(stage_ask(CMTPD, IPC_MSG_cmtp_self, &self), ERR_OK);
	memcpy(server, answer.bytes, 32);
	assert_int_equal(stage_ask(CMTPD, IPC_MSG_cmtp_login, &m), ERR_OK);
	assert_int_equal(answer.n, XZIBIT_BYTES + 64);
	memcpy(xzibit, answer.bytes, XZIBIT_BYTES);
	memcpy(sig, answer.bytes + XZIBIT_BYTES, 64);
	assert_int_equal(cry_ed_verify(sig, slice_of(xzibit, XZIBIT_BYTES), server), ERR_OK);
}

static enum err
open_with(const unsigned char xzibit[XZIBIT_BYTES], const char *password, unsigned char key[32])
{
	unsigned char secret[64];

	return xzibit_open(key, secret, slice_of(xzibit, XZIBIT_BYTES), slice_str(password));
}

static void
test_xzibit(void **state)
{
	unsigned char first[XZIBIT_BYTES], again[XZIBIT_BYTES], key[32], published[32];
	const struct ipc_cmtp_user m = { .client = SLICE_LIT("192.0.2.1"),
		.user = SLICE_LIT("alice@example.test") };

	(void)state;
	stage_add_alice();
	/* Nobody's, and the same each time, also after a restart. */
	xzibit_of("alice", first);
	assert_int_equal(open_with(first, "godwit", key), ERR_CORRUPT);
	stage_stop();
	stage_settle();
	stage_start(8);
	xzibit_of("alice@Example.test", again);
	assert_memory_equal(first, again, sizeof(first));
	xzibit_of("nobody", again);
	assert_memory_not_equal(first, again, sizeof(first));
	assert_memory_equal(first, again, 4);
	assert_memory_equal(first + 36, again + 36, 8);

	assert_int_not_equal(TOOL("cmtp.optin", "alice", "godwit"), 0);
	assert_non_null(strstr(answer.text, "mailbox's password"));
	assert_int_not_equal(TOOL("cmtp.optin", "nobody", "own"), 0);
	assert_int_equal(TOOL("cmtp.optin", "alice", "own"), 0);
	xzibit_of("alice", first);
	assert_int_equal(open_with(first, "own", key), ERR_OK);
	assert_int_equal(open_with(first, "godwit", published), ERR_CORRUPT);
	assert_int_equal(stage_ask(CMTPD, IPC_MSG_cmtp_user, &m), ERR_OK);
	assert_memory_equal(answer.bytes, key, 32);

	/* A salt of its own for each wrap. */
	assert_int_equal(TOOL("cmtp.optin", "alice", "own"), 0);
	xzibit_of("alice", again);
	assert_int_equal(open_with(again, "own", key), ERR_OK);
	assert_memory_not_equal(first + 4, again + 4, 32);
	assert_int_equal(TOOL0("cmtp.logins"), 0);
	assert_non_null(strstr(answer.text, "alice@example.test 1 "));

	/* A new key pair: the old one's xzibit is not given out any more. */
	assert_int_equal(TOOL("user.renew", "alice", NULL), 0);
	xzibit_of("alice", again);
	assert_int_equal(open_with(again, "own", key), ERR_CORRUPT);
	assert_int_equal(TOOL0("cmtp.logins"), 0);
	assert_non_null(strstr(answer.text, " old\n"));
	assert_int_equal(TOOL("cmtp.optin", "alice", "own"), 0);
	assert_int_equal(TOOL("user.disable", "alice", NULL), 0);
	xzibit_of("alice", again);
	assert_int_equal(open_with(again, "own", key), ERR_CORRUPT);
	assert_int_equal(TOOL("user.enable", "alice", NULL), 0);
	assert_int_equal(TOOL("cmtp.optout", "alice", NULL), 0);
	xzibit_of("alice", again);
	assert_int_equal(open_with(again, "own", key), ERR_CORRUPT);
	/* What only the owner opens is not wrapped anew. */
	assert_int_equal(TOOL("user.add", "dora@seal.test", "x"), 0);
	assert_int_equal(TOOL("cmtp.optin", "dora@seal.test", "own"), 65);
	assert_non_null(strstr(answer.text, "only its owner"));
	assert_int_equal(TOOL("user.add",
	    "carol\0client\0CQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "x"), 0);
	assert_int_equal(TOOL("cmtp.optin", "carol", "own"), 65);
	assert_non_null(strstr(answer.text, "only its owner"));
}

static void
test_others(void **state)
{
	const unsigned char bytes[OPAQUE_RECORD_BYTES] = { 0 };
	const struct ipc_cmtp2_login m = { .user = SLICE_LIT("a"), .ke1 = slice_of(bytes, 96) };
	const struct ipc_cmtp2_register g = { .user = SLICE_LIT("a"),
		.request = slice_of(bytes, 32) };
	const struct ipc_cmtp2_record r = { .record = slice_of(bytes, 192) };
	const struct ipc_cmtp2_prove p = { .ke3 = slice_of(bytes, 64) };
	const struct ipc_cmtp_login l = { .user = SLICE_LIT("a") };
	struct ipc_cmtp2_login bad = m;
	struct ipc_cmtp2_register bad_g = g;
	struct ipc_cmtp2_record bad_r = r;

	(void)state;
	for (enum who w = SMTPD; w < WHO_COUNT; w++) {
		if (w == CMTPD)
			continue;
		assert_int_equal(stage_ask(w, IPC_MSG_cmtp2_login, &m), ERR_GONE);
		assert_int_equal(stage_ask(w, IPC_MSG_cmtp2_register, &g), ERR_GONE);
		assert_int_equal(stage_ask(w, IPC_MSG_cmtp2_record, &r), ERR_GONE);
		assert_int_equal(stage_ask(w, IPC_MSG_cmtp2_prove, &p), ERR_GONE);
		assert_int_equal(stage_ask(w, IPC_MSG_cmtp_login, &l), ERR_GONE);
	}
	/* Of another length than theirs. */
	bad.ke1.n--;
	bad_g.request.n--;
	bad_r.record.n--;
	assert_int_equal(stage_ask(CMTPD, IPC_MSG_cmtp2_login, &bad), ERR_GONE);
	assert_int_equal(stage_ask(CMTPD, IPC_MSG_cmtp2_register, &bad_g), ERR_GONE);
	assert_int_equal(stage_ask(CMTPD, IPC_MSG_cmtp2_record, &bad_r), ERR_GONE);
	assert_int_equal(stage_ask(CMTPD, IPC_MSG_cmtp2_prove, &p), ERR_AUTH);
}

#define TEST(fn)	cmocka_unit_test_setup_teardown(fn, stage_setup, stage_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_register_and_login), TEST(test_the_mailbox_password_is_refused),
		TEST(test_disabled_and_gone), TEST(test_what_is_left_of_another_goes_at_the_start),
		TEST(test_no_answer_tells_who_is_there), TEST(test_states), TEST(test_limits),
		TEST(test_xzibit), TEST(test_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
