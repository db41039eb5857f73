/* SPDX-License-Identifier: ISC */
#include "lib/conf/conf_route.h"

#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/enc.h"
#include "lib/mail/addr.h"

enum err
conf_route_name(struct slice s, char dst[CONF_HOP_NAME_MAX + 2])
{
	char mem[ADDR_DOMAIN_MAX + 1];
	size_t dot = s.n > 1 && s.p[0] == '.' ? 1 : 0;

	if (addr_canon_domain(slice_from(s, dot), mem, &s) != ERR_OK || s.n > CONF_HOP_NAME_MAX)
		return ERR_SYNTAX;
	dst[0] = '.';
	return slice_to_cstr(s, dst + dot, CONF_HOP_NAME_MAX + 1) ? ERR_OK : ERR_SYNTAX;
}

enum err
conf_route_print(struct slice s, unsigned char dst[CONF_PRINT_BYTES])
{
	struct buf hex, raw;
	bool ok;

	buf_init(&hex, CONF_PRINT_BYTES * 2);
	buf_init(&raw, CONF_PRINT_BYTES);
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] != ':')
			buf_put_char(&hex, s.p[i]);
	ok = buf_err(&hex) == ERR_OK && enc_get_hex(&raw, buf_slice(&hex)) == ERR_OK &&
	    raw.n == CONF_PRINT_BYTES;
	if (ok)
		memcpy(dst, buf_data(&raw), CONF_PRINT_BYTES);
	buf_fini(&hex);
	buf_fini(&raw);
	return ok ? ERR_OK : ERR_SYNTAX;
}

enum err
conf_route_origin(struct slice s, struct conf_origin *o)
{
	struct slice ip, name, canon;
	char mem[ADDR_DOMAIN_MAX + 1];

	*o = (struct conf_origin){ .helo = "" };
	name = slice_cut(s, '=', &ip);
	if (ip.n > 2 && ip.p[0] == '[' && ip.p[ip.n - 1] == ']')
		ip = slice_of(ip.p + 1, ip.n - 2);
	if (conf_hop_parse_ip(ip, &o->addr) != ERR_OK)
		return ERR_SYNTAX;
	if (name.n == 0)
		return ERR_OK;
	return addr_canon_domain(name, mem, &canon) == ERR_OK &&
	    slice_to_cstr(canon, o->helo, sizeof(o->helo)) ? ERR_OK : ERR_SYNTAX;
}
