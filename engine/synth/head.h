/* head.h -- the head model as the renderer uses it; internal to engine/synth.
 *
 * head.safetensors holds (V vertices, F triangles, T texture points, K identity modes):
 *     v_template [V,3] f32   faces [F,3] i32   uv [T,2] f32   uv_faces [F,3] i32
 *     id_basis [K,V,3] f16   id_std [K] f32    expr_basis [57,V,3] f16
 *     region [V] u8          weld [V] i32      lmk68 [68] i32
 *     joints [6,3] f32       joint_parents [6] i32            lbs_weights [V,6] f16
 * and in its metadata `expr_names`, a JSON list that must equal our order of units.  It is made from
 * ICT-FaceKit (MIT licence, USC Institute for Creative Technologies). */
#ifndef MN_SYNTH_HEAD_H
#define MN_SYNTH_HEAD_H
#include "synth/synth.h"

enum { MN_MAT_SKIN, MN_MAT_FLESH, MN_MAT_TEETH, MN_MAT_EYE, MN_MAT_HAIR };   /* FLESH: gums, tongue, mouth cavity */
enum { MN_LASH_POINTS = 6 };

typedef struct mn_head {
    mn_geometry g;                          /* owns what it points to */
    /* the drawn mesh: all triangles but the lash cards */
    int n_triangles;
    int32_t *triangles;                     /* [n,3] */
    uint8_t *material;                      /* [n] MN_MAT_* */
    float *corner_uv;                       /* [n,3,2] face tile left, back-of-head tile right; v up */
    int n_skin_triangles, n_skin_vertices;
    int32_t *skin_triangles, *skin_vertices;
    float *inner_colour;                    /* [V,3] linear RGB of mouth and teeth, darker with depth */
    float *eye_coord;                       /* [V,3] direction from the eye pivot; 0 off the eyeballs */
    int n_ball[2];
    int32_t *ball[2];                       /* eyeball vertices, left and right */
    /* lashes: rows of vertices from root to tip, and neighbouring rows between which more are drawn */
    int n_lashes, n_lash_pairs;
    int32_t (*lash)[MN_LASH_POINTS], (*lash_pair)[2];
    float *lash_length;                     /* [n_lashes] fraction of the card */
} mn_head;

extern const float mn_head_centre[3];       /* inside the skull; origin of the scalp angles */

mn_status mn_head_load(mn_head *head, const char *path);            /* head.safetensors */
mn_status mn_head_load_folder(mn_head *head, const char *folder);   /* an ICT-FaceKit checkout; some 160 OBJ files */
bool mn_head_is_folder(const char *path);
void mn_head_free(mn_head *head);
/* Fills everything below `g` from g; called by the loaders. */
mn_status mn_head_prepare(mn_head *head);
mn_status mn_head_prepare_lashes(mn_head *head);
void mn_head_neutral(const mn_head *head, const float *z, int n, float *out);
void mn_head_blink_scale(const mn_head *head, const float *neutral, float scale[2]);
void mn_head_pose(const mn_head *head, const float *neutral, const float *effective, const float turn[3],
                  const float gaze[2], float *out, float skull[12]);
/* Area-weighted normals summed over welded vertices of the skin, [V,3]; length is twice the area around. */
void mn_head_skin_normals(const mn_head *head, const float *vertices, float *out);

#endif
