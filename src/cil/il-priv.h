/* What the files of the IL half of cil share. */
#ifndef REJIT_CIL_IL_PRIV_H
#define REJIT_CIL_IL_PRIV_H

#include "cil/cil.h"

/* The short one of a long branch. */
static inline uint16_t cil_branch_short(uint16_t long_op)
{
    return long_op == CIL_LEAVE ? CIL_LEAVE_S : (uint16_t)(long_op - (CIL_BR - CIL_BR_S));
}

#endif
