#include "compiler/artifact/Manifest.h"

#include "compiler/artifact/Manifest_generated.h"
#include "runtime/include/tenon/abi.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Errc.h"
#include "llvm/Support/JSON.h"

using namespace llvm;
using namespace tenon::artifact;
namespace fb = tenon::artifact::manifest;

static constexpr uint32_t schemaVersion = 1;

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

using Builder = flatbuffers::FlatBufferBuilder;

template <typename T>
using Table = flatbuffers::Offset<flatbuffers::Vector<flatbuffers::Offset<T>>>;

static flatbuffers::Offset<fb::Tensor> write(Builder &builder,
                                             const Tensor &tensor) {
  std::vector<flatbuffers::Offset<fb::Dim>> dims;
  for (const Dim &dim : tensor.dims) {
    flatbuffers::Offset<flatbuffers::String> text;
    if (!dim.text.empty())
      text = builder.CreateString(dim.text);
    dims.push_back(fb::CreateDim(builder, static_cast<fb::DimKind>(dim.kind),
                                 dim.value, text));
  }
  auto name = builder.CreateString(tensor.name);
  auto identifier = builder.CreateString(tensor.identifier);
  return fb::CreateTensor(builder, name, identifier, tensor.type,
                          builder.CreateVector(dims));
}

static flatbuffers::Offset<fb::Symbol> write(Builder &builder,
                                             const Symbol &symbol) {
  auto name = builder.CreateString(symbol.name);
  auto identifier = builder.CreateString(symbol.identifier);
  return fb::CreateSymbol(builder, name, identifier, symbol.lo, symbol.hi);
}

/// Kernels and kinds are few and steps many: equal texts are stored once.
static flatbuffers::Offset<fb::Step> write(Builder &builder, const Step &step) {
  auto name = builder.CreateString(step.name);
  auto kernel = builder.CreateSharedString(step.kernel);
  auto kind = builder.CreateSharedString(step.kind);
  return fb::CreateStep(builder, name, kernel, kind, step.generic, step.bytes,
                        step.flops, step.runs);
}

static flatbuffers::Offset<fb::Slot> write(Builder &builder, const Slot &slot) {
  return fb::CreateSlot(builder, builder.CreateString(slot.name), slot.offset,
                        slot.bytes, slot.firstStep, slot.lastStep);
}

static flatbuffers::Offset<fb::EncodedTensor>
write(Builder &builder, const EncodedTensor &tensor) {
  auto name = builder.CreateString(tensor.name);
  auto format = builder.CreateSharedString(tensor.format);
  return fb::CreateEncodedTensor(builder, name, format, tensor.bytes,
                                 tensor.bitsPerWeight);
}

static flatbuffers::Offset<fb::Level> write(Builder &builder,
                                            const Level &level) {
  auto cpu = builder.CreateString(level.cpu);
  auto prefix = builder.CreateString(level.prefix);
  return fb::CreateLevel(builder, cpu, level.cpuFeatures, prefix);
}

template <typename T, typename Item>
static Table<T> writeAll(Builder &builder, const std::vector<Item> &items) {
  std::vector<flatbuffers::Offset<T>> offsets;
  for (const Item &item : items)
    offsets.push_back(write(builder, item));
  return builder.CreateVector(offsets);
}

std::string tenon::artifact::writeManifest(const ModelInterface &model) {
  Builder builder;
  auto prefix = builder.CreateString(model.prefix);
  auto name = builder.CreateString(model.name);
  auto triple = builder.CreateString(model.triple);
  auto cpu = builder.CreateString(model.cpu);
  auto weightFile = builder.CreateString(model.weightFile);
  auto inputs = writeAll<fb::Tensor>(builder, model.inputs);
  auto outputs = writeAll<fb::Tensor>(builder, model.outputs);
  auto symbols = writeAll<fb::Symbol>(builder, model.symbols);
  auto steps = writeAll<fb::Step>(builder, model.steps);
  auto slots = writeAll<fb::Slot>(builder, model.slots);
  auto encodings = writeAll<fb::EncodedTensor>(builder, model.encodings);
  auto found = writeAll<fb::Symbol>(builder, model.found);
  auto levels = writeAll<fb::Level>(builder, model.levels);
  auto root = fb::CreateModel(
      builder, schemaVersion, TENON_ABI_VERSION, prefix, name, triple, cpu,
      model.cpuFeatures, inputs, outputs, symbols, model.slotBytes,
      model.laneBytes, model.weightBytes, model.weightDigest, weightFile,
      model.selftestSeed, model.selftestDigest, steps, slots, encodings,
      found, levels);
  fb::FinishModelBuffer(builder, root);
  return std::string(reinterpret_cast<const char *>(builder.GetBufferPointer()),
                     builder.GetSize());
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

static std::string read(const flatbuffers::String *text) {
  return text ? text->str() : std::string();
}

static void read(const fb::Dim *dim, Dim &result) {
  result.kind = static_cast<Dim::Kind>(dim->kind());
  result.value = dim->value();
  result.text = read(dim->text());
}

/// Reads each element of a table that may be absent.
template <typename T, typename Item>
static void readAll(const flatbuffers::Vector<flatbuffers::Offset<T>> *table,
                    std::vector<Item> &items);

static void read(const fb::Tensor *tensor, Tensor &result) {
  result.name = read(tensor->name());
  result.identifier = read(tensor->identifier());
  result.type = tensor->type();
  readAll(tensor->dims(), result.dims);
}

static void read(const fb::Symbol *symbol, Symbol &result) {
  result = {read(symbol->name()), read(symbol->identifier()), symbol->lo(),
            symbol->hi()};
}

static void read(const fb::Step *step, Step &result) {
  result = {read(step->name()), read(step->kernel()), read(step->kind()),
            step->generic(),    step->bytes(),        step->flops(),
            step->runs()};
}

static void read(const fb::Slot *slot, Slot &result) {
  result = {read(slot->name()), slot->offset(), slot->bytes(),
            slot->first_step(), slot->last_step()};
}

static void read(const fb::Level *level, Level &result) {
  result = {read(level->cpu()), level->cpu_features(), read(level->prefix())};
}

static void read(const fb::EncodedTensor *tensor, EncodedTensor &result) {
  result = {read(tensor->name()), read(tensor->format()), tensor->bytes(),
            tensor->bits_per_weight()};
}

template <typename T, typename Item>
static void readAll(const flatbuffers::Vector<flatbuffers::Offset<T>> *table,
                    std::vector<Item> &items) {
  if (!table)
    return;
  items.resize(table->size());
  for (flatbuffers::uoffset_t i = 0; i < table->size(); ++i)
    read(table->Get(i), items[i]);
}

static Error checkDimKinds(ArrayRef<Tensor> tensors) {
  for (const Tensor &tensor : tensors)
    for (const Dim &dim : tensor.dims)
      if (dim.kind > Dim::Kind::Expression)
        return createStringError(errc::invalid_argument,
                                 "the manifest's tensor '%s' has a dimension "
                                 "of unknown kind %d",
                                 tensor.name.c_str(),
                                 static_cast<int>(dim.kind));
  return Error::success();
}

Expected<ModelInterface> tenon::artifact::readManifest(StringRef bytes) {
  // A copy is aligned as FlatBuffers need it, wherever the bytes came from.
  std::vector<uint8_t> copy(bytes.bytes_begin(), bytes.bytes_end());
  const uint8_t *data = copy.data();
  // The identifier follows the 4-byte offset of the root.
  if (bytes.size() < 8 || !fb::ModelBufferHasIdentifier(data))
    return createStringError(errc::invalid_argument,
                             "not a manifest: expected \"%s\" at byte 4 of a "
                             ".tenon file",
                             fb::ModelIdentifier());
  flatbuffers::Verifier verifier(data, bytes.size());
  if (!fb::VerifyModelBuffer(verifier))
    return createStringError(errc::invalid_argument,
                             "the manifest is damaged: its tables point "
                             "outside its %zu bytes; compile the model again",
                             bytes.size());
  const fb::Model *root = fb::GetModel(data);
  if (root->schema_version() != schemaVersion)
    return createStringError(errc::invalid_argument,
                             "the manifest has schema version %u, but this "
                             "tool reads %u; compile the model again",
                             root->schema_version(), schemaVersion);
  ModelInterface model;
  model.prefix = read(root->prefix());
  model.name = read(root->name());
  model.triple = read(root->triple());
  model.cpu = read(root->cpu());
  model.cpuFeatures = root->cpu_features();
  readAll(root->inputs(), model.inputs);
  readAll(root->outputs(), model.outputs);
  readAll(root->symbols(), model.symbols);
  model.slotBytes = root->slot_bytes();
  model.laneBytes = root->lane_bytes();
  model.weightBytes = root->weight_bytes();
  model.weightDigest = root->weight_digest();
  model.weightFile = read(root->weight_file());
  model.selftestSeed = root->selftest_seed();
  model.selftestDigest = root->selftest_digest();
  readAll(root->steps(), model.steps);
  readAll(root->slots(), model.slots);
  readAll(root->encodings(), model.encodings);
  readAll(root->found(), model.found);
  readAll(root->levels(), model.levels);
  if (Error error = checkDimKinds(model.inputs))
    return error;
  if (Error error = checkDimKinds(model.outputs))
    return error;
  if (Error error = verifyInterface(model))
    return error;
  return model;
}

//===----------------------------------------------------------------------===//
// JSON
//===----------------------------------------------------------------------===//

static std::string hex(uint64_t value) {
  return "0x" + utohexstr(value, /*LowerCase=*/true, /*Width=*/16);
}

static void writeTensor(json::OStream &os, const ModelInterface &model,
                        const Tensor &tensor) {
  os.object([&] {
    os.attribute("name", json::fixUTF8(tensor.name));
    os.attribute("identifier", json::fixUTF8(tensor.identifier));
    const ElementType *type = lookupElementType(tensor.type);
    os.attribute("type", type ? StringRef(type->spelling).lower() : "?");
    os.attributeArray("dims", [&] {
      for (const Dim &dim : tensor.dims) {
        if (dim.kind == Dim::Kind::Fixed)
          os.value(dim.value);
        else if (dim.kind == Dim::Kind::Symbol)
          os.value(json::fixUTF8(model.symbols[dim.value].name));
        else
          os.object([&] {
            os.attribute("expression", json::fixUTF8(dim.text));
            os.attribute("bound", dim.value);
          });
      }
    });
  });
}

static void writeStep(json::OStream &os, const Step &step) {
  os.object([&] {
    os.attribute("name", json::fixUTF8(step.name));
    os.attribute("kernel", json::fixUTF8(step.kernel));
    os.attribute("kind", json::fixUTF8(step.kind));
    os.attribute("generic", step.generic);
    os.attribute("bytes", step.bytes);
    os.attribute("flops", step.flops);
    os.attribute("runs", step.runs);
  });
}

void tenon::artifact::writeManifestJson(const ModelInterface &model,
                                        raw_ostream &stream) {
  json::OStream os(stream, /*IndentSize=*/2);
  os.object([&] {
    os.attribute("schema_version", schemaVersion);
    os.attribute("abi_version", TENON_ABI_VERSION);
    os.attribute("prefix", json::fixUTF8(model.prefix));
    os.attribute("name", json::fixUTF8(model.name));
    os.attribute("triple", json::fixUTF8(model.triple));
    os.attribute("cpu", json::fixUTF8(model.cpu));
    os.attribute("cpu_features", model.cpuFeatures);
    os.attributeArray("levels", [&] {
      for (const Level &level : model.levels)
        os.object([&] {
          os.attribute("cpu", json::fixUTF8(level.cpu));
          os.attribute("cpu_features", level.cpuFeatures);
          os.attribute("prefix", json::fixUTF8(level.prefix));
        });
    });
    os.attributeArray("inputs", [&] {
      for (const Tensor &tensor : model.inputs)
        writeTensor(os, model, tensor);
    });
    os.attributeArray("outputs", [&] {
      for (const Tensor &tensor : model.outputs)
        writeTensor(os, model, tensor);
    });
    for (auto [key, symbols] : {std::pair("symbols", &model.symbols),
                                std::pair("found", &model.found)})
      os.attributeArray(key, [&, symbols = symbols] {
        for (const Symbol &symbol : *symbols)
          os.object([&] {
            os.attribute("name", json::fixUTF8(symbol.name));
            os.attribute("identifier", json::fixUTF8(symbol.identifier));
            os.attribute("lo", symbol.lo);
            os.attribute("hi", symbol.hi);
          });
      });
    os.attribute("slot_bytes", model.slotBytes);
    os.attribute("lane_bytes", model.laneBytes);
    os.attribute("weight_bytes", model.weightBytes);
    os.attribute("weight_digest", hex(model.weightDigest));
    os.attribute("weight_file", json::fixUTF8(model.weightFile));
    os.attribute("selftest_seed", hex(model.selftestSeed));
    os.attribute("selftest_digest", hex(model.selftestDigest));
    os.attributeArray("steps", [&] {
      for (const Step &step : model.steps)
        writeStep(os, step);
    });
    os.attributeArray("slots", [&] {
      for (const Slot &slot : model.slots)
        os.object([&] {
          os.attribute("name", json::fixUTF8(slot.name));
          os.attribute("offset", slot.offset);
          os.attribute("bytes", slot.bytes);
          os.attribute("first_step", slot.firstStep);
          os.attribute("last_step", slot.lastStep);
        });
    });
    os.attributeArray("encodings", [&] {
      for (const EncodedTensor &tensor : model.encodings)
        os.object([&] {
          os.attribute("name", json::fixUTF8(tensor.name));
          os.attribute("format", json::fixUTF8(tensor.format));
          os.attribute("bytes", tensor.bytes);
          os.attribute("bits_per_weight", tensor.bitsPerWeight);
        });
    });
  });
  stream << '\n';
}
