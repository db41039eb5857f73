/* SPDX-License-Identifier: ISC */
#include "lib/conf/conf_map.h"

#include <string.h>

enum err
conf_map_parse(struct slice text, struct slice *name)
{
	size_t i;

	*name = SLICE_NONE;
	if (slice_find(text, ':') == text.n)
		return ERR_SYNTAX;
	if (!slice_starts(text, "lmdb:"))
		return ERR_UNSUPPORTED;
	text = slice_from(text, strlen("lmdb:"));
	if (text.n > CONF_MAP_NAME_MAX)
		return ERR_LIMIT;
	for (i = 0; i < text.n; i++)
		if ((unsigned char)text.p[i] <= ' ' || text.p[i] == 0x7f)
			return ERR_SYNTAX;
	*name = text;
	return text.n > 0 ? ERR_OK : ERR_SYNTAX;
}

void
conf_map_file(struct slice name, char dst[CONF_MAP_FILE_MAX])
{
	static const char digits[] = "0123456789abcdef";
	char *p = dst;
	size_t i;

	for (i = 0; i < name.n && i < CONF_MAP_NAME_MAX; i++) {
		unsigned char c = (unsigned char)name.p[i];

		if (ascii_is_alnum((char)c) || c == '_' || c == '-' || (c == '.' && i > 0)) {
			*p++ = (char)c;
			continue;
		}
		*p++ = '%';
		*p++ = digits[c >> 4];
		*p++ = digits[c & 15];
	}
	memcpy(p, ".lmdb", sizeof(".lmdb"));
}
