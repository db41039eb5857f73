/* SPDX-License-Identifier: ISC */
/*
 * Which templates (dsn_template.h) a notification is written with: those of
 * its sender's domain, else those for all, else none, which is the built-in
 * text.  master opens the files, this reads them.  One that is not there or
 * broken is logged and counts as none: a notification is sent in any case.
 */
#ifndef QUEUE_TEXTS_H
#define QUEUE_TEXTS_H

#include "lib/base/slice.h"
#include "lib/mail/dsn_template.h"


struct queue_texts;

struct queue_texts *queue_texts_new(void);
void		 queue_texts_free(struct queue_texts **);

/* Read a file; fd stays the caller's.  path: as in the configuration. */
void		 queue_texts_add(struct queue_texts *, const char *path, int fd);
/* What to use it for: a domain; NULL: all others.  Empty path: nothing. */
void		 queue_texts_use(struct queue_texts *, const char *domain, const char *path);

/* NULL: the built-in text. */
const struct dsn_template_set *queue_texts_find(const struct queue_texts *,
		    struct slice sender);

#endif
