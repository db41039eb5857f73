/* SPDX-License-Identifier: ISC */
#include "transfer/mail_crlf.h"

uint64_t
mail_crlf_count(struct mail_crlf *c, struct slice s)
{
	uint64_t n = s.n;

	for (size_t i = 0; i < s.n; i++) {
		n += s.p[i] == '\n' && !c->after_cr;
		c->after_cr = s.p[i] == '\r';
	}
	return n;
}

void
mail_crlf_put(struct mail_crlf *c, struct buf *b, struct slice s)
{
	while (s.n > 0) {
		size_t end = slice_find(s, '\n');

		buf_put_slice(b, slice_head(s, end));
		if (end > 0)
			c->after_cr = s.p[end - 1] == '\r';
		if (end < s.n) {
			if (!c->after_cr)
				buf_put_char(b, '\r');
			buf_put_char(b, '\n');
			c->after_cr = false;
		}
		s = slice_from(s, end + 1);
	}
}

void
mail_lf_put(struct mail_crlf *c, struct buf *b, struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (c->after_cr && s.p[i] != '\n')
			buf_put_char(b, '\r');
		c->after_cr = s.p[i] == '\r';
		if (!c->after_cr)
			buf_put_char(b, s.p[i]);
	}
}

void
mail_lf_end(struct mail_crlf *c, struct buf *b)
{
	if (c->after_cr)
		buf_put_char(b, '\r');
	c->after_cr = false;
}
