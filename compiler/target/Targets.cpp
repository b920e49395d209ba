#include "compiler/target/Targets.h"

#include "runtime/include/tenon/abi.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/Errc.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/TargetParser/Host.h"

#include <memory>
#include <set>
#include <tuple>

using namespace llvm;
using namespace tenon;

//===----------------------------------------------------------------------===//
// The tables
//===----------------------------------------------------------------------===//

namespace {

/// A machine that `--target` names.
struct TargetRow {
  StringLiteral name;
  StringLiteral triple;
  /// Where `--mcpu` is not given and the host is another machine.
  StringLiteral defaultCpu;
  StringLiteral gives;
  /// What runs the steps in place of that CPU.
  StringLiteral device = "";
};

/// A CPU level: what all code may use without asking for more.
struct LevelRow {
  Triple::ArchType arch;
  StringLiteral cpu;
  uint32_t bits;
  /// LLVM's features that the level adds, as the runtime's check has them.
  StringLiteral needs;
  StringLiteral about;
};

/// A feature beyond a level which the runtime can check.
struct ExtraRow {
  Triple::ArchType arch;
  StringLiteral feature;
  uint32_t bit;
  /// The level it needs below it.
  uint32_t needs;
};

} // namespace

static constexpr TargetRow targetRows[] = {
    {"x86_64-linux-gnu", "x86_64-unknown-linux-gnu", "x86-64-v3",
     "programs, libraries, objects"},
    {"aarch64-linux-gnu", "aarch64-unknown-linux-gnu", "generic",
     "programs, libraries, objects"},
    {"aarch64-linux-android", "aarch64-unknown-linux-android", "generic",
     "libraries, objects"},
    {"arm64-apple-macos", "arm64-apple-macosx11.0.0", "apple-m1",
     "archives, objects"},
    {"arm64-apple-ios", "arm64-apple-ios14.0.0", "apple-m1",
     "archives, objects"},
    {"arm64-apple-ios-simulator", "arm64-apple-ios14.0.0-simulator",
     "apple-m1", "archives, objects"},
    {"thumbv7em-none-eabi", "thumbv7em-unknown-none-eabi", "cortex-m4",
     "archives, objects; correct only"},
    {"thumbv7em-none-eabihf", "thumbv7em-unknown-none-eabihf", "cortex-m4",
     "archives, objects; correct only"},
    {"nvptx64-nvidia-cuda", "nvptx64-nvidia-cuda", "sm_80",
     "kernels as PTX 8.5", "cuda"},
    {"spirv-vulkan", "x86_64-unknown-linux-gnu", "x86-64",
     "libraries, objects that run on a GPU through Vulkan 1.1", "vulkan"},
};

/// Short names, which are no triples.
static constexpr std::pair<StringLiteral, StringLiteral> targetAliases[] = {
    {"x86-64", "x86_64-linux-gnu"},
    {"x86_64", "x86_64-linux-gnu"},
    {"aarch64", "aarch64-linux-gnu"},
    {"arm64", "aarch64-linux-gnu"},
    {"android", "aarch64-linux-android"},
    {"apple", "arm64-apple-macos"},
    {"macos", "arm64-apple-macos"},
    {"ios", "arm64-apple-ios"},
    {"thumbv7em", "thumbv7em-none-eabi"},
};

static constexpr uint32_t v2 = TENON_CPU_X86_V2;
static constexpr uint32_t v3 = v2 | TENON_CPU_X86_V3;
static constexpr uint32_t v4 = v3 | TENON_CPU_X86_V4;

/// Highest first. A level holds all below it.
static constexpr LevelRow levelRows[] = {
    {Triple::x86_64, "x86-64-v4", v4,
     "avx512f avx512bw avx512cd avx512dq avx512vl",
     "AVX-512 F, BW, CD, DQ, VL"},
    {Triple::x86_64, "x86-64-v3", v3, "avx avx2 bmi bmi2 f16c fma lzcnt movbe",
     "AVX2, FMA, F16C, BMI2"},
    {Triple::x86_64, "x86-64-v2", v2, "sse3 ssse3 sse4.1 sse4.2 popcnt cx16",
     "SSE4.2; correct only"},
    {Triple::x86_64, "x86-64", 0, "", "SSE2; correct only"},
    {Triple::aarch64, "generic", 0, "", "NEON"},
    {Triple::thumb, "cortex-m4", 0, "", "correct only"},
};

static constexpr ExtraRow extraRows[] = {
    {Triple::x86_64, "avxvnni", TENON_CPU_AVX_VNNI, v3},
    {Triple::x86_64, "avx512vnni", TENON_CPU_AVX512_VNNI, v4},
    {Triple::x86_64, "avx512vbmi", TENON_CPU_AVX512_VBMI, v4},
    {Triple::x86_64, "avx512bf16", TENON_CPU_AVX512_BF16, v4},
    {Triple::aarch64, "dotprod", TENON_CPU_ARM_DOTPROD, 0},
    {Triple::aarch64, "fullfp16", TENON_CPU_ARM_FP16, 0},
    {Triple::aarch64, "i8mm", TENON_CPU_ARM_I8MM, 0},
    {Triple::aarch64, "bf16", TENON_CPU_ARM_BF16, 0},
};

/// Worth naming; any CPU that LLVM knows will do.
static constexpr StringLiteral namedCpus[] = {
    "haswell",    "skylake-avx512", "icelake-server", "sapphirerapids",
    "znver3",     "znver4",         "znver5",         "cortex-a76",
    "cortex-a78", "neoverse-n1",    "neoverse-v1",    "neoverse-n2",
    "apple-m1",   "apple-m2",       "cortex-m4",      "cortex-m7"};

//===----------------------------------------------------------------------===//
// LLVM's view of a CPU
//===----------------------------------------------------------------------===//

void tenon::initializeTargets() {
  static const bool once = [] {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
    LLVMInitializeX86AsmParser();
    LLVMInitializeAArch64TargetInfo();
    LLVMInitializeAArch64Target();
    LLVMInitializeAArch64TargetMC();
    LLVMInitializeAArch64AsmPrinter();
    LLVMInitializeAArch64AsmParser();
    LLVMInitializeARMTargetInfo();
    LLVMInitializeARMTarget();
    LLVMInitializeARMTargetMC();
    LLVMInitializeARMAsmPrinter();
    LLVMInitializeARMAsmParser();
    LLVMInitializeNVPTXTargetInfo();
    LLVMInitializeNVPTXTarget();
    LLVMInitializeNVPTXTargetMC();
    LLVMInitializeNVPTXAsmPrinter();
    return true;
  }();
  (void)once;
}

static Expected<std::unique_ptr<MCSubtargetInfo>>
subtargetFor(const Triple &triple, StringRef cpu, StringRef features) {
  initializeTargets();
  std::string message;
  const llvm::Target *target = TargetRegistry::lookupTarget(triple, message);
  if (!target)
    return createStringError(errc::invalid_argument,
                             "target '%s' is not known: `tenonc targets` "
                             "lists what is",
                             triple.str().c_str());
  // An unknown name would make LLVM print a warning of its own, so the names
  // are asked for first.
  std::unique_ptr<MCSubtargetInfo> plain(
      target->createMCSubtargetInfo(triple, "", ""));
  if (!cpu.empty() && !plain->isCPUStringValid(cpu)) {
    StringRef near;
    unsigned best = 4;
    for (const SubtargetSubTypeKV &row : plain->getAllProcessorDescriptions()) {
      unsigned distance = cpu.edit_distance(row.Key, true, best);
      if (distance < best) {
        best = distance;
        near = row.Key;
      }
    }
    return createStringError(
        errc::invalid_argument, "no CPU of %s is named '%s'%s%s%s",
        triple.getArchName().str().c_str(), cpu.str().c_str(),
        near.empty() ? ": `tenonc targets` lists some" : ": did you mean '",
        near.str().c_str(), near.empty() ? "" : "'?");
  }
  return std::unique_ptr<MCSubtargetInfo>(
      target->createMCSubtargetInfo(triple, cpu, features));
}

/// The features that a CPU has, by LLVM's names.
static std::set<std::string> enabledFeatures(const MCSubtargetInfo &subtarget) {
  std::set<std::string> names;
  for (const SubtargetFeatureKV &row : subtarget.getEnabledProcessorFeatures())
    names.insert(row.Key);
  return names;
}

//===----------------------------------------------------------------------===//
// From names to a target
//===----------------------------------------------------------------------===//

static Triple hostTriple() {
  Triple triple(Triple::normalize(sys::getDefaultTargetTriple()));
  // Debian's and Ubuntu's "pc" must not reach an artifact's bytes.
  if (triple.isOSLinux())
    triple.setVendor(Triple::UnknownVendor);
  return triple;
}

namespace {
/// A row, and the triple that a name stands for: the row's own, or its own
/// with the version that the name asks for.
struct FoundTarget {
  const TargetRow *row = nullptr;
  Triple triple;
};
} // namespace

/// What two spellings of one target share. Vendors, and which C library Linux
/// has, change nothing in the code: "aarch64-none-linux-musl" is
/// "aarch64-linux-gnu".
static std::tuple<Triple::ArchType, Triple::SubArchType, Triple::OSType,
                  Triple::EnvironmentType>
meaningOf(const Triple &triple) {
  Triple::ArchType arch = triple.getArch();
  // A Cortex-M knows no other instructions.
  if (arch == Triple::arm && triple.getSubArch() == Triple::ARMSubArch_v7em)
    arch = Triple::thumb;
  Triple::OSType os = triple.getOS();
  if (os == Triple::Darwin)
    os = Triple::MacOSX;
  Triple::EnvironmentType environment = triple.getEnvironment();
  if (os == Triple::Linux &&
      is_contained({Triple::UnknownEnvironment, Triple::Musl}, environment))
    environment = Triple::GNU;
  return {arch, triple.getSubArch(), os, environment};
}

static FoundTarget findTarget(StringRef name) {
  for (const auto &[alias, meaning] : targetAliases)
    if (name == alias)
      name = meaning;
  Triple asked(Triple::normalize(name));
  FoundTarget found;
  // A GPU has a name and no spellings.
  for (const TargetRow &row : targetRows)
    if (!row.device.empty() && name == row.name)
      return {&row, Triple(row.triple)};
    else if (row.device.empty() &&
             meaningOf(Triple(row.triple)) == meaningOf(asked))
      found = {&row, Triple(row.triple)};
  if (!found.row || asked.getObjectFormat() != found.triple.getObjectFormat())
    return {};
  // Apple's linker compares the system's version with that of the program;
  // Darwin's own numbers are others.
  if (asked.isOSDarwin() && asked.getOS() != Triple::Darwin &&
      asked.getOSVersion() != VersionTuple())
    found.triple.setOSName(asked.getOSName());
  return found;
}

/// Rows of x86-64 serve it alone; those of AArch64 also Apple's CPUs.
static uint32_t bitsOf(const Triple &triple, StringRef level,
                       const std::set<std::string> &features,
                       SmallVectorImpl<StringRef> &extras, uint32_t bits) {
  std::set<std::string> included;
  if (auto subtarget = subtargetFor(triple, level, ""))
    included = enabledFeatures(**subtarget);
  else
    consumeError(subtarget.takeError());
  for (const ExtraRow &row : extraRows) {
    if (row.arch != triple.getArch() || (bits & row.needs) != row.needs ||
        !features.count(row.feature.str()))
      continue;
    bits |= row.bit;
    if (!included.count(row.feature.str()))
      extras.push_back(row.feature);
  }
  return bits;
}

/// The highest level whose features are all there.
static const LevelRow *levelOf(const Triple &triple,
                               const std::set<std::string> &features) {
  const LevelRow *level = nullptr;
  for (const LevelRow &row : llvm::reverse(levelRows)) {
    if (row.arch != triple.getArch())
      continue;
    SmallVector<StringRef> needs;
    row.needs.split(needs, ' ', -1, /*KeepEmpty=*/false);
    if (level && !llvm::all_of(needs, [&](StringRef feature) {
          return features.count(feature.str());
        }))
      break;
    level = &row;
  }
  return level;
}

static std::set<std::string> hostFeatures() {
  std::set<std::string> names;
  for (const auto &feature : sys::getHostCPUFeatures())
    if (feature.second)
      names.insert(feature.first().str());
  // The names by which LLVM's targets know what the host's query calls
  // otherwise.
  if (names.count("fp16") || names.count("fphp"))
    names.insert("fullfp16");
  return names;
}

static Expected<ResolvedTarget> makeTarget(const Triple &triple, StringRef cpu,
                                           bool native) {
  tenon::ResolvedTarget target;
  target.options.triple = triple.str();
  target.tune = cpu.str();
  auto subtarget = subtargetFor(triple, cpu, "");
  if (!subtarget)
    return subtarget.takeError();
  std::set<std::string> features =
      native ? hostFeatures() : enabledFeatures(**subtarget);

  SmallVector<StringRef> extras;
  if (triple.isOSDarwin() || triple.isThumb()) {
    // All of Apple's machines have the first one's features; a microcontroller
    // is named by who builds for it.
    target.options.cpu = triple.isThumb() ? cpu.str() : "apple-m1";
  } else {
    const LevelRow *level = levelOf(triple, features);
    target.options.cpu = level->cpu.str();
    target.cpuFeatures = level->bits;
  }
  target.cpuFeatures =
      bitsOf(triple, target.options.cpu, features, extras, target.cpuFeatures);

  // Whole vectors: the level's own tuning would halve those of AVX-512.
  std::string wanted;
  if (target.cpuFeatures & TENON_CPU_X86_V4)
    wanted = "-prefer-256-bit";
  target.display = target.options.cpu;
  for (StringRef extra : extras) {
    wanted += (wanted.empty() ? "+" : ",+") + extra.str();
    target.display += " +" + extra.str();
  }
  if (target.tune != target.options.cpu)
    target.display += " (tuned for " + target.tune + ")";
  auto chosen = subtargetFor(triple, target.options.cpu, wanted);
  if (!chosen)
    return chosen.takeError();
  for (const std::string &feature : enabledFeatures(**chosen))
    target.options.features +=
        (target.options.features.empty() ? "+" : ",+") + feature;
  if (target.cpuFeatures & TENON_CPU_X86_V4)
    target.options.features += ",-prefer-256-bit";
  return target;
}

static Expected<ResolvedTarget> makeCudaTarget(const Triple &triple,
                                               StringRef cpu) {
  auto subtarget = subtargetFor(triple, cpu, "");
  if (!subtarget)
    return subtarget.takeError();
  tenon::ResolvedTarget target;
  // The version with mma.sp::ordered_metadata; CUDA 12.5 reads it.
  target.options = {triple.str(), cpu.str(), "+ptx85", "cuda"};
  target.tune = cpu.str();
  target.display = "CUDA, " + cpu.str();
  return target;
}

Expected<ResolvedTarget> tenon::resolveTarget(StringRef name, StringRef cpu) {
  Triple host = hostTriple();
  FoundTarget found = findTarget(name.empty() ? host.str() : name);
  if (!found.row && !name.empty())
    return createStringError(
        errc::invalid_argument, "target '%s' is not known: expected %s",
        name.str().c_str(),
        join(map_range(targetRows,
                       [](const TargetRow &r) { return r.name.str(); }),
             ", ")
            .c_str());
  if (!found.row)
    return createStringError(errc::not_supported,
                             "this machine (%s) is no target: name one with "
                             "--target",
                             host.str().c_str());

  const Triple &triple = found.triple;
  bool isHost = triple.getArch() == host.getArch() &&
                triple.getOS() == host.getOS() &&
                triple.isAndroid() == host.isAndroid();
  if (!found.row->device.empty()) {
    StringRef usual = cpu.empty() ? StringRef(found.row->defaultCpu) : cpu;
    if (triple.isNVPTX())
      return makeCudaTarget(triple, usual);
    // The CPU only walks the program.
    Expected<ResolvedTarget> target = makeTarget(triple, usual, false);
    if (target) {
      target->options.device = found.row->device.str();
      target->display = "Vulkan 1.1, called from " + target->display;
    }
    return target;
  }
  bool native = cpu == "native" || (cpu.empty() && isHost);
  if (native && !isHost)
    return createStringError(errc::invalid_argument,
                             "--mcpu=native means this machine (%s), which is "
                             "not the target '%s': name its CPU",
                             host.str().c_str(), triple.str().c_str());
  if (native)
    return makeTarget(triple, sys::getHostCPUName(), true);
  return makeTarget(triple, cpu.empty() ? StringRef(found.row->defaultCpu) : cpu,
                    false);
}

Expected<std::vector<ResolvedTarget>>
tenon::resolveTargets(StringRef name, StringRef cpus) {
  SmallVector<StringRef> names;
  cpus.split(names, ',');
  std::vector<ResolvedTarget> targets;
  for (StringRef cpu : names) {
    if (cpu.empty() && names.size() > 1)
      return createStringError("--mcpu=" + cpus +
                               ": expected CPUs with one comma between");
    Expected<ResolvedTarget> target = resolveTarget(name, cpu);
    if (!target)
      return target.takeError();
    targets.push_back(std::move(*target));
  }
  if (targets.size() == 1)
    return targets;
  stable_sort(targets, [](const ResolvedTarget &a, const ResolvedTarget &b) {
    return popcount(a.cpuFeatures) < popcount(b.cpuFeatures);
  });
  auto refuse = [&](const Twine &why) {
    return createStringError(errc::not_supported,
                             "--mcpu=" + cpus + ": " + why);
  };
  const ResolvedTarget &least = targets.front();
  if (!least.triple().isX86() || !least.options.device.empty())
    return refuse("several CPUs in one artifact are x86 levels; compile once "
                  "for each of them");
  // Without fused multiply-add other bits come out.
  if ((least.cpuFeatures & v3) != v3)
    return refuse("'" + least.options.cpu +
                  "' has no fused multiply-add, so its results would differ; "
                  "expected x86-64-v3 or higher levels");
  for (size_t i = 1; i < targets.size(); ++i) {
    if (least.cpuFeatures & ~targets[i].cpuFeatures)
      return refuse("'" + targets[i].display + "' lacks features of '" +
                    least.display + "'; name a level that all have");
    if (targets[i - 1].cpuFeatures == targets[i].cpuFeatures)
      return refuse("'" + targets[i - 1].display + "' and '" +
                    targets[i].display +
                    "' run on the same CPUs; name one of them");
  }
  return targets;
}

bool tenon::runsOnHost(const ResolvedTarget &target) {
  Triple triple = target.triple(), host = hostTriple();
  if (triple.getArch() != host.getArch() || triple.getOS() != host.getOS() ||
      triple.isAndroid() != host.isAndroid())
    return false;
  Expected<ResolvedTarget> native = resolveTarget("", "native");
  if (!native) {
    consumeError(native.takeError());
    return false;
  }
  return (target.cpuFeatures & ~native->cpuFeatures) == 0;
}

//===----------------------------------------------------------------------===//
// For people
//===----------------------------------------------------------------------===//

void tenon::printTargets(raw_ostream &os) {
  os << "targets (--target=)\n";
  for (const TargetRow &row : targetRows)
    os << formatv("  {0,-26}{1}; usual CPU {2}\n", row.name, row.gives,
                  row.defaultCpu);
  os << "\nCPU levels (--mcpu=)\n";
  for (const LevelRow &row : levelRows)
    os << formatv("  {0,-26}{1}: {2}\n", row.cpu,
                  Triple::getArchTypeName(row.arch), row.about);
  os << "  native                    this machine; the default where it is the "
        "target\n"
        "  any name that LLVM has    the level it reaches, and of its features:\n"
        "   ";
  for (const ExtraRow &row : extraRows)
    os << ' ' << row.feature;
  os << "\n  such as";
  for (StringRef cpu : namedCpus)
    os << ' ' << cpu;
  os << "\n\nthis machine\n";
  Expected<ResolvedTarget> native = resolveTarget("", "native");
  if (native)
    os << "  " << native->options.triple << ", " << native->display << '\n';
  else
    os << "  " << toString(native.takeError()) << '\n';
}
