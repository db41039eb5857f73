/* SPDX-License-Identifier: ISC */
/*
 * The reply to one GET, as far as fetching a policy needs it (RFC 9112;
 * RFC 8461 s3.3): a 200 of text/plain, its body told by Content-Length, in
 * chunks, or up to the end of the connection.  Redirects, other statuses,
 * codings and types are failures.  Or the reply to one POST: any 2xx, whose
 * body is not looked at.  Pure: bytes in, body out.
 *
 * Limits: HTTP_LINE_MAX of a line, HTTP_HEAD_MAX of status, fields, chunk
 * sizes and trailer together, HTTP_FIELDS_MAX fields, body_max of the body.
 */
#ifndef HTTP_REPLY_H
#define HTTP_REPLY_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"

#define HTTP_LINE_MAX	4096u
#define HTTP_HEAD_MAX	32768u
#define HTTP_FIELDS_MAX	100u

enum http_step {
	HTTP_STATUS, HTTP_FIELDS, HTTP_LENGTH, HTTP_CLOSE, HTTP_CHUNK, HTTP_DATA,
	HTTP_DATA_END, HTTP_TRAILER, HTTP_DONE, HTTP_FAILED
};

struct http_reply {
	enum http_step	 step;
	unsigned	 status;
	bool		 is_post;
	bool		 is_1_0;
	bool		 has_length, has_chunks, has_type;
	uint64_t	 left;		/* bytes of body or chunk */
	unsigned	 field_count;
	size_t		 head_bytes;
	struct buf	 line;
	struct buf	 body;
	enum err	 error;
	const char	*why;		/* a literal, when it failed */
};

void		 http_reply_init(struct http_reply *, size_t body_max);
void		 http_reply_init_post(struct http_reply *);
void		 http_reply_fini(struct http_reply *);
/*
 * ERR_OK: the body is complete, what follows is not looked at; ERR_SHORT: more
 * is needed; else it failed, for good: ERR_SYNTAX, ERR_LIMIT, ERR_TOOBIG,
 * ERR_UNSUPPORTED (not a 200 of text/plain; to a POST, not a 2xx).
 */
enum err	 http_reply_feed(struct http_reply *, struct slice) MUST_USE;
/* The connection's end: ERR_OK when that ends the body, else ERR_END. */
enum err	 http_reply_end(struct http_reply *) MUST_USE;
struct slice	 http_reply_body(const struct http_reply *);

#endif
