/* max_pool.c -- backward of maxima over windows: each window adds to the sample where its maximum was found.  The plain kernel, which also
 * runs on GPUs, asks for every sample which windows contain it; here one thread has a plane, and may scatter. */
#include <string.h>
#include "tuned.h"

int kt_max_pool_bwd(const void *args) {
    const struct k_max_pool_bwd *p = args;
    const int64_t samples = p->H * p->W, windows = p->OH * p->OW;
    #pragma omp parallel for if (p->n > 1 << 14)
    for (int64_t plane = 0; plane < p->planes; plane++) {
        float *out = (float *)p->out + plane * samples;
        const float *dy = (const float *)p->x + plane * windows;
        const int32_t *index = p->index + plane * windows;
        if (!p->add) memset(out, 0, (size_t)samples * sizeof *out);
        for (int64_t i = 0; i < windows; i++) out[index[i]] += dy[i];
    }
    return 0;
}
