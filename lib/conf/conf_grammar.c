/* SPDX-License-Identifier: ISC */
#include "lib/conf/conf_grammar.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/must.h"

static cfg_opt_t *
grammar_of(const struct opt_section *def)
{
	static const cfg_opt_t scalar = CFG_STR(NULL, NULL, CFGF_NODEFAULT);
	static const cfg_opt_t list = CFG_STR_LIST(NULL, NULL, CFGF_NODEFAULT);
	static const cfg_opt_t end = CFG_END();
	cfg_opt_t *opts;
	size_t n = 0;

	while (def->rows[n].name != NULL)
		n++;
	opts = must_alloc(n + 1, sizeof(*opts));
	for (size_t i = 0; i < n; i++) {
		opts[i] = opt_is_list(def->rows[i].type) ? list : scalar;
		opts[i].name = def->rows[i].name;
	}
	opts[n] = end;
	return opts;
}

/* The top level's rows, then one section each. */
cfg_opt_t *
conf_grammar_new(const struct opt_section *defs)
{
	static const cfg_opt_t untitled = CFG_SEC(NULL, NULL, CFGF_NONE);
	static const cfg_opt_t titled = CFG_SEC(NULL, NULL, CFGF_TITLE | CFGF_MULTI);
	static const cfg_opt_t end = CFG_END();
	cfg_opt_t *top = grammar_of(opt_section_find(defs, SLICE_LIT("godwit")));
	size_t n = 0;

	while (top[n].name != NULL)
		n++;
	for (; defs->name != NULL; defs++) {
		if (strcmp(defs->name, "godwit") == 0)
			continue;
		top = must_realloc(top, n + 2, sizeof(*top));
		top[n] = defs->titled ? titled : untitled;
		top[n].name = defs->name;
		top[n++].subopts = grammar_of(defs);
	}
	top[n] = end;
	return top;
}

void
conf_grammar_free(cfg_opt_t **ptop)
{
	cfg_opt_t *top = *ptop;

	*ptop = NULL;
	for (cfg_opt_t *o = top; o->name != NULL; o++)
		free(o->subopts);
	free(top);
}
