/* What the agent tells of its probes: ids, names, and where in an event each value lies. */
#include "client/client-priv.h"

static const char *text(rj_session *s, const wire_field *f)
{
    const char *t = wire_get_text(&s->own, f);
    return t ? t : "";
}

static probe_value read_value(rj_session *s, wire_reader r)
{
    probe_value v = {.name = "", .type = ""};
    for (wire_field f; wire_next(&r, &f);) {
        switch (f.tag) {
        case WIRE_T_NAME: v.name = text(s, &f); break;
        case WIRE_T_TYPE_NAME: v.type = text(s, &f); break;
        case WIRE_T_WHAT: v.what = wire_get_u32(&f); break;
        case WIRE_T_HOW: v.how = wire_get_u32(&f); break;
        case WIRE_T_SLOT: v.slot = wire_get_u32(&f); break;
        case WIRE_T_ELEMENT: v.element = wire_get_u32(&f); break;
        case WIRE_T_HIDDEN: v.hidden = wire_get_u32(&f) != 0; break;
        case WIRE_T_LATE: v.late = wire_get_u32(&f) != 0; break;
        case WIRE_T_CANNOT: v.cannot = true; break;
        default: break;
        }
    }
    v.secret = v.what != 2 && secret_name(v.name, v.type);
    return v;
}

static bool read_key(rj_session *s, wire_reader r, probe_key *out)
{
    size_t count = 0;
    wire_reader again = r;
    for (wire_field f; wire_next(&again, &f);)
        count += f.tag == WIRE_T_MEMBER;
    type_member *members = arena_array(&s->own, count, sizeof *members);
    if (!members) return false;
    type_info *t = &out->type;
    *t = (type_info){.name = "", .base = "", .kind = count ? WIRE_ENUM : WIRE_SIMPLE, .members = members};
    for (wire_field f; wire_next(&r, &f);) {
        if (f.tag == WIRE_T_NAME) out->name = text(s, &f);
        if (f.tag == WIRE_T_TYPE_NAME) t->name = text(s, &f);
        if (f.tag == WIRE_T_ELEMENT) t->element = wire_get_u32(&f);
        if (f.tag == WIRE_T_MEMBER && t->member_count < count)
            members[t->member_count++] = type_member_read(&s->own, wire_group(&f));
    }
    const char *dot = out->name ? strrchr(out->name, '.') : NULL;
    out->secret = out->name && secret_name(dot ? dot + 1 : out->name, t->name);
    return true;
}

static bool read_probe(rj_session *s, wire_reader r)
{
    size_t count = 0;
    wire_reader again = r;
    for (wire_field f; wire_next(&again, &f);)
        count += f.tag == WIRE_T_VALUE;
    probe_info *p = arena_alloc(&s->own, sizeof *p);
    probe_value *values = arena_array(&s->own, count, sizeof *values);
    if (!p || !values) return false;
    *p = (probe_info){.name = "", .module = "", .note = "", .values = values};
    for (wire_field f; wire_next(&r, &f);) {
        if (f.tag == WIRE_T_ID) p->id = wire_get_u32(&f);
        if (f.tag == WIRE_T_NAME) p->name = text(s, &f);
        if (f.tag == WIRE_T_MODULE) p->module = text(s, &f);
        if (f.tag == WIRE_T_NOTE) p->note = text(s, &f);
        if (f.tag == WIRE_T_IS_CALLEE) p->is_callee = true;
        if (f.tag == WIRE_T_IS_ASYNC) p->is_async = true;
        if (f.tag == WIRE_T_PLACE_INDEX) p->place = wire_get_u32(&f);
        if (f.tag == WIRE_T_KEY && !read_key(s, wire_group(&f), &p->key)) return false;
        if (f.tag == WIRE_T_VALUE && p->value_count < count) {
            values[p->value_count] = read_value(s, wire_group(&f));
            const probe_value *v = &values[p->value_count++];
            if (v->what == 0 && !v->hidden) p->arg_count++;
        }
    }
    buf_t b = {0};
    p->secret_result = secret_name(secret_method_part(&b, p->name), NULL);
    buf_free(&b);
    const probe_info **place = VEC_PUSH(&s->order);
    if (!place) return false;
    *place = p;
    return map_put(&s->probes, p->id, p);
}

static bool read_refusal(rj_session *s, wire_reader r)
{
    rj_refusal *out = VEC_PUSH(&s->refused);
    if (!out) return false;
    *out = (rj_refusal){"", "", ""};
    for (wire_field f; wire_next(&r, &f);) {
        if (f.tag == WIRE_T_NAME) out->method = text(s, &f);
        if (f.tag == WIRE_T_MODULE) out->module = text(s, &f);
        if (f.tag == WIRE_T_REASON) out->reason = text(s, &f);
    }
    return true;
}

bool probes_read(rj_session *s, wire_reader r, size_t *added, size_t *refused)
{
    *added = *refused = 0;
    for (wire_field f; wire_next(&r, &f);) {
        if (f.tag == WIRE_T_PROBE) {
            if (!read_probe(s, wire_group(&f))) return false;
            ++*added;
        } else if (f.tag == WIRE_T_REFUSED) {
            if (!read_refusal(s, wire_group(&f))) return false;
            ++*refused;
        }
    }
    return true;
}
