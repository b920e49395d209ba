// RUN: tenon-opt %s -split-input-file -verify-diagnostics -tenon-convert-rt-to-llvm=prefix=net | FileCheck %s

// Sizes known now are read-only data: kernel, then tiles, node, two buffers as
// (base, offset), parameters, constants.
// CHECK-LABEL: rt.program @main
// CHECK:       llvm.func internal @kernel(
// CHECK-LABEL: llvm.func hidden @net_program(
// CHECK-SAME:    %[[MODEL:.+]]: !llvm.ptr, %{{.+}}: !llvm.ptr, %[[BASES:.+]]: !llvm.ptr) -> i32
// CHECK-NOT:     llvm.alloca
// CHECK:         %[[RECORD:.+]] = llvm.mlir.addressof @net_step0
// CHECK:         %[[STATUS:.+]] = llvm.call @tenon_dispatch(%[[MODEL]], %[[BASES]], %[[RECORD]])
// CHECK:         %[[OK:.+]] = llvm.mlir.constant(0 : i32)
// CHECK:         %[[FAILED:.+]] = llvm.icmp "ne" %[[STATUS]], %[[OK]]
// CHECK:         llvm.cond_br %[[FAILED]], ^[[LEAVE:.+]](%[[STATUS]] : i32), ^[[NEXT:.+]]
// CHECK:       ^[[NEXT]]:
// CHECK:         llvm.mlir.addressof @net_step1
// CHECK:         %[[STATUS1:.+]] = llvm.call @tenon_dispatch
// CHECK:         llvm.cond_br %{{.+}}, ^[[LEAVE]](%[[STATUS1]] : i32), ^[[DONE:.+]]
// CHECK:       ^[[DONE]]:
// CHECK:         %[[ZERO:.+]] = llvm.mlir.constant(0 : i32)
// CHECK:         llvm.return %[[ZERO]]
// CHECK:       ^[[LEAVE]](%[[FIRST:.+]]: i32):
// CHECK:         llvm.return %[[FIRST]]
// CHECK:       llvm.mlir.global internal constant @net_step0()
// CHECK:         llvm.mlir.addressof @kernel
// CHECK:         dense<[4, 0, 2, 0, 0, 64, 8, -1, 1065353216]> : tensor<9xi64>
// CHECK:       llvm.mlir.global internal constant @net_step1()
// Bases are arena, weights, two inputs, then outputs.
// CHECK:         dense<[1, 1, 1, 128, 3, 0, 5, 0]> : tensor<8xi64>
rt.program @main attributes {symbols = {},
    inputs = [{name = "a", shape = #nn.dims<8>, type = tensor<8xf32>}, {name = "b", shape = #nn.dims<8>, type = tensor<8xf32>}],
    outputs = [{name = "y", shape = #nn.dims<8>, type = tensor<8xf32>}, {name = "z", shape = #nn.dims<8>, type = tensor<8xf32>}],
    slot_bytes = 192 : ui64, peak_bytes = 192 : ui64, weight_bytes = 192 : ui64} {
  rt.step @kernel [#rt.buffer<input + 0>, #rt.buffer<arena + 64>]
    tiles <4> parameters <8, -1> constants [1065353216] cost <0, 0>
  rt.step @kernel [#rt.buffer<weights + 128>, #rt.buffer<input : 1 + 0>, #rt.buffer<output : 1 + 0>]
    tiles <1> parameters <> constants [] cost <0, 0>
}
llvm.func @kernel(%step: !llvm.ptr, %begin: i64, %end: i64, %lane: !llvm.ptr) {
  llvm.return
}

// -----

// Sizes known when the model runs are computed from the symbols, in the order
// of their names, into one record on the stack that all such steps share.
// CHECK-LABEL: llvm.func hidden @net_program(
// CHECK-SAME:    %{{.+}}: !llvm.ptr, %[[SYMBOLS:.+]]: !llvm.ptr, %{{.+}}: !llvm.ptr) -> i32
// CHECK:         llvm.getelementptr %[[SYMBOLS]][0]
// CHECK:         %[[AT:.+]] = llvm.getelementptr %[[SYMBOLS]][1]
// CHECK:         %[[SEQ:.+]] = llvm.load %[[AT]] : !llvm.ptr -> i64
// CHECK:         %[[WORDS:.+]] = llvm.mlir.constant(9 : i32)
// CHECK:         %[[RECORD:.+]] = llvm.alloca %[[WORDS]] x i64
// The first step knows all its sizes.
// CHECK:         llvm.mlir.addressof @net_step0
// CHECK:         llvm.call @tenon_dispatch
// CHECK:         %[[KERNEL:.+]] = llvm.mlir.addressof @kernel
// CHECK:         llvm.store %[[KERNEL]], %[[RECORD]]
// CHECK:         %[[TILES:.+]] = llvm.getelementptr %[[RECORD]][1]
// CHECK:         llvm.sdiv %[[SEQ]],
// CHECK:         %[[HALF:.+]] = llvm.select
// CHECK:         llvm.store %[[HALF]], %[[TILES]]
// CHECK:         %[[PARAMETER:.+]] = llvm.getelementptr %[[RECORD]][7]
// CHECK:         %[[TWICE:.+]] = llvm.mul %[[SEQ]],
// CHECK:         %[[SUM:.+]] = llvm.add %[[TWICE]],
// CHECK:         llvm.store %[[SUM]], %[[PARAMETER]]
// CHECK:         llvm.call @tenon_dispatch(%{{.+}}, %{{.+}}, %[[RECORD]])
// CHECK:         llvm.icmp "ne"
// CHECK:         llvm.cond_br
// CHECK-NOT:     llvm.mlir.global {{.*}} @net_step1
// CHECK-LABEL: llvm.func hidden @net_output_dims(
// CHECK-SAME:    %[[SYMBOLS:.+]]: !llvm.ptr, %[[DIMS:.+]]: !llvm.ptr)
// CHECK:         %[[FIRST:.+]] = llvm.getelementptr %[[DIMS]][0]
// CHECK:         llvm.store %{{.+}}, %[[FIRST]] : i64
// CHECK:         %[[SECOND:.+]] = llvm.getelementptr %[[DIMS]][1]
// CHECK:         %[[C64:.+]] = llvm.mlir.constant(64 : i64)
// CHECK:         llvm.store %[[C64]], %[[SECOND]] : i64
// Bytes of the second step are the third word; what is constant is not written.
// CHECK-LABEL: llvm.func hidden @net_late_costs(
// CHECK-SAME:    %[[SYMBOLS:.+]]: !llvm.ptr, %[[COSTS:.+]]: !llvm.ptr)
// CHECK:         %[[BYTES:.+]] = llvm.mul
// CHECK:         %[[PLACE:.+]] = llvm.getelementptr %[[COSTS]][2]
// CHECK-NEXT:    llvm.store %[[BYTES]], %[[PLACE]] : i64
// CHECK-NEXT:    llvm.return
rt.program @main attributes {symbols = {past = array<i64: 0, 9>, seq = array<i64: 1, 100>},
    inputs = [{name = "x", shape = #nn.dims<"seq", 64>, type = tensor<?x64xf32>}],
    outputs = [{name = "y", shape = #nn.dims<"seq", 64>, type = tensor<?x64xf32>}],
    slot_bytes = 464 : ui64, peak_bytes = 464 : ui64, weight_bytes = 0 : ui64} {
  rt.step @kernel [#rt.buffer<input + 0>, #rt.buffer<arena + 64>]
    tiles <1> parameters <8> constants [] cost <512, 0>
  rt.step @kernel [#rt.buffer<arena + 64>, #rt.buffer<output + 0>]
    tiles <"floordiv(seq, 2)"> parameters <"2*seq + 1", 1> constants [] cost <"4*seq", 7>
}
llvm.func @kernel(%step: !llvm.ptr, %begin: i64, %end: i64, %lane: !llvm.ptr) {
  llvm.return
}

// -----

// A word of the record is as wide as a pointer, and sizes are computed so.
// CHECK-LABEL: llvm.func hidden @net_program(
// CHECK:         %[[LONG:.+]] = llvm.load %{{.+}} : !llvm.ptr -> i64
// CHECK:         %[[SEQ:.+]] = llvm.trunc %[[LONG]] : i64 to i32
// CHECK:         %[[RECORD:.+]] = llvm.alloca %{{.+}} x i32
// CHECK:         %[[TILES:.+]] = llvm.getelementptr %[[RECORD]][1] : (!llvm.ptr) -> !llvm.ptr, i32
// CHECK:         llvm.store %{{.+}}, %[[TILES]] : i32
// CHECK-LABEL: llvm.func hidden @net_output_dims(
// CHECK:         llvm.sdiv %{{.+}} : i32
// CHECK:         %[[SIZE:.+]] = llvm.sext %{{.+}} : i32 to i64
// CHECK:         llvm.store %[[SIZE]], %{{.+}} : i64
// CHECK-NOT:     @net_late_costs
module attributes {dlti.target_system_spec = #dlti.target_system_spec<"CPU" = #dlti.target_device_spec<"tenon.index_bits" = 32 : i64>>} {
  rt.program @main attributes {symbols = {seq = array<i64: 1, 100>},
      inputs = [{name = "x", shape = #nn.dims<"seq">, type = tensor<?xf32>}],
      outputs = [{name = "y", shape = #nn.dims<"floordiv(seq, 2)">, type = tensor<?xf32>}],
      slot_bytes = 0 : ui64, peak_bytes = 0 : ui64, weight_bytes = 0 : ui64} {
    rt.step @kernel [#rt.buffer<input + 0>, #rt.buffer<output + 0>]
      tiles <"seq"> parameters <> constants [] cost <"4*seq", 0>
  }
  llvm.func @kernel(%step: !llvm.ptr, %begin: i32, %end: i32, %lane: !llvm.ptr) {
    llvm.return
  }
}

// -----

// A check that fails says which one it is, behind the numbers of the steps, and
// runs nothing.
// CHECK-LABEL: llvm.func hidden @net_program(
// CHECK-SAME:    %[[MODEL:.+]]: !llvm.ptr, %{{.+}}: !llvm.ptr, %{{.+}}: !llvm.ptr) -> i32
// CHECK:         %[[DIFFER:.+]] = llvm.icmp "ne" %{{.+}}, %{{.+}} : i64
// CHECK:         llvm.cond_br %[[DIFFER]], ^[[FAIL:.+]], ^[[GO:.+]]
// CHECK:       ^[[FAIL]]:
// CHECK-DAG:     %[[NUMBER:.+]] = llvm.mlir.constant(1 : i64)
// CHECK-DAG:     %[[WHY:.+]] = llvm.mlir.constant(6 : i32)
// CHECK:         %[[STATUS:.+]] = llvm.call @tenon_fail(%[[MODEL]], %[[NUMBER]], %[[WHY]])
// CHECK:         llvm.br ^[[LEAVE:.+]](%[[STATUS]] : i32)
// CHECK:       ^[[GO]]:
// CHECK:         llvm.call @tenon_dispatch
rt.program @main attributes {symbols = {n = array<i64: 1, 9>, m = array<i64: 1, 9>},
    inputs = [{name = "x", shape = #nn.dims<"n">, type = tensor<?xf32>}],
    outputs = [{name = "y", shape = #nn.dims<"n">, type = tensor<?xf32>}],
    slot_bytes = 0 : ui64, peak_bytes = 0 : ui64, weight_bytes = 0 : ui64} {
  rt.check <"n">, <"m"> else 6
  rt.step @kernel [#rt.buffer<input + 0>, #rt.buffer<output + 0>]
    tiles <1> parameters <> constants [] cost <0, 0>
}
llvm.func @kernel(%step: !llvm.ptr, %begin: i64, %end: i64, %lane: !llvm.ptr) {
  llvm.return
}

// -----

// A size is read, compared with its bounds, told to the caller and used. Before
// the run an output has room for the largest.
// CHECK-LABEL: llvm.func hidden @net_program(
// CHECK-SAME:    %[[MODEL:.+]]: !llvm.ptr, %{{.+}}: !llvm.ptr, %{{.+}}: !llvm.ptr) -> i32
// CHECK:         llvm.call @tenon_dispatch
// CHECK:         %[[SIZE:.+]] = llvm.load %{{.+}} : !llvm.ptr -> i64
// CHECK:         %[[LOWER:.+]] = llvm.mlir.constant(2 : i64)
// CHECK:         %[[LESS:.+]] = llvm.icmp "slt" %[[SIZE]], %[[LOWER]]
// CHECK:         llvm.cond_br %[[LESS]], ^[[FAIL:.+]], ^
// CHECK:       ^[[FAIL]]:
// CHECK-DAG:     %[[NUMBER:.+]] = llvm.mlir.constant(2 : i64)
// CHECK-DAG:     %[[WHY:.+]] = llvm.mlir.constant(9 : i32)
// CHECK:         llvm.call @tenon_fail(%[[MODEL]], %[[NUMBER]], %[[WHY]])
// CHECK:         %[[MORE:.+]] = llvm.icmp "sgt" %[[SIZE]], %{{.+}}
// CHECK:         llvm.call @tenon_note_size(%[[MODEL]], %{{.+}}, %[[SIZE]])
// CHECK:         llvm.store %[[SIZE]], %{{.+}} : i64, !llvm.ptr
// CHECK:         llvm.call @tenon_dispatch
// CHECK-LABEL: llvm.func hidden @net_output_bounds(
// CHECK:         %[[MOST:.+]] = llvm.mlir.constant(9 : i64)
// CHECK:         llvm.store %[[MOST]]
// CHECK-LABEL: llvm.func hidden @net_output_dims(
// CHECK:         %[[FOUND:.+]] = llvm.load %{{.+}} : !llvm.ptr -> i64
// CHECK:         llvm.store %[[FOUND]]
rt.program @main attributes {symbols = {},
    inputs = [{name = "x", shape = #nn.dims<>, type = tensor<i64>}],
    outputs = [{name = "y", shape = #nn.dims<"k">, type = tensor<?xf32>}],
    slot_bytes = 64 : ui64, peak_bytes = 64 : ui64, weight_bytes = 0 : ui64} {
  rt.step @kernel [#rt.buffer<input + 0>, #rt.buffer<arena + 0>]
    tiles <1> parameters <> constants [] cost <0, 0>
  rt.size "k" at <arena + 0> in 2 to 9 else 9
  rt.step @kernel [#rt.buffer<arena + 0>, #rt.buffer<output + 0>]
    tiles <"k"> parameters <> constants [] cost <0, 0>
}
llvm.func @kernel(%step: !llvm.ptr, %begin: i64, %end: i64, %lane: !llvm.ptr) {
  llvm.return
}

// -----

// The size of a loop's body is nobody's outside.
// CHECK-LABEL: llvm.func hidden @net_program(
// CHECK-NOT:     tenon_note_size
// CHECK-NOT:   @net_output_bounds
rt.program @main attributes {symbols = {},
    inputs = [{name = "x", shape = #nn.dims<>, type = tensor<i64>}],
    outputs = [{name = "y", shape = #nn.dims<4>, type = tensor<4xf32>}],
    slot_bytes = 64 : ui64, peak_bytes = 64 : ui64, weight_bytes = 0 : ui64} {
  rt.loop "t" trip <3> {
    rt.size "k" at <input + 0> in 0 to 9 else 9
    rt.step @kernel [#rt.buffer<input + 0>, #rt.buffer<output + 0>]
      tiles <"k"> parameters <"t"> constants [] cost <0, 0>
  }
}
llvm.func @kernel(%step: !llvm.ptr, %begin: i64, %end: i64, %lane: !llvm.ptr) {
  llvm.return
}

// -----

module attributes {dlti.target_system_spec = #dlti.target_system_spec<"CPU" = #dlti.target_device_spec<"tenon.workgroup" = 64 : i64>>} {
  rt.program @main attributes {symbols = {},
      inputs = [{name = "x", shape = #nn.dims<>, type = tensor<i64>}],
      outputs = [{name = "y", shape = #nn.dims<"k">, type = tensor<?xf32>}],
      slot_bytes = 64 : ui64, peak_bytes = 64 : ui64, weight_bytes = 0 : ui64} {
    // expected-error @below {{a size found at run time is not compiled for GPUs, whose values the host does not see}}
    rt.size "k" at <input + 0> in 0 to 9 else 9
  }
}
