/* SPDX-License-Identifier: ISC */
/*
 * Reading a damaged file without LMDB: a whole one gives all it has and no
 * fault; pages, headers and lists that are spoilt are noticed, cost what hangs
 * on them, and bring nothing down.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/enc.h"
#include "lib/db/db.h"
#include "lib/db/db_salvage.h"
#include "tests/unit/test.h"

#define KEYS	3000

static char dir[] = "/tmp/db-salvage-XXXXXX";
static char path[64], copy[64];
static unsigned char *file;
static size_t file_n;
static uint64_t seed = 88172645463325252u;

static uint32_t
rnd(uint32_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)((seed >> 16) % below);
}

/* Written over and over, so that there are free pages and several levels. */
static void
make(void)
{
	unsigned char key[4], value[2000];
	struct db_txn *t;
	struct db *db;

	memset(value, 'v', sizeof(value));
	assert_int_equal(db_open(&db, path, 0), ERR_OK);
	for (unsigned round = 0; round < 30; round++) {
		assert_int_equal(db_begin(db, true, &t), ERR_OK);
		for (unsigned i = round % 3; i < KEYS; i += 3) {
			enc_be32(key, i);
			enc_le32(value, i);
			assert_int_equal(db_put(t, slice_of(key, 4), slice_of(value,
			    4 + (i + round) % 97 * (i % 50 == 0 ? 20 : 1))), ERR_OK);
			if (i % 7 == 3 && round > 20)
				assert_int_equal(db_del(t, slice_of(key, 4)), ERR_OK);
		}
		assert_int_equal(db_commit(&t), ERR_OK);
	}
	db_close(&db);
}

static bool
is_there(unsigned i)
{
	return i % 7 != 3;
}

struct seen {
	unsigned	 n;
	unsigned	 strange;
	bool		 is[KEYS];
};

static void
on_entry(void *arg, struct slice key, struct slice value)
{
	struct seen *s = arg;
	uint32_t i = key.n == 4 ? dec_be32(key.p) : UINT32_MAX;

	s->n++;
	if (i >= KEYS || s->is[i] || value.n < 4 || dec_le32(value.p) != i || !is_there(i))
		s->strange++;
	else
		s->is[i] = true;
}

static void
write_copy(size_t n)
{
	FILE *f = fopen(copy, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(file, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
}

static enum err
look(struct seen *s, struct db_salvage *out)
{
	memset(s, 0, sizeof(*s));
	return db_salvage(copy, on_entry, s, out);
}

static void
test_whole(void **state)
{
	struct db_salvage out;
	struct seen s;
	unsigned want = 0;

	(void)state;
	for (unsigned i = 0; i < KEYS; i++)
		want += is_there(i);
	write_copy(file_n);
	assert_int_equal(look(&s, &out), ERR_OK);
	assert_int_equal(out.faults, 0);
	assert_int_equal(out.entries, want);
	assert_int_equal(s.n, want);
	assert_int_equal(s.strange, 0);
	assert_int_equal(db_salvage("/tmp/there/is/none", on_entry, &s, &out), ERR_NOTFOUND);
}

/* A page of nothing: what hangs on it is gone, the rest is there. */
static void
test_lost_pages(void **state)
{
	unsigned char kept[4096];
	struct db_salvage out;
	struct seen s;
	unsigned noticed = 0, lost_all = 0;

	(void)state;
	for (size_t at = 0; at + 4096 <= file_n; at += 4096) {
		memcpy(kept, file + at, sizeof(kept));
		memset(file + at, 0, sizeof(kept));
		write_copy(file_n);
		memcpy(file + at, kept, sizeof(kept));
		if (look(&s, &out) != ERR_OK)
			lost_all++;
		/* One header is enough, to an older tree perhaps. */
		if (at >= 8192)
			assert_int_equal(s.strange, 0);
		noticed += out.faults > 0;
	}
	assert_true(noticed > 20);
	assert_int_equal(lost_all, 0);
	/* Both of them. */
	memset(file, 0, 8192);
	write_copy(file_n);
	assert_int_equal(look(&s, &out), ERR_CORRUPT);
	assert_int_equal(s.n, 0);
}

static void
test_truncated(void **state)
{
	struct db_salvage out;
	struct seen s;

	(void)state;
	for (size_t n = 0; n < file_n; n += 1000 + rnd(9000)) {
		write_copy(n);
		if (look(&s, &out) == ERR_OK)
			assert_true(out.faults > 0 || n > file_n / 2);
		else
			assert_true(n < 8192);
	}
}

static void
test_flips(void **state)
{
	const char *long_run = getenv("GODWIT_CHECK_LONG");
	unsigned rounds = long_run != NULL ? 20000 : 150;
	struct db_salvage out;
	struct seen s;

	(void)state;
	print_message("seed %llu\n", (unsigned long long)seed);
	for (unsigned i = 0; i < rounds; i++) {
		unsigned char *kept = malloc(file_n);

		memcpy(kept, file, file_n);
		/* Where it counts: headers of pages and nodes, now and then anywhere. */
		for (unsigned n = 1 + rnd(20); n > 0; n--) {
			size_t page = rnd((uint32_t)(file_n / 4096)) * 4096;
			size_t at = rnd(2) ? page + rnd(200) : page + rnd(4096);

			file[at] = (unsigned char)(rnd(3) == 0 ? 0xff : file[at] ^ 1u << rnd(8));
		}
		write_copy(file_n);
		(void)!look(&s, &out);
		assert_true(s.n <= file_n / 8);
		memcpy(file, kept, file_n);
		free(kept);
	}
}

static int
setup(void **state)
{
	struct stat st;
	FILE *f;

	(void)state;
	f = fopen(path, "r");
	assert_non_null(f);
	assert_int_equal(fstat(fileno(f), &st), 0);
	file_n = (size_t)st.st_size;
	file = malloc(file_n);
	assert_int_equal(fread(file, 1, file_n, f), file_n);
	fclose(f);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	free(file);
	return 0;
}

static int
group_setup(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/db", dir);
	snprintf(copy, sizeof(copy), "%s/copy", dir);
	make();
	return 0;
}

static int
group_teardown(void **state)
{
	char lock[80];

	(void)state;
	snprintf(lock, sizeof(lock), "%s-lock", path);
	(void)remove(lock);
	(void)remove(path);
	(void)remove(copy);
	(void)rmdir(dir);
	return 0;
}

int
main(void)
{
#define T(name)	cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_whole), T(test_lost_pages), T(test_truncated), T(test_flips),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
