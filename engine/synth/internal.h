/* internal.h -- the bodies of mn_synth and mn_person; for engine/synth only. */
#ifndef MN_SYNTH_INTERNAL_H
#define MN_SYNTH_INTERNAL_H
#include "synth/head.h"

struct mn_synth {
    mn_synth_options options;
    mn_head head;
};

#endif
