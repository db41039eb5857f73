/* SPDX-License-Identifier: ISC */
/*
 * The frame on a wire: u32 length of all that follows, u16 type, u16
 * descriptor count, u64 id, body.  A request's body begins with its u64
 * deadline.  The top bit of id marks a reply.  Pure: bytes in, bytes out.
 */
#ifndef IPC_FRAME_H
#define IPC_FRAME_H

#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/ipc/ipc_codec.h"

#define IPC_HEADER_BYTES	16
#define IPC_REPLY_BIT		(1ull << 63)

struct ipc_frame {
	uint16_t	 type;
	uint16_t	 fd_count;
	uint64_t	 id;
	struct slice	 body;
	size_t		 bytes;		/* of the whole frame */
};

/* ERR_SHORT until the whole frame is there; ERR_VIOLATION for nonsense. */
enum err	 ipc_frame_get(struct slice, struct ipc_frame *) MUST_USE;
/* Appends; ERR_LIMIT, with nothing appended, when a field or the frame is
 * over its cap. */
enum err	 ipc_frame_put(struct buf *, const struct ipc_type_row *, uint64_t id,
		    uint64_t deadline_ms, const void *m, unsigned fd_count) MUST_USE;
/* Checks sender and descriptors, decodes the body; reason names the fault. */
enum err	 ipc_frame_decode(const struct ipc_frame *, uint32_t from,
		    union ipc_any *, uint64_t *deadline_ms,
		    const char **reason) MUST_USE;

#endif
