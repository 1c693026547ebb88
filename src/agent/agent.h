/*
 * agent: the part inside the target. Entry points of a CLR profiler, its callbacks, the control socket, leases, the
 * governor. Wires the rooms together.
 */
#ifndef REJIT_AGENT_H
#define REJIT_AGENT_H

#include "engine/engine.h"

/* How the agent got into the process. */
typedef enum agent_origin { AGENT_STARTED, AGENT_ATTACHED } agent_origin;

/* Makes the control thread and its socket. One of them lives in a process. */
bool agent_control_start(eng *g, agent_origin origin, err_t *e);
/* After an attach: from now on it answers, as the engine knows the modules. Those who have come before wait. */
void agent_control_serve(void);
/* Blocks until a client has opened its gates, or `most_ms` have passed: `rejit run` wants its probes in place before
 * the first method runs. */
void agent_control_wait(unsigned most_ms);
/* The process is ending: says so to the clients and removes the socket. */
void agent_control_end(void);

#endif
