#include "query/query-priv.h"

/* Source generators write explicit implementations as Type.global::Ns.Interface.Method. */
static bool global_colon(const query_source *s, uint32_t at)
{
    static const char word[] = ".global::";
    for (uint32_t n = sizeof word - 3; n < sizeof word - 1; n++) {
        if (at >= n && memcmp(s->text + at - n, word, n + 1) == 0) return true;
    }
    return false;
}

/* What the name may not hold, and what to write instead. */
static bool stray(const query_source *s, uint32_t at)
{
    unsigned char c = (unsigned char)s->text[at];
    switch (c) {
    case ' ': return query_error(s->e, at, "a space in a name; remove it, or write ? where the name really has one");
    case '/': return query_error(s->e, at, "'/' in a name; write a nested type as Outer+Inner");
    case ':': return global_colon(s, at) || query_error(s->e, at, "':' in a name; write Namespace.Type.Method");
    case ',': return query_error(s->e, at, "',' outside of a list; give each pattern as an argument of its own");
    case ')': return query_error(s->e, at, "')' has no '('; write Type.Method(int,string)");
    case '>': return query_error(s->e, at, "'>' has no '<'; write List<T>.Add");
    case '[':
    case ']': return query_error(s->e, at, "'%c' in a name; arrays stand in the parameter list: Type.Method(int[])", c);
    case '!': return query_error(s->e, at, "a second '!'; write Assembly!Type.Method");
    default: break;
    }
    if (c < ' ' || c == 0x7F) return query_error(s->e, at, "a control character (0x%02x); remove it", c);
    if (strchr("&\\\";", c))
        return query_error(s->e, at, "'%c' cannot stand in a name; write Namespace.Type.Method", c);
    return true;
}

/* Finds where the name ends: at `(` or at the end of the text. */
static bool name_end(query_source *s, uint32_t *end)
{
    const char *paren = memchr(s->text + s->at, '(', s->end - s->at);
    *end = paren ? (uint32_t)(paren - s->text) : s->end;
    while (*end > s->at && s->text[*end - 1] == ' ')
        --*end;
    uint32_t opened[QUERY_DEPTH_MOST], depth = 0;
    for (uint32_t i = s->at; i < *end; i++) {
        char c = s->text[i];
        if (c == '<') {
            if (depth == QUERY_DEPTH_MOST)
                return query_error(s->e, i, "more than %u angle brackets are open", QUERY_DEPTH_MOST);
            opened[depth++] = i;
        } else if (c == '>' && depth) {
            depth--;
        } else if (!depth || !strchr(", []", c)) {
            if (!stray(s, i)) return false;
        }
    }
    if (depth) return query_error(s->e, opened[depth - 1], "'<' is never closed; write List<T>.Add");
    return true;
}

static void trim(query_source *s)
{
    while (s->at < s->end && (s->text[s->at] == ' ' || s->text[s->at] == '\t'))
        s->at++;
    while (s->end > s->at && (s->text[s->end - 1] == ' ' || s->text[s->end - 1] == '\t'))
        s->end--;
}

static bool parse_assembly(query_source *s, query_pattern *p)
{
    uint32_t bang = s->at;
    while (bang < s->end && s->text[bang] != '!' && s->text[bang] != '(')
        bang++;
    if (bang == s->end || s->text[bang] != '!') return true;
    if (bang == s->at)
        return query_error(s->e, bang, "the assembly's name is missing before '!'; write Assembly!Type.Method");
    for (uint32_t i = s->at; i < bang; i++) {
        if (s->text[i] != ' ' && !stray(s, i)) return false;
    }
    size_t n = bang - s->at;
    const char *name = s->text + s->at;
    while (n && name[n - 1] == ' ')
        n--;
    if (n > 4 && (memcmp(name + n - 4, ".dll", 4) == 0 || memcmp(name + n - 4, ".exe", 4) == 0)) n -= 4;
    p->has_assembly = true;
    s->at = bang + 1;
    trim(s);
    if (s->at == s->end)
        return query_error(s->e, s->at, "nothing follows '!'; write %.*s!* for all of its methods", (int)n, name);
    if (!glob_compile(s->a, name, n, &p->assembly, NULL)) return err_set(s->e, ERR_MEMORY, -1, "out of memory");
    return true;
}

/* The angle brackets at `from` as a list of types; false where they are no such list (a compiler's name such as
 * <Main>$). */
static bool group_types(query_source *s, uint32_t from, uint32_t end, query_group *g)
{
    err_t quiet;
    query_source inner = {.a = s->a, .text = s->text, .at = from + 1, .end = end, .e = &quiet};
    if (!query_types_parse(&inner, '>', QUERY_CLR_NAMES, &g->types, &g->count) || inner.at != end) return false;
    g->any = g->count == 1 && g->types[0].star && memchr(s->text + from, '*', end - from);
    return true;
}

/* `1 and ``1: one past the digits; 0 where there are none. */
static uint32_t arity_end(const query_source *s, uint32_t from, uint32_t end, uint32_t *count)
{
    uint32_t i = from;
    while (i < end && s->text[i] == '`' && i < from + 2)
        i++;
    uint32_t digits = i;
    *count = 0;
    for (; i < end && s->text[i] >= '0' && s->text[i] <= '9' && i < digits + 4; i++) {
        *count = *count * 10 + (uint32_t)(s->text[i] - '0');
    }
    return i == digits ? 0 : i;
}

static bool parse_groups(query_source *s, query_pattern *p, uint32_t end, const uint32_t *places)
{
    uint32_t most = 0;
    for (uint32_t i = s->at; i < end; i++)
        most += s->text[i] == '<' || s->text[i] == '`';
    p->opens = arena_array(s->a, p->name.words, sizeof *p->opens);
    p->groups = arena_array(s->a, most + 1, sizeof *p->groups);
    if (!p->opens || !p->groups) return err_set(s->e, ERR_MEMORY, -1, "out of memory");
    uint32_t behind = s->at; /* only outermost brackets, but those inside a compiler's name are not looked into */
    for (uint32_t i = s->at; i < end; i++) {
        query_group *g = &p->groups[p->group_count];
        uint32_t after = 0;
        if (i < behind) continue;
        if (s->text[i] == '<') {
            after = (uint32_t)query_angle_end(s->text, end, i);
            behind = after;
            if (!group_types(s, i, after, g)) continue;
        } else if (s->text[i] == '`') {
            after = arity_end(s, i, end, &g->count);
        }
        if (!after) continue;
        g->at = places[i - s->at];
        g->after = places[after - s->at];
        p->opens[g->at / 64] |= UINT64_C(1) << (g->at % 64);
        p->group_count++;
        behind = after;
    }
    return true;
}

/* Copies the name without wildcards and generic parts; *dot is where its last dot stands in the copy. */
static void plain_name(const query_source *s, query_pattern *p, uint32_t end, char *plain, size_t *dot)
{
    size_t n = 0;
    for (uint32_t i = s->at; i < end; i++) {
        char c = s->text[i], before = i > s->at ? s->text[i - 1] : '.';
        uint32_t arity;
        if (c == '<') {
            uint32_t after = (uint32_t)query_angle_end(s->text, end, i);
            bool compilers = before == '.' || before == '+'; /* <Main>$ */
            if (compilers) memcpy(plain + n, s->text + i, after - i);
            if (compilers) n += after - i;
            i = after - 1;
        } else if (c == '`' && arity_end(s, i, end, &arity)) {
            i = arity_end(s, i, end, &arity) - 1;
        } else if (c == '*' || c == '?') {
            p->type_open |= *dot == SIZE_MAX;
        } else {
            if (c == '.' && before != '.') *dot = n; /* Type..ctor: the first of the two */
            plain[n++] = c;
        }
    }
}

static bool plain_parts(query_source *s, query_pattern *p, uint32_t end)
{
    char *plain = arena_alloc(s->a, end - s->at + 1);
    if (!plain) return err_set(s->e, ERR_MEMORY, -1, "out of memory");
    size_t dot = SIZE_MAX;
    plain_name(s, p, end, plain, &dot);
    p->dotted = dot != SIZE_MAX;
    p->plain_type = p->dotted ? arena_strndup(s->a, plain, dot) : "";
    if (!p->plain_type) return err_set(s->e, ERR_MEMORY, -1, "out of memory");
    p->plain = plain;
    p->plain_method = p->dotted ? plain + dot + 1 : plain;
    p->type_open |= p->dotted && !strchr(p->plain_type, '.');
    return true;
}

static bool too_long(err_t *e, uint32_t at)
{
    return query_error(e, at, "the pattern is longer than %u bytes; write * in place of a part of it", QUERY_TEXT_MOST);
}

/* int.Parse is Int32.Parse: the name alone, with a type's keyword replaced. */
static bool name_alone(const query_source *s, uint32_t end, query_source *name)
{
    *name = *s;
    name->end = end;
    const char *from = s->text + s->at, *dot = memchr(from, '.', end - s->at);
    const char *clr = dot ? query_clr_name(from, (size_t)(dot - from)) : NULL;
    if (!clr) return true;
    name->text = arena_printf(s->a, "%s%.*s", clr, (int)(s->text + end - dot), dot);
    if (!name->text) return err_set(s->e, ERR_MEMORY, -1, "out of memory");
    name->at = 0;
    name->end = (uint32_t)strlen(name->text);
    return name->end <= QUERY_TEXT_MOST || too_long(s->e, end);
}

static bool parse_name(query_source *s, query_pattern *p)
{
    uint32_t end;
    query_source name;
    if (!name_end(s, &end)) return false;
    if (end == s->at) return query_error(s->e, end, "a method's name is missing; write Namespace.Type.Method");
    char last = s->text[end - 1];
    if (last == '.' || last == '+') {
        return query_error(s->e, end - 1, "nothing follows '%c'; write %.*s* for everything in it", last,
                           (int)(end - s->at), s->text + s->at);
    }
    if (!name_alone(s, end, &name)) return false;
    size_t n = name.end - name.at;
    uint32_t *places = arena_array(s->a, n + 1, sizeof *places);
    if (!places || !glob_compile(s->a, name.text + name.at, n, &p->name, places)) {
        return err_set(s->e, ERR_MEMORY, -1, "out of memory");
    }
    if (!parse_groups(&name, p, name.end, places) || !plain_parts(&name, p, name.end)) return false;
    s->at = end;
    trim(s);
    return true;
}

static bool parse_params(query_source *s, query_pattern *p)
{
    if (s->at == s->end) return true;
    s->at++; /* the `(` that ended the name */
    if (!query_types_parse(s, ')', QUERY_KEYWORDS, &p->params, &p->param_count)) return false;
    trim(s);
    if (s->at != s->end) {
        return query_error(s->e, s->at, "'%c' behind ')'; the pattern ends with its parameter list",
                           query_shown(s->text[s->at]));
    }
    p->has_params = true;
    return true;
}

query_pattern *query_pattern_parse(arena *a, const char *text, err_t *e)
{
    size_t n = strnlen(text, QUERY_TEXT_MOST + 1);
    if (n > QUERY_TEXT_MOST) {
        too_long(e, QUERY_TEXT_MOST);
        return NULL;
    }
    query_source s = {.a = a, .text = text, .end = (uint32_t)n, .e = e};
    query_pattern *p = arena_alloc(a, sizeof *p);
    if (!p) {
        err_set(e, ERR_MEMORY, -1, "out of memory");
        return NULL;
    }
    trim(&s);
    if (s.at == s.end) {
        query_error(e, 0, "the pattern is empty; write Namespace.Type.Method, or * for every method");
        return NULL;
    }
    return parse_assembly(&s, p) && parse_name(&s, p) && parse_params(&s, p) ? p : NULL;
}

bool query_pattern_assembly(const query_pattern *p, const char *assembly_name)
{
    return !p->has_assembly || glob_matches(&p->assembly, assembly_name, strlen(assembly_name));
}
