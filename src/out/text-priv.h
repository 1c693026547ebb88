/* out: colours, and what the listings of methods have in common. */
#ifndef REJIT_OUT_TEXT_PRIV_H
#define REJIT_OUT_TEXT_PRIV_H

#include "out/out.h"

#define RESET  "\033[0m"
#define BOLD   "\033[1m"
#define DIM    "\033[2m"
#define RED    "\033[31m"
#define GREEN  "\033[32m"
#define YELLOW "\033[33m"
#define CYAN   "\033[36m"

static inline void coloured(buf_t *b, const out_style *style, const char *colour)
{
    if (style->colour) buf_str(b, colour);
}

/* The line above what is shown of a method. */
static inline void put_method_line(buf_t *b, const char *name, const char *module, uint32_t token,
                                   const out_style *style)
{
    coloured(b, style, CYAN);
    out_safe_text(b, name);
    coloured(b, style, RESET);
    buf_str(b, "  ");
    out_safe_text(b, module);
    buf_printf(b, " 0x%08x\n", token);
}

/* Behind what stands in the line since `start`, from a column on. */
static inline void put_comment(buf_t *b, size_t start, size_t column, const char *text, const out_style *style)
{
    const size_t width = b->failed ? 0 : out_width((const char *)b->p + start, b->n - start);
    buf_printf(b, "%*s", width < column ? (int)(column - width) : 1, "");
    coloured(b, style, DIM);
    buf_str(b, "// ");
    out_safe_text(b, text);
    coloured(b, style, RESET);
}

#endif
