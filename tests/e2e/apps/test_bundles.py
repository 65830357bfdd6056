"""`phoenix build`, and what it makes: verified, unpacked, run; here and by the original."""

import pathlib
import shutil
import subprocess
import unittest
import zipfile

from harness.cli import run
from harness.host import Folder
from harness.original import MISSING, find_original

# Nobody answers there, whatever else runs on this machine.
NOBODY = "http://127.0.0.1:1"
TEMPLATES = ["approval-flow", "basic", "curl-member", "customer-validation",
             "planner-workers-reviewer", "spot-fleet", "warm-sessions"]


class BundleTest(unittest.TestCase):
    def setUp(self):
        self.folder = Folder(self).path

    def done(self, *words, code=0, folder=None, **env):
        done = run(*words, folder=folder or self.folder, **env)
        self.assertEqual(done.code, code, done)
        return done

    def new(self, name="shop", template="basic"):
        self.done("new", name, "--template", template)
        return self.folder / name

    def build(self, app, *words):
        """The path of the bundle."""
        return app / self.done("build", "-o", "name", *words, folder=app).out.strip()


class Build(BundleTest):
    def test_says_what_it_made_as_the_original_does(self):
        app = self.new(template="customer-validation")
        self.assertEqual(self.done("build", folder=app).lines,
                         ["PhoenixFlight bundle created:", "dist/shop-0.1.0.pflight", "",
                          "Included:", "- PhoenixFile", "- 3 agents", "- 2 packets", "- 2 policies",
                          "- 1 handoff contract", "- 4 other files", "- manifest.json",
                          "- validation-report.json", "- hashes.json"])
        self.assertEqual(list(app.glob("dist/*")), [app / "dist/shop-0.1.0.pflight"])

    def test_the_same_files_make_the_same_bytes(self):
        app = self.new()
        first = self.build(app).read_bytes()
        copy = self.folder / "elsewhere"
        shutil.copytree(app, copy)
        for path in copy.rglob("*"):
            path.touch()
        self.assertEqual(self.build(copy).read_bytes(), first)
        again = self.done("build", "-f", str(copy), "--to", "x/y.pflight", "-o", "json").json
        self.assertEqual((self.folder / "x/y.pflight").read_bytes(), first)
        verified = self.done("bundle", "verify", "x/y.pflight", "-o", "json").json
        self.assertEqual((again["digest"], again["bundleId"]),
                         (verified["digest"], verified["bundleId"]))
        (copy / "src/greeter.py").write_text("print('other')\n")
        self.assertNotEqual(self.build(copy).read_bytes(), first)

    def test_a_faulty_app_makes_nothing(self):
        app = self.new()
        packet = app / "packets/shop.packet.yaml"
        packet.write_text(packet.read_text().replace("[greet]", "[sing]"))
        done = self.done("build", folder=app, code=1)
        self.assertIn("Build failed: 1 error in 1 file\npackets/shop.packet.yaml:", done.err)
        self.assertFalse((app / "dist").exists())

    def test_what_must_not_be_carried_about_is_refused(self):
        app = self.new()
        (app / "tls.pem").write_text("-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n")
        self.assertIn("tls.pem: holds a private key", self.done("build", folder=app, code=1).err)
        (app / ".phoenixignore").write_text("*.pem\n")
        with zipfile.ZipFile(self.build(app)) as bundle:
            self.assertNotIn("tls.pem", bundle.namelist())

    def test_an_app_without_a_version_has_no_name_as_a_bundle(self):
        app = self.new()
        file = app / "PhoenixFile"
        file.write_text(file.read_text().replace("  version: 0.1.0\n", ""))
        self.assertIn("metadata.version is missing", self.done("build", folder=app, code=1).err)


class Signatures(BundleTest):
    def setUp(self):
        super().setUp()
        for name in ("release", "other"):
            self.done("key", "new", name, "--dir", "keys")

    def test_a_signed_bundle_verifies_by_the_key_and_by_no_other(self):
        app = self.new()
        key = self.folder / "keys"
        bundle = str(self.build(app, "--key", str(key / "release.key")))
        done = self.done("bundle", "verify", bundle, "--keys", str(key / "release.pub"))
        self.assertIn("Signed by the key", done.out)
        self.done("bundle", "verify", bundle, "--keys", str(key / "other.pub"), code=6)
        done = self.done("run", bundle, "--keys", str(key / "other.pub"), code=6,
                         PHOENIX_URL=NOBODY)
        self.assertIn("nothing of it was used", done.err)
        done = self.done("build", "--key", str(key / "release.pub"), folder=app, code=2)
        self.assertIn("only verifies", done.err)

    def test_the_signature_of_another_build_does_not_stay(self):
        app = self.new()
        signature = pathlib.Path(str(self.build(app, "--key",
                                                str(self.folder / "keys/release.key"))) + ".sig")
        self.build(app)
        self.assertTrue(signature.exists())  # of the same bytes
        (app / "more.txt").write_text("more")
        self.build(app)
        self.assertFalse(signature.exists())


class RunBundle(BundleTest):
    def scratch(self):
        """A folder for temporary files of this test alone."""
        folder = self.folder / "tmp"
        folder.mkdir(exist_ok=True)
        return folder

    def run_bundle(self, bundle, *words, code=0):
        done = self.done("run", str(bundle), *words, "-o", "json", code=code,
                         PHOENIX_URL=NOBODY, TMPDIR=str(self.scratch()))
        self.assertEqual(list(self.scratch().iterdir()), [])
        return done

    def test_every_template_runs_from_its_bundle(self):
        for template in TEMPLATES:
            with self.subTest(template):
                bundle = self.build(self.new(template, template))
                shutil.rmtree(self.folder / template / "src")
                summary = self.run_bundle(bundle).json
                self.assertEqual({p["status"] for p in summary["packets"]}, {"COMPLETED"})
                self.assertTrue((self.folder / ".phoenixflight/logs").is_dir())
                shutil.rmtree(self.folder / ".phoenixflight")

    def test_a_changed_bundle_runs_nothing(self):
        bundle = self.build(self.new())
        changed = self.folder / "changed.pflight"
        with zipfile.ZipFile(bundle) as old, zipfile.ZipFile(changed, "w") as new:
            for name in old.namelist():
                text = old.read(name)
                new.writestr(name, text + b"# more\n" if name == "src/greeter.py" else text)
        done = self.run_bundle(changed, code=6)
        self.assertIn("src/greeter.py", done.err)
        self.assertFalse((self.folder / ".phoenixflight").exists())

    def test_keys_are_for_bundles(self):
        app = self.new()
        self.done("run", "--keys", "x", folder=app, code=2, PHOENIX_URL=NOBODY)


class WithTheOriginal(BundleTest):
    @classmethod
    def setUpClass(cls):
        cls.program = find_original()
        if cls.program is None:
            raise unittest.SkipTest(MISSING)

    def original(self, *words, folder=None):
        done = subprocess.run([self.program, *words], cwd=folder or self.folder, text=True,
                              capture_output=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 0, done)
        return done.stdout

    def test_ours_verify_and_unpack_there(self):
        for template in TEMPLATES:
            with self.subTest(template):
                bundle = str(self.build(self.new(template, template)))
                self.assertIn("passed successfully", self.original("bundle", "verify", bundle))
                self.assertIn(template, self.original("bundle", "inspect", bundle))
                there = self.folder / f"there-{template}"
                self.original("bundle", "unpack", bundle, "--to", str(there))
                self.assertEqual((there / "PhoenixFile").read_bytes(),
                                 (self.folder / template / "PhoenixFile").read_bytes())

    def test_theirs_verify_and_unpack_here(self):
        for template in ("basic", "customer-validation"):
            with self.subTest(template):
                self.original("new", template, "--template", template)
                app = self.folder / template
                self.original("build", folder=app)
                bundle, = app.glob("dist/*.pflight")
                self.assertIn("passed successfully", self.done("bundle", "verify", str(bundle)).out)
                self.done("bundle", "unpack", str(bundle), "--to", f"here-{template}")
                self.done("validate", folder=self.folder / f"here-{template}")

    def test_a_file_of_theirs_makes_a_bundle_here_that_verifies_there(self):
        self.original("new", "app", "--template", "customer-validation")
        bundle = self.build(self.folder / "app")
        self.original("bundle", "verify", str(bundle))


if __name__ == "__main__":
    unittest.main()
