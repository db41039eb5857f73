/* SPDX-License-Identifier: ISC */
/*
 * The rows of the .msg files are included once for each product: encoders,
 * decoders, printers, and the table of rows at the end.  Numbers that stand
 * twice fail to compile in numbers_are_unique().
 */
#include "lib/ipc/ipc_codec.h"

#include <string.h>

#include "lib/base/cc.h"
#include "lib/base/enc.h"
#include "lib/base/must.h"

/* ---- fields ---- */

void
ipc_put_u8(struct buf *b, uint8_t v)
{
	buf_put(b, &v, 1);
}

void
ipc_put_u16(struct buf *b, uint16_t v)
{
	unsigned char p[2];

	enc_le16(p, v);
	buf_put(b, p, sizeof(p));
}

void
ipc_put_u32(struct buf *b, uint32_t v)
{
	unsigned char p[4];

	enc_le32(p, v);
	buf_put(b, p, sizeof(p));
}

void
ipc_put_u64(struct buf *b, uint64_t v)
{
	unsigned char p[8];

	enc_le64(p, v);
	buf_put(b, p, sizeof(p));
}

void
ipc_put_bool(struct buf *b, bool v)
{
	ipc_put_u8(b, v ? 1 : 0);
}

void
ipc_put_err(struct buf *b, enum err e)
{
	ipc_put_u8(b, (uint8_t)-(int)e);
}

void
ipc_put_var(struct buf *b, struct slice s, size_t cap)
{
	if (s.n > cap || s.n > 0xffff) {
		b->full = true;
		return;
	}
	ipc_put_u16(b, (uint16_t)s.n);
	buf_put_slice(b, s);
}

void
ipc_put_fixed(struct buf *b, const unsigned char *p, size_t n)
{
	ipc_put_var(b, slice_of(p, n), n);
}

/* n bytes, or NULL and bad. */
static const unsigned char *
take(struct ipc_reader *r, size_t n)
{
	const unsigned char *p = r->p;

	if (r->bad || (size_t)(r->end - r->p) < n) {
		r->bad = true;
		return NULL;
	}
	r->p += n;
	return p;
}

uint8_t
ipc_get_u8(struct ipc_reader *r)
{
	const unsigned char *p = take(r, 1);

	return p != NULL ? *p : 0;
}

uint16_t
ipc_get_u16(struct ipc_reader *r)
{
	const unsigned char *p = take(r, 2);

	return p != NULL ? dec_le16(p) : 0;
}

uint32_t
ipc_get_u32(struct ipc_reader *r)
{
	const unsigned char *p = take(r, 4);

	return p != NULL ? dec_le32(p) : 0;
}

uint64_t
ipc_get_u64(struct ipc_reader *r)
{
	const unsigned char *p = take(r, 8);

	return p != NULL ? dec_le64(p) : 0;
}

bool
ipc_get_bool(struct ipc_reader *r)
{
	uint8_t v = ipc_get_u8(r);

	if (v > 1)
		r->bad = true;
	return v == 1;
}

enum err
ipc_get_err(struct ipc_reader *r)
{
	uint8_t v = ipc_get_u8(r);
	enum err e = err_from_int(-(int)v);

	if (e == ERR_VIOLATION && -(int)e != (int)v)
		r->bad = true;
	return e;
}

struct slice
ipc_get_var(struct ipc_reader *r, size_t cap)
{
	size_t n = ipc_get_u16(r);
	const unsigned char *p;

	if (n > cap)
		r->bad = true;
	p = take(r, n);
	return p != NULL ? slice_of(p, n) : SLICE_NONE;
}

void
ipc_get_fixed(struct ipc_reader *r, unsigned char *dst, size_t n)
{
	struct slice s = ipc_get_var(r, n);

	if (s.n == n)
		memcpy(dst, s.p, n);
	else
		r->bad = true;
}

struct ipc_reader
ipc_reader_of(struct slice s)
{
	static const unsigned char nothing[1];
	const unsigned char *p = s.n > 0 ? (const unsigned char *)s.p : nothing;

	return (struct ipc_reader){ p, p + s.n, false };
}

bool
ipc_reader_more(const struct ipc_reader *r)
{
	return !r->bad && r->p < r->end;
}

enum err
ipc_reader_done(const struct ipc_reader *r)
{
	return !r->bad && r->p == r->end ? ERR_OK : ERR_VIOLATION;
}

/* ---- encoders ---- */

#define F(type, field)		ipc_put_##type(b, m->field);
#define V(type, cap, field)	ipc_put_var(b, m->field, (cap));
#define PUT(name, ...)							\
void									\
ipc_##name##_put(struct buf *b, const struct ipc_##name *m)		\
{									\
	__VA_ARGS__							\
}
#define REQ(name, id, from, fds, ...)	PUT(name, __VA_ARGS__)
#define MSG(name, id, from, fds, ...)	PUT(name, __VA_ARGS__)
#define REC(name, ...)			PUT(name, __VA_ARGS__)
#include "lib/ipc/all.msg"
#undef F
#undef V
#undef REQ
#undef MSG
#undef REC

/* ---- decoders ---- */

#define F(type, field)		m->field = ipc_get_##type(r);
#define V(type, cap, field)	m->field = ipc_get_var(r, (cap));
#define GET(name, ...)							\
void									\
ipc_##name##_get(struct ipc_reader *r, struct ipc_##name *m)		\
{									\
	__VA_ARGS__							\
}
#define REQ(name, id, from, fds, ...)	GET(name, __VA_ARGS__)
#define MSG(name, id, from, fds, ...)	GET(name, __VA_ARGS__)
#define REC(name, ...)			GET(name, __VA_ARGS__)
#include "lib/ipc/all.msg"
#undef F
#undef V
#undef REQ
#undef MSG
#undef REC

/* ---- printers ---- */

#define print_u8(b, v)		buf_put_num((b), (v))
#define print_u16(b, v)		buf_put_num((b), (v))
#define print_u32(b, v)		buf_put_num((b), (v))
#define print_u64(b, v)		buf_put_num((b), (v))
#define print_bool(b, v)	buf_put_str((b), (v) ? "yes" : "no")
#define print_err(b, v)		buf_put_str((b), err_name(v))

static void UNUSED
print_str(struct buf *b, struct slice s)
{
	buf_put_char(b, '"');
	for (size_t i = 0; i < s.n; i++) {
		if (ascii_is_print(s.p[i]) && s.p[i] != '"' && s.p[i] != '\\')
			buf_put_char(b, s.p[i]);
		else
			buf_printf(b, "\\x%02X", (unsigned char)s.p[i]);
	}
	buf_put_char(b, '"');
}

static void UNUSED
print_blob(struct buf *b, struct slice s)
{
	buf_printf(b, "[%zu]", s.n);
	enc_put_hex(b, slice_head(s, 16));
}

static void UNUSED
print_secret(struct buf *b, struct slice s)
{
	(void)s;
	buf_put_str(b, "***");
}

#define F(type, field)		buf_put_str(b, " " #field "="); print_##type(b, m->field);
#define V(type, cap, field)	buf_put_str(b, " " #field "="); print_##type(b, m->field);
#define PRINT(name, ...)						\
void									\
ipc_##name##_print(struct buf *b, const struct ipc_##name *m)		\
{									\
	buf_put_str(b, #name);						\
	__VA_ARGS__							\
}
#define REQ(name, id, from, fds, ...)	PRINT(name, __VA_ARGS__)
#define MSG(name, id, from, fds, ...)	PRINT(name, __VA_ARGS__)
#define REC(name, ...)			PRINT(name, __VA_ARGS__)
#include "lib/ipc/all.msg"
#undef F
#undef V
#undef REQ
#undef MSG
#undef REC

/* ---- the table ---- */

/* Untyped forms for the table: void pointers to the struct of the row. */
#define F(type, field)
#define V(type, cap, field)
#define THUNKS(name)							\
static void								\
any_##name##_put(struct buf *b, const void *m)				\
{									\
	ipc_##name##_put(b, m);						\
}									\
static void								\
any_##name##_get(struct ipc_reader *r, void *m)				\
{									\
	ipc_##name##_get(r, m);						\
}									\
static void								\
any_##name##_print(struct buf *b, const void *m)			\
{									\
	ipc_##name##_print(b, m);					\
}
#define REQ(name, id, from, fds, ...)	THUNKS(name)
#define MSG(name, id, from, fds, ...)	THUNKS(name)
#define REC(name, ...)
#include "lib/ipc/all.msg"
#undef F
#undef V
#undef REQ
#undef MSG
#undef REC

/* has_secret: the sum over the fields of "this field is a secret". */
#define SECRET_str	0
#define SECRET_blob	0
#define SECRET_secret	1
#define F(type, field)
#define V(type, cap, field)	+ SECRET_##type
#define ROW(name, id, from, fds, request, ...)				\
	{ #name, (id), (fds), (from), (request), (0 __VA_ARGS__) > 0,	\
	    sizeof(struct ipc_##name), any_##name##_put,		\
	    any_##name##_get, any_##name##_print },
#define REQ(name, id, from, fds, ...)	ROW(name, id, from, fds, true, __VA_ARGS__)
#define MSG(name, id, from, fds, ...)	ROW(name, id, from, fds, false, __VA_ARGS__)
#define REC(name, ...)
const struct ipc_type_row ipc_types[] = {
#include "lib/ipc/all.msg"
};
const size_t ipc_types_count = lengthof(ipc_types);
#undef REQ
#undef MSG

/* Two rows with one number would be two equal case labels here. */
#define REQ(name, id, from, fds, ...)	case (id): return #name;
#define MSG(name, id, from, fds, ...)	case (id): return #name;
static UNUSED const char *
numbers_are_unique(unsigned type)
{
	switch (type) {
#include "lib/ipc/all.msg"
	}
	return NULL;
}

/* Numbers are below 0x0800: a direct index, filled on first use. */
#define TYPE_MAX	0x0800

const struct ipc_type_row *
ipc_type_find(uint16_t type)
{
	static const struct ipc_type_row *index[TYPE_MAX];
	static bool filled;

	if (!filled) {
		for (size_t i = 0; i < ipc_types_count; i++) {
			must(ipc_types[i].type < TYPE_MAX);
			index[ipc_types[i].type] = &ipc_types[i];
		}
		filled = true;
	}
	return type < TYPE_MAX ? index[type] : NULL;
}
