#include "weave/weave-priv.h"

/*
 * What the compilers make of an async method: the method itself fills a state machine (a nested type) and starts it;
 * AsyncStateMachineAttribute names the type. Its fields have the same names from C# (Visual Basic: `$Builder`,
 * `$State`) in Debug and Release builds.
 */

enum { SIG_FIELD = 0x06 }; /* II.23.2.4 */

static const char ASYNC_ATTRIBUTE[] = "System.Runtime.CompilerServices.AsyncStateMachineAttribute";

/* A builder's only reference is its task; that of an async void method has a synchronization context in front. */
static const struct {
    const char *name;
    bool has_result;
    uint8_t task_at;
} builders[] = {
    {"System.Runtime.CompilerServices.AsyncTaskMethodBuilder", false, 0},
    {"System.Runtime.CompilerServices.AsyncTaskMethodBuilder`1", true, 0},
    {"System.Runtime.CompilerServices.AsyncValueTaskMethodBuilder", false, 0},
    {"System.Runtime.CompilerServices.AsyncValueTaskMethodBuilder`1", true, 0},
    {"System.Runtime.CompilerServices.AsyncVoidMethodBuilder", false, 8},
};

static const char *const pooling[] = {
    "System.Runtime.CompilerServices.PoolingAsyncValueTaskMethodBuilder",
    "System.Runtime.CompilerServices.PoolingAsyncValueTaskMethodBuilder`1",
};

bool weave_is_builder_field(const char *name)
{
    return !strcmp(name, "<>t__builder") || !strcmp(name, "$Builder");
}

bool weave_is_state_field(const char *name)
{
    return !strcmp(name, "<>1__state") || !strcmp(name, "$State");
}

static uint32_t builder_field(const cil_image *image, uint32_t type_rid)
{
    cil_range r = cil_list(image, CIL_TYPE_DEF, type_rid, CIL_TYPE_DEF_FIELDS, CIL_FIELD);
    for (uint32_t at = r.first; at < r.end; at++) {
        uint32_t rid = cil_list_item(image, CIL_FIELD, at);
        if (weave_is_builder_field(cil_cell_string(image, CIL_FIELD, rid, CIL_FIELD_NAME))) return rid;
    }
    return 0;
}

static bool refuse_builder(const cil_image *image, cil_token open, err_t *e)
{
    for (size_t i = 0; i < RJ_COUNT(pooling); i++)
        if (weave_is_core_type(image, open, pooling[i]))
            return err_set(
                e, ERR_REFUSED, -1,
                "its value task is pooled (PoolingAsyncValueTaskMethodBuilder): nothing tells one call's from "
                "the next one's");
    return err_set(e, ERR_REFUSED, -1, "its builder is not one of the runtime's own");
}

bool weave_builder_read(const cil_image *image, uint32_t type_rid, weave_builder *out, err_t *e)
{
    uint32_t field = builder_field(image, type_rid);
    cil_blob sig = cil_cell_blob(image, CIL_FIELD, field, CIL_FIELD_SIG);
    cil_type t, result;
    *out = (weave_builder){0};
    if (!field || sig.n < 2 || sig.p[0] != SIG_FIELD || !cil_type_read((cil_blob){sig.p + 1, sig.n - 1}, &t) || t.byref)
        return err_set(e, ERR_REFUSED, -1, "its state machine has no builder");
    out->type = t.bare;
    out->open = t.token;
    if (t.element != CIL_E_VALUETYPE && t.element != CIL_E_GENERICINST) return refuse_builder(image, 0, e);
    for (size_t i = 0; i < RJ_COUNT(builders) && !out->name; i++) {
        if (builders[i].has_result != (t.element == CIL_E_GENERICINST)) continue;
        if (!weave_is_core_type(image, t.token, builders[i].name)) continue;
        out->name = builders[i].name;
        out->has_result = builders[i].has_result;
        out->task_at = builders[i].task_at;
    }
    if (!out->name) return refuse_builder(image, t.token, e);
    if (!out->has_result) return true;
    if (!cil_type_read(t.args, &result)) return err_set(e, ERR_FORMAT, -1, "malformed type of the builder");
    out->result = result.whole;
    return true;
}

/* ---- from the method to its state machine ---- */

/* The last part of a type's name as attributes have it: behind the last plus, without what follows a comma. */
static bool last_part(cil_blob text, char *out, size_t size)
{
    size_t n = 0;
    for (uint32_t i = 0; i < text.n && text.p[i] != ','; i++) {
        bool escaped = text.p[i] == '\\' && i + 1 < text.n;
        if (!escaped && text.p[i] == '+') {
            n = 0;
            continue;
        }
        if (n + 1 >= size) return false;
        out[n++] = (char)text.p[escaped ? ++i : i];
    }
    out[n] = 0;
    return n != 0;
}

static uint32_t nested_by_name(const cil_image *image, uint32_t owner, const char *name)
{
    for (uint32_t i = 1; i <= image->rows[CIL_NESTED_CLASS]; i++) {
        if (cil_cell(image, CIL_NESTED_CLASS, i, CIL_NESTED_CLASS_ENCLOSING) != owner) continue;
        uint32_t rid = cil_cell(image, CIL_NESTED_CLASS, i, CIL_NESTED_CLASS_NESTED);
        if (!strcmp(cil_cell_string(image, CIL_TYPE_DEF, rid, CIL_TYPE_DEF_NAME), name)) return rid;
    }
    return 0;
}

static uint32_t move_next_of(const cil_image *image, uint32_t type_rid)
{
    cil_range r = cil_list(image, CIL_TYPE_DEF, type_rid, CIL_TYPE_DEF_METHODS, CIL_METHOD_DEF);
    for (uint32_t at = r.first; at < r.end; at++) {
        uint32_t rid = cil_list_item(image, CIL_METHOD_DEF, at);
        if (!strcmp(cil_cell_string(image, CIL_METHOD_DEF, rid, CIL_METHOD_DEF_NAME), "MoveNext")) return rid;
    }
    return 0;
}

bool weave_async_read(arena *scratch, const cil_image *image, uint32_t method_rid, weave_async *out, err_t *e)
{
    (void)scratch;
    *out = (weave_async){0};
    cil_blob value = cil_attribute(image, CIL_TOKEN(CIL_METHOD_DEF, method_rid), ASYNC_ATTRIBUTE);
    char name[1024];
    uint32_t size = 0;
    if (value.n < 3) return true;
    out->is_async = true;
    cil_blob text = {value.p + 2, value.n - 2}; /* behind the prolog */
    uint32_t head = cil_read_compressed(text, &size);
    if (!head || size > text.n - head || !last_part((cil_blob){text.p + head, size}, name, sizeof name))
        return err_set(e, ERR_REFUSED, -1, "its AsyncStateMachineAttribute names no type");
    uint32_t type = nested_by_name(image, cil_method_owner(image, method_rid), name);
    out->move_next = type ? move_next_of(image, type) : 0;
    if (!out->move_next) return err_set(e, ERR_REFUSED, -1, "its state machine %s is not there", name);
    weave_builder b;
    if (!weave_builder_read(image, type, &b, e)) return false;
    out->task_at = b.task_at;
    out->has_result = b.has_result;
    return true;
}
