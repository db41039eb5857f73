/* SPDX-License-Identifier: ISC */
/*
 * Options are done in the order given; ids of the same option go to the queue
 * together.
 */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "lib/base/cc.h"
#include "lib/base/num.h"
#include "lib/daemon/tool.h"

#define IDS_MAX		1000u	/* in one request: QUEUE_SUPER_IDS */
#define ID_MAX		64u	/* of what may be one */

static struct action {
	char		 flag;
	const char	*name;		/* to the queue */
	const char	*said;
	uint64_t	 count;
} actions[] = {
	{ 'd', "d", "Deleted", 0 },
	{ 'h', "h", "Placed on hold", 0 },
	{ 'H', "H", "Released from hold", 0 },
	{ 'r', "r", "Requeued", 0 },
	{ 'e', "e", "Force-expired", 0 },
};

struct super {
	const char	*config_dir;
	struct action	*action;	/* of args */
	struct buf	 args;
	unsigned	 n;
	int		 status;	/* the worst so far */
};

static int
usage(void)
{
	(void)fprintf(stderr, "usage: gwsuper [-c config_dir] "
	    "[-d id] [-h id] [-H id] [-r id] [-e id] [-s]\n");
	return EX_USAGE;
}

static void
note_status(struct super *s, int status)
{
	if (status > s->status)
		s->status = status;
}

static void
on_page(void *arg, struct slice text, uint8_t exit_code, bool more)
{
	struct super *s = arg;
	struct slice line;
	uint64_t n;

	(void)more;
	if (exit_code != EX_OK)
		(void)fprintf(stderr, "gwsuper: %.*s\n", SLICE_FMT(text));
	while (exit_code == EX_OK && text.n > 0) {
		text = slice_cut(text, '\n', &line);
		if (slice_starts(line, "none ")) {
			(void)fprintf(stderr, "gwsuper: %.*s: no such message in the queue\n",
			    SLICE_FMT(slice_from(line, strlen("none "))));
			note_status(s, 1);
		} else if (slice_starts(line, "done ") &&
		    num_parse_u64(slice_from(line, strlen("done ")), UINT64_MAX, &n) == ERR_OK)
			s->action->count += n;
	}
}

static void
send_args(struct super *s)
{
	if (s->n > 0)
		note_status(s, tool_ask("gwsuper", s->config_dir, IPC_QUEUE, "queue.super",
		    &s->args, -1, on_page, s));
	buf_reset(&s->args);
	s->n = 0;
}

/* Thirteen letters and digits; the queue knows which. */
static bool
may_be_id(const char *id)
{
	return strlen(id) == 13 && strspn(id, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz") == 13;
}

static void
put_id(struct super *s, const char *id)
{
	if (s->n++ == 0)
		tool_arg(&s->args, s->action->name);
	tool_arg(&s->args, id);
}

static void
add_id(struct super *s, const char *id)
{
	if (strcmp(id, "ALL") == 0) {
		send_args(s);
		put_id(s, id);
		send_args(s);
	} else if (may_be_id(id)) {
		put_id(s, id);
		if (s->n == IDS_MAX)
			send_args(s);
	} else {
		(void)fprintf(stderr, "gwsuper: %s: not a queue id\n", id);
		note_status(s, EX_DATAERR);
	}
}

/* One to a line. */
static void
add_input(struct super *s)
{
	char line[ID_MAX];
	size_t n;

	while (fgets(line, sizeof(line), stdin) != NULL) {
		n = strcspn(line, " \t\r\n");
		line[n] = '\0';
		if (n > 0)
			add_id(s, line);
	}
	if (ferror(stdin))
		note_status(s, EX_IOERR);
}

static struct action *
action_of(int flag)
{
	size_t i;

	for (i = 0; i < lengthof(actions); i++)
		if (actions[i].flag == flag)
			return &actions[i];
	return NULL;
}

static void
take(struct super *s, struct action *a, const char *id)
{
	if (s->action != a)
		send_args(s);
	s->action = a;
	if (strcmp(id, "-") == 0)
		add_input(s);
	else
		add_id(s, id);
}

static int
check(const char *config_dir)
{
	struct buf args;
	int status;

	buf_init(&args, TOOL_ARGS_MAX);
	status = tool_run("gwsuper", config_dir, IPC_QUEUE, "queue.check", &args, -1);
	buf_fini(&args);
	return status;
}

static void
say_counts(void)
{
	size_t i;

	for (i = 0; i < lengthof(actions); i++)
		if (actions[i].count > 0)
			(void)fprintf(stderr, "gwsuper: %s: %llu message%s\n", actions[i].said,
			    (unsigned long long)actions[i].count,
			    actions[i].count == 1 ? "" : "s");
}

int
main(int argc, char *argv[])
{
	struct super s = { 0 };
	bool has_work = false, is_wrong = false;
	struct action *a;
	int c;

	buf_init(&s.args, TOOL_ARGS_MAX);
	while (!is_wrong && (c = getopt(argc, argv, "c:d:h:H:r:e:s")) != -1) {
		if ((a = action_of(c)) != NULL)
			take(&s, a, optarg);
		else if (c == 'c')
			s.config_dir = optarg;
		else if (c == 's') {
			send_args(&s);
			note_status(&s, check(s.config_dir));
		} else
			is_wrong = true;
		has_work |= c != 'c';
	}
	if (is_wrong || !has_work || optind != argc) {
		buf_fini(&s.args);
		return usage();
	}
	send_args(&s);
	say_counts();
	buf_fini(&s.args);
	return s.status;
}
