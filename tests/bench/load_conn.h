/* SPDX-License-Identifier: ISC */
/*
 * Many client connections to 127.0.0.1 in one thread, plain or TLS: what is
 * said goes out as the server takes it, and its answers come back as the first
 * line of each response, without literals and what follows them.
 *
 * A connection that fails, or 60 s in which nothing happens, ends the program
 * with status 1: this is a measurement.
 */
#ifndef TESTS_BENCH_LOAD_CONN_H
#define TESTS_BENCH_LOAD_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* RESUMED: TLS that goes on with the ticket of the connection before. */
enum load_wire { LOAD_PLAIN, LOAD_TLS, LOAD_RESUMED };

struct load_conn {
	int		 fd;			/* -1: closed */
	struct ssl_st	*ssl;			/* NULL: plain */
	struct ssl_session_st *session;		/* to resume, or NULL */
	char		*in;			/* of a line that is not complete */
	size_t		 have, in_size;
	uint64_t	 literal;		/* bytes of one still to come */
	bool		 inside;		/* of a response with literals */
	char		*out;
	size_t		 out_at, out_n, out_size;
	bool		 wants_out;
	uint64_t	 received;		/* bytes since it was set to 0 */
	/* The scenario's own. */
	int		 idx, step;
	uint32_t	 exists, left;
};

/* line: to its end without CRLF, which is a NUL. */
typedef void	 load_line_fn(struct load_conn *c, const char *line, size_t n);

void		 load_init(int port, enum load_wire, load_line_fn *on_line);
uint32_t	 load_resumed(void);	/* connections that were, of those that are closed */
void		 load_open(struct load_conn *c);
void		 load_say(struct load_conn *c, const char *p, size_t n);
void		 load_close(struct load_conn *c);
/* Until *done; with_stdin: also until the end of the standard input. */
void		 load_run(const bool *done, bool with_stdin);

_Noreturn void	 load_die(const char *what, const char *detail);
double		 load_now(void);

#endif
