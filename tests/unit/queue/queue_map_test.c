/* SPDX-License-Identifier: ISC */
/*
 * Lookup tables: the file and its limits, damage at every place, the set that
 * the configuration uses, and what gwmap asks, with the queue's own loop.
 */
#include "tests/unit/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "lib/base/cc.h"
#include "lib/conf/conf_map.h"
#include "lib/db/db.h"
#include "queue/queue_map_tool.h"
#include "tests/unit/queue/fake_queue.h"

#define ROWS(s)		SLICE_LIT(s)
#define FILE_NAME	"t.lmdb"

/* ---- names ---- */

static void
test_names(void **state)
{
	static const struct { const char *text; enum err e; const char *file; } cases[] = {
		{ "lmdb:aliases", ERR_OK, "aliases.lmdb" },
		{ "lmdb:/etc/aliases", ERR_OK, "%2fetc%2faliases.lmdb" },
		{ "lmdb:..", ERR_OK, "%2e..lmdb" }, { "lmdb:a%b", ERR_OK, "a%25b.lmdb" },
		{ "lmdb:", ERR_SYNTAX, "" }, { "aliases", ERR_SYNTAX, "" }, { "", ERR_SYNTAX, "" },
		{ "hash:aliases", ERR_UNSUPPORTED, "" }, { "lmdb:a b", ERR_SYNTAX, "" },
		{ "lmdb:a\x7f", ERR_SYNTAX, "" },
	};
	char file[CONF_MAP_FILE_MAX], text[CONF_MAP_NAME_MAX + 10] = "lmdb:";
	struct slice name;
	size_t i;

	(void)state;
	for (i = 0; i < lengthof(cases); i++) {
		assert_int_equal(conf_map_parse(slice_str(cases[i].text), &name), cases[i].e);
		if (cases[i].e != ERR_OK)
			continue;
		conf_map_file(name, file);
		assert_string_equal(file, cases[i].file);
	}
	memset(text + 5, '/', CONF_MAP_NAME_MAX);
	assert_int_equal(conf_map_parse(slice_of(text, 5 + CONF_MAP_NAME_MAX), &name), ERR_OK);
	conf_map_file(name, file);
	assert_int_equal(strlen(file) + 1, sizeof(file));
	text[5 + CONF_MAP_NAME_MAX] = 'x';
	assert_int_equal(conf_map_parse(slice_of(text, 6 + CONF_MAP_NAME_MAX), &name), ERR_LIMIT);
}

/* ---- the file ---- */

struct place {
	struct spool_dir	 d;
	struct queue_map_dir	 dir;
};

static void
place_make(struct place *p)
{
	spool_dir_make(&p->d);
	p->dir = (struct queue_map_dir){ .fd = p->d.fd, .path = p->d.path };
}

static void
build(const struct place *p, struct slice rows)
{
	struct queue_map_head h;
	struct queue_map_new *n;
	struct buf dups;

	buf_init(&dups, 1000);
	assert_int_equal(queue_map_new_open(&n, &p->dir, FILE_NAME, QUEUE_MAP_ALIASES,
	    &queue_map_limits_default), ERR_OK);
	assert_int_equal(queue_map_new_put(n, rows, false, &dups), ERR_OK);
	assert_int_equal(queue_map_new_finish(n, &h), ERR_OK);
	assert_int_equal(queue_map_new_name(n), ERR_OK);
	queue_map_new_free(&n);
	buf_fini(&dups);
}

static enum err
open_it(const struct place *p, struct db **db, struct queue_map_head *h)
{
	return queue_map_file_open(db, &p->dir, FILE_NAME, true, h);
}

static void
assert_value(struct db *db, const char *key, const char *value)
{
	struct db_txn *t;
	struct slice v;
	enum err e;

	assert_int_equal(db_begin(db, false, &t), ERR_OK);
	e = db_get(t, slice_str(key), &v);
	assert_int_equal(e, value == NULL ? ERR_NOTFOUND : ERR_OK);
	assert_true(value == NULL || slice_eq_str(v, value));
	db_abort(&t);
}

static void
test_file(void **state)
{
	struct queue_map_new *n;
	struct queue_map_head h;
	struct place p;
	struct db *db;
	struct buf dups;
	uint64_t count;

	(void)state;
	place_make(&p);
	assert_int_equal(open_it(&p, &db, &h), ERR_NOTFOUND);
	build(&p, ROWS("a\0one\0b\0two\0a\0three\0"));
	assert_int_equal(open_it(&p, &db, &h), ERR_OK);
	assert_int_equal(h.rows, 2);
	assert_int_equal(h.kind, QUEUE_MAP_ALIASES);
	assert_value(db, "a", "one");
	/* A changed copy beside it, which is given up. */
	buf_init(&dups, 1000);
	assert_int_equal(queue_map_new_open(&n, &p.dir, "t2.lmdb", QUEUE_MAP_TABLE,
	    &queue_map_limits_default), ERR_OK);
	assert_int_equal(queue_map_new_copy(n, db), ERR_OK);
	assert_int_equal(queue_map_new_put(n, ROWS("b\0new\0c\0three\0"), false, &dups), ERR_OK);
	assert_true(slice_eq_str(buf_slice(&dups), "0 "));
	buf_reset(&dups);
	assert_int_equal(queue_map_new_put(n, ROWS("b\0newer\0"), true, &dups), ERR_OK);
	assert_int_equal(dups.n, 0);
	assert_int_equal(queue_map_new_del(n, ROWS("a\0x\0"), &count), ERR_OK);
	assert_int_equal(count, 1);
	assert_int_equal(queue_map_new_finish(n, &h), ERR_OK);
	assert_int_equal(h.rows, 2);
	assert_int_equal(queue_map_new_name(n), ERR_OK);
	queue_map_new_free(&n);
	queue_map_file_close(&db, &p.dir, FILE_NAME);
	assert_int_equal(queue_map_file_open(&db, &p.dir, "t2.lmdb", true, &h), ERR_OK);
	assert_value(db, "a", NULL);
	assert_value(db, "b", "newer");
	assert_value(db, "c", "three");
	queue_map_file_close(&db, &p.dir, "t2.lmdb");
	assert_int_equal(spool_dir_count(&p.d, ""), 2);
	buf_fini(&dups);
	spool_dir_remove(&p.d);
}

static void
test_bad_rows(void **state)
{
	static const struct slice bad[] = {
		ROWS("a\0"), ROWS("a\0b"), ROWS("a"), ROWS("\0value\0"), ROWS("a\nb\0c\0"),
		ROWS("a\0c\rd\0"), ROWS("a\0b\0c\0"),
	};
	struct queue_map_new *n;
	struct place p;
	struct buf dups;
	uint64_t count;
	size_t i;

	(void)state;
	place_make(&p);
	buf_init(&dups, 1000);
	for (i = 0; i < lengthof(bad); i++) {
		assert_int_equal(queue_map_new_open(&n, &p.dir, FILE_NAME, QUEUE_MAP_TABLE,
		    &queue_map_limits_default), ERR_OK);
		assert_int_equal(queue_map_new_put(n, bad[i], false, &dups), ERR_SYNTAX);
		assert_int_equal(queue_map_new_del(n, SLICE_LIT("a"), &count), ERR_SYNTAX);
		queue_map_new_free(&n);
	}
	/* Given up: nothing is left. */
	assert_int_equal(spool_dir_count(&p.d, ""), 0);
	buf_fini(&dups);
	spool_dir_remove(&p.d);
}

static enum err
put_sized(struct queue_map_new *n, size_t key_n, size_t value_n)
{
	char *rows = malloc(key_n + value_n + 2);
	struct buf dups;
	enum err e;

	memset(rows, 'k', key_n);
	rows[key_n] = '\0';
	memset(rows + key_n + 1, 'v', value_n);
	rows[key_n + 1 + value_n] = '\0';
	buf_init(&dups, 1000);
	e = queue_map_new_put(n, slice_of(rows, key_n + value_n + 2), true, &dups);
	buf_fini(&dups);
	free(rows);
	return e;
}

static void
test_limits(void **state)
{
	const struct queue_map_limits few = { .rows = 2, .bytes = QUEUE_MAP_BYTES_MAX };
	const struct queue_map_limits small = { .rows = 1000, .bytes = 200000 };
	struct queue_map_new *n;
	struct place p;
	unsigned i;

	(void)state;
	place_make(&p);
	assert_int_equal(queue_map_new_open(&n, &p.dir, FILE_NAME, QUEUE_MAP_TABLE, &few), ERR_OK);
	assert_int_equal(put_sized(n, QUEUE_MAP_KEY_MAX, QUEUE_MAP_VALUE_MAX), ERR_OK);
	assert_int_equal(put_sized(n, QUEUE_MAP_KEY_MAX + 1, 1), ERR_LIMIT);
	assert_int_equal(put_sized(n, 1, QUEUE_MAP_VALUE_MAX + 1), ERR_LIMIT);
	assert_int_equal(put_sized(n, 1, 1), ERR_OK);
	assert_int_equal(put_sized(n, 1, 2), ERR_OK);	/* the same row */
	assert_int_equal(put_sized(n, 2, 1), ERR_LIMIT);
	queue_map_new_free(&n);
	assert_int_equal(queue_map_new_open(&n, &p.dir, FILE_NAME, QUEUE_MAP_TABLE, &small), ERR_OK);
	for (i = 1; i < 100; i++)
		if (put_sized(n, i, 40000) == ERR_LIMIT)
			break;
	assert_true(i > 2 && i < 6);
	queue_map_new_free(&n);
	spool_dir_remove(&p.d);
}

/* Whatever byte is turned, wherever it ends: found before LMDB sees it. */
static void
test_damage(void **state)
{
	struct queue_map_head h;
	struct place p;
	struct db *db;
	struct stat st;
	off_t at;
	char c, was;
	int fd;

	(void)state;
	place_make(&p);
	build(&p, ROWS("key\0value\0other\0value\0"));
	fd = openat(p.d.fd, FILE_NAME, O_RDWR);
	assert_int_equal(fstat(fd, &st), 0);
	for (at = 0; at < st.st_size; at += at < st.st_size - 100 ? 61 : 1) {
		assert_int_equal(pread(fd, &was, 1, at), 1);
		c = (char)(was ^ 4);
		assert_int_equal(pwrite(fd, &c, 1, at), 1);
		assert_int_not_equal(open_it(&p, &db, &h), ERR_OK);
		assert_null(db);
		assert_int_equal(pwrite(fd, &was, 1, at), 1);
	}
	assert_int_equal(open_it(&p, &db, &h), ERR_OK);
	queue_map_file_close(&db, &p.dir, FILE_NAME);
	c = 2;		/* of a later version */
	assert_int_equal(pwrite(fd, &c, 1, st.st_size - 56), 1);
	assert_int_equal(open_it(&p, &db, &h), ERR_VERSION);
	for (at = st.st_size - 1; at >= 0; at -= at > 100 ? 997 : 1) {
		assert_int_equal(ftruncate(fd, at), 0);
		assert_int_equal(open_it(&p, &db, &h), ERR_CORRUPT);
	}
	close(fd);
	spool_dir_remove(&p.d);
}

/* ---- the set ---- */

static void
assert_state(struct queue_map *t, const char *key, enum err e, const char *value)
{
	struct slice v;

	assert_non_null(t);
	assert_int_equal(queue_map_find(t, slice_str(key), &v), e);
	assert_true(e != ERR_OK || slice_eq_str(v, value));
}

static struct queue_map *
use(struct queue_maps *m)
{
	struct queue_map *t;

	queue_maps_begin(m);
	t = queue_maps_use(m, "lmdb:t", QUEUE_MAP_FOR_ALIASES);
	assert_ptr_equal(t, queue_maps_use(m, "lmdb:t", QUEUE_MAP_FOR_RECIPIENTS));
	assert_null(queue_maps_use(m, "", QUEUE_MAP_FOR_ALIASES));
	queue_maps_end(m);
	return t;
}

static void
test_set(void **state)
{
	struct place spool, p;
	struct queue_maps *m;
	struct queue_map *t;
	char path[100];
	int fd;

	(void)state;
	spool_dir_make(&spool.d);
	m = queue_maps_new(spool.d.fd, spool.d.path);
	t = use(m);
	assert_state(t, "a", ERR_AGAIN, NULL);
	assert_int_equal(queue_maps_need_dir(m), ERR_OK);
	p.dir = *queue_maps_dir(m);
	assert_state(t, "a", ERR_AGAIN, NULL);
	build(&p, ROWS("a\0one\0"));
	assert_state(t, "a", ERR_AGAIN, NULL);
	t = use(m);		/* a reload sees it */
	assert_state(t, "a", ERR_OK, "one");
	assert_state(t, "b", ERR_NOTFOUND, NULL);
	assert_state(t, "", ERR_NOTFOUND, NULL);
	assert_int_equal(queue_map_uses(t), 3);
	/* Not named any more: closed. */
	queue_maps_begin(m);
	queue_maps_end(m);
	assert_null(queue_maps_at(m, 0));
	/* Damaged while nobody had it open. */
	snprintf(path, sizeof(path), "%s/maps/" FILE_NAME, spool.d.path);
	fd = open(path, O_RDWR);
	assert_int_equal(pwrite(fd, "x", 1, 5000), 1);
	close(fd);
	t = use(m);
	assert_state(t, "a", ERR_AGAIN, NULL);
	/* Left by a crash: gone at the next start, the table is not. */
	queue_maps_free(&m);
	snprintf(path, sizeof(path), "%s/maps/" FILE_NAME ".temp", spool.d.path);
	close(open(path, O_CREAT | O_WRONLY, 0600));
	m = queue_maps_new(spool.d.fd, spool.d.path);
	assert_int_not_equal(access(path, F_OK), 0);
	queue_maps_free(&m);
	spool_dir_remove(&spool.d);
}

/* ---- what gwmap asks ---- */

struct reply {
	bool	 done;
	uint8_t	 exit;
	bool	 more;
	char	 text[60001];
};
static struct reply last;

static void
on_reply(void *arg, uint64_t id, uint8_t code, bool more, struct slice text)
{
	(void)arg;
	(void)id;
	last.done = true;
	last.exit = code;
	last.more = more;
	assert_true(slice_to_cstr(text, last.text, sizeof(last.text)));
}

static bool
is_answered(struct fake *f)
{
	(void)f;
	return last.done;
}

static uint8_t
ask(struct fake *f, const char *verb, struct slice args)
{
	const struct queue_call c = { .fn = on_reply };

	last = (struct reply){ .done = false };
	queue_tool_run(&f->q, slice_str(verb), args, &c);
	assert_true(fake_run_until(f, is_answered));
	return last.exit;
}

/* ask, with the number of the build before the arguments */
static uint8_t
ask_of(struct fake *f, const char *verb, const char *number, struct slice args)
{
	struct buf b;
	uint8_t code;

	buf_init(&b, 100000);
	buf_put_str(&b, number);
	buf_put_char(&b, '\0');
	buf_put_slice(&b, args);
	code = ask(f, verb, buf_slice(&b));
	buf_fini(&b);
	return code;
}

static void
begin(struct fake *f, const char *args, size_t n, char number[24])
{
	assert_int_equal(ask(f, "map.begin", slice_of(args, n)), EX_OK);
	assert_true(slice_to_cstr(slice_str(last.text), number, 24));
}
#define BEGIN(f, args, number)	begin(f, args, sizeof(args) - 1, number)

static void
test_tool(void **state)
{
	struct fake *f = *state;
	struct queue_map *t;
	char number[24];

	assert_int_equal(ask(f, "map.get", ROWS("t\0a\0")), EX_NOINPUT);
	assert_int_equal(ask(f, "map.dump", ROWS("t\0")), EX_NOINPUT);
	t = use(f->q.maps);
	assert_int_equal(ask(f, "map.list", SLICE_NONE), EX_OK);
	assert_string_equal(last.text, "aliases,recipients\tt\tmissing\t-\t0\n");
	BEGIN(f, "t\0aliases\0no\0", number);
	assert_int_equal(ask_of(f, "map.put", number, ROWS("no\0a\0one\0a\0two\0")), EX_OK);
	assert_string_equal(last.text, "1 ");
	assert_state(t, "a", ERR_AGAIN, NULL);
	assert_int_equal(ask_of(f, "map.commit", number, SLICE_NONE), EX_OK);
	assert_string_equal(last.text, "1");
	assert_state(t, "a", ERR_OK, "one");
	assert_int_equal(ask(f, "map.list", SLICE_NONE), EX_OK);
	assert_string_equal(last.text, "aliases,recipients\tt\tready\taliases\t1\n");
	assert_int_equal(ask(f, "map.get", ROWS("t\0a\0")), EX_OK);
	assert_string_equal(last.text, "one");
	assert_int_equal(ask(f, "map.get", ROWS("t\0b\0")), 1);
	/* Changed as a copy. */
	BEGIN(f, "t\0aliases\0yes\0", number);
	assert_int_equal(ask_of(f, "map.put", number, ROWS("yes\0a\0new\0b\0two\0c\0x\0")), EX_OK);
	assert_int_equal(ask_of(f, "map.del", number, ROWS("c\0d\0")), EX_OK);
	assert_string_equal(last.text, "1");
	assert_state(t, "a", ERR_OK, "one");
	assert_int_equal(ask_of(f, "map.commit", number, SLICE_NONE), EX_OK);
	assert_state(t, "a", ERR_OK, "new");
	assert_int_equal(ask(f, "map.dump", ROWS("t\0")), EX_OK);
	assert_string_equal(last.text, "a\tnew\nb\ttwo\n");
	/* Done with, given up, nonsense. */
	assert_int_equal(ask_of(f, "map.commit", number, SLICE_NONE), EX_TEMPFAIL);
	BEGIN(f, "t\0table\0no\0", number);
	assert_int_equal(ask_of(f, "map.abort", number, SLICE_NONE), EX_OK);
	BEGIN(f, "t\0table\0no\0", number);
	assert_int_equal(ask_of(f, "map.put", number, ROWS("no\0a\0")), EX_DATAERR);
	assert_int_equal(ask_of(f, "map.put", number, ROWS("no\0a\0b\0")), EX_TEMPFAIL);
	assert_int_equal(ask(f, "map.begin", ROWS("t\0what\0no\0")), EX_USAGE);
	assert_int_equal(ask(f, "map.begin", ROWS("\0table\0no\0")), EX_USAGE);
	assert_int_equal(ask(f, "map.put", ROWS("x\0no\0")), EX_USAGE);
	assert_int_equal(ask(f, "map.get", ROWS("t\0a\0b\0")), EX_USAGE);
	assert_int_equal(ask(f, "map.list", ROWS("x\0")), EX_USAGE);
	assert_state(t, "a", ERR_OK, "new");
}

/* QUEUE_MAP_BUILDS at a time; those that rest give way, the same name too. */
static void
test_tool_limits(void **state)
{
	struct fake *f = *state;
	char number[24], first[24], args[] = "t0\0table\0no\0";
	unsigned i;

	for (i = 0; i < QUEUE_MAP_BUILDS; i++) {
		args[1] = (char)('0' + i);
		begin(f, args, sizeof(args) - 1, i == 0 ? first : number);
	}
	assert_int_equal(ask(f, "map.begin", ROWS("more\0table\0no\0")), EX_TEMPFAIL);
	begin(f, args, sizeof(args) - 1, number);
	loop_advance(f->loop, QUEUE_MAP_REST_MS);
	BEGIN(f, "more\0table\0no\0", number);
	assert_int_equal(ask_of(f, "map.commit", first, SLICE_NONE), EX_TEMPFAIL);
	assert_int_equal(ask_of(f, "map.commit", number, SLICE_NONE), EX_OK);
}

/* Pages of a dump join without a gap. */
static void
test_tool_pages(void **state)
{
	struct fake *f = *state;
	char number[24], args[200];
	struct buf b;
	unsigned i, seen = 0, pages = 0;
	const char *p;
	size_t n;

	BEGIN(f, "big\0table\0no\0", number);
	buf_init(&b, 60000);
	for (i = 0; i < 9000; i++) {
		if (i % 1000 == 0) {
			buf_reset(&b);
			buf_put(&b, "no", 3);
		}
		buf_printf(&b, "key%05u%cvalue of it%c", i, 0, 0);
		if (i % 1000 == 999)
			assert_int_equal(ask_of(f, "map.put", number, buf_slice(&b)), EX_OK);
	}
	buf_fini(&b);
	assert_int_equal(ask_of(f, "map.commit", number, SLICE_NONE), EX_OK);
	assert_string_equal(last.text, "9000");
	memcpy(args, "big", 4);
	n = 4;
	do {
		assert_int_equal(ask(f, "map.dump", slice_of(args, n)), EX_OK);
		pages++;
		for (p = last.text; strchr(p, '\t') != NULL; p = strchr(p, '\n') + 1) {
			snprintf(args + 100, 100, "key%05u\tvalue of it\n", seen++);
			assert_memory_equal(p, args + 100, strlen(args + 100));
		}
		n = last.more ? 4 + (size_t)snprintf(args + 4, 90, "%.*s",
		    (int)strcspn(p, "\n"), p) + 1 : 0;
	} while (last.more);
	assert_int_equal(seen, 9000);
	assert_true(pages > 1);
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
teardown(void **state)
{
	struct fake *f = *state;

	fake_stop(f);
	free(f);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_bad_rows),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_set),
		cmocka_unit_test_setup_teardown(test_tool, setup, teardown),
		cmocka_unit_test_setup_teardown(test_tool_limits, setup, teardown),
		cmocka_unit_test_setup_teardown(test_tool_pages, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
