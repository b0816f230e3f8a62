/* One function for each number of pixels of a tile, from the always-inlined `tile` of the file that
 * includes this. EAO_MR is 6 or 12. */

/* The last panel of a layer often has one vector of outputs or less: it gets tiles of its own. */
#define EAO_TILE(m)                                                                                \
  static __attribute__((noinline)) void tile_##m(const task *t, const in_t *const *rows,           \
                                                 int64_t count, int64_t o0, int64_t first,         \
                                                 out_t *y) {                                       \
    tile(m, EAO_NV, t, rows, count, o0, first, y);                                                 \
  }                                                                                                \
  static __attribute__((noinline)) void thin_##m(const task *t, const in_t *const *rows,           \
                                                 int64_t count, int64_t o0, int64_t first,         \
                                                 out_t *y) {                                       \
    tile(m, 1, t, rows, count, o0, first, y);                                                      \
  }
EAO_TILE(1)
EAO_TILE(2)
EAO_TILE(3)
EAO_TILE(4)
EAO_TILE(5)
EAO_TILE(6)
#if EAO_MR == 12
EAO_TILE(7)
EAO_TILE(8)
EAO_TILE(9)
EAO_TILE(10)
EAO_TILE(11)
EAO_TILE(12)
#endif
#undef EAO_TILE

typedef void (*tile_fn)(const task *, const in_t *const *, int64_t, int64_t, int64_t, out_t *);
static const tile_fn tiles[2][MR + 1] = {{
                                             NULL,
                                             thin_1,
                                             thin_2,
                                             thin_3,
                                             thin_4,
                                             thin_5,
                                             thin_6,
#if EAO_MR == 12
                                             thin_7,
                                             thin_8,
                                             thin_9,
                                             thin_10,
                                             thin_11,
                                             thin_12,
#endif
                                         },
                                         {
                                             NULL,
                                             tile_1,
                                             tile_2,
                                             tile_3,
                                             tile_4,
                                             tile_5,
                                             tile_6,
#if EAO_MR == 12
                                             tile_7,
                                             tile_8,
                                             tile_9,
                                             tile_10,
                                             tile_11,
                                             tile_12,
#endif
                                         }};
