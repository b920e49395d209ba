// RUN: tenon-opt %s | tenon-opt | FileCheck %s

#ij = affine_map<(i, j) -> (i, j)>
#j = affine_map<(i, j) -> (j)>
#i = affine_map<(i) -> (i)>

// CHECK-DAG: #[[$IJ:.+]] = affine_map<(d0, d1) -> (d0, d1)>
// CHECK-DAG: #[[$J:.+]] = affine_map<(d0, d1) -> (d1)>

// CHECK-LABEL: func @map
// CHECK-SAME:    (%[[X:.+]]: tensor<8x64xf32>, %[[B:.+]]: tensor<64xf32>)
func.func @map(%x: tensor<8x64xf32>, %b: tensor<64xf32>) -> tensor<8x64xf32> {
  // CHECK: kern.map ins(%[[X]], %[[B]] : tensor<8x64xf32>, tensor<64xf32>)
  // CHECK-SAME: sizes <8, 64> symbols <> maps [#[[$IJ]], #[[$J]], #[[$IJ]]] shapes [#nn.dims<8, 64>] {
  // CHECK-NEXT: ^bb0(%[[XE:.+]]: f32, %[[BE:.+]]: f32):
  // CHECK-NEXT: %[[SUM:.+]] = arith.addf %[[XE]], %[[BE]]
  // CHECK-NEXT: kern.yield %[[SUM]] : f32
  // CHECK-NEXT: } -> tensor<8x64xf32>
  %y = kern.map ins(%x, %b : tensor<8x64xf32>, tensor<64xf32>)
      sizes #nn.dims<8, 64> symbols #nn.dims<>
      maps [#ij, #j, #ij] shapes [#nn.dims<8, 64>] {
  ^bb0(%x0: f32, %b0: f32):
    %s = arith.addf %x0, %b0 : f32
    kern.yield %s : f32
  } -> tensor<8x64xf32>
  return %y : tensor<8x64xf32>
}

// CHECK-LABEL: func @rows
func.func @rows(%x: tensor<8x64xf32>, %b: tensor<64xf32>) -> tensor<8x64xf32> {
  // CHECK: kern.rows ins(%{{.+}} : tensor<8x64xf32>) extras(%{{.+}} : tensor<64xf32>)
  // CHECK-SAME: sizes <8, 64> parallel 1 symbols <> combiners [3, 0]
  // CHECK: } passes {
  // CHECK-NEXT: ^bb0(%[[X:.+]]: f32):
  // CHECK-NEXT: kern.yield %[[X]], %[[X]] : f32, f32
  // CHECK-NEXT: }, {
  // CHECK-NEXT: ^bb0(%[[X:.+]]: f32, %[[MAX:.+]]: f32):
  // CHECK: } finish {
  // CHECK-NEXT: ^bb0(%{{.+}}: f32, %{{.+}}: f32, %{{.+}}: f32, %{{.+}}: f32):
  %y = kern.rows ins(%x : tensor<8x64xf32>) extras(%b : tensor<64xf32>)
      sizes #nn.dims<8, 64> parallel 1 symbols #nn.dims<> combiners [3, 0]
      maps [#ij, #j, #ij] shapes [#nn.dims<8, 64>] {
  ^bb0(%x0: f32):
    kern.yield %x0 : f32
  } passes {
  ^bb0(%x0: f32):
    kern.yield %x0, %x0 : f32, f32
  }, {
  ^bb0(%x0: f32, %max: f32):
    %d = arith.subf %x0, %max : f32
    kern.yield %d, %d : f32, f32
  } finish {
  ^bb0(%x0: f32, %max: f32, %sum: f32, %b0: f32):
    %d = arith.divf %x0, %sum : f32
    %r = arith.addf %d, %b0 : f32
    kern.yield %r : f32
  } -> tensor<8x64xf32>
  return %y : tensor<8x64xf32>
}

// CHECK-LABEL: func @rows_over_their_sum
func.func @rows_over_their_sum(%x: tensor<8x64xf32>) -> tensor<8x64xf32> {
  // CHECK: kern.rows
  %y = kern.rows ins(%x : tensor<8x64xf32>) sizes #nn.dims<8, 64> parallel 1
      symbols #nn.dims<> combiners [0]
      maps [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>]
      shapes [#nn.dims<8, 64>] {
  ^bb0(%x0: f32):
    kern.yield %x0 : f32
  } passes {
  ^bb0(%x0: f32):
    kern.yield %x0, %x0 : f32, f32
  } finish {
  ^bb0(%x0: f32, %sum: f32):
    %r = arith.divf %x0, %sum : f32
    kern.yield %r : f32
  } -> tensor<8x64xf32>
  return %y : tensor<8x64xf32>
}

// CHECK-LABEL: func @map_without_operands
func.func @map_without_operands() -> tensor<4xf32> {
  // CHECK: kern.map sizes <4> symbols <> maps [#{{.+}}] shapes [#nn.dims<4>] {
  %y = kern.map sizes <4> symbols <> maps [#i] shapes [#nn.dims<4>] {
    %zero = arith.constant 0.0 : f32
    kern.yield %zero : f32
  } -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// A part of a buffer, at an offset known when the model runs.
// CHECK-LABEL: func @map_into_a_destination
// CHECK-SAME:    (%[[X:.+]]: tensor<2xf32>)
func.func @map_into_a_destination(%x: tensor<2xf32>) -> tensor<?xf32> {
  // CHECK: %[[ALL:.+]] = kern.empty <"n + 2"> : tensor<?xf32>
  %all = kern.empty <"n + 2"> : tensor<?xf32>
  // CHECK: kern.map ins(%[[X]] : tensor<2xf32>) dests(%[[ALL]] : tensor<?xf32>)
  // CHECK-SAME: symbols <"n">
  %y = kern.map ins(%x : tensor<2xf32>) dests(%all : tensor<?xf32>) sizes <2>
      symbols <"n"> maps [affine_map<(i)[n] -> (i)>, affine_map<(i)[n] -> (i + n)>]
      shapes [#nn.dims<"n + 2">] {
  ^bb0(%x0: f32):
    kern.yield %x0 : f32
  } -> tensor<?xf32>
  return %y : tensor<?xf32>
}

// Rows of a table at indices that are checked.
// CHECK-LABEL: func @map_with_a_table
// CHECK-SAME:    (%[[AT:.+]]: tensor<3xi64>, %[[TABLE:.+]]: tensor<?x8xf32>)
func.func @map_with_a_table(%at: tensor<3xi64>, %table: tensor<?x8xf32>) -> tensor<3x8xf32> {
  // CHECK: kern.map ins(%[[AT]] : tensor<3xi64>) tables(%[[TABLE]] : tensor<?x8xf32>)
  %y = kern.map ins(%at : tensor<3xi64>) tables(%table : tensor<?x8xf32>)
      sizes <3, 8> symbols <> maps [affine_map<(i, j) -> (i)>, #ij] shapes [#nn.dims<3, 8>] {
  // CHECK-NEXT: ^bb0(%{{.+}}: i64, %[[WHOLE:.+]]: tensor<?x8xf32>):
  ^bb0(%at0: i64, %whole: tensor<?x8xf32>):
    %row = arith.index_cast %at0 : i64 to index
    // CHECK: %[[ROWS:.+]] = kern.size <"n">
    %rows = kern.size <"n">
    // CHECK: %[[INSIDE:.+]] = arith.cmpi ult
    %inside = arith.cmpi ult, %row, %rows : index
    // CHECK: kern.check %[[INSIDE]] else 7
    kern.check %inside else 7
    // CHECK: %[[J:.+]] = kern.index 1
    %j = kern.index 1
    // CHECK: kern.load %[[WHOLE]][%{{.+}}, %[[J]]] : tensor<?x8xf32> -> f32
    %e = kern.load %whole[%row, %j] : tensor<?x8xf32> -> f32
    kern.yield %e : f32
  } -> tensor<3x8xf32>
  return %y : tensor<3x8xf32>
}

// Combiners by number: add is 0.
// CHECK-LABEL: func @reduce
// CHECK-SAME:    (%[[X:.+]]: tensor<8x64xf32>, %[[B:.+]]: tensor<8xf32>)
func.func @reduce(%x: tensor<8x64xf32>, %b: tensor<8xf32>) -> tensor<8xf32> {
  // CHECK: kern.reduce ins(%[[X]] : tensor<8x64xf32>) extras(%[[B]] : tensor<8xf32>)
  // CHECK-SAME: sizes <8, 64> parallel 1 symbols <> combiners [0] maps
  %y = kern.reduce ins(%x : tensor<8x64xf32>) extras(%b : tensor<8xf32>)
      sizes <8, 64> parallel 1 symbols <> combiners [0] maps [#ij, #i, #i]
      shapes [#nn.dims<8>] {
  ^bb0(%x0: f32):
    kern.yield %x0 : f32
  // CHECK: } finish {
  } finish {
  // CHECK-NEXT: ^bb0(%{{.+}}: f32, %{{.+}}: f32):
  ^bb0(%sum: f32, %b0: f32):
    %r = arith.addf %sum, %b0 : f32
    kern.yield %r : f32
  } -> tensor<8xf32>
  return %y : tensor<8xf32>
}

// Two panels of 16 columns stand for 20.
// CHECK-LABEL: func @matmul
// CHECK-SAME:    (%[[A:.+]]: tensor<8x64xf32>, %[[W:.+]]: tensor<64x20xf32, #pack.panels<16>>, %[[B:.+]]: tensor<20xf32>)
func.func @matmul(%a: tensor<8x64xf32>, %w: tensor<64x20xf32, #pack.panels<16>>, %b: tensor<20xf32>) -> tensor<8x20xf32> {
  // CHECK: kern.matmul %[[A]], %[[W]] : tensor<8x64xf32>, tensor<64x20xf32, #pack.panels<16>>
  // CHECK-SAME: extras(%[[B]] : tensor<20xf32>)
  // CHECK-SAME: sizes <8, 2, 16, 64> rows 1 reductions 1 columns <20>
  %y = kern.matmul %a, %w : tensor<8x64xf32>, tensor<64x20xf32, #pack.panels<16>>
      extras(%b : tensor<20xf32>) sizes <8, 2, 16, 64> rows 1 reductions 1 columns <20>
      symbols <> maps [affine_map<(m, p, c, k) -> (m, k)>,
                       affine_map<(m, p, c, k) -> (k, p * 16 + c)>,
                       affine_map<(m, p, c) -> (p * 16 + c)>,
                       affine_map<(m, p, c) -> (m, p * 16 + c)>]
      shapes [#nn.dims<8, 20>] {
  ^bb0(%sum: f32, %b0: f32):
    %r = arith.addf %sum, %b0 : f32
    kern.yield %r : f32
  } -> tensor<8x20xf32>
  return %y : tensor<8x20xf32>
}

// CHECK-LABEL: func @view
func.func @view(%x: tensor<?x64xf32>) -> tensor<?x8x8xf32> {
  // CHECK: kern.view %{{.+}} as <"n", 8, 8> : tensor<?x64xf32> to tensor<?x8x8xf32>
  %y = kern.view %x as <"n", 8, 8> : tensor<?x64xf32> to tensor<?x8x8xf32>
  return %y : tensor<?x8x8xf32>
}

// CHECK-LABEL: func @plans
// CHECK-SAME: a = #kern.plan<loops = 1, parallel = 1, vector = 0, rows = 0, steps = []>
// CHECK-SAME: b = #kern.plan<loops = 4, parallel = 3, vector = 2, rows = 1, steps = [0, 1, 2]>
func.func @plans() attributes {
    a = #kern.plan<loops = 1, parallel = 1, vector = 0, rows = 0, steps = []>,
    b = #kern.plan<loops = 4, parallel = 3, vector = 2, rows = 1, steps = [0, 1, 2]>} {
  return
}
