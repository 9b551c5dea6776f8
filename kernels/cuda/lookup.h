/* lookup.h -- arguments of lookup.cu: those of the plain kernels, and how many threads share a point. */
#ifndef KC_LOOKUP_H
#define KC_LOOKUP_H
#include "../grid_sample.h"
struct kc_grid_sample_fwd { struct k_grid_sample_fwd p; int64_t points; int lanes; };       /* points: of all pictures; lanes: a power of 2 up to 32 */
struct kc_grid_sample_bwd_x { struct k_grid_sample_bwd_x p; int64_t points; int lanes; };
struct kc_grid_sample_bwd_grid { struct k_grid_sample_bwd_grid p; int64_t points; int lanes; };
#endif
