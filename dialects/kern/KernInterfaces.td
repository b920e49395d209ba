#ifndef TENON_DIALECTS_KERN_KERNINTERFACES_TD
#define TENON_DIALECTS_KERN_KERNINTERFACES_TD

include "mlir/IR/OpBase.td"

def Kern_GroupOpInterface : OpInterface<"GroupOpInterface"> {
  let cppNamespace = "::tenon::kern";
  let description = "A group of work that becomes one step and, by its key, one kernel.";
  let methods = [
    InterfaceMethod<[{
      Decide what is fixed in the code (the plan), and the key of everything
      that is: equal keys share a kernel.
    }], "::std::string", "planKernel", (ins "const ::tenon::nn::DimAnalysis &":$dims)>,
    InterfaceMethod<[{
      The step's parameters in the order in which the emitter reads them, and
      the number of tiles.
    }], "::tenon::kern::StepParameters", "getStepParameters",
    (ins "const ::tenon::nn::DimAnalysis &":$dims)>,
    InterfaceMethod<"Whether this took the generic path; `check` says so.",
      "bool", "isGeneric", (ins), "", "return false;">
  ];
}

#endif
