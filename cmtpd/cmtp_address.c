/* SPDX-License-Identifier: ISC */
#include "cmtpd/cmtp_address.h"

#include <string.h>

#include "lib/base/buf.h"
#include "lib/cmtp/cmtp_wire.h"

enum err
cmtp_address_join(struct addr *out, struct slice user, struct slice domain)
{
	struct buf text;
	enum err e;

	buf_init(&text, 2 * CMTP_PARAM_MAX + 1);
	buf_put_slice(&text, user);
	buf_put_char(&text, '@');
	buf_put_slice(&text, domain);
	e = addr_parse(buf_slice(&text), ADDR_UTF8, out);
	buf_fini(&text);
	return e;
}

enum err
cmtp_address_sender(struct addr *out, struct slice user, struct slice domain)
{
	enum err e = ERR_OK;

	if (user.n > 0)
		e = cmtp_address_join(out, user, domain);
	if (user.n == 0 || e != ERR_OK)
		memset(out, 0, sizeof(*out));
	return e;
}

enum err
cmtp_address_postmaster(struct addr *out)
{
	struct slice name = SLICE_LIT("<postmaster>");

	return addr_parse_path(&name, ADDR_POSTMASTER_OK, out);
}
