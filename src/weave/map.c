#include "weave/weave-priv.h"

#include <stdlib.h>

/*
 * Instructions that carry an original offset: the copies, and the first one of each piece that stands for an
 * instruction of the original.
 *
 * The runtime lets an offset belong to the last entry at or before it, and takes what stands before the first entry for
 * the method's prolog. Debuggers run through a prolog at once, so that a breakpoint on the first line lands behind the
 * probes' enter, and a loop back to that line meets it. The code behind the body has no source: a step from one
 * `return` leads to the caller and not to the line of another one.
 */
bool weave_map(const weaver *w, const uint32_t *offsets, weave_output *out)
{
    size_t n = 0;
    const cil_insn *code = w->code;
    uint32_t count = w->count;
    weave_map_entry *map = malloc((count + 1u) * sizeof *map);
    if (!map) return false;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t from = code[i].offset;
        map[n] = (weave_map_entry){from == WEAVE_SOURCELESS ? WEAVE_UNMAPPED : from, offsets[i]};
        n += from != CIL_NEW;
    }
    out->map.v = map;
    out->map.cap = count + 1u;
    out->map.n = n;
    return true;
}
