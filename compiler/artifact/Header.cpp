#include "compiler/artifact/Header.h"

#include "runtime/include/tenon/abi.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Errc.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/TargetParser/Triple.h"

using namespace llvm;
using namespace tenon::artifact;

/// The text of abi.h; CMake writes the file.
static constexpr StringLiteral abiText =
#include "compiler/artifact/AbiText.inc"
    ;

//===----------------------------------------------------------------------===//
// The part of abi.h that a caller needs
//===----------------------------------------------------------------------===//

/// Declarations of abi.h are blocks between blank lines. Those that only
/// generated code uses stay out of the header; so does the flexible array
/// member in one of them, which is no C++.
static bool isForCallers(StringRef block) {
  static constexpr StringLiteral internal[] = {
      "typedef struct tenon_lane {", "(*tenon_kernel)", "struct tenon_step {",
      "tenon_dispatch(", "tenon_fail(", "tenon_note_size(", "typedef enum tenon_device_feature {",
      "typedef struct tenon_device_kernel {"};
  return none_of(internal,
                 [&](StringRef text) { return block.contains(text); });
}

static void writeAbi(raw_ostream &os) {
  StringRef text = abiText;
  size_t begin = text.find("#define TENON_ABI_VERSION");
  size_t end = text.rfind("#ifdef __cplusplus");
  assert(begin != StringRef::npos && end != StringRef::npos && begin < end &&
         "abi.h has its version and ends its extern \"C\"");
  os << "#ifndef TENON_ABI_H\n#define TENON_ABI_H\n\n";
  SmallVector<StringRef> blocks;
  text.slice(begin, end).split(blocks, "\n\n", -1, /*KeepEmpty=*/false);
  for (StringRef block : blocks) {
    block = block.trim('\n');
    if (block.empty() || !isForCallers(block))
      continue;
    os << block << "\n\n";
  }
  os << "#elif TENON_ABI_VERSION != " << TENON_ABI_VERSION << "\n"
     << "#error \"two models in one program need the same version of Tenon\"\n"
     << "#endif /* TENON_ABI_H */\n\n";
}

//===----------------------------------------------------------------------===//
// Text of the user's names
//===----------------------------------------------------------------------===//

/// A name inside a comment must not end it.
static std::string inComment(StringRef text) {
  std::string result;
  for (char c : text) {
    bool closes = !result.empty() && ((result.back() == '*' && c == '/') ||
                                      (result.back() == '/' && c == '*'));
    if (closes)
      result += ' ';
    bool isControl = static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
    result += isControl ? '?' : c;
  }
  return result;
}

static std::string quoted(StringRef text) {
  std::string result = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\')
      result += '\\';
    result += c;
  }
  return result + '"';
}

/// "f32 [1, seq, 64]", with the name where the identifier is another.
static std::string describe(const ModelInterface &model, const Tensor &tensor) {
  const ElementType *type = lookupElementType(tensor.type);
  std::string text = StringRef(type->spelling).lower() + " ";
  text += tensor.dims.empty() ? "scalar" : formatShape(model, tensor);
  if (type->bits < 8)
    text += formatv(", {0} to a byte, first in the low bits", 8 / type->bits);
  if (tensor.name != tensor.identifier)
    text += ", " + quoted(tensor.name);
  return inComment(text);
}

static void writeTensors(const ModelInterface &model, StringRef title,
                         ArrayRef<Tensor> tensors, raw_ostream &os) {
  size_t width = 0;
  for (const Tensor &tensor : tensors)
    width = std::max(width, tensor.identifier.size());
  for (const Tensor &tensor : tensors)
    os << " *   " << title << ' ' << left_justify(tensor.identifier, width)
       << "  " << describe(model, tensor) << '\n';
}

static void writeSymbols(const ModelInterface &model, raw_ostream &os) {
  for (const Symbol &symbol : model.symbols) {
    os << " *   size " << symbol.identifier << " in " << symbol.lo << ".."
       << symbol.hi;
    if (symbol.name != symbol.identifier)
      os << ", " << inComment(quoted(symbol.name));
    os << '\n';
  }
}

//===----------------------------------------------------------------------===//
// Declarations
//===----------------------------------------------------------------------===//

/// `const float data[1][3][224][224]`, or a pointer where a size is not a
/// constant or no C array may have it.
static std::string declareParameter(const Tensor &tensor, bool isInput) {
  const ElementType *type = lookupElementType(tensor.type);
  std::string text = isInput ? "const " : "";
  text += type->cType;
  text += ' ';
  // No C compiler for 32 bits takes larger types.
  constexpr int64_t largest = INT32_MAX / 8;
  int64_t count = countElements(tensor);
  if (tensor.dims.empty() || count <= 0 || count > largest)
    return text + "*" + tensor.identifier;
  text += tensor.identifier;
  if (type->bits < 8)
    return text + formatv("[{0}]", divideCeil(count * type->bits, 8)).str();
  for (const Dim &dim : tensor.dims)
    text += formatv("[{0}]", dim.value);
  return text;
}

/// A prototype, broken before the column limit.
static void writePrototype(StringRef head, ArrayRef<std::string> parameters,
                           raw_ostream &os) {
  os << head << '(';
  size_t column = head.size() + 1;
  for (const auto &[index, parameter] : enumerate(parameters)) {
    bool isLast = index + 1 == parameters.size();
    size_t width = parameter.size() + (isLast ? 2 : 1);
    if (index > 0) {
      if (column + 1 + width > 80) {
        os << '\n' << std::string(head.size() + 1, ' ');
        column = head.size() + 1;
      } else {
        os << ' ';
        ++column;
      }
    }
    os << parameter << (isLast ? "" : ",");
    column += width;
  }
  os << ");\n";
}

static void writeRun(const ModelInterface &model, raw_ostream &os) {
  const std::string &p = model.prefix;
  if (!model.symbols.empty()) {
    os << "/* The sizes of one run. */\ntypedef struct " << p << "_dims {\n";
    for (const Symbol &symbol : model.symbols)
      os << "  int64_t " << symbol.identifier << "; /* " << symbol.lo << ".."
         << symbol.hi << " */\n";
    os << "} " << p << "_dims;\n\n";
  }
  os << "/* One inference. Buffers are dense, row by row, and aligned as their "
        "element\n * type is; the caller owns them.\n";
  writeTensors(model, "in ", model.inputs, os);
  writeTensors(model, "out", model.outputs, os);
  os << " */\n";
  std::vector<std::string> parameters = {p + " *model"};
  if (!model.symbols.empty())
    parameters.push_back("const " + p + "_dims *dims");
  for (const Tensor &tensor : model.inputs)
    parameters.push_back(declareParameter(tensor, /*isInput=*/true));
  for (const Tensor &tensor : model.outputs)
    parameters.push_back(declareParameter(tensor, /*isInput=*/false));
  writePrototype("tenon_status " + p + "_run", parameters, os);
  os << '\n';
  if (model.found.empty())
    return;
  os << "/* Sizes that a run finds in its data. Outputs have room for the "
        "largest. */\ntypedef struct "
     << p << "_sizes {\n";
  for (const Symbol &symbol : model.found)
    os << "  int64_t " << symbol.identifier << "; /* " << symbol.lo << ".."
       << symbol.hi << " */\n";
  os << "} " << p << "_sizes;\n\n/* Those of the last run. */\n"
     << "const " << p << "_sizes *" << p << "_found_sizes(const " << p
     << " *model);\n\n";
}

static void writeFunctions(const ModelInterface &model, raw_ostream &os) {
  const std::string &p = model.prefix;
  std::string upper = StringRef(p).upper();
  os << "/* " << upper << "_ARENA_BYTES for a number known at run time. */\n";
  os << "size_t " << p << "_arena_bytes(int32_t threads);\n\n";
  os << "/* Makes the model inside `arena`, which must be aligned to 64 bytes "
        "and stay\n * until the model is closed. `hooks` may be null: one "
        "thread. */\n";
  writePrototype("tenon_status " + p + "_init",
                 {p + " **model", "void *arena", "size_t bytes",
                  "const tenon_hooks *hooks"},
                 os);
  os << '\n';
  writeRun(model, os);
  os << "/* The same with the buffers in arrays, in the order above. `symbols` "
        "has the\n * sizes in the order of "
     << p << "_dims; null if there are none. */\n";
  writePrototype("tenon_status " + p + "_run_pointers",
                 {p + " *model", "const int64_t *symbols",
                  "const void *const *inputs", "void *const *outputs"},
                 os);
  os << "\n/* Ends the model's threads. The arena is the caller's again. */\n"
     << "void " << p << "_close(" << p << " *model);\n\n"
     << "/* What a status means, in English. */\n"
     << "const char *" << p << "_status_text(tenon_status status);\n\n"
     << "/* The step or check that reported the last error: an index into\n"
     << " * " << p << "_info()->step_names; -1 if there is none. */\n"
     << "tenon_index " << p << "_failed_step(const " << p << " *model);\n\n"
     << "/* Names, types and sizes, for programs that take any model. */\n"
     << "const tenon_model_info *" << p << "_info(void);\n\n";
}

static void writeMacros(const ModelInterface &model, const ArenaSize &arena,
                        raw_ostream &os) {
  std::string upper = StringRef(model.prefix).upper();
  os << "/* Bytes of arena for a number of threads. */\n"
     << formatv("#define {0}_ARENA_BYTES(threads) \\\n"
                "  ((size_t){1} + (size_t){2} * \\\n"
                "   (size_t)((threads) > 1 ? (threads) : 1))\n\n",
                upper, arena.fixed, arena.perLane);
  for (const Symbol &symbol : model.symbols) {
    std::string name = upper + "_" + StringRef(symbol.identifier).upper();
    os << formatv("#define {0}_MIN {1}\n#define {0}_MAX {2}\n", name, symbol.lo,
                  symbol.hi);
  }
  if (!model.symbols.empty())
    os << '\n';
  if (model.weightFile.empty())
    return;
  os << "/* The weights are in a file beside the library: map it, aligned to "
        "64 bytes, and\n * give its address as tenon_hooks.weights. The digest "
        "is FNV-1a 64. */\n"
     << formatv("#define {0}_WEIGHTS_FILE {1}\n", upper,
                quoted(model.weightFile))
     << formatv("#define {0}_WEIGHTS_BYTES {1}\n", upper, model.weightBytes)
     << formatv("#define {0}_WEIGHTS_DIGEST UINT64_C(0x{1})\n\n", upper,
                utohexstr(model.weightDigest, /*LowerCase=*/true, 16));
}

Expected<ArenaSize>
tenon::artifact::computeArenaSize(const ModelInterface &model) {
  // The pointer's size is that of the target, not of this machine.
  Triple triple(model.triple);
  uint64_t pointerBytes = triple.isArch32Bit() ? 4 : 8;
  uint64_t pointers = 2 + model.inputs.size() + model.outputs.size();
  uint64_t limit = uint64_t(1) << (triple.isArch32Bit() ? 32 : 62);
  if (model.slotBytes >= limit || model.laneBytes >= limit)
    return createStringError(
        errc::file_too_large,
        "the arena of '%s' needs %llu bytes for values and %llu per thread, "
        "more than the target can address; lower the bounds of its sizes",
        model.prefix.c_str(), static_cast<unsigned long long>(model.slotBytes),
        static_cast<unsigned long long>(model.laneBytes));
  ArenaSize size;
  size.fixed = alignTo(TENON_ARENA_HEADER_BYTES, 64) +
               alignTo(pointers * pointerBytes, 64) +
               alignTo(model.found.size() * 8, 64) +
               alignTo(model.slotBytes, 64);
  size.perLane =
      alignTo(model.laneBytes, 64) + alignTo(TENON_ARENA_LANE_BYTES, 64);
  return size;
}

Error tenon::artifact::writeHeader(const ModelInterface &model,
                                   raw_ostream &os) {
  if (Error error = verifyInterface(model))
    return error;
  Expected<ArenaSize> arena = computeArenaSize(model);
  if (!arena)
    return arena.takeError();
  const std::string &p = model.prefix;
  std::string guard = "TENON_MODEL_" + StringRef(p).upper() + "_H";
  std::string target = model.triple;
  if (!model.cpu.empty())
    target += " " + model.cpu;

  os << "/* " << inComment(model.name) << ", compiled by Tenon for "
     << inComment(target) << ".\n *\n";
  writeTensors(model, "in ", model.inputs, os);
  writeTensors(model, "out", model.outputs, os);
  writeSymbols(model, os);
  os << " */\n#ifndef " << guard << "\n#define " << guard << "\n\n"
     << "#include <stddef.h>\n#include <stdint.h>\n\n"
     << "#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n";
  writeAbi(os);
  os << "typedef struct " << p << ' ' << p << ";\n\n";
  writeMacros(model, *arena, os);
  writeFunctions(model, os);
  os << "#ifdef __cplusplus\n}\n#endif\n#endif /* " << guard << " */\n";
  return Error::success();
}
