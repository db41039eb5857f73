/* SPDX-License-Identifier: ISC */
#include "lib/base/map.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "lib/base/enc.h"
#include "lib/base/log.h"
#include "lib/base/must.h"

void
map_init(struct map *m)
{
	*m = (struct map){ NULL, 0, 0 };
}

void
map_fini(struct map *m)
{
	free(m->slots);
	map_init(m);
}

static void
map_resize(struct map *m, size_t slots)
{
	struct map_node **fresh = must_alloc(slots, sizeof(struct map_node *));
	struct map_node *n, *next;

	for (size_t i = 0; m->slots != NULL && i <= m->mask; i++) {
		for (n = m->slots[i]; n != NULL; n = next) {
			next = n->next;
			n->next = fresh[n->hash & (slots - 1)];
			fresh[n->hash & (slots - 1)] = n;
		}
	}
	free(m->slots);
	m->slots = fresh;
	m->mask = slots - 1;
}

void
map_insert(struct map *m, struct map_node *n, uint64_t hash)
{
	struct map_node **slot;

	if (m->slots == NULL)
		map_resize(m, 16);
	else if (m->count > m->mask)
		map_resize(m, (m->mask + 1) * 2);
	n->hash = hash;
	slot = &m->slots[hash & m->mask];
	n->next = *slot;
	*slot = n;
	m->count++;
}

void
map_remove(struct map *m, struct map_node *n)
{
	struct map_node **at;

	must(m->slots != NULL);
	for (at = &m->slots[n->hash & m->mask]; *at != n; at = &(*at)->next)
		must(*at != NULL);
	*at = n->next;
	n->next = NULL;
	m->count--;
}

struct map_node *
map_first(const struct map *m, uint64_t hash)
{
	struct map_node *n;

	if (m->slots == NULL)
		return NULL;
	for (n = m->slots[hash & m->mask]; n != NULL; n = n->next)
		if (n->hash == hash)
			return n;
	return NULL;
}

struct map_node *
map_next(const struct map_node *prev)
{
	struct map_node *n;

	for (n = prev->next; n != NULL; n = n->next)
		if (n->hash == prev->hash)
			return n;
	return NULL;
}

struct map_node *
map_walk(const struct map *m, size_t *slot, struct map_node *prev)
{
	if (m->slots == NULL)
		return NULL;
	if (prev != NULL) {
		if (prev->next != NULL)
			return prev->next;
		(*slot)++;
	}
	for (; *slot <= m->mask; (*slot)++)
		if (m->slots[*slot] != NULL)
			return m->slots[*slot];
	return NULL;
}

#define ROTL(x, b)	((x) << (b) | (x) >> (64 - (b)))

static void
sip_round(uint64_t v[4])
{
	v[0] += v[1]; v[1] = ROTL(v[1], 13); v[1] ^= v[0]; v[0] = ROTL(v[0], 32);
	v[2] += v[3]; v[3] = ROTL(v[3], 16); v[3] ^= v[2];
	v[0] += v[3]; v[3] = ROTL(v[3], 21); v[3] ^= v[0];
	v[2] += v[1]; v[1] = ROTL(v[1], 17); v[1] ^= v[2]; v[2] = ROTL(v[2], 32);
}

uint64_t
hash_sip(const unsigned char key[16], const void *data, size_t n)
{
	const unsigned char *p = data;
	uint64_t k0 = dec_le64(key), k1 = dec_le64(key + 8), m;
	uint64_t v[4] = {
		k0 ^ 0x736f6d6570736575ULL, k1 ^ 0x646f72616e646f6dULL,
		k0 ^ 0x6c7967656e657261ULL, k1 ^ 0x7465646279746573ULL
	};
	size_t i;

	for (i = 0; i + 8 <= n; i += 8) {
		m = dec_le64(p + i);
		v[3] ^= m;
		sip_round(v);
		sip_round(v);
		v[0] ^= m;
	}
	m = (uint64_t)(n & 0xff) << 56;
	for (size_t j = 0; i + j < n; j++)
		m |= (uint64_t)p[i + j] << (8 * j);
	v[3] ^= m;
	sip_round(v);
	sip_round(v);
	v[0] ^= m;
	v[2] ^= 0xff;
	for (int r = 0; r < 4; r++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* Random per process, drawn on first use (before threads are started). */
static const unsigned char *
hash_key(void)
{
	static unsigned char key[16];
	static bool drawn;

	if (!drawn) {
		if (getrandom(key, sizeof(key), 0) != (ssize_t)sizeof(key))
			log_fatal("getrandom failed");
		drawn = true;
	}
	return key;
}

uint64_t
hash_slice(struct slice s)
{
	return hash_sip(hash_key(), s.p, s.n);
}

uint64_t
hash_islice(struct slice s)
{
	char small[512];

	/* Longer keys than any address still hash alike in either case. */
	if (s.n > sizeof(small))
		return hash_islice(slice_head(s, sizeof(small))) ^ s.n;
	for (size_t i = 0; i < s.n; i++)
		small[i] = ascii_lower(s.p[i]);
	return hash_sip(hash_key(), small, s.n);
}

uint64_t
hash_u64(uint64_t v)
{
	v ^= v >> 33;
	v *= 0xff51afd7ed558ccdULL;
	v ^= v >> 33;
	v *= 0xc4ceb9fe1a85ec53ULL;
	v ^= v >> 33;
	return v;
}
