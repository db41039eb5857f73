/* SPDX-License-Identifier: ISC */
/*
 * What the tests of the engines have in common: a store of three shards for
 * each test (store_world.h's bed), one key put and looked at, and numbers by
 * chance that are the same each time.
 */
#ifndef STORE_KV_BED_H
#define STORE_KV_BED_H

#include "tests/unit/store/store_world.h"

int		 kv_bed_setup(void **state);
int		 kv_bed_teardown(void **state);
uint32_t	 kv_bed_rnd(uint32_t below);

struct kv_txn	*kv_bed_begin(uint64_t account, enum kv_mode);
void		 kv_bed_put(uint64_t account, uint32_t n, const char *value);
bool		 kv_bed_sees(uint64_t account, uint32_t n, enum kv_mode, const char *value);

#endif
