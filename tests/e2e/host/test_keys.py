"""Members with keys at a real host: registering, results that are signed, keys that change; and that
the export of all that says so."""

import base64
import subprocess
import unittest
from urllib.parse import quote

from harness.host import PROGRAM, Folder, clean_environment
from harness.signing import Signing

from phoenix_sign import Key, json_text


class Keys(Signing):
    def test_a_key_is_proved_and_bound_to_the_id(self):
        mine, other = Key.new(), Key.new()
        member, _ = self.enter(mine)
        shown = self.ok("GET", f"/v1/members/{member}").json
        self.assertEqual(shown["publicKey"], mine.public_base64)
        refused = self.enter(other, 403, id=member, replace=True)
        self.assertEqual(refused["reasonCode"], "other-key")
        self.enter(mine, id=member, replace=True)

    def test_a_proof_is_good_for_one_member_and_one_key(self):
        mine, other = Key.new(), Key.new()
        body = {"id": self.fresh("k"), "capabilities": ["x"], "publicKey": mine.public_base64}
        asked = self.call("POST", "/v1/members", body).json
        for wrong, code in (({"proof": other.prove(asked)}, "bad-proof"),
                            ({"proof": mine.prove(dict(asked, id="another"))}, "bad-proof"),
                            ({"proof": mine.prove(asked), "id": self.fresh("k")}, "challenge-over"),
                            ({"proof": mine.prove(dict(asked, challenge=base64.b64encode(
                                bytes(32)).decode()))}, "challenge-over"),
                            ({"proof": "AAAA"}, "challenge-over")):
            answer = self.call("POST", "/v1/members", {**body, **wrong})
            self.assertEqual(self.code(answer), code, wrong)
        self.refused("invalid-request", 400, "POST", "/v1/members",
                     {**body, "publicKey": "AAAA"}, ["/publicKey"])
        self.refused("invalid-request", 400, "POST", "/v1/members",
                     {"id": "x", "proof": mine.prove(asked)}, ["/proof"])

    def test_many_members_prove_their_keys_at_once(self):
        keys = {self.fresh("k"): Key.new() for _ in range(3)}
        members = [{"id": id, "capabilities": ["x"], "publicKey": key.public_base64}
                   for id, key in keys.items()]
        plain = self.fresh("k")
        members.append({"id": plain, "capabilities": ["x"]})
        asked = self.call("POST", "/v1/sessions", {"members": members})
        self.assertEqual([one["id"] for one in asked.json["challenges"]], list(keys))
        for member, one in zip(members, asked.json["challenges"]):
            member["proof"] = keys[one["id"]].prove({**asked.json, **one})
        self.ok("POST", "/v1/sessions", {"members": members}, 201)
        for id, key in keys.items():
            shown = self.ok("GET", f"/v1/members/{id}").json
            self.assertEqual(shown["publicKey"], key.public_base64)
        self.assertNotIn("publicKey", self.ok("GET", f"/v1/members/{plain}").json)

    def test_results_are_taken_as_they_were_signed(self):
        before = self.verified()
        mine = Key.new()
        member, session = self.enter(mine)
        ((packet, epoch),) = self.take(member, session)
        good = mine.complete(session, member, packet, epoch, json_text({"n": 1}))
        for result, signature, code in (
                ({"n": 1}, None, "signature-required"),
                ({"n": 2}, good, "wrong-statement"),
                ({"n": 1}, Key.new().complete(session, member, packet, epoch,
                                              json_text({"n": 1})), "unknown-key"),
                ({"n": 1}, mine.complete(session, member, packet, epoch + 1,
                                         json_text({"n": 1})), "wrong-statement"),
                ({"n": 1}, good, "done"), ({"n": 1}, good, "done")):
            answer = self.complete(session, packet, epoch, result, signature)
            self.assertEqual(self.code(answer), code, answer)
        after = self.verified()
        self.assertEqual(after["resultsSigned"] - before["resultsSigned"], 1)
        self.assertEqual(after["resultsUnsigned"], before["resultsUnsigned"])

    def test_failures_and_raw_results_are_signed_too(self):
        before = self.verified()
        mine = Key.new()
        member, session = self.enter(mine)
        work = self.take(member, session, 2)
        error = json_text({"message": "no ink", "code": "printer"})
        target, token = f"/v1/packets/{work[0][0]}/fail", session["token"]
        for signature, code in (
                (None, "signature-required"),
                (mine.fail(session, member, *work[0], json_text({"message": "x"})),
                 "wrong-statement"),
                (mine.fail(session, member, *work[0], error), "done")):
            said = b',"signature":"%s"' % signature.encode() if signature else b""
            answer = self.call("POST", target, token=token, data=b'{"epoch":%d,"retry":false,'
                               b'"error":%s%s}' % (work[0][1], error, said))
            self.assertEqual(self.code(answer), code, answer)
        packet, epoch = work[1]
        bare = f"/v1/packets/{packet}/complete?raw=true&epoch={epoch}"
        good = quote(mine.complete(session, member, packet, epoch, b"\0bytes"), safe="")
        for more, data, code in (("", b"\0bytes", "signature-required"),
                                 ("&signature=" + good, b"\0other", "wrong-statement"),
                                 ("&signature=" + good, b"\0bytes", "done")):
            answer = self.call("POST", bare + more, token=token, data=data,
                               content_type="application/octet-stream")
            self.assertEqual(self.code(answer), code, answer)
        after = self.verified()
        self.assertEqual(after["resultsSigned"] - before["resultsSigned"], 2)
        self.assertEqual(after["resultsUnsigned"], before["resultsUnsigned"])

    def test_one_signature_stands_for_many(self):
        before = self.verified()["resultsSigned"]
        mine = Key.new()
        member, session = self.enter(mine)
        work = self.take(member, session, 7)
        items = [{"id": packet, "epoch": epoch, "result": n}
                 for n, (packet, epoch) in enumerate(work)]
        signature = mine.complete_all(session, member, [
            (packet, epoch, json_text(n)) for n, (packet, epoch) in enumerate(work)])
        target = "/v1/packets:complete"
        refused = self.refused("forbidden", 403, "POST", target,
                               {"items": items[1:], "signature": signature},
                               token=session["token"])
        self.assertEqual(refused["reasonCode"], "wrong-root")
        done = self.ok("POST", target, {"items": items, "signature": signature}, 207,
                       token=session["token"]).json["items"]
        self.assertEqual([item["status"] for item in done], [200] * 7)
        self.assertEqual(self.verified()["resultsSigned"] - before, 7)

    def test_an_operator_changes_and_revokes_keys(self):
        folder = Folder(self).path
        self.phoenix("key", "new", "next", "--dir", str(folder))
        mine, following = Key.new(), Key.load(str(folder / "next.key"))
        member, session = self.enter(mine)
        self.phoenix("member", "rotate-key", member, code=2)
        self.phoenix("member", "rotate-key", member, "--key", str(folder / "next.pub"))
        shown = self.phoenix("member", "show", member).out
        self.assertIn(following.public_base64, shown)
        member, session = self.enter(following, id=member, replace=True)
        ((packet, epoch),) = self.take(member, session)
        answer = self.complete(session, packet, epoch, 1,
                               mine.complete(session, member, packet, epoch, b"1"))
        self.assertEqual(self.code(answer), "revoked-key", answer)
        answer = self.complete(session, packet, epoch, 1,
                               following.complete(session, member, packet, epoch, b"1"))
        self.assertEqual(self.code(answer), "done", answer)
        ((packet, epoch),) = self.take(member, session)
        self.phoenix("member", "rotate-key", member, "--revoke")
        answer = self.complete(session, packet, epoch, 1,
                               following.complete(session, member, packet, epoch, b"1"))
        self.assertEqual(self.code(answer), "revoked-key", answer)
        self.verified()


class Demanding(Signing):
    flags = ("--require-member-keys",)

    def test_nobody_enters_without_a_key(self):
        body = {"id": self.fresh("k"), "capabilities": ["x"]}
        refused = self.refused("forbidden", 403, "POST", "/v1/members", body)
        self.assertEqual(refused["reasonCode"], "key-required")
        self.enter(Key.new())

    def test_a_worker_makes_a_key_and_signs(self):
        folder = Folder(self).path / "of-the-worker"
        packet = self.submit(self.cap, payload="x")["id"]
        words = [str(PROGRAM), "--url", self.host.url, "worker", "start", "--capability", self.cap,
                 "--data", str(folder), "--", "cat"]
        worker = subprocess.Popen(words, stderr=subprocess.DEVNULL, env=clean_environment())
        self.addCleanup(worker.wait)
        self.addCleanup(worker.terminate)
        self.assertEqual(self.ok("GET", f"/v1/packets/{packet}?waitMs=30000").json["status"],
                         "COMPLETED")
        self.assertEqual((folder / "worker.key").stat().st_mode & 0o777, 0o600)
        report = self.verified()
        self.assertEqual((report["resultsSigned"], report["resultsUnsigned"]), (1, 0))


if __name__ == "__main__":
    unittest.main()
