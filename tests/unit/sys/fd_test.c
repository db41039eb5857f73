/* SPDX-License-Identifier: ISC */
#include "lib/sys/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/sys/path.h"
#include "lib/sys/proc.h"
#include "tests/unit/test.h"

struct dir {
	char	 path[64];
	int	 fd;
};

static int
make_dir(void **state)
{
	static struct dir d;

	memcpy(d.path, "/tmp/godwit-sys-XXXXXX", 23);
	assert_non_null(mkdtemp(d.path));
	d.fd = open(d.path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(d.fd >= 0);
	*state = &d;
	return 0;
}

static int
remove_dir(void **state)
{
	static const char *const names[] = { "file", "sub/file", "link", "up" };
	struct dir *d = *state;
	size_t i;

	for (i = 0; i < lengthof(names); i++)
		(void)unlinkat(d->fd, names[i], 0);
	(void)unlinkat(d->fd, "sub", AT_REMOVEDIR);
	(void)close(d->fd);
	assert_int_equal(rmdir(d->path), 0);
	return 0;
}

static void
memfd_seals(void **state)
{
	uint64_t n = 0;
	int fd;

	(void)state;
	assert_int_equal(fd_memfd_make("message", &fd), ERR_OK);
	assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
	assert_int_equal(fd_write_all(fd, "hello", 5), ERR_OK);
	assert_int_equal(fd_memfd_check(fd, 100, &n), ERR_VIOLATION);
	/* Half sealed is not sealed. */
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), 0);
	assert_int_equal(fd_memfd_check(fd, 100, &n), ERR_VIOLATION);
	assert_int_equal(fd_memfd_seal(fd), ERR_OK);
	assert_int_equal(fd_memfd_check(fd, 5, &n), ERR_OK);
	assert_int_equal(n, 5);
	assert_int_equal(fd_memfd_check(fd, 4, &n), ERR_TOOBIG);
	assert_true(pwrite(fd, "x", 1, 0) < 0);
	assert_true(ftruncate(fd, 1) < 0);
	assert_true(ftruncate(fd, 10) < 0);
	assert_true(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL) < 0);
	fd_close(&fd);
	assert_int_equal(fd, -1);
	fd_close(&fd);
}

/* A mapping that can write keeps the seal off. */
static void
memfd_mapped(void **state)
{
	char *p;
	int fd;

	(void)state;
	assert_int_equal(fd_memfd_make("message", &fd), ERR_OK);
	assert_int_equal(ftruncate(fd, 4096), 0);
	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(p != MAP_FAILED);
	assert_int_not_equal(fd_memfd_seal(fd), ERR_OK);
	munmap(p, 4096);
	assert_int_equal(fd_memfd_seal(fd), ERR_OK);
	fd_close(&fd);
}

/* Files, pipes and sockets are not memfds, whatever is claimed. */
static void
only_memfds_pass(void **state)
{
	struct dir *d = *state;
	uint64_t n;
	int fd, fds[2];

	assert_int_equal(fd_tmpfile(d->fd, &fd), ERR_OK);
	assert_int_equal(fd_write_all(fd, "abc", 3), ERR_OK);
	assert_int_equal(fd_memfd_check(fd, 100, &n), ERR_VIOLATION);
	fd_close(&fd);
	assert_int_equal(fd_pair(fds), ERR_OK);
	assert_int_equal(fd_memfd_check(fds[0], 100, &n), ERR_VIOLATION);
	fd_close(&fds[0]);
	fd_close(&fds[1]);
	assert_int_equal(fd_memfd_check(-1, 100, &n), ERR_VIOLATION);
}

static void
whole_reads_and_writes(void **state)
{
	struct dir *d = *state;
	struct stat st;
	char b[8];
	int fd;

	assert_int_equal(fd_tmpfile(d->fd, &fd), ERR_OK);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_nlink, 0);
	assert_int_equal(fd_pwrite_all(fd, "12345678", 8, 4), ERR_OK);
	assert_int_equal(fd_pread_all(fd, b, 8, 4), ERR_OK);
	assert_memory_equal(b, "12345678", 8);
	assert_int_equal(fd_pread_all(fd, b, 8, 5), ERR_END);
	fd_close(&fd);
}

static void
close_from(void **state)
{
	int status, a, b;
	pid_t pid;

	(void)state;
	a = fcntl(1, F_DUPFD, 50);
	b = fcntl(1, F_DUPFD, 400);
	pid = fork();
	if (pid == 0) {
		fd_close_from(a);
		_exit(fcntl(a, F_GETFD) < 0 && fcntl(b, F_GETFD) < 0 &&
		    fcntl(2, F_GETFD) >= 0 ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(a);
	close(b);
}

static void
put_null(void **state)
{
	int fd = fcntl(1, F_DUPFD, 60);
	char c;

	(void)state;
	assert_int_equal(fd_put_null(fd), ERR_OK);
	assert_int_equal(read(fd, &c, 1), 0);
	close(fd);
}

/* Nothing above the directory, by no way. */
static void
beneath(void **state)
{
	struct dir *d = *state;
	int fd, sub;

	assert_int_equal(path_make_dir(d->fd, "sub", 0700), ERR_OK);
	assert_int_equal(path_make_dir(d->fd, "sub", 0700), ERR_OK);
	assert_int_equal(path_open(d->fd, "file", O_WRONLY | O_CREAT | O_EXCL,
	    0600, &fd), ERR_OK);
	assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
	fd_close(&fd);
	assert_int_equal(path_make_dir(d->fd, "file", 0700), ERR_EXISTS);
	assert_int_equal(path_open(d->fd, "file", O_WRONLY | O_CREAT | O_EXCL,
	    0600, &fd), ERR_EXISTS);
	assert_int_equal(path_open(d->fd, "none", O_RDONLY, 0, &fd), ERR_NOTFOUND);
	assert_int_equal(path_open_dir(d->fd, "sub", &sub), ERR_OK);
	assert_int_not_equal(path_open(sub, "../file", O_RDONLY, 0, &fd), ERR_OK);
	assert_int_not_equal(path_open(d->fd, "/etc/passwd", O_RDONLY, 0, &fd), ERR_OK);
	assert_int_equal(symlinkat("file", d->fd, "link"), 0);
	assert_int_not_equal(path_open(d->fd, "link", O_RDONLY, 0, &fd), ERR_OK);
	assert_int_equal(symlinkat("..", d->fd, "up"), 0);
	assert_int_not_equal(path_open(d->fd, "up/x", O_RDONLY, 0, &fd), ERR_OK);
	assert_int_not_equal(path_open_dir(d->fd, "file", &fd), ERR_OK);
	assert_int_equal(path_sync_dir(d->fd), ERR_OK);
	assert_int_equal(path_sync_dir(sub), ERR_OK);
	fd_close(&sub);
}

static void
all_parents(void **state)
{
	struct dir *d = *state;
	char path[128];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s/sub/a/b", d->path);
	assert_int_equal(path_make_all(path, 0700), ERR_OK);
	assert_int_equal(path_make_all(path, 0700), ERR_OK);
	assert_int_equal(stat(path, &st), 0);
	assert_true(S_ISDIR(st.st_mode));
	assert_int_equal(rmdir(path), 0);
	path[strlen(path) - 2] = '\0';
	assert_int_equal(rmdir(path), 0);
}

/* In a child whose arguments we know. */
static void
title(void **state)
{
	char cmd[64], line[64] = "";
	int fds[2], status;
	pid_t pid;
	FILE *f;

	(void)state;
	assert_int_equal(fd_pair(fds), ERR_OK);
	pid = fork();
	if (pid == 0) {
		static char args[] = "/usr/libexec/godwit/smtpd\0-x";
		char *argv[] = { args, args + 26, NULL };

		assert_int_equal(setenv("GODWIT_X", "kept", 1), 0);
		proc_set_title(2, argv, "smtpd");
		_exit(strcmp(args, "godwit: smtpd") == 0 &&
		    strcmp(getenv("GODWIT_X"), "kept") == 0 &&
		    args[26] == '\0' && write(fds[1], "x", 1) == 1 &&
		    read(fds[1], line, 1) == 1 ? 0 : 1);
	}
	assert_int_equal(read(fds[0], line, 1), 1);
	(void)snprintf(cmd, sizeof(cmd), "/proc/%d/comm", (int)pid);
	f = fopen(cmd, "r");
	assert_non_null(f);
	assert_non_null(fgets(line, sizeof(line), f));
	assert_string_equal(line, "smtpd\n");
	(void)fclose(f);
	assert_int_equal(write(fds[0], "x", 1), 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	fd_close(&fds[0]);
	fd_close(&fds[1]);
}

int
main(void)
{
#define D(f)	cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memfd_seals),
		cmocka_unit_test(memfd_mapped),
		D(only_memfds_pass),
		D(whole_reads_and_writes),
		cmocka_unit_test(close_from),
		cmocka_unit_test(put_null),
		D(beneath),
		D(all_parents),
		cmocka_unit_test(title),
	};

	return cmocka_run_group_tests_name("sys/fd", tests, NULL, NULL);
}
