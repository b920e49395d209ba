// RUN: tenon-opt %s -tenon-lower-to-kern -tenon-key-kernels -tenon-place-carried \
// RUN:   -tenon-plan-arena | FileCheck %s
// RUN: tenon-opt %s -tenon-lower-to-kern -tenon-key-kernels -tenon-stage-lower \
// RUN:   | FileCheck %s --check-prefix=CODE

// The condition has one place, which is asked before each iteration and written
// in each.
// CHECK-LABEL: rt.program @main
// CHECK:       rt.step @{{.+}} [#rt.buffer<input + 0>, #rt.buffer<arena + [[ON:[0-9]+]]>]
// CHECK:       rt.loop "t0" trip <9> while <arena + [[ON]]> {
// CHECK:         rt.step @{{.+}}, #rt.buffer<arena + [[ON]]>] tiles
// CHECK:       }

// CODE-LABEL: llvm.func hidden @model_program
// CODE:       ^[[HEAD:.+]](%[[T:.+]]: i64):
// CODE:         %[[MORE:.+]] = llvm.icmp "slt" %[[T]], %{{.+}} : i64
// CODE-NEXT:    llvm.cond_br %[[MORE]], ^[[ASK:.+]], ^[[DONE:.+]]
// CODE:       ^[[ASK]]:
// CODE:         %[[BYTE:.+]] = llvm.load %{{.+}} -> i8
// CODE:         %[[ON:.+]] = llvm.icmp "ne" %[[BYTE]]
// CODE-NEXT:    llvm.cond_br %[[ON]], ^[[BODY:.+]], ^[[DONE]]
// CODE:       ^[[BODY]]:
// CODE:         llvm.call @tenon_dispatch
// CODE:         llvm.br ^[[HEAD]]
func.func @main(%go: tensor<i1>, %x: tensor<4xf32>, %limit: tensor<4xf32>) -> tensor<4xf32> {
  %c, %y = scan.scan "t0" trip #nn.dims<9> while carried(%go, %x : tensor<i1>, tensor<4xf32>) {
  ^bb0(%on: tensor<i1>, %h: tensor<4xf32>):
    %next = nn.add %h, %h : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    %less = nn.compare %next, %limit {predicate = #nn.compare<lt>} : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xi1>
    %first = nn.slice %less {starts = #nn.dims<0>, steps = array<i64: 1>, shape = #nn.dims<1>} : (tensor<4xi1>) -> tensor<1xi1>
    %again = nn.reshape %first {shape = #nn.dims<>} : (tensor<1xi1>) -> tensor<i1>
    scan.yield %again, %next : tensor<i1>, tensor<4xf32>
  } -> tensor<i1>, tensor<4xf32>
  return %y : tensor<4xf32>
}
