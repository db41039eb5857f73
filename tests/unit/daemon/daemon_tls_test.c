/* SPDX-License-Identifier: ISC */
/*
 * A confined daemon that serves TLS, with this process as its master, its
 * keyd (a thread that signs) and its client.
 */
#include "lib/io/openssl.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/conf/opt.h"
#include "lib/daemon/daemon.h"
#include "lib/daemon/daemon_tls.h"
#include "lib/io/conn.h"
#include "lib/ipc/ipc_frame.h"
#include "lib/sys/fd.h"
#include "tests/unit/test.h"

#define UID	58124

/* ---- the daemon: echoes over TLS ---- */

struct echo {
	struct daemon_app	*app;
	struct conn		*conn;
};

static size_t
on_data(void *arg, struct slice s)
{
	struct echo *e = arg;

	conn_write(e->conn, s);
	return s.n;
}

static void
on_closed(void *arg, const char *reason)
{
	(void)reason;
	free(arg);
}

static const struct conn_ops echo_ops = { .on_data = on_data, .on_closed = on_closed };
static const struct conn_limits echo_limits = { 4096, 4096, 65536, 131072 };

static void
on_accept(void *arg, struct conn_listener *l, int fd, const struct conn_addr *peer)
{
	struct daemon_app *app = arg;
	struct echo *e = calloc(1, sizeof(*e));

	e->app = app;
	e->conn = conn_new(daemon_loop(app), fd, peer, &echo_ops, e, &echo_limits, l);
	if (conn_start_tls(e->conn, daemon_tls(app)) != ERR_OK)
		conn_abort(e->conn, "no tls");
}

static void
load(struct daemon_app *app)
{
	daemon_tls_init(app, 10);
}

static void
start(struct daemon_app *app)
{
	(void)conn_listener_new(daemon_loop(app),
	    daemon_listener(app, 0, NULL, NULL), 10, on_accept, app);
}

static void
status(struct daemon_app *app, uint32_t *sessions, struct buf *note)
{
	*sessions = tls_ctx_handshakes(daemon_tls(app));
	buf_put_str(note, daemon_tls_is_ready(app) ? "ready" : "waiting");
}

static const struct ipc_handler keyd_handlers[] = { DAEMON_TLS_HANDLERS, { 0, NULL } };
static const struct daemon_peer peers[] = {
	{ IPC_KEYD, keyd_handlers, NULL, NULL },
	{ IPC_NOBODY, NULL, NULL, NULL },
};
static const struct opt_section no_sections[] = { OPT_SECTIONS_END };

static const struct daemon daemon_row = {
	.name = "echo",
	.role = IPC_SMTPD,
	.options = no_sections,
	.peers = peers,
	.may = MAY_IPC | MAY_ACCEPT,
	.load = load,
	.start = start,
	.status = status,
};

/* ---- keyd ---- */

struct keyd {
	int		 fd;
	EVP_PKEY	*key;
	char		 pem[4096];
	size_t		 pem_bytes;
	unsigned	 signs_left;	/* then it dies */
	pthread_t	 thread;
};

static void
make_certificate(struct keyd *k)
{
	X509 *x = X509_new();
	BIO *out = BIO_new(BIO_s_mem());
	int n;

	k->key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_gmtime_adj(X509_getm_notBefore(x), -60);
	X509_gmtime_adj(X509_getm_notAfter(x), 86400);
	X509_set_pubkey(x, k->key);
	assert_true(X509_sign(x, k->key, EVP_sha256()) > 0);
	PEM_write_bio_X509(out, x);
	n = BIO_read(out, k->pem, sizeof(k->pem));
	assert_true(n > 0);
	k->pem_bytes = (size_t)n;
	BIO_free(out);
	X509_free(x);
}

static void
answer(struct keyd *k, uint64_t id, enum ipc_type type, const void *m)
{
	(void)!ipc_write_blocking(k->fd, type, id | IPC_REPLY_BIT, m, NULL, 0);
}

static void
answer_sign(struct keyd *k, uint64_t id, struct slice tbs)
{
	unsigned char out[256];
	size_t n = sizeof(out);
	struct ipc_tls_signed m;
	EVP_MD_CTX *c = EVP_MD_CTX_new();

	if (EVP_DigestSignInit(c, NULL, EVP_sha256(), NULL, k->key) == 1 &&
	    EVP_DigestSign(c, out, &n, (const unsigned char *)tbs.p, tbs.n) == 1) {
		m.signature = slice_of(out, n);
		answer(k, id, IPC_MSG_tls_signed, &m);
	}
	EVP_MD_CTX_free(c);
}

static void *
run_keyd(void *arg)
{
	struct keyd *k = arg;
	struct ipc_tls_cert cert = {
		.key = 5, .chain_pem = slice_of(k->pem, k->pem_bytes),
	};
	union ipc_any m;
	struct ipc_in in;
	struct buf store;
	uint16_t type;

	buf_init(&store, IPC_FRAME_MAX + 4);
	while (ipc_read_blocking(k->fd, IPC_SMTPD, &store, &type, &m, &in) == ERR_OK) {
		if (type == IPC_MSG_tls_get)
			answer(k, in.id, IPC_MSG_tls_cert, &cert);
		else if (type == IPC_MSG_tls_sign && k->signs_left-- > 0)
			answer_sign(k, in.id, m.tls_sign.tbs);
		else
			break;
	}
	buf_fini(&store);
	close(k->fd);
	return NULL;
}

/* ---- master and client ---- */

static int control;
static struct buf store;

static void
tell(enum ipc_type type, const void *m, int fd)
{
	assert_int_equal(ipc_write_blocking(control, type, 0, m, &fd, fd >= 0), ERR_OK);
}

static void
start_keyd(struct keyd *k, uint32_t instance, unsigned signs)
{
	struct ipc_ctl_wire m = { .role = IPC_KEYD, .instance = instance };
	int fds[2];

	assert_int_equal(fd_pair(fds), ERR_OK);
	tell(IPC_MSG_ctl_wire, &m, fds[0]);
	close(fds[0]);
	k->fd = fds[1];
	k->signs_left = signs;
	assert_int_equal(pthread_create(&k->thread, NULL, run_keyd, k), 0);
}

static void
await(const char *note)
{
	struct ipc_ctl_status ask = { 0 };
	union ipc_any m;
	struct ipc_in in;
	uint16_t type;
	int i;

	for (i = 0; i < 1000; i++) {
		assert_int_equal(ipc_write_blocking(control, IPC_MSG_ctl_status,
		    (uint64_t)i + 1, &ask, NULL, 0), ERR_OK);
		assert_int_equal(ipc_read_blocking(control, IPC_SMTPD, &store,
		    &type, &m, &in), ERR_OK);
		if (type == IPC_MSG_ctl_status_reply &&
		    slice_eq_str(m.ctl_status_reply.note, note) &&
		    m.ctl_status_reply.sessions == 0)
			return;
		(void)poll(NULL, 0, 5);
	}
	fail_msg("never %s", note);
}

/* True when an echo came back over TLS. */
static bool
try_client(const struct sockaddr_in *sa)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	SSL *ssl = SSL_new(ctx);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	char b[8] = "";
	bool ok;

	assert_int_equal(connect(fd, (const void *)sa, sizeof(*sa)), 0);
	SSL_set_fd(ssl, fd);
	ok = SSL_connect(ssl) == 1 && SSL_write(ssl, "hello", 5) == 5 &&
	    SSL_read(ssl, b, 5) == 5 && memcmp(b, "hello", 5) == 0;
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	close(fd);
	return ok;
}

/* A new keyd's certificate comes a moment after its wire. */
static void
serves_soon(const struct sockaddr_in *sa)
{
	int i;

	for (i = 0; i < 200; i++) {
		if (try_client(sa))
			return;
		(void)poll(NULL, 0, 5);
	}
	fail_msg("never served");
}

static pid_t
start_daemon(int listener)
{
	struct ipc_ctl_jail jail = {
		.instance = 3, .uid = UID, .gid = UID, .hostname = SLICE_LIT("mx"),
		.root = SLICE_LIT("/var/empty"),
#ifdef GODWIT_SAN
		.mode = 2,
#endif
	};
	struct ipc_ctl_listener l = { SLICE_LIT("x"), SLICE_LIT("127.0.0.1:1") };
	struct ipc_ctl_start go = { 1 };
	int fds[2];
	pid_t pid;

	if (access("/var/empty", F_OK) != 0)
		jail.root = SLICE_LIT("/var/opt");
	assert_int_equal(fd_pair(fds), ERR_OK);
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		static char name[64] = "echo";
		char *argv[] = { name, NULL };

		(void)dup2(fds[1], 3);
		exit(daemon_main(&daemon_row, 1, argv));
	}
	close(fds[1]);
	control = fds[0];
	tell(IPC_MSG_ctl_jail, &jail, -1);
	tell(IPC_MSG_ctl_listener, &l, listener);
	tell(IPC_MSG_ctl_start, &go, -1);
	return pid;
}

static void
serves_tls_and_follows_keyd(void **state)
{
	struct keyd first, second;
	struct sockaddr_in sa = { .sin_family = AF_INET };
	socklen_t n = sizeof(sa);
	int fd = socket(AF_INET, SOCK_STREAM, 0), status_of = 0;
	union ipc_any m;
	struct ipc_in in;
	uint16_t type;
	pid_t pid;

	(void)state;
	memset(&first, 0, sizeof(first));
	memset(&second, 0, sizeof(second));
	buf_init(&store, IPC_FRAME_MAX + 4);
	sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (void *)&sa, sizeof(sa)), 0);
	assert_int_equal(listen(fd, 10), 0);
	assert_int_equal(getsockname(fd, (void *)&sa, &n), 0);
	pid = start_daemon(fd);
	assert_int_equal(ipc_read_blocking(control, IPC_SMTPD, &store, &type,
	    &m, &in), ERR_OK);
	assert_int_equal(type, IPC_MSG_ctl_ready);
	await("waiting");
	assert_false(try_client(&sa));	/* no certificate yet: closed */
	make_certificate(&first);
	start_keyd(&first, 1, 2);
	await("ready");
	assert_true(try_client(&sa));
	assert_true(try_client(&sa));
	/* It dies with a signature outstanding; the handshake fails at once. */
	assert_false(try_client(&sa));
	assert_int_equal(pthread_join(first.thread, NULL), 0);
	await("ready");
	assert_false(try_client(&sa));	/* nobody to ask */
	make_certificate(&second);
	start_keyd(&second, 2, 1000);
	serves_soon(&sa);
	assert_true(try_client(&sa));
	close(control);
	assert_int_equal(waitpid(pid, &status_of, 0), pid);
	assert_int_equal(status_of, 0);
	assert_int_equal(pthread_join(second.thread, NULL), 0);
	EVP_PKEY_free(first.key);
	EVP_PKEY_free(second.key);
	close(fd);
	buf_fini(&store);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(serves_tls_and_follows_keyd),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("daemon/tls", tests, NULL, NULL);
}
