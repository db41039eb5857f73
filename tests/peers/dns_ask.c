/* SPDX-License-Identifier: ISC */
/*
 * Asks by lib/dns what its input says, one question a line, and prints one
 * line for each.
 *
 *	dns_ask [-t] address port ...	-t: the servers are trusted
 *
 *	MX example.test		a question
 *	advance 1000		move the time of its cache by so many ms
 *	counts			questions, those from the cache, queries, over TCP
 */
#include <stdio.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/enc.h"
#include "lib/base/log.h"
#include "lib/base/must.h"
#include "lib/base/num.h"
#include "lib/dns/dns.h"

#define LINE_MAX_BYTES	1024
#define DEADLINE_MS	30000

static const struct { const char *name; enum dns_type type; } types[] = {
	{ "A", DNS_A }, { "AAAA", DNS_AAAA }, { "CNAME", DNS_CNAME },
	{ "MX", DNS_MX }, { "TLSA", DNS_TLSA }, { "TXT", DNS_TXT },
};

struct asker {
	struct loop	*loop;
	struct dns	*dns;
	enum dns_type	 type;
	struct dns_ticket *ticket;
};

static void
put_record(struct buf *b, const struct dns_record *r, enum dns_type type)
{
	char ip[CONN_ADDR_TEXT_BYTES];

	buf_put_char(b, ' ');
	switch (type) {
	case DNS_A:
	case DNS_AAAA:
		conn_addr_ip_str(ip, &r->addr);
		buf_put_str(b, ip);
		break;
	case DNS_MX:
		buf_printf(b, "%u:", r->preference);
		buf_put_slice(b, r->data);
		break;
	case DNS_TLSA:
		buf_printf(b, "%u,%u,%u,", r->usage, r->selector, r->matching);
		enc_put_hex(b, r->data);
		break;
	case DNS_CNAME:
	case DNS_TXT:
		buf_put_slice(b, r->data);
		break;
	}
}

static void
on_answer(void *arg, const struct dns_answer *a)
{
	struct asker *k = arg;
	struct buf b;

	buf_init(&b, 1u << 20);
	buf_printf(&b, "%s secure=%d alias=%d name=%.*s", dns_status_name(a->status),
	    a->is_secure, a->is_alias, SLICE_FMT(a->name));
	if (a->reason != NULL)
		buf_printf(&b, " reason=%s", a->reason);
	for (size_t i = 0; i < a->count; i++)
		put_record(&b, &a->records[i], k->type);
	must(buf_err(&b) == ERR_OK);
	printf("%s\n", buf_cstr(&b));
	buf_fini(&b);
	loop_stop(k->loop);
}

static void
ask(struct asker *k, struct slice name)
{
	enum err e = dns_ask(k->dns, name, k->type,
	    loop_now(k->loop) + DEADLINE_MS, on_answer, k, &k->ticket);

	if (e != ERR_OK)
		printf("refused: %s\n", err_text(e));
	else
		while (k->ticket != NULL)
			loop_run(k->loop);
}

static void
run_line(struct asker *k, struct slice line)
{
	struct dns_counts c = dns_counts(k->dns);
	struct slice word, rest = slice_cut(slice_trim(line), ' ', &word);
	uint64_t ms;

	for (size_t i = 0; i < lengthof(types); i++) {
		if (!slice_eq_str(word, types[i].name))
			continue;
		k->type = types[i].type;
		ask(k, rest);
		return;
	}
	if (slice_eq_str(word, "advance") &&
	    num_parse_u64(rest, UINT32_MAX, &ms) == ERR_OK) {
		loop_advance(k->loop, ms);
		printf("advanced\n");
	} else {
		printf("asked=%u cached=%u sent=%u tcp=%u\n", (unsigned)c.asked,
		    (unsigned)c.from_cache, (unsigned)c.sent,
		    (unsigned)c.over_tcp);
	}
}

static int
add_server(struct dns_config *c, const char *ip, const char *port)
{
	uint32_t n;

	if (c->server_count == DNS_SERVERS_MAX ||
	    num_parse_u32(slice_str(port), 65535, &n) != ERR_OK ||
	    conn_addr_parse(&c->servers[c->server_count], slice_str(ip),
	    (uint16_t)n) != ERR_OK)
		return 1;
	c->server_count++;
	return 0;
}

int
main(int argc, char *argv[])
{
	struct dns_config config = {
		.timeout_ms = 5000, .attempts = 2, .cache_limit = 1000,
		.cache_min_ms = 0, .cache_max_ms = 86400000,
		.cache_negative_ms = 300000,
	};
	struct asker k = { .loop = loop_new() };
	char line[LINE_MAX_BYTES];
	int i = 1;

	if (argc > 1 && strcmp(argv[1], "-t") == 0) {
		config.is_trusted = true;
		i++;
	}
	for (; i + 1 < argc; i += 2)
		if (add_server(&config, argv[i], argv[i + 1]) != 0)
			return 1;
	k.dns = dns_new(k.loop, &config);
	while (fgets(line, sizeof(line), stdin) != NULL) {
		run_line(&k, slice_str(line));
		(void)fflush(stdout);
	}
	dns_free(&k.dns);
	loop_free(&k.loop);
	return 0;
}
