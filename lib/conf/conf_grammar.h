/* SPDX-License-Identifier: ISC */
/*
 * The rows as libconfuse wants them: strings and lists of strings, whatever
 * their type; units, bounds and duplicates are ours.
 */
#ifndef CONF_GRAMMAR_H
#define CONF_GRAMMAR_H

#include <confuse.h>

#include "lib/conf/opt.h"

cfg_opt_t	*conf_grammar_new(const struct opt_section *);
void		 conf_grammar_free(cfg_opt_t **);

#endif
