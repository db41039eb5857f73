/* SPDX-License-Identifier: ISC */
/*
 * The checksum of segment and journal records: 64 bits, four lanes, meant to
 * find torn writes and flipped bits at memory speed, not to resist a forger
 * (bodies are authenticated by their seal).  Every step is a bijection of its
 * lane, so a change within one word is always found.  Part of the disk format.
 */
#ifndef BLOB_SUM_H
#define BLOB_SUM_H

#include <stddef.h>
#include <stdint.h>

struct blob_sum {
	uint64_t	 lane[4];
	unsigned char	 tail[32];
	size_t		 tail_n;
	uint64_t	 total;
};

void		 blob_sum_init(struct blob_sum *);
void		 blob_sum_add(struct blob_sum *, const void *, size_t);
uint64_t	 blob_sum_end(struct blob_sum *);

#endif
