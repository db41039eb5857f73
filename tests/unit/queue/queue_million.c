/* SPDX-License-Identifier: ISC */
/*
 * How a long queue behaves: queue_million [messages] fills a spool, starts
 * over it, sorts it into the lines of its sites, lists it and deletes it,
 * and prints how long each took and what a message costs in memory.
 */
#include "tests/unit/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/ipc/queue_proto.h"
#include "queue/queue_list.h"
#include "queue/queue_super.h"
#include "tests/unit/queue/fake_relay.h"

#define BODY	"Subject: one of many\r\n\r\nText.\r\n"
#define SITES	50000u

static struct fake_relays relays;
static uint64_t written, wanted;

static double
seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static long
resident_kib(void)
{
	char line[256];
	long kib = 0;
	FILE *f = fopen("/proc/self/status", "r");

	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "VmRSS: %ld", &kib) == 1)
			break;
	if (f != NULL)
		fclose(f);
	return kib;
}

static void
on_written(struct queue_write *w, void *arg)
{
	(void)arg;
	written += w->error == ERR_OK;
	queue_flush_write_free(&w);
}

static void
add_message(struct fake *f, uint64_t i, int fd)
{
	struct queue *q = &f->q;
	struct queue_envelope e;
	struct queue_rcpt r = { .class = QUEUE_REMOTE };
	struct queue_write *w;
	char address[64];

	snprintf(address, sizeof(address), "user%llu@site%llu.example", (unsigned long long)i,
	    (unsigned long long)(i % SITES));
	queue_envelope_init(&e);
	e.arrival_ms = loop_real_ms(f->loop);
	e.id = queue_core_make_id(q, e.arrival_ms);
	e.form = QUEUE_FORM_MEMFD;
	e.size = sizeof(BODY) - 1;
	e.sender = SLICE_LIT("alice@example.test");
	r.address = r.original = slice_str(address);
	assert_int_equal(queue_envelope_add(&e, &r), ERR_OK);
	w = queue_flush_write_new(QUEUE_WRITE_MESSAGE, e.id, on_written, NULL);
	queue_envelope_put(&w->meta, &e);
	w->spool_key = *queue_seal_find_key(&q->keys, q->keys.current);
	w->fd = fd;
	w->size = e.size;
	w->now_ms = e.arrival_ms;
	w->record.flags = QUEUE_ALL_REMOTE;
	queue_flush_add(q->flush, w);
	queue_envelope_fini(&e);
}

static bool
all_written(struct fake *f)
{
	(void)f;
	return written == wanted;
}

static bool
all_sorted(struct fake *f)
{
	return f->q.table.count == wanted && f->q.sched.due.count == 0 && f->q.works == 0;
}

static bool
all_gone(struct fake *f)
{
	return f->q.table.count == 0;
}

static void
run_until(struct fake *f, bool (*until)(struct fake *))
{
	while (!fake_run_until(f, until))
		;
}

static bool is_paged, has_more;
static char cursor[64];

static void
on_page(void *arg, uint64_t id, uint8_t exit_code, bool more, struct slice text)
{
	size_t end;

	(void)arg;
	(void)id;
	assert_int_equal(exit_code, 0);
	is_paged = true;
	has_more = more;
	if (text.n > 0 && text.p[text.n - 1] == '\n')
		text.n--;
	end = slice_rfind(text, '\n');
	(void)slice_to_cstr(end < text.n ? slice_from(text, end + 1) : text, cursor, sizeof(cursor));
}

static bool
paged(struct fake *f)
{
	(void)f;
	return is_paged;
}

static void
list_page(struct fake *f)
{
	char args[100];
	int n = snprintf(args, sizeof(args), "p%c%s", 0, has_more ? cursor : "");

	is_paged = false;
	queue_list_page(&f->q, slice_of(args, (size_t)n + 1), 1, on_page, f);
	run_until(f, paged);
}

static void
delete_page(struct fake *f)
{
	const struct queue_call call = { .fn = on_page, .arg = f, .id = 1 };
	char args[100];
	int n = snprintf(args, sizeof(args), "d%cALL%c%s", 0, 0, has_more ? cursor : "");

	is_paged = false;
	queue_super_run(&f->q, slice_of(args, (size_t)n + 1), &call);
	run_until(f, paged);
}

int
main(int argc, char *argv[])
{
	struct fake *f = calloc(1, sizeof(*f));
	int fd = fake_memfd(BODY, true), devnull = open("/dev/null", O_WRONLY);
	double at, total;
	uint64_t i;
	long before;

	wanted = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;
	log_to_fd(devnull);
	fake_start(f, true);
	fake_relays_init(&relays, f);
	f->q.limits.message_limit = wanted + 1;
	at = seconds();
	for (i = 0; i < wanted; i++) {
		add_message(f, i, fd);
		if (i % 10000 == 0)
			fake_run_ms(f, 1);
	}
	run_until(f, all_written);
	printf("written   %8.2f s\n", seconds() - at);
	before = resident_kib();
	at = seconds();
	fake_restart(f, true);
	printf("started   %8.2f s (of which 0.03 s wait in the test)\n", seconds() - at);
	at = seconds();
	list_page(f);
	printf("page one  %8.3f s\n", seconds() - at);
	run_until(f, all_sorted);
	printf("sorted    %8.2f s, %ld KiB before, %ld KiB after\n", seconds() - at, before,
	    resident_kib());
	at = seconds();
	has_more = false;
	for (i = 0; i == 0 || (has_more && i < 1000); i++)
		list_page(f);
	printf("listed    %8.2f s for %llu pages of 40\n", seconds() - at, (unsigned long long)i);
	at = seconds();
	has_more = false;
	do
		delete_page(f);
	while (has_more);
	printf("deleted   %8.2f s to the answer\n", seconds() - at);
	run_until(f, all_gone);
	total = seconds() - at;
	printf("deleted   %8.2f s to the last durable DONE\n", total);
	fake_stop(f);
	free(f);
	return 0;
}
