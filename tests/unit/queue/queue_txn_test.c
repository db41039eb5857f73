/* SPDX-License-Identifier: ISC */
/*
 * The whole core with fake neighbours: what smtpd may and may not do, the
 * direct path, the spool, retries, bounces and restarts.
 */
#include "tests/unit/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/enc.h"
#include "lib/conf/conf_sections.h"
#include "lib/ipc/queue_proto.h"
#include "lib/seal/chunkfile.h"
#include "queue/queue_compact.h"
#include "queue/queue_forget.h"
#include "queue/queue_list.h"
#include "queue/queue_run.h"
#include "queue/queue_txn.h"
#include "tests/unit/queue/fake_queue.h"

#define TEXT	"Subject: a test\r\nFrom: someone\r\n\r\nThe body.\r\n"

static bool
is_empty(struct fake *f)
{
	return f->q.table.count == 0 && f->q.msgs.count == 0;
}

static bool
is_all_spooled(struct fake *f)
{
	return f->q.msgs.count == 0;
}

static bool
has_forgotten(struct fake *f)
{
	return f->forgotten_count > 0;
}

static bool
has_two_jobs(struct fake *f)
{
	return f->job_count >= 2;
}

/* ---- the direct path ---- */

static void
test_direct(void **state)
{
	struct fake *f = *state;
	uint64_t id = fake_send(f, "x@elsewhere.example", "Bob+news@Example.TEST", TEXT);

	assert_int_equal(f->job_count, 1);
	assert_int_equal(f->jobs[0].msg, id);
	assert_int_equal(f->jobs[0].rcpt_count, 1);
	assert_string_equal(f->jobs[0].rcpt, "bob@example.test");
	assert_string_equal(f->jobs[0].sender, "x@elsewhere.example");
	assert_memory_equal(f->jobs[0].body, TEXT, sizeof(TEXT) - 1);
	/* Nothing was written, and the store may forget it at once. */
	assert_int_equal(spool_dir_count(&f->dir, ""), 0);
	assert_int_equal(f->q.msgs.count, 0);
	assert_true(fake_run_until(f, has_forgotten));
	assert_int_equal(f->forgotten[0], id);
	assert_int_equal(f->q.memory_bytes, 0);
	assert_int_equal(queue_txn_count(&f->q), 0);
}

static void
test_many_recipients(void **state)
{
	struct fake *f = *state;
	struct ipc_fact_account a = { .key_generation = 1, .sealing = 1, .enabled = true };
	struct fake_answer opened, r;
	char address[64];
	uint64_t i;
	int fd;

	a.public_key = slice_of("a public key for the test.......", 32);
	opened = fake_open(f, 0, "", 0, SLICE_NONE);
	for (i = 0; i < 250; i++) {
		snprintf(address, sizeof(address), "user%03u@example.test", (unsigned)i);
		a.account = 1000 + i;
		a.address = slice_str(address);
		assert_int_equal(queue_resolve_account(&f->q.resolver, &a), ERR_OK);
		r = fake_rcpt(f, 0, opened.msg, address);
		assert_int_equal(r.type, IPC_MSG_queue_rcpt_ok);
		r = fake_rcpt(f, 0, opened.msg, address);	/* the same again: once */
		assert_int_equal(r.type, IPC_MSG_queue_rcpt_ok);
	}
	fd = fake_memfd(TEXT, true);
	r = fake_commit(f, 0, opened.msg, QUEUE_FORM_MEMFD, sizeof(TEXT) - 1, fd, SLICE_NONE);
	close(fd);
	assert_int_equal(r.type, IPC_MSG_queue_committed);
	assert_int_equal(f->job_count, 3);
	assert_int_equal(f->jobs[0].rcpt_count, 100);
	assert_int_equal(f->jobs[1].rcpt_count, 100);
	assert_int_equal(f->jobs[2].rcpt_count, 50);
	assert_int_equal(spool_dir_count(&f->dir, ""), 0);
}

/* ---- refusals ---- */

static void
test_refused_rcpts(void **state)
{
	static const struct { const char *rcpt; enum err error; const char *dsn, *text; } cases[] = {
		{ "nobody@example.test", ERR_NOTFOUND, "5.1.1",
		  "<nobody@example.test>: Recipient address rejected: User unknown" },
		{ "carol@example.test", ERR_DISABLED, "5.2.1",
		  "<carol@example.test>: Recipient address rejected: Mailbox is disabled" },
		{ "x@elsewhere.example", ERR_DENIED, "5.7.1",
		  "<x@elsewhere.example>: Relay access denied" },
		{ "no domain", ERR_SYNTAX, "5.1.3",
		  "<no domain>: Recipient address rejected: bad address syntax" },
	};
	struct fake *f = *state;
	struct fake_answer a, opened = fake_open(f, 0, "x@y.example", 0, SLICE_NONE);
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		a = fake_rcpt(f, 0, opened.msg, cases[i].rcpt);
		assert_int_equal(a.type, IPC_MSG_queue_refused);
		assert_int_equal(a.refused, cases[i].error);
		assert_string_equal(a.dsn, cases[i].dsn);
		assert_string_equal(a.text, cases[i].text);
	}
	a = fake_rcpt(f, 0, opened.msg, "postmaster");
	assert_int_equal(a.type, IPC_MSG_queue_rcpt_ok);
	fake_abort(f, 0, opened.msg);
	fake_abort(f, 0, opened.msg);		/* unknown by now: nothing happens */
	a = fake_open(f, 0, "not an address", 0, SLICE_NONE);
	assert_string_equal(a.dsn, "5.1.7");
	assert_int_equal(queue_txn_count(&f->q), 0);
}

/* Who does not wait for the answer to open means what it opened last. */
static void
test_rcpt_ahead(void **state)
{
	struct fake *f = *state;
	struct fake_answer a = fake_rcpt(f, 0, 0, "bob@example.test"), opened;
	int fd;

	assert_int_equal(a.type, IPC_MSG_queue_refused);
	assert_int_equal(a.refused, ERR_AGAIN);
	opened = fake_open(f, 0, "x@y.example", 0, SLICE_NONE);
	/* Another peer's is not meant. */
	a = fake_rcpt(f, 1, 0, "bob@example.test");
	assert_int_equal(a.type, IPC_MSG_queue_refused);
	a = fake_rcpt(f, 0, 0, "nobody@example.test");
	assert_string_equal(a.dsn, "5.1.1");
	a = fake_rcpt(f, 0, 0, "bob@example.test");
	assert_int_equal(a.type, IPC_MSG_queue_rcpt_ok);
	fd = fake_memfd(TEXT, true);
	a = fake_commit(f, 0, opened.msg, QUEUE_FORM_MEMFD, sizeof(TEXT) - 1, fd, SLICE_NONE);
	close(fd);
	assert_int_equal(a.type, IPC_MSG_queue_committed);
	assert_string_equal(f->jobs[0].rcpt, "bob@example.test");
	/* It is over; then one is refused while another is open. */
	a = fake_rcpt(f, 0, 0, "bob@example.test");
	assert_int_equal(a.type, IPC_MSG_queue_refused);
	opened = fake_open(f, 0, "x@y.example", 0, SLICE_NONE);
	a = fake_open(f, 0, "not an address", 0, SLICE_NONE);
	assert_int_equal(a.type, IPC_MSG_queue_refused);
	a = fake_rcpt(f, 0, 0, "bob@example.test");
	assert_int_equal(a.type, IPC_MSG_queue_refused);
	fake_abort(f, 0, opened.msg);
	opened = fake_open(f, 0, "x@y.example", 0, SLICE_NONE);
	fake_abort(f, 0, opened.msg);
	a = fake_rcpt(f, 0, 0, "bob@example.test");
	assert_int_equal(a.type, IPC_MSG_queue_refused);
	assert_int_equal(queue_txn_count(&f->q), 0);
}

static void
test_not_ready(void **state)
{
	struct fake *f = *state;
	struct fake_answer a = fake_open(f, 0, "", 0, SLICE_NONE);

	assert_int_equal(a.refused, ERR_AGAIN);
	assert_string_equal(a.dsn, "4.3.0");
	fake_facts(f);
	a = fake_open(f, 0, "", 0, SLICE_NONE);
	assert_int_equal(a.type, IPC_MSG_queue_opened);
	f->q.limits.minfree_bytes = UINT64_MAX / 2;
	a = fake_open(f, 0, "", 0, SLICE_NONE);
	assert_int_equal(a.refused, ERR_FULL);
	assert_string_equal(a.dsn, "4.3.1");
	assert_string_equal(a.text, "Insufficient system storage");
	f->q.limits.minfree_bytes = 0;
	f->q.limits.message_limit = 0;
	a = fake_open(f, 0, "", 0, SLICE_NONE);
	assert_int_equal(a.refused, ERR_FULL);
}

/* minfree stays free beside the message that is announced, whatever size that is. */
static void
test_announced_size(void **state)
{
	struct fake *f = *state;
	struct fake_answer a = fake_open_sized(f, 0, 1);

	assert_int_equal(a.type, IPC_MSG_queue_opened);
	f->q.free_checked_mono_ms = UINT64_MAX / 2;	/* not again */
	f->q.limits.minfree_bytes = f->q.free_bytes - 1000;
	a = fake_open_sized(f, 0, 1000);
	assert_int_equal(a.type, IPC_MSG_queue_opened);
	a = fake_open_sized(f, 0, 1001);
	assert_int_equal(a.refused, ERR_FULL);
	a = fake_open_sized(f, 0, UINT64_MAX);
	assert_int_equal(a.refused, ERR_FULL);
}

/* The smallest limit of the recipients' domains: as announced, and as it is. */
static void
test_size_limits(void **state)
{
	struct fake *f = *state;
	const uint64_t limit = sizeof(TEXT) - 1;
	struct fake_answer first, second, a;
	int fd = fake_memfd(TEXT, true);

	queue_resolve_add_domain(&f->q.resolver, &(struct queue_domain_conf){
	    .name = "small.example", .class = CONF_CLASS_RELAY, .target = "",
	    .size_limit = limit });
	queue_resolve_add_domain(&f->q.resolver, &(struct queue_domain_conf){
	    .name = "smaller.example", .class = CONF_CLASS_RELAY, .target = "",
	    .size_limit = limit - 1 });
	first = fake_open_sized(f, 0, limit);
	a = fake_rcpt(f, 0, first.msg, "x@small.example");
	assert_int_equal(a.type, IPC_MSG_queue_rcpt_ok);
	a = fake_rcpt(f, 0, first.msg, "x@smaller.example");
	assert_int_equal(a.refused, ERR_LIMIT);
	assert_string_equal(a.dsn, "5.3.4");
	second = fake_open(f, 0, "", 0, SLICE_NONE);	/* of unknown size */
	a = fake_rcpt(f, 0, second.msg, "x@smaller.example");
	assert_int_equal(a.type, IPC_MSG_queue_rcpt_ok);
	a = fake_rcpt(f, 0, second.msg, "x@small.example");
	assert_int_equal(a.type, IPC_MSG_queue_rcpt_ok);
	a = fake_rcpt(f, 0, second.msg, "bob@example.test");
	assert_int_equal(a.type, IPC_MSG_queue_rcpt_ok);
	a = fake_commit(f, 0, second.msg, QUEUE_FORM_MEMFD, limit, fd, SLICE_NONE);
	assert_int_equal(a.refused, ERR_LIMIT);
	assert_string_equal(a.dsn, "5.3.4");
	/* The other transaction has only the recipient that was taken. */
	a = fake_commit(f, 0, first.msg, QUEUE_FORM_MEMFD, limit, fd, SLICE_NONE);
	assert_int_equal(a.type, IPC_MSG_queue_committed);
	close(fd);
	assert_true(fake_run_until(f, is_all_spooled));
	assert_int_equal(queue_txn_count(&f->q), 0);
	assert_int_equal(f->q.table.count, 1);
	assert_int_equal(f->q.memory_bytes, 0);
}

/* message_limit 1: the second that must be kept is refused, before or at the end. */
static void
test_message_limit(void **state)
{
	struct fake *f = *state;
	struct fake_answer first, second, a;
	int fd = fake_memfd(TEXT, true);

	f->q.limits.message_limit = 1;
	f->mode = FAKE_TEMP;
	first = fake_open(f, 0, "", 0, SLICE_NONE);
	second = fake_open(f, 0, "", 0, SLICE_NONE);
	(void)fake_rcpt(f, 0, first.msg, "bob@example.test");
	(void)fake_rcpt(f, 0, second.msg, "bob@example.test");
	a = fake_commit(f, 0, first.msg, QUEUE_FORM_MEMFD, sizeof(TEXT) - 1, fd, SLICE_NONE);
	assert_int_equal(a.type, IPC_MSG_queue_committed);
	a = fake_commit(f, 0, second.msg, QUEUE_FORM_MEMFD, sizeof(TEXT) - 1, fd, SLICE_NONE);
	close(fd);
	assert_int_equal(a.refused, ERR_FULL);
	assert_string_equal(a.dsn, "4.3.1");
	a = fake_open(f, 0, "", 0, SLICE_NONE);
	assert_int_equal(a.refused, ERR_FULL);
	assert_true(fake_run_until(f, is_all_spooled));
	assert_int_equal(f->q.table.count, 1);
	assert_int_equal(f->q.memory_bytes, 0);
	assert_int_equal(queue_txn_count(&f->q), 0);
}

static void
answer_late(void *arg)
{
	struct fake *f = arg;

	fake_answer_held(f, f->job_count - 1, f->more != NULL ? ERR_OK : ERR_QUOTA);
}

/*
 * The limit is met when the direct path has taken too long: deliver is waited
 * for, and the answer is what became of the message.
 */
static void
test_message_limit_late(void **state)
{
	struct fake *f = *state;
	struct fake_answer first, second[2], a;
	struct timer late;
	int fd = fake_memfd(TEXT, true), arrives;

	f->q.limits.message_limit = 1;
	f->q.limits.direct_ms = 20;
	f->mode = FAKE_HOLD;
	timer_init(&late, f->loop, answer_late, f);
	first = fake_open(f, 0, "", 0, SLICE_NONE);
	(void)fake_rcpt(f, 0, first.msg, "bob@example.test");
	for (arrives = 0; arrives < 2; arrives++) {
		second[arrives] = fake_open(f, 0, "", 0, SLICE_NONE);
		(void)fake_rcpt(f, 0, second[arrives].msg, "bob@example.test");
	}
	a = fake_commit(f, 0, first.msg, QUEUE_FORM_MEMFD, sizeof(TEXT) - 1, fd, SLICE_NONE);
	assert_int_equal(a.type, IPC_MSG_queue_committed);
	assert_int_equal(f->q.table.count, 1);
	for (arrives = 0; arrives < 2; arrives++) {
		f->more = arrives ? f : NULL;
		timer_set(&late, loop_now(f->loop) + 100);
		a = fake_commit(f, 0, second[arrives].msg, QUEUE_FORM_MEMFD, sizeof(TEXT) - 1,
		    fd, SLICE_NONE);
		assert_int_equal(f->job_count, 2 + (unsigned)arrives);
		assert_int_equal(a.type == IPC_MSG_queue_committed, arrives);
		assert_int_equal(a.refused, arrives ? ERR_OK : ERR_FULL);
	}
	assert_true(fake_run_until(f, has_forgotten));
	assert_int_equal(f->forgotten[0], second[1].msg);
	assert_int_equal(f->q.table.count, 1);
	close(fd);
}

static void
test_submission(void **state)
{
	struct fake *f = *state;
	static unsigned char token[TOKEN_BYTES], foreign[TOKEN_BYTES], gone[TOKEN_BYTES];
	const struct { const char *sender; struct slice token; enum err refused; const char *dsn; }
	cases[] = {
		{ "alice@example.test", slice_of(token, TOKEN_BYTES), ERR_OK, "" },
		{ "Alice+tag@Example.Test", slice_of(token, TOKEN_BYTES), ERR_OK, "" },
		{ "", slice_of(token, TOKEN_BYTES), ERR_OK, "" },
		{ "sales@example.test", slice_of(token, TOKEN_BYTES), ERR_OK, "" },
		{ "bob@example.test", slice_of(token, TOKEN_BYTES), ERR_DENIED, "5.7.1" },
		{ "alice@elsewhere.example", slice_of(token, TOKEN_BYTES), ERR_DENIED, "5.7.1" },
		{ "alice@example.test", slice_of(foreign, TOKEN_BYTES), ERR_AUTH, "5.7.0" },
		{ "alice@example.test", slice_of(gone, TOKEN_BYTES), ERR_DISABLED, "5.7.0" },
		{ "alice@example.test", SLICE_NONE, ERR_AUTH, "5.7.0" },
	};
	const struct ipc_fact_alias alias = { .address = SLICE_LIT("sales@example.test"),
	    .targets = slice_of("bob@example.test\0alice@example.test", 36) };
	struct fake_answer a;
	size_t i;

	fake_token(f, FAKE_ALICE, FAKE_INSTANCE, token);
	fake_token(f, FAKE_ALICE, FAKE_INSTANCE + 1, foreign);
	fake_token(f, FAKE_CAROL, FAKE_INSTANCE, gone);
	assert_int_equal(queue_resolve_alias(&f->q.resolver, &alias), ERR_OK);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		a = fake_open(f, 0, cases[i].sender, QUEUE_SUBMISSION, cases[i].token);
		if (cases[i].refused == ERR_OK) {
			assert_int_equal(a.type, IPC_MSG_queue_opened);
			continue;
		}
		assert_int_equal(a.type, IPC_MSG_queue_refused);
		assert_int_equal(a.refused, cases[i].refused);
		assert_string_equal(a.dsn, cases[i].dsn);
	}
	/* A good token without the flag opens no relay. */
	a = fake_open(f, 0, "alice@example.test", 0, slice_of(token, TOKEN_BYTES));
	a = fake_rcpt(f, 0, a.msg, "x@elsewhere.example");
	assert_int_equal(a.refused, ERR_DENIED);
}

/* Its owner was locked out when the message was under way. */
static void
test_login_ends(void **state)
{
	struct fake *f = *state;
	const struct ipc_token_revoke revoke = { FAKE_ALICE, UINT64_MAX };
	unsigned char token[TOKEN_BYTES];
	struct fake_answer a, opened[2];
	int fd = fake_memfd(TEXT, true);

	fake_token(f, FAKE_ALICE, FAKE_INSTANCE, token);
	for (unsigned i = 0; i < 2; i++) {
		opened[i] = fake_open(f, 0, "alice@example.test", QUEUE_SUBMISSION,
		    slice_of(token, sizeof(token)));
		assert_int_equal(fake_rcpt(f, 0, opened[i].msg, "bob@example.test").class,
		    QUEUE_LOCAL);
	}
	a = fake_commit(f, 0, opened[0].msg, QUEUE_FORM_MEMFD, sizeof(TEXT) - 1, fd, SLICE_NONE);
	assert_int_equal(a.type, IPC_MSG_queue_committed);
	token_gate_revoke(&f->q.tokens, revoke.account, revoke.before_s);
	a = fake_commit(f, 0, opened[1].msg, QUEUE_FORM_MEMFD, sizeof(TEXT) - 1, fd, SLICE_NONE);
	assert_int_equal(a.type, IPC_MSG_queue_refused);
	assert_int_equal(a.refused, ERR_DISABLED);
	assert_string_equal(a.dsn, "5.7.0");
	close(fd);
}

/* ---- violations: the offender loses its wire, the other keeps working ---- */

static bool
first_is_gone(struct fake *f)
{
	return f->at_queue[0] == NULL;
}

static void
drill_rcpt_unopened(struct fake *f, uint64_t own, uint64_t other)
{
	(void)own;
	(void)other;
	(void)fake_rcpt(f, 0, 4711, "bob@example.test");
}

static void
drill_rcpt_foreign(struct fake *f, uint64_t own, uint64_t other)
{
	(void)own;
	(void)fake_rcpt(f, 0, other, "bob@example.test");
}

static void
drill_abort_foreign(struct fake *f, uint64_t own, uint64_t other)
{
	(void)own;
	fake_abort(f, 0, other);
}

static void
commit_fd(struct fake *f, uint64_t id, uint8_t form, uint64_t size, int fd, struct slice key)
{
	(void)fake_commit(f, 0, id, form, size, fd, key);
	if (fd >= 0)
		close(fd);
}

static void
drill_commit_foreign(struct fake *f, uint64_t own, uint64_t other)
{
	(void)own;
	commit_fd(f, other, QUEUE_FORM_MEMFD, 1, fake_memfd("x", true), SLICE_NONE);
}

static void
drill_commit_empty(struct fake *f, uint64_t own, uint64_t other)
{
	struct fake_answer a = fake_open(f, 0, "", 0, SLICE_NONE);

	(void)own;
	(void)other;
	commit_fd(f, a.msg, QUEUE_FORM_MEMFD, 1, fake_memfd("x", true), SLICE_NONE);
}

static void
drill_no_descriptor(struct fake *f, uint64_t own, uint64_t other)
{
	(void)other;
	commit_fd(f, own, QUEUE_FORM_MEMFD, 1, -1, SLICE_NONE);
}

static void
drill_unsealed(struct fake *f, uint64_t own, uint64_t other)
{
	(void)other;
	commit_fd(f, own, QUEUE_FORM_MEMFD, 1, fake_memfd("x", false), SLICE_NONE);
}

static void
drill_half_sealed(struct fake *f, uint64_t own, uint64_t other)
{
	int fd = fake_memfd("x", false);

	(void)other;
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL), 0);
	commit_fd(f, own, QUEUE_FORM_MEMFD, 1, fd, SLICE_NONE);
}

static void
drill_wrong_size(struct fake *f, uint64_t own, uint64_t other)
{
	(void)other;
	commit_fd(f, own, QUEUE_FORM_MEMFD, 2, fake_memfd("x", true), SLICE_NONE);
}

static void
drill_oversized(struct fake *f, uint64_t own, uint64_t other)
{
	char *big = calloc(1, QUEUE_MEMFD_MAX + 2);

	(void)other;
	memset(big, 'x', QUEUE_MEMFD_MAX + 1);
	commit_fd(f, own, QUEUE_FORM_MEMFD, QUEUE_MEMFD_MAX + 1, fake_memfd(big, true), SLICE_NONE);
	free(big);
}

static void
drill_device(struct fake *f, uint64_t own, uint64_t other)
{
	(void)other;
	commit_fd(f, own, QUEUE_FORM_MEMFD, 0, open("/dev/zero", O_RDONLY), SLICE_NONE);
}

static const char any_key[32] = "any key will do for this test...";

static void
drill_file_unasked(struct fake *f, uint64_t own, uint64_t other)
{
	int fd = open("/tmp", O_TMPFILE | O_RDWR, 0600);

	(void)other;
	assert_int_equal(ftruncate(fd, (off_t)chunkfile_bytes(0)), 0);
	commit_fd(f, own, QUEUE_FORM_FILE, 0, fd, slice_of(any_key, 32));
}

static void
drill_file_other(struct fake *f, uint64_t own, uint64_t other)
{
	struct fake_answer a = fake_file(f, 0, own), b = fake_file(f, 1, other);

	assert_true(a.fd >= 0 && b.fd >= 0);
	close(a.fd);
	assert_int_equal(ftruncate(b.fd, (off_t)chunkfile_bytes(0)), 0);
	commit_fd(f, own, QUEUE_FORM_FILE, 0, b.fd, slice_of(any_key, 32));
}

static void
drill_file_length(struct fake *f, uint64_t own, uint64_t other)
{
	struct fake_answer a = fake_file(f, 0, own);

	(void)other;
	commit_fd(f, own, QUEUE_FORM_FILE, 1000, a.fd, slice_of(any_key, 32));
}

static void
drill_second_file(struct fake *f, uint64_t own, uint64_t other)
{
	struct fake_answer a = fake_file(f, 0, own);

	(void)other;
	close(a.fd);
	a = fake_file(f, 0, own);
	assert_int_equal(a.error, ERR_GONE);
}

static void
drill_bad_form(struct fake *f, uint64_t own, uint64_t other)
{
	(void)other;
	commit_fd(f, own, 3, 1, fake_memfd("x", true), SLICE_NONE);
}

static void
drill_key_with_memfd(struct fake *f, uint64_t own, uint64_t other)
{
	(void)other;
	commit_fd(f, own, QUEUE_FORM_MEMFD, 1, fake_memfd("x", true), slice_of(any_key, 32));
}

static void
drill_control_bytes(struct fake *f, uint64_t own, uint64_t other)
{
	(void)own;
	(void)other;
	(void)fake_open(f, 0, "x@y.example\r\nBcc: z", 0, SLICE_NONE);
}

static void
drill_control_rcpt(struct fake *f, uint64_t own, uint64_t other)
{
	(void)other;
	(void)fake_rcpt(f, 0, own, "bob@example.test\n");
}

static void
drill_kind(struct fake *f, uint64_t own, uint64_t other)
{
	(void)own;
	(void)other;
	(void)fake_open_kind(f, 0, QUEUE_KIND_CMTP1);
}

static void
test_violations(void **state)
{
	static void (*const drills[])(struct fake *, uint64_t, uint64_t) = {
		drill_rcpt_unopened, drill_rcpt_foreign, drill_abort_foreign,
		drill_commit_foreign, drill_commit_empty, drill_no_descriptor, drill_unsealed,
		drill_half_sealed, drill_wrong_size, drill_oversized, drill_device,
		drill_file_unasked, drill_file_other, drill_file_length, drill_second_file,
		drill_bad_form, drill_key_with_memfd, drill_control_bytes, drill_control_rcpt,
		drill_kind,
	};
	struct fake *f;
	struct fake_answer own, other, a;
	size_t i;
	int fd;

	(void)state;
	for (i = 0; i < sizeof(drills) / sizeof(drills[0]); i++) {
		f = calloc(1, sizeof(*f));
		fake_start(f, true);
		own = fake_open(f, 0, "", 0, SLICE_NONE);
		other = fake_open(f, 1, "", 0, SLICE_NONE);
		a = fake_rcpt(f, 0, own.msg, "bob@example.test");
		assert_int_equal(a.type, IPC_MSG_queue_rcpt_ok);
		drills[i](f, own.msg, other.msg);
		assert_true(fake_run_until(f, first_is_gone));
		assert_int_equal(f->job_count, 0);
		/* Its transactions went with it, the other's did not. */
		assert_int_equal(queue_txn_count(&f->q), 1);
		a = fake_rcpt(f, 1, other.msg, "bob@example.test");
		assert_int_equal(a.type, IPC_MSG_queue_rcpt_ok);
		fd = fake_memfd("x", true);
		a = fake_commit(f, 1, other.msg, QUEUE_FORM_MEMFD, 1, fd, SLICE_NONE);
		close(fd);
		assert_int_equal(a.type, IPC_MSG_queue_committed);
		fake_stop(f);
		free(f);
	}
}

static bool
cmtpd_is_gone(struct fake *f)
{
	return f->at_queue[FAKE_CMTPD] == NULL;
}

/* Sealed mail: to an account of its own name, and deliver hears what it is. */
static void
test_kinds(void **state)
{
	struct fake *f = *state;
	struct fake_answer opened, a;
	unsigned before = f->job_count;
	int fd;

	for (uint8_t kind = QUEUE_KIND_MAIL; kind < QUEUE_KINDS; kind++) {
		opened = fake_open_kind(f, FAKE_CMTPD, kind);
		assert_int_equal(opened.type, IPC_MSG_queue_opened);
		a = fake_rcpt(f, FAKE_CMTPD, opened.msg, "bob+news@example.test");
		assert_int_equal(a.type, kind == QUEUE_KIND_MAIL ? IPC_MSG_queue_rcpt_ok :
		    IPC_MSG_queue_refused);
		a = fake_rcpt(f, FAKE_CMTPD, opened.msg, "bob@example.test");
		assert_int_equal(a.type, IPC_MSG_queue_rcpt_ok);
		/* What an object has to be sealed to. */
		assert_int_equal(a.key_generation, kind == QUEUE_KIND_CMTP2 ? 1 : 0);
		assert_int_equal(a.public_key_n, kind == QUEUE_KIND_CMTP2 ? 32 : 0);
		fd = fake_memfd(TEXT, true);
		a = fake_commit(f, FAKE_CMTPD, opened.msg, QUEUE_FORM_MEMFD, sizeof(TEXT) - 1, fd,
		    SLICE_NONE);
		close(fd);
		assert_int_equal(a.type, IPC_MSG_queue_committed);
		assert_int_equal(f->jobs[before + kind].kind, kind);
	}
	(void)fake_open_kind(f, FAKE_CMTPD, QUEUE_KINDS);
	assert_true(fake_run_until(f, cmtpd_is_gone));
}

static void
test_transaction_limit(void **state)
{
	struct fake *f = *state;
	struct fake_answer a;
	unsigned i;

	for (i = 0; i < QUEUE_TXNS_MAX; i++) {
		a = fake_open(f, 0, "", 0, SLICE_NONE);
		assert_int_equal(a.type, IPC_MSG_queue_opened);
	}
	a = fake_open(f, 0, "", 0, SLICE_NONE);
	assert_int_equal(a.refused, ERR_BUSY);
	a = fake_open(f, 1, "", 0, SLICE_NONE);
	assert_int_equal(a.type, IPC_MSG_queue_opened);
}

/* One more is refused, the other peer has its own, and an end makes room. */
static void
test_file_limit(void **state)
{
	struct fake *f = *state;
	struct fake_answer opened = { 0 }, a;
	unsigned i;

	for (i = 0; i < QUEUE_FILES_MAX; i++) {
		opened = fake_open(f, 0, "", 0, SLICE_NONE);
		a = fake_file(f, 0, opened.msg);
		assert_int_equal(a.type, IPC_MSG_queue_file_ok);
		(void)close(a.fd);
	}
	a = fake_open(f, 0, "", 0, SLICE_NONE);
	a = fake_file(f, 0, a.msg);
	assert_int_equal(a.refused, ERR_BUSY);
	a = fake_open(f, 1, "", 0, SLICE_NONE);
	a = fake_file(f, 1, a.msg);
	assert_int_equal(a.type, IPC_MSG_queue_file_ok);
	(void)close(a.fd);
	fake_abort(f, 0, opened.msg);
	a = fake_open(f, 0, "", 0, SLICE_NONE);
	a = fake_file(f, 0, a.msg);
	assert_int_equal(a.type, IPC_MSG_queue_file_ok);
	(void)close(a.fd);
}

/* ---- the spool ---- */

static void
test_temporary_failure(void **state)
{
	struct fake *f = *state;
	uint64_t id;

	f->mode = FAKE_TEMP;
	id = fake_send(f, "", "bob@example.test", TEXT);
	assert_true(fake_run_until(f, is_all_spooled));
	assert_int_equal(f->q.table.count, 1);
	assert_int_equal(spool_dir_count(&f->dir, "segment-"), 1);
	f->mode = FAKE_OK;
	assert_int_equal(queue_run_flush(&f->q), 1);
	assert_true(fake_run_until(f, is_empty));
	assert_int_equal(f->job_count, 2);
	assert_int_equal(f->jobs[1].msg, id);
	assert_memory_equal(f->jobs[1].body, TEXT, sizeof(TEXT) - 1);
	assert_string_equal(f->jobs[1].rcpt, "bob@example.test");
	assert_true(fake_run_until(f, has_forgotten));
	fake_restart(f, false);
	assert_int_equal(f->q.table.count, 0);
}

static void
test_backoff_by_clock(void **state)
{
	struct fake *f = *state;

	f->mode = FAKE_TEMP;
	(void)fake_send(f, "", "bob@example.test", TEXT);
	assert_true(fake_run_until(f, is_all_spooled));
	loop_advance(f->loop, 299000);
	fake_run_ms(f, 20);
	assert_int_equal(f->job_count, 1);
	loop_advance(f->loop, 2000);
	assert_true(fake_run_until(f, has_two_jobs));
	assert_true(fake_run_until(f, is_all_spooled));
	/* The second wait is twice as long, also after a restart. */
	fake_run_ms(f, 50);
	assert_int_equal(f->q.table.count, 1);
	assert_int_equal(obj_of(f->q.table.order.next, struct queue_item, order)->attempts, 2);
}

/* The store is away as deliver sees it: soon again, and no attempt is counted. */
static void
test_helper_away(void **state)
{
	struct fake *f = *state;
	const struct queue_item *it;
	unsigned i;

	f->mode = FAKE_AWAY;
	(void)fake_send(f, "", "bob@example.test", TEXT);
	for (i = 0; i < 3; i++) {
		assert_true(fake_run_until(f, is_all_spooled));
		assert_int_equal(f->job_count, 1 + i);
		it = obj_of(f->q.table.order.next, struct queue_item, order);
		assert_int_equal(it->attempts, 0);
		assert_in_range(it->next_ms - loop_real_ms(f->loop), (1000u << i) - 900, 1000u << i);
		loop_advance(f->loop, 1000u << i);
		f->until = NULL;
		fake_run_ms(f, 30);
	}
	f->mode = FAKE_OK;
	loop_advance(f->loop, 8000);
	assert_true(fake_run_until(f, is_empty));
}

static void
test_slow_deliver(void **state)
{
	struct fake *f = *state;
	uint64_t id;

	f->mode = FAKE_HOLD;
	id = fake_send(f, "", "bob@example.test", TEXT);	/* 250 by the spool */
	assert_int_equal(f->q.table.count, 1);
	assert_int_equal(f->job_count, 1);
	fake_answer_held(f, 0, ERR_OK);				/* the late result completes it */
	assert_true(fake_run_until(f, is_empty));
	assert_int_equal(f->job_count, 1);
	assert_true(fake_run_until(f, has_forgotten));
	assert_int_equal(f->forgotten[0], id);
}

static void
test_deliver_dies(void **state)
{
	struct fake *f = *state;

	f->mode = FAKE_HOLD;
	(void)fake_send(f, "", "bob@example.test", TEXT);
	fake_kill_deliver(f);
	assert_true(fake_run_until(f, is_all_spooled));
	assert_int_equal(f->q.table.count, 1);
	f->mode = FAKE_OK;
	fake_join_deliver(f);
	assert_true(fake_run_until(f, is_empty));
	assert_int_equal(f->job_count, 2);
	/* A late append of the dead process must still meet its record. */
	fake_run_ms(f, 700);
	assert_int_equal(f->forgotten_count, 0);
	loop_advance(f->loop, 61000);
	assert_true(fake_run_until(f, has_forgotten));
}

/* What kills its helper twice is not tried at once a third time. */
/*
 * A deliver that outlived the last queue may still hold the job, so the store
 * must not forget at once what was delivered after the restart.
 */
static void
test_recovered_forget(void **state)
{
	struct fake *f = *state;
	uint64_t id;

	f->mode = FAKE_TEMP;
	id = fake_send(f, "", "bob@example.test", TEXT);
	assert_true(fake_run_until(f, is_all_spooled));
	f->mode = FAKE_OK;
	fake_restart(f, false);
	assert_true(fake_run_until(f, is_empty));
	loop_advance(f->loop, QUEUE_FORGET_LATER_MS - 1000);
	fake_run_ms(f, 20);
	assert_int_equal(f->forgotten_count, 0);
	loop_advance(f->loop, 2000);
	assert_true(fake_run_until(f, has_forgotten));
	assert_int_equal(f->forgotten[0], id);
}

static void
test_poison(void **state)
{
	struct fake *f = *state;
	unsigned i;

	f->mode = FAKE_HOLD;
	(void)fake_send(f, "", "bob@example.test", TEXT);
	for (i = 0; i < 2; i++) {
		fake_kill_deliver(f);
		assert_true(fake_run_until(f, is_all_spooled));
		fake_join_deliver(f);
		if (i == 0)
			assert_true(fake_run_until(f, has_two_jobs));
	}
	fake_run_ms(f, 100);
	assert_int_equal(f->job_count, 2);
	assert_int_equal(f->q.table.count, 1);
}

/* Results for a recipient of no job: deliver loses its wire. */
static void
test_foreign_results(void **state)
{
	struct fake *f = *state;

	f->mode = FAKE_FOREIGN;
	(void)fake_send(f, "", "bob@example.test", TEXT);
	assert_int_equal(f->q.table.count, 1);
	assert_null(f->deliver_at_queue);
}

static void
test_no_deliver(void **state)
{
	struct fake *f = *state;
	uint64_t id;

	fake_kill_deliver(f);
	id = fake_send(f, "", "bob@example.test", TEXT);
	assert_true(fake_run_until(f, is_all_spooled));
	fake_join_deliver(f);
	assert_true(fake_run_until(f, is_empty));
	assert_int_equal(f->jobs[0].msg, id);
}

/* ---- kept mail, listing, restart ---- */

struct listing {
	bool		 done;
	bool		 more;
	char		 text[60001];
};

static struct listing listing;

static void
on_page(void *arg, uint64_t id, uint8_t code, bool more, struct slice text)
{
	(void)arg;
	assert_int_equal(id, 9);
	assert_int_equal(code, 0);
	listing.done = true;
	listing.more = more;
	assert_true(slice_to_cstr(text, listing.text, sizeof(listing.text)));
}

static bool
is_listed(struct fake *f)
{
	(void)f;
	return listing.done;
}

static const char *
list(struct fake *f, const char *form, const char *cursor)
{
	char args[100];
	int n;

	n = snprintf(args, sizeof(args), "%s%c%s", form, '\0', cursor);
	listing.done = false;
	queue_list_page(&f->q, slice_of(args, (size_t)n + 1), 9, on_page, f);
	assert_true(fake_run_until(f, is_listed));
	return listing.text;
}

static void
test_kept(void **state)
{
	struct fake *f = *state;
	char id[ENC_ID_BYTES + 1], want[200];
	uint64_t msg;
	int crash;

	assert_string_equal(list(f, "p", ""), "Mail queue is empty\n");
	msg = fake_submit(f, "x@elsewhere.example", TEXT);
	assert_true(fake_run_until(f, is_all_spooled));
	enc_id_str(id, msg);
	for (crash = 0; crash < 3; crash++) {
		assert_int_equal(f->job_count, 0);
		list(f, "p", "");
		snprintf(want, sizeof(want), "%s %9zu ", id, sizeof(TEXT) - 1);
		assert_non_null(strstr(listing.text, want));
		assert_non_null(strstr(listing.text, "alice@example.test\n"
		    "    (mail for other domains waits for the relay)\n"
		    "                                             x@elsewhere.example\n"
		    "-- 0 Kbytes in 1 Request.\n"));
		list(f, "j", "");
		snprintf(want, sizeof(want), "\"queue_id\": \"%s\"", id);
		assert_non_null(strstr(listing.text, want));
		assert_non_null(strstr(listing.text, "\"sender\": \"alice@example.test\", "
		    "\"recipients\": [{\"address\": \"x@elsewhere.example\", \"delay_reason\": "
		    "\"mail for other domains waits for the relay\"}]}\n"));
		fake_restart(f, crash == 1);
		assert_int_equal(f->q.table.count, 1);
		fake_run_ms(f, 20);
	}
}

static void
test_listing_pages(void **state)
{
	struct fake *f = *state;
	unsigned i, lines = 0, pages = 0;
	char cursor[200] = "", *last;

	for (i = 0; i < 2 * QUEUE_PAGE_ITEMS + 1; i++)
		(void)fake_submit(f, "x@elsewhere.example", TEXT);
	for (;;) {
		list(f, "p", cursor);
		pages++;
		for (last = listing.text; (last = strstr(last, "x@elsewhere")) != NULL; last++)
			lines++;
		if (!listing.more)
			break;
		last = strrchr(listing.text, '\n');
		assert_non_null(last);
		*last = '\0';
		last = strrchr(listing.text, '\n');
		snprintf(cursor, sizeof(cursor), "%s", last + 1);
	}
	assert_int_equal(pages, 3);
	assert_int_equal(lines, 2 * QUEUE_PAGE_ITEMS + 1);
	assert_non_null(strstr(listing.text, " Kbytes in 81 Requests.\n"));
}

/* Local and remote: the local part goes at once, the other is kept. */
static void
test_mixed(void **state)
{
	struct fake *f = *state;
	unsigned char token[TOKEN_BYTES];
	struct fake_answer a, opened;
	int fd = fake_memfd(TEXT, true);

	fake_token(f, FAKE_ALICE, FAKE_INSTANCE, token);
	opened = fake_open(f, 0, "alice@example.test", QUEUE_SUBMISSION,
	    slice_of(token, sizeof(token)));
	a = fake_rcpt(f, 0, opened.msg, "bob@example.test");
	assert_int_equal(a.class, QUEUE_LOCAL);
	a = fake_rcpt(f, 0, opened.msg, "x@elsewhere.example");
	assert_int_equal(a.class, QUEUE_REMOTE);
	a = fake_commit(f, 0, opened.msg, QUEUE_FORM_MEMFD, sizeof(TEXT) - 1, fd, SLICE_NONE);
	close(fd);
	assert_int_equal(a.type, IPC_MSG_queue_committed);
	assert_true(fake_run_until(f, is_all_spooled));
	assert_int_equal(f->job_count, 1);
	fake_run_ms(f, 30);
	list(f, "p", "");
	assert_non_null(strstr(listing.text, "x@elsewhere.example"));
	assert_null(strstr(listing.text, "bob@example.test"));
	fake_restart(f, false);
	fake_run_ms(f, 50);
	assert_int_equal(f->job_count, 0);
	assert_int_equal(f->q.table.count, 1);
}

/* ---- large messages ---- */

static void
test_large(void **state)
{
	struct fake *f = *state;
	struct fake_answer opened, a;
	struct chunkfile_writer *w;
	unsigned char key[32];
	size_t n = 600000;
	char *text = calloc(1, n);
	int crash;

	memset(text, 'L', n);
	memcpy(text, TEXT, sizeof(TEXT) - 1);
	opened = fake_open(f, 0, "", 0, SLICE_NONE);
	a = fake_rcpt(f, 0, opened.msg, "bob@example.test");
	a = fake_file(f, 0, opened.msg);
	assert_int_equal(a.type, IPC_MSG_queue_file_ok);
	w = chunkfile_writer_new(chunkfile_write_fd, &a.fd);
	assert_int_equal(chunkfile_writer_put(w, slice_of(text, n)), ERR_OK);
	assert_int_equal(chunkfile_writer_end(w), ERR_OK);
	memcpy(key, chunkfile_writer_key(w), 32);
	chunkfile_writer_free(&w);
	f->mode = FAKE_TEMP;
	opened = fake_commit(f, 0, opened.msg, QUEUE_FORM_FILE, n, a.fd, slice_of(key, 32));
	close(a.fd);
	assert_int_equal(opened.type, IPC_MSG_queue_committed);
	assert_true(fake_run_until(f, is_all_spooled));
	fake_run_ms(f, 30);
	for (crash = 0; crash < 2; crash++) {
		fake_restart(f, crash == 0);
		assert_true(fake_run_until(f, is_all_spooled));
		assert_int_equal(f->q.table.count, 1);
	}
	f->mode = FAKE_OK;
	f->job_count = 0;
	(void)queue_run_flush(&f->q);
	assert_true(fake_run_until(f, is_empty));
	assert_int_equal(f->jobs[0].form, QUEUE_FORM_FILE);
	assert_memory_equal(f->jobs[0].body, text, sizeof(f->jobs[0].body));
	free(text);
	fake_restart(f, false);
	assert_int_equal(f->q.table.count, 0);
}

/* ---- bounces and expiry ---- */

static void
test_bounce(void **state)
{
	struct fake *f = *state;
	const struct fake_job *j;

	f->mode = FAKE_PERM;
	/* The bounce itself fails too, and nothing comes of that. */
	(void)fake_send(f, "alice@example.test", "bob@example.test", TEXT);
	assert_int_equal(f->job_count, 2);
	j = &f->jobs[1];
	assert_string_equal(j->sender, "");
	assert_string_equal(j->rcpt, "alice@example.test");
	assert_non_null(strstr(j->body, "To: <alice@example.test>\r\n"));
	assert_non_null(strstr(j->body, "Final-Recipient: rfc822; bob@example.test\r\n"
	    "Action: failed\r\nStatus: 5.2.2\r\n"));
	assert_non_null(strstr(j->body, "Subject: a test\r\n"));
	assert_null(strstr(j->body, "The body."));
	assert_int_equal(f->q.table.count, 0);
	assert_int_equal(f->q.msgs.count, 0);
	/* Nobody is told of a bounce. */
	(void)fake_send(f, "", "bob@example.test", TEXT);
	assert_int_equal(f->job_count, 3);
	/* The sender is elsewhere: its notification is kept. */
	(void)fake_send(f, "x@elsewhere.example", "bob@example.test", TEXT);
	assert_true(fake_run_until(f, is_all_spooled));
	assert_int_equal(f->q.table.count, 1);
	list(f, "p", "");
	assert_non_null(strstr(listing.text, "MAILER-DAEMON\n"));
	assert_non_null(strstr(listing.text, "x@elsewhere.example\n"));
}

static void
test_expiry(void **state)
{
	struct fake *f = *state;

	(void)fake_submit(f, "x@elsewhere.example", TEXT);
	assert_true(fake_run_until(f, is_all_spooled));
	loop_advance(f->loop, 5ull * 86400000 + 1000);
	assert_true(fake_run_until(f, is_empty));
	assert_int_equal(f->job_count, 1);
	assert_string_equal(f->jobs[0].rcpt, "alice@example.test");
	assert_non_null(strstr(f->jobs[0].body, "Status: 4.4.7\r\n"));
}

/* ---- house-keeping ---- */

static bool
one_segment_left(struct fake *f)
{
	return spool_dir_count(&f->dir, "segment-") == 1 && f->q.compacting == NULL;
}

static bool
no_segment_left(struct fake *f)
{
	return spool_dir_count(&f->dir, "segment-") == 0;
}

static void
test_compaction(void **state)
{
	struct fake *f = *state;
	unsigned i;

	f->mode = FAKE_TEMP;
	for (i = 0; i < 40; i++)
		(void)fake_send(f, "", "bob@example.test", TEXT);
	(void)fake_submit(f, "x@elsewhere.example", TEXT);
	assert_true(fake_run_until(f, is_all_spooled));
	fake_run_ms(f, 50);
	f->mode = FAKE_OK;
	/* The old segment is no longer written to; all but one message leave it. */
	fake_restart(f, false);
	assert_int_equal(f->q.table.count, 41);
	for (i = 0; i < 100 && f->q.table.count > 1; i++)
		fake_run_ms(f, 20);
	assert_int_equal(f->q.table.count, 1);
	assert_true(fake_run_until(f, one_segment_left));
	fake_restart(f, false);
	assert_int_equal(f->q.table.count, 1);
	list(f, "p", "");
	assert_non_null(strstr(listing.text, "x@elsewhere.example"));
	/* An old, dead segment that is still written to is finished and goes. */
	loop_advance(f->loop, 5ull * 86400000 + 1000);
	assert_true(fake_run_until(f, is_empty));
	loop_advance(f->loop, 3700000);
	for (i = 0; i < 20 && !no_segment_left(f); i++) {
		loop_advance(f->loop, 20000);
		fake_run_ms(f, 20);
	}
	assert_true(no_segment_left(f));
}

/* A damaged record costs its message only, and its bytes are kept. */
static void
test_damaged(void **state)
{
	struct fake *f = *state;
	char name[QUEUE_SEGMENT_NAME];
	uint64_t *numbers;
	size_t count;
	struct buf b;

	f->mode = FAKE_TEMP;
	(void)fake_send(f, "", "bob@example.test", TEXT);
	(void)fake_send(f, "", "alice@example.test", TEXT);
	assert_true(fake_run_until(f, is_all_spooled));
	fake_run_ms(f, 30);
	fake_restart(f, true);		/* finished: its index is believed */
	assert_true(fake_run_until(f, is_all_spooled));
	fake_run_ms(f, 30);
	assert_int_equal(queue_segment_list(f->dir.fd, &numbers, &count), ERR_OK);
	queue_segment_name(name, numbers[0]);
	free(numbers);
	buf_init(&b, 1u << 20);
	spool_dir_read(&f->dir, name, &b);
	buf_data(&b)[QUEUE_HEAD_BYTES * 2 + 70] ^= 1;
	spool_dir_write(&f->dir, name, buf_data(&b), b.n);
	buf_fini(&b);
	f->mode = FAKE_OK;
	f->job_count = 0;
	(void)queue_run_flush(&f->q);
	assert_true(fake_run_until(f, is_empty));
	assert_int_equal(f->job_count, 1);
	assert_string_equal(f->jobs[0].rcpt, "alice@example.test");
	assert_int_equal(spool_dir_count(&f->dir, "corrupt-"), 1);
}

/* Nothing that was said in an envelope or message can be read on disk. */
static void
test_nothing_readable(void **state)
{
	struct fake *f = *state;
	char name[QUEUE_SEGMENT_NAME];
	uint64_t *numbers;
	size_t i, count;
	struct slice all;
	struct buf b;

	f->mode = FAKE_TEMP;
	(void)fake_send(f, "secret@elsewhere.example", "bob@example.test", TEXT);
	assert_true(fake_run_until(f, is_all_spooled));
	fake_run_ms(f, 50);
	assert_int_equal(queue_segment_list(f->dir.fd, &numbers, &count), ERR_OK);
	assert_true(count > 0);
	for (i = 0; i < count; i++) {
		queue_segment_name(name, numbers[i]);
		buf_init(&b, 1u << 20);
		spool_dir_read(&f->dir, name, &b);
		all = buf_slice(&b);
		assert_int_equal(slice_search(all, SLICE_LIT("Subject")), all.n);
		assert_int_equal(slice_search(all, SLICE_LIT("The body")), all.n);
		assert_int_equal(slice_search(all, SLICE_LIT("secret")), all.n);
		assert_int_equal(slice_search(all, SLICE_LIT("bob@")), all.n);
		assert_int_equal(slice_search(all, SLICE_LIT("192.0.2")), all.n);
		assert_int_equal(slice_search(all, SLICE_LIT("told so")), all.n);
		buf_fini(&b);
	}
	free(numbers);
}

/* ---- crashes: any prefix of the disk that holds what was acknowledged ---- */

struct acked {
	uint64_t	 id;
	size_t		 bytes;		/* the segment's length at the 250 */
};

static size_t
segment_length(struct fake *f)
{
	char name[QUEUE_SEGMENT_NAME];
	uint64_t *numbers;
	size_t count, n;
	struct buf b;

	assert_int_equal(queue_segment_list(f->dir.fd, &numbers, &count), ERR_OK);
	assert_int_equal(count, 1);
	queue_segment_name(name, numbers[0]);
	buf_init(&b, 10u << 20);
	spool_dir_read(&f->dir, name, &b);
	n = b.n;
	buf_fini(&b);
	free(numbers);
	return n;
}

static void
test_random_crashes(void **state)
{
	struct fake *f = *state;
	struct acked acked[60];
	char name[QUEUE_SEGMENT_NAME], text[200];
	uint64_t *numbers;
	size_t count, length, cut;
	unsigned i, round;
	struct buf b;

	for (i = 0; i < 60; i++) {
		snprintf(text, sizeof(text), "%s%u", TEXT, i);
		acked[i].id = fake_submit(f, i % 3 == 0 ? "x@elsewhere.example" :
		    "y@elsewhere.example", text);
		acked[i].bytes = segment_length(f);
	}
	assert_true(fake_run_until(f, is_all_spooled));
	length = segment_length(f);
	assert_int_equal(queue_segment_list(f->dir.fd, &numbers, &count), ERR_OK);
	queue_segment_name(name, numbers[0]);
	free(numbers);
	buf_init(&b, 10u << 20);
	spool_dir_read(&f->dir, name, &b);
	srand(1);
	for (round = 0; round < 25; round++) {
		cut = QUEUE_HEAD_BYTES + (size_t)rand() % (length - QUEUE_HEAD_BYTES);
		fake_stop(f);
		memset(f, 0, sizeof(*f));
		fake_start(f, true);
		spool_dir_write(&f->dir, name, buf_data(&b), cut);
		fake_restart(f, false);
		for (i = 0; i < 60; i++)
			if (acked[i].bytes <= cut)
				assert_non_null(queue_table_find(&f->q.table, acked[i].id));
		/* and all of them can be opened */
		list(f, "j", "");
		assert_null(strstr(listing.text, "corrupt"));
	}
	buf_fini(&b);
}

static int
setup(void **state)
{
	struct fake *f = calloc(1, sizeof(*f));

	fake_start(f, true);
	*state = f;
	return 0;
}

static int
setup_bare(void **state)
{
	struct fake *f = calloc(1, sizeof(*f));

	fake_start(f, false);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fake *f = *state;

	fake_stop(f);
	free(f);
	return 0;
}

#define WITH(test)	cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(test_direct), WITH(test_many_recipients), WITH(test_refused_rcpts),
		WITH(test_rcpt_ahead),
		WITH(test_size_limits),
		cmocka_unit_test_setup_teardown(test_not_ready, setup_bare, teardown),
		WITH(test_announced_size), WITH(test_message_limit), WITH(test_message_limit_late),
		WITH(test_submission), WITH(test_login_ends), cmocka_unit_test(test_violations),
		WITH(test_kinds), WITH(test_transaction_limit), WITH(test_file_limit),
		WITH(test_temporary_failure), WITH(test_backoff_by_clock),
		WITH(test_helper_away), WITH(test_slow_deliver), WITH(test_deliver_dies),
		WITH(test_recovered_forget), WITH(test_poison), WITH(test_foreign_results),
		WITH(test_no_deliver),
		WITH(test_kept), WITH(test_listing_pages), WITH(test_mixed), WITH(test_large),
		WITH(test_bounce), WITH(test_expiry), WITH(test_compaction), WITH(test_damaged),
		WITH(test_nothing_readable), WITH(test_random_crashes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
