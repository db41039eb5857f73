/* SPDX-License-Identifier: ISC */
#include "queue/queue_lookup.h"

#include <string.h>

static struct slice
local_of(struct slice text)
{
	return slice_head(text, slice_rfind(text, '@'));
}

enum err
queue_lookup_address(queue_lookup_fn *fn, struct queue_map *map, const struct addr *a,
    const struct addr *stripped, struct slice *value)
{
	char full_text[ADDR_TEXT_MAX + 1], base_text[ADDR_TEXT_MAX + 1];
	struct slice full = addr_text(a, full_text), base = addr_text(stripped, base_text);
	bool has_ext = !slice_eq(full, base);
	enum err e;

	if ((e = fn(map, full, value)) != ERR_NOTFOUND)
		return e;
	if (has_ext && (e = fn(map, base, value)) != ERR_NOTFOUND)
		return e;
	if ((e = fn(map, local_of(full), value)) != ERR_NOTFOUND || !has_ext)
		return e;
	return fn(map, local_of(base), value);
}

enum err
queue_lookup_rest(queue_lookup_fn *fn, struct queue_map *map, const struct addr *a,
    struct slice *value)
{
	char key[ADDR_DOMAIN_MAX + 2];
	struct slice domain = addr_domain(a);

	key[0] = '@';
	memcpy(key + 1, domain.p, domain.n);
	return fn(map, slice_of(key, domain.n + 1), value);
}

bool
queue_lookup_next(struct slice *list, struct slice *one)
{
	bool is_quoted = false;
	size_t i;

	do {
		for (i = 0; i < list->n && (is_quoted || list->p[i] != ','); i++) {
			if (list->p[i] == '"')
				is_quoted = !is_quoted;
			else if (list->p[i] == '\\' && is_quoted && i + 1 < list->n)
				i++;
		}
		*one = slice_trim(slice_head(*list, i));
		*list = slice_from(*list, i + 1);
	} while (one->n == 0 && list->n > 0);
	return one->n > 0;
}

/* Is there an @ outside of quotes? */
static bool
has_domain(struct slice one)
{
	size_t at = slice_rfind(one, '@');

	return at < one.n && slice_find(slice_from(one, at), '"') == one.n - at;
}

enum err
queue_lookup_target(struct slice one, const struct addr *rcpt, struct addr *out)
{
	char text[ADDR_TEXT_MAX + 1 + ADDR_TEXT_MAX + 1];
	char own[ADDR_TEXT_MAX + 1];
	struct slice local = local_of(addr_text(rcpt, own)), domain = addr_domain(rcpt);

	if (one.n > ADDR_TEXT_MAX)
		return ERR_LIMIT;
	if (one.n > 0 && one.p[0] == '@') {
		memcpy(text, local.p, local.n);
		memcpy(text + local.n, one.p, one.n);
		return addr_parse(slice_of(text, local.n + one.n), ADDR_UTF8, out);
	}
	if (has_domain(one))
		return addr_parse(one, ADDR_UTF8, out);
	if (one.n > 0)
		memcpy(text, one.p, one.n);
	text[one.n] = '@';
	memcpy(text + one.n + 1, domain.p, domain.n);
	return addr_parse(slice_of(text, one.n + 1 + domain.n), ADDR_UTF8, out);
}
