/* SPDX-License-Identifier: ISC */
/*
 * Every message decoder: the first two bytes are the type's number, or any
 * that stands for one; the rest is its body.  What decodes must print, and encode to the same bytes again.
 */
#include <string.h>

#include "lib/base/enc.h"
#include "lib/base/must.h"
#include "lib/ipc/ipc_codec.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
records(struct slice s)
{
	struct ipc_deliver_rcpt rcpt;
	struct ipc_content content;
	struct ipc_wrap wrap;
	struct ipc_reader r;

	for (r = ipc_reader_of(s); ipc_reader_more(&r); )
		ipc_deliver_rcpt_get(&r, &rcpt);
	for (r = ipc_reader_of(s); ipc_reader_more(&r); )
		ipc_content_get(&r, &content);
	for (r = ipc_reader_of(s); ipc_reader_more(&r); )
		ipc_wrap_get(&r, &wrap);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const struct ipc_type_row *row;
	struct ipc_reader r;
	union ipc_any m;
	struct buf b;

	if (n < 2)
		return 0;
	records(slice_of(data + 2, n - 2));
	row = ipc_type_find(dec_le16(data));
	if (row == NULL)
		row = &ipc_types[dec_le16(data) % ipc_types_count];
	r = ipc_reader_of(slice_of(data + 2, n - 2));
	row->get(&r, &m);
	if (ipc_reader_done(&r) != ERR_OK)
		return 0;
	buf_init(&b, 1 << 20);
	row->print(&b, &m);
	buf_reset(&b);
	row->put(&b, &m);
	must(b.n == n - 2 && memcmp(buf_data(&b), data + 2, n - 2) == 0);
	buf_fini(&b);
	return 0;
}
