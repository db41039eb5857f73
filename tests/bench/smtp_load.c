/* SPDX-License-Identifier: ISC */
/*
 * Sends messages over many SMTP sessions at once, in one thread, without
 * pipelining, like most peers do: EHLO once, then MAIL RCPT DATA for each.
 *
 *	smtp_load PORT SESSIONS MESSAGES BYTES DOMAIN [USERS [SENDER]]
 *
 * Session i writes to u<i mod USERS>@DOMAIN, as SENDER or bench@client.example.  Prints seconds and rate; any
 * reply that is not the expected one ends it with status 1.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/num.h"

enum step { GREETING, EHLO, MAIL, RCPT, DATA, BODY, QUIT };

struct session {
	int		 fd;
	int		 idx;
	enum step	 step;
	char		 in[4096];
	size_t		 n;
};

static const char	*domain, *sender = "bench@client.example";
static int		 users, left, done, total;
static char		*body;
static size_t		 body_bytes;

static void
die(const char *what, const char *detail)
{
	(void)fprintf(stderr, "smtp_load: %s: %s\n", what, detail);
	exit(1);
}

static void
say(struct session *s, const char *p, size_t n)
{
	ssize_t w;

	while (n > 0) {
		w = send(s->fd, p, n, MSG_NOSIGNAL);
		if (w < 0 && errno == EINTR)
			continue;
		if (w <= 0)
			die("send", strerror(errno));
		p += w;
		n -= (size_t)w;
	}
}

/* Headers that differ, then lines of text to the wanted size. */
static void
make_body(size_t bytes)
{
	size_t n;
	int head;

	body = calloc(1, bytes + 1024);
	if (body == NULL)
		die("memory", "body");
	head = snprintf(body, 900, "From: Bench <%.250s>\r\n"
	    "To: Reader <reader@%s>\r\nSubject: figures of the quarter\r\n"
	    "Date: Fri, 20 Nov 2026 10:00:00 +0000\r\n"
	    "Message-ID: <0000000000000000@client.example>\r\n"
	    "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n",
	    sender, domain);
	n = (size_t)head;
	for (unsigned line = 0; n + 80 < bytes; line++)
		n += (size_t)snprintf(body + n, 82,
		    "%06x the quick brown fox %06x jumps over the lazy dog %06x\r\n",
		    line * 2654435761u >> 8, line * 40503u, line * 97u);
	memcpy(body + n, ".\r\n", 3);
	body_bytes = n + 3;
}

/* A Message-ID of its own for each message. */
static void
stamp_body(void)
{
	static unsigned long long serial;
	char digits[20];
	char *at = strstr(body, "Message-ID: <");

	(void)snprintf(digits, sizeof(digits), "%016llx", ++serial);
	memcpy(at + 13, digits, 16);
}

static void
next_message(struct session *s)
{
	char line[300];
	int n;

	if (left == 0) {
		say(s, "QUIT\r\n", 6);
		s->step = QUIT;
		return;
	}
	left--;
	n = snprintf(line, sizeof(line), "MAIL FROM:<%.250s>\r\n", sender);
	say(s, line, (size_t)n);
	s->step = MAIL;
}

static void
on_reply(struct session *s, const char *code)
{
	char line[300];
	int n;
	const char *want = s->step == DATA ? "354" : s->step == GREETING ? "220" :
	    s->step == QUIT ? "221" : "250";

	if (strncmp(code, want, 3) != 0)
		die("reply", code);
	switch (s->step) {
	case GREETING:
		say(s, "EHLO client.example\r\n", 21);
		s->step = EHLO;
		break;
	case EHLO:
		next_message(s);
		break;
	case MAIL:
		n = snprintf(line, sizeof(line), "RCPT TO:<u%d@%s>\r\n",
		    s->idx % users, domain);
		say(s, line, (size_t)n);
		s->step = RCPT;
		break;
	case RCPT:
		say(s, "DATA\r\n", 6);
		s->step = DATA;
		break;
	case DATA:
		stamp_body();
		say(s, body, body_bytes);
		s->step = BODY;
		break;
	case BODY:
		done++;
		next_message(s);
		break;
	case QUIT:
		(void)close(s->fd);
		s->fd = -1;
		break;
	}
}

/* Complete lines; only the last line of a reply ("250 ") counts. */
static void
on_readable(struct session *s)
{
	char *nl;
	size_t used;
	ssize_t n = recv(s->fd, s->in + s->n, sizeof(s->in) - 1 - s->n, 0);

	if (n <= 0)
		die("session", n == 0 ? "closed by the server" : strerror(errno));
	s->n += (size_t)n;
	s->in[s->n] = '\0';
	while (s->fd >= 0 && (nl = strchr(s->in, '\n')) != NULL) {
		*nl = '\0';
		if (s->in[3] == ' ')
			on_reply(s, s->in);
		used = (size_t)(nl - s->in) + 1;
		memmove(s->in, s->in + used, s->n - used + 1);
		s->n -= used;
	}
}

static int
number(const char *text, uint32_t max)
{
	uint32_t v;

	if (num_parse_u32(slice_str(text), max, &v) != ERR_OK)
		die("number", text);
	return (int)v;
}

static void
open_session(struct session *s, int idx, int port, int ep)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
	    .sin_port = htons((uint16_t)port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = s };
	int one = 1;

	s->idx = idx;
	s->fd = socket(AF_INET, SOCK_STREAM, 0);
	if (s->fd < 0 || connect(s->fd, (struct sockaddr *)&to, sizeof(to)) != 0)
		die("connect", strerror(errno));
	(void)setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (epoll_ctl(ep, EPOLL_CTL_ADD, s->fd, &ev) != 0)
		die("epoll", strerror(errno));
}

static double
now(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

int
main(int argc, char *argv[])
{
	struct epoll_event events[64];
	struct session *sessions;
	int count, n, ep = epoll_create1(EPOLL_CLOEXEC);
	double start;

	if (argc < 6)
		die("usage", "smtp_load PORT SESSIONS MESSAGES BYTES DOMAIN [USERS [SENDER]]");
	domain = argv[5];
	count = number(argv[2], 1000);
	total = left = number(argv[3], 10000000);
	users = argc > 6 ? number(argv[6], 100000) : count;
	sender = argc > 7 ? argv[7] : sender;
	make_body((size_t)number(argv[4], 50u << 20));
	sessions = calloc((size_t)count, sizeof(*sessions));
	if (sessions == NULL || users == 0)
		die("memory", "sessions");
	start = now();
	for (int i = 0; i < count; i++)
		open_session(&sessions[i], i, number(argv[1], 65535), ep);
	while (done < total) {
		n = epoll_wait(ep, events, 64, 30000);
		if (n == 0)
			die("wait", "nothing for 30 s");
		for (int i = 0; i < n; i++)
			on_readable(events[i].data.ptr);
	}
	printf("%.3f %.0f\n", now() - start, (double)total / (now() - start));
	free(sessions);
	free(body);
	return 0;
}
