/* SPDX-License-Identifier: ISC */
#include "lib/mail/acl_identifier.h"

#include <string.h>

#include "lib/mail/saslprep.h"

#define ANYONE	"anyone"

/* Behind the "-", if there was one. */
static enum err
put_name(struct slice name, struct slice domain, char *dst, struct slice *out)
{
	enum err e;
	struct buf b;

	if (slice_ieq_str(name, ANYONE)) {
		*out = slice_of(memcpy(dst, ANYONE, strlen(ANYONE)), strlen(ANYONE));
		return ERR_OK;
	}
	buf_init(&b, SASLPREP_MAX);
	buf_put_slice(&b, name);
	if (slice_find(name, '@') == name.n)
		buf_put_slice(&b, domain);
	e = name.n == 0 ? ERR_SYNTAX : buf_err(&b) != ERR_OK ? ERR_LIMIT :
	    addr_canon_text(buf_slice(&b), dst, out);
	buf_fini(&b);
	return e;
}

enum err
acl_identifier(struct slice text, struct slice domain, char dst[ACL_IDENTIFIER_MAX + 1],
    struct slice *out)
{
	struct slice name;
	struct buf b;
	bool minus;
	enum err e;

	buf_init(&b, SASLPREP_MAX);
	if ((e = saslprep(text, &b)) == ERR_OK) {
		name = buf_slice(&b);
		minus = slice_starts(name, "-");
		dst[0] = '-';
		e = put_name(slice_from(name, minus), domain, dst + minus, out);
		*out = slice_of(dst, out->n + minus);
	}
	buf_fini(&b);
	return e == ERR_OK || e == ERR_LIMIT ? e : ERR_SYNTAX;
}
