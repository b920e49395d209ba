//===- math_ulp_test.cpp - the error of the expanded math functions -------===//
//
//   for (i = 0; i < n; i += width)
//     out[i ...] = math.exp in[i ...]       expanded, compiled and run here,
//                                           at widths 1, 8 and 16
//
// Every function is held to a bound in ULP against libm in the next wider
// format, and to the same bits at every width, and on x86 also for a CPU with
// AVX2 only. An ULP is the distance of two numbers around the exact result.
//
//   math_ulp_test [f..]         every 997th float, edges; f64 by samples
//   math_ulp_test --full [f..]  all 2^32 floats, of six functions if not named
//   math_ulp_test --show [f..]  say where the largest error is, too
//
//===----------------------------------------------------------------------===//

#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/FuncToLLVM/ConvertFuncToLLVM.h"
#include "mlir/Conversion/FuncToLLVM/ConvertFuncToLLVMPass.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/MemRefToLLVM/MemRefToLLVM.h"
#include "mlir/Conversion/ReconcileUnrealizedCasts/ReconcileUnrealizedCasts.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVMPass.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "passes/lower/ExpandMath.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Host.h"
#include <cmath>
#include <cstdio>
#include <cstring>
#include <random>

using namespace mlir;

namespace {
struct Function {
  const char *name;
  const char *op;
  double (*wide)(double);
  long double (*wider)(long double);
  double bound32, bound64;
  bool flushes = false; // results under the smallest normal may be 0
};
struct BinaryFunction {
  const char *name;
  const char *op;
  double (*wide)(double, double);
  long double (*wider)(long double, long double);
  double bound32, bound64;
  bool flushes = false;
};
} // namespace

template <typename T> static T rsqrtOf(T x) { return 1 / std::sqrt(x); }

#define LIBM(f) f, f##l
static const Function kFunctions[] = {
    {"exp", "math.exp", LIBM(exp), 1.1, 1.5, true},
    {"exp2", "math.exp2", LIBM(exp2), 1.1, 1.5, true},
    {"expm1", "math.expm1", LIBM(expm1), 2, 3},
    {"log", "math.log", LIBM(log), 1.5, 2},
    {"log2", "math.log2", LIBM(log2), 2, 3},
    {"log10", "math.log10", LIBM(log10), 3, 3},
    {"log1p", "math.log1p", LIBM(log1p), 2, 2},
    {"sinh", "math.sinh", LIBM(sinh), 2.5, 3},
    {"cosh", "math.cosh", LIBM(cosh), 2.5, 3},
    {"tanh", "math.tanh", LIBM(tanh), 2, 2.5},
    {"asinh", "math.asinh", LIBM(asinh), 4, 4},
    {"acosh", "math.acosh", LIBM(acosh), 4, 4},
    {"atanh", "math.atanh", LIBM(atanh), 4, 4},
    {"erf", "math.erf", LIBM(erf), 2, 2},
    {"sin", "math.sin", LIBM(sin), 2, 2},
    {"cos", "math.cos", LIBM(cos), 2, 2},
    {"tan", "math.tan", LIBM(tan), 4, 4},
    {"asin", "math.asin", LIBM(asin), 2.5, 2.5},
    {"acos", "math.acos", LIBM(acos), 2, 2},
    {"atan", "math.atan", LIBM(atan), 2, 3},
    {"cbrt", "math.cbrt", LIBM(cbrt), 1, 1},
    {"rsqrt", "math.rsqrt", rsqrtOf<double>, rsqrtOf<long double>, 1.5, 1.5},
    {"round", "math.round", LIBM(round), 0, 0},
};
static const BinaryFunction kBinaryFunctions[] = {
    {"pow", "math.powf", LIBM(pow), 2, 2, true},
    {"atan2", "math.atan2", LIBM(atan2), 3, 3},
};

//===----------------------------------------------------------------------===//
// Compiling
//===----------------------------------------------------------------------===//

static std::string symbolOf(const char *name, bool isF64, int width) {
  return std::string(name) + (isF64 ? "_f64_" : "_f32_") +
         std::to_string(width);
}

static std::string loopText(const char *name, const char *op, bool isF64,
                            int width, bool isBinary) {
  std::string element = isF64 ? "f64" : "f32";
  std::string memory = "memref<?x" + element + ">";
  std::string lanes =
      width == 1 ? element
                 : "vector<" + std::to_string(width) + "x" + element + ">";
  std::string prefix = width == 1 ? "memref." : "vector.";
  std::string types = memory + (width == 1 ? "" : ", " + lanes);
  std::string text = "func.func @" + symbolOf(name, isF64, width) +
                     "(%a: " + memory + ", %b: " + memory +
                     ", %out: " + memory +
                     ", %n: index) {\n"
                     "%zero = arith.constant 0 : index\n"
                     "%step = arith.constant " +
                     std::to_string(width) +
                     " : index\n"
                     "scf.for %i = %zero to %n step %step {\n";
  text += "%x = " + prefix + "load %a[%i] : " + types + "\n";
  if (isBinary)
    text += "%w = " + prefix + "load %b[%i] : " + types + "\n";
  text += "%y = " + std::string(op) + (isBinary ? " %x, %w : " : " %x : ") +
          lanes + "\n";
  text += prefix + "store %y, %out[%i] : " + types + "\n}\nreturn\n}\n";
  return text;
}

/// Expand, and lower to the llvm dialect.
static bool lower(ModuleOp module) {
  MLIRContext *context = module.getContext();
  RewritePatternSet patterns(context);
  tenon::populateExpandMathPatterns(patterns);
  if (failed(applyPatternsGreedily(module, std::move(patterns))))
    return false;
  PassManager manager(context);
  manager.addPass(createSCFToControlFlowPass());
  manager.addPass(createConvertVectorToLLVMPass());
  manager.addPass(createConvertMathToLLVMPass());
  manager.addPass(createFinalizeMemRefToLLVMConversionPass());
  manager.addPass(createArithToLLVMConversionPass());
  manager.addPass(createConvertControlFlowToLLVMPass());
  manager.addPass(createConvertFuncToLLVMPass());
  manager.addPass(createReconcileUnrealizedCastsPass());
  return succeeded(manager.run(module));
}

static std::unique_ptr<llvm::orc::LLJIT>
compile(MLIRContext &context, llvm::StringRef text, llvm::StringRef cpu) {
  auto module = parseSourceString<ModuleOp>(text, &context);
  if (!module || !lower(*module))
    return nullptr;
  auto llvmContext = std::make_unique<llvm::LLVMContext>();
  auto llvmModule = translateModuleToLLVMIR(*module, *llvmContext);
  auto target =
      llvm::cantFail(llvm::orc::JITTargetMachineBuilder::detectHost());
  if (!cpu.empty()) {
    target.setCPU(cpu.str());
    target.getFeatures() = llvm::SubtargetFeatures();
  }
  auto machine = llvm::cantFail(target.createTargetMachine());
  llvmModule->setDataLayout(machine->createDataLayout());
  llvmModule->setTargetTriple(machine->getTargetTriple());
  for (llvm::Function &function : *llvmModule)
    function.addFnAttr("target-cpu", machine->getTargetCPU());

  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager calls;
  llvm::ModuleAnalysisManager modules;
  llvm::PipelineTuningOptions tuning;
  tuning.LoopVectorization = tuning.SLPVectorization = false;
  tuning.LoopUnrolling = false;
  llvm::PassBuilder builder(machine.get(), tuning);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(calls);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, calls, modules);
  builder.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O1)
      .run(*llvmModule, modules);

  auto jit = llvm::cantFail(
      llvm::orc::LLJITBuilder().setJITTargetMachineBuilder(target).create());
  llvm::cantFail(jit->addIRModule(llvm::orc::ThreadSafeModule(
      std::move(llvmModule), std::move(llvmContext))));
  return jit;
}

namespace {
/// A memref<?xT> argument is five.
template <typename T>
using Loop = void (*)(T *, T *, int64_t, int64_t, int64_t, //
                      T *, T *, int64_t, int64_t, int64_t, //
                      T *, T *, int64_t, int64_t, int64_t, int64_t);

template <typename T> struct Variant {
  std::string name;
  Loop<T> loop;

  void run(std::vector<T> &a, std::vector<T> &b, std::vector<T> &out) const {
    int64_t n = out.size();
    loop(a.data(), a.data(), 0, n, 1, b.data(), b.data(), 0, n, 1, out.data(),
         out.data(), 0, n, 1, n);
  }
};

struct Compiled {
  std::string cpu;
  std::vector<int> widths;
  std::unique_ptr<llvm::orc::LLJIT> jit;
};
} // namespace

/// The first variant is the widest one for the host.
template <typename T>
static std::vector<Variant<T>> variantsOf(std::vector<Compiled> &compiled,
                                          const char *name) {
  std::vector<Variant<T>> variants;
  for (Compiled &one : compiled)
    for (int width : one.widths) {
      std::string symbol = symbolOf(name, sizeof(T) == 8, width);
      auto address = llvm::cantFail(one.jit->lookup(symbol));
      variants.push_back({one.cpu + " width " + std::to_string(width),
                          address.template toPtr<Loop<T>>()});
    }
  return variants;
}

//===----------------------------------------------------------------------===//
// Comparing
//===----------------------------------------------------------------------===//

static double inf() { return std::numeric_limits<double>::infinity(); }

/// Distance of `got` from `want` in ULP of T around `want`; infinity counts as
/// the first number past the largest.
template <typename T, typename W>
static double ulpError(T got, W want, bool flushes) {
  using Limits = std::numeric_limits<T>;
  if (std::isnan(want) || std::isnan(got))
    return std::isnan(want) && std::isnan(got) ? 0 : inf();
  if (std::signbit(want) != std::signbit(got))
    return inf();
  W magnitude = std::fabs(want), result = std::fabs(W(got));
  if (flushes && magnitude < W(Limits::min()) && got == 0)
    return 0;
  if (std::isinf(got) && std::isinf(want))
    return 0;
  W past = std::ldexp(W(1), Limits::max_exponent);
  magnitude = std::min(magnitude, past);
  result = std::min(result, past);
  int exponent;
  std::frexp(magnitude, &exponent);
  exponent = std::max(exponent, Limits::min_exponent);
  exponent = std::min(exponent, Limits::max_exponent);
  return std::ldexp(double(std::fabs(result - magnitude)),
                    Limits::digits - exponent);
}
static_assert(std::numeric_limits<float>::min_exponent == -125, "frexp's");

template <typename T> static bool sameBits(T a, T b) {
  return std::memcmp(&a, &b, sizeof(T)) == 0 ||
         (std::isnan(a) && std::isnan(b));
}

template <typename T> static std::vector<T> specialValues() {
  using Limits = std::numeric_limits<T>;
  std::vector<T> values;
  auto around = [&](T center) {
    T below = center, above = center;
    for (int i = 0; i < 4; ++i) {
      for (T x : {below, above}) {
        values.push_back(x);
        values.push_back(-x);
      }
      below = std::nextafter(below, -Limits::infinity());
      above = std::nextafter(above, Limits::infinity());
    }
  };
  for (T x : {T(0),
              Limits::min(),
              Limits::max(),
              Limits::infinity(),
              T(1),
              T(0.5),
              T(1.5),
              T(2),
              T(2.5),
              T(3),
              T(10),
              T(18),
              T(38),
              T(6),
              T(9),
              T(20),
              T(0x1p16),
              T(0x1p20),
              T(0x1p23),
              T(0x1p24),
              T(0x1p30),
              T(0x1p31),
              T(0x1p52),
              T(0x1p60),
              T(1) / 3,
              T(2) / 3,
              T(4) / 3,
              std::log(Limits::max()),
              std::log(Limits::min()),
              std::log(Limits::max()) + T(0.6931471805599453),
              T(128),
              T(126),
              T(1024),
              T(1022),
              std::sqrt(T(0.5)),
              std::sqrt(T(2))})
    around(x);
  for (int i = 1; i < 40; ++i)
    around(T(i * 0.78539816339744831L));
  values.push_back(Limits::quiet_NaN());
  values.push_back(-Limits::quiet_NaN());
  values.push_back(Limits::signaling_NaN());
  // NaNs with bits that an addition to the exponent could carry out of.
  for (uint32_t bits : {0x7fffffffu, 0xffffffffu, 0x7f800001u, 0x7fc00081u}) {
    float x;
    std::memcpy(&x, &bits, 4);
    values.push_back(x);
  }
  return values;
}

static std::vector<float> sweepF32() {
  std::vector<float> values = specialValues<float>();
  for (uint64_t bits = 0; bits < (uint64_t(1) << 32); bits += 997) {
    uint32_t word = bits;
    float x;
    std::memcpy(&x, &word, 4);
    values.push_back(x);
  }
  values.resize((values.size() + 15) / 16 * 16);
  return values;
}

static std::vector<double> sweepF64() {
  std::vector<double> values = specialValues<double>();
  std::mt19937_64 random(1);
  for (int i = 0; i < 100000; ++i) {
    uint64_t word = random();
    double x;
    std::memcpy(&x, &word, 8);
    values.push_back(x);
    // Where functions are curved.
    values.push_back(std::ldexp(double(int64_t(word)), -62));
    values.push_back(std::ldexp(double(int64_t(word)), -59));
    values.push_back(std::ldexp(double(int64_t(word)), -53));
  }
  values.resize((values.size() + 15) / 16 * 16);
  return values;
}

template <typename T> static void pairs(std::vector<T> &a, std::vector<T> &b) {
  for (T x : {T(0),
              T(1),
              T(0.5),
              T(1.5),
              T(2),
              T(3),
              T(4),
              T(5),
              std::numeric_limits<T>::infinity(),
              std::numeric_limits<T>::quiet_NaN(),
              std::numeric_limits<T>::max(),
              std::numeric_limits<T>::min(),
              std::numeric_limits<T>::denorm_min(),
              T(0x1p24),
              T(0x1p24 + 2),
              T(0x1p53),
              T(0x1.fffffep-1),
              T(0x1.000002p0),
              T(128),
              T(126)})
    for (T y : {T(0), T(1), T(0.5), T(1.5), T(2), T(3), T(4), T(5),
                std::numeric_limits<T>::infinity(),
                std::numeric_limits<T>::quiet_NaN(),
                std::numeric_limits<T>::max(), std::numeric_limits<T>::min(),
                std::numeric_limits<T>::denorm_min(), T(0x1p24), T(0x1p24 + 1),
                T(0x1p31 + 256), T(0x1p53), T(127), T(1024)})
      for (int signs = 0; signs < 4; ++signs) {
        a.push_back(signs & 1 ? -x : x);
        b.push_back(signs & 2 ? -y : y);
      }
  std::mt19937_64 random(2);
  std::uniform_real_distribution<double> unit(0, 1);
  double range = std::numeric_limits<T>::max_exponent;
  for (int i = 0; i < 1000000; ++i) {
    // Bases of all sizes, most near 1, and an exponent with a finite result.
    double size =
        i % 2 ? range * (2 * unit(random) - 1) : 2 * (2 * unit(random) - 1);
    T x = std::exp2(size);
    double logarithm = std::log2(double(x));
    T y = logarithm ? range * 1.01 * (2 * unit(random) - 1) / logarithm : 1;
    if (i % 8 == 0) // Whole numbers, and both signs of the base.
      y = std::nearbyint(y);
    a.push_back(i % 16 == 0 || i % 5 == 0 ? -x : x);
    b.push_back(y);
  }
  while (a.size() % 16) {
    a.push_back(1);
    b.push_back(1);
  }
}

namespace {
struct Report {
  int passed = 0, failed = 0, skipped = 0;
  bool show = false;

  void check(bool ok, const std::string &what) {
    ++(ok ? passed : failed);
    if (!ok)
      std::printf("FAIL %s\n", what.c_str());
  }
};
} // namespace

/// Run the variants on (a, b), hold the first to the bound and the others to
/// its bits.
template <typename T, typename W, typename Reference>
static void test(Report &report, const char *name,
                 const std::vector<Variant<T>> &variants, std::vector<T> &a,
                 std::vector<T> &b, Reference reference, double bound,
                 bool flushes) {
  const char *format = sizeof(T) == 8 ? "f64" : "f32";
  std::vector<T> first(a.size()), other(a.size());
  variants[0].run(a, b, first);
  double worst = 0;
  size_t where = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    double error = ulpError<T, W>(first[i], reference(a[i], b[i]), flushes);
    if (error > worst) {
      worst = error;
      where = i;
    }
  }
  char line[256];
  std::snprintf(line, sizeof line,
                "%-6s %s: %.3f ULP (bound %g) at %a, %a: got %a, want %La",
                name, format, worst, bound, double(a[where]), double(b[where]),
                double(first[where]),
                (long double)reference(a[where], b[where]));
  if (report.show)
    std::printf("%s\n", line);
  else
    std::printf("%-6s %s: %.3f ULP\n", name, format, worst);
  report.check(worst <= bound, line);
  for (const Variant<T> &variant : llvm::drop_begin(variants)) {
    variant.run(a, b, other);
    size_t i = 0;
    while (i < a.size() && sameBits(first[i], other[i]))
      ++i;
    report.check(i == a.size(), std::string(name) + " " + format + ": " +
                                    variant.name + " differs from " +
                                    variants[0].name);
  }
}

static void testAllFloats(Report &report, const Function &function,
                          const Variant<float> &variant) {
  const uint64_t chunk = 1 << 16;
  std::vector<float> x(chunk), y(chunk);
  double worst = 0;
  float where = 0;
  for (uint64_t base = 0; base < (uint64_t(1) << 32); base += chunk) {
    for (uint64_t i = 0; i < chunk; ++i) {
      uint32_t word = base + i;
      std::memcpy(&x[i], &word, 4);
    }
    variant.run(x, x, y);
    for (uint64_t i = 0; i < chunk; ++i) {
      double want = function.wide(x[i]);
      double error = ulpError<float, double>(y[i], want, function.flushes);
      if (error > worst) {
        worst = error;
        where = x[i];
      }
    }
  }
  std::printf("%-6s all floats: %.3f ULP at %a\n", function.name, worst, where);
  std::fflush(stdout);
  report.check(worst <= function.bound32, function.name);
}

//===----------------------------------------------------------------------===//
// main
//===----------------------------------------------------------------------===//

static bool hostHasFma() {
  llvm::StringMap<bool> features = llvm::sys::getHostCPUFeatures();
  bool isX86 = llvm::Triple(llvm::sys::getDefaultTargetTriple()).isX86();
  return !isX86 || features.lookup("fma");
}

int main(int argc, char **argv) {
  Report report;
  bool full = false;
  std::vector<llvm::StringRef> names;
  for (llvm::StringRef arg : llvm::ArrayRef(argv + 1, argc - 1)) {
    full |= arg == "--full";
    report.show |= arg == "--show";
    if (!arg.starts_with("--"))
      names.push_back(arg);
  }
  if (full && names.empty())
    names = {"exp", "log", "tanh", "erf", "sin", "cos"};
  auto wanted = [&](const char *name) {
    return names.empty() || llvm::is_contained(names, name);
  };
  if (!hostHasFma()) {
    std::printf("0 passed, 0 failed, 1 skipped (no fused multiply-add)\n");
    return 0;
  }

  llvm::InitializeNativeTarget();
  llvm::InitializeNativeTargetAsmPrinter();
  DialectRegistry registry;
  registry
      .insert<arith::ArithDialect, cf::ControlFlowDialect, func::FuncDialect,
              LLVM::LLVMDialect, math::MathDialect, memref::MemRefDialect,
              scf::SCFDialect, vector::VectorDialect>();
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);

  std::vector<Compiled> compiled;
  compiled.push_back({"host", {16, 8, 1}, nullptr});
  if (llvm::Triple(llvm::sys::getDefaultTargetTriple()).isX86() && !full)
    compiled.push_back({"x86-64-v3", {8}, nullptr});
  for (Compiled &one : compiled) {
    std::string text;
    for (bool isF64 : {false, true})
      for (int width : one.widths) {
        for (const Function &f : kFunctions)
          if (wanted(f.name))
            text += loopText(f.name, f.op, isF64, width, false);
        for (const BinaryFunction &f : kBinaryFunctions)
          if (wanted(f.name))
            text += loopText(f.name, f.op, isF64, width, true);
      }
    one.jit = compile(context, text, one.cpu == "host" ? "" : one.cpu);
  }
  for (const Compiled &one : compiled)
    if (!one.jit) {
      std::printf("FAIL the functions do not compile for %s\n",
                  one.cpu.c_str());
      return 1;
    }

  std::vector<float> xs;
  std::vector<double> xs64;
  if (!full) {
    xs = sweepF32();
    xs64 = sweepF64();
  }
  for (const Function &f : kFunctions) {
    if (!wanted(f.name))
      continue;
    auto variants = variantsOf<float>(compiled, f.name);
    if (full) {
      testAllFloats(report, f, variants[0]);
      continue;
    }
    test<float, double>(
        report, f.name, variants, xs, xs,
        [&](float x, float) { return f.wide(x); }, f.bound32, f.flushes);
    test<double, long double>(
        report, f.name, variantsOf<double>(compiled, f.name), xs64, xs64,
        [&](double x, double) { return f.wider(x); }, f.bound64, f.flushes);
  }
  if (!full) {
    std::vector<float> a, b;
    std::vector<double> a64, b64;
    pairs(a, b);
    pairs(a64, b64);
    for (const BinaryFunction &f : kBinaryFunctions) {
      if (!wanted(f.name))
        continue;
      test<float, double>(
          report, f.name, variantsOf<float>(compiled, f.name), a, b,
          [&](float x, float y) { return f.wide(x, y); }, f.bound32, f.flushes);
      test<double, long double>(
          report, f.name, variantsOf<double>(compiled, f.name), a64, b64,
          [&](double x, double y) { return f.wider(x, y); }, f.bound64,
          f.flushes);
    }
  }
  std::printf("%d passed, %d failed, %d skipped\n", report.passed,
              report.failed, report.skipped);
  return report.failed != 0;
}
