/* SPDX-License-Identifier: ISC */
#include "lib/sys/pulse.h"

#include <stdatomic.h>

#include "lib/base/map.h"

_Static_assert((PULSE_COUNT & (PULSE_COUNT - 1)) == 0, "ids are cut to it");

static _Atomic uint64_t *
counter_of(const unsigned char *mem, uint64_t id)
{
	/* A window is mapped at whole pages.  C11 loads from nothing that is const. */
	return (_Atomic uint64_t *)(uintptr_t)mem + (hash_u64(id) & (PULSE_COUNT - 1));
}

/* 0 is nobody's number. */
static void
put(_Atomic uint64_t *at, uint64_t v)
{
	atomic_store_explicit(at, v == 0 ? 1 : v, memory_order_release);
}

void
pulse_begin(unsigned char *mem, uint64_t random)
{
	_Atomic uint64_t *at = (_Atomic uint64_t *)(uintptr_t)mem;

	for (unsigned i = 0; i < PULSE_COUNT; i++)
		put(at + i, random);
}

/* Only the maker writes, in one thread. */
void
pulse_beat(unsigned char *mem, uint64_t id)
{
	_Atomic uint64_t *at = counter_of(mem, id);

	put(at, atomic_load_explicit(at, memory_order_relaxed) + 1);
}

uint64_t
pulse_at(const unsigned char *mem, uint64_t id)
{
	return atomic_load_explicit(counter_of(mem, id), memory_order_acquire);
}
