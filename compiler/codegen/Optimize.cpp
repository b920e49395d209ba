#include "compiler/codegen/Optimize.h"

#include "llvm/Analysis/TargetLibraryInfo.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Transforms/IPO/AlwaysInliner.h"
#include "llvm/Transforms/IPO/GlobalDCE.h"
#include "llvm/Transforms/InstCombine/InstCombine.h"
#include "llvm/Transforms/Scalar/DCE.h"
#include "llvm/Transforms/Scalar/EarlyCSE.h"
#include "llvm/Transforms/Scalar/GVN.h"
#include "llvm/Transforms/Scalar/LICM.h"
#include "llvm/Transforms/Scalar/LoopPassManager.h"
#include "llvm/Transforms/Scalar/SROA.h"
#include "llvm/Transforms/Scalar/SimplifyCFG.h"

using namespace llvm;

void tenon::optimize(Module &module, TargetMachine &machine) {
  LoopAnalysisManager loops;
  FunctionAnalysisManager functions;
  CGSCCAnalysisManager graphs;
  ModuleAnalysisManager modules;
  PassBuilder builder(&machine);
  // No memset or exp by guessing: a loop that looks like a library function
  // stays a loop, and a target without the library has nothing missing.
  functions.registerPass([&] {
    TargetLibraryInfoImpl libraries(machine.getTargetTriple());
    libraries.disableAllFunctions();
    return TargetLibraryAnalysis(std::move(libraries));
  });
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(graphs);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, graphs, modules);

  FunctionPassManager each;
  each.addPass(SROAPass(SROAOptions::ModifyCFG));
  each.addPass(EarlyCSEPass(/*UseMemorySSA=*/true));
  each.addPass(InstCombinePass());
  each.addPass(SimplifyCFGPass());
  LoopPassManager invariants;
  invariants.addPass(LICMPass(LICMOptions()));
  each.addPass(createFunctionToLoopPassAdaptor(std::move(invariants),
                                               /*UseMemorySSA=*/true));
  each.addPass(GVNPass());
  each.addPass(InstCombinePass());
  each.addPass(DCEPass());
  each.addPass(SimplifyCFGPass());

  ModulePassManager all;
  all.addPass(AlwaysInlinerPass());
  all.addPass(GlobalDCEPass());
  all.addPass(createModuleToFunctionPassAdaptor(std::move(each)));
  all.addPass(GlobalDCEPass());
  all.run(module, modules);
}
