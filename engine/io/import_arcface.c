/* import_arcface.c -- IR-SE50 face recognition (model_ir_se50.pth): a state dict, usually in torch's legacy form.
 *
 *     input_layer   0 conv 3x3, 1 batch norm, 2 PReLU
 *     body.0..23    units of depth 64 x3, 128 x4, 256 x14, 512 x3:
 *                   res_layer 0 norm, 1 conv, 2 PReLU, 3 conv, 4 norm, 5 squeeze and excitation (fc1, fc2);
 *                   shortcut_layer 0 conv, 1 norm where the depth changes
 *     output_layer  0 norm, 3 linear 25088 -> 512, 4 norm
 * Names stay as they are; batch counters are left behind. */
#include <stdio.h>
#include "io/import_internal.h"

static void unit(import_job *job, import_source *src, int k, int64_t in, int64_t depth) {
    char name[60];
    snprintf(name, sizeof name, "body.%d.res_layer.0", k);
    import_norm(job, src, "", "", in, name);
    import_take(job, src, "", "", DIMS(depth, in, 3, 3), "body.%d.res_layer.1.weight", k);
    import_take(job, src, "", "", DIMS(depth), "body.%d.res_layer.2.weight", k);
    import_take(job, src, "", "", DIMS(depth, depth, 3, 3), "body.%d.res_layer.3.weight", k);
    snprintf(name, sizeof name, "body.%d.res_layer.4", k);
    import_norm(job, src, "", "", depth, name);
    import_take(job, src, "", "", DIMS(depth / 16, depth, 1, 1), "body.%d.res_layer.5.fc1.weight", k);
    import_take(job, src, "", "", DIMS(depth, depth / 16, 1, 1), "body.%d.res_layer.5.fc2.weight", k);
    if (in == depth) return;
    import_take(job, src, "", "", DIMS(depth, in, 1, 1), "body.%d.shortcut_layer.0.weight", k);
    snprintf(name, sizeof name, "body.%d.shortcut_layer.1", k);
    import_norm(job, src, "", "", depth, name);
}

static mn_status collect(import_job *job, import_source *src) {
    static const struct { int64_t depth; int units; } groups[] = { { 64, 3 }, { 128, 4 }, { 256, 14 }, { 512, 3 } };
    int64_t in = 64;
    import_take(job, src, "", "", DIMS(64, 3, 3, 3), "input_layer.0.weight");
    import_norm(job, src, "", "", 64, "input_layer.1");
    import_take(job, src, "", "", DIMS(64), "input_layer.2.weight");
    for (int g = 0, k = 0; g < 4; g++)
        for (int i = 0; i < groups[g].units && !mn_errcode(); i++, in = groups[g].depth) unit(job, src, k++, in, groups[g].depth);
    import_norm(job, src, "", "", 512, "output_layer.0");
    import_take(job, src, "", "", DIMS(512, 25088), "output_layer.3.weight");
    import_take(job, src, "", "", DIMS(512), "output_layer.3.bias");
    return import_norm(job, src, "", "", 512, "output_layer.4");
}

static mn_status run(import_job *job) { return import_state_dict(job, collect); }

const mn_importer mn_importer_arcface = { "arcface", "model_ir_se50.pth", "IR-SE50 face recognition for the identity loss", 1, 1, run, NULL };
