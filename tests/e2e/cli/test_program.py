"""Everything of `phoenix` that is no packet: members, hosts, ring, status, help, completion,
what comes later, and a host that is not there."""

import json
import os
import signal
import socket
import subprocess
import unittest

from harness.cli import CliTest, run, run_on_terminal
from harness.host import PATIENCE, PROGRAM, Folder, clean_environment
from harness.worker import Worker


class Members(CliTest):
    def test_life_of_a_member(self):
        cap = self.fresh("cap")
        id = self.fresh("anna")
        self.phoenix("member", "register", id, "--kind", "human", "--capability", f"{cap},b",
                     "--max-load", "3", "--weight", "50", "--label", "team=a", "--trust", "0.5")
        found = self.ok("GET", "/v1/members/" + id).json
        expected = {"kind": "human", "capabilities": sorted([cap, "b"]), "maxLoad": 3,
                    "weight": 50, "labels": {"team": "a"}, "trustScore": 0.5,
                    "liveness": "manual", "status": "ACTIVE"}
        self.assertEqual({name: found[name] for name in expected}, expected)
        self.failed(4, "member", "register", id, "--capability", cap, says=id)
        self.assertEqual(self.phoenix("member", "list", "--capability", cap, "-o", "name").out,
                         id + "\n")
        self.assertIn(id, self.phoenix("member", "list", "--status", "ACTIVE", "-o", "wide").out)
        self.assertIn(cap, self.phoenix("member", "show", id).out)
        self.assertEqual(self.phoenix("member", "show", id, "-o", "json").raw,
                         self.ok("GET", "/v1/members/" + id).data)
        packet = self.phoenix("packet", "submit", "--requires", cap).out.strip()
        self.phoenix("member", "drain", id, "--deadline", "1h")
        self.assertEqual(self.ok("GET", "/v1/members/" + id).json["status"], "DRAINING")
        self.failed(7, "member", "drain", id, "--wait=100ms")
        self.phoenix("member", "resume", id)
        self.assertEqual(self.ok("GET", "/v1/members/" + id).json["status"], "ACTIVE")
        self.phoenix("packet", "complete", packet, "--as", id)
        self.phoenix("member", "drain", id, "--wait")
        self.assertEqual(self.ok("GET", "/v1/members/" + id).json["status"], "RETIRED")

    def test_retire_in_both_spellings(self):
        for words in (("member", "retire"), ("retire",)):
            id = self.person(self.fresh("cap"))
            self.phoenix(*words, id)
            self.assertEqual(self.ok("GET", "/v1/members/" + id).json["status"], "RETIRED")

    def test_unknown_members(self):
        for words in (("member", "show"), ("member", "drain"), ("member", "resume"),
                      ("member", "retire"), ("retire",)):
            self.failed(3, *words, "nobody-here", says="nobody-here")
        self.failed(2, "member", "register", "x", "--trust", "2", "--capability", "a")
        self.failed(1, "member", "register", "agent.yaml", says="does not exist")

    def test_worker_start_wrong_use(self):
        self.failed(2, "worker", "start", "--capability", "a", says="--")
        self.failed(2, "worker", "start", "--", "cat", says="--capability")
        self.failed(2, "worker", "start", "--capability", "a", "--lease", "1500ms", "--", "cat",
                    says="--lease")
        self.failed(2, "worker", "start", "--capability", "a", "--id", "no/id", "--", "cat",
                    says="--id")
        self.failed(2, "worker", "start", "--capability", "a", "--codec", "xml", "--", "cat",
                    says="--codec")

    def test_worker_with_the_original_spelling(self):
        first, second = self.fresh("cap"), self.fresh("cap")
        worker = Worker(self, self.host, first, "--capabilities", f"{second},c",
                        command=["cat"]).registered()
        found = self.ok("GET", "/v1/members/" + worker.id).json
        self.assertEqual(found["capabilities"], sorted([first, second, "c"]))


class Hosts(CliTest):
    flags = ("--name", "host-a")

    def test_hosts_ring_and_status(self):
        self.assertEqual(self.phoenix("host", "list", "-o", "name").out, "host-a\n")
        self.assertIn("ALIVE", self.phoenix("host", "list").out)
        self.assertEqual(self.phoenix("host", "show", "host-a", "-o", "json").json["name"],
                         "host-a")
        self.failed(3, "host", "show", "host-b", says="host-b")
        cap = self.fresh("cap")
        anna = self.person(cap)
        ring = self.phoenix("ring", "show", "-o", "json").json
        self.assertIn(anna, [member["id"] for member in ring["members"]])
        self.assertIn(anna, self.phoenix("ring", "show").out)
        owner = self.phoenix("ring", "owner", "--requires", cap, "--salt", "s", "--k", "3", "-o",
                             "name")
        self.assertEqual(owner.out, anna + "\n")
        self.failed(2, "ring", "owner", says="--requires")
        status = self.phoenix("status").out
        for word in ("Hosts", "host-a", "Members", "Packets", "Metrics", "Attention", "PENDING",
                     "ASSIGNED", "RUNNING", "COMPLETED", "FAILED", "CANCELED", "EXPIRED",
                     "REJECTED", "ACTIVE", "DRAINING", "DETACHED", "RETIRED"):
            self.assertIn(word, status)
        self.assertIsInstance(self.phoenix("status", "-o", "json").json, dict)

    def test_watch_shows_what_changes(self):
        cap = self.fresh("cap")
        watch = subprocess.Popen([PROGRAM, "packet", "list", "--requires", cap, "--watch", "-o",
                                  "json", "--url", self.host.url], stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, env=clean_environment())
        self.addCleanup(watch.stderr.close)
        self.addCleanup(watch.stdout.close)
        self.addCleanup(watch.wait)
        self.addCleanup(watch.kill)
        packet = self.submit(cap)["id"]
        first = json.loads(watch.stdout.readline())
        self.assertEqual((first["id"], first["status"]), (packet, "PENDING"))
        self.ok("POST", f"/v1/packets/{packet}/cancel")
        self.assertEqual(json.loads(watch.stdout.readline())["status"], "CANCELED")
        watch.send_signal(signal.SIGINT)
        self.assertIn(watch.wait(PATIENCE), (130, -signal.SIGINT))

    def test_address_file_of_this_folder(self):
        folder = Folder(self).path
        (folder / ".phoenixflight").mkdir()
        (folder / ".phoenixflight" / "address.json").write_text(json.dumps(self.host.address))
        done = run("host", "list", "-o", "name", folder=folder)
        self.assertEqual((done.code, done.out), (0, "host-a\n"), done)

    def test_colours_only_on_a_terminal(self):
        env = clean_environment(PHOENIX_URL=self.host.url, TERM="xterm")
        del env["NO_COLOR"]
        code, shown = run_on_terminal("status", env=env)
        self.assertEqual(code, 0, shown)
        self.assertIn("\x1b[", shown)
        for words, more in ((("status", "--no-color"), {}), (("status",), {"NO_COLOR": "1"})):
            code, shown = run_on_terminal(*words, env={**env, **more})
            self.assertEqual(code, 0, shown)
            self.assertNotIn("\x1b[", shown)


class NoHost(unittest.TestCase):
    def test_two_lines_and_exit_5(self):
        folder = Folder(self).path
        for words in (("status",), ("packet", "list"), ("member", "list"), ("packet", "show", "x"),
                      ("packet", "submit", "--requires", "a"), ("host", "list"), ("ring", "show")):
            done = run(*words, folder=folder, PHOENIX_URL="http://127.0.0.1:9")
            self.assertEqual(done.code, 5, done)
            self.assertEqual(done.out, "")
            self.assertEqual(done.err, "no host answers at http://127.0.0.1:9\n"
                                       "start one: phoenix serve\n")

    def test_bad_urls(self):
        for url in ("ftp://127.0.0.1", "http://", "http://h:99999", "http://h:x", "a b"):
            done = run("status", "--url", url)
            self.assertEqual(done.code, 2, done)
            self.assertIn(url, done.err)


class Words(CliTest):
    def test_wrong_use(self):
        for words in ("nonsense", "packet nonsense", "packet list --no-such-flag",
                      "packet list --limit 0", "packet list --limit many", "-o xml status",
                      "packet list extra words", "--request-timeout soon status"):
            done = self.failed(2, *words.split())
            self.assertLessEqual(len(done.err.splitlines()), 4, done)
        self.assertIn("list", self.failed(2, "packet", "lisst").err)
        self.assertIn("submit", self.failed(2, "packet").err)

    def test_help_has_an_example_everywhere(self):
        top = self.phoenix("--help").out
        verbs = ("serve", "status", "init", "runtime start", "member register", "member list",
                 "member show", "member drain", "member resume", "member retire", "worker start",
                 "packet submit", "packet create", "packet list", "packet show", "packet watch",
                 "packet explain", "packet result", "packet cancel", "packet retry",
                 "packet start", "packet checkpoint", "packet complete", "packet fail",
                 "packet release", "assign", "handoff", "retire", "inspect", "host list",
                 "host show", "ring show", "ring owner", "store init", "store check",
                 "store migrate", "store adopt", "sim", "completion", "version")
        for verb in verbs:
            page = self.phoenix(*verb.split(), "--help").out
            self.assertRegex(page, r"(?i)example", verb)
            self.assertIn("phoenix ", page, verb)
            for line in page.splitlines():
                self.assertLessEqual(len(line), 100, f"{verb}: {line}")
        for verb in ("serve", "status", "member", "worker", "packet", "ring", "host", "sim"):
            self.assertIn(verb, top)

    def test_version_and_completion(self):
        self.assertRegex(self.phoenix("version").out, r"^phoenix \d+\.\d+\.\d+")
        version = self.phoenix("version", "-o", "json").json
        self.assertEqual(version["version"], self.ok("GET", "/v1/version").json["version"])
        for shell in ("bash", "zsh", "fish"):
            self.assertIn("phoenix", self.phoenix("completion", shell).out)
        self.failed(2, "completion", "tcsh", says="tcsh")
        script = self.phoenix("completion", "bash").raw
        checked = subprocess.run(["bash", "-n"], input=script, capture_output=True, check=False)
        self.assertEqual(checked.returncode, 0, checked.stderr)

    def completed(self, *words):
        """What bash offers behind these words."""
        folder = Folder(self).path
        (folder / "c.bash").write_bytes(self.phoenix("completion", "bash").raw)
        line = " ".join(["phoenix", *words, ""])
        asked = (f"source c.bash; COMP_WORDS=({line} ''); COMP_CWORD={len(words) + 1}; "
                 f"COMP_LINE='{line}'; COMP_POINT={len(line)}; "
                 "$(complete -p phoenix | sed 's/.*-F \\([^ ]*\\).*/\\1/') phoenix '' packet; "
                 "printf '%s\\n' \"${COMPREPLY[@]}\"")
        done = subprocess.run(["bash", "-c", asked], cwd=folder, capture_output=True, text=True,
                              env=clean_environment(PATH=os.path.dirname(PROGRAM) + ":" +
                                                    os.environ["PATH"]), check=True)
        return done.stdout.split()

    def test_completion_offers_verbs(self):
        self.assertLessEqual({"submit", "explain"}, set(self.completed("packet")))
        self.assertLessEqual({"root", "new", "sign-host"}, set(self.completed("key")))
        self.assertIn("new", self.completed("key", "root"))
        self.assertIn("--pool", self.completed("key", "root", "new"))

    def test_init_and_runtime_start(self):
        folder = Folder(self).path
        self.phoenix("init", folder=folder)
        self.assertTrue((folder / ".phoenixflight" / "ring.key").exists())
        key = (folder / ".phoenixflight" / "ring.key").read_bytes()
        self.phoenix("init", folder=folder)
        self.assertEqual((folder / ".phoenixflight" / "ring.key").read_bytes(), key)
        host = subprocess.Popen([PROGRAM, "runtime", "start", "--listen", "127.0.0.1:0"],
                                cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                env=clean_environment())
        self.addCleanup(host.stdout.close)
        self.addCleanup(host.wait)
        self.addCleanup(host.kill)
        self.assertIn(b"http://127.0.0.1:", host.stdout.readline())
        self.assertEqual(run("status", folder=folder).code, 0)
        host.terminate()
        self.assertEqual(host.wait(PATIENCE), 0)

    def test_pf_is_an_alias(self):
        alias = os.path.join(os.path.dirname(PROGRAM), "pf")
        done = subprocess.run([alias, "version"], capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stdout), (0, self.phoenix("version").out))

    def test_sim_of_one_seed_prints_its_trace_twice_the_same(self):
        first = self.phoenix("sim", "--seed", "7", "--steps", "2000")
        second = self.phoenix("sim", "--seed", "7", "--steps", "2000")
        self.assertEqual(first.out, second.out)
        self.assertTrue(first.out)

    def test_quiet_and_verbose(self):
        self.assertEqual(self.phoenix("packet", "list", "--requires", self.fresh("cap"), "-q").err,
                         "")
        self.assertIn("/v1/packets?", self.phoenix("packet", "list", "-v").err)

    def test_writing_calls_carry_an_idempotency_key(self):
        """Sent to a socket of the test: what leaves is what counts."""
        with socket.create_server(("127.0.0.1", 0)) as server:
            url = f"http://127.0.0.1:{server.getsockname()[1]}"
            process = subprocess.Popen([PROGRAM, "packet", "submit", "--requires", "a", "--url",
                                        url], stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL, env=clean_environment())
            self.addCleanup(process.wait)
            self.addCleanup(process.kill)
            server.settimeout(PATIENCE)
            wire, _ = server.accept()
            with wire:
                head = b""
                while b"\r\n\r\n" not in head:
                    head += wire.recv(65536)
            self.assertRegex(head.lower(), rb"\r\nidempotency-key: \S{16,}")


if __name__ == "__main__":
    unittest.main()
