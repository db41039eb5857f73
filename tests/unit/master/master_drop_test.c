/* SPDX-License-Identifier: ISC */
#include "tests/unit/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "master/master_drop_scan.h"
#include "master/master_drop_share.h"

/* ---- the directory ---- */

static int
make_dir(char path[64])
{
	int fd;

	(void)snprintf(path, 64, "/tmp/godwit-drop-test.XXXXXX");
	assert_non_null(mkdtemp(path));
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static void
make_names(int dir, bool is_hidden, unsigned count)
{
	char name[64];
	int fd;

	for (unsigned i = 0; i < count; i++) {
		(void)snprintf(name, sizeof(name), is_hidden ? ".h%u" : "n%u", i);
		fd = openat(dir, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		assert_true(fd >= 0);
		close(fd);
	}
}

static void
remove_names(int dir, const char *path)
{
	struct dirent *e;
	DIR *d = fdopendir(dir);

	while ((e = readdir(d)) != NULL)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			assert_int_equal(unlinkat(dir, e->d_name, 0), 0);
	closedir(d);
	assert_int_equal(rmdir(path), 0);
}

/* Every visible name comes once; how many reads that took. */
static unsigned
go_round(struct master_drop_scan *s, int dir, unsigned want)
{
	bool *seen = calloc(want, sizeof(*seen));
	unsigned reads = 0, count = 0;
	const char *name, *before;

	assert_int_equal(master_drop_scan_begin(s, dir), ERR_OK);
	while (master_drop_scan_more(s)) {
		reads++;
		assert_true(s->count <= MASTER_DROP_NAMES);
		before = "";
		while ((name = master_drop_scan_next(s)) != NULL) {
			unsigned long n = strtoul(name + 1, NULL, 10);

			assert_true(name[0] == 'n' && n < want && !seen[n]);
			assert_true(strcmp(before, name) < 0);
			seen[n] = true;
			before = name;
			count++;
		}
	}
	assert_int_equal(count, want);
	assert_null(master_drop_scan_next(s));
	free(seen);
	return reads;
}

static void
test_every_name_comes_once(void **state)
{
	struct master_drop_scan s;
	char path[64];
	int dir = make_dir(path);

	(void)state;
	master_drop_scan_init(&s);
	assert_false(master_drop_scan_more(&s));
	assert_int_equal(go_round(&s, dir, 0), 1);
	/* with "." and "..", exactly what is read at once */
	make_names(dir, false, MASTER_DROP_NAMES - 2);
	assert_int_equal(go_round(&s, dir, MASTER_DROP_NAMES - 2), 1);
	make_names(dir, false, MASTER_DROP_NAMES - 1);
	assert_int_equal(go_round(&s, dir, MASTER_DROP_NAMES - 1), 2);
	/* hidden names take their part of a read, and nothing else */
	make_names(dir, true, 3 * MASTER_DROP_NAMES);
	assert_int_equal(go_round(&s, dir, MASTER_DROP_NAMES - 1), 5);
	/* in the middle of a round */
	assert_int_equal(master_drop_scan_begin(&s, dir), ERR_OK);
	assert_true(master_drop_scan_more(&s));
	master_drop_scan_fini(&s);
	remove_names(dir, path);
	assert_int_not_equal(master_drop_scan_begin(&s, -1), ERR_OK);
}

/* ---- turns ---- */

static void
test_files_of_an_owner(void **state)
{
	struct master_drop_share s;

	(void)state;
	master_drop_share_begin(&s);
	for (unsigned i = 0; i < MASTER_DROP_OWNER_FILES; i++)
		assert_true(master_drop_share_take(&s, 7, 1));
	assert_false(s.has_left);
	assert_false(master_drop_share_take(&s, 7, 1));
	assert_true(s.has_left);
	assert_true(master_drop_share_take(&s, 8, 1));
	master_drop_share_begin(&s);
	assert_true(master_drop_share_take(&s, 7, 1));
}

static void
test_bytes_of_an_owner(void **state)
{
	struct master_drop_share s;

	(void)state;
	master_drop_share_begin(&s);
	assert_true(master_drop_share_take(&s, 7, MASTER_DROP_OWNER_BYTES - 1));
	assert_true(master_drop_share_take(&s, 7, 1));
	assert_true(master_drop_share_take(&s, 7, 0));
	assert_false(master_drop_share_take(&s, 7, 1));
	/* his turn is over, for small ones too: order is kept */
	assert_false(master_drop_share_take(&s, 7, 0));
	/* one file may be larger than that */
	assert_true(master_drop_share_take(&s, 8, UINT64_MAX));
	assert_false(master_drop_share_take(&s, 8, 1));
}

static void
test_waiting_mail_calls_for_no_round(void **state)
{
	struct master_drop_share s;

	(void)state;
	master_drop_share_begin(&s);
	assert_true(master_drop_share_take(&s, 7, 1));
	master_drop_share_defer(&s, 7, false);
	for (unsigned i = 1; i < MASTER_DROP_OWNER_FILES; i++)
		assert_true(master_drop_share_take(&s, 7, 1));
	assert_false(master_drop_share_take(&s, 7, 1));
	assert_true(master_drop_share_take(&s, 8, 1));
	master_drop_share_defer(&s, 8, true);
	assert_false(master_drop_share_take(&s, 8, 1));
	assert_false(s.has_left);
}

static void
test_owners(void **state)
{
	struct master_drop_share s;

	(void)state;
	master_drop_share_begin(&s);
	for (uid_t uid = 0; uid < MASTER_DROP_OWNERS; uid++)
		assert_true(master_drop_share_take(&s, uid, 1));
	/* all others have one turn */
	for (uid_t uid = 1000; uid < 1000 + MASTER_DROP_OWNER_FILES; uid++)
		assert_true(master_drop_share_take(&s, uid, 1));
	assert_false(master_drop_share_take(&s, 9999, 1));
	assert_true(master_drop_share_take(&s, 1, 1));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_name_comes_once),
		cmocka_unit_test(test_files_of_an_owner),
		cmocka_unit_test(test_bytes_of_an_owner),
		cmocka_unit_test(test_waiting_mail_calls_for_no_round),
		cmocka_unit_test(test_owners),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
