/* SPDX-License-Identifier: ISC */
/*
 * The keys that gwcmtp has seen, in a file of its user: a line each of name,
 * space, Ed25519 key in base64.  The name is USER@DOMAIN, or @DOMAIN for a
 * server.  The file is replaced as a whole, so a stop in between loses none.
 */
#ifndef GWCMTP_PINS_H
#define GWCMTP_PINS_H

#include <stdbool.h>

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "lib/cmtp/cmtp_wire.h"

#define GWCMTP_PINS_BYTES_MAX	(4u << 20)	/* of the file; above it ERR_LIMIT */
#define GWCMTP_PIN_NAME_MAX	(2 * CMTP_PARAM_MAX + 1)

struct gwcmtp_pins {
	const char	*dir;		/* borrowed; made with mode 0700 when missing */
	struct buf	 text;
};

enum gwcmtp_pin { GWCMTP_PIN_NEW, GWCMTP_PIN_SAME, GWCMTP_PIN_OTHER };

/* ERR_SYNTAX: a line that is none; ERR_LIMIT; ERR_SYS. No file is an empty one. */
enum err	 gwcmtp_pins_load(struct gwcmtp_pins *, const char *dir) MUST_USE;
void		 gwcmtp_pins_fini(struct gwcmtp_pins *);
enum gwcmtp_pin	 gwcmtp_pins_judge(const struct gwcmtp_pins *, struct slice name,
		    const unsigned char key[CMTP_KEY_BYTES]);
/* In place of the one of that name; written when this returns.  ERR_LIMIT, ERR_SYS. */
enum err	 gwcmtp_pins_put(struct gwcmtp_pins *, struct slice name,
		    const unsigned char key[CMTP_KEY_BYTES]) MUST_USE;

#endif
