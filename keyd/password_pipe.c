/* SPDX-License-Identifier: ISC */
#include "keyd/password_pipe.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "lib/base/secret.h"
#include "lib/sys/password.h"

static int
fault(const char *name, int code, const char *text)
{
	(void)fprintf(stderr, "%s: %s\n", name, text);
	return code;
}

/* A new one is asked for twice; what is too long is passed on and refused by keyd. */
static int
password_get(const char *name, unsigned ask, bool from_stdin, char *dst, size_t size, size_t *n)
{
	const char *why;
	enum err e = password_read(ask == ASK_PRESENT ? "Present password: " :
	    ask == ASK_CODE ? "Recovery code: " :
	    ask == ASK_THERE ? "Password there: " : "Password: ", ask == ASK_NEW, from_stdin,
	    dst, size, n, &why);

	return e == ERR_OK ? EX_OK : fault(name, e == ERR_STATE ? EX_USAGE : EX_DATAERR, why);
}

/* All that is asked for, lines with an end between them. */
static int
get_all(const char *name, unsigned asks, bool from_stdin, char *dst, size_t size, size_t *n)
{
	static const unsigned order[] = { ASK_PRESENT, ASK_NEW, ASK_CODE, ASK_THERE };
	int code = EX_OK;
	size_t one;

	*n = 0;
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]) && code == EX_OK; i++) {
		if ((asks & order[i]) == 0)
			continue;
		if (*n > 0)
			dst[(*n)++] = '\n';
		one = 0;
		code = password_get(name, order[i], from_stdin, dst + *n,
		    size - *n < PASSWORD_MAX + 1 ? size - *n : PASSWORD_MAX + 1, &one);
		*n += one;
	}
	return code;
}

int
password_pipe(const char *name, unsigned asks, bool from_stdin, int *fd)
{
	char mem[2 * PASSWORD_MAX + 4];
	int ends[2], code;
	size_t n = 0;

	*fd = -1;
	code = get_all(name, asks, from_stdin, mem, sizeof(mem), &n);
	if (code == EX_OK && pipe2(ends, O_CLOEXEC) != 0)
		code = fault(name, EX_OSERR, strerror(errno));
	else if (code == EX_OK) {
		if (write(ends[1], mem, n) != (ssize_t)n)
			code = fault(name, EX_OSERR, "the password cannot be passed on");
		(void)close(ends[1]);
		*fd = ends[0];
	}
	secret_wipe(mem, sizeof(mem));
	return code;
}
