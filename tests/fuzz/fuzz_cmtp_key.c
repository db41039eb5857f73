/* SPDX-License-Identifier: ISC */
/*
 * Key records as a stranger sends them: what reads is written back the same,
 * and two of them are judged without harm.
 */
#include <string.h>

#include "lib/base/must.h"
#include "lib/cmtp/cmtp_chain.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct slice all = slice_of(data, n), in = all;
	struct cmtp_key first, k;
	bool has_first = false;
	struct buf b;

	cry_init();
	while (in.n > 0 && cmtp_key_read(&k, &in) == ERR_OK) {
		buf_init(&b, CMTP_KEY_RECORD_MAX);
		must(cmtp_key_put(&b, &k) == ERR_OK);
		must(slice_eq(buf_slice(&b), slice_head(all, all.n - in.n)));
		buf_fini(&b);
		all = in;
		if (cmtp_key_verify(&k, k.sign) == ERR_OK)
			must(k.serial > 0 && k.expires_s > k.created_s);
		must(cmtp_chain_name(cmtp_chain_judge(has_first ? &first : NULL, &k, k.created_s)) != NULL);
		if (!has_first)
			first = k;
		has_first = true;
	}
	return 0;
}
