/* SPDX-License-Identifier: ISC */
#include "smtpd/smtp_verbs.h"

#include "lib/base/cc.h"

static const struct smtp_verb verbs[] = {
#define VERB(name, fn, states, flags)	{ #name, fn, states, flags },
#include "smtpd/smtp_verbs.def"
#undef VERB
};

const struct smtp_verb *
smtp_verbs_find(struct slice name)
{
	for (size_t i = 0; i < lengthof(verbs); i++)
		if (slice_ieq_str(name, verbs[i].name))
			return &verbs[i];
	return NULL;
}
