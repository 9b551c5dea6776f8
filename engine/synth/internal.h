/* internal.h -- the body of mn_synth; for engine/synth only. */
#ifndef MN_SYNTH_INTERNAL_H
#define MN_SYNTH_INTERNAL_H
#include "synth/hair.h"
#include "synth/hair_fit.h"
#include "synth/head.h"
#include "synth/person.h"
#include "synth/skin.h"
#include "synth/skin_height.h"

struct mn_synth {
    mn_synth_options options;
    mn_head head;
    mn_skin_fields skin;
    mn_hair_plan plan[MN_HAIR_STYLES];
    mn_hair_fit fit;
    float *skin_normals;                    /* [V,3] of the template, area-weighted */
    mn_skin_height *skin_height;            /* above the template */
};

#endif
