/* SPDX-License-Identifier: ISC */
/*
 * Names of files and addresses on their way between letters of CMTP 1 and
 * mail.  Pure.
 */
#ifndef LETTER_NAME_H
#define LETTER_NAME_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/slice.h"
#include "lib/mail/addr.h"

/*
 * What a reader may call its file: no way to another directory, no controls,
 * nothing that turns the direction of writing; at most CMTP_FILE_NAME_MAX bytes
 * of UTF-8.  Nothing is left of it: "attachment-NUMBER" and the ending.
 */
void		 letter_name_put_file(struct buf *, struct slice name, uint32_t number,
		    const char *ending);
/* The local part as it is written, or unquoted. */
bool		 letter_name_join(struct addr *, struct slice local, bool is_written,
		    struct slice domain);
/* As much as fits of UTF-8, whole characters. */
struct slice	 letter_name_fit(struct slice, size_t max);
/* One line of UTF-8 without controls. */
void		 letter_name_put_clean(struct buf *, struct slice);

#endif
