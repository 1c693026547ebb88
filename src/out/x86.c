#include "out/x86.h"

#include <Zydis/Zydis.h>
#include <dlfcn.h>
#include <stdio.h>

#define LIBRARY "libZydis.so." REJIT_ZYDIS_SOVERSION

static struct {
    void *handle;
    __typeof__(ZydisDecoderInit) *decoder_init;
    __typeof__(ZydisDecoderDecodeFull) *decode;
    __typeof__(ZydisFormatterInit) *formatter_init;
    __typeof__(ZydisFormatterSetProperty) *set_property;
    __typeof__(ZydisFormatterFormatInstruction) *format;
    __typeof__(ZydisCalcAbsoluteAddress) *address_of;
    ZydisDecoder decoder;
    ZydisFormatter formatter;
} zydis;

static bool find(const char *name, void *function)
{
    void *found = dlsym(zydis.handle, name);
    memcpy(function, &found, sizeof found);
    return found != NULL;
}

static bool find_all(void)
{
    return find("ZydisDecoderInit", &zydis.decoder_init) && find("ZydisDecoderDecodeFull", &zydis.decode) &&
           find("ZydisFormatterInit", &zydis.formatter_init) &&
           find("ZydisFormatterSetProperty", &zydis.set_property) &&
           find("ZydisFormatterFormatInstruction", &zydis.format) &&
           find("ZydisCalcAbsoluteAddress", &zydis.address_of);
}

static bool set_up(void)
{
    return ZYAN_SUCCESS(zydis.decoder_init(&zydis.decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64)) &&
           ZYAN_SUCCESS(zydis.formatter_init(&zydis.formatter, ZYDIS_FORMATTER_STYLE_INTEL)) &&
           ZYAN_SUCCESS(zydis.set_property(&zydis.formatter, ZYDIS_FORMATTER_PROP_HEX_UPPERCASE, ZYAN_FALSE)) &&
           ZYAN_SUCCESS(zydis.set_property(&zydis.formatter, ZYDIS_FORMATTER_PROP_FORCE_SIZE, ZYAN_TRUE)) &&
           ZYAN_SUCCESS(
               zydis.set_property(&zydis.formatter, ZYDIS_FORMATTER_PROP_DISP_PADDING, ZYDIS_PADDING_DISABLED)) &&
           ZYAN_SUCCESS(
               zydis.set_property(&zydis.formatter, ZYDIS_FORMATTER_PROP_IMM_PADDING, ZYDIS_PADDING_DISABLED)) &&
           ZYAN_SUCCESS(zydis.set_property(&zydis.formatter, ZYDIS_FORMATTER_PROP_ADDR_PADDING_ABSOLUTE,
                                           ZYDIS_PADDING_DISABLED));
}

bool x86_ready(char *why)
{
    if (zydis.handle) return true;
    zydis.handle = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    const bool there = zydis.handle != NULL;
    if (there && find_all() && set_up()) return true;
    if (there) dlclose(zydis.handle);
    zydis.handle = NULL;
    snprintf(why, OUT_CODE_WHY,
             there ? "%s is not what this command was built for: install libzydis%s"
                   : "the disassembler %s is not there: install it (Debian and Ubuntu: apt-get install libzydis%s)",
             LIBRARY, REJIT_ZYDIS_SOVERSION);
    return false;
}

/* The first address among the operands: what is called or jumped to, a cell behind rip, a constant as large as one. */
static void find_target(const ZydisDecodedInstruction *i, const ZydisDecodedOperand *operands, x86_insn *out)
{
    enum { LEAST_ADDRESS = 0x10000 };
    for (ZyanU8 k = 0; k < i->operand_count_visible && !out->target; k++) {
        const ZydisDecodedOperand *o = &operands[k];
        const bool is_memory = o->type == ZYDIS_OPERAND_TYPE_MEMORY, is_value = o->type == ZYDIS_OPERAND_TYPE_IMMEDIATE;
        ZyanU64 at = 0;
        if (is_memory && o->mem.base == ZYDIS_REGISTER_RIP) {
            zydis.address_of(i, o, out->address, &at);
            out->indirect = i->mnemonic != ZYDIS_MNEMONIC_LEA;
        } else if (is_value && o->imm.is_relative) {
            zydis.address_of(i, o, out->address, &at);
        } else if (is_value && o->size == 64 && o->imm.value.u > UINT32_MAX && o->imm.value.u >> 47 == 0) {
            at = o->imm.value.u;
        }
        out->target = at > LEAST_ADDRESS ? at : 0;
    }
}

static bool transfers(const ZydisDecodedInstruction *i)
{
    return i->meta.category == ZYDIS_CATEGORY_CALL || i->meta.category == ZYDIS_CATEGORY_COND_BR ||
           i->meta.category == ZYDIS_CATEGORY_UNCOND_BR;
}

/* "mov rax, rbx" apart; prefixes stay with their mnemonic. */
static bool split(arena *a, const char *text, const ZydisDecodedInstruction *i, x86_insn *out)
{
    const char *at = text;
    if (i->attributes & (ZYDIS_ATTRIB_HAS_LOCK | ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE | ZYDIS_ATTRIB_HAS_REPNE))
        at += strcspn(at, " ") + 1;
    const char *end = at + strcspn(at, " ");
    out->mnemonic = arena_strndup(a, text, (size_t)(end - text));
    out->operands = arena_strdup(a, *end ? end + 1 : "");
    return out->mnemonic && out->operands;
}

static bool read_one(arena *a, const uint8_t *bytes, size_t left, x86_insn *out)
{
    ZydisDecodedInstruction i;
    ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
    char text[256];
    out->size = 1;
    out->mnemonic = "(bad)";
    out->operands = "";
    if (!ZYAN_SUCCESS(zydis.decode(&zydis.decoder, bytes, left, &i, operands)) ||
        !ZYAN_SUCCESS(zydis.format(&zydis.formatter, &i, operands, i.operand_count_visible, text, sizeof text,
                                   out->address, NULL)))
        return true;
    out->size = i.length;
    out->transfers = transfers(&i);
    find_target(&i, operands, out);
    return split(a, text, &i, out);
}

bool x86_disassemble(arena *a, const uint8_t *bytes, size_t n, uint64_t address, x86_insns *out)
{
    for (size_t at = 0; at < n;) {
        x86_insn *i = VEC_PUSH(out);
        if (!i) return false;
        i->address = address + at;
        if (!read_one(a, bytes + at, n - at, i)) return false;
        at += i->size;
    }
    return true;
}
