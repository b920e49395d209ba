//===- Model.h - an ONNX model in plain structs -----------------*- C++ -*-===//
//
// What the importer sees of a model file: no protobuf, no MLIR. loadModel has
// already parsed, checked, inlined, converted and sorted; weights stay in the
// mapped files and are only pointed to.
//
//===----------------------------------------------------------------------===//

#ifndef TENON_FRONTENDS_ONNX_MODEL_H
#define TENON_FRONTENDS_ONNX_MODEL_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/MemoryBuffer.h"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace tenon::onnx {

/// The ai.onnx opset every loaded model has been converted to.
constexpr int64_t kOpset = 28;

/// Element types, numbered as TensorProto.DataType.
enum class DataType : int {
  Undefined = 0,
  Float = 1,
  Uint8 = 2,
  Int8 = 3,
  Uint16 = 4,
  Int16 = 5,
  Int32 = 6,
  Int64 = 7,
  String = 8,
  Bool = 9,
  Float16 = 10,
  Double = 11,
  Uint32 = 12,
  Uint64 = 13,
  Complex64 = 14,
  Complex128 = 15,
  Bfloat16 = 16,
  Float8E4M3FN = 17,
  Float8E4M3FNUZ = 18,
  Float8E5M2 = 19,
  Float8E5M2FNUZ = 20,
  Uint4 = 21,
  Int4 = 22,
  Float4E2M1 = 23,
  Float8E8M0 = 24,
  Uint2 = 25,
  Int2 = 26,
  Float6E2M3 = 27,
  Float6E3M2 = 28,
};

/// "float", "int64", ... as ONNX's text format writes them; "undefined" for a
/// number that is no element type.
llvm::StringRef dataTypeName(DataType type);

/// Bits of one element in raw_data: 2, 4, 6, 8, ..., 128; 0 for strings and
/// undefined.
unsigned dataTypeBits(DataType type);

/// One dimension: static when `value` is not negative, else named by `symbol`,
/// which may be empty.
struct Dim {
  int64_t value = -1;
  std::string symbol;

  bool isStatic() const { return value >= 0; }
};

struct TensorType {
  DataType element = DataType::Undefined;
  bool ranked = false;
  std::vector<Dim> dims;
};

enum class ValueKind { Tensor, Sequence, Optional, Map, Sparse, Unknown };

/// A named value with the type the model (or shape inference) gives it. For a
/// sequence or optional of tensors `type` is the type of those tensors.
struct ValueInfo {
  std::string name;
  ValueKind kind = ValueKind::Unknown;
  TensorType type;
};

/// A constant tensor. `bytes` are little-endian and packed as raw_data is;
/// they point into Model::files[file], or into memory the Model owns.
struct TensorData {
  std::string name;
  DataType type = DataType::Undefined;
  std::vector<int64_t> dims;
  llvm::ArrayRef<char> bytes;
  /// Index into Model::files, or -1 for memory the Model owns.
  int file = -1;
  /// Where in that file `bytes` begin; not aligned to anything.
  uint64_t offset = 0;
  /// The elements of a tensor of strings, which has no `bytes`.
  std::vector<std::string> strings;

  int64_t elements() const;
};

struct Graph;

/// COO form: the values and their (linear or multi-) indices.
struct SparseTensorData {
  TensorData values;
  TensorData indices;
  std::vector<int64_t> dims;
};

struct Attribute {
  enum Kind {
    Undefined,
    Float,
    Int,
    String,
    Tensor,
    Graph,
    SparseTensor,
    Type,
    Floats,
    Ints,
    Strings,
    Tensors,
    Graphs,
    SparseTensors,
    Types,
  };

  std::string name;
  Kind kind = Undefined;
  int64_t i = 0;
  float f = 0;
  std::string s;
  std::vector<int64_t> ints;
  std::vector<float> floats;
  std::vector<std::string> strings;
  /// One for Tensor, any number for Tensors; the same below.
  std::vector<TensorData> tensors;
  std::vector<SparseTensorData> sparseTensors;
  std::vector<tenon::onnx::Graph> graphs;
  std::vector<ValueInfo> types;
};

struct Node {
  /// Never empty; a node without a name gets "<opType>_<index>". Unique in
  /// the model.
  std::string name;
  /// "" for ai.onnx.
  std::string domain;
  std::string opType;
  /// An empty name is an omitted optional operand or result.
  std::vector<std::string> inputs;
  std::vector<std::string> outputs;
  std::vector<Attribute> attributes;
  /// Position in the listing of the loaded model: depth first, each node
  /// before the nodes of its subgraphs.
  int index = -1;

  const Attribute *find(llvm::StringRef attribute) const;
  bool has(llvm::StringRef attribute) const { return find(attribute); }
  /// Whether operand `i` is given.
  bool hasInput(size_t i) const {
    return i < inputs.size() && !inputs[i].empty();
  }
  bool hasOutput(size_t i) const {
    return i < outputs.size() && !outputs[i].empty();
  }

  // The attribute's value, or the default if it is absent or of another kind.
  int64_t getInt(llvm::StringRef attribute, int64_t otherwise) const;
  float getFloat(llvm::StringRef attribute, float otherwise) const;
  llvm::StringRef getString(llvm::StringRef attribute,
                            llvm::StringRef otherwise) const;
  llvm::ArrayRef<int64_t> getInts(llvm::StringRef attribute) const;
  llvm::ArrayRef<float> getFloats(llvm::StringRef attribute) const;
  llvm::ArrayRef<std::string> getStrings(llvm::StringRef attribute) const;
  const TensorData *getTensor(llvm::StringRef attribute) const;
  const Graph *getGraph(llvm::StringRef attribute) const;
};

struct Graph {
  std::string name;
  /// Sorted: a node stands after those whose results it, or a subgraph of it,
  /// reads.
  std::vector<Node> nodes;
  std::vector<TensorData> initializers;
  std::vector<SparseTensorData> sparseInitializers;
  /// Without those that an initializer gives a value: they are constants.
  std::vector<ValueInfo> inputs;
  std::vector<ValueInfo> outputs;
  /// Types of inner values, declared by the model or found by ONNX's shape
  /// inference; a hint, and not for every value.
  std::vector<ValueInfo> valueInfos;
};

/// A mapped file that weights lie in.
struct File {
  std::string path;
  std::shared_ptr<llvm::MemoryBuffer> buffer;
};

struct Model {
  Graph graph;
  /// Domain ("" for ai.onnx) to version, after conversion.
  std::map<std::string, int64_t> opsets;
  /// The ai.onnx opset the file had, 0 if it imports none.
  int64_t originalOpset = 0;
  int64_t irVersion = 0;
  int64_t modelVersion = 0;
  std::string producerName;
  std::string producerVersion;
  std::string domain;
  std::string docString;
  std::vector<std::pair<std::string, std::string>> metadata;
  /// What was put right while loading and the user may want to know.
  std::vector<std::string> warnings;
  /// files[0] is the model file itself.
  std::vector<File> files;
  /// What TensorData with file == -1 points to.
  std::vector<std::unique_ptr<llvm::MemoryBuffer>> owned;
};

struct LoadOptions {
  /// Whether the importer has a translator for this operator. One it does not
  /// translate is replaced by its schema's function body, if it has one. An
  /// absent function means: translate all, expand nothing.
  std::function<bool(llvm::StringRef domain, llvm::StringRef opType)>
      hasTranslator;
};

/// Reads a model: .onnx, or ONNX text (.onnxtxt, .onnx.txt); by content where
/// the extension does not tell. The Model keeps the files mapped.
llvm::Expected<Model> loadModel(llvm::StringRef path,
                                const LoadOptions &options);

/// The same for bytes in memory, which must outlive the Model. External data
/// is refused, since there is no folder to look in.
llvm::Expected<Model> loadModelFromMemory(llvm::MemoryBufferRef buffer,
                                          const LoadOptions &options);

} // namespace tenon::onnx

#endif // TENON_FRONTENDS_ONNX_MODEL_H
