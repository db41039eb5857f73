/* SPDX-License-Identifier: ISC */
#include "lib/daemon/daemon_domain.h"

#include "lib/conf/conf_sections.h"
#include "lib/mail/addr.h"

const char *
daemon_domain_default(struct daemon_app *app)
{
	const struct godwit_options *g = daemon_options(app, "godwit", NULL);

	return g->default_domain[0] != '\0' ? g->default_domain : daemon_hostname(app);
}

bool
daemon_domain_is_ours(struct daemon_app *app, struct slice domain)
{
	const char *title;

	for (unsigned i = 0; daemon_section(app, "domain", i, &title) != NULL; i++)
		if (addr_domain_eq(domain, slice_str(title)))
			return true;
	return addr_domain_eq(domain, slice_str(daemon_hostname(app)));
}
