/* SPDX-License-Identifier: ISC */
#include "lib/sys/proc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "lib/base/must.h"

/* One past the last byte of argv and environ, as far as they are adjacent. */
static char *
end_of_strings(int argc, char *argv[])
{
	char *end = argv[0];
	int i;

	for (i = 0; i < argc; i++)
		if (argv[i] == end)
			end = argv[i] + strlen(argv[i]) + 1;
	for (i = 0; environ[i] != NULL; i++)
		if (environ[i] == end)
			end = environ[i] + strlen(environ[i]) + 1;
	return end;
}

static void
move_environment(void)
{
	size_t n = 0, i;
	char **copy;

	while (environ[n] != NULL)
		n++;
	copy = must_alloc(n + 1, sizeof(*copy));
	for (i = 0; i < n; i++) {
		size_t bytes = strlen(environ[i]) + 1;

		copy[i] = must_alloc(bytes, 1);
		memcpy(copy[i], environ[i], bytes);
	}
	environ = copy;
}

void
proc_set_title(int argc, char *argv[], const char *name)
{
	char *end;
	size_t room;

	(void)prctl(PR_SET_NAME, name, 0, 0, 0);
	if (argc < 1)
		return;
	end = end_of_strings(argc, argv);
	move_environment();
	room = (size_t)(end - argv[0]);
	memset(argv[0], 0, room);
	(void)snprintf(argv[0], room, "godwit: %s", name);
}
