/* import_inception.c -- Inception-v3 with the FID weights of 2015 (pt_inception-2015-12-05-6726825d.pth, pytorch-fid).
 *
 * 94 convolutions X.conv.weight, each with X.bn.*, and fc [1008,2048], which FID does not use.  Names stay; batch
 * counters are left behind. */
#include <stdio.h>
#include "io/import_internal.h"

/* Block, then its branches: name, input channels (0: the block's input), output channels, kernel height and width. */
typedef struct branch { const char *name; int in, out, kh, kw; } branch;
typedef struct block { const char *name; int in; branch branches[10]; } block;

#define A(name, in, pool) { name, in, { { "branch1x1", 0, 64, 1, 1 }, { "branch5x5_1", 0, 48, 1, 1 }, { "branch5x5_2", 48, 64, 5, 5 }, { "branch3x3dbl_1", 0, 64, 1, 1 }, \
    { "branch3x3dbl_2", 64, 96, 3, 3 }, { "branch3x3dbl_3", 96, 96, 3, 3 }, { "branch_pool", 0, pool, 1, 1 } } }
#define C(name, w) { name, 768, { { "branch1x1", 0, 192, 1, 1 }, { "branch7x7_1", 0, w, 1, 1 }, { "branch7x7_2", w, w, 1, 7 }, { "branch7x7_3", w, 192, 7, 1 }, { "branch7x7dbl_1", 0, w, 1, 1 }, \
    { "branch7x7dbl_2", w, w, 7, 1 }, { "branch7x7dbl_3", w, w, 1, 7 }, { "branch7x7dbl_4", w, w, 7, 1 }, { "branch7x7dbl_5", w, 192, 1, 7 }, { "branch_pool", 0, 192, 1, 1 } } }
#define E(name, in) { name, in, { { "branch1x1", 0, 320, 1, 1 }, { "branch3x3_1", 0, 384, 1, 1 }, { "branch3x3_2a", 384, 384, 1, 3 }, { "branch3x3_2b", 384, 384, 3, 1 }, { "branch3x3dbl_1", 0, 448, 1, 1 }, \
    { "branch3x3dbl_2", 448, 384, 3, 3 }, { "branch3x3dbl_3a", 384, 384, 1, 3 }, { "branch3x3dbl_3b", 384, 384, 3, 1 }, { "branch_pool", 0, 192, 1, 1 } } }
static const block blocks[] = {
    { "Conv2d_1a_3x3", 3, { { NULL, 0, 32, 3, 3 } } }, { "Conv2d_2a_3x3", 32, { { NULL, 0, 32, 3, 3 } } }, { "Conv2d_2b_3x3", 32, { { NULL, 0, 64, 3, 3 } } },
    { "Conv2d_3b_1x1", 64, { { NULL, 0, 80, 1, 1 } } }, { "Conv2d_4a_3x3", 80, { { NULL, 0, 192, 3, 3 } } },
    A("Mixed_5b", 192, 32), A("Mixed_5c", 256, 64), A("Mixed_5d", 288, 64),
    { "Mixed_6a", 288, { { "branch3x3", 0, 384, 3, 3 }, { "branch3x3dbl_1", 0, 64, 1, 1 }, { "branch3x3dbl_2", 64, 96, 3, 3 }, { "branch3x3dbl_3", 96, 96, 3, 3 } } },
    C("Mixed_6b", 128), C("Mixed_6c", 160), C("Mixed_6d", 160), C("Mixed_6e", 192),
    { "Mixed_7a", 768, { { "branch3x3_1", 0, 192, 1, 1 }, { "branch3x3_2", 192, 320, 3, 3 }, { "branch7x7x3_1", 0, 192, 1, 1 }, { "branch7x7x3_2", 192, 192, 1, 7 },
                         { "branch7x7x3_3", 192, 192, 7, 1 }, { "branch7x7x3_4", 192, 192, 3, 3 } } },
    E("Mixed_7b", 1280), E("Mixed_7c", 2048),
};

static mn_status collect(import_job *job, import_source *src) {
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        for (const branch *b = blocks[i].branches; b < blocks[i].branches + 10 && b->out && !mn_errcode(); b++) {
            char name[80];
            snprintf(name, sizeof name, "%s%s%s", blocks[i].name, b->name ? "." : "", b->name ? b->name : "");
            import_take(job, src, "", "", DIMS(b->out, b->in ? b->in : blocks[i].in, b->kh, b->kw), "%s.conv.weight", name);
            snprintf(name, sizeof name, "%s%s%s.bn", blocks[i].name, b->name ? "." : "", b->name ? b->name : "");
            import_norm(job, src, "", "", b->out, name);
        }
    import_take(job, src, "", "", DIMS(1008, 2048), "fc.weight");
    import_take(job, src, "", "", DIMS(1008), "fc.bias");
    return mn_errcode();
}

static mn_status run(import_job *job) { return import_state_dict(job, collect); }

const mn_importer mn_importer_inception = { "inception", "pt_inception-2015-12-05-6726825d.pth", "Inception-v3 as FID and KID use it", 1, 1, run, NULL };
