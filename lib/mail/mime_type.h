/* SPDX-License-Identifier: ISC */
/*
 * The media type that the name of a file tells, for mail that has only the
 * name.  No type that a multipart could be hidden in, nor message: those may
 * not be in base64 (RFC 2046 s5).
 */
#ifndef MIME_TYPE_H
#define MIME_TYPE_H

#include "lib/base/slice.h"

const char	*mime_type_of_name(struct slice);	/* application/octet-stream */

#endif
