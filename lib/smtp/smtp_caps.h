/* SPDX-License-Identifier: ISC */
/*
 * What a host's EHLO or LHLO reply offers (RFC 5321 s4.1.1.1), one line at a
 * time.  Unknown keywords are passed over, and so are known ones with
 * parameters that make no sense.
 */
#ifndef SMTP_CAPS_H
#define SMTP_CAPS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/slice.h"

/* name, bit, keyword; RFC 2920, 1870, 6152, 6531, 3461, 3030, 3030, 3207, 4954,
 * 2034, 8689, 9422; CMTP of man/cmtp.7: one keyword, and its versions */
#define SMTP_CAPS(C)				\
	C(PIPELINING, 0x001, "PIPELINING")	\
	C(SIZE, 0x002, "SIZE")			\
	C(8BITMIME, 0x004, "8BITMIME")		\
	C(SMTPUTF8, 0x008, "SMTPUTF8")		\
	C(DSN, 0x010, "DSN")			\
	C(CHUNKING, 0x020, "CHUNKING")		\
	C(BINARYMIME, 0x040, "BINARYMIME")	\
	C(STARTTLS, 0x080, "STARTTLS")		\
	C(AUTH, 0x100, "AUTH")			\
	C(ENHANCED, 0x200, "ENHANCEDSTATUSCODES") \
	C(REQUIRETLS, 0x400, "REQUIRETLS")	\
	C(LIMITS, 0x800, "LIMITS")		\
	C(CMTP1, 0x1000, "CMTP")		\
	C(CMTP2, 0x2000, "CMTP")

enum smtp_cap {
#define C(name, bit, keyword)	SMTP_CAP_##name = (bit),
	SMTP_CAPS(C)
#undef C
};

struct smtp_caps {
	unsigned	 set;		/* enum smtp_cap */
	unsigned	 mechanisms;	/* enum sasl_mechanism, of AUTH */
	uint64_t	 size_max;	/* 0: none told */
	uint32_t	 mail_max;	/* RFC 9422 s4; 0: none told */
	uint32_t	 rcpt_max;
};

/* A line behind the first, without code: "SIZE 1000". */
void		 smtp_caps_take_line(struct smtp_caps *, struct slice);

static inline bool
smtp_caps_has(const struct smtp_caps *c, enum smtp_cap cap)
{
	return (c->set & cap) != 0;
}

#endif
