/* The process's memory, as the kernel lists it. */
#include "engine/engine-priv.h"

#include <stdio.h>
#include <stdlib.h>

/* A line is "start-end rwxp offset device inode    path". */
bool eng_maps(eng_mapped *f, void *owner)
{
    char line[4200];
    FILE *maps = fopen("/proc/self/maps", "re");
    bool more = maps != NULL;
    while (more && fgets(line, sizeof line, maps)) {
        char *at = line;
        uintptr_t start = strtoul(at, &at, 16), end = *at == '-' ? strtoul(at + 1, &at, 16) : 0;
        if (strlen(at) < 5) continue;
        more = f(owner, &(eng_range){start, end}, at + 1, strpbrk(at, "/["));
    }
    if (maps) fclose(maps);
    return maps != NULL;
}
