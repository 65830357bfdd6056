#!/usr/bin/env python3
"""Tests of tidy.py: each rule on the smallest tree that breaks it, and on one that does not."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import tidy  # noqa: E402  (beside this file, wherever the test is started from)


class TreeTest(unittest.TestCase):
    def violations(self, files, built=True):
        """What tidy says about a tree of {path: text}; .cc files are named in a build file."""
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            if built:
                names = [p.removeprefix("src/") for p in files if p.endswith(".cc")]
                files = {"src/CMakeLists.txt": "\n".join(names), **files}
            for path, text in files.items():
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                (root / path).write_text(text)
            return tidy.Tidy(root).run()

    def assert_one(self, files, start, rule):
        found = self.violations(files)
        self.assertEqual(len(found), 1, found)
        self.assertTrue(found[0].startswith(f"{start}: {rule}: "), found[0])

    def assert_clean(self, files):
        self.assertEqual(self.violations(files), [])


class Arrows(TreeTest):
    def test_lower_folder_may_not_include_higher_one(self):
        self.assert_one({"src/ring/a.h": '#pragma once\n#include "keeper/b.h"\n'},
                        "src/ring/a.h:2", "arrow")

    def test_arrow_includes_what_it_reaches(self):
        self.assert_clean({"src/runtime/a.h": '#include "ring/b.h"\n#include "net/c.h"\n'})

    def test_nobody_includes_the_wiring(self):
        self.assert_one({"src/api/a.h": '#include "cli/b.h"\n'}, "src/api/a.h:1", "arrow")
        self.assert_one({"bench/a.cc": '#include "cli/b.h"\n'}, "bench/a.cc:1", "arrow")

    def test_wiring_and_benches_include_anything_else(self):
        self.assert_clean({"src/cli/a.h": '#include "sim/b.h"\n', "bench/a.cc": '#include "sim/b.h"\n'})

    def test_node_sees_the_face_of_the_store_alone(self):
        self.assert_clean({"src/node/a.h": '#include "store/store.h"\n'})
        self.assert_one({"src/node/a.h": '#include "store/sqlite/x.h"\n'}, "src/node/a.h:1", "arrow")

    def test_rest_sees_the_face_of_the_host_alone(self):
        self.assert_clean({"src/api/a.h": '#include "runtime/host.h"\n'})
        self.assert_one({"src/api/a.h": '#include "runtime/x.h"\n'}, "src/api/a.h:1", "arrow")

    def test_include_names_its_folder(self):
        self.assert_one({"src/base/a.h": '#include "b.h"\n'}, "src/base/a.h:1", "include")

    def test_unknown_folder_is_refused(self):
        self.assert_one({"src/utils/a.h": "\n"}, "src/utils/a.h:1", "folder")

    def drawn(self, ring="base"):
        """A tree whose ARCHITECTURE.md draws every folder, and src/ring with this arrow."""
        lines = []
        for folder in [*tidy.ARROWS, tidy.WIRING]:
            arrow = ", ".join(tidy.ARROWS.get(folder, ["anything"])) or "nothing"
            extra = "".join(f" (and {h})" for h in tidy.EXTRA_HEADERS.get(folder, ()))
            lines.append(f"src/{folder}/  words -> {ring if folder == 'ring' else arrow + extra}\n")
        readmes = {f"src/{folder}/README.md": "" for folder in [*tidy.ARROWS, tidy.WIRING]}
        return {"ARCHITECTURE.md": "".join(lines), **readmes}

    def test_drawn_arrows_are_those_of_the_table(self):
        self.assert_clean(self.drawn())
        line = 1 + [*tidy.ARROWS].index("ring")
        self.assert_one(self.drawn(ring="base, packet"), f"ARCHITECTURE.md:{line}", "drawn-arrow")

    def test_every_folder_is_drawn_and_none_else(self):
        files = self.drawn()
        text = files["ARCHITECTURE.md"]
        files["ARCHITECTURE.md"] = text[text.index("\n") + 1:]
        self.assert_one(files, "ARCHITECTURE.md:1", "drawn-arrow")
        files["ARCHITECTURE.md"] = text + "src/gossip/  words -> base\n"
        self.assert_one(files, f"ARCHITECTURE.md:{text.count(chr(10)) + 1}", "drawn-arrow")

    def test_every_folder_explains_itself(self):
        files = self.drawn()
        del files["src/net/README.md"]
        self.assert_one(files, "src/net:1", "readme")


class Types(TreeTest):
    def test_no_two_types_have_one_name(self):
        session = "namespace phoenix {\nclass Session final : public Base {\n  int a;\n};\n}\n"
        self.assert_one({"src/base/a.h": session, "src/net/b.h": session}, "src/net/b.h:2", "same-name")

    def test_a_namespace_of_its_own_keeps_them_apart(self):
        for inner in ("namespace phoenix::worker {", "namespace phoenix { inline namespace http {",
                      "namespace {", "namespace phoenix { struct Outer {"):
            self.assert_clean({"src/base/a.h": "namespace phoenix { struct Call { int a; }; }\n",
                               "src/net/b.cc": f"{inner} struct Call {{ int b; }};\n"})

    def test_naming_a_type_is_not_defining_it(self):
        self.assert_clean({"src/base/a.h": "namespace a { class B; struct C { struct D; }; }\n",
                           "src/base/a.cc": "namespace a { struct C::D { int d; }; }\n",
                           "src/net/b.h": "namespace a { class B; }\n"})


class Purity(TreeTest):
    def test_pure_folder_has_no_clock_thread_or_file(self):
        for header in ("chrono", "thread", "atomic", "fstream", "sys/stat.h", "netinet/in.h"):
            self.assert_one({"src/keeper/a.h": f"#include <{header}>\n"},
                            "src/keeper/a.h:1", "pure-include")
            self.assert_clean({"src/runtime/a.h": f"#include <{header}>\n"})

    def test_banned_calls(self):
        for call, rule in (("auto t = Clock::now();", "clock"), ("int r = rand();", "randomness"),
                           ("std::random_device d;", "randomness"), ("usleep(3);", "sleep"),
                           ("using namespace std;", "using-namespace")):
            self.assert_one({"src/base/a.h": call + "\n"}, "src/base/a.h:1", rule)

    def test_words_in_comments_and_strings_do_not_count(self):
        self.assert_clean({"src/ring/a.h": '// no double, no sleep()\nauto a = "float rand()";\n'
                           "/* std::random_device\n double */\n"})

    def test_names_that_merely_contain_a_banned_word(self):
        self.assert_clean({"src/base/a.h": "int operand(int a); int asleep();\n"})

    def test_placement_decides_in_integers(self):
        self.assert_one({"src/ring/a.h": "double score;\n"}, "src/ring/a.h:1", "float")
        self.assert_clean({"src/directory/a.h": "double score;\n", "src/ring/a_test.cc": "double x;\n"})

    def test_loop_over_unordered_container_needs_a_reason(self):
        declared = "std::unordered_map<int, std::string> all_;\n"
        loop = "for (auto& [id, name] : all_) f(id);\n"
        self.assert_one({"src/base/a.h": declared, "src/base/a.cc": loop},
                        "src/base/a.cc:1", "unordered-loop")
        self.assert_clean({"src/base/a.h": declared,
                           "src/base/a.cc": "// order-free: only sums up\n" + loop})


class Sizes(TreeTest):
    BODY = "  f();\n" * 70

    def test_long_file(self):
        self.assert_one({"src/base/a.h": "\n" * 601}, "src/base/a.h:601", "file-length")
        self.assert_clean({"src/base/a.h": "\n" * 600})

    def test_long_functions_of_every_form(self):
        for head in ("void f() {", "int A::f(int a) const noexcept {", "TEST(Suite, Case) {",
                     "A::A(int a) : a_{a}, b_(2) {", "auto f() -> std::vector<int> {"):
            self.assert_one({"src/base/a.h": f"namespace x {{\n{head}\n{self.BODY}}}\n}}\n"},
                            "src/base/a.h:2", "function-length")

    def test_method_in_its_class(self):
        self.assert_one({"src/base/a.h": f"struct A {{\n  void f() {{\n{self.BODY}}}\n}};\n"},
                        "src/base/a.h:2", "function-length")

    def test_what_is_long_but_no_function(self):
        self.assert_clean({"src/base/a.h": "const int a[] = {\n" + "  1,\n" * 80 + "};\n"
                           "struct B {\n" + "  int b;\n" * 80 + "};\n"})

    def test_function_of_seventy_lines_passes(self):
        self.assert_clean({"src/base/a.h": "void f() {\n" + "  f();\n" * 68 + "}\n"})

    def test_braces_in_literals_do_not_count(self):
        self.assert_clean({"src/base/a.h": "void f() { char a = '{'; g(\"{{\", R\"({)\"); }\n"
                           + "int x;\n" * 80})

    def test_python_functions(self):
        self.assert_one({"tools/a.py": "def f():\n" + "  g()\n" * 70}, "tools/a.py:1",
                        "function-length")

    def test_folder_of_thirteen_units(self):
        units = {f"src/base/u{i}{suffix}": "\n" for i in range(12) for suffix in (".h", ".cc", "_test.cc")}
        self.assert_clean(units)
        self.assert_clean({**units, "src/base/u1_more_test.cc": "\n", "src/base/test_help.h": "\n"})
        self.assert_one({**units, "src/base/more.h": "\n"}, "src/base:1", "folder-size")

    def test_large_blob(self):
        self.assert_one({"docs/a.png": "x" * (256 * 1024 + 1)}, "docs/a.png:1", "blob")


class Files(TreeTest):
    def test_leftover_marks(self):
        for word in ("TO" + "DO", "FIX" + "ME", "XX" + "X"):
            self.assert_one({"docs/a.md": f"one\n{word}: two\n"}, "docs/a.md:2", "leftover")
        self.assert_clean({"docs/a.md": "mktemp f." + "X" * 6 + "\n"})

    def test_source_that_nothing_builds(self):
        found = self.violations({"src/base/CMakeLists.txt": "phoenix_library(base SOURCES other_a.cc)",
                                 "src/base/a.cc": "\n"}, built=False)
        self.assertEqual([v.split(": ")[:2] for v in found], [["src/base/a.cc:1", "not-built"]])

    def test_source_named_by_a_folder_above(self):
        self.assertEqual(self.violations({"src/store/CMakeLists.txt": "memory/a.cc",
                                          "src/store/memory/a.cc": "\n"}, built=False), [])

    def test_source_named_by_a_loop(self):
        loop = "foreach(name a b)\n  phoenix_test(${name}_test SOURCES ${name}_test.cc)\nendforeach()"
        self.assertEqual(self.violations({"src/net/CMakeLists.txt": loop, "src/net/a_test.cc": "",
                                          "src/net/b_test.cc": ""}, built=False), [])

    def test_build_folder_is_not_looked_at(self):
        self.assert_clean({"build/release/a.h": "using namespace std;\n" * 700})


class Program(TreeTest):
    def test_exit_status_tells(self):
        program = pathlib.Path(tidy.__file__)
        with tempfile.TemporaryDirectory() as folder:
            run = [sys.executable, str(program), folder]
            self.assertEqual(subprocess.run(run, check=False).returncode, 0)
            pathlib.Path(folder, "a.md").write_text("FIX" + "ME\n")
            answer = subprocess.run(run, check=False, capture_output=True, text=True)
            self.assertEqual(answer.returncode, 1)
            self.assertIn("a.md:1: leftover", answer.stdout)


if __name__ == "__main__":
    unittest.main()
