/* Two pieces of code, instruction by instruction: what they have in common, in order. */
#include "out/asm-priv.h"

#include <stdlib.h>

#define CELLS_MOST (UINT64_C(1) << 24) /* more is shown as removed and added as a whole */

bool asm_pair(const out_code *c, const asm_piece **original, const asm_piece **woven)
{
    *original = *woven = NULL;
    for (size_t i = 0; i < c->method->code_count; i++) {
        const asm_piece *p = &c->pieces[i];
        const bool is_original = strcmp(p->code->body, "original") == 0;
        const bool is_woven = strcmp(p->code->body, "woven") == 0;
        /* Of a generic method, both of one instantiation. */
        if (is_woven && *original && strcmp((*original)->code->instantiation, p->code->instantiation) != 0) continue;
        if (is_original && *woven) continue;
        if (is_original) *original = p;
        if (is_woven) *woven = p;
    }
    return *original && *woven;
}

/* Places are no difference: a jump in the code is a jump, and what has a name is that. */
static bool same(const asm_insn *a, const asm_insn *b)
{
    if (strcmp(a->x.mnemonic, b->x.mnemonic) != 0) return false;
    if (a->inside || b->inside) return a->inside && b->inside;
    if (*a->comment || *b->comment) return strcmp(a->comment, b->comment) == 0;
    return strcmp(a->x.operands, b->x.operands) == 0;
}

static bool put(asm_lines *out, char change, const asm_insn *insns, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        asm_line *l = VEC_PUSH(out);
        if (!l) return false;
        *l = (asm_line){change, &insns[i]};
    }
    return true;
}

/* table[i][j]: the most that a[i..] and b[j..] have in common. */
static void fill(uint16_t *table, const asm_insn *a, size_t n, const asm_insn *b, size_t m)
{
    for (size_t i = n; i-- > 0;) {
        uint16_t *row = table + i * (m + 1), *next = row + m + 1;
        for (size_t j = m; j-- > 0;)
            row[j] = same(&a[i], &b[j]) ? (uint16_t)(next[j + 1] + 1) : RJ_MAX(next[j], row[j + 1]);
    }
}

static bool walk(const uint16_t *table, const asm_insn *a, size_t n, const asm_insn *b, size_t m, asm_lines *out)
{
    size_t i = 0, j = 0;
    bool ok = true;
    while (ok && (i < n || j < m)) {
        const uint16_t *row = table + i * (m + 1), *next = row + m + 1;
        if (i < n && j < m && same(&a[i], &b[j])) {
            ok = put(out, ' ', &b[j], 1);
            i++;
            j++;
        } else if (i < n && (j == m || next[j] >= row[j + 1])) {
            ok = put(out, '-', &a[i++], 1);
        } else {
            ok = put(out, '+', &b[j++], 1);
        }
    }
    return ok;
}

static bool compare_middle(const asm_insn *a, size_t n, const asm_insn *b, size_t m, asm_lines *out)
{
    if (n > UINT16_MAX || m > UINT16_MAX || ((uint64_t)n + 1) * (m + 1) > CELLS_MOST)
        return put(out, '-', a, n) && put(out, '+', b, m);
    uint16_t *table = calloc((n + 1) * (m + 1), sizeof *table);
    if (!table) return false;
    fill(table, a, n, b, m);
    bool ok = walk(table, a, n, b, m, out);
    free(table);
    return ok;
}

bool asm_compare(const asm_piece *original, const asm_piece *woven, asm_lines *out)
{
    const asm_insn *a = original->insns, *b = woven->insns;
    const size_t least = RJ_MIN(original->count, woven->count);
    size_t head = 0, tail = 0;
    while (head < least && same(&a[head], &b[head]))
        head++;
    while (tail < least - head && same(&a[original->count - tail - 1], &b[woven->count - tail - 1]))
        tail++;
    const size_t n = original->count - head - tail, m = woven->count - head - tail;
    return put(out, ' ', b, head) && compare_middle(a + head, n, b + head, m, out) &&
           put(out, ' ', b + woven->count - tail, tail);
}
