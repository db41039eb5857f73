/* SPDX-License-Identifier: ISC */
/*
 * Numbers that queue.msg and delivery.msg speak in.
 */
#ifndef QUEUE_PROTO_H
#define QUEUE_PROTO_H

enum queue_flag {
	QUEUE_SUBMISSION = 1,	/* came to a submission listener, logged in */
	QUEUE_8BITMIME = 2, QUEUE_SMTPUTF8 = 4,
	QUEUE_RET_FULL = 8, QUEUE_RET_HDRS = 16,
	QUEUE_BINARYMIME = 32
};
enum queue_class { QUEUE_LOCAL = 1, QUEUE_REMOTE = 2 };
enum queue_form { QUEUE_FORM_MEMFD = 1, QUEUE_FORM_FILE = 2 };

#define QUEUE_MEMFD_MAX		(256u << 10)
#define DELIVER_JOB_RCPTS	100

#endif
