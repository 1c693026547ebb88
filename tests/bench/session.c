/* Calls of librejit that must succeed. */
#include "bench.h"

#include <string.h>

rj_session *must_attach(pid_t pid, const char *name)
{
    rj_error e;
    rj_session *s = rj_attach((int32_t)pid, &(rj_options){.name = name}, &e);
    if (!s) die("attaching to process %d: %s", (int)pid, e.text);
    return s;
}

rj_probes must_instrument(rj_session *s, const rj_request *request)
{
    rj_error e;
    rj_probes p;
    if (!rj_instrument(s, request, &p, &e)) die("instrumenting %s: %s", request->patterns[0], e.text);
    return p;
}

void must_gate(rj_session *s, bool open)
{
    rj_error e;
    if (!rj_gate(s, open, &e)) die("%s the gates: %s", open ? "opening" : "closing", e.text);
}
