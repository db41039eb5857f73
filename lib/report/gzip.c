/* SPDX-License-Identifier: ISC */
#include "lib/report/gzip.h"

#include <zlib.h>

#include "lib/base/must.h"

#define INPUT_MAX	(1u << 30)
#define WINDOW_GZIP	(15 + 16)	/* the largest window; 16: gzip's frame */
#define PIECE		16384u

static enum err
run(struct buf *out, z_stream *z)
{
	int rc;

	do {
		char *p = buf_reserve(out, PIECE);

		if (p == NULL)
			return ERR_TOOBIG;
		z->next_out = (Bytef *)p;
		z->avail_out = PIECE;
		rc = deflate(z, Z_FINISH);
		buf_commit(out, PIECE - z->avail_out);
	} while (rc == Z_OK || rc == Z_BUF_ERROR);
	return rc == Z_STREAM_END ? ERR_OK : ERR_SYS;
}

enum err
gzip_put(struct buf *out, struct slice in)
{
	z_stream z = { .next_in = (Bytef *)(uintptr_t)in.p };
	enum err e;

	if (in.n > INPUT_MAX)
		return ERR_TOOBIG;
	z.avail_in = (uInt)in.n;
	must(deflateInit2(&z, Z_BEST_COMPRESSION, Z_DEFLATED, WINDOW_GZIP, 8,
	    Z_DEFAULT_STRATEGY) == Z_OK);
	e = run(out, &z);
	(void)deflateEnd(&z);
	return e;
}
