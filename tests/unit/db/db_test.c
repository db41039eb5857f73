/* SPDX-License-Identifier: ISC */
/*
 * The LMDB wrapper: transactions, finding in both directions, pages of a
 * range, limits, parked readers, a killed reader's slot, growing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/db/db.h"
#include "tests/unit/test.h"

static char dir[] = "/tmp/db-test-XXXXXX";
static char path[64];

static int
setup(void **state)
{
	struct db *db;

	(void)remove(path);
	assert_int_equal(db_open(&db, path, 0), ERR_OK);
	*state = db;
	return 0;
}

static int
teardown(void **state)
{
	struct db *db = *state;
	char lock[80];

	db_close(&db);
	(void)remove(path);
	snprintf(lock, sizeof(lock), "%s-lock", path);
	(void)remove(lock);
	return 0;
}

static void
put(struct db *db, const char *key, const char *value)
{
	struct db_txn *t;

	assert_int_equal(db_begin(db, true, &t), ERR_OK);
	assert_int_equal(db_put(t, slice_str(key), slice_str(value)), ERR_OK);
	assert_int_equal(db_commit(&t), ERR_OK);
	assert_null(t);
}

static void
test_transactions(void **state)
{
	struct db *db = *state;
	struct db_txn *t, *r;
	struct slice v;

	put(db, "a", "1");
	assert_int_equal(db_begin(db, false, &r), ERR_OK);
	assert_int_equal(db_begin(db, true, &t), ERR_OK);
	assert_int_equal(db_put(t, SLICE_LIT("a"), SLICE_LIT("2")), ERR_OK);
	assert_int_equal(db_get(t, SLICE_LIT("a"), &v), ERR_OK);
	assert_slice(v, "2");
	assert_int_equal(db_get(r, SLICE_LIT("a"), &v), ERR_OK);
	assert_slice(v, "1");
	db_abort(&t);
	assert_null(t);
	put(db, "a", "3");
	/* A snapshot stays until it is renewed. */
	assert_int_equal(db_get(r, SLICE_LIT("a"), &v), ERR_OK);
	assert_slice(v, "1");
	assert_int_equal(db_renew(r), ERR_OK);
	assert_int_equal(db_get(r, SLICE_LIT("a"), &v), ERR_OK);
	assert_slice(v, "3");
	db_park(r);
	db_park(r);
	assert_int_equal(db_renew(r), ERR_OK);
	db_abort(&r);
	db_abort(&r);
	assert_int_equal(db_begin(db, true, &t), ERR_OK);
	assert_int_equal(db_del(t, SLICE_LIT("a")), ERR_OK);
	assert_int_equal(db_del(t, SLICE_LIT("absent")), ERR_OK);
	assert_int_equal(db_get(t, SLICE_LIT("a"), &v), ERR_NOTFOUND);
	assert_int_equal(db_commit(&t), ERR_OK);
}

static void
test_find(void **state)
{
	struct db *db = *state;
	struct db_txn *t;
	struct slice k, v;

	put(db, "b", "1");
	put(db, "d", "2");
	put(db, "f", "3");
	assert_int_equal(db_begin(db, false, &t), ERR_OK);
	assert_int_equal(db_find(t, DB_CEIL, SLICE_LIT("c"), &k, &v), ERR_OK);
	assert_slice(k, "d");
	assert_int_equal(db_step(t, DB_CEIL, &k, &v), ERR_OK);
	assert_slice(k, "f");
	assert_int_equal(db_step(t, DB_CEIL, &k, &v), ERR_NOTFOUND);
	assert_int_equal(db_find(t, DB_FLOOR, SLICE_LIT("c"), &k, &v), ERR_OK);
	assert_slice(k, "b");
	assert_int_equal(db_step(t, DB_FLOOR, &k, &v), ERR_NOTFOUND);
	assert_int_equal(db_find(t, DB_FLOOR, SLICE_LIT("d"), &k, &v), ERR_OK);
	assert_slice(k, "d");
	assert_slice(v, "2");
	assert_int_equal(db_find(t, DB_FLOOR, SLICE_LIT("z"), &k, &v), ERR_OK);
	assert_slice(k, "f");
	assert_int_equal(db_find(t, DB_FLOOR, SLICE_LIT("a"), &k, &v), ERR_NOTFOUND);
	assert_int_equal(db_find(t, DB_CEIL, SLICE_LIT("g"), &k, &v), ERR_NOTFOUND);
	db_abort(&t);
}

static bool
count(void *arg, struct slice key, struct slice value)
{
	unsigned *n = arg;

	(void)key;
	(void)value;
	return ++*n != 99;
}

static void
test_range(void **state)
{
	char key[8], store[DB_KEY_MAX];
	struct db *db = *state;
	struct slice resume;
	struct db_txn *t;
	unsigned n = 0;

	for (unsigned i = 0; i < 50; i++) {
		snprintf(key, sizeof(key), "k%02u", i);
		put(db, key, "v");
	}
	assert_int_equal(db_begin(db, false, &t), ERR_OK);
	assert_int_equal(db_range(t, SLICE_LIT("k05"), SLICE_LIT("k40"), 20, count, &n, store,
	    &resume), ERR_OK);
	assert_int_equal(n, 20);
	assert_slice(resume, "k25");
	assert_int_equal(db_range(t, resume, SLICE_LIT("k40"), 20, count, &n, store, &resume),
	    ERR_OK);
	assert_int_equal(n, 35);
	assert_int_equal(resume.n, 0);
	db_abort(&t);
}

static void
test_limits(void **state)
{
	char key[DB_KEY_MAX + 1], *big = calloc(1, 100000);
	struct db *db = *state;
	struct db_txn *t;
	struct slice k, v;

	memset(key, 'k', sizeof(key));
	assert_int_equal(db_begin(db, true, &t), ERR_OK);
	assert_int_equal(db_put(t, slice_of(key, DB_KEY_MAX), slice_of(big, 100000)), ERR_OK);
	assert_int_equal(db_put(t, slice_of(key, DB_KEY_MAX + 1), SLICE_LIT("x")), ERR_LIMIT);
	assert_int_equal(db_put(t, SLICE_NONE, SLICE_LIT("x")), ERR_LIMIT);
	assert_int_equal(db_get(t, SLICE_NONE, &v), ERR_LIMIT);
	assert_int_equal(db_find(t, DB_CEIL, SLICE_NONE, &k, &v), ERR_LIMIT);
	assert_int_equal(db_del(t, slice_of(key, DB_KEY_MAX + 1)), ERR_LIMIT);
	assert_int_equal(db_get(t, slice_of(key, DB_KEY_MAX), &v), ERR_OK);
	assert_int_equal(v.n, 100000);
	assert_int_equal(db_commit(&t), ERR_OK);
	free(big);
}

/* Full, grown, and on. */
static void
test_grow(void **state)
{
	char small[64], key[16], *value = calloc(1, 4000);
	enum err e = ERR_OK;
	struct db_txn *t, *r;
	struct db_stat st;
	struct db *db;
	unsigned n;

	(void)state;
	snprintf(small, sizeof(small), "%s/small", dir);
	assert_int_equal(db_open(&db, small, 1 << 20), ERR_OK);
	assert_int_equal(db_begin(db, true, &t), ERR_OK);
	for (n = 0; n < 1000 && e == ERR_OK; n++) {
		snprintf(key, sizeof(key), "%u", n);
		e = db_put(t, slice_str(key), slice_of(value, 4000));
	}
	assert_int_equal(e, ERR_FULL);
	/* Growing under a transaction would be silent damage. */
	assert_int_equal(db_grow(db), ERR_STATE);
	db_abort(&t);
	assert_int_equal(db_begin(db, false, &r), ERR_OK);
	assert_int_equal(db_grow(db), ERR_STATE);
	db_park(r);
	assert_int_equal(db_grow(db), ERR_OK);
	db_abort(&r);
	assert_int_equal(db_grow(db), ERR_OK);
	assert_int_equal(db_stat(db, &st), ERR_OK);
	assert_int_equal(st.map_bytes, 4 << 20);
	put(db, "more", "x");
	db_close(&db);
	(void)remove(small);
	free(value);
}

/* A reader that was killed does not keep pages for ever. */
static void
test_killed_reader(void **state)
{
	struct db *db = *state, *mine;
	struct db_stat before, after;
	struct db_txn *t;
	pid_t pid;

	put(db, "a", "1");
	pid = fork();
	if (pid == 0) {
		if (db_open(&mine, path, 0) != ERR_OK || db_begin(mine, false, &t) != ERR_OK)
			_exit(1);
		_exit(0);	/* without ending the transaction */
	}
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	db_reader_check(db);
	for (unsigned i = 0; i < 20; i++)
		put(db, "a", "2");
	assert_int_equal(db_stat(db, &before), ERR_OK);
	for (unsigned i = 0; i < 200; i++)
		put(db, "a", "3");
	assert_int_equal(db_stat(db, &after), ERR_OK);
	assert_int_equal(after.used_bytes, before.used_bytes);
}

static void
test_not_a_database(void **state)
{
	char other[64];
	struct db *db;
	FILE *f;

	(void)state;
	snprintf(other, sizeof(other), "%s/other", dir);
	f = fopen(other, "w");
	for (unsigned i = 0; i < 20000; i++)
		fputc('x', f);
	fclose(f);
	assert_int_equal(db_open(&db, other, 0), ERR_CORRUPT);
	assert_null(db);
	(void)remove(other);
	snprintf(other, sizeof(other), "%s/no/such/place", dir);
	assert_int_equal(db_open(&db, other, 0), ERR_NOTFOUND);
}

/* What a loss of power leaves of a file in the making is made anew. */
static void
test_half_made(void **state)
{
	char other[64], fresh[80], lock[90];
	struct db *db;
	FILE *f;

	(void)state;
	snprintf(other, sizeof(other), "%s/other", dir);
	snprintf(fresh, sizeof(fresh), "%s.new", other);
	snprintf(lock, sizeof(lock), "%s-lock", fresh);
	f = fopen(fresh, "w");
	for (unsigned i = 0; i < 8192; i++)
		fputc(0, f);
	fclose(f);
	assert_int_equal(db_open(&db, other, 0), ERR_OK);
	assert_int_not_equal(access(fresh, F_OK), 0);
	assert_int_not_equal(access(lock, F_OK), 0);
	put(db, "a", "1");
	db_close(&db);
	assert_int_equal(db_open(&db, other, 0), ERR_OK);
	db_close(&db);
	(void)remove(other);
}

int
main(void)
{
#define T(name)	cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_transactions), T(test_find), T(test_range), T(test_limits), T(test_grow),
		T(test_killed_reader), T(test_not_a_database), T(test_half_made),
	};
#undef T
	char command[64];
	int rc;

	if (mkdtemp(dir) == NULL)
		return 1;
	snprintf(path, sizeof(path), "%s/db", dir);
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command) == 0 ? rc : 1;
}
