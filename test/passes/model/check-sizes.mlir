// RUN: tenon-opt %s -split-input-file -verify-diagnostics -tenon-check-sizes | FileCheck %s

// Each pair is checked once, before all else.
// CHECK-LABEL: func.func @main
// CHECK-NEXT:    rt.check <"m">, <"n"> else 6
// CHECK-NEXT:    nn.add
// CHECK-NEXT:    nn.mul
func.func @main(%x: tensor<?xf32> {nn.shape = #nn.dims<"n">}, %y: tensor<?xf32> {nn.shape = #nn.dims<"m">})
    -> tensor<?xf32> attributes {nn.symbols = {n = array<i64: 1, 9>, m = array<i64: 1, 9>}} {
  %0 = nn.add %x, %y : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
  %1 = nn.mul %0, %y : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
  return %1 : tensor<?xf32>
}

// -----

// Equal expressions, constants and broadcast ones need no check.
// CHECK-LABEL: func.func @main
// CHECK-NOT:     rt.check
func.func @main(%x: tensor<?x4xf32> {nn.shape = #nn.dims<"n", 4>}, %y: tensor<1x4xf32>)
    -> tensor<?xf32> attributes {nn.symbols = {n = array<i64: 1, 9>}} {
  %0 = nn.add %x, %x : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  %1 = nn.mul %0, %y : (tensor<?x4xf32>, tensor<1x4xf32>) -> tensor<?x4xf32>
  %2 = nn.reshape %1 {shape = #nn.dims<"4*n">} : (tensor<?x4xf32>) -> tensor<?xf32>
  return %2 : tensor<?xf32>
}

// -----

// A symbol that meets a constant, and a reshape that fits some sizes only.
// CHECK-LABEL: func.func @main
// CHECK-DAG:     rt.check <"n">, <8> else 6
// CHECK-DAG:     rt.check <"4*n">, <32> else 6
func.func @main(%x: tensor<?x4xf32> {nn.shape = #nn.dims<"n", 4>}, %y: tensor<8x4xf32>)
    -> (tensor<8x4xf32>, tensor<32xf32>) attributes {nn.symbols = {n = array<i64: 1, 9>}} {
  %0 = nn.add %x, %y : (tensor<?x4xf32>, tensor<8x4xf32>) -> tensor<8x4xf32>
  %1 = nn.reshape %x {shape = #nn.dims<32>} : (tensor<?x4xf32>) -> tensor<32xf32>
  return %0, %1 : tensor<8x4xf32>, tensor<32xf32>
}

// -----

// The sides of a product, and what concat does not join.
// CHECK-LABEL: func.func @main
// CHECK-DAG:     rt.check <"k">, <"l"> else 6
// CHECK-DAG:     rt.check <"n">, <"k"> else 6
func.func @main(%x: tensor<?x?xf32> {nn.shape = #nn.dims<"n", "k">}, %y: tensor<?x3xf32> {nn.shape = #nn.dims<"l", 3>},
                %z: tensor<?x3xf32> {nn.shape = #nn.dims<"k", 3>})
    -> (tensor<?x3xf32>, tensor<?x6xf32>)
    attributes {nn.symbols = {n = array<i64: 1, 9>, k = array<i64: 1, 9>, l = array<i64: 1, 9>}} {
  %0 = nn.matmul %x, %y : (tensor<?x?xf32>, tensor<?x3xf32>) -> tensor<?x3xf32>
  %1 = nn.concat %0, %z {axis = 1 : i64} : (tensor<?x3xf32>, tensor<?x3xf32>) -> tensor<?x6xf32>
  return %0, %1 : tensor<?x3xf32>, tensor<?x6xf32>
}

// -----

// What can never agree is known now.
func.func @main(%x: tensor<?xf32> {nn.shape = #nn.dims<"n">}, %y: tensor<12xf32>)
    -> tensor<12xf32> attributes {nn.symbols = {n = array<i64: 2, 9>}} {
  // expected-error @below {{expected sizes that agree, but n is 2..9 and 12 is 12..12}}
  %0 = nn.add %x, %y : (tensor<?xf32>, tensor<12xf32>) -> tensor<12xf32>
  return %0 : tensor<12xf32>
}

// -----

// A size that is found while the model runs is checked behind it.
// CHECK-LABEL: func.func @main
// CHECK:         nn.size "m"
// CHECK-NEXT:    rt.check <"n">, <"m"> else 6
// CHECK-NEXT:    nn.true_positions
func.func @main(%x: tensor<?xi64> {nn.shape = #nn.dims<"n">}, %f: tensor<9xi1>, %c: tensor<i64>)
    -> tensor<?xi64> attributes {nn.symbols = {n = array<i64: 1, 9>}} {
  nn.size "m" = %c in 0 to 9 : tensor<i64>
  %0 = nn.true_positions %f {count = #nn.dims<"m">} : (tensor<9xi1>) -> tensor<?xi64>
  %1 = nn.add %0, %x : (tensor<?xi64>, tensor<?xi64>) -> tensor<?xi64>
  return %1 : tensor<?xi64>
}

// -----

// A part whose place is found may end behind the whole; one that cannot needs
// no check.
// CHECK-LABEL: func.func @main
// CHECK:         nn.size "m"
// CHECK-NEXT:    rt.check <"max(0, m - 6)">, <0> else 6
// CHECK-NOT:     rt.check
func.func @main(%x: tensor<9xi64>, %c: tensor<i64>) -> (tensor<3xi64>, tensor<?xi64>) {
  nn.size "m" = %c in 0 to 9 : tensor<i64>
  %0 = nn.slice %x {starts = #nn.dims<"m">, steps = array<i64: 1>, shape = #nn.dims<3>} : (tensor<9xi64>) -> tensor<3xi64>
  %1 = nn.slice %x {starts = #nn.dims<0>, steps = array<i64: 1>, shape = #nn.dims<"m">} : (tensor<9xi64>) -> tensor<?xi64>
  return %0, %1 : tensor<3xi64>, tensor<?xi64>
}

// -----

// From the place that is found backwards: neither end may lie outside, unless
// the part is empty.
// CHECK-LABEL: func.func @main
// CHECK:         nn.size "m"
// CHECK-NEXT:    rt.check <"max(0, -m + 2)">, <0> else 6
// CHECK-NEXT:    rt.check <"max(0, m - 8)">, <0> else 6
// CHECK:         nn.size "n"
// CHECK-NEXT:    rt.check <"max(0, n - 5)">, <0> else 6
// CHECK-NOT:     rt.check
func.func @main(%x: tensor<9xi64>, %c: tensor<i64>, %d: tensor<i64>) -> (tensor<3xi64>, tensor<?xi64>) {
  nn.size "m" = %c in 0 to 20 : tensor<i64>
  nn.size "n" = %d in 0 to 9 : tensor<i64>
  %0 = nn.slice %x {starts = #nn.dims<"m">, steps = array<i64: -1>, shape = #nn.dims<3>} : (tensor<9xi64>) -> tensor<3xi64>
  %1 = nn.slice %x {starts = #nn.dims<4>, steps = array<i64: -1>, shape = #nn.dims<"n">} : (tensor<9xi64>) -> tensor<?xi64>
  return %0, %1 : tensor<3xi64>, tensor<?xi64>
}

// -----

// A window needs a place; where padding gives it one there is nothing to check.
// CHECK-LABEL: func.func @main
// CHECK:         rt.check <"max(0, -n + 3)">, <0> else 6
// CHECK-NOT:     rt.check
func.func @main(%x: tensor<1x4x?xf32> {nn.shape = #nn.dims<1, 4, "n">}, %w: tensor<8x4x3xf32>)
    -> (tensor<1x8x?xf32>, tensor<1x8x?xf32>) attributes {nn.symbols = {n = array<i64: 1, 9>}} {
  %0 = nn.conv %x, %w {strides = array<i64: 1>, dilations = array<i64: 1>, low = #nn.dims<0>, high = #nn.dims<0>, group = 1 : i64} : (tensor<1x4x?xf32>, tensor<8x4x3xf32>) -> tensor<1x8x?xf32>
  %1 = nn.conv %x, %w {strides = array<i64: 1>, dilations = array<i64: 1>, low = #nn.dims<1>, high = #nn.dims<1>, group = 1 : i64} : (tensor<1x4x?xf32>, tensor<8x4x3xf32>) -> tensor<1x8x?xf32>
  return %0, %1 : tensor<1x8x?xf32>, tensor<1x8x?xf32>
}
