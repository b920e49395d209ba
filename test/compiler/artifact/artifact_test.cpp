#include "test/compiler/artifact/ArtifactTestSupport.h"

#include "compiler/artifact/Manifest.h"

#include "llvm/IR/Constants.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/JSON.h"

#include <dlfcn.h>

using namespace llvm;
using namespace tenon::artifact;
using namespace tenon::artifact::test;

//===----------------------------------------------------------------------===//
// Names
//===----------------------------------------------------------------------===//

TEST(Identifiers, AreMadeFromAnyName) {
  EXPECT_EQ(makeIdentifier("/encoder/layer.0:out"), "encoder_layer_0_out");
  EXPECT_EQ(makeIdentifier("0"), "x0");
  EXPECT_EQ(makeIdentifier("\xc3\xa9"), "x");
  EXPECT_EQ(makePrefix("ResNet-50 v1"), "resnet_50_v1");
  EXPECT_EQ(makePrefix("float"), "float_");
  EXPECT_EQ(makePrefix("tenon"), "m_tenon_");
}

TEST(Identifiers, AvoidKeywordsAndTheWrappersOwnNames) {
  for (StringRef word : {"I", "and", "class", "dims", "int64_t", "model",
                         "restrict", "size_t", "static", "xor_eq"})
    EXPECT_EQ(makeIdentifier(word), (word + "_").str());
}

TEST(Identifiers, AreUnique) {
  ModelInterface model = addModel();
  model.inputs = {{"a.b", "", TENON_F32, {}}, {"a/b", "", TENON_F32, {}}};
  model.outputs = {{"a:b", "", TENON_F32, {}}};
  assignIdentifiers(model);
  EXPECT_EQ(model.inputs[0].identifier, "a_b");
  EXPECT_EQ(model.inputs[1].identifier, "a_b_2");
  EXPECT_EQ(model.outputs[0].identifier, "a_b_3");
}

TEST(Interface, RefusesWhatNoHeaderCanSay) {
  ModelInterface model = addModel("3d");
  EXPECT_TRUE(StringRef(toString(verifyInterface(model)))
                  .starts_with("prefix '3d' cannot begin C symbols"));
  model = addModel();
  model.inputs[0].type = 8;
  EXPECT_TRUE(StringRef(toString(verifyInterface(model)))
                  .starts_with("input 'data' has element type 8"));
  model = addModel();
  model.outputs[0].dims = {Dim::symbol(0)};
  EXPECT_EQ(toString(verifyInterface(model)),
            "output 'sum' names symbol 0, but the model has 0");
}

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

static void checkWeights(const char *triple, StringRef sectionName,
                         uint64_t flags) {
  SmallVector<char, 0> bytes;
  raw_svector_ostream os(bytes);
  std::string payload(1000, 'w');
  expectSuccess(writeWeightsObject(os, Triple(triple), "m_weights",
                                   payload.size(), [&](raw_ostream &out) {
                                     out << payload;
                                     return Error::success();
                                   }));
  auto object = expectValue(object::ObjectFile::createObjectFile(
      MemoryBufferRef(StringRef(bytes.data(), bytes.size()), "weights.o")));
  bool found = false;
  for (object::ELFSymbolRef symbol : object->symbols()) {
    found = true;
    EXPECT_EQ(expectValue(symbol.getName()), "m_weights");
    EXPECT_EQ(symbol.getSize(), payload.size());
    EXPECT_EQ(symbol.getBinding(), ELF::STB_GLOBAL);
    EXPECT_EQ(symbol.getOther(), ELF::STV_HIDDEN);
    object::ELFSectionRef section(*expectValue(symbol.getSection()));
    EXPECT_EQ(expectValue(section.getName()), sectionName);
    EXPECT_EQ(section.getFlags(), flags);
    EXPECT_EQ(section.getAlignment(), Align(64));
    EXPECT_EQ(expectValue(section.getContents()), payload);
    EXPECT_EQ(section.getContents()->data() - bytes.data(), 64);
  }
  EXPECT_TRUE(found);
}

TEST(Weights, AreReadBackByLLVM) {
  checkWeights(x86, ".lrodata.m_weights",
               ELF::SHF_ALLOC | ELF::SHF_X86_64_LARGE);
  checkWeights(arm64, ".rodata.m_weights", ELF::SHF_ALLOC);
  checkWeights("thumbv7em-none-eabi", ".rodata.m_weights", ELF::SHF_ALLOC);
}

static Error writeNothing(const char *triple, uint64_t bytes) {
  SmallVector<char, 0> buffer;
  raw_svector_ostream os(buffer);
  return writeWeightsObject(os, Triple(triple), "m_weights", bytes,
                            [](raw_ostream &) { return Error::success(); });
}

TEST(Weights, RefuseOtherFormatsAndWrongSizes) {
  EXPECT_TRUE(StringRef(toString(writeNothing("arm64-apple-macos", 0)))
                  .contains("keep them in a side file"));
  EXPECT_TRUE(
      StringRef(toString(writeNothing("thumbv7em-none-eabi", 1ull << 32)))
          .contains("at most 2 GiB"));
  EXPECT_EQ(toString(writeNothing(x86, 8)),
            "weights 'm_weights' came to 0 bytes, but 8 were planned");
}

TEST(Weights, MayExceedFourGigabytes) {
  ScratchDirectory scratch = expectValue(ScratchDirectory::create());
  constexpr uint64_t bytes = (uint64_t(4) << 30) + 4096;
  std::string path = scratch.path("big.o");
  {
    std::error_code failed;
    raw_fd_ostream os(path, failed);
    ASSERT_FALSE(failed);
    expectSuccess(writeWeightsObject(os, Triple(x86), "big_weights", bytes,
                                     [&](raw_ostream &) {
                                       // A hole: the file is large and takes no
                                       // room.
                                       os.seek(os.tell() + bytes - 4);
                                       os << "last";
                                       return Error::success();
                                     }));
  }
  auto binary = object::ObjectFile::createObjectFile(path);
  if (!binary)
    GTEST_SKIP() << toString(binary.takeError());
  object::ELFSymbolRef symbol = *binary->getBinary()->symbols().begin();
  EXPECT_EQ(symbol.getSize(), bytes);
  StringRef contents =
      expectValue(expectValue(symbol.getSection())->getContents());
  EXPECT_EQ(contents.size(), bytes);
  EXPECT_EQ(contents.take_back(4), "last");
}

//===----------------------------------------------------------------------===//
// Headers
//===----------------------------------------------------------------------===//

static void compileAs(const ScratchDirectory &scratch, StringRef text,
                      std::vector<std::string> flags) {
  std::string file = expectValue(scratch.write("use.c", text));
  flags.insert(flags.begin(), TENON_TEST_CLANG);
  flags.insert(flags.end(), {"-Wall", "-Wextra", "-Werror", "-pedantic",
                             "-fsyntax-only", "-ffreestanding", file});
  run(flags);
}

/// A model with every kind of parameter and names that try to break out.
static ModelInterface oddModel() {
  ModelInterface model;
  model.prefix = "odd";
  model.name = "a */ int x; /* \n \\";
  model.triple = x86;
  model.symbols = {{"seq*/", "", 1, 512}, {"class", "", 2, 3}};
  model.inputs = {{"image", "", TENON_F32, {Dim::fixed(1), Dim::fixed(3)}},
                  {"class", "", TENON_BF16, {Dim::symbol(0), Dim::fixed(2)}},
                  {"*/", "", TENON_I4, {Dim::fixed(3), Dim::fixed(3)}},
                  {"scalar", "", TENON_BOOL, {}},
                  {"empty", "", TENON_I64, {Dim::fixed(0)}},
                  {"huge", "", TENON_F64, {Dim::fixed(int64_t(1) << 61)}}};
  model.outputs = {
      {"image", "", TENON_F8E5M2, {Dim::expression("2*seq*/ + 1", 1025)}}};
  model.weightBytes = 99;
  model.weightFile = "odd \"quoted\".weights";
  assignIdentifiers(model);
  return model;
}

TEST(Header, CompilesAloneInCAndCpp) {
  ScratchDirectory scratch = expectValue(ScratchDirectory::create());
  for (const ModelInterface &model : {addModel(), scaleModel(), oddModel()}) {
    std::string text = "#include \"" + writeHeaderFile(scratch, model) + "\"\n";
    compileAs(scratch, text, {"-x", "c", "-std=c11"});
    compileAs(scratch, text, {"-x", "c++", "-std=c++17"});
    compileAs(scratch, text,
              {"-x", "c", "-std=c11", "--target=thumbv7em-none-eabi"});
  }
}

TEST(Header, StandsBesideAnother) {
  ScratchDirectory scratch = expectValue(ScratchDirectory::create());
  std::string text = "#include \"" + writeHeaderFile(scratch, addModel()) +
                     "\"\n#include \"" +
                     writeHeaderFile(scratch, scaleModel()) + "\"\n";
  compileAs(scratch, text + text, {"-x", "c", "-std=c11"});
  compileAs(scratch, text, {"-x", "c++", "-std=c++17"});
}

TEST(Header, SaysShapesInTypesAndComments) {
  std::string text;
  raw_string_ostream os(text);
  expectSuccess(writeHeader(addModel(), os));
  EXPECT_NE(text.find("tenon_status add_run(add *model, const float data[4], "
                      "float sum[4]);"),
            std::string::npos);
  EXPECT_EQ(text.find("struct tenon_step {"), std::string::npos);
  text.clear();
  expectSuccess(writeHeader(scaleModel(), os));
  EXPECT_NE(text.find("tenon_status scale_run(scale *model, const scale_dims "
                      "*dims, const float *x,\n"
                      "                       float *y);"),
            std::string::npos);
  EXPECT_NE(text.find("in  x  f32 [n]"), std::string::npos);
  EXPECT_NE(text.find("int64_t n; /* 1..8 */"), std::string::npos);
}

TEST(Header, RefusesAnArenaThatCannotBe) {
  ModelInterface model = addModel();
  model.triple = "thumbv7em-none-eabi";
  model.slotBytes = uint64_t(1) << 33;
  std::string text;
  raw_string_ostream os(text);
  EXPECT_TRUE(StringRef(toString(writeHeader(model, os)))
                  .contains("more than the target can address"));
}

//===----------------------------------------------------------------------===//
// The runtime and its wrappers
//===----------------------------------------------------------------------===//

TEST(Runtime, HasOneForEachTarget) {
  for (const char *name :
       {x86, arm64, "aarch64-unknown-linux-android", "arm64-apple-macos",
        "thumbv7em-none-eabi", "x86_64-linux-musl"}) {
    Triple triple(name);
    std::vector<RuntimeObject> objects = expectValue(loadRuntime(triple, "m"));
    ASSERT_EQ(objects.size(), 1u);
    EXPECT_EQ(objects[0].name, "m_runtime.o");
    EXPECT_TRUE(is_contained(objects[0].functions, "tenon_dispatch"));
    auto file = expectValue(object::ObjectFile::createObjectFile(
        MemoryBufferRef(objects[0].bytes, name)));
    StringRef mangling = file->isMachO() ? "_" : "";
    unsigned defined = 0;
    for (const object::SymbolRef &symbol : file->symbols()) {
      StringRef symbolName = expectValue(symbol.getName());
      symbolName.consume_front(mangling);
      EXPECT_FALSE(symbolName.starts_with("tenon_")) << symbolName.str();
      uint32_t flags = expectValue(symbol.getFlags());
      if (!(flags & object::SymbolRef::SF_Global) ||
          (flags & object::SymbolRef::SF_Undefined))
        continue;
      ++defined;
      EXPECT_TRUE(symbolName.starts_with("m_rt_")) << symbolName.str();
      EXPECT_FALSE(flags & object::SymbolRef::SF_Exported)
          << symbolName.str();
    }
    EXPECT_EQ(defined, objects[0].functions.size());
  }
}

TEST(Runtime, BringsTheLoaderOfADevice) {
  std::vector<RuntimeObject> objects =
      expectValue(loadRuntime(Triple(x86), "m", {"", "vulkan"}));
  ASSERT_EQ(objects.size(), 2u);
  EXPECT_EQ(objects[1].name, "m_vulkan.o");
  EXPECT_TRUE(is_contained(objects[1].functions, "tenon_vulkan_open"));
}

TEST(Runtime, RefusesWhatItCannotServe) {
  auto refusal = [&](const char *triple, RuntimeOptions options) {
    auto objects = loadRuntime(Triple(triple), "m", options);
    return objects ? std::string() : toString(objects.takeError());
  };
  EXPECT_TRUE(StringRef(refusal("riscv64-linux-gnu", {}))
                  .starts_with("there is no runtime for target"));
  EXPECT_TRUE(StringRef(refusal(x86, {"/nowhere", ""})).contains("missing"));
  ExecutableOptions program;
  program.triple = Triple("aarch64-linux-android");
  EXPECT_TRUE(StringRef(toString(linkExecutable(program)))
                  .contains("ask for a library"));
}

/// The C compiler of each target agrees on where the fields of abi.h lie.
TEST(Wrappers, LayOutStructsAsCDoes) {
  const char *const fields[] = {
      "abi_version",     "cpu_features", "name",
      "target",          "input_count",  "output_count",
      "symbol_count",    "step_count",   "found_count",
      "inputs",          "outputs",      "symbols",
      "step_names",      "slot_bytes",   "lane_bytes",
      "weight_bytes",    "weight_digest", "weights",
      "selftest_seed",   "selftest_digest", "output_dims",
      "output_bounds",   "program",      "device",
      "levels",          "level_count",  "step_costs",
      "late_costs"};
  ScratchDirectory scratch = expectValue(ScratchDirectory::create());
  for (const char *name : {x86, arm64, "arm64-apple-macos",
                           "aarch64-linux-android", "thumbv7em-none-eabi"}) {
    ModelInterface model = scaleModel();
    model.triple = name;
    std::string text = "#include \"" + writeHeaderFile(scratch, model) + "\"\n";
    LLVMContext context;
    auto module = makeApi(context, model);
    auto check = [&](const char *global, const char *type,
                     ArrayRef<const char *> names) {
      Type *value = module->getNamedGlobal(global)->getValueType();
      if (auto *array = dyn_cast<ArrayType>(value))
        value = array->getElementType();
      const StructLayout *layout =
          module->getDataLayout().getStructLayout(cast<StructType>(value));
      text += ("_Static_assert(sizeof(" + Twine(type) +
               ") == " + Twine(layout->getSizeInBytes().getFixedValue()) +
               ", \"size\");\n")
                  .str();
      for (auto [index, field] : enumerate(names))
        text +=
            ("_Static_assert(offsetof(" + Twine(type) + ", " + field +
             ") == " + Twine(layout->getElementOffset(index).getFixedValue()) +
             ", \"offset\");\n")
                .str();
    };
    check("scale_model_info", "tenon_model_info", fields);
    check("scale_inputs", "tenon_tensor_info",
          {"name", "type", "rank", "dims"});
    check("scale_symbols", "tenon_symbol_info", {"name", "lo", "hi"});
    compileAs(scratch, text,
              {"-x", "c", "-std=c11", std::string("--target=") + name});
  }
}

TEST(Wrappers, RefuseToDefineAFunctionTwice) {
  LLVMContext context;
  auto module = makeApi(context, addModel());
  EXPECT_TRUE(StringRef(toString(addModelApi(*module, addModel(), false)))
                  .contains("choose another prefix than 'add'"));
}

//===----------------------------------------------------------------------===//
// Manifests
//===----------------------------------------------------------------------===//

static ModelInterface fullModel() {
  ModelInterface model = oddModel();
  model.name = "odd";
  model.cpu = "x86-64-v4";
  model.cpuFeatures = TENON_CPU_X86_V3;
  model.levels = {{"x86-64-v4", TENON_CPU_X86_V4, "odd_x86_64_v4"}};
  model.slotBytes = uint64_t(1) << 40;
  model.weightDigest = 0xfedcba9876543210;
  model.selftestDigest = 7;
  model.steps = {{"conv1", "conv_f32", "conv", false, 1, 2},
                 {"topk", "topk_f32", "template", true, 3, 4}};
  model.slots = {{"conv1:out", 64, 128, 0, 1}};
  model.encodings = {{"w", "int<4, group = 32>", 18, 4.5}};
  model.found = {{"kept", "kept", 0, 100}};
  return model;
}

static std::string toJson(const ModelInterface &model) {
  std::string text;
  raw_string_ostream os(text);
  writeManifestJson(model, os);
  return text;
}

TEST(Manifest, RoundTrips) {
  ModelInterface model = fullModel();
  std::string bytes = writeManifest(model);
  EXPECT_EQ(bytes.substr(4, 4), "TENN");
  ModelInterface read = expectValue(readManifest(bytes));
  // Every field is in one of the two texts.
  EXPECT_EQ(writeManifest(read), bytes);
  EXPECT_EQ(toJson(read), toJson(model));
  EXPECT_EQ(read.steps[1].name, "topk");
  EXPECT_EQ(read.encodings[0].bitsPerWeight, 4.5);
  EXPECT_EQ(read.outputs[0].dims[0].value, 1025);
}

TEST(Manifest, IsJsonToo) {
  json::Value value = expectValue(json::parse(toJson(fullModel())));
  const json::Object &root = *value.getAsObject();
  EXPECT_EQ(root.getString("weight_digest"), "0xfedcba9876543210");
  EXPECT_EQ(root.getArray("inputs")->size(), 6u);
  EXPECT_EQ(root.getInteger("slot_bytes"), int64_t(1) << 40);
}

TEST(Manifest, SurvivesDamage) {
  std::string bytes = writeManifest(fullModel());
  EXPECT_TRUE(StringRef(toString(readManifest("short").takeError()))
                  .starts_with("not a manifest"));
  // Whatever the bytes are, the answer is a model or an error.
  for (size_t i = 0; i < bytes.size(); ++i) {
    for (unsigned char flip : {0x01, 0x80, 0xff}) {
      std::string damaged = bytes;
      damaged[i] ^= flip;
      if (auto read = readManifest(damaged))
        toJson(*read);
      else
        consumeError(read.takeError());
    }
    if (auto read = readManifest(StringRef(bytes).take_front(i)))
      toJson(*read);
    else
      consumeError(read.takeError());
  }
}

//===----------------------------------------------------------------------===//
// Links
//===----------------------------------------------------------------------===//

static const char *const twoModels = R"(
#include "add.h"
#include "scale.h"
static _Alignas(64) unsigned char arena1[ADD_ARENA_BYTES(3)];
static _Alignas(64) unsigned char arena2[SCALE_ARENA_BYTES(1)];
int main(void) {
  add *first;
  scale *second;
  tenon_hooks hooks = {.threads = 3};
  for (int32_t threads = 0; threads < 9; ++threads)
    if (add_arena_bytes(threads) != ADD_ARENA_BYTES(threads)) return 1;
  if (add_init(&first, arena1, sizeof arena1 - 1, &hooks) !=
      TENON_ARENA_TOO_SMALL) return 2;
  if (add_init(&first, arena1, sizeof arena1, &hooks)) return 3;
  if (scale_init(&second, arena2, sizeof arena2, NULL)) return 4;
  float x[4] = {1, 2, 3, 4}, y[4] = {0}, z[4] = {0};
  scale_dims dims = {4};
  if (add_run(first, x, y)) return 5;
  if (scale_run(second, &dims, y, z)) return 6;
  for (int i = 0; i < 4; ++i)
    if (z[i] != 2 * (x[i] + 10 * (float)(i + 1))) return 7;
  dims.n = 9;
  if (scale_run(second, &dims, y, z) != TENON_DIM_OUT_OF_BOUNDS) return 8;
  if (scale_run(second, NULL, y, z) != TENON_NULL_ARGUMENT) return 9;
  const void *in[] = {x};
  void *out[] = {z};
  if (add_run_pointers(first, NULL, in, out) || z[3] != 44) return 10;
  if (add_failed_step(first) != -1 || !add_status_text(TENON_OK)[0]) return 11;
  if (add_info()->step_names[0][0] != 'n' || scale_info()->symbols->hi != 8)
    return 12;
  add_close(first);
  scale_close(second);
  return 0;
}
)";

/// Compiles `twoModels` against `libraries` and runs it.
static void useBoth(const ScratchDirectory &scratch,
                    std::vector<std::string> libraries) {
  writeHeaderFile(scratch, addModel());
  writeHeaderFile(scratch, scaleModel());
  std::string source = expectValue(scratch.write("main.c", twoModels));
  std::string program = scratch.path("both");
  std::vector<std::string> command = {TENON_TEST_CLANG, "-std=c11", "-Wall",
                                      "-Werror", source};
  command.insert(command.end(), libraries.begin(), libraries.end());
  command.insert(command.end(), {"-o", program, "-pthread"});
  ASSERT_EQ(run(command), 0);
  EXPECT_EQ(run({program}), 0);
}

static LinkOptions linkOptions(const ScratchDirectory &scratch,
                               const ModelInterface &model, StringRef code,
                               StringRef output) {
  LinkOptions options;
  options.triple = Triple(model.triple);
  options.output = scratch.path(output);
  options.objects = buildObjects(scratch, model, code, /*executable=*/false);
  return options;
}

TEST(Link, ArchivesOfTwoModelsServeOneProgram) {
  ScratchDirectory scratch = expectValue(ScratchDirectory::create());
  LinkOptions add = linkOptions(scratch, addModel(), addCode, "libadd.a");
  LinkOptions scale =
      linkOptions(scratch, scaleModel(), scaleCode, "libscale.a");
  expectSuccess(writeArchive(add));
  expectSuccess(writeArchive(scale));
  useBoth(scratch, {add.output, scale.output});
}

TEST(Link, JoinedObjectsOfTwoModelsServeOneProgram) {
  ScratchDirectory scratch = expectValue(ScratchDirectory::create());
  LinkOptions add = linkOptions(scratch, addModel(), addCode, "add.o");
  LinkOptions scale = linkOptions(scratch, scaleModel(), scaleCode, "scale.o");
  expectSuccess(linkRelocatable(add));
  expectSuccess(linkRelocatable(scale));
  useBoth(scratch, {add.output, scale.output});
}

static SharedOptions sharedOptions(const ScratchDirectory &scratch,
                                   const ModelInterface &model, StringRef code,
                                   StringRef output) {
  SharedOptions options;
  static_cast<LinkOptions &>(options) =
      linkOptions(scratch, model, code, output);
  options.soname = output.str();
  options.exports = publicSymbols(model);
  return options;
}

TEST(Link, SharedLibraryExportsTheHeaderAndNeedsOnlyLibc) {
  ScratchDirectory scratch = expectValue(ScratchDirectory::create());
  SharedOptions add = sharedOptions(scratch, addModel(), addCode, "libadd.so");
  expectSuccess(linkShared(add));
  std::vector<std::string> libraries =
      linkOptions(scratch, scaleModel(), scaleCode, "-").objects;
  libraries.insert(libraries.begin(),
                   {add.output, "-Wl,-rpath," + scratch.path("")});
  useBoth(scratch, libraries);

  auto binary = expectValue(object::ObjectFile::createObjectFile(add.output));
  const auto &elf = cast<object::ELFObjectFileBase>(*binary.getBinary());
  std::vector<std::string> exports;
  for (object::ELFSymbolRef symbol : elf.getDynamicSymbolIterators())
    if (!(expectValue(symbol.getFlags()) & object::SymbolRef::SF_Undefined))
      exports.push_back(expectValue(symbol.getName()).str());
  std::vector<std::string> expected = publicSymbols(addModel());
  std::sort(expected.begin(), expected.end());
  std::sort(exports.begin(), exports.end());
  EXPECT_EQ(exports, expected);

  void *library = dlopen(add.output.c_str(), RTLD_NOW);
  ASSERT_TRUE(library) << dlerror();
  EXPECT_TRUE(dlsym(library, "add_run"));
  dlclose(library);
}

TEST(Link, SharedLibraryMayNotAskForMore) {
  ScratchDirectory scratch = expectValue(ScratchDirectory::create());
  std::string code = std::string(scaleCode) +
                     "declare float @expf(float)\n"
                     "define float @PREFIX_f(float %x) {\n"
                     "  %y = call float @expf(float %x)\n  ret float %y\n}\n";
  SharedOptions options =
      sharedOptions(scratch, scaleModel(), code, "libscale.so");
  options.exports.push_back("scale_f");
  std::string text = toString(linkShared(options));
  EXPECT_NE(text.find("undefined symbol expf"), std::string::npos) << text;
  EXPECT_FALSE(sys::fs::exists(options.output));
  options.imports = {"expf"};
  expectSuccess(linkShared(options));
}

static ExecutableOptions executable(const ScratchDirectory &scratch,
                                    const ModelInterface &model,
                                    StringRef code) {
  ExecutableOptions options;
  options.triple = Triple(model.triple);
  options.output = scratch.path(model.prefix);
  options.objects = buildObjects(scratch, model, code, /*executable=*/true);
  options.prefix = model.prefix;
  options.runtimeFunctions =
      expectValue(loadRuntime(options.triple, model.prefix))[0].functions;
  return options;
}

TEST(Link, ProgramsGiveTheSameDigestOnBothArchitectures) {
  ScratchDirectory scratch = expectValue(ScratchDirectory::create());
  ExecutableOptions options = executable(scratch, addModel(), addCode);
  expectSuccess(linkExecutable(options));
  EXPECT_EQ(run({options.output, "--help"}), 0);
  std::string digest, other;
  ASSERT_EQ(run({options.output, "--selftest"}, &digest), 0) << digest;

  if (!sys::findProgramByName("qemu-aarch64") ||
      !sys::fs::exists(findLibraryDirectory() +
                       "/sysroot/aarch64-linux-musl/libc.a"))
    GTEST_SKIP() << "no qemu-aarch64 or no sysroot";
  ModelInterface model = addModel("arm");
  model.triple = arm64;
  options = executable(scratch, model, addCode);
  expectSuccess(linkExecutable(options));
  ASSERT_EQ(run({"qemu-aarch64", options.output, "--selftest"}, &other), 0)
      << other;
  EXPECT_EQ(digest, other);
}

TEST(Link, SaysWhatIsMissing) {
  ScratchDirectory scratch = expectValue(ScratchDirectory::create());
  ExecutableOptions options = executable(scratch, scaleModel(), scaleCode);
  options.objects.erase(options.objects.begin());
  std::string text = toString(linkExecutable(options));
  EXPECT_NE(text.find("undefined hidden symbol: scale_program"),
            std::string::npos)
      << text;
  EXPECT_EQ(text.find("ld.lld"), std::string::npos) << text;
  EXPECT_FALSE(sys::fs::exists(options.output));
  options.sysroot = "/nowhere";
  EXPECT_NE(toString(linkExecutable(options)).find("run ./setup"),
            std::string::npos);
  options.triple = Triple("arm64-apple-macos");
  EXPECT_NE(toString(linkRelocatable(options)).find("expected ELF"),
            std::string::npos);
}

TEST(Link, EqualInputsGiveEqualBytes) {
  std::string first[5], second[5];
  for (std::string *bytes : {first, second}) {
    ScratchDirectory scratch = expectValue(ScratchDirectory::create());
    LinkOptions joined = linkOptions(scratch, addModel(), addCode, "add.o");
    expectSuccess(linkRelocatable(joined));
    bytes[0] = readAll(joined.output);
    joined.output = scratch.path("libadd.a");
    expectSuccess(writeArchive(joined));
    bytes[1] = readAll(joined.output);
    SharedOptions shared =
        sharedOptions(scratch, addModel(), addCode, "libadd.so");
    expectSuccess(linkShared(shared));
    bytes[2] = readAll(shared.output);
    ExecutableOptions program = executable(scratch, addModel(), addCode);
    expectSuccess(linkExecutable(program));
    bytes[3] = readAll(program.output);
    bytes[4] = writeManifest(addModel());
  }
  for (int i = 0; i < 5; ++i) {
    EXPECT_FALSE(first[i].empty());
    EXPECT_TRUE(first[i] == second[i]) << i;
  }
}
