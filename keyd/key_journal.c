/* SPDX-License-Identifier: ISC */
/*
 * File:	"GWKR" u8 version, 3 zero, salt[16], check[32], records
 * Record:	u32 sealed bytes, u32 0, u64 keyed hash of (sealed bytes, number),
 *		nonce[12], sealed
 *
 * The keyed hash in front tells a torn write from damage: see tail_is_torn.
 */
#include "keyd/key_journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/enc.h"
#include "lib/base/log.h"
#include "lib/base/map.h"
#include "lib/base/must.h"
#include "lib/base/secret.h"
#include "lib/crypto/cry.h"

enum {
	FORMAT = 1,
	SALT_BYTES = 16, CHECK_BYTES = 32,
	HEAD_SIGNED_BYTES = 8 + SALT_BYTES,
	HEAD_BYTES = HEAD_SIGNED_BYTES + CHECK_BYTES,
	FRONT_BYTES = 16,			/* of a record, without nonce */
	RECORD_EXTRA = FRONT_BYTES + CRY_NONCE_BYTES + CRY_TAG_BYTES,
	WRITE_AHEAD = 256 << 10,		/* gathered while rewriting */
	LONG_BYTES = 1 << 20, NAME_MAX_BYTES = 64
};

struct journal_file {
	int		 fd;
	uint64_t	 bytes;		/* good ones */
	uint64_t	 next;		/* number of the next record */
	unsigned char	 hash_key[16];
	struct cry_aead	*aead;
};

struct key_journal {
	int			 dir_fd;
	char			 name[NAME_MAX_BYTES];
	char			 new_name[NAME_MAX_BYTES];
	unsigned char		 key[32];
	struct journal_file	 file;
	struct journal_file	 fresh;		/* while rewriting */
	struct buf		 out;
	uint64_t		 base_bytes;	/* after the last rewrite */
	uint64_t		 torn_bytes;
	bool			 is_new;
};

static const char magic[4] = { 'G', 'W', 'K', 'R' };

static void
head_make(unsigned char head[HEAD_BYTES], const unsigned char key[32])
{
	unsigned char sub[32];

	cry_subkey(sub, key, "key journal check");
	cry_mac(head + HEAD_SIGNED_BYTES, CHECK_BYTES, sub, slice_of(head, HEAD_SIGNED_BYTES));
	secret_wipe(sub, sizeof(sub));
}

static void
file_keys(struct journal_file *f, const unsigned char head[HEAD_BYTES],
    const unsigned char key[32])
{
	unsigned char sub[32], of_file[32];

	cry_mac(of_file, sizeof(of_file), key, slice_of(head + 8, SALT_BYTES));
	cry_subkey(sub, of_file, "key journal front");
	memcpy(f->hash_key, sub, sizeof(f->hash_key));
	cry_subkey(sub, of_file, "key journal record");
	if (f->aead == NULL)
		f->aead = cry_aead_new();
	cry_aead_key(f->aead, CRY_AES256_GCM, sub);
	secret_wipe(sub, sizeof(sub));
	secret_wipe(of_file, sizeof(of_file));
}

static uint64_t
front_hash(const struct journal_file *f, uint32_t sealed_bytes, uint64_t number)
{
	unsigned char b[12];

	enc_le32(b, sealed_bytes);
	enc_le64(b + 4, number);
	return hash_sip(f->hash_key, b, sizeof(b));
}

static void
record_put(struct journal_file *f, struct slice record, struct buf *out)
{
	size_t sealed = record.n + CRY_TAG_BYTES;
	unsigned char *p = (unsigned char *)buf_reserve(out, record.n + RECORD_EXTRA), ad[8];

	if (p == NULL)
		return;
	enc_le32(p, (uint32_t)sealed);
	enc_le32(p + 4, 0);
	enc_le64(p + 8, front_hash(f, (uint32_t)sealed, f->next));
	cry_random(p + FRONT_BYTES, CRY_NONCE_BYTES);
	enc_le64(ad, f->next);
	cry_aead_seal(f->aead, p + FRONT_BYTES + CRY_NONCE_BYTES, record, p + FRONT_BYTES,
	    slice_of(ad, sizeof(ad)));
	buf_commit(out, record.n + RECORD_EXTRA);
	f->next++;
}

static enum err
write_all(int fd, struct slice s, uint64_t off)
{
	ssize_t n;

	while (s.n > 0) {
		n = pwrite(fd, s.p, s.n, (off_t)off);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? err_from_errno(errno) : ERR_IO;
		off += (uint64_t)n;
		s = slice_from(s, (size_t)n);
	}
	return ERR_OK;
}

/* ---- opening */

static bool
front_is_good(const struct journal_file *f, const unsigned char *p, size_t left,
    uint64_t number)
{
	return left >= FRONT_BYTES && dec_le32(p + 4) == 0 &&
	    dec_le64(p + 8) == front_hash(f, dec_le32(p), number);
}

/*
 * Each record is flushed before the next is written, so behind a torn one
 * there is nothing.  Its pages may have arrived in any order: look whether the
 * following number begins anywhere.
 */
static bool
tail_is_torn(const struct journal_file *f, const unsigned char *p, size_t left)
{
	size_t i;

	if (left > KEY_JOURNAL_RECORD_MAX + RECORD_EXTRA)
		return false;
	for (i = 0; i < left; i++)
		if (front_is_good(f, p + i, left - i, f->next + 1))
			return false;
	return true;
}

static enum err
replay_one(struct journal_file *f, unsigned char *p, size_t left, size_t *used,
    key_journal_fn *fn, void *arg)
{
	unsigned char ad[8];
	size_t sealed;
	enum err e;

	*used = 0;
	if (!front_is_good(f, p, left, f->next))
		return tail_is_torn(f, p, left) ? ERR_END : ERR_CORRUPT;
	sealed = dec_le32(p);
	if (sealed < CRY_TAG_BYTES || sealed > KEY_JOURNAL_RECORD_MAX + CRY_TAG_BYTES)
		return ERR_CORRUPT;
	if (sealed > left || FRONT_BYTES + CRY_NONCE_BYTES > left - sealed)
		return ERR_END;
	enc_le64(ad, f->next);
	/* Opened in place: the buffer is ours and read once. */
	e = cry_aead_open(f->aead, p + FRONT_BYTES + CRY_NONCE_BYTES,
	    slice_of(p + FRONT_BYTES + CRY_NONCE_BYTES, sealed), p + FRONT_BYTES,
	    slice_of(ad, sizeof(ad)));
	if (e != ERR_OK)
		return tail_is_torn(f, p, left) ? ERR_END : ERR_CORRUPT;
	*used = FRONT_BYTES + CRY_NONCE_BYTES + sealed;
	f->next++;
	e = fn(arg, slice_of(p + FRONT_BYTES + CRY_NONCE_BYTES, sealed - CRY_TAG_BYTES));
	return e == ERR_END ? ERR_CORRUPT : e;
}

static enum err
replay(struct key_journal *j, unsigned char *mem, size_t n, key_journal_fn *fn, void *arg)
{
	unsigned char head[HEAD_BYTES];
	size_t at = HEAD_BYTES, used;
	enum err e = ERR_OK;

	if (n < HEAD_BYTES || memcmp(mem, magic, sizeof(magic)) != 0)
		return ERR_CORRUPT;
	if (mem[4] != FORMAT)
		return ERR_VERSION;
	memcpy(head, mem, HEAD_BYTES);
	head_make(head, j->key);
	if (!secret_eq(head, mem, HEAD_BYTES))
		return ERR_DENIED;
	file_keys(&j->file, head, j->key);
	while (e == ERR_OK && at < n) {
		e = replay_one(&j->file, mem + at, n - at, &used, fn, arg);
		at += used;
	}
	if (e != ERR_OK && e != ERR_END)
		return e;
	j->torn_bytes = n - at;
	j->file.bytes = at;
	j->base_bytes = at;
	if (j->torn_bytes > 0 && (ftruncate(j->file.fd, (off_t)at) != 0 ||
	    fdatasync(j->file.fd) != 0))
		return ERR_IO;
	return ERR_OK;
}

static enum err
read_file(int fd, unsigned char **mem, size_t *n)
{
	struct stat st;
	size_t at = 0;
	ssize_t got;

	*mem = NULL;
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		return ERR_IO;
	if ((uint64_t)st.st_size > KEY_JOURNAL_FILE_MAX)
		return ERR_LIMIT;
	*n = (size_t)st.st_size;
	*mem = must_alloc(1, *n + 1);
	while (at < *n) {
		got = pread(fd, *mem + at, *n - at, (off_t)at);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return ERR_IO;
		at += (size_t)got;
	}
	return ERR_OK;
}

static enum err
open_old(struct key_journal *j, key_journal_fn *fn, void *arg)
{
	unsigned char *mem;
	size_t n = 0;
	enum err e = read_file(j->file.fd, &mem, &n);

	if (e == ERR_OK)
		e = replay(j, mem, n, fn, arg);
	if (mem != NULL)
		secret_wipe(mem, n);
	free(mem);
	return e;
}

enum err
key_journal_open(struct key_journal **jp, int dir_fd, const char *name,
    const unsigned char key[32], key_journal_fn *fn, void *arg)
{
	struct key_journal *j = must_alloc(1, sizeof(*j));
	enum err e;

	j->dir_fd = dir_fd;
	j->file.fd = j->fresh.fd = -1;
	memcpy(j->key, key, sizeof(j->key));
	buf_init(&j->out, WRITE_AHEAD + 2 * (KEY_JOURNAL_RECORD_MAX + RECORD_EXTRA));
	must(snprintf(j->name, sizeof(j->name), "%s", name) < NAME_MAX_BYTES - 4);
	(void)snprintf(j->new_name, sizeof(j->new_name), "%.58s.new", name);
	/* Left by a crash while rewriting. */
	(void)unlinkat(dir_fd, j->new_name, 0);
	j->file.fd = openat(dir_fd, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (j->file.fd >= 0) {
		e = open_old(j, fn, arg);
	} else if (errno == ENOENT) {
		j->is_new = true;
		e = key_journal_rewrite_begin(j);
		if (e == ERR_OK)
			e = key_journal_rewrite_end(j);
	} else {
		e = err_from_errno(errno);
	}
	if (e != ERR_OK)
		key_journal_free(&j);
	*jp = j;
	return e;
}

static void
file_close(struct journal_file *f)
{
	if (f->fd >= 0)
		(void)close(f->fd);
	cry_aead_free(&f->aead);
	secret_wipe(f, sizeof(*f));
	f->fd = -1;
}

void
key_journal_free(struct key_journal **jp)
{
	struct key_journal *j = *jp;

	if (j == NULL)
		return;
	file_close(&j->file);
	file_close(&j->fresh);
	buf_fini(&j->out);
	secret_wipe(j, sizeof(*j));
	free(j);
	*jp = NULL;
}

bool
key_journal_is_new(const struct key_journal *j)
{
	return j->is_new;
}

uint64_t
key_journal_torn_bytes(const struct key_journal *j)
{
	return j->torn_bytes;
}

/* ---- growing */

enum err
key_journal_append(struct key_journal *j, struct slice record)
{
	struct journal_file *f = &j->file;
	enum err e;

	if (record.n > KEY_JOURNAL_RECORD_MAX)
		return ERR_LIMIT;
	buf_reset(&j->out);
	record_put(f, record, &j->out);
	e = write_all(f->fd, buf_slice(&j->out), f->bytes);
	if (e != ERR_OK) {
		f->next--;
		/* If this fails too the rest is a torn record, and is cut at start. */
		if (ftruncate(f->fd, (off_t)f->bytes) != 0)
			log_fatal("%s cannot be cut back: %s", j->name, strerror(errno));
		return e;
	}
	/* What is on disk after a failed flush is unknown: only a restart tells. */
	if (fdatasync(f->fd) != 0)
		log_fatal("%s cannot be flushed: %s", j->name, strerror(errno));
	f->bytes += buf_slice(&j->out).n;
	return ERR_OK;
}

bool
key_journal_is_long(const struct key_journal *j)
{
	return j->file.bytes > 2 * j->base_bytes + LONG_BYTES;
}

static enum err
rewrite_flush(struct key_journal *j)
{
	struct slice s = buf_slice(&j->out);
	enum err e = write_all(j->fresh.fd, s, j->fresh.bytes);

	j->fresh.bytes += s.n;
	buf_reset(&j->out);
	return e;
}

/* Give up: the old file is as it was. */
static enum err
rewrite_fail(struct key_journal *j, enum err e)
{
	file_close(&j->fresh);
	(void)unlinkat(j->dir_fd, j->new_name, 0);
	return e;
}

enum err
key_journal_rewrite_begin(struct key_journal *j)
{
	unsigned char head[HEAD_BYTES] = { 0 };

	file_close(&j->fresh);
	j->fresh.fd = openat(j->dir_fd, j->new_name,
	    O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (j->fresh.fd < 0)
		return err_from_errno(errno);
	memcpy(head, magic, sizeof(magic));
	head[4] = FORMAT;
	cry_random(head + 8, SALT_BYTES);
	head_make(head, j->key);
	file_keys(&j->fresh, head, j->key);
	buf_reset(&j->out);
	buf_put(&j->out, head, sizeof(head));
	return ERR_OK;
}

enum err
key_journal_rewrite_put(struct key_journal *j, struct slice record)
{
	enum err e;

	if (record.n > KEY_JOURNAL_RECORD_MAX)
		return rewrite_fail(j, ERR_LIMIT);
	record_put(&j->fresh, record, &j->out);
	if (buf_slice(&j->out).n < WRITE_AHEAD)
		return ERR_OK;
	e = rewrite_flush(j);
	return e == ERR_OK ? ERR_OK : rewrite_fail(j, e);
}

enum err
key_journal_rewrite_end(struct key_journal *j)
{
	enum err e = rewrite_flush(j);
	int dir;

	if (e == ERR_OK && fsync(j->fresh.fd) != 0)
		e = ERR_IO;
	if (e == ERR_OK && renameat(j->dir_fd, j->new_name, j->dir_fd, j->name) != 0)
		e = err_from_errno(errno);
	if (e != ERR_OK)
		return rewrite_fail(j, e);
	file_close(&j->file);
	j->file = j->fresh;
	memset(&j->fresh, 0, sizeof(j->fresh));
	j->fresh.fd = -1;
	j->base_bytes = j->file.bytes;
	/* dir_fd may be O_PATH, which cannot be flushed. */
	dir = openat(j->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0 || fsync(dir) != 0)
		log_fatal("the directory of %s cannot be flushed: %s", j->name, strerror(errno));
	(void)close(dir);
	return ERR_OK;
}
