/* Conditions: text to tree. Nothing is known of the method yet. */
#include "query/query-priv.h"

typedef struct parser {
    query_source s;
    uint32_t depth, nodes;
} parser;

/* One side of a comparison. */
typedef struct operand {
    uint32_t column;
    bool is_name, is_argument; /* an identifier; one that began with `args.` or `locals.` */
    const char *name;
    const uint32_t *columns; /* of each byte of the name */
    query_node literal;
} operand;

static char peek(const parser *p, uint32_t ahead)
{
    return p->s.at + ahead < p->s.end ? p->s.text[p->s.at + ahead] : 0;
}

static void skip_space(parser *p)
{
    while (peek(p, 0) && strchr(" \t\r\n", peek(p, 0)))
        p->s.at++;
}

static bool take(parser *p, const char *word)
{
    skip_space(p);
    size_t n = strlen(word);
    if (p->s.end - p->s.at < n || memcmp(p->s.text + p->s.at, word, n) != 0) return false;
    p->s.at += (uint32_t)n;
    return true;
}

static query_node *node_new(parser *p, query_node_kind kind, uint32_t column)
{
    if (++p->nodes > QUERY_NODES_MOST) {
        query_error(p->s.e, column, "the condition has more than %u parts; make it simpler", QUERY_NODES_MOST);
        return NULL;
    }
    query_node *n = arena_alloc(p->s.a, sizeof *n);
    if (!n) {
        err_set(p->s.e, ERR_MEMORY, -1, "out of memory");
        return NULL;
    }
    n->kind = kind;
    n->column = column;
    return n;
}

/* ---- operands --------------------------------------------------------------------------------------------------- */

/* `true`, `false`, `null` */
static bool word_literal(const char *name, query_node *literal)
{
    literal->is_bool = strcmp(name, "true") == 0 || strcmp(name, "false") == 0;
    literal->value_kind = literal->is_bool ? QUERY_INT : QUERY_NULL;
    literal->i = literal->is_bool && name[0] == 't';
    return literal->is_bool || strcmp(name, "null") == 0;
}

/* A name under construction, with the column of each byte. */
typedef struct spelled {
    char text[QUERY_TEXT_MOST + 1];
    uint32_t columns[QUERY_TEXT_MOST + 1], n;
} spelled;

static void spell(parser *p, spelled *s)
{
    s->columns[s->n] = p->s.at;
    s->text[s->n++] = p->s.text[p->s.at++];
}

static bool parse_word(parser *p, spelled *s)
{
    if (peek(p, 0) == '@') p->s.at++;
    char first = peek(p, 0);
    if (!query_name_char(first) || (first >= '0' && first <= '9'))
        return query_error(p->s.e, p->s.at, "a name is missing behind '%c'", query_shown(p->s.text[p->s.at - 1]));
    while (query_name_char(peek(p, 0)))
        spell(p, s);
    return true;
}

/* [12], [-1], ["key"]; what it means is seen when it is bound. */
static bool parse_index(parser *p, spelled *s)
{
    uint32_t open = p->s.at;
    query_node index = {.kind = QUERY_COMPARE};
    spell(p, s);
    query_source inside = p->s;
    if (query_literal_begins(&inside) && !query_literal_parse(&inside, &index)) return false;
    const bool is_key =
        index.value_kind == QUERY_TEXT || index.value_kind == QUERY_INT || index.value_kind == QUERY_UINT;
    if (!is_key || index.is_time || inside.at >= inside.end || inside.text[inside.at] != ']')
        return query_error(p->s.e, open, "an index is a whole number or a text; write items[0] or map[\"key\"]");
    while (p->s.at <= inside.at)
        spell(p, s);
    return true;
}

/* Ns.Color.Red, args.order.Lines[0]?.Price, @class */
static bool parse_name(parser *p, operand *o)
{
    spelled s = {.n = 0};
    if (!parse_word(p, &s)) return false;
    for (;;) {
        if (peek(p, 0) == '?' && (peek(p, 1) == '.' || peek(p, 1) == '['))
            p->s.at++; /* what is null has null members */
        if (peek(p, 0) == '[') {
            if (!parse_index(p, &s)) return false;
        } else if (peek(p, 0) == '.') {
            spell(p, &s);
            if (!parse_word(p, &s)) return false;
        } else {
            break;
        }
    }
    s.text[s.n] = 0;
    const uint32_t skip = strncmp(s.text, "args.", 5) == 0 ? 5 : strncmp(s.text, "locals.", 7) == 0 ? 7 : 0;
    o->is_argument = skip;
    o->name = arena_strdup(p->s.a, s.text + skip);
    o->columns = arena_copy(p->s.a, s.columns + skip, (s.n - skip) * sizeof *s.columns);
    if (!o->name || !o->columns) return err_set(p->s.e, ERR_MEMORY, -1, "out of memory");
    o->is_name = o->is_argument || !word_literal(o->name, &o->literal);
    return true;
}

static bool parse_operand(parser *p, operand *o)
{
    skip_space(p);
    *o = (operand){.column = p->s.at};
    if (query_literal_begins(&p->s)) return query_literal_parse(&p->s, &o->literal);
    char c = peek(p, 0);
    if (query_name_char(c) || c == '@') return parse_name(p, o);
    if (!c) return query_error(p->s.e, p->s.at, "an argument or a literal is missing at the end; write n > 100");
    if (c == '(') return query_error(p->s.e, p->s.at, "parentheses hold whole comparisons; write (n > 100)");
    return query_error(p->s.e, p->s.at, "'%c' is neither an argument nor a literal; write n > 100", query_shown(c));
}

/* ---- comparisons ------------------------------------------------------------------------------------------------ */

static bool parse_op(parser *p, query_op *op, bool *any)
{
    static const struct {
        const char *text;
        query_op op;
    } ops[] = {{"==", QUERY_EQ}, {"!=", QUERY_NE}, {"<=", QUERY_LE},  {">=", QUERY_GE},
               {"<", QUERY_LT},  {">", QUERY_GT},  {"~", QUERY_LIKE}, {"!~", QUERY_UNLIKE}};
    *any = true;
    for (size_t i = 0; i < RJ_COUNT(ops); i++) {
        if (take(p, ops[i].text)) {
            *op = ops[i].op;
            if (peek(p, 0) == '=')
                return query_error(p->s.e, p->s.at, "'=' behind an operator; write ==, !=, <, <=, >, >=, ~ or !~");
            return true;
        }
    }
    *any = false;
    if (peek(p, 0) == '=') return query_error(p->s.e, p->s.at, "'=' does not compare; write ==");
    return true;
}

static query_op turned(query_op op)
{
    switch (op) {
    case QUERY_LT: return QUERY_GT;
    case QUERY_LE: return QUERY_GE;
    case QUERY_GT: return QUERY_LT;
    case QUERY_GE: return QUERY_LE;
    default: return op;
    }
}

/* The literal's side of a comparison, copied into the node. */
static void set_value(query_node *n, const operand *o)
{
    n->value_column = o->column;
    n->name = o->is_name ? o->name : NULL;
    n->name_is_path = o->is_argument;
    n->name_columns = o->columns;
    n->value_kind = o->literal.value_kind;
    n->is_bool = o->literal.is_bool;
    n->i = o->literal.i;
    n->u = o->literal.u;
    n->f = o->literal.f;
    n->decimal = o->literal.decimal;
    n->is_time = o->literal.is_time;
    n->text = o->literal.text;
    n->text_units = o->literal.text_units;
}

static query_node *comparison(parser *p, const operand *left, query_op op, const operand *right)
{
    bool turn = !left->is_name || (right->is_name && !left->is_argument &&
                                   (right->is_argument || (strchr(left->name, '.') && !strchr(right->name, '.'))));
    const operand *argument = turn ? right : left, *value = turn ? left : right;
    if (!argument->is_name) {
        query_error(p->s.e, left->column, "two literals are compared; one side must be an argument");
        return NULL;
    }
    query_node *n = node_new(p, QUERY_COMPARE, argument->column);
    if (!n) return NULL;
    n->argument = argument->name;
    n->columns = argument->columns;
    n->argument_is_path = argument->is_argument;
    n->op = turn ? turned(op) : op;
    set_value(n, value);
    return n;
}

static query_node *parse_compare(parser *p)
{
    operand left, right;
    query_op op = QUERY_EQ;
    bool any;
    if (!parse_operand(p, &left) || !parse_op(p, &op, &any)) return NULL;
    if (any) {
        if (!parse_operand(p, &right)) return NULL;
    } else if (left.is_name) {
        right = (operand){.column = left.column, .literal = {.value_kind = QUERY_INT, .i = 1, .is_bool = true}};
    } else {
        query_error(p->s.e, left.column, "a literal alone is no condition; compare an argument with it");
        return NULL;
    }
    return comparison(p, &left, op, &right);
}

/* ---- expressions ------------------------------------------------------------------------------------------------ */

static query_node *parse_or(parser *p);

static query_node *parse_parentheses(parser *p, uint32_t open)
{
    query_node *n = parse_or(p);
    if (n && !take(p, ")")) {
        char c = peek(p, 0);
        if (c)
            query_error(p->s.e, p->s.at, "'%c' where &&, || or ')' should stand", query_shown(c));
        else
            query_error(p->s.e, open, "'(' is never closed; write (a > 1 || b > 1)");
        return NULL;
    }
    return n;
}

static query_node *parse_not(parser *p)
{
    skip_space(p);
    uint32_t column = p->s.at;
    if (p->depth >= QUERY_DEPTH_MOST) {
        query_error(p->s.e, column, "the condition is nested too deeply (more than %u)", QUERY_DEPTH_MOST);
        return NULL;
    }
    p->depth++;
    query_node *n;
    if (take(p, "!")) {
        query_node *inner = parse_not(p);
        n = inner ? node_new(p, QUERY_NOT, column) : NULL;
        if (n) n->left = inner;
    } else if (take(p, "(")) {
        n = parse_parentheses(p, column);
    } else {
        n = parse_compare(p);
    }
    p->depth--;
    return n;
}

/* One level of binary operators: `&&` over `!`, `||` over `&&`. */
static query_node *parse_chain(parser *p, query_node_kind kind)
{
    bool is_or = kind == QUERY_OR;
    query_node *left = is_or ? parse_chain(p, QUERY_AND) : parse_not(p);
    while (left) {
        skip_space(p);
        uint32_t column = p->s.at;
        if (!take(p, is_or ? "||" : "&&")) break;
        query_node *right = is_or ? parse_chain(p, QUERY_AND) : parse_not(p);
        query_node *n = right ? node_new(p, kind, column) : NULL;
        if (!n) return NULL;
        n->left = left;
        n->right = right;
        left = n;
    }
    return left;
}

static query_node *parse_or(parser *p)
{
    return parse_chain(p, QUERY_OR);
}

static void behind_the_end(parser *p)
{
    char c = peek(p, 0);
    if (c == '&' || c == '|')
        query_error(p->s.e, p->s.at, "a single '%c'; write %c%c", c, c, c);
    else if (c == ')')
        query_error(p->s.e, p->s.at, "')' has no '('");
    else
        query_error(p->s.e, p->s.at, "'%c' where &&, || or the end should stand", query_shown(c));
}

/* Whether there is anything to parse. */
static bool begin(parser *p, arena *a, const char *text, const char *what, const char *example, err_t *e)
{
    const size_t n = strnlen(text, QUERY_TEXT_MOST + 1);
    if (n > QUERY_TEXT_MOST)
        return query_error(e, QUERY_TEXT_MOST, "the %s is longer than %u bytes", what, QUERY_TEXT_MOST);
    *p = (parser){.s = {.a = a, .text = text, .end = (uint32_t)n, .e = e}};
    skip_space(p);
    return p->s.at < p->s.end || query_error(e, 0, "the %s is empty; write %s", what, example);
}

query_node *query_key_parse(arena *a, const char *text, err_t *e)
{
    parser p = {.depth = 0};
    operand o;
    if (!begin(&p, a, text, "key", "args.customer.Name", e) || !parse_operand(&p, &o)) return NULL;
    skip_space(&p);
    if (!o.is_name) {
        query_error(e, o.column, "a literal is the same for every call; write args.customer.Name");
        return NULL;
    }
    if (p.s.at < p.s.end) {
        query_error(e, p.s.at, "'%c' behind the key: it is one path, such as args.customer.Name",
                    query_shown(peek(&p, 0)));
        return NULL;
    }
    query_node *n = node_new(&p, QUERY_KEY, o.column);
    if (!n) return NULL;
    n->value_column = o.column;
    n->argument = o.name;
    n->columns = o.columns;
    return n;
}

query_node *query_condition_parse(arena *a, const char *text, err_t *e)
{
    parser p = {.depth = 0};
    if (!begin(&p, a, text, "condition", "n > 100", e)) return NULL;
    query_node *tree = parse_or(&p);
    if (!tree) return NULL;
    skip_space(&p);
    if (p.s.at == p.s.end) return tree;
    behind_the_end(&p);
    return NULL;
}
