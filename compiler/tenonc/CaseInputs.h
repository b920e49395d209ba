//===----------------------------------------------------------------------===//
// How the inputs of a case are given to the compiler: as the model has them,
// with sizes that are symbols, or as constants.
//===----------------------------------------------------------------------===//

#ifndef TENON_COMPILER_TENONC_CASEINPUTS_H
#define TENON_COMPILER_TENONC_CASEINPUTS_H

#include "compiler/driver/CompileOptions.h"
#include "compiler/tenonc/NpyData.h"

namespace tenon {

enum class Variant {
  AsIs,
  /// Sizes above 1 are symbols; equal sizes share one.
  Dynamic,
  /// Every input is bound to its data.
  Constants,
};

enum class Bind { Nothing, SmallInputs, Everything };

/// Bounds of the symbol in place of each size of the data; empty: sizes are as
/// the model and the data say.
using SizeRanges = std::map<int64_t, DimRange>;

/// Whether this input is compiled into the program.
bool isBound(const NamedArray &array, size_t index, Bind bind);

/// Tells the compile about the data.
void addInputs(CompileOptions &options, const DataSet &data, Bind bind,
               const SizeRanges &sizes);

/// From 1 to twice each size above 1 of the inputs that are not bound.
SizeRanges openSizes(const DataSet &data, Bind bind);

/// Other sizes to run at, the likeliest first: all of them one more, then one
/// after the other.
std::vector<SizeRanges> otherSizes(const DataSet &data, Bind bind);

/// The inputs at other sizes, filled by repeating the data, so that indices
/// and lengths in them stay valid.
llvm::Expected<DataSet> resizeInputs(const DataSet &data, Bind bind,
                                     const SizeRanges &sizes);

} // namespace tenon

#endif // TENON_COMPILER_TENONC_CASEINPUTS_H
