/* SPDX-License-Identifier: ISC */
/*
 * What the header of a part says, for the MIME parser only: fills its
 * mime_meta with text kept in mime.text, up to MIME_TEXT_MAX for a message;
 * what does not fit is absent, and mime.limited says so.
 */
#ifndef MIME_FIELDS_H
#define MIME_FIELDS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/slice.h"
#include "lib/mail/mime.h"

#define MIME_ABSENT	{ 0, MIME_NONE }

/* The Content- fields; *boundary is set when there is such a parameter. */
void	 mime_fields_read(struct mime *, uint32_t part, struct slice header,
	    bool in_digest, struct mime_ref *boundary);
void	 mime_fields_envelope(struct mime *, uint32_t part, struct slice header);
/* A multipart that cannot have parts is read as text (RFC 2046 s5.1.1). */
void	 mime_fields_make_text(struct mime *, uint32_t part);

#endif
