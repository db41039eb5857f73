/* SPDX-License-Identifier: ISC */
/*
 * What the writer and the reader of a sealed object share: layout, subkeys
 * and nonces.
 */
#ifndef SEAL_PRIV_H
#define SEAL_PRIV_H

#include <stdint.h>

#include "lib/base/slice.h"
#include "lib/seal/seal.h"

#define SEAL_LABEL_BODY		"GWSO body"
#define SEAL_LABEL_TABLE	"GWSO frame table"
#define SEAL_LABEL_COMMITMENT	"GWSO commitment"
#define SEAL_LABEL_SUMMARY	"GWSO summary"	/* and u8 version */

enum {
	SEAL_FORMAT = 1,
	SEAL_FLAG_ZSTD = 1,
	SEAL_FLAG_LZ4 = 2,		/* never both */
	SEAL_FIXED_BYTES = 16,
	SEAL_SEALED_CHUNK = SEAL_CHUNK_BYTES + CRY_TAG_BYTES,
	SEAL_TABLE_LENGTH_BYTES = 4,
	SEAL_ENTRY_HEAD_BYTES = 12	/* up to the wrapped key */
};

void		 seal_fixed_put(unsigned char fixed[SEAL_FIXED_BYTES], enum cry_suite,
		    enum seal_method, uint64_t plain_bytes);
void		 seal_commit(unsigned char commitment[SEAL_COMMITMENT_BYTES],
		    const unsigned char key[SEAL_KEY_BYTES],
		    const unsigned char fixed[SEAL_FIXED_BYTES]);
void		 seal_nonce(unsigned char nonce[CRY_NONCE_BYTES], uint64_t chunk, bool last);

uint64_t	 seal_data_bytes(uint64_t stream_bytes);	/* all chunks with tags */
size_t		 seal_frame_packed_max(void);		/* of a frame, by any method */
uint64_t	 seal_frame_count(uint64_t plain_bytes);
uint64_t	 seal_table_bytes(uint64_t plain_bytes);	/* with tag and length */

#endif
