/* SPDX-License-Identifier: ISC */
/*
 * Values between master and a daemon.  The form begins with a fingerprint of
 * the rows, so that binaries of different builds notice each other.
 */
#include "lib/conf/opt.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/map.h"
#include "lib/conf/opt_priv.h"
#include "lib/ipc/ipc_codec.h"

static uint64_t
fingerprint(const struct opt_section *s)
{
	static const unsigned char key[16];
	struct buf b;
	uint64_t h;

	buf_init(&b, 65536);
	buf_put_str(&b, s->name);
	for (const struct opt *o = s->rows; o->name != NULL; o++)
		buf_printf(&b, " %s:%u", o->name, (unsigned)o->type);
	h = hash_sip(key, buf_data(&b), buf_slice(&b).n);
	buf_fini(&b);
	return h;
}

static void
encode_list(const struct opt_list *l, struct buf *b)
{
	ipc_put_u32(b, l->n);
	for (uint32_t i = 0; i < l->n; i++)
		ipc_put_var(b, slice_str(l->v[i]), OPT_STRING_MAX);
}

void
opt_encode(const struct opt_section *s, const void *base, struct buf *b)
{
	ipc_put_u64(b, fingerprint(s));
	for (const struct opt *o = s->rows; o->name != NULL; o++) {
		const void *field = opt_field_const(o, base);

		switch (o->type) {
		case OPT_TYPE_TIME:
		case OPT_TYPE_SIZE:
		case OPT_TYPE_NUM:
			ipc_put_u64(b, *(const uint64_t *)field);
			break;
		case OPT_TYPE_RATE:
			ipc_put_u64(b, ((const struct opt_rate *)field)->count);
			ipc_put_u64(b, ((const struct opt_rate *)field)->per_ms);
			break;
		case OPT_TYPE_BOOL:
			ipc_put_bool(b, *(const bool *)field);
			break;
		case OPT_TYPE_ENUM:
			ipc_put_u32(b, *(const uint32_t *)field);
			break;
		case OPT_TYPE_STRING:
		case OPT_TYPE_PATH:
		case OPT_TYPE_DOMAIN:
			ipc_put_var(b, slice_str(*(char *const *)field), OPT_PATH_MAX);
			break;
		case OPT_TYPE_LIST:
		case OPT_TYPE_NETS:
		case OPT_TYPE_ADDRS:
			encode_list(field, b);
			break;
		}
	}
}

static char *
decode_string(struct ipc_reader *r, size_t cap)
{
	struct slice s = ipc_get_var(r, cap);

	if (s.n > 0 && memchr(s.p, '\0', s.n) != NULL)
		r->bad = true;
	return opt_strdup(s.p, r->bad ? 0 : s.n);
}

static void
decode_list(struct ipc_reader *r, struct opt_list *l)
{
	uint32_t n = ipc_get_u32(r);

	if (n > OPT_LIST_MAX)
		r->bad = true;
	while (n-- > 0 && !r->bad) {
		char *one = decode_string(r, OPT_STRING_MAX);

		opt_list_add(l, one, strlen(one));
		free(one);
	}
}

static void
decode_field(const struct opt *o, struct ipc_reader *r, void *field)
{
	struct slice choices = slice_str(o->min);
	uint32_t count = 1;

	switch (o->type) {
	case OPT_TYPE_TIME:
	case OPT_TYPE_SIZE:
	case OPT_TYPE_NUM:
		*(uint64_t *)field = ipc_get_u64(r);
		return;
	case OPT_TYPE_RATE:
		((struct opt_rate *)field)->count = ipc_get_u64(r);
		((struct opt_rate *)field)->per_ms = ipc_get_u64(r);
		if (((struct opt_rate *)field)->per_ms == 0)
			r->bad = true;	/* somebody divides by it */
		return;
	case OPT_TYPE_BOOL:
		*(bool *)field = ipc_get_bool(r);
		return;
	case OPT_TYPE_ENUM:
		for (size_t i = 0; i < choices.n; i++)
			count += choices.p[i] == ',';
		*(uint32_t *)field = ipc_get_u32(r);
		if (*(uint32_t *)field >= count)
			r->bad = true;
		return;
	case OPT_TYPE_STRING:
	case OPT_TYPE_PATH:
	case OPT_TYPE_DOMAIN:
		*(char **)field = decode_string(r, OPT_PATH_MAX);
		return;
	case OPT_TYPE_LIST:
	case OPT_TYPE_NETS:
	case OPT_TYPE_ADDRS:
		decode_list(r, field);
		return;
	}
}

enum err
opt_decode(const struct opt_section *s, struct slice blob, void *base)
{
	struct ipc_reader r = ipc_reader_of(blob);

	memset(base, 0, s->struct_bytes);
	if (ipc_get_u64(&r) != fingerprint(s))
		return ERR_VIOLATION;
	for (const struct opt *o = s->rows; o->name != NULL; o++)
		decode_field(o, &r, opt_field(o, base));
	if (ipc_reader_done(&r) != ERR_OK) {
		opt_free(s, base);
		return ERR_VIOLATION;
	}
	return ERR_OK;
}
