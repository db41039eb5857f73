# SPDX-License-Identifier: ISC
# Simulations are units that print figures.
UNITS += queue_sim
queue_sim_SRCS = tests/sim/queue_sim.c tests/sim/sim.c queue/queue_sched.c $(queue_SITES)
queue_sim_USES = base
