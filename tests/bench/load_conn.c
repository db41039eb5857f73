/* SPDX-License-Identifier: ISC */
#include "tests/bench/load_conn.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	CHUNK_BYTES = 256 << 10,
	LINE_BYTES_MAX = 4 << 20,
	SILENCE_MS = 60000,
};

static int		 ep, port;
static SSL_CTX		*tls;
static int		 conn_of;	/* ex_data of a connection's SSL */
static uint32_t		 resumed;	/* handshakes */
static load_line_fn	*on_line;

void
load_die(const char *what, const char *detail)
{
	(void)fprintf(stderr, "imap_load: %s: %s\n", what, detail);
	exit(1);
}

double
load_now(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* The ticket that came last is what the next connection begins with. */
static int
on_session(SSL *ssl, SSL_SESSION *session)
{
	struct load_conn *c = SSL_get_ex_data(ssl, conn_of);

	SSL_SESSION_free(c->session);
	c->session = session;
	return 1;
}

static void
keep_sessions(void)
{
	conn_of = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
	(void)SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(tls, on_session);
}

uint32_t
load_resumed(void)
{
	return resumed;
}

void
load_init(int to, enum load_wire wire, load_line_fn *fn)
{
	ep = epoll_create1(EPOLL_CLOEXEC);
	port = to;
	on_line = fn;
	if (ep < 0)
		load_die("epoll", strerror(errno));
	if (wire == LOAD_PLAIN)
		return;
	tls = SSL_CTX_new(TLS_client_method());
	if (tls == NULL)
		load_die("TLS", "no context");
	SSL_CTX_set_verify(tls, SSL_VERIFY_NONE, NULL);
	(void)SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS |
	    SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	(void)SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);
	if (wire == LOAD_RESUMED)
		keep_sessions();
	SSL_CTX_set_read_ahead(tls, 1);
	SSL_CTX_set_default_read_buffer_len(tls, 64 << 10);
}

static void
grow(char **p, size_t *size, size_t need)
{
	if (need <= *size)
		return;
	if (need > LINE_BYTES_MAX)
		load_die("limit", "a line or a message is too long");
	*size = need * 2;
	*p = realloc(*p, *size);
	if (*p == NULL)
		load_die("memory", "buffer");
}

static void
watch(struct load_conn *c, int op)
{
	struct epoll_event ev = { .events = EPOLLIN | (c->wants_out ? EPOLLOUT : 0u),
	    .data.ptr = c };

	if (epoll_ctl(ep, op, c->fd, &ev) != 0)
		load_die("epoll", strerror(errno));
}

void
load_open(struct load_conn *c)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
	    .sin_port = htons((uint16_t)port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int one = 1;

	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&to, sizeof(to)) != 0)
		load_die("connect", strerror(errno));
	(void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	(void)fcntl(c->fd, F_SETFL, O_NONBLOCK);
	c->have = c->out_at = c->out_n = 0;
	c->literal = 0;
	c->inside = false;
	c->wants_out = tls != NULL;	/* TLS begins with the client's bytes */
	if (tls != NULL) {
		c->ssl = SSL_new(tls);
		if (c->ssl == NULL || SSL_set_fd(c->ssl, c->fd) != 1)
			load_die("TLS", "no session");
		SSL_set_connect_state(c->ssl);
		if (c->session != NULL && SSL_set_session(c->ssl, c->session) != 1)
			load_die("TLS", "no session to resume");
		if (SSL_CTX_get_session_cache_mode(tls) & SSL_SESS_CACHE_CLIENT)
			(void)SSL_set_ex_data(c->ssl, conn_of, c);
	}
	watch(c, EPOLL_CTL_ADD);
}

void
load_close(struct load_conn *c)
{
	if (c->fd < 0)
		return;
	if (c->ssl != NULL) {
		resumed += SSL_session_reused(c->ssl) == 1;
		/* One that was not shut down is not resumed. */
		SSL_set_quiet_shutdown(c->ssl, 1);
		(void)SSL_shutdown(c->ssl);
	}
	SSL_free(c->ssl);
	c->ssl = NULL;
	(void)close(c->fd);
	c->fd = -1;
}

/* How much went through; 0: later. */
static size_t
moved(struct load_conn *c, long n, const char *what)
{
	int e;

	if (n > 0)
		return (size_t)n;
	if (c->ssl != NULL) {
		e = SSL_get_error(c->ssl, (int)n);
		if (e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE)
			return 0;
	} else if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		return 0;
	}
	load_die(what, n == 0 ? "closed by the server" : strerror(errno));
}

static void
flush(struct load_conn *c)
{
	bool wanted = c->wants_out;
	size_t n = 1, rest;

	if (c->ssl != NULL && !SSL_is_init_finished(c->ssl)) {
		n = moved(c, SSL_do_handshake(c->ssl), "handshake");
		c->wants_out = SSL_want_write(c->ssl);
	}
	while (n > 0 && c->out_at < c->out_n) {
		rest = c->out_n - c->out_at;
		n = moved(c, c->ssl != NULL ?
		    SSL_write(c->ssl, c->out + c->out_at, (int)rest) :
		    send(c->fd, c->out + c->out_at, rest, MSG_NOSIGNAL), "send");
		c->out_at += n;
	}
	if (c->out_at == c->out_n)
		c->out_at = c->out_n = 0;
	if (c->ssl == NULL || SSL_is_init_finished(c->ssl))
		c->wants_out = c->out_n > 0;
	if (wanted != c->wants_out)
		watch(c, EPOLL_CTL_MOD);
}

void
load_say(struct load_conn *c, const char *p, size_t n)
{
	grow(&c->out, &c->out_size, c->out_n + n);
	memcpy(c->out + c->out_n, p, n);
	c->out_n += n;
	if (c->ssl == NULL || SSL_is_init_finished(c->ssl))
		flush(c);
}

/* "... {123}": how long the literal is that follows. */
static uint64_t
literal_of(const char *line, size_t n)
{
	size_t i = n - 1;
	uint64_t v = 0, unit = 1;

	if (n < 3 || line[i] != '}')
		return 0;
	while (i > 0 && line[i - 1] >= '0' && line[i - 1] <= '9') {
		v += unit * (uint64_t)(line[--i] - '0');
		unit *= 10;
	}
	return i > 0 && line[i - 1] == '{' ? v : 0;
}

/* line: n bytes and a CRLF. */
static void
take_line(struct load_conn *c, char *line, size_t n)
{
	bool first = !c->inside;

	if (n > 0 && line[n - 1] == '\r')
		n--;
	line[n] = '\0';
	c->literal = literal_of(line, n);
	c->inside = c->literal > 0;
	if (first)
		on_line(c, line, n);
}

static void
feed(struct load_conn *c, char *p, size_t n)
{
	char *nl;
	size_t used;

	c->received += n;
	while (n > 0 && c->fd >= 0) {
		if (c->literal > 0) {
			used = c->literal < n ? (size_t)c->literal : n;
			c->literal -= used;
		} else if ((nl = memchr(p, '\n', n)) != NULL && c->have == 0) {
			used = (size_t)(nl - p) + 1;
			take_line(c, p, used - 1);
		} else {
			used = nl != NULL ? (size_t)(nl - p) + 1 : n;
			grow(&c->in, &c->in_size, c->have + used);
			memcpy(c->in + c->have, p, used);
			c->have += used;
			if (nl != NULL) {
				size_t whole = c->have - 1;

				c->have = 0;
				take_line(c, c->in, whole);
			}
		}
		p += used;
		n -= used;
	}
}

static void
on_readable(struct load_conn *c)
{
	static char chunk[CHUNK_BYTES];
	size_t n;

	do {
		n = moved(c, c->ssl != NULL ?
		    SSL_read(c->ssl, chunk, sizeof(chunk)) :
		    recv(c->fd, chunk, sizeof(chunk), 0), "receive");
		feed(c, chunk, n);
	} while (n > 0 && c->fd >= 0 && c->ssl != NULL);
}

void
load_run(const bool *done, bool with_stdin)
{
	struct epoll_event events[64], in = { .events = EPOLLIN };
	struct load_conn *c;
	int n;

	if (with_stdin && epoll_ctl(ep, EPOLL_CTL_ADD, STDIN_FILENO, &in) != 0)
		load_die("epoll", "the standard input is no pipe");
	while (!*done) {
		n = epoll_wait(ep, events, 64, with_stdin ? -1 : SILENCE_MS);
		if (n == 0)
			load_die("wait", "nothing for a minute");
		for (int i = 0; i < n && !*done; i++) {
			c = events[i].data.ptr;
			if (c == NULL)
				return;
			if (events[i].events & EPOLLOUT)
				flush(c);
			if (events[i].events & ~(uint32_t)EPOLLOUT)
				on_readable(c);
		}
	}
}
