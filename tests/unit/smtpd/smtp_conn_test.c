/* SPDX-License-Identifier: ISC */
/*
 * The glue, with real sockets and wires in one loop: the daemon's functions
 * are played here, and so are queue and keyd at the other ends of the wires.
 */
#include "tests/unit/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/base/must.h"
#include "lib/conf/conf_sections.h"
#include "lib/crypto/cry.h"
#include "lib/daemon/daemon_sasl.h"
#include "lib/daemon/daemon_tls.h"
#include "lib/daemon/intake.h"
#include "lib/ipc/queue_proto.h"
#include "lib/seal/chunkfile.h"
#include "lib/sys/fd.h"
#include "smtpd/smtp_conn.h"
#include "lib/conf/conf_sections.h"

#define TURN_MS		2
#define TURNS_MAX	3000
#define MSG_ID		77

static struct smtp_server	 server;
static struct loop		*loop;
static struct smtpd_options	 options;
static struct godwit_options	 top;
static struct listen_options	 listener;
static int			 listen_fd;
static struct ipc_peer		*queue_wire;	/* smtpd's end */
static struct ipc_peer		*queue;		/* queue's end */
static bool			 is_drained;

/* What queue saw. */
static struct {
	unsigned	 opens, rcpts, aborts, commits, files;
	uint8_t		 form;
	uint64_t	 size;
	bool		 holds_commit, holds_open, refuses_file;
	uint64_t	 held;
	char		 start[32];	/* of the message */
	char		 end[8];
} seen;

/* ---- the daemon, played ---- */

void *
daemon_state(struct daemon_app *app)
{
	(void)app;
	return &server;
}

struct loop *
daemon_loop(struct daemon_app *app)
{
	(void)app;
	return loop;
}

const char *
daemon_hostname(struct daemon_app *app)
{
	(void)app;
	return "mx.example";
}

uint32_t
daemon_instance(struct daemon_app *app)
{
	(void)app;
	return 1;
}

const void *
daemon_options(struct daemon_app *app, const char *section, const char *title)
{
	(void)app;
	(void)title;
	if (strcmp(section, "smtpd") == 0)
		return &options;
	return strcmp(section, "listen") == 0 ? (const void *)&listener : (const void *)&top;
}

const void *
daemon_section(struct daemon_app *app, const char *section, unsigned idx, const char **title)
{
	(void)app;
	(void)section;
	(void)idx;
	(void)title;
	return NULL;
}

struct ipc_peer *
daemon_peer(struct daemon_app *app, enum ipc_role role, unsigned idx)
{
	(void)app;
	return role == IPC_QUEUE && idx == 0 ? queue_wire : NULL;
}

struct ipc_peer *
daemon_peer_next(struct daemon_app *app, enum ipc_role role)
{
	return daemon_peer(app, role, 0);
}

int
daemon_listener(struct daemon_app *app, unsigned idx, const char **title, const char **address)
{
	(void)app;
	*title = "mx";
	*address = "127.0.0.1:0";
	return idx == 0 ? listen_fd : -1;
}

void
daemon_drained(struct daemon_app *app)
{
	(void)app;
	is_drained = true;
}

void
daemon_tls_init(struct daemon_app *app, unsigned max)
{
	(void)app;
	(void)max;
}

struct tls_ctx *
daemon_tls(struct daemon_app *app)
{
	(void)app;
	return NULL;
}

bool
daemon_tls_is_ready(struct daemon_app *app)
{
	(void)app;
	return false;
}

enum tls_ask
daemon_tls_ask(const struct listen_options *o)
{
	(void)o;
	return TLS_ASK_NOT;
}

enum err
daemon_tls_start(struct daemon_app *a, struct conn *c, enum tls_ask ask)
{
	return conn_start_tls_asking(c, daemon_tls(a), ask);
}

bool
daemon_sasl_binding(const struct conn *c, struct slice name, struct scram_binding *out)
{
	(void)c;
	(void)name;
	(void)out;
	return false;
}

bool
daemon_sasl_takes_cleartext(struct daemon_app *app, const struct conn_addr *peer, int fd)
{
	(void)app;
	return conn_addr_is_here(peer, fd) && top.auth_cleartext == CONF_AUTH_CLEARTEXT_LOCAL;
}

/* ---- queue, played ---- */

static void
on_open(struct ipc_peer *p, const void *m, struct ipc_in *in)
{
	struct ipc_queue_opened o = { .msg = MSG_ID };

	(void)m;
	seen.opens++;
	if (seen.holds_open)
		seen.held = in->id;
	else
		ipc_reply(p, in->id, IPC_MSG_queue_opened, &o);
}

static void
on_rcpt(struct ipc_peer *p, const void *m, struct ipc_in *in)
{
	struct ipc_queue_rcpt_ok ok = { .class = QUEUE_LOCAL };
	struct ipc_queue_refused no = { .error = ERR_NOTFOUND, .dsn = SLICE_LIT("5.1.1"),
		.text = SLICE_LIT("No such user") };
	const struct ipc_queue_rcpt *r = m;

	seen.rcpts++;
	if (slice_starts(r->rcpt, "nobody@"))
		ipc_reply(p, in->id, IPC_MSG_queue_refused, &no);
	else
		ipc_reply(p, in->id, IPC_MSG_queue_rcpt_ok, &ok);
}

static void
on_file(struct ipc_peer *p, const void *m, struct ipc_in *in)
{
	struct ipc_queue_file_ok ok = { 0 };
	struct ipc_queue_refused no = { .error = ERR_FULL };
	int fd;

	(void)m;
	seen.files++;
	if (seen.refuses_file) {
		ipc_reply(p, in->id, IPC_MSG_queue_refused, &no);
		return;
	}
	fd = memfd_create("file", MFD_CLOEXEC);
	ipc_reply_fds(p, in->id, IPC_MSG_queue_file_ok, &ok, &fd, 1);
	(void)close(fd);
}

static void
read_message(const struct ipc_queue_commit *c, int fd)
{
	struct chunkfile_reader *r = NULL;
	uint64_t bytes;

	if (c->form == QUEUE_FORM_MEMFD) {
		assert_int_equal(fd_memfd_check(fd, QUEUE_MEMFD_MAX, &bytes), ERR_OK);
		assert_int_equal(bytes, c->size);
		assert_int_equal(fd_pread_all(fd, seen.start, 9, 0), ERR_OK);
		assert_int_equal(fd_pread_all(fd, seen.end, 4, c->size - 4), ERR_OK);
		return;
	}
	assert_int_equal(chunkfile_reader_new(&r, fd, (const unsigned char *)c->key.p, c->size), ERR_OK);
	assert_int_equal(chunkfile_reader_get(r, 0, seen.start, 9), ERR_OK);
	assert_int_equal(chunkfile_reader_get(r, c->size - 4, seen.end, 4), ERR_OK);
	chunkfile_reader_free(&r);
}

static void
on_commit(struct ipc_peer *p, const void *m, struct ipc_in *in)
{
	struct ipc_queue_committed ok = { 0 };
	const struct ipc_queue_commit *c = m;

	seen.commits++;
	seen.form = c->form;
	seen.size = c->size;
	assert_int_equal(in->fd_count, 1);
	read_message(c, in->fds[0]);
	if (seen.holds_commit)
		seen.held = in->id;
	else
		ipc_reply(p, in->id, IPC_MSG_queue_committed, &ok);
}

static void
on_abort(struct ipc_peer *p, const void *m, struct ipc_in *in)
{
	const struct ipc_queue_abort *a = m;

	(void)p;
	(void)in;
	assert_int_equal(a->msg, MSG_ID);
	seen.aborts++;
}

static const struct ipc_handler queue_handlers[] = {
	{ IPC_MSG_queue_open, on_open }, { IPC_MSG_queue_rcpt, on_rcpt },
	{ IPC_MSG_queue_file, on_file }, { IPC_MSG_queue_commit, on_commit },
	{ IPC_MSG_queue_abort, on_abort }, { 0, NULL },
};
static const struct ipc_handler wire_handlers[] = {
	{ IPC_MSG_queue_opened, intake_on_late_open }, { 0, NULL },
};

/* As lib/daemon does it: pending calls end, then .left, then free. */
static void
on_wire_gone(struct ipc_peer *p, void *arg)
{
	(void)arg;
	if (p != queue_wire)
		return;
	queue_wire = NULL;
	ipc_peer_free(&p);
}

static void
on_queue_gone(struct ipc_peer *p, void *arg)
{
	(void)p;
	(void)arg;
}

static void
wire_queue(void)
{
	int fds[2];

	assert_int_equal(fd_pair(fds), ERR_OK);
	queue_wire = ipc_peer_new(loop, fds[0], IPC_QUEUE, 1, wire_handlers, on_wire_gone, NULL);
	queue = ipc_peer_new(loop, fds[1], IPC_SMTPD, 1, queue_handlers, on_queue_gone, NULL);
}

/* ---- driving ---- */

static void
stop_loop(void *arg)
{
	(void)arg;
	loop_stop(loop);
}

static void
turn(void)
{
	struct timer t;

	timer_init(&t, loop, stop_loop, NULL);
	timer_set(&t, loop_now(loop) + TURN_MS);
	loop_run(loop);
	timer_stop(&t);
}

struct client {
	int		 fd;
	struct buf	 in;
	bool		 is_closed;
};

/* host: of 127.0.0.0/24 */
static void
client_open_from(struct client *c, unsigned host)
{
	struct sockaddr_in sa, from = { .sin_family = AF_INET,
	    .sin_addr.s_addr = htonl((INADDR_LOOPBACK & ~0xffu) | host) };
	socklen_t n = sizeof(sa);

	assert_int_equal(getsockname(listen_fd, (struct sockaddr *)(void *)&sa, &n), 0);
	c->fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(c->fd, (struct sockaddr *)(void *)&from, sizeof(from)), 0);
	assert_int_equal(connect(c->fd, (struct sockaddr *)(void *)&sa, n), 0);
	assert_int_equal(fcntl(c->fd, F_SETFL, O_NONBLOCK), 0);
	buf_init(&c->in, 1u << 20);
	c->is_closed = false;
}

static void
client_open(struct client *c)
{
	client_open_from(c, 1);
}

static void
client_close(struct client *c)
{
	(void)close(c->fd);
	buf_fini(&c->in);
}

static void
client_read(struct client *c)
{
	char bytes[4096];
	ssize_t n;

	while ((n = read(c->fd, bytes, sizeof(bytes))) > 0)
		buf_put(&c->in, bytes, (size_t)n);
	if (n == 0 || (n < 0 && errno != EAGAIN))
		c->is_closed = true;
}

/* Everything up to and with this text, which must come. */
static void
client_expect(struct client *c, const char *text)
{
	size_t at = 0;

	for (int i = 0; i < TURNS_MAX; i++) {
		client_read(c);
		at = slice_search(buf_slice(&c->in), slice_str(text));
		if (at < c->in.n || c->is_closed)
			break;
		turn();
	}
	if (at >= c->in.n)
		print_message("want %s have %s\n", text, buf_cstr(&c->in));
	assert_true(at < c->in.n);
	buf_consume(&c->in, at + strlen(text));
}

static void
client_expect_end(struct client *c)
{
	for (int i = 0; i < TURNS_MAX && !c->is_closed; i++) {
		turn();
		client_read(c);
	}
	assert_true(c->is_closed);
}

static void
client_send(struct client *c, const char *text)
{
	size_t n = strlen(text), done = 0;
	ssize_t k;

	for (int i = 0; i < TURNS_MAX && done < n; i++) {
		k = write(c->fd, text + done, n - done);
		if (k > 0)
			done += (size_t)k;
		else
			turn();
	}
	assert_int_equal(done, n);
}

static void
wait_for(const unsigned *count, unsigned want)
{
	for (int i = 0; i < TURNS_MAX && *count != want; i++)
		turn();
	assert_int_equal(*count, want);
}

static int
setup(void **state)
{
	const struct opt_section smtpd_section = CONF_SMTPD_SECTION;
	const struct opt_section top_section = CONF_GODWIT_SECTION;
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	(void)state;
	memset(&seen, 0, sizeof(seen));
	memset(&server, 0, sizeof(server));
	memset(&options, 0, sizeof(options));
	memset(&top, 0, sizeof(top));
	opt_defaults(&smtpd_section, &options);
	opt_defaults(&top_section, &top);
	listener.service = CONF_SERVICE_SMTP;
	is_drained = false;
	loop = loop_new();
	listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	must(bind(listen_fd, (struct sockaddr *)(void *)&sa, sizeof(sa)) == 0);
	must(listen(listen_fd, 100) == 0);
	wire_queue();
	return 0;
}

static void
begin(void)
{
	smtp_server_load(NULL);
	smtp_server_start(NULL);
}

static void
finish(void)
{
	const struct opt_section smtpd_section = CONF_SMTPD_SECTION;
	const struct opt_section top_section = CONF_GODWIT_SECTION;
	struct list *n;

	smtp_server_drain(NULL);
	for (int i = 0; i < TURNS_MAX && !is_drained; i++)
		turn();
	assert_true(is_drained);
	assert_int_equal(server.session_count, 0);
	assert_int_equal(server.pool.used_bytes, 0);
	conn_clients_fini(&server.clients);
	client_rates_fini(&server.rates);
	while ((n = list_first(&server.listeners)) != NULL) {
		list_remove(n);
		free(obj_of(n, struct smtp_listener, link));
	}
	ipc_peer_free(&queue);
	if (queue_wire != NULL)
		ipc_peer_free(&queue_wire);
	for (int i = 0; i < 3; i++)
		turn();
	(void)close(listen_fd);
	loop_free(&loop);
	opt_free(&smtpd_section, &options);
	opt_free(&top_section, &top);
}

#define START	"EHLO a\r\nMAIL FROM:<x@a>\r\nRCPT TO:<bob@mx.example>\r\n"

static void
test_message(void **state)
{
	struct client c;

	(void)state;
	begin();
	client_open(&c);
	client_expect(&c, "220 mx.example ESMTP Godwit\r\n");
	client_send(&c, START "RCPT TO:<nobody@mx.example>\r\nDATA\r\n");
	client_expect(&c, "250 2.1.5 Recipient ok\r\n550 5.1.1 No such user\r\n354 ");
	client_send(&c, "Subject: x\r\n\r\nhi!\r\n.\r\nQUIT\r\n");
	client_expect(&c, "250 2.0.0 Ok: queued as 000000000002D\r\n221 2.0.0 Bye\r\n");
	client_expect_end(&c);
	assert_int_equal(seen.form, QUEUE_FORM_MEMFD);
	assert_string_equal(seen.start, "Received:");
	assert_memory_equal(seen.end, "i!\r\n", 4);
	assert_int_equal(seen.aborts, 0);
	client_close(&c);
	finish();
}

static void
send_large(struct client *c)
{
	static char line[1001];

	memset(line, 'x', 998);
	memcpy(line + 998, "\r\n", 3);
	client_send(c, START "DATA\r\n");
	client_expect(c, "354 ");
	for (int i = 0; i < 400; i++)
		client_send(c, line);
	client_send(c, "end\r\n.\r\n");
}

static void
test_large_message(void **state)
{
	struct client c;

	(void)state;
	begin();
	client_open(&c);
	send_large(&c);
	client_expect(&c, "250 2.0.0 Ok: queued");
	assert_int_equal(seen.files, 1);
	assert_int_equal(seen.form, QUEUE_FORM_FILE);
	assert_true(seen.size > 400000 && seen.size < 401000);
	assert_string_equal(seen.start, "Received:");
	assert_memory_equal(seen.end, "nd\r\n", 4);
	/* No file: refused for now, and the session goes on. */
	seen.refuses_file = true;
	send_large(&c);
	client_expect(&c, "452 4.3.1 ");
	assert_int_equal(seen.aborts, 1);
	client_send(&c, "NOOP\r\n");
	client_expect(&c, "250 2.0.0 Ok\r\n");
	client_close(&c);
	finish();
}

/* The cap over all messages: the body goes to a file early. */
static void
test_spool_memory(void **state)
{
	struct client c;

	(void)state;
	top.spool_memory = 1000;
	begin();
	client_open(&c);
	client_send(&c, START "DATA\r\n");
	client_expect(&c, "354 ");
	for (int i = 0; i < 20; i++)
		client_send(&c, "0123456789012345678901234567890123456789012345678\r\n");
	client_send(&c, ".\r\n");
	client_expect(&c, "250 2.0.0 Ok: queued");
	assert_int_equal(seen.form, QUEUE_FORM_FILE);
	client_close(&c);
	finish();
}

static void
test_no_queue(void **state)
{
	struct ipc_peer *p;
	struct client c;

	(void)state;
	begin();
	client_open(&c);
	client_send(&c, START);
	client_expect(&c, "250 2.1.5 ");
	/* It goes in the middle of a transaction ... */
	p = queue_wire;
	ipc_peer_free(&queue);
	for (int i = 0; i < TURNS_MAX && queue_wire != NULL; i++)
		turn();
	smtp_server_lost_queue(NULL, p);
	client_send(&c, "RCPT TO:<b@a>\r\nDATA\r\nRSET\r\nMAIL FROM:<x@a>\r\n");
	client_expect(&c, "451 4.3.0 Queue is not available, try again\r\n"
	    "451 4.3.0 Queue is not available, try again\r\n250 2.0.0 Ok\r\n"
	    "451 4.3.0 Queue is not available, try again\r\n");
	/* ... and comes back. */
	wire_queue();
	client_send(&c, "MAIL FROM:<x@a>\r\nRCPT TO:<b@a>\r\nDATA\r\n");
	client_expect(&c, "354 ");
	/* While the commit is out. */
	seen.holds_commit = true;
	client_send(&c, "Subject: x\r\n\r\n.\r\nNOOP\r\n");
	wait_for(&seen.commits, 1);
	p = queue_wire;
	ipc_peer_free(&queue);
	client_expect(&c, "451 4.3.0 Queue is not available, try again\r\n250 2.0.0 Ok\r\n");
	smtp_server_lost_queue(NULL, p);
	wire_queue();
	client_close(&c);
	finish();
}

/* A client that leaves while queue opens its transaction. */
static void
test_gone_while_asking(void **state)
{
	struct ipc_queue_opened o = { .msg = MSG_ID };
	struct client c;

	(void)state;
	seen.holds_open = true;
	begin();
	client_open(&c);
	client_send(&c, "EHLO a\r\nMAIL FROM:<x@a>\r\n");
	wait_for(&seen.opens, 1);
	client_close(&c);
	for (int i = 0; i < TURNS_MAX && server.session_count > 0; i++)
		turn();
	ipc_reply(queue, seen.held, IPC_MSG_queue_opened, &o);
	wait_for(&seen.aborts, 1);
	finish();
}

static void
test_limits(void **state)
{
	struct client c[4];

	(void)state;
	options.client_connection_limit = 2;
	begin();
	for (int i = 0; i < 3; i++)
		client_open(&c[i]);
	client_expect(&c[0], "220 ");
	client_expect(&c[1], "220 ");
	client_expect(&c[2], "421 4.7.0 Too many connections\r\n");
	client_expect_end(&c[2]);
	client_close(&c[0]);
	for (int i = 0; i < TURNS_MAX && server.session_count > 1; i++)
		turn();
	client_open(&c[3]);
	client_expect(&c[3], "220 ");
	for (int i = 1; i < 4; i++)
		client_close(&c[i]);
	finish();
}

/* Two in a minute, then one in half of one; closing does not help. */
static void
test_connection_rate(void **state)
{
	char *nets[] = { (char *)(uintptr_t)"127.0.0.9/32" };
	struct client c;
	int i;

	(void)state;
	options.client_connection_rate_limit = 2;
	options.anvil_rate_time_unit = 60000;
	top.mynetworks = (struct opt_list){ nets, 1 };
	begin();
	for (i = 0; i < 2; i++) {
		client_open(&c);
		client_expect(&c, "220 ");
		client_close(&c);
	}
	client_open(&c);
	client_expect(&c, "421 4.7.0 Too many connections\r\n");
	client_expect_end(&c);
	client_close(&c);
	/* others are others, and mynetworks are not counted */
	client_open_from(&c, 2);
	client_expect(&c, "220 ");
	client_close(&c);
	for (i = 0; i < 5; i++) {
		client_open_from(&c, 9);
		client_expect(&c, "220 ");
		client_close(&c);
	}
	loop_advance(loop, 30000);
	client_open(&c);
	client_expect(&c, "220 ");
	client_close(&c);
	client_open(&c);
	client_expect(&c, "421 4.7.0 Too many connections\r\n");
	client_close(&c);
	top.mynetworks = (struct opt_list){ NULL, 0 };
	finish();
}

/* Queue answered MAIL when nobody waited for it any more: it must not stay open. */
static void
test_late_open(void **state)
{
	struct ipc_queue_opened o = { .msg = MSG_ID };
	struct client c;

	(void)state;
	seen.holds_open = true;
	begin();
	client_open(&c);
	client_send(&c, "EHLO a\r\nMAIL FROM:<x@a>\r\n");
	wait_for(&seen.opens, 1);
	loop_advance(loop, 31000);
	client_expect(&c, "451 4.3.0 Queue is not available, try again\r\n");
	ipc_reply(queue, seen.held, IPC_MSG_queue_opened, &o);
	wait_for(&seen.aborts, 1);
	client_close(&c);
	finish();
}

/* Every address has one session, their network one too many. */
static void
test_network_limit(void **state)
{
	struct client c[3];

	(void)state;
	options.client_network_limit = 2;
	begin();
	for (unsigned i = 0; i < 3; i++)
		client_open_from(&c[i], 1 + i);
	client_expect(&c[0], "220 ");
	client_expect(&c[1], "220 ");
	client_expect(&c[2], "421 4.7.0 Too many connections\r\n");
	client_expect_end(&c[2]);
	for (int i = 0; i < 3; i++)
		client_close(&c[i]);
	finish();
}

static void
test_total_limit(void **state)
{
	struct client c[2];

	(void)state;
	options.client_limit = 1;
	begin();
	client_open(&c[0]);
	client_expect(&c[0], "220 ");
	client_open(&c[1]);
	client_expect(&c[1], "421 4.7.0 Too many connections\r\n");
	client_close(&c[0]);
	client_close(&c[1]);
	finish();
}

static void
test_idle(void **state)
{
	struct client c;

	(void)state;
	begin();
	client_open(&c);
	client_expect(&c, "220 ");
	loop_advance(loop, options.timeout - 1000);
	client_send(&c, "NOOP\r\nNOO");
	client_expect(&c, "250 ");
	loop_advance(loop, options.timeout - 1000);
	turn();
	client_send(&c, "P");
	for (int i = 0; i < 5; i++)
		turn();
	loop_advance(loop, 2000);
	client_expect(&c, "421 4.4.2 Idle too long\r\n");
	client_expect_end(&c);
	client_close(&c);
	finish();
}

static void
test_drain(void **state)
{
	struct client idle, busy;

	(void)state;
	begin();
	client_open(&idle);
	client_open(&busy);
	client_expect(&idle, "220 ");
	client_send(&busy, START);
	client_expect(&busy, "250 2.1.5 ");
	smtp_server_drain(NULL);
	client_expect(&idle, "421 4.3.2 ");
	client_expect_end(&idle);
	assert_false(is_drained);
	client_send(&busy, "DATA\r\n");
	client_expect(&busy, "354 ");
	client_send(&busy, "Subject: x\r\n\r\n.\r\n");
	client_expect(&busy, "250 2.0.0 Ok: queued");
	client_expect(&busy, "421 4.3.2 ");
	client_expect_end(&busy);
	client_close(&idle);
	client_close(&busy);
	finish();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_message, setup),
		cmocka_unit_test_setup(test_large_message, setup),
		cmocka_unit_test_setup(test_spool_memory, setup),
		cmocka_unit_test_setup(test_no_queue, setup),
		cmocka_unit_test_setup(test_gone_while_asking, setup),
		cmocka_unit_test_setup(test_limits, setup),
		cmocka_unit_test_setup(test_connection_rate, setup),
		cmocka_unit_test_setup(test_late_open, setup),
		cmocka_unit_test_setup(test_network_limit, setup),
		cmocka_unit_test_setup(test_total_limit, setup),
		cmocka_unit_test_setup(test_idle, setup),
		cmocka_unit_test_setup(test_drain, setup),
	};

	log_to_fd(-1);
	cry_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
