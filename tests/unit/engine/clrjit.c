/* A library that is called like the JIT and stands in for it: it asks what a JIT asks, and keeps what it was answered.
 */
#include "clrjit.h"

#include <stddef.h>

static stand_in the;

static int32_t compile(clr_jit_compiler *self, clr_jit_ee *ee, clr_jit_method *m, uint32_t flags, uint8_t **entry,
                       uint32_t *size)
{
    (void)self, (void)flags;
    the.compiles++;
    if (the.during) the.during();
    the.method = *m;
    for (uint32_t i = 0; i < m->eh_count && i < STAND_IN_EH; i++)
        ((clr_jit_get_eh *)ee->vt[the.jit->slot[CLR_JIT_GET_EH_INFO]])(ee, m->method, i, &the.eh[i]);
    the.token = (clr_jit_token){.scope = m->scope, .token = the.ask_token};
    if (the.ask_token) ((clr_jit_resolve_token *)ee->vt[the.jit->slot[CLR_JIT_RESOLVE_TOKEN]])(ee, &the.token);
    if (the.ask_sig)
        ((clr_jit_find_sig *)ee->vt[the.jit->slot[CLR_JIT_FIND_SIG]])(ee, m->scope, the.ask_sig, 0, &the.sig);
    the.inlined = ((clr_jit_can_inline *)ee->vt[the.jit->slot[CLR_JIT_CAN_INLINE]])(ee, m->method, 77);
    *entry = (uint8_t *)(uintptr_t)m->il;
    *size = m->il_size;
    return m->il == the.refused ? (int32_t)0x80000001 : CLR_JIT_OK;
}

static void shutdown(void)
{
}

static void version(clr_jit_compiler *self, clr_guid *out)
{
    (void)self;
    *out = the.guid;
}

static const clr_jit_slot slots[2 + CLR_JIT_COMPILER_SLOTS] = {
    NULL, NULL, (clr_jit_slot)compile, shutdown, (clr_jit_slot)version, shutdown};
static clr_jit_compiler compiler = {slots + 2};

__attribute__((visibility("default"))) clr_jit_compiler *getJit(void)
{
    return &compiler;
}

__attribute__((visibility("default"))) stand_in *the_stand_in(void)
{
    return &the;
}
