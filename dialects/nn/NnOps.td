#ifndef TENON_DIALECTS_NN_NNOPS_TD
#define TENON_DIALECTS_NN_NNOPS_TD

include "dialects/nn/NnAttrs.td"
include "dialects/nn/NnDialect.td"
include "dialects/nn/NnInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

class Nn_Op<string mnemonic, list<Trait> traits = []>
    : Op<Nn_Dialect, mnemonic,
         !listconcat(traits, [Pure, DeclareOpInterfaceMethods<Nn_DimsOpInterface>])>;

//===----------------------------------------------------------------------===//
// Element-wise operations
//===----------------------------------------------------------------------===//

class Nn_ElementwiseOp<string mnemonic, list<Trait> traits = []>
    : Nn_Op<mnemonic, !listconcat(traits, [
          DeclareOpInterfaceMethods<Nn_ElementwiseOpInterface>])> {
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = "operands attr-dict `:` functional-type(operands, results)";
}

/// One operand, the same shape.
class Nn_UnaryOp<string mnemonic, string text> : Nn_ElementwiseOp<mnemonic> {
  let summary = text;
  let arguments = (ins AnyRankedTensor:$input);
}

/// Two operands, numpy broadcasting.
class Nn_BinaryOp<string mnemonic, string text, list<Trait> traits = []>
    : Nn_ElementwiseOp<mnemonic, traits> {
  let summary = text;
  let arguments = (ins AnyRankedTensor:$lhs, AnyRankedTensor:$rhs);
}

def Nn_AbsOp : Nn_UnaryOp<"abs", "|x|">;
def Nn_NegOp : Nn_UnaryOp<"neg", "-x">;
def Nn_SignOp : Nn_UnaryOp<"sign", "-1, 0 or 1">;
def Nn_ReciprocalOp : Nn_UnaryOp<"reciprocal", "1 / x">;
def Nn_FloorOp : Nn_UnaryOp<"floor", "Round down">;
def Nn_CeilOp : Nn_UnaryOp<"ceil", "Round up">;
def Nn_RoundOp : Nn_UnaryOp<"round", "Round to nearest, ties to even">;
def Nn_SqrtOp : Nn_UnaryOp<"sqrt", "Square root">;
def Nn_ExpOp : Nn_UnaryOp<"exp", "e^x">;
def Nn_LogOp : Nn_UnaryOp<"log", "Natural logarithm">;
def Nn_SinOp : Nn_UnaryOp<"sin", "Sine, radians">;
def Nn_CosOp : Nn_UnaryOp<"cos", "Cosine, radians">;
def Nn_TanOp : Nn_UnaryOp<"tan", "Tangent, radians">;
def Nn_AsinOp : Nn_UnaryOp<"asin", "Inverse sine">;
def Nn_AcosOp : Nn_UnaryOp<"acos", "Inverse cosine">;
def Nn_AtanOp : Nn_UnaryOp<"atan", "Inverse tangent">;
def Nn_SinhOp : Nn_UnaryOp<"sinh", "Hyperbolic sine">;
def Nn_CoshOp : Nn_UnaryOp<"cosh", "Hyperbolic cosine">;
def Nn_AsinhOp : Nn_UnaryOp<"asinh", "Inverse hyperbolic sine">;
def Nn_AcoshOp : Nn_UnaryOp<"acosh", "Inverse hyperbolic cosine">;
def Nn_AtanhOp : Nn_UnaryOp<"atanh", "Inverse hyperbolic tangent">;
def Nn_TanhOp : Nn_UnaryOp<"tanh", "Hyperbolic tangent">;
def Nn_ErfOp : Nn_UnaryOp<"erf", "Error function">;
def Nn_SigmoidOp : Nn_UnaryOp<"sigmoid", "1 / (1 + e^-x)">;
def Nn_ReluOp : Nn_UnaryOp<"relu", "max(x, 0); NaN stays NaN">;
def Nn_SiluOp : Nn_UnaryOp<"silu", "x * sigmoid(x)">;
def Nn_NotOp : Nn_UnaryOp<"not", "Logical or bitwise complement">;

def Nn_AddOp : Nn_BinaryOp<"add", "Sum">;
def Nn_SubOp : Nn_BinaryOp<"sub", "Difference">;
def Nn_MulOp : Nn_BinaryOp<"mul", "Product">;
def Nn_DivOp : Nn_BinaryOp<"div", "Quotient; integers truncate; x / 0 is 0 for integers">;
def Nn_PowOp : Nn_BinaryOp<"pow", "x to the y">;
def Nn_MaxOp : Nn_BinaryOp<"max", "The larger; NaN wins">;
def Nn_MinOp : Nn_BinaryOp<"min", "The smaller; NaN wins">;
def Nn_AndOp : Nn_BinaryOp<"and", "Logical or bitwise and">;
def Nn_OrOp : Nn_BinaryOp<"or", "Logical or bitwise or">;
def Nn_XorOp : Nn_BinaryOp<"xor", "Logical or bitwise exclusive or">;
def Nn_ShiftLeftOp : Nn_BinaryOp<"shift_left", "x << y; 0 where y is past the width">;
def Nn_ShiftRightOp : Nn_BinaryOp<"shift_right", "x >> y; the sign (or 0) where y is past the width">;

def Nn_ModOp : Nn_BinaryOp<"mod", "Remainder; `fmod`: its sign is the dividend's, else the divisor's"> {
  let arguments = (ins AnyRankedTensor:$lhs, AnyRankedTensor:$rhs, UnitAttr:$fmod);
}

def Nn_CompareOp : Nn_BinaryOp<"compare", "A comparison; the result is bool"> {
  let arguments = (ins AnyRankedTensor:$lhs, AnyRankedTensor:$rhs, Nn_PredicateAttr:$predicate);
}

def Nn_IsNanOp : Nn_UnaryOp<"is_nan", "True where x is not a number">;

def Nn_IsInfOp : Nn_UnaryOp<"is_inf", "True where x is infinite with a sign asked for"> {
  let arguments = (ins AnyRankedTensor:$input, BoolAttr:$positive, BoolAttr:$negative);
}

def Nn_GeluOp : Nn_UnaryOp<"gelu", "x * Phi(x), exact by erf or approximated by tanh"> {
  let description = [{
    Exact: `0.5 x (1 + erf(x / sqrt 2))`; with `approximate`:
    `0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))` (Hendrycks & Gimpel,
    arXiv 1606.08415).
  }];
  let arguments = (ins AnyRankedTensor:$input, UnitAttr:$approximate);
}

def Nn_CastOp : Nn_UnaryOp<"cast", "Convert the element type"> {
  let description = [{
    Float to integer truncates toward zero and saturates; integer to integer
    wraps; to bool is `x != 0`; between floats rounds to nearest even. NaN
    becomes 0 in an integer. `saturate` concerns float8 results only.
  }];
  let arguments = (ins AnyRankedTensor:$input, DefaultValuedAttr<BoolAttr, "true">:$saturate);
}

def Nn_BitcastOp : Nn_UnaryOp<"bitcast", "The same bits as another type of that width">;

def Nn_SelectOp : Nn_ElementwiseOp<"select"> {
  let summary = "lhs where the condition holds, else rhs; all three broadcast";
  let arguments = (ins AnyRankedTensor:$condition, AnyRankedTensor:$lhs, AnyRankedTensor:$rhs);
}

def Nn_QuantizeOp : Nn_ElementwiseOp<"quantize"> {
  let summary = "saturate(round_half_even(x / scale) + zero_point)";
  let description = [{
    ONNX QuantizeLinear; scale and zero point are already shaped so that they
    broadcast against `input`.
  }];
  let arguments = (ins AnyRankedTensor:$input, AnyRankedTensor:$scale,
                       Optional<AnyRankedTensor>:$zeroPoint,
                       DefaultValuedAttr<BoolAttr, "true">:$saturate);
}

//===----------------------------------------------------------------------===//
// Shape and movement
//===----------------------------------------------------------------------===//

class Nn_MoveOp<string mnemonic, list<Trait> traits = []> : Nn_Op<mnemonic, traits> {
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = "operands attr-dict `:` functional-type(operands, results)";
}

def Nn_DimsOp : Nn_MoveOp<"dims"> {
  let summary = "A small integer tensor of sizes, computed from the symbols";
  let arguments = (ins Nn_DimsAttr:$values, Nn_DimsAttr:$shape);
}

def Nn_SizeOp : Op<Nn_Dialect, "size", [
    DeclareOpInterfaceMethods<Nn_DimsOpInterface, ["describeRegions"]>]> {
  let summary = "A size that the data decide, as a symbol";
  let description = [{
    From here to the end of its block the symbol stands for the value, one
    integer. Buffers are planned at `upper`; a value outside the bounds ends the
    run with TENON_SIZE_OUT_OF_BOUNDS at this operation's node.

    ```mlir
    nn.size "kept" = %count in 0 to 100 : tensor<i64>
    ```
  }];
  let arguments = (ins StrAttr:$symbol, AnyRankedTensor:$value, I64Attr:$lower, I64Attr:$upper);
  let assemblyFormat = "$symbol `=` $value `in` $lower `to` $upper attr-dict `:` type($value)";
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    ::tenon::DimRange getRange() { return {(int64_t)getLower(), (int64_t)getUpper()}; }
  }];
}

def Nn_ReshapeOp : Nn_MoveOp<"reshape"> {
  let summary = "The same elements in row-major order with another shape";
  let arguments = (ins AnyRankedTensor:$input, Nn_DimsAttr:$shape);
}

def Nn_ExpandOp : Nn_MoveOp<"expand"> {
  let summary = "Repeat along dimensions of size one, numpy style";
  let arguments = (ins AnyRankedTensor:$input, Nn_DimsAttr:$shape);
}

def Nn_TransposeOp : Nn_MoveOp<"transpose"> {
  let summary = "Result dimension i is operand dimension permutation[i]";
  let arguments = (ins AnyRankedTensor:$input, DenseI64ArrayAttr:$permutation);
}

def Nn_SliceOp : Nn_MoveOp<"slice"> {
  let summary = "Elements starts + i * steps of each dimension";
  let description = [{
    `starts` and `shape` are already clamped to the operand; a negative step
    walks back from its start.
  }];
  let arguments = (ins AnyRankedTensor:$input, Nn_DimsAttr:$starts,
                       DenseI64ArrayAttr:$steps, Nn_DimsAttr:$shape);
}

def Nn_EmptyOp : Op<Nn_Dialect, "empty", [DeclareOpInterfaceMethods<Nn_DimsOpInterface>]> {
  let summary = "A tensor to be filled by nn.insert_slice";
  let description = "Each is a tensor of its own: two are never merged into one.";
  let arguments = (ins Nn_DimsAttr:$shape);
  let results = (outs Res<AnyRankedTensor, "", [MemAlloc]>:$result);
  let assemblyFormat = "$shape attr-dict `:` type($result)";
}

def Nn_InsertSliceOp : Nn_MoveOp<"insert_slice"> {
  let summary = "`dest` with `source` put in at `starts`";
  let description = [{
    The result of a loop, step by step: the carried `dest` is updated in place
    where nobody else reads it.
  }];
  let arguments = (ins AnyRankedTensor:$source, AnyRankedTensor:$dest, Nn_DimsAttr:$starts);
  let hasVerifier = 1;
}

def Nn_ConcatOp : Nn_MoveOp<"concat"> {
  let summary = "Operands one after another along an axis";
  let arguments = (ins Variadic<AnyRankedTensor>:$inputs, I64Attr:$axis);
}

def Nn_PadOp : Nn_MoveOp<"pad"> {
  let summary = "Add elements before and after each dimension";
  let description = [{
    `low` and `high` may be negative (they crop). `value` (a scalar) is what
    the constant mode puts outside; zero if absent.
  }];
  let arguments = (ins AnyRankedTensor:$input, Optional<AnyRankedTensor>:$value,
                       Nn_DimsAttr:$low, Nn_DimsAttr:$high, Nn_PadModeAttr:$mode);
  let assemblyFormat = "operands attr-dict `:` functional-type(operands, results)";
}

def Nn_TileOp : Nn_MoveOp<"tile"> {
  let summary = "Repeat each dimension";
  let arguments = (ins AnyRankedTensor:$input, Nn_DimsAttr:$repeats);
}

def Nn_IotaOp : Nn_MoveOp<"iota"> {
  let summary = "start + i * delta";
  let description = "`start` and `delta` are scalar tensors of the result's type.";
  let arguments = (ins AnyRankedTensor:$start, AnyRankedTensor:$delta, Nn_DimsAttr:$shape);
}

def Nn_TriluOp : Nn_MoveOp<"trilu"> {
  let summary = "Keep the upper or lower triangle of the last two dimensions";
  let arguments = (ins AnyRankedTensor:$input, Optional<AnyRankedTensor>:$k, BoolAttr:$upper);
}

def Nn_OneHotOp : Nn_MoveOp<"one_hot"> {
  let summary = "on where the new axis' position is the index, else off";
  let description = "`values` is [off, on]; negative indices count from `depth`.";
  let arguments = (ins AnyRankedTensor:$indices, AnyRankedTensor:$values,
                       Nn_DimsAttr:$depth, I64Attr:$axis);
}

def Nn_GatherOp : Nn_MoveOp<"gather"> {
  let summary = "Slices of `data` along `axis` at `indices`";
  let description = [{
    Negative indices count from the end; one outside is reported at run time
    as TENON_INDEX_OUT_OF_BOUNDS.
  }];
  let arguments = (ins AnyRankedTensor:$data, AnyRankedTensor:$indices, I64Attr:$axis);
}

def Nn_GatherElementsOp : Nn_MoveOp<"gather_elements"> {
  let summary = "data with its position along `axis` replaced by indices";
  let arguments = (ins AnyRankedTensor:$data, AnyRankedTensor:$indices, I64Attr:$axis);
}

def Nn_GatherNdOp : Nn_MoveOp<"gather_nd"> {
  let summary = "Slices of `data` at the index tuples of the last dimension of `indices`";
  let arguments = (ins AnyRankedTensor:$data, AnyRankedTensor:$indices, I64Attr:$batchDims);
}

def Nn_ScatterElementsOp : Nn_MoveOp<"scatter_elements"> {
  let summary = "`data` with `updates` put in where `indices` say along `axis`";
  let description = [{
    ONNX ScatterElements: result[.., indices[p], ..] meets updates[p] for each
    place p of `updates`, in row-major order, so that the last of equal indices
    wins and sums have one order. Negative indices count from the end; one
    outside is reported at run time.
  }];
  let arguments = (ins AnyRankedTensor:$data, AnyRankedTensor:$indices,
                       AnyRankedTensor:$updates, I64Attr:$axis, Nn_ScatterKindAttr:$kind);
  let hasVerifier = 1;
}

def Nn_ScatterNdOp : Nn_MoveOp<"scatter_nd"> {
  let summary = "`data` with slices put in at index tuples";
  let description = [{
    ONNX ScatterND: the last dimension of `indices` is a tuple that names a
    slice of `data`; `updates` holds one slice per tuple, in row-major order.
  }];
  let arguments = (ins AnyRankedTensor:$data, AnyRankedTensor:$indices,
                       AnyRankedTensor:$updates, Nn_ScatterKindAttr:$kind);
  let hasVerifier = 1;
}

def Nn_TopKOp : Nn_MoveOp<"top_k"> {
  let summary = "Positions of the `count` largest (or smallest) along an axis, best first";
  let description = [{
    Of equal elements the one with the lower position comes first (ONNX TopK),
    so a `count` of the whole axis is a stable sort. The result is i64.
  }];
  let arguments = (ins AnyRankedTensor:$input, I64Attr:$axis, BoolAttr:$largest,
                       Nn_DimsAttr:$count);
  let hasVerifier = 1;
}

def Nn_TruePositionsOp : Nn_MoveOp<"true_positions"> {
  let summary = "Positions where a vector of bool is true, in order";
  let description = [{
    The result has `count` elements of i64; a vector with more or fewer true
    elements is reported as TENON_SIZE_OUT_OF_BOUNDS when the model runs.
  }];
  let arguments = (ins AnyRankedTensor:$input, Nn_DimsAttr:$count);
  let hasVerifier = 1;
}

def Nn_NonMaxSuppressionOp : Nn_MoveOp<"non_max_suppression"> {
  let summary = "Boxes of highest score that overlap no better one";
  let description = [{
    ONNX NonMaxSuppression: for each image and class the best box is taken
    while its score is above `scoreThreshold`, at most `limit` times, and boxes
    whose intersection over union with it is above `iouThreshold` are dropped.
    Rows of the result are (image, class, box) in i64. There is room for
    `count`; those not needed are -1, and more than fit are reported as
    TENON_SIZE_OUT_OF_BOUNDS when the model runs.
    `boxes` is [images, n, 4] (corners, or centre and size with `centers`),
    `scores` [images, classes, n].
  }];
  let arguments = (ins AnyRankedTensor:$boxes, AnyRankedTensor:$scores,
                       AnyRankedTensor:$limit, AnyRankedTensor:$iouThreshold,
                       AnyRankedTensor:$scoreThreshold, UnitAttr:$centers,
                       Nn_DimsAttr:$count);
  let hasVerifier = 1;
}

def Nn_GridSampleOp : Nn_MoveOp<"grid_sample"> {
  let summary = "Samples of `input` at the places that `grid` names";
  let description = [{
    ONNX GridSample: `input` is [N, C, spatial...], `grid` [N, out...,
    spatial rank] with coordinates from -1 to 1, the last dimension first.
    With `alignCorners` -1 and 1 are the centres of the outermost elements,
    else their outer edges. Cubic takes two spatial dimensions and the
    coefficient -0.75.
  }];
  let arguments = (ins AnyRankedTensor:$input, AnyRankedTensor:$grid,
                       Nn_SampleModeAttr:$mode, Nn_GridPaddingAttr:$padding,
                       UnitAttr:$alignCorners);
  let hasVerifier = 1;
}

def Nn_RoiAlignOp : Nn_MoveOp<"roi_align"> {
  let summary = "Bilinear samples of regions, combined in bins (He et al., arXiv 1703.06870)";
  let description = [{
    ONNX RoiAlign: `input` [N, C, H, W], `rois` [R, 4] as (x1, y1, x2, y2),
    `batch` [R] the image of each. A bin's samples are averaged, or the largest
    weighted neighbour is taken (`max`). `samplingRatio` 0 takes
    ceil(size of a bin) samples along each side. `halfPixel` shifts by -0.5.
  }];
  let arguments = (ins AnyRankedTensor:$input, AnyRankedTensor:$rois, AnyRankedTensor:$batch,
                       I64Attr:$height, I64Attr:$width, I64Attr:$samplingRatio,
                       F64Attr:$spatialScale, UnitAttr:$max, UnitAttr:$halfPixel);
  let hasVerifier = 1;
}

def Nn_DeformColumnsOp : Nn_MoveOp<"deform_columns"> {
  let summary = "What a deformable convolution multiplies with its weights (arXiv 1811.11168)";
  let description = [{
    `input` [N, C, H, W], `offset` [N, g * kh * kw * 2, oh, ow] as (y, x) pairs,
    `mask` [N, g * kh * kw, oh, ow], with g groups of channels. The result is
    [N, C, kh * kw, oh * ow]: bilinear samples, zero outside, times the mask.
  }];
  let arguments = (ins AnyRankedTensor:$input, AnyRankedTensor:$offset,
                       Optional<AnyRankedTensor>:$mask, DenseI64ArrayAttr:$window,
                       DenseI64ArrayAttr:$strides, DenseI64ArrayAttr:$dilations,
                       DenseI64ArrayAttr:$low, I64Attr:$groups);
  let hasVerifier = 1;
}

def Nn_InterleaveOp : Nn_MoveOp<"interleave"> {
  let summary = "Phases woven into one: element s*q + r of a dimension is element q of phase r";
  let description = [{
    One input for each combination of remainders of the spatial dimensions
    (from the third on), in row-major order; `steps` says how many remainders a
    dimension has, `shape` are the spatial sizes of the result.
  }];
  let arguments = (ins Variadic<AnyRankedTensor>:$inputs, DenseI64ArrayAttr:$steps,
                       Nn_DimsAttr:$shape);
  let hasVerifier = 1;
}

def Nn_DeterminantOp : Nn_MoveOp<"determinant"> {
  let summary = "Determinant of the matrices of the last two dimensions, by elimination with pivots";
  let arguments = (ins AnyRankedTensor:$input);
  let hasVerifier = 1;
}

def Nn_ResizeOp : Nn_MoveOp<"resize"> {
  let summary = "Interpolate to another size (ONNX Resize)";
  let description = [{
    `scales` per dimension (result / operand; 0: the ratio of the sizes when
    the model runs); `mode` nearest, linear or cubic;
    `coordinates` as ONNX's coordinate_transformation_mode; `roi` as given.
  }];
  let arguments = (ins AnyRankedTensor:$input, Nn_DimsAttr:$shape,
                       DenseF64ArrayAttr:$scales, DenseF64ArrayAttr:$roi, StrAttr:$mode,
                       StrAttr:$coordinates, StrAttr:$nearest, F64Attr:$cubicCoefficient,
                       BoolAttr:$excludeOutside, BoolAttr:$antialias, F64Attr:$extrapolation);
}

//===----------------------------------------------------------------------===//
// Reductions, products, windows
//===----------------------------------------------------------------------===//

def Nn_ReduceOp : Nn_MoveOp<"reduce"> {
  let summary = "Combine the elements along `axes`";
  let arguments = (ins AnyRankedTensor:$input, Nn_ReduceKindAttr:$kind,
                       DenseI64ArrayAttr:$axes, BoolAttr:$keepdims);
}

def Nn_ArgReduceOp : Nn_MoveOp<"arg_reduce"> {
  let summary = "Position of the largest or smallest element along an axis";
  let arguments = (ins AnyRankedTensor:$input, I64Attr:$axis, BoolAttr:$largest,
                       BoolAttr:$selectLast, BoolAttr:$keepdims);
}

def Nn_SoftmaxOp : Nn_MoveOp<"softmax"> {
  let summary = "exp(x - max) / sum along an axis; `log`: its logarithm";
  let arguments = (ins AnyRankedTensor:$input, I64Attr:$axis, UnitAttr:$log);
}

def Nn_NormOp : Nn_MoveOp<"norm", [AttrSizedOperandSegments]> {
  let summary = "Normalise over the last dimensions from `axis` on";
  let description = [{
    y = (x - mean) / sqrt(var + epsilon) * scale + bias; with `rms` mean is 0
    and var the mean of squares. scale and bias broadcast against the input.
    Layer normalisation (arXiv 1607.06450) and RMS norm (arXiv 1910.07467).
  }];
  let arguments = (ins AnyRankedTensor:$input, Optional<AnyRankedTensor>:$scale,
                       Optional<AnyRankedTensor>:$bias, I64Attr:$axis,
                       F32Attr:$epsilon, UnitAttr:$rms);
  let assemblyFormat = "`(` $input (`scale` $scale^)? (`bias` $bias^)? `)` attr-dict `:` functional-type(operands, results)";
}

def Nn_CumulateOp : Nn_MoveOp<"cumulate"> {
  let summary = "Running sum or product along an axis";
  let arguments = (ins AnyRankedTensor:$input, Nn_ReduceKindAttr:$kind, I64Attr:$axis,
                       BoolAttr:$exclusive, BoolAttr:$reverse);
}

def Nn_MatmulOp : Nn_MoveOp<"matmul"> {
  let summary = "Matrix product of the last two dimensions; the others broadcast";
  let description = [{
    [..., M, K] x [..., K, N] -> [..., M, N], both operands at least rank 2.
    Integer operands are widened to the result's type first.
  }];
  let arguments = (ins AnyRankedTensor:$lhs, AnyRankedTensor:$rhs);
}

def Nn_ConvOp : Nn_MoveOp<"conv"> {
  let summary = "Convolution (cross-correlation), NC<spatial> by OC/g<window>";
  let description = [{
    With `blocked` the result is in blocks of 16 channels, and so is the input
    unless its rank is the weights'.
  }];
  let arguments = (ins AnyRankedTensor:$input, AnyRankedTensor:$weights,
                       Optional<AnyRankedTensor>:$bias,
                       DenseI64ArrayAttr:$strides, DenseI64ArrayAttr:$dilations,
                       Nn_DimsAttr:$low, Nn_DimsAttr:$high, I64Attr:$group,
                       UnitAttr:$blocked);
}

def Nn_PoolIndicesOp : Nn_MoveOp<"pool_indices"> {
  let summary = "Where the largest element of each window stands";
  let description = [{
    The second result of ONNX MaxPool: positions in the flattened operand, i64;
    `columnMajor` counts the last two dimensions the other way round. Of equal
    elements the first counts.
  }];
  let arguments = (ins AnyRankedTensor:$input,
                       DenseI64ArrayAttr:$window, DenseI64ArrayAttr:$strides,
                       DenseI64ArrayAttr:$dilations, Nn_DimsAttr:$low,
                       Nn_DimsAttr:$shape, UnitAttr:$columnMajor);
}

def Nn_DepthwiseConvOp : Nn_MoveOp<"depthwise_conv"> {
  let summary = "Convolution with one channel per group, in blocks of 16 channels";
  let description = [{
    Input and result are [N, blocks, spatial..., 16], weights
    [blocks, window..., 16], bias [blocks * 16].
  }];
  let arguments = (ins AnyRankedTensor:$input, AnyRankedTensor:$weights,
                       Optional<AnyRankedTensor>:$bias,
                       DenseI64ArrayAttr:$strides, DenseI64ArrayAttr:$dilations,
                       Nn_DimsAttr:$low, Nn_DimsAttr:$high);
}

def Nn_ToBlocksOp : Nn_MoveOp<"to_blocks"> {
  let summary = "[N, C, spatial...] as [N, ceil(C/16), spatial..., 16], zeros behind C";
  let arguments = (ins AnyRankedTensor:$input);
}

def Nn_FromBlocksOp : Nn_MoveOp<"from_blocks"> {
  let summary = "[N, blocks, spatial..., 16] as [N, channels, spatial...]";
  let arguments = (ins AnyRankedTensor:$input, I64Attr:$channels);
}

def Nn_ConvTransposeOp : Nn_MoveOp<"conv_transpose"> {
  let summary = "Transposed convolution; `shape` are the spatial result sizes";
  let arguments = (ins AnyRankedTensor:$input, AnyRankedTensor:$weights,
                       Optional<AnyRankedTensor>:$bias,
                       DenseI64ArrayAttr:$strides, DenseI64ArrayAttr:$dilations,
                       Nn_DimsAttr:$low, Nn_DimsAttr:$shape, I64Attr:$group);
}

def Nn_PoolOp : Nn_MoveOp<"pool"> {
  let summary = "Combine windows of the spatial dimensions";
  let description = [{
    Elements outside count as absent, except that `countPad` lets an average
    divide by the whole window. `shape` are the spatial result sizes (ONNX
    ceil_mode changes them). With `blocked`, input and result are in blocks of
    16 channels.
  }];
  let arguments = (ins AnyRankedTensor:$input, Nn_PoolKindAttr:$kind,
                       DenseI64ArrayAttr:$window, DenseI64ArrayAttr:$strides,
                       DenseI64ArrayAttr:$dilations, Nn_DimsAttr:$low, Nn_DimsAttr:$high,
                       Nn_DimsAttr:$shape, BoolAttr:$countPad, I64Attr:$p,
                       UnitAttr:$blocked);
}

#endif
