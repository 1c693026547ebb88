/* Names for instruction pointers, and what their lines of source can be found by. */
#include "engine/engine-priv.h"

#include <stdio.h>

typedef struct frame {
    eng_code code;
    eng_module *module; /* NULL: dynamic, or native */
    uint32_t token;
    buf_t name;
} frame;

static void name_dynamic(eng *g, frame *f)
{
    clr_module_id module;
    const uint8_t *sig;
    uint32_t sig_size, used = 0;
    uint16_t text[256];
    if (g->info->vt->GetDynamicFunctionInfo(g->info, f->code.function, &module, &sig, &sig_size, RJ_COUNT(text), &used,
                                            text) < 0)
        return;
    buf_str(&f->name, "<dynamic>.");
    size_t n = 0;
    while (n < used && n < RJ_COUNT(text) && text[n])
        n++;
    text_utf16_to_utf8(&f->name, text, n);
}

static void name_function(eng *g, frame *f)
{
    clr_class_id type;
    clr_module_id module;
    if (g->info->vt->GetFunctionInfo(g->info, f->code.function, &type, &module, &f->token) >= 0 && CIL_RID(f->token)) {
        eng_module *m = eng_module_find(g, module);
        if (m && eng_module_open(g, m)) {
            cil_method_name(&m->image, CIL_RID(f->token), true, &f->name);
            f->module = m;
            return;
        }
    }
    name_dynamic(g, f);
}

bool eng_pdb_id(const eng_module *m, char text[ENG_PDB_ID_TEXT], const char **name)
{
    uint8_t id[CIL_PDB_ID_SIZE];
    if (!cil_pdb_id(&m->image, id, name)) return false;
    for (size_t i = 0; i < sizeof id; i++)
        snprintf(text + 2 * i, 3, "%02x", id[i]);
    return true;
}

static void put_pdb(const eng_module *m, buf_t *reply)
{
    char text[ENG_PDB_ID_TEXT];
    const char *name;
    if (!eng_pdb_id(m, text, &name)) return;
    wire_text(reply, WIRE_T_PDB_ID, text);
    wire_text(reply, WIRE_T_PDB_NAME, name ? name : "");
}

void eng_put_source(const eng_module *m, uint32_t token, buf_t *reply)
{
    wire_u32(reply, WIRE_T_TOKEN, token);
    wire_text(reply, WIRE_T_PATH, m->path);
    put_pdb(m, reply);
}

static void put_line(eng *g, const frame *f, buf_t *reply)
{
    uint32_t il = eng_il_of(g, f->module, f->token, &f->code);
    eng_put_source(f->module, f->token, reply);
    if (il != CLR_IL_NONE) wire_u32(reply, WIRE_T_IL_OFFSET, il);
}

static void describe(eng_asked *a, uint64_t address, bool lines, buf_t *reply)
{
    frame f = {0};
    if (eng_asked_code(a, address, &f.code)) name_function(a->g, &f);
    size_t group = wire_open(reply, WIRE_T_FRAME);
    wire_u64(reply, WIRE_T_ADDRESS, address);
    wire_text(reply, WIRE_T_NAME, buf_cstr(&f.name));
    wire_text(reply, WIRE_T_MODULE, f.module ? f.module->file : "");
    if (lines && f.module) put_line(a->g, &f, reply);
    wire_close(reply, group);
    buf_free(&f.name);
}

bool eng_describe_frames(eng *g, const uint64_t *ips, uint32_t count, bool lines, buf_t *reply)
{
    eng_asked a;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t address;
        if (!probe_vouched(ips[i], &address) && ips[i] != address) return false;
    }
    pthread_mutex_lock(&g->transaction);
    eng_asked_begin(g, &a);
    for (uint32_t i = 0; i < count; i++)
        describe(&a, ips[i], lines, reply);
    eng_asked_end(&a);
    pthread_mutex_unlock(&g->transaction);
    return true;
}
