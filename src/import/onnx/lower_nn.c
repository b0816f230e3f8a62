#include "import/onnx/lower.h"

const onnx_rule onnx_rules_nn[] = {
    {0},
};
