/* SPDX-License-Identifier: ISC */
/*
 * The sealed object of spec CMTP section 7: the one form of a message at rest
 * and in CMTP 2.  Pure: bytes in, bytes out; the caller moves them.
 *
 *	"GWSO" format suite flags 0, u64 plain length, commitment[32],
 *	u16 entry count, entries, chunks, [frame table, u32 its length]
 *
 * Integers are big-endian.  The stream in the chunks is the plain text or, of
 * 128 KiB of it each, zstd frames (flag 1) or LZ4 blocks (flag 2, at rest only).
 * A stream of n bytes has n / 16384 full chunks and then the last of n % 16384
 * bytes, so the last may be empty.
 * The table is one u32 per frame, sealed under a subkey and a zero nonce.
 * Subkeys: cry_subkey() of the content key, labels in seal_priv.h.
 *
 * Whatever does not open is ERR_CORRUPT; nothing is allocated that the
 * object's own length does not pay for, and one call gives at most one frame.
 */
#ifndef SEAL_H
#define SEAL_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "lib/crypto/cry.h"

#define SEAL_KEY_BYTES		32
#define SEAL_COMMITMENT_BYTES	32
#define SEAL_CHUNK_BYTES	(16u << 10)
#define SEAL_FRAME_BYTES	(128u << 10)
#define SEAL_HEAD_BYTES		50u		/* without entries */
#define SEAL_PLAIN_MAX		(4ull << 30)
#define SEAL_ENTRIES_MAX	1000
#define SEAL_ENTRIES_BYTES_MAX	(128u << 10)
#define SEAL_KEY_ID_BYTES	8

/* What the stream is.  Objects that travel know no LZ4 (cmtp(7)). */
enum seal_method { SEAL_STORED, SEAL_ZSTD, SEAL_LZ4 };

/* The content key: random, for one object.  The caller wipes it. */
void		 seal_make_key(unsigned char key[SEAL_KEY_BYTES]);
/* The most bytes that an object of so many plain bytes can take at rest. */
uint64_t	 seal_object_max(uint64_t plain_bytes);

/*
 * Below this a message is not compressed.  zstd takes 10 us for each KiB, half of
 * what all the rest does for a short message; and short messages are many, but
 * little of what a disk or a wire carries.
 */
#define SEAL_PRESS_MIN		8192u

/*
 * ---- sealing: a writer is made once and used for one object after another.
 * The press compresses for all writers of a thread; it outlives them.
 */
struct seal_press;
struct seal_press *seal_press_new(void);
void		 seal_press_free(struct seal_press **);
struct seal_writer;
struct seal_writer *seal_writer_new(struct seal_press *);
void		 seal_writer_free(struct seal_writer **);
/*
 * Begin an object of exactly plain_bytes (ERR_TOOBIG over SEAL_PLAIN_MAX).
 * A method that saves under 10 % of the first frame is not used.
 */
enum err	 seal_writer_begin(struct seal_writer *, enum cry_suite,
		    const unsigned char key[SEAL_KEY_BYTES], uint64_t plain_bytes,
		    enum seal_method) MUST_USE;
/*
 * In travel only, between begin and the first put: count entries, encoded.
 * ERR_STATE with SEAL_LZ4.
 */
enum err	 seal_writer_entries(struct seal_writer *, unsigned count,
		    struct slice) MUST_USE;
/*
 * Take plain bytes, append object bytes to out (at most 132 KiB more than the
 * plain bytes given).  ERR_FULL when out is full, ERR_STATE for more than
 * plain_bytes in all.
 */
enum err	 seal_writer_put(struct seal_writer *, struct slice plain,
		    struct buf *out) MUST_USE;
/* The rest of the object; ERR_STATE unless exactly plain_bytes were put. */
enum err	 seal_writer_end(struct seal_writer *, struct buf *out) MUST_USE;
/* Before end, once a byte came out: did the first frame decide to compress? */
bool		 seal_writer_is_packed(const struct seal_writer *);
/* After end. */
const unsigned char *seal_writer_commitment(const struct seal_writer *);

/* All at once: begin, put, end. */
enum err	 seal_object(struct seal_writer *, enum cry_suite,
		    const unsigned char key[SEAL_KEY_BYTES], struct slice plain,
		    enum seal_method, struct buf *out,
		    unsigned char commitment[SEAL_COMMITMENT_BYTES]) MUST_USE;

/* ---- opening */
/* What the first bytes say; nothing of it is verified yet. */
struct seal_head {
	enum cry_suite	 suite;
	enum seal_method method;
	uint64_t	 plain_bytes;
	unsigned char	 fixed[16];
	unsigned char	 commitment[SEAL_COMMITMENT_BYTES];
	unsigned	 entry_count;
	uint64_t	 data_off;	/* where the first chunk starts */
	struct slice	 entries;	/* borrowed from the bytes given */
};
/* ERR_SHORT: give more of the object (SEAL_HEAD_BYTES are enough at rest). */
enum err	 seal_head_parse(struct seal_head *, struct slice first) MUST_USE;
/* Can an object of this head, with its entries, have so many bytes? */
bool		 seal_head_fits(const struct seal_head *, uint64_t object_bytes);

/*
 * A reader is made once and used for one object after another.
 *
 *	seal_reader_begin(r, key, object_bytes, first, commitment);
 *	if (seal_reader_needs_table(r, &off, &n))	-- one range at the end
 *		seal_reader_table(r, those n bytes);
 *	seal_reader_range(r, a, b, &off, &n);		-- for plain [a, b)
 *	while (n bytes of the object from off come in pieces)
 *		while (piece.n > 0) seal_reader_put(r, &piece, out);
 *
 * range may be called again at any time for another part.
 */
struct seal_reader;
struct seal_reader *seal_reader_new(void);
void		 seal_reader_free(struct seal_reader **);
/* commitment: what the index says it must be; NULL when there is no index. */
enum err	 seal_reader_begin(struct seal_reader *,
		    const unsigned char key[SEAL_KEY_BYTES], uint64_t object_bytes,
		    struct slice first, const unsigned char *commitment) MUST_USE;
uint64_t	 seal_reader_plain_bytes(const struct seal_reader *);
bool		 seal_reader_needs_table(const struct seal_reader *, uint64_t *off,
		    size_t *n);
enum err	 seal_reader_table(struct seal_reader *, struct slice) MUST_USE;
/* b is clamped to the plain length; n becomes 0 when a >= b. */
enum err	 seal_reader_range(struct seal_reader *, uint64_t a, uint64_t b,
		    uint64_t *off, uint64_t *n) MUST_USE;
/*
 * Consumes from the front of the piece and appends the plain bytes that lie
 * in [a, b); at most one frame per call, so call until the piece is empty.
 */
enum err	 seal_reader_put(struct seal_reader *, struct slice *piece,
		    struct buf *out) MUST_USE;
/* All bytes of [a, b) came out. */
bool		 seal_reader_done(const struct seal_reader *);
void		 seal_reader_wipe(struct seal_reader *);	/* and free its buffers */

/* All at once: a whole object, at most plain_max bytes of text (ERR_TOOBIG). */
enum err	 seal_open(struct seal_reader *, const unsigned char key[SEAL_KEY_BYTES],
		    struct slice object, const unsigned char *commitment,
		    uint64_t plain_max, struct buf *out) MUST_USE;

/* ---- entries of an object that travels: algorithm 1 is crypto_box_seal */
struct seal_entry {
	uint8_t		 algorithm;
	uint8_t		 generation;
	unsigned char	 key_id[SEAL_KEY_ID_BYTES];
	struct slice	 wrapped;
};
/* The id of a key: the first bytes of its hash. */
void		 seal_key_id(unsigned char id[SEAL_KEY_ID_BYTES],
		    const unsigned char public_key[CRY_KEY_BYTES]);
void		 seal_entry_put(struct buf *, const struct seal_entry *);
/* ERR_END behind the last, ERR_CORRUPT. */
enum err	 seal_entry_get(struct slice *entries, struct seal_entry *) MUST_USE;

/* ---- the summary beside the message, under its own subkey per version */
#define SEAL_SUMMARY_EXTRA	29u	/* u8 version, nonce, tag */
void		 seal_summary_put(struct buf *out, struct cry_aead *,
		    const unsigned char key[SEAL_KEY_BYTES], uint8_t version,
		    struct slice plain);
/* *version: which; ERR_CORRUPT.  out gets the plain bytes. */
enum err	 seal_summary_open(struct buf *out, struct cry_aead *,
		    const unsigned char key[SEAL_KEY_BYTES], struct slice sealed,
		    uint8_t *version) MUST_USE;

#endif
