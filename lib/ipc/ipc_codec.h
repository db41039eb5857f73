/* SPDX-License-Identifier: ISC */
/*
 * Structs, encoders, decoders and printers made from the .msg rows:
 *
 *	REQ(name, number, senders, max_fds, fields)	wants a reply
 *	MSG(name, number, senders, max_fds, fields)	a reply, or one way
 *	REC(name, fields)				an element inside a blob
 *
 * A field is F(type, name) with type u8 u16 u32 u64 bool err, or
 * V(type, cap, name) with type str, blob or secret: u16/u32 length and bytes,
 * at most cap; in the struct all three are a slice borrowed from the frame.
 * Writers and readers carry a sticky error, so field code needs no checks.
 * A decoder rejects short and trailing data, caps exceeded, bool beyond 1 and
 * unknown err numbers.  secret prints as *** and its frame is wiped.
 * Integers are little-endian.
 */
#ifndef IPC_CODEC_H
#define IPC_CODEC_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "lib/ipc/ipc_role.h"

struct ipc_reader {
	const unsigned char	*p;
	const unsigned char	*end;
	bool			 bad;
};

void		 ipc_put_u8(struct buf *, uint8_t);
void		 ipc_put_u16(struct buf *, uint16_t);
void		 ipc_put_u32(struct buf *, uint32_t);
void		 ipc_put_u64(struct buf *, uint64_t);
void		 ipc_put_bool(struct buf *, bool);
void		 ipc_put_err(struct buf *, enum err);
void		 ipc_put_var(struct buf *, struct slice, size_t cap);
/* A V of always n bytes, for records on disk: keys, salts, wraps. */
void		 ipc_put_fixed(struct buf *, const unsigned char *, size_t n);

uint8_t		 ipc_get_u8(struct ipc_reader *);
uint16_t	 ipc_get_u16(struct ipc_reader *);
uint32_t	 ipc_get_u32(struct ipc_reader *);
uint64_t	 ipc_get_u64(struct ipc_reader *);
bool		 ipc_get_bool(struct ipc_reader *);
enum err	 ipc_get_err(struct ipc_reader *);
struct slice	 ipc_get_var(struct ipc_reader *, size_t cap);
/* Another length is bad, and dst is as it was. */
void		 ipc_get_fixed(struct ipc_reader *, unsigned char *dst, size_t n);

typedef enum err ipc_err_t;
typedef uint8_t	 ipc_u8_t;
typedef uint16_t ipc_u16_t;
typedef uint32_t ipc_u32_t;
typedef uint64_t ipc_u64_t;
typedef bool	 ipc_bool_t;

/* Structs: struct ipc_<name>. */
#define F(type, field)		ipc_##type##_t field;
#define V(type, cap, field)	struct slice field;
#define REQ(name, id, from, fds, ...)	struct ipc_##name { __VA_ARGS__ };
#define MSG(name, id, from, fds, ...)	struct ipc_##name { __VA_ARGS__ };
#define REC(name, ...)			struct ipc_##name { __VA_ARGS__ };
#include "lib/ipc/all.msg"
#undef F
#undef V
#undef REQ
#undef MSG
#undef REC

/* Numbers: IPC_MSG_<name>. */
enum ipc_type {
#define F(type, field)
#define V(type, cap, field)
#define REQ(name, id, from, fds, ...)	IPC_MSG_##name = (id),
#define MSG(name, id, from, fds, ...)	IPC_MSG_##name = (id),
#define REC(name, ...)
#include "lib/ipc/all.msg"
#undef F
#undef V
#undef REQ
#undef MSG
#undef REC
	IPC_MSG_none = 0
};

/* Encoders and decoders of single structs: for REC elements and tests. */
#define F(type, field)
#define V(type, cap, field)
#define DECLARE(name)							\
	void	 ipc_##name##_put(struct buf *, const struct ipc_##name *); \
	void	 ipc_##name##_get(struct ipc_reader *, struct ipc_##name *); \
	void	 ipc_##name##_print(struct buf *, const struct ipc_##name *);
#define REQ(name, id, from, fds, ...)	DECLARE(name)
#define MSG(name, id, from, fds, ...)	DECLARE(name)
#define REC(name, ...)			DECLARE(name)
#include "lib/ipc/all.msg"
#undef F
#undef V
#undef REQ
#undef MSG
#undef REC
#undef DECLARE

/* One row per message type. */
struct ipc_type_row {
	const char	*name;
	uint16_t	 type;
	uint16_t	 max_fds;
	uint32_t	 from;		/* enum ipc_role bits */
	bool		 is_request;
	bool		 has_secret;
	size_t		 struct_bytes;
	void		(*put)(struct buf *, const void *);
	void		(*get)(struct ipc_reader *, void *);
	void		(*print)(struct buf *, const void *);
};
const struct ipc_type_row	*ipc_type_find(uint16_t type);	/* NULL: unknown */
extern const struct ipc_type_row	ipc_types[];
extern const size_t		ipc_types_count;

/* Big enough and aligned for any decoded message. */
union ipc_any {
#define F(type, field)
#define V(type, cap, field)
#define REQ(name, id, from, fds, ...)	struct ipc_##name name;
#define MSG(name, id, from, fds, ...)	struct ipc_##name name;
#define REC(name, ...)
#include "lib/ipc/all.msg"
#undef F
#undef V
#undef REQ
#undef MSG
#undef REC
};

struct ipc_reader	 ipc_reader_of(struct slice);
bool			 ipc_reader_more(const struct ipc_reader *);	/* elements left and not bad */
/* OK when everything was read and nothing was bad, else ERR_VIOLATION. */
enum err		 ipc_reader_done(const struct ipc_reader *) MUST_USE;

#endif
