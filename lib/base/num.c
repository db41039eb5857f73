/* SPDX-License-Identifier: ISC */
#include "lib/base/num.h"

enum err
num_read_u64(struct slice *s, uint64_t max, uint64_t *out)
{
	uint64_t v = 0, d;
	size_t i = 0;

	while (i < s->n && ascii_is_digit(s->p[i])) {
		d = (uint64_t)(s->p[i] - '0');
		if (v > (UINT64_MAX - d) / 10)
			return ERR_LIMIT;
		v = v * 10 + d;
		i++;
	}
	if (i == 0)
		return ERR_SYNTAX;
	if (v > max)
		return ERR_LIMIT;
	*s = slice_from(*s, i);
	*out = v;
	return ERR_OK;
}

enum err
num_parse_u64(struct slice s, uint64_t max, uint64_t *out)
{
	uint64_t v;
	enum err e = num_read_u64(&s, max, &v);

	if (e != ERR_OK)
		return e;
	if (s.n != 0)
		return ERR_SYNTAX;
	*out = v;
	return ERR_OK;
}

enum err
num_parse_u32(struct slice s, uint32_t max, uint32_t *out)
{
	uint64_t v;
	enum err e = num_parse_u64(s, max, &v);

	if (e == ERR_OK)
		*out = (uint32_t)v;
	return e;
}
