/* SPDX-License-Identifier: ISC */
/*
 * Takes every message and forgets it: the other side of the relay bench, in
 * one thread.  Offers PIPELINING, SIZE and 8BITMIME.
 *
 *	smtp_sink PORT
 *
 * XCOUNT, a command of its own, says how many messages were taken.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/num.h"

struct session {
	int	 fd;
	bool	 in_data;
	unsigned seen;		/* bytes of CRLF . CRLF */
	size_t	 n;
	char	 line[4096];
	char	 out[65536];
	size_t	 out_n;
};

static unsigned long	 taken;

static void
die(const char *what)
{
	(void)fprintf(stderr, "smtp_sink: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void
say(struct session *s, const char *text)
{
	size_t n = strlen(text);

	if (s->out_n + n > sizeof(s->out))
		die("too many commands at once");
	memcpy(s->out + s->out_n, text, n);
	s->out_n += n;
}

static bool
is_verb(const struct session *s, const char *verb)
{
	return s->n >= strlen(verb) && strncasecmp(s->line, verb, strlen(verb)) == 0;
}

/* A command line; false at QUIT. */
static bool
command(struct session *s)
{
	char count[64];

	if (is_verb(s, "EHLO")) {
		say(s, "250-sink\r\n250-PIPELINING\r\n250-SIZE 100000000\r\n250 8BITMIME\r\n");
	} else if (is_verb(s, "DATA")) {
		say(s, "354 Go\r\n");
		s->in_data = true;
		s->seen = 2;
	} else if (is_verb(s, "QUIT")) {
		say(s, "221 Bye\r\n");
		return false;
	} else if (is_verb(s, "XCOUNT")) {
		(void)snprintf(count, sizeof(count), "250 %lu\r\n", taken);
		say(s, count);
	} else {
		say(s, "250 Ok\r\n");
	}
	return true;
}

static bool
feed(struct session *s, const char *p, size_t n)
{
	static const char end[] = "\r\n.\r\n";

	for (size_t i = 0; i < n; i++) {
		if (s->in_data) {
			s->seen = p[i] == end[s->seen] ? s->seen + 1 : p[i] == '\r';
			if (s->seen < 5)
				continue;
			s->in_data = false;
			taken++;
			say(s, "250 Taken\r\n");
			continue;
		}
		if (p[i] != '\n') {
			if (s->n < sizeof(s->line))
				s->line[s->n++] = p[i];
			continue;
		}
		if (!command(s))
			return false;
		s->n = 0;
	}
	return true;
}

/* False: it is over. */
static bool
serve(struct session *s)
{
	char mem[65536];
	ssize_t n = recv(s->fd, mem, sizeof(mem), 0);
	bool goes_on;

	if (n <= 0)
		return n < 0 && errno == EINTR;
	goes_on = feed(s, mem, (size_t)n);
	if (s->out_n > 0 && send(s->fd, s->out, s->out_n, MSG_NOSIGNAL) != (ssize_t)s->out_n)
		return false;
	s->out_n = 0;
	return goes_on;
}

static void
accept_one(int listener, int poll_fd)
{
	struct session *s = calloc(1, sizeof(*s));
	struct epoll_event ev = { .events = EPOLLIN, .data = { .ptr = s } };
	const int on = 1;

	if (s == NULL)
		die("memory");
	s->fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (s->fd < 0) {
		free(s);
		return;
	}
	(void)setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (send(s->fd, "220 sink ESMTP\r\n", 16, MSG_NOSIGNAL) != 16 ||
	    epoll_ctl(poll_fd, EPOLL_CTL_ADD, s->fd, &ev) != 0) {
		(void)close(s->fd);
		free(s);
	}
}

static int
listen_on(uint32_t port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port),
	    .sin_addr = { htonl(INADDR_LOOPBACK) } };
	const int on = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
	    bind(fd, (const struct sockaddr *)&a, sizeof(a)) != 0 || listen(fd, 1024) != 0)
		die("listen");
	return fd;
}

int
main(int argc, char *argv[])
{
	struct epoll_event ev = { .events = EPOLLIN }, got[64];
	int listener, poll_fd, n;
	uint32_t port;

	if (argc != 2 || num_parse_u32(slice_str(argv[1]), 65535, &port) != ERR_OK) {
		(void)fprintf(stderr, "usage: smtp_sink PORT\n");
		return 64;
	}
	listener = listen_on(port);
	poll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (poll_fd < 0 || epoll_ctl(poll_fd, EPOLL_CTL_ADD, listener, &ev) != 0)
		die("epoll");
	(void)puts("ready");
	(void)fflush(stdout);
	for (;;) {
		n = epoll_wait(poll_fd, got, 64, -1);
		for (int i = 0; i < n; i++) {
			struct session *s = got[i].data.ptr;

			if (s == NULL) {
				accept_one(listener, poll_fd);
			} else if (!serve(s)) {
				(void)close(s->fd);
				free(s);
			}
		}
	}
}
