//===----------------------------------------------------------------------===//
// What a compiled model looks like from outside: everything that the header,
// the constant `tenon_model_info` and the manifest say about it. The driver
// fills it once; the three writers read it, so they cannot disagree.
//===----------------------------------------------------------------------===//

#ifndef TENON_COMPILER_ARTIFACT_MODELINTERFACE_H
#define TENON_COMPILER_ARTIFACT_MODELINTERFACE_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <cstdint>
#include <string>
#include <vector>

namespace tenon::artifact {

/// One dimension of an input or output.
struct Dim {
  enum class Kind : uint8_t { Fixed, Symbol, Expression };

  Kind kind = Kind::Fixed;
  /// Fixed: the size. Symbol: its index in `ModelInterface::symbols`.
  /// Expression: its largest value, or -1 where that is not known.
  int64_t value = 0;
  /// Expression: how it follows from the symbols, for people.
  std::string text;

  static Dim fixed(int64_t size) { return {Kind::Fixed, size, {}}; }
  static Dim symbol(int64_t index) { return {Kind::Symbol, index, {}}; }
  static Dim expression(std::string text, int64_t bound = -1) {
    return {Kind::Expression, bound, std::move(text)};
  }
  bool isFixed() const { return kind == Kind::Fixed; }
};

struct Tensor {
  std::string name;
  /// The parameter's name in the header; `assignIdentifiers` makes it.
  std::string identifier;
  /// A `tenon_type` of abi.h.
  int32_t type = 0;
  std::vector<Dim> dims;
};

/// A size that the caller chooses at each run, or that the run finds.
struct Symbol {
  std::string name;
  std::string identifier;
  int64_t lo = 1;
  int64_t hi = 1;
};

/// One call of a kernel, in program order.
struct Step {
  std::string name;
  std::string kernel;
  std::string kind;
  /// Made from a template of the long tail, not by an emitter.
  bool generic = false;
  /// Of what one run of it reads and writes, at the largest sizes.
  uint64_t bytes = 0;
  uint64_t flops = 0;
  /// How often a run of the program does it at most.
  uint64_t runs = 1;
};

/// A value's place in the arena and the steps between which it lives.
struct Slot {
  std::string name;
  uint64_t offset = 0;
  uint64_t bytes = 0;
  int32_t firstStep = 0;
  int32_t lastStep = 0;
};

/// How a weight is stored.
struct EncodedTensor {
  std::string name;
  std::string format;
  uint64_t bytes = 0;
  double bitsPerWeight = 0;
};

/// The code once more, for CPUs that have more features.
struct Level {
  std::string cpu;
  uint32_t cpuFeatures = 0;
  /// Begins the names of its functions.
  std::string prefix;
};

struct ModelInterface {
  /// Begins every public symbol: a C identifier.
  std::string prefix;
  /// The model's name, for people.
  std::string name;
  std::string triple;
  std::string cpu;
  std::vector<Tensor> inputs;
  std::vector<Tensor> outputs;
  std::vector<Symbol> symbols;
  /// Sizes that a run finds in its data; dims over them are Expressions.
  std::vector<Symbol> found;
  uint64_t slotBytes = 0;
  uint64_t laneBytes = 0;
  uint64_t weightBytes = 0;
  uint64_t weightDigest = 0;
  /// Empty: the weights are linked in as `<prefix>_weights`. Else the name of
  /// the file beside the artifact.
  std::string weightFile;
  uint64_t selftestSeed = 0;
  uint64_t selftestDigest = 0;
  /// Bits of `tenon_cpu_feature`.
  uint32_t cpuFeatures = 0;
  /// Above that, best first.
  std::vector<Level> levels;
  /// "vulkan": steps run on a GPU through the loader of this name; empty: on
  /// the CPU.
  std::string device;
  uint64_t deviceSlotBytes = 0;
  int32_t deviceKernels = 0;
  std::vector<Step> steps;
  /// Whether `<prefix>_late_costs` gives steps the costs of smaller sizes.
  bool hasLateCosts = false;
  /// What the checks of sizes compare and between what bounds sizes are found,
  /// in order: "add1: n = m", "topk1: k = 0..100".
  std::vector<std::string> checks;
  std::vector<Slot> slots;
  std::vector<EncodedTensor> encodings;

  bool hasEmbeddedWeights() const {
    return weightBytes != 0 && weightFile.empty();
  }
};

/// What the header needs to know of an element type.
struct ElementType {
  const char *spelling; ///< in abi.h, without TENON_
  const char *cType;
  unsigned bits;
};

/// The facts of a `tenon_type`, or null for a number that abi.h has not.
const ElementType *lookupElementType(int32_t type);

/// `[1, seq, 2*seq + 1]`
std::string formatShape(const ModelInterface &model, const Tensor &tensor);

/// Elements of a tensor whose dims are all fixed; -1 where one is not or the
/// product overflows.
int64_t countElements(const Tensor &tensor);

/// Refuses what the writers could not express: a prefix that is no C
/// identifier, types abi.h has not, symbols that do not exist.
llvm::Error verifyInterface(const ModelInterface &model);

} // namespace tenon::artifact

#endif // TENON_COMPILER_ARTIFACT_MODELINTERFACE_H
