/* ict.h -- the light ICT face model in its published numbering, for the two that read ICT-FaceKit: ict.c straight from a checkout,
 * io/import_ict_facekit.c into a head.safetensors. */
#ifndef MN_SYNTH_ICT_H
#define MN_SYNTH_ICT_H
#include "synth/synth.h"

enum { MN_ICT_VERTICES = 26719, MN_ICT_MODES = 100 };

/* The vertices that are kept, in their published order. */
enum { MN_ICT_SKIN, MN_ICT_CAVITY, MN_ICT_SOCKETS, MN_ICT_GUMS, MN_ICT_UPPER_TEETH, MN_ICT_LOWER_TEETH, MN_ICT_EYE_LEFT, MN_ICT_EYE_RIGHT,
       MN_ICT_LASHES, MN_ICT_PARTS };
typedef struct mn_ict_part { int first, last; uint8_t region; } mn_ict_part;      /* MN_R_* */
extern const mn_ict_part mn_ict_parts[MN_ICT_PARTS];

extern const int32_t mn_ict_landmarks[MN_HEAD_LANDMARKS];     /* published numbers */
extern const float mn_ict_joints[MN_HEAD_JOINTS][3];          /* cm: root, neck and head placed by eye; jaw and eyes as measured on the published meshes */
extern const int32_t mn_ict_parents[MN_HEAD_JOINTS];
#define MN_ICT_BALL_RADIUS 1.55                               /* cm: the published cornea bulges to 1.79 and would pierce closed lids */

#endif
