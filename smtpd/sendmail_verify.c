/* SPDX-License-Identifier: ISC */
#include "smtpd/sendmail_verify.h"

#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/sys/fd.h"

enum { LINE_MAX_BYTES = 1024, LINES_MAX = 100 };

/* A whole reply; its last line in line.  0: the connection is gone. */
static int
read_reply(FILE *in, char line[LINE_MAX_BYTES], char *domain, size_t domain_bytes)
{
	for (int i = 0; i < LINES_MAX && fgets(line, LINE_MAX_BYTES, in) != NULL; i++) {
		line[strcspn(line, "\r\n")] = '\0';
		if (strlen(line) < 4)
			return 0;
		if (domain != NULL && strncmp(line + 4, "XDOMAIN ", 8) == 0)
			(void)!slice_to_cstr(slice_str(line + 12), domain, domain_bytes);
		if (line[3] == ' ')
			return line[0] >= '2' && line[0] <= '5' ? line[0] - '0' : 0;
	}
	return 0;
}

/* before, what and behind make a command. */
static bool
say(int fd, const char *before, struct slice what, const char *behind)
{
	struct buf b;
	bool ok;

	buf_init(&b, 4096);
	buf_printf(&b, "%s%.*s%s\r\n", before, SLICE_FMT(what), behind);
	ok = buf_err(&b) == ERR_OK && fd_write_all(fd, buf_data(&b), b.n) == ERR_OK;
	buf_fini(&b);
	return ok;
}

static bool
is_clean(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] <= ' ' || strchr("<>,", s.p[i]) != NULL)
			return false;
	return s.n > 0;
}

/* 2: good; 5: not; 0: cannot say. */
static int
ask_one(int fd, FILE *in, struct slice rcpt, const char *domain, FILE *out)
{
	char line[LINE_MAX_BYTES], behind[300] = ">";
	int class;

	if (!is_clean(rcpt)) {
		(void)fprintf(out, "%.*s... not a mail address\n", SLICE_FMT(rcpt));
		return 5;
	}
	if (slice_find(rcpt, '@') == rcpt.n)
		(void)snprintf(behind, sizeof(behind), "@%s>", domain);
	if (!say(fd, "RCPT TO:<", rcpt, behind))
		return 0;
	class = read_reply(in, line, NULL, 0);
	if (class != 0)
		(void)fprintf(out, "%.*s... %s\n", SLICE_FMT(rcpt), class == 2 ? "deliverable" :
		    line);
	return class == 4 ? 0 : class;
}

static int
ask_all(int fd, FILE *in, struct slice rcpts, FILE *out)
{
	char line[LINE_MAX_BYTES], domain[256] = "";
	int code = EX_OK, class;
	struct slice one;

	if (read_reply(in, line, NULL, 0) != 2 || !say(fd, "EHLO localhost", SLICE_NONE, "") ||
	    read_reply(in, line, domain, sizeof(domain)) != 2 ||
	    !say(fd, "MAIL FROM:<>", SLICE_NONE, "") || read_reply(in, line, NULL, 0) != 2)
		return EX_TEMPFAIL;
	while (rcpts.n > 0) {
		rcpts = slice_cut(rcpts, '\0', &one);
		class = ask_one(fd, in, one, domain, out);
		if (class == 0)
			return EX_TEMPFAIL;
		if (class == 5)
			code = EX_NOUSER;
	}
	(void)!say(fd, "QUIT", SLICE_NONE, "");
	return code;
}

int
sendmail_verify(int fd, struct slice rcpts, FILE *out)
{
	int copy = dup(fd), code;
	FILE *in = copy >= 0 ? fdopen(copy, "r") : NULL;

	if (in == NULL) {
		if (copy >= 0)
			(void)close(copy);
		return EX_OSERR;
	}
	code = ask_all(fd, in, rcpts, out);
	(void)fclose(in);
	return code;
}
