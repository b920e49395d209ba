"""The Python package: what a compile and a run give, take and refuse.

run with PYTHONPATH=build/python; the models are built here.
"""
import array
import gc
import os
import pickle
import subprocess
import tempfile
import threading
import time
import unittest

import numpy as np
from onnx import TensorProto, helper, numpy_helper

import tenon

F32, I64 = TensorProto.FLOAT, TensorProto.INT64


def value(name, type_, shape):
    return helper.make_tensor_value_info(name, type_, shape)


def model(nodes, inputs, outputs, initializers=(), opset=20):
    graph = helper.make_graph(nodes, "g", inputs, outputs, [
        numpy_helper.from_array(array, name) for name, array in initializers])
    return helper.make_model(
        graph, ir_version=10,
        opset_imports=[helper.make_opsetid("", opset)]).SerializeToString()


def scale_model(type_=F32, shape=("N", 4)):
    """y = x * x"""
    return model([helper.make_node("Mul", ["x", "x"], ["y"], "square")],
                 [value("x", type_, shape)], [value("y", type_, shape)])


def add_model():
    return model([helper.make_node("Add", ["a", "b"], ["y"])],
                 [value("a", F32, ["N"]), value("b", F32, ["N"])],
                 [value("y", F32, ["N"])])


class Compile(unittest.TestCase):
    def test_bytes_path_and_proto_give_the_same(self):
        data = scale_model()
        x = np.arange(8, dtype=np.float32).reshape(2, 4)
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "net.onnx")
            with open(path, "wb") as file:
                file.write(data)
            import pathlib
            import onnx
            for source in (data, bytearray(data), path, pathlib.Path(path),
                           onnx.load(path)):
                compiled = tenon.compile(source, dims={"N": 2})
                np.testing.assert_array_equal(compiled.run({"x": x})["y"],
                                              x * x)

    def test_the_interface_has_names_types_and_symbols(self):
        compiled = tenon.compile(scale_model(), dims={"N": (1, 8)})
        (x,), (y,) = compiled.inputs, compiled.outputs
        self.assertEqual((x.name, x.dtype, x.shape, x.type),
                         ("x", np.dtype(np.float32), ("N", 4), "f32"))
        self.assertEqual(str(y), "f32[N, 4]")
        self.assertEqual(compiled.symbols, {"N": (1, 8)})
        self.assertIn("x: f32[N, 4]", repr(compiled))

    def test_sizes_in_every_spelling(self):
        for size in (3, np.int64(3), "3"):
            compiled = tenon.compile(scale_model(), {"N": size})
            self.assertEqual(compiled.inputs[0].shape, (3, 4))
        for size in ((1, 5), [1, 5], "1..5"):
            compiled = tenon.compile(scale_model(), {"N": size})
            self.assertEqual(compiled.symbols, {"N": (1, 5)})
        for shape in ([3, 4], "3x4", (3, "4")):
            compiled = tenon.compile(scale_model(), shapes={"x": shape})
            self.assertEqual(compiled.inputs[0].shape, (3, 4))
        compiled = tenon.compile(scale_model(), {"rows": "1..5"},
                                 {"x": ["rows", 4]})
        self.assertEqual(compiled.symbols, {"rows": (1, 5)})

    def test_what_is_no_size_is_refused(self):
        for size, error in ((1.5, TypeError), (True, TypeError),
                            (None, TypeError), ("many", ValueError),
                            ("5..1", ValueError), (-1, ValueError),
                            ((1, 2, 3), TypeError)):
            with self.assertRaisesRegex(error, "dims\\['N'\\]"):
                tenon.compile(scale_model(), {"N": size})
        with self.assertRaises(TypeError):
            tenon.compile(42)
        for threads in (0, 5000):
            with self.assertRaises(ValueError):
                tenon.compile(scale_model(), threads=threads)

    def test_a_size_that_is_not_given_is_1_and_a_note(self):
        compiled = tenon.compile(scale_model())
        self.assertEqual(compiled.inputs[0].shape, (1, 4))
        self.assertTrue(any(message.kind == "note" and "'N'" in message.text
                            for message in compiled.diagnostics))

    def test_a_bound_input_is_none(self):
        compiled = tenon.compile(add_model(), {"N": 3},
                                 values={"b": [1.0, 2.5, -3.0]})
        self.assertEqual([info.name for info in compiled.inputs], ["a"])
        y = compiled.run({"a": np.ones(3, np.float32)})["y"]
        np.testing.assert_array_equal(y, np.float32([2, 3.5, -2]))

    def test_a_refused_model_says_where_and_why(self):
        bad = model([helper.make_node("Sqrt", ["x"], ["h"], "fine"),
                     helper.make_node("Nonsense", ["h"], ["y"], "culprit",
                                      domain="my.domain")],
                    [value("x", F32, [2])], [value("y", F32, [2])])
        with self.assertRaises(tenon.CompileError) as caught:
            tenon.compile(bad)
        self.assertFalse(caught.exception.internal)
        self.assertIn("Nonsense", str(caught.exception))
        self.assertTrue(any(message.kind == "error"
                            for message in caught.exception.diagnostics))
        again = pickle.loads(pickle.dumps(caught.exception))
        self.assertEqual(again.diagnostics, caught.exception.diagnostics)

    def test_other_refusals(self):
        for source, options, words in (
                (b"not a model", {}, ""),
                ("/no/such/file.onnx", {}, "file.onnx"),
                (scale_model(), {"dims": {"M": 2}}, "M"),
                (scale_model(), {"shapes": {"z": [1, 4]}}, "'z'"),
                (scale_model(), {"shapes": {"x": [1, 5]}}, ""),
                (scale_model(), {"target": "pdp11"}, "pdp11"),
                (scale_model(), {"cpu": "z80"}, "z80")):
            with self.subTest(options=options, words=words):
                with self.assertRaises(tenon.CompileError) as caught:
                    tenon.compile(source, **options)
                self.assertIn(words, str(caught.exception))

    def test_a_model_for_another_machine_is_saved_and_not_run(self):
        compiled = tenon.compile(scale_model(), {"N": 2},
                                 target="aarch64-linux-gnu", prefix="square")
        with self.assertRaisesRegex(tenon.RunError, "aarch64"):
            compiled.run({"x": np.zeros((2, 4), np.float32)})
        with tempfile.TemporaryDirectory() as folder:
            files = compiled.save(folder, ["lib", "header"])
            self.assertEqual([os.path.basename(file) for file in files],
                             ["libsquare.a", "square.h"])
            self.assertTrue(all(map(os.path.getsize, files)))

    def test_a_saved_model_is_what_tenonc_writes(self):
        tenonc = os.path.join(os.environ.get("TENON_BUILD", "build"),
                              "bin", "tenonc")
        if not os.path.exists(tenonc):
            self.skipTest("no tenonc; set TENON_BUILD")
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "net.onnx")
            with open(path, "wb") as file:
                file.write(scale_model())
            kinds = ["so", "lib", "header", "manifest"]
            files = tenon.compile(path, {"N": 2}).save(
                os.path.join(folder, "python"), kinds)
            subprocess.run([tenonc, "compile", path, "--dim", "N=2", "-o",
                            os.path.join(folder, "tool"),
                            "--emit=" + ",".join(kinds)],
                           check=True, stderr=subprocess.PIPE)
            for file in files:
                with open(file, "rb") as ours, open(file.replace(
                        "python", "tool"), "rb") as theirs:
                    self.assertEqual(ours.read(), theirs.read(), file)

    def test_save_names_what_it_cannot_write(self):
        compiled = tenon.compile(scale_model(), {"N": 2})
        with self.assertRaisesRegex(ValueError, "pdf"):
            compiled.save("anywhere", ["pdf"])
        with tempfile.NamedTemporaryFile() as file:
            with self.assertRaises(tenon.CompileError):
                compiled.save(os.path.join(file.name, "folder"))


def product_model(k=64, n=48):
    """y = x w, and w"""
    w = np.random.default_rng(0).standard_normal((k, n)).astype(np.float32)
    return model([helper.make_node("MatMul", ["x", "w"], ["y"], "product")],
                 [value("x", F32, [2, k])], [value("y", F32, [2, n])],
                 [("w", w)]), w


class WeightsFormat(unittest.TestCase):
    # Bits per weight of 64 x 48, and the least signal to noise ratio in dB.
    FORMATS = {"f16": ("f16", 16, 70), "int8": ("int8", 8.5, 38),
               "int4": ("int4 g32", 4.5, 20), "2:4": ("2:4", 18, 8),
               "2:4-int8": ("2:4 int8", 6.5, 8)}

    def test_each_format_is_near_the_product_and_says_its_error(self):
        data, w = product_model()
        x = np.random.default_rng(1).standard_normal((2, 64)).astype(
            np.float32)
        exact = x.astype(float) @ w
        for name, (format_, bits, least) in self.FORMATS.items():
            with self.subTest(name):
                compiled = tenon.compile(data, weights_format=name)
                [weight] = compiled.weights
                self.assertEqual((weight.name, weight.shape, weight.format),
                                 ("w", (64, 48), format_))
                self.assertAlmostEqual(weight.bits_per_weight, bits)
                self.assertEqual(weight.bytes, 64 * 48 * bits / 8)
                self.assertGreater(weight.snr_db, least)
                self.assertEqual(weight.kept_because, "")
                y = compiled.run({"x": x})["y"]
                noise = np.square(y - exact).sum()
                # Each output sums the noise of its weights.
                snr = 10 * np.log10(np.square(exact).sum() / noise)
                self.assertGreater(snr, weight.snr_db - 3)
                self.assertGreater(noise, 0)

    def test_pruning_dense_weights_warns(self):
        compiled = tenon.compile(product_model()[0], weights_format="2:4")
        self.assertIn("warning", [d.kind for d in compiled.diagnostics])

    def test_what_stays_float_says_why(self):
        [weight] = tenon.compile(product_model()[0]).weights
        self.assertEqual((weight.format, weight.snr_db), ("f32", None))
        self.assertNotEqual(weight.kept_because, "")

    def test_an_unknown_format_is_refused(self):
        with self.assertRaisesRegex(ValueError, "int4.*found 'int3'"):
            tenon.compile(product_model()[0], weights_format="int3")

    def test_activations_are_quantized_on_demand(self):
        data, w = product_model()
        x = np.random.default_rng(1).standard_normal((2, 64)).astype(
            np.float32)
        y = [tenon.compile(data, weights_format="int8", act=act).run(
            {"x": x})["y"] for act in (None, "int8")]
        self.assertTrue((y[0] != y[1]).any())
        self.assertLess(np.abs(y[1] - x.astype(float) @ w).max(),
                        0.05 * np.abs(y[0]).max())
        with self.assertRaisesRegex(ValueError, "act: expected int8.*'int4'"):
            tenon.compile(data, act="int4")

    def test_weights_lie_beside_the_artifact_on_demand(self):
        with tempfile.TemporaryDirectory() as folder:
            tenon.compile(product_model()[0], prefix="net",
                          weights="file").save(folder, ["so"])
            self.assertEqual(sorted(os.listdir(folder)),
                             ["net.so", "net.weights"])
        with self.assertRaisesRegex(ValueError, "weights: expected embed"):
            tenon.compile(product_model()[0], weights="inline")


class Run(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.square = tenon.compile(scale_model(), {"N": (1, 8)})
        cls.add = tenon.compile(add_model(), {"N": (1, 8)})

    def refused(self, compiled, inputs, *words):
        with self.assertRaises(tenon.RunError) as caught:
            compiled.run(inputs)
        for word in words:
            self.assertIn(word, str(caught.exception))

    def test_any_size_within_the_bounds(self):
        for n in (1, 3, 8):
            x = np.random.default_rng(n).standard_normal((n, 4), np.float32)
            y = self.square.run({"x": x})["y"]
            self.assertEqual(y.dtype, np.float32)
            np.testing.assert_array_equal(y, x * x)

    def test_results_stay_when_the_model_runs_again(self):
        first = self.square.run({"x": np.full((2, 4), 3, np.float32)})["y"]
        self.square.run({"x": np.full((2, 4), 5, np.float32)})
        np.testing.assert_array_equal(first, np.full((2, 4), 9))
        first[0, 0] = 1  # belongs to the caller

    def test_results_outlive_the_model(self):
        compiled = tenon.compile(scale_model(), {"N": 2})
        y = compiled.run({"x": np.full((2, 4), 3, np.float32)})["y"]
        del compiled
        gc.collect()
        np.testing.assert_array_equal(y, np.full((2, 4), 9))

    def test_arrays_that_are_not_dense_are_copied(self):
        x = np.arange(32, dtype=np.float32).reshape(4, 8)
        for view in (x[:, ::2], x.T[:, :], np.asfortranarray(x[:, :4]),
                     x[::-1, :4], np.broadcast_to(np.float32(3), (2, 4))):
            np.testing.assert_array_equal(
                self.square.run({"x": view})["y"], view * view)
        raw = np.zeros(33, np.uint8)[1:].view(np.float32).reshape(2, 4)
        self.assertFalse(raw.flags.aligned)
        np.testing.assert_array_equal(self.square.run({"x": raw})["y"],
                                      np.zeros((2, 4)))

    def test_read_only_and_other_buffers(self):
        x = np.ones((1, 4), np.float32)
        x.flags.writeable = False
        self.square.run({"x": x})
        numbers = array.array("f", [1, 2, 3])
        y = self.add.run({"a": numbers, "b": memoryview(numbers)})["y"]
        np.testing.assert_array_equal(y, np.float32([2, 4, 6]))
        y = self.add.run({"a": [1, 2.5], "b": (1, 1)})["y"]
        np.testing.assert_array_equal(y, np.float32([2, 3.5]))

    def test_dense_inputs_are_read_where_they_are(self):
        from tenon import _fit, _Sizes
        x = np.ones((2, 4), np.float32)
        fitted = _fit(self.square.inputs[0], x, _Sizes(self.square.symbols))
        self.assertTrue(np.shares_memory(x, fitted))

    def test_what_does_not_fit_is_named(self):
        x = np.zeros((2, 4), np.float32)
        self.refused(self.square, {}, "input 'x' is not given", "f32[N, 4]")
        self.refused(self.square, {"x": x, "z": x}, "'z'", "has: x")
        self.refused(self.add, {"a": x[0], "bb": x[0]}, "did you mean 'b'")
        self.refused(self.square, {"x": x.astype(np.float64)}, "input 'x'",
                     "expected f32[N, 4]", "found float64[2, 4]", "astype")
        self.refused(self.square, {"x": x.astype(">f4")}, "big-endian")
        self.refused(self.square, {"x": x[0]}, "found float32[4]", "reshape")
        self.refused(self.square, {"x": x[:, :3]}, "found float32[2, 3]")
        self.refused(self.square, {"x": [["a"]]}, "input 'x'")
        self.refused(self.square, {"x": object()}, "input 'x'")
        self.refused(self.square, {"x": np.zeros((9, 4), np.float32)},
                     "dimension 0 of input 'x'", "'N' 9", "1..8")
        self.refused(self.square, {"x": np.zeros((0, 4), np.float32)}, "1..8")
        self.refused(self.add, {"a": x[0], "b": x[0, :3]},
                     "'N' is 4 by dimension 0 of input 'a' but 3 by "
                     "dimension 0 of input 'b'")

    def test_a_list_changes_no_value_silently(self):
        whole = tenon.compile(scale_model(I64, [2]))
        self.refused(whole, {"x": [1.5, 2]}, "found float64[2]")
        np.testing.assert_array_equal(whole.run({"x": [3, -4]})["y"], [9, 16])
        small = tenon.compile(scale_model(TensorProto.INT32, [1]))
        self.refused(small, {"x": [1 << 40]}, "input 'x'")

    def test_a_status_of_the_run_is_an_error(self):
        gather = tenon.compile(model(
            [helper.make_node("Gather", ["table", "i"], ["y"], "lookup")],
            [value("i", I64, [2])], [value("y", F32, [2])],
            [("table", np.float32([10, 20, 30]))]))
        y = gather.run({"i": np.int64([2, 0])})["y"]
        np.testing.assert_array_equal(y, np.float32([30, 10]))
        self.refused(gather, {"i": np.int64([0, 99])}, "index")
        gather.run({"i": np.int64([1, 1])})  # still works

    def test_threads_give_the_same_bits(self):
        rng = np.random.default_rng(0)
        weights = rng.standard_normal((96, 80)).astype(np.float32)
        data = model([helper.make_node("MatMul", ["x", "w"], ["y"])],
                     [value("x", F32, [70, 96])], [value("y", F32, [70, 80])],
                     [("w", weights)])
        x = rng.standard_normal((70, 96)).astype(np.float32)
        results = [tenon.compile(data, threads=n).run({"x": x})["y"]
                   for n in (1, 2, 3)]
        np.testing.assert_allclose(results[0], x @ weights, rtol=1e-4,
                                   atol=1e-4)
        for other in results[1:]:
            self.assertEqual(results[0].tobytes(), other.tobytes())

    def test_python_threads_share_a_model(self):
        failures = []

        def work(seed):
            x = np.full((4, 4), seed, np.float32)
            for _ in range(50):
                if not (self.square.run({"x": x})["y"] == x * x).all():
                    failures.append(seed)

        threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])

    def test_other_python_threads_go_on_during_a_run(self):
        n = 768
        chain = [helper.make_node("MatMul", ["x", "w"], ["h0"])]
        chain += [helper.make_node("MatMul", [f"h{i}", "w"], [f"h{i + 1}"])
                  for i in range(5)]
        slow = tenon.compile(model(
            chain, [value("x", F32, [n, n])], [value("h5", F32, [n, n])],
            [("w", np.eye(n, dtype=np.float32))]))
        x = np.ones((n, n), np.float32)
        ticks, running = [], True

        def tick():
            while running:
                ticks.append(time.monotonic())
                time.sleep(0.001)

        thread = threading.Thread(target=tick)
        thread.start()
        begin = time.monotonic()
        while not ticks:
            time.sleep(0.001)
        for _ in range(3):
            slow.run({"x": x})
        end = time.monotonic()
        running = False
        thread.join()
        self.assertGreater(sum(begin < t < end for t in ticks), 3)


class Types(unittest.TestCase):
    def copy(self, type_, shape=(2, 3)):
        return tenon.compile(model(
            [helper.make_node("Concat", ["x", "x"], ["y"], axis=0)],
            [value("x", type_, shape)],
            [value("y", type_, (2 * shape[0], *shape[1:]))]))

    def test_every_type_that_numpy_has(self):
        for type_ in (TensorProto.FLOAT, TensorProto.DOUBLE,
                      TensorProto.FLOAT16, TensorProto.INT8,
                      TensorProto.INT16, TensorProto.INT32, TensorProto.INT64,
                      TensorProto.UINT8, TensorProto.UINT16,
                      TensorProto.UINT32, TensorProto.UINT64,
                      TensorProto.BOOL):
            dtype = helper.tensor_dtype_to_np_dtype(type_)
            with self.subTest(dtype=dtype):
                compiled = self.copy(type_)
                self.assertEqual(compiled.inputs[0].dtype, dtype)
                x = np.array([[0, 1, 1], [1, 0, 1]], dtype)
                y = compiled.run({"x": x})["y"]
                self.assertEqual(y.dtype, dtype)
                np.testing.assert_array_equal(y, np.concatenate([x, x]))

    def test_sizes_that_the_data_decide(self):
        model = helper.make_graph(
            [helper.make_node("NonZero", ["x"], ["y"], name="find")], "find",
            [helper.make_tensor_value_info("x", F32, [3, 4])],
            [helper.make_tensor_value_info("y", TensorProto.INT64, [2, "N"])])
        model = helper.make_model(
            model, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
        compiled = tenon.compile(model, bounds={"find": 5})
        x = np.zeros((3, 4), np.float32)
        for count in (0, 3, 5):
            x.flat[:count] = 1
            y = compiled.run({"x": x})["y"]
            np.testing.assert_array_equal(y, np.stack(np.nonzero(x)))
        x.flat[:6] = 1
        with self.assertRaisesRegex(tenon.RunError, "find"):
            compiled.run({"x": x})
        with self.assertRaisesRegex(tenon.CompileError, "other"):
            tenon.compile(model, bounds={"other": 5})

    def test_bfloat16_is_its_bits(self):
        compiled = self.copy(TensorProto.BFLOAT16)
        self.assertEqual(compiled.inputs[0].type, "bf16")
        self.assertEqual(compiled.inputs[0].dtype, np.uint16)
        bits = np.uint16([[0x3F80, 0x4000, 0xBF80]] * 2)
        y = compiled.run({"x": bits})["y"]
        np.testing.assert_array_equal(y, np.concatenate([bits, bits]))
        import ml_dtypes
        y = compiled.run({"x": bits.view(ml_dtypes.bfloat16)})["y"]
        np.testing.assert_array_equal(y, np.concatenate([bits, bits]))

    def test_a_scalar_has_no_dimensions(self):
        compiled = tenon.compile(scale_model(F32, []))
        y = compiled.run({"x": np.float32(3)})["y"]
        self.assertEqual((y.shape, y.dtype, float(y)), ((), np.float32, 9.0))
        self.assertEqual(float(compiled.run({"x": 3})["y"]), 9.0)


if __name__ == "__main__":
    unittest.main()
