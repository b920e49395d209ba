#ifndef TENON_PASSES_MODEL_PASSES_TD
#define TENON_PASSES_MODEL_PASSES_TD

include "mlir/Pass/PassBase.td"

def FoldConstantsPass : Pass<"tenon-fold-constants", "::mlir::func::FuncOp"> {
  let summary = "Compute what depends on no input while compiling";
  let description = [{
    Movement of a constant that is one number everywhere is that number again;
    a reshape of a constant is the same bytes. All other operations on
    constants are gathered into one program, which the compiler's own code
    evaluates: the same bits as at run time.

    Left alone are results much larger than what they are made of (an expanded
    table), and transposes that a matrix product reads where they are.
  }];
  let constructor = "::tenon::model::createFoldConstantsPass(nullptr)";
  let dependentDialects = ["::tenon::pack::PackDialect"];
}

#endif
