// RUN: tenon-opt %s -split-input-file -verify-diagnostics | FileCheck %s

// CHECK-LABEL: func @a_decaying_sum
// CHECK:       kern.scan ins(%{{.+}}, %{{.+}} : tensor<5x8xf32>, tensor<8x4xf32>) inits(%{{.+}} : tensor<8x4xf32>)
// CHECK-SAME:    sizes <8, 4, 5>
// CHECK:         %[[SUM:.+]] = kern.fold %{{.+}} : f32
// CHECK:         kern.yield %{{.+}}, %[[SUM]] : f32, f32
// CHECK:       -> tensor<8x4xf32>, tensor<5x8xf32>
func.func @a_decaying_sum(%x: tensor<5x8xf32> {nn.shape = #nn.dims<5, 8>}, %a: tensor<8x4xf32>, %h0: tensor<8x4xf32>) -> tensor<5x8xf32> {
  %h, %y = kern.scan ins(%x, %a : tensor<5x8xf32>, tensor<8x4xf32>) inits(%h0 : tensor<8x4xf32>)
      sizes #nn.dims<8, 4, 5> symbols #nn.dims<>
      maps [affine_map<(d, n, t) -> (t, d)>, affine_map<(d, n, t) -> (d, n)>,
            affine_map<(d, n, t) -> (d, n)>, affine_map<(d, n, t) -> (d, n)>,
            affine_map<(d, n, t) -> (t, d)>]
      shapes [#nn.dims<8, 4>, #nn.dims<5, 8>] {
  ^bb0(%s: f32, %x0: f32, %a0: f32):
    %kept = arith.mulf %a0, %s : f32
    %next = arith.addf %kept, %x0 : f32
    %sum = kern.fold %next : f32
    kern.yield %next, %sum : f32, f32
  } -> tensor<8x4xf32>, tensor<5x8xf32>
  return %y : tensor<5x8xf32>
}

// -----

func.func @maps(%h0: tensor<8x4xf32>) {
  // expected-error @below {{expected a map for each in, init and result (2), but got 1}}
  %h = kern.scan inits(%h0 : tensor<8x4xf32>) sizes #nn.dims<8, 4, 5> symbols #nn.dims<>
      maps [affine_map<(d, n, t) -> (d, n)>] shapes [#nn.dims<8, 4>] {
  ^bb0(%s: f32):
    kern.yield %s : f32
  } -> tensor<8x4xf32>
  return
}

// -----

func.func @the_state_loop_is_written_out(%h0: tensor<8x?xf32>) {
  // expected-error @below {{expected loops for a state of constant size and time}}
  %h = kern.scan inits(%h0 : tensor<8x?xf32>) sizes #nn.dims<8, "n", 5> symbols #nn.dims<>
      maps [affine_map<(d, n, t) -> (d, n)>, affine_map<(d, n, t) -> (d, n)>] shapes [#nn.dims<8, "n">] {
  ^bb0(%s: f32):
    kern.yield %s : f32
  } -> tensor<8x?xf32>
  return
}

// -----

func.func @yields(%h0: tensor<8x4xf32>) {
  // expected-error @below {{expected its body to yield ('f32'), but got ('f32', 'f32')}}
  %h = kern.scan inits(%h0 : tensor<8x4xf32>) sizes #nn.dims<8, 4, 5> symbols #nn.dims<>
      maps [affine_map<(d, n, t) -> (d, n)>, affine_map<(d, n, t) -> (d, n)>] shapes [#nn.dims<8, 4>] {
  ^bb0(%s: f32):
    kern.yield %s, %s : f32, f32
  } -> tensor<8x4xf32>
  return
}
