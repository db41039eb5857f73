/* SPDX-License-Identifier: ISC */
/*
 * How fast text becomes a sealed object and comes out of it, beside what OpenSSL
 * does with the same chunks and nothing round them, in turn, in one thread.
 *
 *	seal_load MIB ROUNDS
 *
 * Prints the medians: MB/s of CPU time of AES-256-GCM by itself, of sealing, of
 * opening.  The text is noise: zstd, asked as the relay asks it, leaves it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* One of its types is called as one of our errors. */
#define ERR_STATE OPENSSL_ERR_STATE
#include <openssl/evp.h>
#undef ERR_STATE

#include "lib/base/must.h"
#include "lib/base/num.h"
#include "lib/seal/seal.h"

#define PIECE		(64u << 10)	/* what comes at once, as from a file */
#define ROUNDS_MAX	100

static char		*text;
static size_t		 text_bytes;
static struct buf	 object, out;
static unsigned char	 key[SEAL_KEY_BYTES];

static double
now(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void
own_aes(void)
{
	static const unsigned char fixed[16];
	unsigned char nonce[12] = { 0 }, tag[16];
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	int n;

	must(c != NULL && EVP_EncryptInit_ex(c, EVP_aes_256_gcm(), NULL, key, NULL) == 1);
	buf_reset(&object);
	for (size_t at = 0; at < text_bytes; at += SEAL_CHUNK_BYTES) {
		size_t want = text_bytes - at < SEAL_CHUNK_BYTES ? text_bytes - at : SEAL_CHUNK_BYTES;
		unsigned char *to = (unsigned char *)buf_reserve(&object, want + sizeof(tag));

		memcpy(nonce, &at, sizeof(at));
		must(to != NULL && EVP_EncryptInit_ex(c, NULL, NULL, NULL, nonce) == 1 &&
		    EVP_EncryptUpdate(c, NULL, &n, fixed, sizeof(fixed)) == 1 &&
		    EVP_EncryptUpdate(c, to, &n, (unsigned char *)text + at, (int)want) == 1 &&
		    EVP_EncryptFinal_ex(c, tag, &n) == 1 &&
		    EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, sizeof(tag), to + want) == 1);
		buf_commit(&object, want + sizeof(tag));
	}
	EVP_CIPHER_CTX_free(c);
}

static void
seal(struct seal_writer *w)
{
	struct slice left = slice_of(text, text_bytes);

	buf_reset(&object);
	must(seal_writer_begin(w, CRY_AES256_GCM, key, text_bytes, SEAL_ZSTD) == ERR_OK);
	while (left.n > 0) {
		struct slice piece = slice_head(left, left.n < PIECE ? left.n : PIECE);

		must(seal_writer_put(w, piece, &object) == ERR_OK);
		left = slice_from(left, piece.n);
	}
	must(seal_writer_end(w, &object) == ERR_OK);
}

static void
open_again(struct seal_reader *r)
{
	buf_reset(&out);
	must(seal_open(r, key, buf_slice(&object), NULL, text_bytes, &out) == ERR_OK);
	must(out.n == text_bytes);
}

static int
compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static double
rate(double *seconds, unsigned rounds)
{
	qsort(seconds, rounds, sizeof(*seconds), compare);
	return (double)text_bytes / 1e6 / seconds[rounds / 2];
}

int
main(int argc, char *argv[])
{
	double t[3][ROUNDS_MAX];
	struct seal_press *press;
	struct seal_writer *w;
	struct seal_reader *r;
	uint32_t mib, rounds;

	if (argc != 3 || num_parse_u32(slice_str(argv[1]), 1024, &mib) != ERR_OK ||
	    num_parse_u32(slice_str(argv[2]), ROUNDS_MAX, &rounds) != ERR_OK || mib == 0 || rounds == 0) {
		(void)fprintf(stderr, "usage: seal_load MIB ROUNDS\n");
		return 64;
	}
	cry_init();
	seal_make_key(key);
	text_bytes = (size_t)mib << 20;
	text = must_alloc(1, text_bytes);
	cry_random(text, text_bytes);
	buf_init(&object, seal_object_max(text_bytes));
	buf_init(&out, text_bytes + SEAL_FRAME_BYTES);
	press = seal_press_new();
	w = seal_writer_new(press);
	r = seal_reader_new();
	/* The first round is not counted: the memory is new. */
	for (unsigned i = 0; i <= rounds; i++) {
		double at[4];

		at[0] = now();
		own_aes();
		at[1] = now();
		seal(w);
		at[2] = now();
		open_again(r);
		at[3] = now();
		must(i > 0 || memcmp(buf_data(&out), text, text_bytes) == 0);
		for (unsigned k = 0; k < 3 && i > 0; k++)
			t[k][i - 1] = at[k + 1] - at[k];
	}
	printf("%.0f %.0f %.0f\n", rate(t[0], rounds), rate(t[1], rounds), rate(t[2], rounds));
	seal_reader_free(&r);
	seal_writer_free(&w);
	seal_press_free(&press);
	buf_fini(&object);
	buf_fini(&out);
	free(text);
	return 0;
}
