#!/usr/bin/env python3
"""find_package(Tenon) as a consumer sees it: test/package/consumer is
configured, built and run against the build's folder and against an installed
tree that was moved; models are compiled again when they change and only then.

The build's folder is $TENON_BUILD, or build/ of the repository.
"""
import os
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.path.abspath(os.environ.get("TENON_BUILD", os.path.join(
    HERE, os.pardir, os.pardir, "build")))
BESIDE = os.path.join(os.path.dirname(sys.executable), "cmake")
CMAKE = BESIDE if os.path.exists(BESIDE) else shutil.which("cmake")


class Skip(Exception):
    pass


def run(*command, **options):
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True,
                          stderr=subprocess.STDOUT, **options)
    if done.returncode:
        raise AssertionError(f"{' '.join(command)}: exit code "
                             f"{done.returncode}\n{done.stdout}")
    return done.stdout


def configure(work, package, *options, variable="Tenon_DIR"):
    """A copy of the consumer in `work`, configured."""
    source = os.path.join(work, "source")
    shutil.copytree(os.path.join(HERE, "consumer"), source)
    build = os.path.join(work, "build")
    generator = ["-G", "Ninja"] if shutil.which("ninja") else []
    run(CMAKE, *generator, "-S", source, "-B", build,
        f"-D{variable}={package}", *options)
    return source, build


def expect_output(found, wanted="1 2 3 4, 4"):
    assert found.strip() == wanted, f"expected '{wanted}', found '{found}'"


def build_tree_by_dir(work):
    _, build = configure(work, f"{BUILD}/lib/cmake/Tenon")
    run(CMAKE, "--build", build)
    expect_output(run(f"{build}/consumer"))


def build_tree_by_root(work):
    _, build = configure(work, f"{BUILD}/lib/cmake/Tenon",
                         variable="Tenon_ROOT")
    run(CMAKE, "--build", build)
    expect_output(run(f"{build}/consumer"))


def a_model_that_changed_is_compiled_again(work):
    source, build = configure(work, f"{BUILD}/lib/cmake/Tenon")
    run(CMAKE, "--build", build)
    library = f"{build}/scale.tenon/libscale.a"
    before = os.stat(library).st_mtime_ns
    run(CMAKE, "--build", build)
    assert os.stat(library).st_mtime_ns == before, "compiled without reason"
    model = f"{source}/scale.onnxtxt"
    with open(model) as file:
        text = file.read()
    time.sleep(1.1)  # Make compares whole seconds on some file systems.
    with open(model, "w") as file:
        file.write(text.replace("{1, 2, 3, 4}", "{5, 6, 7, 8}"))
    run(CMAKE, "--build", build)
    expect_output(run(f"{build}/consumer"), "5 6 7 8, 8")


def a_model_that_is_refused_fails_the_build(work):
    source, build = configure(work, f"{BUILD}/lib/cmake/Tenon")
    with open(f"{source}/scale.onnxtxt") as file:
        text = file.read()
    with open(f"{source}/scale.onnxtxt", "w") as file:
        file.write(text.replace("Mul", "Nonsense"))
    done = subprocess.run([CMAKE, "--build", build], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode, "the build went through"
    assert "Nonsense" in done.stdout, done.stdout


def mistakes_in_the_call_are_named(work):
    source = os.path.join(work, "source")
    for call, words in (("NAME a", "MODEL is missing"),
                        ("NAME a MODEL none.onnx", "no file"),
                        ("NAME a MODEL m.onnx DIMENSIONS N=1", "DIMENSIONS")):
        shutil.rmtree(source, ignore_errors=True)
        os.makedirs(source)
        open(f"{source}/m.onnx", "w").close()
        with open(f"{source}/CMakeLists.txt", "w") as file:
            file.write("cmake_minimum_required(VERSION 3.16)\n"
                       "project(Wrong LANGUAGES C)\n"
                       "find_package(Tenon REQUIRED)\n"
                       f"tenon_add_model({call})\n")
        done = subprocess.run(
            [CMAKE, "-S", source, "-B", f"{work}/build",
             f"-DTenon_DIR={BUILD}/lib/cmake/Tenon"], text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert done.returncode and words in done.stdout, done.stdout


def installed_and_moved(work):
    run(CMAKE, "--install", BUILD, "--prefix", f"{work}/first")
    os.rename(f"{work}/first", f"{work}/moved")
    tree = f"{work}/moved"
    for file in ("bin/tenonc", "bin/tenon-opt", "include/tenon/runtime.h",
                 "lib/tenon/runtime/x86_64-linux-gnu.o"):
        assert os.path.exists(f"{tree}/{file}"), f"{file} is not installed"
    with open(f"{tree}/lib/cmake/Tenon/TenonConfig.cmake") as file:
        assert os.path.realpath(BUILD) not in file.read()
    # CMake finds the package of a prefix by itself.
    _, build = configure(work, tree, variable="CMAKE_PREFIX_PATH")
    run(CMAKE, "--build", build)
    expect_output(run(f"{build}/consumer"))
    with open(f"{build}/CMakeCache.txt") as file:
        assert f"Tenon_DIR:PATH={tree}/" in file.read(), \
            "another Tenon was found"
    # The program of an artifact is linked by the moved tool as well.
    run(f"{tree}/bin/tenonc", "compile", f"{HERE}/consumer/scale.onnxtxt",
        "--dim", "N=2", "-o", f"{work}/scale")
    run(f"{work}/scale/scale", "--selftest")
    if not os.path.isdir(f"{tree}/python/tenon"):
        raise Skip("all but Python, which this build has not")
    run(sys.executable, "-c",
        "import os, tenon\n"
        "assert tenon._tenon.__file__.startswith(os.environ['PYTHONPATH'])\n"
        f"m = tenon.compile('{HERE}/consumer/scale.onnxtxt', {{'N': 1}})\n"
        "assert m.run({'x': [[1, 1, 1, 1]]})['y'].tolist() == "
        "[[1, 2, 3, 4]]\n",
        env={**os.environ, "PYTHONPATH": f"{tree}/python",
             "PYTHONDONTWRITEBYTECODE": "1"})


def cross_compiled(work):
    for tool in ("aarch64-linux-gnu-gcc", "qemu-aarch64"):
        if not shutil.which(tool):
            raise Skip(f"no {tool}")
    toolchain = os.path.join(HERE, "consumer", "aarch64.cmake")
    _, build = configure(work, f"{BUILD}/lib/cmake/Tenon",
                         f"-DCMAKE_TOOLCHAIN_FILE={toolchain}")
    output = run(CMAKE, "--build", build, "--verbose")
    assert "--target=aarch64-linux-gnu" in output, output
    assert "--mcpu=cortex-a76" in output, output
    expect_output(run("qemu-aarch64", f"{build}/consumer"))


TESTS = (build_tree_by_dir, build_tree_by_root,
         a_model_that_changed_is_compiled_again,
         a_model_that_is_refused_fails_the_build,
         mistakes_in_the_call_are_named, installed_and_moved, cross_compiled)


def main():
    counts = [0, 0, 0]
    for test in TESTS:
        name = test.__name__.replace("_", " ")
        with tempfile.TemporaryDirectory() as work:
            try:
                test(work)
                kind, why = 0, ""
            except Skip as skip:
                kind, why = 2, f": {skip}"
            except Exception as error:
                kind, why = 1, f": {type(error).__name__}: {error}"
        counts[kind] += 1
        print(f"{('passed', 'FAILED', 'skipped')[kind]} {name}{why}",
              flush=True)
    print("{} passed, {} failed, {} skipped".format(*counts))
    return 1 if counts[1] else 0


if __name__ == "__main__":
    sys.exit(main())
