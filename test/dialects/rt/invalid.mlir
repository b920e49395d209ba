// RUN: tenon-opt %s -split-input-file -verify-diagnostics

// expected-error @below {{custom op 'rt.step' expected 'flops' attribute to be present in property dictionary}}
rt.step @map_f32_1 [#rt.buffer<input + 0>] tiles #nn.dims<4> parameters #nn.dims<> constants []

// -----

// expected-error @below {{expected ::tenon::rt::Base to be one of: arena, weights, input, output}}
// expected-error @below {{failed to parse Rt_BufferAttr parameter 'base'}}
"test.place"() {place = #rt.buffer<stack + 0>} : () -> ()

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

// -----

func.func @a_kernel_sees_nothing_outside(%x: tensor<4xf32>) {
  // expected-note @below {{required by region isolation constraints}}
  rt.kernel @map_f32_1 {
    // expected-error @below {{using value defined outside the region}}
    %y = kern.view %x as <2, 2> : tensor<4xf32> to tensor<2x2xf32>
  }
  return
}
