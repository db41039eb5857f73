/* SPDX-License-Identifier: ISC */
/*
 * Names of folders as others write them, made into ours: UTF-8, "/" between
 * levels, INBOX in capitals.  What a name of ours cannot have (control
 * characters, "%", "*", a "/" within a level) becomes "_".  Pure.
 */
#ifndef MAIL_NAME_H
#define MAIL_NAME_H

#include "lib/base/buf.h"
#include "lib/base/cc.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"

/* Of another IMAP server; modified UTF-7, or UTF-8 where it is none. */
enum err	 mail_name_of_imap(struct slice wire, char delimiter, struct buf *) MUST_USE;

/* Maildir++: ".Work.2026", "\2e" for a dot in a level; ERR_SYNTAX: no folder's. */
enum err	 mail_name_of_maildir(struct slice file, struct buf *) MUST_USE;
void		 mail_name_put_maildir(struct buf *, struct slice name);

/* A level of a path of ours: a leading dot and "%" are written "%2E", "%25". */
enum err	 mail_name_of_file(struct slice file, struct buf *) MUST_USE;
void		 mail_name_put_file(struct buf *, struct slice level);

/* ERR_LIMIT: longer than MAIL_NAME_MAX; ERR_SYNTAX: an empty level. */
enum err	 mail_name_check(struct slice name) MUST_USE;

#endif
