/* SPDX-License-Identifier: ISC */
#include "delivery/dlv_verdict.h"

#include <stdarg.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/must.h"

#define WORKING_MAX	4096u	/* of a text before it is cut */

void
dlv_verdict_set(struct dlv_verdict *v, enum err e, enum relay_feedback feedback,
    const char *dsn, const char *fmt, ...)
{
	struct buf b;
	struct slice s;
	va_list ap;

	*v = (struct dlv_verdict){ .error = e, .feedback = feedback };
	must(slice_to_cstr(slice_str(dsn), v->dsn, sizeof(v->dsn)));
	buf_init(&b, WORKING_MAX);
	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	s = slice_head(buf_slice(&b), sizeof(v->text) - 1);
	while (s.n > 0 && s.n < b.n && ((unsigned char)s.p[s.n] & 0xc0) == 0x80)
		s.n--;
	if (s.n > 0)
		memcpy(v->text, s.p, s.n);
	buf_fini(&b);
}

enum relay_feedback
dlv_feedback_join(enum relay_feedback a, enum relay_feedback b)
{
	if ((unsigned)a == 0)
		return b;
	if ((unsigned)b == 0)
		return a;
	return a < b ? a : b;
}
