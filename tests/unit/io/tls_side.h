/* SPDX-License-Identifier: ISC */
/*
 * A client connection and OpenSSL as its server, both in this process, with
 * the certificates they need.  The server's bytes pass through side_pump(),
 * which can cut, split or keep them.
 */
#ifndef TLS_SIDE_H
#define TLS_SIDE_H

#include "lib/io/openssl.h"

#include "lib/io/conn.h"
#include "lib/io/tls_client.h"

#define MAX_HANDSHAKES	3
#define NO_LIMIT	SIZE_MAX
#define DAY		86400L

struct entity {			/* a certificate and its key */
	X509		*x;
	EVP_PKEY	*key;
};

struct fixture {
	struct loop		*loop;
	struct tls_client_ctx	*ctx;
	struct entity		 ca;
	struct entity		 leaf;		/* mx.example, by ca */
	struct entity		 own;		/* self-signed */
	struct entity		 shown;		/* what the server has, if not leaf */
	STACK_OF(X509)		*chain;		/* sent behind it */
	int			 max_version;
	bool			 asks_client;
};

struct side {			/* one connection, both ends */
	struct fixture	*f;
	struct conn	*conn;
	int		 fd;		/* the server's end */
	SSL_CTX		*server_ctx;
	SSL		*server;
	struct buf	 wire;		/* from the server, not yet sent */
	size_t		 may_send;	/* of it */
	size_t		 sent;
	bool		 one_by_one;
	bool		 starttls;
	struct tls_demand demand;
	struct buf	 got;
	const char	*closed;
	enum err	 tls_result;
	unsigned	 tls_calls;
	char		 reason[100];	/* as on_tls saw it */
	struct tls_peer	 peer;
};

struct recipe {
	const char	*cn;
	const char	*san;		/* "DNS:mx.example"; NULL: none */
	long		 from;		/* seconds from now */
	long		 until;
	bool		 is_ca;
	unsigned	 rsa_bits;	/* 0: P-256 */
};

extern const struct conn_ops side_ops;
extern const struct conn_limits side_limits;

/* certificates: signed by issuer, or by itself; show: what the server has now */
struct entity make_entity(const struct recipe *r, const struct entity *issuer);
void free_entity(struct entity *e);
void show_entity(struct fixture *f, const struct recipe *r,
    const struct entity *issuer);
void put_pem(struct buf *b, X509 *x);

/* the fixture */
int tls_setup(void **state);
int tls_teardown(void **state);

/* both ends */
void side_turn(struct loop *l);	/* what can happen without waiting */
SSL_CTX *make_server(struct fixture *f);
void open_side(struct side *t, struct fixture *f, enum tls_mode mode);
void side_hang_up(struct side *t);
void close_side(struct side *t);
enum err side_start(struct side *t);
void side_pump(struct side *t);
bool side_shake(struct side *t);	/* true: both ends say that it went well */
void side_echoes(struct side *t);

/* a connection to its end, under that demand */
void side_expect_refused(struct side *t, enum tls_failure failure, const char *reason);
struct tls_peer expect_refusal(struct fixture *f, const struct tls_demand *d,
    enum tls_failure failure, const char *reason);
struct tls_peer expect_success(struct fixture *f, const struct tls_demand *d);
enum err expect_no_start(struct fixture *f, const struct tls_demand *d);
struct tls_demand demand_names(enum tls_mode mode, const struct slice *names, size_t n);

#endif
