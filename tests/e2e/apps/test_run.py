"""`phoenix new` and `phoenix run` in an empty folder, as a stranger would."""

import json
import resource
import signal
import subprocess
import unittest

from harness.cli import run, run_on_terminal
from harness.host import PATIENCE, PROGRAM, Folder, Host, clean_environment, until

TEMPLATES = ["approval-flow", "basic", "curl-member", "customer-validation",
             "planner-workers-reviewer", "spot-fleet", "warm-sessions"]
# Nobody answers there, whatever else runs on this machine.
NOBODY = "http://127.0.0.1:1"


class AppTest(unittest.TestCase):
    def setUp(self):
        self.folder = Folder(self).path

    def new(self, name, template="basic"):
        done = run("new", name, "--template", template, folder=self.folder)
        self.assertEqual(done.code, 0, done)
        return self.folder / name

    def run_app(self, app, *words, code=0):
        done = run("run", "-o", "json", *words, folder=app, PHOENIX_URL=NOBODY)
        self.assertEqual(done.code, code, done)
        return done

    def edit(self, path, old, new):
        text = path.read_text()
        self.assertIn(old, text)
        path.write_text(text.replace(old, new))


class New(AppTest):
    def test_list_names_every_template(self):
        self.assertEqual(run("new", "--list", "-o", "name").lines, TEMPLATES)

    def test_what_is_made_is_valid_in_the_strictest_sense(self):
        for template in TEMPLATES:
            app = self.new(f"app-{template}", template)
            done = run("validate", "--strict", folder=app)
            self.assertEqual((done.code, done.err), (0, ""), done)
            left = [p for p in app.rglob("*") if p.is_file() and "{{" in p.read_text()]
            self.assertEqual(left, [])

    def test_refuses_what_would_do_harm(self):
        app = self.new("shop")
        (app / "PhoenixFile").write_text("mine")
        self.assertEqual(run("new", "shop", folder=self.folder).code, 1)
        self.assertEqual((app / "PhoenixFile").read_text(), "mine")
        self.assertEqual(run("new", "shop", "--force", folder=self.folder).code, 0)
        self.assertEqual(run("new", "../shop", folder=self.folder).code, 2)
        done = run("new", "a", "--template", "basik", folder=self.folder)
        self.assertIn("did you mean basic?", done.err)
        self.assertEqual(done.code, 2)
        self.assertEqual(run("new", folder=self.folder).code, 2)


    def test_a_full_disk_leaves_nothing_behind(self):
        for was_there in (False, True):
            if was_there:
                (self.folder / "shop").mkdir()
            # A file may have 200 bytes, and whoever writes more hears of it.
            done = subprocess.run(
                [PROGRAM, "new", "shop"], cwd=self.folder, capture_output=True, text=True,
                env=clean_environment(), restore_signals=False, timeout=PATIENCE, check=False,
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (200, 200)))
            self.assertEqual(done.returncode, 1, done)
            self.assertIn("File too large", done.stderr)
            self.assertEqual((self.folder / "shop").exists(), was_there)
            self.assertEqual(list(self.folder.glob("shop/*")), [])


class Run(AppTest):
    def test_every_template_ends_with_all_packets_completed(self):
        for template in TEMPLATES:
            with self.subTest(template):
                summary = self.run_app(self.new(template, template)).json
                self.assertEqual({p["status"] for p in summary["packets"]}, {"COMPLETED"})
                self.assertGreater(summary["total"], 0)
                self.assertLess(summary["seconds"], 30)

    def test_spot_workers_die_and_nothing_is_lost(self):
        packets = {p["id"]: p for p in self.run_app(self.new("s", "spot-fleet")).json["packets"]}
        self.assertEqual([packets[f"frame-{n}"]["losses"] for n in range(1, 7)], [0, 1, 0, 1, 0, 1])

    def test_again_does_the_work_again(self):
        app = self.new("shop")
        first = self.run_app(app).json["packets"]
        second = self.run_app(app).json["packets"]
        self.assertEqual([[p["id"] for p in s] for s in (first, second)], [["shop"], ["shop-r2"]])

    def test_failed_packets_make_it_fail(self):
        app = self.new("shop")
        self.edit(app / "packets/shop.packet.yaml", "name: world", "nome: world")
        self.edit(app / "packets/shop.packet.yaml", "  payload:", "  maxAttempts: 1\n  payload:")
        packet = self.run_app(app, code=1).json["packets"][0]
        self.assertEqual(packet["status"], "FAILED")
        self.assertIn("KeyError", packet["error"])

    def test_what_cannot_go_on_is_told_and_can_be_mended(self):
        app = self.new("shop")
        self.edit(app / "packets/shop.packet.yaml", "[greet]", "[sing]")
        self.edit(app / "packets/shop.packet.yaml", "phoenixflight.io/v1", "phoenixflight.io/v1alpha1")
        done = self.run_app(app, code=1)
        self.assertIn("shop-agent lacks sing", done.err)
        # The packet that is left over there gives way to what is declared now.
        self.edit(app / "packets/shop.packet.yaml", "[sing]", "[greet]")
        done = self.run_app(app)
        self.assertEqual([p["id"] for p in done.json["packets"]], ["shop-r2"])
        self.assertIn("declared otherwise", done.err)

    def test_an_agent_that_does_not_start_is_told(self):
        app = self.new("shop")
        self.edit(app / "agents/shop-agent.yaml", "[python3, src/greeter.py]", "[no-such-program]")
        done = self.run_app(app, code=1)
        self.assertIn("no-such-program", done.err)
        self.assertIn("does not start", done.err)

    def test_an_agent_that_lives_and_keeps_silent_is_started_again(self):
        app = self.new("shop")
        greeter = app / "src/greeter.py"
        greeter.write_text(
            "import os, pathlib, signal\n"
            "def parent(pid):\n"
            "    return int(pathlib.Path(f'/proc/{pid}/stat').read_text().rsplit(')')[1].split()[1])\n"
            "def is_run(pid):\n"
            "    return b'\\0run\\0' in pathlib.Path(f'/proc/{pid}/cmdline').read_bytes()\n"
            "if not pathlib.Path('frozen').exists():\n"
            "    pathlib.Path('frozen').write_text('')\n"
            "    worker = os.getppid()\n"
            "    while not is_run(parent(worker)):\n"
            "        worker = parent(worker)\n"
            "    os.kill(worker, signal.SIGSTOP)\n"
            "    signal.pause()\n" + greeter.read_text())
        done = self.run_app(app)
        self.assertIn("shop-agent lives and keeps silent", done.err)
        self.assertEqual([p["status"] for p in done.json["packets"]], ["COMPLETED"])

    def test_whom_the_host_refuses_keeps_the_others_from_starting(self):
        app = self.new("shop")
        with open(app / "agents/shop-agent.yaml", "a", encoding="utf-8") as file:
            file.write("---\napiVersion: phoenixflight.io/v1\nkind: Agent\nmetadata: {name: anna}\n"
                       "spec: {type: human, capabilities: [approve]}\n")
        host = Host(self, "--require-member-keys")
        done = run("run", folder=app, PHOENIX_URL=host.url)
        self.assertNotIn(done.code, (0, 2), done)
        self.assertIn("cannot register anna", done.err)
        self.assertEqual(list((app / ".phoenixflight/logs").iterdir()), [])

    def test_a_faulty_app_starts_nothing(self):
        app = self.new("shop")
        self.edit(app / "agents/shop-agent.yaml", "maxLoad: 2", "maxLoad: many")
        done = run("run", folder=app, PHOENIX_URL=NOBODY)
        self.assertEqual(done.code, 1, done)
        self.assertIn("agents/shop-agent.yaml:8:12", done.err)
        self.assertFalse((app / ".phoenixflight").exists())

    def test_timeout(self):
        app = self.new("shop")
        (app / "src/greeter.py").write_text("import signal\nsignal.pause()\n")
        done = run("run", "--timeout", "2s", folder=app, PHOENIX_URL=NOBODY)
        self.assertEqual(done.code, 7, done)
        self.assertIn("the time ran out", done.err)

    def test_interrupt_drains_and_leaves_nobody(self):
        app = self.new("shop")
        (app / "src/greeter.py").write_text("import signal\nsignal.pause()\n")
        self.edit(app / "agents/shop-agent.yaml", "timeout: 30s", "timeout: 40s")
        self.edit(app / "PhoenixFile", "dataPlane:",
                  "membership:\n  retirement: {drainTimeoutSeconds: 1}\n  discovery: "
                  "{mode: capability}\n  migration: {enabled: true}\ndataPlane:")
        process = subprocess.Popen([PROGRAM, "run"], cwd=app, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True,
                                   env=clean_environment(PHOENIX_URL=NOBODY))
        address = app / ".phoenixflight/address.json"
        for line in process.stderr:
            if "RUNNING" in line:
                break
        host = json.loads(address.read_text())["pid"]
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE)
        self.assertEqual(process.returncode, 130)
        until(self, lambda: not alive(host), "the host's end")

    def test_killed_in_mid_work_leaves_no_agent_and_the_next_run_goes_on(self):
        app = self.new("shop")
        greeter = app / "src/greeter.py"
        greeter.write_text(
            "import os, pathlib, signal\n"
            "if not pathlib.Path('go').exists():\n"
            "    pathlib.Path('pid.new').write_text(str(os.getpid()))\n"
            "    os.rename('pid.new', 'pid')\n"
            "    signal.pause()\n" + greeter.read_text())
        process = subprocess.Popen([PROGRAM, "run"], cwd=app, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL,
                                   env=clean_environment(PHOENIX_URL=NOBODY))
        self.addCleanup(process.kill)
        until(self, (app / "pid").exists, "the agent at work")
        agent = int((app / "pid").read_text())
        host = json.loads((app / ".phoenixflight/address.json").read_text())["pid"]
        process.kill()
        process.wait(PATIENCE)
        until(self, lambda: not alive(agent), "the agent's end")
        until(self, lambda: not alive(host), "the host's end")
        (app / "go").write_text("")
        packets = self.run_app(app).json["packets"]
        self.assertEqual([(p["id"], p["status"]) for p in packets], [("shop", "COMPLETED")])

    def test_the_table_is_drawn_anew_on_a_terminal(self):
        app = self.new("shop")
        code, shown = run_on_terminal("run", "-f", str(app), env=clean_environment(PHOENIX_URL=NOBODY))
        self.assertEqual(code, 0, shown)
        self.assertIn("agents up", shown)
        self.assertIn("\x1b[J", shown)
        self.assertIn("1 of 1 packets completed", shown)


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):  # gone before it was read
        return False


if __name__ == "__main__":
    unittest.main()
