/* SPDX-License-Identifier: ISC */
/*
 * Preloaded into the daemons of a test build: writes the secrets of every TLS
 * connection, in the form that Wireshark reads, so that a test sees what
 * somebody sees who has broken TLS.  The suite itself can not do this: nothing
 * of it is in any build, and master hands LD_PRELOAD on in test builds only.
 *
 * The log is the file $GODWIT_RECORD, mapped before the jail is shut (as in
 * tests/power/record.c): a u64 of what is used, then the lines.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/ssl.h>

typedef SSL_CTX *new_fn(const SSL_METHOD *);
typedef void set_fn(SSL_CTX *, SSL_CTX_keylog_cb_func);

struct head {
	_Atomic uint64_t	used;		/* with this */
};

static struct head	*log_head;
static uint64_t		 log_bytes;
static new_fn		*real_new;
static set_fn		*real_set;

__attribute__((constructor)) static void
begin(void)
{
	const char *path = getenv("GODWIT_RECORD");
	struct stat st;
	void *map;
	int fd;

	/* Both are missing in a program without TLS. */
	*(void **)&real_new = dlsym(RTLD_NEXT, "SSL_CTX_new");
	*(void **)&real_set = dlsym(RTLD_NEXT, "SSL_CTX_set_keylog_callback");
	if (path == NULL || real_new == NULL || real_set == NULL)
		return;
	if ((fd = open(path, O_RDWR | O_CLOEXEC)) == -1 || fstat(fd, &st) == -1)
		abort();
	log_bytes = (uint64_t)st.st_size;
	map = mmap(NULL, log_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		abort();
	(void)close(fd);
	log_head = map;
}

static void
on_line(const SSL *ssl, const char *line)
{
	size_t n = strlen(line);
	uint64_t at = atomic_fetch_add(&log_head->used, n + 1);
	char *to = (char *)log_head + at;

	(void)ssl;
	if (at + n + 1 > log_bytes)
		abort();		/* what can not be opened proves nothing */
	memcpy(to, line, n);
	to[n] = '\n';
}

__attribute__((visibility("default"))) SSL_CTX *
SSL_CTX_new(const SSL_METHOD *method)
{
	SSL_CTX *ctx = real_new(method);

	if (ctx != NULL && log_head != NULL)
		real_set(ctx, on_line);
	return ctx;
}
