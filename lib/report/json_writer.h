/* SPDX-License-Identifier: ISC */
/*
 * Writes JSON (RFC 8259) as I-JSON wants it (RFC 7493): UTF-8, and what is
 * not becomes U+FFFD.  Commas come by themselves.  Pure; the buf's cap is the
 * limit.  Nesting is the caller's, at most JSON_WRITER_DEPTH_MAX.
 *
 *	json_writer_open(&w, "policy", '{');
 *	json_writer_str(&w, "policy-type", SLICE_LIT("sts"));
 *	json_writer_close(&w);
 */
#ifndef JSON_WRITER_H
#define JSON_WRITER_H

#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/slice.h"

#define JSON_WRITER_DEPTH_MAX	16u

struct json_writer {
	struct buf	*out;
	unsigned	 depth;
	char		 ends[JSON_WRITER_DEPTH_MAX];
	bool		 has_items[JSON_WRITER_DEPTH_MAX + 1];
};

void		 json_writer_init(struct json_writer *, struct buf *out);
/* kind: '{' or '['.  The key is NULL at the top and inside an array. */
void		 json_writer_open(struct json_writer *, const char *key, char kind);
void		 json_writer_close(struct json_writer *);
void		 json_writer_str(struct json_writer *, const char *key, struct slice);
void		 json_writer_num(struct json_writer *, const char *key, uint64_t);

#endif
