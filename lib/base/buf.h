/* SPDX-License-Identifier: ISC */
/*
 * A growing byte buffer with a hard cap.  Errors are sticky: a put that would
 * pass max stores nothing and sets full; later puts do nothing.  Check
 * buf_err() once at the end.  Bytes are appended at the tail and consumed
 * from the front (amortised O(1)).  The caller owns the struct; buf_fini
 * frees the memory.  With secret set no copy is left behind by growing and
buf_fini wipes; the bytes consumed or reset stay until buf_wipe.
 */
#ifndef BUF_H
#define BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"

struct buf {
	char	*mem;
	size_t	 off;		/* first live byte */
	size_t	 n;		/* live bytes */
	size_t	 cap;
	size_t	 max;		/* hard cap on n */
	bool	 full;		/* sticky */
	bool	 secret;	/* wipe what is given back to malloc */
};

/* make */
void		 buf_init(struct buf *, size_t max);
void		 buf_fini(struct buf *);
/* For writing into cap bytes that stay the caller's: holds one less, and is
 * neither grown nor to be given to buf_fini. */
void		 buf_lend(struct buf *, void *mem, size_t cap);
void		 buf_reset(struct buf *);	/* empty, clears full, keeps memory */
void		 buf_release(struct buf *);	/* empty, frees memory */

/* append */
void		 buf_put_slow(struct buf *, const void *, size_t);
/* Most puts find room where the last one ended. */
static inline void
buf_put(struct buf *b, const void *p, size_t n)
{
	if (!b->full && b->n <= b->max && n <= b->max - b->n && n > 0 &&
	    b->off + b->n + n < b->cap) {
		memcpy(b->mem + b->off + b->n, p, n);
		b->n += n;
	} else {
		buf_put_slow(b, p, n);
	}
}
static inline void
buf_put_slice(struct buf *b, struct slice s)
{
	buf_put(b, s.p, s.n);
}
static inline void
buf_put_str(struct buf *b, const char *s)
{
	buf_put(b, s, strlen(s));
}
void		 buf_put_char_slow(struct buf *, char);
static inline void
buf_put_char(struct buf *b, char c)
{
	if (!b->full && b->n < b->max && b->off + b->n + 1 < b->cap)
		b->mem[b->off + b->n++] = c;
	else
		buf_put_char_slow(b, c);
}
void		 buf_put_num(struct buf *, uint64_t);
void		 buf_printf(struct buf *, const char *, ...) PRINTF_LIKE(2, 3);
void		 buf_vprintf(struct buf *, const char *, va_list) PRINTF_LIKE(2, 0);
/* Room for n more bytes to be written in place, NULL (and full) if over max. */
char		*buf_reserve(struct buf *, size_t n);
void		 buf_commit(struct buf *, size_t n);	/* n of the reserved */

/* look and take */
char		*buf_data(const struct buf *);
struct slice	 buf_slice(const struct buf *);
enum err	 buf_err(const struct buf *);	/* OK or FULL */
void		 buf_consume(struct buf *, size_t n);	/* from the front */
void		 buf_truncate(struct buf *, size_t n);	/* keep the first n */
/* NUL-terminate behind the live bytes and return them; NULL when full. */
const char	*buf_cstr(struct buf *);
void		 buf_wipe(struct buf *);	/* zero all memory, then reset */

#endif
