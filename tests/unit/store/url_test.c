/* SPDX-License-Identifier: ISC */
/*
 * One message of another account for a pass of keyd's (store_url), and the
 * bytes of its content for the grant that comes with it: this and no other.
 */
#include <string.h>

#include "lib/crypto/grant.h"
#include "lib/crypto/pass.h"
#include "lib/ipc/key_proto.h"
#include "lib/ipc/store_proto.h"
#include "tests/unit/store/store_world.h"
#include "tests/unit/test.h"

static const unsigned char	secret[32] = { 9 };
static unsigned char		bytes[PASS_BYTES];

/* User 2 at the other imapd, for message 2 in the INBOX of user 1. */
static struct pass
usual(void)
{
	return (struct pass){ .instance = 4, .guest = 2, .owner = 1,
		.mailbox = world_selected(imapd, h1, "INBOX").mailbox, .uid = 2,
		.expires_s = store_now_s(&bed.store) + PASS_LIFE_S };
}

static struct bed_reply *
ask(const struct pass *a, const char *name)
{
	struct ipc_store_url m = { h2, slice_of(bytes, sizeof(bytes)), slice_str(name) };

	pass_make(bytes, a, secret);
	return bed_call(&bed, other_imapd, IPC_MSG_store_url, &m);
}

static void
give_key(void)
{
	struct ipc_grant_key key = { slice_of(secret, sizeof(secret)) };

	bed_send(&bed, keyd, IPC_MSG_grant_key, &key);
	bed_settle(&bed);
}

static void
test_message(void **state)
{
	struct ipc_store_read rd = { h2, 0, 0, 49152, SLICE_NONE, 0 };
	struct grant g;
	struct ipc_reader r;
	struct ipc_row row;
	struct ipc_cold cold;
	struct ipc_content ct;
	char grant[GRANT_BYTES];
	struct pass a;

	(void)state;
	world_fill("INBOX", 0, 3);
	a = usual();
	/* Before keyd gave its key there are no passes. */
	assert_fail(ask(&a, "INBOX"), ERR_NOTFOUND);
	give_key();
	assert_reply(ask(&a, "INBOX"), store_url_reply);
	r = ipc_reader_of(bed.reply.m.store_url_reply.rows);
	ipc_row_get(&r, &row);
	ipc_cold_get(&r, &cold);
	ipc_content_get(&r, &ct);
	assert_int_equal(ipc_reader_done(&r), ERR_OK);
	assert_int_equal(row.uid, 2);
	assert_true(ct.content == cold.content && ct.content != 0);
	assert_true(bed.reply.m.store_url_reply.epochs.n > 0);
	/* The grant is for this content alone. */
	assert_int_equal(grant_verify(&g, bed.reply.m.store_url_reply.grant, secret, 4, 2,
	    store_now_s(&bed.store)), ERR_OK);
	assert_true(g.owner == 1 && g.content == ct.content && g.generation == 1);
	memcpy(grant, bed.reply.m.store_url_reply.grant.p, sizeof(grant));
	rd.content = g.content;
	rd.grant = slice_of(grant, sizeof(grant));
	assert_reply(bed_call(&bed, other_imapd, IPC_MSG_store_read, &rd), store_data);
	assert_true(bed.reply.m.store_data.data.n > 0);
	rd.content++;
	assert_fail(bed_call(&bed, other_imapd, IPC_MSG_store_read, &rd), ERR_DENIED);
	rd.content--;
	grant[sizeof(grant) - 1] ^= 1;
	assert_fail(bed_call(&bed, other_imapd, IPC_MSG_store_read, &rd), ERR_DENIED);
	grant[sizeof(grant) - 1] ^= 1;
	/* Nor is one that is for all that is shared, or of another's session. */
	g.content = 0;
	grant_make((unsigned char *)grant, &g, secret);
	assert_fail(bed_call(&bed, other_imapd, IPC_MSG_store_read, &rd), ERR_DENIED);
	g.content = rd.content;
	g.guest = 1;
	grant_make((unsigned char *)grant, &g, secret);
	assert_fail(bed_call(&bed, other_imapd, IPC_MSG_store_read, &rd), ERR_DENIED);
	/* Without one his own content of that number is meant. */
	rd.grant = SLICE_NONE;
	assert_fail(bed_call(&bed, other_imapd, IPC_MSG_store_read, &rd), ERR_NOTFOUND);
}

static void
test_refused(void **state)
{
	static unsigned char pub[32] = { 1 };
	struct ipc_fact_account f = { 1, SLICE_LIT("user1@example.test"), slice_of(pub, 32), 1,
	    SEALING_PASSWORD, true, 0 };
	struct ipc_store_url m = { h2, slice_of(bytes, sizeof(bytes)), SLICE_LIT("INBOX") };
	uint32_t uidvalidity;
	struct pass a, b;

	(void)state;
	world_fill("INBOX", 0, 3);
	a = b = usual();
	uidvalidity = world_selected(imapd, h1, "INBOX").uidvalidity;
	give_key();
	a.uidvalidity = uidvalidity;
	assert_reply(ask(&a, "INBOX"), store_url_reply);
	a.uidvalidity++;
	assert_fail(ask(&a, "INBOX"), ERR_NOTFOUND);
	assert_fail(ask(&b, "Drafts"), ERR_NOTFOUND);
	assert_fail(ask(&b, "None"), ERR_NOTFOUND);
	a = b;
	a.mailbox++;
	assert_fail(ask(&a, "INBOX"), ERR_NOTFOUND);
	a = b;
	a.uid = 4;
	assert_fail(ask(&a, "INBOX"), ERR_NOTFOUND);
	a = b;
	a.owner = 77;
	assert_fail(ask(&a, "INBOX"), ERR_NOTFOUND);
	/* Of another process, of another user, too late. */
	a = b;
	a.instance = 3;
	assert_fail(ask(&a, "INBOX"), ERR_NOTFOUND);
	a = b;
	a.guest = 1;
	assert_fail(ask(&a, "INBOX"), ERR_NOTFOUND);
	a = b;
	a.expires_s = store_now_s(&bed.store);
	assert_fail(ask(&a, "INBOX"), ERR_NOTFOUND);
	/* With a changed byte, cut short. */
	pass_make(bytes, &b, secret);
	for (unsigned i = 0; i < PASS_BYTES; i++) {
		bytes[i] ^= 1;
		m.pass.n = PASS_BYTES;
		assert_fail(bed_call(&bed, other_imapd, IPC_MSG_store_url, &m), ERR_NOTFOUND);
		bytes[i] ^= 1;
		m.pass.n = i;
		assert_fail(bed_call(&bed, other_imapd, IPC_MSG_store_url, &m), ERR_NOTFOUND);
	}
	/* Gone. */
	assert_reply(ask(&b, "INBOX"), store_url_reply);
	world_flag("INBOX", 2, 2, STORE_ADD, STORE_DELETED);
	world_expunge("INBOX", 2, 2);
	assert_fail(ask(&b, "INBOX"), ERR_NOTFOUND);
	/* Only the owner opens it from now on. */
	b.uid = 1;
	assert_reply(ask(&b, "INBOX"), store_url_reply);
	bed_send(&bed, keyd, IPC_MSG_fact_account, &f);
	bed_settle(&bed);
	assert_fail(ask(&b, "INBOX"), ERR_NOTFOUND);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		WORLD_TEST(test_message), WORLD_TEST(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
