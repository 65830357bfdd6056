"""The description that the host serves of itself, against what the host does: every operation is
there, takes the parameters that it names, and answers as it says."""

import json
import re
import unittest

from harness.rest import RestTest

# What the first version has; the description must have these and nothing beyond.
ROUTES = """
GET /livez
GET /readyz
GET /metrics
GET /openapi.json
GET /problems/{}
GET /v1/version
GET /v1/dma
GET /v1/audit/checkpoint
GET /v1/audit/entries
GET /v1/audit/keys
POST /v1/hosts/{}/join-token
POST /v1/hosts/{}/key-grant
GET /v1/audit/logs
GET /v1/audit/proof
GET /v1/audit/pruned
GET /v1/events
POST /v1/documents:apply
GET /v1/policies
GET /v1/policies/{}
DELETE /v1/policies/{}
GET /v1/contracts
GET /v1/contracts/{}
DELETE /v1/contracts/{}
GET /v1/approvals
GET /v1/approvals/{}
POST /v1/approvals/{}/approve
POST /v1/approvals/{}/reject
GET /v1/hosts
GET /v1/hosts/{}
POST /v1/hosts/{}/leave
POST /v1/hosts/{}/remove
GET /v1/ring
GET /v1/ring/owner
POST /v1/ring/plan
POST /v1/members
GET /v1/members
GET /v1/members/{}
PATCH /v1/members/{}
DELETE /v1/members/{}
GET /v1/members/{}/deliveries
GET /v1/members/{}/stream
POST /v1/members/{}/heartbeat
POST /v1/members/{}/session
POST /v1/members/{}/drain
POST /v1/members/{}/resume
POST /v1/sessions
GET /v1/sessions/{}
DELETE /v1/sessions/{}
GET /v1/sessions/{}/deliveries
GET /v1/sessions/{}/stream
POST /v1/sessions/{}/heartbeat
POST /v1/sessions/{}/session
POST /v1/sessions/{}/drain
POST /v1/sessions/{}/resume
POST /v1/sessions/{}/members
DELETE /v1/sessions/{}/members
POST /v1/packets
GET /v1/packets
GET /v1/packets/{}
GET /v1/packets/{}/result
GET /v1/packets/{}/history
GET /v1/packets/{}/explain
POST /v1/packets/{}/start
POST /v1/packets/{}/checkpoint
POST /v1/packets/{}/complete
POST /v1/packets/{}/fail
POST /v1/packets/{}/release
POST /v1/packets/{}/handoff
POST /v1/packets/{}/accept
POST /v1/packets/{}/ticket
POST /v1/packets/{}/cancel
POST /v1/packets/{}/assign
POST /v1/packets/{}/evict
POST /v1/packets/{}/retry
POST /v1/packets:complete
"""
METHODS = {"get", "post", "patch", "delete", "put", "head", "options"}


class OpenApi(RestTest):
    def operations(self):
        """(method, pattern, operation) of each."""
        for pattern, item in self.schemas.document["paths"].items():
            for method, operation in item.items():
                if method in METHODS:
                    shared = item.get("parameters", [])
                    yield method.upper(), pattern, {
                        **operation,
                        "parameters": shared + operation.get("parameters", [])}

    def follow(self, node):
        return self.schemas.follow(node)

    def test_every_route_and_no_other(self):
        described = {f"{method} {re.sub(r'{[^}]*}', '{}', pattern)}"
                     for method, pattern, _ in self.operations()}
        self.assertEqual(described, set(ROUTES.strip().splitlines()))
        self.assertTrue(self.schemas.document["openapi"].startswith("3.1."))
        self.assertEqual(self.ok("GET", "/openapi.json").headers["content-type"],
                         "application/json")

    def test_the_document_is_whole(self):
        references, ids = set(), []

        def walk(node):
            if isinstance(node, dict):
                if "$ref" in node:
                    references.add(node["$ref"])
                for value in node.values():
                    walk(value)
            elif isinstance(node, list):
                for value in node:
                    walk(value)

        walk(self.schemas.document)
        for reference in references:
            self.follow({"$ref": reference})  # a KeyError names what is missing
        parts = self.schemas.document["components"]["schemas"]
        unused = {name for name in parts if f"#/components/schemas/{name}" not in references}
        self.assertEqual(unused, set())
        for method, pattern, operation in self.operations():
            where = f"{method} {pattern}"
            ids.append(operation["operationId"])
            self.assertTrue(operation.get("summary"), where)
            self.assertTrue(any(code.startswith("2") for code in operation["responses"]), where)
            self.assertIn("default", operation["responses"], where)
            in_path = {p["name"] for p in map(self.follow, operation["parameters"])
                       if p["in"] == "path"}
            self.assertEqual(in_path, set(re.findall(r"{([^}]*)}", pattern)), where)
        self.assertEqual(len(ids), len(set(ids)))

    def test_each_operation_is_served_and_knows_its_parameters(self):
        for method, pattern, operation in self.operations():
            target = re.sub(r"{[^}]*}", "nobody", pattern)
            body = {} if "requestBody" in operation else None
            plain = self.call(method, target if "stream" not in pattern and
                              pattern != "/v1/events" else target + "?namespace=!", body)
            self.assertNotIn(plain.status, (405, 500, 501), f"{method} {target}: {plain}")
            if plain.status == 404:
                self.assertNotIn("no such path", plain.json["detail"], f"{method} {target}")
            problem = self.call(method, target + "?no-such-parameter=1", body)
            self.assertEqual(problem.status, 400, f"{method} {target}: {problem}")
            self.assertEqual(problem.json["errors"][0]["pointer"], "query:no-such-parameter")
            for parameter in map(self.follow, operation["parameters"]):
                if parameter["in"] == "query":
                    self.check_known(method, target, parameter["name"], body)

    def check_known(self, method, target, name, body):
        answer = self.call(method, f"{target}?{name}=%00&no-such-parameter=1", body)
        unknown = [error["pointer"] for error in answer.json["errors"]
                   if "no such" in error["detail"]]
        self.assertNotIn("query:" + name, unknown, f"{method} {target}")

    def test_other_methods_are_refused_with_allow(self):
        by_path = {}
        for method, pattern, _ in self.operations():
            by_path.setdefault(pattern, set()).add(method)
        for pattern, methods in by_path.items():
            target = re.sub(r"{[^}]*}", "nobody", pattern)
            answer = self.call("PUT", target, {})
            self.assertEqual(answer.status, 405, f"PUT {target}: {answer}")
            allowed = set(answer.headers["allow"].split(", "))
            self.assertEqual(allowed, methods | ({"HEAD"} if "GET" in methods else set()), target)

    def test_request_schemas_know_the_fields_that_are_taken(self):
        """Each property of a request's schema is no unknown field to the host."""
        checked = 0
        for method, pattern, operation in self.operations():
            content = self.follow(operation.get("requestBody", {})).get("content", {})
            rule = next((content[kind] for kind in content if "json" in kind), None)
            if rule is None:
                continue
            schema = self.follow(rule["schema"])
            choices = [self.follow(choice) for choice in schema.get("anyOf", [schema])]
            target = re.sub(r"{[^}]*}", "nobody", pattern)
            for choice in choices:
                if not choice.get("properties"):
                    continue
                # A value of a kind that no field takes: each is named, as wrong or as unknown.
                body = {name: {"no": ["such"]} for name in choice["properties"]}
                answer = self.call(method, target, body)
                faults = answer.json.get("errors", [])
                unknown = [fault["pointer"] for fault in faults if "no such" in fault["detail"] and
                           fault["pointer"].count("/") == 1]
                self.assertEqual(unknown, [], f"{method} {target}: {json.dumps(faults)}")
                checked += 1
        self.assertGreater(checked, 12)


if __name__ == "__main__":
    unittest.main()
