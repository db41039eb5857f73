/* SPDX-License-Identifier: ISC */
/*
 * The master process: godwit run becomes it.  Binds, starts, wires and
 * watches all; only it reads the configuration.  It parses nothing that came
 * from the network or from mail.
 *
 * It cannot confine itself like the others, since it starts them as root and
 * opens what they may not (certificate renewal, new files of a reload).  It
 * sets no_new_privs, makes no core files and closes what it inherited.
 */
#ifndef MASTER_RUN_H
#define MASTER_RUN_H

/*
 * Returns the exit code when all is over.  on_ready is called once, when all
 * daemons serve.  log_path replaces "standard error" of an installation that
 * runs in the background; NULL: as configured.
 */
int	 master_run(const char *config_dir, const char *log_path, void (*on_ready)(void *),
	    void *arg);

#endif
