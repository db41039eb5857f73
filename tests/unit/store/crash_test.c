/* SPDX-License-Identifier: ISC */
/*
 * The process dies at each step of the commit cycle, in the middle of work
 * or of recovery, and another one takes over: every message and flag that was
 * answered for is there exactly once, and the whole store is sound.  The
 * child tells over a pipe what was answered; the parent opens the store only
 * in children too, so that fork sees no threads.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/enc.h"
#include "lib/daemon/daemon_priv.h"
#include "lib/ipc/store_proto.h"
#include "lib/sys/fd.h"
#include "store/store_compact.h"
#include "store/store_sweep.h"
#include "tests/unit/store/store_bed.h"
#include "tests/unit/test.h"

#define ROUNDS		40
#define MESSAGES_MAX	4096

/* What was answered: 'A' appended, 'D' deleted. */
struct note {
	char		 what;
	uint32_t	 uid;
};

static struct bed bed;
static struct bed_peer *deliver, *imapd;
static uint32_t handle;
static int notes;
static bool there[MESSAGES_MAX], deleted[MESSAGES_MAX];

static void
note(char what, uint32_t uid)
{
	const struct note n = { what, uid };

	if (write(notes, &n, sizeof(n)) != (ssize_t)sizeof(n))
		_exit(3);
}

static void
begin(const char *dir)
{
	memset(&bed, 0, sizeof(bed));
	snprintf(bed.dir, sizeof(bed.dir), "%s", dir);
	bed.shards = 2;
	bed.segment_bytes = 100000;	/* many segments */
	buf_init(&bed.reply.bytes, 70000);
	bed.reply.fd = -1;
	bed.next_msg = (uint64_t)getpid() << 20;
	bed_open(&bed);
	bed_accounts(&bed, bed_peer(&bed, IPC_KEYD, 1));
	deliver = bed_peer(&bed, IPC_DELIVER, 2);
	imapd = bed_peer(&bed, IPC_IMAPD, 3);
	handle = bed_login(&bed, imapd, 1);
}

static struct ipc_store_selected
inbox(void)
{
	struct ipc_store_select m = { handle, false, SLICE_LIT("INBOX") };

	return bed_call(&bed, imapd, IPC_MSG_store_select, &m)->m.store_selected;
}

static void
append_file(void)
{
	struct ipc_store_append m;
	static char big[90000];
	int fd;

	assert_int_equal(fd_memfd_make("b", &fd), ERR_OK);
	assert_int_equal(fd_pwrite_all(fd, big, sizeof(big), 0), ERR_OK);
	assert_int_equal(fd_memfd_seal(fd), ERR_OK);
	bed_append_fill(&bed, deliver, 0, 1, &m);
	m.body = SLICE_NONE;
	note('A', bed_call_fd(&bed, deliver, IPC_MSG_store_append, &m, fd)->m.store_appended.uid);
	close(fd);
}

static void
delete_one(uint32_t uid)
{
	struct ipc_store_selected s = inbox();
	struct ipc_store_flags f = { .handle = handle, .mailbox = s.mailbox, .v = s.modseq,
	    .uidnext = s.uidnext, .by_uid = true, .op = STORE_ADD, .flags = STORE_DELETED,
	    .unchanged_since = UINT64_MAX };
	struct ipc_store_expunge e = { .handle = handle, .mailbox = s.mailbox, .v = s.modseq,
	    .uidnext = s.uidnext };
	unsigned char set[8];

	enc_le32(set, uid);
	enc_le32(set + 4, uid);
	f.set = slice_of(set, 8);
	assert_int_equal(bed_call(&bed, imapd, IPC_MSG_store_flags, &f)->type, IPC_MSG_store_rows);
	assert_int_equal(bed_call(&bed, imapd, IPC_MSG_store_expunge, &e)->type,
	    IPC_MSG_store_expunged);
	note('D', uid);
}

static uint32_t
append_one(unsigned i)
{
	static char body[20000];
	struct bed_reply *r = bed_append(&bed, deliver, 0, 1, "INBOX", 0,
	    slice_of(body, 1 + i * 400));

	note('A', r->m.store_appended.uid);
	return r->m.store_appended.uid;
}

/* Passes every step several times, if it lives so long. */
static void
work(void)
{
	uint32_t uid;

	for (unsigned i = 0; i < ROUNDS; i++) {
		uid = append_one(i);
		if (i % 8 == 3)
			append_file();
		if (i % 5 == 4)
			delete_one(uid);
		if (i % 10 == 9)
			bed_checkpoint(&bed);
	}
}

static void
sweep_all(void)
{
	sweep_start(&bed.store);
	sweep_wanted(&bed.store);
	while (!sweep_is_through(&bed.store))
		bed_turn(&bed);
	sweep_stop(&bed.store);
	bed_settle(&bed);
}

/* Messages go, large ones leave holes, and segments are emptied. */
static void
work_compacting(void)
{
	struct compact_progress p;

	for (unsigned round = 0; round < 4; round++) {
		uint32_t first = inbox().uidnext;

		for (unsigned i = 0; i < 12; i++)
			append_one(i);
		append_file();
		delete_one(first);
		delete_one(inbox().uidnext - 1);
		sweep_all();
		bed_checkpoint(&bed);
		compact_start(&bed.store);
		assert_true(compact_force(&bed.store));
		do {
			bed_turn(&bed);
			compact_progress(&bed.store, &p);
		} while (p.is_forced);
		compact_stop(&bed.store);
	}
}

static void
verify(void)
{
	struct ipc_store_selected s = inbox();
	struct ipc_store_fetch m = { .handle = handle, .mailbox = s.mailbox, .v = s.modseq,
	    .uidnext = s.uidnext };
	unsigned char set[8];
	struct bed_reply *r;
	struct ipc_reader rd;
	struct ipc_row row;

	enc_le32(set, 1);
	enc_le32(set + 4, STORE_STAR);
	m.set = slice_of(set, 8);
	r = bed_call(&bed, imapd, IPC_MSG_store_fetch, &m);
	rd = ipc_reader_of(r->m.store_rows.rows);
	while (ipc_reader_more(&rd)) {
		ipc_row_get(&rd, &row);
		assert_true(row.uid < MESSAGES_MAX);
		assert_false(deleted[row.uid]);
		there[row.uid] = false;
	}
	for (unsigned i = 0; i < MESSAGES_MAX; i++)
		if (there[i] && !deleted[i])
			fail_msg("message %u is gone", i);
	bed_check(&bed);
}

/* Runs fn in a child; true when it was killed. */
static bool
child(const char *dir, const char *step, void (*fn)(void))
{
	struct note n;
	int fds[2], status;
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		close(fds[0]);
		notes = fds[1];
		if (step != NULL)
			setenv("GODWIT_CRASH_AT", step, 1);
		daemon_crash_init();
		begin(dir);
		fn();
		_exit(0);
	}
	close(fds[1]);
	while (read(fds[0], &n, sizeof(n)) == (ssize_t)sizeof(n)) {
		assert_true(n.uid < MESSAGES_MAX);
		if (n.what == 'A') {
			/* No UID is given twice. */
			assert_false(there[n.uid] || deleted[n.uid]);
			there[n.uid] = true;
		} else {
			deleted[n.uid] = true;
		}
	}
	close(fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (!WIFSIGNALED(status))
		assert_int_equal(WEXITSTATUS(status), 0);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

static void
nothing(void)
{
}

static void
die_at(const char *step, void (*fn)(void), bool in_recovery)
{
	char dir[] = "/tmp/store-crash-XXXXXX", at[64], command[64];
	unsigned deaths = 0;

	assert_non_null(mkdtemp(dir));
	memset(there, 0, sizeof(there));
	memset(deleted, 0, sizeof(deleted));
	for (unsigned n = 1; n <= (fn == work_compacting ? 2 : 3); n++) {
		if (in_recovery) {
			/* Something to recover first. */
			assert_true(child(dir, "store.reply-sent:25", work));
			snprintf(at, sizeof(at), "%s:1", step);
			deaths += child(dir, at, nothing);
		} else {
			snprintf(at, sizeof(at), "%s:%u", step, n * n);
			deaths += child(dir, at, fn);
		}
		assert_false(child(dir, NULL, verify));
	}
	/* Higher counts may lie beyond the work; the first never does. */
	assert_true(deaths >= (in_recovery ? 3 : 1));
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	assert_int_equal(system(command), 0);
}

static void
test_work(void **state)
{
	static const char *const steps[] = {
		"store.segment-made", "store.body-synced", "store.body-written",
		"store.journal-written", "store.journal-synced", "store.reply-sent",
		"store.segments-synced", "store.index-committed",
	};

	(void)state;
#ifndef GODWIT_TEST
	skip();
#endif
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		die_at(steps[i], work, false);
}

static void
test_compaction(void **state)
{
	static const char *const steps[] = {
		"store.compact-moved", "store.compact-emptied", "store.compact-unlinked",
		"store.punched",
	};

	(void)state;
#ifndef GODWIT_TEST
	skip();
#endif
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		die_at(steps[i], work_compacting, false);
}

static void
test_recovery(void **state)
{
	(void)state;
#ifndef GODWIT_TEST
	skip();
#endif
	die_at("store.replay-synced", nothing, true);
	die_at("store.replayed", nothing, true);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_work),
		cmocka_unit_test(test_compaction),
		cmocka_unit_test(test_recovery),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
