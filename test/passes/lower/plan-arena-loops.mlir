// RUN: tenon-opt %s -tenon-lower-to-kern -tenon-key-kernels -tenon-place-carried \
// RUN:   -tenon-plan-arena | FileCheck %s
// RUN: tenon-opt %s -tenon-lower-to-kern -tenon-key-kernels -tenon-stage-lower \
// RUN:   | FileCheck %s --check-prefix=CODE

// What the body reads from outside (%k) keeps its place until the loop ends,
// the state has one place, and the output is filled where the caller wants it.
// CHECK-LABEL: rt.program @main
// CHECK:       rt.step @{{.+}} [#rt.buffer<input + 0>, #rt.buffer<arena + [[KEPT:[0-9]+]]>]
// CHECK:       rt.step @{{.+}} [#rt.buffer<input + 0>, #rt.buffer<arena + [[STATE:[0-9]+]]>]
// CHECK:       rt.loop "t0" trip <"seq"> {
// CHECK-NEXT:    rt.step @{{.+}} [#rt.buffer<arena + [[STATE]]>, #rt.buffer<arena + [[KEPT]]>, #rt.buffer<arena + [[STATE]]>]
// CHECK-NEXT:    rt.step @{{.+}} [#rt.buffer<arena + [[STATE]]>, #rt.buffer<output + 0>]
// CHECK-SAME:      "8*t0", 1> constants [] {{.+}}
// CHECK-NEXT:  }

// CODE-LABEL: llvm.func hidden @model_program
// CODE:       llvm.br ^[[HEAD:.+]](%{{.+}} : i64)
// CODE:       ^[[HEAD]](%[[T:.+]]: i64):
// CODE:         %[[MORE:.+]] = llvm.icmp "slt" %[[T]], %{{.+}} : i64
// CODE-NEXT:    llvm.cond_br %[[MORE]], ^[[BODY:.+]], ^[[DONE:.+]]
// CODE:       ^[[BODY]]:
// CODE:         llvm.call @tenon_dispatch
// CODE:         llvm.call @tenon_dispatch
// CODE:         llvm.add %[[T]]
// CODE:         llvm.br ^[[HEAD]]
// CODE:       ^[[DONE]]:
func.func @main(%x: tensor<8xf32>) -> (tensor<?x8xf32>)
    attributes {nn.symbols = {seq = array<i64: 1, 100>}} {
  %k = nn.exp %x : (tensor<8xf32>) -> tensor<8xf32>
  %h0 = nn.tanh %x : (tensor<8xf32>) -> tensor<8xf32>
  %out = nn.empty <"seq", 8> : tensor<?x8xf32>
  %h, %y = scan.scan "t0" trip #nn.dims<"seq"> carried(%h0, %out : tensor<8xf32>, tensor<?x8xf32>) {
  ^bb0(%s: tensor<8xf32>, %o: tensor<?x8xf32>):
    %n = nn.add %s, %k : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
    %n1 = nn.reshape %n {shape = #nn.dims<1, 8>} : (tensor<8xf32>) -> tensor<1x8xf32>
    %o1 = nn.insert_slice %n1, %o {starts = #nn.dims<"t0", 0>} : (tensor<1x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
    scan.yield %n, %o1 : tensor<8xf32>, tensor<?x8xf32>
  } -> tensor<8xf32>, tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}
