#ifndef TENON_DIALECTS_NN_NNATTRS_TD
#define TENON_DIALECTS_NN_NNATTRS_TD

include "dialects/nn/NnDialect.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"

def Nn_DimsAttr : AttrDef<Nn_Dialect, "Dims"> {
  let mnemonic = "dims";
  let summary = "Sizes as expressions over the program's symbols";
  let description = [{
    `#nn.dims<seq, 64, 2*seq + 1>`: see DimExpr.
  }];
  let parameters = (ins "::tenon::Dims":$exprs);
  let hasCustomAssemblyFormat = 1;
  let extraClassDeclaration = [{
    static DimsAttr get(::mlir::MLIRContext *context,
                        ::llvm::ArrayRef<::tenon::DimExpr> exprs) {
      return get(context, ::tenon::Dims(exprs.begin(), exprs.end()));
    }
  }];
}

def Nn_ReduceKind : I32Enum<"ReduceKind", "how elements combine", [
    I32EnumCase<"Sum", 0, "sum">, I32EnumCase<"Prod", 1, "prod">,
    I32EnumCase<"Min", 2, "min">, I32EnumCase<"Max", 3, "max">,
    I32EnumCase<"Mean", 4, "mean">,
    I32EnumCase<"SumSquare", 5, "sum_square">,
    I32EnumCase<"L1", 6, "l1">, I32EnumCase<"L2", 7, "l2">,
    I32EnumCase<"LogSum", 8, "log_sum">,
    I32EnumCase<"LogSumExp", 9, "log_sum_exp">]> {
  let cppNamespace = "::tenon::nn";
}

def Nn_Predicate : I32Enum<"Predicate", "a comparison", [
    I32EnumCase<"Eq", 0, "eq">, I32EnumCase<"Lt", 1, "lt">,
    I32EnumCase<"Le", 2, "le">, I32EnumCase<"Gt", 3, "gt">,
    I32EnumCase<"Ge", 4, "ge">]> {
  let cppNamespace = "::tenon::nn";
}

def Nn_PadMode : I32Enum<"PadMode", "what stands outside", [
    I32EnumCase<"Constant", 0, "constant">,
    I32EnumCase<"Reflect", 1, "reflect">,
    I32EnumCase<"Edge", 2, "edge">, I32EnumCase<"Wrap", 3, "wrap">]> {
  let cppNamespace = "::tenon::nn";
}

def Nn_PoolKind : I32Enum<"PoolKind", "how a window combines", [
    I32EnumCase<"Max", 0, "max">, I32EnumCase<"Average", 1, "average">,
    I32EnumCase<"Lp", 2, "lp">]> {
  let cppNamespace = "::tenon::nn";
}

def Nn_ScatterKind : I32Enum<"ScatterKind", "how an update meets what is there", [
    I32EnumCase<"Replace", 0, "replace">, I32EnumCase<"Add", 1, "add">,
    I32EnumCase<"Mul", 2, "mul">, I32EnumCase<"Min", 3, "min">,
    I32EnumCase<"Max", 4, "max">]> {
  let cppNamespace = "::tenon::nn";
}

def Nn_GridPadding : I32Enum<"GridPadding", "what stands outside when sampling", [
    I32EnumCase<"Zeros", 0, "zeros">, I32EnumCase<"Border", 1, "border">,
    I32EnumCase<"Reflection", 2, "reflection">]> {
  let cppNamespace = "::tenon::nn";
}

def Nn_SampleMode : I32Enum<"SampleMode", "how neighbours make a sample", [
    I32EnumCase<"Nearest", 0, "nearest">, I32EnumCase<"Linear", 1, "linear">,
    I32EnumCase<"Cubic", 2, "cubic">]> {
  let cppNamespace = "::tenon::nn";
}

def Nn_ReduceKindAttr : EnumAttr<Nn_Dialect, Nn_ReduceKind, "reduce"> {
  let assemblyFormat = "`<` $value `>`";
}
def Nn_PredicateAttr : EnumAttr<Nn_Dialect, Nn_Predicate, "compare"> {
  let assemblyFormat = "`<` $value `>`";
}
def Nn_PadModeAttr : EnumAttr<Nn_Dialect, Nn_PadMode, "pad"> {
  let assemblyFormat = "`<` $value `>`";
}
def Nn_PoolKindAttr : EnumAttr<Nn_Dialect, Nn_PoolKind, "pool"> {
  let assemblyFormat = "`<` $value `>`";
}
def Nn_ScatterKindAttr : EnumAttr<Nn_Dialect, Nn_ScatterKind, "scatter"> {
  let assemblyFormat = "`<` $value `>`";
}
def Nn_GridPaddingAttr : EnumAttr<Nn_Dialect, Nn_GridPadding, "outside"> {
  let assemblyFormat = "`<` $value `>`";
}
def Nn_SampleModeAttr : EnumAttr<Nn_Dialect, Nn_SampleMode, "sample"> {
  let assemblyFormat = "`<` $value `>`";
}

#endif
