/* SPDX-License-Identifier: ISC */
#include "queue/queue_state.h"

#include "lib/base/cc.h"
#include "lib/base/must.h"

const struct queue_state_row queue_state_rows[] = {
	{ QUEUE_S1_OPEN, "open",
	    "nothing; the file of a large message has no name",
	    "nothing is left: not acknowledged" },
	{ QUEUE_S2_DIRECT, "direct",
	    "nothing in the spool; the store may hold some copies",
	    "nothing is left: not acknowledged, the client sends it again" },
	{ QUEUE_S3_DELIVERED, "delivered",
	    "nothing in the spool; the store holds every copy",
	    "nothing to do" },
	{ QUEUE_S4_WRITING, "writing",
	    "a part of a MESSAGE record, or all of it, not yet synced",
	    "a part is cut off; a whole record is taken as stored" },
	{ QUEUE_S5_STORED, "stored",
	    "a MESSAGE record, synced: acknowledged",
	    "every recipient is tried at once" },
	{ QUEUE_S6_TRIED, "tried",
	    "the MESSAGE record and RESULT records, the newest maybe not synced",
	    "the newest whole RESULT counts; what a lost one said is tried again" },
	{ QUEUE_S7_FINISHING, "finishing",
	    "as stored or tried; a DONE record maybe not synced",
	    "without the DONE record as tried: local copies are known to the store" },
	{ QUEUE_S8_REMOVED, "removed",
	    "the DONE record, synced, until the segment with the message is gone",
	    "the message is not taken; the store is told to forget it" },
	{ QUEUE_S9_ASIDE, "aside",
	    "a copy of the damaged bytes in corrupt-SEGMENT-OFFSET",
	    "the copy stays for the operator; the rest of the segment is used" },
};
const size_t queue_state_rows_count = lengthof(queue_state_rows);

const struct queue_state_step queue_state_steps[] = {
	{ QUEUE_S1_OPEN, QUEUE_S1_OPEN, "open", "a transaction was begun" },
	{ QUEUE_S1_OPEN, QUEUE_S2_DIRECT, "direct", "all jobs were given to deliver" },
	{ QUEUE_S1_OPEN, QUEUE_S4_WRITING, "accept", "the message was given to the writer" },
	{ QUEUE_S2_DIRECT, QUEUE_S3_DELIVERED, "delivered", "the 250 was sent for the direct path" },
	{ QUEUE_S2_DIRECT, QUEUE_S4_WRITING, "spool", "the direct path failed or took too long" },
	{ QUEUE_S4_WRITING, QUEUE_S4_WRITING, "written", "the MESSAGE record was written, not synced" },
	{ QUEUE_S4_WRITING, QUEUE_S4_WRITING, "synced", "the MESSAGE record was synced, not acknowledged" },
	{ QUEUE_S4_WRITING, QUEUE_S5_STORED, "stored", "the 250 was sent for the spooled message" },
	{ QUEUE_S5_STORED, QUEUE_S6_TRIED, "tried", "a RESULT record was given to the writer" },
	{ QUEUE_S6_TRIED, QUEUE_S6_TRIED, "retried", "one more RESULT record was given to the writer" },
	{ QUEUE_S5_STORED, QUEUE_S7_FINISHING, "finish", "all recipients are done, no DONE record yet" },
	{ QUEUE_S6_TRIED, QUEUE_S7_FINISHING, "finish-tried", "the same after a RESULT record" },
	{ QUEUE_S7_FINISHING, QUEUE_S8_REMOVED, "removed", "the DONE record is durable, the store not told" },
	{ QUEUE_S5_STORED, QUEUE_S9_ASIDE, "aside", "a damaged record is copied aside" },
	{ QUEUE_S6_TRIED, QUEUE_S9_ASIDE, "aside-tried", "the same after a RESULT record" },
	{ QUEUE_S9_ASIDE, QUEUE_S7_FINISHING, "aside-copied", "the copy is durable, no DONE record yet" },
	{ 0, 0, "segment", "a new segment was made, its directory entry not synced" },
	{ 0, 0, "segment-synced", "the directory entry of a new segment was synced" },
	{ 0, 0, "segment-index", "the index of a full segment was written, not synced" },
	{ 0, 0, "compact", "live records were copied and synced, the old segment is there" },
	{ 0, 0, "unlink", "a segment was unlinked, the directory not synced" },
	{ 0, 0, "recover", "the spool was read, a torn end cut off" },
	{ 0, 0, "forget", "the store was told to forget completed messages" },
	{ 0, 0, "table-begun", "the temporary file of a lookup table was made" },
	{ 0, 0, "table-made", "the new lookup table is synced, the old one has the name" },
	{ 0, 0, "table-named", "the new lookup table has the name, the old one is open" },
};
const size_t queue_state_steps_count = lengthof(queue_state_steps);

const struct queue_state_row *
queue_state_find(enum queue_state state)
{
	size_t i;

	for (i = 0; i < queue_state_rows_count; i++)
		if (queue_state_rows[i].state == state)
			return &queue_state_rows[i];
	return NULL;
}

bool
queue_state_may(enum queue_state from, enum queue_state to)
{
	size_t i;

	for (i = 0; i < queue_state_steps_count; i++)
		if (queue_state_steps[i].from != 0 && queue_state_steps[i].from == from &&
		    queue_state_steps[i].to == to)
			return true;
	return false;
}

void
queue_state_move(enum queue_state *state, enum queue_state to)
{
	must(queue_state_may(*state, to));
	*state = to;
}
