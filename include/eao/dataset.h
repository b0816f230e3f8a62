/* Data sets: labelled samples in files as they come, fitted to a model's input.
 *
 * A data set is a file or a folder. What it is shows from its content: folders or tar files of
 * images (one folder a class, or a class number in front of each name), WAV folders, .npy and .npz,
 * IDX (MNIST) and CIFAR binaries, gzipped or not, CSV, raw elements. A description, dataset.yaml in
 * the folder, or <file>.yaml beside a file, or one given apart, says what cannot be seen: labels,
 * preprocessing, splits, metric.
 *
 *   format: idx             # images, audio, idx, cifar, npy, npz, csv, raw; found out without it
 *   data: t10k-images-idx3-ubyte.gz       # below the folder; without it the folder itself
 *   labels: t10k-labels-idx1-ubyte.gz     # a file, or folder, prefix, column, none
 *   classes: [cat, dog]     # names in the order of their numbers; or a file with one a line
 *   label_kind: class       # text: lines "name text"; boxes: lines image,class,x0,y0,x1,y1
 *   blank: 0                # text: the class that CTC leaves out (default: the last)
 *   detections: {boxes: xyxy, background: 0, nms: 0.5}    # how a detector's outputs are read
 *   label_column: 0         # csv
 *   label_offset: 1         # added to labels: models with a background class
 *   dtype: i8               # raw: element type, shape of a sample, its quantisation
 *   shape: [49, 10, 1]
 *   scale: 0.5847
 *   zero_point: 83
 *   sample_rate: 16000      # of audio, as the model was trained
 *   metric: top1
 *   splits: {test: {first: 0, count: 3000}, calibration: {data: train.gz, indices: samples.npy}}
 *   preprocess: {resize: pillow-bilinear, fit: crop, crop_fraction: 0.875, pixels: imagenet,
 *                mean: [..], std: [..], color: bgr, layout: nchw, stored: true}
 *
 * Files are hostile input, as in eao/data.h. Memory: arrays are held whole, images and audio are
 * read sample by sample. */
#ifndef EAO_DATASET_H
#define EAO_DATASET_H

#include "eao/data.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct eao_dataset eao_dataset;

/* A box around an object, in pixels of the image as it is in the file; in shares of its sides when
 * no coordinate is above 1. */
typedef struct eao_box {
  int64_t image; /* number of the sample */
  int64_t label;
  float x0, y0, x1, y1;
  float score; /* of a detection */
  bool crowd;  /* a crowd or a difficult object: neither right nor wrong */
} eao_box;

typedef enum eao_box_order {
  EAO_BOX_AUTO = 0, /* yxyx with four outputs (TFLite_Detection_PostProcess), else xyxy */
  EAO_BOX_XYXY,
  EAO_BOX_YXYX,
  EAO_BOX_CXCYWH, /* centre and sides */
  EAO_BOX_XYWH,   /* corner and sides */
} eao_box_order;

typedef struct eao_detect_spec {
  eao_box_order order;
  int64_t background; /* class of scores that is none; -1: none is */
  float nms;          /* boxes of a class that overlap more are one; not for models that do it */
} eao_detect_spec;

typedef struct eao_dataset_opts {
  const char *spec;  /* path of a description; NULL: the one that comes with the data, if any */
  const char *split; /* of the description; NULL: "test" when there is one, else all samples */
  int64_t first;     /* samples of the split to leave out at its start */
  int64_t limit;     /* at most so many after that; 0: all */
} eao_dataset_opts;

typedef struct eao_dataset_info {
  const char *format;
  int64_t n;              /* samples of the chosen split */
  int64_t n_class;        /* 0: not known */
  bool labels;            /* every sample has one */
  bool texts, boxes;      /* every sample has a text; samples have boxes */
  int64_t label_offset;   /* added to every label; eao_dataset_boxes leaves it to the caller */
  int64_t blank;          /* number of the class that CTC leaves out; -1: not said */
  bool pixels;            /* samples are images: u8 [h, w, c] */
  int32_t sample_rate_hz; /* of audio, as the description says; 0: it does not */
  const char *metric;     /* of the description; "" */
} eao_dataset_info;

eao_status eao_dataset_open(eao_ctx *ctx, const char *path, const eao_dataset_opts *opts,
                            eao_dataset **out);
void eao_dataset_close(eao_dataset *d);
eao_dataset_info eao_dataset_get(const eao_dataset *d);
/* How samples are preprocessed; may be changed. While std is 0 nothing was said: pixels become 0..1
 * for float inputs and are taken as they are by integer ones, other numbers are kept. */
eao_image_spec *eao_dataset_preprocess(eao_dataset *d);
/* Added to every label. */
void eao_dataset_set_label_offset(eao_dataset *d, int64_t offset);

/* Which sample comes k-th (k below n) when samples are taken spread over the n that there are: each
 * once, and neither runs of a class nor a period of classes are followed. */
int64_t eao_dataset_spread(int64_t n, int64_t k);

/* i below info.n. The label's number with the offset, -1: none. */
int64_t eao_dataset_label(const eao_dataset *d, int64_t i);
/* "" when it has no name. Borrowed. */
const char *eao_dataset_class(const eao_dataset *d, int64_t label);
/* Of label_kind text; NULL when there is none. Borrowed. */
const char *eao_dataset_text(const eao_dataset *d, int64_t i);
/* Of label_kind boxes: those of sample i. Labels are without the offset. Borrowed. */
const eao_box *eao_dataset_boxes(const eao_dataset *d, int64_t i, uint32_t *out_n);
const eao_detect_spec *eao_dataset_detections(const eao_dataset *d);
/* Its file below the data's folder; "" when it has none of its own. Borrowed. */
const char *eao_dataset_name(const eao_dataset *d, int64_t i);
/* Of the audio sample that was read last; 0: none was. */
int32_t eao_dataset_rate_hz(const eao_dataset *d);
/* Sample i as it is in the file: images u8 [h, w, c], audio f32 [frames]. The caller owns it. */
eao_status eao_dataset_sample(eao_dataset *d, int64_t i, eao_tensor *out);
/* Sample i fitted to a model input of this type. The caller owns it. */
eao_status eao_dataset_input(eao_dataset *d, int64_t i, const eao_tensor *type, eao_tensor *out);

#ifdef __cplusplus
}
#endif
#endif
