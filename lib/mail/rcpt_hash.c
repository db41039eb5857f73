/* SPDX-License-Identifier: ISC */
#include "lib/mail/rcpt_hash.h"

#include "lib/base/buf.h"
#include "lib/base/map.h"

uint64_t
rcpt_hash(struct slice address, struct slice mailbox)
{
	static const unsigned char key[16] = { 0 };
	struct buf b;
	uint64_t h;

	buf_init(&b, address.n + mailbox.n + 1);
	buf_put_slice(&b, address);
	buf_put_char(&b, '\0');
	buf_put_slice(&b, mailbox);
	h = hash_sip(key, buf_data(&b), b.n);
	buf_fini(&b);
	return h;
}
