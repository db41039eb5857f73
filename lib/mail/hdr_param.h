/* SPDX-License-Identifier: ISC */
/*
 * Structured values with parameters: Content-Type, Content-Disposition
 * (RFC 2045 s5.1, RFC 2183).  Continuations of RFC 2231 s3 are joined (as its
 * s8 asks of IMAP servers): name*0, name*1 become "name"; when any section is
 * extended the result is "name*" with charset'language'percent text, and
 * hdr_param_decode gives its UTF-8.  At most HDR_PARAM_RAW_MAX parameters of
 * a field are read and HDR_PARAM_MAX given; the rest is ignored.
 */
#ifndef HDR_PARAM_H
#define HDR_PARAM_H

#include <stdbool.h>

#include "lib/base/buf.h"
#include "lib/base/slice.h"
#include "lib/mail/charset.h"

#define HDR_PARAM_RAW_MAX	256
#define HDR_PARAM_MAX		64

struct hdr_param {
	struct slice	name;		/* lower case; "filename*" when extended */
	struct slice	value;		/* unquoted */
	bool		extended;
};

struct hdr_params {
	struct slice		main;	/* "text", "attachment": may be empty */
	struct slice		sub;	/* behind '/', or empty */
	unsigned		count;
	struct hdr_param	v[HDR_PARAM_MAX];
	struct buf		text;	/* what all of them borrow */
};

void	 hdr_param_init(struct hdr_params *);
void	 hdr_param_fini(struct hdr_params *);
/* Reusable: replaces what was there. */
void	 hdr_param_parse(struct hdr_params *, struct slice value);
/* The parameter "name" or "name*"; NULL when absent. */
const struct hdr_param	*hdr_param_find(const struct hdr_params *, const char *name);
/* The parameter "name" alone, whatever "name*" says. */
const struct hdr_param	*hdr_param_find_plain(const struct hdr_params *, const char *name);
/* Appends the value, percent decoded but in its charset. */
void	 hdr_param_bytes(const struct hdr_param *, struct buf *out);
/* Appends the value in UTF-8, percent and charset decoded. */
void	 hdr_param_decode(struct charset_set *, const struct hdr_param *, struct buf *out);

#endif
