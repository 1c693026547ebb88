/* client: the agent's file: where it lies, whether it is ours, and how it gets to where the target can load it. */
#ifndef REJIT_CLIENT_AGENTFILE_H
#define REJIT_CLIENT_AGENTFILE_H

#include "base/base.h"
#include "client/proc.h"

/*
 * The file: `wanted` if not NULL, $REJIT_AGENT, or beside the program or library that this code is part of. Checked to
 * be an agent of this version. ERR_UNREACHABLE with what is wrong and where was looked.
 */
const char *agentfile_find(arena *a, const char *wanted, err_t *e);
/*
 * The path under which the target finds that file. In another mount namespace a copy is made in the target's temporary
 * directory, named by version and content, under a temporary name first, so that no half a file is ever loaded.
 */
const char *agentfile_for(arena *a, const char *file, const proc_info *target, err_t *e);

#endif
