/* SPDX-License-Identifier: ISC */
/*
 * What the files of lib/conf share about values and their memory.
 */
#ifndef OPT_PRIV_H
#define OPT_PRIV_H

#include "lib/conf/opt.h"

/* A path with the directory it started at. */
#define OPT_PATH_MAX	4096

bool		 opt_is_string(enum opt_type);
void		*opt_field(const struct opt *, void *section_struct);
const void	*opt_field_const(const struct opt *, const void *section_struct);
char		*opt_strdup(const char *, size_t n);
void		 opt_list_free(struct opt_list *);
void		 opt_list_add(struct opt_list *, const char *, size_t n);
void		 opt_list_split(struct opt_list *, const char *text);	/* at commas */

#endif
