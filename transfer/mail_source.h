/* SPDX-License-Identifier: ISC */
/*
 * The two ends of a transfer.  A source names its folders, lists one of them
 * and gives messages in the order of the list; a sink makes a folder, says
 * which of the messages it has already, and takes the others.  Errors leave a
 * sentence in the report.
 */
#ifndef MAIL_SOURCE_H
#define MAIL_SOURCE_H

#include <stdbool.h>

#include "transfer/mail_list.h"
#include "transfer/mail_report.h"
#include "lib/imap/mail_taker.h"

struct mail_source;
struct mail_source_ops {
	enum err	(*folders)(struct mail_source *, struct mail_folders *);
	/* keys: mail_message.key is wanted.  Fills in uidvalidity and uidnext too. */
	enum err	(*list)(struct mail_source *, struct mail_folder *, bool keys,
			    struct mail_list *);
	/* These are wanted next, in this order; may be NULL. */
	enum err	(*ahead)(struct mail_source *, const struct mail_message *);
	/* ERR_NOTFOUND: it is gone.  What the taker fails with comes back. */
	enum err	(*give)(struct mail_source *, const struct mail_message *,
			    const struct mail_taker *);
	void		(*free)(struct mail_source *);
};
struct mail_source { const struct mail_source_ops *ops; struct mail_report *report; };

struct mail_sink;
struct mail_sink_ops {
	/* The folder, made unless it is there; keys: has() will want them. */
	enum err	(*open)(struct mail_sink *, const struct mail_folder *, bool *keys);
	/* After the source's list: the folder's UIDs are known. */
	enum err	(*begin)(struct mail_sink *, const struct mail_folder *);
	bool		(*has)(struct mail_sink *, const struct mail_message *);
	/* One message: take, its size and data, end. */
	enum err	(*take)(struct mail_sink *, const struct mail_message *,
			    struct mail_taker *);
	enum err	(*end)(struct mail_sink *);
	/* All of the folder is there: make it last. */
	enum err	(*done)(struct mail_sink *);
	void		(*free)(struct mail_sink *);
	uint64_t	 (*message_max)(struct mail_sink *);	/* 0: none; may be NULL */
};
struct mail_sink { const struct mail_sink_ops *ops; struct mail_report *report; };

#endif
