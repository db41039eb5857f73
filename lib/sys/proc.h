/* SPDX-License-Identifier: ISC */
/*
 * What ps(1) shows of this process.
 */
#ifndef PROC_H
#define PROC_H

/*
 * "godwit: name", in place of the arguments; the environment moves to the
 * heap to make room.  Call once, first thing in main.
 */
void	 proc_set_title(int argc, char *argv[], const char *name);

#endif
