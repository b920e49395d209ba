//===----------------------------------------------------------------------===//
// What the user wants of a compile. One struct, filled by the command line or
// by Python, passed down and never global.
//===----------------------------------------------------------------------===//

#ifndef TENON_COMPILER_DRIVER_COMPILEOPTIONS_H
#define TENON_COMPILER_DRIVER_COMPILEOPTIONS_H

#include "compiler/pipelines/Pipelines.h"
#include "frontends/onnx/Importer.h"

#include "llvm/Support/MemoryBuffer.h"

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace tenon {

/// An array that a run will be given.
struct InputData {
  /// The input's name; empty: the model's input number `index`.
  std::string name;
  size_t index = 0;
  std::vector<int64_t> dims;
  /// If not empty, instead of `dims` and of what the model says.
  std::vector<onnx::DimSpec> shape;
  /// Bind the input to these bytes, which are of its element type.
  std::optional<std::vector<char>> bound;
};

enum class WeightsPlace { Auto, Embed, File };

struct CompileOptions {
  /// The model's file. With `bytes`, its name for messages.
  std::string model;
  /// The model itself, if it is not in a file; must outlive the result.
  std::optional<llvm::MemoryBufferRef> bytes;

  /// LLVM triple or one of `tenonc targets`; empty: the host.
  std::string target;
  /// A CPU's name or "native"; empty: native, or the target's usual one.
  /// Several x86 levels have commas between.
  std::string cpu;

  /// Bounds by dimension name, shapes by input name.
  std::map<std::string, DimRange> dims;
  std::map<std::string, std::vector<onnx::DimSpec>> shapes;
  /// The largest sizes that nodes may find at run time.
  std::map<std::string, int64_t> bounds;
  /// Inputs bound to constants, as `--value` writes them ("3", "1,2", "@f.npy")
  std::map<std::string, std::string> values;
  /// Data at hand: its shapes settle what model and user leave open.
  std::vector<InputData> data;

  /// How weights are stored.
  CompressOptions compress;
  /// A file for the rows of what became of each constant, or empty.
  std::string report;

  /// Begins the symbols and names the files; empty: from the model's name.
  std::string prefix;
  WeightsPlace weights = WeightsPlace::Auto;
  /// A stage after which the IR is printed instead of going on, or empty.
  std::string stopAfter;
  /// A file for the imported IR with the passes that follow, or empty.
  std::string reproducer;
  /// Keep the IR before code generation as text (`--emit=mlir`).
  bool keepIR = false;
  /// Only what `check` needs: no code.
  bool analyzeOnly = false;
  /// Run once with random inputs and remember the digest of the outputs.
  bool selftest = true;
  unsigned threads = 2;
};

} // namespace tenon

#endif // TENON_COMPILER_DRIVER_COMPILEOPTIONS_H
