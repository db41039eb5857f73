/* SPDX-License-Identifier: ISC */
#include "tests/unit/store/store_kv_bed.h"

#include "store/store_record.h"
#include "tests/unit/test.h"

int
kv_bed_setup(void **state)
{
	(void)state;
	bed_init(&bed, 3);
	return 0;
}

int
kv_bed_teardown(void **state)
{
	(void)state;
	bed_fini(&bed);
	return 0;
}

uint32_t
kv_bed_rnd(uint32_t below)
{
	static uint64_t seed = 88172645463325252u;

	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)((seed >> 16) % below);
}

struct kv_txn *
kv_bed_begin(uint64_t account, enum kv_mode mode)
{
	struct kv_txn *t;

	assert_int_equal(kv_begin(bed.store.kv, account, mode, &t), ERR_OK);
	return t;
}

void
kv_bed_put(uint64_t account, uint32_t n, const char *value)
{
	struct kv_key k = record_key_u32(account, 'x', n);
	struct kv_txn *t = kv_bed_begin(account, KV_WRITE);

	kv_put(t, &k, slice_str(value));
	assert_int_equal(kv_submit(&t, KV_NOW, NULL, NULL), ERR_OK);
}

bool
kv_bed_sees(uint64_t account, uint32_t n, enum kv_mode mode, const char *value)
{
	struct kv_key k = record_key_u32(account, 'x', n);
	struct kv_txn *t = kv_bed_begin(account, mode);
	struct slice v;
	bool yes;

	yes = kv_get(t, &k, &v) == ERR_OK && slice_eq_str(v, value);
	kv_end(&t);
	assert_null(t);
	return yes;
}
