/* client: the preconditions of attaching, each with its own message; shared by rj_attach and rj_doctor. */
#ifndef REJIT_CLIENT_ATTACH_H
#define REJIT_CLIENT_ATTACH_H

#include "base/base.h"
#include "client/proc.h"

/* It lives, and belongs to us (or we are root). */
bool attach_may_reach(arena *a, const proc_info *p, err_t *e);
bool attach_not_stopped(const proc_info *p, err_t *e);
/* The variable in its environment that disables what we need, or NULL. */
const char *attach_disabled_by(const proc_info *p);
/* The diagnostics socket; NULL with the reason why there is none. Waits a moment for a process that has just begun. */
const char *attach_port(arena *a, const proc_info *p, err_t *e);

#endif
