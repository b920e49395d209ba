// RUN: tenon-opt %s -split-input-file -verify-diagnostics

// expected-error @below {{'rt.step' op expected bytes and operations as its cost, but got #nn.dims<8>}}
rt.step @map_f32_1 [#rt.buffer<input + 0>] tiles #nn.dims<4> parameters #nn.dims<> constants [] cost #nn.dims<8>

// -----

// expected-error @below {{expected one of [arena, weights, input, output] for what an offset counts from, got: stack}}
// expected-error @below {{failed to parse Rt_BufferAttr parameter 'base'}}
func.func private @a_place_counts_from_a_known_base() attributes {rt.place = #rt.buffer<stack + 0>}

// -----

// expected-error @below {{'rt.program' op requires attribute 'inputs'}}
rt.program @main attributes {symbols = {}, outputs = [], slot_bytes = 0 : ui64, peak_bytes = 0 : ui64, weight_bytes = 0 : ui64} {
}

// -----

// expected-error @below {{'rt.program' op attribute 'slot_bytes' failed to satisfy constraint: 64-bit unsigned integer attribute}}
rt.program @main attributes {symbols = {}, inputs = [], outputs = [], slot_bytes = 0 : i64, peak_bytes = 0 : ui64, weight_bytes = 0 : ui64} {
}

// -----

// expected-note @below {{see existing symbol definition here}}
rt.kernel @map_f32_1 {
^bb0(%x: tensor<4xf32>):
  %y = kern.map ins(%x : tensor<4xf32>) sizes <4> symbols <>
      maps [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>] shapes [#nn.dims<4>] {
  ^bb0(%x0: f32):
    kern.yield %x0 : f32
  } -> tensor<4xf32>
}
// expected-error @below {{redefinition of symbol named 'map_f32_1'}}
rt.kernel @map_f32_1 {
^bb0(%x: tensor<4xf32>):
  %y = kern.map ins(%x : tensor<4xf32>) sizes <4> symbols <>
      maps [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>] shapes [#nn.dims<4>] {
  ^bb0(%x0: f32):
    kern.yield %x0 : f32
  } -> tensor<4xf32>
}

// -----

// expected-error @below {{expected bounds such as array<i64: 1, 512> of the symbol 'n', but got array<i64: 1>}}
rt.program @a_symbol_has_bounds attributes {
    symbols = {n = array<i64: 1>}, inputs = [{name = "x", shape = #nn.dims<4>, type = tensor<4xf32>}], outputs = [{name = "y", shape = #nn.dims<4>, type = tensor<4xf32>}],
    slot_bytes = 128 : ui64, peak_bytes = 128 : ui64, weight_bytes = 64 : ui64} {
}

// -----

// expected-error @below {{expected a name, a tensor type and a shape that fits it of input 0, but got {name = "x"}}}
rt.program @an_input_has_a_shape attributes {
    symbols = {n = array<i64: 1, 9>}, inputs = [{name = "x"}], outputs = [{name = "y", shape = #nn.dims<4>, type = tensor<4xf32>}],
    slot_bytes = 128 : ui64, peak_bytes = 128 : ui64, weight_bytes = 64 : ui64} {
}

// -----

// expected-error @below {{expected a name, a tensor type and a shape that fits it of output 0, but got {name = "y", shape = #nn.dims<5>, type = tensor<4xf32>}}}
rt.program @a_shape_fits_the_type attributes {
    symbols = {n = array<i64: 1, 9>}, inputs = [{name = "x", shape = #nn.dims<4>, type = tensor<4xf32>}], outputs = [{name = "y", shape = #nn.dims<5>, type = tensor<4xf32>}],
    slot_bytes = 128 : ui64, peak_bytes = 128 : ui64, weight_bytes = 64 : ui64} {
}

// -----

// expected-error @below {{expected sizes over the program's symbols and its loops', but got 'm'}}
rt.program @sizes_are_of_symbols attributes {
    symbols = {n = array<i64: 1, 9>}, inputs = [{name = "x", shape = #nn.dims<"m">, type = tensor<?xf32>}], outputs = [{name = "y", shape = #nn.dims<4>, type = tensor<4xf32>}],
    slot_bytes = 128 : ui64, peak_bytes = 128 : ui64, weight_bytes = 64 : ui64} {
}

// -----

rt.program @a_program_has_steps attributes {
    symbols = {n = array<i64: 1, 9>}, inputs = [{name = "x", shape = #nn.dims<4>, type = tensor<4xf32>}], outputs = [{name = "y", shape = #nn.dims<4>, type = tensor<4xf32>}],
    slot_bytes = 128 : ui64, peak_bytes = 128 : ui64, weight_bytes = 64 : ui64} {
  // expected-error @below {{'pack.constant' op is no part of a program: expected weights, steps, loops, sizes and checks}}
  %c = pack.constant(dense<1.0> : tensor<f32>) : tensor<f32>
}

// -----

rt.kernel @copy {
^bb0(%x: tensor<4xf32>):
  %y = kern.map ins(%x : tensor<4xf32>) sizes <4> symbols <>
      maps [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>] shapes [#nn.dims<4>] {
  ^bb0(%x0: f32):
    kern.yield %x0 : f32
  } -> tensor<4xf32>
}
rt.program @an_input_exists attributes {
    symbols = {n = array<i64: 1, 9>}, inputs = [{name = "x", shape = #nn.dims<4>, type = tensor<4xf32>}], outputs = [{name = "y", shape = #nn.dims<4>, type = tensor<4xf32>}],
    slot_bytes = 128 : ui64, peak_bytes = 128 : ui64, weight_bytes = 64 : ui64} {
  // expected-error @below {{expected a place below 1 buffers, but got #rt.buffer<input : 1 + 0>}}
  rt.step @copy [#rt.buffer<input : 1 + 0>, #rt.buffer<output + 0>] tiles <1> parameters <> constants [] cost <0, 0>
}

// -----

rt.kernel @copy {
^bb0(%x: tensor<4xf32>):
  %y = kern.map ins(%x : tensor<4xf32>) sizes <4> symbols <>
      maps [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>] shapes [#nn.dims<4>] {
  ^bb0(%x0: f32):
    kern.yield %x0 : f32
  } -> tensor<4xf32>
}
rt.program @a_slot_lies_in_the_arena attributes {
    symbols = {n = array<i64: 1, 9>}, inputs = [{name = "x", shape = #nn.dims<4>, type = tensor<4xf32>}], outputs = [{name = "y", shape = #nn.dims<4>, type = tensor<4xf32>}],
    slot_bytes = 128 : ui64, peak_bytes = 128 : ui64, weight_bytes = 64 : ui64} {
  // expected-error @below {{expected a place below 128 bytes, but got #rt.buffer<arena + 128>}}
  rt.step @copy [#rt.buffer<input + 0>, #rt.buffer<arena + 128>] tiles <1> parameters <> constants [] cost <0, 0>
}

// -----

rt.kernel @copy {
^bb0(%x: tensor<4xf32>):
  %y = kern.map ins(%x : tensor<4xf32>) sizes <4> symbols <>
      maps [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>] shapes [#nn.dims<4>] {
  ^bb0(%x0: f32):
    kern.yield %x0 : f32
  } -> tensor<4xf32>
}
rt.program @a_weight_lies_among_the_weights attributes {
    symbols = {n = array<i64: 1, 9>}, inputs = [{name = "x", shape = #nn.dims<4>, type = tensor<4xf32>}], outputs = [{name = "y", shape = #nn.dims<4>, type = tensor<4xf32>}],
    slot_bytes = 128 : ui64, peak_bytes = 128 : ui64, weight_bytes = 64 : ui64} {
  // expected-error @below {{expected a place below 64 bytes, but got #rt.buffer<weights + 64>}}
  rt.step @copy [#rt.buffer<weights + 64>, #rt.buffer<output + 0>] tiles <1> parameters <> constants [] cost <0, 0>
}

// -----

rt.kernel @copy {
^bb0(%x: tensor<4xf32>):
  %y = kern.map ins(%x : tensor<4xf32>) sizes <4> symbols <>
      maps [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>] shapes [#nn.dims<4>] {
  ^bb0(%x0: f32):
    kern.yield %x0 : f32
  } -> tensor<4xf32>
}
rt.program @a_buffer_is_a_place attributes {
    symbols = {n = array<i64: 1, 9>}, inputs = [{name = "x", shape = #nn.dims<4>, type = tensor<4xf32>}], outputs = [{name = "y", shape = #nn.dims<4>, type = tensor<4xf32>}],
    slot_bytes = 128 : ui64, peak_bytes = 128 : ui64, weight_bytes = 64 : ui64} {
  // expected-error @below {{expected buffers as #rt.buffer, but got 3 : i64}}
  rt.step @copy [#rt.buffer<input + 0>, 3] tiles <1> parameters <> constants [] cost <0, 0>
}

// -----

rt.kernel @copy {
^bb0(%x: tensor<4xf32>):
  %y = kern.map ins(%x : tensor<4xf32>) sizes <4> symbols <>
      maps [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>] shapes [#nn.dims<4>] {
  ^bb0(%x0: f32):
    kern.yield %x0 : f32
  } -> tensor<4xf32>
}
rt.program @one_number_of_tiles attributes {
    symbols = {n = array<i64: 1, 9>}, inputs = [{name = "x", shape = #nn.dims<4>, type = tensor<4xf32>}], outputs = [{name = "y", shape = #nn.dims<4>, type = tensor<4xf32>}],
    slot_bytes = 128 : ui64, peak_bytes = 128 : ui64, weight_bytes = 64 : ui64} {
  // expected-error @below {{expected one number of tiles, but got #nn.dims<1, 2>}}
  rt.step @copy [#rt.buffer<input + 0>, #rt.buffer<output + 0>] tiles <1, 2> parameters <> constants [] cost <0, 0>
}

// -----

rt.kernel @copy {
^bb0(%x: tensor<4xf32>):
  %y = kern.map ins(%x : tensor<4xf32>) sizes <4> symbols <>
      maps [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>] shapes [#nn.dims<4>] {
  ^bb0(%x0: f32):
    kern.yield %x0 : f32
  } -> tensor<4xf32>
}
rt.program @parameters_are_of_symbols attributes {
    symbols = {n = array<i64: 1, 9>}, inputs = [{name = "x", shape = #nn.dims<4>, type = tensor<4xf32>}], outputs = [{name = "y", shape = #nn.dims<4>, type = tensor<4xf32>}],
    slot_bytes = 128 : ui64, peak_bytes = 128 : ui64, weight_bytes = 64 : ui64} {
  // expected-error @below {{expected sizes over the program's symbols and its loops', but got 't0'}}
  rt.step @copy [#rt.buffer<input + 0>, #rt.buffer<output + 0>] tiles <1> parameters <"t0"> constants [] cost <0, 0>
}

// -----

rt.kernel @copy {
^bb0(%x: tensor<4xf32>):
  %y = kern.map ins(%x : tensor<4xf32>) sizes <4> symbols <>
      maps [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>] shapes [#nn.dims<4>] {
  ^bb0(%x0: f32):
    kern.yield %x0 : f32
  } -> tensor<4xf32>
}
rt.program @a_buffer_per_operand_and_result attributes {
    symbols = {n = array<i64: 1, 9>}, inputs = [{name = "x", shape = #nn.dims<4>, type = tensor<4xf32>}], outputs = [{name = "y", shape = #nn.dims<4>, type = tensor<4xf32>}],
    slot_bytes = 128 : ui64, peak_bytes = 128 : ui64, weight_bytes = 64 : ui64} {
  // expected-error @below {{expected a buffer for each of 2 operands and results of 'copy', but got 1}}
  rt.step @copy [#rt.buffer<input + 0>] tiles <1> parameters <> constants [] cost <0, 0>
}

// -----

rt.program @a_kernel_exists attributes {
    symbols = {n = array<i64: 1, 9>}, inputs = [{name = "x", shape = #nn.dims<4>, type = tensor<4xf32>}], outputs = [{name = "y", shape = #nn.dims<4>, type = tensor<4xf32>}],
    slot_bytes = 128 : ui64, peak_bytes = 128 : ui64, weight_bytes = 64 : ui64} {
  // expected-error @below {{expected a kernel, but 'none' is not defined}}
  rt.step @none [#rt.buffer<input + 0>, #rt.buffer<output + 0>] tiles <1> parameters <> constants [] cost <0, 0>
}

// -----

rt.program @a_step_runs_a_kernel attributes {
    symbols = {n = array<i64: 1, 9>}, inputs = [{name = "x", shape = #nn.dims<4>, type = tensor<4xf32>}], outputs = [{name = "y", shape = #nn.dims<4>, type = tensor<4xf32>}],
    slot_bytes = 128 : ui64, peak_bytes = 128 : ui64, weight_bytes = 64 : ui64} {
  // expected-error @below {{expected a kernel, but 'a_step_runs_a_kernel' is none}}
  rt.step @a_step_runs_a_kernel [#rt.buffer<input + 0>, #rt.buffer<output + 0>] tiles <1> parameters <> constants [] cost <0, 0>
}

// -----

rt.program @weights_lie_inside attributes {
    symbols = {n = array<i64: 1, 9>}, inputs = [{name = "x", shape = #nn.dims<4>, type = tensor<4xf32>}], outputs = [{name = "y", shape = #nn.dims<4>, type = tensor<4xf32>}],
    slot_bytes = 128 : ui64, peak_bytes = 128 : ui64, weight_bytes = 64 : ui64} {
  // expected-error @below {{expected weights inside the program's 64 bytes, but they end at 80}}
  rt.weight at 64 (dense<1.0> : tensor<4xf32>) as tensor<4xf32>
}

// -----

rt.program @a_weight_is_a_tensor attributes {
    symbols = {n = array<i64: 1, 9>}, inputs = [{name = "x", shape = #nn.dims<4>, type = tensor<4xf32>}], outputs = [{name = "y", shape = #nn.dims<4>, type = tensor<4xf32>}],
    slot_bytes = 128 : ui64, peak_bytes = 128 : ui64, weight_bytes = 64 : ui64} {
  // expected-error @below {{expected a tensor of static shape, but got 'f32'}}
  rt.weight at 0 (1.0 : f32) as f32
}

// -----

rt.program @one_trip_count attributes {
    symbols = {n = array<i64: 1, 9>}, inputs = [{name = "x", shape = #nn.dims<4>, type = tensor<4xf32>}], outputs = [{name = "y", shape = #nn.dims<4>, type = tensor<4xf32>}],
    slot_bytes = 128 : ui64, peak_bytes = 128 : ui64, weight_bytes = 64 : ui64} {
  // expected-error @below {{expected one trip count, but got #nn.dims<1, 2>}}
  rt.loop "t0" trip <1, 2> {
  }
}

// -----

rt.program @one_side_each attributes {
    symbols = {n = array<i64: 1, 9>}, inputs = [{name = "x", shape = #nn.dims<4>, type = tensor<4xf32>}], outputs = [{name = "y", shape = #nn.dims<4>, type = tensor<4xf32>}],
    slot_bytes = 128 : ui64, peak_bytes = 128 : ui64, weight_bytes = 64 : ui64} {
  // expected-error @below {{expected one right side, but got #nn.dims<>}}
  rt.check <1>, <> else 5
}

// -----

// expected-error @below {{expected one group of kern in its body}}
rt.kernel @a_kernel_is_a_group {
  %c = pack.constant(dense<1.0> : tensor<f32>) : tensor<f32>
}

// -----

rt.program @a_size_has_a_symbol_of_its_own attributes {
    symbols = {n = array<i64: 1, 9>}, inputs = [{name = "x", shape = #nn.dims<4>, type = tensor<4xf32>}], outputs = [{name = "y", shape = #nn.dims<4>, type = tensor<4xf32>}],
    slot_bytes = 128 : ui64, peak_bytes = 128 : ui64, weight_bytes = 64 : ui64} {
  // expected-error @below {{expected a symbol of its own, but 'n' is declared already}}
  rt.size "n" at <arena + 0> in 0 to 4 else 9
}

// -----

rt.program @a_size_is_found_before_it_is_used attributes {
    symbols = {n = array<i64: 1, 9>}, inputs = [{name = "x", shape = #nn.dims<4>, type = tensor<4xf32>}], outputs = [{name = "y", shape = #nn.dims<4>, type = tensor<4xf32>}],
    slot_bytes = 128 : ui64, peak_bytes = 128 : ui64, weight_bytes = 64 : ui64} {
  // expected-error @below {{expected sizes over the program's symbols and its loops', but got 'm'}}
  rt.check <"m">, <"n"> else 6
  rt.size "m" at <arena + 0> in 0 to 4 else 9
}

// -----

rt.program @a_size_of_a_loop_stays_inside attributes {
    symbols = {n = array<i64: 1, 9>}, inputs = [{name = "x", shape = #nn.dims<4>, type = tensor<4xf32>}], outputs = [{name = "y", shape = #nn.dims<4>, type = tensor<4xf32>}],
    slot_bytes = 128 : ui64, peak_bytes = 128 : ui64, weight_bytes = 64 : ui64} {
  rt.loop "t" trip <3> {
    rt.size "m" at <arena + 0> in 0 to 4 else 9
    rt.check <"m">, <"t"> else 6
  }
  // expected-error @below {{expected sizes over the program's symbols and its loops', but got 'm'}}
  rt.check <"m">, <"n"> else 6
}

// -----

rt.program @the_bounds_of_a_size_are_ordered attributes {
    symbols = {n = array<i64: 1, 9>}, inputs = [{name = "x", shape = #nn.dims<4>, type = tensor<4xf32>}], outputs = [{name = "y", shape = #nn.dims<4>, type = tensor<4xf32>}],
    slot_bytes = 128 : ui64, peak_bytes = 128 : ui64, weight_bytes = 64 : ui64} {
  // expected-error @below {{expected bounds in order, but got 4 to 0}}
  rt.size "m" at <arena + 0> in 4 to 0 else 9
}
