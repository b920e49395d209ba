#ifndef TENON_DIALECTS_NN_NNINTERFACES_TD
#define TENON_DIALECTS_NN_NNINTERFACES_TD

include "mlir/IR/OpBase.td"

def Nn_DimsOpInterface : OpInterface<"DimsOpInterface"> {
  let cppNamespace = "::tenon::nn";
  let description = [{
    The one place that knows an operation's result sizes. It is shape
    inference while importing and DimAnalysis afterwards.
  }];
  let methods = [
    InterfaceMethod<[{
      Give the sizes of each result from those of the operands
      (`dims.of(value)`), or emit an error that names what contradicts.
    }], "::llvm::LogicalResult", "inferDims",
    (ins "const ::tenon::nn::DimAnalysis &":$dims,
         "::llvm::SmallVectorImpl<::tenon::Dims> &":$results)>,
    InterfaceMethod<[{
      Tell `dims` what the regions need: sizes of their arguments and the
      ranges of symbols that exist only inside; or the range of a symbol that
      exists behind the operation.
    }], "void", "describeRegions", (ins "::tenon::nn::DimAnalysis &":$dims),
    "", "(void)dims;">
  ];
  let verify = [{ return ::tenon::nn::verifyInferredDims($_op); }];
}

def Nn_ElementwiseOpInterface : OpInterface<"ElementwiseOpInterface"> {
  let cppNamespace = "::tenon::nn";
  let description = [{
    Each result element is a function of the operands' elements at the same
    (broadcast) place.
  }];
  let methods = [
    InterfaceMethod<[{
      Build that function on scalars of the storage types (signless integers,
      i1 for bool). Signedness is read from the operands' tensor types.
    }], "::mlir::Value", "buildScalar",
    (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc,
         "::mlir::ValueRange":$arguments)>
  ];
}

#endif
