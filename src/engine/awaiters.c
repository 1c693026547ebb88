/*
 * Stacks that go on with who awaits: all state machines whose box is a Task go on by one method of the core library,
 * which gets a layer of its own for a client that wants such stacks.
 */
#include "engine/engine-priv.h"

/* AsyncTaskMethodBuilder<T>+AsyncStateMachineBox<S>.MoveNext(Thread) */
static uint32_t resuming_method(const cil_image *im)
{
    uint32_t outer = eng_type_named(im, "System.Runtime.CompilerServices", "AsyncTaskMethodBuilder`1");
    for (uint32_t type = 1; outer && type <= im->rows[CIL_TYPE_DEF]; type++) {
        if (strcmp(cil_cell_string(im, CIL_TYPE_DEF, type, CIL_TYPE_DEF_NAME), "AsyncStateMachineBox`1") != 0 ||
            cil_enclosing(im, type) != outer)
            continue;
        cil_range methods = cil_list(im, CIL_TYPE_DEF, type, CIL_TYPE_DEF_METHODS, CIL_METHOD_DEF);
        for (uint32_t rid = methods.first; rid < methods.end; rid++) {
            cil_blob sig = cil_cell_blob(im, CIL_METHOD_DEF, rid, CIL_METHOD_DEF_SIG);
            bool one = sig.n > 1 && sig.p[1] == 1; /* the other one has no parameter */
            if (one && strcmp(cil_cell_string(im, CIL_METHOD_DEF, rid, CIL_METHOD_DEF_NAME), "MoveNext") == 0)
                return rid;
        }
    }
    return 0;
}

bool eng_awaiters_start(eng *g, eng_target *out, err_t *e)
{
    /* Types that the runtime has loaded before any program: asking for another one would end the process. */
    clr_class_id task = eng_class_of_core(g, "System.Threading.Tasks", "Task");
    probe_tasks known = {.task = task, .delegate = eng_class_of_core(g, "System", "MulticastDelegate")};
    known.continuation_at = task ? eng_field_at(g, task, "m_continuationObject") : 0;
    eng_module *core = eng_module_of_assembly(g, "System.Private.CoreLib");
    *out = (eng_target){.module = core, .resumes = true};
    if (core && eng_module_open(g, core)) out->rid = resuming_method(&core->image);
    if (!out->rid || !known.continuation_at || !known.delegate)
        return err_set(e, ERR_REFUSED, -1,
                       "this runtime's tasks are not as they were: who awaits cannot be told; leave --async out");
    probe_awaiters_start(&known);
    return true;
}
