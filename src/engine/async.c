/* Async calls: what the probes must know of the runtime's Task, and what is said where a call cannot be followed. */
#include "engine/engine-priv.h"

/* Where a Task has its number while the type is not loaded: the same in 8, 9 and 10 (tests/live/kinds/async). */
#define TASK_ID_AT 48u

#define FIELDS_MOST 64u

uint32_t eng_field_at(eng *g, clr_class_id type, const char *name)
{
    clr_field_offset offsets[FIELDS_MOST];
    uint32_t n = 0, size = 0;
    clr_module_id module = 0;
    uint32_t token = 0;
    if (g->info->vt->GetClassLayout(g->info, type, offsets, FIELDS_MOST, &n, &size) < 0) return 0;
    if (g->info->vt->GetClassIDInfo2(g->info, type, &module, &token, NULL, 0, NULL, NULL) < 0) return 0;
    const eng_module *m = eng_module_find(g, module);
    for (uint32_t i = 0; m && i < n && i < FIELDS_MOST; i++)
        if (!strcmp(cil_cell_string(&m->image, CIL_FIELD, CIL_RID(offsets[i].field), CIL_FIELD_NAME), name))
            return offsets[i].offset;
    return 0;
}

bool eng_async_start(eng *g, err_t *e)
{
    if (g->pending) return true;
    clr_class_id task = eng_class_of_core(g, "System.Threading.Tasks", "Task");
    uint32_t at = task ? eng_field_at(g, task, "m_taskId") : TASK_ID_AT;
    log_line(LOG_INFO, "engine", "Task %llx, its number at %u", (unsigned long long)task, at);
    if (!at) return err_set(e, ERR_REFUSED, -1, "the runtime's Task is not as it was: its number is not found");
    if (!probe_async_start(task, at, e)) return false;
    g->pending = task != 0; /* until then it is looked for again */
    return true;
}

const char *eng_async_note(const eng_module *m, uint32_t method_rid, arena *a)
{
    weave_async async;
    err_t why = {0};
    arena scratch = {0};
    bool ok = weave_async_read(&scratch, &m->image, method_rid, &async, &why);
    arena_free(&scratch);
    return ok ? NULL
              : arena_printf(a, "async, shown as its synchronous part (the call that returns the task): %s", why.text);
}
