/* SPDX-License-Identifier: ISC */
#include "keyd/password_pipe.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <termios.h>
#include <unistd.h>

#include "lib/base/secret.h"

enum { PASSWORD_MAX = 1024 };

static int
fault(const char *name, int code, const char *text)
{
	(void)fprintf(stderr, "%s: %s\n", name, text);
	return code;
}

/* One line without its end; what is too long is passed on and refused by keyd. */
static bool
line_read(FILE *f, char *dst, size_t size, size_t *n)
{
	int c;

	*n = 0;
	while ((c = fgetc(f)) != EOF && c != '\n')
		if (*n < size)
			dst[(*n)++] = (char)c;
	if (*n > 0 && dst[*n - 1] == '\r')
		--*n;
	return !ferror(f) && (c != EOF || *n > 0);
}

static bool
prompt(FILE *tty, const char *text, char *dst, size_t size, size_t *n)
{
	struct termios old, quiet;
	bool got;

	if (tcgetattr(fileno(tty), &old) != 0)
		return false;
	quiet = old;
	quiet.c_lflag &= ~(tcflag_t)ECHO;
	/* Before the prompt: what is typed at sight of it is neither shown nor
	 * thrown away. */
	if (tcsetattr(fileno(tty), TCSAFLUSH, &quiet) != 0)
		return false;
	(void)fputs(text, tty);
	(void)fflush(tty);
	got = line_read(tty, dst, size, n);
	(void)tcsetattr(fileno(tty), TCSAFLUSH, &old);
	(void)fputc('\n', tty);
	return got;
}

/* No echo; a new one is asked for twice. */
static int
password_ask(const char *name, unsigned ask, char *dst, size_t size, size_t *n)
{
	char again[PASSWORD_MAX + 1];
	FILE *tty = fopen("/dev/tty", "r+");
	size_t again_n = 0;
	int code = EX_OK;

	if (tty == NULL)
		return fault(name, EX_USAGE, "no terminal to ask for the password; "
		    "use --password-stdin");
	setvbuf(tty, NULL, _IONBF, 0);
	if (!prompt(tty, ask == ASK_PRESENT ? "Present password: " :
	    ask == ASK_CODE ? "Recovery code: " :
	    ask == ASK_THERE ? "Password there: " : "Password: ", dst, size, n) ||
	    (ask == ASK_NEW && !prompt(tty, "Again: ", again, sizeof(again), &again_n)))
		code = fault(name, EX_DATAERR, "no password");
	else if (ask == ASK_NEW && (*n != again_n || !secret_eq(dst, again, *n)))
		code = fault(name, EX_DATAERR, "the passwords differ");
	secret_wipe(again, sizeof(again));
	(void)fclose(tty);
	return code;
}

static int
password_get(const char *name, unsigned ask, bool from_stdin, char *dst, size_t size, size_t *n)
{
	if (!from_stdin)
		return password_ask(name, ask, dst, size, n);
	/* Unbuffered: no copy stays in the memory of stdio. */
	setvbuf(stdin, NULL, _IONBF, 0);
	if (!line_read(stdin, dst, size, n))
		return fault(name, EX_DATAERR, "no password on standard input");
	return EX_OK;
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
