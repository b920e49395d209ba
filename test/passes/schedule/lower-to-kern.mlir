// RUN: tenon-opt %s -tenon-lower-to-kern -split-input-file -verify-diagnostics | FileCheck %s

// CHECK-DAG: #[[$IJ:.+]] = affine_map<(d0, d1) -> (d0, d1)>
// CHECK-DAG: #[[$J:.+]] = affine_map<(d0, d1) -> (d1)>
// CHECK-DAG: #[[$ZERO_J:.+]] = affine_map<(d0, d1) -> (0, d1)>

// CHECK-LABEL: func @operands_broadcast_through_their_maps
// CHECK-SAME:    (%[[X:.+]]: tensor<8x64xf32>, %[[B:.+]]: tensor<64xf32>, %[[C:.+]]: tensor<1x64xf32>)
func.func @operands_broadcast_through_their_maps(%x: tensor<8x64xf32>, %b: tensor<64xf32>, %c: tensor<1x64xf32>) -> tensor<8x64xf32> {
  // CHECK: kern.map ins(%[[X]], %[[B]] : {{.*}}) sizes <8, 64> {{.*}} maps [#[[$IJ]], #[[$J]], #[[$IJ]]]
  // CHECK: arith.addf
  %0 = nn.add %x, %b : (tensor<8x64xf32>, tensor<64xf32>) -> tensor<8x64xf32>
  // CHECK: kern.map ins(%{{.+}}, %[[C]] : {{.*}}) sizes <8, 64> {{.*}} maps [#[[$IJ]], #[[$ZERO_J]], #[[$IJ]]]
  // CHECK: arith.mulf
  %1 = nn.mul %0, %c : (tensor<8x64xf32>, tensor<1x64xf32>) -> tensor<8x64xf32>
  return %1 : tensor<8x64xf32>
}

// CHECK-LABEL: func @one_number_everywhere_is_a_constant_of_the_body
func.func @one_number_everywhere_is_a_constant_of_the_body(%x: tensor<8xf32>) -> tensor<8xf32> {
  %two = pack.constant(dense<2.0> : tensor<8xf32>) : tensor<8xf32>
  // CHECK: kern.map ins(%{{[^,]+}} : tensor<8xf32>)
  // CHECK: arith.constant 2.0
  %0 = nn.mul %x, %two : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
  return %0 : tensor<8xf32>
}

// CHECK-LABEL: func @other_constants_stay_operands
func.func @other_constants_stay_operands(%x: tensor<2xf32>, %i: tensor<2xi64>) -> (tensor<2xf32>, tensor<2xi64>) {
  // CHECK: %[[VALUES:.+]] = pack.constant
  %values = pack.constant(dense<[2.0, 3.0]> : tensor<2xf32>) : tensor<2xf32>
  // 64-bit integers do not fit a double.
  // CHECK: %[[WIDE:.+]] = pack.constant
  %wide = pack.constant(dense<9007199254740993> : tensor<2xi64>) : tensor<2xi64>
  // CHECK: kern.map ins(%{{[^,]+}}, %[[VALUES]] :
  %0 = nn.mul %x, %values : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  // CHECK: kern.map ins(%{{[^,]+}}, %[[WIDE]] :
  %1 = nn.add %i, %wide : (tensor<2xi64>, tensor<2xi64>) -> tensor<2xi64>
  return %0, %1 : tensor<2xf32>, tensor<2xi64>
}

// CHECK-LABEL: func @storage_is_signless
func.func @storage_is_signless(%x: tensor<4xui8>, %y: tensor<4xi8>) -> (tensor<4xui8>, tensor<4xi8>) {
  // CHECK: ^bb0(%{{.+}}: i8, %{{.+}}: i8):
  // CHECK: arith.maxui
  %0 = nn.max %x, %x : (tensor<4xui8>, tensor<4xui8>) -> tensor<4xui8>
  // CHECK: arith.maxsi
  %1 = nn.max %y, %y : (tensor<4xi8>, tensor<4xi8>) -> tensor<4xi8>
  return %0, %1 : tensor<4xui8>, tensor<4xi8>
}

// CHECK-LABEL: func @half_precision_is_computed_in_f32
func.func @half_precision_is_computed_in_f32(%x: tensor<4xf16>) -> tensor<4xf16> {
  // CHECK: arith.extf {{.*}} : f16 to f32
  // CHECK: arith.addf {{.*}} : f32
  // CHECK: arith.truncf {{.*}} : f32 to f16
  %0 = nn.add %x, %x : (tensor<4xf16>, tensor<4xf16>) -> tensor<4xf16>
  return %0 : tensor<4xf16>
}

// Max of a NaN is NaN, whichever side it is on, in compare and select.
// CHECK-LABEL: func @nan_wins
func.func @nan_wins(%x: tensor<4xf32>) -> tensor<4xf32> {
  // CHECK-NOT: arith.maximumf
  // CHECK: arith.cmpf ogt
  // CHECK: arith.cmpf uno
  %0 = nn.max %x, %x : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// CHECK-LABEL: func @integer_division_cannot_trap
func.func @integer_division_cannot_trap(%x: tensor<4xi32>) -> tensor<4xi32> {
  // CHECK: arith.constant -2147483648
  // CHECK: %[[SAFE:.+]] = arith.select
  // CHECK: arith.divsi %{{.+}}, %[[SAFE]]
  %0 = nn.div %x, %x : (tensor<4xi32>, tensor<4xi32>) -> tensor<4xi32>
  return %0 : tensor<4xi32>
}

// CHECK-LABEL: func @a_reshape_is_a_view
func.func @a_reshape_is_a_view(%x: tensor<8x64xf32>) -> tensor<4x128xf32> {
  // CHECK-NEXT: %[[Y:.+]] = kern.view %{{.+}} as <4, 128>
  // CHECK-NEXT: return %[[Y]]
  %0 = nn.reshape %x {shape = #nn.dims<4, 128>} : (tensor<8x64xf32>) -> tensor<4x128xf32>
  return %0 : tensor<4x128xf32>
}

// CHECK-LABEL: func @parts_are_written_into_one_buffer
// CHECK-SAME:    (%[[A:.+]]: tensor<2x3xf32>, %[[B:.+]]: tensor<2x5xf32>)
func.func @parts_are_written_into_one_buffer(%a: tensor<2x3xf32>, %b: tensor<2x5xf32>) -> tensor<2x8xf32> {
  // CHECK: %[[ALL:.+]] = kern.empty <2, 8> : tensor<2x8xf32>
  // CHECK: %[[FIRST:.+]] = kern.map ins(%[[A]] : {{.*}}) dests(%[[ALL]] : {{.*}}) {{.*}} symbols <0, 0>
  // CHECK: %[[BOTH:.+]] = kern.map ins(%[[B]] : {{.*}}) dests(%[[FIRST]] : {{.*}}) {{.*}} symbols <0, 3>
  // CHECK: return %[[BOTH]]
  %0 = nn.concat %a, %b {axis = 1 : i64} : (tensor<2x3xf32>, tensor<2x5xf32>) -> tensor<2x8xf32>
  return %0 : tensor<2x8xf32>
}

// CHECK-LABEL: func @a_gather_checks_its_indices
func.func @a_gather_checks_its_indices(%x: tensor<?x8xf32> {nn.shape = #nn.dims<"n", 8>}, %i: tensor<3xi64>) -> tensor<3x8xf32> {
  // CHECK: kern.map ins(%{{.+}} : tensor<3xi64>) tables(%{{.+}} : tensor<?x8xf32>)
  // CHECK: ^bb0(%[[I:.+]]: i64, %[[TABLE:.+]]: tensor<?x8xf32>):
  // CHECK: %[[N:.+]] = kern.size <"n">
  // CHECK: %[[INSIDE:.+]] = arith.cmpi ult, %{{.+}}, %[[N]]
  // CHECK: kern.check %[[INSIDE]]
  // CHECK: %[[ROW:.+]] = arith.select %[[INSIDE]]
  // CHECK: kern.load %[[TABLE]][%[[ROW]],
  %0 = nn.gather %x, %i {axis = 0 : i64} : (tensor<?x8xf32>, tensor<3xi64>) -> tensor<3x8xf32>
  return %0 : tensor<3x8xf32>
}

// The kept dimensions come first.
// CHECK-LABEL: func @a_reduction_over_a_middle_axis
func.func @a_reduction_over_a_middle_axis(%x: tensor<2x3x5xf32>) -> tensor<2x5xf32> {
  // CHECK: kern.reduce {{.*}} sizes <2, 5, 3> parallel 2 {{.*}} combiners [0]
  // CHECK-NOT: kern.view
  %0 = nn.reduce %x {kind = #nn.reduce<sum>, axes = array<i64: 1>, keepdims = false} : (tensor<2x3x5xf32>) -> tensor<2x5xf32>
  return %0 : tensor<2x5xf32>
}

// CHECK-LABEL: func @softmax_subtracts_the_maximum
// CHECK-SAME:    (%[[X:.+]]: tensor<2x8xf32>)
func.func @softmax_subtracts_the_maximum(%x: tensor<2x8xf32>) -> tensor<2x8xf32> {
  // CHECK: kern.rows ins(%[[X]] : {{.*}} parallel 1 {{.*}} combiners [3, 0]
  // CHECK: } passes {
  // CHECK: ^bb0(%[[ALL:.+]]: f32, %[[MAX:.+]]: f32):
  // CHECK: math.exp
  // CHECK: } finish {
  // CHECK: ^bb0(%[[E:.+]]: f32, %{{.+}}: f32, %[[SUM:.+]]: f32):
  // CHECK: %[[INVERSE:.+]] = arith.divf %{{.+}}, %[[SUM]]
  // CHECK: arith.mulf %[[E]], %[[INVERSE]]
  %0 = nn.softmax %x {axis = 1 : i64} : (tensor<2x8xf32>) -> tensor<2x8xf32>
  return %0 : tensor<2x8xf32>
}

// Rows that lie across memory are columns of three steps.
// CHECK-LABEL: func @softmax_along_an_outer_dimension
// CHECK-SAME:    (%[[X:.+]]: tensor<8x20xf32>)
func.func @softmax_along_an_outer_dimension(%x: tensor<8x20xf32>) -> tensor<8x20xf32> {
  // CHECK-NOT: kern.rows
  // CHECK: %[[MAX:.+]] = kern.reduce ins(%[[X]] : {{.*}} combiners [3]
  // CHECK: %[[E:.+]] = kern.map ins(%[[X]], %[[MAX]] :
  // CHECK: math.exp
  // CHECK: %[[SUM:.+]] = kern.reduce ins(%[[E]] : {{.*}} combiners [0]
  // CHECK: kern.map ins(%[[E]], %[[SUM]] :
  // CHECK: arith.divf
  %0 = nn.softmax %x {axis = 0 : i64} : (tensor<8x20xf32>) -> tensor<8x20xf32>
  return %0 : tensor<8x20xf32>
}

// The mean, then the mean of squares; the row itself is loaded again.
// CHECK-LABEL: func @a_norm_is_two_passes
func.func @a_norm_is_two_passes(%x: tensor<4x64xf32>, %s: tensor<64xf32>) -> (tensor<4x64xf32>, tensor<4x64xf32>) {
  // CHECK: kern.rows ins(%{{.+}} : tensor<4x64xf32>) extras(%{{.+}} : tensor<64xf32>) {{.*}} combiners [0, 0]
  %0 = nn.norm(%x scale %s) {axis = 1 : i64, epsilon = 1.0e-5 : f32} : (tensor<4x64xf32>, tensor<64xf32>) -> tensor<4x64xf32>
  // CHECK: kern.rows {{.*}} combiners [0]
  %1 = nn.norm(%x scale %s) {axis = 1 : i64, epsilon = 1.0e-5 : f32, rms} : (tensor<4x64xf32>, tensor<64xf32>) -> tensor<4x64xf32>
  return %0, %1 : tensor<4x64xf32>, tensor<4x64xf32>
}

// CHECK-LABEL: func @integers_keep_their_sign_in_reductions
func.func @integers_keep_their_sign_in_reductions(%x: tensor<4x64xui64>) -> (tensor<4xui64>, tensor<4xui64>, tensor<4xi64>, tensor<4xui64>) {
  // CHECK: arith.divui
  %0 = nn.reduce %x {kind = #nn.reduce<mean>, axes = array<i64: 1>, keepdims = false} : (tensor<4x64xui64>) -> tensor<4xui64>
  // CHECK: arith.uitofp
  // CHECK: math.sqrt
  // CHECK: arith.fptoui
  %1 = nn.reduce %x {kind = #nn.reduce<l2>, axes = array<i64: 1>, keepdims = false} : (tensor<4x64xui64>) -> tensor<4xui64>
  // CHECK: arith.xori
  // CHECK-NEXT: kern.index
  %2 = nn.arg_reduce %x {axis = 1 : i64, largest = true, selectLast = false, keepdims = false} : (tensor<4x64xui64>) -> tensor<4xi64>
  // CHECK: arith.uitofp
  // CHECK: math.exp
  // CHECK: math.log
  // CHECK: arith.fptoui
  %3 = nn.reduce %x {kind = #nn.reduce<log_sum_exp>, axes = array<i64: 1>, keepdims = false} : (tensor<4x64xui64>) -> tensor<4xui64>
  return %0, %1, %2, %3 : tensor<4xui64>, tensor<4xui64>, tensor<4xi64>, tensor<4xui64>
}

// CHECK-LABEL: func @constant_weights_are_encoded_as_panels
func.func @constant_weights_are_encoded_as_panels(%x: tensor<4x8xf32>) -> tensor<4x20xf32> {
  %w = pack.constant(dense<0.5> : tensor<8x20xf32>) : tensor<8x20xf32>
  // CHECK: %[[PANELS:.+]] = pack.encode %{{.+}} to tensor<8x20xf32, #pack.panels<16>>
  // CHECK: kern.matmul %{{.+}}, %[[PANELS]]
  %0 = nn.matmul %x, %w : (tensor<4x8xf32>, tensor<8x20xf32>) -> tensor<4x20xf32>
  return %0 : tensor<4x20xf32>
}

// CHECK-LABEL: func @whole_blocks_of_columns_are_read_where_they_lie
// CHECK-SAME:    (%[[X:.+]]: tensor<4x8xf32>, %[[W:.+]]: tensor<8x32xf32>)
func.func @whole_blocks_of_columns_are_read_where_they_lie(%x: tensor<4x8xf32>, %w: tensor<8x32xf32>) -> tensor<4x32xf32> {
  // CHECK-NOT: kern.map
  // CHECK: kern.matmul %[[X]], %[[W]]
  %0 = nn.matmul %x, %w : (tensor<4x8xf32>, tensor<8x32xf32>) -> tensor<4x32xf32>
  return %0 : tensor<4x32xf32>
}

// Zeros behind the last column.
// CHECK-LABEL: func @other_columns_are_packed_by_steps
// CHECK-SAME:    (%[[X:.+]]: tensor<4x8xf32>, %[[W:.+]]: tensor<8x20xf32>)
func.func @other_columns_are_packed_by_steps(%x: tensor<4x8xf32>, %w: tensor<8x20xf32>) -> tensor<4x20xf32> {
  // CHECK: %[[ZEROS:.+]] = kern.map sizes <2, 8, 16>
  // CHECK: %[[WHOLE:.+]] = kern.map ins(%[[W]] : {{.*}}) dests(%[[ZEROS]] : {{.*}}) sizes <1, 8, 16>
  // CHECK: %[[ALL:.+]] = kern.map ins(%[[W]] : {{.*}}) dests(%[[WHOLE]] : {{.*}}) sizes <1, 8, 4>
  // CHECK: kern.matmul %[[X]], %[[ALL]]
  %0 = nn.matmul %x, %w : (tensor<4x8xf32>, tensor<8x20xf32>) -> tensor<4x20xf32>
  return %0 : tensor<4x20xf32>
}

// One long row by columns that lie as rows: nothing is laid out anew.
// CHECK-LABEL: func @one_row_reads_columns_where_they_lie
// CHECK-NOT:     kern.matmul
// CHECK:         kern.reduce
// CHECK-LABEL: func @some_rows_have_panels_laid_out
// CHECK:         kern.matmul
func.func @one_row_reads_columns_where_they_lie(%x: tensor<2x1x128xf32>, %w: tensor<2x40x128xf32>) -> tensor<2x1x40xf32> {
  %t = nn.transpose %w {permutation = array<i64: 0, 2, 1>} : (tensor<2x40x128xf32>) -> tensor<2x128x40xf32>
  %0 = nn.matmul %x, %t : (tensor<2x1x128xf32>, tensor<2x128x40xf32>) -> tensor<2x1x40xf32>
  return %0 : tensor<2x1x40xf32>
}
func.func @some_rows_have_panels_laid_out(%x: tensor<2x3x128xf32>, %w: tensor<2x40x128xf32>) -> tensor<2x3x40xf32> {
  %t = nn.transpose %w {permutation = array<i64: 0, 2, 1>} : (tensor<2x40x128xf32>) -> tensor<2x128x40xf32>
  %0 = nn.matmul %x, %t : (tensor<2x3x128xf32>, tensor<2x128x40xf32>) -> tensor<2x3x40xf32>
  return %0 : tensor<2x3x40xf32>
}

// -----

// CHECK-LABEL: func @other_types_are_multiplied_by_a_reduction
func.func @other_types_are_multiplied_by_a_reduction(%x: tensor<4x8xi8>, %w: tensor<8x32xui8>) -> tensor<4x32xi32> {
  // CHECK: kern.reduce {{.*}} sizes <4, 32, 8> parallel 2
  // CHECK: arith.extsi
  // CHECK: arith.extui
  // CHECK: arith.muli
  %0 = nn.matmul %x, %w : (tensor<4x8xi8>, tensor<8x32xui8>) -> tensor<4x32xi32>
  return %0 : tensor<4x32xi32>
}

// -----

func.func @what_has_no_kernel_is_named(%x: tensor<1x1x4x4xi32>, %g: tensor<1x2x2x2xf32>) -> tensor<1x1x2x2xi32> {
  // expected-error @below {{'nn.grid_sample' with these types has no kernel yet}}
  %0 = nn.grid_sample %x, %g {mode = #nn.sample<linear>, padding = #nn.outside<zeros>} : (tensor<1x1x4x4xi32>, tensor<1x2x2x2xf32>) -> tensor<1x1x2x2xi32>
  return %0 : tensor<1x1x2x2xi32>
}
