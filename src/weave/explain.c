/* Whose the parts of a woven body are. */
#include "weave/weave-priv.h"

void weave_owned(weaver *w, uint32_t layer)
{
    if (!w->in->explained) return;
    if (!weave_room(w, (void **)&w->parts, w->part_count, &w->part_capacity, sizeof *w->parts)) return;
    w->parts[w->part_count++] = (weave_part){w->count, layer};
}

static uint32_t index_of(const weaver *w, uint32_t layer)
{
    return layer == WEAVE_SHARED ? layer : (uint32_t)(w->layers[layer] - w->in->layers);
}

static bool put_parts(const weaver *w, const uint32_t *offsets, weave_output *out)
{
    for (uint32_t i = 0; i < w->part_count; i++) {
        weave_part *p = VEC_PUSH(&out->parts);
        if (!p) return false;
        *p = (weave_part){offsets[w->parts[i].at], index_of(w, w->parts[i].layer)};
    }
    return true;
}

static weave_role role_of(const weaver *w, uint32_t local)
{
    if (local >= w->tok && local < w->tok + w->layer_count) return WEAVE_FRAME;
    if (local == w->exception) return WEAVE_EXCEPTION;
    if (local == w->result) return WEAVE_HELD_RESULT;
    if (!w->async) return WEAVE_TEMPORARY;
    if (local == w->completing) return WEAVE_COMPLETED;
    if (local == w->failure) return WEAVE_EXCEPTION;
    return w->builder.has_result && local == w->completion ? WEAVE_COMPLETION_VALUE : WEAVE_TEMPORARY;
}

static bool put_locals(const weaver *w, weave_output *out)
{
    for (uint32_t i = 0; i < w->local_count; i++) {
        weave_new_local *l = VEC_PUSH(&out->locals);
        if (!l) return false;
        *l = (weave_new_local){role_of(w, w->from_local_count + i), WEAVE_SHARED};
        if (l->role == WEAVE_FRAME) l->layer = index_of(w, i);
    }
    return true;
}

bool weave_explain(const weaver *w, const uint32_t *offsets, weave_output *out)
{
    return !w->in->explained || (put_parts(w, offsets, out) && put_locals(w, out));
}
