/* SPDX-License-Identifier: ISC */
#include "lib/seal/chunkfile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/must.h"
#include "lib/base/secret.h"
#include "lib/seal/seal_priv.h"

enum { SEALED_CHUNK = CHUNKFILE_CHUNK + CRY_TAG_BYTES };

static const char chunkfile_ad[] = "godwit chunked file 1";

struct chunkfile_writer {
	struct cry_aead		*aead;
	chunkfile_write_fn	*fn;
	void			*arg;
	uint64_t		 plain_bytes;
	uint64_t		 chunk_no;
	size_t			 n;
	bool			 ended;
	unsigned char		 key[CRY_KEY_BYTES];
	unsigned char		 chunk[SEALED_CHUNK];
};

struct chunkfile_reader {
	struct cry_aead	*aead;
	int		 fd;
	uint64_t	 plain_bytes;
	uint64_t	 cached;		/* chunk number in chunk, or NO_CHUNK */
	unsigned char	 chunk[SEALED_CHUNK];
};

#define NO_CHUNK	UINT64_MAX

uint64_t
chunkfile_bytes(uint64_t plain_bytes)
{
	return plain_bytes + CRY_TAG_BYTES * (plain_bytes / CHUNKFILE_CHUNK + 1);
}

struct chunkfile_writer *
chunkfile_writer_new(chunkfile_write_fn *fn, void *arg)
{
	struct chunkfile_writer *w = must_alloc(1, sizeof(*w));

	w->aead = cry_aead_new();
	w->fn = fn;
	w->arg = arg;
	cry_random(w->key, sizeof(w->key));
	cry_aead_key(w->aead, CRY_AES256_GCM, w->key);
	return w;
}

enum err
chunkfile_write_fd(void *arg, const void *p, size_t n, uint64_t off)
{
	const char *at = p;
	ssize_t done;

	while (n > 0) {
		done = pwrite(*(const int *)arg, at, n, (off_t)off);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return done < 0 ? err_from_errno(errno) : ERR_IO;
		at += done;
		off += (uint64_t)done;
		n -= (size_t)done;
	}
	return ERR_OK;
}

void
chunkfile_writer_free(struct chunkfile_writer **wp)
{
	struct chunkfile_writer *w = *wp;

	if (w == NULL)
		return;
	cry_aead_free(&w->aead);
	secret_wipe(w, sizeof(*w));
	free(w);
	*wp = NULL;
}

static enum err
chunk_flush(struct chunkfile_writer *w, bool last)
{
	unsigned char nonce[CRY_NONCE_BYTES];
	size_t n = w->n;

	seal_nonce(nonce, w->chunk_no, last);
	cry_aead_seal(w->aead, w->chunk, slice_of(w->chunk, n), nonce,
	    slice_str(chunkfile_ad));
	w->n = 0;
	return w->fn(w->arg, w->chunk, n + CRY_TAG_BYTES, w->chunk_no++ * SEALED_CHUNK);
}

enum err
chunkfile_writer_put(struct chunkfile_writer *w, struct slice s)
{
	size_t take;
	enum err e;

	if (w->ended)
		return ERR_STATE;
	while (s.n > 0) {
		take = CHUNKFILE_CHUNK - w->n;
		take = take < s.n ? take : s.n;
		memcpy(w->chunk + w->n, s.p, take);
		w->n += take;
		w->plain_bytes += take;
		s = slice_from(s, take);
		if (w->n < CHUNKFILE_CHUNK)
			continue;
		e = chunk_flush(w, false);
		if (e != ERR_OK) {
			w->ended = true;
			return e;
		}
	}
	return ERR_OK;
}

enum err
chunkfile_writer_end(struct chunkfile_writer *w)
{
	if (w->ended)
		return ERR_STATE;
	w->ended = true;
	return chunk_flush(w, true);
}

uint64_t
chunkfile_writer_plain_bytes(const struct chunkfile_writer *w)
{
	return w->plain_bytes;
}

const unsigned char *
chunkfile_writer_key(const struct chunkfile_writer *w)
{
	return w->key;
}

void
chunkfile_reader_free(struct chunkfile_reader **rp)
{
	struct chunkfile_reader *r = *rp;

	if (r == NULL)
		return;
	cry_aead_free(&r->aead);
	secret_wipe(r, sizeof(*r));
	free(r);
	*rp = NULL;
}

static enum err
read_all(int fd, unsigned char *dst, size_t n, uint64_t off)
{
	ssize_t done;

	while (n > 0) {
		done = pread(fd, dst, n, (off_t)off);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return ERR_IO;
		if (done == 0)
			return ERR_CORRUPT;	/* it was longer when we began */
		dst += done;
		off += (uint64_t)done;
		n -= (size_t)done;
	}
	return ERR_OK;
}

static enum err
chunk_load(struct chunkfile_reader *r, uint64_t chunk)
{
	unsigned char nonce[CRY_NONCE_BYTES];
	uint64_t left = r->plain_bytes - chunk * CHUNKFILE_CHUNK;
	size_t n = (left < CHUNKFILE_CHUNK ? (size_t)left : CHUNKFILE_CHUNK) + CRY_TAG_BYTES;
	enum err e;

	r->cached = NO_CHUNK;
	e = read_all(r->fd, r->chunk, n, chunk * SEALED_CHUNK);
	if (e != ERR_OK)
		return e;
	seal_nonce(nonce, chunk, chunk == r->plain_bytes / CHUNKFILE_CHUNK);
	e = cry_aead_open(r->aead, r->chunk, slice_of(r->chunk, n), nonce,
	    slice_str(chunkfile_ad));
	if (e == ERR_OK)
		r->cached = chunk;
	return e;
}

enum err
chunkfile_reader_new(struct chunkfile_reader **rp, int fd,
    const unsigned char key[CRY_KEY_BYTES], uint64_t plain_bytes)
{
	struct chunkfile_reader *r;
	struct stat st;
	enum err e;

	*rp = NULL;
	if (fstat(fd, &st) != 0)
		return ERR_IO;
	if (!S_ISREG(st.st_mode) || plain_bytes > SEAL_PLAIN_MAX ||
	    (uint64_t)st.st_size != chunkfile_bytes(plain_bytes))
		return ERR_CORRUPT;
	r = must_alloc(1, sizeof(*r));
	r->aead = cry_aead_new();
	r->fd = fd;
	r->plain_bytes = plain_bytes;
	r->cached = NO_CHUNK;
	cry_aead_key(r->aead, CRY_AES256_GCM, key);
	/* The last chunk says that this is where the file was ended. */
	e = chunk_load(r, plain_bytes / CHUNKFILE_CHUNK);
	if (e != ERR_OK)
		chunkfile_reader_free(&r);
	*rp = r;
	return e;
}

enum err
chunkfile_reader_get(struct chunkfile_reader *r, uint64_t off, void *dst, size_t n)
{
	unsigned char *to = dst;
	enum err e;

	if (off > r->plain_bytes || n > r->plain_bytes - off)
		return ERR_END;
	while (n > 0) {
		uint64_t chunk = off / CHUNKFILE_CHUNK;
		size_t at = (size_t)(off % CHUNKFILE_CHUNK);
		size_t take = CHUNKFILE_CHUNK - at < n ? CHUNKFILE_CHUNK - at : n;

		if (r->cached != chunk && (e = chunk_load(r, chunk)) != ERR_OK)
			return e;
		memcpy(to, r->chunk + at, take);
		to += take;
		off += take;
		n -= take;
	}
	return ERR_OK;
}
