/* rasterize.h -- the tiles of rasterize.cu. */
#ifndef KC_RASTERIZE_H
#define KC_RASTERIZE_H
enum { KC_RASTER_TILE = 16 };           /* pixels on a side of a block's tile */
#endif
