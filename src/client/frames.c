/* Names and places for instruction pointers, asked for once each. */
#include "client/client-priv.h"

#include <stdio.h>

#define ASK_MOST 4096u

const char frames_native[] = "[native]";

static const char *text_of(arena *a, const wire_field *f)
{
    const char *text = wire_get_text(a, f);
    return text ? text : "";
}

uint64_t frame_read(arena *a, wire_reader r, const char **name, frame_code *c)
{
    uint64_t address = 0;
    *name = "";
    *c = (frame_code){.module = "", .path = "", .pdb_id = "", .pdb_name = "", .offset = UINT32_MAX};
    for (wire_field f; wire_next(&r, &f);) {
        switch (f.tag) {
        case WIRE_T_ADDRESS: address = wire_get_u64(&f); break;
        case WIRE_T_NAME: *name = text_of(a, &f); break;
        case WIRE_T_MODULE: c->module = text_of(a, &f); break;
        case WIRE_T_PATH: c->path = text_of(a, &f); break;
        case WIRE_T_PDB_ID: c->pdb_id = text_of(a, &f); break;
        case WIRE_T_PDB_NAME: c->pdb_name = text_of(a, &f); break;
        case WIRE_T_TOKEN: c->token = wire_get_u32(&f); break;
        case WIRE_T_IL_OFFSET: c->offset = wire_get_u32(&f); break;
        default: break;
        }
    }
    return address;
}

static rj_place place_of(rj_session *s, const frame_code *c)
{
    static const rj_place nowhere = {.file = ""};
    if (!s->wanted.lines || !*c->module) return nowhere;
    if (c->token) return lines_find(s, c);
    lines_refuse(s, "the agent in the process is of an earlier version, which does not tell where in a method a frame "
                    "stands: frames have no lines until the process is started anew");
    return nowhere;
}

static bool keep(rj_session *s, uint64_t address, const char *name, rj_place place)
{
    frame_info *info = arena_alloc(&s->own, sizeof *info);
    if (!info) return false;
    *info = (frame_info){name == frames_native ? name : arena_strdup(&s->own, name), place};
    return info->name && map_put(&s->frames, address, info);
}

static void take_frame(rj_session *s, wire_reader r)
{
    arena a = {0};
    const char *name;
    frame_code code;
    uint64_t address = frame_read(&a, r, &name, &code);
    if (*name) keep(s, address, name, place_of(s, &code));
    arena_free(&a);
}

static void ask(rj_session *s, const uint64_t *ips, size_t n)
{
    buf_t b = {0};
    wire_reader r;
    session_begin(s, &b, WIRE_FRAMES);
    if (s->wanted.lines) wire_u32(&b, WIRE_T_WANT, WIRE_WANT_LINES);
    for (size_t i = 0; i < n; i++)
        if (!map_get(&s->frames, ips[i])) wire_u64(&b, WIRE_T_ADDRESS, ips[i]);
    if (!session_ask(s, &b, WIRE_FRAMES_REPLY, &r, NULL)) return;
    for (wire_field f; wire_next(&r, &f);)
        if (f.tag == WIRE_T_FRAME) take_frame(s, wire_group(&f));
}

void frames_describe(rj_session *s, const uint64_t *ips, size_t n, const char **names, rj_place *places)
{
    bool missing = false;
    for (size_t i = 0; i < n; i++)
        missing |= !map_get(&s->frames, ips[i]);
    if (missing && n <= ASK_MOST) ask(s, ips, n);
    for (size_t i = 0; i < n; i++) {
        const frame_info *info = map_get(&s->frames, ips[i]);
        names[i] = info ? info->name : frames_native;
        if (places) places[i] = info ? info->place : (rj_place){.file = ""};
        if (!info) keep(s, ips[i], frames_native, (rj_place){.file = ""});
    }
}
