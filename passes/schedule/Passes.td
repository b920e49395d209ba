#ifndef TENON_PASSES_SCHEDULE_PASSES_TD
#define TENON_PASSES_SCHEDULE_PASSES_TD

include "mlir/Pass/PassBase.td"

def ChooseLayoutsPass : Pass<"tenon-choose-layouts", "::mlir::func::FuncOp"> {
  let summary = "Put convolutional nets into blocks of 16 channels";
  let description = [{
    A convolution with constant weights reads and writes
    [N, C/16, H, W, 16]; element-wise operations, pools and concatenations
    between such follow, and `nn.to_blocks` and `nn.from_blocks` stay where the
    other layout is needed. The choice does not depend on the CPU, so the
    stored weights do not either.
  }];
  let dependentDialects = ["::tenon::nn::NnDialect", "::tenon::pack::PackDialect"];
}

def FuseScansPass : Pass<"tenon-fuse-scans", "::mlir::func::FuncOp"> {
  let summary = "Write a scan whose body is element-wise as one group";
  let description = [{
    A body of element-wise operations, movement, slices at the iteration's
    number, and sums along one small dimension of its state becomes the scalar
    body of `kern.scan`: states in registers, all steps in one kernel, parallel
    over channels.
    ```mlir
    %h1, %y1 = scan.scan "t0" trip #nn.dims<"seq"> carried(%h, %y : ...) { exp, mul, add, reduce }
    ```
    becomes
    ```mlir
    %h1, %y1 = kern.scan ins(%dt, %A, %B, %C : ...) inits(%h : ...)
        sizes #nn.dims<1, 512, 16, "seq"> ... { math.exp, arith.mulf, arith.addf, kern.fold }
    ```
    Operands are read through transposes and slices outside where lanes stay
    neighbours.
  }];
  let dependentDialects = ["::tenon::kern::KernDialect", "::mlir::arith::ArithDialect",
                           "::mlir::math::MathDialect"];
}

def LowerToKernPass : Pass<"tenon-lower-to-kern", "::mlir::func::FuncOp"> {
  let summary = "Write every nn operation as a group of work";
  let description = [{
    ```mlir
    %y = nn.add %x, %b : (tensor<8x64xf32>, tensor<64xf32>) -> tensor<8x64xf32>
    ```
    becomes
    ```mlir
    %y = kern.map ins(%x, %b : ...) sizes #nn.dims<8, 64> maps [(i, j) -> (i, j), (i, j) -> (j), ...] {
    ^bb0(%x0: f32, %b0: f32):
      %s = arith.addf %x0, %b0 : f32
      kern.yield %s : f32
    }
    ```
  }];
  let dependentDialects = ["::tenon::kern::KernDialect", "::tenon::pack::PackDialect",
                           "::mlir::arith::ArithDialect", "::mlir::math::MathDialect",
                           "::mlir::scf::SCFDialect"];
}

def FuseGroupsPass : Pass<"tenon-fuse-groups", "::mlir::func::FuncOp"> {
  let summary = "Join groups so that values stay in registers";
  let description = [{
    A map that one other group reads moves into that group's body; a map that
    reads the result of a matmul or reduction in order becomes its epilogue.
    A value is not computed more often than before, unless it costs nothing.
  }];
  let dependentDialects = ["::tenon::kern::KernDialect", "::mlir::arith::ArithDialect"];
}

def KeyKernelsPass : Pass<"tenon-key-kernels", "::mlir::func::FuncOp"> {
  let summary = "Decide what is fixed in each kernel's code, and which groups share one";
  let description = [{
    Writes `plan` on each group and its key as the attribute `kernel`.
  }];
}

#endif
