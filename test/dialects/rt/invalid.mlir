// RUN: tenon-opt %s -split-input-file -verify-diagnostics

// expected-error @below {{'rt.step' op requires attribute 'flops'}}
rt.step @map_f32_1 [#rt.buffer<input + 0>] tiles #nn.dims<4> parameters #nn.dims<> constants []

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
}
// expected-error @below {{redefinition of symbol named 'map_f32_1'}}
rt.kernel @map_f32_1 {
}
