/* attention.h -- arguments of the fused attention kernels (attention.cu). */
#ifndef KC_ATTENTION_H
#define KC_ATTENTION_H
#include "../attention.h"
/* A block has KC_ATTENTION_ROWS queries (for dk and dv: keys), four threads to each, and goes through the others by KC_ATTENTION_STEP. */
enum { KC_ATTENTION_ROWS = 64, KC_ATTENTION_STEP = 32 };
struct kc_attention {
    struct k_attention p;
    void *lse, *delta;                  /* [B,heads,L]: log of the sum of exp of a query's scores; sum dy y.  Forward: NULL, y is written */
};
#endif
