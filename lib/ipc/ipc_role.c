/* SPDX-License-Identifier: ISC */
#include "lib/ipc/ipc_role.h"

#include "lib/base/cc.h"

static const struct {
	enum ipc_role	 role;
	const char	*name;
} roles[] = {
#define R(name, bit, text)	{ IPC_##name, (text) },
	IPC_ROLES(R)
#undef R
};

const char *
ipc_role_name(enum ipc_role role)
{
	for (size_t i = 0; i < lengthof(roles); i++)
		if (roles[i].role == role)
			return roles[i].name;
	return "nobody";
}

enum ipc_role
ipc_role_find(struct slice name)
{
	for (size_t i = 0; i < lengthof(roles); i++)
		if (slice_eq_str(name, roles[i].name))
			return roles[i].role;
	return IPC_NOBODY;
}
