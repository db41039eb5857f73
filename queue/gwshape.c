/* SPDX-License-Identifier: ISC */
/*
 * By site, the queue makes the table; by sender (-s), it lists the messages
 * with the domain of each sender, and they are counted here.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "lib/base/cc.h"
#include "lib/base/map.h"
#include "lib/base/must.h"
#include "lib/base/num.h"
#include "lib/daemon/tool.h"
#include "queue/queue_ages.h"

#define SENDERS_MAX	10000u	/* domains that are told apart */
#define LINES_MAX	500u
#define TEXT_MAX	(1u << 20)

struct sender {
	struct map_node	 by_name;
	uint64_t	 columns[QUEUE_AGES_MAX];
	uint64_t	 total;
	char		 name[];
};

struct shape {
	const char	*config_dir;
	struct queue_ages ages;
	uint32_t	 lines;
	bool		 by_sender;
	char		**states;	/* none: all */
	int		 state_count;
	struct map	 senders;
	uint64_t	 all[QUEUE_AGES_MAX];
	uint64_t	 others[QUEUE_AGES_MAX];	/* had no room */
};

static int
usage(void)
{
	(void)fprintf(stderr, "usage: gwshape [-ls] [-b columns] [-c config_dir] [-n lines] "
	    "[-t minutes]\n               [incoming] [active] [deferred] [hold]\n");
	return EX_USAGE;
}

/* ---- by sender ---- */

static struct sender *
sender_of(struct shape *s, struct slice name)
{
	uint64_t hash = hash_islice(name);
	struct sender *one;
	struct map_node *n;

	for (n = map_first(&s->senders, hash); n != NULL; n = map_next(n)) {
		one = obj_of(n, struct sender, by_name);
		if (slice_ieq_str(name, one->name))
			return one;
	}
	if (s->senders.count == SENDERS_MAX)
		return NULL;
	one = must_alloc(1, sizeof(*one) + name.n + 1);
	(void)slice_to_cstr(name, one->name, name.n + 1);
	map_insert(&s->senders, &one->by_name, hash);
	return one;
}

static bool
is_asked_for(const struct shape *s, struct slice state)
{
	for (int i = 0; i < s->state_count; i++)
		if (slice_eq_str(state, s->states[i]))
			return true;
	return s->state_count == 0;
}

/* "deferred 301 news.example.net" */
static void
take_line(struct shape *s, struct slice line)
{
	struct slice state, age, name;
	struct sender *one;
	uint64_t age_s;
	unsigned i;

	name = slice_cut(slice_cut(line, ' ', &state), ' ', &age);
	if (num_parse_u64(age, UINT32_MAX, &age_s) != ERR_OK || !is_asked_for(s, state))
		return;
	i = queue_ages_of(&s->ages, age_s * 1000);
	s->all[i]++;
	one = sender_of(s, name);
	if (one == NULL) {
		s->others[i]++;
	} else {
		one->columns[i]++;
		one->total++;
	}
}

static void
on_page(void *arg, struct slice text, uint8_t exit_code, bool more)
{
	struct slice line;

	(void)more;
	if (exit_code != EX_OK)
		(void)fprintf(stderr, "gwshape: %.*s\n", SLICE_FMT(text));
	while (exit_code == EX_OK && text.n > 0) {
		text = slice_cut(text, '\n', &line);
		take_line(arg, line);
	}
}

static int
by_total(const void *a, const void *b)
{
	const struct sender *x = *(const struct sender *const *)a;
	const struct sender *y = *(const struct sender *const *)b;

	return x->total < y->total ? 1 : x->total > y->total ? -1 : strcmp(x->name, y->name);
}

static void
print_senders(struct shape *s)
{
	size_t n = 0, slot = 0, count = s->senders.count;
	struct sender **sorted = must_alloc(count + 1, sizeof(struct sender *));
	struct map_node *node;
	struct buf b;

	for (node = map_walk(&s->senders, &slot, NULL); node != NULL;
	    node = map_walk(&s->senders, &slot, node))
		sorted[n++] = obj_of(node, struct sender, by_name);
	if (n > 1)
		qsort(sorted, n, sizeof(struct sender *), by_total);
	buf_init(&b, TEXT_MAX);
	queue_ages_put_head(&b, &s->ages);
	queue_ages_put_row(&b, &s->ages, SLICE_LIT("TOTAL"), s->all);
	for (size_t i = 0; i < n && i < s->lines; i++)
		queue_ages_put_row(&b, &s->ages, slice_str(sorted[i]->name),
		    sorted[i]->columns);
	if (count == SENDERS_MAX)
		queue_ages_put_row(&b, &s->ages, SLICE_LIT("others"), s->others);
	(void)fwrite(buf_data(&b), 1, b.n, stdout);
	buf_fini(&b);
	for (size_t i = 0; i < n; i++) {
		map_remove(&s->senders, &sorted[i]->by_name);
		free(sorted[i]);
	}
	free(sorted);
}

static int
shape_senders(struct shape *s, struct buf *args)
{
	int status;

	map_init(&s->senders);
	tool_arg(args, "s");
	status = tool_ask("gwshape", s->config_dir, IPC_QUEUE, "queue.list", args, -1,
	    on_page, s);
	if (status == EX_OK)
		print_senders(s);
	map_fini(&s->senders);
	return status;
}

/* ---- by site ---- */

static void
put_number(struct buf *args, const char *word, uint32_t n)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%s%u", word, (unsigned)n);
	tool_arg(args, text);
}

static int
shape_sites(const struct shape *s, struct buf *args)
{
	put_number(args, "b", s->ages.count);
	put_number(args, "t", s->ages.minutes);
	put_number(args, "n", s->lines);
	if (s->ages.is_linear)
		tool_arg(args, "l");
	for (int i = 0; i < s->state_count; i++)
		tool_arg(args, s->states[i]);
	return tool_run("gwshape", s->config_dir, IPC_QUEUE, "queue.shape", args, -1);
}

/* ---- options ---- */

static bool
take_number(const char *text, uint32_t max, uint32_t *n)
{
	return num_parse_u32(slice_str(text), max, n) == ERR_OK;
}

static bool
take_option(struct shape *s, int c)
{
	switch (c) {
	case 'b':
		return take_number(optarg, QUEUE_AGES_MAX, &s->ages.count);
	case 't':
		return take_number(optarg, QUEUE_AGES_MINUTES, &s->ages.minutes);
	case 'n':
		return take_number(optarg, LINES_MAX, &s->lines);
	case 'l':
		s->ages.is_linear = true;
		return true;
	case 's':
		s->by_sender = true;
		return true;
	case 'c':
		s->config_dir = optarg;
		return true;
	default:
		return false;
	}
}

static bool
are_states(char **words, int count)
{
	static const char *const names[] = { "incoming", "active", "deferred", "hold" };
	bool ok = true;

	for (int i = 0; ok && i < count; i++) {
		ok = false;
		for (size_t k = 0; k < lengthof(names); k++)
			ok |= strcmp(words[i], names[k]) == 0;
	}
	return ok;
}

int
main(int argc, char *argv[])
{
	struct shape s = { .ages = QUEUE_AGES_DEFAULT, .lines = LINES_MAX };
	struct buf args;
	int c, status;

	while ((c = getopt(argc, argv, "b:c:ln:st:")) != -1)
		if (!take_option(&s, c))
			return usage();
	s.states = argv + optind;
	s.state_count = argc - optind;
	if (!queue_ages_ok(&s.ages) || !are_states(s.states, s.state_count))
		return usage();
	buf_init(&args, TOOL_ARGS_MAX);
	status = s.by_sender ? shape_senders(&s, &args) : shape_sites(&s, &args);
	buf_fini(&args);
	return status;
}
