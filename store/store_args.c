/* SPDX-License-Identifier: ISC */
#include "store/store_args.h"

#include "lib/base/num.h"
#include "store/store_check.h"
#include "store/store_op.h"

bool
args_next(struct slice *args, struct slice *arg)
{
	if (args->n == 0)
		return false;
	*args = slice_cut(*args, '\0', arg);
	return true;
}

void
args_numbers(struct slice arg, uint64_t *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (num_read_u64(&arg, UINT64_MAX, &v[i]) != ERR_OK)
			return;
		arg = slice_from(arg, 1);
	}
}

static bool
is_account(struct store *s, uint64_t account, struct slice address)
{
	struct op op;
	bool is;

	if (op_begin(&op, s, account, KV_READ) != ERR_OK)
		return false;
	is = slice_ieq(op.acc.address, address);
	op_end(&op);
	return is;
}

enum err
args_account(struct store *s, struct slice address, uint64_t *shard, uint64_t *account)
{
	for (unsigned looked = 0; *shard < kv_shard_count(s->kv); looked++) {
		if (looked == ARGS_LOOK_ACCOUNTS)
			return ERR_AGAIN;
		if (check_next_account(s, (unsigned)*shard, *account, account) != ERR_OK) {
			(*shard)++;
			*account = 0;
		} else if (is_account(s, *account, address)) {
			return ERR_OK;
		}
	}
	return ERR_NOTFOUND;
}
