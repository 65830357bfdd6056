"""What the published original makes is judged here as there.

Where it is not to be had this test is skipped.
"""

import shutil
import subprocess
import unittest

from harness.cli import run
from harness.host import Folder
from harness.original import MISSING, find_original

# Their `new` fails there too: the catalog names them and the package has no files of them.
EMPTY = "quantum-"


class Original(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.program = find_original()
        if cls.program is None:
            raise unittest.SkipTest(MISSING)
        cls.folder = Folder(cls).path
        cls.apps = {}
        for line in cls.original("hub", "list").stdout.splitlines()[2:]:
            template = line.split()[0]
            if template.startswith(EMPTY):
                continue
            made = cls.original("new", f"app-{template}", "--template", template)
            if made.returncode != 0:
                raise AssertionError(made.stderr)
            cls.apps[template] = cls.folder / f"app-{template}"

    @classmethod
    def original(cls, *words, folder=None):
        return subprocess.run([cls.program, *words], cwd=folder or cls.folder, text=True,
                              capture_output=True, timeout=60, check=False)

    def compare(self, app):
        theirs = self.original("validate", folder=app)
        ours = run("validate", folder=app)
        self.assertIn(ours.code, (0, 1), ours)
        self.assertEqual(ours.code, theirs.returncode,
                         f"{app}\n{theirs.stdout}{theirs.stderr}\n{ours}")
        return ours

    def test_every_template_has_the_same_verdict(self):
        self.assertGreaterEqual(len(self.apps), 7)
        for template, app in self.apps.items():
            with self.subTest(template):
                self.compare(app)

    def test_what_is_valid_there_runs_here_once_an_agent_has_a_command(self):
        app = self.apps["customer-validation"]
        copy = Folder(self).path / "app"
        shutil.copytree(app, copy)
        with open(copy / "agents" / "governance-agent.yaml", "a", encoding="utf-8") as agent:
            agent.write("  exec: {command: [cat]}\n")
        done = run("run", "-o", "json", folder=copy, PHOENIX_URL="http://127.0.0.1:1")
        self.assertEqual(done.code, 0, done)
        self.assertEqual([p["status"] for p in done.json["packets"]], ["COMPLETED"])

    def test_a_line_less_has_the_same_verdict(self):
        app = Folder(self).path / "app"
        shutil.copytree(self.apps["customer-validation"], app)
        file = app / "PhoenixFile"
        lines = file.read_text().splitlines(keepends=True)
        for number, line in enumerate(lines):
            if not line.strip():
                continue
            with self.subTest(line=line.strip()):
                file.write_text("".join(lines[:number] + lines[number + 1:]))
                self.compare(app)

    def test_a_section_less_has_the_same_verdict(self):
        app = Folder(self).path / "app"
        shutil.copytree(self.apps["basic"], app)
        file = app / "PhoenixFile"
        sections = file.read_text().split("\n\n")
        self.assertGreaterEqual(len(sections), 6)
        for number in range(len(sections)):
            with self.subTest(sections[number].split(":")[0]):
                file.write_text("\n\n".join(sections[:number] + sections[number + 1:]))
                self.assertNotEqual(self.compare(app).err, "")


if __name__ == "__main__":
    unittest.main()
