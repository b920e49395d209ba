// RUN: tenon-opt %s -split-input-file -verify-diagnostics

func.func @one_trip_count(%a: tensor<4xf32>) {
  // expected-error @below {{expected one trip count, but got 2}}
  %r = scan.scan "t0" trip #nn.dims<3, 4> carried(%a : tensor<4xf32>) {
  ^bb0(%x: tensor<4xf32>):
    scan.yield %x : tensor<4xf32>
  } -> tensor<4xf32>
  return
}

// -----

func.func @an_argument_for_each_carried(%a: tensor<4xf32>) {
  // expected-error @below {{expected as many arguments as carried tensors (1), but got 0}}
  %r = scan.scan "t0" trip #nn.dims<3> carried(%a : tensor<4xf32>) {
    scan.yield %a : tensor<4xf32>
  } -> tensor<4xf32>
  return
}

// -----

func.func @types_stay(%a: tensor<4xf32>, %b: tensor<5xf32>) {
  // expected-error @below {{expected yielded values of the carried types, but number 0 is 'tensor<5xf32>', not 'tensor<4xf32>'}}
  %r = scan.scan "t0" trip #nn.dims<3> carried(%a : tensor<4xf32>) {
  ^bb0(%x: tensor<4xf32>):
    scan.yield %b : tensor<5xf32>
  } -> tensor<4xf32>
  return
}

// -----

func.func @a_symbol_of_its_own() {
  scan.scan "t0" trip #nn.dims<3> {
    // expected-error @below {{expected a symbol of its own, but 't0' counts an outer scan}}
    scan.scan "t0" trip #nn.dims<3> {
      scan.yield
    }
    scan.yield
  }
  return
}

// -----

func.func @ranks_of_an_insert(%a: tensor<4xf32>, %b: tensor<2x4xf32>) {
  // expected-error @below {{expected source, dest and starts of one rank, but got 1, 2 and 2}}
  %r = nn.insert_slice %a, %b {starts = #nn.dims<0, 0>} : (tensor<4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  return
}

// -----

func.func @a_body_yields(%a: tensor<4xf32>) {
  // expected-error @below {{'scan.scan' op expected a body that ends in scan.yield}}
  %r = scan.scan "t0" trip #nn.dims<3> carried(%a : tensor<4xf32>) {
  ^bb0(%x: tensor<4xf32>):
    %y = nn.abs %x : (tensor<4xf32>) -> tensor<4xf32>
  } -> tensor<4xf32>
  return
}

// -----

func.func @a_condition_comes_first(%a: tensor<4xf32>) {
  // expected-error @below {{expected 'while' to carry a tensor<i1> first, but got 'tensor<4xf32>'}}
  %r = scan.scan "t0" trip #nn.dims<3> while carried(%a : tensor<4xf32>) {
  ^bb0(%x: tensor<4xf32>):
    scan.yield %x : tensor<4xf32>
  } -> tensor<4xf32>
  return
}
