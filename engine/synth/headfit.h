/* headfit.h -- the project's own head model, learned from samples of another head.
 *
 * From a head given as a mesh with linear identity modes and linear expression units (the source), mn_headfit makes a
 * model in FLAME's form: an own topology resampled on the surface (remesh.h), an own texture layout (unwrap.h), principal
 * modes of sampled identities and expressions (pca.h), joints, skinning weights and the 68 landmarks.
 *
 * The file (safetensors; metres, +x the subject's left, +y up, +z out of the face; origin at the source's (0, 3.5, 0.5) cm;
 * V vertices: skin, then left eyeball, then right eyeball; F triangles, counter-clockwise from outside; T texture vertices):
 *     v_template [V,3] f32        shapedirs [V,3,40] f16      exprdirs [V,3,50] f16     faces [F,3] i32
 *     J_regressor [5,V] f16       parents [5] i32 (-1 0 1 1 1: root, neck, jaw, left eye, right eye)
 *     weights [V,5] f16           uv [T,2] f32 (0..1, v up)   uv_faces [F,3] i32
 *     lmk_faces [68] i32          lmk_bary [68,3] f32         eye_ranges [2,2] i32 (first vertex, count)
 *     id_to_shape [40,40] f32     units_to_expr [57,50] f32
 * There are no pose correctives.  Codes are in standard deviations: shape = z . id_to_shape, expression = w . units_to_expr. */
#ifndef MIEN_HEADFIT_H
#define MIEN_HEADFIT_H
#include "synth/remesh.h"
#include "synth/synth.h"

enum { HEADFIT_SHAPE = 40, HEADFIT_EXPR = 50, HEADFIT_JOINTS = 5, HEADFIT_SPOKES = 16 };      /* spokes: vertices of each ring of an eyeball */

/* The resampled mesh: skin first, then the two eyeballs; positions in the source's coordinates. */
typedef struct mn_headmesh {
    mn_trimesh mesh;
    mn_place *place;             /* [nv] on the source's triangles */
    int n_skin, n_skin_faces;    /* the eyeballs follow: n_eye vertices each */
    int n_eye;
    int nt;                      /* texture vertices */
    double (*uv)[2];
    double stretch;              /* see unwrap.h */
    int (*uv_faces)[3];
} mn_headmesh;

mn_status mn_headmesh_build(const mn_geometry *source, int vertices, mn_headmesh *head);   /* headfit_skin.c, headfit_eye.c */
mn_status mn_headmesh_unwrap(const mn_geometry *source, mn_headmesh *head);               /* headfit_uv.c */
void mn_headmesh_free(mn_headmesh *head);
/* Wanted lengths at the vertices of a piece of the source's skin whose tags are source triangles (headfit_size.c):
 * edge: relative mesh edge length; texel: relative length of surface that one texture unit should cover. */
mn_status mn_headfit_sizes(const mn_geometry *source, const mn_trimesh *skin, double *edge, double *texel);
mn_status mn_headmesh_add_eyes(const mn_geometry *source, mn_headmesh *head);             /* headfit_eye.c */
/* A field of the source ([nv,width]) at the head's vertices: out [V,width]. */
void mn_headmesh_sample(const mn_geometry *source, const mn_headmesh *head, const float *field, int width, double *out);
mn_status mn_headfit_source_mesh(const mn_geometry *source, mn_trimesh *mesh);                  /* all of it, as doubles */

/* ---- statistics (headfit_modes.c): D = 3 V, rows in centimetres ---- */

typedef struct mn_headmodes {
    double *shape;               /* [40,D] one standard deviation each */
    double *expr;                /* [50,D] */
    double *id_to_shape;         /* [40,40] */
    double *units_to_expr;       /* [57,50] */
    double unit_error[MN_EXPR_UNITS];   /* largest distance between a unit's offsets and what its code gives */
} mn_headmodes;
mn_status mn_headmodes_learn(const mn_synth *synth, const mn_headmesh *head, int people, int expressions, uint64_t seed, mn_headmodes *modes);
void mn_headmodes_free(mn_headmodes *modes);

/* ---- rig (headfit_rig.c) ---- */

/* regressor [5,V]: each joint as an affine combination of vertices near it, exact on the template. */
mn_status mn_headmesh_joints(const mn_geometry *source, const mn_headmesh *head, double *regressor);
/* weights [V,5], multiples of 1/1024 that sum to 1. */
mn_status mn_headmesh_weights(const mn_geometry *source, const mn_headmesh *head, double *weights);
mn_status mn_headmesh_landmarks(const mn_geometry *source, const mn_headmesh *head, mn_place places[MN_HEAD_LANDMARKS]);

/* ---- the whole ---- */

typedef struct mn_headfit_options {
    int vertices;                /* of the skin, about */
    int people, expressions;     /* samples */
    uint64_t seed;
} mn_headfit_options;
typedef struct mn_headfit_report { int vertices, triangles, texture_vertices; double stretch, unit_error[MN_EXPR_UNITS]; } mn_headfit_report;
mn_headfit_options mn_headfit_options_default(void);
/* options, report: may be NULL.  Equal source and options give an equal file. */
mn_status mn_headfit(const mn_synth *synth, const mn_headfit_options *options, const char *out_path, mn_headfit_report *report);
#endif
