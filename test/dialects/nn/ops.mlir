// RUN: tenon-opt %s | tenon-opt | FileCheck %s

// CHECK-LABEL: func @movement
func.func @movement(%x: tensor<?x4xf32>, %k: tensor<i64>, %s: tensor<f32>, %i: tensor<2xi64>) {
  // CHECK: nn.dims {shape = #nn.dims<2>, values = #nn.dims<"2*n + 1", 4>} : () -> tensor<2xi64>
  %0 = nn.dims {values = #nn.dims<"n*2 + 1", 4>, shape = #nn.dims<2>} : () -> tensor<2xi64>
  // CHECK: nn.reshape {{.*}} {shape = #nn.dims<2, "2*n">}
  %1 = nn.reshape %x {shape = #nn.dims<2, "2*n">} : (tensor<?x4xf32>) -> tensor<2x?xf32>
  // CHECK: nn.expand {{.*}} {shape = #nn.dims<3, "n", 4>}
  %2 = nn.expand %x {shape = #nn.dims<3, "n", 4>} : (tensor<?x4xf32>) -> tensor<3x?x4xf32>
  // CHECK: nn.transpose {{.*}} {permutation = array<i64: 1, 0>}
  %3 = nn.transpose %x {permutation = array<i64: 1, 0>} : (tensor<?x4xf32>) -> tensor<4x?xf32>
  // CHECK: nn.slice {{.*}} {shape = #nn.dims<"n - 1", 2>, starts = #nn.dims<1, 3>, steps = array<i64: 1, -1>}
  %4 = nn.slice %x {starts = #nn.dims<1, 3>, steps = array<i64: 1, -1>, shape = #nn.dims<"n - 1", 2>} : (tensor<?x4xf32>) -> tensor<?x2xf32>
  // CHECK: nn.concat {{.*}} {axis = 0 : i64}
  %5 = nn.concat %x, %x {axis = 0 : i64} : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  // CHECK: nn.pad %{{[^,]+}}, %{{[^,]+}} {high = #nn.dims<0, -1>, low = #nn.dims<0, 1>, mode = #nn.pad<constant>}
  // CHECK: nn.pad %{{[^,]+}} {{.*}}mode = #nn.pad<reflect>}
  // CHECK: nn.pad %{{[^,]+}} {{.*}}mode = #nn.pad<edge>}
  // CHECK: nn.pad %{{[^,]+}} {{.*}}mode = #nn.pad<wrap>}
  %6 = nn.pad %x, %s {low = #nn.dims<0, 1>, high = #nn.dims<0, -1>, mode = #nn.pad<constant>} : (tensor<?x4xf32>, tensor<f32>) -> tensor<?x4xf32>
  %7 = nn.pad %x {low = #nn.dims<0, 1>, high = #nn.dims<0, 1>, mode = #nn.pad<reflect>} : (tensor<?x4xf32>) -> tensor<?x6xf32>
  %8 = nn.pad %x {low = #nn.dims<0, 1>, high = #nn.dims<0, 1>, mode = #nn.pad<edge>} : (tensor<?x4xf32>) -> tensor<?x6xf32>
  %9 = nn.pad %x {low = #nn.dims<0, 1>, high = #nn.dims<0, 1>, mode = #nn.pad<wrap>} : (tensor<?x4xf32>) -> tensor<?x6xf32>
  // CHECK: nn.tile {{.*}} {repeats = #nn.dims<1, 2>}
  %10 = nn.tile %x {repeats = #nn.dims<1, 2>} : (tensor<?x4xf32>) -> tensor<?x8xf32>
  // CHECK: nn.iota {{.*}} {shape = #nn.dims<"n">}
  %11 = nn.iota %s, %s {shape = #nn.dims<"n">} : (tensor<f32>, tensor<f32>) -> tensor<?xf32>
  // CHECK: nn.trilu %{{[^,]+}}, %{{[^,]+}} {upper = false}
  %12 = nn.trilu %x, %k {upper = false} : (tensor<?x4xf32>, tensor<i64>) -> tensor<?x4xf32>
  // CHECK: nn.one_hot {{.*}} {axis = 1 : i64, depth = #nn.dims<10>}
  %13 = nn.one_hot %i, %i {depth = #nn.dims<10>, axis = 1 : i64} : (tensor<2xi64>, tensor<2xi64>) -> tensor<2x10xi64>
  // CHECK: nn.gather {{.*}} {axis = 1 : i64}
  %14 = nn.gather %x, %i {axis = 1 : i64} : (tensor<?x4xf32>, tensor<2xi64>) -> tensor<?x2xf32>
  // CHECK: nn.gather_elements {{.*}} {axis = 0 : i64}
  %15 = nn.gather_elements %i, %i {axis = 0 : i64} : (tensor<2xi64>, tensor<2xi64>) -> tensor<2xi64>
  // CHECK: nn.gather_nd {{.*}} {batchDims = 0 : i64}
  %16 = nn.gather_nd %x, %i {batchDims = 0 : i64} : (tensor<?x4xf32>, tensor<2xi64>) -> tensor<f32>
  // CHECK: nn.resize {{.*}} {antialias = false, coordinates = "half_pixel", cubicCoefficient = -7.500000e-01 : f64, excludeOutside = false, extrapolation = 0.000000e+00 : f64, mode = "linear", nearest = "floor", roi = array<f64>, scales = array<f64: 1.000000e+00, 2.000000e+00>, shape = #nn.dims<"n", 8>}
  %17 = nn.resize %x {shape = #nn.dims<"n", 8>, scales = array<f64: 1.0, 2.0>, roi = array<f64>, mode = "linear", coordinates = "half_pixel", nearest = "floor", cubicCoefficient = -0.75 : f64, excludeOutside = false, antialias = false, extrapolation = 0.0 : f64} : (tensor<?x4xf32>) -> tensor<?x8xf32>
  return
}

// CHECK-LABEL: func @reductions_and_norms
func.func @reductions_and_norms(%x: tensor<?x4xf32>, %g: tensor<4xf32>) {
  // CHECK: nn.reduce {{.*}} {axes = array<i64: 1>, keepdims = false, kind = #nn.reduce<sum>}
  %0 = nn.reduce %x {kind = #nn.reduce<sum>, axes = array<i64: 1>, keepdims = false} : (tensor<?x4xf32>) -> tensor<?xf32>

  // CHECK: nn.reduce {{.*}} kind = #nn.reduce<prod>}
  // CHECK: nn.reduce {{.*}} kind = #nn.reduce<min>}
  // CHECK: nn.reduce {{.*}} kind = #nn.reduce<max>}
  // CHECK: nn.reduce {{.*}} kind = #nn.reduce<mean>}
  // CHECK: nn.reduce {{.*}} kind = #nn.reduce<sum_square>}
  // CHECK: nn.reduce {{.*}} kind = #nn.reduce<l1>}
  // CHECK: nn.reduce {{.*}} kind = #nn.reduce<l2>}
  // CHECK: nn.reduce {{.*}} kind = #nn.reduce<log_sum>}
  // CHECK: nn.reduce {{.*}} kind = #nn.reduce<log_sum_exp>}
  %1 = nn.reduce %x {kind = #nn.reduce<prod>, axes = array<i64: 0, 1>, keepdims = true} : (tensor<?x4xf32>) -> tensor<1x1xf32>
  %2 = nn.reduce %x {kind = #nn.reduce<min>, axes = array<i64: 0, 1>, keepdims = true} : (tensor<?x4xf32>) -> tensor<1x1xf32>
  %3 = nn.reduce %x {kind = #nn.reduce<max>, axes = array<i64: 0, 1>, keepdims = true} : (tensor<?x4xf32>) -> tensor<1x1xf32>
  %4 = nn.reduce %x {kind = #nn.reduce<mean>, axes = array<i64: 0, 1>, keepdims = true} : (tensor<?x4xf32>) -> tensor<1x1xf32>
  %5 = nn.reduce %x {kind = #nn.reduce<sum_square>, axes = array<i64: 0, 1>, keepdims = true} : (tensor<?x4xf32>) -> tensor<1x1xf32>
  %6 = nn.reduce %x {kind = #nn.reduce<l1>, axes = array<i64: 0, 1>, keepdims = true} : (tensor<?x4xf32>) -> tensor<1x1xf32>
  %7 = nn.reduce %x {kind = #nn.reduce<l2>, axes = array<i64: 0, 1>, keepdims = true} : (tensor<?x4xf32>) -> tensor<1x1xf32>
  %8 = nn.reduce %x {kind = #nn.reduce<log_sum>, axes = array<i64: 0, 1>, keepdims = true} : (tensor<?x4xf32>) -> tensor<1x1xf32>
  %9 = nn.reduce %x {kind = #nn.reduce<log_sum_exp>, axes = array<i64: 0, 1>, keepdims = true} : (tensor<?x4xf32>) -> tensor<1x1xf32>
  // CHECK: nn.arg_reduce {{.*}} {axis = 1 : i64, keepdims = true, largest = false, selectLast = true}
  %10 = nn.arg_reduce %x {axis = 1 : i64, largest = false, selectLast = true, keepdims = true} : (tensor<?x4xf32>) -> tensor<?x1xi64>
  // CHECK: nn.softmax {{.*}} {axis = 1 : i64, log}
  %11 = nn.softmax %x {axis = 1 : i64, log} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  // CHECK: nn.norm(%{{[^ ]+}} scale %{{[^ ]+}} bias %{{[^ ]+}}) {axis = 1 : i64, epsilon = 9.99999974E-6 : f32}
  %12 = nn.norm(%x scale %g bias %g) {axis = 1 : i64, epsilon = 1.0e-5 : f32} : (tensor<?x4xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  // CHECK: nn.norm(%{{[^ ]+}}) {{.*}}rms}
  %13 = nn.norm(%x) {axis = 1 : i64, epsilon = 1.0e-5 : f32, rms} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  // CHECK: nn.cumulate {{.*}} {axis = 0 : i64, exclusive = true, kind = #nn.reduce<sum>, reverse = false}
  %14 = nn.cumulate %x {kind = #nn.reduce<sum>, axis = 0 : i64, exclusive = true, reverse = false} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  return
}

// CHECK-LABEL: func @products_and_windows
func.func @products_and_windows(%a: tensor<5x?x8xf32>, %b: tensor<8x3xf32>, %x: tensor<1x8x?x9xf32>, %w: tensor<6x4x3x3xf32>, %t: tensor<8x3x2x2xf32>, %c: tensor<6xf32>) {
  // CHECK: nn.matmul
  %0 = nn.matmul %a, %b : (tensor<5x?x8xf32>, tensor<8x3xf32>) -> tensor<5x?x3xf32>
  // CHECK: nn.conv {{.*}} {dilations = array<i64: 1, 1>, group = 2 : i64, high = #nn.dims<1, 1>, low = #nn.dims<1, 1>, strides = array<i64: 1, 2>}
  %1 = nn.conv %x, %w, %c {strides = array<i64: 1, 2>, dilations = array<i64: 1, 1>, low = #nn.dims<1, 1>, high = #nn.dims<1, 1>, group = 2 : i64} : (tensor<1x8x?x9xf32>, tensor<6x4x3x3xf32>, tensor<6xf32>) -> tensor<1x6x?x5xf32>
  // CHECK: nn.conv_transpose {{.*}} {dilations = array<i64: 1, 1>, group = 1 : i64, low = #nn.dims<0, 0>, shape = #nn.dims<"2*h", 18>, strides = array<i64: 2, 2>}
  %2 = nn.conv_transpose %x, %t {strides = array<i64: 2, 2>, dilations = array<i64: 1, 1>, low = #nn.dims<0, 0>, shape = #nn.dims<"2*h", 18>, group = 1 : i64} : (tensor<1x8x?x9xf32>, tensor<8x3x2x2xf32>) -> tensor<1x3x?x18xf32>
  // CHECK: nn.pool {{.*}} {countPad = false, dilations = array<i64: 1, 1>, high = #nn.dims<0, 0>, kind = #nn.pool<max>, low = #nn.dims<0, 0>, p = 2 : i64, shape = #nn.dims<"h - 1", 8>, strides = array<i64: 1, 1>, window = array<i64: 2, 2>}
  %3 = nn.pool %x {kind = #nn.pool<max>, window = array<i64: 2, 2>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = #nn.dims<0, 0>, high = #nn.dims<0, 0>, shape = #nn.dims<"h - 1", 8>, countPad = false, p = 2 : i64} : (tensor<1x8x?x9xf32>) -> tensor<1x8x?x8xf32>
  return
}

// CHECK-LABEL: func @blocks_of_channels
func.func @blocks_of_channels(%x: tensor<1x20x?x9xf32>, %w: tensor<6x20x1x1xf32>) {
  // CHECK: nn.to_blocks {{.*}} -> tensor<1x2x?x9x16xf32>
  %0 = nn.to_blocks %x : (tensor<1x20x?x9xf32>) -> tensor<1x2x?x9x16xf32>
  // CHECK: nn.conv {{.*}} {blocked,
  %1 = nn.conv %0, %w {blocked, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = #nn.dims<0, 0>, high = #nn.dims<0, 0>, group = 1 : i64} : (tensor<1x2x?x9x16xf32>, tensor<6x20x1x1xf32>) -> tensor<1x1x?x9x16xf32>
  // CHECK: nn.pool {{.*}} {blocked,
  %2 = nn.pool %1 {blocked, kind = #nn.pool<average>, window = array<i64: 1, 3>, strides = array<i64: 1, 3>, dilations = array<i64: 1, 1>, low = #nn.dims<0, 0>, high = #nn.dims<0, 0>, shape = #nn.dims<"h", 3>, countPad = true, p = 2 : i64} : (tensor<1x1x?x9x16xf32>) -> tensor<1x1x?x3x16xf32>
  // CHECK: nn.from_blocks {{.*}} {channels = 6 : i64}
  %3 = nn.from_blocks %2 {channels = 6 : i64} : (tensor<1x1x?x3x16xf32>) -> tensor<1x6x?x3xf32>
  return
}

// Equal sizes are equal attributes, however they were written.
// CHECK-LABEL: func @sizes_have_one_spelling
// CHECK-SAME: a = #nn.dims<>, b = #nn.dims<-3, "seq">, c = #nn.dims<"2*h*seq + h", "floordiv(seq, 2)">
// CHECK-SAME: d = #nn.dims<"max(mod(seq, 3), min(h, seq))", 4>
func.func @sizes_have_one_spelling() attributes {
    a = #nn.dims<>, b = #nn.dims<-3, "seq">,
    c = #nn.dims<"h * (seq*2 + 1)", "ceildiv(seq - 1, 2)">,
    d = #nn.dims<"max(min(seq, h), mod(seq, 3))", "seq + 4 - seq">} {
  return
}

// CHECK-LABEL: func @other_pools
// CHECK-SAME: a = #nn.pool<average>, b = #nn.pool<lp>
func.func @other_pools() attributes {a = #nn.pool<average>, b = #nn.pool<lp>} {
  return
}

// What is found in a tensor is a size from there on.
// CHECK-LABEL: func @sizes_of_the_data
func.func @sizes_of_the_data(%count: tensor<i64>, %flags: tensor<100xi1>) {
  // CHECK: nn.size "kept" = %{{.+}} in 0 to 100 : tensor<i64>
  nn.size "kept" = %count in 0 to 100 : tensor<i64>
  // CHECK: nn.true_positions {{.*}} {count = #nn.dims<"kept">}
  %0 = nn.true_positions %flags {count = #nn.dims<"kept">} : (tensor<100xi1>) -> tensor<?xi64>
  return
}
