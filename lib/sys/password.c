/* SPDX-License-Identifier: ISC */
#include "lib/sys/password.h"

#include <stdio.h>
#include <termios.h>

#include "lib/base/secret.h"

static enum err
fault(enum err e, const char *text, const char **why)
{
	*why = text;
	return e;
}

/* One line without its end. */
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

static enum err
ask(const char *text, bool twice, char *dst, size_t size, size_t *n, const char **why)
{
	char again[PASSWORD_MAX + 1];
	FILE *tty = fopen("/dev/tty", "r+");
	size_t again_n = 0;
	enum err e = ERR_OK;

	if (tty == NULL)
		return fault(ERR_STATE, "no terminal to ask for the password; "
		    "use --password-stdin", why);
	setvbuf(tty, NULL, _IONBF, 0);
	if (!prompt(tty, text, dst, size, n) ||
	    (twice && !prompt(tty, "Again: ", again, sizeof(again), &again_n)))
		e = fault(ERR_SYNTAX, "no password", why);
	else if (twice && (*n != again_n || !secret_eq(dst, again, *n)))
		e = fault(ERR_SYNTAX, "the passwords differ", why);
	secret_wipe(again, sizeof(again));
	(void)fclose(tty);
	return e;
}

enum err
password_read(const char *text, bool twice, bool from_stdin, char *dst, size_t size, size_t *n,
    const char **why)
{
	*n = 0;
	if (!from_stdin)
		return ask(text, twice, dst, size, n, why);
	/* Unbuffered: no copy stays in the memory of stdio. */
	setvbuf(stdin, NULL, _IONBF, 0);
	return line_read(stdin, dst, size, n) ? ERR_OK :
	    fault(ERR_SYNTAX, "no password on standard input", why);
}
