/* light.h -- the light of a picture; internal to engine/synth.  Directions point towards the light, colours are linear. */
#ifndef MN_SYNTH_LIGHT_H
#define MN_SYNTH_LIGHT_H

typedef struct mn_light {
    float key_dir[3], key[3];               /* casts shadows */
    float sky[3], ground[3];                /* ambient light from above and below */
    float fill_dir[3], fill[3];
    float rim_dir[3], rim[3];               /* from behind */
} mn_light;

/* seed 0: the studio light of the expression sheets; else a random key light in front, warm to cool, filled from the other side. */
mn_light mn_light_of(int seed);

#endif
