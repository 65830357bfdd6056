"""--auth-file: who may what, in which namespace, up to which ceiling; read again on SIGHUP. TLS for
REST, plain and mutual."""

import hashlib
import http.client
import os
import signal
import ssl
import subprocess
import unittest

from harness.host import PROGRAM, Folder, Host, clean_environment, refused_start, until
from harness.rest import RestTest
from harness.worker import Worker

TOKENS = {
    "reader": {"roles": ["reader"]},
    "client": {"roles": ["client"]},
    "worker": {"roles": ["member"], "ceiling": "{trustScore: 0.8, compliance: [pii]}"},
    "other-worker": {"roles": ["member"]},
    "operator": {"roles": ["operator"], "namespaces": ["default", "blue"]},
    "blue": {"roles": ["client", "member"], "namespaces": ["blue"]},
    "admin": {"roles": ["admin"], "namespaces": ["'*'"]},
}


def secret(name):
    return f"secret of {name}"


def auth_file(names):
    rows = ["tokens:"]
    for name in names:
        row = TOKENS[name]
        digest = hashlib.sha256(secret(name).encode()).hexdigest()
        rows.append(f"  - name: {name}\n    sha256: {digest}\n"
                    f"    roles: [{', '.join(row['roles'])}]")
        if "namespaces" in row:
            rows.append(f"    namespaces: [{', '.join(row['namespaces'])}]")
        if "ceiling" in row:
            rows.append(f"    ceiling: {row['ceiling']}")
    return "\n".join(rows) + "\n"


class Tokens(RestTest):
    @classmethod
    def make_host(cls):
        cls.file = Folder(cls).path / "auth.yaml"
        cls.file.write_text(auth_file(TOKENS))
        return Host(cls, "--auth-file", str(cls.file))

    def by(self, name, method, target, body=None, status=200, **more):
        return self.ok(method, target, body, status, token=secret(name), **more).json

    def not_by(self, name, kind, status, method, target, body=None, **more):
        return self.refused(kind, status, method, target, body, token=secret(name), **more)

    def test_without_a_token(self):
        for method, target, body in (("GET", "/v1/packets", None), ("GET", "/v1/members", None),
                                     ("POST", "/v1/packets", {"requiredCapabilities": []}),
                                     ("GET", "/metrics", None), ("GET", "/v1/hosts", None)):
            answer = self.call(method, target, body)
            self.assertEqual(answer.status, 401, answer)
            self.assertIn("www-authenticate", answer.headers)
            answer = self.call(method, target, body, token="guessed")
            self.assertEqual(answer.status, 401, answer)
        for target in ("/livez", "/readyz", "/v1/version", "/openapi.json"):
            self.ok("GET", target)

    def test_roles(self):
        work = {"requiredCapabilities": [self.fresh("cap")]}
        self.not_by("reader", "forbidden", 403, "POST", "/v1/packets", work)
        self.not_by("worker", "forbidden", 403, "POST", "/v1/packets", work)
        packet = self.by("client", "POST", "/v1/packets", work, 201)["id"]
        path = "/v1/packets/" + packet
        self.by("reader", "GET", path)
        self.by("reader", "GET", "/v1/packets")
        self.not_by("worker", "forbidden", 403, "GET", path)
        for verb, body in (("assign", {}), ("evict", {}), ("retry", {})):
            self.not_by("client", "forbidden", 403, "POST", f"{path}/{verb}", body)
        self.not_by("reader", "forbidden", 403, "POST", path + "/cancel")
        self.not_by("client", "forbidden", 403, "GET", "/v1/ring/owner?requires=a")
        self.by("operator", "GET", "/v1/ring/owner?requires=a")
        plan = {"join": {"id": "new", "capabilities": ["a"]}}
        for who in ("reader", "client", "worker"):
            self.not_by(who, "forbidden", 403, "POST", "/v1/ring/plan", plan)
        self.by("operator", "POST", "/v1/ring/plan", plan)
        self.not_by("client", "forbidden", 403, "POST", "/v1/members", {"capabilities": []})
        member = self.by("worker", "POST", "/v1/members", {"capabilities": ["x"]}, 201)
        id = member["member"]["id"]
        self.not_by("client", "forbidden", 403, "POST", f"/v1/members/{id}/drain", {})
        self.by("operator", "POST", f"/v1/members/{id}/drain", {}, 202)
        self.by("client", "POST", path + "/cancel")
        self.by("operator", "POST", path + "/retry")
        self.by("admin", "POST", path + "/cancel")

    def test_a_session_belongs_to_its_token_only(self):
        cap = self.fresh("cap")
        made = self.by("worker", "POST", "/v1/members", {"capabilities": [cap]}, 201)
        member, token = made["member"]["id"], made["session"]["token"]
        packet = self.by("client", "POST", "/v1/packets", {"requiredCapabilities": [cap]},
                         201)["id"]
        delivery = self.ok("GET", f"/v1/members/{member}/deliveries?waitMs=20000",
                           token=token).json["deliveries"][0]
        self.assertEqual(delivery["packet"]["id"], packet)
        body = {"epoch": delivery["epoch"], "result": 1}
        for name in ("admin", "operator", "worker", "client"):
            answer = self.call("GET", f"/v1/members/{member}/deliveries", token=secret(name))
            self.assertIn(answer.status, (401, 403), (name, answer))
            answer = self.call("POST", f"/v1/packets/{packet}/complete", body, token=secret(name))
            self.assertIn(answer.status, (401, 403, 409), (name, answer))
        stranger = self.by("worker", "POST", "/v1/members", {"capabilities": []}, 201)
        self.refused("not-owner", 409, "POST", f"/v1/packets/{packet}/complete", body,
                     token=stranger["session"]["token"])
        self.ok("POST", f"/v1/packets/{packet}/complete", body, token=token)

    def test_manual_members_by_as(self):
        cap = self.fresh("cap")
        human = self.fresh("human")
        self.by("worker", "POST", "/v1/members",
                {"id": human, "kind": "human", "liveness": "manual", "capabilities": [cap]}, 201)
        packet = self.by("client", "POST", "/v1/packets", {"requiredCapabilities": [cap]},
                         201)["id"]
        body = {"epoch": 1, "result": 1, "as": human}
        path = f"/v1/packets/{packet}/complete"
        for name in ("client", "reader", "other-worker"):
            self.not_by(name, "forbidden", 403, "POST", path, body)
        self.by("worker", "POST", path, body)

    def test_replace_needs_the_same_token_or_an_operator(self):
        id = self.fresh("m")
        body = {"id": id, "capabilities": []}
        self.by("worker", "POST", "/v1/members", body, 201)
        body["replace"] = True

        def key():
            return {"Idempotency-Key": self.fresh("key")}

        answer = self.call("POST", "/v1/members", body, token=secret("other-worker"), headers=key())
        self.assertIn(answer.status, (403, 409), answer)
        self.assertEqual(self.by("admin", "GET", "/v1/members/" + id)["incarnation"], 1)
        self.by("worker", "POST", "/v1/members", body, 201, headers=key())
        self.by("operator", "POST", "/v1/members", body, 201, headers=key())
        self.assertEqual(self.by("admin", "GET", "/v1/members/" + id)["incarnation"], 3)

    def test_namespaces(self):
        cap = self.fresh("cap")
        made = self.by("blue", "POST", "/v1/packets", {"requiredCapabilities": [cap]}, 201)
        self.assertEqual(made["namespace"], "blue")  # the token's only one
        path = "/v1/packets/" + made["id"]
        self.by("blue", "GET", path)
        self.not_by("client", "not-found", 404, "GET", path)
        self.not_by("client", "not-found", 404, "GET", path + "?namespace=blue")
        self.not_by("blue", "not-found", 404, "GET", "/v1/packets?namespace=default")
        self.by("operator", "GET", path + "?namespace=blue")
        self.not_by("operator", "not-found", 404, "GET", "/v1/packets?namespace=red")
        self.by("admin", "GET", "/v1/packets?namespace=red")

        def listed(name):
            items = self.by(name, "GET", f"/v1/packets?namespace=*&requires={cap}")["items"]
            return [item["namespace"] for item in items]

        self.by("client", "POST", "/v1/packets", {"requiredCapabilities": [cap]}, 201)
        self.assertEqual(listed("reader"), ["default"])
        self.assertEqual(sorted(listed("operator")), ["blue", "default"])
        self.assertEqual(sorted(listed("admin")), ["blue", "default"])
        # A member works for its namespace only.
        member = self.by("worker", "POST", "/v1/members", {"capabilities": [cap]}, 201)["member"]
        self.assertEqual(self.by("blue", "GET", path)["status"], "PENDING")
        self.refused("invalid-request", 400, "POST", "/v1/members",
                     {"capabilities": [], "namespace": "blue"}, token=secret("worker"),
                     pointers=["/namespace"])
        self.assertEqual(member["namespace"], "default")

    def test_ceiling(self):
        taken = {"capabilities": [], "trustScore": 0.8, "compliance": ["pii"]}
        self.by("worker", "POST", "/v1/members", taken, 201)
        for fields in ({"trustScore": 0.801}, {"trustScore": 0.5, "compliance": ["pii", "hipaa"]}):
            answer = self.call("POST", "/v1/members", {"capabilities": [], **fields},
                               token=secret("worker"))
            self.assertIn(answer.status, (400, 403), (fields, answer))
        # What is left out is as high as it may be.
        plain = self.by("worker", "POST", "/v1/members", {"capabilities": []}, 201)["member"]
        self.assertEqual((plain["trustScore"], plain["reliability"]), (0.8, 1))
        other = self.by("other-worker", "POST", "/v1/members", {"capabilities": []}, 201)["member"]
        self.assertEqual(other["trustScore"], 1)

    def test_read_again_on_sighup(self):
        self.by("reader", "GET", "/v1/packets")
        self.file.write_text(auth_file([name for name in TOKENS if name != "reader"]))
        self.addCleanup(self.reload, 200)
        self.addCleanup(self.file.write_text, auth_file(TOKENS))
        self.reload(401)
        # A broken file changes nothing and is told.
        self.file.write_text("tokens: [{name: x, roles: [king]}]")
        os.kill(self.host.pid, signal.SIGHUP)
        until(self, lambda: "auth.yaml:1:" in self.host.log(), "the fault is told")
        self.by("client", "GET", "/v1/packets")
        self.assertEqual(self.call("GET", "/v1/packets", token=secret("reader")).status, 401)
        self.assertNotIn(secret("client"), self.host.log())

    def reload(self, expected):
        os.kill(self.host.pid, signal.SIGHUP)
        until(self, lambda: self.call("GET", "/v1/packets", token=secret("reader")).status ==
              expected, "the file is read again")

    def test_the_command_line_with_tokens(self):
        def run(*words, **env):
            return subprocess.run([PROGRAM, *words, "--url", self.host.url], capture_output=True,
                                  text=True, env=clean_environment(**env), check=False, timeout=60)

        refused = run("packet", "list")
        self.assertEqual(refused.returncode, 1, refused)
        self.assertEqual(run("packet", "list", PHOENIX_TOKEN=secret("reader")).returncode, 0)
        token_file = self.file.with_name("token")
        token_file.write_text(secret("client") + "\n")
        made = run("packet", "submit", "--requires", "none", "--token-file", str(token_file))
        self.assertEqual(made.returncode, 0, made)
        shown = run("packet", "show", made.stdout.strip(), "--token", secret("blue"), "-n",
                    "default")
        self.assertEqual(shown.returncode, 3, shown)

    def test_a_worker_works_in_the_only_namespace_of_its_token(self):
        cap = self.fresh("cap")
        packet = self.by("blue", "POST", "/v1/packets", {"requiredCapabilities": [cap],
                                                         "payload": "blue"}, 201)
        self.assertEqual(packet["namespace"], "blue")
        Worker(self, self.host, cap, "--token", secret("blue"), command=["cat"]).registered()
        done = self.by("blue", "GET", f"/v1/packets/{packet['id']}?waitMs=20000")
        self.assertEqual((done["status"], done["result"]), ("COMPLETED", "blue"))


class BadFiles(unittest.TestCase):
    def test_each_is_refused_with_its_place(self):
        folder = Folder(self).path
        good = "a" * 64
        for text, words in (("tokens: 3", "tokens"), ("token: []", "token"), ("[", ":1:"),
                            (f"tokens: [{{name: a, sha256: {good}, roles: [king]}}]", "king"),
                            ("tokens: [{name: a, sha256: 12, roles: [reader]}]", "sha256"),
                            (f"tokens: [{{name: a, sha256: {good}, roles: [reader], x: 1}}]", "x"),
                            (f"tokens: [{{name: a, sha256: {good}, roles: [reader], "
                             "ceiling: {trustScore: 2}}]", "trustScore")):
            path = folder / "auth.yaml"
            path.write_text(text)
            status, said = refused_start(self, "--listen", "127.0.0.1:0", "--auth-file", str(path),
                                         data=folder / "data")
            self.assertNotEqual(status, 0, text)
            self.assertIn("auth.yaml", said)
            self.assertIn(words, said)
        status, said = refused_start(self, "--listen", "127.0.0.1:0", "--auth-file",
                                     str(folder / "none.yaml"), data=folder / "data")
        self.assertNotEqual(status, 0)
        self.assertIn("none.yaml", said)


class Tls(unittest.TestCase):
    def setUp(self):
        self.folder = Folder(self).path
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                     "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj",
                     "/CN=test authority")
        for name in ("host", "client"):
            self.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                         "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
            (self.folder / "names").write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
            self.openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
                         "-CAcreateserial", "-days", "2", "-out", f"{name}.pem", "-extfile",
                         "names")

    def openssl(self, *words):
        subprocess.run(["openssl", *words], cwd=self.folder, check=True, capture_output=True)

    def path(self, name):
        return str(self.folder / name)

    def serve(self, *flags, **more):
        return Host(self, "--tls-cert", self.path("host.pem"), "--tls-key", self.path("host.key"),
                    *flags, folder=self.folder, **more)

    def status(self, host, client=None):
        context = ssl.create_default_context(cafile=self.path("ca.pem"))
        if client:
            context.load_cert_chain(self.path(client + ".pem"), self.path(client + ".key"))
        connection = http.client.HTTPSConnection("127.0.0.1", host.port, timeout=20,
                                                 context=context)
        try:
            connection.request("GET", "/livez")
            return connection.getresponse().status
        finally:
            connection.close()

    def test_rest_over_tls(self):
        host = self.serve()
        self.assertTrue(host.url.startswith("https://"))
        self.assertEqual(self.status(host), 200)
        plain = http.client.HTTPConnection("127.0.0.1", host.port, timeout=20)
        self.addCleanup(plain.close)
        plain.request("GET", "/livez")
        try:
            self.assertEqual(plain.getresponse().status, 400)
        except (OSError, http.client.HTTPException):
            pass  # closed: refused as well
        done = subprocess.run([PROGRAM, "status", "--url", host.url, "--ca-file",
                               self.path("ca.pem")], capture_output=True, text=True,
                              env=clean_environment(), check=False, timeout=60)
        self.assertEqual(done.returncode, 0, done)
        distrusted = subprocess.run([PROGRAM, "status", "--url", host.url], capture_output=True,
                                    text=True, env=clean_environment(), check=False, timeout=60)
        self.assertEqual(distrusted.returncode, 5, distrusted)

    def test_worker_over_tls(self):
        host = self.serve()
        tls = ("--url", host.url, "--ca-file", self.path("ca.pem"))
        worker = subprocess.Popen([PROGRAM, "worker", "start", "--capability", "up", *tls, "--",
                                   "tr", "a-z", "A-Z"], stderr=subprocess.PIPE,
                                  env=clean_environment())
        self.addCleanup(worker.stderr.close)
        self.addCleanup(worker.wait)
        self.addCleanup(worker.kill)
        self.assertIn(b"registered as", worker.stderr.readline())
        done = subprocess.run([PROGRAM, "packet", "submit", "--requires", "up", "--payload",
                               '"over tls"', "--wait=20s", *tls], capture_output=True, text=True,
                              env=clean_environment(), check=False, timeout=60)
        self.assertEqual((done.returncode, done.stdout), (0, '"OVER TLS"'), done)
        worker.terminate()
        self.assertEqual(worker.wait(20), 0)

    def test_mutual_tls_lets_listen_beyond_loopback(self):
        host = self.serve("--tls-ca", self.path("ca.pem"), listen="0.0.0.0:0")
        self.assertEqual(self.status(host, "client"), 200)
        with self.assertRaises(OSError):
            self.status(host)

    def test_new_certificate_on_sighup(self):
        host = self.serve()
        before = ssl.get_server_certificate(("127.0.0.1", host.port))
        self.openssl("x509", "-req", "-in", "host.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
                     "-CAcreateserial", "-days", "3", "-out", "host.pem", "-extfile", "names")
        os.kill(host.pid, signal.SIGHUP)
        until(self, lambda: ssl.get_server_certificate(("127.0.0.1", host.port)) != before,
              "the new certificate is shown")
        self.assertEqual(self.status(host), 200)

    def test_bad_files(self):
        for cert, key in (("ca.key", "host.key"), ("host.pem", "ca.key"), ("none", "host.key")):
            status, said = refused_start(
                self, "--listen", "127.0.0.1:0", "--tls-cert", self.path(cert), "--tls-key",
                self.path(key), data=self.folder / "other")
            self.assertEqual(status, 1, said)
            self.assertIn(str(self.folder), said)


if __name__ == "__main__":
    unittest.main()
