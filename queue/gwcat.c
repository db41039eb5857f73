/* SPDX-License-Identifier: ISC */
/*
 * One queued message on standard output: lines end in LF, whatever ended them
 * in the message.
 */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "lib/daemon/tool.h"

struct cat {
	const char *title;	/* printed first, or NULL */
	const char *id;
	bool	 has_cr;	/* the last byte was one, not printed yet */
};

static int
usage(void)
{
	(void)fprintf(stderr, "usage: gwcat [-c config_dir] [-beh] -q id\n");
	return EX_USAGE;
}

static void
print(struct cat *c, struct slice text)
{
	size_t i;

	for (i = 0; i < text.n; i++) {
		if (c->has_cr && text.p[i] != '\n')
			(void)putchar('\r');
		c->has_cr = text.p[i] == '\r';
		if (!c->has_cr)
			(void)putchar(text.p[i]);
	}
}

static void
on_page(void *arg, struct slice text, uint8_t exit_code, bool more)
{
	struct cat *c = arg;

	if (exit_code != EX_OK) {
		(void)fprintf(stderr, "gwcat: %.*s\n", SLICE_FMT(text));
		return;
	}
	if (c->title != NULL)
		(void)printf("*** %s %s ***\n", c->title, c->id);
	c->title = NULL;
	if (more && text.n > 0)
		text.n--;		/* the line end before the cursor */
	print(c, text);
}

/* Header and body are one request: the empty line between belongs to both. */
static int
show(const char *config_dir, const char *id, const char *want, const char *title)
{
	struct cat c = { .title = title, .id = id };
	struct buf args;
	int status;

	buf_init(&args, TOOL_ARGS_MAX);
	tool_arg(&args, id);
	tool_arg(&args, want);
	status = tool_ask("gwcat", config_dir, IPC_QUEUE, "queue.cat", &args, -1, on_page, &c);
	if (c.has_cr)
		(void)putchar('\r');
	buf_fini(&args);
	return status;
}

/* In the form of postcat(1). */
static int
show_all(const char *config_dir, const char *id)
{
	int status;

	if ((status = show(config_dir, id, "e", "ENVELOPE RECORDS")) != EX_OK ||
	    (status = show(config_dir, id, "hb", "MESSAGE CONTENTS")) != EX_OK)
		return status;
	(void)printf("*** MESSAGE FILE END %s ***\n", id);
	return EX_OK;
}

int
main(int argc, char *argv[])
{
	const char *config_dir = NULL, *id = NULL;
	char want[4] = "";
	size_t n = 0;
	int c, status;

	while ((c = getopt(argc, argv, "c:q:beh")) != -1) {
		switch (c) {
		case 'c':
			config_dir = optarg;
			break;
		case 'q':
			id = optarg;
			break;
		case 'b':
		case 'e':
		case 'h':
			if (strchr(want, c) == NULL)
				want[n++] = (char)c;
			break;
		default:
			return usage();
		}
	}
	if (id == NULL || id[0] == '\0' || optind != argc)
		return usage();
	status = n > 0 ? show(config_dir, id, want, NULL) : show_all(config_dir, id);
	if (fflush(stdout) != 0 || ferror(stdout))
		return EX_IOERR;
	return status;
}
