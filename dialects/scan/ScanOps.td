#ifndef TENON_DIALECTS_SCAN_SCANOPS_TD
#define TENON_DIALECTS_SCAN_SCANOPS_TD

include "dialects/nn/NnAttrs.td"
include "dialects/nn/NnInterfaces.td"
include "dialects/scan/ScanDialect.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

class Scan_Op<string mnemonic, list<Trait> traits = []>
    : Op<Scan_Dialect, mnemonic, traits>;

def Scan_ScanOp : Scan_Op<"scan", [SingleBlock, RecursiveMemoryEffects,
    DeclareOpInterfaceMethods<Nn_DimsOpInterface, ["describeRegions"]>]> {
  let summary = "A body applied up to `trip` times to what it carries";
  let description = [{
    The iteration's number is a symbol that exists in the body only, from 0 to
    `trip` - 1, so a slice that moves with it is an `nn.slice`, and sizes,
    maps and step parameters follow it like any other size. The body may read
    values from outside.

    With `while`, the first carried tensor is an i1 that is asked before every
    iteration: the scan ends where it is false. A branch is such a scan of one
    iteration.

    ```mlir
    %sum, %all = scan.scan "t0" trip #nn.dims<"seq"> carried(%zero, %out : tensor<4xf32>, tensor<?x4xf32>) {
    ^bb0(%s: tensor<4xf32>, %o: tensor<?x4xf32>):
      %row = nn.slice %x {starts = #nn.dims<"t0", 0>, steps = array<i64: 1, 1>,
                          shape = #nn.dims<1, 4>} : (tensor<?x4xf32>) -> tensor<1x4xf32>
      %x0 = nn.reshape %row {shape = #nn.dims<4>} : (tensor<1x4xf32>) -> tensor<4xf32>
      %next = nn.add %s, %x0 : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
      %next1 = nn.reshape %next {shape = #nn.dims<1, 4>} : (tensor<4xf32>) -> tensor<1x4xf32>
      %o1 = nn.insert_slice %next1, %o {starts = #nn.dims<"t0", 0>}
          : (tensor<1x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
      scan.yield %next, %o1 : tensor<4xf32>, tensor<?x4xf32>
    } -> tensor<4xf32>, tensor<?x4xf32>
    ```
  }];
  let arguments = (ins StrAttr:$symbol, Nn_DimsAttr:$trip,
                       UnitAttr:$conditional,
                       Variadic<AnyRankedTensor>:$inits);
  let regions = (region SizedRegion<1>:$body);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let assemblyFormat = [{
    $symbol `trip` $trip (`while` $conditional^)? (`carried` `(` $inits^ `:` type($inits) `)`)?
    attr-dict-with-keyword $body (`->` type($results)^)?
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    ::tenon::DimExpr getTripCount() { return getTrip().getExprs()[0]; }
    ::mlir::Operation *getYield() { return getBody().front().getTerminator(); }
  }];
}

def Scan_YieldOp : Scan_Op<"yield", [Pure, Terminator, ReturnLike,
                                     HasParent<"ScanOp">]> {
  let summary = "What the next step starts from";
  let arguments = (ins Variadic<AnyRankedTensor>:$values);
  let assemblyFormat = "($values^ `:` type($values))? attr-dict";
}

#endif
