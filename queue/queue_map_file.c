/* SPDX-License-Identifier: ISC */
#include "queue/queue_map_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/enc.h"
#include "lib/base/must.h"
#include "lib/crypto/cry.h"
#include "lib/daemon/daemon.h"
#include "lib/db/db.h"
#include "lib/sys/fd.h"
#include "lib/sys/path.h"

#define FORMAT		1u
#define FIXED_BYTES	32u	/* of the end, before its sum */
#define SUM_BYTES	32u
#define END_BYTES	(FIXED_BYTES + SUM_BYTES)
#define PIECE_BYTES	(1u << 20)
#define PATH_BYTES	4096u
#define NAME_BYTES	256u
#define COPY_ROWS	10000u	/* in one transaction */
/* LMDB takes pages while it frees others: room beyond the limit. */
#define DB_BYTES(limit)	((size_t)(limit) + (8u << 20))

static const char magic[8] = "GWTABLE\n";

const struct queue_map_limits queue_map_limits_default = {
	.rows = QUEUE_MAP_ROWS_MAX, .bytes = QUEUE_MAP_BYTES_MAX
};

struct queue_map_new {
	struct queue_map_dir	 dir;
	struct queue_map_limits	 limits;
	struct queue_map_head	 head;
	struct db		*db;		/* NULL: finished */
	bool			 has_file;
	char			 file[NAME_BYTES];	/* final */
	char			 temp[NAME_BYTES];
};

static enum err
path_of(const struct queue_map_dir *d, const char *file, char dst[PATH_BYTES])
{
	return snprintf(dst, PATH_BYTES, "%s/%s", d->path, file) < (int)PATH_BYTES ? ERR_OK :
	    ERR_LIMIT;
}

static void
remove_lock(const struct queue_map_dir *d, const char *file)
{
	char lock[NAME_BYTES + sizeof("-lock")];

	(void)snprintf(lock, sizeof(lock), "%s-lock", file);
	(void)unlinkat(d->fd, lock, 0);
}

static enum err
open_db(struct db **db, const struct queue_map_dir *d, const char *file, size_t bytes)
{
	char path[PATH_BYTES];
	enum err e = path_of(d, file, path);

	return e == ERR_OK ? db_open(db, path, bytes) : e;
}

void
queue_map_file_close(struct db **db, const struct queue_map_dir *d, const char *file)
{
	if (*db == NULL)
		return;
	db_close(db);
	remove_lock(d, file);
}

/* ---- the end of a file ---- */

/* Of all pieces, each hashed behind the sum so far. */
static enum err
sum_file(int fd, uint64_t bytes, unsigned char sum[SUM_BYTES])
{
	unsigned char *mem = must_alloc(1, SUM_BYTES + PIECE_BYTES);
	uint64_t at;
	size_t n;
	enum err e = ERR_OK;

	memset(sum, 0, SUM_BYTES);
	for (at = 0; at < bytes && e == ERR_OK; at += n) {
		n = bytes - at < PIECE_BYTES ? (size_t)(bytes - at) : PIECE_BYTES;
		memcpy(mem, sum, SUM_BYTES);
		if ((e = fd_pread_all(fd, mem + SUM_BYTES, n, at)) == ERR_OK)
			cry_hash(sum, SUM_BYTES, slice_of(mem, SUM_BYTES + n));
	}
	free(mem);
	return e;
}

static void
sum_end(unsigned char sum[SUM_BYTES], const unsigned char end[FIXED_BYTES])
{
	unsigned char all[SUM_BYTES + FIXED_BYTES];

	memcpy(all, sum, SUM_BYTES);
	memcpy(all + SUM_BYTES, end, FIXED_BYTES);
	cry_hash(sum, SUM_BYTES, slice_of(all, sizeof(all)));
}

static enum err
write_end(int fd, const struct queue_map_head *h)
{
	unsigned char end[END_BYTES], sum[SUM_BYTES];
	struct stat st;
	enum err e;

	if (fstat(fd, &st) != 0)
		return err_from_errno(errno);
	memcpy(end, magic, sizeof(magic));
	enc_le32(end + 8, FORMAT);
	enc_le32(end + 12, (uint32_t)h->kind);
	enc_le64(end + 16, h->rows);
	enc_le64(end + 24, (uint64_t)st.st_size);
	if ((e = sum_file(fd, (uint64_t)st.st_size, sum)) != ERR_OK)
		return e;
	sum_end(sum, end);
	memcpy(end + FIXED_BYTES, sum, SUM_BYTES);
	e = fd_pwrite_all(fd, end, sizeof(end), (uint64_t)st.st_size);
	if (e == ERR_OK && fsync(fd) != 0)
		e = err_from_errno(errno);
	return e;
}

static enum err
read_end(int fd, bool checks, struct queue_map_head *h)
{
	unsigned char end[END_BYTES], sum[SUM_BYTES];
	struct stat st;
	uint64_t bytes;
	enum err e;

	if (fstat(fd, &st) != 0)
		return err_from_errno(errno);
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size < END_BYTES)
		return ERR_CORRUPT;
	bytes = (uint64_t)st.st_size - END_BYTES;
	if ((e = fd_pread_all(fd, end, sizeof(end), bytes)) != ERR_OK)
		return e;
	if (memcmp(end, magic, sizeof(magic)) != 0)
		return ERR_CORRUPT;
	if (dec_le32(end + 8) != FORMAT)
		return ERR_VERSION;
	h->kind = (enum queue_map_kind)dec_le32(end + 12);
	h->rows = dec_le64(end + 16);
	if (dec_le64(end + 24) != bytes ||
	    (h->kind != QUEUE_MAP_TABLE && h->kind != QUEUE_MAP_ALIASES))
		return ERR_CORRUPT;
	if (!checks)
		return ERR_OK;
	if ((e = sum_file(fd, bytes, sum)) != ERR_OK)
		return e;
	sum_end(sum, end);
	return memcmp(sum, end + FIXED_BYTES, SUM_BYTES) == 0 ? ERR_OK : ERR_CORRUPT;
}

/* ---- making one ---- */

enum err
queue_map_new_open(struct queue_map_new **out, const struct queue_map_dir *d,
    const char *file, enum queue_map_kind kind, const struct queue_map_limits *limits)
{
	struct queue_map_new *n = must_alloc(1, sizeof(*n));
	enum err e = ERR_OK;

	*out = NULL;
	n->dir = *d;
	n->limits = *limits;
	n->head.kind = kind;
	if (snprintf(n->file, sizeof(n->file), "%s", file) >= (int)sizeof(n->file) ||
	    snprintf(n->temp, sizeof(n->temp), "%s.temp", file) >= (int)sizeof(n->temp))
		e = ERR_LIMIT;
	if (e == ERR_OK) {
		(void)unlinkat(d->fd, n->temp, 0);
		n->has_file = true;
		e = open_db(&n->db, d, n->temp, DB_BYTES(limits->bytes));
	}
	if (e != ERR_OK)
		queue_map_new_free(&n);
	else
		daemon_crash_at("queue.table-begun");
	*out = n;
	return e;
}

void
queue_map_new_free(struct queue_map_new **np)
{
	struct queue_map_new *n = *np;

	*np = NULL;
	if (n == NULL)
		return;
	queue_map_file_close(&n->db, &n->dir, n->temp);
	if (n->has_file)
		(void)unlinkat(n->dir.fd, n->temp, 0);
	free(n);
}

/* Keys and values are texts of one line. */
static bool
is_text(struct slice s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
			return false;
	return true;
}

/* A NUL-terminated string off the front. */
static bool
take(struct slice *s, struct slice *one)
{
	size_t n = slice_find(*s, '\0');

	*one = slice_head(*s, n);
	if (n == s->n)
		return false;
	*s = slice_from(*s, n + 1);
	return is_text(*one);
}

static enum err
put_row(struct queue_map_new *n, struct db_txn *t, struct slice key, struct slice value,
    bool replace, bool *is_dup)
{
	struct slice old;
	enum err e;

	if (key.n > QUEUE_MAP_KEY_MAX || value.n > QUEUE_MAP_VALUE_MAX)
		return ERR_LIMIT;
	if (key.n == 0)
		return ERR_SYNTAX;
	e = db_get(t, key, &old);
	*is_dup = e == ERR_OK;
	if (e != ERR_OK && e != ERR_NOTFOUND)
		return e;
	if (*is_dup && !replace)
		return ERR_OK;
	if (!*is_dup && n->head.rows >= n->limits.rows)
		return ERR_LIMIT;
	if ((e = db_put(t, key, value)) == ERR_OK && !*is_dup)
		n->head.rows++;
	return e;
}

static enum err
put_rows(struct queue_map_new *n, struct db_txn *t, struct slice rows, bool replace,
    struct buf *dups)
{
	struct slice key, value;
	bool is_dup = false;
	unsigned i;
	enum err e;

	for (i = 0; rows.n > 0; i++) {
		if (!take(&rows, &key) || !take(&rows, &value))
			return ERR_SYNTAX;
		if ((e = put_row(n, t, key, value, replace, &is_dup)) != ERR_OK)
			return e;
		if (is_dup && !replace)
			buf_printf(dups, "%u ", i);
	}
	return ERR_OK;
}

/* The end of a transaction; full of its own limit is not full of the disk. */
static enum err
end_txn(struct queue_map_new *n, struct db_txn **t, enum err e)
{
	struct db_stat st;

	if (e == ERR_OK)
		e = db_commit(t);
	else
		db_abort(t);
	if (e == ERR_OK && (e = db_stat(n->db, &st)) == ERR_OK &&
	    st.used_bytes > n->limits.bytes)
		e = ERR_LIMIT;
	return e;
}

enum err
queue_map_new_put(struct queue_map_new *n, struct slice rows, bool replace,
    struct buf *dups)
{
	struct db_txn *t;
	enum err e;

	must(n->db != NULL);
	if ((e = db_begin(n->db, true, &t)) != ERR_OK)
		return e;
	return end_txn(n, &t, put_rows(n, t, rows, replace, dups));
}

enum err
queue_map_new_del(struct queue_map_new *n, struct slice keys, uint64_t *count)
{
	struct slice key, value;
	struct db_txn *t;
	enum err e;

	*count = 0;
	must(n->db != NULL);
	if ((e = db_begin(n->db, true, &t)) != ERR_OK)
		return e;
	while (keys.n > 0 && e == ERR_OK) {
		if (!take(&keys, &key) || key.n == 0 || key.n > QUEUE_MAP_KEY_MAX) {
			e = ERR_SYNTAX;
			break;
		}
		e = db_get(t, key, &value);
		if (e == ERR_OK && (e = db_del(t, key)) == ERR_OK) {
			++*count;
			n->head.rows--;
		} else if (e == ERR_NOTFOUND)
			e = ERR_OK;
	}
	return end_txn(n, &t, e);
}

/* Up to COPY_ROWS behind the key; it becomes the last one copied. */
static enum err
copy_some(struct queue_map_new *n, struct db_txn *from, struct buf *last, bool *more)
{
	struct slice key, value;
	struct db_txn *t;
	bool is_dup;
	unsigned i;
	enum err e;

	*more = false;
	if ((e = db_begin(n->db, true, &t)) != ERR_OK)
		return e;
	e = db_find(from, DB_CEIL, last->n > 0 ? buf_slice(last) : SLICE_LIT("\x01"), &key,
	    &value);
	if (e == ERR_OK && last->n > 0)
		e = db_step(from, DB_CEIL, &key, &value);
	for (i = 0; e == ERR_OK && !*more; i++) {
		if ((e = put_row(n, t, key, value, true, &is_dup)) != ERR_OK)
			break;
		buf_reset(last);
		buf_put_slice(last, key);
		*more = i + 1 == COPY_ROWS;
		e = db_step(from, DB_CEIL, &key, &value);
	}
	return end_txn(n, &t, e == ERR_NOTFOUND ? ERR_OK : e);
}

enum err
queue_map_new_copy(struct queue_map_new *n, struct db *from)
{
	struct db_txn *t;
	struct buf last;
	bool more = true;
	enum err e;

	must(n->db != NULL);
	if ((e = db_begin(from, false, &t)) != ERR_OK)
		return e;
	buf_init(&last, DB_KEY_MAX);
	while (more && e == ERR_OK)
		e = copy_some(n, t, &last, &more);
	buf_fini(&last);
	db_abort(&t);
	return e;
}

enum err
queue_map_new_finish(struct queue_map_new *n, struct queue_map_head *head)
{
	enum err e;
	int fd;

	must(n->db != NULL);
	queue_map_file_close(&n->db, &n->dir, n->temp);
	*head = n->head;
	if ((e = path_open(n->dir.fd, n->temp, O_RDWR, 0, &fd)) != ERR_OK)
		return e;
	e = write_end(fd, &n->head);
	(void)close(fd);
	return e;
}

enum err
queue_map_new_name(struct queue_map_new *n)
{
	must(n->db == NULL);
	if (renameat(n->dir.fd, n->temp, n->dir.fd, n->file) != 0)
		return err_from_errno(errno);
	n->has_file = false;
	return path_sync_dir(n->dir.fd);
}

/* ---- a finished one ---- */

enum err
queue_map_file_open(struct db **db, const struct queue_map_dir *d, const char *file,
    bool checks, struct queue_map_head *head)
{
	enum err e;
	int fd;

	*db = NULL;
	if ((e = path_open(d->fd, file, O_RDONLY, 0, &fd)) != ERR_OK)
		return e;
	e = read_end(fd, checks, head);
	(void)close(fd);
	if (e == ERR_OK)
		e = open_db(db, d, file, DB_BYTES(QUEUE_MAP_BYTES_MAX));
	return e;
}

static bool
is_leftover(struct slice name)
{
	return slice_ends(name, ".temp") || slice_ends(name, ".temp.new") ||
	    slice_ends(name, "-lock");
}

void
queue_map_file_clean(const struct queue_map_dir *d)
{
	int fd = openat(d->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;

	if (dir == NULL) {
		if (fd >= 0)
			(void)close(fd);
		return;
	}
	while ((entry = readdir(dir)) != NULL)
		if (is_leftover(slice_str(entry->d_name)))
			(void)unlinkat(d->fd, entry->d_name, 0);
	(void)closedir(dir);
}
