#include "compiler/artifact/Wrappers.h"

#include "compiler/artifact/RuntimeObject.h"
#include "runtime/include/tenon/abi.h"

#include "llvm/IR/Constants.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/Verifier.h"
#include "llvm/Support/Errc.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;
using namespace tenon::artifact;

std::vector<std::string>
tenon::artifact::publicSymbols(const ModelInterface &model) {
  std::vector<std::string> names;
  for (const char *name : {"arena_bytes", "init", "run", "run_pointers",
                           "close", "status_text", "failed_step", "info"})
    names.push_back(model.prefix + "_" + name);
  if (!model.found.empty())
    names.push_back(model.prefix + "_found_sizes");
  return names;
}

namespace {

/// Builds one model's constants and functions. The structs are LLVM's natural
/// ones: with the target's data layout they are what its C compiler makes of
/// abi.h, 8-byte int64_t on 32-bit ARM included.
class ApiBuilder {
public:
  ApiBuilder(Module &module, const ModelInterface &model)
      : module(module), model(model), context(module.getContext()),
        pointer(PointerType::getUnqual(context)),
        i32(Type::getInt32Ty(context)), i64(Type::getInt64Ty(context)),
        word(module.getDataLayout().getIntPtrType(context)) {}

  void addInfo();
  void addFunctions();
  void addMain();

private:
  Constant *text(StringRef text);
  Constant *integer(Type *type, uint64_t value) {
    return ConstantInt::get(type, value, /*IsSigned=*/false,
                            /*ImplicitTrunc=*/true);
  }
  Constant *null() { return ConstantPointerNull::get(pointer); }
  Constant *table(ArrayRef<Constant *> elements, const Twine &name);
  Constant *tensors(ArrayRef<Tensor> tensors, const Twine &name);
  Constant *symbols();
  Constant *stepNames();
  Constant *stepCosts();
  Constant *weights();
  Constant *device();
  Constant *levels();
  Function *hidden(const Twine &name, FunctionType *type);

  /// Begins the public function <prefix>_<name>.
  Function *begin(IRBuilder<> &builder, StringRef name, Type *result,
                  ArrayRef<Type *> parameters);
  /// Calls the runtime's tenon_<name> and returns what it gives.
  void forward(IRBuilder<> &builder, StringRef name, Type *result,
               ArrayRef<Value *> arguments);
  /// The arguments [first, first + count) as an array of pointers.
  Value *collect(IRBuilder<> &builder, Function *function, unsigned first,
                 unsigned count, const Twine &name);
  void addRun();

  Module &module;
  const ModelInterface &model;
  LLVMContext &context;
  PointerType *pointer;
  IntegerType *i32;
  IntegerType *i64;
  IntegerType *word;
  GlobalVariable *info = nullptr;
};

} // namespace

//===----------------------------------------------------------------------===//
// The model's description
//===----------------------------------------------------------------------===//

Constant *ApiBuilder::text(StringRef text) {
  Constant *data = ConstantDataArray::getString(context, text);
  auto *global = new GlobalVariable(module, data->getType(),
                                    /*isConstant=*/true,
                                    GlobalValue::PrivateLinkage, data, ".str");
  global->setUnnamedAddr(GlobalValue::UnnamedAddr::Global);
  global->setAlignment(Align(1));
  return global;
}

Constant *ApiBuilder::table(ArrayRef<Constant *> elements, const Twine &name) {
  if (elements.empty())
    return null();
  auto *type = ArrayType::get(elements.front()->getType(), elements.size());
  return new GlobalVariable(
      module, type, /*isConstant=*/true, GlobalValue::PrivateLinkage,
      ConstantArray::get(type, elements), model.prefix + "_" + name);
}

Constant *ApiBuilder::tensors(ArrayRef<Tensor> tensors, const Twine &name) {
  SmallVector<Constant *> elements;
  for (const Tensor &tensor : tensors) {
    SmallVector<Constant *> dims;
    for (const Dim &dim : tensor.dims) {
      int64_t value = dim.value;
      if (dim.kind == Dim::Kind::Symbol)
        value = -1 - dim.value;
      else if (dim.kind == Dim::Kind::Expression)
        value = INT64_MIN;
      dims.push_back(integer(i64, static_cast<uint64_t>(value)));
    }
    elements.push_back(ConstantStruct::getAnon(
        {text(tensor.name), integer(i32, tensor.type),
         integer(i32, tensor.dims.size()), table(dims, "dims")}));
  }
  return table(elements, name);
}

Constant *ApiBuilder::symbols() {
  SmallVector<Constant *> elements;
  for (const std::vector<Symbol> *symbols : {&model.symbols, &model.found})
    for (const Symbol &symbol : *symbols)
      elements.push_back(
          ConstantStruct::getAnon({text(symbol.name), integer(i64, symbol.lo),
                                   integer(i64, symbol.hi)}));
  return table(elements, "symbols");
}

Constant *ApiBuilder::stepNames() {
  SmallVector<Constant *> elements;
  for (const Step &step : model.steps)
    elements.push_back(text(step.name));
  for (const std::string &check : model.checks)
    elements.push_back(text(check));
  return table(elements, "step_names");
}

Constant *ApiBuilder::stepCosts() {
  SmallVector<Constant *> elements;
  for (const Step &step : model.steps)
    elements.push_back(ConstantStruct::getAnon(
        {integer(i64, step.bytes), integer(i64, step.flops)}));
  return table(elements, "step_costs");
}

Constant *ApiBuilder::weights() {
  if (!model.hasEmbeddedWeights())
    return null();
  auto *global = new GlobalVariable(
      module, Type::getInt8Ty(context), /*isConstant=*/true,
      GlobalValue::ExternalLinkage, nullptr, model.prefix + "_weights");
  global->setVisibility(GlobalValue::HiddenVisibility);
  global->setDSOLocal(true);
  global->setAlignment(Align(64));
  // The section lies far from code; only 64-bit relocations reach it.
  if (Triple(module.getTargetTriple()).getArch() == Triple::x86_64)
    global->setCodeModel(CodeModel::Large);
  return global;
}

/// The loader's functions, field by field as `struct tenon_device` in abi.h.
Constant *ApiBuilder::device() {
  if (model.device.empty())
    return null();
  Type *nothing = Type::getVoidTy(context);
  auto function = [&](StringRef name, Type *result, unsigned arguments) {
    SmallVector<Type *> types(arguments, pointer);
    return hidden("rt_" + model.device + "_" + name,
                  FunctionType::get(result, types, false));
  };
  Constant *value = ConstantStruct::getAnon(
      {function("open", i32, 3), function("begin", i32, 3),
       function("dispatch", i32, 2), function("end", i32, 3),
       function("close", nothing, 1), integer(i64, model.deviceSlotBytes),
       integer(i32, model.deviceKernels)});
  return new GlobalVariable(module, value->getType(), /*isConstant=*/true,
                            GlobalValue::PrivateLinkage, value,
                            model.prefix + "_device");
}

Constant *ApiBuilder::levels() {
  SmallVector<Constant *> elements;
  auto *type = FunctionType::get(i32, {pointer, pointer, pointer}, false);
  for (const Level &level : model.levels) {
    Function *program =
        Function::Create(type, GlobalValue::ExternalLinkage,
                         level.prefix + "_program", module);
    program->setVisibility(GlobalValue::HiddenVisibility);
    program->setDSOLocal(true);
    elements.push_back(ConstantStruct::getAnon(
        {integer(i32, level.cpuFeatures), program}));
  }
  return table(elements, "levels");
}

Function *ApiBuilder::hidden(const Twine &name, FunctionType *type) {
  std::string full = (model.prefix + "_" + name).str();
  Function *function = module.getFunction(full);
  if (!function)
    function =
        Function::Create(type, GlobalValue::ExternalLinkage, full, module);
  function->setVisibility(GlobalValue::HiddenVisibility);
  function->setDSOLocal(true);
  return function;
}

void ApiBuilder::addInfo() {
  auto *sizes = FunctionType::get(Type::getVoidTy(context), {pointer, pointer},
                                  false);
  Function *program = hidden(
      "program", FunctionType::get(i32, {pointer, pointer, pointer}, false));
  std::string target = model.triple;
  if (!model.cpu.empty())
    target += " " + model.cpu;

  // Field by field as `struct tenon_model_info` in abi.h.
  Constant *fields[] = {integer(i32, TENON_ABI_VERSION),
                        integer(i32, model.cpuFeatures),
                        text(model.name),
                        text(target),
                        integer(i32, model.inputs.size()),
                        integer(i32, model.outputs.size()),
                        integer(i32, model.symbols.size()),
                        integer(i32, model.steps.size()),
                        integer(i32, model.found.size()),
                        tensors(model.inputs, "inputs"),
                        tensors(model.outputs, "outputs"),
                        symbols(),
                        stepNames(),
                        integer(i64, model.slotBytes),
                        integer(i64, model.laneBytes),
                        integer(i64, model.weightBytes),
                        integer(i64, model.weightDigest),
                        weights(),
                        integer(i64, model.selftestSeed),
                        integer(i64, model.selftestDigest),
                        hidden("output_dims", sizes),
                        model.found.empty()
                            ? null()
                            : hidden("output_bounds", sizes),
                        program,
                        device(),
                        levels(),
                        integer(i32, model.levels.size()),
                        stepCosts(),
                        model.hasLateCosts ? hidden("late_costs", sizes)
                                           : null()};
  static_assert(TENON_ABI_VERSION == 5, "follow abi.h here");
  Constant *value = ConstantStruct::getAnon(fields);
  info = new GlobalVariable(module, value->getType(), /*isConstant=*/true,
                            GlobalValue::ExternalLinkage, value,
                            model.prefix + "_model_info");
  info->setVisibility(GlobalValue::HiddenVisibility);
  info->setDSOLocal(true);
}

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

Function *ApiBuilder::begin(IRBuilder<> &builder, StringRef name, Type *result,
                            ArrayRef<Type *> parameters) {
  auto *type = FunctionType::get(result, parameters, false);
  std::string full =
      name == "main" ? "main" : (model.prefix + "_" + name).str();
  Function *function =
      Function::Create(type, GlobalValue::ExternalLinkage, full, module);
  function->setDoesNotThrow();
  Triple triple(module.getTargetTriple());
  function->addFnAttr("target-cpu", baselineCpu(triple));
  function->addFnAttr("target-features", "");
  builder.SetInsertPoint(BasicBlock::Create(context, "", function));
  return function;
}

void ApiBuilder::forward(IRBuilder<> &builder, StringRef name, Type *result,
                         ArrayRef<Value *> arguments) {
  SmallVector<Type *> types;
  for (Value *argument : arguments)
    types.push_back(argument->getType());
  Function *callee =
      hidden("rt_" + name, FunctionType::get(result, types, false));
  CallInst *call = builder.CreateCall(FunctionType::get(result, types, false),
                                      callee, arguments);
  if (result->isVoidTy())
    builder.CreateRetVoid();
  else
    builder.CreateRet(call);
}

Value *ApiBuilder::collect(IRBuilder<> &builder, Function *function,
                           unsigned first, unsigned count, const Twine &name) {
  if (count == 0)
    return null();
  auto *type = ArrayType::get(pointer, count);
  Value *array = builder.CreateAlloca(type, nullptr, name);
  for (unsigned i = 0; i < count; ++i)
    builder.CreateStore(function->getArg(first + i),
                        builder.CreateConstInBoundsGEP2_32(type, array, 0, i));
  return array;
}

void ApiBuilder::addRun() {
  IRBuilder<> builder(context);
  unsigned fixed = model.symbols.empty() ? 1 : 2;
  unsigned inputs = model.inputs.size(), outputs = model.outputs.size();
  SmallVector<Type *> parameters(fixed + inputs + outputs, pointer);
  Function *run = begin(builder, "run", i32, parameters);
  // The struct of sizes holds one int64_t per symbol, in order.
  Value *sizes = fixed == 2 ? cast<Value>(run->getArg(1)) : null();
  Value *ins = collect(builder, run, fixed, inputs, "inputs");
  Value *outs = collect(builder, run, fixed + inputs, outputs, "outputs");
  forward(builder, "run", i32, {run->getArg(0), sizes, ins, outs});
}

void ApiBuilder::addFunctions() {
  IRBuilder<> builder(context);
  Function *f = begin(builder, "arena_bytes", word, {i32});
  forward(builder, "arena_bytes", word, {info, f->getArg(0)});

  f = begin(builder, "init", i32, {pointer, pointer, word, pointer});
  forward(builder, "init", i32,
          {f->getArg(0), info, f->getArg(1), f->getArg(2), f->getArg(3)});

  addRun();

  f = begin(builder, "run_pointers", i32, {pointer, pointer, pointer, pointer});
  forward(builder, "run", i32,
          {f->getArg(0), f->getArg(1), f->getArg(2), f->getArg(3)});

  f = begin(builder, "close", Type::getVoidTy(context), {pointer});
  forward(builder, "close", Type::getVoidTy(context), {f->getArg(0)});

  f = begin(builder, "status_text", pointer, {i32});
  forward(builder, "status_text", pointer, {f->getArg(0)});

  f = begin(builder, "failed_step", word, {pointer});
  forward(builder, "failed_step", word, {f->getArg(0)});

  if (!model.found.empty()) {
    f = begin(builder, "found_sizes", pointer, {pointer});
    forward(builder, "found_sizes", pointer, {f->getArg(0)});
  }

  begin(builder, "info", pointer, {});
  builder.CreateRet(info);
}

void ApiBuilder::addMain() {
  IRBuilder<> builder(context);
  Function *main = begin(builder, "main", i32, {i32, pointer});
  Value *self = builder.CreateLoad(pointer, main->getArg(1), "self");
  // Of the front's archive, which knows no prefix.
  FunctionCallee front = module.getOrInsertFunction(
      "tenon_main", i32, pointer, pointer, i32, pointer);
  builder.CreateRet(builder.CreateCall(
      front, {info, self, main->getArg(0), main->getArg(1)}));
}

Error tenon::artifact::addModelApi(Module &module, const ModelInterface &model,
                                   bool executable) {
  if (Error error = verifyInterface(model))
    return error;
  if (module.getDataLayout().isDefault())
    return createStringError(errc::invalid_argument,
                             "the module for '%s' has no data layout: give it "
                             "the target's before its API is added",
                             model.prefix.c_str());
  std::vector<std::string> names = publicSymbols(model);
  names.push_back(model.prefix + "_model_info");
  if (executable)
    names.push_back("main");
  for (const std::string &name : names)
    if (module.getNamedValue(name))
      return createStringError(errc::invalid_argument,
                               "the module defines '%s' already: choose "
                               "another prefix than '%s'",
                               name.c_str(), model.prefix.c_str());
  ApiBuilder builder(module, model);
  builder.addInfo();
  builder.addFunctions();
  if (executable)
    builder.addMain();

  std::string problem;
  raw_string_ostream os(problem);
  if (verifyModule(module, &os))
    return createStringError(errc::invalid_argument,
                             "the API of '%s' is not valid: %s",
                             model.prefix.c_str(), problem.c_str());
  return Error::success();
}
