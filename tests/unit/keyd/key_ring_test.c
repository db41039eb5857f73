/* SPDX-License-Identifier: ISC */
/*
 * The ring and its journal: what comes back after a restart, after a write
 * torn at any byte, after damage, under another root key, and on a full disk.
 */
#include "tests/unit/test.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keyd/key_journal.h"
#include "keyd/key_pair.h"
#include "keyd/key_ring.h"
#include "lib/base/cc.h"

static const unsigned char root[32] = { 1, 2, 3 };
static char dir_name[64];
static int dir_fd;

static int
setup(void **state)
{
	(void)state;
	cry_init();
	(void)snprintf(dir_name, sizeof(dir_name), "/tmp/godwit-ring-XXXXXX");
	assert_non_null(mkdtemp(dir_name));
	dir_fd = open(dir_name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(dir_fd >= 0);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	(void)unlinkat(dir_fd, "ring", 0);
	(void)unlinkat(dir_fd, "ring.new", 0);
	(void)close(dir_fd);
	assert_int_equal(rmdir(dir_name), 0);
	return 0;
}

static struct key_ring *
ring_open(void)
{
	struct key_ring *r;
	const char *why;

	assert_int_equal(key_ring_open(&r, dir_fd, root, 1000, &why), ERR_OK);
	return r;
}

static enum err
ring_add(struct key_ring *r, const char *address, struct key_account **out)
{
	struct key_account a = { .address = slice_str(address), .enabled = true,
		.sealing = SEALING_ESCROW, .form = KEY_FORM_ROOT, .generation = 1,
		.created_s = 5 };

	memset(a.public_key, 7, 32);
	memset(a.wrapped_secret, 8, sizeof(a.wrapped_secret));
	memset(a.password.verifier, 9, 32);
	a.password.passes = 2;
	a.password.memory_kib = 65536;
	return key_ring_put(r, &a, out);
}

static off_t
file_bytes(void)
{
	struct stat st;

	assert_int_equal(fstatat(dir_fd, "ring", &st, 0), 0);
	return st.st_size;
}

static int
file_fd(void)
{
	int fd = openat(dir_fd, "ring", O_RDWR | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static void
test_life(void **state)
{
	struct key_ring *r = ring_open();
	struct key_account *a, changed;
	uint64_t alice, bob;

	(void)state;
	assert_true(key_ring_is_new(r));
	assert_int_equal(ring_add(r, "alice@example.test", &a), ERR_OK);
	alice = a->id;
	assert_true(alice >= 1000ull << 20);
	assert_int_equal(ring_add(r, "bob@example.test", &a), ERR_OK);
	bob = a->id;
	assert_int_equal(ring_add(r, "alice@example.test", &a), ERR_EXISTS);
	changed = *key_ring_find(r, alice);
	changed.enabled = false;
	changed.since_s = 77;
	assert_int_equal(key_ring_put(r, &changed, &a), ERR_OK);
	assert_int_equal(key_ring_put_alias(r, slice_str("info@example.test"),
	    slice_of("a@x\0b@y", 8)), ERR_OK);
	assert_int_equal(ring_add(r, "info@example.test", &a), ERR_EXISTS);
	assert_int_equal(key_ring_put_alias(r, slice_str("bob@example.test"),
	    slice_of("a@x", 4)), ERR_EXISTS);
	assert_int_equal(key_ring_put_alias(r, slice_str("no@example.test"), SLICE_NONE),
	    ERR_NOTFOUND);
	assert_int_equal(key_ring_put_value(r, 3, SLICE_LIT("value")), ERR_OK);
	assert_int_equal(key_ring_remove(r, bob), ERR_OK);
	assert_int_equal(key_ring_remove(r, bob), ERR_NOTFOUND);
	key_ring_free(&r);

	r = ring_open();
	assert_false(key_ring_is_new(r));
	assert_int_equal(key_ring_count(r), 1);
	a = key_ring_find_address(r, slice_str("alice@example.test"));
	assert_non_null(a);
	assert_int_equal(a->id, alice);
	assert_false(a->enabled);
	assert_int_equal(a->since_s, 77);
	assert_int_equal(a->public_key[31], 7);
	assert_int_equal(a->password.memory_kib, 65536);
	assert_null(key_ring_find(r, bob));
	assert_slice(key_ring_value(r, 3), "value");
	assert_int_equal(key_ring_find_alias(r, slice_str("info@example.test"))->targets.n, 8);
	/* bob's id is not used again. */
	assert_int_equal(ring_add(r, "carol@example.test", &a), ERR_OK);
	assert_true(a->id > bob);
	assert_int_equal(key_ring_put_alias(r, slice_str("info@example.test"), SLICE_NONE), ERR_OK);
	key_ring_free(&r);
	r = ring_open();
	assert_null(key_ring_find_alias(r, slice_str("info@example.test")));
	key_ring_free(&r);
}

static void
test_other_root_key(void **state)
{
	unsigned char other[32] = { 1, 2, 4 };
	struct key_ring *r = ring_open();
	const char *why;

	(void)state;
	assert_int_equal(ring_add(r, "alice@example.test", NULL), ERR_OK);
	key_ring_free(&r);
	assert_int_equal(key_ring_open(&r, dir_fd, other, 1, &why), ERR_DENIED);
	assert_null(r);
	assert_non_null(strstr(why, "another root key"));
	/* And nothing was harmed by the try. */
	r = ring_open();
	assert_int_equal(key_ring_count(r), 1);
	key_ring_free(&r);
}

/* kill -9 in the middle of a write: the file ends at any byte of the record. */
static void
test_torn_anywhere(void **state)
{
	struct key_ring *r = ring_open();
	struct key_account *a;
	off_t before, after, at;
	char tail[1000];
	int fd;

	(void)state;
	assert_int_equal(ring_add(r, "alice@example.test", NULL), ERR_OK);
	before = file_bytes();
	assert_int_equal(ring_add(r, "bob@example.test", NULL), ERR_OK);
	after = file_bytes();
	key_ring_free(&r);
	fd = file_fd();
	assert_int_equal(pread(fd, tail, sizeof(tail), before), after - before);
	for (at = before; at <= after; at++) {
		assert_int_equal(ftruncate(fd, before), 0);
		assert_int_equal(pwrite(fd, tail, (size_t)(at - before), before), at - before);
		/* Every other time the length got there before the bytes did. */
		if (at % 2 != 0 && at > before && at < after && tail[at - before] != 0)
			assert_int_equal(ftruncate(fd, after), 0);
		r = ring_open();
		assert_int_equal(key_ring_count(r), at == after ? 2 : 1);
		assert_int_equal(key_ring_torn_bytes(r) > 0, at != before && at != after);
		/* It goes on working. */
		assert_int_equal(ring_add(r, "carol@example.test", &a), ERR_OK);
		key_ring_free(&r);
		r = ring_open();
		assert_non_null(key_ring_find_address(r, slice_str("carol@example.test")));
		key_ring_free(&r);
		assert_int_equal(ftruncate(fd, after), 0);
	}
	(void)close(fd);
}

/* Damage in front of good records is refused and not cut off. */
static void
test_damage(void **state)
{
	struct key_ring *r = ring_open();
	off_t first, middle, last, at;
	const char *why;
	char c;
	int fd;

	(void)state;
	first = file_bytes();
	assert_int_equal(ring_add(r, "alice@example.test", NULL), ERR_OK);
	middle = file_bytes();
	assert_int_equal(ring_add(r, "bob@example.test", NULL), ERR_OK);
	last = file_bytes();
	key_ring_free(&r);
	fd = file_fd();
	for (at = 0; at < middle; at++) {
		enum err e;

		assert_int_equal(pread(fd, &c, 1, at), 1);
		c ^= 0x10;
		assert_int_equal(pwrite(fd, &c, 1, at), 1);
		e = key_ring_open(&r, dir_fd, root, 1, &why);
		assert_true(e == ERR_CORRUPT || (at < 64 && (e == ERR_DENIED || e == ERR_VERSION)));
		assert_null(r);
		assert_int_equal(file_bytes(), last);
		c ^= 0x10;
		assert_int_equal(pwrite(fd, &c, 1, at), 1);
	}
	/* A record left out: the numbers no longer fit. */
	{
		char mem[2000];
		ssize_t n = pread(fd, mem, sizeof(mem), middle);

		assert_int_equal(pwrite(fd, mem, (size_t)n, first), n);
		assert_int_equal(ftruncate(fd, first + n), 0);
	}
	assert_int_equal(key_ring_open(&r, dir_fd, root, 1, &why), ERR_CORRUPT);
	(void)close(fd);
}

static void
test_left_over_and_short(void **state)
{
	struct key_ring *r = ring_open();
	const char *why;
	int fd;

	(void)state;
	key_ring_free(&r);
	fd = openat(dir_fd, "ring.new", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_int_equal(write(fd, "half", 4), 4);
	(void)close(fd);
	r = ring_open();
	key_ring_free(&r);
	assert_int_equal(faccessat(dir_fd, "ring.new", F_OK, 0), -1);
	fd = file_fd();
	assert_int_equal(ftruncate(fd, 30), 0);
	(void)close(fd);
	assert_int_equal(key_ring_open(&r, dir_fd, root, 1, &why), ERR_CORRUPT);
}

/* The file is rewritten as it grows, and nothing of it is lost. */
static void
test_rewrite(void **state)
{
	struct key_ring *r = ring_open();
	struct key_account *a, changed;
	off_t most = 0, now;
	char name[64];
	unsigned i;
	bool shrank = false;

	(void)state;
	for (i = 0; i < 50; i++) {
		(void)snprintf(name, sizeof(name), "user%u@example.test", i);
		assert_int_equal(ring_add(r, name, NULL), ERR_OK);
	}
	assert_int_equal(key_ring_put_value(r, 9, SLICE_LIT("nine")), ERR_OK);
	assert_int_equal(key_ring_put_alias(r, slice_str("x@example.test"),
	    slice_of("a@x", 4)), ERR_OK);
	a = key_ring_find_address(r, slice_str("user7@example.test"));
	for (i = 0; i < 6000; i++) {
		changed = *a;
		changed.quota_bytes = i;
		assert_int_equal(key_ring_put(r, &changed, &a), ERR_OK);
		if (i % 100 != 0)
			continue;
		now = file_bytes();
		shrank |= now < most;
		most = now > most ? now : most;
	}
	assert_true(shrank);
	key_ring_free(&r);
	r = ring_open();
	assert_int_equal(key_ring_count(r), 50);
	a = key_ring_find_address(r, slice_str("user7@example.test"));
	assert_int_equal(a->quota_bytes, 5999);
	assert_slice(key_ring_value(r, 9), "nine");
	assert_non_null(key_ring_find_alias(r, slice_str("x@example.test")));
	for (i = 0, a = NULL; (a = key_ring_next(r, a)) != NULL; i++)
		assert_true(key_ring_prev(r, a) == NULL || key_ring_prev(r, a)->id < a->id);
	assert_int_equal(i, 50);
	key_ring_free(&r);
}

static struct key_print
print_of(uint64_t account, unsigned char fill, const char *name)
{
	struct key_print p = { .account = account, .created_s = 100u - fill,
		.name_n = strlen(name) };

	memset(p.bytes, fill, sizeof(p.bytes));
	memcpy(p.name, name, p.name_n);
	return p;
}

/* A fingerprint is one account's, an account has so many, and they end with it. */
static void
test_prints(void **state)
{
	static const unsigned char ones[KEY_PRINT_BYTES] = { 0 };
	const struct key_print *all[KEY_PRINTS_MAX];
	struct key_ring *r = ring_open();
	struct key_account *a;
	struct key_print p;
	uint64_t alice, bob;
	unsigned i;

	(void)state;
	assert_int_equal(ring_add(r, "alice@example.test", &a), ERR_OK);
	alice = a->id;
	assert_int_equal(ring_add(r, "bob@example.test", &a), ERR_OK);
	bob = a->id;
	for (i = 1; i <= KEY_PRINTS_MAX; i++) {
		p = print_of(alice, (unsigned char)i, "phone");
		assert_int_equal(key_ring_add_print(r, &p), ERR_OK);
	}
	p = print_of(alice, 99, "");
	assert_int_equal(key_ring_add_print(r, &p), ERR_LIMIT);
	p = print_of(bob, 3, "");
	assert_int_equal(key_ring_add_print(r, &p), ERR_EXISTS);
	p = print_of(bob, 99, "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
	assert_int_equal(key_ring_add_print(r, &p), ERR_OK);
	p = print_of(bob + 1, 98, "");
	assert_int_equal(key_ring_add_print(r, &p), ERR_NOTFOUND);
	p = print_of(0, 98, "");
	assert_int_equal(key_ring_add_print(r, &p), ERR_NOTFOUND);
	assert_int_equal(key_ring_drop_print(r, ones), ERR_NOTFOUND);
	p = print_of(alice, 3, "");
	assert_int_equal(key_ring_drop_print(r, p.bytes), ERR_OK);
	for (i = 0; i < 3; i++) {
		assert_int_equal(key_prints_of(key_ring_prints(r), alice, all),
		    KEY_PRINTS_MAX - 1);
		assert_int_equal(all[0]->bytes[0], KEY_PRINTS_MAX);	/* the oldest */
		assert_int_equal(all[KEY_PRINTS_MAX - 2]->bytes[0], 1);
		assert_slice(slice_of(all[0]->name, all[0]->name_n), "phone");
		assert_null(key_prints_find(key_ring_prints(r), p.bytes));
		assert_int_equal(key_prints_of(key_ring_prints(r), bob, all), 1);
		assert_int_equal(all[0]->bytes[31], 99);
		assert_int_equal(all[0]->name_n, 64);
		if (i == 0)
			assert_int_equal(key_ring_rewrite(r), ERR_OK);
		key_ring_free(&r);
		r = ring_open();
	}
	assert_int_equal(key_ring_remove(r, alice), ERR_OK);
	for (i = 0; i < 2; i++) {
		assert_int_equal(key_prints_of(key_ring_prints(r), alice, all), 0);
		assert_non_null(key_prints_next(key_ring_prints(r), NULL));
		assert_null(key_prints_next(key_ring_prints(r),
		    key_prints_next(key_ring_prints(r), NULL)));
		key_ring_free(&r);
		r = ring_open();
	}
	p = print_of(bob, 1, "");
	assert_int_equal(key_ring_add_print(r, &p), ERR_OK);
	key_ring_free(&r);
}

/* A full disk: the change did not happen, and works when there is room. */
static void
test_no_room(void **state)
{
	struct key_ring *r = ring_open();
	struct rlimit old, tight;
	off_t at;

	(void)state;
	assert_int_equal(ring_add(r, "alice@example.test", NULL), ERR_OK);
	at = file_bytes();
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	tight = old;
	tight.rlim_cur = (rlim_t)at + 100;
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
	assert_int_not_equal(ring_add(r, "bob@example.test", NULL), ERR_OK);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(file_bytes(), at);
	assert_int_equal(key_ring_count(r), 1);
	assert_int_equal(ring_add(r, "bob@example.test", NULL), ERR_OK);
	key_ring_free(&r);
	r = ring_open();
	assert_int_equal(key_ring_count(r), 2);
	assert_int_equal(key_ring_torn_bytes(r), 0);
	key_ring_free(&r);
}

static void
test_nothing_readable(void **state)
{
	struct key_ring *r = ring_open();
	char mem[4096];
	ssize_t n;
	int fd;

	(void)state;
	assert_int_equal(ring_add(r, "alice@example.test", NULL), ERR_OK);
	key_ring_free(&r);
	fd = file_fd();
	n = pread(fd, mem, sizeof(mem), 0);
	(void)close(fd);
	assert_true(slice_search(slice_of(mem, (size_t)n), SLICE_LIT("alice")) == (size_t)n);
	assert_true(slice_search(slice_of(mem, (size_t)n), SLICE_LIT("example")) == (size_t)n);
}

/* A wrapped secret key opens for its account and generation only. */
static void
test_pairs(void **state)
{
	struct cry_aead *aead = cry_aead_new();
	struct key_account a = { .id = 5, .generation = 1 };
	struct key_pair p, again;
	unsigned char other[32] = { 9 }, wrapped[KEY_WRAPPED_BYTES] = { 0 }, key[32];
	struct slice w = slice_of(wrapped, sizeof(wrapped));
	const struct key_opener by_root = { .root = root }, by_other = { .root = other };

	(void)state;
	key_pair_make(&a, aead, &by_root, KEY_FORM_ROOT);
	assert_int_equal(key_pair_open(&p, &a, a.generation, aead, &by_root), ERR_OK);
	assert_int_equal(key_pair_open(&again, &a, a.generation, aead, &by_root), ERR_OK);
	assert_memory_equal(&p, &again, sizeof(p));
	assert_int_equal(key_pair_open(&p, &a, a.generation, aead, &by_other), ERR_CORRUPT);
	a.id = 6;
	assert_int_equal(key_pair_open(&p, &a, a.generation, aead, &by_root), ERR_CORRUPT);
	a.id = 5;
	a.generation = 2;
	assert_int_equal(key_pair_open(&p, &a, a.generation, aead, &by_root), ERR_CORRUPT);
	key_pair_wrap_value(wrapped, aead, root, 3, other);
	assert_int_equal(key_pair_unwrap_value(key, aead, root, 3, w), ERR_OK);
	assert_memory_equal(key, other, 32);
	assert_int_equal(key_pair_unwrap_value(key, aead, root, 4, w), ERR_CORRUPT);
	assert_int_equal(key_pair_unwrap_value(key, aead, root, 3, slice_head(w, 59)), ERR_CORRUPT);
	cry_aead_free(&aead);
}

int
main(void)
{
#define RING(t)	cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
		RING(test_life), RING(test_other_root_key), RING(test_torn_anywhere),
		RING(test_damage), RING(test_left_over_and_short), RING(test_rewrite),
		RING(test_prints), RING(test_no_room), RING(test_nothing_readable), RING(test_pairs),
	};
#undef RING

	return cmocka_run_group_tests(tests, NULL, NULL);
}
