/* hair.h -- strand hair and lashes; internal to engine/synth.  Drawing details in hair.c and lashes.c. */
#ifndef MN_SYNTH_HAIR_H
#define MN_SYNTH_HAIR_H
#include "synth/head.h"
#include "synth/noise.h"

enum { MN_LASH_COPIES = 2 };                    /* strands added between two neighbouring lash columns */

int mn_lash_count(const mn_head *head);
/* Lash strands of a posed head, [mn_lash_count, points, 3]. */
void mn_lashes(const mn_head *head, const float *posed, int points, float *out);

#endif
