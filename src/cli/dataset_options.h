/* Data sets from the command line: what eval and quantize share. */
#ifndef EAO_CLI_DATASET_OPTIONS_H
#define EAO_CLI_DATASET_OPTIONS_H

#include "cli/cli.h"
#include "eao/dataset.h"

#define EAO_CLI_DATA_OPTIONS                                                                       \
  {"data", "PATH",                                                                                 \
   "a folder or file: images by class folder or class number, a tar of such, WAV\n"                \
   "folders, .npy, .npz, IDX, CIFAR, CSV; gzipped or not; or a description (.yaml)",               \
   false},                                                                                         \
      {"spec", "FILE",                                                                             \
       "a description of the data (default: the dataset.yaml that comes with them)", false},       \
      {"split", "NAME", "of the description (default: test, else everything)", false},             \
      {"first", "N", "leave out the first N samples", false},                                      \
      {"limit", "N", "at most N samples", false},                                                  \
      {"label-offset", "N", "added to labels, e.g. 1 for models with a background class", false},  \
      {"pixels", "KIND",                                                                           \
       "unit (0..1), signed (-1..1), raw (0..255), imagenet, stored (integers as they\n"           \
       "are); default: unit for float inputs, stored for integer ones",                            \
       false},                                                                                     \
      {"mean", "A[,B,C]", "subtract from pixels (0..255) per channel", false},                     \
      {"std", "A[,B,C]", "then divide by", false},                                                 \
      {"resize", "KIND",                                                                           \
       "bilinear (default), nearest, area, pillow-bilinear, pillow-bicubic,\n"                     \
       "pillow-lanczos, pillow-box, pillow-hamming, tf-bilinear, tf-bilinear-v1,\n"                \
       "tf-nearest-v1, tf-nearest, tf-antialias, tf-area, opencv-linear, opencv-area",             \
       false},                                                                                     \
      {"fit", "KIND",                                                                              \
       "stretch (default), crop (short side scaled, middle cut out), central (middle\n"            \
       "cut out, then stretched), pad (grey around)",                                              \
       false},                                                                                     \
      {"crop-fraction", "F", "the crop's share of the resized image, e.g. 0.875", false},          \
      {"layout", "KIND", "nchw or nhwc, where an image input's shape does not tell", false}, {     \
    "bgr", NULL, "image channels in the order blue, green, red", false                             \
  }

/* The data set that --data and the options above describe. Exit code; 0 when done. */
int eao_cli_dataset_open(eao_cli *c, eao_dataset **out);

#endif
