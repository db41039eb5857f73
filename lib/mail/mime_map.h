/* SPDX-License-Identifier: ISC */
/*
 * Where the parts of a message are: byte ranges and numbers, in the order of
 * the message (a part stands before its children), and IMAP's part numbers
 * over them (RFC 3501 s6.4.5, RFC 9051 s6.4.5.1).  Stored in the summary as a
 * compact record, so that BODY[2.1.MIME] needs no second parse.  Stored
 * records are hostile too: mime_map_get checks everything.
 *
 * Part 0 is the message.  A message/rfc822 part has one child, the message in
 * it, whose header starts where its body starts.
 */
#ifndef MIME_MAP_H
#define MIME_MAP_H

#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "lib/mail/mime_code.h"

#define MIME_PARTS_MAX	10000
#define MIME_DEPTH_MAX	50		/* of nested multipart and message parts */
#define MIME_NONE	0xffffffffu

enum mime_kind { MIME_LEAF, MIME_MULTIPART, MIME_MESSAGE };

struct mime_span {
	uint32_t	parent;		/* MIME_NONE for part 0 */
	uint32_t	number;		/* among the children of parent, from 1 */
	uint32_t	header_off;
	uint32_t	header_bytes;	/* with the blank line */
	uint32_t	body_off;	/* header_off + header_bytes */
	uint32_t	body_bytes;
	uint32_t	lines;		/* of the body */
	uint8_t		kind;		/* enum mime_kind */
	uint8_t		code;		/* enum mime_code */
	uint8_t		depth;
};

struct mime_map {
	struct mime_span	*spans;
	uint32_t		 count;
	uint32_t		 cap;
};

void		 mime_map_init(struct mime_map *);
void		 mime_map_fini(struct mime_map *);
void		 mime_map_reset(struct mime_map *);
/* A new zeroed span at the end; NULL at MIME_PARTS_MAX. */
struct mime_span *mime_map_add(struct mime_map *);

/* prefix_bytes: length of fields put before the message's header since. */
void		 mime_map_put(const struct mime_map *, uint32_t prefix_bytes, struct buf *);
/* message_bytes: nothing may reach beyond; ERR_CORRUPT. */
enum err	 mime_map_get(struct mime_map *, struct slice, uint32_t message_bytes) MUST_USE;

enum mime_section {
	MIME_SECTION_ALL,	/* BODY[], BODY[1.2] */
	MIME_SECTION_HEADER,	/* BODY[HEADER], BODY[1.HEADER]: of a message */
	MIME_SECTION_TEXT,	/* BODY[TEXT], BODY[1.TEXT] */
	MIME_SECTION_MIME	/* BODY[1.MIME] */
};

#define MIME_PATH_MAX	(MIME_DEPTH_MAX + 2)

/*
 * The bytes of a section.  path is the part numbers, path_count 0 the message
 * itself.  ERR_NOTFOUND when there is no such part (the answer is NIL).
 * *part (may be NULL) is the part whose encoding applies to ALL.
 */
enum err	 mime_map_locate(const struct mime_map *, const uint32_t *path,
		    size_t path_count, enum mime_section, uint32_t *off,
		    uint32_t *bytes, uint32_t *part) MUST_USE;

#endif
