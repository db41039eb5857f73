/* SPDX-License-Identifier: ISC */
/*
 * The process dies at each step of queue_state.c, and a second one takes over
 * the spool: everything that had its 250 is delivered or in the queue.  The
 * children tell over a pipe what was acknowledged and what was delivered; the
 * parent starts no thread, so that fork is safe.
 */
#include "tests/unit/test.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/cc.h"
#include "lib/base/log.h"
#include "lib/daemon/daemon_priv.h"
#include "lib/ipc/queue_proto.h"
#include "lib/seal/chunkfile.h"
#include "queue/queue_run.h"
#include "tests/unit/queue/fake_queue.h"

#define TEXT		"Subject: a test\r\n\r\nThe body.\r\n"
#define MESSAGES_MAX	256u

/* L: local, R: remote, both acknowledged; D: delivered; Q: in the queue at
 * the end; X: its record was damaged by the test. */
struct note {
	char		 what;
	uint64_t	 id;
};

static int notes = -1;

static void
note(char what, uint64_t id)
{
	const struct note n = { what, id };

	assert_int_equal(write(notes, &n, sizeof(n)), sizeof(n));
}

static void
on_delivered(struct fake *f, uint64_t id)
{
	(void)f;
	note('D', id);
}

/* ---- the work that passes every step ---- */

static bool
is_quiet(struct fake *f)
{
	struct list *l;

	if (f->q.msgs.count > 0 || f->q.works > 0)
		return false;
	for (l = f->q.table.order.next; l != &f->q.table.order; l = l->next)
		if (obj_of(l, struct queue_item, order)->writes > 0)
			return false;
	return true;
}

static void
settle(struct fake *f)
{
	assert_true(fake_run_until(f, is_quiet));
}

static void
local(struct fake *f, unsigned count)
{
	while (count-- > 0)
		note('L', fake_send(f, "", "bob@example.test", TEXT));
}

static void
large(struct fake *f)
{
	struct fake_answer opened, a;
	struct chunkfile_writer *w;
	char *text = calloc(1, 300000);

	opened = fake_open(f, 0, "", 0, SLICE_NONE);
	(void)fake_rcpt(f, 0, opened.msg, "bob@example.test");
	a = fake_file(f, 0, opened.msg);
	w = chunkfile_writer_new(chunkfile_write_fd, &a.fd);
	assert_int_equal(chunkfile_writer_put(w, slice_of(text, 300000)), ERR_OK);
	assert_int_equal(chunkfile_writer_end(w), ERR_OK);
	(void)fake_commit(f, 0, opened.msg, QUEUE_FORM_FILE, 300000, a.fd,
	    slice_of(chunkfile_writer_key(w), 32));
	note('L', opened.msg);
	chunkfile_writer_free(&w);
	close(a.fd);
	free(text);
}

/* Turn one bit in the middle of the record of the message. */
static void
damage(struct fake *f, uint64_t id)
{
	const struct queue_item *it = queue_table_find(&f->q.table, id);
	char name[QUEUE_SEGMENT_NAME], c;
	off_t at;
	int fd;

	assert_non_null(it);
	at = (off_t)(it->spot.off + QUEUE_HEAD_BYTES + 70);
	queue_segment_name(name, it->spot.number);
	note('X', id);
	fd = openat(f->dir.fd, name, O_RDWR);
	assert_int_equal(pread(fd, &c, 1, at), 1);
	c ^= 1;
	assert_int_equal(pwrite(fd, &c, 1, at), 1);
	close(fd);
}

static void
do_damage(struct fake *f)
{
	uint64_t tried, stored;

	f->mode = FAKE_TEMP;
	tried = fake_send(f, "", "bob@example.test", TEXT);
	stored = fake_submit(f, "x@elsewhere.example", TEXT);
	settle(f);
	damage(f, tried);
	damage(f, stored);
	f->mode = FAKE_OK;
	(void)queue_run_flush(&f->q);
	settle(f);
	queue_sched_put(&f->q.sched, queue_table_find(&f->q.table, stored), 0);
	queue_run_arm(&f->q);
	settle(f);
}

static void
do_compact(struct fake *f)
{
	f->mode = FAKE_TEMP;
	local(f, 12);
	note('R', fake_submit(f, "x@elsewhere.example", TEXT));
	settle(f);
	f->mode = FAKE_OK;
	fake_restart(f, true);
	settle(f);
	loop_advance(f->loop, 1300);	/* house-keeping comes after a second */
	settle(f);
	fake_run_ms(f, 20);
	loop_advance(f->loop, 1300);
	fake_run_ms(f, 20);
}

static void
do_table(struct fake *f)
{
	struct queue_map_head head;
	struct queue_map_new *n;
	struct buf dups;

	buf_init(&dups, 100);
	assert_int_equal(queue_maps_need_dir(f->q.maps), ERR_OK);
	assert_int_equal(queue_map_new_open(&n, queue_maps_dir(f->q.maps), "t.lmdb",
	    QUEUE_MAP_TABLE, &queue_map_limits_default), ERR_OK);
	assert_int_equal(queue_map_new_put(n, SLICE_LIT("key\0value\0"), false, &dups), ERR_OK);
	assert_int_equal(queue_map_new_finish(n, &head), ERR_OK);
	assert_int_equal(queue_maps_replace(f->q.maps, SLICE_LIT("t"), n), ERR_OK);
	queue_map_new_free(&n);
	buf_fini(&dups);
}

static void
work(const char *path)
{
	struct fake *f = calloc(1, sizeof(*f));

	f->delivered = on_delivered;
	fake_start_in(f, path);
	f->q.limits.direct_ms = 20;
	local(f, 3);
	loop_advance(f->loop, 600);	/* the store is told to forget */
	fake_run_ms(f, 10);
	f->mode = FAKE_TEMP;
	local(f, 3);
	settle(f);
	(void)queue_run_flush(&f->q);
	settle(f);
	large(f);
	settle(f);
	f->mode = FAKE_OK;
	(void)queue_run_flush(&f->q);
	settle(f);
	note('R', fake_submit(f, "x@elsewhere.example", TEXT));
	f->mode = FAKE_HOLD;
	f->job_count = 0;
	local(f, 1);
	note('D', f->jobs[0].msg);
	fake_answer_held(f, 0, ERR_OK);
	settle(f);
	do_damage(f);
	do_compact(f);
	do_table(f);
	_exit(0);
}

/* ---- the second process ---- */

static bool
only_remote(struct fake *f)
{
	struct list *l;

	if (!is_quiet(f))
		return false;
	for (l = f->q.table.order.next; l != &f->q.table.order; l = l->next)
		if (!(obj_of(l, struct queue_item, order)->flags & QUEUE_ALL_REMOTE))
			return false;
	return true;
}

static void
take_over(const char *path)
{
	struct fake *f = calloc(1, sizeof(*f));
	struct list *l;

	f->delivered = on_delivered;
	fake_start_in(f, path);
	assert_true(fake_run_until(f, only_remote));
	for (l = f->q.table.order.next; l != &f->q.table.order; l = l->next)
		note('Q', obj_of(l, struct queue_item, order)->id);
	/* and it takes mail as before */
	local(f, 1);
	_exit(0);
}

/* ---- the judge ---- */

struct tally {
	struct note	 notes[MESSAGES_MAX];
	unsigned	 n;
};

static int
run_child(void (*fn)(const char *), const char *path, const char *step, struct tally *t)
{
	struct note n;
	int fds[2], status;
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	if ((pid = fork()) == 0) {
		close(fds[0]);
		notes = fds[1];
		log_to_fd(open("/dev/null", O_WRONLY));
		if (step != NULL)
			setenv("GODWIT_CRASH_AT", step, 1);
		daemon_crash_init();
		alarm(60);
		fn(path);
		_exit(1);
	}
	close(fds[1]);
	while (read(fds[0], &n, sizeof(n)) == sizeof(n)) {
		assert_true(t->n < MESSAGES_MAX);
		t->notes[t->n++] = n;
	}
	close(fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static bool
has(const struct tally *t, char what, uint64_t id)
{
	unsigned i;

	for (i = 0; i < t->n; i++)
		if (t->notes[i].what == what && t->notes[i].id == id)
			return true;
	return false;
}

static void
judge(const struct tally *t)
{
	unsigned i, acked = 0;

	for (i = 0; i < t->n; i++) {
		const struct note *n = &t->notes[i];

		if (has(t, 'X', n->id))
			continue;
		if (n->what == 'L') {
			assert_true(has(t, 'D', n->id));
			acked++;
		} else if (n->what == 'R') {
			assert_true(has(t, 'Q', n->id));
			acked++;
		}
	}
	assert_true(acked > 0);
}

static void
crash_at(const char *name, unsigned count)
{
	struct spool_dir dir;
	struct tally t = { .n = 0 };
	char step[100];
	int status;

	(void)snprintf(step, sizeof(step), "queue.%s:%u", name, count);
	spool_dir_make(&dir);
	status = run_child(work, dir.path, step, &t);
	if (!(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL))
		assert_string_equal("the work does not pass this step", step);
	status = run_child(take_over, dir.path, NULL, &t);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	judge(&t);
	spool_dir_remove(&dir);
}

static void
test_every_step(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < queue_state_steps_count; i++)
		crash_at(queue_state_steps[i].name, 1);
}

/* The later passes of steps that many messages go through. */
static void
test_later_passes(void **state)
{
	static const char *const names[] = { "written", "synced", "stored", "finish-tried",
	    "removed", "tried" };
	unsigned i;

	(void)state;
	for (i = 0; i < lengthof(names); i++) {
		crash_at(names[i], 2);
		crash_at(names[i], 4);
	}
}

/* Without a crash the same work leaves nothing behind but what it must. */
static void
test_no_crash(void **state)
{
	struct spool_dir dir;
	struct tally t = { .n = 0 };
	int status;

	(void)state;
	spool_dir_make(&dir);
	status = run_child(work, dir.path, NULL, &t);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	status = run_child(take_over, dir.path, NULL, &t);
	assert_int_equal(WEXITSTATUS(status), 0);
	judge(&t);
	assert_int_equal(spool_dir_count(&dir, "corrupt-"), 2);
	spool_dir_remove(&dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_crash),
		cmocka_unit_test(test_every_step),
		cmocka_unit_test(test_later_passes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
