/* SPDX-License-Identifier: ISC */
#include "store/blob_sum.h"

#include <string.h>

#include "lib/base/enc.h"

#define P1	0x9e3779b97f4a7c15u
#define P2	0xc2b2ae3d27d4eb4fu

static uint64_t
rotl(uint64_t x, unsigned n)
{
	return x << n | x >> (64 - n);
}

static uint64_t
step(uint64_t lane, uint64_t word)
{
	return rotl((lane ^ word) * P1, 29) + P2;
}

void
blob_sum_init(struct blob_sum *s)
{
	memset(s, 0, sizeof(*s));
	for (unsigned i = 0; i < 4; i++)
		s->lane[i] = P2 * (i + 1);
}

static void
block(struct blob_sum *s, const unsigned char *p)
{
	for (unsigned i = 0; i < 4; i++)
		s->lane[i] = step(s->lane[i], dec_le64(p + 8 * i));
}

void
blob_sum_add(struct blob_sum *s, const void *data, size_t n)
{
	const unsigned char *p = data;
	size_t take;

	if (n == 0)
		return;
	s->total += n;
	if (s->tail_n > 0) {
		take = sizeof(s->tail) - s->tail_n;
		take = take < n ? take : n;
		memcpy(s->tail + s->tail_n, p, take);
		s->tail_n += take;
		p += take;
		n -= take;
		if (s->tail_n < sizeof(s->tail))
			return;
		block(s, s->tail);
		s->tail_n = 0;
	}
	for (; n >= sizeof(s->tail); p += sizeof(s->tail), n -= sizeof(s->tail))
		block(s, p);
	if (n > 0)
		memcpy(s->tail, p, n);
	s->tail_n = n;
}

uint64_t
blob_sum_end(struct blob_sum *s)
{
	uint64_t h = s->total * P1;

	memset(s->tail + s->tail_n, 0, sizeof(s->tail) - s->tail_n);
	block(s, s->tail);
	for (unsigned i = 0; i < 4; i++)
		h = step(h, s->lane[i]);
	return h ^ h >> 31;
}
