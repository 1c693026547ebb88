/* The known versions of the interface between the runtime and its JIT. */
#include "clr/jit.h"

static const clr_jit known[] = {
    {.runtime = "8.0",
     .guid = {0x4BCEB905, 0xD550, 0x4A5D, {0xB1, 0xEB, 0x27, 0x6F, 0xFF, 0x68, 0xD1, 0x83}},
     .slot = {[CLR_JIT_GET_METHOD_INFO] = 0x04,
              [CLR_JIT_CAN_INLINE] = 0x06,
              [CLR_JIT_GET_EH_INFO] = 0x0B,
              [CLR_JIT_RESOLVE_TOKEN] = 0x1C,
              [CLR_JIT_FIND_SIG] = 0x1D,
              [CLR_JIT_GET_ARG_TYPE] = 0x69,
              [CLR_JIT_GET_ARG_CLASS] = 0x6B,
              [CLR_JIT_GET_METHOD_DEF] = 0x71,
              [CLR_JIT_PRINT_METHOD_NAME] = 0x72,
              [CLR_JIT_GET_NAME_FROM_METADATA] = 0x73,
              [CLR_JIT_ALLOC_MEM] = 0x9A,
              [CLR_JIT_GET_JIT_FLAGS] = 0xA9},
     .slots = 0xAA,
     .fragile = CLR_JIT_ASKS_ITSELF},
    {.runtime = "9.0",
     .guid = {0xD6218A78, 0x9A34, 0x4C6F, {0x8D, 0xB5, 0x07, 0x7A, 0x06, 0x02, 0x2F, 0xAE}},
     .slot = {[CLR_JIT_GET_METHOD_INFO] = 0x05,
              [CLR_JIT_CAN_INLINE] = 0x08,
              [CLR_JIT_GET_EH_INFO] = 0x0D,
              [CLR_JIT_RESOLVE_TOKEN] = 0x1D,
              [CLR_JIT_FIND_SIG] = 0x1E,
              [CLR_JIT_GET_ARG_TYPE] = 0x6E,
              [CLR_JIT_GET_ARG_CLASS] = 0x70,
              [CLR_JIT_GET_METHOD_DEF] = 0x76,
              [CLR_JIT_PRINT_METHOD_NAME] = 0x77,
              [CLR_JIT_GET_NAME_FROM_METADATA] = 0x78,
              [CLR_JIT_ALLOC_MEM] = 0x9E,
              [CLR_JIT_GET_JIT_FLAGS] = 0xAD},
     .slots = 0xAE,
     .fragile = CLR_JIT_NEEDS_HELPERS},
    {.runtime = "10.0",
     .guid = {0x7A8CBC56, 0x9E19, 0x4321, {0x80, 0xB9, 0xA0, 0xD2, 0xC5, 0x78, 0xC9, 0x45}},
     .slot = {[CLR_JIT_GET_METHOD_INFO] = 0x05,
              [CLR_JIT_CAN_INLINE] = 0x08,
              [CLR_JIT_GET_EH_INFO] = 0x0D,
              [CLR_JIT_RESOLVE_TOKEN] = 0x1F,
              [CLR_JIT_FIND_SIG] = 0x20,
              [CLR_JIT_GET_ARG_TYPE] = 0x70,
              [CLR_JIT_GET_ARG_CLASS] = 0x72,
              [CLR_JIT_GET_METHOD_DEF] = 0x78,
              [CLR_JIT_PRINT_METHOD_NAME] = 0x79,
              [CLR_JIT_GET_NAME_FROM_METADATA] = 0x7A,
              [CLR_JIT_ALLOC_MEM] = 0xA0,
              [CLR_JIT_GET_JIT_FLAGS] = 0xAF},
     .slots = 0xB0},
};

const clr_jit *clr_jit_known(const clr_guid *guid)
{
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (clr_guid_equal(guid, &known[i].guid)) return &known[i];
    return NULL;
}
