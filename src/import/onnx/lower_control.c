#include "import/onnx/lower.h"

const onnx_rule onnx_rules_control[] = {
    {0},
};
