/* SPDX-License-Identifier: ISC */
/*
 * The keys of 32 bytes that gwcmtp has seen, in a file of its user (gwcmtp_lines.h):
 * Ed25519 of CMTP 1 under USER@DOMAIN, or @DOMAIN for a server; SHA-256 of the
 * public key of an accepted certificate under HOST:PORT@.  In base64.
 */
#ifndef GWCMTP_PINS_H
#define GWCMTP_PINS_H

#include "cmtpd/gwcmtp_lines.h"
#include "lib/cmtp/cmtp_wire.h"

#define GWCMTP_PIN_NAME_MAX	(2 * CMTP_PARAM_MAX + 1)

struct gwcmtp_pins {
	struct gwcmtp_lines	 lines;
};

enum gwcmtp_pin { GWCMTP_PIN_NEW, GWCMTP_PIN_SAME, GWCMTP_PIN_OTHER };

/* As gwcmtp_lines_load; dir is borrowed, made with mode 0700 when missing. */
enum err	 gwcmtp_pins_load(struct gwcmtp_pins *, const char *dir) MUST_USE;
void		 gwcmtp_pins_fini(struct gwcmtp_pins *);
enum gwcmtp_pin	 gwcmtp_pins_judge(const struct gwcmtp_pins *, struct slice name,
		    const unsigned char key[CMTP_KEY_BYTES]);
/* As gwcmtp_lines_put. */
enum err	 gwcmtp_pins_put(struct gwcmtp_pins *, struct slice name,
		    const unsigned char key[CMTP_KEY_BYTES]) MUST_USE;

#endif
